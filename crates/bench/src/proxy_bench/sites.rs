//! The made-up web that is asked for: its sites, their addresses and what they say.
//!
//! Each site has an address of its own on the loopback interface, so that ports do not run out. What a page or a bulk body
//! says follows from its number, so that client and origin know it without telling each other.

use app::made_up::Random;
use std::fmt::Write as _;
use std::net::Ipv4Addr;

/// The port of every site: e2guardian inspects no other.
pub(crate) const PORT: u16 = 443;
/// Bytes of a small page.
pub(crate) const PAGE_BYTES: usize = 1_024;
/// How many small pages a site has.
pub(crate) const PAGES: usize = 64;
/// Bytes of a bulk body, which is the same block again and again.
pub(crate) const BULK_BYTES: usize = 256 << 20;
/// Bytes of the block.
pub(crate) const BLOCK_BYTES: usize = 64 << 10;
/// The site that the policy's bypass list names: its tunnels are passed unread.
const UNREAD: &str = "bank.test";
/// Sites whose tunnels are opened; the wrapper that gives e2guardian its hosts holds no more than fifty.
const OPENED: u8 = 40;

/// A site.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Site {
    pub(crate) name: String,
    pub(crate) address: Ipv4Addr,
}

/// The sites whose tunnels are opened.
pub(crate) fn opened() -> Vec<Site> {
    let site = |number| Site {
        name: format!("site{number:02}.bench.test"),
        address: Ipv4Addr::new(127, 2, 0, number + 1),
    };
    (0..OPENED).map(site).collect()
}

/// The site whose tunnels are passed unread.
pub(crate) fn unread() -> Site {
    Site { name: UNREAD.into(), address: Ipv4Addr::new(127, 2, 1, 1) }
}

/// Every site.
pub(crate) fn all() -> Vec<Site> {
    let mut sites = opened();
    sites.push(unread());
    sites
}

/// The sites as lines of a hosts file (hosts(5)).
pub(crate) fn hosts_file() -> String {
    let mut text = String::from("127.0.0.1 localhost\n");
    for site in all() {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{} {}", site.address, site.name);
    }
    text
}

/// What the small pages say, by their numbers.
pub(crate) fn pages() -> Vec<Vec<u8>> {
    (0..PAGES as u64).map(|number| letters(number, PAGE_BYTES)).collect()
}

/// What a bulk body repeats.
pub(crate) fn block() -> Vec<u8> {
    letters(u64::MAX, BLOCK_BYTES)
}

fn letters(seed: u64, bytes: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..bytes).map(|_| b'a' + u8::try_from(random.below(26)).unwrap_or(0)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_pages_and_no_two_sites_are_the_same() {
        assert_eq!(pages().iter().collect::<HashSet<_>>().len(), PAGES);
        assert!(pages().iter().all(|page| page.len() == PAGE_BYTES));
        let (names, addresses): (HashSet<_>, HashSet<_>) =
            all().into_iter().map(|site| (site.name, site.address)).unzip();
        assert_eq!((names.len(), addresses.len()), (all().len(), all().len()));
    }

    #[test]
    fn a_bulk_body_is_a_whole_number_of_blocks() {
        assert_eq!(block().len(), BLOCK_BYTES);
        assert_eq!(BULK_BYTES % BLOCK_BYTES, 0);
    }
}
