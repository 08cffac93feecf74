//! The words that may stand behind a word as it is written: letters of other scripts, numbers and signs for letters,
//! letters repeated.
//!
//! Every function gives candidates; whether one is meant is for the vocabulary to say.

use crate::fold::latin_like;
use smallvec::{SmallVec, smallvec};

/// A few candidates.
pub(crate) type Candidates = SmallVec<[String; 4]>;

/// The most readings of the numbers and signs of one word.
const MOST_READINGS: usize = 16;

/// The word in Latin letters, where letters of other scripts in it look like them; `None` where it has none, or not all
/// do.
pub(crate) fn in_latin(word: &str) -> Option<String> {
    if word.is_ascii() {
        return None;
    }
    word.chars().map(|c| if c.is_ascii() { Some(c) } else { latin_like(c) }).collect()
}

/// The word with numbers and signs read as letters, in every way they are written so. Empty where there are none, or
/// where a short word is mostly numbers (`a55` is a road).
pub(crate) fn in_letters(word: &str) -> Candidates {
    let letters = word.chars().filter(|c| c.is_alphabetic()).count();
    let all = word.chars().count();
    if letters == 0 || letters == all || (all <= 3 && letters < 2) {
        return Candidates::new();
    }
    let mut readings: Candidates = smallvec![String::with_capacity(word.len())];
    for character in word.chars() {
        let options = letters_of(character);
        if options.is_empty() {
            readings.iter_mut().for_each(|reading| reading.push(character));
            continue;
        }
        let room =
            if readings.len().saturating_mul(options.len()) > MOST_READINGS { 1 } else { options.len() };
        let before = std::mem::take(&mut readings);
        for option in options.chars().take(room) {
            readings.extend(before.iter().map(|reading| format!("{reading}{option}")));
        }
    }
    readings
}

fn letters_of(character: char) -> &'static str {
    match character {
        '0' => "o",
        '1' | '!' | '|' => "il",
        '3' | '\u{20ac}' => "e",
        '4' | '@' => "a",
        '5' | '$' => "s",
        '6' | '9' => "g",
        '7' | '+' => "t",
        '8' => "b",
        '\u{a3}' => "l",
        _ => "",
    }
}

/// The word with repeated letters taken once, and taken twice. A pair is only taken once in a word of six letters and
/// more; `kill` is itself.
pub(crate) fn without_repeats(word: &str) -> Candidates {
    let longest = longest_run(word);
    let mut candidates = Candidates::new();
    if longest >= 3 || (longest == 2 && word.len() >= 6) {
        candidates.push(runs_cut_to(word, 1));
    }
    if longest >= 3 {
        candidates.push(runs_cut_to(word, 2));
    }
    candidates
}

fn longest_run(word: &str) -> usize {
    let mut last = None;
    let mut run = 0;
    word.chars().fold(0, |longest, character| {
        run = if last == Some(character) { run + 1 } else { 1 };
        last = Some(character);
        longest.max(run)
    })
}

fn runs_cut_to(word: &str, most: usize) -> String {
    let mut last = None;
    let mut run = 0;
    word.chars()
        .filter(|character| {
            run = if last == Some(*character) { run + 1 } else { 1 };
            last = Some(*character);
            run <= most
        })
        .collect()
}

/// Whether `word`, in which a `*` hides a letter, can be `meant`.
pub(crate) fn may_hide(word: &str, meant: &str) -> bool {
    word.len() == meant.len()
        && std::iter::zip(word.bytes(), meant.bytes()).all(|(shown, letter)| shown == b'*' || shown == letter)
}

/// Whether two words of at least six letters differ by one slip: a letter more, less or other, or two changed about. The
/// first letter is never the slip.
pub(crate) fn is_one_slip(one: &str, other: &str) -> bool {
    let (one, other): (SmallVec<[char; 24]>, SmallVec<[char; 24]>) =
        (one.chars().collect(), other.chars().collect());
    let (short, long) = if one.len() <= other.len() { (&one, &other) } else { (&other, &one) };
    let same = std::iter::zip(short.iter(), long.iter()).take_while(|(a, b)| a == b).count();
    if same == 0 {
        return false;
    }
    let (Some(short), Some(long)) = (short.get(same..), long.get(same..)) else { return false };
    match (short, long) {
        ([], rest) => rest.len() <= 1,
        (short, [_, rest @ ..]) if long.len() == short.len() + 1 => rest == short,
        ([a, b, short @ ..], [c, d, long @ ..]) if a == d && b == c && short == long => true,
        ([_, short @ ..], [_, long @ ..]) => short == long,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_and_signs_are_read_as_letters() {
        for (word, expected) in [
            ("h4rm", "harm"),
            ("k1ll", "kill|klll"),
            ("$u!cid3", "suicide|suclcide"),
            ("suicide", ""),
            ("2024", ""),
            ("a55", ""),
            ("s3x", "sex"),
        ] {
            let expected = if word == "$u!cid3" { "suicide|sulcide" } else { expected };
            assert_eq!(in_letters(word).join("|"), expected, "{word}");
        }
        assert!(in_letters("a1!1!1!1!1!1").len() <= MOST_READINGS);
    }

    #[test]
    fn letters_of_other_scripts_become_latin_where_all_do() {
        assert_eq!(in_latin("su\u{456}c\u{456}d\u{435}").as_deref(), Some("suicide"));
        assert_eq!(in_latin("\u{44f}\u{43a}"), None);
        assert_eq!(in_latin("plain"), None);
    }

    #[test]
    fn repeated_letters_are_taken_once_and_twice() {
        assert_eq!(without_repeats("killll").join("|"), "kil|kill");
        assert_eq!(without_repeats("suuicide").join("|"), "suicide");
        assert_eq!(without_repeats("kill").join("|"), "");
    }

    #[test]
    fn a_slip_is_one_letter_and_never_the_first() {
        for (one, other, expected) in [
            ("suicide", "sucide", true),
            ("suicide", "suiicide", true),
            ("suicide", "suiside", true),
            ("suicide", "suicdie", true),
            ("suicide", "suicide", true),
            ("suicide", "suicides", true),
            ("grooming", "brooming", false),
            ("suicide", "scide", false),
            ("suicide", "siucdie", false),
        ] {
            assert_eq!(is_one_slip(one, other), expected, "{one} {other}");
            assert_eq!(is_one_slip(other, one), expected, "{other} {one}");
        }
    }

    #[test]
    fn stars_hide_letters() {
        assert!(may_hide("s**cide", "suicide"));
        assert!(!may_hide("s**cide", "sincere"));
    }

    proptest! {
        #[test]
        fn any_word_has_bounded_candidates(word in "\\PC{0,30}", other in "\\PC{0,30}") {
            prop_assert!(in_letters(&word).len() <= MOST_READINGS);
            prop_assert!(without_repeats(&word).len() <= 2);
            in_latin(&word);
            prop_assert_eq!(is_one_slip(&word, &other), is_one_slip(&other, &word));
        }
    }
}
