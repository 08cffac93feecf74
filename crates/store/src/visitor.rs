//! Pools of visitors' accounts, and the visitors' log: who had which account, whom they visited, why and when. Left out on
//! purpose: the accounts themselves, which are rows like any other.
//!
//! Invariants: an account of a pool is handed out once, and never after it was destroyed.

use crate::review::deed;
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{AccountId, PersonId, PoolId, Scope, Timestamp, VisitorState};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most pools that are read at once, newest first.
pub const MOST_POOLS: usize = 500;
/// The most accounts of visitors that are read at once, newest first.
pub const MOST_VISITORS: usize = 5_000;

/// A pool of visitors' accounts.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VisitorPool {
    /// Its id.
    pub id: PoolId,
    /// Whose.
    pub scope: Scope,
    /// What for: `Book fair`.
    pub purpose: String,
    /// Who invites.
    pub host: String,
    /// When it was made, and by whom, as the audit log writes it.
    pub made: (Timestamp, String),
    /// From when on none of its accounts works.
    pub ends: Timestamp,
}

/// An account of a pool, with who had it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VisitorAccount {
    /// The account.
    pub account: AccountId,
    /// Whose.
    pub scope: Scope,
    /// Of which pool.
    pub pool: PoolId,
    /// Its number in it, from 1.
    pub number: i64,
    /// Whom the records call its holder; never the visitor's own name.
    pub person: PersonId,
    /// The login.
    pub login: String,
    /// What became of it.
    pub state: VisitorState,
    /// Who has or had it; empty where nobody does.
    pub visitor: String,
    /// Whom they visit.
    pub host: String,
    /// Why.
    pub why: String,
    /// From when on it does not work.
    pub ends: Timestamp,
    /// When it was handed out, and by whom.
    pub issued: Option<(Timestamp, String)>,
    /// When it was destroyed, and by whom.
    pub destroyed: Option<(Timestamp, String)>,
}

/// Who takes an account of a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VisitorIssue {
    /// Which account.
    pub account: AccountId,
    /// Who takes it.
    pub visitor: String,
    /// Whom they visit.
    pub host: String,
    /// Why.
    pub why: String,
    /// From when on it does not work.
    pub ends: Timestamp,
    /// When.
    pub at: Timestamp,
    /// By whom it is handed out.
    pub by: String,
}

/// A change of pools.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum VisitorChange {
    /// Makes a pool with its accounts, whose own rows are there already.
    Add(Box<VisitorPool>, Vec<(AccountId, PersonId, String)>),
    /// Hands out an account that nobody has had.
    Issue(Box<VisitorIssue>),
    /// Notes that an account was destroyed.
    Destroy {
        /// Which.
        account: AccountId,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &VisitorChange) -> Result<(), StoreError> {
    let update = match change {
        VisitorChange::Add(pool, accounts) => return add(connection, pool, accounts).await,
        VisitorChange::Issue(issue) => sqlx::query(
            "update visitor_account set state = 'issued', visitor = $2, host = $3, why = $4, ends = $5, issued_at = $6, \
             issued_by = $7 where account = $1 and state = 'ready'",
        )
        .bind(issue.account.to_string())
        .bind(issue.visitor.clone())
        .bind(issue.host.clone())
        .bind(issue.why.clone())
        .bind(issue.ends.0)
        .bind(issue.at.0)
        .bind(issue.by.clone()),
        VisitorChange::Destroy { account, at, by } => sqlx::query(
            "update visitor_account set state = 'destroyed', destroyed_at = $2, destroyed_by = $3 \
             where account = $1 and state <> 'destroyed'",
        )
        .bind(account.to_string())
        .bind(at.0)
        .bind(by.clone()),
    };
    if update.execute(connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict { expected: "a visitor's account that nobody took meanwhile" });
    }
    Ok(())
}

async fn add(
    connection: &mut AnyConnection,
    pool: &VisitorPool,
    accounts: &[(AccountId, PersonId, String)],
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into visitor_pool (id, scope, purpose, host, made_at, made_by, ends) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(pool.id.to_string())
    .bind(pool.scope.to_string())
    .bind(pool.purpose.clone())
    .bind(pool.host.clone())
    .bind(pool.made.0.0)
    .bind(pool.made.1.clone())
    .bind(pool.ends.0)
    .execute(&mut *connection)
    .await?;
    for (number, (account, person, login)) in (1_i64..).zip(accounts) {
        sqlx::query(
            "insert into visitor_account (account, scope, pool, number, person, login, state, visitor, host, why, ends) \
             values ($1, $2, $3, $4, $5, $6, 'ready', '', '', '', $7)",
        )
        .bind(account.to_string())
        .bind(pool.scope.to_string())
        .bind(pool.id.to_string())
        .bind(number)
        .bind(person.to_string())
        .bind(login.clone())
        .bind(pool.ends.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

const COLUMNS: &str = "account, scope, pool, number, person, login, state, visitor, host, why, ends, issued_at, issued_by, \
                       destroyed_at, destroyed_by";

impl Store {
    /// Pools of visitors' accounts, newest first, at most [`MOST_POOLS`].
    pub async fn visitor_pools(&self) -> Result<Vec<VisitorPool>, StoreError> {
        let text = format!(
            "select id, scope, purpose, host, made_at, made_by, ends from visitor_pool order by made_at desc, id \
             limit {MOST_POOLS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&self.pool).await?;
        rows.iter().map(read_pool).collect()
    }

    /// The accounts of a pool, by number.
    pub async fn visitors_of(&self, pool: PoolId) -> Result<Vec<VisitorAccount>, StoreError> {
        let text = format!("select {COLUMNS} from visitor_account where pool = $1 order by number limit $2");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(pool.to_string()).bind(crate::read::LIMIT);
        query.fetch_all(&self.pool).await?.iter().map(read_visitor).collect()
    }

    /// Accounts that were handed out, newest first, at most [`MOST_VISITORS`].
    pub async fn visitors_log(&self) -> Result<Vec<VisitorAccount>, StoreError> {
        let text = format!(
            "select {COLUMNS} from visitor_account where issued_at is not null order by issued_at desc, account \
             limit {MOST_VISITORS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&self.pool).await?;
        rows.iter().map(read_visitor).collect()
    }

    /// True for whoever has, or had, an account of a pool.
    pub async fn is_visitor(&self, person: PersonId) -> Result<bool, StoreError> {
        let query = sqlx::query("select 1 from visitor_account where person = $1 limit 1");
        let row = query.bind(person.to_string()).fetch_optional(&self.pool).await?;
        Ok(row.is_some())
    }

    /// Accounts of pools whose time is over and that are not destroyed, at most [`MOST_VISITORS`].
    pub async fn visitors_over(&self, now: Timestamp) -> Result<Vec<VisitorAccount>, StoreError> {
        let text = format!(
            "select {COLUMNS} from visitor_account where state <> 'destroyed' and ends <= $1 order by ends, account \
             limit {MOST_VISITORS}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(now.0);
        query.fetch_all(&self.pool).await?.iter().map(read_visitor).collect()
    }
}

fn read_pool(row: &AnyRow) -> Result<VisitorPool, StoreError> {
    let cell = |column, expected| ("visitor_pool", column, expected);
    Ok(VisitorPool {
        id: checked(row, 0, cell("id", "a UUID"), PoolId::parse)?,
        scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
        purpose: row.try_get(2)?,
        host: row.try_get(3)?,
        made: (Timestamp(row.try_get(4)?), row.try_get(5)?),
        ends: Timestamp(row.try_get(6)?),
    })
}

fn read_visitor(row: &AnyRow) -> Result<VisitorAccount, StoreError> {
    let cell = |column, expected| ("visitor_account", column, expected);
    Ok(VisitorAccount {
        account: checked(row, 0, cell("account", "a UUID"), AccountId::parse)?,
        scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
        pool: checked(row, 2, cell("pool", "a UUID"), PoolId::parse)?,
        number: row.try_get(3)?,
        person: checked(row, 4, cell("person", "a UUID"), PersonId::parse)?,
        login: row.try_get(5)?,
        state: checked(row, 6, cell("state", "a state"), VisitorState::parse)?,
        visitor: row.try_get(7)?,
        host: row.try_get(8)?,
        why: row.try_get(9)?,
        ends: Timestamp(row.try_get(10)?),
        issued: deed(row, 11)?,
        destroyed: deed(row, 13)?,
    })
}
