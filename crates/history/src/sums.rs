//! Sums over many events: by outcome, by hour, by category, and by host. What the columns' own sums can answer is answered
//! from them, without reading a row; the rest is counted row by row.

use crate::block::outcome_place;
use crate::columns::{Looker, Rollup, Slice, SliceEntry, UNKNOWN_OUTCOME};
use crate::embedded::Embedded;
use crate::filter::Filter;
use crate::query::OutcomeCounts;
use crate::row::{self, Row};
use crate::scan::{self, Part, Parts};
use crate::shelf::Shelf;
use crate::{HistoryError, Query};
use foldhash::HashMap as FoldMap;
use foldhash::HashMapExt as _;
use model::{Category, Day, EventOutcome, Timestamp};
use std::collections::BTreeMap;

/// Slices that are added up before the next are looked for.
const AT_ONCE: usize = 16;
/// The most different hosts, and the most pairs of host and time, that are kept while the top ones are looked for.
const MOST_HOSTS: usize = 500_000;
const MOST_CELLS: usize = 4_000_000;

/// How finely events are added up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Every {
    /// By the hour (UTC).
    Hour,
    /// By the day (UTC).
    Day,
}

/// Events by time and by category.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sums {
    /// By the beginning of the hour or day, in order; those without events are left out.
    pub by_time: BTreeMap<Timestamp, OutcomeCounts>,
    /// By the category that decided.
    pub by_category: BTreeMap<Option<Category>, OutcomeCounts>,
    /// True when there may be more than were counted.
    pub more: bool,
}

/// A host, and when it was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HostSums {
    /// The host, as text.
    pub host: String,
    /// How often in all.
    pub events: u64,
    /// How often, by the beginning of the hour or day, in order.
    pub by_time: BTreeMap<Timestamp, u64>,
}

/// The hosts that were asked for most often, those first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TopHosts {
    /// At most as many as were asked for.
    pub hosts: Vec<HostSums>,
    /// True when there may be more than were counted.
    pub more: bool,
}

impl Every {
    pub(crate) fn start(self, day: Day, hour: u8) -> Timestamp {
        match self {
            Self::Hour => day.start().plus_ms(i64::from(hour) * 3_600_000),
            Self::Day => day.start(),
        }
    }
}

impl Embedded {
    /// Matching events by time and by category; `query.limit` does not count.
    pub fn sums(&self, query: &Query, every: Every) -> Result<Sums, HistoryError> {
        let filter = Filter::new(query);
        let mut sums = Sums::default();
        sums.more = each_sum(&self.0.shelf, &filter, Of::Kinds, &mut |day, cell| {
            let outcome = usize::from(cell.outcome);
            let category = cell.what.and_then(Category::parse);
            let kinds = [
                sums.by_time.entry(every.start(day, cell.hour)).or_default(),
                sums.by_category.entry(category).or_default(),
            ];
            for counts in kinds {
                if let Some(count) = counts.counts.get_mut(outcome) {
                    *count += cell.events;
                }
            }
        })?;
        Ok(sums)
    }

    /// The hosts of matching events, `most` of those that were asked for most often; `query.limit` does not count.
    pub fn top_hosts(&self, query: &Query, every: Every, most: usize) -> Result<TopHosts, HistoryError> {
        let filter = Filter::new(query);
        let mut hosts: FoldMap<Box<str>, Times> = FoldMap::new();
        let (mut cells, mut left_out) = (0usize, false);
        let more = each_sum(&self.0.shelf, &filter, Of::Hosts, &mut |day, cell| {
            let Some(host) = cell.what else { return };
            let at = every.start(day, cell.hour);
            if !hosts.contains_key(host) {
                if hosts.len() >= MOST_HOSTS {
                    left_out = true;
                    return;
                }
                hosts.insert(host.into(), Times::default());
            }
            let Some(times) = hosts.get_mut(host) else { return };
            times.events += cell.events;
            match times.by_time.last_mut() {
                Some((last, count)) if *last == at => *count += cell.events,
                _ if cells >= MOST_CELLS => left_out = true,
                _ => {
                    cells += 1;
                    times.by_time.push((at, cell.events));
                }
            }
        })?;
        let mut top: Vec<_> = hosts.into_iter().collect();
        top.sort_unstable_by(|(one, more), (other, fewer)| {
            fewer.events.cmp(&more.events).then_with(|| one.cmp(other))
        });
        top.truncate(most);
        let hosts = top.into_iter().map(|(host, times)| {
            let mut by_time = BTreeMap::new();
            for (at, count) in times.by_time {
                *by_time.entry(at).or_default() += count;
            }
            HostSums { host: host.into(), events: times.events, by_time }
        });
        Ok(TopHosts { hosts: hosts.collect(), more: more || left_out })
    }

    /// How many events had which outcome. With no condition but time this reads little more than indexes, so it suits a
    /// figure on a screen; with others it looks at `query.read_at_most` events at most.
    pub fn counts_by_outcome(&self, query: &Query) -> Result<OutcomeCounts, HistoryError> {
        let filter = Filter::new(query);
        let mut totals = OutcomeCounts::default();
        if filter.is_time_alone() {
            let mut parts = Parts::new(&self.0.shelf, &filter);
            let mut looker = Looker::new()?;
            while let Some(part) = parts.next()? {
                for (total, count) in totals.counts.iter_mut().zip(outcomes(&part, &filter, &mut looker)?) {
                    *total += count;
                }
            }
            return Ok(totals);
        }
        totals.more = each_sum(&self.0.shelf, &filter, Of::Kinds, &mut |_, cell| {
            if let Some(count) = totals.counts.get_mut(usize::from(cell.outcome)) {
                *count += cell.events;
            }
        })?;
        Ok(totals)
    }
}

/// Adds up matching events, newest day first. True when there may be more than were looked at.
pub(crate) fn each_sum(
    shelf: &Shelf,
    filter: &Filter<'_>,
    of: Of,
    add: &mut dyn FnMut(Day, Cell<'_>),
) -> Result<bool, HistoryError> {
    let mut parts = Parts::new(shelf, filter);
    let mut read = 0u64;
    let mut batch = Vec::new();
    loop {
        let part = parts.next()?;
        let is_last = part.is_none();
        batch.extend(part);
        if batch.len() < AT_ONCE && !is_last {
            continue;
        }
        let sums =
            crate::threads::in_order(&batch, Looker::new, |looker, part| add_up(looker, part, filter, of));
        for (part, sums) in batch.iter().zip(sums) {
            if read >= filter.query.read_at_most {
                return Ok(true);
            }
            let sums = sums?;
            read = read.saturating_add(sums.looked_at);
            for (what, cells) in sums.by_what {
                for (hour, outcome, events) in cells {
                    add(part.day(), Cell { hour, outcome, what: what.as_deref(), events });
                }
            }
        }
        batch.clear();
        if is_last {
            return Ok(false);
        }
    }
}

/// When a host was asked for, in no order.
#[derive(Default)]
struct Times {
    events: u64,
    by_time: Vec<(Timestamp, u64)>,
}

/// What is added up beside hour and outcome.
#[derive(Clone, Copy)]
pub(crate) enum Of {
    Hosts,
    Kinds,
}

/// So many events had this in common.
pub(crate) struct Cell<'a> {
    hour: u8,
    outcome: u8,
    /// The host, or the category's slug.
    pub what: Option<&'a str>,
    pub events: u64,
}

/// Hour, outcome, and how many events.
type HourOutcome = (u8, u8, u64);

/// The sums of one part.
#[derive(Default)]
struct PartSums {
    by_what: Vec<(Option<String>, Vec<HourOutcome>)>,
    looked_at: u64,
}

/// Sums of a part by host or category, hour and outcome.
fn add_up(looker: &mut Looker, part: &Part, filter: &Filter<'_>, of: Of) -> Result<PartSums, HistoryError> {
    if let Some((log, block)) = part.block() {
        let Some(raw) = log.read(block)? else {
            scan::warn_damaged(log.day, block);
            return Ok(PartSums::default());
        };
        let rows = row::decode(&raw, block.header.events, block.header.form);
        let taken = (block.header.first_sequence..).zip(&rows);
        let taken = taken.filter(|(sequence, row)| *sequence < part.before && filter.matches(row));
        let sums = of_rows(part.day(), taken.map(|(_, row)| row), of);
        return Ok(PartSums { looked_at: u64::from(block.header.events), ..sums });
    }
    let Some((columns, entry)) = part.slice() else { return Ok(PartSums::default()) };
    let Some(slice) = looker.open(columns, entry)? else { return Ok(PartSums::default()) };
    let whole = entry.earliest >= filter.from.0 && entry.latest < filter.until.0;
    if whole
        && filter.is_of_sums()
        && let Some(rollup) = looker.rollup(columns, entry)?
    {
        return Ok(of_rollup(&slice, &rollup, filter, of));
    }
    of_slice(looker, &slice, part, (filter, of))
}

/// The sums of rows.
fn of_rows<'r>(day: Day, rows: impl Iterator<Item = &'r Row<'r>>, of: Of) -> PartSums {
    let mut sums: FoldMap<Option<&str>, FoldMap<(u8, u8), u64>> = FoldMap::new();
    for row in rows {
        let what = match of {
            Of::Hosts => Some(&*row.host),
            Of::Kinds => row.category,
        };
        let cell = (crate::columns::hour_of(day, row.at), outcome_code(row.outcome));
        *sums.entry(what).or_default().entry(cell).or_default() += 1;
    }
    let by_what = sums.into_iter().map(|(what, cells)| {
        let cells = cells.into_iter().map(|((hour, outcome), events)| (hour, outcome, events));
        (what.map(str::to_owned), cells.collect())
    });
    PartSums { by_what: by_what.collect(), looked_at: 0 }
}

/// The sums of a slice that its own sums hold.
fn of_rollup(slice: &Slice<'_>, rollup: &Rollup, filter: &Filter<'_>, of: Of) -> PartSums {
    let Some(names) = slice.names() else { return PartSums::default() };
    let school = |place: u32| place.checked_sub(1).and_then(|place| rollup.schools.get(index(place)));
    let takes_school: Vec<bool> = (0..=u32::try_from(rollup.schools.len()).unwrap_or(0))
        .map(|place| filter.takes_school(school(place).map(String::as_str)))
        .collect();
    let outcome = filter.query.outcome.map(|outcome| outcome_code(outcome.slug()));
    let name = |what: u32| match of {
        Of::Hosts => names.hosts.get(index(what)).map(|host| (*host).to_owned()),
        Of::Kinds => what.checked_sub(1).and_then(|place| rollup.categories.get(index(place)).cloned()),
    };
    let (cells, different) = match of {
        Of::Hosts => (&rollup.hosts, names.hosts.len()),
        Of::Kinds => (&rollup.kinds, rollup.categories.len() + 1),
    };
    let mut by_what: Vec<Vec<HourOutcome>> = vec![Vec::new(); different];
    for cell in cells {
        let taken = takes_school.get(index(cell.school)).copied().unwrap_or(false)
            && outcome.is_none_or(|outcome| outcome == cell.outcome);
        if let (true, Some(sums)) = (taken, by_what.get_mut(index(cell.what))) {
            sums.push((cell.hour, cell.outcome, cell.events));
        }
    }
    let named = by_what.into_iter().zip(0..).filter(|(cells, _)| !cells.is_empty());
    PartSums { by_what: named.map(|(cells, what)| (name(what), cells)).collect(), looked_at: 0 }
}

/// The sums of a slice, counted row by row.
fn of_slice(
    looker: &mut Looker,
    slice: &Slice<'_>,
    part: &Part,
    (filter, of): (&Filter<'_>, Of),
) -> Result<PartSums, HistoryError> {
    let Some(names) = slice.names() else { return Ok(PartSums::default()) };
    let outcomes: Vec<u8> = names.whys.iter().map(|why| outcome_code(why.outcome)).collect();
    let mut cells: FoldMap<(u64, u8, u8), u64> = FoldMap::new();
    let mut found = crate::columns::Found::default();
    looker.each_hit(slice, (filter, part.before), &mut found, &mut |hit| {
        let outcome = place(hit.why).and_then(|why| outcomes.get(why)).copied().unwrap_or(UNKNOWN_OUTCOME);
        let what = match of {
            Of::Hosts => hit.host,
            Of::Kinds => hit.why,
        };
        *cells.entry((what, crate::columns::hour_of(part.day(), hit.at), outcome)).or_default() += 1;
    })?;
    let mut by_what: FoldMap<Option<&str>, Vec<HourOutcome>> = FoldMap::new();
    for ((what, hour, outcome), events) in cells {
        let name = match of {
            Of::Hosts => place(what).and_then(|host| names.hosts.get(host)).copied(),
            Of::Kinds => place(what).and_then(|why| names.whys.get(why)).and_then(|why| why.category),
        };
        by_what.entry(name).or_default().push((hour, outcome, events));
    }
    let by_what = by_what.into_iter().map(|(name, cells)| (name.map(str::to_owned), cells)).collect();
    Ok(PartSums { by_what, looked_at: found.looked_at })
}

/// The outcomes of those rows of a part that a query of time alone takes.
fn outcomes(part: &Part, filter: &Filter<'_>, looker: &mut Looker) -> Result<[u64; 4], HistoryError> {
    let is_whole = |earliest: i64, latest: i64, next_sequence: u64| {
        earliest >= filter.from.0 && latest < filter.until.0 && next_sequence <= part.before
    };
    let kept = match (part.block(), part.slice()) {
        (Some((_, block)), _) => {
            let header = &block.header;
            let whole = is_whole(header.earliest.0, header.latest.0, header.next_sequence());
            whole.then(|| header.outcomes.map(u64::from))
        }
        (None, Some((_, slice))) => whole_outcomes(slice, is_whole),
        (None, None) => Some([0; 4]),
    };
    if let Some(kept) = kept {
        return Ok(kept);
    }
    let mut counts = [0; 4];
    for (_, cells) in add_up(looker, part, filter, Of::Kinds)?.by_what {
        for (_, outcome, events) in cells {
            if let Some(count) = counts.get_mut(usize::from(outcome)) {
                *count += events;
            }
        }
    }
    Ok(counts)
}

fn whole_outcomes(slice: &SliceEntry, is_whole: impl Fn(i64, i64, u64) -> bool) -> Option<[u64; 4]> {
    is_whole(slice.earliest, slice.latest, slice.next_sequence).then_some(slice.outcomes)
}

fn outcome_code(slug: &str) -> u8 {
    let place = EventOutcome::parse(slug).map(outcome_place).and_then(|place| u8::try_from(place).ok());
    place.unwrap_or(UNKNOWN_OUTCOME)
}

fn index(place: u32) -> usize {
    usize::try_from(place).unwrap_or(usize::MAX)
}

fn place(code: u64) -> Option<usize> {
    usize::try_from(code).ok()
}
