//! The peer: Debian's Unbound with one thread, told to answer the same names with `NXDOMAIN` and to forward the rest.

use crate::child::Program;
use crate::error::BenchError;
use crate::machine::cpu_ticks;
use crate::names::Names;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket};
use std::ops::Range;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long it may take to read five million names.
const MOST_LOADING: Duration = Duration::from_secs(400);
const ASKING_AGAIN: Duration = Duration::from_millis(50);
/// A question for the root's name servers, which it answers from anywhere.
const ALIVE: [u8; 17] = [0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 1];

/// A running Unbound.
pub(crate) struct Unbound {
    program: Program,
    address: SocketAddrV4,
}

/// Its name and version, for the rows.
pub(crate) fn version() -> String {
    let output = Command::new("unbound").arg("-V").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let version = text.lines().find_map(|line| line.strip_prefix("Version "));
    format!("Unbound {}", version.unwrap_or("of unknown version"))
}

impl Unbound {
    /// Starts it with the names of these numbers; it reads them until [`Unbound::ready`].
    pub(crate) fn start(
        folder: &Path,
        core: &str,
        (names, numbers): (Names, Range<u32>),
        upstream: SocketAddr,
    ) -> Result<Self, BenchError> {
        fs::create_dir_all(folder).map_err(BenchError::file(folder))?;
        let address = free_address()?;
        let (zones, conf) = (folder.join("zones.conf"), folder.join("unbound.conf"));
        write_zones(&zones, names, numbers).map_err(BenchError::file(&zones))?;
        let text = configuration(folder, &zones, address, upstream);
        fs::write(&conf, text).map_err(BenchError::file(&conf))?;
        let program = Program::other(core, "unbound", &["-d", "-c", &conf.to_string_lossy()])?;
        Ok(Self { program, address })
    }

    /// Waits until it answers.
    pub(crate) fn ready(&self) -> Result<(), BenchError> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(BenchError::Socket)?;
        socket.set_read_timeout(Some(ASKING_AGAIN)).map_err(BenchError::Socket)?;
        let begun = Instant::now();
        let mut answer = [0; 512];
        while begun.elapsed() < MOST_LOADING {
            // Until it listens, the system answers that nobody does.
            let _ = socket.send_to(&ALIVE, self.address);
            let waited = Instant::now();
            while waited.elapsed() < ASKING_AGAIN {
                if socket.recv_from(&mut answer).is_ok() {
                    return Ok(());
                }
            }
        }
        Err(BenchError::Silent { program: "unbound".into(), expected: "an answer" })
    }

    pub(crate) fn address(&self) -> SocketAddrV4 {
        self.address
    }

    pub(crate) fn process(&self) -> u32 {
        self.program.process()
    }

    /// The CPU time it has used, in seconds.
    pub(crate) fn cpu_seconds(&self) -> f64 {
        cpu_ticks(self.process()).unwrap_or(0) as f64 / 100.0
    }
}

fn free_address() -> Result<SocketAddrV4, BenchError> {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).map_err(BenchError::Socket)?;
    let port = socket.local_addr().map_err(BenchError::Socket)?.port();
    Ok(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port))
}

fn write_zones(path: &Path, names: Names, numbers: Range<u32>) -> std::io::Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let mut name = String::new();
    for number in numbers {
        name.clear();
        names.append(number, &mut name);
        writeln!(file, "local-zone: \"{name}.\" always_nxdomain")?;
    }
    file.flush()
}

/// As its manual advises for one busy thread: generous caches and buffers, short answers, nothing that only costs.
fn configuration(folder: &Path, zones: &Path, address: SocketAddrV4, upstream: SocketAddr) -> String {
    let mut text = String::from("server:\n");
    let folder = folder.display();
    for line in [
        "verbosity: 0",
        "num-threads: 1",
        "do-daemonize: no",
        "use-syslog: no",
        "username: \"\"",
        "chroot: \"\"",
        "do-ip6: no",
        "do-not-query-localhost: no",
        "access-control: 127.0.0.0/8 allow",
        "module-config: \"iterator\"",
        "minimal-responses: yes",
        "rrset-roundrobin: no",
        "so-reuseport: yes",
        "so-rcvbuf: 4m",
        "so-sndbuf: 4m",
        "outgoing-range: 8192",
        "num-queries-per-thread: 4096",
        "msg-cache-size: 128m",
        "rrset-cache-size: 256m",
        "msg-cache-slabs: 1",
        "rrset-cache-slabs: 1",
    ] {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {line}");
    }
    let (ip, port) = (address.ip(), address.port());
    let _ = writeln!(text, "  interface: {ip}\n  port: {port}\n  directory: \"{folder}\"");
    let _ = writeln!(text, "  pidfile: \"{folder}/unbound.pid\"\n  include: \"{}\"", zones.display());
    let _ = writeln!(text, "remote-control:\n  control-enable: no");
    let (ip, port) = (upstream.ip(), upstream.port());
    let _ = writeln!(text, "forward-zone:\n  name: \".\"\n  forward-addr: {ip}@{port}");
    text
}
