//! Journeys: the real program, a real Chromium, real clients, origins on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alerts;
mod browsing;
mod certificates;
mod command_line;
mod console;
mod dns;
mod dns_clients;
mod dns_clients_hostile;
mod gate;
mod illegal_pages;
mod lists;
mod outside;
mod resolver;
mod restart;
mod roaming;
mod school_day;
mod school_day_edges;
mod school_day_oracle;
mod soak;
mod swap_faults;
mod transparent;
mod traps;
mod traps_rules;
mod who;
