//! Taking a body in while the scanner reads along.

use super::feed::Feeder;
use super::spool::{Arrived, Spooled, Spooling};
use super::watch::UploadWatch;
use super::{Case, Finding, ScanDesk, ScanFault};
use crate::error::BodyFault;
use crate::peek::Peeked;
use bytes::Bytes;
use http::HeaderMap;
use http_body_util::BodyExt;
use hyper::body::Frame;
use model::Verdict;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// The longest that a body may take to come while it is held, however steadily it does.
const MOST_TIME: Duration = Duration::from_secs(1_800);

/// Where a body comes from: HTTP, or ICAP around it.
pub(crate) trait Source: Send {
    /// Its next frame; `None` at its end.
    fn next(&mut self) -> impl Future<Output = Option<Result<Frame<Bytes>, BodyFault>>> + Send;
}

impl Source for Peeked {
    async fn next(&mut self) -> Option<Result<Frame<Bytes>, BodyFault>> {
        self.frame().await.map(|frame| frame.map_err(BodyFault::from))
    }
}

/// A place for a body, and the scanner that waits for it.
pub(crate) struct Hold {
    spooling: Spooling,
    feeder: Feeder,
    most_bytes: u64,
    idle: Duration,
    watch: Option<UploadWatch>,
}

/// A body that was taken in, as far as it was.
pub(crate) struct Taken<S> {
    pub(crate) spooled: Arc<Spooled>,
    pub(crate) trailers: Option<HeaderMap>,
    /// Where it came from; more is to come unless it is whole.
    pub(crate) source: S,
    pub(crate) is_whole: bool,
    pub(crate) end: End,
}

/// Why it is over.
pub(crate) enum End {
    /// The scanner said what it found, or nothing will be scanned.
    Scanned(Result<Finding, ScanFault>),
    /// It is refused for another reason.
    Refused(Box<Verdict>),
    /// The other side broke off.
    Broke(BodyFault),
}

impl Hold {
    /// Prepares to hold a body with this head.
    ///
    /// # Errors
    /// Why it cannot be scanned; then it need not be held either.
    pub(crate) async fn begin(desk: &ScanDesk, case: &Case, head: &HeaderMap) -> Result<Self, ScanFault> {
        let most_bytes = case.most_bytes();
        let length =
            head.get(http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        if length.is_some_and(|length: u64| length > most_bytes) {
            return Err(ScanFault::Larger);
        }
        let mut feeder = Feeder::new(&desk.scanner, head, case)?;
        // The place first: whoever has had his share does not reach the scanner.
        let spooling = desk.spool.begin(case.address)?;
        feeder.begin().await?;
        Ok(Self { spooling, feeder, most_bytes, idle: desk.idle, watch: None })
    }

    /// Looks out for files that may not be sent as well.
    pub(super) fn watched(self, watch: Option<UploadWatch>) -> Self {
        Self { watch, ..self }
    }

    /// What has come so far, for whoever looks on.
    pub(super) fn arrived(&self) -> Arc<Arrived> {
        Arc::clone(self.spooling.arrived())
    }
}

/// Takes a body in until its end, or until it is known that it cannot be scanned or may not be had.
pub(crate) async fn take<S: Source>(mut source: S, hold: Hold) -> Taken<S> {
    let Hold { mut spooling, mut feeder, most_bytes, idle, mut watch } = hold;
    let mut trailers = None;
    let until = Instant::now() + MOST_TIME;
    let end = loop {
        // Between frames, so that what is let through loses nothing.
        if Instant::now() >= until {
            break Some(End::Scanned(Err(ScanFault::TooSlow)));
        }
        let frame = match timeout(idle, source.next()).await {
            Ok(None) => break None,
            Ok(Some(Err(fault))) => break Some(End::Broke(fault)),
            Err(_) => break Some(End::Broke(BodyFault::Ended)),
            Ok(Some(Ok(frame))) => frame,
        };
        let bytes = match frame.into_data() {
            Ok(bytes) => bytes,
            Err(frame) => {
                trailers = frame.into_trailers().ok();
                continue;
            }
        };
        if let Some(Err(refusal)) = watch.as_mut().map(|watch| watch.see(&bytes)) {
            break Some(End::Refused(refusal));
        }
        let pushed = spooling.push(&bytes).await;
        let fits = spooling.arrived().bytes() <= most_bytes;
        let fed = match (pushed, fits) {
            (Ok(()), true) => feeder.feed(&bytes).await,
            (Ok(()), false) => Err(ScanFault::Larger),
            (Err(fault), _) => Err(fault),
        };
        // Malware stands, whatever else is wrong with the file.
        if let Some(found) = feeder.found() {
            break Some(End::Scanned(Ok(found)));
        }
        if let Err(fault) = fed {
            break Some(End::Scanned(Err(fault)));
        }
    };
    let is_whole = end.is_none();
    let end = match (end, watch.map_or(Ok(()), |mut watch| watch.end())) {
        (Some(end), _) => end,
        (None, Err(refusal)) => End::Refused(refusal),
        (None, Ok(())) => End::Scanned(feeder.finish().await),
    };
    Taken { spooled: Arc::new(spooling.end()), trailers, source, is_whole, end }
}
