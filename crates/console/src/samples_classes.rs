//! Samples of the pages on classes, badges and pictures. Everybody in them is made up.

use crate::pages::class_badges::{BadgesAskPage, BadgesForm, BadgesPage};
use crate::pages::class_child::{
    PicturesAskPage, PicturesForm, PicturesShownPage, RecordAskPage, RecordPage,
};
use crate::pages::classes::{ClassForm, ClassPage, ClassesPage};
use crate::pages::fields::summary;
use crate::pages::web_badge::WebBadgePage;
use crate::pages::web_pictures::WebPicturesPage;
use crate::samples::HOSTILE;
use app::views::{
    BadgeView, BadgesView, ClassRow, ClassView, ClassesView, InfantWaysView, LearnerRow, NewPicturesView,
    OpenedRecordView, PicturesView, WebSignInView, WindowView,
};
use model::Timestamp;

const CLASS: &str = "01990000-0000-7000-8000-000000000002";
const CHILD: &str = "01990000-0000-7000-8000-000000000003";

fn row(open_until: Option<Timestamp>) -> ClassRow {
    ClassRow {
        id: CLASS.to_owned(),
        name: format!("Hazel {HOSTILE}"),
        school: "Willow First School".to_owned(),
        learners: usize::from(open_until.is_none()) + 1,
        open_until,
    }
}

pub(crate) fn lists(now: Timestamp) -> Vec<ClassesPage> {
    let two = ClassesView { classes: vec![row(None), row(Some(now))], own_only: false };
    let none = ClassesView { classes: Vec::new(), own_only: true };
    vec![ClassesPage::of(two), ClassesPage::of(none)]
}

fn learner(now: Timestamp, has: bool) -> LearnerRow {
    LearnerRow {
        id: CHILD.to_owned(),
        name: format!("Amara Thistlewick {HOSTILE}"),
        login: if has { "amara".to_owned() } else { String::new() },
        year: if has { "1".to_owned() } else { String::new() },
        badge_since: has.then_some(now),
        may_have_badge: true,
        has_pictures: has,
        may_have_pictures: true,
        has_record: has,
        last_signed_in: has.then_some(now),
        may_reset: true,
    }
}

fn class(now: Timestamp, is_open: bool) -> ClassView {
    let window = WindowView {
        until: now.plus_ms(540_000),
        seconds_left: 540,
        place: "on the network classrooms alone".to_owned(),
        opened_by: "Carys Dunmoss, Class teacher".to_owned(),
    };
    let none = LearnerRow { may_have_badge: false, may_reset: false, ..learner(now, false) };
    ClassView {
        row: row(is_open.then_some(now)),
        window: is_open.then_some(window),
        learners: if is_open { vec![learner(now, true), learner(now, false), none] } else { Vec::new() },
        here: if is_open { "classrooms".to_owned() } else { String::new() },
        may_make_badges: is_open,
    }
}

pub(crate) fn classes(now: Timestamp) -> Vec<ClassPage> {
    let page = |is_open| ClassPage::of(class(now, is_open), &ClassForm::default(), now);
    let refused = ClassPage {
        summary: summary(&[("place".to_owned(), "You are not at school now.".to_owned())]),
        ..page(true)
    };
    vec![page(true), page(false), refused]
}

pub(crate) fn badge_questions(now: Timestamp) -> Vec<BadgesAskPage> {
    let page = |problem| BadgesAskPage::of(class(now, true), &BadgesForm::default(), problem);
    vec![page(""), page("There is nobody to make a badge for.")]
}

pub(crate) fn badges(now: Timestamp) -> Vec<BadgesPage> {
    let badge = |first_name: &str| BadgeView {
        first_name: first_name.to_owned(),
        fragment: "b1.AAAAAAAAAAAAAAAAAAAAAAAAAA".to_owned(),
        code: "AAAA-AAAA".to_owned(),
    };
    let view =
        BadgesView { class: "Hazel".to_owned(), badges: vec![badge("Amara"), badge(HOSTILE)], expires: now };
    BadgesPage::of(view, format!("/classes/{CLASS}"), "https://gate.school.test:8443").into_iter().collect()
}

pub(crate) fn picture_questions() -> Vec<PicturesAskPage> {
    let page = |problem| {
        PicturesAskPage::of((CLASS, CHILD, format!("Amara {HOSTILE}")), &PicturesForm::default(), problem)
    };
    vec![page(""), page("Choose three different pictures.")]
}

pub(crate) fn pictures() -> PicturesShownPage {
    PicturesShownPage::of(NewPicturesView { name: "Amara".to_owned(), pictures: [0, 7, 11] }, CLASS)
}

pub(crate) fn record_questions() -> Vec<RecordAskPage> {
    let page = |problem| RecordAskPage::of((CLASS, CHILD, "Amara".to_owned()), HOSTILE.to_owned(), problem);
    vec![page(""), page("Say why: it is recorded.")]
}

pub(crate) fn record(now: Timestamp) -> RecordPage {
    let view = OpenedRecordView {
        name: "Amara".to_owned(),
        login: "amara".to_owned(),
        secret: "hat42".to_owned(),
        reader: format!("Carys {HOSTILE}"),
        at: now,
    };
    RecordPage::of(view, CLASS)
}

pub(crate) fn badge_sign_ins() -> Vec<WebBadgePage> {
    let view = |signed_in: &str, problem: &str| WebSignInView {
        address: "10.20.0.7".to_owned(),
        signed_in: signed_in.to_owned(),
        problem: problem.to_owned(),
        until: "16:00".to_owned(),
        must_choose: false,
        device: String::new(),
    };
    let views = [view("", ""), view("Amara", ""), view("", "This badge is an old one.")];
    let ways = |pictures| InfantWaysView { badge: true, pictures };
    let pages = views.into_iter().zip([true, false, true]);
    pages.map(|(view, pictures)| WebBadgePage::of(view, ways(pictures))).collect()
}

pub(crate) fn picture_sign_ins() -> Vec<WebPicturesPage> {
    let child = (CHILD.to_owned(), format!("Amara {HOSTILE}"));
    let names = PicturesView { children: vec![child.clone()], problem: String::new(), badge: true };
    let closed =
        PicturesView { children: Vec::new(), problem: "It is not time yet.".to_owned(), badge: false };
    vec![
        WebPicturesPage::names(names.clone(), ""),
        WebPicturesPage::names(names, "Those were not your pictures."),
        WebPicturesPage::names(closed, ""),
        WebPicturesPage::pictures(child.clone(), &[]),
        WebPicturesPage::pictures(child, &["4", "0"]),
    ]
}
