//! From a pupil's search to a closed case, in real browsers: the lead's open queue shows it within two seconds, a mail says
//! that something waits, the work on it goes from page to page, and anybody reports from a phone.

use crate::console::{axe, must_be_accessible};
use crate::gate::Gate;
use crate::mail_server::MailServer;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use testkit::browser::{Browser, BrowserOptions};
use testkit::certificates::Fault;

/// What a rule finds, and no lesson needs.
const SEARCH: &str = "search?q=painless+ways+to+die";
/// What the rule's alert is called.
const TITLE: &str = "Suicide and self-harm";
/// From a request to the lead's screen.
const SOON: Duration = Duration::from_secs(2);

/// From a request to the lead's mail box: messages leave every few seconds.
const MAILED: Duration = Duration::from_secs(20);

/// How long until the page that is open says this; `None`: not in time.
async fn says(browser: &mut Browser, words: &str, within: Duration) -> Option<Duration> {
    let began = Instant::now();
    while began.elapsed() < within {
        if browser.text().await.unwrap().contains(words) {
            return Some(began.elapsed());
        }
        tokio::task::yield_now().await;
    }
    None
}

/// The address of the page that is open.
async fn here(browser: &mut Browser) -> String {
    browser.value_of("location.href").await.unwrap().as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_pupils_search_stands_on_the_leads_open_queue_within_two_seconds_is_mailed_and_ends_as_a_closed_case()
 {
    let mails = MailServer::start().await;
    let gate = Gate::start_with(&mails.configuration()).await;
    let axe = axe();
    let mut lead = gate.console_browser("safeguarding-lead").await;
    let took = pupil_searches(&gate, &mut lead).await;
    println!("from the pupil's page to the lead's open queue: {took:?}");
    told_by_mail(&mails).await;
    let alert = alert_of_the_queue(&mut lead).await;
    let case = case_from(&mut lead, &alert).await;
    for width in [1280, 360] {
        lead.set_width(width).await.unwrap();
        for page in [alert.as_str(), case.as_str()] {
            lead.visit(page).await.unwrap();
            let name = if page == alert { "alert" } else { "case" };
            must_be_accessible(&mut lead, &format!("{name} at {width}"), &axe).await;
        }
    }
    let mut technician = gate.console_browser("technician").await;
    technician.visit(&alert).await.unwrap();
    assert!(!technician.text().await.unwrap().contains("painless"), "it is not for IT");
    close(&mut lead, &case).await;
}

/// A pupil searches for what a rule finds; the lead's open queue has it in time, and names nobody. How soon.
pub async fn pupil_searches(gate: &Gate, lead: &mut Browser) -> Option<Duration> {
    let (_origin, url) = gate.origin("one.education.schoolgate.test", Fault::None, "<h1>Search</h1>").await;
    gate.sign_in_to_web("elsie").await;
    lead.visit(&format!("{}/alerts", gate.address("console"))).await.unwrap();
    assert!(!lead.text().await.unwrap().contains(TITLE));
    let mut pupil = gate.browser().await;
    // The origin has no such page; what counts is that it was asked for.
    let _ = pupil.open(&format!("{url}{SEARCH}")).await.unwrap();
    let took = says(lead, TITLE, SOON).await;
    assert!(took.is_some(), "{}", lead.text().await.unwrap());
    let queue = lead.text().await.unwrap();
    assert!(queue.contains("Pupil ") && !queue.to_lowercase().contains("elsie"), "{queue}");
    took
}

/// The lead's mail says that something waits and where, and neither who nor what.
async fn told_by_mail(mails: &MailServer) {
    let mail = mails.mail_with("Subject: Safeguarding alert (", MAILED).await;
    assert!(mail.contains("X-To: lead@larkfield.test") && mail.contains("/alerts/"), "{mail}");
    for secret in ["elsie", "painless", "suicide", "self-harm", "education.schoolgate"] {
        assert!(!mail.to_lowercase().contains(secret), "{secret}: {mail}");
    }
}

/// The alert's page, from the open queue.
pub async fn alert_of_the_queue(lead: &mut Browser) -> String {
    let page = "[...document.querySelectorAll('td a')].find(a => a.textContent.includes('self-harm')).href";
    lead.value_of(page).await.unwrap().as_str().unwrap().to_owned()
}

/// Works on the alert until there is a case with a line in it; the case's page.
pub async fn case_from(lead: &mut Browser, alert: &str) -> String {
    lead.visit(alert).await.unwrap();
    assert!(lead.text().await.unwrap().contains("painless ways to die"), "the lead sees what was asked for");
    lead.press("Acknowledge").await.unwrap();
    lead.fill("reason", "to speak to the class teacher").await.unwrap();
    lead.press("Show the name").await.unwrap();
    assert!(lead.text().await.unwrap().contains("Elsie"), "{}", lead.text().await.unwrap());
    lead.visit(alert).await.unwrap();
    assert!(!lead.text().await.unwrap().contains("Elsie"), "the name is shown once");
    lead.fill("title", "Searches in November").await.unwrap();
    lead.press("Open a case").await.unwrap();
    let case = here(lead).await;
    assert!(case.contains("/cases/"), "{case}");
    lead.fill("words", "Spoke to her and to her mother").await.unwrap();
    lead.press("Add").await.unwrap();
    let text = lead.text().await.unwrap();
    assert!(text.contains("Spoke to her and to her mother") && text.contains("Unchanged"), "{text}");
    case
}

/// Ends the case with an outcome.
pub async fn close(lead: &mut Browser, case: &str) {
    lead.visit(case).await.unwrap();
    lead.value_of("document.querySelector('#outcome').value = 'parent-contacted'").await.unwrap();
    let words = "document.querySelector('#close-words').value = 'Her mother and the doctor know'";
    lead.value_of(words).await.unwrap();
    lead.press("Close the case").await.unwrap();
    let text = lead.text().await.unwrap();
    assert!(text.contains("Her mother and the doctor know") && text.contains("Closed"), "{text}");
}

#[tokio::test]
async fn anybody_reports_on_a_phone_and_sees_that_it_was_dealt_with() {
    let gate = Gate::start().await;
    let axe = axe();
    let trusted_ca = Some(PathBuf::from(gate.address("authority")));
    let options = BrowserOptions { proxy: String::new(), trusted_ca };
    let mut anybody = Browser::launch(&options).await.unwrap();
    anybody.set_width(360).await.unwrap();
    let report = format!("{}/report", gate.address("console"));
    for page in ["", "/unsuitable-material", "/status", "/status?reference=SG-AAAA-AAAA"] {
        anybody.visit(&format!("{report}{page}")).await.unwrap();
        must_be_accessible(&mut anybody, &format!("/report{page}"), &axe).await;
    }
    anybody.visit(&format!("{report}/unsuitable-material")).await.unwrap();
    anybody.press("Continue").await.unwrap();
    assert!(anybody.text().await.unwrap().contains("There is a problem"));
    anybody.fill("words", "Pictures on a phone in year 6").await.unwrap();
    anybody.press("Continue").await.unwrap();
    assert!(anybody.text().await.unwrap().contains("Check your report"));
    anybody.press("Send the report").await.unwrap();
    let text = anybody.text().await.unwrap();
    assert!(text.contains("Thank you") && !text.contains("year 6"), "{text}");
    let status = here(&mut anybody).await.replace("&new=yes", "");

    let mut lead = gate.console_browser("safeguarding-lead").await;
    lead.visit(&format!("{}/alerts", gate.address("console"))).await.unwrap();
    let page = "[...document.querySelectorAll('td a')].find(a => a.textContent.includes('reported')).href";
    let alert = lead.value_of(page).await.unwrap().as_str().unwrap().to_owned();
    lead.visit(&alert).await.unwrap();
    assert!(lead.text().await.unwrap().contains("Pictures on a phone in year 6"));
    let choose = "document.querySelector('#triage').value = 'known'";
    lead.value_of(choose).await.unwrap();
    lead.fill("words", "The phone is with the parents").await.unwrap();
    lead.press("Save the judgement").await.unwrap();
    anybody.visit(&status).await.unwrap();
    assert!(anybody.text().await.unwrap().contains("dealt with"), "{}", anybody.text().await.unwrap());
}
