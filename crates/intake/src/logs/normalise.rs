//! From a line to its event: which format it is, and what that format's fields mean.

use super::event::{Deed, MOST_LINE_BYTES, OutsideEvent, account, name};
use super::fields::Fields;
use super::said::Said;
use super::{cef, eve, said, syslog, windows};
use jiff::tz::TimeZone;
use model::Timestamp;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use std::net::IpAddr;
use std::sync::Arc;

/// Keys by which firewalls, CEF, EVE and Windows name the same things.
const FROM: [&str; 8] =
    ["src", "srcip", "src_ip", "sourceAddress", "remip", "IpAddress", "SourceIp", "ClientAddress"];
const TO: [&str; 6] = ["dst", "dstip", "dst_ip", "dest_ip", "destinationAddress", "DestinationIp"];
const PORT: [&str; 6] = ["dpt", "dstport", "dst_port", "dest_port", "destinationPort", "DestinationPort"];
const ACCOUNT: [&str; 8] =
    ["duser", "suser", "user", "user_name", "username", "usrname", "usrName", "srcuser"];
/// What was done, and how it ended.
const WORDS: [&str; 8] =
    ["action", "act", "outcome", "status", "result", "log_subtype", "disposition", "categoryOutcome"];
/// What kind of line it is.
const KINDS: [&str; 9] = [
    "subtype",
    "log_component",
    "logdesc",
    "log_subtype",
    "cat",
    "category",
    "categoryBehavior",
    "logtype",
    "msg",
];

/// Reads a line of a sender, whatever it holds. `zone`: of times that name none.
pub fn read_line(line: &[u8], sender: &Arc<str>, received: Timestamp, zone: &TimeZone) -> OutsideEvent {
    let line = line.get(..MOST_LINE_BYTES).unwrap_or(line);
    let text = String::from_utf8_lossy(line);
    let head = syslog::read(text.trim_end_matches(['\r', '\n', '\0']), received, zone);
    let mut event = OutsideEvent {
        at: head.at,
        received,
        sender: Arc::clone(sender),
        deed: Deed::Other,
        account: None,
        group: None,
        from: None,
        to: None,
        port: None,
        severity: head.severity,
        line: line.into(),
        hash: Sha256::digest(line).into(),
    };
    if let Some(said) = said::read(head.program, head.message) {
        by_words(&mut event, &said);
    } else if let Some(object) = eve::object(head.message) {
        by_object(&mut event, &object);
    } else if let Some(cef) = cef::read(head.message) {
        by_cef(&mut event, &cef);
    } else {
        let mut fields = head.fields;
        fields.take_pairs(head.message);
        by_fields(&mut event, &fields);
    }
    event
}

fn by_words(event: &mut OutsideEvent, said: &Said<'_>) {
    event.deed = said.deed;
    event.account = said.account.and_then(account);
    event.group = said.group.and_then(name);
    event.from = said.from.and_then(|text| text.parse().ok());
}

fn by_object(event: &mut OutsideEvent, object: &Value) {
    if let Some(eve) = eve::read(object) {
        event.at = eve.at.map_or(event.at, |at| syslog::near(at, event.received));
        // 1, 2 and 3 are alert, critical and error in syslog's grades.
        event.severity = eve.severity.map_or(event.severity, |grade| grade.clamp(1, 7));
        take_places(event, &eve.fields);
        event.deed = eve.deed;
    } else if let Some(fields) = eve::windows(object) {
        by_windows(event, fields.get(&["EventID", "event_id"]).and_then(windows::id), &fields);
    }
}

fn by_cef(event: &mut OutsideEvent, cef: &cef::Cef) {
    event.severity = cef.severity.map_or(event.severity, |grade| 7 - grade.min(10) * 7 / 10);
    let id = cef.fields.get(&["externalId"]).and_then(windows::id).or_else(|| windows::id(&cef.class));
    if cef.vendor.eq_ignore_ascii_case("Microsoft") && by_windows(event, id, &cef.fields) {
        return;
    }
    by_fields(event, &cef.fields);
    let words = format!("{} {}", cef.name, cef.fields.get(&["cat"]).unwrap_or_default()).to_ascii_lowercase();
    if is_sign_in(&words) {
        event.deed = signed_in(&(words + " " + &said_of(&cef.fields)));
    } else if ["threat", "intrusion", "ips", "ids", "attack", "exploit"]
        .iter()
        .any(|word| has_word(&words, word))
    {
        event.deed = Deed::AttackSeen;
    } else if words.contains("malware") || words.contains("virus") {
        event.deed = Deed::MalwareFound;
    }
}

/// True when the id is one that is known.
fn by_windows(event: &mut OutsideEvent, id: Option<u32>, fields: &Fields) -> bool {
    let Some(deed) = id.and_then(|id| windows::deed(id, fields)) else { return false };
    event.deed = deed;
    event.account = windows::account(deed, fields).and_then(account);
    event.group = windows::group(deed, fields).and_then(name);
    take_places(event, fields);
    true
}

/// Firewalls: a sign-in where the line is about one, else a connection where it has two ends.
fn by_fields(event: &mut OutsideEvent, fields: &Fields) {
    if fields.is_empty() {
        return;
    }
    take_places(event, fields);
    event.account = fields.get(&ACCOUNT).and_then(account);
    let kinds: Vec<String> =
        KINDS.iter().filter_map(|key| fields.get(&[key])).map(str::to_ascii_lowercase).collect();
    let done = said_of(fields);
    if kinds.iter().any(|kind| is_sign_in(kind)) || has_word(&done, "login") {
        event.deed = signed_in(&(kinds.join(" ") + " " + &done));
    } else if event.from.is_some() && event.to.is_some() {
        let is_blocked =
            ["deny", "denied", "drop", "dropped", "block", "blocked", "reject", "rejected", "server-rst"];
        let is_blocked = is_blocked.iter().any(|word| has_word(&done, word));
        event.deed = if is_blocked { Deed::ConnectionBlocked } else { Deed::Connected };
    }
}

fn take_places(event: &mut OutsideEvent, fields: &Fields) {
    let address = |keys: &[&str]| {
        let text = fields.get(keys)?;
        text.parse::<IpAddr>().ok().map(|address| address.to_canonical())
    };
    (event.from, event.to) = (address(&FROM), address(&TO));
    event.port = fields.get(&PORT).and_then(|text| text.parse().ok());
}

fn said_of(fields: &Fields) -> String {
    let words: Vec<&str> = WORDS.iter().filter_map(|key| fields.get(&[key])).collect();
    words.join(" ").to_ascii_lowercase()
}

fn is_sign_in(words: &str) -> bool {
    ["login", "logon", "sign-in", "sign in", "authentication", "logged in"]
        .iter()
        .any(|word| words.contains(word))
}

fn signed_in(words: &str) -> Deed {
    let parts = [
        "fail",
        "denied",
        "deny",
        "reject",
        "invalid",
        "unsuccessful",
        "wrong",
        "incorrect",
        "refused",
        "lockout",
    ];
    // Within other words these mean something else: "unlocked", "badge".
    let whole = ["bad", "error", "errors", "locked", "blocked", "disabled"];
    let is_refused = parts.iter().any(|part| words.contains(part));
    match is_refused || whole.iter().any(|word| has_word(words, word)) {
        true => Deed::SignInFailed,
        false => Deed::SignedIn,
    }
}

fn has_word(text: &str, word: &str) -> bool {
    text.split(|sign: char| !sign.is_ascii_alphanumeric() && sign != '-').any(|found| found == word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(line: &[u8]) -> OutsideEvent {
        read_line(line, &"firewall".into(), Timestamp::parse("2026-01-01T00:10:00Z").unwrap(), &TimeZone::UTC)
    }

    /// A line, what it says, of whom, about which group, whence, and where to.
    type Case = (&'static str, Deed, &'static str, &'static str, &'static str, &'static str);

    const CASES: [Case; 20] = [
        (
            "<34>Jan  1 00:05:00 srv sshd[9]: Failed password for root from 10.0.0.7 port 5 ssh2",
            Deed::SignInFailed,
            "root",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<86>Jan  1 00:05:00 srv usermod[9]: add 'amara' to group 'sudo'",
            Deed::MemberAdded,
            "amara",
            "sudo",
            "",
            "",
        ),
        (
            "<189>date=2026-01-01 time=00:05:00 devname=\"fg\" type=\"traffic\" subtype=\"forward\" srcip=10.0.0.7 dstip=203.0.113.9 dstport=443 action=\"deny\"",
            Deed::ConnectionBlocked,
            "",
            "",
            "10.0.0.7",
            "203.0.113.9 443",
        ),
        (
            "<189>type=\"event\" subtype=\"system\" logdesc=\"Admin login failed\" user=\"admin\" srcip=10.0.0.7 action=\"login\" status=\"failed\"",
            Deed::SignInFailed,
            "admin",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<30>device_name=\"SFW\" log_type=\"Firewall\" log_subtype=\"Allowed\" src_ip=10.0.0.7 dst_ip=10.0.0.9 dst_port=445",
            Deed::Connected,
            "",
            "",
            "10.0.0.7",
            "10.0.0.9 445",
        ),
        (
            "<30>device_name=\"SFW\" log_type=\"Event\" log_component=\"GUI\" log_subtype=\"Authentication\" status=\"Successful\" user_name=\"admin\" src_ip=10.0.0.7",
            Deed::SignedIn,
            "admin",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<4>Jan  1 00:05:00 router kernel: [WAN_LOCAL-D]IN=eth0 OUT= SRC=203.0.113.9 DST=10.0.0.7 PROTO=TCP SPT=5 DPT=22",
            Deed::Connected,
            "",
            "",
            "203.0.113.9",
            "10.0.0.7 22",
        ),
        (
            "<14>Jan  1 00:05:00 u CEF:0|Ubiquiti|UniFi Network|9.0|201|Threat Detected and Blocked|7|src=10.0.0.7 dst=203.0.113.9 dpt=80 act=blocked",
            Deed::AttackSeen,
            "",
            "",
            "10.0.0.7",
            "203.0.113.9 80",
        ),
        (
            "<14>CEF:0|Ubiquiti|UniFi Network|9.0|1|Admin login failed|4|suser=admin src=10.0.0.7",
            Deed::SignInFailed,
            "admin",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<14>CEF:0|Microsoft|Windows||Security:4728|A member was added|5|externalId=4728 duser=Domain Admins MemberName=CN\\=Amara Okoro,OU\\=Staff",
            Deed::MemberAdded,
            "Amara Okoro",
            "Domain Admins",
            "",
            "",
        ),
        (
            "<14>Jan  1 00:05:00 dc1 NXLog: {\"EventID\":4625,\"TargetUserName\":\"SCHOOL\\\\Administrator\",\"IpAddress\":\"::ffff:10.0.0.7\"}",
            Deed::SignInFailed,
            "Administrator",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<14>{\"EventID\":4732,\"TargetUserName\":\"Administratoren\",\"TargetSid\":\"S-1-5-32-544\",\"MemberName\":\"CN=Amara Okoro,OU=Staff\"}",
            Deed::MemberAdded,
            "Amara Okoro",
            "S-1-5-32-544",
            "",
            "",
        ),
        (
            "{\"winlog\":{\"event_id\":1102},\"SubjectUserName\":\"amara\"}",
            Deed::LogCleared,
            "amara",
            "",
            "",
            "",
        ),
        (
            "{\"timestamp\":\"2026-01-01T00:05:00.1+0000\",\"event_type\":\"alert\",\"src_ip\":\"10.0.0.7\",\"dest_ip\":\"203.0.113.9\",\"dest_port\":445,\"alert\":{\"severity\":1}}",
            Deed::AttackSeen,
            "",
            "",
            "10.0.0.7",
            "203.0.113.9 445",
        ),
        (
            "<14>1 2026-01-01T00:05:00Z srx RT_FLOW - DENY [j@1 source-address=\"x\" src=\"10.0.0.7\" dst=\"203.0.113.9\" dpt=\"22\" action=\"deny\"]",
            Deed::ConnectionBlocked,
            "",
            "",
            "10.0.0.7",
            "203.0.113.9 22",
        ),
        (
            "<14>CEF:0|Ubiquiti|UniFi Network|9.0|1|Admin login incorrect|4|suser=admin src=10.0.0.7",
            Deed::SignInFailed,
            "admin",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<189>type=\"event\" subtype=\"user\" logdesc=\"Authentication\" user=\"amara\" srcip=10.0.0.7 action=\"authentication\" status=\"bad password\"",
            Deed::SignInFailed,
            "amara",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<189>type=\"event\" subtype=\"system\" logdesc=\"Admin login\" user=\"admin\" srcip=10.0.0.7 action=\"login\" status=\"error\"",
            Deed::SignInFailed,
            "admin",
            "",
            "10.0.0.7",
            "",
        ),
        (
            "<30>device_name=\"SFW\" log_type=\"Event\" log_component=\"GUI\" log_subtype=\"Authentication\" status=\"Locked\" user_name=\"admin\" src_ip=10.0.0.7",
            Deed::SignInFailed,
            "admin",
            "",
            "10.0.0.7",
            "",
        ),
        ("<13>the cat sat on the mat", Deed::Other, "", "", "", ""),
    ];

    #[test]
    fn lines_of_the_fields_devices_become_the_same_small_event() {
        for (line, deed, who, group, from, to) in CASES {
            let event = read(line.as_bytes());
            let shown =
                |address: Option<IpAddr>| address.map(|address| address.to_string()).unwrap_or_default();
            let reached =
                [shown(event.to), event.port.map(|port| port.to_string()).unwrap_or_default()].join(" ");
            assert_eq!(event.deed, deed, "{line}");
            assert_eq!(event.account.as_deref().unwrap_or_default(), who, "{line}");
            assert_eq!(event.group.as_deref().unwrap_or_default(), group, "{line}");
            assert_eq!((shown(event.from).as_str(), reached.trim()), (from, to), "{line}");
        }
    }

    #[test]
    fn a_line_is_kept_as_it_came_with_its_hash_and_cut_at_its_bound() {
        let event = read(b"<13>a \xff line");
        assert_eq!(&*event.line, b"<13>a \xff line");
        assert_eq!(event.hash, <[u8; 32]>::from(Sha256::digest(b"<13>a \xff line")));
        assert_eq!(read(&[b'x'; MOST_LINE_BYTES + 1]).line.len(), MOST_LINE_BYTES);
        assert!(!format!("{event:?}").contains("line"));
    }

    proptest! {
        #[test]
        fn no_bytes_stop_the_reader(bytes in proptest::collection::vec(any::<u8>(), 0..300), place in 0..CASES.len(), cut in 0..200_usize) {
            read(&bytes);
            // A known line, broken off and gone on with anything.
            let known = CASES[place].0.as_bytes();
            let mut broken = known[..cut.min(known.len())].to_vec();
            broken.extend(&bytes);
            let event = read(&broken);
            prop_assert!(event.severity <= 7);
        }
    }
}
