//! A class of infants in a real browser: the teacher prints badges and opens the window, and the children hold their badges
//! before a camera, type what stands on them, or press their pictures.

use crate::console::{axe, must_be_accessible};
use crate::gate::Gate;
use std::path::PathBuf;
use testkit::badges;
use testkit::browser::{Browser, BrowserOptions};

/// The children of the demo's class who are young enough, by surname.
const INFANTS: usize = 6;

fn options(gate: &Gate) -> BrowserOptions {
    BrowserOptions { proxy: String::new(), trusted_ca: Some(PathBuf::from(gate.address("authority"))) }
}

async fn class_page(gate: &Gate, teacher: &mut Browser) -> String {
    badges::open_class(teacher, &gate.address("console")).await.unwrap()
}

async fn says(browser: &mut Browser, words: &str) -> bool {
    badges::says(browser, words).await.unwrap()
}

/// What the page says on which anybody signs in to the web.
async fn sign_in_page(gate: &Gate, browser: &mut Browser) -> String {
    browser.visit(&format!("{}/web/sign-in", gate.address("console"))).await.unwrap();
    browser.text().await.unwrap()
}

async fn type_code(gate: &Gate, browser: &mut Browser, letters: &str) -> String {
    browser.visit(&format!("{}/web/badge", gate.address("console"))).await.unwrap();
    browser.fill("code", letters).await.unwrap();
    browser.press("Sign in").await.unwrap();
    browser.text().await.unwrap()
}

#[tokio::test]
async fn children_hold_their_badges_before_the_camera_while_the_window_is_open_and_never_else() {
    let gate = Gate::start().await;
    let mut teacher = gate.console_browser("class-teacher").await;
    let class = class_page(&gate, &mut teacher).await;
    let printed = badges::print_badges(&mut teacher).await.unwrap();
    assert_eq!(printed.len(), INFANTS, "nobody above Year 2 has one");
    let mut child = Browser::launch(&options(&gate)).await.unwrap();
    let text = type_code(&gate, &mut child, &printed[0].letters).await;
    assert!(text.contains("not time"), "before the window opens: {text}");
    assert!(!sign_in_page(&gate, &mut child).await.contains("Use my badge"));

    teacher.visit(&class).await.unwrap();
    teacher.press("Open sign-in").await.unwrap();
    assert!(teacher.text().await.unwrap().contains("Close it now"));
    let offered = sign_in_page(&gate, &mut child).await;
    assert!(offered.contains("Use my badge") && !offered.contains("Use my pictures"), "{offered}");
    let text = type_code(&gate, &mut child, &printed[0].letters.to_lowercase()).await;
    assert!(text.contains(&format!("Hello {}", printed[0].first_name)), "typed: {text}");

    let film = gate.folder.path().join("badges.y4m");
    badges::film(&film, &printed[..2], 15).unwrap();
    let mut shared = Browser::launch_with_camera(&options(&gate), &film).await.unwrap();
    shared.visit(&format!("{}/web/badge", gate.address("console"))).await.unwrap();
    for badge in [&printed[1], &printed[0], &printed[1]] {
        assert!(says(&mut shared, &format!("Hello {}", badge.first_name)).await, "{}", badge.first_name);
    }

    teacher.visit(&class).await.unwrap();
    teacher.press("Close it now").await.unwrap();
    assert!(says(&mut shared, "not time").await, "the same badges, after the window closed");
    let text = type_code(&gate, &mut child, &printed[0].letters).await;
    assert!(text.contains("not time"), "{text}");

    teacher.visit(&class).await.unwrap();
    teacher.press("Open sign-in").await.unwrap();
    teacher.visit(&class).await.unwrap();
    let lost = "document.querySelector('button[value=void]').textContent.replace(/\\s+/g, ' ').trim()";
    let lost = teacher.value_of(lost).await.unwrap().as_str().unwrap().to_owned();
    teacher.press(&lost).await.unwrap();
    let text = type_code(&gate, &mut child, &printed[0].letters).await;
    assert!(text.contains("an old one"), "a lost badge is void at once: {text}");
}

#[tokio::test]
async fn a_child_signs_in_with_three_pictures() {
    let gate = Gate::start().await;
    let mut teacher = gate.console_browser("class-teacher").await;
    let class = class_page(&gate, &mut teacher).await;
    let link = teacher.value_of("document.querySelector('a[href*=\"/pictures/\"]').href").await.unwrap();
    teacher.visit(link.as_str().unwrap()).await.unwrap();
    let name = teacher.value_of("document.querySelector('h1').textContent").await.unwrap();
    let name = name.as_str().unwrap().split_whitespace().nth(2).unwrap().to_owned();
    teacher.press("Draw three for me").await.unwrap();
    let shown = "[...document.querySelectorAll('.sg-picture__name')].map(e => e.textContent).join(',')";
    let shown = teacher.value_of(shown).await.unwrap();
    let pictures: Vec<String> = shown.as_str().unwrap().split(',').map(str::to_owned).collect();
    teacher.visit(&class).await.unwrap();
    teacher.press("Open sign-in").await.unwrap();

    let mut child = Browser::launch(&options(&gate)).await.unwrap();
    child.visit(&format!("{}/web/pictures", gate.address("console"))).await.unwrap();
    child.press(&name).await.unwrap();
    for picture in &pictures {
        child.press(picture).await.unwrap();
    }
    let text = child.text().await.unwrap();
    assert!(text.contains(&format!("Hello {name}")), "{text}");
}

#[tokio::test]
async fn axe_finds_nothing_on_the_pages_of_a_class_on_a_desktop_or_a_phone() {
    let (gate, axe) = (Gate::start().await, axe());
    let mut teacher = gate.console_browser("class-teacher").await;
    let class = class_page(&gate, &mut teacher).await;
    teacher.press("Open sign-in").await.unwrap();
    let pictures = teacher.value_of("document.querySelector('a[href*=\"/pictures/\"]').href").await.unwrap();
    let pictures = pictures.as_str().unwrap().to_owned();
    let mut child = Browser::launch(&options(&gate)).await.unwrap();
    for width in [1280, 360] {
        teacher.set_width(width).await.unwrap();
        for (name, page) in [("badges ask", format!("{class}/badges")), ("pictures ask", pictures.clone())] {
            teacher.visit(&page).await.unwrap();
            must_be_accessible(&mut teacher, &format!("class {name} at {width}"), &axe).await;
        }
        teacher.press("Draw three for me").await.unwrap();
        must_be_accessible(&mut teacher, &format!("class pictures shown at {width}"), &axe).await;
        teacher.visit(&format!("{class}/badges")).await.unwrap();
        teacher.value_of("document.querySelector('select').value = 'all'").await.unwrap();
        teacher.press("Make the badges").await.unwrap();
        must_be_accessible(&mut teacher, &format!("class badges sheet at {width}"), &axe).await;
        let letters = teacher.value_of("document.querySelector('.sg-badge__letters').textContent").await;
        let letters = letters.unwrap().as_str().unwrap().to_owned();
        teacher.visit(&class).await.unwrap();
        must_be_accessible(&mut teacher, &format!("class at {width}"), &axe).await;
        child.set_width(width).await.unwrap();
        type_code(&gate, &mut child, "AAAA-AAAA").await;
        must_be_accessible(&mut child, &format!("badge refused at {width}"), &axe).await;
        type_code(&gate, &mut child, &letters).await;
        must_be_accessible(&mut child, &format!("badge hello at {width}"), &axe).await;
        child.visit(&format!("{}/web/pictures", gate.address("console"))).await.unwrap();
        must_be_accessible(&mut child, &format!("pictures names at {width}"), &axe).await;
        let first = child.value_of("document.querySelector('.sg-name').textContent.trim()").await.unwrap();
        child.press(first.as_str().unwrap()).await.unwrap();
        must_be_accessible(&mut child, &format!("pictures at {width}"), &axe).await;
    }
}
