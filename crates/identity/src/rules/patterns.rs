//! Regular things: figures for letters, keys side by side, the alphabet in order, the same again.

/// The rows of a British keyboard, the ways up and down it, and two orders that everybody knows.
const ROWS: [&str; 9] = [
    "`1234567890-=",
    "qwertyuiop[]",
    "asdfghjkl;'#",
    "\\zxcvbnm,./",
    "1q2w3e4r5t6y7u8i9o0p",
    "q1w2e3r4t5y6u7i8o9p0",
    "1qaz2wsx3edc4rfv5tgb6yhn7ujm8ik,9ol.0p;/",
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890",
];
/// So many in a row are a walk.
const SHORTEST_WALK: usize = 4;
/// The longest block that is looked for again and again.
const LONGEST_BLOCK: usize = 16;

/// How many characters count when each walk and each run of the same counts as one: `qwerty-otter` has seven. A text that
/// is one block again and again counts as that block.
pub(super) fn left_over(text: &str) -> u32 {
    let characters: Vec<char> = text.chars().flat_map(char::to_lowercase).collect();
    let block = repeated_block(&characters).unwrap_or(&characters);
    let mut left = 0u32;
    let mut rest = block;
    while !rest.is_empty() {
        let walk = walk_at_start(rest);
        let taken = if walk >= SHORTEST_WALK { walk } else { run_at_start(rest) };
        left = left.saturating_add(1);
        rest = rest.get(taken.max(1)..).unwrap_or_default();
    }
    left
}

/// Small letters for the figures and signs that people put in their place: `p455w0rd` is `password`.
pub(super) fn undressed(folded: &str) -> String {
    let letter = |character| match character {
        '0' => 'o',
        '1' | '!' | '|' => 'i',
        '3' | '\u{20ac}' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '6' | '9' => 'g',
        '7' | '+' => 't',
        '8' => 'b',
        '2' => 'z',
        other => text::fold::latin_like(other).unwrap_or(other),
    };
    folded.chars().map(letter).collect()
}

/// The length of the run of one character at the start.
fn run_at_start(characters: &[char]) -> usize {
    let Some(first) = characters.first() else { return 0 };
    let run = characters.iter().take_while(|character| *character == first).count();
    if run >= 3 { run } else { 1 }
}

/// The length of the longest walk at the start, in either direction.
fn walk_at_start(characters: &[char]) -> usize {
    let rows = ROWS.iter().map(|row| row.chars().collect::<Vec<char>>());
    rows.flat_map(|row| {
        let backwards: Vec<char> = row.iter().rev().copied().collect();
        [row, backwards]
    })
    .map(|row| walk_along(&row, characters))
    .max()
    .unwrap_or(0)
}

fn walk_along(row: &[char], characters: &[char]) -> usize {
    let Some(first) = characters.first() else { return 0 };
    let begins = row.iter().enumerate().filter(|(_, key)| *key == first).map(|(at, _)| at);
    begins
        .filter_map(|at| row.get(at..))
        .map(|keys| keys.iter().zip(characters).take_while(|(key, character)| key == character).count())
        .max()
        .unwrap_or(0)
}

/// The block of which a text is nothing but a repetition, the last of them perhaps cut short.
fn repeated_block(characters: &[char]) -> Option<&[char]> {
    let longest = (characters.len() / 2).min(LONGEST_BLOCK);
    (1..=longest).find_map(|length| {
        let block = characters.get(..length)?;
        let again = characters.chunks(length).all(|piece| block.starts_with(piece));
        again.then_some(block)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn walks_runs_and_repetitions_count_little() {
        for (text, expected) in [
            ("", 0),
            ("qwertyuiop", 1),
            ("POIUYTREWQ", 1),
            ("abcdefgh1234", 2),
            ("aaaaaaaaaaaaa", 1),
            ("catcatcatcatca", 3),
            ("zxcvbnmasdfghjkl", 2),
            ("1q2w3e4r5t6y7u8i9o0p", 1),
            ("2wsx3edc4rfv", 1),
            ("violet tractor", 14),
            ("qwerty-otter", 7),
        ] {
            assert_eq!(left_over(text), expected, "{text}");
        }
    }

    #[test]
    fn figures_for_letters_fall_away() {
        for (text, expected) in
            [("p455w0rd", "password"), ("@lic3", "alice"), ("\u{430}nna", "anna"), ("", "")]
        {
            assert_eq!(undressed(text), expected);
        }
    }

    proptest::proptest! {
        #[test]
        fn nothing_counts_for_more_than_its_characters(text in "\\PC{0,80}") {
            let characters = text.chars().flat_map(char::to_lowercase).count();
            proptest::prop_assert!(left_over(&text) as usize <= characters);
            proptest::prop_assert!((left_over(&text) == 0) == text.is_empty());
        }
    }
}
