//! What is to leave: one row for one message by one way to one address, from waiting to delivered or given up.

use crate::rows::checked;
use crate::{Store, StoreError};
use model::{NotificationId, Scope, Severity, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The way a message leaves.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum NotificationChannel {
    /// By mail.
    Mail,
    /// As a signed web hook.
    Webhook,
    /// As a card in Teams.
    Teams,
}

impl NotificationChannel {
    /// Every way.
    pub const ALL: [NotificationChannel; 3] = [Self::Mail, Self::Webhook, Self::Teams];

    /// The name in files and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Mail => "mail",
            Self::Webhook => "webhook",
            Self::Teams => "teams",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|channel| channel.slug() == text)
    }
}

/// A message to queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewNotification {
    /// Its id.
    pub id: NotificationId,
    /// Whose record it is.
    pub scope: Scope,
    /// What it is about: `alert:UUID`, `weekly:DATE`, `rights:UUID`, `review:UUID`.
    pub about: String,
    /// The way.
    pub channel: NotificationChannel,
    /// The name of its address in the configuration; never a secret.
    pub address: String,
    /// How urgent it is.
    pub severity: Severity,
    /// When it was queued; it is tried at once.
    pub at: Timestamp,
}

/// A change of the queue.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum NotificationChange {
    /// Queues a message.
    Queue(NewNotification),
    /// It was taken by the other side.
    Delivered {
        /// Which.
        id: NotificationId,
        /// When.
        at: Timestamp,
    },
    /// It was not; it is tried again.
    TryAgain {
        /// Which.
        id: NotificationId,
        /// When it is tried again.
        next_at: Timestamp,
        /// What went wrong, without names or addresses.
        error: String,
    },
    /// It was not, and is not tried again.
    GiveUp {
        /// Which.
        id: NotificationId,
        /// What went wrong, without names or addresses.
        error: String,
    },
}

/// Where a message stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NotificationState {
    /// It waits for its next try.
    Waiting,
    /// The other side took it.
    Delivered,
    /// It is not tried any more.
    GivenUp,
}

impl NotificationState {
    const ALL: [NotificationState; 3] = [Self::Waiting, Self::Delivered, Self::GivenUp];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::GivenUp => "given-up",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }
}

/// A message with what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NotificationRecord {
    /// Its id.
    pub id: NotificationId,
    /// Whose record it is.
    pub scope: Scope,
    /// What it is about.
    pub about: String,
    /// The way.
    pub channel: NotificationChannel,
    /// The name of its address in the configuration.
    pub address: String,
    /// How urgent it is.
    pub severity: Severity,
    /// Where it stands.
    pub state: NotificationState,
    /// How often it was tried.
    pub tries: u32,
    /// When it was queued.
    pub created: Timestamp,
    /// When it is tried next, while it waits.
    pub next_at: Timestamp,
    /// When the other side took it.
    pub delivered_at: Option<Timestamp>,
    /// What went wrong at the last try.
    pub error: Option<String>,
}

const COLUMNS: &str =
    "id, scope, about, channel, address, severity, state, tries, created, next_at, delivered_at, error";

pub(crate) async fn apply(
    connection: &mut AnyConnection,
    change: &NotificationChange,
) -> Result<(), StoreError> {
    let query = match change {
        NotificationChange::Queue(new) => return queue(connection, new).await,
        NotificationChange::Delivered { id, at } => sqlx::query(
            "update notification set state = 'delivered', tries = tries + 1, delivered_at = $2, error = null \
             where id = $1 and state = 'waiting'",
        )
        .bind(id.to_string())
        .bind(at.0),
        NotificationChange::TryAgain { id, next_at, error } => sqlx::query(
            "update notification set tries = tries + 1, next_at = $2, error = $3 where id = $1 and state = 'waiting'",
        )
        .bind(id.to_string())
        .bind(next_at.0)
        .bind(error.clone()),
        NotificationChange::GiveUp { id, error } => sqlx::query(
            "update notification set state = 'given-up', tries = tries + 1, error = $2 \
             where id = $1 and state = 'waiting'",
        )
        .bind(id.to_string())
        .bind(error.clone()),
    };
    if query.execute(connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict { expected: "a message that waits" });
    }
    Ok(())
}

async fn queue(connection: &mut AnyConnection, new: &NewNotification) -> Result<(), StoreError> {
    sqlx::query(
        "insert into notification (id, scope, about, channel, address, severity, state, tries, created, next_at) \
         values ($1, $2, $3, $4, $5, $6, 'waiting', 0, $7, $7)",
    )
    .bind(new.id.to_string())
    .bind(new.scope.to_string())
    .bind(new.about.clone())
    .bind(new.channel.slug())
    .bind(new.address.clone())
    .bind(i64::from(new.severity.number()))
    .bind(new.at.0)
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// Messages whose next try is due, most urgent and oldest first, at most `most` and at most 1,000.
    pub async fn notifications_due(
        &self,
        now: Timestamp,
        most: usize,
    ) -> Result<Vec<NotificationRecord>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select {COLUMNS} from notification where state = 'waiting' and next_at <= $1 \
             order by severity desc, created, id limit $2"
        )))
        .bind(now.0)
        .bind(i64::try_from(most.min(1_000)).unwrap_or(1_000))
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Messages about one thing, oldest first, at most 1,000.
    pub async fn notifications_about(&self, about: &str) -> Result<Vec<NotificationRecord>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select {COLUMNS} from notification where about = $1 order by created, id limit 1000"
        )))
        .bind(about.to_owned())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many messages wait that were queued before a time, and how many were given up: those whose last try was due
    /// after it, and those about an alert that nobody has acknowledged yet.
    pub async fn notifications_late(&self, before: Timestamp) -> Result<(u64, u64), StoreError> {
        let row = sqlx::query(
            "select coalesce(cast(sum(case when state = 'waiting' and created < $1 then 1 else 0 end) as bigint), 0), \
             coalesce(cast(sum(case when state = 'given-up' and (next_at >= $1 \
             or about in (select 'alert:' || id from alert where state = 'new')) then 1 else 0 end) as bigint), 0) \
             from notification",
        )
        .bind(before.0)
        .fetch_one(&self.pool)
        .await?;
        let (waiting, given_up): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
        Ok((u64::try_from(waiting).unwrap_or(0), u64::try_from(given_up).unwrap_or(0)))
    }
}

fn read(row: &AnyRow) -> Result<NotificationRecord, StoreError> {
    let cell = |column, expected| ("notification", column, expected);
    let delivered: Option<i64> = row.try_get(10)?;
    Ok(NotificationRecord {
        id: checked(row, 0, cell("id", "a UUID"), NotificationId::parse)?,
        scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
        about: row.try_get(2)?,
        channel: checked(row, 3, cell("channel", "a way to leave"), NotificationChannel::parse)?,
        address: row.try_get(4)?,
        severity: crate::alert::read_severity(row, 5, "notification")?,
        state: checked(row, 6, cell("state", "a state"), NotificationState::parse)?,
        tries: u32::try_from(row.try_get::<i64, _>(7)?).unwrap_or(0),
        created: Timestamp(row.try_get(8)?),
        next_at: Timestamp(row.try_get(9)?),
        delivered_at: delivered.map(Timestamp),
        error: row.try_get(11)?,
    })
}
