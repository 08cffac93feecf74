//! Taking history away as a file: comma-separated values (RFC 4180), newest first, at most 100,000 rows, handed over a piece
//! at a time, so that the memory it takes does not grow with it.
//!
//! People stand in it by pseudonym. With a reason the names of those whom whoever asks may name stand in it: each of them is
//! recorded first, so the rows are read twice, and who came between is not named.
//!
//! A cell that a spreadsheet would take for a formula begins with an apostrophe, since what stands in a URL is chosen by
//! whoever wrote the page.

use crate::facade::Reach;
use crate::history_file::{HistoryFile, Patience, Pieces};
use crate::history_query::cursor;
use crate::history_rows::Names;
use crate::history_sight::{Shown, Sight};
use crate::search_history::Asked;
use crate::views::{HistoryPlace, HistoryRow};
use crate::{App, AppError, Purpose, words};
use history::{Query, Stored};
use model::{Action, Actor, Category, PersonId};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// The most rows of a file.
const MOST_ROWS: usize = 100_000;

/// A file of history while it is written.
struct Taking {
    app: App,
    actor: Actor,
    reach: Reach,
    query: Query,
    named: Named,
}

/// Who stands in a file by name.
enum Named {
    /// Nobody.
    Nobody,
    /// Whoever may be: they were asked for by name.
    AskedFor,
    /// These, which is recorded.
    These(BTreeSet<PersonId>),
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
    /// [`AppError::Denied`]; [`AppError::Refused`] where the filter cannot be read, or too many files are being made.
    pub async fn export_history(
        &self,
        actor: &Actor,
        place: HistoryPlace,
        names: Option<Purpose>,
    ) -> Result<Option<HistoryFile>, AppError> {
        let reach = self.reach(actor, Action::ExportHistory).await?;
        if names.is_some() {
            self.reach(actor, Action::ShowNames).await?;
        }
        let Some(Asked { place, filter, plan, .. }) = self.asked(actor, place, &reach).await? else {
            return Ok(None);
        };
        let plan = plan.map_err(|problems| {
            let sentences: Vec<String> = problems.into_iter().map(|(_, sentence)| sentence).collect();
            AppError::refused(sentences.join(". "), "expected a filter that can be read, found mistakes")
        })?;
        let turn = Arc::clone(&self.0.making_files).try_acquire_owned().map_err(|_| {
            AppError::refused(
                "Other files are being made just now. Try again in a minute.",
                "expected fewer files of history at once, found as many as may be",
            )
        })?;
        self.note(&self.search_fact(actor, &place, &filter, "export-history")).await?;
        let query = Query { before: None, ..plan.query };
        let mut taking =
            Taking { app: self.clone(), actor: actor.clone(), reach, query, named: Named::Nobody };
        if plan.by_name {
            taking.named = Named::AskedFor;
        } else if let Some(purpose) = &names {
            let (people, mut taken) = tokio::task::spawn_blocking(move || taking.people()).await??;
            self.record_names(actor, &people, purpose).await?;
            taken.named = Named::These(people);
            taking = taken;
        }
        Ok(Some(HistoryFile::begin(Patience::USUAL, move |pieces| {
            let _turn = turn;
            taking.write(pieces)
        })))
    }
}

impl Taking {
    /// The people of the rows whom the actor may have named, each once, and the file again.
    fn people(self) -> Result<(BTreeSet<PersonId>, Self), AppError> {
        let mut people = BTreeSet::new();
        let mut left = MOST_ROWS;
        self.app.0.parts.history.export(&self.query, &mut |stored| {
            people.extend(stored.event.person);
            left -= 1;
            if left == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        })?;
        self.app.with_sight(&self.actor, &self.reach, |sight| {
            people.retain(|id| sight.roster.person(*id).is_some_and(|person| sight.may_name(person)));
        });
        Ok((people, self))
    }

    fn write(&self, pieces: Pieces) -> Result<(), AppError> {
        let (roster, snapshot) = (self.app.0.parts.roster.get(), self.app.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        let mut file = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(pieces);
        file.write_record(COLUMNS).map_err(failed)?;
        let (mut rows, mut is_cut, mut wrong) = (0, false, None);
        let exported = self.app.with_sight(&self.actor, &self.reach, |sight| {
            self.app.0.parts.history.export(&self.query, &mut |stored| {
                if rows == MOST_ROWS {
                    is_cut = true;
                    return ControlFlow::Break(());
                }
                rows += 1;
                let shown = self.shown(stored.event.person);
                let cells = cells(&names, sight, (&stored, shown));
                match file.write_record(cells.iter().map(|cell| harmless(cell))) {
                    Ok(()) => ControlFlow::Continue(()),
                    Err(error) => {
                        wrong = Some(failed(error));
                        ControlFlow::Break(())
                    }
                }
            })
        })?;
        if let Some(error) = wrong {
            return Err(error);
        }
        for line in what_is_missing(exported.unreadable, is_cut) {
            file.write_record(&line).map_err(failed)?;
        }
        file.flush().map_err(|error| failed(error.into()))
    }

    fn shown(&self, person: Option<PersonId>) -> Shown {
        match (&self.named, person) {
            (Named::AskedFor, _) => Shown::Names,
            (Named::These(people), Some(person)) if people.contains(&person) => Shown::Names,
            (Named::Nobody | Named::These(_), _) => Shown::Pseudonyms,
        }
    }
}

fn failed(error: csv::Error) -> AppError {
    AppError::failed(format!("expected to write rows, found: {error}"))
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
