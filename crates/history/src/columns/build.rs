//! A slice while it is made: rows are taken up one by one in order of sequence, and come out as columns, sorted by who
//! asked.

use super::file::{NewFile, PageEntry, SliceEntry};
use super::planes::Writer;
use super::rollup::Tally;
use super::{PAGE_ROWS, PAGE_TEXT_BYTES, SLICE_EVENTS, SLICE_TEXT_BYTES, TEXT_LEVEL, hour_of};
use crate::HistoryError;
use crate::block::outcome_place;
use crate::parts::{How, Who, Why};
use crate::row::Row;
use model::{Day, EventOutcome};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::io;

/// Rows that are becoming a slice.
pub(crate) struct Builder {
    day: Day,
    whos: Interner,
    hosts: Interner,
    whys: Interner,
    hows: Interner,
    who: Vec<u32>,
    host: Vec<u32>,
    why: Vec<u32>,
    how: Vec<u32>,
    at: Vec<i64>,
    sequence: Vec<u64>,
    sizes: [Vec<u64>; 3],
    path_starts: Vec<usize>,
    paths: Vec<u8>,
    outcomes: [u64; 4],
}

/// Who asked, each once in the order of rows, and where the rows of each begin.
#[derive(Serialize, Deserialize)]
pub(crate) struct Whos<'a> {
    #[serde(borrow)]
    pub whos: Vec<Who<'a>>,
    pub starts: Vec<u32>,
}

/// What else repeats, each once, the most frequent first.
#[derive(Serialize, Deserialize)]
pub(crate) struct Names<'a> {
    #[serde(borrow)]
    pub hosts: Vec<&'a str>,
    pub whys: Vec<Why<'a>>,
    pub hows: Vec<How<'a>>,
}

impl Builder {
    pub fn new(day: Day) -> Self {
        Self {
            day,
            whos: Interner::default(),
            hosts: Interner::default(),
            whys: Interner::default(),
            hows: Interner::default(),
            who: Vec::new(),
            host: Vec::new(),
            why: Vec::new(),
            how: Vec::new(),
            at: Vec::new(),
            sequence: Vec::new(),
            sizes: [Vec::new(), Vec::new(), Vec::new()],
            path_starts: Vec::new(),
            paths: Vec::new(),
            outcomes: [0; 4],
        }
    }

    /// Takes up a row whose sequence is higher than those before.
    pub fn push(&mut self, sequence: u64, row: &Row<'_>) -> Result<(), HistoryError> {
        let encode = |error: postcard::Error| HistoryError::Encode { events: 1, why: error.to_string() };
        self.who.push(self.whos.code(&row.who()).map_err(encode)?);
        self.host.push(self.hosts.code(&&*row.host).map_err(encode)?);
        self.why.push(self.whys.code(&row.why()).map_err(encode)?);
        self.how.push(self.hows.code(&row.how()).map_err(encode)?);
        self.at.push(row.at);
        self.sequence.push(sequence);
        let [up, down, took] = &mut self.sizes;
        up.push(row.bytes_up);
        down.push(row.bytes_down);
        took.push(u64::from(row.took_ms));
        self.path_starts.push(self.paths.len());
        self.paths.extend_from_slice(row.path.as_bytes());
        let place = EventOutcome::parse(row.outcome).map(outcome_place);
        if let Some(count) = place.and_then(|place| self.outcomes.get_mut(place)) {
            *count += 1;
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.at.is_empty()
    }

    pub fn is_full(&self) -> bool {
        self.at.len() >= SLICE_EVENTS || self.paths.len() >= SLICE_TEXT_BYTES
    }

    /// Writes the slice to a file, and begins the next one.
    pub fn write_to(&mut self, file: &mut NewFile) -> Result<(), HistoryError> {
        let mut slice = std::mem::replace(self, Self::new(self.day));
        let failed = |events, error: io::Error| HistoryError::Encode { events, why: error.to_string() };
        let events = slice.at.len();
        slice.path_starts.push(slice.paths.len());
        let sorted = slice.sorted().map_err(|error| failed(events, error))?;
        let mut writer = Writer::new(TEXT_LEVEL).map_err(|error| failed(events, error))?;
        let whos = slice.whos_chunk(&sorted, &mut writer).map_err(|error| failed(events, error))?;
        let names = slice.names_chunk(&sorted, &mut writer).map_err(|error| failed(events, error))?;
        let tally = slice.tally(&sorted).and_then(|tally| tally.encode(&mut writer));
        let tally = tally.map_err(|error| failed(events, error))?;
        let (whos, names, tally) = (file.put(whos)?, file.put(names)?, file.put(tally)?);
        let mut pages = Vec::new();
        for rows in slice.pages(&sorted.order) {
            let chunks = slice.page(rows, &sorted, &mut writer).map_err(|error| failed(rows.len(), error))?;
            let mut places = [super::file::Place::default(); 4];
            for (place, chunk) in places.iter_mut().zip(chunks) {
                *place = file.put(chunk)?;
            }
            pages.push(slice.page_entry(rows, places));
        }
        file.add(SliceEntry {
            first_sequence: slice.sequence.first().copied().unwrap_or(0),
            next_sequence: slice.sequence.last().map_or(0, |last| last.saturating_add(1)),
            events: events as u64,
            earliest: slice.at.iter().copied().min().unwrap_or(0),
            latest: slice.at.iter().copied().max().unwrap_or(0),
            outcomes: slice.outcomes,
            whos,
            names,
            tally,
            pages,
        });
        Ok(())
    }

    /// In which order the rows lie, and which code each name gets.
    fn sorted(&self) -> io::Result<Sorted> {
        let ranks = self.whos.ranks_by_bytes();
        let mut starts = vec![0u32; self.whos.count()];
        for code in &self.who {
            if let Some(count) = starts.get_mut(at(&ranks, *code)) {
                *count += 1;
            }
        }
        let mut begins = 0;
        for start in &mut starts {
            begins += std::mem::replace(start, begins);
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; self.who.len()];
        for (row, code) in (0u32..).zip(&self.who) {
            let Some(place) = next.get_mut(at(&ranks, *code)) else { continue };
            if let Some(space) = usize::try_from(*place).ok().and_then(|place| order.get_mut(place)) {
                *space = row;
            }
            *place += 1;
        }
        Ok(Sorted {
            order,
            starts,
            whos: ranks,
            hosts: self.hosts.ranks_by_count(),
            whys: self.whys.ranks_by_count(),
            hows: self.hows.ranks_by_count(),
        })
    }

    fn whos_chunk(&self, sorted: &Sorted, writer: &mut Writer) -> io::Result<Vec<u8>> {
        let whos = self.whos.in_order(&sorted.whos)?;
        let chunk = postcard::to_stdvec(&Whos { whos, starts: sorted.starts.clone() });
        writer.text(&chunk.map_err(io::Error::other)?)?;
        Ok(writer.take())
    }

    fn names_chunk(&self, sorted: &Sorted, writer: &mut Writer) -> io::Result<Vec<u8>> {
        let names = Names {
            hosts: self.hosts.in_order(&sorted.hosts)?,
            whys: self.whys.in_order(&sorted.whys)?,
            hows: self.hows.in_order(&sorted.hows)?,
        };
        writer.text(&postcard::to_stdvec(&names).map_err(io::Error::other)?)?;
        Ok(writer.take())
    }

    fn tally(&self, sorted: &Sorted) -> io::Result<Tally> {
        let (whos, whys) = (self.whos.as_they_came::<Who<'_>>()?, self.whys.as_they_came::<Why<'_>>()?);
        let mut tally = Tally::new(&whos, &whys);
        let rows = self.who.iter().zip(&self.host).zip(&self.why).zip(&self.at);
        for (((who, host), why), time) in rows {
            let host = at(&sorted.hosts, *host);
            tally.add(index(*who), index(*why), hour_of(self.day, *time), host);
        }
        Ok(tally)
    }

    /// The rows of each page.
    fn pages<'o>(&self, order: &'o [u32]) -> Vec<&'o [u32]> {
        let mut pages = Vec::new();
        let mut rest = order;
        while !rest.is_empty() {
            let mut bytes = 0;
            let full = rest.iter().take(PAGE_ROWS).position(|row| {
                bytes += self.path(*row).len();
                bytes >= PAGE_TEXT_BYTES
            });
            let rows = full.map_or(PAGE_ROWS.min(rest.len()), |last| last + 1);
            let (page, after) = rest.split_at(rows);
            pages.push(page);
            rest = after;
        }
        pages
    }

    /// The chunks of a page: order and times, names, sizes, paths.
    fn page(&self, rows: &[u32], sorted: &Sorted, writer: &mut Writer) -> io::Result<[Vec<u8>; 4]> {
        let of = |column: &[u64]| rows.iter().map(|row| get(column, *row)).collect::<Vec<u64>>();
        let times: Vec<u64> = rows.iter().map(|row| get(&self.at, *row).cast_unsigned()).collect();
        writer.steps(&of(&self.sequence))?;
        writer.steps(&times)?;
        let order = writer.take();

        let coded = |column: &[u32], ranks: &[u32]| -> Vec<u64> {
            rows.iter().map(|row| u64::from(get(ranks, get(column, *row)))).collect()
        };
        let hosts = coded(&self.host, &sorted.hosts);
        writer.numbers(&hosts)?;
        writer.numbers(&coded(&self.why, &sorted.whys))?;
        writer.numbers(&coded(&self.how, &sorted.hows))?;
        let names = writer.take();

        for column in &self.sizes {
            writer.numbers(&of(column))?;
        }
        let sizes = writer.take();

        // Paths lie by host, those of one host beside each other: so they are alike, and compress better.
        let by_host = super::by_host(&hosts);
        let mut text = Vec::new();
        let mut lengths = Vec::with_capacity(rows.len());
        for place in by_host {
            let path = rows.get(index(place)).map_or(&[][..], |row| self.path(*row));
            lengths.push(path.len() as u64);
            text.extend_from_slice(path);
        }
        writer.numbers(&lengths)?;
        writer.text(&text)?;
        Ok([order, names, sizes, writer.take()])
    }

    fn page_entry(&self, rows: &[u32], places: [super::file::Place; 4]) -> PageEntry {
        let times = || rows.iter().map(|row| get(&self.at, *row));
        let sequences = || rows.iter().map(|row| get(&self.sequence, *row));
        PageEntry {
            rows: u32::try_from(rows.len()).unwrap_or(u32::MAX),
            earliest: times().min().unwrap_or(0),
            latest: times().max().unwrap_or(0),
            first_sequence: sequences().min().unwrap_or(0),
            places,
        }
    }

    fn path(&self, row: u32) -> &[u8] {
        let (from, to) = (get(&self.path_starts, row), get(&self.path_starts, row + 1));
        self.paths.get(from..to).unwrap_or_default()
    }
}

/// The order of a slice's rows, and the codes of its names.
struct Sorted {
    order: Vec<u32>,
    /// Where the rows of each of those who asked begin, by rank.
    starts: Vec<u32>,
    whos: Vec<u32>,
    hosts: Vec<u32>,
    whys: Vec<u32>,
    hows: Vec<u32>,
}

/// Different values, each with a number, in the order in which they came.
#[derive(Default)]
struct Interner {
    codes: HashMap<Box<[u8]>, u32>,
    counts: Vec<u32>,
    scratch: Vec<u8>,
}

impl Interner {
    fn code<T: Serialize>(&mut self, value: &T) -> postcard::Result<u32> {
        self.scratch.clear();
        postcard::to_io(value, &mut self.scratch)?;
        let code = match self.codes.get(self.scratch.as_slice()) {
            Some(code) => *code,
            None => {
                let code = u32::try_from(self.counts.len()).unwrap_or(u32::MAX);
                self.codes.insert(self.scratch.as_slice().into(), code);
                self.counts.push(0);
                code
            }
        };
        if let Some(count) = self.counts.get_mut(index(code)) {
            *count += 1;
        }
        Ok(code)
    }

    fn count(&self) -> usize {
        self.counts.len()
    }

    /// The rank of each code, by its bytes: schools, then people, then devices lie together.
    fn ranks_by_bytes(&self) -> Vec<u32> {
        let mut all: Vec<(&[u8], u32)> = self.codes.iter().map(|(bytes, code)| (&**bytes, *code)).collect();
        all.sort_unstable();
        ranks(all.into_iter().map(|(_, code)| code))
    }

    /// The rank of each code, the most frequent first.
    fn ranks_by_count(&self) -> Vec<u32> {
        let mut all: Vec<(std::cmp::Reverse<u32>, u32)> =
            self.counts.iter().map(|count| std::cmp::Reverse(*count)).zip(0..).collect();
        all.sort_unstable();
        ranks(all.into_iter().map(|(_, code)| code))
    }

    fn as_they_came<'a, T: Deserialize<'a>>(&'a self) -> io::Result<Vec<T>> {
        self.in_order(&(0..).take(self.count()).collect::<Vec<u32>>())
    }

    /// The values, by the ranks of their codes.
    fn in_order<'a, T: Deserialize<'a>>(&'a self, ranks: &[u32]) -> io::Result<Vec<T>> {
        let mut all: Vec<(u32, &[u8])> =
            self.codes.iter().map(|(bytes, code)| (get(ranks, *code), &**bytes)).collect();
        all.sort_unstable_by_key(|(rank, _)| *rank);
        all.into_iter().map(|(_, bytes)| postcard::from_bytes(bytes).map_err(io::Error::other)).collect()
    }
}

/// The rank of each code, from the codes in the order of their ranks.
fn ranks(codes: impl ExactSizeIterator<Item = u32>) -> Vec<u32> {
    let mut ranks = vec![0; codes.len()];
    for (rank, code) in (0..).zip(codes) {
        if let Some(place) = ranks.get_mut(index(code)) {
            *place = rank;
        }
    }
    ranks
}

fn index(code: u32) -> usize {
    usize::try_from(code).unwrap_or(usize::MAX)
}

/// The rank of a code, as a place.
fn at(ranks: &[u32], code: u32) -> usize {
    index(get(ranks, code))
}

fn get<T: Copy + Default>(column: &[T], row: u32) -> T {
    column.get(index(row)).copied().unwrap_or_default()
}
