//! What a hold's own files say: what it is for, what it asks, and of which days.
//!
//! `hold` is sealed with the school's key. `span` lies open beside it and says no more than the days that the query may
//! touch, so that a hold whose query cannot be read stops those days from expiring and no others.

use crate::error::disk;
use crate::key::Refused;
use crate::key::refused;
use crate::shelf::{FILE_MODE, Shelf, shelf_day, sync_folder};
use crate::{HistoryError, HoldReason, Query};
use model::{
    CaseId, Category, Channel, Day, DeviceId, EventOutcome, GroupId, Layer, ListId, PersonId, SchoolId,
    Timestamp,
};
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::net::IpAddr;
use std::ops::RangeInclusive;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use uuid::Uuid;

/// The most a note may take when it is read.
const MOST_NOTE_BYTES: u64 = 4 << 20;
const ABOUT: &[u8] = b"hold";

/// What a hold is.
pub(crate) struct Note {
    pub made: Timestamp,
    pub query: Query,
    pub reason: HoldReason,
}

impl Note {
    /// Writes the note of the hold in a folder.
    pub fn write(&self, folder: &Path, shelf: &Shelf) -> Result<(), HistoryError> {
        let span = folder.join("span");
        write_file(&span, span_text(&self.query).as_bytes()).map_err(disk("write", &span))?;
        let path = note_file(folder);
        let mut bytes = self.encode()?;
        shelf.keys_in(folder)?.school().seal(ABOUT, &mut bytes).map_err(|Refused| refused("seal", &path))?;
        write_file(&path, &bytes).map_err(disk("write", &path))?;
        sync_folder(folder)
    }

    /// Reads the note of the hold in a folder.
    pub fn read(folder: &Path, shelf: &Shelf) -> Result<Self, HistoryError> {
        let path = note_file(folder);
        let sealed = read_file(&path).map_err(disk("read", &path))?;
        let bytes = shelf.keys_in(folder)?.school().open(ABOUT, sealed);
        let note = bytes.and_then(|bytes| Self::decode(&bytes));
        note.ok_or_else(|| disk("open", &path)(io::Error::other("it was not sealed with the history's key")))
    }

    /// The note as it is kept.
    pub fn encode(&self) -> Result<Vec<u8>, HistoryError> {
        let encode = |error: postcard::Error| HistoryError::Encode { events: 0, why: error.to_string() };
        let kept = Kept { made: self.made.0, query: KeptQuery::of(&self.query) };
        postcard::to_stdvec(&(kept, KeptReason::of(&self.reason, &self.query))).map_err(encode)
    }

    /// Reads what [`Note::encode`] gave. A note of the first programs ends before its reason.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let (kept, rest) = postcard::take_from_bytes::<Kept>(bytes).ok()?;
        let reason: KeptReason = match rest {
            [] => KeptReason::default(),
            rest => postcard::from_bytes(rest).ok()?,
        };
        let not_people = reason.not_people.as_ref();
        let not_people = not_people.map(|all| all.iter().map(|id| PersonId(Uuid::from_bytes(*id))).collect());
        Some(Self {
            made: Timestamp(kept.made),
            query: Query { not_people, ..kept.query.into_query() },
            reason: reason.into_reason(),
        })
    }
}

/// The days that the hold in a folder may need, as its open file says; every day where not even that can be read.
pub(super) fn span(folder: &Path) -> RangeInclusive<Day> {
    let read = read_file(&folder.join("span")).ok();
    let text = read.and_then(|bytes| String::from_utf8(bytes).ok());
    text.and_then(|text| span_of(&text)).unwrap_or(Day(i32::MIN)..=Day(i32::MAX))
}

/// The days that a query may need.
pub(crate) fn span_of_query(query: &Query) -> RangeInclusive<Day> {
    query.from.map_or(Day(i32::MIN), shelf_day)..=query.until.map_or(Day(i32::MAX), shelf_day)
}

fn span_text(query: &Query) -> String {
    let days = span_of_query(query);
    let text = format!("{} {}", days.start().0, days.end().0);
    format!("{text} {}\n", crc32fast::hash(text.as_bytes()))
}

fn span_of(text: &str) -> Option<RangeInclusive<Day>> {
    let (days, crc) = text.strip_suffix('\n')?.rsplit_once(' ')?;
    let (from, until) = days.split_once(' ')?;
    let is_whole = crc.parse() == Ok(crc32fast::hash(days.as_bytes()));
    Some(Day(from.parse().ok()?)..=Day(until.parse().ok()?)).filter(|_| is_whole)
}

fn note_file(folder: &Path) -> PathBuf {
    folder.join("hold")
}

/// Writes beside and renames, so that a file is there whole or not at all.
pub(super) fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let fresh = path.with_extension("new");
    let mut options = OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(FILE_MODE).open(&fresh)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&fresh, path)
}

/// A small file, whole.
pub(super) fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_NOTE_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[derive(Serialize, Deserialize)]
struct Kept {
    made: i64,
    query: KeptQuery,
}

/// What was added to a note since: why, by whom, and when it is looked at again.
#[derive(Serialize, Deserialize, Default)]
struct KeptReason {
    why: String,
    by: Option<[u8; 16]>,
    case: Option<[u8; 16]>,
    review_on: Option<i32>,
    /// Of the query.
    not_people: Option<Vec<[u8; 16]>>,
}

impl KeptReason {
    fn of(reason: &HoldReason, query: &Query) -> Self {
        let not_people = query.not_people.as_ref();
        Self {
            not_people: not_people.map(|all| all.iter().map(|id| *id.0.as_bytes()).collect()),
            why: reason.why.clone(),
            by: reason.by.map(|id| *id.0.as_bytes()),
            case: reason.case.map(|id| *id.0.as_bytes()),
            review_on: reason.review_on.map(|day| day.0),
        }
    }

    fn into_reason(self) -> HoldReason {
        HoldReason {
            why: self.why,
            by: self.by.map(|id| PersonId(Uuid::from_bytes(id))),
            case: self.case.map(|id| CaseId(Uuid::from_bytes(id))),
            review_on: self.review_on.map(Day),
        }
    }
}

/// A query as it is kept: names and ids as texts and bytes. The order of the fields is the format.
#[derive(Serialize, Deserialize)]
struct KeptQuery {
    from: Option<i64>,
    until: Option<i64>,
    schools: Option<Vec<String>>,
    people: Option<Vec<[u8; 16]>>,
    groups: Option<Vec<String>>,
    devices: Option<Vec<[u8; 16]>>,
    address: Option<IpAddr>,
    host_contains: Option<String>,
    url_contains: Option<String>,
    words: Option<String>,
    outcome: Option<String>,
    channels: Option<Vec<String>>,
    category: Option<String>,
    layer: Option<String>,
    list: Option<String>,
    entry: Option<String>,
}

impl KeptQuery {
    fn of(query: &Query) -> Self {
        let query = query.clone();
        Self {
            from: query.from.map(|at| at.0),
            until: query.until.map(|at| at.0),
            schools: query.schools.map(|all| all.iter().map(ToString::to_string).collect()),
            people: query.people.map(|all| all.iter().map(|id| *id.0.as_bytes()).collect()),
            groups: query.groups.map(|all| all.iter().map(ToString::to_string).collect()),
            devices: query.devices.map(|all| all.iter().map(|id| *id.0.as_bytes()).collect()),
            address: query.address,
            host_contains: query.host_contains,
            url_contains: query.url_contains,
            words: query.words,
            outcome: query.outcome.map(|outcome| outcome.slug().to_owned()),
            channels: query.channels.map(|all| all.iter().map(|one| one.slug().to_owned()).collect()),
            category: query.category.map(|category| category.slug().to_owned()),
            layer: query.layer.map(|layer| layer.slug().to_owned()),
            list: query.list.map(|list| list.to_string()),
            entry: query.entry,
        }
    }

    /// The query. What this program does not know any more is no condition, so that rather more is held than less.
    fn into_query(self) -> Query {
        Query {
            from: self.from.map(Timestamp),
            until: self.until.map(Timestamp),
            schools: self.schools.map(|all| all.into_iter().map(SchoolId::new).collect()),
            people: self.people.map(|all| all.into_iter().map(|id| PersonId(Uuid::from_bytes(id))).collect()),
            groups: self.groups.map(|all| all.into_iter().map(GroupId::new).collect()),
            devices: self
                .devices
                .map(|all| all.into_iter().map(|id| DeviceId(Uuid::from_bytes(id))).collect()),
            address: self.address,
            host_contains: self.host_contains,
            url_contains: self.url_contains,
            words: self.words,
            outcome: self.outcome.as_deref().and_then(EventOutcome::parse),
            channels: self.channels.and_then(|all| all.iter().map(|one| Channel::parse(one)).collect()),
            category: self.category.as_deref().and_then(Category::parse),
            layer: self.layer.as_deref().and_then(Layer::parse),
            list: self.list.map(ListId::new),
            entry: self.entry,
            ..Query::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_note_of_the_first_programs_has_no_reason() {
        let query = Query { from: Some(Timestamp(5)), ..Query::default() };
        let kept = Kept { made: 7, query: KeptQuery::of(&query) };
        let note = Note::decode(&postcard::to_stdvec(&kept).unwrap()).unwrap();
        assert_eq!((note.made, note.query, note.reason), (Timestamp(7), query, HoldReason::default()));
    }

    #[test]
    fn a_note_reads_as_it_was_written_also_whom_it_leaves_out() {
        let person = |number| PersonId(Uuid::from_u128(number));
        let query = Query {
            not_people: Some(vec![person(1), person(2)]),
            url_contains: Some("a b".to_owned()),
            ..Query::default()
        };
        let reason = HoldReason {
            why: "asked".to_owned(),
            by: Some(person(3)),
            case: Some(CaseId(Uuid::from_u128(4))),
            review_on: Some(Day(9)),
        };
        let note = Note { made: Timestamp(7), query: query.clone(), reason: reason.clone() };
        let note = Note::decode(&note.encode().unwrap()).unwrap();
        assert_eq!((note.made, note.query, note.reason), (Timestamp(7), query, reason));
    }

    #[test]
    fn a_channel_of_a_later_program_makes_a_hold_wider_and_not_narrower() {
        let known = Query { channels: Some(vec![Channel::Dns]), ..Query::default() };
        let mut kept = KeptQuery::of(&known);
        kept.channels.as_mut().unwrap().push("carrier-pigeon".to_owned());
        assert_eq!(kept.into_query(), Query::default());
        assert_eq!(KeptQuery::of(&known).into_query(), known);
    }

    #[test]
    fn the_days_of_a_query_are_said_and_anything_else_is_every_day() {
        let query = Query { from: Some(Timestamp(86_400_000)), ..Query::default() };
        let text = span_text(&query);
        assert_eq!(span_of(&text), Some(Day(1)..=Day(i32::MAX)));
        assert_eq!(span_of(&text.replacen('1', "2", 1)), None);
        assert_eq!(span(Path::new("nowhere")), Day(i32::MIN)..=Day(i32::MAX));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), text in "\\PC{0,40}") {
            let _ = Note::decode(&bytes);
            let _ = span_of(&text);
        }
    }
}
