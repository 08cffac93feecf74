//! One form for letters that differ only in case, width, accents or dress.
//!
//! What looks alike across scripts is another question: Cyrillic `\u{441}` in a Latin word is a disguise, in a Ukrainian word
//! a letter. [`latin_like`] answers for one letter; whether it is asked depends on the word.

use foldhash::{HashMap, HashMapExt as _};
use std::sync::LazyLock;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Folds a text: compatibility forms (`\u{ff4b}`, `\u{1d424}`) to plain ones, capitals to small letters, accents and invisible
/// characters dropped, `\u{df}` to `ss`. Folding what is folded changes nothing.
pub fn folded(text: &str) -> String {
    if text.is_ascii() {
        return text.to_ascii_lowercase();
    }
    let once = fold_once(text);
    if once.is_ascii() { once } else { fold_once(&once) }
}

fn fold_once(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    for character in text.nfkc().flat_map(char::to_lowercase).nfkd() {
        if is_combining_mark(character) || is_invisible(character) {
            continue;
        }
        match plain_latin(character) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(character),
        }
    }
    folded
}

/// The small Latin letter or digit that a letter of another script looks like; `None` where it looks like none.
pub fn latin_like(character: char) -> Option<char> {
    LOOK_ALIKES.get(&character).copied()
}

/// Characters that take no room and only part what belongs together.
fn is_invisible(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{e0000}'..='\u{e01ef}'
    )
}

/// Latin letters that no normal form takes apart.
fn plain_latin(character: char) -> Option<&'static str> {
    Some(match character {
        '\u{df}' => "ss",
        '\u{e6}' => "ae",
        '\u{153}' => "oe",
        '\u{f0}' | '\u{111}' => "d",
        '\u{fe}' => "th",
        '\u{f8}' => "o",
        '\u{142}' => "l",
        '\u{127}' => "h",
        '\u{131}' => "i",
        '\u{2019}' | '\u{2018}' | '\u{2bc}' | '\u{60}' | '\u{b4}' => "'",
        _ => return None,
    })
}

/// `letter | the characters that look like it`, as the tests make them from the confusables of Unicode (UTS 39).
static LOOK_ALIKES: LazyLock<HashMap<char, char>> = LazyLock::new(|| {
    let mut table = HashMap::new();
    for (letter, alike) in
        include_str!("../data/look_alikes.txt").lines().filter_map(|line| line.split_once(" | "))
    {
        if let Some(letter) = letter.chars().next() {
            table.extend(alike.chars().map(|character| (character, letter)));
        }
    }
    table
});

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::fmt::Write as _;

    #[test]
    fn dress_case_and_accents_fall_away() {
        for (text, expected) in [
            ("SuIcIdE", "suicide"),
            ("\u{ff4b}\u{ff59}\u{ff53}", "kys"),
            ("\u{1d42c}\u{1d41e}\u{1d425}\u{1d41f}", "self"),
            ("caf\u{e9}", "cafe"),
            ("chc\u{119} si\u{119} zabi\u{107}", "chce sie zabic"),
            ("stra\u{df}e \u{142}\u{f3}d\u{17a}", "strasse lodz"),
            ("sui\u{200b}cide s\u{336}e\u{336}lf", "suicide self"),
            ("\u{24de}\u{24db}\u{24d3}", "old"),
            ("don\u{2019}t", "don't"),
        ] {
            assert_eq!(folded(text), expected, "{text}");
        }
    }

    #[test]
    fn letters_of_other_scripts_are_known_by_their_looks() {
        for (character, expected) in [
            ('\u{441}', Some('c')),
            ('\u{456}', Some('i')),
            ('\u{3bf}', Some('o')),
            ('\u{4e00}', None),
            ('z', None),
        ] {
            assert_eq!(latin_like(character), expected, "{character}");
        }
    }

    /// What the table should hold: every character that stays as it is when folded, and that Unicode's confusables give the
    /// same skeleton as a small Latin letter, or its capital the same as a capital one.
    fn table_of_unicode() -> String {
        let skeleton = |c: char| unicode_security::skeleton(c.encode_utf8(&mut [0; 4])).collect::<String>();
        let mut latin: BTreeMap<String, char> = BTreeMap::new();
        for letter in ('a'..='z').rev() {
            latin.insert(skeleton(letter.to_ascii_uppercase()), letter);
        }
        for letter in 'a'..='z' {
            latin.insert(skeleton(letter), letter);
        }
        let mut alike: BTreeMap<char, String> = BTreeMap::new();
        for character in ('\u{80}'..=char::MAX).filter(|c| c.is_alphabetic()) {
            if folded(&character.to_string()) != character.to_string() {
                continue;
            }
            let capital = character.to_uppercase().next().unwrap_or(character);
            let found = latin.get(&skeleton(character)).or_else(|| latin.get(&skeleton(capital)));
            if let Some(letter) = found {
                alike.entry(*letter).or_default().push(character);
            }
        }
        alike.into_iter().fold(String::new(), |mut text, (letter, alike)| {
            writeln!(text, "{letter} | {alike}").unwrap();
            text
        })
    }

    #[test]
    fn the_table_of_look_alikes_is_the_one_of_unicode() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/data/look_alikes.txt");
        let table = table_of_unicode();
        if std::env::var_os("SCHOOLGATE_WRITE_LOOK_ALIKES").is_some() {
            std::fs::write(path, &table).unwrap();
        }
        assert_eq!(std::fs::read_to_string(path).unwrap(), table);
    }

    proptest! {
        #[test]
        fn folding_twice_is_folding_once(text in "\\PC{0,20}") {
            let once = folded(&text);
            prop_assert_eq!(folded(&once), once);
        }
    }
}
