//! Numbers and texts of a column as bytes.
//!
//! Numbers: what is added to the smallest of them, byte by byte of all (all lowest bytes, then all second ones, ...), each
//! such plane compressed by itself where that makes it smaller. Numbers of a column are mostly small or alike in their
//! upper bytes, so most planes all but vanish.
//!
//! A column is: bytes that follow, u32; smallest number, u64; planes, u8; and for each plane its bytes, u32, whose highest
//! bit says that it is not compressed. A text is: bytes when uncompressed, u32; bytes that follow, u32; zstd. All
//! little-endian. Reading never panics on any bytes, and never gives more than was asked for.

use std::io;
use zstd::bulk::{Compressor, Decompressor};

/// A plane that compression would not make smaller.
const RAW: u32 = 1 << 31;
/// Planes are alike whatever the effort.
const PLANE_LEVEL: i32 = 3;
/// The most a text may say that it holds.
pub(crate) const MOST_TEXT_BYTES: usize = 64 << 20;

/// Writes columns.
pub(crate) struct Writer {
    planes: Compressor<'static>,
    texts: Compressor<'static>,
    out: Vec<u8>,
}

impl Writer {
    /// `text_level` is zstd's effort for texts.
    pub fn new(text_level: i32) -> io::Result<Self> {
        let (planes, texts) = (Compressor::new(PLANE_LEVEL)?, Compressor::new(text_level)?);
        Ok(Self { planes, texts, out: Vec::new() })
    }

    /// What was written since the last time.
    pub fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.out)
    }

    /// Writes a column of numbers.
    pub fn numbers(&mut self, values: &[u64]) -> io::Result<()> {
        let least = values.iter().copied().min().unwrap_or(0);
        let most = values.iter().copied().max().unwrap_or(0);
        let width = 8 - (most - least).leading_zeros() / 8;
        let start = self.out.len();
        self.out.extend_from_slice(&[0; 4]);
        self.out.extend_from_slice(&least.to_le_bytes());
        self.out.push(u8::try_from(width).unwrap_or(8));
        for place in 0..width {
            let plane: Vec<u8> = values.iter().map(|value| byte_of(value - least, place)).collect();
            let packed = self.planes.compress(&plane)?;
            let (kept, mark) = if packed.len() < plane.len() { (&packed, 0) } else { (&plane, RAW) };
            self.out.extend_from_slice(&(length(kept.len())? | mark).to_le_bytes());
            self.out.extend_from_slice(kept);
        }
        let bytes = length(self.out.len() - start - 4)?;
        if let Some(space) = self.out.get_mut(start..start + 4) {
            space.copy_from_slice(&bytes.to_le_bytes());
        }
        Ok(())
    }

    /// Writes a column of numbers of which neighbours are near each other.
    pub fn steps(&mut self, values: &[u64]) -> io::Result<()> {
        let mut before = 0;
        let steps: Vec<u64> = values
            .iter()
            .map(|value| folded(value.wrapping_sub(std::mem::replace(&mut before, *value))))
            .collect();
        self.numbers(&steps)
    }

    /// Writes a text.
    pub fn text(&mut self, text: &[u8]) -> io::Result<()> {
        let packed = self.texts.compress(text)?;
        self.out.extend_from_slice(&length(text.len())?.to_le_bytes());
        self.out.extend_from_slice(&length(packed.len())?.to_le_bytes());
        self.out.extend_from_slice(&packed);
        Ok(())
    }
}

/// Reads columns in the order in which they were written. Each reading gives `None` where the bytes make no sense.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub fn new(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    /// Steps over a column of numbers.
    pub fn skip(&mut self) -> Option<()> {
        self.column().map(|_| ())
    }

    /// A column of so many numbers.
    pub fn numbers(&mut self, count: usize, unpack: &mut Unpack) -> Option<Vec<u64>> {
        let mut column = self.column()?;
        let least = u64::from_le_bytes(take(&mut column)?);
        let [width] = take(&mut column)?;
        let mut values = vec![0u64; count];
        for place in 0..u32::from(width).min(8) {
            let marked = u32::from_le_bytes(take(&mut column)?);
            let stored = split(&mut column, usize::try_from(marked & !RAW).ok()?)?;
            let plane = if marked & RAW != 0 { stored } else { unpack.plane(stored, count)? };
            if plane.len() != count {
                return None;
            }
            for (value, byte) in values.iter_mut().zip(plane) {
                *value |= u64::from(*byte) << (8 * place);
            }
        }
        for value in &mut values {
            *value = value.wrapping_add(least);
        }
        Some(values)
    }

    /// A column of so many numbers that was written by [`Writer::steps`].
    pub fn steps(&mut self, count: usize, unpack: &mut Unpack) -> Option<Vec<u64>> {
        let mut values = self.numbers(count, unpack)?;
        let mut before = 0u64;
        for value in &mut values {
            before = before.wrapping_add(unfolded(*value));
            *value = before;
        }
        Some(values)
    }

    /// A text.
    pub fn text(&mut self, unpack: &mut Unpack) -> Option<Vec<u8>> {
        let raw = usize::try_from(u32::from_le_bytes(take(&mut self.rest)?)).ok()?;
        let stored = usize::try_from(u32::from_le_bytes(take(&mut self.rest)?)).ok()?;
        let stored = split(&mut self.rest, stored)?;
        if raw > MOST_TEXT_BYTES {
            return None;
        }
        unpack.packed.decompress(stored, raw).ok().filter(|text| text.len() == raw)
    }

    fn column(&mut self) -> Option<&'b [u8]> {
        let bytes = usize::try_from(u32::from_le_bytes(take(&mut self.rest)?)).ok()?;
        split(&mut self.rest, bytes)
    }
}

/// What reading needs again and again.
pub(crate) struct Unpack {
    packed: Decompressor<'static>,
    plane: Vec<u8>,
}

impl Unpack {
    pub fn new() -> io::Result<Self> {
        Ok(Self { packed: Decompressor::new()?, plane: Vec::new() })
    }

    fn plane(&mut self, stored: &[u8], count: usize) -> Option<&[u8]> {
        self.plane.resize(count, 0);
        let written = self.packed.decompress_to_buffer(stored, self.plane.as_mut_slice()).ok()?;
        self.plane.get(..written)
    }
}

/// Negative numbers become odd ones, so that what is near zero is small.
fn folded(value: u64) -> u64 {
    (value << 1) ^ if value >> 63 == 1 { u64::MAX } else { 0 }
}

fn unfolded(value: u64) -> u64 {
    (value >> 1) ^ if value & 1 == 1 { u64::MAX } else { 0 }
}

fn byte_of(value: u64, place: u32) -> u8 {
    u8::try_from((value >> (8 * place)) & 0xff).unwrap_or(0)
}

fn length(bytes: usize) -> io::Result<u32> {
    let found = || io::Error::other(format!("a column of {bytes} bytes"));
    u32::try_from(bytes).ok().filter(|bytes| bytes & RAW == 0).ok_or_else(found)
}

fn split<'b>(rest: &mut &'b [u8], bytes: usize) -> Option<&'b [u8]> {
    let (first, after) = rest.split_at_checked(bytes)?;
    *rest = after;
    Some(first)
}

fn take<const N: usize>(rest: &mut &[u8]) -> Option<[u8; N]> {
    let (field, after) = rest.split_first_chunk::<N>()?;
    *rest = after;
    Some(*field)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn numbers() -> impl Strategy<Value = Vec<u64>> {
        let one = prop_oneof![0u64..300, any::<u64>(), Just(u64::MAX)];
        prop::collection::vec(one, 0..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases / 8))]
        #[test]
        fn columns_come_back_in_their_order(one in numbers(), other in numbers(), text in "\\PC{0,200}") {
            let mut writer = Writer::new(3).unwrap();
            writer.numbers(&one).unwrap();
            writer.numbers(&[1, 2]).unwrap();
            writer.steps(&other).unwrap();
            writer.text(text.as_bytes()).unwrap();
            let bytes = writer.take();
            let (mut reader, mut unpack) = (Reader::new(&bytes), Unpack::new().unwrap());
            prop_assert_eq!(reader.numbers(one.len(), &mut unpack).unwrap(), one);
            prop_assert_eq!(reader.numbers(2, &mut unpack).unwrap(), [1, 2]);
            prop_assert_eq!(reader.steps(other.len(), &mut unpack).unwrap(), other);
            prop_assert_eq!(reader.text(&mut unpack).unwrap(), text.as_bytes());
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300), count in 0usize..100) {
            let mut unpack = Unpack::new().unwrap();
            let _ = Reader::new(&bytes).numbers(count, &mut unpack);
            let _ = Reader::new(&bytes).steps(count, &mut unpack);
            let _ = Reader::new(&bytes).text(&mut unpack);
        }
    }

    #[test]
    fn numbers_that_are_alike_take_next_to_nothing() {
        let mut writer = Writer::new(3).unwrap();
        writer.numbers(&[7; 10_000]).unwrap();
        assert_eq!(writer.take().len(), 4 + 8 + 1);
        writer.steps(&(0..10_000).map(|n| 1_000_000 + n * 3).collect::<Vec<_>>()).unwrap();
        assert!(writer.take().len() < 200);
    }
}
