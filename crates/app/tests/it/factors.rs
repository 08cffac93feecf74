//! Second factors: setting one up, showing it, losing it; and who is asked for one.

use crate::world::{PASSWORD, World, pepper, school};
use app::{
    App, AppError, Caller, ConsoleSession, Forgotten, NewCodes, NewFactor, NewPassword, Proof, SecondStep,
    SignInStep,
};
use identity::{TotpSecret, TotpStep};
use model::{Actor, CredentialKind, Role, Scope};
use std::net::IpAddr;

const CHOSEN: &str = "velvet anchor pigment tram";

fn here() -> IpAddr {
    "10.20.0.77".parse().unwrap()
}

fn away() -> IpAddr {
    "203.0.113.9".parse().unwrap()
}

fn refused<T>(result: Result<T, AppError>) -> String {
    match result.err() {
        Some(error @ AppError::Refused { .. }) => error.theirs().to_owned(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

/// The code of now, and of so many steps later.
pub fn code(world: &World, secret: &TotpSecret, later: i64) -> String {
    secret.code(TotpStep(world.clock.now().0.div_euclid(30_000) + later)).unwrap()
}

pub fn secret_in(address: &str) -> TotpSecret {
    TotpSecret::parse(address.split_once("secret=").unwrap().1.split_once('&').unwrap().0).unwrap()
}

async fn set_up(world: &World, token: &str, from: IpAddr) -> (ConsoleSession, NewCodes, TotpSecret) {
    let holder = world.app.first_factor_holder(token, from).await.expect("it waits for a factor");
    let view = world.app.begin_authenticator(&holder).await.unwrap();
    let secret = secret_in(&view.address);
    let typed = code(world, &secret, 0);
    let new = NewFactor { proof: SecondStep::Code(&typed), name: "My phone" };
    let (session, codes) = world.app.set_up_first_factor(token, new, from).await.unwrap();
    (session, codes, secret)
}

/// A headteacher who has set an app up; 30 seconds later, so that its next code counts.
async fn head_with_app(world: &World) -> (Actor, ConsoleSession, NewCodes, TotpSecret) {
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let begun = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::SetUpFactor);
    assert!(world.app.actor(&begun.token, here()).await.is_none(), "it opens nothing yet");
    let (whole, codes, secret) = set_up(world, &begun.token, here()).await;
    assert_eq!((whole.step, codes.0.len()), (SignInStep::Done, 10));
    assert!(
        world.app.actor(&begun.token, here()).await.is_none(),
        "the token of the step before is worth nothing"
    );
    world.clock.advance_ms(30_000);
    (head, whole, codes, secret)
}

async fn step(app: &App, token: &str, typed: &str) -> Result<ConsoleSession, AppError> {
    app.show_second_step(token, SecondStep::Code(typed), here()).await
}

#[tokio::test]
async fn pwd_14_whoever_must_have_a_factor_sets_it_up_first_and_shows_it_from_then_on() {
    let world = World::strict("first-school.toml").await;
    let (head, whole, ..) = head_with_app(&world).await;
    assert_eq!(world.app.actor(&whole.token, here()).await, Some(head));
    let begun = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ShowFactor);
    assert!(world.app.actor(&begun.token, here()).await.is_none(), "a password alone opens nothing");
    assert!(
        world.app.first_factor_holder(&begun.token, here()).await.is_none(),
        "no second one is set up instead"
    );
    let chosen = NewPassword { new: CHOSEN, again: CHOSEN };
    let skipped = world.app.choose_first_password(&begun.token, chosen, here()).await;
    assert!(matches!(skipped, Err(AppError::Denied)), "nor is the password changed without it");
    world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let teacher = world.app.sign_in("carys", PASSWORD, here()).await.unwrap();
    assert_eq!(teacher.step, SignInStep::Done, "at school the policy asks a class teacher for none");
}

#[tokio::test]
async fn v6_5_1_a_code_works_once_and_wrong_ones_are_counted_apart_from_passwords() {
    let world = World::strict("first-school.toml").await;
    let (.., secret) = head_with_app(&world).await;
    let typed = code(&world, &secret, 0);
    let begun = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    let whole = step(&world.app, &begun.token, &typed).await.unwrap();
    assert_eq!(whole.step, SignInStep::Done);
    assert!(whole.device.starts_with("d1."), "the browser is known from now on");
    let again = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    assert!(refused(step(&world.app, &again.token, &typed).await).contains("used before"));
    for number in 0..7 {
        world.clock.advance_ms(20_000);
        let wrong = format!("00000{number}");
        assert!(step(&world.app, &again.token, &wrong).await.is_err());
    }
    world.clock.advance_ms(20_000);
    let right = code(&world, &secret, 0);
    let locked = refused(step(&world.app, &again.token, &right).await);
    assert!(locked.contains("wrong codes") && locked.contains("Wait"), "what is locked is said: {locked}");
    let password = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    assert_eq!(password.step, SignInStep::ShowFactor, "the password is not");
    assert!(world.count_facts("second-step-refused").await >= 6);
}

#[tokio::test]
async fn a_recovery_code_stands_in_once_and_new_ones_end_the_old() {
    let world = World::strict("first-school.toml").await;
    let (head, whole, codes, _) = head_with_app(&world).await;
    let begun = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    step(&world.app, &begun.token, &codes.0[0].to_lowercase()).await.unwrap();
    let begun = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    refused(step(&world.app, &begun.token, &codes.0[0]).await);
    let fresh = world.app.fresh(&whole.token).await.unwrap();
    let holder = world.app.factor_holder((&head, &fresh), &whole.token).await.unwrap();
    let newer = world.app.renew_codes(&holder).await.unwrap();
    world.clock.advance_ms(60_000);
    refused(step(&world.app, &begun.token, &codes.0[1]).await);
    world.clock.advance_ms(60_000);
    step(&world.app, &begun.token, &newer.0[0]).await.unwrap();
    let facts = format!("{:?}", world.facts().await);
    assert!(!facts.contains(newer.0[0].as_str()), "no code stands in the audit log");
}

#[tokio::test]
async fn away_from_school_a_stolen_password_sets_nothing_up_and_an_issued_one_does() {
    let world = World::strict("first-school.toml").await;
    world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let alone = refused(world.app.sign_in("carys", PASSWORD, away()).await);
    assert!(alone.contains("at school"), "{alone}");
    assert_eq!(world.count_facts("second-step-missing").await, 1);
    let actor = crate::world::technician();
    let machine =
        app::AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    let issued = machine.reset("carys", "called back on the number in the records").await.unwrap();
    let begun = world.app.sign_in("carys", &issued.secret, away()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ChoosePassword);
    let chosen = NewPassword { new: CHOSEN, again: CHOSEN };
    let next = world.app.choose_first_password(&begun.token, chosen, away()).await.unwrap();
    assert_eq!(next.step, SignInStep::SetUpFactor);
    let (whole, ..) = set_up(&world, &next.token, away()).await;
    assert!(world.app.actor(&whole.token, away()).await.is_some());
    let at_school = world.app.sign_in("carys", CHOSEN, here()).await.unwrap();
    assert_eq!(at_school.step, SignInStep::ShowFactor, "who has one is always asked");
}

/// A class teacher in a session that began at school with a password alone; their app's secret, where they have one.
async fn teacher_at_school(world: &World, has_app: HasApp) -> (Actor, ConsoleSession, Option<TotpSecret>) {
    let carys = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let whole = world.app.sign_in("carys", PASSWORD, here()).await.unwrap();
    assert_eq!(whole.step, SignInStep::Done);
    if has_app == HasApp::No {
        return (carys, whole, None);
    }
    let fresh = world.app.fresh(&whole.token).await.unwrap();
    let holder = world.app.factor_holder((&carys, &fresh), &whole.token).await.unwrap();
    let secret = secret_in(&world.app.begin_authenticator(&holder).await.unwrap().address);
    let typed = code(world, &secret, 0);
    let new = NewFactor { proof: SecondStep::Code(&typed), name: "My phone" };
    world.app.add_factor(&holder, new).await.unwrap();
    world.clock.advance_ms(30_000);
    (carys, whole, Some(secret))
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum HasApp {
    Yes,
    No,
}

#[tokio::test]
async fn pwd_14_a_session_that_goes_away_from_school_shows_the_second_step_before_it_opens_anything_more() {
    let world = World::strict("first-school.toml").await;
    let (carys, at_school, secret) = teacher_at_school(&world, HasApp::Yes).await;
    let (app, token) = (&world.app, at_school.token.as_str());
    assert_eq!(app.actor(token, here()).await.as_ref(), Some(&carys));
    assert_eq!(app.asked_again(token, here()).await, None);
    assert!(app.actor(token, away()).await.is_none() && app.waiting_actor(token, away()).await.is_none());
    assert_eq!(app.asked_again(token, away()).await, Some(SignInStep::ShowFactor));
    assert!(app.second_step_view(token, here()).await.unwrap().is_none());
    let view = app.second_step_view(token, away()).await.unwrap().unwrap();
    assert!(view.takes_app && view.why.contains("away from school"), "{}", view.why);
    refused(app.show_second_step(token, SecondStep::Code("000000"), away()).await);
    assert!(app.actor(token, away()).await.is_none(), "a wrong code opens nothing");
    world.clock.advance_ms(30_000);
    let typed = code(&world, &secret.unwrap(), 0);
    let whole = app.show_second_step(token, SecondStep::Code(&typed), away()).await.unwrap();
    assert_eq!(whole.step, SignInStep::Done);
    for from in [away(), here()] {
        assert_eq!(app.actor(&whole.token, from).await.as_ref(), Some(&carys), "it is shown once");
        assert!(app.actor(token, from).await.is_none(), "the session of before has ended, and its copies");
    }
}

#[tokio::test]
async fn pwd_14_a_session_without_a_factor_opens_nothing_away_from_school_and_goes_on_when_it_is_back() {
    let world = World::strict("first-school.toml").await;
    let (carys, at_school, _) = teacher_at_school(&world, HasApp::No).await;
    let (app, token) = (&world.app, at_school.token.as_str());
    assert!(app.actor(token, away()).await.is_none());
    assert_eq!(app.asked_again(token, away()).await, None, "they sign in anew, and are told what to do");
    assert!(app.first_factor_holder(token, away()).await.is_none(), "nothing is set up from there");
    assert_eq!(app.actor(token, here()).await, Some(carys));
    // What the web is used by is no session: it counts at its own address alone.
    app.sign_in_to_web("carys", PASSWORD, here()).await.unwrap();
    assert_eq!(app.web_sign_in_view(here()).await.signed_in, "Carys");
    assert_eq!(app.web_sign_in_view(away()).await.signed_in, "");
}

#[tokio::test]
async fn on_site_is_never_judged_by_a_public_address_that_a_policy_lists() {
    let text = crate::world::policy_text("first-school.toml");
    let world = World::of_text("first-school.toml", text.replacen("10.20.0.0/20", "203.0.113.0/24", 1)).await;
    world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let behind_it = world.app.sign_in("carys", PASSWORD, away()).await;
    assert!(refused(behind_it).contains("at school"), "whoever borrows the connection has the same address");
}

#[tokio::test]
async fn a_trusts_central_team_is_asked_wherever_it_is() {
    let world = World::strict("trust.toml").await;
    world.add("central", Role::OnlineSafetyLead, Scope::Trust).await;
    let at_school: IpAddr = "10.30.0.77".parse().unwrap();
    let begun = world.app.sign_in("central", PASSWORD, at_school).await.unwrap();
    assert_eq!(begun.step, SignInStep::SetUpFactor);
}

#[tokio::test]
async fn v6_4_3_a_reset_leaves_the_factor_and_asks_for_it_before_a_password_is_chosen() {
    let world = World::strict("first-school.toml").await;
    let (.., secret) = head_with_app(&world).await;
    let actor = crate::world::technician();
    let machine =
        app::AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    let issued = machine.reset("head", "they stand here").await.unwrap();
    let begun = world.app.sign_in("head", &issued.secret, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ShowFactor);
    let next = step(&world.app, &begun.token, &code(&world, &secret, 0)).await.unwrap();
    assert_eq!(next.step, SignInStep::ChoosePassword);
    let chosen = NewPassword { new: CHOSEN, again: CHOSEN };
    let whole = world.app.choose_first_password(&next.token, chosen, here()).await.unwrap();
    assert_eq!(whole.step, SignInStep::Done, "the factor is not asked for twice");
}

#[tokio::test]
async fn pwd_9_a_forgotten_password_is_replaced_with_app_and_recovery_code_and_in_no_other_way() {
    let world = World::strict("first-school.toml").await;
    let (.., codes, secret) = head_with_app(&world).await;
    world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let mut words = Vec::new();
    let right = code(&world, &secret, 0);
    for (login, app_code, recovery_code) in [
        ("head", right.as_str(), "AAAA-AAAA-AAAA-AAAA"),
        ("head", "000000", codes.0[0].as_str()),
        ("carys", right.as_str(), codes.0[0].as_str()),
        ("nobody", right.as_str(), codes.0[0].as_str()),
    ] {
        let forgotten = Forgotten { login, app_code, recovery_code };
        words.push(refused(world.app.forgot_password(forgotten, here()).await));
    }
    assert!(words.iter().all(|said| *said == words[0]), "{words:?}");
    let forgotten = Forgotten { login: " HEAD ", app_code: &right, recovery_code: &codes.0[0] };
    let begun = world.app.forgot_password(forgotten, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ChoosePassword);
    assert!(world.app.actor(&begun.token, here()).await.is_none());
    let chosen = NewPassword { new: CHOSEN, again: CHOSEN };
    let whole = world.app.choose_first_password(&begun.token, chosen, here()).await.unwrap();
    assert_eq!(whole.step, SignInStep::Done);
    assert!(world.app.sign_in("head", PASSWORD, here()).await.is_err(), "the forgotten one is worth nothing");
    assert!(world.app.sign_in("head", CHOSEN, here()).await.is_ok());
    let facts = world.facts().await;
    let chosen: Vec<_> = facts.iter().filter(|fact| fact.action == "choose-password").collect();
    assert!(chosen[0].details.contains("forgotten"), "{}", chosen[0].details);
}

#[tokio::test]
async fn the_last_factor_that_a_post_asks_for_stays_and_a_name_is_ones_own() {
    let world = World::strict("first-school.toml").await;
    let (head, whole, ..) = head_with_app(&world).await;
    let fresh = world.app.fresh(&whole.token).await.unwrap();
    let holder = world.app.factor_holder((&head, &fresh), &whole.token).await.unwrap();
    let view = world.app.my_account(&head, &whole.token).await.unwrap();
    let [only] = view.factors.factors.as_slice() else { panic!("one factor") };
    assert_eq!((only.name.as_str(), view.factors.recovery_codes), ("My phone", 10));
    let id = model::CredentialId::parse(&only.id).unwrap();
    assert!(refused(world.app.remove_factor(&holder, id).await).contains("Add another"));
    world.app.name_factor(&holder, id, "Old phone").await.unwrap();
    let view = world.app.begin_authenticator(&holder).await.unwrap();
    let typed = code(&world, &secret_in(&view.address), 0);
    let new = NewFactor { proof: SecondStep::Code(&typed), name: "" };
    assert!(
        world.app.add_factor(&holder, new).await.unwrap().0.is_empty(),
        "the codes of before still count"
    );
    world.app.remove_factor(&holder, id).await.unwrap();
    let left = world.app.my_account(&head, &whole.token).await.unwrap().factors.factors;
    assert_eq!(left[0].name, CredentialKind::Totp.title(), "one without a name has its kind's");
    assert!(world.app.remove_factor(&holder, id).await.is_err(), "it is gone");
}

#[tokio::test]
async fn v7_5_3_what_is_sensitive_asks_for_the_factor_where_there_is_one() {
    let world = World::strict("first-school.toml").await;
    let (_, whole, _, secret) = head_with_app(&world).await;
    world.clock.advance_ms(16 * 60_000);
    assert!(world.app.fresh(&whole.token).await.is_none());
    let password = world.app.confirm(&whole.token, Proof::Password(PASSWORD), here()).await;
    assert!(refused(password).contains("second step"), "a password alone is not enough");
    let typed = code(&world, &secret, 0);
    let from = Caller::from(here());
    world.app.confirm(&whole.token, Proof::Step(SecondStep::Code(&typed)), from).await.unwrap();
    assert!(world.app.fresh(&whole.token).await.is_some());
}

#[tokio::test]
async fn whoever_lost_every_factor_gets_them_taken_away_at_the_machine_and_sets_up_another() {
    let world = World::strict("first-school.toml").await;
    let (_, whole, ..) = head_with_app(&world).await;
    let actor = crate::world::technician();
    let machine =
        app::AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    assert!(machine.take_factors("head", " ").await.is_err(), "not without a reason");
    machine.take_factors("head", "the phone was lost, and they stand here").await.unwrap();
    assert!(world.app.actor(&whole.token, here()).await.is_none(), "what was signed in to ends");
    let begun = world.app.sign_in("head", PASSWORD, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::SetUpFactor);
}

#[tokio::test]
async fn pwd_14_at_school_too_nothing_is_set_up_in_a_session_that_nobody_proved_lately() {
    let world = World::strict("first-school.toml").await;
    let (_, whole, _) = teacher_at_school(&world, HasApp::No).await;
    let (app, token) = (&world.app, whole.token.as_str());
    let role = Role::Technician;
    let moved = app::Move { login: "carys".to_owned(), role, year: None, reason: "a new post".to_owned() };
    app.set_affiliation(&crate::world::technician(), moved).await.unwrap();
    assert!(app.actor(token, here()).await.is_none(), "the new post asks for a second step");
    assert_eq!(app.asked_again(token, here()).await, Some(SignInStep::SetUpFactor));
    assert!(
        app.first_factor_holder(token, here()).await.is_some(),
        "they proved a moment ago that it is them"
    );
    world.clock.advance_ms(16 * 60_000);
    assert_eq!(app.asked_again(token, here()).await, None, "they sign in anew");
    assert!(
        app.first_factor_holder(token, here()).await.is_none(),
        "whoever found the screen sets nothing up"
    );
    let anew = app.sign_in("carys", PASSWORD, here()).await.unwrap();
    assert_eq!(anew.step, SignInStep::SetUpFactor);
    let (done, ..) = set_up(&world, &anew.token, here()).await;
    assert!(app.actor(&done.token, here()).await.is_some());
}

#[tokio::test]
async fn nobody_reaches_the_factors_of_somebody_at_another_school() {
    let world = World::new("trust.toml").await;
    let mut holders = Vec::new();
    for (login, at) in [("ash", "ashbrook"), ("white", "whitestone")] {
        let actor = world.add(login, Role::Headteacher, school(at)).await;
        let token = world.app.sign_in(login, PASSWORD, here()).await.unwrap().token;
        let fresh = world.app.fresh(&token).await.unwrap();
        let holder = world.app.factor_holder((&actor, &fresh), &token).await.unwrap();
        let secret = secret_in(&world.app.begin_authenticator(&holder).await.unwrap().address);
        let typed = code(&world, &secret, 0);
        world
            .app
            .add_factor(&holder, NewFactor { proof: SecondStep::Code(&typed), name: login })
            .await
            .unwrap();
        holders.push((actor, token, holder, secret));
    }
    let [(_, token, ash, ash_secret), (white, white_token, _, _)] = &holders[..] else { panic!("two") };
    let account = world.store.account("white").await.unwrap().unwrap();
    let passkey = model::CredentialId(uuid::Uuid::from_u128(77));
    let kept = store::Credential::new(
        passkey,
        account.id,
        CredentialKind::Passkey,
        "{}".to_owned(),
        world.clock.now(),
    );
    let credential = store::Credential { last_worked: Some(world.clock.now()), ..kept };
    let scope = Scope::Trust;
    let add = store::Change::Account(store::AccountChange::AddCredential { credential, scope });
    let fact = store::Fact::new(&crate::world::technician(), Scope::Trust, world.clock.now(), "add-factor");
    world.store.commit(&fact, &[add]).await.unwrap();
    let theirs = world.app.my_account(white, white_token).await.unwrap().factors.factors;
    assert_eq!(theirs.len(), 2, "an app and a passkey");
    for factor in &theirs {
        let id = model::CredentialId::parse(&factor.id).unwrap();
        let nothing = model::CredentialId(uuid::Uuid::from_u128(99));
        let told = world.app.remove_factor(ash, id).await.unwrap_err();
        let as_nothing = world.app.remove_factor(ash, nothing).await.unwrap_err();
        assert_eq!(told.theirs(), as_nothing.theirs(), "as if there were none");
        assert!(world.app.name_factor(ash, id, "Mine").await.is_err());
    }
    let after = world.app.my_account(white, white_token).await.unwrap().factors.factors;
    assert_eq!(format!("{after:?}"), format!("{theirs:?}"), "nothing of it was changed");
    assert!(world.app.factor_holder((white, &world.app.fresh(token).await.unwrap()), token).await.is_err());
    world.clock.advance_ms(30_000);
    let begun = world.app.sign_in("white", PASSWORD, here()).await.unwrap();
    let other = code(&world, ash_secret, 0);
    refused(step(&world.app, &begun.token, &other).await);
}
