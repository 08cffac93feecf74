//! What is remembered between batches.
//!
//! Invariants: at most [`MOST_TRAILS`] people; past that, those not seen for longest are forgotten. People of a day are
//! counted up to what the rule asks for, by fingerprint.

use crate::trail::{Moment, Trail, Walker};
use foldhash::HashMap;
use foldhash::fast::FixedState;
use model::{Day, SchoolId, Theme, Timestamp};
use std::collections::VecDeque;
use std::hash::BuildHasher as _;

/// The most people, devices and addresses that are remembered.
pub(crate) const MOST_TRAILS: usize = 16_384;
/// The most schools whose people are counted together.
const MOST_CROWDS: usize = 1_024;
/// The most people of a crowd that are told apart.
pub(crate) const MOST_OF_CROWD: usize = 64;

/// What monitoring remembers: who was found with what. Personal, and saved only where the history is.
#[derive(Default, Debug)]
pub struct State {
    pub(crate) trails: HashMap<Walker, Trail>,
    /// Whose words wait, oldest first.
    pub(crate) typing: VecDeque<(Timestamp, Walker)>,
    pub(crate) crowds: HashMap<(Option<SchoolId>, Theme), Crowd>,
    /// When open alerts were last gone through.
    pub(crate) swept: Option<Timestamp>,
}

/// The people of one school with one theme.
#[derive(Default, Debug)]
pub(crate) struct Crowd {
    /// Fingerprint and newest day of each.
    pub(crate) people: Vec<(u64, Day)>,
    /// The day on which it was told.
    pub(crate) told: Option<Day>,
}

impl State {
    /// How many people, devices and addresses are remembered.
    pub fn remembered(&self) -> usize {
        self.trails.len()
    }

    /// The trail of whoever made an event, made where it is new.
    pub(crate) fn trail(&mut self, walker: Walker, at: Timestamp) -> &mut Trail {
        if self.trails.len() >= MOST_TRAILS && !self.trails.contains_key(&walker) {
            self.forget_oldest();
        }
        let trail = self.trails.entry(walker).or_default();
        trail.seen = trail.seen.max(Some(at));
        trail
    }

    /// Forgets the sixteenth part that was not seen for longest.
    fn forget_oldest(&mut self) {
        let mut seen: Vec<Option<Timestamp>> = self.trails.values().map(|trail| trail.seen).collect();
        let sixteenth = seen.len() / 16;
        let (_, newest_to_go, _) = seen.select_nth_unstable(sixteenth);
        let newest_to_go = *newest_to_go;
        self.trails.retain(|_, trail| trail.seen > newest_to_go);
    }

    /// How many people of the moment's school were found with a theme within `days`; nothing where that was told today.
    pub(crate) fn crowd(
        &mut self,
        theme: Theme,
        walker: Walker,
        moment: &Moment,
        days: u32,
    ) -> Option<&mut Crowd> {
        let key = (moment.school().cloned(), theme);
        if self.crowds.len() >= MOST_CROWDS && !self.crowds.contains_key(&key) {
            return None;
        }
        let today = moment.at.day();
        let oldest = today.0.saturating_sub(i32::try_from(days).unwrap_or(i32::MAX));
        let crowd = self.crowds.entry(key).or_default();
        crowd.people.retain(|(_, day)| day.0 > oldest);
        let person = FixedState::with_seed(0).hash_one(walker);
        if let Some((_, day)) = crowd.people.iter_mut().find(|(other, _)| *other == person) {
            *day = today.max(*day);
        } else if crowd.people.len() < MOST_OF_CROWD {
            crowd.people.push((person, today));
        }
        (crowd.told != Some(today)).then_some(crowd)
    }
}
