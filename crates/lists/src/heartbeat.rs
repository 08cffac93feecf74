//! Whether the lists are alive: when each source was last read well, when it is looked at next, and whether the address
//! that must be blocked while the list works is blocked.

use crate::copies;
use crate::schedule::{Looked, Schedule};
use crate::source::origin;
use model::{Category, Host, ListId, Timestamp};
use policy::image::Image;
use policy::rules::ListSource;
use std::path::Path;
use std::sync::Arc;

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
    /// When it is looked at next.
    pub due: Timestamp,
    /// True when nothing good came for three intervals, at least 48 hours; for a list that never came, at once.
    pub is_overdue: bool,
}

/// The state of each list's source, in the order of the policy.
pub fn heartbeats(lists: &[ListSource], dir: &Path, schedule: &Schedule, now: Timestamp) -> Vec<Heartbeat> {
    let beat = |source: &ListSource| {
        let known = copies::known(dir, &source.id);
        let looked = looked(source, dir);
        let last_good = known.as_ref().and_then(|known| known.good).map(Timestamp);
        let is_overdue = match last_good {
            Some(good) => now.0.saturating_sub(good.0) > schedule.silence_ms(source),
            None => true,
        };
        Heartbeat {
            list: source.id.clone(),
            name: source.name.clone(),
            is_illegal: source.category == Some(Category::ILLEGAL),
            last_good,
            failure: known.and_then(|known| known.failure),
            due: schedule.next(source, looked),
            is_overdue,
        }
    };
    lists.iter().map(beat).collect()
}

/// The last looks at a source, as far as they count for what the policy says of it now.
pub fn looked(source: &ListSource, dir: &Path) -> Option<Looked> {
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
    /// True when its test address is listed in the list's category, by that list.
    pub passed: bool,
}

/// Tries the test address of each list that has one. The address itself is not repeated: of a list of illegal content
/// it must not be.
pub fn self_test(image: &Image, lists: &[ListSource]) -> Vec<SelfTest> {
    let tests = lists.iter().filter_map(|source| {
        let address = source.subscription.test_address.as_deref()?;
        Some(SelfTest {
            list: source.id.clone(),
            name: source.name.clone(),
            passed: is_listed(image, source, address),
        })
    });
    tests.collect()
}

fn is_listed(image: &Image, source: &ListSource, address: &str) -> bool {
    let bare = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = bare.split(['/', '?', '#']).next().unwrap_or(bare);
    let Ok(host) = Host::parse(host) else { return false };
    let hits = image.lookup(&host);
    let categories = hits.categories();
    source.category.map_or(!categories.is_empty(), |category| categories.contains(category))
}
