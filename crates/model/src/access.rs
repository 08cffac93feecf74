//! Who may do what: the words only. The table that joins them is `identity`'s.

use crate::{PersonId, SchoolId, Scope};
use std::fmt;

/// What somebody is to a school or a trust. Clause GOV-1 names those that must never be vacant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// Governor or trustee.
    Governor,
    /// Chair of governors, and the governor who stands in: they read what is about a headteacher.
    ChairOfGovernors,
    /// Headteacher.
    Headteacher,
    /// Any other senior leader.
    SeniorLeader,
    /// Designated safeguarding lead (DSL), or a deputy.
    SafeguardingLead,
    /// Online-safety lead.
    OnlineSafetyLead,
    /// Business manager; in a trust, the strategic lead.
    BusinessManager,
    /// Data-protection officer (DPO).
    DataProtectionOfficer,
    /// Data-protection lead.
    DataProtectionLead,
    /// Governance professional (clerk).
    GovernanceProfessional,
    /// IT service provider or network manager.
    Technician,
    /// Class teacher.
    ClassTeacher,
    /// Any other member of staff.
    Staff,
    /// A pupil or student.
    Learner,
    /// A visitor.
    Guest,
}

impl Role {
    /// Every role.
    pub const ALL: [Role; 15] = [
        Self::Governor,
        Self::ChairOfGovernors,
        Self::Headteacher,
        Self::SeniorLeader,
        Self::SafeguardingLead,
        Self::OnlineSafetyLead,
        Self::BusinessManager,
        Self::DataProtectionOfficer,
        Self::DataProtectionLead,
        Self::GovernanceProfessional,
        Self::Technician,
        Self::ClassTeacher,
        Self::Staff,
        Self::Learner,
        Self::Guest,
    ];

    /// The name in a policy file and in the store.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Governor => "governor",
            Self::ChairOfGovernors => "chair-of-governors",
            Self::Headteacher => "headteacher",
            Self::SeniorLeader => "senior-leader",
            Self::SafeguardingLead => "safeguarding-lead",
            Self::OnlineSafetyLead => "online-safety-lead",
            Self::BusinessManager => "business-manager",
            Self::DataProtectionOfficer => "data-protection-officer",
            Self::DataProtectionLead => "data-protection-lead",
            Self::GovernanceProfessional => "governance-professional",
            Self::Technician => "technician",
            Self::ClassTeacher => "class-teacher",
            Self::Staff => "staff",
            Self::Learner => "learner",
            Self::Guest => "guest",
        }
    }

    /// The name on a screen.
    pub fn title(self) -> &'static str {
        match self {
            Self::Governor => "Governor",
            Self::ChairOfGovernors => "Chair of governors",
            Self::Headteacher => "Headteacher",
            Self::SeniorLeader => "Senior leader",
            Self::SafeguardingLead => "Designated safeguarding lead",
            Self::OnlineSafetyLead => "Online-safety lead",
            Self::BusinessManager => "Business manager",
            Self::DataProtectionOfficer => "Data-protection officer",
            Self::DataProtectionLead => "Data-protection lead",
            Self::GovernanceProfessional => "Governance professional",
            Self::Technician => "Technician",
            Self::ClassTeacher => "Class teacher",
            Self::Staff => "Member of staff",
            Self::Learner => "Learner",
            Self::Guest => "Guest",
        }
    }

    /// Reads the name in a policy file.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.slug() == text)
    }
}

/// What can be done in the console and on the command line. Every route and every use case names one.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Action {
    /// See the home page of one's own role.
    SeeHome,
    /// Read the policy in force and the state of each clause.
    ReadPolicy,
    /// Ask why something is or would be allowed or blocked.
    ExplainVerdict,
    /// Search the access history. Each search is recorded.
    SearchHistory,
    /// Take history away as a file.
    ExportHistory,
    /// Keep some of the history longer than the policy does, and release it.
    HoldHistory,
    /// Put a policy document forward.
    ProposePolicy,
    /// Put a policy document in force.
    ApprovePolicy,
    /// Change what a person is to a school.
    MovePerson,
    /// Put other filter lists in force than the schedule does: an update at once, or lists from before.
    ChangeLists,
    /// See the alerts that are for one's post, and work on them.
    WorkAlerts,
    /// See the cases that one may read, and work on them.
    WorkCases,
    /// Have a name shown where a screen shows a pseudonym. Each time is recorded.
    ShowNames,
    /// Read the weekly monitoring report.
    ReadWeekly,
    /// Sign the weekly monitoring report.
    SignWeekly,
    /// See people, their accounts and how they sign in.
    ReadPeople,
    /// Make, suspend, open and close accounts, and end others' sessions.
    ManageAccounts,
    /// Give somebody else a temporary password, after making sure who asks.
    ResetPassword,
    /// Run a class: see its learners, open the window in which their badges count, make badges and void them.
    RunClass,
    /// See one's own account, end one's own sessions, and change how one signs in.
    OwnAccount,
    /// See the requests for rights and the reviews that are for one's post.
    ReadAccess,
    /// Approve rights that somebody else asked for, or refuse them.
    ApproveAccess,
    /// Answer in a review whether an account or a right is still needed, and open one.
    ReviewAccess,
    /// Make a pool of visitors' accounts, and end it.
    KeepVisitors,
    /// Hand a visitor's account to a visitor, and take it back.
    WelcomeVisitors,
}

impl Action {
    /// Every action.
    pub const ALL: [Action; 25] = [
        Self::SeeHome,
        Self::ReadPolicy,
        Self::ExplainVerdict,
        Self::SearchHistory,
        Self::ExportHistory,
        Self::HoldHistory,
        Self::ProposePolicy,
        Self::ApprovePolicy,
        Self::MovePerson,
        Self::ChangeLists,
        Self::WorkAlerts,
        Self::WorkCases,
        Self::ShowNames,
        Self::ReadWeekly,
        Self::SignWeekly,
        Self::ReadPeople,
        Self::ManageAccounts,
        Self::ResetPassword,
        Self::RunClass,
        Self::OwnAccount,
        Self::ReadAccess,
        Self::ApproveAccess,
        Self::ReviewAccess,
        Self::KeepVisitors,
        Self::WelcomeVisitors,
    ];

    /// The name in the audit log and in the printed table.
    pub fn slug(self) -> &'static str {
        match self {
            Self::SeeHome => "see-home",
            Self::ReadPolicy => "read-policy",
            Self::ExplainVerdict => "explain-verdict",
            Self::SearchHistory => "search-history",
            Self::ExportHistory => "export-history",
            Self::HoldHistory => "hold-history",
            Self::ProposePolicy => "propose-policy",
            Self::ApprovePolicy => "approve-policy",
            Self::MovePerson => "move-person",
            Self::ChangeLists => "change-lists",
            Self::WorkAlerts => "work-alerts",
            Self::WorkCases => "work-cases",
            Self::ShowNames => "show-names",
            Self::ReadWeekly => "read-weekly",
            Self::SignWeekly => "sign-weekly",
            Self::ReadPeople => "read-people",
            Self::ManageAccounts => "manage-accounts",
            Self::ResetPassword => "reset-password",
            Self::RunClass => "run-class",
            Self::OwnAccount => "own-account",
            Self::ReadAccess => "read-access",
            Self::ApproveAccess => "approve-access",
            Self::ReviewAccess => "review-access",
            Self::KeepVisitors => "keep-visitors",
            Self::WelcomeVisitors => "welcome-visitors",
        }
    }
}

/// Who is acting. There is no write without one.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Actor {
    /// A signed-in person, with what they are where.
    Person {
        /// The person.
        id: PersonId,
        /// The name they signed in with.
        login: String,
        /// Their roles and where each holds.
        roles: Vec<(Role, Scope)>,
    },
    /// Somebody at the machine's command line, by their system user name. They hold the machine, so they hold
    /// every permission; what they change carries an emergency reason.
    CommandLine {
        /// The system user.
        user: String,
    },
    /// The program itself, for what it does on a schedule.
    Program,
}

impl Actor {
    /// The widest scope the actor holds: the trust's, else the first school's; `None` for a person with no role.
    pub fn widest_scope(&self) -> Option<Scope> {
        match self {
            Self::Person { roles, .. } => roles
                .iter()
                .map(|(_, scope)| scope)
                .find(|scope| **scope == Scope::Trust)
                .or_else(|| roles.first().map(|(_, scope)| scope))
                .cloned(),
            Self::CommandLine { .. } | Self::Program => Some(Scope::Trust),
        }
    }

    /// The school a person without a role for the whole trust belongs to.
    pub fn school(&self) -> Option<SchoolId> {
        match self.widest_scope() {
            Some(Scope::School(school)) => Some(school),
            _ => None,
        }
    }
}

impl fmt::Display for Actor {
    /// As the audit log writes it: `person:UUID`, `command-line:USER` or `program`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Person { id, .. } => write!(f, "person:{id}"),
            Self::CommandLine { user } => write!(f, "command-line:{user}"),
            Self::Program => f.write_str("program"),
        }
    }
}
