//! For whom of its owners a recovery account stands: it opens what that one's posts let them do, so they manage accounts
//! everywhere. In a trust, the head of one of its schools owns one beside others, and it stands for somebody of the trust.

use crate::AppError;
use crate::administrators::manages_everywhere;
use crate::sign_in::actor_of;
use model::{AccountId, AccountKind, AccountState, Actor, Person, PersonId, Scope, Timestamp};
use policy::Policy;
use std::collections::BTreeSet;
use store::{Account, AccountChange, Change, RecoveryChange, RecoveryRecord, Store};

/// For whom a recovery account is to stand, and the closed one of theirs that is opened again for it.
pub(crate) struct Stand {
    pub(crate) person: Person,
    pub(crate) closed: Option<Account>,
}

/// The owner for whom a recovery account stands: whoever it stands for already (`stands`), else the first for whom no other
/// one stands. One that is made may be that of somebody whose last one was closed; one that gets other owners goes to
/// somebody who never had one, since a person has one account of each kind.
///
/// # Errors
/// [`AppError::Refused`] where none of them manages accounts everywhere, or one stands for each who does.
pub(crate) async fn stands_for(
    (store, policy): (&Store, &Policy),
    owners: &[&Person],
    stands: Option<AccountId>,
) -> Result<Stand, AppError> {
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
        let held = accounts.into_iter().find(|account| account.kind == AccountKind::BreakGlass);
        let is_free = held.as_ref().is_none_or(|it| it.state == AccountState::Closed && stands.is_none());
        let is_it = held.as_ref().is_some_and(|account| Some(account.id) == stands);
        let stand = || Stand { person: (*owner).clone(), closed: held.filter(|_| !is_it) };
        if is_it {
            return Ok(stand());
        }
        if is_free && found.is_none() {
            found = Some(stand());
        }
    }
    found.ok_or_else(|| {
        AppError::refused(
            "A recovery account stands for one of its owners, and one stands for each of these already. Name another leader \
             among them. (Somebody whose recovery account was ended can be the owner of another one that is made.)",
            "expected an owner without a recovery account, found none",
        )
    })
}

/// A recovery account that is made for somebody, and what makes it: in the place of the closed one of theirs, where there is
/// one.
pub(crate) fn made(
    stand: &Stand,
    (id, number): (AccountId, u32),
    owners: BTreeSet<PersonId>,
    (at, by): (Timestamp, &Actor),
) -> (Account, Vec<Change>) {
    let id = stand.closed.as_ref().map_or(id, |closed| closed.id);
    let new = Account::new(id, &stand.person, AccountKind::BreakGlass, at, by);
    let login = format!("recovery-{number}");
    let account = Account { login, state: AccountState::Open, must_change: false, ..new };
    let (record, scope) = (RecoveryRecord { account: id, number, owners, tried: at }, Scope::Trust);
    let changes = match stand.closed {
        Some(_) => {
            let account = Box::new(account.clone());
            vec![Change::Recovery(RecoveryChange::MakeAgain { account, record, scope })]
        }
        None => vec![
            Change::Account(AccountChange::Add(account.clone())),
            Change::Recovery(RecoveryChange::Make { record, scope }),
        ],
    };
    (account, changes)
}
