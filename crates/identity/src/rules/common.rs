//! Passwords that many people use or that were found in breaches: the list that ships, and the pure part of asking a
//! service about one without telling it (k-anonymity).
//!
//! Left out: the question to such a service itself, which `app` puts.

use super::patterns::undressed;
use crate::Password;
use crate::fuse::Fuse;
use sha1::{Digest as _, Sha1};
use std::sync::OnceLock;
use text::fold::folded;

/// As `cargo xtask assets` makes it.
static SHIPPED: &[u8] = include_bytes!("../../assets/built/common.fuse");

/// A list of common passwords of seven characters and more. It knows every one that is on it, and takes one in 65,536 of
/// the others for one.
#[derive(Clone, Copy)]
pub struct CommonPasswords(Option<Fuse<'static>>);

impl CommonPasswords {
    /// The list that ships.
    pub fn shipped() -> Self {
        static LIST: OnceLock<CommonPasswords> = OnceLock::new();
        *LIST.get_or_init(|| Self(Fuse::read(SHIPPED)))
    }

    /// How many passwords are on it.
    pub fn count(self) -> u32 {
        self.0.map_or(0, |list| list.len())
    }

    /// How much room it takes, in bytes.
    pub fn bytes(self) -> usize {
        SHIPPED.len()
    }

    /// True when the whole password is on the list, as it is, without case and accents, or with figures for letters.
    pub fn hold(self, password: &str) -> bool {
        let Some(list) = self.0 else { return false };
        let plain = folded(password);
        list.holds(&plain) || list.holds(&undressed(&plain))
    }
}

impl std::fmt::Debug for CommonPasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "CommonPasswords({})", self.count())
    }
}

/// What is asked of a service that knows breached passwords by the SHA-1 of each: the first five hexadecimal digits leave,
/// the other 35 stay here. Some 800 passwords share each beginning, so the service does not learn which was meant.
#[derive(Clone, PartialEq, Eq)]
pub struct PwnedRange {
    /// The five digits to ask for.
    pub prefix: String,
    suffix: String,
}

impl PwnedRange {
    /// From the SHA-1 of the password's UTF-8 bytes, by which such services know it.
    pub fn of(password: &Password) -> Self {
        let hash = Sha1::digest(password.reveal().as_bytes());
        let mut prefix: String = hash.iter().map(|byte| format!("{byte:02X}")).collect();
        let suffix = prefix.split_off(5);
        Self { prefix, suffix }
    }
}

impl std::fmt::Debug for PwnedRange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PwnedRange({})", self.prefix)
    }
}

/// Whether an answer has the password: a line `SUFFIX:COUNT` for each that begins so. Lines with a count of 0 are padding.
pub fn looks_pwned(asked: &PwnedRange, answer: &str) -> bool {
    let mut lines = answer.lines().filter_map(|line| line.trim().split_once(':'));
    lines.any(|(suffix, count)| {
        suffix.eq_ignore_ascii_case(&asked.suffix) && count.trim().parse::<u64>().is_ok_and(|count| count > 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Randomness;

    #[test]
    fn asvs_6_2_4_the_list_has_three_thousand_that_adults_might_choose() {
        let list = CommonPasswords::shipped();
        assert!(list.count() > 600_000, "{list:?}");
        assert!(list.bytes() < 2_000_000, "{} bytes", list.bytes());
        for common in ["password1234", "Qwertyuiop123", "iloveyou1234", "c0unterstr1ke", "Administrator"] {
            assert!(list.hold(common), "{common}");
        }
        for rare in ["walnut-harbour-lantern", "violet tractor seventeen", "three quiet otters"] {
            assert!(!list.hold(rare), "{rare}");
        }
    }

    #[test]
    fn it_takes_hardly_one_in_sixty_thousand_of_the_others_for_one() {
        let (list, mut random) = (CommonPasswords::shipped(), Randomness::Seeded(7));
        let mistaken = (0..200_000).filter(|_| {
            let text: String =
                random.bytes::<12>().unwrap().iter().map(|byte| format!("{byte:02x}")).collect();
            list.0.unwrap().holds(&text)
        });
        let mistaken = mistaken.count();
        assert!(mistaken <= 12, "{mistaken} of 200,000; about three are to be expected");
    }

    #[test]
    fn only_the_beginning_of_a_hash_is_told_and_the_rest_is_found_in_the_answer() {
        // SHA-1: 5BAA61E4C9B93F3F0682250B6CF8331B7EE68FD8.
        let asked = PwnedRange::of(&Password::new("password").unwrap());
        assert_eq!(format!("{asked:?}"), "PwnedRange(5BAA6)");
        let line = "1E4C9B93F3F0682250B6CF8331B7EE68FD8";
        assert!(looks_pwned(
            &asked,
            &format!("003D68EB55068C33ACE09247EE4C639306B:3\r\n{line}:52256179\r\n")
        ));
        assert!(!looks_pwned(&asked, &format!("{line}:0\r\n")), "padding");
        assert!(!looks_pwned(&asked, "nonsense\n:::\n"));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_of_a_filter_panic(bytes in proptest::collection::vec(0u8.., 0..200), text in "\\PC{0,20}") {
            if let Some(filter) = Fuse::read(&bytes) {
                let _ = filter.holds(&text);
            }
        }

        #[test]
        fn no_filter_with_a_sound_head_panics(seed in 0u64.., length in 0u32..6, segments in 0u32..6, fill in 0u8.., text in "\\PC{0,20}") {
            let mut bytes = crate::fuse::MAGIC.to_vec();
            bytes.extend(seed.to_le_bytes());
            bytes.extend((1u32 << length).to_le_bytes());
            bytes.extend(segments.to_le_bytes());
            bytes.extend([0; 8]);
            proptest::prop_assert_eq!(bytes.len(), 32);
            bytes.resize(bytes.len() + (2usize << length) * (segments as usize + 2), fill);
            let filter = Fuse::read(&bytes).unwrap();
            let _ = filter.holds(&text);
        }
    }
}
