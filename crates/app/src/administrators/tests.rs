//! Anything done to accounts, credentials and posts, in any order, through the records: what has held once about
//! administrators holds for ever.
//!
//! The million operations are run on the rule itself (`identity::administrators`); here some thousands go the whole way, each a
//! commit of its own into SQLite, and the records are read anew after each without the code that is tested.

use super::*;
use identity::Randomness;
use model::{AccountState, Actor, Person, SchoolId, Scope};
use store::{Credential, Place, RecoveryRecord};
use uuid::Uuid;

const RULES: AdministratorRules = AdministratorRules { at_least: 2, test_every_ms: 95 * DAY_MS };
const START: model::Timestamp = model::Timestamp(1_795_169_700_000);
const PEOPLE: u32 = 6;
const RECOVERY: AccountId = AccountId(Uuid::from_u128(0x4_0001));

struct World {
    store: Store,
    at: model::Timestamp,
    random: Randomness,
    /// How many credentials were made.
    made: u32,
}

fn person(number: u32) -> PersonId {
    PersonId(Uuid::from_u128(0x1_0000 + u128::from(number)))
}

fn administrator(number: u32) -> AccountId {
    AccountId(Uuid::from_u128(0x2_0000 + u128::from(number)))
}

fn post(role: Role) -> Vec<Affiliation> {
    vec![Affiliation { scope: Scope::School(SchoolId::new("ash")), role, year: None }]
}

fn somebody(number: u32) -> Person {
    let role = if number < 3 { Role::SeniorLeader } else { Role::Technician };
    let (login, display_name) = (format!("person{number}"), format!("Person {number}"));
    Person { id: person(number), login, display_name, affiliations: post(role) }
}

impl World {
    async fn commit(&self, by: AskedBy, changes: &[Change]) -> Result<(), AppError> {
        let fact = Fact::new(&Actor::Program, Scope::Trust, self.at, "anything");
        commit(&self.store, &RULES, Write { fact: &fact, changes, by }).await
    }

    fn below(&mut self, limit: u32) -> u32 {
        self.random.below(limit).unwrap()
    }

    /// One change that an import, a job, a form or a mistake might make.
    fn any_change(&mut self) -> Change {
        let (of, at) = (self.below(PEOPLE), self.at);
        let account = administrator(of);
        match self.below(9) {
            0 | 1 => {
                self.made += 1;
                let kinds = [CredentialKind::Totp, CredentialKind::Passkey];
                let kind = *self.random.one_of(&kinds).unwrap();
                let id = CredentialId(Uuid::from_u128(0x3_0000 + u128::from(self.made)));
                let new = Credential::new(id, account, kind, "sealed".to_owned(), at);
                let credential = Credential { last_worked: Some(at), ..new };
                Change::Account(AccountChange::AddCredential { credential, scope: Scope::Trust })
            }
            2 => {
                let number = self.below(self.made + 1);
                let credential = CredentialId(Uuid::from_u128(0x3_0000 + u128::from(number)));
                Change::Account(AccountChange::RevokeOne { credential, at })
            }
            3 => {
                let kinds = vec![CredentialKind::Totp, CredentialKind::Passkey];
                Change::Account(AccountChange::Revoke { account, kinds, at })
            }
            4 | 5 => {
                let states = [AccountState::Open, AccountState::Suspended, AccountState::Closed];
                let state = *self.random.one_of(&states).unwrap();
                Change::Account(AccountChange::SetState { account, state, at })
            }
            6 => {
                let role = *self.random.one_of(&[Role::SeniorLeader, Role::Staff]).unwrap();
                Change::SetAffiliations { person: person(of), affiliations: post(role) }
            }
            7 => {
                let state = AccountState::Closed;
                Change::Account(AccountChange::SetState { account: RECOVERY, state, at })
            }
            _ => {
                let owners = [person(of)].into();
                Change::Recovery(RecoveryChange::Own { account: RECOVERY, owners, scope: Scope::Trust })
            }
        }
    }

    /// How many can administer, and whether there is a recovery account that a leader owns.
    async fn in_records(&self) -> (usize, bool) {
        let mut working = 0;
        for account in self.store.accounts_of_kinds(&[AccountKind::Administrator]).await.unwrap() {
            let held = self.store.credentials(account.id).await.unwrap();
            let worked = held.iter().any(|held| held.last_worked.is_some());
            working += usize::from(account.state.may_sign_in() && worked);
        }
        let leaders = self.store.people_with(&LEADERS).await.unwrap();
        let recovery = self.store.recovery_accounts().await.unwrap();
        (working, !recovery.is_empty() && recovery.iter().all(|it| !it.owners.is_disjoint(&leaders)))
    }
}

async fn world() -> World {
    let store = Store::open(&Place::Memory, START).await.unwrap();
    let world = World { store, at: START, random: Randomness::Seeded(2_026), made: 0 };
    for number in 0..PEOPLE {
        let person = somebody(number);
        let kind = AccountKind::Administrator;
        let new = Account::new(administrator(number), &person, kind, START, &Actor::Program);
        let account = Account { login: format!("person{number}.admin"), ..new };
        let changes =
            [Change::AddPerson { person, scope: Scope::Trust }, Change::Account(AccountChange::Add(account))];
        world.commit(AskedBy::Program, &changes).await.unwrap();
    }
    world
}

fn recovery_account(at: model::Timestamp) -> [Change; 2] {
    let new = Account::new(RECOVERY, &somebody(0), AccountKind::BreakGlass, at, &Actor::Program);
    let account = Account { login: "recovery-1".to_owned(), ..new };
    let owners = [person(0)].into();
    let record =
        RecoveryRecord { account: RECOVERY, number: 1, owners, tried: at, asked_by: None, agreed: None };
    let make = RecoveryChange::Make { record, scope: Scope::Trust };
    [Change::Account(AccountChange::Add(account)), Change::Recovery(make)]
}

/// 1,500 commits as usual, 50,000 where `SCHOOLGATE_LONG` is 1.
#[tokio::test]
async fn nothing_in_any_order_ends_what_has_held_once() {
    let long = std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1");
    let steps = if long { 50_000 } else { 1_500 };
    let mut world = world().await;
    let make = recovery_account(world.at);
    world.commit(AskedBy::Program, &make).await.unwrap();
    let (mut held, mut committed, mut turned_away) = (false, 0, 0);
    for step in 0..steps {
        world.at = world.at.plus_ms(1_000);
        let count = 1 + world.below(3);
        let changes: Vec<Change> = (0..count).map(|_| world.any_change()).collect();
        let by = match world.below(4) {
            0 => AskedBy::Person(person(world.below(PEOPLE))),
            _ => AskedBy::Program,
        };
        match world.commit(by, &changes).await {
            Ok(()) => committed += 1,
            Err(_) => turned_away += 1,
        }
        let (working, recovery) = world.in_records().await;
        assert!(!held || (working >= 2 && recovery), "step {step}: {working} left, recovery: {recovery}");
        held = held || (working >= 2 && recovery);
    }
    assert!(held && committed > steps / 20 && turned_away > steps / 20, "{committed} {turned_away}");
}

/// Two who each take one of three away at once: one of them is turned away.
#[tokio::test]
async fn two_who_change_at_once_do_not_both_take_the_one_too_many() {
    let mut world = world().await;
    let mut changes: Vec<Change> = recovery_account(world.at).into();
    for number in 0..3 {
        let id = CredentialId(Uuid::from_u128(0x3_0000 + u128::from(number)));
        let kind = CredentialKind::Totp;
        let new = Credential::new(id, administrator(number), kind, "sealed".to_owned(), world.at);
        let credential = Credential { last_worked: Some(world.at), ..new };
        changes.push(Change::Account(AccountChange::AddCredential { credential, scope: Scope::Trust }));
    }
    world.commit(AskedBy::Program, &changes).await.unwrap();
    world.at = world.at.plus_ms(1_000);
    let suspend = |number: u32| {
        let (account, at) = (administrator(number), world.at);
        [Change::Account(AccountChange::SetState { account, state: AccountState::Suspended, at })]
    };
    let (first, second) = (suspend(0), suspend(1));
    let (one, other) =
        tokio::join!(world.commit(AskedBy::Program, &first), world.commit(AskedBy::Program, &second));
    assert!(one.is_ok() != other.is_ok(), "{one:?} {other:?}");
    assert_eq!(world.in_records().await, (2, true));
}
