//! Temporary passwords: long, random, short-lived, and never kept.

use crate::{IdentityError, Order, Password, PasswordRule, PersonalWords, Randomness, generate};
use model::Timestamp;

/// A password that was made to be handed over.
#[derive(Clone, Debug)]
pub struct Issued {
    /// What is handed over, once.
    pub password: Password,
    /// From when on it opens nothing.
    pub expires: Option<Timestamp>,
    /// True where another must be chosen at first use. Only the youngest, whose password is made with their teacher, keep
    /// what they are given (clause PWD-4).
    pub must_change: bool,
}

/// Makes the password that somebody is handed by this rule, at this moment.
///
/// # Errors
/// [`IdentityError::NoRandomness`]; [`IdentityError::NothingFits`].
pub fn issue(
    rule: &PasswordRule,
    avoid: &PersonalWords,
    at: Timestamp,
    random: &mut Randomness,
) -> Result<Issued, IdentityError> {
    let password = generate(&Order::temporary(rule, avoid), random)?;
    let keeps = rule.at_most.is_some();
    Ok(Issued { password, expires: (!keeps).then(|| at.plus_ms(rule.temporary_ms)), must_change: !keeps })
}

/// True when a temporary password still opens its account for the one purpose of changing it.
pub fn still_counts(expires: Timestamp, at: Timestamp) -> bool {
    at < expires
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Generator;
    use model::Stage;

    fn rule(at_most: Option<u32>) -> PasswordRule {
        PasswordRule {
            at_least: if at_most.is_some() { 1 } else { 13 },
            at_most,
            encouraged: 17,
            generator: Some(if at_most.is_some() { Generator::WordAndDigits } else { Generator::FourWords }),
            refuse_personal_words: true,
            refuse_common: true,
            temporary_ms: 86_400_000,
            temporary_generator: Generator::FiveWords,
            reader: Stage::Adults,
        }
    }

    #[test]
    fn p9_v6_4_1_it_is_long_random_short_lived_and_must_be_changed() {
        let none = PersonalWords::default();
        let issued = issue(&rule(None), &none, Timestamp(1_000), &mut Randomness::Seeded(1)).unwrap();
        assert!(Generator::FiveWords.bits() >= 64.0);
        assert_eq!(issued.password.reveal().matches('-').count(), 4, "five words");
        assert_eq!((issued.expires, issued.must_change), (Some(Timestamp(86_401_000)), true));
        assert!(still_counts(Timestamp(86_401_000), Timestamp(86_400_999)));
        assert!(!still_counts(Timestamp(86_401_000), Timestamp(86_401_000)));
        assert!(!format!("{issued:?}").contains(issued.password.reveal()));
    }

    #[test]
    fn pwd_4_the_youngest_keep_what_is_made_with_their_teacher() {
        let none = PersonalWords::default();
        let issued = issue(&rule(Some(6)), &none, Timestamp(0), &mut Randomness::Seeded(1)).unwrap();
        assert!(issued.password.reveal().len() <= 6);
        assert_eq!((issued.expires, issued.must_change), (None, false));
    }
}
