//! Putting other lists in force: the fact first, then the swap; where that fails, a fact that says so.

use crate::facade::record_denial;
use crate::policies::place;
use crate::{App, AppError};
use identity::permit;
use lists::{Cause, ListError};
use model::{Action, Actor, Clock, Scope};
use policy::{Image, Policy};
use std::path::PathBuf;
use store::{Fact, Store};

/// The action of the facts, and of the right to cause them.
pub(super) const CHANGE: &str = "change-lists";
/// The shortest part of a revision that names it.
const LEAST_REVISION_DIGITS: usize = 4;

/// Other lists coming into force: what the fact says.
#[derive(Clone, Debug)]
pub struct ListsSwap {
    /// The revision in force until now; empty where there was none.
    pub before: String,
    /// The revision from now on.
    pub after: String,
    /// Why, in the words of whoever does it.
    pub reason: String,
    /// What was accepted although an alarm held it back: names of lists.
    pub accepted: Vec<String>,
    /// How many sites that were used in the last days it newly blocks, where that was counted.
    pub newly_blocked: Option<usize>,
}

/// Records a swap that somebody asked for and then makes it; where it fails, that is recorded too.
///
/// # Errors
/// [`AppError::Denied`]; [`AppError::Refused`] without a reason and for what `swap` refuses.
pub async fn record_lists_swap<T, F>(
    store: &Store,
    clock: &Clock,
    (actor, policy): (&Actor, &Policy),
    change: &ListsSwap,
    swap: F,
) -> Result<T, AppError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ListError> + Send + 'static,
{
    let may = may_change(store, clock, actor, policy).await?;
    if change.reason.trim().is_empty() {
        return Err(no_reason());
    }
    let fact = fact(clock, &may, "update", change);
    recorded(store, fact, swap).await
}

/// Going back to lists that were in force before.
#[derive(Clone, Debug)]
pub struct GoBack {
    /// The folder of the lists.
    pub folder: PathBuf,
    /// The first digits of the revision, at least 4; empty: the one before the present.
    pub revision: String,
    /// Why.
    pub reason: String,
}

/// Puts lists in force that were so before, and records who did that and why. A running gate takes it up within seconds.
///
/// # Errors
/// [`AppError::Denied`]; [`AppError::Refused`] without a reason, for a revision that is not kept and for the one in force.
pub async fn roll_back_lists(
    store: &Store,
    clock: &Clock,
    (actor, policy): (&Actor, &Policy),
    back: GoBack,
) -> Result<(Image, ListsSwap), AppError> {
    let may = may_change(store, clock, actor, policy).await?;
    if back.reason.trim().is_empty() {
        return Err(no_reason());
    }
    let folder = back.folder.clone();
    let kept = tokio::task::spawn_blocking(move || lists::images(&folder)).await?;
    let revisions: Vec<&str> = kept.iter().map(|image| image.revision.as_str()).collect();
    let (before, after) = chosen(&revisions, back.revision.trim())?;
    let reason = back.reason.trim().to_owned();
    let change = ListsSwap {
        before: before.to_owned(),
        after: after.to_owned(),
        reason: reason.clone(),
        accepted: Vec::new(),
        newly_blocked: None,
    };
    let (cause, at, to) = (Cause::person(actor.to_string(), reason), clock.now(), after.to_owned());
    let fact = fact(clock, &may, "roll-back", &change);
    let image = recorded(store, fact, move || lists::roll_back(&back.folder, Some(&to), cause, at)).await?;
    Ok((image, change))
}

impl App {
    /// Puts lists in force again that were so before, and lets them decide at once; see [`roll_back_lists`].
    pub async fn roll_back_lists(
        &self,
        actor: &Actor,
        revision: &str,
        reason: &str,
    ) -> Result<ListsSwap, AppError> {
        let parts = &self.0.parts;
        let back = GoBack {
            folder: parts.lists.folder.clone(),
            revision: revision.to_owned(),
            reason: reason.to_owned(),
        };
        let policy = self.in_force().document.policy.clone();
        let (image, change) = roll_back_lists(&parts.store, &parts.clock, (actor, &policy), back).await?;
        self.put_lists(image);
        let app = self.clone();
        tokio::task::spawn_blocking(move || app.see_lists()).await?;
        Ok(change)
    }
}

/// Records that the gate itself puts other lists in force; `why` in a few words.
pub async fn note_lists_swap(
    store: &Store,
    clock: &Clock,
    (before, after): (&str, &str),
    why: &str,
) -> Result<(), AppError> {
    let change = ListsSwap {
        before: before.to_owned(),
        after: after.to_owned(),
        reason: why.to_owned(),
        accepted: Vec::new(),
        newly_blocked: None,
    };
    let gate = Allowed { actor: &Actor::Program };
    store.commit(&fact(clock, &gate, "schedule", &change), &[]).await?;
    Ok(())
}

/// Somebody who was found to be allowed to change the lists.
struct Allowed<'a> {
    actor: &'a Actor,
}

async fn may_change<'a>(
    store: &Store,
    clock: &Clock,
    actor: &'a Actor,
    policy: &Policy,
) -> Result<Allowed<'a>, AppError> {
    if permit(actor, Action::ChangeLists, &place(policy)).is_err() {
        record_denial(store, actor, Action::ChangeLists, clock.now()).await;
        return Err(AppError::Denied);
    }
    Ok(Allowed { actor })
}

fn fact(clock: &Clock, may: &Allowed<'_>, how: &'static str, change: &ListsSwap) -> Fact {
    let newly_blocked = change.newly_blocked.map(|sites| sites.to_string()).unwrap_or_default();
    Fact::new(may.actor, Scope::Trust, clock.now(), CHANGE)
        .about(format!("lists:{}", change.after))
        .with("how", how)
        .with("before", change.before.clone())
        .with("after", change.after.clone())
        .with("reason", change.reason.trim())
        .with("accepted", change.accepted.join(", "))
        .with("newly_blocked", newly_blocked)
}

async fn recorded<T, F>(store: &Store, fact: Fact, swap: F) -> Result<T, AppError>
where
    T: Send + 'static,
    F: FnOnce() -> Result<T, ListError> + Send + 'static,
{
    store.commit(&fact, &[]).await?;
    match tokio::task::spawn_blocking(swap).await? {
        Ok(done) => Ok(done),
        Err(error) => {
            let failed = Fact { action: "change-lists-failed", ..fact };
            store.commit(&failed.with("why", error.to_string()), &[]).await?;
            Err(error.into())
        }
    }
}

/// The revision in force, and the one that is meant.
fn chosen<'a>(kept: &[&'a str], named: &str) -> Result<(&'a str, &'a str), AppError> {
    let [current, earlier @ ..] = kept else { return Err(ListError::NoEarlierImage.into()) };
    if named.is_empty() {
        let before = earlier.first().ok_or(ListError::NoEarlierImage)?;
        return Ok((current, before));
    }
    let named = named.to_lowercase();
    let meant: Vec<&&str> = kept.iter().filter(|revision| revision.starts_with(&named)).collect();
    match meant.as_slice() {
        [only] if *only == current => Err(AppError::refused(
            "Those lists are in force already.",
            "expected a revision that is not in force, found the one that is",
        )),
        [only] if named.len() >= LEAST_REVISION_DIGITS => Ok((current, only)),
        _ => Err(AppError::refused(
            format!("No single earlier state of the lists is {named}. Kept are: {}.", earlier.join(", ")),
            "expected the revision of one kept image, found none or several",
        )),
    }
}

fn no_reason() -> AppError {
    AppError::refused(
        "Say why: the reason is recorded and shown.",
        "expected a reason for changing the lists, found none",
    )
}

impl From<ListError> for AppError {
    fn from(error: ListError) -> Self {
        let theirs = match &error {
            ListError::Busy => "The lists are being updated just now. Try again in a minute.",
            ListError::NoEarlierImage => "There is no earlier state of the lists to go back to yet.",
            ListError::NoSuchImage { .. } => "That state of the lists is not kept any more.",
            _ => return Self::failed(error.to_string()),
        };
        Self::refused(theirs, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_earlier_state_is_named_by_its_first_digits() {
        let kept = ["aaaa000000000000", "bbbb000000000000", "bbbc000000000000"];
        let meant = |named| chosen(&kept, named).ok().map(|(_, after)| after);
        assert_eq!(meant(""), Some(kept[1]));
        assert_eq!(meant("BBBC"), Some(kept[2]));
        for refused in ["bbb", "aaaa", "bbbb1", "cccc", "bb"] {
            assert_eq!(meant(refused), None, "{refused}");
        }
        assert!(chosen(&[], "").is_err() && chosen(&kept[..1], "").is_err());
    }
}
