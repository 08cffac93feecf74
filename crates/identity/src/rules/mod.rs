//! Which passwords somebody may choose: the policy's figures become one rule for one person, and the rule judges.
//!
//! Left out on purpose: rules of composition (so many capitals, so many digits) and expiry, which NIST SP 800-63B-4 3.1.1.2
//! and the NCSC advise against; and measuring strength by guesswork, since length, the list of common ones and the patterns
//! here refuse what it would.
//!
//! Invariants: a password is looked at in Unicode's normal form C and never changed; one reason comes back, the cheapest
//! that was found; what is refused is never kept or printed.

mod common;
mod patterns;
mod personal;
mod used;

pub use common::{CommonPasswords, PwnedRange, looks_pwned};
pub use personal::{BirthDate, PersonalFacts, PersonalWords};
pub use used::{SecretFingerprint, fingerprint};

use crate::{Generator, Password};
use model::{Affiliation, Role, Stage, YearGroup};

/// A phase of school, by which learners' rules grow.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Phase {
    /// Nursery and reception.
    EarlyYears,
    /// Years 1 and 2.
    Ks1,
    /// Years 3 and 4.
    LowerKs2,
    /// Years 5 and 6.
    UpperKs2,
    /// Years 7 to 9.
    Ks3,
    /// Years 10 and 11.
    Ks4,
    /// Years 12 and 13.
    SixthForm,
}

impl Phase {
    /// Every phase, youngest first.
    pub const ALL: [Self; 7] =
        [Self::EarlyYears, Self::Ks1, Self::LowerKs2, Self::UpperKs2, Self::Ks3, Self::Ks4, Self::SixthForm];

    /// The phase of a year group.
    pub fn of(year: YearGroup) -> Self {
        match year.number() {
            ..=0 => Self::EarlyYears,
            1..=2 => Self::Ks1,
            3..=4 => Self::LowerKs2,
            5..=6 => Self::UpperKs2,
            7..=9 => Self::Ks3,
            10..=11 => Self::Ks4,
            _ => Self::SixthForm,
        }
    }

    /// True for the phases whose passwords are short and plain, and may be kept for the child.
    pub fn is_youngest(self) -> bool {
        self <= Self::Ks1
    }
}

/// What the policy says of passwords.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PasswordPolicy {
    /// A person's own names, login, school and birth date are refused in it.
    pub refuse_personal_words: bool,
    /// Common and breached ones are refused.
    pub refuse_common: bool,
    /// Early years and Key Stage 1; where it is missing, these children have a badge and no password.
    pub youngest: Option<YoungestRule>,
    /// The other learners. A phase without a line takes that of the nearest younger one.
    pub learners: Vec<LearnerRule>,
    /// Staff, governors and visitors.
    pub adults: AdultRule,
    /// Administrators and the recovery account.
    pub administrators: AdultRule,
    /// Temporary passwords.
    pub temporary: TemporaryRule,
}

/// Early years and Key Stage 1.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct YoungestRule {
    /// How one is made; `None`: a badge and no password.
    pub generator: Option<Generator>,
    /// The most characters.
    pub at_most: u32,
}

/// Learners of a phase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LearnerRule {
    /// The phase.
    pub phase: Phase,
    /// How one is made; `None`: a badge and no password.
    pub generator: Option<Generator>,
    /// The fewest characters.
    pub at_least: u32,
}

/// Adults.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AdultRule {
    /// How one is made; `None`: a badge and no password.
    pub generator: Option<Generator>,
    /// The fewest characters.
    pub at_least: u32,
    /// The length that people are encouraged to use.
    pub encouraged: u32,
}

/// Temporary passwords: what is handed over once and must be changed at first use.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TemporaryRule {
    /// How one is made; a badge makes none, and five words are taken instead.
    pub generator: Option<Generator>,
    /// How long one works for adults.
    pub adult_ms: i64,
    /// How long one works for learners.
    pub learner_ms: i64,
}

/// Whose password is judged.
#[derive(Clone, Copy, Debug)]
pub struct PasswordHolder<'a> {
    /// What they are, where.
    pub affiliations: &'a [Affiliation],
    /// Which of their accounts it is.
    pub account: AccountRank,
}

/// What an account may do, as far as its password is concerned.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountRank {
    /// An everyday account, or a visitor's.
    Everyday,
    /// An administrator's account, or the recovery ("break-glass") account.
    Administrator,
}

/// The rule for one person's account: the strongest of those that fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PasswordRule {
    /// The fewest characters (Unicode code points).
    pub at_least: u32,
    /// The most characters, where the youngest are asked for so few.
    pub at_most: Option<u32>,
    /// The length that is encouraged; the least where none is.
    pub encouraged: u32,
    /// How one is made for them; `None`: a badge and no password.
    pub generator: Option<Generator>,
    /// Whether personal words are refused.
    pub refuse_personal_words: bool,
    /// Whether common ones are refused. Never asked of the youngest, whose six characters are all common.
    pub refuse_common: bool,
    /// How long a temporary one works.
    pub temporary_ms: i64,
    /// How a temporary one is made.
    pub temporary_generator: Generator,
    /// Whose words a refusal is said in.
    pub reader: Stage,
}

/// What a password is compared with, beside the rule itself.
#[derive(Clone, Copy, Debug)]
pub struct Against<'a> {
    /// What is known of the person.
    pub personal: &'a PersonalWords,
    /// The fingerprints of their other accounts' passwords and of this one's earlier ones.
    pub used: &'a [SecretFingerprint],
    /// The fingerprint of the one that is judged.
    pub own: SecretFingerprint,
}

/// A password that may be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// True where a longer one would be better, and the page may say so.
    pub longer_is_encouraged: bool,
}

/// Why a password may not be used: the first reason found, cheapest first.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Refusal {
    /// Too few characters.
    TooShort {
        /// The fewest.
        at_least: u32,
    },
    /// Too many for the youngest.
    TooLong {
        /// The most.
        at_most: u32,
    },
    /// Nothing but spaces.
    Blank,
    /// A name, the login, the school or a birthday is in it.
    Personal,
    /// Keys side by side, letters in order, or the same again and again.
    Pattern,
    /// On the list of common and breached ones.
    Common,
    /// Theirs already, on another account or before.
    Used,
}

impl PasswordPolicy {
    /// The rule for an account: the strongest of those for everything that its holder is. Somebody who is nothing
    /// anywhere is an adult.
    pub fn rule_for(&self, holder: &PasswordHolder<'_>) -> PasswordRule {
        if holder.account == AccountRank::Administrator {
            return self.adult(self.administrators);
        }
        let rules =
            holder.affiliations.iter().map(|affiliation| match (affiliation.role, affiliation.year) {
                (Role::Learner, Some(year)) => self.learner(Phase::of(year)),
                (Role::Learner, None) => self.learner(Phase::SixthForm),
                _ => self.adult(self.adults),
            });
        rules
            .max_by_key(|rule| (rule.at_most.is_none(), rule.at_least))
            .unwrap_or_else(|| self.adult(self.adults))
    }

    fn adult(&self, rule: AdultRule) -> PasswordRule {
        PasswordRule {
            at_least: rule.at_least,
            at_most: None,
            encouraged: rule.encouraged.max(rule.at_least),
            generator: rule.generator,
            refuse_personal_words: self.refuse_personal_words,
            refuse_common: self.refuse_common,
            temporary_ms: self.temporary.adult_ms,
            temporary_generator: self.temporary_generator(),
            reader: Stage::Adults,
        }
    }

    fn learner(&self, phase: Phase) -> PasswordRule {
        let own = self.learners.iter().filter(|rule| rule.phase <= phase).max_by_key(|rule| rule.phase);
        let youngest = self.youngest.filter(|_| phase.is_youngest());
        let shared = PasswordRule {
            at_least: own.map_or(self.adults.at_least, |rule| rule.at_least),
            at_most: None,
            encouraged: own.map_or(self.adults.encouraged, |rule| rule.at_least),
            generator: own.map_or(self.adults.generator, |rule| rule.generator),
            temporary_ms: self.temporary.learner_ms,
            // Words that a child knows (clause PWD-11); it is short-lived, and six wrong ones lock.
            temporary_generator: Generator::ThreeWords,
            reader: stage_of(phase),
            ..self.adult(self.adults)
        };
        match youngest {
            Some(rule) => PasswordRule {
                at_least: 1,
                at_most: Some(rule.at_most),
                encouraged: 1,
                generator: rule.generator,
                refuse_common: false,
                ..shared
            },
            None if phase.is_youngest() => PasswordRule { generator: None, ..shared },
            None => shared,
        }
    }

    fn temporary_generator(&self) -> Generator {
        self.temporary.generator.unwrap_or(Generator::FiveWords)
    }
}

fn stage_of(phase: Phase) -> Stage {
    match phase {
        Phase::EarlyYears | Phase::Ks1 => Stage::Infants,
        Phase::LowerKs2 | Phase::UpperKs2 => Stage::Juniors,
        Phase::Ks3 | Phase::Ks4 | Phase::SixthForm => Stage::Secondary,
    }
}

impl PasswordRule {
    /// Judges a password: length, personal words, patterns, common ones, used ones, in this order, since each costs more
    /// than the one before it.
    ///
    /// # Errors
    /// The one [`Refusal`] to tell.
    pub fn judge(&self, password: &Password, against: &Against<'_>) -> Result<Accepted, Refusal> {
        let text = password.reveal();
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        if text.trim().is_empty() {
            return Err(Refusal::Blank);
        }
        if length < self.at_least {
            return Err(Refusal::TooShort { at_least: self.at_least });
        }
        if let Some(at_most) = self.at_most.filter(|at_most| length > *at_most) {
            return Err(Refusal::TooLong { at_most });
        }
        if self.refuse_personal_words && against.personal.are_in(text) {
            return Err(Refusal::Personal);
        }
        if self.at_most.is_none() && patterns::left_over(text) < self.at_least.div_ceil(2) {
            return Err(Refusal::Pattern);
        }
        if self.refuse_common && CommonPasswords::shipped().hold(text) {
            return Err(Refusal::Common);
        }
        if against.used.contains(&against.own) {
            return Err(Refusal::Used);
        }
        Ok(Accepted { longer_is_encouraged: length < self.encouraged })
    }
}

impl Refusal {
    /// One kind sentence that says what to do instead.
    pub fn sentence(self, reader: Stage) -> String {
        let is_child = matches!(reader, Stage::Infants | Stage::Juniors);
        match self {
            Self::TooShort { at_least } if is_child => {
                format!(
                    "Nearly there: make it at least {at_least} letters long, like two or three words together."
                )
            }
            Self::TooShort { at_least } => {
                format!(
                    "Please use at least {at_least} characters; a few words that have nothing to do with each other are easy to remember."
                )
            }
            Self::TooLong { at_most } => {
                format!("Please make it {at_most} characters or fewer, so that it is easy to type.")
            }
            Self::Blank => "Please type some letters, not only spaces.".to_owned(),
            Self::Personal if is_child => {
                "Please leave out your name, your school and your birthday: other people know them."
                    .to_owned()
            }
            Self::Personal => {
                "Please leave out names, your user name, your school and your birthday, which other people \
                               know or can find out."
                    .to_owned()
            }
            Self::Pattern if is_child => {
                "Please choose words, not keys in a row or the same thing over and over.".to_owned()
            }
            Self::Pattern => {
                "Please choose something less regular than keys in a row or the same thing again and again."
                    .to_owned()
            }
            Self::Common if is_child => {
                "Lots of people use that one, so it is easy to guess: please think of another.".to_owned()
            }
            Self::Common => {
                "Please choose another: that one is on the list of passwords that many people have used, and \
                             is tried first by whoever guesses."
                    .to_owned()
            }
            Self::Used if is_child => "You have used that one before: please think of a new one.".to_owned(),
            Self::Used => {
                "Please choose one that you have not used here before, on this or another account.".to_owned()
            }
        }
    }
}

#[cfg(test)]
mod tests;
