//! Recovery accounts within the rule on administrators: two leaders want something of one, and after a delay it is done.
//!
//! Invariants: from the moment that the rule has held, none is made, taken away or given other owners in any other way; what
//! is done is what both saw, by one of the two, within two weeks of the day from which on it may be done.

use super::{AdministratorChange, Administrators, AdministratorsRefused, AskedBy, MOST_ACCOUNTS};
use model::{PersonId, Timestamp};
use std::collections::BTreeSet;

/// Between a second leader's word and what it is about.
pub const RECOVERY_DELAY_MS: i64 = 72 * 3_600_000;

/// For how long it may be done from then on. What nobody did by then has lapsed.
pub const RECOVERY_OPEN_MS: i64 = 14 * 24 * 3_600_000;

/// A recovery ("break-glass") account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryAccount {
    /// For whom it stands: it opens what their posts let them do.
    pub stands_for: PersonId,
    /// The leaders who keep what opens it.
    pub owners: BTreeSet<PersonId>,
    /// When it was last tried, or made.
    pub tried: Timestamp,
}

/// What leaders want of a recovery account: two of them, and a delay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RecoveryWish {
    /// What.
    pub want: RecoveryWant,
    /// When it was asked for: whoever agrees names it, and so agrees to nothing else.
    pub asked: Timestamp,
    /// Who asked.
    pub asked_by: PersonId,
    /// Who agreed, and from when on it may be done.
    pub agreed: Option<(PersonId, Timestamp)>,
}

/// What is wanted of a recovery account.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RecoveryWant {
    /// It goes.
    Deletion,
    /// It gets these owners.
    Owners(BTreeSet<PersonId>),
    /// It is made, with these owners.
    Another(BTreeSet<PersonId>),
}

impl RecoveryWish {
    /// When it lapses, or has lapsed; `None` where nobody agreed yet.
    pub fn lapses(&self) -> Option<Timestamp> {
        self.agreed.map(|(_, until)| until.plus_ms(RECOVERY_OPEN_MS))
    }

    /// True where it has lapsed: as if nobody had asked.
    pub fn has_lapsed(&self, at: Timestamp) -> bool {
        self.lapses().is_some_and(|lapses| lapses <= at)
    }

    /// Whether this leader may do it at that time, as long as both who wanted it lead.
    ///
    /// # Errors
    /// Why not: nobody agreed, they are neither of the two, it is too early, or it has lapsed.
    pub fn may_be_done(&self, by: PersonId, at: Timestamp) -> Result<(), AdministratorsRefused> {
        let (agreed_by, until) = self.agreed.ok_or(AdministratorsRefused::NotAgreed)?;
        if ![self.asked_by, agreed_by].contains(&by) {
            return Err(AdministratorsRefused::NotOneOfTheTwo);
        }
        if at < until {
            return Err(AdministratorsRefused::TooEarly { until });
        }
        if self.has_lapsed(at) { Err(AdministratorsRefused::Lapsed) } else { Ok(()) }
    }
}

impl Administrators {
    /// What only leaders may do; while the first are set up, whoever sets up.
    pub(super) fn apply_to_recovery(
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
        match change {
            Change::TriedRecovery(number) => self.recovery_account(*number)?.tried = at,
            Change::MakeRecovery(number, stands_for, owners) => {
                if self.held_once {
                    self.carry_out(*number, &RecoveryWant::Another(owners.clone()), leader, at)?;
                }
                let account = RecoveryAccount { stands_for: *stands_for, owners: owners.clone(), tried: at };
                self.make_recovery(*number, account)?;
            }
            Change::OwnRecovery(number, stands_for, owners) => {
                self.recovery_account(*number)?;
                if self.held_once {
                    self.carry_out(*number, &RecoveryWant::Owners(owners.clone()), leader, at)?;
                }
                must_own(*stands_for, owners)?;
                let account = self.recovery_account(*number)?;
                account.stands_for = *stands_for;
                account.owners.clone_from(owners);
            }
            Change::DeleteRecovery(number) => {
                self.recovery_account(*number)?;
                self.carry_out(*number, &RecoveryWant::Deletion, leader, at)?;
                self.recovery.remove(number);
            }
            Change::AskRecovery(number, want) => {
                let asked_by = leader.ok_or(AdministratorsRefused::NotALeader)?;
                self.may_be_asked(*number, want, at)?;
                let wish = RecoveryWish { want: want.clone(), asked: at, asked_by, agreed: None };
                self.wishes.insert(*number, wish);
            }
            Change::AgreeRecovery(number, asked) => {
                let leader = leader.ok_or(AdministratorsRefused::NotALeader)?;
                let wish = self.wishes.get_mut(number).ok_or(AdministratorsRefused::NotAgreed)?;
                if wish.asked != *asked {
                    return Err(AdministratorsRefused::NoSuchAccount);
                }
                if wish.asked_by == leader {
                    return Err(AdministratorsRefused::SameLeader);
                }
                // Nobody puts themselves in the place of whoever agreed, or gives what has lapsed another two weeks.
                if wish.agreed.is_some() {
                    return Err(AdministratorsRefused::AgreedAlready);
                }
                wish.agreed = Some((leader, at.plus_ms(RECOVERY_DELAY_MS)));
            }
            Change::CancelRecovery(number) if leader.is_some() || !self.held_once => {
                self.wishes.remove(number);
            }
            _ => return Err(AdministratorsRefused::NotALeader),
        }
        Ok(())
    }

    fn make_recovery(&mut self, number: u32, account: RecoveryAccount) -> Result<(), AdministratorsRefused> {
        must_own(account.stands_for, &account.owners)?;
        if self.recovery.contains_key(&number) {
            return Err(AdministratorsRefused::NoSuchAccount);
        }
        if self.recovery.len() >= MOST_ACCOUNTS || account.owners.len() > MOST_ACCOUNTS {
            return Err(AdministratorsRefused::TooMany { most: MOST_ACCOUNTS });
        }
        self.recovery.insert(number, account);
        Ok(())
    }

    /// One thing at a time, of an account that fits it, and with owners one of whom leads.
    fn may_be_asked(
        &self,
        number: u32,
        want: &RecoveryWant,
        at: Timestamp,
    ) -> Result<(), AdministratorsRefused> {
        if self.wishes.get(&number).is_some_and(|wish| !wish.has_lapsed(at)) {
            return Err(AdministratorsRefused::AskedAlready);
        }
        let (is_new, owners) = match want {
            RecoveryWant::Deletion => (false, None),
            RecoveryWant::Owners(owners) => (false, Some(owners)),
            RecoveryWant::Another(owners) => (true, Some(owners)),
        };
        if self.recovery.contains_key(&number) == is_new {
            return Err(AdministratorsRefused::NoSuchAccount);
        }
        if owners.is_some_and(|owners| owners.is_disjoint(&self.leaders)) {
            return Err(AdministratorsRefused::RecoveryWithoutLeader { number });
        }
        if self.wishes.len() >= MOST_ACCOUNTS || owners.is_some_and(|owners| owners.len() > MOST_ACCOUNTS) {
            return Err(AdministratorsRefused::TooMany { most: MOST_ACCOUNTS });
        }
        Ok(())
    }

    /// One of the two leaders who wanted it does it, after the delay and before it lapses. Both must still lead; then the
    /// wish is fulfilled.
    fn carry_out(
        &mut self,
        number: u32,
        want: &RecoveryWant,
        leader: Option<PersonId>,
        at: Timestamp,
    ) -> Result<(), AdministratorsRefused> {
        let leader = leader.ok_or(AdministratorsRefused::NotALeader)?;
        let wish = self.wishes.get(&number).filter(|wish| wish.want == *want);
        let wish = wish.ok_or(AdministratorsRefused::NotAgreed)?;
        let (agreed_by, _) = wish.agreed.ok_or(AdministratorsRefused::NotAgreed)?;
        let both_lead = [wish.asked_by, agreed_by].iter().all(|person| self.leaders.contains(person));
        if !both_lead {
            return Err(AdministratorsRefused::NotAgreed);
        }
        wish.may_be_done(leader, at)?;
        self.wishes.remove(&number);
        Ok(())
    }

    fn recovery_account(&mut self, number: u32) -> Result<&mut RecoveryAccount, AdministratorsRefused> {
        self.recovery.get_mut(&number).ok_or(AdministratorsRefused::NoSuchAccount)
    }
}

/// A recovery account stands for one of those who keep what opens it.
fn must_own(stands_for: PersonId, owners: &BTreeSet<PersonId>) -> Result<(), AdministratorsRefused> {
    if owners.contains(&stands_for) { Ok(()) } else { Err(AdministratorsRefused::NoSuchAccount) }
}
