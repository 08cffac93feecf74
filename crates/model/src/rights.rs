//! Rights that are asked for, approved and gone through again, and visitors' accounts: the words that records, rules and
//! screens share.
//!
//! Left out on purpose: who approves what (the policy's), and what follows from an answer (`app`).

/// What somebody is to become where rights are asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RightsKind {
    /// Somebody new comes, with an account.
    Newcomer,
    /// Somebody becomes this beside what they are.
    Also,
    /// Somebody becomes this in the place of the first thing that they are.
    Instead,
}

impl RightsKind {
    /// Every kind.
    pub const ALL: [RightsKind; 3] = [Self::Newcomer, Self::Also, Self::Instead];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Newcomer => "newcomer",
            Self::Also => "also",
            Self::Instead => "instead",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Newcomer => "Somebody new, with an account",
            Self::Also => "As well as what they are now",
            Self::Instead => "In place of what they are now",
        }
    }

    /// Reads the name in forms and records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// How far a request for rights has got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum RequestState {
    /// It waits for an answer.
    Asked,
    /// It was approved, and is in force.
    Approved,
    /// It was refused.
    Refused,
    /// Nobody answered in time.
    Lapsed,
    /// Whoever asked took it back.
    Withdrawn,
}

impl RequestState {
    /// Every state.
    pub const ALL: [RequestState; 5] =
        [Self::Asked, Self::Approved, Self::Refused, Self::Lapsed, Self::Withdrawn];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Lapsed => "lapsed",
            Self::Withdrawn => "withdrawn",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Asked => "Waits for an answer",
            Self::Approved => "Approved",
            Self::Refused => "Refused",
            Self::Lapsed => "Lapsed without an answer",
            Self::Withdrawn => "Taken back",
        }
    }

    /// Reads the name in records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }
}

/// What a review goes through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReviewKind {
    /// Every term: who still needs an account, learners and staff alike.
    Accounts,
    /// Every year: who still needs which rights in the console (clause ACC-2).
    Rights,
}

impl ReviewKind {
    /// Every kind.
    pub const ALL: [ReviewKind; 2] = [Self::Accounts, Self::Rights];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Accounts => "accounts",
            Self::Rights => "rights",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Accounts => "Accounts, every term",
            Self::Rights => "Rights, every year",
        }
    }

    /// Reads the name in forms and records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// How far a review has got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReviewState {
    /// Answers are awaited.
    Open,
    /// Its time is over, and what would lapse is so much that a leader decides first.
    Held,
    /// It is over.
    Closed,
}

impl ReviewState {
    /// Every state.
    pub const ALL: [ReviewState; 3] = [Self::Open, Self::Held, Self::Closed];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Held => "held",
            Self::Closed => "closed",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Open => "Open",
            Self::Held => "Held for a leader",
            Self::Closed => "Over",
        }
    }

    /// Reads the name in records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }
}

/// What became of a line of a review.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReviewAnswer {
    /// It stays as it is.
    Keep,
    /// It stays, and something of it is to be changed.
    Change,
    /// It is taken away.
    Remove,
    /// Nobody answered in time, so it was taken away.
    Lapsed,
}

impl ReviewAnswer {
    /// Every answer.
    pub const ALL: [ReviewAnswer; 4] = [Self::Keep, Self::Change, Self::Remove, Self::Lapsed];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Change => "change",
            Self::Remove => "remove",
            Self::Lapsed => "lapsed",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Keep => "Keep",
            Self::Change => "Change",
            Self::Remove => "Remove",
            Self::Lapsed => "Lapsed",
        }
    }

    /// Reads the name in forms and records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|answer| answer.slug() == text)
    }
}

/// What became of an account of a pool of visitors' accounts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum VisitorState {
    /// It was made, opens nothing, and nobody has it yet.
    Ready,
    /// A visitor has it.
    Issued,
    /// It is done with: closed, its password wiped, its user name never given again.
    Destroyed,
}

impl VisitorState {
    /// Every state.
    pub const ALL: [VisitorState; 3] = [Self::Ready, Self::Issued, Self::Destroyed];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Issued => "issued",
            Self::Destroyed => "destroyed",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Ready => "Ready",
            Self::Issued => "In use",
            Self::Destroyed => "Destroyed",
        }
    }

    /// Reads the name in records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }
}
