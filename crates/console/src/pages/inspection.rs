//! The inspection: its authority, the certificates it refused, and hosts that may belong on the bypass list; putting one
//! forward, and turning one down.

use crate::desk::{Shared, Visit};
use crate::extract::{Asked, Sent};
use crate::pages::fields::{Field, SummaryLine, link, summary};
use crate::pages::lists::path_part;
use crate::problem::Problem;
use crate::words;
use app::views::{AuthorityView, BypassProposalView, DismissedView, InspectionView, SuggestionView};
use app::{AppError, ScanSeen};
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Redirect, Response};
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// The longest reason that is taken.
const MOST_REASON_BYTES: usize = 1_024;
/// Digits of a document's hash.
const HASH_DIGITS: usize = 64;

/// What the address may ask of the page.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct InspectionQuestion {
    /// The hash of what was just put forward.
    proposed: String,
    /// `yes` just after turning a suggestion down.
    dismissed: String,
}

/// A form about a host, as sent.
#[derive(Debug, Deserialize)]
pub(crate) struct HostForm {
    #[serde(default)]
    reason: String,
}

/// The page.
#[derive(Debug, Serialize)]
pub(crate) struct InspectionPage {
    /// What was just put forward; empty otherwise.
    pub proposed: String,
    /// True just after turning a suggestion down.
    pub dismissed_now: bool,
    /// How long ago the proxy told; empty where it has not yet.
    pub told: String,
    /// Since when it counts.
    pub since: String,
    /// The authorities.
    pub authorities: Vec<Authority>,
    /// What was wrong with refused certificates, and how often.
    pub refused: Vec<(String, String)>,
    /// What was known about revocation: in words, and how often.
    pub revocation: Vec<(&'static str, String)>,
    /// What became of files that were to be scanned: in words, and how many; empty where there is no scanner.
    pub scanned: Vec<(&'static str, String)>,
    /// True where the scanner did not answer for the last file.
    pub scanner_is_silent: bool,
    /// Hosts that may belong on the bypass list.
    pub suggestions: Vec<SuggestedHost>,
    /// Those that were turned down.
    pub dismissed: Vec<Dismissed>,
    /// How many devices seem to lack the certificate.
    pub devices_without: String,
    /// True for whoever may put forward and turn down.
    pub may_change: bool,
}

/// An authority.
#[derive(Debug, Serialize)]
pub(crate) struct Authority {
    /// What devices show as its name.
    pub name: String,
    /// Its state in words.
    pub state: String,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// From when it holds.
    pub from: String,
    /// Until when.
    pub until: String,
    /// Its fingerprint.
    pub fingerprint: String,
}

/// A suggested host.
#[derive(Debug, Serialize)]
pub(crate) struct SuggestedHost {
    /// The host.
    pub host: String,
    /// Why.
    pub why: String,
    /// How often, and from how many devices.
    pub times: String,
    /// The first time.
    pub first: String,
    /// The last.
    pub last: String,
    /// What waits for approval; empty where nothing does.
    pub waiting: String,
    /// Where to put it forward.
    pub add: String,
    /// Where to turn it down.
    pub dismiss: String,
}

/// A suggestion that was turned down.
#[derive(Debug, Serialize)]
pub(crate) struct Dismissed {
    /// The host.
    pub host: String,
    /// When, by whom and why.
    pub when: String,
    pub by: String,
    pub why: String,
}

/// The question before something is put forward or turned down.
#[derive(Debug, Serialize)]
pub(crate) struct HostPage {
    /// What was wrong with the form.
    pub summary: Vec<SummaryLine>,
    /// The host.
    pub host: String,
    /// Where its forms lie.
    pub path: String,
    /// What devices meet there.
    pub why: String,
    /// The lines that the policy would gain.
    pub lines: String,
    /// Who approves it.
    pub approved_by: String,
    /// The reason that was typed.
    pub reason: Field,
}

impl InspectionPage {
    /// The page at the time `now`.
    pub(crate) fn of(view: InspectionView, asked: &InspectionQuestion, now: Timestamp) -> Self {
        let (good, revoked, unknown) = view.revocation;
        let is_hash = asked.proposed.len() == HASH_DIGITS
            && asked.proposed.bytes().all(|digit| digit.is_ascii_hexdigit());
        Self {
            proposed: if is_hash { asked.proposed.clone() } else { String::new() },
            dismissed_now: asked.dismissed == "yes",
            told: view.told.map(|at| words::age(now, at)).unwrap_or_default(),
            since: words::day_and_time(view.since),
            authorities: view.authorities.into_iter().map(Authority::of).collect(),
            refused: view
                .refused
                .into_iter()
                .map(|(fault, times)| (sentence(&fault), words::number(times)))
                .collect(),
            revocation: vec![
                ("Known not to be revoked", words::number(good)),
                ("Known to be revoked, and refused", words::number(revoked)),
                ("Nothing could be known, and let pass", words::number(unknown)),
            ],
            scanned: view.scan.map(scanned).unwrap_or_default(),
            scanner_is_silent: view.scan.is_some_and(|scan| scan.silent > 0),
            suggestions: view.suggestions.into_iter().map(|one| SuggestedHost::of(one, now)).collect(),
            dismissed: view.dismissed.into_iter().map(Dismissed::of).collect(),
            devices_without: match view.devices_without {
                0 => String::new(),
                1 => "1 device seems".to_owned(),
                devices => format!("{devices} devices seem"),
            },
            may_change: view.may_change,
        }
    }
}

/// What became of files, in words.
fn scanned(scan: ScanSeen) -> Vec<(&'static str, String)> {
    vec![
        ("Nothing was found, and let pass", words::number(scan.clean)),
        ("Malware was found, and refused", words::number(scan.infected)),
        ("Could not be scanned", words::number(scan.unscanned)),
        ("Being scanned now", words::number(scan.held)),
    ]
}

impl Authority {
    fn of(view: AuthorityView) -> Self {
        let (from, until) = view.holds;
        Self {
            name: view.name,
            state: match view.signs_from {
                None => "In use".to_owned(),
                Some(at) => format!("Takes over on {}", words::day_and_time(at)),
            },
            badge_class: if view.signs_from.is_none() { "govuk-tag--green" } else { "govuk-tag--blue" },
            from: words::day_and_time(from),
            until: words::day_and_time(until),
            fingerprint: view.fingerprint,
        }
    }
}

impl SuggestedHost {
    fn of(view: SuggestionView, now: Timestamp) -> Self {
        let times = match view.times {
            1 => "Once".to_owned(),
            times => format!("{} times", words::number(times)),
        };
        let devices = match view.devices {
            0 => String::new(),
            1 => ", 1 device".to_owned(),
            devices => format!(", {devices} devices"),
        };
        let (first, last) = view.seen;
        Self {
            add: format!("{}/bypass", path_of(&view.host)),
            dismiss: format!("{}/dismiss", path_of(&view.host)),
            why: sentence(&view.why),
            times: format!("{times}{devices}"),
            first: words::day_and_time(first),
            last: words::age(now, last),
            waiting: view.waiting.unwrap_or_default(),
            host: view.host,
        }
    }
}

impl Dismissed {
    fn of(view: DismissedView) -> Self {
        Self { host: view.host, when: words::day_and_time(view.at), by: view.by, why: view.why }
    }
}

impl HostPage {
    /// The question, or the same again with what was wrong.
    pub(crate) fn of(view: BypassProposalView, reason: String, problem: Option<String>) -> Self {
        let problems: Vec<_> = problem.into_iter().map(|words| ("reason".to_owned(), words)).collect();
        Self {
            summary: summary(&problems),
            path: path_of(&view.host),
            host: view.host,
            why: view.why,
            lines: view.lines,
            approved_by: view.approved_by.to_lowercase(),
            reason: Field::of("reason", reason, &problems),
        }
    }
}

/// Where a host's forms lie.
fn path_of(host: &str) -> String {
    format!("/inspection/{}", path_part(host))
}

/// Half a sentence with its first letter large.
fn sentence(words: &str) -> String {
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

/// `GET /inspection`
pub(crate) async fn show(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<InspectionQuestion>,
) -> Result<Response, Problem> {
    let view = desk.app.inspection_view(visit.actor()?).await?;
    desk.page("inspection.html", &visit, &InspectionPage::of(view, &asked, desk.clock.now())).await
}

/// The two forms about a suggested host.
const BYPASS: &str = "inspection_bypass.html";
const DISMISS: &str = "inspection_dismiss.html";

/// `GET /inspection/{host}/bypass`
pub(crate) async fn ask_bypass(
    State(desk): State<Shared>,
    visit: Visit,
    Path(host): Path<String>,
) -> Result<Response, Problem> {
    ask(&desk, &visit, &host, BYPASS).await
}

/// `POST /inspection/{host}/bypass`
pub(crate) async fn put_forward(
    State(desk): State<Shared>,
    visit: Visit,
    Path(host): Path<String>,
    Sent(form): Sent<HostForm>,
) -> Result<Response, Problem> {
    let (view, reason) = sent(&desk, &visit, &host, form).await?;
    match desk.app.propose_bypass(visit.actor()?, &host, &reason).await {
        Ok(proposed) => {
            let hash = proposed.hash.to_string();
            Ok(Redirect::to(&link("/inspection", &[("proposed", &hash)])).into_response())
        }
        Err(error) => ask_again(&desk, &visit, BYPASS, (view, reason), error).await,
    }
}

/// `GET /inspection/{host}/dismiss`
pub(crate) async fn ask_dismiss(
    State(desk): State<Shared>,
    visit: Visit,
    Path(host): Path<String>,
) -> Result<Response, Problem> {
    ask(&desk, &visit, &host, DISMISS).await
}

/// `POST /inspection/{host}/dismiss`
pub(crate) async fn dismiss(
    State(desk): State<Shared>,
    visit: Visit,
    Path(host): Path<String>,
    Sent(form): Sent<HostForm>,
) -> Result<Response, Problem> {
    let (view, reason) = sent(&desk, &visit, &host, form).await?;
    match desk.app.dismiss_suggestion(visit.actor()?, &host, &reason).await {
        Ok(()) => Ok(Redirect::to("/inspection?dismissed=yes").into_response()),
        Err(error) => ask_again(&desk, &visit, DISMISS, (view, reason), error).await,
    }
}

async fn ask(desk: &Shared, visit: &Visit, host: &str, form: &str) -> Result<Response, Problem> {
    let view = suggested(desk, visit, host).await?;
    desk.page(form, visit, &HostPage::of(view, String::new(), None)).await
}

/// What a form about a host is about, and the reason that was given.
async fn sent(
    desk: &Shared,
    visit: &Visit,
    host: &str,
    form: HostForm,
) -> Result<(BypassProposalView, String), Problem> {
    visit.actor()?;
    let reason = form.bounded()?.reason;
    Ok((suggested(desk, visit, host).await?, reason))
}

/// The form once more, with what was wrong.
async fn ask_again(
    desk: &Shared,
    visit: &Visit,
    form: &str,
    (view, reason): (BypassProposalView, String),
    error: AppError,
) -> Result<Response, Problem> {
    let AppError::Refused { theirs, .. } = error else { return Err(error.into()) };
    desk.page(form, visit, &HostPage::of(view, reason, Some(theirs))).await
}

async fn suggested(desk: &Shared, visit: &Visit, host: &str) -> Result<BypassProposalView, Problem> {
    desk.app.bypass_proposal(visit.actor()?, host).await?.ok_or(Problem::NotFound)
}

impl HostForm {
    fn bounded(self) -> Result<Self, Problem> {
        if self.reason.len() > MOST_REASON_BYTES {
            return Err(Problem::TooLarge);
        }
        Ok(self)
    }
}
