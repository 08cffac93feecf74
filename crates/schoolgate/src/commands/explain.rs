//! `schoolgate explain`: the verdict on a question, and the whole chain that led to it.

use crate::cli::ExplainArguments;
use crate::commands::policy::read_files;
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use model::{
    Ask, Channel, Clock, GroupId, Host, IdentityMap, Known, KnownBy, Layer, Outcome, Roster, Scope, Target,
    Timestamp, Who,
};
use policy::{Explanation, Image, Snapshot};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;

pub(crate) async fn explain(question: &ExplainArguments) -> Result<(), ProgramError> {
    let clock = Clock::System;
    let document = read_files(&question.policy, question.settings.as_deref())?;
    let world = match &question.folder {
        Some(folder) => World::of(folder, &clock).await?,
        None => World::starter(&clock)?,
    };
    let at = match &question.at {
        Some(text) => moment(text, &document.policy.time_zone)?,
        None => clock.now(),
    };
    let loaded = |id| world.image.lists().iter().any(|list| list.id == id);
    let missing: Vec<String> = document
        .policy
        .lists
        .iter()
        .filter(|list| !loaded(list.id.clone()))
        .map(|list| list.id.to_string())
        .collect();
    let snapshot = Snapshot::compile(document.policy, world.image, world.own_hosts);
    let ask = Ask {
        who: who(&question.who, at, &snapshot, &world.roster)?,
        what: target(&question.url)?,
        how: Channel::Explain,
        at,
    };
    let explanation = snapshot.explain(&ask);
    let notes = notes(&ask, &missing);
    let text = if question.json {
        serde_json::to_string_pretty(&as_json(&ask, &explanation, &notes)).unwrap_or_default()
    } else {
        notes.iter().map(|note| format!("note: {note}\n")).collect::<String>() + &as_text(&ask, &explanation)
    };
    crate::print(&text)
}

/// What a question is asked about, beside the policy: lists, people, and the gate's own names.
struct World {
    image: Image,
    roster: Roster,
    own_hosts: Vec<Host>,
}

impl World {
    fn starter(clock: &Clock) -> Result<Self, ProgramError> {
        let image = lists::starter_image(clock.now()).map_err(ProgramError::part("lists"))?;
        Ok(Self { image, roster: Roster::default(), own_hosts: Vec::new() })
    }

    async fn of(folder: &Path, clock: &Clock) -> Result<Self, ProgramError> {
        let gate = Folder::existing(folder)?;
        let image = lists::open_current(&gate.lists()).ok_or_else(|| {
            ProgramError::Question(format!("{}: no lists were built there yet", gate.lists().display()))
        })?;
        let store = crate::gate::records(folder, clock).await?;
        let people = store.people().await.map_err(ProgramError::part("records"))?;
        let devices = store.devices().await.map_err(ProgramError::part("records"))?;
        store.close().await;
        let own_hosts = vec![Config::read(&gate.config())?.gate.host()?];
        Ok(Self { image, roster: Roster::new(people, devices), own_hosts })
    }
}

/// An address, a login, or a group: tried in this order, since each has a form of its own.
fn who(text: &str, at: Timestamp, snapshot: &Snapshot, roster: &Roster) -> Result<Who, ProgramError> {
    if let Ok(address) = text.parse() {
        return Ok(snapshot.who(address, at, roster, &IdentityMap::default()));
    }
    if let Some(person) = roster.person_by_login(text) {
        let school = person.affiliations.iter().find_map(|affiliation| match &affiliation.scope {
            Scope::School(school) => Some(school.clone()),
            Scope::Trust => None,
        });
        let known = Known::lasting(person, KnownBy::Named);
        return Ok(Who { people: vec![known], school, ..Who::default() });
    }
    let group = GroupId::new(text);
    let policy = snapshot.policy();
    if policy.groups.iter().any(|known| known.id == group) {
        let school = match policy.schools.as_slice() {
            [only] => Some(only.id.clone()),
            _ => None,
        };
        return Ok(Who { named_group: Some(group), school, ..Who::default() });
    }
    let groups: Vec<&str> = policy.groups.iter().map(|group| group.id.as_str()).collect();
    let login =
        if roster.people().next().is_some() { "nobody has that login" } else { "a login needs --folder" };
    Err(ProgramError::Question(format!(
        "expected an address, a group of the policy ({}) or a login ({login}); found {text}",
        groups.join(", ")
    )))
}

fn target(url: &str) -> Result<Target, ProgramError> {
    app::target_of(url).map_err(|words| ProgramError::Question(format!("{words}, found {url}")))
}

fn moment(text: &str, zone: &jiff::tz::TimeZone) -> Result<Timestamp, ProgramError> {
    let local = text.parse::<jiff::civil::DateTime>().ok().and_then(|local| zone.to_timestamp(local).ok());
    let at = local.map(|at| Timestamp(at.as_millisecond())).or_else(|| Timestamp::parse(text));
    at.ok_or_else(|| {
        ProgramError::Question(format!("expected a time such as 2026-11-23T12:20, found {text}"))
    })
}

/// What the verdict does not say by itself.
fn notes(ask: &Ask, missing: &[String]) -> Vec<String> {
    let mut notes = Vec::new();
    if !missing.is_empty() {
        notes.push(format!(
            "these lists of the policy are not loaded here, so nothing of theirs counts: {}",
            missing.join(", ")
        ));
    }
    if ask.who.address.is_some() && policy::is_outsider(&ask.who) {
        notes.push(
            "the address is outside the school and no known device's: DNS and proxy do not serve it at all"
                .into(),
        );
    }
    notes
}

fn as_text(ask: &Ask, explanation: &Explanation) -> String {
    let verdict = &explanation.verdict;
    let word = match verdict.outcome {
        Outcome::Allow => "ALLOWED",
        Outcome::Block => "BLOCKED",
    };
    let mut text = format!("{word}  {}{}\n", ask.what.host, ask.what.path.as_deref().unwrap_or_default());
    let mut line = |name: &str, value: &str| {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{name:<12} {value}");
    };
    line("why", &verdict.reason.sentence(verdict.outcome));
    match &verdict.reason.group {
        Some(group) => line("group", &format!("{}: {}", group.name, verdict.reason.membership.because())),
        None => line(
            "groups",
            &format!("{} asked: {}", explanation.groups_asked, verdict.reason.membership.because()),
        ),
    }
    line("inspection", &format!("{:?}", verdict.inspection).to_lowercase());
    if let Some(rewrite) = &verdict.rewrite {
        line("answered as", &rewrite.to);
    }
    line("policy", verdict.revisions.policy.as_str());
    line("lists", &verdict.revisions.lists);
    text.push_str("\nThe layers, in order:\n");
    for (number, step) in (1..).zip(&explanation.steps) {
        let mark = if step.decided { '>' } else { ' ' };
        let _ = writeln!(text, "{mark} {number:>2}. {:<26} {}", step.layer.title(), step.found);
    }
    text
}

fn as_json(ask: &Ask, explanation: &Explanation, notes: &[String]) -> Value {
    let verdict = &explanation.verdict;
    let reason = &verdict.reason;
    json!({
        "verdict": verdict.outcome.slug(),
        "notes": notes,
        "host": ask.what.host.to_string(),
        "path": ask.what.path,
        "at": ask.at.to_string(),
        "sentence": reason.sentence(verdict.outcome),
        "layer": reason.layer.slug(),
        "category": reason.category.map(|category| category.slug()),
        "list": reason.list.as_ref().filter(|_| reason.layer != Layer::Illegal)
            .map(|at| json!({"id": at.list.as_str(), "line": at.line})),
        "entry": reason.entry.as_deref(),
        "group": reason.group.as_ref().map(|group| json!({"id": group.id.as_str(), "name": &*group.name})),
        "because": reason.membership.because(),
        "groups_asked": explanation.groups_asked,
        "inspection": format!("{:?}", verdict.inspection).to_lowercase(),
        "answered_as": verdict.rewrite.as_ref().map(|rewrite| rewrite.to.to_string()),
        "policy": verdict.revisions.policy.as_str(),
        "lists": &*verdict.revisions.lists,
        "steps": explanation.steps.iter().map(|step| json!({
            "layer": step.layer.slug(), "title": step.layer.title(), "found": step.found, "decided": step.decided,
        })).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_local_time_follows_the_schools_clock() {
        let london = jiff::tz::TimeZone::get("Europe/London").unwrap();
        assert_eq!(moment("2026-06-22T12:20", &london).unwrap().to_string(), "2026-06-22T11:20:00Z");
        assert_eq!(moment("2026-06-22T12:20:00Z", &london).unwrap().to_string(), "2026-06-22T12:20:00Z");
        assert!(moment("teatime", &london).is_err());
    }

    #[test]
    fn a_target_is_a_host_or_a_whole_address() {
        let whole = target("https://Example.com:8443/a?b=c").unwrap();
        let expected = (Host::parse("example.com").unwrap(), Some(8443), Some("/a?b=c"));
        assert_eq!((whole.host, whole.port, whole.path.as_deref()), expected);
        assert_eq!(target("example.com").unwrap().path.as_deref(), Some("/"));
        assert!(target("http://").is_err());
    }
}
