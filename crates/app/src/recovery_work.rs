//! What leaders do about recovery accounts on a screen: one asks that one goes, gets other owners, or is made; another agrees;
//! three days later one of the two carries it out, within two weeks. They see, this once, what goes into the envelope.
//!
//! Left out: the rule itself (`identity::Administrators`), and what whoever looks after the machine does
//! ([`administrators_at_machine`](crate::administrators_at_machine)).
//!
//! Invariants: nobody does anything here alone, or with a recovery account; whoever agrees names what they saw; with other
//! owners the envelope of before is worth nothing; what two agreed to alarms in the same moment; each deed is a fact, with no
//! secret in it.

use crate::administrators::{LEADERS, leads, refused, wish_of};
use crate::administrators_at_machine::{Envelope, seal};
use crate::recovery_stands::{self, Stand};
use crate::{App, AppError, Fresh};
use identity::{AdministratorsRefused, AskedBy, Order, RECOVERY_DELAY_MS, Randomness, generate};
use model::{
    AccountId, AccountKind, AccountState, Actor, Alert, AlertId, AlertKind, AlertSubject, Ladder, Person,
    PersonId, Role, Scope, Severity, Timestamp,
};
use std::collections::BTreeSet;
use store::{Account, AccountChange, Change, RecoveryChange, RecoveryRecord, RecoveryWant, RecoveryWish};

/// What a leader does about a recovery account.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RecoveryDeed {
    /// They want it gone.
    AskDeletion,
    /// They want it to have other owners.
    AskOwners,
    /// They want another one made.
    AskAnother,
    /// They agree to what another leader wants.
    Agree,
    /// They think better of it.
    Cancel,
    /// After the delay: it is done.
    CarryOut,
}

impl RecoveryDeed {
    /// Every deed.
    pub const ALL: [Self; 6] =
        [Self::AskDeletion, Self::AskOwners, Self::AskAnother, Self::Agree, Self::Cancel, Self::CarryOut];

    /// The name in forms.
    pub fn slug(self) -> &'static str {
        match self {
            Self::AskDeletion => "ask-deletion",
            Self::AskOwners => "ask-owners",
            Self::AskAnother => "ask-another",
            Self::Agree => "agree",
            Self::Cancel => "cancel",
            Self::CarryOut => "carry-out",
        }
    }

    /// Reads the name in forms.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|deed| deed.slug() == text)
    }
}

/// A deed, and what it is about.
#[derive(Clone, Copy, Debug)]
pub struct RecoveryOrder<'a> {
    /// What is done.
    pub deed: RecoveryDeed,
    /// The account's number; for another one, anything.
    pub number: u32,
    /// When what is agreed to, cancelled or carried out was asked for, as the page showed it.
    pub seen: Timestamp,
    /// The owners that are asked for.
    pub owners: &'a [PersonId],
}

/// What became of a deed.
pub enum RecoveryDone {
    /// There is no such account, or nothing of the kind is asked for.
    NotThere,
    /// It is done.
    Done,
    /// It is done, and this goes into the envelope of the account of that number; it is shown this once.
    Sealed(u32, Envelope),
}

/// Changes to write, what the fact of them is called and about, and what is shown afterwards.
struct Prepared {
    action: &'static str,
    about: String,
    changes: Vec<Change>,
    done: RecoveryDone,
}

impl App {
    /// Does something about a recovery account.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a reason, for whoever does not lead, for the same leader twice,
    /// for what nobody saw, before the delay is over and two weeks after it, for a third leader, for owners none of whom it
    /// can stand for, and for the end of the last recovery account.
    pub async fn work_on_recovery(
        &self,
        (actor, fresh): (&Actor, &Fresh),
        order: RecoveryOrder<'_>,
        reason: &str,
    ) -> Result<RecoveryDone, AppError> {
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
        // Before anything is made for them: a password takes time.
        if !self.0.parts.store.people_with(&LEADERS).await?.contains(me) {
            return Err(refused(AdministratorsRefused::NotALeader));
        }
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > crate::alert_work::MOST_WORDS_BYTES {
            return Err(AppError::no_reason());
        }
        let prepared = match order.deed {
            RecoveryDeed::AskDeletion | RecoveryDeed::AskOwners | RecoveryDeed::AskAnother => {
                self.ask_recovery(*me, order).await?
            }
            _ => self.follow_recovery((*me, fresh), order).await?,
        };
        let Some(Prepared { action, about, mut changes, done }) = prepared else {
            return Ok(RecoveryDone::NotThere);
        };
        let mut fact = self.fact(actor, action).about(about).with("reason", reason);
        if order.deed == RecoveryDeed::Agree {
            let id = AlertId(self.new_uuid()?);
            fact = fact.with("alert", id.to_string());
            changes.extend(self.taking_up(
                id,
                agreed(order.number, self.now()),
                (Ladder::of_recovery(), None),
            )?);
        }
        self.commit_as(AskedBy::Person(*me), &fact, &changes).await?;
        if order.deed == RecoveryDeed::Agree {
            self.note_alerts_changed();
        }
        Ok(done)
    }

    async fn ask_recovery(
        &self,
        me: PersonId,
        RecoveryOrder { deed, number, owners, .. }: RecoveryOrder<'_>,
    ) -> Result<Option<Prepared>, AppError> {
        let records = self.0.parts.store.recovery_accounts().await?;
        let record = records.into_iter().find(|record| record.number == number);
        let owners: BTreeSet<PersonId> = owners.iter().copied().collect();
        let (want, action, owners) = match deed {
            RecoveryDeed::AskDeletion => (RecoveryWant::Delete, "ask-recovery-deletion", BTreeSet::new()),
            RecoveryDeed::AskOwners => (RecoveryWant::Own, "ask-recovery-owners", owners),
            _ => (RecoveryWant::Make, "ask-recovery-account", owners),
        };
        if want != RecoveryWant::Delete {
            self.must_be_leaders(&owners)?;
        }
        let (number, about) = match (want, record) {
            (RecoveryWant::Make, _) => {
                self.stands_for(&owners, None).await?;
                let number = self.0.parts.store.highest_recovery_number().await?.saturating_add(1);
                (number, format!("recovery:{number}"))
            }
            (RecoveryWant::Own, Some(record)) => {
                self.stands_for(&owners, Some(record.account)).await?;
                (number, format!("account:{}", record.account))
            }
            (RecoveryWant::Delete, Some(record)) => (number, format!("account:{}", record.account)),
            (_, None) => return Ok(None),
        };
        let wish = RecoveryWish { number, want, owners, asked: self.now(), asked_by: me, agreed: None };
        let changes = vec![Change::Recovery(RecoveryChange::SetWish { wish, scope: Scope::Trust })];
        Ok(Some(Prepared { action, about, changes, done: RecoveryDone::Done }))
    }

    /// Agrees to what was asked for, takes it back, or carries it out.
    async fn follow_recovery(
        &self,
        (me, fresh): (PersonId, &Fresh),
        RecoveryOrder { deed, number, seen, .. }: RecoveryOrder<'_>,
    ) -> Result<Option<Prepared>, AppError> {
        let wishes = self.0.parts.store.recovery_wishes().await?;
        let Some(wish) = wishes.into_iter().find(|wish| wish.number == number) else { return Ok(None) };
        if wish.asked != seen {
            return Err(refused(AdministratorsRefused::NoSuchAccount));
        }
        let records = self.0.parts.store.recovery_accounts().await?;
        let record = records.into_iter().find(|record| record.number == number);
        let about = match &record {
            Some(record) => format!("account:{}", record.account),
            None => format!("recovery:{number}"),
        };
        let (changes, done) = match deed {
            RecoveryDeed::Agree => {
                let agreed = Some((me, self.now().plus_ms(RECOVERY_DELAY_MS)));
                let wish = RecoveryWish { agreed, ..wish.clone() };
                let set = RecoveryChange::SetWish { wish, scope: Scope::Trust };
                (vec![Change::Recovery(set)], RecoveryDone::Done)
            }
            RecoveryDeed::Cancel => {
                (vec![Change::Recovery(RecoveryChange::EndWish { number })], RecoveryDone::Done)
            }
            _ => {
                let carried = self.carry_out((me, &wish), record.as_ref(), fresh).await?;
                let Some((mut changes, done)) = carried else { return Ok(None) };
                changes.push(Change::Recovery(RecoveryChange::EndWish { number }));
                (changes, done)
            }
        };
        Ok(Some(Prepared { action: action_of(deed, wish.want), about, changes, done }))
    }

    /// What carries out a wish, once it may be; `None` where the account is gone.
    async fn carry_out(
        &self,
        (me, wish): (PersonId, &RecoveryWish),
        record: Option<&RecoveryRecord>,
        fresh: &Fresh,
    ) -> Result<Option<(Vec<Change>, RecoveryDone)>, AppError> {
        let at = self.now();
        // No password is made in vain; the rule looks at all of it once more.
        wish_of(wish.clone()).may_be_done(me, at).map_err(refused)?;
        match (wish.want, record) {
            (RecoveryWant::Delete, Some(RecoveryRecord { account, .. })) => {
                let state = AccountState::Closed;
                let close = AccountChange::SetState { account: *account, state, at };
                Ok(Some((vec![Change::Account(close)], RecoveryDone::Done)))
            }
            (RecoveryWant::Own, Some(record)) => self.own(wish, record, fresh).await.map(Some),
            (RecoveryWant::Make, None) => self.make(wish).await.map(Some),
            _ => Ok(None),
        }
    }

    /// Other owners, and a new envelope: what the earlier ones may have kept is worth nothing.
    async fn own(
        &self,
        wish: &RecoveryWish,
        record: &RecoveryRecord,
        fresh: &Fresh,
    ) -> Result<(Vec<Change>, RecoveryDone), AppError> {
        let person = self.stands_for(&wish.owners, Some(record.account)).await?.person;
        let accounts = self.0.parts.store.accounts_of_kinds(&[AccountKind::BreakGlass]).await?;
        let account = accounts.into_iter().find(|account| account.id == record.account);
        let account = account.ok_or_else(|| refused(AdministratorsRefused::NoSuchAccount))?;
        let (before, at) = (account.person, self.now());
        let account = Account { person: person.id, ..account };
        let mut changes = vec![Change::Recovery(RecoveryChange::Own {
            account: account.id,
            stands_for: person.id,
            owners: wish.owners.clone(),
            scope: Scope::Trust,
        })];
        let envelope = self.envelope(&person, &account, &mut changes).await?;
        let but = Some(fresh.session().to_owned());
        changes.push(Change::Account(AccountChange::EndEverything { person: before, but, at }));
        Ok((changes, RecoveryDone::Sealed(wish.number, envelope)))
    }

    async fn make(&self, wish: &RecoveryWish) -> Result<(Vec<Change>, RecoveryDone), AppError> {
        let stand = self.stands_for(&wish.owners, None).await?;
        let new = (AccountId(self.new_uuid()?), wish.number);
        let (account, mut changes) =
            recovery_stands::made(&stand, new, wish.owners.clone(), (self.now(), &Actor::Program));
        let envelope = self.envelope(&stand.person, &account, &mut changes).await?;
        Ok((changes, RecoveryDone::Sealed(wish.number, envelope)))
    }

    async fn envelope(
        &self,
        person: &Person,
        account: &Account,
        changes: &mut Vec<Change>,
    ) -> Result<Envelope, AppError> {
        let rule = self.password_rule(person, account.kind);
        let avoid = self.personal_words(person, &[&person.login, &account.login]);
        let password = generate(&Order::temporary(&rule, &avoid), &mut Randomness::Machine)?;
        let verifier = self.hash_password(password.clone()).await?.0;
        seal(&self.0.parts.pepper, (person, account), (&password, verifier), self.now(), changes)
    }

    async fn stands_for(
        &self,
        owners: &BTreeSet<PersonId>,
        stands: Option<AccountId>,
    ) -> Result<Stand, AppError> {
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let owners: Vec<&Person> =
            owners.iter().filter_map(|owner| roster.person(*owner)).map(AsRef::as_ref).collect();
        recovery_stands::stands_for((&self.0.parts.store, snapshot.policy()), &owners, stands).await
    }

    fn must_be_leaders(&self, owners: &BTreeSet<PersonId>) -> Result<(), AppError> {
        let roster = self.0.parts.roster.get();
        let lead = |owner: &PersonId| roster.person(*owner).is_some_and(|it| leads(&it.affiliations));
        if !owners.is_empty() && owners.iter().all(lead) {
            return Ok(());
        }
        let titles: Vec<&str> = LEADERS.iter().map(|role: &Role| role.title()).collect();
        Err(AppError::refused(
            format!("A recovery account is owned by leaders. Choose one or more: {}.", titles.join(", ")),
            "expected owners who lead, found others or none",
        ))
    }
}

/// The alert for those who are called where a recovery account is used: three days are left in which it can be taken back.
fn agreed(number: u32, at: Timestamp) -> Alert {
    Alert {
        kind: AlertKind::Security,
        severity: Severity::High,
        subject: AlertSubject::default(),
        rule: "accounts.recovery-agreed".into(),
        why: format!(
            "Two leaders agreed to change, end or make recovery account {number}; it can be done in three days. Administrators \
             shows who they are: unless both meant it, a leader takes it back there"
        )
        .into(),
        first: at,
        last: at,
        count: 1,
        events: Vec::new(),
    }
}

/// What the fact of a deed is called.
fn action_of(deed: RecoveryDeed, want: RecoveryWant) -> &'static str {
    match (deed, want) {
        (RecoveryDeed::Agree, RecoveryWant::Delete) => "agree-recovery-deletion",
        (RecoveryDeed::Agree, RecoveryWant::Own) => "agree-recovery-owners",
        (RecoveryDeed::Agree, RecoveryWant::Make) => "agree-recovery-account",
        (RecoveryDeed::Cancel, RecoveryWant::Delete) => "cancel-recovery-deletion",
        (RecoveryDeed::Cancel, RecoveryWant::Own) => "cancel-recovery-owners",
        (RecoveryDeed::Cancel, RecoveryWant::Make) => "cancel-recovery-account",
        (_, RecoveryWant::Delete) => "delete-recovery-account",
        (_, RecoveryWant::Own) => "own-recovery-account",
        (_, RecoveryWant::Make) => "make-recovery-account",
    }
}
