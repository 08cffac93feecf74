//! Bytes between two TCP connections, unread: the kernel moves them by itself once there are many.
//!
//! A tunnel that moves little costs one copy through a buffer that all tunnels of a thread share, so that an idle one
//! holds none. From [`BULK`] on a direction gets a pipe, and `splice(2)` moves pages without copying them. While bytes
//! come fast, many are waited for at once, since waking costs more than moving them.

use crate::low_water;
use crate::scratch::with_scratch;
use crate::visit::Moved;
use bytes::Bytes;
use rustix::fs::OFlags;
use rustix::io::retry_on_intr;
use rustix::net::Shutdown;
use rustix::pipe::{PipeFlags, SpliceFlags, fcntl_setpipe_size, pipe_with, splice};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncWriteExt, Interest};
use tokio::net::TcpStream;

/// After so many bytes one way it is worth a pipe.
const BULK: usize = 256 * 1024;
/// The size that is asked for a pipe; the system may give less.
const PIPE_BYTES: usize = 1024 * 1024;
/// Bytes come fast when so many are there at once.
const FAST: usize = 64 * 1024;
/// So many are waited for while they come fast.
const MANY: u32 = 512 * 1024;
/// And no longer than this, so that the last of them are not held up.
const MOST_HELD_UP: Duration = Duration::from_millis(2);

/// Moves bytes both ways until both sides have ended or either breaks. `first` was already read from the client.
pub(crate) async fn both_ways(
    mut client: TcpStream,
    first: Bytes,
    mut origin: TcpStream,
    moved: &Moved,
) -> io::Result<()> {
    origin.write_all(&first).await?;
    add(&moved.up, first.len());
    drop(first);
    let (client, origin) = (&mut client, &mut origin);
    tokio::try_join!(one_way(client, origin, &moved.up), one_way(origin, client, &moved.down))?;
    Ok(())
}

async fn one_way(from: &TcpStream, to: &TcpStream, count: &AtomicU64) -> io::Result<()> {
    let mut so_far: usize = 0;
    while so_far < BULK {
        match copy_once(from, to, count).await? {
            0 => return end(to),
            copied => so_far = so_far.saturating_add(copied),
        }
    }
    // Where no pipe is to be had, as for lack of descriptors, copying still works.
    let Ok(mut pipe) = Pipe::new() else {
        while copy_once(from, to, count).await? != 0 {}
        return end(to);
    };
    while pipe.carry(from, to, count).await? != 0 {}
    end(to)
}

/// One side has no more to say, and the other may still have.
fn end(to: &TcpStream) -> io::Result<()> {
    match rustix::net::shutdown(to, Shutdown::Write) {
        // It went altogether in the meantime.
        Ok(()) | Err(rustix::io::Errno::NOTCONN) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Copies what is there; 0 at the end.
async fn copy_once(from: &TcpStream, to: &TcpStream, count: &AtomicU64) -> io::Result<usize> {
    loop {
        from.readable().await?;
        let copied = with_scratch(|scratch| -> io::Result<(usize, Vec<u8>)> {
            let read = from.try_read(scratch)?;
            let bytes = scratch.get(..read).unwrap_or_default();
            let sent = match to.try_write(bytes) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
                sent => sent?,
            };
            add(count, sent);
            Ok((read, bytes.get(sent..).unwrap_or_default().to_vec()))
        });
        let (read, rest) = match copied {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
            copied => copied?,
        };
        let mut rest = rest.as_slice();
        while !rest.is_empty() {
            let sent = to.async_io(Interest::WRITABLE, || to.try_write(rest)).await?;
            add(count, sent);
            rest = rest.get(sent..).unwrap_or_default();
        }
        return Ok(read);
    }
}

/// A pipe between two connections; empty between two calls.
struct Pipe {
    take: OwnedFd,
    put: OwnedFd,
    /// [`MANY`] bytes are waited for.
    waits_for_many: bool,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let (take, put) = pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC)?;
        // A smaller pipe only takes more calls.
        let _ = fcntl_setpipe_size(&put, PIPE_BYTES);
        debug_assert!(rustix::fs::fcntl_getfl(&put).is_ok_and(|flags| flags.contains(OFlags::NONBLOCK)));
        Ok(Self { take, put, waits_for_many: false })
    }

    /// Moves what is there; 0 at the end.
    async fn carry(&mut self, from: &TcpStream, to: &TcpStream, count: &AtomicU64) -> io::Result<usize> {
        let taken = self.fill(from).await?;
        if taken >= FAST && !self.waits_for_many {
            self.waits_for_many = low_water::set(from, MANY).is_ok();
        }
        let mut left = taken;
        while left > 0 {
            let sent = to.async_io(Interest::WRITABLE, || step(&self.take, to, left)).await?;
            if sent == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            add(count, sent);
            left = left.saturating_sub(sent);
        }
        Ok(taken)
    }

    /// Takes what is there into the pipe; 0 at the end. As the pipe is empty, only the connection can be what is waited for.
    async fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        let put = &self.put;
        let all_there = from.async_io(Interest::READABLE, || step(from, put, PIPE_BYTES));
        if !self.waits_for_many {
            return all_there.await;
        }
        if let Ok(taken) = tokio::time::timeout(MOST_HELD_UP, all_there).await {
            return taken;
        }
        low_water::set(from, 1)?;
        self.waits_for_many = false;
        from.async_io(Interest::READABLE, || step(from, put, PIPE_BYTES)).await
    }
}

fn step(from: impl AsFd, to: impl AsFd, most: usize) -> io::Result<usize> {
    let flags = SpliceFlags::NONBLOCK | SpliceFlags::MOVE;
    Ok(retry_on_intr(|| splice(from.as_fd(), None, to.as_fd(), None, most, flags))?)
}

fn add(count: &AtomicU64, bytes: usize) {
    count.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncReadExt;
    use tokio::net::TcpListener;

    /// Two ends of a TCP connection.
    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let near = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        (near, listener.accept().await.unwrap().0)
    }

    #[tokio::test]
    async fn every_byte_arrives_in_order_either_way_and_each_side_ends_for_itself() {
        let ((mut client, inner), (outer, mut origin)) = (pair().await, pair().await);
        let tunnel = tokio::spawn(async move {
            let moved = Moved::default();
            both_ways(inner, Bytes::from_static(b"first"), outer, &moved).await.unwrap();
            (moved.up.into_inner(), moved.down.into_inner())
        });
        let sent: Vec<u8> = (0..5_000_000_u32).map(|i| (i % 251).to_le_bytes()[0]).collect();
        let upload = sent.clone();
        let uploads = tokio::spawn(async move {
            client.write_all(&upload).await.unwrap();
            client.shutdown().await.unwrap();
            let mut back = Vec::new();
            client.read_to_end(&mut back).await.unwrap();
            back
        });
        let mut arrived = Vec::new();
        origin.read_to_end(&mut arrived).await.unwrap();
        assert_eq!(&arrived[..5], b"first");
        assert!(arrived[5..] == sent);
        // The client has ended, and hears all the same.
        origin.write_all(&sent).await.unwrap();
        drop(origin);
        assert!(uploads.await.unwrap() == sent);
        assert_eq!(tunnel.await.unwrap(), (5_000_005, 5_000_000));
    }

    #[tokio::test]
    async fn what_comes_slowly_after_much_that_came_fast_is_not_held_back() {
        let ((mut client, inner), (outer, mut origin)) = (pair().await, pair().await);
        let moved = Moved::default();
        let exchange = async {
            let sent = vec![7; 4 * 1024 * 1024];
            let mut arrived = vec![0; sent.len()];
            for _ in 0..3 {
                let read = client.read_exact(&mut arrived);
                tokio::try_join!(origin.write_all(&sent), read).unwrap();
                origin.write_all(b"few").await.unwrap();
                assert_eq!(client.read_exact(&mut arrived[..3]).await.unwrap(), 3);
                assert_eq!(&arrived[..3], b"few");
                client.write_all(b"more").await.unwrap();
                origin.read_exact(&mut arrived[..4]).await.unwrap();
            }
        };
        tokio::select! {
            ended = both_ways(inner, Bytes::new(), outer, &moved) => panic!("the tunnel ended: {ended:?}"),
            () = exchange => {}
        }
    }

    #[tokio::test]
    async fn a_side_that_breaks_ends_the_tunnel() {
        let ((client, inner), (outer, origin)) = (pair().await, pair().await);
        rustix::net::sockopt::set_socket_linger(&origin, Some(std::time::Duration::ZERO)).unwrap();
        drop(origin);
        let moved = Moved::default();
        let ended = both_ways(inner, Bytes::new(), outer, &moved).await;
        assert!(ended.is_err());
        drop(client);
    }
}
