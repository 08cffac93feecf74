//! The DNS server of the gate: it answers the school's questions by the school's policy, on UDP and TCP, over TLS and
//! over HTTPS.
//!
//! A question goes through one chain, written once in `chain`; whatever is let through comes from an upstream
//! resolver or from a cache, and the policy is asked before either. Every question that got a verdict becomes one
//! event of the history.
//!
//! Left out on purpose: DNS over QUIC; systems other than Linux; zones of our own beyond a table of local names.
//!
//! Invariants: the verdict is asked for every question, cached or not; no bytes from outside make it panic; queues,
//! tasks, sizes and waits have limits; nothing about a person, an address or a name goes into the log.

mod answer;
mod batch;
mod blocked;
mod cache;
mod chain;
mod client;
mod cloak;
mod config;
mod error;
mod https;
mod limit;
mod query;
mod quota;
mod reply;
mod scrub;
mod server;
mod special;
mod tcp;
mod tls;
mod turns;
mod upstream;
mod worker;

pub use config::{Certificate, DeviceTokens, DnsConfig, DnsPorts, Encrypted, RateLimit, TokenError};
pub use error::DnsError;
pub use server::{DnsServer, UpstreamHealth};
pub use upstream::{
    ForwardZone, ResolverConfig, ResolverError, UpstreamAddress, UpstreamCounts, UpstreamState,
    UpstreamTextError, Validation,
};
