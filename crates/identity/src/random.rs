//! Where randomness comes from: the machine, or a seed in a test or a simulation.

use crate::{IdentityError, random_bytes};

/// A source of random numbers.
#[derive(Clone, Debug)]
pub enum Randomness {
    /// The machine's: the only one for secrets of real people.
    Machine,
    /// Numbers that follow from a seed: for simulations and tests, where two runs must be the same. Anybody who knows the
    /// seed knows them all.
    Seeded(u64),
}

impl Randomness {
    /// A number below `limit`, each as likely as any other; 0 where the limit is 0.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn below(&mut self, limit: u32) -> Result<u32, IdentityError> {
        let limit = u64::from(limit.max(1));
        // What lies above the greatest multiple of the limit would make the small numbers likelier.
        let most = u64::MAX - u64::MAX % limit;
        loop {
            let number = self.next()?;
            if number < most {
                return Ok(u32::try_from(number % limit).unwrap_or(0));
            }
        }
    }

    /// One of these.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`], also where there is nothing to choose from.
    pub fn one_of<'t, T>(&mut self, things: &'t [T]) -> Result<&'t T, IdentityError> {
        let count = u32::try_from(things.len()).unwrap_or(u32::MAX);
        let index = usize::try_from(self.below(count)?).unwrap_or(0);
        things.get(index).ok_or(IdentityError::NoRandomness)
    }

    /// Random bytes.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn bytes<const N: usize>(&mut self) -> Result<[u8; N], IdentityError> {
        if matches!(self, Self::Machine) {
            return random_bytes();
        }
        let mut bytes = [0; N];
        for piece in bytes.chunks_mut(8) {
            let number = self.next()?.to_le_bytes();
            piece.iter_mut().zip(number).for_each(|(to, from)| *to = from);
        }
        Ok(bytes)
    }

    fn next(&mut self) -> Result<u64, IdentityError> {
        match self {
            Self::Machine => random_bytes().map(u64::from_le_bytes),
            // SplitMix64: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators" (2014).
            Self::Seeded(state) => {
                *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
                let mixed = (*state ^ (*state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
                let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
                Ok(mixed ^ (mixed >> 31))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lie_below_their_limit_and_fall_everywhere() {
        for mut random in [Randomness::Machine, Randomness::Seeded(1)] {
            let mut seen = [0u32; 7];
            for _ in 0..7_000 {
                seen[random.below(7).unwrap() as usize] += 1;
            }
            assert!(seen.iter().all(|count| (800..1_200).contains(count)), "{seen:?}");
            assert_eq!(random.below(0).unwrap(), 0);
            assert!(random.one_of::<u8>(&[]).is_err());
            assert_ne!(random.bytes::<20>().unwrap(), random.bytes::<20>().unwrap());
        }
        let draw = |seed| Randomness::Seeded(seed).bytes::<32>().unwrap();
        assert_eq!(draw(5), draw(5));
        assert_ne!(draw(5), draw(6));
    }
}
