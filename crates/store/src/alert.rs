//! Alerts: the row of each, the lines of what was done with it, and every way to change them. Lines are only added.

use crate::rows::checked;
use crate::{Store, StoreError};
use model::{
    Addressee, Alert, AlertId, AlertKind, AlertState, AlertSubject, CaseId, Day, DeviceId, EventId, GateId,
    Ladder, PersonId, ReportId, Role, SchoolId, Scope, Severity, Theme, Timestamp, Triage,
};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most alerts that are read at once; a list beyond it says that there are more.
pub const MOST_ALERTS: usize = 2_000;

/// An alert to take up.
#[derive(Clone, PartialEq, Debug)]
pub struct NewAlert {
    /// Its id.
    pub id: AlertId,
    /// Whose record it is.
    pub scope: Scope,
    /// What asks for attention.
    pub alert: Alert,
    /// Who is called, in turn.
    pub ladder: Ladder,
    /// The roles whose holders may read it.
    pub readers: Vec<Role>,
    /// When the next rung is called; `None`: never.
    pub due: Option<Timestamp>,
    /// When it was taken up.
    pub at: Timestamp,
    /// The report it comes from.
    pub report: Option<ReportId>,
}

/// A change of an alert.
#[derive(Clone, PartialEq, Debug)]
pub enum AlertChange {
    /// Takes up a new one.
    TakeUp(Box<NewAlert>),
    /// It came again: its count from now on, its newest time, its events, the rule that finds it now, and the worse
    /// severity. Where it is worse it is new again, from the first rung; one that was closed stays so.
    Repeat {
        /// The one that is there already.
        id: AlertId,
        /// What it is with its repeats.
        again: Box<Alert>,
        /// The events it points to from now on, oldest first.
        events: Vec<EventId>,
        /// When the next rung is called, where it is worse than before.
        due: Option<Timestamp>,
    },
    /// Somebody has it in hand. Only a new one can be acknowledged.
    Acknowledge(AlertId),
    /// Judges it, which closes it unless a case is to follow.
    Triage {
        /// Which.
        id: AlertId,
        /// As what.
        triage: Triage,
        /// What it is from then on.
        state: AlertState,
    },
    /// Gives it to somebody.
    Assign {
        /// Which.
        id: AlertId,
        /// To whom.
        to: PersonId,
    },
    /// Closes it as a part of another one.
    Merge {
        /// Which.
        id: AlertId,
        /// Into which.
        into: AlertId,
    },
    /// Says which case works on it.
    PutInCase {
        /// Which.
        id: AlertId,
        /// The case.
        case: CaseId,
    },
    /// The next rung was called.
    Escalate {
        /// Which.
        id: AlertId,
        /// The rung that was called last, from 0.
        rung: usize,
        /// When the next one is.
        due: Option<Timestamp>,
    },
    /// Others are called from now on, and read it, than those roles that did before.
    Aim {
        /// Which.
        id: AlertId,
        /// Who read it before.
        before: Vec<Role>,
        /// Who is called from now on; its roles read it.
        ladder: Ladder,
    },
    /// Adds a line.
    Write(AlertId, AlertEntry),
}

/// One line of what was done with an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AlertEntry {
    /// When.
    pub at: Timestamp,
    /// Who, as the audit log writes it.
    pub actor: String,
    /// What, as a slug: `acknowledged`, `triaged`.
    pub what: String,
    /// In words; may be empty.
    pub words: String,
}

/// An alert as it stands in the records.
#[derive(Clone, PartialEq, Debug)]
pub struct AlertRecord {
    /// Its id.
    pub id: AlertId,
    /// Whose record it is.
    pub scope: Scope,
    /// What asks for attention.
    pub alert: Alert,
    /// Who is called, in turn.
    pub ladder: Ladder,
    /// The roles whose holders may read it.
    pub readers: Vec<Role>,
    /// The rung that was called last, from 0.
    pub rung: usize,
    /// When the next one is called; `None`: never.
    pub due: Option<Timestamp>,
    /// When it was taken up.
    pub taken_up: Timestamp,
    /// How far the work has come.
    pub state: AlertState,
    /// When it was acknowledged, and by whom.
    pub acknowledged: Option<(Timestamp, String)>,
    /// What it was judged to be.
    pub triage: Option<Triage>,
    /// Who has it.
    pub assigned_to: Option<PersonId>,
    /// The alert it was merged into.
    pub merged_into: Option<AlertId>,
    /// The case that works on it.
    pub case: Option<CaseId>,
    /// The report it comes from.
    pub report: Option<ReportId>,
}

const COLUMNS: &str = "id, scope, kind, theme, severity, rule, why, school, person, device, first_seen, last_seen, \
                       times, events, readers, ladder, rung, due, taken_up, state, acknowledged_at, acknowledged_by, \
                       triage, assigned_to, merged_into, case_file, report";

pub(crate) async fn apply(connection: &mut AnyConnection, change: &AlertChange) -> Result<(), StoreError> {
    let query = match change {
        AlertChange::TakeUp(new) => return take_up(connection, new).await,
        AlertChange::Write(id, entry) => return write(connection, *id, entry).await,
        AlertChange::Repeat { id, again, events, due } => sqlx::query(
            "update alert set times = $2, events = $3, rule = $6, why = $7, \
             due = case when severity < $5 and state <> 'closed' then $8 else due end, \
             rung = case when severity < $5 and state <> 'closed' then 0 else rung end, \
             state = case when severity < $5 and state <> 'closed' then 'new' else state end, \
             last_seen = case when last_seen < $4 then $4 else last_seen end, \
             severity = case when severity < $5 then $5 else severity end where id = $1",
        )
        .bind(id.to_string())
        .bind(i64::from(again.count))
        .bind(events_as_text(events))
        .bind(again.last.0)
        .bind(i64::from(again.severity.number()))
        .bind(again.rule.to_string())
        .bind(again.why.to_string())
        .bind(due.map(|due| due.0)),
        AlertChange::Acknowledge(id) => {
            sqlx::query("update alert set state = 'acknowledged', due = null where id = $1 and state = 'new'")
                .bind(id.to_string())
        }
        AlertChange::Triage { id, triage, state } => sqlx::query(
            "update alert set triage = $2, state = $3, due = null where id = $1 and state <> 'closed'",
        )
        .bind(id.to_string())
        .bind(triage.slug())
        .bind(state.slug()),
        AlertChange::Assign { id, to } => {
            sqlx::query("update alert set assigned_to = $2 where id = $1 and state <> 'closed'")
                .bind(id.to_string())
                .bind(to.to_string())
        }
        AlertChange::Merge { id, into } => sqlx::query(
            "update alert set merged_into = $2, state = 'closed', due = null \
             where id = $1 and id <> $2 and state <> 'closed'",
        )
        .bind(id.to_string())
        .bind(into.to_string()),
        AlertChange::PutInCase { id, case } => sqlx::query(
            "update alert set case_file = $2, state = 'closed', due = null, \
             triage = coalesce(triage, 'real') where id = $1 and case_file is null",
        )
        .bind(id.to_string())
        .bind(case.to_string()),
        AlertChange::Escalate { id, rung, due } => {
            sqlx::query("update alert set rung = $2, due = $3 where id = $1 and state = 'new' and rung < $2")
                .bind(id.to_string())
                .bind(i64::try_from(*rung).unwrap_or(i64::MAX))
                .bind(due.map(|due| due.0))
        }
        AlertChange::Aim { id, before, ladder } => {
            sqlx::query("update alert set readers = $2, ladder = $3 where id = $1 and readers = $4")
                .bind(id.to_string())
                .bind(roles_as_text(&ladder.readers()))
                .bind(ladder_as_text(ladder))
                .bind(roles_as_text(before))
        }
    };
    if query.execute(connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict { expected: "an alert that nobody has taken further meanwhile" });
    }
    Ok(())
}

async fn take_up(connection: &mut AnyConnection, new: &NewAlert) -> Result<(), StoreError> {
    let alert = &new.alert;
    sqlx::query(
        "insert into alert (id, scope, kind, theme, severity, rule, why, school, person, device, first_seen, last_seen, \
         times, events, readers, ladder, rung, due, taken_up, state, report) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, 0, $17, $18, 'new', $19)",
    )
    .bind(new.id.to_string())
    .bind(new.scope.to_string())
    .bind(alert.kind.slug())
    .bind(alert.kind.theme().map(Theme::slug))
    .bind(i64::from(alert.severity.number()))
    .bind(alert.rule.to_string())
    .bind(alert.why.to_string())
    .bind(alert.subject.school.as_ref().map(SchoolId::to_string))
    .bind(alert.subject.person.map(|person| person.to_string()))
    .bind(alert.subject.device.map(|device| device.to_string()))
    .bind(alert.first.0)
    .bind(alert.last.0)
    .bind(i64::from(alert.count))
    .bind(events_as_text(&alert.events))
    .bind(roles_as_text(&new.readers))
    .bind(ladder_as_text(&new.ladder))
    .bind(new.due.map(|due| due.0))
    .bind(new.at.0)
    .bind(new.report.map(|report| report.to_string()))
    .execute(connection)
    .await?;
    Ok(())
}

async fn write(connection: &mut AnyConnection, id: AlertId, entry: &AlertEntry) -> Result<(), StoreError> {
    if entry.what == "acknowledged" {
        sqlx::query("update alert set acknowledged_at = $2, acknowledged_by = $3 where id = $1")
            .bind(id.to_string())
            .bind(entry.at.0)
            .bind(entry.actor.clone())
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "insert into alert_entry (alert, sequence, at, actor, what, words) \
         select $1, coalesce(max(sequence), 0) + 1, $2, $3, $4, $5 from alert_entry where alert = $1",
    )
    .bind(id.to_string())
    .bind(entry.at.0)
    .bind(entry.actor.clone())
    .bind(entry.what.clone())
    .bind(entry.words.clone())
    .execute(connection)
    .await?;
    Ok(())
}

impl Store {
    /// The alert with this id.
    pub async fn alert(&self, id: AlertId) -> Result<Option<AlertRecord>, StoreError> {
        sqlx::query(sqlx::AssertSqlSafe(format!("select {COLUMNS} from alert where id = $1")))
            .bind(id.to_string())
            .fetch_optional(&self.pool)
            .await?
            .as_ref()
            .map(read)
            .transpose()
    }

    /// Alerts in one state, worst and then newest first, at most [`MOST_ALERTS`].
    pub async fn alerts_in(&self, state: AlertState) -> Result<Vec<AlertRecord>, StoreError> {
        self.alerts_where("state = $1", "severity desc, last_seen desc, id", state.slug().to_owned()).await
    }

    /// Alerts that a case works on, oldest first.
    pub async fn alerts_of_case(&self, case: CaseId) -> Result<Vec<AlertRecord>, StoreError> {
        self.alerts_where("case_file = $1", "taken_up, id", case.to_string()).await
    }

    /// Alerts that are not closed, of this rule, newest first: where repeats may be added.
    pub async fn open_alerts_of_rule(&self, rule: &str) -> Result<Vec<AlertRecord>, StoreError> {
        self.alerts_where("rule = $1 and state <> 'closed'", "last_seen desc, id", rule.to_owned()).await
    }

    /// Alerts that these roles alone read, and that are not closed or in a case that is open, oldest first.
    pub async fn open_alerts_read_by(&self, readers: &[Role]) -> Result<Vec<AlertRecord>, StoreError> {
        let open = "readers = $1 and (state <> 'closed' \
                    or case_file in (select case_file.id from case_file where case_file.state = 'open'))";
        self.alerts_where(open, "taken_up, id", roles_as_text(readers)).await
    }

    /// Alerts, closed ones too, that began at this very moment: where what came again belongs.
    pub async fn alerts_that_began(&self, first: Timestamp) -> Result<Vec<AlertRecord>, StoreError> {
        self.alerts_by_time("first_seen = $1", first).await
    }

    async fn alerts_where(
        &self,
        condition: &'static str,
        order: &'static str,
        value: String,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select {COLUMNS} from alert where {condition} order by {order} limit {MOST_ALERTS}"
        )))
        .bind(value)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// New alerts whose next rung is due, worst first, at most [`MOST_ALERTS`].
    pub async fn alerts_due(&self, now: Timestamp) -> Result<Vec<AlertRecord>, StoreError> {
        self.alerts_by_time("state = 'new' and due <= $1", now).await
    }

    /// Alerts that were taken up at or after a time, worst first, at most [`MOST_ALERTS`].
    pub async fn alerts_since(&self, since: Timestamp) -> Result<Vec<AlertRecord>, StoreError> {
        self.alerts_by_time("taken_up >= $1", since).await
    }

    async fn alerts_by_time(
        &self,
        condition: &'static str,
        at: Timestamp,
    ) -> Result<Vec<AlertRecord>, StoreError> {
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!(
            "select {COLUMNS} from alert where {condition} order by severity desc, taken_up, id limit {MOST_ALERTS}"
        )))
        .bind(at.0)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// When the newest alert of a kind was taken up, by the kind's slug.
    pub async fn newest_alert(&self, kind: &str) -> Result<Option<Timestamp>, StoreError> {
        let row = sqlx::query("select max(taken_up) from alert where kind = $1")
            .bind(kind.to_owned())
            .fetch_one(&self.pool)
            .await?;
        Ok(row.try_get::<Option<i64>, _>(0)?.map(Timestamp))
    }

    /// What was done with an alert, oldest first.
    pub async fn alert_entries(&self, id: AlertId) -> Result<Vec<AlertEntry>, StoreError> {
        let rows = sqlx::query(
            "select at, actor, what, words from alert_entry where alert = $1 order by sequence limit 1000",
        )
        .bind(id.to_string())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(AlertEntry {
                    at: Timestamp(row.try_get(0)?),
                    actor: row.try_get(1)?,
                    what: row.try_get(2)?,
                    words: row.try_get(3)?,
                })
            })
            .collect()
    }
}

fn read(row: &AnyRow) -> Result<AlertRecord, StoreError> {
    let cell = |column, expected| ("alert", column, expected);
    let acknowledged: (Option<i64>, Option<String>) = (row.try_get(20)?, row.try_get(21)?);
    Ok(AlertRecord {
        id: checked(row, 0, cell("id", "a UUID"), AlertId::parse)?,
        scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
        alert: read_alert(row)?,
        readers: checked(row, 14, cell("readers", "roles"), roles_of_text)?,
        ladder: checked(row, 15, cell("ladder", "three rungs"), ladder_of_text)?,
        rung: usize::try_from(row.try_get::<i64, _>(16)?).unwrap_or(usize::MAX),
        due: row.try_get::<Option<i64>, _>(17)?.map(Timestamp),
        taken_up: Timestamp(row.try_get(18)?),
        state: checked(row, 19, cell("state", "a state"), AlertState::parse)?,
        acknowledged: acknowledged.0.map(Timestamp).zip(acknowledged.1),
        triage: optional(row, 22, cell("triage", "a judgement"), Triage::parse)?,
        assigned_to: optional(row, 23, cell("assigned_to", "a UUID"), PersonId::parse)?,
        merged_into: optional(row, 24, cell("merged_into", "a UUID"), AlertId::parse)?,
        case: optional(row, 25, cell("case_file", "a UUID"), CaseId::parse)?,
        report: optional(row, 26, cell("report", "a UUID"), ReportId::parse)?,
    })
}

fn read_alert(row: &AnyRow) -> Result<Alert, StoreError> {
    let cell = |column, expected| ("alert", column, expected);
    let theme = optional(row, 3, cell("theme", "a theme"), Theme::parse)?;
    Ok(Alert {
        kind: checked(row, 2, cell("kind", "a kind"), |slug| AlertKind::parse(slug, theme))?,
        severity: read_severity(row, 4, "alert")?,
        rule: row.try_get::<String, _>(5)?.into(),
        why: row.try_get::<String, _>(6)?.into(),
        subject: AlertSubject {
            school: row.try_get::<Option<String>, _>(7)?.map(SchoolId::new),
            person: optional(row, 8, cell("person", "a UUID"), PersonId::parse)?,
            device: optional(row, 9, cell("device", "a UUID"), DeviceId::parse)?,
        },
        first: Timestamp(row.try_get(10)?),
        last: Timestamp(row.try_get(11)?),
        count: u32::try_from(row.try_get::<i64, _>(12)?).unwrap_or(u32::MAX),
        events: checked(row, 13, cell("events", "ids of events"), events_of_text)?,
    })
}

/// Reads a severity's number.
pub(crate) fn read_severity(row: &AnyRow, index: usize, table: &'static str) -> Result<Severity, StoreError> {
    let number: i64 = row.try_get(index)?;
    Severity::ALL
        .into_iter()
        .find(|severity| i64::from(severity.number()) == number)
        .ok_or(StoreError::UnreadableRow { table, column: "severity", expected: "1 to 5" })
}

/// Reads a text cell that may be empty as a checked value.
pub(crate) fn optional<T>(
    row: &AnyRow,
    index: usize,
    (table, column, expected): (&'static str, &'static str, &'static str),
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<Option<T>, StoreError> {
    let text: Option<String> = row.try_get(index)?;
    text.map(|text| parse(&text).ok_or(StoreError::UnreadableRow { table, column, expected })).transpose()
}

/// Ids of events as text: `1:2026-11-22:17`, a space between; the day as its number.
fn events_as_text(events: &[EventId]) -> String {
    let ids: Vec<String> =
        events.iter().map(|event| format!("{}:{}:{}", event.gate.0, event.day.0, event.sequence)).collect();
    ids.join(" ")
}

fn events_of_text(text: &str) -> Option<Vec<EventId>> {
    text.split_whitespace()
        .map(|id| {
            let mut parts = id.splitn(3, ':');
            Some(EventId {
                gate: GateId(parts.next()?.parse().ok()?),
                day: Day(parts.next()?.parse().ok()?),
                sequence: parts.next()?.parse().ok()?,
            })
        })
        .collect()
}

/// Roles as text: slugs, a comma between.
pub(crate) fn roles_as_text(roles: &[Role]) -> String {
    roles.iter().map(|role| role.slug()).collect::<Vec<_>>().join(",")
}

/// Reads roles.
pub(crate) fn roles_of_text(text: &str) -> Option<Vec<Role>> {
    text.split(',').filter(|part| !part.is_empty()).map(Role::parse).collect()
}

/// A ladder as text: slugs with a comma between, rungs with a slash.
fn ladder_as_text(ladder: &Ladder) -> String {
    let rungs: Vec<String> = ladder
        .0
        .iter()
        .map(|rung| rung.iter().map(|addressee| addressee.slug()).collect::<Vec<_>>().join(","))
        .collect();
    rungs.join("/")
}

fn ladder_of_text(text: &str) -> Option<Ladder> {
    let rung = |text: &str| -> Option<Vec<Addressee>> {
        text.split(',').filter(|part| !part.is_empty()).map(Addressee::parse).collect()
    };
    let rungs: Vec<Vec<Addressee>> = text.split('/').map(rung).collect::<Option<_>>()?;
    rungs.try_into().ok().map(Ladder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_roles_and_ladders_read_back_from_their_text() {
        let events: Vec<EventId> =
            (0..3).map(|n| EventId { gate: GateId(1), day: Day(20_779), sequence: n }).collect();
        assert_eq!(events_of_text(&events_as_text(&events)), Some(events));
        assert_eq!(events_of_text(""), Some(Vec::new()));
        assert_eq!(events_of_text("1:2"), None);
        let ladder = Ladder([vec![Addressee::It, Addressee::Lead], Vec::new(), vec![Addressee::Head]]);
        assert_eq!(ladder_of_text(&ladder_as_text(&ladder)), Some(ladder));
        assert_eq!(ladder_of_text("it"), None);
        assert_eq!(roles_of_text(&roles_as_text(&Role::ALL)), Some(Role::ALL.to_vec()));
    }

    proptest::proptest! {
        #[test]
        fn no_text_in_a_cell_panics(text in "\\PC{0,60}") {
            let _ = (events_of_text(&text), ladder_of_text(&text), roles_of_text(&text));
        }
    }
}
