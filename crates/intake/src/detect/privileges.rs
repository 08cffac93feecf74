//! Misuse of privileged accounts: passwords tried on an administrator's account, a new member of an administrators' group,
//! a log that somebody cleared, protection that somebody switched off.

use super::Finding;
use crate::OutsideEvent;
use crate::logs::event::Deed;
use model::{Severity, Timestamp};
use std::collections::{BTreeSet, HashMap};

/// How long failed sign-ins count together.
const WINDOW_MS: i64 = 10 * 60_000;
/// Failed sign-ins within that time: a warning, an incident.
const FAILED: (u32, u32) = (5, 20);
/// The most accounts whose failures are counted at a time.
const MOST_ACCOUNTS: usize = 1_024;

/// Accounts that are administrators everywhere.
const ACCOUNTS: [&str; 5] = ["administrator", "admin", "root", "krbtgt", "superuser"];
/// Groups whose members are, by their English names and on Linux.
const GROUPS: [&str; 13] = [
    "account operators",
    "administrators",
    "backup operators",
    "dnsadmins",
    "domain admins",
    "enterprise admins",
    "group policy creator owners",
    "schema admins",
    "server operators",
    "root",
    "sudo",
    "wheel",
    "admin",
];
/// The same by the ends of their Windows ids, whatever the language.
const GROUP_IDS: [&str; 9] = ["-512", "-518", "-519", "-520", "-544", "-548", "-549", "-550", "-551"];

/// The detector of misuse of privileged accounts.
#[derive(Debug, Default)]
pub struct Privileges {
    /// The school's own privileged accounts, in lower case.
    accounts: BTreeSet<String>,
    failures: HashMap<Box<str>, Failures>,
}

#[derive(Debug)]
struct Failures {
    began: Timestamp,
    count: u32,
    told: u8,
}

impl Privileges {
    /// `accounts`: the school's own privileged accounts beside those that are so everywhere, by their logins.
    pub fn new<'a>(accounts: impl IntoIterator<Item = &'a str>) -> Self {
        Self { accounts: accounts.into_iter().map(str::to_lowercase).collect(), failures: HashMap::new() }
    }

    /// Takes one event.
    pub fn step(&mut self, event: &OutsideEvent) -> Option<Finding> {
        match event.deed {
            Deed::SignInFailed => self.failed(event),
            Deed::SignedIn => self.signed_in(event),
            Deed::MemberAdded if event.group.as_deref().is_some_and(is_privileged_group) => {
                let why = "Somebody was put into a group of administrators.";
                Some(found(event, ("privileges.member-added", why), Severity::High))
            }
            Deed::LogCleared => {
                let why = "A machine's log was cleared, which hides what happened there.";
                Some(found(event, ("privileges.log-cleared", why), Severity::High))
            }
            Deed::ProtectionOff => {
                let why = "Protection against malware was switched off on a machine.";
                Some(found(event, ("privileges.protection-off", why), Severity::Medium))
            }
            _ => None,
        }
    }

    fn failed(&mut self, event: &OutsideEvent) -> Option<Finding> {
        let account = self.privileged(event)?;
        let now = event.received;
        if self.failures.len() >= MOST_ACCOUNTS && !self.failures.contains_key(&account) {
            self.failures.clear();
        }
        let failures = self.failures.entry(account).or_insert(Failures { began: now, count: 0, told: 0 });
        if now.0.saturating_sub(failures.began.0) >= WINDOW_MS {
            *failures = Failures { began: now, count: 0, told: 0 };
        }
        failures.count = failures.count.saturating_add(1);
        let reached = u8::from(failures.count >= FAILED.0) + u8::from(failures.count >= FAILED.1);
        if reached <= failures.told {
            return None;
        }
        failures.told = reached;
        let (first, count) = (failures.began, failures.count);
        let why = "Wrong passwords were tried on a privileged account again and again within ten minutes.";
        let severity = if reached == 2 { Severity::High } else { Severity::Medium };
        Some(Finding { first, count, ..found(event, ("privileges.failed-sign-ins", why), severity) })
    }

    fn signed_in(&mut self, event: &OutsideEvent) -> Option<Finding> {
        let failures = self.failures.remove(&self.privileged(event)?)?;
        let is_recent = event.received.0.saturating_sub(failures.began.0) < WINDOW_MS;
        let why =
            "Somebody signed in to a privileged account after several wrong passwords within ten minutes.";
        let finding = found(event, ("privileges.sign-in-after-failures", why), Severity::High);
        (is_recent && failures.count >= FAILED.0).then_some(Finding {
            first: failures.began,
            count: failures.count,
            ..finding
        })
    }

    /// The account, where it is a privileged one, told apart by sender: an `admin` of one switch is not that of another.
    fn privileged(&self, event: &OutsideEvent) -> Option<Box<str>> {
        let account = event.account.as_deref()?.to_lowercase();
        let is_privileged = ACCOUNTS.contains(&account.as_str()) || self.accounts.contains(&account);
        is_privileged.then(|| format!("{}\n{account}", event.sender).into())
    }
}

fn is_privileged_group(group: &str) -> bool {
    let group = group.trim().to_lowercase();
    let group = group.rsplit('\\').next().unwrap_or(&group);
    let by_id = group.starts_with("s-1-5-") && GROUP_IDS.iter().any(|end| group.ends_with(end));
    by_id || GROUPS.contains(&group)
}

fn found(event: &OutsideEvent, (rule, why): (&'static str, &'static str), severity: Severity) -> Finding {
    Finding { rule, why, severity, from: event.from, first: event.at, last: event.at, count: 1 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::event;

    fn of(account: &str, deed: Deed, at_ms: i64) -> OutsideEvent {
        OutsideEvent { account: Some(account.into()), ..event(deed, at_ms) }
    }

    #[test]
    fn passwords_tried_on_an_administrator_are_told_twice_at_most_and_a_right_one_after_them_again() {
        let mut privileges = Privileges::new(["Head.IT"]);
        for account in ["Administrator", "head.it"] {
            let told: Vec<u32> = (0..40)
                .filter_map(|number| privileges.step(&of(account, Deed::SignInFailed, number * 1_000)))
                .map(|found| found.count)
                .collect();
            assert_eq!(told, [5, 20], "{account}");
            let after = privileges.step(&of(account, Deed::SignedIn, 41_000)).unwrap();
            assert_eq!(
                (after.rule, after.severity, after.count),
                ("privileges.sign-in-after-failures", Severity::High, 40)
            );
            assert!(privileges.step(&of(account, Deed::SignedIn, 42_000)).is_none());
        }
    }

    #[test]
    fn a_slow_typist_and_a_pupil_who_forgot_a_password_are_no_findings() {
        let mut privileges = Privileges::default();
        for number in 0..40 {
            assert!(privileges.step(&of("root", Deed::SignInFailed, number * WINDOW_MS / 4)).is_none());
            assert!(privileges.step(&of("amara", Deed::SignInFailed, number)).is_none());
        }
    }

    #[test]
    fn a_new_administrator_is_told_by_any_name_and_id_of_the_group() {
        let mut privileges = Privileges::default();
        let mut added = |group: &str| {
            let event = OutsideEvent { group: Some(group.into()), ..of("amara", Deed::MemberAdded, 0) };
            privileges.step(&event).map(|found| found.severity)
        };
        for group in
            ["Domain Admins", "BUILTIN\\Administrators", "sudo", "S-1-5-32-544", "S-1-5-21-1-2-3-512"]
        {
            assert_eq!(added(group), Some(Severity::High), "{group}");
        }
        for group in ["Year 9", "S-1-5-21-1-2-3-1512", "domain users"] {
            assert_eq!(added(group), None, "{group}");
        }
        let cleared = privileges.step(&event(Deed::LogCleared, 0)).unwrap();
        assert_eq!(cleared.rule, "privileges.log-cleared");
    }
}
