//! Whether the lists are alive: when each source was last read well, when it is looked at next, and whether the address
//! that must be blocked while the list works is blocked.

use crate::copies;
use crate::schedule::{Looked, Schedule};
use crate::source::origin;
use jiff::tz::TimeZone;
use model::{
    Ask, Category, CategorySet, Channel, GroupId, Host, ListId, Outcome, PolicyHash, Stage, Target,
    Timestamp, Who,
};
use policy::Snapshot;
use policy::image::Image;
use policy::rules::{GroupRules, InspectionSetting, ListSource, Members, Policy, TrafficRules, YouTube};
use std::path::Path;
use std::sync::Arc;

/// The one group of the policy that a test is decided by.
const TESTED: &str = "self-test";

/// The state of one list's source.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Heartbeat {
    /// The list.
    pub list: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// True for a list of illegal content.
    pub is_illegal: bool,
    /// When its source was last read well, a "nothing new" included; `None`: never.
    pub last_good: Option<Timestamp>,
    /// Why the last look failed, in words, where it did.
    pub failure: Option<String>,
    /// When it is looked at next; from then on it is due.
    pub due: Timestamp,
    /// True when nothing good came for three intervals, at least 48 hours; for a list that never came, and where the last
    /// good look lies ahead, at once.
    pub is_overdue: bool,
}

/// The state of each list's source, in the order of the policy.
pub fn heartbeats(lists: &[ListSource], dir: &Path, schedule: &Schedule, now: Timestamp) -> Vec<Heartbeat> {
    let beat = |source: &ListSource| {
        let known = copies::known(dir, &source.id);
        let looked = looked(source, dir);
        let last_good = known.as_ref().and_then(|known| known.good).map(Timestamp);
        let is_overdue = last_good.is_none_or(|good| schedule.is_silent(source, good, now));
        Heartbeat {
            list: source.id.clone(),
            name: source.name.clone(),
            is_illegal: source.category == Some(Category::ILLEGAL),
            last_good,
            failure: known.and_then(|known| known.failure),
            due: schedule.next(source, looked, now),
            is_overdue,
        }
    };
    lists.iter().map(beat).collect()
}

/// The last looks at a source, as far as they count for what the policy says of it now.
fn looked(source: &ListSource, dir: &Path) -> Option<Looked> {
    let known = copies::known(dir, &source.id)?;
    (known.origin == origin(source)).then(|| known.looked())
}

/// The outcome of a list's own test.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SelfTest {
    /// The list.
    pub list: ListId,
    /// Its name on screens.
    pub name: Arc<str>,
    /// True when its test address would be blocked where the list's category is.
    pub passed: bool,
}

/// Tries the test address of each list that has one, by the code that will decide. The address itself is not repeated: of
/// a list of illegal content it must not be.
pub fn self_test(image: &Image, lists: &[ListSource]) -> Vec<SelfTest> {
    let tests = lists.iter().filter_map(|source| {
        let address = source.subscription.test_address.as_deref()?;
        Some(SelfTest {
            list: source.id.clone(),
            name: source.name.clone(),
            passed: is_blocked(image, source, address),
        })
    });
    tests.collect()
}

/// Whether somebody of a group that may reach everything but the list's category would reach the address.
fn is_blocked(image: &Image, source: &ListSource, address: &str) -> bool {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (host, path) = bare.split_at(bare.find(['/', '?', '#']).unwrap_or(bare.len()));
    let Ok(host) = Host::parse(host) else { return false };
    let of_folders = source.folders.iter().map(|(_, category)| *category);
    let snapshot =
        Snapshot::compile(closing(source.category.into_iter().chain(of_folders)), image.clone(), Vec::new());
    let path = (!path.is_empty()).then(|| path.to_owned());
    let what = Target { path, ..Target::host(host) };
    let who = Who { named_group: Some(GroupId::new(TESTED)), ..Who::default() };
    snapshot.decide(&Ask { who, what, how: Channel::Explain, at: Timestamp(0) }).outcome == Outcome::Block
}

/// A policy of one group, which may reach everything but these categories and illegal content.
fn closing(categories: impl Iterator<Item = Category>) -> Policy {
    let group = GroupRules {
        id: GroupId::new(TESTED),
        name: TESTED.into(),
        stage: Stage::Adults,
        members: Members::default(),
        default: Outcome::Allow,
        // What nobody may reach is in no group's list.
        block: categories.filter(|category| *category != Category::ILLEGAL).collect(),
        allow_categories: CategorySet::default(),
        allow: Vec::new(),
        deny: Vec::new(),
        windows: Vec::new(),
        safe_search: false,
        youtube: YouTube::Off,
        inspection: InspectionSetting::On,
        traffic: TrafficRules::default(),
        tightened: Vec::new(),
    };
    Policy {
        hash: PolicyHash::new(TESTED),
        title: TESTED.into(),
        trust: None,
        schools: Vec::new(),
        time_zone: TimeZone::UTC,
        networks: Vec::new(),
        groups: vec![group],
        lists: Vec::new(),
        bypass: Vec::new(),
        watching: policy::rules::Watching::default(),
    }
}
