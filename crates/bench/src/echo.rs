//! The echo: what a server that only receives and sends in batches does on one core. No DNS server can be faster that
//! works the same way.

use crate::error::BenchError;
use crate::say;
use crate::sys::{Inbox, Waiting};
use socket2::SockRef;
use std::net::UdpSocket;

const RECEIVE_BUFFER_BYTES: usize = 4 << 20;

/// Sends back whatever comes, until the process is ended.
pub(crate) fn serve() -> Result<(), BenchError> {
    let socket = UdpSocket::bind("127.0.0.1:0").map_err(BenchError::Socket)?;
    SockRef::from(&socket).set_recv_buffer_size(RECEIVE_BUFFER_BYTES).map_err(BenchError::Socket)?;
    let address = socket.local_addr().map_err(BenchError::Socket)?;
    say::result(&format!("listening {address}"));
    let mut inbox = Inbox::default();
    loop {
        inbox.receive(&socket, Waiting::ForOne).map_err(BenchError::Socket)?;
        inbox.send_back(&socket).map_err(BenchError::Socket)?;
    }
}
