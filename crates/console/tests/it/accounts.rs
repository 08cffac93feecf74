//! People and accounts as somebody at a browser meets them, without JavaScript: a newcomer from the form to their first day.

use crate::school::{PASSWORD, School, login};
use crate::wire::Visitor;
use hyper::StatusCode;
use model::Role;

/// What stands on the slip under a name.
fn on_slip(body: &str, name: &str) -> String {
    let after = body.split_once(&format!(">{name}</dt>")).unwrap().1;
    let value = after.split_once("sg-secret\">").unwrap().1;
    value.split_once('<').unwrap().0.replace("&#x27;", "'")
}

#[tokio::test]
async fn a_learner_is_added_a_question_at_a_time_and_gets_a_slip() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    assert!(head.get("/people").await.body.contains("Add a learner"));
    assert!(head.get("/people/new").await.body.contains("What are they called?"));
    let wrong = head.post("/people/new", "step=name&name=&login=Not+A+Login").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("Enter the name") && wrong.body.contains("small letters"));
    let names = "name=Nesta+Fernhollow&login=nesta";
    let role = head.post("/people/new", &format!("step=name&{names}")).await;
    assert!(role.body.contains("What are they?"), "{}", role.body);
    let without = head.post("/people/new", &format!("step=role&{names}&school=larkfield&role=learner")).await;
    assert!(without.body.contains("Choose a year group"), "{}", without.body);
    let answers = format!("{names}&school=larkfield&role=learner&year=4");
    let check = head.post("/people/new", &format!("step=role&{answers}")).await;
    assert!(check.body.contains("Check your answers") && check.body.contains("Year 4"));
    let slip = head.post("/people/new", &format!("step=confirm&{answers}")).await;
    assert_eq!(slip.headers["cache-control"], "no-store");
    assert!(!on_slip(&slip.body, "Password").is_empty());
    assert_eq!(on_slip(&slip.body, "User name"), "nesta");
    let again = head.post("/people/new", &format!("step=confirm&{answers}")).await;
    assert!(again.body.contains("none is given twice"), "sent twice, nobody is made twice");
    let staff = format!("{names}2&school=larkfield&role=class-teacher");
    let staff = head.post("/people/new", &format!("step=confirm&{staff}")).await;
    assert_eq!(staff.status, StatusCode::FORBIDDEN, "who works here is asked for");
    school.close().await;
}

#[tokio::test]
async fn a_newcomer_is_asked_for_approved_by_another_and_chooses_a_password_at_their_first_sign_in() {
    let school = School::open().await;
    let mut technician = Visitor::new(&school);
    technician.sign_in(Role::Technician).await;
    assert!(technician.get("/access").await.body.contains("Ask for rights"));
    assert!(technician.get("/access/ask").await.body.contains("Who is to get rights?"));
    let wrong = technician.post("/access/ask", "step=who&kind=also&login=nobody").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("Nobody whom you look after"));
    let who = "kind=newcomer&name=Nesta+Fernhollow&login=nesta";
    assert!(technician.post("/access/ask", &format!("step=who&{who}")).await.body.contains("Which rights?"));
    let bare = technician.post("/access/ask", &format!("step=what&{who}&school=larkfield")).await;
    assert!(bare.body.contains("Choose a role") && bare.body.contains("Say why"), "{}", bare.body);
    let all = format!("{who}&school=larkfield&role=class-teacher&why=she+begins");
    let check = technician.post("/access/ask", &format!("step=what&{all}")).await;
    assert!(check.body.contains("Check your answers") && check.body.contains("Class teacher"));
    let sent = technician.post("/access/ask", &format!("step=send&{all}")).await;
    let link = sent.location().to_owned();
    let own = technician.get(&link).await.body;
    assert!(own.contains("somebody else answers: Headteacher or Senior leader"), "{own}");
    let alone = technician.post(&link, "deed=approve&reason=yes").await;
    assert_eq!(alone.status, StatusCode::UNPROCESSABLE_ENTITY);
    let mut teacher = Visitor::new(&school);
    teacher.sign_in(Role::ClassTeacher).await;
    assert_eq!(teacher.get(&link).await.status, StatusCode::NOT_FOUND);

    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    assert!(head.get("/").await.body.contains("A request for rights waits for you"));
    assert!(head.get("/access").await.body.contains("For you to answer"));
    let silent = head.post(&link, "deed=approve&reason=").await;
    assert_eq!(silent.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(head.post(&link, "deed=approve&reason=interviewed").await.location(), link);
    let slip = technician.post(&link, "deed=slip").await;
    assert_eq!(slip.headers["cache-control"], "no-store");
    let secret = on_slip(&slip.body, "Password");

    let mut nesta = Visitor::new(&school);
    let begun = nesta.post("/sign-in", &format!("login=nesta&password={secret}&next=%2Fpolicy")).await;
    assert_eq!(begun.location(), "/sign-in/password");
    nesta.take_cookie(&begun);
    assert_eq!(nesta.get("/").await.location(), "/sign-in", "it opens nothing yet");
    assert!(nesta.get("/sign-in/password").await.body.contains("At least 13 characters"));
    let short = nesta.post("/sign-in/password", "new=short&again=short").await;
    assert_eq!(short.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(!short.body.contains("value=\"short\""), "what was typed is not given back");
    let new = "new=velvet+anchor+pigment+tram&again=velvet+anchor+pigment+tram";
    let entered = nesta.post("/sign-in/password", new).await;
    assert_eq!((entered.status, entered.location()), (StatusCode::SEE_OTHER, "/"));
    nesta.take_cookie(&entered);
    assert!(nesta.get("/").await.body.contains("Nesta Fernhollow"));
    assert!(nesta.get("/my-account").await.body.contains("This one"));
    school.close().await;
}

#[tokio::test]
async fn a_review_is_opened_and_answered_line_by_line() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    assert!(head.get("/access/open").await.body.contains("Open a review"));
    let without = head.post("/access/open", "kind=&place=school%3Alarkfield").await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    let opened = head.post("/access/open", "kind=rights&place=school%3Alarkfield").await;
    let link = opened.location().to_owned();
    let page = head.get(&link).await.body;
    assert!(page.contains("Robin Technician") && page.contains("Keep"), "{page}");
    let line = |page: &str, name: &str| -> String {
        let after = page.split_once(&format!(">{name}</h2>")).unwrap().1;
        let number = after.split_once("id=\"answer-").unwrap().1;
        number.split_once('"').unwrap().0.to_owned()
    };
    let none = head.post(&link, "deed=save").await;
    assert_eq!(none.status, StatusCode::UNPROCESSABLE_ENTITY);
    let (technician, staff) = (line(&page, "Robin Technician"), line(&page, "Robin Member of staff"));
    let answers = format!("deed=save&answer-{technician}=keep&answer-{staff}=change&words-{staff}=fewer");
    assert_eq!(head.post(&link, &answers).await.location(), link);
    let page = head.get(&link).await.body;
    assert!(page.contains("1 kept, 1 to be changed") && page.contains("The change is done"), "{page}");
    assert_eq!(head.post(&link, &format!("deed=finish&line={staff}")).await.location(), link);
    let file = head.get(&format!("{link}/file")).await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert!(file.body.contains("fewer"));
    school.close().await;
}

#[tokio::test]
async fn accounts_for_visitors_are_made_and_one_is_handed_out_at_the_front_desk() {
    let school = School::open().await;
    let mut technician = Visitor::new(&school);
    technician.sign_in(Role::Technician).await;
    assert!(technician.get("/visitors/new").await.body.contains("Make accounts for visitors"));
    let wrong = technician.post("/visitors/new", "purpose=&host=&count=0&until=&school=larkfield").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("1 to 60"));
    let form = "purpose=Book+fair&host=The+office&count=2&until=2026-11-27&school=larkfield";
    let link = technician.post("/visitors/new", form).await.location().to_owned();
    assert!(technician.get(&link).await.body.contains("2 ready, 0 in use, 0 destroyed"));
    let mut desk = Visitor::new(&school);
    desk.sign_in(Role::Staff).await;
    assert!(desk.get("/visitors").await.body.contains("Hand one out"));
    let ask = desk.get(&format!("{link}/welcome")).await.body;
    assert!(ask.contains("Whom do they visit?") && ask.contains("The office"), "{ask}");
    let empty = desk.post(&format!("{link}/welcome"), "visitor=&host=x&why=y").await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    let slip = desk.post(&format!("{link}/welcome"), "visitor=Ray+Reader&host=Library&why=stories").await;
    let (login, secret) = (on_slip(&slip.body, "User name"), on_slip(&slip.body, "Password"));
    let guest = Visitor::new(&school);
    let begun = guest.post("/web/sign-in", &format!("login={login}&password={secret}")).await;
    assert!(begun.body.contains("Choose a password"), "{}", begun.body);
    let page = technician.get(&link).await.body;
    assert!(page.contains("Ray Reader") && page.contains("Library: stories"), "{page}");
    let file = desk.post("/visitors.csv", "").await;
    assert!(file.body.contains("Ray Reader") && file.body.contains(&login));
    let no = desk.post(&link, "deed=end-pool").await;
    assert_eq!(no.status, StatusCode::FORBIDDEN, "the front desk hands out and takes back");
    assert_eq!(technician.post(&link, "deed=end-pool").await.location(), link);
    let over = guest.post("/web/sign-in", &format!("login={login}&password={secret}")).await;
    assert!(over.body.contains("did not match"), "{}", over.body);
    school.close().await;
}

#[tokio::test]
async fn a_reset_asks_how_it_was_made_sure_and_a_pupil_chooses_on_the_webs_page() {
    let school = School::open().await;
    let mut technician = Visitor::new(&school);
    technician.sign_in(Role::Technician).await;
    assert_eq!(technician.get("/people.csv").await.status, StatusCode::METHOD_NOT_ALLOWED, "by a form alone");
    let list = technician.post("/people", "search=robin+learner").await.body.replace("&#x2f;", "/");
    assert!(!list.contains("search=robin"), "what was typed stands in no address");
    let link = list.split("href=\"").find(|part| part.starts_with("/people/0000")).unwrap();
    let link = link.split_once('"').unwrap().0.to_owned();
    let page = technician.get(&format!("{link}/reset")).await;
    assert!(page.body.contains("How did you make sure?"), "{}", page.body);
    let without = technician.post(&format!("{link}/reset"), "handed_over=slip").await;
    assert_eq!(without.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(without.body.contains("Choose how you made sure"));
    let slip = technician.post(&format!("{link}/reset"), "made_sure=photo-card&handed_over=slip").await;
    let secret = on_slip(&slip.body, "Password");
    let pupil = Visitor::new(&school);
    let learner = login(Role::Learner);
    let begun = pupil.post("/web/sign-in", &format!("login={learner}&password={secret}")).await;
    assert_eq!((begun.status, begun.location()), (StatusCode::OK, ""), "no name stands in an address");
    assert!(begun.body.contains("Choose a password") && begun.body.contains(&learner), "{}", begun.body);
    assert!(!begun.body.contains(&secret), "what was typed is not given back");
    let new = "new=purple+tractor+9&again=purple+tractor+9";
    let done = pupil.post("/web/password", &format!("login={learner}&old={secret}&{new}")).await;
    assert_eq!(done.location(), "/web/sign-in?changed=yes", "{}", done.body);
    let page = technician.get(&link).await.body;
    assert!(page.contains("showed a card with their picture") && page.contains("Chose a password"), "{page}");
    let without_reason = technician.post(&link, "deed=end-sessions&reason=").await;
    assert_eq!(without_reason.status, StatusCode::UNPROCESSABLE_ENTITY);
    let file = technician.post("/people.csv", "role=learner").await;
    assert_eq!(file.headers["content-type"], "text/csv; charset=utf-8");
    assert!(file.body.contains(&learner) && !file.body.contains("technician.sample"));
    school.close().await;
}

#[tokio::test]
async fn one_changes_ones_own_password_and_confirms_with_it() {
    let school = School::open().await;
    let mut head = Visitor::new(&school);
    head.sign_in(Role::Headteacher).await;
    let mut elsewhere = Visitor::new(&school);
    elsewhere.sign_in(Role::Headteacher).await;
    let new = "new=velvet+anchor+pigment+tram&again=velvet+anchor+pigment+tram";
    let wrong = head.post("/my-account/password", &format!("old=wrong&{new}")).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(wrong.body.contains("href=\"#old\"") && !wrong.body.contains("href=\"#new\""), "{}", wrong.body);
    let old = PASSWORD.replace(' ', "+");
    let changed = head.post("/my-account/password", &format!("old={old}&{new}")).await;
    assert_eq!(changed.location(), "/my-account?done=changed", "{}", changed.body);
    assert!(head.get("/my-account?done=changed").await.body.contains("Your password is changed"));
    assert_eq!(elsewhere.get("/").await.status, StatusCode::SEE_OTHER, "the others are signed out");
    let wrong = head.post("/confirm", "password=wrong&next=%2Fpeople").await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = head.post("/confirm", "password=velvet+anchor+pigment+tram&next=%2Fpeople").await;
    assert_eq!(right.location(), "/people");
    let away = head.post("/confirm", "password=velvet+anchor+pigment+tram&next=%2F%2Felsewhere").await;
    assert_eq!(away.location(), "/");
    school.close().await;
}
