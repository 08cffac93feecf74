//! `bench sign-in`: passwords through the lock-out and the turns to hash, beside straight calls of the same hash by the same
//! number of threads in the same run; and whether the time of a refusal says that a name exists.
//!
//! What of it needs a whole gate is in [`whole_gate`](crate::whole_gate); badges are in [`badge_bench`](crate::badge_bench).

use crate::BenchError;
use crate::Depth;
use crate::machine::{Disturbance, Reading};
use crate::row::{Row, Target};
use identity::{
    AccountSeen, Attempt, Factor, FreshDevices, HashingTurn, HashingTurns, HashingZone, IdentityError,
    LaneCounting, Lockout, LockoutRules, Origin, Password, Pepper, StoredHash, hash, verify,
};
use model::Clock;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Instant;

/// Sign-ins that wait at once, so that no thread is ever without work and nobody waits too long.
const AT_ONCE: usize = 8;
const RULES: LockoutRules = LockoutRules {
    attempts: 6,
    lock_ms: 900_000,
    counting: LaneCounting::ByLane,
    accounts: 10_000,
    fresh_devices: FreshDevices::GoOn,
};

pub(crate) fn rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let school = School::new()?;
    let (rounds, each, failures, pages) = match depth {
        Depth::Full => (5, 80, 1_000, 1_500),
        Depth::Quick => (2, 20, 60, 250),
    };
    let (mut disturbance, own) = (Disturbance::default(), std::process::id());
    let (mut shares, mut ours, mut raw) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let before = Reading::now(&[own]);
        let straight = school.straight(each)?;
        let through = school.through_turns(each, round)?;
        disturbance += Reading::now(&[own]).since(before);
        shares.push(through / straight);
        ours.push(through);
        raw.push(straight);
    }
    let machine = disturbance.verdict();
    crate::say::remark(&disturbance.words());
    let [known, unknown] = school.failures(failures)?;
    let gap = (median(&known) - median(&unknown)).abs();
    let p = mann_whitney(&known, &unknown);
    let mut rows = vec![
        Row::new(
            "password sign-ins, of what straight calls of the hash do",
            "share",
            median(&shares),
            Target::AtLeast(0.9),
        )
        .on(machine),
        Row::new(
            "password sign-ins at 19 MiB, two passes",
            "per second",
            median(&ours),
            Target::AtLeast(0.9 * median(&raw)),
        )
        .limit(median(&raw))
        .on(machine),
        Row::new("medians of refusals of known and unknown names, apart", "ms", gap, Target::AtMost(2.0)),
        Row::new(
            "that known and unknown names take the same time (Mann-Whitney)",
            "p",
            p,
            Target::AtLeast(0.01),
        ),
    ];
    rows.extend(crate::whole_gate::rows(pages)?);
    Ok(rows)
}

struct School {
    pepper: Pepper,
    password: Password,
    stored: StoredHash,
    threads: usize,
}

impl School {
    fn new() -> Result<Self, BenchError> {
        let pepper = Pepper::random()?;
        let password = Password::new("three-quiet-otters-swim")?;
        let stored = hash(&pepper, &password, [7; 16])?;
        // As the gate does it.
        let threads = thread::available_parallelism().map_or(1, usize::from).saturating_sub(1).max(1);
        Ok(Self { pepper, password, stored, threads })
    }

    /// Hashes per second by straight calls.
    fn straight(&self, each: usize) -> Result<f64, BenchError> {
        let begun = Instant::now();
        thread::scope(|scope| {
            let work = || (0..each).try_for_each(|_| self.verify_once(Some(&self.stored)));
            let threads: Vec<_> = (0..self.threads).map(|_| scope.spawn(work)).collect();
            threads
                .into_iter()
                .try_for_each(|thread| thread.join().unwrap_or(Err(IdentityError::NoRandomness)))
        })?;
        Ok((each * self.threads) as f64 / begun.elapsed().as_secs_f64())
    }

    /// Sign-ins per second through the lock-out and the turns, from three zones.
    fn through_turns(&self, each: usize, round: usize) -> Result<f64, BenchError> {
        let lockout = Mutex::new(Lockout::new(&self.pepper)?);
        let turns = HashingTurns::new(self.threads, Clock::System);
        let (sender, receiver) = channel::<(usize, HashingTurn)>();
        let receiver = Mutex::new(receiver);
        let total = each * self.threads;
        let (done, dones) = channel::<Result<(), IdentityError>>();
        let begun = Instant::now();
        let outcome = thread::scope(|scope| {
            for _ in 0..self.threads {
                let done = done.clone();
                scope.spawn(|| self.serve(&receiver, &lockout, round, done));
            }
            let ask = |number: usize| {
                let (sender, zone) =
                    (sender.clone(), HashingZone::Inside(u32::try_from(number % 3).unwrap_or(0)));
                turns.ask(zone, move |turn| {
                    if let Ok(turn) = turn {
                        // Nobody listens any more only where the bench has failed already.
                        let _ = sender.send((number, turn));
                    }
                });
            };
            (0..AT_ONCE.min(total)).for_each(ask);
            let mut outcome = Ok(());
            for number in 0..total {
                outcome = outcome.and(dones.recv().unwrap_or(Err(IdentityError::NoRandomness)));
                if number + AT_ONCE < total {
                    ask(number + AT_ONCE);
                }
            }
            drop(sender);
            outcome
        });
        outcome?;
        Ok(total as f64 / begun.elapsed().as_secs_f64())
    }

    /// One thread of the turns: takes each as it comes.
    fn serve(
        &self,
        receiver: &Mutex<Receiver<(usize, HashingTurn)>>,
        lockout: &Mutex<Lockout>,
        round: usize,
        done: std::sync::mpsc::Sender<Result<(), IdentityError>>,
    ) {
        loop {
            let next = receiver.lock().unwrap_or_else(PoisonError::into_inner).recv();
            let Ok((number, turn)) = next else { return };
            let login = format!("made-up-{round}-{number}");
            let from = Origin::SchoolDevice { device: login.as_bytes() };
            let outcome = self.sign_in(lockout, &login, from, Some(&self.stored));
            drop(turn);
            if done.send(outcome).is_err() {
                return;
            }
        }
    }

    fn sign_in(
        &self,
        lockout: &Mutex<Lockout>,
        login: &str,
        from: Origin<'_>,
        stored: Option<&StoredHash>,
    ) -> Result<(), IdentityError> {
        let account = if stored.is_some() { AccountSeen::Ordinary } else { AccountSeen::Unknown };
        let at = Clock::System.now();
        let attempt = Attempt { login, account, from, factor: Factor::Password, at };
        let locked = || lockout.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok(turn) = locked().admit(&attempt, &RULES) else { return Err(IdentityError::NoRandomness) };
        if verify(&self.pepper, &self.password, stored)? {
            locked().right(turn, at);
        } else {
            let _ = locked().wrong(turn, self.password.reveal(), &RULES, at);
        }
        Ok(())
    }

    fn verify_once(&self, stored: Option<&StoredHash>) -> Result<(), IdentityError> {
        verify(&self.pepper, &self.password, stored).map(drop)
    }

    /// Milliseconds of so many refusals of each kind, known names first; they take turns, so that what the machine does
    /// meanwhile falls on both.
    fn failures(&self, each: usize) -> Result<[Vec<f64>; 2], BenchError> {
        let lockout = Mutex::new(Lockout::new(&self.pepper)?);
        let other = Arc::new(hash(&self.pepper, &Password::new("another one altogether")?, [8; 16])?);
        let (mut known, mut unknown) = (Vec::new(), Vec::new());
        for number in 0..2 * each {
            // By pairs, and each second pair turned round.
            let is_known = (number + number / 2) % 2 == 0;
            let login = format!("made-up-{number}");
            let from = Origin::SchoolDevice { device: login.as_bytes() };
            let begun = Instant::now();
            self.sign_in(&lockout, &login, from, is_known.then_some(&*other))?;
            let took = begun.elapsed().as_secs_f64() * 1_000.0;
            if is_known { known.push(took) } else { unknown.push(took) }
        }
        Ok([known, unknown])
    }
}

fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// How likely a difference as great as this is where there is none: the two-sided test of Mann and Whitney (1947), by the
/// normal distribution.
fn mann_whitney(one: &[f64], other: &[f64]) -> f64 {
    let mut all: Vec<(f64, bool)> = one.iter().map(|figure| (*figure, true)).collect();
    all.extend(other.iter().map(|figure| (*figure, false)));
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let ranks: f64 =
        (1u32..).zip(&all).filter(|(_, (_, is_one))| *is_one).map(|(rank, _)| f64::from(rank)).sum();
    let (n, m) = (one.len() as f64, other.len() as f64);
    let u = ranks - n * (n + 1.0) / 2.0;
    let deviation = (n * m * (n + m + 1.0) / 12.0).sqrt();
    if deviation == 0.0 {
        return 1.0;
    }
    two_sided((u - n * m / 2.0).abs() / deviation)
}

/// The share of a normal distribution further out than `z` deviations on either side: Abramowitz and Stegun 7.1.26, to seven
/// places.
fn two_sided(z: f64) -> f64 {
    let x = z / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let sum = [1.061_405_429, -1.453_152_027, 1.421_413_741, -0.284_496_736, 0.254_829_592];
    sum.iter().fold(0.0, |value, factor| (value + factor) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_test_of_mann_and_whitney_tells_apart_what_differs() {
        let even: Vec<f64> = (0..200).map(|number| f64::from(number * 2)).collect();
        let odd: Vec<f64> = (0..200).map(|number| f64::from(number * 2 + 1)).collect();
        assert!(mann_whitney(&even, &odd) > 0.9);
        let later: Vec<f64> = even.iter().map(|figure| figure + 150.0).collect();
        assert!(mann_whitney(&even, &later) < 0.001);
        assert!((two_sided(1.96) - 0.05).abs() < 0.000_1 && (two_sided(0.0) - 1.0).abs() < 0.000_1);
        assert!((median(&[3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
    }
}
