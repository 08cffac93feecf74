//! The policy: every clause with its text in force and its honest state, narrowed by state and area; one clause by itself.

use crate::desk::{Shared, Visit};
use crate::extract::Asked;
use crate::pages::fields::{Choice, choices, link};
use crate::problem::Problem;
use crate::words;
use app::views::{AreaView, ClauseView, PolicyView};
use axum::extract::{Path, State};
use axum::response::Response;
use model::{ClauseState, Timestamp};
use serde::{Deserialize, Serialize};

const STATES: [(&str, &str); 5] =
    [("", "Any state"), ("pass", "Pass"), ("fail", "Fail"), ("excepted", "Excepted"), ("unknown", "Unknown")];

/// What the form above the clauses asks for; both as typed, empty for all.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Narrowing {
    /// `pass`, `fail`, `excepted` or `unknown`.
    pub state: String,
    /// An area's short name.
    pub area: String,
}

/// The page of all clauses.
#[derive(Debug, Serialize)]
pub(crate) struct PolicyPage {
    /// The policy's name.
    pub title: String,
    /// Its facts, in order: what, and which.
    pub facts: Vec<(&'static str, String)>,
    /// True when a file on disk differs from what is in force.
    pub proposal_waiting: bool,
    /// The states: word, how many, their rows.
    pub counts: Vec<Count>,
    /// The choices of states.
    pub states: Vec<Choice>,
    /// The choices of areas.
    pub area_choices: Vec<Choice>,
    /// The areas that hold a clause that was asked for.
    pub areas: Vec<Area>,
    /// How many clauses are shown.
    pub shown: usize,
}

/// How many clauses are in one state.
#[derive(Debug, Serialize)]
pub(crate) struct Count {
    /// The state.
    pub word: &'static str,
    /// How many.
    pub value: usize,
    /// Those clauses.
    pub link: String,
}

/// One area.
#[derive(Debug, Serialize)]
pub(crate) struct Area {
    /// Its name.
    pub title: String,
    /// Its short name.
    pub prefix: String,
    /// Its clauses.
    pub clauses: Vec<Clause>,
}

/// One clause.
#[derive(Debug, Serialize)]
pub(crate) struct Clause {
    /// Its id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// Its text in force.
    pub text: String,
    /// Ways it is met: "enforced, recorded".
    pub how: String,
    /// How the product meets it.
    pub met_by: String,
    /// The settings it shows.
    pub settings: Vec<(String, String)>,
    /// Its state in a word.
    pub state: &'static str,
    /// The badge's colour.
    pub badge_class: &'static str,
    /// How long ago a check looked; empty when none did.
    pub age: String,
    /// When a check looked; empty when none did.
    pub checked: String,
    /// What the check saw, or why nothing is known.
    pub evidence: String,
    /// Whose it is.
    pub owner: String,
}

impl PolicyPage {
    /// The page at the time `now`, narrowed to what was asked. A state or an area that there is not narrows nothing.
    pub(crate) fn of(view: PolicyView, asked: &Narrowing, now: Timestamp) -> Self {
        let state = STATES.iter().find(|(slug, _)| !slug.is_empty() && *slug == asked.state);
        let area = view.areas.iter().find(|area| area.prefix == asked.area);
        let area = area.map(|area| area.prefix.clone()).unwrap_or_default();
        let all_areas = [("", "Any area")].into_iter();
        let named = view.areas.iter().map(|area| (area.prefix.as_str(), area.title.as_str()));
        let area_choices = choices(all_areas.chain(named), &area);
        let counts = [
            ("Fail", view.fails),
            ("Excepted", view.excepted),
            ("Unknown", view.unknowns),
            ("Pass", view.passes),
        ];
        let facts = facts(&view);
        let areas: Vec<Area> = view
            .areas
            .into_iter()
            .filter(|candidate| area.is_empty() || candidate.prefix == area)
            .map(|area| Area::of(area, state.map(|(_, word)| *word), now))
            .filter(|area| !area.clauses.is_empty())
            .collect();
        Self {
            title: view.title,
            facts,
            proposal_waiting: view.proposal_waiting,
            counts: counts
                .into_iter()
                .map(|(word, value)| Count {
                    word,
                    value,
                    link: link("/policy", &[("state", &word.to_lowercase())]),
                })
                .collect(),
            states: choices(STATES, state.map_or("", |(slug, _)| slug)),
            area_choices,
            shown: areas.iter().map(|area| area.clauses.len()).sum(),
            areas,
        }
    }
}

fn facts(view: &PolicyView) -> Vec<(&'static str, String)> {
    let approved_at = view.approved_at.map(words::day_and_time);
    vec![
        ("Version", view.version.clone()),
        ("Approved by", view.approved_by.clone()),
        ("Approved", approved_at.unwrap_or_else(|| "Not recorded".to_owned())),
        ("Next review", view.review_due.clone()),
        ("Hash of the text in force", view.hash.clone()),
    ]
}

impl Area {
    fn of(view: AreaView, state: Option<&str>, now: Timestamp) -> Self {
        let wanted = |clause: &ClauseView| state.is_none_or(|word| clause.state.word() == word);
        Self {
            title: view.title,
            prefix: view.prefix,
            clauses: view.clauses.into_iter().filter(wanted).map(|clause| Clause::of(clause, now)).collect(),
        }
    }
}

impl Clause {
    /// The clause at the time `now`.
    pub(crate) fn of(view: ClauseView, now: Timestamp) -> Self {
        let state = view.state.word();
        let (badge_class, checked, evidence) = match view.state {
            ClauseState::Pass { checked, evidence } => ("govuk-tag--green", Some(checked), evidence),
            ClauseState::Fail { checked, evidence } => ("govuk-tag--red", Some(checked), evidence),
            ClauseState::Excepted { checked, evidence } => ("govuk-tag--yellow", Some(checked), evidence),
            ClauseState::Unknown { why } => ("govuk-tag--grey", None, why),
        };
        Self {
            id: view.id,
            title: view.title,
            text: view.text,
            how: view.how.join(", "),
            met_by: view.met_by,
            settings: view.settings,
            state,
            badge_class,
            age: checked.map(|then| words::age(now, then)).unwrap_or_default(),
            checked: checked.map(words::day_and_time).unwrap_or_default(),
            evidence,
            owner: view.owner,
        }
    }
}

/// `GET /policy`
pub(crate) async fn list(
    State(desk): State<Shared>,
    visit: Visit,
    Asked(asked): Asked<Narrowing>,
) -> Result<Response, Problem> {
    let view = desk.app.policy_view(visit.actor()?).await?;
    desk.page("policy.html", &visit, &PolicyPage::of(view, &asked, desk.clock.now())).await
}

/// `GET /policy/{clause}`
pub(crate) async fn clause(
    State(desk): State<Shared>,
    visit: Visit,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let view = desk.app.policy_view(visit.actor()?).await?;
    let mut clauses = view.areas.into_iter().flat_map(|area| area.clauses);
    let clause = clauses.find(|clause| clause.id == id).ok_or(Problem::NotFound)?;
    desk.page("clause.html", &visit, &Clause::of(clause, desk.clock.now())).await
}
