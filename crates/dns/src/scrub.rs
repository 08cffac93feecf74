//! What is taken out of an upstream's answer before it is kept: ECH keys, and private addresses of outside names.
//!
//! ECH (RFC 9849) would hide from the gate which site a connection goes to; without its key in the `ech` parameter of
//! an `HTTPS` or `SVCB` record a browser connects in the usual way. A record that was changed no longer carries the
//! upstream's proof.

use crate::answer::{Answer, Explained};
use hickory_proto::rr::rdata::svcb::{Mandatory, SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::{RData, Record};
use policy::is_private;
use std::net::IpAddr;

/// Whether private addresses are taken out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum PrivateAddresses {
    /// The name is the school's own.
    Keep,
    /// The name is an outside one.
    Withhold,
}

/// Takes out what clients are not to have.
pub(crate) fn scrub(answer: &mut Answer, private: PrivateAddresses) {
    let mut ech = false;
    if private == PrivateAddresses::Withhold {
        let before = answer.answers.len();
        answer.answers.retain(|record| !record.data.ip_addr().is_some_and(is_private));
        answer.withheld = answer.answers.len() != before;
    }
    for record in &mut answer.answers {
        if let Some(service) = service_mut(record) {
            ech |= remove(service, |key, _| key == SvcParamKey::EchConfigList);
            if private == PrivateAddresses::Withhold {
                answer.withheld |= remove(service, |_, value| hints_at_private(value));
            }
        }
    }
    answer.authentic &= !ech && !answer.withheld;
    if answer.withheld {
        let words = "school filter: a private address of an outside name was withheld";
        answer.explained.insert(0, Explained::new(Explained::BLOCKED, words));
    }
}

fn service_mut(record: &mut Record) -> Option<&mut SVCB> {
    match &mut record.data {
        RData::HTTPS(https) => Some(&mut https.0),
        RData::SVCB(svcb) => Some(svcb),
        _ => None,
    }
}

/// Removes parameters, and their keys from the list of mandatory ones (RFC 9460, 8); true when there was one.
fn remove(service: &mut SVCB, unwanted: impl Fn(SvcParamKey, &SvcParamValue) -> bool) -> bool {
    let mut removed = Vec::new();
    service.svc_params.retain(|(key, value)| {
        let keep = !unwanted(*key, value);
        if !keep {
            removed.push(*key);
        }
        keep
    });
    if removed.is_empty() {
        return false;
    }
    service.svc_params.retain_mut(|(_, value)| match value {
        SvcParamValue::Mandatory(Mandatory(keys)) => {
            keys.retain(|key| !removed.contains(key));
            !keys.is_empty()
        }
        _ => true,
    });
    true
}

fn hints_at_private(value: &SvcParamValue) -> bool {
    match value {
        SvcParamValue::Ipv4Hint(hint) => hint.0.iter().any(|address| is_private(IpAddr::V4(address.0))),
        SvcParamValue::Ipv6Hint(hint) => hint.0.iter().any(|address| is_private(IpAddr::V6(address.0))),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_proto::rr::rdata::svcb::{Alpn, EchConfigList, IpHint};
    use hickory_proto::rr::rdata::{A, HTTPS};
    use hickory_proto::rr::{Name, RecordType};

    fn https(params: Vec<(SvcParamKey, SvcParamValue)>) -> Record {
        let data = RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), params)));
        Record::from_rdata(Name::from_ascii("site.test.").unwrap(), 60, data)
    }

    fn ech() -> (SvcParamKey, SvcParamValue) {
        (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![1, 2, 3])))
    }

    fn alpn() -> (SvcParamKey, SvcParamValue) {
        (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(vec!["h2".into()])))
    }

    #[test]
    fn the_ech_key_is_taken_out_with_its_place_among_the_mandatory_ones() {
        let mandatory = SvcParamValue::Mandatory(Mandatory(vec![SvcParamKey::EchConfigList]));
        let record = https(vec![(SvcParamKey::Mandatory, mandatory), alpn(), ech()]);
        let mut answer = Answer { authentic: true, ..Answer::of_records(vec![record]) };
        scrub(&mut answer, PrivateAddresses::Keep);
        assert_eq!(answer.answers, [https(vec![alpn()])]);
        assert!(!answer.authentic);
    }

    #[test]
    fn what_needs_nothing_taken_out_stays_as_it_came() {
        let untouched = Answer { authentic: true, ..Answer::of_records(vec![https(vec![alpn()])]) };
        let mut answer = untouched.clone();
        scrub(&mut answer, PrivateAddresses::Withhold);
        assert_eq!(answer, untouched);
    }

    #[test]
    fn private_addresses_of_outside_names_are_taken_out_hints_too() {
        let name = Name::from_ascii("site.test.").unwrap();
        let a = |address: [u8; 4]| Record::from_rdata(name.clone(), 60, RData::A(A(address.into())));
        let hint = IpHint(vec![A([10, 0, 0, 1].into())]);
        let hinted = https(vec![(SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(hint))]);
        let all = vec![a([10, 0, 0, 1]), a([203, 0, 113, 1]), hinted];
        let mut kept = Answer::of_records(all.clone());
        scrub(&mut kept, PrivateAddresses::Keep);
        assert_eq!((kept.answers, kept.withheld), (all.clone(), false));
        let mut answer = Answer::of_records(all);
        scrub(&mut answer, PrivateAddresses::Withhold);
        assert!(answer.withheld && !answer.explained.is_empty());
        assert_eq!(answer.answers, [a([203, 0, 113, 1]), https(Vec::new())]);
        assert_eq!(answer.answers.first().map(Record::record_type), Some(RecordType::A));
    }
}
