//! What anybody reported, and the weekly monitoring reports that are drafted, read and signed.

use crate::alert::optional;
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{AlertId, PersonId, ReportId, ReportKind, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most reports that are read at once.
const MOST_REPORTS: i64 = 1_000;

/// What somebody reported.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReportRecord {
    /// Its id.
    pub id: ReportId,
    /// Whose record it is.
    pub scope: Scope,
    /// What the reporter keeps: `SG-4K7P-2WQX`.
    pub reference: String,
    /// What it is about.
    pub kind: ReportKind,
    /// In the reporter's words.
    pub words: String,
    /// Where, in their words; may be empty.
    pub place: String,
    /// Who, where they were signed in and wanted to say so.
    pub reporter: Option<PersonId>,
    /// When.
    pub at: Timestamp,
    /// The alert it became.
    pub alert: AlertId,
}

/// A week's monitoring report of one place.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WeeklyReport {
    /// Whose.
    pub scope: Scope,
    /// The Monday it begins with: `2026-11-16`.
    pub week: String,
    /// When it was drafted.
    pub drafted_at: Timestamp,
    /// What it says: lines of a label, a tab and a value; a line without a tab is a heading.
    pub body: String,
    /// When it was first read, and by whom.
    pub read: Option<(Timestamp, String)>,
    /// When it was signed, and by whom.
    pub signed: Option<(Timestamp, String)>,
    /// What the signer wrote.
    pub words: Option<String>,
}

/// A change of reports.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReportChange {
    /// Keeps what somebody reported.
    Make(ReportRecord),
    /// Drafts a week's report; one that is there already stays as it is.
    DraftWeek {
        /// Whose.
        scope: Scope,
        /// The Monday it begins with.
        week: String,
        /// When.
        at: Timestamp,
        /// What it says.
        body: String,
    },
    /// Somebody reads it. The first time counts.
    ReadWeek {
        /// Whose.
        scope: Scope,
        /// Which.
        week: String,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
    /// Signs it, once.
    SignWeek {
        /// Whose.
        scope: Scope,
        /// Which.
        week: String,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
        /// What the signer writes; may be empty.
        words: String,
    },
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &ReportChange) -> Result<(), StoreError> {
    let query = match change {
        ReportChange::Make(report) => return make(connection, report).await,
        ReportChange::DraftWeek { scope, week, at, body } => sqlx::query(
            "insert into weekly_report (scope, week, drafted_at, body) values ($1, $2, $3, $4)",
        )
        .bind(scope.to_string())
        .bind(week.clone())
        .bind(at.0)
        .bind(body.clone()),
        ReportChange::ReadWeek { scope, week, at, by } => sqlx::query(
            "update weekly_report set read_at = $3, read_by = $4 where scope = $1 and week = $2 and read_at is null",
        )
        .bind(scope.to_string())
        .bind(week.clone())
        .bind(at.0)
        .bind(by.clone()),
        ReportChange::SignWeek { scope, week, at, by, words } => sqlx::query(
            "update weekly_report set signed_at = $3, signed_by = $4, words = $5 \
             where scope = $1 and week = $2 and signed_at is null",
        )
        .bind(scope.to_string())
        .bind(week.clone())
        .bind(at.0)
        .bind(by.clone())
        .bind(words.clone()),
    };
    let done = query.execute(connection).await.map_err(|error| match error {
        sqlx::Error::Database(database) if database.is_unique_violation() => {
            StoreError::Taken { what: "a week's report" }
        }
        other => StoreError::Database(other),
    })?;
    if done.rows_affected() != 1 {
        return Err(StoreError::Conflict {
            expected: "a week's report that nobody read or signed meanwhile",
        });
    }
    Ok(())
}

async fn make(connection: &mut AnyConnection, report: &ReportRecord) -> Result<(), StoreError> {
    sqlx::query(
        "insert into report (id, scope, reference, kind, words, place, reporter, at, alert) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(report.id.to_string())
    .bind(report.scope.to_string())
    .bind(report.reference.clone())
    .bind(report.kind.slug())
    .bind(report.words.clone())
    .bind(report.place.clone())
    .bind(report.reporter.map(|reporter| reporter.to_string()))
    .bind(report.at.0)
    .bind(report.alert.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

const COLUMNS: &str = "id, scope, reference, kind, words, place, reporter, at, alert";

impl Store {
    /// The report with this id.
    pub async fn report(&self, id: ReportId) -> Result<Option<ReportRecord>, StoreError> {
        self.one_report("id = $1", id.to_string()).await
    }

    /// The report with this reference.
    pub async fn report_by_reference(&self, reference: &str) -> Result<Option<ReportRecord>, StoreError> {
        self.one_report("reference = $1", reference.to_owned()).await
    }

    async fn one_report(
        &self,
        condition: &'static str,
        value: String,
    ) -> Result<Option<ReportRecord>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from report where {condition}")))
            .bind(value)
            .fetch_optional(&self.pool)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// How many reports were made at or after a time, and when the newest of all was.
    pub async fn count_reports(&self, since: Timestamp) -> Result<(u64, Option<Timestamp>), StoreError> {
        let row = sqlx::query(
            "select coalesce(cast(sum(case when at >= $1 then 1 else 0 end) as bigint), 0), max(at) from report",
        )
        .bind(since.0)
        .fetch_one(&self.pool)
        .await?;
        let newest: Option<i64> = row.try_get(1)?;
        Ok((u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0), newest.map(Timestamp)))
    }

    /// Reports that were made at or after a time, oldest first, at most 1,000.
    pub async fn reports_since(&self, since: Timestamp) -> Result<Vec<ReportRecord>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select {COLUMNS} from report where at >= $1 order by at, id limit $2"
        )))
        .bind(since.0)
        .bind(MOST_REPORTS)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Weekly reports of every place, newest first, at most 500.
    pub async fn weekly_reports(&self) -> Result<Vec<WeeklyReport>, StoreError> {
        let rows = sqlx::query(
            "select scope, week, drafted_at, body, read_at, read_by, signed_at, signed_by, words from weekly_report \
             order by week desc, scope limit 500",
        )
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read_week).collect()
    }
}

fn read(row: &AnyRow) -> Result<ReportRecord, StoreError> {
    let cell = |column, expected| ("report", column, expected);
    Ok(ReportRecord {
        id: checked(row, 0, cell("id", "a UUID"), ReportId::parse)?,
        scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
        reference: row.try_get(2)?,
        kind: checked(row, 3, cell("kind", "a kind"), ReportKind::parse)?,
        words: row.try_get(4)?,
        place: row.try_get(5)?,
        reporter: optional(row, 6, cell("reporter", "a UUID"), PersonId::parse)?,
        at: Timestamp(row.try_get(7)?),
        alert: checked(row, 8, cell("alert", "a UUID"), AlertId::parse)?,
    })
}

fn read_week(row: &AnyRow) -> Result<WeeklyReport, StoreError> {
    let read: (Option<i64>, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
    let signed: (Option<i64>, Option<String>) = (row.try_get(6)?, row.try_get(7)?);
    Ok(WeeklyReport {
        scope: checked(row, 0, ("weekly_report", "scope", "a scope"), Scope::parse)?,
        week: row.try_get(1)?,
        drafted_at: Timestamp(row.try_get(2)?),
        body: row.try_get(3)?,
        read: read.0.map(Timestamp).zip(read.1),
        signed: signed.0.map(Timestamp).zip(signed.1),
        words: row.try_get(8)?,
    })
}
