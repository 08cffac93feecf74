//! What proves a list: the hash of its one right content, or a signature by the key of whoever keeps it.

use crate::ListError;
use minisign_verify::{PublicKey, Signature};
use policy::rules::Subscription;
use sha2::{Digest, Sha256};

/// The longest signature file: minisign's has four short lines.
pub(crate) const SIGNATURE_LIMIT_BYTES: u64 = 16 * 1024;

/// True when the content must be taken as it lies on the server, byte for byte.
pub(crate) fn is_asked(subscription: &Subscription) -> bool {
    subscription.sha256.is_some() || subscription.minisign_key.is_some()
}

/// Checks content against what the policy asks of it; `signature` is the text of the signature file.
pub(crate) fn check(
    subscription: &Subscription,
    bytes: &[u8],
    signature: Option<&[u8]>,
) -> Result<(), ListError> {
    if let Some(expected) = subscription.sha256 {
        let found = <[u8; 32]>::from(Sha256::digest(bytes));
        if found != expected {
            return Err(ListError::OtherContent { expected: hex(&expected), found: hex(&found) });
        }
    }
    if let Some(key) = &subscription.minisign_key {
        let text = String::from_utf8_lossy(signature.unwrap_or_default());
        let signature = Signature::decode(&text).map_err(ListError::Signature)?;
        let key = PublicKey::from_base64(key).map_err(ListError::Signature)?;
        // Only signatures over the content's BLAKE2b hash: the older form is no longer made.
        key.verify(bytes, &signature, false).map_err(ListError::Signature)?;
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
