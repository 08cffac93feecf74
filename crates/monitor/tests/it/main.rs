//! The rules over batches of events, as the program runs them.

#![expect(clippy::unwrap_used, reason = "a test ends where its helper does")]

mod accuracy;
mod over_time;
mod public_list;
mod school;
