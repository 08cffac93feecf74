//! A mail server, an HTTPS receiver, and a message for them.

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::header::HeaderMap;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use model::{Severity, Timestamp};
use notify::{Call, Job, Message, MessageKind, Place, Recipient, Way};
use rustls::ServerConfig;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};
use testkit::certificates::{Fault, TestAuthority};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio_rustls::TlsAcceptor;
use uuid::Uuid;

pub const NOW: Timestamp = Timestamp(1_795_348_800_000);

/// The first attempt at telling this recipient.
pub fn job(way: Way, name: &str) -> Job {
    let place = Place::new("Larkfield First School", "https://gate.larkfield.test").unwrap();
    let message = Message {
        place,
        kind: MessageKind::Safeguarding,
        severity: Severity::Critical,
        call: Call::First,
        alert: Some(Uuid::from_u128(7)),
    };
    let to = Recipient { way, name: name.to_owned() };
    Job { id: Uuid::from_u128(9), to, message, attempt: 1 }
}

/// A mail server in a process of its own.
pub struct MailServer {
    _process: Child,
    pub port: u16,
    pub folder: tempfile::TempDir,
}

impl MailServer {
    /// `mode`: `plain`, `starttls` or `tls`.
    pub async fn start(mode: &str, authority: &TestAuthority, fault: Fault) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (certificate, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
        let (chain_pem, key_pem) = authority.server_pem("localhost", fault).unwrap();
        std::fs::write(&certificate, chain_pem).unwrap();
        std::fs::write(&key, key_pem).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/smtp_server.py");
        let mut process = Command::new("/usr/bin/python3")
            .args(["-W", "ignore"])
            .arg(script)
            .arg(mode)
            .args([folder.path(), &certificate, &key])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        Self { _process: process, port, folder }
    }

    /// The mails it took, in their order.
    pub fn taken(&self) -> Vec<String> {
        let mail = |number: usize| {
            let bytes = std::fs::read(self.folder.path().join(format!("{number}.eml"))).ok()?;
            Some(String::from_utf8(bytes).unwrap())
        };
        (1..).map_while(mail).collect()
    }
}

/// One POST as a receiver saw it.
pub struct Posted {
    pub path: String,
    pub headers: HeaderMap,
    pub body: Bytes,
}

/// An HTTPS receiver on loopback; it gives the statuses it was told to, and then 202.
pub struct HttpsReceiver {
    pub address: String,
    posted: Arc<Mutex<Vec<Posted>>>,
    task: tokio::task::JoinHandle<()>,
}

impl HttpsReceiver {
    pub async fn start(tls: Arc<ServerConfig>, statuses: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("https://localhost:{}/hook?key=hidden", listener.local_addr().unwrap().port());
        let posted = Arc::<Mutex<Vec<Posted>>>::default();
        let statuses = Arc::new(Mutex::new(VecDeque::from(statuses.to_vec())));
        let task = tokio::spawn(serve(listener, TlsAcceptor::from(tls), (Arc::clone(&posted), statuses)));
        Self { address, posted, task }
    }

    /// What came since it was last asked.
    pub fn posted(&self) -> Vec<Posted> {
        std::mem::take(&mut *self.posted.lock().unwrap())
    }
}

impl Drop for HttpsReceiver {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Desk = (Arc<Mutex<Vec<Posted>>>, Arc<Mutex<VecDeque<u16>>>);

async fn serve(listener: TcpListener, tls: TlsAcceptor, desk: Desk) {
    while let Ok((stream, _)) = listener.accept().await {
        let Ok(stream) = tls.accept(stream).await else { continue };
        let desk = desk.clone();
        let service = service_fn(move |request| take(request, desk.clone()));
        drop(
            hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await,
        );
    }
}

async fn take(
    request: Request<Incoming>,
    (posted, statuses): Desk,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let path = head.uri.path_and_query().unwrap().to_string();
    posted.lock().unwrap().push(Posted { path, headers: head.headers, body });
    let status = statuses.lock().unwrap().pop_front().unwrap_or(202);
    Ok(Response::builder().status(status).header("retry-after", "120").body(Full::default()).unwrap())
}
