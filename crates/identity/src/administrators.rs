//! Nobody saws off the branch: never fewer than two people who can administer, and a recovery account that only leaders can
//! take away.
//!
//! A value and its one door, [`Administrators::commit`]: whatever comes in (a form, an import, a bulk job, a restore, the
//! clock) is a list of [`AdministratorChange`]s, all of them or none, and the state after them must hold. Until it holds for
//! the first time the installation is being set up; from then on it never stops holding.
//!
//! Left out on purpose: who may ask for an ordinary change (the role x action table), how factors are proved, storing. The
//! store commits this value together with its rows, in one transaction.
//!
//! Invariants, for every committed state that is not being set up: at least as many open administrator accounts of
//! different people, each with a factor that has worked and of somebody whose post lets them administer, as the policy
//! says, and never fewer than two; at least one recovery account that stands for a leader, since one that stands for anybody
//! else opens too little; each recovery account is owned by at least one leader; none is made, taken away or given other
//! owners but by two leaders and after a delay. A date that passes closes no account that is needed: it stays open and is
//! overdue.

mod recovery;

pub use recovery::{RECOVERY_DELAY_MS, RECOVERY_OPEN_MS, RecoveryAccount, RecoveryWant, RecoveryWish};

use model::{PersonId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// An end so near is told before it comes.
const SOON_MS: i64 = 14 * 24 * 3_600_000;
/// The fewest administrators, whatever a policy says.
const FEWEST: usize = 2;
/// The most accounts of each kind: a school has a handful.
const MOST_ACCOUNTS: usize = 1_000;
/// The most people whose post lets them administer: a trust of many schools.
const MOST_POSTS: usize = 50_000;

/// What the policy says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdministratorRules {
    /// The fewest people; two at the least.
    pub at_least: u32,
    /// How often a recovery account is tried.
    pub test_every_ms: i64,
}

/// The administrators of a trust or of a lone school.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Administrators {
    accounts: BTreeMap<PersonId, AdministratorAccount>,
    recovery: BTreeMap<u32, RecoveryAccount>,
    wishes: BTreeMap<u32, RecoveryWish>,
    leaders: BTreeSet<PersonId>,
    posts: BTreeSet<PersonId>,
    held_once: bool,
}

/// What the records say, to go on from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AdministratorRecords {
    /// The administrator accounts.
    pub accounts: BTreeMap<PersonId, AdministratorAccount>,
    /// The recovery accounts, by number.
    pub recovery: BTreeMap<u32, RecoveryAccount>,
    /// What leaders want of recovery accounts, by number.
    pub wishes: BTreeMap<u32, RecoveryWish>,
    /// Who leads.
    pub leaders: BTreeSet<PersonId>,
    /// Whose post lets them administer.
    pub posts: BTreeSet<PersonId>,
    /// Whether it was noted that the rule held once.
    pub held_once: bool,
}

/// Somebody's administrator account.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AdministratorAccount {
    /// False where it is suspended.
    pub open: bool,
    /// Factors that have worked at least once: passkeys and authenticators.
    pub factors: BTreeSet<WorkingFactor>,
    /// When it is to end.
    pub ends: Option<Timestamp>,
}

/// A factor that has worked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum WorkingFactor {
    /// A passkey or security key.
    Passkey,
    /// An authenticator's codes.
    Totp,
}

/// One change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AdministratorChange {
    /// Somebody gets an administrator account, open, without a factor.
    Add(PersonId),
    /// A factor of theirs worked.
    FactorWorked(PersonId, WorkingFactor),
    /// A factor is taken away.
    RemoveFactor(PersonId, WorkingFactor),
    /// The account is suspended.
    Suspend(PersonId),
    /// The account is opened again.
    Open(PersonId),
    /// The account is to end then, or never.
    EndAt(PersonId, Option<Timestamp>),
    /// The account is deleted.
    Delete(PersonId),
    /// Somebody holds a leader's post, or no more.
    Leads(PersonId),
    /// Somebody holds no leader's post any more.
    LeadsNoMore(PersonId),
    /// Somebody holds a post that lets them administer.
    MayAdminister(PersonId),
    /// Somebody holds no such post any more.
    MayNotAdminister(PersonId),
    /// A recovery account is made, by this number, standing for one of these owners.
    MakeRecovery(u32, PersonId, BTreeSet<PersonId>),
    /// A recovery account gets other owners, and stands for one of them.
    OwnRecovery(u32, PersonId, BTreeSet<PersonId>),
    /// A recovery account was tried, and worked.
    TriedRecovery(u32),
    /// A leader wants something of a recovery account, or one of that number made.
    AskRecovery(u32, RecoveryWant),
    /// Another leader agrees to what was asked for at that time; the delay begins.
    AgreeRecovery(u32, Timestamp),
    /// A leader thinks better of it; nothing asked is no mistake.
    CancelRecovery(u32),
    /// After the delay it is deleted.
    DeleteRecovery(u32),
    /// Time has passed: what is to end by now ends, but for what is needed.
    TimePasses,
    /// All of it as a backup has it.
    Restore(Box<Administrators>),
}

/// Who asks for a change. Ordinary leave is the permission table's; this is for what only leaders may do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AskedBy {
    /// Somebody signed in.
    Person(PersonId),
    /// An import, a job, the clock.
    Program,
}

/// Why nothing was changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AdministratorsRefused {
    /// Too few would be left.
    #[error("expected at least {needed} administrators with a working factor, found {left}")]
    TooFew {
        /// How many would be left.
        left: usize,
        /// How many must be.
        needed: usize,
    },
    /// No recovery account would be left.
    #[error("expected a recovery account, found none left")]
    NoRecovery,
    /// A recovery account would be nobody's who leads.
    #[error("expected a leader among the owners of recovery account {number}, found none")]
    RecoveryWithoutLeader {
        /// Which.
        number: u32,
    },
    /// No recovery account would open what a leader may do.
    #[error("expected a recovery account that stands for a leader, found that none does")]
    RecoveryOpensTooLittle,
    /// Only a leader may do this.
    #[error("expected a leader, found somebody else")]
    NotALeader,
    /// The same leader twice.
    #[error("expected a second leader, found the one who asked")]
    SameLeader,
    /// Nobody asked, or nobody agreed.
    #[error("expected two leaders to have asked for it, found fewer")]
    NotAgreed,
    /// Something else is asked for already.
    #[error("expected nothing to be asked for yet, found something")]
    AskedAlready,
    /// The delay is not over.
    #[error("expected the delay to be over, found that it ends at {until}")]
    TooEarly {
        /// When it is over.
        until: Timestamp,
    },
    /// Another leader agreed already.
    #[error("expected nobody to have agreed yet, found that somebody has")]
    AgreedAlready,
    /// A leader who neither asked nor agreed.
    #[error("expected one of the two who asked and agreed, found another leader")]
    NotOneOfTheTwo,
    /// It was left too long.
    #[error("expected it to be done within two weeks of its day, found that it has lapsed")]
    Lapsed,
    /// There is no such account, or there is one already.
    #[error("expected an account that fits the change, found none")]
    NoSuchAccount,
    /// More than any school has.
    #[error("expected at most {most} accounts, found more")]
    TooMany {
        /// The most.
        most: usize,
    },
}

impl AdministratorsRefused {
    /// What to do, in a sentence for a page.
    pub fn way_out(self) -> &'static str {
        match self {
            Self::TooFew { .. } => {
                "Add another administrator first, and let them sign in once with a passkey or an authenticator."
            }
            Self::NoRecovery => "Make another recovery account first.",
            Self::RecoveryWithoutLeader { .. } => {
                "A recovery account is owned by a leader: two leaders name another leader as its owner first."
            }
            Self::RecoveryOpensTooLittle => {
                "A recovery account opens what one of its owners may do, and one must stand for a leader: two leaders name \
                 another leader as its owner first."
            }
            Self::NotALeader => "Ask the headteacher or a senior leader: only they can do this.",
            Self::SameLeader => "Ask a second leader to agree.",
            Self::NotAgreed => "Two leaders ask for this, one after the other; then it waits for three days.",
            Self::AskedAlready => "Something is asked for already. Agree to it, or take it back, first.",
            Self::TooEarly { .. } => "Wait until the three days are over.",
            Self::AgreedAlready => {
                "A second leader agreed already: one of these two does it, once the three days are over."
            }
            Self::NotOneOfTheTwo => "One of the two leaders who asked and agreed does it.",
            Self::Lapsed => "It was left for more than two weeks, and has lapsed. Ask for it again.",
            Self::NoSuchAccount => "Look at the list of accounts again: it has changed.",
            Self::TooMany { .. } => "Delete accounts that nobody needs first.",
        }
    }
}

/// What is not broken yet and should be seen to.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AdministratorsWarning {
    /// An end within 14 days would leave too few, or has passed and is not carried out.
    EndsSoon {
        /// Whose account.
        person: PersonId,
        /// When it ends, or should have.
        ends: Timestamp,
    },
    /// A recovery account was not tried for too long.
    TryRecovery {
        /// Which.
        number: u32,
    },
}

impl Administrators {
    /// What the records say. Where the rule holds in them it has held, whether or not that was noted.
    pub fn of_records(records: AdministratorRecords, rules: &AdministratorRules) -> Self {
        let AdministratorRecords { accounts, recovery, wishes, leaders, posts, held_once } = records;
        let mut state = Self { accounts, recovery, wishes, leaders, posts, held_once };
        state.held_once = state.held_once || state.check(rules).is_ok();
        state
    }

    /// What is missing before the rule holds; nothing where it does.
    ///
    /// # Errors
    /// The first thing that is missing.
    pub fn missing(&self, rules: &AdministratorRules) -> Result<(), AdministratorsRefused> {
        self.check(rules)
    }

    /// True until the rule holds for the first time.
    pub fn setting_up(&self) -> bool {
        !self.held_once
    }

    /// The administrator accounts.
    pub fn accounts(&self) -> &BTreeMap<PersonId, AdministratorAccount> {
        &self.accounts
    }

    /// The recovery accounts, by number.
    pub fn recovery(&self) -> &BTreeMap<u32, RecoveryAccount> {
        &self.recovery
    }

    /// What leaders want of recovery accounts, by number.
    pub fn wishes(&self) -> &BTreeMap<u32, RecoveryWish> {
        &self.wishes
    }

    /// Who leads.
    pub fn leaders(&self) -> &BTreeSet<PersonId> {
        &self.leaders
    }

    /// Whose post lets them administer.
    pub fn posts(&self) -> &BTreeSet<PersonId> {
        &self.posts
    }

    /// True where a recovery account opens what a leader may do: whoever it stands for leads.
    pub fn opens_enough(&self, account: &RecoveryAccount) -> bool {
        self.leaders.contains(&account.stands_for)
    }

    /// How many people can administer.
    pub fn working(&self) -> usize {
        self.accounts.keys().filter(|person| self.works(person)).count()
    }

    /// True where somebody can administer: by account, factor and post. A leaver's or a mover's account alone opens nothing.
    pub fn works(&self, person: &PersonId) -> bool {
        self.posts.contains(person) && self.accounts.get(person).is_some_and(AdministratorAccount::works)
    }

    /// The state after all these changes.
    ///
    /// # Errors
    /// Why not; then nothing is changed.
    pub fn commit(
        &self,
        changes: &[AdministratorChange],
        by: AskedBy,
        rules: &AdministratorRules,
        at: Timestamp,
    ) -> Result<Self, AdministratorsRefused> {
        let mut after = self.clone();
        for change in changes {
            after.apply(change, by, rules, at)?;
        }
        match after.check(rules) {
            Ok(()) => after.held_once = true,
            // Where the policy asks for more than there are, what makes it no worse goes on: how else would it be mended?
            Err(refused)
                if after.held_once && !(self.check(rules).is_err() && after.is_no_worse_than(self)) =>
            {
                return Err(refused);
            }
            Err(_) => {}
        }
        Ok(after)
    }

    fn is_no_worse_than(&self, before: &Self) -> bool {
        let unowned = |state: &Self| {
            state.recovery.values().filter(|account| account.owners.is_disjoint(&state.leaders)).count()
        };
        let open = |state: &Self| state.recovery.values().filter(|it| state.opens_enough(it)).count();
        self.working() >= before.working()
            && self.recovery.len() >= before.recovery.len()
            && unowned(self) <= unowned(before)
            && open(self) >= open(before)
    }

    /// What should be seen to at this moment.
    pub fn warnings(&self, rules: &AdministratorRules, at: Timestamp) -> Vec<AdministratorsWarning> {
        let ending =
            |account: &AdministratorAccount| account.ends.filter(|ends| *ends <= at.plus_ms(SOON_MS));
        let working = || self.accounts.iter().filter(|(person, _)| self.works(person));
        let staying = working().filter(|(_, account)| ending(account).is_none()).count();
        let too_few = staying < needed(rules);
        let ends = working().filter_map(|(person, account)| {
            let ends = ending(account)?;
            (too_few || ends <= at).then_some(AdministratorsWarning::EndsSoon { person: *person, ends })
        });
        let untried =
            self.recovery.iter().filter(|(_, account)| account.tried.plus_ms(rules.test_every_ms) <= at);
        ends.chain(untried.map(|(number, _)| AdministratorsWarning::TryRecovery { number: *number }))
            .collect()
    }

    fn check(&self, rules: &AdministratorRules) -> Result<(), AdministratorsRefused> {
        let (left, needed) = (self.working(), needed(rules));
        if left < needed {
            return Err(AdministratorsRefused::TooFew { left, needed });
        }
        if self.recovery.is_empty() {
            return Err(AdministratorsRefused::NoRecovery);
        }
        let unowned = self.recovery.iter().find(|(_, account)| account.owners.is_disjoint(&self.leaders));
        if let Some((number, _)) = unowned {
            return Err(AdministratorsRefused::RecoveryWithoutLeader { number: *number });
        }
        match self.recovery.values().any(|account| self.opens_enough(account)) {
            true => Ok(()),
            false => Err(AdministratorsRefused::RecoveryOpensTooLittle),
        }
    }

    fn apply(
        &mut self,
        change: &AdministratorChange,
        by: AskedBy,
        rules: &AdministratorRules,
        at: Timestamp,
    ) -> Result<(), AdministratorsRefused> {
        use AdministratorChange as Change;
        match change {
            Change::Add(person) => return self.add(*person),
            Change::FactorWorked(person, factor) => drop(self.account(*person)?.factors.insert(*factor)),
            Change::RemoveFactor(person, factor) => drop(self.account(*person)?.factors.remove(factor)),
            Change::Suspend(person) => self.account(*person)?.open = false,
            Change::Open(person) => self.account(*person)?.open = true,
            Change::EndAt(person, ends) => self.account(*person)?.ends = *ends,
            Change::Delete(person) => {
                self.accounts.remove(person).ok_or(AdministratorsRefused::NoSuchAccount)?;
            }
            Change::Leads(person)
                if self.leaders.len() >= MOST_ACCOUNTS && !self.leaders.contains(person) =>
            {
                return Err(AdministratorsRefused::TooMany { most: MOST_ACCOUNTS });
            }
            Change::Leads(person) => drop(self.leaders.insert(*person)),
            Change::LeadsNoMore(person) => drop(self.leaders.remove(person)),
            Change::MayAdminister(person)
                if self.posts.len() >= MOST_POSTS && !self.posts.contains(person) =>
            {
                return Err(AdministratorsRefused::TooMany { most: MOST_POSTS });
            }
            Change::MayAdminister(person) => drop(self.posts.insert(*person)),
            Change::MayNotAdminister(person) => drop(self.posts.remove(person)),
            Change::TimePasses => self.end_what_may_end(rules, at),
            // What has held once is not being set up again, not even within this list of changes.
            Change::Restore(backup) => {
                let held_once = self.held_once || backup.held_once;
                *self = Self { held_once, ..(**backup).clone() };
            }
            Change::MakeRecovery(..)
            | Change::OwnRecovery(..)
            | Change::TriedRecovery(_)
            | Change::AskRecovery(..)
            | Change::AgreeRecovery(..)
            | Change::CancelRecovery(_)
            | Change::DeleteRecovery(_) => return self.apply_to_recovery(change, by, at),
        }
        Ok(())
    }

    fn add(&mut self, person: PersonId) -> Result<(), AdministratorsRefused> {
        if self.accounts.len() >= MOST_ACCOUNTS {
            return Err(AdministratorsRefused::TooMany { most: MOST_ACCOUNTS });
        }
        if self.accounts.contains_key(&person) {
            return Err(AdministratorsRefused::NoSuchAccount);
        }
        let account = AdministratorAccount { open: true, ..AdministratorAccount::default() };
        self.accounts.insert(person, account);
        Ok(())
    }

    fn account(&mut self, person: PersonId) -> Result<&mut AdministratorAccount, AdministratorsRefused> {
        self.accounts.get_mut(&person).ok_or(AdministratorsRefused::NoSuchAccount)
    }

    /// Those who end first go first, as long as enough are left.
    fn end_what_may_end(&mut self, rules: &AdministratorRules, at: Timestamp) {
        let mut due: Vec<(Timestamp, PersonId)> = self
            .accounts
            .iter()
            .filter_map(|(person, account)| Some((account.ends.filter(|ends| *ends <= at)?, *person)))
            .collect();
        due.sort();
        for (_, person) in due {
            let needed_here = self.held_once && self.works(&person) && self.working() <= needed(rules);
            if !needed_here && let Some(account) = self.accounts.get_mut(&person) {
                account.open = false;
                account.ends = None;
            }
        }
    }
}

impl AdministratorAccount {
    /// True when it is open to its holder.
    pub fn works(&self) -> bool {
        self.open && !self.factors.is_empty()
    }
}

fn needed(rules: &AdministratorRules) -> usize {
    usize::try_from(rules.at_least).unwrap_or(usize::MAX).max(FEWEST)
}

#[cfg(test)]
mod tests;
