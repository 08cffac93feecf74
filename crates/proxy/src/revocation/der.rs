//! Walking through DER, one element after the other, for the two structures that no library of ours reads.
//!
//! Invariants: any bytes are elements or the end, never a panic; an element never reaches past its parent.

use x509_parser::asn1_rs::{Any, Class, FromDer};

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
