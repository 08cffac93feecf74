//! What of a head is only between two neighbours, and never passed on (RFC 9110, section 7.6.1).
//!
//! `Via` is not added on purpose, though RFC 9110, section 7.6.3 asks for it: it tells every origin that a child sits
//! behind a school's filter, and some origins answer differently because of it.

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, COOKIE, HOST, HeaderMap, HeaderName, HeaderValue,
    PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, TE, TRANSFER_ENCODING, UPGRADE,
};

const BETWEEN_NEIGHBOURS: [HeaderName; 8] = [
    CONNECTION,
    HeaderName::from_static("proxy-connection"),
    HeaderName::from_static("keep-alive"),
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Takes out of a request's head what is between the client and us. That the client takes trailers is passed on.
pub(crate) fn clean_request(headers: &mut HeaderMap) {
    let takes_trailers = list(headers, &TE).any(|coding| coding.eq_ignore_ascii_case("trailers"));
    clean(headers);
    if takes_trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
}

/// Takes out of a response's head what is between the origin and us. Its invitations to HTTP/3 are a rule's matter.
pub(crate) fn clean_response(headers: &mut HeaderMap) {
    clean(headers);
}

/// True when a request signs in its connection and not itself (RFC 4559, section 6; Microsoft's NTLM does likewise).
pub(crate) fn signs_in_connection(headers: &HeaderMap) -> bool {
    headers.get_all(AUTHORIZATION).iter().any(|value| {
        let scheme = value.as_bytes().split(|byte| *byte == b' ').next().unwrap_or_default();
        [&b"ntlm"[..], b"negotiate"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
    })
}

/// True when the only transfer coding is `chunked`, or there is none. Any other we would have to undo, and cannot.
pub(crate) fn has_plain_coding(headers: &HeaderMap) -> bool {
    list(headers, &TRANSFER_ENCODING).all(|coding| coding.eq_ignore_ascii_case("chunked"))
}

/// True when a head asks for, or grants, a change to the WebSocket protocol (RFC 6455, section 4).
pub(crate) fn is_websocket(headers: &HeaderMap) -> bool {
    list(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case("upgrade"))
        && list(headers, &UPGRADE).any(|token| token.eq_ignore_ascii_case("websocket"))
}

/// Says again, to the next neighbour, that the connection becomes a WebSocket.
pub(crate) fn ask_for_websocket(headers: &mut HeaderMap) {
    headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
}

/// Makes a field of ours no business between neighbours, whatever the client said: else whoever has the head next takes
/// it out.
pub(crate) fn passes_on(headers: &mut HeaderMap, field: &HeaderName) {
    let is_named = list(headers, &CONNECTION).any(|token| token.eq_ignore_ascii_case(field.as_str()));
    // What we cannot read, the next may.
    let is_read = headers.get_all(CONNECTION).iter().all(|value| value.to_str().is_ok());
    if !is_named && is_read {
        return;
    }
    let left: Vec<&str> =
        list(headers, &CONNECTION).filter(|token| !token.eq_ignore_ascii_case(field.as_str())).collect();
    match HeaderValue::from_str(&left.join(", ")) {
        Ok(left) if !left.is_empty() => {
            headers.insert(CONNECTION, left);
        }
        _ => {
            headers.remove(CONNECTION);
        }
    }
}

/// HTTP/2 may split cookies over several fields; HTTP/1.1 wants one (RFC 9113, section 8.2.3).
pub(crate) fn join_cookies(headers: &mut HeaderMap) {
    let cookies: Vec<&[u8]> = headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
    if cookies.len() < 2 {
        return;
    }
    if let Ok(joined) = HeaderValue::from_bytes(&cookies.join(&b"; "[..])) {
        headers.insert(COOKIE, joined);
    }
}

fn clean(headers: &mut HeaderMap) {
    // An empty list takes no memory.
    let named: Vec<HeaderName> = list(headers, &CONNECTION)
        .filter(|token| !token.eq_ignore_ascii_case("keep-alive") && !token.eq_ignore_ascii_case("close"))
        .filter_map(|token| HeaderName::from_bytes(token.as_bytes()).ok())
        // Nobody may have the frame of the message itself taken out.
        .filter(|name| *name != CONTENT_LENGTH && *name != HOST)
        .collect();
    for name in BETWEEN_NEIGHBOURS.iter().chain(&named) {
        headers.remove(name);
    }
}

/// The members of a comma-separated field.
fn list<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn what_is_between_neighbours_goes_no_further() {
        let mut request = headers(&[
            ("connection", "keep-alive, x-between-us, content-length"),
            ("x-between-us", "1"),
            ("keep-alive", "timeout=5"),
            ("proxy-authorization", "Basic eA=="),
            ("te", "gzip, trailers"),
            ("content-length", "3"),
            ("cookie", "a=1"),
        ]);
        clean_request(&mut request);
        let mut left: Vec<(&str, &str)> =
            request.iter().map(|(n, v)| (n.as_str(), v.to_str().unwrap())).collect();
        left.sort_unstable();
        assert_eq!(left, [("content-length", "3"), ("cookie", "a=1"), ("te", "trailers")]);
    }

    #[test]
    fn a_field_of_ours_is_no_business_between_neighbours_whatever_the_client_says() {
        let ours = HeaderName::from_static("youtube-restrict");
        for (said, left) in [
            ("YouTube-Restrict", None),
            ("keep-alive, youtube-restrict ,Upgrade", Some("keep-alive, Upgrade")),
            ("keep-alive", Some("keep-alive")),
        ] {
            let mut request = headers(&[("connection", said), ("youtube-restrict", "Strict")]);
            passes_on(&mut request, &ours);
            assert_eq!(request.get(CONNECTION).map(|left| left.to_str().unwrap()), left);
            clean_request(&mut request);
            assert_eq!(request, headers(&[("youtube-restrict", "Strict")]), "{said}");
        }
    }

    #[test]
    fn what_is_between_the_origin_and_us_goes_no_further() {
        let mut response = headers(&[("keep-alive", "timeout=5"), ("upgrade", "h2"), ("etag", "x")]);
        clean_response(&mut response);
        assert_eq!(response, headers(&[("etag", "x")]));
    }

    #[test]
    fn split_cookies_become_one_field() {
        let mut request = HeaderMap::new();
        request.append(COOKIE, HeaderValue::from_static("a=1"));
        request.append(COOKIE, HeaderValue::from_static("b=2"));
        join_cookies(&mut request);
        assert_eq!(request, headers(&[("cookie", "a=1; b=2")]));
    }

    #[test]
    fn only_some_schemes_sign_in_a_connection() {
        for (scheme, expected) in [
            ("Negotiate YII=", true),
            ("NTLM TlRM", true),
            ("ntlm x", true),
            ("Bearer ntlm", false),
            ("Basic eA==", false),
        ] {
            let mut request = HeaderMap::new();
            request.append(AUTHORIZATION, HeaderValue::from_str(scheme).unwrap());
            assert_eq!(signs_in_connection(&request), expected, "{scheme}");
        }
    }

    #[test]
    fn only_an_upgrade_to_a_websocket_is_one() {
        assert!(is_websocket(&headers(&[("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket")])));
        assert!(!is_websocket(&headers(&[("connection", "Upgrade, HTTP2-Settings"), ("upgrade", "h2c")])));
        assert!(!is_websocket(&headers(&[("upgrade", "websocket")])));
    }
}
