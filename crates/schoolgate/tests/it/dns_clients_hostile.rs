//! What no honest client sends: broken, huge and endless messages. Each is answered with an error or not at all, and
//! whoever asks properly beside it is answered as ever.

use crate::resolver::{Resolver, Start, addresses, categories, group, image, list, policy};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::RecordType;
use model::EventReceiver;
use policy::rules::{ListFormat, Members};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
use testkit::upstream::{Says, Upstream, a};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream, UdpSocket};

const HOSTILE: &str = "127.0.0.66";
const HONEST: &str = "127.0.0.2";
const PATIENCE: Duration = Duration::from_secs(20);
/// Names of the longest kind have this many bytes on the wire (RFC 1035, 2.3.4).
const LONGEST_NAME_BYTES: usize = 255;

async fn start() -> (Resolver, EventReceiver, Upstream) {
    let (image, _) = image(&[list("made-up", ListFormat::Domains, "gambling", "casino.example\n")]);
    let mut learners = group("learners", Members::default());
    learners.block = categories(&["gambling"]);
    let open = (
        ("open.example.".into(), RecordType::A),
        Says::Records(vec![a("open.example.", 60, [203, 0, 113, 7])]),
    );
    let upstream = Upstream::start([open].into()).await;
    let mut start = Start::new(policy(&[("127.0.0.0/8", Some("learners"))], vec![learners]), image);
    start.config.upstreams = vec![upstream.address.into()];
    start.config.tcp_idle = Duration::from_millis(400);
    let (resolver, events) = start.run().await;
    (resolver, events, upstream)
}

async fn still_answers(resolver: &Resolver) {
    let blocked = resolver.ask(HONEST, "www.casino.example.", RecordType::A).await;
    assert_eq!(blocked.metadata.response_code, ResponseCode::NXDomain);
    let open = resolver.ask(HONEST, "open.example.", RecordType::A).await;
    assert_eq!(addresses(&open), [IpAddr::from([203, 0, 113, 7])]);
}

/// A head with these counts, and what follows it.
fn message(counts: [u16; 4], rest: &[u8]) -> Vec<u8> {
    let counts: Vec<u8> = counts.iter().flat_map(|count| count.to_be_bytes()).collect();
    [&[0x12, 0x34, 1, 0], &counts[..], rest].concat()
}

fn question(name: &[u8], record_type: u16, class: u16) -> Vec<u8> {
    [name, &record_type.to_be_bytes(), &class.to_be_bytes()].concat()
}

/// `OPT` with this name, size and content (RFC 6891, 6.1.2).
fn opt(name: &[u8], offered: u16, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).unwrap().to_be_bytes();
    [name, &[0, 41], &offered.to_be_bytes(), &[0, 0, 0, 0], &length, content].concat()
}

const CASINO: &[u8] = b"\x06casino\x07example\0";

/// A message, and the codes that may come back: none for one that gets no answer.
type Broken = (&'static str, Vec<u8>, &'static [u8]);

const DROPPED: &[u8] = &[];
const FORM_ERR: &[u8] = &[1];

fn broken_names() -> Vec<Broken> {
    let asked = question(CASINO, 1, 1);
    let labels = b"\x01a".repeat(127);
    let longest = [&b"\x3f"[..], &[b'a'; 63]].concat().repeat(4);
    let response = {
        let mut bytes = message([1, 0, 0, 0], &asked);
        bytes[2] |= 0x80;
        bytes
    };
    vec![
        ("nothing", Vec::new(), DROPPED),
        ("less than a head", vec![0; 11], DROPPED),
        ("a response", response, DROPPED),
        ("a head and no question", message([1, 0, 0, 0], b""), FORM_ERR),
        ("no question counted", message([0, 0, 0, 0], &asked), FORM_ERR),
        ("a name cut short", message([1, 0, 0, 0], b"\x06casi"), FORM_ERR),
        ("a name without its end", message([1, 0, 0, 0], b"\x06casino\x07example"), FORM_ERR),
        ("a pointer to itself", message([1, 0, 0, 0], &question(b"\xc0\x0c", 1, 1)), FORM_ERR),
        ("two pointers in a ring", message([1, 0, 0, 0], &question(b"\xc0\x0e\xc0\x0c", 1, 1)), FORM_ERR),
        ("a pointer ahead", message([1, 0, 0, 0], &question(b"\xc0\x20", 1, 1)), FORM_ERR),
        ("a pointer into the head", message([1, 0, 0, 0], &question(b"\xc0\x00", 1, 1)), &[1, 2, 3, 5]),
        ("an extended label", message([1, 0, 0, 0], &question(b"\x41ab\0", 1, 1)), FORM_ERR),
        ("a label kind of nobody's", message([1, 0, 0, 0], &question(b"\x80ab\0", 1, 1)), FORM_ERR),
        (
            "255 labels",
            message([1, 0, 0, 0], &question(&[b"\x01a".repeat(255), vec![0]].concat(), 1, 1)),
            FORM_ERR,
        ),
        (
            "a name one byte too long",
            message([1, 0, 0, 0], &question(&[&longest[..], b"\x00"].concat(), 1, 1)),
            FORM_ERR,
        ),
        ("the longest name", message([1, 0, 0, 0], &question(&[&labels[..], b"\0"].concat(), 1, 1)), &[2, 3]),
    ]
}

fn broken_counts_and_records() -> Vec<Broken> {
    let asked = question(CASINO, 1, 1);
    let huge_option = [&[0, 10, 0xff, 0xff][..], b"abc"].concat();
    vec![
        ("two questions", message([2, 0, 0, 0], &asked.repeat(2)), FORM_ERR),
        ("200 questions", message([200, 0, 0, 0], &asked.repeat(200)), FORM_ERR),
        ("65,535 questions, of which one is there", message([65_535, 0, 0, 0], &asked), FORM_ERR),
        ("65,535 answers, of which none is there", message([1, 65_535, 0, 0], &asked), FORM_ERR),
        ("65,535 additional records", message([1, 0, 0, 65_535], &asked), FORM_ERR),
        ("an additional record that is not there", message([1, 0, 0, 1], &asked), FORM_ERR),
        (
            "OPT twice",
            message([1, 0, 0, 2], &[&asked[..], &opt(b"\0", 512, b""), &opt(b"\0", 512, b"")].concat()),
            FORM_ERR,
        ),
        ("OPT below a name", message([1, 0, 0, 1], &[&asked[..], &opt(CASINO, 512, b"")].concat()), FORM_ERR),
        ("OPT as an answer", message([1, 1, 0, 0], &[&asked[..], &opt(b"\0", 512, b"")].concat()), FORM_ERR),
        (
            "an option longer than its record",
            message([1, 0, 0, 1], &[&asked[..], &opt(b"\0", 512, &huge_option)].concat()),
            &[1, 3],
        ),
        (
            "OPT of 4,000 bytes",
            message([1, 0, 0, 1], &[&asked[..], &opt(b"\0", 512, &[0; 4_000])].concat()),
            &[1, 3],
        ),
        ("OPT that offers nothing", message([1, 0, 0, 1], &[&asked[..], &opt(b"\0", 0, b"")].concat()), &[3]),
        (
            "more than any query has",
            message([1, 0, 0, 1], &[&asked[..], &opt(b"\0", 512, &[0; 9_000])].concat()),
            FORM_ERR,
        ),
        ("rubbish behind the question", message([1, 0, 0, 0], &[&asked[..], &[0xff; 300]].concat()), &[1, 3]),
        ("class NONE", message([1, 0, 0, 0], &question(CASINO, 1, 254)), &[5]),
        ("class ANY", message([1, 0, 0, 0], &question(CASINO, 1, 255)), &[5]),
        ("type OPT", message([1, 0, 0, 0], &question(CASINO, 41, 1)), FORM_ERR),
        ("type 0", message([1, 0, 0, 0], &question(CASINO, 0, 1)), FORM_ERR),
        (
            "a dot within a label",
            message([1, 0, 0, 0], &question(b"\x0aopen.reall\x06casino\x07example\0", 1, 1)),
            &[3],
        ),
        (
            "a NUL within a label",
            message([1, 0, 0, 0], &question(b"\x03\0\0\0\x06casino\x07example\0", 1, 1)),
            &[3],
        ),
    ]
}

#[tokio::test]
async fn broken_messages_get_an_error_or_nothing_and_never_more_bytes_than_a_refusal_needs() {
    assert!(question(&[b"\x01a".repeat(127), vec![0]].concat(), 1, 1).len() == LONGEST_NAME_BYTES + 4);
    let (resolver, _events, _upstream) = start().await;
    let mut wrong = String::new();
    for (what, bytes, codes) in broken_names().into_iter().chain(broken_counts_and_records()) {
        let socket = UdpSocket::bind((HOSTILE, 0)).await.unwrap();
        socket.connect(resolver.address).await.unwrap();
        socket.send(&bytes).await.unwrap();
        // Whatever answer is due was sent before this one is.
        socket
            .send(&message([1, 0, 0, 0], &question(b"\x04last\x06casino\x07example\0", 1, 1)))
            .await
            .unwrap();
        let (mut answers, mut last) = (Vec::new(), None);
        let mut buffer = [0; 65_535];
        while last.is_none() || answers.is_empty() && !codes.is_empty() {
            let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
            let length =
                received.unwrap_or_else(|_| panic!("{what}: {answers:?} {last:?} and no more")).unwrap();
            if buffer[..length].windows(5).any(|part| part == b"\x04last") {
                last = Some(length);
            } else {
                answers.push((buffer[3] & 15, length));
            }
        }
        let right = match answers[..] {
            [] => codes.is_empty(),
            [(code, length)] => codes.contains(&code) && length <= bytes.len() + 150,
            _ => false,
        };
        if !right {
            wrong += &format!("{what}: expected one of {codes:?}, found {answers:?}\n");
        }
        still_answers(&resolver).await;
    }
    assert!(wrong.is_empty(), "{wrong}");
}

async fn connect(server: SocketAddr, from: &str) -> TcpStream {
    connect_with(server, from, 65_536).await
}

async fn connect_with(server: SocketAddr, from: &str, room_bytes: u32) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(room_bytes).unwrap();
    socket.bind((from.parse::<IpAddr>().unwrap(), 0).into()).unwrap();
    socket.connect(server).await.unwrap()
}

fn framed(message: &[u8]) -> Vec<u8> {
    [&u16::try_from(message.len()).unwrap().to_be_bytes(), message].concat()
}

#[tokio::test]
async fn connections_that_lead_nowhere_are_closed_and_others_are_served_meanwhile() {
    let (resolver, _events, _upstream) = start().await;
    let asked = framed(&message([1, 0, 0, 0], &question(CASINO, 1, 1)));
    for (what, bytes) in [
        ("nothing", Vec::new()),
        ("half a length", vec![0]),
        ("a length of nothing", vec![0, 0, 0, 0]),
        ("a length and never the message", vec![0xff, 0xff]),
        ("half a message", asked[..10].to_vec()),
        ("a request for a web page", b"GET / HTTP/1.1\r\nHost: casino.example\r\n\r\n".to_vec()),
        ("a greeting of TLS", b"\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03".to_vec()),
    ] {
        let mut stream = connect(resolver.address, HOSTILE).await;
        stream.write_all(&bytes).await.unwrap();
        let mut answers = Vec::new();
        let closed = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answers)).await;
        assert!(closed.is_ok(), "{what}: the connection stays open");
        assert!(answers.len() < 40, "{what}: {answers:?}");
        still_answers(&resolver).await;
    }
}

#[tokio::test]
async fn a_question_that_comes_byte_by_byte_is_answered_and_so_are_many_at_once() {
    let (resolver, _events, _upstream) = start().await;
    let asked = framed(&message([1, 0, 0, 0], &question(CASINO, 1, 1)));
    let mut slow = connect(resolver.address, HOSTILE).await;
    slow.set_nodelay(true).unwrap();
    for byte in &asked {
        slow.write_all(&[*byte]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut many = connect(resolver.address, HONEST).await;
    many.write_all(&asked.repeat(500)).await.unwrap();
    for (stream, expected) in [(&mut slow, 1), (&mut many, 500)] {
        for _ in 0..expected {
            let read = async {
                let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
                stream.read_exact(&mut answer).await.unwrap();
                Message::from_vec(&answer).unwrap()
            };
            let answer = tokio::time::timeout(PATIENCE, read).await.unwrap();
            assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_who_asks_and_asks_and_never_reads_holds_up_nobody_else() {
    let (resolver, _events, _upstream) = start().await;
    let asked = framed(&message([1, 0, 0, 0], &question(CASINO, 1, 1))).repeat(1_000);
    let mut streams = Vec::new();
    for number in 0..100 {
        // Little room for answers, so that the server's own buffers fill.
        let mut stream = connect_with(resolver.address, HOSTILE, 2_048).await;
        // Past the most connections of one address the server hangs up, which is all right.
        if number < 20 {
            let _ = tokio::time::timeout(Duration::from_millis(50), stream.write_all(&asked)).await;
        }
        streams.push(stream);
    }
    still_answers(&resolver).await;
    let mut honest = connect(resolver.address, HONEST).await;
    honest.write_all(&framed(&message([1, 0, 0, 0], &question(CASINO, 1, 1)))).await.unwrap();
    assert!(tokio::time::timeout(PATIENCE, honest.read_u16()).await.unwrap().unwrap() > 12);
}
