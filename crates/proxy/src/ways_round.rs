//! Ways round the filter that a connection itself shows, before any request is read: its port, its first words, the names
//! and addresses it is asked for by. Who tries one is counted; whose group has it shut is refused, with that as the reason.
//!
//! Left out: ways that show in a request ([`crate::rules`]), and names that lists know, which the policy decides.
//!
//! Invariants: an allow entry opens no way but the address that it names; what is refused has a verdict that says why.

use crate::gate::Gate;
use crate::hello::TlsHello;
use crate::link::Origin;
use crate::rules::{Judged, Refused, refusal};
use crate::{caller::Caller, error::DialError};
use blockpage::OriginFault;
use http::Method;
use inspect::protocol::{self, Spoken};
use model::{
    Ask, Category, Channel, EventOutcome, Host, Inspection, Layer, Outcome, Target, Verdict, WayRound,
};
use std::net::IpAddr;

/// Why an address is refused that stands where a name should.
pub(crate) const ADDRESS_ALONE: &str = "it is an address instead of a name";
/// Why something is refused that nothing is known of.
const NOT_THE_WEB: &str = "it is neither TLS nor HTTP";
/// The name of DNS inside TLS in a hello (RFC 7858; IANA's registry of ALPN names, read 2026-11-22).
const DNS_IN_TLS: &[u8] = b"dot";
/// The category of services that answer DNS inside HTTPS.
const RESOLVERS: &str = "encrypted-dns";

/// A way round the filter, and why a connection is taken for it, in words after "refused, because".
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Shown {
    pub(crate) way: WayRound,
    pub(crate) why: String,
}

impl Shown {
    pub(crate) fn new(way: WayRound, why: &str) -> Self {
        Self { way, why: why.to_owned() }
    }

    fn protocol(protocol: protocol::Protocol) -> Self {
        Self { way: protocol.way, why: format!("it is {}", protocol.words) }
    }
}

impl Gate {
    /// Counts a way that a connection shows; its refusal, where whoever asks has it shut.
    pub(crate) fn tried(&self, ask: &Ask, verdict: &Verdict, shown: &Shown) -> Option<Verdict> {
        if !self.shuts(ask, shown.way) {
            self.leaked(shown.way);
            return None;
        }
        self.held(shown.way);
        Some(refusal(verdict, Refused::way(shown.way, &shown.why)))
    }

    /// True where whoever asks has a way shut.
    pub(crate) fn shuts(&self, ask: &Ask, way: WayRound) -> bool {
        self.ports.snapshot.get().viewpoint(&ask.who, ask.at).traffic().shut.contains(&way)
    }

    /// Counts a way that a list knows by its name, and that the policy refused for it.
    pub(crate) fn held_by_list(&self, verdict: &Verdict) {
        if verdict.reason.layer == Layer::Circumvention
            && let Some(category) = verdict.reason.category
        {
            self.held(if category.slug() == RESOLVERS { WayRound::EncryptedDns } else { WayRound::Vpn });
        }
    }

    /// Counts and records what was said inside an opened connection and is no request. It could not be passed on, and was not.
    pub(crate) fn held_inside(&self, caller: &Caller, origin: &Origin, shown: &Shown) {
        let what =
            Target { host: origin.host.clone(), port: Some(origin.port), path: None, record_type: None };
        let (ask, verdict) = self.decide(caller, what, Channel::Tunnel);
        let mut visit = self.visit(&ask, &verdict, &Method::CONNECT);
        if verdict.outcome == Outcome::Allow {
            self.held(shown.way);
            visit.judged_anew(&refusal(&verdict, Refused::way(shown.way, &shown.why)));
        } else {
            visit.became(EventOutcome::Blocked);
        }
    }
}

/// What the port of a tunnel shows. An odd one is a way that no group can shut: it is counted, unless an entry of the policy
/// names the host.
pub(crate) fn of_port(gate: &Gate, port: u16, verdict: &Verdict) -> Option<Shown> {
    if verdict.outcome == Outcome::Block {
        return None;
    }
    if protocol::is_odd_port(port) && !is_named(verdict) {
        gate.leaked(WayRound::OddPort);
    }
    protocol::at_port(port).map(Shown::protocol)
}

/// What is said inside an opened connection and is no HTTP.
pub(crate) fn no_http() -> Shown {
    Shown::new(WayRound::UnknownProtocol, "it is no HTTP inside TLS")
}

/// A tunnel that is asked for inside an opened connection.
pub(crate) fn proxy_inside() -> Shown {
    Shown::new(WayRound::Vpn, "it is a proxy inside the connection")
}

impl Judged {
    /// True where the host may be reached, whatever is spoken with it.
    pub(crate) fn lets_whatever_pass(&self) -> bool {
        self.verdict.outcome == Outcome::Allow
            && (self.verdict.inspection == Inspection::Bypass
                || !self.traffic().shut.contains(&WayRound::UnknownProtocol))
    }
}

/// What the first words show that are neither TLS nor HTTP, whoever said them; nothing where the policy says that whatever
/// is spoken with this host is to pass unread.
pub(crate) fn of_words(spoken: Spoken, verdict: &Verdict) -> Option<Shown> {
    let shown = match spoken {
        Spoken::Named(protocol) => Shown::protocol(protocol),
        Spoken::Tls | Spoken::Http | Spoken::Unknown => Shown::new(WayRound::UnknownProtocol, NOT_THE_WEB),
    };
    let is_expected = verdict.inspection == Inspection::Bypass && shown.way == WayRound::UnknownProtocol;
    (!is_expected).then_some(shown)
}

/// What a hello shows by itself.
pub(crate) fn of_hello<S>(hello: &TlsHello<S>) -> Option<Shown> {
    let is_dns = hello.protocols.iter().any(|name| name == DNS_IN_TLS);
    is_dns.then(|| Shown::new(WayRound::EncryptedDns, "it is DNS inside TLS"))
}

/// What shows where a connection is to pass unread: of one that is opened, its requests show more.
pub(crate) fn of_unread(gate: &Gate, ask: &Ask, verdict: &Verdict) -> Option<Shown> {
    let Some(name) = ask.what.host.name() else {
        return is_literal(gate, ask, verdict).then(|| Shown::new(WayRound::AddressLiteral, ADDRESS_ALONE));
    };
    if protocol::leads_into_tor(name) {
        return Some(Shown::new(WayRound::Tor, "the name leads into the Tor network"));
    }
    let listed = gate.ports.snapshot.get().image().lookup(&ask.what.host).categories();
    let is_resolver = Category::parse(RESOLVERS).is_some_and(|resolvers| listed.contains(resolvers));
    is_resolver.then(|| Shown::new(WayRound::EncryptedDns, "lists know the host for DNS inside HTTPS"))
}

/// True for an address that stands where a name should: one that our DNS did not give out lately, and that no entry names.
pub(crate) fn is_literal(gate: &Gate, ask: &Ask, verdict: &Verdict) -> bool {
    match &ask.what.host {
        Host::Name(_) => false,
        Host::Address(address) => {
            !is_named(verdict) && gate.ports.handed_out.last_handed_out(*address, ask.at).is_none()
        }
    }
}

/// True where an entry of the policy names the host that was decided on.
fn is_named(verdict: &Verdict) -> bool {
    matches!(verdict.reason.layer, Layer::Allow | Layer::OwnPages) || verdict.inspection == Inspection::Bypass
}

/// True for a hello as Tor's programs send it: without ALPN, for a name made up by chance that nobody has.
pub(crate) async fn is_tors<S>(gate: &Gate, client: IpAddr, hello: &TlsHello<S>, port: u16) -> bool {
    let made_up = hello.name.as_ref().filter(|host| host.name().is_some_and(protocol::may_be_tors));
    match made_up {
        Some(host) if hello.protocols.is_empty() => {
            let found = gate.dialer.addresses(host, port, Some(client)).await;
            matches!(found, Err(DialError::Origin(OriginFault::NoSuchName)))
        }
        _ => false,
    }
}
