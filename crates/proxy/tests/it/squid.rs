//! Debian's Squid, which asks an ICAP server about everything and lets nobody by without an answer.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

/// Takes any password.
const SIGN_IN: &str = "/usr/lib/squid/basic_fake_auth";

pub struct Squid {
    port: u16,
    _folder: tempfile::TempDir,
    _program: Child,
}

/// What it gave for a request.
pub struct Given {
    pub status: u16,
    pub body: Vec<u8>,
    /// As long as it said.
    pub is_whole: bool,
}

impl Given {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Squid {
    /// Set up as `docs/scanning.md` says, with people who sign in.
    pub async fn start(icap: SocketAddr) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        // Squid takes no port of the system's choice; what was free is free for a moment.
        let port = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
        std::fs::write(at("hosts"), "127.0.0.1 good.test casino.test\n").unwrap();
        let lines = [
            format!("http_port 127.0.0.1:{port}"),
            format!("auth_param basic program {SIGN_IN}\nacl people proxy_auth REQUIRED"),
            "http_access allow people\nhttp_access deny all".to_owned(),
            "cache deny all".to_owned(),
            format!("hosts_file {}", at("hosts")),
            format!("pid_filename {}", at("pid")),
            format!("cache_log {}", at("log")),
            "access_log none\npinger_enable off\nnetdb_filename none".to_owned(),
            "shutdown_lifetime 0 seconds\nvisible_hostname localhost".to_owned(),
            "icap_enable on\nicap_preview_enable on".to_owned(),
            "adaptation_send_client_ip on\nadaptation_send_username on".to_owned(),
            format!("icap_service asked reqmod_precache icap://{icap}/request bypass=off"),
            format!("icap_service answered respmod_precache icap://{icap}/response bypass=off"),
            "adaptation_access asked allow all\nadaptation_access answered allow all".to_owned(),
            format!("coredump_dir {}", folder.path().display()),
        ];
        std::fs::write(at("squid.conf"), lines.join("\n") + "\n").unwrap();
        std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        let mut command = Command::new("squid");
        command.args(["-N", "-n", &format!("test{port}"), "-f"]).arg(at("squid.conf")).kill_on_drop(true);
        let program = command.stderr(Stdio::null()).spawn().unwrap();
        // It says nothing when it is ready, but to its log.
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        let mut left = 1_200;
        while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            left -= 1;
            assert!(left > 0, "{}", std::fs::read_to_string(at("log")).unwrap_or_default());
            looks.tick().await;
        }
        Self { port, _folder: folder, _program: program }
    }

    pub async fn get(&self, login: &str, url: &str) -> Given {
        self.exchange(login, &format!("GET {url} HTTP/1.1\r\naccept: text/html\r\n"), b"").await
    }

    pub async fn post(&self, login: &str, url: &str, body: &[u8]) -> Given {
        let length = body.len();
        let head = format!("POST {url} HTTP/1.1\r\ncontent-type: image/png\r\ncontent-length: {length}\r\n");
        self.exchange(login, &head, body).await
    }

    async fn exchange(&self, login: &str, head: &str, body: &[u8]) -> Given {
        let host = head.split('/').nth(2).unwrap();
        let sign_in = STANDARD.encode(format!("{login}:x"));
        let head = format!(
            "{head}host: {host}\r\nproxy-authorization: Basic {sign_in}\r\nconnection: close\r\n\r\n"
        );
        let request = [head.as_bytes(), body].concat();
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).await.unwrap();
        let (mut reading, mut writing) = stream.split();
        let mut answer = Vec::new();
        // What was cut off comes without an end.
        let _ = tokio::join!(writing.write_all(&request), reading.read_to_end(&mut answer));
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
        let head = String::from_utf8_lossy(&answer[..end]).to_lowercase();
        let said = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let length: Option<usize> = said.map(|length| length.trim().parse().unwrap());
        let body = answer[end..].to_vec();
        Given {
            status: head.split(' ').nth(1).unwrap().parse().unwrap(),
            is_whole: length.map_or(body.ends_with(b"0\r\n\r\n"), |length| length == body.len()),
            body,
        }
    }
}
