//! Questions by TCP (RFC 7766): many on one connection, answered as they are ready, in any order.

use crate::chain::Chain;
use crate::query::{QUERY_LIMIT_BYTES, Wire};
use crate::quota::{Quota, Share};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections at once; further ones are closed.
const MOST_CONNECTIONS: usize = 512;
/// Of these, for one address.
const MOST_CONNECTIONS_OF_ONE: usize = 64;
/// Questions under way on one connection; reading waits until one is answered.
const MOST_QUESTIONS: usize = 32;
/// How long a client may take to take an answer.
const WRITE_WAIT: Duration = Duration::from_secs(5);
/// How long the listener rests after the system refused to give it a connection.
const REST: Duration = Duration::from_millis(50);

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Limits {
    connections: Arc<Quota>,
    idle: Duration,
}

impl Limits {
    /// `idle` is how long a connection with nothing to do stays open.
    pub(crate) fn new(idle: Duration) -> Self {
        let connections = Quota::new("connections by TCP", MOST_CONNECTIONS, MOST_CONNECTIONS_OF_ONE);
        Self { connections, idle }
    }
}

/// One listener and what it takes to serve it.
pub(crate) struct Serving {
    pub(crate) chain: Arc<Chain>,
    pub(crate) listener: TcpListener,
    pub(crate) limits: Limits,
    pub(crate) tasks: TaskTracker,
}

impl Serving {
    pub(crate) async fn run(self, stop: CancellationToken) {
        loop {
            let accepted = tokio::select! {
                () = stop.cancelled() => return,
                accepted = self.listener.accept() => accepted,
            };
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not take on a connection for DNS");
                    tokio::time::sleep(REST).await;
                    continue;
                }
            };
            let Some(share) = self.limits.connections.take(from.ip()) else { continue };
            let connection = Connection {
                chain: Arc::clone(&self.chain),
                from: from.ip(),
                idle: self.limits.idle,
                stop: stop.clone(),
                _share: share,
            };
            self.tasks.spawn(connection.serve(stream));
        }
    }
}

struct Connection {
    chain: Arc<Chain>,
    from: IpAddr,
    idle: Duration,
    stop: CancellationToken,
    _share: Share,
}

impl Connection {
    async fn serve(self, stream: TcpStream) {
        let (reader, writer) = stream.into_split();
        let (answers, queue) = mpsc::channel(MOST_QUESTIONS);
        let mut under_way = JoinSet::new();
        // The writer ends first only when the client takes no more answers: then no more questions are read either.
        let writing = write_answers(writer, queue);
        let reading = async {
            self.read_questions(reader, answers, &mut under_way).await;
            while under_way.join_next().await.is_some() {}
        };
        tokio::pin!(writing, reading);
        tokio::select! {
            () = &mut writing => {}
            () = &mut reading => writing.await,
        }
    }

    /// Reads questions until the client has no more, is silent for too long, sends nonsense, or the server stops.
    async fn read_questions(
        &self,
        mut reader: OwnedReadHalf,
        answers: mpsc::Sender<Vec<u8>>,
        under_way: &mut JoinSet<()>,
    ) {
        loop {
            while under_way.len() >= MOST_QUESTIONS {
                under_way.join_next().await;
            }
            while under_way.try_join_next().is_some() {}
            let question = tokio::select! {
                () = self.stop.cancelled() => return,
                question = timeout(self.idle, read_framed(&mut reader)) => question,
            };
            let Ok(Ok(question)) = question else { return };
            let (chain, from, answers) = (Arc::clone(&self.chain), self.from, answers.clone());
            under_way.spawn(async move {
                if let Some(answer) = chain.answer(&question, from, Wire::Tcp).await {
                    // The writer is gone when the client is: nobody is left to be told.
                    let _gone = answers.send(answer).await;
                }
            });
        }
    }
}

async fn write_answers(mut writer: OwnedWriteHalf, mut queue: mpsc::Receiver<Vec<u8>>) {
    while let Some(answer) = queue.recv().await {
        let Ok(length) = u16::try_from(answer.len()) else { continue };
        // One write for both, so that no client sees a length without its message (RFC 7766, 8).
        let framed = [&length.to_be_bytes(), answer.as_slice()].concat();
        if !matches!(timeout(WRITE_WAIT, writer.write_all(&framed)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// Reads a message after its length (RFC 1035, 4.2.2).
async fn read_framed(reader: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = usize::from(reader.read_u16().await?);
    if length == 0 || length > QUERY_LIMIT_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    reader.read_exact(&mut message).await?;
    Ok(message)
}
