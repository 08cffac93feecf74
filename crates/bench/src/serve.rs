//! Our DNS server as a process of its own: the product's server, snapshot and mapped image, with nothing left out but the
//! writing of the history. Its events are taken up in batches as they are in a gate, by a thread on the same core, and
//! then let go.

use crate::error::BenchError;
use crate::school::{School, roster, sign_in};
use crate::{lists_files, say, sys};
use dns::{DnsConfig, DnsPorts, DnsServer};
use model::{Clock, CurrentRoster, EventReceiver, IdentityMap, event_channel};
use policy::{CurrentSnapshot, Image, Snapshot};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// Events that may wait, as in a gate.
pub(crate) const MOST_WAITING_EVENTS: usize = 16_384;
const MOST_IN_BATCH: usize = 4_096;
const WAIT: Duration = Duration::from_millis(500);

/// Serves the image of a folder, asking `upstream`, until its input ends. A line `swap FILES` of the input builds the
/// image of these list files and puts it in force.
pub(crate) fn serve(folder: &Path, upstream: SocketAddr) -> Result<(), BenchError> {
    let image = lists::open_current(folder).unwrap_or_else(Image::empty);
    let snapshot = Arc::new(CurrentSnapshot::new(compiled(image)));
    let (events, receiver) = event_channel(MOST_WAITING_EVENTS);
    start_thread("recorder", move || take_up(&receiver))?;
    let identities = Arc::new(IdentityMap::default());
    sign_in(&identities, Clock::System.now());
    let ports = DnsPorts {
        snapshot: Arc::clone(&snapshot),
        roster: Arc::new(CurrentRoster::new(roster())),
        identities,
        events,
        clock: Clock::System,
    };
    let config = DnsConfig {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        workers: 1,
        upstreams: vec![upstream.into()],
        ..DnsConfig::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime = runtime.map_err(BenchError::Socket)?;
    runtime.block_on(async {
        let server = DnsServer::bind(config, ports).await?;
        for address in server.local_addrs() {
            say::result(&format!("listening {address}"));
        }
        let stop = CancellationToken::new();
        let (folder, ended) = (folder.to_owned(), stop.clone());
        // Where a gate builds too: behind the threads that answer.
        let commands = lists::background_thread(move || {
            obey(&folder, &snapshot);
            ended.cancel();
        });
        commands.map_err(BenchError::Socket)?;
        server.run(stop).await;
        Ok(())
    })
}

fn compiled(image: Image) -> Snapshot {
    Snapshot::compile(School::new().policy(), image, Vec::new())
}

pub(crate) fn take_up(events: &EventReceiver) {
    let mut batch = Vec::new();
    while events.batch(WAIT, MOST_IN_BATCH, &mut batch) {
        batch.clear();
    }
}

fn obey(folder: &Path, snapshot: &CurrentSnapshot) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let Some(files) = line.strip_prefix("swap ") else { continue };
        match swap(folder, &PathBuf::from(files), snapshot) {
            Ok(()) => {}
            Err(error) => say::problem(&error),
        }
    }
}

/// Reads, builds, writes, maps and puts in force, as an update of the lists does.
fn swap(folder: &Path, files: &Path, snapshot: &CurrentSnapshot) -> Result<(), BenchError> {
    // The gate leaves it to the system where it builds; here only the server is bound to one core.
    let cores: Vec<usize> = (0..crate::machine::all_cores()).collect();
    sys::stay_on(&cores).map_err(BenchError::Socket)?;
    let built = lists_files::build(files)?;
    let image = lists::write(folder, &built)?;
    drop(built);
    let next = compiled(image);
    say::result("swapping");
    lists::let_go(snapshot.put(next));
    say::result(&format!("swapped {}", sys::thread_cpu().as_secs_f64()));
    Ok(())
}

pub(crate) fn start_thread(name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), BenchError> {
    let spawned = thread::Builder::new().name(name.into()).spawn(work);
    spawned.map(drop).map_err(BenchError::Socket)
}
