//! The checks, one function each, in the order of [`Check::ALL`](crate::Check::ALL).

use crate::facts::{Approver, Facts, Kept, ListenerState, PolicySeen, RetentionSeen, TakenUp};
use model::{ClauseState, Outcome, PolicyHash, Timestamp};

/// The shortest time for which history is kept (clause FLT-13), in days.
const LEAST_RETENTION_DAYS: u32 = 365;
/// Where no request was recorded for longer than this, nothing is known about the recording.
const RECORDING_SEEN_MS: i64 = 24 * 3_600_000;
/// A state of a listener that is older than this says nothing about now.
const LISTENER_SEEN_MS: i64 = 5 * 60_000;
/// A keeping time that was last applied longer ago than this is not applied.
const EXPIRY_SEEN_MS: i64 = 2 * DAY_MS;
const DAY_MS: i64 = 24 * 3_600_000;

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
    if layer.member_lists.is_empty() {
        return ClauseState::Fail {
            checked: test.at,
            evidence: "The layer blocks its test host for everybody, but no member list is loaded: ask the Internet \
                       Watch Foundation, or your provider, for one"
                .to_owned(),
        };
    }
    ClauseState::Pass {
        checked: test.at,
        evidence: format!(
            "The layer blocks its test host for everybody, and these lists are loaded: {}",
            layer.member_lists.join(", ")
        ),
    }
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
        _ => unknown(format!(
            "Seen: the access log is kept for {} days; that was last applied on {}, and nothing older is there. Records of \
             changes are never removed. Not seen: records of incidents, which are not built yet",
            seen.days,
            date(at)
        )),
    }
}

pub(crate) fn circumvention(facts: &Facts) -> ClauseState {
    let Some(seen) = &facts.circumvention else { return unknown("No way round the filter was tried yet") };
    if !seen.open.is_empty() {
        let open: Vec<String> =
            seen.open.iter().map(|(group, category)| format!("{category} for {group}")).collect();
        return fail(facts, format!("Not blocked: {}", open.join("; ")));
    }
    if seen.groups == 0 {
        return unknown("The policy has no group of learners to try it as");
    }
    if !seen.lists_name_them {
        return unknown(
            "The lists in force name no test host of these categories, so nothing could be tried",
        );
    }
    unknown(format!(
        "VPNs, proxies and encrypted DNS that the lists know are blocked for {} groups of learners; how many ways round \
         the lists do not know is not measured yet",
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

fn pass(facts: &Facts, evidence: impl Into<String>) -> ClauseState {
    ClauseState::Pass { checked: facts.now, evidence: evidence.into() }
}

fn fail(facts: &Facts, evidence: impl Into<String>) -> ClauseState {
    ClauseState::Fail { checked: facts.now, evidence: evidence.into() }
}

fn unknown(why: impl Into<String>) -> ClauseState {
    ClauseState::Unknown { why: why.into() }
}

/// `22 November 2026`.
fn date(at: Timestamp) -> String {
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
mod tests {
    use super::DAY_MS;
    use crate::{
        Approver, Check, Circumvention, Facts, GroupsSeen, IllegalLayer, Kept, ListSeen, Listener,
        ListenerState, ListsSeen, PasswordsSeen, PolicySeen, PostVacant, PostsSeen, RequestsSeen,
        RetentionSeen, SelfTest, TakenUp,
    };
    use model::{ClauseState, Outcome, PolicyHash, Role, Timestamp};

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    /// The word and its evidence for one check, after `change` to facts where all is well.
    fn look(check: Check, change: impl FnOnce(&mut Facts)) -> (&'static str, String) {
        let mut facts = all_well();
        change(&mut facts);
        let state = check.look(&facts);
        let word = state.word();
        let words = match state {
            ClauseState::Pass { evidence, .. } | ClauseState::Fail { evidence, .. } => evidence,
            ClauseState::Unknown { why } => why,
        };
        (word, words)
    }

    fn all_well() -> Facts {
        let ok = |name: &str| Listener { name: name.to_owned(), state: ListenerState::Listening, at: NOW };
        Facts {
            now: NOW,
            policy: Some(PolicySeen {
                approved_at: NOW.plus_ms(-DAY_MS),
                approved_by: Approver::PostHolder("the governors".to_owned()),
                approved: Some(PolicyHash::new("a".repeat(64))),
                deciding: PolicyHash::new("a".repeat(64)),
                review_due: Some(NOW.plus_ms(DAY_MS)),
                taken_up: TakenUp::Yes,
            }),
            illegal: Some(IllegalLayer {
                self_test: Some(SelfTest { at: NOW, outcome: Outcome::Block }),
                member_lists: vec!["A member list".to_owned()],
            }),
            groups: Some(GroupsSeen {
                groups: 4,
                people: 30,
                people_without_group: 0,
                of_staff_and_learners: (1, 3),
                alike: Vec::new(),
            }),
            lists: Some(ListsSeen {
                fresh_hours: 192,
                lists: vec![ListSeen {
                    name: "A list".to_owned(),
                    read_at: Some(NOW),
                    names: 900,
                    kept: Kept::BySource,
                }],
            }),
            requests: Some(RequestsSeen { newest: Some(NOW), lost: 0, trouble: None }),
            retention: Some(RetentionSeen {
                days: 365,
                expired: Some((NOW, 365)),
                oldest: Some(NOW.plus_ms(-365 * DAY_MS).day()),
            }),
            circumvention: Some(Circumvention { groups: 4, open: Vec::new(), lists_name_them: true }),
            passwords: Some(PasswordsSeen { accounts: 30, hashed: 30 }),
            listeners: vec![ok("DNS filter"), ok("Web proxy")],
            posts: Some(PostsSeen { required: 5, vacant: Vec::new() }),
        }
    }

    #[test]
    fn where_all_is_well_everything_passes_but_what_nobody_can_see_yet() {
        for check in Check::ALL {
            let in_part = [Check::DnsAndProxy, Check::Circumvention, Check::Retention].contains(&check);
            let expected = if in_part { "Unknown" } else { "Pass" };
            let (word, words) = look(check, |_| ());
            assert_eq!(word, expected, "{}: {words}", check.slug());
            assert!(!words.is_empty());
        }
    }

    /// One thing that goes wrong: the check, what happens to the facts, the word, and a part of the evidence.
    type Case = (Check, fn(&mut Facts), &'static str, &'static str);

    const CASES: &[Case] = &[
        (Check::PolicyInForce, |f| f.policy = None, "Fail", "No approved policy"),
        (Check::PolicyInForce, |f| policy(f).deciding = PolicyHash::new("b"), "Fail", "not the one"),
        (Check::PolicyInForce, |f| policy(f).approved = None, "Fail", "cannot be read, or is not"),
        (Check::PolicyInForce, |f| policy(f).taken_up = TakenUp::Failed, "Fail", "could not be put in force"),
        (
            Check::PolicyInForce,
            |f| {
                let (who, reason) = ("the technician".to_owned(), "a first policy".to_owned());
                policy(f).approved_by = Approver::CommandLine { who, reason };
            },
            "Unknown",
            "as an emergency, by the technician: a first policy",
        ),
        (Check::PolicyInForce, |f| policy(f).review_due = Some(Timestamp(0)), "Fail", "1 January 1970"),
        (Check::PolicyInForce, |f| policy(f).review_due = None, "Pass", "17 November 2026"),
        (Check::IllegalLayer, |f| illegal(f).self_test = None, "Unknown", "not tested"),
        (
            Check::IllegalLayer,
            |f| illegal(f).self_test = Some(SelfTest { at: NOW, outcome: Outcome::Allow }),
            "Fail",
            "was not blocked",
        ),
        (Check::IllegalLayer, |f| illegal(f).member_lists.clear(), "Fail", "no member list is loaded"),
        (Check::GroupRules, |f| groups(f).people_without_group = 2, "Fail", "2 of 30"),
        (Check::GroupRules, |f| groups(f).of_staff_and_learners = (0, 3), "Unknown", "no group is for staff"),
        (
            Check::GroupRules,
            |f| groups(f).of_staff_and_learners = (1, 0),
            "Unknown",
            "no group is for learners",
        ),
        (
            Check::GroupRules,
            |f| groups(f).alike.push(("Staff".to_owned(), "Year 6".to_owned())),
            "Unknown",
            "Staff and Year 6 have the same rules",
        ),
        (Check::GroupRules, |f| groups(f).people = 0, "Unknown", "Nobody"),
        (Check::ListsFresh, |f| f.lists.as_mut().unwrap().lists.clear(), "Fail", "No list"),
        (
            Check::ListsFresh,
            |f| list(f).read_at = Some(NOW.plus_ms(-9 * DAY_MS)),
            "Fail",
            "Stopped updating: A list",
        ),
        (Check::ListsFresh, |f| add_absent_list(f), "Fail", "not in force: Absent"),
        (Check::ListsFresh, |f| list(f).names = 0, "Fail", "No list with names"),
        (Check::ListsFresh, |f| list(f).kept = Kept::WithProgram, "Fail", "Only the starter lists"),
        (Check::RequestsRecorded, |f| requests(f).lost = 3, "Fail", "3 requests were lost"),
        (
            Check::RequestsRecorded,
            |f| requests(f).trouble = Some("disk full".to_owned()),
            "Fail",
            "disk full",
        ),
        (
            Check::RequestsRecorded,
            |f| requests(f).newest = Some(NOW.plus_ms(-2 * DAY_MS)),
            "Unknown",
            "since",
        ),
        (Check::RequestsRecorded, |f| requests(f).newest = None, "Unknown", "since the program started"),
        (Check::Retention, |f| retention(f).days = 364, "Fail", "364 days"),
        (
            Check::Retention,
            |f| retention(f).oldest = Some(NOW.plus_ms(-370 * DAY_MS).day()),
            "Fail",
            "is still there",
        ),
        (Check::Retention, |_| (), "Unknown", "records of incidents, which are not built yet"),
        (Check::Retention, |f| retention(f).expired = None, "Unknown", "not applied"),
        (Check::Retention, |f| retention(f).expired = Some((NOW, 400)), "Fail", "after 400 days"),
        (Check::Retention, |f| retention(f).expired = Some((Timestamp(0), 365)), "Unknown", "1970"),
        (
            Check::Circumvention,
            |f| ways(f).open.push(("Year 6".to_owned(), "VPNs".to_owned())),
            "Fail",
            "VPNs for Year 6",
        ),
        (Check::Circumvention, |f| ways(f).groups = 0, "Unknown", "no group of learners"),
        (Check::Circumvention, |f| ways(f).lists_name_them = false, "Unknown", "no test host"),
        (Check::PasswordHash, |f| passwords(f).hashed = 29, "Fail", "1 of 30"),
        (Check::PasswordHash, |f| passwords(f).accounts = 0, "Unknown", "no account"),
        (Check::DnsAndProxy, |f| f.listeners.truncate(1), "Unknown", "not both seen"),
        (Check::DnsAndProxy, |f| listener(f).at = NOW.plus_ms(-DAY_MS), "Unknown", "not both seen"),
        (
            Check::DnsAndProxy,
            |f| listener(f).state = ListenerState::Stopped("port taken".to_owned()),
            "Fail",
            "DNS filter: port taken",
        ),
        (Check::RolesHeld, |f| posts(f).required = 0, "Fail", "requires no post"),
        (
            Check::RolesHeld,
            |f| posts(f).vacant.push(PostVacant { role: Role::Headteacher, place: "Ash".to_owned() }),
            "Fail",
            "Headteacher (Ash)",
        ),
    ];

    #[test]
    fn each_check_fails_or_does_not_know_for_its_own_reason() {
        for (check, change, word, part) in CASES {
            let (found, words) = look(*check, change);
            assert_eq!((found, words.contains(part)), (*word, true), "{}: {words}", check.slug());
        }
    }

    fn policy(facts: &mut Facts) -> &mut PolicySeen {
        facts.policy.as_mut().unwrap()
    }
    fn illegal(facts: &mut Facts) -> &mut IllegalLayer {
        facts.illegal.as_mut().unwrap()
    }
    fn groups(facts: &mut Facts) -> &mut GroupsSeen {
        facts.groups.as_mut().unwrap()
    }
    fn list(facts: &mut Facts) -> &mut ListSeen {
        facts.lists.as_mut().unwrap().lists.first_mut().unwrap()
    }
    fn add_absent_list(facts: &mut Facts) {
        let name = "Absent".to_owned();
        let absent = ListSeen { name, read_at: None, names: 0, kept: Kept::BySource };
        facts.lists.as_mut().unwrap().lists.push(absent);
    }
    fn requests(facts: &mut Facts) -> &mut RequestsSeen {
        facts.requests.as_mut().unwrap()
    }
    fn retention(facts: &mut Facts) -> &mut RetentionSeen {
        facts.retention.as_mut().unwrap()
    }
    fn ways(facts: &mut Facts) -> &mut Circumvention {
        facts.circumvention.as_mut().unwrap()
    }
    fn passwords(facts: &mut Facts) -> &mut PasswordsSeen {
        facts.passwords.as_mut().unwrap()
    }
    fn listener(facts: &mut Facts) -> &mut Listener {
        facts.listeners.first_mut().unwrap()
    }
    fn posts(facts: &mut Facts) -> &mut PostsSeen {
        facts.posts.as_mut().unwrap()
    }
}
