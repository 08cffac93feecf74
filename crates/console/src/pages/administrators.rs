//! The administrators: who can administer, what is missing, and the recovery accounts.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{SummaryLine, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{AdministratorsView, RecoveryRow};
use app::{AppError, RecoveryDeed};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use serde::{Deserialize, Serialize};

/// What is done about a recovery account, as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecoveryForm {
    number: String,
    deed: String,
    reason: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct AdministratorsPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// True until the rule holds for the first time.
    pub setting_up: bool,
    /// What is missing.
    pub missing: Vec<String>,
    /// The fewest people.
    pub at_least: u32,
    /// Who can administer.
    pub accounts: Vec<Administrator>,
    /// The recovery accounts.
    pub recovery: Vec<Recovery>,
    /// True where whoever looks leads.
    pub leads: bool,
}

/// One administrator.
#[derive(Debug, Serialize)]
pub(crate) struct Administrator {
    /// Their name.
    pub name: String,
    /// The name to sign in with.
    pub login: String,
    /// The account's state, and whether it can administer.
    pub state: String,
    /// The factors that have worked.
    pub factors: String,
    /// The badge's colour.
    pub badge_class: &'static str,
}

/// One recovery account.
#[derive(Debug, Serialize)]
pub(crate) struct Recovery {
    /// Its number.
    pub number: u32,
    /// Its owners.
    pub owners: String,
    /// When it was last tried.
    pub tried: String,
    /// True where that is too long ago.
    pub is_due: bool,
    /// What is asked about its end; empty where nothing is.
    pub ending: String,
    /// What may be done: value and words.
    pub deeds: Vec<(&'static str, &'static str)>,
}

impl AdministratorsPage {
    /// The page, with what was wrong.
    pub(crate) fn of(view: AdministratorsView, problem: &str) -> Self {
        let problems: Vec<(String, String)> = Some(("main-content".to_owned(), problem.to_owned()))
            .filter(|(_, words)| !words.is_empty())
            .into_iter()
            .collect();
        let accounts = view.accounts.into_iter().map(|row| Administrator {
            badge_class: if row.works { "govuk-tag--green" } else { "govuk-tag--yellow" },
            state: if row.works { row.state } else { format!("{}, cannot administer yet", row.state) },
            name: row.name,
            login: row.login,
            factors: if row.factors.is_empty() { "None yet".to_owned() } else { row.factors },
        });
        Self {
            summary: summary(&problems),
            setting_up: view.setting_up,
            missing: view.missing,
            at_least: view.at_least,
            accounts: accounts.collect(),
            recovery: view.recovery.into_iter().map(recovery).collect(),
            leads: view.leads,
        }
    }
}

fn recovery(row: RecoveryRow) -> Recovery {
    let ending = match (row.asked_by.as_str(), row.agreed_by.as_str(), row.until) {
        ("", ..) => String::new(),
        (asked, "", _) => format!("{asked} wants it gone. A second leader must agree."),
        (asked, agreed, until) => format!(
            "{asked} and {agreed} want it gone. It can be taken away from {} on.",
            until.map(words::day_and_time).unwrap_or_default()
        ),
    };
    Recovery {
        number: row.number,
        owners: row.owners.join(", "),
        tried: words::day_and_time(row.tried),
        is_due: row.is_due,
        ending,
        deeds: row.deeds.iter().map(|deed| (deed.slug(), deed.title())).collect(),
    }
}

/// `GET /administrators`
pub(crate) async fn show(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.administrators_view(visit.actor()?).await?;
    desk.page("administrators.html", &visit, &AdministratorsPage::of(view, "")).await
}

/// `POST /administrators`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<RecoveryForm>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let fresh = desk.fresh(&visit).await?;
    let number: u32 = form.number.parse().map_err(|_| Problem::Unreadable)?;
    let deed = RecoveryDeed::parse(&form.deed).ok_or(Problem::Unreadable)?;
    match desk.app.work_on_recovery((actor, &fresh), (number, deed), &form.reason).await {
        Ok(true) => Ok(Redirect::to("/administrators").into_response()),
        Ok(false) => Err(Problem::NotFound),
        Err(AppError::Refused { theirs, .. }) => {
            let view = desk.app.administrators_view(actor).await?;
            desk.form_again("administrators.html", &visit, &AdministratorsPage::of(view, &theirs)).await
        }
        Err(error) => Err(error.into()),
    }
}
