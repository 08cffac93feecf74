//! Headings of exports, as SIMS, Arbor, Bromcom and people with spreadsheets call them, and which columns they mean.

/// What a column holds. Of several columns that mean the same, the one listed first here counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Column {
    Source,
    Upn,
    Given,
    Family,
    FullName,
    Born,
    Year,
    Registration,
    Teaching,
    Part,
    Job,
    Leaving,
}

/// What each column is called, lower case and without what is neither letter nor digit, the surest first. Names that
/// somebody goes by stand before legal ones: a register shows those.
const HEADINGS: [(Column, &[&str]); 12] = [
    (
        Column::Source,
        &[
            "misid",
            "personid",
            "studentid",
            "pupilid",
            "staffid",
            "arborid",
            "arborstudentid",
            "arborstaffid",
            "bromcomid",
            "simsid",
            "externalid",
            "sourcedid",
            "adno",
            "admno",
            "admissionno",
            "admissionnumber",
            "studentno",
            "studentnumber",
            "pupilnumber",
            "staffcode",
            "staffnumber",
            "employeeid",
            "employeenumber",
            "payrollnumber",
            "uniqueid",
            "identifier",
            "id",
        ],
    ),
    (Column::Upn, &["upn", "uniquepupilnumber"]),
    (
        Column::Given,
        &[
            "preferredforename",
            "preferredfirstname",
            "chosenforename",
            "chosenname",
            "chosenfirstname",
            "knownas",
            "preferredname",
            "forename",
            "firstname",
            "givenname",
            "forenames",
            "legalforename",
            "legalfirstname",
        ],
    ),
    (
        Column::Family,
        &[
            "preferredsurname",
            "preferredlastname",
            "chosensurname",
            "chosenlastname",
            "surname",
            "lastname",
            "familyname",
            "legalsurname",
            "legallastname",
        ],
    ),
    (
        Column::FullName,
        &[
            "fullname",
            "name",
            "displayname",
            "pupilname",
            "studentname",
            "pupil",
            "student",
            "staffname",
            "staffmember",
        ],
    ),
    (Column::Born, &["dob", "dateofbirth", "birthdate", "birthday"]),
    (
        Column::Year,
        &[
            "yeargroup",
            "year",
            "ncyear",
            "ncyeargroup",
            "nationalcurriculumyear",
            "nationalcurriculumyeargroup",
            "currentncyear",
            "curriculumyear",
            "yeartaughtin",
            "yr",
            "yrgrp",
            "yeargrp",
        ],
    ),
    (
        Column::Registration,
        &[
            "reggroup",
            "reg",
            "registrationgroup",
            "registrationform",
            "regform",
            "currentregistrationgroup",
            "form",
            "formgroup",
            "form group",
            "tutorgroup",
            "tutor",
            "class",
            "classname",
            "homeroom",
        ],
    ),
    (Column::Teaching, &["classes", "teachinggroups", "teachinggroup", "teachingclasses", "groups", "sets"]),
    (Column::Part, &["type", "role", "persontype", "category", "stafforpupil", "staffstudent"]),
    (
        Column::Job,
        &["jobtitle", "job", "post", "position", "mainrole", "stafftype", "staffrole", "mainposition"],
    ),
    (
        Column::Leaving,
        &["leavingdate", "dateofleaving", "dol", "leftdate", "dateleft", "leaverdate", "dateofleavingschool"],
    ),
];

/// Which cell of a row holds what.
#[derive(Clone, Debug, Default)]
pub(crate) struct Columns {
    found: Vec<(Column, usize, String)>,
}

impl Columns {
    /// The columns that a row of headings names, and `None` where it is no such row: one with an id and a name.
    pub(crate) fn of(cells: &[String]) -> Option<Self> {
        let plain: Vec<String> = cells.iter().map(|cell| plain(cell)).collect();
        let mut found = Vec::new();
        for (column, names) in HEADINGS {
            let place = names.iter().find_map(|name| plain.iter().position(|cell| cell == name));
            if let Some((place, heading)) = place.and_then(|place| Some((place, cells.get(place)?))) {
                found.push((column, place, heading.clone()));
            }
        }
        let columns = Self { found };
        let has = |column| columns.has(column);
        let is_headings = (has(Column::Source) || has(Column::Upn))
            && (has(Column::FullName) || (has(Column::Given) && has(Column::Family)));
        is_headings.then_some(columns)
    }

    /// True where there is such a column.
    pub(crate) fn has(&self, column: Column) -> bool {
        self.found.iter().any(|(known, ..)| *known == column)
    }

    /// The cell of a row; empty where there is none.
    pub(crate) fn cell<'a>(&self, row: &'a [String], column: Column) -> &'a str {
        let place = self.found.iter().find(|(known, ..)| *known == column).map(|(_, place, _)| *place);
        place.and_then(|place| row.get(place)).map_or("", String::as_str)
    }

    /// The heading, as the file has it.
    pub(crate) fn heading(&self, column: Column) -> &str {
        self.found.iter().find(|(known, ..)| *known == column).map_or("", |(.., heading)| heading)
    }
}

fn plain(heading: &str) -> String {
    heading.chars().filter(|letter| letter.is_ascii_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn columns(headings: &[&str]) -> Option<Columns> {
        Columns::of(&headings.iter().map(|heading| (*heading).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn headings_are_known_in_the_words_of_each_system() {
        for headings in [
            &["Adno", "Legal Surname", "Legal Forename", "Reg", "Year"][..],
            &[
                "Arbor Student ID",
                "First name",
                "Last name",
                "Registration Form",
                "Year group",
                "Date of birth",
            ],
            &["Student ID", "Preferred Forename", "Preferred Surname", "Tutor Group", "NC Year", "DOB"],
            &["UPN", "Name", "Yr Grp", "Class"],
        ] {
            assert!(columns(headings).is_some_and(|columns| columns.has(Column::Year)), "{headings:?}");
        }
        assert!(columns(&["Year 4 register", "", ""]).is_none());
        assert!(columns(&["Name", "Class"]).is_none(), "without an id nobody is matched");
    }

    #[test]
    fn the_name_that_somebody_goes_by_counts() {
        let found = columns(&["ID", "Legal Forename", "Surname", "Preferred Forename"]).unwrap();
        let row: Vec<String> = ["7", "Alexandra", "Sample", "Alex"].map(str::to_owned).into();
        assert_eq!(found.cell(&row, Column::Given), "Alex");
        assert_eq!(found.heading(Column::Given), "Preferred Forename");
        assert_eq!(found.cell(&[], Column::Given), "");
    }
}
