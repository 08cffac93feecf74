//! JSON in the shape of Wonde's service (v1.0, read 22 November 2026): pages with `data`, each a student or an employee
//! with what was asked to be included: year, registration group, classes, education or employment details.

use crate::date::read_date;
use crate::json::text;
use crate::table_people::{Taken, print_of_upn};
use crate::year::read_year;
use crate::{ClassName, Fault, MOST_ROWS, Options, Part, Reading, RosterError, Row, SourceId, Weight};
use jiff::civil::Date;
use model::ClassKind;
use serde_json::Value;

/// The most classes of one person.
const MOST_CLASSES: usize = 40;

/// Reads every page.
pub(crate) fn read_pages(
    pages: &[Value],
    options: &Options,
    reading: &mut Reading,
) -> Result<(), RosterError> {
    let (mut taken, mut rows) = (Taken::default(), 0_usize);
    for (number, page) in pages.iter().enumerate() {
        let mut read = |items: &[Value], hint: Option<Part>, file: String, reading: &mut Reading| {
            rows += items.len();
            if rows > MOST_ROWS {
                return Err(RosterError::TooMany { what: "rows", most: MOST_ROWS });
            }
            for (place, item) in items.iter().enumerate() {
                let person = Person { item, hint, file: &file, line: place + 1, today: options.today };
                person.read(reading, &mut taken);
            }
            Ok(())
        };
        let page_name = if pages.len() > 1 { format!("page {}", number + 1) } else { String::new() };
        for (list, hint) in
            [("data", None), ("students", Some(Part::Learner)), ("employees", Some(Part::Staff))]
        {
            if let Some(items) = list_of(page.get(list)) {
                let file = if list == "data" { page_name.clone() } else { format!("{page_name} {list}") };
                read(items, hint, file.trim().to_owned(), reading)?;
            }
        }
    }
    if rows == 0 {
        return Err(RosterError::Missing { name: "data" });
    }
    // Whoever is missing from a page may stand on the next one, unless the last page says that there is none.
    reading.is_whole = pages.last().and_then(|page| page.pointer("/meta/pagination/more"))
        == Some(&Value::Bool(false))
        && starts_at_first(pages);
    Ok(())
}

fn starts_at_first(pages: &[Value]) -> bool {
    let numbers =
        pages.iter().map(|page| page.pointer("/meta/pagination/current_page").and_then(Value::as_u64));
    (1..).zip(numbers).all(|(expected, number)| number == Some(expected))
}

/// A list, by itself or within `data`.
fn list_of(value: Option<&Value>) -> Option<&[Value]> {
    match value? {
        Value::Array(items) => Some(items),
        Value::Object(object) => object.get("data").and_then(Value::as_array).map(Vec::as_slice),
        _ => None,
    }
}

struct Person<'a> {
    item: &'a Value,
    hint: Option<Part>,
    file: &'a str,
    line: usize,
    today: Date,
}

impl Person<'_> {
    fn read(&self, reading: &mut Reading, taken: &mut Taken) {
        let Some(source) = self.source() else {
            let mend = "Ask whoever runs the connection why these people have no id.";
            return reading.lose(None, self.fault("id", "There is no id.", mend));
        };
        let (given, family) =
            (self.first(&["forename", "legal_forename"]), self.first(&["surname", "legal_surname"]));
        if given.is_empty() && family.is_empty() {
            let mend = "Enter the name in the school\u{2019}s system.";
            return reading.lose(Some(source), self.fault("forename", "There is no name.", mend));
        }
        let part = self.part();
        let year = self.first(&[
            "year/data/code",
            "year/data/name",
            "year/code",
            "education_details/data/current_nc_year",
            "education_details/current_nc_year",
        ]);
        let read = read_year(&year);
        if part == Part::Learner && read.is_none() {
            let what = if year.is_empty() {
                "There is no year group.".to_owned()
            } else {
                format!("There is no year group \u{201c}{year}\u{201d}.")
            };
            return reading.lose(Some(source), self.fault("year", what, "Expected N, R, or 1 to 13."));
        }
        let born = self.first(&["date_of_birth/date", "date_of_birth"]);
        let born = if born.is_empty() { None } else { self.born(&born, reading) };
        let row = Row {
            file: self.file.to_owned(),
            line: self.line,
            source,
            part,
            given,
            family,
            born,
            year: read.filter(|_| part == Part::Learner),
            classes: self.classes(),
            leaving: self.leaves(),
        };
        taken.add(reading, row, "id");
    }

    fn source(&self) -> Option<SourceId> {
        let id = self.first(&["id", "mis_id"]);
        SourceId::parse(&id).or_else(|| {
            let upn = self.first(&["upn", "education_details/data/upn"]);
            SourceId::parse(&upn).map(|upn| print_of_upn(&upn))
        })
    }

    fn part(&self) -> Part {
        let employment = ["employment_details/data", "employment_details"];
        let employment = employment.iter().find_map(|place| self.at(place)).filter(|found| found.is_object());
        match employment {
            Some(details) if details.get("teaching_staff") == Some(&Value::Bool(true)) => Part::Teacher,
            Some(_) => Part::Staff,
            None => self.hint.unwrap_or(Part::Learner),
        }
    }

    fn leaves(&self) -> bool {
        let left = self.first(&[
            "education_details/data/leaving_date/date",
            "education_details/data/leaving_date",
            "leaving_date/date",
            "employment_details/data/employment_end_date/date",
        ]);
        let is_past = read_date(&left).is_ok_and(|left| left <= self.today);
        let is_current = self.at("employment_details/data/current").and_then(Value::as_bool).unwrap_or(true);
        is_past || !is_current || !self.at("deleted_at").is_none_or(Value::is_null)
    }

    fn born(&self, text: &str, reading: &mut Reading) -> Option<Date> {
        let read = read_date(text);
        if read.is_err() {
            let what = format!("\u{201c}{text}\u{201d} is no date.");
            let fault = self.fault("date_of_birth", what, "Correct it in the school\u{2019}s system.");
            reading.fault(Fault { weight: Weight::Note, ..fault });
        }
        read.ok()
    }

    fn classes(&self) -> Vec<ClassName> {
        let group =
            self.first(&["group/data/name", "registration/data/name", "registration_group/data/name"]);
        let mut classes = Vec::new();
        let mut add = |kind, name: String| {
            let class = ClassName { kind, name };
            if !class.name.is_empty() && !classes.contains(&class) && classes.len() < MOST_CLASSES {
                classes.push(class);
            }
        };
        add(ClassKind::Registration, group);
        for class in list_of(self.item.get("classes")).into_iter().flatten() {
            add(ClassKind::Teaching, text(class.get("name")));
        }
        for group in list_of(self.item.get("groups")).into_iter().flatten() {
            if text(group.get("type")).eq_ignore_ascii_case("registration") {
                add(ClassKind::Registration, text(group.get("name")));
            }
        }
        classes
    }

    fn at(&self, place: &str) -> Option<&Value> {
        place.split('/').try_fold(self.item, |value, name| value.get(name))
    }

    fn first(&self, places: &[&str]) -> String {
        let found = places.iter().map(|place| text(self.at(place)));
        found.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
    }

    fn fault(&self, column: &str, what: impl Into<String>, mend: &str) -> Fault {
        Fault {
            file: self.file.to_owned(),
            line: self.line,
            column: column.to_owned(),
            what: what.into(),
            mend: mend.to_owned(),
            weight: Weight::Lost,
        }
    }
}
