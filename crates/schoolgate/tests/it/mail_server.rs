//! A real mail server (aiosmtpd) beside the gate, the one that the tests of `notify` use, and what it took.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// A mail server in a process of its own, on loopback and without encryption.
pub struct MailServer {
    _process: Child,
    port: u16,
    folder: tempfile::TempDir,
}

impl MailServer {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../notify/tests/it/smtp_server.py");
        let mut process = Command::new("/usr/bin/python3")
            .args(["-W", "ignore"])
            .arg(script)
            .arg("plain")
            .arg(folder.path())
            .args(["-", "-"])
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let port = lines.next_line().await.unwrap().unwrap().parse().unwrap();
        Self { _process: process, port, folder }
    }

    /// What the gate's configuration needs, so that the safeguarding lead and the head are told by mail.
    pub fn configuration(&self) -> String {
        let told = ["lead", "head"].map(|post| {
            format!("[[notify.to]]\nname = \"{post}\"\naddressees = [\"{post}\"]\nmail = \"{post}@larkfield.test\"\n")
        });
        let mail = format!(
            "[notify.mail]\nrelay = \"127.0.0.1\"\nport = {}\nsecurity = \"plain\"\nfrom = \"gate@larkfield.test\"\n",
            self.port
        );
        mail + &told.concat()
    }

    /// The first mail that has these words in it, whole, as soon as it is there.
    pub async fn mail_with(&self, words: &str, within: Duration) -> String {
        let since = Instant::now();
        loop {
            let taken = self.taken();
            if let Some(mail) = taken.iter().find(|mail| mail.contains(words)) {
                return mail.clone();
            }
            assert!(since.elapsed() < within, "no mail says {words}: {taken:?}");
            tokio::task::yield_now().await;
        }
    }

    fn taken(&self) -> Vec<String> {
        let mail =
            |number: usize| std::fs::read_to_string(self.folder.path().join(format!("{number}.eml"))).ok();
        (1..).map_while(mail).collect()
    }
}
