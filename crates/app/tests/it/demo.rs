//! The demo: made once, the same from the same seed, and true to the policy.

use crate::world::{World, school, technician};
use ::history::Query;
use app::views::HistoryFilter;
use app::{AppError, Demo};
use model::{EventOutcome, Role};

fn demo() -> Demo {
    Demo { password: "a made-up password".to_owned(), seed: 7 }
}

#[tokio::test]
async fn the_demo_has_an_account_for_each_role_pupils_devices_and_a_lively_history() {
    let world = World::new("first-school.toml").await;
    let accounts = world.app.seed_demo(&demo()).await.unwrap();
    for role in Role::ALL {
        assert!(accounts.iter().any(|account| account.role.starts_with(role.title())), "{role:?}");
    }
    assert_eq!(accounts.iter().filter(|account| account.role.starts_with("Learner")).count(), 12);
    for account in &accounts {
        let signed_in =
            world.app.sign_in(&account.login, &demo().password, "127.0.0.1".parse().unwrap()).await;
        assert_eq!(signed_in.is_ok(), account.console, "{}", account.login);
    }
    let roster = world.roster.get();
    let snapshot = world.snapshot.get();
    assert!(roster.people().all(|person| snapshot.group_of(&person.affiliations[0]).is_some()));
    assert!(roster.devices().count() > 20);
    let counts = world.history.counts_by_outcome(&Query::default()).unwrap();
    assert!(counts.of(EventOutcome::Allowed) > 100 && counts.of(EventOutcome::Blocked) > 20, "{counts:?}");
    let view = world.app.search_history(&technician(), HistoryFilter::default()).await.unwrap();
    assert!(view.rows.iter().all(|row| row.person != "Not known"), "{:?}", view.rows[0]);
    let posts = world.app.policy_view(&technician()).await.unwrap();
    let posts =
        posts.areas.into_iter().flat_map(|area| area.clauses).find(|clause| clause.id == "GOV-1").unwrap();
    assert_eq!(posts.state.word(), "Pass", "{:?}", posts.state);
}

#[tokio::test]
async fn the_same_seed_makes_the_same_demo_and_a_second_one_is_refused() {
    let (one, other) = (World::new("trust.toml").await, World::new("trust.toml").await);
    let accounts = one.app.seed_demo(&demo()).await.unwrap();
    assert_eq!(accounts, other.app.seed_demo(&demo()).await.unwrap());
    let all = Query { limit: 1_000, ..Query::default() };
    assert_eq!(one.history.scan(&all).unwrap(), other.history.scan(&all).unwrap());
    assert!(accounts.iter().any(|account| account.login == "headteacher-whitestone"), "{accounts:?}");
    assert!(matches!(one.app.seed_demo(&demo()).await, Err(AppError::Refused { .. })));
    let devices = one.roster.get();
    assert!(
        devices.devices().any(|device| model::Scope::School(device.school.clone()) == school("whitestone"))
    );
}
