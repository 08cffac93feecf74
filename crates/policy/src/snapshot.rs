//! The policy and the lists in force, as one immutable value that decides.

use crate::compiled::CompiledGroup;
use crate::entries::{EntrySet, Leaning, PathKnown};
use crate::image::Image;
use crate::path::AskedPath;
use crate::precedence::{self, Decided, Question};
use crate::rules::{InspectionSetting, Policy, Window, YouTube};
use crate::safe_search;
use arc_swap::ArcSwap;
use model::{
    Affiliation, Ask, Category, CategorySet, Channel, Group, Host, Inspection, Layer, Membership, Outcome,
    Reason, Revisions, Role, SchoolId, Scope, Stage, Timestamp, Verdict, Who,
};
use std::sync::Arc;

/// The categories that are ways round the filter; an allow entry does not open them.
pub(crate) const WAYS_ROUND: [&str; 2] = ["vpn-proxy", "encrypted-dns"];

/// The policy and the lists in force. [`Snapshot::decide`] is pure: the same question gets the same verdict.
#[derive(Debug)]
pub struct Snapshot {
    pub(crate) policy: Policy,
    image: Image,
    own_hosts: Vec<Host>,
    bypass: EntrySet,
    circumvention: CategorySet,
    /// Every group at every school, and last where the school is not known.
    groups: Vec<(Option<SchoolId>, Vec<CompiledGroup>)>,
    revisions: Revisions,
}

const MS_PER_MINUTE: i64 = 60_000;

/// All of a verdict that does not depend on what is asked for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Viewpoint {
    until: Timestamp,
}

impl Viewpoint {
    /// When it ends: at the next edge of a window that may concern whoever asks.
    pub fn until(&self) -> Timestamp {
        self.until
    }
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

/// A moment on the school's wall clock.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct LocalMoment {
    weekday: usize,
    minute: u16,
}

impl LocalMoment {
    pub(crate) fn is_within(self, window: &Window) -> bool {
        window.days.get(self.weekday).copied().unwrap_or(false)
            && (window.from_minute..window.until_minute).contains(&self.minute)
    }
}

impl Snapshot {
    /// Makes a policy and an image ready. `own_hosts` are the gate's own names, reachable by everybody.
    pub fn compile(policy: Policy, image: Image, own_hosts: Vec<Host>) -> Self {
        let schools = policy.schools.iter().map(|school| Some(school.id.clone())).chain([None]);
        let groups = schools
            .map(|school| {
                let groups =
                    policy.groups.iter().map(|group| CompiledGroup::new(group, school.as_ref())).collect();
                (school, groups)
            })
            .collect();
        Self {
            bypass: EntrySet::new(Leaning::Allow, &policy.bypass),
            circumvention: WAYS_ROUND.into_iter().filter_map(Category::parse).collect(),
            revisions: Revisions { policy: policy.hash.clone(), lists: Arc::clone(image.revision()) },
            groups,
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
        group_of(self.groups_at(school), affiliation).map(|(group, _)| group.group.clone())
    }

    /// Decides. Never fails and never waits.
    pub fn decide(&self, ask: &Ask) -> Verdict {
        self.judge(&self.viewpoint(&ask.who, ask.at), ask)
    }

    /// All of a verdict that does not depend on what is asked for. To be kept for whoever asks again, until
    /// [`Viewpoint::until`], and no longer than who they are stays the same.
    pub fn viewpoint(&self, _who: &Who, at: Timestamp) -> Viewpoint {
        let next_minute = at.0.div_euclid(MS_PER_MINUTE).saturating_add(1).saturating_mul(MS_PER_MINUTE);
        Viewpoint { until: Timestamp(next_minute) }
    }

    /// Decides for somebody whose viewpoint is known: the viewpoint of `ask.who`, from this snapshot or another.
    pub fn judge(&self, _viewpoint: &Viewpoint, ask: &Ask) -> Verdict {
        self.answer(ask, |_, _, _| ()).0
    }

    /// Decides, and keeps the chain that led there.
    pub fn explain(&self, ask: &Ask) -> Explanation {
        let mut steps: Vec<(usize, Step)> = Vec::new();
        let (verdict, decider, groups_asked) = self.answer(ask, |group, layer, found| {
            let text = found.map_or_else(|| precedence::silence(layer).to_owned(), found_words);
            steps.push((group, Step { layer, found: text, decided: found.is_some() }));
        });
        let steps = steps.into_iter().filter(|(group, _)| *group == decider).map(|(_, step)| step).collect();
        Explanation { verdict, steps, groups_asked }
    }

    /// The verdict, the index of the group that decided among those asked, and how many were asked.
    fn answer(
        &self,
        ask: &Ask,
        mut looked: impl FnMut(usize, Layer, Option<&Decided>),
    ) -> (Verdict, usize, usize) {
        let hits = self.image.lookup(&ask.what.host);
        let path = ask.what.path.as_deref().map(AskedPath::new);
        let question = Question {
            host: &ask.what.host,
            path: path.as_ref(),
            path_may_follow: ask.how == Channel::Tunnel && !self.bypasses(&ask.what.host),
            hits: &hits,
            moment: self.moment(ask.at),
            own_hosts: &self.own_hosts,
            circumvention: self.circumvention,
        };
        let (groups, membership) = self.groups_of(&ask.who);
        let mut strictest: Option<(Decided, usize)> = None;
        for (index, group) in groups.iter().enumerate() {
            let decided = precedence::walk(&question, group, |layer, found| looked(index, layer, found));
            if strictest.as_ref().is_none_or(|(held, _)| stricter(&decided, held)) {
                strictest = Some((decided, index));
            }
        }
        // A policy always has a group; were there none, nothing is reached.
        let (decided, index) = strictest.unwrap_or_else(|| (nothing_is_reached(), 0));
        (self.verdict(ask, decided, &groups, membership), index, groups.len())
    }

    fn verdict(
        &self,
        ask: &Ask,
        decided: Decided,
        groups: &[&CompiledGroup],
        membership: Membership,
    ) -> Verdict {
        let group = match groups {
            [only] => Some(only.group.clone()),
            _ => None,
        };
        let safe_search = groups.iter().any(|group| group.safe_search);
        let youtube = groups.iter().map(|group| group.youtube).max().unwrap_or(YouTube::Strict);
        let allowed = decided.outcome == Outcome::Allow;
        Verdict {
            outcome: decided.outcome,
            inspection: self.inspection(&ask.what.host, &decided, groups),
            rewrite: allowed.then(|| safe_search::rewrite(&ask.what.host, safe_search, youtube)).flatten(),
            stage: stage(groups, &membership),
            revisions: self.revisions.clone(),
            reason: Reason {
                layer: decided.layer,
                category: decided.category,
                list: decided.list,
                entry: decided.entry,
                why: decided.why,
                group,
                membership,
            },
        }
    }

    /// A blocked host is opened to show the block page wherever the devices carry the certificate; the bypass list is
    /// about what may be reached, and nothing of a blocked host is.
    fn inspection(&self, host: &Host, decided: &Decided, groups: &[&CompiledGroup]) -> Inspection {
        let setting = groups.iter().map(|group| group.inspection).min().unwrap_or(InspectionSetting::Never);
        match (setting, decided.outcome) {
            (InspectionSetting::Never, _) => Inspection::Never,
            (_, Outcome::Block) => Inspection::Inspect,
            (InspectionSetting::Off, Outcome::Allow) => Inspection::Bypass,
            (InspectionSetting::On, Outcome::Allow)
                if self.bypasses(host) || decided.layer == Layer::OwnPages =>
            {
                Inspection::Bypass
            }
            (InspectionSetting::On, Outcome::Allow) => Inspection::Inspect,
        }
    }

    fn bypasses(&self, host: &Host) -> bool {
        self.bypass.find(host, PathKnown::Never).is_some()
    }

    /// The groups whose rules count, and why.
    fn groups_of(&self, who: &Who) -> (Vec<&CompiledGroup>, Membership) {
        let here = self.groups_at(who.school.as_ref());
        let of_id = |id| here.iter().find(|group| group.group.id == id);
        if let Some(group) = who.named_group.clone().and_then(of_id) {
            return (vec![group], Membership::Named);
        }
        if !who.people.is_empty() {
            return people_groups(here, who);
        }
        if let Some(device) = &who.device
            && let Some(group) = here.iter().find(|group| group.members.equipment.contains(&device.kind))
        {
            return (vec![group], Membership::Equipment(device.kind.slug()));
        }
        let network = self.policy.networks.iter().find(|network| Some(&network.id) == who.network.as_ref());
        if let Some(network) = network
            && let Some(group) = network.group.clone().and_then(of_id)
        {
            return (vec![group], Membership::Network(network.id.clone()));
        }
        (everybodys_groups(here), Membership::Unknown)
    }

    fn groups_at(&self, school: Option<&SchoolId>) -> &[CompiledGroup] {
        let here = self.groups.iter().find(|(at, _)| at.as_ref() == school);
        here.or(self.groups.last()).map(|(_, groups)| groups.as_slice()).unwrap_or_default()
    }

    fn moment(&self, at: Timestamp) -> LocalMoment {
        let local = self.policy.time_zone.to_datetime(at.to_jiff());
        let weekday = usize::from(local.weekday().to_monday_zero_offset().unsigned_abs());
        let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
        LocalMoment { weekday, minute }
    }
}

/// The youngest of those who may be there; plain words for everybody where nobody is known.
fn stage(groups: &[&CompiledGroup], membership: &Membership) -> Stage {
    match membership {
        Membership::Unknown => Stage::Juniors,
        _ => groups.iter().map(|group| group.stage).min().unwrap_or(Stage::Juniors),
    }
}

/// Blocks before allows; among equals the earlier layer, which is the one that would be seen first.
fn stricter(new: &Decided, held: &Decided) -> bool {
    match (new.outcome, held.outcome) {
        (Outcome::Block, Outcome::Allow) => true,
        (Outcome::Allow, Outcome::Block) => false,
        _ => new.layer < held.layer,
    }
}

fn nothing_is_reached() -> Decided {
    Decided {
        outcome: Outcome::Block,
        layer: Layer::Default,
        category: None,
        list: None,
        entry: None,
        why: None,
    }
}

/// The groups of everybody who may be behind the question; one person without a group makes all groups count.
fn people_groups<'a>(here: &'a [CompiledGroup], who: &Who) -> (Vec<&'a CompiledGroup>, Membership) {
    let place = who.school.clone().map_or(Scope::Trust, Scope::School);
    let mut groups: Vec<&CompiledGroup> = Vec::new();
    let mut membership = Membership::Unknown;
    for known in &who.people {
        let affiliation = known.person.affiliation_at(&place).or(known.person.affiliations.first());
        let Some((group, because)) = affiliation.and_then(|affiliation| group_of(here, affiliation)) else {
            return (everybodys_groups(here), Membership::Unknown);
        };
        membership = because;
        if !groups.iter().any(|held| held.group.id == group.group.id) {
            groups.push(group);
        }
    }
    let membership = if groups.len() == 1 { membership } else { Membership::Unknown };
    (groups, membership)
}

fn group_of<'a>(
    here: &'a [CompiledGroup],
    affiliation: &Affiliation,
) -> Option<(&'a CompiledGroup, Membership)> {
    here.iter().find_map(|group| match affiliation.year {
        Some(year) if affiliation.role == Role::Learner => {
            group.members.years.contains(&year).then_some((group, Membership::Year(year)))
        }
        _ => group
            .members
            .roles
            .contains(&affiliation.role)
            .then_some((group, Membership::Role(affiliation.role))),
    })
}

fn everybodys_groups(here: &[CompiledGroup]) -> Vec<&CompiledGroup> {
    here.iter().filter(|group| !group.members.is_equipment()).collect()
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

    /// Puts a new snapshot in force; the next question is decided by it.
    pub fn put(&self, snapshot: Snapshot) {
        self.0.store(Arc::new(snapshot));
    }
}
