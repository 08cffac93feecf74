//! WebSockets over HTTP/2 (RFC 8441), to origins of either kind; and streams that go both ways.

use crate::client::Talk;
use crate::origin::full;
use crate::world::World;
use bytes::Bytes;
use http::{HeaderMap, Method, Response, StatusCode, Version};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::ext::Protocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const BOTH: &[&str] = &["h2", "http/1.1"];

/// Asks for a WebSocket over the client's HTTP/2 connection.
pub async fn ask(talk: &mut Talk, path: &str) -> Response<Incoming> {
    ask_for(talk, path, "websocket").await
}

/// Asks for a stream that becomes some other protocol.
async fn ask_for(talk: &mut Talk, path: &str, protocol: &'static str) -> Response<Incoming> {
    let request = talk
        .request(Method::CONNECT, path)
        .extension(Protocol::from_static(protocol))
        .header("sec-websocket-version", "13")
        .header("origin", "https://good.test")
        .body(full(""))
        .unwrap();
    talk.send(request).await
}

#[tokio::test]
async fn a_websocket_over_http2_reaches_an_origin_of_either_kind() {
    for (spoken, version, method) in
        [(BOTH, Version::HTTP_2, "CONNECT"), (&["http/1.1"], Version::HTTP_11, "GET")]
    {
        let world = World::usual().await;
        // The client is offered HTTP/2 because the host was blocked when its tunnel opened.
        let host = if version == Version::HTTP_11 { "denied.test" } else { "good.test" };
        let origin = world.origin(host, spoken).await;
        let mut talk = world.client().talk(host, origin.port(), BOTH).await;
        talk.get("/").await;
        world.swap_policy(&crate::world::Setting { deny: Vec::new(), ..Default::default() });
        let response = ask(&mut talk, "/websocket").await;
        assert_eq!(response.status(), StatusCode::OK);
        assert!(!response.headers().contains_key("sec-websocket-accept"));
        let mut stream = hyper_util::rt::TokioIo::new(hyper::upgrade::on(response).await.unwrap());
        let mut echoed = [0; 5];
        for text in [b"hello", b"world"] {
            stream.write_all(text).await.unwrap();
            stream.read_exact(&mut echoed).await.unwrap();
            assert_eq!(echoed.to_vec(), text.to_ascii_uppercase());
        }
        let seen = origin.seen().pop().unwrap();
        assert_eq!((seen.version, seen.method.as_str()), (version, method));
        assert_eq!(seen.headers["origin"], "https://good.test");
        drop((stream, talk));
        let events = world.finish().await;
        let event = events.last().unwrap();
        assert_eq!((event.status, event.bytes_up, event.bytes_down), (Some(200), 10, 10));
        assert_eq!(event.path, "/websocket");
    }
}

#[tokio::test]
async fn an_origin_that_does_not_know_the_key_gets_no_websocket() {
    let world = World::usual().await;
    let origin = world.origin("denied.test", &["http/1.1"]).await;
    let mut talk = world.client().talk("denied.test", origin.port(), BOTH).await;
    talk.get("/").await;
    world.swap_policy(&crate::world::Setting { deny: Vec::new(), ..Default::default() });
    for (path, status) in [
        ("/websocket-liar", StatusCode::BAD_GATEWAY),
        ("/page", StatusCode::BAD_GATEWAY),
        ("/no", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(ask(&mut talk, path).await.status(), status, "{path}");
    }
}

#[tokio::test]
async fn a_blocked_websocket_and_any_other_wish_are_refused() {
    let world = World::usual().await;
    let origin = world.origin("good.test", BOTH).await;
    let mut talk = world.client().talk("good.test", origin.port(), BOTH).await;
    assert_eq!(ask(&mut talk, "/denied").await.status(), StatusCode::FORBIDDEN);
    assert_eq!(ask_for(&mut talk, "/", "connect-udp").await.status(), StatusCode::BAD_REQUEST);
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn a_grpc_stream_goes_both_ways_piece_by_piece_with_trailers() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["h2"]).await;
    let mut talk = world.client().talk("good.test", origin.port(), &["h2"]).await;
    let (frames, body) = tokio::sync::mpsc::unbounded_channel();
    let body = BodyExt::boxed(StreamBody::new(Frames(body)));
    let request = talk
        .request(Method::POST, "/echo")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(body)
        .unwrap();
    let mut answer = {
        frames.send(Frame::data(Bytes::from_static(b"one"))).unwrap();
        talk.send(request).await.into_body()
    };
    for piece in ["one", "two", "three"] {
        if piece != "one" {
            frames.send(Frame::data(Bytes::from_static(piece.as_bytes()))).unwrap();
        }
        assert_eq!(answer.frame().await.unwrap().unwrap().into_data().unwrap(), piece);
    }
    let trailers: HeaderMap = [("grpc-status".parse().unwrap(), "0".parse().unwrap())].into_iter().collect();
    frames.send(Frame::trailers(trailers)).unwrap();
    drop(frames);
    assert_eq!(answer.frame().await.unwrap().unwrap().into_trailers().unwrap()["grpc-status"], "0");
    assert_eq!(origin.seen()[0].headers["te"], "trailers");
}

#[tokio::test]
async fn an_event_of_a_stream_arrives_before_the_next_one_is_sent() {
    for spoken in ["h2", "http/1.1"] {
        let world = World::usual().await;
        let origin = world.origin("good.test", &[spoken]).await;
        let mut talk = world.client().talk("good.test", origin.port(), &[spoken]).await;
        let request = talk.request(Method::GET, "/events").body(full("")).unwrap();
        let response = talk.send(request).await;
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        let mut events = response.into_body();
        assert_eq!(events.frame().await.unwrap().unwrap().into_data().unwrap(), "data: first\n\n");
    }
}

/// Frames from a channel.
struct Frames(tokio::sync::mpsc::UnboundedReceiver<Frame<Bytes>>);

impl futures_util::Stream for Frames {
    type Item = Result<Frame<Bytes>, hyper::Error>;
    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|frame| frame.map(Ok))
    }
}
