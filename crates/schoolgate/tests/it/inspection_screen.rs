//! The screen of the inspection: an app that wants only its own certificates becomes a suggestion, the suggestion a proposal,
//! and only its approval lets the site pass unread.

use crate::console::{axe, must_be_accessible};
use crate::gate::Gate;
use std::path::Path;
use testkit::browser::{Browser, Scripts};
use testkit::certificates::Fault;
use tokio::process::Command;

const SITE: &str = "education.schoolgate.test";

/// Whether a client that trusts these certificates gets a page.
async fn opens(gate: &Gate, trusted: &Path, url: &str) -> bool {
    let mut curl = Command::new("curl");
    curl.args(["-s", "-f", "-o", "/dev/null", "--noproxy", "", "--proxy", &gate.address("proxy")]);
    curl.arg("--cacert").arg(trusted).arg(url).status().await.unwrap().success()
}

async fn page(browser: &mut Browser, gate: &Gate, path: &str) -> String {
    browser.visit(&format!("{}{path}", gate.address("console"))).await.unwrap();
    browser.text().await.unwrap()
}

#[tokio::test]
async fn a_site_that_fails_is_suggested_put_forward_approved_and_passes_unread() {
    let gate = Gate::start().await;
    let (_origin, url) = gate.origin(SITE, Fault::None, "<title>Maths</title>").await;
    let ours = Path::new(&gate.address("authority")).to_owned();
    let apps_own = gate.folder.path().join("origins.pem");
    assert!(opens(&gate, &ours, &url).await, "this device trusts the school");
    assert!(!opens(&gate, &apps_own, &url).await, "and one of its apps does not");

    let mut technician = gate.console_browser("technician").await;
    technician.set_scripts(Scripts::Off).await.unwrap();
    technician.set_width(360).await.unwrap();
    let text = tokio::time::timeout(std::time::Duration::from_secs(30), async {
        loop {
            let text = page(&mut technician, &gate, "/inspection").await;
            if text.contains("In use") {
                return text;
            }
        }
    });
    let text = text.await.unwrap();
    assert!(text.contains(SITE) && text.contains("trusts only its own certificates"), "{text}");
    assert!(text.contains("web filter") && text.contains("SHA-256"), "{text}");
    technician.set_scripts(Scripts::On).await.unwrap();
    let axe = axe();
    for width in [1280, 360] {
        technician.set_width(width).await.unwrap();
        for place in ["", &format!("/{SITE}/bypass"), &format!("/{SITE}/dismiss")] {
            let path = format!("/inspection{place}");
            page(&mut technician, &gate, &path).await;
            must_be_accessible(&mut technician, &format!("{path} at {width}"), &axe).await;
        }
    }
    page(&mut technician, &gate, "/inspection").await;
    technician.press(&format!("Add to the bypass list: {SITE}")).await.unwrap();
    technician.press("Put it forward").await.unwrap();
    assert!(technician.text().await.unwrap().contains("Say why: it is recorded."));
    technician.fill("reason", "The maths app accepts only its maker\u{2019}s \"certificate\"").await.unwrap();
    technician.press("Put it forward").await.unwrap();
    let text = technician.text().await.unwrap();
    assert!(
        text.contains("changes nothing until it is approved") && text.contains("Waits for approval"),
        "{text}"
    );
    must_be_accessible(&mut technician, "/inspection with a proposal", &axe).await;
    assert!(!opens(&gate, &apps_own, &url).await, "a proposal opens nothing");

    let hash = text.split_whitespace().find(|word| word.len() == 64).expect("it shows the hash");
    let approved = gate.command(&["policy", "approve", hash, "--reason", "the maths app"]).await;
    assert!(approved.status.success(), "{}", String::from_utf8_lossy(&approved.stderr));
    let passes = async { while !opens(&gate, &apps_own, &url).await {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), passes).await.expect("it passes unread in time");
    assert!(!page(&mut technician, &gate, "/inspection").await.contains(SITE));
}

#[tokio::test]
async fn a_suggestion_that_was_turned_down_is_not_made_again_and_a_governor_sees_none_of_it() {
    let gate = Gate::start().await;
    let (_origin, url) = gate.origin(SITE, Fault::None, "<title>Maths</title>").await;
    let ours = Path::new(&gate.address("authority")).to_owned();
    let apps_own = gate.folder.path().join("origins.pem");
    assert!(opens(&gate, &ours, &url).await && !opens(&gate, &apps_own, &url).await);
    let mut lead = gate.console_browser("safeguarding-lead").await;
    assert!(page(&mut lead, &gate, "/inspection").await.contains(SITE));
    lead.press(&format!("Not this one: {SITE}")).await.unwrap();
    lead.fill("reason", "We want to see what is asked there").await.unwrap();
    lead.press("Turn it down").await.unwrap();
    assert!(!opens(&gate, &apps_own, &url).await);
    let text = page(&mut lead, &gate, "/inspection").await;
    assert!(text.contains("None in the last week.") && text.contains("We want to see"), "{text}");
    let mut governor = gate.console_browser("governor").await;
    assert!(!page(&mut governor, &gate, "/inspection").await.contains(SITE));
}
