//! Recovery ("break-glass") accounts: who owns them, when each was last tried, and which is to go. Left out on purpose: who
//! may ask for what (`identity::Administrators`), and the account itself, which is one as every other.

use crate::rows::checked;
use crate::{Store, StoreError};
use model::{AccountId, PersonId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::BTreeSet;

/// The most recovery accounts and owners that are read at once.
const MOST: i64 = 1_000;

/// A recovery account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryRecord {
    /// The account.
    pub account: AccountId,
    /// Its number: the first is 1.
    pub number: u32,
    /// Who keeps what opens it.
    pub owners: BTreeSet<PersonId>,
    /// When it was last tried, or made.
    pub tried: Timestamp,
    /// The leader who wants it gone.
    pub asked_by: Option<PersonId>,
    /// The leader who agreed, and from when on it may be done.
    pub agreed: Option<(PersonId, Timestamp)>,
}

/// A change of recovery accounts.
#[derive(Clone, Debug)]
pub enum RecoveryChange {
    /// Makes an account one, owned by these.
    Make {
        /// What is kept of it.
        record: RecoveryRecord,
        /// Whose record it is.
        scope: Scope,
    },
    /// Gives it other owners.
    Own {
        /// Which.
        account: AccountId,
        /// Who from now on.
        owners: BTreeSet<PersonId>,
        /// Whose record it is.
        scope: Scope,
    },
    /// Notes that it was tried, and worked.
    Tried {
        /// Which.
        account: AccountId,
        /// When.
        at: Timestamp,
    },
    /// Notes who wants it gone, and who agreed; nobody where both are `None`.
    SetDeletion {
        /// Which.
        account: AccountId,
        /// Who asked.
        asked_by: Option<PersonId>,
        /// Who agreed, and from when on it may be done.
        agreed: Option<(PersonId, Timestamp)>,
    },
}

impl Store {
    /// The recovery accounts whose account is not closed, by number.
    pub async fn recovery_accounts(&self) -> Result<Vec<RecoveryRecord>, StoreError> {
        let rows = sqlx::query(
            "select r.account, r.number, r.tried, r.asked_by, r.agreed_by, r.agreed_until from recovery_account r \
             join account a on a.id = r.account where a.state <> 'closed' order by r.number limit $1",
        )
        .bind(MOST)
        .fetch_all(&self.pool)
        .await?;
        let owners = sqlx::query("select account, person from recovery_owner limit $1")
            .bind(MOST)
            .fetch_all(&self.pool)
            .await?;
        let owners: Vec<(AccountId, PersonId)> = owners.iter().map(read_owner).collect::<Result<_, _>>()?;
        let with_owners = |row: &AnyRow| {
            let mut record = read(row)?;
            let theirs = owners.iter().filter(|(account, _)| *account == record.account);
            record.owners = theirs.map(|(_, person)| *person).collect();
            Ok(record)
        };
        rows.iter().map(with_owners).collect()
    }
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &RecoveryChange) -> Result<(), StoreError> {
    match change {
        RecoveryChange::Make { record, scope } => make(connection, record, scope).await,
        RecoveryChange::Own { account, owners, scope } => {
            let old = sqlx::query("delete from recovery_owner where account = $1").bind(account.to_string());
            old.execute(&mut *connection).await?;
            add_owners(connection, *account, owners, scope).await
        }
        RecoveryChange::Tried { account, at } => {
            let update = sqlx::query("update recovery_account set tried = $2 where account = $1");
            one(update.bind(account.to_string()).bind(at.0).execute(connection).await?.rows_affected())
        }
        RecoveryChange::SetDeletion { account, asked_by, agreed } => {
            let update = sqlx::query(
                "update recovery_account set asked_by = $2, agreed_by = $3, agreed_until = $4 where account = $1",
            )
            .bind(account.to_string())
            .bind(asked_by.map(|person| person.to_string()))
            .bind(agreed.map(|(person, _)| person.to_string()))
            .bind(agreed.map(|(_, until)| until.0));
            one(update.execute(connection).await?.rows_affected())
        }
    }
}

async fn make(
    connection: &mut AnyConnection,
    record: &RecoveryRecord,
    scope: &Scope,
) -> Result<(), StoreError> {
    sqlx::query("insert into recovery_account (account, scope, number, tried) values ($1, $2, $3, $4)")
        .bind(record.account.to_string())
        .bind(scope.to_string())
        .bind(i64::from(record.number))
        .bind(record.tried.0)
        .execute(&mut *connection)
        .await
        .map_err(|error| crate::change::taken(error, "a recovery account's number"))?;
    add_owners(connection, record.account, &record.owners, scope).await
}

async fn add_owners(
    connection: &mut AnyConnection,
    account: AccountId,
    owners: &BTreeSet<PersonId>,
    scope: &Scope,
) -> Result<(), StoreError> {
    for owner in owners {
        sqlx::query("insert into recovery_owner (account, scope, person) values ($1, $2, $3)")
            .bind(account.to_string())
            .bind(scope.to_string())
            .bind(owner.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<RecoveryRecord, StoreError> {
    let person = |place: usize, column: &'static str| -> Result<Option<PersonId>, StoreError> {
        match row.try_get::<Option<String>, _>(place)? {
            None => Ok(None),
            Some(text) => PersonId::parse(&text).map(Some).ok_or(StoreError::UnreadableRow {
                table: "recovery_account",
                column,
                expected: "a UUID",
            }),
        }
    };
    let number: i64 = row.try_get(1)?;
    let until = row.try_get::<Option<i64>, _>(5)?.map(Timestamp);
    Ok(RecoveryRecord {
        account: checked(row, 0, ("recovery_account", "account", "a UUID"), AccountId::parse)?,
        number: u32::try_from(number).map_err(|_| StoreError::UnreadableRow {
            table: "recovery_account",
            column: "number",
            expected: "a small number",
        })?,
        owners: BTreeSet::new(),
        tried: Timestamp(row.try_get(2)?),
        asked_by: person(3, "asked_by")?,
        agreed: person(4, "agreed_by")?.zip(until),
    })
}

fn read_owner(row: &AnyRow) -> Result<(AccountId, PersonId), StoreError> {
    let account = checked(row, 0, ("recovery_owner", "account", "a UUID"), AccountId::parse)?;
    Ok((account, checked(row, 1, ("recovery_owner", "person", "a UUID"), PersonId::parse)?))
}

fn one(rows: u64) -> Result<(), StoreError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict { expected: "the recovery account to be there" })
    }
}
