//! The server through its sockets: real clients on loopback, and an upstream of the tests' own.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test ends where its helper does"
)]

mod world;

mod answers;
mod clients;
mod encrypted;
mod lists;
mod policy_journeys;
mod wires;
