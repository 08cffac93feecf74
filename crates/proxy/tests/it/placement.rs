//! How clients reach the proxy: over TLS, behind a proxy that says whose connection it passes on, by a wrong name.

use crate::client::Answer;
use crate::origin::{Origin, full};
use crate::world::{Setting, World};
use http::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use model::WayRound;
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// A plain request through the proxy over this stream.
async fn ask<S>(stream: S, target: &str) -> Answer
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let request = Request::builder().uri(target).body(full("")).unwrap();
    Answer::read(sender.send_request(request).await.unwrap()).await
}

#[tokio::test]
async fn a_client_speaks_tls_with_the_proxy_and_then_as_over_any_other_connection() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let plain = Origin::start(None).await;
    let client = world.client();
    let connect = async || client.handshake(world.tls_stream().await, "127.0.0.1", &[]).await.unwrap();
    let answer = ask(connect().await, &format!("http://good.test:{}/", plain.port())).await;
    assert_eq!(answer.status, StatusCode::OK);
    let mut stream = connect().await;
    let head = format!("CONNECT good.test:{0} HTTP/1.1\r\nhost: good.test:{0}\r\n\r\n", origin.port());
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut begin = [0; 12];
    stream.read_exact(&mut begin).await.unwrap();
    assert_eq!(&begin, b"HTTP/1.1 200");
    let stranger = client.handshake(world.tls_stream().await, "elsewhere.test", &[]).await;
    assert!(stranger.is_err(), "the proxy passes for nobody else");
}

#[tokio::test]
async fn a_listed_proxy_says_whose_connection_it_passes_on_and_an_outsiders_is_closed() {
    let setting = Setting { proxy_peers: vec!["127.0.0.1/32".parse().unwrap()], ..Setting::default() };
    let world = World::with(setting).await;
    let origin = Origin::start(None).await;
    let target = format!("http://good.test:{}/", origin.port());
    let with = async |head: &[u8]| -> io::Result<TcpStream> {
        let mut stream = TcpStream::connect(world.proxy).await?;
        stream.write_all(head).await?;
        Ok(stream)
    };
    let binary = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x7f\0\0\x09\x7f\0\0\x01\0\x50\0\x50";
    for head in [&b"PROXY TCP4 127.0.0.9 127.0.0.1 4000 3128\r\n"[..], binary, b"PROXY UNKNOWN\r\n"] {
        assert_eq!(ask(with(head).await.unwrap(), &target).await.status, StatusCode::OK);
    }
    for head in [&b"PROXY TCP4 203.0.113.9 127.0.0.1 4000 3128\r\n"[..], b"GET / HTTP/1.1\r\nhost: x\r\n\r\n"]
    {
        let mut stream = with(head).await.unwrap();
        assert_eq!(stream.read(&mut [0; 1]).await.unwrap_or(0), 0);
    }
    let clients: Vec<_> = world.finish().await.into_iter().map(|event| event.address).collect();
    assert_eq!(clients.iter().filter(|client| client.to_string() == "127.0.0.9").count(), 2, "{clients:?}");
}

#[tokio::test]
async fn who_is_not_listed_cannot_say_whose_connection_it_is() {
    let world = World::usual().await;
    let mut stream = TcpStream::connect(world.proxy).await.unwrap();
    let head = "PROXY TCP4 127.0.0.9 127.0.0.1 4000 3128\r\nGET / HTTP/1.1\r\nhost: x\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn names_that_differ_within_a_connection_are_counted() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["http/1.1"]).await;
    let client = world.client();
    let mut talk = client.talk("good.test", origin.port(), &["http/1.1"]).await;
    let request = Request::builder().uri("/").header("host", "other.test").body(full("")).unwrap();
    let answer = Answer::read(talk.send(request).await).await;
    assert_eq!(answer.status, StatusCode::MISDIRECTED_REQUEST);
    assert_eq!(world.leaks.since_start(WayRound::Fronting), 1);
    let stream = client.tunnel("good.test", origin.port()).await.unwrap();
    let _ = client.handshake(stream, "other.test", &[]).await;
    assert_eq!(world.leaks.since_start(WayRound::Fronting), 2);
}
