//! OneRoster 1.2 with the mistakes that real files have, as an archive and as pages of the service: each row that is not taken
//! is named, the rows beside it are taken, and both dresses say the same.

use crate::{read, samples};
use roster::{Part, Reading};

/// Id, given name, family name, grades, role; a row for each user. Seven of them are not taken, and a guardian is left out.
const USERS: [[&str; 5]; 11] = [
    ["u1", "Amara", "Thistlewick", "4", "student"],
    ["u2", "Bo", "Dunmoss", "", "student"],
    ["", "Dee", "Nobody", "4", "student"],
    ["u4", "Cleo", "Sample", "99", "student"],
    ["u5", "Eli", "Double", "4", "student"],
    ["u5", "Finn", "Other", "4", "student"],
    ["u6", "Tariq", "Example", "", "teacher"],
    ["u7", "", "", "4", "student"],
    ["u8", "Gus", "Parent", "", "guardian"],
    ["u9", "Hope", "Roleless", "4", ""],
    ["u10", "Zoë", "O’Sample", "3", "student"],
];
/// Class and user: one of a class that there is not, one of a user that there is not.
const ENROLMENTS: [[&str; 3]; 4] =
    [["c1", "u1", "student"], ["c1", "u6", "teacher"], ["c7", "u10", "student"], ["c1", "u77", "student"]];

fn archive() -> Vec<u8> {
    let lines = |head: &str, rows: Vec<String>| format!("{head}\n{}\n", rows.join("\n"));
    let users = USERS.iter().map(|[id, given, family, grades, _]| {
        format!("{id},active,2026-11-01,true,{given},{family},{grades},s1")
    });
    let roles = USERS.iter().filter(|[id, .., role]| !id.is_empty() && !role.is_empty());
    let roles = roles.map(|[id, .., role]| format!("r-{id},active,2026-11-01,{id},primary,{role},,,s1,"));
    let enrolled = ENROLMENTS.iter().enumerate();
    let enrolled = enrolled
        .map(|(number, [class, user, role])| format!("e{number},active,,{class},s1,{user},{role},,,"));
    samples::zip(&[
        ("manifest.csv", "propertyName,value\noneroster.version,1.2\nfile.users,bulk\n"),
        ("orgs.csv", "sourcedId,status,dateLastModified,name,type\ns1,active,,Willow First School,school\n"),
        (
            "classes.csv",
            "sourcedId,status,dateLastModified,title,classType,schoolSourcedId\nc1,active,,4B,homeroom,s1\n",
        ),
        (
            "users.csv",
            &lines(
                "sourcedId,status,dateLastModified,enabledUser,givenName,familyName,grades,primaryOrgSourcedId",
                users.collect(),
            ),
        ),
        (
            "roles.csv",
            &lines(
                "sourcedId,status,dateLastModified,userSourcedId,roleType,role,beginDate,endDate,orgSourcedId,\
                 userProfileSourcedId",
                roles.collect(),
            ),
        ),
        (
            "enrollments.csv",
            &lines(
                "sourcedId,status,dateLastModified,classSourcedId,schoolSourcedId,userSourcedId,role,primary,beginDate,\
                 endDate",
                enrolled.collect(),
            ),
        ),
    ])
}

fn pages() -> Vec<u8> {
    let users = USERS.map(|[id, given, family, grades, role]| {
        let grades = if grades.is_empty() { String::new() } else { format!("\"{grades}\"") };
        let role = match role {
            "" => String::new(),
            role => format!(r#"{{"roleType":"primary","role":"{role}","org":{{"sourcedId":"s1"}}}}"#),
        };
        format!(
            r#"{{"sourcedId":"{id}","status":"active","givenName":"{given}","familyName":"{family}","grades":[{grades}],"roles":[{role}],"primaryOrg":{{"sourcedId":"s1"}}}}"#
        )
    });
    let enrolled = ENROLMENTS.map(|[class, user, role]| {
        format!(r#"{{"role":"{role}","user":{{"sourcedId":"{user}"}},"class":{{"sourcedId":"{class}"}}}}"#)
    });
    let (first, rest) = users.split_at(4);
    format!(
        "{{\"users\":[{}]}}\n{{\"users\":[{}]}}\n{}\n{}\n{{\"enrollments\":[{}]}}",
        first.join(","),
        rest.join(","),
        r#"{"orgs":[{"sourcedId":"s1","name":"Willow First School","type":"school"}]}"#,
        r#"{"classes":[{"sourcedId":"c1","title":"4B","classType":"homeroom","school":{"sourcedId":"s1"}}]}"#,
        enrolled.join(",")
    )
    .into_bytes()
}

/// Who is taken, as id, part and classes.
fn taken(reading: &Reading) -> Vec<(String, Part, usize)> {
    let rows = reading.rows.iter();
    rows.map(|row| (row.source.as_str().to_owned(), row.part, row.classes.len())).collect()
}

/// The mistakes without their lines, which only a file has.
fn told(reading: &Reading) -> Vec<String> {
    let mut told: Vec<String> =
        reading.faults.iter().map(|fault| format!("{}: {}", fault.column, fault.what)).collect();
    told.sort();
    told
}

#[test]
fn one_roster_12_names_each_row_that_it_does_not_take_and_loses_no_other_in_either_dress() {
    for (bytes, is_whole) in [(archive(), true), (pages(), false)] {
        let reading = read(&bytes);
        let expected = [("u1", Part::Learner, 1), ("u6", Part::Teacher, 1), ("u10", Part::Learner, 0)];
        let expected: Vec<_> =
            expected.into_iter().map(|(id, part, classes)| (id.to_owned(), part, classes)).collect();
        assert_eq!(taken(&reading), expected);
        let accounted = reading.rows.len() + reading.lost + reading.left_out;
        assert_eq!(accounted, USERS.len(), "every row is taken, named or left out: {:?}", told(&reading));
        assert_eq!((reading.lost, reading.left_out, reading.nameless), (7, 1, 1), "{:?}", told(&reading));
        assert_eq!(reading.is_whole, is_whole);
        assert!(reading.faults.iter().all(|fault| !fault.mend.is_empty()));
    }
    let (archive, pages) = (read(&archive()), read(&pages()));
    assert!(
        archive.faults.iter().filter(|fault| !fault.what.starts_with("Nobody")).all(|fault| fault.line > 1)
    );
    assert_eq!(told(&archive).len(), told(&pages).len());
    let words = told(&archive).join("\n");
    for mistake in [
        "There is no sourcedId",
        "There is no year group",
        "\u{201c}99\u{201d}",
        "There is no name",
        "There is no role",
        "somebody else",
        "not in classes.csv",
        "not in users.csv",
    ] {
        assert!(words.contains(mistake), "{mistake}:\n{words}");
    }
}
