//! First passwords for people whom an import added: made a page of slips at a time, when somebody stands by to print them.
//! An import of a whole school makes hundreds of accounts; hashing as many passwords at once would keep everybody who signs
//! in waiting, and slips that lie about for weeks run out.

use super::before::Kept;
use crate::views::{SlipView, SlipsView};
use crate::{App, AppError, Fresh};
use model::{AccountId, AccountKind, Actor, ImportId, PersonId};
use std::collections::HashSet;
use std::sync::Arc;
use store::{Account, ImportRecord};

/// Slips on one page.
const ON_A_PAGE: usize = 30;

impl App {
    /// Makes first passwords for the next 30 of those whom an import added and who have none. They are shown this once.
    /// `None` where this person sees no import of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where it is not applied.
    pub async fn import_slips(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: ImportId,
    ) -> Result<Option<SlipsView>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(record) = self.imports(actor).record(id).await? else { return Ok(None) };
        let waiting = self.added_without_password(&record).await?;
        let (mut slips, mut passed_over): (Vec<SlipView>, usize) = (Vec::new(), 0);
        for (person, account) in &waiting {
            if slips.len() == ON_A_PAGE {
                break;
            }
            if self.may_reset(actor, person).await?.is_err() {
                passed_over += 1;
                continue;
            }
            // The policy may give the youngest a badge and no password.
            let issued = match self.issue_password(person, account).await {
                Err(AppError::Refused { .. }) => {
                    passed_over += 1;
                    continue;
                }
                issued => issued?,
            };
            let fact = self.fact(actor, "issue-password").about(format!("person:{}", person.id));
            self.commit(&fact.with("import", id.to_string()), &issued.changes).await?;
            slips.push(self.slip(person, &account.login, issued.secret.to_string(), issued.expires));
        }
        let left = waiting.len().saturating_sub(slips.len() + passed_over);
        Ok(Some(SlipsView { import: id.to_string(), slips, passed_over, left }))
    }

    /// Those whom an import added and who can sign in with nothing yet.
    pub(crate) async fn added_without_password(
        &self,
        record: &ImportRecord,
    ) -> Result<Vec<(Arc<model::Person>, Account)>, AppError> {
        let Some(kept) = record.before.as_deref() else { return Ok(Vec::new()) };
        let added: HashSet<PersonId> =
            Kept::read(kept)?.people.iter().filter(|kept| kept.is_new).filter_map(|kept| kept.id()).collect();
        if added.is_empty() {
            return Ok(Vec::new());
        }
        let has: HashSet<AccountId> =
            self.0.parts.store.accounts_with_password().await?.into_iter().collect();
        let (roster, now) = (self.0.parts.roster.get(), self.now());
        let accounts = self.0.parts.store.accounts().await?.into_iter().filter(|account| {
            let everyday = matches!(account.kind, AccountKind::Standard | AccountKind::Guest);
            added.contains(&account.person)
                && everyday
                && account.may_sign_in(now)
                && !has.contains(&account.id)
        });
        let mut waiting: Vec<(Arc<model::Person>, Account)> = accounts
            .filter_map(|account| Some((Arc::clone(roster.person(account.person)?), account)))
            .collect();
        waiting.sort_by(|(one, _), (other, _)| {
            (&one.display_name, one.id).cmp(&(&other.display_name, other.id))
        });
        Ok(waiting)
    }
}
