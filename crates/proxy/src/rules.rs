//! What a group's connections may carry: the policy's traffic rules, applied in the phases.
//!
//! Phase `request`: addresses instead of names, names of Tor, DNS inside HTTPS, tunnels, pages inside copies, uploads; then the fields and parameters
//! that services obey. Phase `response`: DNS inside HTTPS and kinds of files.
//!
//! Left out: whether a host or a path may be reached, which was decided before; what a connection shows before its first
//! request, which is [`crate::ways_round`]'s; parts of files that begin elsewhere than the file does, and what lies inside archives.
//!
//! Invariants: whatever is refused is refused by a verdict that says why; whatever is a way round the filter is counted,
//! refused or not; a client's own fields never stand in for the school's.

mod files;
mod requests;
mod tenants;
mod uploads;

pub(crate) use files::{
    FirstBytes, after_response, is_opaque, is_packed, unpacked, wants_first_bytes, wants_more,
};
pub(crate) use requests::before_request;
pub(crate) use uploads::{LongTalk, Sends, is_upload};

use crate::gate::Gate;
use crate::peer::Peer;
use model::{Ask, DnsAnswer, Layer, Outcome, Reason, Target, Verdict, WayRound};
use policy::rules::TrafficRules;
use policy::{Snapshot, Viewpoint};
use std::sync::Arc;

/// A question, its verdict, and by what it was decided.
pub(crate) struct Judged {
    pub(crate) ask: Ask,
    pub(crate) verdict: Verdict,
    pub(crate) viewpoint: Viewpoint,
    pub(crate) snapshot: Arc<Snapshot>,
}

impl Judged {
    pub(crate) fn traffic(&self) -> &TrafficRules {
        self.viewpoint.traffic()
    }

    /// Refuses an address that a name led to, where lists know it and the name was not allowed before them: as DNS judges what
    /// an answer leads to.
    ///
    /// # Errors
    /// The verdict on the address.
    pub(crate) fn may_reach(&self, peer: &Peer) -> Result<(), Box<Verdict>> {
        if self.ask.what.host.name().is_none() || !peer.is_listed(self.snapshot.image()) {
            return Ok(());
        }
        let what = Target { host: peer.host().clone(), path: None, ..self.ask.what.clone() };
        let mut verdict = self.snapshot.judge(&self.viewpoint, &Ask { what, ..self.ask.clone() });
        if verdict.outcome == Outcome::Allow || verdict.reason.layer >= self.verdict.reason.layer {
            return Ok(());
        }
        // What is illegal is named nowhere, also not in the history.
        if verdict.reason.layer != Layer::Illegal {
            verdict.reason.entry.get_or_insert_with(|| format!("address {}", peer.host()).into());
        }
        Err(Box::new(verdict))
    }

    fn shuts(&self, way: WayRound) -> bool {
        self.traffic().shut.contains(&way)
    }

    /// Counts a way round the filter, and refuses it where it is shut.
    fn tried(&self, gate: &Gate, way: WayRound, why: &str) -> Result<(), Box<Verdict>> {
        if !self.shuts(way) {
            gate.leaked(way);
            return Ok(());
        }
        gate.held(way);
        Err(Box::new(refusal(&self.verdict, Refused::way(way, why))))
    }
}

/// Why something is refused that the policy lets be reached.
pub(crate) struct Refused<'a> {
    layer: Layer,
    /// The rule, as a policy names it.
    entry: &'a str,
    why: &'a str,
}

impl<'a> Refused<'a> {
    /// As a way round the filter, in words after "it".
    pub(crate) fn way(way: WayRound, why: &'a str) -> Self {
        Self { layer: Layer::Circumvention, entry: way.slug(), why }
    }
}

/// The verdict of somebody whose request is refused by a traffic rule: for the same group, from the same policy.
pub(crate) fn refusal(verdict: &Verdict, refused: Refused<'_>) -> Verdict {
    let Refused { layer, entry, why } = refused;
    let (entry, why) = (Some(Arc::from(entry)), Some(Arc::from(why)));
    Verdict {
        outcome: Outcome::Block,
        reason: Reason { layer, category: None, list: None, entry, why, ..verdict.reason.clone() },
        rewrite: None,
        answer: DnsAnswer::AsUsual,
        ..verdict.clone()
    }
}
