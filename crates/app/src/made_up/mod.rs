//! What made-up schools are drawn from, the demo's and the benches': seeded numbers, and when a school asks for things.

mod random;
mod school_day;

pub use random::{Random, mix};
pub use school_day::{DayKind, Minutes, minute_weight};
