//! Bytes into lines: encodings, byte-order marks, any line end, a bound on length, and no line that is not text.
//!
//! A file is UTF-8, or UTF-16 with a byte-order mark. Other encodings are not guessed: a name outside ASCII would become
//! another name.

use crate::Dropped;
use std::borrow::Cow;

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
    (1..=u32::MAX).zip(raw_lines(bytes).map(|line| text(line).map(str::trim)))
}

/// The same with their white space, for formats in which its beginning means something.
pub(super) fn whole_lines(bytes: &[u8]) -> impl Iterator<Item = (u32, Result<&str, Dropped>)> {
    (1..=u32::MAX).zip(raw_lines(bytes).map(text))
}

fn raw_lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = Some(bytes);
    std::iter::from_fn(move || {
        let all = rest?;
        let Some(end) = all.iter().position(|byte| matches!(byte, b'\n' | b'\r')) else {
            rest = None;
            return Some(all);
        };
        let (line, after) = all.split_at(end);
        rest = Some(after.strip_prefix(b"\r\n").or_else(|| after.get(1..)).unwrap_or_default());
        Some(line)
    })
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
