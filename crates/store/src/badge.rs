//! Badges and pictures, with which the youngest sign in. Left out on purpose: their secrets, and when they count.
//!
//! Invariants: a person has one badge at most that is not void; a void one never works again; no secret is in a row.

use crate::change::taken;
use crate::read::{LIMIT, bounded};
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{AccountId, ClassId, CredentialId, PersonId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::collections::HashMap;
use std::fmt;

/// A badge as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Badge {
    /// Its id.
    pub id: CredentialId,
    /// Whose it is.
    pub person: PersonId,
    /// The account that it opens.
    pub account: AccountId,
    /// When it was made.
    pub made: Timestamp,
    /// From when on it opens nothing.
    pub expires: Timestamp,
    /// When it last opened its account.
    pub last_used: Option<Timestamp>,
    /// From when on it is void.
    pub voided: Option<Timestamp>,
}

/// A badge to make.
#[derive(Clone)]
pub struct NewBadge {
    /// What is kept of it but for its secret.
    pub badge: Badge,
    /// The keyed hash of its secret.
    pub secret_hash: String,
    /// The keyed hash of its short code.
    pub code_hash: String,
    /// Whose record it is.
    pub scope: Scope,
}

/// The pictures of a child.
#[derive(Clone, PartialEq, Eq)]
pub struct Pictures {
    /// Whose they are.
    pub person: PersonId,
    /// The account that they open.
    pub account: AccountId,
    /// The hash that they are compared with.
    pub verifier: String,
    /// When they were chosen.
    pub made: Timestamp,
    /// When they last opened their account.
    pub last_used: Option<Timestamp>,
}

impl fmt::Debug for Pictures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pictures").field("person", &self.person).finish_non_exhaustive()
    }
}

/// A change of badges and pictures.
#[derive(Clone)]
pub enum BadgeChange {
    /// Makes a badge, and voids every other one of its person.
    Make(NewBadge),
    /// Voids whatever badge a person has; one that is void already is no mistake.
    Void {
        /// Whose.
        person: PersonId,
        /// When.
        at: Timestamp,
    },
    /// Notes that a badge opened its account, and only where it still works and the account may be used.
    Used {
        /// Which.
        badge: CredentialId,
        /// When.
        at: Timestamp,
    },
    /// Puts pictures in the place of those that a child has.
    SetPictures {
        /// The pictures.
        pictures: Pictures,
        /// Whose record it is.
        scope: Scope,
    },
    /// Notes that the pictures with this verifier opened their account, and only where they still do and it may be used.
    PicturesUsed {
        /// Whose.
        person: PersonId,
        /// The hash that they were compared with.
        verifier: String,
        /// When.
        at: Timestamp,
    },
    /// Takes a child's pictures away.
    TakePictures {
        /// Whose.
        person: PersonId,
    },
}

/// The columns of a badge, in the order in which they are read.
const BADGE: &str = "b.id, b.person, b.account, b.made, b.expires, b.last_used, b.voided";
/// Who learns in the class `$1` at `$2`.
const LEARNS: &str =
    "m.class = $1 and m.part = 'learner' and m.starts <= $2 and (m.ends is null or m.ends > $2)";

impl Store {
    /// The badge, void or not, whose secret or whose short code has this keyed hash.
    pub async fn badge(&self, hash: &str) -> Result<Option<Badge>, StoreError> {
        let text = format!("select {BADGE} from badge b where b.secret_hash = $1 or b.code_hash = $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(hash.to_owned());
        query.fetch_optional(&self.pool).await?.as_ref().map(read_badge).transpose()
    }

    /// The badges of a class's learners that work at a time, by person.
    pub async fn badges_of_class(
        &self,
        class: ClassId,
        now: Timestamp,
    ) -> Result<HashMap<PersonId, Badge>, StoreError> {
        let text = format!(
            "select {BADGE} from badge b join class_member m on m.person = b.person \
             where {LEARNS} and b.voided is null and b.expires > $2 limit $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(class.to_string()).bind(now.0).bind(LIMIT);
        let rows = query.fetch_all(&self.pool).await?;
        bounded(rows.len(), "badge")?;
        rows.iter().map(|row| read_badge(row).map(|badge| (badge.person, badge))).collect()
    }

    /// The pictures of a class's learners, by person.
    pub async fn pictures_of_class(
        &self,
        class: ClassId,
        now: Timestamp,
    ) -> Result<HashMap<PersonId, Pictures>, StoreError> {
        let text = format!(
            "select p.person, p.account, p.verifier, p.made, p.last_used from picture_pin p \
             join class_member m on m.person = p.person where {LEARNS} limit $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(class.to_string()).bind(now.0).bind(LIMIT);
        let rows = query.fetch_all(&self.pool).await?;
        bounded(rows.len(), "picture_pin")?;
        rows.iter().map(|row| read_pictures(row).map(|held| (held.person, held))).collect()
    }

    /// The pictures of a child, where they have some.
    pub async fn pictures_of(&self, person: PersonId) -> Result<Option<Pictures>, StoreError> {
        let query = sqlx::query(
            "select person, account, verifier, made, last_used from picture_pin where person = $1",
        );
        let row = query.bind(person.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read_pictures).transpose()
    }

    /// When each learner of a class last signed in with anything, as far as they ever did.
    pub async fn last_signed_in(
        &self,
        class: ClassId,
        now: Timestamp,
    ) -> Result<HashMap<PersonId, Timestamp>, StoreError> {
        let text = format!(
            "select seen.person, max(seen.at) from (\
             select m.person as person, c.last_worked as at from class_member m join account a on a.person = m.person \
               join credential c on c.account = a.id where {LEARNS} and c.last_worked is not null \
             union all select m.person, b.last_used from class_member m join badge b on b.person = m.person \
               where {LEARNS} and b.last_used is not null \
             union all select m.person, p.last_used from class_member m join picture_pin p on p.person = m.person \
               where {LEARNS} and p.last_used is not null) as seen group by seen.person limit $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(class.to_string()).bind(now.0).bind(LIMIT);
        let rows = query.fetch_all(&self.pool).await?;
        bounded(rows.len(), "class_member")?;
        rows.iter()
            .map(|row| {
                let person = checked(row, 0, ("class_member", "person", "a UUID"), PersonId::parse)?;
                Ok((person, Timestamp(row.try_get(1)?)))
            })
            .collect()
    }
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &BadgeChange) -> Result<(), StoreError> {
    match change {
        BadgeChange::Make(new) => make(connection, new).await,
        BadgeChange::Void { person, at } => void(connection, *person, *at).await,
        BadgeChange::Used { badge, at } => {
            let update = sqlx::query(
                "update badge set last_used = $2 where id = $1 and voided is null and expires > $2 \
                 and exists (select 1 from account a where a.id = badge.account and a.state in ('pending', 'open'))",
            );
            let done = update.bind(badge.to_string()).bind(at.0).execute(connection).await?;
            one(done.rows_affected(), "a badge that works, of an account in use")
        }
        BadgeChange::SetPictures { pictures, scope } => set_pictures(connection, pictures, scope).await,
        BadgeChange::PicturesUsed { person, verifier, at } => {
            let update = sqlx::query(
                "update picture_pin set last_used = $3 where person = $1 and verifier = $2 and exists \
                 (select 1 from account a where a.id = picture_pin.account and a.state in ('pending', 'open'))",
            );
            let update = update.bind(person.to_string()).bind(verifier.clone()).bind(at.0);
            one(update.execute(connection).await?.rows_affected(), "pictures that work, of an account in use")
        }
        BadgeChange::TakePictures { person } => {
            let gone = sqlx::query("delete from picture_pin where person = $1").bind(person.to_string());
            gone.execute(connection).await?;
            Ok(())
        }
    }
}

async fn make(connection: &mut AnyConnection, new: &NewBadge) -> Result<(), StoreError> {
    let badge = &new.badge;
    void(connection, badge.person, badge.made).await?;
    sqlx::query(
        "insert into badge (id, scope, person, account, secret_hash, code_hash, made, expires) \
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
    )
    .bind(badge.id.to_string())
    .bind(new.scope.to_string())
    .bind(badge.person.to_string())
    .bind(badge.account.to_string())
    .bind(new.secret_hash.clone())
    .bind(new.code_hash.clone())
    .bind(badge.made.0)
    .bind(badge.expires.0)
    .execute(connection)
    .await
    .map_err(|error| taken(error, "a badge's code"))?;
    Ok(())
}

async fn void(connection: &mut AnyConnection, person: PersonId, at: Timestamp) -> Result<(), StoreError> {
    let update = sqlx::query("update badge set voided = $2 where person = $1 and voided is null");
    update.bind(person.to_string()).bind(at.0).execute(connection).await?;
    Ok(())
}

async fn set_pictures(
    connection: &mut AnyConnection,
    pictures: &Pictures,
    scope: &Scope,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into picture_pin (person, scope, account, verifier, made) values ($1, $2, $3, $4, $5) \
         on conflict (person) do update set scope = excluded.scope, account = excluded.account, \
         verifier = excluded.verifier, made = excluded.made",
    )
    .bind(pictures.person.to_string())
    .bind(scope.to_string())
    .bind(pictures.account.to_string())
    .bind(pictures.verifier.clone())
    .bind(pictures.made.0)
    .execute(connection)
    .await?;
    Ok(())
}

fn one(rows: u64, expected: &'static str) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Conflict { expected }) }
}

fn read_badge(row: &AnyRow) -> Result<Badge, StoreError> {
    let moment = |place: usize| -> Result<Option<Timestamp>, StoreError> {
        Ok(row.try_get::<Option<i64>, _>(place)?.map(Timestamp))
    };
    Ok(Badge {
        id: checked(row, 0, ("badge", "id", "a UUID"), CredentialId::parse)?,
        person: checked(row, 1, ("badge", "person", "a UUID"), PersonId::parse)?,
        account: checked(row, 2, ("badge", "account", "a UUID"), AccountId::parse)?,
        made: Timestamp(row.try_get(3)?),
        expires: Timestamp(row.try_get(4)?),
        last_used: moment(5)?,
        voided: moment(6)?,
    })
}

fn read_pictures(row: &AnyRow) -> Result<Pictures, StoreError> {
    Ok(Pictures {
        person: checked(row, 0, ("picture_pin", "person", "a UUID"), PersonId::parse)?,
        account: checked(row, 1, ("picture_pin", "account", "a UUID"), AccountId::parse)?,
        verifier: row.try_get(2)?,
        made: Timestamp(row.try_get(3)?),
        last_used: row.try_get::<Option<i64>, _>(4)?.map(Timestamp),
    })
}
