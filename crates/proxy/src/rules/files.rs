//! Phase `response`: DNS inside HTTPS, invitations to HTTP/3, and kinds of files by their first bytes.
//!
//! The first bytes are looked at as the browser will see them, so codings are undone as far as they go; what is packed in a
//! way that cannot be undone is refused where kinds of files are. Left out: a part that does not begin where the file does.
//!
//! Invariant: of packed bytes at most [`file_type::MOST_BYTES`] are unpacked, whatever they would come to.

use super::requests::{is_dns_type, text};
use super::{Judged, Refused, refusal};
use crate::gate::Gate;
use http::StatusCode;
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
    if rules.block.is_empty() || begins_elsewhere(head) {
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

/// Refuses an answer by its head and its first bytes, if anybody wanted them; takes out of its head what leads past the
/// gate.
///
/// # Errors
/// The verdict that refuses it.
pub(crate) fn after_response(
    gate: &Gate,
    judged: &Judged,
    head: &mut Parts,
    first: Option<&[u8]>,
) -> Result<(), Box<Verdict>> {
    if judged.shuts(WayRound::Quic) {
        head.headers.remove(ALT_SVC);
    }
    if text(&head.headers, &CONTENT_TYPE).is_some_and(is_dns_type) {
        judged.tried(gate, WayRound::EncryptedDns, "the answer is DNS inside HTTPS")?;
    }
    first.filter(|first| !first.is_empty()).map_or(Ok(()), |first| check(judged, &head.headers, first))
}

/// Refuses a file by its first bytes.
fn check(judged: &Judged, headers: &HeaderMap, first: &[u8]) -> Result<(), Box<Verdict>> {
    let refused = |entry, why: &str| {
        let refused = Refused { layer: Layer::FileType, entry, why };
        Err(Box::new(refusal(&judged.verdict, refused)))
    };
    if is_opaque(headers) {
        return refused("packed", "it is packed in a way that cannot be looked into");
    }
    match file_type::of(&unpacked(headers, first)) {
        Some(found) if judged.traffic().files.block.contains(&found.kind) => {
            refused(found.kind.slug(), &format!("it is {}, whatever it is called", found.words))
        }
        _ => Ok(()),
    }
}

/// Looks at the first bytes of an answer whose head went on before they had come.
pub(crate) struct FirstBytes {
    judged: Judged,
    headers: HeaderMap,
    seen: Vec<u8>,
}

impl FirstBytes {
    /// For the whole of an answer with this head; `None` where what was looked at of it before told all.
    pub(crate) fn to_come(judged: Judged, head: &HeaderMap, looked_at: &[u8]) -> Option<Box<Self>> {
        wants_more(head, looked_at).then(|| {
            let codings =
                head.get_all(CONTENT_ENCODING).iter().map(|coding| (CONTENT_ENCODING, coding.clone()));
            Box::new(Self { judged, headers: codings.collect(), seen: Vec::new() })
        })
    }

    /// Sees the next bytes; true while more may change what they tell.
    ///
    /// # Errors
    /// The verdict that refuses the file.
    pub(crate) fn see(&mut self, bytes: &[u8]) -> Result<bool, Box<Verdict>> {
        let room = file_type::MOST_BYTES.saturating_sub(self.seen.len());
        self.seen.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
        check(&self.judged, &self.headers, &self.seen)?;
        Ok(wants_more(&self.headers, &self.seen))
    }
}

/// True for a part of a file that does not begin where the file does. Elsewhere than in a part the field says nothing
/// (RFC 9110, section 14.4).
fn begins_elsewhere(head: &Parts) -> bool {
    let Some(range) = text(&head.headers, &CONTENT_RANGE) else { return false };
    let range = range.trim_start().to_ascii_lowercase();
    let begins = range.strip_prefix("bytes ").and_then(|range| range.split_once('-'));
    let begins = begins.and_then(|(first, _)| first.trim().parse::<u64>().ok());
    head.status == StatusCode::PARTIAL_CONTENT && begins.is_some_and(|first| first > 0)
}

/// The codings of a body, the one that was put on last first.
fn codings(headers: &HeaderMap) -> impl Iterator<Item = String> {
    let fields = headers.get_all(CONTENT_ENCODING).iter().filter_map(|field| field.to_str().ok());
    let mut codings: Vec<_> =
        fields.flat_map(|field| field.split(',')).map(|coding| coding.trim().to_ascii_lowercase()).collect();
    codings.retain(|coding| !coding.is_empty() && coding != "identity");
    codings.into_iter().rev()
}

/// True where a body is in any coding.
pub(crate) fn is_packed(headers: &HeaderMap) -> bool {
    codings(headers).next().is_some()
}

/// True where a browser may undo what is not undone here: by a dictionary that it has from before (RFC 9842), or more codings
/// than are.
pub(crate) fn is_opaque(headers: &HeaderMap) -> bool {
    codings(headers).count() > MOST_CODINGS
        || codings(headers).any(|coding| coding == "dcb" || coding == "dcz")
}

/// The first bytes with their codings undone, as far as they go.
pub(crate) fn unpacked<'a>(headers: &HeaderMap, first: &'a [u8]) -> Cow<'a, [u8]> {
    let mut bytes = Cow::Borrowed(first);
    for coding in codings(headers).take(MOST_CODINGS) {
        let packed: &[u8] = &bytes;
        let out = match coding.as_str() {
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
    use http::Response;
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
        for (status, range, expected) in [
            (206, "bytes 0-99/200", false),
            (206, "bytes 00-99/200", false),
            (206, "bytes 1-99/200", true),
            (206, "Bytes 0-1/2", false),
            (206, "x", false),
            (200, "bytes 1-99/200", false),
        ] {
            let answer = Response::builder().status(status).header(CONTENT_RANGE, range).body(()).unwrap();
            assert_eq!(begins_elsewhere(&answer.into_parts().0), expected, "{status} {range}");
        }
        assert!(!begins_elsewhere(&Response::new(()).into_parts().0));
    }

    #[test]
    fn every_field_with_codings_counts_and_what_cannot_be_undone_is_known() {
        let mut headers = coded("gzip");
        headers.append(CONTENT_ENCODING, "identity".parse().unwrap());
        headers.append(CONTENT_ENCODING, "gzip, ".parse().unwrap());
        assert_eq!(codings(&headers).collect::<Vec<_>>(), ["gzip", "gzip"]);
        assert_eq!(&unpacked(&headers, &gzip(&gzip(b"MZ")))[..], b"MZ");
        for (coding, expected) in
            [("gzip, br, zstd", false), ("gzip, gzip, gzip, gzip", true), ("dcb", true), ("utf-8", false)]
        {
            assert_eq!(is_opaque(&coded(coding)), expected, "{coding}");
        }
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
