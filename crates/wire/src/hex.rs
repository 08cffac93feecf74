//! Bytes as hexadecimal digits.

/// What is read at once.
pub(crate) const CHUNK_BYTES: usize = 64 * 1024;

/// Bytes as lower-case hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads lower-case hexadecimal digits, exactly as many as `N` bytes take.
pub(crate) fn bytes_of<const N: usize>(text: &str) -> Option<[u8; N]> {
    if text.len() != N * 2 {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = match pair {
            [high, low] => digit(*high)? << 4 | digit(*low)?,
            _ => return None,
        };
    }
    Some(bytes)
}

fn digit(letter: u8) -> Option<u8> {
    match letter {
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_read_back_and_nothing_else_reads() {
        assert_eq!(bytes_of::<3>(&hexadecimal(&[0, 0xab, 0xff])), Some([0, 0xab, 0xff]));
        for other in ["", "0", "000", "AB", "0g", "é"] {
            assert_eq!(bytes_of::<1>(other), None, "{other}");
        }
    }
}
