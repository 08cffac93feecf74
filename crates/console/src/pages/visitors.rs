//! Visitors: the pools that are open with the log, a form for one more, one pool, and the form at the front desk that hands
//! an account to a visitor.

use crate::desk::{Shared, Visit};
use crate::download::{self, FileKind};
use crate::extract::Sent;
use crate::pages::alerts::Undone;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::pages::people_reset::SlipPage;
use crate::problem::Problem;
use crate::words;
use app::views::{PoolChoices, PoolForm, PoolRow, PoolView, VisitorForm, VisitorRow, VisitorsView};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::{AccountId, PoolId, VisitorState};
use serde::{Deserialize, Serialize};

/// The pools, and the log.
#[derive(Debug, Serialize)]
pub(crate) struct VisitorsPage {
    /// The pools that are not over.
    pub pools: Vec<Pool>,
    /// What was handed out of late.
    pub log: Vec<Visitor>,
    /// True where this person may make a pool.
    pub may_keep: bool,
}

/// One pool of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Pool {
    /// Its page.
    pub link: String,
    /// What for.
    pub purpose: String,
    /// Who invites.
    pub host: String,
    /// Where.
    pub place: String,
    /// Until when.
    pub ends: String,
    /// `12 ready, 3 in use, 1 destroyed`.
    pub counts: String,
    /// True where one is left to hand out.
    pub has_ready: bool,
}

/// One account: a line of the log.
#[derive(Debug, Serialize)]
pub(crate) struct Visitor {
    /// The account's id.
    pub account: String,
    /// The name to sign in with.
    pub login: String,
    /// Its state in words.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// Who; empty where nobody has it.
    pub visitor: String,
    /// Whom they visit, and why; may be empty.
    pub visit: String,
    /// When it was handed out, and by whom; may be empty.
    pub issued: String,
    /// Until when it works, or when it was destroyed.
    pub ends: String,
    /// True where it can be taken back.
    pub is_open: bool,
}

/// One pool.
#[derive(Debug, Serialize)]
pub(crate) struct PoolPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// As in the list.
    pub row: Pool,
    /// Its accounts.
    pub accounts: Vec<Visitor>,
    /// True where one can be handed out.
    pub may_welcome: bool,
    /// True where this person may end it.
    pub may_end: bool,
}

/// The form that makes a pool.
#[derive(Debug, Serialize)]
pub(crate) struct NewPoolPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// What for.
    pub purpose: Field,
    /// Who invites.
    pub host: Field,
    /// How many.
    pub count: Field,
    /// The last day.
    pub until: Field,
    /// The schools.
    pub schools: Vec<Choice>,
    /// What is wrong with the school.
    pub school_problem: String,
    /// `1 day`: for how long each account works.
    pub days: String,
}

/// The form at the front desk.
#[derive(Debug, Serialize)]
pub(crate) struct WelcomePage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The pool.
    pub row: Pool,
    /// Who they are.
    pub visitor: Field,
    /// Whom they visit.
    pub host: Field,
    /// Why.
    pub why: Field,
}

/// The form of a pool, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PoolFields {
    purpose: String,
    host: String,
    count: String,
    until: String,
    school: String,
}

/// The form at the front desk, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct WelcomeFields {
    visitor: String,
    host: String,
    why: String,
}

/// What ends, as sent: an account, or with none the pool.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct EndFields {
    account: String,
    deed: String,
}

impl VisitorsPage {
    /// The page of a view.
    pub(crate) fn of(view: VisitorsView) -> Self {
        Self {
            pools: view.pools.into_iter().map(Pool::of).collect(),
            log: view.log.into_iter().map(Visitor::of).collect(),
            may_keep: view.may_keep,
        }
    }
}

impl Pool {
    fn of(row: PoolRow) -> Self {
        Self {
            link: format!("/visitors/{}", row.id),
            purpose: row.purpose,
            host: row.host,
            place: row.place,
            ends: words::day_and_time(row.ends),
            counts: format!("{} ready, {} in use, {} destroyed", row.ready, row.issued, row.destroyed),
            has_ready: row.ready > 0,
        }
    }
}

impl Visitor {
    fn of(row: VisitorRow) -> Self {
        let badge_class = match row.state {
            VisitorState::Ready => "govuk-tag--blue",
            VisitorState::Issued => "govuk-tag--green",
            VisitorState::Destroyed => "govuk-tag--grey",
        };
        let by = |deed: Option<(model::Timestamp, String)>| {
            deed.map(|(at, by)| format!("{}, {by}", words::day_and_time(at)))
        };
        Self {
            account: row.account,
            login: row.login,
            state: row.state.title(),
            badge_class,
            visitor: row.visitor,
            visit: if row.host.is_empty() { String::new() } else { format!("{}: {}", row.host, row.why) },
            issued: by(row.issued).unwrap_or_default(),
            ends: match by(row.destroyed) {
                Some(destroyed) => format!("destroyed {destroyed}"),
                None => format!("until {}", words::day_and_time(row.ends)),
            },
            is_open: row.state == VisitorState::Issued,
        }
    }
}

impl PoolPage {
    /// The page of a view.
    pub(crate) fn of(view: PoolView) -> Self {
        let is_open = !view.is_over && view.row.ready + view.row.issued > 0;
        let row = Pool::of(view.row);
        Self {
            summary: Vec::new(),
            may_welcome: row.has_ready && !view.is_over,
            may_end: view.may_keep && is_open,
            accounts: view.accounts.into_iter().map(Visitor::of).collect(),
            row,
        }
    }
}

impl NewPoolPage {
    /// The form, with what was typed.
    pub(crate) fn of(form: PoolForm, view: &PoolChoices, problems: &[(String, String)]) -> Self {
        let field = |name: &str, value: String| Field::of(name, value, problems);
        let school = match view.schools.as_slice() {
            [(only, _)] => only.clone(),
            _ => form.school,
        };
        let schools = view.schools.iter().map(|(value, text)| (value.as_str(), text.as_str()));
        Self {
            summary: summary(problems),
            schools: choices([("", "Choose")].into_iter().chain(schools), &school),
            school_problem: field("school", String::new()).problem,
            purpose: field("purpose", form.purpose),
            host: field("host", form.host),
            count: field("count", form.count),
            until: field("until", form.until),
            days: if view.days == 1 { "1 day".to_owned() } else { format!("{} days", view.days) },
        }
    }
}

impl WelcomePage {
    /// The form, with what was typed.
    pub(crate) fn of(row: PoolRow, form: VisitorForm, problems: &[(String, String)]) -> Self {
        let host = if form.host.is_empty() { row.host.clone() } else { form.host };
        let why = if form.why.is_empty() { row.purpose.clone() } else { form.why };
        Self {
            summary: summary(problems),
            visitor: Field::of("visitor", form.visitor, problems),
            host: Field::of("host", host, problems),
            why: Field::of("why", why, problems),
            row: Pool::of(row),
        }
    }
}

/// `GET /visitors`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.visitors_view(visit.actor()?).await?;
    desk.page("visitors.html", &visit, &VisitorsPage::of(view)).await
}

/// `POST /visitors.csv`
pub(crate) async fn export(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let file = desk.app.export_visitors(visit.actor()?).await?;
    Ok(download::of_day((FileKind::Csv, "visitors"), desk.clock.now(), file))
}

/// `GET /visitors/new`
pub(crate) async fn ask(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.pool_choices(visit.actor()?).await?;
    desk.fresh(&visit).await?;
    desk.page("visitors_new.html", &visit, &NewPoolPage::of(PoolForm::default(), &view, &[])).await
}

/// `POST /visitors/new`
pub(crate) async fn make(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(fields): Sent<PoolFields>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let fresh = desk.fresh(&visit).await?;
    let PoolFields { purpose, host, count, until, school } = fields;
    let form = PoolForm { purpose, host, count, until, school };
    match desk.app.make_pool((actor, &fresh), &form).await? {
        Ok(id) => Ok(Redirect::to(&format!("/visitors/{id}")).into_response()),
        Err(problems) => {
            let view = desk.app.pool_choices(actor).await?;
            let page = NewPoolPage::of(form, &view, &problems);
            desk.form_again("visitors_new.html", &visit, &page).await
        }
    }
}

/// `GET /visitors/{pool}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = pool_of(&desk, &visit, &id).await?;
    desk.page("visitors_pool.html", &visit, &PoolPage::of(view)).await
}

/// `POST /visitors/{pool}`
pub(crate) async fn end(
    State(desk): State<Shared>,
    visit: Visit,
    Path(typed): Path<String>,
    Sent(form): Sent<EndFields>,
) -> Result<Response, Problem> {
    let id = PoolId::parse(&typed).ok_or(Problem::NotFound)?;
    let account = match form.deed.as_str() {
        "end-pool" => None,
        "take-back" => Some(AccountId::parse(&form.account).ok_or(Problem::Unreadable)?),
        _ => return Err(Problem::Unreadable),
    };
    let fresh = desk.fresh(&visit).await?;
    if !desk.app.end_visit((visit.actor()?, &fresh), id, account).await? {
        return Err(Problem::NotFound);
    }
    Ok(Redirect::to(&format!("/visitors/{id}")).into_response())
}

/// `GET /visitors/{pool}/welcome`
pub(crate) async fn ask_welcome(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = pool_of(&desk, &visit, &id).await?;
    desk.fresh(&visit).await?;
    desk.page("visitors_welcome.html", &visit, &WelcomePage::of(view.row, VisitorForm::default(), &[])).await
}

/// `POST /visitors/{pool}/welcome`
pub(crate) async fn welcome(
    State(desk): State<Shared>,
    visit: Visit,
    Path(typed): Path<String>,
    Sent(fields): Sent<WelcomeFields>,
) -> Result<Response, Problem> {
    let WelcomeFields { visitor, host, why } = fields;
    let form = VisitorForm { visitor, host, why };
    let problems = match hand_out(&desk, &visit, &typed, &form).await {
        Ok(Ok(slip)) => return Ok(slip),
        Ok(Err(problems)) => problems,
        Err(Undone::Refused(sentence)) => vec![("main-content".to_owned(), sentence)],
        Err(Undone::Problem(problem)) => return Err(problem),
    };
    let view = pool_of(&desk, &visit, &typed).await?;
    desk.form_again("visitors_welcome.html", &visit, &WelcomePage::of(view.row, form, &problems)).await
}

async fn hand_out(
    desk: &Shared,
    visit: &Visit,
    typed: &str,
    form: &VisitorForm,
) -> Result<Result<Response, Vec<(String, String)>>, Undone> {
    let id = PoolId::parse(typed).ok_or(Problem::NotFound)?;
    let fresh = desk.fresh(visit).await?;
    let handed = desk.app.welcome_visitor((visit.actor()?, &fresh), id, form).await?;
    Ok(match handed.ok_or(Problem::NotFound)? {
        Ok(slip) => {
            let page = SlipPage { link: format!("/visitors/{id}"), ..SlipPage::of(slip, "Visitor") };
            Ok(desk.page("slip.html", visit, &page).await?)
        }
        Err(problems) => Err(problems),
    })
}

async fn pool_of(desk: &Shared, visit: &Visit, id: &str) -> Result<PoolView, Problem> {
    let id = PoolId::parse(id).ok_or(Problem::NotFound)?;
    desk.app.pool_view(visit.actor()?, id).await?.ok_or(Problem::NotFound)
}
