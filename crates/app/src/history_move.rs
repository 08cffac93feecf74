//! Moving the history to another place, as a fact of the audit log. The copying itself is the command line's.

use crate::AppError;
use crate::facade::reason_at_machine;
use model::{Actor, Clock, Scope};
use store::{Fact, Store};

/// From which place to which: `folder` and `clickhouse`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HistoryMove {
    /// Where it lies.
    pub from: &'static str,
    /// Where it is copied to.
    pub to: &'static str,
}

/// Records that the history is copied to another place, before it is. Only somebody at the machine does that.
///
/// # Errors
/// [`AppError::Denied`] for anybody else; [`AppError::Refused`] without a reason.
pub async fn record_history_move(
    store: &Store,
    clock: &Clock,
    actor: &Actor,
    change: HistoryMove,
    reason: &str,
) -> Result<(), AppError> {
    let reason = reason_at_machine(actor, reason)?;
    let fact = Fact::new(actor, Scope::Trust, clock.now(), "move-history")
        .about("history")
        .with("from", change.from)
        .with("to", change.to)
        .with("reason", reason);
    store.commit(&fact, &[]).await?;
    Ok(())
}
