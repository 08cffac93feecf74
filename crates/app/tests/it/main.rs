//! The use cases, each against real records in memory, a real history in a temporary folder, and a clock that stands
//! still: the shipped policies, a small list image, made-up people.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helpers fail the test by panicking"
)]

mod accounts;
mod administrators;
mod alerts;
mod audit;
mod badges;
mod cases;
mod demo;
mod explaining;
mod exports;
mod factors;
mod history;
mod holds;
mod imports;
mod inspection;
mod lists;
mod log;
mod passwords;
mod policies;
mod recording;
mod reports;
mod rights;
mod screens;
mod sign_in;
mod world;
