//! People as the filter and the console need them: who they are to which school, and how to speak to them.

use crate::{PersonId, Role, Scope};
use std::fmt;

/// A person on the roster. The login and the name are personal data: they go to screens that ask for them, never to logs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The person's id.
    pub id: PersonId,
    /// The name the person signs in with, lower case.
    pub login: String,
    /// The name a register would show.
    pub display_name: String,
    /// What the person is, where; at least one.
    pub affiliations: Vec<Affiliation>,
}

impl Person {
    /// The affiliation that counts at `place`: the first whose scope covers it.
    pub fn affiliation_at(&self, place: &Scope) -> Option<&Affiliation> {
        self.affiliations.iter().find(|affiliation| affiliation.scope.covers(place))
    }
}

/// What a person is to a school or to the trust.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Affiliation {
    /// Where it holds.
    pub scope: Scope,
    /// What the person is there.
    pub role: Role,
    /// A learner's year group; `None` for everybody else.
    pub year: Option<YearGroup>,
}

/// A year group of the national curriculum: −1 nursery, 0 reception, 1 to 13.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct YearGroup(i8);

impl YearGroup {
    /// Reads `N` (nursery), `R` (reception) or `1` to `13`; `None` for anything else.
    pub fn parse(text: &str) -> Option<Self> {
        match text.trim() {
            "N" | "n" => Some(Self(-1)),
            "R" | "r" => Some(Self(0)),
            number => number.parse::<i8>().ok().filter(|year| (1..=13).contains(year)).map(Self),
        }
    }

    /// The number of the national curriculum: −1 to 13.
    pub fn number(self) -> i8 {
        self.0
    }

    /// The stage whose words this year group reads.
    pub fn stage(self) -> Stage {
        match self.0 {
            ..=2 => Stage::Infants,
            3..=6 => Stage::Juniors,
            _ => Stage::Secondary,
        }
    }
}

impl fmt::Display for YearGroup {
    /// `N`, `R` or the number: what [`YearGroup::parse`] reads.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            -1 => f.write_str("N"),
            0 => f.write_str("R"),
            year => write!(f, "{year}"),
        }
    }
}

/// The words a person is spoken to in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Stage {
    /// Early years and Key Stage 1: one sentence and a picture.
    Infants,
    /// Key Stage 2.
    Juniors,
    /// Key Stages 3 to 5.
    Secondary,
    /// Staff, leaders, guests.
    Adults,
}

impl Stage {
    /// Every stage, youngest first.
    pub const ALL: [Stage; 4] = [Stage::Infants, Stage::Juniors, Stage::Secondary, Stage::Adults];

    /// The name in a policy file.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Infants => "infants",
            Self::Juniors => "juniors",
            Self::Secondary => "secondary",
            Self::Adults => "adults",
        }
    }

    /// Reads the name in a policy file.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| stage.slug() == text)
    }
}
