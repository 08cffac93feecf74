//! Names that are questions to the network rather than to a site: they have one answer, whatever the policy.

use crate::config::Discovery;
use crate::query::Asked;
use crate::reply::{OWN_TTL_S, Reply};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use model::Host;
use std::net::IpAddr;

/// Names by whose absence a network tells software to leave its names to the network's own resolver: Firefox's canary
/// (support.mozilla.org, "Canary domain - use-application-dns.net") and iCloud Private Relay (developer.apple.com,
/// "Prepare your network or web server for iCloud Private Relay"). Both read 2026-11-22.
const CANARIES: [&str; 3] = ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"];

/// Where clients look for an encrypted resolver of the network (RFC 9462, 4).
const RESOLVER_DISCOVERY: &str = "resolver.arpa";
/// The one name below it that has an answer.
const RESOLVER_DISCOVERY_NAME: &str = "_dns.resolver.arpa";

const END_BYTES: usize = 8;
/// How the special names end, and everything below them.
const SPECIAL_ENDS: [&[u8; END_BYTES]; 3] = [b"-dns.net", b"loud.com", b"ver.arpa"];

/// How long clients keep where our encrypted resolver is, in seconds.
const DISCOVERY_TTL_S: u32 = 300;

/// The special names of this server.
#[derive(Debug)]
pub(crate) struct SpecialNames {
    designated: Option<Designated>,
}

/// Our encrypted resolver, as `SVCB` records tell of it.
#[derive(Debug)]
struct Designated {
    /// `_dns.` before the resolver's name, where clients that know the name look (RFC 9462, 5).
    by_name: String,
    contents: Vec<Vec<u8>>,
}

impl SpecialNames {
    /// `discovery` is how our encrypted resolver is reached, where there is one.
    pub(crate) fn new(discovery: Option<&Discovery>) -> Self {
        let designated = discovery.map(|discovery| Designated {
            by_name: format!("_dns.{}", discovery.name),
            contents: contents(discovery),
        });
        Self { designated }
    }

    /// Appends the one answer to a special name; false for every other name.
    pub(crate) fn answer(&self, asked: &Asked, out: &mut Vec<u8>) -> bool {
        let Some(host) = &asked.host else { return false };
        if !self.may_be_special(host) {
            return false;
        }
        let named = self.designated.as_ref().filter(|designated| is_host(host, &designated.by_name));
        let discovers = host.is_at_or_below(RESOLVER_DISCOVERY);
        let code = if CANARIES.iter().any(|canary| host.is_at_or_below(canary)) {
            ResponseCode::NXDomain
        } else if discovers || named.is_some() {
            ResponseCode::NoError
        } else {
            return false;
        };
        let mut reply = Reply::begin(asked, code, out);
        let asks_us = named.is_some() || is_host(host, RESOLVER_DISCOVERY_NAME);
        if asks_us && asked.exact_host().is_some() && asked.record_type() == RecordType::SVCB {
            for content in self.designated.iter().flat_map(|designated| &designated.contents) {
                reply.record(RecordType::SVCB.into(), DISCOVERY_TTL_S.max(OWN_TTL_S), content);
            }
        }
        if reply.is_empty() {
            reply.own_soa(OWN_TTL_S);
        }
        reply.end(&[]);
        true
    }
}

impl SpecialNames {
    /// False for almost every name, at a glance at how it ends.
    fn may_be_special(&self, host: &Host) -> bool {
        let Some(name) = host.name().map(str::as_bytes) else { return false };
        let ends_as_one = |end: &[u8; END_BYTES]| SPECIAL_ENDS.contains(&end);
        name.last_chunk().is_some_and(ends_as_one)
            || self.designated.as_ref().is_some_and(|designated| designated.by_name.len() == name.len())
    }
}

fn is_host(host: &Host, name: &str) -> bool {
    host.name() == Some(name)
}

const PARAMETER_ALPN: u16 = 1;
const PARAMETER_PORT: u16 = 3;
const PARAMETER_IPV4_HINT: u16 = 4;
const PARAMETER_IPV6_HINT: u16 = 6;
const PARAMETER_DOH_PATH: u16 = 7;
/// Where questions go by HTTPS (RFC 9461, 5: a template).
const DOH_TEMPLATE: &str = "/dns-query{?dns}";

/// The contents of the records that lead to our encrypted resolver: HTTPS first, for most clients speak it (RFC 9460, 2.2).
fn contents(discovery: &Discovery) -> Vec<Vec<u8>> {
    let mut contents = Vec::new();
    let ways = [
        (discovery.https_port, &[&b"h2"[..], b"http/1.1"][..], Some(DOH_TEMPLATE)),
        (discovery.tls_port, &[&b"dot"[..]][..], None),
    ];
    for (port, protocols, path) in ways {
        let Some(port) = port else { continue };
        let priority = u16::try_from(contents.len() + 1).unwrap_or(u16::MAX);
        let mut content = priority.to_be_bytes().to_vec();
        put_name(&discovery.name, &mut content);
        let alpn: Vec<u8> = protocols.iter().flat_map(|protocol| with_length(protocol)).collect();
        put_parameter(PARAMETER_ALPN, &alpn, &mut content);
        put_parameter(PARAMETER_PORT, &port.to_be_bytes(), &mut content);
        let (mut v4, mut v6) = (Vec::new(), Vec::new());
        for address in &discovery.addresses {
            match address {
                IpAddr::V4(address) => v4.extend_from_slice(&address.octets()),
                IpAddr::V6(address) => v6.extend_from_slice(&address.octets()),
            }
        }
        for (key, hints) in [(PARAMETER_IPV4_HINT, v4), (PARAMETER_IPV6_HINT, v6)] {
            if !hints.is_empty() {
                put_parameter(key, &hints, &mut content);
            }
        }
        if let Some(path) = path {
            put_parameter(PARAMETER_DOH_PATH, path.as_bytes(), &mut content);
        }
        contents.push(content);
    }
    contents
}

fn put_name(name: &str, out: &mut Vec<u8>) {
    name.split('.').for_each(|label| out.extend(with_length(label.as_bytes())));
    out.push(0);
}

/// A label or protocol after its length.
fn with_length(text: &[u8]) -> impl Iterator<Item = u8> {
    std::iter::once(u8::try_from(text.len()).unwrap_or(0)).chain(text.iter().copied())
}

fn put_parameter(key: u16, value: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(&key.to_be_bytes());
    out.extend_from_slice(&u16::try_from(value.len()).unwrap_or(0).to_be_bytes());
    out.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_special_name_ends_as_one() {
        let none = SpecialNames::new(None);
        for name in CANARIES.into_iter().chain([RESOLVER_DISCOVERY, RESOLVER_DISCOVERY_NAME]) {
            for host in [name.to_owned(), format!("below.{name}")] {
                assert!(none.may_be_special(&Host::parse(&host).unwrap()), "{host}");
            }
        }
        assert!(!none.may_be_special(&Host::parse("example.com").unwrap()));
    }
    use crate::query::{Received, Wire, read};
    use hickory_proto::op::{Message, Query};
    use hickory_proto::rr::{Name, RData};

    fn answered(names: &SpecialNames, name: &str, record_type: RecordType) -> Option<Message> {
        let mut message = Message::query();
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), record_type));
        let Received::Asked(asked) = read(&message.to_vec().unwrap(), Wire::Udp) else {
            panic!("no question")
        };
        let mut out = Vec::new();
        names.answer(&asked, &mut out).then(|| Message::from_vec(&out).unwrap())
    }

    #[test]
    fn our_encrypted_resolver_is_told_of_where_there_is_one() {
        let discovery = Discovery {
            name: "dns.ash.test".into(),
            tls_port: Some(853),
            https_port: Some(443),
            addresses: vec!["10.0.0.1".parse().unwrap(), "fd00::1".parse().unwrap()],
        };
        let names = SpecialNames::new(Some(&discovery));
        for name in ["_dns.resolver.arpa.", "_DNS.dns.ash.test."] {
            let message = answered(&names, name, RecordType::SVCB).unwrap();
            let told: Vec<String> = message
                .answers
                .iter()
                .map(|record| match &record.data {
                    RData::SVCB(svcb) => svcb.to_string(),
                    other => panic!("expected SVCB, found {other}"),
                })
                .collect();
            assert!(told[0].starts_with("1 dns.ash.test. alpn=h2,http/1.1, port=443"), "{told:?}");
            assert!(told[1].starts_with("2 dns.ash.test. alpn=dot, port=853"), "{told:?}");
            assert!(told[0].contains("10.0.0.1") && told[1].contains("fd00::1"), "{told:?}");
        }
        for (name, record_type) in
            [("_dns.resolver.arpa.", RecordType::A), ("x._dns.resolver.arpa.", RecordType::SVCB)]
        {
            let message = answered(&names, name, record_type).unwrap();
            assert_eq!((message.answers.len(), message.authorities.len()), (0, 1), "{name}");
        }
        assert!(answered(&names, "dns.ash.test.", RecordType::SVCB).is_none());
        let none = answered(&SpecialNames::new(None), "_dns.resolver.arpa.", RecordType::SVCB).unwrap();
        assert!(none.answers.is_empty());
    }
}
