//! Counting facts of the audit chain, however many there are: the database counts, and no row is read for it.

use crate::{Store, StoreError};
use model::{Scope, Timestamp};
use sqlx::Row;

/// The most pairs of actor and subject of one action in one time.
const MOST_PAIRS: i64 = 50_000;

/// How often one actor did something to one subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactCount {
    /// Who, as the facts write it.
    pub actor: String,
    /// To whom or what.
    pub subject: String,
    /// How often.
    pub facts: u64,
}

impl Store {
    /// How often each actor did this to each subject at or after the first time and before the second, by actor and
    /// subject; 50,000 pairs at most, those with most facts.
    pub async fn count_facts(
        &self,
        scope: &Scope,
        action: &str,
        (from, until): (Timestamp, Timestamp),
    ) -> Result<Vec<FactCount>, StoreError> {
        let rows = sqlx::query(
            "select actor, subject, count(*) from audit \
             where scope = $1 and action = $2 and at >= $3 and at < $4 \
             group by actor, subject order by count(*) desc, actor, subject limit $5",
        )
        .bind(scope.to_string())
        .bind(action.to_owned())
        .bind(from.0)
        .bind(until.0)
        .bind(MOST_PAIRS)
        .fetch_all(&self.pool)
        .await?;
        let read = |row: &sqlx::any::AnyRow| {
            let facts: i64 = row.try_get(2)?;
            Ok(FactCount {
                actor: row.try_get(0)?,
                subject: row.try_get(1)?,
                facts: u64::try_from(facts).unwrap_or(0),
            })
        };
        rows.iter().map(read).collect()
    }
}
