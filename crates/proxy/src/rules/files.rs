//! Phase `response`: DNS inside HTTPS, invitations to HTTP/3, and kinds of files by their first bytes.
//!
//! The first bytes are looked at as the browser will see them, so codings are undone as far as they go. Left out: a range
//! that does not begin where the file does, and codings that are not known; nothing can be told of those.
//!
//! Invariant: of packed bytes at most [`file_type::MOST_BYTES`] are unpacked, whatever they would come to.

use super::requests::{is_dns_type, text};
use super::{Judged, Refused, refusal};
use crate::gate::Gate;
use http::header::{ALT_SVC, CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap};
use http::response::Parts;
use inspect::file_type;
use model::{Layer, Verdict, WayRound};
use std::borrow::Cow;
use std::io::Read;

/// Codings inside each other that are undone.
const MOST_CODINGS: usize = 3;
/// The buffer of the unpacker of brotli.
const BUFFER_BYTES: usize = 4096;

/// True where the first bytes of this answer's body must be seen before its head may go on.
pub(crate) fn wants_first_bytes(judged: &Judged, head: &Parts) -> bool {
    let rules = &judged.traffic().files;
    if rules.block.is_empty() || begins_elsewhere(&head.headers) {
        return false;
    }
    if rules.except.is_empty() {
        return true;
    }
    let hits = judged.snapshot.image().lookup(&judged.ask.what.host);
    let except = hits.categories().intersection(rules.except);
    !except.iter().any(|category| hits.line(category).is_some())
}

/// True while more bytes may change what the first ones tell.
pub(crate) fn wants_more(headers: &HeaderMap, first: &[u8]) -> bool {
    first.len() < file_type::MOST_BYTES && file_type::wants_more(&unpacked(headers, first))
}

/// Refuses an answer by its head and its first bytes, which are empty where nobody wanted them; takes out of its head what
/// leads past the gate.
///
/// # Errors
/// The verdict that refuses it.
pub(crate) fn after_response(
    gate: &Gate,
    judged: &Judged,
    head: &mut Parts,
    first: &[u8],
) -> Result<(), Box<Verdict>> {
    if judged.shuts(WayRound::Quic) {
        head.headers.remove(ALT_SVC);
    }
    if text(&head.headers, &CONTENT_TYPE).is_some_and(is_dns_type) {
        judged.tried(gate, WayRound::EncryptedDns, "the answer is DNS inside HTTPS")?;
    }
    let blocked = &judged.traffic().files.block;
    match file_type::of(&unpacked(&head.headers, first)) {
        Some(found) if !first.is_empty() && blocked.contains(&found.kind) => {
            let why = format!("it is {}, whatever it is called", found.words);
            let refused = Refused { layer: Layer::FileType, entry: found.kind.slug(), why: &why };
            Err(Box::new(refusal(&judged.verdict, refused)))
        }
        _ => Ok(()),
    }
}

/// True for a part of a file that does not begin where the file does.
fn begins_elsewhere(headers: &HeaderMap) -> bool {
    text(headers, &CONTENT_RANGE)
        .is_some_and(|range| !range.trim_start().to_ascii_lowercase().starts_with("bytes 0-"))
}

/// The first bytes with their codings undone, as far as they go.
pub(crate) fn unpacked<'a>(headers: &HeaderMap, first: &'a [u8]) -> Cow<'a, [u8]> {
    let mut bytes = Cow::Borrowed(first);
    let codings = text(headers, &CONTENT_ENCODING).unwrap_or_default();
    for coding in codings.rsplit(',').map(str::trim).take(MOST_CODINGS) {
        let packed: &[u8] = &bytes;
        let out = match coding.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => beginning(flate2::read::MultiGzDecoder::new(packed)),
            // Most servers send the zlib form, some the bare one (RFC 9110, section 8.4.1.2).
            "deflate" if packed.first().is_some_and(|byte| byte & 0x0f == 8) => {
                beginning(flate2::read::ZlibDecoder::new(packed))
            }
            "deflate" => beginning(flate2::read::DeflateDecoder::new(packed)),
            "br" => beginning(brotli_decompressor::Decompressor::new(packed, BUFFER_BYTES)),
            "zstd" => match zstd::stream::read::Decoder::with_buffer(packed) {
                Ok(decoder) => beginning(decoder),
                Err(_) => Vec::new(),
            },
            _ => continue,
        };
        bytes = Cow::Owned(out);
    }
    bytes
}

/// What can be read before the end, an error, or the most that is looked at.
fn beginning(mut packed: impl Read) -> Vec<u8> {
    let mut out = vec![0; file_type::MOST_BYTES];
    let mut filled = 0;
    while let Some(room) = out.get_mut(filled..).filter(|room| !room.is_empty()) {
        match packed.read(room) {
            Ok(0) | Err(_) => break,
            Ok(count) => filled += count,
        }
    }
    out.truncate(filled);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use proptest::prelude::*;
    use std::io::Write as _;

    fn coded(coding: &str) -> HeaderMap {
        [(CONTENT_ENCODING, coding.parse().unwrap())].into_iter().collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn codings_are_undone_also_inside_each_other_and_where_they_are_cut_off() {
        let program = [b"\x7fELF\x02\x01\x01\0".as_slice(), &[7; 3_000]].concat();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&program).unwrap();
        let zlib = zlib.finish().unwrap();
        for (coding, packed) in [
            ("gzip", gzip(&program)),
            ("gzip, x-gzip", gzip(&gzip(&program))),
            ("deflate", zlib.clone()),
            ("deflate", zlib[2..zlib.len() - 4].to_vec()),
            ("zstd", zstd::encode_all(program.as_slice(), 1).unwrap()),
            // An empty last block after a stored one, by RFC 7932, section 9.2.
            ("identity", program.clone()),
        ] {
            let headers = coded(coding);
            for end in [packed.len(), packed.len() - 1] {
                let bytes = unpacked(&headers, &packed[..end]);
                assert!(bytes.starts_with(b"\x7fELF") || coding == "zstd", "{coding}");
            }
        }
    }

    #[test]
    fn a_bomb_is_unpacked_no_further_than_is_looked_at() {
        let bomb = gzip(&vec![0; 4_000_000]);
        assert_eq!(unpacked(&coded("gzip"), &bomb).len(), file_type::MOST_BYTES);
    }

    #[test]
    fn more_is_wanted_until_enough_came() {
        assert!(wants_more(&HeaderMap::new(), b"MZ"));
        assert!(!wants_more(&HeaderMap::new(), &[b'a'; 64]));
        assert!(wants_more(&coded("gzip"), &gzip(b"MZ")));
    }

    #[test]
    fn a_range_from_the_middle_tells_nothing() {
        for (range, expected) in [("bytes 0-99/200", false), ("bytes 1-99/200", true), ("Bytes 0-1/2", false)]
        {
            let headers = [(CONTENT_RANGE, range.parse().unwrap())].into_iter().collect();
            assert_eq!(begins_elsewhere(&headers), expected, "{range}");
        }
        assert!(!begins_elsewhere(&HeaderMap::new()));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_coding_are_answered(
            bytes in prop::collection::vec(any::<u8>(), 0..500),
            coding in prop::sample::select(vec!["gzip", "deflate", "br", "zstd", "gzip, br", "x"]),
        ) {
            let _ = unpacked(&coded(coding), &bytes);
        }
    }
}
