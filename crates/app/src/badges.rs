//! Badges: made for a class or for one child, shown once to be printed, and void at once.
//!
//! Invariants: a child has one badge at most that works; a badge is as good as a password, so whoever may not give a child a
//! password makes them none; the secret is shown once and is in no record.

use crate::classes::{InfantWay, first_names};
use crate::views::{BadgeView, BadgesView};
use crate::{App, AppError, Fresh};
use identity::{BadgeSecret, Randomness};
use model::{Action, Actor, ClassId, CredentialId, Person, PersonId, Scope, Timestamp};
use std::sync::Arc;
use store::{Account, Badge, BadgeChange, Change, Class, NewBadge};

/// How long a badge works: a school year.
const BADGE_MS: i64 = 365 * 24 * 3_600_000;
/// The most badges that are made at once.
const MOST_AT_ONCE: usize = 60;

/// Whose badges are made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WhichBadges {
    /// Everybody's who has none that works.
    Missing,
    /// Everybody's; those that they have become void.
    Everybody,
    /// One child's.
    Of(PersonId),
}

impl App {
    /// Makes badges for learners of a class, to be printed; they are shown this once. Those that they had are void from now on.
    /// `None` where this person reaches no class of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where nobody of them may have one.
    pub async fn make_badges(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: ClassId,
        which: WhichBadges,
    ) -> Result<Option<BadgesView>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(None) };
        let now = self.now();
        let holders = self.badge_holders(actor, &class, which).await?;
        if holders.is_empty() {
            return Err(AppError::refused(
                "There is nobody to make a badge for: they have one, have no account, are not of the phases that the policy \
                 gives badges, or are not yours to give one.",
                "expected learners who may have a badge, found none",
            ));
        }
        let mut badges = Vec::with_capacity(holders.len());
        for (person, first_name, account) in holders {
            badges.push(self.make_badge((actor, &class), &person, first_name, &account).await?);
        }
        Ok(Some(BadgesView { class: class.name, badges, expires: now.plus_ms(BADGE_MS) }))
    }

    /// Voids the badge of a learner of a class, at once. False where this person reaches no such class or learner.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn void_badge(&self, actor: &Actor, id: ClassId, person: PersonId) -> Result<bool, AppError> {
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(false) };
        if !class.learners.contains(&person) {
            return Ok(false);
        }
        let fact = self.class_fact(actor, &class, "void-badge").about(format!("person:{person}"));
        let void = BadgeChange::Void { person, at: self.now() };
        self.commit(&fact, &[Change::Badge(void)]).await?;
        Ok(true)
    }

    /// For whom a badge is made, with first name and account.
    async fn badge_holders(
        &self,
        actor: &Actor,
        class: &Class,
        which: WhichBadges,
    ) -> Result<Vec<(Arc<Person>, String, Account)>, AppError> {
        let people = self.learners_of(class);
        let resettable = self.resettable(actor, &people).await?;
        if resettable.is_empty() {
            self.record_denial(actor, Action::ResetPassword).await;
        }
        let mut accounts = self.usable_accounts(&people).await?;
        let held = self.0.parts.store.badges_of_class(class.id, self.now()).await?;
        let at = Scope::School(class.school.clone());
        let is_meant = |person: PersonId| match which {
            WhichBadges::Missing => !held.contains_key(&person),
            WhichBadges::Everybody => true,
            WhichBadges::Of(meant) => meant == person,
        };
        let named = people.iter().zip(first_names(&people));
        let holder = |(person, name): (&Arc<Person>, String)| {
            let may = is_meant(person.id)
                && resettable.contains(&person.id)
                && self.policy_gives(person, &at, InfantWay::Badge);
            may.then(|| accounts.remove(&person.id)).flatten().map(|held| (Arc::clone(person), name, held))
        };
        Ok(named.filter_map(holder).take(MOST_AT_ONCE).collect())
    }

    async fn make_badge(
        &self,
        (actor, class): (&Actor, &Class),
        person: &Person,
        first_name: String,
        account: &Account,
    ) -> Result<BadgeView, AppError> {
        let made = self.now();
        let secret = BadgeSecret::random(&mut Randomness::Machine)?;
        let (pepper, code) = (&self.0.parts.pepper, secret.code());
        let fact = self.class_fact(actor, class, "make-badge").about(format!("person:{}", person.id));
        let new = NewBadge {
            badge: Badge {
                id: CredentialId(self.new_uuid()?),
                person: person.id,
                account: account.id,
                made,
                expires: Timestamp(made.0.saturating_add(BADGE_MS)),
                last_used: None,
                voided: None,
            },
            secret_hash: secret.hash(pepper)?.0,
            code_hash: code.hash(pepper)?.0,
            scope: fact.scope.clone(),
        };
        self.commit(&fact, &[Change::Badge(BadgeChange::Make(new))]).await?;
        Ok(BadgeView {
            first_name,
            fragment: secret.fragment().to_string(),
            code: code.printed().to_string(),
        })
    }
}
