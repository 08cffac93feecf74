//! Events as rows of a table: the columns, and how a row is written and read as `RowBinary`.
//!
//! Numbers are little-endian, texts have their length before them (LEB128), what may be absent has a byte before it: 1 where
//! it is. An id of 128 bits is two numbers of 64, the high one first; an address is its 16 bytes in the order of the network.
//!
//! **Invariants:** a row is bounded by [`MOST_FIELD_BYTES`] a text; what comes from a server is never trusted to make sense.

use super::server::Answer;
use crate::HistoryError;
use crate::row::{Added, Row};
use model::{AccessEvent, Day, EventId, GateId};
use std::borrow::Cow;
use std::io::{BufRead, Read};
use std::net::{IpAddr, Ipv6Addr};

/// The columns of an event, in the order in which they are written and read: name, type, and how it is compressed.
pub(super) const COLUMNS: [(&str, &str, &str); 29] = [
    ("gate", "UInt16", "ZSTD(1)"),
    ("day", "Int32", "ZSTD(1)"),
    ("sequence", "UInt64", "Delta, ZSTD(3)"),
    ("at", "Int64", "Delta, ZSTD(3)"),
    ("school", "LowCardinality(Nullable(String))", "ZSTD(3)"),
    ("address", "IPv6", "ZSTD(3)"),
    ("person", "Nullable(UUID)", "ZSTD(3)"),
    ("known_by", "LowCardinality(Nullable(String))", "ZSTD(3)"),
    ("known_since", "Nullable(Int64)", "ZSTD(3)"),
    ("known_until", "Nullable(Int64)", "ZSTD(3)"),
    ("device", "Nullable(UUID)", "ZSTD(3)"),
    ("policy_group", "LowCardinality(Nullable(String))", "ZSTD(3)"),
    ("channel", "LowCardinality(String)", "ZSTD(3)"),
    ("method", "LowCardinality(String)", "ZSTD(3)"),
    ("host", "LowCardinality(String)", "ZSTD(3)"),
    ("port", "UInt16", "ZSTD(3)"),
    ("path", "String", "ZSTD(3)"),
    ("outcome", "LowCardinality(String)", "ZSTD(3)"),
    ("layer", "LowCardinality(String)", "ZSTD(3)"),
    ("category", "LowCardinality(Nullable(String))", "ZSTD(3)"),
    ("list", "LowCardinality(Nullable(String))", "ZSTD(3)"),
    ("list_line", "UInt32", "ZSTD(3)"),
    ("entry", "LowCardinality(Nullable(String))", "ZSTD(3)"),
    ("policy", "LowCardinality(String)", "ZSTD(3)"),
    ("lists", "LowCardinality(String)", "ZSTD(3)"),
    ("status", "Nullable(UInt16)", "ZSTD(3)"),
    ("bytes_up", "UInt64", "T64, ZSTD(3)"),
    ("bytes_down", "UInt64", "T64, ZSTD(3)"),
    ("took_ms", "UInt32", "T64, ZSTD(3)"),
];
/// The most bytes of one text that is read.
const MOST_FIELD_BYTES: u64 = 64 << 10;

/// The names of the columns, as a statement lists them.
pub(super) fn names() -> String {
    COLUMNS.map(|(name, _, _)| name).join(", ")
}

/// The columns with their types, as a statement lists them.
pub(super) fn names_and_types() -> String {
    COLUMNS.map(|(name, kind, _)| format!("{name} {kind}")).join(", ")
}

/// Writes an event as a row.
pub(super) fn write(out: &mut Vec<u8>, id: EventId, event: &AccessEvent) {
    let row = Row::of(event);
    out.extend(id.gate.0.to_le_bytes());
    out.extend(id.day.0.to_le_bytes());
    out.extend(id.sequence.to_le_bytes());
    out.extend(row.at.to_le_bytes());
    write_maybe_text(out, row.school);
    out.extend(in_sixteen(row.address).octets());
    write_maybe_id(out, row.person);
    write_maybe_text(out, row.known_by);
    write_maybe(out, row.added.known_since.map(i64::to_le_bytes));
    write_maybe(out, row.added.known_until.map(i64::to_le_bytes));
    write_maybe_id(out, row.device);
    write_maybe_text(out, row.group);
    write_text(out, row.channel.as_bytes());
    write_text(out, row.method.as_bytes());
    write_text(out, row.host.as_bytes());
    out.extend(row.port.to_le_bytes());
    write_text(out, row.path.as_bytes());
    write_text(out, row.outcome.as_bytes());
    write_text(out, row.layer.as_bytes());
    write_maybe_text(out, row.category);
    write_maybe_text(out, row.list.map(|(list, _)| list));
    out.extend(row.list.map_or(0, |(_, line)| line).to_le_bytes());
    write_maybe_text(out, row.entry);
    write_text(out, row.policy.as_bytes());
    write_text(out, row.lists.as_bytes());
    write_maybe(out, row.status.map(u16::to_le_bytes));
    out.extend(row.bytes_up.to_le_bytes());
    out.extend(row.bytes_down.to_le_bytes());
    out.extend(row.took_ms.to_le_bytes());
}

/// An address in 16 bytes.
pub(super) fn in_sixteen(address: IpAddr) -> Ipv6Addr {
    match address.to_canonical() {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

fn write_maybe<const N: usize>(out: &mut Vec<u8>, value: Option<[u8; N]>) {
    match value {
        Some(bytes) => {
            out.push(0);
            out.extend(bytes);
        }
        None => out.push(1),
    }
}

fn write_maybe_id(out: &mut Vec<u8>, id: Option<[u8; 16]>) {
    write_maybe(out, id.map(swapped));
}

fn write_maybe_text(out: &mut Vec<u8>, text: Option<&str>) {
    match text {
        Some(text) => {
            out.push(0);
            write_text(out, text.as_bytes());
        }
        None => out.push(1),
    }
}

/// Writes bytes with their length before them.
pub(super) fn write_text(out: &mut Vec<u8>, text: &[u8]) {
    let mut left = text.len();
    loop {
        let low = u8::try_from(left & 0x7f).unwrap_or(0);
        left >>= 7;
        if left == 0 {
            out.push(low);
            break;
        }
        out.push(low | 0x80);
    }
    out.extend(text);
}

/// An id between our order of bytes and that of two numbers.
fn swapped(mut id: [u8; 16]) -> [u8; 16] {
    let (high, low) = id.split_at_mut(8);
    high.reverse();
    low.reverse();
    id
}

/// Reads the fields of an answer, row by row.
pub(super) struct Fields<R> {
    from: R,
    doing: &'static str,
}

impl Fields<std::io::BufReader<ureq::BodyReader<'static>>> {
    pub fn of(answer: Answer, doing: &'static str) -> Self {
        Self { from: answer.rows, doing }
    }
}

impl<R: BufRead> Fields<R> {
    /// True when there is no further row.
    pub fn is_at_end(&mut self) -> Result<bool, HistoryError> {
        match self.from.fill_buf() {
            Ok(rest) => Ok(rest.is_empty()),
            Err(_) => Err(self.broken()),
        }
    }

    /// One event and its id; `None` in place of the event where it names something this program does not know.
    pub fn event(&mut self) -> Result<(EventId, Option<AccessEvent>), HistoryError> {
        let gate = GateId(u16::from_le_bytes(self.bytes()?));
        let day = Day(i32::from_le_bytes(self.bytes()?));
        let id = EventId { gate, day, sequence: self.u64()? };
        let texts = self.texts()?;
        Ok((id, texts.event()))
    }

    fn texts(&mut self) -> Result<Texts, HistoryError> {
        Ok(Texts {
            at: i64::from_le_bytes(self.bytes()?),
            school: self.maybe(Self::text)?,
            address: Ipv6Addr::from(self.bytes::<16>()?),
            person: self.maybe(Self::bytes)?,
            known_by: self.maybe(Self::text)?,
            known_since: self.maybe(Self::bytes)?.map(i64::from_le_bytes),
            known_until: self.maybe(Self::bytes)?.map(i64::from_le_bytes),
            device: self.maybe(Self::bytes)?,
            group: self.maybe(Self::text)?,
            channel: self.text()?,
            method: self.text()?,
            host: self.text()?,
            port: u16::from_le_bytes(self.bytes()?),
            path: self.text()?,
            outcome: self.text()?,
            layer: self.text()?,
            category: self.maybe(Self::text)?,
            list: self.maybe(Self::text)?,
            line: u32::from_le_bytes(self.bytes()?),
            entry: self.maybe(Self::text)?,
            policy: self.text()?,
            lists: self.text()?,
            status: self.maybe(Self::bytes)?.map(u16::from_le_bytes),
            bytes_up: self.u64()?,
            bytes_down: self.u64()?,
            took_ms: u32::from_le_bytes(self.bytes()?),
        })
    }

    pub fn u64(&mut self) -> Result<u64, HistoryError> {
        self.bytes().map(u64::from_le_bytes)
    }

    pub fn i64(&mut self) -> Result<i64, HistoryError> {
        self.bytes().map(i64::from_le_bytes)
    }

    pub fn day(&mut self) -> Result<Day, HistoryError> {
        self.bytes().map(i32::from_le_bytes).map(Day)
    }

    pub fn u8(&mut self) -> Result<u8, HistoryError> {
        self.bytes().map(|[byte]| byte)
    }

    pub fn u16(&mut self) -> Result<u16, HistoryError> {
        self.bytes().map(u16::from_le_bytes)
    }

    /// A value that may be absent.
    pub fn maybe<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, HistoryError>,
    ) -> Result<Option<T>, HistoryError> {
        match self.u8()? {
            0 => read(self).map(Some),
            1 => Ok(None),
            _ => Err(self.broken()),
        }
    }

    /// A text, as bytes: what a server holds may be none.
    pub fn text(&mut self) -> Result<Vec<u8>, HistoryError> {
        let mut length = 0u64;
        for place in 0..5u32 {
            let byte = self.u8()?;
            length |= u64::from(byte & 0x7f) << (7 * place);
            if byte & 0x80 == 0 {
                break;
            }
        }
        if length > MOST_FIELD_BYTES {
            return Err(self.broken());
        }
        let mut text = Vec::new();
        let read = Read::take(&mut self.from, length).read_to_end(&mut text);
        match read.is_ok_and(|read| u64::try_from(read) == Ok(length)) {
            true => Ok(text),
            false => Err(self.broken()),
        }
    }

    fn bytes<const N: usize>(&mut self) -> Result<[u8; N], HistoryError> {
        let mut bytes = [0; N];
        match self.from.read_exact(&mut bytes) {
            Ok(()) => Ok(bytes),
            Err(_) => Err(self.broken()),
        }
    }

    fn broken(&self) -> HistoryError {
        HistoryError::ServerSilent { doing: self.doing, why: "its answer broke off, or makes no sense" }
    }
}

/// A row as it was read.
struct Texts {
    at: i64,
    school: Option<Vec<u8>>,
    address: Ipv6Addr,
    person: Option<[u8; 16]>,
    known_by: Option<Vec<u8>>,
    known_since: Option<i64>,
    known_until: Option<i64>,
    device: Option<[u8; 16]>,
    group: Option<Vec<u8>>,
    channel: Vec<u8>,
    method: Vec<u8>,
    host: Vec<u8>,
    port: u16,
    path: Vec<u8>,
    outcome: Vec<u8>,
    layer: Vec<u8>,
    category: Option<Vec<u8>>,
    list: Option<Vec<u8>>,
    line: u32,
    entry: Option<Vec<u8>>,
    policy: Vec<u8>,
    lists: Vec<u8>,
    status: Option<u16>,
    bytes_up: u64,
    bytes_down: u64,
    took_ms: u32,
}

impl Texts {
    fn event(&self) -> Option<AccessEvent> {
        let row = Row {
            at: self.at,
            school: maybe_text(&self.school)?,
            address: IpAddr::V6(self.address).to_canonical(),
            person: self.person.map(swapped),
            known_by: maybe_text(&self.known_by)?,
            device: self.device.map(swapped),
            group: maybe_text(&self.group)?,
            channel: as_text(&self.channel)?,
            method: as_text(&self.method)?,
            host: Cow::Borrowed(as_text(&self.host)?),
            port: self.port,
            path: as_text(&self.path)?,
            outcome: as_text(&self.outcome)?,
            layer: as_text(&self.layer)?,
            category: maybe_text(&self.category)?,
            list: maybe_text(&self.list)?.map(|list| (list, self.line)),
            entry: maybe_text(&self.entry)?,
            policy: as_text(&self.policy)?,
            lists: as_text(&self.lists)?,
            status: self.status,
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
            took_ms: self.took_ms,
            added: Added { known_since: self.known_since, known_until: self.known_until },
        };
        row.to_event()
    }
}

fn as_text(bytes: &[u8]) -> Option<&str> {
    std::str::from_utf8(bytes).ok()
}

/// `None` for what is no text.
#[expect(clippy::option_option, reason = "absent, and no text, are two things")]
fn maybe_text(bytes: &Option<Vec<u8>>) -> Option<Option<&str>> {
    match bytes {
        Some(bytes) => as_text(bytes).map(Some),
        None => Some(None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{DeviceId, KnownBy, ListId, ListLine, PersonId, Timestamp};
    use proptest::prelude::*;
    use uuid::Uuid;

    fn fields(bytes: &[u8]) -> Fields<&[u8]> {
        Fields { from: bytes, doing: "test" }
    }

    #[test]
    fn a_row_reads_as_it_was_written() {
        let plain = crate::samples::event(9, "example.com");
        let full = AccessEvent {
            address: "2001:db8::7".parse().unwrap(),
            person: Some(PersonId(Uuid::from_u128(0x0123_4567_89ab_cdef_0011_2233_4455_6677))),
            known_by: Some(KnownBy::SignIn),
            known_until: Some(Timestamp(i64::MAX)),
            device: Some(DeviceId(Uuid::from_u128(8))),
            list: Some(ListLine { list: ListId::new("starter"), line: 7 }),
            entry: Some("".into()),
            path: "/\u{e9}".repeat(200),
            status: None,
            ..plain.clone()
        };
        for event in [plain, full] {
            let id = EventId { gate: GateId(3), day: Day(-4), sequence: 1 << 40 };
            let mut bytes = Vec::new();
            write(&mut bytes, id, &event);
            let mut fields = fields(&bytes);
            assert_eq!(fields.event().unwrap(), (id, Some(event)));
            assert!(fields.is_at_end().unwrap());
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
            let mut fields = fields(&bytes);
            while !fields.is_at_end().unwrap() && fields.event().is_ok() {}
        }
    }
}
