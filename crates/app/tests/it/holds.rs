//! Keeping history longer: by whom, of whom, and until when.

use crate::world::{NOW, World, school};
use app::views::{ExportQuestion, HoldForm};
use history::{Keep, Query};
use model::{Action, Actor, Role, Scope};

/// Two schools with a pupil each, a visit each.
async fn two_schools() -> World {
    let world = World::new("trust.toml").await;
    for (login, at) in [("amara", "ashbrook"), ("wesley", "whitestone")] {
        let pupil = world.add_pupil(login, "5", school(at)).await;
        world.visit(pupil, at, "education.schoolgate.test", NOW.plus_ms(-60_000));
    }
    world
}

fn form(person: &str) -> HoldForm {
    HoldForm {
        person: person.to_owned(),
        why: "The local authority asked for it".to_owned(),
        review_on: "2026-12-20".to_owned(),
        ..HoldForm::default()
    }
}

async fn hold(world: &World, actor: &Actor, form: HoldForm) -> Vec<(String, String)> {
    world.app.hold_history(actor, form).await.unwrap().map(|view| view.problems).unwrap_or_default()
}

fn expire_everything(world: &World) {
    let tomorrow = NOW.plus_ms(86_400_000);
    world.history.expire(&Keep::from(tomorrow.day()), tomorrow).unwrap();
    assert_eq!(world.history.count(&Query::default(), 10).unwrap().events, 0);
}

#[tokio::test]
async fn what_a_lead_holds_outlives_the_keeping_time_until_it_is_released() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    assert_eq!(hold(&world, &lead, form("amara")).await, []);
    expire_everything(&world);
    let view = world.app.holds(&lead).await.unwrap();
    let row = &view.rows[0];
    assert_eq!((view.rows.len(), row.events, row.is_overdue), (1, 1, false));
    assert_eq!(
        (row.why.as_str(), row.review_on.as_str()),
        ("The local authority asked for it", "2026-12-20")
    );
    assert!(
        row.what[0].starts_with("Pupil ") && !row.what.join(" ").to_lowercase().contains("amara"),
        "{row:?}"
    );
    assert!(world.app.release_hold(&lead, &row.name, "no").await.is_err(), "a release has a reason as well");
    assert!(world.app.release_hold(&lead, &row.name, "The court has its copy").await.unwrap());
    assert!(!world.app.release_hold(&lead, &row.name, "The court has its copy").await.unwrap());
    assert!(world.app.holds(&lead).await.unwrap().rows.is_empty());
    for (action, times) in [("hold-history", 1), ("release-hold", 1), ("look-at-holds", 2)] {
        assert_eq!(world.count_facts(action).await, times, "{action}");
    }
    let facts = world.facts().await;
    let released = facts.iter().find(|fact| fact.action == "release-hold").unwrap();
    assert!(released.details.contains("The court has its copy"), "{released:?}");
}

#[tokio::test]
async fn a_hold_reaches_and_is_seen_no_further_than_the_school_of_who_makes_it() {
    let world = two_schools().await;
    let ashbrook = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let whitestone = world.add("other-head", Role::Headteacher, school("whitestone")).await;
    let trust = world.add("officer", Role::DataProtectionOfficer, Scope::Trust).await;
    let everybody = HoldForm { host: "schoolgate".to_owned(), ..form("") };
    assert_eq!(hold(&world, &ashbrook, everybody.clone()).await, []);
    let own = world.app.holds(&ashbrook).await.unwrap().rows;
    assert_eq!((own.len(), own[0].events), (1, 1), "the other school's visit is not held");
    assert!(world.app.holds(&whitestone).await.unwrap().rows.is_empty());
    let released = world.app.release_hold(&whitestone, &own[0].name, "It is not needed any more").await;
    assert!(!released.unwrap(), "it is as if there were none");
    assert_eq!(world.app.holds(&trust).await.unwrap().rows.len(), 1);
    world.clock.advance_ms(1_000);
    assert_eq!(hold(&world, &trust, everybody).await, []);
    assert_eq!(
        world.app.holds(&ashbrook).await.unwrap().rows.len(),
        1,
        "the trust's own hold is not a school's"
    );
    let problems = hold(&world, &ashbrook, form("wesley")).await;
    assert_eq!(problems[0].0, "person", "the other school's pupil is nobody here: {problems:?}");
}

#[tokio::test]
async fn holds_about_staff_are_the_heads_and_nobody_sees_one_about_themselves() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    world.add("tess", Role::ClassTeacher, school("ashbrook")).await;
    assert_eq!(hold(&world, &lead, form("tess")).await[0].0, "person", "the lead reads nothing about staff");
    assert_eq!(hold(&world, &head, form("tess")).await, []);
    world.clock.advance_ms(1_000);
    assert_eq!(hold(&world, &head, form("lead")).await, []);
    assert!(world.app.holds(&lead).await.unwrap().rows.is_empty());
    let rows = world.app.holds(&head).await.unwrap().rows;
    assert_eq!(rows.len(), 2);
    for row in &rows {
        assert!(row.what[0].starts_with("Member of staff "), "{row:?}");
        assert!(!world.app.release_hold(&lead, &row.name, "It is not needed any more").await.unwrap());
    }
    assert_eq!(hold(&world, &head, form("head")).await[0].0, "person", "nobody is looked at by themselves");
}

#[tokio::test]
async fn what_is_held_for_a_request_is_listed_and_released_as_well() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let whitestone = world.add("other-lead", Role::SafeguardingLead, school("whitestone")).await;
    let asked = ExportQuestion {
        kind: "police".to_owned(),
        requester: "PC 4711, Northshire Police".to_owned(),
        from: "2026-11-01".to_owned(),
        until: "2026-11-30".to_owned(),
        basis: "crime".to_owned(),
        purpose: "To find who wrote to her".to_owned(),
        hold: "yes".to_owned(),
        ..ExportQuestion::default()
    };
    world.app.ask_for_export(&lead, &asked).await.unwrap();
    assert!(world.app.holds(&whitestone).await.unwrap().rows.is_empty());
    let rows = world.app.holds(&lead).await.unwrap().rows;
    let row = &rows[0];
    assert_eq!((rows.len(), row.events, row.review_on.as_str()), (1, 1, ""));
    assert!(row.name.starts_with("request-ex-") && row.why.starts_with("For the request EX-"), "{row:?}");
    assert!(row.what.iter().any(|line| line.starts_with("From 1 November 2026")), "{row:?}");
    assert!(world.app.release_hold(&lead, &row.name, "The police have their copy").await.unwrap());
    assert!(world.history.holds().unwrap().is_empty());
}

#[tokio::test]
async fn what_is_missing_or_wrong_is_told_and_nothing_is_held() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let cases = [
        ("person", form("")),
        ("person", form("nobody-of-that-name")),
        ("why", HoldForm { why: "because".to_owned(), ..form("amara") }),
        ("why", HoldForm { why: "x".repeat(501), ..form("amara") }),
        ("why", HoldForm { case: "no case".to_owned(), ..form("amara") }),
        ("review_on", HoldForm { review_on: String::new(), ..form("amara") }),
        ("review_on", HoldForm { review_on: "2026-01-01".to_owned(), ..form("amara") }),
        ("review_on", HoldForm { review_on: "2036-01-01".to_owned(), ..form("amara") }),
        ("from", HoldForm { from: "yesterday".to_owned(), ..form("amara") }),
    ];
    for (field, form) in cases {
        let problems = hold(&world, &lead, form.clone()).await;
        assert_eq!(problems.first().map(|(name, _)| name.as_str()), Some(field), "{form:?}");
    }
    assert!(world.history.holds().unwrap().is_empty());
    assert_eq!(world.count_facts("hold-history").await, 0);
}

#[tokio::test]
async fn only_leads_heads_and_the_protection_officer_hold_history() {
    let world = two_schools().await;
    for role in [Role::Technician, Role::Governor, Role::ClassTeacher, Role::SeniorLeader] {
        let actor = world.add(&format!("{role:?}").to_lowercase(), role, Scope::Trust).await;
        world.assert_denied(Action::HoldHistory, world.app.holds(&actor).await).await;
        world.assert_denied(Action::HoldHistory, world.app.hold_history(&actor, form("amara")).await).await;
        let released = world.app.release_hold(&actor, "kept-1", "It is not needed any more").await;
        world.assert_denied(Action::HoldHistory, released).await;
    }
}
