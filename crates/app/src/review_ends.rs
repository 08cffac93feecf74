//! The end of a review: warnings before it, what lapses at it, and when a leader is asked first.
//!
//! Invariants: nothing lapses that was not warned of a whole day before; half a class, or more than twenty people and more
//! than a twentieth, lapse only when a leader says so; the last who manages accounts or approves rights at a place never
//! lapses.

use crate::alert_work::checked_words;
use crate::{App, AppError, Fresh};
use model::{
    Action, Actor, Addressee, ClassId, DAY_MS, ReviewAnswer, ReviewId, ReviewKind, ReviewState, Role,
    Severity, Timestamp,
};
use std::collections::HashMap;
use store::{Change, Fact, Review, ReviewChange, ReviewLine};

/// The first warning before the end.
const FIRST_WARNING_MS: i64 = 7 * DAY_MS;
/// The second, so long before it that a whole day is left however late the clock looks.
const SECOND_WARNING_MS: i64 = 2 * DAY_MS;
/// Learners of a class below which half of it is nothing to ask about.
const SMALL_CLASS: usize = 4;
/// More than so many lines lapse only when a leader says so, where they are more than a twentieth.
const MANY: usize = 20;
/// Who is told of a review: leaders, and IT who sees to accounts.
const TOLD: [Addressee; 2] = [Addressee::Head, Addressee::It];

/// What becomes of a review that is held.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HeldDeed {
    /// What nobody answered lapses now, with the reason.
    Lapse(String),
    /// It gets two more weeks, with the reason.
    Extend(String),
}

impl App {
    /// Warns of reviews that end soon, and ends those whose time is over. To be called now and then.
    pub async fn mind_reviews(&self) -> Result<(), AppError> {
        let now = self.now();
        for review in self.0.parts.store.reviews().await? {
            if review.state != ReviewState::Open {
                continue;
            }
            let minded = if review.ends <= now {
                self.end_review(&review).await
            } else if is_warning_due(&review, now) {
                self.warn_of_end(&review, Vec::new()).await
            } else {
                Ok(())
            };
            if let Err(error) = minded {
                // The others have their ends, too; this one is tried again the next time.
                tracing::warn!(review = %review.id, %error, "a review could not be minded");
            }
        }
        Ok(())
    }

    /// Lets what nobody answered in a review that is held lapse, or gives it more time. False where this person sees nothing
    /// of it.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a reason, and where it is not held.
    pub async fn decide_held(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: ReviewId,
        deed: HeldDeed,
    ) -> Result<bool, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some((review, lines)) = self.review_for(actor, id).await? else { return Ok(false) };
        if !self.may_open_review(actor, &review.scope) {
            self.record_denial(actor, Action::ReviewAccess).await;
            return Err(AppError::Denied);
        }
        if review.state != ReviewState::Held {
            return Err(AppError::refused("It is not held.", "expected a review that is held"));
        }
        match deed {
            HeldDeed::Extend(why) => {
                self.extend((actor, &review), 14 * DAY_MS, checked_words(&why, true)?).await?;
            }
            HeldDeed::Lapse(why) => {
                let why = checked_words(&why, true)?;
                let lasting = self.lapse((actor, &review), &lines, &why).await?;
                if lasting > 0 {
                    let words = "Those stay who are the last to manage accounts or approve rights";
                    self.extend((actor, &review), 14 * DAY_MS, words.to_owned()).await?;
                }
            }
        }
        Ok(true)
    }

    /// The messages that tell leaders of a review.
    pub(crate) fn review_calls(&self, review: &Review) -> Result<Vec<Change>, AppError> {
        self.calls(&TOLD, &review.scope, (&format!("review:{}", review.id), Severity::Low))
    }

    async fn end_review(&self, review: &Review) -> Result<(), AppError> {
        let now = self.now();
        if review.warned.is_none_or(|warned| warned.plus_ms(DAY_MS) > now) {
            // A gate that rested warns first, and ends it a day later.
            let ends = now.plus_ms(DAY_MS);
            let extend = Change::Review(ReviewChange::Extend { review: review.id, ends });
            return self.warn_of_end(review, vec![extend]).await;
        }
        let lines = self.0.parts.store.review_lines(review.id).await?;
        if let Some(why) = self.why_held(review, &lines).await? {
            return self.hold_review(review, why).await;
        }
        let lasting = self.lapse((&Actor::Program, review), &lines, "Nobody answered in time").await?;
        if lasting > 0 {
            let why = "Those are left who are the last to manage accounts or approve rights".to_owned();
            self.hold_review(review, why).await?;
        }
        Ok(())
    }

    async fn hold_review(&self, review: &Review, why: String) -> Result<(), AppError> {
        let fact = Fact::new(&Actor::Program, review.scope.clone(), self.now(), "hold-review");
        let fact = fact.about(format!("review:{}", review.id)).with("reason", why.clone());
        let mut changes = self.review_calls(review)?;
        changes.push(Change::Review(ReviewChange::Hold { review: review.id, why }));
        self.commit(&fact, &changes).await
    }

    /// Lets every line lapse that nobody answered, but for those who are the last or cannot; how many of these stay open.
    async fn lapse(
        &self,
        (actor, review): (&Actor, &Review),
        lines: &[ReviewLine],
        why: &str,
    ) -> Result<usize, AppError> {
        let mut lasting = 0;
        for line in lines.iter().filter(|line| line.answer.is_none()) {
            if self.is_last(review.kind, line).await? {
                lasting += 1;
                continue;
            }
            match self.answer_line((actor, review), line, (ReviewAnswer::Lapsed, why.to_owned())).await {
                // The next line counts on who is left.
                Ok(()) => self.take_up_changes().await?,
                // One of the last who administer, or answered meanwhile: a leader looks at it.
                Err(AppError::Refused { .. }) => lasting += 1,
                Err(error) => return Err(error),
            }
        }
        self.close_if_answered(actor, review).await?;
        Ok(lasting)
    }

    async fn extend(
        &self,
        (actor, review): (&Actor, &Review),
        by_ms: i64,
        why: String,
    ) -> Result<(), AppError> {
        let ends = self.now().plus_ms(by_ms);
        let fact = Fact::new(actor, review.scope.clone(), self.now(), "extend-review");
        let fact = fact.about(format!("review:{}", review.id)).with("reason", why);
        self.commit(&fact, &[Change::Review(ReviewChange::Extend { review: review.id, ends })]).await
    }

    async fn warn_of_end(&self, review: &Review, mut changes: Vec<Change>) -> Result<(), AppError> {
        let at = self.now();
        let fact = Fact::new(&Actor::Program, review.scope.clone(), at, "warn-of-review-end");
        changes.push(Change::Review(ReviewChange::Warned { review: review.id, at }));
        changes.extend(self.review_calls(review)?);
        self.commit(&fact.about(format!("review:{}", review.id)), &changes).await
    }

    /// Why a leader decides before anything lapses; `None` where it may lapse by itself.
    async fn why_held(&self, review: &Review, lines: &[ReviewLine]) -> Result<Option<String>, AppError> {
        let open: Vec<&ReviewLine> = lines.iter().filter(|line| line.answer.is_none()).collect();
        if open.len() > MANY && open.len().saturating_mul(20) > lines.len() {
            return Ok(Some(format!("{} of {} lines would lapse at once", open.len(), lines.len())));
        }
        if review.kind == ReviewKind::Rights {
            return Ok(None);
        }
        let mut of_class: HashMap<ClassId, (usize, usize)> = HashMap::new();
        for line in lines.iter().filter(|line| line.role == Role::Learner) {
            let Some(class) = line.class else { continue };
            let (all, lapsing) = of_class.entry(class).or_default();
            *all += 1;
            *lapsing += usize::from(line.answer.is_none());
        }
        let is_half = |(all, lapsing): &(usize, usize)| *all >= SMALL_CLASS && *lapsing * 2 > *all;
        let whole = of_class.into_iter().find(|(_, counts)| is_half(counts));
        let Some((class, (all, lapsing))) = whole else { return Ok(None) };
        let classes = self.0.parts.store.classes(self.now()).await?;
        let name = classes.iter().find(|held| held.id == class).map_or("a class", |held| held.name.as_str());
        Ok(Some(format!("{lapsing} of {all} learners of {name} would be suspended at once")))
    }
}

/// A week before the end, and once more two days before it.
fn is_warning_due(review: &Review, now: Timestamp) -> bool {
    let second = review.ends.plus_ms(-SECOND_WARNING_MS);
    match review.warned {
        None => now >= review.ends.plus_ms(-FIRST_WARNING_MS),
        Some(warned) => now >= second && warned < second,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Scope;

    #[test]
    fn an_end_is_warned_of_a_week_and_two_days_before() {
        let ends = Timestamp(100 * DAY_MS);
        let review = |warned: Option<i64>| Review {
            id: ReviewId(uuid::Uuid::nil()),
            scope: Scope::Trust,
            kind: ReviewKind::Accounts,
            opened: (Timestamp(0), "program".to_owned()),
            ends,
            state: ReviewState::Open,
            warned: warned.map(|days| Timestamp(days * DAY_MS)),
            held_why: String::new(),
            closed: None,
        };
        for (warned, day, expected) in [
            (None, 92, false),
            (None, 93, true),
            (Some(93), 97, false),
            (Some(93), 98, true),
            (Some(98), 99, false),
        ] {
            assert_eq!(
                is_warning_due(&review(warned), Timestamp(day * DAY_MS)),
                expected,
                "{warned:?} {day}"
            );
        }
    }
}
