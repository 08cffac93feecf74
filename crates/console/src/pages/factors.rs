//! Second factors: adding an app or a passkey under My account or at a first sign-in that asks for one, recovery codes,
//! naming and taking away.
//!
//! An app needs no script. A passkey does: the browser alone can make one.

use crate::desk::{Shared, Visit};
use crate::extract::Sent;
use crate::pages::fields::{Field, SummaryLine, summary};
use crate::pages::sign_in::{MOST_TYPED_BYTES, give_session};
use crate::problem::Problem;
use crate::qr;
use app::views::NewAuthenticatorView;
use app::{AppError, Holder, NewCodes, NewFactor, SecondStep};
use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use model::CredentialId;
use serde::{Deserialize, Serialize};

/// The longest answer of a browser.
const MOST_ANSWER_BYTES: usize = 16 * 1024;

/// Where a factor is added.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// Under My account.
    Mine,
    /// At a first sign-in that asks for one.
    First,
}

/// What is added.
#[derive(Clone, Copy)]
enum Added {
    App,
    Passkey,
}

impl Way {
    fn paths(self) -> (&'static str, &'static str) {
        match self {
            Self::Mine => ("/my-account/app", "/my-account/passkey"),
            Self::First => ("/sign-in/app", "/sign-in/new-passkey"),
        }
    }

    fn back(self) -> &'static str {
        match self {
            Self::Mine => "/my-account",
            Self::First => "/sign-in/set-up",
        }
    }
}

/// The page on which an app is added.
#[derive(Serialize)]
pub(crate) struct AuthenticatorPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// Where the form goes.
    pub action: &'static str,
    /// Where it is left for.
    pub back: &'static str,
    /// The QR code; empty where it cannot be drawn.
    pub qr: String,
    /// The secret to type.
    pub secret: String,
    /// The code that was typed.
    pub code: Field,
    /// What it is to be called.
    pub name: Field,
}

/// The page on which a passkey is added.
#[derive(Serialize)]
pub(crate) struct NewPasskeyPage {
    /// What was wrong.
    pub summary: Vec<SummaryLine>,
    /// Where the form goes.
    pub action: &'static str,
    /// Where it is left for.
    pub back: &'static str,
    /// What the browser is asked for.
    pub options: String,
    /// What it is to be called.
    pub name: Field,
}

/// The page that shows recovery codes this once.
#[derive(Serialize)]
pub(crate) struct CodesPage {
    /// The codes.
    pub codes: Vec<String>,
    /// Where to go on to.
    pub next: &'static str,
}

/// The page that asks what somebody who must have a factor sets up.
#[derive(Serialize)]
pub(crate) struct SetUpPage {
    /// Why they must.
    pub why: String,
    /// True where passkeys work here.
    pub passkeys_work: bool,
}

/// A new factor's first proof, as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct NewFactorForm {
    code: String,
    answer: String,
    name: String,
}

/// What is done with a factor, as sent.
#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct FactorDeedForm {
    deed: String,
    factor: String,
    name: String,
}

impl AuthenticatorPage {
    /// The page.
    pub(crate) fn of(way: Way, view: &NewAuthenticatorView, typed: (&str, &str), problem: &str) -> Self {
        let problems: Vec<(String, String)> = Some(("code".to_owned(), problem.to_owned()))
            .filter(|(_, words)| !words.is_empty())
            .into_iter()
            .collect();
        Self {
            summary: summary(&problems),
            action: way.paths().0,
            back: way.back(),
            qr: qr::svg_of(&view.address).unwrap_or_default(),
            secret: view.secret.clone(),
            code: Field::of("code", typed.0.to_owned(), &problems),
            name: Field::of("name", typed.1.to_owned(), &problems),
        }
    }
}

impl NewPasskeyPage {
    /// The page.
    pub(crate) fn of(way: Way, options: String, name: &str, problem: &str) -> Self {
        let problems: Vec<(String, String)> = Some(("name".to_owned(), problem.to_owned()))
            .filter(|(_, words)| !words.is_empty())
            .into_iter()
            .collect();
        Self {
            summary: summary(&problems),
            action: way.paths().1,
            back: way.back(),
            options,
            name: Field::of("name", name.to_owned(), &problems),
        }
    }
}

impl CodesPage {
    /// The page.
    pub(crate) fn of(codes: &NewCodes, next: &'static str) -> Self {
        Self { codes: codes.0.iter().map(|code| code.to_string()).collect(), next }
    }
}

/// `GET /my-account/app`
pub(crate) async fn ask_app(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    ask(&desk, &visit, (Way::Mine, Added::App)).await
}

/// `POST /my-account/app`
pub(crate) async fn add_app(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<NewFactorForm>,
) -> Result<Response, Problem> {
    add(&desk, &visit, (Way::Mine, Added::App), &form).await
}

/// `GET /my-account/passkey`
pub(crate) async fn ask_passkey(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    ask(&desk, &visit, (Way::Mine, Added::Passkey)).await
}

/// `POST /my-account/passkey`
pub(crate) async fn add_passkey(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<NewFactorForm>,
) -> Result<Response, Problem> {
    add(&desk, &visit, (Way::Mine, Added::Passkey), &form).await
}

/// `POST /my-account/codes`
pub(crate) async fn renew_codes(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let holder = own(&desk, &visit).await?;
    let codes = desk.app.renew_codes(&holder).await?;
    desk.page("codes.html", &visit, &CodesPage::of(&codes, "/my-account")).await
}

/// `POST /my-account/factors`
pub(crate) async fn work(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<FactorDeedForm>,
) -> Result<Response, Problem> {
    let holder = own(&desk, &visit).await?;
    let id = CredentialId::parse(&form.factor).ok_or(Problem::Unreadable)?;
    match form.deed.as_str() {
        "remove" => desk.app.remove_factor(&holder, id).await?,
        "name" => desk.app.name_factor(&holder, id, &form.name).await?,
        _ => return Err(Problem::Unreadable),
    }
    Ok(Redirect::to("/my-account").into_response())
}

/// `GET /sign-in/set-up`
pub(crate) async fn ask_set_up(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    let holder = first(&desk, &visit).await?;
    let (why, passkeys_work) = desk.app.why_set_up(&holder, visit.address);
    desk.page("set_up.html", &visit, &SetUpPage { why, passkeys_work }).await
}

/// `GET /sign-in/app`
pub(crate) async fn ask_first_app(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    ask(&desk, &visit, (Way::First, Added::App)).await
}

/// `GET /sign-in/new-passkey`
pub(crate) async fn ask_first_passkey(State(desk): State<Shared>, visit: Visit) -> Result<Response, Problem> {
    ask(&desk, &visit, (Way::First, Added::Passkey)).await
}

/// `POST /sign-in/app`
pub(crate) async fn add_first_app(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<NewFactorForm>,
) -> Result<Response, Problem> {
    add(&desk, &visit, (Way::First, Added::App), &form).await
}

/// `POST /sign-in/new-passkey`
pub(crate) async fn add_first_passkey(
    State(desk): State<Shared>,
    visit: Visit,
    Sent(form): Sent<NewFactorForm>,
) -> Result<Response, Problem> {
    add(&desk, &visit, (Way::First, Added::Passkey), &form).await
}

async fn ask(desk: &Shared, visit: &Visit, what: (Way, Added)) -> Result<Response, Problem> {
    let holder = match what.0 {
        Way::Mine => own(desk, visit).await?,
        Way::First => first(desk, visit).await?,
    };
    shown(desk, visit, what, &holder, ("", "")).await
}

async fn add(
    desk: &Shared,
    visit: &Visit,
    (way, added): (Way, Added),
    form: &NewFactorForm,
) -> Result<Response, Problem> {
    let mine = match way {
        Way::Mine => Some(own(desk, visit).await?),
        Way::First => None,
    };
    let new = checked(form, added)?;
    let answer = match &mine {
        Some(holder) => match desk.app.add_factor(holder, new).await {
            Ok(codes) => Ok(done(desk, visit, &codes).await),
            Err(error) => Err(error),
        },
        None => set_up(desk, visit, new).await,
    };
    match answer {
        Ok(page) => page,
        Err(AppError::Refused { theirs, .. }) => {
            let holder = match mine {
                Some(holder) => holder,
                None => first(desk, visit).await?,
            };
            shown(desk, visit, (way, added), &holder, (&form.name, &theirs)).await
        }
        Err(error) => Err(error.into()),
    }
}

/// The form; again, with the name as it was typed, where there is a problem.
async fn shown(
    desk: &Shared,
    visit: &Visit,
    (way, added): (Way, Added),
    holder: &Holder,
    (name, problem): (&str, &str),
) -> Result<Response, Problem> {
    let is_new = problem.is_empty();
    match added {
        Added::App => {
            let view = desk.app.begin_authenticator(holder).await?;
            let page = AuthenticatorPage::of(way, &view, ("", name), problem);
            match is_new {
                true => desk.page("authenticator.html", visit, &page).await,
                false => desk.form_again("authenticator.html", visit, &page).await,
            }
        }
        Added::Passkey => {
            let view = desk.app.begin_passkey(holder).await?;
            let page = NewPasskeyPage::of(way, view.options, name, problem);
            match is_new {
                true => desk.page("passkey.html", visit, &page).await,
                false => desk.form_again("passkey.html", visit, &page).await,
            }
        }
    }
}

async fn set_up(
    desk: &Shared,
    visit: &Visit,
    new: NewFactor<'_>,
) -> Result<Result<Response, Problem>, AppError> {
    let token = visit.token.as_deref().unwrap_or_default();
    let (session, codes) = desk.app.set_up_first_factor(token, new, visit.caller()).await?;
    let page = desk.page("codes.html", visit, &CodesPage::of(&codes, "/")).await;
    Ok(page.and_then(|page| give_session(desk, &session, page)))
}

/// Codes where there are new ones, else back to the account.
async fn done(desk: &Shared, visit: &Visit, codes: &NewCodes) -> Result<Response, Problem> {
    if codes.0.is_empty() {
        return Ok(Redirect::to("/my-account").into_response());
    }
    desk.page("codes.html", visit, &CodesPage::of(codes, "/my-account")).await
}

async fn own(desk: &Shared, visit: &Visit) -> Result<Holder, Problem> {
    let actor = visit.actor()?;
    let fresh = desk.fresh_for(visit, "/my-account").await?;
    Ok(desk.app.factor_holder((actor, &fresh), visit.session()?).await?)
}

async fn first(desk: &Shared, visit: &Visit) -> Result<Holder, Problem> {
    let token = visit.token.as_deref().ok_or(Problem::SignInFirst)?;
    desk.app.first_factor_holder(token, visit.address).await.ok_or(Problem::SignInFirst)
}

fn checked(form: &NewFactorForm, added: Added) -> Result<NewFactor<'_>, Problem> {
    if form.code.len() + form.name.len() > MOST_TYPED_BYTES || form.answer.len() > MOST_ANSWER_BYTES {
        return Err(Problem::TooLarge);
    }
    let proof = match added {
        Added::App => SecondStep::Code(&form.code),
        Added::Passkey => SecondStep::Passkey(&form.answer),
    };
    Ok(NewFactor { proof, name: &form.name })
}
