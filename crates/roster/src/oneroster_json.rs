//! Pages of OneRoster's REST service, kept as files: each list becomes the table that the CSV binding has for it, so that
//! both are read by the same rules.

use crate::json::text;
use crate::oneroster::{Files, read_files};
use crate::table::Table;
use crate::{MOST_ROWS, Options, Reading, RosterError};
use serde_json::Value;

/// A heading of the CSV binding, and where in the JSON its value stands.
type Place = (&'static str, &'static str);

/// Each list, its table, and its columns: the heading of the CSV binding, and where in the JSON it stands. `[]` walks
/// through a list; what it finds stands side by side with commas.
const LISTS: [(&str, &str, &[Place]); 9] = [
    ("users", "users", USER),
    ("students", "users", USER),
    ("teachers", "users", USER),
    (
        "classes",
        "classes",
        &[
            ("sourcedId", "sourcedId"),
            ("status", "status"),
            ("title", "title"),
            ("classCode", "classCode"),
            ("classType", "classType"),
            ("schoolSourcedId", "school.sourcedId"),
            ("termSourcedIds", "terms.[].sourcedId"),
        ],
    ),
    (
        "enrollments",
        "enrollments",
        &[
            ("sourcedId", "sourcedId"),
            ("status", "status"),
            ("role", "role"),
            ("endDate", "endDate"),
            ("classSourcedId", "class.sourcedId"),
            ("userSourcedId", "user.sourcedId"),
        ],
    ),
    ("orgs", "orgs", ORG),
    ("schools", "orgs", ORG),
    ("academicSessions", "academicsessions", &[("sourcedId", "sourcedId"), ("endDate", "endDate")]),
    ("demographics", "demographics", &[("sourcedId", "sourcedId"), ("birthDate", "birthDate")]),
];

const USER: &[Place] = &[
    ("sourcedId", "sourcedId"),
    ("status", "status"),
    ("role", "role"),
    ("givenName", "givenName"),
    ("familyName", "familyName"),
    ("preferredGivenName", "preferredFirstName"),
    ("preferredFamilyName", "preferredLastName"),
    ("grades", "grades.[]"),
    ("orgSourcedIds", "orgs.[].sourcedId"),
    ("primaryOrgSourcedId", "primaryOrg.sourcedId"),
];

const ORG: &[Place] =
    &[("sourcedId", "sourcedId"), ("name", "name"), ("type", "type"), ("identifier", "identifier")];

/// A role within a user (OneRoster 1.2), as the table `roles` has it.
const ROLE_HEADINGS: [&str; 4] = ["userSourcedId", "role", "orgSourcedId", "endDate"];

/// Reads every page.
pub(crate) fn read_pages(
    pages: Vec<Value>,
    options: &Options,
    reading: &mut Reading,
) -> Result<(), RosterError> {
    let mut files = Files::default();
    let mut rows = 0_usize;
    for (number, page) in pages.iter().enumerate() {
        for (list, name, columns) in LISTS {
            let Some(Value::Array(items)) = page.get(list) else { continue };
            rows += items.len();
            if rows > MOST_ROWS {
                return Err(RosterError::TooMany { what: "rows", most: MOST_ROWS });
            }
            files.add(name, table_of(items, columns, &format!("page {}, {list}", number + 1)));
            if name == "users" {
                files.add("roles", roles_of(items));
            }
        }
    }
    if rows == 0 {
        return Err(RosterError::Missing { name: "users" });
    }
    read_files(&files, options, reading)?;
    // A page may be the first of many, and nothing in it says which.
    reading.is_whole = false;
    Ok(())
}

fn table_of(items: &[Value], columns: &[(&str, &str)], file: &str) -> Table {
    let headings = columns.iter().map(|(heading, _)| (*heading).to_owned()).collect();
    let row = |item: &Value| columns.iter().map(|(_, place)| at(item, place)).collect();
    let lines = items.iter().enumerate().map(|(place, item)| (place + 1, row(item)));
    Table { file: file.to_owned(), rows: std::iter::once((0, headings)).chain(lines).collect() }
}

fn roles_of(items: &[Value]) -> Table {
    let mut rows = vec![(0, ROLE_HEADINGS.map(str::to_owned).to_vec())];
    for (place, item) in items.iter().enumerate() {
        let roles = item.get("roles").and_then(Value::as_array).into_iter().flatten();
        for role in roles.take(MOST_ROLES) {
            let cells = [
                text(item.get("sourcedId")),
                text(role.get("role")),
                at(role, "org.sourcedId"),
                text(role.get("endDate")),
            ];
            rows.push((place + 1, cells.to_vec()));
        }
    }
    Table { file: "roles".to_owned(), rows }
}

/// The most roles of one user.
const MOST_ROLES: usize = 20;

/// What stands at a place such as `terms.[].sourcedId`.
fn at(value: &Value, place: &str) -> String {
    let Some((first, rest)) = place.split_once('.') else {
        return match (place, value) {
            ("[]", Value::Array(items)) => {
                items.iter().take(MOST_ROLES).map(|item| text(Some(item))).collect::<Vec<_>>().join(",")
            }
            _ => text(value.get(place)),
        };
    };
    match (first, value) {
        ("[]", Value::Array(items)) => {
            items.iter().take(MOST_ROLES).map(|item| at(item, rest)).collect::<Vec<_>>().join(",")
        }
        _ => value.get(first).map(|inner| at(inner, rest)).unwrap_or_default(),
    }
}
