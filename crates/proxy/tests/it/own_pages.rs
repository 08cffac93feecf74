//! The proxy's own pages.

use crate::client::Answer;
use crate::origin::full;
use crate::world::World;
use http::{Request, StatusCode};

async fn page(world: &World, target: &str) -> Answer {
    let request = Request::builder()
        .uri(target)
        .header("host", world.proxy.to_string())
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
