//! UDP and TCP as the wires they are: sizes, many questions at once, nonsense, the end.

use crate::world::{NOBODY, World, question, receive};
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::rdata::AAAA;
use hickory_proto::rr::{RData, Record, RecordType};
use std::collections::HashSet;
use std::net::Ipv6Addr;
use std::time::Duration;
use testkit::upstream::{Says, Zone, a, name_of};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const WAIT: Duration = Duration::from_secs(10);

fn zone(addresses: u8) -> Zone {
    let address = |last: u8| RData::AAAA(AAAA(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, last.into())));
    let big = |last| Record::from_rdata(name_of("big.test."), 60, address(last));
    let big = (0..addresses).map(big).collect();
    let small = vec![a("small.test.", 60, [203, 0, 113, 7])];
    [
        (("big.test.".to_owned(), RecordType::AAAA), Says::Records(big)),
        (("small.test.".to_owned(), RecordType::A), Says::Records(small)),
        (("silent.test.".to_owned(), RecordType::A), Says::Nothing),
    ]
    .into()
}

fn framed(message: &Message) -> Vec<u8> {
    let bytes = message.to_vec().unwrap();
    [&u16::try_from(bytes.len()).unwrap().to_be_bytes(), bytes.as_slice()].concat()
}

async fn read_framed(stream: &mut TcpStream) -> Message {
    let length = timeout(WAIT, stream.read_u16()).await.unwrap().unwrap();
    let mut bytes = vec![0; length.into()];
    timeout(WAIT, stream.read_exact(&mut bytes)).await.unwrap().unwrap();
    Message::from_vec(&bytes).unwrap()
}

#[tokio::test]
async fn what_does_not_fit_into_a_datagram_is_cut_and_comes_whole_by_tcp() {
    // More than 1,232 bytes, so that the answer of the upstream is cut as well.
    let world = World::start(zone(60)).await;
    let asked = question("big.test.", RecordType::AAAA);
    let mut generous = asked.clone();
    generous.set_edns(Edns::new().set_max_payload(4_096).clone());
    for message in [&asked, &generous] {
        let cut = world.send(NOBODY, message).await;
        assert!(cut.metadata.truncation && cut.answers.is_empty());
    }
    let mut stream = TcpStream::connect(world.server).await.unwrap();
    stream.write_all(&framed(&asked)).await.unwrap();
    let whole = read_framed(&mut stream).await;
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 60);
}

#[tokio::test]
async fn many_questions_on_one_connection_are_answered_as_they_are_ready() {
    let world = World::start(zone(3)).await;
    let mut stream = TcpStream::connect(world.server).await.unwrap();
    let slow = question("silent.test.", RecordType::A);
    let quick: Vec<Message> = (0..20).map(|_| question("small.test.", RecordType::A)).collect();
    let mut bytes = framed(&slow);
    quick.iter().for_each(|message| bytes.extend(framed(message)));
    stream.write_all(&bytes).await.unwrap();
    // The client has no more to ask; it is still answered.
    stream.shutdown().await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..21 {
        ids.push(read_framed(&mut stream).await.metadata.id);
    }
    assert_eq!(ids.last(), Some(&slow.metadata.id));
    let expected: HashSet<u16> = quick.iter().map(|message| message.metadata.id).collect();
    assert_eq!(ids[..20].iter().copied().collect::<HashSet<u16>>(), expected);
    assert_eq!(timeout(WAIT, stream.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn an_idle_connection_and_one_that_sends_nonsense_are_closed() {
    let world = World::start_with(zone(3), |config| config.tcp_idle = Duration::from_millis(200)).await;
    let mut idle = TcpStream::connect(world.server).await.unwrap();
    assert_eq!(timeout(WAIT, idle.read(&mut [0; 1])).await.unwrap().unwrap(), 0);
    let mut nonsense = TcpStream::connect(world.server).await.unwrap();
    nonsense.write_all(&[0xff, 0xff, 1, 2, 3]).await.unwrap();
    // Closed with bytes unread, so the system may say so more harshly.
    let closed = timeout(WAIT, nonsense.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)));
}

#[tokio::test]
async fn garbage_is_refused_or_dropped_and_the_next_question_is_answered() {
    let world = World::start(zone(3)).await;
    let client = world.client(NOBODY).await;
    let good = question("small.test.", RecordType::A);
    let response = good.clone().into_response();
    let garbage: [Vec<u8>; 4] = [vec![], vec![0; 5], vec![0xff; 300], response.to_vec().unwrap()];
    for bytes in &garbage {
        client.send(bytes).await.unwrap();
    }
    let mut oversized = good.to_vec().unwrap();
    oversized.resize(5_000, 0);
    client.send(&oversized).await.unwrap();
    let refused = receive(&client).await;
    assert_eq!(
        (refused.metadata.id, refused.metadata.response_code),
        (good.metadata.id, ResponseCode::FormErr)
    );
    client.send(&[0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63]).await.unwrap();
    let refused = receive(&client).await;
    assert_eq!((refused.metadata.id, refused.metadata.response_code), (0x1234, ResponseCode::FormErr));
    client.send(&good.to_vec().unwrap()).await.unwrap();
    assert_eq!(receive(&client).await.metadata.id, good.metadata.id);
    assert_eq!(world.events().len(), 1);
}

#[tokio::test]
async fn a_stopped_server_gives_its_address_back() {
    let world = World::start(zone(3)).await;
    let mut open = TcpStream::connect(world.server).await.unwrap();
    world.stop.cancel();
    // Whether it had been taken on by then decides how its end looks.
    let closed = timeout(WAIT, open.read(&mut [0; 1])).await.unwrap();
    assert!(matches!(closed, Ok(0) | Err(_)));
    let refused = async {
        while TcpStream::connect(world.server).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    timeout(WAIT, refused).await.unwrap();
}
