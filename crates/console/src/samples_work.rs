//! Samples of the pages about alerts, cases, reports and weekly reports, in every state they have. Names are made up.

use crate::pages::alerts::{AlertPage, QueuePage};
use crate::pages::cases::{CasePage, CasesPage};
use crate::pages::report::{KindsPage, ReportForm, ReportPage, StatusPage};
use crate::pages::weekly::{WeekPage, WeeksPage};
use crate::samples::HOSTILE;
use app::views::{
    AlertEventView, AlertFilter, AlertLineView, AlertRow, AlertView, AlertsView, CaseLineView, CaseRow,
    CaseView, CasesView, EvidenceView, ReportStatusView, ReportWordsView, WeekRow, WeekView,
};
use model::{AlertState, CaseEntryKind, ReportKind, Severity, Timestamp, Triage};

fn alert_row(severity: Severity, state: AlertState, now: Timestamp) -> AlertRow {
    AlertRow {
        id: "0199aabb-0000-7000-8000-000000000001".to_owned(),
        severity,
        title: "Suicide and self-harm".to_owned(),
        why: format!("Asks how somebody may harm themselves {HOSTILE}"),
        who: if state == AlertState::New {
            String::new()
        } else {
            "Pupil 4F2A-91C3, year group 5".to_owned()
        },
        school: if state == AlertState::New { String::new() } else { "Willow".to_owned() },
        last: now,
        count: if state == AlertState::New { 1 } else { 12 },
        state,
        triage: (state == AlertState::Closed).then_some(Triage::Known),
        assigned_to: if state == AlertState::New { String::new() } else { "Alex Sample".to_owned() },
        due: (state == AlertState::New).then_some(now),
    }
}

pub(crate) fn queues(now: Timestamp) -> Vec<QueuePage> {
    let rows = Severity::ALL
        .into_iter()
        .flat_map(|severity| AlertState::ALL.into_iter().map(move |state| alert_row(severity, state, now)));
    let full = AlertsView {
        filter: AlertFilter { show: "closed".to_owned(), severity: "high".to_owned() },
        rows: rows.collect(),
        total: 15,
        unacknowledged: 5,
        cover: format!("nobody {HOSTILE}"),
        standing_cover: format!("nobody but {HOSTILE}"),
        nobody_is_told: true,
    };
    let one = AlertsView { total: 1, unacknowledged: 1, cover: String::new(), ..full.clone() };
    let none = AlertsView {
        rows: Vec::new(),
        total: 0,
        unacknowledged: 0,
        nobody_is_told: false,
        filter: AlertFilter::default(),
        ..full.clone()
    };
    [(full, true), (one, false), (none, true)].map(|(view, may)| QueuePage::of(view, 7, (may, now))).into()
}

pub(crate) fn alerts(now: Timestamp) -> Vec<AlertPage> {
    let event = |outcome: &str| AlertEventView {
        at: now,
        host: "search.example".to_owned(),
        path: format!("/?q={HOSTILE}"),
        outcome: outcome.to_owned(),
        reason: "Blocked for the group: the category Self-harm".to_owned(),
        device: "Tablet 12".to_owned(),
    };
    let line = AlertLineView {
        at: now,
        by: "Alex Sample, Headteacher".to_owned(),
        what: "Judged".to_owned(),
        words: HOSTILE.to_owned(),
    };
    let full = AlertView {
        row: alert_row(Severity::Critical, AlertState::New, now),
        kind: "safeguarding".to_owned(),
        rule: "self-harm.method".to_owned(),
        first: now,
        taken_up: now,
        name: String::new(),
        may_show_name: true,
        device: "Tablet 12".to_owned(),
        events: ["allowed", "blocked", "refused-origin", "failed"].map(event).into(),
        events_gone: 2,
        report: Some(ReportWordsView {
            title: "A device is lost".to_owned(),
            words: HOSTILE.to_owned(),
            place: "The bus".to_owned(),
            reference: "SG-AAAA-BBBB".to_owned(),
            reporter: "Not given".to_owned(),
        }),
        lines: vec![line],
        ladder: vec![("Designated safeguarding lead".to_owned(), true), ("Headteacher".to_owned(), false)],
        messages: vec![("mail".to_owned(), "delivered".to_owned(), now)],
        merged_into: "0199".to_owned(),
        case: String::new(),
        has_case: true,
        may_open_case: true,
        merge_into: vec![("0199".to_owned(), "Bullying, 2 times".to_owned())],
        assign_to: vec![("0199".to_owned(), "Alex Sample".to_owned())],
    };
    let bare = AlertView {
        row: alert_row(Severity::Low, AlertState::Closed, now),
        name: format!("Robin Sample {HOSTILE}"),
        events: Vec::new(),
        events_gone: 0,
        report: None,
        lines: Vec::new(),
        messages: Vec::new(),
        merged_into: String::new(),
        case: "0199".to_owned(),
        may_open_case: false,
        ..full.clone()
    };
    [full, bare].map(|view| AlertPage::of(view, now)).into()
}

fn case_row(outcome: &str, now: Timestamp) -> CaseRow {
    CaseRow {
        id: "0199aabb-0000-7000-8000-000000000002".to_owned(),
        title: format!("Searches in the evening {HOSTILE}"),
        school: if outcome.is_empty() { String::new() } else { "Willow".to_owned() },
        opened: now,
        owner: "Alex Sample".to_owned(),
        outcome: outcome.to_owned(),
        closed: (!outcome.is_empty()).then_some(now),
        reference: if outcome.is_empty() { String::new() } else { "CP-118".to_owned() },
        is_restricted: !outcome.is_empty(),
    }
}

pub(crate) fn case_lists(now: Timestamp) -> Vec<CasesPage> {
    let rows = vec![case_row("", now), case_row("Early help", now)];
    [CasesView { rows }, CasesView { rows: Vec::new() }].map(|view| CasesPage::of(view, now)).into()
}

pub(crate) fn cases(now: Timestamp) -> Vec<CasePage> {
    let line = |kind: CaseEntryKind| CaseLineView {
        sequence: 1,
        at: now,
        by: "Alex Sample".to_owned(),
        kind,
        words: HOSTILE.to_owned(),
        reason: if kind == CaseEntryKind::Decision { HOSTILE.to_owned() } else { String::new() },
        struck: (kind == CaseEntryKind::Note).then(|| (now, "Alex".to_owned(), HOSTILE.to_owned())),
        may_strike: kind == CaseEntryKind::Decision,
    };
    let evidence = |is_unchanged| EvidenceView {
        copy: format!("request: GET {HOSTILE}\n"),
        hash: "ab".repeat(32),
        is_unchanged,
        at: now,
    };
    let people = [("0199", "Alex Sample"), ("0200", "Kim Sample")];
    let people: Vec<(String, String)> =
        people.iter().map(|(id, name)| ((*id).to_owned(), (*name).to_owned())).collect();
    let full = CaseView {
        row: case_row("", now),
        people: vec!["Pupil 4F2A-91C3, year group 5".to_owned()],
        devices: vec!["Tablet 12".to_owned()],
        alerts: vec![("0199".to_owned(), "Bullying".to_owned()), ("0200".to_owned(), "Drugs".to_owned())],
        filter_changes: vec!["games.example blocked".to_owned()],
        evidence: vec![evidence(true), evidence(false)],
        lines: CaseEntryKind::ALL.map(line).into(),
        readers: vec!["Headteacher".to_owned()],
        circle: people.clone(),
        may_join: people,
        may_show_names: true,
        names_shown: false,
        may_hold: true,
    };
    let closed = CaseView {
        row: case_row("Early help", now),
        people: Vec::new(),
        devices: Vec::new(),
        alerts: Vec::new(),
        filter_changes: Vec::new(),
        evidence: Vec::new(),
        circle: Vec::new(),
        names_shown: true,
        ..full.clone()
    };
    [full, closed].map(|view| CasePage::of(view, now)).into()
}

pub(crate) fn kinds() -> KindsPage {
    KindsPage::of_all()
}

pub(crate) fn reports() -> Vec<ReportPage> {
    let form = |step: &str, with_name: &str| {
        serde_json::from_value::<ReportForm>(serde_json::json!({
            "step": step, "words": HOSTILE, "place": HOSTILE, "with_name": with_name
        }))
        .unwrap()
    };
    let problems = vec![("words".to_owned(), "Write what happened".to_owned())];
    let kind = ReportKind::GotThrough;
    vec![
        ReportPage::of(kind, ReportForm::default(), (&[], String::new())),
        ReportPage::of(kind, form("", ""), (&problems, "Alex Sample".to_owned())),
        ReportPage::of(kind, form("check", "yes"), (&[], "Alex Sample".to_owned())),
        ReportPage::of(kind, form("check", ""), (&[], String::new())),
    ]
}

pub(crate) fn statuses(now: Timestamp) -> Vec<StatusPage> {
    let view = |is_done| ReportStatusView {
        reference: "SG-AAAA-BBBB".to_owned(),
        at: now,
        state: "It was dealt with".to_owned(),
        is_done,
    };
    vec![
        StatusPage::of(String::new(), false, None),
        StatusPage::of(HOSTILE.to_owned(), false, None),
        StatusPage::of("SG-AAAA-BBBB".to_owned(), true, Some(view(false))),
        StatusPage::of("SG-AAAA-BBBB".to_owned(), false, Some(view(true))),
    ]
}

fn week_row(read: bool, signed: bool, now: Timestamp) -> WeekRow {
    let by = || (now, "Alex Sample, Headteacher".to_owned());
    WeekRow {
        week: "2026-11-16".to_owned(),
        place: "school:willow".to_owned(),
        school: if read { "Willow".to_owned() } else { String::new() },
        drafted_at: now,
        read: read.then(by),
        signed: signed.then(by),
    }
}

pub(crate) fn week_lists(now: Timestamp) -> Vec<WeeksPage> {
    let rows =
        [(false, false), (true, false), (true, true)].map(|(read, signed)| week_row(read, signed, now));
    vec![WeeksPage::of(rows.into()), WeeksPage::of(Vec::new())]
}

pub(crate) fn weeks(now: Timestamp) -> Vec<WeekPage> {
    let lines = [("Alerts", ""), ("Alerts taken up", "3"), ("Cases", ""), (HOSTILE, "1"), ("Reports", "")];
    let lines: Vec<(String, String)> =
        lines.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    let view = |signed, may_sign| WeekView {
        row: week_row(true, signed, now),
        lines: lines.clone(),
        words: HOSTILE.to_owned(),
        may_sign,
    };
    [view(false, true), view(false, false), view(true, false)].map(WeekPage::of).into()
}
