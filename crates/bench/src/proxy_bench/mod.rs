//! `bench proxy`: our web proxy on one core, beside Squid and e2guardian on the same core, asked by one client.
//!
//! Three processes and two cores: the proxy has one, the client and the origin share the other. What counts is the CPU
//! time of the proxy for each request, with every process it starts; rates stand beside it.

mod authority;
pub(crate) mod by_hand;
mod client;
mod e2guardian;
mod figures;
mod idle;
mod load;
mod network;
pub(crate) mod origin;
mod peer;
mod processes;
pub(crate) mod relay;
pub(crate) mod serve;
mod sites;
mod squid;

use crate::child::Program;
use crate::dns_bench::{PATIENCE, SEED, listening};
use crate::error::BenchError;
use crate::names::Names;
use crate::row::Row;
use crate::serve::start_thread;
use crate::{Depth, lists_files, machine, say, sys};
use client::{Expected, Way};
use figures::{Figures, Place};
use load::{Watched, Work};
use rustls_pki_types::CertificateDer;
use std::fs;
use std::net::SocketAddrV4;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// How much of each.
struct Sizes {
    names: u32,
    rounds: usize,
    warming: Duration,
    measured: Duration,
    paced: Duration,
    /// Connections that are held open without a word.
    idle: usize,
}

impl Sizes {
    fn of(depth: Depth) -> Self {
        match depth {
            Depth::Full => Self {
                names: 5_000_000,
                rounds: 5,
                warming: Duration::from_millis(500),
                measured: Duration::from_secs(3),
                paced: Duration::from_secs(5),
                idle: 5_000,
            },
            Depth::Quick => Self {
                names: 500_000,
                rounds: 2,
                warming: Duration::from_millis(300),
                measured: Duration::from_millis(1_500),
                paced: Duration::from_secs(2),
                idle: 1_000,
            },
        }
    }
}

/// Measures; the rows in the order of the targets.
pub(crate) fn rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let sizes = Sizes::of(depth);
    let [proxy_core, client_core] = machine::two_cores()?;
    say::remark(&network::enter()?);
    sys::stay_on(&[client_core]).map_err(BenchError::Socket)?;
    let folder = tempfile::tempdir().map_err(BenchError::Socket)?;
    peer::let_through(folder.path())?;
    let stage = Stage::set(folder.path(), &sizes, [proxy_core, client_core])?;
    let mut rows = stage.measure(&sizes)?.rows(&sizes);
    rows.push(idle::row(&stage, sizes.idle)?);
    Ok(rows)
}

/// The origin, and what every proxy is started with.
struct Stage {
    folder: PathBuf,
    proxy_core: String,
    origin: Program,
    origins: CertificateDer<'static>,
    expected: std::sync::Arc<Expected>,
}

/// Something on the way to the sites, or nothing.
struct Runner {
    program: Option<Program>,
    opened: Way,
    unread: Way,
}

impl Stage {
    fn set(folder: &Path, sizes: &Sizes, [proxy_core, client_core]: [usize; 2]) -> Result<Self, BenchError> {
        let (proxy_core, client_core) = (proxy_core.to_string(), client_core.to_string());
        let origins = authority::make(&folder.join("origins"), "Bench origins")?;
        let hosts = folder.join("hosts");
        fs::write(&hosts, sites::hosts_file()).map_err(BenchError::file(&hosts))?;
        let (lists, files) = (folder.join("lists"), folder.join("files"));
        lists_files::write(&files, Names::new(SEED), 0..sizes.names)?;
        let build = Program::own(&client_core, &["build-image", &text(&lists), &text(&files)])?;
        build.hear("built", PATIENCE)?;
        drop(build);
        let origin = Program::own(&client_core, &["serve-origin", &text(&folder.join("origins"))])?;
        origin.hear("serving", PATIENCE)?;
        Ok(Self { folder: folder.to_owned(), proxy_core, origin, origins, expected: Expected::new() })
    }

    /// No proxy.
    fn direct(&self) -> Result<Runner, BenchError> {
        let way = Way::new(None, &self.origins, &self.expected)?;
        Ok(Runner { program: None, opened: way.clone(), unread: way })
    }

    /// Our proxy, with a new authority in a folder of this name.
    fn ours(&self, name: &str) -> Result<Runner, BenchError> {
        let folder = self.folder.join(name);
        let own = authority::make(&folder, name)?;
        let [lists, origins] = ["lists", "origins"].map(|name| text(&self.folder.join(name)));
        let program = Program::own(&self.proxy_core, &["serve-proxy", &lists, &text(&folder), &origins])?;
        let address = listening(&program)?;
        self.runner(program, address, &own)
    }

    /// The relay that says what TLS alone costs, likewise.
    fn relay(&self, name: &str) -> Result<Runner, BenchError> {
        let folder = self.folder.join(name);
        let own = authority::make(&folder, name)?;
        let origins = text(&self.folder.join("origins"));
        let program = Program::own(&self.proxy_core, &["serve-relay", &text(&folder), &origins])?;
        let address = listening(&program)?;
        self.runner(program, address, &own)
    }

    /// Squid, likewise.
    fn squid(&self, name: &str) -> Result<Runner, BenchError> {
        let folder = self.folder.join(name);
        let own = authority::make(&folder, name)?;
        let (origins, hosts) = (self.folder.join("origins"), self.folder.join("hosts"));
        let (program, address) = squid::start(&self.proxy_core, &folder, &origins, &hosts)?;
        self.runner(program, address, &own)
    }

    /// e2guardian, likewise.
    fn e2guardian(&self, name: &str) -> Result<Runner, BenchError> {
        let folder = self.folder.join(name);
        let own = authority::make(&folder, name)?;
        let (origins, hosts) = (self.folder.join("origins"), self.folder.join("hosts"));
        let (program, address) = e2guardian::start(&self.proxy_core, &folder, &origins, &hosts)?;
        self.runner(program, address, &own)
    }

    /// What is opened must be signed by the proxy's own authority, what is passed unread by the origins'.
    fn runner(
        &self,
        program: Program,
        address: SocketAddrV4,
        own: &CertificateDer<'static>,
    ) -> Result<Runner, BenchError> {
        let way = |trusted| Way::new(Some(address), trusted, &self.expected);
        Ok(Runner { opened: way(own)?, unread: way(&self.origins)?, program: Some(program) })
    }

    /// In rounds, each in turn, so that whatever slows the machine slows all of them.
    fn measure(&self, sizes: &Sizes) -> Result<Figures, BenchError> {
        let runners = [
            (Place::Direct, self.direct()?),
            (Place::Relay, self.relay("relay")?),
            (Place::Ours, self.ours("ours")?),
            (Place::Squid, self.squid("squid")?),
            (Place::E2guardian, self.e2guardian("e2guardian")?),
        ];
        let mut own = machine::packet_threads();
        own.extend([self.origin.process(), std::process::id()]);
        own.extend(runners.iter().filter_map(|(_, runner)| runner.process()).flat_map(processes::family));
        for (place, runner) in &runners {
            load::meet_sites(&runner.opened).map_err(|source| place.failed(source))?;
        }
        let mut figures = Figures::default();
        for round in 0..sizes.rounds {
            for work in [Work::Pages, Work::Connections, Work::UnreadBulk, Work::OpenedBulk] {
                for (place, runner) in runners.iter().filter(|(place, _)| place.takes_part(work)) {
                    let way = if work == Work::UnreadBulk { &runner.unread } else { &runner.opened };
                    let watched = Watched { proxy: runner.process(), own: &own };
                    let outcome = load::run(way, work, watched, [sizes.warming, sizes.measured]);
                    figures.keep(*place, work, outcome.map_err(|source| place.failed(source))?);
                }
            }
            for (place, runner) in runners.iter().filter(|(place, _)| place.is_paced()) {
                let watched = Watched { proxy: runner.process(), own: &own };
                let paced = load::pace(&runner.opened, watched, sizes.paced);
                figures.keep_paced(*place, paced.map_err(|source| place.failed(source))?);
            }
            say::remark(&format!("round {} of {} is over", round + 1, sizes.rounds));
        }
        Ok(figures)
    }
}

impl Runner {
    fn process(&self) -> Option<u32> {
        self.program.as_ref().map(Program::process)
    }
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Cancelled when the program's input ends, which it does at the latest with its parent.
fn input_ended() -> Result<CancellationToken, BenchError> {
    let ended = CancellationToken::new();
    let told = ended.clone();
    start_thread("input", move || {
        for line in std::io::stdin().lines() {
            if line.is_err() {
                break;
            }
        }
        told.cancel();
    })?;
    Ok(ended)
}
