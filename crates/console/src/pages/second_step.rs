//! The second step of a sign-in, a passkey alone in the place of both, and a forgotten password where there is a second step.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Field, SummaryLine, link, summary};
use crate::pages::sign_in::{MOST_TYPED_BYTES, REFUSAL_TAKES, SignInPage, entered, local};
use crate::problem::Problem;
use app::views::SecondStepView;
use app::{AppError, Forgotten, PasskeyPurpose, SecondStep};
use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

/// The longest answer of a browser.
const MOST_ANSWER_BYTES: usize = 16 * 1024;

/// What the address may ask of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct StepQuestion {
    next: String,
}

/// A second factor, as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct StepForm {
    code: String,
    answer: String,
    next: String,
}

/// A passkey by itself, as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PasskeyForm {
    number: String,
    answer: String,
    purpose: String,
    next: String,
}

/// What somebody types who forgot their password.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ForgottenForm {
    login: String,
    app_code: String,
    recovery_code: String,
}

/// The page of the second step.
#[derive(Serialize)]
pub(crate) struct SecondStepPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The code; what was typed is not given back.
    pub code: Field,
    /// What may be typed, in words; empty where nothing may.
    pub hint: String,
    /// What the browser is asked for; empty where there is no passkey.
    pub passkey: String,
    /// Where to go on to.
    pub next: String,
    /// Why it is asked for within a session; empty at a sign-in.
    pub why: String,
}

/// The page for a forgotten password.
#[derive(Default, Serialize)]
pub(crate) struct ForgottenPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// The name that was typed.
    pub login: Field,
    /// A passkey's number and what the browser is asked for; empty where passkeys do not work here.
    pub number: String,
    /// What the browser is asked for.
    pub passkey: String,
}

impl SecondStepPage {
    /// The page.
    pub(crate) fn of(view: SecondStepView, next: &str, problem: &str) -> Self {
        let problems: Vec<(String, String)> = Some(("code".to_owned(), problem.to_owned()))
            .filter(|(_, words)| !words.is_empty())
            .into_iter()
            .collect();
        let hint = match (view.takes_app, view.takes_recovery) {
            (true, true) => {
                "The six digits that your app shows now. If you have lost it: one of your recovery codes."
            }
            (true, false) => "The six digits that your app shows now.",
            (false, true) => "One of your recovery codes. Each works once.",
            (false, false) => "",
        };
        Self {
            summary: summary(&problems),
            code: Field::of("code", String::new(), &problems),
            hint: hint.to_owned(),
            passkey: view.passkey,
            next: next.to_owned(),
            why: view.why,
        }
    }
}

/// `GET /sign-in/code`
pub(crate) async fn ask(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<StepQuestion>,
) -> Result<Response, Problem> {
    let view = waiting(&desk, &visit).await?;
    desk.page("second_step.html", &visit, &SecondStepPage::of(view, &asked.next, "")).await
}

/// `POST /sign-in/code`
pub(crate) async fn show(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<StepForm>,
) -> Result<Response, Problem> {
    let token = visit.token.as_deref().ok_or(Problem::SignInFirst)?;
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let step = step_of(&form.code, &form.answer)?;
    match desk.app.show_second_step(token, step, visit.caller()).await {
        Ok(session) => entered(&desk, &session, local(&form.next)),
        Err(AppError::Refused { theirs, .. }) => {
            tokio::time::sleep_until(refused_at).await;
            let page = SecondStepPage::of(waiting(&desk, &visit).await?, &form.next, &theirs);
            desk.form_again("second_step.html", &visit, &page).await
        }
        Err(AppError::Denied) => Err(Problem::SignInFirst),
        Err(error) => Err(error.into()),
    }
}

async fn waiting(desk: &Shared, visit: &Visit) -> Result<SecondStepView, Problem> {
    let token = visit.token.as_deref().ok_or(Problem::SignInFirst)?;
    desk.app.second_step_view(token, visit.address).await?.ok_or(Problem::SignInFirst)
}

/// What was sent: a browser's answer, else what was typed.
pub(crate) fn step_of<'a>(code: &'a str, answer: &'a str) -> Result<SecondStep<'a>, Problem> {
    if code.len() > MOST_TYPED_BYTES || answer.len() > MOST_ANSWER_BYTES {
        return Err(Problem::TooLarge);
    }
    Ok(if answer.is_empty() { SecondStep::Code(code) } else { SecondStep::Passkey(answer) })
}

/// `POST /sign-in/passkey`
pub(crate) async fn sign_in(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<PasskeyForm>,
) -> Result<Response, Problem> {
    if form.answer.len() > MOST_ANSWER_BYTES || form.number.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let purpose = match form.purpose.as_str() {
        "forgot" => PasskeyPurpose::ForgotPassword,
        _ => PasskeyPurpose::SignIn,
    };
    let shown = (form.number.as_str(), form.answer.as_str());
    match desk.app.sign_in_by_passkey(shown, purpose, visit.caller()).await {
        Ok(session) => entered(&desk, &session, local(&form.next)),
        Err(AppError::Refused { theirs, .. }) => {
            tokio::time::sleep_until(refused_at).await;
            match purpose {
                PasskeyPurpose::ForgotPassword => {
                    let page = forgotten_page((&desk, &visit), String::new(), ("main-content", &theirs))?;
                    desk.form_again("forgot.html", &visit, &page).await
                }
                PasskeyPurpose::SignIn => {
                    let page = SignInPage::again(String::new(), form.next, theirs);
                    let page = page.with_passkey(&desk, &visit)?;
                    desk.form_again("sign_in.html", &visit, &page).await
                }
            }
        }
        Err(error) => Err(error.into()),
    }
}

/// `GET /sign-in/forgot`
pub(crate) async fn ask_forgotten(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    desk.page("forgot.html", &visit, &forgotten_page((&desk, &visit), String::new(), ("login", ""))?).await
}

/// `POST /sign-in/forgot`
pub(crate) async fn forgotten(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<ForgottenForm>,
) -> Result<Response, Problem> {
    if form.login.len() + form.app_code.len() + form.recovery_code.len() > MOST_TYPED_BYTES {
        return Err(Problem::TooLarge);
    }
    let refused_at = Instant::now() + REFUSAL_TAKES;
    let (login, app_code, recovery_code) =
        (form.login.as_str(), form.app_code.as_str(), form.recovery_code.as_str());
    let shown = Forgotten { login, app_code, recovery_code };
    match desk.app.forgot_password(shown, visit.caller()).await {
        Ok(session) => entered(&desk, &session, "/"),
        Err(AppError::Refused { theirs, .. }) => {
            tokio::time::sleep_until(refused_at).await;
            let page = forgotten_page((&desk, &visit), form.login.clone(), ("login", &theirs))?;
            desk.form_again("forgot.html", &visit, &page).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The page again, with what is wrong and with which part of it.
fn forgotten_page(
    (desk, visit): (&Shared, &Visit),
    login: String,
    (part, problem): (&str, &str),
) -> Result<ForgottenPage, Problem> {
    let problems: Vec<(String, String)> = Some((part.to_owned(), problem.to_owned()))
        .filter(|(_, words)| !words.is_empty())
        .into_iter()
        .collect();
    let (number, passkey) = desk.app.begin_passkey_sign_in(visit.address)?.unwrap_or_default();
    Ok(ForgottenPage {
        summary: summary(&problems),
        login: Field::of("login", login, &problems),
        number,
        passkey,
    })
}

/// Where the second step is shown, on the way to a page.
pub(crate) fn way_to(next: &str) -> String {
    link("/sign-in/code", &[("next", if next == "/" { "" } else { next })])
}
