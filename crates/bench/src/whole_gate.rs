//! `bench sign-in`, of a whole gate: what others wait for a page while every thread that hashes is busy, and what the program
//! holds in memory at rest with 10,000 people.
//!
//! The program is the released one, beside the bench's own; its folder is made by `schoolgate demo`.

use crate::child::Program;
use crate::error::BenchError;
use crate::machine::{Disturbance, Reading, all_cores};
use crate::row::{Row, Target};
use model::{Affiliation, PersonId, Role, SchoolId, Scope, YearGroup};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};
use store::{Change, Fact, Place, Store};

/// Until the gate listens; it builds its lists first.
const PATIENCE: Duration = Duration::from_secs(120);
/// What one answer may take.
const ANSWER: Duration = Duration::from_secs(20);
const PEOPLE: u128 = 10_000;
/// Sign-ins under way at once.
const SIGN_INS: usize = 6;
/// A page is asked for this often.
const EVERY: Duration = Duration::from_millis(20);
/// How long the gate is left alone before its memory is read.
const REST: Duration = Duration::from_secs(15);
const LOGIN: &str = "headteacher";
const CONFIGURATION: &str = "[gate]\nname = \"gate.larkfield.test\"\norganisation = \"Larkfield First School\"\n\
    [dns]\nlisten = [\"127.0.0.1:0\"]\nupstreams = [\"127.0.0.1:9\"]\n\
    [proxy]\nlisten = [\"127.0.0.1:0\"]\n[console]\nlisten = \"127.0.0.1:0\"\n";

/// So many pages are asked for.
pub(crate) fn rows(pages: usize) -> Result<Vec<Row>, BenchError> {
    let home = tempfile::tempdir().map_err(BenchError::file("a folder for a gate"))?;
    let folder = new_folder(home.path())?;
    let gate = Gate::start("demo", &folder)?;
    let mut rows = vec![gate.waits_for_pages(&folder, pages)?];
    drop(gate);
    add_people(&folder)?;
    let gate = Gate::start("run", &folder)?;
    wait_until(Instant::now() + REST);
    rows.push(Row::new(
        "memory of a gate at rest with 10,000 people, shared pages by their part",
        "MB",
        gate.memory_mb()?,
        Target::AtMost(64.0),
    ));
    Ok(rows)
}

/// A folder for a gate, with its configuration.
pub(crate) fn new_folder(home: &Path) -> Result<PathBuf, BenchError> {
    let folder = home.join("gate");
    std::fs::create_dir(&folder).map_err(BenchError::file(&folder))?;
    let configuration = folder.join("schoolgate.toml");
    std::fs::write(&configuration, CONFIGURATION).map_err(BenchError::file(&configuration))?;
    Ok(folder)
}

/// A running gate.
pub(crate) struct Gate {
    program: Program,
    visitor: Visitor,
    /// Where the console is reached.
    pub(crate) console: String,
    /// The file of the certificate to trust.
    pub(crate) authority: PathBuf,
}

impl Gate {
    pub(crate) fn start(command: &str, folder: &Path) -> Result<Self, BenchError> {
        let own = std::env::current_exe().map_err(BenchError::file("schoolgate"))?;
        let program = own.with_file_name("schoolgate");
        let cores = format!("0-{}", all_cores().saturating_sub(1));
        let arguments = [command, "--json", "--folder", &folder.to_string_lossy()];
        let program = Program::other(&cores, &program.to_string_lossy(), &arguments)?;
        let line = format!("{{{}", program.hear("{", PATIENCE)?);
        let said: serde_json::Value = serde_json::from_str(&line)?;
        let word =
            |name: &str| said.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned();
        let (console, authority) = (word("console"), PathBuf::from(word("authority")));
        let visitor = Visitor::new(&console, &authority)?;
        Ok(Self { program, visitor, console, authority })
    }

    /// The 99th percentile of a page's whole time, connection and TLS too, while sign-ins keep every hashing thread busy.
    fn waits_for_pages(&self, folder: &Path, pages: usize) -> Result<Row, BenchError> {
        let password = demo_password(folder)?.replace(' ', "+");
        let form = format!("login={LOGIN}&password={password}&next=");
        let (stop, signed_in, visitor) = (AtomicBool::new(false), AtomicU64::new(0), &self.visitor);
        let before = Reading::now(&[std::process::id(), self.program.process()]);
        let times = thread::scope(|scope| {
            let signing_in = || {
                while !stop.load(Ordering::Relaxed) {
                    if matches!(visitor.send("/sign-in", &form), Ok(303)) {
                        signed_in.fetch_add(1, Ordering::Relaxed);
                    }
                }
            };
            for _ in 0..SIGN_INS {
                scope.spawn(signing_in);
            }
            let times = visitor.ask_for_pages(pages);
            stop.store(true, Ordering::Relaxed);
            times
        });
        let disturbance: Disturbance =
            Reading::now(&[std::process::id(), self.program.process()]).since(before);
        let (mut times, signed_in) = (times?, signed_in.into_inner());
        let seconds = (EVERY * u32::try_from(pages).unwrap_or(u32::MAX)).as_secs_f64();
        crate::say::remark(&format!(
            "pages while signing in: {:.1} sign-ins a second; {}",
            signed_in as f64 / seconds,
            disturbance.words()
        ));
        if signed_in == 0 {
            return Err(BenchError::Answer {
                expected: "somebody who could sign in",
                found: "nobody".to_owned(),
            });
        }
        times.sort_by(f64::total_cmp);
        let p99 = times.get(times.len().saturating_sub(1) * 99 / 100).copied().unwrap_or(f64::NAN);
        let what = "a page while every hashing thread is busy, 99th percentile";
        Ok(Row::new(what, "ms", p99, Target::AtMost(50.0)).on(disturbance.verdict()))
    }

    /// The number of its process.
    pub(crate) fn process(&self) -> u32 {
        self.program.process()
    }

    /// Its private memory, and its part of what it shares (PSS).
    fn memory_mb(&self) -> Result<f64, BenchError> {
        let file = PathBuf::from(format!("/proc/{}/smaps_rollup", self.program.process()));
        let text = std::fs::read_to_string(&file).map_err(BenchError::file(&file))?;
        let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).unwrap_or_default();
        let kib: f64 =
            line.split_whitespace().next().and_then(|number| number.parse().ok()).unwrap_or(f64::NAN);
        Ok(kib * 1_024.0 / 1e6)
    }
}

/// Waits until that time is over; a thread can be woken earlier.
fn wait_until(due: Instant) {
    while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

/// The password that every account of a demo has.
pub(crate) fn demo_password(folder: &Path) -> Result<String, BenchError> {
    let file = folder.join("demo-password");
    let text = std::fs::read_to_string(&file).map_err(BenchError::file(&file))?;
    Ok(text.trim().to_owned())
}

fn add_people(folder: &Path) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::file("a runtime"))?;
    runtime.block_on(async {
        let now = model::Clock::System.now();
        let store = Store::open(&Place::File(folder.join("records.sqlite")), now).await?;
        let fact = Fact::new(&model::Actor::Program, Scope::Trust, now, "bench-add-people");
        store.commit(&fact, &people().collect::<Vec<_>>()).await?;
        store.close().await;
        Ok(())
    })
}

/// Learners of one school, in every year group.
fn people() -> impl Iterator<Item = Change> {
    (0..PEOPLE).map(|number| {
        let year = YearGroup::parse(&(number % 13 + 1).to_string());
        let scope = Scope::School(SchoolId::new("larkfield"));
        let person = model::Person {
            id: PersonId(uuid::Uuid::from_u128(0x5c40_0000 + number)),
            login: format!("made-up-{number}"),
            display_name: format!("Made Up {number}"),
            affiliations: vec![Affiliation { scope, role: Role::Learner, year }],
        };
        Change::AddPerson { person, scope: Scope::Trust }
    })
}

/// Asks a gate's console, each time on a connection of its own.
struct Visitor {
    address: SocketAddr,
    tls: Arc<ClientConfig>,
}

impl Visitor {
    fn new(console: &str, authority: &Path) -> Result<Self, BenchError> {
        let said =
            |found: &str| BenchError::Answer { expected: "where the console is", found: found.to_owned() };
        let address = console.strip_prefix("https://").and_then(|address| address.parse().ok());
        let certificate =
            CertificateDer::from_pem_file(authority).map_err(|error| said(&error.to_string()))?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self { address: address.ok_or_else(|| said(console))?, tls: Arc::new(tls) })
    }

    /// One page each [`EVERY`], by the clock: a late one counts from when it was due.
    fn ask_for_pages(&self, pages: usize) -> Result<Vec<f64>, BenchError> {
        let begun = Instant::now();
        let mut times = Vec::with_capacity(pages);
        for number in 0..u32::try_from(pages).unwrap_or(u32::MAX) {
            let due = begun + EVERY * number;
            wait_until(due);
            match self.ask("/sign-in")? {
                200 => times.push(due.elapsed().as_secs_f64() * 1_000.0),
                other => {
                    return Err(BenchError::Answer { expected: "a page", found: other.to_string() });
                }
            }
        }
        Ok(times)
    }

    fn ask(&self, path: &str) -> Result<u16, BenchError> {
        let host = self.address;
        self.exchange(&format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"))
    }

    fn send(&self, path: &str, form: &str) -> Result<u16, BenchError> {
        let (host, length) = (self.address, form.len());
        self.exchange(&format!(
            "POST {path} HTTP/1.1\r\nHost: {host}\r\nOrigin: https://{host}\r\nConnection: close\r\n\
             Content-Type: application/x-www-form-urlencoded\r\nContent-Length: {length}\r\n\r\n{form}"
        ))
    }

    /// The status of the answer, once all of it came.
    fn exchange(&self, request: &str) -> Result<u16, BenchError> {
        let stream = TcpStream::connect_timeout(&self.address, ANSWER).map_err(BenchError::Socket)?;
        stream.set_read_timeout(Some(ANSWER)).map_err(BenchError::Socket)?;
        let session = ClientConnection::new(Arc::clone(&self.tls), ServerName::from(self.address.ip()))?;
        let mut stream = StreamOwned::new(session, stream);
        stream.write_all(request.as_bytes()).map_err(BenchError::Socket)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(BenchError::Socket)?;
        let status = answer.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3));
        let status = status.and_then(|digits| std::str::from_utf8(digits).ok()?.parse().ok());
        status.ok_or(BenchError::Answer { expected: "an answer", found: "something else".to_owned() })
    }
}
