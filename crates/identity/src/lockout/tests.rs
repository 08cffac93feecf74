//! Lock-out, by the numbers of the design: lanes, waits, sources, budget, ceiling, factors, unlocking, restarts.

use super::*;
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

const RULES: LockoutRules = LockoutRules {
    attempts: 6,
    lock_ms: 900_000,
    counting: LaneCounting::ByLane,
    accounts: 1_500,
    fresh_devices: FreshDevices::AskForMore,
};
const PLAIN: LockoutRules = LockoutRules { counting: LaneCounting::ByAccount, ..RULES };
const MINUTE: i64 = 60_000;

fn lockout() -> Lockout {
    Lockout::new(&Pepper::from_bytes(&[7; Pepper::BYTES]).unwrap()).unwrap()
}

fn inside<'a>(login: &'a str, device: &'static [u8], at: i64) -> Attempt<'a> {
    let from = Origin::SchoolDevice { device };
    Attempt { login, account: AccountSeen::Ordinary, from, factor: Factor::Password, at: Timestamp(at) }
}

fn known(login: &str, at: i64) -> Attempt<'_> {
    Attempt { from: Origin::KnownDevice { device: b"own laptop" }, ..inside(login, b"", at) }
}

fn outside(login: &str, number: u32, at: i64) -> Attempt<'_> {
    let address = IpAddr::V4(Ipv4Addr::from(0xC612_0000 + number));
    Attempt { from: Origin::Outside { address }, ..inside(login, b"", at) }
}

/// Tries a wrong secret; what came of it.
fn fail(
    lockout: &mut Lockout,
    attempt: &Attempt<'_>,
    secret: &str,
    rules: &LockoutRules,
) -> Result<Counted, Turned> {
    let turn = lockout.admit(attempt, rules)?;
    Ok(lockout.wrong(turn, secret, rules, attempt.at))
}

/// Fails as patiently as it takes until the lane is locked; how many were counted, and when.
fn fail_until_locked(lockout: &mut Lockout, attempt: &Attempt<'_>, rules: &LockoutRules) -> (u32, Timestamp) {
    let (mut at, mut tried) = (attempt.at, 0);
    loop {
        let now = Attempt { at, ..*attempt };
        match fail(lockout, &now, &format!("guess {tried}"), rules) {
            Ok(counted) => {
                tried += 1;
                if counted.locked_until.is_some() {
                    return (tried, at);
                }
            }
            Err(Turned::Wait { until }) => at = until,
            Err(other) => panic!("{other:?} after {tried}"),
        }
    }
}

fn succeeds(lockout: &mut Lockout, attempt: &Attempt<'_>, rules: &LockoutRules) -> bool {
    match lockout.admit(attempt, rules) {
        Ok(turn) => {
            lockout.right(turn, attempt.at);
            true
        }
        Err(_) => false,
    }
}

#[test]
fn p10_pwd_12_six_lock_their_lane_exactly_and_the_waits_before_are_none_none_two_five_fifteen() {
    let mut lockout = lockout();
    let mut at = 0;
    for (number, wait) in [(1, 0), (2, 0), (3, 2_000), (4, 5_000), (5, 15_000)] {
        let counted =
            fail(&mut lockout, &inside("ms.ash", b"pc 1", at), &format!("{number}"), &RULES).unwrap();
        assert_eq!(counted, Counted::default(), "attempt {number}");
        if wait > 0 {
            let early = lockout.admit(&inside("ms.ash", b"pc 1", at + wait - 1), &RULES).unwrap_err();
            assert_eq!(early, Turned::Wait { until: Timestamp(at + wait) });
        }
        at += wait;
    }
    let sixth = fail(&mut lockout, &inside("ms.ash", b"pc 1", at), "6", &RULES).unwrap();
    assert_eq!(sixth.locked_until, Some(Timestamp(at + 900_000)));
    let locked = lockout.admit(&inside("ms.ash", b"pc 1", at + 899_999), &RULES).unwrap_err();
    assert_eq!(locked, Turned::Locked { until: Timestamp(at + 900_000) });
    assert!(succeeds(&mut lockout, &inside("ms.ash", b"pc 1", at + 900_000), &RULES), "it opens by itself");
}

#[test]
fn a_locked_lane_locks_no_other_device_no_other_account_and_no_other_factor() {
    let mut lockout = lockout();
    let (_, at) = fail_until_locked(&mut lockout, &inside("ms.ash", b"pc 1", 0), &RULES);
    let code = Attempt { factor: Factor::Code, ..inside("ms.ash", b"pc 1", at.0) };
    for open in [
        known("ms.ash", at.0),
        inside("ms.ash", b"pc 2", at.0),
        outside("ms.ash", 1, at.0),
        inside("mr.elm", b"pc 1", at.0),
        code,
    ] {
        assert!(succeeds(&mut lockout, &open, &RULES), "{open:?}");
    }
}

#[test]
fn the_plain_rule_locks_the_account_everywhere() {
    let mut lockout = lockout();
    let mut at = 0;
    for number in 0..6u8 {
        let device: &'static [u8] = if number % 2 == 0 { b"pc 1" } else { b"pc 2" };
        fail(&mut lockout, &inside("ms.ash", device, at), &format!("{number}"), &PLAIN).unwrap();
        at += 20_000;
    }
    let told = lockout.admit(&known("ms.ash", at), &PLAIN).unwrap_err();
    assert!(matches!(told, Turned::Locked { .. }), "{told:?}");
}

#[test]
fn the_same_wrong_password_counts_once_and_a_right_one_begins_anew() {
    let mut lockout = lockout();
    for at in 0..50 {
        let counted =
            fail(&mut lockout, &inside("amara", b"phone", at * 1_000), "of last term", &RULES).unwrap();
        assert_eq!(counted, Counted::default());
    }
    fail(&mut lockout, &inside("amara", b"phone", 60_000), "x", &RULES).unwrap();
    assert!(succeeds(&mut lockout, &inside("amara", b"phone", 60_000), &RULES));
    for number in 0..3 {
        fail(&mut lockout, &inside("amara", b"phone", 60_000), &format!("{number}"), &RULES).unwrap();
    }
    let day_later = 60_000 + 24 * 3_600_000;
    assert!(fail(&mut lockout, &inside("amara", b"phone", day_later), "y", &RULES).is_ok());
    assert!(
        fail(&mut lockout, &inside("amara", b"phone", day_later), "z", &RULES).is_ok(),
        "a day later it began anew"
    );
}

#[test]
fn six_are_six_however_many_arrive_at_once() {
    let mut lockout = lockout();
    let mut turns = Vec::new();
    for _ in 0..100 {
        turns.extend(lockout.admit(&outside("ms.ash", 1, 0), &RULES));
    }
    let under_way = turns.len();
    for (number, turn) in turns.into_iter().enumerate() {
        let _ = lockout.wrong(turn, &format!("{number}"), &RULES, Timestamp(0));
    }
    assert!(under_way <= 3, "{under_way} at once leave no wait out");
    let (more, _) = fail_until_locked(&mut lockout, &outside("ms.ash", 1, 5_000), &RULES);
    assert!(under_way + more as usize <= 6 + 3, "those of before are known again: {under_way} and {more}");
}

#[test]
fn a_turn_that_is_lost_or_given_back_blocks_nobody() {
    let mut lockout = lockout();
    for _ in 0..3 {
        drop(lockout.admit(&inside("ms.ash", b"pc 1", 0), &RULES));
    }
    assert!(matches!(lockout.admit(&inside("ms.ash", b"pc 1", 1), &RULES), Err(Turned::Wait { .. })));
    assert!(succeeds(&mut lockout, &inside("ms.ash", b"pc 1", 30_000), &RULES));
    let turn = lockout.admit(&inside("ms.ash", b"pc 1", 30_000), &RULES).unwrap();
    lockout.not_compared(turn, Timestamp(30_000));
    assert!(lockout.standings("ms.ash", Timestamp(30_000)).is_empty());
}

#[test]
fn names_that_do_not_exist_are_answered_alike_and_count_against_their_source() {
    let mut lockout = lockout();
    let unknown = |at| Attempt { account: AccountSeen::Unknown, ..inside("no.one", b"pc 1", at) };
    let (tried, at) = fail_until_locked(&mut lockout, &unknown(0), &RULES);
    assert_eq!(tried, 6);
    assert!(matches!(lockout.admit(&unknown(at.0), &RULES), Err(Turned::Locked { .. })));
    let mut shut = false;
    for name in ["a", "b", "c", "d", "e"] {
        let attempt = Attempt { account: AccountSeen::Unknown, ..inside(name, b"pc 1", at.0) };
        shut |= fail(&mut lockout, &attempt, "x", &RULES).unwrap().shuts_source;
    }
    assert!(shut, "six names in ten minutes");
    let told = lockout.admit(&inside("ms.ash", b"pc 1", at.0), &RULES).unwrap_err();
    assert_eq!(told, Turned::SourceShut { until: at.plus_ms(10 * MINUTE) });
    assert!(succeeds(&mut lockout, &inside("ms.ash", b"pc 2", at.0), &RULES));
    assert!(succeeds(&mut lockout, &inside("ms.ash", b"pc 1", at.0 + 10 * MINUTE), &RULES));
}

#[test]
fn a_class_that_shares_a_device_and_mistypes_does_not_shut_it() {
    let mut lockout = lockout();
    for child in 0..30 {
        let login = format!("child {child}");
        fail(&mut lockout, &inside(&login, b"the class tablet", child * 10_000), "mistyped", &RULES).unwrap();
        assert!(
            succeeds(&mut lockout, &inside(&login, b"the class tablet", child * 10_000 + 5_000), &RULES),
            "{child}"
        );
    }
}

#[test]
fn an_address_that_many_share_inside_is_no_source_and_an_ipv6_household_is_one() {
    let mut lockout = lockout();
    let shared = Origin::SharedAddress { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)) };
    for number in 0..40 {
        let login = format!("made-up {number}");
        fail(&mut lockout, &Attempt { from: shared, ..inside(&login, b"", 0) }, "x", &RULES).unwrap();
    }
    let mut told = Vec::new();
    for number in 0..7u16 {
        let address = IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 1, number, 0, 0, 1));
        let login = format!("made-up {number}");
        let attempt = Attempt { from: Origin::Outside { address }, ..inside(&login, b"", 0) };
        told.push(fail(&mut lockout, &attempt, "x", &RULES).map(|counted| counted.shuts_source));
    }
    assert_eq!(told[5], Ok(true), "{told:?}");
    assert!(matches!(told[6], Err(Turned::SourceShut { .. })));
}

#[test]
fn many_addresses_outside_shut_the_outside_instead_of_locking_a_school_and_alarm_once() {
    let mut lockout = lockout();
    let (mut locked, mut alarms, mut number) = (0, 0, 0u32);
    for round in 0..6 {
        for account in 0..200 {
            number += 1;
            let login = format!("account {account}");
            let attempt = outside(&login, number, round * 20_000);
            if let Ok(counted) = fail(&mut lockout, &attempt, &format!("{round}"), &RULES) {
                locked += u32::from(counted.locked_until.is_some());
                alarms += u32::from(counted.shuts_outside);
            }
        }
    }
    assert_eq!((locked, alarms), (15, 1), "one in a hundred of 1,500");
    let at = 100_000;
    assert!(lockout.outside_shut_until(Timestamp(at)).is_some());
    assert!(matches!(lockout.admit(&outside("account 7", 1, at), &RULES), Err(Turned::OutsideShut { .. })));
    for open in [known("account 7", at), inside("account 7", b"pc 1", at)] {
        assert!(succeeds(&mut lockout, &open, &RULES), "{open:?}");
    }
    let first = lockout.outside_shut_until(Timestamp(at)).unwrap();
    let again = outside("account 30", 9_999, first.0);
    let counted = fail(&mut lockout, &again, "more", &RULES).unwrap();
    assert_eq!(counted.locked_until.is_some(), !counted.shuts_outside);
}

#[test]
fn whoever_goes_on_when_the_outside_opens_is_shut_out_for_twice_as_long_up_to_an_hour() {
    let mut budget = Budget::default();
    let (mut at, mut lengths) = (Timestamp(0), Vec::new());
    for _ in 0..5 {
        let shut = (0..20u8).any(|number| budget.spend([number; 16], 1_500, at));
        assert!(shut);
        let until = budget.shut_until(at).unwrap();
        lengths.push((until.0 - at.0) / MINUTE);
        at = until;
    }
    assert_eq!(lengths, [10, 20, 40, 60, 60]);
}

#[test]
fn n8_a_hundred_wrong_ones_disable_their_kind_of_lane_until_a_new_secret_and_no_other() {
    let mut lockout = lockout();
    let (mut at, mut wrong) = (0, 0);
    let disabled = loop {
        match fail(&mut lockout, &outside("ms.ash", 1, at), &format!("{wrong}"), &RULES) {
            Ok(counted) => {
                wrong += 1;
                if counted.disables {
                    break wrong;
                }
            }
            Err(Turned::Wait { until } | Turned::Locked { until }) => at = until.0,
            Err(other) => panic!("{other:?}"),
        }
    };
    assert_eq!(disabled, 100);
    assert_eq!(lockout.admit(&outside("ms.ash", 1, at + 90 * MINUTE), &RULES).unwrap_err(), Turned::Disabled);
    for open in [known("ms.ash", at), inside("ms.ash", b"pc 1", at)] {
        assert!(succeeds(&mut lockout, &open, &RULES), "{open:?}");
    }
    lockout.unlock("ms.ash", UnlockReason::HolderAsked, Timestamp(at));
    assert_eq!(lockout.admit(&outside("ms.ash", 1, at), &RULES).unwrap_err(), Turned::Disabled);
    lockout.unlock("ms.ash", UnlockReason::NewSecret, Timestamp(at));
    assert!(succeeds(&mut lockout, &outside("ms.ash", 1, at), &RULES));
}

#[test]
fn n8_the_owner_signing_in_anywhere_begins_the_hundred_anew() {
    let mut lockout = lockout();
    let mut at = 0;
    for number in 0..300 {
        while let Err(Turned::Wait { until } | Turned::Locked { until }) =
            fail(&mut lockout, &outside("ms.ash", 1, at), &format!("{number}"), &RULES)
        {
            at = until.0;
        }
        if number % 50 == 49 {
            assert!(succeeds(&mut lockout, &known("ms.ash", at), &RULES));
        }
    }
    assert!(!matches!(lockout.admit(&outside("ms.ash", 1, at), &RULES), Err(Turned::Disabled)));
}

#[test]
fn a_fourth_device_of_the_school_makes_fresh_ones_ask_for_more_and_never_the_known_ones() {
    let mut lockout = lockout();
    let devices: [&'static [u8]; 4] = [b"pc 1", b"pc 2", b"pc 3", b"pc 4"];
    for device in devices {
        fail(&mut lockout, &inside("ms.ash", device, 0), "x", &RULES).unwrap();
    }
    assert_eq!(lockout.admit(&inside("ms.ash", b"pc 5", 1), &RULES).unwrap_err(), Turned::AskedForMore);
    assert!(succeeds(&mut lockout, &known("ms.ash", 1), &RULES));
    assert!(succeeds(&mut lockout, &inside("mr.elm", b"pc 5", 1), &RULES));
    assert!(succeeds(&mut lockout, &inside("ms.ash", b"pc 5", 60 * MINUTE), &RULES), "an hour later");
}

#[test]
fn three_wrong_codes_fill_a_step_and_never_lock_the_password() {
    let mut lockout = lockout();
    let code = |at| Attempt { factor: Factor::Code, ..known("ms.ash", at) };
    for number in 0..3 {
        fail(&mut lockout, &code(10_000), &format!("{number}"), &RULES).unwrap();
    }
    assert_eq!(lockout.admit(&code(12_500), &RULES).unwrap_err(), Turned::Wait { until: Timestamp(30_000) });
    assert!(lockout.admit(&code(30_000), &RULES).is_ok());
    assert!(succeeds(&mut lockout, &known("ms.ash", 12_500), &RULES));
}

#[test]
fn acc_5_the_recovery_account_waits_and_is_never_locked() {
    let mut lockout = lockout();
    let mut at = 0;
    for number in 0..150 {
        let attempt = Attempt { account: AccountSeen::BreakGlass, ..inside("break-glass", b"pc 1", at) };
        match fail(&mut lockout, &attempt, &format!("{number}"), &RULES) {
            Ok(counted) => assert_eq!((counted.locked_until, counted.disables), (None, false)),
            Err(Turned::Wait { until }) => {
                assert!(until.0 - at <= 60_000);
                at = until.0;
            }
            Err(Turned::SourceShut { .. }) => panic!("one account shuts no source"),
            Err(other) => panic!("{other:?}"),
        }
    }
    let attempt = Attempt { account: AccountSeen::BreakGlass, ..inside("break-glass", b"pc 1", at + 60_000) };
    assert!(succeeds(&mut lockout, &attempt, &RULES));
}

#[test]
fn acc_5_nothing_that_shuts_others_out_shuts_the_recovery_account_out() {
    let recovery = |attempt: Attempt<'static>| Attempt { account: AccountSeen::BreakGlass, ..attempt };
    let mut lockout = lockout();
    for name in ["a", "b", "c", "d", "e", "f"] {
        fail(&mut lockout, &inside(name, b"pc 9", 0), "x", &RULES).unwrap();
    }
    assert!(matches!(lockout.admit(&inside("g", b"pc 9", 1), &RULES), Err(Turned::SourceShut { .. })));
    assert!(succeeds(&mut lockout, &recovery(inside("break-glass", b"pc 9", 1)), &RULES));
    let devices: [&'static [u8]; 4] = [b"pc 1", b"pc 2", b"pc 3", b"pc 4"];
    for device in devices {
        fail(&mut lockout, &recovery(inside("break-glass", device, 2)), "x", &RULES).unwrap();
    }
    assert!(succeeds(&mut lockout, &recovery(inside("break-glass", b"pc 5", 3)), &RULES));
    for number in 0..20u8 {
        lockout.budget.spend([number; 16], 1_500, Timestamp(4));
    }
    assert!(matches!(lockout.admit(&outside("g", 1, 5), &RULES), Err(Turned::OutsideShut { .. })));
    assert!(succeeds(&mut lockout, &recovery(outside("break-glass", 1, 5)), &RULES));
}

#[test]
fn where_nobody_has_more_to_show_a_fresh_device_goes_on_after_four_others() {
    let rules = LockoutRules { fresh_devices: FreshDevices::GoOn, ..RULES };
    let mut lockout = lockout();
    let devices: [&'static [u8]; 4] = [b"pc 1", b"pc 2", b"pc 3", b"pc 4"];
    for device in devices {
        fail(&mut lockout, &inside("ms.ash", device, 0), "x", &rules).unwrap();
    }
    assert!(succeeds(&mut lockout, &inside("ms.ash", b"pc 5", 1), &rules));
}

#[test]
fn a_restart_forgets_no_lock_no_hundred_and_nothing_that_is_shut() {
    let mut before = lockout();
    let (_, at) = fail_until_locked(&mut before, &inside("ms.ash", b"pc 1", 0), &RULES);
    for number in 0..4 {
        let _ = fail(&mut before, &known("mr.elm", at.0), &format!("{number}"), &RULES);
    }
    for name in ["a", "b", "c", "d", "e", "f"] {
        fail(&mut before, &inside(name, b"pc 9", at.0), "x", &RULES).unwrap();
    }
    let mut after = lockout();
    after.restore(&before.saved()).unwrap();
    let told = |lockout: &mut Lockout, attempt: &Attempt<'_>| lockout.admit(attempt, &RULES).map(drop);
    for attempt in
        [inside("ms.ash", b"pc 1", at.0 + 1), inside("x", b"pc 9", at.0 + 1), known("mr.elm", at.0 + 1)]
    {
        assert_eq!(told(&mut after, &attempt), told(&mut before, &attempt), "{attempt:?}");
        assert!(told(&mut after, &attempt).is_err(), "{attempt:?}");
    }
    assert_eq!(after.standings("mr.elm", at), before.standings("mr.elm", at));
    assert!(!String::from_utf8_lossy(&before.saved()).contains("ash"));
    let mut other = Lockout::new(&Pepper::from_bytes(&[8; Pepper::BYTES]).unwrap()).unwrap();
    other.restore(&before.saved()).unwrap();
    assert!(succeeds(&mut other, &inside("ms.ash", b"pc 1", at.0 + 1), &RULES), "names are under the pepper");
}

#[test]
fn a_hand_that_unlocks_opens_every_lane_and_says_how_many() {
    let mut lockout = lockout();
    let (_, at) = fail_until_locked(&mut lockout, &inside("ms.ash", b"pc 1", 0), &RULES);
    let standing = lockout.standings("ms.ash", at);
    assert_eq!((standing.len(), standing[0].wrong, standing[0].kind), (1, 6, LaneKind::SchoolDevice));
    assert_eq!(lockout.unlock("ms.ash", UnlockReason::Mischief, at), 1);
    assert!(succeeds(&mut lockout, &inside("ms.ash", b"pc 1", at.0), &RULES));
    assert_eq!(lockout.unlock("no.one", UnlockReason::Mischief, at), 0);
    for reason in UnlockReason::ALL {
        assert_eq!(UnlockReason::parse(reason.slug()), Some(reason));
    }
}

#[test]
fn made_up_names_stay_bounded_and_push_out_no_lock() {
    let mut lockout = lockout();
    let (_, at) = fail_until_locked(&mut lockout, &inside("ms.ash", b"pc 1", 0), &RULES);
    for number in 0..MOST_UNKNOWN + 20 {
        let login = format!("made-up-{number}");
        let shared = Origin::SharedAddress { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)) };
        let attempt = Attempt { account: AccountSeen::Unknown, from: shared, ..inside(&login, b"", at.0) };
        let _ = fail(&mut lockout, &attempt, "x", &RULES);
    }
    assert_eq!(format!("{lockout:?}"), format!("Lockout(1 accounts, {MOST_UNKNOWN} unknown names)"));
    assert!(lockout.admit(&inside("ms.ash", b"pc 1", at.0 + 1), &RULES).is_err());
}

proptest! {
    #[test]
    fn no_bytes_of_a_saved_lock_out_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = lockout().restore(&bytes);
        let with_head: Vec<u8> = b"SGLOCK1\n".iter().copied().chain(bytes).collect();
        let _ = lockout().restore(&with_head);
    }

    /// Whatever is tried from outside, by however many, an account's own device and the school's stay open.
    #[test]
    fn nobody_outside_closes_anything_inside(
        tries in proptest::collection::vec((0u8..6, 0u32..40, 0i64..40_000, 0u8..4), 1..400)
    ) {
        let mut lockout = lockout();
        let mut at = 0;
        for (account, address, later, guess) in tries {
            at += later;
            let login = format!("account {account}");
            let _ = fail(&mut lockout, &outside(&login, address, at), &format!("{guess} {at}"), &RULES);
        }
        for account in 0..6 {
            let login = format!("account {account}");
            prop_assert!(succeeds(&mut lockout, &known(&login, at), &RULES));
            prop_assert!(succeeds(&mut lockout, &inside(&login, b"pc 1", at), &RULES));
        }
    }

    /// Whatever one pupil types at one device, everybody's other devices stay open.
    #[test]
    fn a_pupil_closes_at_most_the_device_he_sits_at(
        tries in proptest::collection::vec((0u8..12, 0i64..20_000), 1..300)
    ) {
        let mut lockout = lockout();
        let mut at = 0;
        for (number, (account, later)) in tries.into_iter().enumerate() {
            at += later;
            let login = format!("account {account}");
            let _ = fail(&mut lockout, &inside(&login, b"his pc", at), &format!("{number}"), &RULES);
        }
        for account in 0..12 {
            let login = format!("account {account}");
            prop_assert!(succeeds(&mut lockout, &known(&login, at), &RULES));
            prop_assert!(succeeds(&mut lockout, &inside(&login, b"another pc", at), &RULES));
            prop_assert!(succeeds(&mut lockout, &outside(&login, 1, at), &RULES));
        }
    }
}
