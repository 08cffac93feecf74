//! What people call their second factors, and a passkey's own id. Left out on purpose: what proves one.

use crate::rows::checked;
use crate::{Store, StoreError};
use model::{AccountId, CredentialId, Scope};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most factors of an account that are read at once.
const MOST: i64 = 64;

/// What is kept of a second factor beside its credential.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FactorName {
    /// The credential.
    pub credential: CredentialId,
    /// What its holder calls it.
    pub name: String,
    /// A passkey's own id; `None` for everything else. No two are alike.
    pub handle: Option<String>,
}

impl Store {
    /// The names of an account's factors that were not taken away, in no order, at most 64.
    pub async fn factor_names(&self, account: AccountId) -> Result<Vec<FactorName>, StoreError> {
        let rows = sqlx::query(
            "select f.credential, f.name, f.handle from factor f join credential c on c.id = f.credential \
             where c.account = $1 and c.revoked is null limit $2",
        )
        .bind(account.to_string())
        .bind(MOST)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }
}

pub(crate) async fn set(
    connection: &mut AnyConnection,
    factor: &FactorName,
    scope: &Scope,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into factor (credential, scope, name, handle) values ($1, $2, $3, $4) \
         on conflict (credential) do update set name = excluded.name",
    )
    .bind(factor.credential.to_string())
    .bind(scope.to_string())
    .bind(factor.name.clone())
    .bind(factor.handle.clone())
    .execute(connection)
    .await
    .map_err(|error| crate::change::taken(error, "a passkey"))?;
    Ok(())
}

fn read(row: &AnyRow) -> Result<FactorName, StoreError> {
    Ok(FactorName {
        credential: checked(row, 0, ("factor", "credential", "a UUID"), CredentialId::parse)?,
        name: row.try_get(1)?,
        handle: row.try_get(2)?,
    })
}
