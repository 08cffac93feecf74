//! The key a school signs with (Ed25519, RFC 8032), and the public half that others check by.
//!
//! Invariant: what is signed begins with what it is for, so that no signature passes for one of another kind.

use crate::WireError;
use crate::hex::{bytes_of, hexadecimal};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

const PUBLIC_BYTES: usize = 32;
const SIGNATURE_BYTES: usize = 64;

/// What a signature is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    /// A checkpoint of the audit log.
    Checkpoint,
    /// A pack's manifest.
    Manifest,
}

impl Purpose {
    fn tag(self) -> &'static [u8] {
        match self {
            Self::Checkpoint => b"schoolgate audit checkpoint 1\0",
            Self::Manifest => b"schoolgate pack manifest 1\0",
        }
    }
}

/// The private key. It is never printed.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SigningKey").field(&self.public()).finish()
    }
}

impl SigningKey {
    /// A new key as PKCS #8 (RFC 8410), to be kept and read again by [`SigningKey::read`].
    pub fn fresh() -> Result<Zeroizing<Vec<u8>>, WireError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new());
        document
            .map(|document| Zeroizing::new(document.as_ref().to_vec()))
            .map_err(|_| WireError::NoRandomness)
    }

    /// Reads a key as [`SigningKey::fresh`] made it.
    pub fn read(pkcs8: &[u8]) -> Result<Self, WireError> {
        Ed25519KeyPair::from_pkcs8(pkcs8).map(Self).map_err(|_| WireError::NotAKey)
    }

    /// The half that everybody may have.
    pub fn public(&self) -> PublicKey {
        let mut bytes = [0; PUBLIC_BYTES];
        for (byte, of_key) in bytes.iter_mut().zip(self.0.public_key().as_ref()) {
            *byte = *of_key;
        }
        PublicKey(bytes)
    }

    /// The signature as hexadecimal digits.
    pub(crate) fn sign(&self, purpose: Purpose, bytes: &[u8]) -> String {
        hexadecimal(self.0.sign(&[purpose.tag(), bytes].concat()).as_ref())
    }
}

/// The public key: 32 bytes, written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct PublicKey([u8; PUBLIC_BYTES]);

impl PublicKey {
    /// Reads 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        bytes_of(text).map(Self)
    }

    /// What people compare: the SHA-256 of the key, its first 20 bytes in groups of four digits,
    /// `9F2C 01AB ...`.
    pub fn fingerprint(&self) -> String {
        let digits = hexadecimal(&Sha256::digest(self.0)).to_uppercase();
        let groups: Vec<String> = digits
            .as_bytes()
            .chunks(4)
            .take(10)
            .map(|group| String::from_utf8_lossy(group).into_owned())
            .collect();
        groups.join(" ")
    }

    /// True where a fingerprint that somebody typed is this key's, whatever its spaces and case.
    pub fn has_fingerprint(&self, typed: &str) -> bool {
        let plain = |text: &str| -> String {
            let letters =
                text.chars().filter(|letter| !letter.is_whitespace() && !matches!(letter, ':' | '-'));
            letters.collect::<String>().to_uppercase()
        };
        plain(typed) == plain(&self.fingerprint())
    }

    /// True where the signature, in hexadecimal digits, is this key's over these bytes.
    pub(crate) fn signed(&self, purpose: Purpose, bytes: &[u8], signature: &str) -> bool {
        let Some(signature) = bytes_of::<SIGNATURE_BYTES>(signature) else { return false };
        let key = UnparsedPublicKey::new(&ED25519, self.0);
        key.verify(&[purpose.tag(), bytes].concat(), &signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hexadecimal(&self.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_fits_its_key_its_bytes_and_what_it_is_for() {
        let kept = SigningKey::fresh().unwrap();
        let (key, other) =
            (SigningKey::read(&kept).unwrap(), SigningKey::read(&SigningKey::fresh().unwrap()).unwrap());
        let signature = key.sign(Purpose::Manifest, b"one");
        assert_eq!(
            signature,
            SigningKey::read(&kept).unwrap().sign(Purpose::Manifest, b"one"),
            "no chance in it"
        );
        assert!(key.public().signed(Purpose::Manifest, b"one", &signature));
        assert!(!key.public().signed(Purpose::Manifest, b"two", &signature));
        assert!(!key.public().signed(Purpose::Checkpoint, b"one", &signature));
        assert!(!other.public().signed(Purpose::Manifest, b"one", &signature));
        assert!(!key.public().signed(Purpose::Manifest, b"one", "ab"));
        assert!(SigningKey::read(b"no key").is_err());
        assert!(format!("{key:?}").contains("PublicKey"));
    }

    #[test]
    fn a_fingerprint_is_compared_however_it_was_typed() {
        let key = SigningKey::read(&SigningKey::fresh().unwrap()).unwrap().public();
        let shown = key.fingerprint();
        assert_eq!(shown.len(), 49, "{shown}");
        assert!(key.has_fingerprint(&shown) && key.has_fingerprint(&shown.to_lowercase().replace(' ', ":")));
        assert!(!key.has_fingerprint("") && !key.has_fingerprint(&shown[..20]));
        assert_eq!(PublicKey::parse(&key.to_string()), Some(key));
    }
}
