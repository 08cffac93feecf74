//! Why a file as a whole could not be read. Mistakes of single rows are [`Fault`](crate::Fault)s.

/// Why a file as a whole could not be read.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RosterError {
    /// It is larger than is taken.
    #[error("expected at most {most} bytes, found {found}")]
    TooLarge {
        /// The bound.
        most: usize,
        /// How long it is.
        found: usize,
    },
    /// It holds more than is taken.
    #[error("expected at most {most} {what}, found more")]
    TooMany {
        /// What: rows, cells, files.
        what: &'static str,
        /// The bound.
        most: usize,
    },
    /// It is of no form that is known.
    #[error("expected CSV, XLSX, OneRoster or Wonde JSON, found {found}")]
    UnknownForm {
        /// What it looks like.
        found: &'static str,
    },
    /// No row names the columns that are needed.
    #[error("expected a row of headings with {expected}, found none in the first {looked} rows")]
    NoHeadings {
        /// What is needed.
        expected: &'static str,
        /// How many rows were looked at.
        looked: usize,
    },
    /// An archive or a workbook is damaged, encrypted, or cut short.
    #[error("expected an archive that is whole, found: {what}")]
    Damaged {
        /// What is wrong with it.
        what: String,
    },
    /// A file that the form asks for is not in the archive.
    #[error("expected {name} in the archive, found none")]
    Missing {
        /// The file.
        name: &'static str,
    },
    /// The JSON is broken.
    #[error("expected JSON, found a mistake at line {line}, column {column}")]
    BrokenJson {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// The file is about several schools, and none of them is the one that was asked for.
    #[error("expected a school called as the policy calls it, found {found}")]
    WhichSchool {
        /// The schools in the file, at most ten.
        found: String,
    },
}

impl RosterError {
    /// What to do about it, for whoever sent the file.
    pub fn mend(&self) -> String {
        match self {
            Self::TooLarge { most, .. } => format!(
                "The file is larger than {} MB. Export only people, years and classes, without pictures.",
                most / (1024 * 1024)
            ),
            Self::TooMany { what, most } => {
                format!("The file has more than {most} {what}. Export one school at a time.")
            }
            Self::UnknownForm { .. } => {
                "This is no file that can be read. Export people as CSV, as an Excel workbook \
                (XLSX), as a OneRoster ZIP or as JSON; an old Excel file (XLS) must be saved as XLSX first."
                    .to_owned()
            }
            Self::NoHeadings { expected, .. } => format!(
                "No row of headings was found. The first rows must name the columns, with {expected}."
            ),
            Self::Damaged { .. } => {
                "The file is damaged, cut short or has a password. Export it again.".to_owned()
            }
            Self::Missing { name } => format!("The archive has no {name}. Export it again, with that file."),
            Self::BrokenJson { line, column } => {
                format!("The JSON is broken at line {line}, column {column}. Fetch it again.")
            }
            Self::WhichSchool { found } => format!(
                "The file is about several schools ({found}), and none is called as in the policy. Export one school at \
                 a time."
            ),
        }
    }
}
