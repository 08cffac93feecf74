//! The queue of alerts and one alert, for whoever may read them. Opening an alert is a look at history, and recorded.

use crate::circle::{may_read_alert, may_read_case};
use crate::facade::reach_of;
use crate::history_rows::Names;
use crate::views::{
    AlertEventView, AlertFilter, AlertLineView, AlertRow, AlertView, AlertsView, ReportWordsView,
};
use crate::{App, AppError};
use history::{HistoryError, Query, Stored};
use identity::{permit, scopes_for};
use model::{Action, Actor, AlertId, AlertKind, AlertState, EventId, PersonId, Scope, Severity, Timestamp};
use store::{AlertRecord, Change, NotificationState};
use tokio::sync::watch;

/// Rows of the queue.
const MOST_ROWS: usize = 200;
/// The installation's note of who watches outside school hours.
const COVER: &str = "alert-cover";

impl App {
    /// The queue, worst first. It names no pupil, and is therefore no look at anybody.
    pub async fn alerts_view(&self, actor: &Actor, filter: AlertFilter) -> Result<AlertsView, AppError> {
        let readable = self.readable_alerts(actor, &filter).await?;
        let unacknowledged = readable.iter().filter(|alert| alert.state == AlertState::New).count();
        Ok(AlertsView {
            total: readable.len(),
            unacknowledged,
            rows: readable.iter().take(MOST_ROWS).map(|alert| self.alert_row(alert)).collect(),
            standing_cover: self.in_force().document.facts.alerts.out_of_hours.clone(),
            cover: self.0.parts.store.installation(COVER).await?.unwrap_or_default(),
            nobody_is_told: !self.has_recipients(),
            filter,
        })
    }

    /// What tells this person's page that there is news: see [`App::alerts_changed`].
    pub async fn alerts_news(&self, actor: &Actor) -> Result<watch::Receiver<u64>, AppError> {
        self.reach(actor, Action::WorkAlerts).await?;
        Ok(self.alerts_changed())
    }

    /// How many alerts wait for this person's acknowledgement, and the worst of them.
    pub(crate) async fn alerts_waiting(&self, actor: &Actor) -> Result<(usize, Option<Severity>), AppError> {
        if scopes_for(actor, Action::WorkAlerts).is_empty() {
            return Ok((0, None));
        }
        let new = self.0.parts.store.alerts_in(AlertState::New).await?;
        let cases = self.cases_of(&new).await?;
        let mut mine = new
            .iter()
            .filter(|alert| calls_for_work(alert.alert.severity) && may_read_alert(actor, alert, &cases));
        let worst = mine.next().map(|alert| alert.alert.severity);
        Ok((mine.count() + usize::from(worst.is_some()), worst))
    }

    /// True when this person may say who watches outside school hours.
    pub fn may_set_alert_cover(&self, actor: &Actor) -> bool {
        // It stands on every school's queue.
        reach_of(&scopes_for(actor, Action::SignWeekly), &self.snapshot()).covers(&Scope::Trust)
    }

    /// Says who watches outside school hours.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] for more words than are taken.
    pub async fn set_alert_cover(&self, actor: &Actor, words: &str) -> Result<(), AppError> {
        if !self.may_set_alert_cover(actor) {
            self.record_denial(actor, Action::SignWeekly).await;
            return Err(AppError::Denied);
        }
        let value = crate::alert_work::checked_words(words, false)?;
        let fact = self.fact(actor, "set-alert-cover").with("words", value.clone());
        self.commit(&fact, &[Change::NoteInstallation { name: COVER, value }]).await
    }

    /// One alert; `None` where this person may read no such alert. The name stands in it only with `named`, which is to
    /// be recorded first ([`App::show_name_of_alert`]).
    pub async fn alert_view(
        &self,
        actor: &Actor,
        id: AlertId,
        named: Named,
    ) -> Result<Option<AlertView>, AppError> {
        let Some(alert) = self.alert_for(actor, id).await? else { return Ok(None) };
        self.note(&self.alert_fact(actor, &alert, "look-at-alert")).await?;
        let store = &self.0.parts.store;
        let person = alert.alert.subject.person;
        let (events, events_gone) = self.events_of(&alert).await?;
        let messages = store.notifications_about(&format!("alert:{id}")).await?;
        let case = match alert.case {
            Some(case) => store.case(case).await?.filter(|case| may_read_case(actor, case)),
            None => None,
        };
        let lines = store.alert_entries(id).await?;
        let assign_to = self.readers_of(&alert).await?;
        Ok(Some(AlertView {
            row: self.alert_row(&alert),
            kind: alert.alert.kind.slug().to_owned(),
            rule: alert.alert.rule.to_string(),
            first: alert.alert.first,
            taken_up: alert.taken_up,
            name: match (named, person) {
                (Named::Yes, Some(person)) => self.display_name(person),
                _ => String::new(),
            },
            may_show_name: person.is_some() && permit(actor, Action::ShowNames, &alert.scope).is_ok(),
            device: self.device_name(&alert),
            events,
            events_gone,
            report: self.report_words(&alert).await?,
            lines: lines
                .into_iter()
                .map(|line| AlertLineView {
                    at: line.at,
                    by: self.name_in_audit(&line.actor),
                    what: what_in_words(&line.what).to_owned(),
                    words: line.words,
                })
                .collect(),
            ladder: ladder_in_words(&alert),
            messages: messages
                .into_iter()
                .map(|message| {
                    let state = match message.state {
                        NotificationState::Waiting => "waits to be sent",
                        NotificationState::Delivered => "delivered",
                        NotificationState::GivenUp => "given up",
                    };
                    let at = message.delivered_at.unwrap_or(message.created);
                    (message.channel.slug().to_owned(), state.to_owned(), at)
                })
                .collect(),
            merged_into: alert.merged_into.map(|into| into.to_string()).unwrap_or_default(),
            has_case: alert.case.is_some(),
            case: case.map(|case| case.id.to_string()).unwrap_or_default(),
            may_open_case: alert.case.is_none() && permit(actor, Action::WorkCases, &alert.scope).is_ok(),
            merge_into: self.others_like(actor, &alert).await?,
            assign_to: assign_to.into_iter().map(|(id, name)| (id.to_string(), name)).collect(),
        }))
    }

    async fn readable_alerts(
        &self,
        actor: &Actor,
        filter: &AlertFilter,
    ) -> Result<Vec<AlertRecord>, AppError> {
        self.reach(actor, Action::WorkAlerts).await?;
        let store = &self.0.parts.store;
        let mut alerts = match filter.show.as_str() {
            "closed" => store.alerts_in(AlertState::Closed).await?,
            _ => {
                let mut open = store.alerts_in(AlertState::New).await?;
                open.extend(store.alerts_in(AlertState::Acknowledged).await?);
                open
            }
        };
        let cases = self.cases_of(&alerts).await?;
        let severity = Severity::parse(&filter.severity);
        alerts.retain(|alert| {
            let wanted = match severity {
                Some(severity) => alert.alert.severity == severity,
                None => {
                    matches!(filter.show.as_str(), "closed" | "all-open")
                        || calls_for_work(alert.alert.severity)
                }
            };
            wanted && may_read_alert(actor, alert, &cases)
        });
        alerts.sort_by_key(|alert| (alert.alert.severity, alert.state, -alert.alert.last.0));
        Ok(alerts)
    }

    pub(crate) fn alert_row(&self, alert: &AlertRecord) -> AlertRow {
        AlertRow {
            id: alert.id.to_string(),
            severity: alert.alert.severity,
            title: title_of(alert.alert.kind).to_owned(),
            why: alert.alert.why.to_string(),
            who: self.who_of(alert),
            school: self.place_of(&alert.scope),
            last: alert.alert.last,
            count: alert.alert.count,
            state: alert.state,
            triage: alert.triage,
            assigned_to: alert.assigned_to.map(|person| self.display_name(person)).unwrap_or_default(),
            due: alert.due,
        }
    }

    fn who_of(&self, alert: &AlertRecord) -> String {
        match (alert.alert.subject.person, alert.alert.subject.device) {
            (Some(person), _) => self.pseudonym_of(person),
            (None, Some(_)) => format!("Device {}", self.device_name(alert)),
            (None, None) if matches!(alert.alert.kind, AlertKind::Safeguarding(_)) => {
                "Nobody is known".to_owned()
            }
            (None, None) => String::new(),
        }
    }

    fn device_name(&self, alert: &AlertRecord) -> String {
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        Names::new(&roster, snapshot.policy()).device(alert.alert.subject.device)
    }

    /// A place's name; empty where there is only one school.
    pub(crate) fn place_of(&self, scope: &Scope) -> String {
        let snapshot = self.snapshot();
        let policy = snapshot.policy();
        match scope {
            _ if policy.schools.len() < 2 => String::new(),
            Scope::Trust => "The trust".to_owned(),
            Scope::School(id) => policy
                .schools
                .iter()
                .find(|school| school.id == *id)
                .map_or_else(|| id.to_string(), |school| school.name.to_string()),
        }
    }

    async fn events_of(&self, alert: &AlertRecord) -> Result<(Vec<AlertEventView>, usize), AppError> {
        let stored = self.stored_events(alert.alert.events.clone()).await?;
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        let gone = alert.alert.events.len() - stored.len();
        let rows = stored.iter().map(|stored| {
            let row = names.row(stored);
            AlertEventView {
                at: stored.event.at,
                host: row.host,
                path: crate::words::readable(&row.path),
                outcome: row.outcome,
                reason: row.reason,
                device: row.device,
            }
        });
        Ok((rows.collect(), gone))
    }

    /// The events of the history with these ids, in their order; those that are gone are left out, and so are those of a
    /// day that cannot be read, which is logged: one such day does not hide the others.
    pub(crate) async fn stored_events(&self, ids: Vec<EventId>) -> Result<Vec<Stored>, AppError> {
        let history = self.0.parts.history.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let (mut found, mut unreadable) = (Vec::new(), 0_usize);
            for id in ids {
                let before = EventId { sequence: id.sequence.saturating_add(1), ..id };
                let query =
                    Query { from: Some(id.day.start()), before: Some(before), limit: 1, ..Query::default() };
                let page = match history.scan(&query) {
                    Err(error) if is_of_one_day(&error) => {
                        unreadable += 1;
                        continue;
                    }
                    page => page?,
                };
                found.extend(page.events.into_iter().filter(|stored| stored.id == id));
            }
            if unreadable > 0 {
                tracing::warn!(events = unreadable, "events of an alert lie in days that cannot be read");
            }
            Ok::<_, HistoryError>(found)
        });
        Ok(looked.await??)
    }

    async fn report_words(&self, alert: &AlertRecord) -> Result<Option<ReportWordsView>, AppError> {
        let Some(id) = alert.report else { return Ok(None) };
        let report = self.0.parts.store.report(id).await?;
        Ok(report.map(|report| ReportWordsView {
            title: report.kind.title().to_owned(),
            words: report.words,
            place: report.place,
            reference: report.reference,
            reporter: report.reporter.map_or_else(|| "Not given".to_owned(), |id| self.reporter_name(id)),
        }))
    }

    /// Staff by name, for whoever has to ask them back; everybody else by pseudonym.
    fn reporter_name(&self, person: PersonId) -> String {
        let pseudonym = self.pseudonym_of(person);
        if pseudonym.starts_with("Member of staff") { self.display_name(person) } else { pseudonym }
    }

    async fn others_like(
        &self,
        actor: &Actor,
        alert: &AlertRecord,
    ) -> Result<Vec<(String, String)>, AppError> {
        if alert.state == AlertState::Closed {
            return Ok(Vec::new());
        }
        let open = self.readable_alerts(actor, &AlertFilter::default()).await?;
        let same = |other: &&AlertRecord| {
            other.id != alert.id && other.alert.subject == alert.alert.subject && other.case.is_none()
        };
        let titled = |other: &AlertRecord| {
            let title = format!("{}, {} times", title_of(other.alert.kind), other.alert.count);
            (other.id.to_string(), title)
        };
        Ok(open.iter().filter(same).take(20).map(titled).collect())
    }
}

/// True where a day of the history cannot be read, and the others can.
fn is_of_one_day(error: &HistoryError) -> bool {
    matches!(
        error,
        HistoryError::DayKeyMissing { .. } | HistoryError::WrongKey { .. } | HistoryError::DamagedDay { .. }
    )
}

/// Whether the name behind an alert or a case was asked for just now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Named {
    /// It was, with a reason that is recorded.
    Yes,
    /// It was not: pseudonyms alone.
    No,
}

/// Whether somebody is expected to look before the weekly report does.
pub(crate) fn calls_for_work(severity: Severity) -> bool {
    severity < Severity::NoConcern
}

/// A kind of alert in words.
pub(crate) fn title_of(kind: AlertKind) -> &'static str {
    match kind {
        AlertKind::Safeguarding(theme) => theme.title(),
        AlertKind::Security => "Security of the network",
        AlertKind::Silence => "Something has gone silent",
        AlertKind::Report => "Somebody reported something",
        AlertKind::Test => "Weekly test alert",
    }
}

fn what_in_words(what: &str) -> &str {
    match what {
        "acknowledged" => "Acknowledged",
        "judged" => "Judged",
        "assigned" => "Given to",
        "merged" => "Merged",
        "named" => "Name shown",
        "escalated" => "Nobody acknowledged in time; called",
        "aimed" => "Nobody is chair of governors any more; from now on for",
        "unheard" => "No address is set up for",
        "worse" => "It came again, and worse",
        "case" => "Case opened",
        other => other,
    }
}

fn ladder_in_words(alert: &AlertRecord) -> Vec<(String, bool)> {
    let rungs = alert.ladder.0.iter().enumerate().filter(|(_, called)| !called.is_empty());
    rungs
        .map(|(rung, called)| {
            let titles: Vec<&str> = called.iter().map(|addressee| addressee.title()).collect();
            (titles.join(", "), rung <= alert.rung)
        })
        .collect()
}

/// When an alert of this state was acknowledged, in milliseconds after it was taken up.
pub(crate) fn acknowledged_after_ms(alert: &AlertRecord) -> Option<i64> {
    let (at, _): &(Timestamp, String) = alert.acknowledged.as_ref()?;
    Some(at.0.saturating_sub(alert.taken_up.0))
}
