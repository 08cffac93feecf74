//! Searching, counting and exporting history: within one's school, by pseudonym, and never unseen.

use crate::world::{NOW, World, id_of, school, technician};
use app::views::{ExpiredCounts, ExpiredView, ExplainQuestion, HistoryFilter, HistoryPlace, HistoryView};
use app::{HistoryFile, LookReason, Purpose};
use history::Keep;
use model::{
    AccessEvent, Action, Actor, Affiliation, ClassId, ClassKind, ClassPart, Device, DeviceId, DeviceKind,
    Person, PersonId, Role, SchoolId, Scope, YearGroup,
};
use store::{Change, ClassChange, Fact};

/// Two schools with a pupil each, three visits each.
async fn two_schools() -> World {
    let world = World::new("trust.toml").await;
    let schools = ["ashbrook", "whitestone"];
    let pupils = [
        world.add_pupil("amara", "5", school(schools[0])).await,
        world.add_pupil("wesley", "5", school(schools[1])).await,
    ];
    for (minutes, host) in [
        (30, "education.schoolgate.test"),
        (20, "gambling.schoolgate.test"),
        (10, "vpn-proxy.schoolgate.test"),
    ] {
        for (pupil, at_school) in pupils.into_iter().zip(schools) {
            world.visit(pupil, at_school, host, NOW.plus_ms(-minutes * 60_000));
        }
    }
    world
}

async fn search(world: &World, actor: &Actor, change: impl FnOnce(&mut HistoryFilter)) -> HistoryView {
    let mut filter = HistoryFilter::default();
    change(&mut filter);
    world.search(actor, filter).await.unwrap()
}

/// A file, taken to its end.
async fn whole(mut file: HistoryFile) -> String {
    let mut bytes = Vec::new();
    while let Some(piece) = file.next().await {
        bytes.extend(piece.unwrap());
    }
    String::from_utf8(bytes).unwrap()
}

/// A look around the newest request for a host, with a reason.
async fn around(world: &World, actor: &Actor, event: &str) -> Option<HistoryView> {
    let filter = HistoryFilter { person: String::new(), ..for_person("") };
    let look = world.app.keep_around(actor, event, filter).await.unwrap()?.ok()?;
    world.app.history_view(actor, HistoryPlace::Kept { look, page: String::new() }, None).await.unwrap()
}

/// A search for somebody, with a reason.
fn for_person(who: &str) -> HistoryFilter {
    HistoryFilter {
        person: who.to_owned(),
        reason: "concern".to_owned(),
        why: "she said she is afraid".to_owned(),
        ..HistoryFilter::default()
    }
}

fn everything() -> HistoryPlace {
    HistoryPlace::asked(HistoryFilter::default())
}

fn purpose() -> Purpose {
    Purpose { reason: LookReason::Request, words: "the police asked".to_owned() }
}

#[tokio::test]
async fn a_search_finds_by_each_field_newest_first() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let all = search(&world, &lead, |_| ()).await;
    assert_eq!((all.rows.len(), all.total, all.total_is_more), (6, 6, false));
    assert!(all.rows.is_sorted_by(|newer, older| newer.at >= older.at));
    assert_eq!(search(&world, &lead, |f| *f = for_person("Amara")).await.total, 3);
    assert_eq!(search(&world, &lead, |f| *f = for_person("nobody")).await.total, 0);
    assert_eq!(search(&world, &lead, |f| f.year = "5".to_owned()).await.total, 6);
    assert_eq!(search(&world, &lead, |f| f.year = "6".to_owned()).await.total, 0);
    assert_eq!(search(&world, &lead, |f| f.school = "ashbrook".to_owned()).await.total, 3);
    assert_eq!(search(&world, &lead, |f| f.url = "gambling.schoolgate.test/=x".to_owned()).await.total, 2);
    assert_eq!(search(&world, &lead, |f| f.words = "b".to_owned()).await.total, 6);
    assert_eq!(search(&world, &lead, |f| f.layer = "category".to_owned()).await.total, 2);
    let of_list = search(&world, &lead, |f| f.list = "starter".to_owned()).await.total;
    assert!((4..=6).contains(&of_list), "what was blocked, at least: {of_list}");
    assert_eq!(search(&world, &lead, |f| f.entry = "no such entry".to_owned()).await.total, 0);
    assert_eq!(search(&world, &lead, |f| f.host = "VPN".to_owned()).await.total, 2);
    assert_eq!(search(&world, &lead, |f| f.outcome = "blocked".to_owned()).await.total, 4);
    assert_eq!(search(&world, &lead, |f| f.channel = "dns".to_owned()).await.total, 0);
    assert_eq!(search(&world, &lead, |f| f.channel = "web".to_owned()).await.total, 6);
    assert_eq!(search(&world, &lead, |f| f.category = "gambling".to_owned()).await.total, 2);
    assert_eq!(search(&world, &lead, |f| f.device = "10.30.0.9".to_owned()).await.total, 6);
    assert_eq!(search(&world, &lead, |f| f.until = "2026-11-19".to_owned()).await.total, 0);
    let today =
        search(&world, &lead, |f| (f.from, f.until) = ("2026-11-20".to_owned(), "2026-11-20".to_owned()))
            .await;
    assert_eq!(today.total, 6);
    let row = &all.rows.iter().find(|row| row.host.starts_with("gambling")).unwrap();
    assert!(row.reason.contains("Gambling") && row.local_time.starts_with("20 November 2026"), "{row:?}");
    assert!(row.explain_link.starts_with("/why?event="), "{row:?}");
}

#[tokio::test]
async fn the_time_of_day_counts_by_the_schools_clock() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let between = search(&world, &lead, |f| {
        (f.from, f.from_time) = ("2026-11-20".to_owned(), "09:50".to_owned());
        (f.until, f.until_time) = ("2026-11-20".to_owned(), "10:00".to_owned());
    });
    assert_eq!(between.await.total, 2, "of 09:45, 09:55 and 10:05");
}

#[tokio::test]
async fn what_cannot_be_read_comes_back_with_what_is_wrong_and_no_rows() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let view = search(&world, &lead, |f| f.from = "yesterday".to_owned()).await;
    assert_eq!((view.problems[0].0.as_str(), view.rows.len()), ("from", 0));
    assert_eq!(world.count_facts("search-history").await, 0, "nothing was looked at");
}

#[tokio::test]
async fn pages_follow_each_other_without_gap_or_repeat() {
    let world = World::new("trust.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let pupil = world.add_pupil("amara", "5", school("ashbrook")).await;
    for second in 0..120 {
        world.visit(pupil, "ashbrook", "education.schoolgate.test", NOW.plus_ms(-second * 1_000));
    }
    let (mut page, mut pages, mut rows) = (String::new(), 0, Vec::new());
    loop {
        let view = search(&world, &lead, |f| f.page = page).await;
        pages += 1;
        assert_eq!(view.total, 120, "in all, whatever the page");
        rows.extend(view.rows.into_iter().map(|row| row.at));
        match view.next {
            Some(next) => page = next,
            None => break,
        }
    }
    rows.sort_unstable();
    rows.dedup();
    assert_eq!((pages, rows.len()), (3, 120));
    assert_eq!(world.count_facts("search-history").await, 3, "each page is a look");
}

#[tokio::test]
async fn each_look_is_recorded_with_who_looked_and_for_what() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    search(&world, &lead, |f| *f = for_person("amara")).await;
    let facts = world.store.audit(&school("ashbrook"), 0, 100).await.unwrap();
    let page = facts.iter().find(|fact| fact.action == "search-history").unwrap();
    assert_eq!((page.actor.as_str(), page.details()["person"].as_str()), (&*lead.to_string(), "amara"));
    let look = facts.iter().find(|fact| fact.action == "look-at-person").unwrap();
    assert!(look.subject.starts_with("person:") && look.sequence < page.sequence, "{look:?}");
    assert_eq!(
        look.details(),
        [("reason".into(), "concern".into()), ("why".into(), "she said she is afraid".into())].into()
    );
}

#[tokio::test]
async fn one_person_is_looked_at_with_a_reason_or_not_at_all() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let view = search(&world, &lead, |f| f.person = "amara".to_owned()).await;
    let fields: Vec<&str> = view.problems.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!((fields, view.rows.len()), (vec!["reason", "why"], 0));
    assert_eq!(world.count_facts("search-history").await, 0, "nothing was looked at");
    let view = search(&world, &lead, |f| *f = for_person("amara")).await;
    assert!(view.names_shown && view.rows.iter().all(|row| row.person == "Amara Thistlewick"));
}

#[tokio::test]
async fn a_look_by_somebody_of_the_whole_trust_stands_in_the_chain_of_the_persons_school() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    search(&world, &lead, |f| *f = for_person("wesley")).await;
    let facts = world.store.audit(&school("whitestone"), 0, 100).await.unwrap();
    assert!(facts.iter().any(|fact| fact.action == "look-at-person"), "{facts:?}");
}

#[tokio::test]
async fn rows_stand_by_pseudonym_until_names_are_asked_for_with_a_reason() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let routine = world.app.history_view(&lead, everything(), None).await.unwrap().unwrap();
    assert!(routine.may_show_names && !routine.names_shown);
    assert!(routine.rows.iter().all(|row| row.person.starts_with("Pupil ")), "{:?}", routine.rows);
    assert!(!format!("{:?}", routine.rows).to_lowercase().contains("amara"), "no link has it either");
    let named = world.app.history_view(&lead, everything(), Some(purpose())).await.unwrap().unwrap();
    assert!(named.names_shown && named.rows.iter().all(|row| row.person == "Amara Thistlewick"));
    let facts = world.store.audit(&school("ashbrook"), 0, 100).await.unwrap();
    let shown = facts.iter().find(|fact| fact.action == "show-name").unwrap();
    assert_eq!(
        (shown.details()["why"].as_str(), shown.details()["count"].as_str()),
        ("the police asked", "1")
    );

    let pupil = routine.rows[0].person.clone();
    let by_pseudonym = search(&world, &lead, |f| *f = for_person(&pupil)).await;
    assert_eq!((by_pseudonym.total, by_pseudonym.names_shown), (3, false));
}

#[tokio::test]
async fn whoever_may_not_name_finds_by_pseudonym_alone() {
    let world = two_schools().await;
    let it = world.add("it", Role::Technician, school("ashbrook")).await;
    let view = search(&world, &it, |f| *f = for_person("amara")).await;
    assert_eq!(view.problems[0].0, "person", "a technician knows nobody by name: {:?}", view.problems);
    let routine = search(&world, &it, |_| ()).await;
    assert!(!routine.may_show_names && routine.total == 3);
    let pupil = routine.rows[0].person.clone();
    assert_eq!(search(&world, &it, |f| *f = for_person(&pupil)).await.total, 3);
    let asked = world.app.history_view(&it, everything(), Some(purpose())).await;
    world.assert_denied(Action::ShowNames, asked).await;
}

#[tokio::test]
async fn what_staff_typed_is_for_those_who_read_about_them() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let teacher = id_of(&world.add("teacher", Role::ClassTeacher, school("ashbrook")).await);
    let own = id_of(&head);
    world.visit(teacher, "ashbrook", "jobs.example", NOW);
    world.visit(own, "ashbrook", "jobs.example", NOW);
    let at = |view: &HistoryView| {
        let rows = view.rows.iter().filter(|row| row.host == "jobs.example");
        rows.map(|row| (row.is_withheld, row.around_link.is_empty())).collect::<Vec<_>>()
    };
    let (of_lead, of_head) = (search(&world, &lead, |_| ()).await, search(&world, &head, |_| ()).await);
    assert_eq!(at(&of_lead), [(true, true), (true, true)], "neither staff nor the head");
    assert_eq!(at(&of_head), [(true, true), (false, false)], "nobody reads about themselves");
    assert!(of_lead.rows.iter().any(|row| row.person.starts_with("Member of staff ")));
    for (actor, found) in [(&lead, 0), (&head, 1)] {
        let words = search(&world, actor, |f| (f.words, f.host) = ("b".to_owned(), "jobs".to_owned())).await;
        assert_eq!((words.total, words.rows.is_empty(), words.leaves_out_staff), (found, found == 0, true));
        let named = search(&world, actor, |f| *f = for_person("teacher")).await;
        assert_eq!(named.total, found, "by name");
        let event = world.history.scan(&Default::default()).unwrap().events;
        let event = event.iter().find(|stored| stored.event.person == Some(teacher)).unwrap().id;
        let event = format!("{}.{}.{}", event.gate.0, event.day.0, event.sequence);
        let around = HistoryPlace::Around { event: event.clone(), page: String::new() };
        assert_eq!(world.app.history_view(actor, around, None).await.unwrap().is_some(), found == 1);
        let why = ExplainQuestion { event, ..ExplainQuestion::default() };
        assert_eq!(world.app.explain(actor, why).await.unwrap().answer.is_some(), found == 1);
    }
}

#[tokio::test]
async fn a_kept_search_is_its_makers_alone_and_holds_what_no_address_may() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let look = world.app.keep_search(&lead, for_person("amara")).await.unwrap().unwrap();
    assert_eq!(look.len(), 32);
    let place = || HistoryPlace::Kept { look: look.clone(), page: String::new() };
    for _ in 0..2 {
        let view = world.app.history_view(&lead, place(), None).await.unwrap().unwrap();
        assert_eq!((view.total, view.filter.person.as_str()), (3, "amara"));
    }
    assert_eq!(world.count_facts("look-at-person").await, 1, "one look");
    assert_eq!(world.count_facts("search-history").await, 2, "and each page of it");
    assert!(world.app.history_view(&head, place(), None).await.unwrap().is_none());
    assert!(world.app.history_counts(&head, place()).await.unwrap().is_none());
    assert!(world.app.export_history(&head, place(), None).await.unwrap().is_none());
    let wrong = HistoryFilter { person: "amara".to_owned(), ..HistoryFilter::default() };
    let again = world.app.keep_search(&lead, wrong).await.unwrap().unwrap_err();
    assert_eq!((again.problems.len(), again.filter.person.as_str()), (2, "amara"));
}

#[tokio::test]
async fn what_else_happened_around_a_request_is_of_the_same_person_and_within_ones_school() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let other = world.add("other", Role::SafeguardingLead, school("whitestone")).await;
    let view = search(&world, &lead, |f| f.host = "gambling".to_owned()).await;
    let event = view.rows[0].around_link.strip_prefix("/history/around/").unwrap().to_owned();
    let place = || HistoryPlace::Around { event: event.clone(), page: String::new() };
    let asked = world.app.history_view(&lead, place(), None).await.unwrap().unwrap();
    let fields: Vec<&str> = asked.problems.iter().map(|(field, _)| field.as_str()).collect();
    assert_eq!((fields, asked.rows.len()), (vec!["reason", "why"], 0), "it is one person's");
    assert!(world.app.history_counts(&lead, place()).await.unwrap().unwrap().problems.len() == 2);
    assert_eq!(world.count_facts("look-at-person").await, 0);
    let shown = around(&world, &lead, &event).await.unwrap();
    assert_eq!((shown.total, shown.about.is_empty()), (3, false), "ten minutes either way, both ends");
    assert!(shown.rows.iter().all(|row| row.person.starts_with("Pupil ")));
    assert_eq!(world.count_facts("look-at-person").await, 1);
    assert!(world.app.history_view(&other, place(), None).await.unwrap().is_none(), "another school");
    assert!(around(&world, &other, &event).await.is_none());
    let why = ExplainQuestion { event: event.clone(), ..ExplainQuestion::default() };
    let answer = world.app.explain(&lead, why.clone()).await.unwrap().answer.unwrap();
    assert!(answer.who.starts_with("Pupil ") && answer.sentence.contains("Gambling"), "{answer:?}");
    assert!(world.app.explain(&other, why).await.unwrap().answer.is_none());
    let nothing = HistoryPlace::Around { event: "1.2.3".to_owned(), page: String::new() };
    assert!(world.app.history_view(&lead, nothing, None).await.unwrap().is_none());
}

#[tokio::test]
async fn an_address_at_which_one_person_was_is_looked_at_with_a_reason() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let view = search(&world, &lead, |f| f.device = "10.30.0.9".to_owned()).await;
    assert_eq!((view.problems.len(), view.rows.len()), (2, 0), "of this school one person was there");
    let with_reason =
        || HistoryFilter { person: String::new(), device: "10.30.0.9".to_owned(), ..for_person("") };
    assert_eq!(search(&world, &lead, |f| *f = with_reason()).await.total, 3);
    assert_eq!(world.count_facts("look-at-person").await, 1);
    let everywhere = world.add("everywhere", Role::SafeguardingLead, Scope::Trust).await;
    let view = search(&world, &everywhere, |f| f.device = "10.30.0.9".to_owned()).await;
    assert_eq!((view.problems.len(), view.total), (0, 6), "of the trust two were: it names nobody");
}

#[tokio::test]
async fn an_address_at_which_one_lent_device_was_is_a_look_at_whom_it_is_lent_to() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let amara = world.roster.get().person_by_login("amara").unwrap().id;
    let (id, address) = (DeviceId(uuid::Uuid::from_u128(71)), "10.30.0.77".parse().unwrap());
    let device = Device {
        id,
        school: SchoolId::new("ashbrook"),
        name: "LAPTOP-7".to_owned(),
        kind: DeviceKind::Workstation,
        addresses: vec![address],
        assigned_to: Some(amara),
    };
    let fact = Fact::new(&Actor::Program, Scope::Trust, NOW, "add-device");
    world.store.commit(&fact, &[Change::AddDevice(device)]).await.unwrap();
    world.app.take_up_changes().await.unwrap();
    let made = world.event(amara, "ashbrook", "jobs.example", NOW);
    let of_device = AccessEvent { person: None, known_by: None, device: Some(id), address, ..made };
    world.history.append(&[of_device]).unwrap();
    let view = search(&world, &lead, |f| f.device = "10.30.0.77".to_owned()).await;
    assert_eq!((view.problems.len(), view.rows.len()), (2, 0), "it wants a reason");
    let with_reason =
        HistoryFilter { person: String::new(), device: "10.30.0.77".to_owned(), ..for_person("") };
    assert_eq!(search(&world, &lead, |f| *f = with_reason).await.total, 1);
    let facts = world.facts().await;
    let looked = facts.iter().find(|fact| fact.action == "look-at-person").unwrap();
    assert_eq!(looked.subject, format!("person:{amara}"));
}

#[tokio::test]
async fn what_a_device_asked_for_that_is_lent_to_staff_is_for_those_who_read_about_staff() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let teacher = id_of(&world.add("teacher", Role::ClassTeacher, school("ashbrook")).await);
    let device = Device {
        id: DeviceId(uuid::Uuid::from_u128(71)),
        school: SchoolId::new("ashbrook"),
        name: "LAPTOP-7".to_owned(),
        kind: DeviceKind::Workstation,
        addresses: vec!["10.30.0.77".parse().unwrap()],
        assigned_to: Some(teacher),
    };
    let made = world.event(teacher, "ashbrook", "jobs.example", NOW);
    let of_device = AccessEvent { person: None, known_by: None, device: Some(device.id), ..made };
    let fact = Fact::new(&Actor::Program, Scope::Trust, NOW, "add-device");
    world.store.commit(&fact, &[Change::AddDevice(device)]).await.unwrap();
    world.app.take_up_changes().await.unwrap();
    world.history.append(&[of_device]).unwrap();
    for (actor, is_withheld) in [(&lead, true), (&head, false)] {
        let view = search(&world, actor, |f| f.host = "jobs.example".to_owned()).await;
        let row = &view.rows[0];
        assert_eq!((row.is_withheld, row.path.is_empty()), (is_withheld, is_withheld), "{actor}");
        assert_eq!(row.around_link.is_empty(), is_withheld, "{actor}");
    }
}

#[tokio::test]
async fn whoever_has_left_keeps_the_protection_of_staff() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let head = world.add("head", Role::Headteacher, Scope::Trust).await;
    let left = world.add("left", Role::ClassTeacher, school("ashbrook")).await;
    let id = id_of(&left);
    world.visit(id, "ashbrook", "jobs.example", NOW);
    let leaves = Change::SetAffiliations { person: id, affiliations: Vec::new() };
    world.store.commit(&Fact::new(&lead, Scope::Trust, NOW, "move-person"), &[leaves]).await.unwrap();
    world.app.take_up_changes().await.unwrap();
    for (actor, is_withheld) in [(&lead, true), (&head, false)] {
        let view = search(&world, actor, |f| f.host = "jobs".to_owned()).await;
        assert_eq!(
            (view.rows[0].is_withheld, view.rows[0].around_link.is_empty()),
            (is_withheld, is_withheld)
        );
        assert!(view.rows[0].person.starts_with("Somebody who has left"), "{}", view.rows[0].person);
        let words = search(&world, actor, |f| (f.words, f.host) = ("b".to_owned(), "jobs".to_owned())).await;
        assert_eq!(words.total == 0, is_withheld);
    }
}

#[tokio::test]
async fn a_class_is_searched_by_who_learns_in_it_and_within_reach() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let other = world.add("other", Role::SafeguardingLead, school("whitestone")).await;
    let second = world.add_pupil("carla", "5", school("ashbrook")).await;
    world.visit(second, "ashbrook", "education.schoolgate.test", NOW);
    let first = world.roster.get().person_by_login("amara").unwrap().id;
    let class = ClassId(uuid::Uuid::from_u128(70));
    let mut changes = vec![ClassChange::Add {
        id: class,
        school: SchoolId::new("ashbrook"),
        name: "Hazel".to_owned(),
        kind: ClassKind::Teaching,
        from: NOW,
    }];
    for person in [first, second] {
        let (part, scope) = (ClassPart::Learner, school("ashbrook"));
        changes.push(ClassChange::Join { class, person, part, from: NOW, scope });
    }
    let changes: Vec<Change> = changes.into_iter().map(Change::Class).collect();
    let fact = Fact::new(&technician(), Scope::Trust, NOW, "make-class");
    world.store.commit(&fact, &changes).await.unwrap();
    let of_class = |f: &mut HistoryFilter| f.class = class.to_string();
    let view = search(&world, &lead, of_class).await;
    assert_eq!((view.total, view.choices.classes.len()), (4, 1));
    assert!(view.choices.classes[0].1.starts_with("Hazel"), "{:?}", view.choices.classes);
    let view = search(&world, &other, of_class).await;
    assert_eq!((view.total, view.choices.classes.len()), (0, 0), "another school\u{2019}s class");
}

#[tokio::test]
async fn a_file_with_names_records_every_one_of_them() {
    let world = World::new("trust.toml").await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let person = |number: u128| Person {
        id: PersonId(uuid::Uuid::from_u128(9_000 + number)),
        login: format!("pupil{number}"),
        display_name: format!("Pupil{number} Thistlewick"),
        affiliations: vec![Affiliation {
            scope: school("ashbrook"),
            role: Role::Learner,
            year: YearGroup::parse("5"),
        }],
    };
    let people: Vec<Person> = (0..230).map(person).collect();
    let add = people.iter().map(|person| Change::AddPerson { person: person.clone(), scope: Scope::Trust });
    let fact = Fact::new(&technician(), Scope::Trust, NOW, "add-person");
    world.store.commit(&fact, &add.collect::<Vec<_>>()).await.unwrap();
    world.app.take_up_changes().await.unwrap();
    for (number, person) in (0..).zip(&people) {
        world.visit(person.id, "ashbrook", "education.schoolgate.test", NOW.plus_ms(number));
    }
    let file = world.app.export_history(&head, everything(), Some(purpose())).await.unwrap().unwrap();
    assert_eq!(whole(file).await.matches("Thistlewick").count(), 230);
    let facts = world.facts().await;
    let named: Vec<_> = facts.iter().filter(|fact| fact.action == "show-name").collect();
    let listed = named.iter().map(|fact| fact.details()["people"].clone()).collect::<Vec<_>>().join(" ");
    assert_eq!((named.len(), listed.split(' ').count()), (2, 230));
    assert!(people.iter().all(|person| listed.contains(&person.id.to_string())));
}

#[tokio::test]
async fn counts_charts_and_sites_are_of_ones_school_alone() {
    let world = two_schools().await;
    world.visit(world.roster.get().person_by_login("wesley").unwrap().id, "whitestone", "only.example", NOW);
    for (scope, requests, sites) in
        [(school("ashbrook"), 3, 3), (school("whitestone"), 4, 4), (Scope::Trust, 7, 4)]
    {
        let lead = world.add(&format!("lead-{requests}"), Role::SafeguardingLead, scope).await;
        let counts = world.app.history_counts(&lead, everything()).await.unwrap().unwrap();
        assert_eq!((counts.total, counts.hosts.len()), (requests, sites));
        let in_times: u64 = counts.times.iter().map(|time| time.allowed + time.blocked + time.other).sum();
        assert_eq!(in_times, requests, "the chart shows the same");
        assert!(counts.times.len() == 8 && !counts.is_hourly, "a week, by the day: {:?}", counts.times.len());
        assert_eq!(counts.categories.iter().map(|category| category.all).sum::<u64>(), requests);
    }
    let it = world.add("it", Role::Technician, school("ashbrook")).await;
    let day =
        HistoryFilter { from: "2026-11-20".to_owned(), until: "2026-11-20".to_owned(), ..Default::default() };
    let hourly = world.app.history_counts(&it, HistoryPlace::asked(day)).await.unwrap().unwrap();
    assert_eq!((hourly.is_hourly, hourly.times.len(), hourly.total), (true, 24, 3));
    let wrong = HistoryFilter { from: "yesterday".to_owned(), ..Default::default() };
    let wrong = world.app.history_counts(&it, HistoryPlace::asked(wrong)).await.unwrap().unwrap();
    assert_eq!((wrong.problems.len(), wrong.total), (1, 0));
    assert_eq!(world.count_facts("count-history").await, 4);
}

#[tokio::test]
async fn at_the_command_line_a_person_is_looked_at_with_a_reason_as_well() {
    let world = two_schools().await;
    let without = HistoryFilter { person: "amara".to_owned(), ..HistoryFilter::default() };
    assert_eq!(search(&world, &technician(), |f| *f = without).await.problems.len(), 2);
    assert_eq!(search(&world, &technician(), |f| *f = for_person("amara")).await.total, 3);
    assert_eq!(world.count_facts("look-at-person").await, 1);
}

#[tokio::test]
async fn nobody_of_one_school_sees_another_school_through_any_filter() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    let all = search(&world, &lead, |_| ()).await;
    assert_eq!(all.total, 3);
    let own = all.rows[0].person.clone();
    type Change = fn(&mut HistoryFilter);
    let changes: [Change; 11] = [
        |f| *f = for_person("wesley"),
        |f| *f = for_person("thistlewick"),
        |f| f.year = "5".to_owned(),
        |f| f.school = "whitestone".to_owned(),
        |f| f.url = "schoolgate.test/".to_owned(),
        |f| f.words = "a".to_owned(),
        |f| f.device = "10.30.0.9".to_owned(),
        |f| f.host = "schoolgate.test".to_owned(),
        |f| f.outcome = "blocked".to_owned(),
        |f| f.category = "gambling".to_owned(),
        |f| f.page = "1.999999.9".to_owned(),
    ];
    for change in changes {
        let view = search(&world, &lead, change).await;
        let pupil = |row: &app::views::HistoryRow| row.person.starts_with("Amara") || row.person == own;
        assert!(view.rows.iter().all(pupil), "{:?}", view.filter);
        assert!(view.total <= 3, "counts are within the school too: {:?}", view.filter);
        assert!(!format!("{:?}", view.rows).contains("Wesley"));
    }
    let home = world.app.home(&lead).await.unwrap();
    let figures: Vec<u64> = home.figures.iter().map(|figure| figure.value).collect();
    assert_eq!(figures, [3, 2, 0, 0], "figures count one school");
}

#[tokio::test]
async fn an_export_holds_the_rows_of_ones_school_and_no_formula() {
    let world = two_schools().await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let file = world.app.export_history(&head, everything(), None).await.unwrap().unwrap();
    let text = whole(file).await;
    assert!(text.contains("Pupil ") && !text.to_lowercase().contains("amara"), "{text}");
    assert!(!text.to_lowercase().contains("wesley") && !text.contains("whitestone"), "{text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let host = reader.headers().unwrap().iter().position(|column| column == "host").unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].get(host), Some("vpn-proxy.schoolgate.test"), "newest first");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
    assert_eq!(world.count_facts("export-history").await, 1);
    let wrong = HistoryFilter { from: "yesterday".to_owned(), ..HistoryFilter::default() };
    assert!(world.app.export_history(&head, HistoryPlace::asked(wrong), None).await.is_err());
    assert_eq!(world.count_facts("export-history").await, 1, "nothing was taken");
    let named = world.app.export_history(&head, everything(), Some(purpose())).await.unwrap().unwrap();
    assert!(whole(named).await.contains(",Amara Thistlewick,amara,"));
    assert_eq!(world.count_facts("show-name").await, 1);
}

#[tokio::test]
async fn roles_without_history_are_denied_and_that_is_recorded() {
    let world = two_schools().await;
    for (login, role) in [
        ("governor", Role::Governor),
        ("teacher", Role::ClassTeacher),
        ("clerk", Role::GovernanceProfessional),
    ] {
        let actor = world.add(login, role, Scope::Trust).await;
        let search = world.search(&actor, HistoryFilter::default()).await;
        world.assert_denied(Action::SearchHistory, search).await;
        let export = world.app.export_history(&actor, everything(), None).await;
        world.assert_denied(Action::ExportHistory, export).await;
    }
    let technician = world.add("technician", Role::Technician, Scope::Trust).await;
    assert!(!search(&world, &technician, |_| ()).await.may_export);
    let export = world.app.export_history(&technician, everything(), None).await;
    world.assert_denied(Action::ExportHistory, export).await;
}

#[tokio::test]
async fn a_search_says_what_has_expired_and_how_much_to_whoever_reaches_it_all() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    assert_eq!(search(&world, &lead, |_| ()).await.expired, None);
    let tomorrow = NOW.plus_ms(86_400_000);
    world.history.expire(&Keep::from(tomorrow.day()), tomorrow).unwrap();
    let counts = ExpiredCounts { with_their_day: 6, names: 0, pages: 0, blocks: 0 };
    let all = ExpiredView { days: 1, days_in_part: 0, counts: Some(counts) };
    for (from, found) in [("", Some(&all)), ("2026-11-01", Some(&all)), ("2026-11-24", None)] {
        let view = search(&world, &lead, |f| f.from = from.to_owned()).await;
        assert_eq!((view.rows.len(), view.expired.as_ref()), (0, found), "from {from:?}");
    }
    let own = search(&world, &head, |f| f.from = "2026-11-01".to_owned()).await;
    assert_eq!(own.expired, Some(ExpiredView { counts: None, ..all }), "the other school's are not counted");
}
