//! The inspection: its authority, the certificates it refused, and hosts that may belong on the bypass list.
//!
//! A suggestion becomes a proposal of the whole policy with one entry more; nothing passes unread before that is approved.
//! A proposal rests on the policy in force, or on an earlier one of its kind that still waits, so that neither undoes the
//! other. What is turned down is not suggested again for 90 days.
//!
//! Left out on purpose: who met a suggested host. That stands in the history, under its readers.

use crate::views::{AuthorityView, BypassProposalView, DismissedView, InspectionView, SuggestionView};
use crate::{App, AppError, AuthoritySeen, Proposal, Proposed, policies};
use identity::scopes_for;
use model::{Action, Actor, Host, PolicyHash, Scope, Suggestion, SuggestionKind, Timestamp};
use store::{AuditRow, DocumentState, Fact, PolicyRecord};

/// Facts that are looked through.
const MOST_FACTS: usize = 256;
/// How long a suggestion that was turned down is not made again.
const DISMISSED_MS: i64 = 90 * 24 * 3_600_000;
/// The longest reason that is taken, in bytes.
const MOST_REASON_BYTES: usize = 200;
const DISMISS: &str = "dismiss-bypass-suggestion";
const PROPOSE: &str = "propose-bypass";

impl App {
    /// The inspection, for whoever may look connections up.
    pub async fn inspection_view(&self, actor: &Actor) -> Result<InspectionView, AppError> {
        self.reach(actor, Action::SearchHistory).await?;
        let (now, seen) = (self.now(), self.0.parts.health.seen());
        let dismissed = self.dismissed(now).await?;
        let proposed = self.0.parts.store.facts_of(&Scope::Trust, PROPOSE, MOST_FACTS).await?;
        let mut suggestions = Vec::new();
        for suggestion in self.0.parts.suggestions.all(now) {
            let subject = subject_of(&suggestion.host);
            if !dismissed.iter().any(|fact| fact.subject == subject) && !self.is_bypassed(&suggestion.host) {
                let waiting = self.waiting(proposed.iter().find(|fact| fact.subject == subject)).await?;
                suggestions.push(suggestion_view(suggestion, waiting.map(|record| record.hash.to_string())));
            }
        }
        let told = seen.inspection.as_ref().map(|(_, at)| *at);
        let told_of = seen.inspection.map(|(told_of, _)| told_of);
        let mut refused = told_of.as_ref().map(|told_of| told_of.refused.clone()).unwrap_or_default();
        refused.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
        let in_use = told_of.as_ref().map(|told_of| authority_view(&told_of.authority, None));
        let next = told_of.as_ref().and_then(|told_of| told_of.next.as_ref());
        let next = next.filter(|(_, from)| *from > now);
        Ok(InspectionView {
            told,
            since: seen.started,
            authorities: in_use
                .into_iter()
                .chain(next.map(|(authority, from)| authority_view(authority, Some(*from))))
                .collect(),
            refused,
            scan: told_of.as_ref().and_then(|told_of| told_of.scan),
            revocation: told_of.map(|told_of| told_of.revocation).unwrap_or_default(),
            suggestions,
            dismissed: dismissed.iter().map(|fact| self.dismissed_view(fact)).collect(),
            devices_without: self.0.parts.suggestions.clients_without_certificate(now),
            may_change: !scopes_for(actor, Action::ProposePolicy).is_empty(),
        })
    }

    /// What putting a suggested host forward for the bypass list would mean; `None` for one that nobody suggests.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn bypass_proposal(
        &self,
        actor: &Actor,
        host: &str,
    ) -> Result<Option<BypassProposalView>, AppError> {
        self.reach(actor, Action::ProposePolicy).await?;
        let all = self.0.parts.suggestions.all(self.now());
        let suggestion = all.into_iter().find(|suggestion| suggestion.host.to_string() == host);
        Ok(suggestion.map(|Suggestion { host, kind, .. }| BypassProposalView {
            lines: lines_of(&host, "\u{2026}"),
            why: why_in_words(kind).to_owned(),
            host: host.to_string(),
            approved_by: self.in_force().document.facts.edition.approved_by.0.title().to_owned(),
        }))
    }

    /// Puts the policy forward with one host more on its bypass list.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] for what is no host, for one that passes unread already or waits for
    /// approval, and without a reason.
    pub async fn propose_bypass(&self, actor: &Actor, host: &str, why: &str) -> Result<Proposed, AppError> {
        self.reach(actor, Action::ProposePolicy).await?;
        let host = self.host_to_bypass(host)?;
        let why = reason(why)?;
        let put_forward = self.0.parts.store.facts_of(&Scope::Trust, PROPOSE, MOST_FACTS).await?;
        let of_host = put_forward.iter().find(|fact| fact.subject == subject_of(&host));
        if self.waiting(of_host).await?.is_some() {
            return Err(AppError::refused(
                "This site was put forward already, and waits for approval.",
                "expected a host that does not wait for approval",
            ));
        }
        let proposal = with_bypass(&self.base(put_forward.first()).await?, &host, why)?;
        let proposed = self.propose_policy(actor, proposal).await?;
        let fact = Fact::new(actor, Scope::Trust, self.now(), PROPOSE)
            .about(subject_of(&host))
            .with("hash", proposed.hash.to_string())
            .with("rests-on", self.in_force().hash.to_string())
            .with("reason", why);
        self.note(&fact).await?;
        Ok(proposed)
    }

    /// Turns a suggestion down: it is not made again for 90 days.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] for what is no host, and without a reason.
    pub async fn dismiss_suggestion(&self, actor: &Actor, host: &str, why: &str) -> Result<(), AppError> {
        self.reach(actor, Action::ProposePolicy).await?;
        let host = parse_host(host)?;
        let fact = Fact::new(actor, Scope::Trust, self.now(), DISMISS);
        self.note(&fact.about(subject_of(&host)).with("reason", reason(why)?)).await
    }

    async fn dismissed(&self, now: Timestamp) -> Result<Vec<AuditRow>, AppError> {
        let facts = self.0.parts.store.facts_of(&Scope::Trust, DISMISS, MOST_FACTS).await?;
        Ok(facts.into_iter().filter(|fact| fact.at.plus_ms(DISMISSED_MS) > now).collect())
    }

    fn dismissed_view(&self, fact: &AuditRow) -> DismissedView {
        DismissedView {
            host: fact.subject.trim_start_matches("host:").to_owned(),
            at: fact.at,
            by: self.name_in_audit(&fact.actor),
            why: fact.details().remove("reason").unwrap_or_default(),
        }
    }

    /// The document that a fact put forward, where it still waits and rests on the policy in force.
    async fn waiting(&self, fact: Option<&AuditRow>) -> Result<Option<PolicyRecord>, AppError> {
        let Some(mut details) = fact.map(AuditRow::details) else { return Ok(None) };
        if details.remove("rests-on") != Some(self.in_force().hash.to_string()) {
            return Ok(None);
        }
        let Some(hash) = details.remove("hash") else { return Ok(None) };
        let record = self.0.parts.store.policy(&PolicyHash::new(hash)).await?;
        Ok(record.filter(|record| record.state == DocumentState::Proposed))
    }

    /// What a proposal rests on: the one that was put forward last, or the policy in force.
    async fn base(&self, newest: Option<&AuditRow>) -> Result<PolicyRecord, AppError> {
        if let Some(waiting) = self.waiting(newest).await? {
            return Ok(waiting);
        }
        let in_force = self.0.parts.store.policy_in_force(&Scope::Trust).await?;
        in_force.ok_or_else(|| AppError::failed("expected a policy in force in the records, found none"))
    }

    fn host_to_bypass(&self, host: &str) -> Result<Host, AppError> {
        let host = parse_host(host)?;
        match self.is_bypassed(&host) {
            true => Err(AppError::refused(
                "Connections to this site pass unread already.",
                "expected a host that is not on the bypass list",
            )),
            false => Ok(host),
        }
    }

    fn is_bypassed(&self, host: &Host) -> bool {
        self.in_force().document.policy.bypass.iter().any(|entry| match &entry.host {
            Host::Name(name) => host.is_at_or_below(name),
            Host::Address(_) => *host == entry.host,
        })
    }
}

fn parse_host(host: &str) -> Result<Host, AppError> {
    Host::parse(host.trim()).map_err(|_| {
        AppError::refused("Name one site, such as www.example.org.", "expected a host, found something else")
    })
}

fn reason(why: &str) -> Result<&str, AppError> {
    let why = why.trim();
    if why.is_empty() {
        return Err(AppError::no_reason());
    }
    if why.len() > MOST_REASON_BYTES || why.chars().any(char::is_control) {
        return Err(AppError::refused(
            "Say it in one line of at most 200 letters.",
            "expected one short line as a reason",
        ));
    }
    Ok(why)
}

/// The same document with one entry more. A settings revision goes with it, and names the edition by its new hash.
fn with_bypass(base: &PolicyRecord, host: &Host, why: &str) -> Result<Proposal, AppError> {
    let (name, text) = &base.edition;
    let alone =
        |text: String| Proposal { edition: (name.clone(), text), settings: None, reason: String::new() };
    let (old, new) = (alone(text.clone()), alone(format!("{}\n\n{}", text.trim_end(), lines_of(host, why))));
    let settings = match &base.settings {
        Some((name, settings)) => {
            let (old, new) = (policies::read(&old)?.policy.hash, policies::read(&new)?.policy.hash);
            Some((name.clone(), settings.replace(old.as_str(), new.as_str())))
        }
        None => None,
    };
    Ok(Proposal { settings, reason: format!("Bypass list: {host}. {why}"), ..new })
}

/// The entry as it stands in a policy file.
fn lines_of(host: &Host, why: &str) -> String {
    let why = why.replace('\\', "\\\\").replace('"', "\\\"");
    format!("[[bypass]]\nhost = \"{host}\"\nwhy = \"{why}\"\n")
}

fn subject_of(host: &Host) -> String {
    format!("host:{host}")
}

fn why_in_words(kind: SuggestionKind) -> &'static str {
    match kind {
        SuggestionKind::Distrusted => "an app trusts only its own certificates there",
        SuggestionKind::HungUp => "an app hangs up on the school\u{2019}s certificate there",
        SuggestionKind::ClientCertificate => "the site asks for the device\u{2019}s own certificate",
    }
}

fn suggestion_view(suggestion: Suggestion, waiting: Option<String>) -> SuggestionView {
    SuggestionView {
        host: suggestion.host.to_string(),
        why: why_in_words(suggestion.kind).to_owned(),
        times: suggestion.times,
        devices: suggestion.clients,
        seen: (suggestion.first, suggestion.last),
        waiting,
    }
}

fn authority_view(seen: &AuthoritySeen, signs_from: Option<Timestamp>) -> AuthorityView {
    AuthorityView {
        name: seen.name.clone(),
        fingerprint: seen.fingerprint.clone(),
        holds: (seen.from, seen.until),
        signs_from,
    }
}
