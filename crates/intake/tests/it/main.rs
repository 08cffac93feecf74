//! RADIUS accounting as a real client sends it: `radclient` of FreeRADIUS; and logs as real senders send them.

#![expect(clippy::unwrap_used, reason = "a test stops where what it takes for granted does not hold")]

mod logs;

use intake::{AccountingClient, AccountingConfig, AccountingPorts, AccountingServer, Secret};
use model::{Clock, CurrentRoster, IdentityMap, KnownBy, Person, PersonId, Roster, Timestamp};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio_util::sync::CancellationToken;

const SECRET: &str = "a secret of some length";
const AT: &str = "10.20.0.7";

struct World {
    address: SocketAddr,
    identities: Arc<IdentityMap>,
    clock: Clock,
    stop: CancellationToken,
    running: tokio::task::JoinHandle<()>,
}

impl World {
    async fn start() -> Self {
        let amara = Person {
            id: PersonId(uuid::Uuid::from_u128(1)),
            login: "amara".to_owned(),
            display_name: "Amara Okoro".to_owned(),
            affiliations: Vec::new(),
        };
        let roster = Arc::new(CurrentRoster::new(Roster::new(vec![amara], Vec::new())));
        let (identities, clock) = (Arc::<IdentityMap>::default(), Clock::fixed(Timestamp(1_000)));
        let client = AccountingClient {
            address: IpAddr::from([127, 0, 0, 1]),
            secret: Secret::new(format!("{SECRET}\n").as_bytes()).unwrap(),
        };
        let config = AccountingConfig {
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            clients: vec![client],
            session_timeout: Duration::from_secs(600),
        };
        let ports = AccountingPorts { roster, identities: Arc::clone(&identities), clock: clock.clone() };
        let server = AccountingServer::bind(config, ports).await.unwrap();
        let (address, stop) = (server.local_addr(), CancellationToken::new());
        let running = tokio::spawn(server.run(stop.clone()));
        Self { address, identities, clock, stop, running }
    }

    /// Sends a report as an access point would; true when a response came that the client believes.
    async fn report(&self, attributes: &str, secret: &str) -> bool {
        let mut child = Command::new("radclient")
            .args(["-x", "-r", "1", "-t", "2", &self.address.to_string(), "acct", secret])
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        stdin.write_all(attributes.as_bytes()).await.unwrap();
        drop(stdin);
        let output = child.wait_with_output().await.unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        output.status.success() && said.contains("Received Accounting-Response")
    }

    fn known(&self) -> Vec<KnownBy> {
        let claims = self.identities.at(AT.parse().unwrap(), self.clock.now());
        claims.iter().map(|claim| claim.by).collect()
    }
}

fn attributes(status: &str, more: &str) -> String {
    format!(
        "User-Name = \"amara\"\nAcct-Status-Type = {status}\nAcct-Session-Id = \"5F-01\"\n\
         Calling-Station-Id = \"02-00-00-AA-BB-CC\"\nFramed-IP-Address = {AT}\n{more}"
    )
}

#[tokio::test]
async fn a_pupil_is_known_from_the_start_of_their_session_to_its_stop() {
    let world = World::start().await;
    assert!(world.report(&attributes("Start", "Framed-IPv6-Address = fd00::7\n"), SECRET).await);
    assert_eq!(world.known(), [KnownBy::Radius]);
    assert_eq!(world.identities.at("fd00::7".parse().unwrap(), world.clock.now()).len(), 1);
    world.clock.advance_ms(599_000);
    assert!(world.report(&attributes("Interim-Update", "Acct-Session-Time = 599\n"), SECRET).await);
    world.clock.advance_ms(599_000);
    assert_eq!(world.known(), [KnownBy::Radius]);
    assert!(world.report(&attributes("Stop", "Acct-Session-Time = 1198\n"), SECRET).await);
    assert_eq!(world.known(), []);
    world.stop.cancel();
    world.running.await.unwrap();
}

#[tokio::test]
async fn a_session_that_falls_silent_ends_and_one_that_began_before_a_restart_comes_back() {
    let world = World::start().await;
    assert!(world.report(&attributes("Interim-Update", ""), SECRET).await);
    assert_eq!(world.known(), [KnownBy::Radius]);
    world.clock.advance_ms(600_000);
    assert_eq!(world.known(), []);
}

#[tokio::test]
async fn a_message_authenticator_is_taken_and_another_secret_is_not_answered() {
    let world = World::start().await;
    assert!(!world.report(&attributes("Start", ""), "a secret of another").await);
    assert_eq!(world.known(), []);
    assert!(world.report(&attributes("Start", "Message-Authenticator = 0x00\n"), SECRET).await);
    assert_eq!(world.known(), [KnownBy::Radius]);
    assert!(world.report("Acct-Status-Type = Accounting-On\nAcct-Session-Id = \"0\"\n", SECRET).await);
    assert_eq!(world.known(), []);
}
