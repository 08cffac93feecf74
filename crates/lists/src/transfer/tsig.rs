//! Signatures over the messages of a transfer by a shared key (RFC 8945): each message's covers the one before, so that
//! nothing can be left out, put in or moved.

use super::TransferError;
use super::wire::{ANY, Message, Signature, count_additional, put_name};
use crate::credentials::{Algorithm, TransferKey};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha512};

/// How far clocks may differ, where we say so (RFC 8945, 10).
const FUDGE_S: u16 = 300;
/// So many messages may come between two signatures (RFC 8945, 5.3.1).
const MOST_UNSIGNED: u32 = 99;
/// No error, and no other words.
const NO_ERROR: [u8; 4] = [0; 4];

/// A stream of messages under a key.
pub(super) struct Signed<'a> {
    key: &'a TransferKey,
    /// The signature before.
    last: Vec<u8>,
    /// Messages since then, which the next signature covers.
    unsigned: Vec<u8>,
    unsigned_count: u32,
    is_first: bool,
}

impl<'a> Signed<'a> {
    /// Signs the question (RFC 8945, 5.1), and makes ready for the answers to it.
    pub(super) fn sign(
        key: &'a TransferKey,
        question: &mut Vec<u8>,
        now_s: u64,
    ) -> Result<Self, TransferError> {
        let mut covered = question.clone();
        put_variables(&mut covered, key, (now_s, FUDGE_S), &NO_ERROR)?;
        let mac = Keyed::new(key)?.over(&[&covered]);
        let id = question.first_chunk::<2>().copied().unwrap_or_default();
        count_additional(question);
        put_name(question, &key.name)?;
        let mut value = Vec::new();
        put_name(&mut value, key.algorithm.name())?;
        put_time(&mut value, now_s, FUDGE_S);
        value.extend_from_slice(&length(&mac));
        value.extend_from_slice(&mac);
        value.extend_from_slice(&id);
        value.extend_from_slice(&NO_ERROR);
        // TSIG, ANY, no time to live.
        question.extend_from_slice(&[0, 250, 0, 255, 0, 0, 0, 0]);
        question.extend_from_slice(&length(&value));
        question.extend_from_slice(&value);
        Ok(Self { key, last: mac, unsigned: Vec::new(), unsigned_count: 0, is_first: true })
    }

    /// Checks the next message (RFC 8945, 5.3 and 5.3.1).
    pub(super) fn check(&mut self, bytes: &[u8], message: &Message, now_s: u64) -> Result<(), TransferError> {
        let Some(signature) = &message.signature else {
            self.unsigned_count += 1;
            if self.is_first || self.unsigned_count > MOST_UNSIGNED {
                return Err(TransferError::NotSigned);
            }
            self.unsigned.extend_from_slice(bytes);
            return Ok(());
        };
        if signature.error != 0 {
            return Err(TransferError::KeyRefused { error: signature.error });
        }
        let of_key = signature.key.trim_end_matches('.') == self.key.name
            && signature.algorithm.trim_end_matches('.') == self.key.algorithm.name();
        if !of_key {
            return Err(TransferError::WrongSignature);
        }
        let mut end = Vec::new();
        if self.is_first {
            let mut words = signature.error.to_be_bytes().to_vec();
            words.extend_from_slice(&length(&signature.other));
            words.extend_from_slice(&signature.other);
            put_variables(&mut end, self.key, (signature.time_s, signature.fudge_s), &words)?;
        } else {
            put_time(&mut end, signature.time_s, signature.fudge_s);
        }
        let before = length(&self.last);
        let parts = [&before[..], &self.last, &self.unsigned, &signature.signed, &end];
        Keyed::new(self.key)?.verify(&parts, signature)?;
        if now_s.abs_diff(signature.time_s) > u64::from(signature.fudge_s) {
            return Err(TransferError::Clock);
        }
        self.last.clone_from(&signature.mac);
        self.unsigned.clear();
        (self.unsigned_count, self.is_first) = (0, false);
        Ok(())
    }

    /// The last message of a stream must be signed.
    pub(super) fn end(&self) -> Result<(), TransferError> {
        if self.unsigned_count == 0 { Ok(()) } else { Err(TransferError::NotSigned) }
    }
}

/// What a signature covers besides the message (RFC 8945, 4.3.3).
fn put_variables(
    bytes: &mut Vec<u8>,
    key: &TransferKey,
    (time_s, fudge_s): (u64, u16),
    error: &[u8],
) -> Result<(), TransferError> {
    put_name(bytes, &key.name)?;
    bytes.extend_from_slice(&ANY.to_be_bytes());
    bytes.extend_from_slice(&[0; 4]);
    put_name(bytes, key.algorithm.name())?;
    put_time(bytes, time_s, fudge_s);
    bytes.extend_from_slice(error);
    Ok(())
}

/// A time of 48 bits, and how far clocks may differ.
fn put_time(bytes: &mut Vec<u8>, time_s: u64, fudge_s: u16) {
    let [_, _, time @ ..] = time_s.to_be_bytes();
    bytes.extend_from_slice(&time);
    bytes.extend_from_slice(&fudge_s.to_be_bytes());
}

/// A length of 16 bits; what is longer is no signature of ours.
fn length(bytes: &[u8]) -> [u8; 2] {
    u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes()
}

/// The key, ready to be used once.
enum Keyed {
    Sha256(Hmac<Sha256>),
    Sha512(Hmac<Sha512>),
}

impl Keyed {
    fn new(key: &TransferKey) -> Result<Self, TransferError> {
        let secret = &key.secret;
        Ok(match key.algorithm {
            Algorithm::HmacSha256 => {
                Self::Sha256(Hmac::new_from_slice(secret).map_err(|_| TransferError::WrongSignature)?)
            }
            Algorithm::HmacSha512 => {
                Self::Sha512(Hmac::new_from_slice(secret).map_err(|_| TransferError::WrongSignature)?)
            }
        })
    }

    fn fed(mut self, parts: &[&[u8]]) -> Self {
        for part in parts {
            match &mut self {
                Self::Sha256(mac) => mac.update(part),
                Self::Sha512(mac) => mac.update(part),
            }
        }
        self
    }

    fn over(self, parts: &[&[u8]]) -> Vec<u8> {
        match self.fed(parts) {
            Self::Sha256(mac) => mac.finalize().into_bytes().to_vec(),
            Self::Sha512(mac) => mac.finalize().into_bytes().to_vec(),
        }
    }

    /// Compares in the same time whatever is wrong. A shortened signature is refused.
    fn verify(self, parts: &[&[u8]], signature: &Signature) -> Result<(), TransferError> {
        let verified = match self.fed(parts) {
            Self::Sha256(mac) => mac.verify_slice(&signature.mac),
            Self::Sha512(mac) => mac.verify_slice(&signature.mac),
        };
        verified.map_err(|_| TransferError::WrongSignature)
    }
}
