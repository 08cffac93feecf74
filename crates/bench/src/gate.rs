//! A whole gate for a bench: the released program, beside the bench's own, in a folder that `schoolgate demo` fills; and
//! somebody who asks its console, each time on a connection of their own.

use crate::child::Program;
use crate::error::BenchError;
use crate::machine::all_cores;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName};
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};
use store::{Change, Fact, Place, Store};

/// Until the gate listens; it builds its lists first.
const PATIENCE: Duration = Duration::from_secs(120);
/// What one answer may take; a page waits for news for two thirds of it.
const ANSWER: Duration = Duration::from_secs(30);
/// How the session's cookie begins.
const SESSION: &str = "__Host-schoolgate=";
const CONFIGURATION: &str = "[gate]\nname = \"gate.larkfield.test\"\norganisation = \"Larkfield First School\"\n\
    [dns]\nlisten = [\"127.0.0.1:0\"]\nupstreams = [\"127.0.0.1:9\"]\n\
    [proxy]\nlisten = [\"127.0.0.1:0\"]\n[console]\nlisten = \"127.0.0.1:0\"\n";

/// Makes a gate's folder with its configuration, and with `more` of it.
pub(crate) fn configure(folder: &Path, more: &str) -> Result<(), BenchError> {
    std::fs::create_dir(folder).map_err(BenchError::file(folder))?;
    let configuration = folder.join("schoolgate.toml");
    let text = format!("{CONFIGURATION}{more}");
    std::fs::write(&configuration, text).map_err(BenchError::file(&configuration))
}

/// A running gate.
pub(crate) struct Gate {
    program: Program,
    /// Somebody who asks its console.
    pub(crate) visitor: Visitor,
    /// Where its proxy listens.
    pub(crate) proxy: SocketAddr,
    /// The address of its console.
    pub(crate) console: String,
    /// The file of the certificate to trust it by.
    pub(crate) authority: PathBuf,
}

impl Gate {
    /// Starts it with `demo` or `run`, and waits until it listens.
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
        let proxy = SocketAddr::from((Ipv4Addr::LOCALHOST, name_and_port("http://", &word("proxy"))?.1));
        Ok(Self { program, visitor, proxy, console, authority })
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.program.process()
    }
}

/// The password that every account of a demo has, as a form sends it.
pub(crate) fn demo_password(folder: &Path) -> Result<String, BenchError> {
    let file = folder.join("demo-password");
    let text = std::fs::read_to_string(&file).map_err(BenchError::file(&file))?;
    Ok(text.trim().replace(' ', "+"))
}

/// Writes changes to the records of a gate that rests.
pub(crate) fn change_records(folder: &Path, changes: &[Change]) -> Result<(), BenchError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::file("a runtime"))?;
    runtime.block_on(async {
        let now = model::Clock::System.now();
        let store = Store::open(&Place::File(folder.join("records.sqlite")), now).await?;
        let fact = Fact::new(&model::Actor::Program, model::Scope::Trust, now, "bench-add-people");
        store.commit(&fact, changes).await?;
        store.close().await;
        Ok(())
    })
}

/// Waits until that time is over; a thread can be woken earlier.
pub(crate) fn wait_until(due: Instant) {
    while let Some(left) = due.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
        thread::park_timeout(left);
    }
}

/// Asks a gate's console, each time on a connection of its own.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// The console's name, which its certificate has too.
    name: String,
    port: u16,
    tls: Arc<ClientConfig>,
    /// The session's cookie, once somebody has signed in.
    cookie: String,
}

/// An answer, whole.
pub(crate) struct Answered {
    /// The status.
    pub(crate) status: u16,
    /// Head and body as they came, chunks and all.
    pub(crate) text: String,
}

impl Visitor {
    fn new(console: &str, authority: &Path) -> Result<Self, BenchError> {
        let certificate = CertificateDer::from_pem_file(authority).map_err(|error| BenchError::Answer {
            expected: "the certificate of the console",
            found: error.to_string(),
        })?;
        let mut roots = RootCertStore::empty();
        roots.add(certificate)?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let (name, port) = name_and_port("https://", console)?;
        Ok(Self { name, port, tls: Arc::new(tls), cookie: String::new() })
    }

    /// The same visitor, signed in to the console.
    pub(crate) fn signed_in(&self, login: &str, password: &str) -> Result<Self, BenchError> {
        let answered = self.send("/sign-in", &format!("login={login}&password={password}&next="))?;
        let cookie = answered.text.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            let is_session = name.eq_ignore_ascii_case("set-cookie") && value.starts_with(SESSION);
            is_session.then(|| value.split(';').next().unwrap_or_default())
        });
        match cookie.filter(|_| answered.status == 303) {
            Some(cookie) => Ok(Self { cookie: cookie.to_owned(), ..self.clone() }),
            None => Err(BenchError::Answer {
                expected: "somebody who could sign in",
                found: answered.status.to_string(),
            }),
        }
    }

    /// Asks for a page.
    pub(crate) fn ask(&self, path: &str) -> Result<Answered, BenchError> {
        let Self { name, port, cookie, .. } = self;
        self.exchange(&format!(
            "GET {path} HTTP/1.1\r\nHost: {name}:{port}\r\nCookie: {cookie}\r\nConnection: close\r\n\r\n"
        ))
    }

    /// Sends a form.
    pub(crate) fn send(&self, path: &str, form: &str) -> Result<Answered, BenchError> {
        let (Self { name, port, cookie, .. }, length) = (self, form.len());
        self.exchange(&format!(
            "POST {path} HTTP/1.1\r\nHost: {name}:{port}\r\nOrigin: https://{name}:{port}\r\nCookie: {cookie}\r\n\
             Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\
             Content-Length: {length}\r\n\r\n{form}"
        ))
    }

    fn exchange(&self, request: &str) -> Result<Answered, BenchError> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let stream = TcpStream::connect_timeout(&address, ANSWER).map_err(BenchError::Socket)?;
        stream.set_read_timeout(Some(ANSWER)).map_err(BenchError::Socket)?;
        let expected = || BenchError::Answer { expected: "a name", found: self.name.clone() };
        let name = ServerName::try_from(self.name.clone()).map_err(|_| expected())?;
        let session = ClientConnection::new(Arc::clone(&self.tls), name)?;
        let mut stream = StreamOwned::new(session, stream);
        stream.write_all(request.as_bytes()).map_err(BenchError::Socket)?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).map_err(BenchError::Socket)?;
        let text = String::from_utf8_lossy(&answer).into_owned();
        let status = text.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3)?.parse().ok());
        let status =
            status.ok_or(BenchError::Answer { expected: "an answer", found: "something else".to_owned() })?;
        Ok(Answered { status, text })
    }
}

fn name_and_port(scheme: &str, url: &str) -> Result<(String, u16), BenchError> {
    let (name, port) = url.strip_prefix(scheme).and_then(|host| host.rsplit_once(':')).unwrap_or_default();
    let said = || BenchError::Answer { expected: "where the gate listens", found: url.to_owned() };
    Ok((name.to_owned(), port.parse().map_err(|_| said())?))
}
