//! What was begun and waits for its other half: an authenticator whose first code is not typed yet, a passkey that a browser
//! was asked for. In memory alone: whoever is caught by a restart opens the page again.
//!
//! Invariants: each belongs to one session, or to one random number in a page; it counts once and for a quarter of an hour;
//! there are never more than a few thousand.

use identity::{PasskeyAsking, PasskeyMaking, TotpSecret};
use model::Timestamp;
use std::collections::HashMap;

/// How long the other half may take.
const LASTS_MS: i64 = 15 * 60_000;
/// How many may wait of one occasion; the oldest makes room.
const MOST: usize = 4_096;

/// What waits.
#[derive(Default)]
pub(crate) struct Ceremonies(HashMap<(Occasion, String), (Timestamp, Ceremony)>);

/// What something waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Occasion {
    /// The first code of an authenticator.
    NewAuthenticator,
    /// A passkey that is being made.
    NewPasskey,
    /// A passkey that is shown as the second step, or once more.
    ShowPasskey,
    /// A passkey that signs in by itself.
    SignInByPasskey,
}

/// Its other half.
pub(crate) enum Ceremony {
    Authenticator(TotpSecret),
    Making(PasskeyMaking),
    Asking(PasskeyAsking),
}

impl Ceremonies {
    /// Keeps one, in the place of an earlier one of the same.
    pub(crate) fn put(&mut self, occasion: Occasion, of: &str, ceremony: Ceremony, now: Timestamp) {
        self.0.retain(|_, (begun, _)| begun.plus_ms(LASTS_MS) > now);
        if self.0.keys().filter(|(held, _)| *held == occasion).count() >= MOST {
            // Of the same occasion alone: whoever looks at the sign-in page often takes nothing from those within.
            let alike = self.0.iter().filter(|((held, _), _)| *held == occasion);
            let oldest = alike.min_by_key(|(_, (begun, _))| *begun).map(|(key, _)| key.clone());
            oldest.map(|oldest| self.0.remove(&oldest));
        }
        self.0.insert((occasion, of.to_owned()), (now, ceremony));
    }

    /// Takes one that still counts.
    pub(crate) fn take(&mut self, occasion: Occasion, of: &str, now: Timestamp) -> Option<Ceremony> {
        let (begun, ceremony) = self.0.remove(&(occasion, of.to_owned()))?;
        (begun.plus_ms(LASTS_MS) > now).then_some(ceremony)
    }

    /// The secret of an authenticator that still counts; it stays, since people mistype.
    pub(crate) fn authenticator(&self, of: &str, now: Timestamp) -> Option<TotpSecret> {
        let (begun, ceremony) = self.0.get(&(Occasion::NewAuthenticator, of.to_owned()))?;
        match ceremony {
            Ceremony::Authenticator(secret) if begun.plus_ms(LASTS_MS) > now => Some(secret.clone()),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Randomness;

    fn secret() -> Ceremony {
        Ceremony::Authenticator(TotpSecret::random(&mut Randomness::Seeded(1)).unwrap())
    }

    #[test]
    fn each_counts_once_for_a_quarter_of_an_hour_and_there_are_never_too_many() {
        let mut all = Ceremonies::default();
        let at = Timestamp(1_000_000);
        all.put(Occasion::NewAuthenticator, "a", secret(), at);
        assert!(all.authenticator("a", at.plus_ms(LASTS_MS - 1)).is_some());
        assert!(all.authenticator("a", at.plus_ms(LASTS_MS)).is_none(), "too late");
        assert!(all.take(Occasion::NewAuthenticator, "b", at).is_none(), "another's");
        assert!(all.take(Occasion::NewAuthenticator, "a", at).is_some());
        assert!(all.take(Occasion::NewAuthenticator, "a", at).is_none(), "once");
        for number in 0..MOST + 10 {
            let later = at.plus_ms(i64::try_from(number).unwrap());
            all.put(Occasion::NewAuthenticator, &number.to_string(), secret(), later);
        }
        assert_eq!(all.0.len(), MOST);
        assert!(all.authenticator("0", at.plus_ms(1)).is_none(), "the oldest made room");
    }
}
