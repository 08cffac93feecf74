//! An event as it lies in a block: this crate's own mirror of [`AccessEvent`], so that a change of the noun never
//! changes the format by accident.
//!
//! A row is followed by what later programs added to it ([`Added`]); which additions a block's rows have, its mark says.
//!
//! Enums are kept as their slugs and ids as bytes, so that the order of a Rust enum is free to change. The order of the
//! fields of [`Row`] is the format. Texts are cut to [`TEXT_LIMIT_BYTES`] (paths to [`MAX_TARGET_BYTES`]), which bounds a row.

use model::{
    AccessEvent, Category, Channel, DeviceId, EventOutcome, GroupId, Host, KnownBy, Layer, ListId, ListLine,
    MAX_TARGET_BYTES, PersonId, SchoolId, Timestamp,
};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::IpAddr;
use uuid::Uuid;

/// The most that is kept of any text but the path.
const TEXT_LIMIT_BYTES: usize = 1024;

/// One event. Read without copying: its texts borrow from the block.
#[derive(Serialize, Deserialize, PartialEq, Debug)]
pub(crate) struct Row<'a> {
    pub at: i64,
    #[serde(borrow)]
    pub school: Option<&'a str>,
    pub address: IpAddr,
    pub person: Option<[u8; 16]>,
    pub known_by: Option<&'a str>,
    pub device: Option<[u8; 16]>,
    pub group: Option<&'a str>,
    pub channel: &'a str,
    pub method: &'a str,
    #[serde(borrow)]
    pub host: Cow<'a, str>,
    pub port: u16,
    pub path: &'a str,
    pub outcome: &'a str,
    pub layer: &'a str,
    pub category: Option<&'a str>,
    pub list: Option<(&'a str, u32)>,
    pub entry: Option<&'a str>,
    pub policy: &'a str,
    pub lists: &'a str,
    pub status: Option<u16>,
    pub bytes_up: u64,
    pub bytes_down: u64,
    pub took_ms: u32,
    /// Of [`Added`]; not here in the format.
    #[serde(skip)]
    pub added: Added,
}

/// What was added to a row by the second form: since when and until when its person is known.
#[derive(Serialize, Deserialize, PartialEq, Debug, Default, Clone, Copy)]
pub(crate) struct Added {
    pub known_since: Option<i64>,
    pub known_until: Option<i64>,
}

/// Which fields the rows of a block have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum RowForm {
    /// Those of [`Row`] alone, as the first programs wrote them.
    First,
    /// Those and [`Added`].
    WithAdded,
}

impl<'a> Row<'a> {
    pub fn of(event: &'a AccessEvent) -> Self {
        Self {
            at: event.at.0,
            school: event.school.as_ref().map(|school| short(school.as_str())),
            address: event.address.to_canonical(),
            person: event.person.map(|person| *person.0.as_bytes()),
            known_by: event.known_by.map(KnownBy::slug),
            device: event.device.map(|device| *device.0.as_bytes()),
            group: event.group.as_ref().map(|group| short(group.as_str())),
            channel: event.channel.slug(),
            method: short(&event.method),
            host: host_text(&event.host),
            port: event.port,
            path: cut(&event.path, MAX_TARGET_BYTES),
            outcome: event.outcome.slug(),
            layer: event.layer.slug(),
            category: event.category.map(Category::slug),
            list: event.list.as_ref().map(|list| (short(list.list.as_str()), list.line)),
            entry: event.entry.as_deref().map(short),
            policy: short(&event.policy),
            lists: short(&event.lists),
            status: event.status,
            bytes_up: event.bytes_up,
            bytes_down: event.bytes_down,
            took_ms: event.took_ms,
            added: Added {
                known_since: event.known_since.map(|at| at.0),
                known_until: event.known_until.map(|at| at.0),
            },
        }
    }

    /// Writes the row in the form of today, [`RowForm::WithAdded`].
    pub fn write(&self, out: &mut Vec<u8>) -> postcard::Result<()> {
        postcard::to_io(&(self, self.added), out).map(|_| ())
    }

    /// The event; `None` when it names something this program does not know. A category that the catalogue has dropped
    /// since reads as no category.
    pub fn to_event(&self) -> Option<AccessEvent> {
        Some(AccessEvent {
            at: Timestamp(self.at),
            school: self.school.map(SchoolId::new),
            address: self.address,
            person: self.person.map(|bytes| PersonId(Uuid::from_bytes(bytes))),
            known_by: match self.known_by {
                None => None,
                Some(slug) => Some(KnownBy::parse(slug)?),
            },
            known_since: self.added.known_since.map(Timestamp),
            known_until: self.added.known_until.map(Timestamp),
            device: self.device.map(|bytes| DeviceId(Uuid::from_bytes(bytes))),
            group: self.group.map(GroupId::new),
            channel: Channel::parse(self.channel)?,
            method: self.method.into(),
            host: Host::parse_asked(&self.host).ok()?,
            port: self.port,
            path: self.path.to_owned(),
            outcome: EventOutcome::parse(self.outcome)?,
            layer: Layer::parse(self.layer)?,
            category: self.category.and_then(Category::parse),
            list: self.list.map(|(list, line)| ListLine { list: ListId::new(list), line }),
            entry: self.entry.map(Into::into),
            policy: self.policy.into(),
            lists: self.lists.into(),
            status: self.status,
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
            took_ms: self.took_ms,
        })
    }
}

/// The rows of a block, oldest first: at most `count`, fewer where the bytes stop making sense.
pub(crate) fn decode(raw: &[u8], count: u32, form: RowForm) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    let mut rest = raw;
    for _ in 0..count {
        let read = match form {
            RowForm::First => postcard::take_from_bytes::<Row<'_>>(rest),
            RowForm::WithAdded => postcard::take_from_bytes::<(Row<'_>, Added)>(rest)
                .map(|((row, added), after)| (Row { added, ..row }, after)),
        };
        let Ok((row, after)) = read else { break };
        rows.push(row);
        rest = after;
    }
    rows
}

fn host_text(host: &Host) -> Cow<'_, str> {
    match host {
        Host::Name(name) => Cow::Borrowed(short(name)),
        Host::Address(_) => Cow::Owned(host.to_string()),
    }
}

fn short(text: &str) -> &str {
    cut(text, TEXT_LIMIT_BYTES)
}

fn cut(text: &str, limit_bytes: usize) -> &str {
    text.get(..text.floor_char_boundary(limit_bytes)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(cut("caf\u{e9}s", 4), "caf");
        assert_eq!(cut("caf", 10), "caf");
    }

    proptest! {
        #[test]
        fn any_bytes_decode_without_a_panic(raw in prop::collection::vec(any::<u8>(), 0..400), count in 0u32..50) {
            for form in [RowForm::First, RowForm::WithAdded] {
                for row in decode(&raw, count, form) {
                    let _ = row.to_event();
                }
            }
        }
    }

    #[test]
    fn a_row_of_the_first_form_is_read_without_what_was_added_since() {
        let event =
            AccessEvent { known_since: Some(Timestamp(4)), ..crate::samples::event(9, "example.com") };
        let mut raw = postcard::to_stdvec(&Row::of(&event)).unwrap();
        raw.extend(raw.clone());
        let rows = decode(&raw, 2, RowForm::First);
        let plain = AccessEvent { known_since: None, ..event };
        assert_eq!(
            rows.iter().map(|row| row.to_event().unwrap()).collect::<Vec<_>>(),
            [plain.clone(), plain]
        );
    }
}
