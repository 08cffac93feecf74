//! A batch of events in, alerts out.

use crate::attempts;
use crate::open::{Counts, Found, Open};
use crate::rules::{OverDays, Rules};
use crate::spoken::{Ready, has_waited};
use crate::state::State;
use crate::trail::{Moment, Trail, Walker};
use model::{AccessEvent, Alert, AlertKind, AlertSubject, EventId, Said, Severity, Timestamp};

/// How often open alerts are gone through for what was not told yet.
const SWEPT_EVERY_MS: i64 = 30_000;

/// The most words that wait for more.
const MOST_TYPING: usize = 65_536;

/// One event, with its id in the history and what was said with it.
#[derive(Clone, Debug)]
pub struct Observed<'e> {
    /// The event's id, as the history gave it.
    pub id: EventId,
    /// The event.
    pub event: &'e AccessEvent,
    /// The words it carried (`inspect::search_words::said`).
    pub said: Option<Said>,
}

/// Looks at a batch, and gives the alerts that follow, oldest first.
///
/// Call it with every batch, and with an empty one at least twice a second: words that may still be typed are judged when
/// `now` has gone on by 0.7 seconds, and repeats are told after a minute.
///
/// Repeats of one theme by one person within the quiet time join one alert. It leaves again with the same subject, kind and
/// `first`, and its whole count and events: whoever keeps alerts replaces those of the one that is there. Its rule is that of
/// the worst find so far; a worse one leaves at once, others at most each minute.
pub fn step(state: &mut State, rules: &Rules, now: Timestamp, batch: &[Observed<'_>]) -> Vec<Alert> {
    let mut alerts = Vec::new();
    for observed in batch {
        let category = attempts::watched(rules, observed.event);
        if observed.said.is_none() && category.is_none() {
            continue;
        }
        let walker = Walker::of(observed.event);
        let moment = Moment::of(observed.id, observed.event);
        if let Some(said) = &observed.said {
            let trail = state.trail(walker, moment.at);
            let ready = trail.say(&said.words, said.typing, &moment);
            if trail.typing.is_some() {
                state.typing.push_back((moment.at, walker));
            }
            for ready in ready {
                judge(state, rules, walker, ready, &mut alerts);
            }
        }
        if let Some(category) = category {
            let reached = attempts::reached(rules, state.trail(walker, moment.at), observed.event, category);
            for rule in reached {
                let found = Found {
                    theme: rule.theme,
                    severity: rule.severity,
                    says: &rule.says,
                    counts: Counts::Again,
                };
                take(state, rules, (walker, &moment), found, &mut alerts);
            }
        }
    }
    finish_typing(state, rules, now, &mut alerts);
    sweep(state, rules, now, &mut alerts);
    alerts
}

/// Judges words that have waited for more, and got none.
fn finish_typing(state: &mut State, rules: &Rules, now: Timestamp, alerts: &mut Vec<Alert>) {
    while let Some((at, walker)) = state.typing.front().copied() {
        // Past the bound the oldest words are judged as they stand.
        let is_full = state.typing.len() > MOST_TYPING;
        if !is_full && !has_waited(at, now) {
            return;
        }
        state.typing.pop_front();
        let ready = state.trails.get_mut(&walker).and_then(|trail| match is_full {
            true => trail.unfinished(),
            false => trail.finished(now),
        });
        if let Some(ready) = ready {
            judge(state, rules, walker, ready, alerts);
        }
    }
}

fn judge(state: &mut State, rules: &Rules, walker: Walker, ready: Ready, alerts: &mut Vec<Alert>) {
    if state.trail(walker, ready.moment.at).has_judged(&ready) {
        return;
    }
    let findings = rules.judge(&ready.words);
    for finding in &findings {
        let Some(rule) = rules.words.get(usize::from(finding.rule)) else { continue };
        let trail = state.trail(walker, ready.moment.at);
        let is_counted = trail.has_counted(&ready, finding.theme, finding.severity);
        let counts = if is_counted { Counts::Already } else { Counts::Again };
        let found = Found { theme: finding.theme, severity: finding.severity, says: &rule.says, counts };
        take(state, rules, (walker, &ready.moment), found, alerts);
    }
    let found = findings.iter().map(|finding| (finding.theme, finding.severity));
    state.trail(walker, ready.moment.at).remember(ready, found);
}

/// Takes a find in: into the trail's days, into an alert, and into what follows over time.
fn take(
    state: &mut State,
    rules: &Rules,
    (walker, moment): (Walker, &Moment),
    mut found: Found<'_>,
    alerts: &mut Vec<Alert>,
) {
    if rules.over_time.night.contains(&found.theme) && rules.settings.timetable.is_night(moment.at) {
        found.severity = one_worse(found.severity);
    }
    let trail = state.trail(walker, moment.at);
    let severity = found.severity;
    if found.counts == Counts::Again {
        trail.count(found.theme, moment.at.day(), severity);
    }
    let counts_already =
        |says, severity| Found { theme: found.theme, severity, says, counts: Counts::Already };
    raise(trail, rules, &found, moment, alerts);
    let over_time = &rules.over_time;
    if found.counts == Counts::Again && severity < Severity::NoConcern {
        if escalates(&over_time.escalation, trail, &found, moment) {
            let escalation = &over_time.escalation;
            raise(trail, rules, &counts_already(&escalation.says, escalation.severity), moment, alerts);
        }
        if is_new_theme(&over_time.new_theme, trail, &found, moment) {
            let new_theme = &over_time.new_theme;
            raise(trail, rules, &counts_already(&new_theme.says, new_theme.severity), moment, alerts);
        }
        alerts.extend(many_people(state, &over_time.many_people, walker, &found, moment));
    }
}

/// Joins the open alert of the theme, or opens one.
fn raise(trail: &mut Trail, rules: &Rules, found: &Found<'_>, moment: &Moment, alerts: &mut Vec<Alert>) {
    let quiet_ms = i64::from(rules.settings.quiet_minutes) * 60_000;
    if let Some(place) = trail.open.iter().position(|open| open.theme == found.theme) {
        if let Some(open) = trail.open.get_mut(place)
            && moment.at.0.saturating_sub(open.first.0) < quiet_ms
        {
            alerts.extend(open.join(found, moment));
            return;
        }
        let mut over = trail.open.swap_remove(place);
        alerts.extend(over.closing(moment.at));
    }
    let (open, alert) = Open::of(found, moment);
    alerts.push(alert);
    trail.open.push(open);
}

/// Whether the days' worst severities of these themes have risen often enough, and today's is the last rise.
fn escalates(rule: &OverDays, trail: &Trail, found: &Found<'_>, moment: &Moment) -> bool {
    if !rule.themes.contains(&found.theme) {
        return false;
    }
    let by_day = trail.worst_by_day(&rule.themes, moment.at.day(), rule.days);
    let mut rising = 0;
    let mut mildest: Option<Severity> = None;
    for severity in by_day {
        if mildest.is_none_or(|before| severity < before) {
            rising += 1;
            mildest = Some(severity);
        } else if mildest.is_some_and(|before| severity > before) {
            rising = 1;
            mildest = Some(severity);
        }
    }
    rising >= rule.times
}

/// Whether a theme that was never found with this person is now found often.
fn is_new_theme(rule: &OverDays, trail: &Trail, found: &Found<'_>, moment: &Moment) -> bool {
    let today = moment.at.day();
    rule.themes.contains(&found.theme)
        && match trail.days_of(found.theme) {
            [only] => only.day == today && only.count == rule.times,
            _ => false,
        }
}

/// The alert about a school where many people are found with one theme.
fn many_people(
    state: &mut State,
    rule: &OverDays,
    walker: Walker,
    found: &Found<'_>,
    moment: &Moment,
) -> Option<Alert> {
    if !rule.themes.contains(&found.theme) {
        return None;
    }
    let crowd = state.crowd(found.theme, walker, moment, rule.days)?;
    let count = u32::try_from(crowd.people.len()).unwrap_or(u32::MAX);
    if count < rule.times {
        return None;
    }
    crowd.told = Some(moment.at.day());
    Some(Alert {
        kind: AlertKind::Safeguarding(found.theme),
        severity: rule.severity,
        subject: AlertSubject { school: moment.school().cloned(), person: None, device: None },
        rule: rule.says.id.clone(),
        why: rule.says.why.clone(),
        first: moment.at,
        last: moment.at,
        count,
        events: vec![moment.id],
    })
}

/// Tells what was not told yet, closes what is over, and forgets whom nothing is known of any more.
fn sweep(state: &mut State, rules: &Rules, now: Timestamp, alerts: &mut Vec<Alert>) {
    if state.swept.is_some_and(|swept| (0..SWEPT_EVERY_MS).contains(&now.0.saturating_sub(swept.0))) {
        return;
    }
    state.swept = Some(now);
    let quiet_ms = i64::from(rules.settings.quiet_minutes) * 60_000;
    for trail in state.trails.values_mut() {
        trail.open.retain_mut(|open| {
            let is_over = now.0.saturating_sub(open.first.0) >= quiet_ms;
            alerts.extend(if is_over { open.closing(now) } else { open.news(now) });
            !is_over
        });
    }
    state.trails.retain(|_, trail| !trail.is_empty_at(now));
    alerts.sort_by_key(|alert| alert.last);
}

fn one_worse(severity: Severity) -> Severity {
    match severity {
        Severity::Critical | Severity::High => Severity::Critical,
        Severity::Medium => Severity::High,
        Severity::Low => Severity::Medium,
        Severity::NoConcern => Severity::NoConcern,
    }
}
