//! The few DNS messages of a zone transfer (RFC 1035, section 4; RFC 1995; RFC 5936): the question, and the records of
//! the answers as a zone file writes them.
//!
//! Invariants: no bytes panic the reader; a name's pointers lead backwards alone, so that reading one ends.

use super::TransferError;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, Ipv6Addr};

pub(super) const AXFR: u16 = 252;
pub(super) const IXFR: u16 = 251;
pub(super) const SOA: u16 = 6;
const TSIG: u16 = 250;
const IN: u16 = 1;
pub(super) const ANY: u16 = 255;
const HEADER_BYTES: usize = 12;
/// Where the number of additional records stands in the header.
const ADDITIONAL_AT: usize = 10;

/// A record of an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Record {
    /// Its owner in lower case, with the last dot.
    pub(super) owner: String,
    pub(super) kind: u16,
    /// Its value as a zone file writes it.
    pub(super) value: String,
    /// The serial of a SOA record.
    pub(super) serial: Option<u32>,
}

/// The signature at the end of a message (RFC 8945, 4.2).
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Signature {
    pub(super) key: String,
    pub(super) algorithm: String,
    pub(super) time_s: u64,
    pub(super) fudge_s: u16,
    pub(super) mac: Vec<u8>,
    pub(super) error: u16,
    pub(super) other: Vec<u8>,
    /// The message as it was signed: without this record, and under the number it was sent with.
    pub(super) signed: Vec<u8>,
}

/// A message of the answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Message {
    pub(super) id: u16,
    pub(super) is_answer: bool,
    pub(super) code: u8,
    pub(super) answers: Vec<Record>,
    pub(super) signature: Option<Signature>,
}

/// The question for a zone: for all of it or, with a serial, for what changed since (RFC 1995, section 3).
pub(super) fn question(id: u16, zone: &str, since: Option<u32>) -> Result<Vec<u8>, TransferError> {
    let mut bytes = Vec::with_capacity(128);
    bytes.extend_from_slice(&id.to_be_bytes());
    let authorities = u16::from(since.is_some());
    // Flags: a plain question; one question, no answers, the SOA we have, nothing more.
    for number in [0, 1, 0, authorities, 0] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    put_name(&mut bytes, zone)?;
    for number in [if since.is_some() { IXFR } else { AXFR }, IN] {
        bytes.extend_from_slice(&number.to_be_bytes());
    }
    if let Some(serial) = since {
        put_name(&mut bytes, zone)?;
        for number in [SOA, IN, 0, 0, 22] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        // The root as server and as person, the serial, and four times that nobody reads.
        bytes.extend_from_slice(&[0, 0]);
        for number in [serial, 0, 0, 0, 0] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
    }
    Ok(bytes)
}

/// Appends a name, without compression.
pub(super) fn put_name(bytes: &mut Vec<u8>, name: &str) -> Result<(), TransferError> {
    let start = bytes.len();
    for label in name.trim_end_matches('.').split('.').filter(|label| !label.is_empty()) {
        let length = u8::try_from(label.len()).ok().filter(|length| *length < 64);
        bytes.push(length.ok_or(TransferError::Name)?);
        bytes.extend_from_slice(label.to_ascii_lowercase().as_bytes());
    }
    bytes.push(0);
    if bytes.len() - start > 255 { Err(TransferError::Name) } else { Ok(()) }
}

/// Adds one to the number of additional records of a message.
pub(super) fn count_additional(message: &mut [u8]) {
    if let Some(count) = message.get_mut(ADDITIONAL_AT..HEADER_BYTES).and_then(<[u8]>::first_chunk_mut::<2>) {
        *count = u16::from_be_bytes(*count).wrapping_add(1).to_be_bytes();
    }
}

/// Reads a message.
pub(super) fn read(bytes: &[u8]) -> Result<Message, TransferError> {
    let mut reader = Reader { bytes, at: 0 };
    let [id, flags, questions, answers, authorities, additional] = reader.numbers()?;
    for _ in 0..questions {
        reader.name()?;
        reader.take(4)?;
    }
    let mut records = Vec::with_capacity(usize::from(answers).min(bytes.len() / 11));
    for _ in 0..answers {
        records.extend(reader.record()?);
    }
    for _ in 0..authorities {
        reader.record()?;
    }
    let mut signature = None;
    for number in 1..=additional {
        let start = reader.at;
        if let Some(found) = reader.signature()? {
            // It is the last record, or it signs something else than this.
            if number != additional || reader.at != bytes.len() {
                return Err(TransferError::Form);
            }
            let signed = unsigned(bytes, start, found.1)?;
            signature = Some(Signature { signed, ..found.0 });
        }
    }
    let [high, low] = flags.to_be_bytes();
    Ok(Message { id, is_answer: high & 0x80 != 0, code: low & 0x0f, answers: records, signature })
}

/// The message before it was signed: cut off where the signature begins, one record less, its first number back.
fn unsigned(bytes: &[u8], end: usize, id: u16) -> Result<Vec<u8>, TransferError> {
    let mut message = bytes.get(..end).ok_or(TransferError::Form)?.to_vec();
    if let Some(start) = message.first_chunk_mut::<2>() {
        *start = id.to_be_bytes();
    }
    let count = message.get_mut(ADDITIONAL_AT..HEADER_BYTES).and_then(<[u8]>::first_chunk_mut::<2>);
    let count = count.ok_or(TransferError::Form)?;
    *count = u16::from_be_bytes(*count).wrapping_sub(1).to_be_bytes();
    Ok(message)
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Result<&'a [u8], TransferError> {
        let end = self.at.checked_add(count).ok_or(TransferError::Form)?;
        let taken = self.bytes.get(self.at..end).ok_or(TransferError::Form)?;
        self.at = end;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u16, TransferError> {
        let bytes = self.take(2)?.first_chunk::<2>().ok_or(TransferError::Form)?;
        Ok(u16::from_be_bytes(*bytes))
    }

    fn numbers<const N: usize>(&mut self) -> Result<[u16; N], TransferError> {
        let mut numbers = [0; N];
        for number in &mut numbers {
            *number = self.number()?;
        }
        Ok(numbers)
    }

    fn long(&mut self) -> Result<u32, TransferError> {
        let bytes = self.take(4)?.first_chunk::<4>().ok_or(TransferError::Form)?;
        Ok(u32::from_be_bytes(*bytes))
    }

    /// A name as text, in lower case, with the last dot (RFC 1035, 4.1.4 and 5.1).
    fn name(&mut self) -> Result<String, TransferError> {
        let mut text = String::new();
        let (mut at, mut after) = (self.at, None);
        // No name has more labels than bytes, and each pointer leads further back.
        loop {
            let length = *self.bytes.get(at).ok_or(TransferError::Form)?;
            let next = at + 1;
            match length {
                0 => {
                    self.at = after.unwrap_or(next);
                    return Ok(if text.is_empty() { ".".to_owned() } else { text });
                }
                1..=63 => {
                    let end = next + usize::from(length);
                    put_label(&mut text, self.bytes.get(next..end).ok_or(TransferError::Form)?);
                    at = end;
                }
                192.. => {
                    let low = *self.bytes.get(next).ok_or(TransferError::Form)?;
                    let to = usize::from(u16::from_be_bytes([length & 0x3f, low]));
                    if to >= at {
                        return Err(TransferError::Form);
                    }
                    after = after.or(Some(next + 1));
                    at = to;
                }
                64..192 => return Err(TransferError::Form),
            }
            // Escaped, a name of 255 bytes has about 1,000.
            if text.len() > 1_100 {
                return Err(TransferError::Form);
            }
        }
    }

    /// A record; `None` for one of another class, which no zone holds.
    fn record(&mut self) -> Result<Option<Record>, TransferError> {
        let owner = self.name()?;
        let [kind, class] = self.numbers()?;
        self.long()?;
        let length = usize::from(self.number()?);
        let end = self.at + length;
        if end > self.bytes.len() {
            return Err(TransferError::Form);
        }
        let (value, serial) = self.value(kind, length)?;
        if self.at != end {
            return Err(TransferError::Form);
        }
        Ok((class == IN).then_some(Record { owner, kind, value, serial }))
    }

    fn value(&mut self, kind: u16, length: usize) -> Result<(String, Option<u32>), TransferError> {
        let value = match (kind, length) {
            (1, 4) => Ipv4Addr::from_bits(self.long()?).to_string(),
            (28, 16) => {
                let bytes = self.take(16)?.first_chunk::<16>().ok_or(TransferError::Form)?;
                Ipv6Addr::from(*bytes).to_string()
            }
            (2 | 5 | 12 | 39, _) => self.name()?,
            (15, _) => format!("{} {}", self.number()?, self.name()?),
            (33, _) => {
                let [priority, weight, port] = self.numbers()?;
                format!("{priority} {weight} {port} {}", self.name()?)
            }
            (SOA, _) => {
                let (server, person, serial) = (self.name()?, self.name()?, self.long()?);
                let times = [self.long()?, self.long()?, self.long()?, self.long()?];
                let times = times.map(|time| time.to_string()).join(" ");
                return Ok((format!("{server} {person} {serial} {times}"), Some(serial)));
            }
            // Any other value, in the form of RFC 3597, section 5.
            _ => {
                let mut text = format!("\\# {length}");
                let bytes = self.take(length)?;
                for (place, byte) in bytes.iter().enumerate() {
                    // Writing to a string does not fail.
                    let _ = write!(text, "{}{byte:02x}", if place == 0 { " " } else { "" });
                }
                text
            }
        };
        Ok((value, None))
    }

    /// A record of the additional section; its signature and first number, where it is one.
    fn signature(&mut self) -> Result<Option<(Signature, u16)>, TransferError> {
        let key = self.name()?;
        let [kind, _class] = self.numbers()?;
        self.long()?;
        let length = usize::from(self.number()?);
        if kind != TSIG {
            self.take(length)?;
            return Ok(None);
        }
        let end = self.at + length;
        let algorithm = self.name()?;
        let [high, middle, low, fudge_s, size] = self.numbers()?;
        let time_s = [high, middle, low].iter().fold(0, |time, part| (time << 16) | u64::from(*part));
        let mac = self.take(usize::from(size))?.to_vec();
        let [id, error, size] = self.numbers()?;
        let other = self.take(usize::from(size))?.to_vec();
        if self.at != end {
            return Err(TransferError::Form);
        }
        let signature = Signature { key, algorithm, time_s, fudge_s, mac, error, other, signed: Vec::new() };
        Ok(Some((signature, id)))
    }
}

/// Appends a label in the words of a zone file.
fn put_label(text: &mut String, label: &[u8]) {
    for byte in label {
        match byte.to_ascii_lowercase() {
            plain @ (b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'*') => text.push(char::from(plain)),
            other if other.is_ascii_graphic() => {
                text.push('\\');
                text.push(char::from(other));
            }
            other => {
                let _ = write!(text, "\\{other:03}");
            }
        }
    }
    text.push('.');
}

/// The name of a type, as a zone file writes it.
pub(super) fn kind_name(kind: u16) -> String {
    const NAMES: [(u16, &str); 10] = [
        (1, "A"),
        (2, "NS"),
        (5, "CNAME"),
        (SOA, "SOA"),
        (12, "PTR"),
        (15, "MX"),
        (16, "TXT"),
        (28, "AAAA"),
        (33, "SRV"),
        (39, "DNAME"),
    ];
    let known = NAMES.iter().find(|(number, _)| *number == kind);
    known.map_or_else(|| format!("TYPE{kind}"), |(_, name)| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// An answer of one record, whose owner is a pointer to the question's name.
    fn answer(kind: u16, value: &[u8]) -> Vec<u8> {
        let mut bytes = question(7, "rpz.example", None).unwrap();
        bytes[2] = 0x84;
        bytes[7] = 1;
        bytes.extend_from_slice(&[0xc0, 12]);
        for number in [kind, IN, 0, 60, u16::try_from(value.len()).unwrap()] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        bytes.extend_from_slice(value);
        bytes
    }

    #[test]
    fn records_are_read_as_a_zone_file_writes_them() {
        for (kind, value, expected) in [
            (1, &[192, 0, 2, 1][..], "192.0.2.1"),
            (5, &[0], "."),
            (5, &[1, b'*', 0], "*."),
            (5, &[2, b'A', b'.', 0xc0, 12], "a\\..rpz.example."),
            (15, &[0, 5, 0], "5 ."),
            (99, &[1, 0xab], "\\# 2 01ab"),
            (1, &[1, 2, 3, 4, 5], "\\# 5 0102030405"),
            (99, &[], "\\# 0"),
        ] {
            let message = read(&answer(kind, value)).unwrap();
            assert_eq!((message.id, message.is_answer, message.code), (7, true, 0));
            assert_eq!(message.answers[0].owner, "rpz.example.");
            assert_eq!(message.answers[0].value, expected);
        }
    }

    #[test]
    fn a_name_that_leads_to_itself_and_a_value_that_ends_early_are_refused() {
        for (kind, value) in [(5, &[0xc0, 41][..]), (5, &[0, 0]), (SOA, &[0, 0, 1])] {
            assert!(read(&answer(kind, value)).is_err(), "{kind} {value:?}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
        }

        #[test]
        fn any_change_of_a_message_is_answered(at in 0usize..60, byte: u8) {
            let mut bytes = answer(SOA, &[0xc0, 12, 0xc0, 12, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            if let Some(place) = bytes.get_mut(at) {
                *place = byte;
            }
            let _ = read(&bytes);
        }
    }
}
