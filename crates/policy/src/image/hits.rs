//! What an image says of one host.

mod spoken;

pub use spoken::{MOST_SPOKEN, Spoken, SpokenBy};

use super::layout::{AddressKey, EXCEPTION, IMPORTANT};
use super::reasons::Reason;
use super::rule::DnsAnswer;
use super::rules::{Extent, RuleAsk, RuleHit};
use super::sets::SetEntry;
use super::table::{NO_SET, Slot};
use super::trail::Seen;
use super::write::{Effect, Weight};
use super::{Content, Image, Inner, Trail};
use model::{Category, CategorySet, Host, ListLine};
use std::borrow::Cow;
use std::cmp::Reverse;
use std::ops::ControlFlow;

/// The categories the lists put one host in, and, once asked for, the list's line and the name that matched.
///
/// The categories rest on a fingerprint of 40 bits and more; [`Hits::line`] compares the name itself. A decision that
/// rests on a category asks for its line.
#[derive(Clone, Debug)]
pub struct Hits<'a> {
    image: &'a Image,
    host: &'a Host,
    matches: Matches,
}

impl<'a> Hits<'a> {
    pub(super) fn new(image: &'a Image, host: &'a Host, matches: Matches) -> Self {
        Self { image, host, matches }
    }

    /// The categories of the host.
    pub fn categories(&self) -> CategorySet {
        self.matches.categories
    }

    /// The list and line that put it in `category`; `None` also where the name only looked like a listed one.
    pub fn line(&self, category: Category) -> Option<ListLine> {
        let Self { image, host, matches } = self;
        let line = Listed { image, host, matches }.line(category);
        line.or_else(|| {
            // A name that only looked like a listed one may have stood before one that is.
            let matches = &matches.clone().confirmed(image, host);
            Listed { image, host, matches }.line(category)
        })
    }

    /// The listed name that matched for `category`, such as `example.com` for the host `www.example.com`.
    pub fn name(&self, category: Category) -> Option<Cow<'a, str>> {
        let matches = self.matches.clone().confirmed(self.image, self.host);
        let voice = matches.deciding(&self.image.0, self.host, category)?;
        match self.host {
            Host::Name(name) => name.get(voice.start..).map(Cow::Borrowed),
            Host::Address(address) => Some(Cow::Owned(address.to_string())),
        }
    }

    /// True when no list has it in a category.
    pub fn is_empty(&self) -> bool {
        self.matches.categories.is_empty()
    }
}

/// What an image says of a host, while both are at hand.
#[derive(Clone, Copy)]
pub(crate) struct Listed<'a> {
    pub(crate) image: &'a Image,
    pub(crate) host: &'a Host,
    pub(crate) matches: &'a Matches,
}

impl Matches {
    /// Lets go of names that only looked like listed ones; for when a decision found no line.
    pub(crate) fn confirmed(mut self, image: &Image, host: &Host) -> Self {
        self.confirm(&image.0, host);
        self
    }
}

impl Listed<'_> {
    /// True once every name was compared.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.matches.excepts
    }

    pub(crate) fn categories(&self) -> CategorySet {
        self.matches.categories
    }

    /// The categories of pages of the host, where the question has no path yet.
    pub(crate) fn categories_of_pages(&self) -> CategorySet {
        self.matches.of_pages
    }

    /// The line that puts the host, or the pages of it, in the category.
    pub(crate) fn line(&self, category: Category) -> Option<ListLine> {
        let image = &self.image.0;
        let voice = self.matches.deciding(image, self.host, category);
        let line = match voice {
            Some(voice) => (voice.list, self.matches.line_of(image, self.host, &voice)?),
            None => {
                let of_pages = |hit: &&RuleHit| hit.extent == Extent::SomePages && hit.category == category;
                let hit =
                    self.matches.votes.iter().filter(of_pages).min_by_key(|hit| (hit.list, hit.line))?;
                (hit.list, hit.line)
            }
        };
        let list = image.lists.get(usize::from(line.0))?;
        Some(ListLine { list: list.id.clone(), line: line.1 })
    }

    /// How DNS answers where the category decides; `None`: as usual.
    pub(crate) fn answer(&self, category: Category) -> Option<&DnsAnswer> {
        // Only rules have one.
        if self.matches.votes.is_empty() {
            return None;
        }
        let voice = self.matches.deciding(&self.image.0, self.host, category)?;
        let Source::Rule(number) = voice.source else { return None };
        let answer = &self.matches.votes.get(number)?.answer;
        (*answer != DnsAnswer::AsUsual).then_some(answer)
    }
}

/// The names and rules that speak of a host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Matches {
    near: [Place; NEAR],
    count: usize,
    /// What has no room in `near`; almost always nothing.
    more: Vec<Place>,
    votes: Vec<RuleHit>,
    categories: CategorySet,
    of_pages: CategorySet,
    /// True when an exception may be among them, so that the sets alone do not say what stands; then every name is
    /// compared before anything else.
    excepts: bool,
}

const NEAR: usize = 4;

/// A listed name, and where in the host's text it begins.
#[derive(Clone, Copy, Debug, Default)]
struct Place {
    slot: Slot,
    start: usize,
}

/// Which entry of a list decides for a category; the greater does.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Rank {
    Block,
    Exception,
    ImportantBlock,
    ImportantException,
}

impl Rank {
    /// The rank that the flags of a stored entry give it.
    pub(super) fn of(flags: u8) -> Self {
        Self::new(flags & EXCEPTION != 0, flags & IMPORTANT != 0)
    }

    fn of_rule(hit: &RuleHit) -> Self {
        Self::new(hit.effect == Effect::Exception, hit.weight == Weight::Important)
    }

    fn new(exception: bool, important: bool) -> Self {
        match (exception, important) {
            (false, false) => Self::Block,
            (true, false) => Self::Exception,
            (false, true) => Self::ImportantBlock,
            (true, true) => Self::ImportantException,
        }
    }

    pub(super) fn is_exception(self) -> bool {
        matches!(self, Self::Exception | Self::ImportantException)
    }
}

/// One entry or rule that speaks of the host.
#[derive(Clone, Copy, Debug)]
struct Voice {
    category: Category,
    list: u16,
    rank: Rank,
    start: usize,
    source: Source,
}

/// Where a voice comes from, by number.
#[derive(Clone, Copy, Debug)]
enum Source {
    Name { place: usize, entry: usize },
    Rule(usize),
}

impl Matches {
    /// All that the image has on the host; `trail`: the host's, of this image.
    pub(super) fn find(image: &Inner, content: &Content, ask: &RuleAsk<'_>, trail: Trail<'_>) -> Self {
        let mut matches = Self::default();
        let host = ask.host;
        for mark in trail.marks {
            let mut take_in =
                |slot| matches.take_in(image, content, host, Place { slot, start: mark.start() });
            match mark.seen {
                Seen::Absent => {}
                // A slot with a set is always taken, so that nothing behind it is asked.
                Seen::At(slot) if slot.set != NO_SET => {
                    let _always_taken = take_in(slot);
                }
                Seen::At(_) | Seen::NotLookedFor => content.table().find(mark.hash, take_in),
            }
        }
        if !content.rules.is_empty() {
            content.rules.look(ask, &mut |hit| matches.votes.push(hit));
        }
        if matches.excepts || !matches.votes.is_empty() {
            matches.confirm(image, host);
        }
        matches
    }

    /// True when the name in the slot is to be taken for the one looked for. Where it certainly is not, the search goes on.
    #[inline]
    fn take_in(&mut self, image: &Inner, content: &Content, host: &Host, place: Place) -> ControlFlow<()> {
        if place.slot.set == NO_SET {
            if !is_listed(image, content, host, place) {
                return ControlFlow::Continue(());
            }
            // The entries are read with all others, once all names are known.
            self.excepts = true;
        } else if let Some(set) = content.sets.get(place.slot.set) {
            let categories = if place.start == 0 { set.at } else { set.below };
            self.categories = self.categories.union(categories);
            self.excepts |= set.excepts;
            if categories.is_empty() && !set.excepts {
                return ControlFlow::Break(());
            }
        }
        self.push(place);
        ControlFlow::Break(())
    }

    fn push(&mut self, place: Place) {
        match self.near.get_mut(self.count) {
            Some(free) => {
                *free = place;
                self.count += 1;
            }
            None => self.more.push(place),
        }
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        self.near.iter().take(self.count).chain(&self.more)
    }

    /// Compares every name, lets go of those that only looked like one above the host, and counts anew what stands.
    fn confirm(&mut self, image: &Inner, host: &Host) {
        let Some(content) = &image.content else { return };
        let places: Vec<Place> = self.places().copied().collect();
        (self.count, self.more) = (0, Vec::new());
        for place in places {
            if is_listed(image, content, host, place) {
                self.push(place);
            }
        }
        let mut spoken_of = CategorySet::EMPTY;
        self.each_voice(image, |voice| spoken_of = spoken_of.with(voice.category));
        self.excepts = true;
        let stands = |category: &Category| self.deciding(image, host, *category).is_some();
        self.categories = spoken_of.iter().filter(stands).collect();
        self.of_pages = self
            .votes
            .iter()
            .filter(|hit| hit.extent == Extent::SomePages && !self.is_lifted(image, &voice_of(0, hit)))
            .map(|hit| hit.category)
            .collect();
    }

    /// The voice that puts the host in the category.
    fn deciding(&self, image: &Inner, host: &Host, category: Category) -> Option<Voice> {
        let mut deciding: Option<Voice> = None;
        self.each_voice(image, |voice| {
            if voice.category != category || voice.rank.is_exception() {
                return;
            }
            if self.excepts && self.is_lifted(image, &voice) {
                return;
            }
            let before = |held: &Voice| {
                let order = |voice: &Voice| (Reverse(voice.rank), voice.start, voice.list);
                order(&voice)
                    .cmp(&order(held))
                    .then_with(|| self.line_of(image, host, &voice).cmp(&self.line_of(image, host, held)))
            };
            if deciding.as_ref().is_none_or(|held| before(held).is_lt()) {
                deciding = Some(voice);
            }
        });
        deciding
    }

    /// True when an exception of the voice's own list and category weighs more.
    fn is_lifted(&self, image: &Inner, voice: &Voice) -> bool {
        let mut lifted = false;
        self.each_voice(image, |other| {
            lifted |= (other.list, other.category) == (voice.list, voice.category)
                && other.rank.is_exception()
                && other.rank > voice.rank
                && self.lifts_answer(&other, voice);
        });
        lifted
    }

    /// An exception with an answer lifts rules with the same answer alone; one with no addresses, rules with any.
    fn lifts_answer(&self, exception: &Voice, voice: &Voice) -> bool {
        let lifted = self.answer_of(exception);
        match lifted {
            DnsAnswer::AsUsual => true,
            DnsAnswer::Addresses(none) if none.is_empty() => *self.answer_of(voice) != DnsAnswer::AsUsual,
            answer => answer == self.answer_of(voice),
        }
    }

    fn answer_of(&self, voice: &Voice) -> &DnsAnswer {
        let Source::Rule(number) = voice.source else { return &DnsAnswer::AsUsual };
        self.votes.get(number).map_or(&DnsAnswer::AsUsual, |hit| &hit.answer)
    }

    /// Tells of each voice but those that speak of some pages alone.
    fn each_voice(&self, image: &Inner, mut on_voice: impl FnMut(Voice)) {
        let Some(content) = &image.content else { return };
        for (number, place) in self.places().enumerate() {
            let mut on_entry = |entry: usize, of: SetEntry| {
                if of.covers(place.start) && !of.is_void() {
                    let source = Source::Name { place: number, entry };
                    let rank = Rank::of(of.flags);
                    on_voice(Voice {
                        category: of.category,
                        list: of.list,
                        rank,
                        start: place.start,
                        source,
                    });
                }
            };
            if place.slot.set == NO_SET {
                let reason = Reason::read(image, content, place.slot);
                let entries = reason.into_iter().flat_map(Reason::entries);
                entries.enumerate().for_each(|(entry, (of, _))| on_entry(entry, of));
            } else {
                let entries = content.sets.entries(place.slot.set);
                entries.iter().enumerate().for_each(|(entry, of)| on_entry(entry, *of));
            }
        }
        for (number, hit) in self.votes.iter().enumerate() {
            let void = hit.category == Category::ILLEGAL && hit.effect == Effect::Exception;
            if hit.extent == Extent::Asked && !void {
                on_voice(voice_of(number, hit));
            }
        }
    }

    /// The line of a voice; `None` where the name is another one.
    fn line_of(&self, image: &Inner, host: &Host, voice: &Voice) -> Option<u32> {
        match voice.source {
            Source::Rule(number) => self.votes.get(number).map(|hit| hit.line),
            Source::Name { place, entry } => {
                let place = self.places().nth(place)?;
                let reason = Reason::read(image, image.content.as_ref()?, place.slot)?;
                if !is_reason_of(&reason, host, place.start) {
                    return None;
                }
                reason.entries().nth(entry).map(|(_, line)| line)
            }
        }
    }
}

fn voice_of(number: usize, hit: &RuleHit) -> Voice {
    let RuleHit { category, list, start, .. } = *hit;
    Voice { category, list, rank: Rank::of_rule(hit), start, source: Source::Rule(number) }
}

fn is_listed(image: &Inner, content: &Content, host: &Host, place: Place) -> bool {
    Reason::read(image, content, place.slot).is_some_and(|reason| is_reason_of(&reason, host, place.start))
}

fn is_reason_of(reason: &Reason<'_>, host: &Host, start: usize) -> bool {
    match host {
        Host::Name(name) => name.as_bytes().get(start..).is_some_and(|name| reason.is_of(name)),
        Host::Address(address) => reason.is_of(AddressKey::new(*address).as_bytes()),
    }
}
