//! The one shape that every line becomes.

use model::Timestamp;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

/// The most bytes of a line that are kept and looked at; RFC 5425 asks for 8192.
pub const MOST_LINE_BYTES: usize = 16_384;
/// The most characters of a name that is taken out of a line.
pub(crate) const MOST_NAME_CHARS: usize = 256;

/// What happened, as far as it is understood.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Deed {
    /// Somebody signed in.
    SignedIn,
    /// Somebody could not sign in.
    SignInFailed,
    /// An administrator's rights were given to a session.
    RightsGiven,
    /// An account was made.
    AccountMade,
    /// An account was enabled.
    AccountEnabled,
    /// An account's password was set by somebody else.
    PasswordReset,
    /// An account was deleted.
    AccountDeleted,
    /// An account was locked.
    AccountLocked,
    /// Somebody was put into a group.
    MemberAdded,
    /// A group's members were listed.
    GroupListed,
    /// A log was cleared.
    LogCleared,
    /// A service was installed.
    ServiceInstalled,
    /// A device was plugged in.
    DeviceAttached,
    /// Protection against malware was switched off.
    ProtectionOff,
    /// Malware was found.
    MalwareFound,
    /// A sensor saw signs of an attack.
    AttackSeen,
    /// A sensor saw something odd on the network.
    OddTraffic,
    /// A connection that was let through.
    Connected,
    /// A connection that was blocked.
    ConnectionBlocked,
    /// Nothing that is known here.
    Other,
}

impl Deed {
    /// Every deed.
    pub const ALL: [Deed; 20] = [
        Self::SignedIn,
        Self::SignInFailed,
        Self::RightsGiven,
        Self::AccountMade,
        Self::AccountEnabled,
        Self::PasswordReset,
        Self::AccountDeleted,
        Self::AccountLocked,
        Self::MemberAdded,
        Self::GroupListed,
        Self::LogCleared,
        Self::ServiceInstalled,
        Self::DeviceAttached,
        Self::ProtectionOff,
        Self::MalwareFound,
        Self::AttackSeen,
        Self::OddTraffic,
        Self::Connected,
        Self::ConnectionBlocked,
        Self::Other,
    ];

    /// The name in records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::SignedIn => "signed-in",
            Self::SignInFailed => "sign-in-failed",
            Self::RightsGiven => "rights-given",
            Self::AccountMade => "account-made",
            Self::AccountEnabled => "account-enabled",
            Self::PasswordReset => "password-reset",
            Self::AccountDeleted => "account-deleted",
            Self::AccountLocked => "account-locked",
            Self::MemberAdded => "member-added",
            Self::GroupListed => "group-listed",
            Self::LogCleared => "log-cleared",
            Self::ServiceInstalled => "service-installed",
            Self::DeviceAttached => "device-attached",
            Self::ProtectionOff => "protection-off",
            Self::MalwareFound => "malware-found",
            Self::AttackSeen => "attack-seen",
            Self::OddTraffic => "odd-traffic",
            Self::Connected => "connected",
            Self::ConnectionBlocked => "connection-blocked",
            Self::Other => "other",
        }
    }

    /// The event's class, as the Open Cybersecurity Schema Framework (OCSF) names it.
    pub fn class(self) -> &'static str {
        match self {
            Self::SignedIn | Self::SignInFailed => "authentication",
            Self::RightsGiven => "user_access",
            Self::AccountMade
            | Self::AccountEnabled
            | Self::PasswordReset
            | Self::AccountDeleted
            | Self::AccountLocked => "account_change",
            Self::MemberAdded => "group_management",
            Self::GroupListed => "user_inventory",
            Self::LogCleared => "event_log_activity",
            Self::ServiceInstalled | Self::ProtectionOff => "config_state",
            Self::DeviceAttached => "peripheral_activity",
            Self::MalwareFound | Self::AttackSeen | Self::OddTraffic => "detection_finding",
            Self::Connected | Self::ConnectionBlocked => "network_activity",
            Self::Other => "other",
        }
    }
}

/// One event of another system. Its names and its line are personal: they go to the day's file and nowhere else.
#[derive(Clone, PartialEq, Eq)]
pub struct OutsideEvent {
    /// When it happened: what the sender says, where that is within a day of the receipt, or else the receipt.
    pub at: Timestamp,
    /// When it came in.
    pub received: Timestamp,
    /// The sender's name in the configuration.
    pub sender: Arc<str>,
    /// What happened.
    pub deed: Deed,
    /// The account it is about, without its domain, at most 256 characters.
    pub account: Option<Box<str>>,
    /// The group it is about, by name or Windows id (SID).
    pub group: Option<Box<str>>,
    /// Whence it came.
    pub from: Option<IpAddr>,
    /// Where it went.
    pub to: Option<IpAddr>,
    /// To which port.
    pub port: Option<u16>,
    /// The sender's own grade: 0 emergency to 7 debug (RFC 5424).
    pub severity: u8,
    /// The line as it came, cut at [`MOST_LINE_BYTES`].
    pub line: Box<[u8]>,
    /// The SHA-256 of `line`.
    pub hash: [u8; 32],
}

impl fmt::Debug for OutsideEvent {
    /// Without what is personal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OutsideEvent")
            .field("at", &self.at)
            .field("sender", &self.sender)
            .field("deed", &self.deed)
            .finish_non_exhaustive()
    }
}

/// A name out of a line: trimmed, cut, `None` when nothing is left of it.
pub(crate) fn name(text: &str) -> Option<Box<str>> {
    let text = text.trim();
    if text.is_empty() || text == "-" {
        return None;
    }
    Some(text.chars().take(MOST_NAME_CHARS).collect::<String>().into())
}

/// An account's name without what stands for its domain: `SCHOOL\amara` and `amara@school.test` are `amara`.
pub(crate) fn account(text: &str) -> Option<Box<str>> {
    let text = text.rsplit('\\').next().unwrap_or(text);
    name(text.split('@').next().unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_is_the_same_however_its_domain_is_written() {
        for text in ["amara", "SCHOOL\\amara", "amara@school.test", " amara "] {
            assert_eq!(account(text).as_deref(), Some("amara"), "{text}");
        }
        assert_eq!(account("-"), None);
    }

    #[test]
    fn each_deed_has_a_name_of_its_own() {
        let names: std::collections::BTreeSet<&str> = Deed::ALL.iter().map(|deed| deed.slug()).collect();
        assert_eq!(names.len(), Deed::ALL.len());
    }
}
