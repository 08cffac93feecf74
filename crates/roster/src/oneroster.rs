//! OneRoster 1.1 and 1.2 (1EdTech; the CSV binding), read 22 November 2026: users with their roles, the classes that they
//! are enrolled in, and whether the archive is everybody (bulk) or what changed (delta).
//!
//! Left out: courses, resources, results and line items, of which a filter has no use; guardians; agents. Users of other
//! schools in the same archive are passed over.

use crate::csv_file::read_csv;
use crate::date::read_date;
use crate::table::Table;
use crate::table_people::Taken;
use crate::year::read_grade;
use crate::{ClassName, Fault, Options, Part, Reading, RosterError, Row, SourceId, Weight};
use jiff::civil::Date;
use model::ClassKind;
use std::collections::{HashMap, HashSet};

/// The most classes of one person.
const MOST_CLASSES: usize = 40;
/// The most schools whose names an error lists.
const MOST_NAMED: usize = 10;
/// Roles of people who work at a school. Others (`guardian`, `parent`, `relative`) are passed over.
const STAFF_ROLES: [&str; 12] = [
    "aide",
    "administrator",
    "proctor",
    "counselor",
    "principal",
    "siteadministrator",
    "districtadministrator",
    "sysadmin",
    "systemadministrator",
    "staff",
    "support",
    "assistantprincipal",
];

/// The tables of an archive, by the name of their file in small letters, without `.csv`.
#[derive(Debug, Default)]
pub(crate) struct Files {
    tables: HashMap<String, Sheet>,
    /// True where the archive says that it holds changes alone.
    pub(crate) is_delta: bool,
}

/// A table with the places of its columns.
#[derive(Debug, Default)]
pub(crate) struct Sheet {
    file: String,
    places: HashMap<String, usize>,
    rows: Vec<(usize, Vec<String>)>,
}

/// A line of a table.
#[derive(Clone, Copy)]
struct Line<'a> {
    sheet: &'a Sheet,
    number: usize,
    cells: &'a [String],
}

impl<'a> Line<'a> {
    fn cell(self, column: &str) -> &'a str {
        self.sheet.places.get(column).and_then(|place| self.cells.get(*place)).map_or("", String::as_str)
    }

    fn fault(self, column: &str, what: impl Into<String>, mend: &str) -> Fault {
        Fault {
            file: self.sheet.file.clone(),
            line: self.number,
            column: column.to_owned(),
            what: what.into(),
            mend: mend.to_owned(),
            weight: Weight::Note,
        }
    }

    fn is_deleted(self) -> bool {
        self.cell("status").eq_ignore_ascii_case("tobedeleted")
    }

    fn has_ended(self, today: Date) -> bool {
        read_date(self.cell("endDate")).is_ok_and(|end| end < today)
    }
}

impl Sheet {
    pub(crate) fn of(table: Table) -> Self {
        let mut rows = table.rows.into_iter();
        let headings = rows.next().map(|(_, cells)| cells).unwrap_or_default();
        let mut places = HashMap::new();
        for (place, heading) in headings.into_iter().enumerate() {
            places.entry(heading).or_insert(place);
        }
        Self { file: table.file, places, rows: rows.collect() }
    }

    fn lines(&self) -> impl Iterator<Item = Line<'_>> {
        self.rows.iter().map(|(number, cells)| Line { sheet: self, number: *number, cells })
    }
}

impl Files {
    /// The tables of a ZIP archive.
    pub(crate) fn from_archive(bytes: &[u8], reading: &mut Reading) -> Result<Self, RosterError> {
        let mut files = Self::default();
        let mut rows = 0_usize;
        for (name, content) in crate::unpack::csv_files(bytes)? {
            let (table, fault) = read_csv(&name, &content)?;
            fault.into_iter().for_each(|fault| reading.fault(fault));
            rows += table.rows.len();
            if rows > crate::MOST_ROWS {
                return Err(RosterError::TooMany { what: "rows", most: crate::MOST_ROWS });
            }
            files.add(name.trim_end_matches(".csv"), table);
        }
        if !files.tables.contains_key("users") {
            return Err(RosterError::Missing { name: "users.csv" });
        }
        let says_delta = |line: Line<'_>| {
            line.cell("propertyName").starts_with("file.") && line.cell("value").eq_ignore_ascii_case("delta")
        };
        let is_delta = files.lines("manifest").any(says_delta);
        files.is_delta = is_delta;
        Ok(files)
    }

    /// Adds a table; a second one of the same name goes on where the first ended.
    pub(crate) fn add(&mut self, name: &str, table: Table) {
        match self.tables.get_mut(name) {
            Some(known) => known.rows.extend(table.rows.into_iter().skip(1)),
            None => {
                self.tables.insert(name.to_owned(), Sheet::of(table));
            }
        }
    }

    fn lines(&self, name: &str) -> impl Iterator<Item = Line<'_>> {
        self.tables.get(name).into_iter().flat_map(Sheet::lines)
    }
}

/// Reads the people of one school.
pub(crate) fn read_files(files: &Files, options: &Options, reading: &mut Reading) -> Result<(), RosterError> {
    reading.is_whole = !files.is_delta;
    let schools = schools(files, options)?;
    let classes = classes(files, &schools, options);
    let born = born(files);
    let roles = roles(files, &schools, options.today);
    let users: HashSet<&str> = files.lines("users").map(|line| line.cell("sourcedId")).collect();
    let enrolled = enrolments(files, &classes, &users, (options, reading));
    let mut taken = Taken::default();
    for line in files.lines("users") {
        let Some(source) = SourceId::parse(line.cell("sourcedId")) else {
            let mend = "Give the user a sourcedId in the school\u{2019}s system, and export again.";
            reading.lose(None, line.fault("sourcedId", "There is no sourcedId.", mend));
            continue;
        };
        let Some(found) = part_of(line, &source, &roles, &schools) else {
            reading.left_out += 1;
            continue;
        };
        match read_user(line, source, found, options) {
            Ok(row) => {
                let born = row.born.or_else(|| born.get(row.source.as_str()).copied());
                let classes = enrolled.get(row.source.as_str()).cloned().unwrap_or_default();
                taken.add(reading, Row { born, classes, ..row }, "sourcedId");
            }
            Err(lost) => {
                let (source, fault) = *lost;
                reading.lose(Some(source), fault);
            }
        }
    }
    note_classes_without_a_teacher(reading);
    Ok(())
}

/// The sourcedIds of the school that was asked for; empty where the archive names none, and everybody counts.
fn schools(files: &Files, options: &Options) -> Result<HashSet<String>, RosterError> {
    let plain = |text: &str| crate::fold_name(text);
    let all: Vec<Line<'_>> =
        files.lines("orgs").filter(|line| line.cell("type").eq_ignore_ascii_case("school")).collect();
    let is_meant = |line: &&Line<'_>| {
        ["name", "identifier", "sourcedId"].iter().any(|column| {
            let here = plain(line.cell(column));
            !here.is_empty() && options.school.iter().any(|name| plain(name) == here)
        })
    };
    let meant: HashSet<String> =
        all.iter().filter(is_meant).map(|line| line.cell("sourcedId").to_owned()).collect();
    match all.as_slice() {
        [] => Ok(HashSet::new()),
        [only] if meant.is_empty() => Ok(HashSet::from([only.cell("sourcedId").to_owned()])),
        _ if !meant.is_empty() => Ok(meant),
        several => {
            let names = several.iter().take(MOST_NAMED).map(|line| line.cell("name"));
            Err(RosterError::WhichSchool { found: names.collect::<Vec<_>>().join(", ") })
        }
    }
}

/// The classes of the school that have not ended, by sourcedId.
fn classes<'a>(
    files: &'a Files,
    schools: &HashSet<String>,
    options: &Options,
) -> HashMap<&'a str, ClassName> {
    let over: HashSet<&str> = files
        .lines("academicsessions")
        .filter(|line| line.has_ended(options.today))
        .map(|line| line.cell("sourcedId"))
        .collect();
    let mut classes = HashMap::new();
    for line in files.lines("classes").filter(|line| !line.is_deleted()) {
        let is_here = schools.is_empty() || schools.contains(line.cell("schoolSourcedId"));
        let terms: Vec<&str> = ids(line.cell("termSourcedIds")).collect();
        let is_over = !terms.is_empty() && terms.iter().all(|term| over.contains(term));
        let kind = match line.cell("classType").to_lowercase().as_str() {
            "homeroom" => ClassKind::Registration,
            _ => ClassKind::Teaching,
        };
        let name = [line.cell("title"), line.cell("classCode")].into_iter().find(|name| !name.is_empty());
        if let Some(name) = name.filter(|_| is_here && !is_over) {
            classes.insert(line.cell("sourcedId"), ClassName { kind, name: name.to_owned() });
        }
    }
    classes
}

fn born(files: &Files) -> HashMap<String, Date> {
    let of = |line: Line<'_>| {
        let born = read_date(line.cell("birthDate")).ok()?;
        let id =
            [line.cell("userSourcedId"), line.cell("sourcedId")].into_iter().find(|id| !id.is_empty())?;
        Some((id.to_owned(), born))
    };
    files.lines("demographics").filter_map(of).collect()
}

/// The roles of OneRoster 1.2.
struct Roles {
    /// Those that each user holds at the school, by the user's sourcedId.
    held: HashMap<String, Vec<String>>,
    /// Everybody who has or had one anywhere; `None` where the file need not name everybody.
    named: Option<HashSet<String>>,
}

fn roles(files: &Files, schools: &HashSet<String>, today: Date) -> Roles {
    let mut roles: HashMap<String, Vec<String>> = HashMap::new();
    let named = || files.lines("roles").map(|line| line.cell("userSourcedId").to_owned()).collect();
    for line in files.lines("roles").filter(|line| !line.is_deleted() && !line.has_ended(today)) {
        if schools.is_empty() || schools.contains(line.cell("orgSourcedId")) {
            roles
                .entry(line.cell("userSourcedId").to_owned())
                .or_default()
                .push(line.cell("role").to_owned());
        }
    }
    Roles { held: roles, named: (!files.is_delta).then(named) }
}

impl Roles {
    /// True for somebody who has no role anywhere, and had none, in a file that names everybody's.
    fn forgot(&self, source: &SourceId) -> bool {
        self.named.as_ref().is_some_and(|named| !named.contains(source.as_str()))
    }
}

/// What a user is at the school; `None` for those of other schools and for those whom a filter has no use for. Deleted
/// users are told by their own line, for a delta has no more of them.
fn part_of(
    line: Line<'_>,
    source: &SourceId,
    roles: &Roles,
    schools: &HashSet<String>,
) -> Option<Option<Part>> {
    let orgs: Vec<&str> =
        ids(line.cell("orgSourcedIds")).chain(ids(line.cell("primaryOrgSourcedId"))).collect();
    let is_here = schools.is_empty() || orgs.is_empty() || orgs.iter().any(|org| schools.contains(*org));
    let names_us = orgs.iter().any(|org| schools.contains(*org));
    let held = roles.held.get(source.as_str());
    let mut words: Vec<&str> = held.into_iter().flatten().map(String::as_str).collect();
    if !line.cell("role").is_empty() && is_here {
        words.push(line.cell("role"));
    }
    let parts = words.iter().filter_map(|role| part_of_role(role));
    // Somebody who teaches and learns is a teacher here.
    let part = parts.max_by_key(|part| match part {
        Part::Learner => 0,
        Part::Staff => 1,
        Part::Teacher => 2,
    });
    match part {
        Some(part) => Some(Some(part)),
        None if line.is_deleted() && is_here => Some(None),
        None if words.is_empty() && is_here && roles.held.is_empty() => Some(None),
        // Somebody of this school whom the roles forgot is a mistake, and does not leave for it.
        None if words.is_empty() && names_us && roles.forgot(source) => Some(None),
        None => None,
    }
}

fn part_of_role(role: &str) -> Option<Part> {
    let plain: String = role.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    match plain.as_str() {
        "student" => Some(Part::Learner),
        "teacher" | "primaryteacher" | "secondaryteacher" => Some(Part::Teacher),
        other => STAFF_ROLES.contains(&other).then_some(Part::Staff),
    }
}

fn read_user(
    line: Line<'_>,
    source: SourceId,
    part: Option<Part>,
    options: &Options,
) -> Result<Row, Box<(SourceId, Fault)>> {
    let leaving = line.is_deleted();
    // Whoever leaves needs no more than an id.
    let part = match part {
        Some(part) => part,
        None if leaving => Part::Learner,
        None => {
            let mend = "Expected a role of OneRoster, such as student or teacher.";
            return Err(Box::new((source, line.fault("role", "There is no role.", mend))));
        }
    };
    let first = |columns: [&str; 2]| {
        columns.into_iter().map(|column| line.cell(column)).find(|text| !text.is_empty()).unwrap_or_default()
    };
    let given = first(["preferredGivenName", "givenName"]).to_owned();
    let family = first(["preferredFamilyName", "familyName"]).to_owned();
    if given.is_empty() && family.is_empty() && !leaving {
        let mend = "Enter the name in the school\u{2019}s system.";
        return Err(Box::new((source, line.fault("givenName", "There is no name.", mend))));
    }
    let grades = line.cell("grades");
    let year = ids(grades).find_map(|grade| read_grade(grade, options.grades));
    if part == Part::Learner && year.is_none() && !leaving {
        let what = if grades.is_empty() {
            "There is no year group.".to_owned()
        } else {
            format!("There is no year group \u{201c}{grades}\u{201d}.")
        };
        let fault = line.fault("grades", what, "Expected a year group or a grade of OneRoster.");
        return Err(Box::new((source, fault)));
    }
    Ok(Row {
        file: line.sheet.file.clone(),
        line: line.number,
        source,
        part,
        given,
        family,
        born: read_date(line.cell("birthDate")).ok(),
        year: year.filter(|_| part == Part::Learner),
        classes: Vec::new(),
        leaving,
    })
}

/// The classes of each user, by sourcedId.
fn enrolments(
    files: &Files,
    classes: &HashMap<&str, ClassName>,
    users: &HashSet<&str>,
    (options, reading): (&Options, &mut Reading),
) -> HashMap<String, Vec<ClassName>> {
    let mut enrolled: HashMap<String, Vec<ClassName>> = HashMap::new();
    let all: HashSet<&str> = files.lines("classes").map(|line| line.cell("sourcedId")).collect();
    for line in files.lines("enrollments").filter(|line| !line.is_deleted()) {
        let (user, class) = (line.cell("userSourcedId"), line.cell("classSourcedId"));
        if !users.contains(user) && !files.is_delta {
            let what = "The user of this enrolment is not in users.csv.";
            reading.fault(line.fault("userSourcedId", what, "Export users and enrolments together."));
            continue;
        }
        let Some(name) = classes.get(class) else {
            if !all.contains(class) && !files.is_delta {
                let what = "The class of this enrolment is not in classes.csv.";
                reading.fault(line.fault("classSourcedId", what, "Export classes and enrolments together."));
            }
            continue;
        };
        let held = enrolled.entry(user.to_owned()).or_default();
        let is_second = name.kind == ClassKind::Registration
            && line.cell("role").eq_ignore_ascii_case("student")
            && held.iter().any(|held| held.kind == ClassKind::Registration && held != name);
        if is_second {
            let what = format!("The same child is in a second class, {}. The first counts.", name.name);
            let mend = "Correct the class in the school\u{2019}s system.";
            reading.fault(line.fault("classSourcedId", what, mend));
        } else if !line.has_ended(options.today) && held.len() < MOST_CLASSES && !held.contains(name) {
            held.push(name.clone());
        }
    }
    enrolled
}

fn note_classes_without_a_teacher(reading: &mut Reading) {
    let taught: HashSet<&ClassName> =
        reading.rows.iter().filter(|row| row.part != Part::Learner).flat_map(|row| &row.classes).collect();
    let learnt = reading.rows.iter().filter(|row| row.part == Part::Learner).flat_map(|row| &row.classes);
    let mut lonely: Vec<String> =
        learnt.filter(|class| !taught.contains(class)).map(|class| class.name.clone()).collect();
    lonely.sort();
    lonely.dedup();
    for name in lonely {
        reading.fault(Fault {
            file: "enrollments.csv".to_owned(),
            line: 0,
            column: String::new(),
            what: format!("Nobody teaches {name}."),
            mend: "Its learners are taken. Until somebody teaches it, no teacher sees them as their own."
                .to_owned(),
            weight: Weight::Note,
        });
    }
}

/// The ids of a cell that may hold several.
fn ids(cell: &str) -> impl Iterator<Item = &str> {
    cell.split(',').map(str::trim).filter(|id| !id.is_empty())
}
