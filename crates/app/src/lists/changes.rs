//! Putting other lists in force: the swap first, then the fact of what came of it, so that no fact says what did not
//! happen. A program that ends between the two leaves lists without a fact; the gate's next start writes it
//! ([`note_unrecorded_lists`]).

use crate::facade::record_denial;
use crate::policies::place;
use crate::{App, AppError};
use identity::permit;
use lists::{By, Cause, ListError};
use model::{Action, Actor, Clock, Scope};
use policy::{Image, Policy};
use std::path::{Path, PathBuf};
use store::{AuditRow, Fact, Store};

/// The action of the facts, and of the right to cause them.
pub(super) const CHANGE: &str = "change-lists";
/// The action of facts of a change that did not come to be.
const FAILED: &str = "change-lists-failed";
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

/// Whoever puts other lists in force.
#[derive(Clone, Copy, Debug)]
pub enum SwapBy<'a> {
    /// Somebody, who must be allowed to under this policy and say why.
    Person(&'a Actor, &'a Policy),
    /// The gate itself: by its timetable, or because the policy names other lists.
    Gate,
}

impl SwapBy<'_> {
    fn actor(&self) -> &Actor {
        match self {
            Self::Person(actor, _) => actor,
            Self::Gate => &Actor::Program,
        }
    }
}

/// Makes a swap and records what came of it: that it was made, or that it failed and why.
///
/// # Errors
/// [`AppError::Denied`]; [`AppError::Refused`] without a reason; and what the records answer when the fact cannot be
/// written, by when the lists may be in force. The inner error is the swap's own, recorded.
pub async fn record_lists_swap<T, F>(
    store: &Store,
    clock: &Clock,
    by: SwapBy<'_>,
    change: &ListsSwap,
    swap: F,
) -> Result<Result<T, ListError>, AppError>
where
    F: Future<Output = Result<T, ListError>>,
{
    if let SwapBy::Person(actor, policy) = by {
        may_change(store, clock, actor, policy).await?;
        if change.reason.trim().is_empty() {
            return Err(no_reason());
        }
    }
    let how = if matches!(by, SwapBy::Gate) { "schedule" } else { "update" };
    recorded(store, clock, fact(clock, by.actor(), how, change), swap).await
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
    may_change(store, clock, actor, policy).await?;
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
    let fact = fact(clock, actor, "roll-back", &change);
    let image = recorded(store, clock, fact, lists::roll_back(&back.folder, Some(&to), cause, at)).await??;
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
        let (_, change) = roll_back_lists(&parts.store, &parts.clock, (actor, &policy), back).await?;
        let app = self.clone();
        // What the folder names decides: while the fact was written, another program may have put others in force.
        let taken_up = move || {
            app.take_up_lists();
            app.see_lists();
        };
        tokio::task::spawn_blocking(taken_up).await?;
        Ok(change)
    }
}

/// Records lists that are in force without a fact, by the account that lies beside them: whoever put them there was stopped
/// before it was written. To be called where nobody else puts lists in force.
pub async fn note_unrecorded_lists(store: &Store, clock: &Clock, folder: &Path) -> Result<(), AppError> {
    let folder = folder.to_owned();
    let kept = tokio::task::spawn_blocking(move || lists::images(&folder).into_iter().next()).await?;
    let Some(image) = kept else { return Ok(()) };
    let newest = store.facts_of(&Scope::Trust, CHANGE, 1).await?.into_iter().next();
    let recorded = newest.and_then(|fact| fact.details().get("after").cloned()).unwrap_or_default();
    if recorded == image.revision {
        return Ok(());
    }
    let told = image.report.map_or_else(
        || "no account of them can be read".to_owned(),
        |report| match report.cause.by {
            By::Schedule => format!("put together on {} {}", report.at, report.cause.why),
            By::Person(who) => format!("put together on {} for {who}: {}", report.at, report.cause.why),
        },
    );
    let change = ListsSwap {
        before: recorded,
        after: image.revision,
        reason: format!("found in force without a record; {told}"),
        accepted: Vec::new(),
        newly_blocked: None,
    };
    tracing::warn!(revision = change.after, "lists were in force without a record, which is written now");
    store.commit(&fact(clock, &Actor::Program, "found", &change), &[]).await?;
    Ok(())
}

async fn may_change(store: &Store, clock: &Clock, actor: &Actor, policy: &Policy) -> Result<(), AppError> {
    if permit(actor, Action::ChangeLists, &place(policy)).is_err() {
        record_denial(store, actor, Action::ChangeLists, clock.now()).await;
        return Err(AppError::Denied);
    }
    Ok(())
}

fn fact(clock: &Clock, actor: &Actor, how: &'static str, change: &ListsSwap) -> Fact {
    let newly_blocked = change.newly_blocked.map(|sites| sites.to_string()).unwrap_or_default();
    Fact::new(actor, Scope::Trust, clock.now(), CHANGE)
        .about(format!("lists:{}", change.after))
        .with("how", how)
        .with("before", change.before.clone())
        .with("after", change.after.clone())
        .with("reason", change.reason.trim())
        .with("accepted", change.accepted.join(", "))
        .with("newly_blocked", newly_blocked)
}

/// The one way to put lists in force: the fact is of what happened, and of when.
async fn recorded<T, F>(
    store: &Store,
    clock: &Clock,
    fact: Fact,
    swap: F,
) -> Result<Result<T, ListError>, AppError>
where
    F: Future<Output = Result<T, ListError>>,
{
    let swapped = swap.await;
    let fact = Fact { at: clock.now(), ..fact };
    let fact = match &swapped {
        Ok(_) => fact,
        Err(error) => Fact { action: FAILED, ..fact }.with("why", error.to_string()),
    };
    if !is_again(store, &fact).await? {
        store.commit(&fact, &[]).await?;
    }
    Ok(swapped)
}

/// True for a failure of the gate's own that the newest fact of failure tells already: it tries again each minute.
async fn is_again(store: &Store, fact: &Fact) -> Result<bool, AppError> {
    if fact.action != FAILED || fact.actor != Actor::Program.to_string() {
        return Ok(false);
    }
    let newest = store.facts_of(&Scope::Trust, FAILED, 1).await?.into_iter().next();
    let same = |name: &str, told: &AuditRow| told.details().get(name) == fact.details.get(name);
    Ok(newest.is_some_and(|told| told.actor == fact.actor && same("before", &told) && same("why", &told)))
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
            ListError::Overtaken => {
                "Other lists came into force while these were prepared, so nothing was changed. Try again."
            }
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
