//! Many clients at once, clients behind a proxy, and clients that ask too much.

use crate::world::{
    LEARNER, NOBODY, STAFF_ROOM, World, compile, explanations, policy, proxy_header, question, receive,
};
use dns::RateLimit;
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hickory_proto::op::{Edns, Message, ResponseCode};
use hickory_proto::rr::RecordType;
use model::EventOutcome;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use testkit::upstream::{Says, Zone, a};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::timeout;

fn zone() -> Zone {
    [(("site.test.".to_owned(), RecordType::A), Says::Records(vec![a("site.test.", 60, [203, 0, 113, 7])]))]
        .into()
}

#[tokio::test]
async fn on_all_addresses_each_answer_leaves_by_the_one_that_was_asked() {
    let world = World::start_with(zone(), |config| config.listen = vec!["0.0.0.0:0".parse().unwrap()]).await;
    for to in ["127.0.0.1", "127.0.0.2", "127.7.7.7"] {
        let client = UdpSocket::bind("127.0.0.3:0").await.unwrap();
        // A connected socket hears nobody else.
        client.connect((to, world.server.port())).await.unwrap();
        // The first is answered from upstream, the second from what is kept, the third is blocked.
        for (name, code) in [
            ("site.test.", ResponseCode::NoError),
            ("site.test.", ResponseCode::NoError),
            ("illegal.test.", ResponseCode::NXDomain),
        ] {
            client.send(&question(name, RecordType::A).to_vec().unwrap()).await.unwrap();
            assert_eq!(receive(&client).await.metadata.response_code, code, "{to} {name}");
        }
    }
}

#[tokio::test]
async fn who_asks_too_much_is_sent_to_tcp_and_is_answered_there() {
    let world = World::start_with(zone(), |config| {
        config.workers = 1;
        config.rate_limit = RateLimit { per_s: 1, burst: 4 };
    })
    .await;
    let client = world.client(STAFF_ROOM).await;
    let message = question("illegal.test.", RecordType::A);
    let mut whole = 0;
    let mut cut = 0;
    for _ in 0..12 {
        client.send(&message.to_vec().unwrap()).await.unwrap();
    }
    // Every second one beyond the limit hears nothing.
    for _ in 0..8 {
        let answer = receive(&client).await;
        if answer.metadata.truncation {
            cut += 1
        } else {
            whole += 1
        }
        assert_eq!(answer.metadata.id, message.metadata.id);
    }
    assert_eq!((whole, cut), (4, 4));
    let mut stream = TcpStream::connect(world.server).await.unwrap();
    assert_eq!(exchange(&mut stream, &message).await.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(
        world.ask(LEARNER, "illegal.test.", RecordType::A).await.metadata.response_code,
        ResponseCode::NXDomain
    );
    assert_eq!(world.events().len(), 6);
}

#[tokio::test]
async fn who_asks_too_much_by_tcp_is_made_to_wait_and_then_hung_up_on() {
    let world =
        World::start_with(zone(), |config| config.rate_limit = RateLimit { per_s: 1, burst: 2 }).await;
    let message = question("illegal.test.", RecordType::A);
    let mut stream = connect_from(LEARNER, world.server).await;
    for _ in 0..2 {
        assert_eq!(exchange(&mut stream, &message).await.metadata.response_code, ResponseCode::NXDomain);
    }
    let bytes = message.to_vec().unwrap();
    stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    // The clock stands, so that no waiting is long enough.
    assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
    // The next connection is another one of the same client; a second later there is a question for it.
    world.clock.advance_ms(1_000);
    let mut stream = connect_from(LEARNER, world.server).await;
    assert_eq!(exchange(&mut stream, &message).await.metadata.response_code, ResponseCode::NXDomain);
    assert_eq!(world.events().len(), 3);
}

#[tokio::test]
async fn outsiders_hear_no_more_of_what_is_broken_or_cut_than_of_refusals() {
    let proxy = "127.0.0.9";
    let whole = question("site.test.", RecordType::A).to_vec().unwrap();
    for (sent, rate_limit) in [
        (vec![0, 7, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0], RateLimit::default()),
        (whole, RateLimit { per_s: 1, burst: 1 }),
    ] {
        let world = World::start_with(zone(), |config| {
            config.proxy_peers = vec![format!("{proxy}/32").parse().unwrap()];
            (config.workers, config.rate_limit) = (1, rate_limit);
        })
        .await;
        let client = world.client(proxy).await;
        let wrapped = [proxy_header("203.0.113.50"), sent].concat();
        for _ in 0..300 {
            client.send(&wrapped).await.unwrap();
        }
        let mut heard = 0;
        while timeout(Duration::from_millis(500), client.recv(&mut [0; 500])).await.is_ok() {
            heard += 1;
        }
        assert_eq!(heard, 100, "{rate_limit:?}");
    }
}

async fn exchange(stream: &mut TcpStream, message: &Message) -> Message {
    let bytes = message.to_vec().unwrap();
    stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
    stream.write_all(&bytes).await.unwrap();
    let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

#[tokio::test]
async fn a_listed_proxy_says_whose_question_it_is_and_nobody_else_may() {
    let proxy = "127.0.0.9";
    let world =
        World::start_with(zone(), |config| config.proxy_peers = vec![format!("{proxy}/32").parse().unwrap()])
            .await;
    let casino = question("casino.test.", RecordType::A);
    for (of, code) in [
        (LEARNER, ResponseCode::NXDomain),
        (STAFF_ROOM, ResponseCode::NXDomain),
        ("203.0.113.50", ResponseCode::Refused),
    ] {
        let wrapped = [proxy_header(of), casino.to_vec().unwrap()].concat();
        let client = world.client(proxy).await;
        client.send(&wrapped).await.unwrap();
        let answer = receive(&client).await;
        assert_eq!(answer.metadata.response_code, code, "{of}");
        let mut stream = connect_from(proxy, world.server).await;
        stream.write_all(&proxy_header(of)).await.unwrap();
        assert_eq!(exchange(&mut stream, &casino).await.metadata.response_code, code, "{of}");
    }
    let addresses: Vec<IpAddr> = world.events().iter().map(|event| event.address).collect();
    let expected =
        [LEARNER, LEARNER, STAFF_ROOM, STAFF_ROOM].map(|address| address.parse::<IpAddr>().unwrap());
    assert_eq!(addresses, expected);

    // A listed proxy that says nothing, and somebody who is not listed and says something.
    let silent = world.client(proxy).await;
    silent.send(&casino.to_vec().unwrap()).await.unwrap();
    let liar = world.client(NOBODY).await;
    liar.send(&[proxy_header(STAFF_ROOM), casino.to_vec().unwrap()].concat()).await.unwrap();
    // What is asked after it is answered, so that it would have been answered by now.
    assert_eq!(world.send(NOBODY, &casino).await.metadata.id, casino.metadata.id);
    for client in [silent, liar] {
        assert!(timeout(Duration::from_millis(200), client.recv(&mut [0; 100])).await.is_err());
    }
    let mut stream = connect_from(proxy, world.server).await;
    stream.write_all(&[0, 40]).await.unwrap();
    stream.write_all(&[0; 40]).await.unwrap();
    assert!(matches!(stream.read(&mut [0; 1]).await, Ok(0) | Err(_)));
}

#[tokio::test]
async fn beyond_a_clients_share_of_what_waits_for_upstreams_it_is_told_so_at_once() {
    // An upstream that hears everything and says nothing.
    let silent = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let upstream = silent.local_addr().unwrap();
    let world = World::start_with([].into(), |config| {
        config.upstreams = vec![upstream.into()];
        config.upstream_wait = Duration::from_secs(60);
    })
    .await;
    // 1,024 may wait for one client: 32 connections with 32 questions each. The next connection has a question too many.
    let mut connections = Vec::new();
    for connection in 0..33 {
        let mut stream = connect_from(NOBODY, world.server).await;
        for number in 0..32 {
            let name = format!("n{number}.c{connection}.site.test.");
            let mut message = question(&name, RecordType::A);
            message.set_edns(Edns::new());
            let bytes = message.to_vec().unwrap();
            stream.write_u16(bytes.len().try_into().unwrap()).await.unwrap();
            stream.write_all(&bytes).await.unwrap();
        }
        connections.push(stream);
    }
    // Whichever it is: the others hear nothing for four seconds.
    let mut answers: FuturesUnordered<_> = connections.iter_mut().map(read_answer).collect();
    let answer = answers.next().await.unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(explanations(&answer), [(23, "too many questions wait for the upstreams".to_owned())]);
    let events = world.events();
    assert!(!events.is_empty() && events.iter().all(|event| event.outcome == EventOutcome::Failed));
    // Others have shares of their own.
    let other = world.ask(LEARNER, "casino.test.", RecordType::A).await;
    assert_eq!(other.metadata.response_code, ResponseCode::NXDomain);
}

async fn read_answer(stream: &mut TcpStream) -> Message {
    let mut answer = vec![0; stream.read_u16().await.unwrap().into()];
    stream.read_exact(&mut answer).await.unwrap();
    Message::from_vec(&answer).unwrap()
}

async fn connect_from(from: &str, to: SocketAddr) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::new(from.parse().unwrap(), 0)).unwrap();
    socket.connect(to).await.unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_of_the_policy_under_load_loses_no_answer() {
    let world = World::start_with(zone(), |config| config.rate_limit.per_s = 0).await;
    let asking = Arc::new(AtomicBool::new(true));
    let changing = {
        let (snapshot, asking) = (Arc::clone(&world.snapshot), Arc::clone(&asking));
        tokio::spawn(async move {
            let mut changes = 0;
            while asking.load(Ordering::SeqCst) {
                snapshot.put(compile(policy()));
                changes += 1;
                tokio::task::yield_now().await;
            }
            changes
        })
    };
    let client = world.client(LEARNER).await;
    for round in 0..200 {
        let messages: Vec<Message> = (0..16)
            .map(|number| {
                question(if number % 2 == 0 { "casino.test." } else { "site.test." }, RecordType::A)
            })
            .collect();
        for message in &messages {
            client.send(&message.to_vec().unwrap()).await.unwrap();
        }
        for _ in &messages {
            let answer = receive(&client).await;
            let blocked = answer.queries[0].name.to_ascii() == "casino.test.";
            let expected = if blocked { ResponseCode::NXDomain } else { ResponseCode::NoError };
            assert_eq!(answer.metadata.response_code, expected, "round {round}");
        }
    }
    asking.store(false, Ordering::SeqCst);
    assert!(changing.await.unwrap() > 10);
}
