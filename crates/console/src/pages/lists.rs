//! The filter lists: which there are, what is wrong with them, what of each was left out; and going back to earlier ones.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::problem::Problem;
use crate::words;
use app::AppError;
use app::views::{ImageView, ListView, ListsView};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use url::form_urlencoded;

/// The longest reason that is taken.
const MOST_REASON_BYTES: usize = 1024;

/// What the address may ask of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ListsQuestion {
    /// `yes` just after going back.
    back: String,
}

/// The page of all lists.
#[derive(Debug, Serialize)]
pub(crate) struct ListsPage {
    /// True just after going back.
    pub went_back: bool,
    /// The revision that decides.
    pub revision: String,
    /// How many names it has, `2,301,004`.
    pub names: String,
    /// The lists.
    pub lists: Vec<List>,
    /// What is kept, the one in force first.
    pub images: Vec<Image>,
    /// True when this person may go back to an earlier one.
    pub may_go_back: bool,
}

/// One list.
#[derive(Debug, Serialize)]
pub(crate) struct List {
    /// Its own page.
    pub link: String,
    /// Its name.
    pub name: String,
    /// Where it comes from.
    pub from: String,
    /// How it is written.
    pub written_as: String,
    /// What its names are put in.
    pub categories: String,
    /// How many names of it are in force.
    pub names: String,
    /// How long ago its source was read well, and when.
    pub last_good: String,
    /// The same, as a date and time.
    pub last_good_at: String,
    /// When it is read next.
    pub next: String,
    /// Its state in words.
    pub state: String,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// What somebody must know, a sentence each.
    pub notes: Vec<String>,
    /// How many lines were left out.
    pub left_out_count: String,
    /// Reasons, and how often.
    pub left_out: Vec<(String, String)>,
    /// The first lines left out: number and reason.
    pub first_left_out: Vec<(String, String)>,
    /// What was refused: name, line, reason.
    pub refused: Vec<(String, String, String)>,
    /// True for a list of illegal content.
    pub is_illegal: bool,
}

/// Lists that are kept as they were.
#[derive(Debug, Serialize)]
pub(crate) struct Image {
    /// Their revision.
    pub revision: String,
    /// How many names, or that nobody knows.
    pub names: String,
    /// When they were put together; empty where nobody knows.
    pub built: String,
    /// Who last put them in force; empty where no fact says so.
    pub by: String,
    /// When.
    pub since: String,
    /// Why.
    pub why: String,
    /// True for those in force.
    pub is_current: bool,
}

/// The question before going back.
#[derive(Debug, Serialize)]
pub(crate) struct GoBackPage {
    /// What was wrong with the form.
    pub summary: Vec<SummaryLine>,
    /// What to go back to.
    pub image: Image,
    /// The reason that was typed.
    pub reason: Field,
}

/// The form before going back, as sent.
#[derive(Debug, Deserialize)]
pub(crate) struct GoBackForm {
    #[serde(default)]
    reason: String,
}

impl ListsPage {
    /// The page at the time `now`.
    pub(crate) fn of(view: ListsView, went_back: bool, now: Timestamp) -> Self {
        Self {
            went_back,
            revision: view.revision,
            names: words::number(view.names),
            lists: view.lists.into_iter().map(|list| List::of(list, now)).collect(),
            images: view.images.into_iter().map(Image::of).collect(),
            may_go_back: view.may_go_back,
        }
    }
}

impl List {
    /// The list at the time `now`.
    pub(crate) fn of(view: ListView, now: Timestamp) -> Self {
        let left_out: u64 = view.left_out.iter().map(|(_, count)| count).sum();
        Self {
            link: format!("/lists/{}", path_part(&view.id)),
            name: view.name,
            from: view.from,
            written_as: view.written_as,
            categories: view.categories.join(", "),
            names: words::number(view.names),
            last_good: view.last_good.map(|at| words::age(now, at)).unwrap_or_default(),
            last_good_at: view.last_good.map(words::day_and_time).unwrap_or_default(),
            next: view.next.map(|at| words::day_and_time(at.max(now))).unwrap_or_default(),
            badge_class: match view.state.as_str() {
                "In order" => "govuk-tag--green",
                "Not in force" => "govuk-tag--red",
                _ => "govuk-tag--orange",
            },
            state: view.state,
            notes: view.notes,
            left_out_count: words::number(left_out),
            left_out: view
                .left_out
                .into_iter()
                .map(|(reason, count)| (sentence(&reason), words::number(count)))
                .collect(),
            first_left_out: view
                .first_left_out
                .into_iter()
                .map(|line| (words::number(line.line.into()), sentence(&line.why)))
                .collect(),
            refused: view
                .refused
                .into_iter()
                .map(|refused| (refused.name, words::number(refused.line.into()), sentence(&refused.why)))
                .collect(),
            is_illegal: view.is_illegal,
        }
    }
}

impl Image {
    fn of(view: ImageView) -> Self {
        Self {
            revision: view.revision,
            names: view.names.map_or_else(|| "Not known".to_owned(), words::number),
            built: view.built.map(words::day_and_time).unwrap_or_default(),
            by: view.by,
            since: view.since.map(words::day_and_time).unwrap_or_default(),
            why: view.why,
            is_current: view.is_current,
        }
    }
}

impl GoBackPage {
    /// The question, or the same again with what was wrong.
    pub(crate) fn of(view: ImageView, reason: String, problem: Option<String>) -> Self {
        let problems: Vec<_> = problem.into_iter().map(|words| ("reason".to_owned(), words)).collect();
        Self {
            summary: summary(&problems),
            image: Image::of(view),
            reason: Field::of("reason", reason, &problems),
        }
    }
}

/// A text as one part of a path.
pub(crate) fn path_part(text: &str) -> String {
    form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

/// A reason in words with its first letter large.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `GET /lists`
pub(crate) async fn all(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<ListsQuestion>,
) -> Result<Response, Problem> {
    let view = desk.app.lists_view(visit.actor()?).await?;
    let page = ListsPage::of(view, asked.back == "yes", desk.clock.now());
    desk.page("lists.html", &visit, &page).await
}

/// `GET /lists/{list}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = desk.app.lists_view(visit.actor()?).await?;
    let list = view.lists.into_iter().find(|list| list.id == id).ok_or(Problem::NotFound)?;
    desk.page("list.html", &visit, &List::of(list, desk.clock.now())).await
}

/// `GET /lists/back/{revision}`
pub(crate) async fn ask_back(
    State(desk): State<Shared>,
    visit: Visit,
    Path(revision): Path<String>,
) -> Result<Response, Problem> {
    let image = desk.app.earlier_lists(visit.actor()?, &revision).await?.ok_or(Problem::NotFound)?;
    desk.page("lists_back.html", &visit, &GoBackPage::of(image, String::new(), None)).await
}

/// `POST /lists/back/{revision}`
pub(crate) async fn go_back(
    State(desk): State<Shared>,
    visit: Visit,
    Path(revision): Path<String>,
    Sent(form): Sent<GoBackForm>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    if form.reason.len() > MOST_REASON_BYTES {
        return Err(Problem::TooLarge);
    }
    let image = desk.app.earlier_lists(actor, &revision).await?.ok_or(Problem::NotFound)?;
    match desk.app.roll_back_lists(actor, &revision, &form.reason).await {
        Ok(_) => Ok(Redirect::to("/lists?back=yes").into_response()),
        Err(AppError::Refused { theirs, .. }) => {
            let page = GoBackPage::of(image, form.reason, Some(theirs));
            desk.form_again("lists_back.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}
