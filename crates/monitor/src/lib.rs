//! Monitoring rules over the events of the history: who may be in danger, and what follows from many small things.
//!
//! - [`Rules`]: the rules, as data (`rules/*.toml`, a file for each theme), made ready for one school's languages and hours;
//! - [`step`]: a batch of events in, alerts out;
//! - [`State`]: what is remembered between batches; saved and restored as bytes.
//!
//! Left out on purpose: I/O, the policy, reading words out of a request (`inspect::search_words`), what becomes of an alert
//! (`app`), and pictures. Only what passes through the gate is seen: not the screen, and not the keyboard.
//!
//! Invariants: an alert never repeats what somebody typed; visits to help sites alert nobody; what is remembered is bounded
//! per person and in all; words that were typed are never part of a saved state.

mod attempts;
mod bytes;
mod error;
mod judge;
mod open;
#[cfg(test)]
mod ordinary;
mod rule_file;
mod rules;
mod saved;
mod spoken;
mod state;
mod step;
mod timetable;
mod trail;

pub use error::MonitorError;
pub use judge::Finding;
pub use rules::{Rules, Settings, Term};
pub use state::State;
pub use step::{Observed, step};
pub use timetable::Timetable;
