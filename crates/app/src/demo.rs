//! A made-up school's people, devices and three days of history, so that a stranger sees a working gate at once.
//!
//! Only into records that know nobody yet. From the same seed and the same time come the same people and the same visits.
//! Every visit is decided by the policy in force, so that the history agrees with the "Why?" page. Nobody in it is real.

mod people;
mod visits;

use crate::made_up::Random;
use crate::people_seen::kind_for;
use crate::{App, AppError};
use identity::{HashingZone, Password, hash};
use model::{AccountId, Actor, Person, PoolId, Role, Scope, Timestamp};
use people::Cast;
use store::{Account, AccountChange, Change, Fact, VisitorChange, VisitorIssue, VisitorPool};

/// What the demo is made from.
#[derive(Clone, Debug)]
pub struct Demo {
    /// The password of every account. Made for the demo, and shown to whoever starts it.
    pub password: String,
    /// Makes the same demo again.
    pub seed: u64,
}

impl App {
    /// Fills empty records with the demo.
    ///
    /// # Errors
    /// [`AppError::Refused`] where somebody is on the roster already.
    pub async fn seed_demo(&self, demo: &Demo) -> Result<(), AppError> {
        let store = &self.0.parts.store;
        let known = store.count_people().await?;
        if known > 0 {
            return Err(AppError::refused(
                "There are people here already; the demo is only for a new, empty folder.",
                format!("expected nobody on the roster, found {known}"),
            ));
        }
        let (in_force, now) = (self.in_force(), self.now());
        let mut random = Random::new(demo.seed);
        let cast = people::cast(&in_force.document, now, &mut random);
        let mut changes = cast.changes(now);
        changes.extend(self.accounts(&cast, demo, &mut random).await?);
        changes.extend(cast.people.iter().filter_map(|part| self.visit_of(&part.person, now)).flatten());
        let fact = Fact::new(&Actor::Program, Scope::Trust, now, "seed-demo").about("demo");
        self.commit(&fact, &changes).await?;
        self.take_up_changes().await?;
        self.record_visits(&cast, random).await
    }

    /// Everybody's account, hashed as many at once as sign-ins are.
    async fn accounts(&self, cast: &Cast, demo: &Demo, random: &mut Random) -> Result<Vec<Change>, AppError> {
        let password = Password::new(&demo.password)?;
        let now = self.now();
        let mut hashing = Vec::new();
        for part in &cast.people {
            let (pepper, password, salt) = (self.0.parts.pepper.clone(), password.clone(), random.bytes());
            let turn = self.hashing_turn(HashingZone::SignedIn).await?;
            let person = part.person.clone();
            hashing.push(tokio::task::spawn_blocking(move || {
                let _turn = turn;
                Ok::<_, AppError>(account_of(&person, hash(&pepper, &password, salt)?.0, now))
            }));
        }
        let mut accounts = Vec::new();
        for hashed in hashing {
            accounts.extend(hashed.await??);
        }
        Ok(accounts)
    }

    /// A visitor has their account of a pool that ends with the policy's days, as every visitor does.
    fn visit_of(&self, person: &Person, now: Timestamp) -> Option<Vec<Change>> {
        let scope = person.affiliations.first().filter(|held| held.role == Role::Guest)?.scope.clone();
        let (account, by) = (AccountId(person.id.0), Actor::Program.to_string());
        let days = self.in_force().document.facts.access.guest_account_days;
        let ends = now.plus_ms(i64::from(days) * 24 * 3_600_000);
        let (purpose, host) = ("Book fair".to_owned(), "The library".to_owned());
        let made = (now, by.clone());
        let pool = VisitorPool { id: PoolId(person.id.0), scope, purpose, host: host.clone(), made, ends };
        let issue = VisitorIssue {
            account,
            visitor: person.display_name.clone(),
            host,
            why: "Reads stories".to_owned(),
            ends,
            at: now,
            by,
        };
        let accounts = vec![(account, person.id, person.login.clone())];
        Some(vec![
            Change::Account(AccountChange::EndAt { account, ends: Some(ends) }),
            Change::Visitor(VisitorChange::Add(Box::new(pool), accounts)),
            Change::Visitor(VisitorChange::Issue(Box::new(issue))),
        ])
    }

    async fn record_visits(&self, cast: &Cast, random: Random) -> Result<(), AppError> {
        let (snapshot, roster, now) = (self.snapshot(), self.0.parts.roster.get(), self.now());
        let events = visits::visits(&snapshot, &roster, &cast.browsing(), now, random);
        let history = self.0.parts.history.clone();
        tokio::task::spawn_blocking(move || history.append(&events)).await??;
        Ok(())
    }
}

/// An open account with a password that stays: nobody in the demo was handed one. Both go by their person's id.
fn account_of(person: &Person, verifier: String, now: Timestamp) -> [Change; 2] {
    let (id, kind) = (AccountId(person.id.0), kind_for(&person.affiliations));
    AccountChange::open(Account::new(id, person, kind, now, &Actor::Program), verifier).map(Change::Account)
}

/// The roles that sit at a desk of their own in the demo.
const STAFF: [Role; 13] = [
    Role::Governor,
    Role::Headteacher,
    Role::SeniorLeader,
    Role::SafeguardingLead,
    Role::OnlineSafetyLead,
    Role::BusinessManager,
    Role::DataProtectionOfficer,
    Role::DataProtectionLead,
    Role::GovernanceProfessional,
    Role::Technician,
    Role::ClassTeacher,
    Role::Staff,
    Role::ChairOfGovernors,
];
