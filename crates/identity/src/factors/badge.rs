//! The secret of an infant's badge: 128 random bits in a QR code, so strong that it needs no slow hash and no lock-out.
//!
//! Its first eight letters are the short code that is printed beside it, for a device without a camera: 40 bits, so whoever
//! takes it counts wrong ones. It stands in the fragment of an address, which browsers keep to themselves, so it reaches no log and no other site. No
//! name and no login is in it. Left out on purpose: when a badge counts (a class window, a managed device, school hours);
//! that is the use case's.

use super::base32;
use crate::session::hexadecimal;
use crate::{IdentityError, Pepper, Randomness};
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use zeroize::Zeroizing;

const SECRET_BYTES: usize = 16;
/// Base32 of 16 bytes.
const TEXT_LENGTH: usize = 26;
/// What stands before it in the fragment.
const BEGIN: &str = "b1.";
/// Letters of the short code.
const CODE_LENGTH: usize = 8;
/// The most characters of a code as people type it, spaces and hyphens with it.
const MOST_TYPED: usize = 24;
const DOMAIN: &[u8] = b"schoolgate badge 1";
const CODE_DOMAIN: &[u8] = b"schoolgate badge code 1";

/// The secret on a badge. Never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct BadgeSecret(Zeroizing<[u8; SECRET_BYTES]>);

/// What is kept of it: 64 small hexadecimal digits of an HMAC-SHA-256 under the pepper. A badge is looked up by it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct BadgeHash(pub String);

impl std::fmt::Debug for BadgeSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BadgeSecret(hidden)")
    }
}

impl BadgeSecret {
    /// Makes one.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn random(random: &mut Randomness) -> Result<Self, IdentityError> {
        Ok(Self(Zeroizing::new(random.bytes()?)))
    }

    /// The fragment of the address in the QR code, without the `#`: `b1.` and 26 letters and digits.
    pub fn fragment(&self) -> Zeroizing<String> {
        Zeroizing::new(format!("{BEGIN}{}", base32::encode(self.0.as_slice())))
    }

    /// Reads what a scanner gave: the fragment, or a whole address that ends in it. `None` where it is no badge.
    pub fn parse(scanned: &str) -> Option<Self> {
        let fragment = scanned.trim().rsplit('#').next()?;
        let text = fragment
            .get(..BEGIN.len())
            .filter(|begin| begin.eq_ignore_ascii_case(BEGIN))
            .map(|_| fragment)?;
        let text = text.get(BEGIN.len()..).filter(|text| text.len() == TEXT_LENGTH)?;
        let bytes: [u8; SECRET_BYTES] = base32::decode(text, TEXT_LENGTH)?.try_into().ok()?;
        Some(Self(Zeroizing::new(bytes)))
    }

    /// What the store keeps and looks for.
    ///
    /// # Errors
    /// [`IdentityError::HashingFailed`].
    pub fn hash(&self, pepper: &Pepper) -> Result<BadgeHash, IdentityError> {
        keyed(pepper, DOMAIN, self.0.as_slice())
    }

    /// Its short code.
    pub fn code(&self) -> BadgeCode {
        let letters = Zeroizing::new(base32::encode(self.0.as_slice()));
        BadgeCode(Zeroizing::new(letters.chars().take(CODE_LENGTH).collect()))
    }
}

/// The short code of a badge: eight letters and digits. Never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct BadgeCode(Zeroizing<String>);

impl std::fmt::Debug for BadgeCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BadgeCode(hidden)")
    }
}

impl BadgeCode {
    /// As it is printed: `KT4M-7XQ2`.
    pub fn printed(&self) -> Zeroizing<String> {
        let (first, second) = self.0.split_at_checked(CODE_LENGTH / 2).unwrap_or((self.0.as_str(), ""));
        Zeroizing::new(format!("{first}-{second}"))
    }

    /// Reads what somebody typed: small letters, spaces and hyphens are taken, and the digits that no code has are read as
    /// the letters that look like them. `None` where it is no code.
    pub fn parse(typed: &str) -> Option<Self> {
        let letters = typed.chars().take(MOST_TYPED + 1);
        let letters = letters.filter(|letter| !matches!(letter, ' ' | '-')).map(|letter| match letter {
            '0' => 'O',
            '1' => 'I',
            '8' => 'B',
            other => other.to_ascii_uppercase(),
        });
        let code: String = letters.collect();
        let plain = code.bytes().all(|letter| matches!(letter, b'A'..=b'Z' | b'2'..=b'7'));
        (plain && code.len() == CODE_LENGTH).then(|| Self(Zeroizing::new(code)))
    }

    /// What the store keeps and looks for.
    ///
    /// # Errors
    /// [`IdentityError::HashingFailed`].
    pub fn hash(&self, pepper: &Pepper) -> Result<BadgeHash, IdentityError> {
        keyed(pepper, CODE_DOMAIN, self.0.as_bytes())
    }
}

fn keyed(pepper: &Pepper, domain: &[u8], secret: &[u8]) -> Result<BadgeHash, IdentityError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes())
        .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
    mac.update(domain);
    mac.update(secret);
    Ok(BadgeHash(hexadecimal(&mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_badge_reads_back_from_its_fragment_or_its_whole_address_and_hides_itself() {
        let badge = BadgeSecret::random(&mut Randomness::Seeded(1)).unwrap();
        let fragment = badge.fragment();
        let address = format!("https://gate.test/badge#{}", fragment.as_str());
        for scanned in
            [fragment.as_str(), &address, &fragment.to_lowercase(), &format!(" {}\r\n", fragment.as_str())]
        {
            assert_eq!(BadgeSecret::parse(scanned).as_ref(), Some(&badge), "{scanned}");
        }
        for wrong in [
            "",
            "#",
            "b1.",
            "b2.AAAAAAAAAAAAAAAAAAAAAAAAAA",
            &format!("{}A", fragment.as_str()),
            "\u{e9}\u{e9}",
        ] {
            assert_eq!(BadgeSecret::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{badge:?}"), "BadgeSecret(hidden)");
    }

    #[test]
    fn a_short_code_reads_back_as_people_type_it() {
        let badge = BadgeSecret::random(&mut Randomness::Seeded(1)).unwrap();
        let printed = badge.code().printed();
        assert_eq!(printed.len(), 9);
        let lower = printed.to_lowercase();
        for typed in [printed.as_str(), &lower, &printed.replace('-', " "), &printed.replace('-', "")] {
            assert_eq!(BadgeCode::parse(typed), Some(badge.code()), "{typed}");
        }
        assert_eq!(BadgeCode::parse("o123-4567"), BadgeCode::parse("OI23-4567"));
        for wrong in ["", "ABCD", "ABCD-EFGHI", "ABCD-EFG9", "ABCD-EF\u{e9}"] {
            assert_eq!(BadgeCode::parse(wrong), None, "{wrong}");
        }
        assert_eq!(format!("{:?}", badge.code()), "BadgeCode(hidden)");
        let pepper = Pepper::from_bytes(&[1; Pepper::BYTES]).unwrap();
        assert_ne!(badge.hash(&pepper).unwrap(), badge.code().hash(&pepper).unwrap());
    }

    #[test]
    fn what_is_kept_hangs_on_the_pepper() {
        let badge = BadgeSecret::random(&mut Randomness::Seeded(1)).unwrap();
        let hash = |byte: u8| badge.hash(&Pepper::from_bytes(&[byte; Pepper::BYTES]).unwrap()).unwrap();
        assert_eq!(hash(1), hash(1));
        assert_ne!(hash(1), hash(2));
    }

    proptest::proptest! {
        #[test]
        fn nothing_scanned_panics(scanned in "(b1\\.[A-Z2-7]{20,30}|\\PC{0,60})") {
            if let Some(badge) = BadgeSecret::parse(&scanned) {
                proptest::prop_assert!(badge.fragment().eq_ignore_ascii_case(&scanned));
            }
            if let Some(code) = BadgeCode::parse(&scanned) {
                proptest::prop_assert_eq!(BadgeCode::parse(&code.printed()), Some(code));
            }
        }
    }
}
