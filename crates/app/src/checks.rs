//! Gathering what the running system sees, for the checks of `registers`.

use crate::approved::read_record;
use crate::facade::{App, Reach};
use crate::health::Seen;
use crate::lists::{lists_seen, member_lists};
use crate::people::can_hold;
use crate::{AppError, InForce, groups_seen};
use identity::StoredHash;
use jiff::civil::Date;
use model::{Ask, Category, CategorySet, Channel, Day, Host, Outcome, Role, Scope, Target, Timestamp, Who};
use policy::file::PostPlace;
use policy::rules::{Entry, GroupRules, ListFormat, ListSource, Origin, SWITCHED};
use policy::{Policy, Snapshot};
use registers::{
    Approver, Facts, HarmfulSeen, IllegalLayer, PasswordsSeen, PolicySeen, PostVacant, PostsSeen,
    RequestsSeen, RetentionSeen, SelfTest, TakenUp, TriedAsLearners,
};
use std::sync::Arc;
use store::PostHolder;

/// The made-up host of the starter lists that stands for illegal content; it does not exist.
const ILLEGAL_TEST_HOST: &str = "illegal-test.schoolgate.test";
/// Ways round the filter. Each category has a made-up host in the starter lists.
const WAYS_ROUND: [&str; 2] = ["vpn-proxy", "encrypted-dns"];
/// What filtering in a school is expected to cover (UK Safer Internet Centre, appropriate filtering, 2025), but illegal
/// content and ways round the filter, which have checks of their own.
const HARMFUL: [&str; 15] = [
    "gambling",
    "hate-discrimination",
    "bullying",
    "violence",
    "drugs",
    "extremism",
    "malware",
    "phishing-scams",
    "hacking",
    "misinformation",
    "piracy",
    "pornography",
    "self-harm-suicide",
    "eating-disorders",
    "misogyny",
];

impl App {
    /// What is seen now. People and posts are those within reach, and the trust's own posts; all else is the same for
    /// everybody.
    pub(crate) async fn facts(&self, reach: &Reach) -> Result<Facts, AppError> {
        let now = self.now();
        let (snapshot, in_force) = (self.snapshot(), self.in_force());
        let seen = self.0.parts.health.seen();
        let (accounts, hashed) = self.0.parts.store.count_hashes(&StoredHash::current_prefix()).await?;
        let holders = self.0.parts.store.post_holders(now).await?;
        let folder = self.lists_folder().await?;
        let seen_watched = seen.watched;
        Ok(Facts {
            now,
            policy: self.policy_seen(&in_force, &snapshot, &seen).await?,
            illegal: Some(IllegalLayer {
                self_test: test_illegal_layer(&snapshot, now),
                member_lists: member_lists(&snapshot, &folder, now),
            }),
            groups: Some(groups_seen::look(&snapshot, &self.0.parts.roster.get(), reach)),
            lists: Some(lists_seen(&snapshot, &folder, in_force.document.facts.filtering.lists_fresh_hours)),
            requests: Some(RequestsSeen {
                newest: seen.recorded,
                lost: seen.lost,
                // The error's own words name files of the machine: they are for the log.
                trouble: seen.history_trouble.map(|_| "the technician's log says why".to_owned()),
            }),
            retention: self.oldest_day().await?.map(|oldest| RetentionSeen {
                days: crate::retention::shown_days(&in_force.document.facts.retention),
                expired: seen.expired,
                oldest,
            }),
            circumvention: Some(try_ways_round(&snapshot, now)),
            harmful: Some(try_harmful(&snapshot, now)),
            passwords: Some(PasswordsSeen { accounts, hashed }),
            lockout: Some(self.lockout_seen()?),
            listeners: seen.listeners.into_values().collect(),
            posts: Some(self.posts_seen(&in_force, &holders, reach)),
            alerts: Some(self.alerts_seen(seen_watched).await?),
            audit: seen.audit,
            access: Some(self.access_seen(reach).await?),
        })
    }

    /// The oldest day of the access log, `Some(None)` where there is none; `None` where the history could not be asked.
    async fn oldest_day(&self) -> Result<Option<Option<Day>>, AppError> {
        let history = self.0.parts.history.clone();
        let asked = tokio::task::spawn_blocking(move || history.oldest_day()).await?;
        Ok(asked
            .inspect_err(|error| tracing::warn!(%error, "the history's oldest day cannot be asked for"))
            .ok())
    }

    /// Reads the approved text from the records again: what was read at start says nothing of what they hold now.
    async fn policy_seen(
        &self,
        in_force: &InForce,
        snapshot: &Snapshot,
        seen: &Seen,
    ) -> Result<Option<PolicySeen>, AppError> {
        let record = self.0.parts.store.policy_in_force(&Scope::Trust).await?;
        let approval = record.and_then(|record| Some((record.approved.clone()?, record)));
        let Some(((approved_at, by, reason), record)) = approval else { return Ok(None) };
        let stored = tokio::task::spawn_blocking(move || read_record(&record)).await?.inspect_err(|error| {
            tracing::error!(%error, "the approved policy in the records cannot be relied on");
        });
        let who = self.name_in_audit(&by);
        let by_a_person = by.starts_with("person:");
        Ok(Some(PolicySeen {
            approved_at,
            // Whoever is a person was asked for the post when they approved.
            approved_by: if by_a_person {
                Approver::PostHolder(who)
            } else {
                Approver::CommandLine { who, reason }
            },
            approved: stored.ok().map(|document| document.policy.hash),
            deciding: snapshot.policy().hash.clone(),
            review_due: end_of(in_force.document.facts.edition.review_on.0, snapshot.policy()),
            taken_up: if seen.policy_trouble.is_some() { TakenUp::Failed } else { TakenUp::Yes },
        }))
    }

    /// Each required post, at each place within reach where it is required, against who holds it.
    fn posts_seen(&self, in_force: &InForce, holders: &[PostHolder], reach: &Reach) -> PostsSeen {
        let roster = self.0.parts.roster.get();
        let schools = in_force.document.policy.schools.iter();
        let schools: Vec<(Scope, String)> = schools
            .map(|school| (Scope::School(school.id.clone()), school.name.to_string()))
            .filter(|(scope, _)| reach.covers(scope))
            .collect();
        let trust = vec![(Scope::Trust, "the trust".to_owned())];
        let (mut required, mut vacant) = (0, Vec::new());
        for post in in_force.document.facts.posts.iter().filter(|post| post.required) {
            let places = match post.at {
                PostPlace::Trust => &trust,
                PostPlace::School => &schools,
            };
            required += places.len();
            let is_held = |scope: &Scope| {
                holders.iter().any(|holder| {
                    let person = roster.person(holder.person);
                    holder.role == post.role.0
                        && holder.scope.covers(scope)
                        && person.is_some_and(|person| can_hold(&person.affiliations, holder.role, scope))
                })
            };
            let empty = places.iter().filter(|(scope, _)| !is_held(scope));
            vacant.extend(empty.map(|(_, place)| PostVacant { role: post.role.0, place: place.clone() }));
        }
        PostsSeen { required, vacant }
    }
}

fn end_of(date: Date, policy: &Policy) -> Option<Timestamp> {
    let next = date.tomorrow().ok()?.to_zoned(policy.time_zone.clone()).ok()?;
    Some(Timestamp(next.timestamp().as_millisecond()))
}

/// Asks for the layer's test host under a copy of the policy that allows everything to everybody, the host by name too:
/// no setting may reach before the layer. `None` where the lists do not have the host.
fn test_illegal_layer(snapshot: &Snapshot, now: Timestamp) -> Option<SelfTest> {
    let host = Host::parse(ILLEGAL_TEST_HOST).ok()?;
    if !snapshot.image().lookup(&host).categories().contains(Category::ILLEGAL) {
        return None;
    }
    let open = everything_off(snapshot, &host);
    let groups: Vec<_> =
        open.policy().groups.iter().map(|group| Some(group.id.clone())).chain([None]).collect();
    let reached = groups.into_iter().any(|named_group| {
        let who = Who { named_group, ..Who::default() };
        let ask = Ask { who, what: Target::host(host.clone()), how: Channel::Explain, at: now };
        open.decide(&ask).outcome == Outcome::Allow
    });
    let outcome = if reached { Outcome::Allow } else { Outcome::Block };
    Some(SelfTest { at: now, outcome })
}

/// A copy of what decides, with a policy that allows everything to everybody and this host by name: no setting may reach
/// before the layer of illegal content.
pub(crate) fn everything_off(snapshot: &Snapshot, host: &Host) -> Snapshot {
    let mut policy = snapshot.policy().clone();
    for group in &mut policy.groups {
        switch_everything_off(group, host);
    }
    Snapshot::compile(policy, snapshot.image().clone(), vec![host.clone()])
}

fn switch_everything_off(group: &mut GroupRules, host: &Host) {
    group.default = Outcome::Allow;
    group.block = CategorySet::EMPTY;
    group.allow_categories = Category::all().collect();
    group.deny.clear();
    group.windows.clear();
    group.tightened.clear();
    let text: Arc<str> = host.to_string().into();
    let why = Arc::from("a self-test");
    group.allow = vec![Entry { host: host.clone(), path: None, text, why, from: Origin::School }];
}

fn try_ways_round(snapshot: &Snapshot, now: Timestamp) -> TriedAsLearners {
    let mut tried = try_as_learners(snapshot, &WAYS_ROUND, now);
    for group in learners(snapshot.policy()) {
        let who = Who { named_group: Some(group.id.clone()), ..Who::default() };
        let viewpoint = snapshot.viewpoint(&who, now);
        let ways = SWITCHED.iter().filter(|way| !viewpoint.traffic().shut.contains(way));
        tried.open.extend(ways.map(|way| (group.name.to_string(), way.title().to_owned())));
    }
    tried
}

fn learners(policy: &Policy) -> impl Iterator<Item = &GroupRules> {
    let is_of_learners =
        |group: &&GroupRules| !group.members.years.is_empty() || group.members.roles.contains(&Role::Learner);
    policy.groups.iter().filter(is_of_learners)
}

fn try_harmful(snapshot: &Snapshot, now: Timestamp) -> HarmfulSeen {
    let tried = try_as_learners(snapshot, &HARMFUL, now);
    let sources = snapshot.policy().lists.iter().filter(|list| list.format != ListFormat::Starter);
    let in_force = |list: &&ListSource| snapshot.image().lists().iter().any(|held| held.id == list.id);
    let kept: CategorySet = sources
        .filter(in_force)
        .flat_map(|list| list.category.into_iter().chain(list.folders.iter().map(|(_, category)| *category)))
        .collect();
    let harmful = HARMFUL.iter().filter_map(|slug| Category::parse(slug));
    let without_kept_list =
        harmful.filter(|category| !kept.contains(*category)).map(|category| category.title().to_owned());
    HarmfulSeen { tried, without_kept_list: without_kept_list.collect() }
}

/// Asks for the made-up host of each of these categories as each group of learners.
fn try_as_learners(snapshot: &Snapshot, categories: &[&str], now: Timestamp) -> TriedAsLearners {
    let (mut groups, mut open, mut lists_name_them) = (0, Vec::new(), true);
    for group in learners(snapshot.policy()) {
        groups += 1;
        for slug in categories {
            let host = Host::parse(&format!("{slug}.schoolgate.test"));
            let (Some(category), Ok(host)) = (Category::parse(slug), host) else { continue };
            if !snapshot.image().lookup(&host).categories().contains(category) {
                // That says nothing of the group's rules.
                lists_name_them = false;
                continue;
            }
            let who = Who { named_group: Some(group.id.clone()), ..Who::default() };
            let ask = Ask { who, what: Target::host(host), how: Channel::Explain, at: now };
            if snapshot.decide(&ask).outcome == Outcome::Allow {
                open.push((group.name.to_string(), category.title().to_owned()));
            }
        }
    }
    TriedAsLearners { groups, open, lists_name_them }
}
