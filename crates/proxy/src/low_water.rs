//! How many bytes must be there before a connection wakes its reader (SO_RCVLOWAT, socket(7)).
#![expect(unsafe_code, reason = "no safe crate of ours offers this option")]

use std::io;
use std::mem::size_of_val;
use std::os::fd::AsRawFd;
use tokio::net::TcpStream;

/// From now on the reader is woken when so many bytes are there, the connection ends, or the other side may send no
/// more. Where fewer are enough again, and are there, it is woken at once.
pub(crate) fn set(connection: &TcpStream, bytes: u32) -> io::Result<()> {
    let bytes = libc::c_int::try_from(bytes).unwrap_or(libc::c_int::MAX);
    let length = libc::socklen_t::try_from(size_of_val(&bytes)).unwrap_or_default();
    // SAFETY: the descriptor is the connection's, which lives through the call; `bytes` is ours, is of the type that the
    // option takes, and `length` is its size.
    let outcome = unsafe {
        libc::setsockopt(
            connection.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_RCVLOWAT,
            (&raw const bytes).cast(),
            length,
        )
    };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::io::AsyncWriteExt;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn the_reader_sleeps_until_enough_is_there_or_less_is_enough() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let mut far = listener.accept().await.unwrap().0;
        set(&near, 1_000).unwrap();
        far.write_all(&[1; 999]).await.unwrap();
        let slept = tokio::time::timeout(Duration::from_millis(50), near.readable()).await;
        assert!(slept.is_err());
        far.write_all(&[1]).await.unwrap();
        near.readable().await.unwrap();
        assert_eq!(near.try_read(&mut [0; 2_000]).unwrap(), 1_000);

        far.write_all(&[1; 10]).await.unwrap();
        set(&near, 1).unwrap();
        near.readable().await.unwrap();
    }
}
