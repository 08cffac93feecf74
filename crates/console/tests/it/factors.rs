//! Second factors as somebody at a browser meets them, without JavaScript: an app, recovery codes, and a forgotten password.

use crate::school::{PASSWORD, School, login};
use crate::wire::{Answer, Visitor};
use app::AtMachine;
use hyper::StatusCode;
use identity::{TotpSecret, TotpStep};
use model::{Actor, Role, Timestamp};
use std::net::Ipv4Addr;

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
    let none = head.post("/administrators", "number=1&deed=ask-deletion&reason=old").await;
    assert_eq!(none.status, StatusCode::NOT_FOUND);
    let mut teacher = Visitor::new(&school);
    teacher.sign_in(Role::ClassTeacher).await;
    assert_eq!(teacher.get("/administrators").await.status, StatusCode::FORBIDDEN);
    assert!(!teacher.get("/").await.body.contains("The set-up is not finished"));
    school.close().await;
}

/// Adds an app under My account; its secret.
async fn add_app(visitor: &Visitor<'_>) -> TotpSecret {
    let secret = secret_on(&visitor.get("/my-account/app").await);
    let added = visitor.post("/my-account/app", &format!("code={}&name=", code(&secret, -1))).await;
    assert_eq!(added.status, StatusCode::OK, "{}", added.body);
    secret
}

#[tokio::test]
async fn a_session_that_leaves_school_shows_the_second_step_before_it_opens_another_page() {
    let school = School::open_with_an_outside().await;
    let mut teacher = Visitor::new(&school);
    assert_eq!(teacher.sign_in(Role::ClassTeacher).await.location(), "/");
    let secret = add_app(&teacher).await;
    let at_school = teacher.cookie.clone();
    teacher.address = Ipv4Addr::new(127, 200, 0, 1).into();
    for (page, way) in [("/classes", "/sign-in/code?next=%2Fclasses"), ("/", "/sign-in/code")] {
        assert_eq!(teacher.get(page).await.location(), way);
    }
    assert_eq!(teacher.post("/my-account", "deed=end-others").await.location(), "/sign-in/code");
    let page = teacher.get("/sign-in/code?next=%2Fclasses").await;
    assert!(page.body.contains("second step away from school"), "{}", page.body);
    let wrong = teacher.post("/sign-in/code", "code=000000").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = teacher.post("/sign-in/code", &format!("code={}&next=%2Fclasses", code(&secret, 0))).await;
    assert_eq!(right.location(), "/classes", "{}", right.body);
    teacher.take_cookie(&right);
    assert_eq!(teacher.get("/classes").await.status, StatusCode::OK);
    let mut copy = Visitor::new(&school);
    copy.cookie = at_school;
    assert_eq!(
        copy.get("/classes").await.location(),
        "/sign-in?next=%2Fclasses",
        "what was copied is worth nothing"
    );

    let mut without = Visitor::new(&school);
    without.sign_in(Role::Staff).await;
    without.address = Ipv4Addr::new(127, 200, 0, 1).into();
    assert_eq!(without.get("/").await.location(), "/sign-in");
    without.address = Ipv4Addr::LOCALHOST.into();
    assert_eq!(without.get("/").await.status, StatusCode::OK, "back at school it goes on");
    school.close().await;
}

#[tokio::test]
async fn a_passkey_that_fails_is_answered_where_somebody_is() {
    let school = School::open().await;
    let visitor = Visitor::new(&school);
    let forgot = visitor.post("/sign-in/passkey", "number=0a&answer=%7B%7D&purpose=forgot").await;
    assert_eq!(forgot.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(forgot.body.contains("You forgot your password") && forgot.body.contains("did not work here"));
    let sign_in = visitor.post("/sign-in/passkey", "number=0a&answer=%7B%7D&purpose=&next=%2Fpolicy").await;
    assert_eq!(sign_in.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!sign_in.body.contains("You forgot your password") && sign_in.body.contains("did not work here"));
    school.close().await;
}

/// What is asked for, as the page has it for whoever agrees.
fn seen_on(page: &Answer) -> String {
    let typed = page.body.split_once("name=\"seen\" value=\"").unwrap().1;
    typed.split_once('"').unwrap().0.to_owned()
}

#[tokio::test]
async fn two_leaders_make_another_recovery_account_and_change_who_owns_one_by_forms_alone() {
    let school = School::open().await;
    let actor = Actor::CommandLine { user: "technician".to_owned() };
    let machine =
        AtMachine { store: &school.store, clock: &school.clock, pepper: &school.pepper, actor: &actor };
    machine.make_recovery(&[login(Role::Headteacher)], "set-up").await.unwrap();
    let (mut head, mut deputy) = (Visitor::new(&school), Visitor::new(&school));
    head.sign_in(Role::Headteacher).await;
    deputy.sign_in(Role::SeniorLeader).await;
    let id = |role: Role| {
        let number = Role::ALL.into_iter().position(|held| held == role).unwrap();
        uuid::Uuid::from_u128(number as u128 + 1).to_string()
    };
    let (heads, deputys) = (id(Role::Headteacher), id(Role::SeniorLeader));
    let page = head.get("/administrators").await;
    assert!(
        page.body.contains("Change who owns recovery account 1") && page.body.contains(&deputys),
        "{}",
        page.body
    );
    let nobody = head.post("/administrators", "deed=ask-another&reason=a+spare").await;
    assert_eq!(nobody.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(nobody.body.contains("owned by leaders"));
    let asks = [
        (format!("deed=ask-another&owner={deputys}&reason=a+spare"), 2),
        (format!("deed=ask-owners&number=1&owner={heads}&owner={deputys}&reason=shared"), 1),
    ];
    for (ask, number) in asks {
        assert_eq!(head.post("/administrators", &ask).await.location(), "/administrators", "{ask}");
        let page = deputy.get("/administrators").await;
        assert!(page.body.contains("A second leader must agree"), "{}", page.body);
        let deed = |deed: &str| format!("deed={deed}&number={number}&seen={}&reason=yes", seen_on(&page));
        let alone = head.post("/administrators", &deed("agree")).await;
        assert!(alone.body.contains("second leader to agree"), "{}", alone.body);
        assert_eq!(deputy.post("/administrators", &deed("agree")).await.location(), "/administrators");
        let early = head.post("/administrators", &deed("carry-out")).await;
        assert!(early.body.contains("three days are over"), "{}", early.body);
        school.clock.advance_ms(3 * 24 * 3_600_000);
        head.sign_in(Role::Headteacher).await;
        deputy.sign_in(Role::SeniorLeader).await;
        let envelope = head.post("/administrators", &deed("carry-out")).await;
        assert_eq!(envelope.status, StatusCode::OK);
        assert!(
            envelope.body.contains(&format!("recovery-{number}"))
                && envelope.body.contains("Seal this sheet")
        );
        assert_eq!(envelope.headers["cache-control"], "no-store");
        let again = head.post("/administrators", &deed("carry-out")).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND, "once");
    }
    let page = head.get("/administrators").await.body;
    assert!(page.contains("Robin Headteacher, Robin Senior leader"), "{page}");
    school.close().await;
}
