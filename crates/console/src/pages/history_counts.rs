//! Counts of a search: a chart by hour or day beside its table, categories, and the sites that were asked for most.
//!
//! The chart is drawn here, as SVG without a script; whoever does not see it has the same in the table.

use crate::desk::{Shared, Visit};
use crate::extract::Asked;
use crate::pages::fields::{SummaryLine, link, summary};
use crate::pages::history::{Pairs, Question, link_with};
use crate::problem::Problem;
use crate::words;
use app::views::{HistoryCounts, HistoryFilter, HistoryPlace, TimeCount};
use axum::extract::State;
use axum::response::Response;
use serde::Serialize;

/// The chart's height in its own units; a bar is 8 wide, with 2 between.
const HEIGHT: u64 = 100;
const BAR: usize = 10;

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct CountsPage {
    /// What was wrong with the question.
    pub summary: Vec<SummaryLine>,
    /// The rows that are counted.
    pub rows_link: String,
    /// From when until when.
    pub span: String,
    /// How many in all, in words.
    pub total: String,
    /// `hour` or `day`.
    pub unit: &'static str,
    /// The chart's width in its own units.
    pub width: usize,
    /// The bars, one for each time.
    pub bars: Vec<Bar>,
    /// The most of one time, in words.
    pub most: String,
    /// The first time and the last.
    pub ends: (String, String),
    /// The times that have requests: label, allowed, blocked, other.
    pub times: Vec<(String, String, String, String)>,
    /// Categories: title, all, blocked, where the rows are (may be empty).
    pub categories: Vec<(String, String, String, String)>,
    /// Sites: host, how often, where the rows are (may be empty).
    pub hosts: Vec<(String, String, String)>,
}

/// One bar: all requests of a time, and the blocked ones among them.
#[derive(Debug, Serialize)]
pub(crate) struct Bar {
    /// Where it begins.
    pub x: usize,
    /// The top of all.
    pub y: u64,
    /// Their height.
    pub height: u64,
    /// The top of those that were blocked.
    pub blocked_y: u64,
    /// Their height.
    pub blocked_height: u64,
}

impl CountsPage {
    /// The page of a view.
    pub(crate) fn of(view: HistoryCounts) -> Self {
        let all = |time: &TimeCount| time.allowed.saturating_add(time.blocked).saturating_add(time.other);
        let most = view.times.iter().map(all).max().unwrap_or(0);
        let unit = if view.is_hourly { "hour" } else { "day" };
        let noun = if view.total == 1 { "request" } else { "requests" };
        let at_least = if view.is_more { "At least " } else { "" };
        let ends = (view.times.first(), view.times.last());
        let rows = view.times.iter().filter(|time| all(time) > 0);
        let narrowed = |change: &dyn Fn(&mut HistoryFilter)| match &view.place {
            HistoryPlace::Asked(filter) => {
                let mut filter = (**filter).clone();
                change(&mut filter);
                link("/history", &filter.fields().collect::<Vec<_>>())
            }
            HistoryPlace::Kept { .. } | HistoryPlace::Around { .. } => String::new(),
        };
        Self {
            summary: summary(&view.problems),
            rows_link: match &view.place {
                HistoryPlace::Kept { look, .. } => format!("/history/looks/{look}"),
                place => link_with("/history", place),
            },
            total: format!("{at_least}{} {noun}", words::number(view.total)),
            unit,
            width: view.times.len().saturating_mul(BAR).max(BAR),
            bars: view.times.iter().enumerate().map(|(place, time)| Bar::of(place, time, most)).collect(),
            most: words::number(most),
            ends: (
                ends.0.map(|time| time.label.clone()).unwrap_or_default(),
                ends.1.map(|time| time.label.clone()).unwrap_or_default(),
            ),
            times: rows
                .map(|time| {
                    let number = words::number;
                    (time.label.clone(), number(time.allowed), number(time.blocked), number(time.other))
                })
                .collect(),
            categories: view
                .categories
                .iter()
                .map(|category| {
                    let link = match category.slug.as_str() {
                        "" => String::new(),
                        slug => narrowed(&|filter| slug.clone_into(&mut filter.category)),
                    };
                    let (all, blocked) = (words::number(category.all), words::number(category.blocked));
                    (category.title.clone(), all, blocked, link)
                })
                .collect(),
            hosts: view
                .hosts
                .iter()
                .map(|(host, times)| {
                    let rows = narrowed(&|filter| host.clone_into(&mut filter.host));
                    (host.clone(), words::number(*times), rows)
                })
                .collect(),
            span: view.span.clone(),
        }
    }
}

impl Bar {
    fn of(place: usize, time: &TimeCount, most: u64) -> Self {
        // What is there at all is seen: no bar of something is lower than one unit.
        let tall = |count: u64| match count {
            0 => 0,
            some => (some.saturating_mul(HEIGHT) / most.max(1)).clamp(1, HEIGHT),
        };
        let height = tall(time.allowed.saturating_add(time.blocked).saturating_add(time.other));
        let blocked_height = tall(time.blocked);
        Self {
            x: place.saturating_mul(BAR),
            y: HEIGHT - height,
            height,
            blocked_y: HEIGHT - blocked_height,
            blocked_height,
        }
    }
}

/// `GET /history/counts`
pub(crate) async fn show(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(pairs): Asked<Pairs>,
) -> Result<Response, Problem> {
    let place = Question::in_address(pairs)?.place();
    let view = desk.app.history_counts(visit.actor()?, place).await?.ok_or(Problem::NotFound)?;
    desk.page("history_counts.html", &visit, &CountsPage::of(view)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_as_tall_as_its_share_and_never_invisible() {
        let time = |allowed, blocked| TimeCount { label: String::new(), allowed, blocked, other: 0 };
        let bar = |time: &TimeCount| {
            let bar = Bar::of(2, time, 1_000);
            (bar.x, bar.y, bar.height, bar.blocked_height)
        };
        assert_eq!(bar(&time(990, 10)), (20, 0, 100, 1));
        assert_eq!(bar(&time(1, 0)), (20, 99, 1, 0));
        assert_eq!(bar(&time(0, 0)), (20, 100, 0, 0));
        assert_eq!(Bar::of(0, &time(0, 0), 0).height, 0);
    }
}
