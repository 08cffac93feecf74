//! Taking up events, and keeping them no longer than the policy says.

use crate::world::{NOW, World, school};
use ::history::Query;
use app::record_events;
use model::{Role, event_channel};

const DAY_MS: i64 = 24 * 3_600_000;

#[tokio::test]
async fn every_event_that_was_sent_is_in_the_history_when_the_senders_are_gone() {
    let world = World::new("first-school.toml").await;
    let pupil = world.add_pupil("amara", "4", school("larkfield")).await;
    let event = world.visit(pupil, "larkfield", "education.schoolgate.test", NOW);
    let (sender, receiver) = event_channel(64);
    let (history, health) = (world.history.clone(), std::sync::Arc::clone(&world.health));
    let recorder = std::thread::spawn(move || record_events(&receiver, &history, &health));
    let mut sent = 0;
    for _ in 0..500 {
        sender.send(event.clone());
        sent += 1;
    }
    let lost = sender.lost();
    drop(sender);
    recorder.join().unwrap();
    let stored = world.history.count(&Query::default(), 10_000).unwrap().events;
    assert_eq!(stored, 1 + sent - lost, "stored or counted as lost, nothing between");
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let warned =
        world.app.frame(Some(&lead)).await.warnings.iter().any(|warning| warning.contains("not recorded"));
    assert_eq!(warned, lost > 0);
}

#[tokio::test]
async fn what_cannot_be_written_is_counted_and_every_screen_says_so() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let pupil = world.add_pupil("amara", "4", school("larkfield")).await;
    let event = world.event(pupil, "larkfield", "education.schoolgate.test", NOW);
    let (sender, receiver) = event_channel(64);
    sender.send(event);
    drop(sender);
    world.break_history();
    record_events(&receiver, &world.history, &world.health);
    let warnings = world.app.frame(Some(&lead)).await.warnings;
    assert_eq!(warnings.len(), 2, "{warnings:?}");
    assert!(
        warnings[0].contains("cannot be written") && warnings[1].starts_with("1 requests"),
        "{warnings:?}"
    );
}

#[tokio::test]
async fn history_is_kept_as_long_as_the_policy_says_and_no_longer() {
    let world = World::new("first-school.toml").await;
    let pupil = world.add_pupil("amara", "4", school("larkfield")).await;
    let days = i64::from(world.app.in_force().document.facts.retention.access_log_days);
    for age in [0, days - 1, days, days + 1, days + 30] {
        world.visit(pupil, "larkfield", "education.schoolgate.test", NOW.plus_ms(-age * DAY_MS));
    }
    world.app.expire_history().await.unwrap();
    world.app.expire_history().await.unwrap();
    assert_eq!(world.history.count(&Query::default(), 100).unwrap().events, 3);
    let facts = world.facts().await;
    let expiry: Vec<_> = facts.iter().filter(|fact| fact.action == "expire-history").collect();
    assert_eq!(expiry.len(), 1, "only what took something away is a fact");
    assert!(expiry[0].actor == "program" && expiry[0].details.contains("\"events\":\"2\""), "{expiry:?}");
}
