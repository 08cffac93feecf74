//! The file by which browsers find the proxy (proxy auto-configuration, WPAD), for whoever asks.
//!
//! What it says depends on the network the question comes from and on the group of whoever asks: the first rule of the
//! configuration that fits, else the proxy for everything. There is no `DIRECT` to fall back on: a browser waits for the gate
//! rather than go round it. The gate's own pages are asked for directly: who signs in there through the proxy would be
//! taken for the gate.

use ipnet::Ipv4Net;
use model::{GroupId, Host, NetworkId};
use std::fmt::Write as _;

/// How browsers of some networks and groups find their way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacRule {
    /// For these networks of the policy; empty: for all.
    pub networks: Vec<NetworkId>,
    /// For these groups of the policy; empty: for all.
    pub groups: Vec<GroupId>,
    /// The way.
    pub way: PacWay,
    /// The host that is named as the proxy, where it is not the usual one.
    pub host: Option<Host>,
    /// What is reached directly, beside plain names and the gate's own pages.
    pub direct: Vec<PacDirect>,
}

/// The way to the web.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PacWay {
    /// By the proxy.
    Proxy,
    /// By the proxy, over TLS.
    ProxyOverTls,
    /// Without one: the network itself leads connections to the gate.
    Direct,
}

/// What a browser reaches directly.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PacDirect {
    /// A name and every name below it.
    Name(Host),
    /// Addresses that are written out as such in what is asked for.
    Range(Ipv4Net),
}

impl PacRule {
    /// True when it is for somebody in this network and this group.
    pub(crate) fn is_for(&self, network: Option<&NetworkId>, group: Option<&GroupId>) -> bool {
        let among = |networks: &[NetworkId]| network.is_some_and(|network| networks.contains(network));
        (self.networks.is_empty() || among(&self.networks))
            && (self.groups.is_empty() || group.is_some_and(|group| self.groups.contains(group)))
    }
}

/// Where a file leads.
pub(crate) struct Lead<'a> {
    /// What follows `return`, such as `PROXY gate.test:3128`.
    pub(crate) to: String,
    /// Hosts that are reached directly.
    pub(crate) own_hosts: &'a [Host],
    pub(crate) direct: &'a [PacDirect],
}

/// The file. Every name in it was parsed as a host, so none can end a text in it.
pub(crate) fn file(lead: &Lead<'_>) -> String {
    let mut direct = "isPlainHostName(host) || host == \"127.0.0.1\" || host == \"[::1]\"".to_owned();
    for own in lead.own_hosts {
        // Writing to a text never fails.
        let _ = write!(direct, " || host == \"{own}\"");
    }
    for reached in lead.direct {
        let _ = match reached {
            PacDirect::Name(name) => {
                write!(direct, " || host == \"{name}\" || dnsDomainIs(host, \".{name}\")")
            }
            // Only of an address that is written out: of a name, this would ask DNS and wait.
            PacDirect::Range(range) => write!(
                direct,
                " || (/^[0-9.]+$/.test(host) && isInNet(host, \"{}\", \"{}\"))",
                range.network(),
                range.netmask()
            ),
        };
    }
    format!(
        "function FindProxyForURL(url, host) {{\n  if ({direct}) {{ return \"DIRECT\"; }}\n  \
         return \"{}\";\n}}\n",
        lead.to
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_is_for_its_networks_and_its_groups() {
        let rule = |networks: &[&str], groups: &[&str]| PacRule {
            networks: networks.iter().map(|id| NetworkId::new(*id)).collect(),
            groups: groups.iter().map(|id| GroupId::new(*id)).collect(),
            way: PacWay::Direct,
            host: None,
            direct: Vec::new(),
        };
        let (halls, staff) = (NetworkId::new("halls"), GroupId::new("staff"));
        for (rule, known, unknown) in [
            (rule(&[], &[]), true, true),
            (rule(&["halls"], &[]), true, false),
            (rule(&["halls"], &["staff", "guests"]), true, false),
            (rule(&["halls"], &["guests"]), false, false),
            (rule(&["yard"], &["staff"]), false, false),
        ] {
            assert_eq!(rule.is_for(Some(&halls), Some(&staff)), known, "{rule:?}");
            assert_eq!(rule.is_for(None, None), unknown, "{rule:?}");
        }
    }

    #[test]
    fn a_file_names_what_is_direct_and_ends_in_the_proxy() {
        let direct = [
            PacDirect::Name(Host::parse("larkfield.test").unwrap()),
            PacDirect::Range("10.1.0.0/16".parse().unwrap()),
        ];
        let own_hosts = [Host::parse("gate.test").unwrap()];
        let text = file(&Lead { to: "HTTPS gate.test:3443".into(), own_hosts: &own_hosts, direct: &direct });
        for expected in [
            "host == \"gate.test\"",
            "dnsDomainIs(host, \".larkfield.test\")",
            "isInNet(host, \"10.1.0.0\", \"255.255.0.0\")",
            "return \"HTTPS gate.test:3443\";\n}\n",
        ] {
            assert!(text.contains(expected), "{expected}\n{text}");
        }
    }
}
