//! Reading what an ICAP service answers about a file, as it comes.
//!
//! Invariants: any bytes are answered, alike however they are cut; what is held is bounded.

use super::super::clamd::shown;
use crate::icap::{StatusLine, chunk_size, read_status};
use sha2::{Digest as _, Sha256};
use std::io;

/// The longest head, of ICAP and of HTTP each.
const MOST_HEAD_BYTES: usize = 32 * 1024;
/// The longest line before a chunk.
const MOST_LINE_BYTES: usize = 1_024;
/// Fields in which services name what they found; the first that is there counts.
const NAMES: [&str; 4] = ["x-infection-found", "x-virus-id", "x-virus-name", "x-violations-found"];
/// The name of what a service refuses without one.
pub(super) const REFUSED: &str = "refused by the scanner";

/// What a service says of a file.
#[derive(PartialEq, Eq, Debug)]
pub(super) enum Said {
    Clean,
    /// Malware, by its name.
    Infected(Box<str>),
    /// It gave back a file, of which this is the hash (SHA-256).
    Gave(Box<[u8]>),
    /// It failed, or nothing that can be read.
    Fault,
}

/// An answer, as far as it has come.
#[derive(Default)]
pub(super) struct Answer {
    held: Vec<u8>,
    place: Place,
    /// Of the body that is given back.
    back: Sha256,
}

#[derive(Default)]
enum Place {
    /// In ICAP's head.
    #[default]
    Head,
    /// In HTTP's, which is so long.
    HttpHead(usize),
    /// In the line before a chunk.
    Size,
    /// In a chunk, so far from its end.
    Chunk(u64),
    /// Behind a chunk.
    ChunkEnd,
    Over(Said),
}

impl Answer {
    /// What it says, once that is known.
    pub(super) fn said(&self) -> Option<&Said> {
        match &self.place {
            Place::Over(said) => Some(said),
            _ => None,
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.said().is_some()
    }

    /// Takes what was read, and empties it; the end of the connection ends the answer.
    pub(super) fn came(&mut self, read: io::Result<usize>, room: &mut Vec<u8>) {
        if matches!(read, Ok(0) | Err(_)) && !self.is_over() {
            self.place = Place::Over(Said::Fault);
        }
        self.push(room);
        room.clear();
    }

    fn push(&mut self, bytes: &[u8]) {
        self.held.extend_from_slice(bytes);
        while let Some((place, used)) = self.next() {
            self.place = place;
            self.held.drain(..used.min(self.held.len()));
        }
    }

    /// The next place and the bytes that lead to it; `None` where more must come first.
    fn next(&mut self) -> Option<(Place, usize)> {
        match self.place {
            Place::Head => {
                let end = head_end(&self.held)?;
                Some((
                    end.and_then(|end| begun(&self.held, end)).unwrap_or(Place::Over(Said::Fault)),
                    end.unwrap_or(0),
                ))
            }
            Place::HttpHead(length) => {
                let head = self.held.get(..length)?;
                // A page of the service's own says that something was refused; a file says what we said of it.
                let is_ours = head.starts_with(b"HTTP/1.1 200 ") || head.starts_with(b"HTTP/1.0 200 ");
                Some((
                    if is_ours { Place::Size } else { Place::Over(Said::Infected(REFUSED.into())) },
                    length,
                ))
            }
            Place::Size => {
                let end = self.held.windows(2).position(|two| two == b"\r\n");
                if end.unwrap_or(self.held.len().saturating_sub(1)) > MOST_LINE_BYTES {
                    return Some((Place::Over(Said::Fault), 0));
                }
                let end = end?;
                let place = match chunk_size(self.held.get(..end)?) {
                    None => Place::Over(Said::Fault),
                    Some((0, _)) => Place::Over(Said::Gave(self.back.clone().finalize().as_slice().into())),
                    Some((size, _)) => Place::Chunk(size),
                };
                Some((place, end.saturating_add(2)))
            }
            Place::Chunk(left) => {
                let here = usize::try_from(left).unwrap_or(usize::MAX).min(self.held.len());
                let piece = self.held.get(..here).filter(|piece| !piece.is_empty())?;
                self.back.update(piece);
                let left = left.saturating_sub(u64::try_from(here).unwrap_or(left));
                Some((if left == 0 { Place::ChunkEnd } else { Place::Chunk(left) }, here))
            }
            Place::ChunkEnd => match self.held.get(..2)? {
                b"\r\n" => Some((Place::Size, 2)),
                _ => Some((Place::Over(Said::Fault), 0)),
            },
            Place::Over(_) => {
                self.held.clear();
                None
            }
        }
    }
}

/// Where ICAP's head ends, `Some(None)` where it is too long; `None` where more must come first.
fn head_end(held: &[u8]) -> Option<Option<usize>> {
    let end = held.windows(4).position(|four| four == b"\r\n\r\n").map(|at| at.saturating_add(4));
    if end.unwrap_or(held.len()) > MOST_HEAD_BYTES { Some(None) } else { end.map(Some) }
}

/// What follows from ICAP's head.
fn begun(held: &[u8], end: usize) -> Option<Place> {
    let head = read_status(held.get(..end)?)?;
    match (head.status, name_of(&head)) {
        (204, _) => Some(Place::Over(Said::Clean)),
        (200, Some(name)) => Some(Place::Over(Said::Infected(name))),
        (200, None) => {
            let body = body_at(&head).filter(|body| *body <= MOST_HEAD_BYTES);
            Some(body.map_or_else(|| Place::Over(Said::Infected(REFUSED.into())), Place::HttpHead))
        }
        _ => None,
    }
}

/// By what name the service calls what it found.
fn name_of(head: &StatusLine) -> Option<Box<str>> {
    let value = NAMES.iter().find_map(|name| field(head, name))?;
    let threat = value.split(';').find_map(|part| part.trim().strip_prefix("Threat="));
    Some(shown(threat.unwrap_or(value).trim().as_bytes()))
}

/// Where the body of the answer begins that the service gives back (RFC 3507, section 4.4.1); `None` where it gives none.
fn body_at(head: &StatusLine) -> Option<usize> {
    let (heads, body) = field(head, "encapsulated")?.split_once(',')?;
    (heads.trim() == "res-hdr=0").then_some(())?;
    body.trim().strip_prefix("res-body=")?.parse().ok()
}

fn field<'a>(head: &'a StatusLine, name: &str) -> Option<&'a str> {
    let found = head.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name));
    found.map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn infected(name: &str) -> Said {
        Said::Infected(name.into())
    }

    fn read(bytes: &[u8], piece: usize) -> Answer {
        let mut answer = Answer::default();
        for piece in bytes.chunks(piece.max(1)) {
            answer.push(piece);
        }
        answer
    }

    fn gave_back(http: &str, body: &str) -> String {
        format!("ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body={}\r\n\r\n{http}{body}", http.len())
    }

    #[test]
    fn an_answer_tells_whether_and_what_was_found() {
        let ours = "HTTP/1.1 200 OK\r\nVia: x\r\n\r\n";
        let file = Said::Gave(Sha256::digest(b"the file").as_slice().into());
        for (head, expected) in [
            ("ICAP/1.0 204 Unmodified\r\nISTag: \"x\"\r\n\r\n".to_owned(), Some(Said::Clean)),
            (
                "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Bad.Test;\r\n\r\nmore"
                    .to_owned(),
                Some(infected("Bad.Test")),
            ),
            (
                "ICAP/1.0 200 OK\r\nX-Other: 1\r\n\t-\r\n\t0\r\nX-Virus-ID: Bad\r\n\r\n".to_owned(),
                Some(infected("Bad")),
            ),
            ("ICAP/1.0 200 OK\r\n\r\n".to_owned(), Some(infected(REFUSED))),
            ("ICAP/1.0 500 Error\r\n\r\n".to_owned(), Some(Said::Fault)),
            ("ICAP/1.0 204 Unmod".to_owned(), None),
            (gave_back(ours, "3\r\nthe\r\n5;x\r\n file\r\n0\r\n\r\n"), Some(file)),
            (gave_back(ours, "3\r\nthe\r\n5\r\n fil"), None),
            (gave_back(ours, "3\r\nthe5\r\n"), Some(Said::Fault)),
            (gave_back(ours, "many\r\n"), Some(Said::Fault)),
            (gave_back("HTTP/1.1 403 Forbidden\r\n\r\n", "0\r\n\r\n"), Some(infected(REFUSED))),
        ] {
            for piece in [1, 7, head.len()] {
                assert_eq!(read(head.as_bytes(), piece).said(), expected.as_ref(), "{head} {piece}");
            }
        }
    }

    #[test]
    fn a_head_without_an_end_is_a_fault_and_so_is_a_connection_that_ends_early() {
        assert_eq!(read(&vec![b'x'; MOST_HEAD_BYTES + 4], 1_000).said(), Some(&Said::Fault));
        let mut answer = Answer::default();
        answer.came(Ok(0), &mut Vec::new());
        assert_eq!(answer.said(), Some(&Said::Fault));
    }

    proptest! {
        #[test]
        fn any_answer_is_read_alike_however_it_is_cut(
            start in prop::sample::select(vec!["", "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"]),
            bytes in prop::collection::vec(prop_oneof![any::<u8>(), Just(b'\r'), Just(b'\n'), Just(b'1')], 0..200),
            piece in 1_usize..50,
        ) {
            let bytes = [start.as_bytes(), bytes.as_slice()].concat();
            let (cut, whole) = (read(&bytes, piece), read(&bytes, bytes.len()));
            prop_assert_eq!(cut.said(), whole.said());
        }
    }
}
