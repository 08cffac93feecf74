//! Samples of the history and its counts, for the test that renders every page in every state.

use crate::pages::history::HistoryPage;
use crate::pages::history_counts::CountsPage;
use crate::samples::HOSTILE;
use app::views::{
    CategoryCount, ExpiredCounts, ExpiredView, HistoryChoices, HistoryCounts, HistoryFilter, HistoryPlace,
    HistoryRow, HistoryView, TimeCount,
};
use model::Timestamp;

fn row(outcome: &str, channel: &str) -> HistoryRow {
    let (is_dns, is_tunnel) = (channel == "dns", channel == "tunnel");
    let unless = |no: bool, text: &str| if no { String::new() } else { text.to_owned() };
    HistoryRow {
        at: Timestamp::parse("2026-11-22T10:15:03Z").unwrap(),
        local_time: "22 November 2026, 10:15:03".to_owned(),
        person: "Pupil 4F2A-91C3, year group 5".to_owned(),
        known_by: unless(is_dns, "signed in"),
        device: unless(is_dns, "Tablet 12"),
        address: "10.1.4.20".to_owned(),
        group: "Upper Key Stage 2".to_owned(),
        channel: channel.to_owned(),
        method: "GET".to_owned(),
        host: "games.example".to_owned(),
        path: unless(is_tunnel, &format!("/search?q={HOSTILE}")),
        is_withheld: is_tunnel,
        outcome: outcome.to_owned(),
        reason: "Blocked for the group Upper Key Stage 2: the category Games".to_owned(),
        status: "200".to_owned(),
        size: "12.1 kB".to_owned(),
        explain_link: unless(is_dns, "/why?event=1.20779.33"),
        around_link: unless(is_dns, "/history/around/1.20779.33"),
    }
}

fn choices() -> HistoryChoices {
    let one = |value: &str, title: &str| vec![(value.to_owned(), title.to_owned())];
    HistoryChoices {
        schools: one("willow", "Willow First School"),
        years: one("5", "Year 5"),
        classes: one("0199", "Hazel"),
        groups: one("upper-ks2", "Upper Key Stage 2"),
        categories: one("games", "Games"),
        layers: one("category", "Blocked categories"),
        lists: one("starter", "Starter"),
        reasons: one("concern", "A concern"),
    }
}

fn expired(days: usize, days_in_part: usize) -> ExpiredView {
    let counts = ExpiredCounts { with_their_day: 12_040, names: 1, pages: 2, blocks: 0 };
    ExpiredView { days, days_in_part, counts: Some(counts) }
}

fn views() -> [HistoryView; 9] {
    let rows = [("allowed", "https"), ("blocked", "dns"), ("refused-origin", "tunnel"), ("failed", "http")];
    let (page, look) = ("2".to_owned(), "ab".repeat(16));
    let asked = HistoryFilter {
        host: HOSTILE.to_owned(),
        outcome: "blocked".to_owned(),
        page: page.clone(),
        ..HistoryFilter::default()
    };
    let full = HistoryView {
        place: HistoryPlace::asked(asked.clone()),
        filter: asked,
        about: String::new(),
        problems: Vec::new(),
        rows: rows.map(|(outcome, channel)| row(outcome, channel)).into(),
        total: 10_000,
        total_is_more: true,
        next: Some("3".to_owned()),
        choices: choices(),
        may_export: true,
        may_show_names: true,
        names_shown: false,
        leaves_out_staff: true,
        may_hold: true,
        expired: Some(expired(2, 1)),
    };
    let empty = HistoryPlace::asked(HistoryFilter::default());
    let (filter, choices) = (HistoryFilter::default(), HistoryChoices::default());
    let expired = Some(ExpiredView { counts: None, ..expired(1, 0) });
    let first = HistoryView {
        place: empty,
        filter,
        choices,
        may_export: false,
        may_hold: false,
        expired,
        ..full.clone()
    };
    let filter = HistoryFilter { person: HOSTILE.to_owned(), why: HOSTILE.to_owned(), ..full.filter.clone() };
    let kept = HistoryView {
        place: HistoryPlace::Kept { look, page: page.clone() },
        filter,
        names_shown: true,
        may_show_names: false,
        ..full.clone()
    };
    let around = HistoryView {
        place: HistoryPlace::Around { event: "1.20779.33".to_owned(), page },
        about: format!("10 minutes before and after {HOSTILE}"),
        ..full.clone()
    };
    let last = HistoryView { expired: None, next: None, total: 1, total_is_more: false, ..full.clone() };
    let none = HistoryView { rows: Vec::new(), ..last.clone() };
    let never = HistoryView { rows: Vec::new(), next: None, ..first.clone() };
    let problems =
        HistoryFilter::default().fields().map(|(name, _)| (name.to_owned(), HOSTILE.to_owned())).collect();
    let asks_why =
        vec![("reason".to_owned(), "Choose why".to_owned()), ("why".to_owned(), HOSTILE.to_owned())];
    let asked_why = HistoryView { problems: asks_why, rows: Vec::new(), ..around.clone() };
    let wrong = HistoryView { problems, ..none.clone() };
    [full, first, kept, around, last, none, never, wrong, asked_why]
}

pub(crate) fn histories() -> Vec<HistoryPage> {
    views().map(HistoryPage::of).into()
}

pub(crate) fn counts() -> Vec<CountsPage> {
    let time =
        |label: &str, blocked| TimeCount { label: label.to_owned(), allowed: 1_204, blocked, other: 0 };
    let category =
        |slug: &str| CategoryCount { slug: slug.to_owned(), title: HOSTILE.to_owned(), all: 9, blocked: 4 };
    let full = HistoryCounts {
        place: HistoryPlace::asked(HistoryFilter::default()),
        problems: Vec::new(),
        span: "20 November 2026 to 22 November 2026".to_owned(),
        is_hourly: true,
        times: vec![time("22 November 2026, 09:00", 12), time("22 November 2026, 10:00", 0)],
        categories: vec![category("games"), category("")],
        hosts: vec![(HOSTILE.to_owned(), 1_204)],
        total: 2_420,
        is_more: true,
    };
    let kept = HistoryPlace::Kept { look: "ab".repeat(16), page: String::new() };
    let daily = HistoryCounts { place: kept, is_hourly: false, is_more: false, ..full.clone() };
    let none = HistoryCounts { times: Vec::new(), total: 0, ..daily.clone() };
    let problems = vec![("from".to_owned(), "Write the date".to_owned())];
    let wrong = HistoryCounts { problems, ..none.clone() };
    [full, daily, none, wrong].map(CountsPage::of).into()
}

#[test]
fn the_way_through_history_keeps_the_question_and_tells_nobody_whom_it_is_about() {
    let [full, first, kept, around, last, ..] = views().map(HistoryPage::of);
    assert!(full.next.starts_with("/history?host=%22") && full.next.ends_with("&outcome=blocked&page=3"));
    assert!(full.export.starts_with("/history.csv?") && !full.export.contains("page="));
    assert!(full.newest.ends_with("outcome=blocked") && full.counts.starts_with("/history/counts?host="));
    assert_eq!(full.total, "More than 10,000 requests");
    assert_eq!((first.export.as_str(), last.total.as_str()), ("", "1 request"));
    let look = "ab".repeat(16);
    assert_eq!(kept.next, format!("/history/looks/{look}?page=3"));
    assert_eq!(kept.export, format!("/history.csv?look={look}"));
    assert_eq!(kept.again, [("look".to_owned(), look), ("page".to_owned(), "2".to_owned())]);
    assert_eq!((around.counts.as_str(), around.next.as_str()), ("", "/history/around/1.20779.33?page=3"));
}
