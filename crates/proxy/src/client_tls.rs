//! TLS towards clients: 1.2 and 1.3, as whichever host the client wanted, with sessions that can be taken up again.
//!
//! Invariants: a ticket opens only under keys that live in memory alone and change every six hours; the library takes a
//! session up only for the server name (SNI) it was made for, so one set of keys serves all hosts. Where a host is an
//! address, hellos carry no name to tell one from the other, and sessions are not taken up. What is decided about a
//! connection is decided anew either way, and the origin is contacted and verified first.

use crate::ProxyError;
use crate::ca::TlsTime;
use crate::link::Protocol;
use crate::provider::provider;
use model::{Clock, Host, SuggestionKind};
use rustls::crypto::aws_lc_rs::Ticketer;
use rustls::server::{ClientHello, NoServerSessionStorage, ProducesTickets, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{AlertDescription, Error, ServerConfig};
use std::io;
use std::sync::Arc;

/// What all hosts' TLS towards clients has in common.
pub(crate) struct ClientTls {
    common: ServerConfig,
    ticketer: Arc<dyn ProducesTickets>,
    tickets: usize,
}

impl ClientTls {
    pub(crate) fn new(clock: &Clock) -> Result<Self, ProxyError> {
        let mut common = ServerConfig::builder_with_details(provider(), Arc::new(TlsTime(clock.clone())))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(NoLeaf));
        common.ignore_client_order = true;
        common.session_storage = Arc::new(NoServerSessionStorage {});
        let tickets = std::mem::take(&mut common.send_tls13_tickets);
        Ok(Self { common, ticketer: Ticketer::new()?, tickets })
    }

    /// TLS as `host`, with this chain, speaking one protocol.
    pub(crate) fn of(&self, host: &Host, chain: Arc<CertifiedKey>, protocol: Protocol) -> Arc<ServerConfig> {
        let mut tls = self.common.clone();
        if matches!(host, Host::Name(_)) {
            tls.ticketer = Arc::clone(&self.ticketer);
            tls.send_tls13_tickets = self.tickets;
        }
        tls.cert_resolver = Arc::new(OneLeaf(chain));
        tls.alpn_protocols = vec![protocol.name().to_vec()];
        Arc::new(tls)
    }
}

/// What a client that broke off the handshake thinks of the leaf; `None` where it broke off for another reason.
pub(crate) fn client_refusal(error: &io::Error) -> Option<SuggestionKind> {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::AlertReceived(
            AlertDescription::UnknownCA
            | AlertDescription::BadCertificate
            | AlertDescription::CertificateUnknown
            | AlertDescription::UnsupportedCertificate,
        )) => Some(SuggestionKind::Distrusted),
        None if error.kind() == io::ErrorKind::UnexpectedEof => Some(SuggestionKind::HungUp),
        _ => None,
    }
}

/// Stands in until a host is known.
#[derive(Debug)]
struct NoLeaf;

impl ResolvesServerCert for NoLeaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        None
    }
}

#[derive(Debug)]
struct OneLeaf(Arc<CertifiedKey>);

impl ResolvesServerCert for OneLeaf {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
