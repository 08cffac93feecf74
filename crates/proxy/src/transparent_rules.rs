//! The nftables rules that lead the web of a school's clients to the proxy, and close the ways past it.
//!
//! They concern what comes in by the named interfaces and is meant for elsewhere: not this machine, not the school's own
//! networks (private addresses). Everything they refuse is refused audibly, so that clients fall back at once.
//!
//! Left out: loading them, forwarding, addresses, and what clients may reach beside the web.

use crate::config::{Transparent, TransparentMode};
use std::fmt::Write as _;
use std::net::SocketAddr;

/// The mark, routing table and priority for TPROXY; any numbers do that nothing else uses.
const MARK: &str = "0x5c";
const TABLE: &str = "92";
/// Addresses within a school, where the gate does not stand between (RFC 1918, 6598, 3927, 4193, 4291; multicast).
const WITHIN_V4: &str =
    "10.0.0.0/8, 100.64.0.0/10, 127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 224.0.0.0/4";
const WITHIN_V6: &str = "::1/128, fc00::/7, fe80::/10, ff00::/8";

/// Why there are no rules.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RulesError {
    /// A name that no interface has.
    #[error("expected the name of a network interface (letters, digits, _ . - @, at most 15), found {0}")]
    Interface(String),
    /// Nobody listens for what would be led there.
    #[error("expected a transparent listener with a port, found none")]
    NoListener,
}

/// The rules for clients behind `interfaces`, as a file for `nft -f` that may be loaded again; where TPROXY needs routes,
/// the commands for them stand in it as comments that begin with `# run: `.
///
/// Of each family the first listener counts. The web of a family without one is refused.
///
/// # Errors
/// No interface's name, or no listener.
pub fn nftables(interfaces: &[String], listeners: &[Transparent]) -> Result<String, RulesError> {
    if let Some(other) = interfaces.iter().find(|name| !is_interface(name)) {
        return Err(RulesError::Interface(other.clone()));
    }
    let listeners: Vec<&Transparent> = listeners.iter().filter(|led| led.listen.port() != 0).collect();
    let of_v4 = listeners.iter().find(|led| led.listen.is_ipv4());
    let of_v6 = listeners.iter().find(|led| led.listen.is_ipv6());
    let led: Vec<&Transparent> = of_v4.into_iter().chain(of_v6).copied().collect();
    if led.is_empty() || interfaces.is_empty() {
        return Err(RulesError::NoListener);
    }
    let quoted: Vec<String> = interfaces.iter().map(|name| format!("\"{name}\"")).collect();
    let mut rules =
        "# The web of the school's clients, led through the gate. Load with: nft -f FILE\n".to_owned();
    if led.iter().any(|led| led.mode == TransparentMode::Tproxy) {
        rules.push_str(&routes());
    }
    rules.push_str("table inet schoolgate\ndelete table inet schoolgate\ntable inet schoolgate {\n");
    let sets = [
        ("clients", "ifname", "", quoted.join(", ")),
        ("within_v4", "ipv4_addr", " flags interval;", WITHIN_V4.to_owned()),
        ("within_v6", "ipv6_addr", " flags interval;", WITHIN_V6.to_owned()),
    ];
    for (name, kind, flags, elements) in sets {
        // Writing to a text never fails.
        let _ = writeln!(rules, "  set {name} {{ type {kind};{flags} elements = {{ {elements} }} }}");
    }
    for (mode, chain) in [
        (TransparentMode::Redirect, "led { type nat hook prerouting priority dstnat; policy accept;"),
        (TransparentMode::Tproxy, "taken { type filter hook prerouting priority mangle; policy accept;"),
    ] {
        let of_mode: Vec<&&Transparent> = led.iter().filter(|led| led.mode == mode).collect();
        if of_mode.is_empty() {
            continue;
        }
        let _ = writeln!(rules, "  chain {chain}");
        rules.push_str(ELSEWHERE);
        for led in of_mode {
            let _ = writeln!(rules, "    {}", lead(led));
        }
        rules.push_str("  }\n");
    }
    rules.push_str("  chain ways_round { type filter hook forward priority filter; policy accept;\n");
    rules.push_str(ELSEWHERE);
    rules.push_str(CLOSED);
    rules.push_str("  }\n}\n");
    Ok(rules)
}

/// What every chain leaves alone.
const ELSEWHERE: &str = "    iifname != @clients return\n    fib daddr type local return\n    \
    ip daddr @within_v4 return\n    ip6 daddr @within_v6 return\n";

/// QUIC, DNS over TLS and QUIC, plain DNS elsewhere, the web that was not led to the gate, and tunnels by their usual ports
/// and protocols.
const CLOSED: &str = "    udp dport { 80, 443 } counter reject with icmpx port-unreachable\n    \
    udp dport { 53, 853 } counter reject with icmpx port-unreachable\n    \
    tcp dport { 53, 853 } counter reject with tcp reset\n    \
    tcp dport { 80, 443 } counter reject with tcp reset\n    \
    # Tunnels: IPsec, OpenVPN, L2TP, WireGuard, PPTP, SOCKS, Tor. Calls over Wi-Fi need UDP 500 and 4500; take those out for them.\n    \
    udp dport { 500, 1194, 1701, 4500, 51820 } counter reject with icmpx port-unreachable\n    \
    tcp dport { 1080, 1194, 1723, 9001 } counter reject with tcp reset\n    \
    meta l4proto { gre, esp, ah } counter reject with icmpx admin-prohibited\n";

fn lead(led: &Transparent) -> String {
    let (family, short) = match led.listen {
        SocketAddr::V4(_) => ("ipv4", "ip"),
        SocketAddr::V6(_) => ("ipv6", "ip6"),
    };
    let anywhere = led.listen.ip().is_unspecified();
    let port = led.listen.port();
    let to = match (led.mode, anywhere) {
        (TransparentMode::Redirect, true) => format!("redirect to :{port}"),
        (TransparentMode::Redirect, false) => format!("dnat {short} to {}", led.listen),
        (TransparentMode::Tproxy, true) => format!("tproxy {short} to :{port} meta mark set {MARK} accept"),
        (TransparentMode::Tproxy, false) => {
            format!("tproxy {short} to {} meta mark set {MARK} accept", led.listen)
        }
    };
    format!("meta nfproto {family} tcp dport {{ 80, 443 }} counter {to}")
}

fn routes() -> String {
    ["ip", "ip -6"]
        .map(|ip| {
            format!(
                "# run: {ip} rule add fwmark {MARK} priority {TABLE} lookup {TABLE}\n\
                 # run: {ip} route add local default dev lo table {TABLE}\n"
            )
        })
        .concat()
}

fn is_interface(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-@".contains(&byte);
    (1..=15).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn led(listen: &str, mode: TransparentMode) -> Transparent {
        Transparent { listen: listen.parse().unwrap(), mode }
    }

    #[test]
    fn each_family_is_led_to_its_own_listener_and_the_other_ways_are_closed() {
        let listeners = [
            led("0.0.0.0:3129", TransparentMode::Redirect),
            led("[2001:db8::2]:3130", TransparentMode::Tproxy),
            led("0.0.0.0:3131", TransparentMode::Redirect),
        ];
        let rules = nftables(&["lan0".into(), "wlan0".into()], &listeners).unwrap();
        for expected in [
            "elements = { \"lan0\", \"wlan0\" }",
            "nfproto ipv4 tcp dport { 80, 443 } counter redirect to :3129",
            "nfproto ipv6 tcp dport { 80, 443 } counter tproxy ip6 to [2001:db8::2]:3130 meta mark set 0x5c accept",
            "# run: ip -6 route add local default dev lo table 92",
            "udp dport { 80, 443 } counter reject",
            "tcp dport { 53, 853 } counter reject",
            "udp dport { 500, 1194, 1701, 4500, 51820 } counter reject",
            "meta l4proto { gre, esp, ah } counter reject",
        ] {
            assert!(rules.contains(expected), "{expected}\n{rules}");
        }
        assert!(!rules.contains("3131"));
    }

    #[test]
    fn nothing_but_an_interface_s_name_comes_into_the_rules() {
        let listeners = [led("0.0.0.0:3129", TransparentMode::Redirect)];
        for name in ["", "lan0\" }; drop", "a name", "much-too-long-a-name"] {
            assert_eq!(nftables(&[name.into()], &listeners), Err(RulesError::Interface(name.into())));
        }
        let nobody = [led("0.0.0.0:0", TransparentMode::Redirect)];
        assert_eq!(nftables(&["lan0".into()], &nobody), Err(RulesError::NoListener));
    }
}
