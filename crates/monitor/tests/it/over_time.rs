//! What follows from many small things, and how repeats become one alert.

use crate::school::{MORNING, RULES, School};
use model::{Alert, AlertKind, Severity, Theme, Timestamp, Typing};
use monitor::State;

const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;

fn themes(alerts: &[Alert]) -> Vec<(Theme, Severity)> {
    alerts.iter().filter_map(|alert| Some((alert.kind.theme()?, alert.severity))).collect()
}

fn rules(alerts: &[Alert]) -> Vec<&str> {
    alerts.iter().map(|alert| &*alert.rule).collect()
}

#[test]
fn a_search_that_says_somebody_wants_to_die_alerts_at_once() {
    let mut school = School::at(MORNING);
    let alerts = school.searches(1, "i want to kill myself");
    assert_eq!(themes(&alerts), [(Theme::SelfHarm, Severity::Critical)]);
    let alert = &alerts[0];
    assert_eq!(alert.kind, AlertKind::Safeguarding(Theme::SelfHarm));
    assert_eq!((&*alert.rule, alert.count, alert.events.len()), ("self-harm.intent", 1, 1));
    assert_eq!(alert.events[0].day, school.today());
    assert!(!alert.why.contains("kill"));
}

#[test]
fn ordinary_searches_alert_nobody() {
    let mut school = School::at(MORNING);
    for words in ["photosynthesis", "fronted adverbials ks2", "how to draw a cat", "essex weather"] {
        assert!(school.searches(1, words).is_empty(), "{words}");
    }
}

#[test]
fn repeats_of_one_theme_join_one_alert_and_are_told_each_minute() {
    let mut school = School::at(MORNING);
    let first = school.searches(1, "i hate my life").remove(0);
    school.later(20_000);
    assert!(school.searches(1, "nobody loves me").is_empty());
    let mut told = school.later(MINUTE);
    let told = told.remove(0);
    assert_eq!((told.first, told.subject.clone(), told.kind), (first.first, first.subject, first.kind));
    assert_eq!((told.count, told.events.len()), (2, 2));
    assert!(school.later(MINUTE).is_empty());
}

#[test]
fn a_worse_find_is_told_at_once_under_the_same_alert() {
    let mut school = School::at(MORNING);
    let first = school.searches(1, "self harm").remove(0);
    school.later(5_000);
    let worse = school.searches(1, "i want to kill myself").remove(0);
    assert!(worse.severity < first.severity);
    assert_eq!((worse.first, worse.count), (first.first, 2));
}

#[test]
fn after_the_quiet_time_a_new_alert_begins() {
    let mut school = School::at(MORNING);
    let first = school.searches(1, "i hate my life").remove(0);
    school.later(13 * HOUR);
    let next = school.searches(1, "nobody loves me").remove(0);
    assert!(next.first > first.first);
    assert_eq!(next.count, 1);
}

#[test]
fn words_that_wait_are_judged_also_when_the_clock_is_set_back() {
    let mut school = School::at(MORNING);
    assert!(school.says(1, "how to kill myself", Typing::Going).is_empty());
    assert_eq!(themes(&school.later(-HOUR)), [(Theme::SelfHarm, Severity::Critical)]);
}

#[test]
fn words_that_are_still_typed_are_judged_once_and_whole() {
    let mut school = School::at(MORNING);
    for words in ["how to k", "how to kill", "how to kill my", "how to kill mysel", "how to kill myself"] {
        assert!(school.says(1, words, Typing::Going).is_empty(), "{words}");
        assert!(school.later(150).is_empty(), "{words}");
    }
    let alerts = school.later(700);
    assert_eq!(themes(&alerts), [(Theme::SelfHarm, Severity::Critical)]);
    assert_eq!(alerts[0].count, 1);

    for words in ["how to kill", "how to kill moss"] {
        school.says(2, words, Typing::Going);
    }
    assert!(school.later(2_000).is_empty());
}

#[test]
fn the_second_page_of_a_search_and_a_search_gone_on_with_count_once() {
    let mut school = School::at(MORNING);
    school.searches(1, "i hate my life");
    school.later(1_000);
    assert!(school.searches(1, "i hate my life").is_empty());
    school.later(1_000);
    school.searches(1, "i hate my life so much");
    let told = school.later(2 * MINUTE);
    assert_eq!(told.iter().map(|alert| alert.count).collect::<Vec<_>>(), [1]);
}

#[test]
fn many_hosts_of_one_category_alert_and_one_host_over_and_over_does_not() {
    let mut school = School::at(MORNING);
    for _ in 0..20 {
        assert!(school.is_blocked(1, "one.example", "vpn-proxy").is_empty());
    }
    let hosts = ["a.example", "b.example", "c.example", "d.example", "e.example"];
    let alerts: Vec<Alert> = hosts.iter().flat_map(|host| school.is_blocked(1, host, "vpn-proxy")).collect();
    assert_eq!(themes(&alerts)[0].0, Theme::GettingRound);
}

#[test]
fn one_blocked_page_about_self_harm_alerts() {
    let mut school = School::at(MORNING);
    let alerts = school.is_blocked(1, "harm.example", "self-harm-suicide");
    assert_eq!(themes(&alerts), [(Theme::SelfHarm, Severity::Medium)]);
}

#[test]
fn at_night_distress_counts_more() {
    let mut school = School::at("2026-11-23T02:00:00Z");
    let alerts = school.searches(1, "i have no friends");
    assert_eq!(themes(&alerts), [(Theme::Distress, Severity::High)]);
}

#[test]
fn what_grows_worse_from_day_to_day_is_told() {
    let mut school = School::at(MORNING);
    school.searches(1, "suicide");
    school.later(DAY);
    school.searches(1, "self harm");
    school.later(DAY);
    let alerts = school.searches(1, "i hate my life");
    assert!(rules(&alerts).contains(&"distress.despair"), "{alerts:?}");
    let mut other = School::at(MORNING);
    other.searches(1, "suicide");
    other.later(DAY);
    other.searches(1, "am i depressed");
    other.later(DAY);
    let alerts = other.searches(1, "how to self harm");
    assert_eq!(alerts[0].severity, Severity::High);
}

#[test]
fn a_theme_that_is_new_for_somebody_and_found_often_counts_more() {
    let mut school = School::at(MORNING);
    let mut all = Vec::new();
    for words in ["suicide", "noose", "overdose", "slit wrists"] {
        all.extend(school.searches(1, words));
        school.later(MINUTE);
    }
    let newest = all.last().unwrap();
    assert_eq!((&*newest.rule, newest.severity), ("over-time.new-theme", Severity::Medium));
}

#[test]
fn many_people_on_one_theme_alert_for_the_school_once_a_day() {
    let mut school = School::at(MORNING);
    let alerts: Vec<Alert> = (1..=9).flat_map(|pupil| school.searches(pupil, "how to self harm")).collect();
    let crowds: Vec<&Alert> = alerts.iter().filter(|alert| alert.subject.person.is_none()).collect();
    assert_eq!(crowds.len(), 1);
    assert_eq!((crowds[0].count, &*crowds[0].rule), (6, "over-time.many-people"));
    assert!(crowds[0].subject.school.is_some());
}

#[test]
fn a_restored_state_goes_on_where_it_was_saved() {
    let mut school = School::at(MORNING);
    let first = school.searches(1, "i hate my life").remove(0);
    school.is_blocked(1, "a.example", "vpn-proxy");
    let saved = school.state.save();
    assert!(!String::from_utf8_lossy(&saved).contains("hate"));
    school.state = State::restore(&saved, &RULES).unwrap();
    assert_eq!(school.state.save().len(), saved.len());
    school.later(2 * MINUTE);
    let again = school.searches(1, "nobody loves me").remove(0);
    assert_eq!((again.first, again.count), (first.first, 2));
}

#[test]
fn a_saved_state_that_is_broken_is_refused() {
    let mut school = School::at(MORNING);
    school.searches(1, "i hate my life");
    let saved = school.state.save();
    for length in 0..saved.len() {
        assert!(State::restore(&saved[..length], &RULES).is_err(), "{length}");
    }
    let mut other_form = saved.clone();
    other_form[0] = 99;
    assert!(State::restore(&other_form, &RULES).is_err());
}

proptest::proptest! {
    #[test]
    fn any_bytes_are_restored_or_refused(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200)) {
        let mut form = vec![1, 0];
        form.extend(bytes);
        let _ = State::restore(&form, &RULES);
    }
}

#[test]
fn what_is_remembered_of_people_is_bounded_and_forgotten() {
    let mut school = School::at(MORNING);
    for pupil in 0..20_000 {
        school.searches(pupil, "photosynthesis");
    }
    assert!(school.state.remembered() <= 16_384);
    school.now = Timestamp(school.now.0 + 3 * DAY);
    school.later(MINUTE);
    assert_eq!(school.state.remembered(), 0);
}
