//! An origin with a bad certificate is refused and explained; it is never covered by a good one of ours.

use crate::gate::Gate;
use testkit::certificates::Fault;

#[tokio::test]
async fn an_origin_with_a_bad_certificate_is_refused_and_explained() {
    let gate = Gate::start().await;
    gate.sign_in_to_web("class-teacher").await;
    let mut browser = gate.browser().await;
    for (name, fault, word) in [
        ("expired.education.schoolgate.test", Fault::Expired, "expired"),
        ("selfsigned.education.schoolgate.test", Fault::SelfSigned, "trust"),
        ("wrongname.education.schoolgate.test", Fault::WrongName, "name"),
        ("untrusted.education.schoolgate.test", Fault::Untrusted, "trust"),
    ] {
        let (origin, url) = gate.origin(name, fault, "<title>Must not be seen</title>").await;
        browser.visit(&url).await.unwrap();
        let text = browser.text().await.unwrap();
        assert!(text.to_lowercase().contains(word), "{fault:?}: {text}");
        assert_ne!(browser.title().await.unwrap(), "Must not be seen");
        assert!(origin.seen().is_empty(), "{fault:?}: nothing was asked of it");
    }
    let mut lead = gate.console_browser("safeguarding-lead").await;
    lead.visit(&format!("{}/history?outcome=refused-origin", gate.address("console"))).await.unwrap();
    let text = lead.text().await.unwrap();
    assert!(text.contains("selfsigned.education.schoolgate.test"), "{text}");
}
