//! Webhooks and Teams workflows by real HTTPS.

use crate::world::{HttpsReceiver, NOW, Posted, job};
use notify::{
    DELIVERY_HEADER, Delivered, Job, Notifier, Receiver, SIGNATURE_HEADER, SigningSecret, TIMESTAMP_HEADER,
    Trouble, Way,
};
use serde_json::Value;
use std::process::Stdio;
use testkit::certificates::{Fault, TestAuthority};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const SECRET: &str = "a secret of some length";

async fn receiver(authority: &TestAuthority, fault: Fault, statuses: &[u16]) -> HttpsReceiver {
    let tls = authority.server("localhost", fault, &["http/1.1"]).unwrap();
    HttpsReceiver::start(tls, statuses).await
}

fn notifier(authority: &TestAuthority, receiver: &HttpsReceiver) -> Notifier {
    let to = Receiver::new("desk", &receiver.address).unwrap();
    let secret = SigningSecret::new(SECRET.as_bytes()).unwrap();
    let notifier = Notifier::new(None, &[authority.der()]).unwrap();
    notifier.with_webhook("desk", to.clone(), secret).with_teams("leads", to)
}

fn webhook() -> Job {
    job(Way::Webhook, "desk")
}

/// What a receiver would compute, with the program that is on every machine.
async fn openssl_hmac(posted: &Posted) -> String {
    let mut child = Command::new("openssl")
        .args(["dgst", "-sha256", "-hmac", SECRET])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let timestamp = posted.headers[TIMESTAMP_HEADER].as_bytes();
    stdin.write_all(&[timestamp, b".", &posted.body].concat()).await.unwrap();
    drop(stdin);
    let output = child.wait_with_output().await.unwrap();
    String::from_utf8(output.stdout).unwrap().trim().rsplit(' ').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_webhook_is_signed_so_that_openssl_agrees_and_keeps_its_id_when_it_comes_again() {
    let authority = TestAuthority::new().unwrap();
    let receiver = receiver(&authority, Fault::None, &[503]).await;
    let notifier = notifier(&authority, &receiver);
    let later = notifier.deliver(&webhook(), NOW).await;
    // 120 s, as the receiver asked; sooner by our own times.
    assert_eq!(later, Delivered::Later { at: NOW.plus_ms(120_000), why: Trouble::Busy { code: 503 } });
    let second = Job { attempt: 2, ..webhook() };
    assert_eq!(notifier.deliver(&second, NOW.plus_ms(120_000)).await, Delivered::Taken);
    let posted = receiver.posted();
    assert_eq!(posted.len(), 2);
    for one in &posted {
        assert_eq!(one.path, "/hook?key=hidden");
        assert_eq!(one.headers[SIGNATURE_HEADER], format!("v1={}", openssl_hmac(one).await));
    }
    assert_eq!(posted[0].headers[DELIVERY_HEADER], posted[1].headers[DELIVERY_HEADER]);
    assert_ne!(posted[0].headers[SIGNATURE_HEADER], posted[1].headers[SIGNATURE_HEADER]);
    let body: Value = serde_json::from_slice(&posted[0].body).unwrap();
    assert_eq!((&body["severity"], &body["kind"]), (&"critical".into(), &"safeguarding".into()));
}

#[tokio::test]
async fn a_teams_workflow_gets_one_card() {
    let authority = TestAuthority::new().unwrap();
    let receiver = receiver(&authority, Fault::None, &[]).await;
    let to_leads = job(Way::Teams, "leads");
    assert_eq!(notifier(&authority, &receiver).deliver(&to_leads, NOW).await, Delivered::Taken);
    let posted = receiver.posted();
    let card: Value = serde_json::from_slice(&posted[0].body).unwrap();
    assert_eq!(card["attachments"][0]["contentType"], "application/vnd.microsoft.card.adaptive");
    assert!(!posted[0].headers.contains_key(SIGNATURE_HEADER));
}

#[tokio::test]
async fn a_no_for_good_is_not_tried_again_and_a_redirection_is_not_followed() {
    let authority = TestAuthority::new().unwrap();
    let receiver = receiver(&authority, Fault::None, &[400, 302]).await;
    let notifier = notifier(&authority, &receiver);
    for code in [400, 302] {
        let given_up = Delivered::GivenUp { why: Trouble::Refused { code } };
        assert_eq!(notifier.deliver(&webhook(), NOW).await, given_up);
    }
    let nobody = job(Way::Webhook, "nobody");
    assert_eq!(notifier.deliver(&nobody, NOW).await, Delivered::GivenUp { why: Trouble::NotListed });
}

#[tokio::test]
async fn nothing_is_posted_to_a_receiver_that_cannot_prove_who_it_is() {
    let authority = TestAuthority::new().unwrap();
    for fault in [Fault::Untrusted, Fault::WrongName, Fault::Expired, Fault::SelfSigned] {
        let receiver = receiver(&authority, fault, &[]).await;
        let delivered = notifier(&authority, &receiver).deliver(&webhook(), NOW).await;
        assert!(matches!(delivered, Delivered::Later { why: Trouble::Unproven, .. }), "{fault:?}");
        assert!(receiver.posted().is_empty());
    }
}
