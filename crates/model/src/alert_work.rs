//! What becomes of an alert once somebody looks at it.

/// How far the work on an alert has come.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AlertState {
    /// Nobody has acknowledged it.
    New,
    /// Somebody has it in hand.
    Acknowledged,
    /// It was judged, and needs no more work of its own.
    Closed,
}

impl AlertState {
    /// Every state, in the order of the work.
    pub const ALL: [AlertState; 3] = [Self::New, Self::Acknowledged, Self::Closed];

    /// The name in addresses and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Acknowledged => "acknowledged",
            Self::Closed => "closed",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }
}

/// What somebody judged an alert to be.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Triage {
    /// A real concern.
    Real,
    /// Known already, and managed.
    Known,
    /// False: no concern behind it.
    False,
    /// A test.
    Test,
}

impl Triage {
    /// Every judgement.
    pub const ALL: [Triage; 4] = [Self::Real, Self::Known, Self::False, Self::Test];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Real => "real",
            Self::Known => "known",
            Self::False => "false",
            Self::Test => "test",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Real => "A real concern",
            Self::Known => "Known and managed",
            Self::False => "False alarm",
            Self::Test => "A test",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|triage| triage.slug() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn states_and_judgements_read_back_from_their_own_names() {
        for state in AlertState::ALL {
            assert_eq!(AlertState::parse(state.slug()), Some(state));
        }
        for triage in Triage::ALL {
            assert_eq!(Triage::parse(triage.slug()), Some(triage));
        }
    }
}
