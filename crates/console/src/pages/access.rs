//! Access: requests for rights that wait or were decided, reviews, and the form that opens one.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::alerts::Undone;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::pages::people_reset::SlipPage;
use crate::problem::Problem;
use crate::words;
use app::RightsDeed;
use app::views::{AccessView, ReviewRow, RightsRow, RightsView};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::{RequestId, RequestState, ReviewKind, ReviewState};
use serde::{Deserialize, Serialize};

/// The list of what is asked for, and of reviews.
#[derive(Debug, Serialize)]
pub(crate) struct AccessPage {
    /// The requests.
    pub requests: Vec<Request>,
    /// The reviews.
    pub reviews: Vec<Review>,
    /// True where this person may ask for rights.
    pub may_ask: bool,
    /// True where this person may open a review.
    pub may_open: bool,
}

/// One request of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Request {
    /// Its page.
    pub link: String,
    /// Who would get the rights.
    pub name: String,
    /// What they would be, where.
    pub what: String,
    /// Its state in words.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// When it was asked for, and by whom.
    pub asked: String,
    /// When it lapses; empty where it does not wait.
    pub lapses: String,
    /// True where this person is to answer.
    pub is_mine: bool,
}

/// One review of the list.
#[derive(Debug, Serialize)]
pub(crate) struct Review {
    /// Its page.
    pub link: String,
    /// What it goes through.
    pub title: &'static str,
    /// Where.
    pub place: String,
    /// Its state in words.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// Since when, and until when.
    pub times: String,
    /// `12 of 30 answered`.
    pub answered: String,
    /// `3 for you`; empty where none is.
    pub mine: String,
}

/// One request in full.
#[derive(Debug, Serialize)]
pub(crate) struct RequestPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// As in the list.
    pub row: Request,
    /// What is asked, name and words.
    pub terms: Vec<(&'static str, String)>,
    /// What the role may do.
    pub may: Vec<String>,
    /// The reason that was typed.
    pub reason: Field,
    /// True where this person may take it back.
    pub may_withdraw: bool,
    /// True where this person may make the first password.
    pub may_make_slip: bool,
    /// True where the first password is made at the machine.
    pub slip_at_machine: bool,
    /// Who may approve it: `Headteacher or Governor`.
    pub approved_by: String,
    /// The person's page; empty where there is none.
    pub person: String,
}

/// The form that opens a review.
#[derive(Debug, Serialize)]
pub(crate) struct OpenReviewPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// What can be gone through.
    pub kinds: Vec<Choice>,
    /// Where.
    pub places: Vec<Choice>,
}

/// What is done with a request, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RequestForm {
    deed: String,
    reason: String,
}

/// Which review is to be opened, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct OpenForm {
    kind: String,
    place: String,
}

impl AccessPage {
    /// The page of a view.
    pub(crate) fn of(view: AccessView) -> Self {
        Self {
            requests: view.requests.into_iter().map(Request::of).collect(),
            reviews: view.reviews.into_iter().map(Review::of).collect(),
            may_ask: view.may_ask,
            may_open: !view.may_open.is_empty(),
        }
    }
}

impl Request {
    /// A row of the list.
    pub(crate) fn of(row: RightsRow) -> Self {
        let badge_class = match row.state {
            RequestState::Asked => "govuk-tag--orange",
            RequestState::Approved => "govuk-tag--green",
            RequestState::Refused | RequestState::Lapsed | RequestState::Withdrawn => "govuk-tag--grey",
        };
        let waits = row.state == RequestState::Asked;
        Self {
            link: format!("/access/requests/{}", row.id),
            name: row.name,
            what: format!("{}, {}", row.role, row.place),
            state: row.state.title(),
            badge_class,
            asked: format!("{}, {}", words::day_and_time(row.asked_at), row.asked_by),
            lapses: if waits { words::day_and_time(row.lapses) } else { String::new() },
            is_mine: row.may_decide,
        }
    }
}

impl Review {
    /// A row of the list.
    pub(crate) fn of(row: ReviewRow) -> Self {
        let badge_class = match row.state {
            ReviewState::Open => "govuk-tag--blue",
            ReviewState::Held => "govuk-tag--orange",
            ReviewState::Closed => "govuk-tag--grey",
        };
        Self {
            link: format!("/access/reviews/{}", row.id),
            title: row.kind.title(),
            place: row.place,
            state: row.state.title(),
            badge_class,
            times: format!(
                "Opened {}; answers until {}",
                words::day_and_time(row.opened),
                words::day_and_time(row.ends)
            ),
            answered: format!("{} of {} answered", row.lines.saturating_sub(row.open), row.lines),
            mine: if row.mine > 0 { format!("{} for you", row.mine) } else { String::new() },
        }
    }
}

impl RequestPage {
    /// The page of a view.
    pub(crate) fn of(view: RightsView) -> Self {
        let row = Request::of(view.row);
        let decided = view.decided.map(|(at, by, why)| {
            let why = if why.is_empty() { why } else { format!(": {why}") };
            format!("{}, {by}{why}", words::day_and_time(at))
        });
        let terms = [
            ("Who", row.name.clone()),
            ("User name", view.login),
            ("What they are now", view.now.join("; ")),
            ("What is asked for", format!("{} ({})", row.what, view.kind.title().to_lowercase())),
            ("Why", view.why),
            ("Asked for", row.asked.clone()),
            ("Lapses without an answer", row.lapses.clone()),
            ("Decided", decided.unwrap_or_default()),
            ("Looked at again by", view.review_on.map(words::day_and_time).unwrap_or_default()),
        ];
        Self {
            summary: Vec::new(),
            terms: terms.into_iter().filter(|(_, words)| !words.is_empty()).collect(),
            may: view.may,
            reason: Field::default(),
            may_withdraw: view.may_withdraw,
            may_make_slip: view.may_make_slip,
            slip_at_machine: view.slip_at_machine,
            approved_by: view.approved_by.join(" or "),
            person: match view.person {
                id if id.is_empty() => id,
                id => format!("/people/{id}"),
            },
            row,
        }
    }

    /// The page again, with what was typed and what was wrong with it.
    pub(crate) fn again(self, reason: String, sentence: String) -> Self {
        let problems = [("reason".to_owned(), sentence)];
        let summary = summary(&problems);
        Self { reason: Field::of("reason", reason, &problems), summary, ..self }
    }
}

impl OpenReviewPage {
    /// The form, with what was chosen.
    pub(crate) fn of(form: &OpenForm, places: &[(String, String)], problem: Option<String>) -> Self {
        let kinds = ReviewKind::ALL.iter().map(|kind| (kind.slug(), kind.title()));
        let places = places.iter().map(|(value, text)| (value.as_str(), text.as_str()));
        let problems: Vec<(String, String)> =
            problem.into_iter().map(|words| ("kind".to_owned(), words)).collect();
        Self {
            summary: summary(&problems),
            kinds: choices([("", "Choose")].into_iter().chain(kinds), &form.kind),
            places: choices(places, &form.place),
        }
    }
}

/// `GET /access`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.access_view(visit.actor()?).await?;
    desk.page("access.html", &visit, &AccessPage::of(view)).await
}

/// `GET /access/requests/{request}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    desk.page("access_request.html", &visit, &page_of(&desk, &visit, &id).await?).await
}

/// `POST /access/requests/{request}`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
    Sent(form): Sent<RequestForm>,
) -> Result<Response, Problem> {
    match deed(&desk, &visit, &id, &form).await {
        Ok(answer) => Ok(answer),
        Err(Undone::Refused(sentence)) => {
            let page = page_of(&desk, &visit, &id).await?;
            desk.form_again("access_request.html", &visit, &page.again(form.reason, sentence)).await
        }
        Err(Undone::Problem(problem)) => Err(problem),
    }
}

async fn deed(desk: &Shared, visit: &Visit, typed: &str, form: &RequestForm) -> Result<Response, Undone> {
    let id = RequestId::parse(typed).ok_or(Problem::NotFound)?;
    let fresh = desk.fresh(visit).await?;
    let actor = visit.actor()?;
    let deed = match form.deed.as_str() {
        "approve" => RightsDeed::Approve(form.reason.clone()),
        "refuse" => RightsDeed::Refuse(form.reason.clone()),
        "withdraw" => RightsDeed::Withdraw,
        "slip" => {
            let slip = desk.app.make_first_slip((actor, &fresh), id).await?.ok_or(Problem::NotFound)?;
            return Ok(desk.page("slip.html", visit, &SlipPage::of(slip, "Added")).await?);
        }
        _ => return Err(Problem::Unreadable.into()),
    };
    if !desk.app.work_on_rights((actor, &fresh), id, deed).await? {
        return Err(Problem::NotFound.into());
    }
    Ok(Redirect::to(&format!("/access/requests/{id}")).into_response())
}

async fn page_of(desk: &Shared, visit: &Visit, id: &str) -> Result<RequestPage, Problem> {
    let id = RequestId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.rights_view(visit.actor()?, id).await?.ok_or(Problem::NotFound)?;
    Ok(RequestPage::of(view))
}

/// `GET /access/open`
pub(crate) async fn ask_open(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.access_view(visit.actor()?).await?;
    desk.fresh(&visit).await?;
    let page = OpenReviewPage::of(&OpenForm::default(), &view.may_open, None);
    desk.page("access_open.html", &visit, &page).await
}

/// `POST /access/open`
pub(crate) async fn open(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<OpenForm>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let fresh = desk.fresh(&visit).await?;
    let problem = match ReviewKind::parse(&form.kind) {
        None => "Choose what to go through".to_owned(),
        Some(kind) => match desk.app.open_review((actor, &fresh), kind, &form.place).await {
            Ok(id) => return Ok(Redirect::to(&format!("/access/reviews/{id}")).into_response()),
            Err(app::AppError::Refused { theirs, .. }) => theirs,
            Err(error) => return Err(error.into()),
        },
    };
    let view = desk.app.access_view(actor).await?;
    let page = OpenReviewPage::of(&form, &view.may_open, Some(problem));
    desk.form_again("access_open.html", &visit, &page).await
}
