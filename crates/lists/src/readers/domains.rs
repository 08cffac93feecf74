//! A name a line. Comments after `#`, or a whole line after `!`, `;` or `//`.
//!
//! What a bare name covers is the source's to say: squidGuard, e2guardian and UT1 mean everything below it too, Pi-hole and
//! AdGuard the name alone. The two forms that say "and everything below" themselves, `*.x` and `.x`, are subtrees in either
//! reading. A `*` anywhere else is a wildcard over the whole name.

use super::lines::lines;
use super::wildcard;
use crate::Dropped;
use crate::list::{ReadList, Says};
use model::Category;
use policy::image::Reach;

pub(super) fn read(bytes: &[u8], reach: Reach, category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        if let Err(reason) = text.and_then(|text| read_line(text, reach, category, line, list)) {
            list.left_out(line, reason);
        }
    }
}

fn read_line(
    text: &str,
    reach: Reach,
    category: Category,
    line: u32,
    list: &mut ReadList,
) -> Result<(), Dropped> {
    // A name and nothing else, as almost every line is; what is no name may still be one beside a remark.
    let begins_as_name = text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric);
    if begins_as_name && list.read_name(text, Says::block(reach, category), line).is_ok() {
        return Ok(());
    }
    if text.is_empty() || text.starts_with(['!', ';']) || text.starts_with("//") {
        return Ok(());
    }
    let text = text.split('#').next().unwrap_or(text).trim_ascii_end();
    if text.is_empty() {
        return Ok(());
    }
    let below = text.strip_prefix("*.").or_else(|| text.strip_prefix('.'));
    let (name, reach) = below.map_or((text, reach), |name| (name, Reach::Subtree));
    let says = Says::block(reach, category);
    if name.contains('*') {
        list.rule(wildcard::rule(wildcard::pattern(text)?, says, line));
        return Ok(());
    }
    list.read_name(name, says, line)
}
