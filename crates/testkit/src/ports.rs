//! Ports of loopback.

use std::io;
use tokio::net::{TcpListener, UdpSocket};

/// Ports that are tried: another program may have one of them for TCP.
const MOST_TRIED: usize = 64;

/// A port that both UDP and TCP can have.
pub(crate) async fn free_port() -> io::Result<(UdpSocket, TcpListener)> {
    for _ in 1..MOST_TRIED {
        if let Ok(both) = one_port().await {
            return Ok(both);
        }
    }
    one_port().await
}

async fn one_port() -> io::Result<(UdpSocket, TcpListener)> {
    let udp = UdpSocket::bind("127.0.0.1:0").await?;
    let tcp = TcpListener::bind(udp.local_addr()?).await?;
    Ok((udp, tcp))
}
