//! Response policy zones by zone transfer: whole (AXFR, RFC 5936) or by what changed (IXFR, RFC 1995), under a shared key
//! where the policy names one (TSIG, RFC 8945).
//!
//! Left out: being told of changes (NOTIFY, RFC 1996): the schedule asks; transfers over TLS (RFC 9103).
//!
//! Invariants: a transfer is whole and, under a key, signed to its end, or it is nothing; its size and time are those of any
//! download.

mod tsig;
mod wire;
mod zone;

pub(crate) use zone::{Transferred, Zone};

use crate::credentials::TransferKey;
use crate::fetch::OnBytes;
use crate::{Fetch, ListError};
use model::Timestamp;
use std::io;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::Instant;
use tsig::Signed;
use url::Url;
use zone::Incoming;

/// Why a zone was not transferred.
#[derive(Debug, thiserror::Error)]
pub enum TransferError {
    /// The connection fails or ends.
    #[error("expected a whole transfer, the connection failed")]
    Connection(#[source] io::Error),
    /// The bytes are no DNS message.
    #[error("expected a DNS message, found other bytes")]
    Form,
    /// The zone's or key's name is none.
    #[error("expected a zone's name of at most 255 bytes")]
    Name,
    /// The server does not give the zone.
    #[error("expected the zone, the server answered with code {code}")]
    Refused {
        /// Its code (RFC 6895, 2.3).
        code: u8,
    },
    /// The records are in no order of a transfer.
    #[error("expected the records of a transfer in their order")]
    OutOfStep,
    /// A message that must be signed is not.
    #[error("expected a signed message")]
    NotSigned,
    /// A signature is not that of the key.
    #[error("expected a signature by the shared key")]
    WrongSignature,
    /// The server does not know the key, or finds our signature wrong.
    #[error("the server does not take the shared key (error {error})")]
    KeyRefused {
        /// Its error (RFC 8945, 3: 16 signature, 17 key, 18 time).
        error: u16,
    },
    /// The clocks differ by more than the server's signature allows.
    #[error("expected the server's clock within five minutes of ours")]
    Clock,
}

/// Where a zone is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct ZonePlace {
    server: String,
    port: u16,
    zone: String,
}

/// Reads an address `rpz://SERVER[:PORT]/ZONE`, if it is one.
pub(crate) fn place(text: &str) -> Option<ZonePlace> {
    let url = Url::parse(text).ok().filter(|url| url.scheme() == "rpz")?;
    let zone = url.path().trim_matches('/').to_owned();
    let server = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
    (!zone.is_empty()).then(|| ZonePlace { server, port: url.port().unwrap_or(53), zone })
}

impl ZonePlace {
    /// The zone's name.
    pub(crate) fn zone(&self) -> &str {
        &self.zone
    }
}

/// Transfers a zone: what changed since the copy that is there or, where there is none or the server cannot say, all of it.
pub(crate) async fn transfer(
    place: &ZonePlace,
    key: Option<&TransferKey>,
    have: Option<Zone>,
    (settings, at): (&Fetch, Timestamp),
    on_bytes: OnBytes<'_>,
) -> Result<Transferred, ListError> {
    let clock = RunningClock { at, since: Instant::now() };
    let timed_out = ListError::TimedOut { limit_s: settings.time_limit.as_secs() };
    let work = async {
        if have.is_some() {
            let changes = Asked { place, key, settings, clock };
            match changes.ask(have, on_bytes).await {
                Err(ListError::Transfer(error)) => {
                    tracing::debug!(%error, "no changes of a zone; all of it is asked for");
                }
                other => return other,
            }
        }
        Asked { place, key, settings, clock }.ask(None, on_bytes).await
    };
    tokio::time::timeout(settings.time_limit, work).await.map_err(|_| timed_out)?
}

/// The time of the update's start, running on.
#[derive(Clone, Copy)]
struct RunningClock {
    at: Timestamp,
    since: Instant,
}

impl RunningClock {
    fn now_s(&self) -> u64 {
        u64::try_from(self.at.0 / 1_000).unwrap_or(0).saturating_add(self.since.elapsed().as_secs())
    }
}

/// One question for a zone.
struct Asked<'a> {
    place: &'a ZonePlace,
    key: Option<&'a TransferKey>,
    settings: &'a Fetch,
    clock: RunningClock,
}

impl Asked<'_> {
    async fn ask(&self, have: Option<Zone>, on_bytes: OnBytes<'_>) -> Result<Transferred, ListError> {
        let failed = |source: io::Error| ListError::Connect { host: self.place.server.clone(), source };
        let server = (self.place.server.as_str(), self.place.port);
        let mut stream = TcpStream::connect(server).await.map_err(failed)?;
        // The number keeps answers of one connection apart, and this one has one question.
        let id = 1;
        let mut question = wire::question(id, &self.place.zone, have.as_ref().map(Zone::serial))?;
        let mut signed = match self.key {
            Some(key) => Some(Signed::sign(key, &mut question, self.clock.now_s())?),
            None => None,
        };
        let length = u16::try_from(question.len()).map_err(|_| TransferError::Name)?;
        let framed = [&length.to_be_bytes()[..], &question].concat();
        stream.write_all(&framed).await.map_err(TransferError::Connection)?;
        let mut incoming = Incoming::new(&self.place.zone, have);
        let mut total = 0;
        while !incoming.is_done() {
            let bytes = message(&mut stream).await.map_err(TransferError::Connection)?;
            total += bytes.len() as u64;
            if total > self.settings.size_limit_bytes {
                return Err(ListError::TooLarge { limit_bytes: self.settings.size_limit_bytes });
            }
            on_bytes(total, None);
            let message = wire::read(&bytes)?;
            if message.id != id || !message.is_answer {
                return Err(TransferError::Form.into());
            }
            // A refusal is often not signed: it is believed, since it changes nothing.
            if let Some(Err(error)) =
                signed.as_mut().map(|signed| signed.check(&bytes, &message, self.clock.now_s()))
            {
                let refused = message.code != 0 && matches!(error, TransferError::NotSigned);
                return Err(
                    if refused { TransferError::Refused { code: message.code } } else { error }.into()
                );
            }
            if message.code != 0 {
                return Err(TransferError::Refused { code: message.code }.into());
            }
            for record in &message.answers {
                incoming.take(record)?;
            }
        }
        if let Some(signed) = &signed {
            signed.end()?;
        }
        Ok(incoming.end())
    }
}

/// Reads a message with its length before it (RFC 1035, 4.2.2).
async fn message(stream: &mut TcpStream) -> io::Result<Vec<u8>> {
    let length = stream.read_u16().await?;
    let mut bytes = vec![0; usize::from(length)];
    stream.read_exact(&mut bytes).await?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_server_port_and_zone() {
        let found = place("rpz://dns.example/rpz.example").unwrap();
        assert_eq!((&*found.server, found.port, found.zone()), ("dns.example", 53, "rpz.example"));
        let found = place("rpz://[2001:db8::1]:5353/rpz.example.").unwrap();
        assert_eq!((&*found.server, found.port), ("2001:db8::1", 5353));
        assert_eq!(place("rpz://dns.example/"), None);
        assert_eq!(place("https://dns.example/rpz.example"), None);
    }
}
