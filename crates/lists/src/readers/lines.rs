//! Bytes into lines: encodings, byte-order marks, any line end, a bound on length, and no line that is not text.
//!
//! A file is UTF-8, or UTF-16 with a byte-order mark. Other encodings are not guessed: a name outside ASCII would become
//! another name.

use crate::Dropped;
use std::borrow::Cow;
use std::ops::Range;

/// The longest line that is read.
pub(super) const LONGEST_LINE_BYTES: usize = 4096;

/// The bytes as UTF-8, without a byte-order mark. Half a UTF-16 pair becomes a replacement character, which no name has.
pub(super) fn decoded(bytes: &[u8]) -> Cow<'_, [u8]> {
    let wide = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.as_chunks::<2>().0.iter().map(|pair| unit(*pair));
        let text: String =
            char::decode_utf16(units).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        Cow::Owned(text.into_bytes())
    };
    match bytes {
        [0xff, 0xfe, rest @ ..] => wide(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => wide(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => Cow::Borrowed(rest),
        _ => Cow::Borrowed(bytes),
    }
}

/// The lines from 1, without the white space at either end. A line ends at LF, CR LF or CR.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, Result<&str, Dropped>)> {
    whole_lines(bytes).map(|(number, line)| (number, line.map(trimmed)))
}

/// The same with their white space, for formats in which its beginning means something.
pub(super) fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = (u32, Result<&str, Dropped>)> {
    // Almost every list is text as a whole, which is seen faster than line by line.
    let whole = std::str::from_utf8(bytes).ok().filter(|whole| !whole.contains('\0'));
    let read = move |range: Range<usize>| match whole {
        Some(_) if range.len() > LONGEST_LINE_BYTES => Err(Dropped::LongLine),
        Some(whole) => whole.get(range).ok_or(Dropped::NotText),
        None => text(bytes.get(range).unwrap_or_default()),
    };
    (1..=u32::MAX).zip(raw_lines(bytes).map(read))
}

/// Where each line lies.
fn raw_lines(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut next = Some(0);
    std::iter::from_fn(move || {
        let start = next?;
        let rest = bytes.get(start..)?;
        let Some(length) = memchr::memchr2(b'\n', b'\r', rest) else {
            next = None;
            return Some(start..bytes.len());
        };
        let end = start + length;
        let ends_in_two = bytes.get(end..).is_some_and(|rest| rest.starts_with(b"\r\n"));
        next = Some(end + if ends_in_two { 2 } else { 1 });
        Some(start..end)
    })
}

fn trimmed(line: &str) -> &str {
    let bytes = line.as_bytes();
    let is_bare = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_graphic);
    if is_bare(bytes.first()) && is_bare(bytes.last()) { line } else { line.trim() }
}

fn text(line: &[u8]) -> Result<&str, Dropped> {
    if line.len() > LONGEST_LINE_BYTES {
        return Err(Dropped::LongLine);
    }
    if line.contains(&0) {
        return Err(Dropped::NotText);
    }
    std::str::from_utf8(line).map_err(|_| Dropped::NotText)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_end_and_encoding_gives_the_same_lines() {
        let utf16 = |big: bool| {
            let units = "\u{feff}a\r\nb\n\n c ".encode_utf16();
            units
                .flat_map(|unit| if big { unit.to_be_bytes() } else { unit.to_le_bytes() })
                .collect::<Vec<u8>>()
        };
        let files = [b"a\nb\n\n c ".to_vec(), b"a\r\nb\r\n\r\nc".to_vec(), b"a\rb\r\rc".to_vec()];
        let marked = [b"\xef\xbb\xbfa\nb\n\nc".to_vec(), utf16(true), utf16(false)];
        for file in files.iter().chain(&marked) {
            let file = decoded(file);
            let read: Vec<_> = lines(&file).collect();
            assert_eq!(read, [(1, Ok("a")), (2, Ok("b")), (3, Ok("")), (4, Ok("c"))], "{file:?}");
        }
    }
}
