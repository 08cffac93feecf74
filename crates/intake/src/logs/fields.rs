//! Names and values out of a line: `key=value`, quoted or not, as most firewalls write them.

/// The most fields of one line.
const MOST_FIELDS: usize = 128;
/// The longest value that is kept, in bytes; longer ones are cut.
const MOST_VALUE_BYTES: usize = 1_024;

/// Fields in the order of the line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Fields(Vec<(String, String)>);

impl Fields {
    /// One more, where there is room.
    pub fn put(&mut self, key: &str, value: &str) {
        if self.0.len() < MOST_FIELDS && key.len() <= 64 {
            let mut end = value.len().min(MOST_VALUE_BYTES);
            while !value.is_char_boundary(end) {
                end -= 1;
            }
            self.0.push((key.to_owned(), value.get(..end).unwrap_or_default().to_owned()));
        }
    }

    /// The value of the first of these keys that is there and not empty; case does not count.
    pub fn get(&self, keys: &[&str]) -> Option<&str> {
        keys.iter().find_map(|key| {
            let found =
                self.0.iter().find(|(name, value)| name.eq_ignore_ascii_case(key) && !value.is_empty());
            found.map(|(_, value)| value.as_str())
        })
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes every `key=value` of a text; other words are passed over.
    pub fn take_pairs(&mut self, text: &str) {
        let mut rest = text;
        while self.0.len() < MOST_FIELDS {
            let Some(equals) = rest.find('=') else { return };
            let (before, after) = rest.split_at(equals);
            let after = after.get(1..).unwrap_or_default();
            let key = last_word(before);
            let (value, left) = value(after);
            if !key.is_empty() {
                self.put(key, &value);
            }
            rest = left;
        }
    }
}

fn last_word(text: &str) -> &str {
    let is_key = |sign: char| sign.is_ascii_alphanumeric() || matches!(sign, '_' | '.' | '-' | '@');
    let start = text.char_indices().rev().take_while(|(_, sign)| is_key(*sign)).last();
    start.and_then(|(start, _)| text.get(start..)).unwrap_or_default()
}

/// A value and what follows it: in double quotes, with `\` before what would end it, or up to a space, comma or semicolon.
fn value(text: &str) -> (String, &str) {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([' ', '\t', ',', ';']).unwrap_or(text.len());
        let (value, left) = text.split_at(end);
        return (value.to_owned(), left);
    };
    let (mut value, mut is_escaped) = (String::new(), false);
    for (place, sign) in quoted.char_indices() {
        match sign {
            '\\' if !is_escaped => is_escaped = true,
            '"' if !is_escaped => return (value, quoted.get(place + 1..).unwrap_or_default()),
            _ => {
                // A backslash before anything else is a backslash, as in `SCHOOL\amara`.
                if is_escaped && !matches!(sign, '"' | '\\' | ']') {
                    value.push('\\');
                }
                value.push(sign);
                is_escaped = false;
            }
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fields(text: &str) -> Fields {
        let mut fields = Fields::default();
        fields.take_pairs(text);
        fields
    }

    #[test]
    fn firewalls_lines_are_read_quoted_and_not() {
        let fields = fields(
            "date=2026-01-01 devname=\"FG 60\" srcip=10.0.0.7,dstport=443;user=\"SCHOOL\\amara\" msg=\"say \\\"hi\\\"\" empty= x",
        );
        assert_eq!(fields.get(&["devname"]), Some("FG 60"));
        assert_eq!((fields.get(&["SRCIP"]), fields.get(&["dstport"])), (Some("10.0.0.7"), Some("443")));
        assert_eq!(fields.get(&["user"]), Some("SCHOOL\\amara"));
        assert_eq!(
            (fields.get(&["msg"]), fields.get(&["empty", "date"])),
            (Some("say \"hi\""), Some("2026-01-01"))
        );
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader_and_what_is_kept_is_bounded(text in "\\PC{0,300}", tail in "([a-z]=\"?[ \\\\a-z\"=é]{0,8}){0,200}") {
            let fields = fields(&format!("{text}{tail}"));
            prop_assert!(fields.0.len() <= MOST_FIELDS);
            prop_assert!(fields.0.iter().all(|(_, value)| value.len() <= MOST_VALUE_BYTES));
        }
    }
}
