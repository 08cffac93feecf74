//! One child of a class: the three pictures that they sign in with, and the sealed record of their password.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::pages::web_pictures::NAMES;
use crate::problem::Problem;
use crate::words;
use app::AppError;
use app::views::{NewPicturesView, OpenedRecordView};
use axum::extract::{Path, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use model::{ClassId, PersonId};
use serde::{Deserialize, Serialize};

/// After so many seconds an opened record is gone from the screen.
const RECORD_SHOWN_SECONDS: u32 = 60;

/// The pictures that were chosen, as sent: each 0 to 11, or empty.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct PicturesForm {
    deed: String,
    first: String,
    second: String,
    third: String,
}

/// The question which pictures.
#[derive(Debug, Serialize)]
pub(crate) struct PicturesAskPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// Whose.
    pub name: String,
    /// The class's page.
    pub class_link: String,
    /// This page.
    pub link: String,
    /// The choices of the first, the second and the third: the field's name, its label, and what may be chosen.
    pub places: Vec<(&'static str, &'static str, Vec<Choice>)>,
}

/// The pictures, shown this once.
#[derive(Serialize)]
pub(crate) struct PicturesShownPage {
    /// Whose.
    pub name: String,
    /// The class's page.
    pub class_link: String,
    /// The pictures in order: number and name.
    pub pictures: Vec<(usize, &'static str)>,
}

/// Why a record is opened, as sent.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RecordForm {
    reason: String,
}

/// The question why.
#[derive(Debug, Serialize)]
pub(crate) struct RecordAskPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// Whose.
    pub name: String,
    /// The class's page.
    pub class_link: String,
    /// This page.
    pub link: String,
    /// Why.
    pub reason: Field,
}

/// The opened record.
#[derive(Serialize)]
pub(crate) struct RecordPage {
    /// Whose.
    pub name: String,
    /// The class's page.
    pub class_link: String,
    /// The name to sign in with.
    pub login: String,
    /// The password.
    pub secret: String,
    /// What stands behind it on the page: who looks, and when.
    pub watermark: String,
    /// How long it is shown, in seconds.
    pub seconds: u32,
}

impl PicturesAskPage {
    /// The question for a child: class id, person id, name.
    pub(crate) fn of(
        (class, person, name): (&str, &str, String),
        form: &PicturesForm,
        problem: &str,
    ) -> Self {
        let problems = [("first".to_owned(), problem.to_owned())];
        let numbers: Vec<String> = (0..NAMES.len()).map(|number| number.to_string()).collect();
        let all = || {
            let named = numbers.iter().zip(NAMES).map(|(number, name)| (number.as_str(), name));
            [("", "Choose")].into_iter().chain(named)
        };
        Self {
            summary: if problem.is_empty() { Vec::new() } else { summary(&problems) },
            name,
            class_link: format!("/classes/{class}"),
            link: format!("/classes/{class}/pictures/{person}"),
            places: vec![
                ("first", "First picture", choices(all(), &form.first)),
                ("second", "Second picture", choices(all(), &form.second)),
                ("third", "Third picture", choices(all(), &form.third)),
            ],
        }
    }
}

impl PicturesShownPage {
    /// The page of a view.
    pub(crate) fn of(view: NewPicturesView, class: &str) -> Self {
        let named = |number: u8| {
            let number = usize::from(number);
            (number, NAMES.get(number).copied().unwrap_or_default())
        };
        Self {
            name: view.name,
            class_link: format!("/classes/{class}"),
            pictures: view.pictures.into_iter().map(named).collect(),
        }
    }
}

impl RecordAskPage {
    /// The question for a child: class id, person id, name.
    pub(crate) fn of((class, person, name): (&str, &str, String), reason: String, problem: &str) -> Self {
        let problems: Vec<_> =
            (!problem.is_empty()).then(|| ("reason".to_owned(), problem.to_owned())).into_iter().collect();
        Self {
            summary: summary(&problems),
            name,
            class_link: format!("/classes/{class}"),
            link: format!("/classes/{class}/record/{person}"),
            reason: Field::of("reason", reason, &problems),
        }
    }
}

impl RecordPage {
    /// The page of a view.
    pub(crate) fn of(view: OpenedRecordView, class: &str) -> Self {
        Self {
            name: view.name,
            class_link: format!("/classes/{class}"),
            login: view.login,
            secret: view.secret,
            watermark: format!("{}, {}", view.reader, words::day_and_time(view.at)),
            seconds: RECORD_SHOWN_SECONDS,
        }
    }
}

/// `GET /classes/{class}/pictures/{person}`
pub(crate) async fn ask_pictures(
    State(desk): State<Shared>,
    visit: Visit,
    Path((class, person)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let name = name_of(&desk, &visit, (&class, &person)).await?;
    desk.fresh(&visit).await?;
    let page = PicturesAskPage::of((&class, &person, name), &PicturesForm::default(), "");
    desk.page("class_pictures.html", &visit, &page).await
}

/// `POST /classes/{class}/pictures/{person}`
pub(crate) async fn give_pictures(
    State(desk): State<Shared>,
    visit: Visit,
    Path((class, person)): Path<(String, String)>,
    Sent(form): Sent<PicturesForm>,
) -> Result<Response, Problem> {
    let ids = ids(&class, &person)?;
    let text = format!("{},{},{}", form.first, form.second, form.third);
    let chosen = match form.deed.as_str() {
        "draw" => None,
        _ => Some(text.as_str()),
    };
    let fresh = desk.fresh(&visit).await?;
    match desk.app.give_pictures((visit.actor()?, &fresh), ids, chosen).await {
        Ok(Some(given)) => {
            let page = PicturesShownPage::of(given, &class);
            desk.page("class_pictures_shown.html", &visit, &page).await
        }
        Ok(None) => Err(Problem::NotFound),
        Err(AppError::Refused { theirs, .. }) => {
            let name = name_of(&desk, &visit, (&class, &person)).await?;
            let page = PicturesAskPage::of((&class, &person, name), &form, &theirs);
            desk.form_again("class_pictures.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /classes/{class}/record/{person}`
pub(crate) async fn ask_record(
    State(desk): State<Shared>,
    visit: Visit,
    Path((class, person)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let name = record_name(&desk, &visit, (&class, &person)).await?;
    desk.fresh(&visit).await?;
    let page = RecordAskPage::of((&class, &person, name), String::new(), "");
    desk.page("class_record.html", &visit, &page).await
}

/// `POST /classes/{class}/record/{person}`
pub(crate) async fn open_record(
    State(desk): State<Shared>,
    visit: Visit,
    Path((class, person)): Path<(String, String)>,
    Sent(form): Sent<RecordForm>,
) -> Result<Response, Problem> {
    let ids = ids(&class, &person)?;
    let fresh = desk.fresh(&visit).await?;
    let asked = (visit.actor()?, &fresh, visit.address);
    match desk.app.open_record(asked, ids, &form.reason).await {
        Ok(Some(view)) => {
            let page = RecordPage::of(view, &class);
            let away = format!("{RECORD_SHOWN_SECONDS}; url={}", page.class_link);
            let mut answer = desk.page("class_record_shown.html", &visit, &page).await?;
            let away = HeaderValue::try_from(away).map_err(|_| Problem::OurFault)?;
            answer.headers_mut().insert(header::REFRESH, away);
            Ok(answer)
        }
        Ok(None) => Err(Problem::NotFound),
        Err(AppError::Refused { theirs, .. }) => {
            let name = record_name(&desk, &visit, (&class, &person)).await?;
            let page = RecordAskPage::of((&class, &person, name), form.reason, &theirs);
            desk.form_again("class_record.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}

fn ids(class: &str, person: &str) -> Result<(ClassId, PersonId), Problem> {
    Ok((ClassId::parse(class).ok_or(Problem::NotFound)?, PersonId::parse(person).ok_or(Problem::NotFound)?))
}

async fn name_of(desk: &Shared, visit: &Visit, (class, person): (&str, &str)) -> Result<String, Problem> {
    let (class, person) = ids(class, person)?;
    desk.app.pictures_for(visit.actor()?, class, person).await?.ok_or(Problem::NotFound)
}

/// The name of a learner who has a sealed record.
async fn record_name(desk: &Shared, visit: &Visit, (class, person): (&str, &str)) -> Result<String, Problem> {
    let (class, person) = ids(class, person)?;
    let view = desk.app.class_view(visit.actor()?, class, visit.address).await?.ok_or(Problem::NotFound)?;
    let row = view.learners.into_iter().find(|row| row.id == person.to_string() && row.has_record);
    row.map(|row| row.name).ok_or(Problem::NotFound)
}
