//! The lists: going back, taking up what another program put in force, the screen, and what an update would close.

use crate::screens::{clause, evidence};
use crate::world::{World, school, technician};
use app::{
    AppError, GoBack, ListsSwap, SwapBy, closing, note_unrecorded_lists, record_lists_swap, roll_back_lists,
};
use history::HostsUsed;
use lists::ReadList;
use model::{Action, Category, ListId, Role};
use policy::rules::ListFormat;

/// Builds an image of one list with these names, and puts it in force in the world's folder.
fn put(world: &World, names: &str) -> String {
    let mut list = ReadList::new(ListId::new("starter"), "Starter".into(), world.clock.now());
    let games = Category::parse("games").unwrap();
    lists::read_bytes(ListFormat::Domains, names.as_bytes(), games, &mut list);
    let built = lists::build(&[list]).unwrap();
    lists::write(&world.lists_folder(), &built).unwrap().revision().to_string()
}

#[tokio::test]
async fn somebody_who_may_goes_back_with_a_reason_and_it_decides_at_once() {
    let world = World::new("first-school.toml").await;
    let (first, second) = (put(&world, "one.example\n"), put(&world, "two.example\n"));
    world.app.take_up_lists();
    assert_eq!(**world.snapshot.get().image().revision(), second);
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let technician = world.add("tech", Role::Technician, school("larkfield")).await;
    let attempt = world.app.roll_back_lists(&technician, &first, "too much is closed").await;
    world.assert_denied(Action::ChangeLists, attempt).await;
    for (revision, reason) in [(first.as_str(), " "), (second.as_str(), "again"), ("ffffffff", "why not")] {
        let refused = world.app.roll_back_lists(&head, revision, reason).await;
        assert!(matches!(refused, Err(AppError::Refused { .. })), "{revision} {reason}");
    }
    world.app.roll_back_lists(&head, &first[..8], "too much is closed").await.unwrap();
    assert_eq!(**world.snapshot.get().image().revision(), first);

    let facts = world.facts().await;
    let fact = facts.iter().find(|fact| fact.action == "change-lists").unwrap();
    let details = fact.details();
    assert_eq!((details["before"].as_str(), details["after"].as_str()), (second.as_str(), first.as_str()));
    assert_eq!((details["how"].as_str(), details["reason"].as_str()), ("roll-back", "too much is closed"));
    let view = world.app.lists_view(&head).await.unwrap();
    let current = view.images.iter().find(|image| image.is_current).unwrap();
    assert_eq!((current.revision.as_str(), current.why.as_str()), (first.as_str(), "too much is closed"));
    assert_eq!(current.by, "Head Thistlewick, Headteacher");
    let warnings = world.app.frame(Some(&head)).await.warnings;
    assert!(warnings.iter().any(|warning| warning.contains("put back to an earlier state")), "{warnings:?}");
    let fresh = clause(&world, &head, "FLT-8").await;
    assert!(evidence(&fresh.state).contains("went back to earlier ones"), "{:?}", fresh.state);
}

#[tokio::test]
async fn what_the_command_line_put_in_force_is_taken_up_once_and_recorded() {
    let world = World::new("first-school.toml").await;
    let first = put(&world, "one.example\n");
    world.app.take_up_lists();
    let second = put(&world, "two.example\n");
    assert_eq!(**world.snapshot.get().image().revision(), first);
    let (actor, policy) = (technician(), world.app.in_force().document.policy.clone());
    let back = GoBack { folder: world.lists_folder(), revision: String::new(), reason: "a try".to_owned() };
    let (image, change) = roll_back_lists(&world.store, &world.clock, (&actor, &policy), back).await.unwrap();
    assert_eq!((image.revision().to_string(), change.before), (first.clone(), second.clone()));
    world.app.take_up_lists();
    assert_eq!(**world.snapshot.get().image().revision(), first);
    let in_force = world.snapshot.get();
    world.app.take_up_lists();
    assert!(std::sync::Arc::ptr_eq(&in_force, &world.snapshot.get()), "without a change nothing is compiled");
    assert_eq!(world.count_facts("change-lists").await, 1);
}

#[tokio::test]
async fn lists_that_cannot_be_opened_are_tried_again_and_every_screen_says_that_those_before_decide() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let first = put(&world, "one.example\n");
    let second = put(&world, "two.example\n");
    let file = world.lists_folder().join(format!("images/{second}.sgi"));
    let aside = file.with_extension("aside");
    std::fs::rename(&file, &aside).unwrap();
    world.app.take_up_lists();
    assert_eq!(**world.snapshot.get().image().revision(), first);
    let is_said = async || {
        let warnings = world.app.frame(Some(&head)).await.warnings;
        warnings.iter().any(|warning| warning.contains("cannot be opened; those from before decide"))
    };
    assert!(is_said().await);
    world.app.see_lists();
    assert!(is_said().await, "until it can be");

    std::fs::rename(&aside, &file).unwrap();
    world.app.take_up_lists();
    assert_eq!(**world.snapshot.get().image().revision(), first, "not each second: an image is read whole");
    world.clock.advance_ms(60_000);
    world.app.take_up_lists();
    assert_eq!(**world.snapshot.get().image().revision(), second);
    assert!(!is_said().await);
}

#[tokio::test]
async fn the_account_that_screens_show_is_that_of_the_lists_that_decide() {
    let world = World::new("first-school.toml").await;
    put(&world, "one.example\ncom\n");
    let second = put(&world, "two.example\n");
    std::fs::remove_file(world.lists_folder().join(format!("images/{second}.sgi"))).unwrap();
    world.app.take_up_lists();
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let view = world.app.lists_view(&head).await.unwrap();
    let starter = view.lists.iter().find(|list| list.id == "starter").unwrap();
    assert_eq!(starter.refused.len(), 1, "what was refused of the second is nothing");
}

#[tokio::test]
async fn a_swap_that_fails_is_recorded_as_one_that_failed() {
    let world = World::new("first-school.toml").await;
    let change = ListsSwap {
        before: "a".to_owned(),
        after: "b".to_owned(),
        reason: "a new list".to_owned(),
        accepted: vec!["games".to_owned()],
        newly_blocked: Some(3),
    };
    let (actor, policy) = (technician(), world.app.in_force().document.policy.clone());
    let swap = async || Err::<(), _>(lists::ListError::Busy);
    let by = SwapBy::Person(&actor, &policy);
    let failed = record_lists_swap(&world.store, &world.clock, by, &change, swap()).await;
    assert!(matches!(failed, Ok(Err(lists::ListError::Busy))));
    for _ in 0..3 {
        let failed = record_lists_swap(&world.store, &world.clock, SwapBy::Gate, &change, swap()).await;
        assert!(matches!(failed, Ok(Err(lists::ListError::Busy))));
    }
    assert_eq!(world.count_facts("change-lists-failed").await, 2, "the gate's own is told once");
    assert_eq!(world.count_facts("change-lists").await, 0, "no fact says what did not happen");
    let reader = world.add("dpo", Role::DataProtectionLead, school("larkfield")).await;
    let by = SwapBy::Person(&reader, &policy);
    let done = async { panic!("what is not allowed was done") };
    let attempt = record_lists_swap::<(), _>(&world.store, &world.clock, by, &change, done).await;
    world.assert_denied(Action::ChangeLists, attempt).await;
}

#[tokio::test]
async fn lists_that_came_into_force_without_a_fact_get_one_by_their_own_account() {
    let world = World::new("first-school.toml").await;
    let revision = put(&world, "one.example\n");
    for _ in 0..2 {
        note_unrecorded_lists(&world.store, &world.clock, &world.lists_folder()).await.unwrap();
    }
    assert_eq!(world.count_facts("change-lists").await, 1);
    let facts = world.facts().await;
    let details = facts.iter().find(|fact| fact.action == "change-lists").unwrap().details();
    assert_eq!((details["how"].as_str(), details["after"].as_str()), ("found", revision.as_str()));
    assert!(details["reason"].contains("without a record"), "{details:?}");
}

#[tokio::test]
async fn everybody_who_reads_the_policy_sees_the_lists_and_strangers_do_not() {
    let world = World::new("first-school.toml").await;
    put(&world, "one.example\ncom\nnot a name\n");
    world.app.take_up_lists();
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    let view = world.app.lists_view(&governor).await.unwrap();
    assert!(!view.may_go_back);
    let starter = view.lists.iter().find(|list| list.id == "starter").unwrap();
    assert_eq!((starter.from.as_str(), starter.names), ("Ships with Schoolgate", 1));
    let left_out: u64 = starter.left_out.iter().map(|(_, count)| count).sum();
    assert_eq!(left_out, 2, "{:?}", starter.left_out);
    let pupil = world.add("pupil", Role::Learner, school("larkfield")).await;
    world.assert_denied(Action::ReadPolicy, world.app.lists_view(&pupil).await).await;
}

#[tokio::test]
async fn an_update_is_held_against_what_was_used_and_nobody_is_named() {
    let world = World::new("first-school.toml").await;
    put(&world, "one.example\n");
    world.app.take_up_lists();
    let used = [("one.example", 9), ("two.example", 4), ("three.example", 7), ("four.example", 1)];
    let hosts = used.map(|(host, times)| (host.to_owned(), times)).into();
    put(&world, "one.example\ntwo.example\nthree.example\n");
    let after = lists::open_current(&world.lists_folder()).unwrap();
    let used = HostsUsed { hosts, more: false };
    let closes = closing(&world.snapshot.get(), &after, &used, world.clock.now());
    let sites: Vec<_> = closes.sites.iter().map(|site| (site.host.to_string(), site.times)).collect();
    assert_eq!(sites, [("three.example".to_owned(), 7), ("two.example".to_owned(), 4)]);
    assert!(closes.sites.iter().all(|site| !site.groups.is_empty()), "for whom it closes: {closes:?}");
    assert_eq!((closes.used, closes.illegal), (4, 0));
}
