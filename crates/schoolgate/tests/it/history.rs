//! The history as a safeguarding lead and a headteacher use it: searched in a real browser, on a phone too, with no name in any
//! address, and at the command line beside the running gate.

use crate::console::{axe, must_be_accessible};
use crate::gate::Gate;
use std::time::{Duration, Instant};
use testkit::browser::Browser;
use testkit::certificates::Fault;

async fn here(browser: &mut Browser) -> String {
    browser.value_of("location.href").await.unwrap().as_str().unwrap().to_owned()
}

async fn choose(browser: &mut Browser, field: &str, value: &str) {
    browser.value_of(&format!("document.querySelector('#{field}').value = '{value}'")).await.unwrap();
}

async fn visited(gate: &Gate) {
    let (_origin, url) = gate.origin("one.education.schoolgate.test", Fault::None, "<h1>Frogs</h1>").await;
    gate.sign_in_to_web("elsie").await;
    let mut pupil = gate.browser().await;
    pupil.visit(&format!("{url}?q=life+of+a+toad")).await.unwrap();
    pupil.close().await.unwrap();
}

#[tokio::test]
async fn a_lead_searches_by_person_words_and_time_and_no_address_has_a_name() {
    let gate = Gate::start().await;
    visited(&gate).await;
    let axe = axe();
    let mut lead = gate.console_browser("safeguarding-lead").await;
    let history = format!("{}/history", gate.address("console"));
    let since = Instant::now();
    loop {
        lead.visit(&history).await.unwrap();
        lead.fill("words", "life toad").await.unwrap();
        lead.press("Search").await.unwrap();
        let text = lead.text().await.unwrap();
        if text.contains("life+of+a+toad") {
            assert!(text.contains("Pupil ") && !text.contains("Elsie"), "{text}");
            break;
        }
        assert!(since.elapsed() < Duration::from_secs(5), "{text}");
    }
    let looked = here(&mut lead).await;
    assert!(looked.contains("/history/looks/") && !looked.contains("toad"), "{looked}");
    let link = "document.querySelector('a[href^=\"/history/around/\"]').href";
    let around = lead.value_of(link).await.unwrap().as_str().unwrap().to_owned();
    lead.visit(&around).await.unwrap();
    assert!(around.contains("/history/around/"), "{around}");
    assert!(lead.text().await.unwrap().contains("10 minutes before and after"));

    lead.visit(&history).await.unwrap();
    lead.fill("person", "elsie").await.unwrap();
    lead.press("Search").await.unwrap();
    let text = lead.text().await.unwrap();
    assert!(text.contains("There is a problem") && text.contains("Choose why"), "{text}");
    choose(&mut lead, "reason", "concern").await;
    lead.fill("why", "said that she is afraid").await.unwrap();
    lead.press("Search").await.unwrap();
    let text = lead.text().await.unwrap();
    assert!(text.contains("Elsie") && text.contains("Names are shown"), "{text}");
    let look = here(&mut lead).await;
    assert!(!look.contains("elsie") && !look.contains("afraid"), "{look}");
    lead.press("Counts and charts").await.unwrap();
    let counts = here(&mut lead).await;
    assert!(lead.text().await.unwrap().contains("Requests by day"), "{counts}");
    for width in [1280, 360] {
        lead.set_width(width).await.unwrap();
        for (name, page) in
            [("history look", &look), ("history counts", &counts), ("history around", &around)]
        {
            lead.visit(page).await.unwrap();
            must_be_accessible(&mut lead, &format!("{name} at {width}"), &axe).await;
        }
    }
    let mut head = gate.console_browser("headteacher").await;
    head.visit(&look).await.unwrap();
    assert!(!head.text().await.unwrap().contains("toad"), "a kept search is its maker\u{2019}s alone");
    head.visit(&format!("{history}?person=elsie")).await.unwrap();
    assert!(head.text().await.unwrap().contains("stand in no address"));
    head.visit(&history).await.unwrap();
    choose(&mut head, "names_reason", "check").await;
    head.fill("names_why", "the weekly look").await.unwrap();
    head.press("Show names").await.unwrap();
    assert!(head.text().await.unwrap().contains("Elsie"));
    must_be_accessible(&mut head, "history with names", &axe).await;
}

#[tokio::test]
async fn at_the_command_line_the_history_is_searched_beside_the_running_gate() {
    let gate = Gate::start().await;
    visited(&gate).await;
    let refused = gate.command(&["history", "search", "--words", "toad"]).await;
    assert!(!refused.status.success(), "a reason is needed");
    let asked = ["history", "search", "--reason", "a test", "--words", "toad"];
    let since = Instant::now();
    let found = loop {
        let found = gate.command(&[&asked[..], &["--json"]].concat()).await;
        assert!(found.status.success(), "{}", String::from_utf8_lossy(&found.stderr));
        let found: serde_json::Value = serde_json::from_slice(&found.stdout).unwrap();
        if found["total"] == 1 {
            break found;
        }
        assert!(since.elapsed() < Duration::from_secs(5), "{found}");
    };
    assert!(found["rows"][0]["person"].as_str().unwrap().starts_with("Pupil "), "{found}");
    let named = gate.command(&[&asked[..], &["--person", "elsie", "--names"]].concat()).await;
    let text = String::from_utf8_lossy(&named.stdout).into_owned();
    assert!(text.starts_with("1 of 1 requests") && text.contains("Elsie"), "{text}");
    let wrong = gate.command(&["history", "search", "--reason", "a test", "--outcome", "maybe"]).await;
    assert!(String::from_utf8_lossy(&wrong.stderr).contains("--outcome: Choose"), "{wrong:?}");
}
