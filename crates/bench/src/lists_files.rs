//! The made-up names as list files, and the way from these to an image: the product's own readers, guard and writer.

use crate::error::BenchError;
use crate::names::Names;
use crate::school::{LISTS, category_of, list_id, list_of};
use lists::{BuiltImage, ReadList};
use model::Timestamp;
#[cfg(test)]
use policy::Image;
use policy::rules::ListFormat;
use std::fs;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Writes the names of these numbers, each into the file of its list, in an order that is not that of any alphabet.
pub(crate) fn write(folder: &Path, names: Names, numbers: Range<u32>) -> Result<u64, BenchError> {
    fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
    let mut bytes = 0;
    for (list, text) in texts(names, numbers).iter().enumerate() {
        let path = file(folder, list);
        fs::write(&path, text).map_err(BenchError::file(path))?;
        bytes += text.len() as u64;
    }
    Ok(bytes)
}

/// Reads the files with the product's reader and builds their image with its guard, as an update does.
pub(crate) fn build(folder: &Path) -> Result<BuiltImage, BenchError> {
    let mut read = Vec::with_capacity(LISTS);
    for list in 0..LISTS {
        let path = file(folder, list);
        let text = fs::read(&path).map_err(BenchError::file(path))?;
        read.push(read_list(list, &text));
    }
    Ok(lists::build(&read)?)
}

/// The image of these names, in memory.
#[cfg(test)]
pub(crate) fn image_of(names: Names, numbers: Range<u32>) -> Result<Image, BenchError> {
    let texts = texts(names, numbers);
    let read: Vec<ReadList> =
        texts.iter().enumerate().map(|(list, text)| read_list(list, text.as_bytes())).collect();
    let built = lists::build(&read)?;
    Ok(Image::from_bytes(built.bytes).map_err(lists::ListError::from)?)
}

fn read_list(list: usize, text: &[u8]) -> ReadList {
    let mut read = ReadList::new(list_id(list), format!("List {list}").into(), Timestamp(0));
    lists::read_bytes(ListFormat::Domains, text, category_of(list), &mut read);
    read
}

fn texts(names: Names, numbers: Range<u32>) -> Vec<String> {
    let mut texts = vec![String::new(); LISTS];
    for number in numbers {
        if let Some(text) = texts.get_mut(list_of(number)) {
            names.append(number, text);
            text.push('\n');
        }
    }
    texts
}

fn file(folder: &Path, list: usize) -> PathBuf {
    folder.join(format!("list-{list:02}.txt"))
}
