//! The captive portal: plain web pages lead whoever is not known to the sign-in page, where the network's policy says so.
//!
//! Left out on purpose: what is inside TLS. Nobody can be led there without a false certificate; such a request is decided as
//! one of somebody who is not known. The sign-in page, and what programs ask of a portal (RFC 8908), are the console's.
//!
//! Systems find a portal by asking a host of their maker's for a known answer. These hosts are answered here, before and
//! after the sign-in, whatever the policy says of them: a device that never sees its answer takes the network for broken.
//!
//! Invariant: nothing is fetched for whoever is led away; the illegal-content layer's page comes first.

use crate::gate::Gate;
use crate::inner::shape_of;
use crate::visit::{AnswerBody, page_answer};
use blockpage::{Notice, Page, Part, Picture};
use http::header::{HeaderName, LOCATION};
use http::{HeaderValue, Method, Request, Response};
use model::{Ask, Layer, Target, Verdict};
use policy::rules::SignInWay;

const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");
const PLAIN: &str = "text/plain; charset=utf-8";
const HTML: &str = "text/html; charset=utf-8";

/// What a system expects of its maker's host where the way to the web is open.
struct Probe {
    host: &'static str,
    path: &'static str,
    status: u16,
    kind: &'static str,
    body: &'static str,
}

const fn probe(
    host: &'static str,
    path: &'static str,
    status: u16,
    (kind, body): (&'static str, &'static str),
) -> Probe {
    Probe { host, path, status, kind, body }
}

const EMPTY: (&str, &str) = (PLAIN, "");
const APPLE: (&str, &str) = (HTML, "<HTML><HEAD><TITLE>Success</TITLE></HEAD><BODY>Success</BODY></HTML>");

/// What Android, ChromeOS, Chromium, Apple's systems, Windows, Firefox, GNOME and KDE ask for (seen 2026-11-22).
const PROBES: [Probe; 15] = [
    probe("connectivitycheck.gstatic.com", "/generate_204", 204, EMPTY),
    probe("connectivitycheck.android.com", "/generate_204", 204, EMPTY),
    probe("clients3.google.com", "/generate_204", 204, EMPTY),
    probe("www.google.com", "/gen_204", 204, EMPTY),
    probe("www.google.com", "/generate_204", 204, EMPTY),
    probe("www.gstatic.com", "/generate_204", 204, EMPTY),
    probe("captive.apple.com", "/hotspot-detect.html", 200, APPLE),
    probe("captive.apple.com", "/", 200, APPLE),
    probe("www.apple.com", "/library/test/success.html", 200, APPLE),
    probe("www.msftconnecttest.com", "/connecttest.txt", 200, (PLAIN, "Microsoft Connect Test")),
    probe("ipv6.msftconnecttest.com", "/connecttest.txt", 200, (PLAIN, "Microsoft Connect Test")),
    probe("detectportal.firefox.com", "/success.txt", 200, (PLAIN, "success\n")),
    probe(
        "detectportal.firefox.com",
        "/canonical.html",
        200,
        (
            HTML,
            "<meta http-equiv=\"refresh\" content=\"0;url=https://support.mozilla.org/kb/captive-portal\"/>",
        ),
    ),
    probe("nmcheck.gnome.org", "/check_network_status.txt", 200, (PLAIN, "NetworkManager is online\n")),
    probe("networkcheck.kde.org", "/", 200, (PLAIN, "OK\n")),
];

/// The portal's answer to a plain request; `None` where the request goes its usual way.
pub(crate) fn answer<B>(
    gate: &Gate,
    ask: &Ask,
    verdict: &Verdict,
    request: &Request<B>,
) -> Option<Response<AnswerBody>> {
    let snapshot = gate.ports.snapshot.get();
    let network = snapshot.network(ask.who.network.as_ref()?)?;
    let is_equipment = ask.who.device.as_ref().is_some_and(|device| device.kind.is_equipment());
    if network.sign_in != SignInWay::Portal || is_equipment || verdict.reason.layer == Layer::Illegal {
        return None;
    }
    let probe = probe_of(&ask.what);
    if !ask.who.people.is_empty() {
        return probe.map(|probe| page_answer(probe.page()));
    }
    let sign_in = gate.links.sign_in.as_deref()?;
    Some(if probe.is_some() || opens_a_page(request) {
        lead(sign_in, request)
    } else {
        page_answer(notice(511, sign_in).page(shape_of(request.headers())))
    })
}

fn probe_of(what: &Target) -> Option<&'static Probe> {
    let host = what.host.name()?;
    let path = what.path.as_deref().unwrap_or("/");
    let path = path.split_once('?').map_or(path, |(path, _)| path);
    PROBES.iter().find(|probe| probe.host == host && probe.path == path)
}

impl Probe {
    fn page(&self) -> Page {
        let headers = vec![("content-type", self.kind.to_owned()), ("cache-control", "no-store".to_owned())];
        Page { status: self.status, headers, body: self.body.to_owned() }
    }
}

/// True for what a person sees as a page, and for programs that do not say; a redirect of anything else is lost on them.
fn opens_a_page<B>(request: &Request<B>) -> bool {
    let reads = [Method::GET, Method::HEAD].contains(request.method());
    let dest = request.headers().get(FETCH_DEST);
    reads && dest.is_none_or(|dest| dest == "document" || dest == "iframe")
}

/// 302 to the sign-in page.
fn lead<B>(sign_in: &str, request: &Request<B>) -> Response<AnswerBody> {
    let mut response = page_answer(notice(302, sign_in).page(shape_of(request.headers())));
    if let Ok(to) = HeaderValue::from_str(sign_in) {
        response.headers_mut().insert(LOCATION, to);
    }
    response
}

/// The page with 302, which few see, and with 511 (RFC 6585, section 6).
fn notice(status: u16, sign_in: &str) -> Notice {
    let text = "This network asks who you are, once, before it opens the web.";
    let link = Part::Link { words: "Sign in".to_owned(), to: sign_in.to_owned() };
    Notice {
        status,
        code: "sign-in",
        title: "Sign in to use the web".to_owned(),
        picture: Some(Picture::Gate),
        parts: vec![Part::Text(text.to_owned()), link],
    }
}
