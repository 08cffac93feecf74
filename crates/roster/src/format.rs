//! Any bytes to a reading: which form they have, and which reader they go to.

use crate::table_people::{Taken, read_tables};
use crate::{
    MOST_FILE_BYTES, MOST_JSON_BYTES, Reading, RosterError, csv_file, json, oneroster, unpack, xlsx,
};
use jiff::civil::Date;

/// The form of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// Rows of people, separated by commas, semicolons or tabs.
    Csv,
    /// A workbook.
    Xlsx,
    /// OneRoster 1.1 or 1.2: a ZIP of CSV files.
    OneRosterCsv,
    /// Pages of OneRoster's REST service.
    OneRosterJson,
    /// Pages in the shape of Wonde's service.
    WondeJson,
}

impl Format {
    /// Every form.
    pub const ALL: [Format; 5] =
        [Self::Csv, Self::Xlsx, Self::OneRosterCsv, Self::OneRosterJson, Self::WondeJson];

    /// The name in records and at the command line.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Xlsx => "xlsx",
            Self::OneRosterCsv => "oneroster-csv",
            Self::OneRosterJson => "oneroster-json",
            Self::WondeJson => "wonde-json",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Csv => "CSV file",
            Self::Xlsx => "Excel workbook",
            Self::OneRosterCsv => "OneRoster archive",
            Self::OneRosterJson => "OneRoster JSON",
            Self::WondeJson => "Wonde JSON",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.slug() == text)
    }
}

/// How a file writes the year groups of OneRoster.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Grades {
    /// As in England and Wales: 4 is Year 4.
    #[default]
    YearGroups,
    /// As OneRoster's own list has it: 4 is a child of Year 5.
    American,
}

impl Grades {
    /// Both ways.
    pub const ALL: [Grades; 2] = [Self::YearGroups, Self::American];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::YearGroups => "year-groups",
            Self::American => "american",
        }
    }

    /// The words on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::YearGroups => "As here: 4 is Year 4",
            Self::American => "As American grades: 4 is Year 5",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|grades| grades.slug() == text)
    }
}

/// What a reader must know beside the bytes.
#[derive(Clone, Debug)]
pub struct Options {
    /// The form, where somebody said it; else it is told by the bytes.
    pub format: Option<Format>,
    /// How the year groups of OneRoster are meant.
    pub grades: Grades,
    /// What the school is called, where a file is about several: its name, its URN.
    pub school: Vec<String>,
    /// The day it is.
    pub today: Date,
}

/// Reads a file.
///
/// # Errors
/// [`RosterError`] where it cannot be read as a whole; mistakes of single rows are in the reading.
pub fn read(bytes: &[u8], options: &Options) -> Result<Reading, RosterError> {
    if bytes.len() > MOST_FILE_BYTES {
        return Err(RosterError::TooLarge { most: MOST_FILE_BYTES, found: bytes.len() });
    }
    let format = match options.format {
        Some(format) => format,
        None => form_of(bytes)?,
    };
    let mut reading = Reading::new(format);
    match format {
        Format::Csv => {
            let (table, fault) = csv_file::read_csv("", bytes)?;
            fault.into_iter().for_each(|fault| reading.fault(fault));
            read_tables(&[table], options, &mut reading)?;
        }
        Format::Xlsx => read_tables(&xlsx::read_xlsx(bytes)?, options, &mut reading)?,
        Format::OneRosterCsv => {
            let files = oneroster::Files::from_archive(bytes, &mut reading)?;
            oneroster::read_files(&files, options, &mut reading)?;
        }
        Format::OneRosterJson | Format::WondeJson => {
            if bytes.len() > MOST_JSON_BYTES {
                return Err(RosterError::TooLarge { most: MOST_JSON_BYTES, found: bytes.len() });
            }
            json::read_json(bytes, options, &mut reading)?;
        }
    }
    Taken::settle(&mut reading);
    Ok(reading)
}

/// The form that bytes have.
fn form_of(bytes: &[u8]) -> Result<Format, RosterError> {
    let unknown = |found| Err(RosterError::UnknownForm { found });
    if bytes.is_empty() {
        return unknown("nothing");
    }
    if bytes.starts_with(b"PK") {
        let names = unpack::names(bytes)?;
        let is = |ending: &str| names.iter().any(|name| name.to_lowercase().ends_with(ending));
        return match () {
            () if is("xl/workbook.xml") => Ok(Format::Xlsx),
            () if is("users.csv") => Ok(Format::OneRosterCsv),
            () => unknown("an archive of other files"),
        };
    }
    // The head of an old Office file (MS-CFB 2.2).
    if bytes.starts_with(&[0xd0, 0xcf, 0x11, 0xe0]) {
        return unknown("an old Excel file, or one with a password");
    }
    if bytes.starts_with(b"%PDF") {
        return unknown("a PDF");
    }
    let start = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b'{' | b'[') => Ok(json::form_of(start)),
        Some(b'<') => unknown("a web page or XML"),
        Some(_) => Ok(Format::Csv),
        None => unknown("nothing"),
    }
}
