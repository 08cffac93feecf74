//! Certificates that origins leave out of their chains, fetched from where the certificates themselves say (RFC 5280,
//! 4.2.2.1; browsers do the same).
//!
//! A fetched certificate is one more candidate for the verifier and nothing else: a chain is good only if it leads to a
//! root by signatures, whoever its parts came from.
//!
//! Invariants: only plain HTTP, at most 64 KiB; what was fetched is kept for a day and a failure for ten minutes, at most
//! 512 of them; at most 32 fetches at once, 8 of them for one client and one from one host, and 3 for one connection; nobody
//! waits longer than two seconds for a turn.

use crate::certificate::CertificateFacts;
use crate::dial::Dialer;
use crate::error::DialError;
use crate::lookup::Asker;
use crate::side_fetch::fetch;
use crate::turns::Turns;
use blockpage::CertificateFault;
use http::Uri;
use model::{Clock, Share, Shares, Timestamp};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How often a connection is tried again with one more certificate.
pub(crate) const MOST_FETCHES: usize = 3;
const MOST_BYTES: usize = 64 * 1024;
const MOST_KEPT: usize = 512;
const KEEP_MS: i64 = 24 * 3_600_000;
const KEEP_FAILURE_MS: i64 = 600_000;
const AT_ONCE: usize = 32;
const AT_ONCE_FOR_ONE: usize = 8;
/// Nothing of an origin is verified yet, so nobody waits long for others' issuers.
const TURN_TIMEOUT: Duration = Duration::from_secs(2);
/// No real chain is longer.
const LONGEST_CHAIN: usize = 8;

/// The certificates that were fetched so far.
pub(crate) struct Intermediates {
    kept: Mutex<HashMap<Box<str>, Kept>>,
    turns: Arc<Semaphore>,
    shares_of_clients: Arc<Shares>,
    turns_of_hosts: Turns<Box<str>>,
    clock: Clock,
}

/// The right to fetch: the host's turn, the client's share, and a turn of all.
struct Turn {
    _host: OwnedSemaphorePermit,
    _client: Option<Share>,
    _one_of_all: OwnedSemaphorePermit,
}

struct Kept {
    /// `None`: it could not be fetched, or was no certificate.
    certificate: Option<CertificateDer<'static>>,
    until: Timestamp,
}

/// What a chain lacks.
#[derive(Default)]
pub(crate) struct Completion {
    /// Certificates to try with the rest of the chain.
    pub(crate) more: Vec<CertificateDer<'static>>,
    pub(crate) gap: Gap,
}

/// Where a chain ends that leads nowhere yet.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) enum Gap {
    /// At a certificate that says no more.
    #[default]
    None,
    /// At one whose issuer's certificate can be had from here.
    Fetchable(Box<str>),
    /// At one whose issuer's certificate could not be had lately.
    Lost,
}

impl Intermediates {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            kept: Mutex::default(),
            turns: Arc::new(Semaphore::new(AT_ONCE)),
            shares_of_clients: Shares::new(AT_ONCE_FOR_ONE),
            turns_of_hosts: Turns::new(1),
            clock,
        }
    }

    /// Follows a chain from its leaf up, with what was fetched where the origin left something out.
    pub(crate) fn complete(&self, leaf: &CertificateDer<'_>, sent: &[CertificateDer<'_>]) -> Completion {
        let mut completion = Completion::default();
        let Ok(mut last) = CertificateFacts::read(leaf) else { return completion };
        let sent: Vec<CertificateFacts> = sent
            .iter()
            .take(LONGEST_CHAIN)
            .filter_map(|certificate| CertificateFacts::read(certificate).ok())
            .collect();
        for _ in 0..LONGEST_CHAIN {
            if last.is_self_issued() {
                return completion;
            }
            if let Some(issuer) = sent.iter().find(|facts| facts.subject == last.issuer) {
                if issuer.is_self_issued() {
                    return completion;
                }
                last = issuer.clone();
                continue;
            }
            let Some(url) = last.issuer_urls.first() else { return completion };
            match self.look_up(url) {
                None => {
                    completion.gap = Gap::Fetchable(url.clone());
                    return completion;
                }
                Some(None) => {
                    completion.gap = Gap::Lost;
                    return completion;
                }
                Some(Some(certificate)) => {
                    let Ok(facts) = CertificateFacts::read(&certificate) else { return completion };
                    completion.more.push(certificate);
                    if facts.subject != last.issuer {
                        return completion;
                    }
                    last = facts;
                }
            }
        }
        completion
    }

    /// Fetches what a chain lacks, unless somebody else just did. Errors: it stays incomplete, where no turn came in time.
    pub(crate) async fn fetch(&self, dialer: &Dialer, url: &str, asker: Asker) -> Result<(), DialError> {
        let turn = tokio::time::timeout(TURN_TIMEOUT, self.turn(url, asker)).await;
        let Ok(Some(_turn)) = turn else { return Err(DialError::Certificate(CertificateFault::Incomplete)) };
        if self.look_up(url).is_none() {
            self.fetch_in_turn(dialer, url).await;
        }
        Ok(())
    }

    /// A host's turn, then what is left; `None` at once where the client has all of its share, so that it keeps nobody from
    /// a host meanwhile.
    async fn turn(&self, url: &str, asker: Asker) -> Option<Turn> {
        let uri = url.parse::<Uri>().ok();
        let host = uri.as_ref().and_then(Uri::host).unwrap_or_default().to_ascii_lowercase();
        let host = self.turns_of_hosts.take(host.into()).await?;
        let client = match asker {
            Some(client) => Some(self.shares_of_clients.take(client)?),
            None => None,
        };
        let one_of_all = Arc::clone(&self.turns).acquire_owned().await.ok()?;
        Some(Turn { _host: host, _client: client, _one_of_all: one_of_all })
    }

    async fn fetch_in_turn(&self, dialer: &Dialer, url: &str) {
        let fetched = fetch(dialer, url, MOST_BYTES).await;
        let certificate = match fetched {
            Ok(bytes) => read(&bytes),
            Err(error) => {
                tracing::debug!(phase = "connect", fault = %error, "a missing certificate could not be fetched");
                None
            }
        };
        let now = self.clock.now();
        let until = now.plus_ms(if certificate.is_some() { KEEP_MS } else { KEEP_FAILURE_MS });
        let mut kept = self.lock();
        kept.retain(|_, old| old.until > now);
        if kept.len() >= MOST_KEPT {
            let soonest = kept.iter().min_by_key(|(_, old)| old.until).map(|(url, _)| url.clone());
            soonest.and_then(|url| kept.remove(&url));
        }
        kept.insert(url.into(), Kept { certificate, until });
    }

    /// What is known of an address: nothing, a failure, or a certificate.
    fn look_up(&self, url: &str) -> Option<Option<CertificateDer<'static>>> {
        let now = self.clock.now();
        self.lock().get(url).filter(|kept| kept.until > now).map(|kept| kept.certificate.clone())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A certificate in DER or PEM, or the first of a bundle of certificates (PKCS #7, RFC 5652, section 5.1).
fn read(bytes: &[u8]) -> Option<CertificateDer<'static>> {
    let is_certificate = |der: &CertificateDer<'_>| CertificateFacts::read(der).is_ok();
    let der = CertificateDer::from(bytes.to_vec());
    if is_certificate(&der) {
        return Some(der);
    }
    let der = CertificateDer::from_pem_slice(bytes).ok().or_else(|| bundled(bytes))?;
    is_certificate(&der).then_some(der)
}

/// `ContentInfo { signedData, [0] SignedData { version, digests, content, [0] certificates .. } }`.
fn bundled(bytes: &[u8]) -> Option<CertificateDer<'static>> {
    use crate::der::{Reader, context};
    let mut info = Reader::new(Reader::new(bytes).take()?.content);
    info.take()?;
    let signed = Reader::new(info.take_if(context(0))?.content).take()?;
    let mut signed = Reader::new(signed.content);
    for _ in 0..3 {
        signed.take()?;
    }
    let first = Reader::new(signed.take_if(context(0))?.content).take()?;
    Some(CertificateDer::from(first.whole.to_vec()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, KeyPair};

    fn certificate() -> rcgen::Certificate {
        let params = CertificateParams::new(vec!["shop.example".into()]).unwrap();
        params.self_signed(&KeyPair::generate().unwrap()).unwrap()
    }

    /// One element of DER, its length in the long form.
    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        let mut all = match content.len() {
            short @ 0..128 => vec![tag, u8::try_from(short).unwrap()],
            128..256 => vec![tag, 0x81, length[1]],
            _ => vec![tag, 0x82, length[0], length[1]],
        };
        all.extend(content);
        all
    }

    #[test]
    fn a_certificate_is_read_in_each_form_in_which_issuers_publish_theirs() {
        let made = certificate();
        let signed_data = [
            element(2, &[1]),
            element(0x31, &[]),
            element(0x30, &element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1])),
            element(0xa0, made.der()),
        ];
        let bundle = [
            element(6, &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 2]),
            element(0xa0, &element(0x30, &signed_data.concat())),
        ];
        for form in [made.der().to_vec(), made.pem().into_bytes(), element(0x30, &bundle.concat())] {
            assert_eq!(read(&form).as_ref(), Some(made.der()));
        }
        assert_eq!(read(b"<html>not found</html>"), None);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_issuers_take_no_turns_but_their_own() {
        let fetched = Intermediates::new(Clock::fixed(Timestamp(0)));
        let turn = async |url: &str, last: u8| {
            let asker = Some(std::net::IpAddr::from([10, 0, 0, last]));
            tokio::time::timeout(TURN_TIMEOUT, fetched.turn(url, asker)).await.ok().flatten()
        };
        let mut held = vec![turn("http://slow.example/a.cer", 1).await.unwrap()];
        assert!(turn("http://SLOW.example:81/b.cer", 2).await.is_none(), "one from one host");
        for number in 2..=AT_ONCE_FOR_ONE {
            held.push(turn(&format!("http://{number}.example/"), 1).await.unwrap());
        }
        assert!(turn("http://other.example/", 1).await.is_none(), "some for one client");
        assert!(turn("http://other.example/", 2).await.is_some());
        held.clear();
        assert!(turn("http://slow.example/a.cer", 1).await.is_some());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_certificate_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = read(&bytes);
        }
    }
}
