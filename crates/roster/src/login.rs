//! Names to sign in with, made by one rule: the first letter of the given name, a full stop, the family name; and where
//! somebody has or had that, a number behind it. None is given twice.

use std::collections::HashSet;
use unicode_normalization::UnicodeNormalization as _;

/// The longest login before its number, in characters.
const MOST_LOGIN: usize = 40;

/// The first login by the rule that nobody has or had. It is put among those.
pub fn login_for(given: &str, family: &str, taken: &mut HashSet<String>) -> String {
    let (given, family) = (letters(given), letters(family));
    let first = given.chars().next().map(String::from).unwrap_or_default();
    let base = match (first.is_empty(), family.is_empty()) {
        (false, false) => format!("{first}.{family}"),
        (true, false) => family,
        (false, true) => given,
        (true, true) => "person".to_owned(),
    };
    let base: String = base.chars().take(MOST_LOGIN).collect();
    let mut login = base.clone();
    // Among so many logins as there are, one of as many numbers and one is free.
    for number in 2..=taken.len().saturating_add(2) {
        if !taken.contains(&login) {
            break;
        }
        login = format!("{base}{number}");
    }
    taken.insert(login.clone());
    login
}

/// A name to compare by: without accents, case, and what is neither letter nor digit.
pub fn fold_name(name: &str) -> String {
    let plain = name.nfkd().filter(|letter| letter.is_alphanumeric());
    plain.flat_map(char::to_lowercase).collect()
}

/// The letters of a name as a keyboard here has them.
fn letters(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.nfkd().flat_map(char::to_lowercase) {
        match letter {
            'a'..='z' | '0'..='9' => plain.push(letter),
            'ß' => plain.push_str("ss"),
            'æ' => plain.push_str("ae"),
            'œ' => plain.push_str("oe"),
            'þ' => plain.push_str("th"),
            'ø' => plain.push('o'),
            'ł' => plain.push('l'),
            'đ' | 'ð' => plain.push('d'),
            'ı' => plain.push('i'),
            _ => {}
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_is_made_by_rule_and_given_once() {
        let mut taken = HashSet::from(["a.sample".to_owned(), "a.sample2".to_owned()]);
        for (given, family, expected) in [
            ("Alex", "Sample", "a.sample3"),
            ("Zoë", "O\u{2019}Shea-Łukasz", "z.oshealukasz"),
            ("", "Madonna", "madonna"),
            ("Straße", "Weiß", "s.weiss"),
            ("李", "王", "person"),
            ("李", "王", "person2"),
        ] {
            assert_eq!(login_for(given, family, &mut taken), expected);
        }
    }
}
