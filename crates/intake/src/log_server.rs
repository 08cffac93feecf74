//! The listeners for logs: syslog by UDP (RFC 5426), TCP (RFC 6587) and TLS (RFC 5425).
//!
//! Only listed addresses are heard. UDP has no proof of its sender: a network in which anybody can send from any address
//! is one for TLS with client certificates. A sender that says more than it may loses lines, which are counted; it takes
//! nothing from the others.

use crate::IntakeError;
use crate::log_seen::{LogsSeen, Tally};
use crate::logs::event::{MOST_LINE_BYTES, OutsideEvent};
use crate::logs::frames::Frames;
use crate::logs::normalise::read_line;
use jiff::tz::TimeZone;
use model::{Clock, Timestamp};
use rustls::ServerConfig;
use socket2::{SockRef, TcpKeepalive};
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Connections of one sender at a time.
const MOST_CONNECTIONS: usize = 16;
/// For a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// After the system could not hand over a connection or a datagram it is asked again so late.
const AFTER_ERROR: Duration = Duration::from_millis(100);
/// Seconds' worth of lines that a sender may send at once, after a rest.
const BURST_S: i64 = 10;
/// How often it is told what was not taken.
const TELL: Duration = Duration::from_secs(60);
/// How long a connection is quiet before it is asked whether it still stands: a firewall that restarts leaves its old one
/// behind.
const ASK_AFTER: Duration = Duration::from_secs(120);
/// What is read of a connection at once.
const READ_BYTES: usize = 16_384;

/// Who may send logs.
#[derive(Clone, Debug)]
pub struct LogSender {
    /// Its name in the configuration.
    pub name: Arc<str>,
    /// Its address.
    pub address: IpAddr,
    /// Lines a second in the long run; ten times as many at once.
    pub lines_per_second: u32,
}

/// The listeners' settings.
#[derive(Clone, Debug, Default)]
pub struct LogConfig {
    /// UDP; the usual port is 514.
    pub udp: Vec<SocketAddr>,
    /// TCP; the usual ports are 514 and 601.
    pub tcp: Vec<SocketAddr>,
    /// TLS; the usual port is 6514.
    pub tls: Vec<SocketAddr>,
    /// What TLS is spoken with ([`crate::log_tls`]); needed where `tls` is not empty.
    pub tls_settings: Option<Arc<ServerConfig>>,
    /// Who may send.
    pub senders: Vec<LogSender>,
}

/// What the listeners work with.
#[derive(Clone, Debug)]
pub struct LogPorts {
    /// The time.
    pub clock: Clock,
    /// Of times that name no zone.
    pub zone: TimeZone,
    /// Where events go. When it is full, datagrams are lost and counted, and connections wait.
    pub out: mpsc::Sender<OutsideEvent>,
    /// Where figures are kept, for the same senders in the same order.
    pub seen: Arc<LogsSeen>,
}

/// Listening, and not yet taking anything.
#[derive(Debug)]
pub struct LogServer {
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
    tls: Vec<(TcpListener, Arc<ServerConfig>)>,
    desk: Arc<Desk>,
}

/// Where the listeners are, with the ports the system chose where it was asked for port 0.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct LogAddresses {
    /// UDP.
    pub udp: Vec<SocketAddr>,
    /// TCP.
    pub tcp: Vec<SocketAddr>,
    /// TLS.
    pub tls: Vec<SocketAddr>,
}

#[derive(Debug)]
struct Desk {
    senders: HashMap<IpAddr, Sender>,
    ports: LogPorts,
}

/// A listed sender, by its place in the figures.
#[derive(Debug)]
struct Sender {
    place: usize,
    bucket: Mutex<Bucket>,
    per_second: i64,
    connections: AtomicUsize,
}

/// Lines that may still come now, in thousandths.
#[derive(Debug)]
struct Bucket {
    left: i64,
    at: Timestamp,
}

impl LogServer {
    /// Takes the ports.
    ///
    /// # Errors
    /// [`IntakeError`]: nobody is listed, TLS has no certificate, or a port cannot be listened on.
    pub async fn bind(config: LogConfig, ports: LogPorts) -> Result<Self, IntakeError> {
        if config.senders.is_empty() {
            return Err(IntakeError::NoLogSender);
        }
        let (mut udp, mut tcp, mut tls) = (Vec::new(), Vec::new(), Vec::new());
        for address in config.udp {
            let failed = |source| IntakeError::ListenForLogs { address, source };
            udp.push(UdpSocket::bind(address).await.map_err(failed)?);
        }
        for address in config.tcp {
            tcp.push(listen(address).await?);
        }
        for address in config.tls {
            let settings = config.tls_settings.clone().ok_or(IntakeError::NoLogCertificate)?;
            tls.push((listen(address).await?, settings));
        }
        let now = ports.clock.now();
        let senders = config.senders.into_iter().enumerate();
        let senders =
            senders.map(|(place, sender)| (sender.address.to_canonical(), Sender::new(place, &sender, now)));
        let desk = Arc::new(Desk { senders: senders.collect(), ports });
        Ok(Self { udp, tcp, tls, desk })
    }

    /// Where it listens.
    pub fn local_addrs(&self) -> LogAddresses {
        LogAddresses {
            udp: self.udp.iter().filter_map(|socket| socket.local_addr().ok()).collect(),
            tcp: self.tcp.iter().filter_map(|listener| listener.local_addr().ok()).collect(),
            tls: self.tls.iter().filter_map(|(listener, _)| listener.local_addr().ok()).collect(),
        }
    }

    /// Takes logs until it is told to stop.
    pub async fn run(self, stop: CancellationToken) {
        let tasks = TaskTracker::new();
        for socket in self.udp {
            tasks.spawn(stop.clone().run_until_cancelled_owned(datagrams(socket, Arc::clone(&self.desk))));
        }
        let plain = self.tcp.into_iter().map(|listener| (listener, None));
        let encrypted = self.tls.into_iter().map(|(listener, tls)| (listener, Some(TlsAcceptor::from(tls))));
        for (listener, tls) in plain.chain(encrypted) {
            let accepting = accept(listener, tls, (Arc::clone(&self.desk), tasks.clone(), stop.clone()));
            tasks.spawn(stop.clone().run_until_cancelled_owned(accepting));
        }
        let mut told = (0, 0, 0);
        let mut tells = tokio::time::interval(TELL);
        while stop.run_until_cancelled(tells.tick()).await.is_some() {
            told = self.desk.tell(told);
        }
        tasks.close();
        tasks.wait().await;
    }
}

async fn listen(address: SocketAddr) -> Result<TcpListener, IntakeError> {
    TcpListener::bind(address).await.map_err(|source| IntakeError::ListenForLogs { address, source })
}

async fn datagrams(socket: UdpSocket, desk: Arc<Desk>) {
    // The longest datagram there is, so that a line is cut by us and counted.
    let mut bytes = vec![0; 65_536];
    loop {
        let Ok((length, from)) = socket.recv_from(&mut bytes).await else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        let Some(sender) = desk.listed(from.ip()) else { continue };
        let line = bytes.get(..length).unwrap_or_default();
        let is_cut = line.len() > MOST_LINE_BYTES;
        if let Some(event) = desk.read(sender, line, is_cut)
            && desk.ports.out.try_send(event).is_err()
            && let Some(tally) = desk.tally(sender)
        {
            tally.lose();
        }
    }
}

type Hall = (Arc<Desk>, TaskTracker, CancellationToken);

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, (desk, tasks, stop): Hall) {
    loop {
        let Ok((stream, from)) = listener.accept().await else {
            tokio::time::sleep(AFTER_ERROR).await;
            continue;
        };
        let address = from.ip().to_canonical();
        let Some(sender) = desk.listed(address) else { continue };
        if sender.connections.load(Ordering::Relaxed) >= MOST_CONNECTIONS {
            continue;
        }
        sender.connections.fetch_add(1, Ordering::Relaxed);
        let (desk, tls) = (Arc::clone(&desk), tls.clone());
        let served = async move {
            serve(stream, tls, (&desk, address)).await;
            if let Some(sender) = desk.senders.get(&address) {
                sender.connections.fetch_sub(1, Ordering::Relaxed);
            }
        };
        tasks.spawn(stop.clone().run_until_cancelled_owned(served));
    }
}

async fn serve(stream: TcpStream, tls: Option<TlsAcceptor>, (desk, address): (&Desk, IpAddr)) {
    let Some(sender) = desk.senders.get(&address) else { return };
    let keepalive = TcpKeepalive::new().with_time(ASK_AFTER).with_interval(ASK_AFTER / 4);
    if let Err(error) = SockRef::from(&stream).set_tcp_keepalive(&keepalive) {
        tracing::debug!(%error, "a connection for logs cannot be asked whether it still stands");
    }
    match tls {
        None => lines(stream, desk, sender).await,
        Some(tls) => match timeout(HANDSHAKE, tls.accept(stream)).await {
            Ok(Ok(stream)) => lines(stream, desk, sender).await,
            Ok(Err(error)) => tracing::debug!(%error, "a sender of logs could not agree on TLS"),
            Err(_) => tracing::debug!("a sender of logs did not finish its TLS handshake"),
        },
    }
}

async fn lines<S: AsyncRead + Unpin>(mut stream: S, desk: &Desk, sender: &Sender) {
    let (mut frames, mut bytes) = (Frames::default(), vec![0; READ_BYTES]);
    let mut events = Vec::new();
    loop {
        let length = stream.read(&mut bytes).await.unwrap_or(0);
        let mut take = |line: &[u8], is_cut: bool| events.extend(desk.read(sender, line, is_cut));
        match bytes.get(..length).filter(|came| !came.is_empty()) {
            Some(came) => frames.take(came, &mut take),
            None => frames.end(&mut take),
        }
        for event in events.drain(..) {
            // Whoever takes events has gone: the gate stops.
            if desk.ports.out.send(event).await.is_err() {
                return;
            }
        }
        if length == 0 {
            return;
        }
    }
}

impl Desk {
    fn listed(&self, address: IpAddr) -> Option<&Sender> {
        let sender = self.senders.get(&address.to_canonical());
        if sender.is_none() {
            self.ports.seen.unlisted.fetch_add(1, Ordering::Relaxed);
        }
        sender
    }

    /// Tells what was not taken since it was last told: lines that were lost, lines that were cut, and what came of senders
    /// that are not listed. Once a minute, so that nobody can fill the log.
    fn tell(&self, before: (u64, u64, u64)) -> (u64, u64, u64) {
        let senders = self.ports.seen.senders();
        let lost: u64 = senders.iter().map(|sender| sender.lost).sum();
        let cut: u64 = senders.iter().map(|sender| sender.cut).sum();
        let unlisted = self.ports.seen.unlisted();
        if (lost, cut, unlisted) != before {
            tracing::warn!(
                lost = lost.saturating_sub(before.0),
                cut = cut.saturating_sub(before.1),
                unlisted = unlisted.saturating_sub(before.2),
                "not all lines of other systems were taken as they came"
            );
        }
        (lost, cut, unlisted)
    }

    fn tally(&self, sender: &Sender) -> Option<&Tally> {
        self.ports.seen.senders.get(sender.place)
    }

    /// The event of a line, unless its sender has said too much.
    fn read(&self, sender: &Sender, line: &[u8], is_cut: bool) -> Option<OutsideEvent> {
        let (now, tally) = (self.ports.clock.now(), self.tally(sender)?);
        if !sender.may_speak(now) {
            tally.lose();
            return None;
        }
        tally.heard(now);
        if is_cut {
            tally.cut.fetch_add(1, Ordering::Relaxed);
        }
        Some(read_line(line, &tally.name, now, &self.ports.zone))
    }
}

impl Sender {
    fn new(place: usize, listed: &LogSender, now: Timestamp) -> Self {
        let per_second = i64::from(listed.lines_per_second.max(1));
        let bucket = Mutex::new(Bucket { left: per_second * BURST_S * 1_000, at: now });
        Self { place, bucket, per_second, connections: AtomicUsize::new(0) }
    }

    /// Takes one line's worth, where there is some. A line a second is a thousandth of one each millisecond.
    fn may_speak(&self, now: Timestamp) -> bool {
        let mut bucket = self.bucket.lock().unwrap_or_else(PoisonError::into_inner);
        let since = now.0.saturating_sub(bucket.at.0).clamp(0, BURST_S * 1_000);
        let full = self.per_second * BURST_S * 1_000;
        bucket.left = (bucket.left + since * self.per_second).min(full);
        bucket.at = now;
        let may = bucket.left >= 1_000;
        bucket.left -= if may { 1_000 } else { 0 };
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sender_that_says_too_much_is_heard_again_when_it_has_been_quiet() {
        let listed = LogSender { name: "fw".into(), address: [10, 0, 0, 1].into(), lines_per_second: 5 };
        let sender = Sender::new(0, &listed, Timestamp(0));
        let heard = |at| (0..100).filter(|_| sender.may_speak(Timestamp(at))).count();
        assert_eq!((heard(0), heard(0), heard(1_000), heard(3_600_000)), (50, 0, 5, 50));
        // A clock that goes back neither gives nor takes.
        assert_eq!(heard(0), 0);
    }
}
