//! What is taken out of an upstream's answer before it is kept: ECH keys, the offer of QUIC, and private addresses of
//! outside names.
//!
//! ECH (RFC 9849) would hide from the gate which site a connection goes to; without its key in the `ech` parameter of
//! an `HTTPS` or `SVCB` record a browser connects in the usual way. HTTP/3 (`h3` among the protocols of `alpn`) goes
//! over QUIC, which the proxy does not see; without the offer a browser takes TCP. That holds for everybody: an answer
//! is kept once for all who ask.
//!
//! A record set that was changed carries neither the upstream's proof (`AD`) nor the signature that covers it, which
//! would no longer fit.

use crate::answer::{Answer, Explained};
use hickory_proto::dnssec::rdata::DNSSECRData;
use hickory_proto::rr::rdata::svcb::{Alpn, Mandatory, SVCB, SvcParamKey, SvcParamValue};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use policy::is_private;
use std::net::IpAddr;

/// Protocols over QUIC (RFC 9114, RFC 9250), with their drafts.
const OVER_QUIC: [&str; 3] = ["h3", "doq", "hq"];

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
    let mut changed: Vec<(Name, RecordType)> = Vec::new();
    if private == PrivateAddresses::Withhold {
        answer.answers.retain(|record| {
            let keep = !record.data.ip_addr().is_some_and(is_private);
            if !keep {
                changed.push((record.name.clone(), record.record_type()));
            }
            keep
        });
        answer.withheld = !changed.is_empty();
    }
    for record in &mut answer.answers {
        let set = (record.name.clone(), record.record_type());
        let Some(service) = service_mut(record) else { continue };
        let mut is_changed = remove(service, |key, _| key == SvcParamKey::EchConfigList);
        is_changed |= remove_quic(service);
        if private == PrivateAddresses::Withhold && remove(service, |_, value| hints_at_private(value)) {
            answer.withheld = true;
            is_changed = true;
        }
        if is_changed {
            changed.push(set);
        }
    }
    if !changed.is_empty() {
        answer.authentic = false;
        answer.answers.retain(|record| !covers(record, &changed));
    }
    if answer.withheld {
        let words = "school filter: a private address of an outside name was withheld";
        answer.explained.insert(0, Explained::new(Explained::BLOCKED, words));
    }
}

/// True for a signature of one of these sets.
fn covers(record: &Record, sets: &[(Name, RecordType)]) -> bool {
    match &record.data {
        RData::DNSSEC(DNSSECRData::RRSIG(signature)) => {
            let covered = signature.input().type_covered;
            sets.iter().any(|(name, record_type)| *name == record.name && *record_type == covered)
        }
        _ => false,
    }
}

fn service_mut(record: &mut Record) -> Option<&mut SVCB> {
    match &mut record.data {
        RData::HTTPS(https) => Some(&mut https.0),
        RData::SVCB(svcb) => Some(svcb),
        _ => None,
    }
}

/// Takes QUIC out of the protocols; true when it was there. Where nothing else is left, so is the list, and with it
/// `no-default-alpn`, which may not stand alone (RFC 9460, 7.1.1): the usual protocol then counts.
fn remove_quic(service: &mut SVCB) -> bool {
    let mut removed = false;
    for (_, value) in &mut service.svc_params {
        if let SvcParamValue::Alpn(Alpn(protocols)) = value {
            let before = protocols.len();
            protocols.retain(|protocol| !is_over_quic(protocol));
            removed |= protocols.len() != before;
        }
    }
    if removed {
        let is_empty =
            |value: &SvcParamValue| matches!(value, SvcParamValue::Alpn(alpn) if alpn.0.is_empty());
        if remove(service, |_, value| is_empty(value)) {
            remove(service, |key, _| key == SvcParamKey::NoDefaultAlpn);
        }
    }
    removed
}

/// `h3`, and `h3-29` and the like.
fn is_over_quic(protocol: &str) -> bool {
    let name = protocol.split_once('-').map_or(protocol, |(name, _)| name);
    OVER_QUIC.contains(&name)
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
    use hickory_proto::dnssec::Algorithm;
    use hickory_proto::dnssec::rdata::{RRSIG, SigInput};
    use hickory_proto::rr::SerialNumber;
    use hickory_proto::rr::rdata::svcb::{EchConfigList, IpHint};
    use hickory_proto::rr::rdata::{A, HTTPS};

    fn site() -> Name {
        Name::from_ascii("site.test.").unwrap()
    }

    fn https(params: Vec<(SvcParamKey, SvcParamValue)>) -> Record {
        Record::from_rdata(site(), 60, RData::HTTPS(HTTPS(SVCB::new(1, Name::root(), params))))
    }

    fn signature(type_covered: RecordType) -> Record {
        let input = SigInput {
            type_covered,
            algorithm: Algorithm::ECDSAP256SHA256,
            num_labels: 2,
            original_ttl: 60,
            sig_expiration: SerialNumber::new(2),
            sig_inception: SerialNumber::new(1),
            key_tag: 1,
            signer_name: Name::from_ascii("test.").unwrap(),
        };
        let data = RData::DNSSEC(DNSSECRData::RRSIG(RRSIG::from_sig(input, vec![0; 64])));
        Record::from_rdata(site(), 60, data)
    }

    fn ech() -> (SvcParamKey, SvcParamValue) {
        (SvcParamKey::EchConfigList, SvcParamValue::EchConfigList(EchConfigList(vec![1, 2, 3])))
    }

    fn alpn(protocols: &[&str]) -> (SvcParamKey, SvcParamValue) {
        let protocols = protocols.iter().map(|protocol| (*protocol).to_owned()).collect();
        (SvcParamKey::Alpn, SvcParamValue::Alpn(Alpn(protocols)))
    }

    fn mandatory(keys: Vec<SvcParamKey>) -> (SvcParamKey, SvcParamValue) {
        (SvcParamKey::Mandatory, SvcParamValue::Mandatory(Mandatory(keys)))
    }

    #[test]
    fn the_ech_key_and_the_offer_of_quic_are_taken_out_and_nothing_is_left_that_names_them() {
        let no_default = (SvcParamKey::NoDefaultAlpn, SvcParamValue::NoDefaultAlpn);
        for (before, after) in [
            (vec![mandatory(vec![SvcParamKey::EchConfigList]), alpn(&["h2"]), ech()], vec![alpn(&["h2"])]),
            (vec![alpn(&["h3", "h2"])], vec![alpn(&["h2"])]),
            (vec![alpn(&["h3-29", "http/1.1", "h3"])], vec![alpn(&["http/1.1"])]),
            (vec![mandatory(vec![SvcParamKey::Alpn]), alpn(&["h3"]), no_default], vec![]),
        ] {
            let mut answer = Answer { authentic: true, ..Answer::of_records(vec![https(before)]) };
            scrub(&mut answer, PrivateAddresses::Keep);
            assert_eq!(answer.answers, [https(after)]);
            assert!(!answer.authentic && !answer.withheld);
        }
    }

    #[test]
    fn a_changed_set_loses_its_signature_and_no_other_does() {
        let records = vec![https(vec![ech()]), signature(RecordType::HTTPS), signature(RecordType::A)];
        let mut answer = Answer::of_records(records);
        scrub(&mut answer, PrivateAddresses::Withhold);
        assert_eq!(answer.answers, [https(vec![]), signature(RecordType::A)]);
    }

    #[test]
    fn what_needs_nothing_taken_out_stays_as_it_came() {
        let records = vec![https(vec![alpn(&["h2"])]), signature(RecordType::HTTPS)];
        let untouched = Answer { authentic: true, ..Answer::of_records(records) };
        let mut answer = untouched.clone();
        scrub(&mut answer, PrivateAddresses::Withhold);
        assert_eq!(answer, untouched);
    }

    #[test]
    fn private_addresses_of_outside_names_are_taken_out_hints_too() {
        let a = |address: [u8; 4]| Record::from_rdata(site(), 60, RData::A(A(address.into())));
        let hint = IpHint(vec![A([10, 0, 0, 1].into())]);
        let hinted = https(vec![(SvcParamKey::Ipv4Hint, SvcParamValue::Ipv4Hint(hint))]);
        let all = vec![a([10, 0, 0, 1]), a([203, 0, 113, 1]), signature(RecordType::A), hinted];
        let mut kept = Answer::of_records(all.clone());
        scrub(&mut kept, PrivateAddresses::Keep);
        assert_eq!((kept.answers, kept.withheld), (all.clone(), false));
        let mut answer = Answer::of_records(all);
        scrub(&mut answer, PrivateAddresses::Withhold);
        assert!(answer.withheld && !answer.explained.is_empty());
        assert_eq!(answer.answers, [a([203, 0, 113, 1]), https(Vec::new())]);
    }
}
