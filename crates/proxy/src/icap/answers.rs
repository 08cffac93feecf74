//! RESPMOD: an answer is looked at for kinds of files and malware, and for what leads past the gate.

use super::chunks::Ahead;
use super::{Exchange, Next, fields, target};
use crate::inner::shape_of;
use crate::rules::{self, Judged};
use crate::scan::{
    self, Asked, Begun, Case, DROP_EVERY, Drops, End, Hold, ScanDesk, Taken, forget_validators, take,
};
use blockpage::Refusal;
use http::{Request, request, response};
use model::{Outcome, Verdict};
use std::io;
use std::pin::pin;
use tokio::time::{MissedTickBehavior, interval, timeout};

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
    let first = rules::wants_first_bytes(&judged, &answer).then(|| ahead.seen());
    if let Err(refusal) = rules::after_response(gate, &judged, &mut answer, first.as_deref()) {
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
    match scan::begin(desk, &case, &answer).await {
        Begun::Settled(Ok(note)) => {
            tell(exchange, (&judged, &head), note);
            exchange.pass(changed, ahead, None).await
        }
        Begun::Settled(Err(refusal)) => exchange.refuse(&judged, &refusal, (&head, ahead.body)).await,
        Begun::Hold(hold) => {
            forget_validators(&mut answer.headers);
            let dropping = fields(&start, &answer.headers);
            let file = File { exchange, desk, case: &case, judged: &judged, head: &head };
            file.held(*hold, ahead, (changed, dropping)).await
        }
    }
}

/// A file that is scanned.
struct File<'a> {
    exchange: &'a Exchange<'a>,
    desk: &'a ScanDesk,
    case: &'a Case,
    judged: &'a Judged,
    head: &'a request::Parts,
}

impl File<'_> {
    /// Takes it in and answers: with the head that is given for it, or with the one under which it falls drop by drop where
    /// the scanner takes long, so that neither the other proxy nor its client gives up.
    async fn held(
        &self,
        hold: Hold,
        mut ahead: Ahead<'_>,
        (changed, dropping): (Option<Vec<u8>>, Vec<u8>),
    ) -> io::Result<Next> {
        let Self { exchange, judged, head, .. } = *self;
        // Before the answer may begin.
        ahead.body.ask_for_the_rest().await?;
        let writing = ahead.body.writing().clone();
        let mut drops = Drops::of(&hold);
        let mut taking = pin!(take(ahead, hold));
        if let Ok(taken) = timeout(self.desk.patience(), taking.as_mut()).await {
            let Taken { spooled, source, .. } = taken;
            return match self.settled(taken.end)? {
                Ok(note) => {
                    tell(exchange, (judged, head), note);
                    exchange.pass(changed, source, Some(spooled)).await
                }
                Err(refusal) => exchange.refuse(judged, &refusal, (head, source.body)).await,
            };
        }
        exchange.head(&writing, Some(dropping)).await?;
        let mut falls = interval(DROP_EVERY);
        falls.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let Taken { spooled, source, end, .. } = loop {
            tokio::select! {
                taken = taking.as_mut() => break taken,
                _ = falls.tick() => if let Some(drop) = drops.fall() {
                    writing.chunk(&drop).await?;
                },
            }
        };
        match self.settled(end)? {
            Ok(note) => {
                tell(exchange, (judged, head), note);
                exchange.rest(source, Some(spooled), drops.given()).await
            }
            Err(refusal) => {
                drop(exchange.refused(judged, &refusal, head));
                // An answer without its end: nobody takes it for the file.
                Err(io::ErrorKind::ConnectionAborted.into())
            }
        }
    }

    /// What follows from the file.
    fn settled(&self, end: End) -> io::Result<Result<Option<Box<Verdict>>, Box<Verdict>>> {
        match end {
            End::Broke(_) => Err(io::ErrorKind::UnexpectedEof.into()),
            End::Refused(refusal) => Ok(Err(refusal)),
            End::Scanned(scanned) => Ok(self.desk.settle(self.case, &scanned)),
        }
    }
}

/// Tells history of an answer that was let through unscanned.
fn tell(exchange: &Exchange<'_>, (judged, head): (&Judged, &request::Parts), note: Option<Box<Verdict>>) {
    if let Some(note) = note {
        let mut visit = exchange.gate.visit(&judged.ask, &judged.verdict, &head.method);
        visit.judged_anew(&note);
        visit.handed_on();
    }
}
