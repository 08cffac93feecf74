//! Finished words only: what is still typed waits a moment, and what is said twice counts once.
//!
//! A page that searches with each letter makes a row of requests, each the beginning of the next. Only the last is judged.
//! Words that were sent off are judged at once; where they go on from what was just judged, they are the same attempt.

use crate::trail::{LastSaid, Moment, StillTyped, Trail};
use model::{Severity, Theme, Timestamp, Typing};

/// How long words that may still be typed wait for more.
pub(crate) const TYPING_MS: i64 = 700;
/// Within so long, words that go on from earlier ones are the same attempt.
const GOES_ON_MS: i64 = 15_000;
/// Within so long, the same words are the same search: its second page, its pictures.
const SAME_MS: i64 = 120_000;

/// Words that are ready to be judged.
#[derive(Debug)]
pub(crate) struct Ready {
    pub(crate) words: String,
    pub(crate) moment: Moment,
}

impl Trail {
    /// Takes words in, and gives those that are finished: none, those that waited, or these.
    pub(crate) fn say(&mut self, words: &str, typing: Typing, moment: &Moment) -> Vec<Ready> {
        let mut ready = Vec::new();
        if let Some(waiting) = self.typing.take()
            && !(goes_on(&waiting.words, words) && is_soon(waiting.moment.at, moment.at, GOES_ON_MS))
        {
            ready.push(Ready { words: waiting.words, moment: waiting.moment });
        }
        match typing {
            Typing::Going => {
                self.typing = Some(StillTyped { words: words.to_owned(), moment: moment.clone() });
            }
            Typing::Sent => ready.push(Ready { words: words.to_owned(), moment: moment.clone() }),
        }
        ready
    }

    /// Words that have waited long enough at `now`.
    pub(crate) fn finished(&mut self, now: Timestamp) -> Option<Ready> {
        let waiting = self.typing.take_if(|waiting| has_waited(waiting.moment.at, now))?;
        Some(Ready { words: waiting.words, moment: waiting.moment })
    }

    /// Words that wait, however long they did.
    pub(crate) fn unfinished(&mut self) -> Option<Ready> {
        self.typing.take().map(|waiting| Ready { words: waiting.words, moment: waiting.moment })
    }

    /// Whether these very words were judged a moment ago.
    pub(crate) fn has_judged(&self, ready: &Ready) -> bool {
        self.last
            .as_ref()
            .is_some_and(|last| last.words == ready.words && is_soon(last.at, ready.moment.at, SAME_MS))
    }

    /// Whether a find of this theme and severity was counted with words that these go on from.
    pub(crate) fn has_counted(&self, ready: &Ready, theme: Theme, severity: Severity) -> bool {
        self.last.as_ref().is_some_and(|last| {
            goes_on(&last.words, &ready.words)
                && is_soon(last.at, ready.moment.at, GOES_ON_MS)
                && last.found.iter().any(|(other, worst)| *other == theme && *worst <= severity)
        })
    }

    pub(crate) fn remember(&mut self, ready: Ready, found: impl IntoIterator<Item = (Theme, Severity)>) {
        let found = found.into_iter().collect();
        self.last = Some(LastSaid { words: ready.words, at: ready.moment.at, found });
    }
}

/// Whether words have waited long enough. Where the clock was set back they have: nobody knows how long they did.
pub(crate) fn has_waited(since: Timestamp, now: Timestamp) -> bool {
    now.0.saturating_sub(since.0).saturating_abs() >= TYPING_MS
}

/// Whether one text is the other with more at its end.
fn goes_on(one: &str, other: &str) -> bool {
    one.starts_with(other) || other.starts_with(one)
}

fn is_soon(before: Timestamp, after: Timestamp, within_ms: i64) -> bool {
    after.0.saturating_sub(before.0).abs() <= within_ms
}
