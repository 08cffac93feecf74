//! The parts of the bench one by one, for looking at a proxy with a profiler while it works:
//!
//! ```text
//! bench make-authority A; bench make-authority B
//! bench serve-origin A &                      # sites on port 443 of loopback addresses
//! bench serve-proxy LISTS B A &               # LISTS may be an empty folder; says where it listens
//! bench serve-relay B A &                     # or TLS alone
//! bench load-proxy ADDRESS B pages 10         # or `direct` and A; or connections, opened, unread (then A, who signs what is not opened), idle
//! ```

use super::client::{Expected, Way};
use super::load::{self, Watched, Work};
use super::{PATIENCE, authority};
use crate::error::BenchError;
use crate::say;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

/// Connections that are held for `idle`.
const IDLE: usize = 1_000;

/// Makes an authority in a folder.
pub(crate) fn make(folder: &Path) -> Result<(), BenchError> {
    authority::make(folder, "Bench").map(drop)
}

/// Puts load on the proxy at an address, or straight on the sites, whose answers must be signed by the authority of `signer`.
pub(crate) fn load(address: &str, signer: &Path, work: &str, seconds: &str) -> Result<(), BenchError> {
    let misread = |found: &str| BenchError::Arguments { found: found.to_owned() };
    let proxy = match address {
        "direct" => None,
        address => Some(address.parse().map_err(|_| misread(address))?),
    };
    let time = Duration::from_secs(seconds.parse().map_err(|_| misread(seconds))?).min(PATIENCE);
    let signer = authority::load(signer)?.certificate_der().clone();
    let way = Way::new(proxy, &signer, &Expected::new())?;
    let work = match work {
        "pages" => Work::Pages,
        "connections" => Work::Connections,
        "opened" => Work::OpenedBulk,
        "unread" => Work::UnreadBulk,
        "idle" => {
            let held = load::hold(&way, IDLE)?;
            say::result(&format!("holding {}", held.connections.len()));
            if let Some(fault) = held.stopped {
                return Err(fault);
            }
            let begun = Instant::now();
            while let Some(left) = time.checked_sub(begun.elapsed()) {
                thread::park_timeout(left);
            }
            return Ok(());
        }
        other => return Err(misread(other)),
    };
    let watched = Watched { proxy: None, own: &[] };
    let measured = load::run(&way, work, watched, [Duration::ZERO, time])?;
    say::result(&format!("{:.0} a second (bytes, where bulk was asked for)", measured.rate()));
    Ok(())
}
