//! A checkpoint of the audit log: where a chain of facts had got to at a time, signed.

use crate::Timestamp;

/// Where a chain of facts had got to at a time, signed by the school's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Checkpoint {
    /// Whose chain it is, as the records write a scope.
    pub scope: String,
    /// The place of the newest fact then, from 1.
    pub sequence: i64,
    /// That fact's hash, in hexadecimal digits.
    pub hash: String,
    /// When it was signed.
    pub at: Timestamp,
    /// The public key, in hexadecimal digits.
    pub key: String,
    /// The signature, in hexadecimal digits.
    pub signature: String,
}
