//! Cases: the file, its timeline, what it is linked with, its circle. Lines are added and struck out, never taken away;
//! evidence is a copy with its hash.

use crate::alert::{optional, roles_as_text, roles_of_text};
use crate::audit::hexadecimal;
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{CaseEntryKind, CaseId, CaseLinkKind, CaseOutcome, PersonId, Role, Scope, Timestamp};
use sha2::{Digest, Sha256};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most cases that are read at once.
pub const MOST_CASES: usize = 2_000;
/// The most lines of a case's timeline, and of its links.
pub const MOST_CASE_LINES: usize = 5_000;

/// A case to open.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewCase {
    /// Its id.
    pub id: CaseId,
    /// Whose record it is.
    pub scope: Scope,
    /// What it is called; no name of a pupil belongs in it.
    pub title: String,
    /// When it was opened.
    pub at: Timestamp,
    /// By whom, as the audit log writes it.
    pub by: String,
    /// The roles whose holders may read it.
    pub readers: Vec<Role>,
    /// Whose work it is.
    pub owner: Option<PersonId>,
}

/// A change of a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CaseChange {
    /// Opens one.
    Open(NewCase),
    /// Adds a line to the timeline.
    Write(CaseId, CaseEntry),
    /// Strikes a line out; it stays readable.
    Strike {
        /// The case.
        id: CaseId,
        /// The line.
        sequence: i64,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
        /// Why.
        why: String,
    },
    /// Links it with something; what is frozen is copied with its hash.
    Link(CaseId, CaseLink),
    /// Puts somebody into the circle.
    AddReader {
        /// The case.
        id: CaseId,
        /// Who.
        person: PersonId,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
    /// Takes somebody out of the circle.
    RemoveReader {
        /// The case.
        id: CaseId,
        /// Who.
        person: PersonId,
        /// When.
        at: Timestamp,
    },
    /// Gives it to other roles to read than those who do.
    SetReaders(CaseId, Vec<Role>),
    /// Notes the reference of the school's own record.
    SetReference(CaseId, String),
    /// Closes it.
    Close(CaseId, CaseOutcome, Timestamp),
    /// Opens it again.
    Reopen(CaseId),
}

/// One line of a timeline.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseEntry {
    /// Its place, from 1; 0 before it is written.
    pub sequence: i64,
    /// When.
    pub at: Timestamp,
    /// Who, as the audit log writes it.
    pub actor: String,
    /// What it is.
    pub kind: CaseEntryKind,
    /// What it says.
    pub words: String,
    /// The reason, where it is a decision.
    pub reason: String,
    /// When it was struck out, by whom and why.
    pub struck: Option<(Timestamp, String, String)>,
}

/// One thing that a case is linked with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseLink {
    /// What.
    pub kind: CaseLinkKind,
    /// Its id.
    pub target: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// The copy, where it is evidence.
    pub frozen: Option<String>,
    /// The copy's SHA-256 as it was when it was made.
    pub hash: Option<String>,
}

impl CaseLink {
    /// A link without evidence.
    pub fn to(kind: CaseLinkKind, target: impl Into<String>, at: Timestamp, by: impl Into<String>) -> Self {
        Self { kind, target: target.into(), at, by: by.into(), frozen: None, hash: None }
    }

    /// The link, with a copy of what it leads to.
    #[must_use]
    pub fn frozen(mut self, copy: String) -> Self {
        self.hash = Some(hash_of(&copy));
        self.frozen = Some(copy);
        self
    }

    /// Whether the copy is still what was frozen; `None` where there is none.
    pub fn is_unchanged(&self) -> Option<bool> {
        let (frozen, hash) = (self.frozen.as_ref()?, self.hash.as_ref()?);
        Some(hash_of(frozen) == *hash)
    }
}

/// The SHA-256 of a text (UTF-8) in lower-case hexadecimal, as it stands with evidence and in facts.
pub fn hash_of(text: &str) -> String {
    hexadecimal(&Sha256::digest(text.as_bytes()))
}

/// A case as it stands in the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CaseRecord {
    /// Its id.
    pub id: CaseId,
    /// Whose record it is.
    pub scope: Scope,
    /// What it is called.
    pub title: String,
    /// When it was opened, and by whom.
    pub opened: (Timestamp, String),
    /// The roles whose holders may read it, where no circle is drawn.
    pub readers: Vec<Role>,
    /// Whose work it is.
    pub owner: Option<PersonId>,
    /// How it ended; `None` while it is open.
    pub outcome: Option<CaseOutcome>,
    /// When it was closed.
    pub closed_at: Option<Timestamp>,
    /// The reference of the school's own record.
    pub reference: Option<String>,
    /// Everybody in the circle now; where anybody is, nobody else reads it.
    pub circle: Vec<PersonId>,
    /// Everybody it is linked with.
    pub people: Vec<PersonId>,
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &CaseChange) -> Result<(), StoreError> {
    let query = match change {
        CaseChange::Open(new) => return open(connection, new).await,
        CaseChange::Write(id, entry) => return write(connection, *id, entry).await,
        CaseChange::Link(id, link) => return put_link(connection, *id, link).await,
        CaseChange::AddReader { id, person, at, by } => {
            sqlx::query("insert into case_reader (case_file, person, added_at, added_by) values ($1, $2, $3, $4)")
                .bind(id.to_string())
                .bind(person.to_string())
                .bind(at.0)
                .bind(by.clone())
        }
        CaseChange::RemoveReader { id, person, at } => sqlx::query(
            "update case_reader set removed_at = $3 where case_file = $1 and person = $2 and removed_at is null",
        )
        .bind(id.to_string())
        .bind(person.to_string())
        .bind(at.0),
        CaseChange::Strike { id, sequence, at, by, why } => sqlx::query(
            "update case_entry set struck_at = $3, struck_by = $4, struck_why = $5 \
             where case_file = $1 and sequence = $2 and struck_at is null",
        )
        .bind(id.to_string())
        .bind(*sequence)
        .bind(at.0)
        .bind(by.clone())
        .bind(why.clone()),
        CaseChange::SetReaders(id, readers) => {
            sqlx::query("update case_file set readers = $2 where id = $1 and readers <> $2")
                .bind(id.to_string())
                .bind(roles_as_text(readers))
        }
        CaseChange::SetReference(id, reference) => {
            sqlx::query("update case_file set reference = $2 where id = $1")
                .bind(id.to_string())
                .bind(reference.clone())
        }
        CaseChange::Close(id, outcome, at) => sqlx::query(
            "update case_file set state = 'closed', outcome = $2, closed_at = $3 where id = $1 and state = 'open'",
        )
        .bind(id.to_string())
        .bind(outcome.slug())
        .bind(at.0),
        CaseChange::Reopen(id) => sqlx::query(
            "update case_file set state = 'open', outcome = null, closed_at = null where id = $1 and state = 'closed'",
        )
        .bind(id.to_string()),
    };
    if query.execute(connection).await?.rows_affected() == 0 {
        return Err(StoreError::Conflict { expected: "a case that nobody has taken further meanwhile" });
    }
    Ok(())
}

async fn open(connection: &mut AnyConnection, new: &NewCase) -> Result<(), StoreError> {
    sqlx::query(
        "insert into case_file (id, scope, title, opened_at, opened_by, state, readers, owner) \
         values ($1, $2, $3, $4, $5, 'open', $6, $7)",
    )
    .bind(new.id.to_string())
    .bind(new.scope.to_string())
    .bind(new.title.clone())
    .bind(new.at.0)
    .bind(new.by.clone())
    .bind(roles_as_text(&new.readers))
    .bind(new.owner.map(|owner| owner.to_string()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write(connection: &mut AnyConnection, id: CaseId, entry: &CaseEntry) -> Result<(), StoreError> {
    sqlx::query(
        "insert into case_entry (case_file, sequence, at, actor, kind, words, reason) \
         select $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5, $6 from case_entry where case_file = $1",
    )
    .bind(id.to_string())
    .bind(entry.at.0)
    .bind(entry.actor.clone())
    .bind(entry.kind.slug())
    .bind(entry.words.clone())
    .bind(entry.reason.clone())
    .execute(connection)
    .await?;
    Ok(())
}

async fn put_link(connection: &mut AnyConnection, id: CaseId, link: &CaseLink) -> Result<(), StoreError> {
    sqlx::query(
        "insert into case_link (case_file, kind, target, linked_at, linked_by, frozen, hash) \
         values ($1, $2, $3, $4, $5, $6, $7) on conflict (case_file, kind, target) do nothing",
    )
    .bind(id.to_string())
    .bind(link.kind.slug())
    .bind(link.target.clone())
    .bind(link.at.0)
    .bind(link.by.clone())
    .bind(link.frozen.clone())
    .bind(link.hash.clone())
    .execute(connection)
    .await?;
    Ok(())
}

const COLUMNS: &str = "id, scope, title, opened_at, opened_by, readers, owner, outcome, closed_at, reference";

impl Store {
    /// The case with this id.
    pub async fn case(&self, id: CaseId) -> Result<Option<CaseRecord>, StoreError> {
        let row = sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from case_file where id = $1")))
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?;
        let Some(row) = row else { return Ok(None) };
        let mut case = read(&row)?;
        self.add_people(std::slice::from_mut(&mut case)).await?;
        Ok(Some(case))
    }

    /// Every case, open ones first, then the newest first, at most [`MOST_CASES`].
    pub async fn cases(&self) -> Result<Vec<CaseRecord>, StoreError> {
        self.cases_where("$1 = ''", String::new()).await
    }

    /// Open cases that these roles alone read, the newest first, at most [`MOST_CASES`].
    pub async fn open_cases_read_by(&self, readers: &[Role]) -> Result<Vec<CaseRecord>, StoreError> {
        self.cases_where("readers = $1 and state = 'open'", roles_as_text(readers)).await
    }

    async fn cases_where(
        &self,
        condition: &'static str,
        value: String,
    ) -> Result<Vec<CaseRecord>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select {COLUMNS} from case_file where {condition} \
             order by case when state = 'open' then 0 else 1 end, opened_at desc, id limit {MOST_CASES}"
        )))
        .bind(value)
        .fetch_all(&self.pool)
        .await?;
        let mut cases: Vec<CaseRecord> = rows.iter().map(read).collect::<Result<_, _>>()?;
        self.add_people(&mut cases).await?;
        Ok(cases)
    }

    /// Puts the circle and the linked people with each case: who may read it hangs on both.
    async fn add_people(&self, cases: &mut [CaseRecord]) -> Result<(), StoreError> {
        let only = match cases {
            [one] => one.id.to_string(),
            _ => String::new(),
        };
        let circle = self
            .people_of(
                "select case_file, person from case_reader where removed_at is null and ($1 = '' or case_file = $1) \
                 order by added_at",
                &only,
            )
            .await?;
        let linked = self
            .people_of(
                "select case_file, target from case_link where kind = 'person' and ($1 = '' or case_file = $1) \
                 order by linked_at",
                &only,
            )
            .await?;
        for case in cases {
            case.circle = of_case(&circle, case.id);
            case.people = of_case(&linked, case.id);
        }
        Ok(())
    }

    async fn people_of(
        &self,
        query: &'static str,
        only: &str,
    ) -> Result<Vec<(CaseId, PersonId)>, StoreError> {
        let rows = sqlx::query(query).bind(only.to_owned()).fetch_all(&self.pool).await?;
        if rows.len() > crate::MOST_ROWS {
            return Err(StoreError::TooMany { table: "case_link", most: crate::MOST_ROWS });
        }
        rows.iter()
            .map(|row| {
                Ok((
                    checked(row, 0, ("case_link", "case_file", "a UUID"), CaseId::parse)?,
                    checked(row, 1, ("case_link", "person", "a UUID"), PersonId::parse)?,
                ))
            })
            .collect()
    }

    /// A case's timeline, oldest first, at most [`MOST_CASE_LINES`].
    pub async fn case_entries(&self, id: CaseId) -> Result<Vec<CaseEntry>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select sequence, at, actor, kind, words, reason, struck_at, struck_by, struck_why from case_entry \
             where case_file = $1 order by sequence limit {MOST_CASE_LINES}"
        )))
        .bind(id.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_entry).collect()
    }

    /// What a case is linked with, oldest first, at most [`MOST_CASE_LINES`].
    pub async fn case_links(&self, id: CaseId) -> Result<Vec<CaseLink>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select kind, target, linked_at, linked_by, frozen, hash from case_link where case_file = $1 \
             order by linked_at, kind, target limit {MOST_CASE_LINES}"
        )))
        .bind(id.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(CaseLink {
                    kind: checked(row, 0, ("case_link", "kind", "a kind of link"), CaseLinkKind::parse)?,
                    target: row.try_get(1)?,
                    at: Timestamp(row.try_get(2)?),
                    by: row.try_get(3)?,
                    frozen: row.try_get(4)?,
                    hash: row.try_get(5)?,
                })
            })
            .collect()
    }
}

fn of_case(pairs: &[(CaseId, PersonId)], id: CaseId) -> Vec<PersonId> {
    pairs.iter().filter(|(case, _)| *case == id).map(|(_, person)| *person).collect()
}

fn read(row: &AnyRow) -> Result<CaseRecord, StoreError> {
    let cell = |column, expected| ("case_file", column, expected);
    Ok(CaseRecord {
        id: checked(row, 0, cell("id", "a UUID"), CaseId::parse)?,
        scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
        title: row.try_get(2)?,
        opened: (Timestamp(row.try_get(3)?), row.try_get(4)?),
        readers: checked(row, 5, cell("readers", "roles"), roles_of_text)?,
        owner: optional(row, 6, cell("owner", "a UUID"), PersonId::parse)?,
        outcome: optional(row, 7, cell("outcome", "an outcome"), CaseOutcome::parse)?,
        closed_at: row.try_get::<Option<i64>, _>(8)?.map(Timestamp),
        reference: row.try_get(9)?,
        circle: Vec::new(),
        people: Vec::new(),
    })
}

fn read_entry(row: &AnyRow) -> Result<CaseEntry, StoreError> {
    let struck: (Option<i64>, Option<String>, Option<String>) =
        (row.try_get(6)?, row.try_get(7)?, row.try_get(8)?);
    Ok(CaseEntry {
        sequence: row.try_get(0)?,
        at: Timestamp(row.try_get(1)?),
        actor: row.try_get(2)?,
        kind: checked(row, 3, ("case_entry", "kind", "a kind of line"), CaseEntryKind::parse)?,
        words: row.try_get(4)?,
        reason: row.try_get(5)?,
        struck: match struck {
            (Some(at), Some(by), Some(why)) => Some((Timestamp(at), by, why)),
            _ => None,
        },
    })
}
