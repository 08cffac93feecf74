//! The lines that a test's own thread logs, as an operator reads them.

use std::io::{Result, Write};
use std::sync::{Arc, Mutex};
use tracing::subscriber::DefaultGuard;

/// What was logged since it was made; it listens until it is dropped.
pub struct Log {
    bytes: Bytes,
    _listening: DefaultGuard,
}

#[derive(Clone, Default)]
struct Bytes(Arc<Mutex<Vec<u8>>>);

impl Log {
    pub fn listen() -> Self {
        let bytes = Bytes::default();
        let writer = bytes.clone();
        let lines = tracing_subscriber::fmt().with_writer(move || writer.clone());
        let subscriber = lines.with_ansi(false).without_time().finish();
        Self { bytes, _listening: tracing::subscriber::set_default(subscriber) }
    }

    /// The lines with these words, each as its level, its message and its fields.
    pub fn with(&self, words: &str) -> Vec<String> {
        let text = String::from_utf8(self.bytes.0.lock().unwrap().clone()).unwrap();
        text.lines().filter(|line| line.contains(words)).map(|line| line.trim().to_owned()).collect()
    }
}

impl Write for Bytes {
    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> Result<()> {
        Ok(())
    }
}
