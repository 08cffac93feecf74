//! What a TLS hello says that the library does not pass on: that it may hide the name it is really for (ECH, RFC 9849).
//!
//! Browsers send the extension to everybody, mostly with noise in it (GREASE), so that the real ones do not stand out. Its
//! presence alone is no way round the filter; where the name in the open is not the one that was asked for, it is.
//!
//! Left out: opening what is hidden, which only the origin can.
//!
//! Invariants: any bytes are facts or none, never a panic; nothing is read past the hello.

/// The extension's number.
const ENCRYPTED_CLIENT_HELLO: u16 = 0xfe0d;
/// `client_hello` among handshake messages (RFC 8446, section 4).
const CLIENT_HELLO: u8 = 1;
/// The kind of ECH that stands in the outer hello.
const OUTER: u8 = 0;

/// A hello within the hello, or noise in its form: which of the two cannot be seen from outside.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Ech {
    /// Which of the origin's keys it is for.
    pub(crate) config_id: u8,
    /// How long what is hidden is, in bytes.
    pub(crate) payload_bytes: u16,
}

impl Ech {
    /// What the records of a ClientHello say about it.
    pub(crate) fn of(records: &[u8]) -> Option<Self> {
        let hello = handshake_bytes(records);
        let mut hello = Fields(&hello);
        if hello.number(1)? != u32::from(CLIENT_HELLO) {
            return None;
        }
        let mut body = Fields(hello.vector(3)?);
        // Version and random; then session id, cipher suites, compression methods (RFC 8446, section 4.1.2).
        body.bytes(34)?;
        for length_bytes in [1, 2, 1] {
            body.vector(length_bytes)?;
        }
        let mut extensions = Fields(body.vector(2)?);
        loop {
            let number = extensions.number(2)?;
            let content = extensions.vector(2)?;
            if number == u32::from(ENCRYPTED_CLIENT_HELLO) {
                return outer(content);
            }
        }
    }
}

/// `outer, cipher suite, config id, encapsulated key, payload` (RFC 9849, section 5).
fn outer(content: &[u8]) -> Option<Ech> {
    let mut fields = Fields(content);
    if fields.number(1)? != u32::from(OUTER) {
        return None;
    }
    fields.bytes(4)?;
    let config_id = u8::try_from(fields.number(1)?).ok()?;
    fields.vector(2)?;
    let payload_bytes = u16::try_from(fields.vector(2)?.len()).ok()?;
    Some(Ech { config_id, payload_bytes })
}

/// The handshake bytes of consecutive records.
fn handshake_bytes(records: &[u8]) -> Vec<u8> {
    let mut fields = Fields(records);
    let mut all = Vec::with_capacity(records.len());
    while let Some(part) = fields.bytes(3).and_then(|_| fields.vector(2)) {
        all.extend_from_slice(part);
    }
    all
}

/// Numbers and vectors, one after the other; each gives `None` where too little is left.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A number of so many bytes, at most 4.
    fn number(&mut self, bytes: usize) -> Option<u32> {
        Some(self.bytes(bytes)?.iter().fold(0, |number, byte| (number << 8) | u32::from(*byte)))
    }

    /// A vector whose length takes so many bytes.
    fn vector(&mut self, length_bytes: usize) -> Option<&'a [u8]> {
        let length = usize::try_from(self.number(length_bytes)?).ok()?;
        self.bytes(length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn vector(length_bytes: usize, content: &[u8]) -> Vec<u8> {
        let length = content.len().to_be_bytes();
        [&length[length.len() - length_bytes..], content].concat()
    }

    fn hello(extensions: &[u8]) -> Vec<u8> {
        let body = [
            vec![3, 3],
            vec![7; 32],
            vector(1, &[]),
            vector(2, &[0x13, 1]),
            vector(1, &[0]),
            vector(2, extensions),
        ];
        let message = [vec![CLIENT_HELLO], vector(3, &body.concat())].concat();
        [vec![22, 3, 1], vector(2, &message)].concat()
    }

    #[test]
    fn the_outer_form_is_noticed_and_nothing_else_is() {
        let key = vec![9; 32];
        let outer = [vec![OUTER, 0, 1, 0, 1, 42], vector(2, &key), vector(2, &[5; 144])].concat();
        let extension =
            |number: u16, content: &[u8]| [&number.to_be_bytes()[..], &vector(2, content)].concat();
        let before = extension(0x0a0a, &[]);
        let with = |content: &[u8]| [before.clone(), extension(ENCRYPTED_CLIENT_HELLO, content)].concat();
        assert_eq!(Ech::of(&hello(&with(&outer))), Some(Ech { config_id: 42, payload_bytes: 144 }));
        assert_eq!(Ech::of(&hello(&with(&[1]))), None, "the inner form");
        assert_eq!(Ech::of(&hello(&before)), None);
        assert_eq!(Ech::of(&hello(&with(&outer[..20]))), None, "cut short");
    }

    proptest! {
        #[test]
        fn any_bytes_are_facts_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..1024)) {
            let _ = Ech::of(&bytes);
            let _ = Ech::of(&hello(&bytes));
        }
    }
}
