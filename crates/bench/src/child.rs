//! Programs beside the bench: started on cores of their own, spoken to in lines, ended when they are let go.

use crate::error::BenchError;
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;
use std::time::Duration;

/// Lines that may wait to be read.
const MOST_LINES: usize = 1_024;

/// A running program.
pub(crate) struct Program {
    name: String,
    child: Child,
    input: Option<ChildStdin>,
    lines: Receiver<String>,
}

impl Program {
    /// This program once more, with other arguments.
    pub(crate) fn own(cores: &str, arguments: &[&str]) -> Result<Self, BenchError> {
        let own = std::env::current_exe().map_err(|source| not_started("bench", source))?;
        let mut command = on_cores(cores, &own.to_string_lossy());
        command.args(arguments);
        Self::start(command, arguments.first().unwrap_or(&"bench"))
    }

    /// Another program.
    pub(crate) fn other(cores: &str, program: &str, arguments: &[&str]) -> Result<Self, BenchError> {
        let mut command = on_cores(cores, program);
        command.args(arguments);
        Self::start(command, program)
    }

    fn start(mut command: Command, name: &str) -> Result<Self, BenchError> {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|source| not_started(name, source))?;
        let (sender, lines) = sync_channel(MOST_LINES);
        if let Some(output) = child.stdout.take() {
            let read = move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    if sender.send(line).is_err() {
                        return;
                    }
                }
            };
            let spawned = thread::Builder::new().name("lines".into()).spawn(read);
            spawned.map_err(|source| not_started(name, source))?;
        }
        let input = child.stdin.take();
        Ok(Self { name: name.to_owned(), child, input, lines })
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Tells it something.
    pub(crate) fn tell(&mut self, line: &str) -> Result<(), BenchError> {
        let silent = |expected| BenchError::Silent { program: self.name.clone(), expected };
        let input = self.input.as_mut().ok_or_else(|| silent("an open input"))?;
        writeln!(input, "{line}").and_then(|()| input.flush()).map_err(|_| silent("an open input"))
    }

    /// What its next line says behind `word`; other lines before it are passed over.
    pub(crate) fn hear(&self, word: &'static str, most: Duration) -> Result<String, BenchError> {
        while let Ok(line) = self.lines.recv_timeout(most) {
            if let Some(rest) = line.strip_prefix(word) {
                return Ok(rest.trim().to_owned());
            }
        }
        Err(BenchError::Silent { program: self.name.clone(), expected: word })
    }

    /// The number that its next line gives behind `word`.
    pub(crate) fn hear_number(&self, word: &'static str, most: Duration) -> Result<f64, BenchError> {
        let said = self.hear(word, most)?;
        let program = self.name.clone();
        said.parse().map_err(|_| BenchError::Said { program, expected: "a number", found: said })
    }

    /// What its next line says behind `word`, if it has said so already.
    pub(crate) fn heard(&self, word: &str) -> Option<String> {
        self.lines.try_iter().find_map(|line| line.strip_prefix(word).map(|rest| rest.trim().to_owned()))
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn on_cores(cores: &str, program: &str) -> Command {
    let mut command = Command::new("taskset");
    command.args(["--cpu-list", cores, program]);
    command
}

fn not_started(program: &str, source: std::io::Error) -> BenchError {
    BenchError::Start { program: program.to_owned(), source }
}
