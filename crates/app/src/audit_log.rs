//! The audit log, sealed and verified: checkpoints of every chain are signed by the clock, kept with the records and in a
//! file outside them, and compared with the facts every day and whenever somebody asks.
//!
//! Invariant: a chain with a fault is not sealed, so that no forged fact comes under a signature.
//!
//! The order of reading is what makes it right while the gate writes: heads, then the records' checkpoints, then the file.
//! A sealing goes the other way round, so that what was read first is never ahead of what is read last.

use crate::{App, AppError};
use model::{Actor, Checkpoint, Scope, Timestamp};
use registers::AuditSeen;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{AuditFault, ChainHead, Change, Fact, SEALED, Signed, Store};
use wire::{
    AuditHead, Noted, PublicKey, SigningKey, is_genuine, note_checkpoint, noted_checkpoints, sign_checkpoint,
};

/// Facts after which a checkpoint is signed at the latest.
const FACTS_OF_CHECKPOINT: i64 = 256;
/// The time after which one is.
const CHECKPOINT_MS: i64 = 24 * 3_600_000;
/// Facts past the newest checkpoint that are believed of a gate that stood still; a running one seals every 256. More than
/// that and the checkpoints of them must be gone.
const MOST_UNSEALED: i64 = 1_024;
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
    /// The school's key, as it lies in the gate's folder; `None` where it does not.
    pub key: Option<PublicKey>,
    /// The fingerprint that the school published, where it was given.
    pub fingerprint: Option<String>,
    /// The file of checkpoints outside the records.
    pub file: PathBuf,
}

/// A chain, and all that is said of it elsewhere.
struct Chain<'a> {
    scope: Scope,
    /// Its newest fact before anything else was read; 0: it has none.
    known_to: i64,
    in_records: Vec<Checkpoint>,
    noted: &'a Noted,
}

/// What is wrong with a chain's checkpoints, and those that are genuine.
#[derive(Default)]
struct Judged {
    genuine: Vec<Checkpoint>,
    faults: Vec<String>,
}

/// Verifies every chain of the audit log against itself and the signed checkpoints. Nothing is changed by it.
pub async fn verify_audit_log(
    store: &Store,
    witness: &Witness,
    now: Timestamp,
) -> Result<AuditReport, AppError> {
    let mut report = AuditReport { at: now, chains: Vec::new(), faults: Vec::new(), notes: Vec::new() };
    let heads: BTreeMap<Scope, i64> =
        store.audit_heads().await?.into_iter().map(|head| (head.scope, head.sequence)).collect();
    let mut in_records = BTreeMap::new();
    for scope in store.audit_scopes().await? {
        let checkpoints = store.checkpoints(&scope).await?;
        in_records.insert(scope, checkpoints);
    }
    let noted = read_noted(&witness.file).await?;
    report.faults.extend(witness.faults());
    report.faults.extend(file_faults(&noted));
    if let Some(line) = noted.torn {
        report.notes.push(format!(
            "Line {line} of the file of checkpoints, the last one, was cut short, as by a loss of power. The next one takes \
             its place."
        ));
    }
    for scope in noted.checkpoints.iter().filter_map(|noted| Scope::parse(&noted.scope)) {
        in_records.entry(scope).or_default();
    }
    for (scope, in_records) in in_records {
        let known_to = heads.get(&scope).copied().unwrap_or(0);
        Chain { scope, known_to, in_records, noted: &noted }.verify(store, witness, &mut report).await?;
    }
    Ok(report)
}

async fn read_noted(file: &Path) -> Result<Noted, AppError> {
    let file = file.to_owned();
    Ok(tokio::task::spawn_blocking(move || noted_checkpoints(&file)).await??)
}

/// What is wrong with the file itself. A torn last line is not: the records cannot have it.
fn file_faults(noted: &Noted) -> impl Iterator<Item = String> {
    noted.unreadable.iter().map(|line| {
        format!("Line {line} of the file of checkpoints cannot be read: it was changed or is damaged.")
    })
}

impl Witness {
    /// What is wrong with the key, whatever was signed by it.
    fn faults(&self) -> Option<String> {
        match (&self.key, &self.fingerprint) {
            (None, None) => Some(
                "The school\u{2019}s key is not there, so whose key signed is not known. Give the fingerprint that the school \
                 published."
                    .to_owned(),
            ),
            (Some(key), Some(published)) if !key.has_fingerprint(published) => {
                Some("The key in the gate\u{2019}s folder is another one than the school published.".to_owned())
            }
            _ => None,
        }
    }

    fn is_key(&self, key: &str) -> bool {
        let Some(key) = PublicKey::parse(key) else { return false };
        self.key.is_none_or(|own| own == key)
            && self.fingerprint.as_ref().is_none_or(|published| key.has_fingerprint(published))
    }
}

impl Chain<'_> {
    async fn verify(
        &self,
        store: &Store,
        witness: &Witness,
        report: &mut AuditReport,
    ) -> Result<(), AppError> {
        let Judged { genuine, faults } = self.judged(witness);
        report.faults.extend(faults);
        let signed = Signed { checkpoints: &genuine, after: None, known_to: self.known_to };
        let check = store.verify_audit_against(&self.scope, signed).await?;
        let name = self.scope.to_string();
        if let (Some(fault), Some(place)) = (&check.fault, check.broken_at) {
            report.faults.insert(0, fault_in_words(&name, place, fault));
        }
        let newest = genuine.iter().max_by_key(|checkpoint| checkpoint.sequence);
        let sealed_to = newest.map_or(0, |newest| newest.sequence);
        report.faults.extend(too_far(&self.scope, sealed_to, self.known_to));
        report.chains.push(ChainReport {
            scope: name,
            facts: check.facts,
            broken_at: check.broken_at,
            signed: newest.map(|checkpoint| (checkpoint.sequence, checkpoint.at)),
        });
        Ok(())
    }

    /// The checkpoints that are genuine and the school's, and what is wrong with the others.
    fn judged(&self, witness: &Witness) -> Judged {
        let name = self.scope.to_string();
        let noted = || self.noted.checkpoints.iter().filter(|noted| noted.scope == name);
        let mut judged = Judged::default();
        // Most stand in both: a signature is verified once.
        let kept: HashMap<&str, &Checkpoint> =
            self.in_records.iter().map(|kept| (kept.signature.as_str(), kept)).collect();
        let in_file_alone = noted().filter(|noted| kept.get(noted.signature.as_str()) != Some(noted));
        for checkpoint in self.in_records.iter().chain(in_file_alone) {
            let of = format!("The checkpoint of fact {} of {name}", checkpoint.sequence);
            if !is_genuine(checkpoint) {
                judged.faults.push(format!("{of} does not have the signature of its key: it was changed."));
            } else if !witness.is_key(&checkpoint.key) {
                judged.faults.push(format!("{of} was signed by another key than the school\u{2019}s."));
            } else {
                judged.genuine.push(checkpoint.clone());
            }
        }
        judged.faults.dedup();
        let in_file: BTreeSet<&str> = noted().map(|noted| noted.signature.as_str()).collect();
        let missing =
            self.in_records.iter().filter(|kept| !in_file.contains(kept.signature.as_str())).count();
        if missing > 0 {
            judged.faults.push(format!(
                "{missing} checkpoints of {name} are in the records and not in the file beside them: it was cut, changed or \
                 put back from an older copy."
            ));
        }
        judged
    }
}

/// The newest genuine checkpoint of a chain in the file, no further than its head and no later than now: neither a row of
/// the records nor a line that somebody wrote decides whether one is due.
fn newest_noted<'a>(
    head: &ChainHead,
    (witness, noted): (&Witness, &'a Noted),
    now: Timestamp,
) -> Option<&'a Checkpoint> {
    let name = head.scope.to_string();
    let is_fitting = |noted: &&Checkpoint| {
        noted.scope == name && (1..=head.sequence).contains(&noted.sequence) && noted.at <= now
    };
    let mut fitting: Vec<&Checkpoint> = noted.checkpoints.iter().filter(is_fitting).collect();
    fitting.sort_by_key(|noted| std::cmp::Reverse(noted.sequence));
    fitting.into_iter().find(|noted| witness.is_key(&noted.key) && is_genuine(noted))
}

/// A head that this program saw, to be compared with as a checkpoint is; nobody signed it.
fn as_seen(head: &ChainHead, at: Timestamp) -> Checkpoint {
    let (scope, hash) = (head.scope.to_string(), head.hash.clone());
    Checkpoint { scope, sequence: head.sequence, hash, at, key: String::new(), signature: String::new() }
}

/// A chain that goes on for long past its newest checkpoint once had more of them.
fn too_far(scope: &Scope, sealed_to: i64, reached: i64) -> Option<String> {
    (reached.saturating_sub(sealed_to) > MOST_UNSEALED).then(|| {
        format!(
            "Facts {} to {reached} of {scope} are under no checkpoint, and one is signed every {FACTS_OF_CHECKPOINT} facts: \
             the checkpoints of them are gone, or they were written while the gate did not run.",
            sealed_to.saturating_add(1)
        )
    })
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
        AuditFault::NoCheckpoint => {
            format!("{of} says that the facts before it were sealed, and the checkpoint of that is gone.")
        }
    }
}

impl App {
    /// How far the chains of these scopes are, as a pack's manifest says it.
    pub(crate) async fn audit_heads_of(&self, scopes: &[Scope]) -> Result<Vec<AuditHead>, AppError> {
        let heads = self.0.parts.store.audit_heads().await?.into_iter();
        let heads = heads.filter(|head| scopes.contains(&head.scope));
        Ok(heads
            .map(|ChainHead { scope, sequence, hash, .. }| AuditHead {
                scope: scope.to_string(),
                sequence,
                hash,
            })
            .collect())
    }

    /// Signs where each chain of the audit log has got to, where that is due and nothing is wrong with what would be signed.
    /// To be called every minute.
    ///
    /// # Errors
    /// [`AppError`] where the file or a chain is not as it was written; the other chains are sealed all the same.
    pub async fn seal_audit_log(&self) -> Result<(), AppError> {
        let Seals { key, noted, .. } = &self.0.parts.seals;
        let witness = Witness { key: Some(key.public()), fingerprint: None, file: noted.clone() };
        let mut seen = self.0.heads_seen.lock().await;
        let heads = self.0.parts.store.audit_heads().await?;
        let noted = read_noted(&witness.file).await?;
        let mut faults: Vec<String> = file_faults(&noted).collect();
        if faults.is_empty() {
            for head in heads {
                let before = seen.get(&head.scope);
                match self.seal_if_due(&head, (&witness, &noted), before).await? {
                    None => drop(seen.insert(head.scope.clone(), head)),
                    Some(fault) => faults.push(fault),
                }
            }
        }
        match faults.into_iter().next() {
            None => Ok(()),
            Some(fault) => Err(AppError::failed(format!("expected an audit log to seal, found: {fault}"))),
        }
    }

    /// What is wrong with the chain, where it is due and therefore was looked at. `before`: its head at the last call.
    async fn seal_if_due(
        &self,
        head: &ChainHead,
        (witness, noted): (&Witness, &Noted),
        before: Option<&ChainHead>,
    ) -> Result<Option<String>, AppError> {
        let (store, now) = (&self.0.parts.store, self.now());
        if let Some(before) = before.filter(|before| before.sequence > head.sequence) {
            let cut = AuditFault::CutOff { reached: before.sequence };
            return Ok(Some(fault_in_words(&head.scope.to_string(), head.sequence.saturating_add(1), &cut)));
        }
        let newest = newest_noted(head, (witness, noted), now);
        let is_due = newest.is_none_or(|newest| {
            head.sequence.saturating_sub(newest.sequence) >= FACTS_OF_CHECKPOINT
                || newest.at.plus_ms(CHECKPOINT_MS) <= now
        });
        if !is_due {
            return Ok(None);
        }
        let in_records = store.checkpoints(&head.scope).await?;
        let chain = Chain { scope: head.scope.clone(), known_to: head.sequence, in_records, noted };
        let Judged { mut genuine, faults } = chain.judged(witness);
        if let Some(fault) = faults.into_iter().next() {
            return Ok(Some(fault));
        }
        let sealed_to = newest.map_or(0, |newest| newest.sequence);
        if let Some(before) = before {
            // This program saw the chain reach there; what came since may be much, and must follow from it.
            genuine.push(as_seen(before, now));
        } else if let Some(fault) = too_far(&head.scope, sealed_to, head.sequence) {
            return Ok(Some(fault));
        }
        let signed = Signed { checkpoints: &genuine, after: newest, known_to: head.sequence };
        let check = store.verify_audit_against(&head.scope, signed).await?;
        if let (Some(fault), Some(place)) = (&check.fault, check.broken_at) {
            return Ok(Some(fault_in_words(&head.scope.to_string(), place, fault)));
        }
        self.seal(head.clone(), now).await.map(|()| None)
    }

    /// The file first: a checkpoint that the records lost is what the file is there for.
    async fn seal(&self, head: ChainHead, now: Timestamp) -> Result<(), AppError> {
        let Seals { key, noted, .. } = &self.0.parts.seals;
        let checkpoint = sign_checkpoint(key, (&head.scope.to_string(), head.sequence, &head.hash), now);
        let (file, line) = (noted.clone(), checkpoint.clone());
        tokio::task::spawn_blocking(move || note_checkpoint(&file, &line)).await??;
        let fact = Fact::new(&Actor::Program, head.scope, now, SEALED);
        let fact = fact.about(format!("fact:{}", head.sequence)).with("hash", head.hash);
        self.commit(&fact, &[Change::AddCheckpoint(checkpoint)]).await
    }

    /// Verifies the whole audit log, and keeps what was found for the checks. To be called at start and once a day.
    pub async fn look_at_audit_log(&self) -> Result<(), AppError> {
        let Seals { key, noted, .. } = self.0.parts.seals.clone();
        let witness = Witness { key: Some(key.public()), fingerprint: None, file: noted };
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
