//! Rights that are asked for, what became of each request, and the grants that approvals leave behind. Left out on
//! purpose: who approves what.
//!
//! Invariants: a request is decided once; the same right of the same person waits once; a grant keeps its row when it ends.

use crate::change::taken;
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{PersonId, RequestId, RequestState, RightsKind, Role, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most requests that are read at once.
pub const MOST_REQUESTS: usize = 1_000;

/// Rights that are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewRequest {
    /// Its id.
    pub id: RequestId,
    /// Where the role would hold.
    pub scope: Scope,
    /// What somebody would become.
    pub kind: RightsKind,
    /// Who. Of somebody new, the id that they will have.
    pub person: PersonId,
    /// The name and the login of somebody new; empty for all others.
    pub newcomer: (String, String),
    /// The role.
    pub role: Role,
    /// Why.
    pub why: String,
    /// When, and by whom, as the audit log writes it.
    pub asked: (Timestamp, String),
    /// When it lapses without an answer.
    pub lapses: Timestamp,
}

/// A request as it stands in the records.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RequestRecord {
    /// What was asked for.
    pub asked: NewRequest,
    /// How far it has got.
    pub state: RequestState,
    /// When it was said that it would lapse soon.
    pub warned: Option<Timestamp>,
    /// When it was decided, by whom and why.
    pub decided: Option<(Timestamp, String, String)>,
}

/// A right that was approved.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Grant {
    /// Who has it.
    pub person: PersonId,
    /// The role.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// The request that it came of; `None`: given at the machine.
    pub request: Option<RequestId>,
    /// When, and by whom, as the audit log writes it.
    pub approved: (Timestamp, String),
    /// By when somebody looks again.
    pub review_on: Timestamp,
}

/// A change of requests and grants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RightsChange {
    /// Puts a request down.
    Ask(Box<NewRequest>),
    /// Decides a request that still waits.
    Decide {
        /// The request.
        id: RequestId,
        /// What becomes of it.
        state: RequestState,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
        /// Why.
        why: String,
    },
    /// Notes that its end was warned of.
    Warned {
        /// The request.
        id: RequestId,
        /// When.
        at: Timestamp,
    },
    /// Notes a right that was approved; an earlier grant of the same right ends.
    Grant(Box<Grant>),
    /// Notes that a grant was looked at, and when it is next.
    Renew {
        /// Who has it.
        person: PersonId,
        /// The role.
        role: Role,
        /// Where.
        scope: Scope,
        /// By when somebody looks again.
        review_on: Timestamp,
    },
    /// Ends a grant; where there is none it is no mistake.
    End {
        /// Who has it.
        person: PersonId,
        /// The role.
        role: Role,
        /// Where.
        scope: Scope,
        /// When.
        at: Timestamp,
    },
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &RightsChange) -> Result<(), StoreError> {
    match change {
        RightsChange::Ask(new) => ask(connection, new).await,
        RightsChange::Grant(grant) => add_grant(connection, grant).await,
        RightsChange::Decide { id, state, at, by, why } => {
            let update = sqlx::query(
                "update rights_request set state = $2, decided_at = $3, decided_by = $4, decided_why = $5 \
                 where id = $1 and state = 'asked'",
            )
            .bind(id.to_string())
            .bind(state.slug())
            .bind(at.0)
            .bind(by.clone())
            .bind(why.clone());
            one(update.execute(connection).await?.rows_affected())
        }
        RightsChange::Warned { id, at } => {
            let update =
                sqlx::query("update rights_request set warned = $2 where id = $1 and state = 'asked'");
            one(update.bind(id.to_string()).bind(at.0).execute(connection).await?.rows_affected())
        }
        RightsChange::Renew { person, role, scope, review_on } => {
            let update = sqlx::query(
                "update rights_grant set review_on = $4 where person = $1 and role = $2 and scope = $3 and ended is null",
            );
            let update = update.bind(person.to_string()).bind(role.slug()).bind(scope.to_string());
            update.bind(review_on.0).execute(connection).await?;
            Ok(())
        }
        RightsChange::End { person, role, scope, at } => {
            end_grant(connection, (*person, *role, scope), *at).await
        }
    }
}

async fn ask(connection: &mut AnyConnection, new: &NewRequest) -> Result<(), StoreError> {
    sqlx::query(
        "insert into rights_request (id, scope, kind, person, new_name, new_login, role, why, state, asked_at, asked_by, \
         lapses) values ($1, $2, $3, $4, $5, $6, $7, $8, 'asked', $9, $10, $11)",
    )
    .bind(new.id.to_string())
    .bind(new.scope.to_string())
    .bind(new.kind.slug())
    .bind(new.person.to_string())
    .bind(new.newcomer.0.clone())
    .bind(new.newcomer.1.clone())
    .bind(new.role.slug())
    .bind(new.why.clone())
    .bind(new.asked.0.0)
    .bind(new.asked.1.clone())
    .bind(new.lapses.0)
    .execute(connection)
    .await
    .map_err(|error| taken(error, "a user name, or a right of this person,"))?;
    Ok(())
}

async fn add_grant(connection: &mut AnyConnection, grant: &Grant) -> Result<(), StoreError> {
    end_grant(&mut *connection, (grant.person, grant.role, &grant.scope), grant.approved.0).await?;
    sqlx::query(
        "insert into rights_grant (person, role, scope, request, approved_at, approved_by, review_on) \
         values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(grant.person.to_string())
    .bind(grant.role.slug())
    .bind(grant.scope.to_string())
    .bind(grant.request.map(|id| id.to_string()))
    .bind(grant.approved.0.0)
    .bind(grant.approved.1.clone())
    .bind(grant.review_on.0)
    .execute(connection)
    .await
    .map_err(|error| taken(error, "a grant of this right from this moment"))?;
    Ok(())
}

async fn end_grant(
    connection: &mut AnyConnection,
    (person, role, scope): (PersonId, Role, &Scope),
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "update rights_grant set ended = $4 where person = $1 and role = $2 and scope = $3 and ended is null",
    )
    .bind(person.to_string())
    .bind(role.slug())
    .bind(scope.to_string())
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

const COLUMNS: &str = "id, scope, kind, person, new_name, new_login, role, why, asked_at, asked_by, lapses, state, warned, \
                       decided_at, decided_by, decided_why";

impl Store {
    /// The request for rights with this id.
    pub async fn rights_request(&self, id: RequestId) -> Result<Option<RequestRecord>, StoreError> {
        let text = format!("select {COLUMNS} from rights_request where id = $1");
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(id.to_string());
        query.fetch_optional(&self.pool).await?.as_ref().map(read).transpose()
    }

    /// Requests for rights, those that wait first, then the newest first, at most [`MOST_REQUESTS`].
    pub async fn rights_requests(&self) -> Result<Vec<RequestRecord>, StoreError> {
        let text = format!(
            "select {COLUMNS} from rights_request \
             order by case when state = 'asked' then 0 else 1 end, asked_at desc, id limit {MOST_REQUESTS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&self.pool).await?;
        rows.iter().map(read).collect()
    }

    /// The rights that were approved and have not ended, in no order.
    pub async fn grants(&self) -> Result<Vec<Grant>, StoreError> {
        let rows = sqlx::query(
            "select person, role, scope, request, approved_at, approved_by, review_on from rights_grant \
             where ended is null limit $1",
        )
        .bind(crate::read::LIMIT)
        .fetch_all(&self.pool)
        .await?;
        crate::read::bounded(rows.len(), "rights_grant")?;
        rows.iter().map(read_grant).collect()
    }
}

fn read(row: &AnyRow) -> Result<RequestRecord, StoreError> {
    let cell = |column, expected| ("rights_request", column, expected);
    let decided: (Option<i64>, Option<String>, Option<String>) =
        (row.try_get(13)?, row.try_get(14)?, row.try_get(15)?);
    Ok(RequestRecord {
        asked: NewRequest {
            id: checked(row, 0, cell("id", "a UUID"), RequestId::parse)?,
            scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
            kind: checked(row, 2, cell("kind", "a kind of request"), RightsKind::parse)?,
            person: checked(row, 3, cell("person", "a UUID"), PersonId::parse)?,
            newcomer: (row.try_get(4)?, row.try_get(5)?),
            role: checked(row, 6, cell("role", "a role"), Role::parse)?,
            why: row.try_get(7)?,
            asked: (Timestamp(row.try_get(8)?), row.try_get(9)?),
            lapses: Timestamp(row.try_get(10)?),
        },
        state: checked(row, 11, cell("state", "a state"), RequestState::parse)?,
        warned: row.try_get::<Option<i64>, _>(12)?.map(Timestamp),
        decided: match decided {
            (Some(at), Some(by), Some(why)) => Some((Timestamp(at), by, why)),
            _ => None,
        },
    })
}

fn read_grant(row: &AnyRow) -> Result<Grant, StoreError> {
    let cell = |column, expected| ("rights_grant", column, expected);
    Ok(Grant {
        person: checked(row, 0, cell("person", "a UUID"), PersonId::parse)?,
        role: checked(row, 1, cell("role", "a role"), Role::parse)?,
        scope: checked(row, 2, cell("scope", "a scope"), Scope::parse)?,
        request: crate::alert::optional(row, 3, cell("request", "a UUID"), RequestId::parse)?,
        approved: (Timestamp(row.try_get(4)?), row.try_get(5)?),
        review_on: Timestamp(row.try_get(6)?),
    })
}

fn one(rows: u64) -> Result<(), StoreError> {
    if rows == 1 {
        return Ok(());
    }
    Err(StoreError::Conflict { expected: "a request that nobody has decided meanwhile" })
}
