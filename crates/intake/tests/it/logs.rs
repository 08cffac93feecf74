//! Logs as real senders send them: `logger` of util-linux, and `rsyslogd` over TLS with a certificate of its own.

use intake::{
    Deed, LogAddresses, LogConfig, LogPorts, LogSender, LogServer, LogsSeen, OutsideEvent, log_tls,
};
use jiff::tz::TimeZone;
use model::Clock;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use testkit::certificates::{Fault, TestAuthority};
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

/// What a server says when a password is wrong.
const FAILED: &str = "Failed password for root from 10.0.0.7 port 5 ssh2";
const PATIENCE: Duration = Duration::from_secs(30);

struct World {
    addresses: LogAddresses,
    events: mpsc::Receiver<OutsideEvent>,
    seen: Arc<LogsSeen>,
    authority: TestAuthority,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl World {
    /// Listens every way, for a sender at this address; by TLS only with a certificate of the tests' authority.
    async fn start(sender: [u8; 4], lines_per_second: u32) -> Self {
        let authority = TestAuthority::new().unwrap();
        let (chain, key) = authority.server_pem("localhost", Fault::None).unwrap();
        let settings = log_tls(chain.as_bytes(), key.as_bytes(), authority.pem().as_bytes()).unwrap();
        let anywhere = vec![SocketAddr::from(([127, 0, 0, 1], 0))];
        let listed = LogSender { name: "server".into(), address: IpAddr::from(sender), lines_per_second };
        let config = LogConfig {
            udp: anywhere.clone(),
            tcp: anywhere.clone(),
            tls: anywhere,
            tls_settings: Some(settings),
            senders: vec![listed],
        };
        let seen = Arc::new(LogsSeen::new(["server".into()]));
        let (out, events) = mpsc::channel(4_096);
        let ports = LogPorts { clock: Clock::System, zone: TimeZone::UTC, out, seen: Arc::clone(&seen) };
        let server = LogServer::bind(config, ports).await.unwrap();
        let (addresses, stop) = (server.local_addrs(), CancellationToken::new());
        let running = tokio::spawn(server.run(stop.clone()));
        Self { addresses, events, seen, authority, stop, running }
    }

    async fn next(&mut self) -> OutsideEvent {
        tokio::time::timeout(PATIENCE, self.events.recv()).await.unwrap().unwrap()
    }

    async fn end(mut self) {
        self.stop.cancel();
        self.running.await.unwrap();
        while self.events.recv().await.is_some() {}
    }
}

async fn logger(to: SocketAddr, how: &[&str], line: Option<&str>) {
    let port = to.port().to_string();
    let mut command = Command::new("logger");
    command.args(["--server", "127.0.0.1", "--port", &port, "--tag", "sshd"]).args(how).args(line);
    assert!(command.status().await.unwrap().success());
}

fn is_the_failed_sign_in(event: &OutsideEvent) -> bool {
    let (deed, account, from) = (event.deed, event.account.as_deref(), event.from);
    deed == Deed::SignInFailed && account == Some("root") && from == Some(IpAddr::from([10, 0, 0, 7]))
}

#[tokio::test]
async fn what_logger_says_is_understood_by_every_wire_and_in_both_forms() {
    let mut world = World::start([127, 0, 0, 1], 1_000).await;
    let (udp, tcp) = (world.addresses.udp[0], world.addresses.tcp[0]);
    for (to, how) in [
        (udp, &["--udp", "--rfc5424"][..]),
        (udp, &["--udp", "--rfc3164"]),
        (tcp, &["--tcp", "--rfc5424", "--octet-count"]),
        (tcp, &["--tcp", "--rfc5424"]),
        (tcp, &["--tcp", "--rfc3164"]),
    ] {
        logger(to, how, Some(FAILED)).await;
        let event = world.next().await;
        assert!(is_the_failed_sign_in(&event), "{how:?}: {}", String::from_utf8_lossy(&event.line));
        assert!(event.at.0.abs_diff(event.received.0) < 120_000, "{how:?}");
    }
    let seen = world.seen.senders().remove(0);
    assert_eq!((seen.taken, seen.lost, seen.cut, world.seen.unlisted()), (5, 0, 0, 0));
    assert!(seen.last.is_some());
    world.end().await;
}

#[tokio::test]
async fn who_is_not_listed_is_not_heard_and_who_says_too_much_is_heard_in_part() {
    let stranger = World::start([10, 99, 99, 99], 1_000).await;
    logger(stranger.addresses.tcp[0], &["--tcp", "--octet-count"], Some(FAILED)).await;
    logger(stranger.addresses.udp[0], &["--udp"], Some(FAILED)).await;
    let heard = async {
        while stranger.seen.unlisted() < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, heard).await.unwrap();
    assert!(stranger.events.is_empty());
    stranger.end().await;

    let world = World::start([127, 0, 0, 1], 1).await;
    let folder = tempfile::tempdir().unwrap();
    let lines = folder.path().join("lines");
    std::fs::write(&lines, format!("{FAILED}\n").repeat(200)).unwrap();
    logger(world.addresses.tcp[0], &["--tcp", "--file", lines.to_str().unwrap()], None).await;
    let counted = async {
        loop {
            let seen = world.seen.senders().remove(0);
            if seen.taken + seen.lost >= 200 {
                return seen;
            }
            tokio::task::yield_now().await;
        }
    };
    let seen = tokio::time::timeout(PATIENCE, counted).await.unwrap();
    assert!(seen.taken >= 10 && seen.lost > 100, "{seen:?}");
    world.end().await;
}

/// Says a line by TLS without a certificate, and waits until it is hung up on.
async fn without_certificate(to: SocketAddr) {
    let mut client = Command::new("openssl")
        .args(["s_client", "-quiet", "-connect", &to.to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let mut said = client.stdin.take().unwrap();
    // It may be hung up on before it has said anything.
    drop(said.write_all(format!("<38>1 - - sshd - - - {FAILED}\n").as_bytes()).await);
    tokio::time::timeout(PATIENCE, client.wait()).await.unwrap().unwrap();
}

/// `rsyslogd` with a configuration of its own, which sends on what it is told by a socket in its folder.
fn rsyslog(folder: &Path, port: u16) -> Child {
    let at = folder.display();
    let configuration = format!(
        "global(workDirectory=\"{at}\" DefaultNetstreamDriver=\"ossl\" DefaultNetstreamDriverCAFile=\"{at}/ca.pem\"\n\
         DefaultNetstreamDriverCertFile=\"{at}/cert.pem\" DefaultNetstreamDriverKeyFile=\"{at}/key.pem\")\n\
         module(load=\"imuxsock\" SysSock.Use=\"off\")\n\
         input(type=\"imuxsock\" Socket=\"{at}/log.sock\")\n\
         action(type=\"omfwd\" target=\"localhost\" port=\"{port}\" protocol=\"tcp\" StreamDriver=\"ossl\"\n\
         StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\" StreamDriverPermittedPeers=\"localhost\"\n\
         TCP_Framing=\"octet-counted\" template=\"RSYSLOG_SyslogProtocol23Format\")\n"
    );
    std::fs::write(folder.join("rsyslog.conf"), configuration).unwrap();
    let mut command = Command::new("/usr/sbin/rsyslogd");
    command.arg("-n").arg("-f").arg(folder.join("rsyslog.conf")).arg("-i").arg(folder.join("pid"));
    command.kill_on_drop(true).spawn().unwrap()
}

#[tokio::test]
async fn rsyslog_sends_by_tls_with_a_certificate_that_is_trusted_and_is_not_heard_without_one() {
    let mut world = World::start([127, 0, 0, 1], 1_000).await;
    without_certificate(world.addresses.tls[0]).await;
    assert_eq!(world.seen.senders()[0].taken, 0);
    let port = world.addresses.tls[0].port();
    for fault in [Fault::Untrusted, Fault::None] {
        let folder = tempfile::tempdir().unwrap();
        let (chain, key) = world.authority.server_pem("server.larkfield.test", fault).unwrap();
        for (name, pem) in [("ca.pem", world.authority.pem()), ("cert.pem", chain), ("key.pem", key)] {
            std::fs::write(folder.path().join(name), pem).unwrap();
        }
        let sender = rsyslog(folder.path(), port);
        let socket = folder.path().join("log.sock");
        let told = async {
            // Until it listens there is nobody to tell.
            while !socket.exists() {
                tokio::task::yield_now().await;
            }
            let mut said = Command::new("logger");
            said.arg("--socket").arg(&socket).args(["--tag", "sshd", FAILED]);
            assert!(said.status().await.unwrap().success());
        };
        tokio::time::timeout(PATIENCE, told).await.unwrap();
        if fault == Fault::None {
            // Nothing of the sender that nobody trusts came before.
            assert_eq!(world.seen.senders()[0].taken, 0);
            assert!(is_the_failed_sign_in(&world.next().await));
        }
        drop(sender);
    }
    world.end().await;
}
