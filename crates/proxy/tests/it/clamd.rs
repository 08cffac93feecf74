//! ClamAV's daemon with one signature, made for these tests.

use proxy::{ScanConfig, ScanService};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

/// What the daemon takes for malware, anywhere in a file.
pub const MALWARE: &str = "schoolgate-test-malware";
/// How it is called.
pub const NAME: &str = "Schoolgate.Test.Signature.UNOFFICIAL";

pub struct Clamd {
    folder: TempDir,
    _daemon: Child,
}

impl Clamd {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::create_dir(at("signatures")).unwrap();
        let hex: String = MALWARE.bytes().map(|byte| format!("{byte:02x}")).collect();
        std::fs::write(at("signatures").join("test.ndb"), format!("Schoolgate.Test.Signature:0:*:{hex}\n"))
            .unwrap();
        let lines = [
            format!("LocalSocket {}", at("socket").display()),
            format!("DatabaseDirectory {}", at("signatures").display()),
            format!("TemporaryDirectory {}", folder.path().display()),
            "Foreground yes\nMaxThreads 4\nStreamMaxLength 2M\nSelfCheck 0\n".to_owned(),
        ];
        std::fs::write(at("clamd.conf"), lines.join("\n")).unwrap();
        let mut command = Command::new("clamd");
        command.arg("--config-file").arg(at("clamd.conf")).stdout(Stdio::piped()).kill_on_drop(true);
        let mut daemon = command.spawn().unwrap();
        let mut said = BufReader::new(daemon.stdout.take().unwrap()).lines();
        loop {
            let line = said.next_line().await.unwrap().unwrap();
            if line.contains("Self checking") {
                break;
            }
        }
        // What it says later must not fill the pipe.
        tokio::spawn(async move { while let Ok(Some(_)) = said.next_line().await {} });
        Self { folder, _daemon: daemon }
    }

    pub fn socket(&self) -> std::path::PathBuf {
        self.folder.path().join("socket")
    }

    /// A scanner by it, patient enough for a busy machine.
    pub fn scanner(&self) -> ScanConfig {
        scanner(ScanService::ClamdSocket(self.socket()), self.folder.path())
    }
}

/// A scanner that holds files below a folder.
pub fn scanner(service: ScanService, folder: &Path) -> ScanConfig {
    ScanConfig {
        service,
        folder: folder.join("spool"),
        spool_bytes: 64 * 1024 * 1024,
        timeout: Duration::from_secs(30),
        patience: Duration::from_secs(30),
    }
}
