//! Downloads that take long, for people: a page that shows how far the scanner is, and then gives the file.
//!
//! The page lies on the host that was asked for, under a number that nobody can guess, and asks again by itself, without a
//! script. A file is there for whoever asked for it, on the same device, for some minutes.
//!
//! Invariants: downloads that are shown at once are bounded; what is not fetched in time is let go.

use super::release::{HeldBody, ScannedBody, Settled, Taking, note, settled};
use super::spool::{Arrived, Spooled};
use super::{Case, ScanDesk};
use crate::caller::Caller;
use crate::inner::{Inner, origin_fault, shape_of};
use crate::link::Origin;
use crate::visit::{AnswerBody, Visit, page_answer};
use blockpage::{BlockView, Notice, OriginFault, ScanProgress};
use http::header::{ACCEPT, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request, Response, request, response};
use model::{Host, PersonId, Verdict};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Under this path of every host.
const PATH: &str = "/.well-known/schoolgate-scan/";
/// Shown at once.
const MOST: usize = 64;
/// Of these, for one address; who has as many gets the next drop by drop.
const MOST_OF_AN_ADDRESS: usize = 8;
/// How long a file waits for whoever asked for it.
const KEPT_FOR: Duration = Duration::from_secs(600);
/// How long after it was given whole, for those who ask twice.
const KEPT_AFTER: Duration = Duration::from_secs(30);
/// Bytes of a number.
const NUMBER_BYTES: usize = 16;
const FETCH_DEST: HeaderName = HeaderName::from_static("sec-fetch-dest");

/// The downloads that are shown.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<HashMap<String, Arc<Download>>>);

struct Download {
    host: Host,
    port: u16,
    address: IpAddr,
    person: Option<PersonId>,
    /// The name at the end of the address that was asked for.
    name: String,
    since: Instant,
    arrived: Mutex<Option<Arc<Arrived>>>,
    length: Mutex<Option<u64>>,
    state: Mutex<State>,
    /// Told when it was given whole.
    given: Arc<Notify>,
}

enum State {
    Coming,
    Ready(Box<Ready>),
    Refused(Box<Verdict>),
    Broke(Box<Verdict>),
}

/// A file that may be had.
pub(super) struct Ready {
    pub(super) head: response::Parts,
    pub(super) spooled: Arc<Spooled>,
    pub(super) trailers: Option<HeaderMap>,
}

/// A place among the downloads that are shown.
pub(super) struct Place {
    number: String,
    download: Arc<Download>,
}

/// What is remembered of a request while its answer is waited for.
pub(crate) struct Asked {
    pub(super) method: Method,
    /// A person asked for it by a link or an address.
    pub(super) by_link: bool,
    /// A page's script asked for it.
    pub(super) by_script: bool,
    /// The name at the end of its path.
    pub(super) name: String,
}

impl Asked {
    pub(crate) fn of(head: &request::Parts) -> Self {
        let text = |name: &HeaderName| head.headers.get(name).and_then(|value| value.to_str().ok());
        let shows_pages = match text(&FETCH_DEST) {
            Some(dest) => dest == "document",
            None => text(&ACCEPT).is_some_and(|accept| accept.contains("text/html")),
        };
        let name = head.uri.path().rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("file");
        let by_link = shows_pages && head.method == Method::GET;
        let by_script = text(&FETCH_DEST) == Some("empty");
        Self { method: head.method.clone(), by_link, by_script, name: name.to_owned() }
    }
}

impl Waiting {
    /// A place for a download; `None` where all are taken, or there is no randomness.
    pub(super) fn place(&self, inner: &Inner, name: &str) -> Option<Place> {
        let mut number = [0; NUMBER_BYTES];
        getrandom::fill(&mut number).ok()?;
        let number: String = number.iter().map(|byte| format!("{byte:02x}")).collect();
        let Origin { host, port, .. } = &inner.link.origin;
        let download = Arc::new(Download {
            host: host.clone(),
            port: *port,
            address: inner.caller.address,
            person: person_of(&inner.caller),
            name: name.to_owned(),
            since: Instant::now(),
            arrived: Mutex::default(),
            length: Mutex::default(),
            state: Mutex::new(State::Coming),
            given: Arc::default(),
        });
        let mut all = self.lock();
        let theirs = all.values().filter(|other| other.address == download.address).count();
        if all.len() >= MOST || theirs >= MOST_OF_AN_ADDRESS {
            return None;
        }
        all.insert(number.clone(), Arc::clone(&download));
        Some(Place { number, download })
    }

    /// The answer to a request for a page or a file of ours; `None` where it is for neither.
    pub(crate) fn answer<B>(&self, inner: &Inner, request: &Request<B>) -> Option<Response<AnswerBody>> {
        let rest = request.uri().path().strip_prefix(PATH)?;
        let (number, name) = rest.split_once('/').unwrap_or((rest, ""));
        let download = self.lock().get(number).cloned()?;
        let Origin { host, port, .. } = &inner.link.origin;
        let is_theirs = download.host == *host
            && download.port == *port
            && download.address == inner.caller.address
            && download.person == person_of(&inner.caller);
        (is_theirs && request.method() == Method::GET)
            .then(|| download.answer(inner, (number, name), request.headers()))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, Arc<Download>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// Goes on taking the file in behind the page, and answers with the page.
    pub(super) fn show(
        self,
        inner: &Arc<Inner>,
        desk: &Arc<ScanDesk>,
        (case, head, taking): (Case, response::Parts, Taking),
        (mut visit, arrived): (Visit, Arc<Arrived>),
    ) -> Response<AnswerBody> {
        let Self { number, download } = self;
        let length = head.headers.get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        *lock(&download.arrived) = Some(arrived);
        *lock(&download.length) = length;
        let page = download.page(&number);
        let (desk, waiting) = (Arc::clone(desk), Arc::clone(desk.waiting()));
        let stopping = inner.gate.stopping.clone();
        inner.gate.spawn(async move {
            let settled = settled(&desk, &case, taking.await);
            note(&mut visit, &settled);
            let state = match settled {
                Settled::Given(body, _) => match body.ready(head) {
                    Some(ready) => {
                        visit.moved.down.fetch_add(ready.spooled.bytes(), Ordering::Relaxed);
                        State::Ready(Box::new(ready))
                    }
                    None => State::Broke(Box::new(case.verdict)),
                },
                Settled::Refused(refusal) => State::Refused(refusal),
                Settled::Broke(_) => State::Broke(Box::new(case.verdict)),
            };
            drop(visit);
            *lock(&download.state) = state;
            tokio::select! {
                () = download.kept() => {}
                () = stopping.cancelled() => {}
            }
            waiting.lock().remove(&number);
        });
        page
    }
}

impl Download {
    fn answer(
        &self,
        inner: &Inner,
        (number, name): (&str, &str),
        headers: &HeaderMap,
    ) -> Response<AnswerBody> {
        let shape = shape_of(headers);
        match &*lock(&self.state) {
            State::Coming => self.page(number),
            State::Ready(ready) if name.is_empty() => self.done(number, ready),
            State::Ready(ready) => ready.give(Arc::clone(&self.given)),
            State::Refused(refusal) => {
                let view = BlockView::of(refusal, &self.host);
                page_answer(blockpage::blocked(&view, &inner.gate.links).page(shape))
            }
            State::Broke(verdict) => {
                page_answer(origin_fault(inner, OriginFault::BrokeOff, verdict).0.page(shape))
            }
        }
    }

    /// Until nobody will ask for it any more.
    async fn kept(&self) {
        if tokio::time::timeout(KEPT_FOR, self.given.notified()).await.is_ok() {
            tokio::time::sleep(KEPT_AFTER).await;
        }
    }

    /// How far it is, asked for again in a moment.
    fn page(&self, number: &str) -> Response<AnswerBody> {
        let progress = ScanProgress {
            bytes: lock(&self.arrived).as_ref().map_or(0, |arrived| arrived.bytes()),
            of_bytes: *lock(&self.length),
            since_s: self.since.elapsed().as_secs(),
        };
        refreshed(&blockpage::scanning(&progress), &format!("2; url={PATH}{number}"))
    }

    fn done(&self, number: &str, ready: &Ready) -> Response<AnswerBody> {
        let to = format!("{PATH}{number}/{}", self.name);
        refreshed(&blockpage::scanned(ready.spooled.bytes(), &to), &format!("0; url={to}"))
    }
}

impl Ready {
    fn give(&self, given: Arc<Notify>) -> Response<AnswerBody> {
        let mut head = response::Builder::new().status(self.head.status);
        if let Some(headers) = head.headers_mut() {
            headers.clone_from(&self.head.headers);
        }
        let body = HeldBody::whole(Arc::clone(&self.spooled), self.trailers.clone()).telling(given);
        head.body(AnswerBody::ours(ScannedBody::Given(Box::new(body))))
            .unwrap_or_else(|_| Response::new(AnswerBody::empty()))
    }
}

fn refreshed(notice: &Notice, refresh: &str) -> Response<AnswerBody> {
    let mut response = page_answer(notice.page(blockpage::Shape::Html));
    if let Ok(refresh) = HeaderValue::from_str(refresh) {
        response.headers_mut().insert(HeaderName::from_static("refresh"), refresh);
    }
    response
}

fn person_of(caller: &Caller) -> Option<PersonId> {
    caller.person.as_ref().map(|known| known.person.id)
}

fn lock<T>(held: &Mutex<T>) -> MutexGuard<'_, T> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}
