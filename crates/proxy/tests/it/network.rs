//! A small network of the test's own: a client, the gate between, and the world, each in a network namespace.
//!
//! It needs root and the right to make namespaces, `ip` and `nft`.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

pub const GATE_V4: &str = "10.77.0.1";
/// Where the world's sites are, and an address of the world at which they are not.
pub const SITE: [&str; 2] = ["198.51.100.10", "2001:db8:51::10"];
pub const ELSEWHERE: [&str; 2] = ["198.51.100.20", "2001:db8:51::20"];

pub struct Network {
    pub client: Namespace,
    pub gate: Namespace,
    pub world: Namespace,
}

/// A network namespace; gone with this value.
pub struct Namespace {
    pub name: String,
}

impl Network {
    /// Lays it out: `client` 10.77.0.9 and fd77::9 behind the gate's `lan0`, the world behind its `wan0`.
    pub fn new() -> Self {
        let [client, gate, world] = ["client", "gate", "world"].map(Namespace::new);
        for (wire, far) in [("lan0", &client), ("wan0", &world)] {
            gate.ip(&format!("link add {wire} type veth peer name eth0 netns {}", far.name));
            gate.ip(&format!("link set {wire} up"));
            far.ip("link set eth0 up");
        }
        for namespace in [&client, &gate, &world] {
            namespace.ip("link set lo up");
        }
        let lay = |at: &Namespace, wire: &str, addresses: &[&str]| {
            for address in addresses {
                let nodad = if address.contains(':') { " nodad" } else { "" };
                at.ip(&format!("address add {address} dev {wire}{nodad}"));
            }
        };
        lay(&client, "eth0", &["10.77.0.9/24", "fd77::9/64"]);
        lay(&gate, "lan0", &["10.77.0.1/24", "fd77::1/64"]);
        lay(&gate, "wan0", &["198.51.100.1/24", "2001:db8:51::1/64"]);
        for site in [SITE, ELSEWHERE] {
            lay(&world, "eth0", &[&format!("{}/24", site[0]), &format!("{}/64", site[1])]);
        }
        for (at, v4, v6) in [(&client, "10.77.0.1", "fd77::1"), (&world, "198.51.100.1", "2001:db8:51::1")] {
            at.ip(&format!("route add default via {v4}"));
            at.ip(&format!("-6 route add default via {v6}"));
        }
        gate.sh("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding");
        Self { client, gate, world }
    }

    /// Loads nftables rules at the gate, twice as a technician might, and runs the commands that stand in them.
    pub fn load(&self, rules: &str) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("rules.nft");
        std::fs::write(&file, rules).unwrap();
        for _ in 0..2 {
            self.gate.sh(&format!("nft -f {}", file.display()));
        }
        for command in rules.lines().filter_map(|line| line.strip_prefix("# run: ")) {
            self.gate.sh(command);
        }
    }
}

impl Namespace {
    fn new(role: &str) -> Self {
        let name = format!("schoolgate-{}-{role}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]));
        Self { name }
    }

    fn ip(&self, words: &str) {
        run(Command::new("ip").args(["-n", &self.name]).args(words.split(' ')));
    }

    fn sh(&self, script: &str) {
        run(Command::new("ip").args(["netns", "exec", &self.name, "sh", "-ec", script]));
    }

    /// A command to be run here.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).stdin(Stdio::null());
        command
    }

    /// What curl says of these arguments here: the body, then the status on a line of its own.
    pub fn curl(&self, arguments: &[&str]) -> String {
        let mut command = self.command("curl");
        command.args(["-s", "-k", "-m", "20", "-w", "\n%{http_code}"]);
        let output = command.args(arguments).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs something on a thread whose sockets are all of this namespace, with a runtime of its own.
    pub fn spawn<T, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let file = PathBuf::from("/run/netns").join(&self.name);
        std::thread::spawn(move || {
            let namespace = std::fs::File::open(file).unwrap();
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(work())
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

fn run(command: &mut Command) {
    let output = command.output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{command:?} (as root, with the right to make namespaces): {words}");
}
