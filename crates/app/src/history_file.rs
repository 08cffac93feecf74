//! A file that is handed over while it is written, a piece at a time.
//!
//! Left out: what is in it. Invariants: at most [`MOST_WAITING`] pieces wait for whoever takes them; nobody keeps one from
//! being written for longer than [`Patience`] allows; a file that could not be written to its end ends with the error, never
//! as if it were whole.

use crate::AppError;
use std::io::{self, Write};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

/// Pieces that wait to be taken.
const MOST_WAITING: usize = 4;
/// How long a piece is, about.
const PIECE_BYTES: usize = 64 << 10;

/// How long a file waits for whoever takes it: few files are made at once, and a slow reader must not keep others from theirs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Patience {
    /// For one piece.
    pub(crate) piece: Duration,
    /// For the whole file.
    pub(crate) whole: Duration,
}

impl Patience {
    /// A file of 100,000 rows, some 25 MB, comes in time over 1 Mbit/s.
    pub(crate) const USUAL: Self = Self { piece: Duration::from_secs(20), whole: Duration::from_secs(240) };
}

/// A file of history, to be taken from its beginning.
#[derive(Debug)]
pub struct HistoryFile {
    pieces: mpsc::Receiver<Result<Vec<u8>, AppError>>,
}

/// Where a file is written to.
pub(crate) struct Pieces {
    sender: mpsc::Sender<Result<Vec<u8>, AppError>>,
    piece: Vec<u8>,
    patience: Patience,
    /// When the whole file must be taken.
    ends: Instant,
    runtime: Handle,
}

impl HistoryFile {
    /// Begins to write a file, beside the tasks that answer.
    pub(crate) fn begin(
        patience: Patience,
        write: impl FnOnce(Pieces) -> Result<(), AppError> + Send + 'static,
    ) -> Self {
        let (sender, pieces) = mpsc::channel(MOST_WAITING);
        let (ends, runtime) = (Instant::now() + patience.whole, Handle::current());
        tokio::task::spawn_blocking(move || {
            let piece = Vec::with_capacity(PIECE_BYTES);
            let out = Pieces { sender: sender.clone(), piece, patience, ends, runtime: runtime.clone() };
            if let Err(error) = write(out) {
                // Nobody is there to be told where whoever asked has gone, or takes nothing any more.
                let told = timeout_at(Instant::now() + patience.piece, sender.send(Err(error)));
                let _ = runtime.block_on(told);
            }
        });
        Self { pieces }
    }

    /// The next piece; `None` at the end of a whole file.
    ///
    /// # Errors
    /// What kept it from being written; nothing comes after it.
    pub async fn next(&mut self) -> Option<Result<Vec<u8>, AppError>> {
        self.pieces.recv().await
    }
}

impl Pieces {
    fn hand_over(&mut self) -> io::Result<()> {
        if self.piece.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.piece, Vec::with_capacity(PIECE_BYTES));
        let (now, slow) =
            (Instant::now(), || io::Error::new(io::ErrorKind::TimedOut, "the file is taken too slowly"));
        if now >= self.ends {
            return Err(slow());
        }
        let ends = self.ends.min(now + self.patience.piece);
        match self.runtime.block_on(timeout_at(ends, self.sender.send(Ok(piece)))) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the file any more")),
            Err(_) => Err(slow()),
        }
    }
}

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.extend_from_slice(bytes);
        if self.piece.len() >= PIECE_BYTES {
            self.hand_over()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.hand_over()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    fn endless(mut out: Pieces) -> io::Error {
        loop {
            if let Err(error) = out.write_all(&[7; PIECE_BYTES]) {
                return error;
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_nobody_takes_or_that_is_taken_too_slowly_ends() {
        let short = Duration::from_millis(20);
        for (patience, taken) in [
            (Patience { piece: short, whole: Duration::from_secs(60) }, 3),
            (Patience { piece: Duration::from_secs(60), whole: short }, usize::MAX),
        ] {
            let (told, ended) = oneshot::channel();
            let mut file = HistoryFile::begin(patience, move |out| {
                let error = endless(out);
                told.send(error.kind()).unwrap();
                Err(AppError::failed(error.to_string()))
            });
            let mut pieces = 0;
            while pieces < taken
                && let Some(Ok(_)) = file.next().await
            {
                pieces += 1;
            }
            // One that is taken as fast as can be may also find its time over between two pieces.
            assert_eq!(ended.await.unwrap(), io::ErrorKind::TimedOut);
        }
    }
}
