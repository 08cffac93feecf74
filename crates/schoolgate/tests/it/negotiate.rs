//! Kerberos tickets in place of passwords (Negotiate), with a real key distribution centre and curl; and passwords over TLS.

use crate::gate::Gate;
use crate::who::ask_at_the_proxy;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use testkit::certificates::Fault;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::{Child, Command};

const REALM: &str = "LARKFIELD.TEST";
const SERVICE: &str = "HTTP/localhost";
/// How long the gate may take to see a changed keytab.
const PATIENCE: Duration = Duration::from_secs(30);

/// A realm of its own: Elsie, Class Teacher, the proxy's service, and another service.
struct Realm {
    _kdc: Child,
    folder: tempfile::TempDir,
}

impl Realm {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().display();
        let port = free_port();
        let kdc = format!(
            "[kdcdefaults]\n[realms]\n{REALM} = {{\n database_name = {path}/principal\n key_stash_file = {path}/stash\n \
             acl_file = {path}/acl\n kdc_listen = 127.0.0.1:{port}\n kdc_tcp_listen = 127.0.0.1:{port}\n \
             supported_enctypes = aes256-cts-hmac-sha1-96:normal\n}}\n[logging]\n kdc = FILE:{path}/kdc.log\n"
        );
        let client = format!(
            "[libdefaults]\n default_realm = {REALM}\n dns_lookup_kdc = false\n dns_canonicalize_hostname = false\n \
             rdns = false\n udp_preference_limit = 0\n[realms]\n{REALM} = {{\n kdc = 127.0.0.1:{port}\n}}\n\
             [domain_realm]\n localhost = {REALM}\n"
        );
        std::fs::write(folder.path().join("kdc.conf"), kdc).unwrap();
        std::fs::write(folder.path().join("krb5.conf"), client).unwrap();
        let mut kdb = with_environment(folder.path(), "/usr/sbin/kdb5_util");
        run(kdb.args(["create", "-s", "-r", REALM, "-P", "a master key of some length"])).await;
        let mut kdc = with_environment(folder.path(), "/usr/sbin/krb5kdc");
        let kdc =
            kdc.arg("-n").stdout(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true).spawn().unwrap();
        let realm = Self { _kdc: kdc, folder };
        realm.admin("addprinc -pw three-quiet-otters elsie").await;
        realm.admin("addprinc -pw three-quiet-otters nobody-here").await;
        realm.admin(&format!("addprinc -randkey {SERVICE}")).await;
        realm.admin("addprinc -randkey mail/localhost").await;
        realm.admin(&format!("ktadd -k {} {SERVICE}", realm.keytab().display())).await;
        tokio::time::timeout(PATIENCE, async {
            while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                tokio::task::yield_now().await;
            }
        })
        .await
        .expect("the key distribution centre answers");
        realm
    }

    fn keytab(&self) -> PathBuf {
        self.folder.path().join("proxy.keytab")
    }

    async fn admin(&self, query: &str) {
        let mut kadmin = with_environment(self.folder.path(), "/usr/sbin/kadmin.local");
        run(kadmin.args(["-r", REALM, "-q", query])).await;
    }

    /// Signs somebody in to a device of their own.
    async fn device(&self, login: &str) -> Device<'_> {
        let device = Device { realm: self, tickets: self.folder.path().join(format!("tickets-of-{login}")) };
        device.sign_in(login).await;
        device
    }
}

/// A device that somebody is signed in to.
struct Device<'a> {
    realm: &'a Realm,
    tickets: PathBuf,
}

/// What a curl of a device's was answered.
struct Answered {
    /// By the origin, or by the proxy where that let it no further.
    status: String,
    /// What curl says it sent and received.
    said: String,
}

impl Device<'_> {
    fn command(&self, program: &str) -> Command {
        let mut command = with_environment(self.realm.folder.path(), program);
        command.env("KRB5CCNAME", format!("FILE:{}", self.tickets.display()));
        command
    }

    async fn sign_in(&self, login: &str) {
        let mut kinit = self.command("kinit");
        let mut kinit = kinit.arg(login).stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        kinit.stdin.take().unwrap().write_all(b"three-quiet-otters\n").await.unwrap();
        assert!(kinit.wait().await.unwrap().success());
    }

    async fn curl(&self, gate: &Gate, url: &str, more: &[&str]) -> Answered {
        let proxy = gate.address("proxy").replace("127.0.0.1", "localhost");
        self.curl_through(&proxy, gate, url, more).await
    }

    async fn curl_through(&self, proxy: &str, gate: &Gate, url: &str, more: &[&str]) -> Answered {
        let mut curl = self.command("curl");
        curl.args(["-v", "-s", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", "--noproxy", ""]);
        curl.args(["--cacert", &gate.address("authority"), "--proxy", proxy]);
        let output = curl.args(["--proxy-negotiate", "--proxy-user", ":"]).args(more).arg(url).output();
        answered(&output.await.unwrap())
    }
}

fn answered(output: &std::process::Output) -> Answered {
    let codes = String::from_utf8(output.stdout.clone()).unwrap();
    let (status, connect) = codes.split_once(' ').unwrap();
    let status = if status == "000" { connect } else { status }.to_owned();
    Answered { status, said: String::from_utf8_lossy(&output.stderr).into_owned() }
}

fn with_environment(folder: &Path, program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("KRB5_CONFIG", folder.join("krb5.conf")).env("KRB5_KDC_PROFILE", folder.join("kdc.conf"));
    command.env("LC_ALL", "C");
    command
}

async fn run(command: &mut Command) {
    let output = command.stdin(Stdio::null()).output().await.unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// A port that is free by TCP and by UDP.
fn free_port() -> u16 {
    loop {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

/// A gate whose proxy asks each connection who it is.
async fn asking(proxy: &str) -> Gate {
    let mut gate = Gate::start().await;
    ask_at_the_proxy(&gate).await;
    gate.reconfigure(|text| text.replacen("[proxy]\n", &format!("[proxy]\n{proxy}"), 1)).await;
    gate
}

#[tokio::test]
async fn a_ticket_of_the_schools_domain_is_enough_and_counts_once_and_only_for_the_proxy() {
    let realm = Realm::start().await;
    let gate = asking(&format!("keytab = \"{}\"\n", realm.keytab().display())).await;
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Maths</title>").await;
    let (_plain, games) = gate.origin("games.schoolgate.test", Fault::None, "<title>Game</title>").await;
    let elsie = realm.device("elsie").await;
    let in_class = elsie.curl(&gate, &url, &[]).await;
    assert_eq!(in_class.status, "200", "{}", in_class.said);
    assert!(in_class.said.contains("< proxy-authentication-info: Negotiate "), "{}", in_class.said);
    assert_eq!(elsie.curl(&gate, &games, &[]).await.status, "403", "her own rules count");
    let csv = gate.history_csv_with_names("headteacher", "host=education.schoolgate.test").await;
    let rows = csv.lines().filter(|line| line.contains(",elsie,")).count();
    assert!(rows >= 1 && csv.contains("signed in to the school\u{2019}s domain at "), "{csv}");

    let nobody = realm.device("nobody-here").await;
    assert_eq!(nobody.curl(&gate, &url, &[]).await.status, "407", "not on the roster");
    let other_service = elsie.curl(&gate, &url, &["--proxy-service-name", "mail"]).await;
    assert_eq!(other_service.status, "407", "{}", other_service.said);
    assert!(other_service.said.contains("Proxy-Authorization: Negotiate "), "a ticket was shown");

    let sent = in_class.said.lines().find_map(|line| line.strip_prefix("> Proxy-Authorization: "));
    let target = url.trim_start_matches("https://").trim_end_matches('/');
    let again = format!(
        "CONNECT {target} HTTP/1.1\r\nHost: {target}\r\nProxy-Authorization: {}\r\n\r\n",
        sent.expect("curl says what it sent").trim()
    );
    let mut stream = TcpStream::connect(gate.address("proxy").trim_start_matches("http://")).await.unwrap();
    stream.write_all(again.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    assert_eq!(&head, b"HTTP/1.1 407", "what was shown before counts no second time");
}

#[tokio::test]
async fn keys_are_rotated_without_a_restart_and_old_tickets_count_as_long_as_the_old_key_is_there() {
    let realm = Realm::start().await;
    let gate = asking(&format!("keytab = \"{}\"\n", realm.keytab().display())).await;
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Maths</title>").await;
    let old = realm.device("elsie").await;
    assert_eq!(old.curl(&gate, &url, &[]).await.status, "200");
    let keytab = realm.keytab().display().to_string();
    realm.admin(&format!("ktadd -k {keytab} {SERVICE}")).await;
    let new = Device { tickets: realm.folder.path().join("new-tickets"), ..old };
    new.sign_in("elsie").await;
    until(&gate, &url, (&new, "200")).await;
    assert_eq!(old.curl(&gate, &url, &[]).await.status, "200", "the old key is there still");
    realm.admin(&format!("ktremove -k {keytab} {SERVICE} old")).await;
    until(&gate, &url, (&old, "407")).await;
    assert_eq!(new.curl(&gate, &url, &[]).await.status, "200");
}

/// Asks until it is answered so: the gate looks at its keys every second.
async fn until(gate: &Gate, url: &str, (device, status): (&Device<'_>, &str)) {
    tokio::time::timeout(PATIENCE, async { while device.curl(gate, url, &[]).await.status != status {} })
        .await
        .unwrap_or_else(|_| panic!("expected {status} in time"));
}

#[tokio::test]
async fn a_keytab_that_others_can_read_stops_the_start_with_words() {
    let realm = Realm::start().await;
    let mut gate = Gate::start().await;
    gate.stop().await;
    std::fs::set_permissions(realm.keytab(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let file = gate.folder.path().join("schoolgate.toml");
    let keytab = format!("[proxy]\nkeytab = \"{}\"\n", realm.keytab().display());
    let text = std::fs::read_to_string(&file).unwrap().replacen("[proxy]\n", &keytab, 1);
    std::fs::write(&file, text).unwrap();
    let output = gate.command(&["run"]).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success() && said.contains("chmod 600"), "{said}");
}

#[tokio::test]
async fn a_ticket_goes_to_the_proxy_inside_tls_where_it_holds_for_its_connection() {
    let realm = Realm::start().await;
    let keytab = realm.keytab().display().to_string();
    realm.admin("addprinc -randkey HTTP/127.0.0.1").await;
    realm.admin(&format!("ktadd -k {keytab} HTTP/127.0.0.1")).await;
    let gate = asking(&format!("keytab = \"{keytab}\"\ntls_listen = [\"127.0.0.1:0\"]\n")).await;
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Maths</title>").await;
    assert_eq!(agreed(&gate).await, "http/1.1", "on HTTP/2 one ticket would count for many tunnels");
    let (proxy, authority) = (gate.address("proxy_over_tls"), gate.address("authority"));
    let more = ["--proxy-cacert", authority.as_str()];
    for (login, status) in [("elsie", "200"), ("nobody-here", "407")] {
        let device = realm.device(login).await;
        let asked = device.curl_through(&proxy, &gate, &url, &more).await;
        assert_eq!(asked.status, status, "{}", asked.said);
    }
}

/// What openssl and the proxy agree to speak inside TLS, offered HTTP/2 first.
async fn agreed(gate: &Gate) -> String {
    let proxy = gate.address("proxy_over_tls");
    let mut openssl = Command::new("openssl");
    openssl.args(["s_client", "-alpn", "h2,http/1.1", "-connect", proxy.trim_start_matches("https://")]);
    let output = openssl.stdin(Stdio::null()).output().await.unwrap();
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let agreed = said.lines().find_map(|line| line.strip_prefix("ALPN protocol: "));
    agreed.unwrap_or_else(|| panic!("{said}")).to_owned()
}

#[tokio::test]
async fn a_password_goes_to_the_proxy_inside_tls() {
    let gate = asking("tls_listen = [\"127.0.0.1:0\"]\n").await;
    assert_eq!(agreed(&gate).await, "h2");
    let (_origin, url) = gate.origin("education.schoolgate.test", Fault::None, "<title>Maths</title>").await;
    let right = gate.password("elsie");
    for (password, status) in [(right.as_str(), "200"), ("of last term", "407")] {
        let mut curl = Command::new("curl");
        curl.args(["-s", "-o", "/dev/null", "-w", "%{http_code} %{http_connect}", "--noproxy", ""]);
        curl.args(["--cacert", &gate.address("authority"), "--proxy-cacert", &gate.address("authority")]);
        curl.args(["--proxy", &gate.address("proxy_over_tls"), "--proxy-user", &format!("elsie:{password}")]);
        assert_eq!(answered(&curl.arg(&url).output().await.unwrap()).status, status);
    }
}
