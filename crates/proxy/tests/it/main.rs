//! The proxy between real clients and real origins on loopback.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test stops where what it takes for granted does not hold"
)]

mod certificates;
mod certificates_bad;
mod certificates_ours;
mod clamd;
mod client;
mod events;
mod guard;
mod hostile;
mod http2_to_the_proxy;
mod icap;
mod icap_programs;
mod inspection;
mod open_requests;
mod origin;
mod own_pages;
mod placement;
mod plain;
mod raw;
mod rules;
mod scan;
mod sharing;
mod sign_in;
mod squid;
mod streaming;
mod transparent;
mod tunnels;
mod ways_round;
mod ways_round_tools;
mod websockets;
mod world;
