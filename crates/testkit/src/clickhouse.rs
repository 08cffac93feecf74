//! A ClickHouse of a test's own: its engine (the module chdb) in a process of `python3`, behind a small front that takes what
//! the server's HTTP interface takes. What the front does not imitate stands at the head of `clickhouse.py`.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

const FRONT: &str = include_str!("clickhouse.py");
const USER: &str = "schoolgate";
const PASSWORD: &str = "a password of tests";

/// A running engine with no database but its own. Dropping it stops it and takes its folder away.
#[derive(Debug)]
pub struct ClickHouse {
    server: Option<Child>,
    folder: TempDir,
    port: u16,
}

impl ClickHouse {
    /// Starts an engine; an error says what to install or what it said.
    pub fn start() -> Result<Self, String> {
        let folder =
            TempDir::with_prefix("schoolgate-ch").map_err(|error| format!("no temporary folder: {error}"))?;
        let mut engine = Self { server: None, folder, port: 0 };
        engine.start_again()?;
        Ok(engine)
    }

    /// Kills it, as a power cut would but for what the system still holds.
    pub fn kill(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// Starts it again, at the same address and with what it held.
    pub fn start_again(&mut self) -> Result<(), String> {
        self.kill();
        let mut command = Command::new("python3");
        command.args(["-c", FRONT]).arg(self.folder.path()).args([&self.port.to_string(), USER, PASSWORD]);
        command.env("PYTHONPATH", packages()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut server = command
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("cannot start python3: {error}"))?;
        let mut line = String::new();
        if let Some(output) = server.stdout.take() {
            let _ = BufReader::new(output).read_line(&mut line);
        }
        let Ok(port) = line.trim().parse() else {
            let _ = server.kill();
            let mut said = String::new();
            if let Some(mut errors) = server.stderr.take() {
                let _ = errors.read_to_string(&mut said);
            }
            let _ = server.wait();
            return Err(format!("ClickHouse's engine did not start (`cargo xtask test` fetches it): {said}"));
        };
        (self.port, self.server) = (port, Some(server));
        Ok(())
    }

    /// Its address.
    pub fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Its user and their password.
    pub fn login(&self) -> (&'static str, &'static str) {
        (USER, PASSWORD)
    }

    /// Readies a mishap for the next insert of events; the kinds stand in `clickhouse.py`.
    pub fn fault(&self, kind: &str) -> Result<(), String> {
        self.post(&format!("/fault?kind={kind}"), "").map(drop)
    }

    /// Does the insert that was late; what the engine said.
    pub fn go(&self) -> Result<String, String> {
        self.post("/go", "")
    }

    /// Runs a statement; what it gave, as text with tabs.
    pub fn ask(&self, sql: &str) -> Result<String, String> {
        self.post("/?default_format=TabSeparated", sql)
    }

    fn post(&self, path: &str, body: &str) -> Result<String, String> {
        let failed = |error: std::io::Error| format!("the engine does not answer: {error}");
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).map_err(failed)?;
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-ClickHouse-User: {USER}\r\n\
             X-ClickHouse-Key: {PASSWORD}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).map_err(failed)?;
        let mut said = Vec::new();
        stream.read_to_end(&mut said).map_err(failed)?;
        let said = String::from_utf8_lossy(&said);
        let (head, body) = said.split_once("\r\n\r\n").ok_or("the engine's answer is no HTTP")?;
        match head.starts_with("HTTP/1.1 200") {
            true => Ok(body.to_owned()),
            false => Err(body.to_owned()),
        }
    }
}

impl Drop for ClickHouse {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Where `cargo xtask test` keeps the packages where the system's Python has none.
pub fn packages() -> PathBuf {
    let home = std::env::var_os("HOME").map_or_else(std::env::temp_dir, PathBuf::from);
    home.join(".cache/schoolgate/chdb-26.9.0")
}
