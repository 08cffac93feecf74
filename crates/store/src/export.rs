//! Requests for a part of the records: what was asked for and by whom, who decided, what was made, and each step of its
//! custody. Steps are only added.

use crate::alert::optional;
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{CustodyStep, ExportId, ExportKind, ExportState, LawfulBasis, PersonId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most requests that are read at once.
pub const MOST_EXPORTS: usize = 1_000;
/// The most steps of one request's custody.
pub const MOST_CUSTODY: usize = 5_000;

/// What somebody asks for on behalf of somebody outside.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewExport {
    /// Its id.
    pub id: ExportId,
    /// Whose record it is, and how far it reaches.
    pub scope: Scope,
    /// Our reference: `EX-4K7P-2WQX`.
    pub reference: String,
    /// Who asks.
    pub kind: ExportKind,
    /// On what ground.
    pub basis: LawfulBasis,
    /// The person or organisation that asks, as typed.
    pub requester: String,
    /// Their own reference; may be empty.
    pub their_reference: String,
    /// What for.
    pub purpose: String,
    /// Whose requests; `None`: everybody's.
    pub person: Option<PersonId>,
    /// From when, and until before when.
    pub period: (Timestamp, Timestamp),
    /// The name of the hold that keeps the rows, where one does.
    pub hold: Option<String>,
    /// When, and by whom, as the audit log writes it.
    pub asked: (Timestamp, String),
}

/// A request as it stands in the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ExportRecord {
    /// What was asked for.
    pub asked: NewExport,
    /// How far it has got.
    pub state: ExportState,
    /// When it was decided, by whom and why.
    pub decided: Option<(Timestamp, String, String)>,
    /// The pack, where it is made.
    pub made: Option<MadePack>,
}

/// A pack that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MadePack {
    /// When.
    pub at: Timestamp,
    /// How long it is.
    pub bytes: i64,
    /// Requests in it.
    pub requests: i64,
    /// The SHA-256 of its manifest.
    pub manifest: String,
}

/// A step of a pack's custody.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CustodyEntry {
    /// When.
    pub at: Timestamp,
    /// Who, as the audit log writes it.
    pub actor: String,
    /// What.
    pub step: CustodyStep,
    /// In words; may be empty.
    pub words: String,
}

/// A change of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ExportChange {
    /// Puts one down.
    Ask(Box<NewExport>),
    /// Approves it or turns it down, where nobody has yet.
    Decide {
        /// The request.
        id: ExportId,
        /// Approved or refused.
        state: ExportState,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
        /// Why.
        why: String,
    },
    /// Notes the pack that was made of an approved one, or made anew of one that has one.
    Made(ExportId, MadePack),
    /// Adds a step to its custody.
    Step(ExportId, CustodyEntry),
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &ExportChange) -> Result<(), StoreError> {
    let query = match change {
        ExportChange::Ask(new) => return ask(connection, new).await,
        ExportChange::Step(id, entry) => return add_step(connection, *id, entry).await,
        ExportChange::Decide { id, state, at, by, why } => sqlx::query(
            "update export_request set state = $2, decided_at = $3, decided_by = $4, decided_why = $5 \
             where id = $1 and state = 'asked'",
        )
        .bind(id.to_string())
        .bind(state.slug())
        .bind(at.0)
        .bind(by.clone())
        .bind(why.clone()),
        ExportChange::Made(id, made) => sqlx::query(
            "update export_request set state = 'made', made_at = $2, bytes = $3, requests = $4, manifest = $5 \
             where id = $1 and state in ('approved', 'made')",
        )
        .bind(id.to_string())
        .bind(made.at.0)
        .bind(made.bytes)
        .bind(made.requests)
        .bind(made.manifest.clone()),
    };
    if query.execute(connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict { expected: "a request that nobody has decided or made meanwhile" });
    }
    Ok(())
}

async fn ask(connection: &mut AnyConnection, new: &NewExport) -> Result<(), StoreError> {
    sqlx::query(
        "insert into export_request (id, scope, reference, kind, basis, requester, their_reference, purpose, person, \
         starts, ends, hold, state, asked_at, asked_by) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, 'asked', $13, $14)",
    )
    .bind(new.id.to_string())
    .bind(new.scope.to_string())
    .bind(new.reference.clone())
    .bind(new.kind.slug())
    .bind(new.basis.slug())
    .bind(new.requester.clone())
    .bind(new.their_reference.clone())
    .bind(new.purpose.clone())
    .bind(new.person.map(|person| person.to_string()))
    .bind(new.period.0.0)
    .bind(new.period.1.0)
    .bind(new.hold.clone())
    .bind(new.asked.0.0)
    .bind(new.asked.1.clone())
    .execute(connection)
    .await?;
    Ok(())
}

async fn add_step(
    connection: &mut AnyConnection,
    id: ExportId,
    entry: &CustodyEntry,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into export_entry (export, sequence, at, actor, step, words) \
         select $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5 from export_entry where export = $1",
    )
    .bind(id.to_string())
    .bind(entry.at.0)
    .bind(entry.actor.clone())
    .bind(entry.step.slug())
    .bind(entry.words.clone())
    .execute(connection)
    .await?;
    Ok(())
}

const COLUMNS: &str = "id, scope, reference, kind, basis, requester, their_reference, purpose, person, starts, ends, hold, \
                       asked_at, asked_by, state, decided_at, decided_by, decided_why, made_at, bytes, requests, manifest";

impl Store {
    /// The request with this id.
    pub async fn export(&self, id: ExportId) -> Result<Option<ExportRecord>, StoreError> {
        let row =
            sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from export_request where id = $1")))
                .bind(id.to_string())
                .fetch_optional(&self.pool)
                .await?;
        row.as_ref().map(read).transpose()
    }

    /// The requests of these scopes, of the trust's all there are; those that wait first, then the newest first, at most
    /// [`MOST_EXPORTS`].
    pub async fn exports(&self, of: &[Scope]) -> Result<Vec<ExportRecord>, StoreError> {
        let places: Vec<String> = (1..=of.len()).map(|place| format!("${place}")).collect();
        let within = match of {
            [] => return Ok(Vec::new()),
            of if of.contains(&Scope::Trust) => String::new(),
            _ => format!("where scope in ({}) ", places.join(", ")),
        };
        let text = format!(
            "select {COLUMNS} from export_request {within}\
             order by case when state = 'asked' then 0 else 1 end, asked_at desc, id limit {MOST_EXPORTS}"
        );
        let mut query = sqlx::query(sqlx::AssertSqlSafe(text));
        if !within.is_empty() {
            for scope in of {
                query = query.bind(scope.to_string());
            }
        }
        query.fetch_all(&self.pool).await?.iter().map(read).collect()
    }

    /// The steps of a request's custody, oldest first, at most [`MOST_CUSTODY`].
    pub async fn custody(&self, id: ExportId) -> Result<Vec<CustodyEntry>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select at, actor, step, words from export_entry where export = $1 order by sequence limit {MOST_CUSTODY}"
        )))
        .bind(id.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(CustodyEntry {
                    at: Timestamp(row.try_get(0)?),
                    actor: row.try_get(1)?,
                    step: checked(row, 2, ("export_entry", "step", "a step"), CustodyStep::parse)?,
                    words: row.try_get(3)?,
                })
            })
            .collect()
    }
}

fn read(row: &AnyRow) -> Result<ExportRecord, StoreError> {
    let cell = |column, expected| ("export_request", column, expected);
    let decided: (Option<i64>, Option<String>, Option<String>) =
        (row.try_get(15)?, row.try_get(16)?, row.try_get(17)?);
    let made: (Option<i64>, Option<i64>, Option<i64>, Option<String>) =
        (row.try_get(18)?, row.try_get(19)?, row.try_get(20)?, row.try_get(21)?);
    Ok(ExportRecord {
        asked: NewExport {
            id: checked(row, 0, cell("id", "a UUID"), ExportId::parse)?,
            scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
            reference: row.try_get(2)?,
            kind: checked(row, 3, cell("kind", "a kind of request"), ExportKind::parse)?,
            basis: checked(row, 4, cell("basis", "a lawful basis"), LawfulBasis::parse)?,
            requester: row.try_get(5)?,
            their_reference: row.try_get(6)?,
            purpose: row.try_get(7)?,
            person: optional(row, 8, cell("person", "a UUID"), PersonId::parse)?,
            period: (Timestamp(row.try_get(9)?), Timestamp(row.try_get(10)?)),
            hold: row.try_get(11)?,
            asked: (Timestamp(row.try_get(12)?), row.try_get(13)?),
        },
        state: checked(row, 14, cell("state", "a state"), ExportState::parse)?,
        decided: match decided {
            (Some(at), Some(by), Some(why)) => Some((Timestamp(at), by, why)),
            _ => None,
        },
        made: match made {
            (Some(at), Some(bytes), Some(requests), Some(manifest)) => {
                Some(MadePack { at: Timestamp(at), bytes, requests, manifest })
            }
            _ => None,
        },
    })
}
