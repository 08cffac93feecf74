//! Accounts: the first sign-in, resets, who reaches whom, and what ends when an account may not be used any more.

use crate::world::{PASSWORD, World, id_of, school, technician};
use app::views::PeopleFilter;
use app::{
    AccountDeed, AppError, AtMachine, Fresh, HandedOver, MadeSure, NewPassword, NewPerson, OtherSessions,
    PasswordChange, Proof, ResetChecks, SignInStep,
};
use model::{
    AccountId, Action, Affiliation, ClassId, ClassKind, ClassPart, Credentials, PersonId, Presented, Role,
    SchoolId, Scope, SignInAnswer, YearGroup,
};
use std::net::IpAddr;
use store::{Change, ClassChange, Fact};

const CHECKS: ResetChecks = ResetChecks { made_sure: MadeSure::KnownInPerson, handed_over: HandedOver::Slip };
const CHOSEN: &str = "velvet anchor pigment tram";

fn here() -> IpAddr {
    "10.20.0.77".parse().unwrap()
}

fn twice(new: &str) -> NewPassword<'_> {
    NewPassword { new, again: new }
}

fn refused(error: AppError) -> String {
    assert!(matches!(error, AppError::Refused { .. }), "{error:?}");
    error.theirs().to_owned()
}

/// A session of somebody, and the proof that it is them.
async fn fresh(world: &World, login: &str) -> (String, Fresh) {
    let token = world.app.sign_in(login, PASSWORD, here()).await.unwrap().token;
    let fresh = world.app.fresh(&token).await.unwrap();
    (token, fresh)
}

async fn at_proxy(world: &World, login: &str, password: &str) -> SignInAnswer {
    let credentials =
        Credentials { login: login.to_owned(), password: password.to_owned().into(), address: here() };
    world.app.proxy_sign_in().ask(Presented::Password(credentials)).await
}

/// A class of the first school with this teacher and these learners.
async fn class(world: &World, teacher: PersonId, learners: &[PersonId]) {
    class_at(world, "larkfield", teacher, learners).await;
}

async fn class_at(world: &World, at: &str, teacher: PersonId, learners: &[PersonId]) {
    let (id, scope) = (ClassId(uuid::Uuid::now_v7()), school(at));
    let from = world.clock.now();
    let add = ClassChange::Add {
        id,
        school: SchoolId::new(at),
        name: "Hazel".to_owned(),
        kind: ClassKind::Registration,
        from,
    };
    let join = |person: &PersonId, part| ClassChange::Join {
        class: id,
        person: *person,
        part,
        from,
        scope: scope.clone(),
    };
    let changes: Vec<Change> = [add, join(&teacher, ClassPart::Teacher)]
        .into_iter()
        .chain(learners.iter().map(|person| join(person, ClassPart::Learner)))
        .map(Change::Class)
        .collect();
    let fact = Fact::new(&technician(), Scope::Trust, from, "make-class");
    world.store.commit(&fact, &changes).await.unwrap();
}

fn newcomer(role: Role, at: &str) -> NewPerson {
    let year = (role == Role::Learner).then(|| YearGroup::parse("4").unwrap());
    let school = Some(SchoolId::new(at));
    NewPerson { name: "Nesta Fernhollow".to_owned(), login: "nesta".to_owned(), role, year, school }
}

#[tokio::test]
async fn a_newcomer_signs_in_with_the_slip_once_and_then_with_a_password_of_their_own() {
    let world = World::new("first-school.toml").await;
    let slip = crate::rights::admit(&world, Role::ClassTeacher).await;
    assert!(slip.must_change && slip.secret.chars().count() >= 17, "long and random");
    let facts = format!("{:?}", world.facts().await);
    assert!(
        !facts.contains(&slip.secret) && !facts.contains("Fernhollow"),
        "no secret and no name is in the chain"
    );

    let begun = world.app.sign_in("nesta", &slip.secret, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ChoosePassword);
    assert_eq!(world.app.actor(&begun.token, here()).await, None, "it opens nothing yet");
    assert!(world.app.sign_in_to_web("nesta", &slip.secret, here()).await.unwrap().must_choose);
    assert_eq!(at_proxy(&world, "nesta", &slip.secret).await, SignInAnswer::Wrong, "nor anything else");
    for noted in ["sign-in-to-web-begun", "sign-in-to-proxy-unchanged"] {
        assert_eq!(world.count_facts(noted).await, 1, "{noted}");
    }
    for (new, again) in
        [("short", "short"), ("fernhollow is my name", "fernhollow is my name"), (CHOSEN, "another")]
    {
        let error =
            world.app.choose_first_password(&begun.token, NewPassword { new, again }, here()).await.err();
        assert!(!refused(error.unwrap()).is_empty());
    }
    let kept = world.app.choose_first_password(&begun.token, twice(&slip.secret), here()).await;
    refused(kept.err().unwrap());
    let whole = world.app.choose_first_password(&begun.token, twice(CHOSEN), here()).await.unwrap();
    assert!(world.app.actor(&whole.token, here()).await.is_some());
    let again =
        world.app.choose_first_password(&begun.token, twice("another lantern gravel moss"), here()).await;
    assert!(matches!(again, Err(AppError::Denied)), "the first token is worth nothing any more");
    assert!(world.app.sign_in("nesta", &slip.secret, here()).await.is_err(), "the slip is worth nothing");
    assert_eq!(world.app.sign_in("nesta", CHOSEN, here()).await.unwrap().step, SignInStep::Done);
}

#[tokio::test]
async fn a_temporary_password_runs_out_as_the_policy_says() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let (_, proof) = fresh(&world, "tariq").await;
    let slip =
        world.app.reset_password((&technician, &proof), id_of(&teacher), CHECKS).await.unwrap().unwrap();
    assert!(world.app.sign_in("carys", PASSWORD, here()).await.is_err(), "the old one is worth nothing");
    world.clock.advance_ms(24 * 3_600_000);
    let late = refused(world.app.sign_in("carys", &slip.secret, here()).await.err().unwrap());
    assert!(late.contains("has run out"), "{late}");
    assert_eq!(world.count_facts("temporary-password-run-out").await, 1);
    let facts = world.facts().await;
    let reset = facts.iter().find(|fact| fact.action == "reset-password").unwrap();
    assert!(reset.details.contains("I know them") && reset.details.contains("printed slip"), "{reset:?}");
}

#[tokio::test]
async fn the_youngest_get_a_short_password_that_stays_and_older_pupils_choose_on_the_web_page() {
    let world = World::new("first-school.toml").await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let small = world.add_pupil("elsie", "1", school("larkfield")).await;
    let big = world.add_pupil("farah", "4", school("larkfield")).await;
    class(&world, id_of(&teacher), &[small, big]).await;
    let (_, proof) = fresh(&world, "carys").await;
    let slip = world.app.reset_password((&teacher, &proof), small, CHECKS).await.unwrap().unwrap();
    assert!(!slip.must_change && slip.secret.len() <= 6 && slip.expires.is_none());
    let view = world.app.sign_in_to_web("elsie", &slip.secret, here()).await.unwrap();
    assert_eq!(view.signed_in, "Elsie");
    world.app.sign_out_of_web(here()).await.unwrap();

    let slip = world.app.reset_password((&teacher, &proof), big, CHECKS).await.unwrap().unwrap();
    assert!(world.app.sign_in_to_web("farah", &slip.secret, here()).await.unwrap().must_choose);
    let change = |old: String, new: &'static str| {
        let app = world.app.clone();
        async move { app.change_password_for_web(("farah", &old), twice(new), here()).await }
    };
    refused(change("wrong".to_owned(), "purple tractor 9").await.err().unwrap());
    refused(change(slip.secret.clone(), "abc").await.err().unwrap());
    change(slip.secret.clone(), "purple tractor 9").await.unwrap();
    let view = world.app.sign_in_to_web("farah", "purple tractor 9", here()).await.unwrap();
    assert_eq!(view.signed_in, "Farah");
}

#[tokio::test]
async fn a_class_teacher_sees_and_resets_their_own_pupils_and_nobody_else() {
    let world = World::new("first-school.toml").await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let other = world.add("owen", Role::ClassTeacher, school("larkfield")).await;
    let mine = world.add_pupil("elsie", "3", school("larkfield")).await;
    let theirs = world.add_pupil("farah", "4", school("larkfield")).await;
    class(&world, id_of(&teacher), &[mine]).await;
    let view = world.app.people_view(&teacher, PeopleFilter::default()).await.unwrap();
    assert!(view.own_classes_only && !view.may_create);
    assert_eq!((view.total, view.rows[0].login.as_str()), (1, "elsie"));
    let by_name = |search: &str| PeopleFilter { search: search.to_owned(), ..PeopleFilter::default() };
    for (who, search, expected) in [(&teacher, "elsie", 1), (&teacher, "farah", 0), (&other, "elsie", 0)] {
        let found = world.app.people_view(who, by_name(search)).await.unwrap();
        assert_eq!((found.total, found.rows.len()), (expected, expected), "{search}");
    }
    class_at(&world, "elsewhere", id_of(&other), &[theirs]).await;
    let beside = world.app.people_view(&other, by_name("farah")).await.unwrap();
    assert_eq!(beside.total, 0, "a class counts where they are a class teacher");
    assert!(world.app.person_view(&teacher, theirs).await.unwrap().is_none());
    let (_, proof) = fresh(&world, "carys").await;
    assert!(world.app.reset_password((&teacher, &proof), theirs, CHECKS).await.unwrap().is_none());
    assert!(world.app.reset_password((&teacher, &proof), id_of(&other), CHECKS).await.unwrap().is_none());
    assert!(world.app.reset_password((&teacher, &proof), mine, CHECKS).await.unwrap().is_some());
    let deed = world.app.work_on_account((&teacher, &proof), mine, AccountDeed::EndSessions, "why").await;
    world.assert_denied(Action::ManageAccounts, deed).await;
}

#[tokio::test]
async fn nobody_gains_by_a_reset_and_nobody_resets_themselves() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let (_, proof) = fresh(&world, "tariq").await;
    let leader = world.add("wendel", Role::OnlineSafetyLead, school("larkfield")).await;
    for (whose, words) in
        [(&head, "schoolgate people reset"), (&leader, "more than you"), (&technician, "My account")]
    {
        let error =
            world.app.reset_password((&technician, &proof), id_of(whose), CHECKS).await.err().unwrap();
        assert!(refused(error).contains(words));
    }
    let more = world.app.add_person((&technician, &proof), newcomer(Role::Headteacher, "larkfield")).await;
    assert!(matches!(more, Err(AppError::Denied)));
    let choices = world.app.new_person_choices(&technician).await.unwrap();
    let offered: Vec<&str> = choices.roles.iter().map(|(slug, _)| slug.as_str()).collect();
    assert_eq!(offered, ["learner"], "everybody else is asked for, or comes of a pool");
    let (_, of_head) = fresh(&world, "head").await;
    let borrowed = world.app.reset_password((&technician, &of_head), id_of(&head), CHECKS).await;
    assert!(matches!(borrowed, Err(AppError::Denied)), "a proof counts for whoever gave it");
    let named = world.app.reset_password((&head, &of_head), id_of(&technician), CHECKS).await.err().unwrap();
    assert!(refused(named).contains("policy names others"));
}

#[tokio::test]
async fn nobody_makes_themselves_a_second_voice_where_two_decide() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let (_, proof) = fresh(&world, "head").await;
    for role in [Role::Governor, Role::SeniorLeader, Role::SafeguardingLead, Role::DataProtectionOfficer] {
        let puppet = world.app.add_person((&head, &proof), newcomer(role, "larkfield")).await;
        assert!(matches!(puppet, Err(AppError::Denied)), "{role:?}");
    }
    let choices = world.app.new_person_choices(&head).await.unwrap();
    let offered: Vec<&str> = choices.roles.iter().map(|(slug, _)| slug.as_str()).collect();
    assert_eq!(offered, ["learner"]);
    world.add("nesta", Role::Staff, school("larkfield")).await;
    let (login, reason) = ("nesta".to_owned(), "elected".to_owned());
    let promoted = app::Move { login, role: Role::Governor, year: None, reason };
    refused(world.app.set_affiliation(&head, promoted).await.err().unwrap());
}

#[tokio::test]
async fn the_machine_adds_who_decides_beside_others_and_gives_them_a_password() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let session = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    let (actor, pepper) = (technician(), crate::world::pepper());
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper, actor: &actor };
    let governor = || newcomer(Role::Governor, "larkfield");
    refused(machine.add(governor(), " ").await.err().unwrap());
    refused(machine.add(newcomer(Role::Governor, "nowhere"), "elected").await.err().unwrap());
    refused(machine.add(newcomer(Role::Learner, "larkfield"), "a new pupil").await.err().unwrap());
    let made = machine.add(governor(), "elected").await.unwrap();
    refused(machine.add(governor(), "elected").await.err().unwrap());
    world.app.take_up_changes().await.unwrap();
    let begun = world.app.sign_in("nesta", &made.secret, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ChoosePassword);

    refused(machine.reset("nobody", "forgot it").await.err().unwrap());
    let made = machine.reset("head", "forgot it").await.unwrap();
    world.app.take_up_changes().await.unwrap();
    assert_eq!(world.app.actor(&session.token, here()).await, None, "what was signed in to ended");
    assert!(world.app.sign_in("head", PASSWORD, here()).await.is_err());
    let begun = world.app.sign_in("head", &made.secret, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ChoosePassword);
    let facts = world.facts().await;
    let reset = facts.iter().find(|fact| fact.action == "reset-password").unwrap();
    assert!(reset.actor == actor.to_string() && reset.details.contains("forgot it"), "{reset:?}");
    assert!(!format!("{facts:?}").contains(made.secret.as_str()));
    let as_head = AtMachine { actor: &head, ..machine };
    world.assert_denied(Action::ManageAccounts, as_head.reset("nesta", "why").await).await;
}

#[tokio::test]
async fn a_role_that_the_policy_does_not_name_for_resets_gives_no_reach_to_one_that_it_does() {
    let world = World::new("first-school.toml").await;
    let at = |role| Affiliation { scope: school("larkfield"), role, year: None };
    let both = world.add_shared("carys", vec![at(Role::Headteacher), at(Role::ClassTeacher)]).await;
    let (mine, theirs) = (
        world.add_pupil("elsie", "3", school("larkfield")).await,
        world.add_pupil("farah", "4", school("larkfield")).await,
    );
    class(&world, id_of(&both), &[mine]).await;
    let (_, proof) = fresh(&world, "carys").await;
    assert!(world.app.reset_password((&both, &proof), mine, CHECKS).await.unwrap().is_some());
    let beyond = world.app.reset_password((&both, &proof), theirs, CHECKS).await.err().unwrap();
    assert!(refused(beyond).contains("more than you look after"));
}

#[tokio::test]
async fn a_reset_opens_what_wrong_passwords_had_locked() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let (_, proof) = fresh(&world, "tariq").await;
    for wrong in 0..40 {
        let typed = format!("not their password {wrong}");
        assert!(world.app.sign_in("carys", &typed, here()).await.is_err());
        world.clock.advance_ms(1_000);
    }
    let locked = refused(world.app.sign_in("carys", PASSWORD, here()).await.err().unwrap());
    assert!(locked.contains("too many wrong passwords"), "{locked}");
    let slip =
        world.app.reset_password((&technician, &proof), id_of(&teacher), CHECKS).await.unwrap().unwrap();
    let begun = world.app.sign_in("carys", &slip.secret, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ChoosePassword);
}

#[tokio::test]
async fn whoever_may_do_less_closes_an_account_and_does_not_open_it_again() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let (_, proof) = fresh(&world, "tariq").await;
    let account = world.store.accounts_of(id_of(&head)).await.unwrap()[0].id;
    let act =
        async |deed| world.app.work_on_account((&technician, &proof), id_of(&head), deed, "a lost key").await;
    assert!(act(AccountDeed::Suspend(account)).await.unwrap());
    world.assert_denied(Action::ManageAccounts, act(AccountDeed::Open(account)).await).await;
    let own = world.store.accounts_of(id_of(&technician)).await.unwrap()[0].id;
    let deed = AccountDeed::Close(own);
    let own = world.app.work_on_account((&technician, &proof), id_of(&technician), deed, "why").await;
    assert!(matches!(own, Err(AppError::Denied)), "nobody their own, so one always stays");
}

#[tokio::test]
async fn what_is_typed_into_a_search_is_not_written_down() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    world.add_pupil("elsie", "3", school("larkfield")).await;
    let typed = |search: &str, role: &str| PeopleFilter {
        search: search.to_owned(),
        role: role.to_owned(),
        year: "3".to_owned(),
        ..PeopleFilter::default()
    };
    assert_eq!(world.app.people_view(&head, typed("elsie", "learner")).await.unwrap().total, 1);
    world.app.people_view(&head, typed("", "Elsie Thistlewick")).await.unwrap();
    world.app.export_people(&head, &typed("elsie", "learner")).await.unwrap();
    let facts = world.facts().await;
    let looks: Vec<_> =
        facts.iter().filter(|fact| ["read-people", "export-people"].contains(&&*fact.action)).collect();
    assert_eq!(looks.len(), 3);
    assert!(looks.iter().all(|fact| !fact.details.to_lowercase().contains("elsie")), "{looks:?}");
    assert!(looks[0].details.contains("learner, year group 3, a search was typed"), "{looks:?}");
}

#[tokio::test]
async fn nothing_of_another_school_is_seen_or_touched() {
    let world = World::new("trust.toml").await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    world.add("ours", Role::ClassTeacher, school("ashbrook")).await;
    let theirs = world.add("theirs", Role::ClassTeacher, school("whitestone")).await;
    let central = world.add("central", Role::Staff, Scope::Trust).await;
    let pupil = world.add_pupil("amara", "9", school("whitestone")).await;
    let at = |role, place: &str| Affiliation { scope: school(place), role, year: None };
    let (teacher_here, technician_there) =
        (at(Role::ClassTeacher, "ashbrook"), at(Role::Technician, "whitestone"));
    let shared = id_of(&world.add_shared("shared", vec![teacher_here, technician_there]).await);
    class_at(&world, "ashbrook", shared, &[]).await;
    class_at(&world, "whitestone", shared, &[pupil]).await;
    for place in ["ashbrook", "whitestone"] {
        let fact = Fact::new(&technician(), school(place), world.clock.now(), "end-sessions");
        let fact = fact.about(format!("person:{shared}")).with("reason", format!("asked at {place}"));
        world.store.commit(&fact, &[]).await.unwrap();
    }
    let all = |search: &str| PeopleFilter { search: search.to_owned(), ..PeopleFilter::default() };
    let view = world.app.people_view(&head, all("")).await.unwrap();
    let logins: Vec<&str> = view.rows.iter().map(|row| row.login.as_str()).collect();
    assert_eq!((view.total, logins), (3, vec!["head", "ours", "shared"]), "lists and counts");
    for (search, expected) in [("theirs", 0), ("amara", 0), ("central", 0), ("ours", 1), ("thistlewick", 3)] {
        let found = world.app.people_view(&head, all(search)).await.unwrap();
        assert_eq!((found.total, found.rows.len()), (expected, expected), "{search}");
    }
    let technicians = PeopleFilter { role: "technician".to_owned(), ..PeopleFilter::default() };
    assert_eq!(world.app.people_view(&head, technicians).await.unwrap().total, 0, "theirs there is not ours");
    let seen = world.app.person_view(&head, shared).await.unwrap().unwrap();
    assert_eq!((seen.row.what.len(), seen.classes.len()), (1, 1), "{seen:?}");
    assert!(seen.row.what[0].starts_with("Class teacher") && !seen.may_reset && !seen.may_manage, "{seen:?}");
    let why: Vec<&str> = seen.history.iter().map(|fact| fact.why.as_str()).collect();
    assert_eq!(why, ["asked at ashbrook"]);
    let file = String::from_utf8(world.app.export_people(&head, &all("")).await.unwrap()).unwrap();
    assert!(file.contains("ours") && !file.contains("theirs") && !file.contains("amara"), "{file}");
    let (_, proof) = fresh(&world, "head").await;
    let nobody = PersonId(uuid::Uuid::nil());
    for id in [id_of(&theirs), id_of(&central), pupil, nobody] {
        assert!(world.app.person_view(&head, id).await.unwrap().is_none(), "as if there were nobody");
        assert!(world.app.reset_password((&head, &proof), id, CHECKS).await.unwrap().is_none());
        let deed = AccountDeed::Close(AccountId(id.0));
        assert!(!world.app.work_on_account((&head, &proof), id, deed, "why").await.unwrap());
    }
    assert!(world.app.sign_in("theirs", PASSWORD, here()).await.is_ok(), "nothing was touched");
    let elsewhere = world.app.add_person((&head, &proof), newcomer(Role::Staff, "whitestone")).await;
    world.assert_denied(Action::ManageAccounts, elsewhere).await;
    let taken = NewPerson { login: "theirs".to_owned(), ..newcomer(Role::Learner, "ashbrook") };
    let problems = world.app.check_new_person(&head, &taken).await.unwrap();
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].0 == "login" && !problems[0].1.to_lowercase().contains("whitestone"), "{problems:?}");
}

#[tokio::test]
async fn suspending_an_account_ends_everything_here_and_at_a_gate_that_only_shares_the_records() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("tariq", Role::Technician, school("larkfield")).await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let other_gate = world.restarted().await;
    let (_, proof) = fresh(&world, "tariq").await;
    let session = world.app.sign_in("carys", PASSWORD, here()).await.unwrap();
    for gate in [&world, &other_gate] {
        gate.app.sign_in_to_web("carys", PASSWORD, here()).await.unwrap();
        assert_eq!(gate.app.web_sign_in_view(here()).await.signed_in, "Carys");
    }
    let accounts = world.store.accounts_of(id_of(&teacher)).await.unwrap();
    let act = |deed, why: &'static str| {
        let (app, technician, proof) = (world.app.clone(), technician.clone(), proof.clone());
        let id = id_of(&teacher);
        async move { app.work_on_account((&technician, &proof), id, deed, why).await }
    };
    refused(act(AccountDeed::Suspend(accounts[0].id), " ").await.err().unwrap());
    assert!(act(AccountDeed::Suspend(accounts[0].id), "a lost laptop").await.unwrap());
    assert_eq!(world.app.actor(&session.token, here()).await, None, "the console");
    assert_eq!(world.app.web_sign_in_view(here()).await.signed_in, "", "the web");
    assert!(world.identities.sessions_ended(id_of(&teacher)).is_some(), "what the proxy remembers");
    assert_eq!(at_proxy(&world, "carys", PASSWORD).await, SignInAnswer::Wrong);
    other_gate.app.take_up_changes().await.unwrap();
    assert_eq!(other_gate.app.web_sign_in_view(here()).await.signed_in, "", "at the other gate");
    assert!(other_gate.identities.sessions_ended(id_of(&teacher)).is_some());
    assert!(world.app.sign_in("carys", PASSWORD, here()).await.is_err());
    assert!(act(AccountDeed::Open(accounts[0].id), "found again").await.unwrap());
    assert!(world.app.sign_in("carys", PASSWORD, here()).await.is_ok());
    assert!(!act(AccountDeed::Close(AccountId(uuid::Uuid::nil())), "why").await.unwrap());
    assert!(act(AccountDeed::Close(accounts[0].id), "left").await.unwrap());
    for deed in [AccountDeed::Open(accounts[0].id), AccountDeed::Suspend(accounts[0].id)] {
        let words = refused(act(deed, "back again").await.err().unwrap());
        assert!(words.contains("stays closed"), "{words}");
    }
}

#[tokio::test]
async fn one_sees_and_ends_ones_own_sessions_and_changes_ones_password_with_the_old_one() {
    let world = World::new("first-school.toml").await;
    let teacher = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let other = world.add("owen", Role::ClassTeacher, school("larkfield")).await;
    let sign_in = async |login: &str| world.app.sign_in(login, PASSWORD, here()).await.unwrap().token;
    let (one, two, three) = (sign_in("carys").await, sign_in("carys").await, sign_in("carys").await);
    let strange = sign_in("owen").await;
    world.app.sign_in_to_web("carys", PASSWORD, here()).await.unwrap();
    let view = world.app.my_account(&teacher, &one).await.unwrap();
    assert_eq!((view.sessions.len(), view.sessions.iter().filter(|session| session.is_this).count()), (4, 1));
    let of_other = world.app.my_account(&other, &strange).await.unwrap().sessions[0].id.clone();
    let id = |text: &str| model::SessionId::parse(text).unwrap();
    world.app.end_my_session(&teacher, &one, id(&of_other)).await.unwrap();
    assert!(world.app.actor(&strange, here()).await.is_some(), "nobody ends another's session there");
    let view = world.app.my_account(&teacher, &two).await.unwrap();
    let here_id = view.sessions.iter().find(|session| session.is_this).unwrap().id.clone();
    world.app.end_my_session(&teacher, &one, id(&here_id)).await.unwrap();
    assert!(world.app.actor(&two, here()).await.is_none() && world.app.actor(&three, here()).await.is_some());

    let change = |old: &'static str, others| {
        let (app, teacher, token) = (world.app.clone(), teacher.clone(), one.clone());
        let change = PasswordChange { old, chosen: twice(CHOSEN), others };
        async move { app.change_my_password((&teacher, &token), change, here()).await }
    };
    let wrong = change("wrong", OtherSessions::End).await.err().unwrap();
    assert!(matches!(wrong, AppError::Refused { about: app::RefusedFor::OwnPassword, .. }), "{wrong:?}");
    let again = PasswordChange { old: PASSWORD, chosen: twice(PASSWORD), others: OtherSessions::Keep };
    let again = world.app.change_my_password((&teacher, &one), again, here()).await.err().unwrap();
    assert!(
        matches!(again, AppError::Refused { about: app::RefusedFor::WhatWasAsked, .. }),
        "the same one again"
    );
    change(PASSWORD, OtherSessions::End).await.unwrap();
    assert!(world.app.actor(&one, here()).await.is_some(), "one stays where one is");
    assert!(world.app.actor(&three, here()).await.is_none());
    assert_eq!(world.app.web_sign_in_view(here()).await.signed_in, "");
    assert!(world.app.sign_in("carys", CHOSEN, here()).await.is_ok());
}

#[tokio::test]
async fn a_proof_that_it_is_oneself_lasts_a_quarter_of_an_hour() {
    let world = World::new("first-school.toml").await;
    world.add("tariq", Role::Technician, school("larkfield")).await;
    let (token, _) = fresh(&world, "tariq").await;
    world.clock.advance_ms(15 * 60_000);
    assert_eq!(world.app.fresh(&token).await, None);
    refused(world.app.confirm(&token, Proof::Password("wrong"), here()).await.err().unwrap());
    assert_eq!(world.app.fresh(&token).await, None);
    world.app.confirm(&token, Proof::Password(PASSWORD), here()).await.unwrap();
    assert!(world.app.fresh(&token).await.is_some());
}
