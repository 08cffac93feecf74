//! OneRoster in its three dresses, and Wonde's shape.

use crate::{faults, options, read, refused, samples};
use model::{ClassKind, YearGroup};
use roster::{Grades, Options, Part, RosterError};

#[test]
fn one_roster_is_read_for_one_school_and_its_mistakes_are_told() {
    let reading = read(&samples::one_roster_11(&[]));
    let found: Vec<_> = reading.rows.iter().map(|row| (row.source.as_str(), row.part)).collect();
    assert_eq!(
        found,
        [("u1", Part::Learner), ("u2", Part::Learner), ("u6", Part::Teacher), ("u9", Part::Staff)]
    );
    let classes: Vec<_> = reading.rows[0].classes.iter().map(|class| class.name.as_str()).collect();
    assert_eq!(classes, ["4B", "Maths 4"], "the second registration class is a mistake");
    assert_eq!(reading.rows[1].classes[0].name, "4A", "last year's class is over");
    assert_eq!(reading.rows[0].classes[0].kind, ClassKind::Registration);
    let mut told = faults(&reading);
    told.sort();
    assert_eq!(
        told,
        [
            "0 : Nobody teaches 4A.",
            "0 : Nobody teaches Maths 4.",
            "3 classSourcedId: The same child is in a second class, 4A. The first counts.",
            "4 grades: There is no year group.",
            "5 sourcedId: There is no sourcedId.",
            "6 classSourcedId: The class of this enrolment is not in classes.csv.",
            "6 sourcedId: This id is also that of line 7.",
            "7 sourcedId: This id is that of somebody else in the file too.",
            "7 userSourcedId: The user of this enrolment is not in users.csv.",
        ]
    );
    assert_eq!((reading.left_out, reading.nameless), (2, 1), "a parent, and somebody of another school");
    assert!(reading.is_whole);
}

#[test]
fn one_roster_12_has_roles_apart_and_a_delta_is_not_everybody() {
    let reading = read(&samples::one_roster_12());
    let [amara, bo] = reading.rows.as_slice() else { panic!("{:?}", reading.rows) };
    assert_eq!((amara.name().as_str(), amara.born.is_some()), ("Amara Thistlewick", true));
    assert!(bo.leaving && !amara.leaving);
    assert!(!reading.is_whole);
}

#[test]
fn grades_are_what_whoever_imports_says_they_are() {
    let american = Options { grades: Grades::American, ..options() };
    let reading = roster::read(&samples::one_roster_11(&[]), &american).unwrap();
    assert_eq!(reading.rows[0].year, YearGroup::parse("5"));
    assert_eq!(read(&samples::one_roster_11(&[])).rows[0].year, YearGroup::parse("4"));
}

#[test]
fn an_archive_of_several_schools_is_asked_which() {
    let other = Options { school: vec!["Alder School".to_owned()], ..options() };
    let error = roster::read(&samples::one_roster_11(&[]), &other).unwrap_err();
    assert_eq!(
        error,
        RosterError::WhichSchool { found: "Willow First School, Elder Junior School".to_owned() }
    );
}

#[test]
fn an_archive_that_is_cut_short_or_misses_a_file_is_refused() {
    let whole = samples::one_roster_11(&[]);
    for kept in [whole.len() / 2, whole.len() - 10, 40] {
        let error = refused(&whole[..kept]);
        assert!(matches!(error, RosterError::Damaged { .. } | RosterError::UnknownForm { .. }), "{error}");
    }
    let error = refused(&samples::zip(&[("orgs.csv", "sourcedId\n")]));
    assert_eq!(error, RosterError::UnknownForm { found: "an archive of other files" });
}

#[test]
fn what_unpacks_to_too_much_is_refused() {
    let much = "a,b\n".repeat(20 * 1024 * 1024);
    let bomb = samples::zip(&[("users.csv", &much)]);
    assert!(bomb.len() < 1024 * 1024);
    let error = refused(&bomb);
    assert!(matches!(error, RosterError::TooLarge { .. } | RosterError::TooMany { .. }), "{error}");
    let rows = format!("ID,Name,Year\n{}", "1,A B,4\n".repeat(200_001));
    assert_eq!(refused(rows.as_bytes()), RosterError::TooMany { what: "rows", most: 200_000 });
}

#[test]
fn pages_of_one_rosters_service_are_read_by_the_same_rules() {
    let reading = read(samples::ONE_ROSTER_JSON.as_bytes());
    let found: Vec<_> = reading
        .rows
        .iter()
        .map(|row| (row.source.as_str(), row.part, row.leaving, row.classes.len()))
        .collect();
    assert_eq!(
        found,
        [("u1", Part::Learner, false, 1), ("u2", Part::Learner, true, 0), ("u3", Part::Teacher, false, 1)]
    );
    assert!(!reading.is_whole, "a page may be the first of many");
}

#[test]
fn pages_in_wondes_shape_are_read_and_the_last_one_says_that_it_is_everybody() {
    let reading = read(samples::WONDE.as_bytes());
    let found: Vec<_> = reading.rows.iter().map(|row| (row.source.as_str(), row.part, row.leaving)).collect();
    assert_eq!(
        found,
        [
            ("A111", Part::Learner, false),
            ("A113", Part::Learner, false),
            ("E1", Part::Teacher, false),
            ("E2", Part::Staff, true)
        ]
    );
    assert_eq!(
        faults(&reading),
        [
            "2 year: There is no year group \u{201c}elsewhere\u{201d}.",
            "3 id: There is no id.",
            "4 date_of_birth: \u{201c}soon\u{201d} is no date.",
        ]
    );
    assert!(reading.is_whole);
    assert!(!read(samples::WONDE.replace("\"more\":false", "\"more\":true").as_bytes()).is_whole);
    let error = refused(b"{\"data\":[{\"id\":1},\n}");
    assert_eq!(error, RosterError::BrokenJson { line: 2, column: 1 });
}
