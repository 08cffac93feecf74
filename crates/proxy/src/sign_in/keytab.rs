//! A service's keys in a keytab file (version 5.2, as MIT Kerberos, Heimdal and Windows' `ktpass` write it).
//!
//! Left out on purpose: entries with keys of other kinds than AES (RC4, DES), which are passed over, and version 5.1.
//!
//! Invariants: any bytes are keys or a fault, never a panic; at most 256 keys of a file of at most 256 KiB; a file that others
//! can read is not used.

use super::cipher::{Etype, Key};
use crate::ProxyError;
use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use zeroize::Zeroizing;

/// What a file begins with.
const VERSION: [u8; 2] = [5, 2];
const MOST_FILE_BYTES: u64 = 256 * 1024;
const MOST_KEYS: usize = 256;
/// The kind of service that browsers ask tickets for (RFC 4559, section 4).
const SERVICE: &[u8] = b"HTTP";

/// The keys of the proxy's service.
pub struct Keytab {
    entries: Vec<Entry>,
}

/// One key of one name.
struct Entry {
    realm: Box<str>,
    name: Vec<Box<[u8]>>,
    /// Its number; keys are numbered anew with each password.
    version: KeyVersion,
    key: Key,
}

/// A key's number; older programs write one byte of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum KeyVersion {
    Whole(u32),
    LowByte(u8),
}

/// Whose key a ticket was encrypted with.
pub(super) struct Wanted<'a> {
    pub(super) realm: &'a str,
    pub(super) name: &'a [&'a [u8]],
    pub(super) etype: Etype,
    /// `None`: the ticket does not say.
    pub(super) version: Option<u32>,
}

impl std::fmt::Debug for Keytab {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Keytab").field("keys", &self.entries.len()).finish()
    }
}

impl Keytab {
    /// Reads a file that its owner alone can read. A file without an AES key for `HTTP/` is an error.
    pub fn read(path: &Path) -> Result<Self, ProxyError> {
        let at = |source| ProxyError::File { path: path.to_owned(), source };
        let file = File::open(path).map_err(at)?;
        let mode = file.metadata().map_err(at)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(ProxyError::KeyIsExposed { path: path.to_owned(), mode });
        }
        let mut bytes = Zeroizing::new(Vec::new());
        file.take(MOST_FILE_BYTES).read_to_end(&mut bytes).map_err(at)?;
        Self::parse(&bytes).map_err(|expected| ProxyError::Keytab { path: path.to_owned(), expected })
    }

    /// Reads what such a file holds; says what was expected where it is something else.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let mut rest = bytes.strip_prefix(VERSION.as_slice()).ok_or("a keytab of version 5.2")?;
        let mut entries = Vec::new();
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = i32::from_be_bytes(*length);
            if length == 0 {
                break;
            }
            let bytes = usize::try_from(length.unsigned_abs()).map_err(|_| "entries of some length")?;
            let (entry, after) = after.split_at_checked(bytes).ok_or("whole entries")?;
            rest = after;
            // A negative length is room that an entry left behind.
            if length > 0 && entries.len() < MOST_KEYS {
                match Cursor(entry).entry().ok_or("entries in the form of version 5.2")? {
                    Found::Key(entry) => entries.push(entry),
                    Found::OfNoUse => {}
                }
            }
        }
        match entries.is_empty() {
            true => Err("an AES key of a service HTTP/…"),
            false => Ok(Self { entries }),
        }
    }

    /// The keys with which such a ticket may be encrypted.
    pub(super) fn keys<'a>(&'a self, wanted: &'a Wanted<'a>) -> impl Iterator<Item = &'a Key> {
        let of_name = self.entries.iter().filter(|entry| {
            *entry.realm == *wanted.realm
                && entry.key.etype() == wanted.etype
                && entry.name.len() == wanted.name.len()
                && entry.name.iter().zip(wanted.name).all(|(have, want)| have.eq_ignore_ascii_case(want))
        });
        of_name
            .filter(|entry| wanted.version.is_none_or(|version| entry.version.is(version)))
            .map(|entry| &entry.key)
    }
}

impl KeyVersion {
    fn is(self, wanted: u32) -> bool {
        match self {
            Self::Whole(version) => version == wanted,
            Self::LowByte(byte) => wanted.to_le_bytes().first() == Some(&byte),
        }
    }
}

/// What an entry holds.
enum Found {
    Key(Entry),
    /// Another service's key, or one of another kind.
    OfNoUse,
}

/// What is left of an entry.
struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// The whole entry; `None` where it cannot be read.
    fn entry(mut self) -> Option<Found> {
        let parts = self.number()?;
        let realm = std::str::from_utf8(self.bytes()?).ok()?;
        let name = (0..parts).map(|_| self.bytes().map(Box::from)).collect::<Option<Vec<Box<[u8]>>>>()?;
        let (_kind, _written_at) = (self.take(4)?, self.take(4)?);
        let low_byte = *self.take(1)?.first()?;
        let etype = self.number()?;
        let key = self.bytes()?;
        let version = match self.0.first_chunk::<4>().map(|number| u32::from_be_bytes(*number)) {
            Some(whole) if whole != 0 => KeyVersion::Whole(whole),
            _ => KeyVersion::LowByte(low_byte),
        };
        let is_ours = name.len() == 2 && name.first().is_some_and(|service| **service == *SERVICE);
        let Some(etype) = Etype::parse(u32::from(etype)).filter(|_| is_ours) else {
            return Some(Found::OfNoUse);
        };
        let key = Key::new(etype, key)?;
        Some(Found::Key(Entry { realm: realm.into(), name, version, key }))
    }

    fn take(&mut self, bytes: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(bytes)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        let (number, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*number))
    }

    /// Bytes after their number.
    fn bytes(&mut self) -> Option<&'a [u8]> {
        let bytes = self.number()?;
        self.take(usize::from(bytes))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One entry of a file, as programs write it.
    pub(crate) fn entry(realm: &str, name: &[&str], version: u32, (etype, key): (u16, &[u8])) -> Vec<u8> {
        let counted = |bytes: &[u8]| {
            let length = u16::try_from(bytes.len()).unwrap().to_be_bytes();
            [length.as_slice(), bytes].concat()
        };
        let mut all = u16::try_from(name.len()).unwrap().to_be_bytes().to_vec();
        all.extend(counted(realm.as_bytes()));
        name.iter().for_each(|part| all.extend(counted(part.as_bytes())));
        all.extend([0, 0, 0, 1, 0x69, 0, 0, 0]);
        all.push(version.to_le_bytes()[0]);
        all.extend(etype.to_be_bytes());
        all.extend(counted(key));
        all.extend(version.to_be_bytes());
        [i32::try_from(all.len()).unwrap().to_be_bytes().as_slice(), &all].concat()
    }

    pub(crate) fn file(entries: &[Vec<u8>]) -> Vec<u8> {
        [VERSION.as_slice(), &entries.concat()].concat()
    }

    fn found(keytab: &Keytab, etype: Etype, version: Option<u32>) -> usize {
        let name = [b"HTTP".as_slice(), b"GATE.ash.example"];
        keytab.keys(&Wanted { realm: "ASH.EXAMPLE", name: &name, etype, version }).count()
    }

    #[test]
    fn keys_are_found_by_name_realm_kind_and_number_and_other_entries_are_passed_over() {
        let name = ["HTTP", "gate.ash.example"];
        let (long, short) = ([7; 32], [7; 16]);
        let hole = [(-8_i32).to_be_bytes().as_slice(), &[9; 8]].concat();
        let keytab = Keytab::parse(&file(&[
            entry("ASH.EXAMPLE", &name, 300, (18, &long)),
            hole,
            entry("ASH.EXAMPLE", &name, 2, (17, &short)),
            entry("ASH.EXAMPLE", &name, 3, (23, &short)),
            entry("ASH.EXAMPLE", &["host", "gate.ash.example"], 3, (18, &long)),
            entry("ELM.EXAMPLE", &name, 300, (18, &long)),
        ]))
        .unwrap();
        assert_eq!(keytab.entries.len(), 3);
        for (etype, version, keys) in [
            (Etype::Aes256Sha1, Some(300), 1),
            (Etype::Aes256Sha1, None, 1),
            (Etype::Aes256Sha1, Some(44), 0),
            (Etype::Aes128Sha1, Some(2), 1),
            (Etype::Aes128Sha256, None, 0),
        ] {
            assert_eq!(found(&keytab, etype, version), keys, "{etype:?} {version:?}");
        }
    }

    #[test]
    fn a_number_of_one_byte_stands_for_all_that_end_with_it() {
        let mut one = entry("ASH.EXAMPLE", &["HTTP", "gate.ash.example"], 44, (18, &[7; 32]));
        one.truncate(one.len() - 4);
        let length = i32::try_from(one.len() - 4).unwrap().to_be_bytes();
        one[..4].copy_from_slice(&length);
        let keytab = Keytab::parse(&file(&[one])).unwrap();
        assert_eq!([44, 300, 45].map(|version| found(&keytab, Etype::Aes256Sha1, Some(version))), [1, 1, 0]);
    }

    #[test]
    fn a_file_without_a_key_for_the_proxy_or_with_half_an_entry_is_refused() {
        let whole = file(&[entry("ASH.EXAMPLE", &["HTTP", "gate.ash.example"], 2, (18, &[7; 32]))]);
        assert!(Keytab::parse(&whole).is_ok());
        let weak = file(&[entry("ASH.EXAMPLE", &["HTTP", "gate.ash.example"], 2, (23, &[7; 16]))]);
        let short = file(&[entry("ASH.EXAMPLE", &["HTTP", "gate.ash.example"], 2, (18, &[7; 16]))]);
        for bytes in [b"".as_slice(), b"\x05\x01", &whole[..whole.len() - 1], &weak, &short] {
            assert!(Keytab::parse(bytes).is_err());
        }
    }

    #[test]
    fn a_file_that_others_can_read_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("proxy.keytab");
        std::fs::write(&path, file(&[entry("ASH.EXAMPLE", &["HTTP", "gate"], 2, (18, &[7; 32]))])).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Keytab::read(&path), Err(ProxyError::KeyIsExposed { mode: 0o640, .. })));
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert!(Keytab::read(&path).is_ok());
    }

    proptest! {
        #[test]
        fn any_bytes_are_keys_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = Keytab::parse(&bytes);
            let _ = Keytab::parse(&[VERSION.as_slice(), &bytes].concat());
        }
    }
}
