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
/// Those whose post lets them administer.
const POSTS: [Role; 4] = [Role::Headteacher, Role::SeniorLeader, Role::BusinessManager, Role::Technician];
/// Between two commits: a wish waits for nine of them.
const STEP_MS: i64 = 8 * 3_600_000;

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

fn recovery(number: u32) -> AccountId {
    AccountId(Uuid::from_u128(0x4_0000 + u128::from(number)))
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

    /// What an import, a job, a form or a mistake might change.
    fn any_changes(&mut self, by: AskedBy, wishes: &[store::RecoveryWish]) -> Vec<Change> {
        let (of, at) = (self.below(PEOPLE), self.at);
        let account = administrator(of);
        let change = match self.below(14) {
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
                let states = [AccountState::Open, AccountState::Open, AccountState::Suspended];
                // What is closed stays so, so it happens seldom.
                let state = match self.below(200) {
                    0 => AccountState::Closed,
                    _ => *self.random.one_of(&states).unwrap(),
                };
                Change::Account(AccountChange::SetState { account, state, at })
            }
            6 | 7 => {
                let roles = [Role::SeniorLeader, Role::SeniorLeader, Role::Technician, Role::Staff];
                let role = *self.random.one_of(&roles).unwrap();
                // Somebody leaves, moves, or comes back.
                let affiliations = if self.below(6) == 0 { Vec::new() } else { post(role) };
                Change::SetAffiliations { person: person(of), affiliations }
            }
            _ => return self.any_recovery_changes(of, by, wishes),
        };
        vec![change]
    }

    /// What somebody might do about a recovery account: as leaders want it, or out of turn.
    fn any_recovery_changes(&mut self, of: u32, by: AskedBy, wishes: &[store::RecoveryWish]) -> Vec<Change> {
        use store::RecoveryWant::{Delete, Make, Own};
        let (number, at, scope) = (1 + self.below(2), self.at, Scope::Trust);
        let lapsed = |wish: &store::RecoveryWish| wish_of(wish.clone()).has_lapsed(at);
        let wish = wishes.iter().find(|wish| wish.number == number && !lapsed(wish)).cloned();
        let me = match by {
            AskedBy::Person(person) => person,
            AskedBy::Program => person(of),
        };
        let owners = match &wish {
            Some(wish) if !wish.owners.is_empty() && self.below(4) > 0 => wish.owners.clone(),
            _ => [person(of)].into(),
        };
        let end = || Change::Recovery(RecoveryChange::EndWish { number });
        let want = match &wish {
            // Mostly what two wanted; sometimes anything.
            Some(wish) if wish.agreed.is_some() && self.below(8) > 0 => Some(wish.want),
            _ if self.below(4) == 0 => Some(*self.random.one_of(&[Delete, Own, Make]).unwrap()),
            _ => None,
        };
        match (want, wish) {
            (Some(Delete), _) => {
                let state = AccountState::Closed;
                let close = AccountChange::SetState { account: recovery(number), state, at };
                vec![Change::Account(close), end()]
            }
            (Some(Own), _) => {
                let stands_for = owners.first().copied().unwrap_or(person(of));
                let own = RecoveryChange::Own { account: recovery(number), stands_for, owners, scope };
                vec![Change::Recovery(own), end()]
            }
            (Some(Make), _) => {
                let of = (0..PEOPLE).find(|of| owners.contains(&person(*of))).unwrap_or(of);
                let [add, make] = recovery_account(number, of, owners, at);
                vec![add, make, end()]
            }
            (None, Some(_)) if self.below(8) == 0 => vec![end()],
            (None, Some(wish)) => {
                let agreed = Some((me, at.plus_ms(identity::RECOVERY_DELAY_MS)));
                let wish = store::RecoveryWish { agreed, ..wish };
                vec![Change::Recovery(RecoveryChange::SetWish { wish, scope })]
            }
            (None, None) => {
                let want = *self.random.one_of(&[Delete, Own, Make]).unwrap();
                let owners = if want == Delete { [].into() } else { owners };
                let wish =
                    store::RecoveryWish { number, want, owners, asked: at, asked_by: me, agreed: None };
                vec![Change::Recovery(RecoveryChange::SetWish { wish, scope })]
            }
        }
    }

    /// How many can administer, and whether there is a recovery account that a leader owns.
    async fn in_records(&self) -> (usize, bool) {
        let posts = self.store.people_with(&POSTS).await.unwrap();
        let mut working = 0;
        for account in self.store.accounts_of_kinds(&[AccountKind::Administrator]).await.unwrap() {
            let held = self.store.credentials(account.id).await.unwrap();
            let worked = held.iter().any(|held| held.last_worked.is_some());
            working += usize::from(account.state.may_sign_in() && worked && posts.contains(&account.person));
        }
        let leaders = self.store.people_with(&LEADERS).await.unwrap();
        let recovery = self.store.recovery_accounts().await.unwrap();
        let accounts = self.store.accounts_of_kinds(&[AccountKind::BreakGlass]).await.unwrap();
        let stands = accounts.iter().filter(|it| recovery.iter().any(|record| record.account == it.id));
        let opens = stands.map(|account| account.person).any(|person| leaders.contains(&person));
        (working, opens && recovery.iter().all(|it| !it.owners.is_disjoint(&leaders)))
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

fn recovery_account(
    number: u32,
    of: u32,
    owners: std::collections::BTreeSet<PersonId>,
    at: model::Timestamp,
) -> [Change; 2] {
    let new = Account::new(recovery(number), &somebody(of), AccountKind::BreakGlass, at, &Actor::Program);
    let account = Account { login: format!("recovery-{number}"), ..new };
    let record = RecoveryRecord { account: account.id, number, owners, tried: at };
    let make = RecoveryChange::Make { record, scope: Scope::Trust };
    [Change::Account(AccountChange::Add(account)), Change::Recovery(make)]
}

/// 1,000 commits as usual, 50,000 where `SCHOOLGATE_LONG` is 1.
#[tokio::test]
async fn nothing_in_any_order_ends_what_has_held_once() {
    let long = std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1");
    let steps = if long { 50_000 } else { 1_000 };
    let mut world = world().await;
    let make = recovery_account(1, 0, [person(0)].into(), world.at);
    world.commit(AskedBy::Program, &make).await.unwrap();
    let (mut held, mut committed, mut turned_away) = (false, 0, 0);
    let mut numbers = std::collections::BTreeSet::new();
    for step in 0..steps {
        world.at = world.at.plus_ms(STEP_MS);
        let by = match world.below(3) {
            0 => AskedBy::Program,
            _ => AskedBy::Person(person(world.below(PEOPLE))),
        };
        let wishes = world.store.recovery_wishes().await.unwrap();
        let count = 1 + world.below(3);
        let changes: Vec<Change> = (0..count).flat_map(|_| world.any_changes(by, &wishes)).collect();
        match world.commit(by, &changes).await {
            Ok(()) => committed += 1,
            Err(_) => turned_away += 1,
        }
        let (working, recovery) = world.in_records().await;
        assert!(!held || (working >= 2 && recovery), "step {step}: {working} left, recovery: {recovery}");
        held = held || (working >= 2 && recovery);
        numbers.extend(world.store.recovery_accounts().await.unwrap().iter().map(|record| record.number));
    }
    assert!(held && committed > steps / 20 && turned_away > steps / 20, "{committed} {turned_away}");
    assert!(numbers.len() > 1, "two leaders made another recovery account");
}

/// Two who each take one of three away at once: one of them is turned away.
#[tokio::test]
async fn two_who_change_at_once_do_not_both_take_the_one_too_many() {
    let mut world = world().await;
    let mut changes: Vec<Change> = recovery_account(1, 0, [person(0)].into(), world.at).into();
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
