//! The Common Event Format: `CEF:0|vendor|product|version|class|name|severity|key=value ...` (ArcSight, revision 25).

use super::fields::Fields;

/// What a line in that format says.
pub(crate) struct Cef {
    pub vendor: String,
    pub class: String,
    pub name: String,
    /// 0 to 10, 10 the worst; `None` where it is none of the format's words.
    pub severity: Option<u8>,
    pub fields: Fields,
}

/// Reads a line that has `CEF:` in it; `None` where its seven bars are not there.
pub(crate) fn read(text: &str) -> Option<Cef> {
    let (_, rest) = text.split_once("CEF:")?;
    let mut rest = rest;
    let mut head = || {
        let (field, after) = until_bar(rest)?;
        rest = after;
        Some(field)
    };
    let (_format, vendor, _product, _version) = (head()?, head()?, head()?, head()?);
    let (class, name, severity) = (head()?, head()?, head()?);
    let mut fields = Fields::default();
    take_extension(rest, &mut fields);
    Some(Cef { vendor, class, name, severity: grade(&severity), fields })
}

fn grade(text: &str) -> Option<u8> {
    let number = text.trim().parse::<u8>().ok().filter(|number| *number <= 10);
    number.or(match text.trim().to_ascii_lowercase().as_str() {
        "low" => Some(3),
        "medium" => Some(6),
        "high" => Some(8),
        "very-high" => Some(10),
        _ => None,
    })
}

/// A field of the head, and what follows its bar.
fn until_bar(text: &str) -> Option<(String, &str)> {
    let (mut field, mut is_escaped) = (String::new(), false);
    for (place, sign) in text.char_indices() {
        match sign {
            _ if is_escaped => {
                field.push(sign);
                is_escaped = false;
            }
            '\\' => is_escaped = true,
            '|' => return Some((field, text.get(place + 1..)?)),
            _ => field.push(sign),
        }
    }
    None
}

/// Values may hold spaces: each goes on to the word before the next equals sign that is not escaped.
fn take_extension(text: &str, fields: &mut Fields) {
    let mut rest = text;
    let Some((mut key, after)) = next_equals(rest) else { return };
    rest = after;
    loop {
        match next_equals(rest) {
            Some((before, after)) => {
                let (value, next_key) = before.trim_end().rsplit_once([' ', '\t']).unwrap_or(("", before));
                fields.put(key.trim(), &plain(value.trim()));
                (key, rest) = (next_key, after);
            }
            None => {
                fields.put(key.trim(), &plain(rest.trim()));
                return;
            }
        }
    }
}

/// What stands before the next equals sign that is not escaped, and what stands behind it.
fn next_equals(text: &str) -> Option<(&str, &str)> {
    let mut is_escaped = false;
    for (place, sign) in text.char_indices() {
        match sign {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '=' => return Some((text.get(..place)?, text.get(place + 1..)?)),
            _ => {}
        }
    }
    None
}

fn plain(value: &str) -> String {
    let (mut plain, mut is_escaped) = (String::new(), false);
    for sign in value.chars() {
        match sign {
            '\\' if !is_escaped => is_escaped = true,
            'n' | 'r' if is_escaped => {
                plain.push('\n');
                is_escaped = false;
            }
            // `SCHOOL\amara` is often written without its escape.
            _ if is_escaped && !matches!(sign, '\\' | '=' | '|') => {
                plain.extend(['\\', sign]);
                is_escaped = false;
            }
            _ => {
                plain.push(sign);
                is_escaped = false;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_read_with_its_bars_spaces_and_escapes() {
        let cef = read(
            "Jan  1 dc1 CEF:0|Ubi\\|quiti|UniFi|9|201|Threat found|7|src=10.0.0.7 msg=two words a\\=b spt=5 suser=SCHOOL\\\\amara",
        )
        .unwrap();
        assert_eq!((cef.vendor.as_str(), cef.class.as_str(), cef.severity), ("Ubi|quiti", "201", Some(7)));
        assert_eq!(cef.fields.get(&["msg"]), Some("two words a=b"));
        assert_eq!(
            (cef.fields.get(&["spt"]), cef.fields.get(&["suser"])),
            (Some("5"), Some("SCHOOL\\amara"))
        );
        assert!(read("CEF:0|too|few|bars").is_none());
        assert_eq!(read("CEF:0|a|b|c|d|e|High|").unwrap().severity, Some(8));
    }

    proptest! {
        #[test]
        fn no_text_stops_the_reader(text in "CEF:0(\\|[a-z\\\\|]{0,4}){0,8}[a-z= \\\\|é]{0,80}", other in "\\PC{0,80}") {
            let _ = read(&text);
            let _ = read(&format!("{text}{other}"));
        }
    }
}
