//! A path as services write it, so that another writing of the same is no other path to the tables.

use std::borrow::Cow;

/// Characters that mean the same written plainly or encoded (RFC 3986, section 2.3) are plain, and the empty and dot segments
/// at the beginning, which most servers leave out, are gone. What stands further behind may be an address, and stays.
pub(crate) fn usual(path: &str) -> Cow<'_, str> {
    let mut begun = path;
    while let Some(rest) = ["//", "/./"].iter().find_map(|empty| begun.strip_prefix(empty)) {
        begun = path.get(path.len() - rest.len() - 1..).unwrap_or_default();
    }
    if !begun.contains('%') {
        return begun.into();
    }
    let mut out = String::with_capacity(begun.len());
    let mut rest = begun;
    while let Some((before, encoded)) = rest.split_once('%') {
        out.push_str(before);
        let plain = encoded.get(..2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).map(char::from);
        match plain.filter(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '~')) {
            Some(plain) => {
                out.push(plain);
                rest = encoded.get(2..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = encoded;
            }
        }
    }
    out.push_str(rest);
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_same_path_is_written_in_one_way() {
        for (path, expected) in [
            ("/web/x", "/web/x"),
            ("//web//x", "/web//x"),
            ("/././/web", "/web"),
            ("/%77%65b/https%3A//a", "/web/https%3A//a"),
            ("/100%/%zz%4", "/100%/%zz%4"),
            ("/", "/"),
            ("", ""),
        ] {
            assert_eq!(usual(path), expected, "{path}");
        }
    }

    proptest! {
        #[test]
        fn any_path_is_answered(path in "[/.%a7\\PC]{0,30}") {
            let _ = usual(&path);
        }
    }
}
