//! Reports from anybody, and the weekly monitoring report.

use crate::alerts::{alert_about, newest};
use crate::world::{NOW, World, id_of, school, technician};
use app::views::{AlertFilter, HistoryFilter};
use app::{AlertDeed, AppError, Move, NewReport};
use model::{About, Action, Actor, Alert, ReportKind, Role, Scope, Severity, Triage};
use std::net::IpAddr;
use store::{Change, Fact};

const DAY_MS: i64 = 24 * 3_600_000;

fn report(kind: ReportKind, words: &str) -> NewReport {
    NewReport {
        kind,
        words: words.to_owned(),
        place: "the library".to_owned(),
        about: About::Learner,
        reporter: None,
        address: IpAddr::from([10, 0, 0, 7]),
    }
}

#[tokio::test]
async fn a_report_reaches_those_it_is_for_and_its_reference_says_that_it_was_dealt_with() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let officer = world.add("officer", Role::DataProtectionOfficer, school("larkfield")).await;
    let lost = world.app.report(report(ReportKind::LostDevice, "A tablet, on the bus")).await.unwrap();
    let seen = world.app.report(report(ReportKind::UnsuitableMaterial, "On a phone")).await.unwrap();
    let theirs = world.app.alerts_view(&officer, AlertFilter::default()).await.unwrap();
    assert_eq!((theirs.rows.len(), theirs.rows[0].severity), (1, Severity::High));
    assert_eq!(world.app.alerts_view(&lead, AlertFilter::default()).await.unwrap().rows.len(), 1);

    let status = world.app.report_status(&lost.to_lowercase()).await.unwrap().unwrap();
    assert_eq!((status.reference.as_str(), status.is_done), (lost.as_str(), false));
    assert!(!format!("{status:?}").contains("tablet"), "the reference tells nothing of what was said");
    let id = model::AlertId::parse(&theirs.rows[0].id).unwrap();
    let judged = AlertDeed::Judge { triage: Triage::Known, words: "Found again".to_owned() };
    assert!(world.app.work_on_alert(&officer, id, judged).await.unwrap());
    assert!(world.app.report_status(&lost).await.unwrap().unwrap().is_done);
    assert!(!world.app.report_status(&seen).await.unwrap().unwrap().is_done);
    assert_eq!(world.app.report_status("SG-AAAA-AAAA").await.unwrap(), None);
}

#[tokio::test]
async fn an_empty_report_and_one_too_many_from_an_address_are_turned_away_in_plain_words() {
    let world = World::new("first-school.toml").await;
    let empty = world.app.report(report(ReportKind::OddLesson, "  ")).await;
    assert!(matches!(empty, Err(AppError::Refused { .. })));
    for _ in 0..10 {
        world.app.report(report(ReportKind::OddLesson, "Vikings, next week")).await.unwrap();
    }
    let one_more = world.app.report(report(ReportKind::OddLesson, "Vikings, next week")).await;
    assert!(one_more.unwrap_err().theirs().contains("in person"));
}

#[tokio::test]
async fn the_weekly_report_is_drafted_once_read_by_somebody_and_signed_by_one() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    let helper = world.add("helper", Role::Staff, school("larkfield")).await;
    let model::Actor::Person { id: helper_id, .. } = helper else { unreachable!("a person") };
    let about_staff = alert_about(Some(helper_id), Severity::High);
    world.app.take_up_alerts(vec![alert_about(None, Severity::High), about_staff]).await.unwrap();
    for (login, role) in [("amara", Role::Learner), ("other", Role::Staff)] {
        let model::Actor::Person { id, .. } = world.add(login, role, school("larkfield")).await else {
            unreachable!("a person")
        };
        world.visit(id, "larkfield", "education.schoolgate.test", NOW);
        let look = HistoryFilter {
            person: login.to_owned(),
            reason: "concern".to_owned(),
            why: "Amara told her friend".to_owned(),
            ..HistoryFilter::default()
        };
        assert_eq!(world.search(&head, look).await.unwrap().total, 1);
    }
    for alert in world.store.alerts_since(model::Timestamp(0)).await.unwrap() {
        assert!(world.app.alert_view(&head, alert.id, app::Named::No).await.unwrap().is_some());
    }
    world.app.report(report(ReportKind::GotThrough, "A game")).await.unwrap();
    world.app.draft_weekly_reports().await.unwrap();
    world.clock.advance_ms(7 * DAY_MS);
    for _ in 0..2 {
        world.app.draft_weekly_reports().await.unwrap();
    }
    let weeks = world.app.weeks_view(&lead).await.unwrap();
    assert_eq!(weeks.len(), 1, "one a week, and none of the time before the first record");
    assert!(weeks[0].read.is_none());
    let home = world.app.home(&lead).await.unwrap();
    assert!(home.needs.iter().any(|need| need.link == "/weekly"), "unread is visible");
    assert!(home.needs[0].link == "/alerts", "alerts come before everything else");

    let week = weeks[0].week.clone();
    let view = world.app.week_view(&governor, &week, "").await.unwrap().unwrap();
    let line = |label: &str| view.lines.iter().find(|(l, _)| l == label).map(|(_, value)| value.as_str());
    assert_eq!(line("Alerts taken up"), Some("2"), "the one about staff is not counted: {:?}", view.lines);
    assert_eq!(line("Alerts opened"), Some("1"), "nor that somebody opened it: {:?}", view.lines);
    assert_eq!(line("Reports made"), Some("1"));
    assert_eq!(
        line("Looks at one person\u{2019}s history"),
        Some("1"),
        "of staff it tells nothing: {:?}",
        view.lines
    );
    let why = view.lines.iter().find(|(_, value)| value.starts_with("A concern")).unwrap();
    assert!(
        why.0.contains("Headteacher: Pupil ") && !format!("{:?}", view.lines).contains("Amara"),
        "{why:?}"
    );
    assert!(!view.may_sign);
    world.assert_denied(Action::SignWeekly, world.app.sign_week(&governor, (&week, ""), "").await).await;
    assert!(world.app.sign_week(&head, (&week, ""), "Seen").await.unwrap());
    let twice = world.app.sign_week(&lead, (&week, ""), "").await;
    assert!(matches!(twice, Err(AppError::Refused { .. })), "{twice:?}");
    let signed = world.app.week_view(&lead, &week, "").await.unwrap().unwrap();
    assert!(signed.row.signed.unwrap().1.contains("Headteacher"));
    assert!(signed.row.read.unwrap().1.contains("Governor"), "the first reader counts");
}

#[tokio::test]
async fn a_report_about_staff_goes_to_the_head_and_one_about_the_head_to_the_governors() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    for (about, readers) in [(About::Staff, [0, 1, 0]), (About::Head, [0, 1, 1])] {
        let about = NewReport { about, ..report(ReportKind::UnsuitableMaterial, "On a phone") };
        world.app.report(about).await.unwrap();
        for (actor, alerts) in [&lead, &head, &governor].into_iter().zip(readers) {
            let queue = world.app.alerts_view(actor, AlertFilter::default()).await.unwrap();
            assert_eq!(queue.rows.len(), alerts, "{actor}");
        }
    }
    world.clock.advance_ms(7 * DAY_MS);
    world.app.draft_weekly_reports().await.unwrap();
    let week = world.app.weeks_view(&lead).await.unwrap()[0].week.clone();
    let lines = world.app.week_view(&lead, &week, "").await.unwrap().unwrap().lines;
    assert!(lines.contains(&("Reports made".to_owned(), "0".to_owned())), "{lines:?}");
}

#[tokio::test]
async fn who_held_a_post_when_something_was_written_about_them_never_reads_it_whatever_they_become() {
    let world = World::new("first-school.toml").await;
    let place = school("larkfield");
    let head = world.add("head", Role::Headteacher, place.clone()).await;
    let lead = world.add("lead", Role::SafeguardingLead, place.clone()).await;
    let chair = world.add("chair", Role::ChairOfGovernors, place.clone()).await;
    let helper = world.add("helper", Role::Staff, place.clone()).await;
    let now = |actor: &Actor, role| match actor {
        Actor::Person { id, login, .. } => {
            Actor::Person { id: *id, login: login.clone(), roles: vec![(role, place.clone())] }
        }
        _ => unreachable!("a person"),
    };
    let about_head = NewReport { about: About::Head, ..report(ReportKind::UnsuitableMaterial, "On a phone") };
    world.app.report(about_head.clone()).await.unwrap();
    let reported = newest(&world).await;
    let mut written = vec![reported];
    for about in [&lead, &head, &helper] {
        world.clock.advance_ms(1);
        let alert = alert_about(Some(id_of(about)), Severity::High);
        world.app.take_up_alerts(vec![alert]).await.unwrap();
        written.push(newest(&world).await);
    }
    let case = world.app.open_case(&chair, reported, "A phone").await.unwrap().unwrap();
    let becomes =
        |login: &str, role| Move { login: login.to_owned(), role, year: None, reason: "so".to_owned() };
    for (login, role) in [("head", Role::ChairOfGovernors), ("lead", Role::Headteacher)] {
        world.app.set_affiliation(&technician(), becomes(login, role)).await.unwrap();
    }
    let (was_head, was_lead) = (now(&head, Role::ChairOfGovernors), now(&lead, Role::Headteacher));
    let mut readers = Vec::new();
    for id in written {
        let mut reads = [false; 3];
        for (reads, actor) in reads.iter_mut().zip([&was_head, &was_lead, &chair]) {
            *reads = world.app.alert_view(actor, id, app::Named::No).await.unwrap().is_some();
        }
        readers.push(reads);
    }
    // The report about the head, the alerts about the lead, the head, and a helper, whom the new head does read about.
    let (head_alone, chair_alone) = ([false, true, false], [false, false, true]);
    assert_eq!(readers, [chair_alone, [false; 3], chair_alone, head_alone]);
    for (actor, may) in [(&was_head, false), (&was_lead, false), (&chair, true)] {
        assert_eq!(world.app.case_view(actor, case, app::Named::No).await.unwrap().is_some(), may, "{actor}");
    }
    // What is written from now on is about the new head, and is for whoever is above: who was head is.
    world.clock.advance_ms(1);
    world.app.report(about_head).await.unwrap();
    let later = newest(&world).await;
    for (actor, may) in [(&was_head, true), (&was_lead, false), (&chair, true)] {
        assert_eq!(
            world.app.alert_view(actor, later, app::Named::No).await.unwrap().is_some(),
            may,
            "{actor}"
        );
    }
    // Once they left, what somebody writes down about them still goes round their successor.
    let leaves = Change::SetAffiliations { person: id_of(&head), affiliations: Vec::new() };
    world.store.commit(&Fact::new(&chair, Scope::Trust, NOW, "leave"), &[leaves]).await.unwrap();
    world.app.take_up_changes().await.unwrap();
    world.clock.advance_ms(1);
    let first = world.clock.now();
    let alert = Alert { first, last: first, ..alert_about(Some(id_of(&head)), Severity::High) };
    world.app.take_up_alerts(vec![alert]).await.unwrap();
    let after = newest(&world).await;
    for (actor, may) in [(&was_lead, false), (&chair, true)] {
        assert_eq!(
            world.app.alert_view(actor, after, app::Named::No).await.unwrap().is_some(),
            may,
            "{actor}"
        );
    }
}
