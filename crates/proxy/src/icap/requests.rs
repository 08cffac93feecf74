//! REQMOD: a request is decided, and made ready as the gate's own are.

use super::chunks::Ahead;
use super::{Exchange, Next, fields, target};
use crate::inner::shape_of;
use crate::rules::{self, Sends};
use crate::scan::{End, Planned, Taken, plan, take};
use blockpage::Refusal;
use http::{Request, request};
use model::{Channel, Outcome};
use std::io;
use tokio::time::Instant;

pub(super) async fn answer(
    exchange: &Exchange<'_>,
    head: request::Parts,
    ahead: Ahead<'_>,
) -> io::Result<Next> {
    let gate = exchange.gate;
    let not_possible = |refusal, head: &request::Parts| {
        blockpage::not_possible(refusal, &gate.links).page(shape_of(&head.headers))
    };
    if !gate.requests.allows(exchange.caller.address, Instant::now()) {
        return exchange.page(not_possible(Refusal::TooMany, &head), ahead.body).await;
    }
    let request = Request::from_parts(head, ());
    let asked = target(&request);
    let mut head = request.into_parts().0;
    let Some((what, how)) = asked else {
        return exchange.page(not_possible(Refusal::NotUnderstood, &head), ahead.body).await;
    };
    let judged = gate.judge(exchange.caller, what, how);
    if judged.verdict.outcome == Outcome::Block {
        return exchange.refuse(&judged, &judged.verdict, (&head, ahead.body)).await;
    }
    if how == Channel::Tunnel {
        gate.visit(&judged.ask, &judged.verdict, &head.method).handed_on();
        return exchange.pass(None, ahead, None).await;
    }
    let before = (head.uri.clone(), head.headers.clone());
    let sends = if ahead.is_empty() { Sends::Nothing } else { Sends::Body };
    if let Err(refusal) = rules::before_request(gate, exchange.caller, &judged, &mut head, sends) {
        return exchange.refuse(&judged, &refusal, (&head, ahead.body)).await;
    }
    let is_changed = (&head.uri, &head.headers) != (&before.0, &before.1);
    let start = format!("{} {} HTTP/1.1", head.method, head.uri);
    let changed = is_changed.then(|| fields(&start, &head.headers));
    let Planned { note, watch, hold } = match plan(gate, &judged, (&head, sends), &ahead.seen()).await {
        Ok(planned) => planned,
        Err(refusal) => return exchange.refuse(&judged, &refusal, (&head, ahead.body)).await,
    };
    // Of a form that is not held, only what lies in the preview is seen.
    if let Some(Err(refusal)) = watch.map(|mut watch| watch.see(&ahead.seen())) {
        return exchange.refuse(&judged, &refusal, (&head, ahead.body)).await;
    }
    let mut visit = gate.visit(&judged.ask, &judged.verdict, &head.method);
    note.iter().for_each(|note| visit.judged_anew(note));
    let Some((desk, case, hold)) = hold else {
        visit.handed_on();
        return exchange.pass(changed, ahead, None).await;
    };
    visit.forget();
    let Taken { spooled, source, end, .. } = take(ahead, hold).await;
    let settled = match end {
        End::Broke(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
        End::Refused(refusal) => Err(refusal),
        End::Scanned(scanned) => desk.settle(&case, &scanned),
    };
    match settled {
        Ok(note) => {
            let mut visit = gate.visit(&judged.ask, &judged.verdict, &head.method);
            note.iter().for_each(|note| visit.judged_anew(note));
            visit.handed_on();
            exchange.pass(changed, source, Some(spooled)).await
        }
        Err(refusal) => exchange.refuse(&judged, &refusal, (&head, source.body)).await,
    }
}
