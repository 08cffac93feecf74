//! Addresses of pages, one a line, with a scheme or without (squidGuard's `urls`, and the lists of phishing pages). Comments
//! after a `#` or `!` at the beginning.
//!
//! A page covers every path that begins with its path, up to a `/`, `?`, `&` or the end, on its host with `www.` or
//! without. A line with a host alone (or with nothing but `/` behind it) is that host and everything below it, as
//! squidGuard reads it. User names, ports and what follows a `#` are left off; schemes other than http, https and ftp
//! are no pages.

use super::lines::lines;
use super::wildcard::rule;
use crate::Dropped;
use crate::list::{ReadList, Says};
use model::Category;
use policy::image::{Pattern, Reach};

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        let read = text.and_then(|text| {
            if text.is_empty() || text.starts_with(['#', '!']) {
                return Ok(());
            }
            add(text, Says::block(Reach::Subtree, category), line, list)
        });
        if let Err(reason) = read {
            list.left_out(line, reason);
        }
    }
}

/// Adds a page, or the host where there is no path.
pub(super) fn add(text: &str, says: Says, line: u32, list: &mut ReadList) -> Result<(), Dropped> {
    let (host, path) = split(text)?;
    if path.is_empty() || path == "/" {
        return list.read_name(host, says, line);
    }
    list.rule(rule(page(host, path)?, says, line));
    Ok(())
}

/// A page.
pub(super) fn page(host: &str, path: &str) -> Result<Pattern, Dropped> {
    if path.bytes().any(|byte| byte.is_ascii_whitespace() || byte.is_ascii_control()) {
        return Err(Dropped::NotAPage);
    }
    let host = super::host(host)?;
    let path = if path.starts_with('/') { path.into() } else { format!("/{path}").into() };
    Ok(Pattern::Page { host, path })
}

const SCHEMES: [&str; 3] = ["http", "https", "ftp"];

/// Host and path of an address, the path with its query.
fn split(text: &str) -> Result<(&str, &str), Dropped> {
    let (has_scheme, text) = match text.split_once("://") {
        // A scheme inside a query is none of this address.
        Some((before, _)) if before.contains(['/', '?']) => (false, text),
        Some((scheme, rest)) if SCHEMES.iter().any(|known| scheme.eq_ignore_ascii_case(known)) => {
            (true, rest)
        }
        Some(_) => return Err(Dropped::NotAPage),
        None => (false, text),
    };
    let text = text.split('#').next().unwrap_or(text);
    let (authority, path) = text.split_at(text.find(['/', '?']).unwrap_or(text.len()));
    let host = match authority.rsplit_once('@') {
        // Without a scheme it is somebody's mail address.
        Some((_, host)) if has_scheme => host,
        Some(_) => return Err(Dropped::NotAPage),
        None => authority,
    };
    let host = match host.rsplit_once(':') {
        // The colons of an address are its own.
        Some((_, after)) if after.ends_with(']') => host,
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        Some(_) => return Err(Dropped::NotAPage),
        None => host,
    };
    if host.is_empty() { Err(Dropped::NotAPage) } else { Ok((host, path)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_split_into_host_and_path() {
        for (text, expected) in [
            ("a.example/x?y=1#z", Ok(("a.example", "/x?y=1"))),
            ("https://u:p@a.example:8443/x", Ok(("a.example", "/x"))),
            ("HTTP://a.example", Ok(("a.example", ""))),
            ("a.example?x", Ok(("a.example", "?x"))),
            ("http://[2001:db8::1]:80/x", Ok(("[2001:db8::1]", "/x"))),
            ("[2001:db8::1]/x", Ok(("[2001:db8::1]", "/x"))),
            ("a.example/go?to=https://b.example", Ok(("a.example", "/go?to=https://b.example"))),
            ("mailto://a.example", Err(Dropped::NotAPage)),
            ("javascript:alert(1)", Err(Dropped::NotAPage)),
            ("https:///x", Err(Dropped::NotAPage)),
        ] {
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
