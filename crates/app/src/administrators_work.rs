//! The administrators on a screen: who can administer, what is missing while they are set up, the recovery accounts, and what
//! leaders want of these.
//!
//! Left out: making administrators and the first recovery account, which whoever looks after the machine does there, and what
//! leaders do about recovery accounts ([`recovery_work`](crate::recovery_work)).

use crate::administrators::{load, manages_everywhere, refused, rules_of};
use crate::recovery_work::RecoveryDeed;
use crate::sign_in::actor_of;
use crate::views::{
    AdministratorRow, AdministratorsView, LeaderView, NeedView, RecoveryRow, WishDeedView, WishView,
};
use crate::{App, AppError, words};
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
        let recovery = |(number, account): (&u32, &RecoveryAccount)| RecoveryRow {
            number: *number,
            owners: self.names(&account.owners),
            owner_ids: account.owners.iter().map(PersonId::to_string).collect(),
            stands_for: self.person_name(account.stands_for),
            opens_too_little: !self.opens_enough(state, account),
            tried: account.tried,
            is_due: overdue.contains(&AdministratorsWarning::TryRecovery { number: *number }),
            wish: state.wishes().get(number).map(|wish| self.wish_view(*number, wish, me)),
            may_ask: me.is_some() && state.wishes().get(number).is_none_or(|wish| wish.has_lapsed(now)),
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
            RecoveryWant::Another(owners) => ("wants another one made, with these owners", Some(owners)),
        };
        WishView {
            number,
            what: what.to_owned(),
            owners: owners.map(|owners| self.names(owners)).unwrap_or_default(),
            asked: wish.asked,
            asked_by: self.person_name(wish.asked_by),
            agreed_by: wish.agreed.map(|(by, _)| self.person_name(by)).unwrap_or_default(),
            until: wish.agreed.map(|(_, until)| until),
            lapses: wish.lapses(),
            has_lapsed: wish.has_lapsed(self.now()),
            deeds: me.map(|me| deeds(number, wish, me, self.now())).unwrap_or_default(),
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
        let (missing, state) = (missing(&loaded.state, &rules), &loaded.state);
        let mut needs = Vec::new();
        if !missing.is_empty() && state.setting_up() {
            let words = "Until then nothing keeps the last administrator from being locked out. ";
            needs
                .push(need("The set-up is not finished", format!("{words}Missing: {}.", missing.join("; "))));
        } else if !missing.is_empty() {
            let missing = format!("Missing: {}.", missing.join("; "));
            needs.push(need("The rule on administrators does not hold", missing));
        }
        let too_little = state.recovery().iter().filter(|(_, account)| !self.opens_enough(state, account));
        needs.extend(too_little.map(|(number, account)| {
            let stands_for = self.person_name(account.stands_for);
            let detail = format!(
                "It opens what {stands_for} may do, who does not lead the whole {} any more. Ask for owners one of whom does; \
                 a second leader agrees, and three days later it gets a new envelope.",
                if self.snapshot().policy().trust.is_some() { "trust" } else { "school" }
            );
            need(&format!("Recovery account {number} opens too little"), detail)
        }));
        let now = self.now();
        let wanted = state.wishes().iter().filter(|(_, wish)| !wish.has_lapsed(now));
        needs.extend(wanted.map(|(number, wish)| self.wish_need(*number, wish)));
        for warning in state.warnings(&rules, now) {
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

    /// What is asked for or agreed to, for whoever may take it back.
    fn wish_need(&self, number: u32, wish: &RecoveryWish) -> NeedView {
        let view = self.wish_view(number, wish, None);
        let change = match wish.want {
            RecoveryWant::Deletion => "its end",
            RecoveryWant::Owners(_) => "other owners",
            RecoveryWant::Another(_) => "that it is made",
        };
        let asked = view.in_words();
        let (title, detail) = match view.until {
            None => (
                format!("Recovery account {number}: a leader asks for {change}"),
                format!("{asked} A second leader agrees, or leaves it as it is."),
            ),
            Some(until) => (
                format!("Recovery account {number}: two leaders agreed to {change}"),
                format!(
                    "{asked} {} agrees. It can be done from {} on. Unless both meant it, take it back.",
                    view.agreed_by,
                    words::date_and_hour(&self.snapshot().policy().time_zone, until)
                ),
            ),
        };
        let urgency = if view.until.is_some() { "urgent" } else { "soon" }.to_owned();
        NeedView { title, detail, link: "/administrators".to_owned(), urgency }
    }

    /// True where a recovery account opens what somebody may do who leads, and manages accounts everywhere: in a trust what
    /// the head of one of its schools may do is too little.
    pub(crate) fn opens_enough(&self, state: &Administrators, account: &RecoveryAccount) -> bool {
        let roster = self.0.parts.roster.get();
        let person = roster.person(account.stands_for);
        state.opens_enough(account) && person.is_some_and(|person| self.manages_everywhere(&actor_of(person)))
    }

    fn manages_everywhere(&self, actor: &Actor) -> bool {
        manages_everywhere(actor, self.snapshot().policy())
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

/// What this leader may do about what is asked for, the mildest first.
fn deeds(number: u32, wish: &RecoveryWish, me: PersonId, now: Timestamp) -> Vec<WishDeedView> {
    let forward = match wish.agreed {
        None => (wish.asked_by != me).then_some(RecoveryDeed::Agree),
        Some(_) => wish.may_be_done(me, now).is_ok().then_some(RecoveryDeed::CarryOut),
    };
    let deeds = std::iter::once(RecoveryDeed::Cancel).chain(forward);
    deeds.map(|deed| deed_view(number, &wish.want, deed)).collect()
}

fn deed_view(number: u32, want: &RecoveryWant, deed: RecoveryDeed) -> WishDeedView {
    use RecoveryWant::{Another, Deletion, Owners};
    let (button, why) = match (deed, want) {
        (RecoveryDeed::Agree, Deletion) => {
            (format!("Agree to end recovery account {number}"), "Why do you agree?")
        }
        (RecoveryDeed::Agree, Owners(_)) => ("Agree to these owners".to_owned(), "Why do you agree?"),
        (RecoveryDeed::Agree, Another(_)) => ("Agree to another one".to_owned(), "Why do you agree?"),
        (RecoveryDeed::CarryOut, Deletion) => {
            (format!("End recovery account {number}"), "Why is it ended now?")
        }
        (RecoveryDeed::CarryOut, Owners(_)) => {
            (format!("Give recovery account {number} these owners"), "Why do its owners change now?")
        }
        (RecoveryDeed::CarryOut, Another(_)) => {
            (format!("Make recovery account {number}"), "Why is it made now?")
        }
        (_, Another(_)) => ("Do not make it".to_owned(), "Why should it not be made?"),
        (_, Deletion | Owners(_)) => ("Leave it as it is".to_owned(), "Why should it stay as it is?"),
    };
    let ends = deed == RecoveryDeed::CarryOut && *want == Deletion;
    WishDeedView { deed, button, why: why.to_owned(), ends }
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
