//! The frame of every page: whose school it is, who is signed in, the screens they may open, and what everybody must
//! know at once.

use crate::App;
use crate::views::FrameView;
use identity::scopes_for;
use model::{Action, Actor, PersonId, Role, Scope};

/// The screens, in order.
const SCREENS: [(Action, &str, &str); 14] = [
    (Action::SeeHome, "/", "Home"),
    (Action::WorkAlerts, "/alerts", "Alerts"),
    (Action::WorkCases, "/cases", "Cases"),
    (Action::ReadWeekly, "/weekly", "Weekly report"),
    (Action::ReadPolicy, "/policy", "The policy"),
    (Action::SearchHistory, "/history", "History"),
    (Action::ExportHistory, "/exports", "Exports"),
    (Action::ReadPolicy, "/lists", "Lists"),
    (Action::ReadPeople, "/people", "People"),
    (Action::ReadAccess, "/access", "Access"),
    (Action::WelcomeVisitors, "/visitors", "Visitors"),
    (Action::RunClass, "/classes", "Classes"),
    (Action::SearchHistory, "/inspection", "Inspection"),
    (Action::ExplainVerdict, "/why", "Why?"),
];

impl App {
    /// The frame for whoever looks.
    pub async fn frame(&self, actor: Option<&Actor>) -> FrameView {
        let screens = SCREENS
            .into_iter()
            .filter(|(action, ..)| actor.is_some_and(|actor| !scopes_for(actor, *action).is_empty()));
        FrameView {
            organisation: self.organisation_of(&place_of(actor)),
            person_name: actor.map(|actor| self.name_of(actor)).unwrap_or_default(),
            role_title: actor.map(role_title).unwrap_or_default(),
            screens: screens.map(|(_, path, title)| (path.to_owned(), title.to_owned())).collect(),
            warnings: if actor.is_some() { self.warnings() } else { Vec::new() },
        }
    }

    /// The name of a place: the school's, or the trust's for all of it.
    pub(crate) fn organisation_of(&self, scope: &Scope) -> String {
        let snapshot = self.snapshot();
        let policy = snapshot.policy();
        let own = match (scope, policy.schools.as_slice()) {
            (Scope::Trust, [only]) => Some(only),
            (Scope::Trust, _) => None,
            (Scope::School(id), schools) => schools.iter().find(|school| school.id == *id),
        };
        match (own, &policy.trust) {
            (Some(school), _) => school.name.to_string(),
            (None, Some(trust)) => trust.to_string(),
            (None, None) => policy.title.to_string(),
        }
    }

    fn warnings(&self) -> Vec<String> {
        let seen = self.0.parts.health.seen();
        let mut warnings = Vec::new();
        if seen.policy_trouble.is_some() {
            warnings.push(
                "A policy that was approved could not be put in force; the one before it still decides. The technician's \
                 log says why."
                    .to_owned(),
            );
        }
        if seen.no_upstream_answers() {
            warnings.push(
                "No name server outside answers: sites that nobody has visited lately cannot be reached."
                    .to_owned(),
            );
        }
        if seen.scan().is_some_and(|(scan, _)| scan.silent > 0) {
            warnings.push(
                "The malware scanner does not answer: files are refused, or pass unscanned, as the policy says."
                    .to_owned(),
            );
        }
        if seen.history_trouble.is_some() {
            warnings.push("Requests are not being recorded: the history cannot be written.".to_owned());
        }
        if seen.lost > 0 {
            warnings
                .push(format!("{} requests were not recorded: the history could not keep up.", seen.lost));
        }
        if let Some(trouble) = seen.lists_words() {
            warnings.push(format!("The filter lists are not all up to date. {trouble}"));
        }
        warnings
    }

    /// The name a screen shows for whoever acts.
    pub(crate) fn name_of(&self, actor: &Actor) -> String {
        match actor {
            Actor::Person { id, login, .. } => {
                let roster = self.0.parts.roster.get();
                roster.person(*id).map_or_else(|| login.clone(), |person| person.display_name.clone())
            }
            Actor::CommandLine { user } => format!("{user}, at the command line"),
            Actor::Program => "Schoolgate".to_owned(),
        }
    }

    /// The name for an actor as the audit log writes it, with their role.
    pub(crate) fn name_in_audit(&self, written: &str) -> String {
        if let Some(user) = written.strip_prefix("command-line:") {
            return format!("{user}, at the command line");
        }
        if written == Actor::Program.to_string() {
            return "Schoolgate itself".to_owned();
        }
        let roster = self.0.parts.roster.get();
        let id = written.strip_prefix("person:").and_then(PersonId::parse);
        let Some(person) = id.and_then(|id| roster.person(id)) else {
            return "somebody who has left".to_owned();
        };
        match person.affiliations.first() {
            Some(affiliation) => format!("{}, {}", person.display_name, affiliation.role.title()),
            None => person.display_name.clone(),
        }
    }
}

/// The place whose name a screen shows: the school of whoever belongs to one, the trust of everybody else.
pub(crate) fn place_of(actor: Option<&Actor>) -> Scope {
    actor.and_then(Actor::school).map_or(Scope::Trust, Scope::School)
}

/// The role whose words a screen shows: the first that does anything in the console.
fn role_title(actor: &Actor) -> String {
    let Actor::Person { roles, .. } = actor else { return String::new() };
    let first = roles.iter().find(|(role, _)| identity::permits(*role, Action::SeeHome)).or(roles.first());
    first.map(|(role, _)| Role::title(*role).to_owned()).unwrap_or_default()
}
