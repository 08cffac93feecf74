//! Hosts and pages by their hashes. Which texts are hashed is said in the parent module.

use super::super::rule::Digest;
use super::ask::Asked;
use md5::{Digest as _, Md5};
use model::Host;
use sha1::Sha1;
use sha2::Sha256;

/// Which hashes there are rules of; the others are not made.
#[derive(Clone, Copy, Default)]
pub(super) struct Kinds {
    md5: bool,
    sha1: bool,
    sha256: bool,
}

impl Kinds {
    pub(super) fn add(&mut self, digest: &Digest) {
        match digest {
            Digest::Md5(_) => self.md5 = true,
            Digest::Sha1(_) => self.sha1 = true,
            Digest::Sha256(_) => self.sha256 = true,
        }
    }
}

/// The number a hash's rules lie under.
pub(super) fn key(digest: &Digest) -> u64 {
    let first = match digest {
        Digest::Md5(bytes) => bytes.first_chunk(),
        Digest::Sha1(bytes) => bytes.first_chunk(),
        Digest::Sha256(bytes) => bytes.first_chunk(),
    };
    u64::from_le_bytes(first.copied().unwrap_or_default())
}

/// Makes the hashes of what is asked.
pub(super) fn of(asked: &Asked<'_>, kinds: Kinds, each: &mut dyn FnMut(&Digest)) {
    let mut ends = vec![String::new(), "/".to_owned()];
    if let Some(path) = asked.path() {
        for text in [path.raw(), path.plain()] {
            let bare = text.split(['?', '#']).next().unwrap_or(text);
            for text in [text, bare] {
                ends.push(text.to_owned());
                ends.push(text.strip_suffix('/').unwrap_or(text).to_owned());
                ends.push(format!("{}/", text.strip_suffix('/').unwrap_or(text)));
            }
        }
        let in_lower_case: Vec<String> = ends.iter().map(|end| end.to_ascii_lowercase()).collect();
        ends.extend(in_lower_case);
        ends.sort_unstable();
        ends.dedup();
    }
    for host in hosts(asked.host()) {
        for scheme in ["", "http://", "https://"] {
            for end in &ends {
                let text = format!("{scheme}{host}{end}");
                digests(text.as_bytes(), kinds, each);
            }
        }
    }
}

fn hosts(host: &Host) -> [String; 2] {
    let text = host.to_string();
    let other = match text.strip_prefix("www.") {
        Some(bare) => bare.to_owned(),
        None => format!("www.{text}"),
    };
    [text, other]
}

fn digests(text: &[u8], kinds: Kinds, each: &mut dyn FnMut(&Digest)) {
    if kinds.md5 {
        each(&Digest::Md5(Md5::digest(text).into()));
    }
    if kinds.sha1 {
        each(&Digest::Sha1(Sha1::digest(text).into()));
    }
    if kinds.sha256 {
        each(&Digest::Sha256(Sha256::digest(text).into()));
    }
}
