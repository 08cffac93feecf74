//! What stops a bench.

use std::io;
use std::path::PathBuf;

/// Why a bench could not be run to its end.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// The command line.
    #[error(
        "expected `lists`, `dns`, `proxy`, `history`, `alerts`, `sign-in` or `class`, then `--json` or `--quick` or neither, found `{found}`"
    )]
    Arguments { found: String },
    /// There is too little room for so many events.
    #[error("expected {needed} GB free in {}, found {found} GB; `--events` takes fewer", folder.display())]
    Disk { folder: PathBuf, needed: u64, found: u64 },
    /// A file.
    #[error("{path}")]
    File { path: PathBuf, source: io::Error },
    /// A socket.
    #[error("a socket of the bench")]
    Socket(#[source] io::Error),
    /// The machine has one core: server and client would share it.
    #[error("expected at least two cores, one for the server and one for its clients, found {found}")]
    Cores { found: usize },
    /// A program that could not be started.
    #[error("could not start `{program}`")]
    Start { program: String, source: io::Error },
    /// A program that ended, or said nothing in time.
    #[error("expected {expected} from `{program}`, and it never came")]
    Silent { program: String, expected: &'static str },
    /// A program that said something else.
    #[error("expected {expected} from `{program}`, found {found:?}")]
    Said { program: String, expected: &'static str, found: String },
    /// A server that answers wrongly while nothing is wrong.
    #[error("{server} gave {wrong} wrong answers of {answers}; its figures would mean nothing")]
    WrongAnswers { server: &'static str, wrong: u64, answers: u64 },
    /// An answer that came back wrong, or none.
    #[error("expected {expected}, found {found:?}")]
    Answer { expected: &'static str, found: String },
    /// What went wrong on the way through a proxy.
    #[error("{way}")]
    Through { way: &'static str, source: Box<BenchError> },
    /// TLS of the bench's own client or origin.
    #[error("TLS")]
    Tls(#[from] rustls::Error),
    /// The web proxy, or an authority.
    #[error("the web proxy")]
    Proxy(#[from] proxy::ProxyError),
    /// The lists.
    #[error("the lists")]
    Lists(#[from] lists::ListError),
    /// The DNS server.
    #[error("the DNS server")]
    Dns(#[from] dns::DnsError),
    /// The history.
    #[error("the history")]
    History(#[from] history::HistoryError),
    /// Hashing and its turns.
    #[error("signing in")]
    SignIn(#[from] identity::IdentityError),
    /// The records of a gate.
    #[error("the records")]
    Store(#[from] store::StoreError),
    /// The rows could not be written as JSON, or a program's words not be read as such.
    #[error("JSON")]
    Json(#[from] serde_json::Error),
}

impl BenchError {
    /// For `map_err`, with the file's path.
    pub(crate) fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::File { path: path.into(), source }
    }
}
