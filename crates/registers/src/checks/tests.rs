use super::DAY_MS;
use crate::{
    AccessSeen, AlertsSeen, Approver, AuditSeen, Check, CountingSeen, Facts, GroupsSeen, HarmfulSeen,
    IllegalLayer, Kept, ListSeen, Listener, ListenerState, ListsSeen, LockTried, LockoutSeen, MemberList,
    PasswordsSeen, PolicySeen, PostVacant, PostsSeen, RequestsSeen, RetentionSeen, ReviewSeen, SelfTest,
    TakenUp, TriedAsLearners,
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
        ClauseState::Pass { evidence, .. }
        | ClauseState::Fail { evidence, .. }
        | ClauseState::Excepted { evidence, .. } => evidence,
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
            member_lists: ["A member list", "Another one"].map(member_list).into(),
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
                alarms: Vec::new(),
            }],
            held_since: None,
        }),
        requests: Some(RequestsSeen { newest: Some(NOW), lost: 0, trouble: None }),
        retention: Some(RetentionSeen {
            days: 365,
            expired: Some((NOW, 365)),
            oldest: Some(NOW.plus_ms(-365 * DAY_MS).day()),
        }),
        harmful: Some(HarmfulSeen { tried: all_blocked(), without_kept_list: Vec::new() }),
        circumvention: Some(all_blocked()),
        passwords: Some(PasswordsSeen { accounts: 30, hashed: 30 }),
        lockout: Some(LockoutSeen {
            attempts: 6,
            minutes: 15,
            counting: CountingSeen::ByAccount,
            tried: LockTried::Locked,
        }),
        listeners: vec![ok("DNS filter"), ok("Web proxy")],
        posts: Some(PostsSeen { required: 5, vacant: Vec::new() }),
        alerts: Some(AlertsSeen {
            watched: Some(NOW),
            is_told: true,
            late: 0,
            messages_stuck: 0,
            tested: Some(NOW.plus_ms(-DAY_MS)),
            reported: Some(NOW.plus_ms(-DAY_MS)),
            reports_late: 0,
            signed: Some(NOW.plus_ms(-DAY_MS)),
        }),
        audit: Some(AuditSeen {
            at: NOW.plus_ms(-DAY_MS),
            facts: 40,
            signed: Some(NOW.plus_ms(-DAY_MS)),
            faults: Vec::new(),
        }),
        access: Some(access_well()),
    }
}

fn access_well() -> AccessSeen {
    AccessSeen {
        accounts: 30,
        temporary_without_end: 0,
        temporary_that_stay: 0,
        administrators: 2,
        administrators_needed: 2,
        recovery_accounts: 1,
        recovery_tried: Some(NOW.plus_ms(-DAY_MS)),
        recovery_test_ms: 95 * DAY_MS,
        visitors_without_end: 0,
        visitors_unlogged: 0,
        visitors_issued: 4,
        visitors_left: 0,
        in_two_places: 0,
        resets: 3,
        resets_unsure: 0,
        requests_late: 0,
        rights: 12,
        grants: 5,
        grants_late: 0,
        reviews: vec![ReviewSeen {
            place: "Ash".to_owned(),
            closed: Some(NOW.plus_ms(-30 * DAY_MS)),
            next: Some(NOW.plus_ms(300 * DAY_MS)),
            ends: None,
        }],
        changes_undone: 0,
    }
}

#[test]
fn where_all_is_well_everything_passes_but_what_nobody_can_see_yet() {
    for check in Check::ALL {
        let in_part = [
            Check::DnsAndProxy,
            Check::Circumvention,
            Check::HarmfulContent,
            Check::RightsApproved,
            Check::RecoveryAccount,
            Check::AccountsShared,
            Check::ResetsRecorded,
        ];
        let in_part = in_part.contains(&check);
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
    (Check::IllegalLayer, |f| illegal(f).member_lists.truncate(1), "Unknown", "Not seen: a second one"),
    (Check::IllegalLayer, |f| illegal(f).member_lists[1].test = None, "Unknown", "no test address for them"),
    (Check::IllegalLayer, |f| illegal(f).member_lists[1].entries = 0, "Fail", "nothing of it is in force"),
    (
        Check::IllegalLayer,
        |f| illegal(f).member_lists[0].read_at = None,
        "Fail",
        "A member list is in the policy",
    ),
    (
        Check::IllegalLayer,
        |f| illegal(f).member_lists[1].read_at = Some(NOW.plus_ms(-193 * 3_600_000)),
        "Fail",
        "Another one was last read on",
    ),
    (
        Check::IllegalLayer,
        |f| illegal(f).member_lists[1].test = Some(Outcome::Allow),
        "Fail",
        "does not block the address",
    ),
    (Check::ListsFresh, |f| lists(f).held_since = Some(NOW), "Fail", "went back to earlier ones on"),
    (
        Check::ListsFresh,
        |f| list(f).alarms = vec!["The list shrank.".to_owned(), "So did another.".to_owned()],
        "Fail",
        "The list shrank. So did another",
    ),
    (Check::GroupRules, |f| groups(f).people_without_group = 2, "Fail", "2 of 30"),
    (Check::GroupRules, |f| groups(f).of_staff_and_learners = (0, 3), "Unknown", "no group is for staff"),
    (Check::GroupRules, |f| groups(f).of_staff_and_learners = (1, 0), "Unknown", "no group is for learners"),
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
    (Check::RequestsRecorded, |f| requests(f).trouble = Some("disk full".to_owned()), "Fail", "disk full"),
    (Check::RequestsRecorded, |f| requests(f).newest = Some(NOW.plus_ms(-2 * DAY_MS)), "Unknown", "since"),
    (Check::RequestsRecorded, |f| requests(f).newest = None, "Unknown", "since the program started"),
    (Check::Retention, |f| retention(f).days = 364, "Fail", "364 days"),
    (
        Check::Retention,
        |f| retention(f).oldest = Some(NOW.plus_ms(-370 * DAY_MS).day()),
        "Fail",
        "is still there",
    ),
    (Check::Retention, |_| (), "Pass", "each of 40 facts about changes"),
    (Check::Retention, |f| f.audit = None, "Unknown", "Not seen yet: that the record of changes is whole"),
    (Check::Retention, |f| audit(f).at = NOW.plus_ms(-3 * DAY_MS), "Unknown", "was last seen on"),
    (Check::Retention, |f| audit(f).signed = None, "Unknown", "was not signed yet"),
    (
        Check::Retention,
        |f| audit(f).faults.push("Fact 4 of trust is missing.".to_owned()),
        "Fail",
        "not as it was written. Fact 4",
    ),
    (Check::Retention, |f| retention(f).expired = None, "Unknown", "not applied"),
    (Check::Retention, |f| retention(f).expired = Some((NOW, 400)), "Fail", "after 400 days"),
    (Check::Retention, |f| retention(f).expired = Some((Timestamp(0), 365)), "Unknown", "1970"),
    (
        Check::Circumvention,
        |f| ways(f).open.push(("Year 6".to_owned(), "VPNs".to_owned())),
        "Fail",
        "VPNs for Year 6",
    ),
    (
        Check::HarmfulContent,
        |f| harmful(f).tried.open.push(("Year 6".to_owned(), "Gambling".to_owned())),
        "Fail",
        "Gambling for Year 6",
    ),
    (Check::HarmfulContent, |f| harmful(f).tried.groups = 0, "Unknown", "no group of learners"),
    (Check::HarmfulContent, |f| harmful(f).tried.lists_name_them = false, "Unknown", "no test host"),
    (
        Check::HarmfulContent,
        |f| harmful(f).without_kept_list.push("Gambling".to_owned()),
        "Fail",
        "only the few names that ship are known of: Gambling",
    ),
    (Check::HarmfulContent, |_| (), "Unknown", "pages that no list knows"),
    (Check::Circumvention, |f| ways(f).groups = 0, "Unknown", "no group of learners"),
    (Check::Circumvention, |f| ways(f).lists_name_them = false, "Unknown", "no test host"),
    (Check::PasswordHash, |f| passwords(f).hashed = 29, "Fail", "1 of 30"),
    (Check::PasswordHash, |f| passwords(f).accounts = 0, "Unknown", "no account"),
    (Check::WrongPasswordsLock, |_| (), "Pass", "wherever they come from"),
    (Check::WrongPasswordsLock, |f| lockout(f).attempts = 7, "Fail", "after 7"),
    (Check::WrongPasswordsLock, |f| lockout(f).tried = LockTried::Otherwise, "Fail", "did not lock"),
    (
        Check::WrongPasswordsLock,
        |f| lockout(f).counting = by_lane(None),
        "Excepted",
        "by its review on 13 September 2027",
    ),
    (
        Check::WrongPasswordsLock,
        |f| lockout(f).counting = by_lane(Some("1 May 2026")),
        "Pass",
        "accepted on 1 May 2026",
    ),
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
    (Check::AlertsRaised, |f| alerts(f).late = 1, "Fail", "1 alert was not acknowledged"),
    (Check::AlertsRaised, |f| alerts(f).messages_stuck = 2, "Fail", "2 messages were not taken"),
    (Check::AlertsRaised, |f| alerts(f).watched = None, "Unknown", "since the program started"),
    (Check::AlertsRaised, |f| alerts(f).watched = Some(NOW.plus_ms(-DAY_MS)), "Fail", "stopped looking"),
    (Check::AlertsRaised, |f| alerts(f).is_told = false, "Unknown", "no address"),
    (Check::AlertsRaised, |f| alerts(f).tested = None, "Unknown", "no test alert"),
    (Check::IncidentsDealtWith, |f| alerts(f).late = 2, "Fail", "2 alerts were"),
    (Check::IncidentsDealtWith, |f| alerts(f).signed = None, "Unknown", "no weekly report"),
    (
        Check::IncidentsDealtWith,
        |f| alerts(f).signed = Some(NOW.plus_ms(-20 * DAY_MS)),
        "Fail",
        "was signed on",
    ),
    (Check::ReportsOpen, |f| alerts(f).reports_late = 1, "Fail", "1 report was not"),
    (Check::ReportsOpen, |f| alerts(f).reported = None, "Unknown", "nobody has reported"),
    (
        Check::RightsApproved,
        |_| (),
        "Unknown",
        "12 rights in the console, 5 were approved by a second person, and 7",
    ),
    (Check::RightsApproved, |f| access(f).requests_late = 1, "Fail", "1 request wait"),
    (Check::RightsApproved, |f| access(f).grants_late = 2, "Fail", "2 rights were due"),
    (Check::RightsReviewed, |f| review(f).ends = Some(NOW), "Fail", "should have been over"),
    (
        Check::RightsReviewed,
        |f| review(f).closed = None,
        "Unknown",
        "No review of rights was finished yet at: Ash",
    ),
    (Check::RightsReviewed, |f| review(f).next = Some(NOW), "Fail", "too long ago at: Ash"),
    (Check::RightsReviewed, |f| access(f).changes_undone = 1, "Unknown", "1 change"),
    (Check::RightsReviewed, |f| access(f).reviews.clear(), "Unknown", "no place"),
    (Check::VisitorsEnd, |f| access(f).visitors_without_end = 1, "Fail", "do not end"),
    (Check::VisitorsEnd, |f| access(f).visitors_left = 1, "Fail", "were not destroyed"),
    (Check::VisitorsEnd, |f| access(f).visitors_unlogged = 1, "Fail", "come from no pool"),
    (Check::VisitorsEnd, |f| access(f).visitors_issued = 0, "Unknown", "No account was handed"),
    (Check::Administrators, |f| access(f).administrators = 1, "Fail", "1 person with"),
    (Check::RecoveryAccount, |f| access(f).recovery_accounts = 0, "Fail", "no recovery account"),
    (Check::RecoveryAccount, |f| access(f).recovery_tried = None, "Fail", "never tried"),
    (Check::RecoveryAccount, |f| access(f).recovery_tried = Some(Timestamp(0)), "Fail", "1970"),
    (Check::RecoveryAccount, |_| (), "Unknown", "Not seen: where its password lies"),
    (Check::AccountsShared, |f| access(f).in_two_places = 2, "Unknown", "2 people"),
    (Check::AccountsShared, |f| access(f).in_two_places = 1, "Unknown", "1 person"),
    (Check::ResetsRecorded, |f| access(f).resets_unsure = 1, "Fail", "Of 1 password"),
    (Check::ResetsRecorded, |f| access(f).resets = 0, "Unknown", "Nobody was given"),
    (Check::FirstReplaced, |f| access(f).temporary_that_stay = 1, "Fail", "1 password"),
    (Check::FirstReplaced, |f| access(f).accounts = 0, "Unknown", "no account"),
    (Check::TemporaryEnd, |f| access(f).temporary_without_end = 1, "Fail", "never run out"),
];

#[test]
fn each_check_fails_or_does_not_know_for_its_own_reason() {
    for (check, change, word, part) in CASES {
        let (found, words) = look(*check, change);
        assert_eq!((found, words.contains(part)), (*word, true), "{}: {words}", check.slug());
    }
}

fn all_blocked() -> TriedAsLearners {
    TriedAsLearners { groups: 4, open: Vec::new(), lists_name_them: true }
}
fn policy(facts: &mut Facts) -> &mut PolicySeen {
    facts.policy.as_mut().unwrap()
}
fn member_list(name: &str) -> MemberList {
    let (entries, read_at) = (50, Some(NOW));
    MemberList { name: name.to_owned(), entries, read_at, test: Some(Outcome::Block) }
}

fn illegal(facts: &mut Facts) -> &mut IllegalLayer {
    facts.illegal.as_mut().unwrap()
}
fn groups(facts: &mut Facts) -> &mut GroupsSeen {
    facts.groups.as_mut().unwrap()
}
fn lists(facts: &mut Facts) -> &mut ListsSeen {
    facts.lists.as_mut().unwrap()
}
fn list(facts: &mut Facts) -> &mut ListSeen {
    facts.lists.as_mut().unwrap().lists.first_mut().unwrap()
}
fn add_absent_list(facts: &mut Facts) {
    let name = "Absent".to_owned();
    let absent = ListSeen { name, read_at: None, names: 0, kept: Kept::BySource, alarms: Vec::new() };
    facts.lists.as_mut().unwrap().lists.push(absent);
}
fn requests(facts: &mut Facts) -> &mut RequestsSeen {
    facts.requests.as_mut().unwrap()
}
fn audit(facts: &mut Facts) -> &mut AuditSeen {
    facts.audit.as_mut().unwrap()
}
fn retention(facts: &mut Facts) -> &mut RetentionSeen {
    facts.retention.as_mut().unwrap()
}
fn harmful(facts: &mut Facts) -> &mut HarmfulSeen {
    facts.harmful.as_mut().unwrap()
}

fn ways(facts: &mut Facts) -> &mut TriedAsLearners {
    facts.circumvention.as_mut().unwrap()
}
fn passwords(facts: &mut Facts) -> &mut PasswordsSeen {
    facts.passwords.as_mut().unwrap()
}
fn lockout(facts: &mut Facts) -> &mut LockoutSeen {
    facts.lockout.as_mut().unwrap()
}
fn by_lane(accepted: Option<&str>) -> CountingSeen {
    let review = "13 September 2027".to_owned();
    CountingSeen::ByLane { accepted: accepted.map(str::to_owned), review }
}
fn listener(facts: &mut Facts) -> &mut Listener {
    facts.listeners.first_mut().unwrap()
}
fn posts(facts: &mut Facts) -> &mut PostsSeen {
    facts.posts.as_mut().unwrap()
}
fn alerts(facts: &mut Facts) -> &mut AlertsSeen {
    facts.alerts.as_mut().unwrap()
}
fn access(facts: &mut Facts) -> &mut AccessSeen {
    facts.access.as_mut().unwrap()
}
fn review(facts: &mut Facts) -> &mut ReviewSeen {
    access(facts).reviews.first_mut().unwrap()
}
