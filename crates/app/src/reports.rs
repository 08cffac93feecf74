//! Report something: anybody, signed in or not. A report becomes an alert at once, for those whom its kind is for; the
//! reporter keeps a reference, by which they see that it was dealt with and nothing else. What is about somebody who works
//! here goes to the headteacher alone, and what is about a headteacher to the chair of governors, whatever its kind. Who was
//! head when it was written stands with it: they never read it, whatever they become.
//!
//! Bounded: so many reports from one address in an hour, and so many in all, so that nobody drowns the queue. Beyond
//! that the form says to tell somebody in person.

use crate::alert_work::MOST_MERGES;
use crate::alerts::Reported;
use crate::people::can_hold;
use crate::views::ReportStatusView;
use crate::{App, AppError};
use model::{
    About, Actor, Alert, AlertId, AlertKind, AlertState, AlertSubject, Ladder, PersonId, ReportId,
    ReportKind, Role, Scope, Severity, Timestamp,
};
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::PoisonError;
use store::{AlertRecord, Change, ReportChange, ReportRecord};

/// The longest report, in bytes.
const MOST_WORDS_BYTES: usize = 4_000;
/// The longest place, in bytes.
const MOST_PLACE_BYTES: usize = 200;
/// Reports from one address in an hour, or from one network of IPv6, in which a device takes as many addresses as it likes.
/// A class behind one address reports one thing.
const MOST_FROM_ADDRESS: usize = 10;
/// Reports from everybody in an hour.
const MOST_IN_ALL: usize = 200;
const HOUR_MS: i64 = 3_600_000;
/// What references are made of: the 32 letters and digits that are hard to mistake for each other.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKMNPQRSTVWXYZ0123456789";
/// Letters of a reference.
const REFERENCE_LETTERS: usize = 8;

/// What somebody reports, as sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewReport {
    /// What it is about.
    pub kind: ReportKind,
    /// What happened, in their words.
    pub words: String,
    /// Where; may be empty.
    pub place: String,
    /// Whom it is about, as far as that changes who reads it.
    pub about: About,
    /// Who, where they are signed in and say who they are.
    pub reporter: Option<Actor>,
    /// Where the connection comes from: counted, and not kept with the report.
    pub address: IpAddr,
}

impl NewReport {
    /// What is wrong with it, by field; empty when nothing is.
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        if self.words.trim().is_empty() {
            problems.push(("words".to_owned(), "Write what happened, in a few words".to_owned()));
        }
        if self.words.len() > MOST_WORDS_BYTES {
            problems.push(("words".to_owned(), "Write less: 4,000 characters at most".to_owned()));
        }
        if self.place.len() > MOST_PLACE_BYTES {
            problems.push(("place".to_owned(), "Write less: 200 characters at most".to_owned()));
        }
        problems
    }
}

impl App {
    /// Takes a report, and calls those whom it is for; its reference.
    ///
    /// # Errors
    /// [`AppError::Refused`] where words are missing, or too many reports came of late.
    pub async fn report(&self, new: NewReport) -> Result<String, AppError> {
        if let Some((_, sentence)) = new.problems().into_iter().next() {
            return Err(AppError::refused(sentence, "expected a report with words, found otherwise"));
        }
        let now = self.now();
        let may = self.0.report_lanes.lock().unwrap_or_else(PoisonError::into_inner).may(new.address, now);
        if !may {
            return Err(AppError::refused(
                "Too many reports came from here in the last hour. Tell a member of staff, or the office, in person.",
                "expected fewer reports in an hour, found too many",
            ));
        }
        let (alert_id, report_id) = (AlertId(self.new_uuid()?), ReportId(self.new_uuid()?));
        let reference = new_reference("SG")?;
        let reporter = match &new.reporter {
            Some(Actor::Person { id, .. }) => Some(*id),
            _ => None,
        };
        let school = new.reporter.as_ref().and_then(Actor::school);
        let subject = AlertSubject { school, person: None, device: None };
        let scope = self.scope_of(&subject);
        let person = if new.about == About::Head { self.only_head(&scope) } else { None };
        let alert = Alert {
            kind: AlertKind::Report,
            severity: new.kind.severity(),
            subject: AlertSubject { person, ..subject },
            rule: format!("report.{}", new.kind.slug()).into(),
            why: new.kind.title().into(),
            first: now,
            last: now,
            count: 1,
            events: Vec::new(),
        };
        let record = ReportRecord {
            id: report_id,
            scope,
            reference: reference.clone(),
            kind: new.kind,
            words: new.words.trim().to_owned(),
            place: new.place.trim().to_owned(),
            reporter,
            at: now,
            alert: alert_id,
        };
        let ladder = match new.about {
            About::Learner => new.kind.ladder(),
            about => Ladder::of(AlertKind::Report, about),
        };
        let reported = Reported { report: report_id, ladder };
        let make = Change::Report(ReportChange::Make(record));
        self.take_up_as(alert_id, alert, Some(reported), [make]).await?;
        Ok(reference)
    }

    /// What a reporter is told; `None` for a reference that nobody was given. It is answered as often as the form is.
    pub async fn report_status(&self, reference: &str) -> Result<Option<ReportStatusView>, AppError> {
        let Some(reference) = read_reference(reference) else { return Ok(None) };
        let Some(report) = self.0.parts.store.report_by_reference(&reference).await? else {
            return Ok(None);
        };
        let Some(alert) = self.at_the_end_of(report.alert).await? else { return Ok(None) };
        let case = match alert.case {
            Some(case) => self.0.parts.store.case(case).await?,
            None => None,
        };
        let case_is_open = case.is_some_and(|case| case.outcome.is_none());
        let (state, is_done) = match alert.state {
            AlertState::New => ("Nobody has looked at it yet", false),
            AlertState::Closed if !case_is_open => ("It was dealt with", true),
            AlertState::Acknowledged | AlertState::Closed => ("Somebody is looking into it", false),
        };
        Ok(Some(ReportStatusView {
            reference: report.reference,
            at: report.at,
            state: state.to_owned(),
            is_done,
        }))
    }

    /// Whoever is headteacher there; `None` where several are, or nobody.
    fn only_head(&self, scope: &Scope) -> Option<PersonId> {
        let roster = self.0.parts.roster.get();
        let mut heads =
            roster.people().filter(|person| can_hold(&person.affiliations, Role::Headteacher, scope));
        let head = heads.next().map(|person| person.id);
        head.filter(|_| heads.next().is_none())
    }

    /// The alert that an alert was merged into, and that one into another, a few times at most.
    async fn at_the_end_of(&self, first: AlertId) -> Result<Option<AlertRecord>, AppError> {
        let mut id = first;
        for _ in 0..MOST_MERGES {
            match self.0.parts.store.alert(id).await? {
                Some(AlertRecord { merged_into: Some(into), .. }) => id = into,
                found => return Ok(found),
            }
        }
        Ok(None)
    }
}

/// Who reported of late, by address.
#[derive(Default, Debug)]
pub(crate) struct ReportLanes {
    by_address: HashMap<IpAddr, VecDeque<Timestamp>>,
    all: VecDeque<Timestamp>,
}

impl ReportLanes {
    /// True, and counted, where another report may come from here.
    fn may(&mut self, address: IpAddr, now: Timestamp) -> bool {
        let since = now.plus_ms(-HOUR_MS);
        let forget = |lane: &mut VecDeque<Timestamp>| {
            while lane.front().is_some_and(|at| *at <= since) {
                lane.pop_front();
            }
        };
        forget(&mut self.all);
        self.by_address.retain(|_, lane| {
            forget(lane);
            !lane.is_empty()
        });
        let lane = self.by_address.entry(lane_of(address)).or_default();
        if lane.len() >= MOST_FROM_ADDRESS || self.all.len() >= MOST_IN_ALL {
            return false;
        }
        lane.push_back(now);
        self.all.push_back(now);
        true
    }
}

/// The address that reports are counted by: the whole of it, and of IPv6 the first 64 bits.
fn lane_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::from([a, b, c, d, 0, 0, 0, 0])
        }
        address @ IpAddr::V4(_) => address,
    }
}

/// `SG-4K7P-2WQX`: what it begins with, and 40 bits of the machine's randomness, so that nobody finds another's by trying.
pub(crate) fn new_reference(begins: &str) -> Result<String, AppError> {
    let bytes = identity::random_bytes::<REFERENCE_LETTERS>()?;
    let letters: String = bytes
        .iter()
        .filter_map(|byte| LETTERS.get(usize::from(byte % 32)))
        .map(|letter| char::from(*letter))
        .collect();
    let (first, second) = letters.split_at(REFERENCE_LETTERS / 2);
    Ok(format!("{begins}-{first}-{second}"))
}

/// Reads a reference as people type it: small letters, spaces, no hyphens.
fn read_reference(typed: &str) -> Option<String> {
    if typed.len() > 64 {
        return None;
    }
    let letters: String =
        typed.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
    let letters = letters.strip_prefix("SG").filter(|rest| rest.len() == REFERENCE_LETTERS)?;
    let (first, second) = letters.split_at_checked(REFERENCE_LETTERS / 2)?;
    Some(format!("SG-{first}-{second}"))
}

/// A report's severity in words, for the form: how soon somebody looks.
pub fn soon(kind: ReportKind) -> &'static str {
    match kind.severity() {
        Severity::Critical => "Somebody is told at once.",
        Severity::High => "Somebody is told at once, and looks the same school day.",
        _ => "Somebody looks at it within a school day or two.",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_reads_back_however_it_is_typed() {
        let reference = new_reference("SG").unwrap();
        assert_eq!(reference.len(), 12);
        for typed in [reference.clone(), reference.to_lowercase(), reference.replace('-', " ")] {
            assert_eq!(read_reference(&typed), Some(reference.clone()), "{typed}");
        }
        for wrong in ["", "SG-ABC", "XX-ABCD-EFGH", "SG-ABCD-EFGHJ"] {
            assert_eq!(read_reference(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn one_address_reports_so_often_in_an_hour_and_its_neighbour_still_may() {
        let mut lanes = ReportLanes::default();
        let (one, other) = (IpAddr::from([10, 0, 0, 1]), IpAddr::from([10, 0, 0, 2]));
        for _ in 0..MOST_FROM_ADDRESS {
            assert!(lanes.may(one, Timestamp(0)));
        }
        assert!(!lanes.may(one, Timestamp(1)) && lanes.may(other, Timestamp(1)));
        assert!(lanes.may(one, Timestamp(HOUR_MS)), "an hour later");
        let of_network = |last: u16| IpAddr::from([0x2001, 0xdb8, 0, 1, last, last, last, last]);
        for last in 0..u16::try_from(MOST_FROM_ADDRESS).unwrap() {
            assert!(lanes.may(of_network(last), Timestamp(HOUR_MS)));
        }
        assert!(!lanes.may(of_network(999), Timestamp(HOUR_MS)), "another address of the same network");
        let mapped: IpAddr = "::ffff:10.0.0.1".parse().unwrap();
        assert_eq!(lane_of(mapped), one);
        let mut drowned = ReportLanes::default();
        for number in 0..u32::try_from(MOST_IN_ALL).unwrap() {
            assert!(drowned.may(IpAddr::from(number.to_be_bytes()), Timestamp(0)));
        }
        assert!(!drowned.may(one, Timestamp(0)));
        assert!(drowned.by_address.len() <= MOST_IN_ALL + 1);
    }

    proptest::proptest! {
        #[test]
        fn no_typed_reference_panics(typed in "\\PC{0,80}") {
            let _ = read_reference(&typed);
        }
    }
}
