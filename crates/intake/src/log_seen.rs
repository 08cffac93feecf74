//! What is known of each sender of logs: when it was last heard of, what was taken of it, and what was not.

use model::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

/// What was seen of the senders since the start. Written by the listener, read by whoever asks.
#[derive(Debug)]
pub struct LogsSeen {
    pub(crate) senders: Vec<Tally>,
    pub(crate) unlisted: AtomicU64,
}

/// One sender's figures.
#[derive(Debug)]
pub(crate) struct Tally {
    pub name: Arc<str>,
    /// 0: never.
    last: AtomicI64,
    pub taken: AtomicU64,
    pub lost: AtomicU64,
    pub cut: AtomicU64,
}

/// What was seen of one sender since the start.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogSenderSeen {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// When its last line came; `None`: none did.
    pub last: Option<Timestamp>,
    /// Lines that were taken.
    pub taken: u64,
    /// Lines that were not: too many at once, or nobody to take them.
    pub lost: u64,
    /// Lines that were cut, since they were too long.
    pub cut: u64,
}

impl LogsSeen {
    /// For these senders, by their names.
    pub fn new(names: impl IntoIterator<Item = Arc<str>>) -> Self {
        let tally = |name| Tally {
            name,
            last: AtomicI64::new(0),
            taken: AtomicU64::new(0),
            lost: AtomicU64::new(0),
            cut: AtomicU64::new(0),
        };
        Self { senders: names.into_iter().map(tally).collect(), unlisted: AtomicU64::new(0) }
    }

    /// Every sender, in the order of the configuration.
    pub fn senders(&self) -> Vec<LogSenderSeen> {
        let seen = |tally: &Tally| LogSenderSeen {
            name: Arc::clone(&tally.name),
            last: Some(tally.last.load(Ordering::Relaxed)).filter(|at| *at > 0).map(Timestamp),
            taken: tally.taken.load(Ordering::Relaxed),
            lost: tally.lost.load(Ordering::Relaxed),
            cut: tally.cut.load(Ordering::Relaxed),
        };
        self.senders.iter().map(seen).collect()
    }

    /// Messages and connections of senders that are not listed.
    pub fn unlisted(&self) -> u64 {
        self.unlisted.load(Ordering::Relaxed)
    }
}

impl Tally {
    pub fn heard(&self, now: Timestamp) {
        self.last.store(now.0, Ordering::Relaxed);
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    pub fn lose(&self) {
        self.lost.fetch_add(1, Ordering::Relaxed);
    }
}
