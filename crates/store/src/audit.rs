//! The audit chain: who did what to whom, and why. Each fact's hash covers the one before it, for each scope, so that
//! a fact that was changed, added or taken out later breaks the chain from there on.
//!
//! The hash is SHA-256 over a domain tag and then each field as its length (8 bytes, big-endian) and its bytes: scope,
//! sequence, time, actor, action, subject, details, previous hash. The first fact's previous hash is 64 zeros.

use crate::{Store, StoreError};
use model::{Actor, Scope, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::BTreeMap;

/// Starts every fact's hash, so that no other text of ours hashes to the same.
const DOMAIN: &str = "schoolgate audit fact 1";
/// What comes before the first fact.
pub(crate) const BEGINNING: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What somebody does, to be written down with the change itself.
#[derive(Clone, Debug)]
pub struct Fact {
    /// Whose record it is.
    pub scope: Scope,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What, as a slug: `sign-in`, `search-history`.
    pub action: &'static str,
    /// To whom or what: `person:UUID`, `policy:HASH`.
    pub subject: String,
    /// Everything else that a reader will ask, by name.
    pub details: BTreeMap<&'static str, String>,
}

impl Fact {
    /// A fact without details.
    pub fn new(actor: &Actor, scope: Scope, at: Timestamp, action: &'static str) -> Self {
        Self { scope, at, actor: actor.to_string(), action, subject: String::new(), details: BTreeMap::new() }
    }

    /// The fact, about this subject.
    #[must_use]
    pub fn about(mut self, subject: impl Into<String>) -> Self {
        self.subject = subject.into();
        self
    }

    /// The fact, with one more detail. An empty value is left out.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        let value = value.into();
        if !value.is_empty() {
            self.details.insert(name, value);
        }
        self
    }
}

/// A fact as it stands in the chain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AuditRow {
    /// Whose record it is, as text.
    pub scope: String,
    /// Its place in the chain, from 1.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To whom or what.
    pub subject: String,
    /// Details as a JSON object of texts.
    pub details: String,
    /// The hash of the fact before.
    pub previous: String,
    /// The fact's own hash.
    pub hash: String,
}

impl AuditRow {
    /// The details by name; empty where they do not read.
    pub fn details(&self) -> BTreeMap<String, String> {
        serde_json::from_str(&self.details).unwrap_or_default()
    }
}

/// Adds a fact to its scope's chain, within the transaction of the change; its place in the chain.
pub(crate) async fn append(connection: &mut AnyConnection, fact: &Fact) -> Result<i64, StoreError> {
    let scope = fact.scope.to_string();
    // Raising the number first locks this scope's chain until the transaction ends, on both databases.
    let head = sqlx::query(
        "insert into audit_head (scope, sequence, hash) values ($1, 1, $2) \
         on conflict (scope) do update set sequence = audit_head.sequence + 1 returning sequence, hash",
    )
    .bind(scope.clone())
    .bind(BEGINNING)
    .fetch_one(&mut *connection)
    .await?;
    let mut row = AuditRow {
        scope,
        sequence: head.try_get(0)?,
        at: fact.at,
        actor: fact.actor.clone(),
        action: fact.action.to_owned(),
        subject: fact.subject.clone(),
        details: details_as_json(&fact.details),
        previous: head.try_get(1)?,
        hash: String::new(),
    };
    row.hash = hash_of(&row);
    insert(connection, &row).await?;
    Ok(row.sequence)
}

async fn insert(connection: &mut AnyConnection, row: &AuditRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into audit (scope, sequence, at, actor, action, subject, details, previous, hash) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(row.scope.clone())
    .bind(row.sequence)
    .bind(row.at.0)
    .bind(row.actor.clone())
    .bind(row.action.clone())
    .bind(row.subject.clone())
    .bind(row.details.clone())
    .bind(row.previous.clone())
    .bind(row.hash.clone())
    .execute(&mut *connection)
    .await?;
    sqlx::query("update audit_head set hash = $2 where scope = $1")
        .bind(row.scope.clone())
        .bind(row.hash.clone())
        .execute(&mut *connection)
        .await?;
    Ok(())
}

impl Store {
    /// A scope's facts after a place in its chain (0: from the start), oldest first, at most `most` and at most
    /// [`MOST_ROWS`](crate::MOST_ROWS).
    pub async fn audit(&self, scope: &Scope, after: i64, most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let limit = i64::try_from(most.min(crate::MOST_ROWS)).unwrap_or(0);
        let rows = sqlx::query(
            "select scope, sequence, at, actor, action, subject, details, previous, hash from audit \
             where scope = $1 and sequence > $2 order by sequence limit $3",
        )
        .bind(scope.to_string())
        .bind(after)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_row).collect()
    }

    /// A scope's facts of one action, newest first, at most `most` and at most [`MOST_ROWS`](crate::MOST_ROWS).
    pub async fn facts_of(
        &self,
        scope: &Scope,
        action: &str,
        most: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let limit = i64::try_from(most.min(crate::MOST_ROWS)).unwrap_or(0);
        let rows = sqlx::query(
            "select scope, sequence, at, actor, action, subject, details, previous, hash from audit \
             where scope = $1 and action = $2 order by sequence desc limit $3",
        )
        .bind(scope.to_string())
        .bind(action.to_owned())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_row).collect()
    }

    /// A scope's facts of one action from a moment until before another, newest first, at most `most` and at most
    /// [`MOST_ROWS`](crate::MOST_ROWS).
    pub async fn facts_between(
        &self,
        (scope, action): (&Scope, &str),
        (from, until): (Timestamp, Timestamp),
        most: usize,
    ) -> Result<Vec<AuditRow>, StoreError> {
        let limit = i64::try_from(most.min(crate::MOST_ROWS)).unwrap_or(0);
        let rows = sqlx::query(
            "select scope, sequence, at, actor, action, subject, details, previous, hash from audit \
             where scope = $1 and action = $2 and at >= $3 and at < $4 order by sequence desc limit $5",
        )
        .bind(scope.to_string())
        .bind(action.to_owned())
        .bind(from.0)
        .bind(until.0)
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_row).collect()
    }

    /// The facts about one subject in every scope, newest first, at most `most` and at most
    /// [`MOST_ROWS`](crate::MOST_ROWS). Whoever asks leaves out what its reader may not see.
    pub async fn facts_about(&self, subject: &str, most: usize) -> Result<Vec<AuditRow>, StoreError> {
        let limit = i64::try_from(most.min(crate::MOST_ROWS)).unwrap_or(0);
        let rows = sqlx::query(
            "select scope, sequence, at, actor, action, subject, details, previous, hash from audit \
             where subject = $1 order by at desc, sequence desc limit $2",
        )
        .bind(subject.to_owned())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_row).collect()
    }

    /// The newest fact about one subject in every scope whose action is one of these, at most 16 of them; however many
    /// others came since.
    pub async fn newest_fact_about(
        &self,
        subject: &str,
        actions: &[&str],
    ) -> Result<Option<AuditRow>, StoreError> {
        let mut newest: Option<AuditRow> = None;
        for action in actions.iter().take(16) {
            let row = sqlx::query(
                "select scope, sequence, at, actor, action, subject, details, previous, hash from audit \
                 where subject = $1 and action = $2 order by at desc, sequence desc limit 1",
            )
            .bind(subject.to_owned())
            .bind((*action).to_owned())
            .fetch_optional(&self.pool)
            .await?;
            let found = row.as_ref().map(read_row).transpose()?;
            let is_newer = |found: &AuditRow| {
                newest.as_ref().is_none_or(|held| (found.at, found.sequence) > (held.at, held.sequence))
            };
            newest = found.filter(is_newer).or(newest);
        }
        Ok(newest)
    }
}

fn read_row(row: &AnyRow) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        scope: row.try_get(0)?,
        sequence: row.try_get(1)?,
        at: Timestamp(row.try_get(2)?),
        actor: row.try_get(3)?,
        action: row.try_get(4)?,
        subject: row.try_get(5)?,
        details: row.try_get(6)?,
        previous: row.try_get(7)?,
        hash: row.try_get(8)?,
    })
}

pub(crate) fn hash_of(row: &AuditRow) -> String {
    let (sequence, at) = (row.sequence.to_be_bytes(), row.at.0.to_be_bytes());
    let fields: [&[u8]; 9] = [
        DOMAIN.as_bytes(),
        row.scope.as_bytes(),
        &sequence,
        &at,
        row.actor.as_bytes(),
        row.action.as_bytes(),
        row.subject.as_bytes(),
        row.details.as_bytes(),
        row.previous.as_bytes(),
    ];
    let mut hash = Sha256::new();
    for field in fields {
        hash.update(u64::try_from(field.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(field);
    }
    hexadecimal(&hash.finalize())
}

fn details_as_json(details: &BTreeMap<&'static str, String>) -> String {
    let object = details.iter().map(|(name, value)| ((*name).to_owned(), value.clone().into())).collect();
    serde_json::Value::Object(object).to_string()
}

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
