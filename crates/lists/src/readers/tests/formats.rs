//! Each format's own meaning, cases as data.

use super::*;

fn each(format: ListFormat, cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(found(format, text.as_bytes()), *expected, "{format:?}\n{text}");
    }
}

#[test]
fn domains_cover_what_is_below_and_exact_ones_do_not() {
    each(
        ListFormat::Domains,
        &[
            ("example.com\nOTHER.example.\n", "*.example.com *.other.example"),
            (
                "\u{feff}example.com\r\n\r\n# no\n! no\n; no\n// no\na.example # why",
                "*.example.com *.a.example",
            ),
            ("*.a.example\n.b.example\nclick*.b.example", "*.a.example *.b.example wild:click*.b.example"),
            ("bücher.example\nhttp://a.example/\na.example b.example", "*.xn--bcher-kva.example NotAName=2"),
            ("BÜCHER.example\nxn--bcher-kva.example", "*.xn--bcher-kva.example *.xn--bcher-kva.example"),
            ("198.51.100.7\n2001:DB8::1\n::ffff:198.51.100.8", "198.51.100.7 [2001:db8::1] 198.51.100.8"),
            ("a*.com\n*.co.uk*\n*\n**.*", "TooBroad=4"),
            ("a\rb.example\rc.example", "*.a *.b.example *.c.example"),
            (".\n..\n-\n*.\na..b", "*.- NotAName=4"),
        ],
    );
    each(ListFormat::DomainsExact, &[("example.com\n*.a.example", "example.com *.a.example")]);
}

#[test]
fn hosts_lines_block_each_name_alone() {
    each(
        ListFormat::Hosts,
        &[
            (
                "0.0.0.0 a.example b.example # c.example\n127.0.0.1 localhost d.example",
                "a.example b.example d.example",
            ),
            ("::1 ip6-localhost\nfe80::1%lo0 localhost\n255.255.255.255 broadcasthost\n0.0.0.0 0.0.0.0", ""),
            (
                ":: a.example\n203.0.113.9 b.example\nexample.com\nx y.example",
                "a.example NotAName=2 Redirection=1",
            ),
            ("0.0.0.0 münchen.example\r\n0.0.0.0 a_b.example.", "xn--mnchen-3ya.example a_b.example"),
            (
                "\t0.0.0.0\ta.example\n127.1.2.3 b.example\n0.0.0.0 LOCALHOST c..d",
                "a.example b.example NotAName=1",
            ),
        ],
    );
}

#[test]
fn adguard_patterns_are_read_each_with_its_reach() {
    each(
        ListFormat::AdGuard,
        &[
            (
                "||a.example^\n|b.example^\nc.example\n||d.example^|",
                "*.a.example b.example c.example *.d.example",
            ),
            (
                "@@||a.example^\n||b.example^$important\n@@||c.example^$important",
                "@@*.a.example *.b.example! @@*.c.example!",
            ),
            ("! no\n# no\n####\n[Adblock Plus 2.0]\n0.0.0.0 a.example b.example", "a.example b.example"),
            (
                "||bücher.example^\n||XN--BCHER-KVA.example^",
                "*.xn--bcher-kva.example *.xn--bcher-kva.example",
            ),
            ("tracker.example^\n.ads.example^", "wild:*tracker.example wild:*.ads.example"),
            (
                "||ads*.b.example^\n||*.track.example^",
                "wild:ads*.b.example wild:*.ads*.b.example wild:*.track.example",
            ),
            (
                "||adserver.\n|adserver-\n-banner-",
                "wild:adserver.* wild:*.adserver.* wild:adserver-* wild:*-banner-*",
            ),
            ("||example.com\n|example.com\n||198.51.100.7^", "*.example.com example.com 198.51.100.7"),
            ("/ads[0-9]+/\n@@/^good[.]/$important", "re:ads[0-9]+ @@re:^good[.]!"),
            ("/example[.]com\\/ads/\n/a(?=b)/\n/.*/", "pagere:example[.]com\\/ads Expression=1 TooBroad=1"),
            (
                "||b.example/ads\n|https://b.example/x?y^\n||b.example/",
                "*.b.example page:b.example/ads page:b.example/x?y",
            ),
            (
                "a.example##.banner\na.example#@#.x\n##.ad\na.example$$div\n/ads/*/x\n||b.example/*/x",
                "PageRule=6",
            ),
            ("||exa mple^\n*\n||com*^\n||a^b^\n|", "NotAName=1 NotUnderstood=1 TooBroad=3"),
        ][..],
    );
}

#[test]
fn adguard_modifiers_are_applied_or_the_rule_is_left_out() {
    each(
        ListFormat::AdGuard,
        &[
            ("||a.example^\n||a.example^$badfilter\n||b.example^", "*.b.example Cancelled=1"),
            ("||a.example^$important\n||a.example^$badfilter", "*.a.example!"),
            ("||a.example^$important,badfilter\n||a.example^$important", "Cancelled=1"),
            ("||a.example^$dnstype=A|AAAA\n||a.example^$badfilter,dnstype=AAAA|A", "Cancelled=1"),
            (
                "||a.example^$denyallow=x.a.example|Y.a.example",
                "*.a.example[not x.a.example][not y.a.example]",
            ),
            (
                "||a.example^$client=10.0.0.0/8|~10.1.2.3|'Year 3\\, trolley'",
                "*.a.example[year 3, trolley][10.0.0.0/8][~10.1.2.3/32]",
            ),
            ("||a.example^$ctag=device_phone|~user_child", "*.a.example[device_phone][~user_child]"),
            (
                "||a.example^$dnstype=A|~TYPE65\n||a.example^$dnstype=~aaaa",
                "*.a.example[1][~65] *.a.example[~28]",
            ),
            (
                "||a.example^$dnsrewrite=b.example\n||c.example^$dnsrewrite=NOERROR;CNAME;d.example",
                "*.a.example->b.example *.c.example->d.example",
            ),
            (
                "||a.example^$dnsrewrite=192.0.2.2\n||a.example^$dnsrewrite=NOERROR;A;192.0.2.1\n|a.example^$dnsrewrite=2001:db8::1",
                "*.a.example->192.0.2.1,192.0.2.2 a.example->2001:db8::1",
            ),
            (
                "||a.example^$dnsrewrite=NXDOMAIN;;\n||b.example^$dnsrewrite=REFUSED\n||c.example^$dnsrewrite=NOERROR;;",
                "*.a.example->none *.b.example->refused *.c.example->nothing",
            ),
            (
                "@@||a.example^$dnsrewrite\n@@||b.example^$dnsrewrite=192.0.2.1",
                "@@*.a.example-> @@*.b.example->192.0.2.1",
            ),
            ("||a.example^$third-party\n||a.example^$~script,domain=b.example", "BrowserModifier=2"),
            ("||a.example^$x-new\n||a.example^$important,x=1", "UnknownModifier=2"),
            (
                "||a.example^$client=\n||a.example^$dnstype=NO\n||a.example^$denyallow=b c\n||a.example^$dnsrewrite=NOERROR;MX;1\n\
                 ||a.example^$important=1\n||a.example^$dnsrewrite=NOERROR;A;::1",
                "ModifierValue=6",
            ),
        ],
    );
}

#[test]
fn dnsmasq_lines_cover_what_is_below() {
    each(
        ListFormat::Dnsmasq,
        &[
            (
                "address=/a.example/b.example/0.0.0.0\naddress=/c.example/#",
                "*.a.example *.b.example *.c.example",
            ),
            (
                "address=/a.example/\nserver=/b.example/\nlocal=/c.example/ # why",
                "*.a.example *.b.example *.c.example",
            ),
            ("server=/com/\nserver=/a.example/#\naddress=/.b.example/::", "*.com @@*.a.example *.b.example"),
            ("address=/a.example/192.0.2.1\nserver=/b.example/192.0.2.53#54", "Redirection=2"),
            ("address=/*tracker.example/127.0.0.1\naddress=/#/0.0.0.0", "wild:*tracker.example TooBroad=1"),
            (
                "# no\ncache-size=10\nno-resolv\naddress=/a b/\naddress=/x",
                "NotAName=1 NotUnderstood=1 OtherSetting=2",
            ),
        ],
    );
}

#[test]
fn unbound_zones_cover_what_is_below_and_data_the_name_alone() {
    each(
        ListFormat::Unbound,
        &[
            (
                "server:\nlocal-zone: \"a.example.\" always_nxdomain\n local-zone: b.example refuse # why\nlocal-zone: 'c.example' static",
                "*.a.example *.b.example *.c.example",
            ),
            (
                "local-zone: \"a.example\" transparent\nlocal-zone: \"b.example\" block_a",
                "@@*.a.example *.b.example[1]",
            ),
            (
                "local-data: \"a.example A 0.0.0.0\"\nlocal-data: 'b.example. 60 IN AAAA ::'\nlocal-data: \"a.example TXT x\"",
                "a.example b.example UnknownAction=1",
            ),
            (
                "local-zone: \"www.a.example\" redirect\nlocal-data: \"WWW.a.example CNAME safe.a.example\"\n\
                 local-zone: \"b.example\" redirect\nlocal-data: \"b.example A 127.0.0.1\"",
                "*.b.example b.example Redirection=2",
            ),
            (
                "local-zone-tag: \"a.example\" \"x\"\nlocal-zone-override: \"a.example\" 10.0.0.0/8 refuse\nlocal-zone: \"a.example\" odd\nx",
                "NotUnderstood=1 OtherSetting=2 UnknownAction=1",
            ),
        ],
    );
}

#[test]
fn a_response_policy_zone_is_read_trigger_by_trigger() {
    let head =
        "$TTL 1h\n@ IN SOA ns.rpz.example. host.rpz.example. ( 1 ; serial\n 2 3 4 5 )\n NS ns.rpz.example.\n";
    let origin = "$ORIGIN rpz.example.\n";
    for (text, expected) in [
        ("a.example CNAME .\n*.a.example CNAME .\n", "*.a.example"),
        ("a.example 60 IN CNAME *.\nB.example IN 60 CNAME rpz-drop.", "a.example b.example"),
        ("*.a.example CNAME .", "wild:*.a.example"),
        ("a.example.rpz.example. CNAME .\n*.a.example.rpz.example. CNAME .", "*.a.example"),
        ("a.example CNAME rpz-passthru.\nb.example CNAME b.example.", "@@a.example @@b.example"),
        (
            "a.example A 192.0.2.2\n A 192.0.2.1\n AAAA 2001:db8::1",
            "a.example->192.0.2.1,192.0.2.2,2001:db8::1",
        ),
        ("a.example A 0.0.0.0\n AAAA ::", "a.example"),
        (
            "a.example CNAME walled.garden.example.\n*.a.example CNAME walled.garden.example.",
            "*.a.example->walled.garden.example",
        ),
        ("24.0.113.0.203.rpz-ip CNAME .\n32.7.113.0.203.rpz-ip CNAME .", "203.0.113.7 range:203.0.113.0/24"),
        ("8.0.0.0.10.rpz-ip CNAME .\n4.0.0.0.64.rpz-ip CNAME .", "PrivateRange=1 WideRange=1"),
        ("32.1.0.0.10.rpz-client-ip CNAME .\nns.a.example.rpz-nsdname CNAME .", "UnknownTrigger=2"),
        (
            "a.example CNAME rpz-tcp-only.\nb.example TXT \"x ; y\"\nc.example CNAME *.d.example.",
            "UnknownAction=3",
        ),
        ("*.a.example CNAME rpz-passthru.\nx.a.example CNAME .", "x.a.example! @@wild:*.a.example"),
        ("*.com CNAME .\na\\.b CNAME .\n$INCLUDE x", "NotAName=1 TooBroad=1 OtherSetting=1"),
    ] {
        let expected = expected.to_owned();
        assert_eq!(found(ListFormat::Rpz, format!("{origin}{head}{text}").as_bytes()), expected, "{text}");
        if !text.contains("rpz.example.") {
            assert_eq!(found(ListFormat::Rpz, text.as_bytes()), expected, "without origin: {text}");
        }
    }
}

#[test]
fn a_transferred_zone_gives_the_same_set_as_its_file() {
    let text = "$ORIGIN rpz.example.\n@ SOA ns.rpz.example. h.rpz.example. 1 2 3 4 5\na.example CNAME .\n*.a.example CNAME .\n\
                b.example A 192.0.2.1\n24.0.113.0.203.rpz-ip CNAME .\nc.example CNAME rpz-passthru.\n";
    let record = |owner, kind, value| ZoneRecord { owner, kind, value };
    let mut list = new_list();
    let records = [
        record("rpz.example.", "SOA", "ns.rpz.example. h.rpz.example. 1 2 3 4 5"),
        record("A.example.rpz.example.", "CNAME", "."),
        record("*.a.example.rpz.example.", "CNAME", "."),
        record("b.example.rpz.example.", "A", "192.0.2.1"),
        record("24.0.113.0.203.rpz-ip.rpz.example.", "CNAME", "."),
        record("c.example.rpz.example.", "CNAME", "rpz-passthru."),
    ];
    read_zone("rpz.example.", records, category("games"), &mut list);
    assert_eq!(written(&list), found(ListFormat::Rpz, text.as_bytes()));
    assert_eq!(written(&list), "*.a.example @@c.example b.example->192.0.2.1 range:203.0.113.0/24");
    let mut stranger = new_list();
    read_zone("rpz.example.", [record("a.example.", "CNAME", ".")], category("games"), &mut stranger);
    assert_eq!(written(&stranger), "NotAName=1");
}

#[test]
fn pages_addresses_and_hashes_are_read() {
    each(
        ListFormat::Urls,
        &[
            (
                "a.example/x\nhttps://B.example/y?z=1#f\n# no\nhttp://c.example\nd.example/",
                "*.c.example *.d.example page:a.example/x page:b.example/y?z=1",
            ),
            ("a.example?x\nbücher.example/ü", "page:a.example/?x page:xn--bcher-kva.example/ü"),
            ("mailto:x@a.example\n/x\na.example/x y\nhttp://", "NotAPage=4"),
        ],
    );
    each(
        ListFormat::Addresses,
        &[
            (
                "203.0.113.7\n203.0.113.9/24 ; SBL1\n2001:db8::/32\n[2001:db8::1] # c",
                "203.0.113.7 [2001:db8::1] range:203.0.113.0/24 range:2001:db8::/32",
            ),
            ("203.0.113.4-203.0.113.7\n203.0.113.8 - 203.0.113.8", "203.0.113.8 range:203.0.113.4/30"),
            ("10.0.0.1\n192.168.0.0/16\n127.0.0.0/8\nfe80::1\n172.0.0.0/8\n::1", "PrivateRange=6"),
            ("0.0.0.0/0\n64.0.0.0/7\n2001::/15\n::/0", "WideRange=4"),
            ("a.example\n203.0.113.0/33\n203.0.113.9-203.0.113.1\n//x", "NotAnAddress=3"),
        ],
    );
    let (md5, sha1, sha256) = ("0a".repeat(16), "0B".repeat(20), "0c".repeat(32));
    let text = format!(
        "{md5}\n{sha1} # c\nsha256:{sha256}\nSHA-256: {sha256}\nmd5:{sha1}\nabc\n{}",
        "zz".repeat(16)
    );
    each(ListFormat::Hashes, &[(&text, "md5:0a sha1:0b sha256:0c sha256:0c NotAHash=3")]);
}

#[test]
fn comma_separated_values_are_read_by_their_heading() {
    each(
        ListFormat::Csv,
        &[
            (
                "Domain,Note\na.example,x\n\"B.example\",\"y, z\"\n,x\n*.c.example",
                "*.a.example *.b.example *.c.example NotAName=1",
            ),
            ("note;URL\nx;https://a.example/p\n\"y;\nz\";b.example", "*.b.example page:a.example/p"),
            ("what,why\na.example,x", "NoHeading=1"),
            ("", "NoHeading=1"),
        ],
    );
    let list = read(
        ListFormat::Csv,
        b"category,host\ngambling,a.example\nGAMBLING,b.example\nSocial media,c.example\nodd,d.example\n,e.example\n",
    );
    let said: Vec<_> = list.rows().map(|row| row.says.category.slug()).collect();
    assert_eq!(said, ["gambling", "gambling", "social-media", "games", "games"]);
    assert_eq!(list.rows().map(|row| row.line).collect::<Vec<_>>(), [2, 3, 4, 5, 6]);
}

#[test]
fn a_row_cannot_make_a_list_one_of_illegal_content_nor_take_it_out_of_one() {
    let text =
        b"category,host\ngambling,a.example\nillegal,b.example\nIllegal content,c.example\n,d.example\n";
    let list = read(ListFormat::Csv, text);
    assert_eq!(written(&list), format!("*.a.example *.d.example {:?}=2", Dropped::IllegalRow));
    let mut list = new_list();
    read_bytes(ListFormat::Csv, text, Category::ILLEGAL, &mut list);
    assert_eq!(list.rows().filter(|row| row.says.category == Category::ILLEGAL).count(), 4);
}

const REWRITES: &str = "||a.example^$dnsrewrite=192.0.2.1\n||b.example^$dnsrewrite=c.example\n||d.example^$dnsrewrite=REFUSED\n\
                        ||e.example^$dnsrewrite=f.example,dnstype=A\n";
const LOCAL_DATA: &str = "a.example A 192.0.2.1\n*.a.example A 192.0.2.1\nb.example CNAME walled.example.\n\
                          *.c.example AAAA 2001:db8::1\n24.0.113.0.203.rpz-ip CNAME walled.example.\n";

#[test]
fn a_list_that_may_not_rewrite_blocks_instead_and_every_such_rule_is_counted() {
    for (format, text, expected) in [
        (
            ListFormat::AdGuard,
            REWRITES,
            "*.b.example *.a.example *.d.example->refused *.e.example[1] RewriteAsBlock=3",
        ),
        (
            ListFormat::Rpz,
            LOCAL_DATA,
            "*.a.example b.example wild:*.c.example range:203.0.113.0/24 RewriteAsBlock=4",
        ),
    ] {
        assert_eq!(written(&read_into(list_that_blocks(), format, text.as_bytes())), expected);
    }
}

#[test]
fn no_list_answers_with_a_private_address() {
    for (format, text, expected) in [
        (
            ListFormat::AdGuard,
            "||a.example^$dnsrewrite=192.168.1.1\n||b.example^$dnsrewrite=::1\n||b.example^$dnsrewrite=192.0.2.1",
            "*.a.example *.b.example->192.0.2.1 PrivateAnswer=2",
        ),
        (
            ListFormat::Rpz,
            "a.example A 10.0.0.1\nb.example A 192.0.2.1\n AAAA fd00::1\nc.example CNAME 10.0.0.1.",
            "a.example b.example->192.0.2.1 PrivateAnswer=2 UnknownAction=1",
        ),
    ] {
        assert_eq!(found(format, text.as_bytes()), expected);
    }
}

#[test]
fn a_line_that_is_too_long_or_no_text_is_counted_and_the_next_is_read() {
    let mut text = vec![b'a'; 5000];
    text.extend(b"\n\xff\xfe.example\nx\0.example\nb.example\n");
    for format in [ListFormat::Domains, ListFormat::AdGuard, ListFormat::Urls] {
        let list = read(format, &text);
        assert!(written(&list).ends_with("b.example LongLine=1 NotText=2"), "{format:?}");
        let expected = [(1, Dropped::LongLine), (2, Dropped::NotText), (3, Dropped::NotText)];
        assert_eq!(list.first_dropped(), expected);
    }
}

#[test]
fn every_line_of_noise_is_counted_and_the_first_are_shown() {
    let text = "exa mple\n".repeat(80);
    for (format, lines) in FORMATS.iter().map(|format| (*format, 80)) {
        let list = read(format, text.as_bytes());
        let shown = list.first_dropped().len();
        // A table without a heading is left out as one.
        let expected = if format == ListFormat::Csv { (1, 1) } else { (lines, 50) };
        assert_eq!((list.dropped.total(), shown), expected, "{format:?}");
    }
}

#[test]
fn entries_keep_the_line_they_stand_on() {
    let list = read(ListFormat::Hosts, b"# one\r\n0.0.0.0 a.example b.example\r\n");
    assert_eq!(list.entries().map(|entry| entry.line).collect::<Vec<_>>(), [2, 2]);
}

#[test]
fn a_file_in_utf_16_reads_as_its_utf_8() {
    let text = "\u{feff}a.example\r\nbücher.example\r\n";
    let wide: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(found(ListFormat::Domains, &wide), found(ListFormat::Domains, text.as_bytes()));
    assert_eq!(found(ListFormat::Domains, &wide), "*.a.example *.xn--bcher-kva.example");
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_in_any_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in FORMATS {
            for mark in [&b""[..], b"\xff\xfe", b"host\n", b"$ORIGIN x.\n"] {
                found(format, &[mark, &bytes].concat());
            }
        }
    }

    #[test]
    fn noise_in_the_shape_of_rules_never_panics(
        text in "([@|!$,.^*#/a-z0-9 :\"'();=\\\\~-]|badfilter|important|dnsrewrite=|client=|address=/|local-zone: |local-data: |CNAME|rpz-ip|\n|\\PC){0,60}",
    ) {
        for format in FORMATS {
            let list = read(format, text.as_bytes());
            prop_assert!(list.first_dropped().len() as u64 <= list.dropped.total());
            for rule in list.rules() {
                Rules::open(&encode(&[(0, rule.clone())])).unwrap();
            }
        }
    }

    #[test]
    fn the_order_of_lines_makes_no_difference_to_what_is_blocked(
        mut lines in prop::collection::vec("(\\|\\||@@\\|\\||)[ab]\\.(example|test)(\\$important)?", 1..8),
    ) {
        let image = |lines: &[String]| image(read(ListFormat::AdGuard, lines.join("\n").as_bytes())).0;
        let forward = image(&lines);
        lines.reverse();
        let backward = image(&lines);
        for host in ["a.example", "x.a.example", "b.test", "x.b.test"] {
            let host = Host::parse(host).unwrap();
            prop_assert_eq!(forward.lookup(&host).categories(), backward.lookup(&host).categories());
        }
    }
}
