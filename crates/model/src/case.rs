//! Somebody's safeguarding work on an alert: what stands in its timeline, and how it may end.
//!
//! A technical case goes beside the school's own safeguarding record and never replaces it: it is exported, and the
//! reference it has there is kept.

/// What one line of a case's timeline is. Lines are added and struck out, never changed or taken away.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CaseEntryKind {
    /// It was opened.
    Opened,
    /// Something to remember.
    Note,
    /// Something that was done.
    Action,
    /// Something that was decided, with the reason.
    Decision,
    /// Somebody looked for something and found nothing.
    NegativeFinding,
    /// Something was put to it: a person, a device, an event, a filter change.
    Linked,
    /// The circle of its readers was changed.
    Circle,
    /// The reference of the school's own safeguarding record.
    Reference,
    /// It was taken away as a file.
    Exported,
    /// It was closed, with an outcome.
    Closed,
    /// It was opened again.
    Reopened,
}

impl CaseEntryKind {
    /// Every kind.
    pub const ALL: [CaseEntryKind; 11] = [
        Self::Opened,
        Self::Note,
        Self::Action,
        Self::Decision,
        Self::NegativeFinding,
        Self::Linked,
        Self::Circle,
        Self::Reference,
        Self::Exported,
        Self::Closed,
        Self::Reopened,
    ];
    /// The kinds that people write.
    pub const WRITTEN: [CaseEntryKind; 4] = [Self::Note, Self::Action, Self::Decision, Self::NegativeFinding];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Note => "note",
            Self::Action => "action",
            Self::Decision => "decision",
            Self::NegativeFinding => "negative-finding",
            Self::Linked => "linked",
            Self::Circle => "circle",
            Self::Reference => "reference",
            Self::Exported => "exported",
            Self::Closed => "closed",
            Self::Reopened => "reopened",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Opened => "Case opened",
            Self::Note => "Note",
            Self::Action => "Action",
            Self::Decision => "Decision",
            Self::NegativeFinding => "Looked, and found nothing",
            Self::Linked => "Linked",
            Self::Circle => "Readers changed",
            Self::Reference => "Reference elsewhere",
            Self::Exported => "Exported",
            Self::Closed => "Case closed",
            Self::Reopened => "Case opened again",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// How a case ended.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CaseOutcome {
    /// There was nothing in it.
    FalsePositive,
    /// It was known, and is managed already.
    KnownAndManaged,
    /// Somebody spoke to the pupil.
    SpokeToPupil,
    /// The parents or carers were told.
    ParentContacted,
    /// Early help was asked for.
    EarlyHelp,
    /// It went to children's social care.
    SocialCare,
    /// It went to the police.
    Police,
    /// It went to Prevent.
    Prevent,
    /// It is about somebody's conduct at work.
    StaffConduct,
    /// Something technical was put right.
    TechnicalFix,
    /// A change of the filter was asked for.
    FilterChange,
}

impl CaseOutcome {
    /// Every outcome.
    pub const ALL: [CaseOutcome; 11] = [
        Self::FalsePositive,
        Self::KnownAndManaged,
        Self::SpokeToPupil,
        Self::ParentContacted,
        Self::EarlyHelp,
        Self::SocialCare,
        Self::Police,
        Self::Prevent,
        Self::StaffConduct,
        Self::TechnicalFix,
        Self::FilterChange,
    ];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::FalsePositive => "false-positive",
            Self::KnownAndManaged => "known-and-managed",
            Self::SpokeToPupil => "spoke-to-pupil",
            Self::ParentContacted => "parent-contacted",
            Self::EarlyHelp => "early-help",
            Self::SocialCare => "social-care",
            Self::Police => "police",
            Self::Prevent => "prevent",
            Self::StaffConduct => "staff-conduct",
            Self::TechnicalFix => "technical-fix",
            Self::FilterChange => "filter-change",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::FalsePositive => "False positive",
            Self::KnownAndManaged => "Known and managed",
            Self::SpokeToPupil => "Spoke to the pupil",
            Self::ParentContacted => "Parent or carer contacted",
            Self::EarlyHelp => "Early help",
            Self::SocialCare => "Children\u{2019}s social care",
            Self::Police => "Police",
            Self::Prevent => "Prevent",
            Self::StaffConduct => "Staff conduct",
            Self::TechnicalFix => "Technical fix",
            Self::FilterChange => "Filter change raised",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.slug() == text)
    }
}

/// What a case is linked with.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum CaseLinkKind {
    /// The alert it was opened from, or another one.
    Alert,
    /// A person.
    Person,
    /// A device.
    Device,
    /// An event of the history, frozen.
    Event,
    /// A change of the filter.
    FilterChange,
}

impl CaseLinkKind {
    /// Every kind.
    pub const ALL: [CaseLinkKind; 5] =
        [Self::Alert, Self::Person, Self::Device, Self::Event, Self::FilterChange];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Person => "person",
            Self::Device => "device",
            Self::Event => "event",
            Self::FilterChange => "filter-change",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_case_reads_back_from_its_own_name() {
        for kind in CaseEntryKind::ALL {
            assert_eq!(CaseEntryKind::parse(kind.slug()), Some(kind));
        }
        for outcome in CaseOutcome::ALL {
            assert_eq!(CaseOutcome::parse(outcome.slug()), Some(outcome));
        }
        for kind in CaseLinkKind::ALL {
            assert_eq!(CaseLinkKind::parse(kind.slug()), Some(kind));
        }
    }
}
