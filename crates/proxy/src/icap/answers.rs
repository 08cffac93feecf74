//! RESPMOD: an answer is looked at for kinds of files and malware, and for what leads past the gate.

use super::chunks::Ahead;
use super::{Exchange, Next, fields, target};
use crate::inner::shape_of;
use crate::rules;
use crate::scan::{self, Asked, Begun, End, Taken, take};
use blockpage::Refusal;
use http::{Request, request, response};
use model::Outcome;
use std::io;

pub(super) async fn answer(
    exchange: &Exchange<'_>,
    head: request::Parts,
    mut answer: response::Parts,
    ahead: Ahead<'_>,
) -> io::Result<Next> {
    let gate = exchange.gate;
    let request = Request::from_parts(head, ());
    let asked = target(&request);
    let head = request.into_parts().0;
    let Some((what, how)) = asked else {
        let shape = shape_of(&head.headers);
        let page = blockpage::not_possible(Refusal::NotUnderstood, &gate.links).page(shape);
        return exchange.page(page, ahead.body).await;
    };
    let judged = gate.judge(exchange.caller, what, how);
    if judged.verdict.outcome == Outcome::Block {
        return exchange.refuse(&judged, &judged.verdict, (&head, ahead.body)).await;
    }
    let before = answer.headers.clone();
    let first = if rules::wants_first_bytes(&judged, &answer) { ahead.seen() } else { Vec::new() };
    if let Err(refusal) = rules::after_response(gate, &judged, &mut answer, &first) {
        return exchange.refuse(&judged, &refusal, (&head, ahead.body)).await;
    }
    let reason = answer.status.canonical_reason().unwrap_or_default();
    let start = format!("HTTP/1.1 {} {reason}", answer.status.as_str());
    let changed = (answer.headers != before).then(|| fields(&start, &answer.headers));
    let asked = Asked::of(&head);
    let case = match &gate.scan {
        Some(desk) if !ahead.is_empty() && scan::wants_first_bytes(&judged, &asked, &answer) => {
            scan::file(&judged, &asked, &answer.headers, &ahead.seen()).map(|case| (desk, case))
        }
        _ => None,
    };
    let Some((desk, case)) = case else { return exchange.pass(changed, ahead, None).await };
    let (ahead, held, settled) = match scan::begin(desk, &case, &answer).await {
        Begun::Settled(settled) => (ahead, None, settled),
        Begun::Hold(hold) => {
            let Taken { spooled, source, end, .. } = take(ahead, *hold).await;
            let settled = match end {
                End::Broke(_) => return Err(io::ErrorKind::UnexpectedEof.into()),
                End::Refused(refusal) => Err(refusal),
                End::Scanned(scanned) => desk.settle(&case, &scanned),
            };
            (source, Some(spooled), settled)
        }
    };
    match settled {
        Ok(note) => {
            if let Some(note) = note {
                let mut visit = gate.visit(&judged.ask, &judged.verdict, &head.method);
                visit.judged_anew(&note);
                visit.handed_on();
            }
            exchange.pass(changed, ahead, held).await
        }
        Err(refusal) => exchange.refuse(&judged, &refusal, (&head, ahead.body)).await,
    }
}
