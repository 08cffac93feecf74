//! Secrets in addresses: sign-in tokens, signatures, passwords. They open something for whoever reads them later.
//!
//! Left out: secrets in a path (`/reset/4f2a...`), which look like any other name.

use crate::table::rows;
use std::borrow::Cow;
use std::sync::LazyLock;

/// What is written in place of a secret.
const LEFT_OUT: &str = "***";

/// A path with its query, without the values of the parameters that `data/secrets.txt` names.
pub fn left_out(path_and_query: &str) -> Cow<'_, str> {
    let Some((path, query)) = path_and_query.split_once('?') else { return path_and_query.into() };
    if !query.split(['&', ';', '?']).any(|pair| secret_of(pair).is_some()) {
        return path_and_query.into();
    }
    let mut kept = String::with_capacity(path_and_query.len());
    kept.push_str(path);
    kept.push('?');
    for part in query.split_inclusive(['&', ';', '?']) {
        let pair = part.trim_end_matches(['&', ';', '?']);
        match secret_of(pair) {
            Some(secret) => {
                kept.push_str(pair.strip_suffix(secret).unwrap_or_default());
                kept.push_str(LEFT_OUT);
                kept.push_str(part.get(pair.len()..).unwrap_or_default());
            }
            None => kept.push_str(part),
        }
    }
    kept.into()
}

/// The value of a pair that holds a secret.
fn secret_of(pair: &str) -> Option<&str> {
    let (name, value) = pair.split_once('=')?;
    if value.is_empty() {
        return None;
    }
    let name: String =
        name.chars().filter(|c| !matches!(c, '-' | '_')).map(|c| c.to_ascii_lowercase()).collect();
    let is_secret = NAMES.iter().any(|known| match known.strip_prefix('*') {
        Some(ending) => name.ends_with(ending),
        None => name == *known,
    });
    is_secret.then_some(value)
}

static NAMES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| rows::<1>(include_str!("../data/secrets.txt")).map(|[name]| name).collect());

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_and_everything_else_stays() {
        for (found, kept) in [
            ("/", "/"),
            ("/search?q=how+to+keep+a+secret", "/search?q=how+to+keep+a+secret"),
            ("/cb?state=7&code=4f2a&lang=en", "/cb?state=7&code=***&lang=en"),
            ("/a?access_token=x.y&ACCESS-TOKEN=z", "/a?access_token=***&ACCESS-TOKEN=***"),
            ("/f.pdf?X-Amz-Signature=ab;X-Amz-Date=1", "/f.pdf?X-Amz-Signature=***;X-Amz-Date=1"),
            ("/a?code=&token", "/a?code=&token"),
            ("/a?b=1?password=p%26q", "/a?b=1?password=***"),
            ("/a?barcode=9", "/a?barcode=9"),
            ("/a?token==&&q=1", "/a?token=***&&q=1"),
        ] {
            assert_eq!(left_out(found), kept);
        }
    }

    #[test]
    fn every_line_is_written_as_names_are_compared() {
        assert!(NAMES.len() > 10);
        for name in NAMES.iter() {
            let letters = name.strip_prefix('*').unwrap_or(name);
            assert!(letters.chars().all(|c| c.is_ascii_lowercase()), "{name}");
        }
    }
}
