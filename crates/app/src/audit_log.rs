//! The audit log, sealed and verified: checkpoints of every chain are signed by the clock, kept with the records and in a
//! file outside them, and compared with the facts every day and whenever somebody asks.

use crate::{App, AppError};
use model::{Actor, Checkpoint, Scope, Timestamp};
use registers::AuditSeen;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{AuditFault, ChainHead, Change, Fact, Store};
use wire::{Noted, PublicKey, SigningKey, is_genuine, note_checkpoint, noted_checkpoints, sign_checkpoint};

/// Facts after which a checkpoint is signed at the latest.
const FACTS_OF_CHECKPOINT: i64 = 256;
/// The time after which one is.
const CHECKPOINT_MS: i64 = 24 * 3_600_000;
/// Faults that are named; more are counted.
const MOST_NAMED: usize = 20;

/// What seals the audit log and signs packs.
#[derive(Clone, Debug)]
pub struct Seals {
    /// The school's key.
    pub key: Arc<SigningKey>,
    /// The file of checkpoints, outside the records.
    pub noted: PathBuf,
    /// The folder of packs.
    pub packs: PathBuf,
}

/// What a look at the audit log found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditReport {
    /// When it was looked at.
    pub at: Timestamp,
    /// Each chain, by scope.
    pub chains: Vec<ChainReport>,
    /// What is wrong, a whole sentence each, worst first; empty: every fact stands where it was written.
    pub faults: Vec<String>,
    /// What somebody should know and proves nothing, a whole sentence each.
    pub notes: Vec<String>,
}

/// What a look at one chain found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainReport {
    /// Whose it is, as the records write a scope.
    pub scope: String,
    /// Facts that are in order.
    pub facts: u64,
    /// The first fact that is wrong.
    pub broken_at: Option<i64>,
    /// The newest checkpoint: the fact it signs, and when.
    pub signed: Option<(i64, Timestamp)>,
}

/// By what a chain is judged beside itself.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// The school's key; `None` where it is not known.
    pub key: Option<PublicKey>,
    /// What the file outside the records holds.
    pub noted: Noted,
}

impl Witness {
    /// The witness of a key and a file.
    pub fn read(key: Option<PublicKey>, file: &Path) -> Result<Self, AppError> {
        Ok(Self { key, noted: noted_checkpoints(file)? })
    }
}

/// Verifies every chain of the audit log against itself and the signed checkpoints. Nothing is changed by it.
pub async fn verify_audit_log(
    store: &Store,
    witness: &Witness,
    now: Timestamp,
) -> Result<AuditReport, AppError> {
    let mut report = AuditReport { at: now, chains: Vec::new(), faults: Vec::new(), notes: Vec::new() };
    for line in &witness.noted.unreadable {
        let sentence = "cannot be read, as after a loss of power while it was written.";
        report.notes.push(format!("Line {line} of the file of checkpoints {sentence}"));
    }
    let in_file: BTreeSet<&str> =
        witness.noted.checkpoints.iter().map(|noted| noted.signature.as_str()).collect();
    let noted = witness.noted.checkpoints.iter().filter_map(|noted| Scope::parse(&noted.scope));
    let scopes: BTreeSet<Scope> = store.audit_scopes().await?.into_iter().chain(noted).collect();
    for scope in scopes {
        let name = scope.to_string();
        let mut checkpoints = store.checkpoints(&scope).await?;
        let missing = checkpoints.iter().filter(|kept| !in_file.contains(kept.signature.as_str())).count();
        if missing > 0 {
            report.notes.push(format!(
                "{missing} checkpoints of {name} are in the records and not in the file beside them: it was cut, changed or \
                 put back from an older copy."
            ));
        }
        checkpoints.extend(witness.noted.checkpoints.iter().filter(|noted| noted.scope == name).cloned());
        let (genuine, others) = judged(checkpoints, witness.key.as_ref());
        report.faults.extend(others);
        let check = store.verify_audit_against(&scope, &genuine).await?;
        if let (Some(fault), Some(place)) = (&check.fault, check.broken_at) {
            report.faults.insert(0, fault_in_words(&name, place, fault));
        }
        let newest = genuine.iter().max_by_key(|checkpoint| checkpoint.sequence);
        let signed = newest.map(|checkpoint| (checkpoint.sequence, checkpoint.at));
        report.chains.push(ChainReport {
            scope: name,
            facts: check.facts,
            broken_at: check.broken_at,
            signed,
        });
    }
    Ok(report)
}

impl AuditReport {
    /// Facts that are in order, in all chains.
    pub fn facts(&self) -> u64 {
        self.chains.iter().map(|chain| chain.facts).sum()
    }

    fn seen(self) -> AuditSeen {
        let facts = self.facts();
        let signed = self.chains.iter().filter_map(|chain| chain.signed).map(|(_, at)| at).max();
        AuditSeen { at: self.at, facts, signed, faults: self.faults.into_iter().take(MOST_NAMED).collect() }
    }
}

/// The checkpoints that are genuine and the school's, and what is wrong with the others.
fn judged(checkpoints: Vec<Checkpoint>, key: Option<&PublicKey>) -> (Vec<Checkpoint>, Vec<String>) {
    let (mut genuine, mut faults) = (Vec::new(), Vec::new());
    for checkpoint in checkpoints {
        let of = format!("The checkpoint of fact {} of {}", checkpoint.sequence, checkpoint.scope);
        if !is_genuine(&checkpoint) {
            faults.push(format!("{of} does not have the signature of its key: it was changed."));
        } else if key.is_some_and(|key| key.to_string() != checkpoint.key) {
            faults.push(format!("{of} was signed by another key than the school\u{2019}s."));
        } else {
            genuine.push(checkpoint);
        }
    }
    faults.dedup();
    (genuine, faults)
}

fn fault_in_words(scope: &str, place: i64, fault: &AuditFault) -> String {
    let of = format!("Fact {place} of {scope}");
    match fault {
        AuditFault::Missing => format!("{of} is missing: later ones are there."),
        AuditFault::Changed => format!("{of} is not what was written: it was changed."),
        AuditFault::Moved { from } => {
            format!("{of} was written as fact {from}: facts were put in another order.")
        }
        AuditFault::Unlinked => {
            format!(
                "{of} does not follow from the one before it: a fact was added, or took another\u{2019}s place."
            )
        }
        AuditFault::CutOff { reached } => format!(
            "{of} and all later ones up to {reached} are gone: facts were cut off, or an older copy of the records was \
             put back."
        ),
        AuditFault::NotAsSigned { at } => {
            format!("{of} is not the one that was signed on {at}: the facts up to there were written anew.")
        }
    }
}

impl App {
    /// Signs where each chain of the audit log has got to, where that is due. To be called every minute.
    pub async fn seal_audit_log(&self) -> Result<(), AppError> {
        let (store, now) = (&self.0.parts.store, self.now());
        for head in store.audit_heads().await? {
            let newest = store.newest_checkpoint(&head.scope).await?;
            let is_due = newest.is_none_or(|newest| {
                head.sequence - newest.sequence >= FACTS_OF_CHECKPOINT
                    || newest.at.plus_ms(CHECKPOINT_MS) <= now
            });
            if is_due {
                self.seal(head, now).await?;
            }
        }
        Ok(())
    }

    /// The file first: a checkpoint that the records lost is what the file is there for.
    async fn seal(&self, head: ChainHead, now: Timestamp) -> Result<(), AppError> {
        let Seals { key, noted, .. } = &self.0.parts.seals;
        let checkpoint = sign_checkpoint(key, (&head.scope.to_string(), head.sequence, &head.hash), now);
        let (file, line) = (noted.clone(), checkpoint.clone());
        tokio::task::spawn_blocking(move || note_checkpoint(&file, &line)).await??;
        let fact = Fact::new(&Actor::Program, head.scope, now, "seal-audit-log");
        let fact = fact.about(format!("fact:{}", head.sequence)).with("hash", head.hash);
        self.commit(&fact, &[Change::AddCheckpoint(checkpoint)]).await
    }

    /// Verifies the whole audit log, and keeps what was found for the checks. To be called at start and once a day.
    pub async fn look_at_audit_log(&self) -> Result<(), AppError> {
        let Seals { key, noted, .. } = self.0.parts.seals.clone();
        let witness =
            tokio::task::spawn_blocking(move || Witness::read(Some(key.public()), &noted)).await??;
        let report = verify_audit_log(&self.0.parts.store, &witness, self.now()).await?;
        if !report.faults.is_empty() {
            tracing::error!(faults = report.faults.len(), "the audit log is not as it was written");
        }
        self.0.parts.health.audit(report.seen());
        Ok(())
    }

    /// The fingerprint of the key that seals the audit log and signs packs, to be published.
    pub fn key_fingerprint(&self) -> String {
        self.0.parts.seals.key.public().fingerprint()
    }
}
