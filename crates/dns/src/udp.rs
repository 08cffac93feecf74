//! Questions by UDP: one task reads, one task answers each question, as many at once as the quota allows.

use crate::chain::Chain;
use crate::query::{QUERY_LIMIT_BYTES, Wire};
use crate::quota::Quota;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Questions under way at once; further ones are dropped, and clients ask again.
const MOST_QUESTIONS: usize = 2_048;
/// Of these, for one address. Generous, for another name server may stand before a whole school.
const MOST_QUESTIONS_OF_ONE: usize = 1_024;
/// How long the reader rests after the system refused to give it a datagram.
const REST: Duration = Duration::from_millis(50);

/// The quota that all sockets share.
pub(crate) fn quota() -> Arc<Quota> {
    Quota::new("questions by UDP", MOST_QUESTIONS, MOST_QUESTIONS_OF_ONE)
}

/// One socket and what it takes to serve it.
pub(crate) struct Serving {
    pub(crate) chain: Arc<Chain>,
    pub(crate) socket: Arc<UdpSocket>,
    pub(crate) quota: Arc<Quota>,
    pub(crate) tasks: TaskTracker,
}

impl Serving {
    pub(crate) async fn run(self, stop: CancellationToken) {
        // One byte more than is read, so that a longer datagram is seen to be longer.
        let mut buffer = vec![0; QUERY_LIMIT_BYTES + 1];
        loop {
            let received = tokio::select! {
                () = stop.cancelled() => return,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            let (length, from) = match received {
                Ok(received) => received,
                Err(error) => {
                    tracing::warn!(%error, "could not read a question by UDP");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let Some(share) = self.quota.take(from.ip()) else { continue };
            let Some(question) = buffer.get(..length).map(<[u8]>::to_vec) else { continue };
            let (chain, socket) = (Arc::clone(&self.chain), Arc::clone(&self.socket));
            self.tasks.spawn(async move {
                if let Some(answer) = chain.answer(&question, from.ip(), Wire::Udp).await
                    && let Err(error) = socket.send_to(&answer, from).await
                {
                    tracing::debug!(%error, "could not send an answer by UDP");
                }
                drop(share);
            });
        }
    }
}
