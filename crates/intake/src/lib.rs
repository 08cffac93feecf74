//! What arrives from other systems: RADIUS accounting, by which switches and access points say who is at which address;
//! logs by syslog, in the forms that firewalls, servers and sensors write; and that nothing arrives where something should.
//!
//! Left out so far: accounting over TLS (RFC 6614), Windows' event XML, osquery. Left out on purpose: RADIUS
//! authentication, which is somebody else's server; policy and records.
//!
//! Invariants: nothing is believed of a sender that is not listed, or that does not prove the shared secret; every
//! message, table and wait is bounded; no log line names a person, a login or an address of theirs.

mod clock_watch;
mod detect;
mod error;
mod log_seen;
mod log_server;
mod log_shelf;
mod log_tls;
mod logs;
mod packet;
mod server;
mod sessions;
mod silence;

pub use clock_watch::{ClockKept, ClockWatch};
pub use detect::{Detectors, Finding, Privileges, Scans};
pub use error::IntakeError;
pub use log_seen::{LogSenderSeen, LogsSeen};
pub use log_server::{LogAddresses, LogConfig, LogPorts, LogSender, LogServer};
pub use log_shelf::LogShelf;
pub use log_tls::log_tls;
pub use logs::event::{Deed, MOST_LINE_BYTES, OutsideEvent};
pub use logs::normalise::read_line;
pub use server::{AccountingClient, AccountingConfig, AccountingPorts, AccountingServer, Secret};
pub use silence::{Expected, ExpectedIn, SchoolHours, Silences, Watched};
