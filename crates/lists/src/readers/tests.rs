use super::*;
use crate::archive::open;
use crate::build::build;
use model::{ListId, Timestamp};
use policy::image::Image;
use proptest::prelude::*;
use std::sync::Arc;
use tar::{Builder, Header};

fn category(slug: &str) -> Category {
    Category::parse(slug).unwrap()
}

fn new_list() -> ReadList {
    ReadList::new(ListId::new("one"), "One".into(), Timestamp(0))
}

/// Reads a text and writes down what was found: `name`, `*.name` for a subtree, `@@` before an exception, `!` after
/// an important one, and at the end what was left out.
fn found(format: ListFormat, text: &[u8]) -> String {
    let mut list = new_list();
    read_bytes(format, text, category("games"), &mut list);
    written(&list)
}

fn written(list: &ReadList) -> String {
    let mut words: Vec<String> = list.entries().map(|entry| word(&entry)).collect();
    words.extend(list.dropped.iter().map(|(reason, count)| format!("{reason:?}={count}")));
    words.join(" ")
}

fn word(entry: &Entry) -> String {
    let exception = if entry.effect == Effect::Exception { "@@" } else { "" };
    let below = if entry.reach == Reach::Subtree { "*." } else { "" };
    let important = if entry.weight == Weight::Important { "!" } else { "" };
    format!("{exception}{below}{}{important}", entry.host)
}

#[test]
fn each_format_reads_its_own_meaning_of_a_name() {
    use ListFormat::{AdGuard, Domains, DomainsExact, Hosts};
    for (format, text, expected) in [
        (Domains, "example.com\nOTHER.example.\n", "*.example.com *.other.example"),
        (
            Domains,
            "\u{feff}example.com\r\n\r\n# no\n! no\n; no\n// no\na.example # why",
            "*.example.com *.a.example",
        ),
        (Domains, "*.a.example\n.b.example\nc*.example", "*.a.example *.b.example Pattern=1"),
        (
            Domains,
            "bücher.example\nhttp://a.example/\na.example b.example",
            "*.xn--bcher-kva.example NotAName=2",
        ),
        (Domains, "198.51.100.7", "*.198.51.100.7"),
        (DomainsExact, "example.com\n*.a.example", "example.com *.a.example"),
        (
            Hosts,
            "0.0.0.0 a.example b.example # c.example\n127.0.0.1 localhost d.example",
            "a.example b.example d.example",
        ),
        (
            Hosts,
            "::1 ip6-localhost\nfe80::1%lo0 localhost\n255.255.255.255 broadcasthost\n0.0.0.0 0.0.0.0",
            "",
        ),
        (
            Hosts,
            ":: a.example\n203.0.113.9 b.example\nexample.com\nx y.example",
            "a.example NotAName=2 Redirection=1",
        ),
        (Hosts, "0.0.0.0 münchen.example\r\n0.0.0.0 a_b.example.", "xn--mnchen-3ya.example a_b.example"),
        (
            AdGuard,
            "||a.example^\n|b.example^\nc.example\n||d.example^|",
            "*.a.example b.example c.example *.d.example",
        ),
        (
            AdGuard,
            "@@||a.example^\n||b.example^$important\n@@||c.example^$important",
            "@@*.a.example *.b.example! @@*.c.example!",
        ),
        (AdGuard, "! no\n# no\n[Adblock Plus 2.0]\n0.0.0.0 a.example b.example", "a.example b.example"),
        (AdGuard, "||a.example^\n||a.example^$badfilter\n||b.example^", "*.b.example Cancelled=1"),
        (AdGuard, "||a.example^$important\n||a.example^$badfilter", "*.a.example!"),
        (AdGuard, "||a.example^$important,badfilter\n||a.example^$important", "Cancelled=1"),
        (
            AdGuard,
            "||a.example^$client=x\n||b.example^$dnsrewrite=1.2.3.4\n||c.example^$third-party",
            "UnknownModifier=3",
        ),
        (AdGuard, "/ads[0-9]+/\n||*.a.example^\nb.example^\n||c.*^\n.d.example", "Pattern=5"),
        (AdGuard, "a.example##.banner\n||b.example/ads\na.example#@#.x", "PageRule=3"),
        (AdGuard, "||198.51.100.7^\n||exa mple^", "*.198.51.100.7 NotAName=1"),
    ] {
        assert_eq!(found(format, text.as_bytes()), expected, "{format:?}\n{text}");
    }
}

#[test]
fn a_line_that_is_too_long_or_no_text_is_counted_and_the_next_is_read() {
    let mut text = vec![b'a'; 5000];
    text.extend(b"\n\xff\xfe.example\nb.example\n");
    for format in [ListFormat::Domains, ListFormat::AdGuard] {
        assert!(found(format, &text).ends_with("b.example LongLine=1 NotText=1"), "{format:?}");
    }
}

#[test]
fn entries_keep_the_line_they_stand_on() {
    let mut list = new_list();
    read_bytes(ListFormat::Hosts, b"# one\n0.0.0.0 a.example b.example\n", category("games"), &mut list);
    assert_eq!(list.entries().map(|entry| entry.line).collect::<Vec<_>>(), [2, 2]);
}

fn tree_archive(links: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<u8> {
    let mut archive = Builder::new(Vec::new());
    for (path, target) in links {
        let mut header = Header::new_gnu();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        archive.append_link(&mut header, path, target).unwrap();
    }
    for (path, text) in files {
        let mut header = Header::new_gnu();
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        if path.contains("..") {
            // The library refuses to write such a path, so it is put into the header by hand.
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_cksum();
            archive.append(&header, text.as_bytes()).unwrap();
        } else {
            archive.append_data(&mut header, path, text.as_bytes()).unwrap();
        }
    }
    archive.into_inner().unwrap()
}

fn ut1(folders: &[(&str, &str)]) -> ListSource {
    let folders = folders.iter().map(|(name, slug)| (Arc::from(*name), category(slug))).collect();
    ListSource {
        id: ListId::new("ut1"),
        name: "A tree".into(),
        format: ListFormat::Ut1,
        source: "tree.tar".into(),
        category: None,
        folders,
    }
}

const LINKS: &[(&str, &str)] = &[
    ("bl/ads", "publicite"),
    ("bl/porn", "./adult"),
    ("bl/out", "../../etc"),
    ("bl/gone", "nowhere"),
    ("bl/root", ".."),
];
const FILES: &[(&str, &str)] = &[
    ("bl/publicite/domains", "ads.example\n"),
    ("bl/adult/domains", "adult.example\n198.51.100.7\n"),
    ("bl/adult/urls", "adult.example/page\n"),
    ("bl/adult/expressions", "(x)\n"),
    ("bl/press/domains", "press.example\n"),
];

#[test]
fn a_tree_is_read_through_its_links_from_an_archive_and_from_the_disk_alike() {
    let folders =
        [("ads", "advertising-tracking"), ("porn", "pornography"), ("gone", "games"), ("absent", "games")];
    let expected = "*.ads.example *.adult.example *.198.51.100.7 FolderWithoutCategory=4 FolderNotThere=1 \
                    PageFile=2 LinkOutside=1 LinkBroken=1";
    let source = ut1(&folders);
    let archive = open(&tree_archive(LINKS, FILES), files_read(ListFormat::Ut1)).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in FILES {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    for (path, target) in LINKS {
        std::os::unix::fs::symlink(target, folder.path().join(path)).unwrap();
    }
    let disk = Opened::Tree(Tree::from_folder(folder.path()).unwrap());
    for opened in [archive, disk] {
        let mut list = new_list();
        read_opened(&source, &opened, &mut list).unwrap();
        assert_eq!(written(&list), expected);
        let Opened::Tree(tree) = opened else { panic!("a tree") };
        let packed = crate::archive::pack(&tree, files_read(ListFormat::Ut1)).unwrap();
        let mut again = new_list();
        read_opened(&source, &open(&packed, files_read(ListFormat::Ut1)).unwrap(), &mut again).unwrap();
        assert!(written(&again).starts_with("*.ads.example *.adult.example *.198.51.100.7 "));
    }
}

#[test]
fn a_path_that_leads_out_of_an_archive_is_refused_and_counted() {
    let bytes = tree_archive(
        &[],
        &[("bl/../../evil/domains", "evil.example\n"), ("bl/adult/domains", "a.example\n")],
    );
    let mut list = new_list();
    let opened = open(&bytes, files_read(ListFormat::Ut1)).unwrap();
    read_opened(&ut1(&[("adult", "pornography"), ("evil", "games")]), &opened, &mut list).unwrap();
    assert_eq!(written(&list), "*.a.example FolderNotThere=1 PathOutside=1");
}

#[test]
fn a_tree_in_one_file_and_a_list_without_a_category_are_refused() {
    let opened = open(b"example.com\n", files_read(ListFormat::Ut1)).unwrap();
    let error = read_opened(&ut1(&[]), &opened, &mut new_list()).unwrap_err();
    assert!(matches!(error, ListError::NotATree), "{error}");
    let source = ListSource { format: ListFormat::Domains, ..ut1(&[]) };
    let error = read_opened(&source, &opened, &mut new_list()).unwrap_err();
    assert!(matches!(error, ListError::NoCategory), "{error}");
}

#[test]
fn every_category_has_a_starter_list_that_the_guard_accepts_whole() {
    let mut list = new_list();
    read_starter(&mut list);
    assert_eq!(list.dropped.total(), 0, "{:?}", list.dropped);
    let built = build(std::slice::from_ref(&list)).unwrap();
    assert_eq!(built.report.lists[0].refused, []);
    let image = Image::from_bytes(built.bytes).unwrap();
    for category in Category::all() {
        let host = format!("www.{}.schoolgate.test", category.slug());
        let hits = image.lookup(&Host::parse(&host).unwrap());
        assert_eq!(hits.categories().iter().collect::<Vec<_>>(), [category], "{host}");
    }
    let illegal = list.entries().filter(|entry| entry.category == Category::ILLEGAL);
    assert!(illegal.into_iter().all(|entry| entry.host.is_at_or_below("schoolgate.test")));
}

#[test]
fn the_guard_keeps_suffixes_and_protected_hosts_out_of_the_image_and_says_so() {
    let mut list = new_list();
    let text = b"example.com\ncom\nblogspot.com\nbbc.co.uk\nsamaritans.org\n";
    read_bytes(ListFormat::Domains, text, category("gambling"), &mut list);
    let built = build(&[list]).unwrap();
    let refused: Vec<_> =
        built.report.lists[0].refused.iter().map(|refusal| (&*refusal.name, refusal.line)).collect();
    assert_eq!(refused, [("com", 2), ("blogspot.com", 3), ("bbc.co.uk", 4), ("samaritans.org", 5)]);
    assert_eq!((built.report.names, built.report.lists[0].names), (1, 1));
    let image = Image::from_bytes(built.bytes).unwrap();
    assert!(image.lookup(&Host::parse("someone.blogspot.com").unwrap()).is_empty());
    assert_eq!(image.lists()[0].dropped.len(), 2);
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_in_any_reader(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        for format in [ListFormat::Domains, ListFormat::DomainsExact, ListFormat::Hosts, ListFormat::AdGuard] {
            found(format, &bytes);
        }
        for start in [&b""[..], b"\x1f\x8b\x08"] {
            let _ = open(&[start, &bytes].concat(), |_| true);
        }
        let mut tar = bytes.clone();
        tar.resize(1024, 0);
        tar[257..262].copy_from_slice(b"ustar");
        let _ = open(&tar, |_| true);
    }

    #[test]
    fn arbitrary_rules_never_panic(text in "([@|!$,.^*#/a-z0-9 :]|badfilter|important|\\PC){0,60}") {
        found(ListFormat::AdGuard, text.as_bytes());
        found(ListFormat::Hosts, text.as_bytes());
    }

    #[test]
    fn the_order_of_lines_makes_no_difference_to_what_is_blocked(
        mut lines in prop::collection::vec("(\\|\\||@@\\|\\||)[ab]\\.(example|test)(\\$important)?", 1..8),
    ) {
        let image = |lines: &[String]| {
            let mut list = new_list();
            read_bytes(ListFormat::AdGuard, lines.join("\n").as_bytes(), category("games"), &mut list);
            Image::from_bytes(build(&[list]).unwrap().bytes).unwrap()
        };
        let forward = image(&lines);
        lines.reverse();
        let backward = image(&lines);
        for host in ["a.example", "x.a.example", "b.test", "x.b.test"] {
            let host = Host::parse(host).unwrap();
            prop_assert_eq!(forward.lookup(&host).categories(), backward.lookup(&host).categories());
        }
    }
}
