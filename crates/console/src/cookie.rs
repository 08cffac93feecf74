//! The one cookie: a session's token, for this host and HTTPS only, out of reach of scripts.

use axum::http::{HeaderMap, HeaderValue, header};
use model::Timestamp;

/// `__Host-` makes browsers refuse it without `Secure`, with a domain, or from another path (RFC 6265bis, 4.1.3.2).
const NAME: &str = "__Host-schoolgate";

/// Longer than any token of ours; whatever is longer is not looked up.
const MOST_TOKEN_BYTES: usize = 128;

/// The token that came with a request, if it could be one of ours.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let (_, token) = pairs.find(|(name, _)| *name == NAME)?;
    is_token(token).then(|| token.to_owned())
}

/// Sets the token until `expires`; `None` where it cannot stand in a cookie.
pub(crate) fn keep(token: &str, now: Timestamp, expires: Timestamp) -> Option<HeaderValue> {
    let seconds = expires.0.saturating_sub(now.0).max(0) / 1000;
    is_token(token).then(|| cookie(token, seconds)).flatten()
}

/// Takes the token away.
pub(crate) fn forget() -> Option<HeaderValue> {
    cookie("", 0)
}

fn cookie(token: &str, seconds: i64) -> Option<HeaderValue> {
    let text = format!("{NAME}={token}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(text).ok()
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= MOST_TOKEN_BYTES && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn with(cookie: &str) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::try_from(cookie).unwrap());
        headers
    }

    #[test]
    fn the_token_is_found_among_other_cookies() {
        assert_eq!(token(&with("a=b; __Host-schoolgate=Ab1_-; c=d")).as_deref(), Some("Ab1_-"));
        assert_eq!(token(&with("schoolgate=Ab1")), None);
        assert_eq!(token(&with("__Host-schoolgate=a b")), None);
    }

    #[test]
    fn what_is_kept_is_found_again_and_forgetting_ends_at_once() {
        let set = keep("abc", Timestamp(0), Timestamp(90_000)).unwrap();
        let set = set.to_str().unwrap();
        assert_eq!(set, "__Host-schoolgate=abc; Path=/; Max-Age=90; Secure; HttpOnly; SameSite=Lax");
        assert_eq!(token(&with(set)).as_deref(), Some("abc"));
        assert!(forget().unwrap().to_str().unwrap().contains("Max-Age=0"));
        assert_eq!(keep("a;b", Timestamp(0), Timestamp(1)), None);
    }

    proptest! {
        #[test]
        fn no_header_upsets_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            if let Ok(value) = HeaderValue::from_bytes(&bytes) {
                let mut headers = HeaderMap::new();
                headers.insert(header::COOKIE, value);
                if let Some(found) = token(&headers) {
                    prop_assert!(is_token(&found));
                }
            }
        }
    }
}
