//! What clients make of the certificates we show them: names, sessions taken up again, and apps that want none of it.

use crate::certificates::{Flaw, Root};
use crate::world::World;
use model::SuggestionKind;
use rustls::HandshakeKind;
use std::process::{Output, Stdio};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

#[tokio::test]
async fn the_leaf_carries_the_origin_s_names() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let client = world.client();
    let stream = client.tunnel("good.test", origin.port()).await.unwrap();
    let stream = client.handshake(stream, "good.test", &["http/1.1"]).await.unwrap();
    let leaf = &stream.get_ref().1.peer_certificates().unwrap()[0];
    let (_, leaf) = x509_parser::parse_x509_certificate(leaf).unwrap();
    let names = leaf.subject_alternative_name().unwrap().unwrap();
    assert_eq!(names.value.general_names.len(), 1);
}

#[tokio::test]
async fn a_client_takes_its_session_up_again_for_the_same_host_and_for_no_other() {
    let world = World::usual().await;
    let good = world.origin("good.test", &["http/1.1"]).await;
    let other = world.origin("other.test", &["http/1.1"]).await;
    let client = world.client();
    for (name, port, expected) in [
        ("good.test", good.port(), HandshakeKind::Full),
        ("good.test", good.port(), HandshakeKind::Resumed),
        ("other.test", other.port(), HandshakeKind::Full),
        ("other.test", other.port(), HandshakeKind::Resumed),
    ] {
        let stream = client.tunnel(name, port).await.unwrap();
        let mut stream = client.handshake(stream, name, &["http/1.1"]).await.unwrap();
        // Tickets come after the handshake, so something has to be read.
        let request = format!("GET / HTTP/1.1\r\nhost: {name}:{port}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await;
        assert!(answer.ends_with(b"hello from the origin"));
        let kind = stream.get_ref().1.handshake_kind().unwrap();
        let is_resumed = kind == HandshakeKind::Resumed;
        assert_eq!(is_resumed, expected == HandshakeKind::Resumed, "{name}: {kind:?}");
    }
}

/// `openssl s_client` through the proxy, with one request.
async fn openssl(world: &World, name: &str, port: u16, arguments: &[&str]) -> Output {
    let mut process = Command::new("openssl")
        .args(["s_client", "-connect", &format!("{name}:{port}"), "-servername", name])
        .args(["-proxy", &world.proxy.to_string()])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let request = format!("GET / HTTP/1.1\r\nHost: {name}:{port}\r\nConnection: close\r\n\r\n");
    let mut input = process.stdin.take().unwrap();
    input.write_all(request.as_bytes()).await.unwrap();
    // Its end of input would end the program before the answer is there.
    let output = process.wait_with_output().await.unwrap();
    drop(input);
    output
}

#[tokio::test]
async fn openssl_reuses_a_session_with_both_versions_of_tls_but_not_for_another_host() {
    let world = World::usual().await;
    let good = world.origin("good.test", &["http/1.1"]).await;
    let other = world.origin("other.test", &["http/1.1"]).await;
    let folder = tempfile::tempdir().unwrap();
    for version in ["-tls1_2", "-tls1_3"] {
        let session = folder.path().join(version);
        let session = session.to_str().unwrap();
        for (name, port, keep, line) in [
            ("good.test", good.port(), "-sess_out", "New, TLS"),
            ("good.test", good.port(), "-sess_in", "Reused, TLS"),
            ("other.test", other.port(), "-sess_in", "New, TLS"),
        ] {
            let output = openssl(&world, name, port, &[version, keep, session]).await;
            let text = String::from_utf8_lossy(&output.stdout);
            assert!(text.contains(line), "{version} {name} {keep}: {text}");
            assert!(text.contains("hello from the origin"), "{version} {name} {keep}: {text}");
        }
    }
}

#[tokio::test]
async fn a_client_that_trusts_us_elsewhere_and_not_here_is_a_suggestion_and_is_not_let_past() {
    let world = World::usual().await;
    let good = world.origin("good.test", &["http/1.1"]).await;
    let other = world.origin("other.test", &["http/1.1"]).await;
    let pinned = world.client_trusting(Root::new("The app's own root").der());
    for attempt in 0..3 {
        let stream = pinned.tunnel("other.test", other.port()).await.unwrap();
        assert!(pinned.handshake(stream, "other.test", &["http/1.1"]).await.is_err());
        if attempt == 0 {
            world.client().talk("good.test", good.port(), &["http/1.1"]).await.get("/").await;
        }
    }
    let suggestions = std::sync::Arc::clone(&world.suggestions);
    world.finish().await;
    let found = suggestions.all(crate::certificates::now());
    assert_eq!(found.len(), 1);
    assert_eq!(found[0].host, crate::world::host("other.test"));
    assert_eq!(found[0].kind, SuggestionKind::Distrusted);
    assert_eq!((found[0].times, found[0].clients), (2, 1));
    assert!(other.seen().is_empty());
}

#[tokio::test]
async fn a_client_that_leaves_at_once_after_the_handshake_is_a_suggestion_too() {
    let world = World::usual().await;
    let good = world.origin("good.test", &["http/1.1"]).await;
    let other = world.origin("other.test", &["http/1.1"]).await;
    world.client().talk("good.test", good.port(), &["http/1.1"]).await.get("/").await;
    let stream = world.client().tunnel("other.test", other.port()).await.unwrap();
    drop(world.client().handshake(stream, "other.test", &["http/1.1"]).await.unwrap());
    let suggestions = std::sync::Arc::clone(&world.suggestions);
    world.finish().await;
    let found = suggestions.all(crate::certificates::now());
    assert_eq!(found.len(), 1);
    assert_eq!((&found[0].host, found[0].kind), (&crate::world::host("other.test"), SuggestionKind::HungUp));
}

#[tokio::test]
async fn an_origin_that_asks_for_a_client_s_certificate_is_a_suggestion() {
    let world = World::usual().await;
    let mut tls = rustls::ServerConfig::clone(&world.root.server("good.test", Flaw::None, &["http/1.1"]));
    let roots = {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(world.root.der()).unwrap();
        std::sync::Arc::new(roots)
    };
    let provider = crate::certificates::provider();
    let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(roots, provider.clone())
        .allow_unauthenticated()
        .build()
        .unwrap();
    let mut asking = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(std::sync::Arc::clone(&tls.cert_resolver));
    asking.alpn_protocols = std::mem::take(&mut tls.alpn_protocols);
    let origin = crate::origin::Origin::start(Some(asking.into())).await;
    let answer = world.client().talk("good.test", origin.port(), &["http/1.1"]).await.get("/").await;
    assert_eq!(answer.status, 200, "it asks, and does without");
    let found = world.suggestions.all(crate::certificates::now());
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind, found[0].clients), (SuggestionKind::ClientCertificate, 0));
}
