//! Working on an alert: acknowledge, judge, give to somebody, merge, have a name shown. Each is a line of the alert and a
//! fact. Whoever may not read an alert finds none.

use crate::circle::may_read_alert;
use crate::{App, AppError};
use model::{Action, Actor, AlertId, AlertState, PersonId, Triage};
use store::{AlertChange, AlertRecord, CaseRecord, Change, Fact};

/// The longest text that is taken for a note or a reason, in bytes.
pub(crate) const MOST_WORDS_BYTES: usize = 4_000;

/// How many times an alert that was merged is followed.
pub(crate) const MOST_MERGES: usize = 8;

/// What somebody does with an alert.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AlertDeed {
    /// Takes it in hand.
    Acknowledge,
    /// Judges it. Anything but a real concern closes it.
    Judge {
        /// As what.
        triage: Triage,
        /// Why; needed for everything but a test.
        words: String,
    },
    /// Gives it to somebody who may read it.
    Assign(PersonId),
    /// Closes it as a part of another one.
    Merge(AlertId),
}

impl App {
    /// Does something with an alert; false where this person may read no such alert.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where words are missing, or somebody was quicker.
    pub async fn work_on_alert(&self, actor: &Actor, id: AlertId, deed: AlertDeed) -> Result<bool, AppError> {
        let Some(alert) = self.alert_for(actor, id).await? else { return Ok(false) };
        let (action, what, words, change) = match deed {
            AlertDeed::Acknowledge => {
                ("acknowledge-alert", "acknowledged", String::new(), AlertChange::Acknowledge(id))
            }
            AlertDeed::Judge { triage, words } => {
                let words = checked_words(&words, triage != Triage::Test)?;
                let state =
                    if triage == Triage::Real { AlertState::Acknowledged } else { AlertState::Closed };
                let said = if words.is_empty() {
                    triage.title().to_owned()
                } else {
                    format!("{}: {words}", triage.title())
                };
                ("judge-alert", "judged", said, AlertChange::Triage { id, triage, state })
            }
            AlertDeed::Assign(to) => {
                let name = self.name_of_reader(&alert, to).await?;
                ("assign-alert", "assigned", name, AlertChange::Assign { id, to })
            }
            AlertDeed::Merge(into) => {
                if self.alert_for(actor, into).await?.is_none() {
                    return Ok(false);
                }
                if into == id || self.ends_at(into, id).await? {
                    return Err(AppError::refused(
                        "That alert is a part of this one already. Merge it the other way round, or choose another one.",
                        "expected an alert that does not lead back to this one, found one that does",
                    ));
                }
                ("merge-alert", "merged", format!("into alert {into}"), AlertChange::Merge { id, into })
            }
        };
        let mut changes = vec![Change::Alert(change), self.line(id, actor, what, &words)];
        // Whoever judges a new alert has taken it in hand.
        if action == "judge-alert" && alert.state == AlertState::New {
            changes.push(self.line(id, actor, "acknowledged", ""));
        }
        let fact = self.alert_fact(actor, &alert, action).with("words", words);
        self.commit(&fact, &changes).await?;
        self.note_alerts_changed();
        Ok(true)
    }

    /// Records why the name behind an alert is shown; false where this person may read no such alert.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a reason.
    pub async fn show_name_of_alert(
        &self,
        actor: &Actor,
        id: AlertId,
        reason: &str,
    ) -> Result<bool, AppError> {
        self.reach(actor, Action::ShowNames).await?;
        let Some(alert) = self.alert_for(actor, id).await? else { return Ok(false) };
        self.permit_at(actor, Action::ShowNames, &alert.scope).await?;
        let Some(person) = alert.alert.subject.person else { return Ok(false) };
        let reason = checked_words(reason, true)?;
        let fact = self
            .alert_fact(actor, &alert, "show-name")
            .with("person", format!("person:{person}"))
            .with("reason", reason.clone());
        self.commit(&fact, &[self.line(id, actor, "named", &reason)]).await?;
        Ok(true)
    }

    /// True where following merges from one alert leads to another, or further than anybody follows.
    async fn ends_at(&self, from: AlertId, to: AlertId) -> Result<bool, AppError> {
        let mut id = from;
        for _ in 0..MOST_MERGES {
            match self.0.parts.store.alert(id).await?.and_then(|alert| alert.merged_into) {
                None => return Ok(false),
                Some(next) if next == to => return Ok(true),
                Some(next) => id = next,
            }
        }
        Ok(true)
    }

    /// The alert, where this person may read it.
    pub(crate) async fn alert_for(
        &self,
        actor: &Actor,
        id: AlertId,
    ) -> Result<Option<AlertRecord>, AppError> {
        self.reach(actor, Action::WorkAlerts).await?;
        let Some(alert) = self.0.parts.store.alert(id).await? else { return Ok(None) };
        let cases = self.cases_of(std::slice::from_ref(&alert)).await?;
        Ok(may_read_alert(actor, &alert, &cases).then_some(alert))
    }

    /// The cases that work on these alerts, maybe among others: who may read an alert hangs on its case too.
    pub(crate) async fn cases_of(&self, alerts: &[AlertRecord]) -> Result<Vec<CaseRecord>, AppError> {
        let store = &self.0.parts.store;
        let mut ids = alerts.iter().filter_map(|alert| alert.case);
        Ok(match (ids.next(), ids.next()) {
            (None, _) => Vec::new(),
            (Some(only), None) => store.case(only).await?.into_iter().collect(),
            (Some(_), Some(_)) => store.cases().await?,
        })
    }

    pub(crate) fn alert_fact(&self, actor: &Actor, alert: &AlertRecord, action: &'static str) -> Fact {
        Fact::new(actor, alert.scope.clone(), self.now(), action).about(format!("alert:{}", alert.id))
    }

    /// Everybody on the roster who may read an alert: id and name, by name.
    pub(crate) async fn readers_of(&self, alert: &AlertRecord) -> Result<Vec<(PersonId, String)>, AppError> {
        let cases = self.cases_of(std::slice::from_ref(alert)).await?;
        let roster = self.0.parts.roster.get();
        let mut readers: Vec<(PersonId, String)> = roster
            .people()
            .filter(|person| may_read_alert(&crate::sign_in::actor_of(person), alert, &cases))
            .map(|person| (person.id, person.display_name.clone()))
            .collect();
        readers.sort_by(|a, b| a.1.cmp(&b.1));
        Ok(readers)
    }

    async fn name_of_reader(&self, alert: &AlertRecord, to: PersonId) -> Result<String, AppError> {
        let reader = self.readers_of(alert).await?.into_iter().find(|(id, _)| *id == to);
        reader.map(|(_, name)| name).ok_or_else(|| {
            AppError::refused(
                "This alert is not for that person. Choose somebody from the list.",
                "expected somebody who may read the alert, found somebody else",
            )
        })
    }
}

/// Words without space round them, where there are any and not too many.
pub(crate) fn checked_words(words: &str, needed: bool) -> Result<String, AppError> {
    let words = words.trim();
    if words.len() > MOST_WORDS_BYTES {
        return Err(AppError::refused(
            "Shorten what you wrote: 4,000 characters at most.",
            "expected at most 4,000 bytes of words, found more",
        ));
    }
    if words.is_empty() && needed {
        return Err(AppError::refused(
            "Say why: it is recorded, and somebody may ask years from now.",
            "expected a reason, found none",
        ));
    }
    Ok(words.to_owned())
}
