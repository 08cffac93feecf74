//! Administrators through the records: set-up, never fewer than two, recovery accounts, and every way in.

use crate::world::{PASSWORD, World, pepper, school, technician};
use app::{AppError, AtMachine, Fresh, NewFactor, NewPassword, RecoveryDeed, SecondStep, SignInStep};
use identity::{TotpSecret, TotpStep};
use model::{Actor, Role, Severity};
use std::net::IpAddr;

const DAY_MS: i64 = 24 * 3_600_000;

fn here() -> IpAddr {
    "10.20.0.77".parse().unwrap()
}

fn refused<T>(result: Result<T, AppError>) -> String {
    match result.err() {
        Some(error @ AppError::Refused { .. }) => error.theirs().to_owned(),
        other => panic!("expected a refusal, found {other:?}"),
    }
}

async fn fresh(world: &World, login: &str) -> Fresh {
    let session = world.app.sign_in(login, PASSWORD, here()).await.unwrap();
    world.app.fresh(&session.token).await.unwrap()
}

/// Gives somebody an administrator account, and an app at its first sign-in.
pub async fn administrator(world: &World, login: &str) {
    let actor = technician();
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    let issued = machine.give_administrator(login, "looks after accounts").await.unwrap();
    let begun = world.app.sign_in(&issued.login, &issued.secret, here()).await.unwrap();
    let password = "marble lantern quiver ember tandem";
    let chosen = NewPassword { new: password, again: password };
    let next = world.app.choose_first_password(&begun.token, chosen, here()).await.unwrap();
    assert_eq!(next.step, SignInStep::SetUpFactor, "whatever the policy says");
    let holder = world.app.first_factor_holder(&next.token).await.unwrap();
    let view = world.app.begin_authenticator(&holder).await.unwrap();
    let secret = view.address.split_once("secret=").unwrap().1.split_once('&').unwrap().0;
    let step = TotpStep(world.clock.now().0.div_euclid(30_000));
    let typed = TotpSecret::parse(secret).unwrap().code(step).unwrap();
    let new = NewFactor { proof: SecondStep::Code(&typed), name: "" };
    let (whole, _) = world.app.set_up_first_factor(&next.token, new, here()).await.unwrap();
    assert_eq!(whole.step, SignInStep::Done);
}

/// Two administrators and a recovery account of the headteacher's.
pub async fn set_up(world: &World) -> (Actor, Actor, app::Envelope) {
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let deputy = world.add("deputy", Role::SeniorLeader, school("larkfield")).await;
    world.add("tech", Role::Technician, school("larkfield")).await;
    let actor = technician();
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    assert!(world.app.administrators_view(&head).await.unwrap().setting_up);
    let nobody = machine.make_recovery(&["tech".to_owned()], "set-up").await;
    assert!(refused(nobody).contains("leaders"), "a technician owns none");
    let envelope = machine.make_recovery(&["head".to_owned()], "set-up").await.unwrap();
    administrator(world, "tech").await;
    let missing = world.app.administrators_view(&head).await.unwrap().missing;
    assert!(missing[0].starts_with("one more person"), "{missing:?}");
    let needs = world.app.home(&head).await.unwrap().needs;
    assert!(needs.iter().any(|need| need.title == "The set-up is not finished"), "home says so");
    administrator(world, "deputy").await;
    let view = world.app.administrators_view(&head).await.unwrap();
    assert!(!view.setting_up && view.missing.is_empty());
    assert_eq!(view.accounts.iter().filter(|row| row.works).count(), 2);
    (head, deputy, envelope)
}

#[tokio::test]
async fn acc_4_from_two_on_there_are_never_fewer_by_whichever_way() {
    let world = World::new("first-school.toml").await;
    let (head, _, _) = set_up(&world).await;
    let proof = fresh(&world, "head").await;
    let account = world.store.account("tech.admin").await.unwrap().unwrap();
    for deed in [app::AccountDeed::Suspend(account.id), app::AccountDeed::Close(account.id)] {
        let words =
            refused(world.app.work_on_account((&head, &proof), account.person, deed, "they have left").await);
        assert!(words.contains("another administrator"), "{words}");
    }
    let still = world.store.account("tech.admin").await.unwrap().unwrap();
    assert_eq!(still, account, "nothing was changed");
    // A third one makes room.
    world.add("bursar", Role::BusinessManager, school("larkfield")).await;
    administrator(&world, "bursar").await;
    let close = app::AccountDeed::Close(account.id);
    assert!(world.app.work_on_account((&head, &proof), account.person, close, "they left").await.unwrap());
    // The last leader among the owners keeps their post.
    let moved = app::Move {
        login: "head".to_owned(),
        role: Role::Staff,
        year: None,
        reason: "a new post".to_owned(),
    };
    let words = refused(app::move_person(&world.store, &world.clock, &technician(), moved).await);
    assert!(words.contains("another leader"), "{words}");
}

#[tokio::test]
async fn acc_5_a_recovery_account_goes_by_two_leaders_and_three_days_and_never_the_last_one() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, _) = set_up(&world).await;
    let (heads, deputys) = (fresh(&world, "head").await, fresh(&world, "deputy").await);
    let work = async |actor: &Actor, proof: &Fresh, deed| {
        world.app.work_on_recovery((actor, proof), (1, deed), "a new safe").await
    };
    refused(work(&head, &heads, RecoveryDeed::Delete).await);
    work(&head, &heads, RecoveryDeed::AskDeletion).await.unwrap();
    refused(work(&head, &heads, RecoveryDeed::AgreeDeletion).await);
    work(&deputy, &deputys, RecoveryDeed::AgreeDeletion).await.unwrap();
    refused(work(&head, &heads, RecoveryDeed::Delete).await);
    let view = world.app.administrators_view(&head).await.unwrap();
    assert_eq!(view.recovery[0].deeds, [RecoveryDeed::CancelDeletion], "nothing sooner");
    world.clock.advance_ms(3 * DAY_MS);
    let heads = fresh(&world, "head").await;
    let words = refused(work(&head, &heads, RecoveryDeed::Delete).await);
    assert!(words.contains("another recovery account"), "{words}");
    let tech = world.add("other", Role::Technician, school("larkfield")).await;
    let others = fresh(&world, "other").await;
    refused(work(&tech, &others, RecoveryDeed::CancelDeletion).await);
    let account = world.store.account("recovery-1").await.unwrap().unwrap();
    let closed = app::AccountDeed::Close(account.id);
    assert!(world.app.work_on_account((&tech, &others), account.person, closed, "tidy").await.is_err());
}

#[tokio::test]
async fn acc_5_any_use_of_the_envelope_alarms_at_once_and_each_code_opens_it_once() {
    let world = World::new("first-school.toml").await;
    let (head, _, envelope) = set_up(&world).await;
    world.add("governor", Role::Governor, school("larkfield")).await;
    let begun = world.app.sign_in(&envelope.login, &envelope.secret, here()).await.unwrap();
    assert_eq!(begun.step, SignInStep::ShowFactor);
    let [alarm] = &world.store.open_alerts_of_rule("accounts.recovery-used").await.unwrap()[..] else {
        panic!("one alarm")
    };
    assert_eq!(alarm.alert.severity, Severity::Critical);
    assert!(alarm.readers.contains(&Role::Headteacher) && alarm.readers.contains(&Role::Governor));
    assert_eq!(world.count_facts("recovery-account-used").await, 1, "at the password already");
    let code = SecondStep::Code(&envelope.codes[0]);
    let whole = world.app.show_second_step(&begun.token, code, here()).await.unwrap();
    assert_eq!(world.app.actor(&whole.token).await, Some(head.clone()));
    let again = world.app.sign_in(&envelope.login, &envelope.secret, here()).await.unwrap();
    refused(world.app.show_second_step(&again.token, code, here()).await);
    let actor = technician();
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    let renewed = machine.renew_recovery(1, "it was opened").await.unwrap();
    world.clock.advance_ms(60_000);
    assert!(
        world.app.sign_in(&envelope.login, &envelope.secret, here()).await.is_err(),
        "the old is worth nothing"
    );
    assert!(world.app.sign_in(&renewed.login, &renewed.secret, here()).await.is_ok());
}
