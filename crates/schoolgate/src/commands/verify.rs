//! `schoolgate verify`: whether the audit log, or a pack of evidence, is what was written. Ends with 0 where it is, with 1
//! where it is not or could not be read, with 2 where the question cannot be typed so.

use crate::cli::{AuditArguments, PackArguments, VerifyArguments, VerifyCommand};
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::gate;
use app::{AuditReport, Witness, verify_audit_log};
use model::Clock;
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use wire::{PackReport, SigningKey, verify_pack};

/// What a question ends in: the words for standard output, and what to say where something is wrong.
struct Answer {
    words: String,
    wrong: Option<&'static str>,
}

pub(crate) async fn run(arguments: &VerifyArguments) -> Result<(), ProgramError> {
    let answer = match (&arguments.command, &arguments.pack.file) {
        (Some(VerifyCommand::Audit(arguments)), _) => audit(arguments).await?,
        (None, Some(file)) => pack(file, &arguments.pack)?,
        (None, None) => return Err(ProgramError::Usage("expected `audit` or a pack, found neither".into())),
    };
    crate::print(&answer.words)?;
    answer.wrong.map_or(Ok(()), |wrong| Err(ProgramError::Trouble(wrong.into())))
}

async fn audit(arguments: &AuditArguments) -> Result<Answer, ProgramError> {
    let (folder, clock) = (Folder::existing(&arguments.at.folder)?, Clock::System);
    let key = match std::fs::read(folder.audit_key()) {
        Ok(bytes) => Some(SigningKey::read(&bytes).map_err(ProgramError::part("audit log"))?.public()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(source) => return Err(ProgramError::file(&folder.audit_key(), source)),
    };
    let (fingerprint, file) = (arguments.key.clone(), folder.audit_checkpoints());
    let witness = Witness { key, fingerprint, file };
    let store = gate::records_as_they_are(&folder).await?;
    let report = verify_audit_log(&store, &witness, clock.now()).await;
    store.close().await;
    let report = report.map_err(ProgramError::asked)?;
    let fingerprint = key.map(|key| key.fingerprint());
    let words = match arguments.json {
        true => audit_as_json(&report, fingerprint.as_deref()),
        false => audit_as_text(&report, fingerprint.as_deref()),
    };
    let wrong = (!report.faults.is_empty()).then_some("The audit log is not what was written.");
    Ok(Answer { words, wrong })
}

fn audit_as_text(report: &AuditReport, fingerprint: Option<&str>) -> String {
    let mut lines: Vec<String> = report.faults.iter().chain(&report.notes).cloned().collect();
    for chain in &report.chains {
        let signed = chain.signed.map_or_else(
            || "no checkpoint was signed yet".to_owned(),
            |(sequence, at)| format!("signed up to fact {sequence} on {at}"),
        );
        let state = match chain.broken_at {
            None => format!("{} facts, each as it was written", chain.facts),
            Some(place) => format!("{} facts as they were written, then fact {place} is wrong", chain.facts),
        };
        lines.push(format!("{}: {state}; {signed}", chain.scope));
    }
    lines.push(match fingerprint {
        Some(fingerprint) => format!("The school's key: {fingerprint}"),
        None => "The school's key is not in the gate's folder".to_owned(),
    });
    lines.join("\n")
}

fn audit_as_json(report: &AuditReport, fingerprint: Option<&str>) -> String {
    let chains = report.chains.iter().map(|chain| {
        json!({
            "scope": chain.scope,
            "facts": chain.facts,
            "broken_at": chain.broken_at,
            "signed_to": chain.signed.map(|(sequence, _)| sequence),
            "signed_at": chain.signed.map(|(_, at)| at.to_string()),
        })
    });
    json!({
        "whole": report.faults.is_empty(),
        "at": report.at.to_string(),
        "key": fingerprint,
        "chains": chains.collect::<Vec<_>>(),
        "faults": report.faults,
        "notes": report.notes,
    })
    .to_string()
}

fn pack(path: &Path, arguments: &PackArguments) -> Result<Answer, ProgramError> {
    let file = File::open(path).map_err(|source| ProgramError::file(path, source))?;
    let report = verify_pack(&mut BufReader::new(file), arguments.key.as_deref());
    let words = match arguments.json {
        true => pack_as_json(&report),
        false => pack_as_text(&report, arguments.key.as_deref()),
    };
    let wrong = (!report.faults.is_empty()).then_some("The pack is not what was made.");
    Ok(Answer { words, wrong })
}

/// `typed`: the fingerprint that was given, and was compared.
fn pack_as_text(report: &PackReport, typed: Option<&str>) -> String {
    let mut lines: Vec<String> = report.faults.iter().map(|fault| format!("{fault}.")).collect();
    let is_whole = lines.is_empty();
    if let (true, Some(manifest)) = (is_whole, &report.manifest) {
        lines.push(format!(
            "Untouched since it was signed: {} for {}, made on {} by {}, with {} members.",
            manifest.reference,
            manifest.kind,
            manifest.made_at,
            manifest.organisation,
            manifest.members.len()
        ));
    }
    if let Some(key) = &report.key {
        lines.push(format!("Signed by the key {}", key.fingerprint()));
        if typed.is_none() {
            lines.push("Compare it with the fingerprint that the school published: anybody can sign with a key of their own.".into());
        }
    }
    lines.join("\n")
}

fn pack_as_json(report: &PackReport) -> String {
    let faults: Vec<String> = report.faults.iter().map(ToString::to_string).collect();
    json!({
        "whole": faults.is_empty(),
        "key": report.key.map(|key| key.fingerprint()),
        "manifest": report.manifest,
        "faults": faults,
    })
    .to_string()
}
