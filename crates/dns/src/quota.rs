//! How much may go on at once: in all, and for one address, so that nobody takes everybody's share.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number of shares, given out and taken back.
#[derive(Debug)]
pub(crate) struct Quota {
    what: &'static str,
    total: usize,
    each: usize,
    held: Mutex<Held>,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct Held {
    total: usize,
    by_address: HashMap<IpAddr, usize>,
}

/// One share; it goes back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    quota: Arc<Quota>,
    address: IpAddr,
}

impl Quota {
    /// `total` shares, at most `each` for one address (an IPv6 network of 64 bits counts as one). `what` is for the log.
    pub(crate) fn new(what: &'static str, total: usize, each: usize) -> Arc<Self> {
        Arc::new(Self { what, total, each, held: Mutex::default(), refused: AtomicU64::new(0) })
    }

    /// Takes a share; `None` when there is none left, which is counted.
    pub(crate) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let address = counted_as(address);
        let mut held = self.held();
        let mine = held.by_address.get(&address).copied().unwrap_or(0);
        if held.total >= self.total || mine >= self.each {
            drop(held);
            self.refuse();
            return None;
        }
        held.total += 1;
        held.by_address.insert(address, mine + 1);
        Some(Share { quota: Arc::clone(self), address })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Logs the first refusal and then at every doubling, so that a flood does not flood the log.
    fn refuse(&self) {
        let refused = self.refused.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        if refused.is_power_of_two() {
            tracing::warn!(what = self.what, refused, "more than the DNS server takes on at once");
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.quota.held();
        held.total = held.total.saturating_sub(1);
        if let Some(mine) = held.by_address.get_mut(&self.address) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                held.by_address.remove(&self.address);
            }
        }
    }
}

fn counted_as(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_his_share_and_a_share_that_ends_is_free_again() {
        let quota = Quota::new("tests", 3, 2);
        let [ash, elm]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let first = quota.take(ash).unwrap();
        let _second = quota.take(ash).unwrap();
        assert!(quota.take(ash).is_none());
        let _third = quota.take(elm).unwrap();
        assert!(quota.take(elm).is_none());
        drop(first);
        assert!(quota.take(elm).is_some());
        assert_eq!(quota.held().by_address.len(), 2);
    }

    #[test]
    fn addresses_of_one_ipv6_network_count_as_one() {
        let quota = Quota::new("tests", 9, 1);
        let _share = quota.take("2001:db8::1".parse().unwrap()).unwrap();
        assert!(quota.take("2001:db8::2".parse().unwrap()).is_none());
        assert!(quota.take("2001:db8:0:1::2".parse().unwrap()).is_some());
    }
}
