//! Searching and exporting history: within one's school, and never unseen.

use crate::world::{NOW, World, school};
use app::views::{HistoryFilter, HistoryView};
use model::{Action, Actor, Role, Scope};

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
    world.app.search_history(actor, filter).await.unwrap()
}

#[tokio::test]
async fn a_search_finds_by_each_field_newest_first() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let all = search(&world, &lead, |_| ()).await;
    assert_eq!((all.rows.len(), all.total, all.total_is_more), (6, 6, false));
    assert!(all.rows.is_sorted_by(|newer, older| newer.at >= older.at));
    assert_eq!(search(&world, &lead, |f| f.person = "Amara".to_owned()).await.total, 3);
    assert_eq!(search(&world, &lead, |f| f.person = "nobody".to_owned()).await.total, 0);
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
    assert!(row.explain_link.starts_with("/why?who="), "{row:?}");
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
    search(&world, &lead, |f| f.person = "amara".to_owned()).await;
    let facts = world.store.audit(&school("ashbrook"), 0, 100).await.unwrap();
    let look = facts.iter().find(|fact| fact.action == "search-history").unwrap();
    assert_eq!(look.actor, lead.to_string());
    assert_eq!(look.details, r#"{"person":"amara"}"#);
}

#[tokio::test]
async fn nobody_of_one_school_sees_another_school_through_any_filter() {
    let world = two_schools().await;
    let lead = world.add("lead", Role::SafeguardingLead, school("ashbrook")).await;
    assert_eq!(search(&world, &lead, |_| ()).await.total, 3);
    type Change = fn(&mut HistoryFilter);
    let changes: [Change; 7] = [
        |f| f.person = "wesley".to_owned(),
        |f| f.person = "thistlewick".to_owned(),
        |f| f.device = "10.30.0.9".to_owned(),
        |f| f.host = "schoolgate.test".to_owned(),
        |f| f.outcome = "blocked".to_owned(),
        |f| f.category = "gambling".to_owned(),
        |f| f.page = "1.999999.9".to_owned(),
    ];
    for change in changes {
        let view = search(&world, &lead, change).await;
        assert!(view.rows.iter().all(|row| row.person.starts_with("Amara")), "{:?}", view.filter);
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
    let file = world.app.export_history(&head, HistoryFilter::default()).await.unwrap();
    let text = String::from_utf8(file).unwrap();
    assert!(!text.to_lowercase().contains("wesley") && !text.contains("whitestone"), "{text}");
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let host = reader.headers().unwrap().iter().position(|column| column == "host").unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].get(host), Some("vpn-proxy.schoolgate.test"), "newest first");
    assert!(rows.iter().flatten().all(|cell| !cell.starts_with(['=', '+', '-', '@'])));
    assert_eq!(world.count_facts("export-history").await, 1);
    let wrong = HistoryFilter { from: "yesterday".to_owned(), ..HistoryFilter::default() };
    assert!(world.app.export_history(&head, wrong).await.is_err());
    assert_eq!(world.count_facts("export-history").await, 1, "nothing was taken");
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
        let search = world.app.search_history(&actor, HistoryFilter::default()).await;
        world.assert_denied(Action::SearchHistory, search).await;
        let export = world.app.export_history(&actor, HistoryFilter::default()).await;
        world.assert_denied(Action::ExportHistory, export).await;
    }
    let technician = world.add("technician", Role::Technician, Scope::Trust).await;
    assert!(!search(&world, &technician, |_| ()).await.may_export);
    let export = world.app.export_history(&technician, HistoryFilter::default()).await;
    world.assert_denied(Action::ExportHistory, export).await;
}
