//! Hosts files: an address and the names it is for. Only an address that leads nowhere (`0.0.0.0`, `127.x`, `::`,
//! `::1`) makes a block; the machine's own names are passed over.

use super::block;
use super::lines::lines;
use crate::Dropped;
use crate::list::ReadList;
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
            Err(reason) => list.left_out(reason),
        }
    }
}

/// True for a line that begins with an address and goes on with a name.
pub(super) fn is_hosts_line(text: &str) -> bool {
    let mut words = without_comment(text).split_whitespace();
    words.next().is_some_and(|word| word.parse::<IpAddr>().is_ok()) && words.next().is_some()
}

/// Reads one line; a reason is counted for each name that is left out.
pub(super) fn read_line(text: &str, category: Category, line: u32, list: &mut ReadList) {
    let mut words = without_comment(text).split_whitespace();
    let Some(address) = words.next() else { return };
    let names: Vec<&str> = words.collect();
    if names.is_empty() {
        list.left_out(Dropped::NotAName);
    }
    let address = address.split('%').next().unwrap_or(address).parse::<IpAddr>();
    for name in names.into_iter().filter(|name| !is_own_name(name)) {
        let entry = match address {
            Ok(address) if leads_nowhere(address) => block(name, Reach::Exact, category, line),
            Ok(_) => Err(Dropped::Redirection),
            Err(_) => Err(Dropped::NotAName),
        };
        match entry {
            Ok(entry) => list.push(&entry),
            Err(reason) => list.left_out(reason),
        }
    }
}

fn without_comment(text: &str) -> &str {
    text.split('#').next().unwrap_or(text)
}

fn is_own_name(name: &str) -> bool {
    OWN_NAMES.iter().any(|own| name.eq_ignore_ascii_case(own))
        || name.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("ip6-"))
}

fn leads_nowhere(address: IpAddr) -> bool {
    let address = address.to_canonical();
    address.is_unspecified() || address.is_loopback()
}
