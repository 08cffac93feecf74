//! Text as it was typed, out of the forms in which it travels.
//!
//! Left out: character sets other than UTF-8 (a wrong byte becomes U+FFFD), and scripts that make text.

use percent_encoding::percent_decode;

/// Text out of a part of a query: plus signs are blanks, `%41` is a byte.
pub fn of_query(part: &str) -> String {
    let blanks: Vec<u8> = part.bytes().map(|byte| if byte == b'+' { b' ' } else { byte }).collect();
    percent_decode(&blanks).decode_utf8_lossy().into_owned()
}

/// The words of a piece of HTML: without elements, remarks, scripts and style sheets; references become characters.
/// A piece cut in the middle of an element loses what is cut.
pub fn of_markup(markup: &str) -> String {
    let mut text = String::with_capacity(markup.len());
    let mut rest = markup;
    while let Some((before, after)) = rest.split_once('<') {
        push_resolved(&mut text, before);
        rest = after_element(after, &mut text);
    }
    push_resolved(&mut text, rest);
    text
}

/// What follows the element that begins here, its `<` already taken. A bare `<` stays in the text.
fn after_element<'m>(inside: &'m str, text: &mut String) -> &'m str {
    if let Some(remark) = inside.strip_prefix("!--") {
        return remark.split_once("-->").map_or("", |(_, after)| after);
    }
    let begins = |c: char| c.is_ascii_alphabetic() || matches!(c, '/' | '!' | '?');
    if !inside.starts_with(begins) {
        text.push('<');
        return inside;
    }
    let name_ends = inside.find(|c: char| !c.is_ascii_alphanumeric() && c != '/').unwrap_or(inside.len());
    let (name, _) = inside.split_at(name_ends);
    let after = inside.split_once('>').map_or("", |(_, after)| after);
    if !is_within_a_line(name) {
        text.push(' ');
    }
    match name.to_ascii_lowercase().as_str() {
        "script" => after_end(after, "</script"),
        "style" => after_end(after, "</style"),
        _ => after,
    }
}

/// What follows the end of an element whose inside is no text.
fn after_end<'m>(inside: &'m str, end: &str) -> &'m str {
    let begins =
        |at: usize| inside.get(at..at + end.len()).is_some_and(|found| found.eq_ignore_ascii_case(end));
    let Some(at) = inside.match_indices('<').map(|(at, _)| at).find(|at| begins(*at)) else { return "" };
    inside.get(at..).and_then(|rest| rest.split_once('>')).map_or("", |(_, after)| after)
}

/// Elements that part no words: `su<b>ici</b>de` reads as one.
fn is_within_a_line(name: &str) -> bool {
    let name = name.trim_start_matches('/').to_ascii_lowercase();
    matches!(
        name.as_str(),
        "a" | "b" | "i" | "u" | "s" | "em" | "strong" | "span" | "font" | "mark" | "small" | "wbr"
    )
}

/// The longest reference that is looked at, such as `thetasym`.
const LONGEST_REFERENCE: usize = 10;

fn push_resolved(text: &mut String, mut rest: &str) {
    while let Some((before, after)) = rest.split_once('&') {
        text.push_str(before);
        let end = after.find(';').filter(|end| *end <= LONGEST_REFERENCE);
        let resolved = end.and_then(|end| Some((character(after.get(..end)?)?, after.get(end + 1..)?)));
        match resolved {
            Some((character, after)) => {
                text.push(character);
                rest = after;
            }
            None => {
                text.push('&');
                rest = after;
            }
        }
    }
    text.push_str(rest);
}

/// A reference's character: numbers, and the names that stand in ordinary prose.
fn character(name: &str) -> Option<char> {
    if let Some(number) = name.strip_prefix('#') {
        let code = match number.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok()?,
            None => number.parse().ok()?,
        };
        return char::from_u32(code);
    }
    Some(match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" | "rsquo" | "lsquo" => '\'',
        "nbsp" | "ensp" | "emsp" | "thinsp" => ' ',
        "ndash" | "mdash" | "shy" => '-',
        "hellip" => '\u{2026}',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_query_s_blanks_and_bytes_are_read() {
        for (part, expected) in [
            ("self+harm", "self harm"),
            ("self%20harm", "self harm"),
            ("s%65lf", "self"),
            ("50%", "50%"),
            ("%D1%83", "\u{443}"),
            ("%ff", "\u{fffd}"),
        ] {
            assert_eq!(of_query(part), expected, "{part}");
        }
    }

    #[test]
    fn markup_leaves_the_words_and_parts_them_where_a_reader_would() {
        for (markup, expected) in [
            ("<p>one</p><p>two", " one  two"),
            ("su<b>ici</b>de", "suicide"),
            ("a<!-- b --> c", "a c"),
            ("a<script>b < c</SCRIPT>d", "a d"),
            ("a<style>p{}", "a "),
            ("1 < 2 &amp; 3 &gt; 2", "1 < 2 & 3 > 2"),
            ("&#107;&#x79;s", "kys"),
            ("AT&T; R&D", "AT&T; R&D"),
            ("cut <a href=", "cut "),
        ] {
            assert_eq!(of_markup(markup), expected, "{markup}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read(text in "\\PC*", markup in "[<>/!&#;a-z -]{0,60}") {
            of_query(&text);
            of_markup(&text);
            of_markup(&markup);
        }
    }
}
