//! Running other programs, and hearing how they ended.

use crate::failure::Failure;
use crate::place;
use std::io::{BufRead, BufReader, PipeReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

/// A program with its arguments, in the root of the checkout.
pub fn command(program: &str, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(place::root());
    command
}

/// Cargo with its arguments, in the root of the checkout.
pub fn cargo(arguments: &[&str]) -> Command {
    command(&place::cargo(), arguments)
}

/// True when a program of this name is on the `PATH`.
pub fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

/// Runs it to its end, with this program's own output; an error when it fails.
pub fn run(mut command: Command) -> Result<(), Failure> {
    let status = command.status().map_err(|error| not_started(&command, &error))?;
    if status.success() { Ok(()) } else { Err(Failure::new(format!("{}: {status}", words(&command)))) }
}

/// Runs it to its end; what it wrote to its standard output. An error when it fails.
pub fn output(mut command: Command) -> Result<String, Failure> {
    let output = command.stderr(Stdio::inherit()).output().map_err(|error| not_started(&command, &error))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(Failure::new(format!("{}: {}", words(&command), output.status)))
    }
}

/// Runs it to its end, handing over each line of both outputs as it comes; true when it succeeded.
///
/// Both go through one pipe, so that they keep their order. A process that the program leaves behind may hold the pipe
/// open for ever, so that once the program has ended, half a second without a line is the end too.
pub fn follow(mut command: Command, line: &mut dyn FnMut(&str)) -> Result<bool, Failure> {
    let (reader, writer) = std::io::pipe().map_err(|error| not_started(&command, &error))?;
    let second = writer.try_clone().map_err(|error| not_started(&command, &error))?;
    let spawned = command.stdout(writer).stderr(second).spawn();
    let mut child = spawned.map_err(|error| not_started(&command, &error))?;
    let name = words(&command);
    // The command still holds the writing ends; without this the pipe would never close.
    drop(command);
    let lines = lines_of(reader);
    let mut ended = None;
    loop {
        match lines.recv_timeout(Duration::from_millis(500)) {
            Ok(text) => line(&text),
            Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) if ended.is_some() => break,
            Err(RecvTimeoutError::Timeout) => {
                ended = child.try_wait().map_err(|error| Failure::new(format!("{name}: {error}")))?;
            }
        }
    }
    let status = child.wait().map_err(|error| Failure::new(format!("{name}: {error}")))?;
    Ok(status.success())
}

/// Reads lines on a thread of its own, until the pipe closes or nobody listens.
fn lines_of(reader: PipeReader) -> Receiver<String> {
    let (sender, lines) = sync_channel(1024);
    std::thread::spawn(move || {
        let mut reader = BufReader::new(reader);
        let mut bytes = Vec::new();
        while reader.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            if sender.send(String::from_utf8_lossy(&bytes).trim_end().to_owned()).is_err() {
                break;
            }
            bytes.clear();
        }
    });
    lines
}

/// The command in this folder instead.
pub fn within(mut command: Command, folder: &Path) -> Command {
    command.current_dir(folder);
    command
}

/// The error of a program that could not even be started.
pub fn not_started(command: &Command, error: &std::io::Error) -> Failure {
    Failure::new(format!("could not start `{}`: {error}", words(command)))
}

fn words(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_outputs_are_followed_to_the_end_and_the_failure_is_heard() {
        let mut lines = Vec::new();
        let shell = command("sh", &["-c", "echo out; echo err >&2; exit 3"]);
        assert!(!follow(shell, &mut |line| lines.push(line.to_owned())).unwrap());
        assert_eq!(lines, ["out", "err"]);
    }

    #[test]
    fn a_process_that_is_left_behind_does_not_hold_up_the_end() {
        let mut lines = Vec::new();
        let shell = command("sh", &["-c", "sleep 20 & echo $!"]);
        assert!(follow(shell, &mut |line| lines.push(line.to_owned())).unwrap());
        run(command("kill", &[&lines[0]])).unwrap();
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let failure = run(command("no-such-program", &["--now"])).unwrap_err();
        assert!(failure.to_string().contains("no-such-program --now"), "{failure}");
        assert!(is_there("sh") && !is_there("no-such-program"));
    }
}
