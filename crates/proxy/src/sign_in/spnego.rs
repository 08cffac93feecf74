//! The frame around a Kerberos ticket in a `Negotiate` field (RFC 4178, RFC 4121 section 4.1, RFC 4559).
//!
//! Left out: other mechanisms than Kerberos (NTLM among them), and negotiation in several rounds. A client that would rather
//! use something else is asked again, and falls back to its password.
//!
//! Invariant: any bytes are an offer or none, never a panic.

use crate::der::{OCTETS, Reader, SEQUENCE, application, application_byte, context, context_byte, element};

const OBJECT_ID: u8 = 6;
/// 1.3.6.1.5.5.2 (RFC 4178, section 1), as it is encoded.
const SPNEGO: &[u8] = &[0x2b, 6, 1, 5, 5, 2];
/// 1.2.840.113554.1.2.2 (RFC 4121, section 4.1), as it is encoded.
const KERBEROS: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 1, 2, 2];
/// 1.2.840.48018.1.2.2, by which Windows calls the same.
const KERBEROS_OF_WINDOWS: &[u8] = &[0x2a, 0x86, 0x48, 0x82, 0xf7, 0x12, 1, 2, 2];
/// What comes before a client's request, and before a service's answer.
const REQUEST: [u8; 2] = [1, 0];
const ANSWER: [u8; 2] = [2, 0];
/// `accept-completed` (RFC 4178, section 4.2.2).
const COMPLETED: &[u8] = &[0x0a, 1, 0];

/// A Kerberos request, and how it was framed.
pub(super) struct Offer<'a> {
    /// `AP-REQ` (RFC 4120, section 5.5.1).
    pub(super) request: &'a [u8],
    /// The mechanism by the client's name for it; `None` where the request came without a negotiation around it.
    mechanism: Option<&'a [u8]>,
}

impl<'a> Offer<'a> {
    /// Reads the first token of a client.
    pub(super) fn read(token: &'a [u8]) -> Option<Self> {
        let (mechanism, inner) = framed(token)?;
        if mechanism != SPNEGO {
            return Some(Self { request: request(token)?, mechanism: None });
        }
        let init = Reader::new(inner).take_inside(context(0))?;
        let mut fields = Reader::new(init.content);
        let mechanisms = fields.take_inside(context(0))?;
        let first = Reader::new(mechanisms.content).take()?.content;
        fields.take_if(context(1));
        let token = fields.take_inside(context(2))?.content;
        // A request is for the mechanism that the client likes best, or for none.
        is_kerberos(first).then_some(Self { request: request(token)?, mechanism: Some(first) })
    }

    /// What the client is told when it is let in; `answer` is an `AP-REP`, where it asked for one.
    pub(super) fn accepted(&self, answer: Option<&[u8]>) -> Option<Vec<u8>> {
        let answer = answer
            .map(|answer| element(application_byte(0), &[&element(OBJECT_ID, &[KERBEROS]), &ANSWER, answer]));
        let Some(mechanism) = self.mechanism else { return answer };
        let state = element(context_byte(0), &[COMPLETED]);
        let chosen = element(context_byte(1), &[&element(OBJECT_ID, &[mechanism])]);
        let answer = answer.map(|answer| element(context_byte(2), &[&element(OCTETS, &[&answer])]));
        let fields = element(SEQUENCE, &[&state, &chosen, answer.as_deref().unwrap_or_default()]);
        Some(element(context_byte(1), &[&fields]))
    }
}

/// A mechanism's name and its token (RFC 2743, section 3.1).
fn framed(token: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut inside = Reader::new(Reader::new(token).take_if(application(0))?.content);
    let mechanism = inside.take()?.content;
    Some((mechanism, inside.rest()))
}

fn request(token: &[u8]) -> Option<&[u8]> {
    let (mechanism, inner) = framed(token)?;
    inner.strip_prefix(&REQUEST).filter(|_| is_kerberos(mechanism))
}

fn is_kerberos(mechanism: &[u8]) -> bool {
    mechanism == KERBEROS || mechanism == KERBEROS_OF_WINDOWS
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A request as a client frames it.
    pub(crate) fn token(request: &[u8]) -> Vec<u8> {
        element(application_byte(0), &[&element(OBJECT_ID, &[KERBEROS]), &REQUEST, request])
    }

    /// A negotiation that likes the first of these best.
    pub(crate) fn negotiation(mechanisms: &[&[u8]], token: &[u8]) -> Vec<u8> {
        let names: Vec<Vec<u8>> = mechanisms.iter().map(|name| element(OBJECT_ID, &[name])).collect();
        let list = element(context_byte(0), &[&element(SEQUENCE, &[&names.concat()])]);
        let token = element(context_byte(2), &[&element(OCTETS, &[token])]);
        let init = element(context_byte(0), &[&element(SEQUENCE, &[&list, &token])]);
        element(application_byte(0), &[&element(OBJECT_ID, &[SPNEGO]), &init])
    }

    #[test]
    fn a_request_is_found_in_a_negotiation_and_without_one() {
        let ntlm: &[u8] = &[0x2b, 6, 1, 4, 1, 0x82, 0x37, 2, 2, 10];
        let plain = token(b"request");
        for (bytes, found) in [
            (plain.clone(), true),
            (negotiation(&[KERBEROS, ntlm], &plain), true),
            (negotiation(&[KERBEROS_OF_WINDOWS, KERBEROS, ntlm], &plain), true),
            (negotiation(&[ntlm, KERBEROS], &plain), false),
            (negotiation(&[KERBEROS], b"NTLMSSP\0"), false),
            (b"NTLMSSP\0".to_vec(), false),
        ] {
            let offer = Offer::read(&bytes);
            assert_eq!(offer.map(|offer| offer.request), found.then_some(b"request".as_slice()));
        }
    }

    #[test]
    fn the_answer_names_the_mechanism_as_the_client_did() {
        let bytes = negotiation(&[KERBEROS_OF_WINDOWS], &token(b"request"));
        let answer = Offer::read(&bytes).unwrap().accepted(Some(b"answer")).unwrap();
        let fields = Reader::new(&answer).take_inside(context(1)).unwrap();
        let mut fields = Reader::new(fields.content);
        assert_eq!(fields.take_if(context(0)).unwrap().content, COMPLETED);
        assert_eq!(fields.take_inside(context(1)).unwrap().content, KERBEROS_OF_WINDOWS);
        let inner = fields.take_inside(context(2)).unwrap().content;
        assert_eq!(framed(inner).unwrap(), (KERBEROS, b"\x02\x00answer".as_slice()));
        assert!(Offer::read(&token(b"request")).unwrap().accepted(None).is_none());
    }

    proptest! {
        #[test]
        fn any_bytes_are_an_offer_or_none(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Offer::read(&bytes);
            let _ = Offer::read(&token(&bytes));
            let _ = Offer::read(&negotiation(&[KERBEROS], &bytes));
        }
    }
}
