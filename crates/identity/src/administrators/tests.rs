//! The rule on administrators, case by case and in any order.

use super::AdministratorChange as Change;
use super::*;
use crate::Randomness;

const RULES: AdministratorRules = AdministratorRules { at_least: 2, test_every_ms: 95 * 86_400_000 };
const START: Timestamp = Timestamp(1_000_000);

fn person(number: u32) -> PersonId {
    PersonId(uuid::Uuid::from_u128(u128::from(number)))
}

/// Administrators 1 and 2, leaders 8 and 9, recovery account 1.
fn set_up() -> Administrators {
    let changes = [
        Change::Leads(person(8)),
        Change::Leads(person(9)),
        Change::MayAdminister(person(1)),
        Change::MayAdminister(person(2)),
        Change::Add(person(1)),
        Change::Add(person(2)),
        Change::FactorWorked(person(1), WorkingFactor::Passkey),
        Change::FactorWorked(person(2), WorkingFactor::Totp),
        Change::MakeRecovery(1, person(8), BTreeSet::from([person(8)])),
    ];
    Administrators::default().commit(&changes, AskedBy::Program, &RULES, START).unwrap()
}

fn refused(state: &Administrators, changes: &[Change], by: AskedBy) -> AdministratorsRefused {
    state.commit(changes, by, &RULES, START).unwrap_err()
}

#[test]
fn set_up_lasts_until_two_with_a_working_factor_and_a_recovery_account_are_there() {
    let mut state = Administrators::default();
    for change in [
        Change::Leads(person(8)),
        Change::Add(person(1)),
        Change::Add(person(2)),
        Change::MayAdminister(person(1)),
        Change::FactorWorked(person(1), WorkingFactor::Totp),
        Change::FactorWorked(person(2), WorkingFactor::Passkey),
        Change::MakeRecovery(1, person(8), BTreeSet::from([person(8)])),
    ] {
        state = state.commit(&[change], AskedBy::Program, &RULES, START).unwrap();
        assert!(state.setting_up());
    }
    let post = Change::MayAdminister(person(2));
    assert!(!state.commit(&[post], AskedBy::Program, &RULES, START).unwrap().setting_up());
    assert!(!set_up().setting_up());
}

#[test]
fn p7_acc_4_no_way_in_leaves_fewer_than_two() {
    let state = set_up();
    let too_few = AdministratorsRefused::TooFew { left: 1, needed: 2 };
    let one_way_or_another = [
        Change::Delete(person(1)),
        Change::Suspend(person(1)),
        Change::RemoveFactor(person(1), WorkingFactor::Passkey),
        Change::MayNotAdminister(person(1)),
    ];
    for change in one_way_or_another {
        for by in [AskedBy::Person(person(2)), AskedBy::Person(person(8)), AskedBy::Program] {
            assert_eq!(refused(&state, std::slice::from_ref(&change), by), too_few, "{change:?}");
        }
    }
    let swap = [
        Change::Add(person(3)),
        Change::MayAdminister(person(3)),
        Change::FactorWorked(person(3), WorkingFactor::Totp),
        Change::Delete(person(1)),
    ];
    assert!(state.commit(&swap, AskedBy::Program, &RULES, START).is_ok(), "one for the other, at once");
    let before_the_set_up = Change::Restore(Box::default());
    assert!(matches!(
        refused(&state, &[before_the_set_up], AskedBy::Program),
        AdministratorsRefused::TooFew { .. }
    ));
    let stricter = AdministratorRules { at_least: 3, ..RULES };
    let harmless = [Change::FactorWorked(person(1), WorkingFactor::Totp)];
    assert!(state.commit(&harmless, AskedBy::Program, &stricter, START).is_ok(), "no worse");
    let mover = [Change::Add(person(3)), Change::FactorWorked(person(3), WorkingFactor::Totp)];
    let with_mover = state.commit(&mover, AskedBy::Program, &RULES, START).unwrap();
    assert_eq!(with_mover.working(), 2, "whose post lets them administer nothing is not counted");
    assert_eq!(refused(&with_mover, &[Change::Suspend(person(1))], AskedBy::Program), too_few);
    let third = [Change::Add(person(3))];
    assert!(state.commit(&third, AskedBy::Program, &stricter, START).is_ok(), "on the way to three");
    let worse = [Change::Suspend(person(1))];
    assert!(state.commit(&worse, AskedBy::Program, &stricter, START).is_err());
    assert!(!too_few.way_out().is_empty());
}

#[test]
fn the_clock_ends_what_may_end_and_what_is_needed_is_overdue() {
    let three = [
        Change::Add(person(3)),
        Change::MayAdminister(person(3)),
        Change::FactorWorked(person(3), WorkingFactor::Totp),
    ];
    let mut state = set_up().commit(&three, AskedBy::Program, &RULES, START).unwrap();
    for number in [1, 2, 3] {
        let ends = Change::EndAt(person(number), Some(START.plus_ms(i64::from(number) * 1_000)));
        state = state.commit(&[ends], AskedBy::Program, &RULES, START).unwrap();
    }
    assert_eq!(state.warnings(&RULES, START).len(), 3, "all end soon");
    let later = START.plus_ms(10_000);
    let after = state.commit(&[Change::TimePasses], AskedBy::Program, &RULES, later).unwrap();
    assert_eq!(after.working(), 2);
    assert!(!after.accounts()[&person(1)].open && after.accounts()[&person(3)].open);
    assert_eq!(after.warnings(&RULES, later).len(), 2, "both that are left are overdue");
}

/// Leader 8 asks, leader 9 agrees.
fn agreed(state: &Administrators, number: u32, want: RecoveryWant) -> Administrators {
    let ask = [Change::AskRecovery(number, want)];
    let asked = state.commit(&ask, AskedBy::Person(person(8)), &RULES, START).unwrap();
    let agree = [Change::AgreeRecovery(number, START)];
    asked.commit(&agree, AskedBy::Person(person(9)), &RULES, START).unwrap()
}

#[test]
fn acc_5_one_person_alone_does_nothing_to_a_recovery_account_and_two_wait_three_days() {
    let (eight, nine) = (AskedBy::Person(person(8)), AskedBy::Person(person(9)));
    let until = START.plus_ms(RECOVERY_DELAY_MS);
    let owners = || BTreeSet::from([person(9)]);
    for (number, want, done) in [
        (2, RecoveryWant::Another(owners()), Change::MakeRecovery(2, person(9), owners())),
        (1, RecoveryWant::Owners(owners()), Change::OwnRecovery(1, person(9), owners())),
        (1, RecoveryWant::Deletion, Change::DeleteRecovery(1)),
    ] {
        let (ask, done) = ([Change::AskRecovery(number, want.clone())], [done]);
        let mut state = set_up();
        if want == RecoveryWant::Deletion {
            let second = agreed(&state, 3, RecoveryWant::Another(owners()));
            state =
                second.commit(&[Change::MakeRecovery(3, person(9), owners())], nine, &RULES, until).unwrap();
        }
        for by in [AskedBy::Person(person(1)), AskedBy::Program] {
            for change in [&ask, &done] {
                assert_eq!(refused(&state, change, by), AdministratorsRefused::NotALeader, "{want:?}");
            }
        }
        assert_eq!(refused(&state, &done, eight), AdministratorsRefused::NotAgreed);
        let asked = state.commit(&ask, eight, &RULES, START).unwrap();
        assert_eq!(refused(&asked, &ask, nine), AdministratorsRefused::AskedAlready);
        let agree = [Change::AgreeRecovery(number, START)];
        assert_eq!(refused(&asked, &agree, eight), AdministratorsRefused::SameLeader);
        let other = [Change::AgreeRecovery(number, until)];
        assert_eq!(refused(&asked, &other, nine), AdministratorsRefused::NoSuchAccount, "unseen");
        assert_eq!(refused(&asked, &done, eight), AdministratorsRefused::NotAgreed);
        let agreed = asked.commit(&agree, nine, &RULES, START).unwrap();
        assert_eq!(refused(&agreed, &done, nine), AdministratorsRefused::TooEarly { until });
        let whole = agreed.commit(&done, nine, &RULES, until).unwrap();
        assert!(whole.wishes().is_empty(), "{want:?}");
        assert_eq!(refused(&whole, &done, nine), refused(&whole, &done, eight), "not twice");
        let cancelled = agreed.commit(&[Change::CancelRecovery(number)], eight, &RULES, START).unwrap();
        assert!(cancelled.commit(&done, nine, &RULES, until).is_err());
        let leads_no_more =
            [Change::Leads(person(7)), Change::Leads(person(6)), Change::LeadsNoMore(person(9))];
        let after = agreed.commit(&leads_no_more, eight, &RULES, START);
        if let Ok(after) = after {
            let told = after.commit(&done, eight, &RULES, until).unwrap_err();
            assert_eq!(told, AdministratorsRefused::NotAgreed, "both must still lead");
        }
    }
}

#[test]
fn acc_5_what_two_agreed_to_is_done_and_nothing_else_and_the_last_one_never_goes() {
    let nine = AskedBy::Person(person(9));
    let until = START.plus_ms(RECOVERY_DELAY_MS);
    let state = agreed(&set_up(), 1, RecoveryWant::Owners(BTreeSet::from([person(8), person(9)])));
    let alone = [Change::OwnRecovery(1, person(9), BTreeSet::from([person(9)]))];
    assert_eq!(state.commit(&alone, nine, &RULES, until), Err(AdministratorsRefused::NotAgreed));
    let gone = [Change::DeleteRecovery(1)];
    assert_eq!(state.commit(&gone, nine, &RULES, until), Err(AdministratorsRefused::NotAgreed));
    let last = agreed(&set_up(), 1, RecoveryWant::Deletion);
    assert_eq!(last.commit(&gone, nine, &RULES, until), Err(AdministratorsRefused::NoRecovery));
    let nobody = [Change::AskRecovery(1, RecoveryWant::Owners(BTreeSet::from([person(1)])))];
    assert_eq!(refused(&set_up(), &nobody, nine), AdministratorsRefused::RecoveryWithoutLeader { number: 1 });
    let (there, not_there) = (RecoveryWant::Another([person(8)].into()), RecoveryWant::Deletion);
    for change in [Change::AskRecovery(1, there), Change::AskRecovery(2, not_there)] {
        assert_eq!(refused(&set_up(), &[change], nine), AdministratorsRefused::NoSuchAccount);
    }
}

#[test]
fn acc_5_one_of_the_two_does_it_within_two_weeks_and_then_it_has_lapsed() {
    let until = START.plus_ms(RECOVERY_DELAY_MS);
    let (last, lapsed) = (until.plus_ms(RECOVERY_OPEN_MS - 1), until.plus_ms(RECOVERY_OPEN_MS));
    let third = set_up().commit(&[Change::Leads(person(7))], AskedBy::Program, &RULES, START).unwrap();
    let want = || RecoveryWant::Another([person(9)].into());
    let state = agreed(&third, 2, want());
    let make = [Change::MakeRecovery(2, person(9), [person(9)].into())];
    let [seven, eight, nine] = [7, 8, 9].map(|number| AskedBy::Person(person(number)));
    assert_eq!(state.commit(&make, seven, &RULES, until), Err(AdministratorsRefused::NotOneOfTheTwo));
    let again = [Change::AgreeRecovery(2, START)];
    for at in [START, until, lapsed] {
        assert_eq!(state.commit(&again, seven, &RULES, at), Err(AdministratorsRefused::AgreedAlready));
    }
    for of_the_two in [eight, nine] {
        for at in [until, last] {
            assert!(state.commit(&make, of_the_two, &RULES, at).is_ok());
        }
        assert_eq!(state.commit(&make, of_the_two, &RULES, lapsed), Err(AdministratorsRefused::Lapsed));
    }
    let ask = [Change::AskRecovery(2, want())];
    assert_eq!(state.commit(&ask, seven, &RULES, last), Err(AdministratorsRefused::AskedAlready));
    let anew = state.commit(&ask, seven, &RULES, lapsed).unwrap();
    assert_eq!(
        anew.commit(&make, seven, &RULES, lapsed),
        Err(AdministratorsRefused::NotAgreed),
        "from the start"
    );
}

#[test]
fn a_recovery_account_keeps_an_owner_who_leads_and_is_tried_in_time() {
    let state = set_up();
    let told = refused(&state, &[Change::LeadsNoMore(person(8))], AskedBy::Program);
    assert_eq!(told, AdministratorsRefused::RecoveryWithoutLeader { number: 1 });
    let late = START.plus_ms(RULES.test_every_ms);
    assert_eq!(state.warnings(&RULES, late), [AdministratorsWarning::TryRecovery { number: 1 }]);
    let tried = state.commit(&[Change::TriedRecovery(1)], AskedBy::Person(person(8)), &RULES, late).unwrap();
    assert_eq!(tried.warnings(&RULES, late), []);
}

#[test]
fn acc_5_one_recovery_account_stands_for_a_leader_and_no_other_is_counted() {
    let (nine, both) = (AskedBy::Person(person(9)), || BTreeSet::from([person(8), person(9)]));
    let until = START.plus_ms(RECOVERY_DELAY_MS);
    let state = agreed(&set_up(), 1, RecoveryWant::Owners(both()));
    let stranger = [Change::OwnRecovery(1, person(1), both())];
    assert_eq!(state.commit(&stranger, nine, &RULES, until), Err(AdministratorsRefused::NoSuchAccount));
    let state = state.commit(&[Change::OwnRecovery(1, person(8), both())], nine, &RULES, until).unwrap();
    let left = [Change::LeadsNoMore(person(8))];
    let told = refused(&state, &left, AskedBy::Program);
    assert_eq!(
        told,
        AdministratorsRefused::RecoveryOpensTooLittle,
        "nine owns it, and it opens what eight may do"
    );
    assert!(told.way_out().contains("another leader"));
    // With a second one, which stands for nine, eight leads no more, and then that one stays.
    let another = agreed(&state, 2, RecoveryWant::Another([person(9)].into()));
    let make = [Change::MakeRecovery(2, person(9), [person(9)].into())];
    let two = another.commit(&make, nine, &RULES, until).unwrap().commit(&left, nine, &RULES, until).unwrap();
    assert!(!two.opens_enough(&two.recovery()[&1]) && two.opens_enough(&two.recovery()[&2]));
    let two = two.commit(&[Change::Leads(person(7))], nine, &RULES, until).unwrap();
    let ask = [Change::AskRecovery(2, RecoveryWant::Deletion)];
    let asked = two.commit(&ask, AskedBy::Person(person(7)), &RULES, START).unwrap();
    let agreed = asked.commit(&[Change::AgreeRecovery(2, START)], nine, &RULES, START).unwrap();
    let gone = agreed.commit(&[Change::DeleteRecovery(2)], nine, &RULES, until);
    assert_eq!(gone, Err(AdministratorsRefused::RecoveryOpensTooLittle));
    // Records of before in which none does: it is said, and the way out of it stays open.
    let records = AdministratorRecords {
        accounts: state.accounts.clone(),
        recovery: state.recovery.clone(),
        leaders: [person(7), person(9)].into(),
        posts: state.posts.clone(),
        held_once: true,
        ..AdministratorRecords::default()
    };
    let before = Administrators::of_records(records, &RULES);
    assert_eq!(before.missing(&RULES), Err(AdministratorsRefused::RecoveryOpensTooLittle));
    let ask = [Change::AskRecovery(1, RecoveryWant::Owners([person(9)].into()))];
    let asked = before.commit(&ask, AskedBy::Person(person(7)), &RULES, START).unwrap();
    let agreed = asked.commit(&[Change::AgreeRecovery(1, START)], nine, &RULES, START).unwrap();
    let own = [Change::OwnRecovery(1, person(9), [person(9)].into())];
    assert_eq!(agreed.commit(&own, nine, &RULES, until).unwrap().missing(&RULES), Ok(()));
}

/// What must be so, told in another way than the code does.
fn is_sound(state: &Administrators) -> bool {
    let able: Vec<_> = state
        .accounts
        .iter()
        .filter(|(who, held)| held.open && !held.factors.is_empty() && state.posts.contains(*who))
        .collect();
    let owned = state
        .recovery
        .values()
        .all(|account| account.owners.iter().any(|owner| state.leaders.contains(owner)));
    let opens = state.recovery.values().any(|account| state.leaders.contains(&account.stands_for));
    let stands = state.recovery.values().all(|account| account.owners.contains(&account.stands_for));
    able.len() >= 2 && owned && opens && stands
}

fn any_change(
    random: &mut Randomness,
    (state, backups): (&Administrators, &[Administrators]),
    at: Timestamp,
) -> Change {
    let mut below = |limit| random.below(limit).unwrap();
    let (who, number) = (person(below(6)), below(3));
    let factor = if below(2) == 0 { WorkingFactor::Passkey } else { WorkingFactor::Totp };
    let wish = state.wishes.get(&number);
    // Mostly what somebody wants; sometimes anything.
    let owners = match wish.map(|wish| &wish.want) {
        Some(RecoveryWant::Owners(owners) | RecoveryWant::Another(owners)) if below(4) > 0 => owners.clone(),
        _ => (0..below(3)).map(|_| person(below(6))).collect(),
    };
    let stands_for = owners.first().copied().filter(|_| below(8) > 0).unwrap_or(who);
    match below(25) {
        0 | 1 => Change::Add(who),
        2 | 3 => Change::FactorWorked(who, factor),
        4 => Change::RemoveFactor(who, factor),
        5 => Change::Suspend(who),
        6 => Change::Open(who),
        7 => Change::EndAt(who, Some(at.plus_ms(i64::from(below(100_000_000))))),
        8 => Change::EndAt(who, None),
        9 => Change::Delete(who),
        10 => Change::Leads(who),
        11 => Change::LeadsNoMore(who),
        12 => Change::MakeRecovery(number, stands_for, owners),
        13 => Change::OwnRecovery(number, stands_for, owners),
        14 => Change::AskRecovery(number, RecoveryWant::Deletion),
        15 => Change::AskRecovery(number, RecoveryWant::Owners(owners)),
        16 => Change::AskRecovery(number, RecoveryWant::Another(owners)),
        17 => Change::AgreeRecovery(number, wish.map_or(START, |wish| wish.asked)),
        18 | 19 => Change::DeleteRecovery(number),
        20 => Change::CancelRecovery(number),
        21 => Change::TimePasses,
        22 => Change::MayAdminister(who),
        23 => Change::MayNotAdminister(who),
        _ => {
            let index = below(u32::try_from(backups.len()).unwrap());
            Change::Restore(Box::new(backups[index as usize].clone()))
        }
    }
}

/// What was done to recovery accounts was done by one of two who wanted it, after three days and within two weeks more.
fn was_wanted(before: &Administrators, changes: &[Change], by: AskedBy, at: Timestamp) -> bool {
    changes.iter().all(|change| {
        let (number, want) = match change {
            Change::DeleteRecovery(number) => (number, RecoveryWant::Deletion),
            Change::OwnRecovery(number, _, owners) => (number, RecoveryWant::Owners(owners.clone())),
            Change::MakeRecovery(number, _, owners) => (number, RecoveryWant::Another(owners.clone())),
            _ => return true,
        };
        let Some(RecoveryWish { want: wanted, asked_by, agreed: Some((agreed_by, until)), .. }) =
            before.wishes.get(number)
        else {
            return false;
        };
        let late = at.0 - until.0;
        *wanted == want
            && asked_by != agreed_by
            && [*asked_by, *agreed_by].iter().any(|leader| by == AskedBy::Person(*leader))
            && (0..14 * 86_400_000).contains(&late)
    })
}

/// 20,000 batches of changes as usual, a million where `SCHOOLGATE_LONG` is 1.
#[test]
fn no_batch_from_anybody_at_any_time_breaks_what_has_held_once() {
    let long = std::env::var("SCHOOLGATE_LONG").is_ok_and(|value| value == "1");
    let steps = if long { 1_000_000 } else { 20_000 };
    let mut random = Randomness::Seeded(2026);
    let (mut state, mut at, mut backups) =
        (Administrators::default(), START, vec![Administrators::default()]);
    let (mut committed, mut turned_away, mut deleted, mut made) = (0u32, 0u32, 0u32, 0u32);
    let (mut lapsed, mut of_others) = (0u32, 0u32);
    for step in 0..steps {
        at = at.plus_ms(i64::from(random.below(60_000_000).unwrap()));
        let count = 1 + random.below(4).unwrap();
        let changes: Vec<Change> =
            (0..count).map(|_| any_change(&mut random, (&state, &backups), at)).collect();
        let wanted = state.wishes.values().nth(random.below(3).unwrap() as usize);
        let by = match (random.below(12).unwrap(), wanted) {
            (6, _) => AskedBy::Program,
            (7.., Some(RecoveryWish { agreed: Some((leader, _)), .. })) => AskedBy::Person(*leader),
            (7.., Some(RecoveryWish { asked_by, .. })) => AskedBy::Person(*asked_by),
            (number, _) => AskedBy::Person(person(number % 7)),
        };
        match state.commit(&changes, by, &RULES, at) {
            Ok(after) => {
                assert!(state.setting_up() || is_sound(&after), "step {step}: {changes:?} made {after:?}");
                assert_eq!(after.setting_up(), state.setting_up() && !is_sound(&after), "step {step}");
                let is_restored = changes.iter().any(|change| matches!(change, Change::Restore(_)));
                let (before, left) = (state.recovery.len(), after.recovery.len());
                deleted += u32::from(left < before && !is_restored);
                made += u32::from(left > before && !is_restored && !state.setting_up());
                // A backup that is put back has wishes of its own.
                let is_wanted = state.setting_up() || is_restored || was_wanted(&state, &changes, by, at);
                assert!(is_wanted, "step {step}: {by:?} did {changes:?} after {:?}", state.wishes);
                state = after;
                committed += 1;
            }
            Err(refused) => {
                turned_away += 1;
                lapsed += u32::from(refused == AdministratorsRefused::Lapsed);
                of_others += u32::from(refused == AdministratorsRefused::NotOneOfTheTwo);
            }
        }
        if step % 97 == 0 && backups.len() < 50 {
            backups.push(state.clone());
        }
    }
    assert!(
        !state.setting_up() && committed > 1_000 && turned_away > 1_000 && deleted > 0 && made > 0,
        "{committed} {turned_away} {deleted} {made}"
    );
    assert!(lapsed > 0 && of_others > 0, "{lapsed} {of_others}");
}
