//! The least that opens TLS: what one connection says in the clear goes into the other, and back. No HTTP, no rules, no
//! history, one thread. What it costs is what the system and TLS cost any proxy.
//!
//! It knows the sites alone, and closes on anything else: it is asked by the bench alone.

use super::origin::{self, acceptor};
use super::sites::{PORT, all};
use super::{authority, input_ended};
use crate::error::BenchError;
use crate::say;
use rustls::crypto::aws_lc_rs;
use rustls::{ClientConfig, RootCertStore};
use rustls_pki_types::ServerName;
use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::sync::Arc;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::{TlsAcceptor, TlsConnector};

/// Serves with the authority of one folder, trusting that of another, until the program's input ends.
pub(crate) fn serve(own: &Path, origins: &Path) -> Result<(), BenchError> {
    let sites = all().into_iter().map(|site| (site.name, site.address)).collect();
    let relay = Arc::new(Relay { acceptor: acceptor(own)?, connector: connector(origins)?, sites });
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(BenchError::Socket)?.block_on(async {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(BenchError::Socket)?;
        say::result(&format!("listening {}", listener.local_addr().map_err(BenchError::Socket)?));
        let ended = input_ended()?;
        loop {
            let accepted = tokio::select! {
                () = ended.cancelled() => return Ok(()),
                accepted = listener.accept() => accepted,
            };
            let (stream, _) = accepted.map_err(BenchError::Socket)?;
            let relay = Arc::clone(&relay);
            // A client that leaves is the client's to tell.
            tokio::spawn(async move { relay.carry(stream).await });
        }
    })
}

struct Relay {
    acceptor: TlsAcceptor,
    connector: TlsConnector,
    sites: HashMap<String, Ipv4Addr>,
}

impl Relay {
    async fn carry(&self, mut client: TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let Some((name, address)) = self.asked(&mut client).await? else { return Ok(()) };
        client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await?;
        let origin = TcpStream::connect(SocketAddrV4::new(address, PORT)).await?;
        origin.set_nodelay(true)?;
        let mut origin = self.connector.connect(name, origin).await?;
        let mut client = self.acceptor.accept(client).await?;
        tokio::io::copy_bidirectional(&mut client, &mut origin).await.map(drop)
    }

    /// The site that a CONNECT asks for.
    async fn asked(&self, client: &mut TcpStream) -> io::Result<Option<(ServerName<'static>, Ipv4Addr)>> {
        let mut head = Vec::with_capacity(1_024);
        while !head.ends_with(b"\r\n\r\n") {
            if head.len() > origin::MOST_HEAD_BYTES || client.read_buf(&mut head).await? == 0 {
                return Ok(None);
            }
        }
        let head = String::from_utf8_lossy(&head);
        let name = head.strip_prefix("CONNECT ").and_then(|rest| rest.split_once(':')).map(|(name, _)| name);
        let site = name.and_then(|name| Some((name, *self.sites.get(name)?)));
        Ok(site.and_then(|(name, address)| Some((ServerName::try_from(name.to_owned()).ok()?, address))))
    }
}

fn connector(origins: &Path) -> Result<TlsConnector, BenchError> {
    let mut roots = RootCertStore::empty();
    roots.add(authority::load(origins)?.certificate_der().clone())?;
    let mut tls = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    tls.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(TlsConnector::from(Arc::new(tls)))
}
