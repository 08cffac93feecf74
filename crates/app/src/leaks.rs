//! How often ways round the filter were tried, way by way, for home.
//!
//! Left out: who tried; that stands in the history, under its readers. What cannot be seen is said to be unknown, never
//! shown as none.

use crate::views::HealthView;
use model::{Leaks, Timestamp, WayRound};

/// A row for each way, in the order of the catalogue.
pub(crate) fn rows(leaks: &Leaks, now: Timestamp) -> Vec<HealthView> {
    WayRound::ALL.into_iter().map(|way| row(way, leaks.today(way, now), now)).collect()
}

fn row(way: WayRound, tries: u64, now: Timestamp) -> HealthView {
    let seen = if tries == 1 { "1 try".to_owned() } else { format!("{tries} tries") };
    let (state, detail) = match (blind_spot(way), tries) {
        (Some(why), 0) => ("Unknown", why.to_owned()),
        (Some(why), _) => ("Unknown", format!("{seen} seen today (UTC). {why}")),
        (None, _) => ("Working", format!("{seen} seen today (UTC)")),
    };
    HealthView { name: format!("Tries: {}", way.title()), state: state.to_owned(), detail, checked: now }
}

/// Why a way may be tried without being seen; `None` where the proxy sees every try on connections that it carries.
fn blind_spot(way: WayRound) -> Option<&'static str> {
    match way {
        WayRound::Quic => Some("The proxy sees no UDP: only the network can tell"),
        WayRound::Tor => Some("Names tell it, and nothing else: inside TLS it looks like any site"),
        WayRound::Vpn => Some("Tunnels that look like any TLS are not seen"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_seen_is_unknown_and_the_rest_has_its_number() {
        let leaks = Leaks::default();
        for _ in 0..2 {
            leaks.count(WayRound::EncryptedDns, Timestamp(0));
        }
        leaks.count(WayRound::Vpn, Timestamp(0));
        let rows = rows(&leaks, Timestamp(1));
        assert_eq!(rows.len(), WayRound::ALL.len());
        let row = |way: WayRound| {
            let name = format!("Tries: {}", way.title());
            let row = rows.iter().find(|row| row.name == name).unwrap();
            (row.state.as_str(), row.detail.as_str())
        };
        assert_eq!(row(WayRound::EncryptedDns), ("Working", "2 tries seen today (UTC)"));
        assert_eq!(row(WayRound::Fronting), ("Working", "0 tries seen today (UTC)"));
        assert_eq!(row(WayRound::Quic).0, "Unknown");
        assert!(row(WayRound::Vpn).1.starts_with("1 try seen today"));
    }
}
