//! How the questions of connections take their turn: at their client's pace, and in their share of what waits for the
//! upstreams. Questions by UDP have a pace of their own for each worker, and take from the same shares.

use crate::chain::{Chain, Pending};
use crate::config::RateLimit;
use crate::limit::{Limiter, Pace};
use crate::quota::Quota;
use model::Timestamp;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// What the questions of all connections share.
#[derive(Clone)]
pub(crate) struct Turns {
    waiting: Arc<Quota>,
    limiter: Arc<Mutex<Limiter>>,
}

impl Turns {
    /// `waiting` are the shares of what waits for the upstreams.
    pub(crate) fn new(waiting: &Arc<Quota>, rate_limit: RateLimit) -> Self {
        Self { waiting: Arc::clone(waiting), limiter: Arc::new(Mutex::new(Limiter::new(rate_limit))) }
    }

    /// True where a client may ask one more question now.
    pub(crate) fn may_ask(&self, address: IpAddr, now: Timestamp) -> bool {
        let mut limiter = self.limiter.lock().unwrap_or_else(PoisonError::into_inner);
        let whose = limiter.whose(address);
        limiter.pace(whose, now) == Pace::Within
    }

    /// Finishes a question with the upstreams, or declines it where too many wait for them.
    pub(crate) async fn finish(&self, chain: &Chain, pending: Pending) -> Vec<u8> {
        match self.waiting.take(pending.address()) {
            Some(_share) => chain.finish(pending).await,
            None => chain.decline(&pending),
        }
    }
}
