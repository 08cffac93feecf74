//! Samples of the pages about rights, reviews and visitors. Names are made up.

use crate::pages::access::{AccessPage, OpenForm, OpenReviewPage, RequestPage};
use crate::pages::access_ask::{AskForm, AskPage};
use crate::pages::review::ReviewPage;
use crate::pages::visitors::{NewPoolPage, PoolPage, VisitorsPage, WelcomePage};
use crate::samples::HOSTILE;
use app::views::{
    AccessView, PoolChoices, PoolForm, PoolRow, PoolView, ReviewLineView, ReviewRow, ReviewView, RightsRow,
    RightsView, VisitorForm, VisitorRow, VisitorsView,
};
use model::{RequestState, ReviewKind, ReviewState, RightsKind, Timestamp, VisitorState};

const ID: &str = "01990000-0000-7000-8000-000000000001";

fn request(now: Timestamp, state: RequestState) -> RightsRow {
    RightsRow {
        id: ID.to_owned(),
        name: format!("Amara Thistlewick {HOSTILE}"),
        role: "Class teacher".to_owned(),
        place: "Willow First School".to_owned(),
        state,
        asked_at: now,
        asked_by: "Tariq Dunmoss, Technician".to_owned(),
        lapses: now.plus_ms(3_600_000),
        may_decide: state == RequestState::Asked,
    }
}

fn review(now: Timestamp, state: ReviewState, mine: usize) -> ReviewRow {
    ReviewRow {
        id: ID.to_owned(),
        kind: if mine > 0 { ReviewKind::Accounts } else { ReviewKind::Rights },
        place: "Willow First School".to_owned(),
        state,
        opened: now,
        ends: now.plus_ms(3_600_000),
        lines: 30,
        open: 12,
        mine,
    }
}

pub(crate) fn lists(now: Timestamp) -> Vec<AccessPage> {
    let full = AccessView {
        requests: RequestState::ALL.map(|state| request(now, state)).into(),
        reviews: ReviewState::ALL.map(|state| review(now, state, 3)).into(),
        may_ask: true,
        may_open: vec![("trust".to_owned(), "The Trust".to_owned())],
    };
    let bare = AccessView { requests: Vec::new(), reviews: Vec::new(), may_ask: false, may_open: Vec::new() };
    [full, bare].map(AccessPage::of).into()
}

pub(crate) fn requests(now: Timestamp) -> Vec<RequestPage> {
    let waits = RightsView {
        row: request(now, RequestState::Asked),
        kind: RightsKind::Also,
        now: vec!["Member of staff, Willow First School".to_owned()],
        may: vec!["Read the policy".to_owned()],
        login: String::new(),
        why: HOSTILE.to_owned(),
        approved_by: vec!["Headteacher".to_owned(), "Governor".to_owned()],
        decided: None,
        review_on: None,
        may_withdraw: false,
        may_make_slip: false,
        slip_at_machine: false,
        person: ID.to_owned(),
    };
    let decided = Some((now, "Helena Marshbeck, Headteacher".to_owned(), HOSTILE.to_owned()));
    let newcomer = RightsView {
        row: request(now, RequestState::Approved),
        kind: RightsKind::Newcomer,
        login: "amara".to_owned(),
        decided,
        review_on: Some(now),
        may_make_slip: true,
        may: Vec::new(),
        ..waits.clone()
    };
    let machine = RightsView { may_make_slip: false, slip_at_machine: true, ..newcomer.clone() };
    let own = RightsView { may_withdraw: true, person: String::new(), ..waits.clone() };
    let again = RequestPage::of(waits.clone()).again(HOSTILE.to_owned(), "Say why.".to_owned());
    let mut pages: Vec<RequestPage> = [waits, newcomer, machine, own].map(RequestPage::of).into();
    pages.push(again);
    pages
}

pub(crate) fn questions() -> Vec<AskPage> {
    let places = [("willow".to_owned(), "Willow First School".to_owned())];
    let problems = ["kind", "login", "name", "role", "school", "why"];
    let problems = problems.map(|field| (field.to_owned(), format!("Say more {HOSTILE}")));
    let form = AskForm::sample(RightsKind::Newcomer, HOSTILE);
    vec![
        AskPage::of("who", &AskForm::default(), &places, &[]),
        AskPage::of("who", &form, &places, &problems),
        AskPage::of("what", &form, &[], &problems),
        AskPage::of("check", &form, &places, &[]),
        AskPage::of("check", &AskForm::sample(RightsKind::Also, "amara"), &places, &[]),
    ]
}

pub(crate) fn openings() -> Vec<OpenReviewPage> {
    let places = [("trust".to_owned(), "The Trust".to_owned())];
    let form = OpenForm::default();
    vec![
        OpenReviewPage::of(&form, &places, None),
        OpenReviewPage::of(&form, &places, Some("Choose what to go through".to_owned())),
        OpenReviewPage::of(&form, &[], None),
    ]
}

pub(crate) fn reviews(now: Timestamp) -> Vec<ReviewPage> {
    let line = |number: i64, may_answer: bool| ReviewLineView {
        number,
        name: format!("Amara {HOSTILE}"),
        what: "Learner, year group 4, Willow First School".to_owned(),
        class: "Hazel".to_owned(),
        approved: if may_answer { "Approved by somebody".to_owned() } else { String::new() },
        answer: String::new(),
        words: String::new(),
        answered: None,
        may_answer,
        may_finish: false,
    };
    let answered = ReviewLineView {
        answer: "Change".to_owned(),
        words: HOSTILE.to_owned(),
        answered: Some((now, "Carys".to_owned())),
        class: String::new(),
        may_finish: true,
        ..line(3, false)
    };
    let full = ReviewView {
        row: review(now, ReviewState::Held, 3),
        lines: vec![line(1, true), line(2, true), answered, line(4, false)],
        page: 2,
        pages: 3,
        counts: [1, 2, 3, 4],
        held_why: "4 of 4 learners of Hazel would be suspended at once".to_owned(),
        may_decide: true,
        closed: None,
    };
    let over = ReviewView {
        row: review(now, ReviewState::Closed, 0),
        lines: Vec::new(),
        page: 1,
        pages: 1,
        held_why: String::new(),
        may_decide: false,
        closed: Some(now),
        ..full.clone()
    };
    let again = ReviewPage::of(full.clone()).again(HOSTILE.to_owned(), "Say why.".to_owned());
    vec![ReviewPage::of(full), ReviewPage::of(over), again]
}

fn pool(now: Timestamp, ready: usize) -> PoolRow {
    PoolRow {
        id: ID.to_owned(),
        purpose: format!("Book fair {HOSTILE}"),
        host: HOSTILE.to_owned(),
        place: "Willow First School".to_owned(),
        ends: now,
        ready,
        issued: 1,
        destroyed: 1,
    }
}

fn visitor(now: Timestamp, state: VisitorState) -> VisitorRow {
    let is_had = state != VisitorState::Ready;
    let words = if is_had { HOSTILE } else { "" };
    VisitorRow {
        account: ID.to_owned(),
        pool: ID.to_owned(),
        login: format!("visitor-k4m2p-01{HOSTILE}"),
        state,
        visitor: words.to_owned(),
        host: words.to_owned(),
        why: words.to_owned(),
        issued: is_had.then(|| (now, "Stella".to_owned())),
        ends: now,
        destroyed: (state == VisitorState::Destroyed).then(|| (now, "Schoolgate itself".to_owned())),
    }
}

pub(crate) fn visitors(now: Timestamp) -> Vec<VisitorsPage> {
    let full = VisitorsView {
        pools: vec![pool(now, 2), pool(now, 0)],
        may_keep: true,
        log: [VisitorState::Issued, VisitorState::Destroyed].map(|state| visitor(now, state)).into(),
    };
    let bare = VisitorsView { pools: Vec::new(), may_keep: false, log: Vec::new() };
    [full, bare].map(VisitorsPage::of).into()
}

pub(crate) fn pools(now: Timestamp) -> Vec<PoolPage> {
    let full = PoolView {
        row: pool(now, 1),
        accounts: VisitorState::ALL.map(|state| visitor(now, state)).into(),
        may_keep: true,
        is_over: false,
    };
    let over = PoolView { is_over: true, ..full.clone() };
    [full, over].map(PoolPage::of).into()
}

pub(crate) fn new_pools() -> Vec<NewPoolPage> {
    let offered = |days, schools: &[&str]| PoolChoices {
        schools: schools.iter().map(|school| ((*school).to_owned(), (*school).to_owned())).collect(),
        days,
    };
    let problems = ["purpose", "host", "count", "until", "school"];
    let problems = problems.map(|field| (field.to_owned(), "Say more".to_owned()));
    let typed = PoolForm { purpose: HOSTILE.to_owned(), ..PoolForm::default() };
    vec![
        NewPoolPage::of(PoolForm::default(), &offered(1, &["willow"]), &[]),
        NewPoolPage::of(typed, &offered(3, &["willow", "ash"]), &problems),
    ]
}

pub(crate) fn welcomes(now: Timestamp) -> Vec<WelcomePage> {
    let problems = ["visitor", "host", "why"].map(|field| (field.to_owned(), "Say more".to_owned()));
    let typed = VisitorForm { visitor: HOSTILE.to_owned(), ..VisitorForm::default() };
    vec![
        WelcomePage::of(pool(now, 2), VisitorForm::default(), &[]),
        WelcomePage::of(pool(now, 2), typed, &problems),
    ]
}
