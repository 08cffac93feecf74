//! Looking into a slice: which of its rows a filter takes, and those rows whole.
//!
//! Each condition is asked once for each different value of the slice. Only then are pages read, and of a page only the
//! chunks that are still in question; paths last.

use super::build::{Names, Whos};
use super::file::{Columns, PageEntry, Place, SliceEntry};
use super::planes::{Reader, Unpack};
use super::{Rollup, by_host};
use crate::HistoryError;
use crate::error::disk;
use crate::filter::{Filter, TextTest};
use crate::parts::{Rest, Why};
use crate::row::Row;
use memchr::memmem::Finder;
use std::ops::{ControlFlow, Range};

/// A row that a filter takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Match {
    pub sequence: u64,
    page: u32,
    row: u32,
}

/// What looking into a slice found.
#[derive(Default, Debug)]
pub(crate) struct Found {
    /// In no order.
    pub matches: Vec<Match>,
    /// Rows that had to be read for it.
    pub looked_at: u64,
    /// Rows of damaged chunks.
    pub unreadable: u64,
}

/// What is said of a match without reading it whole.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Hit {
    pub found: Match,
    pub at: i64,
    /// Codes of the slice's names.
    pub host: u64,
    pub why: u64,
}

/// A slice's names, unpacked.
pub(crate) struct Slice<'c> {
    columns: &'c Columns,
    entry: &'c SliceEntry,
    whos: Vec<u8>,
    names: Vec<u8>,
}

impl<'c> Slice<'c> {
    /// Reads what repeats in a slice; `None` where it is damaged.
    pub fn open(
        columns: &'c Columns,
        entry: &'c SliceEntry,
        unpack: &mut Unpack,
    ) -> Result<Option<Self>, HistoryError> {
        let mut text = |place| {
            let packed = columns.chunk(place)?;
            Ok::<_, HistoryError>(packed.and_then(|packed| Reader::new(&packed).text(unpack)))
        };
        Ok(match (text(entry.whos)?, text(entry.names)?) {
            (Some(whos), Some(names)) => Some(Self { columns, entry, whos, names }),
            _ => None,
        })
    }

    pub fn names(&self) -> Option<Names<'_>> {
        postcard::from_bytes(&self.names).ok()
    }

    fn whos(&self) -> Option<Whos<'_>> {
        postcard::from_bytes(&self.whos).ok()
    }
}

/// Looks into slices; keeps what that needs again and again.
pub(crate) struct Looker {
    unpack: Unpack,
}

impl Looker {
    pub fn new() -> Result<Self, HistoryError> {
        let nowhere = std::path::Path::new("");
        Ok(Self { unpack: Unpack::new().map_err(disk("make room to read", nowhere))? })
    }

    /// A slice's sums; `None` where they are damaged.
    pub fn rollup(&mut self, columns: &Columns, entry: &SliceEntry) -> Result<Option<Rollup>, HistoryError> {
        let chunk = columns.chunk(entry.tally)?;
        Ok(chunk.and_then(|chunk| Rollup::decode(&chunk, entry.events, &mut self.unpack)))
    }

    /// What repeats in a slice; `None` where it is damaged.
    pub fn open<'c>(
        &mut self,
        columns: &'c Columns,
        entry: &'c SliceEntry,
    ) -> Result<Option<Slice<'c>>, HistoryError> {
        Slice::open(columns, entry, &mut self.unpack)
    }

    /// The rows before a sequence that a filter takes.
    pub fn find(
        &mut self,
        columns: &Columns,
        entry: &SliceEntry,
        filter: &Filter<'_>,
        before: u64,
    ) -> Result<Found, HistoryError> {
        let mut found = Found::default();
        let Some(slice) = self.open(columns, entry)? else {
            return Ok(Found { unreadable: entry.events, ..found });
        };
        let mut matches = Vec::new();
        self.each_hit(&slice, (filter, before), &mut found, &mut |hit| matches.push(hit.found))?;
        Ok(Found { matches, ..found })
    }

    /// Calls `deal` for each row before a sequence that a filter takes, in no order, and counts in `found` what was read.
    pub fn each_hit(
        &mut self,
        slice: &Slice<'_>,
        (filter, before): (&Filter<'_>, u64),
        found: &mut Found,
        deal: &mut dyn FnMut(Hit),
    ) -> Result<(), HistoryError> {
        let (Some(whos), Some(names)) = (slice.whos(), slice.names()) else {
            found.unreadable += slice.entry.events;
            return Ok(());
        };
        let Some(wanted) = Wanted::new(filter, &whos, &names, slice.entry.events) else { return Ok(()) };
        let mut first_row = 0u32;
        for (number, page) in (0u32..).zip(&slice.entry.pages) {
            let rows = first_row..first_row.saturating_add(page.rows);
            first_row = rows.end;
            let outside = page.first_sequence >= before
                || page.earliest >= filter.until.0
                || page.latest < filter.from.0;
            let candidates = wanted.rows_within(&rows);
            if outside || candidates.is_empty() {
                continue;
            }
            found.looked_at += u64::from(page.rows);
            let asked =
                Asked { columns: slice.columns, page, wanted: &wanted, names: &names, filter, before };
            match self.hits(&asked, candidates)? {
                Some(hits) => {
                    for hit in hits {
                        deal(Hit { found: Match { page: number, ..hit.found }, ..hit });
                    }
                }
                None => found.unreadable += u64::from(page.rows),
            }
        }
        Ok(())
    }

    /// The hits of a page among its candidate rows; `None` where it is damaged.
    fn hits(&mut self, asked: &Asked<'_>, mut rows: Vec<u32>) -> Result<Option<Vec<Hit>>, HistoryError> {
        let Asked { columns, page, wanted, names, filter, before } = asked;
        let [order, codes, _, paths] = page.places;
        let sure = filter.text.as_ref().and_then(TextTest::sure_part);
        let mut text = None;
        if let (Some(part), false) = (sure, wanted.text_hosts.contains(&true)) {
            let Some(read) = self.lower_text(columns, paths)? else { return Ok(None) };
            if Finder::new(part).find(&read.text).is_none() {
                return Ok(Some(Vec::new()));
            }
            text = Some(read);
        }
        let Some(order) = self.order(columns, page, order)? else { return Ok(None) };
        let Some(codes) = self.codes(columns, page, codes)? else { return Ok(None) };
        let (from, until) = (filter.from.0, filter.until.0);
        rows.retain(|row| {
            let time = at(&order.times, *row).cast_signed();
            time >= from
                && time < until
                && at(&order.sequences, *row) < *before
                && wanted.hosts.as_ref().is_none_or(|wanted| is_set(wanted, at(&codes.hosts, *row)))
                && wanted.whys.as_ref().is_none_or(|wanted| is_set(wanted, at(&codes.whys, *row)))
                && wanted.hows.as_ref().is_none_or(|wanted| is_set(wanted, at(&codes.hows, *row)))
        });
        if let (Some(test), false) = (&filter.text, rows.is_empty()) {
            let read = match text {
                Some(read) => Some(read),
                None => self.lower_text(columns, paths)?,
            };
            let read = read.and_then(|read| self.paths_of(read, count(page), &codes.hosts));
            let Some(paths) = read else { return Ok(None) };
            paths.retain(&mut rows, &codes.hosts, test, (&wanted.text_hosts, &names.hosts));
        }
        let hit = |row: u32| Hit {
            found: Match { sequence: at(&order.sequences, row), page: 0, row },
            at: at(&order.times, row).cast_signed(),
            host: at(&codes.hosts, row),
            why: at(&codes.whys, row),
        };
        Ok(Some(rows.into_iter().map(hit).collect()))
    }

    /// Calls `deal` for each match as a whole row, in the order given, until it breaks. Returns how many could not be read.
    pub fn each_row(
        &mut self,
        slice: &Slice<'_>,
        matches: &[Match],
        deal: &mut dyn FnMut(u64, &Row<'_>) -> ControlFlow<()>,
    ) -> Result<(u64, ControlFlow<()>), HistoryError> {
        let Some(mut rows) = Rows::new(slice) else {
            return Ok((matches.len() as u64, ControlFlow::Continue(())));
        };
        let mut unreadable = 0;
        for found in matches {
            match rows.row(self, *found)? {
                Some(row) if deal(found.sequence, &row).is_break() => {
                    return Ok((unreadable, ControlFlow::Break(())));
                }
                Some(_) => {}
                None => unreadable += 1,
            }
        }
        Ok((unreadable, ControlFlow::Continue(())))
    }

    fn page(&mut self, slice: &Slice<'_>, page: &PageEntry) -> Result<Option<Page>, HistoryError> {
        let [order, codes, sizes, paths] = page.places;
        let Some(order) = self.order(slice.columns, page, order)? else { return Ok(None) };
        let Some(codes) = self.codes(slice.columns, page, codes)? else { return Ok(None) };
        let Some(sizes) = self.sizes(slice.columns, page, sizes)? else { return Ok(None) };
        let paths = self.paths(slice.columns, page, paths, &codes.hosts)?;
        Ok(paths.map(|paths| Page { order, codes, sizes, paths }))
    }

    fn order(
        &mut self,
        columns: &Columns,
        page: &PageEntry,
        place: Place,
    ) -> Result<Option<Order>, HistoryError> {
        let Some(chunk) = columns.chunk(place)? else { return Ok(None) };
        let (mut reader, rows) = (Reader::new(&chunk), count(page));
        let mut column = || reader.steps(rows, &mut self.unpack);
        Ok(column().zip(column()).map(|(sequences, times)| Order { sequences, times }))
    }

    fn codes(
        &mut self,
        columns: &Columns,
        page: &PageEntry,
        place: Place,
    ) -> Result<Option<Codes>, HistoryError> {
        let Some(chunk) = columns.chunk(place)? else { return Ok(None) };
        let (mut reader, rows) = (Reader::new(&chunk), count(page));
        let mut column = || reader.numbers(rows, &mut self.unpack);
        let columns = column().zip(column()).zip(column());
        Ok(columns.map(|((hosts, whys), hows)| Codes { hosts, whys, hows }))
    }

    fn sizes(
        &mut self,
        columns: &Columns,
        page: &PageEntry,
        place: Place,
    ) -> Result<Option<[Vec<u64>; 3]>, HistoryError> {
        let Some(chunk) = columns.chunk(place)? else { return Ok(None) };
        let (mut reader, rows) = (Reader::new(&chunk), count(page));
        let mut column = || reader.numbers(rows, &mut self.unpack);
        Ok(column().zip(column()).zip(column()).map(|((up, down), took)| [up, down, took]))
    }

    /// The paths of a page as they are searched; `None` where they are damaged.
    fn lower_text(&mut self, columns: &Columns, place: Place) -> Result<Option<PathText>, HistoryError> {
        let read = self.path_text(columns, place)?;
        Ok(read.map(|mut read| {
            read.text.make_ascii_lowercase();
            read
        }))
    }

    fn path_text(&mut self, columns: &Columns, place: Place) -> Result<Option<PathText>, HistoryError> {
        let Some(chunk) = columns.chunk(place)? else { return Ok(None) };
        let mut reader = Reader::new(&chunk);
        let text = reader.skip().and_then(|()| reader.text(&mut self.unpack));
        Ok(text.map(|text| PathText { chunk, text }))
    }

    /// Which row each of the paths belongs to.
    fn paths_of(&mut self, read: PathText, rows: usize, hosts: &[u64]) -> Option<Paths> {
        let lengths = Reader::new(&read.chunk).numbers(rows, &mut self.unpack)?;
        Paths::new(&lengths, read.text, by_host(hosts))
    }

    fn paths(
        &mut self,
        columns: &Columns,
        page: &PageEntry,
        place: Place,
        hosts: &[u64],
    ) -> Result<Option<Paths>, HistoryError> {
        let read = self.path_text(columns, place)?;
        Ok(read.and_then(|read| self.paths_of(read, count(page), hosts)))
    }
}

/// The rows of a slice, whole; each page is unpacked when a row of it is first asked for.
pub(crate) struct Rows<'s, 'c> {
    slice: &'s Slice<'c>,
    whos: Whos<'s>,
    names: Names<'s>,
    /// `None` where it was not asked for yet, and within where it could not be read.
    pages: Vec<Option<Option<Page>>>,
    /// The place in the slice of each page's first row.
    firsts: Vec<u32>,
}

impl<'s, 'c> Rows<'s, 'c> {
    /// `None` where what repeats in the slice makes no sense.
    pub fn new(slice: &'s Slice<'c>) -> Option<Self> {
        let (whos, names) = (slice.whos()?, slice.names()?);
        let mut pages = Vec::new();
        pages.resize_with(slice.entry.pages.len(), || None);
        let firsts = slice.entry.pages.iter().scan(0u32, |next, page| {
            let first = *next;
            *next = next.saturating_add(page.rows);
            Some(first)
        });
        Some(Self { slice, whos, names, pages, firsts: firsts.collect() })
    }

    /// The row of a match; `None` where it cannot be read.
    pub fn row(&mut self, looker: &mut Looker, found: Match) -> Result<Option<Row<'_>>, HistoryError> {
        let number = usize::try_from(found.page).unwrap_or(usize::MAX);
        let (Some(space), Some(entry)) = (self.pages.get_mut(number), self.slice.entry.pages.get(number))
        else {
            return Ok(None);
        };
        if space.is_none() {
            *space = Some(looker.page(self.slice, entry)?);
        }
        let page = space.as_ref().and_then(Option::as_ref);
        let first = self.firsts.get(number).copied().unwrap_or_default();
        Ok(page.and_then(|page| page.row(found.row, first, &self.whos, &self.names)))
    }
}

/// What is asked of a page.
struct Asked<'a> {
    columns: &'a Columns,
    page: &'a PageEntry,
    wanted: &'a Wanted,
    names: &'a Names<'a>,
    filter: &'a Filter<'a>,
    before: u64,
}

/// Which of a slice's different values a filter takes.
struct Wanted {
    /// Rows of those who asked, in order; `None` for all.
    rows: Option<Vec<Range<u32>>>,
    hosts: Option<Vec<bool>>,
    whys: Option<Vec<bool>>,
    hows: Option<Vec<bool>>,
    /// Hosts whose rows are asked by their text even where the path alone says nothing.
    text_hosts: Vec<bool>,
}

impl Wanted {
    /// `None` where no row of the slice can match.
    fn new(filter: &Filter<'_>, whos: &Whos<'_>, names: &Names<'_>, events: u64) -> Option<Self> {
        let rows = filter.asks_who().then(|| {
            let ends = whos.starts.iter().skip(1).copied().chain([u32::try_from(events).unwrap_or(u32::MAX)]);
            let spans = whos.starts.iter().copied().zip(ends).zip(&whos.whos);
            let wanted = spans.filter(|(_, who)| filter.takes_who(who));
            wanted.map(|((start, end), _)| start..end).collect::<Vec<_>>()
        });
        let hosts =
            filter.asks_host().then(|| names.hosts.iter().map(|host| filter.takes_host(host)).collect());
        let whys = filter.asks_why().then(|| names.whys.iter().map(|why| filter.takes_why(why)).collect());
        let hows = filter.asks_how().then(|| names.hows.iter().map(|how| filter.takes_how(how)).collect());
        let nobody = rows.as_ref().is_some_and(Vec::is_empty);
        let nothing =
            |wanted: &Option<Vec<bool>>| wanted.as_ref().is_some_and(|codes| !codes.contains(&true));
        if nobody || nothing(&hosts) || nothing(&whys) || nothing(&hows) {
            return None;
        }
        let text = filter.text.as_ref();
        let text_hosts = text.map(|text| names.hosts.iter().map(|host| text.may_be_in_host(host)).collect());
        Some(Self { rows, hosts, whys, hows, text_hosts: text_hosts.unwrap_or_default() })
    }

    /// The candidates among a page's rows, counted from its first.
    fn rows_within(&self, page: &Range<u32>) -> Vec<u32> {
        let Some(ranges) = &self.rows else { return (0..page.end - page.start).collect() };
        let mut rows = Vec::new();
        for range in ranges {
            let (from, to) = (range.start.max(page.start), range.end.min(page.end));
            if from < to {
                rows.extend(from - page.start..to - page.start);
            }
        }
        rows
    }
}

/// A page, unpacked whole.
struct Page {
    order: Order,
    codes: Codes,
    sizes: [Vec<u64>; 3],
    paths: Paths,
}

struct Order {
    sequences: Vec<u64>,
    times: Vec<u64>,
}

struct Codes {
    hosts: Vec<u64>,
    whys: Vec<u64>,
    hows: Vec<u64>,
}

/// The paths of a page, of which nobody asked yet whose they are.
struct PathText {
    /// With how long each is.
    chunk: Vec<u8>,
    text: Vec<u8>,
}

/// The paths of a page: one text, in order of the hosts.
struct Paths {
    text: Vec<u8>,
    /// Where each text ends, and whose row it is.
    ends: Vec<usize>,
    rows: Vec<u32>,
    /// Where each row's text lies.
    spans: Vec<(usize, usize)>,
}

impl Page {
    fn row<'a>(&'a self, row: u32, before: u32, whos: &Whos<'a>, names: &Names<'a>) -> Option<Row<'a>> {
        let in_slice = before.checked_add(row)?;
        let who = whos.starts.partition_point(|start| *start <= in_slice).checked_sub(1)?;
        let code = |codes: &[u64]| usize::try_from(at(codes, row)).ok();
        let [up, down, took] = &self.sizes;
        let rest = Rest {
            at: at(&self.order.times, row).cast_signed(),
            host: names.hosts.get(code(&self.codes.hosts)?)?,
            path: std::str::from_utf8(self.paths.of(row)?).ok()?,
            bytes_up: at(up, row),
            bytes_down: at(down, row),
            took_ms: u32::try_from(at(took, row)).ok()?,
        };
        let why: &Why<'_> = names.whys.get(code(&self.codes.whys)?)?;
        Some(Row::of_parts(whos.whos.get(who)?, why, names.hows.get(code(&self.codes.hows)?)?, rest))
    }
}

impl Paths {
    fn new(lengths: &[u64], text: Vec<u8>, rows: Vec<u32>) -> Option<Self> {
        let mut spans = vec![(0, 0); rows.len()];
        let mut ends = Vec::with_capacity(rows.len());
        let mut start = 0usize;
        for (length, row) in lengths.iter().zip(&rows) {
            let end = start.checked_add(usize::try_from(*length).ok()?)?;
            if let Some(span) = usize::try_from(*row).ok().and_then(|row| spans.get_mut(row)) {
                *span = (start, end);
            }
            ends.push(end);
            start = end;
        }
        (start == text.len()).then_some(Self { text, ends, rows, spans })
    }

    fn of(&self, row: u32) -> Option<&[u8]> {
        let (start, end) = *self.spans.get(usize::try_from(row).ok()?)?;
        self.text.get(start..end)
    }

    /// Keeps those rows that a test of host and path takes. The text is in lower case.
    fn retain(&self, rows: &mut Vec<u32>, codes: &[u64], test: &TextTest, hosts: (&[bool], &[&str])) {
        let (hosts_in_question, names) = hosts;
        let hits = test.sure_part().map(|part| self.rows_with(part));
        rows.retain(|row| {
            let code = at(codes, *row);
            let in_question = hits.as_ref().is_none_or(|hits| is_set(hits, u64::from(*row)))
                || is_set(hosts_in_question, code);
            let host = usize::try_from(code).ok().and_then(|code| names.get(code));
            in_question && host.zip(self.of(*row)).is_some_and(|(host, path)| test.takes(host, path))
        });
    }

    /// Which rows' texts have this in them.
    fn rows_with(&self, part: &[u8]) -> Vec<bool> {
        let mut hits = vec![false; self.rows.len()];
        let finder = Finder::new(part);
        let mut from = 0;
        while let Some(found) = self.text.get(from..).and_then(|text| finder.find(text)) {
            let place = from + found;
            let text = self.ends.partition_point(|end| *end <= place);
            let end = self.ends.get(text).copied().unwrap_or(self.text.len());
            if place + part.len() <= end {
                let row = self.rows.get(text).and_then(|row| usize::try_from(*row).ok());
                if let Some(hit) = row.and_then(|row| hits.get_mut(row)) {
                    *hit = true;
                }
                from = end;
            } else {
                // It begins in one text and ends in another.
                from = place + 1;
            }
        }
        hits
    }
}

fn count(page: &PageEntry) -> usize {
    usize::try_from(page.rows).unwrap_or(0)
}

fn at(column: &[u64], row: u32) -> u64 {
    usize::try_from(row).ok().and_then(|row| column.get(row)).copied().unwrap_or_default()
}

fn is_set(flags: &[bool], place: u64) -> bool {
    usize::try_from(place).ok().and_then(|place| flags.get(place)).copied().unwrap_or(false)
}
