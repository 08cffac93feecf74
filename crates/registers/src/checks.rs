//! The checks, one function each, in the order of [`Check::ALL`](crate::Check::ALL).

use crate::facts::{
    Approver, AuditSeen, CountingSeen, Facts, Kept, ListenerState, LockTried, LockoutSeen, MemberList,
    PolicySeen, RetentionSeen, TakenUp, TriedAsLearners,
};
use model::{ClauseState, DAY_MS, Outcome, PolicyHash, Timestamp};

/// The shortest time for which history is kept (clause FLT-13), in days.
const LEAST_RETENTION_DAYS: u32 = 365;
/// Where no request was recorded for longer than this, nothing is known about the recording.
const RECORDING_SEEN_MS: i64 = 24 * 3_600_000;
/// A state of a listener that is older than this says nothing about now.
const LISTENER_SEEN_MS: i64 = 5 * 60_000;
/// A record of changes that was last walked longer ago than this is not known to be whole.
const AUDIT_SEEN_MS: i64 = 2 * DAY_MS;
/// A keeping time that was last applied longer ago than this is not applied.
const EXPIRY_SEEN_MS: i64 = 2 * DAY_MS;

pub(crate) fn policy_in_force(facts: &Facts) -> ClauseState {
    let Some(policy) = &facts.policy else { return fail(facts, "No approved policy is in force") };
    if policy.taken_up == TakenUp::Failed {
        return fail(facts, "A policy that was approved could not be put in force; the log says why");
    }
    let Some(approved) = &policy.approved else {
        return fail(facts, "The text in the records cannot be read, or is not the one that was approved");
    };
    if *approved != policy.deciding {
        return fail(
            facts,
            format!(
                "The text that decides ({}) is not the one that was approved ({})",
                short(policy.deciding.as_str()),
                short(approved.as_str())
            ),
        );
    }
    if let Some(due) = policy.review_due.filter(|due| *due < facts.now) {
        return fail(facts, format!("The review was due on {}", date(due)));
    }
    approved_by(facts, policy, approved)
}

fn approved_by(facts: &Facts, policy: &PolicySeen, hash: &PolicyHash) -> ClauseState {
    let (on, hash) = (date(policy.approved_at), short(hash.as_str()));
    match &policy.approved_by {
        Approver::PostHolder(who) => {
            pass(facts, format!("The text that decides is the one approved on {on} by {who} ({hash})"))
        }
        Approver::CommandLine { who, reason } => unknown(format!(
            "The text that decides is the one approved on {on} ({hash}), but at the command line as an emergency, by \
             {who}: {reason}. The approval screens do not exist yet, so this stands in for the holder of the post"
        )),
    }
}

pub(crate) fn illegal_layer(facts: &Facts) -> ClauseState {
    let Some(layer) = &facts.illegal else { return unknown("The layer was not tested yet") };
    let Some(test) = &layer.self_test else { return unknown("The layer was not tested yet") };
    if test.outcome != Outcome::Block {
        return ClauseState::Fail {
            checked: test.at,
            evidence: "A test host of the illegal-content layer was not blocked. Call your provider now"
                .to_owned(),
        };
    }
    let fresh_hours = facts.lists.as_ref().map_or(0, |lists| lists.fresh_hours);
    let freshest_ms = i64::from(fresh_hours).saturating_mul(3_600_000);
    let broken: Vec<String> = layer
        .member_lists
        .iter()
        .filter_map(|list| Some(format!("{} {}", list.name, broken(list, freshest_ms, facts.now)?)))
        .collect();
    if !broken.is_empty() {
        return ClauseState::Fail { checked: test.at, evidence: broken.join("; ") };
    }
    member_lists(&layer.member_lists, test.at)
}

/// What is wrong with a list of illegal content, where something is.
fn broken(list: &MemberList, fresh_ms: i64, now: Timestamp) -> Option<String> {
    let Some(read_at) = list.read_at.filter(|_| list.entries > 0) else {
        return Some("is in the policy, and nothing of it is in force".to_owned());
    };
    if list.test == Some(Outcome::Allow) {
        return Some("does not block the address that its keeper gives for tests: call them now".to_owned());
    }
    (read_at.plus_ms(fresh_ms) < now).then(|| format!("was last read on {}", date(read_at)))
}

/// What lists in good order prove: whose they are, the program cannot see, so one alone is a part of what the clause asks.
fn member_lists(lists: &[MemberList], checked: Timestamp) -> ClauseState {
    let blocks = "The layer blocks its test host for everybody";
    let names =
        |lists: &[&MemberList]| lists.iter().map(|list| list.name.as_str()).collect::<Vec<_>>().join(", ");
    let (proved, not_proved): (Vec<&MemberList>, Vec<&MemberList>) =
        lists.iter().partition(|list| list.test == Some(Outcome::Block));
    match (proved.as_slice(), not_proved.as_slice()) {
        ([], []) => ClauseState::Fail {
            checked,
            evidence: format!(
                "{blocks}, but no member list is loaded: ask the Internet Watch Foundation, or your provider, for one"
            ),
        },
        (_, [_, ..]) => unknown(format!(
            "{blocks}, and these lists are loaded and fresh, but the policy names no test address for them, so nothing \
             proves that they work: {}",
            names(&not_proved)
        )),
        ([only], []) => unknown(format!(
            "{blocks}, and one list of illegal content is loaded, fresh and blocks its test address: {}. Not seen: a \
             second one; the clause asks for the Internet Watch Foundation's and others, such as the counter-terrorism \
             unit's",
            only.name
        )),
        (_, []) => ClauseState::Pass {
            checked,
            evidence: format!(
                "{blocks}, and these lists are fresh and block their test addresses: {}",
                names(&proved)
            ),
        },
    }
}

pub(crate) fn harmful_content(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.harmful else { return unknown("No harmful category was tried yet") };
    if let Some(state) = not_all_blocked(facts, &seen.tried) {
        return state;
    }
    if !seen.without_kept_list.is_empty() {
        return fail(
            facts,
            format!(
                "Harmful categories are blocked for {} groups of learners, but only the few names that ship are known of: \
                 {}. Name lists in the policy that somebody keeps",
                seen.tried.groups,
                seen.without_kept_list.join(", ")
            ),
        );
    }
    unknown(format!(
        "Seen: every harmful category is blocked for each of {} groups of learners, from lists that somebody keeps. Not \
         seen: pages that no list knows, and whether it suits each group's age and ability, which people judge",
        seen.tried.groups
    ))
}

/// Why it cannot be said that everything tried is blocked for every group of learners; `None` where it is.
fn not_all_blocked(facts: &Facts, seen: &TriedAsLearners) -> Option<ClauseState> {
    if !seen.open.is_empty() {
        let open: Vec<String> =
            seen.open.iter().map(|(group, category)| format!("{category} for {group}")).collect();
        return Some(fail(facts, format!("Not blocked: {}", open.join("; "))));
    }
    if seen.groups == 0 {
        return Some(unknown("The policy has no group of learners to try it as"));
    }
    (!seen.lists_name_them).then(|| {
        unknown("The lists in force name no test host of these categories, so nothing could be tried")
    })
}

pub(crate) fn group_rules(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.groups else { return unknown("The roster was not compared with the groups yet") };
    if seen.people == 0 {
        return unknown("Nobody is on the roster yet");
    }
    if seen.people_without_group > 0 {
        return fail(
            facts,
            format!(
                "{} of {} people on the roster are in no group, and get every group's denials",
                seen.people_without_group, seen.people
            ),
        );
    }
    let in_groups =
        format!("Each of {} people on the roster is in one of {} groups", seen.people, seen.groups);
    if let Some((one, other)) = seen.alike.first() {
        return unknown(format!("{in_groups}, but {one} and {other} have the same rules"));
    }
    match seen.of_staff_and_learners {
        (0, _) => unknown(format!("{in_groups}, but no group is for staff")),
        (_, 0) => unknown(format!("{in_groups}, but no group is for learners")),
        _ => pass(
            facts,
            format!(
                "{in_groups}; staff have other rules than learners, and learners other rules at each stage"
            ),
        ),
    }
}

pub(crate) fn lists_fresh(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.lists else { return unknown("The lists were not looked at yet") };
    let (lists, fresh_ms) = (&seen.lists, i64::from(seen.fresh_hours) * 3_600_000);
    if lists.iter().all(|list| list.names == 0) {
        return fail(facts, "No list with names in it is loaded");
    }
    let absent: Vec<&str> =
        lists.iter().filter(|list| list.read_at.is_none()).map(|list| list.name.as_str()).collect();
    if !absent.is_empty() {
        return fail(facts, format!("In the policy, and not in force: {}", absent.join(", ")));
    }
    let read = lists.iter().filter_map(|list| Some((list, list.read_at?)));
    let stale: Vec<String> = read
        .filter(|(_, read_at)| read_at.plus_ms(fresh_ms) < facts.now)
        .map(|(list, read_at)| format!("{} (last read on {})", list.name, date(read_at)))
        .collect();
    if !stale.is_empty() {
        return fail(facts, format!("Stopped updating: {}", stale.join(", ")));
    }
    if let Some(since) = seen.held_since {
        return fail(
            facts,
            format!("Held as they were since somebody went back to earlier ones on {}", date(since)),
        );
    }
    let alarms: Vec<&str> =
        lists.iter().flat_map(|list| &list.alarms).map(|alarm| alarm.trim_end_matches('.')).collect();
    if !alarms.is_empty() {
        return fail(facts, alarms.join(". "));
    }
    let empty: Vec<&str> =
        lists.iter().filter(|list| list.names == 0).map(|list| list.name.as_str()).collect();
    if !empty.is_empty() {
        return fail(facts, format!("No names in: {}", empty.join(", ")));
    }
    if lists.iter().all(|list| list.kept == Kept::WithProgram) {
        return fail(
            facts,
            "Only the starter lists are loaded: they change with the program alone. Name a list in the policy that \
             somebody keeps",
        );
    }
    let names: u64 = lists.iter().map(|list| list.names).sum();
    let oldest = lists.iter().filter_map(|list| list.read_at).min().unwrap_or(facts.now);
    pass(
        facts,
        format!("Lists: {}, with {names} names; the oldest was read on {}", lists.len(), date(oldest)),
    )
}

pub(crate) fn requests_recorded(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.requests else { return unknown("The history was not looked at yet") };
    if let Some(trouble) = &seen.trouble {
        return fail(facts, format!("The history could not be written: {trouble}"));
    }
    if seen.lost > 0 {
        return fail(
            facts,
            format!("{} requests were lost since start: the history could not keep up", seen.lost),
        );
    }
    match seen.newest {
        Some(newest) if newest.plus_ms(RECORDING_SEEN_MS) >= facts.now => pass(
            facts,
            format!(
                "The newest request since start was recorded on {}; none was lost since start",
                moment(newest)
            ),
        ),
        Some(newest) => unknown(format!("No request was recorded since {}", date(newest))),
        None => unknown("No request was recorded since the program started"),
    }
}

pub(crate) fn retention(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.retention else { return unknown("The keeping time was not looked at yet") };
    if seen.days < LEAST_RETENTION_DAYS {
        return fail(
            facts,
            format!(
                "The policy keeps the access log for {} days; at least {LEAST_RETENTION_DAYS} are asked",
                seen.days
            ),
        );
    }
    if let Some(audit) = facts.audit.as_ref().filter(|audit| !audit.faults.is_empty()) {
        let found = format!("The record of changes is not as it was written. {}", audit.faults.join(" "));
        return ClauseState::Fail { checked: audit.at, evidence: found };
    }
    match seen.expired {
        Some((at, days)) if days != seen.days => fail(
            facts,
            format!("Older days were taken away after {days} days on {}, not after {}", date(at), seen.days),
        ),
        Some((at, _)) if at.plus_ms(EXPIRY_SEEN_MS) >= facts.now => retention_applied(facts, seen, at),
        Some((at, _)) => unknown(format!(
            "The policy keeps the access log for {} days, but that was last applied on {}",
            seen.days,
            date(at)
        )),
        None => unknown(format!(
            "The policy keeps the access log for {} days; nothing was taken away yet, so it was not applied",
            seen.days
        )),
    }
}

/// What was seen is a part of what the clause asks: the access log. The rest is said beside it.
fn retention_applied(facts: &Facts, seen: &RetentionSeen, at: Timestamp) -> ClauseState {
    let limit =
        facts.now.plus_ms(-i64::from(seen.days).saturating_mul(DAY_MS).saturating_add(EXPIRY_SEEN_MS));
    match seen.oldest {
        Some(oldest) if oldest < limit.day() => fail(
            facts,
            format!("The access log should be kept for {} days, but {oldest} is still there", seen.days),
        ),
        _ => changes_kept(facts, seen, at),
    }
}

/// Records of changes and of incidents are never removed; that the former are whole must have been seen lately.
fn changes_kept(facts: &Facts, seen: &RetentionSeen, expired: Timestamp) -> ClauseState {
    let kept = format!(
        "The access log is kept for {} days; that was last applied on {}, and nothing older is there. Records of changes, \
         alerts and cases are never removed",
        seen.days,
        date(expired)
    );
    match &facts.audit {
        Some(audit) if audit.at.plus_ms(AUDIT_SEEN_MS) < facts.now => unknown(format!(
            "{kept}. That the record of changes is whole was last seen on {}",
            date(audit.at)
        )),
        Some(AuditSeen { signed: None, .. }) => {
            unknown(format!("{kept}. The record of changes was not signed yet"))
        }
        Some(audit) => ClauseState::Pass {
            checked: audit.at,
            evidence: format!(
                "{kept}, and each of {} facts about changes stands as it was written",
                audit.facts
            ),
        },
        None => unknown(format!("{kept}. Not seen yet: that the record of changes is whole")),
    }
}

pub(crate) fn circumvention(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.circumvention else { return unknown("No way round the filter was tried yet") };
    if let Some(state) = not_all_blocked(facts, seen) {
        return state;
    }
    unknown(format!(
        "VPNs, proxies and encrypted DNS that the lists know are blocked for {} groups of learners, and the policy has no way \
         round open for them. Not seen: HTTP/3, which the network must refuse, and tunnels that look like any TLS",
        seen.groups
    ))
}

pub(crate) fn password_hash(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.passwords else { return unknown("The accounts were not looked at yet") };
    if seen.accounts == 0 {
        return unknown("There is no account yet");
    }
    if seen.hashed < seen.accounts {
        return fail(
            facts,
            format!(
                "{} of {} passwords are not stored as today's hash",
                seen.accounts - seen.hashed,
                seen.accounts
            ),
        );
    }
    pass(
        facts,
        format!(
            "Each of {} passwords is stored as an Argon2id hash alone; the sign-in pages cover what is typed, and no page \
             shows a password",
            seen.accounts
        ),
    )
}

/// The clause asks for six in a row.
const MOST_ATTEMPTS: u32 = 6;

pub(crate) fn wrong_passwords_lock(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.lockout else { return unknown("The lock-out was not tried yet") };
    let LockoutSeen { attempts, minutes, counting, tried } = seen;
    if *attempts > MOST_ATTEMPTS {
        return fail(
            facts,
            format!(
                "The policy locks after {attempts} wrong passwords, and the clause asks for {MOST_ATTEMPTS}"
            ),
        );
    }
    if *tried == LockTried::Otherwise {
        return fail(
            facts,
            format!(
                "{attempts} wrong passwords on a made-up account did not lock it as the policy says. Call your provider now"
            ),
        );
    }
    let locks = format!("{attempts} wrong passwords on a made-up account locked it for {minutes} minutes");
    match counting {
        CountingSeen::ByAccount => pass(facts, format!("{locks}, wherever they come from")),
        CountingSeen::ByLane { accepted: Some(on), .. } => pass(
            facts,
            format!(
                "{locks}, in the way in that they came by; the policy says that this was accepted on {on}"
            ),
        ),
        CountingSeen::ByLane { accepted: None, review } => ClauseState::Excepted {
            checked: facts.now,
            evidence: format!(
                "{locks}, in the way in that they came by alone, so that nobody can lock a teacher out from elsewhere. The clause's \
                 plain form counts by account. Those who approve the policy are asked to accept this, or to choose the plain form, by \
                 its review on {review}"
            ),
        },
    }
}

pub(crate) fn dns_and_proxy(facts: &Facts) -> ClauseState {
    let stopped: Vec<String> = facts
        .listeners
        .iter()
        .filter_map(|listener| match &listener.state {
            ListenerState::Stopped(why) => Some(format!("{}: {why}", listener.name)),
            ListenerState::Listening => None,
        })
        .collect();
    if !stopped.is_empty() {
        return fail(facts, format!("Not working: {}", stopped.join("; ")));
    }
    let seen = |listener: &crate::Listener| listener.at.plus_ms(LISTENER_SEEN_MS) >= facts.now;
    if facts.listeners.len() < 2 || !facts.listeners.iter().all(seen) {
        return unknown("The DNS filter and the web proxy were not both seen working in the last 5 minutes");
    }
    unknown(
        "The DNS filter and the web proxy work; whether every device and every feed goes through them is not \
         measured yet",
    )
}

pub(crate) fn roles_held(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.posts else { return unknown("The posts were not looked at yet") };
    if seen.required == 0 {
        return fail(facts, "The policy requires no post");
    }
    if !seen.vacant.is_empty() {
        let vacant: Vec<String> =
            seen.vacant.iter().map(|post| format!("{} ({})", post.role.title(), post.place)).collect();
        return fail(facts, format!("Nobody holds: {}", vacant.join(", ")));
    }
    pass(facts, format!("Each of {} required posts is held by a named person", seen.required))
}

pub(crate) fn pass(facts: &Facts, evidence: impl Into<String>) -> ClauseState {
    ClauseState::Pass { checked: facts.now, evidence: evidence.into() }
}

pub(crate) fn fail(facts: &Facts, evidence: impl Into<String>) -> ClauseState {
    ClauseState::Fail { checked: facts.now, evidence: evidence.into() }
}

pub(crate) fn unknown(why: impl Into<String>) -> ClauseState {
    ClauseState::Unknown { why: why.into() }
}

/// `22 November 2026`.
pub(crate) fn date(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y").to_string()
}

/// `22 November 2026 at 10:15 UTC`.
fn moment(at: Timestamp) -> String {
    at.to_jiff().strftime("%-d %B %Y at %H:%M UTC").to_string()
}

/// The first 12 digits of a hash: enough to compare by eye.
fn short(hash: &str) -> &str {
    hash.get(..12).unwrap_or(hash)
}

#[cfg(test)]
mod tests;
