//! Asking an issuer's responder about a certificate (OCSP, RFC 6960), where nothing else can say whether it was revoked.
//!
//! A responder learns which site somebody visits, so it is asked only for a certificate that names no list, came without a
//! stapled proof, and is not too short-lived to need either. What it says is used as if it had been stapled.
//!
//! Left out: asking about authorities' certificates, and random numbers in the question (answers are for many, and dated).
//!
//! Invariants: 1,024 answers of 8 KiB at most; one is kept no longer than it says, nor six hours; a failure half an hour.

use super::staple::{self, Question, Stapled};
use super::{AFTER_FAILURE_MS, FRESH_MS, SHORT_LIVED_MS};
use crate::certificate::CertificateFacts;
use crate::der::{INTEGER, OCTETS, Reader, SEQUENCE, element, whole_bytes};
use crate::dial::Dialer;
use crate::side_fetch::fetch;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE;
use bytes::Bytes;
use model::Timestamp;
use rustls_pki_types::{SignatureVerificationAlgorithm, TrustAnchor};
use sha1::{Digest as _, Sha1};
use sha2::Sha256;
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

const MOST_ANSWER_BYTES: usize = 8 * 1024;
const MOST_ANSWERS: usize = 1_024;
/// `AlgorithmIdentifier` of SHA-1, by which every responder knows its certificates (RFC 5019, section 2.1.1).
const SHA1: &[u8] = &[0x30, 9, 6, 5, 0x2b, 0x0e, 3, 2, 0x1a, 5, 0];

/// Which certificate: a hash of it.
type Mark = [u8; 32];

/// What responders answered.
#[derive(Default)]
pub(super) struct Answers(Mutex<HashMap<Mark, Kept>>);

struct Kept {
    /// `None` while it is asked for, and after that failed.
    answer: Option<Bytes>,
    until: Timestamp,
}

/// A certificate to ask about.
pub(crate) struct Asking {
    mark: Mark,
    url: String,
    serial: Box<[u8]>,
    issuer: TrustAnchor<'static>,
    algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
}

impl Asking {
    /// What to ask about a leaf; `None` where it need not be, or nobody can be asked.
    pub(crate) fn about(
        leaf: &CertificateFacts,
        issuer: &TrustAnchor<'_>,
        algorithms: &'static [&'static dyn SignatureVerificationAlgorithm],
    ) -> Option<Self> {
        if !leaf.revocation_urls.is_empty() || leaf.lasts_ms() <= SHORT_LIVED_MS {
            return None;
        }
        let responder = leaf.responder_urls.first()?;
        let question = URL_SAFE.encode(question(&leaf.issuer, issuer, &leaf.serial)?);
        // The field is plain base64, escaped (RFC 6960, appendix A.1).
        let question = question.replace('-', "%2B").replace('_', "%2F").replace('=', "%3D");
        Some(Self {
            mark: mark(leaf),
            url: format!("{}/{question}", responder.trim_end_matches('/')),
            serial: leaf.serial.clone(),
            issuer: issuer.to_owned(),
            algorithms,
        })
    }
}

impl Answers {
    /// What was answered about a leaf, if that still counts; to be read like a stapled proof.
    pub(super) fn about(&self, leaf: &CertificateFacts, now: Timestamp) -> Option<Bytes> {
        self.lock().get(&mark(leaf)).filter(|kept| now < kept.until)?.answer.clone()
    }

    /// True when nobody is asking about it yet, or has lately.
    pub(super) fn begin(&self, asking: &Asking, now: Timestamp) -> bool {
        let mut answers = self.lock();
        if answers.get(&asking.mark).is_some_and(|kept| now < kept.until) {
            return false;
        }
        answers.retain(|_, kept| now < kept.until);
        if answers.len() >= MOST_ANSWERS {
            return false;
        }
        answers.insert(asking.mark, Kept { answer: None, until: now.plus_ms(AFTER_FAILURE_MS) });
        true
    }

    /// Forgets that somebody is asking.
    pub(super) fn give_up(&self, asking: &Asking) {
        self.lock().remove(&asking.mark);
    }

    /// Asks, and keeps what counts.
    pub(super) async fn ask(&self, dialer: &Dialer, asking: Asking) {
        let answer = match fetch(dialer, &asking.url, MOST_ANSWER_BYTES).await {
            Ok(answer) => answer,
            Err(error) => {
                tracing::debug!(phase = "connect", fault = %error, "a responder could not be asked");
                return;
            }
        };
        let now = dialer.clock.now();
        let Asking { serial, issuer, algorithms, mark, .. } = &asking;
        let question = Question { serial, issuer, algorithms, now };
        let (said, until) = staple::read_dated(&answer, &question);
        if said != Stapled::Nothing {
            let until = until.min(now.plus_ms(FRESH_MS));
            self.lock().insert(*mark, Kept { answer: Some(answer), until });
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Mark, Kept>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An issuer gives each number once.
fn mark(leaf: &CertificateFacts) -> Mark {
    Sha256::new()
        .chain_update(&leaf.issuer)
        .chain_update(&leaf.public_key)
        .chain_update(&leaf.serial)
        .finalize()
        .into()
}

/// `OCSPRequest` about one certificate (RFC 6960, section 4.1.1).
fn question(issuer_name: &[u8], issuer: &TrustAnchor<'_>, serial: &[u8]) -> Option<Vec<u8>> {
    let mut key = Reader::new(issuer.subject_public_key_info.as_ref());
    key.take()?;
    let key = whole_bytes(key.take()?.content)?;
    let hash = |bytes: &[u8]| element(OCTETS, &[Sha1::digest(bytes).as_slice()]);
    let id = element(SEQUENCE, &[SHA1, &hash(issuer_name), &hash(key), &element(INTEGER, &[serial])]);
    let list = element(SEQUENCE, &[&element(SEQUENCE, &[&id])]);
    Some(element(SEQUENCE, &[&element(SEQUENCE, &[&list])]))
}
