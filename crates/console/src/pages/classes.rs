//! Classes for their teachers: the list, one class with its learners, the window in which badges count, and voiding a badge.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Choice, SummaryLine, choices, summary};
use crate::problem::Problem;
use crate::words;
use app::views::{ClassRow, ClassView, ClassesView, LearnerRow, WindowView};
use app::{AppError, WindowMinutes, WindowPlace};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::{ClassId, PersonId, Timestamp};
use serde::{Deserialize, Serialize};

/// The list.
#[derive(Debug, Serialize)]
pub(crate) struct ClassesPage {
    /// The classes.
    pub classes: Vec<ClassLine>,
    /// True where these are a teacher's own alone.
    pub own_only: bool,
}

/// One class of the list.
#[derive(Debug, Serialize)]
pub(crate) struct ClassLine {
    /// Its page.
    pub link: String,
    /// Its name.
    pub name: String,
    /// Its school.
    pub school: String,
    /// `12 children`.
    pub learners: String,
    /// `Open until 10:25`; empty where badges do not count.
    pub open: String,
}

/// One class.
#[derive(Debug, Serialize)]
pub(crate) struct ClassPage {
    /// What was wrong with what was sent.
    pub summary: Vec<SummaryLine>,
    /// As in the list.
    pub class: ClassLine,
    /// The open window.
    pub window: Option<Window>,
    /// How long one may be opened.
    pub minutes: Vec<Choice>,
    /// Where one may be opened.
    pub places: Vec<Choice>,
    /// Its learners.
    pub learners: Vec<Learner>,
    /// True where badges may be made.
    pub may_make_badges: bool,
}

/// An open window.
#[derive(Debug, Serialize)]
pub(crate) struct Window {
    /// Until when.
    pub until: String,
    /// Seconds that are left.
    pub seconds_left: u64,
    /// The same in words: `9 minutes`.
    pub left: String,
    /// Where.
    pub place: String,
    /// Who opened it.
    pub opened_by: String,
}

/// One learner.
#[derive(Debug, Serialize)]
pub(crate) struct Learner {
    /// Their id.
    pub id: String,
    /// Their own page.
    pub link: String,
    /// Their name.
    pub name: String,
    /// The name to sign in with; empty without an account.
    pub login: String,
    /// Their year group; may be empty.
    pub year: String,
    /// What they can sign in with, in words.
    pub ways: Vec<String>,
    /// When they last signed in, in words.
    pub last: String,
    /// True where they have a badge.
    pub has_badge: bool,
    /// True where they have pictures.
    pub has_pictures: bool,
    /// True where pictures may be given here.
    pub may_give_pictures: bool,
    /// True where a sealed record is kept.
    pub has_record: bool,
    /// True where a password may be given here.
    pub may_reset: bool,
}

/// What is done with a class, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct ClassForm {
    deed: String,
    minutes: String,
    place: String,
    person: String,
}

impl ClassesPage {
    /// The page of a view.
    pub(crate) fn of(view: ClassesView) -> Self {
        Self { classes: view.classes.into_iter().map(ClassLine::of).collect(), own_only: view.own_only }
    }
}

impl ClassLine {
    fn of(row: ClassRow) -> Self {
        Self {
            link: format!("/classes/{}", row.id),
            name: row.name,
            school: row.school,
            learners: match row.learners {
                1 => "1 child".to_owned(),
                count => format!("{count} children"),
            },
            open: row
                .open_until
                .map(|until| format!("Open until {}", words::day_and_time(until)))
                .unwrap_or_default(),
        }
    }
}

impl ClassPage {
    /// The page at the time `now`, with what was chosen.
    pub(crate) fn of(view: ClassView, form: &ClassForm, now: Timestamp) -> Self {
        let minutes: Vec<(String, String)> = WindowMinutes::CHOICES
            .iter()
            .map(|minutes| (minutes.number().to_string(), format!("{} minutes", minutes.number())))
            .collect();
        let here = format!("On this network ({}) alone", view.here);
        let school = [("school", "On every network of the school")];
        let here = (!view.here.is_empty()).then_some(("here", here.as_str()));
        Self {
            summary: Vec::new(),
            class: ClassLine::of(view.row),
            window: view.window.map(Window::of),
            minutes: choices(
                minutes.iter().map(|(value, text)| (value.as_str(), text.as_str())),
                &form.minutes,
            ),
            places: choices(school.into_iter().chain(here), &form.place),
            learners: view.learners.into_iter().map(|row| Learner::of(row, now)).collect(),
            may_make_badges: view.may_make_badges,
        }
    }
}

impl Window {
    fn of(view: WindowView) -> Self {
        let minutes = view.seconds_left.div_ceil(60);
        Self {
            until: words::day_and_time(view.until),
            seconds_left: view.seconds_left,
            left: if minutes == 1 { "1 minute".to_owned() } else { format!("{minutes} minutes") },
            place: view.place,
            opened_by: view.opened_by,
        }
    }
}

impl Learner {
    fn of(row: LearnerRow, now: Timestamp) -> Self {
        let badge = row.badge_since.map(|since| format!("Badge, made {}", words::age(now, since)));
        let missing = (row.badge_since.is_none() && row.may_have_badge).then(|| "No badge".to_owned());
        let pictures = row.has_pictures.then(|| "Three pictures".to_owned());
        let none = row.login.is_empty().then(|| "No account: they cannot sign in".to_owned());
        Self {
            link: format!("/people/{}", row.id),
            id: row.id,
            name: row.name,
            login: row.login,
            year: row.year,
            ways: [none, badge, missing, pictures].into_iter().flatten().collect(),
            last: row.last_signed_in.map_or_else(|| "Never".to_owned(), |at| words::age(now, at)),
            has_badge: row.badge_since.is_some(),
            has_pictures: row.has_pictures,
            may_give_pictures: row.may_have_pictures && row.may_reset,
            has_record: row.has_record,
            may_reset: row.may_reset,
        }
    }
}

/// `GET /classes`
pub(crate) async fn all(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let view = desk.app.classes_view(visit.actor()?).await?;
    desk.page("classes.html", &visit, &ClassesPage::of(view)).await
}

/// `GET /classes/{class}`
pub(crate) async fn one(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let page = page_of(&desk, &visit, &id, &ClassForm::default()).await?;
    desk.page("class.html", &visit, &page).await
}

/// `POST /classes/{class}`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Path(typed): Path<String>,
    Sent(form): Sent<ClassForm>,
) -> Result<Response, Problem> {
    let id = ClassId::parse(&typed).ok_or(Problem::NotFound)?;
    match deed(&desk, &visit, id, &form).await? {
        Ok(true) => Ok(Redirect::to(&format!("/classes/{id}")).into_response()),
        Ok(false) => Err(Problem::NotFound),
        Err(AppError::Refused { theirs, .. }) => {
            let mut page = page_of(&desk, &visit, &typed, &form).await?;
            page.summary = summary(&[("place".to_owned(), theirs)]);
            desk.form_again("class.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}

async fn deed(
    desk: &Shared,
    visit: &Visit,
    id: ClassId,
    form: &ClassForm,
) -> Result<Result<bool, AppError>, Problem> {
    let actor = visit.actor()?;
    let person = || PersonId::parse(&form.person).ok_or(Problem::Unreadable);
    Ok(match form.deed.as_str() {
        "open" => {
            let minutes = WindowMinutes::parse(&form.minutes).ok_or(Problem::Unreadable)?;
            let place = match form.place.as_str() {
                "here" => WindowPlace::Here,
                "school" => WindowPlace::School,
                _ => return Err(Problem::Unreadable),
            };
            desk.app.open_class_window((actor, visit.address), id, (minutes, place)).await
        }
        "close" => desk.app.close_class_window(actor, id).await,
        "void" => desk.app.void_badge(actor, id, person()?).await,
        "take-pictures" => desk.app.take_pictures(actor, id, person()?).await,
        _ => return Err(Problem::Unreadable),
    })
}

async fn page_of(desk: &Shared, visit: &Visit, id: &str, form: &ClassForm) -> Result<ClassPage, Problem> {
    let id = ClassId::parse(id).ok_or(Problem::NotFound)?;
    let view = desk.app.class_view(visit.actor()?, id, visit.address).await?.ok_or(Problem::NotFound)?;
    Ok(ClassPage::of(view, form, desk.clock.now()))
}
