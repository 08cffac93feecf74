//! Bytes into lines: byte-order mark, either line end, a bound on length, and no line that is not text.

use crate::Dropped;

/// The longest line that is read.
const LONGEST_LINE_BYTES: usize = 4096;

/// The lines from 1, without the white space at either end.
pub(super) fn lines(bytes: &[u8]) -> impl Iterator<Item = (u32, Result<&str, Dropped>)> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    (1..=u32::MAX).zip(bytes.split(|byte| *byte == b'\n').map(text))
}

fn text(line: &[u8]) -> Result<&str, Dropped> {
    if line.len() > LONGEST_LINE_BYTES {
        return Err(Dropped::LongLine);
    }
    std::str::from_utf8(line).map(str::trim).map_err(|_| Dropped::NotText)
}
