//! Who somebody is and what they may do: rules and generators of passwords, their hashes, lock-out, second factors, the rule
//! on administrators, session tokens, and the table of roles and actions.
//!
//! Left out on purpose: SQL, HTTP and threads. Hashing takes tens of milliseconds and 19 MiB; [`HashingTurns`] bounds how
//! many run at once.
//!
//! Invariants: no password and no token is ever kept or shown, only a hash of it; a login that does not exist costs
//! the same work as one that does; what the table does not permit is denied.

mod administrators;
mod factors;
mod fuse;
mod generate;
mod hash_memory;
mod lockout;
mod password;
mod permissions;
mod pseudonym;
mod random;
mod rules;
mod second_factor;
mod session;
mod simulate;
mod turns;

pub use administrators::{
    AdministratorAccount, AdministratorChange, AdministratorRecords, AdministratorRules, Administrators,
    AdministratorsRefused, AdministratorsWarning, AskedBy, RECOVERY_DELAY_MS, RECOVERY_OPEN_MS,
    RecoveryAccount, RecoveryWant, RecoveryWish, WorkingFactor,
};
pub use factors::badge::{BadgeCode, BadgeHash, BadgeSecret};
pub use factors::passkey::{
    HeldPasskey, PasskeyAsking, PasskeyMaking, PasskeyOptions, PasskeyPlace, PasskeyRefused, ShownPasskey,
};
pub use factors::pictures::{PICTURES, PicturePin};
pub use factors::recovery::{RecoveryCode, RecoveryHash};
pub use factors::sealed::{
    Exemption, Sealable, SealedFor, SealedRecord, SealingKey, sealed_bytes, sealed_text,
};
pub use factors::temporary::{Issued, issue, still_counts};
pub use factors::totp::{TotpSecret, TotpStep};
pub use generate::{Generator, Order, generate};
pub use lockout::{
    AccountSeen, Admitted, Attempt, Counted, DeviceCookie, DeviceMark, Factor, FreshDevices, LaneCounting,
    LaneKind, LaneStanding, Lockout, LockoutRules, Origin, Turned, UnlockReason,
};
pub use password::{Password, Pepper, StoredHash, hash, verify};
pub use permissions::{Denied, permit, permits, scopes_for, table_as_markdown};
pub use pseudonym::{key_for, pseudonym, random_bytes};
pub use random::Randomness;
pub use rules::{
    Accepted, AccountRank, AdultRule, Against, BirthDate, CommonPasswords, LearnerRule, PasswordHolder,
    PasswordPolicy, PasswordRule, PersonalFacts, PersonalWords, Phase, PwnedRange, Refusal,
    SecretFingerprint, TemporaryRule, YoungestRule, fingerprint, looks_pwned,
};
pub use second_factor::{FactorRules, SignInPlace, WhyFactor, why_factor};
pub use session::{SessionToken, TokenHash};
pub use simulate::{DayOutcome, SchoolDay, SimulatedRule, day, run};
pub use turns::{HashingTurn, HashingTurns, HashingZone, LONGEST_WAIT_MS, TooBusy};

/// What went wrong with a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum IdentityError {
    /// Longer than anybody types; refused before any work is done for it.
    #[error("expected a password of at most {most} bytes, found {found}")]
    PasswordTooLong {
        /// The most that is taken.
        most: usize,
        /// What came.
        found: usize,
    },
    /// A stored hash that is not one of ours, or asks for more work than we ever ask for.
    #[error("expected a stored Argon2id hash within our bounds, found {found}")]
    UnreadableHash {
        /// What is wrong with it; never the hash.
        found: String,
    },
    /// The hash could not be made.
    #[error("expected Argon2id to finish, found {found}")]
    HashingFailed {
        /// What it said.
        found: String,
    },
    /// A pepper that is too short to be one.
    #[error("expected a pepper of {expected} bytes, found {found}")]
    PepperLength {
        /// The length of a pepper.
        expected: usize,
        /// What came.
        found: usize,
    },
    /// No password of the kind that was asked for has a length within the bounds.
    #[error("expected a password of {at_least} characters and at most {at_most:?}, found none of its kind")]
    NothingFits {
        /// The fewest characters.
        at_least: u32,
        /// The most, where there is a most.
        at_most: Option<u32>,
    },
    /// A sealed record or a wrapped key that does not open: another key, another child, or changed.
    #[error("expected a seal that opens with this key for this record, found another")]
    SealBroken,
    /// An address for which no browser makes passkeys, or an answer that could not be prepared.
    #[error("expected a console at a name over HTTPS, for which browsers make passkeys, found another")]
    NoPasskeysHere,
    /// Bytes that are no lock-out of ours.
    #[error("expected a saved lock-out, found something else at {found}")]
    UnreadableLocks {
        /// What could not be read.
        found: String,
    },
    /// The machine gave no random bytes.
    #[error("expected random bytes from the machine, found none")]
    NoRandomness,
}
