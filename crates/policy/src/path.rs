//! One writing of a request's path, so that no other writing of the same place goes round an entry.
//!
//! Servers read a path in different ways: they decode it, take a backslash for a slash, leave out empty and dot segments,
//! and cut parameters off segments. The normal form does all of this, once. Left out: deciding what an entry means
//! (`entries`), and case, in which servers differ as well.
//!
//! Invariants: normalising twice changes nothing; the length is at most three times the input's and one more; any text is
//! answered.

use std::cell::OnceCell;

/// A path as it was asked, and its normal form, which is made when an entry first needs it.
#[derive(Debug)]
pub(crate) struct AskedPath<'a> {
    raw: &'a str,
    normal: OnceCell<String>,
}

impl<'a> AskedPath<'a> {
    pub(crate) fn new(raw: &'a str) -> Self {
        Self { raw, normal: OnceCell::new() }
    }

    pub(crate) fn raw(&self) -> &'a str {
        self.raw
    }

    pub(crate) fn normal(&self) -> &str {
        self.normal.get_or_init(|| normal(self.raw))
    }

    /// True when servers may disagree about where the path leads: a segment goes up, or a dot, slash or percent sign is
    /// hidden by encoding.
    pub(crate) fn is_doubtful(&self) -> bool {
        let (path, _) = split_query(self.raw);
        let hidden = path.as_bytes().windows(3).any(|three| {
            let [b'%', high, low] = three else { return false };
            matches!(byte_of(*high, *low), Some(b'.' | b'/' | b'\\' | b'%'))
        });
        hidden || path.contains("..")
    }
}

/// The normal form: decoded once, backslashes as slashes, parameters (`;x`) cut, empty and dot segments resolved. What
/// would be read as something else the next time (`%`, `?`, `#`, and what is no visible ASCII) is encoded in upper case;
/// from the first `?` or `#` on, all stays as it is.
pub(crate) fn normal(text: &str) -> String {
    let (path, query) = split_query(text);
    let decoded = decoded(path.as_bytes());
    let mut segments: Vec<&[u8]> = Vec::new();
    let mut ends_in_slash = false;
    for segment in decoded.split(|byte| matches!(byte, b'/' | b'\\')) {
        let segment = segment.split(|byte| *byte == b';').next().unwrap_or_default();
        ends_in_slash = matches!(segment, b"" | b"." | b"..");
        match segment {
            b"" | b"." => {}
            b".." => {
                segments.pop();
            }
            named => segments.push(named),
        }
    }
    let mut out = String::with_capacity(text.len().saturating_add(1));
    for segment in &segments {
        out.push('/');
        segment.iter().for_each(|byte| put(&mut out, *byte));
    }
    if ends_in_slash || segments.is_empty() {
        out.push('/');
    }
    out.push_str(query);
    out
}

fn split_query(text: &str) -> (&str, &str) {
    text.split_at(text.find(['?', '#']).unwrap_or(text.len()))
}

/// Decoded once (RFC 3986, 2.1); a percent sign that begins no encoding stands for itself.
fn decoded(mut bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    while let Some((first, rest)) = bytes.split_first() {
        let encoded = match (first, rest) {
            (b'%', [high, low, after @ ..]) => byte_of(*high, *low).map(|byte| (byte, after)),
            _ => None,
        };
        let (byte, after) = encoded.unwrap_or((*first, rest));
        out.push(byte);
        bytes = after;
    }
    out
}

fn byte_of(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

fn put(out: &mut String, byte: u8) {
    if byte.is_ascii_graphic() && !matches!(byte, b'%' | b'?' | b'#') {
        out.push(char::from(byte));
        return;
    }
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0').to_ascii_uppercase();
    out.extend(['%', digit(byte >> 4), digit(byte & 0x0f)]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_writing_of_a_place_has_one_normal_form() {
        for (text, expected) in [
            ("/games", "/games"),
            ("/%67ames", "/games"),
            ("/%67%61mes%2Fx", "/games/x"),
            ("//games", "/games"),
            ("/./games/.", "/games/"),
            ("/x/../games", "/games"),
            ("/../../games", "/games"),
            ("/%2e%2E/games", "/games"),
            ("\\games%5cx", "/games/x"),
            ("/games;x=1/y;z", "/games/y"),
            ("/a/..;x/games%3by", "/games"),
            ("/;x/games", "/games"),
            ("/games/", "/games/"),
            ("/games/x/..", "/games/"),
            ("/games?a=%67//b", "/games?a=%67//b"),
            ("/games%3fa%23", "/games%3Fa%23"),
            ("/%2567ames", "/%2567ames"),
            ("/100%/%zz%", "/100%25/%25zz%25"),
            ("/caf\u{e9} %c3%a9", "/caf%C3%A9%20%C3%A9"),
            ("", "/"),
            ("?q", "/?q"),
            ("games", "/games"),
        ] {
            assert_eq!(normal(text), expected, "{text}");
        }
    }

    #[test]
    fn a_path_is_doubtful_where_servers_may_disagree() {
        for (text, doubtful) in [
            ("/games/x.html", false),
            ("/games?to=../%2e", false),
            ("/%67ames", false),
            ("/games/../x", true),
            ("/games%2fx", true),
            ("/games%5Cx", true),
            ("/%2e/games", true),
            ("/%252e/games", true),
        ] {
            assert_eq!(AskedPath::new(text).is_doubtful(), doubtful, "{text}");
        }
    }

    proptest! {
        #[test]
        fn normalising_twice_changes_nothing(text in "[/\\\\.;%?#a-f0-9é \\PC]{0,40}") {
            let once = normal(&text);
            prop_assert!(once.starts_with('/') && once.len() <= text.len() * 3 + 1);
            prop_assert_eq!(normal(&once), once);
        }

        #[test]
        fn any_text_is_answered(text in any::<String>()) {
            let asked = AskedPath::new(&text);
            prop_assert_eq!(normal(asked.normal()), asked.normal());
            let _ = asked.is_doubtful();
        }
    }
}
