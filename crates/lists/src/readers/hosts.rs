//! Hosts files (hosts(5)): an address and the names it is for, each alone. Only an address that leads nowhere (`0.0.0.0`,
//! `127.x`, `::`, `::1`) makes a block; the machine's own names are passed over.

use super::lines::lines;
use crate::Dropped;
use crate::list::{ReadList, Says};
use model::Category;
use policy::image::Reach;
use std::net::IpAddr;

/// Names that every hosts file has for the machine itself; no block, and no loss either.
const OWN_NAMES: &[&str] = &[
    "localhost",
    "localhost.localdomain",
    "localhost4",
    "localhost6",
    "local",
    "broadcasthost",
    "loopback",
    "0.0.0.0",
];

pub(super) fn read(bytes: &[u8], category: Category, list: &mut ReadList) {
    for (line, text) in lines(bytes) {
        match text {
            Ok(text) => read_line(text, category, line, list),
            Err(reason) => list.left_out(line, reason),
        }
    }
}

/// True for a line that begins with an address and goes on with a name.
pub(super) fn is_hosts_line(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_hexdigit() || c == ':') {
        return false;
    }
    let mut words = without_comment(text).split_ascii_whitespace();
    words.next().is_some_and(|word| address(word).is_some()) && words.next().is_some()
}

/// Reads one line; a reason is counted for each name that is left out.
pub(super) fn read_line(text: &str, category: Category, line: u32, list: &mut ReadList) {
    let mut words = without_comment(text).split_ascii_whitespace();
    let Some(first) = words.next() else { return };
    let address = address(first);
    let mut names = words.peekable();
    if names.peek().is_none() {
        list.left_out(line, Dropped::NotAName);
    }
    for name in names.filter(|name| !is_own_name(name)) {
        let read = match address {
            Some(address) if leads_nowhere(address) => {
                list.read_name(name, Says::block(Reach::Exact, category), line)
            }
            Some(_) => Err(Dropped::Redirection),
            None => Err(Dropped::NotAName),
        };
        if let Err(reason) = read {
            list.left_out(line, reason);
        }
    }
}

/// An address, without the interface that some systems write behind it (`fe80::1%lo0`).
fn address(word: &str) -> Option<IpAddr> {
    // What nearly every line of every such list begins with.
    match word {
        "0.0.0.0" => Some(IpAddr::from([0, 0, 0, 0])),
        "127.0.0.1" => Some(IpAddr::from([127, 0, 0, 1])),
        _ => word.split('%').next().unwrap_or(word).parse().ok(),
    }
}

fn without_comment(text: &str) -> &str {
    text.split('#').next().unwrap_or(text)
}

fn is_own_name(name: &str) -> bool {
    OWN_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own))
        || name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("ip6-"))
}

/// True for an address nobody can be reached at.
pub(super) fn leads_nowhere(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified() || address.is_loopback()
}
