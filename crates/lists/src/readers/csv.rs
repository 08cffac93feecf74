//! Comma-separated values (RFC 4180) with a heading; a `;` in the heading and no comma makes it the separator. Of the
//! columns, in any case, the first that is there is read: `url` as an address of a page, else `host`, `domain`, `hostname` or
//! `name` as a name and everything below it. A `category` column holds a category's slug or its title; where it is empty or
//! holds another word, the category is the list's own. Other columns are passed over.
//!
//! What is illegal content is for the policy to say of a whole list. In such a list the `category` column is not read, and
//! in any other a row that says `illegal` is left out: nobody shows or guards that list as one of illegal content.

use super::urls;
use crate::Dropped;
use crate::list::{ReadList, Says};
use csv::{ByteRecord, ReaderBuilder};
use model::Category;
use policy::image::Reach;

const NAMES: [&str; 4] = ["host", "domain", "hostname", "name"];

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    let heading = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next().unwrap_or_default();
    let separator = if heading.contains(&b';') && !heading.contains(&b',') { b';' } else { b',' };
    let mut reader = ReaderBuilder::new()
        .delimiter(separator)
        .flexible(true)
        .has_headers(true)
        .trim(csv::Trim::All)
        .from_reader(bytes);
    let Some(columns) = reader.byte_headers().ok().and_then(Columns::of) else {
        list.left_out(1, Dropped::NoHeading);
        return;
    };
    let mut record = ByteRecord::new();
    // Reading bytes from memory, of any number of fields, does not fail.
    while let Ok(true) = reader.read_byte_record(&mut record) {
        let line = record.position().map_or(0, |position| u32::try_from(position.line()).unwrap_or(u32::MAX));
        if let Err(reason) = columns.read(&record, category, line, list) {
            list.left_out(line, reason);
        }
    }
}

struct Columns {
    what: usize,
    is_page: bool,
    category: Option<usize>,
}

impl Columns {
    fn of(heading: &ByteRecord) -> Option<Self> {
        let place = |name: &str| heading.iter().position(|field| field.eq_ignore_ascii_case(name.as_bytes()));
        let page = place("url");
        let what = page.or_else(|| NAMES.iter().find_map(|name| place(name)))?;
        Some(Self { what, is_page: page.is_some(), category: place("category") })
    }

    fn read(
        &self,
        record: &ByteRecord,
        category: Category,
        line: u32,
        list: &mut ReadList,
    ) -> Result<(), Dropped> {
        let field = |at: usize| {
            let bytes = record.get(at).unwrap_or_default();
            if bytes.len() > super::lines::LONGEST_LINE_BYTES {
                return Err(Dropped::LongLine);
            }
            let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
            text.map(str::trim).ok_or(Dropped::NotText)
        };
        let what = field(self.what)?;
        if what.is_empty() {
            return Err(Dropped::NotAName);
        }
        let column = self.category.filter(|_| category != Category::ILLEGAL);
        let said = column.map(field).transpose()?.and_then(known).unwrap_or(category);
        if said == Category::ILLEGAL && category != Category::ILLEGAL {
            return Err(Dropped::IllegalRow);
        }
        let says = Says::block(Reach::Subtree, said);
        if self.is_page {
            return urls::add(what, says, line, list);
        }
        list.read_name(what.strip_prefix("*.").unwrap_or(what), says, line)
    }
}

fn known(text: &str) -> Option<Category> {
    let named = |category: &Category| category.title().eq_ignore_ascii_case(text);
    Category::parse(&text.to_ascii_lowercase()).or_else(|| Category::all().find(named))
}
