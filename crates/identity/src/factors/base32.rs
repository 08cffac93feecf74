//! Base32 without padding (RFC 4648 6): what people type and what QR codes hold in little room.

const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// Capital letters and the digits 2 to 7; no padding.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut held, mut bits) = (0u32, 0u32);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(letter(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(letter(held << (5 - bits)));
    }
    text
}

/// Reads it back: small letters, spaces and hyphens are taken too, since people type it. `None` for another character, more
/// than `most` characters, or bits left over that are not zero.
pub(crate) fn decode(text: &str, most: usize) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    let (mut held, mut bits, mut count) = (0u32, 0u32, 0usize);
    for character in text.chars().filter(|character| !matches!(character, ' ' | '-')) {
        count += 1;
        if count > most {
            return None;
        }
        let capital = character.to_ascii_uppercase();
        let value = LETTERS.iter().position(|letter| char::from(*letter) == capital)?;
        held = (held << 5) | u32::try_from(value).ok()?;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from(held >> bits).ok()?);
            held &= (1 << bits) - 1;
        }
    }
    (held == 0 && bits < 5).then_some(bytes)
}

fn letter(value: u32) -> char {
    let index = usize::try_from(value & 31).unwrap_or(0);
    LETTERS.get(index).copied().map_or('A', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_vectors_of_rfc_4648_read_both_ways() {
        for (bytes, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(encode(bytes.as_bytes()), text);
            assert_eq!(decode(text, 64).unwrap(), bytes.as_bytes());
            assert_eq!(decode(&text.to_lowercase(), 64).unwrap(), bytes.as_bytes());
        }
        assert_eq!(decode("MZXW-6YTB oi", 64).unwrap(), b"foobar");
        for wrong in ["M", "MZ1", "MZ", "MZXW6YTBOJ", "\u{e9}"] {
            assert_eq!(decode(wrong, 64), None, "{wrong}");
        }
        assert_eq!(decode("AAAAAAAA", 7), None);
    }

    proptest::proptest! {
        #[test]
        fn what_is_written_is_read(bytes in proptest::collection::vec(0u8.., 0..40), text in "\\PC{0,40}") {
            proptest::prop_assert_eq!(decode(&encode(&bytes), 64), Some(bytes));
            let _ = decode(&text, 20);
        }
    }
}
