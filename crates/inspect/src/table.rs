//! Reading the tables of `data/`: a row a line, columns between bars, `#` begins a remark.
//!
//! Invariant: a row with too few columns reads as if the missing ones were empty; the tests of each table refuse it.

use model::Host;

/// The rows of a table, each with its columns, without surrounding blanks.
pub(crate) fn rows<const COLUMNS: usize>(
    text: &'static str,
) -> impl Iterator<Item = [&'static str; COLUMNS]> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines.map(|line| {
        let mut columns = line.splitn(COLUMNS, '|').map(str::trim);
        std::array::from_fn(|_| columns.next().unwrap_or_default())
    })
}

/// Bytes written in hexadecimal, such as `4d5a`; `None` for anything else.
pub(crate) fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

/// Whether a host is the one a table names: `example.org` itself, or, written `*.example.org`, it and all below it.
pub(crate) fn is_host(host: &Host, pattern: &str) -> bool {
    let Some(name) = host.name() else { return false };
    match pattern.strip_prefix("*.") {
        Some(parent) => name == parent || name.strip_suffix(parent).is_some_and(|below| below.ends_with('.')),
        None => name == pattern,
    }
}

/// `com`, `de`, `co.uk`, `com.au`: what stands behind an engine's name.
pub(crate) fn is_country(rest: &str) -> bool {
    let is_short = |label: &str| (2..=3).contains(&label.len());
    match rest.split_once('.') {
        None => is_short(rest),
        Some((first, second)) => matches!(first, "co" | "com") && second.len() == 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_covers_a_host_and_all_below_it_and_no_look_alike() {
        for (name, pattern, expected) in [
            ("example.org", "example.org", true),
            ("www.example.org", "example.org", false),
            ("example.org", "*.example.org", true),
            ("a.b.example.org", "*.example.org", true),
            ("notexample.org", "*.example.org", false),
            ("192.0.2.1", "*.1", false),
        ] {
            assert_eq!(is_host(&Host::parse(name).unwrap(), pattern), expected, "{name} {pattern}");
        }
    }

    #[test]
    fn rows_are_lines_without_remarks() {
        let rows: Vec<[&str; 3]> = rows("# remark\n\n a | b|c | d\n x\n").collect();
        assert_eq!(rows, [["a", "b", "c | d"], ["x", "", ""]]);
        assert_eq!(bytes("4d5A00"), Some(vec![0x4d, 0x5a, 0]));
        assert_eq!(bytes("4d5"), Some(vec![0x4d, 5]));
        assert_eq!(bytes("zz"), None);
    }
}
