//! Three pictures in order that one of the youngest knows: chosen with the child by whoever runs the class, or drawn, and
//! shown once.
//!
//! Invariant: whoever may not give a child a password gives them no pictures either.

use crate::classes::InfantWay;
use crate::views::NewPicturesView;
use crate::{App, AppError, Fresh};
use identity::{PicturePin, Randomness, UnlockReason};
use model::{Action, Actor, ClassId, Person, PersonId, Scope};
use std::sync::Arc;
use store::{Account, BadgeChange, Change, Class, Pictures};

impl App {
    /// Whose pictures are chosen, by name; `None` where this person reaches no such learner of such a class.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the child may have none from them.
    pub async fn pictures_for(
        &self,
        actor: &Actor,
        id: ClassId,
        child: PersonId,
    ) -> Result<Option<String>, AppError> {
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(None) };
        let held = self.picture_holder(actor, &class, child).await?;
        Ok(held.map(|(person, _)| person.display_name.clone()))
    }

    /// Gives a child pictures in the place of those that they have: the chosen ones, such as `4,0,11`, or drawn ones. What wrong
    /// ones had locked is open again. `None` where this person reaches no such learner of such a class.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the child may have none from them.
    pub async fn give_pictures(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        (id, child): (ClassId, PersonId),
        chosen: Option<&str>,
    ) -> Result<Option<NewPicturesView>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(None) };
        let Some((person, account)) = self.picture_holder(actor, &class, child).await? else {
            return Ok(None);
        };
        let pin = match chosen {
            Some(text) => PicturePin::parse(text).ok_or_else(|| {
                AppError::refused(
                    "Choose three different pictures.",
                    "expected three different pictures, found others",
                )
            })?,
            None => PicturePin::random(&mut Randomness::Machine)?,
        };
        let verifier = self.hash_password(pin.as_password()?).await?.0;
        let fact = self.class_fact(actor, &class, "give-pictures").about(format!("person:{child}"));
        let scope = fact.scope.clone();
        let made = self.now();
        let pictures = Pictures { person: child, account: account.id, verifier, made, last_used: None };
        self.commit(&fact, &[Change::Badge(BadgeChange::SetPictures { pictures, scope })]).await?;
        self.lockout().unlock(&account.login, UnlockReason::NewSecret, made);
        Ok(Some(NewPicturesView { name: person.display_name.clone(), pictures: pin.reveal() }))
    }

    /// Takes a child's pictures away, at once. False where this person reaches no such learner of such a class.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn take_pictures(
        &self,
        actor: &Actor,
        id: ClassId,
        person: PersonId,
    ) -> Result<bool, AppError> {
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(false) };
        if !class.learners.contains(&person) {
            return Ok(false);
        }
        let fact = self.class_fact(actor, &class, "take-pictures").about(format!("person:{person}"));
        self.commit(&fact, &[Change::Badge(BadgeChange::TakePictures { person })]).await?;
        Ok(true)
    }

    async fn picture_holder(
        &self,
        actor: &Actor,
        class: &Class,
        child: PersonId,
    ) -> Result<Option<(Arc<Person>, Account)>, AppError> {
        let people: Vec<Arc<Person>> =
            self.learners_of(class).into_iter().filter(|person| person.id == child).collect();
        let Some(person) = people.first() else { return Ok(None) };
        let at = Scope::School(class.school.clone());
        if !self.resettable(actor, &people).await?.contains(&child) {
            self.record_denial(actor, Action::ResetPassword).await;
            return Err(AppError::refused(
                "Somebody else looks after how they sign in. Ask your school\u{2019}s technician.",
                "expected a learner to whom the actor may give a way in, found another",
            ));
        }
        let account = self.usable_accounts(&people).await?.remove(&child);
        let account = account.filter(|_| self.policy_gives(person, &at, InfantWay::Pictures));
        let Some(account) = account else {
            return Err(AppError::refused(
                "The policy gives them no pictures, or they have no account that may be used.",
                "expected a learner of a phase with pictures, found another",
            ));
        };
        Ok(Some((Arc::clone(person), account)))
    }
}
