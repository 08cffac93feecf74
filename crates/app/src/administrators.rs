//! The one way by which accounts, credentials and posts are changed: whatever comes (the console, the machine, a list of
//! changes at once, the clock), what it does to the administrators is put to [`identity::Administrators`] first, and written
//! only where that holds afterwards.
//!
//! Two who change at once are told apart by a note of the installation that every such change moves on in its own
//! transaction: whoever decided by what is no more reads again and decides again.
//!
//! Left out on purpose: the rule itself, and the screens ([`administrators_work`](crate::administrators_work)).
//!
//! Invariants: nothing in `app` writes to the records but through [`commit`]; a change that concerns no administrator costs no
//! reading.

use crate::facade::{Reach, reach_under};
use crate::{AppError, approved_policy};
use identity::{
    AdministratorAccount, AdministratorChange, AdministratorRecords, AdministratorRules, Administrators,
    AskedBy, RecoveryAccount, RecoveryWant, RecoveryWish, WorkingFactor, permits, scopes_for,
};
use model::{
    AccountId, AccountKind, AccountState, Action, Actor, Affiliation, CredentialId, CredentialKind, DAY_MS,
    PersonId, Role,
};
use policy::Policy;
use policy::file::Document;
use std::collections::{BTreeMap, HashMap};
use store::{Account, AccountChange, Change, Fact, RecoveryChange, Store, StoreError};

/// Whoever holds one of these leads: they own recovery accounts and decide on their end.
pub(crate) const LEADERS: [Role; 2] = [Role::Headteacher, Role::SeniorLeader];
/// The note that every change of administrators moves on: `setting-up 3`, `held 4`.
const NOTE: &str = "administrators";
const HELD: &str = "held";
const SETTING_UP: &str = "setting-up";
/// How often somebody else may be faster.
const MOST_TRIES: usize = 16;

/// What is written, and on whose word where only leaders may.
#[derive(Clone, Copy)]
pub(crate) struct Write<'a> {
    pub(crate) fact: &'a Fact,
    pub(crate) changes: &'a [Change],
    pub(crate) by: AskedBy,
}

/// The administrators as the records have them.
pub(crate) struct Loaded {
    pub(crate) state: Administrators,
    /// The accounts that administer.
    pub(crate) accounts: Vec<Account>,
    rows: Rows,
    note: Option<String>,
}

/// What is needed to read a change of the records as a change of administrators.
#[derive(Default)]
struct Rows {
    kinds: HashMap<AccountId, (AccountKind, PersonId)>,
    factors: HashMap<AccountId, BTreeMap<CredentialId, WorkingFactor>>,
    numbers: HashMap<AccountId, u32>,
}

/// What a policy document says of administrators.
pub(crate) fn rules_of(document: &Document) -> AdministratorRules {
    let access = &document.facts.access;
    AdministratorRules {
        at_least: access.administrators_at_least,
        test_every_ms: i64::from(access.recovery_account_test_days) * DAY_MS,
    }
}

/// True where the changes could concern administrators.
pub(crate) fn concern_administrators(changes: &[Change]) -> bool {
    changes.iter().any(concerns)
}

fn concerns(change: &Change) -> bool {
    match change {
        Change::Account(AccountChange::Add(account)) => account.kind.administers(),
        Change::Account(AccountChange::AddCredential { credential, .. }) => {
            factor_of(credential.kind).is_some()
        }
        Change::Account(AccountChange::Revoke { kinds, .. }) => {
            kinds.iter().any(|kind| factor_of(*kind).is_some())
        }
        Change::Account(AccountChange::SetState { .. } | AccountChange::RevokeOne { .. })
        | Change::SetAffiliations { .. }
        | Change::Recovery(_) => true,
        Change::AddPerson { person, .. } => leads(&person.affiliations),
        _ => false,
    }
}

/// Writes a fact and its changes, all or nothing, where the administrators are sound afterwards.
///
/// # Errors
/// [`AppError::Refused`] with the way out where they would not be; and as [`Store::commit`].
pub(crate) async fn commit(
    store: &Store,
    rules: &AdministratorRules,
    write: Write<'_>,
) -> Result<(), AppError> {
    if !concern_administrators(write.changes) {
        store.commit(write.fact, write.changes).await?;
        return Ok(());
    }
    for _ in 0..MOST_TRIES {
        let loaded = load(store, rules).await?;
        let followed = loaded.followed(rules, write)?;
        match store.commit(write.fact, &followed).await {
            Err(StoreError::Overtaken { .. }) => {}
            done => return Ok(done.map(drop)?),
        }
    }
    Err(AppError::failed("expected to change administrators before somebody else did, found them faster"))
}

/// The same for who has the records alone, with what the policy in force says.
///
/// # Errors
/// As [`commit`].
pub(crate) async fn commit_by_policy(store: &Store, fact: &Fact, changes: &[Change]) -> Result<(), AppError> {
    let rules = match concern_administrators(changes) {
        true => rules_of(&approved_policy(store).await?.document),
        // Nobody asks them.
        false => AdministratorRules { at_least: 0, test_every_ms: 0 },
    };
    commit(store, &rules, Write { fact, changes, by: AskedBy::Program }).await
}

/// Reads the administrators. The note comes first: what is changed after it was read is noticed.
pub(crate) async fn load(store: &Store, rules: &AdministratorRules) -> Result<Loaded, AppError> {
    let note = store.installation(NOTE).await?;
    let accounts = store.accounts_of_kinds(&[AccountKind::Administrator, AccountKind::BreakGlass]).await?;
    let mut rows = Rows::default();
    let mut records = AdministratorRecords {
        leaders: store.people_with(&LEADERS).await?,
        posts: store.people_with(&administering()).await?,
        held_once: note.as_deref().is_some_and(|note| note.starts_with(HELD)),
        ..AdministratorRecords::default()
    };
    for account in &accounts {
        rows.kinds.insert(account.id, (account.kind, account.person));
        let held = store.credentials(account.id).await?;
        let worked = held.iter().filter(|held| held.last_worked.is_some());
        let factors: BTreeMap<CredentialId, WorkingFactor> =
            worked.filter_map(|held| Some((held.id, factor_of(held.kind)?))).collect();
        if account.kind == AccountKind::Administrator {
            let there = AdministratorAccount {
                open: account.state.may_sign_in(),
                factors: factors.values().copied().collect(),
                ends: account.ends,
            };
            records.accounts.insert(account.person, there);
        }
        rows.factors.insert(account.id, factors);
    }
    for record in store.recovery_accounts().await? {
        // One that was made since the accounts were read moved the note on, and all is read again before anything is written.
        let Some(stands_for) = rows.kinds.get(&record.account).map(|(_, person)| *person) else { continue };
        rows.numbers.insert(record.account, record.number);
        let there = RecoveryAccount { stands_for, owners: record.owners, tried: record.tried };
        records.recovery.insert(record.number, there);
    }
    for wish in store.recovery_wishes().await? {
        records.wishes.insert(wish.number, wish_of(wish));
    }
    Ok(Loaded { state: Administrators::of_records(records, rules), accounts, rows, note })
}

impl Loaded {
    /// The changes, with the note moved on where they change administrators.
    fn followed(mut self, rules: &AdministratorRules, write: Write<'_>) -> Result<Vec<Change>, AppError> {
        let mut all = write.changes.to_vec();
        let mut mapped = Vec::new();
        for change in write.changes {
            mapped.extend(self.read(change)?);
        }
        let makes = |account: &Account| {
            let is_it = |change: &Change| matches!(change, Change::Recovery(RecoveryChange::Make { record, .. }) if record.account == account.id);
            write.changes.iter().any(is_it)
        };
        let is_unmade = |change: &Change| {
            matches!(change, Change::Account(AccountChange::Add(account))
                if account.kind == AccountKind::BreakGlass && !makes(account))
        };
        if write.changes.iter().any(is_unmade) {
            return Err(refused(identity::AdministratorsRefused::NoSuchAccount));
        }
        if mapped.is_empty() {
            return Ok(all);
        }
        let after = self.state.commit(&mapped, write.by, rules, write.fact.at).map_err(refused)?;
        let stage = if after.setting_up() { SETTING_UP } else { HELD };
        let number = self.note.as_deref().and_then(|note| note.rsplit(' ').next()?.parse::<u64>().ok());
        let next = number.unwrap_or(0).wrapping_add(1);
        all.push(Change::FollowInstallation {
            name: NOTE,
            before: self.note,
            after: format!("{stage} {next}"),
        });
        Ok(all)
    }

    /// One change of the records as changes of administrators, in order.
    fn read(&mut self, change: &Change) -> Result<Vec<AdministratorChange>, AppError> {
        Ok(match change {
            Change::Account(change) => self.read_account_change(change)?,
            Change::SetAffiliations { person, affiliations } => self.read_post(*person, affiliations),
            Change::AddPerson { person, .. } => self.read_post(person.id, &person.affiliations),
            Change::Recovery(change) => self.read_recovery(change)?,
            _ => Vec::new(),
        })
    }

    fn read_account_change(&mut self, change: &AccountChange) -> Result<Vec<AdministratorChange>, AppError> {
        Ok(match change {
            AccountChange::Add(account) if account.kind.administers() => self.read_new(account)?,
            AccountChange::SetState { account, state, .. } => self.read_state(*account, *state)?,
            AccountChange::AddCredential { credential, .. } => {
                let factor = factor_of(credential.kind).filter(|_| credential.last_worked.is_some());
                let theirs = self.rows.administrator(credential.account);
                let Some((factor, person)) = factor.zip(theirs) else { return Ok(Vec::new()) };
                self.rows.factors.entry(credential.account).or_default().insert(credential.id, factor);
                vec![AdministratorChange::FactorWorked(person, factor)]
            }
            AccountChange::Revoke { account, kinds, .. } => {
                let gone =
                    |factor: &WorkingFactor| kinds.iter().any(|kind| factor_of(*kind) == Some(*factor));
                let held = self.rows.factors.get(account).into_iter().flatten();
                let ids: Vec<CredentialId> =
                    held.filter(|(_, factor)| gone(factor)).map(|(id, _)| *id).collect();
                ids.into_iter().filter_map(|id| self.rows.take(*account, id)).collect()
            }
            AccountChange::RevokeOne { credential, .. } => {
                let holds = |held: &BTreeMap<_, _>| held.contains_key(credential);
                let account = self.rows.factors.iter().find(|(_, held)| holds(held)).map(|(id, _)| *id);
                account.and_then(|account| self.rows.take(account, *credential)).into_iter().collect()
            }
            _ => Vec::new(),
        })
    }

    fn read_new(&mut self, account: &Account) -> Result<Vec<AdministratorChange>, AppError> {
        if account.ends.is_some() {
            return Err(AppError::refused(
                "An account that administers does not end by itself. Close it when it is not needed any more.",
                "expected an administering account without an end, found one with",
            ));
        }
        self.rows.kinds.insert(account.id, (account.kind, account.person));
        Ok(match account.kind {
            AccountKind::Administrator if account.state.may_sign_in() => {
                vec![AdministratorChange::Add(account.person)]
            }
            AccountKind::Administrator => {
                vec![AdministratorChange::Add(account.person), AdministratorChange::Suspend(account.person)]
            }
            _ => Vec::new(),
        })
    }

    fn read_state(
        &self,
        account: AccountId,
        state: AccountState,
    ) -> Result<Vec<AdministratorChange>, AppError> {
        let number = self.rows.numbers.get(&account).copied();
        Ok(match self.rows.kinds.get(&account) {
            Some((AccountKind::Administrator, person)) if state.may_sign_in() => {
                vec![AdministratorChange::Open(*person)]
            }
            Some((AccountKind::Administrator, person)) if state == AccountState::Closed => {
                vec![AdministratorChange::Delete(*person)]
            }
            Some((AccountKind::Administrator, person)) => vec![AdministratorChange::Suspend(*person)],
            Some((AccountKind::BreakGlass, _)) if !state.may_sign_in() => {
                let number = number.ok_or_else(|| refused(identity::AdministratorsRefused::NoSuchAccount))?;
                vec![AdministratorChange::DeleteRecovery(number)]
            }
            _ => Vec::new(),
        })
    }

    fn read_post(&self, person: PersonId, affiliations: &[Affiliation]) -> Vec<AdministratorChange> {
        let leads = match (leads(affiliations), self.state.leaders().contains(&person)) {
            (true, false) => Some(AdministratorChange::Leads(person)),
            (false, true) => Some(AdministratorChange::LeadsNoMore(person)),
            _ => None,
        };
        let may = affiliations.iter().any(|held| permits(held.role, Action::ManageAccounts));
        let post = match (may, self.state.posts().contains(&person)) {
            (true, false) => Some(AdministratorChange::MayAdminister(person)),
            (false, true) => Some(AdministratorChange::MayNotAdminister(person)),
            _ => None,
        };
        leads.into_iter().chain(post).collect()
    }

    fn read_recovery(&mut self, change: &RecoveryChange) -> Result<Vec<AdministratorChange>, AppError> {
        let number = |rows: &Rows, account: &AccountId| {
            let number = rows.numbers.get(account).copied();
            number.ok_or_else(|| refused(identity::AdministratorsRefused::NoSuchAccount))
        };
        Ok(vec![match change {
            RecoveryChange::Make { record, .. } => {
                let held = self.rows.kinds.get(&record.account).map(|(_, person)| *person);
                let stands_for =
                    held.ok_or_else(|| refused(identity::AdministratorsRefused::NoSuchAccount))?;
                self.rows.numbers.insert(record.account, record.number);
                AdministratorChange::MakeRecovery(record.number, stands_for, record.owners.clone())
            }
            RecoveryChange::MakeAgain { account, record, .. } => {
                self.rows.kinds.insert(account.id, (account.kind, account.person));
                self.rows.numbers.insert(account.id, record.number);
                AdministratorChange::MakeRecovery(record.number, account.person, record.owners.clone())
            }
            RecoveryChange::Own { account, stands_for, owners, .. } => {
                AdministratorChange::OwnRecovery(number(&self.rows, account)?, *stands_for, owners.clone())
            }
            RecoveryChange::Tried { account, .. } => {
                AdministratorChange::TriedRecovery(number(&self.rows, account)?)
            }
            RecoveryChange::SetWish { wish, .. } if wish.agreed.is_some() => {
                AdministratorChange::AgreeRecovery(wish.number, wish.asked)
            }
            RecoveryChange::SetWish { wish, .. } => {
                AdministratorChange::AskRecovery(wish.number, wish_of(wish.clone()).want)
            }
            RecoveryChange::EndWish { number } => AdministratorChange::CancelRecovery(*number),
        }])
    }
}

impl Rows {
    /// Whose administrator account it is.
    fn administrator(&self, account: AccountId) -> Option<PersonId> {
        let (kind, person) = self.kinds.get(&account)?;
        (*kind == AccountKind::Administrator).then_some(*person)
    }

    /// Takes a factor away; what that means, where it was the last of its kind.
    fn take(&mut self, account: AccountId, credential: CredentialId) -> Option<AdministratorChange> {
        let person = self.administrator(account)?;
        let held = self.factors.get_mut(&account)?;
        let factor = held.remove(&credential)?;
        let is_last = !held.values().any(|other| *other == factor);
        is_last.then_some(AdministratorChange::RemoveFactor(person, factor))
    }
}

/// The roles whose holders administer.
fn administering() -> Vec<Role> {
    Role::ALL.into_iter().filter(|role| permits(*role, Action::ManageAccounts)).collect()
}

/// What leaders want, as the rule has it.
pub(crate) fn wish_of(wish: store::RecoveryWish) -> RecoveryWish {
    let want = match wish.want {
        store::RecoveryWant::Delete => RecoveryWant::Deletion,
        store::RecoveryWant::Own => RecoveryWant::Owners(wish.owners),
        store::RecoveryWant::Make => RecoveryWant::Another(wish.owners),
    };
    RecoveryWish { want, asked: wish.asked, asked_by: wish.asked_by, agreed: wish.agreed }
}

/// True where somebody manages accounts everywhere: in a trust, not at some of its schools alone.
pub(crate) fn manages_everywhere(actor: &Actor, policy: &Policy) -> bool {
    let scopes = scopes_for(actor, Action::ManageAccounts);
    !scopes.is_empty() && reach_under(&scopes, policy) == Reach::Everything
}

/// True where somebody who is this leads.
pub(crate) fn leads(affiliations: &[Affiliation]) -> bool {
    affiliations.iter().any(|held| LEADERS.contains(&held.role))
}

fn factor_of(kind: CredentialKind) -> Option<WorkingFactor> {
    match kind {
        CredentialKind::Totp => Some(WorkingFactor::Totp),
        CredentialKind::Passkey => Some(WorkingFactor::Passkey),
        _ => None,
    }
}

pub(crate) fn refused(error: identity::AdministratorsRefused) -> AppError {
    AppError::refused(error.way_out(), error.to_string())
}

#[cfg(test)]
mod tests;
