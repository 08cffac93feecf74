//! A PostgreSQL of a test's own: made in a temporary folder, reached over a Unix socket there, gone with the test.
//!
//! It comes from Debian's `postgresql` package and is never a system-wide one. PostgreSQL refuses to run as root, so a
//! test that is root hands the folder and the processes to the user `postgres`. Nothing is synchronised to disk.

use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// A running cluster with one empty database. Dropping it stops it and takes its folder away.
#[derive(Debug)]
pub struct Cluster {
    server: Child,
    folder: TempDir,
}

impl Cluster {
    /// Makes and starts a cluster; an error says what to install or what PostgreSQL said.
    pub fn start() -> Result<Self, String> {
        let programs = programs()?;
        let folder =
            TempDir::with_prefix("schoolgate-pg").map_err(|error| format!("no temporary folder: {error}"))?;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755))
            .map_err(|error| format!("cannot open the temporary folder to postgres: {error}"))?;
        make_folder(folder.path())?;
        let cluster_folder = folder.path().join("cluster");
        let mut initdb = as_postgres(&programs.join("initdb"));
        initdb.arg("--pgdata").arg(cluster_folder.join("files"));
        run(initdb.args([
            "--username=postgres",
            "--auth=trust",
            "--encoding=UTF8",
            "--locale=C",
            "--no-sync",
        ]))?;
        let mut postgres = as_postgres(&programs.join("postgres"));
        postgres.arg("-D").arg(cluster_folder.join("files")).arg("-k").arg(&cluster_folder);
        for setting in [
            "listen_addresses=",
            "fsync=off",
            "full_page_writes=off",
            "synchronous_commit=off",
            "max_connections=32",
        ] {
            postgres.arg("-c").arg(setting);
        }
        let mut server = postgres
            .current_dir("/")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start postgres: {error}"))?;
        wait_until_ready(&mut server)?;
        Ok(Self { server, folder })
    }

    /// The address of its database, as the store takes it.
    pub fn url(&self) -> String {
        format!(
            "postgres://postgres@localhost/postgres?host={}",
            self.folder.path().join("cluster").display()
        )
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // QUIT is PostgreSQL's immediate stop: its own processes go with it, which killing it would not see to.
        let stopped = Command::new("kill").arg("-QUIT").arg(self.server.id().to_string()).status();
        if !stopped.is_ok_and(|status| status.success()) {
            let _ = self.server.kill();
        }
        let _ = self.server.wait();
    }
}

/// Where Debian keeps the server's programs: the newest version that is installed.
fn programs() -> Result<PathBuf, String> {
    let missing = || "PostgreSQL is not installed: run `apt-get install -y postgresql`".to_owned();
    let versions = std::fs::read_dir("/usr/lib/postgresql").map_err(|_| missing())?;
    versions
        .filter_map(Result::ok)
        .map(|version| version.path().join("bin"))
        .filter(|programs| programs.join("initdb").exists())
        .max_by_key(|programs| {
            let version =
                programs.parent().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
            version.and_then(|version| version.parse::<u32>().ok())
        })
        .ok_or_else(missing)
}

/// The program, run by the user `postgres` when the test is root. `setpriv` becomes the program, so its process is ours.
fn as_postgres(program: &Path) -> Command {
    if !is_root() {
        return Command::new(program);
    }
    let mut command = Command::new("setpriv");
    command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(program);
    command
}

/// The folder for the cluster's files and its socket, owned by whoever runs it.
fn make_folder(inside: &Path) -> Result<(), String> {
    let mut install = Command::new("install");
    install.args(["-d", "-m", "0700"]);
    if is_root() {
        install.args(["-o", "postgres", "-g", "postgres"]);
    }
    run(install.arg(inside.join("cluster")))
}

fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

fn run(command: &mut Command) -> Result<(), String> {
    let output =
        command.current_dir("/").output().map_err(|error| format!("cannot run {command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!("{command:?} failed: {}", String::from_utf8_lossy(&output.stderr)))
}

/// Reads what the server says until it takes connections, and goes on reading so that it never waits for us.
fn wait_until_ready(server: &mut Child) -> Result<(), String> {
    let Some(stderr) = server.stderr.take() else { return Err("postgres has no standard error".to_owned()) };
    let mut said = String::new();
    let mut lines = BufReader::new(stderr);
    loop {
        let mut line = String::new();
        match lines.read_line(&mut line) {
            Ok(0) | Err(_) => {
                let _ = server.wait();
                return Err(format!("postgres ended before it was ready: {said}"));
            }
            Ok(_) => said.push_str(&line),
        }
        if line.contains("ready to accept connections") {
            break;
        }
    }
    std::thread::spawn(move || {
        let mut rest = lines.into_inner();
        let mut buffer = [0; 4096];
        while matches!(rest.read(&mut buffer), Ok(bytes) if bytes > 0) {}
    });
    Ok(())
}
