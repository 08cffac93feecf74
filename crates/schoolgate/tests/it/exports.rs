//! A request of the police, from the form to a pack that proves itself, in a real browser and with the real program; and
//! what is said of a pack and of an audit log that somebody changed.

use crate::console::{axe, must_be_accessible};
use crate::gate::Gate;
use std::path::Path;
use testkit::browser::Browser;
use testkit::certificates::Fault;
use tokio::process::Command;

/// Why the pack was approved; it stands in the records, and nowhere else.
const REASON: &str = "The crime number was checked by telephone";

async fn here(browser: &mut Browser) -> String {
    browser.value_of("location.href").await.unwrap().as_str().unwrap().to_owned()
}

/// Answers a question, and looks at the next one.
async fn answer(browser: &mut Browser, fields: &[(&str, &str)]) {
    for (name, value) in fields {
        browser.value_of(&format!("document.querySelector('#{name}').value = '{value}'")).await.unwrap();
    }
    browser.press("Continue").await.unwrap();
}

/// What the program says of a pack: its exit code, and both outputs together.
async fn verify(pack: &Path, more: &[&str]) -> (Option<i32>, String) {
    // Nothing of a gate is there: no folder, no network is asked for.
    let output = Command::new(env!("CARGO_BIN_EXE_schoolgate"))
        .arg("verify")
        .arg(pack)
        .args(more)
        .current_dir(pack.parent().unwrap())
        .output()
        .await
        .unwrap();
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), said)
}

async fn verify_audit(gate: &Gate) -> (Option<i32>, String) {
    let output = gate.command(&["verify", "audit"]).await;
    let said =
        [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    (output.status.code(), said)
}

async fn put_down(browser: &mut Browser, console: &str, axe: &str) -> String {
    browser.visit(&format!("{console}/exports")).await.unwrap();
    must_be_accessible(browser, "exports", axe).await;
    browser.visit(&format!("{console}/exports/ask")).await.unwrap();
    must_be_accessible(browser, "the first question", axe).await;
    browser.press("Continue").await.unwrap();
    assert!(browser.text().await.unwrap().contains("There is a problem"));
    answer(browser, &[("kind", "police")]).await;
    answer(browser, &[("requester", "PC 4711, Northshire Police"), ("their_reference", "NS/22/7")]).await;
    answer(browser, &[("person", "elsie")]).await;
    answer(browser, &[("from", "2026-01-01"), ("until", "2099-12-31")]).await;
    answer(browser, &[("basis", "crime")]).await;
    answer(browser, &[("purpose", "To find who wrote to her")]).await;
    answer(browser, &[("hold", "yes")]).await;
    let text = browser.text().await.unwrap();
    assert!(text.contains("Check your answers") && text.contains("PC 4711"), "{text}");
    must_be_accessible(browser, "the check", axe).await;
    browser.press("Put the request down").await.unwrap();
    let page = here(browser).await;
    assert!(browser.text().await.unwrap().contains("another person must approve it"));
    page
}

#[tokio::test]
async fn a_request_becomes_a_pack_that_proves_itself_and_what_is_changed_afterwards_is_named() {
    let mut gate = Gate::start().await;
    let axe = axe();
    let (_origin, url) =
        gate.origin("one.education.schoolgate.test", Fault::None, "<h1>Fractions</h1>").await;
    gate.sign_in_to_web("elsie").await;
    gate.browser().await.visit(&format!("{url}?q=fractions")).await.unwrap();

    let console = gate.address("console");
    let mut lead = gate.console_browser("safeguarding-lead").await;
    lead.set_width(360).await.unwrap();
    let page = put_down(&mut lead, &console, &axe).await;
    must_be_accessible(&mut lead, "a request that waits", &axe).await;
    let mut technician = gate.console_browser("technician").await;
    technician.visit(&page).await.unwrap();
    assert!(!technician.text().await.unwrap().contains("PC 4711"), "it is not for IT");

    let mut head = gate.console_browser("headteacher").await;
    head.visit(&page).await.unwrap();
    head.fill("reason", REASON).await.unwrap();
    head.press("Approve and make the pack").await.unwrap();
    let text = head.text().await.unwrap();
    assert!(text.contains("Download the pack") && text.contains("Kept from expiring"), "{text}");
    must_be_accessible(&mut head, "a request whose pack is made", &axe).await;

    let pack = gate.folder.path().join("taken.zip");
    let cookie = lead.cookies(&console).await.unwrap();
    let curl = Command::new("curl")
        .args([
            "--silent",
            "--show-error",
            "--fail",
            "--cacert",
            &gate.address("authority"),
            "--cookie",
            &cookie,
        ])
        .arg("--output")
        .arg(&pack)
        .arg(format!("{page}/pack"))
        .output()
        .await
        .unwrap();
    assert!(curl.status.success(), "{}", String::from_utf8_lossy(&curl.stderr));
    head.visit(&page).await.unwrap();
    assert!(head.text().await.unwrap().contains("Downloaded"), "the download is a line of the custody");

    let (code, said) = verify(&pack, &[]).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("Untouched since it was signed: EX-"), "{said}");
    let fingerprint =
        said.lines().find_map(|line| line.strip_prefix("Signed by the key ")).unwrap().to_owned();
    assert_eq!(verify(&pack, &["--key", &fingerprint]).await.0, Some(0));
    let (code, said) = verify(&pack, &["--key", "AB12"]).await;
    assert!(code == Some(1) && said.contains("another key"), "{said}");
    let bytes = std::fs::read(&pack).unwrap();
    let at = bytes.windows(9).position(|window| window == b"fractions").unwrap();
    let mut changed = bytes;
    changed[at] = b'F';
    let other = gate.folder.path().join("changed.zip");
    std::fs::write(&other, changed).unwrap();
    let (code, said) = verify(&other, &[]).await;
    assert!(code == Some(1) && said.contains("originals/requests.jsonl was changed"), "{said}");

    the_audit_log_names_what_was_changed(&mut gate, &fingerprint).await;
}

/// First whole, while the gate runs; then with one letter of one fact changed in the file, as SQL would.
async fn the_audit_log_names_what_was_changed(gate: &mut Gate, fingerprint: &str) {
    let (code, said) = verify_audit(gate).await;
    assert_eq!(code, Some(0), "{said}");
    assert!(
        said.contains(&format!("The school's key: {fingerprint}")) && said.contains("signed up to fact"),
        "{said}"
    );
    for (key, expected) in [(fingerprint, Some(0)), ("AB12", Some(1))] {
        let output = gate.command(&["verify", "audit", "--key", key]).await;
        assert_eq!(output.status.code(), expected, "{key}");
    }
    gate.stop().await;
    let records = gate.folder.path().join("records.sqlite");
    let mut bytes = std::fs::read(&records).unwrap();
    let places: Vec<usize> = bytes
        .windows(REASON.len())
        .enumerate()
        .filter(|(_, window)| *window == REASON.as_bytes())
        .map(|(at, _)| at)
        .collect();
    assert!(!places.is_empty());
    for at in places {
        bytes[at] = b'A';
    }
    std::fs::write(&records, bytes).unwrap();
    let (code, said) = verify_audit(gate).await;
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("is not what was written: it was changed."), "{said}");
}
