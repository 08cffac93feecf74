//! The readers of lists, and that what they read can be found again in the image made of it.

use lists::ReadList;
use model::{Category, ListId, Timestamp};
use policy::image::{Effect, Image, ImageWriter, NewEntry, NewList, Reach};
use policy::rules::ListFormat;

/// Images are made of what short inputs held only: making one of a long list would cost most of the time.
const MOST_ENTRIES_OF_AN_IMAGE: usize = 64;

/// Reads the bytes, and checks what came of them.
pub fn read(format: ListFormat, bytes: &[u8]) {
    let mut list = ReadList::new(ListId::new("fuzzed"), "Fuzzed".into(), Timestamp(0));
    lists::read_bytes(format, bytes, category(), &mut list);
    let lines = bytes.iter().filter(|byte| matches!(byte, b'\n' | b'\r')).count() + 1;
    for entry in list.entries() {
        assert!(entry.line >= 1 && entry.line as usize <= lines, "{entry:?} of {lines} lines");
        assert_eq!(model::Host::parse(&entry.host.to_string()), Ok(entry.host.clone()));
    }
    if list.len() <= MOST_ENTRIES_OF_AN_IMAGE {
        find_again(&list);
    }
}

/// A list without exceptions has every host of its entries in their category.
fn find_again(list: &ReadList) {
    let mut writer = ImageWriter::default();
    let new =
        NewList { id: list.id.clone(), name: list.name.clone(), read_at: list.read_at, dropped: vec![] };
    let index = writer.list(new).expect("one list fits");
    for entry in list.entries() {
        let lists::Entry { ref host, reach, effect, weight, category, line } = entry;
        writer.push(index, NewEntry { host, reach, effect, weight, category, line });
    }
    for rule in list.rules() {
        writer.rule(index, rule.clone());
    }
    let image =
        Image::from_bytes(writer.finish().expect("an image of what was read")).expect("its own image");
    if list.entries().any(|entry| entry.effect == Effect::Exception) || !list.rules().is_empty() {
        for entry in list.entries() {
            let _ = image.lookup(&entry.host);
        }
        return;
    }
    for entry in list.entries() {
        assert!(image.lookup(&entry.host).categories().contains(entry.category), "{entry:?} is lost");
        let below = model::Host::parse(&format!("below.{}", entry.host));
        if let (Reach::Subtree, Ok(below @ model::Host::Name(_))) = (entry.reach, below) {
            assert!(image.lookup(&below).categories().contains(entry.category), "{below} is lost");
        }
    }
}

pub(crate) fn category() -> Category {
    Category::parse("gambling").expect("a category of the catalogue")
}
