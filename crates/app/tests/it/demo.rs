//! The demo: made once, the same from the same seed, and true to the policy.

use crate::world::{World, school, technician};
use ::history::Query;
use app::views::HistoryFilter;
use app::{AppError, Demo};
use model::{Action, EventOutcome, Role};
use std::net::IpAddr;

fn demo() -> Demo {
    Demo { password: "a made-up password".to_owned(), seed: 7 }
}

#[tokio::test]
async fn the_demo_has_an_account_for_each_role_pupils_devices_and_a_lively_history() {
    let world = World::new("first-school.toml").await;
    world.app.seed_demo(&demo()).await.unwrap();
    let roster = world.roster.get();
    let with = |role: Role| roster.people().filter(move |person| person.affiliations[0].role == role).count();
    assert!(Role::ALL.into_iter().all(|role| with(role) > 0));
    assert_eq!(with(Role::Learner), 12);
    for person in roster.people() {
        let here = IpAddr::from([127, 0, 0, 1]);
        let signed_in = world.app.sign_in(&person.login, &demo().password, here).await;
        let may_enter = identity::permits(person.affiliations[0].role, Action::SeeHome);
        assert_eq!(signed_in.is_ok(), may_enter, "{}", person.login);
    }
    let snapshot = world.snapshot.get();
    assert!(roster.people().all(|person| snapshot.group_of(&person.affiliations[0]).is_some()));
    assert!(roster.devices().count() > 20);
    let counts = world.history.counts_by_outcome(&Query::default()).unwrap();
    assert!(counts.of(EventOutcome::Allowed) > 100 && counts.of(EventOutcome::Blocked) > 20, "{counts:?}");
    let view = world.search(&technician(), HistoryFilter::default()).await.unwrap();
    assert!(view.rows.iter().all(|row| row.person != "Not known"), "{:?}", view.rows[0]);
    let posts = world.app.policy_view(&technician()).await.unwrap();
    let posts =
        posts.areas.into_iter().flat_map(|area| area.clauses).find(|clause| clause.id == "GOV-1").unwrap();
    assert_eq!(posts.state.word(), "Pass", "{:?}", posts.state);
}

#[tokio::test]
async fn the_same_seed_makes_the_same_demo_and_a_second_one_is_refused() {
    let (one, other) = (World::new("trust.toml").await, World::new("trust.toml").await);
    for world in [&one, &other] {
        world.app.seed_demo(&demo()).await.unwrap();
    }
    let people = |world: &World| {
        let mut people: Vec<_> = world.roster.get().people().cloned().collect();
        people.sort_by_key(|person| person.id);
        people
    };
    assert_eq!(people(&one), people(&other));
    let all = Query { limit: 1_000, ..Query::default() };
    assert_eq!(one.history.scan(&all).unwrap(), other.history.scan(&all).unwrap());
    assert!(people(&one).iter().any(|person| person.login == "headteacher-whitestone"));
    assert!(matches!(one.app.seed_demo(&demo()).await, Err(AppError::Refused { .. })));
    let devices = one.roster.get();
    assert!(
        devices.devices().any(|device| model::Scope::School(device.school.clone()) == school("whitestone"))
    );
}
