//! The words of all patterns, and which of them a written word may mean.
//!
//! Invariants: a word that is in the vocabulary means itself alone; an ordinary word means nothing else, however near it
//! lies; a slip is only forgiven in words of [`SHORTEST_WITH_SLIP`] letters and more.

use crate::disguise::{self, Candidates};
use foldhash::{HashMap, HashSet};
use smallvec::SmallVec;

/// The place of a word in the vocabulary.
pub(crate) type WordId = u32;
/// The words that a written one may mean.
pub(crate) type Meant = SmallVec<[WordId; 2]>;

/// Words run together.
pub(crate) type Together = SmallVec<[WordId; 8]>;

/// The shortest word, in letters, in which a slip is forgiven.
const SHORTEST_WITH_SLIP: usize = 6;
/// The longest word, in bytes, that is looked at for disguise.
const LONGEST_DISGUISED: usize = 48;
/// The shortest word, in bytes, that is read as several run together.
const SHORTEST_TOGETHER: usize = 5;
/// The most words that are run together.
const MOST_TOGETHER: usize = 8;
/// The most words that one written word may mean.
const MOST_MEANT: usize = 4;

#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    words: Vec<Box<str>>,
    ids: HashMap<Box<str>, WordId>,
    /// Long words by each form of theirs that lacks one letter other than the first, and by themselves.
    lacking: HashMap<Box<str>, SmallVec<[WordId; 1]>>,
    /// Words by first letter and length in bytes, for those with hidden letters.
    shapes: HashMap<(u8, usize), Vec<WordId>>,
    ordinary: HashSet<Box<str>>,
}

impl Vocabulary {
    pub(crate) fn with_ordinary(ordinary: impl IntoIterator<Item = String>) -> Self {
        Self { ordinary: ordinary.into_iter().map(String::into_boxed_str).collect(), ..Self::default() }
    }

    /// The word's id, made where it is new.
    pub(crate) fn take(&mut self, word: &str) -> WordId {
        if let Some(id) = self.ids.get(word) {
            return *id;
        }
        let id = WordId::try_from(self.words.len()).unwrap_or(WordId::MAX);
        self.words.push(word.into());
        self.ids.insert(word.into(), id);
        if let Some(first) = word.bytes().next() {
            self.shapes.entry((first, word.len())).or_default().push(id);
        }
        if word.chars().count() >= SHORTEST_WITH_SLIP {
            self.lacking.entry(word.into()).or_default().push(id);
            for_each_lacking(word, |lacking| self.lacking.entry(lacking.into()).or_default().push(id));
        }
        id
    }

    pub(crate) fn id(&self, word: &str) -> Option<WordId> {
        self.ids.get(word).copied()
    }

    pub(crate) fn is_ordinary(&self, word: &str) -> bool {
        self.ordinary.contains(word)
    }

    /// The words that a written one may mean; nothing where it means only itself, and that is no word of ours.
    pub(crate) fn meant(&self, word: &str) -> Meant {
        if let Some(id) = self.id(word) {
            return Meant::from_slice(&[id]);
        }
        let mut meant = Meant::new();
        if word.len() > LONGEST_DISGUISED || word.len() < 3 || self.is_ordinary(word) {
            return meant;
        }
        if word.contains('*') {
            self.hidden(word, &mut meant);
            return meant;
        }
        let mut written: Candidates = disguise::in_letters(word);
        written.extend(disguise::in_latin(word).into_iter().flat_map(|latin| {
            let mut readings = disguise::in_letters(&latin);
            readings.push(latin);
            readings
        }));
        written.retain(|candidate| !self.is_ordinary(candidate));
        for candidate in std::iter::once(word).chain(written.iter().map(String::as_str)) {
            self.undisguised(candidate, &mut meant);
        }
        if meant.is_empty() {
            for candidate in std::iter::once(word).chain(written.iter().map(String::as_str)) {
                self.with_slip(candidate, &mut meant);
            }
        }
        meant.truncate(MOST_MEANT);
        meant
    }

    /// As [`Self::meant`], of letters that were written apart: no slip is forgiven there.
    pub(crate) fn meant_apart(&self, joined: &str) -> Meant {
        let mut meant = Meant::new();
        self.undisguised(joined, &mut meant);
        for candidate in disguise::in_letters(joined) {
            self.undisguised(&candidate, &mut meant);
        }
        meant.truncate(MOST_MEANT);
        meant
    }

    /// The words that are run together in one, in their order: as few as it can be; nothing where it cannot be.
    pub(crate) fn together(&self, word: &str) -> Together {
        let letters: SmallVec<[usize; 64]> =
            word.char_indices().map(|(at, _)| at).chain([word.len()]).collect();
        if !(SHORTEST_TOGETHER..=LONGEST_DISGUISED).contains(&word.len()) {
            return Together::new();
        }
        // Of each place the fewest words that lead to it, the place the last of them begins, and the word.
        let mut best: SmallVec<[Option<(usize, usize, WordId)>; 64]> = SmallVec::new();
        for (place, end) in letters.iter().enumerate() {
            let mut fewest = None;
            for (start_place, start) in letters.iter().take(place).enumerate() {
                let before = match best.get(start_place) {
                    _ if start_place == 0 => 0,
                    Some(Some((words, _, _))) => *words,
                    _ => continue,
                };
                let Some(part) = word.get(*start..*end).filter(|part| part.len() > 1 || is_whole(part))
                else {
                    continue;
                };
                let is_fewer = fewest.is_none_or(|(words, _, _)| before + 1 < words);
                if let Some(id) = self.id(part).filter(|_| is_fewer) {
                    fewest = Some((before + 1, start_place, id));
                }
            }
            best.push(fewest);
        }
        let mut together = Together::new();
        let mut place = letters.len().saturating_sub(1);
        while let Some(Some((_, start, id))) = best.get(place).filter(|_| place > 0) {
            together.push(*id);
            place = *start;
        }
        together.reverse();
        if place == 0 && (2..=MOST_TOGETHER).contains(&together.len()) { together } else { Together::new() }
    }

    fn undisguised(&self, candidate: &str, meant: &mut Meant) {
        if let Some(id) = self.id(candidate) {
            self.push(Some(id), meant);
            return;
        }
        for shorter in disguise::without_repeats(candidate) {
            self.push(self.id(&shorter), meant);
        }
    }

    fn with_slip(&self, word: &str, meant: &mut Meant) {
        if word.chars().count() < SHORTEST_WITH_SLIP {
            return;
        }
        let mut look = |form: &str| {
            for id in self.lacking.get(form).into_iter().flatten() {
                let near = usize::try_from(*id).ok().and_then(|place| self.words.get(place));
                if near.is_some_and(|near| disguise::is_one_slip(word, near)) {
                    self.push(Some(*id), meant);
                }
            }
        };
        look(word);
        for_each_lacking(word, look);
    }

    fn hidden(&self, word: &str, meant: &mut Meant) {
        let Some(first) = word.bytes().next() else { return };
        for id in self.shapes.get(&(first, word.len())).into_iter().flatten() {
            let hidden = usize::try_from(*id).ok().and_then(|place| self.words.get(place));
            if hidden.is_some_and(|hidden| disguise::may_hide(word, hidden)) {
                self.push(Some(*id), meant);
            }
        }
        meant.truncate(MOST_MEANT);
    }

    fn push(&self, id: Option<WordId>, meant: &mut Meant) {
        if let Some(id) = id.filter(|id| !meant.contains(id)) {
            meant.push(id);
        }
    }
}

/// A single letter that is a word.
fn is_whole(letter: &str) -> bool {
    matches!(letter, "i" | "a" | "u")
}

/// Every form of the word that lacks one letter other than the first.
fn for_each_lacking(word: &str, mut look: impl FnMut(&str)) {
    let mut lacking = String::with_capacity(word.len());
    for (at, character) in word.char_indices().skip(1) {
        lacking.clear();
        lacking.push_str(word.get(..at).unwrap_or_default());
        lacking.push_str(word.get(at + character.len_utf8()..).unwrap_or_default());
        look(&lacking);
    }
}
