//! How origins' certificates are verified, and what a refusal is called.
//!
//! The path to a root, its dates, names, purposes and constraints are the TLS library's business (webpki). Added here: the
//! certificates an origin leaves out, what is known to be revoked, keys too weak to prove anything, and names for faults.
//!
//! Invariants: nothing here turns the library's refusal into a yes; a session that is taken up again is verified again; no
//! certificate that leads to no root has a say in which revocation lists are fetched, used or put away.

use crate::ca::TlsTime;
use crate::certificate::CertificateFacts;
use crate::dial::TlsFault;
use crate::error::DialError;
use crate::intermediates::{Gap, Intermediates};
use crate::revocation::asked::Asking;
use crate::revocation::staple::{self, Question, Stapled};
use crate::revocation::{ChainLists, Revocation, Standing, chain_facts};
use crate::{Config, ProxyError};
use blockpage::{CertificateFault, OriginFault};
use model::{Clock, Timestamp};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, Error, OtherError,
    PeerIncompatible, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use webpki::{
    CertRevocationList, EndEntityCert, ExpirationPolicy, KeyUsage, RevocationCheckDepth,
    RevocationOptionsBuilder, UnknownStatusPolicy, VerifiedPath,
};

/// A path is judged again with the lists of what was met so often: each time a list was put away, or another path found.
const MOST_ROUNDS: usize = 8;

/// TLS towards origins: the public roots and the school's private ones, TLS 1.2 and 1.3.
pub(crate) fn client_tls(
    config: &Config,
    clock: &Clock,
) -> Result<(Arc<ClientConfig>, Arc<OriginVerifier>), ProxyError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for root in &config.extra_roots {
        roots.add(root.clone())?;
    }
    let provider = crate::provider::provider();
    let algorithms = provider.signature_verification_algorithms.all;
    let roots = Arc::new(roots);
    let signatures =
        WebPkiServerVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider)).build()?;
    let verifier = Arc::new(OriginVerifier {
        roots,
        algorithms,
        signatures,
        clock: clock.clone(),
        intermediates: Intermediates::new(clock.clone()),
        revocation: Arc::new(Revocation::new(clock.clone())),
        refused: Arc::default(),
    });
    let tls = ClientConfig::builder_with_details(provider, Arc::new(TlsTime(clock.clone())))
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::clone(&verifier) as Arc<dyn ServerCertVerifier>)
        .with_client_cert_resolver(Arc::new(NoClientCertificate));
    Ok((Arc::new(tls), verifier))
}

/// Verifies origins' certificates.
pub(crate) struct OriginVerifier {
    roots: Arc<RootCertStore>,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
    signatures: Arc<WebPkiServerVerifier>,
    clock: Clock,
    pub(crate) intermediates: Intermediates,
    pub(crate) revocation: Arc<Revocation>,
    pub(crate) refused: Arc<RefusedCertificates>,
}

/// How often an origin was refused for its certificate, by what was wrong with it, since the start.
#[derive(Default)]
pub(crate) struct RefusedCertificates(Mutex<BTreeMap<CertificateFault, u64>>);

impl RefusedCertificates {
    pub(crate) fn count(&self, fault: CertificateFault) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(fault).or_default() += 1;
    }

    /// Those that were met.
    pub(crate) fn counts(&self) -> Vec<(CertificateFault, u64)> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .map(|(fault, times)| (*fault, *times))
            .collect()
    }
}

impl std::fmt::Debug for OriginVerifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OriginVerifier").finish_non_exhaustive()
    }
}

/// Why a certificate is refused, and what would help.
#[derive(Debug, thiserror::Error)]
#[error("the certificate was refused")]
struct Refused {
    fault: CertificateFault,
    missing: Option<Box<str>>,
}

impl From<CertificateFault> for Refused {
    fn from(fault: CertificateFault) -> Self {
        Self { fault, missing: None }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(refused))))
    }
}

/// What an origin showed.
struct Shown<'a> {
    leaf: &'a CertificateDer<'a>,
    others: &'a [CertificateDer<'a>],
    /// `None` where a session is taken up again: nothing is stapled then.
    stapled: Option<&'a [u8]>,
    now: UnixTime,
}

impl OriginVerifier {
    /// Verifies the chain of a session that is taken up again: it may have ended or been revoked since.
    pub(crate) fn verify_again(
        &self,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
    ) -> Result<(), TlsFault> {
        let (leaf, others) = chain.split_first().ok_or(DialError::Origin(OriginFault::BrokeOff))?;
        let seconds = u64::try_from(self.clock.now().0.div_euclid(1_000)).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let shown = Shown { leaf, others, stapled: None, now };
        self.verify(&shown, name)
            .map_err(|Refused { fault, missing }| TlsFault { error: DialError::Certificate(fault), missing })
    }

    fn verify(&self, shown: &Shown<'_>, name: &ServerName<'_>) -> Result<(), Refused> {
        let first = self.path(shown, &[]);
        let Err(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity) = first else {
            return self.finish(shown, first, name);
        };
        if CertificateFacts::read(shown.leaf).is_ok_and(|facts| facts.is_self_issued()) {
            return Err(CertificateFault::SelfSigned.into());
        }
        let completion = self.intermediates.complete(shown.leaf, shown.others);
        let completed = if completion.more.is_empty() { first } else { self.path(shown, &completion.more) };
        match (&completed, completion.gap) {
            (Err(webpki::Error::UnknownIssuer), Gap::Fetchable(url)) => {
                Err(Refused { fault: CertificateFault::Incomplete, missing: Some(url) })
            }
            (Err(webpki::Error::UnknownIssuer), Gap::Lost) => Err(CertificateFault::Incomplete.into()),
            _ => self.finish(shown, completed, name),
        }
    }

    /// Names the fault of a path, and looks at what the path says nothing about: name, strength, demanded proof.
    fn finish(
        &self,
        shown: &Shown<'_>,
        path: Result<Judged, webpki::Error>,
        name: &ServerName<'_>,
    ) -> Result<(), Refused> {
        let Judged { found, covers_leaf } = path.map_err(|error| {
            if error == webpki::Error::CertRevoked {
                self.revocation.count(Standing::Revoked);
            }
            fault_of(&error, shown)
        })?;
        let named = ParsedCertificate::try_from(shown.leaf).and_then(|leaf| verify_server_name(&leaf, name));
        named.map_err(|_| CertificateFault::WrongName)?;
        let Some(leaf) = found.chain.first() else { return Err(CertificateFault::Broken.into()) };
        if leaf.is_weak {
            return Err(CertificateFault::Weak.into());
        }
        let standing = match found.stapled {
            Stapled::Revoked => Standing::Revoked,
            Stapled::Nothing if leaf.must_staple && shown.stapled.is_some() => {
                return Err(CertificateFault::NoProof.into());
            }
            Stapled::Good => Standing::Good,
            Stapled::Nothing if covers_leaf => Standing::Good,
            Stapled::Nothing => Standing::Unknown,
        };
        self.revocation.count(standing);
        if standing == Standing::Revoked {
            return Err(CertificateFault::Revoked.into());
        }
        self.revocation.want(&found.chain);
        if standing == Standing::Unknown {
            found.asking.into_iter().for_each(|asking| self.revocation.ask(*asking));
        }
        Ok(())
    }

    /// The path to a root, with the lists that are at hand. Only the certificates of a path say which lists those are: beside
    /// them an origin can send whatever it likes. A list that cannot be believed makes no certificate bad, and speaks no more.
    fn path(&self, shown: &Shown<'_>, more: &[CertificateDer<'_>]) -> Result<Judged, webpki::Error> {
        let others: Vec<CertificateDer<'_>> = shown.others.iter().chain(more).cloned().collect();
        let mut found = self.path_with(shown, &others, &[])?;
        let mut met = found.chain.clone();
        for _ in 0..MOST_ROUNDS {
            let ChainLists { lists, covers_leaf } = self.revocation.lists(&met);
            if lists.is_empty() {
                return Ok(Judged { found, covers_leaf });
            }
            let refs: Vec<&CertRevocationList<'_>> = lists.iter().map(|(_, list)| list.as_ref()).collect();
            found = match self.path_with(shown, &others, &refs) {
                Err(error) if is_fault_of_a_list(&error) => {
                    let is_bad = |list| {
                        self.path_with(shown, &others, &[list]).is_err_and(|error| is_fault_of_a_list(&error))
                    };
                    let bad = lists.iter().filter(|(_, list)| is_bad(list.as_ref()));
                    self.revocation.distrust(bad.map(|(url, _)| url.as_ref()));
                    continue;
                }
                found => found?,
            };
            // Where one path is revoked there may be another, whose certificates have lists of their own.
            let others_met = found.chain.iter().filter(|one| met.iter().all(|known| !known.is_same(one)));
            let others_met: Vec<CertificateFacts> = others_met.cloned().collect();
            if others_met.is_empty() {
                return Ok(Judged { found, covers_leaf });
            }
            met.extend(others_met);
        }
        Ok(Judged { found, covers_leaf: false })
    }

    /// A path to a root that these lists allow, what is proven of the leaf at its end, and what could be asked where nothing
    /// is.
    fn path_with(
        &self,
        shown: &Shown<'_>,
        others: &[CertificateDer<'_>],
        lists: &[&CertRevocationList<'_>],
    ) -> Result<Found, webpki::Error> {
        let leaf = EndEntityCert::try_from(shown.leaf)?;
        // Without lists there is nothing to look into, which the builder calls an error.
        let revocation = RevocationOptionsBuilder::new(lists).ok().map(|options| {
            options
                .with_depth(RevocationCheckDepth::Chain)
                .with_status_policy(UnknownStatusPolicy::Allow)
                .with_expiration_policy(ExpirationPolicy::Ignore)
                .build()
        });
        let usage = KeyUsage::server_auth();
        let path = leaf.verify_for_usage(
            self.algorithms,
            &self.roots.roots,
            others,
            shown.now,
            usage,
            revocation,
            None,
        )?;
        let leaf = CertificateFacts::read(shown.leaf).map_err(|_| webpki::Error::BadDer)?;
        let (stapled, asking) = self.proven(shown, &path, &leaf);
        let above =
            path.intermediate_certificates().filter_map(|one| CertificateFacts::read(&one.der()).ok());
        let chain = std::iter::once(leaf).chain(above).collect();
        Ok(Found { chain, stapled, asking })
    }

    /// What is proven of the leaf of a path, and what could be asked where nothing is.
    fn proven(
        &self,
        shown: &Shown<'_>,
        path: &VerifiedPath<'_>,
        leaf: &CertificateFacts,
    ) -> (Stapled, Option<Box<Asking>>) {
        with_issuer(path, |issuer| {
            let question = self.question(path, issuer, shown.now);
            let stapled = shown.stapled.map_or(Stapled::Nothing, |proof| staple::read(proof, &question));
            // What is stapled and says nothing hides no answer that is known.
            let answer = if stapled == Stapled::Nothing { self.revocation.answer(leaf) } else { None };
            let said = answer.map_or(stapled, |answer| staple::read(&answer, &question));
            let asking = match said {
                Stapled::Nothing => Asking::about(leaf, issuer, self.algorithms),
                Stapled::Good | Stapled::Revoked => None,
            };
            (said, asking.map(Box::new))
        })
        .unwrap_or((Stapled::Nothing, None))
    }

    fn question<'a>(
        &'a self,
        path: &'a VerifiedPath<'_>,
        issuer: &'a TrustAnchor<'a>,
        now: UnixTime,
    ) -> Question<'a> {
        let seconds = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
        Question {
            serial: path.end_entity().serial(),
            issuer,
            algorithms: self.algorithms,
            now: Timestamp(seconds.saturating_mul(1_000)),
        }
    }
}

/// Does something with the issuer of a path's leaf; `None` where its certificate cannot be read.
fn with_issuer<T>(path: &VerifiedPath<'_>, with: impl FnOnce(&TrustAnchor<'_>) -> T) -> Option<T> {
    match path.intermediate_certificates().next() {
        None => Some(with(path.anchor())),
        Some(issuer) => webpki::anchor_from_trusted_cert(&issuer.der()).ok().map(|issuer| with(&issuer)),
    }
}

/// A path that leads to a root.
struct Found {
    /// Its certificates, leaf first, without the root; of those above the leaf only what can be read.
    chain: Vec<CertificateFacts>,
    stapled: Stapled,
    /// What a responder can be asked, where nothing is proven of the leaf.
    asking: Option<Box<Asking>>,
}

/// A path that leads to a root and has nothing on it that a list calls revoked.
struct Judged {
    found: Found,
    covers_leaf: bool,
}

/// True for what is wrong with a list itself; what a list says is not among it.
fn is_fault_of_a_list(error: &webpki::Error) -> bool {
    use webpki::Error as E;
    matches!(
        error,
        E::InvalidCrlSignatureForPublicKey
            | E::UnsupportedCrlSignatureAlgorithmContext(_)
            | E::UnsupportedCrlSignatureAlgorithmForPublicKeyContext(_)
            | E::IssuerNotCrlSigner
            | E::CrlExpired { .. }
            | E::UnsupportedRevocationReason
            | E::UnsupportedCrlIssuingDistributionPoint
    )
}

/// What is wrong with a certificate that leads to no root, in our words.
fn fault_of(error: &webpki::Error, shown: &Shown<'_>) -> CertificateFault {
    use webpki::Error as E;
    match error {
        E::CertExpired { .. } | E::InvalidCertValidity => CertificateFault::Expired,
        E::CertNotValidYet { .. } => CertificateFault::NotYetValid,
        E::CertNotValidForName(_) => CertificateFault::WrongName,
        E::CertRevoked => CertificateFault::Revoked,
        E::UnknownIssuer | E::CertDistrusted => CertificateFault::Untrusted,
        E::CaUsedAsEndEntity | E::RequiredEkuNotFoundContext(_) | E::EmptyEkuExtension => {
            CertificateFault::WrongPurpose
        }
        E::EndEntityUsedAsCa | E::NameConstraintViolation | E::PathLenConstraintViolated => {
            CertificateFault::NotAllowed
        }
        _ if chain_facts(shown.leaf, shown.others.iter()).iter().any(|facts| facts.is_weak) => {
            CertificateFault::Weak
        }
        _ => CertificateFault::Broken,
    }
}

impl ServerCertVerifier for OriginVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let shown = Shown { leaf: end_entity, others: intermediates, stapled: Some(ocsp_response), now };
        self.verify(&shown, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signatures.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signatures.supported_verify_schemes()
    }
}

/// What a failed handshake with an origin is called.
pub(crate) fn handshake_fault(error: &io::Error) -> TlsFault {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    match tls {
        Some(Error::InvalidCertificate(CertificateError::Other(OtherError(inner)))) => {
            match inner.downcast_ref::<Refused>() {
                Some(Refused { fault, missing }) => {
                    TlsFault { error: DialError::Certificate(*fault), missing: missing.clone() }
                }
                None => DialError::Certificate(CertificateFault::Broken).into(),
            }
        }
        // What is left is the signature of the handshake itself.
        Some(Error::InvalidCertificate(_)) => DialError::Certificate(CertificateFault::Broken).into(),
        Some(
            Error::AlertReceived(AlertDescription::ProtocolVersion | AlertDescription::InsufficientSecurity)
            | Error::PeerIncompatible(
                PeerIncompatible::ServerDoesNotSupportTls12Or13
                | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
            ),
        ) => DialError::Origin(OriginFault::OldTls).into(),
        _ => DialError::Origin(OriginFault::BrokeOff).into(),
    }
}

/// The proxy has no certificate of any person; it only notes that an origin asks for one.
#[derive(Debug)]
struct NoClientCertificate;

tokio::task_local! {
    static ASKED: Cell<bool>;
}

impl ResolvesClientCert for NoClientCertificate {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        // Outside a watch nobody wants to know.
        let _ = ASKED.try_with(|asked| asked.set(true));
        None
    }

    fn has_certs(&self) -> bool {
        false
    }
}

/// Runs a handshake, and says whether the origin asked for a certificate of the client in it.
pub(crate) async fn client_certificate_watch<T>(handshake: impl Future<Output = T>) -> (T, bool) {
    ASKED.scope(Cell::new(false), async { (handshake.await, ASKED.with(Cell::get)) }).await
}
