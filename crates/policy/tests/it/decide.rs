//! Who may reach what: a case costs one line.

use crate::world::{self, MONDAY_LUNCH, SUNDAY, ask, decide, policy, snapshot};
use model::{Host, Inspection, Layer, Membership, Outcome, Stage};
use policy::rules::{Origin, WindowEffect};
use policy::{Image, Snapshot};
use proptest::prelude::*;

use Layer::{
    Allow, AllowedCategory, Category, Circumvention, ClosedWindow, Default, Deny, Illegal, OpenWindow,
    OwnPages, TrustDeny,
};
use Outcome::{Allow as Yes, Block as No};

#[test]
fn each_layer_decides_in_its_turn() {
    for (who, url, at, outcome, layer) in [
        ("junior", "illegal.test", SUNDAY, No, Illegal),
        // An allow entry names it, and changes nothing.
        ("teacher", "illegal.test", SUNDAY, No, Illegal),
        ("teacher", "deep.illegal.test/page", SUNDAY, No, Illegal),
        ("infant", "gate.test", SUNDAY, Yes, OwnPages),
        ("junior", "trust-says-no.test", SUNDAY, No, TrustDeny),
        ("junior", "www.no.test", SUNDAY, No, Deny),
        // The school's deny entry stands above its own allow entry.
        ("junior", "deny.chess.games.test", SUNDAY, No, Deny),
        ("junior", "chess.games.test", SUNDAY, Yes, Allow),
        // A way round the filter is not opened by an allow entry.
        ("teacher", "vpn.test", SUNDAY, No, Circumvention),
        ("junior", "games.test", SUNDAY, No, Category),
        ("junior", "games.test", MONDAY_LUNCH, Yes, OpenWindow),
        // The window opens games, not gambling.
        ("junior", "poker.test", MONDAY_LUNCH, No, Category),
        ("junior", "school.test", "2026-11-23T22:30:00Z", No, ClosedWindow),
        ("junior", "chess.games.test", "2026-11-23T22:30:00Z", No, ClosedWindow),
        ("junior", "news.test", SUNDAY, Yes, Default),
        ("infant", "school.test", SUNDAY, Yes, AllowedCategory),
        ("infant", "news.test", SUNDAY, No, Default),
        // Elm is tighter than its trust's baseline.
        ("junior@elm", "news.test", SUNDAY, No, Category),
        ("junior@elm", "elm-says-no.test", SUNDAY, No, Deny),
        ("junior@ash", "elm-says-no.test", SUNDAY, Yes, Default),
        // Equipment has rules of its own.
        ("10.1.0.2", "updates.test", SUNDAY, Yes, AllowedCategory),
        ("10.1.0.2", "school.test", SUNDAY, No, Default),
    ] {
        let verdict = decide(who, url, at);
        assert_eq!((verdict.outcome, verdict.reason.layer), (outcome, layer), "{who} {url} {at}");
    }
}

#[test]
fn a_window_follows_the_schools_clock_in_summer_too() {
    // 12:20 in London is 11:20 UTC in June.
    assert_eq!(decide("junior", "games.test", "2026-06-22T11:20:00Z").outcome, Yes);
    assert_eq!(decide("junior", "games.test", "2026-06-22T12:20:00Z").outcome, No);
}

#[test]
fn an_allow_entry_with_a_path_opens_the_tunnel_and_then_only_its_path() {
    for (url, outcome) in [("mixed.test", Yes), ("mixed.test/lesson/1", Yes), ("mixed.test/play", No)] {
        assert_eq!(decide("junior", url, SUNDAY).outcome, outcome, "{url}");
    }
}

#[test]
fn an_allow_entry_with_a_path_opens_nothing_to_dns() {
    let mut asked = ask("junior", "mixed.test", SUNDAY);
    assert_eq!(snapshot().decide(&asked).reason.layer, Allow);
    asked.how = model::Channel::Dns;
    let verdict = snapshot().decide(&asked);
    assert_eq!((verdict.outcome, verdict.reason.layer), (No, Category));
}

#[test]
fn nobody_known_means_every_groups_denials() {
    for (who, url, outcome) in [
        ("10.1.4.4", "school.test", Yes),
        ("10.1.4.4", "news.test", No),
        ("10.1.4.4", "games.test", No),
        ("192.0.2.1", "elm-says-no.test", No),
        // A person in no group is as unknown as nobody.
        ("governor", "news.test", No),
        // Two people at one address: the stricter one's rules.
        ("teacher+junior", "games.test", No),
        ("teacher+junior", "news.test", Yes),
        ("teacher+governor", "news.test", No),
        // A network's group speaks for whoever is on it.
        ("10.1.9.7", "news.test", Yes),
        ("10.1.9.7", "poker.test", No),
    ] {
        assert_eq!(decide(who, url, SUNDAY).outcome, outcome, "{who} {url}");
    }
    let verdict = decide("10.1.4.4", "games.test", SUNDAY);
    assert_eq!((verdict.reason.group, verdict.reason.membership), (None, Membership::Unknown));
}

#[test]
fn a_verdict_names_its_list_and_line_its_group_and_why_the_person_is_in_it() {
    let verdict = decide("junior", "www.games.test", SUNDAY);
    let line = verdict.reason.list.clone().unwrap();
    assert_eq!((line.list.as_str(), line.line), ("made-up", 2));
    assert_eq!(verdict.reason.group.as_ref().map(|group| group.id.as_str()), Some("juniors"));
    assert_eq!(verdict.reason.membership.because(), "is a learner in year group 4");
    assert_eq!(verdict.stage, Stage::Juniors);
    assert_eq!(&*verdict.revisions.lists, &**world::image().revision());
    assert_eq!(
        verdict.reason.sentence(verdict.outcome),
        "Blocked for the group juniors: the category Games (list made-up, line 2)"
    );
}

#[test]
fn safe_search_and_youtube_are_rewritten_for_whom_the_policy_asks() {
    for (who, host, expected) in [
        ("junior", "www.google.com", Some("forcesafesearch.google.com")),
        ("junior", "www.youtube.com", Some("restrictmoderate.youtube.com")),
        ("junior@elm", "www.youtube.com", Some("restrict.youtube.com")),
        ("teacher", "www.google.com", None),
        ("teacher+junior", "www.google.com", Some("forcesafesearch.google.com")),
    ] {
        let rewrite = decide(who, host, SUNDAY).rewrite;
        assert_eq!(rewrite.as_ref().map(|rewrite| &*rewrite.to), expected, "{who} {host}");
    }
}

#[test]
fn inspection_follows_the_group_and_the_bypass_list() {
    for (who, host, expected) in [
        ("junior", "news.test", Inspection::Inspect),
        ("junior", "bank.test", Inspection::Bypass),
        ("guest", "news.test", Inspection::Never),
        ("guest", "poker.test", Inspection::Never),
        ("junior", "games.test", Inspection::Inspect),
    ] {
        assert_eq!(decide(who, host, SUNDAY).inspection, expected, "{who} {host}");
    }
}

#[test]
fn an_explanation_ends_with_the_layer_that_decided_and_agrees_with_the_verdict() {
    let asked = ask("junior", "games.test", SUNDAY);
    let explanation = snapshot().explain(&asked);
    assert_eq!(explanation.verdict, snapshot().decide(&asked));
    let layers: Vec<Layer> = explanation.steps.iter().map(|step| step.layer).collect();
    assert_eq!(layers, Layer::ALL.into_iter().take_while(|layer| *layer <= Category).collect::<Vec<_>>());
    let decided: Vec<bool> = explanation.steps.iter().map(|step| step.decided).collect();
    assert_eq!(decided.iter().filter(|decided| **decided).count(), 1);
    assert_eq!(decided.last(), Some(&true));
}

#[test]
fn an_unknown_persons_explanation_is_that_of_the_group_that_decided() {
    let explanation = snapshot().explain(&ask("10.1.4.4", "poker.test", SUNDAY));
    assert_eq!(explanation.groups_asked, 4);
    assert_eq!(
        explanation.steps.last().map(|step| (step.layer, step.decided)),
        Some((explanation.verdict.reason.layer, true))
    );
}

/// Every switch off: no block category, everything allowed by entry, no inspection anywhere.
fn everything_off() -> Snapshot {
    let mut policy = policy();
    for group in &mut policy.groups {
        group.default = Yes;
        group.block = model::CategorySet::EMPTY;
        group.deny.clear();
        group.tightened.clear();
        group.allow = vec![world::entry("illegal.test", Origin::Trust), world::entry("test", Origin::School)];
        group.windows = vec![world::window(
            "All day",
            [true; 7],
            (0, 1440),
            WindowEffect::Open(model::Category::all().collect()),
        )];
    }
    Snapshot::compile(policy, world::image(), vec![Host::parse("illegal.test").unwrap()])
}

#[test]
fn with_every_switch_off_illegal_content_is_still_blocked() {
    let open = everything_off();
    for who in ["infant", "junior", "teacher", "guest", "governor", "10.1.0.2", "10.1.4.4", "192.0.2.1"] {
        for url in ["illegal.test", "a.illegal.test", "illegal.test/any?thing"] {
            let verdict = open.decide(&ask(who, url, MONDAY_LUNCH));
            assert_eq!((verdict.outcome, verdict.reason.layer), (No, Illegal), "{who} {url}");
        }
    }
}

#[test]
fn a_policy_without_groups_reaches_nothing() {
    let mut policy = policy();
    policy.groups.clear();
    let closed = Snapshot::compile(policy, Image::empty(), Vec::new());
    assert_eq!(closed.decide(&ask("junior", "school.test", SUNDAY)).outcome, No);
}

const PEOPLE: [&str; 5] = ["infant", "junior", "teacher", "guest", "governor"];
const HOSTS: [&str; 12] = [
    "games.test",
    "poker.test",
    "vpn.test",
    "school.test",
    "news.test",
    "bank.test",
    "mixed.test/lesson",
    "no.test",
    "chess.games.test",
    "trust-says-no.test",
    "illegal.test",
    "elsewhere.test",
];

proptest! {
    #[test]
    fn more_people_at_an_address_never_open_anything(
        first in 0..PEOPLE.len(), second in 0..PEOPLE.len(), host in 0..HOSTS.len(), minute in 0..10_080_i64,
    ) {
        let at = model::Timestamp::parse(SUNDAY).unwrap().plus_ms(minute * 60_000).to_string();
        let alone = decide(PEOPLE[first], HOSTS[host], &at);
        let together = decide(&format!("{}+{}", PEOPLE[first], PEOPLE[second]), HOSTS[host], &at);
        prop_assert!(alone.outcome <= together.outcome);
        let unknown = decide("10.1.4.4", HOSTS[host], &at);
        prop_assert!(alone.outcome <= unknown.outcome || PEOPLE[first] == "governor");
    }

    #[test]
    fn a_school_that_tightens_never_opens_anything(
        person in 0..PEOPLE.len(), host in 0..HOSTS.len(), minute in 0..10_080_i64,
    ) {
        let at = model::Timestamp::parse(SUNDAY).unwrap().plus_ms(minute * 60_000).to_string();
        let baseline = decide(&format!("{}@ash", PEOPLE[person]), HOSTS[host], &at);
        let tighter = decide(&format!("{}@elm", PEOPLE[person]), HOSTS[host], &at);
        prop_assert!(baseline.outcome <= tighter.outcome);
    }
}

#[test]
fn an_address_is_the_schools_in_its_networks_and_not_in_one_that_means_everybody() {
    let mut policy = policy();
    for range in ["0.0.0.0/0", "64.0.0.0/2", "2000::/3", "51.0.0.0/8", "2a00:9f80::/32"] {
        let mut network = policy.networks[0].clone();
        network.ranges = vec![range.parse().unwrap()];
        policy.networks.push(network);
    }
    let snapshot = Snapshot::compile(policy, Image::empty(), Vec::new());
    for (address, is_ours) in [
        ("10.1.2.3", true),
        ("51.2.3.4", true),
        ("::ffff:51.2.3.4", true),
        ("2a00:9f80:1::1", true),
        ("8.8.8.8", false),
        ("81.2.69.77", false),
        ("2606:4700::1111", false),
    ] {
        assert_eq!(snapshot.is_of_the_school(address.parse().unwrap()), is_ours, "{address}");
    }
}
