//! How a blocked name is answered: `NXDOMAIN` or the gate's own address, with the reason as an extended DNS error.
//!
//! The reason names the category, the list or the policy's entry. It never names a person, a device, a group or the
//! note that somebody wrote beside an entry.

use crate::answer::{Answer, Explained, Family, OWN_TTL_S, address_records};
use crate::query::Asked;
use hickory_proto::rr::RecordType;
use model::{Layer, Reason, Verdict};
use std::net::IpAddr;

/// The answer to a blocked name. `gate` are the gate's own addresses, where blocked names are to lead to its block page.
pub(crate) fn answer(asked: &Asked, verdict: &Verdict, gate: &[IpAddr]) -> Answer {
    let name = asked.name();
    let why = Explained::new(code(verdict.reason.layer), words(&verdict.reason));
    let family = match asked.record_type() {
        _ if gate.is_empty() => return Answer::no_such_name(name).explain(why),
        RecordType::A => Family::V4,
        RecordType::AAAA => Family::V6,
        _ => return Answer::nothing_of_this_type(name).explain(why),
    };
    let records = address_records(name, gate, family, OWN_TTL_S);
    if records.is_empty() {
        return Answer::nothing_of_this_type(name).explain(why);
    }
    Answer::of_records(records)
        .explain(why)
        .explain(Explained::new(Explained::FORGED, "the filter's own page"))
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
        | Layer::Default => Explained::BLOCKED,
    }
}

fn words(reason: &Reason) -> String {
    let entry = reason.entry.as_deref().unwrap_or("unnamed");
    let category = reason.category.map_or("unnamed", |category| category.title());
    let rule = match reason.layer {
        Layer::Illegal => return "school filter: illegal content, blocked for everybody".to_owned(),
        Layer::TrustDeny => format!("deny entry of the trust: {entry}"),
        Layer::Deny => format!("deny entry of the school: {entry}"),
        Layer::ClosedWindow => format!("closed at this time: {entry}"),
        Layer::Circumvention | Layer::Category | Layer::AllowedCategory => format!("category {category}"),
        Layer::OwnPages | Layer::Allow | Layer::OpenWindow | Layer::Default => {
            "not among what may be reached".to_owned()
        }
    };
    let list = reason.list.as_ref().map(|at| format!(" (list {}, line {})", at.list, at.line));
    format!("school filter: {rule}{}", list.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::{Category, Group, GroupId, ListId, ListLine, Membership};

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
        assert_eq!(words(&reason), "school filter: category Gambling (list starter, line 3)");
        reason.layer = Layer::Illegal;
        assert_eq!(words(&reason), "school filter: illegal content, blocked for everybody");
        for layer in Layer::ALL {
            reason.layer = layer;
            assert!(!words(&reason).contains("Asha"), "{layer:?}");
        }
    }
}
