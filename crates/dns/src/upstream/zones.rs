//! Which servers a name belongs to: the upstreams, the school's own name servers, or nobody outside.
//!
//! Names that belong nowhere in the public tree are answered here, so that nobody outside learns of them: those of RFC
//! 6761 (`localhost`, `invalid`), RFC 7686 (`onion`), the reverse zones of RFC 6303 and RFC 7793, and, unless every
//! upstream is on a private address and so the school's own, `home.arpa` (RFC 8375), `local` (RFC 6762), `internal` and
//! the reverse zones of private networks. `test` is left to the upstreams although RFC 6761 would have it answered
//! here: schools try their lists out on such names.

use super::{UpstreamAddress, Upstreams};
use crate::answer::Answer;
use crate::cache::Question;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::rdata::{A, AAAA, SOA};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use model::Host;
use policy::is_private;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::sync::Arc;

/// How long clients keep what is answered here, in seconds.
const OWN_ZONE_TTL_S: u32 = 60;

/// Zones that nobody answers for.
const NOWHERE: [&str; 10] = [
    "invalid",
    "onion",
    "0.in-addr.arpa",
    "127.in-addr.arpa",
    "254.169.in-addr.arpa",
    "2.0.192.in-addr.arpa",
    "100.51.198.in-addr.arpa",
    "113.0.203.in-addr.arpa",
    "255.255.255.255.in-addr.arpa",
    "8.b.d.0.1.0.0.2.ip6.arpa",
];

/// Zones that a site's own servers may answer for, without the reverse zones that follow from numbers.
const OF_A_SITE: [&str; 10] = [
    "home.arpa",
    "local",
    "internal",
    "10.in-addr.arpa",
    "168.192.in-addr.arpa",
    "d.f.ip6.arpa",
    "8.e.f.ip6.arpa",
    "9.e.f.ip6.arpa",
    "a.e.f.ip6.arpa",
    "b.e.f.ip6.arpa",
];

/// Where a question goes.
pub(super) enum Route<'a> {
    /// To the upstreams.
    Outside,
    /// To a zone's own servers.
    Zone(&'a Arc<Upstreams>),
    /// Nowhere: this is its answer.
    Here(Answer),
}

/// The zones of the settings, and those that follow from standards.
#[derive(Debug)]
pub(super) struct Zones {
    /// Longest first.
    forwarded: Vec<(String, Arc<Upstreams>)>,
    /// Zones of ours, whose names are all in the table of local names.
    ours: Vec<String>,
    /// The local names, which make the names above them exist.
    names: Vec<Host>,
    nowhere: Vec<String>,
}

impl Zones {
    /// `ours` and the forwarded zones in lower case without dots at their ends; `upstreams` are the general ones.
    pub(super) fn new(
        mut forwarded: Vec<(String, Arc<Upstreams>)>,
        ours: Vec<String>,
        names: Vec<Host>,
        upstreams: &[UpstreamAddress],
    ) -> Self {
        forwarded.sort_by_key(|(zone, _)| std::cmp::Reverse(zone.len()));
        let mut nowhere: Vec<String> = NOWHERE.iter().map(|zone| (*zone).to_owned()).collect();
        nowhere.push(reverse_of_zeros(0));
        nowhere.push(reverse_of_zeros(1));
        if !upstreams.iter().all(|upstream| is_private(upstream.address().ip())) {
            nowhere.extend(OF_A_SITE.iter().map(|zone| (*zone).to_owned()));
            nowhere.extend((16..32).map(|second| format!("{second}.172.in-addr.arpa")));
            nowhere.extend((64..128).map(|second| format!("{second}.100.in-addr.arpa")));
        }
        Self { forwarded, ours, names, nowhere }
    }

    /// Where a question goes. The zone nearest to the name counts, ours before a forwarded one of the same name.
    pub(super) fn route(&self, question: &Question) -> Route<'_> {
        let name = text_of(&question.name);
        if is_at_or_below(&name, "localhost") {
            return Route::Here(localhost(question));
        }
        let ours = self.ours.iter().filter(|zone| is_at_or_below(&name, zone)).max_by_key(|zone| zone.len());
        let forwarded = self.forwarded.iter().find(|(zone, _)| is_at_or_below(&name, zone));
        match (ours, forwarded) {
            (Some(ours), Some((zone, group))) if zone.len() > ours.len() => Route::Zone(group),
            (Some(zone), _) => Route::Here(self.ours(question, &name, zone)),
            (None, Some((_, group))) => Route::Zone(group),
            (None, None) if self.nowhere.iter().any(|zone| is_at_or_below(&name, zone)) => {
                Route::Here(no(ResponseCode::NXDomain, &question.name))
            }
            (None, None) => Route::Outside,
        }
    }

    /// True where a name belongs to the servers of a zone of the settings, whose private addresses are meant.
    pub(super) fn is_forwarded(&self, name: &Name) -> bool {
        let name = text_of(name);
        self.forwarded.iter().any(|(zone, _)| is_at_or_below(&name, zone))
    }

    /// Every group of servers, with its zone.
    pub(super) fn groups(&self) -> impl Iterator<Item = &Arc<Upstreams>> {
        self.forwarded.iter().map(|(_, group)| group)
    }

    /// What is said of a name of our own zone that is no local name: local names are answered before anything is looked
    /// up here, and the names above them exist.
    fn ours(&self, question: &Question, name: &str, zone: &str) -> Answer {
        let exists = name == zone || self.names.iter().any(|local| local.is_at_or_below(name));
        let code = if exists { ResponseCode::NoError } else { ResponseCode::NXDomain };
        let zone = Name::from_ascii(format!("{zone}.")).unwrap_or_else(|_| question.name.clone());
        no(code, &zone)
    }
}

/// The reverse zone of `::` or `::1` (RFC 6303, 4.3).
fn reverse_of_zeros(last: u8) -> String {
    format!("{last}.{}ip6.arpa", "0.".repeat(31))
}

/// A name as text, in lower case, without its last dot. Odd bytes are escaped and so equal no zone.
fn text_of(name: &Name) -> String {
    let mut text = name.to_ascii();
    text.make_ascii_lowercase();
    text.trim_end_matches('.').to_owned()
}

fn is_at_or_below(name: &str, zone: &str) -> bool {
    name.strip_suffix(zone).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// RFC 6761, 6.3.
fn localhost(question: &Question) -> Answer {
    let data = match question.record_type {
        RecordType::A => RData::A(A(Ipv4Addr::LOCALHOST)),
        RecordType::AAAA => RData::AAAA(AAAA(Ipv6Addr::LOCALHOST)),
        _ => return no(ResponseCode::NoError, &question.name),
    };
    Answer::of_records(vec![Record::from_rdata(question.name.clone(), OWN_ZONE_TTL_S, data)])
}

/// A "no" that clients may keep for a while (RFC 2308, 5), with an `SOA` of the zone.
fn no(code: ResponseCode, zone: &Name) -> Answer {
    let server = Name::from_labels(["schoolgate", "invalid"]).unwrap_or_default();
    let ttl_s = i32::try_from(OWN_ZONE_TTL_S).unwrap_or(0);
    let soa = SOA::new(server.clone(), server, 1, ttl_s, ttl_s, ttl_s, OWN_ZONE_TTL_S);
    let soa = Record::from_rdata(zone.clone(), OWN_ZONE_TTL_S, RData::SOA(soa));
    Answer { authorities: vec![soa], ..Answer::of_code(code) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const LOCAL: &str = "here, NXDomain";

    fn zones(upstream: &str) -> Zones {
        let upstream: UpstreamAddress = upstream.parse().unwrap();
        let group =
            || Arc::new(Upstreams::of(&[], &super::super::tls::with_roots(&[]).unwrap(), Duration::ZERO));
        let forwarded = vec![("ash.test".to_owned(), group()), ("10.in-addr.arpa".to_owned(), group())];
        let ours = vec!["pages.ash.test".to_owned(), "elm.internal".to_owned()];
        let names = vec![Host::parse("www.lib.elm.internal").unwrap()];
        Zones::new(forwarded, ours, names, &[upstream])
    }

    fn route(zones: &Zones, name: &str, record_type: RecordType) -> String {
        let name = Name::from_ascii(name).unwrap();
        match zones.route(&Question { name, record_type, dnssec_ok: false, checking_disabled: false }) {
            Route::Outside => "outside".into(),
            Route::Zone(_) => "zone".into(),
            Route::Here(answer) if answer.answers.is_empty() => format!("here, {:?}", answer.code),
            Route::Here(answer) => format!("here, {}", answer.answers[0].data),
        }
    }

    #[test]
    fn every_name_goes_where_it_belongs_and_what_belongs_nowhere_goes_nowhere() {
        let public = zones("198.51.100.1");
        for (name, expected) in [
            ("www.example.test.", "outside"),
            ("local.example.test.", "outside"),
            ("server.ASH.test.", "zone"),
            ("ash.test.", "zone"),
            ("bigash.test.", "outside"),
            ("pages.ash.test.", "here, NoError"),
            ("x.pages.ash.test.", LOCAL),
            ("lib.elm.internal.", "here, NoError"),
            ("other.elm.internal.", LOCAL),
            ("printer.internal.", LOCAL),
            ("printer.local.", LOCAL),
            ("hidden.onion.", LOCAL),
            ("x.invalid.", LOCAL),
            ("1.2.0.10.in-addr.arpa.", "zone"),
            ("1.0.168.192.in-addr.arpa.", LOCAL),
            ("1.0.31.172.in-addr.arpa.", LOCAL),
            ("1.0.32.172.in-addr.arpa.", "outside"),
            ("1.0.64.100.in-addr.arpa.", LOCAL),
            ("1.0.0.8.e.f.ip6.arpa.", LOCAL),
            ("localhost.", "here, 127.0.0.1"),
            ("a.localhost.", "here, 127.0.0.1"),
        ] {
            assert_eq!(route(&public, name, RecordType::A), expected, "{name}");
        }
        assert_eq!(route(&public, "localhost.", RecordType::AAAA), "here, ::1");
        assert_eq!(route(&public, "localhost.", RecordType::MX), "here, NoError");
    }

    #[test]
    fn a_site_whose_upstream_is_its_own_server_keeps_its_own_names() {
        let own = zones("10.0.0.1");
        for (name, expected) in [
            ("printer.internal.", "outside"),
            ("1.0.168.192.in-addr.arpa.", "outside"),
            ("hidden.onion.", LOCAL),
            ("1.0.0.127.in-addr.arpa.", LOCAL),
        ] {
            assert_eq!(route(&own, name, RecordType::A), expected, "{name}");
        }
    }
}
