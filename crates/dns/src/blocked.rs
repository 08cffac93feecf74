//! How a blocked name is answered: `NXDOMAIN` or the gate's own address, with the reason as an extended DNS error.
//!
//! The reason names the category, the list or the policy's entry. It never names a person, a device, a group or the
//! note that somebody wrote beside an entry.

use crate::answer::Explained;
use crate::query::Asked;
use crate::reply::{OWN_TTL_S, Reply, Told};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use model::{DnsAnswer, Layer, Reason, Verdict};
use std::net::IpAddr;

/// What is said beside the gate's own address.
const OWN_PAGE: Told<'_> = (Explained::FORGED, "the filter's own page");
/// What is said beside an address of a list.
const AS_LISTED: Told<'_> = (Explained::FORGED, "the list's own answer");

/// Appends the answer to a blocked name. An alias is given alone; whoever wants to know where it leads looks it up first.
pub(crate) fn write(asked: &Asked, verdict: &Verdict, blocked: Blocked<'_>) {
    blocked.text.clear();
    // Nobody else is told.
    if asked.edns {
        words(&verdict.reason, blocked.text);
    }
    let why = (code(verdict.reason.layer), &**blocked.text);
    let (response, addresses, forged) = match &verdict.answer {
        DnsAnswer::AsUsual if blocked.gate.is_empty() => (ResponseCode::NXDomain, blocked.gate, OWN_PAGE),
        DnsAnswer::AsUsual => (ResponseCode::NoError, blocked.gate, OWN_PAGE),
        DnsAnswer::NoSuchName => (ResponseCode::NXDomain, &[][..], AS_LISTED),
        DnsAnswer::Nothing | DnsAnswer::Alias(_) => (ResponseCode::NoError, &[][..], AS_LISTED),
        DnsAnswer::Refused => (ResponseCode::Refused, &[][..], AS_LISTED),
        DnsAnswer::Addresses(addresses) => (ResponseCode::NoError, addresses.as_slice(), AS_LISTED),
    };
    let mut reply = Reply::begin(asked, response, blocked.out);
    let ttl_s = blocked.lasts_s.min(OWN_TTL_S);
    addresses.iter().for_each(|address| reply.address(*address, ttl_s));
    if let (DnsAnswer::Alias(to), RecordType::CNAME) = (&verdict.answer, asked.record_type()) {
        reply.alias(to, ttl_s);
    }
    if !reply.is_empty() {
        return reply.end(&[why, forged]);
    }
    if response != ResponseCode::Refused {
        reply.own_soa(ttl_s);
    }
    reply.end(&[why]);
}

/// Why a name is blocked, in words that `text` has room for.
pub(crate) fn why<'a>(reason: &Reason, text: &'a mut String) -> Told<'a> {
    text.clear();
    words(reason, text);
    (code(reason.layer), text)
}

/// What it takes to answer a blocked name.
pub(crate) struct Blocked<'a> {
    /// The gate's own addresses, where blocked names are to lead to its block page; else empty.
    pub(crate) gate: &'a [IpAddr],
    /// How long the client may keep it at most, in seconds.
    pub(crate) lasts_s: u32,
    /// Room for the words, used anew for each answer.
    pub(crate) text: &'a mut String,
    /// Where the answer goes.
    pub(crate) out: &'a mut Vec<u8>,
}

/// Which code of RFC 8914 fits: 16 where somebody outside the school requires it (4.17), 17 where the school asked for
/// a category to be filtered (4.18), 15 for what the school itself has written down (4.16).
fn code(layer: Layer) -> u16 {
    match layer {
        Layer::Illegal => Explained::CENSORED,
        Layer::Category | Layer::AllowedCategory | Layer::Circumvention => Explained::FILTERED,
        Layer::OwnPages
        | Layer::TrustDeny
        | Layer::Deny
        | Layer::ClosedWindow
        | Layer::Allow
        | Layer::OpenWindow
        | Layer::Default
        | Layer::FileType
        | Layer::Upload
        | Layer::Malware => Explained::BLOCKED,
    }
}

fn words(reason: &Reason, text: &mut String) {
    let entry = reason.entry.as_deref().unwrap_or("unnamed");
    text.push_str("school filter: ");
    let (rule, named) = match reason.layer {
        Layer::Illegal => return text.push_str("illegal content, blocked for everybody"),
        Layer::TrustDeny => ("deny entry of the trust: ", entry),
        Layer::Deny => ("deny entry of the school: ", entry),
        Layer::ClosedWindow => ("closed at this time: ", entry),
        Layer::Circumvention | Layer::Category | Layer::AllowedCategory => {
            ("category ", reason.category.map_or("unnamed", |category| category.title()))
        }
        Layer::OwnPages
        | Layer::Allow
        | Layer::OpenWindow
        | Layer::Default
        | Layer::FileType
        | Layer::Upload
        | Layer::Malware => ("not among what may be reached", ""),
    };
    text.push_str(rule);
    text.push_str(named);
    if let Some(at) = &reason.list {
        text.push_str(" (list ");
        text.push_str(at.list.as_str());
        text.push_str(", line ");
        push_number(text, at.line);
        text.push(')');
    }
}

/// In fewer steps than the library's own: it is done for each explanation.
fn push_number(text: &mut String, mut number: u32) {
    // A number of 32 bits has ten digits at most.
    let mut digits = ['0'; 10];
    let mut count = 0;
    for place in digits.iter_mut().rev() {
        *place = char::from_digit(number % 10, 10).unwrap_or('0');
        (number, count) = (number / 10, count + 1);
        if number == 0 {
            break;
        }
    }
    text.extend(digits.iter().skip(digits.len() - count));
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, Group, GroupId, ListId, ListLine, Membership};

    fn text(reason: &Reason) -> String {
        let mut text = String::new();
        words(reason, &mut text);
        text
    }

    #[test]
    fn a_number_is_written_as_everybody_writes_it() {
        for number in [0, 7, 10, 909, 1_000_000, u32::MAX] {
            let mut text = String::new();
            push_number(&mut text, number);
            assert_eq!(text, number.to_string());
        }
    }

    #[test]
    fn the_words_name_the_rule_and_nobody() {
        let mut reason = Reason {
            layer: Layer::Category,
            category: Category::parse("gambling"),
            list: Some(ListLine { list: ListId::new("starter"), line: 3 }),
            entry: None,
            why: Some("asked for by Asha Example".into()),
            group: Some(Group { id: GroupId::new("asha-group"), name: "Asha's group".into() }),
            membership: Membership::Unknown,
        };
        assert_eq!(text(&reason), "school filter: category Gambling (list starter, line 3)");
        reason.layer = Layer::Illegal;
        assert_eq!(text(&reason), "school filter: illegal content, blocked for everybody");
        for layer in Layer::ALL {
            reason.layer = layer;
            assert!(!text(&reason).contains("Asha"), "{layer:?}");
        }
    }
}
