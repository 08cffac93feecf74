//! ClamAV's daemon, by its command INSTREAM (clamd(8)): pieces with their length in front, then a length of nothing, then
//! one line of answer.
//!
//! Left out: sessions of several files, other commands.

use super::{Finding, ScanFault};
use std::io;
use std::path::Path;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

const COMMAND: &[u8] = b"zINSTREAM\0";
/// The longest answer that is read.
const MOST_ANSWER_BYTES: usize = 1_024;
/// The longest name of a signature that is kept.
const MOST_NAME_BYTES: usize = 120;

/// A file on its way into `clamd`.
pub(super) struct ClamdSession {
    wire: Wire,
}

enum Wire {
    Socket(UnixStream),
    Tcp(TcpStream),
}

impl ClamdSession {
    /// Begins with a daemon of this machine.
    pub(super) async fn at_socket(path: &Path) -> Result<Self, ScanFault> {
        Self::begin(Wire::Socket(UnixStream::connect(path).await.map_err(|_| ScanFault::Away)?)).await
    }

    /// Begins with a daemon elsewhere.
    pub(super) async fn at(authority: &str) -> Result<Self, ScanFault> {
        let stream = TcpStream::connect(authority).await.map_err(|_| ScanFault::Away)?;
        // A socket that refuses still works.
        let _ = stream.set_nodelay(true);
        Self::begin(Wire::Tcp(stream)).await
    }

    async fn begin(mut wire: Wire) -> Result<Self, ScanFault> {
        wire.write(COMMAND).await.map_err(|_| ScanFault::Away)?;
        Ok(Self { wire })
    }

    /// Gives it the next bytes. Where it hangs up, the answer says why: malware by its name, or a fault.
    pub(super) async fn feed(&mut self, bytes: &[u8]) -> Result<Option<Box<str>>, ScanFault> {
        let Ok(length) = u32::try_from(bytes.len()) else { return Err(ScanFault::Larger) };
        if length == 0 {
            return Ok(None);
        }
        let written = async {
            self.wire.write(&length.to_be_bytes()).await?;
            self.wire.write(bytes).await
        };
        match written.await {
            Ok(()) => Ok(None),
            Err(_) => early(self.answer().await).map(Some),
        }
    }

    /// Ends the file and takes the answer.
    pub(super) async fn finish(mut self) -> Result<Finding, ScanFault> {
        match self.wire.write(&[0; 4]).await {
            Ok(()) => self.answer().await,
            Err(_) => early(self.answer().await).map(Finding::Infected),
        }
    }

    async fn answer(&mut self) -> Result<Finding, ScanFault> {
        let mut line = Vec::new();
        while line.last() != Some(&0) && line.len() < MOST_ANSWER_BYTES {
            let mut room = [0; 256];
            match self.wire.read(&mut room).await {
                Ok(0) | Err(_) => break,
                Ok(count) => line.extend_from_slice(room.get(..count).unwrap_or_default()),
            }
        }
        read_answer(&line)
    }
}

impl Wire {
    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Socket(stream) => stream.write_all(bytes).await,
            Self::Tcp(stream) => stream.write_all(bytes).await,
        }
    }

    async fn read(&mut self, room: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Socket(stream) => stream.read(room).await,
            Self::Tcp(stream) => stream.read(room).await,
        }
    }
}

/// What a scanner says that hung up before the end of a file: that it found something stands, and that it found nothing
/// does not, since it did not see everything.
pub(super) fn early(answer: Result<Finding, ScanFault>) -> Result<Box<str>, ScanFault> {
    match answer? {
        Finding::Infected(name) => Ok(name),
        Finding::Clean => Err(ScanFault::Answer),
    }
}

/// `stream: OK`, `stream: NAME FOUND`, or `... ERROR`.
fn read_answer(line: &[u8]) -> Result<Finding, ScanFault> {
    let line = line.split(|byte| matches!(byte, 0 | b'\n')).next().unwrap_or_default();
    let said = line.strip_prefix(b"stream: ").unwrap_or(line);
    if said == b"OK" {
        return Ok(Finding::Clean);
    }
    if let Some(name) = said.strip_suffix(b" FOUND") {
        // A limit of its own that the inside of a file went past is no malware, and not the file's own length either.
        if name.starts_with(b"Heuristics.Limits.Exceeded") {
            return Err(ScanFault::Bomb);
        }
        return Ok(Finding::Infected(shown(name)));
    }
    if said.starts_with(b"INSTREAM size limit exceeded") {
        return Err(ScanFault::Larger);
    }
    Err(ScanFault::Answer)
}

/// A name from outside, cut, with nothing in it but letters that are shown.
pub(super) fn shown(name: &[u8]) -> Box<str> {
    let letters = name.iter().take(MOST_NAME_BYTES);
    letters
        .map(|byte| if byte.is_ascii_graphic() || *byte == b' ' { char::from(*byte) } else { '?' })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn answers_are_read() {
        for (line, expected) in [
            (&b"stream: OK\0"[..], Ok(Finding::Clean)),
            (b"stream: Win.Test-1 FOUND\0", Ok(Finding::Infected("Win.Test-1".into()))),
            (b"stream: A\x1b[1m FOUND\n", Ok(Finding::Infected("A?[1m".into()))),
            (b"INSTREAM size limit exceeded. ERROR\0", Err(ScanFault::Larger)),
            (b"stream: Heuristics.Limits.Exceeded.MaxFileSize FOUND\0", Err(ScanFault::Bomb)),
            (b"stream: Can't allocate memory ERROR\0", Err(ScanFault::Answer)),
            (b"", Err(ScanFault::Answer)),
        ] {
            assert_eq!(read_answer(line), expected, "{}", String::from_utf8_lossy(line));
        }
    }

    #[tokio::test]
    async fn malware_stands_that_it_names_before_it_hangs_up_and_nothing_else_does() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("socket");
        let listener = tokio::net::UnixListener::bind(&path).unwrap();
        for (said, expected) in [
            (&b"stream: Win.Test-1 FOUND\0"[..], Ok(Some(Box::<str>::from("Win.Test-1")))),
            (b"stream: OK\0", Err(ScanFault::Answer)),
        ] {
            let mut session = ClamdSession::at_socket(&path).await.unwrap();
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(said).await.unwrap();
            drop(stream);
            assert_eq!(session.feed(b"more").await, expected);
        }
    }

    proptest! {
        #[test]
        fn any_answer_is_read(line in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read_answer(&line);
            prop_assert!(shown(&line).len() <= MOST_NAME_BYTES);
        }
    }
}
