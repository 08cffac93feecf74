//! The administrators on a screen: who can administer, what is missing while they are set up, the recovery accounts, and what
//! leaders want of these.
//!
//! Left out: making administrators and the first recovery account, which whoever looks after the machine does there, and what
//! leaders do about recovery accounts ([`recovery_work`](crate::recovery_work)).

use crate::administrators::{load, refused, rules_of};
use crate::facade::Reach;
use crate::recovery_work::RecoveryDeed;
use crate::views::{AdministratorRow, AdministratorsView, LeaderView, NeedView, RecoveryRow, WishView};
use crate::{App, AppError};
use identity::{
    Administrators, AdministratorsWarning, RecoveryAccount, RecoveryWant, RecoveryWish, WorkingFactor,
};
use model::{AccountKind, Action, Actor, PersonId, Scope, Timestamp};
use std::collections::BTreeSet;

impl App {
    /// The administrators, for whoever manages accounts everywhere.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn administrators_view(&self, actor: &Actor) -> Result<AdministratorsView, AppError> {
        self.must_manage_everywhere(actor).await?;
        let rules = rules_of(&self.in_force().document);
        let loaded = load(&self.0.parts.store, &rules).await?;
        let (now, state) = (self.now(), &loaded.state);
        let of_administrators =
            loaded.accounts.iter().filter(|account| account.kind == AccountKind::Administrator);
        let row = |account: &store::Account| {
            let held = state.accounts().get(&account.person);
            let factors =
                held.map(|held| held.factors.iter().map(|factor| title(*factor)).collect::<Vec<_>>());
            AdministratorRow {
                name: self.person_name(account.person),
                login: account.login.clone(),
                state: account.state.title().to_owned(),
                factors: factors.unwrap_or_default().join(" and "),
                works: state.works(&account.person),
                has_post: state.posts().contains(&account.person),
            }
        };
        let me = match actor {
            Actor::Person { id, .. } => state.leaders().get(id).copied(),
            _ => None,
        };
        let overdue = state.warnings(&rules, now);
        let stands = |number: &u32| loaded.stands_for(*number).map(|person| self.person_name(person));
        let recovery = |(number, account): (&u32, &RecoveryAccount)| RecoveryRow {
            number: *number,
            owners: self.names(&account.owners),
            owner_ids: account.owners.iter().map(PersonId::to_string).collect(),
            stands_for: stands(number).unwrap_or_default(),
            opens_nothing: loaded.stands_for(*number).is_none_or(|person| !state.leaders().contains(&person)),
            tried: account.tried,
            is_due: overdue.contains(&AdministratorsWarning::TryRecovery { number: *number }),
            wish: state.wishes().get(number).map(|wish| self.wish_view(*number, wish, me)),
            may_ask: me.is_some() && !state.wishes().contains_key(number),
        };
        let is_new = |number: &u32| !state.recovery().contains_key(number);
        let wanted = state.wishes().iter().filter(|(number, _)| is_new(number));
        Ok(AdministratorsView {
            setting_up: state.setting_up(),
            missing: missing(&loaded.state, &rules),
            at_least: rules.at_least,
            accounts: of_administrators.map(row).collect(),
            recovery: state.recovery().iter().map(recovery).collect(),
            wanted: wanted.map(|(number, wish)| self.wish_view(*number, wish, me)).collect(),
            choices: me.map(|_| self.leaders_to_choose(state)).unwrap_or_default(),
            leads: me.is_some(),
        })
    }

    /// What somebody wants, and what this leader may do about it.
    fn wish_view(&self, number: u32, wish: &RecoveryWish, me: Option<PersonId>) -> WishView {
        let (what, owners) = match &wish.want {
            RecoveryWant::Deletion => ("wants it gone", None),
            RecoveryWant::Owners(owners) => ("wants it to have other owners", Some(owners)),
            RecoveryWant::Another(owners) => ("wants another one made", Some(owners)),
        };
        WishView {
            number,
            what: what.to_owned(),
            owners: owners.map(|owners| self.names(owners)).unwrap_or_default(),
            asked: wish.asked,
            asked_by: self.person_name(wish.asked_by),
            agreed_by: wish.agreed.map(|(by, _)| self.person_name(by)).unwrap_or_default(),
            until: wish.agreed.map(|(_, until)| until),
            deeds: me.map(|me| deeds(wish, me, self.now())).unwrap_or_default(),
        }
    }

    /// Who may own a recovery account, by name.
    fn leaders_to_choose(&self, state: &Administrators) -> Vec<LeaderView> {
        let leader = |id: &PersonId| LeaderView { id: id.to_string(), name: self.person_name(*id) };
        let mut leaders: Vec<LeaderView> = state.leaders().iter().map(leader).collect();
        leaders.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
        leaders
    }

    fn names(&self, people: &BTreeSet<PersonId>) -> Vec<String> {
        people.iter().map(|person| self.person_name(*person)).collect()
    }

    /// What should be seen to about administrators, for home; nothing for whoever does not manage accounts everywhere.
    pub(crate) async fn administrator_needs(&self, actor: &Actor) -> Result<Vec<NeedView>, AppError> {
        if !self.manages_everywhere(actor) {
            return Ok(Vec::new());
        }
        let rules = rules_of(&self.in_force().document);
        let loaded = load(&self.0.parts.store, &rules).await?;
        let need = |title: &str, detail: String| NeedView {
            title: title.to_owned(),
            detail,
            link: "/administrators".to_owned(),
            urgency: "soon".to_owned(),
        };
        let missing = missing(&loaded.state, &rules);
        let mut needs = Vec::new();
        if !missing.is_empty() {
            let words = "Until then nothing keeps the last administrator from being locked out. ";
            needs
                .push(need("The set-up is not finished", format!("{words}Missing: {}.", missing.join("; "))));
        }
        for warning in loaded.state.warnings(&rules, self.now()) {
            needs.push(match warning {
                AdministratorsWarning::TryRecovery { number } => need(
                    &format!("Recovery account {number} was not tried for too long"),
                    "One of its owners signs in with what is in the envelope, and seals a new one."
                        .to_owned(),
                ),
                AdministratorsWarning::EndsSoon { .. } => need(
                    "An administrator\u{2019}s account ends soon",
                    "Too few would be left. Give somebody else one first.".to_owned(),
                ),
            });
        }
        Ok(needs)
    }

    fn manages_everywhere(&self, actor: &Actor) -> bool {
        let scopes = identity::scopes_for(actor, Action::ManageAccounts);
        !scopes.is_empty() && crate::facade::reach_of(&scopes, &self.snapshot()) == Reach::Everything
    }

    pub(crate) async fn must_manage_everywhere(&self, actor: &Actor) -> Result<(), AppError> {
        if self.manages_everywhere(actor) {
            return Ok(());
        }
        self.permit_at(actor, Action::ManageAccounts, &Scope::Trust).await?;
        Ok(())
    }

    fn person_name(&self, person: PersonId) -> String {
        let roster = self.0.parts.roster.get();
        roster.person(person).map_or_else(|| "Somebody who left".to_owned(), |it| it.display_name.clone())
    }
}

/// What this leader may do about what is asked for.
fn deeds(wish: &RecoveryWish, me: PersonId, now: Timestamp) -> Vec<RecoveryDeed> {
    match wish.agreed {
        None if wish.asked_by == me => vec![RecoveryDeed::Cancel],
        None => vec![RecoveryDeed::Agree, RecoveryDeed::Cancel],
        Some((_, until)) if until <= now => vec![RecoveryDeed::CarryOut, RecoveryDeed::Cancel],
        Some(_) => vec![RecoveryDeed::Cancel],
    }
}

/// What makes somebody able to administer.
const ABLE: &str =
    "a post that lets them manage accounts, and an administrator account whose passkey or app has worked";

/// What is missing before the rule holds, in words.
fn missing(state: &identity::Administrators, rules: &identity::AdministratorRules) -> Vec<String> {
    let needed = usize::try_from(rules.at_least).unwrap_or(usize::MAX).max(2);
    let mut missing = Vec::new();
    match needed.saturating_sub(state.working()) {
        0 => {}
        1 => missing.push(format!("one more person with {ABLE}")),
        more => missing.push(format!("{more} more people with {ABLE}")),
    }
    if state.recovery().is_empty() {
        missing.push("a recovery account, sealed and owned by a senior leader".to_owned());
    } else if let Err(error) = state.missing(rules)
        && missing.is_empty()
    {
        missing.push(refused(error).theirs().trim_end_matches('.').to_owned());
    }
    missing
}

fn title(factor: WorkingFactor) -> &'static str {
    match factor {
        WorkingFactor::Passkey => "Passkey",
        WorkingFactor::Totp => "Codes from an app",
    }
}
