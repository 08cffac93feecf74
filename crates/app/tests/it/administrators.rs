//! Administrators through the records: set-up, never fewer than two, recovery accounts, and every way in.

use crate::world::{PASSWORD, World, id_of, pepper, school, technician};
use app::{
    AppError, AtMachine, Envelope, Fresh, NewFactor, NewPassword, RecoveryDeed, RecoveryDone, RecoveryOrder,
    SecondStep, SignInStep,
};
use identity::{TotpSecret, TotpStep};
use model::{Actor, Affiliation, CredentialKind, PersonId, Role, Scope, Severity, Timestamp};
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
    let holder = world.app.first_factor_holder(&next.token, here()).await.unwrap();
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

/// Does something about a recovery account, with what its page shows now.
async fn work(
    world: &World,
    (actor, login): (&Actor, &str),
    (number, deed): (u32, RecoveryDeed),
    owners: &[PersonId],
) -> Result<RecoveryDone, AppError> {
    let proof = fresh(world, login).await;
    let wishes = world.store.recovery_wishes().await.unwrap();
    let seen = wishes.iter().find(|wish| wish.number == number).map_or(Timestamp(0), |wish| wish.asked);
    let order = RecoveryOrder { deed, number, seen, owners };
    world.app.work_on_recovery((actor, &proof), order, "a new safe").await
}

fn deeds_of(wish: &app::views::WishView) -> Vec<RecoveryDeed> {
    wish.deeds.iter().map(|view| view.deed).collect()
}

#[tokio::test]
async fn what_a_leader_may_do_about_a_wish_is_named_and_each_asks_why_in_its_own_words() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, _) = set_up(&world).await;
    let owners = [id_of(&deputy)];
    let words = async |actor: &Actor, number: u32| {
        let view = world.app.administrators_view(actor).await.unwrap();
        let wishes = view.recovery.into_iter().filter_map(|row| row.wish).chain(view.wanted);
        let deeds = wishes.filter(|wish| wish.number == number).flat_map(|wish| wish.deeds);
        deeds.map(|view| (view.button, view.why, view.ends)).collect::<Vec<_>>()
    };
    let line = |button: &str, why: &str, ends: bool| (button.to_owned(), why.to_owned(), ends);
    let leave = || line("Leave it as it is", "Why should it stay as it is?", false);
    work(&world, (&head, "head"), (1, RecoveryDeed::AskDeletion), &[]).await.unwrap();
    work(&world, (&head, "head"), (0, RecoveryDeed::AskAnother), &owners).await.unwrap();
    assert_eq!(words(&head, 1).await, [leave()]);
    let agree = line("Agree to end recovery account 1", "Why do you agree?", false);
    assert_eq!(words(&deputy, 1).await, [leave(), agree]);
    for number in [1, 2] {
        work(&world, (&deputy, "deputy"), (number, RecoveryDeed::Agree), &[]).await.unwrap();
    }
    world.clock.advance_ms(3 * DAY_MS);
    let end = line("End recovery account 1", "Why is it ended now?", true);
    assert_eq!(words(&head, 1).await, [leave(), end]);
    let not = line("Do not make it", "Why should it not be made?", false);
    let make = line("Make recovery account 2", "Why is it made now?", false);
    assert_eq!(words(&head, 2).await, [not, make]);
}

fn sealed(done: RecoveryDone) -> (u32, Envelope) {
    match done {
        RecoveryDone::Sealed(number, envelope) => (number, envelope),
        _ => panic!("expected an envelope"),
    }
}

#[tokio::test]
async fn acc_5_a_recovery_account_goes_by_two_leaders_and_three_days_and_never_the_last_one() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, _) = set_up(&world).await;
    let (head, deputy) = ((&head, "head"), (&deputy, "deputy"));
    let one = |deed| (1, deed);
    let nothing = work(&world, head, one(RecoveryDeed::CarryOut), &[]).await.unwrap();
    assert!(matches!(nothing, RecoveryDone::NotThere), "nothing is asked for");
    work(&world, head, one(RecoveryDeed::AskDeletion), &[]).await.unwrap();
    refused(work(&world, head, one(RecoveryDeed::Agree), &[]).await);
    refused(work(&world, head, one(RecoveryDeed::CarryOut), &[]).await);
    work(&world, deputy, one(RecoveryDeed::Agree), &[]).await.unwrap();
    refused(work(&world, head, one(RecoveryDeed::CarryOut), &[]).await);
    let view = world.app.administrators_view(head.0).await.unwrap();
    assert_eq!(deeds_of(view.recovery[0].wish.as_ref().unwrap()), [RecoveryDeed::Cancel], "nothing sooner");
    world.clock.advance_ms(3 * DAY_MS);
    let words = refused(work(&world, head, one(RecoveryDeed::CarryOut), &[]).await);
    assert!(words.contains("another recovery account"), "{words}");
    let tech = world.add("other", Role::Technician, school("larkfield")).await;
    refused(work(&world, (&tech, "other"), one(RecoveryDeed::Cancel), &[]).await);
    let account = world.store.account("recovery-1").await.unwrap().unwrap();
    let others = fresh(&world, "other").await;
    let closed = app::AccountDeed::Close(account.id);
    assert!(world.app.work_on_account((&tech, &others), account.person, closed, "tidy").await.is_err());
}

#[tokio::test]
async fn acc_5_one_leader_alone_makes_none_and_changes_no_owners_and_two_do_after_three_days() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, first) = set_up(&world).await;
    let deputys = [id_of(&deputy)];
    let (head, deputy) = ((&head, "head"), (&deputy, "deputy"));
    let tech = world.add("other", Role::Technician, school("larkfield")).await;
    for (deed, number) in [(RecoveryDeed::AskAnother, 2), (RecoveryDeed::AskOwners, 1)] {
        refused(work(&world, (&tech, "other"), (number, deed), &deputys).await);
        for nobody in [&[][..], &[id_of(&tech)][..]] {
            assert!(refused(work(&world, head, (number, deed), nobody).await).contains("leaders"));
        }
    }
    let heads = [id_of(head.0)];
    assert!(refused(work(&world, head, (2, RecoveryDeed::AskAnother), &heads).await).contains("stands for"));
    // Another one, which stands for the deputy.
    work(&world, head, (0, RecoveryDeed::AskAnother), &deputys).await.unwrap();
    for alone in [RecoveryDeed::Agree, RecoveryDeed::CarryOut] {
        refused(work(&world, head, (2, alone), &[]).await);
    }
    let stale = RecoveryOrder { deed: RecoveryDeed::Agree, number: 2, seen: Timestamp(1), owners: &[] };
    let proof = fresh(&world, "deputy").await;
    let unseen = world.app.work_on_recovery((deputy.0, &proof), stale, "yes").await;
    assert!(refused(unseen).contains("changed"), "nobody agrees to what they did not see");
    work(&world, deputy, (2, RecoveryDeed::Agree), &[]).await.unwrap();
    for either in [head, deputy] {
        assert!(refused(work(&world, either, (2, RecoveryDeed::CarryOut), &[]).await).contains("three days"));
    }
    world.clock.advance_ms(3 * DAY_MS);
    let (number, second) = sealed(work(&world, deputy, (2, RecoveryDeed::CarryOut), &[]).await.unwrap());
    assert_eq!((number, second.login.as_str(), second.codes.len()), (2, "recovery-2", 10));
    let begun = world.app.sign_in(&second.login, &second.secret, here()).await.unwrap();
    let code = SecondStep::Code(&second.codes[0]);
    let whole = world.app.show_second_step(&begun.token, code, here()).await.unwrap();
    assert_eq!(world.app.actor(&whole.token, here()).await.as_ref(), Some(deputy.0), "it opens their posts");
    let done = world.app.fresh(&whole.token).await.unwrap();
    let order = RecoveryOrder { deed: RecoveryDeed::AskDeletion, number: 1, seen: Timestamp(0), owners: &[] };
    refused(world.app.work_on_recovery((deputy.0, &done), order, "out of the envelope").await);
    // The first one gets an owner beside its own, and another envelope.
    let both = [id_of(head.0), id_of(deputy.0)];
    work(&world, deputy, (1, RecoveryDeed::AskOwners), &both).await.unwrap();
    assert!(refused(work(&world, head, (1, RecoveryDeed::AskDeletion), &[]).await).contains("already"));
    work(&world, head, (1, RecoveryDeed::Agree), &[]).await.unwrap();
    world.clock.advance_ms(3 * DAY_MS);
    let (_, again) = sealed(work(&world, head, (1, RecoveryDeed::CarryOut), &[]).await.unwrap());
    assert!(world.app.sign_in(&first.login, &first.secret, here()).await.is_err(), "the old envelope");
    assert!(world.app.sign_in(&again.login, &again.secret, here()).await.is_ok());
    let records = world.store.recovery_accounts().await.unwrap();
    assert_eq!(records[0].owners, both.into());
    assert_eq!(world.store.recovery_wishes().await.unwrap(), [], "what was wanted is done");
    let facts = world.facts().await;
    for action in ["ask-recovery-account", "make-recovery-account", "own-recovery-account"] {
        assert!(facts.iter().any(|fact| fact.action == action), "{action}");
    }
    let all = format!("{facts:?}");
    assert!(!all.contains(again.secret.as_str()) && !all.contains(second.codes[0].as_str()));
}

#[tokio::test]
async fn acc_5_a_third_leader_carries_nothing_out_and_what_two_left_for_two_weeks_has_lapsed() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, _) = set_up(&world).await;
    let third = world.add("third", Role::SeniorLeader, school("larkfield")).await;
    let (head, deputy, third) = ((&head, "head"), (&deputy, "deputy"), (&third, "third"));
    let owners = [id_of(deputy.0)];
    let make = (2, RecoveryDeed::CarryOut);
    let deeds = async |actor: &Actor| {
        let view = world.app.administrators_view(actor).await.unwrap();
        view.wanted.iter().map(|wish| (deeds_of(wish), wish.has_lapsed)).next().unwrap()
    };
    work(&world, head, (0, RecoveryDeed::AskAnother), &owners).await.unwrap();
    work(&world, deputy, (2, RecoveryDeed::Agree), &[]).await.unwrap();
    assert!(refused(work(&world, third, (2, RecoveryDeed::Agree), &[]).await).contains("agreed already"));
    world.clock.advance_ms(3 * DAY_MS);
    assert!(refused(work(&world, third, make, &[]).await).contains("who asked and agreed"));
    assert_eq!(deeds(third.0).await, (vec![RecoveryDeed::Cancel], false), "they may take it back");
    assert_eq!(deeds(head.0).await.0, [RecoveryDeed::Cancel, RecoveryDeed::CarryOut], "the mildest first");
    world.clock.advance_ms(14 * DAY_MS);
    assert!(refused(work(&world, deputy, make, &[]).await).contains("lapsed"));
    assert_eq!(deeds(head.0).await, (vec![RecoveryDeed::Cancel], true));
    work(&world, third, (0, RecoveryDeed::AskAnother), &owners).await.unwrap();
    assert_eq!(world.store.recovery_wishes().await.unwrap().len(), 1, "in the place of what has lapsed");
    refused(work(&world, deputy, make, &[]).await);
    work(&world, deputy, (2, RecoveryDeed::Agree), &[]).await.unwrap();
    world.clock.advance_ms(17 * DAY_MS - 1);
    sealed(work(&world, third, make, &[]).await.unwrap());
}

#[tokio::test]
async fn acc_5_what_two_leaders_agreed_to_alarms_at_once_and_stands_on_home_while_it_waits() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, _) = set_up(&world).await;
    world.add("governor", Role::Governor, school("larkfield")).await;
    let (head, deputy) = ((&head, "head"), (&deputy, "deputy"));
    let needs = async || {
        let needs = world.app.home(deputy.0).await.unwrap().needs;
        let ours = needs.into_iter().filter(|need| need.title.starts_with("Recovery account 1:"));
        ours.map(|need| (need.title, need.detail, need.urgency)).collect::<Vec<_>>()
    };
    work(&world, head, (1, RecoveryDeed::AskDeletion), &[]).await.unwrap();
    let [(title, detail, urgency)] = &needs().await[..] else { panic!("one need") };
    assert!(title.contains("asks for its end") && urgency == "soon", "{title}");
    assert!(detail.contains("Head Thistlewick wants it gone"), "{detail}");
    let alarms = async || world.store.open_alerts_of_rule("accounts.recovery-agreed").await.unwrap();
    assert_eq!(alarms().await, [], "one who asks alone changes nothing");
    refused(work(&world, head, (1, RecoveryDeed::Agree), &[]).await);
    assert_eq!(alarms().await, [], "nor do they by agreeing with themselves");
    work(&world, deputy, (1, RecoveryDeed::Agree), &[]).await.unwrap();
    let [alarm] = &alarms().await[..] else { panic!("one alarm") };
    assert_eq!(alarm.alert.severity, Severity::High);
    for reader in [Role::Headteacher, Role::Technician, Role::Governor] {
        assert!(alarm.readers.contains(&reader), "{reader:?}");
    }
    assert!(!alarm.alert.why.contains("Thistlewick"), "messages bear no name");
    let facts = world.facts().await;
    let agreed = facts.iter().find(|fact| fact.action == "agree-recovery-deletion").unwrap();
    assert!(agreed.details.contains(&alarm.id.to_string()), "{}", agreed.details);
    let [(title, detail, urgency)] = &needs().await[..] else { panic!("one need") };
    assert!(title.contains("agreed to its end") && urgency == "urgent", "{title}");
    assert!(detail.contains("23 November 2026, 10:15") && detail.contains("Deputy Thistlewick"), "{detail}");
    work(&world, head, (1, RecoveryDeed::Cancel), &[]).await.unwrap();
    assert_eq!(needs().await, []);
}

#[tokio::test]
async fn acc_5_in_a_trust_a_recovery_account_stands_for_whoever_leads_all_of_it() {
    let world = World::new("trust.toml").await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    let chief = world.add("chief", Role::SeniorLeader, Scope::Trust).await;
    let other = world.add("other", Role::SeniorLeader, Scope::Trust).await;
    let actor = technician();
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    let alone = refused(machine.make_recovery(&["head".to_owned()], "set-up").await);
    assert!(
        alone.contains("manages accounts everywhere"),
        "what opens one school alone is no way back: {alone}"
    );
    machine.make_recovery(&["head".to_owned(), "chief".to_owned()], "set-up").await.unwrap();
    let view = world.app.administrators_view(&chief).await.unwrap();
    assert_eq!(
        (view.recovery[0].stands_for.as_str(), view.recovery[0].owners.len()),
        ("Chief Thistlewick", 2)
    );
    assert!(!view.recovery[0].opens_too_little);
    let proof = fresh_with_app(&world, "chief").await;
    let (deed, seen) = (RecoveryDeed::AskAnother, Timestamp(0));
    let alone = RecoveryOrder { deed, number: 0, seen, owners: &[id_of(&head)] };
    let words = refused(world.app.work_on_recovery((&chief, &proof), alone, "a new safe").await);
    assert!(words.contains("manages accounts everywhere"), "{words}");
    let beside = RecoveryOrder { owners: &[id_of(&head), id_of(&other)], ..alone };
    world.app.work_on_recovery((&chief, &proof), beside, "a new safe").await.unwrap();
}

/// The same in a trust, of somebody of whom a second step is asked: they set an app up.
async fn fresh_with_app(world: &World, login: &str) -> Fresh {
    let here: IpAddr = "10.30.0.77".parse().unwrap();
    let begun = world.app.sign_in(login, PASSWORD, here).await.unwrap();
    let holder = world.app.first_factor_holder(&begun.token, here).await.unwrap();
    let secret = crate::factors::secret_in(&world.app.begin_authenticator(&holder).await.unwrap().address);
    let typed = crate::factors::code(world, &secret, 0);
    let new = NewFactor { proof: SecondStep::Code(&typed), name: "" };
    let (whole, _) = world.app.set_up_first_factor(&begun.token, new, here).await.unwrap();
    world.app.fresh(&whole.token).await.unwrap()
}

/// What is left of somebody's posts in records that were written before this was minded.
async fn is_staff_alone(world: &World, person: PersonId) {
    let fact = store::Fact::new(&technician(), Scope::Trust, world.clock.now(), "move-person");
    let affiliations = vec![Affiliation { scope: school("larkfield"), role: Role::Staff, year: None }];
    let changes = [store::Change::SetAffiliations { person, affiliations }];
    world.store.commit(&fact, &changes).await.unwrap();
    world.app.take_up_changes().await.unwrap();
}

#[tokio::test]
async fn acc_5_a_recovery_account_that_stands_for_no_leader_is_not_counted_and_home_says_what_to_do() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, _) = set_up(&world).await;
    let both = [id_of(&head), id_of(&deputy)];
    work(&world, (&head, "head"), (1, RecoveryDeed::AskOwners), &both).await.unwrap();
    work(&world, (&deputy, "deputy"), (1, RecoveryDeed::Agree), &[]).await.unwrap();
    world.clock.advance_ms(3 * DAY_MS);
    sealed(work(&world, (&head, "head"), (1, RecoveryDeed::CarryOut), &[]).await.unwrap());
    let moved = app::Move {
        login: "head".to_owned(),
        role: Role::Staff,
        year: None,
        reason: "a new post".to_owned(),
    };
    let words = refused(app::move_person(&world.store, &world.clock, &technician(), moved).await);
    assert!(
        words.contains("must stand for a leader"),
        "the deputy owns it, and it stands for the head: {words}"
    );
    assert!(!world.app.administrators_view(&deputy).await.unwrap().recovery[0].opens_too_little);
    is_staff_alone(&world, id_of(&head)).await;
    let view = world.app.administrators_view(&deputy).await.unwrap();
    assert!(view.recovery[0].opens_too_little && !view.setting_up && view.missing.len() == 1);
    let needs = world.app.home(&deputy).await.unwrap().needs;
    let need = needs.iter().find(|need| need.title == "Recovery account 1 opens too little");
    let detail = &need.unwrap_or_else(|| panic!("{needs:?}")).detail;
    assert!(detail.contains("Ask for owners") && detail.contains("three days"), "{detail}");
    let policy = world.app.policy_view(&deputy).await.unwrap();
    let clauses = policy.areas.iter().flat_map(|area| &area.clauses);
    let acc_5 = format!("{:?}", clauses.into_iter().find(|clause| clause.id == "ACC-5").unwrap());
    assert!(acc_5.contains("no recovery account that opens"), "{acc_5}");
}

#[tokio::test]
async fn acc_4_a_movers_account_is_not_counted_and_the_check_sees_what_the_page_shows() {
    let world = World::new("first-school.toml").await;
    let (head, ..) = set_up(&world).await;
    let to_staff = || app::Move {
        login: "tech".to_owned(),
        role: Role::Staff,
        year: None,
        reason: "a new post".to_owned(),
    };
    let moved = app::move_person(&world.store, &world.clock, &technician(), to_staff()).await;
    assert!(refused(moved).contains("another administrator"), "one of two who administer");
    world.add("bursar", Role::BusinessManager, school("larkfield")).await;
    administrator(&world, "bursar").await;
    app::move_person(&world.store, &world.clock, &technician(), to_staff()).await.unwrap();
    world.app.take_up_changes().await.unwrap();
    let view = world.app.administrators_view(&head).await.unwrap();
    let tech = view.accounts.iter().find(|row| row.login == "tech.admin").unwrap();
    assert!(!tech.works && !tech.has_post && tech.state == "Open");
    assert_eq!(view.accounts.iter().filter(|row| row.works).count(), 2);
    let proof = fresh(&world, "head").await;
    let bursar = world.store.account("bursar.admin").await.unwrap().unwrap();
    let suspend = app::AccountDeed::Suspend(bursar.id);
    let words = refused(world.app.work_on_account((&head, &proof), bursar.person, suspend, "away").await);
    assert!(
        words.contains("another administrator"),
        "the mover\u{2019}s open account does not stand in: {words}"
    );
    let policy = world.app.policy_view(&head).await.unwrap();
    let clauses = || policy.areas.iter().flat_map(|area| &area.clauses);
    let clause = |id: &str| format!("{:?}", clauses().find(|clause| clause.id == id).unwrap());
    assert!(clause("ACC-4").contains("2 people"), "{}", clause("ACC-4"));
    assert!(clause("ACC-5").contains("tried, or made, on"), "{}", clause("ACC-5"));
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
    assert_eq!(world.app.actor(&whole.token, here()).await, Some(head.clone()));
    let again = world.app.sign_in(&envelope.login, &envelope.secret, here()).await.unwrap();
    refused(world.app.show_second_step(&again.token, code, here()).await);
    let actor = technician();
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    let fresh = world.app.fresh(&whole.token).await.unwrap();
    let holder = world.app.factor_holder((&head, &fresh), &whole.token).await.unwrap();
    let secret = crate::factors::secret_in(&world.app.begin_authenticator(&holder).await.unwrap().address);
    let typed = crate::factors::code(&world, &secret, 0);
    let kept = NewFactor { proof: SecondStep::Code(&typed), name: "A phone that is kept" };
    world.app.add_factor(&holder, kept).await.unwrap();
    let renewed = machine.renew_recovery(1, "it was opened").await.unwrap();
    world.clock.advance_ms(60_000);
    let account = world.store.account(&envelope.login).await.unwrap().unwrap();
    let held = world.store.credentials(account.id).await.unwrap();
    let works = |held: &&store::Credential| held.works(world.clock.now());
    let left: Vec<_> = held.iter().filter(works).map(|held| held.kind).collect();
    assert!(!left.contains(&CredentialKind::Totp), "nor is what somebody set up with it: {left:?}");
    assert!(
        world.app.sign_in(&envelope.login, &envelope.secret, here()).await.is_err(),
        "the old is worth nothing"
    );
    assert!(world.app.sign_in(&renewed.login, &renewed.secret, here()).await.is_ok());
}

/// The credentials of a recovery account that open it now.
async fn working(world: &World) -> Vec<(CredentialKind, model::CredentialId)> {
    let account = world.store.account("recovery-1").await.unwrap().unwrap();
    let held = world.store.credentials(account.id).await.unwrap();
    let works = held.iter().filter(|held| held.works(world.clock.now()));
    works.map(|held| (held.kind, held.id)).collect()
}

/// Puts a passkey and an app beside what the envelope holds, as somebody who opened it might.
async fn put_factors(world: &World, number: u128) {
    let account = world.store.account("recovery-1").await.unwrap().unwrap();
    let at = world.clock.now();
    let kinds = [CredentialKind::Totp, CredentialKind::Passkey];
    let changes = kinds.into_iter().zip(number..).map(|(kind, number)| {
        let id = model::CredentialId(uuid::Uuid::from_u128(number));
        let new = store::Credential::new(id, account.id, kind, "kept".to_owned(), at);
        let credential = store::Credential { last_worked: Some(at), ..new };
        store::Change::Account(store::AccountChange::AddCredential { credential, scope: Scope::Trust })
    });
    let fact = store::Fact::new(&technician(), Scope::Trust, at, "add-factor");
    world.store.commit(&fact, &changes.collect::<Vec<_>>()).await.unwrap();
}

#[tokio::test]
async fn acc_5_a_new_envelope_ends_everything_that_opened_the_one_before_whoever_makes_it() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, _) = set_up(&world).await;
    let actor = technician();
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper(), actor: &actor };
    put_factors(&world, 500).await;
    let before = working(&world).await;
    let kinds = |held: &[(CredentialKind, _)], kind| held.iter().filter(|(held, _)| *held == kind).count();
    for kind in [CredentialKind::Totp, CredentialKind::Passkey] {
        assert_eq!(kinds(&before, kind), 1);
    }
    machine.renew_recovery(1, "it was opened").await.unwrap();
    let renewed = working(&world).await;
    assert!(renewed.iter().all(|held| !before.contains(held)), "at the machine: {renewed:?}");
    assert_eq!(
        (kinds(&renewed, CredentialKind::Recovery), renewed.len()),
        (10, 11),
        "a password and ten codes"
    );
    put_factors(&world, 600).await;
    let before = working(&world).await;
    let both = [id_of(&head), id_of(&deputy)];
    work(&world, (&head, "head"), (1, RecoveryDeed::AskOwners), &both).await.unwrap();
    work(&world, (&deputy, "deputy"), (1, RecoveryDeed::Agree), &[]).await.unwrap();
    world.clock.advance_ms(3 * DAY_MS);
    sealed(work(&world, (&head, "head"), (1, RecoveryDeed::CarryOut), &[]).await.unwrap());
    let owned = working(&world).await;
    assert!(owned.iter().all(|held| !before.contains(held)) && owned.len() == 11, "by leaders: {owned:?}");
}

#[tokio::test]
async fn acc_5_whose_recovery_account_was_ended_stands_for_another_one() {
    let world = World::new("first-school.toml").await;
    let (head, deputy, first) = set_up(&world).await;
    let (heads, deputys) = ([id_of(&head)], [id_of(&deputy)]);
    let (head, deputy) = ((&head, "head"), (&deputy, "deputy"));
    // Asked by the head, agreed to by the deputy, and done by the head three days later.
    let two = async |(number, ask): (u32, RecoveryDeed), owners: &[PersonId]| {
        work(&world, head, (number, ask), owners).await.unwrap();
        work(&world, deputy, (number, RecoveryDeed::Agree), &[]).await.unwrap();
        world.clock.advance_ms(3 * DAY_MS);
        work(&world, head, (number, RecoveryDeed::CarryOut), &[]).await.unwrap()
    };
    sealed(two((2, RecoveryDeed::AskAnother), &deputys).await);
    two((1, RecoveryDeed::AskDeletion), &[]).await;
    let owners = refused(work(&world, head, (2, RecoveryDeed::AskOwners), &heads).await);
    assert!(owners.contains("another one that is made"), "{owners}");
    let (number, third) = sealed(two((3, RecoveryDeed::AskAnother), &heads).await);
    assert_eq!((number, third.login.as_str()), (3, "recovery-3"), "no number is given twice");
    assert!(
        world.app.sign_in(&first.login, &first.secret, here()).await.is_err(),
        "the ended one stays ended"
    );
    assert!(world.app.sign_in("recovery-3", &first.secret, here()).await.is_err(), "with its envelope");
    let begun = world.app.sign_in(&third.login, &third.secret, here()).await.unwrap();
    refused(world.app.show_second_step(&begun.token, SecondStep::Code(&first.codes[0]), here()).await);
    world.clock.advance_ms(60_000);
    let code = SecondStep::Code(&third.codes[0]);
    let whole = world.app.show_second_step(&begun.token, code, here()).await.unwrap();
    assert_eq!(world.app.actor(&whole.token, here()).await.as_ref(), Some(head.0));
    let numbers: Vec<u32> =
        world.store.recovery_accounts().await.unwrap().iter().map(|it| it.number).collect();
    assert_eq!(numbers, [2, 3]);
    let again = refused(work(&world, head, (0, RecoveryDeed::AskAnother), &heads).await);
    assert!(again.contains("already"), "one at a time: {again}");
}
