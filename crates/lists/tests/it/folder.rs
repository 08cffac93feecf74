use lists::{BuiltImage, ListError, ReadList, build, open_current, read_bytes, roll_back, write};
use model::{Category, Host, ListId, Timestamp};
use policy::rules::ListFormat;
use std::path::{Path, PathBuf};

fn image_of(name: &str) -> BuiltImage {
    let mut list = ReadList::new(ListId::new("one"), "One".into(), Timestamp(0));
    let category = Category::parse("games").unwrap();
    read_bytes(ListFormat::Domains, name.as_bytes(), category, &mut list);
    build(&[list]).unwrap()
}

fn blocks(dir: &Path, host: &str) -> bool {
    !open_current(dir).unwrap().lookup(&Host::parse(host).unwrap()).is_empty()
}

fn image_files(dir: &Path) -> Vec<PathBuf> {
    std::fs::read_dir(dir.join("images")).unwrap().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn an_image_is_in_force_once_written_and_the_one_before_it_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open_current(dir.path()).is_none());
    for (name, files) in [("a.example", 1), ("b.example", 2), ("c.example", 2), ("c.example", 2)] {
        write(dir.path(), &image_of(name)).unwrap();
        assert!(blocks(dir.path(), name), "{name}");
        assert_eq!(image_files(dir.path()).len(), files, "{name}");
    }
    roll_back(dir.path()).unwrap();
    assert!(blocks(dir.path(), "b.example"));
    roll_back(dir.path()).unwrap();
    assert!(blocks(dir.path(), "c.example"));
}

#[test]
fn without_an_earlier_image_there_is_nothing_to_go_back_to() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(roll_back(dir.path()), Err(ListError::NoEarlierImage)));
    write(dir.path(), &image_of("a.example")).unwrap();
    assert!(matches!(roll_back(dir.path()), Err(ListError::NoEarlierImage)));
    assert!(blocks(dir.path(), "a.example"));
}

#[test]
fn a_damaged_image_is_passed_over_for_the_one_before() {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), &image_of("a.example")).unwrap();
    let current = write(dir.path(), &image_of("b.example")).unwrap();
    let path = dir.path().join("images").join(format!("{}.sgi", current.revision()));
    let mut bytes = std::fs::read(&path).unwrap();
    let last = bytes.len() - 1;
    bytes[last] ^= 1;
    drop(current);
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    assert!(blocks(dir.path(), "a.example"));
    assert!(!blocks(dir.path(), "b.example"));
}

#[test]
fn an_image_that_is_in_use_stays_whole_while_others_replace_it() {
    let dir = tempfile::tempdir().unwrap();
    let used = write(dir.path(), &image_of("a.example")).unwrap();
    for name in ["b.example", "c.example", "d.example"] {
        write(dir.path(), &image_of(name)).unwrap();
    }
    assert!(!used.lookup(&Host::parse("www.a.example").unwrap()).is_empty());
}

#[test]
fn a_pointer_that_names_something_else_opens_nothing() {
    let dir = tempfile::tempdir().unwrap();
    for text in ["../../etc/passwd\n", "", "0123456789abcdef\n", "\u{fffd}\n"] {
        std::fs::write(dir.path().join("current"), text).unwrap();
        assert!(open_current(dir.path()).is_none(), "{text}");
    }
}
