//! A file beside the records: who joins, moves and leaves, in words, and what makes a second person look.

use crate::read;
use model::{ClassKind, PersonId, Role, YearGroup};
use roster::{
    Answer, Before, ClassName, Difference, Hold, Known, Reading, Rollover, SourceId, Thresholds, difference,
    headlines, holds, roll_over,
};

const TENTH: Thresholds = Thresholds { percent: 10 };

fn person(number: u128) -> PersonId {
    PersonId(uuid::Uuid::from_u128(number))
}

fn known(number: u128, name: &str, year: &str, class: &str) -> Known {
    Known {
        person: person(number),
        source: SourceId::parse(&format!("{number:04}")),
        has_left: false,
        name: name.to_owned(),
        born: None,
        role: if year.is_empty() { Role::ClassTeacher } else { Role::Learner },
        year: YearGroup::parse(year),
        classes: vec![ClassName { kind: ClassKind::Registration, name: class.to_owned() }],
        decides: false,
    }
}

/// Twenty learners of Year 4, of whom the first is Amara.
fn school() -> Before {
    let mut people: Vec<Known> =
        (2..=20).map(|number| known(number, &format!("Child{number} Sample"), "4", "4B")).collect();
    people.insert(0, known(1, "Amara Thistlewick", "4", "4B"));
    Before { people, ..Before::default() }
}

fn file(rows: &[&str]) -> Reading {
    read(format!("ID,Name,DOB,Year,Class,Job title\n{}\n", rows.join("\n")).as_bytes())
}

/// The twenty as they are, but for those of these numbers.
fn others(without: &[u32]) -> Vec<String> {
    let all = (1..=20).filter(|number| !without.contains(number));
    all.map(|number| match number {
        1 => "0001,Amara Thistlewick,,4,4B,".to_owned(),
        number => format!("{number:04},Child{number} Sample,,4,4B,"),
    })
    .collect()
}

fn with(rows: &[&str], without: &[u32]) -> Reading {
    let others = others(without);
    file(&others.iter().map(String::as_str).chain(rows.iter().copied()).collect::<Vec<_>>())
}

fn found(reading: &Reading, before: &Before) -> (Vec<String>, Vec<Hold>) {
    let found = difference(reading, before);
    (headlines(&found, Some(reading), before).0, holds(&found, Some(reading), before, TENTH))
}

#[test]
fn the_same_file_twice_changes_nothing() {
    let before = school();
    let found = difference(&with(&[], &[]), &before);
    assert_eq!(found, Difference { same: 20, ..Difference::default() });
    assert!(found.is_empty());
}

#[test]
fn a_difference_is_told_in_words() {
    let reading = with(
        &["0001,Amara Example,,5,5A,", "0002,Child2 Sample,,5,5A,", "0021,Cleo Dunmoss,01/09/2022,R,RH,"],
        &[1, 2, 3],
    );
    let before = school();
    let (sums, holds) = found(&reading, &before);
    assert_eq!(
        sums,
        [
            "Joining, Reception: 1",
            "Leaving, Year 4: 1",
            "Another name: 1",
            "Class 4B to 5A: 2",
            "Year 4 to Year 5: 2",
        ]
    );
    assert_eq!(holds, [], "one of twenty is no surprise");
    let compared = difference(&reading, &before);
    let (_, lines) = headlines(&compared, Some(&reading), &before);
    let amara = lines.iter().find(|line| line.who == "Amara Thistlewick").unwrap();
    assert_eq!(amara.what, "Year 4 to Year 5; Surname changes: Amara Example; class 4B to 5A");
}

#[test]
fn numbers_that_surprise_and_staff_hold_it() {
    let mut before = school();
    before.people.push(known(30, "Tariq Example", "", "4B"));
    let staff = "0030,Tariq Example,,,4B,Teacher";
    for (reading, expected) in [
        (with(&[staff], &[3, 4, 5]), vec![Hold::Leavers { count: 3, of: 21 }]),
        (with(&[staff], &[3, 4]), vec![]),
        (
            with(&[staff, "40,A New,,4,4B,", "41,B New,,4,4B,", "42,C New,,4,4B,"], &[]),
            vec![Hold::Joiners { count: 3, of: 21 }],
        ),
        (
            with(&["0031,Una Example,,,,Teacher"], &[]),
            vec![Hold::StaffLeave { count: 1 }, Hold::StaffChange { count: 1 }],
        ),
        (with(&["0030,Tariq Example,,,4B,Caretaker"], &[]), vec![Hold::StaffChange { count: 1 }]),
        (with(&[staff, "0003,Child3 Sample,,6,4B,"], &[3]), vec![Hold::YearsJump { count: 1 }]),
        (with(&[staff, "0003,Child3 Sample,,3,4B,"], &[3]), vec![Hold::YearsJump { count: 1 }]),
    ] {
        let (sums, held) = found(&reading, &before);
        assert_eq!(held, expected, "{sums:?}");
        assert!(held.iter().all(|hold| hold.words().ends_with('.')));
    }
}

#[test]
fn whoever_comes_back_counts_as_joining_and_staff_who_come_back_or_into_a_class_hold_it() {
    let mut before = school();
    before.people.push(known(30, "Tariq Example", "", "4B"));
    let into_class = with(&["0030,Tariq Example,,,5A,Teacher"], &[]);
    assert_eq!(found(&into_class, &before).1, [Hold::StaffJoinClass { count: 1 }]);
    let learner = with(&["0030,Tariq Example,,,4B,Teacher", "0003,Child3 Sample,,4,5A,"], &[3]);
    assert_eq!(found(&learner, &before).1, [], "a learner goes into another class");

    before.people[20].has_left = true;
    let back = with(&["0030,Tariq Example,,,4B,Teacher"], &[]);
    assert_eq!(found(&back, &before).1, [Hold::StaffReturn { count: 1 }]);
    before.people[20].has_left = false;
    before.people.iter_mut().take(3).for_each(|known| known.has_left = true);
    assert_eq!(found(&back, &before).1, [Hold::Joiners { count: 3, of: 18 }]);
}

#[test]
fn a_file_of_pupils_says_nothing_of_staff_and_one_without_classes_nothing_of_classes() {
    let mut before = school();
    before.people.push(known(30, "Tariq Example", "", "4B"));
    assert!(difference(&with(&[], &[]), &before).is_empty());
    let rows: Vec<String> = (1..=20)
        .map(|number| {
            if number == 1 {
                "0001,Amara Thistlewick,4".to_owned()
            } else {
                format!("{number:04},Child{number} Sample,4")
            }
        })
        .collect();
    let reading = read(format!("ID,Name,Year\n{}\n", rows.join("\n")).as_bytes());
    assert!(difference(&reading, &before).is_empty());
}

#[test]
fn nobody_leaves_for_a_row_that_could_not_be_read() {
    let before = school();
    let bad_year = with(&["0003,Child3 Sample,,Year 99,4B,"], &[3]);
    assert_eq!(difference(&bad_year, &before).leavers, []);
    let no_id = with(&[",Child3 Sample,,4,4B,"], &[3]);
    let found = difference(&no_id, &before);
    assert_eq!((found.leavers, found.unsure), (vec![], 1));
}

#[test]
fn whoever_decides_beside_others_is_never_taken_off_or_changed() {
    let mut before = school();
    let mut head = known(30, "Head Example", "", "4B");
    head.decides = true;
    before.people.push(head);
    before.people.push(known(31, "Tariq Example", "", "4B"));
    let found = difference(&with(&["0031,Tariq Example,,,4B,Teacher"], &[]), &before);
    assert_eq!((found.leavers.clone(), found.kept.clone()), (vec![], vec![person(30)]));
    let changed = with(&["0031,Tariq Example,,,4B,Teacher", "0030,Head Example,,,4B,Caretaker"], &[]);
    assert!(difference(&changed, &before).is_empty());
}

#[test]
fn a_name_that_fits_is_a_question_and_an_answer_settles_it() {
    let mut before = school();
    before.people[0].source = None;
    let reading = with(&["9001,Amara Thistlewick,,4,4B,"], &[1]);
    let found = difference(&reading, &before);
    assert_eq!(found.questions[0].candidates, [person(1)]);
    assert!(found.joiners.is_empty() && found.leavers.is_empty());
    let id = SourceId::parse("9001").unwrap();
    before.answers.insert(id.clone(), Answer::Same(person(1)));
    let same = difference(&reading, &before);
    assert!(same.movers[0].links && same.movers[0].changes.is_empty());
    before.answers.insert(id, Answer::New);
    assert_eq!(difference(&reading, &before).joiners.len(), 1);
    // Another birth date, or a year group far away, is somebody else.
    before.answers.clear();
    let far = with(&["9001,Amara Thistlewick,,7,7B,"], &[1]);
    assert_eq!(difference(&far, &before).joiners.len(), 1);
}

#[test]
fn zeros_that_a_spreadsheet_ate_are_seen_where_the_name_is_the_same() {
    let rows: Vec<String> = others(&[]).iter().map(|row| row.trim_start_matches('0').to_owned()).collect();
    let reading = file(&rows.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(difference(&reading, &school()), Difference { same: 20, ..Difference::default() });
    let other = file(&["1,Somebody Else,,4,4B,"]);
    assert_eq!(difference(&other, &school()).joiners.len(), 1);
}

#[test]
fn whoever_left_comes_back_as_themselves() {
    let mut before = school();
    before.people[0].has_left = true;
    let found = difference(&with(&[], &[]), &before);
    assert!(found.joiners.is_empty());
    assert!(found.movers[0].returns && found.movers[0].person == person(1));
    assert!(difference(&with(&[], &[1]), &before).is_empty(), "nobody leaves twice");
}

#[test]
fn a_year_ends_with_a_file_or_without() {
    let mut before = school();
    before.people.push(known(40, "Oldest Sample", "6", "6A"));
    before.people.push(known(41, "Small Sample", "R", "RH"));
    let asked = Rollover { leaving: YearGroup::parse("6").unwrap() };
    let alone = roll_over(&before, None, asked);
    assert_eq!(alone.leavers, [person(40)]);
    assert_eq!(alone.movers.len(), 21);
    let (sums, _) = headlines(&alone, None, &before);
    assert!(sums.contains(&"Year 4 to Year 5: 20".to_owned()), "{sums:?}");
    assert!(sums.contains(&"Reception to Year 1: 1".to_owned()), "{sums:?}");
    assert_eq!(holds(&alone, None, &before, TENTH), [Hold::RollOver]);

    let next: Vec<String> = others(&[]).iter().map(|row| row.replace(",4,4B,", ",5,5A,")).collect();
    let next = file(
        &next
            .iter()
            .map(String::as_str)
            .chain(["0041,Small Sample,,1,1H,", "50,New Sample,,R,RH,"])
            .collect::<Vec<_>>(),
    );
    let filed = roll_over(&before, Some(&next), asked);
    assert_eq!((filed.leavers.clone(), filed.joiners.len(), filed.movers.len()), (vec![person(40)], 1, 21));
    assert_eq!(holds(&filed, Some(&next), &before, TENTH), [Hold::RollOver]);
}
