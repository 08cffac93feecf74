//! Taking up what changed while the gate runs: a policy that was approved, people who moved, lists that were updated;
//! whoever changed it, another program too.

use crate::{App, AppError, InForce, approved_policy, people};
use policy::{Image, Snapshot};
use std::sync::{Arc, PoisonError};

/// How far behind the newest end that was taken up others are looked for: clocks of two programs on one machine agree,
/// and a commit takes no longer.
const LOOK_BACK_MS: i64 = 10_000;

impl App {
    /// Looks whether roster or policy changed, and takes up what did. To be called every second or two.
    ///
    /// A policy that cannot be put in force leaves the one before it deciding, and every screen says so.
    pub async fn take_up_changes(&self) -> Result<(), AppError> {
        let mut taken_up = self.0.taken_up.lock().await;
        let store = &self.0.parts.store;
        let revisions = store.revisions().await?;
        if revisions.roster != taken_up.roster {
            self.0.parts.roster.put(people::load_roster(store).await?);
            taken_up.roster = revisions.roster;
            tracing::info!("a changed roster was taken up");
        }
        if revisions.access != taken_up.access {
            self.take_up_ended().await?;
            taken_up.access = revisions.access;
        }
        if revisions.policy != taken_up.policy {
            match approved_policy(store).await {
                Ok(in_force) => {
                    self.put_policy(in_force);
                    taken_up.policy = revisions.policy;
                }
                // It is tried again at the next look: the reason may have been the database's.
                Err(error) => self.policy_trouble(&error),
            }
        }
        Ok(())
    }

    /// Ends at this gate's doors what was ended by whoever else writes to the records. Looking back a little further than
    /// the last time loses nobody whose end was written down in the same moment.
    async fn take_up_ended(&self) -> Result<(), AppError> {
        let after = *self.0.ended_seen.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.0.parts.store.ended_after(after.plus_ms(-LOOK_BACK_MS)).await?;
        for (person, at) in &ended {
            self.0.parts.identities.end_sessions(*person, *at);
        }
        if let Some((_, newest)) = ended.last() {
            *self.0.ended_seen.lock().unwrap_or_else(PoisonError::into_inner) = after.max(*newest);
        }
        Ok(())
    }

    /// Puts new lists in force, under the policy that is. For the take-up alone: whoever else holds an image cannot know
    /// that the folder names it still.
    pub(crate) fn put_lists(&self, image: Image) {
        let _turn = self.0.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        let policy = self.in_force().document.policy.clone();
        let (names, lists) = (image.names(), Arc::clone(image.revision()));
        let next = Snapshot::compile(policy, image, self.0.parts.own_hosts.clone());
        lists::let_go(self.0.parts.snapshot.put(next));
        tracing::info!(names, %lists, "new lists were put in force");
    }

    /// Waits until a policy with other lists than before is in force, also where that came before the call. For the one
    /// task that looks after the lists.
    pub async fn lists_changed(&self) {
        self.0.lists_changed.notified().await;
    }

    fn policy_trouble(&self, error: &AppError) {
        if self.0.parts.health.policy_trouble(Some(error.to_string())) {
            tracing::error!(%error, "an approved policy could not be put in force; the one before it decides");
        }
    }

    /// Puts a policy in force, unless it is the one that decides already.
    fn put_policy(&self, in_force: InForce) {
        self.0.parts.health.policy_trouble(None);
        let _turn = self.0.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        let (policy, image) = (in_force.document.policy.clone(), self.snapshot().image().clone());
        let hash = in_force.hash.clone();
        if hash == self.snapshot().policy().hash && hash == self.in_force().hash {
            return;
        }
        let next = Snapshot::compile(policy, image, self.0.parts.own_hosts.clone());
        lists::let_go(self.0.parts.snapshot.put(next));
        let other_lists = in_force.document.policy.lists != self.in_force().document.policy.lists;
        *self.0.in_force.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(in_force);
        tracing::info!(policy = %hash, "a policy was put in force");
        if other_lists {
            self.0.lists_changed.notify_one();
        }
    }
}
