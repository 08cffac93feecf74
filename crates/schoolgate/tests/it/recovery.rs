//! A recovery account in a whole gate: whoever signs in with what is in the envelope raises an alarm that is on the
//! headteacher's screen and in their mail within ten seconds (clause ACC-5).

use crate::console::{axe, must_be_accessible};
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

/// Ticks somebody who does not own the first recovery account as the owner of another one, and says why.
const ANOTHER: &str = "(() => {
    const form = deed => [...document.querySelectorAll('form')].find(it => it.querySelector(`[value=${deed}]`));
    const owns = form('ask-owners').querySelector('[name=owner]:checked').value, wanted = form('ask-another');
    [...wanted.querySelectorAll('[name=owner]')].find(it => it.value !== owns).checked = true;
    wanted.querySelector('[name=reason]').value = 'a second safe';
})()";

/// The buttons of each form about what is wanted, and what it asks.
const FORMS: &str =
    "[...document.querySelectorAll('form')].filter(it => it.querySelector('[name=seen]')).map(it =>
    [...it.querySelectorAll('label, button')].map(part => part.innerText.trim()).join(' | ')).join(' / ')";

#[tokio::test]
async fn what_leaders_want_of_a_recovery_account_is_a_form_for_each_deed_that_names_it_the_mildest_first() {
    let (gate, axe) = (Gate::start().await, axe());
    envelope(&gate).await;
    let address = format!("{}/administrators", gate.address("console"));
    let mut head = gate.console_browser("headteacher").await;
    head.visit(&address).await.unwrap();
    head.value_of(ANOTHER).await.unwrap();
    head.press("Ask for another one").await.unwrap();
    let mut deputy = gate.console_browser("senior-leader").await;
    for width in [1280, 360] {
        deputy.set_width(width).await.unwrap();
        deputy.visit(&address).await.unwrap();
        must_be_accessible(&mut deputy, &format!("/administrators asked at {width}"), &axe).await;
    }
    let forms = deputy.value_of(FORMS).await.unwrap();
    assert_eq!(
        forms,
        "Why should it not be made? | Do not make it / Why do you agree? | Agree to another one"
    );
    let why = "document.querySelector('#reason-agree-2').value = 'the safe in the annexe'";
    deputy.value_of(why).await.unwrap();
    deputy.press("Agree to another one").await.unwrap();
    let text = deputy.text().await.unwrap();
    assert!(text.contains("One of the two can do it from"), "{text}");
    for width in [1280, 360] {
        head.set_width(width).await.unwrap();
        head.visit(&address).await.unwrap();
        must_be_accessible(&mut head, &format!("/administrators agreed at {width}"), &axe).await;
    }
    head.visit(&gate.address("console")).await.unwrap();
    let home = head.text().await.unwrap();
    assert!(home.contains("Recovery account 2: two leaders agreed to"), "{home}");
}
