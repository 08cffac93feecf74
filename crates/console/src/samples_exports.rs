//! Samples of the exports pages. Names are made up.

use crate::pages::exports::{AskForm, AskPage, ExportPage, ExportsPage};
use crate::samples::HOSTILE;
use app::views::{CustodyView, ExportRow, ExportView, ExportsView};
use model::{CustodyStep, ExportKind, ExportState, Timestamp};

fn row(state: ExportState, now: Timestamp) -> ExportRow {
    ExportRow {
        id: "0199aabb-0000-7000-8000-000000000009".to_owned(),
        reference: "EX-4K7P-2WQX".to_owned(),
        kind: ExportKind::Police,
        requester: format!("PC 4711 {HOSTILE}"),
        state,
        asked_at: now,
        asked_by: "Alex Sample, Designated safeguarding lead".to_owned(),
    }
}

pub(crate) fn lists(now: Timestamp) -> Vec<ExportsPage> {
    let rows: Vec<ExportRow> = ExportState::ALL.into_iter().map(|state| row(state, now)).collect();
    let fingerprint = "AB12 CD34".to_owned();
    let broken = vec![format!("Fact 4 of trust is missing: later ones are there. {HOSTILE}")];
    [(rows, Some((now, 9, broken))), (Vec::new(), Some((now, 1_204, Vec::new()))), (Vec::new(), None)]
        .map(|(rows, audit)| {
            ExportsPage::of(ExportsView { rows, fingerprint: fingerprint.clone(), audit }, now)
        })
        .into()
}

pub(crate) fn requests(now: Timestamp) -> Vec<ExportPage> {
    let step = |step| CustodyView { at: now, by: "Alex Sample".to_owned(), step, words: HOSTILE.to_owned() };
    let view = |state, (may_decide, asked_by_viewer)| ExportView {
        row: row(state, now),
        terms: vec![("What for".to_owned(), HOSTILE.to_owned())],
        made: (state == ExportState::Made).then(|| (18_204, 12, "ab".repeat(32))),
        custody: CustodyStep::ALL.map(step).into(),
        may_decide,
        asked_by_viewer,
        elsewhere: String::new(),
        fingerprint: "AB12 CD34".to_owned(),
    };
    [
        view(ExportState::Asked, (true, false)),
        view(ExportState::Asked, (false, true)),
        view(ExportState::Approved, (false, false)),
        view(ExportState::Refused, (false, false)),
        view(ExportState::Made, (false, false)),
        ExportView { elsewhere: format!("It lies at {HOSTILE}."), ..view(ExportState::Made, (false, false)) },
    ]
    .map(ExportPage::of)
    .into()
}

/// Every question, unanswered and answered wrong, and the check.
pub(crate) fn questions() -> Vec<AskPage> {
    let wrong = |field: &str| vec![(field.to_owned(), format!("Write something {HOSTILE}"))];
    let mut pages = vec![AskForm::sample("send", HOSTILE).next(&[])];
    for field in ["kind", "requester", "person", "until", "basis", "purpose", "hold"] {
        pages.push(AskForm::sample("send", HOSTILE).next(&wrong(field)));
        pages.push(AskForm::sample("", "").next(&wrong(field)));
    }
    pages
}
