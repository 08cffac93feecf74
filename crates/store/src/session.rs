//! Signed-in sessions: who, with which account, how, from where and until when.
//!
//! Invariants: the secret is in no row, only its SHA-256; a session of an account that may not be used is none.

use crate::rows::checked;
use crate::{Store, StoreError};
use model::{AccountId, AccountKind, PersonId, Scope, SessionId, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};
use std::net::IpAddr;

/// The most sessions of a person that are read at once, newest first.
const MOST_SESSIONS: i64 = 100;

/// A signed-in session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Session {
    /// What screens call it.
    pub id: SessionId,
    /// Who is signed in.
    pub person: PersonId,
    /// With which account.
    pub account: AccountId,
    /// What that account is for.
    pub account_kind: AccountKind,
    /// What it opens.
    pub kind: SessionKind,
    /// How far the sign-in has come.
    pub stage: SessionStage,
    /// How they signed in, as RFC 8176 names it, a space between: `pwd`, `pwd otp`.
    pub methods: String,
    /// Where it was opened from.
    pub address: IpAddr,
    /// When they signed in.
    pub created: Timestamp,
    /// When they last proved anew that it is them.
    pub stepped_up: Option<Timestamp>,
    /// When it was last used.
    pub last_seen: Timestamp,
    /// From when on it does not count, whatever is done in it.
    pub expires: Timestamp,
}

/// What a session opens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionKind {
    /// The console.
    Console,
    /// The web from one address.
    Web,
}

impl SessionKind {
    fn slug(self) -> &'static str {
        match self {
            Self::Console => "console",
            Self::Web => "web",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Console, Self::Web].into_iter().find(|kind| kind.slug() == text)
    }
}

/// How far a sign-in has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SessionStage {
    /// A password was right; something is to be done before anything opens.
    Partial,
    /// All of it.
    Full,
}

impl SessionStage {
    fn slug(self) -> &'static str {
        match self {
            Self::Partial => "partial",
            Self::Full => "full",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Partial, Self::Full].into_iter().find(|stage| stage.slug() == text)
    }
}

/// A session to open.
#[derive(Clone)]
pub struct NewSession {
    /// The SHA-256 of its token.
    pub token_hash: String,
    /// What screens call it.
    pub id: SessionId,
    /// Whose.
    pub person: PersonId,
    /// With which account.
    pub account: AccountId,
    /// What it opens.
    pub kind: SessionKind,
    /// How far the sign-in has come.
    pub stage: SessionStage,
    /// How they signed in.
    pub methods: String,
    /// Where it was opened from.
    pub address: IpAddr,
    /// When.
    pub created: Timestamp,
    /// From when on it does not count.
    pub expires: Timestamp,
    /// Whose record it is.
    pub scope: Scope,
}

/// A change of sessions.
#[derive(Clone)]
pub enum SessionChange {
    /// Opens one.
    Open(NewSession),
    /// Notes that whoever holds it proved anew that it is them, and how.
    StepUp {
        /// The SHA-256 of its token.
        token_hash: String,
        /// When.
        at: Timestamp,
        /// How they have signed in by now.
        methods: String,
    },
    /// Ends one; one that is gone already is no mistake.
    Close {
        /// The SHA-256 of its token.
        token_hash: String,
    },
    /// Ends one whose last step is done, so that another follows it. One that is gone is a conflict: it was ended meanwhile.
    Finish {
        /// The SHA-256 of its token.
        token_hash: String,
    },
    /// Ends one of a person's by the name that screens have for it; one that is gone already is no mistake.
    CloseNamed {
        /// Whose.
        person: PersonId,
        /// Which.
        id: SessionId,
    },
}

/// The columns of a session, in the order in which they are read.
const SESSION: &str = "s.id, s.person, s.account, a.kind, s.kind, s.stage, s.methods, s.address, s.created, s.stepped_up, \
                       s.last_seen, s.expires";
/// What makes a session count at `$2`.
const COUNTS: &str = "s.expires > $2 and a.state in ('pending', 'open') and (a.ends is null or a.ends > $2)";

impl Store {
    /// The session with this token hash, where it has not expired and its account may be used.
    pub async fn session(&self, token_hash: &str, now: Timestamp) -> Result<Option<Session>, StoreError> {
        let text = format!(
            "select {SESSION} from session s join account a on a.id = s.account where s.token_hash = $1 and {COUNTS}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(token_hash.to_owned()).bind(now.0);
        query.fetch_optional(&self.pool).await?.as_ref().map(read_session).transpose()
    }

    /// The full sessions of a person that count, newest first, at most 100, each with the hash of its token.
    pub async fn sessions_of(
        &self,
        person: PersonId,
        now: Timestamp,
    ) -> Result<Vec<(Session, String)>, StoreError> {
        let text = format!(
            "select {SESSION}, s.token_hash from session s join account a on a.id = s.account \
             where s.person = $1 and s.stage = 'full' and {COUNTS} order by s.created desc, s.id limit $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text));
        let query = query.bind(person.to_string()).bind(now.0).bind(MOST_SESSIONS);
        let rows = query.fetch_all(&self.pool).await?;
        rows.iter().map(|row| Ok((read_session(row)?, row.try_get(12)?))).collect()
    }

    /// Notes that a session is alive. No fact goes with it: it changes nothing but when the session falls asleep.
    pub async fn touch_session(&self, token_hash: &str, now: Timestamp) -> Result<(), StoreError> {
        let _turn = self.writer.lock().await;
        sqlx::query("update session set last_seen = $2 where token_hash = $1 and last_seen < $2")
            .bind(token_hash.to_owned())
            .bind(now.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &SessionChange) -> Result<(), StoreError> {
    match change {
        SessionChange::Open(session) => open(connection, session).await?,
        SessionChange::StepUp { token_hash, at, methods } => {
            let update =
                sqlx::query("update session set stepped_up = $2, methods = $3 where token_hash = $1");
            let update = update.bind(token_hash.clone()).bind(at.0).bind(methods.clone());
            if update.execute(connection).await?.rows_affected() != 1 {
                return Err(StoreError::Conflict { expected: "the session to be open" });
            }
        }
        SessionChange::Close { token_hash } => {
            let query = sqlx::query("delete from session where token_hash = $1").bind(token_hash.clone());
            query.execute(connection).await?;
        }
        SessionChange::Finish { token_hash } => {
            let query = sqlx::query("delete from session where token_hash = $1").bind(token_hash.clone());
            if query.execute(connection).await?.rows_affected() != 1 {
                return Err(StoreError::Conflict { expected: "the session to be open" });
            }
        }
        SessionChange::CloseNamed { person, id } => {
            let query = sqlx::query("delete from session where person = $1 and id = $2");
            query.bind(person.to_string()).bind(id.to_string()).execute(connection).await?;
        }
    }
    Ok(())
}

async fn open(connection: &mut AnyConnection, session: &NewSession) -> Result<(), StoreError> {
    sqlx::query(
        "insert into session (token_hash, id, scope, person, account, kind, stage, methods, address, created, last_seen, \
         expires) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11)",
    )
    .bind(session.token_hash.clone())
    .bind(session.id.to_string())
    .bind(session.scope.to_string())
    .bind(session.person.to_string())
    .bind(session.account.to_string())
    .bind(session.kind.slug())
    .bind(session.stage.slug())
    .bind(session.methods.clone())
    .bind(session.address.to_canonical().to_string())
    .bind(session.created.0)
    .bind(session.expires.0)
    .execute(connection)
    .await?;
    Ok(())
}

fn read_session(row: &AnyRow) -> Result<Session, StoreError> {
    Ok(Session {
        id: checked(row, 0, ("session", "id", "a UUID"), SessionId::parse)?,
        person: checked(row, 1, ("session", "person", "a UUID"), PersonId::parse)?,
        account: checked(row, 2, ("session", "account", "a UUID"), AccountId::parse)?,
        account_kind: checked(row, 3, ("account", "kind", "a kind of account"), AccountKind::parse)?,
        kind: checked(row, 4, ("session", "kind", "console or web"), SessionKind::parse)?,
        stage: checked(row, 5, ("session", "stage", "partial or full"), SessionStage::parse)?,
        methods: row.try_get(6)?,
        address: checked(row, 7, ("session", "address", "an address"), |text| text.parse().ok())?,
        created: Timestamp(row.try_get(8)?),
        stepped_up: row.try_get::<Option<i64>, _>(9)?.map(Timestamp),
        last_seen: Timestamp(row.try_get(10)?),
        expires: Timestamp(row.try_get(11)?),
    })
}
