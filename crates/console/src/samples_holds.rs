//! Samples of the pages about history that is kept longer. Names are made up.

use crate::pages::holds::{HoldsPage, ReleasePage};
use crate::samples::HOSTILE;
use app::views::{HoldForm, HoldRow, HoldsView};

fn row(full: bool) -> HoldRow {
    HoldRow {
        name: "kept-1795000000000".to_owned(),
        what: vec!["Pupil 4F2A-91C3, year group 5".to_owned(), format!("Sites with {HOSTILE} in their name")],
        why: format!("The local authority asked for it {HOSTILE}"),
        by: if full { "Alex Sample".to_owned() } else { String::new() },
        case: if full { "0199aabb-0000-7000-8000-000000000002".to_owned() } else { String::new() },
        made: "22 November 2026, 10:15:03".to_owned(),
        review_on: if full { "2026-12-01".to_owned() } else { String::new() },
        is_overdue: full,
        events: if full { 1_204 } else { 1 },
        size: "3 MB".to_owned(),
    }
}

pub(crate) fn lists() -> Vec<HoldsPage> {
    let form = HoldForm { person: HOSTILE.to_owned(), case: "0199".to_owned(), ..HoldForm::default() };
    let problems = ["person", "device", "host", "from", "until", "why", "review_on"];
    let problems = problems.map(|name| (name.to_owned(), format!("Say more {HOSTILE}"))).into();
    let full = HoldsView { rows: vec![row(true), row(false)], unreadable: 2, form, problems };
    let one = HoldsView { rows: vec![row(false)], unreadable: 1, ..HoldsView::default() };
    [full, one, HoldsView::default()].map(HoldsPage::of).into()
}

pub(crate) fn releases() -> Vec<ReleasePage> {
    let problems = [("why".to_owned(), "Say why".to_owned())];
    vec![
        ReleasePage::of(row(true), HOSTILE.to_owned(), &problems),
        ReleasePage::of(row(false), String::new(), &[]),
    ]
}
