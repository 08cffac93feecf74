//! The DNS server of the gate: it answers the school's questions by the school's policy, on UDP and TCP.
//!
//! A question goes through one chain, written once in `chain`; whatever is let through comes from an upstream
//! resolver or from a cache, and the policy is asked before either. Every question that got a verdict becomes one
//! event of the history.
//!
//! Left out on purpose: DNS over TLS, HTTPS and QUIC; validating DNSSEC (that is the upstream's, its `AD` bit is passed
//! on); zones of our own beyond a table of local names; serving stale answers.
//!
//! Invariants: the verdict is asked for every question, cached or not; no bytes from outside make it panic; queues,
//! tasks, sizes and waits have limits; nothing about a person, an address or a name goes into the log.

mod answer;
mod blocked;
mod cache;
mod chain;
mod cloak;
mod config;
mod error;
mod query;
mod quota;
mod scrub;
mod server;
mod special;
mod tcp;
mod udp;
mod upstream;

pub use config::{DnsConfig, DnsPorts};
pub use error::DnsError;
pub use server::DnsServer;
