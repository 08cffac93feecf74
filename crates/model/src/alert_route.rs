//! Whom an alert is for: who may read it, who is called, and how soon the next one is.
//!
//! Invariant: nobody is called about an alert who may not read it. (Where the chair of governors has no address, that of
//! all governors stands in: a message says that something waits, and nothing of it.)

use crate::{AlertKind, Role, Severity};

/// A post that is called when something asks for attention. Several people may hold it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Addressee {
    /// The designated safeguarding lead.
    Lead,
    /// The lead's deputies.
    Deputy,
    /// The headteacher.
    Head,
    /// The data-protection officer.
    DataProtection,
    /// IT: the provider or the network manager.
    It,
    /// The chair of governors, or the governor who stands in, for what is about the headteacher.
    Chair,
    /// All governors: where nobody is chair.
    Governors,
}

impl Addressee {
    /// Every addressee.
    pub const ALL: [Addressee; 7] =
        [Self::Lead, Self::Deputy, Self::Head, Self::DataProtection, Self::It, Self::Chair, Self::Governors];

    /// The name in files and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Lead => "lead",
            Self::Deputy => "deputy",
            Self::Head => "head",
            Self::DataProtection => "data-protection",
            Self::It => "it",
            Self::Chair => "chair",
            Self::Governors => "governors",
        }
    }

    /// The name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::Lead => "Designated safeguarding lead",
            Self::Deputy => "Deputy safeguarding lead",
            Self::Head => "Headteacher",
            Self::DataProtection => "Data-protection officer",
            Self::It => "IT",
            Self::Chair => "Chair of governors",
            Self::Governors => "Governors",
        }
    }

    /// The role whose holders read what this addressee is called about.
    pub fn role(self) -> Role {
        match self {
            Self::Lead | Self::Deputy => Role::SafeguardingLead,
            Self::Head => Role::Headteacher,
            Self::DataProtection => Role::DataProtectionOfficer,
            Self::It => Role::Technician,
            Self::Chair => Role::ChairOfGovernors,
            Self::Governors => Role::Governor,
        }
    }

    /// The post whose address hears for this one where it has none of its own.
    pub fn stand_in(self) -> Option<Self> {
        (self == Self::Chair).then_some(Self::Governors)
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|addressee| addressee.slug() == text)
    }
}

/// Whom something is about, as far as it changes who may read it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum About {
    /// A learner, a guest, a device, or nobody who is known.
    Learner,
    /// Somebody who works at the school: the lead does not read it, the headteacher does.
    Staff,
    /// A headteacher: the chair of governors reads it.
    Head,
}

impl About {
    /// What these roles of one person make of it.
    pub fn of(roles: impl IntoIterator<Item = Role>) -> Self {
        let weight = |role| match role {
            Role::Learner | Role::Guest => Self::Learner,
            Role::Headteacher => Self::Head,
            _ => Self::Staff,
        };
        roles.into_iter().map(weight).max().unwrap_or(Self::Learner)
    }
}

/// Who is called, in turn: the first rung at once, the next whenever nobody acknowledged in time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ladder(pub [Vec<Addressee>; 3]);

impl Ladder {
    /// The rungs for an alert of this kind about somebody. A report's own kind has its rungs: see `ReportKind::ladder`.
    pub fn of(kind: AlertKind, about: About) -> Self {
        use Addressee::{Chair, DataProtection, Deputy, Head, It, Lead};
        match (kind, about) {
            (AlertKind::Safeguarding(_) | AlertKind::Test | AlertKind::Report, About::Learner) => {
                Self([vec![Lead], vec![Deputy], vec![Head]])
            }
            (_, About::Head) => Self([vec![Chair], Vec::new(), Vec::new()]),
            (AlertKind::Safeguarding(_) | AlertKind::Test | AlertKind::Report, About::Staff) => {
                Self([vec![Head], Vec::new(), Vec::new()])
            }
            (AlertKind::Security, _) => Self([vec![It, DataProtection], Vec::new(), vec![Head]]),
            (AlertKind::Silence, _) => Self([vec![It], Vec::new(), vec![Head]]),
        }
    }

    /// The rungs for the use of a recovery account: those who own it, those who look after the machine, and those to whom
    /// both answer, all at once.
    pub fn of_recovery() -> Self {
        Self([vec![Addressee::Head, Addressee::It, Addressee::Governors], Vec::new(), Vec::new()])
    }

    /// True where this post is called at once: it is on the first rung, or stands in for one that is.
    pub fn calls_first(&self, post: Addressee) -> bool {
        let [first, ..] = &self.0;
        first.iter().any(|called| *called == post || called.stand_in() == Some(post))
    }

    /// The roles whose holders may read it: those of every rung, once each, in order.
    pub fn readers(&self) -> Vec<Role> {
        let mut roles: Vec<Role> = self.0.iter().flatten().map(|addressee| addressee.role()).collect();
        roles.sort_unstable();
        roles.dedup();
        roles
    }
}

impl Severity {
    /// How long each rung has before the next is called, in minutes; `None`: nobody else is ever called, the weekly
    /// report has it. (A policy may say another time for what is critical; working days are minded by whoever counts.)
    pub fn rung_minutes(self) -> Option<i64> {
        match self {
            Self::Critical => Some(15),
            Self::High => Some(120),
            Self::Medium => Some(24 * 60),
            Self::Low | Self::NoConcern => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Theme;

    #[test]
    fn whoever_is_called_may_read_it() {
        let kinds = [
            AlertKind::Safeguarding(Theme::SelfHarm),
            AlertKind::Security,
            AlertKind::Silence,
            AlertKind::Report,
            AlertKind::Test,
        ];
        for kind in kinds {
            for about in [About::Learner, About::Staff, About::Head] {
                let ladder = Ladder::of(kind, about);
                let readers = ladder.readers();
                assert!(!readers.is_empty(), "{kind:?} {about:?}");
                assert!(ladder.0.iter().flatten().all(|called| readers.contains(&called.role())));
                if about != About::Learner && kind != AlertKind::Security && kind != AlertKind::Silence {
                    assert!(!readers.contains(&Role::SafeguardingLead), "{kind:?} {about:?}");
                }
                if about == About::Head {
                    assert_eq!(readers, [Role::ChairOfGovernors], "{kind:?}");
                }
            }
        }
    }

    #[test]
    fn the_weightiest_role_says_whom_it_is_about() {
        assert_eq!(About::of([]), About::Learner);
        assert_eq!(About::of([Role::Learner]), About::Learner);
        assert_eq!(About::of([Role::Guest, Role::Technician]), About::Staff);
        assert_eq!(About::of([Role::ClassTeacher, Role::Headteacher]), About::Head);
    }

    #[test]
    fn whoever_is_on_the_first_rung_or_stands_in_there_is_called_first() {
        let (learner, head) = (AlertKind::Safeguarding(Theme::SelfHarm), AlertKind::Report);
        for (ladder, first) in [
            (Ladder::of(learner, About::Learner), vec![Addressee::Lead]),
            (Ladder::of(head, About::Head), vec![Addressee::Chair, Addressee::Governors]),
        ] {
            let called: Vec<Addressee> =
                Addressee::ALL.into_iter().filter(|post| ladder.calls_first(*post)).collect();
            assert_eq!(called, first);
        }
    }

    #[test]
    fn an_addressee_reads_back_from_its_own_name() {
        for addressee in Addressee::ALL {
            assert_eq!(Addressee::parse(addressee.slug()), Some(addressee));
        }
    }
}
