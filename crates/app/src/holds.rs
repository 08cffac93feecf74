//! Keeping some of the history longer than the policy does: for a case, a request of the police, a complaint.
//!
//! A hold has a reason, somebody who made it, and a day on which somebody looks again; one that a request made (`exports`)
//! has no such day. It never reaches past the schools of who makes it. Only who may hold in all the schools it touches, and
//! may read about everybody whom it names, sees or releases it. Making, looking at and releasing holds is recorded; the
//! record of a release has its reason. Until then no retention takes what is held.
//!
//! Left out: reading what is held.

use crate::cases::owner_of;
use crate::facade::Reach;
use crate::history_query::{Plan, Problems};
use crate::history_rows::Names;
use crate::history_sight::Sight;
use crate::look_reason::LookReason;
use crate::views::{HistoryFilter, HoldForm, HoldRow, HoldsView};
use crate::{App, AppError, words};
use history::{Hold, HoldReason, Query, UnreadableHold};
use model::{Action, Actor, CaseId, PersonId, Timestamp};

/// The longest reason, in characters.
const MOST_REASON_CHARS: usize = 500;
/// A reason that says nothing is none.
const LEAST_REASON_CHARS: usize = 10;
/// Somebody looks again within a year.
const MOST_REVIEW_MS: i64 = 366 * 24 * 3_600_000;
/// The most people and devices that a page or a record names.
const MOST_NAMED: usize = 20;
/// Why one person's history is asked for, where it is kept and not read.
const WHY_ASKED: &str = "To keep it longer; the record of the hold says why";

impl App {
    /// The holds that the actor may see: those first for which nobody set a day to look again, then the soonest. That they
    /// were looked at is recorded.
    pub async fn holds(&self, actor: &Actor) -> Result<HoldsView, AppError> {
        let reach = self.reach(actor, Action::HoldHistory).await?;
        self.note(&self.fact(actor, "look-at-holds").about("history")).await?;
        let (mut holds, unreadable) = self.all_holds().await?;
        holds.sort_by_key(|hold| (hold.reason.review_on, hold.made));
        let rows = self.with_sight(actor, &reach, |sight| {
            let seen = holds.iter().filter(|hold| may_see(hold, sight));
            seen.map(|hold| self.hold_row(hold, sight)).collect()
        });
        // A hold that cannot be read may be anybody's: that there is one says nothing about a child.
        Ok(HoldsView { rows, unreadable: unreadable.len(), form: HoldForm::default(), problems: Vec::new() })
    }

    /// Holds what the form asks for. The view with what is wrong, where something is; `None` once it is held.
    pub async fn hold_history(&self, actor: &Actor, form: HoldForm) -> Result<Option<HoldsView>, AppError> {
        let reach = self.reach(actor, Action::HoldHistory).await?;
        let case = self.case_of_hold(actor, &form.case).await?;
        let read = self.planned(actor, &asked_by(&form), &reach).await?;
        let (plan, reason) = match self.read_hold(actor, &form, read, case) {
            Ok(read) => read,
            Err(problems) => {
                return Ok(Some(HoldsView { form, problems, ..self.holds(actor).await? }));
            }
        };
        let now = self.now();
        let name = self.free_hold_name(now).await?;
        // Recorded first: no hold without a record of who made it. The record names what was asked for as ids.
        let review_on = reason.review_on.map(|day| day.to_string()).unwrap_or_default();
        let people = plan.people.iter().take(MOST_NAMED).map(|person| format!("person:{person}"));
        let fact = self
            .fact(actor, "hold-history")
            .about(format!("hold:{name}"))
            .with("why", reason.why.as_str())
            .with("review_on", review_on)
            .with("case", reason.case.map(|case| case.to_string()).unwrap_or_default())
            .with("people", people.collect::<Vec<_>>().join(" "))
            .with("device", form.device.trim())
            .with("host", form.host.trim())
            .with("from", form.from.trim())
            .with("until", form.until.trim());
        self.note(&fact).await?;
        let history = self.0.parts.history.clone();
        tokio::task::spawn_blocking(move || history.hold(&name, &plan.query, &reason, now)).await??;
        Ok(None)
    }

    /// Releases a hold; false where there is none of that name that the actor may see.
    ///
    /// # Errors
    /// [`AppError::Refused`] without a reason.
    pub async fn release_hold(&self, actor: &Actor, name: &str, why: &str) -> Result<bool, AppError> {
        let reach = self.reach(actor, Action::HoldHistory).await?;
        let (holds, _) = self.all_holds().await?;
        let named = holds.into_iter().find(|hold| hold.name == name);
        let seen = named.filter(|hold| self.with_sight(actor, &reach, |sight| may_see(hold, sight)));
        let Some(hold) = seen else { return Ok(false) };
        let why = read_reason(why).map_err(|sentence| {
            AppError::refused(
                sentence,
                "expected a reason for releasing a hold, found none that says something",
            )
        })?;
        let now = self.now();
        let fact = self.fact(actor, "release-hold").about(format!("hold:{}", hold.name));
        self.note(&fact.with("why", why).with("events", hold.events.to_string())).await?;
        let history = self.0.parts.history.clone();
        tokio::task::spawn_blocking(move || history.release(&hold.name, now)).await??;
        Ok(true)
    }

    /// A name of its own for every hold, which never says whom it is about.
    async fn free_hold_name(&self, now: Timestamp) -> Result<String, AppError> {
        let (holds, unreadable) = self.all_holds().await?;
        let is_taken = |name: &String| {
            holds.iter().any(|hold| hold.name == *name) || unreadable.iter().any(|hold| hold.name == *name)
        };
        let mut names = (now.0..).map(|number| format!("kept-{number}"));
        let name = names.find(|name| !is_taken(name));
        name.ok_or_else(|| AppError::failed("expected a name that no hold has, found none"))
    }

    /// Every hold, and those that cannot be read.
    async fn all_holds(&self) -> Result<(Vec<Hold>, Vec<UnreadableHold>), AppError> {
        let history = self.0.parts.history.clone();
        let looked = tokio::task::spawn_blocking(move || {
            Ok::<_, history::HistoryError>((history.holds()?, history.unreadable_holds()?))
        });
        Ok(looked.await??)
    }

    /// The case that the form names, where the actor may read it; `None` where there is no such case.
    async fn case_of_hold(&self, actor: &Actor, case: &str) -> Result<Option<CaseId>, AppError> {
        let Some(id) = CaseId::parse(case.trim()) else { return Ok(None) };
        Ok(self.case_for(actor, id).await?.map(|case| case.id))
    }

    fn read_hold(
        &self,
        actor: &Actor,
        form: &HoldForm,
        read: Result<Plan, Problems>,
        case: Option<CaseId>,
    ) -> Result<(Plan, HoldReason), Problems> {
        let mut problems = read.as_ref().err().cloned().unwrap_or_default();
        let mut note = |field: &str, sentence: &str| problems.push((field.to_owned(), sentence.to_owned()));
        if [&form.person, &form.device, &form.host, &form.from].iter().all(|field| field.trim().is_empty()) {
            note("person", "Say whose history to keep, or of which device, site or days");
        }
        let asks_for_none = |plan: &Plan| plan.query.people.as_ref().is_some_and(Vec::is_empty);
        if read.as_ref().is_ok_and(asks_for_none) {
            note("person", "Nobody whose history you may keep has this in their name");
        }
        if read.as_ref().is_ok_and(|plan| plan.query.devices.as_ref().is_some_and(Vec::is_empty)) {
            note("device", "No device whose history you may keep has this in its name");
        }
        let why = read_reason(&form.why).map_err(|sentence| note("why", sentence)).unwrap_or_default();
        if case.is_none() && !form.case.trim().is_empty() {
            note("why", "The case that this page was opened from cannot be found: open it again");
        }
        let zone = self.snapshot().policy().time_zone.clone();
        let now = self.now();
        let review = words::start_of_date(&zone, &form.review_on);
        let review = review.filter(|at| *at > now && *at < now.plus_ms(MOST_REVIEW_MS));
        if review.is_none() {
            note(
                "review_on",
                "Write the day on which somebody looks again, within a year, such as 2026-11-22",
            );
        }
        let by = owner_of(actor);
        match (read, problems.is_empty()) {
            (Ok(plan), true) => {
                Ok((plan, HoldReason { why, by, case, review_on: review.map(Timestamp::day) }))
            }
            _ => Err(problems),
        }
    }

    fn hold_row(&self, hold: &Hold, sight: &Sight<'_>) -> HoldRow {
        let snapshot = self.snapshot();
        let zone = &snapshot.policy().time_zone;
        let name = |by: PersonId| self.display_name(by);
        let review = hold.reason.review_on;
        HoldRow {
            name: hold.name.clone(),
            what: self.what_is_held(&hold.query, sight),
            why: hold.reason.why.clone(),
            by: hold.reason.by.map(name).unwrap_or_default(),
            case: hold.reason.case.map(|case| case.to_string()).unwrap_or_default(),
            made: words::date_and_time(zone, hold.made),
            review_on: review.map(|day| day.to_string()).unwrap_or_default(),
            is_overdue: review.is_some_and(|day| day <= self.now().day()),
            events: hold.events,
            size: words::size(hold.bytes),
        }
    }

    /// What a hold's query asks for, a condition a line; people by their pseudonyms.
    fn what_is_held(&self, query: &Query, sight: &Sight<'_>) -> Vec<String> {
        let snapshot = self.snapshot();
        let policy = snapshot.policy();
        let (zone, names) = (&policy.time_zone, Names::new(sight.roster, policy));
        let mut what = Vec::new();
        if let Some(people) = &query.people {
            what.extend(people.iter().take(MOST_NAMED).map(|person| sight.pseudonym(*person)));
            let more = people.len().saturating_sub(MOST_NAMED);
            what.extend((more > 0).then(|| format!("and {more} more people")));
        }
        for device in query.devices.iter().flatten().take(MOST_NAMED) {
            // A lent device's name may be that of whoever has it.
            let lent_to = sight.roster.device(*device).and_then(|device| device.assigned_to);
            what.push(match lent_to {
                Some(person) => format!("The device that is lent to: {}", sight.pseudonym(person)),
                None => names.device(Some(*device)),
            });
        }
        what.extend(query.address.map(|address| format!("Address {address}")));
        what.extend(query.host_contains.iter().map(|host| format!("Sites with {host} in their name")));
        for id in query.schools.iter().flatten() {
            let school = policy.schools.iter().find(|school| school.id == *id);
            what.push(school.map_or_else(|| id.to_string(), |school| school.name.to_string()));
        }
        what.extend(query.from.map(|from| format!("From {}", words::date_and_time(zone, from))));
        what.extend(query.until.map(|until| format!("Until {}", words::date_and_time(zone, until))));
        if what.is_empty() {
            what.push("Everything".to_owned());
        }
        what
    }
}

/// The search that finds what a form asks to hold.
fn asked_by(form: &HoldForm) -> HistoryFilter {
    HistoryFilter {
        person: form.person.clone(),
        device: form.device.clone(),
        host: form.host.clone(),
        from: form.from.clone(),
        until: form.until.clone(),
        reason: LookReason::Other.slug().to_owned(),
        why: WHY_ASKED.to_owned(),
        ..HistoryFilter::default()
    }
}

/// Whether a hold touches no school out of reach, and names nobody about whom the actor may not read.
fn may_see(hold: &Hold, sight: &Sight<'_>) -> bool {
    let is_within = match (sight.reach, &hold.query.schools) {
        (Reach::Everything, _) => true,
        (Reach::Schools(held), Some(schools)) => schools.iter().all(|school| held.contains(school)),
        (Reach::Schools(_), None) => false,
    };
    let may_read = |id: PersonId| sight.may_read_of(id);
    let owners = hold.query.devices.iter().flatten().filter_map(|id| sight.roster.device(*id)?.assigned_to);
    is_within && hold.query.people.iter().flatten().copied().chain(owners).all(may_read)
}

fn read_reason(text: &str) -> Result<String, &'static str> {
    let text = text.trim();
    match text.chars().count() {
        ..LEAST_REASON_CHARS => Err("Say why, so that others understand it later"),
        LEAST_REASON_CHARS..=MOST_REASON_CHARS => Ok(text.to_owned()),
        _ => Err("Say it in at most 500 characters"),
    }
}
