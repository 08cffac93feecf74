//! Putting a policy document forward, and putting one in force.
//!
//! Who approves is the document's own word: an edition and a settings revision each name a post, and whoever approves
//! holds it. Whoever put a document forward does not approve it. At the command line there are no posts to hold; there
//! an approval is an emergency, with its reason.

use crate::approved::read_record;
use crate::facade::record_denial;
use crate::{App, AppError};
use identity::permit;
use model::{Action, Actor, Clock, PolicyHash, Role, Scope};
use policy::Policy;
use policy::file::{Document, SourceText};
use store::{Approval, Change, DocumentState, Fact, NewPolicy, PolicyRecord, Store};

/// The fewest digits that name a document.
const LEAST_HASH_DIGITS: usize = 8;

/// A document to put forward.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// The edition's file name and text.
    pub edition: (String, String),
    /// The settings revision's file name and text, where there is one.
    pub settings: Option<(String, String)>,
    /// Why.
    pub reason: String,
}

/// A document that was put forward.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proposed {
    /// Its hash: what to approve.
    pub hash: PolicyHash,
    /// What its author should look at, a line each.
    pub warnings: Vec<String>,
}

/// Checks a document and keeps it; nothing changes until it is approved. Putting the same one forward again is no mistake.
///
/// # Errors
/// [`AppError::Denied`]; [`AppError::Refused`] with every mistake of the document.
pub async fn propose_policy(
    store: &Store,
    clock: &Clock,
    actor: &Actor,
    proposal: Proposal,
) -> Result<Proposed, AppError> {
    let document = read(&proposal)?;
    let scope = place(&document.policy);
    if permit(actor, Action::ProposePolicy, &scope).is_err() {
        record_denial(store, actor, Action::ProposePolicy, clock.now()).await;
        return Err(AppError::Denied);
    }
    let hash = document.policy.hash.clone();
    let warnings = document.warnings.iter().map(ToString::to_string).collect();
    if store.policy(&hash).await?.is_some() {
        return Ok(Proposed { hash, warnings });
    }
    let now = clock.now();
    let fact = Fact::new(actor, Scope::Trust, now, "propose-policy")
        .about(format!("policy:{hash}"))
        .with("title", document.facts.edition.title.clone())
        .with("version", document.facts.edition.version.clone())
        .with("reason", proposal.reason.trim());
    let policy = NewPolicy {
        hash: hash.clone(),
        scope: Scope::Trust,
        edition: proposal.edition,
        settings: proposal.settings,
        at: now,
        by: actor.to_string(),
        why: proposal.reason.trim().to_owned(),
    };
    store.commit(&fact, &[Change::ProposePolicy(policy)]).await?;
    Ok(Proposed { hash, warnings })
}

/// Puts a document in force that was put forward before, or that was in force once. `hash`: its first digits, at least 8.
/// A running gate takes it up within seconds.
///
/// # Errors
/// [`AppError::Denied`]; [`AppError::Refused`] for a hash that names no document or several, for one that is in force
/// already, for a missing reason, and for whoever put it forward or does not hold the post that approves it.
pub async fn approve_policy(
    store: &Store,
    clock: &Clock,
    actor: &Actor,
    hash: &str,
    reason: &str,
) -> Result<PolicyHash, AppError> {
    let record = find(store, hash).await?;
    let document = read_record(&record)?;
    let scope = place(&document.policy);
    if permit(actor, Action::ApprovePolicy, &scope).is_err() {
        record_denial(store, actor, Action::ApprovePolicy, clock.now()).await;
        return Err(AppError::Denied);
    }
    check_approver(actor, &record, &document, &scope)?;
    if reason.trim().is_empty() {
        return Err(AppError::refused(
            "Say why: the reason is recorded and shown.",
            "expected a reason, found none",
        ));
    }
    let now = clock.now();
    let fact = Fact::new(actor, Scope::Trust, now, "approve-policy")
        .about(format!("policy:{}", record.hash))
        .with("title", document.facts.edition.title.clone())
        .with("version", document.facts.edition.version.clone())
        .with("reason", reason.trim());
    let approval = Approval {
        hash: record.hash.clone(),
        scope: Scope::Trust,
        at: now,
        by: actor.to_string(),
        why: reason.trim().to_owned(),
    };
    store.commit(&fact, &[Change::ApprovePolicy(approval)]).await?;
    Ok(record.hash)
}

impl App {
    /// Puts a policy document forward; see [`propose_policy`].
    pub async fn propose_policy(&self, actor: &Actor, proposal: Proposal) -> Result<Proposed, AppError> {
        propose_policy(&self.0.parts.store, &self.0.parts.clock, actor, proposal).await
    }

    /// Puts a policy document in force, and lets it decide at once; see [`approve_policy`].
    pub async fn approve_policy(
        &self,
        actor: &Actor,
        hash: &str,
        reason: &str,
    ) -> Result<PolicyHash, AppError> {
        let hash = approve_policy(&self.0.parts.store, &self.0.parts.clock, actor, hash, reason).await?;
        self.take_up_changes().await?;
        Ok(hash)
    }
}

pub(crate) fn read(proposal: &Proposal) -> Result<Document, AppError> {
    let edition = SourceText { name: &proposal.edition.0, text: &proposal.edition.1 };
    let settings = proposal.settings.as_ref().map(|(name, text)| SourceText { name, text });
    policy::file::read(&edition, settings.as_ref()).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        AppError::refused(
            format!("The document has mistakes, and was not kept:\n{}", lines.join("\n")),
            format!("expected a document without mistakes, found {}", lines.len()),
        )
    })
}

/// Where one must hold a role to have a say in the policy: at the lone school, or in the trust.
pub(crate) fn place(policy: &Policy) -> Scope {
    match policy.schools.as_slice() {
        [only] => Scope::School(only.id.clone()),
        _ => Scope::Trust,
    }
}

async fn find(store: &Store, hash: &str) -> Result<PolicyRecord, AppError> {
    let hash = hash.trim().to_lowercase();
    let found = match hash.len() {
        LEAST_HASH_DIGITS.. => store.policies_beginning(&hash).await?,
        _ => Vec::new(),
    };
    let record = match found.as_slice() {
        [only] => store.policy(only).await?,
        _ => None,
    };
    match record {
        Some(record) if record.state == DocumentState::InForce => Err(AppError::refused(
            "That document is in force already.",
            "expected a document that is not in force, found the one that is",
        )),
        Some(record) => Ok(record),
        None => Err(AppError::refused(
            "No single document has that hash. Give at least its first 8 digits, as `schoolgate policy propose` \
             printed them.",
            "expected the hash of one document, found none or several",
        )),
    }
}

fn check_approver(
    actor: &Actor,
    record: &PolicyRecord,
    document: &Document,
    scope: &Scope,
) -> Result<(), AppError> {
    let Actor::Person { roles, .. } = actor else { return Ok(()) };
    if record.proposed.1 == actor.to_string() {
        return Err(AppError::refused(
            "Whoever puts a document forward does not approve it. Ask another leader.",
            "expected another actor than the proposer, found the same",
        ));
    }
    let settings = document.facts.settings.as_ref();
    let post: Role = settings.map_or(document.facts.edition.approved_by.0, |settings| settings.approved_by.0);
    if !roles.iter().any(|(role, held)| *role == post && held.covers(scope)) {
        return Err(AppError::refused(
            format!("This document is approved by the {}.", post.title().to_lowercase()),
            format!("expected the post {}, found others", post.slug()),
        ));
    }
    Ok(())
}
