//! The two cookies, for this host and HTTPS only, out of reach of scripts: a session's token, and the mark by which an account
//! knows a browser again, which lets nobody in.

use axum::http::{HeaderMap, HeaderValue, header};
use model::Timestamp;

/// `__Host-` makes browsers refuse it without `Secure`, with a domain, or from another path (RFC 6265bis, 4.1.3.2).
const NAME: &str = "__Host-schoolgate";

/// The mark of a browser.
const DEVICE: &str = "__Host-schoolgate-device";

/// How long a browser is known: the summer holidays, and twice as long again.
const DEVICE_SECONDS: i64 = 180 * 86_400;

/// Longer than any mark of ours: nine numbers of 32 digits.
const MOST_DEVICE_BYTES: usize = 320;

/// Longer than any token of ours; whatever is longer is not looked up.
const MOST_TOKEN_BYTES: usize = 128;

/// The token that came with a request, if it could be one of ours.
pub(crate) fn token(headers: &HeaderMap) -> Option<String> {
    let token = named(headers, NAME)?;
    is_token(token).then(|| token.to_owned())
}

/// The mark that came with a request, if it could be one of ours; else empty.
pub(crate) fn device(headers: &HeaderMap) -> String {
    named(headers, DEVICE).filter(|mark| is_mark(mark)).unwrap_or_default().to_owned()
}

/// Sets the mark; `None` where there is none to set, or where it cannot stand in a cookie.
pub(crate) fn keep_device(mark: &str) -> Option<HeaderValue> {
    is_mark(mark).then(|| cookie((DEVICE, mark), DEVICE_SECONDS)).flatten()
}

fn named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).into_iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, _)| *name == wanted).map(|(_, value)| value)
}

/// Sets the token until `expires`; `None` where it cannot stand in a cookie.
pub(crate) fn keep(token: &str, now: Timestamp, expires: Timestamp) -> Option<HeaderValue> {
    let seconds = expires.0.saturating_sub(now.0).max(0) / 1000;
    is_token(token).then(|| cookie((NAME, token), seconds)).flatten()
}

/// Takes the token away.
pub(crate) fn forget() -> Option<HeaderValue> {
    cookie((NAME, ""), 0)
}

fn cookie((name, value): (&str, &str), seconds: i64) -> Option<HeaderValue> {
    let text = format!("{name}={value}; Path=/; Max-Age={seconds}; Secure; HttpOnly; SameSite=Lax");
    HeaderValue::try_from(text).ok()
}

fn is_token(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    !text.is_empty() && text.len() <= MOST_TOKEN_BYTES && text.bytes().all(allowed)
}

fn is_mark(text: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.';
    !text.is_empty() && text.len() <= MOST_DEVICE_BYTES && text.bytes().all(allowed)
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

    #[test]
    fn a_browsers_mark_is_kept_beside_the_token_and_neither_is_taken_for_the_other() {
        let set = keep_device("d1.00ff").unwrap();
        let set = set.to_str().unwrap();
        assert!(
            set.starts_with("__Host-schoolgate-device=d1.00ff; Path=/; Max-Age=15552000; Secure; HttpOnly;")
        );
        assert_eq!((device(&with(set)).as_str(), token(&with(set))), ("d1.00ff", None));
        let both = with("__Host-schoolgate=Ab1; __Host-schoolgate-device=d1.00ff");
        assert_eq!((device(&both).as_str(), token(&both).as_deref()), ("d1.00ff", Some("Ab1")));
        assert_eq!(device(&with("__Host-schoolgate-device=a b")), "");
        assert_eq!(keep_device(""), None);
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
                let mark = device(&headers);
                prop_assert!(mark.is_empty() || is_mark(&mark));
            }
        }
    }
}
