//! Rights by a second person's approval, reviews, and visitors' accounts.

use crate::administrators::{administrator, set_up};
use crate::world::{PASSWORD, World, id_of, school};
use app::views::{PoolForm, RightsForm, SlipView, VisitorForm};
use app::{
    AccountDeed, AppError, Fresh, HandedOver, HeldDeed, LineAnswer, MadeSure, NewPassword, Recipient,
    ResetChecks, RightsDeed,
};
use model::{
    AccountState, Action, Actor, Addressee, Affiliation, ClassId, ClassKind, ClassPart, PersonId, RequestId,
    RequestState, ReviewAnswer, ReviewId, ReviewKind, ReviewState, Role, SchoolId, Scope, VisitorState,
};
use std::net::IpAddr;
use store::{AccountChange, Change, ClassChange, Fact, NotificationChannel};

const DAY_MS: i64 = 24 * 3_600_000;
const CHOSEN: &str = "velvet anchor pigment tram";

fn here() -> IpAddr {
    "10.20.0.77".parse().unwrap()
}

fn refused(error: AppError) -> String {
    assert!(matches!(error, AppError::Refused { .. }), "{error:?}");
    error.theirs().to_owned()
}

async fn fresh(world: &World, login: &str) -> Fresh {
    let token = world.app.sign_in(login, PASSWORD, here()).await.unwrap().token;
    world.app.fresh(&token).await.unwrap()
}

fn newcomer(role: Role, at: &str) -> RightsForm {
    RightsForm {
        kind: "newcomer".to_owned(),
        login: "nesta".to_owned(),
        name: "Nesta Fernhollow".to_owned(),
        role: role.slug().to_owned(),
        school: at.to_owned(),
        why: "she begins in January".to_owned(),
    }
}

fn promotion(login: &str, role: Role) -> RightsForm {
    RightsForm { kind: "also".to_owned(), login: login.to_owned(), ..newcomer(role, "larkfield") }
}

fn approve() -> RightsDeed {
    RightsDeed::Approve("she was interviewed".to_owned())
}

/// Somebody new with this role at the first school: asked for by its technician, approved by its head.
pub async fn admit(world: &World, role: Role) -> SlipView {
    let technician = world.add("technician.asks", Role::Technician, school("larkfield")).await;
    let head = world.add("head.approves", Role::Headteacher, school("larkfield")).await;
    let (asks, approves) = (fresh(world, "technician.asks").await, fresh(world, "head.approves").await);
    let id = world.app.ask_for_rights((&technician, &asks), &newcomer(role, "larkfield")).await.unwrap();
    assert!(world.app.work_on_rights((&head, &approves), id, approve()).await.unwrap());
    world.app.make_first_slip((&technician, &asks), id).await.unwrap().unwrap()
}

async fn sentences(world: &World, actor: &Actor, typed: &RightsForm) -> String {
    format!("{:?}", world.app.rights_problems(actor, typed).await.unwrap())
}

#[tokio::test]
async fn a_newcomer_comes_when_another_leader_says_so_and_not_before() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let governor = world.add("gwen", Role::Governor, school("larkfield")).await;
    let proof = fresh(&world, "tariq").await;
    let id =
        world.app.ask_for_rights((&technician, &proof), &newcomer(Role::ClassTeacher, "larkfield")).await;
    let id = id.unwrap();
    assert!(world.roster.get().person_by_login("nesta").is_none(), "nothing takes effect before");
    assert!(world.store.account("nesta").await.unwrap().is_none());
    let own = world.app.work_on_rights((&technician, &proof), id, approve()).await.err().unwrap();
    assert!(refused(own).contains("Another leader"));
    let waiting = world.app.access_view(&head).await.unwrap();
    assert!(waiting.requests[0].may_decide && waiting.requests[0].name == "Nesta Fernhollow");
    assert!(world.app.home(&head).await.unwrap().needs.iter().any(|need| need.link == "/access"));
    let of_head = fresh(&world, "head").await;
    let silent = world.app.work_on_rights((&head, &of_head), id, RightsDeed::Approve(" ".to_owned())).await;
    refused(silent.err().unwrap());
    assert!(world.app.work_on_rights((&head, &of_head), id, approve()).await.unwrap());
    let again = world.app.work_on_rights((&governor, &fresh(&world, "gwen").await), id, approve()).await;
    refused(again.err().unwrap());
    let person = world.roster.get().person_by_login("nesta").cloned().unwrap();
    assert_eq!(person.affiliations[0].role, Role::ClassTeacher);
    let grants = world.store.grants().await.unwrap();
    assert_eq!((grants[0].person, grants[0].request), (person.id, Some(id)));
    assert_eq!(grants[0].approved.1, head.to_string());
    assert!(grants[0].review_on > world.clock.now().plus_ms(360 * DAY_MS), "somebody looks again in a year");
    let view = world.app.rights_view(&technician, id).await.unwrap().unwrap();
    assert!(view.may_make_slip && view.decided.is_some());
    let slip = world.app.make_first_slip((&technician, &proof), id).await.unwrap().unwrap();
    assert!(slip.must_change && slip.login == "nesta");
    let twice = world.app.make_first_slip((&technician, &proof), id).await.err().unwrap();
    assert!(refused(twice).contains("made already"));
    let begun = world.app.sign_in("nesta", &slip.secret, here()).await.unwrap();
    let chosen = NewPassword { new: CHOSEN, again: CHOSEN };
    world.app.choose_first_password(&begun.token, chosen, here()).await.unwrap();
    let facts = format!("{:?}", world.facts().await);
    assert!(
        !facts.contains("Fernhollow") && !facts.contains(&slip.secret),
        "no name and no secret in the chain"
    );
}

#[tokio::test]
async fn posts_that_decide_are_given_by_the_right_leader_and_never_by_who_gave_the_password() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let leader = world.add("sunil", Role::SeniorLeader, school("larkfield")).await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let proof = fresh(&world, "tariq").await;
    let nobody = sentences(&world, &technician, &promotion("carys", Role::Governor)).await;
    assert!(nobody.contains("it takes a governor"), "{nobody}");
    assert!(sentences(&world, &technician, &promotion("tariq", Role::Staff)).await.contains("of their own"));
    assert!(sentences(&world, &technician, &promotion("nobody", Role::Staff)).await.contains("user name"));
    assert!(
        sentences(&world, &technician, &promotion("carys", Role::ClassTeacher)).await.contains("already")
    );
    assert!(sentences(&world, &technician, &RightsForm::default()).await.contains("Choose a role"));
    let asked = promotion("carys", Role::SafeguardingLead);
    let id = world.app.ask_for_rights((&technician, &proof), &asked).await.unwrap();
    let unasked = world.app.work_on_rights((&leader, &fresh(&world, "sunil").await), id, approve()).await;
    world.assert_denied(Action::ApproveAccess, unasked).await;
    assert!(
        world.app.rights_view(&teacher, id).await.unwrap().is_none(),
        "who would get rights does not decide on them, and sees nothing"
    );
    let of_head = fresh(&world, "head").await;
    assert!(world.app.work_on_rights((&head, &of_head), id, approve()).await.unwrap());
    let roles = |world: &World| -> Vec<Role> {
        let person = world.roster.get().person(id_of(&teacher)).cloned().unwrap();
        person.affiliations.iter().map(|held| held.role).collect()
    };
    assert_eq!(roles(&world), [Role::ClassTeacher, Role::SafeguardingLead], "what she was first stays first");
    let slip = world.app.make_first_slip((&technician, &proof), id).await.err().unwrap();
    assert!(refused(slip).contains("made already"), "she has a password");

    let sam = world.add("sam", Role::Staff, school("larkfield")).await;
    let fact = Fact::new(&technician, Scope::Trust, world.clock.now(), "reset-password");
    world.store.commit(&fact.about(sam.to_string()), &[]).await.unwrap();
    let close = sentences(&world, &technician, &promotion("sam", Role::SeniorLeader)).await;
    assert!(close.contains("You gave this person their password"), "{close}");
    assert!(sentences(&world, &technician, &promotion("sam", Role::ClassTeacher)).await == "[]");

    let late = world.add("lena", Role::Staff, school("larkfield")).await;
    let asked = promotion("lena", Role::SeniorLeader);
    let id = world.app.ask_for_rights((&technician, &proof), &asked).await.unwrap();
    let fact = Fact::new(&technician, Scope::Trust, world.clock.now(), "reset-password");
    world.store.commit(&fact.about(late.to_string()), &[]).await.unwrap();
    let since = world.app.work_on_rights((&head, &of_head), id, approve()).await.err().unwrap();
    assert!(refused(since).contains("gave this person their password"), "since it was asked for, too");
}

#[tokio::test]
async fn who_is_above_the_headteacher_is_told_of_a_request_for_a_head_a_governor_or_their_chair() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    for (login, role) in [("head", Role::Headteacher), ("gwen", Role::Governor)] {
        world.add(login, role, school("larkfield")).await;
    }
    let to = [Addressee::Head, Addressee::Chair, Addressee::Governors].map(|post| Recipient {
        channel: NotificationChannel::Mail,
        address: post.slug().to_owned(),
        addressees: vec![post],
        school: None,
    });
    world.app.set_recipients(to.to_vec());
    let proof = fresh(&world, "tariq").await;
    let above = &["chair", "governors"][..];
    for (role, told) in [
        (Role::ClassTeacher, &["head"][..]),
        (Role::Headteacher, above),
        (Role::Governor, above),
        (Role::ChairOfGovernors, above),
    ] {
        let mut asked = newcomer(role, "larkfield");
        asked.login = role.slug().to_owned();
        let id = world.app.ask_for_rights((&technician, &proof), &asked).await.unwrap();
        let messages = world.store.notifications_about(&format!("rights:{id}")).await.unwrap();
        let mut addresses: Vec<String> = messages.into_iter().map(|message| message.address).collect();
        addresses.sort();
        assert_eq!(addresses, told, "{role:?}");
    }
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_warned_of_and_lapses() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let proof = fresh(&world, "tariq").await;
    let asked = newcomer(Role::Staff, "larkfield");
    let id = world.app.ask_for_rights((&technician, &proof), &asked).await.unwrap();
    let state = |world: &World| {
        let store = world.store.clone();
        async move { store.rights_request(id).await.unwrap().unwrap() }
    };
    world.clock.advance_ms(10 * DAY_MS);
    world.app.mind_requests().await.unwrap();
    assert_eq!(state(&world).await.warned, None);
    world.clock.advance_ms(DAY_MS);
    world.app.mind_requests().await.unwrap();
    world.app.mind_requests().await.unwrap();
    assert_eq!(world.count_facts("warn-of-lapse").await, 1, "it is warned of once");
    world.clock.advance_ms(3 * DAY_MS);
    let of_head = fresh(&world, "head").await;
    refused(world.app.work_on_rights((&head, &of_head), id, approve()).await.err().unwrap());
    world.app.mind_requests().await.unwrap();
    assert_eq!(state(&world).await.state, RequestState::Lapsed);
    assert!(world.roster.get().person_by_login("nesta").is_none());
    let proof = fresh(&world, "tariq").await;
    let id = world.app.ask_for_rights((&technician, &proof), &asked).await.unwrap();
    world.app.work_on_rights((&technician, &proof), id, RightsDeed::Withdraw).await.unwrap();
    let record = world.store.rights_request(id).await.unwrap().unwrap();
    assert_eq!(record.state, RequestState::Withdrawn);
}

#[tokio::test]
async fn another_schools_requests_reviews_and_visitors_are_as_if_there_were_none() {
    let world = World::new("trust.toml").await;
    let ours = world.add("tariq", Role::Technician, school("ashbrook")).await;
    world.add("head", Role::Headteacher, school("ashbrook")).await;
    let pupil = world.add_pupil("elsie", "R", school("ashbrook")).await;
    let theirs = world.add("thora", Role::Technician, school("whitestone")).await;
    let their_head = world.add("hugh", Role::Headteacher, school("whitestone")).await;
    let (proof, of_them) = (fresh(&world, "tariq").await, fresh(&world, "hugh").await);
    let elsewhere = sentences(&world, &their_head, &newcomer(Role::Staff, "ashbrook")).await;
    assert!(elsewhere.contains("Choose where"), "{elsewhere}");
    let unseen = RightsForm { school: "whitestone".to_owned(), ..promotion("tariq", Role::Staff) };
    let unseen = sentences(&world, &theirs, &unseen).await;
    assert!(unseen.contains("Nobody whom you look after"), "{unseen}");
    let id = world.app.ask_for_rights((&ours, &proof), &newcomer(Role::Staff, "ashbrook")).await.unwrap();
    for reader in [&theirs, &their_head] {
        assert!(world.app.rights_view(reader, id).await.unwrap().is_none());
        assert!(world.app.access_view(reader).await.unwrap().requests.is_empty());
    }
    assert!(!world.app.work_on_rights((&their_head, &of_them), id, approve()).await.unwrap());
    let head = Actor::Person {
        id: id_of(&their_head),
        login: "hugh".to_owned(),
        roles: vec![(Role::Headteacher, school("whitestone"))],
    };
    let opened = world.app.open_review((&head, &of_them), ReviewKind::Accounts, "school:ashbrook").await;
    world.assert_denied(Action::ReviewAccess, opened).await;
    let our_head = world.roster.get().person_by_login("head").cloned().unwrap();
    let roles = vec![(Role::Headteacher, school("ashbrook"))];
    let our_head = Actor::Person { id: our_head.id, login: "head".to_owned(), roles };
    let of_us = fresh(&world, "head").await;
    let place = school("ashbrook").to_string();
    let review = world.app.open_review((&our_head, &of_us), ReviewKind::Accounts, &place).await.unwrap();
    assert!(world.app.review_view(&head, review, "").await.unwrap().is_none());
    assert!(world.app.export_review(&head, review).await.unwrap().is_none());
    assert!(world.app.access_view(&head).await.unwrap().reviews.is_empty(), "not even a count");
    let answer = vec![LineAnswer { line: 1, answer: ReviewAnswer::Remove, words: String::new() }];
    assert!(!world.app.answer_review((&head, &of_them), review, answer).await.unwrap());
    assert!(!world.app.finish_line(&head, review, 1).await.unwrap());
    let deed = HeldDeed::Lapse("why".to_owned());
    assert!(!world.app.decide_held((&head, &of_them), review, deed).await.unwrap());
    let form = PoolForm { school: "ashbrook".to_owned(), ..pool_form() };
    let pool = world.app.make_pool((&our_head, &of_us), &form).await.unwrap().unwrap();
    assert!(world.app.pool_view(&head, pool).await.unwrap().is_none());
    assert!(world.app.welcome_visitor((&head, &of_them), pool, &visitor_form()).await.unwrap().is_none());
    assert!(!world.app.end_visit((&head, &of_them), pool, None).await.unwrap());
    world.app.welcome_visitor((&our_head, &of_us), pool, &visitor_form()).await.unwrap().unwrap().unwrap();
    let view = world.app.visitors_view(&head).await.unwrap();
    assert!(view.pools.is_empty() && view.log.is_empty());
    let file = String::from_utf8(world.app.export_visitors(&head).await.unwrap()).unwrap();
    assert!(!file.contains("Reader"), "{file}");
    let over_there = world.app.make_pool((&head, &of_them), &form).await.unwrap();
    assert!(format!("{:?}", over_there.err().unwrap()).contains("Choose a school"));
    assert!(world.roster.get().person(pupil).is_some());
}

fn pool_form() -> PoolForm {
    PoolForm {
        purpose: "Book fair".to_owned(),
        host: "The office".to_owned(),
        count: "3".to_owned(),
        until: "2026-11-27".to_owned(),
        school: "larkfield".to_owned(),
    }
}

fn visitor_form() -> VisitorForm {
    VisitorForm {
        visitor: "Ray Reader, Made-up Books".to_owned(),
        host: "The library".to_owned(),
        why: "stories".to_owned(),
    }
}

#[tokio::test]
async fn a_visitor_takes_an_account_that_ends_and_is_destroyed() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let staff = world.add("stella", Role::Staff, school("larkfield")).await;
    let proof = fresh(&world, "tariq").await;
    let wrong = PoolForm { count: "61".to_owned(), until: "2020-01-01".to_owned(), ..pool_form() };
    let wrong =
        format!("{:?}", world.app.make_pool((&technician, &proof), &wrong).await.unwrap().err().unwrap());
    assert!(wrong.contains("1 to 60") && wrong.contains("last day"), "{wrong}");
    let of_staff = fresh(&world, "stella").await;
    let made = world.app.make_pool((&staff, &of_staff), &pool_form()).await;
    world.assert_denied(Action::KeepVisitors, made).await;
    let pool = world.app.make_pool((&technician, &proof), &pool_form()).await.unwrap().unwrap();
    let ready = world.store.visitors_of(pool).await.unwrap();
    let account = world.store.account(&ready[0].login).await.unwrap().unwrap();
    assert_eq!((ready.len(), account.state), (3, AccountState::Suspended), "it opens nothing yet");
    let empty = world.app.welcome_visitor((&staff, &of_staff), pool, &VisitorForm::default()).await;
    assert_eq!(empty.unwrap().unwrap().err().unwrap().len(), 3, "who, whom and why are asked for");
    let slip = world.app.welcome_visitor((&staff, &of_staff), pool, &visitor_form()).await;
    let slip = slip.unwrap().unwrap().unwrap();
    assert_eq!(slip.name, "Ray Reader, Made-up Books");
    let line = &world.store.visitors_log().await.unwrap()[0];
    assert_eq!((line.host.as_str(), line.why.as_str()), ("The library", "stories"));
    assert_eq!(line.issued.as_ref().unwrap().1, staff.to_string());
    assert_eq!(
        line.ends,
        world.clock.now().plus_ms(DAY_MS),
        "the policy's day, though the pool lasts longer"
    );
    let facts = format!("{:?}", world.facts().await);
    assert!(!facts.contains("Reader") && !facts.contains(&slip.secret), "names stand in the log alone");
    let chosen = NewPassword { new: CHOSEN, again: CHOSEN };
    world.app.change_password_for_web((&slip.login, &slip.secret), chosen, here()).await.unwrap();
    let signed = world.app.sign_in_to_web(&slip.login, CHOSEN, here()).await.unwrap().signed_in;
    assert_eq!(signed, "Visitor");
    world.clock.advance_ms(DAY_MS);
    let late = world.app.sign_in_to_web(&slip.login, CHOSEN, here()).await.unwrap();
    assert!(late.signed_in.is_empty() && !late.problem.is_empty(), "it has ended before the clock comes by");
    world.app.destroy_visitors().await.unwrap();
    let line = &world.store.visitors_log().await.unwrap()[0];
    assert_eq!(line.state, VisitorState::Destroyed);
    let account = world.store.account(&slip.login).await.unwrap().unwrap();
    assert_eq!(account.state, AccountState::Closed);
    assert!(world.store.credentials(account.id).await.unwrap().is_empty(), "nothing opens it");
    assert!(world.roster.get().person_by_login(&slip.login).is_some(), "what they did can be traced");
    let taken = world.app.check_new_names(&technician, "Another", &slip.login).await.unwrap();
    assert!(format!("{taken:?}").contains("none is given twice"));
    assert!(world.app.pool_view(&staff, pool).await.unwrap().unwrap().row.ready == 2);
}

#[tokio::test]
async fn a_visitor_who_leaves_early_is_out_at_once_and_a_pool_ends_as_a_whole() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let proof = fresh(&world, "tariq").await;
    let pool = world.app.make_pool((&technician, &proof), &pool_form()).await.unwrap().unwrap();
    let mut logins = Vec::new();
    for address in ["10.20.0.81", "10.20.0.82"] {
        let slip = world.app.welcome_visitor((&technician, &proof), pool, &visitor_form()).await;
        let slip = slip.unwrap().unwrap().unwrap();
        let (chosen, at): (_, IpAddr) =
            (NewPassword { new: CHOSEN, again: CHOSEN }, address.parse().unwrap());
        world.app.change_password_for_web((&slip.login, &slip.secret), chosen, at).await.unwrap();
        world.clock.advance_ms(1_000);
        assert_eq!(world.app.sign_in_to_web(&slip.login, CHOSEN, at).await.unwrap().signed_in, "Visitor");
        logins.push((slip.login, at));
    }
    let accounts = world.store.visitors_of(pool).await.unwrap();
    let first = accounts.iter().find(|line| line.login == logins[0].0).unwrap();
    assert!(world.app.end_visit((&technician, &proof), pool, Some(first.account)).await.unwrap());
    assert_eq!(world.app.web_sign_in_view(logins[0].1).await.signed_in, "");
    assert_eq!(world.app.web_sign_in_view(logins[1].1).await.signed_in, "Visitor");
    assert!(world.app.end_visit((&technician, &proof), pool, None).await.unwrap());
    assert_eq!(world.app.web_sign_in_view(logins[1].1).await.signed_in, "");
    let left = world.store.visitors_of(pool).await.unwrap();
    assert!(left.iter().all(|line| line.state == VisitorState::Destroyed), "those that nobody had too");
    let none = world.app.welcome_visitor((&technician, &proof), pool, &visitor_form()).await;
    assert!(refused(none.err().unwrap()).contains("Nothing is left"));
}

/// A school with a class of so many learners, its teacher, a head and a technician.
async fn school_with_class(learners: usize) -> (World, Actor, Actor, Vec<PersonId>) {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    world.add("tariq", Role::Technician, school("larkfield")).await;
    world.add("gwen", Role::Governor, school("larkfield")).await;
    let mut pupils = Vec::new();
    for number in 0..learners {
        pupils.push(world.add_pupil(&format!("pupil{number}"), "R", school("larkfield")).await);
    }
    let (id, from) = (ClassId(uuid::Uuid::now_v7()), world.clock.now());
    let add = ClassChange::Add {
        id,
        school: SchoolId::new("larkfield"),
        name: "Hazel".to_owned(),
        kind: ClassKind::Registration,
        from,
    };
    let join = |person: PersonId, part| ClassChange::Join {
        class: id,
        person,
        part,
        from,
        scope: school("larkfield"),
    };
    let joins = pupils.iter().map(|pupil| join(*pupil, ClassPart::Learner));
    let changes = [add, join(id_of(&teacher), ClassPart::Teacher)].into_iter().chain(joins);
    let changes: Vec<Change> = changes.map(Change::Class).collect();
    let fact = Fact::new(&crate::world::technician(), Scope::Trust, from, "make-class");
    world.store.commit(&fact, &changes).await.unwrap();
    (world, head, teacher, pupils)
}

async fn open(world: &World, head: &Actor, kind: ReviewKind) -> ReviewId {
    let proof = fresh(world, "head").await;
    world.app.open_review((head, &proof), kind, &school("larkfield").to_string()).await.unwrap()
}

async fn line_of(world: &World, review: ReviewId, person: PersonId) -> i64 {
    let lines = world.store.review_lines(review).await.unwrap();
    lines.iter().find(|line| line.person == person).unwrap().number
}

fn answer(line: i64, answer: ReviewAnswer, words: &str) -> Vec<LineAnswer> {
    vec![LineAnswer { line, answer, words: words.to_owned() }]
}

#[tokio::test]
async fn each_answers_for_their_own_and_what_is_removed_ends_at_once() {
    let (world, head, teacher, pupils) = school_with_class(3).await;
    let review = open(&world, &head, ReviewKind::Accounts).await;
    let (proof, place) = (fresh(&world, "head").await, school("larkfield").to_string());
    let again = world.app.open_review((&head, &proof), ReviewKind::Accounts, &place);
    refused(again.await.err().unwrap());
    let seen = world.app.review_view(&teacher, review, "").await.unwrap().unwrap();
    assert_eq!((seen.row.lines, seen.row.mine), (3, 3), "a teacher sees her own class and nobody else");
    let of_teacher = fresh(&world, "carys").await;
    let head_line = line_of(&world, review, id_of(&head)).await;
    let of_head = answer(head_line, ReviewAnswer::Remove, "");
    let above = world.app.answer_review((&teacher, &of_teacher), review, of_head.clone()).await;
    world.assert_denied(Action::ReviewAccess, above).await;
    let own = world.app.answer_review((&head, &fresh(&world, "head").await), review, of_head).await;
    world.assert_denied(Action::ReviewAccess, own).await;
    let address: IpAddr = "10.20.0.90".parse().unwrap();
    world.app.sign_in_to_web("pupil0", PASSWORD, address).await.unwrap();
    let line = line_of(&world, review, pupils[0]).await;
    let remove = answer(line, ReviewAnswer::Remove, "she moved");
    assert!(world.app.answer_review((&teacher, &of_teacher), review, remove.clone()).await.unwrap());
    assert_eq!(world.app.web_sign_in_view(address).await.signed_in, "");
    assert!(world.app.sign_in_to_web("pupil0", PASSWORD, address).await.unwrap().signed_in.is_empty());
    let twice = world.app.answer_review((&teacher, &of_teacher), review, remove).await;
    refused(twice.err().unwrap());
    let line = line_of(&world, review, pupils[1]).await;
    let wordless = answer(line, ReviewAnswer::Change, " ");
    refused(world.app.answer_review((&teacher, &of_teacher), review, wordless).await.err().unwrap());
    let change = answer(line, ReviewAnswer::Change, "another class");
    world.app.answer_review((&teacher, &of_teacher), review, change).await.unwrap();
    world.assert_denied(Action::ManageAccounts, world.app.finish_line(&teacher, review, line).await).await;
    assert!(world.app.finish_line(&head, review, line).await.unwrap());
    let file = world.app.export_review(&teacher, review).await.unwrap().unwrap();
    let file = String::from_utf8(file).unwrap();
    assert!(file.contains("she moved") && file.contains("another class") && !file.contains("Head"), "{file}");
}

#[tokio::test]
async fn what_nobody_answers_lapses_after_two_warnings_but_half_a_class_waits_for_a_leader() {
    let (world, head, teacher, pupils) = school_with_class(4).await;
    let review = open(&world, &head, ReviewKind::Accounts).await;
    let state = |world: &World| {
        let store = world.store.clone();
        async move { store.reviews().await.unwrap().into_iter().find(|held| held.id == review).unwrap() }
    };
    for (days, warnings) in [(13, 0), (1, 1), (4, 1), (1, 2), (1, 2)] {
        world.clock.advance_ms(days * DAY_MS);
        world.app.mind_reviews().await.unwrap();
        assert_eq!(world.count_facts("warn-of-review-end").await, warnings);
    }
    world.clock.advance_ms(DAY_MS);
    world.app.mind_reviews().await.unwrap();
    let held = state(&world).await;
    assert_eq!(held.state, ReviewState::Held);
    assert!(held.held_why.contains("4 of 4 learners of Hazel"), "{}", held.held_why);
    assert!(world.app.sign_in_to_web("pupil0", PASSWORD, here()).await.unwrap().problem.is_empty());
    let deed = || HeldDeed::Extend("the teacher was ill".to_owned());
    let by_teacher = world.app.decide_held((&teacher, &fresh(&world, "carys").await), review, deed()).await;
    world.assert_denied(Action::ReviewAccess, by_teacher).await;
    let of_head = fresh(&world, "head").await;
    assert!(world.app.decide_held((&head, &of_head), review, deed()).await.unwrap());
    let of_teacher = fresh(&world, "carys").await;
    for pupil in &pupils[..3] {
        let line = line_of(&world, review, *pupil).await;
        let keep = answer(line, ReviewAnswer::Keep, "");
        world.app.answer_review((&teacher, &of_teacher), review, keep).await.unwrap();
    }
    for days in [7, 5, 2] {
        world.clock.advance_ms(days * DAY_MS);
        world.app.mind_reviews().await.unwrap();
    }
    let lines = world.store.review_lines(review).await.unwrap();
    let of = |person: PersonId| lines.iter().find(|line| line.person == person).unwrap().answer;
    assert_eq!(of(pupils[3]), Some(ReviewAnswer::Lapsed));
    assert_eq!(of(pupils[0]), Some(ReviewAnswer::Keep));
    let account = world.store.account("pupil3").await.unwrap().unwrap();
    assert_eq!(account.state, AccountState::Suspended);
    assert_eq!(of(id_of(&head)), None, "the last who approves and manages stays");
    let account = world.store.account("head").await.unwrap().unwrap();
    assert_eq!(account.state, AccountState::Open);
    assert_eq!(state(&world).await.state, ReviewState::Held, "until somebody answers for them");
}

#[tokio::test]
async fn a_gate_that_rested_over_the_end_warns_before_anything_lapses() {
    let (world, head, _, pupils) = school_with_class(1).await;
    let review = open(&world, &head, ReviewKind::Accounts).await;
    world.clock.advance_ms(60 * DAY_MS);
    world.app.mind_reviews().await.unwrap();
    let lines = world.store.review_lines(review).await.unwrap();
    assert!(lines.iter().all(|line| line.answer.is_none()));
    world.clock.advance_ms(DAY_MS);
    world.app.mind_reviews().await.unwrap();
    let line = line_of(&world, review, pupils[0]).await;
    let lines = world.store.review_lines(review).await.unwrap();
    let found = lines.iter().find(|held| held.number == line).unwrap();
    assert_eq!(found.answer, Some(ReviewAnswer::Lapsed));
}

#[tokio::test]
async fn rights_are_gone_through_every_year_by_the_clock_and_the_clause_says_so() {
    let (world, head, teacher, _) = school_with_class(1).await;
    let governor = world.roster.get().person_by_login("gwen").cloned().unwrap();
    let roles = vec![(Role::Governor, school("larkfield"))];
    let governor = Actor::Person { id: governor.id, login: "gwen".to_owned(), roles };
    world.app.open_reviews_if_due().await.unwrap();
    assert!(world.store.reviews().await.unwrap().is_empty(), "nothing is due on the first day");
    assert_eq!(clause(&world, &governor).await.word(), "Unknown");
    world.clock.advance_ms(366 * DAY_MS);
    world.app.open_reviews_if_due().await.unwrap();
    world.app.open_reviews_if_due().await.unwrap();
    let reviews = world.store.reviews().await.unwrap();
    assert_eq!(reviews.len(), 2, "one of each kind");
    let review = reviews.iter().find(|held| held.kind == ReviewKind::Rights).unwrap().id;
    let (of_head, of_governor) = (fresh(&world, "head").await, fresh(&world, "gwen").await);
    for login in ["carys", "tariq", "gwen"] {
        let person = world.roster.get().person_by_login(login).cloned().unwrap();
        let line = line_of(&world, review, person.id).await;
        let (chosen, words) = match login {
            "carys" => (ReviewAnswer::Remove, "she went"),
            _ => (ReviewAnswer::Keep, ""),
        };
        let given = answer(line, chosen, words);
        let done = world.app.answer_review((&head, &of_head), review, given.clone()).await;
        if login == "gwen" {
            world.assert_denied(Action::ReviewAccess, done).await;
        } else {
            done.unwrap();
        }
    }
    assert_eq!(world.store.account("carys").await.unwrap().unwrap().state, AccountState::Suspended);
    assert!(world.app.sign_in("carys", PASSWORD, here()).await.is_err());
    let line = line_of(&world, review, id_of(&head)).await;
    let out = answer(line, ReviewAnswer::Remove, "he retires");
    let last = world.app.answer_review((&governor, &of_governor), review, out).await.err();
    assert!(last.is_none() || refused(last.unwrap()).contains("Nobody else"), "somebody must be left");
    assert_eq!(clause(&world, &governor).await.word(), "Unknown", "not over yet");
    world.clock.advance_ms(22 * DAY_MS);
    assert_eq!(clause(&world, &governor).await.word(), "Fail", "its end has passed");
    assert!(world.roster.get().person(id_of(&teacher)).is_some());
}

/// The state of the clause that asks for the yearly review.
async fn clause(world: &World, actor: &Actor) -> model::ClauseState {
    crate::screens::clause(world, actor, "ACC-2").await.state
}

#[tokio::test]
async fn a_request_that_does_not_exist_is_no_different_from_one_elsewhere() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let nothing = RequestId(uuid::Uuid::nil());
    assert!(world.app.rights_view(&head, nothing).await.unwrap().is_none());
    let proof = fresh(&world, "head").await;
    assert!(!world.app.work_on_rights((&head, &proof), nothing, approve()).await.unwrap());
    let pupil = world.add("parker", Role::Learner, school("larkfield")).await;
    world.assert_denied(Action::ReadAccess, world.app.access_view(&pupil).await).await;
    world.assert_denied(Action::WelcomeVisitors, world.app.visitors_view(&pupil).await).await;
}

fn roles_of(world: &World, id: PersonId) -> Vec<(Role, Scope)> {
    let roster = world.roster.get();
    let held = roster.person(id).map(|person| person.affiliations.clone()).unwrap_or_default();
    held.into_iter().map(|held| (held.role, held.scope)).collect()
}

#[tokio::test]
async fn a_right_that_a_review_takes_away_does_not_come_back_with_the_account() {
    let (world, head, teacher, _) = school_with_class(1).await;
    let review = open(&world, &head, ReviewKind::Rights).await;
    let of_head = fresh(&world, "head").await;
    let line = line_of(&world, review, id_of(&teacher)).await;
    let remove = answer(line, ReviewAnswer::Remove, "she went");
    assert!(world.app.answer_review((&head, &of_head), review, remove).await.unwrap());
    let account = world.store.account("carys").await.unwrap().unwrap();
    assert_eq!(account.state, AccountState::Suspended);
    let deed = AccountDeed::Open(account.id);
    let id = id_of(&teacher);
    assert!(world.app.work_on_account((&head, &of_head), id, deed, "she helps out").await.unwrap());
    assert_eq!(roles_of(&world, id), [(Role::Staff, school("larkfield"))], "and a teacher by request alone");
}

#[tokio::test]
async fn an_administrator_account_rests_with_the_last_right_of_its_holder() {
    for kind in ReviewKind::ALL {
        let world = World::new("first-school.toml").await;
        let (head, _, _) = set_up(&world).await;
        world.add("bursar", Role::BusinessManager, school("larkfield")).await;
        administrator(&world, "bursar").await;
        let review = open(&world, &head, kind).await;
        let of_head = fresh(&world, "head").await;
        let tech = world.store.account("tech").await.unwrap().unwrap().person;
        let remove = answer(line_of(&world, review, tech).await, ReviewAnswer::Remove, "gone");
        assert!(world.app.answer_review((&head, &of_head), review, remove).await.unwrap());
        for login in ["tech", "tech.admin"] {
            let state = world.store.account(login).await.unwrap().unwrap().state;
            assert_eq!(state, AccountState::Suspended, "{login} {kind:?}");
        }
    }
}

#[tokio::test]
async fn a_line_that_cannot_lapse_holds_its_review_and_stops_no_other() {
    let world = World::new("first-school.toml").await;
    let (head, _, _) = set_up(&world).await;
    world.add("stella", Role::Staff, school("larkfield")).await;
    for kind in ReviewKind::ALL {
        open(&world, &head, kind).await;
    }
    for days in [14, 5, 1, 1] {
        world.clock.advance_ms(days * DAY_MS);
        world.app.mind_reviews().await.unwrap();
    }
    for review in world.store.reviews().await.unwrap() {
        assert_eq!(review.state, ReviewState::Held, "{:?}", review.kind);
    }
    let state = world.store.account("tech.admin").await.unwrap().unwrap().state;
    assert_eq!(state, AccountState::Open, "there are never fewer than two");
    let stella = world.store.account("stella").await.unwrap().unwrap();
    assert_eq!(stella.state, AccountState::Suspended, "what can lapse lapses");
}

#[tokio::test]
async fn two_answers_of_one_form_count_on_who_is_left_between_them() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let governor = world.add("gwen", Role::Governor, school("larkfield")).await;
    let held = |role| Affiliation { scope: school("larkfield"), role, year: None };
    let both = vec![held(Role::Technician), held(Role::ClassTeacher)];
    let tina = id_of(&world.add_shared("tina", both).await);
    let review = open(&world, &head, ReviewKind::Rights).await;
    let lines = world.store.review_lines(review).await.unwrap();
    let number = |role| lines.iter().find(|line| line.role == role).unwrap().number;
    let mut two = answer(number(Role::Technician), ReviewAnswer::Remove, "gone");
    two.extend(answer(number(Role::Headteacher), ReviewAnswer::Remove, "gone"));
    let done = world.app.answer_review((&governor, &fresh(&world, "gwen").await), review, two).await;
    assert!(refused(done.err().unwrap()).contains("Nobody else would be left"));
    assert_eq!(roles_of(&world, tina), [(Role::ClassTeacher, school("larkfield"))]);
    assert_eq!(roles_of(&world, id_of(&head)), [(Role::Headteacher, school("larkfield"))]);
}

#[tokio::test]
async fn what_goes_for_something_else_goes_at_that_place_and_by_who_has_a_say_in_it() {
    let world = World::new("trust.toml").await;
    let thora = world.add("thora", Role::Technician, school("whitestone")).await;
    let hugh = world.add("hugh", Role::Headteacher, school("whitestone")).await;
    let sunil = world.add("sunil", Role::SeniorLeader, school("whitestone")).await;
    let held = |role, at| Affiliation { scope: school(at), role, year: None };
    let both = vec![held(Role::Headteacher, "ashbrook"), held(Role::ClassTeacher, "whitestone")];
    let shared = id_of(&world.add_shared("carys", both).await);
    let form = |login: &str| RightsForm {
        kind: "instead".to_owned(),
        school: "whitestone".to_owned(),
        ..promotion(login, Role::Staff)
    };
    let (of_thora, of_hugh) = (fresh(&world, "thora").await, fresh(&world, "hugh").await);
    let id = world.app.ask_for_rights((&thora, &of_thora), &form("carys")).await.unwrap();
    assert!(world.app.work_on_rights((&hugh, &of_hugh), id, approve()).await.unwrap());
    let left = [(Role::Headteacher, school("ashbrook")), (Role::Staff, school("whitestone"))];
    assert_eq!(roles_of(&world, shared), left, "what they are elsewhere stays");

    let id = world.app.ask_for_rights((&thora, &of_thora), &form("hugh")).await;
    let none = id.err().unwrap();
    assert!(refused(none).contains("Nobody else here may approve"), "it takes a governor, too");
    let gwen = world.add("gwen", Role::Governor, school("whitestone")).await;
    let id = world.app.ask_for_rights((&thora, &of_thora), &form("hugh")).await.unwrap();
    let by_leader = world.app.work_on_rights((&sunil, &fresh(&world, "sunil").await), id, approve()).await;
    world.assert_denied(Action::ApproveAccess, by_leader).await;
    for login in ["thora", "sunil"] {
        let account = world.store.account(login).await.unwrap().unwrap().id;
        let (state, at) = (AccountState::Suspended, world.clock.now());
        let rests = Change::Account(AccountChange::SetState { account, state, at });
        let fact = Fact::new(&thora, Scope::Trust, at, "suspend-account");
        world.store.commit(&fact, &[rests]).await.unwrap();
    }
    let last = world.app.work_on_rights((&gwen, &fresh(&world, "gwen").await), id, approve()).await;
    assert!(refused(last.err().unwrap()).contains("Nobody else would be left"), "it is asked again");
    assert_eq!(roles_of(&world, id_of(&hugh)), [(Role::Headteacher, school("whitestone"))]);
}

#[tokio::test]
async fn who_gave_a_password_is_known_however_many_looks_came_since() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    world.add("head", Role::Headteacher, school("larkfield")).await;
    for (login, action) in [("sam", "reset-password"), ("lena", "issue-password")] {
        let person = world.add(login, Role::Staff, school("larkfield")).await;
        let about = |action| {
            Fact::new(&technician, Scope::Trust, world.clock.now(), action).about(person.to_string())
        };
        world.store.commit(&about(action), &[]).await.unwrap();
        for _ in 0..201 {
            world.store.commit(&about("read-person"), &[]).await.unwrap();
        }
        let close = sentences(&world, &technician, &promotion(login, Role::SeniorLeader)).await;
        assert!(close.contains("You gave this person their password"), "{login}: {close}");
    }
}

#[tokio::test]
async fn a_visitors_account_is_opened_and_given_a_password_by_its_pool_alone() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let proof = fresh(&world, "tariq").await;
    let pool = world.app.make_pool((&technician, &proof), &pool_form()).await.unwrap().unwrap();
    let ready = world.store.visitors_of(pool).await.unwrap().remove(0);
    let opened = AccountDeed::Open(ready.account);
    let opened = world.app.work_on_account((&technician, &proof), ready.person, opened, "quick").await;
    assert!(refused(opened.err().unwrap()).contains("Hand out another one"));
    let checks = ResetChecks { made_sure: MadeSure::KnownInPerson, handed_over: HandedOver::Slip };
    let reset = world.app.reset_password((&technician, &proof), ready.person, checks).await;
    assert!(refused(reset.err().unwrap()).contains("Hand out another one"));
    let state = world.store.account(&ready.login).await.unwrap().unwrap().state;
    assert_eq!(state, AccountState::Suspended);
}

#[tokio::test]
async fn a_first_password_is_made_by_who_may_give_one_to_what_the_person_is_now() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let (proof, of_head) = (fresh(&world, "tariq").await, fresh(&world, "head").await);
    let asked = newcomer(Role::Staff, "larkfield");
    let id = world.app.ask_for_rights((&technician, &proof), &asked).await.unwrap();
    assert!(world.app.work_on_rights((&head, &of_head), id, approve()).await.unwrap());
    let person = world.store.account("nesta").await.unwrap().unwrap().person;
    let leads = Affiliation { scope: school("larkfield"), role: Role::SafeguardingLead, year: None };
    let change = Change::SetAffiliations { person, affiliations: vec![leads] };
    let fact = Fact::new(&head, Scope::Trust, world.clock.now(), "move-person");
    world.store.commit(&fact, &[change]).await.unwrap();
    // Whatever is approved next has the roster read again.
    let other = RightsForm { login: "other".to_owned(), name: "Otis Other".to_owned(), ..asked };
    let other = world.app.ask_for_rights((&technician, &proof), &other).await.unwrap();
    assert!(world.app.work_on_rights((&head, &of_head), other, approve()).await.unwrap());
    assert!(!world.app.rights_view(&technician, id).await.unwrap().unwrap().may_make_slip);
    let slip = world.app.make_first_slip((&technician, &proof), id).await.err().unwrap();
    assert!(refused(slip).contains("looks after the machine"));
    assert!(world.app.make_first_slip((&technician, &proof), other).await.unwrap().is_some());
}
