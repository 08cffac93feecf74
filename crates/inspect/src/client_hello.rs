//! Whether a TLS ClientHello hides its name (ECH, RFC 9849).
//!
//! Browsers send an extension of that look also where they hide nothing (GREASE), and the two cannot be told apart: that is
//! their purpose. Whoever asks must know more, such as that the name outside is not the one that was asked for.
//!
//! Invariants: any bytes are answered; records are put together up to the length of the input.

use model::Host;

/// The names of services that hide others behind them, as known on 2026-11-22.
const PUBLIC_NAMES: [&str; 2] = ["cloudflare-ech.com", "public.tls-ech.dev"];
/// A handshake record, and a ClientHello in it (RFC 8446, sections 4 and 5.1).
const HANDSHAKE_RECORD: u8 = 22;
const CLIENT_HELLO: u8 = 1;
/// `encrypted_client_hello`, and its outer form (RFC 9849, section 5).
const ECH: u16 = 0xfe0d;
const OUTER: u8 = 0;

/// True where the records of a ClientHello carry the extension for hidden names in its outer form.
pub fn may_hide_its_name(records: &[u8]) -> bool {
    let Some(handshake) = handshake(records) else { return false };
    outer_ech(&handshake).unwrap_or(false)
}

/// True for a name that services show outside where they hide the one inside (RFC 9849, `public_name`).
pub fn is_public_name(host: &Host) -> bool {
    PUBLIC_NAMES.iter().any(|name| host.name() == Some(name))
}

/// The content of the leading handshake records.
fn handshake(mut records: &[u8]) -> Option<Vec<u8>> {
    let mut content = Vec::with_capacity(records.len());
    while let [HANDSHAKE_RECORD, _, _, high, low, rest @ ..] = records {
        let length = usize::from(u16::from_be_bytes([*high, *low])).min(rest.len());
        let (part, after) = rest.split_at(length);
        content.extend_from_slice(part);
        if length == 0 {
            break;
        }
        records = after;
    }
    (content.first() == Some(&CLIENT_HELLO)).then_some(content)
}

fn outer_ech(hello: &[u8]) -> Option<bool> {
    let mut reader = Reader(hello);
    // Type and length, version, random.
    reader.take(4 + 2 + 32)?;
    reader.short_block()?;
    reader.block()?;
    reader.short_block()?;
    let mut extensions = Reader(reader.block()?);
    while !extensions.0.is_empty() {
        let kind = extensions.number()?;
        let content = extensions.block()?;
        if kind == ECH {
            return Some(content.first() == Some(&OUTER));
        }
    }
    Some(false)
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// What a length of one byte stands before.
    fn short_block(&mut self) -> Option<&'a [u8]> {
        let length = *self.take(1)?.first()?;
        self.take(usize::from(length))
    }

    /// What a length of two bytes stands before.
    fn block(&mut self) -> Option<&'a [u8]> {
        let length = self.number()?;
        self.take(usize::from(length))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A hello with these extensions, in records of at most so many bytes.
    fn hello(extensions: &[(u16, &[u8])], record: usize) -> Vec<u8> {
        let length = |bytes: usize| u16::try_from(bytes).unwrap().to_be_bytes();
        let extensions: Vec<u8> = extensions
            .iter()
            .flat_map(|(kind, content)| [&kind.to_be_bytes(), &length(content.len()), *content].concat())
            .collect();
        let mut body = vec![3, 3];
        body.extend([7; 32]);
        body.push(0);
        body.extend([0, 2, 0x13, 1, 1, 0]);
        body.extend(length(extensions.len()));
        body.extend(extensions);
        let mut handshake = vec![CLIENT_HELLO, 0];
        handshake.extend(length(body.len()));
        handshake.extend(body);
        let parts = handshake.chunks(record);
        parts.flat_map(|part| [&[22, 3, 1], length(part.len()).as_slice(), part].concat()).collect()
    }

    #[test]
    fn the_extension_is_found_in_its_outer_form_also_where_records_are_split() {
        let name: (u16, &[u8]) = (0, b"\0\x0e\0\0\x0bexample.com");
        for record in [16_000, 40, 1] {
            assert!(may_hide_its_name(&hello(&[name, (ECH, &[0, 0, 1, 0, 1])], record)), "{record}");
            assert!(!may_hide_its_name(&hello(&[name, (ECH, &[1])], record)), "inner, {record}");
            assert!(!may_hide_its_name(&hello(&[name], record)), "{record}");
        }
        let whole = hello(&[(ECH, &[0])], 16_000);
        assert!((0..whole.len()).all(|end| !may_hide_its_name(&whole[..end])));
    }

    #[test]
    fn only_names_that_stand_for_others_are_public_ones() {
        assert!(is_public_name(&Host::parse("cloudflare-ech.com").unwrap()));
        assert!(!is_public_name(&Host::parse("cloudflare.com").unwrap()));
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = may_hide_its_name(&bytes);
            let _ = may_hide_its_name(&[&[22, 3, 1, 0, 190, 1], bytes.as_slice()].concat());
        }
    }
}
