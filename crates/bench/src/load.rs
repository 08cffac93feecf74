//! The load client, one for every server: batches of questions, batches of answers, each answer checked.
//!
//! One thread, meant for a core of its own. Each question comes from its own client's address, so that one machine
//! looks like a school. Ids are numbers in turn; a question whose id comes round again unanswered is lost.

use crate::error::BenchError;
use crate::machine::{Disturbance, Reading, cpu_ticks};
use crate::questions::{InForce, Questions};
use crate::sys::{self, BATCH, Inbox, Outgoing, Waiting};
use socket2::SockRef;
use std::net::{Ipv4Addr, SocketAddrV4, UdpSocket};
use std::time::{Duration, Instant};

const RECEIVE_BUFFER_BYTES: usize = 4 << 20;
const IDS: usize = 1 << 16;
/// After this long without any answer what is under way is given up.
const SILENCE: Duration = Duration::from_millis(250);
/// Ticks of `/proc` in a second (proc_pid_stat(5); the same on every Linux of today).
const TICKS_A_SECOND: f64 = 100.0;

/// How questions are sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pace {
    /// As fast as they are answered, this many under way.
    Window(usize),
    /// This many each second, answered or not.
    PerSecond(f64),
}

/// A server to be asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Server<'a> {
    pub(crate) address: SocketAddrV4,
    pub(crate) process: u32,
    /// Every process of the bench: what else runs is a disturbance.
    pub(crate) own: &'a [u32],
}

/// What came of it, warming-up left out.
#[derive(Clone, Copy, Default, Debug)]
pub(crate) struct Outcome {
    pub(crate) asked: u64,
    pub(crate) answered: u64,
    pub(crate) wrong: u64,
    pub(crate) lost: u64,
    pub(crate) seconds: f64,
    /// The server's CPU time.
    pub(crate) cpu_seconds: f64,
    pub(crate) disturbance: Disturbance,
}

impl Outcome {
    /// Answers a second.
    pub(crate) fn rate(&self) -> f64 {
        self.answered as f64 / self.seconds
    }

    /// CPU of the server for an answer, in microseconds.
    pub(crate) fn cpu_us(&self) -> f64 {
        1e6 * self.cpu_seconds / self.answered.max(1) as f64
    }

    /// How much of its core the server used.
    pub(crate) fn busy(&self) -> f64 {
        self.cpu_seconds / self.seconds
    }
}

/// What an answer is checked against.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Check {
    /// The question's right answer.
    Answers,
    /// That anything comes back under the id: an echo.
    Echo,
}

/// Whatever must happen while questions are asked: told how long it has been, it says which lists are in force.
pub(crate) type Meanwhile<'a> = &'a mut dyn FnMut(Duration) -> InForce;

/// The client.
pub(crate) struct Client {
    socket: UdpSocket,
    slots: Vec<Slot>,
    inbox: Inbox,
    next_id: u16,
    next_place: usize,
    under_way: usize,
    check: Check,
    counts: Outcome,
    in_force: InForce,
    /// Since when these lists have been in force: an answer under way at that moment may be by either.
    changed_at: u32,
    batches: u32,
}

#[derive(Clone, Copy, Default, Debug)]
struct Slot {
    place: u32,
    /// The batch it was sent in.
    batch: u32,
    waiting: bool,
}

impl Client {
    pub(crate) fn new(check: Check) -> Result<Self, BenchError> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).map_err(BenchError::Socket)?;
        SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES).map_err(BenchError::Socket)?;
        Ok(Self {
            socket,
            slots: vec![Slot::default(); IDS],
            inbox: Inbox::default(),
            next_id: 0,
            next_place: 0,
            under_way: 0,
            check,
            counts: Outcome::default(),
            in_force: InForce::Old,
            changed_at: 0,
            batches: 0,
        })
    }

    /// Asks for `warming`, then for `measured`.
    pub(crate) fn run(
        &mut self,
        server: Server<'_>,
        questions: &mut Questions,
        pace: Pace,
        times: [Duration; 2],
    ) -> Result<Outcome, BenchError> {
        self.run_meanwhile(server, questions, pace, (times, &mut |_| InForce::Old))
    }

    /// Asks while something else happens.
    pub(crate) fn run_meanwhile(
        &mut self,
        server: Server<'_>,
        questions: &mut Questions,
        pace: Pace,
        ([warming, measured], meanwhile): ([Duration; 2], Meanwhile<'_>),
    ) -> Result<Outcome, BenchError> {
        self.ask_for(server, questions, pace, (warming, &mut |_| InForce::Old))?;
        self.counts = Outcome::default();
        let ticks = cpu_ticks(server.process).unwrap_or(0);
        let reading = Reading::now(server.own);
        let begun = Instant::now();
        self.ask_for(server, questions, pace, (measured, meanwhile))?;
        self.counts.seconds = begun.elapsed().as_secs_f64();
        let used = cpu_ticks(server.process).unwrap_or(0).saturating_sub(ticks);
        self.counts.cpu_seconds = used as f64 / TICKS_A_SECOND;
        self.counts.disturbance = Reading::now(server.own).since(reading);
        let mut outcome = self.counts;
        self.gather(questions)?;
        // What came late was still answered; it counts for what is lost, and not for the rate.
        outcome.wrong = self.counts.wrong;
        outcome.lost = self.counts.lost;
        Ok(outcome)
    }

    fn ask_for(
        &mut self,
        server: Server<'_>,
        questions: &mut Questions,
        pace: Pace,
        (time, meanwhile): (Duration, Meanwhile<'_>),
    ) -> Result<(), BenchError> {
        let begun = Instant::now();
        let mut heard = begun;
        let mut asked = 0u64;
        loop {
            let now = Instant::now();
            let elapsed = now.duration_since(begun);
            if elapsed >= time {
                return Ok(());
            }
            self.now_in_force(meanwhile(elapsed));
            let due = match pace {
                Pace::Window(most) => most.saturating_sub(self.under_way),
                Pace::PerSecond(rate) => {
                    let due = whole(rate * elapsed.as_secs_f64()).saturating_sub(asked);
                    usize::try_from(due).unwrap_or(usize::MAX)
                }
            };
            // Small batches cost more than they are worth, for the client and for the server.
            if due >= BATCH {
                asked += self.ask(server.address, questions)? as u64;
            }
            let answered = self.take_answers(questions)?;
            if answered > 0 {
                heard = now;
            } else if matches!(pace, Pace::Window(_)) && now.duration_since(heard) > SILENCE {
                self.give_up();
                heard = now;
            } else if matches!(pace, Pace::PerSecond(_)) && due < BATCH {
                sys::wait_readable(&self.socket, Duration::from_micros(100));
            }
        }
    }

    fn now_in_force(&mut self, in_force: InForce) {
        if in_force != self.in_force {
            self.in_force = in_force;
            self.changed_at = self.batches;
        }
    }

    /// Sends one batch; how many questions the system took.
    fn ask(&mut self, to: SocketAddrV4, questions: &mut Questions) -> Result<usize, BenchError> {
        let first = self.next_place;
        let mut place = first;
        for turn in 0..BATCH {
            questions.number(place, self.next_id.wrapping_add(u16::try_from(turn).unwrap_or(0)));
            place = questions.after(place);
        }
        let mut batch = [Outgoing { bytes: &[], source: Ipv4Addr::LOCALHOST }; BATCH];
        place = first;
        for outgoing in &mut batch {
            if let Some((bytes, source)) = questions.question(place) {
                *outgoing = Outgoing { bytes, source };
            }
            place = questions.after(place);
        }
        self.batches = self.batches.saturating_add(1);
        let sent = sys::send(&self.socket, to, &batch).map_err(BenchError::Socket)?;
        for _ in 0..sent {
            self.put_under_way(self.next_place);
            self.next_place = questions.after(self.next_place);
        }
        Ok(sent)
    }

    fn put_under_way(&mut self, place: usize) {
        let batch = self.batches;
        let Some(slot) = self.slots.get_mut(usize::from(self.next_id)) else { return };
        if slot.waiting {
            self.counts.lost += 1;
        } else {
            self.under_way += 1;
        }
        *slot = Slot { place: u32::try_from(place).unwrap_or(0), batch, waiting: true };
        self.next_id = self.next_id.wrapping_add(1);
        self.counts.asked += 1;
    }

    /// Takes what is there; how many answers that were.
    fn take_answers(&mut self, questions: &Questions) -> Result<usize, BenchError> {
        let mut taken = 0;
        loop {
            let count = self.inbox.receive(&self.socket, Waiting::Never).map_err(BenchError::Socket)?;
            let (in_force, changed_at) = (self.in_force, self.changed_at);
            for answer in self.inbox.datagrams() {
                let Some(id) = answer.first_chunk().map(|id| u16::from_be_bytes(*id)) else { continue };
                let Some(slot) = self.slots.get_mut(usize::from(id)) else { continue };
                let place = usize::try_from(slot.place).unwrap_or(0);
                let right = match self.check {
                    Check::Echo => slot.waiting,
                    Check::Answers => {
                        let sent_before = slot.batch <= changed_at;
                        let in_force = if sent_before { InForce::Either } else { in_force };
                        questions.is_right(place, answer, in_force)
                    }
                };
                if slot.waiting && (right || questions.is_answer_to(place, answer)) {
                    slot.waiting = false;
                    self.under_way -= 1;
                    self.counts.answered += 1;
                    self.counts.wrong += u64::from(!right);
                } else if slot.waiting {
                    // Under the id of another question: either very late or another's answer. Late ones are counted as
                    // lost already; their question is of an earlier turn of the ids.
                    self.counts.wrong += 1;
                }
            }
            taken += count;
            if count < BATCH {
                return Ok(taken);
            }
        }
    }

    /// Waits for what is still under way, then counts it as lost.
    fn gather(&mut self, questions: &Questions) -> Result<(), BenchError> {
        while self.under_way > 0 {
            sys::wait_readable(&self.socket, SILENCE);
            if self.take_answers(questions)? == 0 {
                break;
            }
        }
        self.give_up();
        Ok(())
    }

    fn give_up(&mut self) {
        for slot in &mut self.slots {
            if std::mem::take(&mut slot.waiting) {
                self.counts.lost += 1;
            }
        }
        self.under_way = 0;
    }
}

/// The whole part of a number that is not negative.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "meant: the whole part, from 0 up"
)]
fn whole(number: f64) -> u64 {
    number.max(0.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;
    use crate::questions::Expected;
    use crate::school::School;
    use crate::upstream;
    use std::net::SocketAddr;

    #[test]
    fn a_server_that_answers_rightly_has_nothing_wrong_and_nothing_lost() {
        // So few at once that the system holds them all, however long one of the two waits for its turn.
        let SocketAddr::V4(address) = upstream::start().unwrap() else { panic!("IPv4") };
        let client = School::clients().next().unwrap();
        let mut questions = Questions::random(500, Names::new(1), 1, |random| {
            Some((random.below(1_000), client, Expected::Address))
        });
        let own = [std::process::id()];
        let server = Server { address, process: std::process::id(), own: &own };
        let mut asking = Client::new(Check::Answers).unwrap();
        let times = [Duration::ZERO, Duration::from_millis(50)];
        let outcome = asking.run(server, &mut questions, Pace::Window(64), times).unwrap();
        assert!(outcome.answered > 0 && outcome.wrong == 0 && outcome.lost == 0, "{outcome:?}");
        let paced = asking.run(server, &mut questions, Pace::PerSecond(10_000.0), times).unwrap();
        assert!((1..=500).contains(&paced.asked) && paced.wrong == 0 && paced.lost == 0, "{paced:?}");
    }
}
