//! A small signed tree of the tests' own: the root, `test.` below it, and `plain.test.`, which is not signed.

use super::*;
use crate::upstream::{ForwardZone, Resolver, ResolverConfig, Validation};
use hickory_proto::dnssec::crypto::EcdsaSigningKey;
use hickory_proto::dnssec::rdata::{DNSKEY, NSEC, RRSIG, SigInput};
use hickory_proto::dnssec::{Algorithm, DigestType, SigningKey, TBS};
use hickory_proto::rr::rdata::{A, CNAME, NS, SOA};
use hickory_proto::rr::{DNSClass, SerialNumber};
use std::collections::HashMap;
use testkit::upstream::{Says, Upstream, Zone, a, name_of};

const HOUR_S: i64 = 3_600;

/// A zone that signs.
struct Signer {
    zone: Name,
    key: EcdsaSigningKey,
    dnskey: DNSKEY,
}

/// When a signature counts, in seconds from now.
type Window = (i64, i64);

const NOW: Window = (-HOUR_S, HOUR_S);

impl Signer {
    fn new(zone: &str) -> Self {
        let algorithm = Algorithm::ECDSAP256SHA256;
        let pkcs8 = EcdsaSigningKey::generate_pkcs8(algorithm).unwrap();
        let key = EcdsaSigningKey::from_pkcs8(&pkcs8, algorithm).unwrap();
        let dnskey = DNSKEY::new(true, true, false, key.to_public_key().unwrap());
        Self { zone: name_of(zone), key, dnskey }
    }

    /// The records and their signature.
    fn signed(&self, records: Vec<Record>, (from_s, until_s): Window) -> Vec<Record> {
        let first = records[0].clone();
        let now_s = Clock::System.now().0 / 1_000;
        let at = |s: i64| SerialNumber::new(u32::try_from(now_s + s).unwrap());
        let input = SigInput {
            type_covered: first.record_type(),
            algorithm: self.key.algorithm(),
            num_labels: first.name.num_labels(),
            original_ttl: first.ttl,
            sig_expiration: at(until_s),
            sig_inception: at(from_s),
            key_tag: self.dnskey.calculate_key_tag().unwrap(),
            signer_name: self.zone.clone(),
        };
        let tbs = TBS::from_input(&first.name, DNSClass::IN, &input, records.iter()).unwrap();
        let signature = RRSIG::from_sig(input, self.key.sign(&tbs).unwrap());
        let signature = RData::DNSSEC(DNSSECRData::RRSIG(signature));
        let signature = Record::from_rdata(first.name, first.ttl, signature);
        records.into_iter().chain([signature]).collect()
    }

    fn keys(&self) -> Says {
        let key = RData::DNSSEC(DNSSECRData::DNSKEY(self.dnskey.clone()));
        Says::Records(self.signed(vec![Record::from_rdata(self.zone.clone(), 300, key)], NOW))
    }

    fn ds(&self, parent: &Signer) -> Says {
        let digest = self.dnskey.to_digest(&self.zone, DigestType::SHA256).unwrap();
        let tag = self.dnskey.calculate_key_tag().unwrap();
        let ds = DS::new(tag, self.key.algorithm(), DigestType::SHA256, digest.as_ref().to_vec());
        let ds = Record::from_rdata(self.zone.clone(), 300, RData::DNSSEC(DNSSECRData::DS(ds)));
        Says::Records(parent.signed(vec![ds], NOW))
    }

    fn soa(&self) -> Vec<Record> {
        let soa = SOA::new(name_of("ns.test."), name_of("ns.test."), 1, 1, 1, 1, 300);
        self.signed(vec![Record::from_rdata(self.zone.clone(), 300, RData::SOA(soa))], NOW)
    }

    fn nsec(&self, from: &str, until: &str, types: &[RecordType]) -> Vec<Record> {
        let nsec = NSEC::new_cover_self(name_of(until), types.iter().copied());
        let nsec = RData::DNSSEC(DNSSECRData::NSEC(nsec));
        self.signed(vec![Record::from_rdata(name_of(from), 300, nsec)], NOW)
    }
}

fn no(code: ResponseCode, authorities: Vec<Vec<Record>>) -> Says {
    Says::Whole { code, answers: Vec::new(), authorities: authorities.concat() }
}

fn alias(name: &str, target: &str) -> Record {
    Record::from_rdata(name_of(name), 60, RData::CNAME(CNAME(name_of(target))))
}

const ADDRESS: [u8; 4] = [203, 0, 113, 7];

/// The tree as a resolver tells of it.
fn tree(root: &Signer, test: &Signer) -> Zone {
    let one = |name: &str| vec![a(name, 60, ADDRESS)];
    let ns = Record::from_rdata(name_of("plain.test."), 300, RData::NS(NS(name_of("ns.plain.test."))));
    let mut forged = test.signed(one("forged.test."), NOW);
    forged[0].data = RData::A(A([203, 0, 113, 66].into()));
    let aliased =
        [test.signed(vec![alias("alias.test.", "site.test.")], NOW), test.signed(one("site.test."), NOW)];
    let nothing_here = || vec![test.soa(), test.nsec("test.", "a.test.", &[RecordType::SOA])];
    let gap = test.nsec("forged.test.", "h.test.", &[RecordType::A]);
    let plain = test.nsec("plain.test.", "q.test.", &[RecordType::NS]);
    let (ok, gone) = (ResponseCode::NoError, ResponseCode::NXDomain);
    let address = RecordType::A;
    // The zone above vouches for a key that the zone has no more.
    let [lost, before] = ["lost.test."; 2].map(Signer::new);
    HashMap::from([
        (("lost.test.".into(), RecordType::DS), before.ds(test)),
        (("lost.test.".into(), RecordType::DNSKEY), lost.keys()),
        (("lost.test.".into(), address), Says::Records(lost.signed(one("lost.test."), NOW))),
        ((".".into(), RecordType::DNSKEY), root.keys()),
        (("test.".into(), RecordType::DS), test.ds(root)),
        (("test.".into(), RecordType::DNSKEY), test.keys()),
        (("site.test.".into(), address), Says::Records(test.signed(one("site.test."), NOW))),
        (("alias.test.".into(), address), Says::Records(aliased.concat())),
        (("forged.test.".into(), address), Says::Records(forged)),
        (("old.test.".into(), address), Says::Records(test.signed(one("old.test."), (-2 * HOUR_S, -HOUR_S)))),
        (("new.test.".into(), address), Says::Records(test.signed(one("new.test."), (HOUR_S, 2 * HOUR_S)))),
        (("bare.test.".into(), address), Says::Records(one("bare.test."))),
        (("gone.test.".into(), address), no(gone, [nothing_here(), vec![gap]].concat())),
        (("claimed.test.".into(), address), no(gone, vec![test.soa()])),
        (
            ("site.test.".into(), RecordType::AAAA),
            no(ok, vec![test.soa(), test.nsec("site.test.", "t.test.", &[address])]),
        ),
        (("plain.test.".into(), RecordType::DS), no(ok, vec![test.soa(), plain])),
        (("plain.test.".into(), RecordType::NS), Says::Records(vec![ns])),
        (("site.plain.test.".into(), address), Says::Records(one("site.plain.test."))),
        (("site.plain.test.".into(), RecordType::DS), no(ok, vec![])),
        (("site.plain.test.".into(), RecordType::NS), no(ok, vec![])),
    ])
}

struct World {
    resolver: Arc<Resolver>,
    upstream: Upstream,
}

impl World {
    async fn start(change: impl FnOnce(&mut ResolverConfig)) -> Self {
        let (root, test) = (Signer::new("."), Signer::new("test."));
        let upstream = Upstream::start(tree(&root, &test)).await;
        let mut config = ResolverConfig {
            upstreams: vec![upstream.address.into()],
            validation: Validation::FromKeys(format!(". 300 IN DNSKEY {}", root.dnskey)),
            ..ResolverConfig::default()
        };
        change(&mut config);
        let resolver = Resolver::new(&config, Clock::System).unwrap();
        Self { resolver, upstream }
    }

    /// The answer, or the failure's.
    async fn ask(&self, name: &str, record_type: RecordType, bits: (bool, bool)) -> Answer {
        let (dnssec_ok, checking_disabled) = bits;
        let question = Question { name: name_of(name), record_type, dnssec_ok, checking_disabled };
        let key = Key::of(&question);
        match self.resolver.fetch(key.clone()).await {
            Ok(kept) => kept.answer(&key, Clock::System.now()),
            Err(NoUpstreamAnswered(failure)) => failure,
        }
    }
}

#[tokio::test]
async fn what_is_proven_is_marked_what_is_unsigned_passes_and_what_is_broken_is_refused_with_the_reason() {
    let world = World::start(|_| ()).await;
    for (name, code, authentic, why) in [
        ("site.test.", ResponseCode::NoError, true, None),
        ("alias.test.", ResponseCode::NoError, true, None),
        ("gone.test.", ResponseCode::NXDomain, true, None),
        ("site.plain.test.", ResponseCode::NoError, false, None),
        ("forged.test.", ResponseCode::ServFail, false, Some(BOGUS)),
        ("old.test.", ResponseCode::ServFail, false, Some(SIGNATURE_EXPIRED)),
        ("new.test.", ResponseCode::ServFail, false, Some(SIGNATURE_NOT_YET_VALID)),
        ("lost.test.", ResponseCode::ServFail, false, Some(KEYS_MISSING)),
        ("bare.test.", ResponseCode::ServFail, false, Some(SIGNATURES_MISSING)),
        ("claimed.test.", ResponseCode::ServFail, false, Some(PROOF_OF_ABSENCE_MISSING)),
    ] {
        let answer = world.ask(name, RecordType::A, (false, false)).await;
        let found = answer.explained.first().map(Explained::code);
        assert_eq!((answer.code, answer.authentic, found), (code, authentic, why), "{name}");
    }
    let nothing = world.ask("site.test.", RecordType::AAAA, (false, false)).await;
    assert_eq!((nothing.code, nothing.authentic), (ResponseCode::NoError, true));
    assert!(nothing.answers.is_empty() && nothing.authorities.len() == 1);
}

#[tokio::test]
async fn signatures_go_to_who_asked_for_them_and_aliases_stay_in_order() {
    let world = World::start(|_| ()).await;
    let types =
        |answer: &Answer| -> Vec<RecordType> { answer.answers.iter().map(Record::record_type).collect() };
    let plain = world.ask("alias.test.", RecordType::A, (false, false)).await;
    assert_eq!(types(&plain), [RecordType::CNAME, RecordType::A]);
    let signed = world.ask("alias.test.", RecordType::A, (true, false)).await;
    let expected = [RecordType::CNAME, RecordType::RRSIG, RecordType::A, RecordType::RRSIG];
    assert_eq!(types(&signed), expected);
    let keys = world.ask("test.", RecordType::DNSKEY, (false, false)).await;
    assert_eq!((types(&keys), keys.authentic), (vec![RecordType::DNSKEY], true));
}

#[tokio::test]
async fn who_checks_for_himself_gets_what_is_there() {
    let world = World::start(|_| ()).await;
    let answer = world.ask("forged.test.", RecordType::A, (true, true)).await;
    assert_eq!((answer.code, answer.answers.len()), (ResponseCode::NoError, 2));
    assert!(!answer.authentic);
}

#[tokio::test]
async fn the_keys_of_a_chain_are_fetched_once() {
    let world = World::start(|_| ()).await;
    for name in ["site.test.", "alias.test.", "gone.test."] {
        world.ask(name, RecordType::A, (false, false)).await;
    }
    for (zone, record_type) in
        [(".", RecordType::DNSKEY), ("test.", RecordType::DNSKEY), ("test.", RecordType::DS)]
    {
        assert_eq!(world.upstream.times_asked(zone, record_type), 1, "{zone} {record_type}");
    }
}

#[tokio::test]
async fn a_zone_with_servers_of_its_own_is_not_checked() {
    let own = Upstream::start(
        [(("bare.test.".into(), RecordType::A), Says::Records(vec![a("bare.test.", 60, ADDRESS)]))].into(),
    )
    .await;
    let address = own.address;
    let world = World::start(|config| {
        config.forward = vec![ForwardZone { zone: "bare.test".into(), upstreams: vec![address.into()] }];
    })
    .await;
    let answer = world.ask("bare.test.", RecordType::A, (false, false)).await;
    assert_eq!((answer.code, answer.authentic), (ResponseCode::NoError, false));
}
