//! Knowing a password again without keeping it: a fingerprint under the installation's key.

use crate::session::{bytes_of, hexadecimal};
use crate::{IdentityError, Password, Pepper};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::PersonId;
use sha2::Sha256;
use text::fold::folded;

/// Keeps these fingerprints apart from everything else that the pepper is used for.
const DOMAIN: &[u8] = b"schoolgate password fingerprint 1";

/// What is kept of a password to know it again for the same person: the first 16 bytes of an HMAC-SHA-256 under the
/// pepper, over the person and the password without its case and accents. Worth nothing without the pepper; two people with
/// one password have two fingerprints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct SecretFingerprint(pub [u8; 16]);

impl SecretFingerprint {
    /// 32 small hexadecimal digits, as the store keeps it.
    pub fn to_text(self) -> String {
        hexadecimal(&self.0)
    }

    /// Reads what [`SecretFingerprint::to_text`] wrote; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        bytes_of(text).map(Self)
    }
}

/// The fingerprint of a person's password, the same for each of their accounts.
///
/// # Errors
/// [`IdentityError::HashingFailed`].
pub fn fingerprint(
    pepper: &Pepper,
    person: PersonId,
    password: &Password,
) -> Result<SecretFingerprint, IdentityError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes())
        .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
    mac.update(DOMAIN);
    mac.update(person.0.as_bytes());
    mac.update(folded(password.reveal()).as_bytes());
    let whole: [u8; 32] = mac.finalize().into_bytes().into();
    let first = whole.first_chunk::<16>().copied().unwrap_or_default();
    Ok(SecretFingerprint(first))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_hangs_on_key_person_and_password_and_reads_back() {
        let of = |key: u8, person: u128, text: &str| {
            let pepper = Pepper::from_bytes(&[key; Pepper::BYTES]).unwrap();
            let person = PersonId(uuid::Uuid::from_u128(person));
            fingerprint(&pepper, person, &Password::new(text).unwrap()).unwrap()
        };
        let one = of(1, 1, "Three quiet otters");
        assert_eq!(one, of(1, 1, "three quiet OTTERS"), "the same but for capitals is no other password");
        for other in
            [of(2, 1, "Three quiet otters"), of(1, 2, "Three quiet otters"), of(1, 1, "Three loud otters")]
        {
            assert_ne!(one, other);
        }
        assert_eq!(SecretFingerprint::parse(&one.to_text()), Some(one));
        for wrong in [
            "",
            "0",
            &"g".repeat(32),
            &"0".repeat(31),
            &"0".repeat(33),
            &"A".repeat(32),
            &"\u{e9}".repeat(16),
        ] {
            assert_eq!(SecretFingerprint::parse(wrong), None, "{wrong}");
        }
    }
}
