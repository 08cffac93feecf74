//! All of a verdict that does not depend on what is asked for: the groups whose rules count, and their windows that stand.
//!
//! Left out on purpose: the layers, which ask it.
//!
//! Invariant: from its beginning until its end a viewpoint is what would be made of the same person anew.

use crate::compiled::{CompiledGroup, School};
use crate::entries::EntryIndex;
use crate::image::prefetch;
use crate::precedence::AskedGroup;
use crate::rules::{InspectionSetting, TrafficRules, Window, WindowEffect, YouTube};
use jiff::civil;
use jiff::tz::TimeZone;
use model::{
    Affiliation, CategorySet, DeviceKind, Group, GroupId, Membership, Outcome, Role, Scope, Stage, Timestamp,
    Who,
};
use std::sync::Arc;

/// A viewpoint ends after a day at the latest.
const LONGEST_MS: i64 = 24 * 60 * 60 * 1000;

/// All of a verdict that does not depend on what is asked for. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Viewpoint(pub(crate) Arc<View>);

impl Viewpoint {
    /// Has it brought from memory.
    pub fn warm(&self) {
        prefetch(&*self.0);
    }

    /// When it ends: at the next edge of a window of the groups that count, and after a day at the latest.
    pub fn until(&self) -> Timestamp {
        self.0.until
    }

    /// What connections may carry.
    pub fn traffic(&self) -> &TrafficRules {
        &self.0.traffic
    }

    /// Whether search engines are held to their safe form.
    pub fn safe_search(&self) -> bool {
        self.0.safe_search
    }

    /// How far YouTube is narrowed.
    pub fn youtube(&self) -> YouTube {
        self.0.youtube
    }
}

/// What a viewpoint holds.
#[derive(Debug)]
pub(crate) struct View {
    /// Tells the snapshot it was made from.
    pub(crate) entries: Arc<EntryIndex>,
    pub(crate) school: Arc<School>,
    asked: AskedPlaces,
    /// The one group that counts, where it is one.
    pub(crate) group: Option<Group>,
    pub(crate) membership: Membership,
    pub(crate) stage: Stage,
    pub(crate) safe_search: bool,
    pub(crate) youtube: YouTube,
    pub(crate) inspection: InspectionSetting,
    pub(crate) traffic: Arc<TrafficRules>,
    /// For each group that counts; empty where no window of any stands.
    standing: Vec<Standing>,
    pub(crate) any_closes: bool,
    /// The categories that any of the groups speaks of, and whether one closes everything now.
    pub(crate) spoken_of: CategorySet,
    pub(crate) closes_everything: bool,
    /// The first group whose default is to block, else the first: it decides where no rule speaks.
    pub(crate) by_default: usize,
    pub(crate) device: Option<String>,
    pub(crate) tags: Vec<&'static str>,
    from: Timestamp,
    until: Timestamp,
}

/// The places of the groups that count.
#[derive(Debug)]
enum AskedPlaces {
    One(usize),
    Some(Vec<usize>),
    Everybody,
}

/// The windows of one group that stand at a moment.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    /// What is closed, in the order of the document.
    pub(crate) closing: Vec<Closing>,
    pub(crate) closes_everything: bool,
    pub(crate) opened: CategorySet,
    /// The first window that opens any.
    pub(crate) opener: Option<Arc<str>>,
}

/// A window that closes.
#[derive(Debug)]
pub(crate) struct Closing {
    pub(crate) name: Arc<str>,
    /// `None`: everything.
    pub(crate) categories: Option<CategorySet>,
}

static NOTHING_STANDS: Standing =
    Standing { closing: Vec::new(), closes_everything: false, opened: CategorySet::EMPTY, opener: None };

/// What a view is made of.
pub(crate) struct Ground<'a> {
    pub(crate) entries: &'a Arc<EntryIndex>,
    pub(crate) school: &'a Arc<School>,
    pub(crate) time_zone: &'a TimeZone,
    /// The place of the group that the network gives whoever is on it.
    pub(crate) network_group: Option<usize>,
    /// True when the lists have rules, which may ask for the device and for tags.
    pub(crate) with_rules: bool,
}

impl View {
    /// How `who` sees things at a moment, and only then.
    pub(crate) fn new(ground: &Ground<'_>, who: &Who, at: Timestamp) -> Self {
        let school = Arc::clone(ground.school);
        let (asked, membership) = asked(&school.groups, who, ground.network_group);
        let groups: Vec<&CompiledGroup> =
            asked.places(&school).iter().filter_map(|place| school.groups.get(*place)).collect();
        let local = ground.time_zone.to_datetime(at.to_jiff());
        let mut standing: Vec<Standing> = Vec::new();
        if groups.iter().flat_map(|group| &group.windows).any(|window| stands(window, local)) {
            standing = groups.iter().map(|group| Standing::new(&group.windows, local)).collect();
        }
        let group = match groups.as_slice() {
            [only] => Some(only.group.clone()),
            _ => None,
        };
        Self {
            entries: Arc::clone(ground.entries),
            group,
            stage: stage(&groups, &membership),
            safe_search: groups.iter().any(|group| group.safe_search),
            youtube: groups.iter().map(|group| group.youtube).max().unwrap_or(YouTube::Strict),
            inspection: groups.iter().map(|group| group.inspection).min().unwrap_or(InspectionSetting::Never),
            traffic: match &asked {
                AskedPlaces::Everybody => Arc::clone(&school.everybodys_traffic),
                _ => crate::traffic::strictest(groups.iter().map(|group| &group.traffic)),
            },
            any_closes: standing.iter().any(|now| !now.closing.is_empty()),
            spoken_of: groups.iter().fold(CategorySet::EMPTY, |all, group| all.union(group.spoken_of)),
            closes_everything: standing.iter().any(|now| now.closes_everything),
            by_default: groups.iter().position(|group| group.default == Outcome::Block).unwrap_or(0),
            device: ground.with_rules.then(|| Some(who.device.as_ref()?.name.to_lowercase())).flatten(),
            tags: if ground.with_rules { tags(who) } else { Vec::new() },
            from: at,
            until: at.plus_ms(1),
            membership,
            standing,
            asked,
            school,
        }
    }

    /// The same for as long as it stays so.
    pub(crate) fn lasting(self, time_zone: &TimeZone) -> Self {
        let places = self.asked.places(&self.school).iter();
        let groups: Vec<&CompiledGroup> = places.filter_map(|place| self.school.groups.get(*place)).collect();
        let local = time_zone.to_datetime(self.from.to_jiff());
        let until = next_edge(&groups, time_zone, self.from, local);
        Self { until, ..self }
    }

    pub(crate) fn holds_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }

    /// How many groups count.
    pub(crate) fn group_count(&self) -> usize {
        self.asked.places(&self.school).len()
    }

    /// The groups that count, each with its windows that stand.
    pub(crate) fn groups(&self) -> impl Iterator<Item = AskedGroup<'_>> {
        let places = self.asked.places(&self.school).iter().enumerate();
        places.filter_map(|(index, place)| {
            let now = self.standing.get(index).unwrap_or(&NOTHING_STANDS);
            Some(AskedGroup { rules: self.school.groups.get(*place)?, now })
        })
    }
}

impl AskedPlaces {
    fn places<'a>(&'a self, school: &'a School) -> &'a [usize] {
        match self {
            Self::One(place) => std::slice::from_ref(place),
            Self::Some(places) => places,
            Self::Everybody => &school.everybody,
        }
    }
}

impl Standing {
    fn new(windows: &[Window], local: civil::DateTime) -> Self {
        let mut now = Self::default();
        for window in windows.iter().filter(|window| stands(window, local)) {
            let name = || Arc::clone(&window.name);
            match window.effect {
                WindowEffect::CloseEverything => {
                    now.closes_everything = true;
                    now.closing.push(Closing { name: name(), categories: None });
                }
                WindowEffect::Close(closed) => {
                    now.closing.push(Closing { name: name(), categories: Some(closed) });
                }
                WindowEffect::Open(opened) => {
                    now.opened = now.opened.union(opened);
                    now.opener.get_or_insert_with(name);
                }
            }
        }
        now
    }
}

/// The groups whose rules count, and why.
fn asked(here: &[CompiledGroup], who: &Who, network_group: Option<usize>) -> (AskedPlaces, Membership) {
    let of_id = |id: &GroupId| here.iter().find(|group| group.group.id == *id);
    if let Some(group) = who.named_group.as_ref().and_then(of_id) {
        return (AskedPlaces::One(group.place), Membership::Named);
    }
    if !who.people.is_empty() {
        return peoples_groups(here, who);
    }
    if let Some(device) = &who.device
        && let Some(group) = here.iter().find(|group| group.members.equipment.contains(&device.kind))
    {
        return (AskedPlaces::One(group.place), Membership::Equipment(device.kind.slug()));
    }
    if let Some(network) = &who.network
        && let Some(group) = network_group.and_then(|place| here.get(place))
    {
        return (AskedPlaces::One(group.place), Membership::Network(network.clone()));
    }
    (AskedPlaces::Everybody, Membership::Unknown)
}

/// The groups of everybody who may be behind the question; one person without a group makes all groups count.
fn peoples_groups(here: &[CompiledGroup], who: &Who) -> (AskedPlaces, Membership) {
    let place = who.school.clone().map_or(Scope::Trust, Scope::School);
    let mut groups: Vec<usize> = Vec::new();
    let mut membership = Membership::Unknown;
    for known in &who.people {
        let affiliation = known.person.affiliation_at(&place).or(known.person.affiliations.first());
        let Some((group, because)) = affiliation.and_then(|affiliation| group_of(here, affiliation)) else {
            return (AskedPlaces::Everybody, Membership::Unknown);
        };
        membership = because;
        if !groups.contains(&group.place) {
            groups.push(group.place);
        }
    }
    match groups.as_slice() {
        [only] => (AskedPlaces::One(*only), membership),
        _ => (AskedPlaces::Some(groups), Membership::Unknown),
    }
}

/// The group of somebody with this affiliation, and why.
pub(crate) fn group_of<'a>(
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

/// The youngest of those who may be there; plain words for everybody where nobody is known.
fn stage(groups: &[&CompiledGroup], membership: &Membership) -> Stage {
    match membership {
        Membership::Unknown => Stage::Juniors,
        _ => groups.iter().map(|group| group.stage).min().unwrap_or(Stage::Juniors),
    }
}

/// What rules of AdGuard's kind may ask of a client.
fn tags(who: &Who) -> Vec<&'static str> {
    let device = who.device.as_ref().map(|device| match device.kind {
        DeviceKind::Workstation => "device_pc",
        DeviceKind::Printer => "device_printer",
        DeviceKind::Server | DeviceKind::Other => "device_other",
    });
    let roles = who.people.iter().flat_map(|known| &known.person.affiliations).map(|at| at.role);
    let of_role = |role| match role {
        Role::Learner => "user_child",
        Role::Technician => "user_admin",
        _ => "user_regular",
    };
    let mut tags: Vec<&'static str> = device.into_iter().chain(roles.map(of_role)).collect();
    tags.sort_unstable();
    tags.dedup();
    tags
}

/// True when the window stands at this moment on the school's clock.
fn stands(window: &Window, local: civil::DateTime) -> bool {
    let minute = u16::from(local.hour().unsigned_abs()) * 60 + u16::from(local.minute().unsigned_abs());
    is_day_of(window, local.date()) && (window.from_minute..window.until_minute).contains(&minute)
}

fn is_day_of(window: &Window, date: civil::Date) -> bool {
    let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
    window.days.get(weekday).copied().unwrap_or(false)
}

/// The next moment at which a window of these groups may open or close. One too many does no harm; where the clocks
/// change, both readings of a time count, and so does the change itself.
fn next_edge(
    groups: &[&CompiledGroup],
    time_zone: &TimeZone,
    at: Timestamp,
    local: civil::DateTime,
) -> Timestamp {
    let mut next = at.plus_ms(LONGEST_MS);
    let windows = || groups.iter().flat_map(|group| &group.windows);
    if windows().next().is_none() {
        return next;
    }
    let mut consider = |edge: jiff::Timestamp| {
        let edge = Timestamp(edge.as_millisecond());
        if at < edge && edge < next {
            next = edge;
        }
    };
    if let Some(change) = time_zone.following(at.to_jiff()).next() {
        consider(change.timestamp());
    }
    let today = local.date();
    let mut minutes: Vec<(civil::Date, u16)> = Vec::new();
    for day in [Some(today), today.tomorrow().ok()].into_iter().flatten() {
        for window in windows().filter(|window| is_day_of(window, day)) {
            minutes.extend([(day, window.from_minute), (day, window.until_minute)]);
        }
    }
    minutes.sort_unstable();
    minutes.dedup();
    for (day, minute) in minutes {
        let edge = civil::DateTime::from_parts(day, civil::Time::midnight())
            .checked_add(jiff::SignedDuration::from_mins(i64::from(minute)));
        let Ok(edge) = edge else { continue };
        let ambiguous = time_zone.to_ambiguous_timestamp(edge);
        ambiguous.earlier().into_iter().chain(ambiguous.later()).for_each(&mut consider);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::{GroupRules, Members};
    use model::PolicyHash;

    fn school(days: [bool; 7], from_minute: u16, until_minute: u16) -> School {
        let window = |effect| Window { name: "w".into(), days, from_minute, until_minute, effect };
        let group = GroupRules {
            id: GroupId::new("all"),
            name: "All".into(),
            stage: Stage::Adults,
            members: Members::default(),
            default: Outcome::Allow,
            block: CategorySet::EMPTY,
            allow_categories: CategorySet::EMPTY,
            allow: Vec::new(),
            deny: Vec::new(),
            windows: vec![window(WindowEffect::CloseEverything)],
            safe_search: false,
            youtube: YouTube::Off,
            inspection: InspectionSetting::On,
            traffic: TrafficRules::default(),
            tightened: Vec::new(),
        };
        let policy = crate::Policy {
            hash: PolicyHash::new("00"),
            title: "t".into(),
            trust: None,
            schools: Vec::new(),
            time_zone: london(),
            networks: Vec::new(),
            groups: vec![group],
            lists: Vec::new(),
            bypass: Vec::new(),
            watching: crate::rules::Watching::default(),
        };
        School::new(&policy, None)
    }

    fn london() -> TimeZone {
        TimeZone::get("Europe/London").unwrap()
    }

    #[test]
    fn between_two_edges_nothing_opens_or_closes_also_where_the_clocks_change() {
        let every_day = [true; 7];
        let sundays = [false, false, false, false, false, false, true];
        for (days, from, until) in [
            (every_day, 0, 1440),
            (every_day, 30, 90),
            (sundays, 75, 105),
            (every_day, 720, 780),
            (sundays, 0, 60),
        ] {
            let school = school(days, from, until);
            let groups: Vec<&CompiledGroup> = school.groups.iter().collect();
            let closes = |at: Timestamp| {
                let local = london().to_datetime(at.to_jiff());
                groups[0].windows.iter().any(|window| stands(window, local))
            };
            for day in ["2026-03-28T00:00:00Z", "2026-10-24T00:00:00Z", "2026-11-21T00:00:00Z"] {
                let mut at = Timestamp::parse(day).unwrap();
                let end = at.plus_ms(3 * LONGEST_MS);
                while at < end {
                    let next = next_edge(&groups, &london(), at, london().to_datetime(at.to_jiff()));
                    assert!(at < next && next <= at.plus_ms(LONGEST_MS));
                    let mut between = at;
                    while between < next {
                        assert_eq!(closes(between), closes(at), "{from} {until} {at} {between} {next}");
                        between = between.plus_ms(15 * 60_000);
                    }
                    assert_eq!(closes(next.plus_ms(-1)), closes(at), "{at} {next}");
                    at = next;
                }
            }
        }
    }
}
