//! Accounts, what opens them, and classes: the words that records, rules and screens share.
//!
//! Left out on purpose: secrets, and how they are compared (`identity`), and what may follow on what (`app`).

/// What an account is for. A person has at most one of each kind.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AccountKind {
    /// The everyday one.
    Standard,
    /// For administering, beside the everyday one (clause ACC-4).
    Administrator,
    /// For getting back in (clause ACC-5).
    BreakGlass,
    /// A visitor's, which ends by itself (clause ACC-3).
    Guest,
    /// A program's.
    Service,
}

impl AccountKind {
    /// Every kind.
    pub const ALL: [AccountKind; 5] =
        [Self::Standard, Self::Administrator, Self::BreakGlass, Self::Guest, Self::Service];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Administrator => "administrator",
            Self::BreakGlass => "break-glass",
            Self::Guest => "guest",
            Self::Service => "service",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Standard => "Everyday account",
            Self::Administrator => "Administrator account",
            Self::BreakGlass => "Recovery account",
            Self::Guest => "Visitor\u{2019}s account",
            Self::Service => "A program\u{2019}s account",
        }
    }

    /// Reads the name in forms and records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }

    /// True for accounts that always need a second factor, whatever the policy says (clause PWD-14).
    pub fn administers(self) -> bool {
        matches!(self, Self::Administrator | Self::BreakGlass)
    }
}

/// Whether an account may be used.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum AccountState {
    /// It may, and never was: its holder has not signed in yet.
    Pending,
    /// It may.
    Open,
    /// It may not for now.
    Suspended,
    /// It may not: its holder left, or it is done with.
    Closed,
}

impl AccountState {
    /// Every state.
    pub const ALL: [AccountState; 4] = [Self::Pending, Self::Open, Self::Suspended, Self::Closed];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Open => "open",
            Self::Suspended => "suspended",
            Self::Closed => "closed",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Pending => "Not used yet",
            Self::Open => "Open",
            Self::Suspended => "Suspended",
            Self::Closed => "Closed",
        }
    }

    /// Reads the name in forms and records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }

    /// True where somebody may sign in.
    pub fn may_sign_in(self) -> bool {
        matches!(self, Self::Pending | Self::Open)
    }
}

/// What proves that an account is its holder's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CredentialKind {
    /// A password that its holder chose, or that stays as it was made.
    Password,
    /// A password that was issued: it runs out, and is changed when it is first used.
    Temporary,
    /// Codes of an app (RFC 6238).
    Totp,
    /// A passkey (WebAuthn).
    Passkey,
    /// One of the codes for when everything else is lost.
    Recovery,
}

impl CredentialKind {
    /// Every kind.
    pub const ALL: [CredentialKind; 5] =
        [Self::Password, Self::Temporary, Self::Totp, Self::Passkey, Self::Recovery];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Password => "password",
            Self::Temporary => "temporary",
            Self::Totp => "totp",
            Self::Passkey => "passkey",
            Self::Recovery => "recovery",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Password => "Password",
            Self::Temporary => "Temporary password",
            Self::Totp => "Codes from an app",
            Self::Passkey => "Passkey",
            Self::Recovery => "Recovery code",
        }
    }

    /// Reads the name in records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// What a class is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClassKind {
    /// Where a learner is registered: the form or the class that they belong to.
    Registration,
    /// Where a subject is taught.
    Teaching,
}

impl ClassKind {
    /// Every kind.
    pub const ALL: [ClassKind; 2] = [Self::Registration, Self::Teaching];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Registration => "registration",
            Self::Teaching => "teaching",
        }
    }

    /// Reads the name in forms and records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// What somebody is in a class.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ClassPart {
    /// They teach it.
    Teacher,
    /// They learn in it.
    Learner,
}

impl ClassPart {
    /// Every part.
    pub const ALL: [ClassPart; 2] = [Self::Teacher, Self::Learner];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Teacher => "teacher",
            Self::Learner => "learner",
        }
    }

    /// Reads the name in forms and records.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.slug() == text)
    }
}
