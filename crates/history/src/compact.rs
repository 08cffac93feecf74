//! Rewriting logs into columns: closed days whole, and of today whatever fills a slice.
//!
//! New columns are written beside the day's, synced, and renamed into place; only then is the log shortened. A crash at any
//! point leaves the log, or columns and a log whose first blocks they hold: those count for nothing when the day is opened.
//! Appending goes on meanwhile but for the moment of the change, and so does reading. What of a log cannot be read is kept
//! beside the day as `.damaged`.

use crate::HistoryError;
use crate::columns::{Builder, NewFile, SLICE_EVENTS, columns_file};
use crate::embedded::Embedded;
use crate::row;
use crate::segment::{Block, Segment};
use crate::shelf::DayFiles;
use model::Day;
use std::sync::PoisonError;

/// What a compaction did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Compacted {
    /// Days that were rewritten.
    pub days: usize,
    /// Events that lie in columns now and did not before.
    pub events: u64,
    /// Events that could not be read, and were kept aside.
    pub damaged: u64,
}

impl Embedded {
    /// Rewrites the logs of the days before `today` into columns, and of `today` what fills a slice. Takes its time, and may
    /// be called whenever; a second call meanwhile waits for the first.
    pub fn compact(&self, today: Day) -> Result<Compacted, HistoryError> {
        let _compacting = self.0.compacting.lock().unwrap_or_else(PoisonError::into_inner);
        let mut compacted = Compacted::default();
        for day in self.0.shelf.days() {
            if !self.0.shelf.has_log(day) {
                continue;
            }
            let Some((files, _)) = self.0.shelf.readable_files(day)? else { continue };
            let Some(log) = &files.log else { continue };
            let mut blocks = log.all_blocks();
            if day >= today {
                blocks.truncate(whole_slices(&blocks));
            }
            if blocks.is_empty() && (day >= today || log.events() > 0) {
                continue;
            }
            let damaged = self.rewrite(&files, log, &blocks)?;
            compacted.days += 1;
            compacted.damaged += damaged;
            compacted.events += events_of(&blocks) - damaged;
        }
        Ok(compacted)
    }

    /// Rewrites the log of one day, whole, where it has one. To be called by whoever holds `compacting`.
    pub(crate) fn compact_day(&self, day: Day) -> Result<(), HistoryError> {
        let Some((files, _)) = self.0.shelf.files(day)? else { return Ok(()) };
        match &files.log {
            Some(log) if log.events() > 0 => self.rewrite(&files, log, &log.all_blocks()).map(|_| ()),
            _ => Ok(()),
        }
    }

    /// Takes blocks of a day's log into its columns. Returns how many events could not be read.
    fn rewrite(&self, files: &DayFiles, log: &Segment, blocks: &[Block]) -> Result<u64, HistoryError> {
        let shelf = &self.0.shelf;
        let path = columns_file(shelf.folder(), files.day).with_extension("columns.new");
        let key = shelf.key_or_new(files.day)?;
        let mut file = NewFile::begin(path, files.day, key, files.columns.as_deref())?;
        let mut builder = Builder::new(files.day);
        let mut damaged = 0;
        for block in blocks {
            damaged += push_block(&mut builder, log, block)?;
            if builder.is_full() {
                builder.write_to(&mut file)?;
            }
        }
        if !builder.is_empty() {
            builder.write_to(&mut file)?;
        }
        let path = file.finish()?;
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let taken = blocks.last().map_or(0, |last| last.header.next_sequence());
        let mut rest = log.all_blocks();
        rest.retain(|block| block.header.next_sequence() > taken);
        shelf.take_over(files, &path, &rest, (damaged > 0).then_some("damaged"))?;
        Ok(damaged)
    }
}

/// Adds a block's rows; returns how many of them could not be read.
fn push_block(builder: &mut Builder, log: &Segment, block: &Block) -> Result<u64, HistoryError> {
    let header = &block.header;
    let Some(raw) = log.read(block)? else {
        crate::scan::warn_damaged(log.day, block);
        return Ok(u64::from(header.events));
    };
    let rows = row::decode(&raw, header.events, header.form);
    for (sequence, row) in (header.first_sequence..).zip(&rows) {
        builder.push(sequence, row)?;
    }
    Ok(u64::from(header.events).saturating_sub(rows.len() as u64))
}

/// How many blocks fill whole slices.
fn whole_slices(blocks: &[Block]) -> usize {
    let (mut whole, mut events) = (0, 0u64);
    for (place, block) in blocks.iter().enumerate() {
        events += u64::from(block.header.events);
        if events >= SLICE_EVENTS as u64 {
            whole = place + 1;
            events = 0;
        }
    }
    whole
}

fn events_of(blocks: &[Block]) -> u64 {
    blocks.iter().map(|block| u64::from(block.header.events)).sum()
}
