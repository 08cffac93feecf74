//! The windows in which the badges and pictures of a class count. Left out on purpose: who may open one.
//!
//! Invariant: a class has one window at most that is open.

use crate::read::{LIMIT, bounded};
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{ClassId, NetworkId, PersonId, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// A window.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClassWindow {
    /// Whose badges count.
    pub class: ClassId,
    /// On which network alone; `None`: on all of the school's.
    pub network: Option<NetworkId>,
    /// Who opened it.
    pub opened_by: PersonId,
    /// Since when.
    pub starts: Timestamp,
    /// From when on they do not count any more.
    pub ends: Timestamp,
    /// Whose record it is: the school's.
    pub scope: Scope,
}

/// A change of windows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ClassWindowChange {
    /// Opens one, in the place of whichever is open.
    Open(ClassWindow),
    /// Closes whichever is open; where none is, that is no mistake.
    Close {
        /// Whose.
        class: ClassId,
        /// When.
        at: Timestamp,
    },
}

/// The columns of a window, in the order in which they are read.
const WINDOW: &str = "w.class, w.network, w.opened_by, w.starts, w.ends, w.scope";

impl Store {
    /// The windows that are open at a time, newest first.
    pub async fn class_windows(&self, now: Timestamp) -> Result<Vec<ClassWindow>, StoreError> {
        let text = format!(
            "select {WINDOW} from class_window w where w.starts <= $1 and w.ends > $1 \
             order by w.starts desc, w.class limit $2"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(now.0).bind(LIMIT);
        let rows = query.fetch_all(&self.pool).await?;
        bounded(rows.len(), "class_window")?;
        rows.iter().map(read_window).collect()
    }

    /// The windows that are open at a time of the classes in which somebody learns then.
    pub async fn windows_for(
        &self,
        learner: PersonId,
        now: Timestamp,
    ) -> Result<Vec<ClassWindow>, StoreError> {
        let text = format!(
            "select {WINDOW} from class_window w join class_member m on m.class = w.class \
             where m.person = $1 and m.part = 'learner' and m.starts <= $2 and (m.ends is null or m.ends > $2) \
             and w.starts <= $2 and w.ends > $2 order by w.starts desc, w.class limit $3"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(text)).bind(learner.to_string()).bind(now.0).bind(LIMIT);
        let rows = query.fetch_all(&self.pool).await?;
        bounded(rows.len(), "class_window")?;
        rows.iter().map(read_window).collect()
    }
}

pub(crate) async fn apply(
    connection: &mut AnyConnection,
    change: &ClassWindowChange,
) -> Result<(), StoreError> {
    match change {
        ClassWindowChange::Open(window) => {
            close(connection, window.class, window.starts).await?;
            sqlx::query(
                "insert into class_window (class, scope, network, opened_by, starts, ends) \
                 values ($1, $2, $3, $4, $5, $6) on conflict (class, starts) do update \
                 set network = excluded.network, opened_by = excluded.opened_by, ends = excluded.ends",
            )
            .bind(window.class.to_string())
            .bind(window.scope.to_string())
            .bind(window.network.as_ref().map(ToString::to_string))
            .bind(window.opened_by.to_string())
            .bind(window.starts.0)
            .bind(window.ends.0)
            .execute(connection)
            .await?;
            Ok(())
        }
        ClassWindowChange::Close { class, at } => close(connection, *class, *at).await,
    }
}

async fn close(connection: &mut AnyConnection, class: ClassId, at: Timestamp) -> Result<(), StoreError> {
    let update = sqlx::query("update class_window set ends = $2 where class = $1 and ends > $2");
    update.bind(class.to_string()).bind(at.0).execute(connection).await?;
    Ok(())
}

fn read_window(row: &AnyRow) -> Result<ClassWindow, StoreError> {
    Ok(ClassWindow {
        class: checked(row, 0, ("class_window", "class", "a UUID"), ClassId::parse)?,
        network: row.try_get::<Option<String>, _>(1)?.map(NetworkId::new),
        opened_by: checked(row, 2, ("class_window", "opened_by", "a UUID"), PersonId::parse)?,
        starts: Timestamp(row.try_get(3)?),
        ends: Timestamp(row.try_get(4)?),
        scope: checked(row, 5, ("class_window", "scope", "a scope"), Scope::parse)?,
    })
}
