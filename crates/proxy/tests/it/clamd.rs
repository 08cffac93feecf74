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

/// c-icap's virus scan, which asks the daemon.
pub struct IcapScanner {
    pub authority: String,
    _folder: TempDir,
    program: Child,
}

impl IcapScanner {
    pub async fn start(clamd: &Clamd) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name).display().to_string();
        let library = "/usr/lib/x86_64-linux-gnu/c_icap";
        // It takes no port of the system's choice; what was free is free for a moment.
        let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = free.local_addr().unwrap().to_string();
        drop(free);
        let lines = [
            format!("PidFile {}\nCommandsSocket {}\nTmpDir {}", at("pid"), at("ctl"), at("")),
            format!("Port {authority}\nStartServers 1\nMaxServers 2\nThreadsPerChild 4"),
            format!("ModulesDir {library}\nServicesDir {library}\nTemplateDir /usr/share/c_icap/templates/"),
            "LoadMagicFile /etc/c-icap/c-icap.magic".to_owned(),
            format!("ServerLog {}\nAccessLog {}", at("server.log"), at("access.log")),
            format!("Module common clamd_mod.so\nclamd_mod.ClamdSocket {}", clamd.socket().display()),
            "Service virus_scan virus_scan.so\nvirus_scan.DefaultEngine clamd\nvirus_scan.SendPercentData 0"
                .to_owned(),
            "virus_scan.ScanFileTypes TEXT DATA EXECUTABLE ARCHIVE MSOFFICE\nvirus_scan.PassOnError off\n"
                .to_owned(),
        ];
        std::fs::write(at("c-icap.conf"), lines.join("\n")).unwrap();
        let mut command = Command::new("c-icap");
        command.args(["-N", "-f", &at("c-icap.conf")]).stdout(Stdio::null()).stderr(Stdio::null());
        let program = command.spawn().unwrap();
        let mut looks = tokio::time::interval(Duration::from_millis(50));
        let mut left = 1_200;
        while tokio::net::TcpStream::connect(&authority).await.is_err() {
            left -= 1;
            assert!(left > 0, "{}", std::fs::read_to_string(at("server.log")).unwrap_or_default());
            looks.tick().await;
        }
        Self { authority, _folder: folder, program }
    }
}

impl Drop for IcapScanner {
    /// Told to end, it ends the processes that it has started; killed, it leaves them.
    fn drop(&mut self) {
        let id = self.program.id().and_then(|id| rustix::process::Pid::from_raw(i32::try_from(id).ok()?));
        if let Some(id) = id {
            let _ = rustix::process::kill_process(id, rustix::process::Signal::TERM);
        }
    }
}
