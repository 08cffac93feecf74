//! A visitor's side of the wire: one TLS connection a question, over the HTTP version that is asked for.

use crate::school::{PASSWORD, School, login};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper::header::{CONTENT_TYPE, COOKIE, HOST, HeaderMap, LOCATION, SET_COOKIE};
use hyper::{Method, Request, Response, StatusCode, Version};
use hyper_util::rt::{TokioExecutor, TokioIo};
use model::Role;
use rustls::pki_types::ServerName;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// What came back.
pub struct Answer {
    /// The HTTP version it came over.
    pub version: Version,
    /// The status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// The body, as text.
    pub body: String,
}

impl Answer {
    /// Where it sends the visitor; empty when nowhere.
    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map(|value| value.to_str().unwrap()).unwrap_or_default()
    }
}

/// Somebody at a browser, with their cookie.
pub struct Visitor<'a> {
    school: &'a School,
    /// The address it comes from.
    pub address: IpAddr,
    /// The cookie as the browser would send it; empty for none.
    pub cookie: String,
}

impl<'a> Visitor<'a> {
    /// Somebody who is not signed in.
    pub fn new(school: &'a School) -> Self {
        Self { school, address: Ipv4Addr::LOCALHOST.into(), cookie: String::new() }
    }

    /// Opens a page.
    pub async fn get(&self, path: &str) -> Answer {
        self.send("h2", Request::get(path).body(Full::default()).unwrap()).await
    }

    /// Sends a form, as a browser does from a page of this site.
    pub async fn post(&self, path: &str, form: &str) -> Answer {
        self.send("h2", form_from("same-origin", path, form)).await
    }

    /// Signs in as whoever has this role, and keeps the cookie.
    pub async fn sign_in(&mut self, role: Role) -> Answer {
        self.sign_in_as(&login(role)).await
    }

    /// The same as whoever has this login.
    pub async fn sign_in_as(&mut self, login: &str) -> Answer {
        let form = format!("login={login}&password={}", PASSWORD.replace(' ', "+"));
        let answer = self.post("/sign-in", &form).await;
        self.take_cookie(&answer);
        answer
    }

    /// Keeps the cookie that an answer sets.
    pub fn take_cookie(&mut self, answer: &Answer) {
        if let Some(set) = answer.headers.get(SET_COOKIE) {
            let pair = set.to_str().unwrap().split(';').next().unwrap();
            self.cookie = if pair.ends_with('=') { String::new() } else { pair.to_owned() };
        }
    }

    /// Sends any request over `protocol`, `h2` or `http/1.1`.
    pub async fn send(&self, protocol: &str, mut request: Request<Full<Bytes>>) -> Answer {
        if !self.cookie.is_empty() {
            request.headers_mut().insert(COOKIE, self.cookie.parse().unwrap());
        }
        let stream = TokioIo::new(self.connect(protocol).await);
        let response = if protocol == "h2" {
            let path = request.uri().path_and_query().unwrap().clone();
            *request.uri_mut() =
                format!("https://localhost:{}{path}", self.school.address.port()).parse().unwrap();
            let (mut sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        } else {
            let host = format!("localhost:{}", self.school.address.port());
            request.headers_mut().insert(HOST, host.parse().unwrap());
            let (mut sender, connection) = http1::handshake(stream).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request).await.unwrap()
        };
        read(response).await
    }

    async fn connect(&self, protocol: &str) -> TlsStream<TcpStream> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.school.root.clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.as_bytes().to_vec()];
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind((self.address, 0).into()).unwrap();
        let stream = socket.connect(self.school.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }
}

/// A form that a browser says comes from `site`.
pub fn form_from(site: &str, path: &str, form: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .method(Method::POST)
        .uri(path)
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .header("sec-fetch-site", site)
        .body(Full::from(form.to_owned()))
        .unwrap()
}

async fn read(response: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    Answer {
        version: parts.version,
        status: parts.status,
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    }
}
