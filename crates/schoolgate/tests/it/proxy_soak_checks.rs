//! What the soak demands of answers, of the history and of the process, and proof that each demand can fail.

use crate::proxy_soak_client::Came;
use std::collections::HashMap;
use testkit::busy_origin::{body_of, number_in};
use testkit::faulty_origin::{OriginFault, PROMISED_BYTES, SENT_BYTES};

/// The statuses with which the gate says that the fault was the origin's.
const ORIGINS_FAULT: [u16; 2] = [502, 504];

/// An answer of a good origin: all of it, and nothing else.
pub fn is_right(came: &Came, number: u64, length: usize) -> Result<(), String> {
    let expected = body_of(number, length);
    match (came.status, &came.whole) {
        (200, Ok(())) if came.body == expected => Ok(()),
        (status, whole) => Err(format!(
            "body {number}: expected 200 and {length} bytes, found {status} and {} bytes ({} of them right), {whole:?}",
            came.body.len(),
            right_at_the_beginning(&came.body, &expected)
        )),
    }
}

/// An answer of a faulty origin: what came is right as far as it goes, and nobody was told that it was all where it was not.
pub fn is_honest(came: &Came, number: u64, fault: OriginFault) -> Result<(), String> {
    let expected = body_of(number, PROMISED_BYTES);
    let right = right_at_the_beginning(&came.body, &expected);
    let begun = came.status == 200 && right == came.body.len() && right <= SENT_BYTES && came.whole.is_err();
    let said = ORIGINS_FAULT.contains(&came.status) && came.whole.is_ok() && came.body.starts_with(b"<");
    let whole = came.status == 200 && came.body == expected && came.whole.is_ok();
    let honest = match fault {
        OriginFault::Reset | OriginFault::Short | OriginFault::BadChunk => begun || said,
        // Here the client went, after what it had waited for.
        OriginFault::Stall => begun,
        OriginFault::HalfClose => whole,
        OriginFault::Long => whole || said,
        OriginFault::Garbage | OriginFault::Silent => said,
    };
    match honest {
        true => Ok(()),
        false => Err(format!(
            "{fault:?}, body {number}: found {}, {} bytes, {right} of them right, {:?}",
            came.status,
            came.body.len(),
            came.whole
        )),
    }
}

fn right_at_the_beginning(body: &[u8], expected: &[u8]) -> usize {
    body.iter().zip(expected).take_while(|(found, expected)| found == expected).count()
}

/// Every visit stands in the history once, and nothing else does. `rows` are those of a site.
pub fn are_recorded_once<'a>(visits: &[u64], rows: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut recorded: HashMap<u64, usize> = HashMap::new();
    for number in rows.filter_map(number_in) {
        *recorded.entry(number).or_default() += 1;
    }
    let lost: Vec<_> = visits.iter().filter(|number| !recorded.contains_key(*number)).take(20).collect();
    let twice: Vec<_> = recorded.iter().filter(|(_, times)| **times > 1).take(20).collect();
    match lost.is_empty() && twice.is_empty() && recorded.len() == visits.len() {
        true => Ok(()),
        false => Err(format!(
            "{} visits, {} in the history; not there: {lost:?}; more than once: {twice:?}",
            visits.len(),
            recorded.len()
        )),
    }
}

/// What a process holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Held {
    pub memory_kib: u64,
    pub descriptors: usize,
    pub threads: usize,
}

/// How much more of each it may hold than before.
pub const ALLOWED: Held = Held { memory_kib: 48 * 1024, descriptors: 6, threads: 4 };

/// Nothing grew by more than is allowed.
pub fn is_flat(before: Held, after: Held) -> Result<(), String> {
    let flat = after.memory_kib <= before.memory_kib + ALLOWED.memory_kib
        && after.descriptors <= before.descriptors + ALLOWED.descriptors
        && after.threads <= before.threads + ALLOWED.threads;
    if flat { Ok(()) } else { Err(format!("it grew from {before:?} to {after:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn came(status: u16, body: Bytes, whole: Result<(), String>) -> Came {
        Came { status, body, whole }
    }

    fn broken() -> Result<(), String> {
        Err("it broke".into())
    }

    #[test]
    fn a_wrong_byte_a_missing_one_one_too_many_and_an_answer_that_broke_are_no_right_answer() {
        assert_eq!(is_right(&came(200, body_of(7, 100), Ok(())), 7, 100), Ok(()));
        let mut wrong = body_of(7, 100).to_vec();
        wrong[99] = b'!';
        for other in [
            came(200, wrong.into(), Ok(())),
            came(200, body_of(7, 99), Ok(())),
            came(200, body_of(7, 101), Ok(())),
            came(200, body_of(8, 100), Ok(())),
            came(200, body_of(7, 100), broken()),
            came(502, body_of(7, 100), Ok(())),
        ] {
            assert!(is_right(&other, 7, 100).is_err());
        }
    }

    #[test]
    fn half_an_answer_that_passes_for_a_whole_one_and_wrong_bytes_are_not_honest() {
        let page = Bytes::from("<!doctype html>");
        for fault in OriginFault::ALL {
            let half = came(200, body_of(7, SENT_BYTES), Ok(()));
            assert!(is_honest(&half, 7, fault).is_err(), "{fault:?}: half an answer as a whole one");
            let others = came(200, body_of(8, SENT_BYTES), broken());
            assert!(is_honest(&others, 7, fault).is_err(), "{fault:?}: another's bytes");
            let more = came(200, [&body_of(7, PROMISED_BYTES)[..], b"HTTP"].concat().into(), Ok(()));
            assert!(is_honest(&more, 7, fault).is_err(), "{fault:?}: more than was promised");
            assert!(
                is_honest(&came(200, page.clone(), Ok(())), 7, fault).is_err(),
                "{fault:?}: a page as the site's"
            );
        }
        assert_eq!(is_honest(&came(200, body_of(7, SENT_BYTES), broken()), 7, OriginFault::Short), Ok(()));
        assert_eq!(is_honest(&came(502, page, Ok(())), 7, OriginFault::Garbage), Ok(()));
        assert_eq!(
            is_honest(&came(200, body_of(7, PROMISED_BYTES), Ok(())), 7, OriginFault::HalfClose),
            Ok(())
        );
    }

    #[test]
    fn a_visit_that_is_lost_one_that_stands_twice_and_one_that_never_was_are_seen() {
        let rows = ["a,/bytes/1?soak-1,allowed", "the header", "b,/bytes/1?soak-2,allowed"];
        assert_eq!(are_recorded_once(&[1, 2], rows.into_iter()), Ok(()));
        assert!(are_recorded_once(&[1, 2, 3], rows.into_iter()).is_err());
        assert!(are_recorded_once(&[1], rows.into_iter()).is_err());
        assert!(are_recorded_once(&[1, 2], rows.into_iter().chain(["soak-2"])).is_err());
    }

    #[test]
    fn more_of_anything_than_is_allowed_is_seen() {
        let before = Held { memory_kib: 100_000, descriptors: 40, threads: 8 };
        assert_eq!(is_flat(before, before), Ok(()));
        for after in [
            Held { memory_kib: before.memory_kib + ALLOWED.memory_kib + 1, ..before },
            Held { descriptors: before.descriptors + ALLOWED.descriptors + 1, ..before },
            Held { threads: before.threads + ALLOWED.threads + 1, ..before },
        ] {
            assert!(is_flat(before, after).is_err());
        }
    }
}
