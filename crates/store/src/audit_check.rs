//! Walking the audit chains: whether each fact is what was written, follows from the one before it, and is where the
//! signed checkpoints say. Whether a signature is genuine is decided before the checkpoints come here.

use crate::audit::{AuditRow, BEGINNING, hash_of};
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{Checkpoint, Scope, Timestamp};
use sqlx::{AnyConnection, Row};
use std::collections::BTreeMap;

/// What the fact of a sealing is called; it is about `fact:` and the place of the newest fact that was sealed.
pub const SEALED: &str = "seal-audit-log";
/// Facts that are read at once.
const PAGE: usize = 512;
/// How far away from its place a fact is looked for.
const NEARBY: i64 = 64;
/// The most chains: one for each school of the largest trust, many times over.
const MOST_CHAINS: i64 = 2_000;
/// The most checkpoints of a chain that are read.
const MOST_CHECKPOINTS: i64 = 200_000;

/// The newest fact of a chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ChainHead {
    /// Whose chain it is.
    pub scope: Scope,
    /// Its newest fact's place.
    pub sequence: i64,
    /// That fact's hash.
    pub hash: String,
}

/// What a walk along a chain found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditCheck {
    /// Facts that were walked and are in order.
    pub facts: u64,
    /// The first fact that is wrong; `None`: the chain is whole.
    pub broken_at: Option<i64>,
    /// What is wrong with it.
    pub fault: Option<AuditFault>,
}

/// What is wrong with the first fact of a chain that is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuditFault {
    /// It is not there, and later ones are.
    Missing,
    /// It is not what was hashed when it was written.
    Changed,
    /// It was written as another one, nearby: facts were put in another order.
    Moved {
        /// Where it was written.
        from: i64,
    },
    /// It is whole in itself, and does not follow from the one before: one was added, or took another's place.
    Unlinked,
    /// It and all later ones are gone: the chain once reached further.
    CutOff {
        /// How far it reached.
        reached: i64,
    },
    /// It is not the one that was signed: the chain was written anew from there or before.
    NotAsSigned {
        /// When it was signed.
        at: Timestamp,
    },
    /// It says that the chain was sealed, and the checkpoint of that is gone.
    NoCheckpoint,
}

/// What a chain is compared with while it is walked.
#[derive(Clone, Copy, Debug, Default)]
pub struct Signed<'a> {
    /// Checkpoints of it whose signatures were found genuine.
    pub checkpoints: &'a [Checkpoint],
    /// The one after which the walk begins; `None`: it begins at the first fact.
    pub after: Option<&'a Checkpoint>,
    /// The newest fact when the checkpoints were read: up to there each fact of a sealing has its checkpoint.
    pub known_to: i64,
}

/// A walk along one chain.
struct Walk<'a> {
    sequence: i64,
    previous: String,
    known_to: i64,
    signed: BTreeMap<i64, Vec<&'a Checkpoint>>,
}

impl Store {
    /// The newest fact of each chain, by scope.
    pub async fn audit_heads(&self) -> Result<Vec<ChainHead>, StoreError> {
        let rows = sqlx::query("select scope, sequence, hash from audit_head order by scope limit $1")
            .bind(MOST_CHAINS)
            .fetch_all(&self.pool)
            .await?;
        let head = |row| {
            Ok(ChainHead {
                scope: checked(row, 0, ("audit_head", "scope", "a scope"), Scope::parse)?,
                sequence: row.try_get(1)?,
                hash: row.try_get(2)?,
            })
        };
        rows.iter().map(head).collect()
    }

    /// The checkpoints of a chain, oldest first, at most 200,000.
    pub async fn checkpoints(&self, scope: &Scope) -> Result<Vec<Checkpoint>, StoreError> {
        let rows = sqlx::query(
            "select scope, sequence, hash, at, key, signature from audit_checkpoint where scope = $1 \
             order by sequence limit $2",
        )
        .bind(scope.to_string())
        .bind(MOST_CHECKPOINTS)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_checkpoint).collect()
    }

    /// The newest checkpoint of a chain.
    pub async fn newest_checkpoint(&self, scope: &Scope) -> Result<Option<Checkpoint>, StoreError> {
        let row = sqlx::query(
            "select scope, sequence, hash, at, key, signature from audit_checkpoint where scope = $1 \
             order by sequence desc limit 1",
        )
        .bind(scope.to_string())
        .fetch_optional(&self.pool)
        .await?;
        row.as_ref().map(read_checkpoint).transpose()
    }

    /// Every scope that the audit log or its checkpoints name.
    pub async fn audit_scopes(&self) -> Result<Vec<Scope>, StoreError> {
        let rows = sqlx::query(
            "select scope from audit union select scope from audit_head union select scope from audit_checkpoint \
             order by scope limit $1",
        )
        .bind(MOST_CHAINS)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| checked(row, 0, ("audit", "scope", "a scope"), Scope::parse)).collect()
    }

    /// Walks a scope's whole chain, a page at a time, and says whether it is whole in itself.
    pub async fn verify_audit(&self, scope: &Scope) -> Result<AuditCheck, StoreError> {
        self.verify_audit_against(scope, Signed::default()).await
    }

    /// Walks a scope's chain and compares it with its checkpoints. Facts that are written meanwhile do no harm.
    pub async fn verify_audit_against(
        &self,
        scope: &Scope,
        signed: Signed<'_>,
    ) -> Result<AuditCheck, StoreError> {
        let head = sqlx::query("select sequence, hash from audit_head where scope = $1")
            .bind(scope.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let (last, last_hash): (i64, String) = match head {
            Some(row) => (row.try_get(0)?, row.try_get(1)?),
            None => (0, BEGINNING.to_owned()),
        };
        let mut walk = Walk::along(signed);
        loop {
            let page = self.audit(scope, walk.sequence, PAGE).await?;
            if page.is_empty() {
                break;
            }
            for row in page {
                if let Some(found) = walk.step(row) {
                    return Ok(found);
                }
            }
        }
        Ok(walk.end(last, &last_hash))
    }
}

impl<'a> Walk<'a> {
    fn along(Signed { checkpoints, after, known_to }: Signed<'a>) -> Self {
        let mut signed: BTreeMap<i64, Vec<&Checkpoint>> = BTreeMap::new();
        for checkpoint in checkpoints {
            signed.entry(checkpoint.sequence).or_default().push(checkpoint);
        }
        let (sequence, previous) =
            after.map_or((0, BEGINNING), |checkpoint| (checkpoint.sequence, checkpoint.hash.as_str()));
        Self { sequence, previous: previous.to_owned(), known_to, signed }
    }

    /// The next row; what is wrong with it.
    fn step(&mut self, row: AuditRow) -> Option<AuditCheck> {
        let place = self.sequence + 1;
        let fault = if row.sequence != place {
            Some(AuditFault::Missing)
        } else if row.hash != hash_of(&row) {
            Some(written_elsewhere(&row).map_or(AuditFault::Changed, |from| AuditFault::Moved { from }))
        } else if row.previous != self.previous {
            Some(AuditFault::Unlinked)
        } else {
            let other = |checkpoint: &&&Checkpoint| checkpoint.hash != row.hash;
            let other = self.signed.get(&place).and_then(|signed| signed.iter().find(other));
            let other = other.map(|checkpoint| AuditFault::NotAsSigned { at: checkpoint.at });
            other.or_else(|| self.lacks_checkpoint(&row).then_some(AuditFault::NoCheckpoint))
        };
        if fault.is_some() {
            return Some(self.found(fault));
        }
        (self.sequence, self.previous) = (place, row.hash);
        None
    }

    /// The fact of a sealing is written together with its checkpoint.
    fn lacks_checkpoint(&self, row: &AuditRow) -> bool {
        let sealed = row.subject.strip_prefix("fact:").and_then(|place| place.parse::<i64>().ok());
        row.action == SEALED
            && row.sequence <= self.known_to
            && !sealed.is_some_and(|place| self.signed.contains_key(&place))
    }

    /// Facts cut off at the end leave a chain that is whole in itself; the head and the checkpoints tell that it was longer.
    fn end(&self, last: i64, last_hash: &str) -> AuditCheck {
        let reached = self.signed.keys().next_back().copied().unwrap_or(0).max(last);
        if self.sequence < reached {
            return self.found(Some(AuditFault::CutOff { reached }));
        }
        let head_is_other = self.sequence == last && self.previous != last_hash;
        self.found(head_is_other.then_some(AuditFault::Unlinked))
    }

    fn found(&self, fault: Option<AuditFault>) -> AuditCheck {
        let facts = u64::try_from(self.sequence).unwrap_or(0);
        AuditCheck { facts, broken_at: fault.as_ref().map(|_| self.sequence + 1), fault }
    }
}

/// The place that a fact's hash was made for, where that is another one nearby.
fn written_elsewhere(row: &AuditRow) -> Option<i64> {
    let mut moved = row.clone();
    (row.sequence.saturating_sub(NEARBY)..row.sequence.saturating_add(NEARBY)).find(|place| {
        moved.sequence = *place;
        hash_of(&moved) == row.hash
    })
}

pub(crate) async fn add_checkpoint(
    connection: &mut AnyConnection,
    checkpoint: &Checkpoint,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into audit_checkpoint (scope, sequence, hash, at, key, signature) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(checkpoint.scope.clone())
    .bind(checkpoint.sequence)
    .bind(checkpoint.hash.clone())
    .bind(checkpoint.at.0)
    .bind(checkpoint.key.clone())
    .bind(checkpoint.signature.clone())
    .execute(connection)
    .await?;
    Ok(())
}

fn read_checkpoint(row: &sqlx::any::AnyRow) -> Result<Checkpoint, StoreError> {
    Ok(Checkpoint {
        scope: row.try_get(0)?,
        sequence: row.try_get(1)?,
        hash: row.try_get(2)?,
        at: Timestamp(row.try_get(3)?),
        key: row.try_get(4)?,
        signature: row.try_get(5)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fact(sequence: i64, previous: &str) -> AuditRow {
        let mut row = AuditRow {
            scope: "trust".to_owned(),
            sequence,
            at: Timestamp(sequence),
            actor: "program".to_owned(),
            action: "look".to_owned(),
            subject: format!("subject {sequence}"),
            details: "{}".to_owned(),
            previous: previous.to_owned(),
            hash: String::new(),
        };
        row.hash = hash_of(&row);
        row
    }

    fn chain() -> Vec<AuditRow> {
        let (mut rows, mut previous) = (Vec::new(), BEGINNING.to_owned());
        for sequence in 1..=6 {
            let row = fact(sequence, &previous);
            previous.clone_from(&row.hash);
            rows.push(row);
        }
        rows
    }

    fn walked(rows: Vec<AuditRow>, signed: &[Checkpoint]) -> (Option<i64>, Option<AuditFault>) {
        let last = chain().pop().unwrap();
        let mut walk = Walk::along(Signed { checkpoints: signed, known_to: 6, after: None });
        let broken = rows.into_iter().find_map(|row| walk.step(row));
        let found = broken.unwrap_or_else(|| walk.end(last.sequence, &last.hash));
        (found.broken_at, found.fault)
    }

    fn signed(sequence: i64, hash: &str) -> Checkpoint {
        let text = String::new;
        let (scope, hash) = ("trust".to_owned(), hash.to_owned());
        Checkpoint { scope, sequence, hash, at: Timestamp(9), key: text(), signature: text() }
    }

    /// What is done to the chain, in words and as it is done, and the fact that is found wrong.
    type Case = (&'static str, fn(&mut Vec<AuditRow>), Option<(i64, AuditFault)>);

    #[test]
    fn the_first_wrong_fact_is_named_with_what_is_wrong() {
        let reseal = |rows: &mut Vec<AuditRow>, from: usize| {
            for place in from..rows.len() {
                let previous = rows[place - 1].hash.clone();
                rows[place].previous = previous;
                rows[place].hash = hash_of(&rows[place]);
            }
        };
        let seals = [signed(3, &chain()[2].hash), signed(5, &chain()[4].hash)];
        let cases: [Case; 6] = [
            ("nothing", |_| (), None),
            ("changed", |rows| rows[3].actor = "nobody".to_owned(), Some((4, AuditFault::Changed))),
            ("missing", |rows| drop(rows.remove(1)), Some((2, AuditFault::Missing))),
            ("cut off", |rows| rows.truncate(4), Some((5, AuditFault::CutOff { reached: 6 }))),
            (
                "put in another order",
                |rows| {
                    rows.swap(2, 3);
                    (rows[2].sequence, rows[3].sequence) = (3, 4);
                },
                Some((3, AuditFault::Moved { from: 4 })),
            ),
            ("another one", |rows| rows[2] = fact(3, "other"), Some((3, AuditFault::Unlinked))),
        ];
        for (name, change, expected) in cases {
            let mut rows = chain();
            change(&mut rows);
            assert_eq!(walked(rows, &seals), expected.unzip(), "{name}");
        }
        let mut rows = chain();
        rows[3].actor = "nobody".to_owned();
        reseal(&mut rows, 3);
        assert_eq!(walked(rows, &seals), (Some(5), Some(AuditFault::NotAsSigned { at: Timestamp(9) })));
        let mut rows = chain();
        (rows[4].action, rows[4].subject) = (SEALED.to_owned(), "fact:4".to_owned());
        reseal(&mut rows, 4);
        assert_eq!(walked(rows, &seals[..1]), (Some(5), Some(AuditFault::NoCheckpoint)));
        assert_eq!(walked(chain(), &[signed(8, "ab")]).1, Some(AuditFault::CutOff { reached: 8 }));
    }
}
