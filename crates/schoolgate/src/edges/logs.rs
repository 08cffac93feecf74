//! Logs of other systems as the configuration has them.

use crate::config::{Config, LogsConfig};
use crate::error::ProgramError;
use crate::folder::Folder;
use crate::gate::Shared;
use intake::{LogConfig, LogPorts, LogServer, LogShelf, LogsSeen, OutsideEvent, log_tls};
use jiff::tz::TimeZone;
use model::Host;
use proxy::LeafSigner;
use rustls::ServerConfig;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::mpsc;

/// Events that may wait for the detectors: some seconds of a busy firewall.
const MOST_WAITING: usize = 8_192;

/// The end at which events come out of the listeners, and their figures.
pub(crate) struct LogEvents {
    pub(crate) events: mpsc::Receiver<OutsideEvent>,
    pub(crate) seen: Arc<LogsSeen>,
    /// Where lines are kept.
    pub(crate) shelf: LogShelf,
}

/// The listeners, where there are to be some.
pub(super) async fn bind(
    folder: &Folder,
    config: &Config,
    shared: &Shared,
    signer: &LeafSigner,
) -> Result<Option<(LogServer, LogEvents)>, ProgramError> {
    let logs = &config.logs;
    if !logs.is_taken() {
        return Ok(None);
    }
    let senders = logs.senders()?;
    let seen = Arc::new(LogsSeen::new(senders.iter().map(|sender| Arc::clone(&sender.name))));
    let (out, events) = mpsc::channel(MOST_WAITING);
    let zone: TimeZone = shared.snapshot.get().policy().time_zone.clone();
    let tls_settings = if logs.tls.is_empty() { None } else { Some(tls_settings(config, signer)?) };
    let settings = LogConfig {
        udp: logs.udp.clone(),
        tcp: logs.tcp.clone(),
        tls: logs.tls.clone(),
        tls_settings,
        senders,
    };
    let ports = LogPorts { clock: shared.clock.clone(), zone, out, seen: Arc::clone(&seen) };
    let server = LogServer::bind(settings, ports).await.map_err(ProgramError::part("logs"))?;
    let shelf = LogShelf::open(&folder.logs()).map_err(ProgramError::part("logs"))?;
    Ok(Some((server, LogEvents { events, seen, shelf })))
}

fn tls_settings(config: &Config, signer: &LeafSigner) -> Result<Arc<ServerConfig>, ProgramError> {
    let logs = &config.logs;
    let (chain, key) = certificate(logs, config.gate.host()?, signer)?;
    let mut authorities = Vec::new();
    for file in &logs.sender_authorities {
        authorities.extend(read(file)?);
        authorities.push(b'\n');
    }
    log_tls(&chain, &key, &authorities).map_err(ProgramError::part("logs"))
}

/// That of the configuration, or one of the school's own authority for the gate's name.
fn certificate(
    logs: &LogsConfig,
    gate: Host,
    signer: &LeafSigner,
) -> Result<(Vec<u8>, Vec<u8>), ProgramError> {
    if !logs.certificate.as_os_str().is_empty() {
        return Ok((read(&logs.certificate)?, read(&logs.key)?));
    }
    let addresses = logs.tls.iter().map(|listens| Host::Address(listens.ip()));
    let names: Vec<Host> = [gate].into_iter().chain(addresses).collect();
    let given = signer.server_certificate(&names).map_err(ProgramError::part("logs"))?;
    Ok((given.chain_pem.into_bytes(), given.key_pem.into_bytes()))
}

fn read(file: &Path) -> Result<Vec<u8>, ProgramError> {
    std::fs::read(file).map_err(|source| ProgramError::file(file, source))
}
