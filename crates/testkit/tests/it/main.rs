//! The tests' own machinery, tested: a journey must fail for the product's sake, not for its tools'.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::path::Path;
use testkit::browser::{Browser, BrowserOptions};
use testkit::certificates::{Fault, TestAuthority};
use testkit::origin::{Origin, TestPage};

#[tokio::test]
async fn a_browser_opens_an_origin_it_trusts_and_refuses_one_it_does_not() {
    let authority = TestAuthority::new().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let ca = folder.path().join("ca.pem");
    std::fs::write(&ca, authority.pem()).unwrap();
    let page = TestPage { content_type: "text/html", body: "<title>Here</title><p>Hello".into() };
    let pages = HashMap::from([("/".to_owned(), page)]);
    let tls = authority.server("localhost", Fault::None, &["h2", "http/1.1"]).unwrap();
    let origin = Origin::start(Some(tls), pages).await.unwrap();
    let url = format!("https://localhost:{}/", origin.address().port());

    let mut trusting = browser(Some(&ca)).await;
    trusting.visit(&url).await.unwrap();
    assert_eq!(trusting.title().await.unwrap(), "Here");
    assert_eq!(origin.seen().first().map(|seen| seen.version.clone()), Some("HTTP/2.0".to_owned()));

    let mut wary = browser(None).await;
    let refused = wary.open(&url).await.unwrap();
    assert_eq!(refused, Err("net::ERR_CERT_AUTHORITY_INVALID".to_owned()));
    trusting.close().await.unwrap();
    wary.close().await.unwrap();
}

async fn browser(ca: Option<&Path>) -> Browser {
    let trusted_ca = ca.map(Path::to_owned);
    Browser::launch(&BrowserOptions { trusted_ca, ..BrowserOptions::default() }).await.unwrap()
}
