//! Scanning by an ICAP service (RFC 3507): the file as the body of an answer that the service may modify (RESPMOD).
//!
//! A file passes by "no modification needed" (204), or where the service gives it back byte for byte, as services do that have
//! begun to answer before they were done. Everything else is taken as a refusal: services put a page of their own in an
//! infected file's place. What the service is told of the answer is made up, since it needs nothing else to read a file.
//!
//! Left out: previews, several files on one connection, TLS.

mod answer;

use super::clamd::early;
use super::{Finding, ScanFault};
use answer::{Answer, REFUSED, Said};
use sha2::{Digest as _, Sha256};
use std::io;
use std::pin::pin;
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

/// Read at once.
const PIECE_BYTES: usize = 16 * 1024;
const ASKED: &str = "GET http://file.invalid/ HTTP/1.1\r\nHost: file.invalid\r\n\r\n";
const ANSWERED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

/// A file on its way into a service.
pub(super) struct IcapSession {
    reading: OwnedReadHalf,
    writing: BufWriter<OwnedWriteHalf>,
    /// Of the file, as far as it was sent.
    sent: Sha256,
    answer: Answer,
    room: Vec<u8>,
}

impl IcapSession {
    /// Begins with the service at `host:port` and this path.
    pub(super) async fn at(authority: &str, path: &str) -> Result<Self, ScanFault> {
        let stream = TcpStream::connect(authority).await.map_err(|_| ScanFault::Away)?;
        let (reading, writing) = stream.into_split();
        let mut writing = BufWriter::with_capacity(32 * 1024, writing);
        let (response, body) = (ASKED.len(), ASKED.len() + ANSWERED.len());
        let head = format!(
            "RESPMOD icap://{authority}{path} ICAP/1.0\r\nHost: {authority}\r\nAllow: 204\r\nConnection: close\r\n\
             Encapsulated: req-hdr=0, res-hdr={response}, res-body={body}\r\n\r\n{ASKED}{ANSWERED}"
        );
        writing.write_all(head.as_bytes()).await.map_err(|_| ScanFault::Away)?;
        let (sent, answer) = (Sha256::new(), Answer::default());
        Ok(Self { reading, writing, sent, answer, room: Vec::with_capacity(PIECE_BYTES) })
    }

    /// Gives it the next bytes. Where it has answered already, the answer says why: malware by its name, or a fault.
    pub(super) async fn feed(&mut self, bytes: &[u8]) -> Result<Option<Box<str>>, ScanFault> {
        self.sent.update(bytes);
        let size = format!("{:x}\r\n", bytes.len());
        let written = self.write(&[size.as_bytes(), bytes, b"\r\n"]).await;
        if written.is_ok() && !self.answer.is_over() {
            return Ok(None);
        }
        early(self.finding().await).map(Some)
    }

    /// Ends the file and takes the answer.
    pub(super) async fn finish(mut self) -> Result<Finding, ScanFault> {
        match self.write(&[b"0\r\n\r\n"]).await {
            Ok(()) if !self.answer.is_over() => self.finding().await,
            _ => early(self.finding().await).map(Finding::Infected),
        }
    }

    /// Writes to the service and takes in what it says meanwhile, so that one that gives the file back as it comes does not
    /// stand still. Over as well when the answer is.
    async fn write(&mut self, pieces: &[&[u8]]) -> io::Result<()> {
        let Self { reading, writing, answer, room, .. } = self;
        let mut work = pin!(async {
            for piece in pieces {
                writing.write_all(piece).await?;
            }
            writing.flush().await
        });
        while !answer.is_over() {
            tokio::select! {
                biased;
                written = work.as_mut() => return written,
                read = reading.read_buf(room) => answer.came(read, room),
            }
        }
        Ok(())
    }

    /// The answer, once it is whole.
    async fn finding(&mut self) -> Result<Finding, ScanFault> {
        loop {
            match self.answer.said() {
                None => {
                    let read = self.reading.read_buf(&mut self.room).await;
                    self.answer.came(read, &mut self.room);
                }
                Some(Said::Fault) => return Err(ScanFault::Answer),
                Some(Said::Clean) => return Ok(Finding::Clean),
                Some(Said::Infected(name)) => return Ok(Finding::Infected(name.clone())),
                Some(Said::Gave(back)) => {
                    let is_the_file = back[..] == self.sent.clone().finalize()[..];
                    return Ok(if is_the_file { Finding::Clean } else { Finding::Infected(REFUSED.into()) });
                }
            }
        }
    }
}
