//! Adding somebody with an account: one question a page, then "check your answers", then the slip to hand over. What was
//! answered travels in the form, so that nothing half done is kept anywhere.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Choice, Field, SummaryLine, choices, summary};
use crate::pages::people::YEARS;
use crate::pages::people_reset::SlipPage;
use crate::problem::Problem;
use app::NewPerson;
use app::views::NewPersonChoices;
use axum::extract::State;
use axum::response::Response;
use model::{Role, SchoolId, YearGroup};
use serde::{Deserialize, Serialize};

/// The answers so far.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewPersonForm {
    step: String,
    name: String,
    login: String,
    role: String,
    year: String,
    school: String,
}

/// One question, or the answers to check.
#[derive(Debug, Serialize)]
pub(crate) struct NewPersonPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// `name`, `role` or `check`.
    pub step: &'static str,
    /// Their name.
    pub name: Field,
    /// The name to sign in with.
    pub login: Field,
    /// The choices of roles.
    pub roles: Vec<Choice>,
    /// The choices of year groups.
    pub years: Vec<Choice>,
    /// The choices of schools.
    pub schools: Vec<Choice>,
    /// What is wrong with the role.
    pub role_problem: String,
    /// What is wrong with the year group.
    pub year_problem: String,
    /// What is wrong with the school.
    pub school_problem: String,
    /// The role in records.
    pub role: String,
    /// The year group in records.
    pub year: String,
    /// The school in records.
    pub school: String,
    /// The role in words.
    pub role_words: String,
    /// The year group in words; empty for all but learners.
    pub year_words: String,
    /// The school in words.
    pub school_words: String,
}

impl NewPersonPage {
    /// The page of a step.
    pub(crate) fn of(
        step: &'static str,
        form: NewPersonForm,
        offered: &NewPersonChoices,
        problems: &[(String, String)],
    ) -> Self {
        let pairs = |all: &'_ [(String, String)], chosen: &str| {
            let choose = [("", "Choose")].into_iter();
            choices(choose.chain(all.iter().map(|(value, text)| (value.as_str(), text.as_str()))), chosen)
        };
        let only = |all: &[(String, String)]| match all {
            [(only, _)] => only.clone(),
            _ => String::new(),
        };
        let school = if form.school.is_empty() { only(&offered.schools) } else { form.school };
        let words = |all: &[Choice]| {
            let chosen = all.iter().find(|choice| choice.selected && !choice.value.is_empty());
            chosen.map(|choice| choice.text.clone()).unwrap_or_default()
        };
        let roles = pairs(&offered.roles, &form.role);
        let years = choices([("", "None")].into_iter().chain(YEARS), &form.year);
        let schools = pairs(&offered.schools, &school);
        let problem_of = |name: &str| Field::of(name, String::new(), problems).problem;
        Self {
            summary: summary(problems),
            step,
            role_words: words(&roles),
            year_words: words(&years),
            school_words: words(&schools),
            role_problem: problem_of("role"),
            year_problem: problem_of("year"),
            school_problem: problem_of("school"),
            name: Field::of("name", form.name, problems),
            login: Field::of("login", form.login, problems),
            roles,
            years,
            schools,
            role: form.role,
            year: form.year,
            school,
        }
    }
}

/// `GET /people/new`
pub(crate) async fn ask(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let offered = desk.app.new_person_choices(visit.actor()?).await?;
    desk.fresh(&visit).await?;
    let page = NewPersonPage::of("name", NewPersonForm::default(), &offered, &[]);
    desk.page("people_new.html", &visit, &page).await
}

/// `POST /people/new`
pub(crate) async fn answer(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<NewPersonForm>,
) -> Result<Response, Problem> {
    let actor = visit.actor()?;
    let offered = desk.app.new_person_choices(actor).await?;
    let fresh = desk.fresh(&visit).await?;
    let page = |step, problems: &[(String, String)], form| NewPersonPage::of(step, form, &offered, problems);
    let of_names = desk.app.check_new_names(actor, &form.name, &form.login).await?;
    if form.step == "change" {
        return desk.page("people_new.html", &visit, &page("name", &[], form)).await;
    }
    if !of_names.is_empty() {
        return desk.form_again("people_new.html", &visit, &page("name", &of_names, form)).await;
    }
    if form.step == "name" {
        return desk.page("people_new.html", &visit, &page("role", &[], form)).await;
    }
    let (problems, new) = match read(&form) {
        Ok(new) => (desk.app.check_new_person(actor, &new).await?, new),
        Err(problems) => {
            return desk.form_again("people_new.html", &visit, &page("role", &problems, form)).await;
        }
    };
    if !problems.is_empty() {
        return desk.form_again("people_new.html", &visit, &page("role", &problems, form)).await;
    }
    if form.step != "confirm" {
        return desk.page("people_new.html", &visit, &page("check", &[], form)).await;
    }
    let slip = desk.app.add_person((actor, &fresh), new).await?;
    desk.page("slip.html", &visit, &SlipPage::of(slip, "Added")).await
}

/// Who it is to be; or the fields that nothing was chosen for.
fn read(form: &NewPersonForm) -> Result<NewPerson, Vec<(String, String)>> {
    let problem = |field: &str, words: &str| (field.to_owned(), words.to_owned());
    let school = match form.school.as_str() {
        "" => return Err(vec![problem("school", "Choose where they belong")]),
        "trust" => None,
        id => Some(SchoolId::new(id)),
    };
    let role = Role::parse(&form.role).ok_or_else(|| vec![problem("role", "Choose what they are")])?;
    let (name, login) = (form.name.clone(), form.login.clone());
    Ok(NewPerson { name, login, role, year: YearGroup::parse(&form.year), school })
}
