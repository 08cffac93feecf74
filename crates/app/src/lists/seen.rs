//! What is seen of the lists, for the checks of FLT-2 and FLT-8: read from the folder of lists, and tried on the policy.

use crate::App;
use crate::checks::everything_off;
use lists::{BUILT_IN_ILLEGAL, Heartbeat, Report};
use model::{Ask, Category, Channel, Outcome, Timestamp, Who};
use policy::rules::{ListFormat, ListSource};
use policy::{Image, Snapshot};
use registers::{Kept, ListSeen, ListsSeen, MemberList};
use std::path::Path;
use std::sync::Arc;

/// What the folder of lists says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Folder {
    /// The account of the image in force.
    pub report: Option<Report>,
    /// Since when lists are not updated because somebody went back, and the sentence for it.
    pub held: Option<(Timestamp, String)>,
    /// Each list's source, in the order of the policy.
    pub sources: Vec<Heartbeat>,
}

impl App {
    /// Reads what the folder of lists says; a folder that is not there says nothing.
    pub(crate) async fn lists_folder(&self) -> Result<Folder, crate::AppError> {
        let (place, policy, now) =
            (self.0.parts.lists.clone(), self.in_force().document.policy.clone(), self.now());
        let snapshot = self.snapshot();
        let read = move || Folder {
            report: report_in_force(&place.folder, snapshot.image()),
            held: lists::held(&place.folder).map(|held| (held.at, held.words())),
            sources: lists::heartbeats(&place.sources(&policy.lists), &place.folder, &place.schedule, now),
        };
        Ok(tokio::task::spawn_blocking(read).await?)
    }
}

/// The account of the image that decides. It is the folder's newest, unless that one cannot be opened.
pub(super) fn report_in_force(folder: &Path, image: &Image) -> Option<Report> {
    let decides = |revision: &str| *revision == **image.revision();
    let newest = lists::last_report(folder).filter(|report| decides(&report.revision));
    newest.or_else(|| lists::images(folder).into_iter().find(|kept| decides(&kept.revision))?.report)
}

/// The titles of the categories that a list puts its names in, each once.
pub fn categories_of(source: &ListSource) -> Vec<&'static str> {
    if source.format == ListFormat::Starter {
        return vec!["One for each of its files"];
    }
    let mut categories: Vec<Category> =
        source.category.into_iter().chain(source.folders.iter().map(|(_, category)| *category)).collect();
    categories.sort();
    categories.dedup();
    categories.into_iter().map(Category::title).collect()
}

/// True for a list of illegal content that somebody outside keeps.
pub(super) fn is_member_list(source: &ListSource) -> bool {
    source.category == Some(Category::ILLEGAL) && source.format != ListFormat::Starter
}

/// Each list of the policy against the image in force: a list that was approved and is not in it is the one to see.
pub(crate) fn lists_seen(snapshot: &Snapshot, folder: &Folder, fresh_hours: u32) -> ListsSeen {
    let seen = |source: &ListSource| {
        let in_force = snapshot.image().lists().iter().find(|list| list.id == source.id);
        let kept = if source.format == ListFormat::Starter { Kept::WithProgram } else { Kept::BySource };
        ListSeen {
            name: source.name.to_string(),
            read_at: read_at(snapshot, folder, source),
            names: in_force.map_or(0, |list| list.names).max(entries(folder, source)),
            kept,
            alarms: alarms(folder, source),
        }
    };
    ListsSeen {
        fresh_hours,
        lists: snapshot.policy().lists.iter().map(seen).collect(),
        held_since: folder.held.as_ref().map(|(since, _)| *since),
    }
}

/// The policy's own lists of illegal content, each with the outcome of its keeper's test.
pub(crate) fn member_lists(snapshot: &Snapshot, folder: &Folder, now: Timestamp) -> Vec<MemberList> {
    let sources = snapshot.policy().lists.iter().filter(|source| is_member_list(source));
    let seen = |source: &ListSource| MemberList {
        name: source.name.to_string(),
        entries: snapshot
            .image()
            .lists()
            .iter()
            .find(|list| list.id == source.id)
            .map_or(0, |list| list.names)
            .max(entries(folder, source)),
        read_at: read_at(snapshot, folder, source),
        test: source.subscription.test_address.as_ref().map(|address| test(snapshot, address, now)),
    };
    sources.map(seen).collect()
}

/// Asks for an address under a policy that allows everything to everybody. One that does not read is not blocked, and one
/// that the built-in list blocks proves nothing of another.
fn test(snapshot: &Snapshot, address: &Arc<str>, now: Timestamp) -> Outcome {
    let Ok(what) = crate::target_of(address) else { return Outcome::Allow };
    let open = everything_off(snapshot, &what.host);
    let groups = open.policy().groups.iter().map(|group| Some(group.id.clone()));
    let groups: Vec<_> = groups.chain([None]).collect();
    let reached = groups.into_iter().any(|named_group| {
        let who = Who { named_group, ..Who::default() };
        let ask = Ask { who, what: what.clone(), how: Channel::Explain, at: now };
        let verdict = open.decide(&ask);
        let built_in = verdict.reason.list.is_some_and(|line| line.list.as_str() == BUILT_IN_ILLEGAL);
        verdict.outcome == Outcome::Allow || built_in
    });
    if reached { Outcome::Allow } else { Outcome::Block }
}

/// When what is in force of a list was last known to be what its source has; `None` where nothing of it is in force.
fn read_at(snapshot: &Snapshot, folder: &Folder, source: &ListSource) -> Option<Timestamp> {
    let in_force = snapshot.image().lists().iter().find(|list| list.id == source.id)?;
    let good = folder.sources.iter().find(|beat| beat.list == source.id).and_then(|beat| beat.last_good);
    // A reading that waits to be accepted, or lists that were put back: what is in force is as old as the image says.
    let current = folder.held.is_none() && alarms(folder, source).is_empty();
    Some(good.filter(|_| current).map_or(in_force.read_at, |good| good.max(in_force.read_at)))
}

/// Entries and rules that were read: a list of hashes or of pages has no names.
fn entries(folder: &Folder, source: &ListSource) -> u64 {
    let report = folder.report.as_ref();
    let list = report.and_then(|report| report.lists.iter().find(|list| list.id == source.id));
    list.map_or(0, |list| list.entries)
}

fn alarms(folder: &Folder, source: &ListSource) -> Vec<String> {
    let report = folder.report.as_ref();
    let list = report.and_then(|report| report.lists.iter().find(|list| list.id == source.id));
    list.map(|list| list.alarms.iter().map(|alarm| alarm.words(&list.name)).collect()).unwrap_or_default()
}
