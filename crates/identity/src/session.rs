//! Session tokens: 256 random bits that only the browser holds. The store keeps their SHA-256, so that reading the
//! store lets nobody in.

use crate::IdentityError;
use sha2::{Digest, Sha256};
use std::fmt;
use zeroize::Zeroizing;

/// A session's secret, as the browser's cookie carries it: 64 lower-case hexadecimal digits. Never printed.
#[derive(Clone)]
pub struct SessionToken(Zeroizing<String>);

/// The SHA-256 of a session's secret: 64 lower-case hexadecimal digits.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct TokenHash(String);

impl SessionToken {
    /// Makes a token from the machine's randomness.
    pub fn random() -> Result<Self, IdentityError> {
        let mut secret = Zeroizing::new([0; 32]);
        getrandom::fill(secret.as_mut_slice()).map_err(|_| IdentityError::NoRandomness)?;
        Ok(Self(Zeroizing::new(hexadecimal(secret.as_slice()))))
    }

    /// Reads what a cookie says; `None` when no token looks so.
    pub fn parse(text: &str) -> Option<Self> {
        let looks_right =
            text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        looks_right.then(|| Self(Zeroizing::new(text.to_owned())))
    }

    /// What the cookie carries.
    pub fn reveal(&self) -> &str {
        &self.0
    }

    /// What the store keeps.
    pub fn hash(&self) -> TokenHash {
        TokenHash(hexadecimal(&Sha256::digest(self.0.as_bytes())))
    }
}

impl TokenHash {
    /// As the store writes it.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SessionToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SessionToken(hidden)")
    }
}

/// Bytes as small hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads 16 bytes from small hexadecimal digits; `None` for anything else.
pub(crate) fn bytes_of(text: &str) -> Option<[u8; 16]> {
    let plain = text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let number = u128::from_str_radix(text, 16).ok().filter(|_| plain)?;
    Some(number.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_to_the_same_hash_and_hides_itself() {
        let token = SessionToken::random().unwrap();
        let again = SessionToken::parse(token.reveal()).unwrap();
        assert_eq!(token.hash(), again.hash());
        assert_ne!(token.hash().as_str(), token.reveal());
        assert_eq!(format!("{token:?}"), "SessionToken(hidden)");
        assert_ne!(token.reveal(), SessionToken::random().unwrap().reveal());
    }

    proptest::proptest! {
        #[test]
        fn only_what_looks_like_a_token_is_read(text in "\\PC{0,80}") {
            let reads = SessionToken::parse(&text).is_some();
            proptest::prop_assert_eq!(reads, text.len() == 64 && text.chars().all(|c| "0123456789abcdef".contains(c)));
        }
    }
}
