//! What arrives from other systems: RADIUS accounting, by which switches and access points say who is at which address.
//!
//! Left out so far: syslog, CEF, EVE, accounting over TLS (RFC 6614). Left out on purpose: RADIUS authentication, which is
//! somebody else's server; policy and records.
//!
//! Invariants: nothing is believed of a sender that is not listed, or that does not prove the shared secret; every
//! message, table and wait is bounded; no log line names a person, a login or an address of theirs.

mod error;
mod packet;
mod server;
mod sessions;

pub use error::IntakeError;
pub use server::{AccountingClient, AccountingConfig, AccountingPorts, AccountingServer, Secret};
