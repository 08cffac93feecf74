//! What every request goes through, in one list: see [`front_door`].

use crate::desk::{Shared, Visit};
use crate::problem::{Problem, dress};
use crate::{cookie, server};
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

/// The longest a request may take, a large file of history included.
const REQUEST_LIMIT: Duration = Duration::from_secs(30);

/// Where pages wait for news.
pub(crate) const WAITING: &str = "/alerts/live";

/// Nothing from elsewhere, nothing inline, nobody's frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; \
     img-src 'self' data:; connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// Every request, in this order:
/// 1. a form from another site is turned away before anything is looked up for it;
/// 2. the visitor is found, once, for the handler and for a problem's page alike;
/// 3. the route answers, within the time limit;
/// 4. an answer without a page is given one;
/// 5. the headers that keep browsers strict are put on everything, the problems too.
pub(crate) async fn front_door(State(desk): State<Shared>, mut request: Request, next: Next) -> Response {
    let wanted = wanted(request.method(), request.uri());
    let from_here = came_from_here(request.method(), request.uri(), request.headers());
    let token = cookie::token(request.headers()).filter(|_| from_here);
    let address = request.extensions().get::<server::Peer>().map(|peer| peer.0);
    let mut visit = visit(&desk, request.uri().path().to_owned(), address, token).await;
    visit.device = cookie::device(request.headers());
    let answer = if from_here {
        request.extensions_mut().insert(visit.clone());
        tokio::time::timeout(REQUEST_LIMIT, next.run(request))
            .await
            .unwrap_or_else(|_| Problem::Busy.into_response())
    } else {
        Problem::OtherSite.into_response()
    };
    let mut answer = dress(&desk, &visit, &wanted, answer).await;
    harden(answer.headers_mut(), desk.promises_https);
    answer
}

/// Who comes. A style sheet needs nobody, and for a form from another site nobody is looked up.
async fn visit(desk: &Shared, path: String, address: Option<IpAddr>, token: Option<String>) -> Visit {
    let token = token.filter(|_| !path.starts_with("/assets/"));
    let address = address.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED));
    let signed_in = match &token {
        // A page that waits for news asks by itself: it shows nobody at the screen.
        Some(token) if path == WAITING => desk.app.waiting_actor(token, address).await,
        Some(token) => desk.app.actor(token, address).await,
        None => None,
    };
    Visit { signed_in, token, address, device: String::new(), path }
}

/// Where to go on to after a sign-in: the page that was asked for, where asking again is harmless.
fn wanted(method: &Method, uri: &Uri) -> String {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if *method == Method::GET && path != "/" { path.to_owned() } else { String::new() }
}

/// Whether a request that may change something comes from a page of ours: by `Sec-Fetch-Site` where the browser sends
/// it, else by `Origin`. A browser that sends neither is too old to be kept safe.
fn came_from_here(method: &Method, uri: &Uri, headers: &HeaderMap) -> bool {
    if matches!(*method, Method::GET | Method::HEAD) {
        return true;
    }
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let host = uri.authority().map(|authority| authority.as_str().as_bytes());
    let host = host.or_else(|| headers.get(header::HOST).map(HeaderValue::as_bytes));
    let origin = headers.get(header::ORIGIN).map(HeaderValue::as_bytes);
    let origin = origin.and_then(|origin| origin.strip_prefix(b"https://"));
    origin.is_some() && origin == host
}

fn harden(headers: &mut HeaderMap, promises_https: bool) {
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(CONTENT_SECURITY_POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Not `no-referrer`: with it, browsers without `Sec-Fetch-Site` send `Origin: null` with our own forms.
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-opener-policy", HeaderValue::from_static("same-origin"));
    headers.insert("cross-origin-resource-policy", HeaderValue::from_static("same-origin"));
    // The one page with a camera has said so already.
    let no_camera = HeaderValue::from_static("camera=(), geolocation=(), microphone=()");
    headers.entry("permissions-policy").or_insert(no_camera);
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if promises_https {
        let a_year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, a_year);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_from_our_own_pages_only() {
        let cases: [(&[(&str, &str)], bool); 7] = [
            (&[("sec-fetch-site", "same-origin")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://gate.school.example")], false),
            (&[("host", "gate.school.example"), ("origin", "https://gate.school.example")], true),
            (&[("host", "gate.school.example"), ("origin", "https://elsewhere.example")], false),
            (&[("host", "gate.school.example"), ("origin", "null")], false),
            (&[("host", "gate.school.example")], false),
        ];
        for (lines, expected) in cases {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            let uri = Uri::from_static("/sign-out");
            assert_eq!(came_from_here(&Method::POST, &uri, &headers), expected, "{lines:?}");
            assert!(came_from_here(&Method::GET, &uri, &headers));
        }
    }

    #[test]
    fn over_http_2_the_authority_is_the_host() {
        let mut headers = HeaderMap::new();
        headers.insert(header::ORIGIN, HeaderValue::from_static("https://gate.school.example:8443"));
        let uri = Uri::from_static("https://gate.school.example:8443/sign-out");
        assert!(came_from_here(&Method::POST, &uri, &headers));
    }

    #[test]
    fn https_is_not_promised_for_a_year_on_loopback() {
        for promises in [false, true] {
            let mut headers = HeaderMap::new();
            harden(&mut headers, promises);
            assert_eq!(headers.contains_key(header::STRICT_TRANSPORT_SECURITY), promises);
            assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        }
    }
}
