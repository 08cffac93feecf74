//! Walking a message's records as bytes, to find where each one's time to live stands.
//!
//! Pure; no bytes make it panic. It never follows a compression pointer, since only the length of what is written here
//! and now matters.

/// The length of a message's head (RFC 1035, 4.1.1).
pub(crate) const HEAD_BYTES: usize = 12;
/// The first two bits of a label that is a pointer (RFC 1035, 4.1.4).
const POINTER: u8 = 0xc0;
/// Type, class, time to live and length of a record, after its name.
const FIXED_BYTES: usize = 10;
/// Where among these the time to live stands.
const TTL_AT: usize = 4;
/// Where among these the length of what follows stands.
const LENGTH_AT: usize = 8;

/// Where in `sections` (records one after the other) each record's time to live stands; `None` where they are not
/// exactly whole records, or reach past what an offset can say.
pub(crate) fn ttl_offsets(sections: &[u8]) -> Option<Vec<u16>> {
    let mut offsets = Vec::new();
    let mut at = 0;
    while at < sections.len() {
        let fixed = after_name(sections, at)?;
        offsets.push(u16::try_from(fixed.checked_add(TTL_AT)?).ok()?);
        let length = sections.get(fixed + LENGTH_AT..fixed + FIXED_BYTES)?.first_chunk::<2>()?;
        at = fixed.checked_add(FIXED_BYTES)?.checked_add(usize::from(u16::from_be_bytes(*length)))?;
    }
    (at == sections.len()).then_some(offsets)
}

/// Where the name that begins at `at` ends: after its pointer or its last, empty label.
pub(crate) fn after_name(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let length = *bytes.get(at)?;
        match length & POINTER {
            0 if length == 0 => return at.checked_add(1),
            0 => at = at.checked_add(1)?.checked_add(usize::from(length))?,
            POINTER => return at.checked_add(2),
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn times_are_found_after_pointers_and_after_names_written_out() {
        let pointed = [0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 203, 0, 113, 7];
        let written = [1, b'a', 0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 0];
        let both = [&pointed[..], &written].concat();
        assert_eq!(ttl_offsets(&both), Some(vec![6, 16 + 7]));
        assert_eq!(ttl_offsets(&both[..both.len() - 1]), None);
        assert_eq!(ttl_offsets(&[]), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = ttl_offsets(&bytes);
        }
    }
}
