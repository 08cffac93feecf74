//! A web server of the tests' own, over TLS, that answers conditional requests as RFC 9110 says and keeps what it was
//! asked.

use lists::Fetch;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use testkit::certificates::{Fault, TestAuthority};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

#[derive(Clone, Default)]
struct Answer {
    status: String,
    /// Header lines, each with its end.
    headers: String,
    /// A header line without which there is nothing to be had.
    needs: Option<String>,
    body: Vec<u8>,
}

type Answers = Arc<Mutex<HashMap<String, Answer>>>;
type Requests = Arc<Mutex<Vec<String>>>;

pub struct TlsServer {
    authority: TestAuthority,
    port: u16,
    answers: Answers,
    requests: Requests,
}

impl TlsServer {
    pub async fn start() -> Self {
        let authority = TestAuthority::new().unwrap();
        let acceptor = TlsAcceptor::from(authority.server("localhost", Fault::None, &["http/1.1"]).unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (answers, requests) = (Answers::default(), Requests::default());
        let (at_hand, seen) = (answers.clone(), requests.clone());
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serve(&acceptor, stream, &at_hand, &seen).await;
            }
        });
        Self { authority, port, answers, requests }
    }

    /// The settings of a gate that trusts this server.
    pub fn fetch(&self) -> Fetch {
        Fetch { extra_roots: vec![self.authority.der()], ..Fetch::default() }
    }

    pub fn url(&self, path: &str) -> String {
        format!("https://localhost:{}{path}", self.port)
    }

    /// The heads of the requests so far, in lower case but for the values.
    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    pub fn serve(&self, path: &str, headers: &str, body: &[u8]) {
        self.put(
            path,
            Answer { status: "200 OK".into(), headers: headers.into(), body: body.into(), needs: None },
        );
    }

    pub fn serve_to(&self, path: &str, header: &str, body: &[u8]) {
        let needs = Some(header.to_owned());
        self.put(path, Answer { status: "200 OK".into(), headers: String::new(), body: body.into(), needs });
    }

    pub fn redirect(&self, path: &str, to: &str) {
        let headers = format!("location: {to}\r\n");
        self.put(path, Answer { status: "302 Found".into(), headers, ..Answer::default() });
    }

    pub fn fail(&self, path: &str, status: &str) {
        self.put(path, Answer { status: status.into(), ..Answer::default() });
    }

    fn put(&self, path: &str, answer: Answer) {
        self.answers.lock().unwrap().insert(path.to_owned(), answer);
    }
}

async fn serve(acceptor: &TlsAcceptor, stream: TcpStream, answers: &Answers, requests: &Requests) {
    // A client that does not like the certificate goes away.
    let Ok(mut stream) = acceptor.accept(stream).await else { return };
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        let Ok(byte) = stream.read_u8().await else { return };
        request.push(byte);
    }
    let request = String::from_utf8(request).unwrap();
    let path = request.split(' ').nth(1).unwrap().to_owned();
    let answer = answers.lock().unwrap().get(&path).cloned();
    let answer = answer.unwrap_or_else(|| Answer { status: "404 No".into(), ..Answer::default() });
    let bytes = answer_to(&request, &answer);
    requests.lock().unwrap().push(request);
    // The other side may hang up before it has read all.
    let _ = stream.write_all(&bytes).await;
    let _ = stream.shutdown().await;
}

fn answer_to(request: &str, answer: &Answer) -> Vec<u8> {
    let has = |line: &str| request.contains(&format!("{line}\r\n"));
    let tag = answer.headers.lines().find_map(|line| line.strip_prefix("etag: "));
    let (status, body) = match (&answer.needs, tag) {
        (Some(header), _) if !has(header) => ("401 Who", &b""[..]),
        (_, Some(tag)) if has(&format!("if-none-match: {tag}")) => ("304 Same", &b""[..]),
        _ => (&*answer.status, &answer.body[..]),
    };
    let length = body.len();
    let head = format!(
        "HTTP/1.1 {status}\r\n{}content-length: {length}\r\nconnection: close\r\n\r\n",
        answer.headers
    );
    [head.as_bytes(), body].concat()
}
