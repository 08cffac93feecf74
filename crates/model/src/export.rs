//! Requests by others for a part of the records: who may ask, on what ground, and how far it has got.

/// Who asks for a part of the records.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExportKind {
    /// The police.
    Police,
    /// The local authority.
    LocalAuthority,
    /// Whoever provides the filter.
    FilteringProvider,
    /// Somebody who asks for what is held about them (UK GDPR, article 15).
    SubjectAccess,
}

/// Whose names a pack shows.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Naming {
    /// Everybody's.
    Everybody,
    /// That of the one person it is about; all others have pseudonyms.
    OnlySubject,
    /// Nobody's.
    Nobody,
}

impl ExportKind {
    /// Every kind, in the order of the form.
    pub const ALL: [ExportKind; 4] =
        [Self::Police, Self::LocalAuthority, Self::FilteringProvider, Self::SubjectAccess];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Police => "police",
            Self::LocalAuthority => "local-authority",
            Self::FilteringProvider => "filtering-provider",
            Self::SubjectAccess => "subject-access",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Police => "Police",
            Self::LocalAuthority => "Local authority",
            Self::FilteringProvider => "Filtering provider",
            Self::SubjectAccess => "Subject access request",
        }
    }

    /// Whose names it may show.
    pub fn naming(self) -> Naming {
        match self {
            Self::Police | Self::LocalAuthority => Naming::Everybody,
            Self::FilteringProvider => Naming::Nobody,
            Self::SubjectAccess => Naming::OnlySubject,
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// The lawful ground on which something is handed over.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum LawfulBasis {
    /// To prevent or detect crime (Data Protection Act 2018, schedule 2, paragraph 2).
    Crime,
    /// A court has ordered it (Data Protection Act 2018, schedule 2, paragraph 5).
    CourtOrder,
    /// To keep a child safe (Data Protection Act 2018, schedule 1, paragraph 18).
    Safeguarding,
    /// A law asks for it (UK GDPR, article 6(1)(c)).
    LegalObligation,
    /// A task in the public interest (UK GDPR, article 6(1)(e)).
    PublicTask,
    /// Somebody asks for what is held about them (UK GDPR, article 15).
    Access,
}

impl LawfulBasis {
    /// Every ground, in the order of the form.
    pub const ALL: [LawfulBasis; 6] = [
        Self::Crime,
        Self::CourtOrder,
        Self::Safeguarding,
        Self::LegalObligation,
        Self::PublicTask,
        Self::Access,
    ];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Crime => "crime",
            Self::CourtOrder => "court-order",
            Self::Safeguarding => "safeguarding",
            Self::LegalObligation => "legal-obligation",
            Self::PublicTask => "public-task",
            Self::Access => "access",
        }
    }

    /// The name on screens, with the law.
    pub fn title(self) -> &'static str {
        match self {
            Self::Crime => "To prevent or detect crime (Data Protection Act 2018, schedule 2, paragraph 2)",
            Self::CourtOrder => "A court has ordered it (Data Protection Act 2018, schedule 2, paragraph 5)",
            Self::Safeguarding => "To keep a child safe (Data Protection Act 2018, schedule 1, paragraph 18)",
            Self::LegalObligation => "A law asks for it (UK GDPR, article 6(1)(c))",
            Self::PublicTask => "A task in the public interest (UK GDPR, article 6(1)(e))",
            Self::Access => "Somebody asks for what is held about them (UK GDPR, article 15)",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|basis| basis.slug() == text)
    }
}

/// How far a request has got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ExportState {
    /// Somebody put it down; another person must look at it.
    Asked,
    /// It was approved, and the pack is not made yet.
    Approved,
    /// It was turned down.
    Refused,
    /// The pack is made.
    Made,
}

impl ExportState {
    /// Every state.
    pub const ALL: [ExportState; 4] = [Self::Asked, Self::Approved, Self::Refused, Self::Made];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Made => "made",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Asked => "Waits for approval",
            Self::Approved => "Approved, not made yet",
            Self::Refused => "Refused",
            Self::Made => "Ready",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.slug() == text)
    }
}

/// One step in the custody of a pack.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CustodyStep {
    /// Somebody asked for it.
    Asked,
    /// What it is about was kept from expiring.
    Held,
    /// Another person approved it.
    Approved,
    /// Another person turned it down.
    Refused,
    /// The pack was made.
    Made,
    /// Somebody took it away.
    Downloaded,
    /// Its file was removed: packs are kept for some time only.
    Expired,
}

impl CustodyStep {
    /// Every step.
    pub const ALL: [CustodyStep; 7] =
        [Self::Asked, Self::Held, Self::Approved, Self::Refused, Self::Made, Self::Downloaded, Self::Expired];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Asked => "asked",
            Self::Held => "held",
            Self::Approved => "approved",
            Self::Refused => "refused",
            Self::Made => "made",
            Self::Downloaded => "downloaded",
            Self::Expired => "expired",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Asked => "Asked for",
            Self::Held => "Kept from expiring",
            Self::Approved => "Approved",
            Self::Refused => "Refused",
            Self::Made => "Made",
            Self::Downloaded => "Downloaded",
            Self::Expired => "Not kept here any more",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|step| step.slug() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_request_reads_back_from_its_own_name() {
        for kind in ExportKind::ALL {
            assert_eq!(ExportKind::parse(kind.slug()), Some(kind));
        }
        for basis in LawfulBasis::ALL {
            assert_eq!(LawfulBasis::parse(basis.slug()), Some(basis));
        }
        for state in ExportState::ALL {
            assert_eq!(ExportState::parse(state.slug()), Some(state));
        }
        for step in CustodyStep::ALL {
            assert_eq!(CustodyStep::parse(step.slug()), Some(step));
        }
    }
}
