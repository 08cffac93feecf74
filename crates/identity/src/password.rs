//! Passwords as Argon2id hashes (RFC 9106) of a peppered password, in the PHC text form.
//!
//! The pepper is a key kept outside the database: HMAC-SHA-256 over the password under it is what Argon2id sees, so a
//! stolen database alone cannot be guessed at. A password is hashed whole and as it was typed, in Unicode's normal form C,
//! since two keyboards may compose an accent differently; nothing is trimmed and no capital is folded. Left out: dearer
//! parameters for administrators.

use crate::IdentityError;
use crate::hash_memory::in_memory;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};
use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::fmt;
use unicode_normalization::UnicodeNormalization as _;
use zeroize::Zeroizing;

/// Memory of one hash, in KiB: 19 MiB, the smaller of the two choices usual for sign-in.
const MEMORY_KIB: u32 = 19 * 1024;
/// Passes over that memory.
const PASSES: u32 = 2;
/// Lanes.
const LANES: u32 = 1;
/// The most memory a stored hash may ask for, so that a tampered record cannot exhaust the machine.
const MOST_MEMORY_KIB: u32 = 128 * 1024;
/// The most passes a stored hash may ask for.
const MOST_PASSES: u32 = 16;
/// The most lanes a stored hash may ask for.
const MOST_LANES: u32 = 8;

/// What an unknown login is compared with: the same work as a real hash. Nothing is accepted against it, whatever
/// it might match.
const DUMMY_HASH: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2Nob29sZ2F0ZS1ub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The key every password is mixed with before it is hashed. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct Pepper(Zeroizing<[u8; Pepper::BYTES]>);

impl Pepper {
    /// Its length.
    pub const BYTES: usize = 32;

    /// Takes a pepper as it lies in its file.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, IdentityError> {
        let key = <[u8; Self::BYTES]>::try_from(bytes)
            .map_err(|_| IdentityError::PepperLength { expected: Self::BYTES, found: bytes.len() })?;
        Ok(Self(Zeroizing::new(key)))
    }

    /// Makes a new one from the machine's randomness.
    pub fn random() -> Result<Self, IdentityError> {
        let mut key = Zeroizing::new([0; Self::BYTES]);
        getrandom::fill(key.as_mut_slice()).map_err(|_| IdentityError::NoRandomness)?;
        Ok(Self(key))
    }

    /// The bytes to write to its file, readable by the service user alone.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_slice()
    }
}

impl fmt::Debug for Pepper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pepper(hidden)")
    }
}

/// A password as somebody typed it. Wiped from memory when dropped; never printed.
#[derive(Clone)]
pub struct Password(Zeroizing<String>);

impl Password {
    /// The most bytes that are taken; long enough for any sentence, and at least 64 characters of any script.
    pub const MOST_BYTES: usize = 256;

    /// Takes what was typed, in Unicode's normal form C and otherwise as it is.
    ///
    /// # Errors
    /// [`IdentityError::PasswordTooLong`].
    pub fn new(typed: &str) -> Result<Self, IdentityError> {
        let too_long = |found| IdentityError::PasswordTooLong { most: Self::MOST_BYTES, found };
        if typed.len() > Self::MOST_BYTES {
            return Err(too_long(typed.len()));
        }
        let normal: Zeroizing<String> = Zeroizing::new(typed.nfc().collect());
        // A few characters grow in this form.
        if normal.len() > Self::MOST_BYTES { Err(too_long(normal.len())) } else { Ok(Self(normal)) }
    }

    /// Its characters: for the rules here, and for the one page or slip that hands over a password that was made.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// A hash in the PHC text form, as the store keeps it: `$argon2id$v=19$m=19456,t=2,p=1$SALT$HASH`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredHash(pub String);

impl StoredHash {
    /// How every hash begins that [`hash`] makes with today's parameters: what the password check looks for.
    pub fn current_prefix() -> String {
        format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$")
    }
}

/// Hashes a password for the store. `salt` is random and used once. Takes tens of milliseconds and 19 MiB.
pub fn hash(pepper: &Pepper, password: &Password, salt: [u8; 16]) -> Result<StoredHash, IdentityError> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, Some(32)).map_err(|error| failed(&error))?;
    let output = hashed(pepper, password, &salt, params.clone())?;
    let hash = PasswordHash {
        algorithm: Algorithm::Argon2id.ident(),
        version: Some(Version::V0x13.into()),
        params: ParamsString::try_from(params).map_err(|error| failed(&error))?,
        salt: Some(Salt::new(&salt).map_err(|error| failed(&error))?),
        hash: Some(output),
    };
    Ok(StoredHash(hash.to_string()))
}

/// True when the password is the one that was hashed. With no stored hash (an unknown login) the same work is done and
/// the answer is false. The comparison takes the same time wherever two hashes differ.
pub fn verify(
    pepper: &Pepper,
    password: &Password,
    stored: Option<&StoredHash>,
) -> Result<bool, IdentityError> {
    let text = stored.map_or(DUMMY_HASH, |hash| hash.0.as_str());
    let hash = PasswordHash::new(text).map_err(|error| unreadable(&error))?;
    let params = Params::try_from(&hash).map_err(|error| unreadable(&error))?;
    if hash.algorithm.as_str() != Algorithm::Argon2id.as_str() {
        return Err(IdentityError::UnreadableHash { found: "another algorithm".to_owned() });
    }
    if params.m_cost() > MOST_MEMORY_KIB || params.t_cost() > MOST_PASSES || params.p_cost() > MOST_LANES {
        return Err(IdentityError::UnreadableHash { found: "parameters above our bounds".to_owned() });
    }
    let (Some(salt), Some(expected)) = (&hash.salt, &hash.hash) else {
        return Err(IdentityError::UnreadableHash { found: "no salt or no hash".to_owned() });
    };
    let matches = hashed(pepper, password, salt, params)? == *expected;
    Ok(matches && stored.is_some())
}

/// Argon2id of the peppered password, as long as the parameters say.
fn hashed(
    pepper: &Pepper,
    password: &Password,
    salt: &[u8],
    params: Params,
) -> Result<Output, IdentityError> {
    let blocks = params.block_count();
    let mut bytes = [0; Output::MAX_LENGTH];
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    let out = bytes.get_mut(..length).ok_or_else(|| failed(&"an output that is too long"))?;
    let peppered = peppered(pepper, password)?;
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    in_memory(blocks, MEMORY_KIB as usize, |memory| {
        argon2.hash_password_into_with_memory(peppered.as_slice(), salt, out, memory)
    })
    .map_err(|error| failed(&error))?;
    Output::new(out).map_err(|error| failed(&error))
}

fn peppered(pepper: &Pepper, password: &Password) -> Result<Zeroizing<[u8; 32]>, IdentityError> {
    let mut mac = Hmac::<Sha256>::new_from_slice(pepper.as_bytes()).map_err(|error| failed(&error))?;
    mac.update(password.0.as_bytes());
    Ok(Zeroizing::new(mac.finalize().into_bytes().into()))
}

fn failed(error: &dyn fmt::Display) -> IdentityError {
    IdentityError::HashingFailed { found: error.to_string() }
}

fn unreadable(error: &dyn fmt::Display) -> IdentityError {
    IdentityError::UnreadableHash { found: error.to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pepper(byte: u8) -> Pepper {
        Pepper::from_bytes(&[byte; 32]).unwrap()
    }

    fn password(text: &str) -> Password {
        Password::new(text).unwrap()
    }

    #[test]
    fn only_the_same_password_under_the_same_pepper_is_accepted() {
        let stored = hash(&pepper(1), &password("three quiet otters"), [7; 16]).unwrap();
        assert!(stored.0.starts_with(&StoredHash::current_prefix()), "{}", stored.0);
        assert!(verify(&pepper(1), &password("three quiet otters"), Some(&stored)).unwrap());
        assert!(!verify(&pepper(1), &password("three quiet otter"), Some(&stored)).unwrap());
        assert!(!verify(&pepper(2), &password("three quiet otters"), Some(&stored)).unwrap());
    }

    #[test]
    fn an_unknown_login_does_the_same_work_and_is_refused() {
        assert!(!verify(&pepper(1), &password("anything"), None).unwrap());
        let dummy = PasswordHash::new(DUMMY_HASH).unwrap();
        let params = Params::try_from(&dummy).unwrap();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (MEMORY_KIB, PASSES, LANES));
        assert_eq!(dummy.hash.unwrap().as_bytes().len(), 32);
    }

    /// With glibc before 2.38 each hash would stay, had it memory of its own: small things are allocated in between.
    #[test]
    fn a_hundred_sign_ins_take_no_more_memory_than_one() {
        let resident_kib = || {
            let status = std::fs::read_to_string("/proc/self/status").unwrap();
            let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
            line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap()
        };
        let stored = hash(&pepper(1), &password("three quiet otters"), [7; 16]).unwrap();
        let before = resident_kib();
        let mut between = Vec::new();
        for number in 0..100 {
            between.push(format!("made-up-{number}").repeat(20));
            assert!(verify(&pepper(1), &password("three quiet otters"), Some(&stored)).unwrap());
        }
        let grown = resident_kib().saturating_sub(before);
        assert!(between.len() == 100 && grown < 2 * u64::from(MEMORY_KIB), "{grown} KiB");
    }

    #[test]
    fn n3_an_accent_is_the_same_however_the_keyboard_made_it_and_a_space_or_a_capital_is_not() {
        let stored = hash(&pepper(1), &password("caf\u{e9} au lait"), [7; 16]).unwrap();
        assert!(verify(&pepper(1), &password("cafe\u{301} au lait"), Some(&stored)).unwrap());
        for other in ["cafe au lait", "Caf\u{e9} au lait", "caf\u{e9} au lait "] {
            assert!(!verify(&pepper(1), &password(other), Some(&stored)).unwrap(), "{other}");
        }
    }

    #[test]
    fn the_salt_makes_two_hashes_of_one_password_differ() {
        let one = hash(&pepper(1), &password("same"), [1; 16]).unwrap();
        let other = hash(&pepper(1), &password("same"), [2; 16]).unwrap();
        assert_ne!(one, other);
    }

    #[test]
    fn a_tampered_hash_that_asks_for_too_much_work_is_refused() {
        for text in [
            "",
            "plain text",
            "$argon2id$v=19$m=4194304,t=2,p=1$c2Nob29sZ2F0ZS1ub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            "$argon2i$v=19$m=19456,t=2,p=1$c2Nob29sZ2F0ZS1ub2JvZHk$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            let stored = StoredHash(text.to_owned());
            let answer = verify(&pepper(1), &password("x"), Some(&stored));
            assert!(matches!(answer, Err(IdentityError::UnreadableHash { .. })), "{text}: {answer:?}");
        }
    }

    #[test]
    fn secrets_are_never_printed_and_never_unbounded() {
        assert_eq!(format!("{:?} {:?}", pepper(9), password("hunter")), "Pepper(hidden) Password(hidden)");
        assert!(Password::new(&"a".repeat(256)).is_ok() && Password::new(&"a".repeat(257)).is_err());
        let grows = "\u{1d15e}".repeat(64);
        assert!(grows.len() == 256 && Password::new(&grows).is_err());
        assert_eq!(
            Pepper::from_bytes(&[1; 31]).unwrap_err(),
            IdentityError::PepperLength { expected: 32, found: 31 }
        );
    }

    proptest::proptest! {
        #[test]
        fn no_stored_text_ever_panics(text in "(\\PC{0,60}|\\$argon2id\\$v=19\\$m=[0-9]{1,3},t=[0-9],p=[0-9]\\$[A-Za-z0-9+/]{0,40}\\$[A-Za-z0-9+/]{0,60})") {
            let _ = verify(&pepper(1), &password("x"), Some(&StoredHash(text)));
        }
    }
}
