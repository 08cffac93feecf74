//! Bytes to text: UTF-8 and UTF-16 by their marks, UTF-8 where it is that, and else Windows-1252, which is what spreadsheets
//! here save CSV as.

use encoding_rs::{Encoding, UTF_8, WINDOWS_1252};
use std::borrow::Cow;

/// The text, and whether its encoding had to be guessed.
pub(crate) fn decode(bytes: &[u8]) -> (Cow<'_, str>, Guessed) {
    if let Some((encoding, mark)) = Encoding::for_bom(bytes) {
        let rest = bytes.get(mark..).unwrap_or_default();
        let (text, is_broken) = encoding.decode_without_bom_handling(rest);
        return (text, if is_broken { Guessed::Broken } else { Guessed::No });
    }
    match UTF_8.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) => (text, Guessed::No),
        None => (WINDOWS_1252.decode_without_bom_handling(bytes).0, Guessed::Windows1252),
    }
}

/// Whether an encoding was guessed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Guessed {
    /// It was not.
    No,
    /// It is not UTF-8, so it was read as Windows-1252.
    Windows1252,
    /// It says what it is and is not: some letters are lost.
    Broken,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_out_whatever_they_were_saved_as() {
        for (bytes, text, guessed) in [
            (&b"Zo\xc3\xab"[..], "Zoë", Guessed::No),
            (b"\xef\xbb\xbfZo\xc3\xab", "Zoë", Guessed::No),
            (b"Zo\xeb O\x92Shea", "Zoë O\u{2019}Shea", Guessed::Windows1252),
            (b"\xff\xfeZ\0o\0\xeb\0", "Zoë", Guessed::No),
            (b"\xef\xbb\xbfZo\xeb", "Zo\u{fffd}", Guessed::Broken),
        ] {
            let (read, how) = decode(bytes);
            assert_eq!((read.as_ref(), how), (text, guessed));
        }
    }
}
