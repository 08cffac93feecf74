//! The sign-in handle: how an edge asks the use cases who somebody is, by login and password or by a Kerberos ticket.
//!
//! Left out on purpose: how a password is compared, how often it may be tried, and how long an edge remembers the answer. A
//! ticket is verified by the edge that took it; the use cases say whose it is.
//!
//! Invariant: a password is wiped from memory when its [`Credentials`] are dropped; neither kind is ever printed.

use crate::{PersonId, SchoolId, Timestamp};
use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use zeroize::Zeroizing;

/// What a client gave to be known by.
#[derive(Clone, Debug)]
pub enum Presented {
    /// A login and a password.
    Password(Credentials),
    /// A Kerberos ticket, which the edge found good.
    Ticket(Principal),
}

impl Presented {
    /// Where it came from.
    pub fn address(&self) -> IpAddr {
        match self {
            Self::Password(credentials) => credentials.address,
            Self::Ticket(principal) => principal.address,
        }
    }
}

/// Whom a Kerberos ticket names (RFC 4120, section 6).
#[derive(Clone)]
pub struct Principal {
    /// Its name within its realm, as it stands in the ticket.
    pub name: String,
    /// Its realm.
    pub realm: String,
    /// The school whose people the realm holds; `None`: any school's.
    pub school: Option<SchoolId>,
    /// Where the ticket came from.
    pub address: IpAddr,
}

impl fmt::Debug for Principal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Principal(hidden)")
    }
}

/// A login with its password.
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
    /// Login and password do not belong together, too many wrong ones came before, or a ticket is nobody's here. Which,
    /// nobody is told.
    Wrong,
    /// It could not be found out just now.
    Unanswered,
}

type Answering = Pin<Box<dyn Future<Output = SignInAnswer> + Send>>;

/// Asks the use cases who somebody is. Cheap to clone.
#[derive(Clone)]
pub struct SignIn(Arc<dyn Fn(Presented) -> Answering + Send + Sync>);

impl SignIn {
    /// A handle that is answered by `answer`.
    pub fn new<F, A>(answer: F) -> Self
    where
        F: Fn(Presented) -> A + Send + Sync + 'static,
        A: Future<Output = SignInAnswer> + Send + 'static,
    {
        Self(Arc::new(move |presented| Box::pin(answer(presented))))
    }

    /// Asks. Takes as long as a password takes to compare, tens of milliseconds and more when many come at once.
    pub async fn ask(&self, presented: Presented) -> SignInAnswer {
        (self.0)(presented).await
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
    fn what_somebody_is_known_by_is_never_printed() {
        let password = Zeroizing::new("three quiet otters".to_owned());
        let address = IpAddr::from([10, 0, 0, 1]);
        let credentials = Credentials { login: "amara".to_owned(), password, address };
        assert_eq!(format!("{:?}", Presented::Password(credentials)), "Password(Credentials(hidden))");
        let (name, realm) = ("amara".to_owned(), "ASH.EXAMPLE".to_owned());
        let principal = Principal { name, realm, school: None, address };
        assert_eq!(format!("{:?}", Presented::Ticket(principal)), "Ticket(Principal(hidden))");
    }
}
