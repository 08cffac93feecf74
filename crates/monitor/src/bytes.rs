//! Numbers and texts in plain bytes, and back.
//!
//! Invariants: little-endian; a text is its length (u16) and its bytes; reading never goes past the end, and gives `None`
//! where something is missing or wrong.

/// Writes.
#[derive(Default)]
pub(crate) struct Writer {
    pub(crate) bytes: Vec<u8>,
}

impl Writer {
    pub(crate) fn number<const SIZE: usize>(&mut self, bytes: [u8; SIZE]) {
        self.bytes.extend_from_slice(&bytes);
    }

    /// How many follow, at most 65,535: whoever writes more writes only so many.
    pub(crate) fn length(&mut self, length: usize) -> usize {
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        self.number(length.to_le_bytes());
        usize::from(length)
    }

    /// A text, cut at 65,535 bytes.
    pub(crate) fn text(&mut self, text: &str) {
        let text = text.get(..text.floor_char_boundary(usize::from(u16::MAX))).unwrap_or_default();
        self.length(text.len());
        self.bytes.extend_from_slice(text.as_bytes());
    }

    /// Something or nothing.
    pub(crate) fn maybe<V>(&mut self, value: Option<V>, write: impl FnOnce(&mut Self, V)) {
        self.number([u8::from(value.is_some())]);
        if let Some(value) = value {
            write(self, value);
        }
    }
}

/// Reads.
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
}

impl<'b> Reader<'b> {
    pub(crate) fn of(bytes: &'b [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    pub(crate) fn number<const SIZE: usize>(&mut self) -> Option<[u8; SIZE]> {
        let (number, rest) = self.rest.split_first_chunk()?;
        self.rest = rest;
        Some(*number)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.number::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.number().map(u32::from_le_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.number().map(u64::from_le_bytes)
    }

    pub(crate) fn i32(&mut self) -> Option<i32> {
        self.number().map(i32::from_le_bytes)
    }

    pub(crate) fn i64(&mut self) -> Option<i64> {
        self.number().map(i64::from_le_bytes)
    }

    pub(crate) fn u128(&mut self) -> Option<u128> {
        self.number().map(u128::from_le_bytes)
    }

    pub(crate) fn length(&mut self) -> Option<usize> {
        self.number().map(|length| usize::from(u16::from_le_bytes(length)))
    }

    pub(crate) fn text(&mut self) -> Option<&'b str> {
        let length = self.length()?;
        let (text, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        std::str::from_utf8(text).ok()
    }

    /// So many of a kind, as written.
    pub(crate) fn many<V>(&mut self, mut read: impl FnMut(&mut Self) -> Option<V>) -> Option<Vec<V>> {
        (0..self.length()?).map(|_| read(self)).collect()
    }

    /// Something or nothing; the outer `None` is a wrong byte.
    pub(crate) fn maybe<V>(&mut self, read: impl FnOnce(&mut Self) -> Option<V>) -> Option<Option<V>> {
        match self.byte()? {
            0 => Some(None),
            1 => read(self).map(Some),
            _ => None,
        }
    }
}
