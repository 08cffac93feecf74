//! The whole program on the way between a school's network and the world: the rules it prints are loaded, and devices that
//! know of no proxy are filtered over both families, with the school's certificate and without it.

use crate::gate::{Gate, shipped_policy};
use crate::lists::{propose, said};
use std::collections::HashMap;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use testkit::certificates::Fault;
use testkit::network::{Network, SITE};
use testkit::origin::{Origin, TestPage};
use tokio::process::Command;

pub const LESSON: &str = "<!doctype html><title>Lesson</title><p>Unmistakable 4711";
/// A device of a class, with the school's certificate, and a visitor's, without; each family's address.
pub const CLASS: [&str; 2] = ["10.77.0.9", "fd77::9"];
const VISITOR: [&str; 2] = ["10.77.0.70", "fd77::46"];
const SOON: Duration = Duration::from_secs(60);

/// A gate that the web of a network is led through, and one site of the world: `education.schoolgate.test`.
pub struct Led {
    pub network: Network,
    pub gate: Gate,
    pub site: Origin,
    _plain: Origin,
    _world: JoinHandle<()>,
}

impl Led {
    /// `mode` is `redirect` or `tproxy`.
    pub async fn start(mode: &str) -> Self {
        let network = Network::new().unwrap();
        network.client.lay("eth0", &[&format!("{}/24", VISITOR[0]), &format!("{}/64", VISITOR[1])]).unwrap();
        let gate = Gate::start_changed(&network.gate.within(), |text| configuration(&text, mode)).await;
        propose(&gate, &policy()).await;
        let rules = gate.command(&["proxy", "nftables", "--interface", "lan0"]).await;
        assert!(rules.status.success(), "{}", said(&rules));
        network.load(&String::from_utf8(rules.stdout).unwrap()).unwrap();
        let (site, plain, world) = outside(&network, &gate);
        let led = Self { network, gate, site, _plain: plain, _world: world };
        led.until_the_policy_is_in_force().await;
        led
    }

    async fn until_the_policy_is_in_force(&self) {
        let since = Instant::now();
        loop {
            // Until then a visitor is somebody unknown, whose connections are opened.
            let visitor = Asked { trusts: Trusts::Origin, ..Asked::of(VISITOR[0], "https", "/") };
            let answer = self.fetch(&visitor).await;
            if answer.ends_with(" 200") {
                return;
            }
            assert!(since.elapsed() < SOON, "the policy is not in force: {answer}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// What a device gets: the body, then a line with the reason for which TLS failed (0 for none) and the status. It calls
    /// the site's address and trusts nobody but the authority that it is told to.
    pub async fn fetch(&self, asked: &Asked<'_>) -> String {
        let trusted = match asked.trusts {
            Trusts::School => self.gate.address("authority"),
            Trusts::Origin => self.gate.folder.path().join("origins.pem").display().to_string(),
        };
        let v6 = asked.from.contains(':');
        let at = if v6 { format!("[{}]", SITE[1]) } else { SITE[0].to_owned() };
        let port = if asked.scheme == "https" { 443 } else { 80 };
        let mut curl = self.command("curl");
        curl.args(["-s", "-m", "20", "-w", "\n%{ssl_verify_result} %{http_code}", "--cacert", &trusted]);
        curl.args(["--interface", asked.from, "--resolve", &format!("{}:{port}:{at}", asked.name)]);
        let output =
            curl.arg(format!("{}://{}{}", asked.scheme, asked.name, asked.path)).output().await.unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// A program at the client.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::from(self.network.client.command(program));
        command.kill_on_drop(true);
        command
    }

    /// What the history has. The gate starts anew outside the network for it, where its console is reached.
    pub async fn history(&mut self, filter: &str) -> String {
        if !self.gate.within.is_empty() {
            self.gate.within.clear();
            let without = |text: String| {
                text.lines().filter(|line| !line.starts_with("transparent")).collect::<Vec<_>>().join("\n")
            };
            self.gate.reconfigure(without).await;
        }
        self.gate.history_csv("safeguarding-lead", filter).await
    }
}

/// One request of a device.
pub struct Asked<'a> {
    pub from: &'a str,
    pub trusts: Trusts,
    pub scheme: &'a str,
    pub name: &'a str,
    pub path: &'a str,
}

#[derive(Clone, Copy, Debug)]
pub enum Trusts {
    School,
    Origin,
}

impl<'a> Asked<'a> {
    fn of(from: &'a str, scheme: &'a str, path: &'a str) -> Self {
        Self { from, trusts: Trusts::School, scheme, name: "education.schoolgate.test", path }
    }
}

fn configuration(text: &str, mode: &str) -> String {
    let led = format!(
        "[proxy]\ntransparent = [{{ listen = \"0.0.0.0:3129\", mode = \"{mode}\" }}, {{ listen = \"[::]:3129\", mode = \"{mode}\" }}]\n"
    );
    let name = "name = \"education.schoolgate.test\"\naddresses = ";
    text.replacen("[proxy]\n", &led, 1).replacen(
        &format!("{name}[\"127.0.0.1\"]"),
        &format!("{name}[\"{}\", \"{}\"]", SITE[0], SITE[1]),
        1,
    )
}

/// The shipped policy, with its classrooms and its visitors in the network of the test.
fn policy() -> String {
    let text = shipped_policy();
    let class = "ranges = [\"10.77.0.0/26\", \"fd77::/122\"]\ngroup = \"lower-ks2\"";
    let visitors = "ranges = [\"10.77.0.64/26\", \"fd77::40/122\"]";
    let moved = text.replacen("ranges = [\"10.20.0.0/20\"]", class, 1).replacen(
        "ranges = [\"10.20.64.0/22\"]",
        visitors,
        1,
    );
    assert_eq!(moved.matches("10.77.0.").count(), 2, "the shipped policy has these networks");
    moved
}

/// The site, over TLS and without.
fn outside(network: &Network, gate: &Gate) -> (Origin, Origin, JoinHandle<()>) {
    let tls = gate.authority.server("education.schoolgate.test", Fault::None, &["h2", "http/1.1"]).unwrap();
    let (send, receive) = mpsc::channel();
    let world = network.world.spawn(move || async move {
        let page = TestPage { content_type: "text/html", body: LESSON.into() };
        let pages = HashMap::from([("/".to_owned(), page)]);
        let site = Origin::at("[::]:443", Some(tls), pages.clone()).await.unwrap();
        send.send((site, Origin::at("[::]:80", None, pages).await.unwrap())).unwrap();
        std::future::pending::<()>().await;
    });
    let (site, plain) = receive.recv_timeout(SOON).unwrap();
    (site, plain, world)
}

#[tokio::test]
async fn devices_that_know_of_no_proxy_are_filtered_with_the_certificate_and_by_name_without_it() {
    for mode in ["redirect", "tproxy"] {
        let mut led = Led::start(mode).await;
        for (family, (class, visitor)) in CLASS.into_iter().zip(VISITOR).enumerate() {
            let path = format!("/?marked-{family}");
            for scheme in ["https", "http"] {
                let class = Asked::of(class, scheme, &path);
                let page = led.fetch(&class).await;
                assert_eq!(page, format!("{LESSON}\n0 200"), "{mode} {scheme} {}", class.from);
                let page = led.fetch(&Asked { name: "games.schoolgate.test", ..class }).await;
                assert!(
                    page.ends_with("\n0 403") && page.contains("it may be about games"),
                    "{mode} {scheme}: {page}"
                );
            }
            // The origin's own certificate arrives; a name that is not allowed ends the connection, without a word.
            let visitor = Asked { trusts: Trusts::Origin, ..Asked::of(visitor, "https", &path) };
            let page = led.fetch(&visitor).await;
            assert_eq!(page, format!("{LESSON}\n0 200"), "{mode} {}", visitor.from);
            let closed = led.fetch(&Asked { name: "gambling.schoolgate.test", ..visitor }).await;
            assert!(closed.ends_with(" 000"), "{mode}: {closed}");
            let trusts_us = led.fetch(&Asked { trusts: Trusts::School, ..visitor }).await;
            assert!(trusts_us.ends_with(" 000"), "nothing of ours is shown to visitors: {trusts_us}");
        }
        let allowed = led.history("host=education.schoolgate.test&outcome=allowed").await;
        let rows = |part: &str, other: &str| {
            allowed.lines().filter(|row| row.contains(part) && row.contains(other)).count()
        };
        for (family, (class, visitor)) in CLASS.into_iter().zip(VISITOR).enumerate() {
            let path = format!("/?marked-{family},");
            assert_eq!(
                rows(&format!(",{class},"), &path),
                2,
                "one page each way, with its address: {allowed}"
            );
            assert_eq!(rows(&format!(",{class},"), ",https,GET,"), 1, "{allowed}");
            assert!(rows(&format!(",{visitor},"), ",tunnel,") >= 2, "the name alone: {allowed}");
            assert_eq!(rows(&format!(",{visitor},"), "marked"), 0, "{allowed}");
        }
        let blocked = led.history("host=gambling.schoolgate.test&outcome=blocked").await;
        assert_eq!(blocked.matches(",tunnel,").count(), 2, "{blocked}");
    }
}
