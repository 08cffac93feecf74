//! A 64-bit number for a name, the same in every run and on every machine: for comparing readings of millions of names,
//! and for spreading moments over a day. Not for anything that somebody may want to forge.

/// FNV-1a, 64 bits (draft-eastlake-fnv), and a final mix so that every bit of the text reaches every bit of the number.
pub(crate) fn of_words<const N: usize>(words: [&[u8]; N]) -> u64 {
    let mut number = 0xcbf2_9ce4_8422_2325;
    for word in words {
        number = word.iter().fold(number, |number, byte| step(number, *byte));
        // No text of a list holds this byte, so that two words are not one longer word.
        number = step(number, 0xff);
    }
    mixed(number)
}

/// The number of a text that begins where another number left off.
pub(crate) fn of_text(seed: u64, text: &str) -> u64 {
    mixed(text.bytes().fold(seed, step))
}

fn step(number: u64, byte: u8) -> u64 {
    (number ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
}

/// The final mix of MurmurHash3 (public domain, by its author).
fn mixed(mut number: u64) -> u64 {
    number = (number ^ (number >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    number = (number ^ (number >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    number ^ (number >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_words_end_makes_a_difference() {
        assert_ne!(of_words([b"ab", b"c"]), of_words([b"a", b"bc"]));
        assert_ne!(of_text(1, "a.example"), of_text(2, "a.example"));
    }
}
