//! Whether a pack is what was made: read once, offline, with nothing but the pack and, to be sure of who made it, the
//! fingerprint that the school published.

use crate::PublicKey;
use crate::key::Purpose;
use crate::manifest::{FORM, MANIFEST, MOST_MANIFEST_BYTES, Manifest, SIGNATURE};
use crate::zip::{Entry, directory, member};
use std::collections::BTreeMap;
use std::fmt;
use std::io::{Read, Seek};

/// The most faults that are named; past that the pack is not worth reading on.
const MOST_FAULTS: usize = 50;

/// What is wrong with a pack.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PackFault {
    /// It cannot be read to its end.
    Unreadable,
    /// It is larger than packs are.
    TooLarge,
    /// It is too short for one.
    NotAPack,
    /// It does not end as a pack does.
    OtherEnd,
    /// Its directory is not one of ours.
    Directory,
    /// Two members have one name.
    Twice {
        /// The name.
        name: String,
    },
    /// What stands before a member is not what the directory says.
    Head {
        /// The member.
        name: String,
    },
    /// A member is not what it was.
    Changed {
        /// The member.
        name: String,
    },
    /// A member that the manifest does not name.
    Added {
        /// The member.
        name: String,
    },
    /// A member that the manifest names is not there.
    Removed {
        /// The member.
        name: String,
    },
    /// There is no manifest, or it cannot be read.
    NoManifest,
    /// The manifest's members stand in another order.
    Order,
    /// The manifest is not what was signed.
    Signature,
    /// Another key signed it than the one that the school published.
    OtherKey,
}

impl fmt::Display for PackFault {
    /// A whole sentence, without its full stop.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable => f.write_str("The file cannot be read to its end"),
            Self::TooLarge => f.write_str("The file is larger than any pack"),
            Self::NotAPack => f.write_str("The file is too short to be a pack"),
            Self::OtherEnd => f.write_str(
                "The file does not end as a pack does: something was added after it, or its end is missing",
            ),
            Self::Directory => f.write_str("The list of members is not as it was written"),
            Self::Twice { name } => write!(f, "Two members are called {name}"),
            Self::Head { name } => write!(f, "What stands before {name} is not as it was written"),
            Self::Changed { name } => write!(f, "{name} was changed"),
            Self::Added { name } => write!(f, "{name} was added, or had another name"),
            Self::Removed { name } => write!(f, "{name} is missing, or has another name"),
            Self::NoManifest => write!(f, "{MANIFEST} is missing or cannot be read"),
            Self::Order => f.write_str("The members do not stand in the order in which they were written"),
            Self::Signature => write!(f, "The signature does not fit: {MANIFEST} or {SIGNATURE} was changed"),
            Self::OtherKey => f.write_str("It was signed by another key than the one that was given"),
        }
    }
}

/// What was found of a pack.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PackReport {
    /// What the pack says of itself, where that can be read. Only with no faults is it what was signed.
    pub manifest: Option<Manifest>,
    /// The SHA-256 of the manifest as it stands in the pack.
    pub manifest_sha256: Option<String>,
    /// The key that the pack names.
    pub key: Option<PublicKey>,
    /// Everything that is wrong, at most 50; empty: untouched since that key signed it.
    pub faults: Vec<PackFault>,
}

/// Reads a pack whole and says what is wrong with it. `fingerprint`: that of the key it must be signed by, as the school
/// published it.
pub fn verify_pack(pack: &mut (impl Read + Seek), fingerprint: Option<&str>) -> PackReport {
    let mut report = PackReport::default();
    let entries = match directory(pack) {
        Ok(entries) => entries,
        Err(fault) => {
            report.faults.push(fault);
            return report;
        }
    };
    let (mut hashes, mut manifest, mut signature) = (BTreeMap::new(), None, None);
    for entry in &entries {
        match member(pack, entry, MOST_MANIFEST_BYTES) {
            Ok((hash, bytes)) => {
                match entry.name.as_str() {
                    MANIFEST => manifest = bytes,
                    SIGNATURE => signature = bytes,
                    _ => {}
                }
                hashes.insert(entry.name.as_str(), hash);
            }
            Err(fault) => report.note(fault),
        }
    }
    report.compare((&entries, &hashes), manifest.as_deref(), signature.as_deref());
    if let (Some(typed), Some(key)) = (fingerprint, &report.key)
        && !key.has_fingerprint(typed)
    {
        report.note(PackFault::OtherKey);
    }
    report
}

impl PackReport {
    fn note(&mut self, fault: PackFault) {
        if self.faults.len() < MOST_FAULTS && !self.faults.contains(&fault) {
            self.faults.push(fault);
        }
    }

    fn compare(
        &mut self,
        (entries, hashes): (&[Entry], &BTreeMap<&str, String>),
        text: Option<&[u8]>,
        signature: Option<&[u8]>,
    ) {
        let read = text.and_then(|text| serde_json::from_slice::<Manifest>(text).ok());
        let (Some(text), Some(manifest)) = (text, read.filter(|manifest| manifest.form == FORM)) else {
            return self.note(PackFault::NoManifest);
        };
        self.manifest_sha256 = hashes.get(MANIFEST).cloned();
        self.key = PublicKey::parse(&manifest.public_key);
        let signature = signature.and_then(|bytes| std::str::from_utf8(bytes).ok()?.strip_suffix('\n'));
        let signed = self
            .key
            .zip(signature)
            .is_some_and(|(key, signature)| key.signed(Purpose::Manifest, text, signature));
        if !signed {
            self.note(PackFault::Signature);
        }
        for member in &manifest.members {
            let name = member.name.clone();
            match entries.iter().find(|entry| entry.name == name) {
                None => self.note(PackFault::Removed { name }),
                Some(entry) => {
                    let same = hashes.get(entry.name.as_str()).is_some_and(|hash| *hash == member.sha256);
                    if !same || u64::from(entry.bytes) != member.bytes {
                        self.note(PackFault::Changed { name });
                    }
                }
            }
        }
        let expected: Vec<&str> =
            manifest.members.iter().map(|member| member.name.as_str()).chain([MANIFEST, SIGNATURE]).collect();
        for entry in entries.iter().filter(|entry| !expected.contains(&entry.name.as_str())) {
            self.note(PackFault::Added { name: entry.name.clone() });
        }
        if self.faults.is_empty() && !entries.iter().map(|entry| entry.name.as_str()).eq(expected) {
            self.note(PackFault::Order);
        }
        self.manifest = Some(manifest);
    }
}
