//! A small network of a test's own: a client, the gate between, and the world, each in a network namespace.
//!
//! It needs root and the right to make namespaces, `ip` and `nft`.

use crate::TestError;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread::JoinHandle;

/// The gate, as its clients see it.
pub const GATE_V4: &str = "10.77.0.1";
/// Where the world's sites are.
pub const SITE: [&str; 2] = ["198.51.100.10", "2001:db8:51::10"];
/// Addresses of the world at which they are not.
pub const ELSEWHERE: [&str; 2] = ["198.51.100.20", "2001:db8:51::20"];

/// So many namespaces this process has made.
static LAID_OUT: AtomicU32 = AtomicU32::new(0);

/// The three, and the wires between.
#[derive(Debug)]
pub struct Network {
    /// A host of the school.
    pub client: Namespace,
    /// The machine between.
    pub gate: Namespace,
    /// Everything outside.
    pub world: Namespace,
}

/// A network namespace; gone with this value.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Network {
    /// Lays it out: `client` 10.77.0.9 and fd77::9 behind the gate's `lan0`, the world behind its `wan0`.
    pub fn new() -> Result<Self, TestError> {
        let [client, gate, world] =
            [Namespace::new("client")?, Namespace::new("gate")?, Namespace::new("world")?];
        for (wire, far) in [("lan0", &client), ("wan0", &world)] {
            gate.ip(&format!("link add {wire} type veth peer name eth0 netns {}", far.name))?;
            gate.ip(&format!("link set {wire} up"))?;
            far.ip("link set eth0 up")?;
        }
        for namespace in [&client, &gate, &world] {
            namespace.ip("link set lo up")?;
        }
        client.lay("eth0", &["10.77.0.9/24", "fd77::9/64"])?;
        gate.lay("lan0", &["10.77.0.1/24", "fd77::1/64"])?;
        gate.lay("wan0", &["198.51.100.1/24", "2001:db8:51::1/64"])?;
        for [v4, v6] in [SITE, ELSEWHERE] {
            world.lay("eth0", &[&format!("{v4}/24"), &format!("{v6}/64")])?;
        }
        for (at, v4, v6) in [(&client, "10.77.0.1", "fd77::1"), (&world, "198.51.100.1", "2001:db8:51::1")] {
            at.ip(&format!("route add default via {v4}"))?;
            at.ip(&format!("-6 route add default via {v6}"))?;
        }
        gate.sh("echo 1 > /proc/sys/net/ipv4/ip_forward; echo 1 > /proc/sys/net/ipv6/conf/all/forwarding")?;
        Ok(Self { client, gate, world })
    }

    /// Loads nftables rules at the gate, twice as a technician might, and runs the commands that stand in them.
    pub fn load(&self, rules: &str) -> Result<(), TestError> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("rules.nft");
        std::fs::write(&file, rules)?;
        for _ in 0..2 {
            self.gate.sh(&format!("nft -f {}", file.display()))?;
        }
        for command in rules.lines().filter_map(|line| line.strip_prefix("# run: ")) {
            self.gate.sh(command)?;
        }
        Ok(())
    }
}

impl Namespace {
    fn new(role: &str) -> Result<Self, TestError> {
        let number = LAID_OUT.fetch_add(1, Ordering::Relaxed);
        let name = format!("schoolgate-{}-{number}-{role}", std::process::id());
        run(Command::new("ip").args(["netns", "add", &name]))?;
        Ok(Self { name })
    }

    /// Gives a wire of this namespace addresses, each with the length of its prefix.
    pub fn lay(&self, wire: &str, addresses: &[&str]) -> Result<(), TestError> {
        for address in addresses {
            let nodad = if address.contains(':') { " nodad" } else { "" };
            self.ip(&format!("address add {address} dev {wire}{nodad}"))?;
        }
        Ok(())
    }

    fn ip(&self, words: &str) -> Result<(), TestError> {
        run(Command::new("ip").args(["-n", &self.name]).args(words.split(' ')))
    }

    fn sh(&self, script: &str) -> Result<(), TestError> {
        run(Command::new("ip").args(["netns", "exec", &self.name, "sh", "-ec", script]))
    }

    /// The words that begin such a command, for who writes it out.
    pub fn within(&self) -> [&str; 4] {
        ["ip", "netns", "exec", &self.name]
    }

    /// A command to be run here.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name, program]).stdin(Stdio::null());
        command
    }

    /// What curl says of these arguments here: the body, then the status on a line of its own.
    pub fn curl(&self, arguments: &[&str]) -> Result<String, TestError> {
        let mut command = self.command("curl");
        command.args(["-s", "-k", "-m", "20", "-w", "\n%{http_code}"]);
        let output = command.args(arguments).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Runs something on a thread whose sockets are all of this namespace, with a runtime of its own.
    #[expect(clippy::expect_used, reason = "a thread of a test fails by panicking, which its test hears of")]
    pub fn spawn<T, F>(&self, work: impl FnOnce() -> F + Send + 'static) -> JoinHandle<T>
    where
        T: Send + 'static,
        F: Future<Output = T>,
    {
        let file = PathBuf::from("/run/netns").join(&self.name);
        std::thread::spawn(move || {
            let namespace = std::fs::File::open(file).expect("the namespace is there");
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network))
                .expect("the thread may enter it");
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("a runtime starts");
            runtime.block_on(work())
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What is left behind belongs to nobody; a test that went well has not failed for it.
        drop(Command::new("ip").args(["netns", "del", &self.name]).status());
    }
}

fn run(command: &mut Command) -> Result<(), TestError> {
    let output = command.output()?;
    if output.status.success() {
        return Ok(());
    }
    let words = String::from_utf8_lossy(&output.stderr);
    Err(TestError::new(format!("{command:?} (as root, with the right to make namespaces): {words}")))
}
