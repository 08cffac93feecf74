//! Bytes both ways, unread: tunnels that are passed on, and WebSockets.

use crate::gate::Gate;
use crate::streams::Counted;
use crate::visit::Visit;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional_with_sizes};

/// The buffer of each direction; measured as the best trade between calls and memory.
const BUFFER_BYTES: usize = 64 * 1024;

/// Moves bytes between client and origin until both have ended, either breaks, or the proxy stops. The visit ends with it.
pub(crate) async fn pump<C, O>(gate: &Gate, client: C, mut origin: O, visit: Visit)
where
    C: AsyncRead + AsyncWrite + Unpin,
    O: AsyncRead + AsyncWrite + Unpin,
{
    let mut client =
        Counted { stream: client, read: Arc::clone(&visit.up), written: Arc::clone(&visit.down) };
    tokio::select! {
        () = gate.stopping.cancelled() => {}
        ended = copy_bidirectional_with_sizes(&mut client, &mut origin, BUFFER_BYTES, BUFFER_BYTES) => {
            if ended.is_err() {
                tracing::debug!(phase = "body", "a tunnel broke off");
            }
        }
    }
    drop(visit);
}
