//! Opening the records: where they are, how each database is set up, and the pool of connections.

use crate::group::Waiting;
use crate::{StoreError, migrations};
use model::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyPool, ConnectOptions};
use std::fmt;
use std::fs::OpenOptions;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;

/// Where the records are.
#[derive(Clone, PartialEq, Eq)]
pub enum Place {
    /// In this process's memory: gone when it ends. For tests and for trying a policy.
    Memory,
    /// In an SQLite file, made if missing, readable by this user alone.
    File(PathBuf),
    /// In PostgreSQL: its address, as `postgres://user@host/database`. It may hold a password, so it is never printed.
    Postgres(String),
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Memory => f.write_str("Memory"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Postgres(_) => f.write_str("Postgres(hidden)"),
        }
    }
}

/// The records. A clone is another handle on the same ones.
#[derive(Clone, Debug)]
pub struct Store {
    pub(crate) pool: AnyPool,
    pub(crate) begin: &'static str,
    /// One writer at a time: SQLite has only one, and a queue here is fairer than its busy handler.
    pub(crate) writer: Arc<Mutex<()>>,
    /// What waits for that turn.
    pub(crate) waiting: Arc<Waiting>,
}

/// How long a use case waits for a connection before it says so.
const WAIT_FOR_CONNECTION: Duration = Duration::from_secs(10);
/// The most connections to SQLite's file; each is a thread.
const MOST_FILE_CONNECTIONS: u32 = 4;
/// The most connections to PostgreSQL.
const MOST_POSTGRES_CONNECTIONS: u32 = 8;

/// What is left as it is in a path; all else is percent-encoded on its way through a URL.
const PATH_CHARACTERS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.');

/// Settings of each SQLite connection. Full synchronisation: a commit that was answered survives a power cut.
const SQLITE_SETTINGS: &str = "pragma journal_mode = wal; pragma synchronous = full; pragma foreign_keys = on; \
                               pragma busy_timeout = 5000; pragma trusted_schema = off";

impl Store {
    /// Opens the records, makes them where there are none, and brings them to this program's form.
    pub async fn open(place: &Place, now: Timestamp) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        let store = match place {
            Place::Memory => Self::connect("sqlite::memory:", sqlite_pool(1)).await?,
            Place::File(path) => {
                make_private_file(path)?;
                Self::connect(&file_url(path, "rwc"), sqlite_pool(MOST_FILE_CONNECTIONS)).await?
            }
            Place::Postgres(url) => Self::connect_to_postgres(url).await?,
        };
        migrations::run(&store, now).await?;
        Ok(store)
    }

    /// Opens records that are there, as they are: nothing is made and nothing is brought to another form.
    pub async fn open_as_it_is(place: &Place) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        match place {
            Place::Memory => Self::connect("sqlite::memory:", sqlite_pool(1)).await,
            Place::File(path) => {
                Self::connect(&file_url(path, "rw"), sqlite_pool(MOST_FILE_CONNECTIONS)).await
            }
            Place::Postgres(url) => Self::connect_to_postgres(url).await,
        }
    }

    /// Closes every connection; what was committed is on disk already.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    async fn connect_to_postgres(url: &str) -> Result<Self, StoreError> {
        let pool = AnyPoolOptions::new()
            .max_connections(MOST_POSTGRES_CONNECTIONS)
            .acquire_timeout(WAIT_FOR_CONNECTION);
        Ok(Self { begin: "begin", ..Self::connect(url, pool).await? })
    }

    async fn connect(url: &str, pool: AnyPoolOptions) -> Result<Self, StoreError> {
        let options = AnyConnectOptions::from_str(url)?.disable_statement_logging();
        let pool = pool.connect_with(options).await?;
        Ok(Self { pool, begin: "begin immediate", writer: Arc::default(), waiting: Arc::default() })
    }
}

/// A pool for SQLite. In memory it holds exactly one connection for ever, since the records live in it.
fn sqlite_pool(connections: u32) -> AnyPoolOptions {
    AnyPoolOptions::new()
        .min_connections(1)
        .max_connections(connections)
        .idle_timeout(None)
        .max_lifetime(None)
        .acquire_timeout(WAIT_FOR_CONNECTION)
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::raw_sql(SQLITE_SETTINGS).execute(connection).await?;
                Ok(())
            })
        })
}

/// `mode`: `rwc` makes the file where it is missing, `rw` does not.
fn file_url(path: &Path, mode: &str) -> String {
    format!("sqlite://{}?mode={mode}", utf8_percent_encode(&path.to_string_lossy(), PATH_CHARACTERS))
}

/// Makes the file before SQLite does, since SQLite gives its side files the rights of the main one.
fn make_private_file(path: &Path) -> Result<(), StoreError> {
    let failed = |source| StoreError::File { path: path.display().to_string(), source };
    let file =
        OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(path).map_err(failed)?;
    file.set_permissions(PermissionsExt::from_mode(0o600)).map_err(failed)
}
