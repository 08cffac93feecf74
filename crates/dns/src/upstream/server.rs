//! One upstream: one exchange with it, over whatever wire leads there.

use super::ExchangeError;
use super::health::{Change, Health};
use super::https::{self, Doh};
use super::message::{CHANCE_BYTES, Fetched, Outgoing, Spelling};
use super::spec::{UpstreamAddress, UpstreamWire};
use super::stream::{Pipe, Security};
use super::udp::{self, ByUdp};
use crate::cache::Question;
use rustls::ClientConfig;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// One upstream resolver.
#[derive(Debug)]
pub(super) struct Server {
    address: UpstreamAddress,
    wire: Wire,
    health: Health,
    wait: Duration,
}

#[derive(Debug)]
enum Wire {
    /// UDP; TCP for what was cut, and where the name came back spelt otherwise.
    Udp { by_tcp: Pipe, loses_capitals: AtomicBool },
    /// TCP or TLS.
    Stream(Pipe),
    /// HTTPS.
    Https(Doh),
}

impl Server {
    /// `tls` is what connections under TLS trust and offer; `wait` is how long one exchange may take.
    pub(super) fn new(address: UpstreamAddress, tls: &Arc<ClientConfig>, wait: Duration) -> Self {
        let at = address.address;
        let wire = match &address.wire {
            UpstreamWire::Udp => {
                Wire::Udp { by_tcp: Pipe::new(at, Security::None), loses_capitals: AtomicBool::new(false) }
            }
            UpstreamWire::Tcp => Wire::Stream(Pipe::new(at, Security::None)),
            UpstreamWire::Tls(name) => {
                Wire::Stream(Pipe::new(at, Security::Tls(name.clone(), Arc::clone(tls))))
            }
            UpstreamWire::Https(name, path) => {
                let mut config = ClientConfig::clone(tls);
                config.alpn_protocols = vec![https::ALPN.to_vec()];
                Wire::Https(Doh::new(at, name.clone(), path, Arc::new(config)))
            }
        };
        Self { address, wire, health: Health::default(), wait }
    }

    pub(super) fn health(&self) -> &Health {
        &self.health
    }

    pub(super) fn address(&self) -> &UpstreamAddress {
        &self.address
    }

    /// One exchange; how it went is noted. `now_ms` is the time of [`Health`].
    pub(super) async fn exchange(&self, question: &Question, now_ms: u64) -> Result<Fetched, ExchangeError> {
        let began = Instant::now();
        let exchanged = self.over_wire(question).await;
        match &exchanged {
            Ok(_) => {
                if self.health.answered(began.elapsed()) == Change::Turned {
                    tracing::info!(upstream = %self.address, "an upstream name server answers again");
                }
            }
            Err(error) => {
                let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(0);
                if self.health.failed(now_ms.saturating_add(took_ms)) == Change::Turned {
                    tracing::warn!(upstream = %self.address, %error, "an upstream name server does not answer");
                }
            }
        }
        exchanged
    }

    async fn over_wire(&self, question: &Question) -> Result<Fetched, ExchangeError> {
        let mut chance = [0; CHANCE_BYTES];
        getrandom::fill(&mut chance).map_err(|_| ExchangeError::NoChance)?;
        match &self.wire {
            Wire::Udp { by_tcp, loses_capitals } => {
                let spelling =
                    if loses_capitals.load(Ordering::Relaxed) { Spelling::Plain } else { Spelling::Mixed };
                let outgoing = Outgoing::new(question, spelling, chance);
                match self.in_time(udp::ask(self.address.address, &outgoing)).await? {
                    ByUdp::Answer(fetched) if !fetched.cut => Ok(fetched),
                    ByUdp::Answer(_) => self.by_stream(by_tcp, &outgoing).await.map(|(fetched, _)| fetched),
                    ByUdp::OtherSpelling => {
                        let (fetched, returned) = self.by_stream(by_tcp, &outgoing).await?;
                        if returned == Spelling::Mixed && !loses_capitals.swap(true, Ordering::Relaxed) {
                            tracing::info!(
                                upstream = %self.address,
                                "an upstream name server does not keep capitals: it is asked without them"
                            );
                        }
                        Ok(fetched)
                    }
                }
            }
            Wire::Stream(pipe) => {
                let outgoing = Outgoing::new(question, Spelling::Plain, chance);
                self.by_stream(pipe, &outgoing).await.map(|(fetched, _)| fetched)
            }
            Wire::Https(doh) => {
                let outgoing = Outgoing::new(question, Spelling::Plain, chance).with_id(0);
                let message = self.in_time(doh.ask(&outgoing)).await?;
                outgoing
                    .read_any_spelling(&message)
                    .map(|(fetched, _)| fetched)
                    .ok_or(ExchangeError::Stranger)
            }
        }
    }

    /// By a kept connection, which chose an id of its own; and how the name came back spelt ([`Outgoing::read_any_spelling`]).
    async fn by_stream(
        &self,
        pipe: &Pipe,
        outgoing: &Outgoing,
    ) -> Result<(Fetched, Spelling), ExchangeError> {
        let message = self.in_time(pipe.ask(outgoing)).await?;
        let id = message.first_chunk::<2>().ok_or(ExchangeError::Stranger)?;
        outgoing.with_id(u16::from_be_bytes(*id)).read_any_spelling(&message).ok_or(ExchangeError::Stranger)
    }

    async fn in_time<T>(
        &self,
        exchange: impl Future<Output = Result<T, ExchangeError>>,
    ) -> Result<T, ExchangeError> {
        timeout(self.wait, exchange).await.map_err(|_| ExchangeError::NoAnswer)?
    }
}
