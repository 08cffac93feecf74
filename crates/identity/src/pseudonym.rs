//! What routine screens call somebody instead of their name, and fresh random bytes for ids and references.
//!
//! A pseudonym is the same for the same person at the same school for as long as the installation keeps its pepper, and
//! says nothing to whoever does not have it: it is cut from HMAC-SHA-256 over the school and the person under that key.

use crate::{IdentityError, Pepper};
use hmac::{Hmac, KeyInit, Mac};
use model::PersonId;
use sha2::Sha256;
use zeroize::Zeroizing;

/// Keeps these codes apart from everything else that the pepper is used for.
const DOMAIN: &[u8] = b"schoolgate pseudonym 1";
/// The same for keys.
const KEY_DOMAIN: &[u8] = b"schoolgate derived key 1";

/// The code of a person at a school, such as `4F2A-91C3`. Among two thousand people two share one about once in two
/// thousand schools.
pub fn pseudonym(pepper: &Pepper, school: &str, person: PersonId) -> Result<String, IdentityError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes())
        .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
    for part in [DOMAIN, school.as_bytes(), person.0.as_bytes()] {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    let bytes = mac.finalize().into_bytes();
    let digits: String = bytes.iter().take(4).map(|byte| format!("{byte:02X}")).collect();
    let (first, second) = digits.split_at(4);
    Ok(format!("{first}-{second}"))
}

/// A key of 32 bytes for one purpose, which says nothing of the pepper or of any other key.
///
/// # Errors
/// [`IdentityError::HashingFailed`].
pub fn key_for(pepper: &Pepper, purpose: &str) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes())
        .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
    for part in [KEY_DOMAIN, purpose.as_bytes()] {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

/// Bytes of the machine's randomness.
pub fn random_bytes<const N: usize>() -> Result<[u8; N], IdentityError> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| IdentityError::NoRandomness)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_steady_and_hangs_on_key_school_and_person() {
        let pepper = |byte: u8| Pepper::from_bytes(&[byte; Pepper::BYTES]).unwrap();
        let person = |number: u128| PersonId(uuid::Uuid::from_u128(number));
        let code = pseudonym(&pepper(1), "ash", person(1)).unwrap();
        assert_eq!(code, pseudonym(&pepper(1), "ash", person(1)).unwrap());
        assert_eq!(code.len(), 9);
        for other in [
            pseudonym(&pepper(2), "ash", person(1)),
            pseudonym(&pepper(1), "elm", person(1)),
            pseudonym(&pepper(1), "ash", person(2)),
        ] {
            assert_ne!(other.unwrap(), code);
        }
        let key = key_for(&pepper(1), "packs").unwrap();
        assert_eq!(key, key_for(&pepper(1), "packs").unwrap());
        assert!(key != key_for(&pepper(2), "packs").unwrap() && key != key_for(&pepper(1), "other").unwrap());
        assert_ne!(random_bytes::<10>().unwrap(), random_bytes::<10>().unwrap());
    }
}
