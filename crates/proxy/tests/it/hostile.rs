//! Hostile peers on either side: what they send is refused or bounded, and nobody else is the worse for it.

use crate::origin::{Origin, full};
use crate::raw::RawOrigin;
use crate::world::{Setting, World};
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use model::EventOutcome;
use proxy::Limits;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;

/// What becomes of a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fate {
    /// It is refused with this status, and the origin hears nothing.
    Refused(u16),
    /// It is passed on as one clean request; whatever hides in it is no second one.
    One,
    /// The body breaks off: nothing whole reaches the origin.
    Broken,
}

const SMUGGLED: &str = "GET /smuggled HTTP/1.1\r\nhost: good.test\r\n\r\n";

/// Requests that neighbours could read in two ways, after the request line and a right `Host`: what they are called, what
/// follows, what becomes of them.
const TWO_WAYS: &[(&str, &str, Fate)] = &[
    ("a length and chunks", "content-length: 6\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Fate::One),
    ("chunks and a length", "transfer-encoding: chunked\r\ncontent-length: 6\r\n\r\n0\r\n\r\n", Fate::One),
    ("two lengths", "content-length: 0\r\ncontent-length: 5\r\n\r\n", Fate::Refused(400)),
    ("a list of lengths", "content-length: 0, 5\r\n\r\n", Fate::Refused(400)),
    ("a length with a sign", "content-length: +0\r\n\r\n", Fate::Refused(400)),
    ("a negative length", "content-length: -1\r\n\r\n", Fate::Refused(400)),
    ("a length in hexadecimal", "content-length: 0x0\r\n\r\n", Fate::Refused(400)),
    ("a length past all numbers", "content-length: 99999999999999999999999\r\n\r\n", Fate::Refused(400)),
    ("an unknown coding", "transfer-encoding: xchunked\r\n\r\n0\r\n\r\n", Fate::Refused(400)),
    ("a coding before chunks", "transfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n", Fate::Refused(400)),
    ("chunks before a coding", "transfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n", Fate::Refused(400)),
    (
        "codings in two fields",
        "transfer-encoding: chunked\r\ntransfer-encoding: x\r\n\r\n0\r\n\r\n",
        Fate::Refused(400),
    ),
    ("a space before the colon", "transfer-encoding : chunked\r\n\r\n0\r\n\r\n", Fate::Refused(400)),
    ("a tab before the colon", "content-length\t: 5\r\n\r\n", Fate::Refused(400)),
    (
        "a control character in a coding",
        "transfer-encoding: \u{b}chunked\r\n\r\n0\r\n\r\n",
        Fate::Refused(400),
    ),
    ("a folded field", "x-folded: a\r\n transfer-encoding: chunked\r\n\r\n", Fate::Refused(400)),
    ("a folded first field", " x-folded: a\r\n\r\n", Fate::Refused(400)),
    ("a lone carriage return", "x-lone: a\rtransfer-encoding: chunked\r\n\r\n", Fate::Refused(400)),
    ("a null", "x-null: a\0b\r\n\r\n", Fate::Refused(400)),
    ("a field without a name", ": a\r\n\r\n", Fate::Refused(400)),
    ("a field without a colon", "transfer-encoding chunked\r\n\r\n", Fate::Refused(400)),
    ("lines without carriage returns", "x-bare: a\nx-line: b\n\r\n", Fate::One),
    ("a chunk size that overflows", "transfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\n", Fate::Broken),
    ("a chunk size with a sign", "transfer-encoding: chunked\r\n\r\n-1\r\n", Fate::Broken),
    ("a chunk size with a prefix", "transfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n", Fate::Broken),
    ("a chunk longer than it says", "transfer-encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", Fate::Broken),
];

#[tokio::test]
async fn no_request_is_two_whatever_it_looks_like() {
    let world = World::usual().await;
    for (name, rest, fate) in TWO_WAYS {
        let origin = Origin::start(None).await;
        let host = format!("good.test:{}", origin.port());
        let mut stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        let bytes = format!("POST /echo HTTP/1.1\r\nhost: {host}\r\n{rest}{SMUGGLED}");
        stream.write_all(bytes.as_bytes()).await.unwrap();
        let status = status_of(&mut stream).await;
        let targets: Vec<String> = origin.seen().iter().map(|seen| seen.target.clone()).collect();
        match fate {
            Fate::Refused(expected) => {
                assert_eq!(status, Some(*expected), "{name}");
                assert!(targets.is_empty(), "{name}: {targets:?}");
            }
            Fate::One => {
                assert_eq!(status, Some(200), "{name}");
                let head = &origin.seen()[0].headers;
                assert!(
                    !(head.contains_key("content-length") && head.contains_key("transfer-encoding")),
                    "{name}"
                );
            }
            Fate::Broken => {}
        }
        // The tail is a second request where the first one ended before it, and then names a host of its own: 421.
        assert!(!targets.iter().any(|target| target.contains("smuggled")), "{name}: {targets:?}");
    }
}

#[tokio::test]
async fn a_target_for_another_host_than_its_tunnel_s_goes_nowhere() {
    let world = World::usual().await;
    let origin = Origin::start(None).await;
    for line in ["GET http://other.test/ HTTP/1.1", "GET http://good.test:1/ HTTP/1.1"] {
        let mut stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        let bytes = format!("{line}\r\nhost: good.test:{}\r\n\r\n", origin.port());
        stream.write_all(bytes.as_bytes()).await.unwrap();
        assert_eq!(status_of(&mut stream).await, Some(421), "{line}");
    }
    assert!(origin.seen().is_empty());
}

/// Heads that are bombs: what they are called, the head, the status.
fn bombs() -> Vec<(&'static str, String, u16)> {
    vec![
        ("a field as long as can be", format!("x-big: {}\r\n", "x".repeat(100_000)), 431),
        ("as many fields as can be", "x: y\r\n".repeat(5_000), 431),
        ("a path as long as can be", format!("x-after: {}\r\n", "y".repeat(70_000)), 431),
    ]
}

#[tokio::test]
async fn a_head_that_is_a_bomb_is_refused() {
    let world = World::usual().await;
    let origin = Origin::start(None).await;
    for (name, fields, expected) in bombs() {
        let mut stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        let bytes = format!("GET / HTTP/1.1\r\nhost: good.test:{}\r\n{fields}\r\n", origin.port());
        // It may be cut off while it still sends.
        let _ = stream.write_all(bytes.as_bytes()).await;
        assert_eq!(status_of(&mut stream).await, Some(expected), "{name}");
    }
    assert!(origin.seen().is_empty());
}

#[tokio::test]
async fn endless_trailers_and_chunk_extensions_end_the_request() {
    let world = World::usual().await;
    for tail in ["x: y\r\n", "1;x=yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\na\r\n"] {
        let origin = Origin::start(None).await;
        let mut stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        let last = if tail.starts_with('x') { "0\r\n" } else { "" };
        let head = format!(
            "POST /slurp HTTP/1.1\r\nhost: good.test:{}\r\ntransfer-encoding: chunked\r\n\r\n{last}",
            origin.port()
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        let tail = tail.repeat(1_000);
        let mut sent = 0;
        while stream.write_all(tail.as_bytes()).await.is_ok() {
            sent += tail.len();
            assert!(sent < 64 * 1024 * 1024, "nobody stopped it");
        }
    }
}

/// What an origin says and closes, and the status that the client gets for it.
const BAD_ORIGINS: &[(&str, &str, Option<u16>)] = &[
    ("nothing", "", Some(502)),
    ("another protocol", "SSH-2.0-OpenSSH_9.2\r\n", Some(502)),
    ("HTTP/0.9", "<html>hello</html>", Some(502)),
    ("half a head", "HTTP/1.1 200 OK\r\ncontent-le", Some(502)),
    ("two lengths", "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab", Some(502)),
    ("a negative length", "HTTP/1.1 200 OK\r\ncontent-length: -1\r\n\r\n", Some(502)),
    ("a folded field", "HTTP/1.1 200 OK\r\nx: a\r\n b\r\ncontent-length: 0\r\n\r\n", Some(502)),
    ("a space before the colon", "HTTP/1.1 200 OK\r\ncontent-length : 0\r\n\r\n", Some(502)),
    (
        "a change nobody asked for",
        "HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        Some(502),
    ),
    ("a status past all numbers", "HTTP/1.1 99999 OK\r\n\r\n", Some(502)),
    ("less than its length", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc", None),
    (
        "a chunk that overflows",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc",
        None,
    ),
    ("chunks without an end", "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n", None),
];

#[tokio::test]
async fn an_origin_that_does_not_speak_http_is_refused_or_cut_off_and_recorded_as_failed() {
    for (name, says, status) in BAD_ORIGINS {
        let world = World::usual().await;
        let origin = RawOrigin::start_once(says.as_bytes().to_vec()).await;
        let answer = world.client().try_ask_proxy(get(origin.port())).await;
        match (status, answer) {
            (Some(status), answer) => assert_eq!(answer.unwrap().status(), *status, "{name}"),
            (None, Ok(response)) => {
                assert_eq!(response.status(), StatusCode::OK, "{name}");
                assert!(response.into_body().collect().await.is_err(), "{name}");
            }
            (None, Err(_)) => {}
        }
        let events = world.finish().await;
        assert_eq!((events.len(), events[0].outcome), (1, EventOutcome::Failed), "{name}");
    }
}

#[tokio::test]
async fn an_origin_s_head_that_is_a_bomb_is_refused() {
    let world = World::usual().await;
    for says in [
        format!("HTTP/1.1 200 OK\r\nx-big: {}\r\n\r\n", "x".repeat(200_000)),
        format!("HTTP/1.1 200 OK\r\n{}\r\n", "x: y\r\n".repeat(5_000)),
        format!("HTTP/1.1 200 {}\r\n\r\n", "x".repeat(200_000)),
    ] {
        let origin = RawOrigin::start_once(says.into_bytes()).await;
        assert_eq!(world.client().ask_proxy(get(origin.port())).await.status(), StatusCode::BAD_GATEWAY);
    }
}

#[tokio::test]
async fn an_origin_that_only_ever_says_go_on_or_dawdles_over_its_head_is_given_up() {
    let limits = Limits { answer_timeout: Duration::from_millis(200), ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    for says in ["HTTP/1.1 100 Continue\r\n\r\n".repeat(1_000), "HTTP/1.1 200 OK\r\nx-slow: ".to_owned()] {
        let origin = RawOrigin::start(move |_| says.clone().into_bytes()).await;
        let status = world.client().ask_proxy(get(origin.port())).await.status();
        assert_eq!(status, StatusCode::GATEWAY_TIMEOUT);
    }
}

#[tokio::test]
async fn a_body_that_stands_still_on_either_side_is_given_up() {
    let limits = Limits { idle_timeout: Duration::from_millis(300), ..Limits::default() };
    let world = World::with(Setting { limits, ..Setting::default() }).await;
    let stalls = RawOrigin::start(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc".to_vec()).await;
    let answer = world.client().ask_proxy(get(stalls.port())).await.into_body().collect().await;
    assert!(answer.is_err());
    let origin = Origin::start(None).await;
    let mut stream = TcpStream::connect(world.proxy).await.unwrap();
    let port = origin.port();
    let head =
        format!("POST http://good.test:{port}/slurp HTTP/1.1\r\nhost: a\r\ncontent-length: 9\r\n\r\nabc");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut rest = Vec::new();
    let _ = stream.read_to_end(&mut rest).await;
    assert!(!rest.starts_with(b"HTTP/1.1 200"));
}

/// HTTP/2 by hand (RFC 9113): the client's preface and an empty SETTINGS frame come first.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// Fields as HPACK literals that nobody remembers (RFC 7541, section 6.2.2).
fn fields(list: &[(&str, &str)]) -> Vec<u8> {
    let text = |text: &str| [&[u8::try_from(text.len()).unwrap()], text.as_bytes()].concat();
    list.iter().flat_map(|(name, value)| [vec![0], text(name), text(value)].concat()).collect()
}

/// Whether the connection ends or the stream is reset or refused before it is answered with success.
async fn is_refused<S: AsyncRead + AsyncWrite + Unpin>(stream: &mut S) -> bool {
    loop {
        let mut head = [0; 9];
        if stream.read_exact(&mut head).await.is_err() {
            return true;
        }
        let length = usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
        let mut payload = vec![0; length];
        if stream.read_exact(&mut payload).await.is_err() {
            return true;
        }
        match head[3] {
            RST_STREAM | GOAWAY => return true,
            // The first field is the status; its entry of the static table begins with 0x88 for 200.
            HEADERS => return payload[0] != 0x88,
            _ => {}
        }
    }
}

/// Requests over HTTP/2 that would be another request in HTTP/1.1, besides the four pseudo-fields.
const DOWNGRADES: &[(&str, &[(&str, &str)])] = &[
    ("a line break in a value", &[("x-a", "b\r\ntransfer-encoding: chunked")]),
    ("a line feed in a value", &[("x-a", "b\nx-c: d")]),
    ("a null in a value", &[("x-a", "b\0c")]),
    ("a line break in a name", &[("x-a\r\nx-b", "c")]),
    ("a colon in a name", &[("x-a: b\r\nx-c", "d")]),
    ("a capital in a name", &[("X-A", "b")]),
    ("a coding", &[("transfer-encoding", "chunked")]),
    ("a connection field", &[("connection", "keep-alive")]),
    ("two lengths", &[("content-length", "0"), ("content-length", "1")]),
    ("another host in a field", &[("host", "other.test")]),
    ("a second path", &[(":path", "/smuggled")]),
    ("a path after fields", &[("x-a", "b"), (":path", "/smuggled")]),
];

#[tokio::test]
async fn no_http2_request_becomes_two_in_http1() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["h2", "http/1.1"]).await;
    let authority = format!("good.test:{}", origin.port());
    for (name, more) in DOWNGRADES {
        let stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        let mut stream = world.client().handshake(stream, "good.test", &["h2"]).await.unwrap();
        let usual =
            [(":method", "GET"), (":scheme", "https"), (":authority", authority.as_str()), (":path", "/")];
        let block = fields(&[&usual[..], more].concat());
        let bytes = [PREFACE, &frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)].concat();
        stream.write_all(&bytes).await.unwrap();
        assert!(is_refused(&mut stream).await, "{name}");
    }
    let lines = [("GET /\r\nx: y", "/"), ("GET", "/ HTTP/1.1\r\nx: y"), ("G ET", "/")];
    for (method, path) in lines {
        let stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        let mut stream = world.client().handshake(stream, "good.test", &["h2"]).await.unwrap();
        let block = fields(&[
            (":method", method),
            (":scheme", "https"),
            (":authority", authority.as_str()),
            (":path", path),
        ]);
        let bytes = [PREFACE, &frame(HEADERS, END_STREAM | END_HEADERS, 1, &block)].concat();
        stream.write_all(&bytes).await.unwrap();
        assert!(is_refused(&mut stream).await, "{method:?} {path:?}");
    }
    assert!(origin.seen().is_empty(), "{:?}", origin.seen());
}

/// Floods over HTTP/2: what they are called, what comes once, and what comes again and again for stream `n`.
type Flood = (&'static str, fn(&[u8]) -> Vec<u8>, fn(u32, &[u8]) -> Vec<u8>);

const FLOODS: &[Flood] = &[
    (
        "rapid reset (CVE-2023-44487)",
        |_| Vec::new(),
        |n, block| {
            let stream = n * 2 + 1;
            [
                frame(HEADERS, END_STREAM | END_HEADERS, stream, block),
                frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]),
            ]
            .concat()
        },
    ),
    (
        "continuations (CVE-2024-27316)",
        |block| frame(HEADERS, END_STREAM, 1, block),
        |_, _| frame(CONTINUATION, 0, 1, &fields(&[("x-a", "b")])),
    ),
    (
        "empty continuations",
        |block| frame(HEADERS, END_STREAM, 1, block),
        |_, _| frame(CONTINUATION, 0, 1, &[]),
    ),
    (
        "streams that are never closed by their frames",
        |_| Vec::new(),
        |n, block| {
            [frame(HEADERS, END_STREAM | END_HEADERS, n * 2 + 1, block), frame(DATA, 0, n * 2 + 1, b"x")]
                .concat()
        },
    ),
    ("a frame of no known stream", |_| Vec::new(), |_, _| frame(DATA, 0, 0, b"x")),
    ("a ping that is too long", |_| Vec::new(), |_, _| frame(PING, 0, 0, &[0; 9])),
];

#[tokio::test]
async fn a_flood_over_http2_ends_its_connection_and_nobody_else_s() {
    let world = World::usual().await;
    let origin = world.origin("good.test", &["h2"]).await;
    let authority = format!("good.test:{}", origin.port());
    let block = fields(&[
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", authority.as_str()),
        (":path", "/silence"),
    ]);
    for (name, first, again) in FLOODS {
        let stream = world.client().tunnel("good.test", origin.port()).await.unwrap();
        let stream = world.client().handshake(stream, "good.test", &["h2"]).await.unwrap();
        let (mut read, mut write) = tokio::io::split(stream);
        let drained = tokio::spawn(async move { tokio::io::copy(&mut read, &mut tokio::io::sink()).await });
        write.write_all(&[PREFACE, &first(&block)].concat()).await.unwrap();
        let mut n = 0;
        while !drained.is_finished() {
            if write.write_all(&again(n, &block)).await.is_err() {
                break;
            }
            n += 1;
            assert!(n < 200_000, "{name}: nobody stopped it");
        }
        let mut other = world.client().talk("good.test", origin.port(), &["h2"]).await;
        assert_eq!(other.get("/").await.status, StatusCode::OK, "{name}");
    }
}

fn get(port: u16) -> Request<crate::origin::TestBody> {
    Request::builder().uri(format!("http://good.test:{port}/")).body(full("")).unwrap()
}

/// The status of the next answer; `None` where the connection ends without one.
async fn status_of(stream: &mut TcpStream) -> Option<u16> {
    let mut start = [0; 12];
    stream.read_exact(&mut start).await.ok()?;
    std::str::from_utf8(&start[9..]).ok()?.parse().ok()
}
