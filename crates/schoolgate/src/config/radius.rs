//! `[radius]`: who may report by RADIUS accounting. Each key stands in `docs/running.md`.

use serde::Deserialize;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// RADIUS accounting; without a listener it is not taken.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct RadiusConfig {
    /// Where it listens, UDP; its usual port is 1813.
    pub(crate) listen: Option<SocketAddr>,
    /// Minutes from the last report of a session to its end, where no stop comes: three times the interim interval.
    pub(crate) session_timeout_minutes: u32,
    /// Who may report.
    pub(crate) client: Vec<RadiusClient>,
}

/// A switch, an access point, a controller or another RADIUS server.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RadiusClient {
    /// Its address.
    pub(crate) address: IpAddr,
    /// The file in `secrets` that holds the shared secret.
    pub(crate) secret: String,
}

impl Default for RadiusConfig {
    fn default() -> Self {
        Self { listen: None, session_timeout_minutes: 45, client: Vec::new() }
    }
}

impl RadiusConfig {
    pub(crate) fn session_timeout(&self) -> Duration {
        Duration::from_secs(u64::from(self.session_timeout_minutes.max(1)) * 60)
    }
}
