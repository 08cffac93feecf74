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
//! different people, each with a factor that has worked, as the policy says, and never fewer than two; at least one
//! recovery account; each recovery account is owned by at least one leader. A date that passes closes no account that is
//! needed: it stays open and is overdue.

use model::{PersonId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};

/// Between a second leader's word and the end of a recovery account.
pub const DELETION_DELAY_MS: i64 = 72 * 3_600_000;
/// An end so near is told before it comes.
const SOON_MS: i64 = 14 * 24 * 3_600_000;
/// The fewest administrators, whatever a policy says.
const FEWEST: usize = 2;
/// The most accounts of each kind: a school has a handful.
const MOST_ACCOUNTS: usize = 1_000;

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
    leaders: BTreeSet<PersonId>,
    held_once: bool,
}

/// What the records say, to go on from.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct AdministratorRecords {
    /// The administrator accounts.
    pub accounts: BTreeMap<PersonId, AdministratorAccount>,
    /// The recovery accounts, by number.
    pub recovery: BTreeMap<u32, RecoveryAccount>,
    /// Who leads.
    pub leaders: BTreeSet<PersonId>,
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

/// A recovery ("break-glass") account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryAccount {
    /// The leaders who keep what opens it.
    pub owners: BTreeSet<PersonId>,
    /// When it was last tried.
    pub tried: Timestamp,
    /// Where leaders want it gone.
    pub deletion: Option<Deletion>,
}

/// Two leaders and a delay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Deletion {
    /// Who asked.
    pub asked_by: PersonId,
    /// Who agreed, and from when on it may be done.
    pub agreed: Option<(PersonId, Timestamp)>,
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
    /// A recovery account is made, by this number, with these owners.
    MakeRecovery(u32, BTreeSet<PersonId>),
    /// A recovery account gets other owners.
    OwnRecovery(u32, BTreeSet<PersonId>),
    /// A recovery account was tried, and worked.
    TriedRecovery(u32),
    /// A leader wants a recovery account gone.
    AskDeletion(u32),
    /// Another leader agrees; the delay begins.
    AgreeDeletion(u32),
    /// Somebody who owns it, or asked, thinks better of it.
    CancelDeletion(u32),
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
    /// Only a leader may do this.
    #[error("expected a leader, found somebody else")]
    NotALeader,
    /// The same leader twice.
    #[error("expected a second leader, found the one who asked")]
    SameLeader,
    /// Nobody asked, or nobody agreed.
    #[error("expected two leaders to have asked for the deletion, found fewer")]
    NotAgreed,
    /// The delay is not over.
    #[error("expected the delay to be over, found that it ends at {until}")]
    TooEarly {
        /// When it is over.
        until: Timestamp,
    },
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
            Self::RecoveryWithoutLeader { .. } => "Name another leader as its owner first.",
            Self::NotALeader => "Ask a senior leader or a trustee: only they can do this.",
            Self::SameLeader => "Ask a second leader to agree.",
            Self::NotAgreed => "Two leaders ask for this, one after the other; then it waits for three days.",
            Self::TooEarly { .. } => "Wait until the three days are over.",
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
        let AdministratorRecords { accounts, recovery, leaders, held_once } = records;
        let mut state = Self { accounts, recovery, leaders, held_once };
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

    /// Who leads.
    pub fn leaders(&self) -> &BTreeSet<PersonId> {
        &self.leaders
    }

    /// How many people can administer.
    pub fn working(&self) -> usize {
        self.accounts.values().filter(|account| account.works()).count()
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
        self.working() >= before.working()
            && self.recovery.len() >= before.recovery.len()
            && unowned(self) <= unowned(before)
    }

    /// What should be seen to at this moment.
    pub fn warnings(&self, rules: &AdministratorRules, at: Timestamp) -> Vec<AdministratorsWarning> {
        let ending =
            |account: &AdministratorAccount| account.ends.filter(|ends| *ends <= at.plus_ms(SOON_MS));
        let staying =
            self.accounts.values().filter(|account| account.works() && ending(account).is_none()).count();
        let too_few = staying < needed(rules);
        let ends =
            self.accounts.iter().filter(|(_, account)| account.works()).filter_map(|(person, account)| {
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
        match unowned {
            Some((number, _)) => Err(AdministratorsRefused::RecoveryWithoutLeader { number: *number }),
            None => Ok(()),
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
            Change::TimePasses => self.end_what_may_end(rules, at),
            // What has held once is not being set up again, not even within this list of changes.
            Change::Restore(backup) => {
                let held_once = self.held_once || backup.held_once;
                *self = Self { held_once, ..(**backup).clone() };
            }
            Change::MakeRecovery(..)
            | Change::OwnRecovery(..)
            | Change::TriedRecovery(_)
            | Change::AskDeletion(_)
            | Change::AgreeDeletion(_)
            | Change::CancelDeletion(_)
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
            let works = self.accounts.get(&person).is_some_and(AdministratorAccount::works);
            let needed_here = self.held_once && works && self.working() <= needed(rules);
            if !needed_here && let Some(account) = self.accounts.get_mut(&person) {
                account.open = false;
                account.ends = None;
            }
        }
    }

    /// What only leaders may do; while the first are set up, whoever sets up.
    fn apply_to_recovery(
        &mut self,
        change: &AdministratorChange,
        by: AskedBy,
        at: Timestamp,
    ) -> Result<(), AdministratorsRefused> {
        use AdministratorChange as Change;
        let leader = match by {
            AskedBy::Person(person) if self.leaders.contains(&person) => Some(person),
            _ => None,
        };
        let leads = leader.is_some() || !self.held_once;
        match change {
            Change::MakeRecovery(number, owners) if leads => {
                if self.recovery.contains_key(number) {
                    return Err(AdministratorsRefused::NoSuchAccount);
                }
                if self.recovery.len() >= MOST_ACCOUNTS || owners.len() > MOST_ACCOUNTS {
                    return Err(AdministratorsRefused::TooMany { most: MOST_ACCOUNTS });
                }
                let made = RecoveryAccount { owners: owners.clone(), tried: at, deletion: None };
                self.recovery.insert(*number, made);
            }
            Change::OwnRecovery(number, owners) if leads && owners.len() <= MOST_ACCOUNTS => {
                self.recovery_account(*number)?.owners = owners.clone();
            }
            Change::TriedRecovery(number) => self.recovery_account(*number)?.tried = at,
            Change::AskDeletion(number) => {
                let asked_by = leader.ok_or(AdministratorsRefused::NotALeader)?;
                self.recovery_account(*number)?.deletion = Some(Deletion { asked_by, agreed: None });
            }
            Change::AgreeDeletion(number) => {
                let leader = leader.ok_or(AdministratorsRefused::NotALeader)?;
                let deletion = &mut self.recovery_account(*number)?.deletion;
                let asked = deletion.as_mut().ok_or(AdministratorsRefused::NotAgreed)?;
                if asked.asked_by == leader {
                    return Err(AdministratorsRefused::SameLeader);
                }
                asked.agreed = Some((leader, at.plus_ms(DELETION_DELAY_MS)));
            }
            Change::CancelDeletion(number) if leads => self.recovery_account(*number)?.deletion = None,
            Change::DeleteRecovery(number) => self.delete_recovery(*number, leader, at)?,
            _ => return Err(AdministratorsRefused::NotALeader),
        }
        Ok(())
    }

    /// Both must still lead when it is done.
    fn delete_recovery(
        &mut self,
        number: u32,
        leader: Option<PersonId>,
        at: Timestamp,
    ) -> Result<(), AdministratorsRefused> {
        leader.ok_or(AdministratorsRefused::NotALeader)?;
        let deletion = self.recovery_account(number)?.deletion.ok_or(AdministratorsRefused::NotAgreed)?;
        let (agreed_by, until) = deletion.agreed.ok_or(AdministratorsRefused::NotAgreed)?;
        let both_lead = [deletion.asked_by, agreed_by].iter().all(|person| self.leaders.contains(person));
        if !both_lead {
            return Err(AdministratorsRefused::NotAgreed);
        }
        if at < until {
            return Err(AdministratorsRefused::TooEarly { until });
        }
        self.recovery.remove(&number);
        Ok(())
    }

    fn recovery_account(&mut self, number: u32) -> Result<&mut RecoveryAccount, AdministratorsRefused> {
        self.recovery.get_mut(&number).ok_or(AdministratorsRefused::NoSuchAccount)
    }
}

impl AdministratorAccount {
    /// True when its holder can administer.
    pub fn works(&self) -> bool {
        self.open && !self.factors.is_empty()
    }
}

fn needed(rules: &AdministratorRules) -> usize {
    usize::try_from(rules.at_least).unwrap_or(usize::MAX).max(FEWEST)
}

#[cfg(test)]
mod tests {
    use super::AdministratorChange as Change;
    use super::*;
    use crate::Randomness;

    const RULES: AdministratorRules = AdministratorRules { at_least: 2, test_every_ms: 95 * 86_400_000 };
    const START: Timestamp = Timestamp(1_000_000);

    fn person(number: u32) -> PersonId {
        PersonId(uuid::Uuid::from_u128(u128::from(number)))
    }

    /// Administrators 1 and 2, leaders 8 and 9, recovery account 1.
    fn set_up() -> Administrators {
        let changes = [
            Change::Leads(person(8)),
            Change::Leads(person(9)),
            Change::Add(person(1)),
            Change::Add(person(2)),
            Change::FactorWorked(person(1), WorkingFactor::Passkey),
            Change::FactorWorked(person(2), WorkingFactor::Totp),
            Change::MakeRecovery(1, BTreeSet::from([person(8)])),
        ];
        Administrators::default().commit(&changes, AskedBy::Program, &RULES, START).unwrap()
    }

    fn refused(state: &Administrators, changes: &[Change], by: AskedBy) -> AdministratorsRefused {
        state.commit(changes, by, &RULES, START).unwrap_err()
    }

    #[test]
    fn set_up_lasts_until_two_with_a_working_factor_and_a_recovery_account_are_there() {
        let mut state = Administrators::default();
        for change in [
            Change::Leads(person(8)),
            Change::Add(person(1)),
            Change::Add(person(2)),
            Change::FactorWorked(person(1), WorkingFactor::Totp),
            Change::MakeRecovery(1, BTreeSet::from([person(8)])),
        ] {
            state = state.commit(&[change], AskedBy::Program, &RULES, START).unwrap();
            assert!(state.setting_up());
        }
        let factor = Change::FactorWorked(person(2), WorkingFactor::Passkey);
        assert!(!state.commit(&[factor], AskedBy::Program, &RULES, START).unwrap().setting_up());
        assert!(!set_up().setting_up());
    }

    #[test]
    fn p7_acc_4_no_way_in_leaves_fewer_than_two() {
        let state = set_up();
        let too_few = AdministratorsRefused::TooFew { left: 1, needed: 2 };
        let one_way_or_another = [
            Change::Delete(person(1)),
            Change::Suspend(person(1)),
            Change::RemoveFactor(person(1), WorkingFactor::Passkey),
        ];
        for change in one_way_or_another {
            for by in [AskedBy::Person(person(2)), AskedBy::Person(person(8)), AskedBy::Program] {
                assert_eq!(refused(&state, std::slice::from_ref(&change), by), too_few, "{change:?}");
            }
        }
        let swap = [
            Change::Add(person(3)),
            Change::FactorWorked(person(3), WorkingFactor::Totp),
            Change::Delete(person(1)),
        ];
        assert!(state.commit(&swap, AskedBy::Program, &RULES, START).is_ok(), "one for the other, at once");
        let before_the_set_up = Change::Restore(Box::default());
        assert!(matches!(
            refused(&state, &[before_the_set_up], AskedBy::Program),
            AdministratorsRefused::TooFew { .. }
        ));
        let stricter = AdministratorRules { at_least: 3, ..RULES };
        let harmless = [Change::FactorWorked(person(1), WorkingFactor::Totp)];
        assert!(state.commit(&harmless, AskedBy::Program, &stricter, START).is_ok(), "no worse");
        let third = [Change::Add(person(3))];
        assert!(state.commit(&third, AskedBy::Program, &stricter, START).is_ok(), "on the way to three");
        let worse = [Change::Suspend(person(1))];
        assert!(state.commit(&worse, AskedBy::Program, &stricter, START).is_err());
        assert!(!too_few.way_out().is_empty());
    }

    #[test]
    fn the_clock_ends_what_may_end_and_what_is_needed_is_overdue() {
        let three = [Change::Add(person(3)), Change::FactorWorked(person(3), WorkingFactor::Totp)];
        let mut state = set_up().commit(&three, AskedBy::Program, &RULES, START).unwrap();
        for number in [1, 2, 3] {
            let ends = Change::EndAt(person(number), Some(START.plus_ms(i64::from(number) * 1_000)));
            state = state.commit(&[ends], AskedBy::Program, &RULES, START).unwrap();
        }
        assert_eq!(state.warnings(&RULES, START).len(), 3, "all end soon");
        let later = START.plus_ms(10_000);
        let after = state.commit(&[Change::TimePasses], AskedBy::Program, &RULES, later).unwrap();
        assert_eq!(after.working(), 2);
        assert!(!after.accounts()[&person(1)].open && after.accounts()[&person(3)].open);
        assert_eq!(after.warnings(&RULES, later).len(), 2, "both that are left are overdue");
    }

    #[test]
    fn acc_5_only_two_leaders_and_three_days_take_a_recovery_account_away_and_never_the_last() {
        let (eight, nine) = (AskedBy::Person(person(8)), AskedBy::Person(person(9)));
        let second = [Change::MakeRecovery(2, BTreeSet::from([person(9)]))];
        assert_eq!(
            refused(&set_up(), &second, AskedBy::Person(person(1))),
            AdministratorsRefused::NotALeader
        );
        let state = set_up().commit(&second, nine, &RULES, START).unwrap();
        for by in [AskedBy::Person(person(1)), AskedBy::Program] {
            for change in
                [Change::AskDeletion(1), Change::DeleteRecovery(1), Change::OwnRecovery(1, BTreeSet::new())]
            {
                assert_eq!(refused(&state, &[change], by), AdministratorsRefused::NotALeader);
            }
        }
        assert_eq!(refused(&state, &[Change::DeleteRecovery(1)], eight), AdministratorsRefused::NotAgreed);
        let asked = state.commit(&[Change::AskDeletion(1)], eight, &RULES, START).unwrap();
        assert_eq!(refused(&asked, &[Change::AgreeDeletion(1)], eight), AdministratorsRefused::SameLeader);
        let agreed = asked.commit(&[Change::AgreeDeletion(1)], nine, &RULES, START).unwrap();
        let until = START.plus_ms(DELETION_DELAY_MS);
        assert_eq!(
            refused(&agreed, &[Change::DeleteRecovery(1)], nine),
            AdministratorsRefused::TooEarly { until }
        );
        let gone = agreed.commit(&[Change::DeleteRecovery(1)], nine, &RULES, until).unwrap();
        assert_eq!(gone.recovery().len(), 1);
        let no_leader_any_more = agreed
            .commit(
                &[
                    Change::Leads(person(7)),
                    Change::OwnRecovery(1, BTreeSet::from([person(7)])),
                    Change::LeadsNoMore(person(8)),
                ],
                nine,
                &RULES,
                START,
            )
            .unwrap();
        let told = no_leader_any_more.commit(&[Change::DeleteRecovery(1)], nine, &RULES, until).unwrap_err();
        assert_eq!(told, AdministratorsRefused::NotAgreed);
        let last = set_up().commit(&[Change::AskDeletion(1)], eight, &RULES, START).unwrap();
        let last = last.commit(&[Change::AgreeDeletion(1)], nine, &RULES, START).unwrap();
        assert_eq!(
            last.commit(&[Change::DeleteRecovery(1)], nine, &RULES, until),
            Err(AdministratorsRefused::NoRecovery)
        );
    }

    #[test]
    fn a_recovery_account_keeps_an_owner_who_leads_and_is_tried_in_time() {
        let state = set_up();
        let told = refused(&state, &[Change::LeadsNoMore(person(8))], AskedBy::Program);
        assert_eq!(told, AdministratorsRefused::RecoveryWithoutLeader { number: 1 });
        let late = START.plus_ms(RULES.test_every_ms);
        assert_eq!(state.warnings(&RULES, late), [AdministratorsWarning::TryRecovery { number: 1 }]);
        let tried =
            state.commit(&[Change::TriedRecovery(1)], AskedBy::Person(person(8)), &RULES, late).unwrap();
        assert_eq!(tried.warnings(&RULES, late), []);
    }

    /// What must be so, told in another way than the code does.
    fn is_sound(state: &Administrators) -> bool {
        let able: Vec<_> = state
            .accounts
            .iter()
            .filter(|(_, account)| account.open && !account.factors.is_empty())
            .collect();
        let owned = state
            .recovery
            .values()
            .all(|account| account.owners.iter().any(|owner| state.leaders.contains(owner)));
        able.len() >= 2 && !state.recovery.is_empty() && owned
    }

    fn any_change(random: &mut Randomness, backups: &[Administrators], at: Timestamp) -> Change {
        let mut below = |limit| random.below(limit).unwrap();
        let (who, number) = (person(below(6)), below(3));
        let factor = if below(2) == 0 { WorkingFactor::Passkey } else { WorkingFactor::Totp };
        let owners = (0..below(3)).map(|_| person(below(6))).collect();
        match below(19) {
            0 | 1 => Change::Add(who),
            2 | 3 => Change::FactorWorked(who, factor),
            4 => Change::RemoveFactor(who, factor),
            5 => Change::Suspend(who),
            6 => Change::Open(who),
            7 => Change::EndAt(who, Some(at.plus_ms(i64::from(below(100_000_000))))),
            8 => Change::EndAt(who, None),
            9 => Change::Delete(who),
            10 => Change::Leads(who),
            11 => Change::LeadsNoMore(who),
            12 => Change::MakeRecovery(number, owners),
            13 => Change::OwnRecovery(number, owners),
            14 => Change::AskDeletion(number),
            15 => Change::AgreeDeletion(number),
            16 => Change::DeleteRecovery(number),
            17 => Change::TimePasses,
            _ => {
                let index = below(u32::try_from(backups.len()).unwrap());
                Change::Restore(Box::new(backups[index as usize].clone()))
            }
        }
    }

    /// 20,000 batches of changes as usual, a million where `SCHOOLGATE_LONG` is 1.
    #[test]
    fn no_batch_from_anybody_at_any_time_breaks_what_has_held_once() {
        let long = std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1");
        let steps = if long { 1_000_000 } else { 20_000 };
        let mut random = Randomness::Seeded(2026);
        let (mut state, mut at, mut backups) =
            (Administrators::default(), START, vec![Administrators::default()]);
        let (mut committed, mut turned_away, mut deleted) = (0u32, 0u32, 0u32);
        for step in 0..steps {
            at = at.plus_ms(i64::from(random.below(20_000_000).unwrap()));
            let count = 1 + random.below(4).unwrap();
            let changes: Vec<Change> = (0..count).map(|_| any_change(&mut random, &backups, at)).collect();
            let by = match random.below(7).unwrap() {
                6 => AskedBy::Program,
                number => AskedBy::Person(person(number)),
            };
            match state.commit(&changes, by, &RULES, at) {
                Ok(after) => {
                    assert!(
                        state.setting_up() || is_sound(&after),
                        "step {step}: {changes:?} made {after:?}"
                    );
                    assert_eq!(after.setting_up(), state.setting_up() && !is_sound(&after), "step {step}");
                    deleted += u32::from(after.recovery.len() < state.recovery.len());
                    state = after;
                    committed += 1;
                }
                Err(_) => turned_away += 1,
            }
            if step % 97 == 0 && backups.len() < 50 {
                backups.push(state.clone());
            }
        }
        assert!(
            !state.setting_up() && committed > 1_000 && turned_away > 1_000 && deleted > 0,
            "{committed} {turned_away} {deleted}"
        );
    }
}
