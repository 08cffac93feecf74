use lists::{
    BuiltImage, By, Cause, ListError, MOST_IMAGES, ReadList, build, held, images, last_report, open_current,
    read_bytes, roll_back, write,
};
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

async fn back(dir: &Path, to: Option<&str>) -> Result<(), ListError> {
    roll_back(dir, to, Cause::person("A. Technician", "a list went wrong"), Timestamp(7)).await.map(drop)
}

#[tokio::test]
async fn an_image_is_in_force_once_written_and_the_ones_before_it_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    assert!(open_current(dir.path()).is_none() && images(dir.path()).is_empty());
    let names = ["a.example", "b.example", "c.example", "c.example", "d.example", "e.example", "f.example"];
    for (name, kept) in names.into_iter().zip([1, 2, 3, 3, 4, 5, 5]) {
        let built = image_of(name);
        write(dir.path(), &built).unwrap();
        assert!(blocks(dir.path(), name), "{name}");
        // An image and its report each.
        assert_eq!(image_files(dir.path()).len(), 2 * kept, "{name}");
        assert_eq!(images(dir.path()).len(), kept, "{name}");
        assert_eq!(last_report(dir.path()), Some(built.report), "{name}");
    }
    assert_eq!(images(dir.path()).len(), MOST_IMAGES);
    back(dir.path(), None).await.unwrap();
    assert!(blocks(dir.path(), "e.example"));
    back(dir.path(), None).await.unwrap();
    assert!(blocks(dir.path(), "f.example"));
}

#[tokio::test]
async fn going_back_to_a_named_image_is_remembered_with_who_and_why() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.example", "b.example", "c.example"] {
        write(dir.path(), &image_of(name)).unwrap();
    }
    assert_eq!(held(dir.path()), None);
    let oldest = images(dir.path()).pop().unwrap();
    assert!(!oldest.is_current);
    back(dir.path(), Some(&oldest.revision)).await.unwrap();
    assert!(blocks(dir.path(), "a.example"));
    let held = held(dir.path()).unwrap();
    assert_eq!((held.at, held.to), (Timestamp(7), oldest.revision));
    assert_eq!(held.cause.by, By::Person("A. Technician".into()));
    let unknown = back(dir.path(), Some("0123456789abcdef")).await;
    assert!(matches!(unknown, Err(ListError::NoSuchImage { .. })));
}

#[tokio::test]
async fn a_note_of_going_back_that_cannot_be_read_holds_the_lists_all_the_same() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["a.example", "b.example"] {
        write(dir.path(), &image_of(name)).unwrap();
    }
    back(dir.path(), None).await.unwrap();
    let note = dir.path().join("held");
    std::fs::write(&note, "{\"at\": 7, \"cau").unwrap();
    let said = held(dir.path()).unwrap();
    assert!(said.at > Timestamp(0) && said.cause.why == "the note of it cannot be read", "{said:?}");
    assert_eq!(Some(said.to), images(dir.path()).first().map(|image| image.revision.clone()));
    std::fs::remove_file(&note).unwrap();
    std::fs::create_dir(&note).unwrap();
    assert!(held(dir.path()).is_some());
}

#[tokio::test]
async fn without_an_earlier_image_there_is_nothing_to_go_back_to() {
    let dir = tempfile::tempdir().unwrap();
    assert!(matches!(back(dir.path(), None).await, Err(ListError::NoEarlierImage)));
    write(dir.path(), &image_of("a.example")).unwrap();
    assert!(matches!(back(dir.path(), None).await, Err(ListError::NoEarlierImage)));
    assert!(blocks(dir.path(), "a.example") && held(dir.path()).is_none());
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
