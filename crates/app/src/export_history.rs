//! Taking history away as a file: comma-separated values (RFC 4180), newest first, at most 100,000 rows.
//!
//! People stand in it by pseudonym. With a reason the names of those whom whoever asks may name stand in it, which is
//! recorded first.
//!
//! A cell that a spreadsheet would take for a formula begins with an apostrophe, since what stands in a URL is chosen by
//! whoever wrote the page.

use crate::history_query::cursor;
use crate::history_rows::Names;
use crate::history_sight::{Shown, Sight};
use crate::views::{HistoryPlace, HistoryRow};
use crate::{App, AppError, Purpose, words};
use history::{Query, Stored};
use model::{Action, Actor, Category};
use std::ops::ControlFlow;

/// The most rows of a file.
const MOST_ROWS: usize = 100_000;

/// What was read for a file.
struct Taken {
    events: Vec<Stored>,
    /// Rows that could not be read.
    unreadable: u64,
    /// True where older ones match too.
    is_cut: bool,
}

/// The columns, in order.
pub(crate) const COLUMNS: [&str; 20] = [
    "time (UTC)",
    "school time",
    "school",
    "person",
    "login",
    "known by",
    "device",
    "address",
    "group",
    "channel",
    "method",
    "host",
    "path",
    "outcome",
    "category",
    "reason",
    "status",
    "bytes up",
    "bytes down",
    "event",
];

impl App {
    /// The history of a place as a file; `None` where there is no such place for this actor. That it was taken is recorded
    /// first.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the filter cannot be read.
    pub async fn export_history(
        &self,
        actor: &Actor,
        place: HistoryPlace,
        names: Option<Purpose>,
    ) -> Result<Option<Vec<u8>>, AppError> {
        let reach = self.reach(actor, Action::ExportHistory).await?;
        if names.is_some() {
            self.reach(actor, Action::ShowNames).await?;
        }
        let Some(asked) = self.asked(actor, place, &reach).await? else { return Ok(None) };
        let plan = asked.plan.map_err(|problems| {
            let sentences: Vec<String> = problems.into_iter().map(|(_, sentence)| sentence).collect();
            AppError::refused(sentences.join(". "), "expected a filter that can be read, found mistakes")
        })?;
        self.note(&self.search_fact(actor, &asked.place, &asked.filter, "export-history")).await?;
        let Taken { events, unreadable, is_cut } =
            self.export_events(Query { before: None, ..plan.query }).await?;
        if let Some(purpose) = &names {
            let named = self.people_to_name(actor, &reach, &events);
            self.record_names(actor, &named, purpose).await?;
        }
        let shown = if plan.by_name || names.is_some() { Shown::Names } else { Shown::Pseudonyms };
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        let file = self.with_sight(actor, &reach, |sight| {
            let rows = events.iter().map(|stored| cells(&names, sight, (stored, shown)));
            as_csv(&COLUMNS, rows.chain(what_is_missing(unreadable, is_cut)))
        });
        file.map(Some)
    }

    async fn export_events(&self, query: Query) -> Result<Taken, AppError> {
        let history = self.0.parts.history.clone();
        let exported = tokio::task::spawn_blocking(move || {
            let (mut events, mut is_cut) = (Vec::new(), false);
            let exported = history.export(&query, &mut |stored| {
                if events.len() == MOST_ROWS {
                    is_cut = true;
                    return ControlFlow::Break(());
                }
                events.push(stored);
                ControlFlow::Continue(())
            })?;
            Ok::<_, history::HistoryError>(Taken { events, unreadable: exported.unreadable, is_cut })
        });
        Ok(exported.await??)
    }
}

/// The last lines of a file that does not have everything: a sentence each, in the first cell.
fn what_is_missing(unreadable: u64, is_cut: bool) -> impl Iterator<Item = [String; 20]> {
    let cut = is_cut.then(|| {
        format!("Cut here: a file holds {MOST_ROWS} rows at most. Older ones match and are not in it.")
    });
    let unreadable = (unreadable > 0)
        .then(|| format!("{unreadable} rows could not be read, because what they were kept in is damaged."));
    [cut, unreadable].into_iter().flatten().map(|sentence| {
        let mut cells = <[String; 20]>::default();
        if let Some(first) = cells.first_mut() {
            *first = sentence;
        }
        cells
    })
}

/// Rows as comma-separated values (RFC 4180), in which no cell is a formula.
pub(crate) fn as_csv<const N: usize>(
    columns: &[&str; N],
    rows: impl Iterator<Item = [String; N]>,
) -> Result<Vec<u8>, AppError> {
    let failed = |error: csv::Error| AppError::failed(format!("expected to write rows, found: {error}"));
    let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(Vec::new());
    file.write_record(columns).map_err(failed)?;
    for row in rows {
        file.write_record(row.iter().map(|cell| harmless(cell))).map_err(failed)?;
    }
    file.into_inner().map_err(|error| failed(csv::Error::from(error.into_error())))
}

fn cells(names: &Names<'_>, sight: &Sight<'_>, (stored, shown): (&Stored, Shown)) -> [String; 20] {
    let row = sight.row(names, stored, shown);
    cells_of(names, stored, (row, sight.login(stored.event.person, shown)))
}

/// The cells of a row, in the order of [`COLUMNS`].
pub(crate) fn cells_of(
    names: &Names<'_>,
    stored: &Stored,
    (row, login): (HistoryRow, String),
) -> [String; 20] {
    let event = &stored.event;
    [
        event.at.to_string(),
        words::date_and_time(names.zone(), event.at),
        event.school.as_ref().map(ToString::to_string).unwrap_or_default(),
        row.person,
        login,
        row.known_by,
        row.device,
        row.address,
        row.group,
        row.channel,
        row.method,
        row.host,
        row.path,
        row.outcome,
        event.category.map(Category::slug).unwrap_or_default().to_owned(),
        row.reason,
        row.status,
        event.bytes_up.to_string(),
        event.bytes_down.to_string(),
        cursor(stored.id),
    ]
}

/// The cell, so that no spreadsheet takes it for a formula.
pub(crate) fn harmless(cell: &str) -> String {
    match cell.as_bytes().first() {
        Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r' | b'\n') => format!("'{cell}"),
        _ => cell.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_says_what_it_does_not_have() {
        assert_eq!(what_is_missing(0, false).count(), 0);
        let said: Vec<String> = what_is_missing(3, true).map(|cells| cells[0].clone()).collect();
        assert!(said[0].starts_with("Cut here") && said[1].starts_with("3 rows could not"), "{said:?}");
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (cell, harmless_cell) in [
            ("=1+1", "'=1+1"),
            ("@x", "'@x"),
            ("-2", "'-2"),
            ("\t=x", "'\t=x"),
            ("/path?a=b", "/path?a=b"),
            ("", ""),
        ] {
            assert_eq!(harmless(cell), harmless_cell);
        }
    }
}
