//! The rules over batches of events, as the program runs them.

mod accuracy;
mod over_time;
mod school;
