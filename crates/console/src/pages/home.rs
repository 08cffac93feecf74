//! Home: what needs this person, what happened in the last day, and whether the filter works.

use crate::desk::{Shared, Visit};
use crate::problem::Problem;
use crate::words;
use app::views::HomeView;
use axum::extract::State;
use axum::response::Response;
use model::Timestamp;
use serde::Serialize;

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct HomePage {
    /// What waits, worst first.
    pub needs: Vec<Need>,
    /// Since when nothing has waited, where that is known.
    pub quiet_since: String,
    /// Numbers of the last 24 hours.
    pub figures: Vec<Figure>,
    /// The parts of the filter.
    pub health: Vec<Health>,
}

/// One thing that waits.
#[derive(Debug, Serialize)]
pub(crate) struct Need {
    /// What waits.
    pub title: String,
    /// What happens otherwise, and what to do.
    pub detail: String,
    /// Where.
    pub link: String,
    /// `urgent`, `soon` or `note`: names the style.
    pub urgency: &'static str,
    /// The word on the badge.
    pub badge: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
}

/// One number.
#[derive(Debug, Serialize)]
pub(crate) struct Figure {
    /// What is counted.
    pub label: String,
    /// How many, `1,204`.
    pub value: String,
    /// Its rows; empty when this person may not see them.
    pub link: String,
}

/// One part of the filter.
#[derive(Debug, Serialize)]
pub(crate) struct Health {
    /// Its name.
    pub name: String,
    /// Its state in words.
    pub state: String,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// What was seen.
    pub detail: String,
    /// How long ago.
    pub age: String,
}

impl HomePage {
    /// The page at the time `now`.
    pub(crate) fn of(view: HomeView, now: Timestamp) -> Self {
        let needs = view.needs.into_iter().map(|need| {
            let (urgency, badge, badge_class) = match need.urgency.as_str() {
                "urgent" => ("urgent", "Urgent", "govuk-tag--red"),
                "soon" => ("soon", "Soon", "govuk-tag--orange"),
                _ => ("note", "To know", "govuk-tag--grey"),
            };
            Need { title: need.title, detail: need.detail, link: need.link, urgency, badge, badge_class }
        });
        let figures = view.figures.into_iter().map(|figure| Figure {
            label: figure.label,
            value: words::number(figure.value),
            link: figure.link,
        });
        let health = view.health.into_iter().map(|part| Health {
            badge_class: match part.state.as_str() {
                "Working" => "govuk-tag--green",
                "Not working" => "govuk-tag--red",
                _ => "govuk-tag--yellow",
            },
            name: part.name,
            state: part.state,
            detail: part.detail,
            age: words::age(now, part.checked),
        });
        Self {
            needs: needs.collect(),
            quiet_since: view.quiet_since.map(words::day_and_time).unwrap_or_default(),
            figures: figures.collect(),
            health: health.collect(),
        }
    }
}

/// `GET /`
pub(crate) async fn show(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.home(visit.actor()?).await?;
    desk.page("home.html", &visit, &HomePage::of(view, desk.clock.now())).await
}
