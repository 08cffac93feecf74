//! An origin with a bad certificate is refused and explained; it is never covered by a good one of ours.

use crate::gate::Gate;
use testkit::certificates::Fault;

#[tokio::test]
async fn an_origin_with_a_bad_certificate_is_refused_and_explained() {
    let gate = Gate::start().await;
    gate.sign_in_to_web("class-teacher").await;
    let mut browser = gate.browser().await;
    let faults = [
        ("one.education.schoolgate.test", Fault::Expired, "its certificate has expired"),
        ("two.education.schoolgate.test", Fault::SelfSigned, "nobody but itself vouches for it"),
        ("three.education.schoolgate.test", Fault::WrongName, "its certificate is for another name"),
        ("four.education.schoolgate.test", Fault::Untrusted, "comes from nobody the school trusts"),
    ];
    for (name, fault, sentence) in faults {
        let (origin, url) = gate.origin(name, fault, "<title>Must not be seen</title>").await;
        browser.visit(&url).await.unwrap();
        let text = browser.text().await.unwrap();
        assert!(text.contains(sentence), "{fault:?}: {text}");
        assert_ne!(browser.title().await.unwrap(), "Must not be seen");
        assert!(origin.seen().is_empty(), "{fault:?}: nothing was asked of it");
    }
    let mut lead = gate.console_browser("safeguarding-lead").await;
    lead.visit(&format!("{}/history?outcome=refused-origin", gate.address("console"))).await.unwrap();
    let text = lead.text().await.unwrap();
    for (name, ..) in faults {
        assert!(text.contains(name), "{name}: {text}");
    }
}
