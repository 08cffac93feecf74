//! Policy documents: put forward, approved, taken up; and what happens when they cannot be.

use crate::screens::{clause, evidence};
use crate::world::{World, policy_text, proposal, school, technician};
use app::AppError;
use model::{Action, Role, Scope};
use store::{Approval, Change, Fact, NewPolicy};

fn edition(version: &str) -> String {
    policy_text("first-school.toml").replacen("version = \"1.0\"", &format!("version = \"{version}\""), 1)
}

#[tokio::test]
async fn a_document_goes_from_proposal_to_deciding_through_two_people() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    let proposed =
        world.app.propose_policy(&head, proposal("first-school.toml", edition("1.1"))).await.unwrap();
    assert!(world.app.policy_view(&governor).await.unwrap().proposal_waiting);
    let home = world.app.home(&governor).await.unwrap();
    assert!(home.needs.iter().any(|need| need.title.contains("waits for approval")), "{:?}", home.needs);
    let again = world.app.propose_policy(&head, proposal("first-school.toml", edition("1.1"))).await.unwrap();
    assert_eq!(again.hash, proposed.hash, "the same again is no mistake");

    let start = &proposed.hash.as_str()[..8];
    let not_the_post = world.app.approve_policy(&head, start, "good").await;
    assert!(matches!(not_the_post, Err(AppError::Refused { .. })), "its own proposer, and no governor");
    let no_reason = world.app.approve_policy(&governor, start, " ").await;
    assert!(matches!(no_reason, Err(AppError::Refused { .. })));
    world.app.approve_policy(&governor, start, "the governors met").await.unwrap();

    assert_eq!(world.snapshot.get().policy().hash, proposed.hash, "it decides at once");
    let view = world.app.policy_view(&governor).await.unwrap();
    assert_eq!((view.version.as_str(), view.proposal_waiting), ("1.1", false));
    assert!(view.approved_by.starts_with("Governor Thistlewick, Governor"), "{}", view.approved_by);
    let in_force = clause(&world, &governor, "GOV-5").await;
    assert_eq!(in_force.state.word(), "Pass", "approved by the post, and deciding: {:?}", in_force.state);
    let twice = world.app.approve_policy(&governor, start, "again").await;
    assert!(matches!(twice, Err(AppError::Refused { .. })));
}

#[tokio::test]
async fn approving_is_for_the_roles_of_the_table_and_every_attempt_is_recorded() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let teacher = world.add("teacher", Role::ClassTeacher, school("larkfield")).await;
    let attempt = world.app.propose_policy(&teacher, proposal("first-school.toml", edition("1.1"))).await;
    world.assert_denied(Action::ProposePolicy, attempt).await;
    let proposed =
        world.app.propose_policy(&lead, proposal("first-school.toml", edition("1.1"))).await.unwrap();
    let attempt = world.app.approve_policy(&teacher, proposed.hash.as_str(), "good").await;
    world.assert_denied(Action::ApprovePolicy, attempt).await;
    for hash in ["", "1234567", "0000000000"] {
        let unknown = world.app.approve_policy(&technician(), hash, "good").await;
        assert!(matches!(unknown, Err(AppError::Refused { .. })), "{hash}");
    }
}

#[tokio::test]
async fn a_document_with_mistakes_is_not_kept_and_all_of_them_are_named() {
    let world = World::new("first-school.toml").await;
    let text = edition("1.1").replace("\"class-teacher\"", "\"class-teecher\"");
    let error = world.app.propose_policy(&technician(), proposal("new.toml", text)).await.unwrap_err();
    assert!(
        error.theirs().contains("new.toml:") && error.theirs().contains("class-teacher"),
        "{}",
        error.theirs()
    );
    assert_eq!(world.store.policies_waiting(&Scope::Trust).await.unwrap(), 0);
}

#[tokio::test]
async fn what_another_program_approved_is_taken_up_by_the_running_gate() {
    let world = World::new("first-school.toml").await;
    let command_line = world.restarted().await;
    let proposed = command_line
        .app
        .propose_policy(&technician(), proposal("first-school.toml", edition("1.1")))
        .await
        .unwrap();
    command_line.app.approve_policy(&technician(), proposed.hash.as_str(), "urgent").await.unwrap();
    assert_ne!(world.snapshot.get().policy().hash, proposed.hash);
    world.app.take_up_changes().await.unwrap();
    assert_eq!(world.snapshot.get().policy().hash, proposed.hash);
}

#[tokio::test]
async fn an_approved_document_that_cannot_be_read_leaves_the_old_one_deciding_and_every_screen_says_so() {
    let world = World::new("first-school.toml").await;
    let before = world.snapshot.get().policy().hash.clone();
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    for (hash, text) in [("ab", "not a policy".to_owned()), ("cd", edition("1.1"))] {
        force_in(&world, hash, text).await;
        world.app.take_up_changes().await.unwrap();
        assert_eq!(world.snapshot.get().policy().hash, before);
        let warnings = world.app.frame(Some(&head)).await.warnings;
        assert!(
            warnings.iter().any(|warning| warning.contains("the one before it still decides")),
            "{warnings:?}"
        );
        assert!(!warnings[0].contains("expected"), "the error's own words are for the log: {warnings:?}");
        let in_force = clause(&world, &head, "GOV-5").await;
        assert_eq!(in_force.state.word(), "Fail", "{:?}", in_force.state);
    }
    let proposed =
        world.app.propose_policy(&technician(), proposal("first-school.toml", edition("1.2"))).await.unwrap();
    world.app.approve_policy(&technician(), proposed.hash.as_str(), "put right").await.unwrap();
    assert!(world.app.frame(Some(&head)).await.warnings.is_empty(), "put right, and said no more");
}

#[tokio::test]
async fn what_the_records_hold_is_read_again_for_the_clause_of_the_policy_in_force() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    assert_eq!(clause(&world, &head, "GOV-5").await.state.word(), "Unknown", "an emergency approval");
    // Not taken up: the running gate is as it was, and the records are not.
    force_in(&world, "cd", edition("1.1")).await;
    let in_force = clause(&world, &head, "GOV-5").await;
    assert_eq!(in_force.state.word(), "Fail", "{:?}", in_force.state);
    assert!(evidence(&in_force.state).contains("not the one that was approved"), "{:?}", in_force.state);
}

#[tokio::test]
async fn a_policy_with_other_lists_is_told_to_whoever_reads_them() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    approve(&world, edition("1.1")).await;
    assert!(!told(&world).await, "the same lists");
    let more = "\n[[list]]\nid = \"more\"\nname = \"More\"\nformat = \"hosts\"\nsource = \"more.txt\"\ncategory = \"games\"\n";
    approve(&world, edition("1.2") + more).await;
    assert!(told(&world).await, "another list");
    assert!(!told(&world).await, "once");
    let lists = clause(&world, &head, "FLT-8").await;
    assert!(evidence(&lists.state).contains("In the policy, and not in force: More"), "{:?}", lists.state);
}

async fn approve(world: &World, text: String) {
    let proposed =
        world.app.propose_policy(&technician(), proposal("first-school.toml", text)).await.unwrap();
    world.app.approve_policy(&technician(), proposed.hash.as_str(), "now").await.unwrap();
}

async fn told(world: &World) -> bool {
    tokio::select! {
        biased;
        () = world.app.lists_changed() => true,
        () = std::future::ready(()) => false,
    }
}

/// Puts a text in force behind the use cases' back, under a hash that is not its own.
async fn force_in(world: &World, hash: &str, text: String) {
    let hash = model::PolicyHash::new(hash.repeat(32));
    let (at, by, why) = (world.clock.now(), "command-line:somebody".to_owned(), "tampering".to_owned());
    let edition = ("x.toml".to_owned(), text);
    let (scope, fact) = (Scope::Trust, Fact::new(&technician(), Scope::Trust, at, "tamper"));
    let policy = NewPolicy {
        hash: hash.clone(),
        scope: scope.clone(),
        edition,
        settings: None,
        at,
        by: by.clone(),
        why: why.clone(),
    };
    let approval = Approval { hash, scope, at, by, why };
    let changes = [Change::ProposePolicy(policy), Change::ApprovePolicy(approval)];
    world.store.commit(&fact, &changes).await.unwrap();
}
