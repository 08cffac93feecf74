//! The proxy's own pages.

use crate::client::Answer;
use crate::origin::full;
use crate::world::{Setting, World, host as host_of};
use http::{Request, StatusCode};
use model::{GroupId, NetworkId};
use proxy::{PacDirect, PacRule, PacWay};

async fn page(world: &World, target: &str) -> Answer {
    page_by(world, &world.proxy.to_string(), target).await
}

async fn page_by(world: &World, host: &str, target: &str) -> Answer {
    let request = Request::builder()
        .uri(target)
        .header("host", host)
        .header("accept", "text/html")
        .body(full(""))
        .unwrap();
    Answer::read(world.client().ask_proxy(request).await).await
}

#[tokio::test]
async fn browsers_find_the_proxy_and_are_not_told_a_way_past_it() {
    let world = World::usual().await;
    for path in ["/proxy.pac", "/wpad.dat"] {
        let pac = page(&world, path).await;
        assert_eq!(pac.headers["content-type"], "application/x-ns-proxy-autoconfig");
        assert!(pac.text().contains(&format!("return \"PROXY {}\";", world.proxy)), "{}", pac.text());
        assert!(!pac.text().contains("; DIRECT"));
    }
}

#[tokio::test]
async fn nobody_makes_a_browser_use_another_host_as_its_proxy() {
    let world = World::usual().await;
    let port = world.proxy.port();
    for (host, status) in [("localhost", 200), ("[::1]", 200), ("evil.test", 404), ("192.0.2.66", 404)] {
        let answer = page_by(&world, &format!("{host}:{port}"), "/proxy.pac").await;
        assert_eq!(answer.status, status, "{host}");
        assert!(!answer.text().contains("evil.test") && !answer.text().contains("192.0.2.66"), "{host}");
    }
}

#[tokio::test]
async fn an_advertised_proxy_is_named_whoever_asks_by_whatever_name() {
    let advertised_host = Some("filter.ash.test".to_owned());
    let world = World::with(Setting { advertised_host, ..Setting::default() }).await;
    for host in ["evil.test", "filter.ash.test"] {
        let pac = page_by(&world, host, "/wpad.dat").await;
        assert!(pac.text().contains(&format!("PROXY filter.ash.test:{}", world.proxy.port())), "{host}");
        assert!(!pac.text().contains("evil.test"));
    }
}

#[tokio::test]
async fn the_certificate_is_there_in_both_forms_with_instructions() {
    let world = World::usual().await;
    let authority = world.signer.authority();
    assert_eq!(page(&world, "/ca.pem").await.text(), authority.certificate_pem());
    assert_eq!(&*page(&world, "/ca.crt").await.body, &**authority.certificate_der());
    let instructions = page(&world, "/certificate").await;
    for system in ["Windows", "ChromeOS", "iPad", "Android", "Firefox", "Linux"] {
        assert!(instructions.text().contains(&format!("<h2>{system}")), "{system}");
    }
    assert!(instructions.text().contains("href=\"/ca.crt\""));
}

#[tokio::test]
async fn a_browser_that_uses_the_proxy_reaches_the_proxy_s_pages_through_it() {
    let world = World::usual().await;
    let pages = page(&world, &format!("http://{}/", world.proxy)).await;
    assert!(pages.text().contains("web filter is working"));
    assert_eq!(page(&world, "/nothing-here").await.status, StatusCode::NOT_FOUND);
    assert!(world.finish().await.is_empty());
}

#[tokio::test]
async fn a_browser_is_told_the_way_for_its_network_and_group() {
    let rule = |network: &str, group: &str, way, host| PacRule {
        networks: vec![NetworkId::new(network)],
        groups: vec![GroupId::new(group)],
        way,
        host,
        direct: vec![PacDirect::Name(host_of("larkfield.test"))],
    };
    for (rules, expected) in [
        (vec![rule("halls", "everybody", PacWay::Direct, None)], "return \"PROXY 127.0.0.1:"),
        (vec![rule("classrooms", "staff", PacWay::Direct, None)], "return \"PROXY 127.0.0.1:"),
        (vec![rule("classrooms", "everybody", PacWay::Direct, None)], "return \"DIRECT\";\n}"),
        (
            vec![
                rule("halls", "everybody", PacWay::Direct, None),
                rule("classrooms", "everybody", PacWay::ProxyOverTls, Some(host_of("east.gate.test"))),
            ],
            "return \"HTTPS east.gate.test:",
        ),
    ] {
        let world = World::with(Setting { pac_rules: rules, ..Setting::default() }).await;
        let pac = page(&world, "/wpad.dat").await;
        assert!(pac.text().contains(expected), "{expected}: {}", pac.text());
    }
}
