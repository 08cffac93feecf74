//! Asking a service whether a password that somebody chooses was found in a breach, without telling it which: five digits of
//! its SHA-1 leave, and some 800 passwords share each five.
//!
//! An option of the installation, off unless an address is configured. The list that ships is always asked first. Never asked
//! at a sign-in, of what is made here, or of the youngest, whose short words are all common.
//!
//! Invariants: where no answer comes nobody is kept from a password: that is counted, logged and a fact; no password, digit or
//! answer stands in any of these.

use crate::{App, AppError};
use identity::{Password, PwnedRange, looks_pwned};
use lists::RangeServer;
use model::{Actor, Scope};
use std::sync::atomic::{AtomicU64, Ordering};
use store::Fact;

/// The service, and how often it did not answer.
pub(crate) struct BreachService {
    server: RangeServer,
    unanswered: AtomicU64,
}

impl App {
    /// Has a service asked about passwords that people choose. To be called at start, at most once.
    pub fn set_breach_service(&self, server: RangeServer) {
        let _ = self.0.breach_service.set(BreachService { server, unanswered: AtomicU64::new(0) });
    }

    /// True where the service knows the password; false where it does not, where there is no service, and where none answers.
    pub(crate) async fn is_breached(&self, password: &Password) -> Result<bool, AppError> {
        let Some(service) = self.0.breach_service.get() else { return Ok(false) };
        let asked = PwnedRange::of(password);
        match service.server.ask(&asked.prefix).await {
            Ok(answer) => Ok(looks_pwned(&asked, &answer)),
            Err(error) => {
                let times = service.unanswered.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                tracing::warn!(times, %error, "the breach service did not answer; a password was judged without it");
                let fact = Fact::new(&Actor::Program, Scope::Trust, self.now(), "breach-service-unanswered");
                self.note(&fact.with("times", times.to_string())).await?;
                Ok(false)
            }
        }
    }
}
