//! Imports of people: the files as they were sent, what was answered about them, what became of them, and what the school's
//! system calls each person. Left out: what a file means, and what may follow on what.

use crate::alert::optional;
use crate::change::taken;
use crate::read::{LIMIT, bounded};
use crate::rows::checked;
use crate::{Store, StoreError};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::{ImportId, ImportKind, ImportState, PersonId, SchoolId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most imports that are read at once.
pub const MOST_IMPORTS: usize = 200;

/// An import to put down.
#[derive(Clone, PartialEq, Eq)]
pub struct NewImport {
    /// Its id.
    pub id: ImportId,
    /// The school whose people it is about.
    pub school: SchoolId,
    /// What it is for.
    pub kind: ImportKind,
    /// The file's name, as it was sent; empty where there is no file.
    pub name: String,
    /// The form, where somebody said it.
    pub format: Option<String>,
    /// How OneRoster's year groups are meant.
    pub grades: String,
    /// At a roll-over, the year group that leaves.
    pub leaving: Option<String>,
    /// The SHA-256 of the bytes, hexadecimal.
    pub hash: String,
    /// The bytes.
    pub content: Vec<u8>,
    /// When.
    pub at: Timestamp,
    /// By whom, as the audit log writes it.
    pub by: String,
}

/// An import as it stands in the records, without its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct ImportRecord {
    /// As it was put down, with no bytes.
    pub staged: NewImport,
    /// How far it has got.
    pub state: ImportState,
    /// True while the bytes are kept.
    pub has_content: bool,
    /// When it was applied or dropped, by whom and why.
    pub decided: Option<(Timestamp, String, String)>,
    /// What it did, in words, a line each; empty where it did nothing yet.
    pub outcome: String,
    /// What was before it, as JSON; `None` where it cannot be undone.
    pub before: Option<String>,
    /// When it was undone, by whom and why.
    pub undone: Option<(Timestamp, String, String)>,
}

/// What the school's system calls somebody.
#[derive(Clone, PartialEq, Eq)]
pub struct PersonSource {
    /// The id there.
    pub source: String,
    /// Who.
    pub person: PersonId,
    /// When they were born, `2016-09-01`, where a file said so.
    pub born: Option<String>,
    /// When an import took them off.
    pub left: Option<Timestamp>,
}

/// A change of imports. It holds names and files, so it is never printed.
#[derive(Clone)]
pub enum ImportChange {
    /// Puts one down.
    Stage(Box<NewImport>),
    /// Notes who a row is; no person: somebody new.
    Answer {
        /// The import.
        id: ImportId,
        /// The school.
        school: SchoolId,
        /// The id in the file.
        source: String,
        /// Who it is.
        person: Option<PersonId>,
    },
    /// Notes that it was applied, where nobody has decided yet.
    Apply {
        /// The import.
        id: ImportId,
        /// When.
        at: Timestamp,
        /// By whom, and why.
        by: (String, String),
        /// What it did, in words.
        outcome: String,
        /// What was before, as JSON.
        before: String,
    },
    /// Notes that it was dropped, where nobody has decided yet.
    Drop {
        /// The import.
        id: ImportId,
        /// When.
        at: Timestamp,
        /// By whom, and why.
        by: (String, String),
    },
    /// Notes that an applied one was undone.
    Undo {
        /// The import.
        id: ImportId,
        /// When.
        at: Timestamp,
        /// By whom, and why.
        by: (String, String),
    },
    /// Notes what the school's system calls somebody; an earlier id of theirs there goes.
    Link {
        /// The school.
        school: SchoolId,
        /// The id, who, and when they were born.
        link: PersonSource,
        /// When.
        at: Timestamp,
    },
    /// Notes that somebody left, or is there again.
    SetLeft {
        /// The school.
        school: SchoolId,
        /// Who.
        person: PersonId,
        /// When they left.
        left: Option<Timestamp>,
    },
    /// Forgets what somebody is called there.
    Unlink {
        /// The school.
        school: SchoolId,
        /// Who.
        person: PersonId,
    },
    /// Forgets the bytes of imports that were decided before a time, and what was before them; answers too.
    Forget {
        /// The time.
        before: Timestamp,
    },
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &ImportChange) -> Result<(), StoreError> {
    match change {
        ImportChange::Stage(new) => stage(connection, new).await,
        ImportChange::Answer { id, school, source, person } => {
            sqlx::query(
                "insert into people_import_answer (import, scope, source, person) values ($1, $2, $3, $4) \
                 on conflict (import, source) do update set person = excluded.person",
            )
            .bind(id.to_string())
            .bind(scope(school))
            .bind(source.clone())
            .bind(person.map(|person| person.to_string()))
            .execute(connection)
            .await?;
            Ok(())
        }
        ImportChange::Apply { id, at, by, outcome, before } => {
            let update = sqlx::query(
                "update people_import set state = 'applied', decided_at = $2, decided_by = $3, decided_why = $4, \
                 outcome = $5, before = $6 where id = $1 and state = 'staged'",
            )
            .bind(id.to_string())
            .bind(at.0)
            .bind(by.0.clone())
            .bind(by.1.clone())
            .bind(outcome.clone())
            .bind(before.clone());
            one(update.execute(connection).await?.rows_affected())
        }
        ImportChange::Drop { id, at, by } => {
            let update = sqlx::query(
                "update people_import set state = 'dropped', decided_at = $2, decided_by = $3, decided_why = $4 \
                 where id = $1 and state = 'staged'",
            )
            .bind(id.to_string())
            .bind(at.0)
            .bind(by.0.clone())
            .bind(by.1.clone());
            one(update.execute(connection).await?.rows_affected())
        }
        ImportChange::Undo { id, at, by } => {
            let update = sqlx::query(
                "update people_import set state = 'undone', before = null, undone_at = $2, undone_by = $3, \
                 undone_why = $4 where id = $1 and state = 'applied'",
            )
            .bind(id.to_string())
            .bind(at.0)
            .bind(by.0.clone())
            .bind(by.1.clone());
            one(update.execute(connection).await?.rows_affected())
        }
        ImportChange::Link { school, link, at } => add_link(connection, school, link, *at).await,
        ImportChange::SetLeft { school, person, left } => {
            sqlx::query("update person_source set left_at = $3 where scope = $1 and person = $2")
                .bind(scope(school))
                .bind(person.to_string())
                .bind(left.map(|at| at.0))
                .execute(connection)
                .await?;
            Ok(())
        }
        ImportChange::Unlink { school, person } => unlink(connection, school, *person).await,
        ImportChange::Forget { before } => forget(connection, *before).await,
    }
}

async fn stage(connection: &mut AnyConnection, new: &NewImport) -> Result<(), StoreError> {
    sqlx::query(
        "insert into people_import (id, scope, kind, name, format, grades, leaving, hash, content, state, staged_at, \
         staged_by) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'staged', $10, $11)",
    )
    .bind(new.id.to_string())
    .bind(scope(&new.school))
    .bind(new.kind.slug())
    .bind(new.name.clone())
    .bind(new.format.clone())
    .bind(new.grades.clone())
    .bind(new.leaving.clone())
    .bind(new.hash.clone())
    .bind(STANDARD.encode(&new.content))
    .bind(new.at.0)
    .bind(new.by.clone())
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_link(
    connection: &mut AnyConnection,
    school: &SchoolId,
    link: &PersonSource,
    at: Timestamp,
) -> Result<(), StoreError> {
    unlink(connection, school, link.person).await?;
    sqlx::query(
        "insert into person_source (scope, source, person, born, noted, left_at) values ($1, $2, $3, $4, $5, $6)",
    )
    .bind(scope(school))
    .bind(link.source.clone())
    .bind(link.person.to_string())
    .bind(link.born.clone())
    .bind(at.0)
    .bind(link.left.map(|left| left.0))
    .execute(connection)
    .await
    .map_err(|error| taken(error, "an id of the school's system"))?;
    Ok(())
}

async fn unlink(
    connection: &mut AnyConnection,
    school: &SchoolId,
    person: PersonId,
) -> Result<(), StoreError> {
    let delete = sqlx::query("delete from person_source where scope = $1 and person = $2");
    delete.bind(scope(school)).bind(person.to_string()).execute(connection).await?;
    Ok(())
}

async fn forget(connection: &mut AnyConnection, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query(
        "delete from people_import_answer where import in \
         (select id from people_import where decided_at < $1 and state <> 'staged')",
    )
    .bind(before.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query(
        "update people_import set content = null, before = null where decided_at < $1 and state <> 'staged' \
         and (content is not null or before is not null)",
    )
    .bind(before.0)
    .execute(connection)
    .await?;
    Ok(())
}

fn one(rows: u64) -> Result<(), StoreError> {
    if rows == 1 {
        return Ok(());
    }
    Err(StoreError::Conflict { expected: "an import that nobody has decided on or undone meanwhile" })
}

fn scope(school: &SchoolId) -> String {
    Scope::School(school.clone()).to_string()
}

const COLUMNS: &str = "id, scope, kind, name, format, grades, leaving, hash, state, \
                       case when content is null then 0 else 1 end, staged_at, staged_by, decided_at, decided_by, \
                       decided_why, outcome, before, undone_at, undone_by, undone_why";

impl Store {
    /// The import with this id, without its bytes.
    pub async fn import(&self, id: ImportId) -> Result<Option<ImportRecord>, StoreError> {
        let text = format!("select {COLUMNS} from people_import where id = $1");
        let row =
            sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.to_string()).fetch_optional(&self.pool).await?;
        row.as_ref().map(read).transpose()
    }

    /// Every import, those that wait first, then the newest first, at most [`MOST_IMPORTS`]; without bytes.
    pub async fn imports(&self) -> Result<Vec<ImportRecord>, StoreError> {
        let text = format!(
            "select {COLUMNS} from people_import \
             order by case when state = 'staged' then 0 else 1 end, staged_at desc, id limit {MOST_IMPORTS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// The bytes of an import, as they were sent; `None` once they are forgotten.
    pub async fn import_content(&self, id: ImportId) -> Result<Option<Vec<u8>>, StoreError> {
        let query = sqlx::query("select content from people_import where id = $1").bind(id.to_string());
        let Some(row) = query.fetch_optional(&self.pool).await? else { return Ok(None) };
        let text: Option<String> = row.try_get(0)?;
        let decode = |text: String| {
            let unreadable = |_| StoreError::UnreadableRow {
                table: "people_import",
                column: "content",
                expected: "base64",
            };
            STANDARD.decode(text).map_err(unreadable)
        };
        text.map(decode).transpose()
    }

    /// Who rows of an import are, as somebody answered: the id in the file, and who; `None`: somebody new.
    pub async fn import_answers(&self, id: ImportId) -> Result<Vec<(String, Option<PersonId>)>, StoreError> {
        let rows = sqlx::query(
            "select source, person from people_import_answer where import = $1 order by source limit $2",
        )
        .bind(id.to_string())
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        let cell = ("people_import_answer", "person", "a UUID");
        rows.iter().map(|row| Ok((row.try_get(0)?, optional(row, 1, cell, PersonId::parse)?))).collect()
    }

    /// What a school's system calls its people, in no order.
    pub async fn person_sources(&self, school: &SchoolId) -> Result<Vec<PersonSource>, StoreError> {
        let rows =
            sqlx::query("select source, person, born, left_at from person_source where scope = $1 limit $2")
                .bind(scope(school))
                .bind(LIMIT)
                .fetch_all(&self.pool)
                .await?;
        bounded(rows.len(), "person_source")?;
        let read = |row: &AnyRow| {
            Ok(PersonSource {
                source: row.try_get(0)?,
                person: checked(row, 1, ("person_source", "person", "a UUID"), PersonId::parse)?,
                born: row.try_get(2)?,
                left: row.try_get::<Option<i64>, _>(3)?.map(Timestamp),
            })
        };
        rows.iter().map(read).collect()
    }

    /// Accounts that have a password of whatever kind, in no order.
    pub async fn accounts_with_password(&self) -> Result<Vec<model::AccountId>, StoreError> {
        let rows = sqlx::query(
            "select distinct account from credential where kind in ('password', 'temporary') and revoked is null limit $1",
        )
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "credential")?;
        let cell = ("credential", "account", "a UUID");
        rows.iter().map(|row| checked(row, 0, cell, model::AccountId::parse)).collect()
    }
}

fn read(row: &AnyRow) -> Result<ImportRecord, StoreError> {
    let cell = |column, expected| ("people_import", column, expected);
    let school = |text: &str| match Scope::parse(text)? {
        Scope::School(school) => Some(school),
        Scope::Trust => None,
    };
    let deed = |place: usize| -> Result<Option<(Timestamp, String, String)>, StoreError> {
        let cells: (Option<i64>, Option<String>, Option<String>) =
            (row.try_get(place)?, row.try_get(place + 1)?, row.try_get(place + 2)?);
        Ok(match cells {
            (Some(at), Some(by), Some(why)) => Some((Timestamp(at), by, why)),
            _ => None,
        })
    };
    Ok(ImportRecord {
        staged: NewImport {
            id: checked(row, 0, cell("id", "a UUID"), ImportId::parse)?,
            school: checked(row, 1, cell("scope", "a school"), school)?,
            kind: checked(row, 2, cell("kind", "a kind of import"), ImportKind::parse)?,
            name: row.try_get(3)?,
            format: row.try_get(4)?,
            grades: row.try_get(5)?,
            leaving: row.try_get(6)?,
            hash: row.try_get(7)?,
            content: Vec::new(),
            at: Timestamp(row.try_get(10)?),
            by: row.try_get(11)?,
        },
        state: checked(row, 8, cell("state", "a state"), ImportState::parse)?,
        has_content: row.try_get::<i64, _>(9)? != 0,
        decided: deed(12)?,
        outcome: row.try_get::<Option<String>, _>(15)?.unwrap_or_default(),
        before: row.try_get(16)?,
        undone: deed(17)?,
    })
}
