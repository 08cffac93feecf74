//! Makes the binary fuse filter that `crates/identity/src/fuse.rs` reads.

#[path = "../../../crates/identity/src/fuse.rs"]
mod fuse;

use crate::failure::Failure;
use fuse::{Fuse, MAGIC, Shape, key};

/// The bytes before the fingerprints.
const HEAD_BYTES: usize = 32;
/// Seeds that are tried; each fails about once in a hundred times.
const MOST_TRIES: u64 = 64;

/// The bytes of a filter of these strings, each of which is there once.
pub(super) fn filter_of(strings: &[String]) -> Result<Vec<u8>, Failure> {
    let keys: Vec<u64> = strings.iter().map(|text| key(text)).collect();
    let bytes = (1..=MOST_TRIES).find_map(|seed| try_seed(seed, &keys));
    let bytes = bytes.ok_or_else(|| Failure::new("no seed gave a filter: is a string there twice?"))?;
    let filter = Fuse::read(&bytes).ok_or_else(|| Failure::new("the filter that was made cannot be read"))?;
    let complete = u32::try_from(keys.len()).is_ok_and(|count| count == filter.len());
    if complete && strings.iter().all(|text| filter.holds(text)) {
        return Ok(bytes);
    }
    Err(Failure::new("the filter that was made does not hold all its strings"))
}

/// Keys in the order in which their places are free for them, the last first; `None` where this seed gives none.
fn try_seed(seed: u64, keys: &[u64]) -> Option<Vec<u8>> {
    let shape = shape_for(seed, u32::try_from(keys.len()).ok()?);
    let places = usize::try_from(shape.places()).ok()?;
    // For each place: how many keys want it, and the sum of them.
    let mut wanted = vec![(0u32, 0u64); places];
    for key in keys {
        for place in places_of(shape, *key)? {
            let at = wanted.get_mut(place)?;
            *at = (at.0 + 1, at.1 ^ key);
        }
    }
    let mut alone: Vec<usize> =
        (0..places).filter(|place| wanted.get(*place).is_some_and(|at| at.0 == 1)).collect();
    let mut order: Vec<(u64, usize)> = Vec::with_capacity(keys.len());
    while let Some(place) = alone.pop() {
        let (1, key) = *wanted.get(place)? else { continue };
        order.push((key, place));
        for other in places_of(shape, key)? {
            let at = wanted.get_mut(other)?;
            *at = (at.0 - 1, at.1 ^ key);
            if at.0 == 1 {
                alone.push(other);
            }
        }
    }
    (order.len() == keys.len()).then(|| written(shape, &order, places))?
}

fn written(shape: Shape, order: &[(u64, usize)], places: usize) -> Option<Vec<u8>> {
    let mut prints = vec![0u16; places];
    for (key, place) in order.iter().rev() {
        let (_, print) = shape.of(*key);
        let sum = places_of(shape, *key)?.into_iter().filter(|other| other != place);
        let sum = sum
            .map(|other| prints.get(other).copied().unwrap_or_default())
            .fold(print, |sum, print| sum ^ print);
        *prints.get_mut(*place)? = sum;
    }
    let mut bytes = Vec::with_capacity(HEAD_BYTES + places * 2);
    bytes.extend(MAGIC);
    bytes.extend(shape.seed.to_le_bytes());
    bytes.extend(shape.segment_length.to_le_bytes());
    bytes.extend(shape.segments.to_le_bytes());
    bytes.extend(u32::try_from(order.len()).ok()?.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(prints.iter().flat_map(|print| print.to_le_bytes()));
    Some(bytes)
}

fn places_of(shape: Shape, key: u64) -> Option<[usize; 3]> {
    let ([first, second, third], _) = shape.of(key);
    let place = |place: u64| usize::try_from(place).ok();
    Some([place(first)?, place(second)?, place(third)?])
}

/// The sizes that the paper proposes: segments longer by the number of keys, and an eighth or more of free room.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small positive figures of a size"
)]
fn shape_for(seed: u64, keys: u32) -> Shape {
    let count = f64::from(keys.max(2));
    let exponent = (count.ln() / 3.33f64.ln() + 2.25).floor().clamp(2.0, 18.0);
    let segment_length = 1u32 << exponent as u32;
    let room = (0.875 + 0.25 * 1_000_000f64.ln() / count.ln()).max(1.125);
    let segments = (count * room / f64::from(segment_length)).ceil() as u32;
    Shape {
        seed: seed.wrapping_mul(0x9E37_79B9_7F4A_7C15),
        segment_length,
        segments: segments.saturating_sub(2).max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_filter_holds_its_strings_and_few_others() {
        for size in [1, 2, 10, 1_000, 20_000] {
            let strings: Vec<String> = (0..size).map(|number| format!("held {number}")).collect();
            let bytes = filter_of(&strings).unwrap();
            let filter = Fuse::read(&bytes).unwrap();
            let mistaken = (0..100_000).filter(|number| filter.holds(&format!("other {number}"))).count();
            assert!(mistaken < 12, "{mistaken} of 100,000 with {size}");
        }
        assert!(filter_of(&["twice".to_owned(), "twice".to_owned()]).is_err());
    }
}
