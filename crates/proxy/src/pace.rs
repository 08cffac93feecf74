//! How fast one address may go on, so that nobody takes everybody's share.
//!
//! Invariants: it holds a bounded number of addresses; where it is full of busy ones, a further one is let through rather
//! than kept from the web.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The most addresses that are remembered at once.
const MOST_ADDRESSES: usize = 65_536;
/// How many seconds' worth an address that was quiet may take at once.
const BURST_S: u32 = 4;

/// So many a second for each address, and four times as many at once after a rest.
pub(crate) struct Pace {
    /// The time one takes; `None`: no limit.
    each: Option<Duration>,
    /// For each busy address, when it will have been quiet again.
    quiet_at: Mutex<HashMap<IpAddr, Instant>>,
}

impl Pace {
    /// `per_s` a second; 0: as many as anybody likes.
    pub(crate) fn new(per_s: u32) -> Self {
        let each = (per_s > 0).then(|| Duration::from_secs(1) / per_s);
        Self { each, quiet_at: Mutex::default() }
    }

    /// Whether an address may have one more now.
    pub(crate) fn allows(&self, client: IpAddr, now: Instant) -> bool {
        let Some(each) = self.each else { return true };
        let mut quiet_at = self.quiet_at.lock().unwrap_or_else(PoisonError::into_inner);
        if quiet_at.len() >= MOST_ADDRESSES && !quiet_at.contains_key(&client) {
            quiet_at.retain(|_, at| *at > now);
            if quiet_at.len() >= MOST_ADDRESSES {
                return true;
            }
        }
        let at = quiet_at.entry(client).or_insert(now);
        let next = (*at).max(now) + each;
        let allowed = next - now <= Duration::from_secs(BURST_S.into());
        if allowed {
            *at = next;
        }
        allowed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_was_quiet_may_hurry_and_then_goes_at_its_pace() {
        let pace = Pace::new(10);
        let [ash, elm]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let start = Instant::now();
        let at_once = (0..100).filter(|_| pace.allows(ash, start)).count();
        assert_eq!(at_once, 40);
        assert!(pace.allows(elm, start));
        assert!(!pace.allows(ash, start + Duration::from_millis(99)));
        assert!(pace.allows(ash, start + Duration::from_millis(100)));
        let later = start + Duration::from_secs(60);
        assert_eq!((0..100).filter(|_| pace.allows(ash, later)).count(), 40);
    }

    #[test]
    fn without_a_limit_everything_goes() {
        let pace = Pace::new(0);
        let now = Instant::now();
        assert!((0..10_000).all(|_| pace.allows("10.0.0.1".parse().unwrap(), now)));
    }

    #[test]
    fn the_memory_is_bounded_and_who_is_quiet_again_makes_room() {
        let pace = Pace::new(1);
        let start = Instant::now();
        let most = u32::try_from(MOST_ADDRESSES).unwrap();
        for number in 0..most + 10 {
            assert!(pace.allows(IpAddr::V4(number.into()), start));
        }
        assert_eq!(pace.quiet_at.lock().unwrap().len(), MOST_ADDRESSES);
        assert!(pace.allows("fd00::1".parse().unwrap(), start + Duration::from_secs(2)));
        assert_eq!(pace.quiet_at.lock().unwrap().len(), 1);
    }
}
