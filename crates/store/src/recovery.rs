//! Recovery ("break-glass") accounts: who owns them, when each was last tried, and what leaders want of them. Left out on
//! purpose: who may ask for what (`identity::Administrators`), and the account itself, which is one as every other.

use crate::rows::checked;
use crate::{Account, Store, StoreError};
use model::{AccountId, PersonId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::BTreeSet;

/// The most recovery accounts, wishes and owners that are read at once.
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
}

/// What leaders want of a recovery account, or of one that there is not yet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryWish {
    /// The number of the account.
    pub number: u32,
    /// What is wanted.
    pub want: RecoveryWant,
    /// The owners that are wanted; nobody where it is to go.
    pub owners: BTreeSet<PersonId>,
    /// When it was asked for.
    pub asked: Timestamp,
    /// The leader who asked.
    pub asked_by: PersonId,
    /// The leader who agreed, and from when on it may be carried out.
    pub agreed: Option<(PersonId, Timestamp)>,
}

/// What is wanted of a recovery account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryWant {
    /// It goes.
    Delete,
    /// It gets other owners.
    Own,
    /// It is made.
    Make,
}

impl RecoveryWant {
    fn slug(self) -> &'static str {
        match self {
            Self::Delete => "delete",
            Self::Own => "own",
            Self::Make => "make",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Delete, Self::Own, Self::Make].into_iter().find(|want| want.slug() == text)
    }
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
    /// Makes a closed recovery account one anew, by another number and login: a person has one account of each kind, and may
    /// stand for another recovery account when the one of before is gone. What is closed in any other way stays closed.
    MakeAgain {
        /// The account as it is from now on, open; its id and whose it is are as they were.
        account: Box<Account>,
        /// What is kept of it.
        record: RecoveryRecord,
        /// Whose record it is.
        scope: Scope,
    },
    /// Gives it other owners, one of whom it stands for from now on.
    Own {
        /// Which.
        account: AccountId,
        /// For whom it stands.
        stands_for: PersonId,
        /// Who owns it.
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
    /// Notes what is wanted of a number, in the place of what was.
    SetWish {
        /// What, and who agreed.
        wish: RecoveryWish,
        /// Whose record it is.
        scope: Scope,
    },
    /// Forgets what is wanted of a number; nothing is no mistake.
    EndWish {
        /// Which.
        number: u32,
    },
}

impl Store {
    /// The recovery accounts whose account is not closed, by number.
    pub async fn recovery_accounts(&self) -> Result<Vec<RecoveryRecord>, StoreError> {
        let rows = sqlx::query(
            "select r.account, r.number, r.tried from recovery_account r \
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

    /// What leaders want of recovery accounts, by number.
    pub async fn recovery_wishes(&self) -> Result<Vec<RecoveryWish>, StoreError> {
        let rows = sqlx::query(
            "select number, want, asked, asked_by, agreed_by, agreed_until from recovery_wish order by number limit $1",
        )
        .bind(MOST)
        .fetch_all(&self.pool)
        .await?;
        let owners = sqlx::query("select number, person from recovery_wish_owner limit $1")
            .bind(MOST)
            .fetch_all(&self.pool)
            .await?;
        let owners: Vec<(u32, PersonId)> = owners.iter().map(read_wish_owner).collect::<Result<_, _>>()?;
        let with_owners = |row: &AnyRow| {
            let mut wish = read_wish(row)?;
            let theirs = owners.iter().filter(|(number, _)| *number == wish.number);
            wish.owners = theirs.map(|(_, person)| *person).collect();
            Ok(wish)
        };
        rows.iter().map(with_owners).collect()
    }

    /// The highest number that a recovery account ever had, closed ones too; 0 where there was none.
    pub async fn highest_recovery_number(&self) -> Result<u32, StoreError> {
        let row = sqlx::query("select coalesce(max(number), 0) from recovery_account");
        number(&row.fetch_one(&self.pool).await?, "recovery_account")
    }
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &RecoveryChange) -> Result<(), StoreError> {
    match change {
        RecoveryChange::Make { record, scope } => make(connection, record, scope).await,
        RecoveryChange::MakeAgain { account, record, scope } => {
            make_again(connection, account, record, scope).await
        }
        RecoveryChange::Own { account, stands_for, owners, scope } => {
            let stands = sqlx::query("update account set person = $2 where id = $1");
            let stands = stands.bind(account.to_string()).bind(stands_for.to_string());
            let stands = stands.execute(&mut *connection).await;
            one(stands.map_err(taken)?.rows_affected())?;
            let old = sqlx::query("delete from recovery_owner where account = $1").bind(account.to_string());
            old.execute(&mut *connection).await?;
            add_owners(connection, *account, owners, scope).await
        }
        RecoveryChange::Tried { account, at } => {
            let update = sqlx::query("update recovery_account set tried = $2 where account = $1");
            one(update.bind(account.to_string()).bind(at.0).execute(connection).await?.rows_affected())
        }
        RecoveryChange::SetWish { wish, scope } => set_wish(connection, wish, scope).await,
        RecoveryChange::EndWish { number } => end_wish(connection, *number).await,
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

async fn make_again(
    connection: &mut AnyConnection,
    account: &Account,
    record: &RecoveryRecord,
    scope: &Scope,
) -> Result<(), StoreError> {
    let open = sqlx::query(
        "update account set login = $2, state = 'open', starts = $3, ends = null, must_change = 0, created = $3, \
         created_by = $4, ended = $3 where id = $1 and person = $5 and kind = 'break-glass' and state = 'closed'",
    )
    .bind(account.id.to_string())
    .bind(account.login.clone())
    .bind(account.created.0)
    .bind(account.created_by.clone())
    .bind(account.person.to_string())
    .execute(&mut *connection)
    .await
    .map_err(|error| crate::change::taken(error, "a login"))?;
    one(open.rows_affected())?;
    let old = record.account.to_string();
    for text in
        ["delete from recovery_owner where account = $1", "delete from recovery_account where account = $1"]
    {
        sqlx::query(text).bind(old.clone()).execute(&mut *connection).await?;
    }
    make(connection, record, scope).await
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

async fn set_wish(
    connection: &mut AnyConnection,
    wish: &RecoveryWish,
    scope: &Scope,
) -> Result<(), StoreError> {
    end_wish(&mut *connection, wish.number).await?;
    sqlx::query(
        "insert into recovery_wish (number, scope, want, asked, asked_by, agreed_by, agreed_until) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(i64::from(wish.number))
    .bind(scope.to_string())
    .bind(wish.want.slug())
    .bind(wish.asked.0)
    .bind(wish.asked_by.to_string())
    .bind(wish.agreed.map(|(person, _)| person.to_string()))
    .bind(wish.agreed.map(|(_, until)| until.0))
    .execute(&mut *connection)
    .await?;
    for owner in &wish.owners {
        sqlx::query("insert into recovery_wish_owner (number, scope, person) values ($1, $2, $3)")
            .bind(i64::from(wish.number))
            .bind(scope.to_string())
            .bind(owner.to_string())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn end_wish(connection: &mut AnyConnection, number: u32) -> Result<(), StoreError> {
    for text in
        ["delete from recovery_wish_owner where number = $1", "delete from recovery_wish where number = $1"]
    {
        sqlx::query(text).bind(i64::from(number)).execute(&mut *connection).await?;
    }
    Ok(())
}

fn read(row: &AnyRow) -> Result<RecoveryRecord, StoreError> {
    let number: i64 = row.try_get(1)?;
    Ok(RecoveryRecord {
        account: checked(row, 0, ("recovery_account", "account", "a UUID"), AccountId::parse)?,
        number: small(number, "recovery_account")?,
        owners: BTreeSet::new(),
        tried: Timestamp(row.try_get(2)?),
    })
}

fn read_owner(row: &AnyRow) -> Result<(AccountId, PersonId), StoreError> {
    let account = checked(row, 0, ("recovery_owner", "account", "a UUID"), AccountId::parse)?;
    Ok((account, checked(row, 1, ("recovery_owner", "person", "a UUID"), PersonId::parse)?))
}

fn read_wish(row: &AnyRow) -> Result<RecoveryWish, StoreError> {
    let agreed_by = match row.try_get::<Option<String>, _>(4)? {
        None => None,
        Some(text) => Some(PersonId::parse(&text).ok_or(StoreError::UnreadableRow {
            table: "recovery_wish",
            column: "agreed_by",
            expected: "a UUID",
        })?),
    };
    let until = row.try_get::<Option<i64>, _>(5)?.map(Timestamp);
    Ok(RecoveryWish {
        number: number(row, "recovery_wish")?,
        want: checked(row, 1, ("recovery_wish", "want", "delete, own or make"), RecoveryWant::parse)?,
        owners: BTreeSet::new(),
        asked: Timestamp(row.try_get(2)?),
        asked_by: checked(row, 3, ("recovery_wish", "asked_by", "a UUID"), PersonId::parse)?,
        agreed: agreed_by.zip(until),
    })
}

fn read_wish_owner(row: &AnyRow) -> Result<(u32, PersonId), StoreError> {
    let person = checked(row, 1, ("recovery_wish_owner", "person", "a UUID"), PersonId::parse)?;
    Ok((number(row, "recovery_wish_owner")?, person))
}

/// The number in the first column.
fn number(row: &AnyRow, table: &'static str) -> Result<u32, StoreError> {
    small(row.try_get(0)?, table)
}

fn small(number: i64, table: &'static str) -> Result<u32, StoreError> {
    let expected = "a small number";
    u32::try_from(number).map_err(|_| StoreError::UnreadableRow { table, column: "number", expected })
}

fn taken(error: sqlx::Error) -> StoreError {
    crate::change::taken(error, "somebody's place in a recovery account")
}

fn one(rows: u64) -> Result<(), StoreError> {
    if rows == 1 {
        Ok(())
    } else {
        Err(StoreError::Conflict { expected: "the recovery account to be there" })
    }
}
