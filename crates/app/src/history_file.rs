//! A file that is handed over while it is written, a piece at a time.
//!
//! Left out: what is in it. Invariant: at most [`MOST_WAITING`] pieces wait for whoever takes them; a file that could not be
//! written to its end ends with the error, never as if it were whole.

use crate::AppError;
use std::io::{self, Write};
use tokio::sync::mpsc;

/// Pieces that wait to be taken.
const MOST_WAITING: usize = 4;
/// How long a piece is, about.
const PIECE_BYTES: usize = 64 << 10;

/// A file of history, to be taken from its beginning.
#[derive(Debug)]
pub struct HistoryFile {
    pieces: mpsc::Receiver<Result<Vec<u8>, AppError>>,
}

/// Where a file is written to.
pub(crate) struct Pieces {
    sender: mpsc::Sender<Result<Vec<u8>, AppError>>,
    piece: Vec<u8>,
}

impl HistoryFile {
    /// Begins to write a file, beside the tasks that answer.
    pub(crate) fn begin(write: impl FnOnce(Pieces) -> Result<(), AppError> + Send + 'static) -> Self {
        let (sender, pieces) = mpsc::channel(MOST_WAITING);
        tokio::task::spawn_blocking(move || {
            let out = Pieces { sender: sender.clone(), piece: Vec::with_capacity(PIECE_BYTES) };
            if let Err(error) = write(out) {
                // Nobody is there to be told where whoever asked has gone.
                let _ = sender.blocking_send(Err(error));
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
        let gone = |_| io::Error::new(io::ErrorKind::BrokenPipe, "nobody takes the file any more");
        self.sender.blocking_send(Ok(piece)).map_err(gone)
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
