//! The short papers of a pack: what it is, what was asked, who had it in hand, whose names are hidden and why.

use model::{ExportKind, Naming};
use store::AuditRow;
use wire::Manifest;

/// What a pack is, and how to see that it is untouched.
pub(crate) fn readme(organisation: &str, manifest: &Manifest, fingerprint: &str) -> String {
    let sentences = [
        format!("{} from {organisation}", manifest.reference),
        String::new(),
        format!(
            "This pack holds the web requests that Schoolgate recorded from {} until before {}, and was approved on {}.",
            manifest.from, manifest.until, manifest.made_at
        ),
        String::new(),
        "request.txt says who asked, on what ground and what for. custody.txt says who had it in hand until it was \
         made; later downloads are in the school's own record. redactions.txt says whose names are hidden, and why."
            .to_owned(),
        "originals/ holds what was recorded, every field, one JSON object a line, times in UTC. readable/ holds the same \
         requests as a table for a spreadsheet (CSV) and as pages for a browser (HTML), newest first."
            .to_owned(),
        "originals/changes.jsonl, where it is there, holds what was changed of the filter in that time, as facts of the \
         audit log with their hashes."
            .to_owned(),
        String::new(),
        format!(
            "Times. \"Time (UTC)\" is Coordinated Universal Time. \"School time\" is the clock of {}: in the United Kingdom \
             it is an hour ahead of UTC in summer. Both come from the clock of the gate.",
            manifest.time_zone
        ),
        String::new(),
        "To see that it is untouched, run: schoolgate verify PACK. It needs no network and no school. It names the key \
         that signed the pack; compare it with the one that the school published:"
            .to_owned(),
        fingerprint.to_owned(),
    ];
    sentences.iter().map(|sentence| format!("{sentence}\r\n")).collect()
}

/// What was asked, a line each.
pub(crate) fn terms(terms: &[(String, String)]) -> String {
    terms.iter().map(|(name, words)| format!("{name}: {}\r\n", words.replace(['\r', '\n'], " "))).collect()
}

/// Who had it in hand.
pub(crate) fn custody(lines: &[String]) -> String {
    format!("UTC | school time | step | who | words\r\n{}", lines.concat())
}

/// Whose names are hidden, and why.
pub(crate) fn redactions(kind: ExportKind) -> String {
    let words = match kind.naming() {
        Naming::Everybody => {
            "Nobody's name is hidden. Nothing that was recorded and asked for was left out or changed."
        }
        Naming::OnlySubject => {
            "Only the name of the person whom the request is about is shown. Anybody else who is named in a field of their \
             own has a pseudonym in its place, the same throughout, in the originals as well, since their rights count too \
             (UK GDPR, article 15(4); Data Protection Act 2018, schedule 2, paragraph 16). Addresses of pages stand as they \
             were recorded: read them before you hand this over, since they may have other people's names in them."
        }
        Naming::Nobody => {
            "Every person has a pseudonym in the place of their name, user name and id, the same throughout, in the \
             originals as well; devices have their id in the place of their name. A provider does not need to know who it \
             was (UK GDPR, article 5(1)(c)). Addresses of pages stand as they were recorded: read them before you hand this \
             over, since they may have names in them."
        }
    };
    let staff = "Whoever dealt with this request at the school is named in request.txt and custody.txt.";
    format!("{words}\r\n\r\n{staff}\r\n")
}

/// A fact of the audit log, a line.
pub(crate) fn fact_as_json(fact: &AuditRow) -> String {
    let object = serde_json::json!({
        "scope": fact.scope,
        "sequence": fact.sequence,
        "at": fact.at.to_string(),
        "actor": fact.actor,
        "action": fact.action,
        "subject": fact.subject,
        "details": fact.details(),
        "previous": fact.previous,
        "hash": fact.hash,
    });
    format!("{object}\n")
}
