//! A form as browsers send it (`multipart/form-data`, RFC 7578), read as it comes: the bytes of each file in it.
//!
//! Left out: fields that are no files, and forms within forms.
//!
//! Invariants: any bytes are answered; what is held between two pieces is at most a boundary, or the head of a part.

use bytes::{Buf, Bytes, BytesMut};

/// The longest boundary; the standard allows 70 (RFC 2046, section 5.1.1).
const MOST_BOUNDARY_BYTES: usize = 200;
/// The longest head of a part.
const MOST_HEAD_BYTES: usize = 8 * 1024;
const LINE_END: &[u8] = b"\r\n";

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
    /// Before the first part, or in one that is no file.
    Elsewhere,
    Head,
    File,
    Over,
}

impl FormReader {
    /// For a body of this media type; `None` where it is no form.
    pub(super) fn of(kind: &[u8]) -> Option<Self> {
        let kind = std::str::from_utf8(kind).ok()?;
        let (name, parameters) = kind.split_once(';')?;
        if !name.trim().eq_ignore_ascii_case("multipart/form-data") {
            return None;
        }
        let boundary = parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("boundary").then(|| value.trim().trim_matches('"'))
        })?;
        let fits = !boundary.is_empty() && boundary.len() <= MOST_BOUNDARY_BYTES;
        // The first boundary stands at a line's start that nothing is before.
        fits.then(|| Self {
            delimiter: [b"\r\n--", boundary.as_bytes()].concat(),
            held: LINE_END.into(),
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
                Place::Over => false,
            };
            if !goes_on {
                break;
            }
        }
        if self.place == Place::Over {
            self.held.clear();
        }
        Ok(parts)
    }

    /// True at the end of a body that was no form after all: no boundary was in it, or the head of a part did not end.
    pub(super) fn is_broken(&self) -> bool {
        match self.place {
            Place::Head => true,
            Place::Elsewhere => !self.has_parts && self.held.len() > LINE_END.len(),
            Place::File | Place::Over => false,
        }
    }

    /// True when a boundary was found.
    fn body(&mut self, parts: &mut Vec<FormPart>) -> bool {
        let found = find(&self.held, &self.delimiter);
        // A boundary may have begun at the end of what is here.
        let until = found.unwrap_or(self.held.len().saturating_sub(self.delimiter.len().saturating_sub(1)));
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
            self.held.advance(self.delimiter.len());
            self.place = Place::Head;
            self.has_parts = true;
        }
        found.is_some()
    }

    /// True when the head was whole.
    fn head(&mut self) -> Result<bool, BrokenForm> {
        if self.held.starts_with(b"--") {
            self.place = Place::Over;
            return Ok(false);
        }
        match find(&self.held, b"\r\n\r\n") {
            Some(end) => {
                let head = self.held.split_to(end.saturating_add(4)).to_ascii_lowercase();
                let is_file = find(&head, b"filename").is_some() || find(&head, b"content-type:").is_some();
                self.place = if is_file { Place::File } else { Place::Elsewhere };
                Ok(true)
            }
            None if self.held.len() > MOST_HEAD_BYTES => Err(BrokenForm),
            None => Ok(false),
        }
    }
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
            "multipart/mixed; boundary=x",
            "multipart/form-data; boundary=",
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
            ("--x\nfilename=a\n\nMZ\n--x--", true),
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
