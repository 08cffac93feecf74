//! The policy in force, clause by clause, with the honest state of each.

use crate::views::{AreaView, ClauseView, PolicyView};
use crate::{App, AppError};
use model::{Action, Actor, ClauseState, HowMet, Scope};
use policy::clauses;
use policy::file::{Document, show_date};
use registers::{Facts, state_of};

impl App {
    /// The policy in force.
    pub async fn policy_view(&self, actor: &Actor) -> Result<PolicyView, AppError> {
        let reach = self.reach(actor, Action::ReadPolicy).await?;
        let facts = self.facts(&reach).await?;
        let in_force = self.in_force();
        let waiting = self.0.parts.store.policies_waiting(&Scope::Trust).await?;
        let areas = areas(&in_force.document, &facts);
        let edition = &in_force.document.facts.edition;
        Ok(PolicyView {
            title: edition.title.clone(),
            version: edition.version.clone(),
            approved_by: format!(
                "{}. Reason given: {}",
                self.name_in_audit(&in_force.approved_by),
                in_force.approved_why
            ),
            approved_at: Some(in_force.approved_at),
            review_due: show_date(&edition.review_on.0),
            hash: in_force.hash.to_string(),
            proposal_waiting: waiting > 0,
            passes: count(&areas, "Pass"),
            fails: count(&areas, "Fail"),
            excepted: count(&areas, "Excepted"),
            unknowns: count(&areas, "Unknown"),
            areas,
        })
    }
}

/// Every clause of the catalogue, in its order.
pub(crate) fn areas(document: &Document, facts: &Facts) -> Vec<AreaView> {
    let areas = clauses::catalogue().areas.iter();
    let area = |area: &clauses::Area| AreaView {
        title: area.title.clone(),
        prefix: area.prefix.clone(),
        clauses: area.clauses.iter().map(|clause| clause_view(clause, document, facts)).collect(),
    };
    areas.map(area).collect()
}

fn clause_view(clause: &clauses::Clause, document: &Document, facts: &Facts) -> ClauseView {
    ClauseView {
        id: clause.id.to_string(),
        title: clause.title.clone(),
        text: clause.filled(document),
        how: clause.how.iter().map(|how| how_in_words(*how).to_owned()).collect(),
        met_by: clause.met_by.clone(),
        settings: clause.shown_settings(document),
        state: state_of(clause.check.as_deref(), facts),
        owner: clause.owner.title().to_owned(),
    }
}

fn count(areas: &[AreaView], word: &str) -> usize {
    let states = areas.iter().flat_map(|area| &area.clauses).map(|clause| &clause.state);
    states.filter(|state| ClauseState::word(state) == word).count()
}

fn how_in_words(how: HowMet) -> &'static str {
    match how {
        HowMet::Enforce => "enforced",
        HowMet::Measure => "measured",
        HowMet::Record => "recorded",
    }
}
