//! Many phrases sought at once, through disguise and misspelling.
//!
//! A text is a row of words; each may be read as itself or as a word of the phrases that it disguises. Letters written apart
//! (`s-u-i-c-i-d-e`), a word broken in two and words run together are read as well. Phrases are a tree of words, and every
//! way through the readings that is a way through the tree is a find.
//!
//! Invariants: the steps of one search are bounded by the words of the text; the same text and phrases give the same finds.

use crate::pattern::{GAP, MOST_WORDS_IN_GAP};
use crate::vocabulary::{Meant, Vocabulary, WordId};
use crate::words::words;
use foldhash::HashMap;
use smallvec::SmallVec;

/// The most letters written apart that are read as one word.
const MOST_APART: usize = 20;
/// The shortest word that is looked for across a blank, in bytes.
const SHORTEST_BROKEN: usize = 7;
/// The shortest phrase that is looked for without its blanks, in bytes.
const SHORTEST_RUN_TOGETHER: usize = 7;
/// The most steps through the tree from one place of the text.
const MOST_STEPS: usize = 512;
/// What may stand run together before a phrase.
const OPENINGS: [&str; 8] = ["howto", "howdoi", "iwantto", "iwanna", "iwant", "waysto", "im", "i"];

/// Phrases, made ready for the search.
#[derive(Debug, Default)]
pub struct Phrases {
    vocabulary: Vocabulary,
    /// From a node by a word to the next node; the root is 0.
    steps: HashMap<(u32, WordId), u32>,
    nodes: Vec<Node>,
    /// Phrases of several words, by their words run together.
    together: HashMap<Box<str>, SmallVec<[u32; 1]>>,
}

#[derive(Debug, Default)]
struct Node {
    /// The node behind a gap.
    gap: Option<u32>,
    /// The phrases that end here.
    ends: SmallVec<[u32; 2]>,
}

/// A phrase in a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Find {
    /// The phrase's place among those given to [`Phrases::new`].
    pub phrase: usize,
    /// The first of its words, counted from 0.
    pub from: usize,
    /// Behind its last word.
    pub to: usize,
}

/// What was found in a text.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Finds {
    /// The words of the text.
    pub words: usize,
    /// The finds, by where they begin; each phrase once for each place.
    pub finds: Vec<Find>,
}

impl Phrases {
    /// Makes phrases ready. They are as [`crate::pattern::phrases_of`] gives them; `ordinary` are words (folded) that are
    /// never a disguise or a slip, however near to a word of a phrase they lie.
    pub fn new<'p>(
        phrases: impl IntoIterator<Item = &'p str>,
        ordinary: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut made = Self { vocabulary: Vocabulary::with_ordinary(ordinary), ..Self::default() };
        made.nodes.push(Node::default());
        for (place, phrase) in (0..).zip(phrases) {
            made.take(place, phrase);
        }
        made
    }

    fn take(&mut self, place: u32, phrase: &str) {
        let mut node = 0;
        for word in phrase.split(' ') {
            node = if word == GAP { self.behind_gap(node) } else { self.behind_word(node, word) };
        }
        if let Some(node) = self.node_mut(node) {
            node.ends.push(place);
        }
        let together: String = phrase.split(' ').collect();
        if phrase.contains(' ') && !phrase.contains(GAP) && together.len() >= SHORTEST_RUN_TOGETHER {
            self.together.entry(together.into()).or_default().push(place);
        }
    }

    fn behind_gap(&mut self, node: u32) -> u32 {
        if let Some(behind) = self.node(node).and_then(|node| node.gap) {
            return behind;
        }
        let behind = self.push_node();
        if let Some(node) = self.node_mut(node) {
            node.gap = Some(behind);
        }
        behind
    }

    fn behind_word(&mut self, node: u32, word: &str) -> u32 {
        let word = self.vocabulary.take(word);
        if let Some(behind) = self.steps.get(&(node, word)) {
            return *behind;
        }
        let behind = self.push_node();
        self.steps.insert((node, word), behind);
        behind
    }

    fn push_node(&mut self) -> u32 {
        self.nodes.push(Node::default());
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(node).ok()?)
    }

    fn node_mut(&mut self, node: u32) -> Option<&mut Node> {
        self.nodes.get_mut(usize::try_from(node).ok()?)
    }

    /// Looks for every phrase in a text as it was typed (already out of its address: [`crate::decode`]).
    pub fn find(&self, text: &str) -> Finds {
        let words = words(text);
        let mut readings = Readings { ways: vec![SmallVec::new(); words.len()], finds: Vec::new() };
        for at in 0..words.len() {
            self.read(&words, at, &mut readings);
        }
        let Readings { ways, mut finds } = readings;
        for from in 0..ways.len() {
            self.walk(&ways, from, &mut finds);
        }
        finds.sort_unstable_by_key(|find| (find.from, find.phrase, find.to));
        finds.dedup_by_key(|find| (find.from, find.phrase));
        Finds { words: words.len(), finds }
    }

    /// Whether a single word is taken for another one than itself: what the list of ordinary words is checked with.
    pub fn takes_for_another(&self, word: &str) -> bool {
        self.vocabulary.id(word).is_none()
            && (!self.vocabulary.meant(word).is_empty() || self.run_together(word).next().is_some())
    }

    /// How the text can be read from the word at `at`.
    fn read(&self, words: &[String], at: usize, readings: &mut Readings) {
        let Some(word) = words.get(at) else { return };
        let meant = self.vocabulary.meant(word);
        let is_known = self.vocabulary.id(word).is_some() || self.vocabulary.is_ordinary(word);
        readings.push(at, at + 1, &meant);
        if word.chars().count() == 1 {
            self.read_apart(words, at, readings);
        }
        if !is_known {
            readings.push_finds(at, at + 1, self.run_together(word));
        }
        let Some(next) = words.get(at + 1).filter(|next| word.len() > 1 && next.len() > 1) else { return };
        let is_next_known = self.vocabulary.id(next).is_some() || self.vocabulary.is_ordinary(next);
        if !(is_known && is_next_known) && word.len() + next.len() >= SHORTEST_BROKEN {
            let joined = format!("{word}{next}");
            readings.push(at, at + 2, &self.vocabulary.id(&joined).into_iter().collect());
            readings.push_finds(at, at + 2, self.run_together(&joined));
        }
    }

    /// Letters written apart, from the one at `at`.
    fn read_apart(&self, words: &[String], at: usize, readings: &mut Readings) {
        let letters = words.iter().skip(at).take(MOST_APART).take_while(|word| word.chars().count() == 1);
        let mut joined = String::new();
        for (to, letter) in (at + 1..).zip(letters) {
            joined.push_str(letter);
            if to < at + 3 {
                continue;
            }
            readings.push(at, to, &self.vocabulary.meant_apart(&joined));
            readings.push_finds(at, to, self.run_together(&joined));
        }
    }

    /// The phrases that these letters are without their blanks.
    fn run_together(&self, word: &str) -> impl Iterator<Item = usize> {
        let openings = OPENINGS.iter().filter_map(|opening| word.strip_prefix(opening));
        let candidates =
            std::iter::once(word).chain(openings).filter(|rest| rest.len() >= SHORTEST_RUN_TOGETHER);
        let found = candidates.filter_map(|candidate| self.together.get(candidate)).flatten();
        found.filter_map(|phrase| usize::try_from(*phrase).ok())
    }

    /// Every way through the tree from one place.
    fn walk(&self, ways: &[Ways], from: usize, finds: &mut Vec<Find>) {
        let mut open: SmallVec<[(usize, u32); 16]> = SmallVec::from_slice(&[(from, 0)]);
        let mut steps = 0;
        while let Some((at, node)) = open.pop() {
            steps += 1;
            let Some(here) = self.node(node).filter(|_| steps <= MOST_STEPS) else { break };
            let ends = here.ends.iter().filter_map(|phrase| usize::try_from(*phrase).ok());
            finds.extend(ends.map(|phrase| Find { phrase, from, to: at }));
            if let Some(behind) = here.gap {
                open.extend((0..=MOST_WORDS_IN_GAP).map(|left_out| (at + left_out, behind)));
            }
            for (to, word) in ways.get(at).into_iter().flatten() {
                open.extend(self.steps.get(&(node, *word)).map(|next| (*to, *next)));
            }
        }
    }
}

/// The ways on from one place: to which, by which word.
type Ways = SmallVec<[(usize, WordId); 2]>;

struct Readings {
    ways: Vec<Ways>,
    finds: Vec<Find>,
}

impl Readings {
    fn push(&mut self, at: usize, to: usize, meant: &Meant) {
        if let Some(ways) = self.ways.get_mut(at) {
            ways.extend(meant.iter().map(|word| (to, *word)));
        }
    }

    fn push_finds(&mut self, from: usize, to: usize, phrases: impl Iterator<Item = usize>) {
        self.finds.extend(phrases.map(|phrase| Find { phrase, from, to }));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PHRASES: [&str; 9] = [
        "kill myself",
        "suicide",
        "self harm",
        "kys",
        "want to ~ die",
        "cocaine",
        "\u{445}\u{43e}\u{447}\u{443} \u{43f}\u{43e}\u{43c}\u{435}\u{440}\u{442}\u{438}",
        "\u{81ea} \u{6740}",
        "anorexia",
    ];

    fn phrases() -> Phrases {
        Phrases::new(PHRASES, ["suicidal".to_owned()])
    }

    fn found(text: &str) -> Vec<&'static str> {
        phrases().find(text).finds.iter().map(|find| PHRASES[find.phrase]).collect()
    }

    #[test]
    fn a_phrase_is_found_as_it_is_and_in_every_disguise() {
        for (text, expected) in [
            ("how to KILL myself", "kill myself"),
            ("howtokillmyself", "kill myself"),
            ("killmyself", "kill myself"),
            ("k!ll my$elf", "kill myself"),
            ("k i l l m y s e l f", "kill myself"),
            ("killl mysefl", "kill myself"),
            ("s-u-i-c-i-d-e", "suicide"),
            ("s u 1 c 1 d e", "suicide"),
            ("su\u{456}cid\u{435}", "suicide"),
            ("sui cide note", "suicide"),
            ("suuuiciiide", "suicide"),
            ("suiside", "suicide"),
            ("s**cide", "suicide"),
            ("s3lf h4rm", "self harm"),
            ("self-harm", "self harm"),
            ("selfharm", "self harm"),
            ("#SelfHarm", "self harm"),
            ("K.Y.S", "kys"),
            ("k y s", "kys"),
            ("i want to just go and die", "want to ~ die"),
            ("i want to die", "want to ~ die"),
            ("c0caine", "cocaine"),
            (
                "\u{42f} \u{425}\u{43e}\u{447}\u{443} \u{43f}\u{43e}\u{43c}\u{435}\u{440}\u{442}\u{438}",
                PHRASES[6],
            ),
            ("\u{600e}\u{4e48}\u{81ea}\u{6740}", PHRASES[7]),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
    }

    #[test]
    fn what_only_looks_near_is_not_found() {
        for text in [
            "to kill a mockingbird",
            "suicidal",
            "skyscraper",
            "kyst",
            "want to know if bees sting and die",
            "myself",
            "a s",
            "a k y",
            "himself harmony",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn a_find_says_where_it_stands() {
        let finds = phrases().find("why do i self harm");
        assert_eq!(finds, Finds { words: 5, finds: vec![Find { phrase: 2, from: 3, to: 5 }] });
    }

    #[test]
    fn a_word_near_to_another_one_is_told() {
        assert!(phrases().takes_for_another("anorexic"));
        assert!(!phrases().takes_for_another("suicidal"));
        assert!(!phrases().takes_for_another("cocaine"));
    }

    proptest! {
        #[test]
        fn any_text_is_searched(text in "\\PC{0,80}", letters in "[a-z0-9 *$!-]{0,80}") {
            let phrases = phrases();
            phrases.find(&text);
            phrases.find(&letters);
        }
    }
}
