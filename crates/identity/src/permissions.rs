//! Who may do what: one table, and nothing is permitted that it does not say. `docs/permissions.md` is printed from it.
//!
//! The reasons, from the clauses:
//! - Governors assure (GOV-2): they read the policy and put an edition in force, and see no named child's history.
//! - The headteacher decides for education, the business manager for business, a senior leader always (FLT-12): these
//!   approve. Whoever proposes is not the one who approves; `app` sees to that.
//! - The safeguarding lead, the online-safety lead and leaders act on reports and checks (GOV-2, FLT-11), so they search
//!   history. The safeguarding lead hands logs to the police or the authority on request (FLT-13): export.
//! - The data-protection officer answers subject-access requests: history and export, and no say in filtering.
//! - The technician finds faults: explain and history, each look recorded. They propose and never approve.
//! - Going back to lists from before changes what is blocked, so it is for those who approve and work at the school
//!   (FLT-12); governors assure and do not operate. A technician does it at the machine, where it is recorded.
//! - Alerts and cases are worked by those they are for: the safeguarding lead and the headteacher; the data-protection
//!   officer and the technician for what is theirs; the chair of governors only for what is about a headteacher, and the
//!   other governors where nobody is chair. Which of them reads
//!   which is decided row by row (`app`'s circle). A technician sees neither cases nor names.
//! - The weekly report has no names: leaders and governors read it, the lead and the headteacher sign it.
//! - Teachers and staff may ask why a page is closed, and never see what a named child did.
//! - People and accounts are seen by those who lead, safeguard or look after accounts (ACC-1, ACC-2); a class teacher sees
//!   the learners of their own classes, and gives them passwords (PWD-9, ACC-7): `app` sees to whose they are.
//! - A class is run by its teacher, and where that one is away by those who lead and by the technician; whoever may not give
//!   a child a password makes them no badge either (`app` sees to both). A sealed record is read by the class's teacher alone.
//! - Accounts are made and closed by those who lead and by the technician (ACC-1); nobody touches their own, or gains by
//!   another's. Who gives passwords is the policy's choice among those that the table permits (`access.reset_by`).
//! - Rights are asked for by whoever manages accounts, and approved by leaders, governors and, for posts of safeguarding,
//!   the safeguarding lead: which of them approves which role is the policy's (`access.approval`), and `app` sees to it that
//!   nobody approves what they asked for or get (ACC-1). The same people, and class teachers for their own pupils, answer in
//!   reviews (ACC-2).
//! - Pools of visitors' accounts are made by those who manage accounts; whoever works at the front desk hands them out
//!   (ACC-3).
//! - Whoever uses the console looks after their own account.
//! - Learners and guests do nothing in the console: their own password they change on the web's sign-in page.

use Action::{
    ApproveAccess, ApprovePolicy, ChangeLists, ExplainVerdict, ExportHistory, HoldHistory, KeepVisitors,
    ManageAccounts, MovePerson, OwnAccount, ProposePolicy, ReadAccess, ReadPeople, ReadPolicy, ReadWeekly,
    ResetPassword, ReviewAccess, RunClass, SearchHistory, SeeHome, ShowNames, SignWeekly, WelcomeVisitors,
    WorkAlerts, WorkCases,
};
use model::{Action, Actor, Role, Scope};
use std::fmt;
use std::fmt::Write;

/// What each role may do, in the order of [`Role::ALL`].
const TABLE: [(Role, &[Action]); 15] = [
    (
        Role::Governor,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ApproveAccess,
            ReviewAccess,
            ReadPolicy,
            ApprovePolicy,
            WorkAlerts,
            WorkCases,
            ShowNames,
            ReadWeekly,
        ],
    ),
    (
        Role::ChairOfGovernors,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ApproveAccess,
            ReviewAccess,
            ReadPolicy,
            ApprovePolicy,
            WorkAlerts,
            WorkCases,
            ShowNames,
            ReadWeekly,
        ],
    ),
    (
        Role::Headteacher,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ApproveAccess,
            ReviewAccess,
            KeepVisitors,
            WelcomeVisitors,
            ReadPeople,
            ManageAccounts,
            ResetPassword,
            RunClass,
            ReadPolicy,
            ExplainVerdict,
            SearchHistory,
            ExportHistory,
            HoldHistory,
            ProposePolicy,
            ApprovePolicy,
            MovePerson,
            ChangeLists,
            WorkAlerts,
            WorkCases,
            ShowNames,
            ReadWeekly,
            SignWeekly,
        ],
    ),
    (
        Role::SeniorLeader,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ApproveAccess,
            ReviewAccess,
            KeepVisitors,
            WelcomeVisitors,
            ReadPeople,
            ManageAccounts,
            ResetPassword,
            RunClass,
            ReadPolicy,
            ExplainVerdict,
            SearchHistory,
            ProposePolicy,
            ApprovePolicy,
            MovePerson,
            ChangeLists,
            ReadWeekly,
        ],
    ),
    (
        Role::SafeguardingLead,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ApproveAccess,
            ReviewAccess,
            ReadPeople,
            ReadPolicy,
            ExplainVerdict,
            SearchHistory,
            ExportHistory,
            HoldHistory,
            ProposePolicy,
            WorkAlerts,
            WorkCases,
            ShowNames,
            ReadWeekly,
            SignWeekly,
        ],
    ),
    (
        Role::OnlineSafetyLead,
        &[SeeHome, OwnAccount, ReadPolicy, ExplainVerdict, SearchHistory, ProposePolicy, ReadWeekly],
    ),
    (
        Role::BusinessManager,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ApproveAccess,
            ReviewAccess,
            KeepVisitors,
            WelcomeVisitors,
            ReadPeople,
            ManageAccounts,
            ResetPassword,
            ReadPolicy,
            ExplainVerdict,
            ProposePolicy,
            ApprovePolicy,
            MovePerson,
            ChangeLists,
        ],
    ),
    (
        Role::DataProtectionOfficer,
        &[
            SeeHome,
            OwnAccount,
            ReadPeople,
            ReadPolicy,
            SearchHistory,
            ExportHistory,
            HoldHistory,
            WorkAlerts,
            WorkCases,
            ShowNames,
        ],
    ),
    (Role::DataProtectionLead, &[SeeHome, OwnAccount, ReadPolicy]),
    (Role::GovernanceProfessional, &[SeeHome, OwnAccount, ReadPolicy]),
    (
        Role::Technician,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ReviewAccess,
            KeepVisitors,
            WelcomeVisitors,
            ReadPeople,
            ManageAccounts,
            ResetPassword,
            RunClass,
            ReadPolicy,
            ExplainVerdict,
            SearchHistory,
            ProposePolicy,
            WorkAlerts,
        ],
    ),
    (
        Role::ClassTeacher,
        &[
            SeeHome,
            OwnAccount,
            ReadAccess,
            ReviewAccess,
            ReadPeople,
            ResetPassword,
            RunClass,
            ReadPolicy,
            ExplainVerdict,
        ],
    ),
    (Role::Staff, &[SeeHome, OwnAccount, WelcomeVisitors, ReadPolicy, ExplainVerdict]),
    (Role::Learner, &[]),
    (Role::Guest, &[]),
];

/// True when somebody with this role may do this, where the role holds.
pub fn permits(role: Role, action: Action) -> bool {
    TABLE.iter().any(|(row, actions)| *row == role && actions.contains(&action))
}

/// Somebody may not do this there.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub struct Denied {
    /// What they wanted to do.
    pub action: Action,
    /// Where; `None`: anywhere at all.
    pub scope: Option<Scope>,
}

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let action = self.action.slug();
        match &self.scope {
            Some(scope) => write!(f, "expected a role that permits {action} at {scope}, found none"),
            None => write!(f, "expected a role that permits {action} somewhere, found none"),
        }
    }
}

/// Says whether the actor may do this to what belongs to `scope`.
///
/// The command line and the program itself may do everything: whoever holds the machine holds it all, and what they
/// change carries their system user's name and an emergency reason.
pub fn permit(actor: &Actor, action: Action, scope: &Scope) -> Result<(), Denied> {
    if scopes_for(actor, action).iter().any(|held| held.covers(scope)) {
        return Ok(());
    }
    Err(Denied { action, scope: Some(scope.clone()) })
}

/// Where the actor may do this: in the order of their roles, without repeats; empty when nowhere.
pub fn scopes_for(actor: &Actor, action: Action) -> Vec<Scope> {
    let Actor::Person { roles, .. } = actor else { return vec![Scope::Trust] };
    let mut scopes: Vec<Scope> = Vec::new();
    for (role, scope) in roles {
        if permits(*role, action) && !scopes.contains(scope) {
            scopes.push(scope.clone());
        }
    }
    scopes
}

/// The table as the documentation shows it.
pub fn table_as_markdown() -> String {
    let mut page = String::from(
        "# Who may do what\n\nPrinted from `crates/identity/src/permissions.rs`, where the reasons stand; a test keeps \
         this page equal to it.\nA role counts where it holds: at one school, or in the whole trust.\n\n| Role |",
    );
    for action in Action::ALL {
        let _ = write!(page, " {} |", action.slug());
    }
    page.push_str("\n| --- |");
    page.push_str(&" --- |".repeat(Action::ALL.len()));
    page.push('\n');
    for (role, actions) in TABLE {
        let _ = write!(page, "| {} |", role.title());
        for action in Action::ALL {
            page.push_str(if actions.contains(&action) { " yes |" } else { " no |" });
        }
        page.push('\n');
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{PersonId, SchoolId};
    use std::path::Path;

    fn school(name: &str) -> Scope {
        Scope::School(SchoolId::new(name))
    }

    fn person(roles: Vec<(Role, Scope)>) -> Actor {
        Actor::Person { id: PersonId(uuid::Uuid::nil()), login: "someone".to_owned(), roles }
    }

    #[test]
    fn every_role_stands_in_the_table_once_and_in_order() {
        assert_eq!(TABLE.map(|(role, _)| role), Role::ALL);
    }

    #[test]
    fn learners_and_guests_may_do_nothing() {
        for action in Action::ALL {
            assert!(!permits(Role::Learner, action) && !permits(Role::Guest, action), "{action:?}");
        }
    }

    #[test]
    fn nobody_below_leadership_approves_and_governors_see_no_history() {
        for role in
            [Role::Technician, Role::SafeguardingLead, Role::ClassTeacher, Role::DataProtectionOfficer]
        {
            assert!(!permits(role, ApprovePolicy), "{role:?}");
        }
        for action in [SearchHistory, ExportHistory, ExplainVerdict] {
            assert!(!permits(Role::Governor, action));
        }
    }

    #[test]
    fn technicians_see_neither_cases_nor_names() {
        assert!(permits(Role::Technician, WorkAlerts));
        assert!(!permits(Role::Technician, WorkCases) && !permits(Role::Technician, ShowNames));
    }

    #[test]
    fn whoever_takes_history_away_may_also_search_it() {
        for role in Role::ALL {
            assert!(!permits(role, ExportHistory) || permits(role, SearchHistory), "{role:?}");
            assert!(!permits(role, HoldHistory) || permits(role, SearchHistory), "{role:?}");
        }
    }

    #[test]
    fn a_role_at_one_school_counts_there_and_nowhere_else() {
        let head = person(vec![(Role::Headteacher, school("ash")), (Role::ClassTeacher, school("elm"))]);
        assert_eq!(permit(&head, SearchHistory, &school("ash")), Ok(()));
        assert!(permit(&head, SearchHistory, &school("elm")).is_err());
        assert!(permit(&head, SearchHistory, &Scope::Trust).is_err());
        assert_eq!(scopes_for(&head, SeeHome), [school("ash"), school("elm")]);
        let lead = person(vec![(Role::SafeguardingLead, Scope::Trust)]);
        assert_eq!(permit(&lead, SearchHistory, &school("elm")), Ok(()));
    }

    #[test]
    fn a_person_without_a_role_is_denied_everything() {
        for action in Action::ALL {
            let denied = permit(&person(Vec::new()), action, &school("ash")).unwrap_err();
            assert!(denied.to_string().contains(action.slug()));
        }
    }

    #[test]
    fn the_printed_table_is_the_table() {
        let path = Path::new(&std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../docs/permissions.md");
        let printed = std::fs::read_to_string(&path).unwrap_or_default();
        if std::env::var_os("SCHOOLGATE_PRINT").is_some() {
            std::fs::write(&path, table_as_markdown()).unwrap();
            return;
        }
        assert_eq!(
            printed,
            table_as_markdown(),
            "run this test again with SCHOOLGATE_PRINT=1 to print the page"
        );
    }
}
