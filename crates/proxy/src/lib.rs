//! The web proxy: explicit HTTP and CONNECT, TLS inspection with HTTP/1.1 and HTTP/2, its own pages, and ICAP for others.
//!
//! Left out so far: client certificates towards origins, HTTP/3. `docs/proxy.md` has the whole list.
//!
//! Invariants: what is not decided is not reached; each request is decided for itself, by the snapshot in force when it
//! comes; an origin whose certificate is not good is never passed on as good; the address that was checked is the
//! address that is connected to; every queue, body, wait and number of connections is bounded; no log line names a
//! host, an address on the web or a person.
//!
//! A connection goes through these phases, in this order (field `phase` of log lines):
//!
//! 1. `connect`: who asks for which host, and whether the tunnel is refused before anything is read from it;
//! 2. `hello`: what the client says first decides between TLS, plain HTTP and everything else;
//! 3. `request`: each request is decided with its path;
//! 4. `response`: the origin's head, cleaned of what is only between us and the origin;
//! 5. `body`: both bodies flow through and are counted; only files that are scanned are held, within bounds;
//! 6. `done`: one event goes to history.

mod ca;
mod caller;
mod certificate;
mod client_tls;
mod config;
mod der;
mod dial;
mod door;
mod error;
mod explicit;
mod forward;
mod gate;
mod headers;
mod hello;
mod icap;
mod inner;
mod intermediates;
mod leaf;
mod link;
mod listen;
mod lookup;
mod low_water;
mod pac;
mod pace;
mod pages;
mod peek;
mod peer;
mod pool;
mod provider;
mod pump;
mod resolve;
mod revocation;
mod roll_out;
mod rules;
mod scan;
mod scratch;
mod server_certificate;
mod side_fetch;
mod sign_in;
mod sign_in_portal;
mod socket;
mod splice;
mod streams;
mod tally;
mod transparent;
mod transparent_rules;
mod tunnel;
mod turns;
mod verify;
mod visit;
mod ways_round;
mod websocket;

pub use ca::CertificateAuthority;
pub use config::{Config, Icap, Limits, Ports, Transparent, TransparentMode};
pub use error::ProxyError;
#[doc(hidden)]
pub use icap::transcript as icap_transcript;
pub use leaf::{LeafSigner, Likeness, Validity};
pub use listen::{Addresses, Proxy};
pub use lookup::SystemLookup;
pub use pac::{PacDirect, PacRule, PacWay};
pub use resolve::Resolver;
pub use revocation::RevocationCounts;
pub use roll_out::{PackFile, roll_out_packs};
pub use scan::{ScanConfig, ScanCounts, ScanService};
pub use server_certificate::ServerCertificate;
pub use sign_in::{Keytab, Negotiate, PlainPasswords, ServiceKeys};
pub use transparent_rules::{RulesError, nftables};
