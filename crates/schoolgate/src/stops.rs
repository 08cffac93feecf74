//! Who asks the program to stop: Ctrl-C, or the service manager.

use crate::error::ProgramError;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals that ask a gate to stop.
///
/// They are listened for before anything starts: one that comes while the gate starts ends it as cleanly as any other.
pub(crate) struct Stops {
    interrupt: Signal,
    terminate: Signal,
}

impl Stops {
    pub(crate) fn listen() -> Result<Self, ProgramError> {
        let signals = |source| ProgramError::Part { part: "signals", words: format!("{source}") };
        Ok(Self {
            interrupt: signal(SignalKind::interrupt()).map_err(signals)?,
            terminate: signal(SignalKind::terminate()).map_err(signals)?,
        })
    }

    /// Waits until somebody asks.
    pub(crate) async fn asked(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
