//! `lists test`: which lists know a host; and, without hosts, whether the lists in force do what they must.

use super::{World, print_json, spoken};
use crate::cli::OutputArguments;
use crate::error::ProgramError;
use model::{Ask, Category, CategorySet, Channel, Host, Outcome, Target, Who};
use policy::image::rules::Spoken;
use policy::{Image, Snapshot};
use serde_json::{Value, json};

/// The made-up host of illegal content; it does not exist.
const ILLEGAL_TEST_HOST: &str = "illegal-test.schoolgate.test";

/// One test, and what came of it.
struct Tried {
    what: String,
    passed: bool,
    found: String,
}

pub(super) async fn test(
    world: &World,
    hosts: &[String],
    output: OutputArguments,
) -> Result<(), ProgramError> {
    let snapshot = world.snapshot()?;
    world.store.close().await;
    if !hosts.is_empty() {
        return look_up(snapshot.image(), hosts, output);
    }
    let tried = try_all(world, &snapshot);
    let failed = tried.iter().filter(|test| !test.passed).count();
    if output.json {
        print_json(&json!({
            "passed": failed == 0,
            "tests": tried.iter().map(|test| json!({
                "what": test.what, "passed": test.passed, "found": test.found,
            })).collect::<Vec<_>>(),
        }))?;
    } else {
        let line = |test: &Tried| {
            let word = if test.passed { "pass" } else { "FAIL" };
            format!("{word}  {:<46} {}\n", test.what, test.found)
        };
        crate::print(&tried.iter().map(line).collect::<String>())?;
    }
    if failed == 0 {
        return Ok(());
    }
    Err(ProgramError::Trouble(format!(
        "{failed} of {} tests failed. Look at `schoolgate lists status`, and read the lists again with `schoolgate lists \
         update --reason WHY`.",
        tried.len()
    )))
}

fn try_all(world: &World, snapshot: &Snapshot) -> Vec<Tried> {
    let image = snapshot.image();
    let mut tried = vec![illegal_layer(snapshot, world)];
    for test in lists::self_test(image, world.sources()) {
        let found = if test.passed { "its test address is listed" } else { "its test address is not listed" };
        tried.push(Tried {
            what: format!("list {}", test.name),
            passed: test.passed,
            found: found.to_owned(),
        });
    }
    tried.push(never_blocked(image));
    tried.extend(starter_hosts(image, world.sources()));
    tried
}

/// Everybody in turn asks for the made-up illegal host.
fn illegal_layer(snapshot: &Snapshot, world: &World) -> Tried {
    let groups = snapshot.policy().groups.iter().map(|group| Some(group.id.clone())).chain([None]);
    let reached = match Host::parse(ILLEGAL_TEST_HOST) {
        Ok(host) => groups.into_iter().any(|named_group| {
            let (who, what) = (Who { named_group, ..Who::default() }, Target::host(host.clone()));
            let ask = Ask { who, what, how: Channel::Explain, at: world.clock.now() };
            snapshot.decide(&ask).outcome == Outcome::Allow
        }),
        Err(_) => true,
    };
    let found = if reached { "its test host is reached" } else { "its test host is blocked for everybody" };
    Tried { what: "illegal content".to_owned(), passed: !reached, found: found.to_owned() }
}

/// Hosts that must stay reachable stand in no category but their own.
fn never_blocked(image: &Image) -> Tried {
    let (mut hosts, mut listed) = (0, Vec::new());
    // What is a protected host's own is so for all below it.
    let own_of = |host: &str| {
        lists::never_block()
            .filter(|(name, _)| {
                host == *name || host.strip_suffix(name).is_some_and(|below| below.ends_with('.'))
            })
            .flat_map(|(_, own)| own.iter())
            // Whoever keeps a list of illegal content answers for a single host on it.
            .chain([Category::ILLEGAL])
            .collect::<CategorySet>()
    };
    for host in lists::never_block().filter_map(|(name, _)| Host::parse(name).ok()) {
        hosts += 1;
        let own = own_of(&host.to_string());
        if image.lookup(&host).categories().iter().any(|category| !own.contains(category)) {
            listed.push(host.to_string());
        }
    }
    let found = match listed.as_slice() {
        [] => format!("{hosts} hosts, none listed"),
        some => format!("listed: {}", some.join(", ")),
    };
    Tried { what: "hosts that no list may block".to_owned(), passed: listed.is_empty(), found }
}

/// Each category's made-up host, where the policy has the starter lists.
fn starter_hosts(image: &Image, sources: &[policy::rules::ListSource]) -> Option<Tried> {
    let starter = |source: &policy::rules::ListSource| source.format == policy::rules::ListFormat::Starter;
    if !sources.iter().any(starter) {
        return None;
    }
    let missing: Vec<&str> = Category::all()
        .filter(|category| *category != Category::ILLEGAL)
        .filter(|category| {
            let host = Host::parse(&format!("{}.schoolgate.test", category.slug()));
            !host.is_ok_and(|host| image.lookup(&host).categories().contains(*category))
        })
        .map(Category::slug)
        .collect();
    let found = match missing.as_slice() {
        [] => "each is listed".to_owned(),
        some => format!("not listed: {}", some.join(", ")),
    };
    let what = "test hosts, CATEGORY.schoolgate.test".to_owned();
    Some(Tried { what, passed: missing.is_empty(), found })
}

fn look_up(image: &Image, hosts: &[String], output: OutputArguments) -> Result<(), ProgramError> {
    let parsed = |text: &String| {
        Host::parse(text).map_err(|error| {
            ProgramError::Usage(format!("{error}, found {text}; `lists explain` takes addresses"))
        })
    };
    let hosts = hosts.iter().map(parsed).collect::<Result<Vec<Host>, _>>()?;
    let found: Vec<(String, Vec<Spoken>)> =
        hosts.iter().map(|host| (host.to_string(), spoken::of(image, host, None))).collect();
    if output.json {
        let found = found.iter().map(|(host, entries)| {
            let listed: Vec<Value> = entries.iter().map(spoken::as_json).collect();
            json!({"host": host, "listed": listed})
        });
        return print_json(&json!({"hosts": found.collect::<Vec<Value>>()}));
    }
    let mut text = String::new();
    for (host, entries) in found {
        if entries.is_empty() {
            text.push_str(&format!("{host}: no list speaks of it\n"));
        }
        for entry in &entries {
            text.push_str(&format!("{host}: {}\n", spoken::as_text(entry)));
        }
    }
    crate::print(&text)
}
