//! Cases from an alert to an outcome: evidence that stays, lines that stay, and readers who change.

use crate::alerts::{alert_about, newest};
use crate::world::{NOW, World, id_of, school};
use app::views::AlertFilter;
use app::{AppError, CaseDeed, Named};
use model::{
    Action, Actor, Alert, CaseEntryKind, CaseId, CaseOutcome, EventId, GateId, PersonId, Role, Severity,
};

pub async fn open(world: &World, actor: &Actor, person: Option<PersonId>) -> CaseId {
    let mut alert = alert_about(person, Severity::High);
    if let Some(person) = person {
        world.visit(person, "larkfield", "gambling.schoolgate.test", NOW);
        let id = EventId { gate: GateId(1), day: NOW.day(), sequence: 0 };
        alert = Alert { events: vec![id], ..alert };
    }
    world.app.take_up_alerts(vec![alert]).await.unwrap();
    let id = newest(world).await;
    world.app.open_case(actor, id, "Searches in the evening").await.unwrap().unwrap()
}

fn written(kind: CaseEntryKind, words: &str, reason: &str) -> CaseDeed {
    CaseDeed::Write { kind, words: words.to_owned(), reason: reason.to_owned() }
}

#[tokio::test]
async fn a_case_keeps_its_evidence_its_lines_and_its_outcome() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let pupil = world.add_pupil("amara", "4", school("larkfield")).await;
    let case = open(&world, &lead, Some(pupil)).await;
    let view = world.app.case_view(&lead, case, Named::No).await.unwrap().unwrap();
    assert_eq!((view.evidence.len(), view.people.len()), (1, 1));
    assert!(view.evidence[0].is_unchanged && view.evidence[0].copy.contains("gambling.schoolgate.test"));
    assert!(view.people[0].starts_with("Pupil "), "{:?}", view.people);
    let opened = world.facts().await.into_iter().find(|fact| fact.action == "open-case").unwrap();
    assert!(opened.details.contains(&view.evidence[0].hash), "the fact has the hash");

    let without_reason = written(CaseEntryKind::Decision, "Told nobody", "");
    assert!(matches!(
        world.app.work_on_case(&lead, case, without_reason).await,
        Err(AppError::Refused { .. })
    ));
    for deed in [
        written(CaseEntryKind::NegativeFinding, "Looked at last week: nothing", ""),
        written(CaseEntryKind::Decision, "Speak to the parents", "It came again"),
        CaseDeed::Strike { sequence: 2, why: "It was the wrong week".to_owned() },
        CaseDeed::Refer("CP-118".to_owned()),
        CaseDeed::Close { outcome: CaseOutcome::ParentContacted, words: "Spoken to".to_owned() },
    ] {
        assert!(world.app.work_on_case(&lead, case, deed).await.unwrap());
    }
    let facts = world.facts().await;
    for (action, said) in [
        ("write-in-case", "Looked at last week: nothing"),
        ("write-in-case", "Speak to the parents\nIt came again"),
        ("strike-line", "It was the wrong week"),
        ("close-case", "Parent or carer contacted. Spoken to"),
    ] {
        let hash = store::hash_of(said);
        let has_hash = facts.iter().any(|fact| fact.action == action && fact.details.contains(&hash));
        assert!(has_hash, "{action}: {said}");
    }
    let opened_line = CaseDeed::Strike { sequence: 1, why: "x".to_owned() };
    assert!(world.app.work_on_case(&lead, case, opened_line).await.is_err(), "only what people wrote");
    let view = world.app.case_view(&lead, case, Named::No).await.unwrap().unwrap();
    assert_eq!(
        (view.row.outcome.as_str(), view.row.reference.as_str()),
        ("Parent or carer contacted", "CP-118")
    );
    let struck: Vec<bool> = view.lines.iter().map(|line| line.struck.is_some()).collect();
    assert_eq!(struck, [false, true, false, false, false]);
    assert_eq!(view.lines[1].words, "Looked at last week: nothing", "what was struck out stays readable");

    let file = world.app.export_case(&lead, case).await.unwrap().unwrap();
    let file = String::from_utf8(file).unwrap();
    assert!(file.contains("Speak to the parents,It came again") && file.contains("CP-118"), "{file}");
    assert_eq!(world.count_facts("export-case").await, 1);
    assert!(world.app.work_on_case(&lead, case, CaseDeed::Reopen("New searches".to_owned())).await.unwrap());
}

#[tokio::test]
async fn a_case_that_turns_out_to_be_about_staff_leaves_the_lead_everywhere() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    world.add("helper", Role::Staff, school("larkfield")).await;
    let case = open(&world, &lead, None).await;
    let about_head = CaseDeed::LinkPerson("head".to_owned());
    let unread = world.app.work_on_case(&lead, case, about_head).await;
    assert!(matches!(unread, Err(AppError::Refused { .. })), "there is no governor to read it: {unread:?}");
    assert!(world.app.work_on_case(&lead, case, CaseDeed::LinkPerson("helper".to_owned())).await.unwrap());
    assert!(world.app.case_view(&lead, case, Named::No).await.unwrap().is_none());
    assert!(world.app.cases_view(&lead).await.unwrap().rows.is_empty());
    assert!(world.app.export_case(&lead, case).await.unwrap().is_none());
    assert!(!world.app.show_names_of_case(&lead, case, "to know").await.unwrap());
    assert!(!world.app.work_on_case(&lead, case, CaseDeed::Refer("x".to_owned())).await.unwrap());
    let view = world.app.case_view(&head, case, Named::No).await.unwrap().unwrap();
    assert_eq!(view.readers, ["Headteacher"]);
}

#[tokio::test]
async fn inside_a_circle_nobody_else_reads_whatever_their_post() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let deputy = world.add("deputy", Role::SafeguardingLead, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let case = open(&world, &lead, None).await;
    let alert = newest(&world).await;
    let deputy_id = id_of(&deputy);
    assert!(world.app.work_on_case(&lead, case, CaseDeed::AddReader(deputy_id)).await.unwrap());
    for (actor, may) in [(&lead, true), (&deputy, true), (&head, false)] {
        assert_eq!(world.app.case_view(actor, case, Named::No).await.unwrap().is_some(), may);
        assert_eq!(world.app.cases_view(actor).await.unwrap().rows.len(), usize::from(may));
        let closed = AlertFilter { show: "closed".to_owned(), severity: String::new() };
        assert_eq!(world.app.alerts_view(actor, closed).await.unwrap().total, usize::from(may));
        assert_eq!(world.app.alert_view(actor, alert, Named::No).await.unwrap().is_some(), may);
    }
    assert!(world.app.work_on_case(&lead, case, CaseDeed::RemoveReader(deputy_id)).await.unwrap());
    assert!(world.app.case_view(&deputy, case, Named::No).await.unwrap().is_none());
    let lead_id = id_of(&lead);
    let last = world.app.work_on_case(&lead, case, CaseDeed::RemoveReader(lead_id)).await;
    assert!(matches!(last, Err(AppError::Refused { .. })), "somebody is left");
    let technician = world.add("technician", Role::Technician, school("larkfield")).await;
    world.assert_denied(Action::WorkCases, world.app.cases_view(&technician).await).await;
}
