//! Counts of a search: by hour or day, by category and by site. They name nobody.
//!
//! Sums that the history keeps are added up; where a search asks for more than time, school, outcome and category, events
//! are counted one by one, up to a bound that is said.

use crate::history_query::Plan;
use crate::views::{CategoryCount, HistoryCounts, HistoryPlace, TimeCount};
use crate::{App, AppError, words};
use history::{Every, OutcomeCounts, Query, Sums, TopHosts};
use jiff::tz::TimeZone;
use model::{Action, Actor, Category, DAY_MS, EventOutcome, Timestamp};

const HOUR_MS: i64 = 3_600_000;
/// The time that is counted where nothing is said.
const USUAL_MS: i64 = 7 * DAY_MS;
/// The longest time that is counted by the hour; a longer one is by the day.
const MOST_HOURLY_MS: i64 = 4 * DAY_MS;
/// The longest time that is counted.
const MOST_MS: i64 = 400 * DAY_MS;
/// Sites that are named.
const HOSTS: usize = 10;

impl App {
    /// Counts of the search at a place; `None` where there is no such place for this actor. Recorded first.
    pub async fn history_counts(
        &self,
        actor: &Actor,
        place: HistoryPlace,
    ) -> Result<Option<HistoryCounts>, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        let Some(asked) = self.asked(actor, place, &reach).await? else { return Ok(None) };
        let plan = match asked.plan {
            Ok(plan) => plan,
            Err(problems) => return Ok(Some(HistoryCounts { problems, ..nothing(asked.place) })),
        };
        self.note(&self.search_fact(actor, &asked.place, &asked.filter, "count-history")).await?;
        let (query, span) = within(plan, self.now());
        let every = if span.is_hourly() { Every::Hour } else { Every::Day };
        let history = self.0.parts.history.clone();
        let counted = tokio::task::spawn_blocking(move || {
            let sums = history.sums(&query, every)?;
            Ok::<_, history::HistoryError>((sums, history.top_hosts(&query, every, HOSTS)?))
        });
        let (sums, hosts) = counted.await??;
        let zone = self.snapshot().policy().time_zone.clone();
        Ok(Some(view(asked.place, span, (sums, hosts), &zone)))
    }
}

/// From when until when is counted; `from` is the beginning of an hour or of a day (UTC).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Span {
    from: Timestamp,
    until: Timestamp,
}

impl Span {
    fn is_hourly(self) -> bool {
        self.until.0.saturating_sub(self.from.0) <= MOST_HOURLY_MS
    }

    fn step_ms(self) -> i64 {
        if self.is_hourly() { HOUR_MS } else { DAY_MS }
    }
}

/// The query within a time that can be shown.
fn within(plan: Plan, now: Timestamp) -> (Query, Span) {
    let until = plan.query.until.unwrap_or(now.plus_ms(1));
    let from = plan.query.from.unwrap_or(until.plus_ms(-USUAL_MS));
    let from = Timestamp(from.0.max(until.0.saturating_sub(MOST_MS)));
    let query = Query { from: Some(from), until: Some(until), before: None, ..plan.query };
    (query, Span { from, until })
}

fn nothing(place: HistoryPlace) -> HistoryCounts {
    HistoryCounts {
        place,
        problems: Vec::new(),
        span: String::new(),
        is_hourly: false,
        times: Vec::new(),
        categories: Vec::new(),
        hosts: Vec::new(),
        total: 0,
        is_more: false,
    }
}

fn view(place: HistoryPlace, span: Span, (sums, hosts): (Sums, TopHosts), zone: &TimeZone) -> HistoryCounts {
    let mut categories: Vec<CategoryCount> = sums
        .by_category
        .iter()
        .map(|(category, counts)| CategoryCount {
            slug: category.map(Category::slug).unwrap_or_default().to_owned(),
            title: category.map_or("No category", Category::title).to_owned(),
            all: counts.total(),
            blocked: counts.of(EventOutcome::Blocked),
        })
        .collect();
    categories.sort_by(|one, other| other.all.cmp(&one.all).then_with(|| one.title.cmp(&other.title)));
    HistoryCounts {
        span: format!(
            "{} to {}",
            words::date_and_time(zone, span.from),
            words::date_and_time(zone, span.until)
        ),
        is_hourly: span.is_hourly(),
        times: times(span, &sums, zone),
        categories,
        hosts: hosts.hosts.into_iter().map(|host| (host.host, host.events)).collect(),
        total: sums.by_time.values().map(OutcomeCounts::total).sum(),
        is_more: sums.more || hosts.more,
        ..nothing(place)
    }
}

/// Every hour or day of the span, those without requests too.
fn times(span: Span, sums: &Sums, zone: &TimeZone) -> Vec<TimeCount> {
    let step = span.step_ms();
    let first = span.from.0.div_euclid(step).saturating_mul(step);
    let none = OutcomeCounts::default();
    let starts = (0..).map(|number| Timestamp(first.saturating_add(step.saturating_mul(number))));
    starts
        .take_while(|start| *start < span.until)
        .map(|start| {
            let counts = sums.by_time.get(&start).unwrap_or(&none);
            let of = |outcome| counts.of(outcome);
            TimeCount {
                label: if span.is_hourly() {
                    words::date_and_hour(zone, start)
                } else {
                    words::date(&TimeZone::UTC, start)
                },
                allowed: of(EventOutcome::Allowed),
                blocked: of(EventOutcome::Blocked),
                other: of(EventOutcome::RefusedOrigin).saturating_add(of(EventOutcome::Failed)),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(query: Query) -> Plan {
        Plan { query, people: Vec::new(), by_name: false, purpose: None }
    }

    #[test]
    fn every_hour_of_the_time_has_its_row_by_the_schools_clock() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let (from, until) = (at("2026-07-01T08:30:00Z"), at("2026-07-01T11:00:00Z"));
        let asked = Query { from: Some(from), until: Some(until), ..Query::default() };
        let (_, span) = within(plan(asked), until);
        let rows = times(span, &Sums::default(), &zone);
        let labels: Vec<&str> = rows.iter().map(|row| row.label.as_str()).collect();
        assert_eq!(labels, ["1 July 2026, 09:00", "1 July 2026, 10:00", "1 July 2026, 11:00"]);
    }

    #[test]
    fn no_time_makes_more_rows_than_a_page_can_show() {
        let now = Timestamp(1_795_169_700_000);
        for (days, hourly) in [(1, true), (4, true), (5, false), (399, false), (100_000, false)] {
            let from = now.plus_ms(-days * DAY_MS);
            let asked = Query { from: Some(from), until: Some(now), ..Query::default() };
            let (query, span) = within(plan(asked), now);
            assert_eq!((span.is_hourly(), query.before), (hourly, None), "{days}");
            assert!(times(span, &Sums::default(), &TimeZone::UTC).len() <= 401, "{days}");
        }
        let (_, usual) = within(plan(Query::default()), now);
        assert_eq!(usual.until.0 - usual.from.0, USUAL_MS);
    }
}
