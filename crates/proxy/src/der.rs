//! DER, one element after the other: reading and writing the structures that no library of ours knows (proofs of
//! certificates' state, bundles of certificates, Kerberos).
//!
//! Invariants: any bytes are elements or the end, never a panic; an element never reaches past its parent.

use model::Timestamp;
use x509_parser::asn1_rs::{Any, Class, FromDer};
use x509_parser::time::ASN1Time;

/// The first byte of a sequence.
pub(crate) const SEQUENCE: u8 = 0x30;
/// The first byte of a whole number.
pub(crate) const INTEGER: u8 = 2;
/// The first byte of bytes.
pub(crate) const OCTETS: u8 = 4;

/// Elements that stand one after the other.
pub(crate) struct Reader<'a>(&'a [u8]);

/// One element.
#[derive(Clone, Copy)]
pub(crate) struct Element<'a> {
    pub(crate) tag: Tag,
    /// With its tag and length.
    pub(crate) whole: &'a [u8],
    pub(crate) content: &'a [u8],
}

/// Class and number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Tag(Class, u32);

/// A tag that means something in its place only.
pub(crate) const fn context(number: u32) -> Tag {
    Tag(Class::ContextSpecific, number)
}

/// A tag of one specification's own.
pub(crate) const fn application(number: u32) -> Tag {
    Tag(Class::Application, number)
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The next element; `None` at the end, and where it cannot be read.
    pub(crate) fn take(&mut self) -> Option<Element<'a>> {
        let (rest, any) = Any::from_der(self.0).ok()?;
        let whole = self.0.get(..self.0.len().checked_sub(rest.len())?)?;
        let content = whole.get(whole.len().checked_sub(any.data.len())?..)?;
        self.0 = rest;
        Some(Element { tag: Tag(any.class(), any.tag().0), whole, content })
    }

    /// What is left to read.
    pub(crate) fn rest(&self) -> &'a [u8] {
        self.0
    }

    /// What stands in the next element of this tag, which holds exactly one element; another one stays.
    pub(crate) fn take_inside(&mut self, tag: Tag) -> Option<Element<'a>> {
        Reader::new(self.take_if(tag)?.content).take()
    }

    /// The next element if it has this tag; another one stays.
    pub(crate) fn take_if(&mut self, tag: Tag) -> Option<Element<'a>> {
        let before = self.0;
        let next = self.take().filter(|element| element.tag == tag);
        if next.is_none() {
            self.0 = before;
        }
        next
    }
}

/// The bytes of a bit string that ends on a whole byte.
pub(crate) fn whole_bytes(bits: &[u8]) -> Option<&[u8]> {
    match bits {
        [0, bytes @ ..] => Some(bytes),
        _ => None,
    }
}

/// A moment, to the second.
pub(crate) fn moment(time: &[u8]) -> Option<Timestamp> {
    let (_, time) = ASN1Time::from_der(time).ok()?;
    Some(Timestamp(time.timestamp().saturating_mul(1_000)))
}

/// A whole number of at most four bytes, unsigned.
pub(crate) fn small_number(content: &[u8]) -> Option<u32> {
    let bytes = match content {
        [0, rest @ ..] if !rest.is_empty() => rest,
        [first, ..] if *first < 0x80 => content,
        _ => return None,
    };
    if bytes.len() > 4 {
        return None;
    }
    Some(bytes.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
}

/// The first byte of an element that means something in its place only, and holds others.
pub(crate) const fn context_byte(number: u8) -> u8 {
    0xa0 | (number & 0x1f)
}

/// The first byte of an element of one specification's own, that holds others.
pub(crate) const fn application_byte(number: u8) -> u8 {
    0x60 | (number & 0x1f)
}

/// An element of these parts.
pub(crate) fn element(first_byte: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let significant = length.iter().position(|byte| *byte != 0).unwrap_or(length.len());
    let length = length.get(significant..).unwrap_or_default();
    let mut whole = vec![first_byte];
    match content.len() {
        0 => whole.push(0),
        1..128 => whole.extend_from_slice(length),
        _ => {
            whole.push(0x80 | u8::try_from(length.len()).unwrap_or(0));
            whole.extend_from_slice(length);
        }
    }
    whole.extend_from_slice(&content);
    whole
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_written_is_read_again_whatever_its_length() {
        for length in [0, 1, 127, 128, 255, 256, 70_000] {
            let content = vec![7; length];
            let whole = element(context_byte(3), &[&content]);
            let mut reader = Reader::new(&whole);
            let read = reader.take_if(context(3)).unwrap();
            assert_eq!((read.content, read.whole.len()), (content.as_slice(), whole.len()));
            assert!(reader.rest().is_empty());
        }
    }

    #[test]
    fn whole_numbers_are_read_up_to_four_bytes() {
        let read = [&[5][..], &[0, 0x80], &[0, 0xff, 0xff, 0xff, 0xff], &[0], &[], &[0x80], &[1, 0, 0, 0, 0]];
        assert_eq!(read.map(small_number), [Some(5), Some(128), Some(u32::MAX), Some(0), None, None, None]);
    }

    proptest! {
        #[test]
        fn any_bytes_are_elements_or_the_end(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let mut reader = Reader::new(&bytes);
            while reader.take().is_some() {}
            let _ = (moment(&bytes), small_number(&bytes));
        }
    }
}
