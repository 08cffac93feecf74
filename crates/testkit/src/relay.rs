//! A relay for UDP and TCP that loses, doubles, delays and reorders what passes through it, by a seeded plan.
//!
//! What it passes on leaves from the address it came from (another port), so that whoever decides by addresses sees the
//! same clients with and without it; on loopback every address can be bound. The plan is drawn from the seed datagram
//! by datagram, so that the shares hold, while which datagram is hit depends on their order.
//!
//! Left out: bandwidth, damaged bytes (checksums make those losses), delays on TCP beyond the first byte.

use crate::ports::free_port;
use crate::seeded::Seeded;
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};
use tokio::task::AbortHandle;

/// Senders that are remembered; the longest silent one makes room.
const MOST_SENDERS: usize = 1_024;
/// The largest datagram that passes whole. Every sender has room for one, so this is what a relay's memory goes by.
const DATAGRAM_BYTES: usize = 4_096;

/// What happens to what passes, in shares of a thousand, each way by itself.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Weather {
    /// Datagrams that are lost; connections that are closed as they come.
    pub lost: u16,
    /// Datagrams that come twice.
    pub doubled: u16,
    /// Datagrams that wait, and are overtaken meanwhile; connections that wait before their first byte.
    pub delayed: u16,
    /// The longest wait.
    pub longest_delay: Duration,
}

impl Weather {
    /// Everything passes.
    pub const FAIR: Weather = Weather { lost: 0, doubled: 0, delayed: 0, longest_delay: Duration::ZERO };
    /// Nothing passes.
    pub const CUT: Weather = Weather { lost: 1_000, ..Self::FAIR };
}

/// What a relay did so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Datagrams and connections that came.
    pub came: AtomicU64,
    /// Those that were lost.
    pub lost: AtomicU64,
    /// Those that were sent twice.
    pub doubled: AtomicU64,
    /// Those that had to wait.
    pub delayed: AtomicU64,
}

/// A running relay; dropping it stops it.
pub struct Relay {
    /// Where it listens, UDP and TCP.
    pub address: SocketAddr,
    inner: Arc<Inner>,
    tasks: [AbortHandle; 2],
}

struct Inner {
    to: SocketAddr,
    udp: UdpSocket,
    weather: Mutex<Weather>,
    plan: Mutex<Seeded>,
    counts: Counts,
}

/// What the plan has for one datagram.
struct Fate {
    copies: usize,
    wait: Option<Duration>,
}

impl Relay {
    /// Starts on a free port of loopback.
    ///
    /// # Errors
    /// What binding fails with.
    pub async fn start(to: SocketAddr, seed: u64, weather: Weather) -> io::Result<Self> {
        let (udp, tcp) = free_port().await?;
        let address = udp.local_addr()?;
        let inner = Arc::new(Inner {
            to,
            udp,
            weather: Mutex::new(weather),
            plan: Mutex::new(Seeded::new(seed)),
            counts: Counts::default(),
        });
        let tasks = [
            tokio::spawn(Arc::clone(&inner).relay_datagrams()).abort_handle(),
            tokio::spawn(Arc::clone(&inner).relay_connections(tcp)).abort_handle(),
        ];
        Ok(Self { address, inner, tasks })
    }

    /// Changes the weather from the next datagram on.
    pub fn set(&self, weather: Weather) {
        *self.inner.weather.lock().unwrap_or_else(PoisonError::into_inner) = weather;
    }

    /// What it did so far.
    pub fn counts(&self) -> &Counts {
        &self.inner.counts
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.tasks.iter().for_each(AbortHandle::abort);
    }
}

/// A sender's own socket towards the other side, and the task that brings back what comes there.
struct Sender {
    socket: Arc<UdpSocket>,
    back: AbortHandle,
    last: u64,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.back.abort();
    }
}

impl Inner {
    async fn relay_datagrams(self: Arc<Self>) {
        let mut senders: HashMap<SocketAddr, Sender> = HashMap::new();
        let mut buffer = vec![0; DATAGRAM_BYTES];
        let mut turn = 0;
        loop {
            // An error here is the network's word that an earlier datagram found nobody: nothing to relay.
            let Ok((length, from)) = self.udp.recv_from(&mut buffer).await else { continue };
            turn += 1;
            if !senders.contains_key(&from) {
                if senders.len() >= MOST_SENDERS {
                    let silent = senders.iter().min_by_key(|(_, sender)| sender.last).map(|(from, _)| *from);
                    silent.and_then(|from| senders.remove(&from));
                }
                let Ok(sender) = self.sender(from).await else { continue };
                senders.insert(from, sender);
            }
            let Some(sender) = senders.get_mut(&from) else { continue };
            sender.last = turn;
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            let (inner, socket) = (Arc::clone(&self), Arc::clone(&sender.socket));
            self.pass_on(bytes, move |bytes| {
                let (inner, socket) = (Arc::clone(&inner), Arc::clone(&socket));
                async move { socket.send_to(&bytes, inner.to).await.is_ok() }
            });
        }
    }

    async fn sender(self: &Arc<Self>, from: SocketAddr) -> io::Result<Sender> {
        let socket = Arc::new(UdpSocket::bind((from.ip(), 0)).await?);
        let back = tokio::spawn(Arc::clone(self).bring_back(Arc::clone(&socket), from));
        Ok(Sender { socket, back: back.abort_handle(), last: 0 })
    }

    async fn bring_back(self: Arc<Self>, socket: Arc<UdpSocket>, to: SocketAddr) {
        let mut buffer = vec![0; DATAGRAM_BYTES];
        loop {
            let Ok((length, _)) = socket.recv_from(&mut buffer).await else { continue };
            let bytes = buffer.get(..length).unwrap_or_default().to_vec();
            let inner = Arc::clone(&self);
            self.pass_on(bytes, move |bytes| {
                let inner = Arc::clone(&inner);
                async move { inner.udp.send_to(&bytes, to).await.is_ok() }
            });
        }
    }

    /// Sends as often as the plan says, at once or later; a datagram that waits is overtaken by those that do not.
    fn pass_on<F>(&self, bytes: Vec<u8>, send: impl Fn(Vec<u8>) -> F + Send + 'static)
    where
        F: Future<Output = bool> + Send,
    {
        let Fate { copies, wait } = self.fate();
        tokio::spawn(async move {
            if let Some(wait) = wait {
                tokio::time::sleep(wait).await;
            }
            for _ in 0..copies {
                send(bytes.clone()).await;
            }
        });
    }

    fn fate(&self) -> Fate {
        let weather = *self.weather.lock().unwrap_or_else(PoisonError::into_inner);
        let mut plan = self.plan.lock().unwrap_or_else(PoisonError::into_inner);
        let lost = plan.chance(weather.lost);
        let doubled = plan.chance(weather.doubled);
        let longest_us = u64::try_from(weather.longest_delay.as_micros()).unwrap_or(u64::MAX);
        let wait = plan.chance(weather.delayed).then(|| Duration::from_micros(plan.below(longest_us)));
        let Counts { came, lost: losses, doubled: doubles, delayed } = &self.counts;
        for (counter, happened) in
            [(came, true), (losses, lost), (doubles, !lost && doubled), (delayed, !lost && wait.is_some())]
        {
            counter.fetch_add(u64::from(happened), Ordering::Relaxed);
        }
        let copies = if lost { 0 } else { 1 + usize::from(doubled) };
        Fate { copies, wait }
    }

    async fn relay_connections(self: Arc<Self>, listener: TcpListener) {
        loop {
            let Ok((stream, from)) = listener.accept().await else { continue };
            let Fate { copies, wait } = self.fate();
            if copies > 0 {
                tokio::spawn(Arc::clone(&self).join(stream, from, wait));
            }
        }
    }

    async fn join(self: Arc<Self>, mut near: TcpStream, from: SocketAddr, wait: Option<Duration>) {
        if let Some(wait) = wait {
            tokio::time::sleep(wait).await;
        }
        let socket =
            TcpSocket::new_v4().and_then(|socket| socket.bind((from.ip(), 0).into()).map(|()| socket));
        if let Ok(socket) = socket
            && let Ok(mut far) = socket.connect(self.to).await
        {
            // Either side's end is the end of both.
            let _ended = copy_bidirectional(&mut near, &mut far).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    /// Answers each datagram with the address it came from.
    async fn mirror() -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        tokio::spawn(async move {
            let mut buffer = [0; 64];
            loop {
                let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
                let words = [&buffer[..length], from.ip().to_string().as_bytes()].concat();
                socket.send_to(&words, from).await.unwrap();
            }
        });
        address
    }

    async fn client(relay: &Relay, from: &str) -> UdpSocket {
        let socket = UdpSocket::bind((from.parse::<IpAddr>().unwrap(), 0)).await.unwrap();
        socket.connect(relay.address).await.unwrap();
        socket
    }

    #[tokio::test]
    async fn in_fair_weather_everything_passes_from_the_senders_own_address() {
        let relay = Relay::start(mirror().await, 1, Weather::FAIR).await.unwrap();
        for from in ["127.0.0.9", "127.0.3.4"] {
            let socket = client(&relay, from).await;
            for _ in 0..50 {
                socket.send(b"from ").await.unwrap();
                let mut buffer = [0; 64];
                let length = socket.recv(&mut buffer).await.unwrap();
                assert_eq!(buffer[..length], *format!("from {from}").as_bytes());
            }
        }
        assert_eq!(relay.counts().lost.load(Ordering::Relaxed), 0);
    }

    #[tokio::test]
    async fn in_bad_weather_the_planned_shares_are_lost_and_doubled() {
        let weather = Weather { lost: 300, doubled: 200, ..Weather::FAIR };
        let relay = Relay::start(mirror().await, 2, weather).await.unwrap();
        let socket = client(&relay, "127.0.0.9").await;
        let mut came = 0;
        let mut buffer = [0; 64];
        for _ in 0..250 {
            socket.send(b"x").await.unwrap();
            let wait = Duration::from_millis(3);
            while tokio::time::timeout(wait, socket.recv(&mut buffer)).await.is_ok() {
                came += 1;
            }
        }
        let counts = relay.counts();
        let lost = counts.lost.load(Ordering::Relaxed);
        let share = lost as f64 / counts.came.load(Ordering::Relaxed) as f64;
        assert!((0.22..0.38).contains(&share) && counts.doubled.load(Ordering::Relaxed) > 20, "{share}");
        assert!(came > 60, "{came}");
        relay.set(Weather::CUT);
        socket.send(b"x").await.unwrap();
        assert!(tokio::time::timeout(Duration::from_millis(50), socket.recv(&mut buffer)).await.is_err());
    }

    #[tokio::test]
    async fn connections_pass_both_ways_and_end_together() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let relay = Relay::start(listener.local_addr().unwrap(), 3, Weather::FAIR).await.unwrap();
        let mut near = TcpStream::connect(relay.address).await.unwrap();
        let (mut far, from) = listener.accept().await.unwrap();
        assert_eq!(from.ip(), near.local_addr().unwrap().ip());
        near.write_all(b"ask").await.unwrap();
        near.shutdown().await.unwrap();
        let mut asked = String::new();
        far.read_to_string(&mut asked).await.unwrap();
        far.write_all(b"answer").await.unwrap();
        drop(far);
        let mut answer = String::new();
        near.read_to_string(&mut answer).await.unwrap();
        assert_eq!((asked.as_str(), answer.as_str()), ("ask", "answer"));
    }
}
