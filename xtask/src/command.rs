//! Running other programs, and hearing how they ended.

use crate::failure::Failure;
use crate::place;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

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
/// Both go through one pipe, so that they keep their order.
pub fn follow(mut command: Command, line: &mut dyn FnMut(&str)) -> Result<bool, Failure> {
    let (reader, writer) = std::io::pipe().map_err(|error| not_started(&command, &error))?;
    let second = writer.try_clone().map_err(|error| not_started(&command, &error))?;
    let mut child =
        command.stdout(writer).stderr(second).spawn().map_err(|error| not_started(&command, &error))?;
    let name = words(&command);
    // The command still holds the writing ends; without this the pipe would never close.
    drop(command);
    let mut reader = BufReader::new(reader);
    let mut bytes = Vec::new();
    loop {
        bytes.clear();
        match reader.read_until(b'\n', &mut bytes) {
            Ok(0) => break,
            Ok(_) => line(String::from_utf8_lossy(&bytes).trim_end()),
            Err(error) => return Err(Failure::new(format!("{name}: could not read its output: {error}"))),
        }
    }
    let status = child.wait().map_err(|error| Failure::new(format!("{name}: {error}")))?;
    Ok(status.success())
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
    fn a_program_that_is_not_there_is_named() {
        let failure = run(command("no-such-program", &["--now"])).unwrap_err();
        assert!(failure.to_string().contains("no-such-program --now"), "{failure}");
        assert!(is_there("sh") && !is_there("no-such-program"));
    }
}
