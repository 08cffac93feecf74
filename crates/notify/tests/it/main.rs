//! Messages as a real mail server and real HTTPS receivers get them.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "a test fails by panicking")]

mod mail;
mod posts;
mod world;
