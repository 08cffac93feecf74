//! Opening the history where the configuration says that it lies.

use crate::config::{Config, HistoryPlace, ServerConfig};
use crate::edges::{read_roots, read_secret};
use crate::error::ProgramError;
use crate::folder::Folder;
use history::{History, HostsUsed, ServerPlace};
use model::{GateId, Timestamp};

/// Opens it to write to. A server is not asked yet: a gate starts whether or not it answers.
pub(crate) fn open(folder: &Folder, config: &Config) -> Result<History, ProgramError> {
    open_at(folder, config, config.history.place)
}

/// Opens one of its places to write to.
pub(crate) fn open_at(
    folder: &Folder,
    config: &Config,
    place: HistoryPlace,
) -> Result<History, ProgramError> {
    let gate = GateId(config.gate.id);
    match place {
        HistoryPlace::Clickhouse => on_server(folder, &config.history.server, gate),
        HistoryPlace::Folder => {
            let (history, recovery) =
                History::open(&folder.history(), gate).map_err(ProgramError::part("history"))?;
            tracing::info!(days = recovery.days, torn_bytes = recovery.torn_bytes, "the history is open");
            Ok(history)
        }
    }
}

/// Opens it to read, beside a gate that may be running.
pub(crate) fn open_to_read(folder: &Folder, config: &Config) -> Result<History, ProgramError> {
    let gate = GateId(config.gate.id);
    match config.history.place {
        // Reading takes nothing over from whoever writes.
        HistoryPlace::Clickhouse => on_server(folder, &config.history.server, gate),
        HistoryPlace::Folder => {
            History::open_to_read(&folder.history(), gate).map_err(ProgramError::part("history"))
        }
    }
}

/// Where sites that were used are counted, each time anew.
#[derive(Clone)]
pub(crate) enum Used {
    /// A folder that a gate may have open; where it is not there, nothing was used.
    Folder(std::path::PathBuf, GateId),
    Server(History),
}

impl Used {
    pub(crate) fn of(folder: &Folder, config: &Config) -> Result<Self, ProgramError> {
        match config.history.place {
            HistoryPlace::Folder => Ok(Self::Folder(folder.history(), GateId(config.gate.id))),
            HistoryPlace::Clickhouse => open_to_read(folder, config).map(Self::Server),
        }
    }

    /// The sites that were reached in the last days.
    pub(crate) fn sites(&self, now: Timestamp) -> Result<HostsUsed, app::AppError> {
        match self {
            Self::Folder(folder, _) if !folder.is_dir() => Ok(HostsUsed::default()),
            Self::Folder(folder, gate) => app::sites_used(&History::open_to_read(folder, *gate)?, now),
            Self::Server(history) => app::sites_used(history, now),
        }
    }
}

fn on_server(folder: &Folder, config: &ServerConfig, gate: GateId) -> Result<History, ProgramError> {
    config.check()?;
    let password = read_secret(&folder.secrets().join(&config.password))?;
    if password.trim().is_empty() {
        return Err(ProgramError::Question(format!(
            "history.server.password: expected something in secrets/{}, found nothing",
            config.password
        )));
    }
    if !password.trim_end().bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ') {
        return Err(ProgramError::Question(format!(
            "history.server.password: expected letters, digits and signs of ASCII in secrets/{}, found others",
            config.password
        )));
    }
    let place = ServerPlace {
        address: config.address.clone(),
        database: config.database.clone(),
        user: config.user.clone(),
        password: password.trim_end().to_owned().into(),
        roots: read_roots(&config.trusted_roots, "history.server.trusted_roots")?,
    };
    let history = History::on_server(place, gate).map_err(ProgramError::part("history"))?;
    tracing::info!("the history lies on a ClickHouse server");
    Ok(history)
}
