//! Recovery codes: ten codes of 80 random bits, shown once, each good for one sign-in where the authenticator is lost.
//!
//! 80 bits are less than the 112 from which ASVS 6.5.2 lets a plain hash do, so what is kept is an HMAC under the pepper and
//! the person: nothing can be tried against a stolen database alone.

use super::base32;
use crate::session::hexadecimal;
use crate::{IdentityError, Pepper, Randomness};
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::PersonId;
use sha2::Sha256;
use zeroize::Zeroizing;

/// How many are made at once.
const COUNT: usize = 10;
const CODE_BYTES: usize = 10;
const DOMAIN: &[u8] = b"schoolgate recovery code 1";

/// A code: 16 letters and digits in groups of four, `MZXW-6YTB-OIAA-BBCC`. Never printed by accident.
#[derive(Clone, PartialEq, Eq)]
pub struct RecoveryCode([u8; CODE_BYTES]);

/// What is kept of a code: 64 small hexadecimal digits. Struck out once used.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct RecoveryHash(pub String);

impl std::fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RecoveryCode(hidden)")
    }
}

impl RecoveryCode {
    /// Ten new codes; those of before count no more.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn ten(random: &mut Randomness) -> Result<Vec<Self>, IdentityError> {
        (0..COUNT).map(|_| random.bytes().map(Self)).collect()
    }

    /// Reads what somebody typed: any case, with or without hyphens and spaces. `None` where it is no code.
    pub fn parse(typed: &str) -> Option<Self> {
        base32::decode(typed, 16)?.try_into().ok().map(Self)
    }

    /// As it is written on the sheet.
    pub fn reveal(&self) -> Zeroizing<String> {
        let text = base32::encode(&self.0);
        let mut grouped = Zeroizing::new(String::with_capacity(20));
        for (place, letter) in text.chars().enumerate() {
            if place > 0 && place % 4 == 0 {
                grouped.push('-');
            }
            grouped.push(letter);
        }
        grouped
    }

    /// What the store keeps and looks for.
    ///
    /// # Errors
    /// [`IdentityError::HashingFailed`].
    pub fn hash(&self, pepper: &Pepper, person: PersonId) -> Result<RecoveryHash, IdentityError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes())
            .map_err(|error| IdentityError::HashingFailed { found: error.to_string() })?;
        for part in [DOMAIN, person.0.as_bytes(), &self.0] {
            mac.update(part);
        }
        Ok(RecoveryHash(hexadecimal(&mac.finalize().into_bytes())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n12_ten_codes_of_eighty_bits_read_back_as_people_type_them() {
        let codes = RecoveryCode::ten(&mut Randomness::Seeded(1)).unwrap();
        assert_eq!(codes.len(), 10);
        for code in &codes {
            let text = code.reveal();
            assert_eq!(text.len(), 19);
            let typed = [text.to_string(), text.to_lowercase().replace('-', " "), text.replace('-', "")];
            assert!(typed.iter().all(|typed| RecoveryCode::parse(typed).as_ref() == Some(code)));
        }
        for wrong in ["", "MZXW", "MZXW-6YTB-OIAA-BBC1", "MZXW-6YTB-OIAA-BBCC-A"] {
            assert!(RecoveryCode::parse(wrong).is_none(), "{wrong}");
        }
        assert_eq!(format!("{:?}", codes[0]), "RecoveryCode(hidden)");
    }

    #[test]
    fn v6_5_2_what_is_kept_hangs_on_pepper_and_person() {
        let code = RecoveryCode([7; CODE_BYTES]);
        let hash = |key: u8, person: u128| {
            let pepper = Pepper::from_bytes(&[key; Pepper::BYTES]).unwrap();
            code.hash(&pepper, PersonId(uuid::Uuid::from_u128(person))).unwrap()
        };
        assert_eq!(hash(1, 1), hash(1, 1));
        assert_ne!(hash(1, 1), hash(2, 1));
        assert_ne!(hash(1, 1), hash(1, 2));
        assert_eq!(hash(1, 1).0.len(), 64);
    }
}
