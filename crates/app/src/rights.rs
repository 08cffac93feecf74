//! Rights in the console: somebody asks for them, another leader approves or refuses, and nothing takes effect before.
//!
//! Invariants: nobody approves what they asked for or would get, and only a post that the policy names for that role does
//! (`access.approval`), where it would hold; a request is decided once and lapses by its day; whoever gave somebody their
//! password does not make that person decide beside others; each approval leaves a grant with its approver and the day on
//! which somebody looks again (clause ACC-1).

use crate::accounts::plain_login;
use crate::alert_work::checked_words;
use crate::facade::Reach;
use crate::people::can_hold;
use crate::people_reach::approves;
use crate::people_seen::kind_for;
use crate::views::{RightsForm, SlipView};
use crate::{App, AppError, Fresh};
use identity::{permits, scopes_for};
use jiff::ToSpan;
use model::{
    AccountId, Action, Actor, Addressee, Affiliation, DAY_MS, Person, PersonId, RequestId, RequestState,
    RightsKind, Role, SchoolId, Scope, Severity, Timestamp,
};
use std::sync::Arc;
use store::{
    Account, AccountChange, Change, Fact, Grant, NewRequest, PostHolder, RequestRecord, RightsChange,
};

/// How long before it lapses a request is warned of.
const WARN_MS: i64 = 3 * DAY_MS;
/// The facts of giving somebody a password in the console.
const GIVES: [&str; 4] = ["reset-password", "make-first-password", "issue-password", "add-person"];
/// Who is told that a request waits.
const TOLD: [Addressee; 1] = [Addressee::Head];
/// The same where it is for the headteacher, a governor or their chair.
const TOLD_ABOVE: [Addressee; 2] = [Addressee::Chair, Addressee::Governors];

/// What is done with a request that waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RightsDeed {
    /// Approves it, with the reason: it is in force at once.
    Approve(String),
    /// Refuses it, with the reason.
    Refuse(String),
    /// Takes it back; for whoever asked.
    Withdraw,
}

/// A request that was read and is well.
struct Wanted {
    kind: RightsKind,
    person: Option<Arc<Person>>,
    newcomer: (String, String),
    role: Role,
    scope: Scope,
    why: String,
}

/// Problems of a form: the field and a sentence.
type Problems = Vec<(String, String)>;

/// True for a role that does something in the console: it is asked for, and somebody else approves it.
pub(crate) fn needs_approval(role: Role) -> bool {
    permits(role, Action::SeeHome)
}

impl App {
    /// What is wrong with what was typed, by field, in the form's order; empty where nothing is.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn rights_problems(&self, actor: &Actor, typed: &RightsForm) -> Result<Problems, AppError> {
        self.reach(actor, Action::ManageAccounts).await?;
        Ok(self.read_rights(actor, typed).await?.err().unwrap_or_default())
    }

    /// Asks for rights for somebody. Nothing takes effect before another leader approves it.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where something is wrong with it.
    pub async fn ask_for_rights(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        typed: &RightsForm,
    ) -> Result<RequestId, AppError> {
        self.must_be_of(fresh, actor).await?;
        self.reach(actor, Action::ManageAccounts).await?;
        let wanted = self.read_rights(actor, typed).await?.map_err(|problems| {
            let sentences: Vec<String> = problems.into_iter().map(|(_, sentence)| sentence).collect();
            AppError::refused(sentences.join(". "), "expected rights that can be asked for, found mistakes")
        })?;
        let (now, id) = (self.now(), RequestId(self.new_uuid()?));
        let person = match &wanted.person {
            Some(person) => person.id,
            None => PersonId(self.new_uuid()?),
        };
        let days = self.in_force().document.facts.access.approval_days;
        let asked = NewRequest {
            id,
            scope: wanted.scope,
            kind: wanted.kind,
            person,
            newcomer: wanted.newcomer,
            role: wanted.role,
            why: wanted.why,
            asked: (now, actor.to_string()),
            lapses: now.plus_ms(i64::from(days) * DAY_MS),
        };
        let fact = self.rights_fact(actor, &asked, "ask-for-rights").with("reason", asked.why.clone());
        let mut changes = self.rights_calls(&asked)?;
        changes.push(Change::Rights(RightsChange::Ask(Box::new(asked))));
        self.commit(&fact, &changes).await?;
        Ok(id)
    }

    /// Approves a request, refuses it, or takes it back. False where this person may see no such request.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a reason, for one's own request, and where it was decided before.
    pub async fn work_on_rights(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: RequestId,
        deed: RightsDeed,
    ) -> Result<bool, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(record) = self.rights_for(actor, id).await? else { return Ok(false) };
        let asked = &record.asked;
        match deed {
            RightsDeed::Withdraw => {
                if asked.asked.1 != actor.to_string() {
                    self.record_denial(actor, Action::ReadAccess).await;
                    return Err(AppError::Denied);
                }
                self.end_request((actor, asked), RequestState::Withdrawn, String::new()).await?;
            }
            RightsDeed::Refuse(why) => {
                self.must_decide(actor, &record).await?;
                self.end_request((actor, asked), RequestState::Refused, checked_words(&why, true)?).await?;
            }
            RightsDeed::Approve(why) => {
                self.must_decide(actor, &record).await?;
                self.approve_rights(actor, asked, checked_words(&why, true)?).await?;
            }
        }
        Ok(true)
    }

    /// Makes the first password of somebody new whose request was approved. It is shown this once. `None` where this person
    /// may see no such request.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the account has a password, or gets one at the machine alone.
    pub async fn make_first_slip(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: RequestId,
    ) -> Result<Option<SlipView>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(record) = self.rights_for(actor, id).await? else { return Ok(None) };
        self.permit_at(actor, Action::ManageAccounts, &record.asked.scope).await?;
        let Some((person, account)) = self.without_password(&record).await? else {
            return Err(AppError::refused(
                "Their first password was made already. Somebody who gives passwords makes another.",
                "expected an account that nothing opens, found none",
            ));
        };
        if let Err(words) = self.may_reset(actor, &person).await? {
            self.record_denial(actor, Action::ResetPassword).await;
            return Err(AppError::refused(words, "expected somebody whose password is theirs to give"));
        }
        let issued = self.issue_password(&person, &account).await?;
        let fact = self.fact(actor, "make-first-password").about(format!("person:{}", person.id));
        self.commit(&fact, &issued.changes).await?;
        Ok(Some(self.slip(&person, &account.login, issued.secret.to_string(), issued.expires)))
    }

    /// Warns of requests that lapse soon, and lets those lapse whose day has come. To be called now and then.
    pub async fn mind_requests(&self) -> Result<(), AppError> {
        let now = self.now();
        let waiting = self.0.parts.store.rights_requests().await?;
        for record in waiting.iter().filter(|record| record.state == RequestState::Asked) {
            let asked = &record.asked;
            if asked.lapses <= now {
                let why = "Nobody answered in time".to_owned();
                self.end_request((&Actor::Program, asked), RequestState::Lapsed, why).await?;
            } else if record.warned.is_none() && asked.lapses <= now.plus_ms(WARN_MS) {
                let fact = self.rights_fact(&Actor::Program, asked, "warn-of-lapse");
                let mut changes = self.rights_calls(asked)?;
                changes.push(Change::Rights(RightsChange::Warned { id: asked.id, at: now }));
                self.commit(&fact, &changes).await?;
            }
        }
        Ok(())
    }

    /// True where the actor holds a post that approves this role at this place.
    pub(crate) fn approves_role(&self, actor: &Actor, role: Role, scope: &Scope) -> bool {
        let Actor::Person { roles, .. } = actor else { return false };
        let by = self.in_force().document.facts.access.approvers(role);
        roles
            .iter()
            .any(|(held, at)| by.contains(held) && permits(*held, Action::ApproveAccess) && at.covers(scope))
    }

    /// The account of somebody new that nothing opens yet, once their request is approved.
    pub(crate) async fn without_password(
        &self,
        record: &RequestRecord,
    ) -> Result<Option<(Arc<Person>, Account)>, AppError> {
        if record.asked.kind != RightsKind::Newcomer || record.state != RequestState::Approved {
            return Ok(None);
        }
        let person = self.0.parts.roster.get().person(record.asked.person).map(Arc::clone);
        let Some(person) = person else { return Ok(None) };
        let store = &self.0.parts.store;
        let accounts = store.accounts_of(person.id).await?;
        let now = self.now();
        let Some(account) = accounts.into_iter().find(|held| held.may_sign_in(now)) else { return Ok(None) };
        let is_bare = store.credentials(account.id).await?.is_empty() && account.created == account.starts;
        let never_had = store.password_fingerprints(person.id).await?.is_empty();
        Ok((is_bare && never_had).then_some((person, account)))
    }

    /// The request, where this person may see it: who asked, who approves such, and who manages accounts there.
    pub(crate) async fn rights_for(
        &self,
        actor: &Actor,
        id: RequestId,
    ) -> Result<Option<RequestRecord>, AppError> {
        self.reach(actor, Action::ReadAccess).await?;
        let record = self.0.parts.store.rights_request(id).await?;
        Ok(record.filter(|record| self.sees_rights(actor, &record.asked)))
    }

    /// True where this person may see a request.
    pub(crate) fn sees_rights(&self, actor: &Actor, asked: &NewRequest) -> bool {
        let manages = scopes_for(actor, Action::ManageAccounts).iter().any(|held| held.covers(&asked.scope));
        let Actor::Person { id, .. } = actor else { return false };
        // Who would get rights learns of it when they have them.
        asked.person != *id && (manages || self.approves_role(actor, asked.role, &asked.scope))
    }

    /// True where this person may decide a request now.
    pub(crate) fn may_decide_rights(&self, actor: &Actor, record: &RequestRecord) -> bool {
        let asked = &record.asked;
        record.state == RequestState::Asked
            && asked.lapses > self.now()
            && asked.asked.1 != actor.to_string()
            && actor.to_string() != format!("person:{}", asked.person)
            && self.approves_role(actor, asked.role, &asked.scope)
            && self.approves_end(actor, asked)
    }

    /// True where the actor has a say in what goes, too.
    fn approves_end(&self, actor: &Actor, asked: &NewRequest) -> bool {
        let roster = self.0.parts.roster.get();
        let person = roster.person(asked.person).filter(|_| asked.kind == RightsKind::Instead);
        person
            .and_then(|person| replaced(person, &asked.scope))
            .is_none_or(|goes| self.approves_role(actor, goes.role, &goes.scope))
    }

    /// When a right that is approved or kept now is looked at again.
    pub(crate) fn next_look(&self) -> Timestamp {
        let months = self.in_force().document.facts.access.rights_review_months;
        self.after_months(self.now(), months)
    }

    /// The moment so many months later, by the school's calendar.
    pub(crate) fn after_months(&self, at: Timestamp, months: u32) -> Timestamp {
        let zone = self.snapshot().policy().time_zone.clone();
        let then = at.to_jiff().to_zoned(zone).checked_add(i64::from(months).months());
        then.map_or(at.plus_ms(i64::from(months) * 30 * DAY_MS), |then| {
            Timestamp(then.timestamp().as_millisecond())
        })
    }

    async fn must_decide(&self, actor: &Actor, record: &RequestRecord) -> Result<(), AppError> {
        if record.asked.asked.1 == actor.to_string() {
            return Err(AppError::refused(
                "You asked for this. Another leader must look at it.",
                "expected another person than the one who asked, found the same",
            ));
        }
        if record.state != RequestState::Asked || record.asked.lapses <= self.now() {
            return Err(AppError::refused(
                "This was decided already, or its time is over.",
                "expected a request that waits, found one that does not",
            ));
        }
        if !self.may_decide_rights(actor, record) {
            self.record_denial(actor, Action::ApproveAccess).await;
            return Err(AppError::Denied);
        }
        let asked = &record.asked;
        if approves(asked.role) {
            // Who asked may have given them a password since.
            let by = [actor.to_string(), asked.asked.1.clone()];
            if self.gave_password(&by, asked.person).await? {
                return Err(too_close());
            }
        }
        Ok(())
    }

    async fn approve_rights(&self, actor: &Actor, asked: &NewRequest, why: String) -> Result<(), AppError> {
        let now = self.now();
        let affiliation = Affiliation { scope: asked.scope.clone(), role: asked.role, year: None };
        let decide = RightsChange::Decide {
            id: asked.id,
            state: RequestState::Approved,
            at: now,
            by: actor.to_string(),
            why: why.clone(),
        };
        let grant = Grant {
            person: asked.person,
            role: asked.role,
            scope: asked.scope.clone(),
            request: Some(asked.id),
            approved: (now, actor.to_string()),
            review_on: self.next_look(),
        };
        let mut changes = vec![Change::Rights(decide), Change::Rights(RightsChange::Grant(Box::new(grant)))];
        changes.extend(match asked.kind {
            RightsKind::Newcomer => self.newcomer(actor, asked, affiliation)?,
            RightsKind::Also | RightsKind::Instead => self.becomes(asked, affiliation).await?,
        });
        let fact = self.rights_fact(actor, asked, "approve-rights").with("reason", why);
        let fact = fact.with("asked_by", asked.asked.1.clone());
        self.commit(&fact, &changes).await?;
        self.take_up_changes().await
    }

    /// Somebody new with an account that nothing opens yet.
    fn newcomer(
        &self,
        actor: &Actor,
        asked: &NewRequest,
        affiliation: Affiliation,
    ) -> Result<Vec<Change>, AppError> {
        let (display_name, login) = asked.newcomer.clone();
        let person = Person { id: asked.person, login, display_name, affiliations: vec![affiliation] };
        let id = AccountId(self.new_uuid()?);
        let account = Account::new(id, &person, kind_for(&person.affiliations), self.now(), actor);
        Ok(vec![
            Change::AddPerson { person, scope: Scope::Trust },
            Change::Account(AccountChange::Add(account)),
        ])
    }

    /// Somebody becomes something, beside or in the place of what they are. Posts end that they can hold no longer.
    async fn becomes(&self, asked: &NewRequest, affiliation: Affiliation) -> Result<Vec<Change>, AppError> {
        let gone = || AppError::refused("They have left meanwhile.", "expected somebody on the roster");
        let person = self.0.parts.roster.get().person(asked.person).map(Arc::clone).ok_or_else(gone)?;
        let (before, affiliations) = match asked.kind {
            RightsKind::Instead => {
                if let Some(words) = self.cannot_be_replaced(&person, &affiliation).await? {
                    return Err(AppError::refused(words, "expected a role that may go, found none"));
                }
                let before = replaced(&person, &asked.scope).cloned();
                (before.clone(), instead(&person, before.as_ref(), &affiliation))
            }
            _ => {
                // What somebody was first stays first.
                let held = person.affiliations.iter().cloned();
                let mut affiliations: Vec<Affiliation> = std::iter::once(affiliation).chain(held).collect();
                affiliations.rotate_left(1);
                (None, affiliations)
            }
        };
        let now = self.now();
        let mut changes = self.ends_posts(person.id, &affiliations).await?;
        changes.extend(before.map(|gone| {
            let (person, role, scope) = (person.id, gone.role, gone.scope);
            Change::Rights(RightsChange::End { person, role, scope, at: now })
        }));
        changes.push(Change::SetAffiliations { person: person.id, affiliations });
        Ok(changes)
    }

    /// Why nothing that somebody is can go for this: they are nothing there, or nobody would be left.
    async fn cannot_be_replaced(
        &self,
        person: &Person,
        by: &Affiliation,
    ) -> Result<Option<&'static str>, AppError> {
        let Some(goes) = replaced(person, &by.scope) else {
            return Ok(Some(
                "They are nothing at that place, so nothing can go for it. Ask for it beside what they are",
            ));
        };
        let after = instead(person, Some(goes), by);
        let is_last = self.leaves_nobody((person.id, &by.scope), std::slice::from_ref(goes), &after).await?;
        Ok(is_last.then_some(
            "Nobody else would be left there who manages accounts or approves rights. Give it to somebody else first",
        ))
    }

    /// The ends of the posts that somebody with these affiliations can hold no longer.
    pub(crate) async fn ends_posts(
        &self,
        id: PersonId,
        affiliations: &[Affiliation],
    ) -> Result<Vec<Change>, AppError> {
        let now = self.now();
        let posts = self.0.parts.store.post_holders(now).await?.into_iter();
        let posts = posts.filter(|post| post.person == id && !can_hold(affiliations, post.role, &post.scope));
        let end = |PostHolder { role, scope, person, .. }| Change::EndPost { role, scope, person, at: now };
        Ok(posts.map(end).collect())
    }

    async fn end_request(
        &self,
        (actor, asked): (&Actor, &NewRequest),
        state: RequestState,
        why: String,
    ) -> Result<(), AppError> {
        let action = match state {
            RequestState::Withdrawn => "withdraw-rights",
            RequestState::Lapsed => "lapse-rights",
            _ => "refuse-rights",
        };
        let fact = self.rights_fact(actor, asked, action).with("reason", why.clone());
        let (id, at, by) = (asked.id, self.now(), actor.to_string());
        self.commit(&fact, &[Change::Rights(RightsChange::Decide { id, state, at, by, why })]).await
    }

    fn rights_fact(&self, actor: &Actor, asked: &NewRequest, action: &'static str) -> Fact {
        Fact::new(actor, asked.scope.clone(), self.now(), action)
            .about(format!("person:{}", asked.person))
            .with("request", asked.id.to_string())
            .with("role", asked.role.slug())
            .with("kind", asked.kind.slug())
            .with("place", asked.scope.to_string())
    }

    fn rights_calls(&self, asked: &NewRequest) -> Result<Vec<Change>, AppError> {
        let told = match asked.role {
            Role::Headteacher | Role::Governor | Role::ChairOfGovernors => &TOLD_ABOVE[..],
            _ => &TOLD,
        };
        self.calls(told, &asked.scope, (&format!("rights:{}", asked.id), Severity::Low))
    }

    async fn read_rights(
        &self,
        actor: &Actor,
        typed: &RightsForm,
    ) -> Result<Result<Wanted, Problems>, AppError> {
        let mut problems = Problems::new();
        let mut problem = |field: &str, words: &str| problems.push((field.to_owned(), words.to_owned()));
        let kind = RightsKind::parse(&typed.kind);
        if kind.is_none() {
            problem("kind", "Choose who is to get the rights");
        }
        let scope = match typed.school.trim() {
            "" => None,
            "trust" => Some(Scope::Trust),
            school => Some(Scope::School(SchoolId::new(school))),
        };
        let reach = self.reach(actor, Action::ManageAccounts).await?;
        let known = self.places();
        let scope = scope.filter(|scope| reach.covers(scope) && known.contains(scope));
        if scope.is_none() {
            problem("school", "Choose where the role is to hold");
        }
        let role = Role::parse(&typed.role).filter(|role| needs_approval(*role));
        if role.is_none() {
            problem("role", "Choose a role");
        }
        let why = typed.why.trim().to_owned();
        if why.is_empty() || why.len() > crate::alert_work::MOST_WORDS_BYTES {
            problem("why", "Say why: whoever approves it reads this");
        }
        let (person, newcomer) = match kind {
            Some(RightsKind::Newcomer) => {
                problems.extend(self.check_new_names(actor, &typed.name, &typed.login).await?);
                (None, (typed.name.trim().to_owned(), plain_login(&typed.login)))
            }
            _ => match self.named(actor, &reach, &typed.login) {
                Ok(person) => (Some(person), (String::new(), String::new())),
                Err(words) => {
                    problems.push(("login".to_owned(), words.to_owned()));
                    (None, (String::new(), String::new()))
                }
            },
        };
        let (Some(kind), Some(scope), Some(role), true) = (kind, scope, role, problems.is_empty()) else {
            return Ok(Err(problems));
        };
        let wanted = Wanted { kind, person, newcomer, role, scope, why };
        Ok(match self.cannot_be_asked(actor, &wanted).await? {
            Some((field, words)) => Err(vec![(field.to_owned(), words)]),
            None => Ok(wanted),
        })
    }

    /// Somebody on the roster whom the actor looks after, by login.
    fn named(&self, actor: &Actor, reach: &Reach, login: &str) -> Result<Arc<Person>, &'static str> {
        let roster = self.0.parts.roster.get();
        let person = roster.person_by_login(&plain_login(login)).map(Arc::clone);
        let person = person.filter(|person| reach.covers_person(person));
        let person = person.ok_or("Nobody whom you look after has that user name. Check how it is spelt")?;
        if actor.to_string() == format!("person:{}", person.id) {
            return Err("Nobody asks for rights of their own. Ask another leader");
        }
        let is_learner = |held: &Affiliation| matches!(held.role, Role::Learner | Role::Guest);
        if person.affiliations.iter().any(is_learner) {
            return Err("Learners and visitors get no rights in the console");
        }
        Ok(person)
    }

    /// Why rights that read well cannot be asked for: the field and a sentence.
    async fn cannot_be_asked(
        &self,
        actor: &Actor,
        wanted: &Wanted,
    ) -> Result<Option<(&'static str, String)>, AppError> {
        let Wanted { person, role, scope, .. } = wanted;
        if let Some(person) = person {
            if person.affiliations.iter().any(|held| held.role == *role && held.scope.covers(scope)) {
                return Ok(Some(("role", "They are that already".to_owned())));
            }
            if wanted.kind == RightsKind::Instead {
                let by = Affiliation { scope: scope.clone(), role: *role, year: None };
                if let Some(words) = self.cannot_be_replaced(person, &by).await? {
                    return Ok(Some(("kind", words.to_owned())));
                }
            }
            if approves(*role) {
                let accounts = self.0.parts.store.accounts_of(person.id).await?;
                if !accounts.iter().any(|held| held.may_sign_in(self.now()) && !held.must_change) {
                    let words = "That post decides beside others: its holder first signs in with a password of their own";
                    return Ok(Some(("login", words.to_owned())));
                }
                if self.gave_password(&[actor.to_string()], person.id).await? {
                    return Ok(Some(("login", too_close().theirs().to_owned())));
                }
            }
        }
        if !self.somebody_else_approves(actor, wanted) {
            let by = self.in_force().document.facts.access.approvers(*role);
            let by: Vec<String> = by.iter().map(|role| role.title().to_lowercase()).collect();
            let words = format!(
                "Nobody else here may approve that: it takes a {}. Whoever looks after the machine can give it, with the \
                 command schoolgate people",
                by.join(" or a ")
            );
            return Ok(Some(("role", words)));
        }
        Ok(None)
    }

    fn somebody_else_approves(&self, actor: &Actor, wanted: &Wanted) -> bool {
        let target = wanted.person.as_ref().map(|person| person.id);
        let goes = wanted.person.as_ref().filter(|_| wanted.kind == RightsKind::Instead);
        let goes = goes.and_then(|person| replaced(person, &wanted.scope));
        let roster = self.0.parts.roster.get();
        roster.people().any(|person| {
            let other = crate::sign_in::actor_of(person);
            other.to_string() != actor.to_string()
                && Some(person.id) != target
                && self.approves_role(&other, wanted.role, &wanted.scope)
                && goes.is_none_or(|goes| self.approves_role(&other, goes.role, &goes.scope))
        })
    }

    /// True where one of these gave somebody the last password that they were given: they could sign in as them.
    async fn gave_password(&self, by: &[String], person: PersonId) -> Result<bool, AppError> {
        let newest = self.0.parts.store.newest_fact_about(&format!("person:{person}"), &GIVES).await?;
        Ok(newest.is_some_and(|fact| by.contains(&fact.actor)))
    }

    /// Every place that somebody can hold a role at.
    pub(crate) fn places(&self) -> Vec<Scope> {
        let snapshot = self.snapshot();
        let policy = snapshot.policy();
        let schools = policy.schools.iter().map(|school| Scope::School(school.id.clone()));
        let trust = policy.trust.is_some().then_some(Scope::Trust);
        schools.chain(trust).collect()
    }
}

/// What goes for something else at this place: what somebody is there first.
fn replaced<'a>(person: &'a Person, scope: &Scope) -> Option<&'a Affiliation> {
    person.affiliations.iter().find(|held| held.scope == *scope)
}

/// What somebody is with one thing in the place of another.
fn instead(person: &Person, goes: Option<&Affiliation>, comes: &Affiliation) -> Vec<Affiliation> {
    let held = person.affiliations.iter();
    held.map(|held| if Some(held) == goes { comes.clone() } else { held.clone() }).collect()
}

fn too_close() -> AppError {
    AppError::refused(
        "You gave this person their password, so another leader asks for this and another approves it.",
        "expected somebody who did not hand out the password, found who did",
    )
}
