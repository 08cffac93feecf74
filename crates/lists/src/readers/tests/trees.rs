//! Trees and archives of files, and the lists that ship.

use super::*;
use crate::archive::open;
use std::sync::Arc;
use tar::{Builder, Header};

pub(super) fn tree_archive(links: &[(&str, &str)], files: &[(&str, &str)]) -> Vec<u8> {
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

pub(super) fn ut1(folders: &[(&str, &str)]) -> ListSource {
    let folders = folders.iter().map(|(name, slug)| (Arc::from(*name), category(slug))).collect();
    ListSource {
        id: ListId::new("ut1"),
        name: "A tree".into(),
        format: ListFormat::Ut1,
        source: "tree.tar".into(),
        category: None,
        folders,
        subscription: policy::rules::Subscription::default(),
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
    ("bl/adult/urls", "adult.example/page\nsite.example\n"),
    ("bl/adult/expressions", "# words\n(^|[-.])adults?only\n(x\n"),
    ("bl/adult/very_restrictive_expression", "teen\n"),
    ("bl/adult/domains.diff", "+diff.example\n"),
    ("bl/adult/usage", "black\n"),
    ("bl/press/domains", "press.example\n"),
];

#[test]
fn a_tree_is_read_through_its_links_from_an_archive_and_from_the_disk_alike() {
    let folders =
        [("ads", "advertising-tracking"), ("porn", "pornography"), ("gone", "games"), ("absent", "games")];
    let expected = "*.ads.example *.adult.example 198.51.100.7 *.site.example page:adult.example/page \
                    pagere:(^|[-.])adults?only Expression=1 FolderWithoutCategory=4 FolderNotThere=1 WordFile=1 \
                    LinkOutside=1 LinkBroken=1";
    let source = ut1(&folders);
    let bytes = tree_archive(LINKS, FILES);
    let archive = open(&bytes, files_read(ListFormat::Ut1)).unwrap();
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
        assert!(
            written(&again).starts_with("*.ads.example *.adult.example 198.51.100.7 *.site.example page:")
        );
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
        let host = Host::parse(&host).unwrap();
        let hits = image.lookup(&host);
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
    let refused: Vec<_> = built.report.lists[0]
        .refused
        .iter()
        .map(|refusal| (refusal.name.as_deref().unwrap(), refusal.line))
        .collect();
    assert_eq!(refused, [("com", 2), ("blogspot.com", 3), ("bbc.co.uk", 4), ("samaritans.org", 5)]);
    assert_eq!((built.report.names, built.report.lists[0].names), (1, 1));
    let image = Image::from_bytes(built.bytes).unwrap();
    assert!(image.lookup(&Host::parse("someone.blogspot.com").unwrap()).is_empty());
    assert_eq!(image.lists()[0].dropped.len(), 2);
}
