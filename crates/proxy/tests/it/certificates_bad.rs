//! Every fault that an origin's certificate can have, one line a case: none becomes good, and each has its page.

use crate::origin::Origin;
use crate::world::{Setting, World};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use model::Stage;
use std::sync::Arc;
use std::time::Duration;
use testkit::bad_certificates::{BadCertificates, Case, OldServerFault, SERIAL};
use tokio::process::Command;
use tokio::task::JoinSet;

/// The host of the issuers' own files; `good.test` is every origin.
const PUBLISHER: &str = "pki.test";

/// What becomes of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Expected {
    Opened,
    /// A page with these words.
    Refused(&'static str),
}

use Expected::{Opened, Refused};

const CASES: [(Case, Expected); 22] = [
    (Case::Good, Opened),
    (Case::Expired, Refused("has expired")),
    (Case::NotYetValid, Refused("is not valid yet")),
    (Case::WrongHost, Refused("is for another name")),
    (Case::SelfSigned, Refused("is self-signed")),
    (Case::UntrustedRoot, Refused("from nobody the school trusts")),
    (Case::RevokedByStaple, Refused("was revoked")),
    (Case::RevokedByResponder, Refused("was revoked")),
    (Case::ForgedStaple, Opened),
    (Case::StaleStaple, Opened),
    (Case::MissingStaple, Refused("demands a fresh proof")),
    (Case::Stapled, Opened),
    (Case::MustStapleStale, Refused("demands a fresh proof")),
    (Case::IssuerLeftOut, Opened),
    (Case::IssuerLost, Refused("leaves out a certificate")),
    (Case::IssuerUnsaid, Refused("from nobody the school trusts")),
    (Case::IssuerLied, Refused("from nobody the school trusts")),
    (Case::IssuerForged, Refused("from nobody the school trusts")),
    (Case::NameConstraints, Refused("may not vouch for this name")),
    (Case::AuthorityAsLeaf, Refused("not made for a web server")),
    (Case::WrongPurpose, Refused("not made for a web server")),
    (Case::SignedByLeaf, Refused("may not vouch for this name")),
];

async fn lab_and_world(host: &str) -> (BadCertificates, World) {
    let lab = BadCertificates::start(host).await.unwrap();
    let listed = vec!["good.test", "other.test", PUBLISHER];
    let world = World::with(Setting { roots: vec![lab.root()], listed, ..Setting::default() }).await;
    (lab, world)
}

/// What somebody sees who opens the origin.
async fn open(world: &World, port: u16) -> (u16, String) {
    let answer = world.client().talk("good.test", port, &["http/1.1"]).await.get("/").await;
    (answer.status.as_u16(), answer.text().to_owned())
}

#[tokio::test]
async fn every_bad_certificate_is_refused_with_its_own_page_and_every_good_one_is_taken() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    for (case, expected) in CASES {
        let origin = Origin::start(Some(lab.server(case, "good.test").unwrap())).await;
        for attempt in 1..=2 {
            let (status, text) = open(&world, origin.port()).await;
            match expected {
                Opened => assert_eq!((status, &*text), (200, "hello from the origin"), "{case:?} {attempt}"),
                Refused(words) => {
                    assert_eq!(status, 502, "{case:?} {attempt}: {text}");
                    assert!(text.contains(words), "{case:?} {attempt}: {text}");
                }
            }
        }
        assert_eq!(origin.seen().is_empty(), expected != Opened, "{case:?}: nothing is sent to a bad origin");
    }
    assert_eq!(lab.publisher().asked("/issuer.cer"), 1, "a missing certificate is fetched once");
    assert_eq!(lab.publisher().asked("/nothing.cer"), 1, "so is one that is not there");
}

/// The origins of the tests of lists hang up after each answer, since a connection that is kept is not verified anew.
#[tokio::test]
async fn a_certificate_on_its_issuer_s_list_is_refused_once_the_list_is_there() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    let origin = Origin::start_rude(lab.server(Case::RevokedByList, "good.test").unwrap()).await;
    assert_eq!(open(&world, origin.port()).await.0, 200, "before the list is known, which is counted");
    assert_eq!((world.revocation_counts)().unknown, 1);
    let refused = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let (status, text) = open(&world, origin.port()).await;
            if status == 502 {
                return text;
            }
        }
    });
    assert!(refused.await.unwrap().contains("was revoked"));
    assert_eq!(lab.publisher().asked("/revoked.crl"), 1);
    assert!((world.revocation_counts)().revoked >= 1);
}

#[tokio::test]
async fn no_forged_list_hides_the_one_that_has_the_certificate_wherever_it_comes_from() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    for (case, own, forged, asked) in [
        (Case::RevokedBesideJunk, "/revoked.crl", "/junk.crl", 0),
        (Case::RevokedBelowForgedList, "/ill-listed.crl", "/forged-of-root.crl", 1),
    ] {
        let origin = Origin::start_rude(lab.server(case, "good.test").unwrap()).await;
        let refused = tokio::time::timeout(Duration::from_secs(20), async {
            while open(&world, origin.port()).await.0 != 502 || lab.publisher().asked(forged) < asked {}
        });
        refused.await.unwrap();
        for visit in 0..20 {
            let (status, text) = open(&world, origin.port()).await;
            assert!(status == 502 && text.contains("was revoked"), "{case:?} {visit}: {status} {text}");
        }
        let publisher = lab.publisher();
        assert_eq!((publisher.asked(own), publisher.asked(forged)), (1, asked), "{case:?}");
    }
    assert_eq!((world.revocation_counts)().good, 0);
}

#[tokio::test]
async fn a_list_without_the_certificate_speaks_for_it() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    let origin = Origin::start_rude(lab.server(Case::NotOnList, "good.test").unwrap()).await;
    let known = tokio::time::timeout(Duration::from_secs(20), async {
        while (world.revocation_counts)().good == 0 {
            assert_eq!(open(&world, origin.port()).await.0, 200);
        }
    });
    known.await.unwrap();
}

#[tokio::test]
async fn a_responder_is_asked_once_about_a_certificate_of_which_nothing_else_can_tell() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    let origin = Origin::start_rude(lab.server(Case::AskedRevoked, "good.test").unwrap()).await;
    assert_eq!(open(&world, origin.port()).await.0, 200, "nobody waits for the answer");
    let refused = tokio::time::timeout(Duration::from_secs(20), async {
        loop {
            let (status, text) = open(&world, origin.port()).await;
            if status == 502 {
                return text;
            }
        }
    });
    assert!(refused.await.unwrap().contains("was revoked"));
    let good = Origin::start_rude(lab.server(Case::AskedGood, "good.test").unwrap()).await;
    let known = tokio::time::timeout(Duration::from_secs(20), async {
        while (world.revocation_counts)().good == 0 {
            assert_eq!(open(&world, good.port()).await.0, 200);
        }
    });
    known.await.unwrap();
    for responder in ["/revoked.ocsp", "/good.ocsp"] {
        let questions = lab.publisher().questions(responder);
        assert_eq!(questions.len(), 1);
        assert_eq!(questions[0], question_by_openssl(&lab).await);
    }
}

/// What `openssl` would ask about the same certificate, as it stands in an address.
async fn question_by_openssl(lab: &BadCertificates) -> String {
    let folder = tempfile::tempdir().unwrap();
    let (issuer, question) = (folder.path().join("issuer.pem"), folder.path().join("question.der"));
    std::fs::write(&issuer, lab.issuer_pem()).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["ocsp", "-no_nonce", "-issuer"]).arg(issuer).args(["-serial", &SERIAL.to_string()]);
    assert!(openssl.arg("-reqout").arg(&question).status().await.unwrap().success());
    let base64 = STANDARD.encode(std::fs::read(question).unwrap());
    base64.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D")
}

#[tokio::test]
async fn a_responder_that_lies_makes_no_certificate_bad() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    let origin = Origin::start_rude(lab.server(Case::AskedForged, "good.test").unwrap()).await;
    let asked = tokio::time::timeout(Duration::from_secs(20), async {
        while lab.publisher().questions("/forged.ocsp").is_empty() {
            assert_eq!(open(&world, origin.port()).await.0, 200);
        }
    });
    asked.await.unwrap();
    for _ in 0..10 {
        assert_eq!(open(&world, origin.port()).await.0, 200);
    }
    assert_eq!(((world.revocation_counts)().good, lab.publisher().questions("/forged.ocsp").len()), (0, 1));
}

#[tokio::test]
async fn a_forged_list_makes_no_certificate_bad() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    let origin = Origin::start_rude(lab.server(Case::ForgedList, "good.test").unwrap()).await;
    let fetched = tokio::time::timeout(Duration::from_secs(20), async {
        while lab.publisher().asked("/forged.crl") == 0 {
            assert_eq!(open(&world, origin.port()).await.0, 200);
        }
    });
    fetched.await.unwrap();
    for _ in 0..10 {
        assert_eq!(open(&world, origin.port()).await.0, 200);
    }
    assert_eq!((world.revocation_counts)().good, 0);
}

#[tokio::test]
async fn no_certificate_makes_the_gate_call_at_an_address_that_is_not_open() {
    let (lab, world) = lab_and_world("127.0.0.1").await;
    for case in [Case::IssuerLeftOut, Case::RevokedByList] {
        let origin = Origin::start(Some(lab.server(case, "good.test").unwrap())).await;
        let (status, text) = open(&world, origin.port()).await;
        match case {
            Case::IssuerLeftOut => assert!(status == 502 && text.contains("leaves out"), "{text}"),
            _ => assert_eq!(status, 200),
        }
    }
    assert_eq!(lab.publisher().asked("/issuer.cer") + lab.publisher().asked("/revoked.crl"), 0);
}

#[tokio::test]
async fn an_issuer_that_never_answers_holds_up_no_origin_of_another() {
    let lab = BadCertificates::start(PUBLISHER).await.unwrap();
    let slow = BadCertificates::start("slow.test").await.unwrap();
    slow.publisher().withhold("/issuer.cer");
    let listed = vec!["good.test", PUBLISHER, "slow.test"];
    let roots = vec![lab.root(), slow.root()];
    let world = Arc::new(World::with(Setting { roots, listed, ..Setting::default() }).await);
    let mut slow_ones = (Vec::new(), JoinSet::new());
    for _ in 0..8 {
        let origin = Origin::start(Some(slow.server(Case::IssuerLeftOut, "good.test").unwrap())).await;
        let (world, port) = (Arc::clone(&world), origin.port());
        slow_ones.0.push(origin);
        slow_ones.1.spawn(async move { open(&world, port).await.0 });
    }
    let all_waiting = tokio::time::timeout(Duration::from_secs(20), async {
        let are_dialled = || slow_ones.0.iter().all(|origin| origin.connections() > 0);
        while !are_dialled() || slow.publisher().asked("/issuer.cer") == 0 {
            tokio::task::yield_now().await;
        }
    });
    all_waiting.await.unwrap();
    let origin = Origin::start(Some(lab.server(Case::IssuerLeftOut, "good.test").unwrap())).await;
    assert_eq!(open(&world, origin.port()).await.0, 200);
    assert_eq!(slow.publisher().asked("/issuer.cer"), 1, "one from one host");
}

#[tokio::test]
async fn short_keys_old_hashes_and_old_tls_are_refused_and_named() {
    let (lab, world) = lab_and_world(PUBLISHER).await;
    for (fault, words) in [
        (OldServerFault::ShortKey, "too weak to prove anything"),
        (OldServerFault::Sha1, "too weak to prove anything"),
        (OldServerFault::Tls11, "older than TLS 1.2"),
    ] {
        let server = lab.old_server(fault, "good.test").await.unwrap();
        let (status, text) = open(&world, server.address.port()).await;
        assert!(status == 502 && text.contains(words), "{fault:?}: {status} {text}");
    }
}

#[tokio::test]
async fn children_are_told_that_it_is_not_safe_and_no_more() {
    let lab = BadCertificates::start(PUBLISHER).await.unwrap();
    let setting = Setting { roots: vec![lab.root()], stage: Stage::Infants, ..Setting::default() };
    let world = World::with(setting).await;
    let origin = Origin::start(Some(lab.server(Case::RevokedByStaple, "good.test").unwrap())).await;
    let (status, text) = open(&world, origin.port()).await;
    assert!(status == 502 && text.contains("ask your teacher") && !text.contains("revoked"), "{text}");
}
