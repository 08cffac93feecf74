//! Bytes both ways, unread: tunnels that are passed on, and WebSockets.

use crate::caller::Caller;
use crate::gate::Gate;
use crate::scratch::with_scratch;
use crate::splice;
use crate::streams::MaybeTcp;
use crate::visit::{Moved, Visit};
use model::{Ask, Outcome, Verdict};
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// After so many pieces a tunnel lets others have their turn.
const PIECES_A_TURN: usize = 32;
/// The idle time is measured in so many steps, so a tunnel ends at most one step late.
const IDLE_STEPS: u32 = 8;

/// On what grounds bytes go unread: whose they are, and what was decided.
#[derive(Clone, Copy)]
pub(crate) struct Grounds<'a> {
    pub(crate) gate: &'a Gate,
    pub(crate) caller: &'a Caller,
    pub(crate) ask: &'a Ask,
}

/// Moves bytes between client and origin until both have ended, either breaks, nothing moves for too long, the policy
/// blocks it by then, or the proxy stops. The visit ends with it.
pub(crate) async fn pump<C>(grounds: Grounds<'_>, client: C, origin: TcpStream, visit: Visit)
where
    C: MaybeTcp + AsyncRead + AsyncWrite + Unpin,
{
    match client.into_tcp() {
        Ok((first, client)) => {
            let moved = Arc::clone(&visit.moved);
            let moving = splice::both_ways(client, first, origin, &moved);
            while_it_lasts(grounds, visit, moving).await;
        }
        Err(client) => pump_streams(grounds, client, origin, visit).await,
    }
}

/// The same for streams with something of ours in between, such as TLS.
pub(crate) async fn pump_streams<C, O>(grounds: Grounds<'_>, client: C, origin: O, visit: Visit)
where
    C: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let moved = Arc::clone(&visit.moved);
    while_it_lasts(grounds, visit, both_ways(client, origin, &moved)).await;
}

async fn while_it_lasts(
    grounds: Grounds<'_>,
    mut visit: Visit,
    moving: impl Future<Output = io::Result<()>>,
) {
    let gate = grounds.gate;
    let moved = Arc::clone(&visit.moved);
    tokio::select! {
        () = gate.stopping.cancelled() => {}
        refusal = blocked(grounds) => visit.judged_anew(&refusal),
        () = still(&moved, gate.dialer.limits.idle_timeout) => {
            tracing::debug!(phase = "body", "a tunnel in which nothing moved was closed");
        }
        ended = moving => {
            if ended.is_err() {
                tracing::debug!(phase = "body", "a tunnel broke off");
            }
        }
    }
}

/// Ends when the policy blocks what was asked for: a lesson or a day is over, a rule is new, an account is suspended.
async fn blocked(Grounds { gate, caller, ask }: Grounds<'_>) -> Verdict {
    loop {
        tokio::time::sleep(gate.dialer.limits.judged_every).await;
        let (_, verdict) = gate.decide(caller, ask.what.clone(), ask.how);
        if verdict.outcome == Outcome::Block {
            return verdict;
        }
    }
}

/// Ends when nothing has moved for so long.
async fn still(moved: &Moved, limit: Duration) {
    let mut steps = 0;
    let mut last = moved.total();
    while steps < IDLE_STEPS {
        tokio::time::sleep(limit / IDLE_STEPS).await;
        let total = moved.total();
        steps = if total == last { steps.saturating_add(1) } else { 0 };
        last = total;
    }
}

async fn both_ways<C, O>(client: C, origin: O, moved: &Moved) -> io::Result<()>
where
    C: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let (mut client, mut origin) = (pin!(client), pin!(origin));
    let (mut up, mut down) = (Way::default(), Way::default());
    poll_fn(|cx| {
        let up = up.poll(cx, client.as_mut(), origin.as_mut(), &moved.up)?;
        let down = down.poll(cx, origin.as_mut(), client.as_mut(), &moved.down)?;
        if up.is_ready() && down.is_ready() { Poll::Ready(Ok(())) } else { Poll::Pending }
    })
    .await
}

/// One direction. It holds memory only for what the other side does not take at once.
#[derive(Default)]
struct Way {
    rest: Vec<u8>,
    sent: usize,
    has_ended: bool,
    is_over: bool,
    must_flush: bool,
}

impl Way {
    fn poll<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        mut from: Pin<&mut R>,
        mut to: Pin<&mut W>,
        count: &AtomicU64,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        for _ in 0..PIECES_A_TURN {
            if self.is_over {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_rest(cx, to.as_mut(), count))?;
            if self.has_ended {
                ready!(to.as_mut().poll_shutdown(cx))?;
                self.is_over = true;
                continue;
            }
            match self.poll_piece(cx, from.as_mut(), to.as_mut(), count)? {
                Poll::Ready(()) => {}
                Poll::Pending => {
                    if self.must_flush {
                        ready!(to.as_mut().poll_flush(cx))?;
                        self.must_flush = false;
                    }
                    return Poll::Pending;
                }
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what the other side did not take before.
    fn poll_rest<W: AsyncWrite>(
        &mut self,
        cx: &mut Context<'_>,
        mut to: Pin<&mut W>,
        count: &AtomicU64,
    ) -> Poll<io::Result<()>> {
        while let Some(rest) = self.rest.get(self.sent..).filter(|rest| !rest.is_empty()) {
            let sent = ready!(to.as_mut().poll_write(cx, rest))?;
            if sent == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            add(count, sent);
            self.sent = self.sent.saturating_add(sent);
        }
        (self.rest, self.sent) = (Vec::new(), 0);
        Poll::Ready(Ok(()))
    }

    /// Reads a piece and passes on as much of it as is taken at once.
    fn poll_piece<R, W>(
        &mut self,
        cx: &mut Context<'_>,
        from: Pin<&mut R>,
        to: Pin<&mut W>,
        count: &AtomicU64,
    ) -> Poll<io::Result<()>>
    where
        R: AsyncRead,
        W: AsyncWrite,
    {
        with_scratch(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(from.poll_read(cx, &mut buffer))?;
            let piece = buffer.filled();
            if piece.is_empty() {
                self.has_ended = true;
                return Poll::Ready(Ok(()));
            }
            self.must_flush = true;
            let sent = match to.poll_write(cx, piece)? {
                Poll::Ready(sent) => sent,
                Poll::Pending => 0,
            };
            add(count, sent);
            self.rest = piece.get(sent..).unwrap_or_default().to_vec();
            Poll::Ready(Ok(()))
        })
    }
}

fn add(count: &AtomicU64, bytes: usize) {
    count.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    #[tokio::test]
    async fn every_byte_arrives_through_streams_that_take_little_at_once() {
        let ((mut client, inner), (outer, mut origin)) = (duplex(100), duplex(70));
        let tunnel = tokio::spawn(async move {
            let moved = Moved::default();
            both_ways(inner, outer, &moved).await.unwrap();
            (moved.up.into_inner(), moved.down.into_inner())
        });
        let sent: Vec<u8> = (0..100_000_u32).map(|i| (i % 251).to_le_bytes()[0]).collect();
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
        assert!(arrived == sent);
        origin.write_all(b"goodbye").await.unwrap();
        drop(origin);
        assert_eq!(uploads.await.unwrap(), b"goodbye");
        assert_eq!(tunnel.await.unwrap(), (100_000, 7));
    }

    #[tokio::test(start_paused = true)]
    async fn stillness_is_noticed_and_movement_puts_it_off() {
        let moved = Moved::default();
        let began = tokio::time::Instant::now();
        tokio::join!(still(&moved, Duration::from_secs(80)), async {
            for _ in 0..3 {
                tokio::time::sleep(Duration::from_secs(60)).await;
                add(&moved.up, 1);
            }
        });
        let took = began.elapsed();
        assert!((260..=280).contains(&took.as_secs()), "{took:?}");
    }
}
