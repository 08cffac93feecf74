//! The rules of the registers: from what the running system saw to the honest state of a clause.
//!
//! Left out on purpose: seeing. `app` gathers [`Facts`]; here is only what follows from them. Due dates, records and
//! the outside standards come with the registers themselves.
//!
//! Invariants: pure; what was not seen is `Unknown`, never `Pass`; every state says what it rests on, in words that a
//! governor can read, and when that was seen.

mod access_checks;
mod alert_checks;
mod checks;
mod facts;

pub use facts::{
    AccessSeen, AlertsSeen, Approver, AuditSeen, CountingSeen, Facts, GroupsSeen, HarmfulSeen, IllegalLayer,
    Kept, ListSeen, Listener, ListenerState, ListsSeen, LockTried, LockoutSeen, MemberList, PasswordsSeen,
    PolicySeen, PostVacant, PostsSeen, RequestsSeen, RetentionSeen, ReviewSeen, SelfTest, TakenUp,
    TriedAsLearners,
};

use model::ClauseState;

/// A check that the program really makes. The clause catalogue names them by their slugs.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Check {
    /// The approved text is the one that decides, and its review is not overdue.
    PolicyInForce,
    /// Illegal content is blocked with everything else off, from a member list.
    IllegalLayer,
    /// Learners reach nothing of the harmful categories that the lists know.
    HarmfulContent,
    /// Everybody on the roster has a group's rules.
    GroupRules,
    /// The lists were updated lately.
    ListsFresh,
    /// Requests reach the history, and none was lost.
    RequestsRecorded,
    /// History is kept as long as the policy says, and not shorter than 365 days.
    Retention,
    /// Learners reach no way round the filter.
    Circumvention,
    /// Every stored password is a one-way hash of today's kind.
    PasswordHash,
    /// Wrong passwords lock as the policy says.
    WrongPasswordsLock,
    /// The DNS filter and the proxy answer.
    DnsAndProxy,
    /// Every required post is held.
    RolesHeld,
    /// Monitoring looks, alerts leave, and they are acknowledged in their time.
    AlertsRaised,
    /// Alerts are acknowledged, and somebody signs the weekly report.
    IncidentsDealtWith,
    /// Reports are made and are looked at in their time.
    ReportsOpen,
    /// Rights in the console are approved by a second person, and looked at again in time.
    RightsApproved,
    /// Rights are gone through in time, and every line is answered.
    RightsReviewed,
    /// Visitors' accounts end, stand in the log, and are destroyed.
    VisitorsEnd,
    /// Enough people can administer, each with a second factor.
    Administrators,
    /// There is a recovery account, and it is tried.
    RecoveryAccount,
    /// Nobody is in two places at once.
    AccountsShared,
    /// Of each password that was given it is written down how it was made sure who asked.
    ResetsRecorded,
    /// Passwords that were issued must be replaced.
    FirstReplaced,
    /// Temporary passwords run out.
    TemporaryEnd,
}

impl Check {
    /// Every check.
    pub const ALL: [Check; 24] = [
        Self::PolicyInForce,
        Self::IllegalLayer,
        Self::HarmfulContent,
        Self::GroupRules,
        Self::ListsFresh,
        Self::RequestsRecorded,
        Self::Retention,
        Self::Circumvention,
        Self::PasswordHash,
        Self::WrongPasswordsLock,
        Self::DnsAndProxy,
        Self::RolesHeld,
        Self::AlertsRaised,
        Self::IncidentsDealtWith,
        Self::ReportsOpen,
        Self::RightsApproved,
        Self::RightsReviewed,
        Self::VisitorsEnd,
        Self::Administrators,
        Self::RecoveryAccount,
        Self::AccountsShared,
        Self::ResetsRecorded,
        Self::FirstReplaced,
        Self::TemporaryEnd,
    ];

    /// The name in the clause catalogue.
    pub fn slug(self) -> &'static str {
        match self {
            Self::PolicyInForce => "policy-in-force",
            Self::IllegalLayer => "illegal-layer",
            Self::HarmfulContent => "harmful-content",
            Self::GroupRules => "group-rules",
            Self::ListsFresh => "lists-fresh",
            Self::RequestsRecorded => "requests-recorded",
            Self::Retention => "retention",
            Self::Circumvention => "circumvention",
            Self::PasswordHash => "password-hash",
            Self::WrongPasswordsLock => "wrong-passwords-lock",
            Self::DnsAndProxy => "dns-and-proxy",
            Self::RolesHeld => "roles-held",
            Self::AlertsRaised => "alerts-raised",
            Self::IncidentsDealtWith => "incidents-dealt-with",
            Self::ReportsOpen => "reports-open",
            Self::RightsApproved => "rights-approved",
            Self::RightsReviewed => "rights-reviewed",
            Self::VisitorsEnd => "visitors-end",
            Self::Administrators => "administrators",
            Self::RecoveryAccount => "recovery-account",
            Self::AccountsShared => "accounts-shared",
            Self::ResetsRecorded => "resets-recorded",
            Self::FirstReplaced => "first-replaced",
            Self::TemporaryEnd => "temporary-end",
        }
    }

    /// Reads the name in the clause catalogue.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|check| check.slug() == text)
    }

    /// What follows from the facts.
    pub fn look(self, facts: &Facts) -> ClauseState {
        match self {
            Self::PolicyInForce => checks::policy_in_force(facts),
            Self::IllegalLayer => checks::illegal_layer(facts),
            Self::HarmfulContent => checks::harmful_content(facts),
            Self::GroupRules => checks::group_rules(facts),
            Self::ListsFresh => checks::lists_fresh(facts),
            Self::RequestsRecorded => checks::requests_recorded(facts),
            Self::Retention => checks::retention(facts),
            Self::Circumvention => checks::circumvention(facts),
            Self::PasswordHash => checks::password_hash(facts),
            Self::WrongPasswordsLock => checks::wrong_passwords_lock(facts),
            Self::DnsAndProxy => checks::dns_and_proxy(facts),
            Self::RolesHeld => checks::roles_held(facts),
            Self::AlertsRaised => alert_checks::alerts_raised(facts),
            Self::IncidentsDealtWith => alert_checks::incidents_dealt_with(facts),
            Self::ReportsOpen => alert_checks::reports_open(facts),
            Self::RightsApproved => access_checks::rights_approved(facts),
            Self::RightsReviewed => access_checks::rights_reviewed(facts),
            Self::VisitorsEnd => access_checks::visitors_end(facts),
            Self::Administrators => access_checks::administrators(facts),
            Self::RecoveryAccount => access_checks::recovery_account(facts),
            Self::AccountsShared => access_checks::accounts_shared(facts),
            Self::ResetsRecorded => access_checks::resets_recorded(facts),
            Self::FirstReplaced => access_checks::first_replaced(facts),
            Self::TemporaryEnd => access_checks::temporary_end(facts),
        }
    }
}

/// The state of a clause: what its check says, or `Unknown` where it has none.
pub fn state_of(check: Option<&str>, facts: &Facts) -> ClauseState {
    match check.and_then(Check::parse) {
        Some(check) => check.look(facts),
        None => ClauseState::Unknown { why: "Nothing checks this yet".to_owned() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clause_without_a_check_is_unknown() {
        for check in [None, Some("no-such-check")] {
            let state = state_of(check, &Facts::nothing_seen(model::Timestamp(0)));
            assert_eq!(state, ClauseState::Unknown { why: "Nothing checks this yet".to_owned() });
        }
    }

    #[test]
    fn nothing_passes_while_nothing_was_seen() {
        let facts = Facts::nothing_seen(model::Timestamp(0));
        for check in Check::ALL {
            assert_ne!(check.look(&facts).word(), "Pass", "{}", check.slug());
            assert_eq!(Check::parse(check.slug()), Some(check));
        }
    }
}
