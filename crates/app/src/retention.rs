//! Keeping history as long as the policy says, and no longer; and in the form that takes the least room.

use crate::{App, AppError};
use history::Keep;
use model::{Actor, DAY_MS, Scope, Timestamp};
use policy::file::Retention;
use store::Fact;

/// What the clauses about logs ask at the least, in days.
const YEAR_DAYS: u32 = 365;

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

    /// Takes away what is older than the policy keeps it: whole days, and of days the kinds that are kept for less long. To
    /// be called at start and once a day.
    pub async fn expire_history(&self) -> Result<(), AppError> {
        let now = self.now();
        let retention = self.in_force().document.facts.retention.clone();
        let keep = keep(&retention, now);
        let history = self.0.parts.history.clone();
        let expired = tokio::task::spawn_blocking(move || history.expire(&keep, now)).await??;
        self.0.parts.health.expired(now, retention.access_log_days);
        if expired.days == 0 && expired.thinned == 0 {
            return Ok(());
        }
        let fact = Fact::new(&Actor::Program, Scope::Trust, now, "expire-history")
            .about("history")
            .with("before", keep.blocks.to_string())
            .with("kept_days", retention.access_log_days.to_string())
            .with("page_days", retention.page_days().to_string())
            .with("name_days", retention.name_days().to_string())
            .with("days", expired.days.to_string())
            .with("days_in_part", expired.thinned.to_string())
            .with("events", expired.events.to_string());
        self.note(&fact).await
    }
}

/// The first day of which each kind of event is kept.
fn keep(retention: &Retention, now: Timestamp) -> Keep {
    let first = |days: u32| now.plus_ms(-i64::from(days).saturating_mul(DAY_MS)).day();
    Keep {
        names: first(retention.name_days()),
        pages: first(retention.page_days()),
        blocks: first(retention.access_log_days),
    }
}

/// The keeping time that is held against the clauses: that of the access log, or of pages where that is too short by
/// itself. Name look-ups that were answered are no log of a filter's incidents, and do not count.
pub(crate) fn shown_days(retention: &Retention) -> u32 {
    match retention.page_days() {
        days @ ..YEAR_DAYS => days,
        _ => retention.access_log_days,
    }
}
