//! Home: what needs this person, the figures of the last day, and whether the filter works.

use crate::facade::Reach;
use crate::health::{ScanSeen, Seen};
use crate::policy_view::areas;
use crate::views::{AreaView, FigureView, HealthView, HomeView, NeedView};
use crate::{App, AppError, leaks, words};
use history::{OutcomeCounts, Query};
use identity::scopes_for;
use model::{
    Action, Actor, ClauseState, EventOutcome, Scope, Severity, Suggestion, SuggestionKind, Suggestions,
    Timestamp,
};
use registers::{Facts, ListenerState};

/// The time the figures look back on.
const FIGURES_MS: i64 = 24 * 3_600_000;
/// A part that was not heard of for longer than this is not known to work.
const HEARD_OF_MS: i64 = 5 * 60_000;
/// How long after a start too little is known of what DNS handed out: what it gave out before counts for an hour.
const KNOWS_LITTLE_MS: i64 = 3_600_000;
/// What must be told to run, even when nothing was heard of it.
const PARTS: [&str; 2] = ["DNS filter", "Web proxy"];

impl App {
    /// Home, for whoever looks.
    pub async fn home(&self, actor: &Actor) -> Result<HomeView, AppError> {
        let reach = self.reach(actor, Action::SeeHome).await?;
        let (now, facts, seen) = (self.now(), self.facts(&reach).await?, self.0.parts.health.seen());
        let may = |action| !scopes_for(actor, action).is_empty();
        let mut needs = Vec::new();
        if may(Action::ReadPolicy) {
            needs.extend(failing_clauses(&areas(&self.in_force().document, &facts)));
        }
        if may(Action::ApprovePolicy) {
            needs.extend(proposals(self.0.parts.store.policies_waiting(&Scope::Trust).await?));
        }
        let (waiting, worst) = self.alerts_waiting(actor).await?;
        // Before everything else that is as urgent: somebody may be in danger.
        needs.splice(0..0, alerts_need(waiting, worst));
        needs.extend(weeks_need(self.weeks_waiting(actor).await?));
        needs.extend(self.access_needs(actor).await?);
        if may(Action::WorkAlerts) {
            needs.extend(self.unheard_needs(&reach));
        }
        needs.extend(self.administrator_needs(actor).await?);
        needs.sort_by_key(|need| need.urgency != "urgent");
        let quiet_since = seen.last_needed.unwrap_or(seen.started);
        if !needs.is_empty() {
            self.0.parts.health.needed(now);
        }
        let mut health = health(&seen, &facts);
        // For whoever can look the connections up.
        if may(Action::SearchHistory) {
            health.push(unknown_addresses_row(&seen, self.0.parts.handed_out.unknown_today(now), now));
            health.push(suggestions_row(&self.0.parts.suggestions, now));
            health.push(leaks::row(&self.0.parts.leaks, now));
        }
        Ok(HomeView {
            quiet_since: needs.is_empty().then_some(quiet_since),
            needs,
            figures: self.figures(&reach, actor).await?,
            health,
        })
    }

    /// Posts that are called first and have no address, by place.
    fn unheard_needs(&self, reach: &Reach) -> Vec<NeedView> {
        let unheard = self.unheard_posts().into_iter().filter(|(place, _)| reach.covers(place));
        unheard
            .map(|(place, posts)| {
                let titles: Vec<&str> = posts.iter().map(|post| post.title()).collect();
                let at = match self.place_of(&place) {
                    place if place.is_empty() => String::new(),
                    place => format!(" ({place})"),
                };
                NeedView {
                    title: format!("Nobody is told for: {}{at}", titles.join(", ")),
                    detail:
                        "Alerts for them go on to the next post at once, where there is one. Ask your technician to set \
                             up an address in the configuration."
                            .to_owned(),
                    link: "/alerts".to_owned(),
                    urgency: "soon".to_owned(),
                }
            })
            .collect()
    }

    async fn figures(&self, reach: &Reach, actor: &Actor) -> Result<Vec<FigureView>, AppError> {
        let since = self.now().plus_ms(-FIGURES_MS);
        let query = Query { from: Some(since), schools: reach.schools(), ..Query::default() };
        let history = self.0.parts.history.clone();
        let counts = match tokio::task::spawn_blocking(move || history.counts_by_outcome(&query)).await? {
            Ok(counts) => counts,
            // Figures that are not known are none; the row of the history says that it cannot be asked.
            Err(error) => {
                tracing::warn!(%error, "the history cannot be asked for the figures of the day");
                return Ok(Vec::new());
            }
        };
        let linked = !scopes_for(actor, Action::SearchHistory).is_empty();
        let from = words::form_date(&self.snapshot().policy().time_zone, since);
        Ok(figure_rows(&counts, linked.then_some(&from)))
    }
}

/// What was counted: the label, and the outcome where it is one.
const FIGURES: [(&str, Option<EventOutcome>); 4] = [
    ("requests", None),
    ("blocked by the policy", Some(EventOutcome::Blocked)),
    ("refused because of a bad certificate", Some(EventOutcome::RefusedOrigin)),
    ("failed", Some(EventOutcome::Failed)),
];

fn figure_rows(counts: &OutcomeCounts, linked_from: Option<&String>) -> Vec<FigureView> {
    let row = |(label, outcome): (&str, Option<EventOutcome>)| {
        let slug = outcome.map_or("", EventOutcome::slug);
        FigureView {
            label: label.to_owned(),
            value: outcome.map_or_else(|| counts.total(), |outcome| counts.of(outcome)),
            link: linked_from
                .map(|from| words::link("/history", &[("outcome", slug), ("from", from)]))
                .unwrap_or_default(),
        }
    };
    FIGURES.into_iter().map(row).collect()
}

/// Clauses that fail or wait to be accepted as they are, each as something that waits, in the catalogue's order.
fn failing_clauses(areas: &[AreaView]) -> Vec<NeedView> {
    let clauses = areas.iter().flat_map(|area| &area.clauses);
    let mut needs: Vec<NeedView> = clauses
        .filter_map(|clause| match &clause.state {
            ClauseState::Fail { evidence, .. } => Some(NeedView {
                title: format!("{} fails: {}", clause.id, clause.title),
                detail: format!("{evidence}. Owner: {}.", clause.owner),
                link: format!("/policy/{}", clause.id),
                urgency: if clause.id.starts_with("FLT") { "urgent" } else { "soon" }.to_owned(),
            }),
            ClauseState::Excepted { evidence, .. } => Some(NeedView {
                title: format!("{} waits to be accepted: {}", clause.id, clause.title),
                detail: format!("{evidence}."),
                link: format!("/policy/{}", clause.id),
                urgency: "soon".to_owned(),
            }),
            _ => None,
        })
        .collect();
    needs.sort_by_key(|need| need.urgency != "urgent");
    needs
}

fn proposals(waiting: u64) -> Option<NeedView> {
    (waiting > 0).then(|| NeedView {
        title: match waiting {
            1 => "A policy document waits for approval".to_owned(),
            more => format!("{more} policy documents wait for approval"),
        },
        detail: "Until it is approved, the policy in force stays as it is.".to_owned(),
        link: "/policy".to_owned(),
        urgency: "soon".to_owned(),
    })
}

fn alerts_need(waiting: usize, worst: Option<Severity>) -> Option<NeedView> {
    let worst = worst?;
    let title = match waiting {
        1 => "1 alert waits to be acknowledged".to_owned(),
        more => format!("{more} alerts wait to be acknowledged"),
    };
    Some(NeedView {
        title,
        detail: format!(
            "The worst is {}. Whoever is next is called where nobody acknowledges it.",
            worst.title()
        ),
        link: "/alerts".to_owned(),
        urgency: if worst <= Severity::High { "urgent" } else { "soon" }.to_owned(),
    })
}

fn weeks_need((unread, unsigned): (usize, usize)) -> Option<NeedView> {
    let title = match (unread, unsigned) {
        (0, 0) => return None,
        (0, 1) => "A weekly monitoring report waits to be signed".to_owned(),
        (0, more) => format!("{more} weekly monitoring reports wait to be signed"),
        (1, _) => "A weekly monitoring report was read by nobody".to_owned(),
        (more, _) => format!("{more} weekly monitoring reports were read by nobody"),
    };
    Some(NeedView {
        title,
        detail: "Reading and signing it shows that monitoring is looked at each week.".to_owned(),
        link: "/weekly".to_owned(),
        urgency: "soon".to_owned(),
    })
}

fn health(seen: &Seen, facts: &Facts) -> Vec<HealthView> {
    let mut rows: Vec<HealthView> = PARTS.iter().map(|name| listener(name, seen, facts.now)).collect();
    let others = seen.listeners.keys().filter(|name| !PARTS.contains(&name.as_str()));
    rows.extend(others.map(|name| listener(name, seen, facts.now)));
    rows.push(upstreams_row(seen));
    rows.push(history_row(seen, facts));
    rows.push(lists_row(seen, facts));
    rows.extend(seen.scan().map(|(scan, told)| scan_row(scan, told, seen.started)));
    rows
}

/// Whether the malware scanner answers; before the first file nobody knows.
fn scan_row(scan: ScanSeen, told: Timestamp, started: Timestamp) -> HealthView {
    let ScanSeen { clean, infected, unscanned, silent, .. } = scan;
    let found = format!("{clean} files clean, {infected} with malware, {unscanned} not scanned since start");
    let (state, detail) = match (silent, clean.saturating_add(infected)) {
        (1.., _) => ("Not working", format!("It did not answer for the last {silent} files; {found}")),
        (0, 0) => ("Unknown", "Nothing had to be scanned since start".to_owned()),
        (0, _) => ("Working", found),
    };
    let checked = if state == "Unknown" { started } else { told };
    HealthView { name: "Malware scanner".to_owned(), state: state.to_owned(), detail, checked }
}

fn listener(name: &str, seen: &Seen, now: Timestamp) -> HealthView {
    let (state, detail, checked) = match seen.listeners.get(name) {
        None => ("Unknown", "It has not been heard of since start".to_owned(), seen.started),
        Some(part) => match &part.state {
            ListenerState::Stopped(why) => ("Not working", why.clone(), part.at),
            ListenerState::Listening if part.at.plus_ms(HEARD_OF_MS) < now => {
                ("Unknown", "It was not heard of in the last 5 minutes".to_owned(), part.at)
            }
            ListenerState::Listening => ("Working", "It takes requests".to_owned(), part.at),
        },
    };
    HealthView { name: name.to_owned(), state: state.to_owned(), detail, checked }
}

/// Whether the name servers answer that DNS asks outside. One of several that is silent is trouble already: nothing is left
/// to stand in for the next one.
fn upstreams_row(seen: &Seen) -> HealthView {
    let (upstreams, checked) = &seen.upstreams;
    let silent: Vec<&str> =
        upstreams.iter().filter(|upstream| !upstream.answers).map(|upstream| &*upstream.name).collect();
    let (state, detail) = match (upstreams.len(), silent.as_slice()) {
        (0, _) => ("Unknown", "None was asked since start".to_owned()),
        (1, []) => ("Working", "The one that was asked answers".to_owned()),
        (all, []) => ("Working", format!("All {all} that were asked answer")),
        (all, silent) if silent.len() == all => ("Not working", "None of them answers".to_owned()),
        (_, silent) => {
            ("Not working", format!("No answer from {}; the others stand in for it", silent.join(", ")))
        }
    };
    HealthView { name: "DNS upstreams".to_owned(), state: state.to_owned(), detail, checked: *checked }
}

fn history_row(seen: &Seen, facts: &Facts) -> HealthView {
    let (state, detail) = match (&seen.history_trouble, seen.lost) {
        (Some(_), _) => ("Not working", "It cannot be written; the technician's log says why".to_owned()),
        // It was asked for its oldest day just now.
        (None, 0) if facts.retention.is_none() => {
            ("Unknown", "It does not answer now; the technician's log says why".to_owned())
        }
        (None, 0) => ("Working", "Nothing was lost since start".to_owned()),
        (None, lost) => ("Not working", format!("{lost} requests were lost since start")),
    };
    HealthView {
        name: "Recording of requests".to_owned(),
        state: state.to_owned(),
        detail,
        checked: facts.now,
    }
}

fn lists_row(seen: &Seen, facts: &Facts) -> HealthView {
    let lists = facts.lists.as_ref().map(|seen| seen.lists.as_slice()).unwrap_or_default();
    let names: u64 = lists.iter().map(|list| list.names).sum();
    let oldest = lists.iter().filter_map(|list| list.read_at).min().unwrap_or(seen.started);
    let (state, detail) = match seen.lists_words() {
        Some(trouble) => ("Not working", trouble),
        None if names == 0 => ("Not working", "No list is loaded".to_owned()),
        None => ("Working", format!("{}, with {names} entries", counted_lists(lists.len()))),
    };
    HealthView { name: "Filter lists".to_owned(), state: state.to_owned(), detail, checked: oldest }
}

/// How many connections through the proxy named no host and went where our DNS sent nobody.
fn unknown_addresses_row(seen: &Seen, count: u64, now: Timestamp) -> HealthView {
    let connections = if count == 1 { "1 connection".to_owned() } else { format!("{count} connections") };
    let is_new = seen.started.plus_ms(KNOWS_LITTLE_MS) > now;
    let caveat = if is_new {
        ". In the first hour after a start this says little: what was given out before is not known"
    } else {
        ""
    };
    HealthView {
        name: "Connections by address".to_owned(),
        state: if is_new { "Unknown" } else { "Working" }.to_owned(),
        detail: format!("{connections} today (UTC) to addresses our DNS never gave out{caveat}"),
        checked: now,
    }
}

/// Suggestions that are named; the rest are counted.
const MOST_NAMED: usize = 5;

/// Hosts that may belong on the bypass list, and devices that seem to lack the school's certificate.
fn suggestions_row(suggestions: &Suggestions, now: Timestamp) -> HealthView {
    let all = suggestions.all(now);
    let named: Vec<String> = all.iter().take(MOST_NAMED).map(suggestion_in_words).collect();
    let more = match all.len().saturating_sub(MOST_NAMED) {
        0 => String::new(),
        more => format!("; {more} more"),
    };
    let hosts = match named.is_empty() {
        true => "No host suggested for the bypass list in the last week".to_owned(),
        false => format!("Suggested for the bypass list: {}{more}", named.join("; ")),
    };
    let devices = match suggestions.clients_without_certificate(now) {
        0 => String::new(),
        1 => ". 1 device seems to lack the school\u{2019}s certificate".to_owned(),
        devices => format!(". {devices} devices seem to lack the school\u{2019}s certificate"),
    };
    HealthView {
        name: "Pages that are opened".to_owned(),
        state: "Working".to_owned(),
        detail: format!("{hosts}{devices}"),
        checked: now,
    }
}

fn suggestion_in_words(suggestion: &Suggestion) -> String {
    let why = match suggestion.kind {
        SuggestionKind::Distrusted => "its app trusts only its own certificates",
        SuggestionKind::HungUp => "its app hangs up on ours",
        SuggestionKind::ClientCertificate => "it asks for the device\u{2019}s own certificate",
    };
    let from = match suggestion.clients {
        0 => String::new(),
        1 => ", 1 device".to_owned(),
        devices => format!(", {devices} devices"),
    };
    format!("{} ({why}{from})", suggestion.host)
}

/// "1 list", "3 lists".
fn counted_lists(count: usize) -> String {
    if count == 1 { "1 list".to_owned() } else { format!("{count} lists") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Host;

    #[test]
    fn suggestions_for_the_bypass_list_are_named_and_devices_without_the_certificate_counted() {
        let (suggestions, now) = (Suggestions::default(), Timestamp(1_795_348_800_000));
        assert!(suggestions_row(&suggestions, now).detail.starts_with("No host suggested"));
        let client = |number: u8| std::net::IpAddr::from([10, 0, 0, number]);
        suggestions.accepted(client(1), now);
        for number in 0..7 {
            let host = Host::parse(&format!("app{number}.example")).unwrap();
            suggestions.refused(&host, SuggestionKind::Distrusted, client(1), now);
        }
        suggestions.refused(&Host::parse("any.example").unwrap(), SuggestionKind::HungUp, client(2), now);
        let detail = suggestions_row(&suggestions, now).detail;
        assert!(
            detail.contains("app0.example (its app trusts only its own certificates, 1 device)"),
            "{detail}"
        );
        assert!(detail.contains("; 2 more. 1 device seems to lack"), "{detail}");
    }
}
