//! Cases: opened from an alert with its evidence frozen, written on, linked, restricted, closed with an outcome. Lines are
//! struck out with a reason and never taken away; each change is a fact. Whoever may not read a case finds none.

use crate::alert_work::checked_words;
use crate::circle::{Matter, may_read, may_read_case};
use crate::history_rows::Names;
use crate::{App, AppError};
use history::Stored;
use identity::scopes_for;
use model::{
    About, Action, Actor, AlertId, CaseEntryKind, CaseId, CaseLinkKind, CaseOutcome, PersonId, Role,
};
use store::{AlertChange, AlertRecord, CaseChange, CaseEntry, CaseLink, CaseRecord, Change, Fact, NewCase};

/// The longest title, in bytes.
const MOST_TITLE_BYTES: usize = 200;

/// What somebody does with a case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CaseDeed {
    /// Writes a line; a decision needs its reason.
    Write {
        /// A note, an action, a decision, a negative finding.
        kind: CaseEntryKind,
        /// What it says.
        words: String,
        /// Why.
        reason: String,
    },
    /// Strikes a written line out.
    Strike {
        /// Which.
        sequence: i64,
        /// Why.
        why: String,
    },
    /// Links it with somebody, by user name.
    LinkPerson(String),
    /// Links it with a change of the filter, in words.
    LinkFilterChange(String),
    /// Draws the circle, or puts somebody into it. Whoever draws it is in it.
    AddReader(PersonId),
    /// Takes somebody out of the circle; the last one stays.
    RemoveReader(PersonId),
    /// Notes the reference of the school's own record.
    Refer(String),
    /// Closes it.
    Close {
        /// How it ended.
        outcome: CaseOutcome,
        /// What was decided in the end.
        words: String,
    },
    /// Opens it again.
    Reopen(String),
}

impl App {
    /// Opens a case from an alert: its requests are copied with their hashes, and kept whatever the history forgets.
    /// `None` where this person may read no such alert.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a title, or where a case works on it already.
    pub async fn open_case(
        &self,
        actor: &Actor,
        id: AlertId,
        title: &str,
    ) -> Result<Option<CaseId>, AppError> {
        self.reach(actor, Action::WorkCases).await?;
        let Some(alert) = self.alert_for(actor, id).await? else { return Ok(None) };
        self.permit_at(actor, Action::WorkCases, &alert.scope).await?;
        if alert.case.is_some() {
            return Err(AppError::refused(
                "A case works on this alert already.",
                "expected an alert without a case, found one with",
            ));
        }
        let title = checked_title(title)?;
        let (now, case, by) = (self.now(), CaseId(self.new_uuid()?), actor.to_string());
        let new = NewCase {
            id: case,
            scope: alert.scope.clone(),
            title,
            at: now,
            by: by.clone(),
            readers: alert
                .readers
                .iter()
                .copied()
                .filter(|role| identity::permits(*role, Action::WorkCases))
                .collect(),
            owner: owner_of(actor),
        };
        let mut changes = vec![Change::Case(CaseChange::Open(new))];
        changes.push(self.case_line(case, actor, CaseEntryKind::Opened, "From an alert"));
        let link = CaseLink::to(CaseLinkKind::Alert, id.to_string(), now, by.clone());
        changes.push(Change::Case(CaseChange::Link(case, link)));
        if let Some(person) = alert.alert.subject.person {
            let link = CaseLink::to(CaseLinkKind::Person, person.to_string(), now, by.clone());
            changes.push(Change::Case(CaseChange::Link(case, link)));
        }
        if let Some(device) = alert.alert.subject.device {
            let link = CaseLink::to(CaseLinkKind::Device, device.to_string(), now, by.clone());
            changes.push(Change::Case(CaseChange::Link(case, link)));
        }
        let (evidence, hashes) = self.freeze(&alert, case, &by).await?;
        changes.extend(evidence);
        changes.push(Change::Alert(AlertChange::PutInCase { id, case }));
        changes.push(self.line(id, actor, "case", ""));
        let fact = self.alert_fact(actor, &alert, "open-case");
        let fact = fact.with("case", format!("case:{case}")).with("evidence", hashes.join(" "));
        self.commit(&fact, &changes).await?;
        self.note_alerts_changed();
        Ok(Some(case))
    }

    /// Does something with a case; false where this person may read no such case.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] where words are missing, or somebody was quicker.
    pub async fn work_on_case(&self, actor: &Actor, id: CaseId, deed: CaseDeed) -> Result<bool, AppError> {
        let Some(case) = self.case_for(actor, id).await? else { return Ok(false) };
        let (action, detail, changes) = match deed {
            CaseDeed::Write { kind, words, reason } => {
                self.write_line(actor, &case, kind, (&words, &reason))?
            }
            CaseDeed::Strike { sequence, why } => self.strike(actor, &case, sequence, &why).await?,
            CaseDeed::LinkPerson(login) => self.link_person(actor, &case, &login).await?,
            CaseDeed::LinkFilterChange(words) => self.link_filter_change(actor, &case, &words)?,
            CaseDeed::AddReader(person) => self.add_reader(actor, &case, person)?,
            CaseDeed::RemoveReader(person) => self.remove_reader(actor, &case, person)?,
            CaseDeed::Refer(reference) => {
                let reference = checked_title(&reference)?;
                let line = self.case_line(id, actor, CaseEntryKind::Reference, &reference);
                let change = Change::Case(CaseChange::SetReference(id, reference.clone()));
                ("refer-case", reference, vec![change, line])
            }
            CaseDeed::Close { outcome, words } => {
                let words = checked_words(&words, true)?;
                let said = format!("{}. {words}", outcome.title());
                let line = self.case_line(id, actor, CaseEntryKind::Closed, &said);
                let change = Change::Case(CaseChange::Close(id, outcome, self.now()));
                ("close-case", outcome.slug().to_owned(), vec![change, line])
            }
            CaseDeed::Reopen(why) => {
                let why = checked_words(&why, true)?;
                let line = self.case_line(id, actor, CaseEntryKind::Reopened, &why);
                ("reopen-case", why, vec![Change::Case(CaseChange::Reopen(id)), line])
            }
        };
        let fact = self.case_fact(actor, &case, action).with("detail", detail);
        self.commit(&fact.with("hash", hashes_of(&changes)), &changes).await?;
        Ok(true)
    }

    /// Records why the names in a case are shown; false where this person may read no such case.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] without a reason.
    pub async fn show_names_of_case(
        &self,
        actor: &Actor,
        id: CaseId,
        reason: &str,
    ) -> Result<bool, AppError> {
        self.reach(actor, Action::ShowNames).await?;
        let Some(case) = self.case_for(actor, id).await? else { return Ok(false) };
        self.permit_at(actor, Action::ShowNames, &case.scope).await?;
        let reason = checked_words(reason, true)?;
        let people: Vec<String> = case.people.iter().map(|person| format!("person:{person}")).collect();
        let fact = self.case_fact(actor, &case, "show-name");
        self.note(&fact.with("person", people.join(" ")).with("reason", reason)).await?;
        Ok(true)
    }

    /// The case, where this person may read it.
    pub(crate) async fn case_for(&self, actor: &Actor, id: CaseId) -> Result<Option<CaseRecord>, AppError> {
        self.reach(actor, Action::WorkCases).await?;
        let case = self.0.parts.store.case(id).await?;
        Ok(case.filter(|case| may_read_case(actor, case)))
    }

    pub(crate) fn case_fact(&self, actor: &Actor, case: &CaseRecord, action: &'static str) -> Fact {
        Fact::new(actor, case.scope.clone(), self.now(), action).about(format!("case:{}", case.id))
    }

    pub(crate) fn case_line(&self, id: CaseId, actor: &Actor, kind: CaseEntryKind, words: &str) -> Change {
        self.reasoned_line(id, actor, kind, (words, ""))
    }

    fn reasoned_line(
        &self,
        id: CaseId,
        actor: &Actor,
        kind: CaseEntryKind,
        (words, reason): (&str, &str),
    ) -> Change {
        let entry = CaseEntry {
            sequence: 0,
            at: self.now(),
            actor: actor.to_string(),
            kind,
            words: words.to_owned(),
            reason: reason.to_owned(),
            struck: None,
        };
        Change::Case(CaseChange::Write(id, entry))
    }

    /// Copies of an alert's requests, and their hashes for the fact: what the fact says, no change of the rows can undo.
    async fn freeze(
        &self,
        alert: &AlertRecord,
        case: CaseId,
        by: &str,
    ) -> Result<(Vec<Change>, Vec<String>), AppError> {
        let stored = self.stored_events(alert.alert.events.clone()).await?;
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        let links: Vec<CaseLink> = stored
            .iter()
            .map(|stored| {
                let target = crate::history_query::cursor(stored.id);
                let link = CaseLink::to(CaseLinkKind::Event, target, self.now(), by);
                link.frozen(copy_of(&names, stored))
            })
            .collect();
        let hashes = links.iter().filter_map(|link| link.hash.clone()).collect();
        Ok((links.into_iter().map(|link| Change::Case(CaseChange::Link(case, link))).collect(), hashes))
    }

    fn write_line(
        &self,
        actor: &Actor,
        case: &CaseRecord,
        kind: CaseEntryKind,
        (words, reason): (&str, &str),
    ) -> Result<Done, AppError> {
        if !CaseEntryKind::WRITTEN.contains(&kind) {
            return Err(AppError::refused(
                "Choose what kind of line it is.",
                "expected a kind of line that people write, found another",
            ));
        }
        let words = checked_words(words, true)?;
        let reason = checked_words(reason, kind == CaseEntryKind::Decision)?;
        let line = self.reasoned_line(case.id, actor, kind, (&words, &reason));
        Ok(("write-in-case", kind.slug().to_owned(), vec![line]))
    }

    async fn strike(
        &self,
        actor: &Actor,
        case: &CaseRecord,
        sequence: i64,
        why: &str,
    ) -> Result<Done, AppError> {
        let why = checked_words(why, true)?;
        let lines = self.0.parts.store.case_entries(case.id).await?;
        let may =
            lines.iter().any(|line| line.sequence == sequence && CaseEntryKind::WRITTEN.contains(&line.kind));
        if !may {
            return Err(AppError::refused(
                "Only what somebody wrote can be struck out.",
                "expected a written line, found none such",
            ));
        }
        let change = CaseChange::Strike { id: case.id, sequence, at: self.now(), by: actor.to_string(), why };
        Ok(("strike-line", sequence.to_string(), vec![Change::Case(change)]))
    }

    /// Links somebody. Where they work at the school the case moves to those who read what is about staff.
    async fn link_person(&self, actor: &Actor, case: &CaseRecord, login: &str) -> Result<Done, AppError> {
        let person = self.0.parts.roster.get().person_by_login(&login.trim().to_lowercase()).cloned();
        let Some(person) = person else {
            return Err(AppError::refused(
                "Nobody has that user name. Check how it is spelt.",
                "expected a login, found none such",
            ));
        };
        let link = CaseLink::to(CaseLinkKind::Person, person.id.to_string(), self.now(), actor.to_string());
        let mut changes = vec![Change::Case(CaseChange::Link(case.id, link))];
        let words = self.pseudonym_of(person.id);
        changes.push(self.case_line(case.id, actor, CaseEntryKind::Linked, &words));
        let about = self.about_on_record(person.id).await?;
        let readers = readers_about(&case.readers, (about, self.above_head(&case.scope)));
        let people: Vec<PersonId> = case.people.iter().copied().chain([person.id]).collect();
        let after = Matter { scope: &case.scope, readers: &readers, circle: &case.circle, about: &people };
        self.check_somebody_reads(after)?;
        if readers != case.readers {
            let words = format!("About staff: read by {} from now on", roles_in_words(&readers));
            changes.push(self.case_line(case.id, actor, CaseEntryKind::Circle, &words));
            changes.push(Change::Case(CaseChange::SetReaders(case.id, readers)));
        }
        Ok(("link-case", format!("person:{}", person.id), changes))
    }

    fn link_filter_change(&self, actor: &Actor, case: &CaseRecord, words: &str) -> Result<Done, AppError> {
        let words = checked_title(words)?;
        let link = CaseLink::to(CaseLinkKind::FilterChange, words.clone(), self.now(), actor.to_string());
        let line = self.case_line(case.id, actor, CaseEntryKind::Linked, &format!("Filter change: {words}"));
        Ok(("link-case", words, vec![Change::Case(CaseChange::Link(case.id, link)), line]))
    }

    fn add_reader(&self, actor: &Actor, case: &CaseRecord, person: PersonId) -> Result<Done, AppError> {
        if !self.may_join(case).iter().any(|(id, _)| *id == person) {
            return Err(AppError::refused(
                "That person cannot be put into the circle. Choose somebody from the list.",
                "expected somebody who may work on cases here and is not in it, found somebody else",
            ));
        }
        let by = actor.to_string();
        let add = |person| {
            Change::Case(CaseChange::AddReader { id: case.id, person, at: self.now(), by: by.clone() })
        };
        let mut changes = vec![add(person)];
        let own = owner_of(actor).filter(|own| case.circle.is_empty() && *own != person);
        changes.extend(own.map(add));
        let words = format!("{} put into the circle", self.display_name(person));
        changes.push(self.case_line(case.id, actor, CaseEntryKind::Circle, &words));
        Ok(("restrict-case", format!("person:{person}"), changes))
    }

    fn remove_reader(&self, actor: &Actor, case: &CaseRecord, person: PersonId) -> Result<Done, AppError> {
        if case.circle.len() < 2 {
            return Err(AppError::refused(
                "Somebody must be left in the circle.",
                "expected two in the circle or more, found fewer",
            ));
        }
        let circle: Vec<PersonId> = case.circle.iter().copied().filter(|inside| *inside != person).collect();
        let after =
            Matter { scope: &case.scope, readers: &case.readers, circle: &circle, about: &case.people };
        self.check_somebody_reads(after)?;
        let change = Change::Case(CaseChange::RemoveReader { id: case.id, person, at: self.now() });
        let words = format!("{} taken out of the circle", self.display_name(person));
        let line = self.case_line(case.id, actor, CaseEntryKind::Circle, &words);
        Ok(("restrict-case", format!("person:{person}"), vec![change, line]))
    }

    /// Refused where nobody on the roster may read a case as it is to be: nobody could ever undo that.
    fn check_somebody_reads(&self, after: Matter<'_>) -> Result<(), AppError> {
        let roster = self.0.parts.roster.get();
        let mut actors = roster.people().map(|person| crate::sign_in::actor_of(person));
        if actors.any(|actor| may_read(&actor, Action::WorkCases, after)) {
            return Ok(());
        }
        Err(AppError::refused(
            "Nobody could read this case any more. First put somebody else into its circle, or have somebody hold a post \
             that reads it: the headteacher for staff, the chair of governors for the headteacher.",
            "expected somebody who may read the case afterwards, found nobody",
        ))
    }

    /// People who may be put into a case's circle: they work on cases there, it is not about them, they are not in it.
    pub(crate) fn may_join(&self, case: &CaseRecord) -> Vec<(PersonId, String)> {
        let roster = self.0.parts.roster.get();
        let mut people: Vec<(PersonId, String)> = roster
            .people()
            .filter(|person| {
                let circle = [person.id];
                let matter =
                    Matter { scope: &case.scope, readers: &[], circle: &circle, about: &case.people };
                let actor = crate::sign_in::actor_of(person);
                !case.circle.contains(&person.id) && may_read(&actor, Action::WorkCases, matter)
            })
            .map(|person| (person.id, person.display_name.clone()))
            .collect();
        people.sort_by(|a, b| a.1.cmp(&b.1));
        people
    }

    /// True when this person may have names shown somewhere.
    pub(crate) fn may_show_names(actor: &Actor) -> bool {
        !scopes_for(actor, Action::ShowNames).is_empty()
    }
}

/// What a deed comes to: the fact's action, its detail, and the changes.
type Done = (&'static str, String, Vec<Change>);

/// The hash of what each change says, in their order, a space between: a line's words, with its reason on a line below
/// where it has one, or why a line is struck out. What the fact says, no change of the rows can undo.
fn hashes_of(changes: &[Change]) -> String {
    let said = changes.iter().filter_map(|change| match change {
        Change::Case(CaseChange::Write(_, entry)) if entry.reason.is_empty() => Some(entry.words.clone()),
        Change::Case(CaseChange::Write(_, entry)) => Some(format!("{}\n{}", entry.words, entry.reason)),
        Change::Case(CaseChange::Strike { why, .. }) => Some(why.clone()),
        _ => None,
    });
    said.map(|text| store::hash_of(&text)).collect::<Vec<_>>().join(" ")
}

/// The roles that read a case once it is about such a person: never more than before, but those whom it goes to.
fn readers_about(readers: &[Role], (about, above_head): (About, Role)) -> Vec<Role> {
    // Others may read it beside them, such as of a recovery account: then it is about no head yet.
    let above = |role: &Role| matches!(role, Role::Governor | Role::ChairOfGovernors);
    let is_about_head = !readers.is_empty() && readers.iter().all(above);
    match about {
        About::Learner => readers.to_vec(),
        About::Head if is_about_head => readers.to_vec(),
        About::Head => vec![above_head],
        About::Staff if is_about_head => readers.to_vec(),
        About::Staff => vec![Role::Headteacher],
    }
}

fn roles_in_words(roles: &[Role]) -> String {
    roles.iter().map(|role| role.title()).collect::<Vec<_>>().join(", ")
}

/// Whose deed it is, where it is a person's.
pub(crate) fn owner_of(actor: &Actor) -> Option<PersonId> {
    match actor {
        Actor::Person { id, .. } => Some(*id),
        Actor::CommandLine { .. } | Actor::Program => None,
    }
}

fn checked_title(title: &str) -> Result<String, AppError> {
    let title = title.trim();
    if title.is_empty() || title.len() > MOST_TITLE_BYTES {
        return Err(AppError::refused(
            "Write something here, 200 characters at most.",
            "expected 1 to 200 bytes, found fewer or more",
        ));
    }
    Ok(title.to_owned())
}

/// A request as evidence: one field a line, times in UTC, people and devices as ids.
fn copy_of(names: &Names<'_>, stored: &Stored) -> String {
    let event = &stored.event;
    let row = names.row(stored);
    let person = event.person.map(|person| person.to_string()).unwrap_or_default();
    let device = event.device.map(|device| device.to_string()).unwrap_or_default();
    let fields: [(&str, &str); 13] = [
        ("event", &crate::history_query::cursor(stored.id)),
        ("time (UTC)", &event.at.to_string()),
        ("school time", &row.local_time),
        ("person", &person),
        ("known by", &row.known_by),
        ("device", &device),
        ("address", &row.address),
        ("group", &row.group),
        ("channel", &row.channel),
        ("request", &format!("{} {}{}", row.method, row.host, row.path)),
        ("outcome", &row.outcome),
        ("reason", &row.reason),
        ("status", &row.status),
    ];
    fields.iter().map(|(name, value)| format!("{name}: {value}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_case_about_several_people_is_read_by_those_who_read_about_the_most_protected_of_them_in_any_order() {
        let usual = [Role::Headteacher, Role::SafeguardingLead];
        let chair = Role::ChairOfGovernors;
        for (people, readers) in [
            (vec![About::Learner, About::Learner], usual.to_vec()),
            (vec![About::Learner, About::Staff], vec![Role::Headteacher]),
            (vec![About::Staff, About::Staff, About::Learner], vec![Role::Headteacher]),
            (vec![About::Learner, About::Staff, About::Head], vec![chair]),
            (vec![About::Head, About::Learner], vec![chair]),
        ] {
            for turn in 0..people.len() {
                let mut order = people.clone();
                order.rotate_left(turn);
                for order in [order.clone(), order.into_iter().rev().collect()] {
                    let read = order
                        .iter()
                        .fold(usual.to_vec(), |readers, about| readers_about(&readers, (*about, chair)));
                    assert_eq!(read, readers, "{order:?}");
                }
            }
        }
        assert_eq!(
            readers_about(&usual, (About::Head, Role::Governor)),
            [Role::Governor],
            "where nobody is chair"
        );
        assert_eq!(readers_about(&[Role::Governor], (About::Staff, chair)), [Role::Governor]);
        let of_recovery = [Role::Headteacher, Role::Governor];
        for (about, readers) in [
            (About::Learner, &of_recovery[..]),
            (About::Staff, &[Role::Headteacher]),
            (About::Head, &[chair]),
        ] {
            assert_eq!(readers_about(&of_recovery, (about, chair)), readers, "{about:?}");
        }
        assert_eq!(readers_about(&[], (About::Staff, chair)), [Role::Headteacher]);
    }
}
