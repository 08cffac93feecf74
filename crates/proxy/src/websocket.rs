//! How a WebSocket is asked for: by upgrade over HTTP/1.1 (RFC 6455), by extended CONNECT over HTTP/2 (RFC 8441), and
//! how the one is said in the words of the other.

use crate::headers::is_websocket;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{HeaderMap, HeaderValue, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_VERSION};
use http::{Method, Request, Version, request};
use hyper::ext::Protocol;
use sha1::{Digest, Sha1};

/// What every server adds to a key before it hashes it (RFC 6455, section 1.3).
const SALT: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
const NAME: &str = "websocket";

/// What a client asks its connection or stream to become.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Switch {
    /// Nothing else.
    No,
    /// A WebSocket, over HTTP/1.1.
    Upgrade,
    /// A WebSocket, over HTTP/2.
    Connect,
}

/// What a request asks for.
pub(crate) fn asked_for<B>(request: &Request<B>) -> Switch {
    let protocol = request.extensions().get::<Protocol>();
    match (request.version(), request.method()) {
        (Version::HTTP_11, &Method::GET) if is_websocket(request.headers()) => Switch::Upgrade,
        (Version::HTTP_2, &Method::CONNECT) if protocol.is_some_and(|asked| asked.as_str() == NAME) => {
            Switch::Connect
        }
        _ => Switch::No,
    }
}

/// Puts what HTTP/1.1 wants, and HTTP/2 has not, into a head. `None` when there is no randomness.
pub(crate) fn ask_by_upgrade(headers: &mut HeaderMap) -> Option<()> {
    let mut key = [0; 16];
    getrandom::fill(&mut key).ok()?;
    headers.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&STANDARD.encode(key)).ok()?);
    headers.entry(SEC_WEBSOCKET_VERSION).or_insert(HeaderValue::from_static("13"));
    Some(())
}

/// Asks for it over HTTP/2.
pub(crate) fn ask_by_connect(head: &mut request::Parts) {
    head.method = Method::CONNECT;
    head.extensions.insert(Protocol::from_static(NAME));
}

/// True when an answer shows that the origin read our key and understood what was asked (RFC 6455, section 4.1).
pub(crate) fn is_accepted(key: &HeaderValue, answer: &HeaderMap) -> bool {
    let hash = Sha1::new().chain_update(key.as_bytes()).chain_update(SALT).finalize();
    answer.get(SEC_WEBSOCKET_ACCEPT).is_some_and(|accepted| accepted == STANDARD.encode(hash).as_str())
}

/// Takes out of an answer what only whoever sent the key wants to see.
pub(crate) fn forget_key(headers: &mut HeaderMap) {
    headers.remove(SEC_WEBSOCKET_ACCEPT);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accepted_key_is_told_from_a_refused_one() {
        // The example of RFC 6455, section 1.3.
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        for (accept, accepted) in [("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", true), ("x", false)] {
            let answer = [(SEC_WEBSOCKET_ACCEPT, HeaderValue::from_static(accept))].into_iter().collect();
            assert_eq!(is_accepted(&key, &answer), accepted);
        }
        assert!(!is_accepted(&key, &HeaderMap::new()));
    }

    #[test]
    fn every_question_of_ours_has_a_key_of_its_own() {
        let mut keys = std::collections::HashSet::new();
        for _ in 0..8 {
            let mut headers = HeaderMap::new();
            ask_by_upgrade(&mut headers).unwrap();
            assert_eq!(headers[SEC_WEBSOCKET_VERSION], "13");
            keys.insert(headers[SEC_WEBSOCKET_KEY].clone());
        }
        assert_eq!(keys.len(), 8);
    }
}
