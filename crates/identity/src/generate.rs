//! Passwords made for people: words that a child can read, figures that nobody mistakes, and for machines' hands random
//! characters.
//!
//! Left out on purpose: which generator a person has; that is [`crate::PasswordRule`]'s.
//!
//! Invariants: nothing rude, nobody's own name; each possible password of an order is as likely as any other; what is made is
//! wiped from memory when it is dropped.

use crate::{IdentityError, Password, PasswordRule, PersonalWords, Randomness};
use std::sync::OnceLock;
use zeroize::Zeroizing;

/// Small words of three and four letters, for the youngest.
static SHORT: &str = include_str!("../assets/built/words-short.txt");
/// Words that a child of nine knows.
static CHILD: &str = include_str!("../assets/built/words-child.txt");
/// Words for everybody older.
static LONG: &str = include_str!("../assets/built/words-long.txt");
/// Figures that look like no letter.
const DIGITS: [char; 8] = ['2', '3', '4', '5', '6', '7', '8', '9'];
/// Letters and figures, without those that look like others.
const CHARACTERS: &str = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz23456789";
/// Tries to make one that fits; a fit is rarely further than the third.
const MOST_TRIES: u32 = 1_000;

/// How a password is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Generator {
    /// A short word and two digits, at most six characters: `hat42`.
    WordAndDigits,
    /// Two words a child knows and a digit: `otter-lemon7`.
    TwoWordsAndDigit,
    /// Three words a child knows: `otter-lemon-spring`.
    ThreeWords,
    /// Four unconnected words.
    FourWords,
    /// Five unconnected words.
    FiveWords,
    /// Six unconnected words.
    SixWords,
    /// Twenty random characters, none of which looks like another.
    Random20,
}

impl Generator {
    /// Every generator, weakest first.
    pub const ALL: [Self; 7] = [
        Self::WordAndDigits,
        Self::TwoWordsAndDigit,
        Self::ThreeWords,
        Self::FourWords,
        Self::FiveWords,
        Self::SixWords,
        Self::Random20,
    ];

    /// The logarithm of how many different passwords it makes, to base 2: what somebody must guess who knows how it works.
    pub fn bits(self) -> f64 {
        let of = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX)).log2();
        let (lists, digit) = (lists(), of(DIGITS.len()));
        match self {
            Self::WordAndDigits => of(lists.short.len()) + 2.0 * digit,
            Self::TwoWordsAndDigit => 2.0 * of(lists.child.len()) + digit,
            Self::ThreeWords => 3.0 * of(lists.child.len()),
            Self::FourWords => 4.0 * of(lists.long.len()),
            Self::FiveWords => 5.0 * of(lists.long.len()),
            Self::SixWords => 6.0 * of(lists.long.len()),
            Self::Random20 => 20.0 * of(CHARACTERS.len()),
        }
    }

    fn draw(self, random: &mut Randomness) -> Result<Zeroizing<String>, IdentityError> {
        let lists = lists();
        match self {
            Self::WordAndDigits => {
                let word = random.one_of(&lists.short)?;
                let (tens, ones) = (random.one_of(&DIGITS)?, random.one_of(&DIGITS)?);
                Ok(Zeroizing::new(format!("{word}{tens}{ones}")))
            }
            Self::TwoWordsAndDigit => {
                let mut text = words(&lists.child, 2, random)?;
                text.push(*random.one_of(&DIGITS)?);
                Ok(text)
            }
            Self::ThreeWords => words(&lists.child, 3, random),
            Self::FourWords => words(&lists.long, 4, random),
            Self::FiveWords => words(&lists.long, 5, random),
            Self::SixWords => words(&lists.long, 6, random),
            Self::Random20 => {
                let characters: Vec<char> = CHARACTERS.chars().collect();
                let mut text = Zeroizing::new(String::with_capacity(20));
                for _ in 0..20 {
                    text.push(*random.one_of(&characters)?);
                }
                Ok(text)
            }
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Order<'a> {
    /// How it is made.
    pub generator: Generator,
    /// The fewest characters; drawn again until it has them.
    pub at_least: u32,
    /// The most characters, where there is a most.
    pub at_most: Option<u32>,
    /// What may not be in it.
    pub avoid: &'a PersonalWords,
}

impl<'a> Order<'a> {
    /// A password that its holder may keep: as long as is encouraged. `None` where they have a badge and no password.
    pub fn for_rule(rule: &PasswordRule, avoid: &'a PersonalWords) -> Option<Self> {
        let at_least = rule.encouraged.max(rule.at_least);
        Some(Self { generator: rule.generator?, at_least, at_most: rule.at_most, avoid })
    }

    /// A temporary one. The youngest have none: theirs is made with their teacher and kept (clause PWD-4), so they are given
    /// a new one of their own.
    pub fn temporary(rule: &PasswordRule, avoid: &'a PersonalWords) -> Self {
        match rule.at_most {
            Some(_) => Self {
                generator: rule.generator.unwrap_or(Generator::WordAndDigits),
                at_least: 1,
                at_most: rule.at_most,
                avoid,
            },
            None => {
                Self { generator: rule.temporary_generator, at_least: rule.at_least, at_most: None, avoid }
            }
        }
    }
}

/// Makes a password.
///
/// # Errors
/// [`IdentityError::NoRandomness`]; [`IdentityError::NothingFits`] where the bounds leave no password of this kind.
pub fn generate(order: &Order<'_>, random: &mut Randomness) -> Result<Password, IdentityError> {
    for _ in 0..MOST_TRIES {
        let text = order.generator.draw(random)?;
        let length = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
        let fits = length >= order.at_least && order.at_most.is_none_or(|at_most| length <= at_most);
        if fits && !order.avoid.are_in(&text) {
            return Password::new(&text);
        }
    }
    Err(IdentityError::NothingFits { at_least: order.at_least, at_most: order.at_most })
}

struct Lists {
    short: Vec<&'static str>,
    child: Vec<&'static str>,
    long: Vec<&'static str>,
}

fn lists() -> &'static Lists {
    static LISTS: OnceLock<Lists> = OnceLock::new();
    let list = |text: &'static str| text.lines().filter(|line| !line.is_empty()).collect();
    LISTS.get_or_init(|| Lists { short: list(SHORT), child: list(CHILD), long: list(LONG) })
}

fn words(list: &[&str], count: usize, random: &mut Randomness) -> Result<Zeroizing<String>, IdentityError> {
    let mut text = Zeroizing::new(String::with_capacity(count * 10));
    for number in 0..count {
        if number > 0 {
            text.push('-');
        }
        text.push_str(random.one_of(list)?);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PersonalFacts;
    use std::collections::BTreeSet;

    fn order(generator: Generator, avoid: &PersonalWords) -> Order<'_> {
        Order { generator, at_least: 1, at_most: None, avoid }
    }

    #[test]
    fn each_generator_has_the_bits_that_its_list_gives() {
        for (generator, least, most) in [
            (Generator::WordAndDigits, 14.5, 15.0),
            (Generator::TwoWordsAndDigit, 25.0, 26.0),
            (Generator::ThreeWords, 33.0, 34.0),
            (Generator::FourWords, 51.5, 51.7),
            (Generator::FiveWords, 64.4, 64.6),
            (Generator::SixWords, 77.2, 77.6),
            (Generator::Random20, 115.0, 117.0),
        ] {
            let bits = generator.bits();
            assert!((least..most).contains(&bits), "{generator:?}: {bits}");
        }
    }

    #[test]
    fn what_is_drawn_is_spread_as_its_bits_say() {
        // By the birthday rule 3,000 draws of 2^15 things hold about 134 pairs.
        let (none, mut random) = (PersonalWords::default(), Randomness::Seeded(11));
        let draws = 3_000u32;
        let seen: BTreeSet<String> = (0..draws)
            .map(|_| {
                generate(&order(Generator::WordAndDigits, &none), &mut random).unwrap().reveal().to_owned()
            })
            .collect();
        let pairs = draws - u32::try_from(seen.len()).unwrap();
        let expected = f64::from(draws * (draws - 1)) / 2.0 / Generator::WordAndDigits.bits().exp2();
        let ratio = f64::from(pairs) / expected;
        assert!((0.7..1.3).contains(&ratio), "{pairs} pairs, {expected} expected");
    }

    #[test]
    fn p5_the_youngest_get_at_most_six_plain_characters_without_look_alikes() {
        let (none, mut random) = (PersonalWords::default(), Randomness::Seeded(5));
        for _ in 0..500 {
            let made = generate(&order(Generator::WordAndDigits, &none), &mut random).unwrap();
            let text = made.reveal();
            assert!((5..=6).contains(&text.len()), "{text}");
            assert!(text.chars().all(|c| c.is_ascii_lowercase() || DIGITS.contains(&c)), "{text}");
        }
    }

    #[test]
    fn p2_phrases_for_staff_are_drawn_again_until_they_are_long_enough() {
        let (none, mut random) = (PersonalWords::default(), Randomness::Seeded(6));
        for _ in 0..2_000 {
            let order = Order { at_least: 17, ..order(Generator::FourWords, &none) };
            let made = generate(&order, &mut random).unwrap();
            assert!(made.reveal().chars().count() >= 17, "{}", made.reveal());
        }
    }

    #[test]
    fn nobody_gets_their_own_name() {
        let mut random = Randomness::Seeded(8);
        let avoid = PersonalWords::of(&PersonalFacts { names: &["Daisy Lake"], ..PersonalFacts::default() });
        for _ in 0..3_000 {
            let made = generate(&order(Generator::TwoWordsAndDigit, &avoid), &mut random).unwrap();
            assert!(!made.reveal().contains("daisy") && !made.reveal().contains("lake"), "{}", made.reveal());
        }
    }

    #[test]
    fn nothing_rude_frightening_or_american_is_on_a_list() {
        let lists = lists();
        for word in [
            "bum", "willy", "butt", "kill", "gun", "grope", "hardcore", "swinger", "color", "gray", "devil",
            "beer",
        ] {
            assert!(
                ![&lists.short, &lists.child, &lists.long].iter().any(|list| list.contains(&word)),
                "{word}"
            );
        }
        for list in [&lists.short, &lists.child, &lists.long] {
            let once: BTreeSet<&&str> = list.iter().collect();
            assert_eq!(once.len(), list.len(), "a word that is there twice would be likelier");
            assert!(
                list.iter().all(|word| word.len() >= 3
                    && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'-'))
            );
        }
    }

    #[test]
    fn bounds_that_nothing_fits_are_said() {
        let none = PersonalWords::default();
        let order = Order { at_least: 9, at_most: Some(6), ..order(Generator::WordAndDigits, &none) };
        assert!(matches!(
            generate(&order, &mut Randomness::Seeded(1)),
            Err(IdentityError::NothingFits { .. })
        ));
        assert!(generate(&self::order(Generator::Random20, &none), &mut Randomness::Machine).is_ok());
    }
}
