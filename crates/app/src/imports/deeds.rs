//! Work on imports in the console: the same use cases, for somebody who showed that it is them where accounts are made or
//! rest by it, and taken up at once.

use super::undo::Undone;
use super::{Upload, Urgency};
use crate::{App, AppError, Fresh};
use model::{Action, Actor, ImportId, PersonId};

impl App {
    /// Puts a file down. Nothing changes yet.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where the file cannot be read as a whole.
    pub async fn stage_import(&self, actor: &Actor, upload: Upload) -> Result<ImportId, AppError> {
        self.imports(actor).stage(upload).await
    }

    /// Says who rows are: one, or with no `source` each as its likeliest candidate. False where this person sees no import of
    /// that id.
    ///
    /// # Errors
    /// [`AppError::Refused`] where the answer fits no open question.
    pub async fn answer_import(
        &self,
        actor: &Actor,
        id: ImportId,
        (source, person): (Option<&str>, Option<PersonId>),
    ) -> Result<bool, AppError> {
        self.imports(actor).answer(id, source, person).await
    }

    /// Applies an import that is still what was seen. False where this person sees none of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] with what to do.
    pub async fn approve_import(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: ImportId,
        (seen, reason): (&str, &str),
    ) -> Result<bool, AppError> {
        self.must_be_of(fresh, actor).await?;
        let done = self.imports(actor).approve(id, Some(seen), (reason, Urgency::Usual)).await?;
        self.take_up_changes().await?;
        Ok(done.is_some())
    }

    /// Puts back what was before an import. `None` where this person sees none of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] after seven days, or without a reason.
    pub async fn undo_import(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        id: ImportId,
        reason: &str,
    ) -> Result<Option<Undone>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let undone = self.imports(actor).undo(id, reason).await?;
        self.take_up_changes().await?;
        Ok(undone)
    }

    /// Decides against an import. False where this person sees none of that id.
    ///
    /// # Errors
    /// [`AppError::Refused`] without a reason.
    pub async fn drop_import(&self, actor: &Actor, id: ImportId, reason: &str) -> Result<bool, AppError> {
        self.imports(actor).drop_import(id, reason).await
    }

    /// Every mistake of an import that waits, as a file; `None` where this person sees none of that id.
    pub async fn import_faults(&self, actor: &Actor, id: ImportId) -> Result<Option<Vec<u8>>, AppError> {
        self.reach(actor, Action::ManageAccounts).await?;
        self.imports(actor).faults_file(id).await
    }

    /// Forgets the files of imports that cannot be undone any more. To be called now and then.
    pub async fn forget_old_imports(&self) -> Result<(), AppError> {
        self.imports(&Actor::Program).forget_old().await
    }
}
