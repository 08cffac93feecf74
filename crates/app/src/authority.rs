//! Changes of the inspection authority, as facts of the audit log. Keys and certificates never come here.

use crate::AppError;
use crate::facade::reason_at_machine;
use model::{Actor, Clock, Scope, Timestamp};
use store::{Fact, Store};

/// What becomes of the authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AuthorityChange {
    /// A next one was made, which signs from this moment on.
    Next {
        /// The SHA-256 fingerprint of its certificate.
        fingerprint: String,
        /// From when on it signs.
        from: Timestamp,
    },
    /// The next one is the only one now.
    Finished {
        /// The SHA-256 fingerprint of its certificate.
        fingerprint: String,
    },
}

/// Records a change of the inspection authority, before it is made. Only somebody at the machine changes it.
///
/// # Errors
/// [`AppError::Denied`] for anybody else; [`AppError::Refused`] without a reason.
pub async fn record_authority_change(
    store: &Store,
    clock: &Clock,
    actor: &Actor,
    change: AuthorityChange,
    reason: &str,
) -> Result<(), AppError> {
    let reason = reason_at_machine(actor, reason)?;
    let (what, fingerprint, from) = match change {
        AuthorityChange::Next { fingerprint, from } => {
            ("make-next-authority", fingerprint, Some(from.to_string()))
        }
        AuthorityChange::Finished { fingerprint } => ("finish-authority-change", fingerprint, None),
    };
    let fact = Fact::new(actor, Scope::Trust, clock.now(), what)
        .about(format!("authority:{fingerprint}"))
        .with("from", from.unwrap_or_default())
        .with("reason", reason);
    store.commit(&fact, &[]).await?;
    Ok(())
}
