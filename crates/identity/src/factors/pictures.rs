//! A picture PIN: three pictures out of twelve, in order, for a child who cannot read.
//!
//! 1,320 in all (10.4 bits), so it is only ever asked beside a badge or on the child's own device, it is hashed slowly like a
//! password, and wrong ones are counted under their own factor.

use crate::{IdentityError, Password, Randomness};

/// Pictures that a child chooses from.
pub const PICTURES: u8 = 12;
/// Pictures of a PIN.
const LENGTH: usize = 3;

/// Three different pictures in order, each 0 to 11.
#[derive(Clone, PartialEq, Eq)]
pub struct PicturePin([u8; LENGTH]);

impl std::fmt::Debug for PicturePin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PicturePin(hidden)")
    }
}

impl PicturePin {
    /// Three different pictures; `None` where one is there twice or is none of the twelve.
    pub fn new(pictures: [u8; LENGTH]) -> Option<Self> {
        let [one, two, three] = pictures;
        let different = one != two && two != three && one != three;
        (different && pictures.iter().all(|picture| *picture < PICTURES)).then_some(Self(pictures))
    }

    /// Reads what a form sends: numbers with commas, `4,0,11`.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > 16 {
            return None;
        }
        let numbers: Vec<u8> = text.split(',').map(|number| number.parse().ok()).collect::<Option<_>>()?;
        Self::new(numbers.try_into().ok()?)
    }

    /// One of the 1,320, each as likely.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn random(random: &mut Randomness) -> Result<Self, IdentityError> {
        loop {
            let mut draw =
                || random.below(u32::from(PICTURES)).map(|number| u8::try_from(number).unwrap_or(0));
            if let Some(pin) = Self::new([draw()?, draw()?, draw()?]) {
                return Ok(pin);
            }
        }
    }

    /// The pictures in order, for the slip that is handed over.
    pub fn reveal(&self) -> [u8; LENGTH] {
        self.0
    }

    /// As [`crate::hash`] and [`crate::verify`] take it.
    ///
    /// # Errors
    /// None in practice: it is far shorter than the longest password.
    pub fn as_password(&self) -> Result<Password, IdentityError> {
        let [one, two, three] = self.0;
        Password::new(&format!("pictures {one},{two},{three}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn three_different_pictures_in_order() {
        assert!(PicturePin::parse("4,0,11").is_some());
        for wrong in
            ["", "4,0", "4,4,1", "4,0,12", "4,0,1,2", "a,b,c", "-1,0,2", "4, 0,1", "000000000000000001,2,3"]
        {
            assert_eq!(PicturePin::parse(wrong), None, "{wrong}");
        }
        let (one, other) = (PicturePin::parse("1,2,3").unwrap(), PicturePin::parse("3,2,1").unwrap());
        assert_ne!(one.as_password().unwrap().reveal(), other.as_password().unwrap().reveal());
        assert_eq!(format!("{one:?}"), "PicturePin(hidden)");
    }

    #[test]
    fn all_1320_are_drawn() {
        let mut random = Randomness::Seeded(1);
        let seen: BTreeSet<[u8; 3]> =
            (0..20_000).map(|_| PicturePin::random(&mut random).unwrap().reveal()).collect();
        assert_eq!(seen.len(), 1_320);
    }
}
