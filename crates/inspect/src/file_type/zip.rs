//! What a ZIP archive is for, by the names of its first members (APPNOTE.TXT 6.3.10, section 4.3.7).
//!
//! An office document's first member is usually its list of contents, which names the form with macros; it is unpacked
//! as far as it goes. Invariants: at most 64 members are looked at, and at most 16 KiB are unpacked.

use super::{FileType, file_type};
use crate::table::rows;
use flate2::{Decompress, FlushDecompress};
use model::FileKind;
use std::sync::LazyLock;

pub(super) const SIGNATURE: &[u8] = b"PK\x03\x04";

const MOST_MEMBERS: usize = 64;
const MOST_UNPACKED: usize = 16 * 1024;
const CONTENTS: &[u8] = b"[Content_Types].xml";
/// What the list of contents says of a document with macros, up to the form's own word.
const WITH_MACROS: &[u8] = b"macroEnabled";

const ARCHIVE: FileType = FileType { kind: FileKind::Archives, words: "a ZIP archive" };
const MACROS: FileType = FileType { kind: FileKind::MacroDocuments, words: "an office document with macros" };
const OPEN_DOCUMENT: FileType = FileType { kind: FileKind::Documents, words: "an OpenDocument file" };
const BOOK: FileType = FileType { kind: FileKind::Documents, words: "an electronic book" };

/// What an archive is that begins so.
pub(super) fn of(first: &[u8]) -> FileType {
    let members: Vec<Member<'_>> = Members(first).take(MOST_MEMBERS).collect();
    if members.iter().any(says_macros) {
        return MACROS;
    }
    let named = MEMBERS.iter().find(|(name, _)| {
        members.iter().any(|member| match name.strip_suffix('*') {
            Some(beginning) => member.name.starts_with(beginning.as_bytes()),
            None => member.name == name.as_bytes(),
        })
    });
    named.map(|(_, found)| *found).or_else(|| by_mimetype(&members)).unwrap_or(ARCHIVE)
}

/// OpenDocument files and books begin with their type, unpacked.
fn by_mimetype(members: &[Member<'_>]) -> Option<FileType> {
    let first = members.first().filter(|member| member.name == b"mimetype" && member.method == 0)?;
    match first.content {
        content if content.starts_with(b"application/vnd.oasis.opendocument.") => Some(OPEN_DOCUMENT),
        content if content.starts_with(b"application/epub+zip") => Some(BOOK),
        _ => None,
    }
}

fn says_macros(member: &Member<'_>) -> bool {
    if member.name != CONTENTS {
        return false;
    }
    let text = match member.method {
        0 => member.content.to_vec(),
        8 => unpacked(member.content),
        _ => Vec::new(),
    };
    text.windows(WITH_MACROS.len()).any(|part| part == WITH_MACROS)
}

/// As much as can be unpacked of what may be cut off.
fn unpacked(content: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(MOST_UNPACKED);
    // What was unpacked before an error or the end stays in `out`, and counts.
    let _ = Decompress::new(false).decompress_vec(content, &mut out, FlushDecompress::None);
    out
}

struct Member<'a> {
    name: &'a [u8],
    method: u16,
    /// What is there of its packed content.
    content: &'a [u8],
}

/// The members, as long as their heads say where the next begins.
struct Members<'a>(&'a [u8]);

impl<'a> Iterator for Members<'a> {
    type Item = Member<'a>;

    fn next(&mut self) -> Option<Member<'a>> {
        let head = self.0;
        if !head.starts_with(SIGNATURE) {
            return None;
        }
        let name_end = 30_usize.checked_add(usize::from(number(head, 26)?))?;
        let content_at = name_end.checked_add(usize::from(number(head, 28)?))?;
        let name = head.get(30..name_end)?;
        let packed = u32::from(number(head, 18)?) | u32::from(number(head, 20)?) << 16;
        // Where the size follows the content, it is not known yet, and the member is the last that is seen.
        let is_streamed = number(head, 6)? & 8 != 0;
        let rest = head.get(content_at..).unwrap_or_default();
        let length = if is_streamed { rest.len() } else { usize::try_from(packed).ok()? };
        let (content, after) = rest.split_at(length.min(rest.len()));
        self.0 = after;
        Some(Member { name, method: number(head, 8)?, content })
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..at.checked_add(2)?)?;
    Some(u16::from_le_bytes(bytes.try_into().ok()?))
}

static MEMBERS: LazyLock<Vec<(&str, FileType)>> = LazyLock::new(|| {
    let rows = rows::<3>(include_str!("../../data/zip_members.txt"));
    rows.filter_map(|[name, kind, words]| Some((name, file_type(kind, words)?))).collect()
});

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use std::io::Write as _;

    /// A member's head and content; without a size where it is streamed.
    fn member(name: &str, method: u8, content: &[u8]) -> Vec<u8> {
        let mut bytes = SIGNATURE.to_vec();
        bytes.extend([20, 0, 0, 0, method, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        bytes.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(u16::try_from(name.len()).unwrap().to_le_bytes());
        bytes.extend([0; 2]);
        bytes.extend(name.as_bytes());
        bytes.extend(content);
        bytes
    }

    fn packed(text: &str) -> Vec<u8> {
        let mut packer = flate2::write::DeflateEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(text.as_bytes()).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn every_row_of_the_table_is_read() {
        assert_eq!(MEMBERS.len(), rows::<1>(include_str!("../../data/zip_members.txt")).count());
    }

    #[test]
    fn an_archive_is_told_by_its_members() {
        let types = |form: &str| {
            packed(&format!("<Types><Override ContentType=\"application/vnd.ms-word.document.{form}\"/>"))
        };
        for (members, expected) in [
            (vec![member("notes.txt", 0, b"hello")], FileKind::Archives),
            (vec![member("res/a.png", 0, b"x"), member("classes.dex", 8, b"x")], FileKind::Installers),
            (vec![member("META-INF/MANIFEST.MF", 0, b"x")], FileKind::Programs),
            (
                vec![member("META-INF/mozilla.rsa", 0, b"x"), member("META-INF/MANIFEST.MF", 0, b"x")],
                FileKind::Programs,
            ),
            (
                vec![member("[Content_Types].xml", 8, &types("main")), member("word/document.xml", 8, b"x")],
                FileKind::Documents,
            ),
            (
                vec![
                    member("[Content_Types].xml", 8, &types("macroEnabled.main")),
                    member("word/document.xml", 8, b"x"),
                ],
                FileKind::MacroDocuments,
            ),
            (
                vec![member("[Content_Types].xml", 8, b"x"), member("xl/vbaProject.bin", 8, b"x")],
                FileKind::MacroDocuments,
            ),
            (vec![member("mimetype", 0, b"application/epub+zip")], FileKind::Documents),
            (vec![member("mimetype", 0, b"application/vnd.oasis.opendocument.text")], FileKind::Documents),
        ] {
            assert_eq!(of(&members.concat()).kind, expected, "{:?}", members.len());
        }
    }

    #[test]
    fn a_member_that_is_cut_off_or_streamed_is_the_last() {
        let whole = [member("a.txt", 0, b"hello"), member("classes.dex", 0, b"x")].concat();
        assert_eq!(of(&whole[..40]).kind, FileKind::Archives);
        let mut streamed = whole;
        streamed[6] = 8;
        assert_eq!(of(&streamed).kind, FileKind::Archives);
    }
}
