//! What visitors do: signing in and out, asking, sending what they should not.

use crate::school::{PASSWORD, School, login};
use crate::wire::{Visitor, form_from};
use bytes::Bytes;
use http_body_util::Full;
use hyper::{Request, StatusCode, Version};
use model::Role;
use std::net::IpAddr;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

#[tokio::test]
async fn a_page_arrives_over_both_versions_with_headers_that_keep_browsers_strict() {
    let school = School::open().await;
    let visitor = Visitor::new(&school);
    for (protocol, version) in [("h2", Version::HTTP_2), ("http/1.1", Version::HTTP_11)] {
        let request = Request::get("/sign-in").body(Full::<Bytes>::default()).unwrap();
        let answer = visitor.send(protocol, request).await;
        assert_eq!((answer.version, answer.status), (version, StatusCode::OK));
        let policy = answer.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(!answer.headers.contains_key("strict-transport-security"));
    }
    school.close().await;
}

#[tokio::test]
async fn what_a_page_needs_is_served_and_kept() {
    let school = School::open().await;
    let visitor = Visitor::new(&school);
    let page = visitor.get("/sign-in").await.body.replace("&#x2f;", "/");
    let links: Vec<_> = page.split('"').filter(|part| part.starts_with("/assets/")).collect();
    assert_eq!(links.len(), 3);
    for link in links {
        let file = visitor.get(link).await;
        assert_eq!(file.status, StatusCode::OK);
        assert!(file.headers["cache-control"].to_str().unwrap().contains("immutable"));
    }
    assert_eq!(visitor.get("/assets/0/console.css").await.status, StatusCode::NOT_FOUND);
    school.close().await;
}

#[tokio::test]
async fn signing_in_leads_on_and_signing_out_ends_it() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    let form = format!(
        "login={}&password={}&next=%2Fpolicy%3Fstate%3Dfail",
        login(Role::Headteacher),
        PASSWORD.replace(' ', "+")
    );
    let entered = head.post("/sign-in", &form).await;
    assert_eq!((entered.status, entered.location()), (StatusCode::SEE_OTHER, "/policy?state=fail"));
    let cookie = entered.headers["set-cookie"].to_str().unwrap();
    assert!(cookie.starts_with("__Host-schoolgate=") && cookie.ends_with("Secure; HttpOnly; SameSite=Lax"));
    let set: Vec<_> = entered.headers.get_all("set-cookie").iter().collect();
    let mark = set[1].to_str().unwrap();
    assert!(
        mark.starts_with("__Host-schoolgate-device=d1.") && mark.ends_with("Secure; HttpOnly; SameSite=Lax")
    );
    assert!(!mark.contains(&login(Role::Headteacher)), "no login can be read in it");
    head.take_cookie(&entered);
    let home = head.get("/").await;
    assert!(home.body.contains("Robin Headteacher") && home.body.contains("Larkfield First School"));

    let kept = head.cookie.clone();
    let left = head.post("/sign-out", "").await;
    assert_eq!(left.location(), "/sign-in?left=yes");
    head.take_cookie(&left);
    assert_eq!(head.cookie, "");
    head.cookie = kept;
    assert_eq!(head.get("/").await.status, StatusCode::SEE_OTHER, "a session that ended stays ended");
    school.close().await;
}

#[tokio::test]
async fn a_headteacher_goes_back_to_earlier_lists_with_a_reason_and_everybody_sees_who_did() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    let earlier = school.earlier_lists.clone();
    let page = head.get("/lists").await;
    assert!(page.body.contains("Go back to this one") && page.body.contains(&earlier));
    let path = format!("/lists/back/{earlier}");
    let without_reason = head.post(&path, "reason=+").await;
    assert_eq!(without_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(without_reason.body.contains("Say why"));
    let done = head.post(&path, "reason=Half+the+web+is+closed").await;
    assert_eq!((done.status, done.location()), (StatusCode::SEE_OTHER, "/lists?back=yes"));
    assert_eq!(head.post("/lists/back/0000", "reason=x").await.status, StatusCode::NOT_FOUND);

    let mut governor = Visitor::new(&school);
    governor.sign_in(Role::Governor).await;
    let page = governor.get("/lists").await.body;
    assert!(page.contains("Half the web is closed") && page.contains("Robin Headteacher"), "{page}");
    assert!(!page.contains("Go back to this one"));
    assert!(page.contains("put back to an earlier state"), "every screen says that updates wait");
    assert_eq!(governor.post(&path, "reason=me+too").await.status, StatusCode::FORBIDDEN);
    school.close().await;
}

/// The page without what a passkey is asked for with, which is another each time.
fn without_passkey(body: &str) -> String {
    let (before, form) =
        body.split_once("<form method=\"post\" action=\"&#x2f;sign-in&#x2f;passkey\"").unwrap();
    before.to_owned() + form.split_once("</form>").unwrap().1
}

#[tokio::test]
async fn a_wrong_name_and_a_wrong_password_look_the_same() {
    let school = School::open().await;
    let visitor = Visitor::new(&school);
    let head = login(Role::Headteacher);
    let wrong_password = visitor.post("/sign-in", &format!("login={head}&password=wrong")).await;
    let wrong_name = visitor.post("/sign-in", "login=nobody.here&password=wrong").await;
    for answer in [&wrong_password, &wrong_name] {
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(answer.body.contains("There is a problem") && !answer.body.contains("value=\"wrong\""));
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(
        without_passkey(&wrong_password.body).replace(&head, "nobody.here"),
        without_passkey(&wrong_name.body)
    );
    school.close().await;
}

#[tokio::test]
async fn a_badge_that_a_page_under_another_host_presents_is_refused_unread() {
    let school = School::open().await;
    let child = Visitor::new(&school);
    let ours = format!("https://localhost:{}", school.address.port());
    let foreign = [
        "https://elsewhere.example".to_owned(),
        "https://localhost.elsewhere.example".to_owned(),
        "https://localhost".to_owned(),
        ours.replace("https", "http"),
        "null".to_owned(),
    ];
    for protocol in ["h2", "http/1.1"] {
        let present = async |origin: &str| {
            let request = Request::post("/web/badge")
                .header("content-type", "application/x-www-form-urlencoded")
                .header("origin", origin)
                .body(Full::from("code=ABCD2345"));
            child.send(protocol, request.unwrap()).await
        };
        let read = present(&ours).await;
        assert_eq!(read.status, StatusCode::UNPROCESSABLE_ENTITY, "{protocol}: nobody has that badge");
        for origin in &foreign {
            let refused = present(origin).await;
            assert_eq!(refused.status, StatusCode::FORBIDDEN, "{protocol} {origin}: {}", refused.body);
            assert!(refused.headers.get("set-cookie").is_none());
        }
    }
    school.close().await;
}

#[tokio::test]
async fn a_form_from_another_site_changes_nothing() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    for site in ["cross-site", "same-site", "none"] {
        let answer = head.send("h2", form_from(site, "/sign-out", "")).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN);
        assert!(answer.body.contains("Nothing was changed"));
    }
    assert_eq!(head.get("/").await.status, StatusCode::OK);
    school.close().await;
}

#[tokio::test]
async fn a_pupil_signs_in_to_the_web_and_out_of_it() {
    let school = School::open().await;
    let pupil = Visitor::new(&school);
    let form = |password: &str| format!("login={}&password={password}", login(Role::Learner));
    let wrong = pupil.post("/web/sign-in", &form("wrong")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = pupil.post("/web/sign-in", &form(&PASSWORD.replace(' ', "+"))).await;
    assert_eq!((right.status, right.location()), (StatusCode::SEE_OTHER, "/web/sign-in"));
    assert!(pupil.get("/web/sign-in").await.body.contains("Hello Robin"));
    pupil.post("/web/sign-out", "").await;
    assert!(!pupil.get("/web/sign-in").await.body.contains("Hello Robin"));
    school.close().await;
}

#[tokio::test]
async fn a_devices_system_is_told_of_the_portal_as_rfc_8908_says() {
    let school = School::open().await;
    let answer = Visitor::new(&school).get("/web/portal").await;
    assert_eq!(answer.status, StatusCode::OK);
    assert_eq!(answer.headers["content-type"], "application/captive+json");
    assert!(answer.body.contains("\"captive\":false"), "no network of this school has a portal");
    assert!(answer.body.contains("/web/sign-in\"") && answer.body.contains("\"user-portal-url\":\"https://"));
    school.close().await;
}

#[tokio::test]
async fn questions_are_answered_and_wrong_ones_given_back() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    let pupil = login(Role::Learner);
    let why = head.get(&format!("/why?who={pupil}&group=&url=www.example.org&at=")).await;
    assert!(why.body.contains("This decided."), "{}", why.body);
    let wrong = head.get("/why?who=nobody.here&url=&at=").await;
    assert!(wrong.body.contains("There is a problem") && wrong.body.contains("<title>Error: "));
    let history = head.get("/history?from=yesterday").await;
    assert!(history.body.contains("href=\"#from\""));
    let file = head.get("/history.csv").await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert_eq!(file.headers["content-disposition"], "attachment; filename=\"history-2026-11-23.csv\"");
    school.close().await;
}

#[tokio::test]
async fn what_is_not_there_or_too_much_or_unreadable_gets_a_page_in_plain_words() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    let too_much = format!("login={}&password=x", "a".repeat(70_000));
    let cases = [
        (head.get("/nowhere").await, StatusCode::NOT_FOUND),
        (head.get("/policy/NO-1").await, StatusCode::NOT_FOUND),
        (head.get("/sign-out").await, StatusCode::METHOD_NOT_ALLOWED),
        (head.get("/history?person=a&person=b").await, StatusCode::BAD_REQUEST),
        (head.get("/policy/%FF").await, StatusCode::BAD_REQUEST),
        (head.post("/sign-in", "nothing=here").await, StatusCode::BAD_REQUEST),
        (head.post("/sign-in", &too_much).await, StatusCode::PAYLOAD_TOO_LARGE),
    ];
    for (answer, status) in cases {
        assert_eq!(answer.status, status);
        assert!(answer.body.contains("<h1 class=\"govuk-heading-l\">"), "{status}: {}", answer.body);
    }
    school.close().await;
}

#[tokio::test]
async fn a_connection_that_says_nothing_holds_up_neither_visitors_nor_the_end() {
    let school = School::open().await;
    let silent = TcpStream::connect(school.address).await.unwrap();
    assert_eq!(Visitor::new(&school).get("/sign-in").await.status, StatusCode::OK);
    let closed = tokio::time::timeout(Duration::from_secs(5), school.close()).await;
    assert!(closed.is_ok(), "the console waits for whoever says nothing");
    drop(silent);
}

#[tokio::test]
async fn one_address_cannot_take_every_place() {
    let school = School::open().await;
    let mut held = Vec::new();
    for _ in 0..64 {
        held.push(TcpStream::connect(school.address).await.unwrap());
    }
    let mut one_too_many = TcpStream::connect(school.address).await.unwrap();
    let closed = tokio::time::timeout(Duration::from_secs(5), one_too_many.read(&mut [0])).await;
    assert!(matches!(closed, Ok(Ok(0) | Err(_))), "{closed:?}");
    let mut neighbour = Visitor::new(&school);
    neighbour.address = IpAddr::from([127, 0, 0, 2]);
    assert_eq!(neighbour.get("/sign-in").await.status, StatusCode::OK);
    drop(held);
    school.close().await;
}
