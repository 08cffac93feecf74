//! Journeys: the real program, a real Chromium, real clients, origins on loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

mod alerts;
mod authority_change;
mod badges;
mod browsing;
mod certificates;
mod command_line;
mod console;
mod dns;
mod dns_clients;
mod dns_clients_hostile;
mod every_door;
mod exports;
mod firefox;
mod gate;
mod h2load;
mod history;
mod history_place;
mod illegal_pages;
mod inspection_screen;
mod lists;
mod mail_server;
mod negotiate;
mod outside;
mod passkeys;
mod people_commands;
mod proxy_soak;
mod proxy_soak_checks;
mod proxy_soak_client;
mod proxy_soak_visitors;
mod recovery;
mod resolver;
mod restart;
mod roaming;
mod s_client;
mod school_day;
mod school_day_edges;
mod school_day_oracle;
mod soak;
mod swap_faults;
mod transparent;
mod transparent_program;
mod traps;
mod traps_rules;
mod ways_round;
mod who;
