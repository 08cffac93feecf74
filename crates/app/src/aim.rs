//! What waits for a chair of governors once nobody is chair: it is aimed at all governors, who are told, and it does not
//! wait for a next chair unread.
//!
//! Left out on purpose: what is closed, and is in no open case. That waits for the next chair, who reads it by their role; and
//! what a chair reads again once there is one, since a chair reads all that governors do.

use crate::{App, AppError};
use model::{Actor, CaseEntryKind, Role};
use store::{AlertChange, AlertRecord, CaseChange, CaseRecord, Change, Fact};

/// The readers of what is about a headteacher, where somebody is chair.
const CHAIR_ALONE: [Role; 1] = [Role::ChairOfGovernors];

impl App {
    /// Aims open alerts and cases that are for the chair of governors at all governors, where nobody is chair any more.
    pub(crate) async fn aim_at_governors(&self) -> Result<(), AppError> {
        let store = &self.0.parts.store;
        for case in store.open_cases_read_by(&CHAIR_ALONE).await? {
            if self.above_head(&case.scope) == Role::Governor {
                self.aim_case(&case).await?;
            }
        }
        for alert in store.open_alerts_read_by(&CHAIR_ALONE).await? {
            if self.above_head(&alert.scope) == Role::Governor {
                self.aim_alert(alert).await?;
            }
        }
        Ok(())
    }

    async fn aim_case(&self, case: &CaseRecord) -> Result<(), AppError> {
        let words = format!("Nobody is chair of governors any more: read by {}", Role::Governor.title());
        let changes = [
            self.case_line(case.id, &Actor::Program, CaseEntryKind::Circle, &words),
            Change::Case(CaseChange::SetReaders(case.id, vec![Role::Governor])),
        ];
        let fact = self.case_fact(&Actor::Program, case, "aim-case").with("to", Role::Governor.slug());
        unless_overtaken(self.commit(&fact, &changes).await)
    }

    async fn aim_alert(&self, alert: AlertRecord) -> Result<(), AppError> {
        let (id, before) = (alert.id, alert.readers);
        let ladder = self.that_somebody_reads(alert.ladder, &alert.scope);
        let called = self.call_from(&ladder, 0, &alert.scope, (id, alert.alert.severity))?;
        let mut changes = vec![Change::Alert(AlertChange::Aim { id, before, ladder })];
        changes.push(self.line(id, &Actor::Program, "aimed", Role::Governor.title()));
        changes.extend(called.changes);
        let fact = Fact::new(&Actor::Program, alert.scope, self.now(), "aim-alert");
        let fact = fact.about(format!("alert:{id}")).with("to", Role::Governor.slug());
        let done = self.commit(&fact, &changes).await;
        self.note_alerts_changed();
        unless_overtaken(done)
    }
}

/// Another gate on the same records may have done it between the look and the deed.
fn unless_overtaken(done: Result<(), AppError>) -> Result<(), AppError> {
    match done {
        Err(AppError::Refused { .. }) => Ok(()),
        other => other,
    }
}
