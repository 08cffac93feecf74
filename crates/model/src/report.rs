//! What anybody can report, how bad each kind may be, and whom it goes to.

use crate::{Addressee, Ladder, Severity};

/// What somebody reports.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum ReportKind {
    /// The filter let something through.
    GotThrough,
    /// The filter blocks what it should not.
    WronglyBlocked,
    /// A lesson is coming whose searches will look odd.
    OddLesson,
    /// A misspelling gets through.
    Misspelling,
    /// Unsuitable material was seen, or is suspected.
    UnsuitableMaterial,
    /// The system fails, or somebody abuses it.
    SystemTrouble,
    /// A device or a memory stick is lost.
    LostDevice,
    /// A password may be known to somebody else.
    PasswordBreach,
    /// Somebody may be attacking the school's systems.
    SuspectedAttack,
    /// Personal data was not handled as it should be.
    PersonalData,
}

impl ReportKind {
    /// Every kind, in the order of the form.
    pub const ALL: [ReportKind; 10] = [
        Self::UnsuitableMaterial,
        Self::GotThrough,
        Self::WronglyBlocked,
        Self::Misspelling,
        Self::OddLesson,
        Self::SystemTrouble,
        Self::LostDevice,
        Self::PasswordBreach,
        Self::SuspectedAttack,
        Self::PersonalData,
    ];

    /// The name in addresses, forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::GotThrough => "got-through",
            Self::WronglyBlocked => "wrongly-blocked",
            Self::OddLesson => "odd-lesson",
            Self::Misspelling => "misspelling",
            Self::UnsuitableMaterial => "unsuitable-material",
            Self::SystemTrouble => "system-trouble",
            Self::LostDevice => "lost-device",
            Self::PasswordBreach => "password-breach",
            Self::SuspectedAttack => "suspected-attack",
            Self::PersonalData => "personal-data",
        }
    }

    /// The choice on the form.
    pub fn title(self) -> &'static str {
        match self {
            Self::GotThrough => "Something got through that should be blocked",
            Self::WronglyBlocked => "Something is blocked that should not be",
            Self::OddLesson => "A lesson is coming that will look odd",
            Self::Misspelling => "A misspelling gets past the filter",
            Self::UnsuitableMaterial => "I saw something upsetting or wrong, or think somebody has it",
            Self::SystemTrouble => "The system is not working, or somebody misuses it",
            Self::LostDevice => "A device or a memory stick is lost",
            Self::PasswordBreach => "Somebody may know a password",
            Self::SuspectedAttack => "I think we are being attacked",
            Self::PersonalData => "Personal information was not kept safe",
        }
    }

    /// How bad it may be, before anybody has looked.
    pub fn severity(self) -> Severity {
        match self {
            Self::SuspectedAttack => Severity::Critical,
            Self::UnsuitableMaterial
            | Self::GotThrough
            | Self::SystemTrouble
            | Self::LostDevice
            | Self::PasswordBreach
            | Self::PersonalData => Severity::High,
            Self::Misspelling | Self::WronglyBlocked => Severity::Medium,
            Self::OddLesson => Severity::Low,
        }
    }

    /// Who is called, in turn.
    pub fn ladder(self) -> Ladder {
        use Addressee::{DataProtection, Deputy, Head, It, Lead};
        match self {
            Self::UnsuitableMaterial => Ladder([vec![Lead], vec![Deputy], vec![Head]]),
            Self::GotThrough | Self::WronglyBlocked | Self::Misspelling => {
                Ladder([vec![Lead, It], vec![Deputy], vec![Head]])
            }
            Self::OddLesson => Ladder([vec![Lead], Vec::new(), Vec::new()]),
            Self::SystemTrouble => Ladder([vec![It, Lead], Vec::new(), vec![Head]]),
            Self::LostDevice | Self::SuspectedAttack => {
                Ladder([vec![It, DataProtection, Head], Vec::new(), Vec::new()])
            }
            Self::PasswordBreach => Ladder([vec![It, DataProtection], Vec::new(), vec![Head]]),
            Self::PersonalData => Ladder([vec![DataProtection, Head], Vec::new(), Vec::new()]),
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
    fn every_kind_reads_back_and_calls_somebody_at_once() {
        for kind in ReportKind::ALL {
            assert_eq!(ReportKind::parse(kind.slug()), Some(kind));
            let [first, ..] = kind.ladder().0;
            assert!(!first.is_empty(), "{kind:?}");
        }
    }
}
