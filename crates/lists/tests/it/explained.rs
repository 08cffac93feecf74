//! Every kind of entry is named when somebody asks what the lists say of a host or page.

use lists::{ReadList, build, read_bytes};
use model::{Category, Host, ListId, Timestamp};
use policy::Image;
use policy::image::Effect;
use policy::image::rules::{RuleAsk, SpokenBy};
use policy::rules::ListFormat;
use sha2::{Digest as _, Sha256};

/// An image of one list of each of these formats.
fn image(lists: &[(&str, ListFormat, String)]) -> Image {
    let read = lists.iter().map(|(id, format, text)| {
        let mut list = ReadList::new(ListId::new(*id), (*id).into(), Timestamp(0));
        read_bytes(*format, text.as_bytes(), Category::parse("games").unwrap(), &mut list);
        assert!(!list.is_empty(), "{id}");
        list
    });
    let read: Vec<ReadList> = read.collect();
    Image::from_bytes(build(&read).unwrap().bytes).unwrap()
}

/// List, line, kind, and what becomes of it.
fn told(image: &Image, host: &str, path: Option<&str>) -> Vec<String> {
    let host = Host::parse(host).unwrap();
    let ask = RuleAsk { path, ..RuleAsk::of(&host) };
    let entries = image.spoken(&ask).into_iter().map(|entry| {
        let by = match entry.by {
            SpokenBy::Name(name) => name,
            SpokenBy::SomePages => "some pages".to_owned(),
            SpokenBy::Rule(kind) => format!("{kind:?}"),
        };
        let end = match (entry.effect, entry.is_lifted) {
            (Effect::Exception, _) => ", exception",
            (Effect::Block, true) => ", lifted",
            (Effect::Block, false) => "",
        };
        format!("{}:{} {by}{end}", entry.line.list, entry.line.line)
    });
    entries.collect()
}

#[test]
fn names_pages_patterns_addresses_hashes_and_exceptions_are_each_named() {
    let hash = Sha256::digest(b"hashed.example");
    let hash: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let rules = "||play.example^\n@@||good.play.example^\n/^track[0-9]+\\./\n||ads*.example.net^\n";
    let image = image(&[
        ("adguard", ListFormat::AdGuard, rules.to_owned()),
        ("ranges", ListFormat::Addresses, "198.51.100.0/24\n".to_owned()),
        ("hashes", ListFormat::Hashes, format!("{hash}\n")),
        ("names", ListFormat::Domains, "example\nplay.example\n".to_owned()),
        ("pages", ListFormat::Urls, "play.example/arcade\n".to_owned()),
    ]);
    for (host, path, expected) in [
        ("sub.play.example", None, &["adguard:1 play.example", "names:2 play.example"][..]),
        ("play.example", None, &["adguard:1 play.example", "names:2 play.example", "pages:1 some pages"][..]),
        (
            "play.example",
            Some("/arcade/1"),
            &["adguard:1 play.example", "names:2 play.example", "pages:1 Page"][..],
        ),
        (
            "good.play.example",
            None,
            &[
                "adguard:1 play.example, lifted",
                "adguard:2 good.play.example, exception",
                "names:2 play.example",
            ][..],
        ),
        ("track7.test", None, &["adguard:3 Expression"][..]),
        ("ads9.example.net", None, &["adguard:4 Wildcard"][..]),
        ("198.51.100.9", None, &["ranges:1 Range"][..]),
        ("hashed.example", None, &["hashes:1 Hash"][..]),
        ("nothing.test", Some("/"), &[][..]),
    ] {
        assert_eq!(told(&image, host, path), expected, "{host} {path:?}");
    }
}
