//! The traps that DNS filters are known to fall into, as a table: what a list or the outside says, what a learner asks,
//! and what must come back over the wire.

use crate::resolver::{
    Start, addresses, categories, entries, explanation_codes, first_alias, group, image, list, policy,
};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::svcb::{Alpn, EchConfigList, IpHint, SvcParamKey, SvcParamValue};
use hickory_proto::rr::rdata::{A, HTTPS, SVCB};
use hickory_proto::rr::{RData, Record, RecordType};
use lists::Update;
use model::{ListId, Timestamp};
use policy::Policy;
use policy::image::Image;
use policy::rules::{GroupRules, ListFormat, ListSource, Members, Subscription, YouTube};
use std::net::IpAddr;
use std::path::Path;
use std::process::Command;
use testkit::upstream::{Says, Upstream, Zone, a, aaaa, cname, name_of};

pub const LEARNER: &str = "127.0.0.2";
/// Where every made-up name of the outside lies.
const OUTSIDE: [u8; 4] = [203, 0, 113, 7];

/// What must come back.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Is {
    /// The outside's own address.
    Open,
    /// `NXDOMAIN`, and why.
    Blocked,
    /// An alias to this name first.
    Safe(&'static str),
    /// This address of the list's own, and that it is a block.
    Sent([u8; 4]),
    /// An alias of the list's own and where it leads, and that it is a block.
    Leads(&'static str),
    /// The name is there and has nothing of the type.
    Nothing,
    /// `NXDOMAIN` that is no block.
    NoSuchName,
    /// `REFUSED`.
    Refused,
}
use Is::{Blocked, Leads, NoSuchName, Nothing, Open, Refused, Safe, Sent};
use RecordType as Type;

/// A list, and what it makes of names that are asked for by `A`.
struct ListTrap {
    trap: &'static str,
    format: ListFormat,
    category: &'static str,
    text: &'static [u8],
    asked: &'static [(&'static str, Is)],
}

const fn trap(
    trap: &'static str,
    format: ListFormat,
    text: &'static [u8],
    asked: &'static [(&'static str, Is)],
) -> ListTrap {
    ListTrap { trap, format, category: "gambling", text, asked }
}

const LIST_TRAPS: &[ListTrap] = &[
    trap(
        "plain domains cover what is below, at a dot only",
        ListFormat::Domains,
        b"casino.example\n",
        &[("casino.example", Blocked), ("a.b.casino.example", Blocked), ("notcasino.example", Open)],
    ),
    trap(
        "plain domains of the exact kind cover nothing below",
        ListFormat::DomainsExact,
        b"casino.example\n",
        &[("casino.example", Blocked), ("www.casino.example", Open)],
    ),
    trap(
        "a byte-order mark, carriage returns, capitals, a last dot and comments",
        ListFormat::Domains,
        "\u{feff}one.example\r\nTWO.Example.\r\n# three.example\r\n  four.example  # why\r\n".as_bytes(),
        &[("one.example", Blocked), ("two.example", Blocked), ("three.example", Open), ("four.example", Blocked)],
    ),
    trap(
        "wildcards before a name",
        ListFormat::Domains,
        b"*.one.example\n.two.example\n",
        &[("www.one.example", Blocked), ("www.two.example", Blocked), ("phone.example", Open)],
    ),
    trap(
        "international names in either form",
        ListFormat::Domains,
        "b\u{fc}cher.example\nxn--zrich-kva.example\n".as_bytes(),
        &[("xn--bcher-kva.example", Blocked), ("www.xn--zrich-kva.example", Blocked), ("bucher.example", Open)],
    ),
    trap(
        "bytes that are no text spoil their own line only",
        ListFormat::Domains,
        b"\xc3(\0.example\nnul\0.example\nwith spaces.example\na..b\n-\ncasino.example\n",
        &[("casino.example", Blocked), ("nul.example", Open), ("with.example", Open)],
    ),
    trap(
        "public suffixes, ICANN's and private ones",
        ListFormat::Domains,
        b"com\nco.uk\nuk\ngithub.io\n*.sch.uk\nblogspot.com\n",
        &[("school.com", Open), ("shop.co.uk", Open), ("someone.github.io", Open), ("ash.bham.sch.uk", Open)],
    ),
    ListTrap {
        trap: "hosts that must never be blocked",
        format: ListFormat::Domains,
        category: "pornography",
        text: b"gov.uk\nwww.gov.uk\nnhs.uk\nwww.nhs.uk\nbbc.co.uk\nwww.bbc.co.uk\nchildline.org.uk\nsamaritans.org\naqa.org.uk\n",
        asked: &[
            ("www.gov.uk", Open),
            ("www.nhs.uk", Open),
            ("www.bbc.co.uk", Open),
            ("bbc.co.uk", Open),
            ("www.childline.org.uk", Open),
            ("www.samaritans.org", Open),
            ("www.aqa.org.uk", Open),
        ],
    },
    trap(
        "hosts files block the name alone, and redirections are no blocks",
        ListFormat::Hosts,
        b"127.0.0.1 localhost\n0.0.0.0 ads.example tracker.example # two\n::1 six.example\n10.1.1.1 intranet.example\n",
        &[
            ("ads.example", Blocked),
            ("tracker.example", Blocked),
            ("six.example", Blocked),
            ("www.ads.example", Open),
            ("intranet.example", Open),
        ],
    ),
    trap(
        "AdGuard: subtree, exact, bare",
        ListFormat::AdGuard,
        b"||tree.example^\n|exact.example^\nbare.example\n! comment.example\n[Adblock Plus]\n",
        &[
            ("www.tree.example", Blocked),
            ("exact.example", Blocked),
            ("www.exact.example", Open),
            ("bare.example", Blocked),
            ("comment.example", Open),
        ],
    ),
    trap(
        "AdGuard: important block, exception, block",
        ListFormat::AdGuard,
        b"||a.example^\n@@||good.a.example^\n||worst.good.a.example^$important\n||b.example^$important\n@@||b.example^\n\
          ||c.example^$important\n@@||c.example^$important\n||d.example^\n||d.example^$badfilter\n",
        &[
            ("a.example", Blocked),
            ("www.good.a.example", Open),
            ("worst.good.a.example", Blocked),
            ("b.example", Blocked),
            ("c.example", Open),
            ("d.example", Open),
        ],
    ),
    trap(
        "AdGuard: a modifier that nobody knows drops its rule",
        ListFormat::AdGuard,
        b"||a.example^$made-up\n||b.example^$important,made-up=1\n@@||c.example^$made-up\n||c.example^\n",
        &[("a.example", Open), ("b.example", Open), ("c.example", Blocked)],
    ),
    trap(
        "AdGuard: rules for parts of pages, paths and everything block no name",
        ListFormat::AdGuard,
        b"news.example##.advert\nshop.example/banner/*\n||*^\n*\n||^\n/./\n",
        &[("news.example", Open), ("shop.example", Open), ("anything.example", Open)],
    ),
];

#[tokio::test]
async fn lists_as_they_come_block_what_they_say_and_nothing_else() {
    for ListTrap { trap, format, category, text, asked } in LIST_TRAPS {
        let (image, _) = image(&[list("made-up", *format, category, text)]);
        let outside = asked.iter().map(|(name, _)| outside(name)).collect();
        let asked = asked.iter().map(|(name, is)| (*name, Type::A, *is));
        check(trap, Start::new(learners(|_| ()), image), outside, asked).await;
    }
}

#[tokio::test]
async fn a_trees_aliases_count_on_disk_and_in_an_archive() {
    let folder = tempfile::tempdir().unwrap();
    let tree = folder.path().join("blacklists");
    for (category, domain) in
        [("adult", "nude.example"), ("publicite", "ads.example"), ("cooking", "cakes.example")]
    {
        std::fs::create_dir_all(tree.join(category)).unwrap();
        std::fs::write(tree.join(category).join("domains"), format!("{domain}\n")).unwrap();
    }
    std::fs::write(tree.join("adult/very_restrictive_expression"), "sex|teen|gay|lust\n").unwrap();
    for (alias, category) in
        [("porn", "adult"), ("ads", "publicite"), ("out", "/etc"), ("up", "../.."), ("round", "round")]
    {
        std::os::unix::fs::symlink(category, tree.join(alias)).unwrap();
    }
    let archive = folder.path().join("blacklists.tar.gz");
    let packed =
        Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(folder.path()).arg("blacklists").status();
    assert!(packed.unwrap().success());
    for source in [tree.as_path(), &archive] {
        let asked = [
            ("www.nude.example", Type::A, Blocked),
            ("ads.example", Type::A, Blocked),
            ("cakes.example", Type::A, Open),
            ("teenage-cancer.example", Type::A, Open),
        ];
        let image = of_tree(source, folder.path()).await;
        let outside = asked.iter().map(|(name, ..)| outside(name)).collect();
        let policy = learners(|group| group.block = categories(&["pornography", "advertising-tracking"]));
        check(&format!("{source:?}"), Start::new(policy, image), outside, asked.into_iter()).await;
    }
}

/// Only the aliases are in the policy, as in those written for the old names.
async fn of_tree(source: &Path, folder: &Path) -> Image {
    let category = |slug| model::Category::parse(slug).unwrap();
    let list = ListSource {
        id: ListId::new("tree"),
        name: "A tree".into(),
        format: ListFormat::Ut1,
        source: source.display().to_string().into(),
        category: None,
        folders: vec![
            ("porn".into(), category("pornography")),
            ("ads".into(), category("advertising-tracking")),
            ("out".into(), category("games")),
            ("up".into(), category("games")),
            ("round".into(), category("games")),
        ],
        subscription: Subscription::default(),
    };
    let images = folder.join("images");
    let how = Update::default();
    let prepared = lists::prepare(&[list], &images, &how, Timestamp(0), &mut |_| ()).await.unwrap();
    let (image, report) = prepared.swap().await.unwrap();
    assert_eq!(report.troubles(), Vec::<String>::new());
    image
}

#[tokio::test]
async fn ways_round_the_filter_are_shut_and_allow_entries_do_not_open_them() {
    let (image, _) = image(&[
        list("doh", ListFormat::Domains, "encrypted-dns", "dns.google\ncloudflare-dns.com\n"),
        list("vpn", ListFormat::Domains, "vpn-proxy", "tunnel.example\n"),
        list("search", ListFormat::Domains, "unsafe-search", "anything-goes.example\n"),
    ]);
    let policy = learners(|group| {
        group.block = categories(&["encrypted-dns", "vpn-proxy", "unsafe-search"]);
        group.allow = entries(&["dns.google", "tunnel.example"]);
    });
    let asked = [
        ("use-application-dns.net", Type::A, NoSuchName),
        ("use-application-dns.net", Type::AAAA, NoSuchName),
        ("mask.icloud.com", Type::A, NoSuchName),
        ("mask-h2.icloud.com", Type::HTTPS, NoSuchName),
        ("_dns.resolver.arpa", Type::SVCB, Nothing),
        ("dns.google", Type::A, Blocked),
        ("dns.google", Type::HTTPS, Blocked),
        ("mozilla.cloudflare-dns.com", Type::A, Blocked),
        ("tunnel.example", Type::A, Blocked),
        ("anything-goes.example", Type::A, Blocked),
        ("open.example", Type::AXFR, Refused),
        ("open.example", Type::IXFR, Refused),
    ];
    let outside = asked.iter().map(|(name, ..)| outside(name)).collect();
    check("ways round", Start::new(policy, image), outside, asked.into_iter()).await;
}

#[tokio::test]
async fn search_engines_are_answered_with_their_safe_form_whatever_the_country_and_the_type() {
    let policy = learners(|group| {
        group.safe_search = true;
        group.youtube = YouTube::Strict;
    });
    let google = "forcesafesearch.google.com";
    let asked = [
        ("www.google.com", Type::A, Safe(google)),
        ("WwW.gOOgle.CoM", Type::A, Safe(google)),
        ("www.google.com", Type::AAAA, Safe(google)),
        ("www.google.com", Type::HTTPS, Nothing),
        ("www.google.com", Type::SVCB, Nothing),
        ("www.google.co.uk", Type::A, Safe(google)),
        ("www.google.co.uk", Type::HTTPS, Nothing),
        ("www.google.fr", Type::A, Safe(google)),
        ("www.google.com.au", Type::A, Safe(google)),
        ("www.google.com.mt", Type::A, Safe(google)),
        ("www.google.co.jp", Type::A, Safe(google)),
        ("mail.google.com", Type::A, Open),
        ("www.google.example", Type::A, Open),
        ("www.bing.com", Type::A, Safe("strict.bing.com")),
        ("edgeservices.bing.com", Type::A, Safe("strict.bing.com")),
        ("duckduckgo.com", Type::A, Safe("safe.duckduckgo.com")),
        ("start.duckduckgo.com", Type::A, Safe("safe.duckduckgo.com")),
        ("www.ecosia.org", Type::A, Safe("strict-safe-search.ecosia.org")),
        ("pixabay.com", Type::A, Safe("safesearch.pixabay.com")),
        ("www.youtube.com", Type::A, Safe("restrict.youtube.com")),
        ("m.youtube.com", Type::A, Safe("restrict.youtube.com")),
        ("youtubei.googleapis.com", Type::A, Safe("restrict.youtube.com")),
        ("youtube.googleapis.com", Type::A, Safe("restrict.youtube.com")),
        ("www.youtube-nocookie.com", Type::A, Safe("restrict.youtube.com")),
        ("www.youtube.com", Type::HTTPS, Nothing),
    ];
    let mut zone: Zone = asked.iter().map(|(name, ..)| outside(&name.to_lowercase())).collect();
    for (_, _, is) in asked {
        let Safe(target) = is else { continue };
        zone.extend([outside(target)]);
        let record = aaaa(&format!("{target}."), 60, "2001:db8::7");
        zone.insert((format!("{target}."), Type::AAAA), Says::Records(vec![record]));
    }
    check("search", Start::new(policy, Image::empty()), zone, asked.into_iter()).await;
}

#[tokio::test]
async fn what_comes_from_outside_is_looked_through() {
    let (image, _) = image(&[list("made-up", ListFormat::Domains, "gambling", "casino.example\n")]);
    let says = |name: &str, kind, records| ((format!("{name}."), kind), Says::Records(records));
    let zone: Zone = [
        outside("casino.example"),
        says(
            "alias.example",
            Type::A,
            vec![cname("alias.example.", 60, "casino.example."), a("casino.example.", 60, OUTSIDE)],
        ),
        says(
            "chain.example",
            Type::A,
            vec![
                cname("chain.example.", 60, "middle.example."),
                cname("middle.example.", 60, "www.casino.example."),
                a("www.casino.example.", 60, OUTSIDE),
            ],
        ),
        says("service.example", Type::HTTPS, vec![https("service.example.", "www.casino.example.")]),
        says("inward.example", Type::A, vec![a("inward.example.", 60, [10, 0, 0, 1])]),
        says("inward.example", Type::AAAA, vec![aaaa("inward.example.", 60, "::ffff:10.0.0.1")]),
        says("mis.ash.internal", Type::A, vec![a("mis.ash.internal.", 60, [10, 0, 0, 1])]),
        says("shop.example", Type::HTTPS, vec![https("shop.example.", ".")]),
    ]
    .into();
    let start = Start::new(learners(|_| ()), image);
    let (resolver, _upstream, _events) = run(start, zone).await;
    for (name, kind, is) in [
        ("alias.example.", Type::A, Blocked),
        ("chain.example.", Type::A, Blocked),
        ("service.example.", Type::HTTPS, Blocked),
    ] {
        let answer = resolver.ask(LEARNER, name, kind).await;
        assert!(fits(&answer, is), "{name} {kind}: {answer}");
    }
    for kind in [Type::A, Type::AAAA] {
        let answer = resolver.ask(LEARNER, "inward.example.", kind).await;
        assert!(addresses(&answer).is_empty(), "a private address of an outside name: {answer}");
    }
    let answer = resolver.ask(LEARNER, "mis.ash.internal.", Type::A).await;
    assert_eq!(addresses(&answer), [IpAddr::from([10, 0, 0, 1])]);
    let answer = resolver.ask(LEARNER, "shop.example.", Type::HTTPS).await;
    let RData::HTTPS(service) = &answer.answers[0].data else { panic!("expected HTTPS, found {answer}") };
    let keys: Vec<SvcParamKey> = service.0.svc_params.iter().map(|(key, _)| *key).collect();
    assert_eq!(keys, [SvcParamKey::Alpn, SvcParamKey::Ipv4Hint], "the ECH keys alone are taken out");
    let answer = resolver.ask(LEARNER, "shop.example.", Type::ANY).await;
    assert!(answer.answers.len() <= 1 && addresses(&answer).is_empty(), "{answer}");
}

/// Learners on loopback may not gamble nor see what is for adults.
pub fn learners(change: impl FnOnce(&mut GroupRules)) -> Policy {
    let mut learners = group("learners", Members::default());
    learners.block = categories(&["gambling", "pornography"]);
    change(&mut learners);
    policy(&[("127.0.0.0/8", Some("learners"))], vec![learners])
}

pub fn outside(name: &str) -> ((String, Type), Says) {
    ((format!("{name}."), Type::A), Says::Records(vec![a(&format!("{name}."), 60, OUTSIDE)]))
}

fn https(name: &str, target: &str) -> Record {
    let parameters = vec![
        (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".into()]))),
        (SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(IpHint(vec![A(OUTSIDE.into())]))),
        (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![0, 4, 1, 2, 3, 4]))),
    ];
    Record::from_rdata(name_of(name), 60, RData::HTTPS(HTTPS(SVCB::new(1, name_of(target), parameters))))
}

pub async fn run(
    mut start: Start,
    zone: Zone,
) -> (crate::resolver::Resolver, Upstream, model::EventReceiver) {
    let upstream = Upstream::start(zone).await;
    start.config.upstreams = vec![upstream.address.into()];
    let (resolver, events) = start.run().await;
    (resolver, upstream, events)
}

async fn check(trap: &str, start: Start, zone: Zone, asked: impl Iterator<Item = (&str, Type, Is)>) {
    let (resolver, _upstream, _events) = run(start, zone).await;
    for (name, kind, is) in asked {
        let answer = resolver.ask(LEARNER, &format!("{name}."), kind).await;
        assert!(fits(&answer, is), "{trap}: {name} {kind} should be {is:?}, found {answer}");
    }
}

pub fn fits(answer: &Message, is: Is) -> bool {
    let code = answer.metadata.response_code;
    let is_block = explanation_codes(answer).iter().any(|code| (15..=17).contains(code));
    match is {
        Open => code == ResponseCode::NoError && addresses(answer) == [IpAddr::from(OUTSIDE)] && !is_block,
        Blocked => code == ResponseCode::NXDomain && answer.answers.is_empty() && is_block,
        Sent(address) => {
            code == ResponseCode::NoError && addresses(answer) == [IpAddr::from(address)] && is_block
        }
        Leads(target) => is_block && fits(answer, Safe(target)),
        Safe(target) => {
            code == ResponseCode::NoError
                && first_alias(answer).is_some_and(|alias| alias == format!("{target}."))
                && addresses(answer).len() == 1
        }
        Nothing => code == ResponseCode::NoError && answer.answers.is_empty(),
        NoSuchName => code == ResponseCode::NXDomain && answer.answers.is_empty() && !is_block,
        Refused => code == ResponseCode::Refused && answer.answers.is_empty(),
    }
}
