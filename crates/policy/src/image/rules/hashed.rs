//! Names and pages by hash: a look hashes the host once, from its end, and probes at each dot; a page from its beginning,
//! and probes at each border. Equal hashes of different texts only cost a comparison, since each rule is compared itself.

use foldhash::quality::RandomState;
use model::Host;
use std::borrow::Cow;
use std::collections::HashMap;

/// Rules by the hash of what they speak of.
#[derive(Default)]
pub(super) struct Hashed {
    /// Where in `ids` the rules of a hash begin, and how many they are. Hashed again: the digests of a list are whatever its
    /// writer chose.
    places: HashMap<u64, (u32, u32), RandomState>,
    ids: Vec<u32>,
    unsettled: Vec<(u64, u32)>,
}

impl Hashed {
    pub(super) fn add(&mut self, hash: u64, id: u32) {
        self.unsettled.push((hash, id));
    }

    /// Makes what was added findable.
    pub(super) fn settle(&mut self) {
        let mut added = std::mem::take(&mut self.unsettled);
        added.sort_unstable();
        added.dedup();
        self.ids = added.iter().map(|(_, id)| *id).collect();
        let mut start = 0u32;
        for group in added.chunk_by(|a, b| a.0 == b.0) {
            let Some((hash, _)) = group.first() else { continue };
            // At most two for each rule, whose number is bounded.
            let length = u32::try_from(group.len()).unwrap_or(0);
            self.places.insert(*hash, (start, length));
            start = start.saturating_add(length);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    pub(super) fn get(&self, hash: u64) -> &[u32] {
        let Some((start, length)) = self.places.get(&hash) else { return &[] };
        let (start, length) = (usize::try_from(*start), usize::try_from(*length));
        let (Ok(start), Ok(length)) = (start, length) else { return &[] };
        self.ids.get(start..start.saturating_add(length)).unwrap_or_default()
    }
}

/// FNV-1a, 64 bits (RFC 9923): fast for short texts, one byte at a time.
const START: u64 = 0xcbf2_9ce4_8422_2325;

fn step(hash: u64, byte: u8) -> u64 {
    (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
}

fn of_bytes(start: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(start, |hash, byte| step(hash, byte.to_ascii_lowercase()))
}

/// The hash a rule of this name lies under.
pub(super) fn name_key(host: &Host) -> u64 {
    match host {
        Host::Name(name) => text_key(name),
        Host::Address(address) => of_bytes(!START, address.to_string().as_bytes()),
    }
}

/// The same for a name's text.
pub(super) fn text_key(name: &str) -> u64 {
    name.bytes().rev().fold(START, step)
}

/// The hashes of a name and of all names over it; of an address, its own.
pub(super) fn suffix_hashes(host: &Host) -> impl Iterator<Item = u64> + '_ {
    let mut hash = START;
    let name = host.name().unwrap_or_default();
    let at_dots = name.bytes().rev().filter_map(move |byte| {
        let before = (byte == b'.').then_some(hash);
        hash = step(hash, byte);
        before
    });
    at_dots.chain([name_key(host)])
}

/// The host of a page, without `www.`, which is the same site.
pub(super) fn page_host(host: &Host) -> Cow<'_, str> {
    match host {
        Host::Name(name) => Cow::Borrowed(name.strip_prefix("www.").unwrap_or(name)),
        Host::Address(_) => Cow::Owned(host.to_string()),
    }
}

/// The hash the pages of a host lie under.
pub(super) fn host_key(host: &Host) -> u64 {
    of_bytes(START, page_host(host).as_bytes())
}

/// The hash a page lies under, with or without its last slash.
pub(super) fn page_key(host: &Host, path: &str) -> u64 {
    let path = path.strip_suffix('/').unwrap_or(path);
    of_bytes(of_bytes(START, page_host(host).as_bytes()), path.as_bytes())
}

/// The hashes that a page which covers this path may lie under.
pub(super) fn page_keys(host: &Host, path: &str, each: &mut dyn FnMut(u64)) {
    let mut hash = of_bytes(START, page_host(host).as_bytes());
    for byte in path.bytes() {
        if matches!(byte, b'/' | b'?' | b'#' | b'&') {
            each(hash);
        }
        hash = step(hash, byte.to_ascii_lowercase());
    }
    each(hash);
}

#[cfg(test)]
mod tests {
    use super::Hashed;

    #[test]
    fn keys_that_somebody_chose_to_be_alike_are_found_like_any_others() {
        let chosen = |number: u32| u64::from(number) << 40;
        let mut hashed = Hashed::default();
        (0..200_000).for_each(|number| hashed.add(chosen(number), number));
        hashed.settle();
        assert!((0..200_000).all(|number| hashed.get(chosen(number)) == [number]));
        assert!(hashed.get(7).is_empty());
    }
}
