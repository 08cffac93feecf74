//! A table of people: one row each, under headings in anybody's words.

use crate::columns::{Column, Columns};
use crate::date::{NoDate, read_date};
use crate::table::Table;
use crate::year::read_year;
use crate::{ClassName, Fault, Options, Part, Reading, RosterError, Row, SourceId, Weight};
use jiff::civil::Date;
use model::ClassKind;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;

/// Rows in which headings are sought: exports put titles, filters and dates above them.
const LOOKED: usize = 20;
/// The most classes of one person.
const MOST_CLASSES: usize = 40;

/// Reads every table that has headings.
pub(crate) fn read_tables(
    tables: &[Table],
    options: &Options,
    reading: &mut Reading,
) -> Result<(), RosterError> {
    let mut found = false;
    let mut taken = Taken::default();
    for table in tables {
        let headings = table.rows.iter().take(LOOKED).enumerate();
        let headings = headings.filter_map(|(place, (_, cells))| Some((place, Columns::of(cells)?))).next();
        if let Some((place, columns)) = headings {
            found = true;
            for (line, cells) in table.rows.iter().skip(place + 1) {
                let reader = RowReader { table, columns: &columns, line: *line, cells, options };
                reader.read(reading, &mut taken);
            }
        }
    }
    if found {
        return Ok(());
    }
    let expected = "an id (such as Admission number or MIS ID) and a name (Forename and Surname, or Name)";
    Err(RosterError::NoHeadings { expected, looked: LOOKED })
}

/// Who was read already, by id, with the place among the rows; `None` where an id turned out to be two people's.
#[derive(Default)]
pub(crate) struct Taken(HashMap<SourceId, Option<usize>>);

impl Taken {
    /// Adds a row, unless its id was somebody else's before: then neither is taken.
    pub(crate) fn add(&mut self, reading: &mut Reading, row: Row, id_heading: &str) {
        let fault = |row: &Row, what: &str, mend: &str, weight| Fault {
            file: row.file.clone(),
            line: row.line,
            column: id_heading.to_owned(),
            what: what.to_owned(),
            mend: mend.to_owned(),
            weight,
        };
        let Some(earlier) = self.0.get(&row.source).copied() else {
            self.0.insert(row.source.clone(), Some(reading.rows.len()));
            reading.rows.push(row);
            return;
        };
        let same = earlier.and_then(|place| reading.rows.get_mut(place)).filter(|known| is_same(known, &row));
        if let Some(known) = same {
            if known.classes == row.classes {
                let what = "The same person stands here a second time.";
                reading.fault(fault(&row, what, "Nothing to do: it counts once.", Weight::Note));
                return;
            }
            let is_first_class = |class: &&ClassName| class.kind == ClassKind::Registration;
            let two = known.classes.iter().find(is_first_class).zip(row.classes.iter().find(is_first_class));
            let what = two.filter(|(first, second)| first != second).map(|(first, second)| {
                format!(
                    "The same child is in two classes, {} and {}. The first counts.",
                    first.name, second.name
                )
            });
            let (line, more) = (row.clone(), row.classes.into_iter());
            for class in more {
                let is_second = class.kind == ClassKind::Registration
                    && known.part == Part::Learner
                    && known.classes.iter().any(|held| held.kind == ClassKind::Registration);
                if !is_second && !known.classes.contains(&class) && known.classes.len() < MOST_CLASSES {
                    known.classes.push(class);
                }
            }
            if let Some(what) = what.filter(|_| line.part == Part::Learner) {
                reading.fault(fault(
                    &line,
                    &what,
                    "Correct the class in the school\u{2019}s system.",
                    Weight::Note,
                ));
            }
            return;
        }
        if let Some(place) = earlier {
            self.0.insert(row.source.clone(), None);
            if let Some(first) = reading.rows.get(place).cloned() {
                let what = format!("This id is also that of line {}.", row.line);
                lose_double(reading, fault(&first, &what, DOUBLE, Weight::Lost), &first.source);
            }
        }
        let what = "This id is that of somebody else in the file too.";
        lose_double(reading, fault(&row, what, DOUBLE, Weight::Lost), &row.source);
    }

    /// Takes the rows away whose ids turned out to be two people's.
    pub(crate) fn settle(reading: &mut Reading) {
        let withheld: std::collections::HashSet<SourceId> = reading.withheld.iter().cloned().collect();
        reading.rows.retain(|row| !withheld.contains(&row.source));
    }
}

const DOUBLE: &str = "Nobody can tell whose it is, so neither row is taken. Correct one of them in the school\u{2019}s \
                      system, and export again.";

fn lose_double(reading: &mut Reading, fault: Fault, source: &SourceId) {
    reading.lose(Some(source.clone()), fault);
}

fn is_same(one: &Row, other: &Row) -> bool {
    let name = |row: &Row| crate::fold_name(&row.name());
    one.part == other.part && name(one) == name(other) && (one.born == other.born)
}

struct RowReader<'a> {
    table: &'a Table,
    columns: &'a Columns,
    line: usize,
    cells: &'a [String],
    options: &'a Options,
}

impl RowReader<'_> {
    fn read(&self, reading: &mut Reading, taken: &mut Taken) {
        let source = match self.source() {
            Ok(source) => source,
            Err(fault) => return reading.lose(None, fault),
        };
        let (given, family) = match self.name() {
            Ok(name) => name,
            Err(fault) => return reading.lose(Some(source), fault),
        };
        let part = match self.part() {
            Ok(Some(part)) => part,
            Ok(None) => {
                reading.left_out += 1;
                return;
            }
            Err(fault) => return reading.lose(Some(source), fault),
        };
        let year = match self.year(part) {
            Ok(year) => year,
            Err(fault) => return reading.lose(Some(source), fault),
        };
        let born = self.date(Column::Born).unwrap_or_else(|fault| {
            reading.fault(Fault { weight: Weight::Note, ..fault });
            None
        });
        let leaving = match self.date(Column::Leaving) {
            Ok(left) => left.is_some_and(|left| left <= self.options.today),
            Err(fault) => return reading.lose(Some(source), fault),
        };
        let classes = self.classes();
        let (file, line) = (self.table.file.clone(), self.line);
        let row = Row { file, line, source, part, given, family, born, year, classes, leaving };
        taken.add(reading, row, self.columns.heading(self.id_column()));
    }

    fn fault(&self, column: Column, what: impl Into<String>, mend: &str) -> Fault {
        Fault {
            file: self.table.file.clone(),
            line: self.line,
            column: self.columns.heading(column).to_owned(),
            what: what.into(),
            mend: mend.to_owned(),
            weight: Weight::Lost,
        }
    }

    fn cell(&self, column: Column) -> &str {
        self.columns.cell(self.cells, column)
    }

    fn id_column(&self) -> Column {
        if self.columns.has(Column::Source) { Column::Source } else { Column::Upn }
    }

    fn source(&self) -> Result<SourceId, Fault> {
        let (column, text) = (self.id_column(), self.cell(self.id_column()));
        let wrong = |what: &str, mend: &str| self.fault(column, what, mend);
        if text.is_empty() {
            return Err(wrong(
                "There is no id.",
                "Give the person an id in the school\u{2019}s system, and export again.",
            ));
        }
        if is_scientific(text) {
            return Err(wrong(
                "A spreadsheet turned this id into a rounded number.",
                "Format the column as text before the file is saved, or import the export as it came.",
            ));
        }
        let parsed = SourceId::parse(text).ok_or_else(|| {
            wrong("This id is too long, or holds what no id holds.", "Correct the id, and export again.")
        })?;
        // A UPN is for the school's own records: it is neither kept nor shown, only known again.
        Ok(if column == Column::Upn { print_of_upn(&parsed) } else { parsed })
    }

    fn name(&self) -> Result<(String, String), Fault> {
        let (given, family) = (self.cell(Column::Given), self.cell(Column::Family));
        if !given.is_empty() && !family.is_empty() {
            return Ok((given.to_owned(), family.to_owned()));
        }
        let full = self.cell(Column::FullName);
        let parts = match full.split_once(',') {
            Some((family, given)) => (given.trim(), family.trim()),
            None => full.rsplit_once(' ').map_or(("", full), |(given, family)| (given.trim(), family.trim())),
        };
        match parts {
            (given, family) if !given.is_empty() && !family.is_empty() => {
                Ok((given.to_owned(), family.to_owned()))
            }
            // Some people have one name.
            (_, only) if !only.is_empty() => Ok((String::new(), only.to_owned())),
            _ if !given.is_empty() || !family.is_empty() => Ok((given.to_owned(), family.to_owned())),
            _ => {
                let column = if self.columns.has(Column::Given) { Column::Given } else { Column::FullName };
                Err(self.fault(column, "There is no name.", "Enter the name in the school\u{2019}s system."))
            }
        }
    }

    /// What they are; `None` for people whom a filter has no use for.
    fn part(&self) -> Result<Option<Part>, Fault> {
        let text = self.cell(Column::Part).to_lowercase();
        let job = self.cell(Column::Job).to_lowercase();
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if has(&["pupil", "student", "learner", "child"]) {
            return Ok(Some(Part::Learner));
        }
        if has(&["parent", "guardian", "contact", "carer", "applicant"]) {
            return Ok(None);
        }
        if is_teacher(&text) || is_teacher(&job) {
            return Ok(Some(Part::Teacher));
        }
        if !job.is_empty()
            || has(&["staff", "employee", "support", "assistant", "admin", "governor", "adult"])
        {
            return Ok(Some(Part::Staff));
        }
        if !self.cell(Column::Year).is_empty() {
            return Ok(Some(Part::Learner));
        }
        if !text.is_empty() {
            let mend = "Expected pupil, teacher or staff.";
            return Err(self.fault(Column::Part, format!("\u{201c}{text}\u{201d} is not known."), mend));
        }
        if self.columns.has(Column::Job) {
            return Ok(Some(Part::Staff));
        }
        let what = "Nothing says whether this is a pupil or a member of staff.";
        let mend = "Export a pupil\u{2019}s year group, and a Role or Job title for staff.";
        Err(self.fault(if self.columns.has(Column::Year) { Column::Year } else { Column::Part }, what, mend))
    }

    fn year(&self, part: Part) -> Result<Option<model::YearGroup>, Fault> {
        if part != Part::Learner {
            return Ok(None);
        }
        let text = self.cell(Column::Year);
        let mend = "Expected N, R, or 1 to 13, such as Year 4.";
        read_year(text).map(Some).ok_or_else(|| {
            let what = if text.is_empty() {
                "There is no year group.".to_owned()
            } else {
                format!("There is no year group \u{201c}{text}\u{201d}.")
            };
            self.fault(Column::Year, what, mend)
        })
    }

    fn date(&self, column: Column) -> Result<Option<Date>, Fault> {
        let text = self.cell(column);
        if text.is_empty() {
            return Ok(None);
        }
        read_date(text).map(Some).map_err(|problem| {
            let what = match problem {
                NoDate::MonthFirst => format!("\u{201c}{text}\u{201d} has its month before its day."),
                NoDate::ShortYear => format!("\u{201c}{text}\u{201d} has a year of two digits."),
                NoDate::None => format!("\u{201c}{text}\u{201d} is no date."),
            };
            self.fault(column, what, "Write dates as 22/11/2016: day, month, year of four digits.")
        })
    }

    fn classes(&self) -> Vec<ClassName> {
        let mut classes: Vec<ClassName> = Vec::new();
        let mut add = |kind, name: &str| {
            let class = ClassName { kind, name: name.trim().to_owned() };
            if !class.name.is_empty() && !classes.contains(&class) && classes.len() < MOST_CLASSES {
                classes.push(class);
            }
        };
        add(ClassKind::Registration, self.cell(Column::Registration));
        for name in self.cell(Column::Teaching).split([';', '|', ',']) {
            add(ClassKind::Teaching, name);
        }
        classes
    }
}

fn is_teacher(words: &str) -> bool {
    words.contains("teacher") && !words.contains("assistant")
}

/// `1.23E+05`, which stands for many ids.
fn is_scientific(text: &str) -> bool {
    let upper = text.to_ascii_uppercase();
    upper.split_once('E').is_some_and(|(number, power)| {
        number.contains('.') && number.parse::<f64>().is_ok() && power.parse::<i32>().is_ok()
    })
}

pub(crate) fn print_of_upn(upn: &SourceId) -> SourceId {
    let digest = Sha256::digest(upn.as_str().to_ascii_uppercase().as_bytes());
    let print: String = digest.iter().take(12).map(|byte| format!("{byte:02x}")).collect();
    SourceId::parse(&format!("upn-{print}")).unwrap_or_else(|| upn.clone())
}
