//! DNS over HTTPS through its socket: a connection's bytes in either version of HTTP, and questions as parameter, as
//! body and as path.

use crate::wires::{NAME, PATIENCE, WORLD, check};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::time::Duration;

/// The start of HTTP/2 (RFC 9113, 3.4), and empty settings.
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// The first byte says what the others are.
pub fn request(bytes: &[u8]) {
    let Some((kind, rest)) = bytes.split_first() else { return };
    match kind % 5 {
        0 => drop(exchange("http/1.1", rest, Then::Ends)),
        1 => drop(exchange("h2", &[PREFACE, rest].concat(), Then::Ends)),
        2 => {
            let question = BASE64_URL_SAFE_NO_PAD.encode(rest);
            is_answered(&get(format!("/dns-query?dns={question}").as_bytes(), Then::Waits));
        }
        3 => {
            let head = format!(
                "POST /dns-query HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\
                 Content-Type: application/dns-message\r\nContent-Length: {}\r\n\r\n",
                rest.len()
            );
            is_answered(&exchange("http/1.1", &[head.as_bytes(), rest].concat(), Then::Waits));
        }
        // What is no path ends the connection, or is refused.
        _ => drop(get(&[b"/dns-query", rest].concat(), Then::Ends)),
    }
    let _ = WORLD.sentinel();
}

/// What a client does when it has written everything.
enum Then {
    /// It ends its side of the connection, with which the server may leave off.
    Ends,
    /// It waits for the response.
    Waits,
}

fn get(target: &[u8], then: Then) -> Vec<u8> {
    let after = format!(" HTTP/1.1\r\nHost: {NAME}\r\nConnection: close\r\n\r\n");
    exchange("http/1.1", &[b"GET ", target, after.as_bytes()].concat(), then)
}

/// A whole response came; with the status 200 it is a DNS message.
fn is_answered(response: &[u8]) {
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").expect("the head of a response");
    let (head, body) = response.split_at(end + 4);
    let status = head.get(9..12).expect("a status");
    match status {
        b"200" => check(body),
        b"400" | b"413" | b"414" | b"431" => {}
        other => panic!("the status is {}", String::from_utf8_lossy(other)),
    }
}

/// Writes the bytes on a connection of their own, and reads to its end.
fn exchange(protocol: &str, bytes: &[u8], then: Then) -> Vec<u8> {
    let stream =
        socket2::Socket::from(TcpStream::connect(WORLD.https).expect("the server takes connections on"));
    stream.set_linger(Some(Duration::ZERO)).expect("a socket option");
    let stream = TcpStream::from(stream);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket option");
    stream.set_nodelay(true).expect("a socket option");
    let mut settings = ClientConfig::clone(&WORLD.trusting);
    settings.alpn_protocols = vec![protocol.as_bytes().to_vec()];
    let name = ServerName::try_from(NAME).expect("a name");
    let client = ClientConnection::new(Arc::new(settings), name).expect("settings of TLS");
    let mut secured = StreamOwned::new(client, stream);
    let _ = secured.write_all(bytes);
    if matches!(then, Then::Ends) {
        secured.conn.send_close_notify();
        let _ = secured.flush();
        let _ = secured.sock.shutdown(Shutdown::Write);
    }
    let mut response = Vec::new();
    if let Err(error) = secured.read_to_end(&mut response) {
        // An alert is an end too: with nothing to write there was no handshake.
        let has_ended = matches!(
            error.kind(),
            ErrorKind::ConnectionReset | ErrorKind::UnexpectedEof | ErrorKind::InvalidData
        );
        assert!(has_ended, "the server holds on to it: {error}");
    }
    response
}
