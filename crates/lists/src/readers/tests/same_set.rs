//! The same content in different syntaxes is the same set.

use super::*;
use std::collections::BTreeSet;
use std::net::IpAddr;

/// What a list covers, whatever the order and the lines.
fn set(format: ListFormat, lines: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let list = read(format, lines.into_iter().collect::<Vec<_>>().join("\n").as_bytes());
    assert_eq!((list.dropped.total(), list.rules().len()), (0, 0), "{format:?}");
    list.entries().map(|entry| name(&entry.host, entry.reach)).collect()
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(
        "[a-z0-9_]([a-z0-9-]{0,20}[a-z])?([.][a-z0-9]{1,10}){0,3}[.](example|com|uk|xn--p1ai)",
        1..20,
    )
}

/// A name as some list would write it.
fn mixed(name: &str, way: usize) -> String {
    match way % 3 {
        0 => name.to_owned(),
        1 => name.to_ascii_uppercase(),
        _ => format!("{name}."),
    }
}

/// Addresses that are some place on the internet.
fn addresses() -> impl Strategy<Value = Vec<IpAddr>> {
    let four = (11u8..100, any::<[u8; 3]>()).prop_map(|(a, [b, c, d])| IpAddr::from([a, b, c, d]));
    let six = any::<[u16; 7]>().prop_map(|[a, b, c, d, e, f, g]| IpAddr::from([0x2a00, a, b, c, d, e, f, g]));
    prop::collection::vec(prop_oneof![four, six], 1..20)
}

/// What a list's rules hold, as texts.
fn rules(format: ListFormat, lines: impl IntoIterator<Item = String>) -> BTreeSet<String> {
    let list = read(format, lines.into_iter().collect::<Vec<_>>().join("\n").as_bytes());
    assert_eq!((list.dropped.total(), list.entries().count()), (0, 0), "{format:?}");
    list.rules().iter().map(|rule| format!("{:?}", rule.pattern)).collect()
}

/// What a tree's folder covers.
fn tree_set(files: &[(&str, &str)]) -> BTreeSet<String> {
    let (mut list, bytes) = (new_list(), super::trees::tree_archive(&[], files));
    let opened = crate::archive::open(&bytes, files_read(ListFormat::Ut1)).unwrap();
    read_opened(&super::trees::ut1(&[("games", "games")]), &opened, &mut list).unwrap();
    assert_eq!(list.dropped.total(), 0);
    list.entries().map(|entry| name(&entry.host, entry.reach)).collect()
}

proptest! {
    #[test]
    fn addresses_are_the_same_set_in_every_syntax(addresses in addresses()) {
        let each = |line: fn(&IpAddr) -> String| addresses.iter().map(line).collect::<Vec<_>>();
        let bracketed = |address: &IpAddr| Host::Address(*address).to_string();
        let expected: BTreeSet<String> = addresses.iter().map(bracketed).collect();
        let whole = |address: &IpAddr| format!("{address}/{}", if address.is_ipv4() { 32 } else { 128 });
        for (format, lines) in [
            (ListFormat::Addresses, each(IpAddr::to_string)),
            (ListFormat::Addresses, each(|address| format!("{address} ; c"))),
            (ListFormat::Addresses, each(|address| format!("{address}-{address}"))),
            (ListFormat::Addresses, addresses.iter().map(whole).collect()),
            (ListFormat::Domains, each(IpAddr::to_string)),
            (ListFormat::Urls, each(|address| format!("http://{}/", Host::Address(*address)))),
            (ListFormat::Csv, [vec!["host".to_owned()], each(IpAddr::to_string)].concat()),
        ] {
            prop_assert_eq!(&set(format, lines), &expected, "{:?}", format);
        }
    }

    #[test]
    fn hashes_are_the_same_set_however_they_are_written(hashes in prop::collection::vec(any::<[u8; 20]>(), 1..20)) {
        let hex = |hash: &[u8; 20]| hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        let plain: Vec<String> = hashes.iter().map(hex).collect();
        let expected: BTreeSet<String> =
            hashes.iter().map(|hash| format!("{:?}", Pattern::Digest(Digest::Sha1(*hash)))).collect();
        for ways in [
            plain.clone(),
            plain.iter().map(|hash| hash.to_ascii_uppercase()).collect(),
            plain.iter().map(|hash| format!("SHA1:{hash} # c")).collect(),
            plain.iter().map(|hash| format!("sha-1: {hash}")).collect(),
        ] {
            prop_assert_eq!(&rules(ListFormat::Hashes, ways), &expected);
        }
    }

    #[test]
    fn a_tree_covers_what_its_files_would_as_lists(names in names(), addresses in addresses()) {
        let names = names.join("\n");
        let both = format!("{names}\n{}", addresses.iter().map(IpAddr::to_string).collect::<Vec<_>>().join("\n"));
        let expected = set(ListFormat::Domains, [both.clone()]);
        prop_assert_eq!(&tree_set(&[("bl/games/domains", &both)]), &expected);
        // Addresses of IPv6 stand in brackets there, as in every URL.
        let hosts = expected.iter().map(|host| format!("{}\n", host.trim_start_matches("*."))).collect::<String>();
        prop_assert_eq!(&tree_set(&[("bl/games/urls", &hosts)]), &expected);
    }

    #[test]
    fn names_alone_are_the_same_set_in_every_syntax(names in names(), way in 0usize..3) {
        let each = |line: fn(&str) -> String| {
            names.iter().enumerate().map(move |(at, name)| line(&mixed(name, at + way))).collect::<Vec<_>>()
        };
        let expected: BTreeSet<String> = names.iter().cloned().collect();
        for (format, lines) in [
            (ListFormat::DomainsExact, each(str::to_owned)),
            (ListFormat::Hosts, each(|name| format!("0.0.0.0 {name}"))),
            (ListFormat::Hosts, vec![format!("127.0.0.1 {} # c", each(str::to_owned).join("\t"))]),
            (ListFormat::AdGuard, each(|name| format!("|{name}^"))),
            (ListFormat::AdGuard, each(|name| format!(":: {name}"))),
            (ListFormat::Unbound, each(|name| format!("local-data: \"{name} A 0.0.0.0\""))),
            (ListFormat::Rpz, each(|name| format!("{} CNAME .", name.trim_end_matches('.')))),
        ] {
            prop_assert_eq!(&set(format, lines), &expected, "{:?}", format);
        }
    }

    #[test]
    fn names_with_what_is_below_are_the_same_set_in_every_syntax(names in names(), way in 0usize..3) {
        let each = |line: fn(&str) -> String| {
            names.iter().enumerate().map(move |(at, name)| line(&mixed(name, at + way))).collect::<Vec<_>>()
        };
        let expected: BTreeSet<String> = names.iter().map(|name| format!("*.{name}")).collect();
        for (format, lines) in [
            (ListFormat::Domains, each(str::to_owned)),
            (ListFormat::Domains, each(|name| format!("*.{name} # c"))),
            (ListFormat::DomainsExact, each(|name| format!(".{name}"))),
            (ListFormat::AdGuard, each(|name| format!("||{name}^"))),
            (ListFormat::AdGuard, each(|name| format!("||{name}^$badfilter,important\n||{name}^"))),
            (ListFormat::Dnsmasq, each(|name| format!("address=/{name}/0.0.0.0"))),
            (ListFormat::Dnsmasq, each(|name| format!("server=/{name}/"))),
            (ListFormat::Dnsmasq, vec![format!("local=/{}/", each(str::to_owned).join("/"))]),
            (ListFormat::Unbound, each(|name| format!("local-zone: \"{name}\" always_nxdomain"))),
            (ListFormat::Rpz, each(|name| {
                let name = name.trim_end_matches('.');
                format!("{name} CNAME .\n*.{name} CNAME .")
            })),
            (ListFormat::Urls, each(|name| format!("http://{name}/"))),
            (ListFormat::Csv, [vec!["host".to_owned()], each(str::to_owned)].concat()),
        ] {
            prop_assert_eq!(&set(format, lines), &expected, "{:?}", format);
        }
    }

    #[test]
    fn any_line_end_and_encoding_is_the_same_set(names in names()) {
        let text = names.join("\n");
        let expected = set(ListFormat::Domains, names);
        let wide = |text: &str, unit: fn(u16) -> [u8; 2]| {
            format!("\u{feff}{text}").encode_utf16().flat_map(unit).collect::<Vec<u8>>()
        };
        for bytes in [
            text.replace('\n', "\r\n").into_bytes(),
            text.replace('\n', "\r").into_bytes(),
            format!("\u{feff}{text}\n\n").into_bytes(),
            wide(&text, u16::to_le_bytes),
            wide(&text, u16::to_be_bytes),
        ] {
            let list = read(ListFormat::Domains, &bytes);
            let found: BTreeSet<String> = list.entries().map(|entry| name(&entry.host, entry.reach)).collect();
            prop_assert_eq!(&found, &expected);
        }
    }

    #[test]
    fn a_zone_with_either_trigger_means_what_it_says(below in any::<bool>(), labels in 0usize..3) {
        let trigger = if below { "*.a.example" } else { "a.example" };
        let (image, rules) = image(read(ListFormat::Rpz, format!("{trigger} CNAME .").as_bytes()));
        let host = Host::parse(&format!("{}a.example", "x.".repeat(labels))).unwrap();
        let mut is_blocked = !image.lookup(&host).is_empty();
        rules.look(&RuleAsk::of(&host), &mut |_| is_blocked = true);
        prop_assert_eq!(is_blocked, (labels > 0) == below);
    }
}
