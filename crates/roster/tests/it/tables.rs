//! Tables of people: CSV and workbooks.

use crate::{faults, read, refused, samples};
use jiff::civil::date;
use model::{ClassKind, YearGroup};
use roster::{ClassName, Part, RosterError, Weight};

#[test]
fn a_clean_file_is_read_whole_with_its_zeros_and_accents() {
    let reading = read(samples::ARBOR.as_bytes());
    assert_eq!(faults(&reading), Vec::<String>::new());
    let [amara, zoe, bo] = reading.rows.as_slice() else { panic!("{:?}", reading.rows) };
    assert_eq!(
        (amara.source.as_str(), amara.part, amara.name().as_str()),
        ("0001", Part::Learner, "Amara Thistlewick")
    );
    assert_eq!(amara.classes, [ClassName { kind: ClassKind::Registration, name: "4B".to_owned() }]);
    assert_eq!((amara.born, amara.year), (Some(date(2017, 9, 1)), YearGroup::parse("4")));
    assert_eq!((zoe.name().as_str(), bo.year), ("Zoë O’Sample", YearGroup::parse("R")));
    assert!(reading.is_whole);
}

#[test]
fn each_mistake_is_told_with_its_line_and_its_column_and_nothing_is_lost() {
    let reading = read(samples::WITH_MISTAKES.as_bytes());
    assert_eq!(
        faults(&reading),
        [
            "5 DOB: \u{201c}12/31/2015\u{201d} has its month before its day.",
            "6 Year: There is no year group \u{201c}Year 99\u{201d}.",
            "7 Adno: There is no id.",
            "8 Adno: This id is also that of line 9.",
            "9 Adno: This id is that of somebody else in the file too.",
            "10 Adno: A spreadsheet turned this id into a rounded number.",
            "12 Adno: The same child is in two classes, 4A and 4B. The first counts.",
            "13 Legal Forename: There is no name.",
            "16 DOB: \u{201c}05/05/18\u{201d} has a year of two digits.",
        ]
    );
    let ids: Vec<_> = reading.rows.iter().map(|row| (row.source.as_str(), row.leaving)).collect();
    assert_eq!(
        ids,
        [("1001", false), ("1002", false), ("1008", false), ("1010", true), ("1011", false), ("1012", false)]
    );
    let withheld: Vec<_> = reading.withheld.iter().map(|source| source.as_str()).collect();
    assert_eq!((withheld, reading.nameless), (vec!["1003", "1005", "1009"], 2));
    assert!(reading.faults.iter().all(|fault| !fault.mend.is_empty()));
    let lost = reading.faults.iter().filter(|fault| fault.weight == Weight::Lost).count();
    assert_eq!(lost, 6, "two rows share one id");
}

#[test]
fn a_file_of_windows_letters_is_read_and_that_is_said() {
    let reading = read(b"Staff ID;Forename;Surname;Job title\n7;Zo\xeb;Sample;Class Teacher\n8;Ren\xe9;Sample;Teaching Assistant\n");
    assert_eq!(reading.rows[0].given, "Zoë");
    assert_eq!([reading.rows[0].part, reading.rows[1].part], [Part::Teacher, Part::Staff]);
    assert_eq!(faults(&reading), ["0 : The file is not UTF-8; it was read as Windows-1252."]);
}

#[test]
fn a_upn_is_known_again_and_never_kept() {
    let reading = read(
        b"UPN,Name,Year\nA123456789012,\"Thistlewick, Amara\",4\na123456789012,\"Thistlewick, Amara\",4\n",
    );
    let source = reading.rows[0].source.as_str();
    assert!(source.starts_with("upn-") && !source.contains("123456789012"), "{source}");
    assert_eq!(reading.rows[0].name(), "Amara Thistlewick");
    assert_eq!(reading.rows.len(), 1, "the same child twice counts once");
}

#[test]
fn a_workbook_is_read_with_its_dates_and_merged_cells_and_no_memory_for_its_corner() {
    let reading = read(&samples::workbook());
    let [amara, bo] = reading.rows.as_slice() else { panic!("{:?}", reading.rows) };
    assert_eq!((amara.source.as_str(), amara.born), ("1001", Some(date(2017, 9, 1))));
    assert_eq!((bo.line, bo.classes.clone()), (5, amara.classes.clone()));
    assert_eq!(faults(&reading), ["5 DOB: \u{201c}12/31/2017\u{201d} has its month before its day."]);
}

#[test]
fn a_table_without_an_id_or_a_name_is_refused_with_what_it_needs() {
    for text in ["Name,Class\nAmara Thistlewick,4B\n", "just words", "1,2,3\n4,5,6\n"] {
        let error = refused(text.as_bytes());
        assert!(matches!(error, RosterError::NoHeadings { .. }), "{text}: {error}");
        assert!(error.mend().contains("an id"), "{}", error.mend());
    }
}

#[test]
fn a_role_that_nobody_knows_and_one_that_nothing_says_are_mistakes() {
    let reading = read(b"ID,Name,Role\n1,Amara Thistlewick,wizard\n2,Bo Dunmoss,\n3,Cleo Sample,Parent\n4,Dee Sample,Cover Supervisor staff\n");
    assert_eq!(
        faults(&reading),
        [
            "2 Role: \u{201c}wizard\u{201d} is not known.",
            "3 Role: Nothing says whether this is a pupil or a member of staff."
        ]
    );
    assert_eq!((reading.left_out, reading.rows.len()), (1, 1));
}
