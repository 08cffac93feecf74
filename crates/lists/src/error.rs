//! What can go wrong between a source and an image in force.

use crate::transfer::TransferError;
use model::Timestamp;
use policy::image::ImageError;
use std::io;
use std::path::PathBuf;

/// Why a list was not read, or an image not written or opened.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// A file or folder cannot be read.
    #[error("reading {path}")]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// A file cannot be written.
    #[error("writing {path}")]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The archive is damaged.
    #[error("unpacking the archive")]
    Unpack(#[source] io::Error),
    /// A bound on size was reached.
    #[error("expected at most {limit_bytes} bytes")]
    TooLarge {
        /// The bound.
        limit_bytes: u64,
    },
    /// A bound on the number of files was reached.
    #[error("expected at most {most} files in a tree")]
    TooManyFiles {
        /// The bound.
        most: usize,
    },
    /// A category tree was expected.
    #[error("expected a tree of folders, found a single file")]
    NotATree,
    /// A list without folders needs a category.
    #[error("expected a category for the list, found none")]
    NoCategory,
    /// Not one rule could be read: an error page, an empty file, another format.
    #[error("expected host names, found none in {dropped} lines")]
    NoNames {
        /// The lines that were left out.
        dropped: u64,
    },
    /// The address is none that can be fetched.
    #[error("expected an http or https address, found {found:?}")]
    Address {
        /// Its scheme: the rest may hold what is nobody's business.
        found: String,
    },
    /// The other side cannot be reached, or ends the connection.
    #[error("connecting to {host}")]
    Connect {
        /// The list's server.
        host: String,
        /// What the system says; a certificate that is not trusted is said here.
        source: io::Error,
    },
    /// The TLS settings cannot be made.
    #[error("setting up TLS")]
    Tls(#[from] rustls::Error),
    /// The other side does not speak HTTP as it should.
    #[error("fetching over HTTP")]
    Http(#[from] hyper::Error),
    /// Another status than success.
    #[error("expected status 200, found {found}")]
    Status {
        /// The status.
        found: u16,
    },
    /// Sent on too often.
    #[error("expected at most {most} redirections")]
    Redirections {
        /// The bound.
        most: u8,
    },
    /// Sent from an https address to one that is not.
    #[error("expected to stay on https, was sent to plain http")]
    Downgrade,
    /// It took too long.
    #[error("expected the whole list within {limit_s} seconds")]
    TimedOut {
        /// The bound.
        limit_s: u64,
    },
    /// The image.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// Lists that are in force can be read neither from their source nor from a copy: the image in force stays.
    #[error("expected a source or a copy of each list in force, found neither for {}", .lists.join(", "))]
    WouldBeLost {
        /// Their names on screens.
        lists: Vec<String>,
    },
    /// Rules of illegal content would decide nothing, since there is no room for all: the image in force stays.
    #[error("expected room for every rule of illegal content, found more than an image keeps in {}", .lists.join(", "))]
    IllegalLeftOut {
        /// The lists' names on screens.
        lists: Vec<String>,
    },
    /// There is no earlier image to go back to.
    #[error("expected an earlier image, found none")]
    NoEarlierImage,
    /// The image to go back to is not kept.
    #[error("expected the revision of a kept image, found {found:?}")]
    NoSuchImage {
        /// What was named.
        found: String,
    },
    /// Another program is updating the lists.
    #[error("expected the lists' folder to be free, found another update under way")]
    Busy,
    /// Somebody went back to an earlier image: only a person's update ends that. No list of illegal content can be read
    /// beside what is held, or there is none.
    #[error("expected a person's word to update the lists, since they were put back on {since}")]
    OnHold {
        /// When.
        since: Timestamp,
    },
    /// Other lists were put in force, or somebody went back to earlier ones, while an update was prepared: it is to be
    /// prepared again.
    #[error("expected the lists in force to stay while an update was prepared, found others")]
    Overtaken,
    /// There can be no thread to work on.
    #[error("starting a thread for the lists")]
    NoThread(#[source] io::Error),
    /// The account of an update cannot be written or read.
    #[error("the account of an update")]
    Report(#[source] serde_json::Error),
    /// The content is not the one whose hash the policy names.
    #[error("expected content with the SHA-256 {expected}, found {found}")]
    OtherContent {
        /// The policy's hash.
        expected: String,
        /// The content's.
        found: String,
    },
    /// The signature is none of the policy's key over this content.
    #[error("expected a signature by the list's key")]
    Signature(#[source] minisign_verify::Error),
    /// A proof is asked of a source that has no single content.
    #[error("expected one file to prove, found a folder")]
    NothingToProve,
    /// The body is packed in a way that was not asked for.
    #[error("expected gzip or nothing around the content, found {found:?}")]
    Encoding {
        /// The server's word for it.
        found: String,
    },
    /// A file of credentials cannot be read.
    #[error("reading the credentials {name:?}")]
    Secret {
        /// Its name in the policy.
        name: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file of credentials is open to others than its owner.
    #[error("expected the credentials {name:?} to be readable by their owner alone, found mode {mode:o}")]
    SecretOpen {
        /// Its name in the policy.
        name: String,
        /// The file's mode.
        mode: u32,
    },
    /// A file of credentials does not say what it is for.
    #[error("expected the credentials {name:?} to be {expected}")]
    SecretForm {
        /// Its name in the policy.
        name: String,
        /// The forms that fit.
        expected: &'static str,
    },
    /// Credentials would go out where everybody on the way can read them.
    #[error("expected an https address for a list with credentials")]
    SecretInClear,
    /// A zone was not transferred.
    #[error("transferring the zone")]
    Transfer(#[from] TransferError),
    /// The catalogue that ships cannot be read.
    #[error("the catalogue of lists")]
    Catalogue(#[source] toml::de::Error),
    /// A reader was stopped while it worked: the program is shutting down.
    #[error("reading was stopped")]
    Stopped,
}

impl ListError {
    /// The whole chain on one line, for reports and logs.
    pub(crate) fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}
