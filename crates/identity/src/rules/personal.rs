//! Words that others know of a person: names, login, school, birth date. In whatever case, with figures for letters, or
//! turned round, they have no place in a password.

use super::patterns::undressed;
use text::fold::folded;
use zeroize::Zeroizing;

/// The fewest letters that are sought: shorter ones are in half of all words.
const SHORTEST: usize = 3;
/// The most words that are sought for one person.
const MOST_WORDS: usize = 128;
/// What stands in names of schools and before people's names, and belongs to nobody.
const NOBODYS: [&str; 31] = [
    "the",
    "and",
    "for",
    "with",
    "school",
    "primary",
    "secondary",
    "infant",
    "infants",
    "junior",
    "juniors",
    "nursery",
    "academy",
    "college",
    "high",
    "grammar",
    "trust",
    "federation",
    "church",
    "england",
    "catholic",
    "community",
    "voluntary",
    "aided",
    "controlled",
    "saint",
    "mrs",
    "miss",
    "sir",
    "lady",
    "rev",
];

/// A date of birth.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct BirthDate {
    /// Such as 2015.
    pub year: u16,
    /// 1 to 12.
    pub month: u8,
    /// 1 to 31.
    pub day: u8,
}

impl std::fmt::Debug for BirthDate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BirthDate(hidden)")
    }
}

/// What is known of a person; any of it may be missing.
#[derive(Clone, Copy, Default)]
pub struct PersonalFacts<'a> {
    /// First, last, known and former names, each with spaces and hyphens as it is written.
    pub names: &'a [&'a str],
    /// The names they sign in with.
    pub logins: &'a [&'a str],
    /// Their schools, the trust, the town.
    pub places: &'a [&'a str],
    /// When they were born.
    pub born: Option<BirthDate>,
}

/// The words that may not be in one person's password. Never printed.
#[derive(Clone, Default)]
pub struct PersonalWords {
    words: Vec<Zeroizing<String>>,
    dates: Vec<Zeroizing<String>>,
}

impl std::fmt::Debug for PersonalWords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PersonalWords({} hidden)", self.words.len() + self.dates.len())
    }
}

impl PersonalWords {
    /// Takes what is known apart into words: each part of a name, and the whole without spaces.
    pub fn of(facts: &PersonalFacts<'_>) -> Self {
        let mut words: Vec<Zeroizing<String>> = Vec::new();
        for text in facts.names.iter().chain(facts.logins).chain(facts.places) {
            let plain = folded(text);
            let parts = plain.split(|c: char| !c.is_alphanumeric()).map(letters_of);
            for part in parts.chain([letters_of(&plain)]) {
                let sought = part.chars().count() >= SHORTEST && !NOBODYS.contains(&part.as_str());
                if sought && words.len() < MOST_WORDS && !words.contains(&part) {
                    words.push(part);
                }
            }
        }
        let dates = facts.born.map(forms_of).unwrap_or_default();
        Self { words, dates }
    }

    /// True when one of them is in the text: as it is, without case and accents, with figures for letters, with anything
    /// but letters and digits left out, or turned round.
    pub fn are_in(&self, text: &str) -> bool {
        let plain = Zeroizing::new(folded(text));
        let letters = Zeroizing::new(plain.chars().filter(|c| c.is_alphanumeric()).collect::<String>());
        let undressed = letters_of(&undressed(&plain));
        let without_figures = letters_of(&plain);
        let round = |text: &str| Zeroizing::new(text.chars().rev().collect::<String>());
        let ways = [round(&undressed), round(&without_figures), undressed, without_figures];
        let named = self.words.iter().any(|word| ways.iter().any(|way| way.contains(word.as_str())));
        let turned = round(&letters);
        named
            || self.dates.iter().any(|date| letters.contains(date.as_str()) || turned.contains(date.as_str()))
    }
}

fn letters_of(text: &str) -> Zeroizing<String> {
    Zeroizing::new(text.chars().filter(|c| c.is_alphabetic()).collect())
}

/// The ways a birthday is written, without separators: `07052015`, `070515`, `20150507`, `7515`, `752015`, `0705`, `2015`
/// and the month's name with the day.
fn forms_of(born: BirthDate) -> Vec<Zeroizing<String>> {
    const MONTHS: [&str; 12] =
        ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let BirthDate { year, month, day } = born;
    let short = year % 100;
    let mut forms = vec![
        format!("{day:02}{month:02}{year}"),
        format!("{day:02}{month:02}{short:02}"),
        format!("{month:02}{day:02}{year}"),
        format!("{year}{month:02}{day:02}"),
        format!("{short:02}{month:02}{day:02}"),
        format!("{day}{month}{year}"),
        format!("{day:02}{month:02}"),
        format!("{year}"),
    ];
    let unpadded = format!("{day}{month}{short:02}");
    if unpadded.len() >= 4 {
        forms.push(unpadded);
    }
    if let Some(name) = usize::from(month).checked_sub(1).and_then(|index| MONTHS.get(index)) {
        forms.push(format!("{day}{name}"));
        forms.push(format!("{day:02}{name}"));
        forms.push(format!("{name}{day}"));
    }
    forms.into_iter().map(Zeroizing::new).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words() -> PersonalWords {
        PersonalWords::of(&PersonalFacts {
            names: &["Ren\u{e9}e O\u{2019}Hara-Vale", "Jo"],
            logins: &["r.ohara12"],
            places: &["Ash Grove Primary School", "Little Marlow"],
            born: Some(BirthDate { year: 2015, month: 5, day: 7 }),
        })
    }

    #[test]
    fn p3_names_in_any_dress_are_found() {
        for text in [
            "renee-likes-otters",
            "RENÉE likes",
            "r3n33 likes otters",
            "eener likes otters",
            "my-ohara-otters",
            "o hara otters",
            "v4le of otters",
            "R.E.N.E.E",
            "the ashes are cold",
            "marlow7otters",
            "evorg otters",
            "xx07052015xx",
            "070515otters",
            "2015-otters-swim",
            "otters 7 May",
            "51-50-70 otters",
        ] {
            assert!(words().are_in(text), "{text}");
        }
    }

    #[test]
    fn p3_what_belongs_to_nobody_or_is_too_short_is_left_alone() {
        for text in
            ["primary school otters", "jo", "jolly quiet otters", "violet tractor 1066", "twelve 12 tigers"]
        {
            assert!(!words().are_in(text), "{text}");
        }
        assert!(!PersonalWords::default().are_in("anything"));
        assert!(!format!("{:?}", words()).contains("renee"));
    }

    proptest::proptest! {
        #[test]
        fn any_name_is_found_in_a_password_that_holds_it(name in "[a-z]{3,12}", before in "[a-z ]{0,8}", after in "[0-9-]{0,8}") {
            proptest::prop_assume!(!NOBODYS.contains(&name.as_str()));
            let words = PersonalWords::of(&PersonalFacts { names: &[&name], ..PersonalFacts::default() });
            let (plain, loud) = (format!("{before}{name}{after}"), format!("{before}{}{after}", name.to_uppercase()));
            proptest::prop_assert!(words.are_in(&plain) && words.are_in(&loud));
        }

        #[test]
        fn no_names_and_no_text_panic(name in "\\PC{0,40}", text in "\\PC{0,60}", month in 0u8.., day in 0u8.., year in 0u16..) {
            let born = Some(BirthDate { year, month, day });
            let words = PersonalWords::of(&PersonalFacts { names: &[&name], places: &[&name], logins: &[&name], born });
            let _ = words.are_in(&text);
        }
    }
}
