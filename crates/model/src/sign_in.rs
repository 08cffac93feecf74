//! The sign-in handle: how an edge asks the use cases whether a login and a password belong together.
//!
//! Left out on purpose: how that is found out, how often it may be tried, and how long an edge remembers the answer.
//!
//! Invariant: a password is wiped from memory when its [`Credentials`] are dropped, and is never printed.

use crate::{PersonId, Timestamp};
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a client gave to be known by.
#[derive(Clone)]
pub struct Credentials {
    /// The login, as it was typed.
    pub login: String,
    /// The password, as it was typed.
    pub password: Zeroizing<String>,
    /// Where it came from.
    pub address: IpAddr,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Credentials(hidden)")
    }
}

/// What became of a sign-in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignInAnswer {
    /// It is this person, until then at the latest.
    Known {
        /// The person.
        person: PersonId,
        /// Until when it counts.
        until: Timestamp,
    },
    /// Login and password do not belong together, or too many wrong ones came before. Which, nobody is told.
    Wrong,
    /// It could not be found out just now.
    Unanswered,
}

type Answering = Pin<Box<dyn Future<Output = SignInAnswer> + Send>>;

/// Asks the use cases whether a login and a password belong together. Cheap to clone.
#[derive(Clone)]
pub struct SignIn(Arc<dyn Fn(Credentials) -> Answering + Send + Sync>);

impl SignIn {
    /// A handle that is answered by `answer`.
    pub fn new<F, A>(answer: F) -> Self
    where
        F: Fn(Credentials) -> A + Send + Sync + 'static,
        A: Future<Output = SignInAnswer> + Send + 'static,
    {
        Self(Arc::new(move |credentials| Box::pin(answer(credentials))))
    }

    /// Asks. Takes as long as a password takes to compare, tens of milliseconds and more when many come at once.
    pub async fn ask(&self, credentials: Credentials) -> SignInAnswer {
        (self.0)(credentials).await
    }
}

impl fmt::Debug for SignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SignIn")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_printed() {
        let password = Zeroizing::new("three quiet otters".to_owned());
        let address = IpAddr::from([10, 0, 0, 1]);
        let credentials = Credentials { login: "amara".to_owned(), password, address };
        assert_eq!(format!("{credentials:?}"), "Credentials(hidden)");
    }
}
