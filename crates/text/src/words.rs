//! Text cut into words.
//!
//! A word here is a run of letters and digits, with the signs that people write for letters inside (`$`, `@`, `!`, `*`). An
//! apostrophe joins (`don't` is `dont`), and `'s` falls away. Scripts that part no words (Han, kana, Thai and their
//! neighbours) give a word for each character, so that a pattern in them is a sequence as in any other.

use crate::fold::folded;

/// The most words that are read of one text.
pub const MOST_WORDS: usize = 512;
/// The most bytes that are read of one text.
pub const MOST_BYTES: usize = 8_192;

/// The words of a text, folded, at most [`MOST_WORDS`].
pub fn words(text: &str) -> Vec<String> {
    let text = text.get(..text.floor_char_boundary(MOST_BYTES)).unwrap_or_default();
    let folded = folded(text);
    let mut words = Words::default();
    let mut characters = folded.chars().peekable();
    while let Some(character) = characters.next() {
        match character {
            '\'' => {
                let possessive = characters.peek() == Some(&'s') && !words.word.is_empty();
                if possessive {
                    characters.next();
                    match characters.peek() {
                        Some(next) if next.is_alphanumeric() => words.word.push('s'),
                        _ => words.end(),
                    }
                }
            }
            _ if stands_alone(character) => {
                words.end();
                words.word.push(character);
                words.end();
            }
            _ if character.is_alphanumeric() || is_sign(character) => words.word.push(character),
            _ => words.end(),
        }
        if words.done.len() >= MOST_WORDS {
            break;
        }
    }
    words.end();
    words.done.truncate(MOST_WORDS);
    words.done
}

#[derive(Default)]
struct Words {
    word: String,
    done: Vec<String>,
}

impl Words {
    fn end(&mut self) {
        let word = std::mem::take(&mut self.word);
        let trimmed = trim_signs(&word);
        if trimmed.chars().any(char::is_alphanumeric) {
            self.done.push(trimmed.to_owned());
        }
    }
}

/// Signs that stand for a letter within a word.
fn is_sign(character: char) -> bool {
    matches!(character, '$' | '@' | '!' | '*' | '+' | '|' | '\u{20ac}' | '\u{a3}')
}

/// Without the signs that close or open a word and stand for no letter in it: `help!`, `+1`, `*note*`.
fn trim_signs(word: &str) -> &str {
    let word = word.trim_start_matches(['!', '*', '+', '|', '\u{a3}', '\u{20ac}']);
    let stars = word.len() - word.trim_end_matches('*').len();
    let word = word.trim_end_matches(['!', '+', '|', '@', '\u{a3}', '\u{20ac}']);
    if stars >= 2 { word } else { word.trim_end_matches('*') }
}

fn stands_alone(character: char) -> bool {
    matches!(
        character,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3040}'..='\u{30ff}'
            | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{323af}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_cut_where_a_reader_would() {
        for (text, expected) in [
            ("How to, self-harm?", "how|to|self|harm"),
            ("don't kill the pupil's hamster", "dont|kill|the|pupil|hamster"),
            ("k!ll my$elf!!", "k!ll|my$elf"),
            ("f**k f*** *note*", "f**k|f***|note"),
            ("K.Y.S", "k|y|s"),
            ("#selfharm @name", "selfharm|@name"),
            ("\u{81ea}\u{6740}", "\u{81ea}|\u{6740}"),
            ("\u{44f} \u{445}\u{43e}\u{447}\u{443}", "\u{44f}|\u{445}\u{43e}\u{447}\u{443}"),
            ("!!! -- ***", ""),
        ] {
            assert_eq!(words(text).join("|"), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_cut_into_at_most_so_many_words(text in "\\PC*") {
            prop_assert!(words(&text).len() <= MOST_WORDS);
        }
    }

    #[test]
    fn of_a_long_text_the_beginning_is_read() {
        assert_eq!(words(&"a ".repeat(2_000)).len(), MOST_WORDS);
        assert_eq!(words(&"\u{e9}".repeat(9_000)).concat().len(), MOST_BYTES / 2);
    }
}
