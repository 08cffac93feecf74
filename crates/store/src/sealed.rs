//! The sealed records of the youngest learners' passwords, and the keys of classes that they are wrapped by. Left out on
//! purpose: every key that opens anything.
//!
//! Invariants: a row cannot be read without the school's key, which is nowhere in the records; each row has an end.

use crate::read::{LIMIT, bounded};
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{AccountId, ClassId, PersonId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::HashSet;
use std::fmt;

/// The most records that are read at once; the others come after the last of them.
const MOST_AT_ONCE: i64 = 500;

/// A record as it is kept.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedRow {
    /// The child.
    pub person: PersonId,
    /// The class whose key wraps the record's own.
    pub class: ClassId,
    /// The account that the password opens.
    pub account: AccountId,
    /// Counted up with each password of the child.
    pub version: u64,
    /// The record's own key under the class's, in hexadecimal.
    pub wrapped_key: String,
    /// The password under the record's own key, in hexadecimal.
    pub body: String,
    /// When it was sealed.
    pub sealed: Timestamp,
    /// From when on it must not be there any more.
    pub ends: Timestamp,
    /// Whose record it is: the school's.
    pub scope: Scope,
}

impl fmt::Debug for SealedRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealedRow").field("person", &self.person).finish_non_exhaustive()
    }
}

/// A change of sealed records.
#[derive(Clone)]
pub enum SealedChange {
    /// Keeps the wrapped key of a class; where another is there already, that one stays and this is a conflict.
    KeepClassKey {
        /// Whose.
        class: ClassId,
        /// The key under the school's, in hexadecimal.
        wrapped: String,
        /// When.
        at: Timestamp,
        /// Whose record it is: the school's.
        scope: Scope,
    },
    /// Puts a record in the place of the child's earlier one.
    Put(SealedRow),
    /// Takes a child's record away; one that is gone already is no mistake.
    Remove {
        /// Whose.
        person: PersonId,
    },
}

impl Store {
    /// The wrapped key of a class, in hexadecimal.
    pub async fn class_key(&self, class: ClassId) -> Result<Option<String>, StoreError> {
        let query = sqlx::query("select wrapped from class_key where class = $1").bind(class.to_string());
        Ok(query.fetch_optional(&self.pool).await?.map(|row| row.try_get(0)).transpose()?)
    }

    /// The sealed record of a child, where there is one.
    pub async fn sealed_record(&self, person: PersonId) -> Result<Option<SealedRow>, StoreError> {
        let query = sqlx::query(
            "select person, class, account, version, wrapped_key, body, sealed, ends, scope from sealed_record \
             where person = $1",
        );
        let row = query.bind(person.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_sealed).transpose()
    }

    /// Whose sealed records are wrapped by the key of a class.
    pub async fn sealed_of_class(&self, class: ClassId) -> Result<HashSet<PersonId>, StoreError> {
        let query = sqlx::query("select person from sealed_record where class = $1 limit $2");
        let rows = query.bind(class.to_string()).bind(LIMIT).fetch_all(&self.pool).await?;
        bounded(rows.len(), "sealed_record")?;
        let person = |row| checked(row, 0, ("sealed_record", "person", "a UUID"), PersonId::parse);
        rows.iter().map(person).collect()
    }

    /// Sealed records after one, or from the first on: the one that ends first first, then by person, at most 500.
    pub async fn sealed_records(
        &self,
        after: Option<(Timestamp, PersonId)>,
    ) -> Result<Vec<SealedRow>, StoreError> {
        let (ends, person) =
            after.map_or((i64::MIN, String::new()), |(ends, person)| (ends.0, person.to_string()));
        let query = sqlx::query(
            "select person, class, account, version, wrapped_key, body, sealed, ends, scope from sealed_record \
             where ends > $1 or (ends = $1 and person > $2) order by ends, person limit $3",
        );
        let rows = query.bind(ends).bind(person).bind(MOST_AT_ONCE).fetch_all(&self.pool).await?;
        rows.iter().map(read_sealed).collect()
    }
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &SealedChange) -> Result<(), StoreError> {
    match change {
        SealedChange::KeepClassKey { class, wrapped, at, scope } => {
            let insert = sqlx::query(
                "insert into class_key (class, scope, wrapped, made) values ($1, $2, $3, $4) \
                 on conflict (class) do nothing",
            );
            let insert = insert.bind(class.to_string()).bind(scope.to_string());
            let insert = insert.bind(wrapped.clone()).bind(at.0);
            if insert.execute(&mut *connection).await?.rows_affected() == 0 {
                must_be_kept(connection, *class, wrapped).await?;
            }
        }
        SealedChange::Put(row) => put(connection, row).await?,
        SealedChange::Remove { person } => {
            let gone = sqlx::query("delete from sealed_record where person = $1").bind(person.to_string());
            gone.execute(connection).await?;
        }
    }
    Ok(())
}

/// What was sealed under another key than the one that stays would open never.
async fn must_be_kept(
    connection: &mut AnyConnection,
    class: ClassId,
    wrapped: &str,
) -> Result<(), StoreError> {
    let query = sqlx::query("select wrapped from class_key where class = $1").bind(class.to_string());
    let kept: String = query.fetch_one(connection).await?.try_get(0)?;
    if kept == wrapped {
        return Ok(());
    }
    Err(StoreError::Conflict { expected: "a class that had no key of its own" })
}

async fn put(connection: &mut AnyConnection, row: &SealedRow) -> Result<(), StoreError> {
    sqlx::query(
        "insert into sealed_record (person, scope, class, account, version, wrapped_key, body, sealed, ends) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9) on conflict (person) do update set scope = excluded.scope, \
         class = excluded.class, account = excluded.account, version = excluded.version, \
         wrapped_key = excluded.wrapped_key, body = excluded.body, sealed = excluded.sealed, ends = excluded.ends",
    )
    .bind(row.person.to_string())
    .bind(row.scope.to_string())
    .bind(row.class.to_string())
    .bind(row.account.to_string())
    .bind(i64::try_from(row.version).unwrap_or(i64::MAX))
    .bind(row.wrapped_key.clone())
    .bind(row.body.clone())
    .bind(row.sealed.0)
    .bind(row.ends.0)
    .execute(connection)
    .await?;
    Ok(())
}

fn read_sealed(row: &AnyRow) -> Result<SealedRow, StoreError> {
    Ok(SealedRow {
        person: checked(row, 0, ("sealed_record", "person", "a UUID"), PersonId::parse)?,
        class: checked(row, 1, ("sealed_record", "class", "a UUID"), ClassId::parse)?,
        account: checked(row, 2, ("sealed_record", "account", "a UUID"), AccountId::parse)?,
        version: u64::try_from(row.try_get::<i64, _>(3)?).unwrap_or(0),
        wrapped_key: row.try_get(4)?,
        body: row.try_get(5)?,
        sealed: Timestamp(row.try_get(6)?),
        ends: Timestamp(row.try_get(7)?),
        scope: checked(row, 8, ("sealed_record", "scope", "a scope"), Scope::parse)?,
    })
}
