//! Other people's accounts: making one, suspending, opening and closing it, ending what it is signed in to, and a
//! temporary password for whoever forgot theirs.
//!
//! Invariants: nobody touches an account beyond their reach, their own, or one that they would gain by
//! ([`people_reach`](crate::people_reach)); what is handed over is shown once and is in no record; each deed is a fact
//! with its reason, and a reset with how it was made sure who asked (clause ACC-7). The last account that manages
//! accounts somewhere stays open: whoever closes one has another, which reaches all that it did.

use crate::facade::record_denial;
use crate::people_reach::{PeopleReach, approves, gains_nothing, may_hand_to};
use crate::people_seen::kind_for;
use crate::rights::needs_approval;
use crate::views::{NewPersonChoices, SlipView};
use crate::{App, AppError, Fresh};
use identity::{permits, scopes_for};
use model::{
    AccountId, AccountKind, AccountState, Action, Actor, Affiliation, Person, PersonId, Role, SchoolId,
    Scope, Timestamp, YearGroup,
};
use std::collections::HashSet;
use std::sync::Arc;
use store::{Account, AccountChange, Change};

/// The longest name, in characters.
const MOST_NAME: usize = 120;
/// The longest login, in characters.
const MOST_LOGIN: usize = 60;
/// What somebody reads who would open a visitor's account, or give a password to it, past the log.
const OF_A_POOL: &str = "This account is of a pool for visitors. Hand out another one under Visitors, where whom they visit is written down.";
/// Why somebody who decides beside others gets no password in the console.
pub(crate) const AT_THE_MACHINE: &str = "They approve policies, read cases or release history, so nobody gives them a password here. \
    Whoever looks after the machine does, with the command schoolgate people reset.";

/// Somebody to add, with an account.
#[derive(Clone, Debug)]
pub struct NewPerson {
    /// Their name.
    pub name: String,
    /// The name to sign in with.
    pub login: String,
    /// What they are.
    pub role: Role,
    /// A learner's year group.
    pub year: Option<YearGroup>,
    /// The school; `None`: the whole trust.
    pub school: Option<SchoolId>,
}

/// What is done with somebody's account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountDeed {
    /// It may not be used for now.
    Suspend(AccountId),
    /// It may be used again.
    Open(AccountId),
    /// It may not be used any more.
    Close(AccountId),
    /// Everything that its holder is signed in to ends.
    EndSessions,
}

/// How it was made sure who asked for another password (clause ACC-7), and how it is handed over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ResetChecks {
    /// How.
    pub made_sure: MadeSure,
    /// How it reaches its user.
    pub handed_over: HandedOver,
}

/// How it was made sure who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MadeSure {
    /// They stand there, and are known.
    KnownInPerson,
    /// They stand there and showed a card with a picture.
    PhotoCard,
    /// They were called back on the number that the school's own records have.
    CalledBack,
    /// Somebody who teaches or leads them vouched for them.
    VouchedFor,
}

impl MadeSure {
    /// Every way, surest first.
    pub const ALL: [MadeSure; 4] = [Self::KnownInPerson, Self::PhotoCard, Self::CalledBack, Self::VouchedFor];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::KnownInPerson => "known-in-person",
            Self::PhotoCard => "photo-card",
            Self::CalledBack => "called-back",
            Self::VouchedFor => "vouched-for",
        }
    }

    /// The words on a screen and in the audit log.
    pub fn title(self) -> &'static str {
        match self {
            Self::KnownInPerson => "They are here, and I know them",
            Self::PhotoCard => "They are here, and showed a card with their picture",
            Self::CalledBack => "I called them back on the number in the school\u{2019}s records",
            Self::VouchedFor => "Their teacher or their manager is here and vouches for them",
        }
    }

    /// Reads the name in forms.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.slug() == text)
    }
}

/// How a password reaches its user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum HandedOver {
    /// On a printed slip, into their hands.
    Slip,
    /// Shown to them on the screen.
    Screen,
    /// Read out to them, where nobody else hears.
    Spoken,
}

impl HandedOver {
    /// Every way.
    pub const ALL: [HandedOver; 3] = [Self::Slip, Self::Screen, Self::Spoken];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Slip => "slip",
            Self::Screen => "screen",
            Self::Spoken => "spoken",
        }
    }

    /// The words on a screen and in the audit log.
    pub fn title(self) -> &'static str {
        match self {
            Self::Slip => "On a printed slip, into their own hands",
            Self::Screen => "They read it on this screen",
            Self::Spoken => "I read it out to them where nobody else hears",
        }
    }

    /// Reads the name in forms.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|way| way.slug() == text)
    }
}

impl App {
    /// What may be chosen where somebody is added.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn new_person_choices(&self, actor: &Actor) -> Result<NewPersonChoices, AppError> {
        let reach = self.reach(actor, Action::ManageAccounts).await?;
        let snapshot = self.snapshot();
        let here = snapshot.policy().schools.iter();
        let here: Vec<_> = here.filter(|school| reach.covers(&Scope::School(school.id.clone()))).collect();
        let at_once = |role: &Role| {
            comes_at_once(*role)
                && here.iter().any(|school| may_hand_to(actor, *role, &Scope::School(school.id.clone())))
        };
        let mut schools: Vec<(String, String)> =
            here.iter().map(|school| (school.id.to_string(), school.name.to_string())).collect();
        let trust = snapshot.policy().trust.as_deref().filter(|_| reach.covers(&Scope::Trust));
        schools.extend(trust.map(|name| (String::from("trust"), name.to_owned())));
        Ok(NewPersonChoices {
            roles: Role::ALL
                .into_iter()
                .filter(at_once)
                .map(|role| (role.slug().to_owned(), role.title().to_owned()))
                .collect(),
            schools,
        })
    }

    /// Says what is wrong with the names of somebody to add: the field and a sentence; nothing where all is well.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn check_new_names(
        &self,
        actor: &Actor,
        name: &str,
        login: &str,
    ) -> Result<Vec<(String, String)>, AppError> {
        self.reach(actor, Action::ManageAccounts).await?;
        let (mut problems, login) = (wrong_names(name, login), plain_login(login));
        let is_wrong = problems.iter().any(|(field, _)| field == "login");
        let is_taken = self.0.parts.roster.get().person_by_login(&login).is_some();
        if !is_wrong && (is_taken || self.0.parts.store.account(&login).await?.is_some()) {
            let words = "Somebody has or had that user name. Choose another; none is given twice";
            problems.push(("login".to_owned(), words.to_owned()));
        }
        Ok(problems)
    }

    /// Says what is wrong with somebody to add: the field and a sentence; nothing where all is well.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn check_new_person(
        &self,
        actor: &Actor,
        new: &NewPerson,
    ) -> Result<Vec<(String, String)>, AppError> {
        let place = place_of(new);
        self.permit_at(actor, Action::ManageAccounts, &place).await?;
        if !comes_at_once(new.role) || !may_hand_to(actor, new.role, &place) {
            self.record_denial(actor, Action::ManageAccounts).await;
            return Err(AppError::Denied);
        }
        let mut problems = self.check_new_names(actor, &new.name, &new.login).await?;
        let mut problem = |field: &str, words: &str| problems.push((field.to_owned(), words.to_owned()));
        if (new.role == Role::Learner) != new.year.is_some() {
            problem("year", "Choose a year group for a learner, and none for anybody else");
        }
        let known =
            |school: &SchoolId| self.snapshot().policy().schools.iter().any(|known| known.id == *school);
        if !new.school.as_ref().is_none_or(known) {
            problem("school", "Choose a school");
        }
        Ok(problems)
    }

    /// Adds somebody with an account, and makes their first password. It is shown this once.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where something is wrong with it.
    pub async fn add_person(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        new: NewPerson,
    ) -> Result<SlipView, AppError> {
        self.must_be_of(fresh, actor).await?;
        if let Some((_, words)) = self.check_new_person(actor, &new).await?.into_iter().next() {
            return Err(AppError::refused(
                words,
                "expected somebody who can be added, found something wrong",
            ));
        }
        let (now, place) = (self.now(), place_of(&new));
        let affiliation = Affiliation { scope: place.clone(), role: new.role, year: new.year };
        let person = Person {
            id: PersonId(self.new_uuid()?),
            login: plain_login(&new.login),
            display_name: new.name.trim().to_owned(),
            affiliations: vec![affiliation],
        };
        let (id, kind) = (AccountId(self.new_uuid()?), kind_for(&person.affiliations));
        let account = Account::new(id, &person, kind, now, actor);
        let issued = self.issue_password(&person, &account).await?;
        let mut changes = vec![
            Change::AddPerson { person: person.clone(), scope: Scope::Trust },
            Change::Account(AccountChange::Add(account.clone())),
        ];
        changes.extend(issued.changes);
        let fact = self.fact(actor, "add-person").about(format!("person:{}", person.id));
        let fact = fact.with("role", new.role.slug()).with("place", place.to_string());
        self.commit(&fact, &changes).await?;
        self.take_up_changes().await?;
        Ok(self.slip(&person, &account.login, issued.secret.to_string(), issued.expires))
    }

    /// Whom a password would be given to, by name; `None` where this person sees nobody of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where this one is not theirs to reset.
    pub async fn reset_view(&self, actor: &Actor, id: PersonId) -> Result<Option<String>, AppError> {
        self.people_reach(actor, Action::ResetPassword).await?;
        let Some(person) = self.seen_person(actor, id).await? else { return Ok(None) };
        match self.may_reset(actor, &person).await? {
            Ok(()) => {
                self.note(&self.fact(actor, "read-person").about(format!("person:{id}"))).await?;
                Ok(Some(person.display_name.clone()))
            }
            Err(words) => {
                Err(AppError::refused(words, "expected somebody whose password is theirs to reset"))
            }
        }
    }

    /// Gives somebody a password to be handed over, in the place of the one they have. A second factor stays as it is, and
    /// whatever they were signed in to ends. False where this person sees nobody of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where this one is not theirs to reset.
    pub async fn reset_password(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: PersonId,
        checks: ResetChecks,
    ) -> Result<Option<SlipView>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(person) = self.seen_person(actor, id).await? else { return Ok(None) };
        if let Err(words) = self.may_reset(actor, &person).await? {
            self.record_denial(actor, Action::ResetPassword).await;
            return Err(AppError::refused(words, "expected somebody whose password is theirs to reset"));
        }
        let accounts = self.0.parts.store.accounts_of(id).await?;
        let now = self.now();
        let everyday = |account: &Account| matches!(account.kind, AccountKind::Standard | AccountKind::Guest);
        let is_meant = |account: &Account| everyday(account) && account.may_sign_in(now);
        let Some(account) = accounts.into_iter().find(is_meant) else {
            return Err(AppError::refused(
                "They have no account that is open. Open it first.",
                "expected an open account, found none",
            ));
        };
        let issued = self.issue_password(&person, &account).await?;
        let at = self.now();
        let mut changes = issued.changes;
        changes.push(Change::Account(AccountChange::EndEverything { person: id, but: None, at }));
        let fact = self.fact(actor, "reset-password").about(format!("person:{id}"));
        let fact = fact.with("made_sure", checks.made_sure.title());
        self.commit(&fact.with("handed_over", checks.handed_over.title()), &changes).await?;
        self.0.parts.identities.end_sessions(id, at);
        self.open_lanes(&account.login);
        Ok(Some(self.slip(&person, &account.login, issued.secret.to_string(), issued.expires)))
    }

    /// Suspends, opens or closes an account, or ends what its holder is signed in to. False where this person sees nobody
    /// of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a reason.
    pub async fn work_on_account(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: PersonId,
        deed: AccountDeed,
        reason: &str,
    ) -> Result<bool, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(person) = self.seen_person(actor, id).await? else { return Ok(false) };
        let may = match deed {
            AccountDeed::Open(_) => self.may_open(actor, &person).await?,
            _ => self.may_manage(actor, &person).await?,
        };
        if !may {
            self.record_denial(actor, Action::ManageAccounts).await;
            return Err(AppError::Denied);
        }
        if matches!(deed, AccountDeed::Open(_)) && self.is_of_pool(&person).await? {
            self.record_denial(actor, Action::ManageAccounts).await;
            return Err(AppError::refused(OF_A_POOL, "expected an account of no pool"));
        }
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > crate::alert_work::MOST_WORDS_BYTES {
            return Err(AppError::no_reason());
        }
        let accounts = self.0.parts.store.accounts_of(id).await?;
        let at = self.now();
        let set = |account: AccountId, state| {
            let is_theirs = accounts.iter().any(|held| held.id == account);
            is_theirs.then_some(Change::Account(AccountChange::SetState { account, state, at }))
        };
        let (action, change) = match deed {
            AccountDeed::Suspend(account) => ("suspend-account", set(account, AccountState::Suspended)),
            AccountDeed::Open(account) => ("open-account", set(account, AccountState::Open)),
            AccountDeed::Close(account) => ("close-account", set(account, AccountState::Closed)),
            AccountDeed::EndSessions => {
                let end = AccountChange::EndEverything { person: id, but: None, at };
                ("end-sessions", Some(Change::Account(end)))
            }
        };
        let Some(change) = change else { return Ok(false) };
        let is_closed =
            |id: AccountId| accounts.iter().any(|held| held.id == id && held.state == AccountState::Closed);
        if matches!(deed, AccountDeed::Open(id) | AccountDeed::Suspend(id) if is_closed(id)) {
            return Err(AppError::refused(
                "A closed account stays closed. Only one that was suspended is opened again.",
                "expected an account that is not closed, found a closed one",
            ));
        }
        let fact = self.fact(actor, action).about(format!("person:{id}")).with("reason", reason);
        self.commit(&fact, &[change]).await?;
        if !matches!(deed, AccountDeed::Open(_)) {
            self.0.parts.identities.end_sessions(id, at);
        }
        Ok(true)
    }

    /// Why the actor may not give this person a password, in words for them.
    pub(crate) async fn may_reset(
        &self,
        actor: &Actor,
        person: &Person,
    ) -> Result<Result<(), &'static str>, AppError> {
        if is_self(actor, person) {
            return Ok(Err("This is you. Change your own password under My account."));
        }
        if scopes_for(actor, Action::ResetPassword).is_empty() {
            return Ok(Err("Your role does not include giving passwords."));
        }
        let named = self.as_named_for_resets(actor);
        if scopes_for(&named, Action::ResetPassword).is_empty() {
            return Ok(Err("The policy names others to give passwords. Ask one of them."));
        }
        if self.is_of_pool(person).await? {
            return Ok(Err(OF_A_POOL));
        }
        let reach = self.people_reach(&named, Action::ResetPassword).await?;
        Ok(hands_over(actor, &reach, person))
    }

    /// True for whoever has an account of a pool of visitors' accounts: it is handed out there alone, with a line in the log.
    async fn is_of_pool(&self, person: &Person) -> Result<bool, AppError> {
        Ok(self.0.parts.store.is_visitor(person.id).await?)
    }

    /// Of these people, those to whom the actor may give a way in, as [`Self::may_reset`] says of each.
    pub(crate) async fn resettable(
        &self,
        actor: &Actor,
        people: &[Arc<Person>],
    ) -> Result<HashSet<PersonId>, AppError> {
        let named = self.as_named_for_resets(actor);
        if scopes_for(&named, Action::ResetPassword).is_empty() {
            return Ok(HashSet::new());
        }
        let reach = self.people_reach(&named, Action::ResetPassword).await?;
        let may =
            |person: &&Arc<Person>| !is_self(actor, person) && hands_over(actor, &reach, person).is_ok();
        Ok(people.iter().filter(may).map(|person| person.id).collect())
    }

    /// The actor with those roles alone that the policy's `access.reset_by` names: giving passwords counts where one holds
    /// such a role, and not where one holds another.
    fn as_named_for_resets(&self, actor: &Actor) -> Actor {
        let Actor::Person { id, login, roles } = actor else { return actor.clone() };
        let named = &self.in_force().document.facts.access.reset_by;
        let is_named = |role: Role| named.iter().any(|by| by.0 == role);
        let roles = roles.iter().filter(|(role, _)| is_named(*role)).cloned().collect();
        Actor::Person { id: *id, login: login.clone(), roles }
    }

    /// True where the actor may open this person's accounts again: they may do all that its holder may.
    pub(crate) async fn may_open(&self, actor: &Actor, person: &Person) -> Result<bool, AppError> {
        let gains = person.affiliations.iter().any(|held| !gains_nothing(actor, held.role, &held.scope));
        Ok(!gains && self.may_manage(actor, person).await?)
    }

    /// True where the actor may suspend and close this person's accounts, and end what is signed in to.
    pub(crate) async fn may_manage(&self, actor: &Actor, person: &Person) -> Result<bool, AppError> {
        if is_self(actor, person) || scopes_for(actor, Action::ManageAccounts).is_empty() {
            return Ok(false);
        }
        Ok(self.people_reach(actor, Action::ManageAccounts).await?.covers_whole(person))
    }

    async fn seen_person(&self, actor: &Actor, id: PersonId) -> Result<Option<Arc<Person>>, AppError> {
        let reach = self.people_reach(actor, Action::ReadPeople).await?;
        let person = self.0.parts.roster.get().person(id).map(Arc::clone);
        Ok(person.filter(|person| reach.covers(person)))
    }

    pub(crate) async fn must_be_of(&self, fresh: &Fresh, actor: &Actor) -> Result<(), AppError> {
        if self.is_of(fresh, actor).await? {
            return Ok(());
        }
        record_denial(&self.0.parts.store, actor, Action::OwnAccount, self.now()).await;
        Err(AppError::Denied)
    }

    pub(crate) fn slip(
        &self,
        person: &Person,
        login: &str,
        secret: String,
        expires: Option<Timestamp>,
    ) -> SlipView {
        let what = person.affiliations.iter().map(|affiliation| self.affiliation_words(affiliation));
        SlipView {
            name: person.display_name.clone(),
            what: what.collect::<Vec<_>>().join("; "),
            login: login.to_owned(),
            secret,
            expires,
            must_change: expires.is_some(),
            uses_console: person.affiliations.iter().any(|held| permits(held.role, Action::SeeHome)),
            person: person.id.to_string(),
        }
    }
}

/// Why the actor gives nobody within this reach a way in, in words for them.
fn hands_over(actor: &Actor, reach: &PeopleReach, person: &Person) -> Result<(), &'static str> {
    if !reach.covers_whole(person) {
        return Err("They belong to more than you look after. Ask somebody who looks after all of it.");
    }
    let holds = |may: &dyn Fn(&Affiliation) -> bool| person.affiliations.iter().all(may);
    if matches!(actor, Actor::Person { .. }) && !holds(&|held| !approves(held.role)) {
        return Err(AT_THE_MACHINE);
    }
    if !holds(&|held| may_hand_to(actor, held.role, &held.scope)) {
        return Err(
            "They may do more than you, so they get a password from somebody who may do as much as they.",
        );
    }
    Ok(())
}

fn is_self(actor: &Actor, person: &Person) -> bool {
    matches!(actor, Actor::Person { id, .. } if *id == person.id)
}

/// True for a role that does nothing in the console, and so is given without asking anybody. Visitors get theirs of a pool.
fn comes_at_once(role: Role) -> bool {
    !needs_approval(role) && role != Role::Guest
}

/// What is wrong with a name and a login, whether or not somebody has it: the field and a sentence.
pub(crate) fn wrong_names(name: &str, login: &str) -> Vec<(String, String)> {
    let mut problems = Vec::new();
    let mut problem = |field: &str, words: &str| problems.push((field.to_owned(), words.to_owned()));
    let (name, login) = (name.trim(), plain_login(login));
    if name.is_empty() || name.chars().count() > MOST_NAME || name.chars().any(char::is_control) {
        problem("name", "Enter the name as the register has it, at most 120 characters");
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    if login.is_empty() || login.len() > MOST_LOGIN || !login.chars().all(plain) {
        problem("login", "Use small letters, digits, full stops and hyphens, such as a.thistlewick");
    }
    problems
}

pub(crate) fn place_of(new: &NewPerson) -> Scope {
    new.school.clone().map_or(Scope::Trust, Scope::School)
}

pub(crate) fn plain_login(typed: &str) -> String {
    typed.trim().to_lowercase()
}
