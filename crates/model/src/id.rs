//! Ids: a name that a person chose (`SchoolId`, `GroupId`, ...) or a UUIDv7 that the store made.

use std::fmt;
use std::sync::Arc;

/// Makes a cheap-to-clone id out of a short name that people chose, such as `upper-ks2`.
macro_rules! name_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Takes the name as it is; whoever parses outside text checks it first.
            pub fn new(name: impl Into<Arc<str>>) -> Self {
                Self(name.into())
            }
            /// The name as it was chosen.
            pub fn as_str(&self) -> &str {
                &self.0
            }
            /// The name, shared.
            pub fn shared(&self) -> Arc<str> {
                Arc::clone(&self.0)
            }

            /// The name alone, shared with whoever else has it.
            pub fn into_shared(self) -> Arc<str> {
                self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name_id! {
    /// A school, by the name the policy gives it.
    SchoolId
}
name_id! {
    /// A group of people or equipment with rules of its own, by the name the policy gives it.
    GroupId
}
name_id! {
    /// A network (a range of addresses) of a school, by the name the policy gives it.
    NetworkId
}
name_id! {
    /// A filter list, by the name the policy gives it.
    ListId
}
name_id! {
    /// The SHA-256 of a policy document's bytes, as 64 lower-case hexadecimal digits.
    PolicyHash
}

/// Makes an id out of a UUIDv7.
macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        pub struct $name(pub uuid::Uuid);

        impl $name {
            /// Reads the hyphenated text form; `None` when it is not a UUID.
            pub fn parse(text: &str) -> Option<Self> {
                uuid::Uuid::try_parse(text).ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

uuid_id! {
    /// A person on the roster: a pupil, a member of staff, a visitor.
    PersonId
}
uuid_id! {
    /// A device on the roster.
    DeviceId
}
uuid_id! {
    /// An account.
    AccountId
}
uuid_id! {
    /// Something that opens an account: a password, an app's codes.
    CredentialId
}
uuid_id! {
    /// A signed-in session, as screens name it; what opens it is its token.
    SessionId
}
uuid_id! {
    /// A class.
    ClassId
}
uuid_id! {
    /// An alert in the records.
    AlertId
}
uuid_id! {
    /// A case.
    CaseId
}
uuid_id! {
    /// A request of somebody outside for a part of the records.
    ExportId
}
uuid_id! {
    /// A request for rights in the console.
    RequestId
}
uuid_id! {
    /// A review of accounts or of rights.
    ReviewId
}
uuid_id! {
    /// A pool of visitors' accounts.
    PoolId
}
uuid_id! {
    /// A report that somebody made.
    ReportId
}
uuid_id! {
    /// An import of people from the school's own system.
    ImportId
}
uuid_id! {
    /// One message that is to leave: one alert, one way, one address.
    NotificationId
}

/// One gate (one running filter). A lone school has gate 1; a trust numbers its gates.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct GateId(pub u16);
