//! A body's codings undone as it comes, so that the scanner sees the file that the browser will make of it.
//!
//! Left out: codings that are not known.
//!
//! Invariants: no more than [`PIECE_BYTES`] of what is packed are put in at once; what comes out, of one piece and in all, is bounded.

use super::ScanFault;
use http::HeaderMap;
use http::header::CONTENT_ENCODING;
use std::io::{self, Write};

/// What is put in at once.
pub(super) const PIECE_BYTES: usize = 16 * 1024;
/// The most that one piece may become.
pub(super) const MOST_OF_A_PIECE: usize = MOST_OF_A_PIECE_KIB as usize * 1024;
/// The same, in KiB.
pub(super) const MOST_OF_A_PIECE_KIB: u32 = 32 * 1024;
/// Codings inside each other that are undone.
const MOST_CODINGS: usize = 3;
/// The buffer of the unpacker of brotli.
const BUFFER_BYTES: usize = 4_096;

/// Codings, innermost last as they are undone.
pub(super) struct Unpacker {
    stages: Vec<Stage>,
    left: u64,
}

enum Stage {
    Gzip(flate2::write::MultiGzDecoder<Bounded>),
    Zlib(flate2::write::ZlibDecoder<Bounded>),
    Bare(flate2::write::DeflateDecoder<Bounded>),
    /// Deflate of which no byte came yet: most servers send the zlib form, some the bare one.
    Deflate,
    Brotli(Box<brotli_decompressor::DecompressorWriter<Bounded>>),
    Zstd(Box<zstd::stream::write::Decoder<'static, Bounded>>),
}

impl Unpacker {
    /// For a body with this head, of which at most so many unpacked bytes are wanted.
    pub(super) fn new(head: &HeaderMap, most_bytes: u64) -> Result<Self, ScanFault> {
        let mut stages = Vec::new();
        for value in head.get_all(CONTENT_ENCODING) {
            let text = value.to_str().map_err(|_| ScanFault::Packing)?;
            for coding in text.split(',').map(|coding| coding.trim().to_ascii_lowercase()) {
                if !["", "identity"].contains(&coding.as_str()) {
                    stages.push(stage(&coding)?);
                }
            }
        }
        // What was applied last is undone first.
        stages.reverse();
        if stages.len() > MOST_CODINGS {
            return Err(ScanFault::Packing);
        }
        Ok(Self { stages, left: most_bytes })
    }

    /// True where what comes out can be longer than what travels.
    pub(super) fn is_packed(&self) -> bool {
        !self.stages.is_empty()
    }

    /// What a piece becomes.
    pub(super) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, ScanFault> {
        let mut bytes = piece.to_vec();
        for stage in &mut self.stages {
            bytes = stage.push(&bytes)?;
        }
        self.counted(bytes)
    }

    /// What was left inside at the end. A body that breaks off in the middle is as good as a browser can make it.
    pub(super) fn finish(&mut self) -> Result<Vec<u8>, ScanFault> {
        let mut bytes = Vec::new();
        for stage in &mut self.stages {
            let mut out = stage.push(&bytes)?;
            out.extend(stage.flush());
            bytes = out;
        }
        self.counted(bytes)
    }

    fn counted(&mut self, bytes: Vec<u8>) -> Result<Vec<u8>, ScanFault> {
        let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.left = self.left.checked_sub(length).ok_or(ScanFault::Bomb)?;
        Ok(bytes)
    }
}

fn stage(coding: &str) -> Result<Stage, ScanFault> {
    let out = Bounded::default();
    Ok(match coding {
        "gzip" | "x-gzip" => Stage::Gzip(flate2::write::MultiGzDecoder::new(out)),
        "deflate" => Stage::Deflate,
        "br" => Stage::Brotli(Box::new(brotli_decompressor::DecompressorWriter::new(out, BUFFER_BYTES))),
        "zstd" => {
            Stage::Zstd(Box::new(zstd::stream::write::Decoder::new(out).map_err(|_| ScanFault::Packing)?))
        }
        _ => return Err(ScanFault::Packing),
    })
}

impl Stage {
    fn push(&mut self, bytes: &[u8]) -> Result<Vec<u8>, ScanFault> {
        if let (Self::Deflate, Some(first)) = (&*self, bytes.first()) {
            *self = if first & 0x0f == 8 {
                Self::Zlib(flate2::write::ZlibDecoder::new(Bounded::default()))
            } else {
                Self::Bare(flate2::write::DeflateDecoder::new(Bounded::default()))
            };
        }
        let written = match self {
            Self::Gzip(stage) => stage.write_all(bytes),
            Self::Zlib(stage) => stage.write_all(bytes),
            Self::Bare(stage) => stage.write_all(bytes),
            Self::Deflate => Ok(()),
            Self::Brotli(stage) => stage.write_all(bytes),
            Self::Zstd(stage) => stage.write_all(bytes),
        };
        match written {
            Ok(()) => Ok(self.taken()),
            Err(error) if error.kind() == io::ErrorKind::FileTooLarge => Err(ScanFault::Bomb),
            Err(_) => Err(ScanFault::Packing),
        }
    }

    /// What is still inside; an unfinished coding gives what it can.
    fn flush(&mut self) -> Vec<u8> {
        // Whether a coding was ended well is the browser's matter.
        let _ = match self {
            Self::Gzip(stage) => stage.flush(),
            Self::Zlib(stage) => stage.flush(),
            Self::Bare(stage) => stage.flush(),
            Self::Deflate => Ok(()),
            Self::Brotli(stage) => stage.flush(),
            Self::Zstd(stage) => stage.flush(),
        };
        self.taken()
    }

    fn taken(&mut self) -> Vec<u8> {
        match self {
            Self::Gzip(stage) => stage.get_mut().take(),
            Self::Zlib(stage) => stage.get_mut().take(),
            Self::Bare(stage) => stage.get_mut().take(),
            Self::Deflate => Vec::new(),
            Self::Brotli(stage) => stage.get_mut().take(),
            Self::Zstd(stage) => stage.get_mut().take(),
        }
    }
}

/// What came out of one piece.
#[derive(Default)]
struct Bounded(Vec<u8>);

impl Bounded {
    fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.0)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.0.len().saturating_add(bytes.len()) > MOST_OF_A_PIECE {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use proptest::prelude::*;

    fn head(coding: &str) -> HeaderMap {
        [(CONTENT_ENCODING, coding.parse().unwrap())].into_iter().collect()
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    fn unpacked(coding: &str, packed: &[u8], piece: usize) -> Result<Vec<u8>, ScanFault> {
        let mut unpacker = Unpacker::new(&head(coding), 64 * 1024 * 1024)?;
        let mut all = Vec::new();
        for piece in packed.chunks(piece) {
            all.extend(unpacker.push(piece)?);
        }
        all.extend(unpacker.finish()?);
        Ok(all)
    }

    #[test]
    fn codings_are_undone_in_pieces_of_any_length_also_inside_each_other() {
        let file: Vec<u8> = (0..40_000_u32).flat_map(u32::to_le_bytes).collect();
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), Compression::fast());
        zlib.write_all(&file).unwrap();
        let zlib = zlib.finish().unwrap();
        for (coding, packed) in [
            ("gzip", gzip(&file)),
            ("gzip, x-gzip", gzip(&gzip(&file))),
            ("deflate", zlib.clone()),
            ("deflate", zlib[2..zlib.len() - 4].to_vec()),
            ("zstd, gzip", gzip(&zstd::encode_all(file.as_slice(), 1).unwrap())),
            ("identity", file.clone()),
        ] {
            for piece in [1_000, PIECE_BYTES] {
                assert!(unpacked(coding, &packed, piece).unwrap() == file, "{coding} {piece}");
            }
        }
    }

    #[test]
    fn a_bomb_is_stopped_and_an_unknown_coding_is_said_to_be_one() {
        let bomb = gzip(&vec![0; 70 * 1024 * 1024]);
        assert_eq!(unpacked("gzip", &bomb, PIECE_BYTES).unwrap_err(), ScanFault::Bomb);
        let bomb = zstd::encode_all(&*vec![0; 70 * 1024 * 1024], 1).unwrap();
        assert_eq!(unpacked("zstd", &bomb, PIECE_BYTES).unwrap_err(), ScanFault::Bomb);
        assert_eq!(unpacked("lzma", b"", 1).unwrap_err(), ScanFault::Packing);
        assert_eq!(unpacked("gzip,gzip,gzip,gzip", b"", 1).unwrap_err(), ScanFault::Packing);
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_coding_are_answered(
            bytes in prop::collection::vec(any::<u8>(), 0..500),
            coding in prop::sample::select(vec!["gzip", "deflate", "br", "zstd", "gzip, br", "x"]),
            piece in 1_usize..600,
        ) {
            let _ = unpacked(coding, &bytes, piece);
        }
    }
}
