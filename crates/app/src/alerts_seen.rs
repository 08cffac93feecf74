//! What the checks of monitoring, alerts and reports look at.
//!
//! Counted is only what the safeguarding lead, IT or the data-protection officer may read: a number on the policy page, which
//! all staff read, must not tell that there is something about somebody who works here.

use crate::{App, AppError};
use model::{AlertKind, AlertState, Role, Severity, Timestamp};
use registers::AlertsSeen;
use store::AlertRecord;

/// A message that waits for longer than this is stuck.
const STUCK_MS: i64 = 3_600_000;
const MINUTE_MS: i64 = 60_000;
/// Where a test alert that was acknowledged is looked for.
const TESTS_MS: i64 = 30 * 24 * 3_600_000;

impl App {
    pub(crate) async fn alerts_seen(&self, watched: Option<Timestamp>) -> Result<AlertsSeen, AppError> {
        let (store, now) = (&self.0.parts.store, self.now());
        let waiting: Vec<AlertRecord> = store
            .alerts_in(AlertState::New)
            .await?
            .into_iter()
            .filter(|alert| is_counted(alert) && self.is_late(alert, now))
            .collect();
        let reports = waiting.iter().filter(|alert| alert.alert.kind == AlertKind::Report).count();
        let tests = store.alerts_since(now.plus_ms(-TESTS_MS)).await?;
        let acknowledged = tests
            .iter()
            .filter(|alert| alert.alert.kind == AlertKind::Test)
            .filter_map(|alert| alert.acknowledged.as_ref().map(|(at, _)| *at));
        let (stuck, given_up) = store.notifications_late(now.plus_ms(-STUCK_MS)).await?;
        let (_, reported) = store.count_reports(now).await?;
        let weeks = store.weekly_reports().await?;
        Ok(AlertsSeen {
            watched,
            is_told: self.has_recipients(),
            late: u64::try_from(waiting.len()).unwrap_or(u64::MAX),
            messages_stuck: stuck.saturating_add(given_up),
            tested: acknowledged.max(),
            reported,
            reports_late: u64::try_from(reports).unwrap_or(u64::MAX),
            signed: weeks.iter().filter_map(|week| week.signed.as_ref().map(|(at, _)| *at)).max(),
        })
    }

    /// How long each post has before the next is called, in minutes: urgent ones as the policy says.
    pub(crate) fn rung_minutes(&self, severity: Severity) -> Option<i64> {
        match severity {
            Severity::Critical => Some(self.in_force().document.facts.alerts.urgent_minutes.into()),
            other => other.rung_minutes(),
        }
    }

    fn is_late(&self, alert: &AlertRecord, now: Timestamp) -> bool {
        let minutes = self.rung_minutes(alert.alert.severity);
        minutes.is_some_and(|minutes| {
            // Twice its time: a night or a weekend of what is not urgent is no lateness yet.
            let allowed = if alert.alert.severity == Severity::Critical { minutes } else { minutes * 2 };
            alert.taken_up.plus_ms(allowed.saturating_mul(MINUTE_MS)) < now
        })
    }
}

fn is_counted(alert: &AlertRecord) -> bool {
    [Role::SafeguardingLead, Role::Technician, Role::DataProtectionOfficer]
        .iter()
        .any(|role| alert.readers.contains(role))
}
