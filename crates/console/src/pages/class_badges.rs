//! Badges of a class: whose are made, and the sheet on which they are printed, which is shown this once.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Choice, SummaryLine, choices, summary};
use crate::problem::Problem;
use crate::qr::svg_of;
use crate::words;
use app::views::{BadgesView, ClassView};
use app::{AppError, WhichBadges};
use axum::extract::{Path, State};
use axum::response::Response;
use model::{ClassId, PersonId};
use serde::{Deserialize, Serialize};

/// Whose badges are made, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct BadgesForm {
    which: String,
}

/// The question.
#[derive(Debug, Serialize)]
pub(crate) struct BadgesAskPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The class's name.
    pub class: String,
    /// The class's page.
    pub link: String,
    /// Whose may be made.
    pub which: Vec<Choice>,
    /// What is wrong with what was chosen.
    pub which_problem: String,
}

/// The sheet.
#[derive(Serialize)]
pub(crate) struct BadgesPage {
    /// The class's name.
    pub class: String,
    /// The class's page.
    pub link: String,
    /// Until when they work.
    pub until: String,
    /// Where the code is typed.
    pub address: String,
    /// The badges.
    pub badges: Vec<BadgeCard>,
}

/// One badge.
#[derive(Serialize)]
pub(crate) struct BadgeCard {
    /// Whose.
    pub first_name: String,
    /// The code to hold before a camera, as an SVG element.
    pub qr: String,
    /// The code to type.
    pub code: String,
}

impl BadgesAskPage {
    /// The question about a class, with what was chosen and what is wrong with it.
    pub(crate) fn of(view: ClassView, form: &BadgesForm, problem: &str) -> Self {
        let may = |row: &&app::views::LearnerRow| row.may_have_badge && row.may_reset;
        let missing = view.learners.iter().filter(may).filter(|row| row.badge_since.is_none()).count();
        let missing = format!("Everybody who has none ({missing})");
        let mut all = vec![
            ("missing".to_owned(), missing),
            ("all".to_owned(), "Everybody: the badges that they have stop working".to_owned()),
        ];
        all.extend(view.learners.iter().filter(may).map(|row| {
            let words = if row.badge_since.is_some() { ": the old badge stops working" } else { "" };
            (row.id.clone(), format!("{}{words}", row.name))
        }));
        let problems = [("which".to_owned(), problem.to_owned())];
        Self {
            summary: if problem.is_empty() { Vec::new() } else { summary(&problems) },
            class: view.row.name,
            link: format!("/classes/{}", view.row.id),
            which: choices(all.iter().map(|(value, text)| (value.as_str(), text.as_str())), &form.which),
            which_problem: problem.to_owned(),
        }
    }
}

impl BadgesPage {
    /// The sheet of a view; `console` is the console's own address, which badges bear for a year. `None` where a code is too
    /// long.
    pub(crate) fn of(view: BadgesView, link: String, console: &str) -> Option<Self> {
        let address = format!("{console}/web/badge");
        let card = |badge: app::views::BadgeView| {
            let qr = svg_of(&format!("{address}#{}", badge.fragment))?;
            Some(BadgeCard { first_name: badge.first_name, qr, code: badge.code })
        };
        let badges = view.badges.into_iter().map(card).collect::<Option<_>>()?;
        let until = words::day_and_time(view.expires);
        Some(Self { class: view.class, link, until, badges, address })
    }
}

/// `GET /classes/{class}/badges`
pub(crate) async fn ask(
    State(desk): State<Shared>,
    visit: Visit,
    Path(typed): Path<String>,
) -> Result<Response, Problem> {
    let view = class(&desk, &visit, &typed).await?;
    desk.fresh(&visit).await?;
    let form = BadgesForm { which: "missing".to_owned() };
    desk.page("class_badges.html", &visit, &BadgesAskPage::of(view, &form, "")).await
}

/// `POST /classes/{class}/badges`
pub(crate) async fn make(
    State(desk): State<Shared>,
    visit: Visit,
    Path(typed): Path<String>,
    Sent(form): Sent<BadgesForm>,
) -> Result<Response, Problem> {
    let id = ClassId::parse(&typed).ok_or(Problem::NotFound)?;
    let which = match form.which.as_str() {
        "missing" => WhichBadges::Missing,
        "all" => WhichBadges::Everybody,
        person => WhichBadges::Of(PersonId::parse(person).ok_or(Problem::Unreadable)?),
    };
    let console = desk.app.console_address().ok_or(Problem::OurFault)?;
    let fresh = desk.fresh(&visit).await?;
    match desk.app.make_badges((visit.actor()?, &fresh), id, which).await {
        Ok(Some(view)) => {
            let page = BadgesPage::of(view, format!("/classes/{id}"), console).ok_or(Problem::OurFault)?;
            desk.page("badges.html", &visit, &page).await
        }
        Ok(None) => Err(Problem::NotFound),
        Err(AppError::Refused { theirs, .. }) => {
            let view = class(&desk, &visit, &typed).await?;
            desk.form_again("class_badges.html", &visit, &BadgesAskPage::of(view, &form, &theirs)).await
        }
        Err(error) => Err(error.into()),
    }
}

pub(crate) async fn class(desk: &Shared, visit: &Visit, typed: &str) -> Result<ClassView, Problem> {
    let id = ClassId::parse(typed).ok_or(Problem::NotFound)?;
    desk.app.class_view(visit.actor()?, id, visit.address).await?.ok_or(Problem::NotFound)
}
