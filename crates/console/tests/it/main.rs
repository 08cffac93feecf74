//! The console as its visitors meet it: over TLS, with real use cases behind it, and every role at the door.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by it")]

mod accounts;
mod factors;
mod journeys;
mod permissions;
mod school;
mod schools;
mod wire;
