//! Accounts and what opens them, and how they are read. Left out on purpose: comparing a secret with its verifier.

use crate::rows::checked;
use crate::{Store, StoreError};
use model::{
    AccountId, AccountKind, AccountState, Actor, CredentialId, CredentialKind, Person, PersonId, Role, Scope,
    Timestamp,
};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::collections::BTreeSet;
use std::fmt;

/// The most credentials of an account that are read at once: a password, a few apps and keys, ten recovery codes.
const MOST_CREDENTIALS: i64 = 64;
/// The most fingerprints of a person's earlier passwords that are read at once, newest first.
const MOST_FINGERPRINTS: i64 = 64;

/// The columns of an account, in the order in which they are read.
const ACCOUNT: &str = "id, person, kind, login, state, starts, ends, must_change, created, created_by, scope";

/// Somebody's way to sign in: a login, and whether it may be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Account {
    /// Its id.
    pub id: AccountId,
    /// Whose it is.
    pub person: PersonId,
    /// What it is for.
    pub kind: AccountKind,
    /// The login, lower case.
    pub login: String,
    /// Whether it may be used.
    pub state: AccountState,
    /// From when on it may.
    pub starts: Timestamp,
    /// From when on it may not any more; `None`: it does not end by itself.
    pub ends: Option<Timestamp>,
    /// True where its holder must choose a password before anything else.
    pub must_change: bool,
    /// When it was made.
    pub created: Timestamp,
    /// By whom, as the audit log writes it.
    pub created_by: String,
    /// Whose record it is.
    pub scope: Scope,
}

impl Account {
    /// An account of somebody that was never used: its holder must choose a password first. It does not end by itself.
    pub fn new(id: AccountId, person: &Person, kind: AccountKind, created: Timestamp, by: &Actor) -> Self {
        Self {
            id,
            person: person.id,
            kind,
            login: person.login.clone(),
            state: AccountState::Pending,
            starts: created,
            ends: None,
            must_change: true,
            created,
            created_by: by.to_string(),
            scope: Scope::Trust,
        }
    }

    /// True where somebody may sign in with it at a time.
    pub fn may_sign_in(&self, now: Timestamp) -> bool {
        self.state.may_sign_in() && self.starts <= now && self.ends.is_none_or(|ends| now < ends)
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("kind", &self.kind)
            .field("state", &self.state)
            .finish_non_exhaustive()
    }
}

/// Something that opens an account.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// Its id.
    pub id: CredentialId,
    /// The account that it opens.
    pub account: AccountId,
    /// What it is.
    pub kind: CredentialKind,
    /// What a secret is compared with: a hash, or a sealed secret. Empty once it is revoked.
    pub verifier: String,
    /// The last step that was taken of an app's codes; 0 for everything else.
    pub counter: i64,
    /// When it was made.
    pub created: Timestamp,
    /// From when on it does not work; `None`: it does not run out.
    pub expires: Option<Timestamp>,
    /// When it last worked.
    pub last_worked: Option<Timestamp>,
    /// When it was revoked.
    pub revoked: Option<Timestamp>,
}

impl Credential {
    /// Something that opens an account from now on and does not run out.
    pub fn new(
        id: CredentialId,
        account: AccountId,
        kind: CredentialKind,
        verifier: String,
        created: Timestamp,
    ) -> Self {
        let (counter, expires, last_worked, revoked) = (0, None, None, None);
        Self { id, account, kind, verifier, counter, created, expires, last_worked, revoked }
    }

    /// True where it is neither revoked nor run out at a time.
    pub fn works(&self, now: Timestamp) -> bool {
        self.revoked.is_none() && self.expires.is_none_or(|expires| now < expires)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential").field("id", &self.id).field("kind", &self.kind).finish_non_exhaustive()
    }
}

impl Store {
    /// The account with this login, lower case.
    pub async fn account(&self, login: &str) -> Result<Option<Account>, StoreError> {
        let text = format!("select {ACCOUNT} from account where login = $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(login.to_owned());
        query.fetch_optional(&self.pool).await?.as_ref().map(read_account).transpose()
    }

    /// Every account of a person, oldest first; at most one of each kind.
    pub async fn accounts_of(&self, person: PersonId) -> Result<Vec<Account>, StoreError> {
        let text = format!("select {ACCOUNT} from account where person = $1 order by created, kind");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(person.to_string());
        query.fetch_all(&self.pool).await?.iter().map(read_account).collect()
    }

    /// Every account, in no order, at most [`MOST_ROWS`](crate::MOST_ROWS).
    pub async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let text = format!("select {ACCOUNT} from account limit $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(crate::read::LIMIT);
        let rows = query.fetch_all(&self.pool).await?;
        crate::read::bounded(rows.len(), "account")?;
        rows.iter().map(read_account).collect()
    }

    /// Every account of these kinds that is not closed, oldest first, at most [`MOST_ROWS`](crate::MOST_ROWS).
    pub async fn accounts_of_kinds(&self, kinds: &[AccountKind]) -> Result<Vec<Account>, StoreError> {
        let text = format!(
            "select {ACCOUNT} from account where kind = $1 and state <> 'closed' order by created, id limit $2"
        );
        let mut found = Vec::new();
        for kind in kinds {
            let query = sqlx::query(sqlx::AssertSqlSafe(text.clone()));
            let query = query.bind(kind.slug()).bind(crate::read::LIMIT);
            let rows = query.fetch_all(&self.pool).await?;
            crate::read::bounded(rows.len(), "account")?;
            for row in &rows {
                found.push(read_account(row)?);
            }
        }
        Ok(found)
    }

    /// Who has one of these roles anywhere.
    pub async fn people_with(&self, roles: &[Role]) -> Result<BTreeSet<PersonId>, StoreError> {
        let mut found = BTreeSet::new();
        for role in roles {
            let query = sqlx::query("select distinct person from affiliation where role = $1 limit $2");
            let query = query.bind(role.slug()).bind(crate::read::LIMIT);
            let rows = query.fetch_all(&self.pool).await?;
            crate::read::bounded(rows.len(), "affiliation")?;
            for row in &rows {
                found.insert(checked(row, 0, ("affiliation", "person", "a UUID"), PersonId::parse)?);
            }
        }
        Ok(found)
    }

    /// What opens an account, revoked ones left out, oldest first, at most 64.
    pub async fn credentials(&self, account: AccountId) -> Result<Vec<Credential>, StoreError> {
        let rows = sqlx::query(
            "select id, account, kind, verifier, counter, created, expires, last_worked, revoked from credential \
             where account = $1 and revoked is null order by created, id limit $2",
        )
        .bind(account.to_string())
        .bind(MOST_CREDENTIALS)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_credential).collect()
    }

    /// The fingerprints of passwords that somebody has or had in any of their accounts, newest first, at most 64.
    pub async fn password_fingerprints(&self, person: PersonId) -> Result<Vec<String>, StoreError> {
        let rows = sqlx::query(
            "select fingerprint from password_fingerprint where person = $1 order by noted desc limit $2",
        )
        .bind(person.to_string())
        .bind(MOST_FINGERPRINTS)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(row.try_get(0)?)).collect()
    }

    /// Whose sessions were ended from outside after a moment, and when, oldest first.
    pub async fn ended_after(&self, after: Timestamp) -> Result<Vec<(PersonId, Timestamp)>, StoreError> {
        let rows =
            sqlx::query("select person, ended from account where ended > $1 order by ended, person limit $2")
                .bind(after.0)
                .bind(crate::read::LIMIT)
                .fetch_all(&self.pool)
                .await?;
        let read = |row: &AnyRow| {
            let person = checked(row, 0, ("account", "person", "a UUID"), PersonId::parse)?;
            Ok((person, Timestamp(row.try_get(1)?)))
        };
        rows.iter().map(read).collect()
    }

    /// How many passwords are kept, and how many of them as a hash that begins with `prefix`.
    pub async fn count_hashes(&self, prefix: &str) -> Result<(u64, u64), StoreError> {
        let row = sqlx::query(
            "select count(*), coalesce(cast(sum(case when substr(verifier, 1, $1) = $2 then 1 else 0 end) as bigint), 0) \
             from credential where kind in ('password', 'temporary') and revoked is null",
        )
        .bind(i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX))
        .bind(prefix.to_owned())
        .fetch_one(&self.pool)
        .await?;
        let (all, matching): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((u64::try_from(all).unwrap_or(0), u64::try_from(matching).unwrap_or(0)))
    }

    /// What is known of all accounts at once, for the checks of clauses.
    pub async fn accounts_seen(&self) -> Result<AccountsSeen, StoreError> {
        let row = sqlx::query(
            "select \
             (select count(*) from account where state in ('pending', 'open')), \
             (select count(*) from credential where kind = 'temporary' and revoked is null and expires is null), \
             (select count(*) from credential c join account a on a.id = c.account where c.kind = 'temporary' \
                and c.revoked is null and a.must_change = 0), \
             (select count(*) from account where kind = 'guest' and state in ('pending', 'open') and ends is null)",
        )
        .fetch_one(&self.pool)
        .await?;
        let count = |place: usize| -> Result<u64, StoreError> {
            Ok(u64::try_from(row.try_get::<i64, _>(place)?).unwrap_or(0))
        };
        Ok(AccountsSeen {
            usable: count(0)?,
            temporary_without_end: count(1)?,
            temporary_that_stay: count(2)?,
            guests_without_end: count(3)?,
        })
    }
}

/// What is known of all accounts at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AccountsSeen {
    /// Accounts that may be used.
    pub usable: u64,
    /// Temporary passwords that never run out: there should be none.
    pub temporary_without_end: u64,
    /// Temporary passwords that need not be changed: there should be none.
    pub temporary_that_stay: u64,
    /// Visitors' accounts that do not end by themselves.
    pub guests_without_end: u64,
}

fn read_account(row: &AnyRow) -> Result<Account, StoreError> {
    Ok(Account {
        id: checked(row, 0, ("account", "id", "a UUID"), AccountId::parse)?,
        person: checked(row, 1, ("account", "person", "a UUID"), PersonId::parse)?,
        kind: checked(row, 2, ("account", "kind", "a kind of account"), AccountKind::parse)?,
        login: row.try_get(3)?,
        state: checked(row, 4, ("account", "state", "a state of accounts"), AccountState::parse)?,
        starts: Timestamp(row.try_get(5)?),
        ends: row.try_get::<Option<i64>, _>(6)?.map(Timestamp),
        must_change: row.try_get::<i64, _>(7)? != 0,
        created: Timestamp(row.try_get(8)?),
        created_by: row.try_get(9)?,
        scope: checked(row, 10, ("account", "scope", "a scope"), Scope::parse)?,
    })
}

fn read_credential(row: &AnyRow) -> Result<Credential, StoreError> {
    let moment = |place: usize| -> Result<Option<Timestamp>, StoreError> {
        Ok(row.try_get::<Option<i64>, _>(place)?.map(Timestamp))
    };
    Ok(Credential {
        id: checked(row, 0, ("credential", "id", "a UUID"), CredentialId::parse)?,
        account: checked(row, 1, ("credential", "account", "a UUID"), AccountId::parse)?,
        kind: checked(row, 2, ("credential", "kind", "a kind of credential"), CredentialKind::parse)?,
        verifier: row.try_get(3)?,
        counter: row.try_get(4)?,
        created: Timestamp(row.try_get(5)?),
        expires: moment(6)?,
        last_worked: moment(7)?,
        revoked: moment(8)?,
    })
}
