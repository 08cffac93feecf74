//! Files on their way out: kinds that may not be sent are told by what is in them, and the scanner reads what goes.
//!
//! What is scanned is held until the scanner has spoken, so that an origin never gets an infected file. What is only
//! looked at goes by: where a file in a form turns out to be of an unwanted kind, the request is cut off, and its origin
//! never has the whole.

use super::form::{FormReader, is_multipart};
use super::hold::{End, Hold, Taken, take};
use super::watch::{FormWatch, Unwanted, UploadWatch};
use super::{Case, HeldBody, ScanDesk};
use crate::gate::Gate;
use crate::peek::{Patience, Peeked};
use crate::rules::{Judged, LongTalk, Sends, is_opaque, is_packed, is_upload, unpacked, wants_more};
use crate::visit::{AskBody, Moved};
use http::header::{CONTENT_TYPE, HeaderMap};
use http::request;
use inspect::file_type;
use model::Verdict;
use std::sync::Arc;
use std::time::Duration;

/// How long a request may wait for the first bytes of what it sends.
const PATIENCE: Patience = Patience { first: Duration::from_secs(10), more: Duration::from_secs(10) };

/// What becomes of a request's body.
pub(crate) enum Sent {
    /// It goes on, and has a note for history where it was to be scanned and was not.
    Goes(AskBody, Option<Box<Verdict>>),
    Refused(Box<Verdict>),
    /// The client broke off.
    Broke,
}

/// What is to be done with a request's body.
pub(crate) struct Planned {
    /// For history, where it was to be scanned and will not be.
    pub(crate) note: Option<Box<Verdict>>,
    /// What looks at it as it goes, where it is not held.
    pub(crate) watch: Option<UploadWatch>,
    /// Where it is held, and by which rules.
    pub(crate) hold: Option<(Arc<ScanDesk>, Case, Hold)>,
}

/// Looks at what a request sends, as far as the policy asks for it.
pub(crate) async fn upload(
    gate: &Gate,
    judged: &Judged,
    head: &request::Parts,
    (mut body, moved): (Peeked, &Arc<Moved>),
) -> Sent {
    let (mut first, sends) = (Vec::new(), Sends::of(&body));
    if concerns(gate, judged, head, sends) && !is_form(&head.headers) {
        let look = body.look_ahead(&head.headers, PATIENCE, |first| wants_more(&head.headers, first));
        first = look.await;
    }
    let Planned { note, watch, hold } = match plan(gate, judged, (head, sends), &first).await {
        Ok(planned) => planned,
        Err(refusal) => return Sent::Refused(refusal),
    };
    let Some((desk, case, hold)) = hold else {
        return Sent::Goes(AskBody::watched(body, Arc::clone(moved), watch), note);
    };
    let Taken { spooled, trailers, source, is_whole, end } = take(body, hold).await;
    match end {
        End::Broke(_) => Sent::Broke,
        End::Refused(refusal) => Sent::Refused(refusal),
        End::Scanned(scanned) => match desk.settle(&case, &scanned) {
            Ok(note) => {
                let body = HeldBody::with_rest(spooled, trailers, (!is_whole).then_some(source));
                Sent::Goes(AskBody::held(body, Arc::clone(moved)), note)
            }
            Err(refusal) => Sent::Refused(refusal),
        },
    }
}

/// True for a request that sends something of which the policy speaks.
fn concerns(gate: &Gate, judged: &Judged, head: &request::Parts, sends: Sends) -> bool {
    let rules = judged.traffic();
    let speaks = !rules.uploads.block_files.is_empty() || (gate.scan.is_some() && rules.scan.uploads);
    speaks && is_upload(&head.method, &head.headers, sends)
}

/// What is to be done with a request's body that begins with these bytes.
///
/// # Errors
/// The verdict that refuses it.
pub(crate) async fn plan(
    gate: &Gate,
    judged: &Judged,
    (head, sends): (&request::Parts, Sends),
    first: &[u8],
) -> Result<Planned, Box<Verdict>> {
    let nothing = Planned { note: None, watch: None, hold: None };
    if !concerns(gate, judged, head, sends) {
        let talk = LongTalk::of(judged, (&head.method, &head.headers), sends);
        return Ok(Planned { watch: talk.map(UploadWatch::Talk), ..nothing });
    }
    let unwanted = Unwanted::of(judged);
    unwanted.as_ref().map_or(Ok(()), |unwanted| can_be_looked_into(unwanted, &head.headers))?;
    let mut kind = None;
    if !is_form(&head.headers) {
        let first = unpacked(&head.headers, first);
        unwanted.as_ref().map_or(Ok(()), |unwanted| unwanted.check(&first))?;
        kind = file_type::of(&first).map(|found| found.kind);
    }
    let watch = unwanted.and_then(|unwanted| FormWatch::of(unwanted, &head.headers));
    let watch = watch.map(|form| UploadWatch::Form(Box::new(form)));
    let Some(desk) = gate.scan.as_ref().filter(|_| judged.traffic().scan.uploads) else {
        return Ok(Planned { watch, ..nothing });
    };
    let case = Case::new(judged, &head.headers, kind);
    match Hold::begin(desk, &case, &head.headers).await {
        Ok(hold) => Ok(Planned { hold: Some((Arc::clone(desk), case, hold.watched(watch))), ..nothing }),
        Err(fault) => Ok(Planned { note: desk.settle(&case, &Err(fault))?, watch, ..nothing }),
    }
}

/// Refuses what hides the files in it: a form that is packed, which no browser sends by itself, or whose boundary nobody is
/// sure of; anything packed so often that it is not undone.
fn can_be_looked_into(unwanted: &Unwanted, head: &HeaderMap) -> Result<(), Box<Verdict>> {
    let kinds = head.get_all(CONTENT_TYPE);
    let has_parts = kinds.iter().any(|kind| is_multipart(kind.as_bytes()));
    if is_opaque(head) || (has_parts && is_packed(head)) {
        return Err(unwanted.refuse("packed", "it is packed in a way that cannot be looked into"));
    }
    let is_plain = kinds.iter().count() == 1 && is_form(head);
    if has_parts && !is_plain { Err(unwanted.refuse_form()) } else { Ok(()) }
}

fn is_form(head: &HeaderMap) -> bool {
    head.get(CONTENT_TYPE).is_some_and(|kind| FormReader::of(kind.as_bytes()).is_some())
}
