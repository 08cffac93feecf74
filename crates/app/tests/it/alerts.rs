//! Alerts from their taking up to their end: who is called when, who reads what, and what is written down.

use crate::world::{NOW, World, id_of, school, technician};
use app::views::AlertFilter;
use app::{AlertDeed, AppError, AtMachine, Move, Named, NewPerson, Recipient};
use model::{
    Action, Actor, Addressee, Alert, AlertId, AlertKind, AlertState, AlertSubject, PersonId, Role, SchoolId,
    Scope, Severity, Theme, Timestamp, Triage,
};
use store::{Change, Fact, NotificationChannel, NotificationState};

const MINUTE_MS: i64 = 60_000;

pub fn alert_about(person: Option<PersonId>, severity: Severity) -> Alert {
    Alert {
        kind: AlertKind::Safeguarding(Theme::SelfHarm),
        severity,
        subject: AlertSubject { school: Some(SchoolId::new("larkfield")), person, device: None },
        rule: "self-harm.method".into(),
        why: "Asks how somebody may harm themselves".into(),
        first: NOW,
        last: NOW,
        count: 1,
        events: Vec::new(),
    }
}

/// The id of the newest alert.
pub async fn newest(world: &World) -> AlertId {
    let mut all = world.store.alerts_since(Timestamp(0)).await.unwrap();
    all.sort_by_key(|alert| alert.id);
    all.last().unwrap().id
}

fn mails_to(address: &str, addressee: Addressee) -> Recipient {
    Recipient {
        channel: NotificationChannel::Mail,
        address: address.to_owned(),
        addressees: vec![addressee],
        school: None,
    }
}

async fn addresses_called(world: &World, id: AlertId) -> Vec<String> {
    let messages = world.store.notifications_about(&format!("alert:{id}")).await.unwrap();
    messages.into_iter().map(|message| message.address).collect()
}

#[tokio::test]
async fn an_urgent_alert_calls_the_lead_then_the_deputy_then_the_head_until_somebody_acknowledges() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let pupil = world.add_pupil("amara", "4", school("larkfield")).await;
    let to = [("lead", Addressee::Lead), ("deputy", Addressee::Deputy), ("head", Addressee::Head)];
    world.app.set_recipients(to.map(|(address, addressee)| mails_to(address, addressee)).into());
    let mut news = world.app.alerts_changed();
    assert_eq!(
        world.app.take_up_alerts(vec![alert_about(Some(pupil), Severity::Critical)]).await.unwrap(),
        1
    );
    assert!(news.has_changed().unwrap(), "an open page hears of it");
    news.mark_unchanged();
    let id = newest(&world).await;
    assert_eq!(addresses_called(&world, id).await, ["lead"]);
    world.app.escalate_alerts().await.unwrap();
    assert_eq!(addresses_called(&world, id).await, ["lead"], "not before its time");
    for expected in [&["lead", "deputy"][..], &["lead", "deputy", "head"], &["lead", "deputy", "head"]] {
        // The shipped policy gives what is urgent half an hour.
        world.clock.advance_ms(30 * MINUTE_MS);
        world.app.escalate_alerts().await.unwrap();
        let mut called = addresses_called(&world, id).await;
        let mut expected: Vec<String> = expected.iter().map(|&address| address.to_owned()).collect();
        called.sort();
        expected.sort();
        assert_eq!(called, expected);
    }
    assert!(world.app.work_on_alert(&lead, id, AlertDeed::Acknowledge).await.unwrap());
    let again = world.app.work_on_alert(&lead, id, AlertDeed::Acknowledge).await;
    assert!(matches!(again, Err(AppError::Refused { .. })), "once");
    let view = world.app.alert_view(&lead, id, Named::No).await.unwrap().unwrap();
    let done: Vec<&str> = view.lines.iter().map(|line| line.what.as_str()).collect();
    let called = "Nobody acknowledged in time; called";
    assert_eq!(done, [called, called, "Acknowledged"]);
    assert_eq!(view.row.due, None);
}

#[tokio::test]
async fn an_acknowledged_alert_calls_nobody_else_and_a_low_one_nobody_at_all() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let to = [("lead", Addressee::Lead), ("deputy", Addressee::Deputy)];
    world.app.set_recipients(to.map(|(address, addressee)| mails_to(address, addressee)).into());
    let low = Alert { first: NOW.plus_ms(1), ..alert_about(None, Severity::Low) };
    world.app.take_up_alerts(vec![low, alert_about(None, Severity::High)]).await.unwrap();
    for alert in world.store.alerts_since(Timestamp(0)).await.unwrap() {
        let called = addresses_called(&world, alert.id).await;
        match alert.alert.severity {
            Severity::Low => assert!(called.is_empty()),
            _ => {
                assert_eq!(called, ["lead"]);
                world.app.work_on_alert(&lead, alert.id, AlertDeed::Acknowledge).await.unwrap();
            }
        }
    }
    world.clock.advance_ms(7 * 24 * 60 * MINUTE_MS);
    world.app.escalate_alerts().await.unwrap();
    let all = world.store.notifications_due(world.clock.now(), 10).await.unwrap();
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].state, NotificationState::Waiting);
}

#[tokio::test]
async fn what_comes_again_joins_its_alert_and_is_told_anew_only_where_it_is_worse() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    world.app.set_recipients(vec![mails_to("lead", Addressee::Lead)]);
    let first = alert_about(None, Severity::High);
    world.app.take_up_alerts(vec![first.clone()]).await.unwrap();
    let id = newest(&world).await;
    let again = Alert { count: 4, last: NOW.plus_ms(5), ..first.clone() };
    assert_eq!(world.app.take_up_alerts(vec![again.clone()]).await.unwrap(), 0);
    let there = world.store.alert(id).await.unwrap().unwrap();
    assert_eq!((there.alert.count, there.alert.last), (4, NOW.plus_ms(5)), "the count is the whole one");
    assert_eq!(addresses_called(&world, id).await.len(), 1);
    let worse = Alert { severity: Severity::Critical, ..again };
    world.app.take_up_alerts(vec![worse.clone()]).await.unwrap();
    assert_eq!(addresses_called(&world, id).await.len(), 2);

    let judged = AlertDeed::Judge { triage: Triage::False, words: "A lesson".to_owned() };
    world.app.work_on_alert(&lead, id, judged).await.unwrap();
    assert_eq!(world.app.take_up_alerts(vec![worse]).await.unwrap(), 0, "it was judged already");
}

#[tokio::test]
async fn what_comes_after_an_alert_was_closed_asks_for_attention_anew() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    world.app.set_recipients(vec![mails_to("lead", Addressee::Lead)]);
    let first = alert_about(None, Severity::High);
    world.app.take_up_alerts(vec![first.clone()]).await.unwrap();
    let closed = newest(&world).await;
    let judged = AlertDeed::Judge { triage: Triage::False, words: "A lesson".to_owned() };
    world.app.work_on_alert(&lead, closed, judged).await.unwrap();
    world.clock.advance_ms(360 * MINUTE_MS);
    let later = Alert { count: 3, last: NOW.plus_ms(360 * MINUTE_MS), ..first };
    assert_eq!(world.app.take_up_alerts(vec![later.clone()]).await.unwrap(), 1);
    let id = newest(&world).await;
    assert_eq!(addresses_called(&world, id).await, ["lead"]);
    let more = Alert { count: 4, ..later };
    assert_eq!(world.app.take_up_alerts(vec![more]).await.unwrap(), 0, "it joins the open one");
    let count = |alert: Option<store::AlertRecord>| alert.unwrap().alert.count;
    assert_eq!(count(world.store.alert(id).await.unwrap()), 3, "without what was judged");
    assert_eq!(count(world.store.alert(closed).await.unwrap()), 1);
}

#[tokio::test]
async fn what_comes_after_a_security_alert_was_acknowledged_calls_somebody_again() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("technician", Role::Technician, school("larkfield")).await;
    world.app.set_recipients(vec![mails_to("it", Addressee::It)]);
    let security = Alert { kind: AlertKind::Security, ..alert_about(None, Severity::High) };
    assert_eq!(world.app.take_up_alerts(vec![security.clone()]).await.unwrap(), 1);
    assert_eq!(world.app.take_up_alerts(vec![security.clone()]).await.unwrap(), 0);
    let id = newest(&world).await;
    assert!(world.app.work_on_alert(&technician, id, AlertDeed::Acknowledge).await.unwrap());
    world.clock.advance_ms(1);
    assert_eq!(world.app.take_up_alerts(vec![security]).await.unwrap(), 1);
    assert_eq!(addresses_called(&world, newest(&world).await).await, ["it"]);
}

#[tokio::test]
async fn what_was_low_and_turns_critical_has_the_clock_of_what_is_critical() {
    let world = World::new("first-school.toml").await;
    let to = [("lead", Addressee::Lead), ("deputy", Addressee::Deputy)];
    world.app.set_recipients(to.map(|(address, addressee)| mails_to(address, addressee)).into());
    let low = alert_about(None, Severity::Low);
    world.app.take_up_alerts(vec![low.clone()]).await.unwrap();
    let id = newest(&world).await;
    assert!(addresses_called(&world, id).await.is_empty());
    world.app.take_up_alerts(vec![Alert { severity: Severity::Critical, ..low }]).await.unwrap();
    assert_eq!(addresses_called(&world, id).await, ["lead"]);
    world.clock.advance_ms(30 * MINUTE_MS);
    world.app.escalate_alerts().await.unwrap();
    assert_eq!(addresses_called(&world, id).await.len(), 2);
}

#[tokio::test]
async fn what_was_acknowledged_and_turns_critical_is_new_again_and_climbs_from_the_first_rung() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let to = [("lead", Addressee::Lead), ("deputy", Addressee::Deputy)];
    world.app.set_recipients(to.map(|(address, addressee)| mails_to(address, addressee)).into());
    let medium = alert_about(None, Severity::Medium);
    world.app.take_up_alerts(vec![medium.clone()]).await.unwrap();
    let id = newest(&world).await;
    assert!(world.app.work_on_alert(&lead, id, AlertDeed::Acknowledge).await.unwrap());
    world.app.take_up_alerts(vec![Alert { severity: Severity::Critical, ..medium }]).await.unwrap();
    let there = world.store.alert(id).await.unwrap().unwrap();
    assert_eq!((there.state, there.rung, there.due.is_some()), (AlertState::New, 0, true));
    world.clock.advance_ms(30 * MINUTE_MS);
    world.app.escalate_alerts().await.unwrap();
    assert_eq!(addresses_called(&world, id).await.len(), 3, "the lead twice, then the deputy");
}

#[tokio::test]
async fn each_post_reads_what_is_for_it_and_nobody_what_is_about_themselves() {
    let world = World::new("first-school.toml").await;
    let place = school("larkfield");
    let lead = world.add("lead", Role::SafeguardingLead, place.clone()).await;
    let head = world.add("head", Role::Headteacher, place.clone()).await;
    let governor = world.add("governor", Role::Governor, place.clone()).await;
    let technician = world.add("technician", Role::Technician, place.clone()).await;
    let officer = world.add("officer", Role::DataProtectionOfficer, place.clone()).await;
    let pupil = world.add_pupil("amara", "4", place).await;
    let id_of = |actor: &Actor| match actor {
        Actor::Person { id, .. } => *id,
        _ => unreachable!("a person"),
    };
    let security = Alert { kind: AlertKind::Security, ..alert_about(None, Severity::High) };
    for (alert, readers) in [
        (alert_about(Some(pupil), Severity::High), vec!["lead", "head"]),
        (alert_about(Some(id_of(&lead)), Severity::High), vec!["head"]),
        (alert_about(Some(id_of(&technician)), Severity::High), vec!["head"]),
        (alert_about(Some(id_of(&head)), Severity::High), vec!["governor"]),
        (security, vec!["head", "technician", "officer"]),
    ] {
        world.clock.advance_ms(1);
        world.app.take_up_alerts(vec![alert]).await.unwrap();
        let id = newest(&world).await;
        for (name, actor) in [
            ("lead", &lead),
            ("head", &head),
            ("governor", &governor),
            ("technician", &technician),
            ("officer", &officer),
        ] {
            let may = readers.contains(&name);
            let queue = world.app.alerts_view(actor, AlertFilter::default()).await.unwrap();
            let in_queue = queue.rows.iter().any(|row| row.id == id.to_string());
            let page = world.app.alert_view(actor, id, Named::No).await.unwrap();
            let worked = world.app.work_on_alert(actor, id, AlertDeed::Assign(id_of(&head))).await;
            assert_eq!((in_queue, page.is_some()), (may, may), "{name}: {readers:?}");
            assert_eq!(matches!(worked, Ok(false)), !may, "{name}: {worked:?}");
        }
    }
    let teacher = world.add("teacher", Role::ClassTeacher, school("larkfield")).await;
    world
        .assert_denied(Action::WorkAlerts, world.app.alerts_view(&teacher, AlertFilter::default()).await)
        .await;
}

#[tokio::test]
async fn what_is_about_the_headteacher_is_for_the_chair_of_governors_alone_and_for_who_stands_in() {
    let world = World::new("first-school.toml").await;
    let place = school("larkfield");
    let head = world.add("head", Role::Headteacher, place.clone()).await;
    let about = id_of(&head);
    let chair = world.add("chair", Role::ChairOfGovernors, place.clone()).await;
    let vice = world.add("vice", Role::ChairOfGovernors, place.clone()).await;
    let governor = world.add("governor", Role::Governor, place).await;
    let to = [("chair", Addressee::Chair), ("governors", Addressee::Governors)];
    world.app.set_recipients(to.map(|(address, post)| mails_to(address, post)).to_vec());
    world.app.take_up_alerts(vec![alert_about(Some(about), Severity::High)]).await.unwrap();
    let id = newest(&world).await;
    assert_eq!(addresses_called(&world, id).await, ["chair"]);
    let case = world.app.open_case(&chair, id, "About the head").await.unwrap().unwrap();
    for (actor, may) in [(&chair, true), (&vice, true), (&governor, false), (&head, false)] {
        assert_eq!(world.app.alert_view(actor, id, Named::No).await.unwrap().is_some(), may);
        assert_eq!(world.app.case_view(actor, case, Named::No).await.unwrap().is_some(), may);
    }
}

#[tokio::test]
async fn what_waits_for_a_chair_who_left_goes_to_all_governors_and_a_next_chair_reads_it_too() {
    let world = World::new("first-school.toml").await;
    let place = school("larkfield");
    let head = world.add("head", Role::Headteacher, place.clone()).await;
    let about = id_of(&head);
    let chair = world.add("chair", Role::ChairOfGovernors, place.clone()).await;
    let governor = world.add("governor", Role::Governor, place.clone()).await;
    world.app.set_recipients(vec![mails_to("governors", Addressee::Governors)]);
    let mut ids = Vec::new();
    for minute in 0..3 {
        let first = NOW.plus_ms(minute * MINUTE_MS);
        let alert = Alert { first, last: first, ..alert_about(Some(about), Severity::High) };
        world.app.take_up_alerts(vec![alert]).await.unwrap();
        ids.push(newest(&world).await);
        world.clock.advance_ms(1);
    }
    let [waits, in_case, closed] = ids[..] else { unreachable!("three alerts") };
    let case = world.app.open_case(&chair, in_case, "About the head").await.unwrap().unwrap();
    let judged = AlertDeed::Judge { triage: Triage::Test, words: String::new() };
    assert!(world.app.work_on_alert(&chair, closed, judged).await.unwrap());
    world.app.escalate_alerts().await.unwrap();
    assert_eq!(world.count_facts("aim-alert").await, 0, "somebody is chair");

    let left = Move { login: "chair".to_owned(), role: Role::Staff, year: None, reason: "left".to_owned() };
    world.app.set_affiliation(&technician(), left).await.unwrap();
    for _ in 0..2 {
        world.app.escalate_alerts().await.unwrap();
    }
    assert_eq!((world.count_facts("aim-alert").await, world.count_facts("aim-case").await), (2, 1), "once");
    assert_eq!(addresses_called(&world, waits).await, ["governors", "governors"], "they are told");
    let there = world.store.alert(waits).await.unwrap().unwrap();
    assert_eq!(there.ladder.0[0], [Addressee::Governors], "whoever is called next is one who reads it");
    let next = world.add("next-chair", Role::ChairOfGovernors, place).await;
    for (id, reads) in
        [(waits, [true, true, false]), (in_case, [true, true, false]), (closed, [false, true, false])]
    {
        for (actor, may) in [&governor, &next, &head].into_iter().zip(reads) {
            assert_eq!(world.app.alert_view(actor, id, Named::No).await.unwrap().is_some(), may, "{actor}");
        }
    }
    for (actor, may) in [(&governor, true), (&next, true), (&head, false)] {
        assert_eq!(world.app.case_view(actor, case, Named::No).await.unwrap().is_some(), may, "{actor}");
    }
}

#[tokio::test]
async fn where_the_chair_of_governors_has_no_address_all_governors_hear_and_without_either_home_says_so() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let about = id_of(&world.add("head", Role::Headteacher, school("larkfield")).await);
    world.add("chair", Role::ChairOfGovernors, school("larkfield")).await;
    let own = [("chair", Addressee::Chair), ("governors", Addressee::Governors)];
    let governors = [("governors", Addressee::Governors)];
    let head = [("head", Addressee::Head)];
    for (to, called, home_warns) in
        [(&own[..], Some("chair"), false), (&governors, Some("governors"), false), (&head, None, true)]
    {
        world.clock.advance_ms(1);
        let first = world.clock.now();
        world.app.set_recipients(to.iter().map(|(address, post)| mails_to(address, *post)).collect());
        let alert = Alert { first, last: first, ..alert_about(Some(about), Severity::High) };
        world.app.take_up_alerts(vec![alert]).await.unwrap();
        let id = newest(&world).await;
        assert_eq!(addresses_called(&world, id).await, Vec::from_iter(called));
        let lines = world.store.alert_entries(id).await.unwrap();
        assert_eq!(lines.iter().any(|line| line.what == "unheard"), home_warns, "{called:?}");
        let needs = world.app.home(&lead).await.unwrap().needs;
        let warned = needs.iter().any(|need| {
            need.title.starts_with("Nobody is told") && need.title.contains("Chair of governors")
        });
        assert_eq!(warned, home_warns, "{called:?}");
    }
}

#[tokio::test]
async fn what_is_about_somebody_who_left_goes_round_those_whom_their_posts_on_record_ask_to() {
    let world = World::new("first-school.toml").await;
    let place = school("larkfield");
    let lead = world.add("lead", Role::SafeguardingLead, place.clone()).await;
    let head = world.add("head", Role::Headteacher, place.clone()).await;
    let governor = world.add("governor", Role::Governor, place.clone()).await;
    for (login, role, reader) in [
        ("old-head", Role::Headteacher, "governor"),
        ("old-lead", Role::SafeguardingLead, "head"),
        ("old-pupil", Role::Guest, "head"),
    ] {
        let person = id_of(&world.add(login, role, place.clone()).await);
        let leaves = Change::SetAffiliations { person, affiliations: Vec::new() };
        let fact = Fact::new(&Actor::Program, Scope::Trust, NOW, "move-person");
        world.store.commit(&fact, &[leaves]).await.unwrap();
        world.app.take_up_changes().await.unwrap();
        world.clock.advance_ms(1);
        world.app.take_up_alerts(vec![alert_about(Some(person), Severity::High)]).await.unwrap();
        let id = newest(&world).await;
        for (name, actor) in [("lead", &lead), ("head", &head), ("governor", &governor)] {
            let reads = world.app.alert_view(actor, id, Named::No).await.unwrap().is_some();
            assert_eq!(reads, name == reader, "{name} of {login}");
        }
    }
}

#[tokio::test]
async fn a_successor_does_not_read_about_a_head_who_was_appointed_at_the_machine_and_left() {
    let world = World::new("first-school.toml").await;
    let place = school("larkfield");
    let (head, governor) = (
        world.add("head", Role::Headteacher, place.clone()).await,
        world.add("governor", Role::Governor, place).await,
    );
    world.add("moved", Role::Staff, school("larkfield")).await;
    let (actor, pepper) = (technician(), crate::world::pepper());
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper, actor: &actor };
    let added = NewPerson {
        name: "Nesta Fernhollow".to_owned(),
        login: "added".to_owned(),
        role: Role::Headteacher,
        year: None,
        school: Some(SchoolId::new("larkfield")),
    };
    machine.add(added, "appointed").await.unwrap();
    let to = |login: &str, role| Move { login: login.to_owned(), role, year: None, reason: "so".to_owned() };
    world.app.set_affiliation(&actor, to("moved", Role::Headteacher)).await.unwrap();
    let posts = world.store.post_holders(NOW).await.unwrap();
    assert_eq!(posts.iter().filter(|post| post.role == Role::Headteacher).count(), 2, "on record at once");
    for login in ["added", "moved"] {
        world.clock.advance_ms(1);
        let person = world.roster.get().person_by_login(login).unwrap().id;
        let leaves = Change::SetAffiliations { person, affiliations: Vec::new() };
        let fact = Fact::new(&Actor::Program, Scope::Trust, world.clock.now(), "leave");
        world.store.commit(&fact, &[leaves]).await.unwrap();
        world.app.take_up_changes().await.unwrap();
        world.app.take_up_alerts(vec![alert_about(Some(person), Severity::High)]).await.unwrap();
        let id = newest(&world).await;
        for (actor, may) in [(&head, false), (&governor, true)] {
            let reads = world.app.alert_view(actor, id, Named::No).await.unwrap().is_some();
            assert_eq!(reads, may, "{actor} of {login}");
        }
    }
}

#[tokio::test]
async fn who_watches_out_of_hours_is_what_the_policy_says_until_somebody_writes_down_another() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let queue = || world.app.alerts_view(&lead, AlertFilter::default());
    let said = queue().await.unwrap();
    assert!(said.cover.is_empty() && said.standing_cover.starts_with("nobody; what came in"), "{said:?}");
    world.app.set_alert_cover(&lead, "Sam Lee, at any hour").await.unwrap();
    assert_eq!(queue().await.unwrap().cover, "Sam Lee, at any hour");
}

#[tokio::test]
async fn a_name_is_shown_only_with_a_reason_and_both_are_recorded() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let pupil = world.add_pupil("amara", "4", school("larkfield")).await;
    world.app.take_up_alerts(vec![alert_about(Some(pupil), Severity::High)]).await.unwrap();
    let id = newest(&world).await;
    let view = world.app.alert_view(&lead, id, Named::No).await.unwrap().unwrap();
    assert!(view.row.who.starts_with("Pupil ") && view.name.is_empty(), "{}", view.row.who);
    assert!(!format!("{view:?}").contains("Thistlewick, "), "no pupil's name in it");
    let silent = world.app.show_name_of_alert(&lead, id, " ").await;
    assert!(matches!(silent, Err(AppError::Refused { .. })));
    assert!(world.app.show_name_of_alert(&lead, id, "to speak to the class teacher").await.unwrap());
    let view = world.app.alert_view(&lead, id, Named::Yes).await.unwrap().unwrap();
    assert_eq!(view.name, "Amara Thistlewick");
    let facts = world.facts().await;
    let shown = facts.iter().find(|fact| fact.action == "show-name").unwrap();
    assert!(shown.details.contains("class teacher") && shown.details.contains(&pupil.to_string()));
    assert!(world.count_facts("look-at-alert").await >= 2);
}

#[tokio::test]
async fn the_test_alert_comes_once_a_week() {
    let world = World::new("first-school.toml").await;
    for (advance_days, expected) in [(0, 1), (6, 1), (1, 2)] {
        world.clock.advance_ms(advance_days * 24 * 60 * MINUTE_MS);
        world.app.test_alert_if_due().await.unwrap();
        world.app.test_alert_if_due().await.unwrap();
        let all = world.store.alerts_since(Timestamp(0)).await.unwrap();
        assert_eq!(all.iter().filter(|alert| alert.alert.kind == AlertKind::Test).count(), expected);
    }
}

#[tokio::test]
async fn one_school_sees_nothing_of_another_in_queues_pages_counts_or_weekly_reports() {
    let world = World::new("trust.toml").await;
    let here = world.add("here", Role::SafeguardingLead, school("ashbrook")).await;
    let there = world.add("there", Role::SafeguardingLead, school("whitestone")).await;
    let trust = world.add("trust", Role::SafeguardingLead, model::Scope::Trust).await;
    let subject = AlertSubject { school: Some(SchoolId::new("ashbrook")), ..AlertSubject::default() };
    world.app.take_up_alerts(vec![Alert { subject, ..alert_about(None, Severity::High) }]).await.unwrap();
    let id = newest(&world).await;
    let case = world.app.open_case(&here, id, "A case").await.unwrap().unwrap();
    world.clock.advance_ms(7 * 24 * 60 * MINUTE_MS);
    world.app.draft_weekly_reports().await.unwrap();
    let closed = || AlertFilter { show: "closed".to_owned(), severity: String::new() };
    for (actor, may) in [(&here, true), (&there, false), (&trust, true)] {
        let queue = world.app.alerts_view(actor, closed()).await.unwrap();
        assert_eq!((queue.total, queue.rows.len()), (usize::from(may), usize::from(may)));
        assert_eq!(world.app.alert_view(actor, id, Named::No).await.unwrap().is_some(), may);
        assert_eq!(world.app.cases_view(actor).await.unwrap().rows.len(), usize::from(may));
        assert_eq!(world.app.case_view(actor, case, Named::No).await.unwrap().is_some(), may);
        assert_eq!(world.app.export_case(actor, case).await.unwrap().is_some(), may);
        let weeks = world.app.weeks_view(actor).await.unwrap();
        assert_eq!(weeks.iter().any(|week| week.place == "school:ashbrook"), may);
    }
    assert!(!world.app.work_on_alert(&there, id, AlertDeed::Acknowledge).await.unwrap());
    world.assert_denied(Action::SignWeekly, world.app.set_alert_cover(&there, "nobody").await).await;
    world.app.set_alert_cover(&trust, "the site team").await.unwrap();
}

#[tokio::test]
async fn a_post_without_an_address_keeps_nobody_waiting_and_home_says_so() {
    let world = World::new("trust.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let own = |address: &str, addressee| Recipient {
        school: Some(SchoolId::new("ashbrook")),
        ..mails_to(address, addressee)
    };
    // The trust itself has a headteacher's address alone; a school has its own lead's.
    world.app.set_recipients(vec![own("lead", Addressee::Lead), mails_to("head", Addressee::Head)]);
    let of_nobody = AlertSubject::default();
    let of_school = AlertSubject { school: Some(SchoolId::new("ashbrook")), ..AlertSubject::default() };
    for (subject, called, rung) in [(of_nobody, "head", 2), (of_school, "lead", 0)] {
        let alert = Alert { subject, ..alert_about(None, Severity::Critical) };
        world.app.take_up_alerts(vec![alert]).await.unwrap();
        let id = newest(&world).await;
        assert_eq!(addresses_called(&world, id).await, [called]);
        let there = world.store.alert(id).await.unwrap().unwrap();
        assert_eq!(there.rung, rung, "{called}");
        let lines = world.store.alert_entries(id).await.unwrap();
        assert_eq!(lines.iter().filter(|line| line.what == "unheard").count(), rung, "each that has nobody");
        world.clock.advance_ms(1);
    }
    let needs = world.app.home(&lead).await.unwrap().needs;
    let unheard: Vec<&str> = needs
        .iter()
        .map(|need| need.title.as_str())
        .filter(|title| title.starts_with("Nobody is told"))
        .collect();
    assert!(
        unheard.iter().any(|title| title.contains("safeguarding lead") && title.ends_with("(The trust)"))
    );
    assert!(!unheard.iter().any(|title| title.contains("safeguarding lead") && title.contains("Ashbrook")));
}

#[tokio::test]
async fn alerts_are_not_merged_round_in_a_ring() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let mut ids = Vec::new();
    for theme in [Theme::SelfHarm, Theme::Drugs, Theme::Gambling] {
        let alert = Alert { kind: AlertKind::Safeguarding(theme), ..alert_about(None, Severity::High) };
        world.app.take_up_alerts(vec![alert]).await.unwrap();
        world.clock.advance_ms(1);
        ids.push(newest(&world).await);
    }
    let merge =
        |from: usize, into: usize| world.app.work_on_alert(&lead, ids[from], AlertDeed::Merge(ids[into]));
    assert!(merge(0, 1).await.unwrap() && merge(1, 2).await.unwrap());
    for (from, into) in [(2, 0), (2, 1), (2, 2)] {
        assert!(matches!(merge(from, into).await, Err(AppError::Refused { .. })), "{from} into {into}");
    }
}
