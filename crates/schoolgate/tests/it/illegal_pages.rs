//! A host with illegal pages that has other pages too: DNS gives its address to whoever's TLS can be opened, the proxy then
//! opens it whatever the settings say and closes the pages alone; for devices without the school's certificate the whole
//! host is closed.

use crate::dns::dig;
use crate::gate::{Gate, shipped_policy};
use crate::lists::{becomes, propose};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http1;
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use std::net::Ipv4Addr;
use std::sync::Arc;
use testkit::certificates::Fault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio_rustls::TlsConnector;

const HOST: &str = "education.schoolgate.test";
/// Another host, with no such pages.
const OTHER: &str = "news.schoolgate.test";
const PAGE: &str = "<title>Good page</title>";

/// Devices of groups whose TLS is opened, is not opened unless it must be, and can never be.
const ON: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const OFF: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 4);
const NEVER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 3);

/// The shipped policy, with a group for each of these devices, and both hosts on the bypass list.
fn policy_text() -> String {
    let mut text = shipped_policy();
    for (from, to) in [
        // The gate's own machine is one address here, so that the others can be somebody else.
        ("\"127.0.0.0/8\"", "\"127.0.0.1/32\""),
        // The staff's, the first group with this.
        ("youtube = \"moderate\"\ninspection = \"on\"", "youtube = \"moderate\"\ninspection = \"off\""),
    ] {
        assert!(text.contains(from), "{from}");
        text = text.replacen(from, to, 1);
    }
    for (id, address, group) in [("on", ON, "leaders"), ("off", OFF, "staff"), ("never", NEVER, "guests")] {
        text += &format!(
            "\n[[network]]\nid = \"{id}\"\nschool = \"larkfield\"\nranges = [\"{address}/32\"]\ngroup = \"{group}\"\n"
        );
    }
    for host in [HOST, OTHER] {
        text += &format!("\n[[bypass]]\nhost = \"{host}\"\nwhy = \"A test asks for it\"\n");
    }
    text + "\n[[list]]\nid = \"pages\"\nname = \"Pages\"\nformat = \"urls\"\nsource = \"pages.txt\"\ncategory = \"illegal\"\n"
}

#[tokio::test]
async fn pages_of_a_host_are_closed_alone_where_they_can_be_told_apart_and_else_the_whole_host() {
    let gate = Gate::start().await;
    std::fs::write(
        gate.folder.path().join("pages.txt"),
        format!("https://{HOST}/bad/page\nmarked-as-illegal.example\n"),
    )
    .unwrap();
    propose(&gate, &policy_text()).await;
    // The list's other line tells when it is in force.
    becomes(&gate, "marked-as-illegal.example", "Censored").await;
    let (origin, _) = gate.origin(HOST, Fault::None, PAGE).await;
    let (other_origin, _) = gate.origin(OTHER, Fault::None, PAGE).await;
    let closed = dig_from(&gate, NEVER, HOST).await;
    assert!(closed.contains("status: NXDOMAIN") && closed.contains("EDE: 16 (Censored)"), "{closed}");
    for from in [ON, OFF] {
        let open = dig_from(&gate, from, HOST).await;
        assert!(open.contains("status: NOERROR") && !open.contains("EDE: 16"), "{from}: {open}");
        // Only the school's authority is trusted here, so that whoever connects is read.
        let mut site = connect(&gate, from, (HOST, origin.address().port()), Trusts::School).await;
        assert_eq!(site.get("/").await, (StatusCode::OK, PAGE.to_owned()), "{from}");
        assert_eq!(site.get("/bad/page").await.0, StatusCode::FORBIDDEN, "{from}");
        // The bypass list counts for every other host.
        let mut site = connect(&gate, from, (OTHER, other_origin.address().port()), Trusts::Origin).await;
        assert_eq!(site.get("/").await, (StatusCode::OK, PAGE.to_owned()), "{from}");
    }
    let answer = tunnel(&gate, NEVER, &format!("{HOST}:{}", origin.address().port())).await.1;
    assert!(!answer.starts_with("HTTP/1.1 200"), "{answer}");
    let mut site = connect(&gate, NEVER, (OTHER, other_origin.address().port()), Trusts::Origin).await;
    assert_eq!(site.get("/").await, (StatusCode::OK, PAGE.to_owned()));
    assert!(origin.seen().iter().all(|seen| seen.path == "/"), "{:?}", origin.seen());
}

async fn dig_from(gate: &Gate, from: Ipv4Addr, host: &str) -> String {
    dig(gate, &["-b", &from.to_string(), host, "A"]).await
}

/// Whose certificates a client takes.
#[derive(Clone, Copy)]
enum Trusts {
    /// The school's inspection authority's.
    School,
    /// The origins'.
    Origin,
}

/// A connection to a site, through the proxy.
struct Site {
    sender: http1::SendRequest<Empty<Bytes>>,
    authority: String,
}

async fn connect(gate: &Gate, from: Ipv4Addr, (host, port): (&'static str, u16), trusts: Trusts) -> Site {
    let authority = format!("{host}:{port}");
    let (stream, answer) = tunnel(gate, from, &authority).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{from}: {answer}");
    let root = match trusts {
        Trusts::School => CertificateDer::from_pem_file(gate.address("authority")).unwrap(),
        Trusts::Origin => gate.authority.der(),
    };
    let mut roots = rustls::RootCertStore::empty();
    roots.add(root).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from(host).unwrap();
    let stream = TlsConnector::from(Arc::new(tls)).connect(name, stream).await.unwrap();
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    Site { sender, authority }
}

/// Asks the proxy for a tunnel; the head of what it answers.
async fn tunnel(gate: &Gate, from: Ipv4Addr, authority: &str) -> (TcpStream, String) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    let proxy = gate.address("proxy").trim_start_matches("http://").parse().unwrap();
    let mut stream = socket.connect(proxy).await.unwrap();
    let head = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    (stream, String::from_utf8(answer).unwrap())
}

impl Site {
    async fn get(&mut self, path: &str) -> (StatusCode, String) {
        let request = Request::get(path).header("host", &self.authority).body(Empty::new()).unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        let status = response.status();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }
}
