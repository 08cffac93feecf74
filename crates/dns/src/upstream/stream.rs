//! Many questions on one kept connection, by TCP (RFC 7766) or TLS (RFC 7858): each with an id of its own on it,
//! answered in any order.
//!
//! Invariants: at most [`MOST_UNDER_WAY`] questions wait on a connection; a connection with nothing to do is closed.

use super::ExchangeError;
use super::message::Outgoing;
use rustls::ClientConfig;
use rustls_pki_types::ServerName;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio_rustls::TlsConnector;

/// Questions that wait on one connection; further ones fail and go to another upstream.
const MOST_UNDER_WAY: usize = 1_024;
/// How long a connection with nothing to do stays open (RFC 7766, 6.2.3).
const IDLE: Duration = Duration::from_secs(10);

/// A connection that is opened when it is needed, and again when it is gone.
#[derive(Debug)]
pub(super) struct Pipe {
    address: SocketAddr,
    security: Security,
    jobs: tokio::sync::Mutex<Option<mpsc::Sender<Job>>>,
}

/// What protects a connection.
#[derive(Clone, Debug)]
pub(super) enum Security {
    /// Nothing.
    None,
    /// TLS, with the name in the server's certificate.
    Tls(ServerName<'static>, Arc<ClientConfig>),
}

/// A question, and where its answer goes.
#[derive(Debug)]
struct Job {
    message: Vec<u8>,
    answer: oneshot::Sender<Vec<u8>>,
}

type Waiting = Mutex<HashMap<u16, oneshot::Sender<Vec<u8>>>>;

impl Pipe {
    pub(super) fn new(address: SocketAddr, security: Security) -> Self {
        Self { address, security, jobs: tokio::sync::Mutex::default() }
    }

    /// Asks, and gives back the message that has the question's place on the connection, with the question's own id. The
    /// caller sets the time. A connection that was kept and turns out to be closed is opened again, once.
    pub(super) async fn ask(&self, outgoing: &Outgoing) -> Result<Vec<u8>, ExchangeError> {
        for _ in 0..2 {
            let (jobs, is_new) = self.jobs().await?;
            let (answer, answered) = oneshot::channel();
            let job = Job { message: outgoing.bytes().to_vec(), answer };
            let taken = jobs.send(job).await.is_ok();
            match answered.await {
                Ok(message) if taken => return Ok(message),
                _ if is_new => break,
                _ => self.forget(&jobs).await,
            }
        }
        Err(ExchangeError::Network(io::ErrorKind::ConnectionAborted.into()))
    }

    /// The open connection's jobs, or a new connection's; true when it is new.
    async fn jobs(&self) -> Result<(mpsc::Sender<Job>, bool), ExchangeError> {
        let mut held = self.jobs.lock().await;
        if let Some(jobs) = held.as_ref().filter(|jobs| !jobs.is_closed()) {
            return Ok((jobs.clone(), false));
        }
        let stream = TcpStream::connect(self.address).await?;
        stream.set_nodelay(true)?;
        let (jobs, queue) = mpsc::channel(MOST_UNDER_WAY);
        match &self.security {
            Security::None => _ = tokio::spawn(serve(stream, queue)),
            Security::Tls(name, config) => {
                let connector = TlsConnector::from(Arc::clone(config));
                let stream = connector.connect(name.clone(), stream).await?;
                tokio::spawn(serve(stream, queue));
            }
        }
        *held = Some(jobs.clone());
        Ok((jobs, true))
    }

    async fn forget(&self, jobs: &mpsc::Sender<Job>) {
        let mut held = self.jobs.lock().await;
        if held.as_ref().is_some_and(|held| held.same_channel(jobs)) {
            *held = None;
        }
    }
}

/// Serves a connection until it fails, is closed, or has had nothing to do for a while. Whoever still waits then sees
/// their channel close.
async fn serve<S: AsyncRead + AsyncWrite + Unpin>(stream: S, queue: mpsc::Receiver<Job>) {
    let (reader, writer) = tokio::io::split(stream);
    let waiting = Waiting::default();
    // Either one ends for both: a connection that can only be read or only be written is no use.
    let ended = tokio::select! {
        ended = write(writer, queue, &waiting) => ended,
        ended = read(reader, &waiting) => ended,
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "a connection to an upstream name server ended");
    }
}

async fn write<W: AsyncWrite + Unpin>(
    mut writer: W,
    mut queue: mpsc::Receiver<Job>,
    waiting: &Waiting,
) -> io::Result<()> {
    let mut next_id = 0_u16;
    loop {
        let job = match tokio::time::timeout(IDLE, queue.recv()).await {
            Ok(Some(job)) => job,
            Ok(None) => return Ok(()),
            Err(_) => {
                let mut waiting = lock(waiting);
                waiting.retain(|_, answer| !answer.is_closed());
                if waiting.is_empty() {
                    return Ok(());
                }
                continue;
            }
        };
        let Some(id) = wait_for(job.answer, &mut next_id, waiting) else { continue };
        let Ok(length) = u16::try_from(job.message.len()) else { continue };
        // One write for both (RFC 7766, 8).
        let mut framed = length.to_be_bytes().to_vec();
        framed.extend_from_slice(&id.to_be_bytes());
        framed.extend_from_slice(job.message.get(2..).unwrap_or_default());
        writer.write_all(&framed).await?;
        writer.flush().await?;
    }
}

/// Gives a question an id that no other one on the connection has; `None` when too many wait.
fn wait_for(answer: oneshot::Sender<Vec<u8>>, next_id: &mut u16, waiting: &Waiting) -> Option<u16> {
    let mut waiting = lock(waiting);
    if waiting.len() >= MOST_UNDER_WAY {
        waiting.retain(|_, answer| !answer.is_closed());
    }
    if waiting.len() >= MOST_UNDER_WAY {
        return None;
    }
    while waiting.contains_key(next_id) {
        *next_id = next_id.wrapping_add(1);
    }
    let id = *next_id;
    *next_id = next_id.wrapping_add(1);
    waiting.insert(id, answer);
    Some(id)
}

async fn read<R: AsyncRead + Unpin>(mut reader: R, waiting: &Waiting) -> io::Result<()> {
    loop {
        let length = usize::from(reader.read_u16().await?);
        let mut message = vec![0; length];
        reader.read_exact(&mut message).await?;
        let Some(id) = message.first_chunk::<2>() else { return Err(io::ErrorKind::InvalidData.into()) };
        let answer = lock(waiting).remove(&u16::from_be_bytes(*id));
        // Nobody waits where the answer came too late or was never asked for.
        if let Some(answer) = answer {
            let _late = answer.send(message);
        }
    }
}

fn lock(waiting: &Waiting) -> MutexGuard<'_, HashMap<u16, oneshot::Sender<Vec<u8>>>> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner)
}
