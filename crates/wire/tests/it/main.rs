//! Packs from outside: made, read back, and damaged in every way that somebody may think of.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "a test's helpers fail the test by panicking"
)]

use proptest::prelude::*;
use std::io::Cursor;
use wire::{
    AuditHead, MANIFEST, Manifest, PackFault, PackReport, PackWriter, SIGNATURE, SigningKey, verify_pack,
};

const MEMBERS: [(&str, &[u8]); 3] = [
    ("readme.txt", b"Read me"),
    ("originals/requests.jsonl", b"{\"host\":\"a.example\"}\n"),
    ("readable/0001.html", b""),
];

fn key() -> SigningKey {
    SigningKey::read(&SigningKey::fresh().unwrap()).unwrap()
}

fn about() -> Manifest {
    Manifest {
        organisation: "Larkfield First School".to_owned(),
        reference: "EX-0001".to_owned(),
        kind: "police".to_owned(),
        made_at: "2026-11-22T10:15:00Z".to_owned(),
        time_zone: "Europe/London".to_owned(),
        rows: 1,
        audit: vec![AuditHead { scope: "trust".to_owned(), sequence: 9, hash: "ab".to_owned() }],
        ..Manifest::default()
    }
}

fn pack_of(members: &[(&str, &[u8])], key: &SigningKey) -> Vec<u8> {
    let mut writer = PackWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in members {
        writer.add(name, &mut &**bytes).unwrap();
    }
    let (out, made) = writer.finish(about(), key).unwrap();
    let bytes = out.into_inner();
    assert_eq!(made.bytes, bytes.len() as u64);
    bytes
}

fn verify(bytes: &[u8]) -> PackReport {
    verify_pack(&mut Cursor::new(bytes), None)
}

fn place_of(bytes: &[u8], part: &[u8], from: usize) -> usize {
    from + bytes[from..].windows(part.len()).position(|window| window == part).unwrap()
}

/// The pack with other bytes of one length in the place of all of `old`.
fn replaced(bytes: &[u8], old: &[u8], new: &[u8]) -> Vec<u8> {
    let mut out = bytes.to_vec();
    let mut at = 0;
    while let Some(found) = out[at..].windows(old.len()).position(|window| window == old) {
        out[at + found..at + found + old.len()].copy_from_slice(new);
        at += found + old.len();
    }
    out
}

#[test]
fn an_untouched_pack_says_so_and_who_signed_it() {
    let key = key();
    let bytes = pack_of(&MEMBERS, &key);
    assert_eq!(bytes, pack_of(&MEMBERS, &key), "the same contents are the same bytes");
    let report = verify(&bytes);
    assert_eq!(report.faults, []);
    assert_eq!(report.key, Some(key.public()));
    let manifest = report.manifest.unwrap();
    assert_eq!(manifest.reference, "EX-0001");
    assert_eq!(manifest.members.iter().map(|member| member.bytes).collect::<Vec<_>>(), [7, 21, 0]);
    for (typed, faults) in
        [(key.public().fingerprint(), vec![]), ("AB12".to_owned(), vec![PackFault::OtherKey])]
    {
        assert_eq!(verify_pack(&mut Cursor::new(&bytes), Some(&typed)).faults, faults);
    }
}

#[test]
fn every_single_byte_counts() {
    let bytes = pack_of(&MEMBERS, &key());
    for at in 0..bytes.len() {
        for flip in [1, 0x20, 0x80] {
            let mut damaged = bytes.clone();
            damaged[at] ^= flip;
            let report = verify(&damaged);
            assert!(!report.faults.is_empty(), "byte {at} of {}", bytes.len());
            assert!(report.faults.iter().all(|fault| !fault.to_string().is_empty()));
        }
    }
    for end in 0..bytes.len() {
        assert!(!verify(&bytes[..end]).faults.is_empty(), "cut at {end}");
    }
}

#[test]
fn what_was_done_to_a_pack_is_named() {
    let key = key();
    let bytes = pack_of(&MEMBERS, &key);
    let removed = |name: &str| PackFault::Removed { name: name.to_owned() };
    let added = |name: &str| PackFault::Added { name: name.to_owned() };
    let changed = |name: &str| PackFault::Changed { name: name.to_owned() };

    assert_eq!(verify(&[&bytes[..], b"x"].concat()).faults, [PackFault::OtherEnd]);
    assert_eq!(verify(&[b"x", &bytes[..]].concat()).faults, [PackFault::OtherEnd]);
    let renamed = verify(&replaced(&bytes, b"readme.txt", b"readyy.txt"));
    assert!(renamed.faults.contains(&changed(MANIFEST)), "{:?}", renamed.faults);

    let mut damaged = bytes.clone();
    let at = place_of(&bytes, b"a.example", 0);
    damaged[at] = b'b';
    assert_eq!(verify(&damaged).faults, [changed("originals/requests.jsonl")]);

    let mut other = bytes.clone();
    let at = place_of(&bytes, b"EX-0001", 0);
    other[at + 6] = b'2';
    assert!(verify(&other).faults.contains(&changed(MANIFEST)));

    // Whoever knows the form can write a directory that fits; the manifest and its signature still do not.
    let manifest_of = |members: &[(&str, &[u8])]| raw_members(&pack_of(members, &key));
    let own = manifest_of(&MEMBERS);
    let with = |extra: &[(&str, &[u8])], without: &str| {
        let mut members: Vec<(String, Vec<u8>)> =
            own.iter().filter(|(name, _)| name != without).cloned().collect();
        members.extend(extra.iter().map(|(name, bytes)| ((*name).to_owned(), bytes.to_vec())));
        verify(&raw_zip(&members)).faults
    };
    assert_eq!(verify(&raw_zip(&own)).faults, [], "the test writes what we write");
    assert_eq!(with(&[("more.txt", b"x")], ""), [added("more.txt")]);
    assert_eq!(with(&[], "readme.txt"), [removed("readme.txt")]);
    assert_eq!(
        with(&[("readyy.txt", b"Read me")], "readme.txt"),
        [removed("readme.txt"), added("readyy.txt")]
    );
    assert_eq!(with(&[("readme.txt", b"Rewritten")], "readme.txt"), [changed("readme.txt")]);
    assert_eq!(with(&[("readme.txt", b"Read me")], "readme.txt"), [PackFault::Order]);
    assert_eq!(with(&[("readme.txt", b"Read me")], ""), [PackFault::Twice { name: "readme.txt".to_owned() }]);
    assert_eq!(with(&[], MANIFEST), [PackFault::NoManifest]);
    assert_eq!(with(&[], SIGNATURE), [PackFault::Signature]);
    let rewritten = String::from_utf8(own[3].1.clone()).unwrap().replace("\"rows\": 1", "\"rows\": 2");
    let report = with(&[(MANIFEST, rewritten.as_bytes()), (SIGNATURE, &own[4].1)], MANIFEST);
    assert!(report.contains(&PackFault::Twice { name: SIGNATURE.to_owned() }), "{report:?}");
    let mut swapped = own.clone();
    swapped[3].1 = rewritten.into_bytes();
    assert_eq!(verify(&raw_zip(&swapped)).faults, [PackFault::Signature]);
}

#[test]
fn a_pack_that_claims_more_than_it_has_is_refused_before_it_is_read() {
    let mut bytes = pack_of(&MEMBERS, &key());
    let end = bytes.len() - 22;
    bytes[end + 10] = 0xff;
    bytes[end + 11] = 0xff;
    assert_eq!(verify(&bytes).faults, [PackFault::OtherEnd]);
    let mut writer = PackWriter::new(Cursor::new(Vec::new()));
    for name in ["../up", "/root", "Upper", "a//b", "", ".hidden", &"x".repeat(101)] {
        assert!(writer.add(name, &mut &b""[..]).is_err(), "{name}");
    }
    writer.add("a", &mut &b""[..]).unwrap();
    assert!(writer.add("a", &mut &b""[..]).is_err());
}

/// The members of a pack, read by somebody who looks at the local headers alone.
fn raw_members(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut members, mut at) = (Vec::new(), 0);
    while bytes[at..].starts_with(b"PK\x03\x04") {
        let size = u32::from_le_bytes(bytes[at + 18..at + 22].try_into().unwrap()) as usize;
        let name = usize::from(u16::from_le_bytes(bytes[at + 26..at + 28].try_into().unwrap()));
        let (name_at, data_at) = (at + 30, at + 30 + name);
        let text = String::from_utf8(bytes[name_at..data_at].to_vec()).unwrap();
        members.push((text, bytes[data_at..data_at + size].to_vec()));
        at = data_at + size;
    }
    members
}

/// A ZIP of our form with any members, also two of one name.
fn raw_zip(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (name, bytes) in members {
        let mut common = Vec::new();
        for number in [20_u16, 0x0800, 0, 0, 0x21] {
            common.extend(number.to_le_bytes());
        }
        common.extend(crc32fast::hash(bytes).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((bytes.len() as u32).to_le_bytes());
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        directory.extend(b"PK\x01\x02\x14\0");
        directory.extend(&common);
        directory.extend([0; 10]);
        directory.extend((out.len() as u32).to_le_bytes());
        directory.extend(name.as_bytes());
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(bytes);
    }
    let at = out.len() as u32;
    out.extend(&directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((members.len() as u16).to_le_bytes());
    out.extend((directory.len() as u32).to_le_bytes());
    out.extend(at.to_le_bytes());
    out.extend([0, 0]);
    out
}

proptest! {
    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..400), at in 0_usize..600) {
        prop_assert!(!verify(&bytes).faults.is_empty());
        let mut damaged = pack_of(&MEMBERS, &SigningKey::read(&SigningKey::fresh().unwrap()).unwrap());
        for (to, from) in damaged.iter_mut().skip(at).zip(&bytes) {
            *to = *from;
        }
        let _ = verify(&damaged);
    }
}
