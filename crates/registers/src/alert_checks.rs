//! The checks of monitoring, alerts and reports.

use crate::checks::{date, fail, pass, unknown};
use crate::facts::{AlertsSeen, Facts};
use model::{ClauseState, DAY_MS};

/// Monitoring that was not heard of for longer than this has stopped.
const WATCHED_MS: i64 = 5 * 60_000;
/// A test alert comes each week; one that was acknowledged longer ago proves nothing of today.
const TESTED_MS: i64 = 10 * DAY_MS;
/// A weekly report that was signed longer ago is not signed each week.
const SIGNED_MS: i64 = 15 * DAY_MS;

/// Worrying content is brought to those it is for, in time (clause FLT-7).
pub(crate) fn alerts_raised(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.alerts else { return unknown("Alerts were not looked at yet") };
    if let Some(state) = not_in_time(facts, seen) {
        return state;
    }
    if seen.messages_stuck > 0 {
        return fail(
            facts,
            format!("{} not taken by the other side", counted(seen.messages_stuck, "message")),
        );
    }
    let Some(watched) = seen.watched else {
        return unknown("The monitoring rules have not looked at anything since the program started");
    };
    if watched.plus_ms(WATCHED_MS) < facts.now {
        return fail(
            facts,
            "The monitoring rules have stopped looking; the technician\u{2019}s log says why",
        );
    }
    if !seen.is_told {
        return unknown(
            "The monitoring rules look, and alerts stand in the console; no address is set up that they are sent to",
        );
    }
    match seen.tested.filter(|tested| tested.plus_ms(TESTED_MS) >= facts.now) {
        Some(tested) => pass(
            facts,
            format!(
                "The monitoring rules look, no alert is late, and the test alert was acknowledged on {}",
                date(tested)
            ),
        ),
        None => unknown("The monitoring rules look; no test alert was acknowledged in the last 10 days"),
    }
}

/// Incidents are noticed, acted on, and somebody answers for it each week (clause MON-1).
pub(crate) fn incidents_dealt_with(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.alerts else { return unknown("Alerts were not looked at yet") };
    if let Some(state) = not_in_time(facts, seen) {
        return state;
    }
    match seen.signed {
        Some(signed) if signed.plus_ms(SIGNED_MS) < facts.now => {
            fail(facts, format!("The last weekly report was signed on {}", date(signed)))
        }
        Some(signed) => pass(
            facts,
            format!("No alert is late, and the last weekly report was signed on {}", date(signed)),
        ),
        None => unknown("No alert is late; no weekly report was signed yet"),
    }
}

/// Anybody can report, and is answered (clauses FLT-11 and MON-5).
pub(crate) fn reports_open(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.alerts else { return unknown("Reports were not looked at yet") };
    if seen.reports_late > 0 {
        return fail(facts, format!("{} not acknowledged in time", counted(seen.reports_late, "report")));
    }
    match seen.reported {
        Some(at) => pass(
            facts,
            format!("The form is open to everybody; the last report came on {}, and none is late", date(at)),
        ),
        None => unknown(
            "The form is open to everybody; nobody has reported anything yet, so nothing proves that it works",
        ),
    }
}

fn not_in_time(facts: &Facts, seen: &AlertsSeen) -> Option<ClauseState> {
    (seen.late > 0).then(|| fail(facts, format!("{} not acknowledged in time", counted(seen.late, "alert"))))
}

/// `1 alert was`, `3 alerts were`.
fn counted(count: u64, noun: &str) -> String {
    if count == 1 { format!("1 {noun} was") } else { format!("{count} {noun}s were") }
}
