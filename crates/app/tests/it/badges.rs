//! What the youngest sign in with: badges, pictures and windows, who may make them, and where and when they count; and the
//! sealed record of a password.

use crate::world::{
    PASSWORD, World, id_of, policy_text, put_in_force, school, technician, without_second_factor,
};
use app::views::{BadgeView, LearnerRow};
use app::{
    AppError, Caller, Fresh, HandedOver, MadeSure, ResetChecks, WhichBadges, WindowMinutes, WindowPlace,
};
use model::{Actor, ClassId, ClassKind, ClassPart, PersonId, Role, SchoolId, Scope};
use std::net::IpAddr;
use store::{Change, ClassChange, Fact};

const CHECKS: ResetChecks = ResetChecks { made_sure: MadeSure::KnownInPerson, handed_over: HandedOver::Slip };

/// A class of Year 1 at the first school, with its teacher.
struct Hazel {
    world: World,
    teacher: Actor,
    class: ClassId,
    amara: PersonId,
    bryn: PersonId,
}

fn at(address: &str) -> IpAddr {
    address.parse().unwrap()
}

/// A device in the classrooms.
fn classroom() -> IpAddr {
    at("10.20.0.77")
}

fn home() -> IpAddr {
    at("198.51.100.20")
}

fn minutes() -> WindowMinutes {
    WindowMinutes::parse("10").unwrap()
}

async fn class(world: &World, place: &str, teacher: &Actor, learners: &[PersonId]) -> ClassId {
    let teacher = id_of(teacher);
    let (id, scope, from) = (ClassId(uuid::Uuid::now_v7()), school(place), world.clock.now());
    let (name, kind) = ("Hazel".to_owned(), ClassKind::Registration);
    let add = ClassChange::Add { id, school: SchoolId::new(place), name, kind, from };
    let join = |person: &PersonId, part| {
        let scope = scope.clone();
        Change::Class(ClassChange::Join { class: id, person: *person, part, from, scope })
    };
    let learners = learners.iter().map(|person| join(person, ClassPart::Learner));
    let changes: Vec<Change> =
        [Change::Class(add), join(&teacher, ClassPart::Teacher)].into_iter().chain(learners).collect();
    let fact = Fact::new(&technician(), Scope::Trust, from, "make-class");
    world.store.commit(&fact, &changes).await.unwrap();
    id
}

impl Hazel {
    async fn new() -> Self {
        let world = World::new("first-school.toml").await;
        let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
        let amara = world.add_pupil("amara", "1", school("larkfield")).await;
        let bryn = world.add_pupil("bryn", "1", school("larkfield")).await;
        let class = class(&world, "larkfield", &teacher, &[amara, bryn]).await;
        Self { world, teacher, class, amara, bryn }
    }

    async fn fresh(&self, login: &str) -> Fresh {
        let token = self.world.app.sign_in(login, PASSWORD, classroom()).await.unwrap().token;
        self.world.app.fresh(&token).await.unwrap()
    }

    async fn badges(&self, which: WhichBadges) -> Vec<BadgeView> {
        let fresh = self.fresh("carys").await;
        let made = self.world.app.make_badges((&self.teacher, &fresh), self.class, which).await.unwrap();
        made.unwrap().badges
    }

    async fn open(&self, place: WindowPlace) {
        let asked = (minutes(), place);
        let opened = self.world.app.open_class_window((&self.teacher, classroom()), self.class, asked).await;
        assert!(opened.unwrap());
    }

    /// Who is signed in afterwards, and what was wrong.
    async fn show(&self, shown: &str, from: IpAddr) -> (String, String) {
        let view = self.world.app.sign_in_with_badge(shown, from).await.unwrap();
        (view.signed_in, view.problem)
    }

    async fn rows(&self) -> Vec<LearnerRow> {
        let view = self.world.app.class_view(&self.teacher, self.class, classroom()).await.unwrap();
        view.unwrap().learners
    }
}

#[tokio::test]
async fn a_badge_opens_the_web_at_school_while_the_window_is_open_and_nowhere_and_never_else() {
    let hazel = Hazel::new().await;
    let badges = hazel.badges(WhichBadges::Missing).await;
    assert_eq!(badges.iter().map(|badge| badge.first_name.as_str()).collect::<Vec<_>>(), ["Amara", "Bryn"]);
    let amara = format!("https://gate.test/web/badge#{}", badges[0].fragment);
    let not_yet = hazel.show(&amara, classroom()).await;
    assert!(not_yet.0.is_empty() && not_yet.1.contains("not time"), "{not_yet:?}");

    hazel.open(WindowPlace::School).await;
    assert_eq!(hazel.show(&amara, classroom()).await, ("Amara".to_owned(), String::new()));
    let next = hazel.show(&badges[1].code.to_lowercase(), classroom()).await;
    assert_eq!(next, ("Bryn".to_owned(), String::new()), "the next child takes the place");
    let claims = hazel.world.identities.at(classroom(), hazel.world.clock.now());
    assert_eq!(claims.iter().map(|claim| claim.person).collect::<Vec<_>>(), [hazel.bryn]);
    let held = hazel.world.store.web_claims(hazel.world.clock.now()).await.unwrap();
    assert_eq!(held.len(), 1, "in the records too");
    assert!(hazel.show(&amara, home()).await.1.contains("at school only"));

    hazel.world.clock.advance_ms(10 * 60_000);
    assert!(hazel.show(&amara, classroom()).await.1.contains("not time"), "the window closes by itself");
    hazel.open(WindowPlace::School).await;
    hazel.world.app.close_class_window(&hazel.teacher, hazel.class).await.unwrap();
    assert!(hazel.show(&amara, classroom()).await.1.contains("not time"), "and by hand");
    for (fact, count) in [
        ("make-badge", 2),
        ("open-class-window", 2),
        ("close-class-window", 1),
        ("sign-in-by-badge", 2),
        ("badge-refused", 4),
    ] {
        assert_eq!(hazel.world.count_facts(fact).await, count, "{fact}");
    }
    let facts = format!("{:?}", hazel.world.facts().await);
    for secret in [badges[0].fragment.as_str(), badges[0].code.as_str(), "Amara", "amara"] {
        assert!(!facts.contains(secret), "{secret} stands in a fact");
    }
}

#[tokio::test]
async fn a_window_on_one_network_counts_there_alone() {
    let hazel = Hazel::new().await;
    let badges = hazel.badges(WhichBadges::Of(hazel.amara)).await;
    hazel.open(WindowPlace::Here).await;
    let staff_room = at("10.20.16.9");
    assert!(hazel.show(&badges[0].code, staff_room).await.1.contains("not time"));
    assert_eq!(hazel.show(&badges[0].code, classroom()).await.0, "Amara");
    let asked = (minutes(), WindowPlace::Here);
    let from_home = hazel.world.app.open_class_window((&hazel.teacher, home()), hazel.class, asked).await;
    assert!(matches!(from_home, Err(AppError::Refused { .. })), "\u{201c}here\u{201d} is not at school");
}

#[tokio::test]
async fn a_lost_badge_is_void_at_once_and_a_new_one_voids_the_old_one() {
    let hazel = Hazel::new().await;
    let first = hazel.badges(WhichBadges::Of(hazel.amara)).await.remove(0);
    hazel.open(WindowPlace::School).await;
    assert!(hazel.world.app.void_badge(&hazel.teacher, hazel.class, hazel.amara).await.unwrap());
    assert!(hazel.show(&first.code, classroom()).await.1.contains("an old one"));
    let second = hazel.badges(WhichBadges::Missing).await.remove(0);
    assert_eq!(second.first_name, "Amara");
    let third = hazel.badges(WhichBadges::Of(hazel.amara)).await.remove(0);
    assert!(hazel.show(&second.fragment, classroom()).await.1.contains("an old one"));
    assert_eq!(hazel.show(&third.fragment, classroom()).await.0, "Amara");
    hazel.world.clock.advance_ms(366 * 24 * 3_600_000);
    assert!(hazel.show(&third.code, classroom()).await.1.contains("an old one"), "after a year");
}

#[tokio::test]
async fn codes_that_nobody_has_are_counted_where_they_are_typed_and_nothing_else_waits_for_it() {
    let hazel = Hazel::new().await;
    let amara = hazel.badges(WhichBadges::Of(hazel.amara)).await.remove(0);
    hazel.open(WindowPlace::School).await;
    for wrong in ["", "hello", "AAAA-BBBB", "b1.AAAAAAAAAAAAAAAAAAAAAAAAAA", &"x".repeat(10_000)] {
        assert!(hazel.show(wrong, classroom()).await.1.contains("try again"), "{wrong:.20}");
    }
    for number in 0..26 {
        hazel.show(&format!("AAAA-BBB{}", char::from(b'A' + number)), classroom()).await;
    }
    assert!(hazel.show(&amara.code, classroom()).await.1.contains("too many times"));
    assert_eq!(hazel.show(&amara.code, at("10.20.0.78")).await.0, "Amara", "elsewhere");
    assert_eq!(hazel.show(&amara.fragment, classroom()).await.0, "Amara", "a camera guesses nothing");
}

#[tokio::test]
async fn only_the_youngest_of_ones_own_classes_get_badges_from_whoever_may_give_them_passwords() {
    let hazel = Hazel::new().await;
    let world = &hazel.world;
    let older = world.add_pupil("ceri", "4", school("larkfield")).await;
    let other_teacher = world.add("oona", Role::ClassTeacher, school("larkfield")).await;
    let lead = world.add("daphne", Role::SafeguardingLead, school("larkfield")).await;
    let head = world.add("helena", Role::Headteacher, school("larkfield")).await;
    let theirs = class(world, "larkfield", &other_teacher, &[older]).await;

    let (carys, oona) = (hazel.fresh("carys").await, hazel.fresh("oona").await);
    let make = |actor, fresh, class| world.app.make_badges((actor, fresh), class, WhichBadges::Everybody);
    assert!(make(&hazel.teacher, &carys, theirs).await.unwrap().is_none(), "another's class is not there");
    assert!(make(&other_teacher, &oona, hazel.class).await.unwrap().is_none());
    let refused = make(&other_teacher, &oona, theirs).await;
    assert!(matches!(refused, Err(AppError::Refused { .. })), "no badge in Year 4");
    assert!(make(&hazel.teacher, &oona, hazel.class).await.is_err(), "another's proof proves nothing");
    let denied = world.app.classes_view(&lead).await;
    assert!(matches!(denied, Err(AppError::Denied)));
    let seen = world.app.classes_view(&hazel.teacher).await.unwrap();
    assert!(seen.own_only && seen.classes.len() == 1 && seen.classes[0].id == hazel.class.to_string());
    assert_eq!(world.app.classes_view(&head).await.unwrap().classes.len(), 2);
    let of_other = world.app.void_badge(&other_teacher, hazel.class, hazel.amara).await.unwrap();
    assert!(!of_other && !world.app.close_class_window(&other_teacher, hazel.class).await.unwrap());
    assert!(!world.app.void_badge(&hazel.teacher, hazel.class, older).await.unwrap(), "not of this class");

    let rows = hazel.rows().await;
    assert!(rows.iter().all(|row| row.badge_since.is_none() && row.may_have_badge && row.may_reset));
    hazel.badges(WhichBadges::Of(hazel.bryn)).await;
    hazel.open(WindowPlace::School).await;
    let rows = hazel.rows().await;
    assert_eq!(rows.iter().filter(|row| row.badge_since.is_some()).count(), 1);
    assert!(rows.iter().all(|row| row.last_signed_in.is_none()));
}

#[tokio::test]
async fn nothing_of_a_class_is_seen_from_another_school() {
    let world = World::new("trust.toml").await;
    let schools: Vec<String> = {
        let snapshot = world.snapshot.get();
        snapshot.policy().schools.iter().map(|school| school.id.to_string()).collect()
    };
    let [ash, elm] = [&schools[0], &schools[1]];
    let here = world.add("carys", Role::ClassTeacher, school(ash)).await;
    let there = world.add("helena", Role::Headteacher, school(elm)).await;
    let amara = world.add_pupil("amara", "1", school(ash)).await;
    let class = class(&world, ash, &here, &[amara]).await;
    assert!(world.app.class_view(&there, class, classroom()).await.unwrap().is_none());
    assert!(world.app.classes_view(&there).await.unwrap().classes.is_empty());
    let asked = (minutes(), WindowPlace::School);
    assert!(!world.app.open_class_window((&there, classroom()), class, asked).await.unwrap());
    assert!(!world.app.void_badge(&there, class, amara).await.unwrap());
    assert!(!world.app.take_pictures(&there, class, amara).await.unwrap());
}

#[tokio::test]
async fn three_pictures_open_the_web_where_badges_do_and_three_wrong_ones_lock_them_alone() {
    let hazel = Hazel::new().await;
    let (app, carys) = (&hazel.world.app, hazel.fresh("carys").await);
    let give = |child, chosen: Option<&'static str>| {
        app.give_pictures((&hazel.teacher, &carys), (hazel.class, child), chosen)
    };
    assert!(give(hazel.amara, Some("1,1,2")).await.is_err(), "three different ones");
    assert_eq!(give(hazel.amara, Some("4,0,11")).await.unwrap().unwrap().pictures, [4, 0, 11]);
    let from = Caller::from(classroom());
    let press = |typed: &'static str, from: &Caller| {
        let from = from.clone();
        async move {
            let view = app.sign_in_with_pictures(hazel.amara, typed, &from).await.unwrap();
            (view.signed_in, view.problem)
        }
    };
    assert!(press("4,0,11", &from).await.1.contains("not time"));
    assert!(app.pictures_view(classroom()).await.unwrap().children.is_empty());
    hazel.open(WindowPlace::School).await;
    let seen = app.pictures_view(classroom()).await.unwrap();
    assert_eq!(seen.children, [(hazel.amara.to_string(), "Amara".to_owned())], "by first name alone");
    assert!(app.pictures_view(home()).await.unwrap().children.is_empty());
    assert!(press("4,0,11", &Caller::from(home())).await.1.contains("at school only"));
    assert_eq!(press("4,0,11", &from).await.0, "Amara");

    for (typed, words) in
        [("0,4,11", "not your pictures"), ("1,2,3", "not your pictures"), ("1,2,4", "teacher to help")]
    {
        let (_, problem) = press(typed, &from).await;
        // After a wrong one the device waits for some seconds.
        hazel.world.clock.advance_ms(20_000);
        assert!(problem.contains(words), "{typed}: {problem}");
    }
    assert!(press("4,0,11", &from).await.1.contains("teacher to help"), "the right ones too");
    let badge = hazel.badges(WhichBadges::Of(hazel.amara)).await.remove(0);
    assert_eq!(hazel.show(&badge.code, classroom()).await.0, "Amara", "the badge goes on");
    give(hazel.amara, Some("7,8,9")).await.unwrap();
    assert!(press("7,8,9", &from).await.1.is_empty(), "new pictures open what wrong ones had locked");
    assert!(app.take_pictures(&hazel.teacher, hazel.class, hazel.amara).await.unwrap());
    assert!(press("7,8,9", &from).await.1.contains("not time"));
    assert!(give(hazel.bryn, None).await.unwrap().is_some(), "or drawn ones");
}

#[tokio::test]
async fn a_suspended_childs_badge_opens_nothing() {
    let hazel = Hazel::new().await;
    let head = hazel.world.add("helena", Role::Headteacher, school("larkfield")).await;
    let badge = hazel.badges(WhichBadges::Of(hazel.amara)).await.remove(0);
    hazel.open(WindowPlace::School).await;
    assert_eq!(hazel.show(&badge.code, classroom()).await.0, "Amara");
    let account = hazel.world.store.account("amara").await.unwrap().unwrap().id;
    let fresh = hazel.fresh("helena").await;
    let deed = app::AccountDeed::Suspend(account);
    hazel.world.app.work_on_account((&head, &fresh), hazel.amara, deed, "lost").await.unwrap();
    let (signed_in, problem) = hazel.show(&badge.code, classroom()).await;
    assert!(signed_in.is_empty() && problem.contains("ask your teacher"), "{problem}");
}

#[tokio::test]
async fn pwd_7_a_sealed_record_is_opened_by_the_classs_teacher_with_a_reason_and_is_gone_after_year_two() {
    let hazel = Hazel::new().await;
    let world = &hazel.world;
    let head = world.add("helena", Role::Headteacher, school("larkfield")).await;
    let (carys, helena) = (hazel.fresh("carys").await, hazel.fresh("helena").await);
    let ids = (hazel.class, hazel.amara);
    let open =
        |reason: &'static str, from| world.app.open_record((&hazel.teacher, &carys, from), ids, reason);
    assert!(open("a visit", classroom()).await.unwrap().is_none(), "there is none before a reset");
    let slip =
        world.app.reset_password((&hazel.teacher, &carys), hazel.amara, CHECKS).await.unwrap().unwrap();
    let opened = open("forgot it", classroom()).await.unwrap().unwrap();
    assert_eq!((opened.secret.as_str(), opened.login.as_str()), (slip.secret.as_str(), "amara"));
    assert!(opened.reader.contains("Carys"), "the mark says who looks");
    assert!(matches!(open(" ", classroom()).await, Err(AppError::Refused { .. })), "not without a reason");
    assert!(matches!(open("x", home()).await, Err(AppError::Refused { .. })), "not away from school");
    let by_head = world.app.open_record((&head, &helena, classroom()), ids, "x").await;
    assert!(matches!(by_head, Err(AppError::Denied)), "nobody but the class's teacher");
    assert_eq!(world.count_facts("open-sealed-record").await, 1, "every look");
    let row = world.store.sealed_record(hazel.amara).await.unwrap().unwrap();
    assert!(!row.body.contains(&slip.secret) && !format!("{row:?}").contains(&row.body));

    let again =
        world.app.reset_password((&hazel.teacher, &carys), hazel.amara, CHECKS).await.unwrap().unwrap();
    assert_eq!(open("again", classroom()).await.unwrap().unwrap().secret, again.secret);
    assert_eq!(world.app.remove_ended_records().await.unwrap(), 0);
    world.clock.advance_ms(2 * 366 * 24 * 3_600_000);
    assert_eq!(world.app.remove_ended_records().await.unwrap(), 1, "Year 1 in November: 20 months later");
    assert_eq!(world.store.sealed_record(hazel.amara).await.unwrap(), None);
    assert_eq!(world.count_facts("remove-sealed-record").await, 1);
}

#[tokio::test]
async fn a_record_goes_when_its_child_leaves_the_class() {
    let hazel = Hazel::new().await;
    let world = &hazel.world;
    let carys = hazel.fresh("carys").await;
    world.app.reset_password((&hazel.teacher, &carys), hazel.bryn, CHECKS).await.unwrap().unwrap();
    let leave = ClassChange::Leave { class: hazel.class, person: hazel.bryn, at: world.clock.now() };
    let fact = Fact::new(&technician(), Scope::Trust, world.clock.now(), "change-class");
    world.store.commit(&fact, &[Change::Class(leave)]).await.unwrap();
    assert_eq!(world.app.remove_ended_records().await.unwrap(), 1);
}

#[tokio::test]
async fn a_badge_and_pictures_are_offered_where_somebody_of_an_open_class_can_use_them() {
    let hazel = Hazel::new().await;
    let ways = async |from: IpAddr| {
        let ways = hazel.world.app.infant_ways(from).await.unwrap();
        (ways.badge, ways.pictures)
    };
    hazel.open(WindowPlace::School).await;
    assert_eq!(ways(classroom()).await, (false, false), "nobody has either yet");
    hazel.badges(WhichBadges::Of(hazel.amara)).await;
    assert_eq!(ways(classroom()).await, (true, false));
    let fresh = hazel.fresh("carys").await;
    let child = (hazel.class, hazel.bryn);
    hazel.world.app.give_pictures((&hazel.teacher, &fresh), child, None).await.unwrap().unwrap();
    assert_eq!(ways(classroom()).await, (true, true));
    assert_eq!(ways(home()).await, (false, false), "at school alone");
    hazel.world.app.close_class_window(&hazel.teacher, hazel.class).await.unwrap();
    assert_eq!(ways(classroom()).await, (false, false), "while the window is open alone");

    hazel.open(WindowPlace::School).await;
    let without = |text: String| {
        let line = |line: &str| match line.split_once(" = ") {
            Some(("badges", _)) => "badges = []".to_owned(),
            _ => line.to_owned(),
        };
        text.lines().map(line).collect::<Vec<_>>().join("\n")
    };
    let text = without(without_second_factor(&policy_text("first-school.toml")));
    put_in_force(&hazel.world.store, &hazel.world.clock, "first-school.toml", text).await;
    hazel.world.app.take_up_changes().await.unwrap();
    assert_eq!(ways(classroom()).await, (false, true), "as far as the policy goes");
}
