//! A file mapped into memory: the one place of this crate with `unsafe`.
#![expect(unsafe_code, reason = "mapping a file is a promise about the file that the compiler cannot check")]

use memmap2::{Advice, Mmap};
use std::fs::File;
use std::io;
use std::path::Path;

/// Maps an image file for reading.
pub(crate) fn map(path: &Path) -> io::Result<Mmap> {
    let file = File::open(path)?;
    // SAFETY: the bytes must not change while they are mapped. An image file is never written in place: `folder`
    // writes another file and renames it over this one, so that the mapped bytes live on under no name until they
    // are unmapped. The folder belongs to the service user alone.
    let mapped = unsafe { Mmap::map(&file)? };
    // In large pages where the system has them for files, or a random read would also wait for where its page is; and what a
    // lookup reads is there before the first one. Hints: a system that knows neither maps it all the same.
    for advice in [Advice::HugePage, Advice::PopulateRead] {
        if let Err(error) = mapped.advise(advice) {
            tracing::debug!(%error, ?advice, "the system takes no advice on a mapped image");
        }
    }
    Ok(mapped)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mapped_file_keeps_its_bytes_when_another_takes_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let (path, next) = (folder.path().join("file"), folder.path().join("next"));
        std::fs::write(&path, b"first").unwrap();
        let mapped = map(&path).unwrap();
        std::fs::write(&next, b"other").unwrap();
        std::fs::rename(&next, &path).unwrap();
        assert_eq!(&*mapped, b"first");
        assert_eq!(&*map(&path).unwrap(), b"other");
    }
}
