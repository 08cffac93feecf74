//! Phase `request`: what a request asks for beside its host and path, and what is added to it.

use super::{Judged, Refused, Sends, refusal, tenants, uploads};
use crate::caller::Caller;
use crate::gate::Gate;
use crate::headers::passes_on;
use crate::ways_round;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::uri::PathAndQuery;
use inspect::embedded::{self, Copy};
use inspect::protocol::leads_into_tor;
use inspect::search;
use model::{Host, Outcome, Target, Verdict, WayRound};
use policy::rules::YouTube;

const YOUTUBE_RESTRICT: HeaderName = HeaderName::from_static("youtube-restrict");
/// The hosts that obey it, each with everything below it.
const YOUTUBE: [&str; 4] =
    ["youtube.com", "youtube-nocookie.com", "youtubei.googleapis.com", "youtube.googleapis.com"];
/// Media types of DNS inside HTTPS (RFC 8484, RFC 9230; JSON as public resolvers speak it).
const DNS_TYPES: [&str; 3] =
    ["application/dns-message", "application/oblivious-dns-message", "application/dns-json"];
/// A DNS question in a parameter has at least its 12 bytes of head, 16 letters in base64 (RFC 8484, section 4.1).
const SHORTEST_QUESTION: usize = 22;

/// Refuses a request, or makes it ready: with the parameters and fields by which services keep to the school's rules.
///
/// # Errors
/// The verdict that refuses it.
pub(crate) fn before_request(
    gate: &Gate,
    caller: &Caller,
    judged: &Judged,
    head: &mut Parts,
    sends: Sends,
) -> Result<(), Box<Verdict>> {
    if ways_round::is_literal(gate, &judged.ask, &judged.verdict) {
        judged.tried(gate, WayRound::AddressLiteral, ways_round::ADDRESS_ALONE).inspect_err(|_| {
            // What is let through is noted where it is dialled.
            gate.dialer.note_visit(&judged.ask.what.host);
        })?;
    }
    if judged.ask.what.host.name().is_some_and(leads_into_tor) {
        judged.tried(gate, WayRound::Tor, "the name leads into the Tor network")?;
    }
    if is_dns(head) {
        judged.tried(gate, WayRound::EncryptedDns, "it is DNS inside HTTPS")?;
    }
    if is_tunnel(head) {
        judged.tried(gate, WayRound::Vpn, "it is a tunnel inside HTTPS")?;
    }
    copies(gate, caller, judged)?;
    uploads::check(judged, (&head.method, &head.headers), sends)?;
    make_ready(judged, head);
    Ok(())
}

/// True for a DNS question: by the type of its body, by the answer it asks for, or by its form in a parameter.
fn is_dns(head: &Parts) -> bool {
    let has_type = |name: HeaderName| {
        let values = head.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
        values.flat_map(|value| value.split(',')).any(is_dns_type)
    };
    has_type(CONTENT_TYPE) || has_type(ACCEPT) || head.uri.query().is_some_and(has_question)
}

/// True for a media type of DNS.
pub(super) fn is_dns_type(value: &str) -> bool {
    let kind = value.split(';').next().unwrap_or_default().trim();
    DNS_TYPES.iter().any(|dns| kind.eq_ignore_ascii_case(dns))
}

/// `dns=` and a question in base64, one of which every question begins with: no answer, one question asked.
fn has_question(query: &str) -> bool {
    let value = query.split('&').find_map(|pair| pair.strip_prefix("dns="));
    value.is_some_and(|value| {
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
        value.len() >= SHORTEST_QUESTION
            && value.trim_end_matches('=').bytes().all(is_base64)
            && value.get(4..8).is_some_and(|counts| counts == "AAAB" || counts.ends_with("AB"))
    })
}

/// SSTP ([MS-SSTP] 3.2.4.1), and HTTP's own tunnels for UDP and IP (RFC 9298, RFC 9484).
fn is_tunnel(head: &Parts) -> bool {
    let upgrade = head.headers.get(http::header::UPGRADE).and_then(|value| value.to_str().ok());
    head.method.as_str() == "SSTP_DUPLEX_POST"
        || upgrade.is_some_and(|to| ["connect-udp", "connect-ip"].contains(&to.to_ascii_lowercase().as_str()))
        || head.uri.path().starts_with("/.well-known/masque/")
}

/// A page inside a copy is judged as if it had been asked for itself, and a copy inside a copy as well.
fn copies(gate: &Gate, caller: &Caller, judged: &Judged) -> Result<(), Box<Verdict>> {
    let mut at = judged.ask.what.clone();
    for depth in 0..embedded::MOST_DEEP {
        let way = WayRound::TranslationOrArchive;
        let inside = match embedded::copy(&at.host, at.path.as_deref().unwrap_or("/")) {
            None => return Ok(()),
            Some(Copy::OfUnknown) => {
                return judged.tried(gate, way, "it is a copy of a page that cannot be told");
            }
            Some(Copy::Of(inside)) => inside,
        };
        match (judged.shuts(way), depth) {
            (false, _) => {
                gate.leaked(way);
                return Ok(());
            }
            // What is judged as if it had been asked for itself leads round nothing.
            (true, 0) => gate.held(way),
            (true, _) => {}
        }
        let verdict = gate
            .judge(caller, Target { port: judged.ask.what.port, ..inside.clone() }, judged.ask.how)
            .verdict;
        if verdict.outcome == Outcome::Block {
            return Err(Box::new(Verdict { inspection: judged.verdict.inspection, ..verdict }));
        }
        at = inside;
    }
    let refused = Refused::way(WayRound::TranslationOrArchive, "copies lie inside copies without end");
    Err(Box::new(refusal(&judged.verdict, refused)))
}

fn make_ready(judged: &Judged, head: &mut Parts) {
    let host = &judged.ask.what.host;
    if judged.viewpoint.safe_search()
        && let Some(path) = head.uri.path_and_query().and_then(|path| search::safe_form(host, path.as_str()))
    {
        set_path(head, &path);
    }
    if YOUTUBE.iter().any(|youtube| is_at_or_below(host, youtube)) {
        head.headers.remove(YOUTUBE_RESTRICT);
        let mode = match judged.viewpoint.youtube() {
            YouTube::Off => None,
            YouTube::Moderate => Some("Moderate"),
            YouTube::Strict => Some("Strict"),
        };
        if let Some(mode) = mode {
            head.headers.insert(YOUTUBE_RESTRICT, HeaderValue::from_static(mode));
            passes_on(&mut head.headers, &YOUTUBE_RESTRICT);
        }
    }
    tenants::restrict(&judged.traffic().tenants, host, &mut head.headers);
}

fn set_path(head: &mut Parts, path: &str) {
    let mut parts = std::mem::take(&mut head.uri).into_parts();
    let before = parts.path_and_query.take();
    parts.path_and_query = path.parse::<PathAndQuery>().ok().or(before);
    // The parts were a whole address before, so they are one again.
    head.uri = http::Uri::from_parts(parts).unwrap_or_default();
}

/// True for a host and everything below it.
pub(super) fn is_at_or_below(host: &Host, parent: &str) -> bool {
    let below = host.name().and_then(|name| name.strip_suffix(parent));
    below.is_some_and(|below| below.is_empty() || below.ends_with('.'))
}

/// The first value of a field, as text.
pub(super) fn text<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    fn head(method: &str, uri: &str, fields: &[(&str, &str)]) -> Parts {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in fields {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn dns_inside_https_is_told_by_its_types_and_by_its_form() {
        let question = "/anything?dns=AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB";
        for (uri, fields, expected) in [
            ("/q", &[("content-type", "application/dns-message")][..], true),
            ("/q", &[("accept", "text/html, Application/DNS-JSON;q=1")], true),
            (question, &[], true),
            ("/lookup?dns=example.com", &[], false),
            ("/lookup?dns=anotherlongword_without_counts", &[], false),
            ("/q", &[("accept", "*/*")], false),
        ] {
            assert_eq!(is_dns(&head("GET", uri, fields)), expected, "{uri} {fields:?}");
        }
    }

    #[test]
    fn tunnels_inside_https_are_told() {
        assert!(is_tunnel(&head(
            "SSTP_DUPLEX_POST",
            "/sra_{BA195980-CD49-458b-9E23-C84EE0ADCD75}/".replace(['{', '}'], "").as_str(),
            &[]
        )));
        assert!(is_tunnel(&head("GET", "/.well-known/masque/udp/192.0.2.6/443/", &[])));
        assert!(is_tunnel(&head("GET", "/x", &[("upgrade", "Connect-UDP")])));
        assert!(!is_tunnel(&head("GET", "/x", &[("upgrade", "websocket")])));
    }

    #[test]
    fn a_path_is_changed_and_the_rest_of_the_address_stays() {
        let mut head = head("GET", "https://www.google.com/search?q=a", &[]);
        set_path(&mut head, "/search?q=a&safe=active");
        assert_eq!(head.uri, "https://www.google.com/search?q=a&safe=active");
        set_path(&mut head, "/no spaces");
        assert_eq!(head.uri, "https://www.google.com/search?q=a&safe=active");
    }
}
