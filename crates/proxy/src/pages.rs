//! The proxy's own pages: how browsers find it, and the certificate to install.

use crate::caller::Caller;
use crate::gate::Gate;
use crate::inner::{authority_of, shape_of};
use crate::pac::{self, Lead, PacWay};
use crate::visit::{AnswerBody, page_answer};
use blockpage::{Notice, Page, Part};
use http::{Method, Request, Response};
use model::{Channel, Host, Target};
use std::net::SocketAddr;

const PLAIN: &str = "text/plain; charset=utf-8";

/// Answers a request for the proxy itself.
pub(crate) fn answer<B>(gate: &Gate, caller: &Caller, request: &Request<B>) -> Response<AnswerBody> {
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return page_answer(file(405, PLAIN, "Only GET and HEAD.\n".to_owned()));
    }
    let authority = gate.signer().authority();
    let page = match request.uri().path() {
        "/proxy.pac" | "/wpad.dat" => match proxy_pac(gate, caller, request) {
            Some(pac) => file(200, "application/x-ns-proxy-autoconfig", pac),
            None => file(
                404,
                PLAIN,
                "This proxy is for its own machine and advertises itself to no other.\n".to_owned(),
            ),
        },
        "/ca.pem" => file(200, "application/x-pem-file", gate.signer().trusted_pem()),
        "/ca.crt" => return certificate_der(authority.certificate_der()),
        "/certificate" => instructions().page(shape_of(request.headers())),
        "/" => status().page(shape_of(request.headers())),
        _ => file(404, PLAIN, "There is no such page here.\n".to_owned()),
    };
    page_answer(page)
}

fn file(status: u16, kind: &str, body: String) -> Page {
    let headers = vec![
        ("content-type", kind.to_owned()),
        ("cache-control", "no-cache".to_owned()),
        ("x-content-type-options", "nosniff".to_owned()),
    ];
    Page { status, headers, body }
}

/// The DER form, which is bytes and no text.
fn certificate_der(der: &[u8]) -> Response<AnswerBody> {
    let response = page_answer(file(200, "application/x-x509-ca-cert", String::new()));
    response.map(|_| AnswerBody::bytes(bytes::Bytes::copy_from_slice(der)))
}

/// The file for whoever asks: by the first rule that is for them, else the proxy for everything.
///
/// Without a host to advertise it is given only to whoever asks by a name of this machine's own: a browser that was led
/// here under any other name would be told to send everything there.
fn proxy_pac<B>(gate: &Gate, caller: &Caller, request: &Request<B>) -> Option<String> {
    let host = match &gate.advertised_host {
        Some(host) => Host::parse(host).ok()?,
        None => Host::parse(authority_of(request)?.host()).ok().filter(is_this_machine)?,
    };
    let what = Target::host(host.clone());
    let (ask, verdict) = gate.decide(caller, what, Channel::Http);
    let group = verdict.reason.group.as_ref().map(|group| &group.id);
    let rule = gate.pac_rules.iter().find(|rule| rule.is_for(ask.who.network.as_ref(), group));
    let usual = if gate.addresses.explicit.is_empty() { PacWay::ProxyOverTls } else { PacWay::Proxy };
    let named = rule.and_then(|rule| rule.host.as_ref()).unwrap_or(&host);
    let port = |listeners: &[SocketAddr]| Some(listeners.first()?.port());
    let to = match rule.map_or(usual, |rule| rule.way) {
        PacWay::Proxy => format!("PROXY {named}:{}", port(&gate.addresses.explicit)?),
        PacWay::ProxyOverTls => format!("HTTPS {named}:{}", port(&gate.addresses.explicit_tls)?),
        PacWay::Direct => "DIRECT".to_owned(),
    };
    let snapshot = gate.ports.snapshot.get();
    let direct = rule.map(|rule| rule.direct.as_slice()).unwrap_or_default();
    Some(pac::file(&Lead { to, own_hosts: snapshot.own_hosts(), direct }))
}

fn is_this_machine(host: &Host) -> bool {
    match host {
        Host::Name(name) => &**name == "localhost",
        Host::Address(address) => address.is_loopback(),
    }
}

fn status() -> Notice {
    let link = |words: &str, to: &str| Part::Link { words: words.to_owned(), to: to.to_owned() };
    notice(
        "The school\u{2019}s web filter is working",
        vec![
            Part::Text(
                "This is the web proxy of your school\u{2019}s filter. You rarely need to come here."
                    .to_owned(),
            ),
            link("Install the school\u{2019}s certificate", "/certificate"),
            link("The proxy settings file", "/proxy.pac"),
        ],
    )
}

/// How to install the certificate, system by system, in the words those systems use (read 2026-11-22).
fn instructions() -> Notice {
    let text = |words: &str| Part::Text(words.to_owned());
    let mut parts = vec![
        text(
            "The filter reads web pages to keep people safe. For that, a device must trust the school\u{2019}s \
             certificate. Install it on the school\u{2019}s own devices, and on nothing else without its owner\u{2019}s \
             agreement. The technician installs it on many devices at once from the management console.",
        ),
        Part::Link {
            words: "Download for Windows, Android and iPad (ca.crt)".to_owned(),
            to: "/ca.crt".to_owned(),
        },
        Part::Link {
            words: "Download for ChromeOS, Firefox and Linux (ca.pem)".to_owned(),
            to: "/ca.pem".to_owned(),
        },
    ];
    for (system, steps) in SYSTEMS {
        parts.push(Part::Heading(system.to_owned()));
        parts.push(Part::Steps(steps.iter().map(|step| (*step).to_owned()).collect()));
    }
    notice("Install the school\u{2019}s certificate", parts)
}

const SYSTEMS: [(&str, &[&str]); 6] = [
    (
        "Windows",
        &[
            "Download ca.crt and open it.",
            "Choose Install Certificate, then Local Machine.",
            "Choose to place it in a store yourself, and pick Trusted Root Certification Authorities.",
            "For many machines: Group Policy, Computer Configuration, Public Key Policies, or Intune with a trusted \
             certificate profile.",
        ],
    ),
    (
        "ChromeOS",
        &[
            "In the Google Admin console open Devices, Networks, Certificates.",
            "Add ca.pem, and set it as a certificate authority for Chromebooks.",
            "Sign-in and updates of the device itself ignore it; their hosts belong on the bypass list.",
        ],
    ),
    (
        "iPad and iPhone",
        &[
            "Open ca.crt in Safari and allow the profile to download.",
            "In Settings open the downloaded profile and install it.",
            "In Settings, General, About, Certificate Trust Settings, switch it on.",
            "For many devices: send it as a certificate payload from the device management; it is trusted at once.",
        ],
    ),
    (
        "Android",
        &[
            "Download ca.crt.",
            "In Settings search for CA certificate, install it from storage, and pick the file.",
            "Many apps accept only the certificates they came with; their hosts belong on the bypass list.",
        ],
    ),
    (
        "Firefox",
        &[
            "On managed devices, set the policy ImportEnterpriseRoots, and Firefox uses the system\u{2019}s certificates.",
            "Otherwise: Settings, Privacy and Security, View Certificates, Authorities, Import; pick ca.pem and trust it \
             for websites.",
        ],
    ),
    (
        "Linux",
        &[
            "Debian and Ubuntu: copy ca.pem to /usr/local/share/ca-certificates/school-filter.crt and run \
             update-ca-certificates.",
            "Chromium reads its own store: certutil -d sql:$HOME/.pki/nssdb -A -t C,, -n school-filter -i ca.pem",
        ],
    ),
];

fn notice(title: &str, parts: Vec<Part>) -> Notice {
    Notice { status: 200, code: "ok", title: title.to_owned(), picture: None, parts }
}
