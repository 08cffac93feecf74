//! Zone transfers, through [`lists::prepare`] and [`lists::Prepared::swap`] as the gate calls them, from a server on
//! loopback that says what it is told to.

use crate::archives::{PLACE, empty_folder, updated};
use crate::readers::category;
use model::ListId;
use policy::rules::{ListFormat, ListSource, Subscription};
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

const ZONE: &[u8] = b"\x03rpz\x04test\0";
/// How long the server waits for a question.
const PATIENCE: Duration = Duration::from_secs(5);

/// The server, and what it writes on each connection.
struct Server {
    source: String,
    says: Arc<Mutex<Vec<u8>>>,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let says = Arc::<Mutex<Vec<u8>>>::default();
    let source = format!("rpz://{}/rpz.test", listener.local_addr().expect("bound"));
    let said = Arc::clone(&says);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let bytes = said.lock().expect("nobody panicked").clone();
            let _ = answer(stream, &bytes);
        }
    });
    Server { source, says }
});

/// Reads the question, writes the bytes and closes.
fn answer(mut stream: TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    stream.read_exact(&mut vec![0; u16::from_be_bytes(length).into()])?;
    stream.write_all(bytes)?;
    stream.shutdown(Shutdown::Write)
}

/// The first byte says whether a version of the zone is there already, so that what changed is asked for; and whether
/// the rest is a connection's bytes or the records of one message.
pub fn transfer(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    empty_folder();
    if kind & 1 != 0 {
        let zone = [soa(1), rule("casino.example"), soa(1)].concat();
        assert!(update(&message(3, &zone)), "a good transfer is a good one");
    }
    let fuzzed = match (kind & 2, rest.split_first()) {
        (0, Some((count, records))) => message((*count).into(), records),
        _ => rest.to_vec(),
    };
    update(&fuzzed);
}

/// Updates from a server that says this; true where it gave a zone.
fn update(says: &[u8]) -> bool {
    let server = &*SERVER;
    *server.says.lock().expect("nobody panicked") = says.to_vec();
    let list = ListSource {
        id: ListId::new("zone"),
        name: "Fuzzed".into(),
        format: ListFormat::Rpz,
        source: server.source.as_str().into(),
        category: Some(category()),
        folders: Vec::new(),
        subscription: Subscription::default(),
    };
    let updated = PLACE.block_on(updated(&[list], &PLACE.images()));
    // A zone that lost everything is refused: there is no image then, and the one before stays.
    let Ok((image, report)) = updated else { return false };
    let illegal = image.lists().iter().find(|list| list.id.as_str() == lists::BUILT_IN_ILLEGAL);
    assert!(illegal.is_some_and(|list| list.names > 0), "the built-in list is in every image");
    report.troubles().is_empty()
}

/// A message of an answer with its length before it: the head, the question, and the records.
fn message(count: u16, records: &[u8]) -> Vec<u8> {
    let records = &records[..records.len().min(60_000)];
    let head = [0, 1, 0x84, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let mut message = [&head[..], ZONE, &[0, 252, 0, 1], records].concat();
    message[6..8].copy_from_slice(&count.to_be_bytes());
    let length = u16::try_from(message.len()).expect("a message is short");
    [&length.to_be_bytes()[..], &message].concat()
}

/// The zone's own record, of this version.
fn soa(serial: u32) -> Vec<u8> {
    let value = [&[0, 0][..], &serial.to_be_bytes(), &[0; 16]].concat();
    record(ZONE, 6, &value)
}

/// A rule that says that this name does not exist.
fn rule(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    record(&[&labels.collect::<Vec<u8>>(), ZONE].concat(), 5, &[0])
}

fn record(owner: &[u8], kind: u16, value: &[u8]) -> Vec<u8> {
    let length = u16::try_from(value.len()).expect("a value is short");
    let numbers = [&kind.to_be_bytes()[..], &[0, 1, 0, 0, 0, 60], &length.to_be_bytes()].concat();
    [owner, &numbers, value].concat()
}
