//! The ids of Windows events that tell of accounts, rights and protection.

use super::event::Deed;
use super::fields::Fields;

/// Ids of the Security, System, Defender and driver logs (Microsoft's reference of security auditing events).
const DEEDS: [(u32, Deed); 26] = [
    (104, Deed::LogCleared),
    (1102, Deed::LogCleared),
    (1116, Deed::MalwareFound),
    (1117, Deed::MalwareFound),
    (2003, Deed::DeviceAttached),
    (4624, Deed::SignedIn),
    (4625, Deed::SignInFailed),
    (4648, Deed::SignedIn),
    (4672, Deed::RightsGiven),
    (4697, Deed::ServiceInstalled),
    (4720, Deed::AccountMade),
    (4722, Deed::AccountEnabled),
    (4724, Deed::PasswordReset),
    (4726, Deed::AccountDeleted),
    (4728, Deed::MemberAdded),
    (4732, Deed::MemberAdded),
    (4740, Deed::AccountLocked),
    (4756, Deed::MemberAdded),
    (4771, Deed::SignInFailed),
    (4776, Deed::SignInFailed),
    (4798, Deed::GroupListed),
    (4799, Deed::GroupListed),
    (5001, Deed::ProtectionOff),
    (5007, Deed::Other),
    (6416, Deed::DeviceAttached),
    (7045, Deed::ServiceInstalled),
];

/// What the id says; `None` for other ids.
pub(crate) fn deed(id: u32, fields: &Fields) -> Option<Deed> {
    let (_, deed) = DEEDS.into_iter().find(|(known, _)| *known == id)?;
    // 4776 is written for good passwords as well: its status is then 0.
    let is_good =
        id == 4776 && fields.get(&["Status"]).is_some_and(|status| status.trim_start_matches("0x") == "0");
    Some(if is_good { Deed::SignedIn } else { deed })
}

/// An id as agents write it: `4625`, `Microsoft-Windows-Security-Auditing:4625`.
pub(crate) fn id(text: &str) -> Option<u32> {
    text.rsplit(':').next()?.trim().parse().ok()
}

/// The account that an event is about. Of a new member of a group Windows names the group as the target.
pub(crate) fn account(deed: Deed, fields: &Fields) -> Option<&str> {
    match deed {
        Deed::MemberAdded => fields.get(&["MemberName", "MemberSid"]).map(first_of_distinguished),
        Deed::LogCleared | Deed::ProtectionOff => fields.get(&["SubjectUserName", "suser", "User"]),
        _ => fields.get(&["TargetUserName", "duser", "SubjectUserName", "suser", "User"]),
    }
}

/// The group that an event is about: its id where that is said, since names differ between languages.
pub(crate) fn group(deed: Deed, fields: &Fields) -> Option<&str> {
    let is_of_group = matches!(deed, Deed::MemberAdded | Deed::GroupListed);
    is_of_group.then(|| fields.get(&["TargetSid", "TargetUserName", "GroupName", "duser"]))?
}

/// `CN=Amara Okoro,OU=Staff` is `Amara Okoro`.
fn first_of_distinguished(text: &str) -> &str {
    let first = text.split(',').next().unwrap_or(text);
    first.strip_prefix("CN=").or_else(|| first.strip_prefix("cn=")).unwrap_or(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_sorted_and_a_good_password_is_no_failed_one() {
        assert!(DEEDS.is_sorted_by_key(|(id, _)| *id));
        let mut fields = Fields::default();
        assert_eq!(deed(4776, &fields), Some(Deed::SignInFailed));
        fields.put("Status", "0x0");
        assert_eq!(deed(4776, &fields), Some(Deed::SignedIn));
        assert_eq!((deed(1, &fields), id("Microsoft-Windows-Security-Auditing:4625")), (None, Some(4625)));
    }
}
