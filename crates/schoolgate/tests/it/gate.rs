//! A demo school in a temporary folder, started as a stranger would start it, on free ports.

use serde_json::Value;
use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};
use std::time::Duration;
use testkit::browser::{Browser, BrowserOptions};
use testkit::certificates::{Fault, TestAuthority};
use testkit::origin::{Origin, TestPage};
use testkit::upstream::{RecordType, Says, Upstream, Zone, a};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

/// How long a gate may take to be ready.
const PATIENCE: Duration = Duration::from_secs(60);

/// The names that the outside world of the tests answers to.
const NAMES: [&str; 8] = [
    "education.schoolgate.test",
    "games.schoolgate.test",
    "generative-ai.schoolgate.test",
    "news.schoolgate.test",
    "one.education.schoolgate.test",
    "two.education.schoolgate.test",
    "three.education.schoolgate.test",
    "four.education.schoolgate.test",
];

/// A running gate, and the outside world it sees.
pub struct Gate {
    process: Child,
    addresses: Value,
    _upstream: Upstream,
    pub folder: tempfile::TempDir,
    pub authority: TestAuthority,
    /// What stands before the program's own words when it starts, such as `ip netns exec NAME`; mostly nothing.
    pub within: Vec<String>,
}

impl Gate {
    /// Makes a demo school and starts it.
    pub async fn start() -> Self {
        Self::start_with("").await
    }

    /// The same, with more in its configuration.
    pub async fn start_with(more: &str) -> Self {
        Self::start_changed(&[], |text| text + more).await
    }

    /// The same within something, such as `ip netns exec NAME`, and with its configuration changed.
    pub async fn start_changed(within: &[&str], change: impl FnOnce(String) -> String) -> Self {
        let within: Vec<String> = within.iter().map(|word| (*word).to_owned()).collect();
        let folder = tempfile::tempdir().unwrap();
        let authority = TestAuthority::new().unwrap();
        std::fs::write(folder.path().join("origins.pem"), authority.pem()).unwrap();
        let upstream = Upstream::start(zone()).await;
        let configuration = change(configuration(folder.path(), upstream.address));
        std::fs::write(folder.path().join("schoolgate.toml"), configuration).unwrap();
        let (process, addresses) = spawn(folder.path(), &within).await;
        Self { process, addresses, _upstream: upstream, folder, authority, within }
    }

    /// Another program on the same records, which must lie outside the folder: with this one's keys and configuration, and a
    /// history of its own.
    pub async fn second(&self) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let own = ["history", "lists", "spool", "monitoring.state"];
        let copied = Command::new("tar")
            .args(own.iter().map(|name| format!("--exclude=./{name}")))
            .args(["-C", &self.folder.path().display().to_string(), "-cf", "-", "."])
            .output();
        let mut unpack = Command::new("tar")
            .args(["-C", &folder.path().display().to_string(), "-xf", "-"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let archive = copied.await.unwrap().stdout;
        tokio::io::AsyncWriteExt::write_all(&mut unpack.stdin.take().unwrap(), &archive).await.unwrap();
        assert!(unpack.wait().await.unwrap().success());
        let (process, addresses) = spawn(folder.path(), &self.within).await;
        let (upstream, authority) = (Upstream::start(zone()).await, TestAuthority::new().unwrap());
        Self { process, addresses, _upstream: upstream, folder, authority, within: self.within.clone() }
    }

    /// Asks the program to stop, as Ctrl-C does, and waits for it; its exit must be a clean one.
    pub async fn stop(&mut self) {
        let id = self.process.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-INT", &id]).status().await.unwrap().success());
        let ended = tokio::time::timeout(PATIENCE, self.process.wait()).await;
        assert!(ended.expect("the gate stops when it is asked to").unwrap().success());
    }

    /// Kills it as a power cut would.
    pub async fn kill(&mut self) {
        self.process.kill().await.unwrap();
    }

    /// Starts it again on the same folder.
    pub async fn start_again(&mut self) {
        let (process, addresses) = spawn(self.folder.path(), &self.within).await;
        self.process = process;
        self.addresses = addresses;
    }

    /// Changes the gate's configuration while it rests.
    pub async fn reconfigure(&mut self, change: impl FnOnce(String) -> String) {
        self.stop().await;
        let file = self.folder.path().join("schoolgate.toml");
        let text = std::fs::read_to_string(&file).unwrap();
        std::fs::write(&file, change(text)).unwrap();
        self.start_again().await;
    }

    /// How far the program says that its files and its system calls are narrowed.
    pub fn narrowed(&self) -> (String, String) {
        let held = |what: &str| self.addresses["narrowed"][what].as_str().unwrap().to_owned();
        (held("files"), held("calls"))
    }

    /// What the system says of the program (`status`, proc(5)).
    pub fn status(&self) -> String {
        std::fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap()
    }

    /// What the program holds in memory, in KiB (`VmRSS`, proc(5)).
    pub fn memory_kib(&self) -> u64 {
        let status = self.status();
        let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        resident.split_whitespace().next().unwrap().parse().unwrap()
    }

    /// How many files, sockets and the like the program has open (proc(5)).
    pub fn descriptors(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/fd", self.process.id().unwrap())).unwrap().count()
    }

    /// How many threads it has.
    pub fn threads(&self) -> usize {
        std::fs::read_dir(format!("/proc/{}/task", self.process.id().unwrap())).unwrap().count()
    }

    /// One of the addresses the program printed: `dns`, `proxy`, `console`, `authority`.
    pub fn address(&self, name: &str) -> String {
        self.addresses[name].as_str().unwrap().to_owned()
    }

    /// The password of a demo account.
    pub fn password(&self, login: &str) -> String {
        let text = std::fs::read_to_string(self.folder.path().join("demo-accounts.txt")).unwrap();
        let line = text.lines().find(|line| line.split_whitespace().next() == Some(login));
        line.unwrap_or_else(|| panic!("no demo account {login}"))
            .split_whitespace()
            .nth(1)
            .unwrap()
            .to_owned()
    }

    /// A browser that goes through the proxy and has the school's certificate.
    pub async fn browser(&self) -> Browser {
        self.browser_with(Some(PathBuf::from(self.address("authority")))).await
    }

    /// A browser that goes through the proxy, trusting what it is told to.
    pub async fn browser_with(&self, trusted_ca: Option<PathBuf>) -> Browser {
        self.browser_through("proxy", trusted_ca).await
    }

    /// A browser that goes through this listener of the proxy's.
    pub async fn browser_through(&self, listener: &str, trusted_ca: Option<PathBuf>) -> Browser {
        Browser::launch(&BrowserOptions { proxy: self.address(listener), trusted_ca }).await.unwrap()
    }

    /// A browser that goes to the console directly, and is signed in.
    pub async fn console_browser(&self, login: &str) -> Browser {
        let trusted_ca = Some(PathBuf::from(self.address("authority")));
        let mut browser =
            Browser::launch(&BrowserOptions { proxy: String::new(), trusted_ca }).await.unwrap();
        self.sign_in(&mut browser, "/sign-in", login).await;
        browser
    }

    /// Signs somebody in to use the web from this machine, in place of whoever is.
    pub async fn sign_in_to_web(&self, login: &str) {
        let trusted_ca = Some(PathBuf::from(self.address("authority")));
        let mut browser =
            Browser::launch(&BrowserOptions { proxy: String::new(), trusted_ca }).await.unwrap();
        browser.visit(&format!("{}/web/sign-in", self.address("console"))).await.unwrap();
        if browser.text().await.unwrap().contains("Hello") {
            browser.press("Sign out").await.unwrap();
        }
        self.sign_in(&mut browser, "/web/sign-in", login).await;
        let text = browser.text().await.unwrap();
        assert!(text.contains("signed in"), "{text}");
        browser.close().await.unwrap();
    }

    async fn sign_in(&self, browser: &mut Browser, path: &str, login: &str) {
        browser.visit(&format!("{}{path}", self.address("console"))).await.unwrap();
        browser.fill("login", login).await.unwrap();
        browser.fill("password", &self.password(login)).await.unwrap();
        browser.press("Sign in").await.unwrap();
    }

    /// What a download of the history holds, as somebody who is signed in gets it with a client of their own.
    pub async fn history_csv(&self, login: &str, filter: &str) -> String {
        self.csv(login, &format!("/history.csv?{filter}"), "").await
    }

    /// The same with names, asked for with a reason.
    pub async fn history_csv_with_names(&self, login: &str, filter: &str) -> String {
        let form = format!("{filter}&deed=names-file&names_reason=check&names_why=a+test");
        self.csv(login, "/history", &form).await
    }

    async fn csv(&self, login: &str, path: &str, form: &str) -> String {
        let mut browser = self.console_browser(login).await;
        let cookie = browser.cookies(&self.address("console")).await.unwrap();
        let mut curl = Command::new("curl");
        curl.args([
            "--silent",
            "--show-error",
            "--fail",
            "--cacert",
            &self.address("authority"),
            "--cookie",
            &cookie,
        ]);
        if !form.is_empty() {
            curl.args(["--header", "Sec-Fetch-Site: same-origin", "--data", form]);
        }
        let output = curl.arg(format!("{}{path}", self.address("console"))).output().await.unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// Runs a command of the program against this gate's folder.
    pub async fn command(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_schoolgate"));
        command.args(arguments).arg("--folder").arg(self.folder.path());
        command.output().await.unwrap()
    }

    /// An HTTPS origin of this name, good or bad, with one page at `/`.
    pub async fn origin(&self, name: &str, fault: Fault, body: &str) -> (Origin, String) {
        let tls = self.authority.server(name, fault, &["h2", "http/1.1"]).unwrap();
        let page = TestPage { content_type: "text/html; charset=utf-8", body: body.to_owned().into() };
        let origin = Origin::start(Some(tls), HashMap::from([("/".to_owned(), page)])).await.unwrap();
        let url = format!("https://{name}:{}/", origin.address().port());
        (origin, url)
    }
}

/// Waits for its end too: a gate that ends after its test would still hold the test's own output, and its folder.
impl Drop for Gate {
    fn drop(&mut self) {
        let killed = self.process.start_kill();
        while killed.is_ok() && matches!(self.process.try_wait(), Ok(None)) {
            std::thread::yield_now();
        }
    }
}

/// The policy that ships, as the demo takes it: no role is asked for a second step.
pub fn shipped_policy() -> String {
    let folder = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").unwrap()).join("../../policies");
    let text = std::fs::read_to_string(folder.join("first-school.toml")).unwrap();
    let line = |line: &str| match line.split_once(" = ") {
        Some(("second_factor", _)) => "second_factor = []\n".to_owned(),
        _ => format!("{line}\n"),
    };
    text.lines().map(line).collect()
}

/// What the outside's DNS says.
fn zone() -> Zone {
    let of =
        |name: &str, address| ((name.to_owned(), RecordType::A), Says::Records(vec![a(name, 60, address)]));
    [
        of("reading.education.schoolgate.test.", [203, 0, 113, 7]),
        of("forcesafesearch.google.com.", [203, 0, 113, 8]),
    ]
    .into()
}

fn configuration(folder: &Path, upstream: SocketAddr) -> String {
    let names: String = NAMES
        .iter()
        .map(|name| format!("[[local_name]]\nname = \"{name}\"\naddresses = [\"127.0.0.1\"]\n"))
        .collect();
    format!(
        "[gate]\nname = \"gate.schoolgate.test\"\norganisation = \"Larkfield First School\"\n\
         [dns]\nlisten = [\"127.0.0.1:0\"]\nupstreams = [\"{upstream}\"]\n\
         [proxy]\nlisten = [\"127.0.0.1:0\"]\ntrusted_roots = [\"{}\"]\n\
         [console]\nlisten = \"127.0.0.1:0\"\n{names}",
        folder.join("origins.pem").display()
    )
}

async fn spawn(folder: &Path, within: &[String]) -> (Child, Value) {
    let program = [env!("CARGO_BIN_EXE_schoolgate").to_owned()];
    let mut words = within.iter().chain(&program);
    let mut process = Command::new(words.next().unwrap())
        .args(words)
        .args(["demo", "--json", "--folder"])
        .arg(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    let line = tokio::time::timeout(PATIENCE, lines.next_line()).await.expect("the gate is ready in time");
    let line = line.unwrap().expect("the gate says where it listens");
    (process, serde_json::from_str(&line).unwrap())
}
