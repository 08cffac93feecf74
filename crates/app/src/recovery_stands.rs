//! For whom of its owners a recovery account stands: it opens what that one's posts let them do, so they manage accounts
//! everywhere. In a trust, the head of one of its schools owns one beside others, and it stands for somebody of the trust.

use crate::AppError;
use crate::administrators::manages_everywhere;
use crate::sign_in::actor_of;
use model::{AccountId, AccountKind, Person};
use policy::Policy;
use store::Store;

/// The owner for whom a recovery account stands: whoever it stands for already, else the first for whom no other one stands
/// or ever stood.
///
/// # Errors
/// [`AppError::Refused`] where none of them manages accounts everywhere, or one stands or stood for each who does.
pub(crate) async fn stands_for(
    (store, policy): (&Store, &Policy),
    owners: &[&Person],
    stands: Option<AccountId>,
) -> Result<Person, AppError> {
    let everywhere = || owners.iter().filter(|owner| manages_everywhere(&actor_of(owner), policy));
    if everywhere().next().is_none() {
        return Err(AppError::refused(
            "A recovery account opens what one of its owners may do, so one of them manages accounts everywhere: in a trust, \
             somebody who leads all of it. Name one among them.",
            "expected an owner who manages accounts everywhere, found none",
        ));
    }
    let mut found = None;
    for owner in everywhere() {
        let accounts = store.accounts_of(owner.id).await?;
        let held = accounts.iter().find(|account| account.kind == AccountKind::BreakGlass);
        match held {
            Some(account) if Some(account.id) == stands => return Ok((*owner).clone()),
            Some(_) => {}
            None => found = found.or(Some(*owner)),
        }
    }
    found.cloned().ok_or_else(|| {
        AppError::refused(
            "A recovery account stands for one of its owners, and one stands for each of these already, or stood. Name \
             another leader among them.",
            "expected an owner without a recovery account, found none",
        )
    })
}
