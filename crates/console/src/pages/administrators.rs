//! The administrators: who can administer, what is missing, the recovery accounts, and what leaders want of these.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{SummaryLine, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{AdministratorRow, AdministratorsView, LeaderView, RecoveryRow, WishDeedView, WishView};
use app::{AppError, Envelope, RecoveryDeed, RecoveryDone, RecoveryOrder};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::{PersonId, Timestamp};
use serde::Serialize;

/// The most boxes that a form may have ticked.
const MOST_OWNERS: usize = 200;

/// What is done about a recovery account, as sent: `owner` as often as one is ticked.
type RecoveryForm = Vec<(String, String)>;

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
    /// Others that are wanted.
    pub wanted: Vec<Wish>,
    /// Who may own another one.
    pub choices: Vec<Owner>,
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
    /// Whose posts it opens.
    pub stands_for: String,
    /// True where that is too little to help.
    pub opens_too_little: bool,
    /// When it was last tried, or made.
    pub tried: String,
    /// True where that is too long ago.
    pub is_due: bool,
    /// What is wanted of it: one, or nothing.
    pub wishes: Vec<Wish>,
    /// True where something may be asked for.
    pub may_ask: bool,
    /// Who may own it, and who does.
    pub choices: Vec<Owner>,
}

/// What is wanted of a recovery account.
#[derive(Debug, Serialize)]
pub(crate) struct Wish {
    /// The account's number.
    pub number: u32,
    /// What, who wants it, and how far it has come.
    pub words: String,
    /// When it was asked for, as forms name it.
    pub seen: i64,
    /// What may be done, the mildest first: each is a form of its own, so that no key does another.
    pub deeds: Vec<WishDeed>,
}

/// What may be done about what is wanted.
#[derive(Debug, Serialize)]
pub(crate) struct WishDeed {
    /// As forms name it.
    pub value: &'static str,
    /// The words on its button.
    pub button: String,
    /// What is asked before.
    pub why: String,
    /// How the button looks.
    pub classes: &'static str,
}

/// A leader who may own a recovery account.
#[derive(Debug, Serialize)]
pub(crate) struct Owner {
    /// As forms name them.
    pub id: String,
    /// Their name.
    pub name: String,
    /// True where they do.
    pub owns: bool,
}

/// What goes into an envelope, shown this once.
#[derive(Serialize)]
pub(crate) struct EnvelopePage {
    /// The account's number.
    pub number: u32,
    /// The name to sign in with.
    pub login: String,
    /// The password.
    pub secret: String,
    /// The codes.
    pub codes: Vec<String>,
}

impl AdministratorsPage {
    /// The page, with what was wrong.
    pub(crate) fn of(view: AdministratorsView, problem: &str) -> Self {
        let problems: Vec<(String, String)> = Some(("main-content".to_owned(), problem.to_owned()))
            .filter(|(_, words)| !words.is_empty())
            .into_iter()
            .collect();
        let choices = &view.choices;
        Self {
            summary: summary(&problems),
            setting_up: view.setting_up,
            missing: view.missing,
            at_least: view.at_least,
            accounts: view.accounts.into_iter().map(administrator).collect(),
            recovery: view.recovery.into_iter().map(|row| recovery(row, choices)).collect(),
            wanted: view.wanted.into_iter().map(wish).collect(),
            choices: owners(choices, &[]),
            leads: view.leads,
        }
    }
}

impl EnvelopePage {
    /// The page.
    pub(crate) fn of(number: u32, envelope: &Envelope) -> Self {
        Self {
            number,
            login: envelope.login.clone(),
            secret: envelope.secret.to_string(),
            codes: envelope.codes.iter().map(|code| code.to_string()).collect(),
        }
    }
}

fn administrator(row: AdministratorRow) -> Administrator {
    let state = match (row.works, row.has_post) {
        (true, _) => row.state,
        (false, true) => format!("{}, cannot administer yet", row.state),
        (false, false) => format!("{}, no post that administers", row.state),
    };
    Administrator {
        badge_class: if row.works { "govuk-tag--green" } else { "govuk-tag--yellow" },
        state,
        name: row.name,
        login: row.login,
        factors: if row.factors.is_empty() { "None yet".to_owned() } else { row.factors },
    }
}

fn recovery(row: RecoveryRow, choices: &[LeaderView]) -> Recovery {
    Recovery {
        number: row.number,
        owners: row.owners.join(", "),
        stands_for: row.stands_for,
        opens_too_little: row.opens_too_little,
        tried: words::day_and_time(row.tried),
        is_due: row.is_due,
        wishes: row.wish.into_iter().map(wish).collect(),
        may_ask: row.may_ask,
        choices: owners(choices, &row.owner_ids),
    }
}

fn wish(view: WishView) -> Wish {
    let asked = view.in_words();
    let words = match (view.until, view.lapses) {
        (_, Some(lapses)) if view.has_lapsed => format!(
            "{asked} {} agreed. Neither of them did it, and it lapsed on {}: ask for it again.",
            view.agreed_by,
            words::day_and_time(lapses)
        ),
        (Some(until), Some(lapses)) => format!(
            "{asked} {} agrees. One of the two can do it from {} on, until {}.",
            view.agreed_by,
            words::day_and_time(until),
            words::day_and_time(lapses)
        ),
        _ => format!("{asked} A second leader must agree."),
    };
    Wish {
        number: view.number,
        words,
        seen: view.asked.0,
        deeds: view.deeds.into_iter().map(wish_deed).collect(),
    }
}

fn wish_deed(view: WishDeedView) -> WishDeed {
    let classes = match view.deed {
        RecoveryDeed::Cancel => "govuk-button--secondary",
        _ if view.ends => "govuk-button--warning",
        _ => "",
    };
    WishDeed { value: view.deed.slug(), button: view.button, why: view.why, classes }
}

fn owners(choices: &[LeaderView], owning: &[String]) -> Vec<Owner> {
    let owner = |leader: &LeaderView| Owner {
        id: leader.id.clone(),
        name: leader.name.clone(),
        owns: owning.contains(&leader.id),
    };
    choices.iter().map(owner).collect()
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
    let owners = owners_in(&form)?;
    let order = order(&form, &owners).ok_or(Problem::Unreadable)?;
    match desk.app.work_on_recovery((actor, &fresh), order, field(&form, "reason")).await {
        Ok(RecoveryDone::Done) => Ok(Redirect::to("/administrators").into_response()),
        Ok(RecoveryDone::Sealed(number, envelope)) => {
            desk.page("envelope.html", &visit, &EnvelopePage::of(number, &envelope)).await
        }
        Ok(RecoveryDone::NotThere) => Err(Problem::NotFound),
        Err(AppError::Refused { theirs, .. }) => {
            let view = desk.app.administrators_view(actor).await?;
            desk.form_again("administrators.html", &visit, &AdministratorsPage::of(view, &theirs)).await
        }
        Err(error) => Err(error.into()),
    }
}

fn order<'a>(form: &RecoveryForm, owners: &'a [PersonId]) -> Option<RecoveryOrder<'a>> {
    let deed = RecoveryDeed::parse(field(form, "deed"))?;
    let number = |name: &str| match field(form, name) {
        "" => Some(0),
        typed => typed.parse::<i64>().ok(),
    };
    let (which, seen) = (u32::try_from(number("number")?).ok()?, Timestamp(number("seen")?));
    Some(RecoveryOrder { deed, number: which, seen, owners })
}

fn owners_in(form: &RecoveryForm) -> Result<Vec<PersonId>, Problem> {
    let ticked: Vec<&str> =
        form.iter().filter(|(name, _)| name == "owner").map(|(_, value)| value.as_str()).collect();
    if ticked.len() > MOST_OWNERS {
        return Err(Problem::TooLarge);
    }
    ticked.into_iter().map(|id| PersonId::parse(id).ok_or(Problem::Unreadable)).collect()
}

fn field<'a>(form: &'a RecoveryForm, name: &str) -> &'a str {
    form.iter().find(|(held, _)| held == name).map(|(_, value)| value.as_str()).unwrap_or_default()
}
