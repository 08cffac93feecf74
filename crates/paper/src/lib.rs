//! A paper: headings, paragraphs and tables as a tagged PDF that a screen reader reads in order (ISO 14289-1, PDF/UA-1),
//! with what it is and where it comes from at the foot of each page.
//!
//! Left out: pictures, links, forms, and anything that somebody could fill in or run.
//!
//! Invariants: the same paper gives the same bytes; any text gives a PDF, and a letter that no font here has is printed as a
//! stand-in with the letter itself beneath it; memory is bounded by [`MOST_BYTES`] and [`MOST_PAGES`].

mod draw;
mod error;
mod fonts;
mod layout;
mod lines;

pub use error::PaperError;

/// The most bytes of text in a paper.
pub const MOST_BYTES: usize = 8 << 20;
/// The most pages of a paper.
pub const MOST_PAGES: usize = 3_000;

/// What is printed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Paper {
    /// What it is called: in its properties, and as its first heading.
    pub title: String,
    /// Its language (RFC 5646), such as `en-GB`.
    pub language: String,
    /// When it was made, in UTC.
    pub made: Made,
    /// What stands at the foot of each page, a line each, above the page's number; at most three lines.
    pub foot: Vec<String>,
    /// What is in it, in order.
    pub blocks: Vec<Block>,
}

/// A moment, in UTC.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Made {
    /// The year.
    pub year: u16,
    /// The month, 1 to 12.
    pub month: u8,
    /// The day of the month, from 1.
    pub day: u8,
    /// The hour, 0 to 23.
    pub hour: u8,
    /// The minute.
    pub minute: u8,
    /// The second.
    pub second: u8,
}

/// A piece of a paper.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Block {
    /// A heading below the title: a section, or a part of one.
    Heading(Level, String),
    /// A paragraph; each line of its text is a line of its own at least.
    Paragraph(Text),
    /// A table.
    Table(Table),
}

/// How deep a heading is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// A section.
    Section,
    /// A part of a section.
    Part,
}

/// Some text and how it looks.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Text {
    /// What it says.
    pub words: String,
    /// How it looks.
    pub look: Look,
}

/// How text looks. What a look means is said in words as well.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Look {
    /// As most.
    Plain,
    /// Heavier.
    Bold,
    /// With a line through it.
    Struck,
}

/// A table with a heading to each column.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Table {
    /// What is in it, for whoever has it read aloud.
    pub summary: String,
    /// Its columns: a heading, and its share of the width.
    pub columns: Vec<(String, u8)>,
    /// Its rows, as many cells each as there are columns; a cell has texts below one another.
    pub rows: Vec<Vec<Vec<Text>>>,
    /// Whether the first cell of a row says what the row is about.
    pub first_cell: FirstCell,
}

/// What the first cell of a row is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FirstCell {
    /// The heading of its row.
    HeadsRow,
    /// A cell like the others.
    IsOneOfThem,
}

impl Text {
    /// Text that looks like most.
    pub fn plain(words: impl Into<String>) -> Self {
        Self { words: words.into(), look: Look::Plain }
    }
}

impl Paper {
    /// The paper as a PDF.
    ///
    /// # Errors
    /// [`PaperError::TooLong`] where it has more text or pages than a paper may have; another is a fault of ours.
    pub fn to_pdf(&self) -> Result<Vec<u8>, PaperError> {
        let bytes = self.bytes_of_text();
        if bytes > MOST_BYTES {
            return Err(PaperError::TooLong { what: "bytes of text", most: MOST_BYTES, found: bytes });
        }
        let fonts = fonts::Fonts::load()?;
        let sheets = layout::set(self, &fonts)?;
        draw::draw(self, sheets)
    }

    fn bytes_of_text(&self) -> usize {
        let of_table = |table: &Table| {
            let heads: usize = table.columns.iter().map(|(head, _)| head.len()).sum();
            let cells = table.rows.iter().flatten().flatten();
            heads + cells.map(|text| text.words.len()).sum::<usize>()
        };
        let of_block = |block: &Block| match block {
            Block::Heading(_, words) => words.len(),
            Block::Paragraph(text) => text.words.len(),
            Block::Table(table) => of_table(table),
        };
        let foot: usize = self.foot.iter().map(String::len).sum();
        self.title.len() + foot + self.blocks.iter().map(of_block).sum::<usize>()
    }
}
