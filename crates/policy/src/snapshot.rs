//! The policy and the lists in force, as one immutable value that decides.

use crate::compiled::{School, document_entries};
use crate::entries::{Candidates, EntryIndex, Kind, PathKnown};
use crate::image::rules::RuleAsk;
use crate::image::{Image, Listed, Matches, Trail, TrailRoom};
use crate::path::AskedPath;
use crate::precedence::{self, Decided, Found, Question};
use crate::rules::{InspectionSetting, Policy};
use crate::safe_search;
use crate::viewpoint::{Ground, View, Viewpoint, group_of};
use crate::who::Ranges;
use arc_swap::ArcSwap;
use model::{
    Affiliation, Ask, Category, CategorySet, Channel, DnsAnswer, Group, GroupId, Host, Inspection, Layer,
    NetworkId, Outcome, Reason, Revisions, SchoolId, Scope, Timestamp, Verdict, Who,
};
use std::collections::HashMap;
use std::sync::Arc;

/// The categories that are ways round the filter; an allow entry does not open them.
pub(crate) const WAYS_ROUND: [&str; 2] = ["vpn-proxy", "encrypted-dns"];

/// The policy and the lists in force. [`Snapshot::decide`] is pure: the same question gets the same verdict.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) policy: Policy,
    image: Image,
    own_hosts: Vec<Host>,
    circumvention: CategorySet,
    entries: Arc<EntryIndex>,
    schools: HashMap<SchoolId, Arc<School>>,
    /// Where the school is not known.
    somewhere: Arc<School>,
    /// The place of the group that each network gives whoever is on it.
    network_groups: HashMap<NetworkId, usize>,
    pub(crate) ranges: Ranges,
    revisions: Revisions,
}

/// The answer to "why?": the verdict and each layer that was asked, in order.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The verdict.
    pub verdict: Verdict,
    /// The layers of the group that decided, first to last.
    pub steps: Vec<Step>,
    /// How many groups were asked, where nobody in particular is known.
    pub groups_asked: usize,
}

/// One layer of an explanation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// The layer.
    pub layer: Layer,
    /// What it found, as a sentence.
    pub found: String,
    /// True for the layer that decided.
    pub decided: bool,
}

impl Snapshot {
    /// Makes a policy and an image ready. `own_hosts` are the gate's own names, reachable by everybody.
    pub fn compile(policy: Policy, image: Image, own_hosts: Vec<Host>) -> Self {
        let school = |id: &SchoolId| (id.clone(), Arc::new(School::new(&policy, Some(id))));
        let places: HashMap<&GroupId, usize> =
            policy.groups.iter().enumerate().rev().map(|(place, group)| (&group.id, place)).collect();
        let group = |network: &crate::rules::Network| {
            Some((network.id.clone(), *places.get(network.group.as_ref()?)?))
        };
        Self {
            circumvention: WAYS_ROUND.into_iter().filter_map(Category::parse).collect(),
            revisions: Revisions { policy: policy.hash.clone(), lists: Arc::clone(image.revision()) },
            entries: Arc::new(document_entries(&policy)),
            schools: policy.schools.iter().map(|at| school(&at.id)).collect(),
            somewhere: Arc::new(School::new(&policy, None)),
            network_groups: policy.networks.iter().filter_map(group).collect(),
            ranges: Ranges::new(&policy.networks),
            own_hosts,
            image,
            policy,
        }
    }

    /// The policy in force.
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// The lists in force.
    pub fn image(&self) -> &Image {
        &self.image
    }

    /// The gate's own names.
    pub fn own_hosts(&self) -> &[Host] {
        &self.own_hosts
    }

    /// The group of somebody with this affiliation; `None` when no group names it, and then every denial counts.
    pub fn group_of(&self, affiliation: &Affiliation) -> Option<Group> {
        let school = match &affiliation.scope {
            Scope::School(school) => Some(school),
            Scope::Trust => None,
        };
        group_of(&self.school(school).groups, affiliation).map(|(group, _)| group.group.clone())
    }

    /// Decides. Never fails and never waits.
    pub fn decide(&self, ask: &Ask) -> Verdict {
        let mut room = TrailRoom::default();
        let trail = self.image.trail(&ask.what.host, &mut room);
        self.answer(&self.view(&ask.who, ask.at), (ask, trail), strictest)
    }

    /// All of a verdict that does not depend on what is asked for. To be kept for whoever asks again, until
    /// [`Viewpoint::until`], and no longer than who they are stays the same.
    pub fn viewpoint(&self, who: &Who, at: Timestamp) -> Viewpoint {
        Viewpoint(Arc::new(self.view(who, at).lasting(&self.policy.time_zone)))
    }

    /// Decides for somebody whose viewpoint is known: the viewpoint of `ask.who`. One that has ended, or was made from
    /// another snapshot, is made anew.
    pub fn judge(&self, viewpoint: &Viewpoint, ask: &Ask) -> Verdict {
        let mut room = TrailRoom::default();
        self.judge_warmed(viewpoint, ask, self.image.trail(&ask.what.host, &mut room))
    }

    /// The same for a host whose names are known: `trail` is that of `ask.what.host`, from [`Image::warm`].
    pub fn judge_warmed(&self, viewpoint: &Viewpoint, ask: &Ask, trail: Trail<'_>) -> Verdict {
        let view = &*viewpoint.0;
        if view.holds_at(ask.at) && Arc::ptr_eq(&view.entries, &self.entries) {
            self.answer(view, (ask, trail), strictest)
        } else {
            self.answer(&self.view(&ask.who, ask.at), (ask, trail), strictest)
        }
    }

    /// Decides, and keeps the chain that led there.
    pub fn explain(&self, ask: &Ask) -> Explanation {
        let view = self.view(&ask.who, ask.at);
        let mut explained = None;
        let mut room = TrailRoom::default();
        let trail = self.image.trail(&ask.what.host, &mut room);
        let verdict = self.answer(&view, (ask, trail), |view, question| {
            let (found, decider) = strictest_by_walking(view, question);
            explained = view.groups().nth(decider).map(|group| {
                let mut steps = Vec::new();
                precedence::walk(question, group, |layer, found| {
                    let text = found.map_or_else(
                        || precedence::silence(layer).to_owned(),
                        |found| found_words(&found.decided(question.listed)),
                    );
                    steps.push(Step { layer, found: text, decided: found.is_some() });
                });
                steps
            });
            found
        });
        Explanation { verdict, steps: explained.unwrap_or_default(), groups_asked: view.group_count() }
    }

    /// The verdict on what `decide` finds. Where that rests on a list that turns out not to have the name, only to have one
    /// that looks like it, the question is put again without that name.
    fn answer(
        &self,
        view: &View,
        (ask, trail): (&Ask, Trail<'_>),
        mut decide: impl for<'q> FnMut(&'q View, &Question<'q>) -> Found<'q>,
    ) -> Verdict {
        let host = &ask.what.host;
        let entries = Candidates::of(host, trail, [&self.entries, &view.school.added]);
        let path = ask.what.path.as_deref().map(AskedPath::new);
        let mut matches = self.matches(view, ask, trail);
        loop {
            let listed = Listed { image: &self.image, host, matches: &matches };
            let question = Question {
                listed,
                entries: &entries,
                path: path.as_ref(),
                path_may_follow: ask.how == Channel::Tunnel && !bypasses(&entries),
                illegal_pages: path.is_none() && listed.categories_of_pages().contains(Category::ILLEGAL),
                is_own: self.own_hosts.contains(host),
                circumvention: self.circumvention,
            };
            let found = decide(view, &question);
            let decided = found.decided(listed);
            if decided.category.is_some() && decided.list.is_none() && !listed.is_confirmed() {
                matches = matches.confirmed(&self.image, host);
                continue;
            }
            let answer = decided.category.and_then(|category| listed.answer(category));
            let answer = answer.filter(|_| decided.outcome == Outcome::Block).cloned().unwrap_or_default();
            return self.verdict(view, &question, decided, answer);
        }
    }

    fn matches(&self, view: &View, ask: &Ask, trail: Trail<'_>) -> Matches {
        let asked = RuleAsk {
            host: &ask.what.host,
            path: ask.what.path.as_deref(),
            record_type: ask.what.record_type,
            client: ask.who.address,
            device: view.device.as_deref(),
            tags: &view.tags,
        };
        self.image.matches(&asked, trail)
    }

    fn verdict(&self, view: &View, question: &Question<'_>, decided: Decided, answer: DnsAnswer) -> Verdict {
        let allowed = decided.outcome == Outcome::Allow;
        let host = question.listed.host;
        Verdict {
            outcome: decided.outcome,
            inspection: inspection(view.inspection, question, &decided),
            rewrite: allowed.then(|| safe_search::rewrite(host, view.safe_search, view.youtube)).flatten(),
            answer,
            stage: view.stage,
            revisions: self.revisions.clone(),
            reason: Reason {
                layer: decided.layer,
                category: decided.category,
                list: decided.list,
                entry: decided.entry,
                why: decided.why,
                group: view.group.clone(),
                membership: view.membership.clone(),
            },
        }
    }

    fn view(&self, who: &Who, at: Timestamp) -> View {
        let ground = Ground {
            entries: &self.entries,
            school: self.school(who.school.as_ref()),
            time_zone: &self.policy.time_zone,
            network_group: who.network.as_ref().and_then(|network| self.network_groups.get(network)).copied(),
            with_rules: self.image.has_rules(),
        };
        View::new(&ground, who, at)
    }

    fn school(&self, school: Option<&SchoolId>) -> &Arc<School> {
        school.and_then(|school| self.schools.get(school)).unwrap_or(&self.somewhere)
    }
}

/// The strictest answer of the groups that count. Only those are asked layer by layer whose rules may speak of the
/// question; the others' answer is their default. [`strictest_by_walking`] comes to the same.
fn strictest<'q>(view: &'q View, question: &Question<'q>) -> Found<'q> {
    let quiet = !view.closes_everything
        && question.listed.categories().intersection(view.spoken_of.with(Category::ILLEGAL)).is_empty();
    if quiet
        && let Some(group) = view.groups().nth(view.by_default)
        && let Some(found) = precedence::at_a_glance(question, group)
    {
        return found;
    }
    let earliest_block = precedence::earliest_block(question, view.any_closes);
    let mut strictest: Option<Found<'q>> = None;
    for group in view.groups() {
        let found = precedence::at_a_glance(question, group)
            .unwrap_or_else(|| precedence::walk(question, group, |_, _| ()));
        if strictest.as_ref().is_none_or(|held| found.is_stricter_than(held)) {
            strictest = Some(found);
            if found.outcome == Outcome::Block && found.layer <= earliest_block {
                break;
            }
        }
    }
    // A policy always has a group; were there none, nothing is reached.
    strictest.unwrap_or_else(precedence::nothing_is_reached)
}

/// The strictest answer, every group asked layer by layer, and which of them gave it.
fn strictest_by_walking<'q>(view: &'q View, question: &Question<'q>) -> (Found<'q>, usize) {
    let mut strictest: Option<(Found<'q>, usize)> = None;
    for (index, group) in view.groups().enumerate() {
        let found = precedence::walk(question, group, |_, _| ());
        if strictest.as_ref().is_none_or(|(held, _)| found.is_stricter_than(held)) {
            strictest = Some((found, index));
        }
    }
    strictest.unwrap_or((precedence::nothing_is_reached(), 0))
}

fn bypasses(entries: &Candidates<'_>) -> bool {
    entries.find(Kind::Bypass, 0, PathKnown::Never).is_some()
}

/// A blocked host is opened to show the block page wherever the devices carry the certificate; the bypass list is about
/// what may be reached, and nothing of a blocked host is. A host with illegal pages is opened whatever else is said of
/// it, so that no such page is reached unseen.
fn inspection(setting: InspectionSetting, question: &Question<'_>, decided: &Decided) -> Inspection {
    match (setting, decided.outcome) {
        (InspectionSetting::Never, _) => Inspection::Never,
        (_, Outcome::Block) => Inspection::Inspect,
        _ if question.illegal_pages => Inspection::Inspect,
        (InspectionSetting::Off, Outcome::Allow) => Inspection::Bypass,
        (InspectionSetting::On, Outcome::Allow)
            if decided.layer == Layer::OwnPages || bypasses(question.entries) =>
        {
            Inspection::Bypass
        }
        (InspectionSetting::On, Outcome::Allow) => Inspection::Inspect,
    }
}

fn found_words(decided: &Decided) -> String {
    let verb = match decided.outcome {
        Outcome::Allow => "Allowed",
        Outcome::Block => "Blocked",
    };
    let entry =
        decided.entry.as_deref().map(|entry| format!(" by \u{201c}{entry}\u{201d}")).unwrap_or_default();
    let category = decided.category.map(|category| format!(": {}", category.title())).unwrap_or_default();
    let list = decided.list.as_ref().filter(|_| decided.layer != Layer::Illegal);
    let list = list.map(|at| format!(" (list {}, line {})", at.list, at.line)).unwrap_or_default();
    let why = decided.why.as_deref().map(|why| format!(". Reason given: {why}")).unwrap_or_default();
    format!("{verb}{entry}{category}{list}{why}")
}

/// The snapshot in force. Readers never wait for a writer, and keep what they took until they let it go.
#[derive(Debug)]
pub struct CurrentSnapshot(ArcSwap<Snapshot>);

impl CurrentSnapshot {
    /// Starts with this snapshot.
    pub fn new(snapshot: Snapshot) -> Self {
        Self(ArcSwap::from_pointee(snapshot))
    }

    /// The snapshot in force now.
    pub fn get(&self) -> Arc<Snapshot> {
        self.0.load_full()
    }

    /// Puts a new snapshot in force; the next question is decided by it. The one before is given back, for whoever has the
    /// time to let go of it.
    pub fn put(&self, snapshot: Snapshot) -> Arc<Snapshot> {
        self.0.swap(Arc::new(snapshot))
    }
}
