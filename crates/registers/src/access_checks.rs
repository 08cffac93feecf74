//! Checks of accounts, rights, visitors and administrators (clauses ACC-1 to ACC-7, PWD-4, PWD-10).
//!
//! What nobody can see from here (rights in other systems, a safe, training) stays `Unknown`, and each says what was seen.

use crate::checks::{date, fail, pass, unknown};
use crate::facts::{AccessSeen, Facts, ReviewSeen};
use model::ClauseState;

/// Days that counts over time look back on.
const LOOKS_BACK: &str = "in the last year";

pub(crate) fn rights_approved(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    if seen.requests_late > 0 {
        return fail(facts, format!("{} wait beyond their day", things(seen.requests_late, "request")));
    }
    if seen.grants_late > 0 {
        return fail(
            facts,
            format!("{} were due to be looked at again and were not", things(seen.grants_late, "right")),
        );
    }
    let machine = seen.rights.saturating_sub(seen.grants);
    unknown(format!(
        "Seen: of {} in the console, {} were approved by a second person, and {machine} come from the machine, from an import \
         or from before; none of those approved is due to be looked at again. Not seen: rights in other systems of the school",
        things(seen.rights, "right"),
        seen.grants
    ))
}

pub(crate) fn rights_reviewed(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    let late = seen.reviews.iter().find(|review| is_overdue(facts, review));
    if let Some(ReviewSeen { place, ends, .. }) = late {
        let ends = ends.map(date).unwrap_or_default();
        return fail(
            facts,
            format!("The review of rights at {place} should have been over on {ends}, and is not"),
        );
    }
    let never: Vec<&str> = seen
        .reviews
        .iter()
        .filter(|review| review.closed.is_none())
        .map(|review| review.place.as_str())
        .collect();
    if !never.is_empty() {
        return unknown(format!("No review of rights was finished yet at: {}", never.join(", ")));
    }
    let old: Vec<&str> = seen
        .reviews
        .iter()
        .filter(|review| review.next.is_some_and(|next| next <= facts.now))
        .map(|review| review.place.as_str())
        .collect();
    if !old.is_empty() {
        return fail(facts, format!("The last review of rights is too long ago at: {}", old.join(", ")));
    }
    let oldest = seen.reviews.iter().filter_map(|review| review.closed).min();
    match oldest {
        None => unknown("There is no place whose rights could be reviewed"),
        Some(oldest) if seen.changes_undone > 0 => unknown(format!(
            "Rights were last gone through everywhere on {}, and {} that were asked for are not made yet",
            date(oldest),
            things(seen.changes_undone, "change")
        )),
        Some(oldest) => pass(
            facts,
            format!(
                "Each right in the console was kept, changed or taken away everywhere on {} or later",
                date(oldest)
            ),
        ),
    }
}

pub(crate) fn visitors_end(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    if seen.visitors_without_end > 0 {
        return fail(
            facts,
            format!("{} of visitors do not end by themselves", things(seen.visitors_without_end, "account")),
        );
    }
    if seen.visitors_left > 0 {
        return fail(
            facts,
            format!("{} of visitors are over and were not destroyed", things(seen.visitors_left, "account")),
        );
    }
    if seen.visitors_unlogged > 0 {
        return fail(
            facts,
            format!(
                "{} of visitors come from no pool, so nobody wrote down whom they visit and why",
                things(seen.visitors_unlogged, "account")
            ),
        );
    }
    if seen.visitors_issued == 0 {
        return unknown(format!("No account was handed to a visitor {LOOKS_BACK}"));
    }
    pass(
        facts,
        format!(
            "Each of {} that were handed to visitors {LOOKS_BACK} ends by itself, stands in the log with who, whom and why, \
             and was destroyed where it is over",
            things(seen.visitors_issued, "account")
        ),
    )
}

pub(crate) fn administrators(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    let counted = format!(
        "{} with an administrator account, a post that lets them administer, and a second factor that has worked; the policy \
         asks for {}",
        things(seen.administrators, "person"),
        seen.administrators_needed
    );
    if seen.administrators < u64::from(seen.administrators_needed) {
        return fail(facts, counted);
    }
    pass(facts, counted)
}

pub(crate) fn recovery_account(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    if seen.recovery_accounts == 0 {
        return fail(facts, "There is no recovery account that opens what a leader of all of it may do");
    }
    match seen.recovery_tried {
        None => fail(facts, "The recovery account was never tried"),
        Some(tried) if tried.plus_ms(seen.recovery_test_ms) < facts.now => {
            fail(facts, format!("A recovery account was last tried, or made, on {}", date(tried)))
        }
        Some(tried) => unknown(format!(
            "Seen: a recovery account, last tried, or made, on {}. Not seen: where its password lies, and in whose keeping",
            date(tried)
        )),
    }
}

pub(crate) fn accounts_shared(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    unknown(match seen.in_two_places {
        0 => "Seen: nobody is signed in at two addresses now. Not seen: who really sits there".to_owned(),
        1 => "1 person is signed in at two addresses now; a lesson away from one's desk looks the same"
            .to_owned(),
        more => {
            format!(
                "{more} people are signed in at two addresses now; lessons away from a desk look the same"
            )
        }
    })
}

pub(crate) fn resets_recorded(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    if seen.resets_unsure > 0 {
        return fail(
            facts,
            format!(
                "Of {} nobody wrote down how it was made sure who asked",
                things(seen.resets_unsure, "password")
            ),
        );
    }
    if seen.resets == 0 {
        return unknown(format!("Nobody was given another password in the console {LOOKS_BACK}"));
    }
    unknown(format!(
        "Seen: of each of {} given {LOOKS_BACK} it is written down how it was made sure who asked. Not seen: that those who \
         gave them were trained",
        things(seen.resets, "password")
    ))
}

pub(crate) fn first_replaced(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    if seen.temporary_that_stay > 0 {
        return fail(
            facts,
            format!("{} that were issued need not be replaced", things(seen.temporary_that_stay, "password")),
        );
    }
    accounts_pass(
        facts,
        seen,
        "each password that was issued to somebody old enough opens nothing but the page on which \
        another is chosen",
    )
}

pub(crate) fn temporary_end(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.access else { return not_looked() };
    if seen.temporary_without_end > 0 {
        return fail(
            facts,
            format!("{} never run out", things(seen.temporary_without_end, "temporary password")),
        );
    }
    accounts_pass(
        facts,
        seen,
        "each temporary password runs out by itself and must be replaced at its first use",
    )
}

fn accounts_pass(facts: &Facts, seen: &AccessSeen, words: &str) -> ClauseState {
    match seen.accounts {
        0 => unknown("There is no account yet"),
        accounts => pass(facts, format!("Of {}, {words}", things(accounts, "account"))),
    }
}

fn is_overdue(facts: &Facts, review: &ReviewSeen) -> bool {
    review.ends.is_some_and(|ends| ends <= facts.now)
}

fn not_looked() -> ClauseState {
    unknown("The accounts were not looked at yet")
}

/// `1 account`, `3 accounts`, `2 people`.
fn things(count: u64, noun: &str) -> String {
    match (count, noun) {
        (1, _) => format!("1 {noun}"),
        (_, "person") => format!("{count} people"),
        _ => format!("{count} {noun}s"),
    }
}
