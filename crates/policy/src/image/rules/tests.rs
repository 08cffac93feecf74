use super::super::rule::Client;
use super::super::write::Reach;
use super::*;
use proptest::prelude::*;
use std::net::IpAddr;

fn host(text: &str) -> Host {
    Host::parse(text).unwrap()
}

fn category(slug: &str) -> Category {
    Category::parse(slug).unwrap()
}

fn rule(line: u32, pattern: Pattern) -> NewRule {
    NewRule {
        pattern,
        conditions: Conditions::default(),
        answer: DnsAnswer::AsUsual,
        effect: Effect::Block,
        weight: Weight::Usual,
        category: category("games"),
        line,
    }
}

fn page(text: &str) -> Pattern {
    let (name, path) = text.split_at(text.find('/').unwrap());
    Pattern::Page { host: host(name), path: path.into() }
}

fn below(name: &str) -> Pattern {
    Pattern::Name { host: host(name), reach: Reach::Subtree }
}

fn opened(rules: impl IntoIterator<Item = NewRule>) -> Rules {
    let rules: Vec<_> = rules.into_iter().map(|rule| (0, rule)).collect();
    Rules::open(&encode(&rules)).unwrap()
}

/// The lines that speak of an ask, in the order they are told.
fn lines(rules: &Rules, ask: &RuleAsk<'_>) -> Vec<u32> {
    let mut lines = Vec::new();
    rules.look(ask, &mut |hit| lines.push(hit.line));
    lines
}

fn speaks(pattern: Pattern, target: &str) -> bool {
    let (name, path) = target.split_at(target.find(['/', '\\']).unwrap_or(target.len()));
    let host = host(name);
    let ask = RuleAsk { path: Some(path).filter(|path| !path.is_empty()), ..RuleAsk::of(&host) };
    !lines(&opened([rule(1, pattern)]), &ask).is_empty()
}

#[test]
fn each_pattern_speaks_of_its_own_hosts() {
    let exact = |name| Pattern::Name { host: host(name), reach: Reach::Exact };
    let range = |text: &str| Pattern::Range(text.parse().unwrap());
    let wildcard = |text: &str| Pattern::Wildcard(text.into());
    let regex = |text: &str| Pattern::Regex(text.into());
    for (pattern, target, expected) in [
        (exact("a.example"), "a.example", true),
        (exact("a.example"), "b.a.example", false),
        (below("a.example"), "b.a.example", true),
        (below("a.example"), "ba.example", false),
        (exact("198.51.100.7"), "198.51.100.7", true),
        (range("198.51.100.0/24"), "198.51.100.7", true),
        (range("198.51.100.0/24"), "198.51.101.7", false),
        (range("2001:db8::/32"), "2001:db8:1::1", true),
        (range("::/0"), "198.51.100.7", false),
        (range("198.51.100.0/24"), "a.example", false),
        (wildcard("ads*.example"), "ads1.x.example", true),
        (wildcard("ads*.example"), "xads1.example", false),
        (wildcard("*.a*"), "x.ab", true),
        (wildcard("a*a"), "a", false),
        (wildcard("a.example"), "a.example", true),
        (wildcard("*.a.example"), "x.a.example", true),
        (wildcard("*.a.example"), "a.example", false),
        (regex("^ad[sx]?[0-9]*[.]"), "ad12.example", true),
        (regex("^ad[sx]?[0-9]*[.]"), "bad.example", false),
        (regex("TRACKER"), "my-tracker.example", true),
        (regex("(^|[.])(one|two)[.]example$"), "x.two.example", true),
        (Pattern::PageRegex("[?&]play=1".into()), "a.example/x?play=1", true),
        (Pattern::PageRegex("a[.]example/games".into()), "a.example//%67ames", true),
        (Pattern::PageRegex("games".into()), "games.example", false),
    ] {
        assert_eq!(speaks(pattern.clone(), target), expected, "{pattern:?} {target}");
    }
}

#[test]
fn no_other_writing_of_a_page_slips_past_and_none_slips_in() {
    for (listed, asked, expected) in [
        ("a.example/games", "a.example/games", true),
        ("a.example/games", "www.a.example/games/chess", true),
        ("www.a.example/games", "a.example/games?x", true),
        ("a.example/games", "x.a.example/games", false),
        ("a.example/games", "a.example/gamester", false),
        ("a.example/games", "a.example/%67ames", true),
        ("a.example/games", "a.example//games", true),
        ("a.example/games", "a.example/x/%2e%2e/games", true),
        ("a.example/games", "a.example/GAMES/x", true),
        ("a.example/games", "a.example\\games", true),
        ("a.example/games", "a.example/games;x=1", true),
        ("a.example/%67ames", "a.example/games", true),
        ("a.example/games/", "a.example/games/x", true),
        ("a.example/games/", "a.example/games", false),
        ("a.example/", "a.example/anything", true),
        ("a.example/watch?v=1", "a.example/watch?v=1&t=2", true),
        ("a.example/watch?v=1", "a.example/watch?v=%31", true),
        ("a.example/watch?v=1", "a.example/watch?v=12", false),
        ("198.51.100.7/x", "198.51.100.7/x/y", true),
    ] {
        assert_eq!(speaks(page(listed), asked), expected, "{listed} {asked}");
        let exception = NewRule { effect: Effect::Exception, ..rule(1, page(listed)) };
        let (name, path) = asked.split_at(asked.find(['/', '\\']).unwrap());
        let host = host(name);
        let ask = RuleAsk { path: Some(path), ..RuleAsk::of(&host) };
        let lifted = !lines(&opened([exception]), &ask).is_empty();
        let exact = !asked.contains("GAMES") && !asked.contains("%2e");
        assert_eq!(lifted, expected && exact, "exception {listed} {asked}");
    }
}

#[test]
fn a_host_with_listed_pages_is_told_once_while_the_path_is_unknown() {
    let exception = NewRule { effect: Effect::Exception, ..rule(4, page("b.example/ok")) };
    let rules = opened([rule(1, page("a.example/x")), rule(2, page("a.example/y")), exception]);
    let mut hits = Vec::new();
    rules.look(&RuleAsk::of(&host("www.a.example")), &mut |hit| hits.push((hit.line, hit.extent)));
    assert_eq!(hits, [(1, Extent::SomePages)]);
    assert!(lines(&rules, &RuleAsk::of(&host("b.example"))).is_empty());
}

#[test]
fn a_hash_is_found_in_each_form_of_what_was_asked() {
    let md5 = |text: &str| {
        use md5::Digest as _;
        Pattern::Digest(Digest::Md5(md5::Md5::digest(text).into()))
    };
    let sha1 = |text: &str| {
        use sha1::Digest as _;
        Pattern::Digest(Digest::Sha1(sha1::Sha1::digest(text).into()))
    };
    let sha256 = |text: &str| {
        use sha2::Digest as _;
        Pattern::Digest(Digest::Sha256(sha2::Sha256::digest(text).into()))
    };
    for (pattern, target, expected) in [
        (md5("bad.example"), "bad.example", true),
        (sha1("bad.example/"), "www.bad.example", true),
        (sha256("https://www.bad.example/"), "bad.example", true),
        (sha256("bad.example/a/b"), "bad.example/a/b/?q", true),
        (sha256("http://bad.example/a?q=1"), "bad.example/a?q=1", true),
        (sha1("bad.example/Page"), "bad.example/Page", true),
        (sha1("bad.example/page"), "bad.example/Page", true),
        (sha256("bad.example/a"), "bad.example//%61", true),
        (sha256("bad.example"), "bad.example/any", true),
        (sha256("bad.example/a"), "bad.example/b", false),
        (md5("bad.example/a"), "bad.example", false),
    ] {
        assert_eq!(speaks(pattern.clone(), target), expected, "{pattern:?} {target}");
    }
}

#[test]
fn a_rule_holds_only_under_its_conditions() {
    let client = |text: &str| match text.parse() {
        Ok(range) => Client::Range(range),
        Err(_) => Client::Name(text.into()),
    };
    let none = Conditions::default;
    let name = host("x.a.example");
    let ask = RuleAsk {
        record_type: Some(28),
        client: Some(IpAddr::from([10, 0, 0, 5])),
        device: Some("trolley-3"),
        tags: &["device_phone"],
        ..RuleAsk::of(&name)
    };
    for (conditions, expected) in [
        (none(), true),
        (Conditions { clients: vec![client("10.0.0.0/24")], ..none() }, true),
        (Conditions { clients: vec![client("10.0.1.0/24"), client("trolley-3")], ..none() }, true),
        (Conditions { clients: vec![client("10.0.1.0/24")], ..none() }, false),
        (Conditions { not_clients: vec![client("trolley-3")], ..none() }, false),
        (Conditions { tags: vec!["device_phone".into(), "user_child".into()], ..none() }, true),
        (Conditions { tags: vec!["user_child".into()], ..none() }, false),
        (Conditions { not_tags: vec!["device_phone".into()], ..none() }, false),
        (Conditions { types: vec![28], ..none() }, true),
        (Conditions { types: vec![1], ..none() }, false),
        (Conditions { not_types: vec![1], ..none() }, true),
        (Conditions { not_types: vec![28], ..none() }, false),
        (Conditions { except: vec![host("x.a.example")], ..none() }, false),
        (Conditions { except: vec![host("y.a.example")], ..none() }, true),
    ] {
        let rules = opened([NewRule { conditions: conditions.clone(), ..rule(1, below("a.example")) }]);
        assert_eq!(!lines(&rules, &ask).is_empty(), expected, "{conditions:?}");
    }
    let only_a = Conditions { types: vec![1], ..none() };
    let rules = opened([NewRule { conditions: only_a, ..rule(1, below("a.example")) }]);
    assert_eq!(lines(&rules, &RuleAsk { record_type: None, ..ask }), [1]);
}

#[test]
fn a_hit_says_where_the_name_begins_and_how_dns_answers() {
    let answer = DnsAnswer::Alias(host("safe.example"));
    let rules = opened([NewRule { answer: answer.clone(), ..rule(7, below("a.example")) }]);
    let mut hits = Vec::new();
    rules.look(&RuleAsk::of(&host("www.a.example")), &mut |hit| hits.push(hit));
    assert_eq!(
        hits.iter().map(|hit| (hit.line, hit.start, &hit.answer)).collect::<Vec<_>>(),
        [(7, 4, &answer)]
    );
}

#[test]
fn an_exception_with_an_answer_lifts_that_answer_and_nothing_else() {
    let to = |address: [u8; 4]| DnsAnswer::Addresses(vec![address.into()]);
    let one = NewRule { answer: to([192, 0, 2, 1]), ..rule(1, below("a.example")) };
    let two = NewRule { answer: DnsAnswer::Refused, ..rule(2, below("a.example")) };
    let plain = rule(3, below("a.example"));
    let lift = |answer| NewRule { answer, effect: Effect::Exception, ..rule(4, below("x.a.example")) };
    for (answer, expected) in [
        (to([192, 0, 2, 1]), vec![2, 3]),
        (DnsAnswer::Addresses(vec![]), vec![3]),
        (DnsAnswer::Nothing, vec![1, 2, 3]),
    ] {
        let rules = opened([one.clone(), two.clone(), plain.clone(), lift(answer.clone())]);
        assert_eq!(lines(&rules, &RuleAsk::of(&host("x.a.example"))), expected, "{answer:?}");
        assert_eq!(lines(&rules, &RuleAsk::of(&host("y.a.example"))), [1, 2, 3]);
    }
}

#[test]
fn an_expression_that_cannot_be_kept_is_left_out_and_the_others_hold() {
    let huge = "(a{1,500}){1,500}(b{1,500}){1,500}";
    assert_eq!(regex_problem(huge), Some(RegexProblem::TooLarge));
    assert_eq!(regex_problem("(?=x)"), Some(RegexProblem::Syntax));
    for everything in ["", ".*", "x?", "^", "[a-z]"] {
        assert_eq!(regex_problem(everything), Some(RegexProblem::MatchesEverything), "{everything}");
    }
    assert_eq!(regex_problem("^ads?[0-9]"), None);
    let rules = opened([rule(1, Pattern::Regex(huge.into())), rule(2, Pattern::Regex("ads".into()))]);
    assert_eq!((rules.left_out(0).rules, lines(&rules, &RuleAsk::of(&host("ads.example")))), (1, vec![2]));
}

#[test]
fn what_comes_after_the_most_is_counted_for_its_list_and_illegal_content_comes_first() {
    let hash = |number: u32| {
        let mut bytes = [0; 16];
        // Spread as hashes are.
        bytes[..8].copy_from_slice(&u64::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
        Pattern::Digest(Digest::Md5(bytes))
    };
    let half = u32::try_from(MOST_RULES / 2).unwrap();
    let list = |list: u16| (1..=half).map(move |line| (list, rule(line, hash(line))));
    let mut rules: Vec<_> = list(0).chain(list(1)).collect();
    let illegal = NewRule { category: Category::ILLEGAL, ..rule(1, below("bad.example")) };
    rules.push((2, illegal));
    rules.push((2, rule(2, below("bad.example"))));
    rules.push((2, rule(3, below("bad.example"))));
    let opened = Rules::open(&encode(&rules)).unwrap();
    let left_out = [0, 1, 2].map(|list| opened.left_out(list));
    let of = |rules| LeftOut { rules, illegal: 0 };
    assert_eq!((opened.len(), left_out), (MOST_RULES, [of(0), of(1), of(2)]));
    assert_eq!(lines(&opened, &RuleAsk::of(&host("bad.example"))), [1]);
}

#[test]
fn rules_are_told_of_in_the_order_of_lists_and_lines_whatever_comes_first() {
    let illegal = NewRule { category: Category::ILLEGAL, ..rule(2, below("a.example")) };
    let rules = opened([rule(1, below("a.example")), illegal, rule(3, below("a.example"))]);
    assert_eq!(lines(&rules, &RuleAsk::of(&host("a.example"))), [1, 2, 3]);
}

#[test]
fn patterns_beyond_the_most_are_counted_for_their_list_and_illegal_content_comes_first() {
    let wildcard = |number: u32| Pattern::Wildcard(format!("ads*-{number}.example").into());
    let mut rules: Vec<_> = (1..=50_000).map(|line| (0, rule(line, wildcard(line)))).collect();
    rules.push((1, NewRule { category: Category::ILLEGAL, ..rule(1, wildcard(77_777)) }));
    let opened = Rules::open(&encode(&rules)).unwrap();
    assert_eq!([0, 1].map(|list| opened.left_out(list).rules), [1, 0]);
    assert_eq!(lines(&opened, &RuleAsk::of(&host("ads-77777.example"))), [1]);
    let illegal =
        rules.iter().map(|(list, rule)| (*list, NewRule { category: Category::ILLEGAL, ..rule.clone() }));
    let opened = Rules::open(&encode(&illegal.collect::<Vec<_>>())).unwrap();
    assert_eq!(opened.left_out(1), LeftOut { rules: 1, illegal: 1 });
}

#[test]
fn many_expressions_without_a_literal_are_all_found() {
    let rules = opened((1..=100).map(|line| rule(line, Pattern::Regex(format!("^(a|b){line}[.]").into()))));
    for line in 1..=100 {
        assert_eq!(lines(&rules, &RuleAsk::of(&host(&format!("b{line}.example")))), [line]);
    }
}

fn name() -> impl Strategy<Value = String> {
    "(www[.])?([ab][.]){0,2}[ab]{1,3}[.](example|test)"
}

fn address() -> impl Strategy<Value = IpAddr> {
    prop_oneof![
        any::<[u8; 2]>().prop_map(|[c, d]| IpAddr::from([198, 51, c & 3, d & 3])),
        any::<[u8; 2]>().prop_map(|[c, d]| IpAddr::from([
            0x2001,
            0xdb8,
            0,
            0,
            0,
            0,
            (c & 3).into(),
            (d & 3).into()
        ])),
    ]
}

fn path() -> impl Strategy<Value = String> {
    "(/[ab]{0,2}){1,3}/?([?][ab]=[12](&[ab]=[12])?)?"
}

fn pattern() -> impl Strategy<Value = Pattern> {
    prop_oneof![
        (name(), any::<bool>()).prop_map(|(name, exact)| Pattern::Name {
            host: host(&name),
            reach: if exact { Reach::Exact } else { Reach::Subtree }
        }),
        (name(), path()).prop_map(|(name, path)| page(&format!("{name}{path}"))),
        (address(), 100u8..128).prop_map(|(address, length)| {
            let length = if address.is_ipv4() { length - 96 } else { length };
            Pattern::Range(ipnet::IpNet::new(address, length).unwrap().trunc())
        }),
        "[ab]?[*][.]?[ab][.]([*]|example)".prop_map(|text| Pattern::Wildcard(text.into())),
        "(\\^|[.])?[ab]{1,2}[?+]?[.](exam|t)".prop_map(|text| Pattern::Regex(text.into())),
        "/[ab]{1,3}[?=]?".prop_map(|text| Pattern::PageRegex(text.into())),
    ]
}

/// The same without any index.
fn speaks_plainly(pattern: &Pattern, asked: &Asked<'_>) -> bool {
    let regex = |text: &str| regex_automata::meta::Regex::new(text).unwrap();
    match pattern {
        Pattern::Name { .. } | Pattern::Page { .. } => {
            Rule::new(0, rule(1, pattern.clone())).speaks_of(asked)
        }
        Pattern::Range(range) => match asked.host() {
            Host::Address(address) => range.contains(address),
            Host::Name(_) => false,
        },
        Pattern::Wildcard(text) => {
            let text = text.replace('.', "[.]").replace('*', ".*");
            regex(&format!("^{text}$")).is_match(asked.host_text())
        }
        Pattern::Regex(text) => regex(text).is_match(asked.host_text()),
        Pattern::PageRegex(text) => {
            asked.path().is_some_and(|path| path.addresses().any(|address| regex(text).is_match(&address)))
        }
        Pattern::Digest(_) => false,
    }
}

proptest! {
    #[test]
    fn a_look_finds_what_asking_each_rule_finds(
        patterns in prop::collection::vec(pattern(), 1..30),
        target in prop_oneof![name().prop_map(|name| host(&name)), address().prop_map(Host::Address)],
        path in path(),
    ) {
        let rules = opened((1..).zip(&patterns).map(|(line, pattern)| rule(line, pattern.clone())));
        let ask = RuleAsk { path: Some(&path), ..RuleAsk::of(&target) };
        let asked = Asked::new(&ask);
        let expected: Vec<u32> =
            (1..).zip(&patterns).filter(|(_, pattern)| speaks_plainly(pattern, &asked)).map(|(line, _)| line).collect();
        prop_assert_eq!(lines(&rules, &ask), expected);
    }

    #[test]
    fn the_order_of_rules_makes_no_difference_to_the_bytes(
        mut rules in prop::collection::vec((0u16..3, pattern(), 1u32..9), 0..12),
    ) {
        let encoded = |rules: &[(u16, Pattern, u32)]| {
            let each = rules.iter().map(|(list, pattern, line)| (*list, rule(*line, pattern.clone())));
            encode(&each.collect::<Vec<_>>())
        };
        let forward = encoded(&rules);
        rules.reverse();
        prop_assert_eq!(&encoded(&rules), &forward);
        let (stored, beyond) = codec::decode(&forward).unwrap();
        prop_assert_eq!((encode(&stored), beyond.0.len()), (forward, 0));
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>()) {
        let _ = Rules::open(&bytes);
        let mut good = encode(&[(1, rule(3, page("a.example/x"))), (2, rule(4, Pattern::Regex("a+b".into())))]);
        let at = at.index(good.len());
        good[at] ^= bytes.first().copied().unwrap_or(1);
        if let Ok(rules) = Rules::open(&good) {
            lines(&rules, &RuleAsk { path: Some("/x"), ..RuleAsk::of(&host("a.example")) });
        }
    }
}
