//! A school day with pupils at mischief and a bot-net outside, the same for several rules of locking out, so that governors
//! see what each costs.
//!
//! [`day`] writes down who tries what, where and when, from a seed; [`run`] plays it through one rule. People answer to what
//! the rule says: they wait out a short wait and try again, and give up where they are turned away for longer. The bots' next
//! guess at an account is the first that was not compared yet.
//!
//! Left out on purpose: how long hashing takes, and people who forgot their password for good: no rule helps them.
//!
//! Invariants: no clock and no randomness but the seed's; two runs are the same to the last figure.

mod ours;
mod peers;
mod school_day;

pub use school_day::{SchoolDay, day};

use crate::IdentityError;
use school_day::{ACCOUNTS, Episode, Seat, TEACHERS};
use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

/// Somebody who is told to wait longer than this gives up.
const PATIENCE_MS: i64 = 60_000;
/// Somebody who is told to wait so often gives up.
const MOST_WAITS: u32 = 6;
/// Between one try and the next of somebody who mistyped.
const TYPING_MS: i64 = 6_000;

/// A rule that can be simulated.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SimulatedRule {
    /// Lanes: what the program does unless the policy says otherwise.
    Lanes,
    /// The policy's words taken literally: six in a row lock the account everywhere.
    Literal,
    /// Keycloak 26 with brute-force detection switched on, at its defaults.
    Keycloak,
    /// Authelia 4 at its defaults.
    Authelia,
    /// Rauthy 0.35 at its defaults, standing outside the school, which is one address to it.
    RauthyHosted,
    /// The same inside the school, where it sees each device's own address.
    RauthyOnSite,
}

impl SimulatedRule {
    /// Every rule, ours first.
    pub const ALL: [Self; 6] =
        [Self::Lanes, Self::Literal, Self::Keycloak, Self::Authelia, Self::RauthyHosted, Self::RauthyOnSite];

    /// The name in tables.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Lanes => "schoolgate-lanes",
            Self::Literal => "literal-six",
            Self::Keycloak => "keycloak",
            Self::Authelia => "authelia",
            Self::RauthyHosted => "rauthy-hosted",
            Self::RauthyOnSite => "rauthy-on-site",
        }
    }

    fn made(self) -> Result<Box<dyn Rule>, IdentityError> {
        Ok(match self {
            Self::Lanes => Box::new(ours::Ours::new(crate::LaneCounting::ByLane)?),
            Self::Literal => Box::new(ours::Ours::new(crate::LaneCounting::ByAccount)?),
            Self::Keycloak => Box::new(peers::Keycloak::default()),
            Self::Authelia => Box::new(peers::Authelia::default()),
            Self::RauthyHosted => Box::new(peers::Rauthy::new(peers::Stands::Outside)),
            Self::RauthyOnSite => Box::new(peers::Rauthy::new(peers::Stands::Inside)),
        })
    }
}

/// What became of the day.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DayOutcome {
    /// By which rule.
    pub rule: SimulatedRule,
    /// Teachers who had the right password, were turned away, and had no other way in.
    pub teachers_locked: u32,
    /// Pupils to whom the same happened.
    pub pupils_locked: u32,
    /// Sign-ins that honest people began.
    pub honest: u32,
    /// Those that succeeded.
    pub honest_succeeded: u32,
    /// Of those, with a passkey after the password was turned away.
    pub by_passkey: u32,
    /// Accounts with a password that the bots guess sooner or later.
    pub weak: u32,
    /// Those that they opened.
    pub broken_into: u32,
}

impl DayOutcome {
    /// Honest sign-ins that succeeded, of all: 0 to 1.
    pub fn honest_success(&self) -> f64 {
        f64::from(self.honest_succeeded) / f64::from(self.honest.max(1))
    }

    /// Weak accounts that were opened, of all: 0 to 1.
    pub fn attacker_success(&self) -> f64 {
        f64::from(self.broken_into) / f64::from(self.weak.max(1))
    }
}

/// What a rule is asked.
#[derive(Clone, Copy, Debug)]
struct Try {
    at: i64,
    /// From [`ACCOUNTS`] on there is none of the name.
    account: u32,
    /// The same number is the same secret.
    secret: u32,
    seat: Seat,
}

/// What a rule says before anything is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Say {
    Go,
    NotBefore(i64),
}

/// A rule of locking out.
trait Rule {
    /// Whether this is compared now. Whatever is let through is answered by [`Rule::heard`] before the next.
    fn ask(&mut self, attempt: &Try) -> Say;
    /// Whether it was right.
    fn heard(&mut self, attempt: &Try, right: bool);
    /// Whether a passkey opens the account though the password is turned away.
    fn takes_passkey(&self, attempt: &Try) -> bool;
}

/// Plays the day through a rule.
///
/// # Errors
/// [`IdentityError::NoRandomness`].
pub fn run(day: &SchoolDay, rule: SimulatedRule) -> Result<DayOutcome, IdentityError> {
    let mut playing = Playing::new(day, rule.made()?);
    while let Some(Reverse((at, _, what))) = playing.queue.pop() {
        playing.step(at, what);
    }
    Ok(playing.outcome(rule))
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum What {
    Honest { episode: usize, wrong_left: u32, waits: u32 },
    Mischief { guess: usize },
    Bot { guess: usize },
}

struct Playing<'d> {
    day: &'d SchoolDay,
    rule: Box<dyn Rule>,
    queue: BinaryHeap<Reverse<(i64, usize, What)>>,
    order: usize,
    /// The bots' next guess at each account.
    next_guess: Vec<u32>,
    broken_into: BTreeSet<u32>,
    turned_away: BTreeSet<u32>,
    succeeded: u32,
    by_passkey: u32,
}

impl<'d> Playing<'d> {
    fn new(day: &'d SchoolDay, rule: Box<dyn Rule>) -> Self {
        let honest = day
            .episodes
            .iter()
            .enumerate()
            .map(|(episode, one)| (one.at, What::Honest { episode, wrong_left: one.wrong, waits: 0 }));
        let mischief = day.mischief.iter().enumerate().map(|(guess, one)| (one.at, What::Mischief { guess }));
        let bots = day.bots.iter().enumerate().map(|(guess, one)| (one.at, What::Bot { guess }));
        let all = honest.chain(mischief).chain(bots).enumerate();
        let queue: BinaryHeap<_> = all.map(|(order, (at, what))| Reverse((at, order, what))).collect();
        let order = queue.len();
        let accounts = usize::try_from(ACCOUNTS).unwrap_or(0);
        Self {
            day,
            rule,
            queue,
            order,
            next_guess: vec![0; accounts],
            broken_into: BTreeSet::new(),
            turned_away: BTreeSet::new(),
            succeeded: 0,
            by_passkey: 0,
        }
    }

    fn step(&mut self, at: i64, what: What) {
        match what {
            What::Honest { episode, wrong_left, waits } => self.honest(at, episode, wrong_left, waits),
            What::Mischief { guess } => {
                let attempt = self.day.mischief.get(guess).copied();
                if let Some(attempt) = attempt.filter(|attempt| self.rule.ask(attempt) == Say::Go) {
                    self.rule.heard(&attempt, false);
                }
            }
            What::Bot { guess } => self.bot(guess),
        }
    }

    fn honest(&mut self, at: i64, number: usize, wrong_left: u32, waits: u32) {
        let Some(episode) = self.day.episodes.get(number).copied() else { return };
        let attempt = episode.attempt(at, wrong_left);
        let what = |wrong_left, waits| What::Honest { episode: number, wrong_left, waits };
        match self.rule.ask(&attempt) {
            Say::Go if episode.repeats => self.rule.heard(&attempt, false),
            Say::NotBefore(_) if episode.repeats => {}
            Say::Go if wrong_left == 0 => {
                self.rule.heard(&attempt, true);
                self.succeeded += 1;
            }
            Say::Go => {
                self.rule.heard(&attempt, false);
                self.later(at + TYPING_MS, what(wrong_left - 1, waits));
            }
            Say::NotBefore(until) if until - at <= PATIENCE_MS && waits < MOST_WAITS => {
                self.later(until.max(at + 1), what(wrong_left, waits + 1));
            }
            Say::NotBefore(_) => self.turned_away(&episode, &attempt),
        }
    }

    fn turned_away(&mut self, episode: &Episode, attempt: &Try) {
        if episode.has_passkey && self.rule.takes_passkey(attempt) {
            self.succeeded += 1;
            self.by_passkey += 1;
        } else {
            self.turned_away.insert(episode.account);
        }
    }

    fn bot(&mut self, number: usize) {
        let Some(guess) = self.day.bots.get(number).copied() else { return };
        let next = usize::try_from(guess.account).ok().and_then(|account| self.next_guess.get_mut(account));
        let rank = next.as_deref().copied().unwrap_or(guess.secret);
        let attempt = Try { secret: school_day::secret_of_rank(rank), ..guess };
        if self.rule.ask(&attempt) != Say::Go {
            return;
        }
        if let Some(next) = next {
            *next += 1;
        }
        let right = self.day.weak.get(&guess.account) == Some(&rank);
        self.rule.heard(&attempt, right);
        if right {
            self.broken_into.insert(guess.account);
        }
    }

    fn later(&mut self, at: i64, what: What) {
        self.queue.push(Reverse((at, self.order, what)));
        self.order += 1;
    }

    fn outcome(self, rule: SimulatedRule) -> DayOutcome {
        let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        let teachers = count(self.turned_away.iter().filter(|account| **account < TEACHERS).count());
        // A device that repeats an old password is nobody who signs in.
        let honest = self.day.episodes.iter().filter(|episode| !episode.repeats).count();
        DayOutcome {
            rule,
            teachers_locked: teachers,
            pupils_locked: count(self.turned_away.len()) - teachers,
            honest: count(honest),
            honest_succeeded: self.succeeded,
            by_passkey: self.by_passkey,
            weak: count(self.day.weak.len()),
            broken_into: count(self.broken_into.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_lanes_no_teacher_is_locked_out_and_honest_people_get_in() {
        let long = std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1");
        for seed in 1..=if long { 20 } else { 2 } {
            let day = day(seed).unwrap();
            let ours = run(&day, SimulatedRule::Lanes).unwrap();
            assert_eq!(ours.teachers_locked, 0, "seed {seed}: {ours:?}");
            assert!(ours.honest_success() >= 0.995, "seed {seed}: {ours:?}");
            let literal = run(&day, SimulatedRule::Literal).unwrap();
            assert!(literal.teachers_locked > 10, "what the literal rule costs: {literal:?}");
            assert!(ours.attacker_success() <= literal.attacker_success(), "{ours:?} {literal:?}");
        }
    }

    #[test]
    fn two_runs_of_a_seed_are_the_same_and_of_two_seeds_are_not() {
        let outcome = |seed| run(&day(seed).unwrap(), SimulatedRule::Lanes).unwrap();
        assert_eq!(outcome(5), outcome(5));
        assert_ne!(
            day(5).unwrap().bots.first().map(|bot| bot.at),
            day(6).unwrap().bots.first().map(|bot| bot.at)
        );
    }

    /// A rule that lets everything through: what the day is without any.
    struct None;

    impl Rule for None {
        fn ask(&mut self, _: &Try) -> Say {
            Say::Go
        }
        fn heard(&mut self, _: &Try, _: bool) {}
        fn takes_passkey(&self, _: &Try) -> bool {
            true
        }
    }

    #[test]
    fn without_any_rule_everybody_gets_in_and_most_weak_accounts_fall() {
        let day = day(1).unwrap();
        let mut playing = Playing::new(&day, Box::new(None));
        while let Some(Reverse((at, _, what))) = playing.queue.pop() {
            playing.step(at, what);
        }
        let outcome = playing.outcome(SimulatedRule::Lanes);
        assert_eq!((outcome.teachers_locked, outcome.pupils_locked, outcome.by_passkey), (0, 0, 0));
        assert_eq!(outcome.honest, outcome.honest_succeeded);
        assert!(outcome.attacker_success() > 0.6, "{outcome:?}");
    }
}
