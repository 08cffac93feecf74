//! Signing in, to the console and to the web.

use crate::world::{NOW, PASSWORD, World, school};
use app::views::{ExplainQuestion, PortalView};
use app::{AppError, Caller, Move};
use model::{
    Actor, Channel, Credentials, KnownBy, Outcome, Presented, Principal, Role, SchoolId, Scope, SignInAnswer,
    Target, YearGroup,
};
use policy::rules::{AddressUse, Network, SignInWay};
use policy::{Image, Snapshot};
use std::net::IpAddr;

const HERE: &str = "10.20.0.77";

fn here() -> IpAddr {
    HERE.parse().unwrap()
}

fn theirs(error: AppError) -> String {
    assert!(matches!(error, AppError::Refused { .. }), "{error:?}");
    error.theirs().to_owned()
}

#[tokio::test]
async fn staff_sign_in_and_out_and_the_token_is_worth_nothing_afterwards() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let session = world.app.sign_in(" HEAD ", PASSWORD, here()).await.unwrap();
    assert_eq!(world.app.actor(&session.token, here()).await, Some(head));
    world.app.sign_out(&session.token).await.unwrap();
    world.app.sign_out(&session.token).await.unwrap();
    assert_eq!(world.app.actor(&session.token, here()).await, None);
    assert_eq!((world.count_facts("sign-in").await, world.count_facts("sign-out").await), (1, 1));
    assert_eq!(world.app.actor("no token", here()).await, None);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_login_are_refused_in_the_same_words() {
    let world = World::new("first-school.toml").await;
    world.add("head", Role::Headteacher, school("larkfield")).await;
    let wrong = world.app.sign_in("head", "three quiet otter", here()).await.err().unwrap();
    let unknown = world.app.sign_in("nobody", PASSWORD, here()).await.err().unwrap();
    let long = world.app.sign_in("head", &"x".repeat(5_000), here()).await.err().unwrap();
    let words = theirs(wrong);
    assert_eq!((theirs(unknown), theirs(long)), (words.clone(), words));
    let facts = world.facts().await;
    let refused: Vec<_> = facts.iter().filter(|fact| fact.action == "sign-in-refused").collect();
    let subjects: Vec<_> = refused.iter().map(|fact| fact.subject.as_str()).collect();
    assert_eq!(subjects, ["login:head", "unknown login", "login:head"]);
    assert!(!format!("{facts:?}").contains("nobody"), "what was typed for a login is not written down");
}

#[tokio::test]
async fn a_pupil_with_the_right_password_is_told_that_this_is_for_staff() {
    let world = World::new("first-school.toml").await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    let right = theirs(world.app.sign_in("amara", PASSWORD, here()).await.err().unwrap());
    assert!(right.contains("for staff"), "{right}");
    let wrong = theirs(world.app.sign_in("amara", "wrong", here()).await.err().unwrap());
    assert!(!wrong.contains("staff"), "a wrong password learns nothing about the account: {wrong}");
    assert_eq!(world.count_facts("denied").await, 1);
}

#[tokio::test]
async fn a_session_ends_by_itself_and_after_an_idle_hour() {
    let world = World::new("first-school.toml").await;
    world.add("head", Role::Headteacher, school("larkfield")).await;
    let session = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    for _ in 0..14 {
        world.clock.advance_ms(50 * 60_000);
        assert!(world.app.actor(&session.token, here()).await.is_some(), "used every 50 minutes it stays");
    }
    world.clock.advance_ms(50 * 60_000);
    assert!(
        world.app.actor(&session.token, here()).await.is_none(),
        "after twelve hours it ends whatever is done"
    );
    let idle = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    world.clock.advance_ms(3_600_000);
    assert!(world.app.actor(&idle.token, here()).await.is_none(), "an idle hour ends it");
}

#[tokio::test]
async fn a_role_that_was_taken_away_is_gone_from_the_running_session() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    world.add("teacher", Role::ClassTeacher, school("larkfield")).await;
    let session = world.app.sign_in("teacher", PASSWORD, here()).await.unwrap();
    world.app.set_affiliation(&head, to("teacher", Role::Guest, None)).await.unwrap();
    let Some(Actor::Person { roles, .. }) = world.app.actor(&session.token, here()).await else {
        panic!("still somebody")
    };
    assert_eq!(roles, [(Role::Guest, school("larkfield"))]);
}

#[tokio::test]
async fn signing_in_to_the_web_makes_the_filter_know_the_person_until_they_leave() {
    let world = World::new("first-school.toml").await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    let wrong = world.app.sign_in_to_web("amara", "wrong", here()).await.unwrap();
    assert!(!wrong.problem.is_empty() && wrong.signed_in.is_empty());
    let view = world.app.sign_in_to_web("amara", PASSWORD, here()).await.unwrap();
    assert_eq!(
        (view.address.as_str(), view.signed_in.as_str(), view.until.as_str()),
        (HERE, "Amara", "18:15")
    );
    assert!(group_at(&world).is_some_and(|group| group.contains("ks2")), "{:?}", group_at(&world));
    world.app.sign_out_of_web(here()).await.unwrap();
    assert_eq!(world.app.web_sign_in_view(here()).await.signed_in, "");
    assert_eq!(group_at(&world), None);
    assert_eq!(
        world.restarted().await.app.web_sign_in_view(here()).await.signed_in,
        "",
        "after a restart too"
    );
}

#[tokio::test]
async fn a_web_sign_in_ends_with_the_day_and_survives_a_restart_until_then() {
    let world = World::new("first-school.toml").await;
    world.add("guest", Role::Guest, school("larkfield")).await;
    world.clock.advance_ms(10 * 3_600_000);
    let view = world.app.sign_in_to_web("guest", PASSWORD, here()).await.unwrap();
    assert_eq!(view.until, "00:00");
    let restarted = world.restarted().await;
    assert_eq!(restarted.app.web_sign_in_view(here()).await.signed_in, "Guest");
    world.clock.advance_ms(4 * 3_600_000);
    assert_eq!(restarted.app.web_sign_in_view(here()).await.signed_in, "");
}

#[tokio::test]
async fn six_wrong_passwords_lock_the_account_for_where_they_came_from_and_nowhere_else() {
    let world = World::new("first-school.toml").await;
    world.add("head", Role::Headteacher, school("larkfield")).await;
    let elsewhere: IpAddr = "10.20.0.78".parse().unwrap();
    for number in 0..6 {
        let wrong = format!("wrong {number}");
        assert!(world.app.sign_in("head", &wrong, here()).await.is_err());
        if number == 2 {
            let waits = theirs(world.app.sign_in("head", PASSWORD, here()).await.err().unwrap());
            assert_eq!(waits, "Wait 2 seconds, then try again.");
        }
        world.clock.advance_ms([0, 0, 2_000, 5_000, 15_000, 0][number]);
    }
    let locked = theirs(world.app.sign_in("head", PASSWORD, here()).await.err().unwrap());
    assert!(locked.contains("Wait 15 minutes"), "{locked}");
    let view = world.app.sign_in_to_web("head", PASSWORD, here()).await.unwrap();
    assert!(view.problem.contains("Wait 15 minutes"), "the web's page counts with the console's");
    assert!(world.app.sign_in("head", PASSWORD, elsewhere).await.is_ok());
    assert_eq!(world.count_facts("account-locked").await, 1);
    let kept = world.app.moved_locks().unwrap();
    assert!(world.app.moved_locks().is_none(), "nothing was counted since");
    let restarted = world.restarted().await;
    restarted.app.restore_locks(&kept).unwrap();
    let still = theirs(restarted.app.sign_in("head", PASSWORD, here()).await.err().unwrap());
    assert!(still.contains("Wait 15 minutes"), "after a restart too: {still}");
    assert!(restarted.app.restore_locks(b"something else").is_err());
    world.clock.advance_ms(15 * 60_000);
    assert!(world.app.sign_in("head", PASSWORD, here()).await.is_ok());
}

#[tokio::test]
async fn four_pupils_at_four_devices_shut_a_teacher_out_of_none_of_her_own() {
    let world = World::new("first-school.toml").await;
    world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let whole = world.app.sign_in("carys", PASSWORD, here()).await.unwrap();
    let on_web = world.app.sign_in_to_web("carys", PASSWORD, here()).await.unwrap();
    for mark in [&whole.device, &on_web.device] {
        assert!(mark.starts_with("d1.") && !mark.contains("carys"), "{mark}");
    }
    for device in 1..=4 {
        let from: IpAddr = format!("10.20.1.{device}").parse().unwrap();
        assert!(world.app.sign_in("carys", "a guess", from).await.is_err());
    }
    let fresh: IpAddr = "10.20.1.5".parse().unwrap();
    let from = |mark: &str| Caller { address: fresh, device: mark.to_owned() };
    assert!(world.app.sign_in("carys", PASSWORD, from(&whole.device)).await.is_ok(), "her own");
    assert!(world.app.sign_in("carys", PASSWORD, fresh).await.is_ok(), "one that nobody knows, too");
    for number in 0..6 {
        assert!(world.app.sign_in("carys", &format!("guess {number}"), fresh).await.is_err());
        world.clock.advance_ms(20_000);
    }
    let locked = theirs(world.app.sign_in("carys", PASSWORD, fresh).await.err().unwrap());
    assert!(locked.contains("too many wrong passwords"), "{locked}");
    let known = world.app.sign_in("carys", PASSWORD, from(&whole.device)).await.unwrap();
    assert!(
        !known.device.is_empty(),
        "what she carries opens the lane of her own device at the same address"
    );
    let made_up = "d1.00112233445566778899aabbccddeeff.00112233445566778899aabbccddeeff";
    assert!(
        world.app.sign_in("carys", PASSWORD, from(made_up)).await.is_err(),
        "a mark of nobody's making is none"
    );
}

#[tokio::test]
async fn the_proxy_is_told_whose_password_it_was_given_and_until_when_it_counts() {
    let world = World::new("first-school.toml").await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    let handle = world.app.proxy_sign_in();
    let ask = async |password: &str| {
        let password = password.to_owned().into();
        let given = Credentials { login: "Amara".to_owned(), password, address: here() };
        handle.ask(Presented::Password(given)).await
    };
    assert_eq!(ask("wrong").await, SignInAnswer::Wrong);
    let amara = world.roster.get().person_by_login("amara").unwrap().id;
    let until = NOW.plus_ms(8 * 3_600_000);
    assert_eq!(ask(PASSWORD).await, SignInAnswer::Known { person: amara, until });
    assert_eq!(world.count_facts("sign-in-to-proxy-refused").await, 1);
    assert!(world.identities.at(here(), NOW).is_empty(), "the address says nothing");
}

#[tokio::test]
async fn a_ticket_is_whoever_has_that_login_at_the_school_that_its_realm_stands_for() {
    let world = World::new("first-school.toml").await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    let handle = world.app.proxy_sign_in();
    let ask = async |name: &str, school: Option<&str>| {
        let (name, realm) = (name.to_owned(), "LARKFIELD.EXAMPLE".to_owned());
        let principal = Principal { name, realm, school: school.map(SchoolId::new), address: here() };
        handle.ask(Presented::Ticket(principal)).await
    };
    let amara = world.roster.get().person_by_login("amara").unwrap().id;
    let known = SignInAnswer::Known { person: amara, until: NOW.plus_ms(8 * 3_600_000) };
    assert_eq!(ask("Amara", None).await, known);
    assert_eq!(ask("amara", Some("larkfield")).await, known);
    assert_eq!(ask("PC-17$", None).await, SignInAnswer::Wrong);
    assert_eq!(
        world.count_facts("sign-in-to-proxy-refused").await,
        0,
        "a computer's own ticket is no attempt"
    );
    assert_eq!(ask("amara", Some("elm")).await, SignInAnswer::Wrong);
    assert_eq!(world.count_facts("sign-in-to-proxy-refused").await, 1);
}

#[tokio::test]
async fn a_portals_device_is_captive_until_somebody_signs_in_and_a_shared_address_takes_no_sign_in() {
    let world = World::new("first-school.toml").await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    let set = |change: fn(&mut Network)| {
        let mut policy = world.app.in_force().document.policy.clone();
        policy.networks.iter_mut().for_each(change);
        world.snapshot.put(Snapshot::compile(policy, Image::empty(), Vec::new()));
    };
    let open = PortalView { captive: false, seconds_remaining: None };
    assert_eq!(world.app.portal_view(here()), open);
    set(|network| network.sign_in = SignInWay::Portal);
    assert_eq!(world.app.portal_view(here()), PortalView { captive: true, ..open });
    world.app.sign_in_to_web("amara", PASSWORD, here()).await.unwrap();
    let signed_in = PortalView { captive: false, seconds_remaining: Some(8 * 3_600) };
    assert_eq!(world.app.portal_view(here()), signed_in);
    world.app.sign_out_of_web(here()).await.unwrap();
    assert!(world.app.portal_view(here()).captive);
    set(|network| network.addresses = AddressUse::Shared);
    let refused = world.app.sign_in_to_web("amara", PASSWORD, here()).await.unwrap();
    assert!(refused.problem.contains("share") && refused.signed_in.is_empty());
    assert!(world.identities.at(here(), NOW).is_empty());
}

#[tokio::test]
async fn why_says_how_and_since_when_somebody_at_an_address_is_known() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    world.app.sign_in_to_web("amara", PASSWORD, here()).await.unwrap();
    let question = ExplainQuestion {
        who: HERE.to_owned(),
        url: "www.bbc.co.uk".to_owned(),
        at: String::new(),
        event: String::new(),
    };
    let answer = world.app.explain(&head, question).await.unwrap().answer.unwrap();
    let expected = format!("Amara Thistlewick (signed in on this device at 10:15, until 18:15), at {HERE}");
    assert!(answer.who.starts_with(&expected), "{}", answer.who);
}

#[tokio::test]
async fn somebody_who_is_moved_to_staff_gets_the_staff_rules_at_once() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    world.add_pupil("amara", "4", school("larkfield")).await;
    world.app.sign_in_to_web("amara", PASSWORD, here()).await.unwrap();
    let refused = world.app.set_affiliation(&head, to("amara", Role::Staff, None)).await;
    assert!(refused.is_err(), "in the console that is asked for, and another leader approves it");
    let machine = crate::world::technician();
    world.app.set_affiliation(&machine, to("amara", Role::Staff, None)).await.unwrap();
    assert_eq!(group_at(&world).as_deref(), Some("staff"));
}

#[tokio::test]
async fn moving_people_is_for_leaders_and_never_oneself() {
    let world = World::new("trust.toml").await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let technician = world.add("technician", Role::Technician, Scope::Trust).await;
    world.add("teacher", Role::ClassTeacher, school("whitestone")).await;
    world.add_pupil("amara", "4", school("ashbrook")).await;
    let year = YearGroup::parse("5");
    for (actor, change) in
        [(&technician, to("amara", Role::Staff, None)), (&head, to("teacher", Role::Staff, None))]
    {
        let attempt = world.app.set_affiliation(actor, change).await;
        world.assert_denied(model::Action::MovePerson, attempt).await;
    }
    let unknown = world.app.set_affiliation(&head, to("nobody", Role::Staff, None)).await;
    assert!(
        matches!(unknown, Err(AppError::Denied)),
        "outside a school, unknown and forbidden look the same"
    );
    for change in [
        to("head", Role::Governor, None),
        to("amara", Role::Learner, None),
        to("amara", Role::Staff, year),
        Move { reason: " ".to_owned(), ..to("amara", Role::Learner, year) },
    ] {
        assert!(matches!(world.app.set_affiliation(&head, change).await, Err(AppError::Refused { .. })));
    }
    world.app.set_affiliation(&head, to("amara", Role::Learner, year)).await.unwrap();
    let roster = world.roster.get();
    assert_eq!(roster.person_by_login("amara").unwrap().affiliations[0].year, year);
}

fn to(login: &str, role: Role, year: Option<YearGroup>) -> Move {
    Move { login: login.to_owned(), role, year, reason: "a new post".to_owned() }
}

/// The group whose rules count at the test's address; `None` where all count.
fn group_at(world: &World) -> Option<String> {
    let (snapshot, now) = (world.snapshot.get(), world.clock.now());
    let who = snapshot.who(here(), now, &world.roster.get(), &world.identities);
    assert!(who.people.iter().all(|known| known.by == KnownBy::SignIn));
    let what = Target::host(model::Host::parse("gambling.schoolgate.test").unwrap());
    let verdict = snapshot.decide(&model::Ask { who, what, how: Channel::Explain, at: NOW });
    assert_eq!(verdict.outcome, Outcome::Block);
    verdict.reason.group.map(|group| group.id.to_string())
}
