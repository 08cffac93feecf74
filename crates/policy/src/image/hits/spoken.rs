//! All that lists say of a host or page: what counts, what is lifted, and what lifts it. For whoever asks why; a verdict
//! takes what decides and nothing else.
//!
//! Left out: rules that hold for some clients, devices or question types, where the question does not name them.

use super::{Extent, Image, Matches, Rank, Source, Voice, voice_of};
use crate::image::TrailRoom;
use crate::image::rules::{RuleAsk, RuleHit, RuleKind};
use crate::image::write::{Effect, Weight};
use model::{Category, Host, ListLine};

/// So many entries are told of one question.
pub const MOST_SPOKEN: usize = 1_000;

/// An entry of a list that speaks of a host or page.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Spoken {
    /// The category it speaks of.
    pub category: Category,
    /// The list, and its line.
    pub line: ListLine,
    /// What it does.
    pub effect: Effect,
    /// What it weighs.
    pub weight: Weight,
    /// What kind of entry it is.
    pub by: SpokenBy,
    /// True for a block that an exception of the same list and category outweighs.
    pub is_lifted: bool,
}

/// What kind of entry speaks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SpokenBy {
    /// A name or address: the host's own, or one above it.
    Name(String),
    /// A rule.
    Rule(RuleKind),
    /// A page of the host, where the question has no path.
    SomePages,
}

impl Image {
    /// Everything that lists say of a question, by category, list and line; at most [`MOST_SPOKEN`].
    pub fn spoken(&self, ask: &RuleAsk<'_>) -> Vec<Spoken> {
        let mut room = TrailRoom::default();
        let matches = self.matches(ask, self.trail(ask.host, &mut room)).confirmed(self, ask.host);
        let mut voices = Vec::new();
        matches.each_voice(&self.0, |voice| voices.push(voice));
        let mut spoken: Vec<Spoken> =
            voices.iter().filter_map(|voice| matches.told(self, ask.host, voice, None)).collect();
        let of_pages = |hit: &&RuleHit| hit.extent == Extent::SomePages;
        spoken.extend(
            matches
                .votes
                .iter()
                .filter(of_pages)
                .filter_map(|hit| matches.told(self, ask.host, &voice_of(0, hit), Some(hit.line))),
        );
        let order = |one: &Spoken| (one.category, one.line.list.clone(), one.line.line);
        spoken.sort_by_key(order);
        spoken.truncate(MOST_SPOKEN);
        spoken
    }
}

impl Matches {
    /// `page`: the line of an entry that speaks of some pages alone.
    fn told(&self, image: &Image, host: &Host, voice: &Voice, page: Option<u32>) -> Option<Spoken> {
        let line = page.or_else(|| self.line_of(&image.0, host, voice))?;
        let list = image.lists().get(usize::from(voice.list))?.id.clone();
        let by = match (page, voice.source) {
            (Some(_), _) => SpokenBy::SomePages,
            (None, Source::Name { .. }) => SpokenBy::Name(host.to_string().get(voice.start..)?.to_owned()),
            (None, Source::Rule(number)) => SpokenBy::Rule(self.votes.get(number)?.kind),
        };
        let (effect, weight) = match voice.rank {
            Rank::Block => (Effect::Block, Weight::Usual),
            Rank::Exception => (Effect::Exception, Weight::Usual),
            Rank::ImportantBlock => (Effect::Block, Weight::Important),
            Rank::ImportantException => (Effect::Exception, Weight::Important),
        };
        let is_lifted = !voice.rank.is_exception() && self.is_lifted(&image.0, voice);
        Some(Spoken {
            category: voice.category,
            line: ListLine { list, line },
            effect,
            weight,
            by,
            is_lifted,
        })
    }
}
