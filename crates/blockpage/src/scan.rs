//! Pages for a file that is scanned before it is given: how far it is, and that it may be had.

use crate::{Notice, Part};

const MIB: u64 = 1024 * 1024;

/// How far a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanProgress {
    /// The bytes that have come.
    pub bytes: u64,
    /// The bytes of the whole file, where its host said.
    pub of_bytes: Option<u64>,
    /// Seconds since it was asked for.
    pub since_s: u64,
}

/// A file that is being scanned. Whoever serves the page lets it be asked for again.
pub fn scanning(progress: &ScanProgress) -> Notice {
    let have = size(progress.bytes);
    let far = match progress.of_bytes {
        Some(whole @ 1..) => {
            let percent = (progress.bytes.saturating_mul(100) / whole).min(100);
            format!("{have} of {} have come ({percent} %)", size(whole))
        }
        _ => format!("{have} have come"),
    };
    let facts = vec![("So far", far), ("Time", format!("{} s", progress.since_s))];
    let words = "The school\u{2019}s filter looks for harmful programs in files before you get them. Keep this page open: it \
                 shows how far it is, and the file comes by itself.";
    notice("Your file is being checked", vec![Part::Text(words.to_owned()), Part::Facts(facts)])
}

/// A file that was scanned: so many bytes, to be had there.
pub fn scanned(bytes: u64, to: &str) -> Notice {
    let words = "Nothing harmful was found in it. If it does not come by itself, use the link.";
    let link = Part::Link { words: format!("Get the file ({})", size(bytes)), to: to.to_owned() };
    notice("Your file was checked", vec![Part::Text(words.to_owned()), link])
}

fn size(bytes: u64) -> String {
    if bytes < MIB { format!("{} KiB", bytes.div_ceil(1024)) } else { format!("{} MiB", bytes / MIB) }
}

fn notice(title: &str, parts: Vec<Part>) -> Notice {
    Notice { status: 200, code: "scanning", title: title.to_owned(), picture: None, parts }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Shape;

    #[test]
    fn the_page_says_how_far_the_file_is_and_where_it_may_be_had() {
        let progress = ScanProgress { bytes: 3 * MIB, of_bytes: Some(6 * MIB), since_s: 9 };
        let page = scanning(&progress).page(Shape::Html).body;
        assert!(page.contains("3 MiB of 6 MiB have come (50 %)"), "{page}");
        let unknown = ScanProgress { bytes: 10, of_bytes: None, ..progress };
        assert!(scanning(&unknown).page(Shape::Text).body.contains("1 KiB have come"));
        assert!(scanned(10, "/a/b").page(Shape::Html).body.contains("href=\"/a/b\""));
    }
}
