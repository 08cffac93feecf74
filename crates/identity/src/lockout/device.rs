//! What a browser carries so that an account knows the device again: a random name, and a mark for each account that has
//! signed in on it.

use super::{cut, keyed};
use crate::session::{bytes_of, hexadecimal};
use crate::{IdentityError, Pepper, Randomness};
use model::PersonId;

/// The most accounts that one browser is marked for; the one marked longest ago makes room.
const MOST_MARKS: usize = 8;
/// How the text begins.
const BEGIN: &str = "d1";
const DOMAIN: &[u8] = b"schoolgate known device 1";

/// The cookie of a browser. It lets nobody in: it only chooses the lane in which wrong passwords are counted.
#[derive(Clone, PartialEq, Eq)]
pub struct DeviceCookie {
    device: [u8; 16],
    marks: Vec<[u8; 16]>,
}

/// A device that an account knows: the bytes for [`super::Origin::KnownDevice`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DeviceMark(pub [u8; 16]);

impl std::fmt::Debug for DeviceCookie {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "DeviceCookie({} accounts)", self.marks.len())
    }
}

impl DeviceCookie {
    /// Of a browser that nobody has signed in on yet.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn new(random: &mut Randomness) -> Result<Self, IdentityError> {
        Ok(Self { device: random.bytes()?, marks: Vec::new() })
    }

    /// Reads a cookie; `None` when none looks so. What it says is proved only by [`DeviceCookie::known_to`].
    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        if parts.next()? != BEGIN {
            return None;
        }
        let device = bytes_of(parts.next()?)?;
        let marks: Vec<[u8; 16]> = parts.take(MOST_MARKS + 1).map(bytes_of).collect::<Option<_>>()?;
        (marks.len() <= MOST_MARKS).then_some(Self { device, marks })
    }

    /// The cookie's value: `d1.` and hexadecimal numbers with dots between them.
    pub fn to_text(&self) -> String {
        let numbers = std::iter::once(&self.device).chain(&self.marks);
        numbers.fold(BEGIN.to_owned(), |text, bytes| format!("{text}.{}", hexadecimal(bytes)))
    }

    /// Marks that this person has signed in here, after they did so with everything that was asked of them.
    pub fn mark(&mut self, pepper: &Pepper, person: PersonId) {
        let mark = mark_of(pepper, &self.device, person);
        self.marks.retain(|other| *other != mark);
        if self.marks.len() >= MOST_MARKS {
            self.marks.remove(0);
        }
        self.marks.push(mark);
    }

    /// The device, where this person has signed in on it before.
    pub fn known_to(&self, pepper: &Pepper, person: PersonId) -> Option<DeviceMark> {
        let mark = mark_of(pepper, &self.device, person);
        self.marks.contains(&mark).then_some(DeviceMark(self.device))
    }
}

fn mark_of(pepper: &Pepper, device: &[u8; 16], person: PersonId) -> [u8; 16] {
    cut(keyed(pepper.as_bytes(), &[DOMAIN, device, person.0.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(byte: u8) -> Pepper {
        Pepper::from_bytes(&[byte; Pepper::BYTES]).unwrap()
    }

    fn person(number: u128) -> PersonId {
        PersonId(uuid::Uuid::from_u128(number))
    }

    #[test]
    fn a_device_is_known_to_those_who_signed_in_on_it_and_to_nobody_else() {
        let mut cookie = DeviceCookie::new(&mut Randomness::Seeded(1)).unwrap();
        cookie.mark(&pepper(1), person(1));
        let read = DeviceCookie::parse(&cookie.to_text()).unwrap();
        assert_eq!(read, cookie);
        assert!(read.known_to(&pepper(1), person(1)).is_some());
        assert!(read.known_to(&pepper(1), person(2)).is_none());
        assert!(read.known_to(&pepper(2), person(1)).is_none(), "made up, or of another installation");
        for number in 2..=9 {
            cookie.mark(&pepper(1), person(number));
        }
        assert!(cookie.known_to(&pepper(1), person(1)).is_none(), "the oldest mark made room");
        assert!(DeviceCookie::parse(&cookie.to_text()).unwrap().known_to(&pepper(1), person(9)).is_some());
    }

    #[test]
    fn marks_of_one_browser_are_worth_nothing_in_another() {
        let mut random = Randomness::Seeded(2);
        let (mut one, mut other) =
            (DeviceCookie::new(&mut random).unwrap(), DeviceCookie::new(&mut random).unwrap());
        one.mark(&pepper(1), person(1));
        other.marks = one.marks;
        assert!(other.known_to(&pepper(1), person(1)).is_none());
    }

    proptest::proptest! {
        #[test]
        fn only_what_was_written_is_read(text in "(d1(\\.[0-9a-f]{32}){0,10}|\\PC{0,60})") {
            if let Some(cookie) = DeviceCookie::parse(&text) {
                proptest::prop_assert_eq!(cookie.to_text(), text);
            }
        }
    }
}
