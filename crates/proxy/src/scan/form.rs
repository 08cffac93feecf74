//! A form as browsers send it (`multipart/form-data`, RFC 7578), or any other body of several parts, read as it comes: the
//! bytes of each file in it.
//!
//! Servers are more lenient than the standard, and so is this: lines may end without a carriage return, and parts may follow
//! the last. Left out: fields that are no files, forms within forms, and files in base64.
//!
//! Invariants: any bytes are answered; what is held between two pieces is at most a boundary, or the head of a part.

use bytes::{Buf, Bytes, BytesMut};

/// The longest boundary; the standard allows 70 (RFC 2046, section 5.1.1).
const MOST_BOUNDARY_BYTES: usize = 200;
/// The longest head of a part.
const MOST_HEAD_BYTES: usize = 8 * 1024;

/// Something of a file in a form.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum FormPart {
    /// Its next bytes.
    Bytes(Bytes),
    /// It is over.
    Ends,
}

/// The head of a part has no end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct BrokenForm;

/// A form that is being read.
pub(super) struct FormReader {
    /// What ends each part.
    delimiter: Vec<u8>,
    /// Taken off at its front without moving the rest.
    held: BytesMut,
    place: Place,
    has_parts: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Before the first part, in one that is no file, or after the last.
    Elsewhere,
    Head,
    File,
}

impl FormReader {
    /// For a body of this media type; `None` where it is no form, or does not say plainly what its boundary is.
    pub(super) fn of(kind: &[u8]) -> Option<Self> {
        let kind = std::str::from_utf8(kind).ok()?;
        let (name, parameters) = kind.split_once(';')?;
        if !is_multipart(name.as_bytes()) {
            return None;
        }
        let mut boundaries = parameters.split(';').filter_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().to_ascii_lowercase().starts_with("boundary").then(|| value.trim())
        });
        let (Some(boundary), None) = (boundaries.next(), boundaries.next()) else { return None };
        let quoted = boundary.strip_prefix('"').and_then(|boundary| boundary.strip_suffix('"'));
        let boundary = quoted.unwrap_or(boundary);
        let fits = !boundary.is_empty() && boundary.len() <= MOST_BOUNDARY_BYTES;
        // The first boundary stands at a line's start that nothing is before.
        (fits && !boundary.contains(['"', '\\'])).then(|| Self {
            delimiter: [b"\n--", boundary.as_bytes()].concat(),
            held: b"\n".as_slice().into(),
            place: Place::Elsewhere,
            has_parts: false,
        })
    }

    /// What the next bytes of the body bring, in order.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<Vec<FormPart>, BrokenForm> {
        let mut parts = Vec::new();
        self.held.extend_from_slice(bytes);
        loop {
            let goes_on = match self.place {
                Place::Elsewhere | Place::File => self.body(&mut parts),
                Place::Head => self.head()?,
            };
            if !goes_on {
                break;
            }
        }
        Ok(parts)
    }

    /// At the end of the body: what is left of a file that no boundary follows.
    pub(super) fn rest(&mut self) -> Bytes {
        if self.place == Place::File { self.held.split().freeze() } else { Bytes::new() }
    }

    /// True at the end of a body that was no form after all: no boundary was in it, or the head of a part did not end.
    pub(super) fn is_broken(&self) -> bool {
        match self.place {
            Place::Head => true,
            Place::Elsewhere => !self.has_parts && self.held.len() > 1,
            Place::File => false,
        }
    }

    /// True when a boundary was found.
    fn body(&mut self, parts: &mut Vec<FormPart>) -> bool {
        let found = find(&self.held, &self.delimiter);
        // A boundary, and the carriage return before it, may have begun at the end of what is here.
        let line_end = found.unwrap_or(self.held.len().saturating_sub(self.delimiter.len()));
        let before_it =
            line_end.checked_sub(1).filter(|at| found.is_some() && self.held.get(*at) == Some(&b'\r'));
        let until = before_it.unwrap_or(line_end);
        let before = self.held.split_to(until).freeze();
        if self.place == Place::File {
            if !before.is_empty() {
                parts.push(FormPart::Bytes(before));
            }
            if found.is_some() {
                parts.push(FormPart::Ends);
            }
        }
        if found.is_some() {
            self.held.advance(line_end.saturating_sub(until).saturating_add(self.delimiter.len()));
            self.place = Place::Head;
            self.has_parts = true;
        }
        found.is_some()
    }

    /// True when the head was whole.
    fn head(&mut self) -> Result<bool, BrokenForm> {
        if self.held.starts_with(b"--") {
            self.place = Place::Elsewhere;
            return Ok(true);
        }
        match end_of_head(&self.held) {
            Some(end) => {
                let head = self.held.split_to(end).to_ascii_lowercase();
                // Where a head that is written oddly ends, servers do not agree.
                let is_odd = has_bare_line_end(&head);
                let is_file = is_odd
                    || ["filename", "content-type:"]
                        .iter()
                        .any(|word| find(&head, word.as_bytes()).is_some());
                self.place = if is_file { Place::File } else { Place::Elsewhere };
                Ok(true)
            }
            None if self.held.len() > MOST_HEAD_BYTES => Err(BrokenForm),
            None => Ok(false),
        }
    }
}

/// True for a body of several parts.
pub(super) fn is_multipart(kind: &[u8]) -> bool {
    kind.trim_ascii_start().get(..10).is_some_and(|start| start.eq_ignore_ascii_case(b"multipart/"))
}

/// Where what follows the first empty line begins.
fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let ends =
        bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at.saturating_add(1));
    ends.into_iter().find_map(|after| {
        let rest = bytes.get(after..)?;
        let empty = [b"\n".as_slice(), b"\r\n"].into_iter().find(|line| rest.starts_with(line))?;
        Some(after.saturating_add(empty.len()))
    })
}

fn has_bare_line_end(head: &[u8]) -> bool {
    head.split(|byte| *byte == b'\n').rev().skip(1).any(|line| line.last() != Some(&b'\r'))
}

/// Where `needle` begins, first by its first byte.
fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    let first = *needle.first()?;
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let next = rest.iter().position(|byte| *byte == first)?;
        at = at.saturating_add(next);
        if bytes.get(at..).is_some_and(|rest| rest.starts_with(needle)) {
            return Some(at);
        }
        at = at.saturating_add(1);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORM: &str = "before\r\n--x\r\ncontent-disposition: form-data; name=\"a\"\r\n\r\ntext\r\n--x\r\n\
        Content-Disposition: form-data; name=f; FileName=\"a.txt\"\r\n\r\nMZ\r\n--not\r\n--x\r\n\
        content-disposition: form-data; name=g; filename=\r\nContent-Type: text/plain\r\n\r\n\r\n--x--\r\nafter";

    fn files(form: &[u8], piece: usize) -> Vec<Vec<u8>> {
        let mut reader = FormReader::of(b"Multipart/Form-Data; charset=x; boundary=\"x\"").unwrap();
        let mut files = vec![Vec::new()];
        for piece in form.chunks(piece) {
            for part in reader.push(piece).unwrap() {
                match part {
                    FormPart::Bytes(bytes) => files.last_mut().unwrap().extend(bytes),
                    FormPart::Ends => files.push(Vec::new()),
                }
            }
        }
        files.last_mut().unwrap().extend(reader.rest());
        files
    }

    #[test]
    fn the_files_of_a_form_are_read_in_pieces_of_any_length() {
        for piece in 1..FORM.len() {
            assert_eq!(
                files(FORM.as_bytes(), piece),
                [b"MZ\r\n--not".to_vec(), Vec::new(), Vec::new()],
                "{piece}"
            );
        }
    }

    #[test]
    fn lines_without_a_carriage_return_end_too_and_parts_after_the_last_are_read() {
        for (form, expected) in [
            ("--x\nfilename=a\n\nMZ\n\n--x--\n", [b"MZ\n".as_slice(), b""]),
            ("--x\r\nfilename=a\r\n\nMZ\r\n--x--", [b"MZ", b""]),
            ("--x\r\n\nfilename=a\r\n\r\nMZ\n--x--", [b"filename=a\r\n\r\nMZ", b""]),
            ("--x\nfilename=a\n\nMZ\n--x\nfilename=b\n\nMZ and no end\r\n", [b"MZ", b"MZ and no end\r\n"]),
            ("--x\r\n\r\ntext\r\n--x--y\r\n--x\r\nfilename=a\r\n\r\nMZ\r\r\n--x--", [b"MZ\r", b""]),
        ] {
            for piece in 1..form.len() {
                assert_eq!(files(form.as_bytes(), piece), expected, "{form} {piece}");
            }
        }
    }

    #[test]
    fn very_many_parts_in_one_piece_are_read_in_one_go() {
        let form = b"\r\n--x\r\n\r\n".repeat(400_000);
        let mut reader = FormReader::of(b"multipart/form-data; boundary=x").unwrap();
        assert_eq!(reader.push(&form).unwrap(), []);
        assert!(reader.held.len() < 16);
    }

    #[test]
    fn what_is_no_form_is_none_and_a_head_without_end_is_broken() {
        for kind in [
            "text/plain",
            "multipart/form-data",
            "message/rfc822; boundary=x",
            "multipart/form-data; boundary=",
            "multipart/form-data; boundary=\"x",
            "multipart/form-data; boundary=\"x\\\"y\"",
            "multipart/form-data; boundary=x; Boundary=y",
            "multipart/form-data; boundary*0=x; boundary*1=y",
        ] {
            assert!(FormReader::of(kind.as_bytes()).is_none(), "{kind}");
        }
        let mut reader = FormReader::of(b"multipart/form-data; boundary=x").unwrap();
        assert_eq!(reader.push(&[b"--x\r\n".as_slice(), &[b'a'; 9_000]].concat()), Err(BrokenForm));
    }

    #[test]
    fn a_body_without_a_boundary_or_a_head_without_an_end_is_no_form() {
        for (body, expected) in [
            ("", false),
            (FORM, false),
            ("--x--", false),
            ("MZ, and no boundary", true),
            ("--y\r\ncontent-type: text/plain\r\n\r\nMZ\r\n--y--", true),
            ("--x\nfilename=a\n\nMZ\n--x--", false),
        ] {
            let mut reader = FormReader::of(b"multipart/form-data; boundary=x").unwrap();
            reader.push(body.as_bytes()).unwrap();
            assert_eq!(reader.is_broken(), expected, "{body}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(prop::sample::select(b"\r\n-xa:".to_vec()), 0..300), piece in 1_usize..50) {
            let _ = files(&bytes, piece);
        }
    }
}
