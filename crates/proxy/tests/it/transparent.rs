//! A host in a network of its own that knows of no proxy: its web is led to the gate, over both families.

use crate::certificates::Flaw;
use crate::origin::Origin;
use crate::world::{Setting, World};
use model::{AccessEvent, Channel, EventOutcome, Leaks, WayRound};
use proxy::{Transparent, TransparentMode, nftables};
use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::Duration;
use testkit::network::{ELSEWHERE, GATE_V4, Network, SITE};
use tokio::sync::oneshot;

/// The gate and the world's site, running.
pub struct Running {
    pub network: Network,
    pub leaks: Arc<Leaks>,
    stop: oneshot::Sender<()>,
    gate: JoinHandle<Vec<AccessEvent>>,
    _world: JoinHandle<()>,
}

impl Running {
    /// `good.test`, `other.test` and `denied.test` are one site of the world, which answers at every address of the world.
    pub fn start(mode: TransparentMode) -> Self {
        let network = Network::new().unwrap();
        let led = |listen: &str| Transparent { listen: listen.parse().unwrap(), mode };
        let transparent = vec![led("0.0.0.0:3129"), led("[::]:3129")];
        let rules = nftables(&["lan0".to_owned()], &transparent).unwrap();
        let setting = Setting {
            transparent,
            sites: SITE.iter().map(|address| address.parse().unwrap()).collect(),
            ..Setting::default()
        };
        let (ready, is_ready) = mpsc::channel();
        let (stop, stopped) = oneshot::channel::<()>();
        let gate = network.gate.spawn(move || async move {
            let world = World::with(setting).await;
            ready
                .send((Arc::clone(&world.leaks), world.root.server("good.test", Flaw::None, &["http/1.1"])))
                .unwrap();
            let _ = stopped.await;
            world.finish().await
        });
        let (leaks, tls) = is_ready.recv_timeout(Duration::from_secs(60)).unwrap();
        let (listening, is_listening) = mpsc::channel();
        let world = network.world.spawn(move || async move {
            let _sites = (Origin::at("[::]:443", Some(tls)).await, Origin::at("[::]:80", None).await);
            listening.send(()).unwrap();
            std::future::pending::<()>().await;
        });
        is_listening.recv_timeout(Duration::from_secs(60)).unwrap();
        network.load(&rules).unwrap();
        Self { network, leaks, stop, gate, _world: world }
    }

    /// What the client gets for a name, at an address that it believes in.
    fn fetch(&self, scheme: &str, name: &str, at: &str) -> String {
        let port = if scheme == "https" { 443 } else { 80 };
        let at = if at.contains(':') { format!("[{at}]") } else { at.to_owned() };
        let url = format!("{scheme}://{name}/lesson");
        self.network.client.curl(&["--resolve", &format!("{name}:{port}:{at}"), &url]).unwrap()
    }

    pub fn finish(self) -> Vec<AccessEvent> {
        self.stop.send(()).unwrap();
        self.gate.join().unwrap()
    }
}

#[test]
fn a_host_that_knows_of_no_proxy_is_filtered_over_both_families_led_by_redirect() {
    filtered(TransparentMode::Redirect);
}

#[test]
fn a_host_that_knows_of_no_proxy_is_filtered_over_both_families_led_by_tproxy() {
    filtered(TransparentMode::Tproxy);
}

fn filtered(mode: TransparentMode) {
    let running = Running::start(mode);
    for site in SITE {
        for scheme in ["https", "http"] {
            let good = running.fetch(scheme, "good.test", site);
            assert!(good.ends_with("\n200"), "{mode:?} {scheme} {site}: {good}");
            let denied = running.fetch(scheme, "denied.test", site);
            assert!(denied.ends_with("\n403"), "{mode:?} {scheme} {site}: {denied}");
        }
    }
    assert_eq!(running.leaks.since_start(WayRound::OtherAddress), 0);
    // A name at another's address: the name is decided and its own address is dialled.
    for elsewhere in ELSEWHERE {
        let denied = running.fetch("https", "denied.test", elsewhere);
        assert!(denied.ends_with("\n403"), "{mode:?} {elsewhere}: {denied}");
        let good = running.fetch("http", "good.test", elsewhere);
        assert!(good.ends_with("\n200"), "{mode:?} {elsewhere}: {good}");
    }
    assert_eq!(running.leaks.since_start(WayRound::OtherAddress), 4);
    // Without a name the address counts, and this one the proxy does not serve; nor is its own port a way to itself.
    let literal = running.network.client.curl(&[&format!("https://{}/", SITE[0])]).unwrap();
    assert!(literal.ends_with("\n403"), "{mode:?}: {literal}");
    let itself = running.network.client.curl(&[&format!("http://{GATE_V4}:3129/")]).unwrap();
    assert!(itself.ends_with("\n000"), "{mode:?}: {itself}");
    let events = running.finish();
    let read =
        |event: &&AccessEvent| event.channel == Channel::Https && event.outcome == EventOutcome::Allowed;
    assert_eq!(events.iter().filter(read).count(), 2, "{events:?}");
    let clients = ["10.77.0.9", "fd77::9"];
    assert!(events.iter().all(|event| clients.contains(&event.address.to_string().as_str())), "{events:?}");
}

/// Which addresses a machine has is not known where a listener takes them all; the connection tells.
#[test]
fn a_public_address_of_the_machine_is_no_way_back_to_the_proxy() {
    let network = Network::new().unwrap();
    network.gate.lay("lo", &["81.2.69.77/32"]).unwrap();
    let statuses = network.gate.spawn(|| async {
        let listener =
            Transparent { listen: "0.0.0.0:3129".parse().unwrap(), mode: TransparentMode::Redirect };
        let sites = vec!["81.2.69.77".parse().unwrap()];
        let world = World::with(Setting { transparent: vec![listener], sites, ..Setting::default() }).await;
        let origin = Origin::at("81.2.69.77:3130", None).await;
        let client = world.client();
        (
            client.tunnel("bypass.test", origin.port()).await.is_ok(),
            client.tunnel("bypass.test", 3129).await.err(),
        )
    });
    assert_eq!(statuses.join().unwrap(), (true, Some(403)));
}

/// What becomes of a datagram to the world.
fn datagram(to: &str, port: u16) -> std::io::Result<usize> {
    let socket = UdpSocket::bind(if to.contains(':') { "[::]:0" } else { "0.0.0.0:0" })?;
    socket.connect((to, port))?;
    socket.set_read_timeout(Some(Duration::from_secs(10)))?;
    socket.send(b"hello")?;
    socket.recv(&mut [0; 16])
}

#[test]
fn quic_dns_elsewhere_and_tunnels_are_refused_at_once_and_nothing_else_is() {
    let network = Network::new().unwrap();
    let (listening, is_listening) = mpsc::channel();
    let ports = [443, 853, 53, 1194, 4443];
    let _world = network.world.spawn(move || async move {
        // At the very address, so that the echo comes from there too.
        for at in SITE.iter().flat_map(|site| ports.map(|port| (*site, port))) {
            let (listener, socket) = (TcpListener::bind(at).unwrap(), UdpSocket::bind(at).unwrap());
            std::thread::spawn(move || {
                let _kept = listener;
                let mut heard = [0; 16];
                while let Ok((length, from)) = socket.recv_from(&mut heard) {
                    let _ = socket.send_to(&heard[..length], from);
                }
            });
        }
        listening.send(()).unwrap();
    });
    is_listening.recv_timeout(Duration::from_secs(60)).unwrap();
    let try_all = || {
        let tried = network.client.spawn(move || async move {
            let sites = SITE.iter().flat_map(|site| ports.map(|port| (*site, port)));
            let outcome = |ended: std::io::Result<()>| ended.map_err(|error| error.kind());
            sites
                .map(|(site, port)| {
                    let udp = outcome(datagram(site, port).map(|_| ()));
                    (port, udp, outcome(TcpStream::connect((site, port)).map(|_| ())))
                })
                .collect::<Vec<_>>()
        });
        tried.join().unwrap()
    };
    let before = try_all();
    assert!(before.iter().all(|(_, udp, tcp)| udp.is_ok() && tcp.is_ok()), "open at first: {before:?}");
    // Nothing listens there: that the web is led there is shown elsewhere.
    let listener = Transparent { listen: "0.0.0.0:3129".parse().unwrap(), mode: TransparentMode::Redirect };
    network.load(&nftables(&["lan0".to_owned()], &[listener]).unwrap()).unwrap();
    for (port, udp, tcp) in try_all() {
        let expected = if port == 4443 { Ok(()) } else { Err(ErrorKind::ConnectionRefused) };
        assert_eq!((udp, tcp), (expected, expected), "{port}");
    }
}
