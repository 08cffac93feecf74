//! Taking up alerts: each with its messages in one transaction, repeats added to the one that is there, the next post
//! called when nobody acknowledged in time, and a test alert each week that proves the path.

use crate::{App, AppError};
use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use model::{
    About, Actor, Alert, AlertId, AlertKind, AlertState, AlertSubject, Ladder, MOST_EVENTS_OF_ALERT,
    ReportId, Scope, Severity, Timestamp,
};
use store::{AlertChange, AlertEntry, AlertRecord, Change, Fact, NewAlert};
use tokio::sync::watch;

/// For how long after its newest event an alert that nobody acknowledged takes up repeats of its rule.
const REPEATS_MS: i64 = 24 * 3_600_000;
/// How long after the last one the next test alert comes.
const TEST_EVERY_MS: i64 = 7 * 24 * 3_600_000;
/// The rule of the test alert.
const TEST_RULE: &str = "test.weekly";
const MINUTE_MS: i64 = 60_000;

/// An alert of somebody's report: its id and who is called.
pub(crate) struct Reported {
    pub(crate) report: ReportId,
    pub(crate) ladder: Ladder,
}

impl App {
    /// Takes up alerts; how many of them are new, and not repeats. Their events must be in the history already.
    pub async fn take_up_alerts(&self, alerts: Vec<Alert>) -> Result<usize, AppError> {
        let mut new = 0;
        for alert in alerts {
            let ladder = Ladder::of(alert.kind, self.about(&alert.subject).await?);
            new += usize::from(self.take_up_or_repeat(ladder, alert).await?);
        }
        Ok(new)
    }

    /// Takes up one alert for these posts, or counts it to the one like it that still calls somebody; true where it is new.
    pub(crate) async fn take_up_or_repeat(&self, ladder: Ladder, alert: Alert) -> Result<bool, AppError> {
        match self.coming(alert).await? {
            Coming::Repeat(there, again) => self.repeat(&there, again).await.map(|()| false),
            Coming::New(alert) => self.take_up_for(ladder, alert).await.map(|()| true),
            Coming::Known => Ok(false),
        }
    }

    /// A number that is another one whenever an alert was taken up or worked on here.
    pub fn alerts_changed(&self) -> watch::Receiver<u64> {
        self.0.alerts_revision.subscribe()
    }

    /// Calls the next post for every alert that nobody acknowledged in time, and aims anew what nobody could read any more. To
    /// be called every minute.
    pub async fn escalate_alerts(&self) -> Result<(), AppError> {
        let now = self.now();
        for alert in self.0.parts.store.alerts_due(now).await? {
            self.escalate(&alert, now).await?;
        }
        self.aim_at_governors().await
    }

    /// Takes up the weekly test alert, where the last one is a week old. To be called now and then.
    pub async fn test_alert_if_due(&self) -> Result<(), AppError> {
        let now = self.now();
        let newest = self.0.parts.store.newest_alert(AlertKind::Test.slug()).await?;
        if newest.is_some_and(|at| at.plus_ms(TEST_EVERY_MS) > now) {
            return Ok(());
        }
        let alert = Alert {
            kind: AlertKind::Test,
            severity: Severity::Medium,
            subject: AlertSubject::default(),
            rule: TEST_RULE.into(),
            why: "The weekly test: it proves that alerts arrive. Acknowledge it and judge it a test".into(),
            first: now,
            last: now,
            count: 1,
            events: Vec::new(),
        };
        self.take_up_alert(alert, None, Vec::new()).await?;
        Ok(())
    }

    /// Takes up one alert with its messages, and whatever else belongs to it, in one transaction.
    pub(crate) async fn take_up_alert(
        &self,
        alert: Alert,
        reported: Option<Reported>,
        more: impl IntoIterator<Item = Change>,
    ) -> Result<AlertId, AppError> {
        let id = AlertId(self.new_uuid()?);
        self.take_up_as(id, alert, reported, more).await?;
        Ok(id)
    }

    /// The same under an id that was made before.
    pub(crate) async fn take_up_as(
        &self,
        id: AlertId,
        alert: Alert,
        reported: Option<Reported>,
        more: impl IntoIterator<Item = Change>,
    ) -> Result<(), AppError> {
        let (ladder, report) = match reported {
            Some(Reported { report, ladder }) => (ladder, Some(report)),
            None => (Ladder::of(alert.kind, self.about(&alert.subject).await?), None),
        };
        self.take_up_on(id, alert, (ladder, report), more).await
    }

    /// Takes up one alert at once for these posts, whether or not one like it is there.
    pub(crate) async fn take_up_for(&self, ladder: Ladder, alert: Alert) -> Result<(), AppError> {
        self.take_up_on(AlertId(self.new_uuid()?), alert, (ladder, None), Vec::new()).await
    }

    async fn take_up_on(
        &self,
        id: AlertId,
        alert: Alert,
        (ladder, report): (Ladder, Option<ReportId>),
        more: impl IntoIterator<Item = Change>,
    ) -> Result<(), AppError> {
        let fact = Fact::new(&Actor::Program, self.scope_of(&alert.subject), self.now(), "take-up-alert")
            .about(format!("alert:{id}"))
            .with("kind", alert.kind.slug())
            .with("severity", alert.severity.slug())
            .with("rule", alert.rule.to_string());
        let mut changes = self.taking_up(id, alert, (ladder, report))?;
        changes.extend(more);
        self.commit(&fact, &changes).await?;
        self.note_alerts_changed();
        Ok(())
    }

    /// What takes up one alert for these posts, with its messages, for whoever writes it together with what it is about.
    pub(crate) fn taking_up(
        &self,
        id: AlertId,
        alert: Alert,
        (ladder, report): (Ladder, Option<ReportId>),
    ) -> Result<Vec<Change>, AppError> {
        let (now, scope) = (self.now(), self.scope_of(&alert.subject));
        let ladder = self.that_somebody_reads(ladder, &scope);
        let called = self.call_from(&ladder, 0, &scope, (id, alert.severity))?;
        let due = self.next_due(alert.severity, &ladder, called.rung, now);
        let new = NewAlert { id, scope, readers: ladder.readers(), ladder, due, at: now, alert, report };
        let mut changes = vec![Change::Alert(AlertChange::TakeUp(Box::new(new)))];
        if called.rung > 0 {
            changes.push(Change::Alert(AlertChange::Escalate { id, rung: called.rung, due }));
        }
        changes.extend(called.changes);
        Ok(changes)
    }

    pub(crate) fn note_alerts_changed(&self) {
        self.0.alerts_revision.send_modify(|revision| *revision = revision.wrapping_add(1));
    }

    /// What an alert that comes is beside those that are there.
    ///
    /// A monitoring rule gives an alert again, with the same beginning and its whole count. Other alerts repeat what is of
    /// the same rule and still calls somebody: one that was acknowledged says nothing of what comes after.
    async fn coming(&self, alert: Alert) -> Result<Coming, AppError> {
        let store = &self.0.parts.store;
        let is_like =
            |there: &AlertRecord| there.alert.kind == alert.kind && there.alert.subject == alert.subject;
        if matches!(alert.kind, AlertKind::Safeguarding(_)) {
            let mut began = store.alerts_that_began(alert.first).await?;
            began.retain(is_like);
            return Ok(coming_again(began, alert));
        }
        let open = store.open_alerts_of_rule(&alert.rule).await?;
        let joins = |there: &AlertRecord| {
            is_like(there)
                && there.state == AlertState::New
                && there.alert.last.plus_ms(REPEATS_MS) >= alert.first
        };
        let there = open.into_iter().find(joins);
        Ok(match there {
            Some(there) => {
                let count = there.alert.count.saturating_add(alert.count);
                Coming::Repeat(Box::new(there), Alert { count, ..alert })
            }
            None => Coming::New(alert),
        })
    }

    async fn repeat(&self, there: &AlertRecord, again: Alert) -> Result<(), AppError> {
        let id = there.id;
        let is_worse = again.severity < there.alert.severity;
        let mut events = there.alert.events.clone();
        for event in &again.events {
            if events.len() < MOST_EVENTS_OF_ALERT && !events.contains(event) {
                events.push(*event);
            }
        }
        let fact = Fact::new(&Actor::Program, there.scope.clone(), self.now(), "repeat-alert")
            .about(format!("alert:{id}"))
            .with("severity", again.severity.slug())
            .with("count", again.count.to_string());
        let (mut changes, mut rung) = (Vec::new(), 0);
        if is_worse {
            let called = self.call_from(&there.ladder, 0, &there.scope, (id, again.severity))?;
            changes.extend(called.changes);
            rung = called.rung;
            changes.push(self.line(id, &Actor::Program, "worse", again.severity.title()));
        }
        let due = self.next_due(again.severity, &there.ladder, rung, self.now());
        changes.push(Change::Alert(AlertChange::Repeat { id, again: Box::new(again), events, due }));
        if rung > 0 {
            changes.push(Change::Alert(AlertChange::Escalate { id, rung, due }));
        }
        self.commit(&fact, &changes).await?;
        self.note_alerts_changed();
        Ok(())
    }

    async fn escalate(&self, alert: &AlertRecord, now: Timestamp) -> Result<(), AppError> {
        let severity = alert.alert.severity;
        let called = self.call_from(&alert.ladder, alert.rung + 1, &alert.scope, (alert.id, severity))?;
        if called.rung <= alert.rung {
            return Ok(());
        }
        let (rung, mut changes) = (called.rung, called.changes);
        let due = self.next_due(severity, &alert.ladder, rung, now);
        changes.push(Change::Alert(AlertChange::Escalate { id: alert.id, rung, due }));
        let to = called.to.join(", ");
        if !to.is_empty() {
            changes.push(self.line(alert.id, &Actor::Program, "escalated", &to));
        }
        let fact = Fact::new(&Actor::Program, alert.scope.clone(), now, "escalate-alert")
            .about(format!("alert:{}", alert.id))
            .with("to", to);
        match self.commit(&fact, &changes).await {
            // Somebody acknowledged it between the look and the call.
            Err(AppError::Refused { .. }) => Ok(()),
            other => {
                self.note_alerts_changed();
                other
            }
        }
    }

    /// Calls the first rung from `from` on that anybody hears, at once: a post without an address keeps nobody waiting.
    /// What nobody heard is a line of the alert.
    pub(crate) fn call_from(
        &self,
        ladder: &Ladder,
        from: usize,
        scope: &Scope,
        (id, severity): (AlertId, Severity),
    ) -> Result<Called, AppError> {
        let mut called = Called { rung: from.saturating_sub(1), to: Vec::new(), changes: Vec::new() };
        if !is_called(severity) {
            return Ok(called);
        }
        // An empty rung is one that this kind of alert does not have.
        let rungs = ladder.0.iter().enumerate().skip(from).filter(|(_, posts)| !posts.is_empty());
        let mut unheard: Vec<(usize, String)> = Vec::new();
        for (rung, posts) in rungs {
            let titles: Vec<&'static str> = posts.iter().map(|addressee| addressee.title()).collect();
            let calls = self.calls(posts, scope, (&format!("alert:{id}"), severity))?;
            if !calls.is_empty() {
                let lines =
                    unheard.iter().map(|(_, titles)| self.line(id, &Actor::Program, "unheard", titles));
                let changes = calls.into_iter().chain(lines).collect();
                return Ok(Called { rung, to: titles, changes });
            }
            unheard.push((rung, titles.join(", ")));
        }
        // Where nobody at all hears, the first post's clock goes on, and then the next one's.
        if let Some((rung, titles)) = unheard.first() {
            called.rung = *rung;
            if from > 0 || self.has_recipients() {
                called.changes.push(self.line(id, &Actor::Program, "unheard", titles));
            }
        }
        Ok(called)
    }

    /// A line of what is done with an alert.
    pub(crate) fn line(&self, id: AlertId, actor: &Actor, what: &str, words: &str) -> Change {
        let entry = AlertEntry {
            at: self.now(),
            actor: actor.to_string(),
            what: what.to_owned(),
            words: words.to_owned(),
        };
        Change::Alert(AlertChange::Write(id, entry))
    }

    /// When the rung after `rung` is called; `None` where there is none, or the severity calls nobody else.
    fn next_due(
        &self,
        severity: Severity,
        ladder: &Ladder,
        rung: usize,
        from: Timestamp,
    ) -> Option<Timestamp> {
        let has_next = ladder.0.iter().skip(rung + 1).any(|called| !called.is_empty());
        let minutes = self.rung_minutes(severity).filter(|_| has_next)?;
        let due = from.plus_ms(minutes.saturating_mul(MINUTE_MS));
        Some(if severity == Severity::Medium {
            past_weekend(&self.snapshot().policy().time_zone, due)
        } else {
            due
        })
    }

    /// Whose record it is: the school's, a lone school's, else the trust's.
    pub(crate) fn scope_of(&self, subject: &AlertSubject) -> Scope {
        let snapshot = self.snapshot();
        let only = match snapshot.policy().schools.as_slice() {
            [only] => Some(only.id.clone()),
            _ => None,
        };
        let person = subject.person.and_then(|id| self.0.parts.roster.get().person(id).cloned());
        let theirs = person.and_then(|person| {
            person.affiliations.iter().find_map(|affiliation| match &affiliation.scope {
                Scope::School(school) => Some(school.clone()),
                Scope::Trust => None,
            })
        });
        subject.school.clone().or(theirs).or(only).map_or(Scope::Trust, Scope::School)
    }

    async fn about(&self, subject: &AlertSubject) -> Result<About, AppError> {
        match subject.person {
            Some(person) => self.about_on_record(person).await,
            None => Ok(About::Learner),
        }
    }
}

/// Who was called.
pub(crate) struct Called {
    /// The rung that heard; the first one where none did.
    rung: usize,
    /// Its posts; empty where nobody heard.
    to: Vec<&'static str>,
    /// The messages, and a line for each rung before that nobody hears.
    pub(crate) changes: Vec<Change>,
}

/// What an alert that comes is beside those that are there.
enum Coming {
    /// It joins this one; its count is from now on that of both.
    Repeat(Box<AlertRecord>, Alert),
    /// It asks for attention by itself.
    New(Alert),
    /// Somebody closed an alert that held all of it.
    Known,
}

/// What a rule's alert is beside those of the same beginning, closed ones too. What is closed takes nothing in, or whoever
/// closes an alert would hear no more of its rule that day; what is closed keeps its own events and its own count.
fn coming_again(began: Vec<AlertRecord>, mut alert: Alert) -> Coming {
    let (closed, open): (Vec<AlertRecord>, Vec<AlertRecord>) =
        began.into_iter().partition(|there| there.state == AlertState::Closed);
    let holds_all =
        |there: &AlertRecord| there.alert.last >= alert.last && there.alert.severity <= alert.severity;
    let is_known = closed.iter().any(holds_all);
    let counted = closed.iter().fold(0_u32, |sum, there| sum.saturating_add(there.alert.count));
    alert.count = alert.count.saturating_sub(counted).max(1);
    alert.events.retain(|event| !closed.iter().any(|there| there.alert.events.contains(event)));
    match open.into_iter().next() {
        Some(there) => Coming::Repeat(Box::new(there), alert),
        None if is_known => Coming::Known,
        None => Coming::New(alert),
    }
}

/// Whether anybody is called about it at all; what is low waits for the weekly report.
fn is_called(severity: Severity) -> bool {
    severity.rung_minutes().is_some()
}

/// The same time of day on Monday, where it falls on a Saturday or a Sunday.
fn past_weekend(zone: &TimeZone, at: Timestamp) -> Timestamp {
    let days = match zone.to_datetime(at.to_jiff()).weekday() {
        Weekday::Saturday => 2,
        Weekday::Sunday => 1,
        _ => 0,
    };
    at.plus_ms(days * 24 * 60 * MINUTE_MS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_fall_on_a_weekend_waits_for_monday() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        for (from, to) in [
            ("2026-11-21T10:00:00Z", "2026-11-23T10:00:00Z"),
            ("2026-11-22T10:00:00Z", "2026-11-23T10:00:00Z"),
            ("2026-11-23T10:00:00Z", "2026-11-23T10:00:00Z"),
        ] {
            assert_eq!(past_weekend(&TimeZone::UTC, at(from)), at(to));
        }
    }
}
