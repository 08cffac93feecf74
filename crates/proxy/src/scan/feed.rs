//! A file on its way into the scanner: unpacked first, each file of a form by itself.
//!
//! Invariants: the scanner may be silent, or take nothing in, for no longer than its time-out; what is unpacked and not with
//! the scanner yet is bounded, of all files together.

use super::clamd::ClamdSession;
use super::form::{FormPart, FormReader};
use super::icap_service::IcapSession;
use super::unpack::{MOST_OF_A_PIECE_KIB, PIECE_BYTES, Unpacker};
use super::{Case, Finding, ScanConfig, ScanFault, ScanService};
use http::HeaderMap;
use http::header::CONTENT_TYPE;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;

/// Of all files together, so much is unpacked at once, in KiB: whoever finds no room waits, as long as for the scanner.
const ROOM_KIB: u32 = 64 * 1024;

/// Who scans, and how patient the gate is.
pub(crate) struct Scanner {
    service: ScanService,
    timeout: Duration,
    /// The room for what is unpacked, in KiB.
    room: Semaphore,
}

impl Scanner {
    pub(super) fn new(config: &ScanConfig) -> Self {
        let room = Semaphore::new(usize::try_from(ROOM_KIB).unwrap_or(usize::MAX));
        Self { service: config.service.clone(), timeout: config.timeout, room }
    }

    async fn begin(&self) -> Result<Session, ScanFault> {
        self.in_time(async {
            match &self.service {
                ScanService::ClamdSocket(path) => ClamdSession::at_socket(path).await.map(Session::Clamd),
                ScanService::Clamd(authority) => ClamdSession::at(authority).await.map(Session::Clamd),
                ScanService::Icap { authority, path } => {
                    IcapSession::at(authority, path).await.map(|session| Session::Icap(Box::new(session)))
                }
            }
        })
        .await
    }

    /// Room for what a packed piece may become at the most.
    async fn room(&self) -> Result<SemaphorePermit<'_>, ScanFault> {
        let most = MOST_OF_A_PIECE_KIB.min(ROOM_KIB);
        self.in_time(async { self.room.acquire_many(most).await.map_err(|_| ScanFault::NoRoom) }).await
    }

    async fn in_time<T>(&self, work: impl Future<Output = Result<T, ScanFault>>) -> Result<T, ScanFault> {
        timeout(self.timeout, work).await.unwrap_or(Err(ScanFault::TooSlow))
    }
}

/// One file at the scanner.
enum Session {
    Clamd(ClamdSession),
    Icap(Box<IcapSession>),
}

impl Session {
    async fn feed(&mut self, bytes: &[u8]) -> Result<Option<Box<str>>, ScanFault> {
        match self {
            Self::Clamd(session) => session.feed(bytes).await,
            Self::Icap(session) => session.feed(bytes).await,
        }
    }

    async fn finish(self) -> Result<Finding, ScanFault> {
        match self {
            Self::Clamd(session) => session.finish().await,
            Self::Icap(session) => session.finish().await,
        }
    }
}

/// What goes to the scanner: a body, or the files in it where it is a form.
pub(crate) struct Feeder {
    scanner: Arc<Scanner>,
    unpacker: Unpacker,
    form: Option<FormReader>,
    /// The file that is being scanned.
    session: Option<Session>,
    /// What was found in a file before; nothing is scanned after it.
    found: Option<Box<str>>,
}

impl Feeder {
    /// For a body with this head, of which at most as many bytes as the case says are scanned once they are unpacked.
    ///
    /// Only what goes out is read as a form: a browser saves an answer as it came, whatever it calls itself.
    pub(super) fn new(scanner: &Arc<Scanner>, head: &HeaderMap, case: &Case) -> Result<Self, ScanFault> {
        let form = head.get(CONTENT_TYPE).and_then(|kind| FormReader::of(kind.as_bytes()));
        Ok(Self {
            scanner: Arc::clone(scanner),
            unpacker: Unpacker::new(head, case.most_bytes())?,
            form: form.filter(|_| case.is_upload()),
            session: None,
            found: None,
        })
    }

    /// Reaches the scanner before there is anything to scan: where it is away, nothing need be held.
    pub(super) async fn begin(&mut self) -> Result<(), ScanFault> {
        self.session = Some(self.scanner.begin().await?);
        Ok(())
    }

    /// The next bytes of the body.
    pub(super) async fn feed(&mut self, bytes: &[u8]) -> Result<(), ScanFault> {
        if !self.unpacker.is_packed() {
            let counted = self.unpacker.push(bytes)?;
            return self.pass(&counted).await;
        }
        let scanner = Arc::clone(&self.scanner);
        for piece in bytes.chunks(PIECE_BYTES) {
            let room = scanner.room().await?;
            let unpacked = self.unpacker.push(piece)?;
            let _room = kept(room, &unpacked);
            self.pass(&unpacked).await?;
        }
        Ok(())
    }

    /// What was found so far; it stands whatever comes after it.
    pub(super) fn found(&mut self) -> Option<Finding> {
        self.found.take().map(Finding::Infected)
    }

    /// The end of the body, and what was found in it.
    pub(super) async fn finish(mut self) -> Result<Finding, ScanFault> {
        let ended = self.end().await;
        match self.found() {
            Some(found) => Ok(found),
            None => ended.map(|()| Finding::Clean),
        }
    }

    async fn end(&mut self) -> Result<(), ScanFault> {
        let scanner = Arc::clone(&self.scanner);
        let room = if self.unpacker.is_packed() { Some(scanner.room().await?) } else { None };
        let unpacked = self.unpacker.finish()?;
        let room = room.map(|room| kept(room, &unpacked));
        self.pass(&unpacked).await?;
        drop(room);
        let rest = self.form.as_mut().map(FormReader::rest).unwrap_or_default();
        self.give(&rest).await?;
        self.end_file().await?;
        if self.form.as_ref().is_some_and(FormReader::is_broken) { Err(ScanFault::Packing) } else { Ok(()) }
    }

    async fn pass(&mut self, bytes: &[u8]) -> Result<(), ScanFault> {
        let Some(form) = &mut self.form else { return self.give(bytes).await };
        for part in form.push(bytes).map_err(|_| ScanFault::Packing)? {
            match part {
                FormPart::Bytes(bytes) => self.give(&bytes).await?,
                FormPart::Ends => self.end_file().await?,
            }
        }
        Ok(())
    }

    async fn give(&mut self, bytes: &[u8]) -> Result<(), ScanFault> {
        if bytes.is_empty() || self.found.is_some() {
            return Ok(());
        }
        if self.session.is_none() {
            self.session = Some(self.scanner.begin().await?);
        }
        let Some(session) = &mut self.session else { return Ok(()) };
        let fed = self.scanner.in_time(session.feed(bytes)).await;
        if let Some(name) = fed.map_err(|fault| self.seen_inside(fault))? {
            self.found = Some(name);
            self.session = None;
        }
        Ok(())
    }

    async fn end_file(&mut self) -> Result<(), ScanFault> {
        let Some(session) = self.session.take() else { return Ok(()) };
        let finding = self.scanner.in_time(session.finish()).await;
        if let Finding::Infected(name) = finding.map_err(|fault| self.seen_inside(fault))? {
            self.found.get_or_insert(name);
        }
        Ok(())
    }

    /// What is too long for the scanner once it is unpacked is not long as it travels.
    fn seen_inside(&self, fault: ScanFault) -> ScanFault {
        if fault == ScanFault::Larger && self.unpacker.is_packed() { ScanFault::Bomb } else { fault }
    }
}

/// Gives back what a piece did not need.
fn kept<'r>(mut room: SemaphorePermit<'r>, unpacked: &[u8]) -> SemaphorePermit<'r> {
    let needed = unpacked.len().div_ceil(1_024);
    drop(room.split(room.num_permits().saturating_sub(needed)));
    room
}
