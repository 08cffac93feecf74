//! A public key infrastructure with every fault that an origin's certificate can have, one line a case, and with a
//! publisher of issuers' certificates and revocation lists on loopback.
//!
//! Everything is good at 2026-11-22, from 2026-11-01 to 2026-12-31, unless the case says otherwise. Chains are root,
//! issuer, leaf. Weak keys and signatures come from `openssl`, since no library of ours makes them.

mod der;
mod publisher;
mod weak;

pub use publisher::Publisher;
pub use weak::{OldServer, OldServerFault};

use crate::TestError;
use der::{Status, issuer_url, must_staple, responder_url, response};
use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer,
    CrlDistributionPoint, DnType, ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, KeyIdMethod, KeyPair,
    KeyUsagePurpose, NameConstraints, RevokedCertParams, SerialNumber, SigningKey, date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::{default_provider, sign::any_supported_type};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// What is the matter with an origin's certificate. The comment of each says what a careful client does.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Case {
    /// Nothing: taken.
    Good,
    /// It ended: refused.
    Expired,
    /// It has not begun: refused.
    NotYetValid,
    /// It names another host: refused.
    WrongHost,
    /// It signed itself: refused.
    SelfSigned,
    /// Its root is a stranger's: refused.
    UntrustedRoot,
    /// A stapled proof signed by its issuer says that it was revoked: refused.
    RevokedByStaple,
    /// The same, signed by a responder whom the issuer named: refused.
    RevokedByResponder,
    /// A stapled proof says that it was revoked, signed by a stranger: that says nothing, taken.
    ForgedStaple,
    /// A stapled proof that it is good, as old as the year: that says nothing, taken.
    StaleStaple,
    /// Its issuer's list has it: refused once the list is there.
    RevokedByList,
    /// Its issuer's list does not have it: taken.
    NotOnList,
    /// Its list is signed by a stranger: that says nothing, taken.
    ForgedList,
    /// Its issuer's list has it, and it comes with a stranger's certificate that leads to a forged list in the name of the
    /// issuer's issuer: nobody asks there, refused once its own list is there.
    RevokedBesideJunk,
    /// Its issuer's list has it, and the list that its issuer leads to is forged: refused once its own list is there.
    RevokedBelowForgedList,
    /// Its issuer's responder, when asked, says that it was revoked: refused from then on.
    AskedRevoked,
    /// The responder says that it is good: taken.
    AskedGood,
    /// What the responder says is signed by a stranger: that says nothing, taken.
    AskedForged,
    /// It demands a stapled proof, and has none: refused.
    MissingStaple,
    /// It demands a stapled proof, and has one: taken.
    Stapled,
    /// It demands a stapled proof, and has an old one: refused.
    MustStapleStale,
    /// The issuer's certificate is left out, and can be fetched: taken.
    IssuerLeftOut,
    /// It is left out, and the address leads nowhere: refused.
    IssuerLost,
    /// It is left out, and there is no address: refused.
    IssuerUnsaid,
    /// It is left out, and the address gives another's certificate: refused.
    IssuerLied,
    /// It is left out, and what can be fetched is a stranger's of the same name: refused.
    IssuerForged,
    /// Its issuer may vouch for other names only: refused.
    NameConstraints,
    /// The issuer's own certificate as a server's: refused.
    AuthorityAsLeaf,
    /// Made for clients: refused.
    WrongPurpose,
    /// Signed by a server's certificate: refused.
    SignedByLeaf,
}

/// The infrastructure.
pub struct BadCertificates {
    root: Authority,
    issuer: Authority,
    stranger: Authority,
    strangers_issuer: Authority,
    constrained: Authority,
    /// Its certificate leads to a list that is not its issuer's.
    ill_listed: Authority,
    /// Has the name of the root, and leads to a list of its own.
    junk: Authority,
    responder: Authority,
    publisher: Publisher,
}

type Authority = CertifiedIssuer<'static, KeyPair>;

/// A server's certificates and key, and what it staples.
struct Chain {
    certificates: Vec<CertificateDer<'static>>,
    key: KeyPair,
    stapled: Option<Vec<u8>>,
}

/// The leaf's number on lists and in stapled proofs.
pub const SERIAL: u64 = 0x5ca1_ab1e;
const ROOT: &str = "Root of the tests";
const ISSUER: &str = "Issuer of the tests";

impl BadCertificates {
    /// Makes it, and starts its publisher. `host` leads there: its name is in the certificates' addresses.
    pub async fn start(host: &str) -> Result<Self, TestError> {
        let root = authority(ROOT, None, |_| {})?;
        let stranger = authority("Root of nobody", None, |_| {})?;
        let issuer = authority(ISSUER, Some(&root), |_| {})?;
        let strangers_issuer = authority(ISSUER, Some(&stranger), |_| {})?;
        let constrained = authority("Constrained issuer of the tests", Some(&root), |params| {
            let permitted_subtrees = vec![GeneralSubtree::DnsName("allowed.test".into())];
            params.name_constraints =
                Some(NameConstraints { permitted_subtrees, excluded_subtrees: Vec::new() });
        })?;
        let responder = authority("Responder of the tests", Some(&issuer), |params| {
            params.is_ca = IsCa::ExplicitNoCa;
            params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
            params.extended_key_usages = vec![ExtendedKeyUsagePurpose::OcspSigning];
        })?;
        let publisher = Publisher::start(host).await?;
        let listed_at = |path: &str| vec![CrlDistributionPoint { uris: vec![publisher.url(path)] }];
        let ill_listed = authority("Ill-listed issuer of the tests", Some(&root), |params| {
            params.crl_distribution_points = listed_at("/forged-of-root.crl");
        })?;
        let junk = authority(ROOT, None, |params| params.crl_distribution_points = listed_at("/junk.crl"))?;
        let it = Self {
            root,
            issuer,
            stranger,
            strangers_issuer,
            constrained,
            ill_listed,
            junk,
            responder,
            publisher,
        };
        it.publish()?;
        Ok(it)
    }

    /// The root, to be trusted.
    pub fn root(&self) -> CertificateDer<'static> {
        self.root.der().clone()
    }

    /// The issuer of most leaves.
    pub fn issuer_pem(&self) -> String {
        self.issuer.pem()
    }

    /// What is published, and what was asked for.
    pub fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// TLS of a server that is this case, for `name`, offering HTTP/1.1.
    pub fn server(&self, case: Case, name: &str) -> Result<Arc<ServerConfig>, TestError> {
        let chain = self.chain(case, name)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(chain.key.serialize_der()));
        let mut certified = CertifiedKey::new(chain.certificates, any_supported_type(&key)?);
        certified.ocsp = chain.stapled;
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_cert_resolver(Arc::new(Always(Arc::new(certified))));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    fn publish(&self) -> Result<(), TestError> {
        let publisher = &self.publisher;
        publisher.put("/issuer.cer", self.issuer.der().to_vec());
        publisher.put("/stranger.cer", self.stranger.der().to_vec());
        publisher.put("/forged.cer", self.strangers_issuer.der().to_vec());
        publisher.put("/revoked.crl", list(&self.issuer, &[SERIAL])?);
        publisher.put("/clear.crl", list(&self.issuer, &[SERIAL + 1])?);
        publisher.put("/forged.crl", list(&self.strangers_issuer, &[SERIAL])?);
        publisher.put("/ill-listed.crl", list(&self.ill_listed, &[SERIAL])?);
        for path in ["/junk.crl", "/forged-of-root.crl"] {
            publisher.put(path, list(&self.junk, &[])?);
        }
        for (path, signer, status) in [
            ("/revoked.ocsp", &self.issuer, Status::Revoked),
            ("/good.ocsp", &self.issuer, Status::Good),
            ("/forged.ocsp", &self.strangers_issuer, Status::Revoked),
        ] {
            let serial = SerialNumber::from(SERIAL);
            publisher.put(path, response(&serial, status, "20261122", None, |tbs| signer.key().sign(tbs))?);
        }
        Ok(())
    }

    fn chain(&self, case: Case, name: &str) -> Result<Chain, TestError> {
        let key = KeyPair::generate()?;
        let params = self.leaf_params(case, name)?;
        let signed_by = match case {
            Case::SelfSigned => None,
            Case::UntrustedRoot => Some(&self.stranger),
            Case::NameConstraints => Some(&self.constrained),
            Case::RevokedBelowForgedList => Some(&self.ill_listed),
            _ => Some(&self.issuer),
        };
        let leaf = match signed_by {
            Some(issuer) => params.signed_by(&key, issuer)?,
            None => params.self_signed(&key)?,
        };
        let leaf = leaf.der().clone();
        let certificates = match case {
            Case::SelfSigned | Case::UntrustedRoot => vec![leaf],
            Case::IssuerLeftOut
            | Case::IssuerLost
            | Case::IssuerUnsaid
            | Case::IssuerLied
            | Case::IssuerForged => {
                vec![leaf]
            }
            Case::NameConstraints => vec![leaf, self.constrained.der().clone()],
            Case::RevokedBesideJunk => vec![leaf, self.junk.der().clone(), self.issuer.der().clone()],
            Case::RevokedBelowForgedList => vec![leaf, self.ill_listed.der().clone()],
            Case::AuthorityAsLeaf => return self.authority_as_leaf(name),
            Case::SignedByLeaf => return self.signed_by_leaf(name),
            _ => vec![leaf, self.issuer.der().clone()],
        };
        Ok(Chain { certificates, key, stapled: self.stapled(case)? })
    }

    fn leaf_params(&self, case: Case, name: &str) -> Result<CertificateParams, TestError> {
        let named = if case == Case::WrongHost { "somebody-else.test" } else { name };
        let mut params = CertificateParams::new(vec![named.to_owned()])?;
        params.distinguished_name.push(DnType::CommonName, named);
        params.serial_number = Some(SerialNumber::from(SERIAL));
        params.extended_key_usages = vec![match case {
            Case::WrongPurpose => ExtendedKeyUsagePurpose::ClientAuth,
            _ => ExtendedKeyUsagePurpose::ServerAuth,
        }];
        (params.not_before, params.not_after) = match case {
            Case::Expired => (date_time_ymd(2026, 1, 1), date_time_ymd(2026, 11, 21)),
            Case::NotYetValid => (date_time_ymd(2026, 11, 24), date_time_ymd(2026, 12, 31)),
            _ => (date_time_ymd(2026, 11, 1), date_time_ymd(2026, 12, 31)),
        };
        let list = match case {
            Case::RevokedByList | Case::RevokedBesideJunk => Some("/revoked.crl"),
            Case::RevokedBelowForgedList => Some("/ill-listed.crl"),
            Case::NotOnList => Some("/clear.crl"),
            Case::ForgedList => Some("/forged.crl"),
            _ => None,
        };
        params.crl_distribution_points = list
            .map(|path| CrlDistributionPoint { uris: vec![self.publisher.url(path)] })
            .into_iter()
            .collect();
        let issuer = match case {
            Case::IssuerLeftOut => Some("/issuer.cer"),
            Case::IssuerLost => Some("/nothing.cer"),
            Case::IssuerLied => Some("/stranger.cer"),
            Case::IssuerForged => Some("/forged.cer"),
            _ => None,
        };
        params.custom_extensions.extend(issuer.map(|path| issuer_url(&self.publisher.url(path))));
        let responder = match case {
            Case::AskedRevoked => Some("/revoked.ocsp"),
            Case::AskedGood => Some("/good.ocsp"),
            Case::AskedForged => Some("/forged.ocsp"),
            _ => None,
        };
        params.custom_extensions.extend(responder.map(|path| responder_url(&self.publisher.url(path))));
        if matches!(case, Case::MissingStaple | Case::Stapled | Case::MustStapleStale) {
            params.custom_extensions.push(must_staple());
        }
        Ok(params)
    }

    fn stapled(&self, case: Case) -> Result<Option<Vec<u8>>, TestError> {
        let serial = SerialNumber::from(SERIAL);
        let by = |signer: &Authority, status, day: &str, certificate: Option<&Authority>| {
            let certificate = certificate.map(|responder| responder.der().to_vec());
            response(&serial, status, day, certificate.as_deref(), |tbs| signer.key().sign(tbs)).map(Some)
        };
        match case {
            Case::RevokedByStaple => by(&self.issuer, Status::Revoked, "20261122", None),
            Case::RevokedByResponder => {
                by(&self.responder, Status::Revoked, "20261122", Some(&self.responder))
            }
            Case::ForgedStaple => by(&self.stranger, Status::Revoked, "20261122", Some(&self.stranger)),
            Case::Stapled => by(&self.issuer, Status::Good, "20261122", None),
            Case::StaleStaple | Case::MustStapleStale => by(&self.issuer, Status::Good, "20260101", None),
            _ => Ok(None),
        }
    }

    fn authority_as_leaf(&self, name: &str) -> Result<Chain, TestError> {
        let key = KeyPair::generate()?;
        let mut params = self.leaf_params(Case::AuthorityAsLeaf, name)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        let leaf = params.signed_by(&key, &self.root)?;
        Ok(Chain { certificates: vec![leaf.der().clone()], key, stapled: None })
    }

    fn signed_by_leaf(&self, name: &str) -> Result<Chain, TestError> {
        let upper = authority("A server of the tests", Some(&self.issuer), |params| {
            params.is_ca = IsCa::ExplicitNoCa;
        })?;
        let key = KeyPair::generate()?;
        let leaf = self.leaf_params(Case::SignedByLeaf, name)?.signed_by(&key, &upper)?;
        let certificates = vec![leaf.der().clone(), upper.der().clone(), self.issuer.der().clone()];
        Ok(Chain { certificates, key, stapled: None })
    }
}

fn authority(
    name: &str,
    by: Option<&Authority>,
    change: impl FnOnce(&mut CertificateParams),
) -> Result<Authority, TestError> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    (params.not_before, params.not_after) = (date_time_ymd(2026, 11, 1), date_time_ymd(2026, 12, 31));
    change(&mut params);
    let key = KeyPair::generate()?;
    Ok(match by {
        None => CertifiedIssuer::self_signed(params, key)?,
        Some(issuer) => CertifiedIssuer::signed_by(params, key, issuer)?,
    })
}

/// A revocation list with these serial numbers.
fn list(issuer: &Authority, serials: &[u64]) -> Result<Vec<u8>, TestError> {
    let revoked = serials.iter().map(|serial| RevokedCertParams {
        serial_number: SerialNumber::from(*serial),
        revocation_time: date_time_ymd(2026, 11, 20),
        reason_code: None,
        invalidity_date: None,
    });
    let params = CertificateRevocationListParams {
        this_update: date_time_ymd(2026, 11, 21),
        next_update: date_time_ymd(2026, 11, 30),
        crl_number: SerialNumber::from(7),
        issuing_distribution_point: None,
        revoked_certs: revoked.collect(),
        key_identifier_method: KeyIdMethod::Sha256,
    };
    Ok(params.signed_by(issuer)?.der().to_vec())
}

/// One chain for whoever asks.
#[derive(Debug)]
struct Always(Arc<CertifiedKey>);

impl ResolvesServerCert for Always {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}
