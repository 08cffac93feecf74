//! The short papers of a pack: what it is, what was asked, who had it in hand, whose names are hidden and why.

use history::Tombstone;
use model::{ExportKind, Naming};
use std::fmt::Write as _;
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
        format!("expired.txt says what was recorded and is kept no longer. {}", unreadable_in_words(manifest.unreadable)),
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
    terms.iter().map(|(name, words)| format!("{name}: {}\r\n", one_line(words))).collect()
}

/// The words as a part of a line of their own: nothing in them ends the line or the part.
pub(crate) fn one_line(words: &str) -> String {
    let is_other = |letter: char| letter.is_control() || matches!(letter, '|' | '\u{2028}' | '\u{2029}');
    words.replace("\r\n", " ").replace(is_other, " ")
}

/// What of the history went before the pack was made, a day each.
pub(crate) fn expired(tombstones: &[Tombstone]) -> String {
    let mut text = "Requests that were recorded and are kept no longer, by day (UTC), of everybody. What was held for this \
                    request before it went is in the pack all the same.\r\n\r\nday | requests | which\r\n"
        .to_owned();
    for Tombstone { day, events, kinds } in tombstones {
        let kinds: Vec<String> =
            kinds.iter().map(|(kind, events)| format!("{} {events}", kind.slug())).collect();
        let which = if kinds.is_empty() { "all".to_owned() } else { kinds.join(", ") };
        let _ = write!(text, "{day} | {events} | {which}\r\n");
    }
    if tombstones.is_empty() {
        text.push_str("none\r\n");
    }
    text
}

/// Who had it in hand.
pub(crate) fn custody(lines: &[String]) -> String {
    format!("UTC | school time | step | who | words\r\n{}", lines.concat())
}

fn unreadable_in_words(unreadable: u64) -> String {
    match unreadable {
        0 => "Every row that is kept could be read.".to_owned(),
        rows => format!(
            "{rows} rows could not be read, because what they were kept in is damaged, and are not in this pack."
        ),
    }
}

/// Whose names are hidden, and why.
pub(crate) fn redactions(kind: ExportKind, unreadable: u64) -> String {
    let words = match kind.naming() {
        Naming::Everybody => {
            "Nobody's name is hidden. Nothing that is kept and was asked for was left out on purpose or changed."
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
    let unreadable = unreadable_in_words(unreadable);
    format!("{words}\r\n\r\nexpired.txt says what is kept no longer. {unreadable}\r\n\r\n{staff}\r\n")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_writes_a_line_of_custody_into_their_reason() {
        let words = "fine\r\n2026 | Made | x\n\u{2028}y\u{7}";
        assert_eq!(one_line(words), "fine 2026   Made   x  y ");
        assert_eq!(terms(&[("Why".to_owned(), words.to_owned())]).lines().count(), 1);
    }
}
