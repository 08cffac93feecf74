//! How much one address may hold at once, so that nobody takes everybody's share.
//!
//! Left out: how much there is in all, which each listener bounds in its own way. Addresses count one by one: a class
//! behind one IPv6 prefix is many people.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A number of shares for each address, given out and taken back. It holds no more addresses than shares are out.
#[derive(Debug)]
pub struct Shares {
    each: usize,
    held: Mutex<HashMap<IpAddr, usize>>,
}

/// One share; it goes back when it is dropped.
#[derive(Debug)]
pub struct Share {
    shares: Arc<Shares>,
    address: IpAddr,
}

impl Shares {
    /// `each` shares for every address.
    pub fn new(each: usize) -> Arc<Self> {
        Arc::new(Self { each, held: Mutex::default() })
    }

    /// Takes a share; `None` when the address has all of its own.
    pub fn take(self: &Arc<Self>, address: IpAddr) -> Option<Share> {
        let address = address.to_canonical();
        let mut held = self.held();
        let mine = held.get(&address).copied().unwrap_or(0);
        if mine >= self.each {
            return None;
        }
        held.insert(address, mine + 1);
        Some(Share { shares: Arc::clone(self), address })
    }

    fn held(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut held = self.shares.held();
        if let Some(mine) = held.get_mut(&self.address) {
            *mine = mine.saturating_sub(1);
            if *mine == 0 {
                held.remove(&self.address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_takes_more_than_a_share_and_what_goes_back_is_free_and_forgotten() {
        let shares = Shares::new(2);
        let [ash, elm]: [IpAddr; 2] = ["10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap()];
        let first = shares.take(ash).unwrap();
        let second = shares.take("::ffff:10.0.0.1".parse().unwrap()).unwrap();
        assert!(shares.take(ash).is_none());
        let other = shares.take(elm).unwrap();
        drop(first);
        let again = shares.take(ash).unwrap();
        assert!(shares.take(ash).is_none());
        drop((second, other, again));
        assert!(shares.held().is_empty());
    }
}
