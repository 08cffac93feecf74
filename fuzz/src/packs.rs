//! Packs of evidence: whatever the bytes, an answer; and whatever was done to a real pack, a fault.

use std::io::Cursor;
use std::sync::LazyLock;
use wire::{Manifest, PackWriter, SigningKey, verify_pack};

static PACK: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let key = SigningKey::fresh().and_then(|key| SigningKey::read(&key)).expect("a key");
    let mut pack = PackWriter::new(Cursor::new(Vec::new()));
    for (name, text) in [("readme.txt", "read me"), ("originals/requests.jsonl", "{}\n")] {
        pack.add(name, &mut text.as_bytes()).expect("a member");
    }
    pack.finish(Manifest::default(), &key).expect("a pack").0.into_inner()
});

/// Reads the bytes as a pack, and lays them over a real one: the first two say where.
pub fn verify(bytes: &[u8]) {
    let report = verify_pack(&mut Cursor::new(bytes), None);
    assert!(report.faults.len() <= 50 && report.faults.iter().all(|fault| !fault.to_string().is_empty()));
    let Some((place, patch)) = bytes.split_first_chunk::<2>() else { return };
    let mut changed = PACK.clone();
    let at = usize::from(u16::from_le_bytes(*place)) % changed.len();
    changed.iter_mut().skip(at).zip(patch).for_each(|(to, from)| *to = *from);
    let faults = verify_pack(&mut Cursor::new(&changed), None).faults;
    assert_eq!(faults.is_empty(), changed == *PACK, "every byte counts: {faults:?}");
}
