//! Secrets that never show themselves.

use crate::NotifyError;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// The fewest bytes of a signing secret.
pub const LEAST_SECRET_BYTES: usize = 16;

/// What a webhook's receiver shares with us. Wiped when dropped; never printed.
#[derive(Clone)]
pub struct SigningSecret(Zeroizing<Vec<u8>>);

impl SigningSecret {
    /// Takes a secret as it lies in its file, without the line's end.
    ///
    /// # Errors
    /// [`NotifyError::WeakSecret`] for one that is shorter than [`LEAST_SECRET_BYTES`].
    pub fn new(bytes: &[u8]) -> Result<Self, NotifyError> {
        let secret = bytes.trim_ascii_end();
        if secret.len() < LEAST_SECRET_BYTES {
            return Err(NotifyError::WeakSecret { least: LEAST_SECRET_BYTES, found: secret.len() });
        }
        Ok(Self(Zeroizing::new(secret.to_vec())))
    }

    /// HMAC-SHA256 (RFC 2104) over the parts, one after the other, as 64 lower-case hexadecimal digits.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> String {
        // An HMAC takes a key of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        for part in parts {
            mac.update(part);
        }
        mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Debug for SigningSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningSecret(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_the_one_that_openssl_makes_and_a_short_secret_is_none() {
        let secret = SigningSecret::new(b"a secret of some length\n").unwrap();
        // printf '1700000000.{}' | openssl dgst -sha256 -hmac 'a secret of some length'
        assert_eq!(
            secret.sign(&[b"1700000000", b".", b"{}"]),
            "9008b8e96ac884fb56cbbbb39d8c4b578c2c6de7951cbcce7f1f18311f3cd9f2"
        );
        assert!(matches!(
            SigningSecret::new(b"fifteen bytes!!\n"),
            Err(NotifyError::WeakSecret { found: 15, .. })
        ));
        assert_eq!(format!("{secret:?}"), "SigningSecret(hidden)");
    }
}
