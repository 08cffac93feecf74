//! Blocks into marks on pages: what is printed where, and to which part of the paper it belongs.
//!
//! Places are in points (1/72 inch) from the upper left corner of an A4 page. What belongs to no part (rules, headings of a
//! table that are printed again, the foot) is not read aloud.

use crate::fonts::{Fonts, Run, Way, Weight};
use crate::lines::{Line, lines};
use crate::{Block, FirstCell, Level, Look, MOST_PAGES, Paper, PaperError, Table, Text};

/// The size of an A4 page.
pub(crate) const PAGE: (f32, f32) = (595.28, 841.89);
const MARGIN: f32 = 51.0;
const WIDTH: f32 = PAGE.0 - 2.0 * MARGIN;
/// Where the foot begins.
const FOOT: f32 = PAGE.1 - 74.0;
/// Where text ends.
const BOTTOM: f32 = FOOT - 14.0;
const BODY: f32 = 10.0;
const CELL: f32 = 9.0;
const SMALL: f32 = 7.5;
/// A line's height, in parts of its size.
const LEADING: f32 = 1.4;
/// What is left free inside a cell, at each side.
const PADDING: f32 = 4.0;
/// A row of at most so many lines is not cut by the end of a page.
const KEPT_LINES: usize = 12;
const MOST_FOOT_LINES: usize = 3;

/// A part of the paper, by its place in [`Sheets::parts`].
pub(crate) type PartId = usize;

/// What a part is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Role {
    Heading { level: u16, words: String },
    Paragraph,
    Table { summary: String },
    Heads,
    Rows,
    Row,
    ColumnHead,
    RowHead,
    Cell,
}

/// A part of the paper, and the one that it is in.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Part {
    pub(crate) role: Role,
    pub(crate) inside: Option<PartId>,
}

/// Something printed.
#[derive(Clone, Debug)]
pub(crate) enum Mark {
    /// Letters, from a point on their base line.
    Letters { part: Option<PartId>, at: (f32, f32), size: f32, run: Run },
    /// A level line.
    Rule { from: (f32, f32), length: f32 },
}

/// A heading and where it is.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Entry {
    pub(crate) level: u16,
    pub(crate) words: String,
    pub(crate) page: usize,
    pub(crate) y: f32,
}

/// A paper as it is printed.
#[derive(Default, Debug)]
pub(crate) struct Sheets {
    /// The marks of each page.
    pub(crate) pages: Vec<Vec<Mark>>,
    /// The parts; each stands after the one that it is in.
    pub(crate) parts: Vec<Part>,
    /// The headings, in order.
    pub(crate) entries: Vec<Entry>,
}

/// Sets the paper.
///
/// # Errors
/// [`PaperError::TooLong`].
pub(crate) fn set(paper: &Paper, fonts: &Fonts) -> Result<Sheets, PaperError> {
    let mut setter = Setter { fonts, sheets: Sheets::default(), y: BOTTOM };
    setter.start_page()?;
    setter.heading((1, 18.0), &paper.title)?;
    for block in &paper.blocks {
        match block {
            Block::Heading(Level::Section, words) => setter.heading((2, 14.0), words)?,
            Block::Heading(Level::Part, words) => setter.heading((3, 11.0), words)?,
            Block::Paragraph(text) => setter.paragraph(text)?,
            Block::Table(table) => setter.table(table)?,
        }
    }
    setter.feet(&paper.foot);
    Ok(setter.sheets)
}

/// A line that waits to be put down.
struct Waiting {
    line: Line,
    look: Look,
}

struct Setter<'f> {
    fonts: &'f Fonts,
    sheets: Sheets,
    /// Where the next line's upper edge is.
    y: f32,
}

/// The part of the page's width that a text has.
#[derive(Clone, Copy)]
struct Column {
    left: f32,
    width: f32,
}

const WHOLE: Column = Column { left: MARGIN, width: WIDTH };

impl Setter<'_> {
    fn start_page(&mut self) -> Result<(), PaperError> {
        if self.sheets.pages.len() == MOST_PAGES {
            return Err(PaperError::TooLong { what: "pages", most: MOST_PAGES, found: MOST_PAGES + 1 });
        }
        self.sheets.pages.push(Vec::new());
        self.y = MARGIN;
        Ok(())
    }

    /// Makes sure that so much of the page is left; true where that took a new page.
    fn need(&mut self, height: f32) -> Result<bool, PaperError> {
        let is_short = self.y + height > BOTTOM && self.y > MARGIN;
        if is_short {
            self.start_page()?;
        }
        Ok(is_short)
    }

    fn part(&mut self, role: Role, inside: Option<PartId>) -> PartId {
        self.sheets.parts.push(Part { role, inside });
        self.sheets.parts.len() - 1
    }

    fn mark(&mut self, mark: Mark) {
        if let Some(page) = self.sheets.pages.last_mut() {
            page.push(mark);
        }
    }

    fn heading(&mut self, (level, size): (u16, f32), words: &str) -> Result<(), PaperError> {
        let words = crate::draw::named(words);
        let set = lines(self.fonts, words, Weight::Bold, WIDTH / size);
        let before = if self.y > MARGIN { size * 0.9 } else { 0.0 };
        // A heading is never the last thing of a page.
        let height = set.len() as f32 * size * LEADING;
        if !self.need(before + height + 3.0 * BODY * LEADING)? {
            self.y += before;
        }
        let part = self.part(Role::Heading { level, words: words.to_owned() }, None);
        let page = self.sheets.pages.len().saturating_sub(1);
        self.sheets.entries.push(Entry { level, words: words.to_owned(), page, y: self.y });
        for line in set {
            self.need(size * LEADING)?;
            self.put_line((Some(part), size), WHOLE, &Waiting { line, look: Look::Bold });
            self.y += size * LEADING;
        }
        self.y += size * 0.3;
        Ok(())
    }

    fn paragraph(&mut self, text: &Text) -> Result<(), PaperError> {
        let part = self.part(Role::Paragraph, None);
        for waiting in self.waiting(std::slice::from_ref(text), WIDTH / BODY) {
            self.need(BODY * LEADING)?;
            self.put_line((Some(part), BODY), WHOLE, &waiting);
            self.y += BODY * LEADING;
        }
        self.y += BODY * 0.6;
        Ok(())
    }

    /// The texts as lines, below one another.
    fn waiting(&self, texts: &[Text], width: f32) -> Vec<Waiting> {
        let lines_of = |text: &Text| lines(self.fonts, &text.words, weight_of(text.look), width);
        let each = texts.iter().flat_map(|text| lines_of(text).into_iter().map(|line| (line, text.look)));
        each.map(|(line, look)| Waiting { line, look }).collect()
    }

    /// A line at the height where the next one stands; the height stays.
    fn put_line(&mut self, (part, size): (Option<PartId>, f32), column: Column, waiting: &Waiting) {
        let (line, base) = (&waiting.line, self.y + size * 1.05);
        let wide = line.width * size;
        let left = match line.way {
            Way::LeftToRight => column.left,
            Way::RightToLeft => column.left + (column.width - wide).max(0.0),
        };
        let mut x = left;
        for run in &line.runs {
            let letters = Mark::Letters { part, at: (x, base), size, run: run.clone() };
            self.mark(letters);
            x += run.width * size;
        }
        if waiting.look == Look::Struck && wide > 0.0 {
            self.mark(Mark::Rule { from: (left, base - size * 0.28), length: wide });
        }
    }

    fn table(&mut self, table: &Table) -> Result<(), PaperError> {
        if table.rows.is_empty() || table.columns.is_empty() {
            return Ok(());
        }
        let columns = columns_of(table);
        let whole = self.part(Role::Table { summary: table.summary.clone() }, None);
        let heads: Vec<Vec<Text>> = table
            .columns
            .iter()
            .map(|(head, _)| vec![Text { words: head.clone(), look: Look::Bold }])
            .collect();
        let heads = self.cells(&columns, &heads);
        self.need(self.height_of(&heads) + 3.0 * CELL * LEADING)?;
        let part = self.part(Role::Heads, Some(whole));
        let row = self.part(Role::Row, Some(part));
        let parts: Vec<Option<PartId>> =
            columns.iter().map(|_| Some(self.part(Role::ColumnHead, Some(row)))).collect();
        self.put_heads(&columns, &heads, &parts);
        let part = self.part(Role::Rows, Some(whole));
        for cells in &table.rows {
            let cells = self.cells(&columns, cells);
            let row = self.part(Role::Row, Some(part));
            let parts: Vec<Option<PartId>> = (0..columns.len())
                .map(|number| {
                    let is_head = number == 0 && table.first_cell == FirstCell::HeadsRow;
                    Some(self.part(if is_head { Role::RowHead } else { Role::Cell }, Some(row)))
                })
                .collect();
            self.put_row((&columns, &heads), &cells, &parts)?;
        }
        self.y += BODY * 0.6;
        Ok(())
    }

    /// The lines of each cell of a row; a cell that is not there is empty.
    fn cells(&self, columns: &[Column], cells: &[Vec<Text>]) -> Vec<Vec<Waiting>> {
        let texts = cells.iter().map(Vec::as_slice).chain(std::iter::repeat(&[][..]));
        columns.iter().zip(texts).map(|(column, texts)| self.waiting(texts, column.width / CELL)).collect()
    }

    fn height_of(&self, cells: &[Vec<Waiting>]) -> f32 {
        cells.iter().map(Vec::len).max().unwrap_or(0) as f32 * CELL * LEADING + 2.0 * PADDING
    }

    fn put_heads(&mut self, columns: &[Column], heads: &[Vec<Waiting>], parts: &[Option<PartId>]) {
        let top = self.y;
        for (column, (lines, part)) in columns.iter().zip(heads.iter().zip(parts)) {
            self.y = top + PADDING;
            for waiting in lines {
                self.put_line((*part, CELL), *column, waiting);
                self.y += CELL * LEADING;
            }
        }
        self.y = top + self.height_of(heads);
        self.rule();
    }

    /// A row: whole where it is short, else cut between its lines where a page ends; there the headings come again.
    fn put_row(
        &mut self,
        (columns, heads): (&[Column], &[Vec<Waiting>]),
        cells: &[Vec<Waiting>],
        parts: &[Option<PartId>],
    ) -> Result<(), PaperError> {
        let unread = vec![None; columns.len()];
        let most = cells.iter().map(Vec::len).max().unwrap_or(0);
        let kept = self.height_of(cells).min(KEPT_LINES as f32 * CELL * LEADING);
        if self.need(kept)? {
            self.put_heads(columns, heads, &unread);
        }
        self.y += PADDING;
        for number in 0..most {
            if self.need(CELL * LEADING)? {
                self.put_heads(columns, heads, &unread);
                self.y += PADDING;
            }
            for (column, (lines, part)) in columns.iter().zip(cells.iter().zip(parts)) {
                if let Some(waiting) = lines.get(number) {
                    self.put_line((*part, CELL), *column, waiting);
                }
            }
            self.y += CELL * LEADING;
        }
        self.y += PADDING;
        self.rule();
        Ok(())
    }

    fn rule(&mut self) {
        self.mark(Mark::Rule { from: (MARGIN, self.y), length: WIDTH });
    }

    /// The foot of each page: what the paper says there, and the page's number.
    fn feet(&mut self, foot: &[String]) {
        let said = foot.iter().flat_map(|words| lines(self.fonts, words, Weight::Regular, WIDTH / SMALL));
        let said: Vec<Line> = said.take(MOST_FOOT_LINES).collect();
        let pages = self.sheets.pages.len();
        for (number, page) in (1..).zip(&mut self.sheets.pages) {
            let words = format!("Page {number} of {pages}");
            let numbered = lines(self.fonts, &words, Weight::Regular, WIDTH / SMALL);
            page.push(Mark::Rule { from: (MARGIN, FOOT), length: WIDTH });
            for (place, line) in said.iter().chain(&numbered).enumerate() {
                let mut x = MARGIN;
                let base = FOOT + (place as f32 + 1.0) * SMALL * LEADING;
                for run in &line.runs {
                    page.push(Mark::Letters { part: None, at: (x, base), size: SMALL, run: run.clone() });
                    x += run.width * SMALL;
                }
            }
        }
    }
}

fn weight_of(look: Look) -> Weight {
    match look {
        Look::Bold => Weight::Bold,
        Look::Plain | Look::Struck => Weight::Regular,
    }
}

/// Where each column's text is.
fn columns_of(table: &Table) -> Vec<Column> {
    let shares: f32 = table.columns.iter().map(|(_, share)| f32::from((*share).max(1))).sum();
    let mut left = MARGIN;
    let each = table.columns.iter().map(|(_, share)| {
        let width = WIDTH * f32::from((*share).max(1)) / shares;
        let column = Column { left: left + PADDING, width: (width - 2.0 * PADDING).max(CELL) };
        left += width;
        column
    });
    each.collect()
}
