//! Messages that leave the process and are read again by somebody who trusts nothing but a key: signed checkpoints of the
//! audit log, and packs of evidence.
//!
//! Left out on purpose: what goes into a pack and who may have one; those are `app`'s.
//!
//! Invariants: every signature covers a tag that says what it is for, so that none passes for another; bytes from outside
//! are read within bounds, by one pass, and never panic; the same contents under the same key are the same bytes.

mod checkpoint;
mod error;
mod hex;
mod key;
mod manifest;
mod rest;
mod verify;
mod zip;

pub use checkpoint::{Noted, is_genuine, note_checkpoint, noted_checkpoints, sign_checkpoint};
pub use error::WireError;
pub use key::{PublicKey, SigningKey};
pub use manifest::{
    AuditHead, MANIFEST, MOST_MANIFEST_BYTES, Made, Manifest, ManifestMember, PackWriter, SIGNATURE,
};
pub use rest::{RestKey, SealedFile};
pub use verify::{PackFault, PackReport, verify_pack};
pub use zip::{MOST_MEMBERS, MOST_PACK_BYTES};
