//! What both peers need: a free port, a folder that is theirs, and patience until they listen.

use crate::error::BenchError;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpListener, TcpStream};
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};
use std::{fs, io};

const MOST_STARTING: Duration = Duration::from_secs(60);
const ASKING_AGAIN: Duration = Duration::from_millis(50);

/// A port of the loopback interface that nobody uses.
pub(crate) fn free_port() -> Result<u16, BenchError> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(BenchError::Socket)?;
    Ok(listener.local_addr().map_err(BenchError::Socket)?.port())
}

/// Runs a program to its end.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Result<(), BenchError> {
    let not_started = |source| BenchError::Start { program: program.to_owned(), source };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let ended = command.status().map_err(not_started)?;
    if ended.success() { Ok(()) } else { Err(not_started(io::Error::other(ended.to_string()))) }
}

/// Makes a folder and everything in it a user's, where we are root and a program changes to that user when it starts.
pub(crate) fn give_to(user: &str, folder: &Path) -> Result<(), BenchError> {
    let ours = fs::metadata(folder).map_err(BenchError::file(folder))?.uid();
    if ours != 0 {
        return Ok(());
    }
    run("chown", &["-R", user, &folder.to_string_lossy()])
}

/// Lets every user pass through a folder to those inside.
pub(crate) fn let_through(folder: &Path) -> Result<(), BenchError> {
    fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).map_err(BenchError::file(folder))
}

/// Waits until somebody listens.
pub(crate) fn until_listening(address: SocketAddrV4, program: &'static str) -> Result<(), BenchError> {
    let begun = Instant::now();
    while begun.elapsed() < MOST_STARTING {
        if TcpStream::connect_timeout(&SocketAddr::V4(address), ASKING_AGAIN).is_ok() {
            return Ok(());
        }
        thread::park_timeout(ASKING_AGAIN);
    }
    Err(BenchError::Silent { program: program.to_owned(), expected: "a port it listens on" })
}
