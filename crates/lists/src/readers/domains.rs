//! A name a line. Comments after `#`, or a whole line after `!`, `;` or `//`.
//!
//! The two forms that say "and everything below" themselves, `*.x` and `.x`, are subtrees in either reading.

use super::block;
use super::lines::lines;
use crate::Dropped;
use crate::list::{Entry, ReadList};
use model::Category;
use policy::image::Reach;

pub(super) fn read(bytes: &[u8], reach: Reach, category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        match text.and_then(|text| parse(text, reach, category, line)) {
            Ok(Some(entry)) => list.push(&entry),
            Ok(None) => {}
            Err(reason) => list.left_out(reason),
        }
    }
}

fn parse(text: &str, reach: Reach, category: Category, line: u32) -> Result<Option<Entry>, Dropped> {
    let text = text.split('#').next().unwrap_or(text).trim_end();
    if text.is_empty() || text.starts_with(['!', ';']) || text.starts_with("//") {
        return Ok(None);
    }
    let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
    let (name, reach) = below.map_or((text, reach), |name| (name, Reach::Subtree));
    if name.contains('*') {
        return Err(Dropped::Pattern);
    }
    block(name, reach, category, line).map(Some)
}
