//! The sealed record of one of the youngest learners' passwords: made with the password where the policy names the phase
//! (clause PWD-7), opened by the class's own teacher with a reason, and gone at the end of Year 2.
//!
//! Invariants: each look is a fact, with who and why, before anything is shown; nobody but a teacher of the class opens one,
//! whatever their post, and only at school; a record whose class, phase or time is over is taken away by the clock.

use crate::classes::InfantWay;
use crate::people_reach::teaches;
use crate::views::OpenedRecordView;
use crate::{App, AppError, Fresh, words};
use identity::{
    Password, Phase, Randomness, Sealable, SealedFor, SealedRecord, SealingKey, sealed_bytes, sealed_text,
};
use jiff::tz::TimeZone;
use model::{Action, Actor, ClassId, ClassKind, Person, PersonId, Scope, Timestamp, YearGroup};
use std::net::IpAddr;
use store::{Account, Change, Class, Fact, SealedChange, SealedRow};

/// The number of the last year group that has records.
const LAST_YEAR: i8 = 2;
/// The first month of a school year.
const SEPTEMBER: i8 = 9;
/// The longest reason, in bytes.
const MOST_REASON_BYTES: usize = 1_000;

impl App {
    /// Opens the sealed record of a learner of a class, for its teacher, at school. `None` where this person reaches no such
    /// learner of such a class, or there is no record.
    ///
    /// # Errors
    /// [`AppError::Denied`] for whoever does not teach the class; [`AppError::Refused`] without a reason, or away from school.
    pub async fn open_record(
        &self,
        (actor, fresh, from): (&Actor, &Fresh, IpAddr),
        (id, child): (ClassId, PersonId),
        reason: &str,
    ) -> Result<Option<OpenedRecordView>, AppError> {
        self.must_be_of(fresh, actor).await?;
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(None) };
        if !teaches(actor, Action::RunClass, &class) {
            self.record_denial(actor, Action::RunClass).await;
            return Err(AppError::Denied);
        }
        let reason = reason.trim();
        if reason.is_empty() || reason.len() > MOST_REASON_BYTES {
            return Err(AppError::no_reason());
        }
        self.must_be_at(&class, from)?;
        let people = self.learners_of(&class);
        let Some(person) = people.iter().find(|person| person.id == child) else { return Ok(None) };
        let held = self.0.parts.store.sealed_record(child).await?;
        let opens = |row: &SealedRow| row.class == id && self.now() < row.ends && self.still_gives(row);
        let Some(row) = held.filter(opens) else { return Ok(None) };
        // Noted before it is opened: a look that could not be recorded shows nothing.
        let fact = self.class_fact(actor, &class, "open-sealed-record").about(format!("person:{child}"));
        self.note(&fact.with("reason", reason)).await?;
        let password = self.unseal(&class, &row).await?;
        let accounts = self.0.parts.store.accounts_of(child).await?;
        let login = accounts.into_iter().find(|account| account.id == row.account);
        Ok(Some(OpenedRecordView {
            name: person.display_name.clone(),
            login: login.map(|account| account.login).unwrap_or_default(),
            secret: password.reveal().to_owned(),
            reader: self.name_of(actor),
            at: self.now(),
        }))
    }

    /// Takes away every sealed record whose time is over, whose child has left the class, or whose phase the policy names no
    /// more. How many there were.
    ///
    /// # Errors
    /// [`AppError::Failed`].
    pub async fn remove_ended_records(&self) -> Result<usize, AppError> {
        let (store, now) = (&self.0.parts.store, self.now());
        let classes = store.classes(now).await?;
        let (mut removed, mut last) = (0, None);
        loop {
            let rows = store.sealed_records(last).await?;
            let Some(end) = rows.last() else { return Ok(removed) };
            last = Some((end.ends, end.person));
            for row in &rows {
                removed += usize::from(self.remove_ended(row, &classes).await?);
            }
        }
    }

    /// Takes a record away whose time is over. True where it was.
    async fn remove_ended(&self, row: &SealedRow, classes: &[Class]) -> Result<bool, AppError> {
        let now = self.now();
        let learns = |class: &Class| class.id == row.class && class.learners.contains(&row.person);
        let why = match () {
            () if row.ends <= now => "the end of Year 2",
            () if !classes.iter().any(learns) => "left the class",
            () if !self.still_gives(row) => "the policy names the phase no more",
            () => return Ok(false),
        };
        let fact = Fact::new(&Actor::Program, row.scope.clone(), now, "remove-sealed-record");
        let fact = fact.about(format!("person:{}", row.person)).with("why", why);
        self.commit(&fact, &[Change::Sealed(SealedChange::Remove { person: row.person })]).await?;
        Ok(true)
    }

    /// What keeps a password that was made for somebody sealed, where the policy names their phase and they have a class; else
    /// what takes an earlier record away.
    pub(crate) async fn sealing(
        &self,
        person: &Person,
        account: &Account,
        password: &Password,
    ) -> Result<Vec<Change>, AppError> {
        let earlier = self.0.parts.store.sealed_record(person.id).await?;
        let version = earlier.as_ref().map_or(1, |row| row.version.saturating_add(1));
        let classes = self.0.parts.store.classes(self.now()).await?;
        let mut own = classes.iter().filter(|class| class.learners.contains(&person.id));
        let Some(class) = own.find(|class| class.kind == ClassKind::Registration) else {
            return Ok(earlier.map(|row| removal(row.person)).into_iter().collect());
        };
        let at = Scope::School(class.school.clone());
        let Some((leave, ends)) = self.leave_to_seal(person, &at) else {
            return Ok(earlier.map(|row| removal(row.person)).into_iter().collect());
        };
        let key = self.class_key(class).await?;
        let sealed_for = SealedFor {
            tenant: class.school.as_str(),
            person: person.id,
            credential: &account.id.to_string(),
            version,
        };
        let record = SealedRecord::seal(leave, &key, &sealed_for, password, &mut Randomness::Machine)?;
        let row = SealedRow {
            person: person.id,
            class: class.id,
            account: account.id,
            version,
            wrapped_key: sealed_text(&record.wrapped_key),
            body: sealed_text(&record.body),
            sealed: self.now(),
            ends,
            scope: at,
        };
        Ok(vec![Change::Sealed(SealedChange::Put(row))])
    }

    fn leave_to_seal(&self, person: &Person, at: &Scope) -> Option<(Sealable, Timestamp)> {
        let year = person.affiliation_at(at)?.year?;
        let phase = Phase::of(year);
        let leave = Sealable::for_phase(phase, &[phase])
            .filter(|_| self.policy_gives(person, at, InfantWay::Record))?;
        let zone = self.snapshot().policy().time_zone.clone();
        Some((leave, end_of_year_two(&zone, self.now(), year)?))
    }

    fn still_gives(&self, row: &SealedRow) -> bool {
        let roster = self.0.parts.roster.get();
        roster
            .person(row.person)
            .is_some_and(|person| self.policy_gives(person, &row.scope, InfantWay::Record))
    }

    /// The key of a class that has one.
    async fn kept_class_key(&self, class: &Class) -> Result<Option<SealingKey>, AppError> {
        let Some(wrapped) = self.0.parts.store.class_key(class.id).await? else { return Ok(None) };
        let school = SealingKey::of_school(&self.0.parts.pepper, class.school.as_str())?;
        let bytes = sealed_bytes(&wrapped).unwrap_or_default();
        Ok(Some(school.unwrap_class(&class.id.to_string(), &bytes)?))
    }

    /// The key of a class, kept before anything is sealed under it. Where two make the first at once, one stays and both take
    /// it: what the other had sealed would open never.
    async fn class_key(&self, class: &Class) -> Result<SealingKey, AppError> {
        if let Some(key) = self.kept_class_key(class).await? {
            return Ok(key);
        }
        let school = SealingKey::of_school(&self.0.parts.pepper, class.school.as_str())?;
        let id = class.id.to_string();
        let mut random = Randomness::Machine;
        let key = SealingKey::random(&mut random)?;
        let wrapped = sealed_text(&school.wrap_class(&id, &key, &mut random)?);
        let scope = Scope::School(class.school.clone());
        let fact = self.class_fact(&Actor::Program, class, "keep-class-key");
        let keep = SealedChange::KeepClassKey { class: class.id, wrapped, at: self.now(), scope };
        match self.commit(&fact, &[Change::Sealed(keep)]).await {
            Ok(()) => Ok(key),
            Err(error) => self.kept_class_key(class).await?.ok_or(error),
        }
    }

    async fn unseal(&self, class: &Class, row: &SealedRow) -> Result<Password, AppError> {
        let lost = || AppError::failed("expected the key of a class with a sealed record, found none");
        let key = self.kept_class_key(class).await?.ok_or_else(lost)?;
        let bytes = |text: &str| sealed_bytes(text).unwrap_or_default();
        let record = SealedRecord { wrapped_key: bytes(&row.wrapped_key), body: bytes(&row.body) };
        let sealed_for = SealedFor {
            tenant: class.school.as_str(),
            person: row.person,
            credential: &row.account.to_string(),
            version: row.version,
        };
        Ok(record.open(&key, &sealed_for)?)
    }

    fn must_be_at(&self, class: &Class, from: IpAddr) -> Result<(), AppError> {
        let here = self.snapshot().network_at(from).is_some_and(|network| network.school == class.school);
        here.then_some(()).ok_or_else(|| {
            AppError::refused(
                "A sealed record is opened at school alone.",
                "expected an address in a network of the class's school, found another",
            )
        })
    }
}

fn removal(person: PersonId) -> Change {
    Change::Sealed(SealedChange::Remove { person })
}

/// The end of the school year in which a child who is in `year` now is in Year 2: the last moment of that August.
fn end_of_year_two(zone: &TimeZone, now: Timestamp, year: YearGroup) -> Option<Timestamp> {
    let today = zone.to_datetime(now.to_jiff()).date();
    let this_year = if today.month() >= SEPTEMBER { today.year().checked_add(1)? } else { today.year() };
    let left = i16::from(LAST_YEAR.checked_sub(year.number())?).max(0);
    words::end_of_date(zone, &format!("{:04}-08-31", this_year.checked_add(left)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_ends_with_the_august_of_year_two() {
        let zone = TimeZone::get("Europe/London").unwrap();
        let at = |text: &str| words::moment(&zone, text).unwrap();
        for (now, year, ends) in [
            ("2026-11-20T10:00", "2", "2027-09-01T00:00"),
            ("2026-11-20T10:00", "R", "2029-09-01T00:00"),
            ("2027-08-31T23:59", "2", "2027-09-01T00:00"),
            ("2027-09-01T00:00", "1", "2029-09-01T00:00"),
            ("2026-11-20T10:00", "5", "2027-09-01T00:00"),
        ] {
            let year = YearGroup::parse(year).unwrap();
            assert_eq!(end_of_year_two(&zone, at(now), year), Some(at(ends)), "{now} {year}");
        }
    }
}
