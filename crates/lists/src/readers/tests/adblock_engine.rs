//! Our reading against a browser's engine (the crate `adblock`), for the rules that both understand.

use super::*;
use adblock::Engine;
use adblock::lists::{FilterSet, ParseOptions};
use adblock::request::Request;

/// Whether the engine blocks a request for the host from a page elsewhere.
fn engine_blocks(lines: &[String], host: &str) -> bool {
    let mut set = FilterSet::new(true);
    set.add_filter_list(lines.join("\n"), ParseOptions::default());
    let engine = Engine::new_with_filter_set(set);
    let request =
        Request::new(&format!("https://{host}/"), "https://elsewhere.test/", "script", "GET").unwrap();
    engine.check_network_request(&request).should_block()
}

fn we_block(lines: &[String], host: &str) -> bool {
    let (image, rules) = image(read(ListFormat::AdGuard, lines.join("\n").as_bytes()));
    let host = Host::parse(host).unwrap();
    let mut is_blocked = !image.lookup(&host).is_empty();
    rules.look(&RuleAsk::of(&host), &mut |hit| is_blocked |= hit.effect == Effect::Block);
    is_blocked
}

fn lines(text: &str) -> Vec<String> {
    text.split(' ').map(str::to_owned).collect()
}

#[test]
fn where_we_differ_from_a_browser_we_mean_to() {
    for (rules, host, ours, theirs) in [
        // A bare name is a name in DNS lists, and a part of any address in a browser's.
        ("a.example", "a.example", true, true),
        ("a.example", "x.a.example", false, true),
        ("a.example", "a.example.test", false, true),
        // A name that nothing ends: the author meant the name.
        ("||a.example", "x.a.example", true, true),
        ("||a.example", "a.example.test", false, true),
        // AdGuard lets an important exception win; the engine knows no such thing.
        ("||a.example^$important @@||a.example^$important", "a.example", false, true),
        // The engine gives up where the beginning of a wildcard stands inside an earlier label.
        ("||aaa*.a.example^", "baaa.aaa.a.example", true, false),
        // What only a browser can tell is left out.
        ("||a.example^$third-party", "a.example", false, true),
        ("||a.example^$script", "a.example", false, true),
        // A rule for a whole last label would close too much.
        ("||com^", "a.com", false, true),
        // The engine reads lines of hosts files in another mode only.
        ("0.0.0.0,a.example", "a.example", true, false),
    ] {
        let rules: Vec<String> = lines(rules).iter().map(|rule| rule.replace(',', " ")).collect();
        let found = (we_block(&rules, host), engine_blocks(&rules, host));
        assert_eq!(found, (ours, theirs), "{rules:?} {host}");
    }
}

fn names() -> impl Strategy<Value = String> {
    "(([ab]|www|cdn-1)[.]){0,2}[abc][.](example|test|co[.]uk)"
}

fn rules() -> impl Strategy<Value = String> {
    let before = prop_oneof![4 => Just("||"), 2 => Just("@@||")];
    let after = prop_oneof![5 => Just(""), 2 => Just("$important"), 2 => Just("$badfilter"), 1 => Just("$important,badfilter")];
    (before, names(), after).prop_map(|(before, name, after)| format!("{before}{name}^{after}"))
}

proptest! {
    #[test]
    fn we_block_what_a_browsers_engine_blocks(rules in prop::collection::vec(rules(), 1..12), host in names()) {
        // The one difference between rules of this shape; see above.
        let rules: Vec<String> =
            rules.into_iter().filter(|rule| !(rule.starts_with("@@") && rule.contains("important"))).collect();
        prop_assert_eq!(we_block(&rules, &host), engine_blocks(&rules, &host), "{:?} {}", rules, host);
    }

    #[test]
    fn a_wildcard_covers_what_it_covers_in_a_browser(
        head in "[ab]{3,4}", tail in "[ab]?", name in "[ab][.]example", host in "([ab]{1,5}[.]){1,3}[ab][.]example",
    ) {
        let rules = vec![format!("||{head}*{tail}.{name}^")];
        let (ours, theirs) = (we_block(&rules, &host), engine_blocks(&rules, &host));
        // The engine looks at the first place alone where the beginning stands, also inside a label; see above.
        let is_inside_first = host.find(&head).is_some_and(|at| at > 0 && !host[..at].ends_with('.'));
        prop_assert!(ours == theirs || (ours && is_inside_first), "{:?} {} {} {}", rules, host, ours, theirs);
    }
}
