//! "Why?": the whole chain that leads to a verdict, for a person, an address or a group, now or at another time.
//!
//! It asks today's policy and lists, also about the past; what was decided then stands in the history. A question about a
//! person or an address is recorded.

use crate::facade::Reach;
use crate::views::{ExplainAnswer, ExplainQuestion, ExplainView, StepView};
use crate::{App, AppError, words};
use jiff::tz::TimeZone;
use model::{
    Action, Actor, Ask, Channel, Host, Inspection, Known, KnownBy, Membership, Outcome, Roster, Scope,
    Target, Timestamp, Verdict, Who,
};
use policy::{Explanation, Policy, Snapshot};
use std::net::IpAddr;

/// The longest text of a field.
const MOST_FIELD_BYTES: usize = 2_048;

/// A field's name and what is wrong with it.
type Problem = (String, String);

/// A question that was read: what to ask, and what to call whoever is asked about.
struct Asked {
    ask: Ask,
    called: String,
    names_somebody: bool,
}

impl App {
    /// Explains a verdict, or says what is wrong with the question.
    pub async fn explain(&self, actor: &Actor, question: ExplainQuestion) -> Result<ExplainView, AppError> {
        let reach = self.reach(actor, Action::ExplainVerdict).await?;
        let snapshot = self.snapshot();
        let mut view =
            ExplainView { groups: groups(snapshot.policy()), question, problems: Vec::new(), answer: None };
        if view.question == ExplainQuestion::default() {
            return Ok(view);
        }
        if !view.question.event.is_empty() {
            return self.explain_event(actor, view, &snapshot).await;
        }
        let asked = match self.read_question(&view.question, &reach, &snapshot) {
            Ok(asked) => asked,
            Err(problems) => return Ok(ExplainView { problems, ..view }),
        };
        if asked.names_somebody {
            let fact = self.fact(actor, "explain").about(view.question.who.trim());
            self.note(&fact.with("url", view.question.url.trim()).with("at", view.question.at.trim()))
                .await?;
        }
        let explanation = snapshot.explain(&asked.ask);
        view.answer = Some(answer(&asked, &explanation));
        Ok(view)
    }

    /// Explains a request of the history by today's rules. Whose it is stands there by pseudonym, and neither login nor
    /// address of the page stands in the link.
    async fn explain_event(
        &self,
        actor: &Actor,
        view: ExplainView,
        snapshot: &Snapshot,
    ) -> Result<ExplainView, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        let Some(stored) = self.event_within(actor, &view.question.event, &reach).await? else {
            let problems =
                vec![problem("url", "That request is not in the history any more, or not for you")];
            return Ok(ExplainView { problems, ..view });
        };
        self.note(&self.fact(actor, "explain").about(format!("event:{}", view.question.event))).await?;
        let event = stored.event;
        let roster = self.0.parts.roster.get();
        let person = event.person.and_then(|id| roster.person(id));
        let who = match person {
            Some(person) => {
                let known = Known::lasting(person, KnownBy::Named);
                Who { school: event.school.clone(), people: vec![known], ..Who::default() }
            }
            None => snapshot.who(event.address, event.at, &roster, &self.0.parts.identities),
        };
        let called = match event.person {
            Some(id) => self.pseudonym_of(id),
            None => format!("Whoever is at {}", event.address),
        };
        let at = words::date_and_time(&snapshot.policy().time_zone, event.at);
        let called = format!("{called}, at {} on {at}", event.host);
        let path = Some(event.path).filter(|path| !path.is_empty());
        let what = Target { host: event.host, port: Some(event.port), path, record_type: None };
        let asked = Asked {
            ask: Ask { who, what, how: Channel::Explain, at: event.at },
            called,
            names_somebody: true,
        };
        let explanation = snapshot.explain(&asked.ask);
        Ok(ExplainView { answer: Some(answer(&asked, &explanation)), ..view })
    }

    fn read_question(
        &self,
        question: &ExplainQuestion,
        reach: &Reach,
        snapshot: &Snapshot,
    ) -> Result<Asked, Vec<Problem>> {
        let zone = &snapshot.policy().time_zone;
        let at = match question.at.trim() {
            "" => Ok(self.now()),
            text => words::moment(zone, text).ok_or_else(|| {
                problem("at", "Write date and time as year, month, day and time: 2026-11-22T10:15")
            }),
        };
        let what = target_of(&question.url).map_err(|sentence| problem("url", sentence));
        let who = at.clone().unwrap_or(self.now());
        let who = self.who(question.who.trim(), who, reach, snapshot);
        match (who, what, at) {
            (Ok((who, called, names_somebody)), Ok(what), Ok(at)) => {
                Ok(Asked { ask: Ask { who, what, how: Channel::Explain, at }, called, names_somebody })
            }
            (who, what, at) => Err([who.err(), what.err(), at.err()].into_iter().flatten().collect()),
        }
    }

    /// Who is asked about, what to call them, and whether that is somebody in particular. What lies beyond reach is
    /// answered like what does not exist.
    fn who(
        &self,
        text: &str,
        at: Timestamp,
        reach: &Reach,
        snapshot: &Snapshot,
    ) -> Result<(Who, String, bool), Problem> {
        let roster = self.0.parts.roster.get();
        if text.is_empty() {
            return Ok((Who::default(), "Somebody who is not known".to_owned(), false));
        }
        if let Some(group) = snapshot.policy().groups.iter().find(|group| group.id.as_str() == text) {
            let who = Who { named_group: Some(group.id.clone()), ..Who::default() };
            return Ok((who, format!("Anybody in the group {}", group.name), false));
        }
        if let Ok(address) = text.parse::<IpAddr>() {
            let who = snapshot.who(address, at, &roster, &self.0.parts.identities);
            let school = who.school.clone().map_or(Scope::Trust, Scope::School);
            if !reach.covers(&school) {
                return Err(problem("who", "That address is in none of your school's networks"));
            }
            let called = people_at(&who, address, &snapshot.policy().time_zone);
            return Ok((who, called, true));
        }
        named_person(text, &roster, reach).ok_or_else(|| {
            problem(
                "who",
                "Nobody has that user name. Type a user name, an address such as 10.0.0.7, or choose a group",
            )
        })
    }
}

fn named_person(text: &str, roster: &Roster, reach: &Reach) -> Option<(Who, String, bool)> {
    let person = roster.person_by_login(&text.to_lowercase())?;
    let here = person.affiliations.iter().find(|affiliation| reach.covers(&affiliation.scope));
    let affiliation = here.or_else(|| person.affiliations.first().filter(|_| *reach == Reach::Everything))?;
    let school = match &affiliation.scope {
        Scope::School(school) => Some(school.clone()),
        Scope::Trust => None,
    };
    let known = Known::lasting(person, KnownBy::Named);
    Some((Who { school, people: vec![known], ..Who::default() }, person.display_name.clone(), true))
}

/// Who is known at an address, each with how, since when and until when.
fn people_at(who: &Who, address: IpAddr, zone: &TimeZone) -> String {
    let named = |known: &Known| {
        let how = words::known(zone, known.by, known.since, known.until);
        format!("{} ({how})", known.person.display_name)
    };
    let names: Vec<String> = who.people.iter().map(named).collect();
    match names.as_slice() {
        [] => format!("Whoever is at {address}"),
        names => format!("{}, at {address}", names.join(" or ")),
    }
}

/// Reads the address of a page as people type it, with or without its scheme; the error is a sentence for them.
pub fn target_of(text: &str) -> Result<Target, &'static str> {
    const WRONG: &str = "That is not the address of a page. It looks like www.bbc.co.uk/bitesize";
    let text = text.trim();
    if text.is_empty() {
        return Err("Type the address of a page, such as www.bbc.co.uk/bitesize");
    }
    if text.len() > MOST_FIELD_BYTES {
        return Err("Use at most 2,048 characters");
    }
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("https://{text}") };
    let url = url::Url::parse(&with_scheme).map_err(|_| WRONG)?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err("Only addresses that begin with http or https pass the filter");
    }
    let host = url.host_str().and_then(|host| Host::parse(host).ok()).ok_or(WRONG)?;
    let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
    Ok(Target {
        host,
        port: url.port_or_known_default(),
        path: Some(format!("{}{query}", url.path())),
        record_type: None,
    })
}

fn answer(asked: &Asked, explanation: &Explanation) -> ExplainAnswer {
    let verdict = &explanation.verdict;
    let steps = explanation.steps.iter().map(|step| StepView {
        layer: step.layer.title().to_owned(),
        found: step.found.clone(),
        decided: step.decided,
    });
    ExplainAnswer {
        verdict: match verdict.outcome {
            Outcome::Allow => "Allowed",
            Outcome::Block => "Blocked",
        }
        .to_owned(),
        sentence: verdict.reason.sentence(verdict.outcome),
        who: who_in_words(&asked.called, verdict, explanation.groups_asked),
        steps: steps.collect(),
        inspection: inspection_in_words(verdict),
        revisions: format!(
            "Policy {}, lists {}",
            short(verdict.revisions.policy.as_str()),
            verdict.revisions.lists
        ),
    }
}

fn who_in_words(called: &str, verdict: &Verdict, groups_asked: usize) -> String {
    let membership = &verdict.reason.membership;
    match (&verdict.reason.group, membership) {
        (Some(group), Membership::Named) => format!("{called} ({})", group.id),
        (Some(group), _) => {
            format!("{called}: in the group {}, because of this: {}", group.name, membership.because())
        }
        (None, _) => format!("{called}: {groups_asked} groups were asked, and every denial counts"),
    }
}

fn inspection_in_words(verdict: &Verdict) -> String {
    match verdict.inspection {
        Inspection::Inspect => "Encrypted connections to it are opened, read and closed again",
        Inspection::Bypass => "Encrypted connections to it pass unread",
        Inspection::Never => {
            "Encrypted connections pass unread, so only a site\u{2019}s name is known: the devices carry no school certificate"
        }
    }
    .to_owned()
}

fn groups(policy: &Policy) -> Vec<(String, String)> {
    let people = policy.groups.iter().filter(|group| !group.members.is_equipment());
    people.map(|group| (group.id.to_string(), group.name.to_string())).collect()
}

fn problem(field: &str, sentence: &str) -> Problem {
    (field.to_owned(), sentence.to_owned())
}

/// The first 12 digits of a hash: enough to compare by eye.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_with_or_without_its_scheme() {
        for (text, host, port, path) in [
            ("www.bbc.co.uk/bitesize?x=1#top", "www.bbc.co.uk", 443, "/bitesize?x=1"),
            (" http://Example.com ", "example.com", 80, "/"),
            ("https://[::1]:8443/a", "[::1]", 8443, "/a"),
            ("b\u{fc}cher.example", "xn--bcher-kva.example", 443, "/"),
        ] {
            let target = target_of(text).unwrap();
            let found = (target.host.to_string(), target.port, target.path);
            assert_eq!(found, (host.to_owned(), Some(port), Some(path.to_owned())), "{text}");
        }
        for text in ["", "ftp://example.com", "https://", "two words", "https:///x:y"] {
            assert!(target_of(text).is_err(), "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn whatever_is_typed_is_a_target_or_a_problem(text in "\\PC{0,120}") {
            let _ = target_of(&text);
        }
    }
}
