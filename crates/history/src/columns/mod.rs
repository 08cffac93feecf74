//! The columns of a day: slices of rows that lie together by who asked, written once and never changed.
//!
//! A **slice** holds the rows of an unbroken range of sequences, some [`SLICE_EVENTS`] at most. Slices follow each other in
//! order of sequence, so that "newest first" reads the newest slice and no other; within a slice rows are sorted by who
//! asked and then by sequence, so that one person's rows lie in one place. What repeats is kept once a slice: who asked,
//! hosts, reasons ([`crate::parts`]). Rows are cut into **pages** of at most [`PAGE_ROWS`], and a page into four chunks, so
//! that a search reads only what it asks about.
//!
//! Invariants: sequences are what they were in the log; a chunk is read whole, checked, or not at all; reading never
//! panics on any bytes.

mod build;
mod file;
mod look;
mod planes;
mod rollup;

pub(crate) use build::Builder;
pub(crate) use file::{Columns, NewFile, SliceEntry, columns_file};
pub(crate) use look::{Found, Looker, Match, Rows, Slice};
pub(crate) use rollup::{Rollup, UNKNOWN_OUTCOME};

use model::Day;

/// A slice is full at so many rows, give or take one block of the log...
pub(crate) const SLICE_EVENTS: usize = 262_144;
/// ...so this is the most there may be...
const MOST_SLICE_EVENTS: usize = SLICE_EVENTS + crate::block::FULL_EVENTS;
/// ...or at at so many bytes of paths, give or take one row.
const SLICE_TEXT_BYTES: usize = 32 << 20;
/// The most rows of a page...
const PAGE_ROWS: usize = 4_096;
/// ...and a page is full at so many bytes of paths, give or take one row.
const PAGE_TEXT_BYTES: usize = 4 << 20;
/// zstd's effort for paths: closed days are compressed once, in the background.
const TEXT_LEVEL: i32 = 7;
const HOUR_MS: i64 = 3_600_000;

/// The hour of the day, 0 to 23; times of no calendar day count to its first or last hour.
pub(crate) fn hour_of(day: Day, at: i64) -> u8 {
    u8::try_from(at.saturating_sub(day.start().0).div_euclid(HOUR_MS).clamp(0, 23)).unwrap_or(0)
}

/// The places of a page's rows by their hosts' codes, those of one host in the order of rows.
fn by_host(hosts: &[u64]) -> Vec<u32> {
    // Code and place in one number: codes and places have 32 bits.
    let mut places: Vec<u64> = hosts.iter().zip(0..).map(|(host, place)| (host << 32) | place).collect();
    places.sort_unstable();
    places.into_iter().map(|place| u32::try_from(place & u64::from(u32::MAX)).unwrap_or(0)).collect()
}
