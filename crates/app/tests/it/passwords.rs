//! Passwords that were found in breaches, asked of a service that learns five digits of a hash, over HTTPS on loopback.

use crate::log::Log;
use crate::world::{PASSWORD, World, pepper, school, technician};
use app::{AppError, AtMachine, NewPassword, OtherSessions, PasswordChange};
use lists::RangeServer;
use model::{Actor, Role};
use std::collections::HashMap;
use std::net::{IpAddr, TcpListener};
use testkit::certificates::{Fault, TestAuthority};
use testkit::origin::{Origin, TestPage};

/// Its SHA-1: 4E2AF3F72D6DE7E206643C1A2FEC76EDEE377C84.
const BREACHED: &str = "velvet anchor pigment tram";
/// Its SHA-1 begins E9175: the service knows none of its range.
const UNKNOWN: &str = "copper meadow thimble rain";
const ANSWER: &str = "003D68EB55068C33ACE09247EE4C639306B:3\r\n3F72D6DE7E206643C1A2FEC76EDEE377C84:12\r\n";
/// The same line as padding.
const PADDED: &str = "3F72D6DE7E206643C1A2FEC76EDEE377C84:0\r\n";

fn here() -> IpAddr {
    "10.20.0.77".parse().unwrap()
}

/// A service that answers this about the range of the breached one.
async fn service(answer: &'static str) -> (Origin, RangeServer) {
    let authority = TestAuthority::new().unwrap();
    let tls = authority.server("localhost", Fault::None, &["http/1.1"]).unwrap();
    let page = |body: &'static str| TestPage { content_type: "text/plain", body: body.into() };
    let pages = [("/range/4E2AF".to_owned(), page(answer)), ("/range/E9175".to_owned(), page("0:1\r\n"))];
    let origin = Origin::start(Some(tls), HashMap::from(pages)).await.unwrap();
    let address = format!("https://localhost:{}/range", origin.address().port());
    (origin, RangeServer::new(&address, vec![authority.der()]).unwrap())
}

async fn change(world: &World, actor: &Actor, new: &str) -> Result<(), AppError> {
    let token = world.app.sign_in("carys", PASSWORD, here()).await.unwrap().token;
    let chosen = NewPassword { new, again: new };
    let change = PasswordChange { old: PASSWORD, chosen, others: OtherSessions::Keep };
    world.app.change_my_password((actor, &token), change, here()).await
}

#[tokio::test]
async fn asvs_6_2_12_a_breached_password_is_refused_and_five_digits_of_its_hash_are_all_that_is_told() {
    let world = World::new("first-school.toml").await;
    let carys = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let (origin, server) = service(ANSWER).await;
    world.app.set_breach_service(server);
    let offline = change(&world, &carys, "Qwertyuiop123").await.unwrap_err();
    assert!(matches!(offline, AppError::Refused { .. }));
    world.app.sign_in("carys", PASSWORD, here()).await.unwrap();
    assert_eq!(origin.seen(), [], "neither at a sign-in, nor where the list that ships knows it");
    let refused = change(&world, &carys, BREACHED).await.unwrap_err();
    assert!(refused.theirs().contains("many people have used"), "{refused:?}");
    change(&world, &carys, UNKNOWN).await.unwrap();
    let asked: Vec<String> = origin.seen().into_iter().map(|seen| seen.path).collect();
    assert_eq!(asked, ["/range/4E2AF", "/range/E9175"]);
    assert_eq!(world.count_facts("breach-service-unanswered").await, 0);
}

#[tokio::test]
async fn padding_is_no_find_and_nobody_is_asked_about_what_is_made_here() {
    let world = World::new("first-school.toml").await;
    let carys = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let infant = world.add_pupil("ifor", "1", school("larkfield")).await;
    let tariq = world.add("tariq", Role::Technician, school("larkfield")).await;
    let (origin, server) = service(PADDED).await;
    world.app.set_breach_service(server);
    change(&world, &carys, BREACHED).await.unwrap();
    let asked = origin.seen().len();
    assert_eq!(asked, 1);
    let token = world.app.sign_in("tariq", PASSWORD, here()).await.unwrap().token;
    let fresh = world.app.fresh(&token).await.unwrap();
    let checks =
        app::ResetChecks { made_sure: app::MadeSure::KnownInPerson, handed_over: app::HandedOver::Slip };
    world.app.reset_password((&tariq, &fresh), infant, checks).await.unwrap();
    let (pepper, actor) = (pepper(), technician());
    let machine = AtMachine { store: &world.store, clock: &world.clock, pepper: &pepper, actor: &actor };
    machine.reset("carys", "they stand here").await.unwrap();
    assert_eq!(origin.seen().len(), asked, "an infant\u{2019}s password and a temporary one are made here");
}

#[tokio::test]
async fn a_service_that_does_not_answer_keeps_nobody_from_a_password_and_is_counted() {
    let world = World::new("first-school.toml").await;
    let carys = world.add("carys", Role::ClassTeacher, school("larkfield")).await;
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let address = format!("https://localhost:{port}/range/");
    world.app.set_breach_service(RangeServer::new(&address, Vec::new()).unwrap());
    let offline = change(&world, &carys, "Qwertyuiop123").await;
    assert!(offline.is_err(), "the list that ships is asked all the same");
    let log = Log::listen();
    change(&world, &carys, BREACHED).await.unwrap();
    let token = world.app.sign_in("carys", BREACHED, here()).await.unwrap().token;
    let chosen = NewPassword { new: UNKNOWN, again: UNKNOWN };
    let again = PasswordChange { old: BREACHED, chosen, others: OtherSessions::Keep };
    world.app.change_my_password((&carys, &token), again, here()).await.unwrap();
    let facts = world.facts().await;
    let noted: Vec<_> = facts.iter().filter(|fact| fact.action == "breach-service-unanswered").collect();
    let times: Vec<_> = noted.iter().map(|fact| fact.details()["times"].clone()).collect();
    assert_eq!(times, ["1", "2"]);
    let lines = log.with("the breach service did not answer");
    assert_eq!(lines.len(), 2, "{lines:?}");
    for (line, times) in lines.iter().zip(["times=1", "times=2"]) {
        assert!(line.starts_with("WARN") && line.contains(times) && line.contains("error="), "{line}");
    }
    let words = format!("{noted:?} {:?}", log.with(""));
    for told in ["velvet", "4E2AF", "4e2af", "copper", "E9175", "e9175", "carys"] {
        assert!(!words.contains(told), "{words}");
    }
}
