//! The upstream of both servers: it knows every name, and gives each an address of its own.

use crate::error::BenchError;
use crate::questions::{contents_of, question_section};
use crate::sys::{Inbox, Waiting};
use std::net::{SocketAddr, UdpSocket};
use std::thread;

/// How long its answers may be kept, in seconds: longer than any bench.
const TTL_S: u32 = 3_600;

/// Starts answering, in a thread that ends with the program.
pub(crate) fn start() -> Result<SocketAddr, BenchError> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(BenchError::Socket)?;
    let address = socket.local_addr().map_err(BenchError::Socket)?;
    let serve = move || {
        let mut inbox = Inbox::default();
        while inbox.receive(&socket, Waiting::ForOne).is_ok() {
            for (buffer, length) in inbox.datagrams_mut() {
                let answer = buffer.get(..*length).and_then(answer_to).unwrap_or_default();
                if let Some(place) = buffer.get_mut(..answer.len()) {
                    place.copy_from_slice(&answer);
                    *length = answer.len();
                }
            }
            if inbox.send_back(&socket).is_err() {
                return;
            }
        }
    };
    let spawned = thread::Builder::new().name("upstream".into()).spawn(serve);
    spawned.map_err(BenchError::Socket)?;
    Ok(address)
}

/// The answer to a question: its address, or no records for types that have none. `None` for what is no question.
pub(crate) fn answer_to(question: &[u8]) -> Option<Vec<u8>> {
    let section = question_section(question)?;
    let mut answer = question.get(..12)?.to_vec();
    let edns = (*answer.get(11)?).min(1);
    let contents = contents_of(question);
    let counts = [0, 1, 0, u8::from(contents.is_some()), 0, 0, 0, edns];
    answer.get_mut(4..12)?.copy_from_slice(&counts);
    *answer.get_mut(2)? |= 0x80;
    *answer.get_mut(3)? = 0x80;
    answer.extend_from_slice(section);
    if let Some((kind, start, address)) = contents {
        let address = address.get(start..)?;
        answer.extend_from_slice(&[0xc0, 0x0c]);
        answer.extend_from_slice(&kind.to_be_bytes());
        answer.extend_from_slice(&[0, 1]);
        answer.extend_from_slice(&TTL_S.to_be_bytes());
        answer.extend_from_slice(&u16::try_from(address.len()).ok()?.to_be_bytes());
        answer.extend_from_slice(address);
    }
    if edns > 0 {
        answer.extend_from_slice(&[0, 0, 41, 0x04, 0xd0, 0, 0, 0, 0, 0, 0]);
    }
    Some(answer)
}
