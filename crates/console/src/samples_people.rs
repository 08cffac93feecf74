//! Samples of the pages on people and accounts. Everybody in them is made up.

use crate::pages::choose_password::{ChoosePage, Way};
use crate::pages::fields::summary;
use crate::pages::my_account::{ConfirmPage, MyAccountPage};
use crate::pages::people::{PeoplePage, PersonPage};
use crate::pages::people_new::{NewPersonForm, NewPersonPage};
use crate::pages::people_reset::{ResetForm, ResetPage, SlipPage};
use crate::samples::HOSTILE;
use app::views::{
    AccountFactView, AccountView, ChoosePasswordView, MyAccountView, NewPersonChoices, PeopleFilter,
    PeopleView, PersonRow, PersonView, SecondStepView, SessionView, SlipView,
};
use model::Timestamp;

fn row(state: &str) -> PersonRow {
    PersonRow {
        id: "01990000-0000-7000-8000-000000000001".to_owned(),
        name: format!("Amara Thistlewick {HOSTILE}"),
        login: "amara".to_owned(),
        what: vec!["Learner, year group 4, Willow First School".to_owned(), "Guest, the trust".to_owned()],
        state: state.to_owned(),
    }
}

pub(crate) fn lists() -> Vec<PeoplePage> {
    let view = |total: usize, filter: PeopleFilter| PeopleView {
        filter,
        rows: ["Open", "Not used yet", "Suspended", "No account"].into_iter().take(total).map(row).collect(),
        total,
        page: 2,
        pages: 3,
        may_create: true,
        own_classes_only: false,
    };
    let narrowed =
        PeopleFilter { search: HOSTILE.to_owned(), role: "learner".to_owned(), ..PeopleFilter::default() };
    let one = PeopleView {
        page: 1,
        pages: 1,
        own_classes_only: true,
        may_create: false,
        ..view(1, PeopleFilter::default())
    };
    let first = PeopleView { page: 1, ..view(1_204, PeopleFilter::default()) };
    let last = PeopleView { page: 3, ..view(1_204, PeopleFilter::default()) };
    let nobody = PeopleView { own_classes_only: true, ..view(0, PeopleFilter::default()) };
    let empty = view(0, PeopleFilter::default());
    [view(1_204, narrowed.clone()), one, first, last, nobody, empty, view(0, narrowed)]
        .map(PeoplePage::of)
        .into()
}

fn session(now: Timestamp, id: &str, is_this: bool) -> SessionView {
    SessionView {
        id: id.to_owned(),
        what: "The console, everyday account".to_owned(),
        how: "Password".to_owned(),
        address: "10.20.0.7".to_owned(),
        since: now.plus_ms(-7_200_000),
        last_seen: now.plus_ms(-60_000),
        until: now.plus_ms(3_600_000),
        is_this,
    }
}

pub(crate) fn people(now: Timestamp) -> Vec<PersonPage> {
    let account = |state: &str, ends: Option<Timestamp>| AccountView {
        id: format!("01990000-0000-7000-8000-00000000000{}", state.len()),
        kind: "Everyday account".to_owned(),
        login: "amara".to_owned(),
        state: state.to_owned(),
        starts: now,
        ends,
        credentials: if ends.is_some() { Vec::new() } else { vec!["Temporary password".to_owned()] },
    };
    let fact = |why: &str| AccountFactView {
        at: now,
        by: "Tariq Dunmoss, Technician".to_owned(),
        what: "Given a temporary password".to_owned(),
        why: why.to_owned(),
    };
    let full = PersonView {
        row: row("Open"),
        classes: vec!["Hazel".to_owned()],
        accounts: vec![
            account("open", None),
            account("suspended", Some(now)),
            account("closed", None),
            account("pending", None),
        ],
        sessions: vec![session(now, "01990000-0000-7000-8000-000000000009", false)],
        history: vec![fact("They are here, and I know them"), fact("")],
        may_reset: true,
        may_manage: true,
        may_open: true,
    };
    let bare = PersonView {
        classes: Vec::new(),
        accounts: Vec::new(),
        sessions: Vec::new(),
        history: Vec::new(),
        may_reset: false,
        may_manage: false,
        may_open: false,
        ..full.clone()
    };
    let looked_at = PersonView { may_reset: false, may_manage: false, may_open: false, ..full.clone() };
    let closes = PersonView { may_open: false, ..full.clone() };
    let mut pages: Vec<PersonPage> =
        [full, bare, looked_at, closes].into_iter().map(|view| PersonPage::of(view, now)).collect();
    if let Some(page) = pages.first_mut() {
        page.summary = summary(&[("main-content".to_owned(), "Say why: it is recorded.".to_owned())]);
    }
    pages
}

pub(crate) fn additions() -> Vec<NewPersonPage> {
    let pair = |value: &str, text: &str| (value.to_owned(), text.to_owned());
    let offered = NewPersonChoices {
        roles: vec![pair("learner", "Learner"), pair("staff", "Member of staff")],
        schools: vec![pair("willow", "Willow First School")],
    };
    let wrong = [pair("name", "Enter the name"), pair("role", "Choose what they are")];
    let page = |step, problems: &[(String, String)]| {
        NewPersonPage::of(step, NewPersonForm::default(), &offered, problems)
    };
    vec![page("name", &[]), page("name", &wrong), page("role", &[]), page("role", &wrong), page("check", &[])]
}

pub(crate) fn resets() -> Vec<ResetPage> {
    let problems = [("made_sure".to_owned(), "Choose how you made sure who asks".to_owned())];
    let page = |problems: &[(String, String)]| {
        ResetPage::of(("1", format!("Amara {HOSTILE}")), &ResetForm::default(), problems)
    };
    vec![page(&[]), page(&problems)]
}

pub(crate) fn slips(now: Timestamp) -> Vec<SlipPage> {
    let slip = |expires| SlipView {
        name: "Amara Thistlewick".to_owned(),
        what: "Learner, year group 4, Willow First School".to_owned(),
        login: "amara".to_owned(),
        secret: "otter-lemon-garden-spring-cloud".to_owned(),
        expires,
        must_change: expires.is_some(),
        uses_console: false,
        person: "1".to_owned(),
    };
    vec![SlipPage::of(slip(Some(now)), "Added"), SlipPage::of(slip(None), "A new password")]
}

pub(crate) fn own(now: Timestamp) -> Vec<MyAccountPage> {
    let view = |sessions| MyAccountView {
        name: format!("Alex Sample {HOSTILE}"),
        login: "alex".to_owned(),
        account: "Everyday account".to_owned(),
        password_since: Some(now),
        sessions,
        factors: crate::samples_factors::held(now),
    };
    let here = session(now, "01990000-0000-7000-8000-000000000001", true);
    let other = session(now, "01990000-0000-7000-8000-000000000002", false);
    let web = session(now, "", false);
    let factors = crate::samples_factors::nothing_held();
    let bare = MyAccountView { password_since: None, factors, ..view(vec![here.clone()]) };
    vec![MyAccountPage::of(view(vec![here, other, web]), true, now), MyAccountPage::of(bare, false, now)]
}

pub(crate) fn confirmations() -> Vec<ConfirmPage> {
    let step = |passkey: &str| {
        let passkey = passkey.to_owned();
        Some(SecondStepView { takes_app: true, takes_recovery: true, passkey, why: String::new() })
    };
    vec![
        ConfirmPage::of(None, "/people", ""),
        ConfirmPage::of(None, "/people", "That is not your password."),
        ConfirmPage::of(step(""), "/people", ""),
        ConfirmPage::of(step("{\"publicKey\":{}}"), "/people", "That code is not right."),
    ]
}

pub(crate) fn choices() -> Vec<ChoosePage> {
    let rule = |at_least, encouraged, at_most| ChoosePasswordView {
        login: format!("alex{HOSTILE}"),
        at_least,
        encouraged,
        at_most,
    };
    vec![
        ChoosePage::of(Way::FirstSignIn, &rule(13, 17, 0), ""),
        ChoosePage::of(Way::MyAccount, &rule(8, 8, 0), "Please choose another."),
        ChoosePage::of(Way::Web, &rule(0, 0, 0), ""),
        ChoosePage::of(Way::Web, &rule(0, 0, 6), ""),
    ]
}
