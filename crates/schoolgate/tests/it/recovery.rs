//! A recovery account in a whole gate: whoever signs in with what is in the envelope raises an alarm that is on the
//! headteacher's screen and in their mail within ten seconds (clause ACC-5).

use crate::gate::Gate;
use crate::mail_server::MailServer;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testkit::browser::{Browser, BrowserOptions};

/// From a right password to whoever must know.
const ALARMED: Duration = Duration::from_secs(10);
const WORDS: &str = "A recovery account was signed in to";

/// A recovery account's name, password and first code, as the machine shows them this once.
async fn envelope(gate: &Gate) -> [String; 3] {
    let made = ["people", "recovery", "--owner", "headteacher", "--reason", "a test of the alarm"];
    let output = gate.command(&made).await;
    let shown = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{shown}{}", String::from_utf8_lossy(&output.stderr));
    ["User name:", "Password:", "Codes:"].map(|name| {
        let line = shown.lines().find_map(|line| line.strip_prefix(name)).unwrap();
        line.trim().to_owned()
    })
}

#[tokio::test]
async fn a_recovery_account_that_is_used_is_on_the_heads_screen_and_in_their_mail_within_ten_seconds() {
    let mails = MailServer::start().await;
    let gate = Gate::start_with(&mails.configuration()).await;
    let [login, secret, code] = envelope(&gate).await;
    let mut head = gate.console_browser("headteacher").await;
    head.visit(&format!("{}/alerts", gate.address("console"))).await.unwrap();
    assert!(!head.text().await.unwrap().contains(WORDS));
    let trusted_ca = Some(PathBuf::from(gate.address("authority")));
    let options = BrowserOptions { proxy: String::new(), trusted_ca };
    let mut somebody = Browser::launch(&options).await.unwrap();
    somebody.visit(&format!("{}/sign-in", gate.address("console"))).await.unwrap();
    somebody.fill("login", &login).await.unwrap();
    somebody.fill("password", &secret).await.unwrap();

    let began = Instant::now();
    somebody.press("Sign in").await.unwrap();
    while !head.text().await.unwrap().contains(WORDS) {
        assert!(began.elapsed() < ALARMED, "{}", head.text().await.unwrap());
        tokio::task::yield_now().await;
    }
    let on_screen = began.elapsed();
    let mail = mails.mail_with("(critical)", ALARMED.saturating_sub(on_screen)).await;
    let mailed = began.elapsed();
    println!("from the envelope's password to the head's screen: {on_screen:?}, to the mail: {mailed:?}");
    assert!(mailed < ALARMED, "{mailed:?}");
    assert!(mail.contains("X-To: head@larkfield.test") && mail.contains("/alerts/"), "{mail}");
    assert!(!mail.contains(&login) && !mail.contains(&secret), "{mail}");

    let asked = somebody.text().await.unwrap();
    assert!(asked.contains("Your second step"), "the alarm does not wait for the code: {asked}");
    somebody.fill("code", &code).await.unwrap();
    somebody.press("Continue").await.unwrap();
    assert!(somebody.text().await.unwrap().contains("Sign out"), "the way back in works");
}
