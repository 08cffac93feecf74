//! The form of the records, in numbered steps. A step is run once, in a transaction, and never changed afterwards: the
//! hash of its text is kept, and another text under the same number is an error.

use crate::audit::hexadecimal;
use crate::{Store, StoreError};
use model::Timestamp;
use sha2::{Digest, Sha256};
use sqlx::Row;

/// Every step, oldest first, numbered from 1 without gaps.
const STEPS: [(i64, &str); 11] = [
    (1, include_str!("../migrations/0001_first.sql")),
    (2, include_str!("../migrations/0002_facts_by_action.sql")),
    (3, include_str!("../migrations/0003_alerts_and_cases.sql")),
    (4, include_str!("../migrations/0004_checkpoints.sql")),
    (5, include_str!("../migrations/0005_exports.sql")),
    (6, include_str!("../migrations/0006_accounts.sql")),
    (7, include_str!("../migrations/0007_factors.sql")),
    (8, include_str!("../migrations/0008_badges.sql")),
    (9, include_str!("../migrations/0009_imports.sql")),
    (10, include_str!("../migrations/0010_rights.sql")),
    (11, include_str!("../migrations/0011_recovery_wishes.sql")),
];

/// Brings the records to the newest form.
pub(crate) async fn run(store: &Store, now: Timestamp) -> Result<(), StoreError> {
    let _turn = store.writer.lock().await;
    sqlx::raw_sql(
        "create table if not exists migration (number bigint primary key, hash text not null, run_at bigint not null)",
    )
    .execute(&store.pool)
    .await?;
    let done =
        sqlx::query("select number, hash from migration order by number").fetch_all(&store.pool).await?;
    let newest = STEPS.iter().map(|(number, _)| *number).max().unwrap_or(0);
    let mut run_already = 0;
    for row in &done {
        let (number, hash): (i64, String) = (row.try_get(0)?, row.try_get(1)?);
        let Some((_, text)) = STEPS.iter().find(|(known, _)| *known == number) else {
            return Err(StoreError::TooNew { newest, found: number });
        };
        if hash != hash_of(text) {
            return Err(StoreError::MigrationChanged { number });
        }
        run_already = number;
    }
    for (number, text) in STEPS.iter().filter(|(number, _)| *number > run_already) {
        let mut transaction = store.pool.begin_with(store.begin).await?;
        sqlx::raw_sql(*text).execute(&mut *transaction).await?;
        sqlx::query("insert into migration (number, hash, run_at) values ($1, $2, $3)")
            .bind(*number)
            .bind(hash_of(text))
            .bind(now.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        tracing::info!(migration = number, "the records were brought to a new form");
    }
    Ok(())
}

fn hash_of(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}
