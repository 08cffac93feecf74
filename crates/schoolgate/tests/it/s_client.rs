//! What `openssl s_client` and curl are shown: the chain, the protocol, the versions of TLS, sessions that are taken up
//! again, hellos in pieces, and passwords for the proxy itself over TLS.

use crate::gate::Gate;
use crate::who::ask_at_the_proxy;
use std::path::PathBuf;
use std::process::Stdio;
use testkit::certificates::Fault;
use testkit::origin::Origin;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

const LESSON: &str = "<!doctype html><title>Lesson</title>Unmistakable 4711";
const NAME: &str = "education.schoolgate.test";

/// A gate and an origin, and what calls it through the gate.
struct Called {
    gate: Gate,
    origin: Origin,
}

impl Called {
    async fn new() -> Self {
        let gate = Gate::start().await;
        let (origin, _) = gate.origin(NAME, Fault::None, LESSON).await;
        gate.sign_in_to_web("elsie").await;
        Self { gate, origin }
    }

    /// What `s_client` says, on both of its outputs, of a connection through the proxy on which it sends this.
    async fn s_client(&self, more: &[&str], sent: &str) -> String {
        let proxy = self.gate.address("proxy");
        let site = format!("{NAME}:{}", self.origin.address().port());
        let mut command = Command::new("openssl");
        command
            .args(["s_client", "-proxy", proxy.trim_start_matches("http://"), "-connect", &site])
            .args(["-servername", NAME, "-CAfile", &self.gate.address("authority"), "-verify_hostname", NAME])
            .arg("-verify_return_error")
            // It stays for the answer; where nothing is asked it goes once the handshake is done.
            .args(if sent.is_empty() { &[][..] } else { &["-ign_eof"] })
            .args(more)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut process = command.spawn().unwrap();
        // Where the handshake fails it has ended before it reads this.
        drop(process.stdin.take().unwrap().write_all(sent.as_bytes()).await);
        let output = process.wait_with_output().await.unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    fn request(&self) -> String {
        format!(
            "GET / HTTP/1.1\r\nHost: {NAME}:{}\r\nConnection: close\r\n\r\n",
            self.origin.address().port()
        )
    }
}

/// Everything that is looked for stands in what was said.
fn assert_says(said: &str, expected: &[&str]) {
    for part in expected {
        assert!(said.contains(part), "expected {part}, found:\n{said}");
    }
}

#[tokio::test]
async fn s_client_is_shown_the_schools_chain_for_each_version_of_tls_and_takes_its_sessions_up_again() {
    let called = Called::new().await;
    let sessions = tempfile::tempdir().unwrap();
    for (version, named) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let file = sessions.path().join(named).display().to_string();
        let said = called.s_client(&[version, "-showcerts", "-sess_out", &file], &called.request()).await;
        let new = format!("New, {named}, Cipher is ");
        assert_says(&said, &["Verify return code: 0 (ok)", &new, LESSON]);
        assert_says(
            &said,
            &[&format!("subject=CN = {NAME}"), "issuer=CN = Larkfield First School web filter"],
        );
        assert_eq!(said.matches("BEGIN CERTIFICATE").count(), 2, "leaf and authority: {said}");
        let again = called.s_client(&[version, "-sess_in", &file], &called.request()).await;
        assert_says(&again, &[&format!("Reused, {named}, Cipher is "), LESSON]);
    }
    assert_eq!(called.origin.seen().len(), 4);
}

#[tokio::test]
async fn s_client_agrees_on_a_protocol_that_the_origin_speaks_and_its_hello_may_come_in_pieces() {
    let called = Called::new().await;
    let said = called.s_client(&["-alpn", "h2,http/1.1"], "").await;
    assert_says(&said, &["ALPN protocol: h2", "Verify return code: 0 (ok)"]);
    let said = called.s_client(&["-alpn", "http/1.1"], &called.request()).await;
    assert_says(&said, &["ALPN protocol: http/1.1", LESSON]);
    // So many protocols that the hello does not fit into one record, nor into three.
    let many: Vec<String> = (0..14).map(|number| format!("made-up-{number}-{}", "x".repeat(100))).collect();
    let offered = format!("{},http/1.1", many.join(","));
    let said =
        called.s_client(&["-alpn", &offered, "-max_send_frag", "512", "-msg"], &called.request()).await;
    assert!(said.matches(">>> TLS 1.0, RecordHeader").count() > 3, "{said}");
    assert_says(&said, &["ALPN protocol: http/1.1", LESSON]);
}

#[tokio::test]
async fn a_client_that_knows_only_old_tls_is_refused_and_recorded_and_never_shown_a_page() {
    let called = Called::new().await;
    for version in ["-tls1", "-tls1_1"] {
        let said = called.s_client(&[version, "-cipher", "ALL:@SECLEVEL=0"], &called.request()).await;
        assert!(said.contains("protocol version") || said.contains("alert"), "{version}: {said}");
        assert!(!said.contains("BEGIN CERTIFICATE") && !said.contains(LESSON), "{version}: {said}");
    }
    assert!(called.origin.seen().is_empty());
    let csv = called.gate.history_csv("safeguarding-lead", &format!("host={NAME}&outcome=failed")).await;
    assert_eq!(csv.matches(",tunnel,").count(), 2, "{csv}");
}

#[tokio::test]
async fn curl_signs_in_to_the_proxy_itself_over_tls_and_reads_pages_by_both_protocols() {
    let listening = |text: String| text.replacen("[proxy]\n", "[proxy]\ntls_listen = [\"127.0.0.1:0\"]\n", 1);
    let gate = Gate::start_changed(&[], listening).await;
    let (_origin, url) = gate.origin("games.schoolgate.test", Fault::None, LESSON).await;
    ask_at_the_proxy(&gate).await;
    until_it_asks(&gate, &url).await;
    let password = gate.password("class-teacher");
    for (protocol, version) in [("--http1.1", "1.1"), ("--http2", "2")] {
        let said = curl(&gate, &[protocol, "--proxy-user", &format!("class-teacher:{password}"), &url]).await;
        assert_eq!(said, format!("{LESSON}\n200 200 {version}"), "{protocol}");
    }
    let wrong = curl(&gate, &["--proxy-user", "class-teacher:of last term", &url]).await;
    assert_eq!(wrong.split_whitespace().take(2).collect::<Vec<_>>(), ["000", "407"], "{wrong}");
}

/// A policy is in force within seconds.
async fn until_it_asks(gate: &Gate, url: &str) {
    let since = std::time::Instant::now();
    while !curl(gate, &[url]).await.starts_with("\n000 407") {
        assert!(since.elapsed().as_secs() < 30, "the proxy does not ask for a password");
    }
}

/// What curl is answered through the proxy over TLS: the body, then the status, that of the proxy, and the version.
async fn curl(gate: &Gate, more: &[&str]) -> String {
    let authority = PathBuf::from(gate.address("authority"));
    let mut curl = Command::new("curl");
    curl.args(["-s", "-m", "30", "-w", "\n%{http_code} %{http_connect} %{http_version}", "--noproxy", ""]);
    curl.arg("--cacert").arg(&authority).arg("--proxy-cacert").arg(&authority);
    let output = curl.args(["--proxy", &gate.address("proxy_over_tls")]).args(more).output().await.unwrap();
    String::from_utf8(output.stdout).unwrap()
}
