//! Scanning by an ICAP service (RFC 3507): the file as the body of an answer that the service may modify (RESPMOD).
//!
//! Everything but "no modification needed" is taken as a refusal: services put a page of their own in an infected file's
//! place. What the service is told of the answer is made up, since it needs nothing else to read a file.
//!
//! Left out: previews, several files on one connection, TLS.

use super::clamd::{early, shown};
use super::{Finding, ScanFault};
use crate::icap::{StatusLine, read_status};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter};
use tokio::net::TcpStream;

/// The longest head of an answer.
const MOST_HEAD_BYTES: usize = 32 * 1024;
const ASKED: &str = "GET http://file.invalid/ HTTP/1.1\r\nHost: file.invalid\r\n\r\n";
const ANSWERED: &str =
    "HTTP/1.1 200 OK\r\nContent-Type: application/octet-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
/// Fields in which services name what they found, the first that is there counts.
const NAMES: [&str; 4] = ["x-infection-found", "x-virus-id", "x-virus-name", "x-violations-found"];

/// A file on its way into a service.
pub(super) struct IcapSession {
    stream: BufWriter<TcpStream>,
}

impl IcapSession {
    /// Begins with the service at `host:port` and this path.
    pub(super) async fn at(authority: &str, path: &str) -> Result<Self, ScanFault> {
        let stream = TcpStream::connect(authority).await.map_err(|_| ScanFault::Away)?;
        let mut stream = BufWriter::with_capacity(32 * 1024, stream);
        let (response, body) = (ASKED.len(), ASKED.len() + ANSWERED.len());
        let head = format!(
            "RESPMOD icap://{authority}{path} ICAP/1.0\r\nHost: {authority}\r\nAllow: 204\r\nConnection: close\r\n\
             Encapsulated: req-hdr=0, res-hdr={response}, res-body={body}\r\n\r\n{ASKED}{ANSWERED}"
        );
        stream.write_all(head.as_bytes()).await.map_err(|_| ScanFault::Away)?;
        Ok(Self { stream })
    }

    /// Gives it the next bytes. Where it hangs up, the answer says why: malware by its name, or a fault.
    pub(super) async fn feed(&mut self, bytes: &[u8]) -> Result<Option<Box<str>>, ScanFault> {
        let written = async {
            self.stream.write_all(format!("{:x}\r\n", bytes.len()).as_bytes()).await?;
            self.stream.write_all(bytes).await?;
            self.stream.write_all(b"\r\n").await
        };
        match written.await {
            Ok(()) => Ok(None),
            Err(_) => early(self.answer().await).map(Some),
        }
    }

    /// Ends the file and takes the answer.
    pub(super) async fn finish(mut self) -> Result<Finding, ScanFault> {
        let written = async {
            self.stream.write_all(b"0\r\n\r\n").await?;
            self.stream.flush().await
        };
        match written.await {
            Ok(()) => self.answer().await,
            Err(_) => early(self.answer().await).map(Finding::Infected),
        }
    }

    async fn answer(&mut self) -> Result<Finding, ScanFault> {
        let mut head = Vec::new();
        loop {
            let mut room = [0; 1_024];
            match self.stream.read(&mut room).await {
                Ok(0) | Err(_) => return Err(ScanFault::Answer),
                Ok(count) => head.extend_from_slice(room.get(..count).unwrap_or_default()),
            }
            if let Some(answer) = read_status(&head) {
                return finding(&answer);
            }
            if head.len() > MOST_HEAD_BYTES {
                return Err(ScanFault::Answer);
            }
        }
    }
}

fn finding(answer: &StatusLine) -> Result<Finding, ScanFault> {
    match answer.status {
        204 => Ok(Finding::Clean),
        200 => {
            let named = NAMES.iter().find_map(|name| {
                let (_, value) = answer.fields.iter().find(|(field, _)| field.eq_ignore_ascii_case(name))?;
                let threat = value.split(';').find_map(|part| part.trim().strip_prefix("Threat="));
                Some(threat.unwrap_or(value))
            });
            Ok(Finding::Infected(shown(named.unwrap_or("refused by the scanner").trim().as_bytes())))
        }
        _ => Err(ScanFault::Answer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_tells_whether_and_what_was_found() {
        for (head, expected) in [
            ("ICAP/1.0 204 Unmodified\r\nISTag: \"x\"\r\n\r\n", Ok(Finding::Clean)),
            (
                "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Bad.Test;\r\n\r\nmore",
                Ok(Finding::Infected("Bad.Test".into())),
            ),
            (
                "ICAP/1.0 200 OK\r\nX-Other: 1\r\n\t-\r\n\t0\r\nX-Virus-ID: Bad\r\n\r\n",
                Ok(Finding::Infected("Bad".into())),
            ),
            ("ICAP/1.0 200 OK\r\nX-Virus-ID: Bad\r\n\r\n", Ok(Finding::Infected("Bad".into()))),
            ("ICAP/1.0 200 OK\r\n\r\n", Ok(Finding::Infected("refused by the scanner".into()))),
            ("ICAP/1.0 500 Error\r\n\r\n", Err(ScanFault::Answer)),
        ] {
            assert_eq!(finding(&read_status(head.as_bytes()).unwrap()), expected, "{head}");
        }
        assert!(read_status(b"ICAP/1.0 204 Unmod").is_none());
    }
}
