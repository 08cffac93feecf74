//! How often ways round the filter were tried today, for home.
//!
//! Left out: who tried; that stands in the history, under its readers. What cannot be seen is said to be unknown, never
//! shown as none.

use crate::views::HealthView;
use model::{Leaks, Timestamp, WayRound};

/// One row for all ways: what was tried today, the most tried first, how much of it was let through, and which ways may
/// be tried without anybody's seeing it.
pub(crate) fn row(leaks: &Leaks, now: Timestamp) -> HealthView {
    let counted = WayRound::ALL.into_iter().map(|way| (leaks.today(way, now), way));
    let mut tried: Vec<(u64, WayRound)> = counted.filter(|(tries, _)| *tries > 0).collect();
    tried.sort_by_key(|(tries, _)| std::cmp::Reverse(*tries));
    let seen: Vec<String> = tried
        .iter()
        .map(|(tries, way)| match leaks.let_through_today(*way, now) {
            0 => format!("{} {tries}", way.title()),
            through => format!("{} {tries} ({through} let through)", way.title()),
        })
        .collect();
    let seen = if seen.is_empty() { "none".to_owned() } else { seen.join(", ") };
    let unseen: Vec<&str> =
        WayRound::ALL.into_iter().filter(|way| is_unseen(*way)).map(WayRound::title).collect();
    HealthView {
        name: "Ways round the filter".to_owned(),
        state: "Unknown".to_owned(),
        detail: format!(
            "Tries seen today (UTC): {seen}. Not seen, or seen in part: {}; in connections that pass unread, also what \
             requests would show",
            unseen.join(", ")
        ),
        checked: now,
    }
}

/// True for a way that may be tried without being counted, whatever is read: the proxy sees no UDP; Tor and VPNs can be made
/// to look like any other TLS, and a hidden name like the noise that browsers send.
fn is_unseen(way: WayRound) -> bool {
    match way {
        WayRound::Quic | WayRound::Tor | WayRound::Vpn | WayRound::EncryptedHello => true,
        WayRound::EncryptedDns
        | WayRound::Fronting
        | WayRound::AddressLiteral
        | WayRound::OtherAddress
        | WayRound::TranslationOrArchive
        | WayRound::UnknownProtocol
        | WayRound::OddPort => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_has_its_numbers_and_what_cannot_be_seen_is_named() {
        let leaks = Leaks::default();
        let none = row(&leaks, Timestamp(1));
        assert_eq!(none.state, "Unknown");
        assert!(none.detail.starts_with("Tries seen today (UTC): none. Not seen"), "{}", none.detail);
        leaks.refused(WayRound::Fronting, Timestamp(0));
        leaks.refused(WayRound::EncryptedDns, Timestamp(0));
        leaks.let_through(WayRound::EncryptedDns, Timestamp(0));
        let some = row(&leaks, Timestamp(1)).detail;
        let expected =
            "Tries seen today (UTC): DNS past the school's 2 (1 let through), Domain fronting 1. Not seen";
        assert!(some.starts_with(expected), "{some}");
        assert!(some.contains("QUIC") && !some.contains("Odd ports"), "{some}");
    }
}
