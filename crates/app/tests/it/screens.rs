//! The frame, home and the policy: what each role sees, and that no state is better than what was seen.

use crate::world::{NOW, World, id_of, policy_text, put_in_force, school, technician};
use app::views::{ClauseView, PolicyView};
use app::{AppError, DnsUpstream, Move, approved_policy};
use model::{Action, Actor, ClauseState, Clock, Role, Scope};
use policy::Snapshot;
use policy::file::SourceText;
use policy::rules::GroupRules;
use store::{Change, Fact, Place, Store};

pub async fn clause(world: &World, actor: &Actor, id: &str) -> ClauseView {
    let view: PolicyView = world.app.policy_view(actor).await.unwrap();
    view.areas.into_iter().flat_map(|area| area.clauses).find(|clause| clause.id == id).unwrap()
}

pub fn evidence(state: &ClauseState) -> &str {
    match state {
        ClauseState::Pass { evidence, .. }
        | ClauseState::Fail { evidence, .. }
        | ClauseState::Excepted { evidence, .. } => evidence,
        ClauseState::Unknown { why } => why,
    }
}

#[tokio::test]
async fn the_frame_shows_the_screens_of_the_role_and_nothing_to_strangers() {
    let world = World::new("trust.toml").await;
    let governor = world.add("governor", Role::Governor, school("ashbrook")).await;
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    let frame = world.app.frame(Some(&governor)).await;
    let paths: Vec<_> = frame.screens.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(paths, ["/", "/alerts", "/cases", "/weekly", "/policy", "/lists", "/access"]);
    assert_eq!(
        (frame.organisation.as_str(), frame.role_title.as_str()),
        ("Ashbrook Primary School", "Governor")
    );
    assert_eq!(frame.person_name, "Governor Thistlewick");
    assert_eq!(world.app.frame(Some(&lead)).await.screens.len(), 12);
    world.health.lists_trouble(Some("The address does not answer.".to_owned()));
    let stranger = world.app.frame(None).await;
    assert!(stranger.screens.is_empty() && stranger.warnings.is_empty() && stranger.person_name.is_empty());
    assert_eq!(world.app.frame(Some(&lead)).await.warnings.len(), 1);
}

#[tokio::test]
async fn every_clause_has_a_state_and_what_nothing_checks_is_unknown() {
    let world = World::new("first-school.toml").await;
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    let view = world.app.policy_view(&governor).await.unwrap();
    let clauses: Vec<_> = view.areas.iter().flat_map(|area| &area.clauses).collect();
    assert_eq!(view.passes + view.fails + view.excepted + view.unknowns, clauses.len());
    assert!(clauses.len() > 80, "the whole catalogue: {}", clauses.len());
    let unchecked =
        clauses.iter().filter(|clause| evidence(&clause.state) == "Nothing checks this yet").count();
    assert!(unchecked > 60 && view.unknowns >= unchecked, "{unchecked} of {}", view.unknowns);
    assert!(view.approved_by.contains("technician, at the command line"), "{}", view.approved_by);
    assert!(!view.proposal_waiting);
}

#[tokio::test]
async fn the_illegal_layer_is_tested_and_fails_for_want_of_a_member_list() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let clause = clause(&world, &head, "FLT-2").await;
    assert_eq!(clause.state.word(), "Fail");
    assert!(evidence(&clause.state).contains("no member list is loaded"), "{:?}", clause.state);
    assert!(evidence(&clause.state).contains("blocks its test host"), "{:?}", clause.state);
}

#[tokio::test]
async fn checks_follow_what_the_running_system_sees() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let pupil = world.add_pupil("amara", "4", school("larkfield")).await;
    for (id, word, part) in [
        ("GOV-5", "Unknown", "at the command line as an emergency, by technician"),
        ("FLT-3", "Unknown", "name no test host of these categories"),
        ("FLT-4", "Pass", "staff have other rules than learners"),
        ("FLT-6", "Unknown", "groups of learners"),
        ("FLT-8", "Fail", "Only the starter lists"),
        ("FLT-9", "Unknown", "No request was recorded since the program started"),
        ("FLT-13", "Unknown", "was not applied"),
        ("PWD-13", "Pass", "Each of 2 passwords"),
        ("FLT-1", "Unknown", "not both seen"),
        ("GOV-1", "Fail", "Nobody holds"),
    ] {
        let clause = clause(&world, &head, id).await;
        assert_eq!(clause.state.word(), word, "{id}: {:?}", clause.state);
        assert!(evidence(&clause.state).contains(part), "{id}: {:?}", clause.state);
    }
    world.visit(pupil, "larkfield", "education.schoolgate.test", NOW);
    world.app.expire_history().await.unwrap();
    assert_eq!(clause(&world, &head, "FLT-9").await.state.word(), "Unknown", "another hand wrote that row");
    let kept = clause(&world, &head, "FLT-13").await;
    assert_eq!(kept.state.word(), "Unknown", "the record of changes was not looked at yet");
    assert!(evidence(&kept.state).contains("was last applied on 20 November 2026"), "{:?}", kept.state);
    world.visit_through_gate(pupil, "larkfield", "education.schoolgate.test");
    assert_eq!(clause(&world, &head, "FLT-9").await.state.word(), "Pass");
}

#[tokio::test]
async fn groups_with_the_same_rules_are_no_groups_of_their_own() {
    let text = policy_text("first-school.toml");
    let document = |text: &str| {
        let source = SourceText { name: "x.toml", text };
        policy::file::read(&source, None).unwrap()
    };
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let mut policy = document(&text).policy;
    let learners = policy.groups.iter().find(|group| !group.members.years.is_empty()).unwrap().clone();
    for group in policy.groups.iter_mut().filter(|group| group.members.roles.contains(&Role::ClassTeacher)) {
        *group = GroupRules { id: group.id.clone(), members: group.members.clone(), ..learners.clone() };
    }
    let image = world.snapshot.get().image().clone();
    world.snapshot.put(Snapshot::compile(policy, image, Vec::new()));
    let groups = clause(&world, &head, "FLT-4").await;
    assert_eq!(groups.state.word(), "Unknown", "{:?}", groups.state);
    assert!(evidence(&groups.state).contains("have the same rules"), "{:?}", groups.state);
}

#[tokio::test]
async fn a_post_is_vacant_once_its_holder_is_something_else() {
    let world = World::new("first-school.toml").await;
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let teacher = world.add("teacher", Role::ClassTeacher, school("larkfield")).await;
    give_headship(&world, &teacher).await;
    let vacant = clause(&world, &governor, "GOV-1").await;
    assert!(evidence(&vacant.state).contains("Headteacher"), "a teacher is no head: {:?}", vacant.state);
    give_headship(&world, &head).await;
    let held = clause(&world, &governor, "GOV-1").await;
    assert!(!evidence(&held.state).contains("Headteacher"), "{:?}", held.state);

    let change = Move { login: "head".to_owned(), role: Role::Staff, year: None, reason: "left".to_owned() };
    world.app.set_affiliation(&technician(), change).await.unwrap();
    let vacant = clause(&world, &governor, "GOV-1").await;
    assert!(evidence(&vacant.state).contains("Headteacher"), "{:?}", vacant.state);
    let id = id_of(&head);
    let holders = world.store.post_holders(NOW).await.unwrap();
    assert!(holders.iter().all(|holder| holder.person != id), "the post ended with the move");
}

async fn give_headship(world: &World, to: &Actor) {
    let id = id_of(to);
    let (role, scope) = (Role::Headteacher, school("larkfield"));
    let post = Change::GivePost { role, scope, person: id, from: NOW };
    let fact = Fact::new(&technician(), Scope::Trust, NOW, "give-post");
    world.store.commit(&fact, &[post]).await.unwrap();
}

#[tokio::test]
async fn states_of_a_school_speak_of_its_own_people_and_posts() {
    let world = World::new("trust.toml").await;
    let head = world.add("head", Role::Headteacher, school("ashbrook")).await;
    world.add_pupil("wesley", "9", school("whitestone")).await;
    let groups = clause(&world, &head, "FLT-4").await;
    assert!(evidence(&groups.state).contains("Each of 1 people"), "{:?}", groups.state);
    let posts = clause(&world, &head, "GOV-1").await;
    assert!(evidence(&posts.state).contains("Ashbrook"), "{:?}", posts.state);
    assert!(!evidence(&posts.state).contains("Whitestone"), "{:?}", posts.state);
    let lead = world.add("lead", Role::SafeguardingLead, Scope::Trust).await;
    assert!(evidence(&clause(&world, &lead, "GOV-1").await.state).contains("Whitestone"));
}

#[tokio::test]
async fn home_says_what_needs_the_person_and_how_the_filter_is() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let home = world.app.home(&head).await.unwrap();
    assert!(home.needs[0].title.starts_with("FLT-2 fails"), "{:?}", home.needs);
    assert_eq!((home.needs[0].urgency.as_str(), home.needs[0].link.as_str()), ("urgent", "/policy/FLT-2"));
    assert_eq!(home.quiet_since, None);
    assert!(home.health.iter().any(|part| part.name == "DNS filter" && part.state == "Unknown"));
    world.health.listening("DNS filter", NOW);
    world.health.stopped("Web proxy", "the port is taken", NOW);
    let home = world.app.home(&head).await.unwrap();
    let states: Vec<_> = home.health.iter().map(|part| part.state.as_str()).collect();
    let [working, unknown] = ["Working", "Unknown"];
    assert_eq!(states, [working, "Not working", unknown, working, working, unknown, working, unknown]);
    assert!(home.figures.iter().all(|figure| figure.link.starts_with("/history")));
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    let home = world.app.home(&governor).await.unwrap();
    assert!(home.figures.iter().all(|figure| figure.link.is_empty()), "no link to what one may not see");
}

#[tokio::test]
async fn technicians_see_how_many_connections_went_where_our_dns_sent_nobody() {
    let world = World::new("first-school.toml").await;
    let technician = world.add("technician", Role::Technician, school("larkfield")).await;
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    world.handed_out.connected("203.0.113.9".parse().unwrap(), NOW);
    let row = async |actor| {
        let home = world.app.home(actor).await.unwrap();
        home.health.into_iter().find(|part| part.name == "Connections by address")
    };
    let first = row(&technician).await.unwrap();
    assert_eq!(first.state, "Unknown");
    assert!(first.detail.starts_with("1 connection today (UTC) to addresses our DNS never gave out. In the"));
    world.clock.advance_ms(2 * 3_600_000);
    let later = row(&technician).await.unwrap();
    assert_eq!(later.state, "Working");
    assert!(later.detail.ends_with("never gave out") && !later.detail.contains("203.0.113.9"));
    assert!(row(&governor).await.is_none(), "whoever cannot look it up is not told");
}

#[tokio::test]
async fn pupils_and_guests_are_denied_every_screen() {
    let world = World::new("first-school.toml").await;
    let guest = world.add("guest", Role::Guest, school("larkfield")).await;
    world.assert_denied(Action::SeeHome, world.app.home(&guest).await).await;
    world.assert_denied(Action::ReadPolicy, world.app.policy_view(&guest).await).await;
    world.assert_denied(Action::ExplainVerdict, world.app.explain(&guest, Default::default()).await).await;
    world.assert_denied(Action::SearchHistory, world.search(&guest, Default::default()).await).await;
}

#[tokio::test]
async fn the_command_line_may_look_at_everything_and_is_named() {
    let world = World::new("first-school.toml").await;
    assert!(world.app.policy_view(&technician()).await.is_ok());
    let frame = world.app.frame(Some(&technician())).await;
    assert_eq!(frame.person_name, "technician, at the command line");
}

#[tokio::test]
async fn without_an_approved_policy_there_is_no_start_but_words_that_say_what_to_do() {
    let (store, clock) = (Store::open(&Place::Memory, NOW).await.unwrap(), Clock::fixed(NOW));
    let error = approved_policy(&store).await.unwrap_err();
    assert!(matches!(error, AppError::Refused { .. }));
    assert!(error.theirs().contains("schoolgate policy propose"), "{}", error.theirs());
    put_in_force(&store, &clock, "trust.toml", policy_text("trust.toml")).await;
}

#[tokio::test]
async fn a_name_server_that_does_not_answer_is_seen_and_none_that_does_is_a_warning() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let upstream = |name: &str, answers| DnsUpstream { name: name.to_owned(), answers };
    let (one, other) = ("198.51.100.1:53", "tls://198.51.100.2:853");
    for (upstreams, state, says, warnings) in [
        (vec![], "Unknown", "None was asked", 0),
        (vec![upstream(one, true)], "Working", "answers", 0),
        (vec![upstream(one, true), upstream(other, true)], "Working", "All 2", 0),
        (vec![upstream(one, true), upstream(other, false)], "Not working", other, 0),
        (vec![upstream(one, false), upstream(other, false)], "Not working", "None", 1),
    ] {
        world.health.upstreams(upstreams, NOW);
        let home = world.app.home(&head).await.unwrap();
        let row = home.health.iter().find(|row| row.name == "DNS upstreams").unwrap();
        assert_eq!(row.state, state, "{}", row.detail);
        assert!(row.detail.contains(says), "{}", row.detail);
        assert_eq!(world.app.frame(Some(&head)).await.warnings.len(), warnings, "{}", row.detail);
    }
}
