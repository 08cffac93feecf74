//! Keeping history as long as the policy says, and no longer; and in the form that takes the least room.

use crate::{App, AppError};
use model::{Actor, Scope};
use store::Fact;

const DAY_MS: i64 = 24 * 3_600_000;

impl App {
    /// Rewrites what of the history is over into columns, which are smaller and are searched faster. To be called every
    /// hour; what cannot be rewritten stays as it is.
    pub async fn compact_history(&self) -> Result<(), AppError> {
        let (history, today) = (self.0.parts.history.clone(), self.now().day());
        let compacted = tokio::task::spawn_blocking(move || history.compact(today)).await??;
        if compacted.days > 0 {
            let (days, events, damaged) = (compacted.days, compacted.events, compacted.damaged);
            tracing::info!(days, events, damaged, "history was rewritten into columns");
        }
        Ok(())
    }

    /// Takes away the days that are older than the policy keeps them. To be called at start and once a day.
    pub async fn expire_history(&self) -> Result<(), AppError> {
        let now = self.now();
        let days = self.in_force().document.facts.retention.access_log_days;
        let before = now.plus_ms(-i64::from(days).saturating_mul(DAY_MS)).day();
        let history = self.0.parts.history.clone();
        let expired = tokio::task::spawn_blocking(move || history.expire(before, now)).await??;
        self.0.parts.health.expired(now, days);
        if expired.days == 0 {
            return Ok(());
        }
        let fact = Fact::new(&Actor::Program, Scope::Trust, now, "expire-history")
            .about("history")
            .with("before", before.to_string())
            .with("kept_days", days.to_string())
            .with("days", expired.days.to_string())
            .with("events", expired.events.to_string());
        self.note(&fact).await
    }
}
