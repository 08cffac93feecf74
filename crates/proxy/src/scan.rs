//! Looking at files with a malware scanner before people get them, or before they leave: `clamd`, or an ICAP service.
//!
//! A file is held while the scanner reads along: its beginning in memory, the rest in a file that has no name any more, so
//! that a crash leaves nothing behind. What is small is released within moments. What takes longer shows a page with
//! its progress where a person asked for it by a link, and goes out drop by drop everywhere else, so that no program gives
//! up waiting; the end of a file is never given away before the scanner has spoken.
//!
//! Left out: the pieces of pages (text, styles, scripts, pictures, sound, films), which are told by what is in them and never
//! by their names; parts of files that were asked for as parts; anything in tunnels that are not opened.
//!
//! Invariants: files held, their room on disk, and the time that the scanner may be silent are bounded; whatever could not be
//! scanned is decided by the policy and told in history; the scanner learns what is in a file, and never who
//! fetched it or where.

mod clamd;
mod feed;
mod form;
mod hold;
mod icap_service;
mod progress;
mod release;
mod spool;
mod unpack;
mod upload;
mod watch;

pub(crate) use hold::{End, Hold, Source, Taken, take};
pub(crate) use progress::Asked;
pub(crate) use release::{
    Begun, DROP_EVERY, Drops, Fetched, HeldBody, ScannedBody, begin, download, forget_validators,
};
pub(crate) use spool::Spooled;
pub(crate) use upload::{Planned, Sent, plan, upload};
pub(crate) use watch::UploadWatch;

use crate::ProxyError;
use crate::rules::Judged;
use feed::Scanner;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::response::Parts;
use http::{Method, StatusCode};
use inspect::file_type;
use model::{DnsAnswer, FileKind, Layer, Outcome, Reason, Target, Timestamp, Verdict};
use policy::rules::{ScanRules, Unscanned};
use progress::Waiting;
use quick_cache::sync::Cache;
use spool::Spool;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Addresses of infected files that are remembered.
const MOST_INFECTED: usize = 4_096;
/// For how long: a browser that was cut off asks for the rest of a file.
const INFECTED_FOR_MS: i64 = 3_600_000;
/// Media types of what pages are made of, or their beginnings where they end in `/`.
const PAGE_PIECES: [&str; 18] = [
    "text/html",
    "text/css",
    "text/javascript",
    "text/event-stream",
    "text/xml",
    "image/",
    "audio/",
    "video/",
    "font/",
    "application/javascript",
    "application/x-javascript",
    "application/json",
    "application/xml",
    "application/xhtml+xml",
    "application/grpc",
    "multipart/x-mixed-replace",
    "application/font-woff",
    "application/vnd.apple.mpegurl",
];

/// The malware scanner of a gate.
#[derive(Clone, Debug)]
pub struct ScanConfig {
    /// Who scans.
    pub service: ScanService,
    /// Where files are held; the gate's own, and emptied at the start.
    pub folder: PathBuf,
    /// The most bytes on disk at once.
    pub spool_bytes: u64,
    /// How long the scanner may take to say or take in anything.
    pub timeout: Duration,
    /// After so long a client is shown that there is something to wait for.
    pub patience: Duration,
}

/// Who scans.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScanService {
    /// ClamAV's daemon behind a socket of this machine.
    ClamdSocket(PathBuf),
    /// ClamAV's daemon at `host:port`. What it gets is not encrypted.
    Clamd(String),
    /// An ICAP service (RFC 3507) that modifies answers. What it gets is not encrypted.
    Icap {
        /// `host:port`.
        authority: String,
        /// The path of the service, from `/`.
        path: String,
    },
}

/// What became of the files that were to be scanned, since the start, and how the scanner is.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct ScanCounts {
    /// Nothing was found.
    pub clean: u64,
    /// Malware was found.
    pub infected: u64,
    /// The scanner did not answer for them, or they were too large.
    pub unscanned: u64,
    /// Files that are held at this moment.
    pub held: u64,
    /// Files in a row, up to the last, for which the scanner was away or said nothing that can be read.
    pub silent: u64,
}

/// What the scanner found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Finding {
    Clean,
    /// Malware, by the scanner's name for it.
    Infected(Box<str>),
}

/// Why a file could not be scanned.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum ScanFault {
    #[error("the scanner is away")]
    Away,
    #[error("the scanner is too slow")]
    TooSlow,
    #[error("the scanner gave no answer that can be read")]
    Answer,
    #[error("the file is packed in a way that cannot be undone")]
    Packing,
    #[error("there is no room to hold it")]
    NoRoom,
    #[error("it is a part of a file")]
    Part,
    #[error("it is larger than what is scanned")]
    Larger,
    #[error("it unpacks to more than what is scanned")]
    Bomb,
}

impl ScanFault {
    /// True for what an outage, or too little room, looks like from here, and no file by itself.
    fn is_the_scanners(self) -> bool {
        !matches!(self, Self::Larger | Self::Part | Self::Bomb)
    }

    /// The name in history.
    fn slug(self) -> &'static str {
        match self {
            Self::Away => "unscanned: no scanner",
            Self::TooSlow => "unscanned: too slow",
            Self::Answer => "unscanned: no answer",
            Self::Packing => "unscanned: packed",
            Self::NoRoom => "unscanned: no room",
            Self::Part => "unscanned: a part",
            Self::Larger => "unscanned: too large",
            Self::Bomb => "unscanned: a bomb",
        }
    }
}

/// Where files are scanned.
pub(crate) struct ScanDesk {
    scanner: Arc<Scanner>,
    spool: Arc<Spool>,
    patience: Duration,
    idle: Duration,
    /// The addresses of infected files, under a key that ends with the process.
    infected: Cache<u64, (Box<str>, Timestamp)>,
    hasher: RandomState,
    waiting: Arc<Waiting>,
    counts: [AtomicU64; 3],
    silent: AtomicU64,
}

impl ScanDesk {
    /// `idle`: how long a body may stand still.
    pub(crate) fn open(config: &ScanConfig, idle: Duration) -> Result<Self, ProxyError> {
        let failed = |source| ProxyError::File { path: config.folder.clone(), source };
        Ok(Self {
            scanner: Arc::new(Scanner::new(config)),
            spool: Arc::new(Spool::open(config.folder.clone(), config.spool_bytes).map_err(failed)?),
            patience: config.patience,
            idle,
            infected: Cache::new(MOST_INFECTED),
            hasher: RandomState::new(),
            waiting: Arc::default(),
            counts: Default::default(),
            silent: AtomicU64::new(0),
        })
    }

    /// What became of files so far.
    pub(crate) fn counts(&self) -> ScanCounts {
        let [clean, infected, unscanned] = &self.counts;
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (held, silent) = (self.spool.held(), read(&self.silent));
        ScanCounts { clean: read(clean), infected: read(infected), unscanned: read(unscanned), held, silent }
    }

    /// After so long something is given of a file that is still being scanned.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// The downloads whose progress is shown.
    pub(crate) fn waiting(&self) -> &Arc<Waiting> {
        &self.waiting
    }

    /// What is remembered of an address that led to malware.
    fn known_infected(&self, what: &Target, now: Timestamp) -> Option<Box<str>> {
        let (name, until) = self.infected.get(&self.key(what))?;
        (now < until).then_some(name)
    }

    fn key(&self, what: &Target) -> u64 {
        self.hasher.hash_one((&what.host, what.port, what.path.as_deref()))
    }

    /// Notes what became of a file, and says what follows from it.
    ///
    /// # Errors
    /// The verdict that refuses it.
    pub(crate) fn settle(
        &self,
        case: &Case,
        scanned: &Result<Finding, ScanFault>,
    ) -> Result<Option<Box<Verdict>>, Box<Verdict>> {
        let [clean, infected, unscanned] = &self.counts;
        match scanned {
            Ok(_) => self.silent.store(0, Ordering::Relaxed),
            Err(ScanFault::Away | ScanFault::TooSlow | ScanFault::Answer) => {
                self.silent.fetch_add(1, Ordering::Relaxed);
            }
            Err(_) => {}
        }
        match scanned {
            Ok(Finding::Clean) => {
                clean.fetch_add(1, Ordering::Relaxed);
                Ok(None)
            }
            Ok(Finding::Infected(name)) => {
                infected.fetch_add(1, Ordering::Relaxed);
                if let Some(what) = &case.what {
                    let until = case.at.plus_ms(INFECTED_FOR_MS);
                    self.infected.insert(self.key(what), (name.clone(), until));
                }
                tracing::warn!(phase = "body", "malware was found in a file, and it was refused");
                Err(Box::new(case.says(Outcome::Block, name, "the scanner found malware in the file")))
            }
            Err(fault) => {
                // A fault of the scanner's, seen at each doubling, so that an outage does not flood the log.
                let count = unscanned.fetch_add(1, Ordering::Relaxed).saturating_add(1);
                if count.is_power_of_two() && fault.is_the_scanners() {
                    tracing::warn!(phase = "body", %fault, count, "files are not scanned");
                }
                case.unscanned(*fault).map(Some)
            }
        }
    }
}

/// A file that is to be scanned, and by which rules.
#[derive(Clone)]
pub(crate) struct Case {
    rules: ScanRules,
    looks: Looks,
    verdict: Verdict,
    /// Where it is from; `None` for an upload.
    what: Option<Target>,
    /// Who asked.
    address: Option<IpAddr>,
    at: Timestamp,
}

impl Case {
    /// A file that goes out, or in, by these rules.
    pub(crate) fn new(judged: &Judged, head: &HeaderMap, kind: Option<FileKind>) -> Self {
        let rules = judged.traffic().scan;
        Self {
            rules,
            looks: Looks::of(head, kind),
            verdict: judged.verdict.clone(),
            what: None,
            address: judged.ask.who.address,
            at: judged.ask.at,
        }
    }

    fn from(self, what: &Target) -> Self {
        Self { what: Some(what.clone()), ..self }
    }

    /// True for what goes out.
    fn is_upload(&self) -> bool {
        self.what.is_none()
    }

    /// The most bytes that are scanned.
    pub(crate) fn most_bytes(&self) -> u64 {
        self.rules.most_bytes
    }

    /// What follows from a file that was not scanned: a note, or a refusal.
    fn unscanned(&self, fault: ScanFault) -> Result<Box<Verdict>, Box<Verdict>> {
        let rule = if fault == ScanFault::Larger { self.rules.larger } else { self.rules.unanswered };
        let why = format!("it was not scanned for malware: {fault}");
        let refused = match rule {
            Unscanned::Allow => false,
            Unscanned::RefuseRisky => self.looks.are_risky(fault),
            Unscanned::Refuse => true,
        };
        if refused {
            Err(Box::new(self.says(Outcome::Block, fault.slug(), &why)))
        } else {
            Ok(Box::new(self.says(Outcome::Allow, fault.slug(), &why)))
        }
    }

    fn says(&self, outcome: Outcome, entry: &str, why: &str) -> Verdict {
        let (entry, why) = (Some(Arc::from(entry)), Some(Arc::from(why)));
        let reason = Reason {
            layer: Layer::Malware,
            category: None,
            list: None,
            entry,
            why,
            ..self.verdict.reason.clone()
        };
        Verdict { outcome, reason, rewrite: None, answer: DnsAnswer::AsUsual, ..self.verdict.clone() }
    }
}

/// What can be told of a file without a scanner.
#[derive(Clone, Copy)]
struct Looks {
    /// What it is by its first bytes.
    kind: Option<FileKind>,
    /// It is called a picture, sound or a film, which is not opened as anything else.
    is_media: bool,
}

impl Looks {
    fn of(head: &HeaderMap, kind: Option<FileKind>) -> Self {
        let called =
            head.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default().to_ascii_lowercase();
        let is_media = [&b"image/"[..], b"audio/", b"video/"].iter().any(|start| called.starts_with(start));
        Self { kind, is_media }
    }

    /// True where it can do harm by being opened, or nobody can tell because its first bytes are not here.
    fn are_risky(self, fault: ScanFault) -> bool {
        let hides = matches!(fault, ScanFault::Part | ScanFault::Packing | ScanFault::Bomb);
        self.kind.map_or(hides && !self.is_media, is_risky)
    }
}

/// True for what can do harm by being opened.
fn is_risky(kind: FileKind) -> bool {
    match kind {
        FileKind::Programs
        | FileKind::Installers
        | FileKind::Scripts
        | FileKind::DiskImages
        | FileKind::Archives
        | FileKind::MacroDocuments => true,
        FileKind::Documents | FileKind::Images | FileKind::Audio | FileKind::Video | FileKind::Torrents => {
            false
        }
    }
}

/// True where the first bytes of an answer must be seen to know whether it is scanned.
pub(crate) fn wants_first_bytes(judged: &Judged, asked: &Asked, head: &Parts) -> bool {
    judged.traffic().scan.downloads && asked.method != Method::HEAD && has_body(head.status)
}

/// True for an answer that brings something: browsers save a file whatever the status says (RFC 9110, section 15).
fn has_body(status: StatusCode) -> bool {
    let without = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    !status.is_informational() && !without.contains(&status)
}

/// The file that an answer is, if it is one that is scanned.
///
/// What nobody can tell is scanned where it is to be saved, or is as long as it says and no piece of a page: answers without
/// an end, and what scripts fetch for themselves, must not wait for one.
pub(crate) fn file(judged: &Judged, asked: &Asked, head: &HeaderMap, first: &[u8]) -> Option<Case> {
    let kind = file_type::of(&crate::rules::unpacked(head, first)).map(|found| found.kind);
    let is_scanned = match kind {
        Some(FileKind::Images | FileKind::Audio | FileKind::Video) => false,
        Some(_) => true,
        None => {
            head.contains_key(CONTENT_DISPOSITION)
                || (head.contains_key(CONTENT_LENGTH) && !asked.by_script && !is_page_piece(head))
        }
    };
    is_scanned.then(|| Case::new(judged, head, kind).from(&judged.ask.what))
}

/// True for what pages are made of, by what it says of itself.
fn is_page_piece(head: &HeaderMap) -> bool {
    let kind = head.get(CONTENT_TYPE).map(HeaderValue::as_bytes).unwrap_or_default();
    let kind = kind.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let is = |piece: &str| match piece.strip_suffix('/') {
        Some(_) => kind.get(..piece.len()).is_some_and(|start| start.eq_ignore_ascii_case(piece.as_bytes())),
        None => {
            kind.eq_ignore_ascii_case(piece.as_bytes())
                || kind.get(..piece.len()).is_some_and(|start| {
                    start.eq_ignore_ascii_case(piece.as_bytes()) && kind.get(piece.len()) == Some(&b'+')
                })
        }
    };
    PAGE_PIECES.into_iter().any(is) || kind.to_ascii_lowercase().ends_with(b"+json")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_brings_something_is_looked_at_also_with_an_unusual_status_or_an_error() {
        for (status, expected) in [
            (200, true),
            (201, true),
            (203, true),
            (404, true),
            (500, true),
            (101, false),
            (204, false),
            (304, false),
        ] {
            assert_eq!(has_body(StatusCode::from_u16(status).unwrap()), expected, "{status}");
        }
    }

    #[test]
    fn what_hides_its_first_bytes_is_risky_unless_it_is_a_picture_sound_or_a_film() {
        for (called, kind, fault, expected) in [
            ("application/octet-stream", None, ScanFault::Part, true),
            ("application/octet-stream", None, ScanFault::Packing, true),
            ("application/octet-stream", None, ScanFault::Bomb, true),
            ("application/octet-stream", None, ScanFault::Away, false),
            ("Video/mp4", None, ScanFault::Part, false),
            ("video/mp4", Some(FileKind::Programs), ScanFault::Bomb, true),
            ("application/pdf", Some(FileKind::Documents), ScanFault::Bomb, false),
        ] {
            let head = [(CONTENT_TYPE, called.parse().unwrap())].into_iter().collect();
            assert_eq!(Looks::of(&head, kind).are_risky(fault), expected, "{called} {kind:?} {fault:?}");
        }
    }

    #[test]
    fn the_pieces_of_pages_are_told_by_their_types_and_files_are_none() {
        for (kind, expected) in [
            ("text/html; charset=utf-8", true),
            ("Image/PNG", true),
            ("application/ld+json", true),
            ("application/grpc+proto", true),
            ("text/plain", false),
            ("application/octet-stream", false),
            ("application/pdf", false),
            ("text/htmlx", false),
            ("", false),
        ] {
            let head = [(CONTENT_TYPE, kind.parse().unwrap())].into_iter().collect();
            assert_eq!(is_page_piece(&head), expected, "{kind}");
        }
    }
}
