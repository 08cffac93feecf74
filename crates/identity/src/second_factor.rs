//! Who is asked for a second factor at the console, and why (clause PWD-14): by what their account is for, by role, by
//! whether they work for the whole trust, and by place.
//!
//! Left out on purpose: proving one; what is on site, which the policy's networks say. The school's public address is never
//! looked at: a whole school, its visitors and whoever borrows its connection stand behind it.
//!
//! Invariants: every account that administers is asked, whatever the policy says; who has a factor is always asked for it.

use model::{AccountKind, Action, Affiliation, Role, Scope};

/// Where somebody signs in from, as the gate's own listener saw it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignInPlace {
    /// From an address of one of the policy's networks.
    OnSite,
    /// From anywhere else.
    Away,
}

/// What the policy says.
#[derive(Clone, Copy, Debug)]
pub struct FactorRules<'a> {
    /// Roles that are always asked.
    pub roles: &'a [Role],
    /// Whether staff are asked away from school.
    pub away: bool,
    /// Whether the policy is a trust's: whoever works for all of it is its central team.
    pub is_trust: bool,
}

/// Why somebody is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhyFactor {
    /// The account administers.
    Administers,
    /// The policy names their role.
    Role,
    /// They work for the whole trust.
    CentralTeam,
    /// They are away from school.
    Away,
}

impl WhyFactor {
    /// In a sentence for them.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Administers => "Accounts that administer always have a second step.",
            Self::Role => "The school\u{2019}s policy asks everybody in your post for a second step.",
            Self::CentralTeam => {
                "The trust\u{2019}s policy asks everybody who works for the whole trust for a second step."
            }
            Self::Away => "The school\u{2019}s policy asks staff for a second step away from school.",
        }
    }

    /// True where it holds wherever they are: such a person never goes without a factor.
    pub fn is_everywhere(self) -> bool {
        self != Self::Away
    }
}

/// Why somebody must show a second factor; `None` where nothing asks for one.
pub fn why_factor(
    affiliations: &[Affiliation],
    kind: AccountKind,
    place: SignInPlace,
    rules: &FactorRules<'_>,
) -> Option<WhyFactor> {
    let works_here = |held: &&Affiliation| crate::permits(held.role, Action::SeeHome);
    let mut staff = affiliations.iter().filter(works_here);
    if kind.administers() {
        return Some(WhyFactor::Administers);
    }
    if affiliations.iter().any(|held| rules.roles.contains(&held.role)) {
        return Some(WhyFactor::Role);
    }
    if rules.is_trust && staff.clone().any(|held| held.scope == Scope::Trust) {
        return Some(WhyFactor::CentralTeam);
    }
    (rules.away && place == SignInPlace::Away && staff.next().is_some()).then_some(WhyFactor::Away)
}

#[cfg(test)]
mod tests {
    use super::*;
    use SignInPlace::{Away, OnSite};
    use model::SchoolId;

    fn held(role: Role, scope: Scope) -> Vec<Affiliation> {
        vec![Affiliation { scope, role, year: None }]
    }

    #[test]
    fn pwd_14_asked_by_account_role_trust_and_place() {
        let ash = || Scope::School(SchoolId::new("ash"));
        let rules = FactorRules { roles: &[Role::Headteacher], away: true, is_trust: true };
        let everyday = AccountKind::Standard;
        for (role, scope, kind, place, expected) in [
            (Role::ClassTeacher, ash(), everyday, OnSite, None),
            (Role::ClassTeacher, ash(), everyday, Away, Some(WhyFactor::Away)),
            (Role::ClassTeacher, ash(), AccountKind::Administrator, OnSite, Some(WhyFactor::Administers)),
            (Role::Technician, ash(), AccountKind::BreakGlass, OnSite, Some(WhyFactor::Administers)),
            (Role::Headteacher, ash(), everyday, OnSite, Some(WhyFactor::Role)),
            (Role::Technician, Scope::Trust, everyday, OnSite, Some(WhyFactor::CentralTeam)),
            (Role::Learner, ash(), everyday, Away, None),
            (Role::Guest, Scope::Trust, AccountKind::Guest, Away, None),
        ] {
            assert_eq!(why_factor(&held(role, scope), kind, place, &rules), expected, "{role:?} {place:?}");
        }
        let lone = FactorRules { roles: &[], away: false, is_trust: false };
        let lone_governor = held(Role::Governor, Scope::Trust);
        assert_eq!(
            why_factor(&lone_governor, everyday, Away, &lone),
            None,
            "a lone school has no central team"
        );
    }
}
