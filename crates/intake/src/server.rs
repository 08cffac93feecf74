//! The listener: UDP, one packet after the other. A report is a few table entries, so one task keeps up with a trust.

use crate::IntakeError;
use crate::packet::{MOST_BYTES, Rejected, Request};
use crate::sessions::{Ground, Outcome, Sessions};
use model::{Clock, CurrentRoster, IdentityMap, Timestamp};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

/// A repeated question is answered again from what was said, for so long (RFC 5080, section 2.2.2).
const REPEATS_MS: i64 = 30_000;
/// The most answers that are kept for that; when there are more, all are forgotten: a repeated report changes little.
const MOST_REPEATS: usize = 8_192;
/// How often ended sessions are cleared away, and what was rejected is told.
const TIDY: Duration = Duration::from_secs(60);
/// After the system could not hand over a packet it is asked again so late.
const AFTER_ERROR: Duration = Duration::from_millis(100);

/// A shared secret (RFC 2866, section 3). Wiped when dropped; never printed.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

impl Secret {
    /// The fewest bytes: whoever hears one packet can try shorter ones at leisure (RFC 2865, section 3, asks for 16).
    pub const LEAST_BYTES: usize = 16;

    /// Takes a secret as it lies in its file, without the line's end.
    ///
    /// # Errors
    /// [`IntakeError::WeakSecret`] for one that is shorter than [`Secret::LEAST_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Self, IntakeError> {
        let secret = bytes.trim_ascii_end();
        if secret.len() < Self::LEAST_BYTES {
            return Err(IntakeError::WeakSecret { least: Self::LEAST_BYTES, found: secret.len() });
        }
        Ok(Self(Zeroizing::new(secret.to_vec())))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

/// Who may report: a switch, an access point, a controller, another RADIUS server.
#[derive(Clone, Debug)]
pub struct AccountingClient {
    /// Its address.
    pub address: IpAddr,
    /// What it shares with us.
    pub secret: Secret,
}

/// The listener's settings.
#[derive(Clone, Debug)]
pub struct AccountingConfig {
    /// Where to listen; the usual port is 1813.
    pub listen: SocketAddr,
    /// Who may report.
    pub clients: Vec<AccountingClient>,
    /// From the last report of a session to its end, where no stop comes.
    pub session_timeout: Duration,
}

/// What the listener works with.
#[derive(Clone, Debug)]
pub struct AccountingPorts {
    /// The people by whose logins sessions are understood.
    pub roster: Arc<CurrentRoster>,
    /// Where it is noted who is at which address.
    pub identities: Arc<IdentityMap>,
    /// The time.
    pub clock: Clock,
}

/// RADIUS accounting, listening and not yet answering.
#[derive(Debug)]
pub struct AccountingServer {
    socket: UdpSocket,
    address: SocketAddr,
    desk: Desk,
}

/// What is known between packets.
#[derive(Debug)]
struct Desk {
    secrets: HashMap<IpAddr, Secret>,
    timeout_ms: i64,
    ports: AccountingPorts,
    sessions: Sessions,
    answered: HashMap<Repeat, Timestamp>,
    rejected: u64,
    nobody_known: u64,
}

/// What tells a repeated question from a new one: whence it came, its identifier and its authenticator.
type Repeat = (SocketAddr, u8, [u8; 16]);

impl AccountingServer {
    /// Takes the port.
    ///
    /// # Errors
    /// [`IntakeError`]: nobody is listed, or the port cannot be listened on.
    pub async fn bind(config: AccountingConfig, ports: AccountingPorts) -> Result<Self, IntakeError> {
        if config.clients.is_empty() {
            return Err(IntakeError::NobodyListed);
        }
        let failed = |source| IntakeError::Listen { address: config.listen, source };
        let socket = UdpSocket::bind(config.listen).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let secrets =
            config.clients.into_iter().map(|client| (client.address.to_canonical(), client.secret)).collect();
        let desk = Desk {
            secrets,
            timeout_ms: i64::try_from(config.session_timeout.as_millis()).unwrap_or(i64::MAX),
            ports,
            sessions: Sessions::default(),
            answered: HashMap::new(),
            rejected: 0,
            nobody_known: 0,
        };
        Ok(Self { socket, address, desk })
    }

    /// Where it listens, with the port the system chose where it was asked for port 0.
    pub fn local_addr(&self) -> SocketAddr {
        self.address
    }

    /// Takes reports until it is told to stop.
    pub async fn run(mut self, stop: CancellationToken) {
        let mut packet = vec![0; MOST_BYTES];
        let mut tidy = tokio::time::interval(TIDY);
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                _ = tidy.tick() => {
                    self.desk.tidy();
                    continue;
                }
                received = self.socket.recv_from(&mut packet) => received,
            };
            match received {
                Ok((length, from)) => {
                    let bytes = packet.get(..length).unwrap_or_default();
                    if let Some(response) = self.desk.take(bytes, from)
                        && let Err(error) = self.socket.send_to(&response, from).await
                    {
                        tracing::debug!(%error, "a RADIUS response could not be sent");
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "a RADIUS packet could not be received");
                    tokio::time::sleep(AFTER_ERROR).await;
                }
            }
        }
    }
}

impl Desk {
    /// The response, where there is to be one. What is not proven gets none (RFC 2866, section 3).
    fn take(&mut self, bytes: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
        let sender = from.ip().to_canonical();
        let Some(secret) = self.secrets.get(&sender) else {
            return self.reject("its sender is not listed");
        };
        let request = match Request::read(bytes, &secret.0) {
            Ok(request) => request,
            Err(Rejected::Unproven) => return self.reject("its secret is another one, or it was changed"),
            Err(Rejected::Malformed) => return self.reject("its lengths do not fit"),
            Err(Rejected::OtherCode) => return self.reject("it is no accounting request"),
        };
        let response = request.response(&secret.0);
        let now = self.ports.clock.now();
        let repeat = (from, request.identifier, request.authenticator);
        if self.answered.get(&repeat).is_some_and(|until| now < *until) {
            return Some(response);
        }
        if self.answered.len() >= MOST_REPEATS {
            self.answered.clear();
        }
        self.answered.insert(repeat, now.plus_ms(REPEATS_MS));
        let ground = Ground {
            roster: &self.ports.roster,
            identities: &self.ports.identities,
            timeout_ms: self.timeout_ms,
        };
        if self.sessions.take(sender, request.report, now, &ground) == Outcome::NobodyKnown {
            self.nobody_known = self.nobody_known.saturating_add(1);
        }
        Some(response)
    }

    fn reject(&mut self, why: &'static str) -> Option<Vec<u8>> {
        self.rejected = self.rejected.saturating_add(1);
        tracing::debug!(why, "a RADIUS packet was rejected");
        None
    }

    /// Clears away what has ended, and tells once a minute what was rejected, so that nobody can fill the log.
    fn tidy(&mut self) {
        let now = self.ports.clock.now();
        self.sessions.expire(now, &self.ports.identities);
        self.answered.retain(|_, until| now < *until);
        let (rejected, nobody_known) =
            (std::mem::take(&mut self.rejected), std::mem::take(&mut self.nobody_known));
        if rejected > 0 {
            tracing::warn!(
                packets = rejected,
                "RADIUS packets were rejected: a sender that is not listed, or another secret"
            );
        }
        if nobody_known > 0 {
            tracing::info!(reports = nobody_known, "RADIUS reports named nobody on the roster");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::tests::packet;
    use model::{Person, PersonId, Roster};

    const SECRET: &[u8] = b"a secret of some length";
    const SENDER: [u8; 4] = [10, 20, 0, 5];

    fn desk() -> Desk {
        let amara = Person {
            id: PersonId(uuid::Uuid::from_u128(1)),
            login: "amara".to_owned(),
            display_name: String::new(),
            affiliations: Vec::new(),
        };
        Desk {
            secrets: HashMap::from([(IpAddr::from(SENDER), Secret::new(SECRET).unwrap())]),
            timeout_ms: 60_000,
            ports: AccountingPorts {
                roster: Arc::new(CurrentRoster::new(Roster::new(vec![amara], Vec::new()))),
                identities: Arc::default(),
                clock: Clock::fixed(Timestamp(0)),
            },
            sessions: Sessions::default(),
            answered: HashMap::new(),
            rejected: 0,
            nobody_known: 0,
        }
    }

    fn report(status: u8) -> Vec<u8> {
        let at: &[u8] = &[10, 20, 0, 7];
        packet(9, &[(1, b"amara"), (40, &[0, 0, 0, status]), (44, b"s1"), (8, at)], SECRET)
    }

    #[test]
    fn a_repeated_report_is_answered_again_and_taken_once() {
        let mut desk = desk();
        let from = SocketAddr::from((SENDER, 40_000));
        let at = IpAddr::from([10, 20, 0, 7]);
        let first = desk.take(&report(1), from).unwrap();
        assert!(desk.take(&report(2), from).is_some());
        // A start that the network delivers late, after the stop, brings nobody back.
        assert_eq!(desk.take(&report(1), from), Some(first));
        assert!(desk.ports.identities.at(at, Timestamp(0)).is_empty());
        desk.ports.clock.advance_ms(REPEATS_MS);
        desk.tidy();
        assert!(desk.answered.is_empty());
    }

    #[test]
    fn who_is_not_listed_is_not_answered_and_a_short_secret_is_none() {
        let mut desk = desk();
        assert_eq!(desk.take(&report(1), SocketAddr::from(([10, 20, 0, 6], 40_000))), None);
        assert_eq!(desk.rejected, 1);
        assert!(matches!(Secret::new(b"fifteen bytes!!\n"), Err(IntakeError::WeakSecret { found: 15, .. })));
    }
}
