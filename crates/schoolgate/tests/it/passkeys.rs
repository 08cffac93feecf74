//! Passkeys in a real Chromium, with an authenticator that the browser makes believe in: made, shown, copied, and shown to the
//! wrong address.

use crate::console::{axe, must_be_accessible};
use crate::gate::Gate;
use crate::lists::facts_of;
use serde_json::json;
use testkit::browser::Browser;

async fn open(browser: &mut Browser, gate: &Gate, path: &str) {
    browser.visit(&format!("{}{path}", gate.address("console"))).await.unwrap();
}

async fn type_password(browser: &mut Browser, gate: &Gate, login: &str) {
    open(browser, gate, "/sign-in").await;
    browser.fill("login", login).await.unwrap();
    browser.fill("password", &gate.password(login)).await.unwrap();
    browser.press("Sign in").await.unwrap();
}

#[tokio::test]
async fn a_passkey_is_made_signs_in_and_a_copy_of_it_is_refused_and_alarmed() {
    let gate = Gate::start().await;
    let axe = axe();
    let mut browser = gate.console_browser("headteacher").await;
    let authenticator = browser.plug_in_authenticator().await.unwrap();
    open(&mut browser, &gate, "/my-account/passkey").await;
    must_be_accessible(&mut browser, "/my-account/passkey", &axe).await;
    browser.fill("name", "School laptop").await.unwrap();
    browser.press("Add the passkey").await.unwrap();
    let codes = browser.text().await.unwrap();
    assert!(codes.contains("Your recovery codes"), "{codes}");
    must_be_accessible(&mut browser, "/my-account/codes", &axe).await;
    let copied = browser.passkeys(&authenticator).await.unwrap();
    assert_eq!(copied.len(), 1);
    open(&mut browser, &gate, "/my-account").await;
    let mine = browser.text().await.unwrap();
    assert!(mine.contains("School laptop") && mine.contains("10 recovery codes left"), "{mine}");
    must_be_accessible(&mut browser, "/my-account with a passkey", &axe).await;

    browser.press("Sign out").await.unwrap();
    type_password(&mut browser, &gate, "headteacher").await;
    must_be_accessible(&mut browser, "/sign-in/code", &axe).await;
    assert!(browser.text().await.unwrap().contains("Your second step"), "a password alone opens nothing");
    browser.press("Use your passkey").await.unwrap();
    assert!(browser.text().await.unwrap().contains("My account"), "both steps open it");

    browser.press("Sign out").await.unwrap();
    browser.press("Sign in with a passkey").await.unwrap();
    assert!(browser.text().await.unwrap().contains("My account"), "so does the passkey alone");

    // Whoever copied it before it was used has its counter as it was then.
    browser.press("Sign out").await.unwrap();
    browser.clear_passkeys(&authenticator).await.unwrap();
    let mut copy = copied[0].clone();
    copy["signCount"] = json!(0);
    browser.add_passkey(&authenticator, &copy).await.unwrap();
    type_password(&mut browser, &gate, "headteacher").await;
    browser.press("Use your passkey").await.unwrap();
    let refused = browser.text().await.unwrap();
    assert!(refused.contains("may have been copied"), "{refused}");
    let mut technician = gate.console_browser("technician").await;
    open(&mut technician, &gate, "/alerts").await;
    let alerts = technician.text().await.unwrap();
    assert!(alerts.contains("counter went back"), "{alerts}");
}

#[tokio::test]
async fn a_passkey_of_another_address_is_refused() {
    let gate = Gate::start().await;
    let mut browser = gate.console_browser("headteacher").await;
    browser.plug_in_authenticator().await.unwrap();
    open(&mut browser, &gate, "/my-account/passkey").await;
    browser.press("Add the passkey").await.unwrap();
    open(&mut browser, &gate, "/my-account").await;
    browser.press("Sign out").await.unwrap();
    let address = gate.address("console");
    assert!(address.starts_with("https://localhost:"), "{address}");

    // The same page under another name: the browser itself gives no passkey of ours.
    let elsewhere = address.replace("localhost", "127.0.0.1");
    if browser.open(&format!("{elsewhere}/sign-in")).await.unwrap().is_ok() {
        let asked = "document.querySelector('form[data-passkey] button').click(),
            new Promise(done => setTimeout(() =>
                done(document.querySelector('[data-passkey-problem]').textContent), 2000))";
        let problem = browser.value_of(asked).await.unwrap();
        assert!(problem.as_str().unwrap_or_default().contains("another address"), "{problem}");
    }

    // The same page under the same name at another port, as somebody in the middle would pass it on: the browser asks the
    // passkey, which signs the gate's own challenge, over that address.
    let elsewhere = passed_on(&address).await;
    browser.visit(&format!("{elsewhere}/sign-in")).await.unwrap();
    assert_eq!(browser.value_of("location.origin").await.unwrap(), elsewhere);
    browser.press("Sign in with a passkey").await.unwrap();
    let refused = browser.text().await.unwrap();
    assert!(refused.contains("another address than this console"), "{refused}");
    let home = format!("{elsewhere}/my-account");
    browser.visit(&home).await.unwrap();
    assert!(!browser.text().await.unwrap().contains("My account"), "nobody is signed in");
    let facts = facts_of(&gate, "passkey-refused").await;
    assert_eq!((facts.len(), facts[0].details()["why"].as_str()), (1, "another address"));

    // The control: the same steps at the console's own address.
    open(&mut browser, &gate, "/sign-in").await;
    browser.press("Sign in with a passkey").await.unwrap();
    assert!(browser.text().await.unwrap().contains("My account"), "the passkey itself was right");
    assert_eq!(facts_of(&gate, "passkey-refused").await.len(), 1, "and nothing else was refused");
}

/// The console passed on from another port of this machine, byte for byte: the address there.
async fn passed_on(console: &str) -> String {
    let to = console.rsplit_once(':').unwrap().1.to_owned();
    let listener = tokio::net::TcpListener::bind("localhost:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = listener.accept().await {
            let to = format!("localhost:{to}");
            tokio::spawn(async move {
                if let Ok(mut far) = tokio::net::TcpStream::connect(to).await {
                    // A browser that goes away in the middle is no failure.
                    drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                }
            });
        }
    });
    format!("https://localhost:{port}")
}
