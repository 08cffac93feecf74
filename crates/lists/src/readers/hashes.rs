//! A hash a line, in hexadecimal: MD5 (32 digits), SHA-1 (40) or SHA-256 (64), with or without its name and a colon before
//! it (`sha256:`). Comments after `#`. Which texts are hashed is said in `policy::image::rules`.

use super::lines::lines;
use super::wildcard::rule;
use crate::Dropped;
use crate::list::{ReadList, Says};
use model::Category;
use policy::image::{Digest, Pattern, Reach};

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        let text = text.map(|text| text.split('#').next().unwrap_or(text).trim_ascii_end());
        match text.and_then(|text| if text.is_empty() { Ok(None) } else { parse(text).map(Some) }) {
            Ok(Some(digest)) => {
                list.rule(rule(Pattern::Digest(digest), Says::block(Reach::Exact, category), line));
            }
            Ok(None) => {}
            Err(reason) => list.left_out(line, reason),
        }
    }
}

fn parse(text: &str) -> Result<Digest, Dropped> {
    let (kind, digits) =
        text.split_once(':').map_or((None, text), |(kind, digits)| (Some(kind), digits.trim_ascii_start()));
    let digest = bytes(digits)
        .map(Digest::Md5)
        .or_else(|| bytes(digits).map(Digest::Sha1))
        .or_else(|| bytes(digits).map(Digest::Sha256));
    let digest = digest.ok_or(Dropped::NotAHash)?;
    let own: &[&str] = match digest {
        Digest::Md5(_) => &["md5"],
        Digest::Sha1(_) => &["sha1", "sha-1"],
        Digest::Sha256(_) => &["sha256", "sha-256"],
    };
    let agrees = kind.is_none_or(|kind| own.iter().any(|own| kind.eq_ignore_ascii_case(own)));
    if agrees { Ok(digest) } else { Err(Dropped::NotAHash) }
}

fn bytes<const N: usize>(digits: &str) -> Option<[u8; N]> {
    if digits.len() != N * 2 {
        return None;
    }
    let mut out = [0; N];
    let pairs = digits.as_bytes().as_chunks::<2>().0;
    for (byte, [high, low]) in out.iter_mut().zip(pairs) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(*high)? * 16 + digit(*low)?).ok()?;
    }
    Some(out)
}
