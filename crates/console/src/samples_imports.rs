//! Samples of the pages on imports. Everybody in them is made up.

use crate::pages::imports::{FileForm, ImportPage, ImportsPage, SlipsPage};
use crate::samples::HOSTILE;
use app::views::{FaultView, ImportQuestionView, ImportRow, ImportView, ImportsView, SlipView, SlipsView};
use model::Timestamp;

fn row(now: Timestamp, state: &str) -> ImportRow {
    ImportRow {
        id: "01990000-0000-7000-8000-000000000001".to_owned(),
        name: if state == "undone" { String::new() } else { format!("pupils {HOSTILE}.csv") },
        kind: "People as they are now".to_owned(),
        school: "Willow First School".to_owned(),
        state: state.to_owned(),
        staged_at: now,
        staged_by: "Tariq Dunmoss, Technician".to_owned(),
    }
}

pub(crate) fn lists(now: Timestamp) -> Vec<ImportsPage> {
    let school = |id: &str| (id.to_owned(), format!("{id} First School"));
    let full = ImportsView {
        rows: ["staged", "applied", "undone", "dropped"].map(|state| row(now, state)).into(),
        schools: vec![school("Willow"), school("Alder")],
    };
    let bare = ImportsView { rows: Vec::new(), schools: vec![school("Willow")] };
    let form = FileForm::default;
    vec![ImportsPage::of(full, &form(), ""), ImportsPage::of(bare, &form(), "Choose a file.")]
}

pub(crate) fn imports(now: Timestamp) -> Vec<ImportPage> {
    let line = |who: &str, what: &str| ("changes".to_owned(), who.to_owned(), what.to_owned());
    let question = |name: &str| ImportQuestionView {
        source: format!("10{HOSTILE}"),
        line: 7,
        who: name.to_owned(),
        candidates: vec![(
            "01990000-0000-7000-8000-000000000002".to_owned(),
            format!("{name}, year group 4"),
        )],
    };
    let fault = |is_lost: bool| FaultView {
        place: "users.csv, line 7, grades".to_owned(),
        what: format!("There is no year group \u{201c}{HOSTILE}\u{201d}."),
        mend: "Expected N, R, or 1 to 13, such as Year 4.".to_owned(),
        is_lost,
    };
    let waiting = ImportView {
        row: row(now, "staged"),
        format: "CSV file".to_owned(),
        sums: vec!["Joining, Reception: 1".to_owned(), "Class 4B to 5A: 2".to_owned()],
        lines: vec![line("Amara Thistlewick", "Year 4 to Year 5; class 4B to 5A"), line(HOSTILE, HOSTILE)],
        more_lines: 1_200,
        same: 1,
        unsure: 2,
        holds: vec!["31 people would leave, of 240 on the records.".to_owned()],
        questions: vec![question("Amara Example"), question(HOSTILE)],
        all_questions: 2,
        faults: vec![fault(true), fault(false)],
        all_faults: 2,
        lost: 1,
        left_out: 3,
        is_whole: false,
        seen: "0123".to_owned(),
        not_approved: "First say who each of these people is.".to_owned(),
        decided: None,
        undone: None,
        undo_until: None,
        without_password: 0,
    };
    let plain = ImportView {
        holds: Vec::new(),
        questions: Vec::new(),
        all_questions: 0,
        faults: Vec::new(),
        all_faults: 0,
        more_lines: 0,
        not_approved: String::new(),
        is_whole: true,
        ..waiting.clone()
    };
    let deed = |why: &str| Some((now, "Alex Sample, Headteacher".to_owned(), why.to_owned()));
    let applied = ImportView {
        row: row(now, "applied"),
        lines: Vec::new(),
        decided: deed("the new term"),
        undo_until: Some(now.plus_ms(86_400_000)),
        without_password: 12,
        ..plain.clone()
    };
    let undone = ImportView {
        row: row(now, "undone"),
        undone: deed("the wrong file"),
        undo_until: None,
        without_password: 1,
        sums: Vec::new(),
        ..applied.clone()
    };
    let dropped =
        ImportView { row: row(now, "dropped"), undone: None, format: String::new(), ..undone.clone() };
    [waiting, plain, applied, undone, dropped].map(ImportPage::of).into()
}

pub(crate) fn slips(now: Timestamp) -> Vec<SlipsPage> {
    let slip = |expires: Option<Timestamp>| SlipView {
        name: format!("Amara {HOSTILE}"),
        what: "Learner, year group 4, Willow First School".to_owned(),
        login: "a.thistlewick".to_owned(),
        secret: "quiet-otter-41".to_owned(),
        expires,
        must_change: expires.is_some(),
        uses_console: false,
        person: "01990000-0000-7000-8000-000000000001".to_owned(),
    };
    let import = "01990000-0000-7000-8000-000000000001".to_owned();
    let full = SlipsView {
        import: import.clone(),
        slips: vec![slip(Some(now)), slip(None)],
        passed_over: 1,
        left: 40,
    };
    [full, SlipsView { import, slips: Vec::new(), passed_over: 2, left: 0 }].map(SlipsPage::of).into()
}
