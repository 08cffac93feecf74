//! Year groups as exports write them: `4`, `Y4`, `Year 04`, `Reception`, `N2`; and grades as OneRoster writes them.

use crate::Grades;
use model::YearGroup;

/// Reads a year group of England and Wales.
pub(crate) fn read_year(text: &str) -> Option<YearGroup> {
    let plain: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_uppercase()).collect();
    let rest = ["CURRICULUMYEAR", "NCYEAR", "YEARGROUP", "YEAR", "YR", "NC", "Y"]
        .iter()
        .find_map(|prefix| plain.strip_prefix(prefix))
        .unwrap_or(&plain);
    match rest {
        "R" | "REC" | "RECEPTION" | "F2" | "FS2" | "EYFS2" | "0" | "00" => YearGroup::parse("R"),
        "N" | "N1" | "N2" | "NUR" | "NURSERY" | "F1" | "FS1" | "EYFS1" | "PRESCHOOL" => YearGroup::parse("N"),
        digits => YearGroup::parse(digits.trim_start_matches('0')),
    }
}

/// Reads a grade of OneRoster. The specification's grades are American: its `01` is a child of England's Year 2, and its
/// `KG` one of Year 1. Many systems here write their own year groups in the same field, so whoever imports says which.
pub(crate) fn read_grade(text: &str, grades: Grades) -> Option<YearGroup> {
    if grades == Grades::YearGroups {
        return read_year(text);
    }
    match text.trim().to_ascii_uppercase().as_str() {
        "IT" | "PR" => YearGroup::parse("N"),
        "PK" | "TK" => YearGroup::parse("R"),
        "KG" => YearGroup::parse("1"),
        "PS" | "13" => YearGroup::parse("13"),
        grade => {
            let number: i8 = grade.parse().ok().filter(|number| (1..=12).contains(number))?;
            YearGroup::parse(&(number + 1).to_string())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn year_groups_are_read_as_schools_write_them() {
        for (text, expected) in [
            ("4", "4"),
            ("Year 4", "4"),
            ("Y04", "4"),
            ("Yr 10", "10"),
            ("Year R", "R"),
            ("Reception", "R"),
            ("F2", "R"),
            ("0", "R"),
            ("Nursery", "N"),
            ("N2", "N"),
            ("Curriculum Year 13", "13"),
        ] {
            assert_eq!(read_year(text), YearGroup::parse(expected), "{text}");
        }
        for text in ["", "Year", "14", "Year 99", "4B", "Alumni", "Year 4/5"] {
            assert_eq!(read_year(text), None, "{text}");
        }
    }

    #[test]
    fn american_grades_are_a_year_behind() {
        for (text, expected) in [("KG", "1"), ("01", "2"), ("12", "13"), ("PK", "R")] {
            assert_eq!(read_grade(text, Grades::American), YearGroup::parse(expected), "{text}");
        }
        assert_eq!(read_grade("01", Grades::YearGroups), YearGroup::parse("1"));
        assert_eq!(read_grade("99", Grades::American), None);
    }
}
