//! The administrators on a screen: who can administer, what is missing while they are set up, the recovery accounts, and
//! leaders taking one of these away, two of them and with a delay.
//!
//! Left out: making administrators and recovery accounts, which whoever looks after the machine does there.

use crate::administrators::{load, refused, rules_of};
use crate::facade::Reach;
use crate::views::{AdministratorRow, AdministratorsView, NeedView, RecoveryRow};
use crate::{App, AppError, Fresh};
use identity::{AdministratorsWarning, AskedBy, DELETION_DELAY_MS, RecoveryAccount, WorkingFactor};
use model::{AccountKind, AccountState, Action, Actor, PersonId, Scope};
use store::{AccountChange, Change, RecoveryChange};

/// What a leader does about a recovery account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryDeed {
    /// They want it gone.
    AskDeletion,
    /// They agree that it goes.
    AgreeDeletion,
    /// They think better of it.
    CancelDeletion,
    /// After the delay: it goes.
    Delete,
}

impl RecoveryDeed {
    /// Every deed.
    pub const ALL: [Self; 4] = [Self::AskDeletion, Self::AgreeDeletion, Self::CancelDeletion, Self::Delete];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::AskDeletion => "ask-recovery-deletion",
            Self::AgreeDeletion => "agree-recovery-deletion",
            Self::CancelDeletion => "cancel-recovery-deletion",
            Self::Delete => "delete-recovery-account",
        }
    }

    /// The words on its button.
    pub fn title(self) -> &'static str {
        match self {
            Self::AskDeletion => "Ask for its end",
            Self::AgreeDeletion => "Agree to its end",
            Self::CancelDeletion => "Keep it after all",
            Self::Delete => "Take it away now",
        }
    }

    /// Reads the name in forms.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.slug() == text)
    }
}

impl App {
    /// The administrators, for whoever manages accounts everywhere.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn administrators_view(&self, actor: &Actor) -> Result<AdministratorsView, AppError> {
        self.must_manage_everywhere(actor).await?;
        let rules = rules_of(&self.in_force().document);
        let loaded = load(&self.0.parts.store, &rules).await?;
        let (now, state) = (self.now(), &loaded.state);
        let of_administrators =
            loaded.accounts.iter().filter(|account| account.kind == AccountKind::Administrator);
        let row = |account: &store::Account| {
            let held = state.accounts().get(&account.person);
            let factors =
                held.map(|held| held.factors.iter().map(|factor| title(*factor)).collect::<Vec<_>>());
            AdministratorRow {
                name: self.person_name(account.person),
                login: account.login.clone(),
                state: account.state.title().to_owned(),
                factors: factors.unwrap_or_default().join(" and "),
                works: held.is_some_and(identity::AdministratorAccount::works),
            }
        };
        let me = match actor {
            Actor::Person { id, .. } => state.leaders().get(id).copied(),
            _ => None,
        };
        let overdue = state.warnings(&rules, now);
        let recovery = |(number, account): (&u32, &RecoveryAccount)| {
            let agreed = account.deletion.and_then(|deletion| deletion.agreed);
            RecoveryRow {
                number: *number,
                owners: account.owners.iter().map(|owner| self.person_name(*owner)).collect(),
                tried: account.tried,
                is_due: overdue.contains(&AdministratorsWarning::TryRecovery { number: *number }),
                asked_by: account.deletion.map(|it| self.person_name(it.asked_by)).unwrap_or_default(),
                agreed_by: agreed.map(|(by, _)| self.person_name(by)).unwrap_or_default(),
                until: agreed.map(|(_, until)| until),
                deeds: me.map(|me| deeds(account, me, now)).unwrap_or_default(),
            }
        };
        Ok(AdministratorsView {
            setting_up: state.setting_up(),
            missing: missing(&loaded.state, &rules),
            at_least: rules.at_least,
            accounts: of_administrators.map(row).collect(),
            recovery: state.recovery().iter().map(recovery).collect(),
            leads: me.is_some(),
        })
    }

    /// What should be seen to about administrators, for home; nothing for whoever does not manage accounts everywhere.
    pub(crate) async fn administrator_needs(&self, actor: &Actor) -> Result<Vec<NeedView>, AppError> {
        if !self.manages_everywhere(actor) {
            return Ok(Vec::new());
        }
        let rules = rules_of(&self.in_force().document);
        let loaded = load(&self.0.parts.store, &rules).await?;
        let need = |title: &str, detail: String| NeedView {
            title: title.to_owned(),
            detail,
            link: "/administrators".to_owned(),
            urgency: "soon".to_owned(),
        };
        let missing = missing(&loaded.state, &rules);
        let mut needs = Vec::new();
        if !missing.is_empty() {
            let words = "Until then nothing keeps the last administrator from being locked out. ";
            needs
                .push(need("The set-up is not finished", format!("{words}Missing: {}.", missing.join("; "))));
        }
        for warning in loaded.state.warnings(&rules, self.now()) {
            needs.push(match warning {
                AdministratorsWarning::TryRecovery { number } => need(
                    &format!("Recovery account {number} was not tried for too long"),
                    "One of its owners signs in with what is in the envelope, and seals a new one."
                        .to_owned(),
                ),
                AdministratorsWarning::EndsSoon { .. } => need(
                    "An administrator\u{2019}s account ends soon",
                    "Too few would be left. Give somebody else one first.".to_owned(),
                ),
            });
        }
        Ok(needs)
    }

    /// Does something about the end of a recovery account. False where there is none of that number.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a reason, for whoever does not lead, for the same leader twice,
    /// before the delay is over, and for the last recovery account.
    pub async fn work_on_recovery(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        (number, deed): (u32, RecoveryDeed),
        reason: &str,
    ) -> Result<bool, AppError> {
        self.must_manage_everywhere(actor).await?;
        let Actor::Person { id: me, .. } = actor else { return Err(AppError::Denied) };
        if !self.is_of(fresh, actor).await? {
            return Err(AppError::Denied);
        }
        let session = self.0.parts.store.session(fresh.session(), self.now()).await?;
        if session.is_none_or(|session| session.account_kind == AccountKind::BreakGlass) {
            return Err(AppError::refused(
                "Whoever opened an envelope is nobody\u{2019}s second voice. Sign in with your own account.",
                "expected a leader's own account, found a recovery account",
            ));
        }
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > crate::alert_work::MOST_WORDS_BYTES {
            return Err(AppError::no_reason());
        }
        let records = self.0.parts.store.recovery_accounts().await?;
        let Some(record) = records.into_iter().find(|record| record.number == number) else {
            return Ok(false);
        };
        let (account, at) = (record.account, self.now());
        let set =
            |asked_by, agreed| Change::Recovery(RecoveryChange::SetDeletion { account, asked_by, agreed });
        let change = match deed {
            RecoveryDeed::AskDeletion => set(Some(*me), None),
            RecoveryDeed::AgreeDeletion => set(record.asked_by, Some((*me, at.plus_ms(DELETION_DELAY_MS)))),
            RecoveryDeed::CancelDeletion => set(None, None),
            RecoveryDeed::Delete => {
                Change::Account(AccountChange::SetState { account, state: AccountState::Closed, at })
            }
        };
        let fact = self.fact(actor, deed.slug()).about(format!("account:{account}")).with("reason", reason);
        self.commit_as(AskedBy::Person(*me), &fact, &[change]).await?;
        Ok(true)
    }

    fn manages_everywhere(&self, actor: &Actor) -> bool {
        let scopes = identity::scopes_for(actor, Action::ManageAccounts);
        !scopes.is_empty() && crate::facade::reach_of(&scopes, &self.snapshot()) == Reach::Everything
    }

    async fn must_manage_everywhere(&self, actor: &Actor) -> Result<(), AppError> {
        if self.manages_everywhere(actor) {
            return Ok(());
        }
        self.permit_at(actor, Action::ManageAccounts, &Scope::Trust).await?;
        Ok(())
    }

    fn person_name(&self, person: PersonId) -> String {
        let roster = self.0.parts.roster.get();
        roster.person(person).map_or_else(|| "Somebody who left".to_owned(), |it| it.display_name.clone())
    }
}

/// What this leader may do about it.
fn deeds(account: &RecoveryAccount, me: PersonId, now: model::Timestamp) -> Vec<RecoveryDeed> {
    match account.deletion {
        None => vec![RecoveryDeed::AskDeletion],
        Some(deletion) => match deletion.agreed {
            None if deletion.asked_by == me => vec![RecoveryDeed::CancelDeletion],
            None => vec![RecoveryDeed::AgreeDeletion, RecoveryDeed::CancelDeletion],
            Some((_, until)) if until <= now => vec![RecoveryDeed::Delete, RecoveryDeed::CancelDeletion],
            Some(_) => vec![RecoveryDeed::CancelDeletion],
        },
    }
}

/// What is missing before the rule holds, in words.
fn missing(state: &identity::Administrators, rules: &identity::AdministratorRules) -> Vec<String> {
    let needed = usize::try_from(rules.at_least).unwrap_or(usize::MAX).max(2);
    let mut missing = Vec::new();
    match needed.saturating_sub(state.working()) {
        0 => {}
        1 => missing
            .push("one more person with an administrator account whose passkey or app has worked".to_owned()),
        more => missing.push(format!(
            "{more} more people with an administrator account whose passkey or app has worked"
        )),
    }
    if state.recovery().is_empty() {
        missing.push("a recovery account, sealed and owned by a senior leader".to_owned());
    } else if let Err(error) = state.missing(rules)
        && missing.is_empty()
    {
        missing.push(refused(error).theirs().trim_end_matches('.').to_owned());
    }
    missing
}

fn title(factor: WorkingFactor) -> &'static str {
    match factor {
        WorkingFactor::Passkey => "Passkey",
        WorkingFactor::Totp => "Codes from an app",
    }
}
