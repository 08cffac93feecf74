//! Second factors as somebody at a browser meets them, without JavaScript: an app, recovery codes, and a forgotten password.

use crate::school::{PASSWORD, School, login};
use crate::wire::{Answer, Visitor};
use hyper::StatusCode;
use identity::{TotpSecret, TotpStep};
use model::{Role, Timestamp};

/// The code of the school's moment, and of so many steps later.
fn code(secret: &TotpSecret, later: i64) -> String {
    let opened = Timestamp::parse("2026-11-23T10:15:00Z").unwrap();
    secret.code(TotpStep(opened.0.div_euclid(30_000) + later)).unwrap()
}

fn secret_on(page: &Answer) -> TotpSecret {
    let typed = page.body.split_once("<p class=\"govuk-body sg-secret\">").unwrap().1;
    TotpSecret::parse(typed.split_once('<').unwrap().0).unwrap()
}

fn codes_on(page: &Answer) -> Vec<String> {
    let pieces = page.body.split("<li class=\"sg-secret\">").skip(1);
    pieces.map(|piece| piece.split_once('<').unwrap().0.to_owned()).collect()
}

#[tokio::test]
async fn an_app_is_added_asked_for_and_replaces_a_forgotten_password() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    let page = head.get("/my-account/app").await;
    assert!(page.body.contains("<svg") && page.body.contains("role=\"img\""), "{}", page.body);
    let secret = secret_on(&page);
    let wrong = head.post("/my-account/app", "code=000000&name=").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(secret_on(&wrong), secret, "who mistypes need not scan again");
    let added = head.post("/my-account/app", &format!("code={}&name=My+phone", code(&secret, -1))).await;
    let codes = codes_on(&added);
    assert_eq!((added.status, codes.len()), (StatusCode::OK, 10), "{}", added.body);
    assert!(head.get("/my-account").await.body.contains("My phone"));
    let last = "deed=remove&factor=";
    assert_eq!(head.post("/my-account/factors", last).await.status, StatusCode::BAD_REQUEST);

    let mut again = Visitor::new(&school);
    let begun = again.sign_in(Role::Headteacher).await;
    assert_eq!(begun.location(), "/sign-in/code");
    assert_eq!(again.get("/").await.location(), "/sign-in", "a password alone opens nothing");
    assert!(again.get("/sign-in/code").await.body.contains("six digits"));
    let refused = again.post("/sign-in/code", "code=123456").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let entered = again.post("/sign-in/code", &format!("code={}&next=%2Fpolicy", code(&secret, 0))).await;
    assert_eq!(entered.location(), "/policy");
    again.take_cookie(&entered);
    assert!(again.get("/").await.body.contains("Robin Headteacher"));

    let mut forgot = Visitor::new(&school);
    assert!(forgot.get("/sign-in/forgot").await.body.contains("recovery codes"));
    let name = login(Role::Headteacher);
    let typed = format!("login={name}&app_code={}&recovery_code={}", code(&secret, 1), codes[0]);
    let begun = forgot.post("/sign-in/forgot", &typed).await;
    assert_eq!(begun.location(), "/sign-in/password", "{}", begun.body);
    forgot.take_cookie(&begun);
    let new = "new=velvet+anchor+pigment+tram&again=velvet+anchor+pigment+tram";
    assert_eq!(forgot.post("/sign-in/password", new).await.location(), "/");
    assert_eq!(again.get("/").await.location(), "/sign-in", "what was signed in to ends");
    let old = format!("login={name}&password={}", PASSWORD.replace(' ', "+"));
    let refused = Visitor::new(&school).post("/sign-in", &old).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    school.close().await;
}

#[tokio::test]
async fn administrators_are_shown_to_those_who_manage_accounts_everywhere_and_to_nobody_else() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    let page = head.get("/administrators").await.body;
    assert!(page.contains("What is missing") && page.contains("2 more people"), "{page}");
    assert!(head.get("/").await.body.contains("The set-up is not finished"));
    let none = head.post("/administrators", "number=1&deed=ask-recovery-deletion&reason=old").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let mut teacher = Visitor::new(&school);
    teacher.sign_in(Role::ClassTeacher).await;
    assert_eq!(teacher.get("/administrators").await.status, StatusCode::FORBIDDEN);
    assert!(!teacher.get("/").await.body.contains("The set-up is not finished"));
    school.close().await;
}
