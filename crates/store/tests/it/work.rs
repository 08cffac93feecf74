//! The story of the safeguarding work: an alert from its taking up to a closed case, a report, a weekly report, and the
//! messages that leave. It knows no database.

use crate::NOW;
use crate::story::{fact, maya};
use model::{
    About, Alert, AlertId, AlertKind, AlertState, AlertSubject, CaseEntryKind, CaseId, CaseLinkKind,
    CaseOutcome, CustodyStep, Day, EventId, ExportId, ExportKind, ExportState, GateId, Ladder, LawfulBasis,
    NotificationId, ReportId, ReportKind, Role, Scope, Severity, Theme, Triage,
};
use store::{
    AlertChange, AlertEntry, CaseChange, CaseEntry, CaseLink, Change, CustodyEntry, ExportChange, MadePack,
    NewAlert, NewCase, NewExport, NewNotification, NotificationChange, NotificationChannel,
    NotificationState, ReportChange, ReportRecord, Store, StoreError,
};
use uuid::Uuid;

pub async fn tell(store: &Store) {
    alerts_are_worked_through(store).await;
    cases_keep_everything(store).await;
    reports_are_found_by_reference(store).await;
    exports_are_decided_once(store).await;
    weeks_are_signed_once(store).await;
    messages_leave_or_are_given_up(store).await;
}

async fn alerts_are_worked_through(store: &Store) {
    let high = new_alert(1, Severity::High);
    let critical = new_alert(2, Severity::Critical);
    let changes = [take_up(&high), take_up(&critical)];
    store.commit(&fact("take-up-alerts"), &changes).await.unwrap();
    let read = store.alert(high.id).await.unwrap().unwrap();
    assert_eq!((&read.alert, &read.ladder, &read.readers), (&high.alert, &high.ladder, &high.readers));
    assert_eq!((read.state, read.due, read.rung), (AlertState::New, high.due, 0));
    let queue = store.alerts_in(AlertState::New).await.unwrap();
    assert_eq!(queue.iter().map(|row| row.id).collect::<Vec<_>>(), [critical.id, high.id], "worst first");
    assert_eq!(store.open_alerts_of_rule("self-harm.method").await.unwrap().len(), 2);

    let again = Alert {
        last: NOW.plus_ms(50),
        count: 3,
        severity: Severity::Critical,
        rule: "self-harm.intent".into(),
        ..high.alert.clone()
    };
    let repeat = AlertChange::Repeat {
        id: high.id,
        again: Box::new(again),
        events: vec![event(1), event(9)],
        due: Some(NOW.plus_ms(800_000)),
    };
    commit(store, repeat).await.unwrap();
    let read = store.alert(high.id).await.unwrap().unwrap();
    assert_eq!((read.alert.count, read.alert.severity), (3, Severity::Critical));
    assert_eq!((&*read.alert.rule, read.due), ("self-harm.intent", Some(NOW.plus_ms(800_000))));
    assert_eq!((read.alert.last, read.alert.events), (NOW.plus_ms(50), vec![event(1), event(9)]));

    assert_eq!(store.alerts_that_began(NOW.plus_ms(-5)).await.unwrap().len(), 2);
    assert_eq!(store.alerts_that_began(NOW).await.unwrap(), []);

    assert_eq!(store.alerts_due(NOW).await.unwrap().len(), 0);
    assert_eq!(store.alerts_due(NOW.plus_ms(900_000)).await.unwrap().len(), 2);
    let next = AlertChange::Escalate { id: critical.id, rung: 1, due: None };
    commit(store, next.clone()).await.unwrap();
    assert!(matches!(commit(store, next).await, Err(StoreError::Conflict { .. })), "a rung is called once");

    let (before, ladder) = (critical.readers.clone(), Ladder::of(AlertKind::Report, About::Head));
    let aim = AlertChange::Aim { id: critical.id, before, ladder: ladder.clone() };
    commit(store, aim.clone()).await.unwrap();
    assert!(matches!(commit(store, aim).await, Err(StoreError::Conflict { .. })), "once");
    let aimed = store.open_alerts_read_by(&[Role::ChairOfGovernors]).await.unwrap();
    assert_eq!(aimed.iter().map(|row| (row.id, &row.ladder)).collect::<Vec<_>>(), [(critical.id, &ladder)]);

    let entry = AlertEntry {
        at: NOW.plus_ms(7),
        actor: "person:x".to_owned(),
        what: "acknowledged".to_owned(),
        words: String::new(),
    };
    let changes = [
        Change::Alert(AlertChange::Acknowledge(critical.id)),
        Change::Alert(AlertChange::Write(critical.id, entry.clone())),
    ];
    store.commit(&fact("acknowledge-alert"), &changes).await.unwrap();
    let twice = store.commit(&fact("acknowledge-alert"), &changes).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })), "{twice:?}");
    let read = store.alert(critical.id).await.unwrap().unwrap();
    assert_eq!(read.acknowledged, Some((NOW.plus_ms(7), "person:x".to_owned())));
    assert_eq!(store.alert_entries(critical.id).await.unwrap(), [entry]);

    commit(store, AlertChange::Merge { id: high.id, into: critical.id }).await.unwrap();
    assert_eq!(store.alert(high.id).await.unwrap().unwrap().merged_into, Some(critical.id));
    let triage =
        AlertChange::Triage { id: critical.id, triage: Triage::Real, state: AlertState::Acknowledged };
    commit(store, triage).await.unwrap();
    commit(store, AlertChange::Assign { id: critical.id, to: maya().id }).await.unwrap();
    let read = store.alert(critical.id).await.unwrap().unwrap();
    assert_eq!((read.triage, read.assigned_to), (Some(Triage::Real), Some(maya().id)));
    assert_eq!(store.newest_alert("safeguarding").await.unwrap(), Some(NOW));
    assert_eq!(store.newest_alert("test").await.unwrap(), None);
    assert_eq!(store.alerts_since(NOW).await.unwrap().len(), 2);
}

async fn cases_keep_everything(store: &Store) {
    let id = CaseId(Uuid::from_u128(500));
    let open = NewCase {
        id,
        scope: Scope::Trust,
        title: "Searches at night".to_owned(),
        at: NOW,
        by: "person:x".to_owned(),
        readers: vec![Role::SafeguardingLead],
        owner: Some(maya().id),
    };
    let link = CaseLink::to(CaseLinkKind::Person, maya().id.to_string(), NOW, "person:x");
    let copy = CaseLink::to(CaseLinkKind::Event, "1:20779:1", NOW, "person:x").frozen("GET x".to_owned());
    let changes = [
        Change::Case(CaseChange::Open(open)),
        Change::Case(CaseChange::Link(id, link.clone())),
        Change::Case(CaseChange::Link(id, copy.clone())),
        Change::Case(CaseChange::Write(id, line("first"))),
        Change::Case(CaseChange::Write(id, line("second"))),
        Change::Alert(AlertChange::PutInCase { id: AlertId(Uuid::from_u128(2)), case: id }),
    ];
    store.commit(&fact("open-case"), &changes).await.unwrap();
    assert_eq!(store.alerts_of_case(id).await.unwrap().len(), 1);
    assert_eq!(store.alerts_in(AlertState::Closed).await.unwrap().len(), 2);
    let links = store.case_links(id).await.unwrap();
    assert_eq!(links, [copy, link]);
    assert_eq!(links[0].is_unchanged(), Some(true));
    let changed = CaseLink { frozen: Some("GET y".to_owned()), ..links[0].clone() };
    assert_eq!(changed.is_unchanged(), Some(false));

    let strike = CaseChange::Strike {
        id,
        sequence: 1,
        at: NOW.plus_ms(9),
        by: "person:x".to_owned(),
        why: "the wrong pupil".to_owned(),
    };
    store.commit(&fact("strike-line"), &[Change::Case(strike.clone())]).await.unwrap();
    let twice = store.commit(&fact("strike-line"), &[Change::Case(strike)]).await;
    assert!(matches!(twice, Err(StoreError::Conflict { .. })));
    let lines = store.case_entries(id).await.unwrap();
    assert_eq!(lines.iter().map(|line| line.words.as_str()).collect::<Vec<_>>(), ["first", "second"]);
    assert_eq!(lines[0].struck.as_ref().unwrap().2, "the wrong pupil");

    let add = CaseChange::AddReader { id, person: maya().id, at: NOW, by: "person:x".to_owned() };
    let changes = [
        Change::Case(add),
        Change::Case(CaseChange::SetReference(id, "CP-1".to_owned())),
        Change::Case(CaseChange::SetReaders(id, vec![Role::Headteacher])),
        Change::Case(CaseChange::Close(id, CaseOutcome::EarlyHelp, NOW.plus_ms(10))),
    ];
    store.commit(&fact("close-case"), &changes).await.unwrap();
    let case = store.case(id).await.unwrap().unwrap();
    assert_eq!((case.circle.clone(), case.people.clone()), (vec![maya().id], vec![maya().id]));
    assert_eq!((case.outcome, case.readers.clone()), (Some(CaseOutcome::EarlyHelp), vec![Role::Headteacher]));
    assert_eq!(store.cases().await.unwrap(), [case]);
    let changes = [
        Change::Case(CaseChange::Reopen(id)),
        Change::Case(CaseChange::RemoveReader { id, person: maya().id, at: NOW.plus_ms(11) }),
    ];
    store.commit(&fact("reopen-case"), &changes).await.unwrap();
    let case = store.case(id).await.unwrap().unwrap();
    assert_eq!((case.outcome, case.circle.len()), (None, 0));
    assert_eq!(store.open_cases_read_by(&[Role::Headteacher]).await.unwrap(), [case]);
    open_ones_are_found_by_who_reads_them(store, id).await;
}

async fn open_ones_are_found_by_who_reads_them(store: &Store, id: CaseId) {
    assert_eq!(store.open_cases_read_by(&[Role::SafeguardingLead]).await.unwrap(), []);
    let of_case = store.open_alerts_read_by(&[Role::ChairOfGovernors]).await.unwrap();
    assert_eq!(of_case.len(), 1, "it is closed, and its case is open");
    let again = [Change::Case(CaseChange::SetReaders(id, vec![Role::Headteacher]))];
    assert!(store.commit(&fact("aim-case"), &again).await.is_err(), "they are its readers already");
    let close = [Change::Case(CaseChange::Close(id, CaseOutcome::EarlyHelp, NOW.plus_ms(12)))];
    store.commit(&fact("close-case"), &close).await.unwrap();
    assert_eq!(store.open_cases_read_by(&[Role::Headteacher]).await.unwrap(), []);
    assert_eq!(store.open_alerts_read_by(&[Role::ChairOfGovernors]).await.unwrap(), []);
}

async fn exports_are_decided_once(store: &Store) {
    let id = ExportId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0900));
    let asked = NewExport {
        id,
        scope: Scope::Trust,
        reference: "EX-AAAA-BBBB".to_owned(),
        kind: ExportKind::Police,
        basis: LawfulBasis::Crime,
        requester: "PC 4711".to_owned(),
        their_reference: String::new(),
        purpose: "To find who wrote".to_owned(),
        person: Some(maya().id),
        period: (NOW, NOW.plus_ms(5)),
        hold: Some("request-ex".to_owned()),
        asked: (NOW, "person:a".to_owned()),
    };
    let step = |step| CustodyEntry { at: NOW, actor: "person:a".to_owned(), step, words: "w".to_owned() };
    let ask = Change::Export(ExportChange::Ask(Box::new(asked.clone())));
    let first = Change::Export(ExportChange::Step(id, step(CustodyStep::Asked)));
    store.commit(&fact("ask-for-export"), &[ask.clone(), first]).await.unwrap();
    assert!(store.commit(&fact("ask-for-export"), &[ask]).await.is_err());
    let record = store.export(id).await.unwrap().unwrap();
    assert_eq!((&record.asked, record.state, &record.decided), (&asked, ExportState::Asked, &None));
    let made = MadePack { at: NOW, bytes: 7, requests: 3, manifest: "ab".to_owned() };
    let make = [Change::Export(ExportChange::Made(id, made.clone()))];
    assert!(store.commit(&fact("make-export"), &make).await.is_err(), "nobody approved it");
    let (by, why) = ("person:b".to_owned(), "checked".to_owned());
    let decide = ExportChange::Decide { id, state: ExportState::Approved, at: NOW, by, why };
    let decide = [Change::Export(decide)];
    store.commit(&fact("approve-export"), &decide).await.unwrap();
    assert!(store.commit(&fact("approve-export"), &decide).await.is_err(), "once");
    let last = Change::Export(ExportChange::Step(id, step(CustodyStep::Made)));
    store.commit(&fact("make-export"), &[make[0].clone(), last]).await.unwrap();
    assert_eq!(store.exports(&[]).await.unwrap(), []);
    let of_school = [Scope::School(model::SchoolId::new("elm")), Scope::School(model::SchoolId::new("ash"))];
    assert_eq!(store.exports(&of_school).await.unwrap(), [], "the trust's are not a school's");
    let own = NewExport {
        id: ExportId(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0901)),
        scope: of_school[1].clone(),
        reference: "EX-AAAA-CCCC".to_owned(),
        ..asked.clone()
    };
    let ask = Change::Export(ExportChange::Ask(Box::new(own.clone())));
    store.commit(&fact("ask-for-export"), &[ask]).await.unwrap();
    let found = store.exports(&of_school).await.unwrap();
    assert_eq!(found.iter().map(|record| &record.asked).collect::<Vec<_>>(), [&own]);
    assert_eq!(store.exports(&[Scope::Trust]).await.unwrap().len(), 2);
    store.commit(&fact("make-export"), &make).await.unwrap();
    let mut all = store.exports(&[Scope::Trust]).await.unwrap();
    all.retain(|record| record.asked.id == id);
    assert_eq!((all.len(), all[0].state, all[0].made.clone()), (1, ExportState::Made, Some(made)));
    assert_eq!(all[0].decided.as_ref().unwrap().2, "checked");
    let custody = store.custody(id).await.unwrap();
    assert_eq!(custody, [step(CustodyStep::Asked), step(CustodyStep::Made)]);
}

async fn reports_are_found_by_reference(store: &Store) {
    let report = ReportRecord {
        id: ReportId(Uuid::from_u128(700)),
        scope: Scope::Trust,
        reference: "SG-AAAA-BBBB".to_owned(),
        kind: ReportKind::LostDevice,
        words: "A tablet, on the bus".to_owned(),
        place: String::new(),
        reporter: None,
        at: NOW,
        alert: AlertId(Uuid::from_u128(1)),
    };
    let make = Change::Report(ReportChange::Make(report.clone()));
    store.commit(&fact("report"), &[make]).await.unwrap();
    assert_eq!(store.report_by_reference("SG-AAAA-BBBB").await.unwrap(), Some(report.clone()));
    assert_eq!(store.report_by_reference("SG-AAAA-BBBC").await.unwrap(), None);
    assert_eq!(store.report(report.id).await.unwrap(), Some(report.clone()));
    assert_eq!(store.reports_since(NOW).await.unwrap(), [report]);
    assert_eq!(store.count_reports(NOW.plus_ms(1)).await.unwrap(), (0, Some(NOW)));
}

async fn weeks_are_signed_once(store: &Store) {
    let (scope, week) = (Scope::Trust, "2026-11-16".to_owned());
    let draft = ReportChange::DraftWeek {
        scope: scope.clone(),
        week: week.clone(),
        at: NOW,
        body: "Alerts\t3".to_owned(),
    };
    let by = "person:x".to_owned();
    let read = ReportChange::ReadWeek {
        scope: scope.clone(),
        week: week.clone(),
        at: NOW.plus_ms(1),
        by: by.clone(),
    };
    let sign = ReportChange::SignWeek { scope, week, at: NOW.plus_ms(2), by, words: "Looked at".to_owned() };
    for change in [draft.clone(), read, sign.clone()] {
        store.commit(&fact("weekly-report"), &[Change::Report(change)]).await.unwrap();
    }
    for change in [draft, sign] {
        assert!(store.commit(&fact("weekly-report"), &[Change::Report(change)]).await.is_err());
    }
    let weeks = store.weekly_reports().await.unwrap();
    assert_eq!(weeks.len(), 1);
    assert_eq!(weeks[0].read.as_ref().unwrap().0, NOW.plus_ms(1));
    assert_eq!(weeks[0].words.as_deref(), Some("Looked at"));
}

async fn messages_leave_or_are_given_up(store: &Store) {
    let queue = |number: u128, severity| {
        Change::Notification(NotificationChange::Queue(NewNotification {
            id: NotificationId(Uuid::from_u128(number)),
            scope: Scope::Trust,
            about: "alert:1".to_owned(),
            channel: NotificationChannel::Mail,
            address: "lead".to_owned(),
            severity,
            at: NOW,
        }))
    };
    let changes = [queue(801, Severity::Low), queue(802, Severity::Critical), queue(803, Severity::High)];
    store.commit(&fact("queue"), &changes).await.unwrap();
    let due = store.notifications_due(NOW, 2).await.unwrap();
    let ids: Vec<u128> = due.iter().map(|row| row.id.0.as_u128()).collect();
    assert_eq!(ids, [802, 803], "the most urgent first");
    let id = |number: u128| NotificationId(Uuid::from_u128(number));
    let changes = [
        NotificationChange::Delivered { id: id(802), at: NOW.plus_ms(5) },
        NotificationChange::TryAgain { id: id(803), next_at: NOW.plus_ms(60), error: "no answer".to_owned() },
        NotificationChange::GiveUp { id: id(801), error: "refused".to_owned() },
    ];
    for change in changes {
        store.commit(&fact("notify"), &[Change::Notification(change)]).await.unwrap();
    }
    let again = NotificationChange::Delivered { id: id(802), at: NOW };
    assert!(store.commit(&fact("notify"), &[Change::Notification(again)]).await.is_err());
    assert_eq!(store.notifications_due(NOW, 10).await.unwrap(), []);
    let due = store.notifications_due(NOW.plus_ms(60), 10).await.unwrap();
    assert_eq!((due.len(), due[0].tries, due[0].error.as_deref()), (1, 1, Some("no answer")));
    let all = store.notifications_about("alert:1").await.unwrap();
    let states: Vec<_> = all.iter().map(|row| row.state).collect();
    assert_eq!(
        states,
        [NotificationState::GivenUp, NotificationState::Delivered, NotificationState::Waiting]
    );
    assert_eq!(store.notifications_late(NOW.plus_ms(1)).await.unwrap(), (1, 0));
    let give_up = NotificationChange::GiveUp { id: id(803), error: "no answer".to_owned() };
    store.commit(&fact("notify"), &[Change::Notification(give_up)]).await.unwrap();
    let late = store.notifications_late(NOW.plus_ms(1)).await.unwrap();
    assert_eq!(late, (0, 1), "by its last try, and not by when it was queued");
}

async fn commit(store: &Store, change: AlertChange) -> Result<(), StoreError> {
    store.commit(&fact("alert"), &[Change::Alert(change)]).await.map(|_| ())
}

fn take_up(new: &NewAlert) -> Change {
    Change::Alert(AlertChange::TakeUp(Box::new(new.clone())))
}

fn event(sequence: u64) -> EventId {
    EventId { gate: GateId(1), day: Day(20_779), sequence }
}

fn line(words: &str) -> CaseEntry {
    CaseEntry {
        sequence: 0,
        at: NOW,
        actor: "person:x".to_owned(),
        kind: CaseEntryKind::Decision,
        words: words.to_owned(),
        reason: "because".to_owned(),
        struck: None,
    }
}

fn new_alert(number: u128, severity: Severity) -> NewAlert {
    let kind = AlertKind::Safeguarding(Theme::SelfHarm);
    let ladder = Ladder::of(kind, About::Learner);
    NewAlert {
        id: AlertId(Uuid::from_u128(number)),
        scope: Scope::Trust,
        alert: Alert {
            kind,
            severity,
            subject: AlertSubject { person: Some(maya().id), ..AlertSubject::default() },
            rule: "self-harm.method".into(),
            why: "Asks how somebody may harm themselves".into(),
            first: NOW.plus_ms(-5),
            last: NOW,
            count: 1,
            events: vec![event(1)],
        },
        readers: ladder.readers(),
        ladder,
        due: Some(NOW.plus_ms(900_000)),
        at: NOW,
        report: None,
    }
}
