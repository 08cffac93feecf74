//! Two hundred groups: the verdict is what asking each of them alone comes to, whatever way it is found.

use crate::world::{self, SUNDAY, categories, entry, window};
use model::{Ask, Channel, GroupId, Host, Outcome, Role, SchoolId, Target, Timestamp, Verdict, Who};
use policy::rules::{GroupRules, InspectionSetting, Members, Origin, WindowEffect};
use policy::{Policy, Snapshot};
use proptest::prelude::RngExt as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

const SLUGS: [&str; 8] =
    ["games", "gambling", "vpn-proxy", "education", "news", "software-updates", "banking", "illegal"];
const HOSTS: [&str; 14] = [
    "games.test",
    "poker.test",
    "vpn.test",
    "school.test",
    "news.test",
    "bank.test",
    "mixed.test",
    "mixed.test/lesson",
    "www.updates.test",
    "illegal.test",
    "gate.test",
    "elsewhere.test",
    "news.test/games",
    "192.0.2.1",
];

fn some<'a>(rng: &mut TestRng, from: &[&'a str], most: usize) -> Vec<&'a str> {
    (0..rng.random_range(0..=most)).map(|_| from[rng.random_range(0..from.len())]).collect()
}

/// Groups whose rules are thrown together; most say little, as most do.
fn thrown_together(rng: &mut TestRng, groups: usize) -> Policy {
    let mut policy = world::policy();
    let made: Vec<GroupRules> = (0..groups)
        .map(|number| {
            let base = policy.groups[rng.random_range(0..policy.groups.len())].clone();
            let entries = |rng: &mut TestRng, from| {
                let texts = if rng.random_bool(0.1) { some(rng, &HOSTS[..13], 2) } else { Vec::new() };
                texts.into_iter().map(|text| entry(text, from)).collect::<Vec<_>>()
            };
            let effect = match rng.random_range(0..40) {
                0 => Some(WindowEffect::CloseEverything),
                1 => Some(WindowEffect::Close(categories(&some(rng, &SLUGS, 2)))),
                2..5 => Some(WindowEffect::Open(categories(&some(rng, &SLUGS, 2)))),
                _ => None,
            };
            let from = rng.random_range(0..1380);
            let origin = if rng.random_bool(0.5) { Origin::Trust } else { Origin::School };
            GroupRules {
                id: GroupId::new(format!("group-{number}")),
                members: Members { roles: vec![Role::Guest], ..Members::default() },
                default: if rng.random_bool(0.02) { Outcome::Block } else { Outcome::Allow },
                block: categories(&some(rng, &SLUGS, 1)),
                allow_categories: categories(&some(rng, &SLUGS, 2)),
                allow: entries(rng, Origin::School),
                deny: entries(rng, origin),
                windows: effect
                    .into_iter()
                    .map(|effect| window("w", [true; 7], (from, from + 60), effect))
                    .collect(),
                inspection: if rng.random_bool(0.1) {
                    InspectionSetting::Never
                } else {
                    InspectionSetting::On
                },
                ..base
            }
        })
        .collect();
    policy.groups = made;
    policy
}

/// The strictest of what each group comes to by itself: blocks before allows, then the earlier layer, then the first.
fn one_by_one(snapshot: &Snapshot, ask: &Ask) -> Verdict {
    let alone = |group: &GroupRules| {
        let who = Who { named_group: Some(group.id.clone()), ..ask.who.clone() };
        snapshot.decide(&Ask { who, ..ask.clone() })
    };
    let stricter = |verdict: &Verdict| (verdict.outcome == Outcome::Allow, verdict.reason.layer);
    snapshot.policy().groups.iter().map(alone).min_by_key(stricter).unwrap()
}

#[test]
fn two_hundred_groups_decide_as_each_by_itself() {
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let sunday = Timestamp::parse(SUNDAY).unwrap();
    let mut layers = std::collections::BTreeSet::new();
    for groups in [1, 2, 200, 200, 200] {
        let policy = thrown_together(&mut rng, groups);
        let snapshot = Snapshot::compile(policy, world::image(), vec![Host::parse("gate.test").unwrap()]);
        for url in HOSTS {
            for how in [Channel::Dns, Channel::Tunnel] {
                let who = Who { school: Some(SchoolId::new("ash")), ..Who::default() };
                let (host, path) =
                    url.split_once('/').map_or((url, None), |(host, path)| (host, Some(format!("/{path}"))));
                let what = Target { host: Host::parse(host).unwrap(), port: None, path, record_type: None };
                let at = sunday.plus_ms(rng.random_range(0..24 * 60) * 60_000);
                let ask = Ask { who, what, how, at };
                let (verdict, expected) = (snapshot.decide(&ask), one_by_one(&snapshot, &ask));
                layers.insert(verdict.reason.layer);
                assert_eq!(
                    (verdict.outcome, verdict.reason.layer, &verdict.reason.category, &verdict.reason.entry),
                    (
                        expected.outcome,
                        expected.reason.layer,
                        &expected.reason.category,
                        &expected.reason.entry
                    ),
                    "{ask:?}"
                );
                assert_eq!(snapshot.explain(&ask).verdict, verdict, "{ask:?}");
            }
        }
    }
    assert!(layers.len() >= 6, "enough layers to tell: {layers:?}");
}

#[test]
fn a_viewpoint_gives_what_deciding_anew_gives_also_once_it_is_old() {
    let mut rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let snapshot = world::snapshot();
    let other = Snapshot::compile(thrown_together(&mut rng, 20), world::image(), Vec::new());
    let sunday = Timestamp::parse(SUNDAY).unwrap();
    for person in ["infant", "junior", "teacher", "governor", "teacher+junior@elm", "10.1.4.4", "10.1.0.2"] {
        let viewpoint = snapshot.viewpoint(&world::who(person), sunday);
        for url in HOSTS {
            for hours in [-30, -1, 0, 1, 2, 11, 12, 13, 23, 26, 40] {
                let at = sunday.plus_ms(hours * 3_600_000);
                let ask = world::ask(person, url, &at.to_string());
                assert_eq!(snapshot.judge(&viewpoint, &ask), snapshot.decide(&ask), "{person} {url} {at}");
                assert_eq!(other.judge(&viewpoint, &ask), other.decide(&ask), "{person} {url} {at}");
            }
        }
        assert!(viewpoint.until() > sunday && viewpoint.until() <= sunday.plus_ms(24 * 3_600_000));
    }
}
