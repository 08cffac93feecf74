//! Connections: plain TCP (RFC 7766), DNS over TLS and over HTTPS. On the first two, many questions on one connection are
//! answered as they are ready, in any order.

use crate::chain::{Begun, Chain, Question};
use crate::client::{Caller, Desk};
use crate::https;
use crate::query::{self, QUERY_LIMIT_BYTES, Wire};
use crate::quota::{Quota, Share};
use crate::tls::Doorman;
use crate::turns::Turns;
use ipnet::IpNet;
use model::{ProxyHeader, ProxyHeaderRead};
use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, BufReader, ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Plain connections at once; further ones are closed.
const MOST_CONNECTIONS: usize = 512;
/// Of these, for one address.
const MOST_CONNECTIONS_OF_ONE: usize = 64;
/// Encrypted connections at once: a device may hold one for as long as it is awake.
const MOST_ENCRYPTED: usize = 4_096;
/// Of these, for one address: many devices roam behind one.
const MOST_ENCRYPTED_OF_ONE: usize = 512;
/// Questions under way on one connection; reading waits until one is answered.
pub(crate) const MOST_QUESTIONS: usize = 32;
/// Room for what a connection reads at once.
const READ_BYTES: usize = 2 * 1_024;
/// The most that is written at once, where there are many answers.
const WRITE_BYTES: usize = 16 * 1_024;
/// How long a client may take to take an answer.
const WRITE_WAIT: Duration = Duration::from_secs(5);
/// How long a client may take until the first question can be read: a proxy's head, a handshake.
const OPENING_WAIT: Duration = Duration::from_secs(5);
/// How long the listener rests after the system refused to give it a connection.
const REST: Duration = Duration::from_millis(50);
/// How often a client that asks more than it may is made to wait for so long, until the connection is closed.
const MOST_RESTS: usize = 20;

/// What all listeners share.
#[derive(Clone)]
pub(crate) struct Limits {
    plain: Arc<Quota>,
    encrypted: Arc<Quota>,
    proxied: Arc<Quota>,
    turns: Turns,
    idle: Duration,
    proxy_peers: Arc<[IpNet]>,
}

impl Limits {
    /// `idle` is how long a connection with nothing to do stays open.
    pub(crate) fn new(turns: Turns, idle: Duration, proxy_peers: Arc<[IpNet]>) -> Self {
        let proxied = MOST_ENCRYPTED + MOST_CONNECTIONS;
        Self {
            plain: Quota::new("connections by TCP", MOST_CONNECTIONS, MOST_CONNECTIONS_OF_ONE),
            encrypted: Quota::new("connections by TLS", MOST_ENCRYPTED, MOST_ENCRYPTED_OF_ONE),
            proxied: Quota::new("connections of proxies", proxied, proxied),
            turns,
            idle,
            proxy_peers,
        }
    }
}

/// What is spoken on a listener.
#[derive(Clone)]
pub(crate) enum Speaks {
    /// DNS.
    Dns,
    /// DNS over TLS.
    Tls(Arc<Doorman>),
    /// DNS over HTTPS.
    Https(Arc<Doorman>),
}

/// One listener and what it takes to serve it.
pub(crate) struct Serving {
    pub(crate) chain: Arc<Chain>,
    pub(crate) listener: TcpListener,
    pub(crate) speaks: Speaks,
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
            let from = from.ip().to_canonical();
            let is_proxied = self.limits.proxy_peers.iter().any(|peers| peers.contains(&from));
            let quota = if is_proxied { &self.limits.proxied } else { self.quota() };
            let Some(share) = quota.take(from) else { continue };
            let opening = Opening {
                chain: Arc::clone(&self.chain),
                speaks: self.speaks.clone(),
                quota: is_proxied.then(|| Arc::clone(self.quota())),
                turns: self.limits.turns.clone(),
                idle: self.limits.idle,
                stop: stop.clone(),
                _share: share,
            };
            self.tasks.spawn(opening.serve(stream, from));
        }
    }

    fn quota(&self) -> &Arc<Quota> {
        match self.speaks {
            Speaks::Dns => &self.limits.plain,
            Speaks::Tls(_) | Speaks::Https(_) => &self.limits.encrypted,
        }
    }
}

/// Takes a proxy's head off the front of a connection.
async fn take_header(stream: &mut TcpStream) -> io::Result<ProxyHeader> {
    let mut head = Vec::new();
    loop {
        match ProxyHeader::read(&head) {
            ProxyHeaderRead::Whole(header) => return Ok(header),
            ProxyHeaderRead::Broken => return Err(io::ErrorKind::InvalidData.into()),
            ProxyHeaderRead::Needs(more) => {
                let had = head.len();
                head.resize(had + more, 0);
                stream.read_exact(head.get_mut(had..).unwrap_or_default()).await?;
            }
        }
    }
}

/// A connection of which nothing has been read yet.
struct Opening {
    chain: Arc<Chain>,
    speaks: Speaks,
    /// Where a proxy says whose it is: what that client takes its share of.
    quota: Option<Arc<Quota>>,
    turns: Turns,
    idle: Duration,
    stop: CancellationToken,
    _share: Share,
}

impl Opening {
    async fn serve(self, mut stream: TcpStream, mut from: IpAddr) {
        let mut _share_of_client = None;
        if let Some(quota) = &self.quota {
            let Ok(Ok(header)) = timeout(OPENING_WAIT, take_header(&mut stream)).await else { return };
            from = header.source.unwrap_or(from);
            let Some(share) = quota.take(from) else { return };
            _share_of_client = Some(share);
        }
        // Small answers are not to wait for one another.
        let _as_well_without = stream.set_nodelay(true);
        let connection = |caller| Connection {
            chain: Arc::clone(&self.chain),
            caller,
            turns: self.turns.clone(),
            idle: self.idle,
            stop: self.stop.clone(),
        };
        match &self.speaks {
            Speaks::Dns => connection(Caller::at(from)).serve(stream, Wire::Tcp).await,
            Speaks::Tls(doorman) => {
                let Some((stream, caller)) = self.admit(doorman, stream, from).await else { return };
                connection(caller).serve(stream, Wire::Encrypted).await;
            }
            Speaks::Https(doorman) => {
                let Some((stream, caller)) = self.admit(doorman, stream, from).await else { return };
                https::serve(connection(caller), stream, Arc::clone(doorman)).await;
            }
        }
    }
}

impl Opening {
    /// Takes a client in by TLS; `None` where the handshake fails, or the client has sent too many wrong tokens.
    async fn admit(
        &self,
        doorman: &Doorman,
        stream: TcpStream,
        from: IpAddr,
    ) -> Option<(TlsStream<TcpStream>, Caller)> {
        let stream = timeout(OPENING_WAIT, doorman.admit(stream)).await.ok()?.ok()?;
        let caller = Caller::at(from);
        let asked = (caller.address, self.chain.now());
        let named = doorman.named_by_host(stream.get_ref().1.server_name(), asked).ok()?;
        Some((stream, Caller { named, ..caller }))
    }
}

/// A connection, and whose it is.
pub(crate) struct Connection {
    pub(crate) chain: Arc<Chain>,
    pub(crate) caller: Caller,
    pub(crate) turns: Turns,
    pub(crate) idle: Duration,
    pub(crate) stop: CancellationToken,
}

impl Connection {
    async fn serve<S: AsyncRead + AsyncWrite>(self, stream: S, wire: Wire) {
        let (reader, writer) = tokio::io::split(stream);
        let (answers, queue) = mpsc::channel(MOST_QUESTIONS);
        let mut under_way = JoinSet::new();
        // The writer ends first only when the client takes no more answers: then no more questions are read either.
        let writing = write_answers(writer, queue);
        let reading = async {
            self.read_questions(
                BufReader::with_capacity(READ_BYTES, reader),
                answers,
                (wire, &mut under_way),
            )
            .await;
            while under_way.join_next().await.is_some() {}
        };
        tokio::pin!(writing, reading);
        tokio::select! {
            () = &mut writing => {}
            () = &mut reading => writing.await,
        }
    }

    /// Reads questions until the client has no more, is silent for too long, sends nonsense, or the server stops.
    async fn read_questions<S: AsyncRead>(
        &self,
        mut reader: BufReader<ReadHalf<S>>,
        answers: mpsc::Sender<Vec<u8>>,
        (wire, under_way): (Wire, &mut JoinSet<()>),
    ) {
        let mut desk = self.chain.desk();
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
            if !self.await_turn(&mut desk).await {
                return;
            }
            let mut answer = Vec::new();
            let received = query::read(&question, wire);
            let begun = self.chain.begin(Question::of(&received, self.caller), &mut desk, &mut answer);
            self.chain.close(&mut desk);
            match begun {
                Begun::Dropped => {}
                Begun::Answered | Begun::Refused => {
                    if answers.send(answer).await.is_err() {
                        return;
                    }
                }
                Begun::Later(pending) => {
                    let (chain, turns) = (Arc::clone(&self.chain), self.turns.clone());
                    let answers = answers.clone();
                    under_way.spawn(async move {
                        // The writer is gone when the client is: nobody is left to be told.
                        let _gone = answers.send(turns.finish(&chain, *pending).await).await;
                    });
                }
            }
        }
    }

    /// Waits until the client may ask; false where it never may, or the server stops.
    async fn await_turn(&self, desk: &mut Desk) -> bool {
        for _ in 0..MOST_RESTS {
            self.chain.open(desk);
            if self.turns.may_ask(self.caller.address, desk.moment.now) {
                return true;
            }
            tokio::select! {
                () = self.stop.cancelled() => return false,
                () = tokio::time::sleep(REST) => {}
            }
        }
        false
    }
}

async fn write_answers<S: AsyncWrite>(mut writer: WriteHalf<S>, mut queue: mpsc::Receiver<Vec<u8>>) {
    let mut framed = Vec::new();
    while let Some(answer) = queue.recv().await {
        framed.clear();
        frame(&answer, &mut framed);
        // What else is ready goes along with it.
        while framed.len() < WRITE_BYTES
            && let Ok(answer) = queue.try_recv()
        {
            frame(&answer, &mut framed);
        }
        let write = async {
            writer.write_all(&framed).await?;
            writer.flush().await
        };
        if !matches!(timeout(WRITE_WAIT, write).await, Ok(Ok(()))) {
            return;
        }
    }
    // The client is told that no more comes, where it still listens.
    let _gone = timeout(WRITE_WAIT, writer.shutdown()).await;
}

/// Adds a message after its length; both go out in one write, so that no client sees a length without its message
/// (RFC 7766, 8).
fn frame(answer: &[u8], framed: &mut Vec<u8>) {
    let Ok(length) = u16::try_from(answer.len()) else { return };
    framed.extend_from_slice(&length.to_be_bytes());
    framed.extend_from_slice(answer);
}

/// Reads a message after its length (RFC 1035, 4.2.2).
async fn read_framed(reader: &mut (impl AsyncRead + Unpin)) -> io::Result<Vec<u8>> {
    let length = usize::from(reader.read_u16().await?);
    if length == 0 || length > QUERY_LIMIT_BYTES {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut message = vec![0; length];
    reader.read_exact(&mut message).await?;
    Ok(message)
}
