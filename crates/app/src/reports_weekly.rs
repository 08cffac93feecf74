//! The weekly monitoring report: drafted each Monday from alerts, cases, reports and looks at history, then read and
//! signed; of each school, and of the whole trust where there are several. It names staff who looked, and no pupil.
//!
//! Invariant: it counts only what the safeguarding lead may read, so that nothing about staff or the lead shows in a
//! number.

use crate::alert_views::{acknowledged_after_ms, title_of};
use crate::alert_work::checked_words;
use crate::export_history::as_csv;
use crate::views::{WeekRow, WeekView};
use crate::{App, AppError, LookReason};
use identity::{permit, scopes_for};
use jiff::ToSpan;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use model::{
    Action, Actor, Addressee, AlertId, CaseId, ExportId, PersonId, Role, Scope, Severity, Timestamp,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use store::{AlertRecord, CaseRecord, Change, Fact, ReportChange, WeeklyReport};

/// The most looks at one person's history whose reasons are listed; all are counted.
const MOST_LISTED: usize = 200;
/// The most of them that are read for that.
const MOST_LOOKS: usize = 10_000;
const MINUTE_MS: i64 = 60_000;

/// Who is told that a report waits to be read and signed.
const SIGNERS: [Addressee; 2] = [Addressee::Lead, Addressee::Head];

/// What is looked at in a person's records, and what the report calls it.
const LOOKS: [(&str, &str); 11] = [
    ("look-at-person", "Looks at one person\u{2019}s history"),
    ("search-history", "Pages of the history opened"),
    ("count-history", "Counts of the history opened"),
    ("export-history", "History taken away as a file"),
    ("ask-for-export", "Packs of history asked for"),
    ("make-export", "Packs of history made"),
    ("download-export", "Packs of history downloaded"),
    ("look-at-alert", "Alerts opened"),
    ("look-at-case", "Cases looked at"),
    ("export-case", "Cases taken away as a file"),
    ("show-name", "Names shown"),
];

/// A week of the school's calendar, Monday to Sunday.
struct Week {
    name: String,
    from: Timestamp,
    until: Timestamp,
}

impl Week {
    /// The last whole week before a moment; `None` where calendars end.
    fn before(zone: &TimeZone, now: Timestamp) -> Option<Self> {
        let today = zone.to_datetime(now.to_jiff()).date();
        let monday = today.checked_sub(i32::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
        let from = monday.checked_sub(1.week()).ok()?;
        let start = |date: Date| {
            date.to_zoned(zone.clone()).ok().map(|at| Timestamp(at.timestamp().as_millisecond()))
        };
        Some(Self { name: from.to_string(), from: start(from)?, until: start(monday)? })
    }

    fn holds(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

impl App {
    /// Drafts last week's report of each school, where there is none yet. To be called now and then.
    pub async fn draft_weekly_reports(&self) -> Result<(), AppError> {
        let Some(week) = Week::before(&self.snapshot().policy().time_zone, self.now()) else { return Ok(()) };
        // Of a week before the first record there is nothing to say.
        let first = self.0.parts.store.audit(&Scope::Trust, 0, 1).await?;
        if first.first().is_none_or(|fact| fact.at >= week.until) {
            return Ok(());
        }
        let there = self.0.parts.store.weekly_reports().await?;
        for scope in self.reporting_places() {
            if there.iter().any(|report| report.scope == scope && report.week == week.name) {
                continue;
            }
            let body = self.weekly_body(&scope, &week).await?;
            let (at, name) = (self.now(), week.name.clone());
            let fact = Fact::new(&Actor::Program, scope.clone(), at, "draft-weekly-report");
            let about = format!("weekly:{name}");
            let mut changes = self.calls(&SIGNERS, &scope, (&about, Severity::Low))?;
            changes.push(Change::Report(ReportChange::DraftWeek { scope, week: name, at, body }));
            self.commit(&fact.about(about), &changes).await?;
        }
        Ok(())
    }

    /// The weekly reports this person may read, newest first.
    pub async fn weeks_view(&self, actor: &Actor) -> Result<Vec<WeekRow>, AppError> {
        Ok(self.weeks_for(actor).await?.iter().map(|report| self.week_row(report)).collect())
    }

    /// One weekly report; that it was read is recorded. `None` where this person may read no such report.
    pub async fn week_view(
        &self,
        actor: &Actor,
        week: &str,
        place: &str,
    ) -> Result<Option<WeekView>, AppError> {
        let Some(mut report) = self.week_for(actor, week, place).await? else { return Ok(None) };
        if report.read.is_none() {
            let (scope, week, at) = (report.scope.clone(), report.week.clone(), self.now());
            let fact = Fact::new(actor, scope.clone(), at, "read-weekly-report");
            let by = actor.to_string();
            let read = ReportChange::ReadWeek { scope, week: week.clone(), at, by: by.clone() };
            match self.commit(&fact.about(format!("weekly:{week}")), &[Change::Report(read)]).await {
                // Somebody else read it first, between the look and this.
                Ok(()) | Err(AppError::Refused { .. }) => report.read = Some((at, by)),
                Err(error) => return Err(error),
            }
        }
        let may_sign = report.signed.is_none() && permit(actor, Action::SignWeekly, &report.scope).is_ok();
        Ok(Some(WeekView {
            row: self.week_row(&report),
            lines: report
                .body
                .lines()
                .map(|line| {
                    let (label, value) = line.split_once('\t').unwrap_or((line, ""));
                    (label.to_owned(), value.to_owned())
                })
                .collect(),
            words: report.words.unwrap_or_default(),
            may_sign,
        }))
    }

    /// The counts of a weekly report as a file (RFC 4180), a line each; `None` where this person may read no such report.
    /// Looks that are listed one by one are not in it. That it was taken is recorded.
    pub async fn export_week(
        &self,
        actor: &Actor,
        week: &str,
        place: &str,
    ) -> Result<Option<Vec<u8>>, AppError> {
        let Some(report) = self.week_for(actor, week, place).await? else { return Ok(None) };
        let fact = Fact::new(actor, report.scope.clone(), self.now(), "export-weekly-report");
        self.note(&fact.about(format!("weekly:{}", report.week))).await?;
        let school = self.organisation_of(&report.scope);
        let mut section = "";
        let mut rows = Vec::new();
        for line in report.body.lines() {
            match line.split_once('\t') {
                None => section = line,
                Some((label, count)) if count.parse::<u64>().is_ok() => rows.push([
                    school.clone(),
                    report.week.clone(),
                    section.to_owned(),
                    label.to_owned(),
                    count.to_owned(),
                ]),
                Some(_) => {}
            }
        }
        as_csv(&["school", "week from", "about", "what", "count"], rows.into_iter()).map(Some)
    }

    /// Signs a weekly report; false where this person may read no such report.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where somebody signed it before.
    pub async fn sign_week(
        &self,
        actor: &Actor,
        (week, place): (&str, &str),
        words: &str,
    ) -> Result<bool, AppError> {
        self.reach(actor, Action::SignWeekly).await?;
        let Some(report) = self.week_for(actor, week, place).await? else { return Ok(false) };
        if permit(actor, Action::SignWeekly, &report.scope).is_err() {
            return Ok(false);
        }
        let words = checked_words(words, false)?;
        let (scope, at) = (report.scope.clone(), self.now());
        let fact = Fact::new(actor, scope.clone(), at, "sign-weekly-report")
            .about(format!("weekly:{week}"))
            .with("words", words.clone());
        let sign = ReportChange::SignWeek { scope, week: report.week, at, by: actor.to_string(), words };
        self.commit(&fact, &[Change::Report(sign)]).await?;
        Ok(true)
    }

    /// The weekly reports that nobody has read or signed, as far as this person is to: unread, unsigned.
    pub(crate) async fn weeks_waiting(&self, actor: &Actor) -> Result<(usize, usize), AppError> {
        if scopes_for(actor, Action::SignWeekly).is_empty() {
            return Ok((0, 0));
        }
        let weeks = self.weeks_for(actor).await?;
        let unread = weeks.iter().filter(|report| report.read.is_none()).count();
        Ok((unread, weeks.iter().filter(|report| report.signed.is_none()).count()))
    }

    async fn weeks_for(&self, actor: &Actor) -> Result<Vec<WeeklyReport>, AppError> {
        self.reach(actor, Action::ReadWeekly).await?;
        let all = self.0.parts.store.weekly_reports().await?;
        let may = |report: &WeeklyReport| permit(actor, Action::ReadWeekly, &report.scope).is_ok();
        Ok(all.into_iter().filter(may).collect())
    }

    async fn week_for(
        &self,
        actor: &Actor,
        week: &str,
        place: &str,
    ) -> Result<Option<WeeklyReport>, AppError> {
        let weeks = self.weeks_for(actor).await?;
        let is_it = |report: &WeeklyReport| {
            report.week == week && (place.is_empty() || report.scope.to_string() == place)
        };
        Ok(weeks.into_iter().find(is_it))
    }

    fn week_row(&self, report: &WeeklyReport) -> WeekRow {
        let named = |(at, by): &(Timestamp, String)| (*at, self.name_in_audit(by));
        WeekRow {
            week: report.week.clone(),
            place: report.scope.to_string(),
            school: self.place_of(&report.scope),
            drafted_at: report.drafted_at,
            read: report.read.as_ref().map(named),
            signed: report.signed.as_ref().map(named),
        }
    }

    fn reporting_places(&self) -> Vec<Scope> {
        let snapshot = self.snapshot();
        let schools: Vec<Scope> =
            snapshot.policy().schools.iter().map(|school| Scope::School(school.id.clone())).collect();
        match schools.len() {
            0 => vec![Scope::Trust],
            1 => schools,
            // The trust's comes last, when its schools' are there to be told of.
            _ => schools.into_iter().chain([Scope::Trust]).collect(),
        }
    }

    async fn weekly_body(&self, scope: &Scope, week: &Week) -> Result<String, AppError> {
        let store = &self.0.parts.store;
        let alerts: Vec<AlertRecord> = store
            .alerts_since(week.from)
            .await?
            .into_iter()
            .filter(|alert| scope.covers(&alert.scope) && week.holds(alert.taken_up))
            .filter(|alert| alert.readers.contains(&Role::SafeguardingLead))
            .collect();
        let mut body = String::new();
        let escalated = self.escalated(scope, week).await?;
        alert_lines(&mut body, (&alerts, &escalated));
        if *scope == Scope::Trust {
            self.school_lines(&mut body, &alerts, week).await?;
        }
        self.report_lines(&mut body, scope, week).await?;
        self.case_lines(&mut body, scope, week).await?;
        self.look_lines(&mut body, scope, week).await?;
        Ok(body)
    }

    /// The alerts that were called further because nobody acknowledged them: one whose first post has no address was called
    /// further at once, and is none.
    async fn escalated(&self, scope: &Scope, week: &Week) -> Result<BTreeSet<String>, AppError> {
        let mut alerts = BTreeSet::new();
        for (place, _) in self.chains_of(scope) {
            let period = (week.from, self.now());
            let counts = self.0.parts.store.count_facts(&place, "escalate-alert", period).await?;
            alerts.extend(counts.into_iter().map(|count| count.subject));
        }
        Ok(alerts)
    }

    /// Each school of the trust: its alerts, those that wait, and whether its own report was signed.
    async fn school_lines(
        &self,
        body: &mut String,
        alerts: &[AlertRecord],
        week: &Week,
    ) -> Result<(), AppError> {
        let reports = self.0.parts.store.weekly_reports().await?;
        for place in self.reporting_places().into_iter().filter(|place| *place != Scope::Trust) {
            heading(body, &self.place_of(&place));
            let of = || alerts.iter().filter(|alert| alert.scope == place);
            line(body, "Alerts taken up", counted(of()));
            let waiting = of().filter(|alert| alert.acknowledged.is_none() && alert.triage.is_none());
            line(body, "Not acknowledged when this was drafted", counted(waiting));
            let before = reports.iter().filter(|report| report.scope == place && report.week < week.name);
            let unsigned = counted(before.filter(|report| report.signed.is_none()));
            line(body, "Earlier weekly reports that nobody has signed", unsigned);
        }
        Ok(())
    }

    /// The chains in which looks at a place's people stand, and what is said of whoever looked.
    fn chains_of(&self, scope: &Scope) -> Vec<(Scope, String)> {
        match scope {
            Scope::Trust => {
                let schools = self.reporting_places().into_iter().filter(|place| *place != Scope::Trust);
                let named = schools.map(|place| {
                    let words = format!(", at {}", self.organisation_of(&place));
                    (place, words)
                });
                [(Scope::Trust, String::new())].into_iter().chain(named).collect()
            }
            Scope::School(_) => {
                vec![(scope.clone(), String::new()), (Scope::Trust, ", for every school".to_owned())]
            }
        }
    }

    async fn report_lines(&self, body: &mut String, scope: &Scope, week: &Week) -> Result<(), AppError> {
        let reports = self.0.parts.store.reports_since(week.from).await?;
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for report in reports.iter().filter(|report| scope.covers(&report.scope) && week.holds(report.at)) {
            let alert = self.0.parts.store.alert(report.alert).await?;
            if alert.is_some_and(|alert| alert.readers.contains(&Role::SafeguardingLead)) {
                *kinds.entry(report.kind.title()).or_default() += 1;
            }
        }
        heading(body, "Reports");
        line(body, "Reports made", kinds.values().sum());
        for (title, count) in kinds {
            line(body, title, count);
        }
        Ok(())
    }

    async fn case_lines(&self, body: &mut String, scope: &Scope, week: &Week) -> Result<(), AppError> {
        let cases = self.0.parts.store.cases().await?;
        let ours: Vec<_> =
            cases.iter().filter(|case| scope.covers(&case.scope) && is_case_for_lead(case)).collect();
        heading(body, "Cases");
        line(body, "Opened", counted(ours.iter().filter(|case| week.holds(case.opened.0))));
        let closed = ours.iter().filter(|case| case.closed_at.is_some_and(|at| week.holds(at)));
        line(body, "Closed with an outcome", counted(closed));
        line(body, "Open when this was drafted", counted(ours.iter().filter(|case| case.outcome.is_none())));
        Ok(())
    }

    /// Who looked at people's records, and how often: in the place's own chain, and in the trust's, where those stand who
    /// look for all schools. A look at what the lead may not read is not counted: that somebody opened an alert would tell
    /// that there is one.
    async fn look_lines(&self, body: &mut String, scope: &Scope, week: &Week) -> Result<(), AppError> {
        heading(body, "Looks at people\u{2019}s records");
        let mut is_for_lead: BTreeMap<String, bool> = BTreeMap::new();
        for (action, title) in LOOKS {
            let mut people: BTreeMap<String, u64> = BTreeMap::new();
            for (place, words) in self.chains_of(scope) {
                let counts = self.0.parts.store.count_facts(&place, action, (week.from, week.until)).await?;
                for count in counts {
                    let known = is_for_lead.get(&count.subject).copied();
                    let counts = match known {
                        Some(known) => known,
                        None => self.is_look_for_lead(&count.subject).await?,
                    };
                    if known.is_none() {
                        is_for_lead.insert(count.subject, counts);
                    }
                    if counts {
                        *people.entry(self.name_in_audit(&count.actor) + &words).or_default() += count.facts;
                    }
                }
            }
            line(body, title, people.values().sum());
            for (name, count) in people {
                line(body, &format!("{title}: {name}"), count);
            }
        }
        self.reason_lines(body, scope, week).await
    }

    /// Each look at one person's history: when, who, at whom by pseudonym, and the reason that was chosen.
    async fn reason_lines(&self, body: &mut String, scope: &Scope, week: &Week) -> Result<(), AppError> {
        heading(body, "Why one person\u{2019}s history was looked at");
        let (mut listed, mut is_cut) = (0, false);
        for (place, words) in self.chains_of(scope) {
            let store = &self.0.parts.store;
            let of = (&place, "look-at-person");
            let looks = store.facts_between(of, (week.from, week.until), MOST_LOOKS).await?;
            is_cut |= looks.len() >= MOST_LOOKS;
            for fact in looks {
                let person = fact.subject.strip_prefix("person:").and_then(PersonId::parse);
                let Some(person) = person.filter(|id| self.is_look_at_learner(*id)) else { continue };
                if listed == MOST_LISTED {
                    is_cut = true;
                    break;
                }
                let reason = fact.details().get("reason").and_then(|slug| LookReason::parse(slug));
                let at = crate::words::date_and_hour(&self.snapshot().policy().time_zone, fact.at);
                let label = format!(
                    "{at}, {}{words}: {}",
                    self.name_in_audit(&fact.actor),
                    self.pseudonym_of(person)
                );
                text_line(body, &label, reason.map_or("No reason from the list", LookReason::title));
                listed += 1;
            }
        }
        if is_cut {
            text_line(body, "Earlier ones", "counted above; the audit log has each");
        }
        Ok(())
    }

    /// True where what was looked at is no alert, no case and nobody who works here, or one that the lead may read; what is
    /// gone is none.
    async fn is_look_for_lead(&self, subject: &str) -> Result<bool, AppError> {
        let store = &self.0.parts.store;
        let case = if let Some(id) = subject.strip_prefix("alert:") {
            let Some(id) = AlertId::parse(id) else { return Ok(false) };
            match store.alert(id).await? {
                Some(alert) if alert.readers.contains(&Role::SafeguardingLead) => alert.case,
                _ => return Ok(false),
            }
        } else if let Some(id) = subject.strip_prefix("case:") {
            let Some(id) = CaseId::parse(id) else { return Ok(false) };
            Some(id)
        } else if let Some(id) = subject.strip_prefix("export:") {
            let Some(id) = ExportId::parse(id) else { return Ok(false) };
            let about = store.export(id).await?.map(|record| record.asked.person);
            return Ok(about.is_some_and(|person| person.is_none_or(|id| self.is_look_at_learner(id))));
        } else if let Some(id) = subject.strip_prefix("person:") {
            return Ok(PersonId::parse(id).is_some_and(|id| self.is_look_at_learner(id)));
        } else {
            None
        };
        let Some(case) = case else { return Ok(true) };
        Ok(store.case(case).await?.is_some_and(|case| is_case_for_lead(&case)))
    }
}

/// True where the lead's role reads the case, whoever holds it.
fn is_case_for_lead(case: &CaseRecord) -> bool {
    case.circle.is_empty() && case.readers.contains(&Role::SafeguardingLead)
}

fn alert_lines(body: &mut String, (alerts, escalated): (&[AlertRecord], &BTreeSet<String>)) {
    heading(body, "Alerts");
    line(body, "Alerts taken up", counted(alerts.iter()));
    for severity in Severity::ALL {
        let of = alerts.iter().filter(|alert| alert.alert.severity == severity);
        line(body, severity.title(), counted(of));
    }
    let mut themes: BTreeMap<&str, u64> = BTreeMap::new();
    for alert in alerts {
        *themes.entry(title_of(alert.alert.kind)).or_default() += 1;
    }
    heading(body, "What they were about");
    for (title, count) in themes {
        line(body, title, count);
    }
    heading(body, "What became of them");
    let judged = |triage| counted(alerts.iter().filter(|alert| alert.triage == Some(triage)));
    for triage in model::Triage::ALL {
        line(body, triage.title(), judged(triage));
    }
    let further = alerts.iter().filter(|alert| escalated.contains(&format!("alert:{}", alert.id)));
    line(body, "Called further because nobody acknowledged", counted(further));
    let waiting = alerts.iter().filter(|alert| alert.acknowledged.is_none() && alert.triage.is_none());
    line(body, "Not acknowledged when this was drafted", counted(waiting));
    let slowest = alerts
        .iter()
        .filter(|alert| alert.alert.severity <= Severity::High)
        .filter_map(acknowledged_after_ms)
        .max();
    if let Some(slowest) = slowest {
        let minutes = slowest.div_euclid(MINUTE_MS);
        let _ = writeln!(body, "Longest wait for an acknowledgement, critical or high\t{minutes} minutes");
    }
}

fn heading(body: &mut String, words: &str) {
    let _ = writeln!(body, "{words}");
}

fn line(body: &mut String, label: &str, count: u64) {
    text_line(body, label, &count.to_string());
}

fn text_line(body: &mut String, label: &str, value: &str) {
    // A tab or a new line in a name would make two lines of one.
    let label: String = label.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let _ = writeln!(body, "{label}\t{value}");
}

/// How many.
fn counted<T>(all: impl Iterator<Item = T>) -> u64 {
    u64::try_from(all.count()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_week_before_any_day_is_monday_to_sunday_by_the_schools_clock() {
        let zone = TimeZone::get("Europe/London").unwrap();
        for (now, name) in [
            ("2026-11-23T00:00:00Z", "2026-11-16"),
            ("2026-11-22T23:59:59Z", "2026-11-09"),
            ("2026-06-28T22:59:59Z", "2026-06-15"),
            ("2026-06-28T23:00:00Z", "2026-06-22"),
        ] {
            let week = Week::before(&zone, Timestamp::parse(now).unwrap()).unwrap();
            assert_eq!(week.name, name, "{now}");
            assert!(week.holds(week.from) && !week.holds(week.until));
        }
    }
}
