//! Second factors and what stands in for a password: codes of an authenticator, recovery codes, passkeys, badges, pictures,
//! temporary passwords, and the sealed record of an infant's password.
//!
//! Left out on purpose: counting wrong ones, which is [`crate::Lockout`]'s; drawing QR codes; keeping anything.
//!
//! Invariants: nothing secret is printed; what is single use says which use it was, so that the store can refuse it the
//! second time.

pub(crate) mod badge;
pub(crate) mod base32;
pub(crate) mod passkey;
pub(crate) mod pictures;
pub(crate) mod recovery;
pub(crate) mod sealed;
pub(crate) mod temporary;
pub(crate) mod totp;
