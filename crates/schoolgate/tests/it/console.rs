//! The console as people meet it: by role, on a phone, without scripts, with a screen reader.

use crate::gate::Gate;
use std::path::PathBuf;
use testkit::browser::{Browser, Scripts};
use testkit::certificates::Fault;

/// The pages that a safeguarding lead and a headteacher can open.
const PAGES: [&str; 37] = [
    "/",
    "/alerts",
    "/alerts?show=closed&severity=low",
    "/cases",
    "/weekly",
    "/report",
    "/policy",
    "/policy/FLT-2",
    "/history",
    "/history/kept",
    "/history?outcome=blocked",
    "/history?from=nonsense",
    "/history/counts",
    "/lists",
    "/lists/starter",
    "/lists/illegal-built-in",
    "/inspection",
    "/people",
    "/people?role=learner&year=4",
    "/people/new",
    "/access",
    "/access/ask",
    "/access/open",
    "/visitors",
    "/visitors/new",
    "/people/imports",
    "/classes",
    "/exports",
    "/exports/ask",
    "/my-account",
    "/my-account/password",
    "/my-account/app",
    "/my-account/passkey",
    "/administrators",
    "/confirm",
    "/why",
    "/why?who=ks1&url=games.schoolgate.test",
];

pub fn axe() -> String {
    let file = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap())
        .join("../console/assets/built/test/axe.min.js");
    std::fs::read_to_string(&file).unwrap_or_else(|_| panic!("{}: run `cargo xtask assets`", file.display()))
}

/// Where pictures of every page that was checked are put, for people to look at: a folder, in this variable.
const PICTURES: &str = "SCHOOLGATE_SCREENSHOTS";

pub async fn must_be_accessible(browser: &mut Browser, place: &str, axe: &str) {
    let problems = browser.accessibility_problems(axe).await.unwrap();
    assert!(problems.is_empty(), "{place}: {problems:#?}");
    assert!(!browser.scrolls_sideways().await.unwrap(), "{place} is wider than the window");
    if let Some(folder) = std::env::var_os(PICTURES) {
        let name: String =
            place.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
        browser.screenshot(&PathBuf::from(folder).join(format!("{name}.png"))).await.unwrap();
    }
}

/// The headings of columns that are broken within their one word.
const BROKEN_HEADINGS: &str = "[...document.querySelectorAll('thead th')].filter(heading => {
    const text = document.createRange();
    text.selectNodeContents(heading);
    const lines = new Set([...text.getClientRects()].map(line => line.top));
    return !heading.innerText.trim().includes(' ') && lines.size > 1;
}).map(heading => heading.innerText).join()";

#[tokio::test]
async fn the_tables_of_a_class_keep_the_headings_of_their_columns_whole() {
    let gate = Gate::start().await;
    let axe = axe();
    let mut browser = gate.console_browser("headteacher").await;
    for width in [1280, 360] {
        browser.set_width(width).await.unwrap();
        browser.visit(&format!("{}/classes", gate.address("console"))).await.unwrap();
        let first = "document.querySelector('tbody a[href^=\"/classes/\"]').getAttribute('href')";
        let class = browser.value_of(first).await.unwrap();
        browser.visit(&format!("{}{}", gate.address("console"), class.as_str().unwrap())).await.unwrap();
        must_be_accessible(&mut browser, &format!("/classes/CLASS at {width}"), &axe).await;
        // On a phone the heads of tables are there for a screen reader alone.
        if width == 1280 {
            assert_eq!(browser.value_of(BROKEN_HEADINGS).await.unwrap(), "");
        }
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_any_page_on_a_desktop_or_a_phone() {
    let gate = Gate::start().await;
    let axe = axe();
    let mut browser = gate.console_browser("headteacher").await;
    for width in [1280, 360] {
        browser.set_width(width).await.unwrap();
        for page in PAGES {
            browser.visit(&format!("{}{page}", gate.address("console"))).await.unwrap();
            must_be_accessible(&mut browser, &format!("{page} at {width}"), &axe).await;
        }
        browser.visit(&format!("{}/people", gate.address("console"))).await.unwrap();
        let first = "document.querySelector('tbody a[href^=\"/people/\"]').getAttribute('href')";
        let person = browser.value_of(first).await.unwrap();
        let person = person.as_str().unwrap();
        browser.visit(&format!("{}{person}", gate.address("console"))).await.unwrap();
        must_be_accessible(&mut browser, &format!("/people/PERSON at {width}"), &axe).await;
    }
    let mut stranger = Browser::launch(&testkit::browser::BrowserOptions {
        proxy: String::new(),
        trusted_ca: Some(PathBuf::from(gate.address("authority"))),
    })
    .await
    .unwrap();
    for page in ["/sign-in", "/sign-in/forgot", "/web/sign-in", "/web/badge", "/web/pictures", "/nowhere"] {
        stranger.set_width(360).await.unwrap();
        stranger.visit(&format!("{}{page}", gate.address("console"))).await.unwrap();
        must_be_accessible(&mut stranger, page, &axe).await;
    }
}

#[tokio::test]
async fn axe_finds_nothing_on_the_block_pages() {
    let gate = Gate::start().await;
    let axe = axe();
    let (_bad, refused) = gate.origin("one.education.schoolgate.test", Fault::Expired, "").await;
    let mut browser = gate.browser().await;
    browser.set_width(360).await.unwrap();
    for login in ["", "bryn", "elsie", "class-teacher"] {
        if !login.is_empty() {
            gate.sign_in_to_web(login).await;
        }
        let (blocked, help) =
            ("https://gambling.schoolgate.test/", "https://self-harm-suicide.schoolgate.test/");
        for url in [blocked, help, &refused] {
            browser.visit(url).await.unwrap();
            must_be_accessible(&mut browser, &format!("{url} for {login:?}"), &axe).await;
        }
    }
}

#[tokio::test]
async fn every_page_works_without_scripts() {
    let gate = Gate::start().await;
    let mut browser = gate.console_browser("headteacher").await;
    browser.set_scripts(Scripts::Off).await.unwrap();
    for page in PAGES {
        browser.visit(&format!("{}{page}", gate.address("console"))).await.unwrap();
        let heading = browser.value_of("document.querySelectorAll('h1').length").await.unwrap();
        assert_eq!(heading, 1, "{page}");
    }
}

#[tokio::test]
async fn each_role_sees_what_it_may_and_a_pupil_does_not_come_in() {
    let gate = Gate::start().await;
    let mut governor = gate.console_browser("governor").await;
    governor.visit(&format!("{}/policy", gate.address("console"))).await.unwrap();
    assert!(governor.text().await.unwrap().contains("FLT-2"));
    governor.visit(&format!("{}/history", gate.address("console"))).await.unwrap();
    let refused = governor.text().await.unwrap();
    assert!(!refused.contains("schoolgate.test"), "a governor reads no child's history: {refused}");

    let mut pupil = gate.console_browser("elsie").await;
    let text = pupil.text().await.unwrap();
    assert!(text.contains("staff"), "a pupil is told kindly whom this is for: {text}");
    pupil.visit(&format!("{}/policy", gate.address("console"))).await.unwrap();
    assert!(!pupil.text().await.unwrap().contains("FLT-2"));
}

#[tokio::test]
async fn the_policy_page_says_unknown_where_nothing_checks_and_fails_without_a_member_list() {
    let gate = Gate::start().await;
    let mut browser = gate.console_browser("governor").await;
    browser.visit(&format!("{}/policy/FLT-2", gate.address("console"))).await.unwrap();
    let illegal = browser.text().await.unwrap();
    assert!(illegal.contains("Fail") && illegal.contains("member list"), "{illegal}");
    browser.visit(&format!("{}/policy/DSP-5", gate.address("console"))).await.unwrap();
    assert!(browser.text().await.unwrap().contains("Unknown"));
}
