//! Many patterns sought at once, through disguise and misspelling.
//!
//! A text is a row of words; each may be read as itself or as a word of the patterns that it disguises. Letters written apart
//! (`s-u-i-c-i-d-e`), a word broken in two and words run together (`howtokillmyself`) are read as well. The patterns are one
//! graph of words, and every way through the readings that is a way through the graph is a find.
//!
//! Invariants: the steps of one search are bounded by the words of the text; the same text and patterns give the same finds;
//! a part of a word that is run together with others is never a find by itself (`therapist`).

use crate::pattern::{MOST_WORDS_IN_GAP, Pattern, Piece};
use crate::vocabulary::{Meant, Vocabulary, WordId};
use crate::words::words;
use foldhash::{HashMap, HashSet};
use smallvec::SmallVec;

/// The most letters written apart that are read as one word.
const MOST_APART: usize = 24;
/// The shortest word that is looked for across a blank, in bytes.
const SHORTEST_BROKEN: usize = 7;
/// The most steps through the graph from one place of the text.
const MOST_STEPS: usize = 2_048;

/// Patterns, made ready for the search.
#[derive(Debug)]
pub struct Patterns {
    vocabulary: Vocabulary,
    /// From a node by a word to the next nodes; the root is 0.
    steps: HashMap<(u32, WordId), SmallVec<[u32; 1]>>,
    nodes: Vec<Node>,
}

/// The nodes behind pieces from shared nodes, while patterns are made ready.
type Shared = HashMap<(u32, Piece), u32>;

#[derive(Debug, Default)]
struct Node {
    /// Whether every pattern that begins with the same pieces comes through it.
    is_shared: bool,
    /// Whether one word leads to it, and not any of several.
    is_by_word: bool,
    /// The node behind a gap.
    gap: Option<u32>,
    /// Nodes that are reached with no word.
    freely: SmallVec<[u32; 2]>,
    /// The patterns that end here.
    ends: SmallVec<[u32; 2]>,
}

/// A pattern in a text.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Find {
    /// The pattern's place among those given to [`Patterns::new`].
    pub pattern: usize,
    /// The first of its words, counted from 0.
    pub from: usize,
    /// Behind its last word.
    pub to: usize,
}

impl Patterns {
    /// Makes patterns ready. `ordinary` are words (folded) that are never a disguise or a slip, however near to a word of a
    /// pattern they lie.
    pub fn new<'p>(
        patterns: impl IntoIterator<Item = &'p Pattern>,
        ordinary: impl IntoIterator<Item = String>,
    ) -> Self {
        let mut made = Self {
            vocabulary: Vocabulary::with_ordinary(ordinary),
            steps: HashMap::default(),
            nodes: vec![Node { is_shared: true, ..Node::default() }],
        };
        let mut shared = Shared::default();
        for (place, pattern) in (0..).zip(patterns) {
            let end = made.behind(0, &pattern.pieces, &mut shared);
            if let Some(end) = made.node_mut(end) {
                end.ends.push(place);
            }
        }
        made
    }

    /// The node behind some pieces.
    fn behind(&mut self, from: u32, pieces: &[Piece], shared: &mut Shared) -> u32 {
        pieces.iter().fold(from, |from, piece| {
            let is_shared = self.node(from).is_some_and(|node| node.is_shared);
            if !is_shared || matches!(piece, Piece::Word(_)) {
                return self.behind_piece(from, piece, shared);
            }
            let key = (from, piece.clone());
            if let Some(behind) = shared.get(&key) {
                return *behind;
            }
            let behind = self.behind_piece(from, piece, shared);
            if let Some(node) = self.node_mut(behind) {
                node.is_shared = true;
            }
            shared.insert(key, behind);
            behind
        })
    }

    fn behind_piece(&mut self, from: u32, piece: &Piece, shared: &mut Shared) -> u32 {
        match piece {
            Piece::Word(word) => self.behind_word(from, word),
            Piece::Gap => self.behind_gap(from),
            Piece::Either(all) => self.behind_either(from, all, shared),
        }
    }

    fn behind_word(&mut self, from: u32, word: &str) -> u32 {
        let word = self.vocabulary.take(word);
        let from_is_shared = self.node(from).is_some_and(|node| node.is_shared);
        let known = self.steps.get(&(from, word)).into_iter().flatten();
        let is_its_own = |node: &Node| node.is_shared && node.is_by_word;
        if from_is_shared
            && let Some(behind) = known.copied().find(|node| self.node(*node).is_some_and(is_its_own))
        {
            return behind;
        }
        let behind = self.push_node(from_is_shared);
        if let Some(node) = self.node_mut(behind) {
            node.is_by_word = true;
        }
        self.steps.entry((from, word)).or_default().push(behind);
        behind
    }

    fn behind_gap(&mut self, from: u32) -> u32 {
        let behind = self.push_node(false);
        let before = self.push_node(false);
        if let Some(node) = self.node_mut(before) {
            node.gap = Some(behind);
        }
        self.connect(from, before);
        behind
    }

    fn behind_either(&mut self, from: u32, all: &[Vec<Piece>], shared: &mut Shared) -> u32 {
        let behind = self.push_node(false);
        for pieces in all {
            if let [Piece::Word(word)] = pieces.as_slice() {
                let word = self.vocabulary.take(word);
                self.steps.entry((from, word)).or_default().push(behind);
            } else {
                let end = self.behind(from, pieces, shared);
                self.connect(end, behind);
            }
        }
        behind
    }

    fn connect(&mut self, from: u32, to: u32) {
        if let Some(node) = self.node_mut(from)
            && from != to
        {
            node.freely.push(to);
        }
    }

    fn push_node(&mut self, is_shared: bool) -> u32 {
        self.nodes.push(Node { is_shared, ..Node::default() });
        u32::try_from(self.nodes.len() - 1).unwrap_or(u32::MAX)
    }

    fn node(&self, node: u32) -> Option<&Node> {
        self.nodes.get(usize::try_from(node).ok()?)
    }

    fn node_mut(&mut self, node: u32) -> Option<&mut Node> {
        self.nodes.get_mut(usize::try_from(node).ok()?)
    }

    /// Looks for every pattern in a text as it was typed (already out of its address: [`crate::decode`]). The finds are in
    /// the order of where they begin; each pattern once for each place.
    pub fn find(&self, text: &str) -> Vec<Find> {
        let words = words(text);
        let mut readings = Readings::of(words.len());
        for at in 0..words.len() {
            self.read(&words, at, &mut readings);
        }
        let mut finds = Vec::new();
        let mut seen = HashSet::default();
        for from in 0..readings.ways.len() {
            if !readings.ways.get(from).is_none_or(|ways| ways.is_empty()) {
                self.walk(&readings, from, &mut seen, &mut finds);
            }
        }
        finds.sort_unstable();
        finds.dedup_by_key(|find| (find.from, find.pattern));
        finds.sort_unstable_by_key(|find| (find.from, find.pattern));
        finds
    }

    /// Whether a written word is a word of a pattern, as it stands.
    pub fn knows(&self, word: &str) -> bool {
        self.vocabulary.id(word).is_some()
    }

    /// Whether a written word is none of the patterns' words, and is read as one: what a list of ordinary words is for.
    pub fn takes_for_another(&self, word: &str) -> bool {
        !self.knows(word) && !self.vocabulary.meant(word).is_empty()
    }

    /// How the text can be read from the word at `at`.
    fn read(&self, words: &[String], at: usize, readings: &mut Readings) {
        let Some(word) = words.get(at) else { return };
        readings.push(at, at + 1, &self.vocabulary.meant(word));
        if word.chars().count() == 1 {
            self.read_apart(words, at, readings);
        }
        let is_known = self.is_known(word);
        if !is_known {
            readings.push_together(at, at + 1, &self.vocabulary.together(word));
        }
        let Some(next) = words.get(at + 1).filter(|next| word.len() > 1 && next.len() > 1) else { return };
        if !(is_known && self.is_known(next)) && word.len() + next.len() >= SHORTEST_BROKEN {
            let joined = format!("{word}{next}");
            readings.push(at, at + 2, &self.vocabulary.id(&joined).into_iter().collect());
        }
    }

    fn is_known(&self, word: &str) -> bool {
        self.vocabulary.id(word).is_some() || self.vocabulary.is_ordinary(word)
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
            readings.push_together(at, to, &self.vocabulary.together(&joined));
        }
    }

    /// Every way through the graph from one place.
    fn walk(
        &self,
        readings: &Readings,
        from: usize,
        seen: &mut HashSet<(usize, u32)>,
        finds: &mut Vec<Find>,
    ) {
        seen.clear();
        let mut open: SmallVec<[(usize, u32, usize); 32]> = SmallVec::from_slice(&[(from, 0, 0)]);
        while let Some((at, node, taken)) = open.pop() {
            if seen.len() >= MOST_STEPS || !seen.insert((at, node)) {
                continue;
            }
            let Some(here) = self.node(node) else { continue };
            let is_part = taken == 1 && (readings.is_within(from) || readings.is_within(at));
            if !is_part {
                let ends = here.ends.iter().filter_map(|pattern| usize::try_from(*pattern).ok());
                let (from, to) = (readings.word_of(from), readings.word_behind(at));
                finds.extend(ends.map(|pattern| Find { pattern, from, to }));
            }
            open.extend(here.freely.iter().map(|next| (at, *next, taken)));
            if let Some(behind) = here.gap {
                let most = if readings.is_within(at) { 0 } else { MOST_WORDS_IN_GAP };
                open.extend((0..=most).map(|left_out| (at + left_out, behind, taken)));
            }
            for (to, word) in readings.ways.get(at).into_iter().flatten() {
                let next = self.steps.get(&(node, *word)).into_iter().flatten();
                open.extend(next.map(|next| (*to, *next, taken + 1)));
            }
        }
    }
}

/// How a text can be read: places, and the ways on from each. The first places are the text's words, one more its end; then
/// come places within words that are run together.
struct Readings {
    words: usize,
    ways: Vec<SmallVec<[(usize, WordId); 2]>>,
    /// Of each place within a word: that word, and the one behind it.
    within: Vec<(usize, usize)>,
}

impl Readings {
    fn of(words: usize) -> Self {
        Self { words, ways: vec![SmallVec::new(); words + MOST_WORDS_IN_GAP + 1], within: Vec::new() }
    }

    fn first_within(&self) -> usize {
        self.words + MOST_WORDS_IN_GAP + 1
    }

    fn is_within(&self, at: usize) -> bool {
        at >= self.first_within()
    }

    fn word_of(&self, at: usize) -> usize {
        at.checked_sub(self.first_within())
            .and_then(|place| self.within.get(place))
            .map_or(at, |within| within.0)
    }

    fn word_behind(&self, at: usize) -> usize {
        at.checked_sub(self.first_within())
            .and_then(|place| self.within.get(place))
            .map_or(at, |within| within.1)
    }

    fn push(&mut self, at: usize, to: usize, meant: &Meant) {
        if let Some(ways) = self.ways.get_mut(at) {
            ways.extend(meant.iter().map(|word| (to, *word)));
        }
    }

    /// Words run together: a way from `at` to `to` over places of its own.
    fn push_together(&mut self, at: usize, to: usize, together: &[WordId]) {
        let mut here = at;
        for (place, word) in together.iter().enumerate() {
            let next = if place + 1 == together.len() {
                to
            } else {
                self.ways.push(SmallVec::new());
                self.within.push((at, to));
                self.ways.len() - 1
            };
            if let Some(ways) = self.ways.get_mut(here) {
                ways.push((next, *word));
            }
            here = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Sets;
    use proptest::prelude::*;

    const PATTERNS: [&str; 12] = [
        "(how to|) kill myself",
        "suicide",
        "self harm",
        "kys",
        "want to ~ die",
        "cocaine",
        "\u{445}\u{43e}\u{447}\u{443} \u{43f}\u{43e}\u{43c}\u{435}\u{440}\u{442}\u{438}",
        "\u{81ea}\u{6740}",
        "anorexia",
        "the end",
        "rapist",
        "self harm (urges|scars) (at|in the) night",
    ];

    fn patterns() -> Patterns {
        let read: Vec<Pattern> =
            PATTERNS.iter().map(|pattern| Pattern::read(pattern, &Sets::new()).unwrap()).collect();
        Patterns::new(&read, ["suicidal".to_owned()])
    }

    fn found(text: &str) -> Vec<&'static str> {
        let mut found: Vec<_> = patterns().find(text).iter().map(|find| PATTERNS[find.pattern]).collect();
        found.dedup();
        found
    }

    #[test]
    fn a_pattern_is_found_as_it_is_and_in_every_disguise() {
        for (text, expected) in [
            ("how to KILL myself", PATTERNS[0]),
            ("howtokillmyself", PATTERNS[0]),
            ("killmyself", PATTERNS[0]),
            ("k!ll my$elf", PATTERNS[0]),
            ("k i l l m y s e l f", PATTERNS[0]),
            ("killl mysefl", PATTERNS[0]),
            ("s-u-i-c-i-d-e", "suicide"),
            ("s u 1 c 1 d e", "suicide"),
            ("su\u{456}cid\u{435}", "suicide"),
            ("sui cide note", "suicide"),
            ("suuuiciiide", "suicide"),
            ("suiside", "suicide"),
            ("s**cide", "suicide"),
            ("s3lf h4rm", "self harm"),
            ("self-harm", "self harm"),
            ("#SelfHarm", "self harm"),
            ("K.Y.S", "kys"),
            ("k y s", "kys"),
            ("i want to just go and die", "want to ~ die"),
            ("i want to die", "want to ~ die"),
            ("i want todie", "want to ~ die"),
            ("c0caine", "cocaine"),
            (
                "\u{42f} \u{425}\u{43e}\u{447}\u{443} \u{43f}\u{43e}\u{43c}\u{435}\u{440}\u{442}\u{438}",
                PATTERNS[6],
            ),
            ("\u{600e}\u{4e48}\u{81ea}\u{6740}", PATTERNS[7]),
        ] {
            assert_eq!(found(text), [expected], "{text}");
        }
        assert_eq!(found("selfharm urges in the night"), ["self harm", PATTERNS[11]]);
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
            "therapist",
            "my therapist",
        ] {
            assert_eq!(found(text), [""; 0], "{text}");
        }
    }

    #[test]
    fn patterns_that_begin_alike_keep_apart() {
        let texts = [
            "(how to|ways to|) (cut|burn) (arms|legs)",
            "how to cut cake",
            "cut cake",
            "(how to|ways to|) (cut|burn) wood",
        ];
        let read = texts.map(|pattern| Pattern::read(pattern, &Sets::new()).unwrap());
        let patterns = Patterns::new(&read, []);
        for (text, expected) in [
            ("ways to burn legs", vec![0, 0]),
            ("burn cake", vec![]),
            ("ways to burn cake", vec![]),
            ("how to cut cake", vec![1, 2]),
            ("burn wood", vec![3]),
        ] {
            let found: Vec<usize> = patterns.find(text).iter().map(|find| find.pattern).collect();
            assert_eq!(found, expected, "{text}");
        }
    }

    #[test]
    fn a_find_says_where_it_stands() {
        let finds = patterns().find("why do i self harm");
        assert_eq!(finds, [Find { pattern: 2, from: 3, to: 5 }]);
        let finds = patterns().find("i selfharm now");
        assert_eq!(finds, [Find { pattern: 2, from: 1, to: 2 }]);
    }

    proptest! {
        #[test]
        fn any_text_is_searched(text in "\\PC{0,80}", letters in "[a-z0-9 *$!-]{0,80}") {
            let patterns = patterns();
            for text in [&text, &letters] {
                let words = crate::words::words(text).len();
                prop_assert!(patterns.find(text).iter().all(|find| find.from < find.to && find.to <= words));
            }
        }
    }
}
