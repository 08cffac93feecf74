//! A pack's manifest, and the writer that makes a pack: members, then `manifest.json` that names each with its SHA-256,
//! then `manifest.sig`, the signature over the manifest's bytes.

use crate::key::Purpose;
use crate::zip::ZipWriter;
use crate::{SigningKey, WireError};
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Seek, Write};

/// The manifest's name in a pack.
pub const MANIFEST: &str = "manifest.json";
/// The signature's name in a pack.
pub const SIGNATURE: &str = "manifest.sig";
/// The largest manifest.
pub const MOST_MANIFEST_BYTES: u32 = 1 << 20;
/// What a manifest of this form says it is.
pub(crate) const FORM: &str = "schoolgate pack 1";

/// What a pack says of itself. Times are RFC 3339 in UTC.
#[derive(Clone, PartialEq, Eq, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form, `schoolgate pack 1`; set when it is written.
    pub form: String,
    /// The school or trust that made it.
    pub organisation: String,
    /// The reference of the request that it answers.
    pub reference: String,
    /// Whom it was made for: a kind of request.
    pub kind: String,
    /// When it was made.
    pub made_at: String,
    /// The first moment that was asked for.
    pub from: String,
    /// The first moment after what was asked for.
    pub until: String,
    /// The clock of the readable copies: a name of the IANA time zone database.
    pub time_zone: String,
    /// Requests in it.
    pub rows: u64,
    /// Rows that were there and could not be read; of what a hold kept as well, so that one may count twice.
    #[serde(default)]
    pub unreadable: u64,
    /// Where each chain of the audit log had got to.
    pub audit: Vec<AuditHead>,
    /// Each member but this one and the signature, in their order; set when it is written.
    pub members: Vec<ManifestMember>,
    /// The key to check the signature by; set when it is written.
    pub public_key: String,
}

/// Where a chain of the audit log had got to.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct AuditHead {
    /// Whose chain it is.
    pub scope: String,
    /// The place of its newest fact.
    pub sequence: i64,
    /// That fact's hash.
    pub hash: String,
}

/// A member of a pack.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestMember {
    /// Its name.
    pub name: String,
    /// How long it is.
    pub bytes: u64,
    /// The SHA-256 of it.
    pub sha256: String,
}

/// A pack that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Made {
    /// How long it is.
    pub bytes: u64,
    /// The SHA-256 of its manifest, which names the hash of everything else.
    pub manifest_sha256: String,
}

/// Makes a pack, a member at a time. The same members, manifest and key give the same bytes.
#[derive(Debug)]
pub struct PackWriter<W> {
    zip: ZipWriter<W>,
    members: Vec<ManifestMember>,
}

impl<W: Write + Seek> PackWriter<W> {
    /// Begins a pack.
    pub fn new(out: W) -> Self {
        Self { zip: ZipWriter::new(out), members: Vec::new() }
    }

    /// Adds a member with everything that `contents` gives.
    ///
    /// # Errors
    /// [`WireError::Name`] where the name is taken or is none; [`WireError::TooLarge`] and [`WireError::TooMany`] beyond
    /// what a pack may be.
    pub fn add(&mut self, name: &str, contents: &mut dyn Read) -> Result<(), WireError> {
        let (bytes, sha256) = self.zip.add(name, contents)?;
        self.members.push(ManifestMember { name: name.to_owned(), bytes, sha256 });
        Ok(())
    }

    /// Writes the manifest and its signature, and ends the pack; what it was written to.
    pub fn finish(mut self, about: Manifest, key: &SigningKey) -> Result<(W, Made), WireError> {
        let public_key = key.public().to_string();
        let manifest = Manifest { form: FORM.to_owned(), members: self.members, public_key, ..about };
        let mut text = serde_json::to_vec_pretty(&manifest)
            .map_err(|error| WireError::File { what: "write a manifest", source: io::Error::other(error) })?;
        text.push(b'\n');
        let most_bytes = u64::from(MOST_MANIFEST_BYTES);
        if u64::try_from(text.len()).unwrap_or(u64::MAX) > most_bytes {
            return Err(WireError::TooLarge { most_bytes });
        }
        let signature = format!("{}\n", key.sign(Purpose::Manifest, &text));
        let (_, manifest_sha256) = self.zip.add(MANIFEST, &mut text.as_slice())?;
        self.zip.add(SIGNATURE, &mut signature.as_bytes())?;
        let (out, bytes) = self.zip.finish()?;
        Ok((out, Made { bytes, manifest_sha256 }))
    }
}
