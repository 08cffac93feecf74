//! Who takes part in the soak: what each does again and again, and what must come of it.

use crate::gate::Gate;
use crate::proxy_soak_checks::{is_honest, is_right};
use crate::proxy_soak_client::{Came, Client, Connection, Speaks, Trusts, Words, request, words};
use http_body_util::BodyExt as _;
use hyper::Request;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use testkit::busy_origin::{BusyOrigin, Length, Pieces, body_of};
use testkit::certificates::Fault;
use testkit::faulty_origin::{FaultyOrigin, OriginFault, SENT_BYTES};
use testkit::origin::Origin;
use testkit::seeded::Seeded;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

pub const GOOD: &str = "education.schoolgate.test";
pub const FAULTY: &str = "one.education.schoolgate.test";
pub const EXPIRED: &str = "two.education.schoolgate.test";
pub const UNREAD: &str = "three.education.schoolgate.test";
/// Denied and allowed by turns.
pub const CHANGING: &str = "four.education.schoolgate.test";
pub const BLOCKED: &str = "games.schoolgate.test";

/// The longest that one exchange may take, on a machine with much else to do.
const PATIENCE: Duration = Duration::from_secs(60);
/// How long a client waits for the rest of an answer that has stalled.
const GIVES_UP: Duration = Duration::from_millis(500);
/// What was asked for, and so must stand in the history.
#[derive(Default)]
pub struct Visits {
    numbered: Mutex<Vec<(&'static str, u64)>>,
    next: AtomicU64,
    /// Tunnels that were passed on unread.
    pub unread: AtomicUsize,
    /// Handshakes that a client broke off, since it does not trust the school.
    pub untrusting: AtomicUsize,
}

impl Visits {
    fn new_number(&self, site: &'static str) -> u64 {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.numbered.lock().unwrap().push((site, number));
        number
    }

    pub fn of(&self, site: &str) -> Vec<u64> {
        let numbered = self.numbered.lock().unwrap();
        numbered.iter().filter(|(of, _)| *of == site).map(|(_, number)| *number).collect()
    }
}

/// Everybody's origins; their connections end with them.
pub struct Origins {
    good: BusyOrigin,
    plain: BusyOrigin,
    faulty: FaultyOrigin,
    expired: Origin,
    unread: BusyOrigin,
    changing: BusyOrigin,
}

impl Origins {
    pub async fn start(gate: &Gate) -> Self {
        let tls = |name, protocols: &[&str]| gate.authority.server(name, Fault::None, protocols).unwrap();
        let both = ["h2", "http/1.1"];
        Self {
            good: BusyOrigin::start(Some(tls(GOOD, &both))).await.unwrap(),
            plain: BusyOrigin::start(None).await.unwrap(),
            faulty: FaultyOrigin::start(tls(FAULTY, &["http/1.1"])).await.unwrap(),
            expired: gate.origin(EXPIRED, Fault::Expired, "Must not be seen").await.0,
            unread: BusyOrigin::start(Some(tls(UNREAD, &both))).await.unwrap(),
            changing: BusyOrigin::start(Some(tls(CHANGING, &both))).await.unwrap(),
        }
    }
}

/// One kind of traffic: what it needs to know, and its own luck.
pub struct Visitor {
    pub client: Client,
    pub origins: Arc<Origins>,
    pub visits: Arc<Visits>,
    pub luck: Seeded,
    pub until: Instant,
}

#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Pages(Speaks),
    PlainPages,
    Uploads(Speaks),
    Downloads,
    Talk,
    Unread,
    Blocked,
    BadCertificate,
    Changing,
    LetDown,
    GivesUpReading,
    GivesUpBefore,
    TrustsNobody,
}

/// Everything that happens, and after how many milliseconds it happens again.
pub const KINDS: &[(Kind, u64)] = &[
    (Kind::Pages(Speaks::Http1), 80),
    (Kind::Pages(Speaks::Http2), 120),
    (Kind::PlainPages, 80),
    (Kind::Uploads(Speaks::Http1), 250),
    (Kind::Uploads(Speaks::Http2), 250),
    (Kind::Downloads, 1_000),
    (Kind::Talk, 300),
    (Kind::Unread, 200),
    (Kind::Blocked, 100),
    (Kind::BadCertificate, 300),
    (Kind::Changing, 100),
    (Kind::LetDown, 100),
    (Kind::GivesUpReading, 300),
    (Kind::GivesUpBefore, 200),
    (Kind::TrustsNobody, 500),
];

impl Visitor {
    /// Does its own thing until the end. Answers how often it did.
    pub async fn go(mut self, kind: Kind, pace: Duration) -> (Kind, usize) {
        let mut ticks = tokio::time::interval(pace);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut times = 0;
        while Instant::now() < self.until {
            ticks.tick().await;
            let done = tokio::time::timeout(PATIENCE, self.once(kind)).await;
            let done = done.unwrap_or_else(|_| Err("it took too long".into()));
            done.unwrap_or_else(|words| panic!("{kind:?}, the {times}th: {words}"));
            times += 1;
        }
        (kind, times)
    }

    async fn once(&mut self, kind: Kind) -> Result<(), Words> {
        match kind {
            Kind::Pages(speaks) => self.pages(speaks).await,
            Kind::PlainPages => self.plain_pages().await,
            Kind::Uploads(speaks) => self.uploads(speaks).await,
            Kind::Downloads => self.downloads().await,
            Kind::Talk => self.talk().await,
            Kind::Unread => self.unread().await,
            Kind::Blocked => self.blocked().await,
            Kind::BadCertificate => self.bad_certificate().await,
            Kind::Changing => self.changing().await,
            Kind::LetDown => self.let_down().await,
            Kind::GivesUpReading => self.gives_up_reading().await,
            Kind::GivesUpBefore => self.gives_up_before().await,
            Kind::TrustsNobody => self.trusts_nobody().await,
        }
    }

    fn good(&self) -> (&'static str, u16) {
        (GOOD, self.origins.good.port())
    }

    /// A length: mostly small, at times of some size, at times nothing.
    fn length(&mut self) -> usize {
        let most = [0, 900, 9_000, 60_000, 300_000];
        let most = *self.luck.one_of(&most).unwrap();
        usize::try_from(self.luck.below(most + 1)).unwrap()
    }

    /// The address of so many bytes for a new visit.
    fn bytes(&self, site: (&'static str, u16), length: usize) -> (u64, String) {
        let number = self.visits.new_number(site.0);
        (number, format!("/bytes/{length}?soak-{number}"))
    }

    /// Some pages on one connection; over HTTP/2 at once.
    async fn pages(&mut self, speaks: Speaks) -> Result<(), Words> {
        let site = self.good();
        let mut connection = self.client.connect(site, Trusts::School, speaks).await?;
        let mut at_once = JoinSet::new();
        for _ in 0..4 {
            let length = self.length();
            let (number, path) = self.bytes(site, length);
            let target = address(speaks, site, &path);
            match connection.another() {
                None => {
                    is_right(&connection.ask(request("GET", &target, site, None)).await?, number, length)?
                }
                Some(mut stream) => {
                    at_once.spawn(async move {
                        is_right(&stream.ask(request("GET", &target, site, None)).await?, number, length)
                    });
                }
            }
        }
        while let Some(ended) = at_once.join_next().await {
            ended.map_err(words)??;
        }
        Ok(())
    }

    async fn plain_pages(&mut self) -> Result<(), Words> {
        let site = (GOOD, self.origins.plain.port());
        let mut connection = self.client.plain().await?;
        for _ in 0..2 {
            let length = self.length();
            let (number, path) = self.bytes(site, length);
            let target = format!("http://{}:{}{path}", site.0, site.1);
            is_right(&connection.ask(request("GET", &target, site, None)).await?, number, length)?;
        }
        Ok(())
    }

    async fn uploads(&mut self, speaks: Speaks) -> Result<(), Words> {
        let site = self.good();
        let mut connection = self.client.connect(site, Trusts::School, speaks).await?;
        let length = self.length() * 2;
        let number = self.visits.new_number(site.0);
        let said = if self.luck.chance(500) { Length::Said } else { Length::Unsaid };
        let target = address(speaks, site, &format!("/take/{length}?soak-{number}"));
        let body = Some((body_of(number, length), said));
        let came = connection.ask(request("POST", &target, site, body)).await?;
        let answer = String::from_utf8_lossy(&came.body);
        match (came.status, came.whole, &*answer) {
            (200, Ok(()), "right") => Ok(()),
            other => Err(format!("{number}, {length} bytes up, their length {said:?}: {other:?}")),
        }
    }

    async fn downloads(&mut self) -> Result<(), Words> {
        let site = self.good();
        let mut connection = self.client.connect(site, Trusts::School, Speaks::Http1).await?;
        let (number, path) = self.bytes(site, 4 << 20);
        is_right(&connection.ask(request("GET", &path, site, None)).await?, number, 4 << 20)
    }

    /// Words and their echoes over a WebSocket (RFC 6455), its frames written out by hand.
    async fn talk(&mut self) -> Result<(), Words> {
        let site = self.good();
        let mut stream = self.client.tls(site, Trusts::School, Speaks::Http1).await?;
        let number = self.visits.new_number(site.0);
        let head = format!(
            "GET /echo?soak-{number} HTTP/1.1\r\nhost: {}:{}\r\nconnection: Upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            site.0, site.1
        );
        stream.write_all(head.as_bytes()).await.map_err(words)?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(stream.read_u8().await.map_err(words)?);
        }
        if !answer.starts_with(b"HTTP/1.1 101") {
            return Err(format!("no WebSocket: {}", String::from_utf8_lossy(&answer)));
        }
        for turn in 0..10 {
            let word = body_of(number + turn, 100);
            // A final frame of text, masked with zeros, of 100 bytes; it comes back unmasked.
            stream.write_all(&[&[0x81, 0x80 | 100, 0, 0, 0, 0], &word[..]].concat()).await.map_err(words)?;
            let mut echo = vec![0; 102];
            stream.read_exact(&mut echo).await.map_err(words)?;
            if echo != [&[0x81, 100], &word[..]].concat() {
                return Err(format!("the {turn}th echo of {number} is another"));
            }
        }
        stream.shutdown().await.map_err(words)
    }

    /// A page whose connection nobody may open: the origin's own certificate must arrive.
    async fn unread(&mut self) -> Result<(), Words> {
        let site = (UNREAD, self.origins.unread.port());
        let mut connection = self.client.connect(site, Trusts::Origins, Speaks::Http1).await?;
        self.visits.unread.fetch_add(1, Ordering::Relaxed);
        // At times so much that the kernel moves it.
        let length = if self.luck.chance(200) { 2 << 20 } else { self.length() };
        let number = self.luck.number();
        let target = format!("/bytes/{length}?soak-{number}");
        is_right(&connection.ask(request("GET", &target, site, None)).await?, number, length)
    }

    async fn blocked(&mut self) -> Result<(), Words> {
        let site = (BLOCKED, self.origins.good.port());
        let mut connection = self.client.connect(site, Trusts::School, Speaks::Http1).await?;
        let (number, path) = self.bytes(site, 10);
        is_blocked(&mut connection, site, &path).await.map_err(|words| format!("{number}: {words}"))
    }

    async fn bad_certificate(&mut self) -> Result<(), Words> {
        let site = (EXPIRED, self.origins.expired.address().port());
        let mut connection = self.client.connect(site, Trusts::School, Speaks::Http1).await?;
        let (_, path) = self.bytes(site, 10);
        let came = connection.ask(request("GET", &path, site, None)).await?;
        let body = String::from_utf8_lossy(&came.body);
        match came.status == 502 && body.contains("This page is not safe to open") {
            true => Ok(()),
            false => Err(format!("a bad certificate: {} {body}", came.status)),
        }
    }

    /// Either is right, as long as it is wholly one or the other.
    async fn changing(&mut self) -> Result<(), Words> {
        let site = (CHANGING, self.origins.changing.port());
        let mut connection = self.client.connect(site, Trusts::School, Speaks::Http1).await?;
        for _ in 0..3 {
            let length = 1 + self.length();
            let (number, path) = self.bytes(site, length);
            let came = connection.ask(request("GET", &path, site, None)).await?;
            if came.status != 403 {
                is_right(&came, number, length)?;
            } else if !came.body.starts_with(b"<") || came.whole.is_err() {
                return Err(format!("half a block page: {:?} {:?}", came.body, came.whole));
            }
        }
        Ok(())
    }

    async fn let_down(&mut self) -> Result<(), Words> {
        let site = (FAULTY, self.origins.faulty.port());
        let fault = *self.luck.one_of(&OriginFault::ALL).unwrap();
        let mut connection = self.client.connect(site, Trusts::School, Speaks::Http1).await?;
        let number = self.visits.new_number(site.0);
        let asked = request("GET", &format!("{}?soak-{number}", fault.path()), site, None);
        let came = match fault {
            OriginFault::Stall => read_until_it_stalls(&mut connection, asked).await?,
            _ => connection.ask(asked).await?,
        };
        is_honest(&came, number, fault)
    }

    /// A client that goes away in the middle of a long answer.
    async fn gives_up_reading(&mut self) -> Result<(), Words> {
        let site = self.good();
        let speaks = if self.luck.chance(500) { Speaks::Http1 } else { Speaks::Http2 };
        let mut connection = self.client.connect(site, Trusts::School, speaks).await?;
        let (_, path) = self.bytes(site, 8 << 20);
        let target = address(speaks, site, &path);
        let mut answer = connection.begin(request("GET", &target, site, None)).await?;
        answer.frame().await.map(drop).ok_or_else(|| "nothing came".into())
    }

    /// Clients that go away before they ask: without a word, in the middle of a head, and of a hello.
    async fn gives_up_before(&mut self) -> Result<(), Words> {
        let site = self.good();
        match self.luck.below(3) {
            0 => drop(self.client.tunnel(site.0, site.1).await?),
            1 => {
                let mut stream = TcpStream::connect(&self.client.proxy).await.map_err(words)?;
                stream.write_all(b"GET http://education.schoolg").await.map_err(words)?;
            }
            _ => drop(self.client.tls(site, Trusts::School, Speaks::Http2).await?),
        }
        Ok(())
    }

    /// A client without the school's certificate.
    async fn trusts_nobody(&mut self) -> Result<(), Words> {
        let site = self.good();
        match self.client.tls(site, Trusts::Origins, Speaks::Http1).await {
            Ok(_) => {
                Err("the origin's own certificate came through a connection that was to be opened".into())
            }
            Err(_) => {
                self.visits.untrusting.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
        }
    }
}

/// What a request names: the whole address over HTTP/2.
fn address(speaks: Speaks, site: (&str, u16), path: &str) -> String {
    match speaks {
        Speaks::Http1 => path.to_owned(),
        Speaks::Http2 => format!("https://{}:{}{path}", site.0, site.1),
    }
}

async fn is_blocked(connection: &mut Connection, site: (&str, u16), path: &str) -> Result<(), Words> {
    let came = connection.ask(request("GET", path, site, None)).await?;
    match came.status == 403 && came.body.starts_with(b"<") && came.whole.is_ok() {
        true => Ok(()),
        false => Err(format!("expected a block page, found {}, {:?}", came.status, came.whole)),
    }
}

/// All that came before nothing more did.
async fn read_until_it_stalls(connection: &mut Connection, asked: Request<Pieces>) -> Result<Came, Words> {
    let answer = connection.begin(asked).await?;
    let status = answer.status().as_u16();
    let (mut body, mut read) = (answer.into_body(), Vec::new());
    let whole = loop {
        // The first part may take its time; the rest is not to come.
        let wait = if read.len() < SENT_BYTES { PATIENCE } else { GIVES_UP };
        match tokio::time::timeout(wait, body.frame()).await {
            Err(_) => break Err("it stalled".to_owned()),
            Ok(None) => break Ok(()),
            Ok(Some(frame)) => {
                read.extend_from_slice(frame.map_err(words)?.data_ref().map_or(&[][..], |part| part));
            }
        }
    };
    Ok(Came { status, body: read.into(), whole })
}
