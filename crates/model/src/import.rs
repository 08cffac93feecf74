//! Imports of people from the school's own system: the words that records, rules and screens share.

/// What an import is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ImportKind {
    /// People as they are now.
    File,
    /// The end of a school year.
    RollOver,
}

impl ImportKind {
    /// Both kinds.
    pub const ALL: [ImportKind; 2] = [Self::File, Self::RollOver];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::RollOver => "roll-over",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::File => "People as they are now",
            Self::RollOver => "Roll-over to the next school year",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// How far an import has got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ImportState {
    /// It was read, and nothing has changed yet.
    Staged,
    /// What it says is in the records.
    Applied,
    /// It was applied, and what was before was put back.
    Undone,
    /// Somebody decided against it.
    Dropped,
}

impl ImportState {
    /// Every state.
    pub const ALL: [ImportState; 4] = [Self::Staged, Self::Applied, Self::Undone, Self::Dropped];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Staged => "staged",
            Self::Applied => "applied",
            Self::Undone => "undone",
            Self::Dropped => "dropped",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Staged => "Waits for approval",
            Self::Applied => "Applied",
            Self::Undone => "Undone",
            Self::Dropped => "Dropped",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }
}
