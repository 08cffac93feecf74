//! The proof of a certificate's state that an origin staples to its handshake (OCSP, RFC 6960, section 4.2).
//!
//! Left out: the hashes by which a response names the issuer. A response counts only under a signature of the issuer's own
//! key, or of a responder whom that key named, and must be for the very serial number; that says the same.
//!
//! Invariants: any bytes are a state, never a panic; what is unsigned, out of date or for another certificate says nothing.

use crate::der::{Reader, SEQUENCE, context, element, moment, whole_bytes};
use model::Timestamp;
use rustls_pki_types::{
    CertificateDer, SignatureVerificationAlgorithm, SubjectPublicKeyInfoDer, TrustAnchor, UnixTime,
};
use webpki::{EndEntityCert, KeyUsage, RawPublicKeyEntity};

/// `id-kp-OCSPSigning` (RFC 6960, section 4.2.2.2), as it is encoded.
const OCSP_SIGNING: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 3, 9];
/// `id-pkix-ocsp-basic` (RFC 6960, section 4.2.1), as it is encoded.
const BASIC_RESPONSE: &[u8] = &[0x2b, 6, 1, 5, 5, 7, 48, 1, 1];
/// Clocks of responders stray.
const SKEW_MS: i64 = 300_000;
/// A response without an end counts for so long.
const WITHOUT_END_MS: i64 = 24 * 3_600_000;
/// A stapled response speaks of one certificate; some of a few.
const MOST_RESPONSES: usize = 16;
/// Certificates of responders that are tried.
const MOST_RESPONDERS: usize = 4;

/// What a stapled response says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stapled {
    Good,
    Revoked,
    /// Nothing that counts.
    Nothing,
}

/// Whom a response is about, and who may sign it.
pub(crate) struct Question<'a> {
    /// The certificate's serial number, as it is encoded.
    pub(crate) serial: &'a [u8],
    /// Its issuer's name and key.
    pub(crate) issuer: &'a TrustAnchor<'a>,
    pub(crate) algorithms: &'a [&'a dyn SignatureVerificationAlgorithm],
    pub(crate) now: Timestamp,
}

/// Reads a stapled response.
pub(crate) fn read(response: &[u8], question: &Question<'_>) -> Stapled {
    read_dated(response, question).0
}

/// The same, and until when it counts.
pub(crate) fn read_dated(response: &[u8], question: &Question<'_>) -> (Stapled, Timestamp) {
    state(response, question).unwrap_or((Stapled::Nothing, question.now))
}

fn state(response: &[u8], question: &Question<'_>) -> Option<(Stapled, Timestamp)> {
    let mut basic = Reader::new(basic_response(response)?);
    let signed = basic.take()?;
    let _algorithm = basic.take()?;
    let signature = whole_bytes(basic.take()?.content)?;
    let responders = basic.take_if(context(0)).map(|list| list.content);
    if !question.is_signed(signed.whole, signature, responders) {
        return None;
    }
    let mut fields = Reader::new(signed.content);
    fields.take_if(context(0));
    let (_responder, _produced) = (fields.take()?, fields.take()?);
    let mut responses = Reader::new(fields.take()?.content);
    (0..MOST_RESPONSES).map_while(|_| responses.take()).find_map(|one| question.answer(one.content))
}

/// `OCSPResponse { successful, [0] { basic, response } }`.
fn basic_response(response: &[u8]) -> Option<&[u8]> {
    let mut outer = Reader::new(Reader::new(response).take()?.content);
    if outer.take()?.content != [0] {
        return None;
    }
    let mut inner = Reader::new(Reader::new(outer.take_if(context(0))?.content).take()?.content);
    if inner.take()?.content != BASIC_RESPONSE {
        return None;
    }
    Some(Reader::new(inner.take()?.content).take()?.content)
}

impl Question<'_> {
    /// `SingleResponse { certID, certStatus, thisUpdate, [0] nextUpdate }`, if it is about the certificate and in date.
    fn answer(&self, single: &[u8]) -> Option<(Stapled, Timestamp)> {
        let mut fields = Reader::new(single);
        let mut id = Reader::new(fields.take()?.content);
        let (_hash, _name, _key, serial) = (id.take()?, id.take()?, id.take()?, id.take()?);
        let status = fields.take()?;
        let from = moment(fields.take()?.whole)?;
        let until = match fields.take_if(context(0)) {
            Some(next) => moment(next.content)?,
            None => from.plus_ms(WITHOUT_END_MS),
        };
        let is_ours = unpadded(serial.content) == unpadded(self.serial);
        if !is_ours || from.plus_ms(-SKEW_MS) > self.now || until.plus_ms(SKEW_MS) < self.now {
            return None;
        }
        let said = match status.tag {
            tag if tag == context(0) => Stapled::Good,
            tag if tag == context(1) => Stapled::Revoked,
            _ => Stapled::Nothing,
        };
        Some((said, until))
    }

    fn is_signed(&self, message: &[u8], signature: &[u8], responders: Option<&[u8]>) -> bool {
        let key = public_key_info(self.issuer);
        if let Ok(key) = RawPublicKeyEntity::try_from(&key)
            && self.algorithms.iter().any(|one| key.verify_signature(*one, message, signature).is_ok())
        {
            return true;
        }
        let mut list = Reader::new(
            responders.and_then(|list| Reader::new(list).take()).map_or(&[], |list| list.content),
        );
        (0..MOST_RESPONDERS).map_while(|_| list.take()).any(|responder| {
            let der = CertificateDer::from(responder.whole);
            EndEntityCert::try_from(&der).is_ok_and(|responder| {
                self.may_answer(&responder) && self.verifies(&responder, message, signature)
            })
        })
    }

    /// True for a responder whom the issuer itself named.
    fn may_answer(&self, responder: &EndEntityCert<'_>) -> bool {
        let seconds = u64::try_from(self.now.0.div_euclid(1_000)).unwrap_or(0);
        let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        let anchors = std::slice::from_ref(self.issuer);
        let usage = KeyUsage::required(OCSP_SIGNING);
        responder.verify_for_usage(self.algorithms, anchors, &[], now, usage, None, None).is_ok()
    }

    fn verifies(&self, responder: &EndEntityCert<'_>, message: &[u8], signature: &[u8]) -> bool {
        self.algorithms.iter().any(|one| responder.verify_signature(*one, message, signature).is_ok())
    }
}

/// The key of an anchor in its outer sequence, which anchors are kept without.
fn public_key_info(anchor: &TrustAnchor<'_>) -> SubjectPublicKeyInfoDer<'static> {
    element(SEQUENCE, &[anchor.subject_public_key_info.as_ref()]).into()
}

fn unpadded(serial: &[u8]) -> &[u8] {
    let zeros = serial.iter().take_while(|byte| **byte == 0).count();
    serial.get(zeros..).unwrap_or_default()
}
