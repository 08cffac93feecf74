//! The way of events from the edges to the history: many senders, one receiver, and a bound.
//!
//! Left out on purpose: waiting senders. What does not fit is lost and counted, since no child waits for a page because
//! the history is slow.
//!
//! Invariants: never more than its capacity waits; events of one sender keep their order. A receiver that has waited for
//! a first event lets some more gather, so that a busy sender does not wake it for each.

use crate::AccessEvent;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How long a receiver that waited lets events gather, after the first.
const GATHERING: Duration = Duration::from_millis(10);
/// How many it lets gather: few enough that they are still near the processor, many enough that waking costs nothing.
const ENOUGH: usize = 512;

/// Where the edges put events. Sending never waits: what does not fit is counted, and the console shows the count.
#[derive(Debug)]
pub struct EventSender(Arc<Queue>);

/// The other end, drained in batches by one thread of `app::intake`.
#[derive(Debug)]
pub struct EventReceiver(Arc<Queue>);

#[derive(Debug)]
struct Queue {
    waiting: Mutex<Waiting>,
    enough: Condvar,
    capacity: usize,
    senders: AtomicUsize,
    lost: AtomicU64,
}

#[derive(Debug, Default)]
struct Waiting {
    events: Vec<AccessEvent>,
    /// How many events the receiver sleeps for; 0 while it does not sleep.
    wanted: usize,
    receiver_is_gone: bool,
}

/// Makes a channel of at most `capacity` waiting events.
pub fn event_channel(capacity: usize) -> (EventSender, EventReceiver) {
    // All the room there will ever be: a sender that had to ask the system for more would wait for whoever else does.
    let waiting = Waiting { events: Vec::with_capacity(capacity), ..Waiting::default() };
    let queue = Arc::new(Queue {
        waiting: Mutex::new(waiting),
        enough: Condvar::new(),
        capacity,
        senders: AtomicUsize::new(1),
        lost: AtomicU64::new(0),
    });
    (EventSender(Arc::clone(&queue)), EventReceiver(queue))
}

impl EventSender {
    /// Sends without waiting; an event that does not fit is lost and counted.
    pub fn send(&self, event: AccessEvent) {
        let mut waiting = self.0.waiting();
        if waiting.receiver_is_gone || waiting.events.len() >= self.0.capacity {
            drop(waiting);
            self.0.lost.fetch_add(1, Ordering::Relaxed);
            return;
        }
        waiting.events.push(event);
        self.0.wake(&waiting);
    }

    /// Sends all of `events`, in their order, and leaves none there; those that do not fit are lost and counted.
    pub fn send_all(&self, events: &mut Vec<AccessEvent>) {
        if events.is_empty() {
            return;
        }
        let mut waiting = self.0.waiting();
        let free = self.0.capacity.saturating_sub(waiting.events.len());
        let room = if waiting.receiver_is_gone { 0 } else { free.min(events.len()) };
        waiting.events.extend(events.drain(..room));
        self.0.wake(&waiting);
        drop(waiting);
        self.0.lost.fetch_add(u64::try_from(events.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        events.clear();
    }

    /// Events lost since start, because history could not keep up.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }
}

impl Clone for EventSender {
    fn clone(&self) -> Self {
        self.0.senders.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for EventSender {
    fn drop(&mut self) {
        // Under the lock, so that a receiver that is about to sleep sees it.
        let waiting = self.0.waiting();
        if self.0.senders.fetch_sub(1, Ordering::AcqRel) == 1 {
            drop(waiting);
            self.0.enough.notify_all();
        }
    }
}

impl EventReceiver {
    /// Events lost since start, as [`EventSender::lost`] counts them.
    pub fn lost(&self) -> u64 {
        self.0.lost.load(Ordering::Relaxed)
    }

    /// Waits up to `wait` for a first event and takes what else is there or comes within a moment, at most `most`, into
    /// `batch`, whose events are let go of first. False when every sender is gone and nothing is left. The same `batch` is to
    /// be given each time: its room is the queue's the next time, so that nobody asks the system for any.
    pub fn batch(&self, wait: Duration, most: usize, batch: &mut Vec<AccessEvent>) -> bool {
        batch.clear();
        batch.reserve(self.0.capacity);
        let mut waiting = self.0.sleep(self.0.waiting(), 1, wait);
        if waiting.events.is_empty() {
            return !self.0.is_deserted();
        }
        // Never so many that those that come meanwhile find no room.
        let many = most.min(self.0.capacity / 2).min(ENOUGH);
        waiting = self.0.sleep(waiting, many, wait.min(GATHERING));
        if waiting.events.len() <= most {
            std::mem::swap(batch, &mut waiting.events);
        } else {
            batch.extend(waiting.events.drain(..most));
        }
        true
    }
}

impl Drop for EventReceiver {
    fn drop(&mut self) {
        self.0.waiting().receiver_is_gone = true;
    }
}

impl Queue {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_deserted(&self) -> bool {
        self.senders.load(Ordering::Acquire) == 0
    }

    fn wake(&self, waiting: &Waiting) {
        if waiting.wanted > 0 && waiting.events.len() >= waiting.wanted {
            self.enough.notify_one();
        }
    }

    /// Sleeps until `wanted` events wait, for `wait` at most, and not at all once no more can come.
    fn sleep<'a>(
        &self,
        mut waiting: MutexGuard<'a, Waiting>,
        wanted: usize,
        wait: Duration,
    ) -> MutexGuard<'a, Waiting> {
        waiting.wanted = wanted;
        let goes_on = |waiting: &mut Waiting| waiting.events.len() < wanted && !self.is_deserted();
        let slept = self.enough.wait_timeout_while(waiting, wait, goes_on);
        let (mut waiting, _) = slept.unwrap_or_else(PoisonError::into_inner);
        waiting.wanted = 0;
        waiting
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Channel, EventOutcome, Host, Layer, Timestamp};
    use std::net::{IpAddr, Ipv4Addr};

    const LONG: Duration = Duration::from_secs(60);

    fn event(at: i64) -> AccessEvent {
        AccessEvent {
            at: Timestamp(at),
            school: None,
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            person: None,
            known_by: None,
            known_since: None,
            known_until: None,
            device: None,
            group: None,
            channel: Channel::Dns,
            method: "A".into(),
            host: Host::parse("site.test").unwrap(),
            port: 0,
            path: String::new(),
            outcome: EventOutcome::Allowed,
            layer: Layer::Default,
            category: None,
            list: None,
            entry: None,
            policy: "ab".into(),
            lists: "cd".into(),
            status: None,
            bytes_up: 0,
            bytes_down: 0,
            took_ms: 0,
        }
    }

    /// The times of the next batch; `None` after the last.
    fn times(receiver: &EventReceiver, wait: Duration, most: usize) -> Option<Vec<i64>> {
        let mut batch = vec![event(0)];
        receiver.batch(wait, most, &mut batch).then(|| batch.iter().map(|event| event.at.0).collect())
    }

    #[test]
    fn events_come_in_their_order_in_batches_until_all_senders_are_gone() {
        let (sender, receiver) = event_channel(10);
        let other = sender.clone();
        assert_eq!(times(&receiver, Duration::ZERO, 4), Some(vec![]));
        sender.send(event(1));
        let mut more = vec![event(2), event(3), event(4), event(5)];
        other.send_all(&mut more);
        assert!(more.is_empty());
        assert_eq!(times(&receiver, LONG, 4), Some(vec![1, 2, 3, 4]));
        drop((sender, other));
        assert_eq!(times(&receiver, LONG, 4), Some(vec![5]));
        assert_eq!(times(&receiver, LONG, 4), None);
        assert_eq!(receiver.lost(), 0);
    }

    #[test]
    fn what_does_not_fit_is_lost_and_counted() {
        let (sender, receiver) = event_channel(3);
        sender.send(event(1));
        sender.send_all(&mut vec![event(2), event(3), event(4), event(5)]);
        sender.send(event(6));
        assert_eq!((sender.lost(), receiver.lost()), (3, 3));
        assert_eq!(times(&receiver, Duration::ZERO, 9), Some(vec![1, 2, 3]));
        drop(receiver);
        sender.send(event(7));
        sender.send_all(&mut vec![event(8)]);
        assert_eq!(sender.lost(), 5);
    }

    #[test]
    fn a_receiver_that_sleeps_wakes_for_events_and_for_the_end() {
        let (sender, receiver) = event_channel(2_000);
        let sending = std::thread::spawn(move || {
            for at in 0..1_000 {
                sender.send(event(at));
            }
        });
        let mut all = Vec::new();
        while let Some(batch) = times(&receiver, LONG, 7) {
            assert!(batch.len() <= 7);
            all.extend(batch);
        }
        sending.join().unwrap();
        assert_eq!(all, (0..1_000).collect::<Vec<i64>>());
    }
}
