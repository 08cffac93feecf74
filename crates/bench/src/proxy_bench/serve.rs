//! Our proxy as a process of its own: the product's proxy with a real snapshot, people who are signed in, and events that are
//! taken up in batches on the same core. Only writing the history is left out.

use super::sites::all;
use super::{authority, input_ended};
use crate::error::BenchError;
use crate::say;
use crate::school::{School, roster, sign_in};
use crate::serve::{MOST_WAITING_EVENTS, start_thread, take_up};
use model::{Clock, CurrentRoster, Host, IdentityMap, event_channel};
use policy::{CurrentSnapshot, Image, Snapshot};
use proxy::{Config, LeafSigner, Ports, Proxy, Resolver};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

/// Serves with the lists of one folder and the authority of another, trusting the origins' authority, until the
/// program's input ends.
pub(crate) fn serve(lists: &Path, own: &Path, origins: &Path) -> Result<(), BenchError> {
    let image = lists::open_current(lists).unwrap_or_else(Image::empty);
    let snapshot = Snapshot::compile(School::new().policy(), image, Vec::new());
    let (events, receiver) = event_channel(MOST_WAITING_EVENTS);
    start_thread("recorder", move || take_up(&receiver))?;
    let (identities, clock) = (Arc::new(IdentityMap::default()), Clock::System);
    sign_in(&identities, clock.now());
    let ports = Ports {
        snapshot: Arc::new(CurrentSnapshot::new(snapshot)),
        roster: Arc::new(CurrentRoster::new(roster())),
        identities,
        events,
        signer: Arc::new(LeafSigner::new(authority::load(own)?, clock.clone())?),
        clock,
        resolver: Arc::new(resolver()),
        handed_out: Arc::default(),
        leaks: Arc::default(),
        suggestions: Arc::default(),
    };
    let config = Config {
        listen: vec![SocketAddr::from((Ipv4Addr::LOCALHOST, 0))],
        extra_roots: vec![authority::load(origins)?.certificate_der().clone()],
        ..Config::default()
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    runtime.map_err(BenchError::Socket)?.block_on(async {
        let proxy = Proxy::bind(config, ports).await?;
        for address in proxy.local_addresses() {
            say::result(&format!("listening {address}"));
        }
        let ended = input_ended()?;
        proxy.run(ended.cancelled_owned()).await;
        Ok(())
    })
}

fn resolver() -> Resolver {
    let listed = all()
        .into_iter()
        .filter_map(|site| Some((Host::parse(&site.name).ok()?, vec![IpAddr::V4(site.address)])));
    Resolver::new(listed.collect(), Vec::new())
}
