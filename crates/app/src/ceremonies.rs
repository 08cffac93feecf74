//! What was begun and waits for its other half: an authenticator whose first code is not typed yet, a passkey that a browser
//! was asked for. In memory alone: whoever is caught by a restart opens the page again.
//!
//! Invariants: each belongs to one session, or to one random number in a page; it counts once and for a quarter of an hour;
//! there are never more than a few thousand, and whoever asks for many takes the room of their own network's alone.

use identity::{PasskeyAsking, PasskeyMaking, TotpSecret};
use model::Timestamp;
use std::collections::HashMap;
use std::net::IpAddr;

/// How long the other half may take.
const LASTS_MS: i64 = 15 * 60_000;
/// How many may wait of one occasion; the oldest of the network that has most of them makes room.
const MOST: usize = 4_096;

/// What waits.
#[derive(Default)]
pub(crate) struct Ceremonies(HashMap<(Occasion, String), Waiting>);

struct Waiting {
    begun: Timestamp,
    /// Where somebody asked who is not known yet; `None` for what belongs to a session.
    network: Option<IpAddr>,
    ceremony: Ceremony,
}

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
    /// Keeps one of a session, in the place of an earlier one of the same.
    pub(crate) fn put(&mut self, occasion: Occasion, of: &str, ceremony: Ceremony, now: Timestamp) {
        self.keep((occasion, of), None, ceremony, now);
    }

    /// Keeps one of somebody who is not known yet, and came from this address.
    pub(crate) fn put_from(
        &mut self,
        key: (Occasion, &str),
        from: IpAddr,
        ceremony: Ceremony,
        now: Timestamp,
    ) {
        self.keep(key, Some(network_of(from)), ceremony, now);
    }

    fn keep(
        &mut self,
        (occasion, of): (Occasion, &str),
        network: Option<IpAddr>,
        ceremony: Ceremony,
        now: Timestamp,
    ) {
        self.0.retain(|_, waiting| waiting.begun.plus_ms(LASTS_MS) > now);
        if self.0.keys().filter(|(held, _)| *held == occasion).count() >= MOST {
            self.make_room(occasion);
        }
        self.0.insert((occasion, of.to_owned()), Waiting { begun: now, network, ceremony });
    }

    /// Of the same occasion alone: whoever looks at the sign-in page often takes nothing from those within. And of the network
    /// that has most: they take nothing from anybody elsewhere.
    fn make_room(&mut self, occasion: Occasion) {
        let mut of_network: HashMap<Option<IpAddr>, usize> = HashMap::new();
        for waiting in self.0.iter().filter(|((held, _), _)| *held == occasion).map(|(_, waiting)| waiting) {
            let count = of_network.entry(waiting.network).or_default();
            *count = count.saturating_add(1);
        }
        let most = of_network.values().copied().max().unwrap_or(0);
        let crowded =
            |waiting: &Waiting| of_network.get(&waiting.network).is_some_and(|count| *count == most);
        let alike = self.0.iter().filter(|((held, _), waiting)| *held == occasion && crowded(waiting));
        let oldest = alike.min_by_key(|(_, waiting)| waiting.begun).map(|(key, _)| key.clone());
        oldest.map(|oldest| self.0.remove(&oldest));
    }

    /// Takes one that still counts.
    pub(crate) fn take(&mut self, occasion: Occasion, of: &str, now: Timestamp) -> Option<Ceremony> {
        let Waiting { begun, ceremony, .. } = self.0.remove(&(occasion, of.to_owned()))?;
        (begun.plus_ms(LASTS_MS) > now).then_some(ceremony)
    }

    /// The secret of an authenticator that still counts; it stays, since people mistype.
    pub(crate) fn authenticator(&self, of: &str, now: Timestamp) -> Option<TotpSecret> {
        let Waiting { begun, ceremony, .. } = self.0.get(&(Occasion::NewAuthenticator, of.to_owned()))?;
        match ceremony {
            Ceremony::Authenticator(secret) if begun.plus_ms(LASTS_MS) > now => Some(secret.clone()),
            _ => None,
        }
    }
}

/// What one household or company has to itself: an address, and of IPv6 the first 48 bits.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, ..] = address.segments();
            IpAddr::from([a, b, c, 0, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Randomness;

    #[test]
    fn whoever_opens_the_sign_in_page_again_and_again_pushes_out_nobody_elsewhere() {
        let (mut all, at) = (Ceremonies::default(), Timestamp(1_000_000));
        let by_passkey = Occasion::SignInByPasskey;
        let honest: [IpAddr; 2] = ["198.51.100.7".parse().unwrap(), "2001:db8:7::1".parse().unwrap()];
        for (number, from) in honest.into_iter().enumerate() {
            all.put_from((by_passkey, &format!("honest {number}")), from, secret(), at);
        }
        let crowd = |number: usize| -> IpAddr {
            let low = u16::try_from(number % 60_000).unwrap();
            match number % 3 {
                0 => "203.0.113.9".parse().unwrap(),
                // One network, many of its addresses.
                _ => IpAddr::from([0x2001, 0xdb8, 9, low, low, low, low, low]),
            }
        };
        for number in 0..MOST + 300 {
            let later = at.plus_ms(1 + i64::try_from(number).unwrap() / 100);
            all.put_from((by_passkey, &number.to_string()), crowd(number), secret(), later);
        }
        assert_eq!(all.0.len(), MOST, "hundreds made room");
        for number in 0..honest.len() {
            let of = format!("honest {number}");
            assert!(all.take(by_passkey, &of, at.plus_ms(1_000)).is_some(), "{of}");
        }
    }

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
