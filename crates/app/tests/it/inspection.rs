//! The inspection's use cases: hosts put forward for the bypass list, one upon the other, and suggestions turned down.

use crate::world::{NOW, World, policy_text, school, technician};
use app::{AppError, AuthoritySeen, InspectionSeen, Proposal, ScanSeen};
use model::{Action, Host, Role};

const FIRST: &str = "app.example.org";
const SECOND: &str = "bank.example.org";

fn is_bypassed(world: &World, host: &str) -> bool {
    let host = Host::parse(host).unwrap();
    world.snapshot.get().policy().bypass.iter().any(|entry| entry.host == host)
}

#[tokio::test]
async fn a_second_proposal_rests_on_the_first_and_neither_counts_before_its_approval() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let first = world.app.propose_bypass(&lead, FIRST, "Its app says \"no\" \\ hangs up").await.unwrap();
    let second = world.app.propose_bypass(&lead, SECOND, "It asks for a card").await.unwrap();
    assert_ne!(first.hash, second.hash);
    assert!(!is_bypassed(&world, FIRST));
    let twice = world.app.propose_bypass(&lead, SECOND, "again").await;
    assert!(matches!(twice, Err(AppError::Refused { .. })), "{twice:?}");
    world.app.approve_policy(&technician(), second.hash.as_str(), "both apps").await.unwrap();
    assert!(is_bypassed(&world, FIRST) && is_bypassed(&world, SECOND));
    let already = world.app.propose_bypass(&lead, FIRST, "once more").await;
    assert!(matches!(already, Err(AppError::Refused { .. })));
}

#[tokio::test]
async fn a_settings_revision_goes_with_the_edition_that_it_belongs_to() {
    let world = World::new("first-school.toml").await;
    let settings = policy_text("first-school.settings.toml");
    let whole = Proposal {
        edition: ("first-school.toml".to_owned(), policy_text("first-school.toml")),
        settings: Some(("first-school.settings.toml".to_owned(), settings)),
        reason: "the leaders' changes".to_owned(),
    };
    let with_settings = world.app.propose_policy(&technician(), whole).await.unwrap();
    world.app.approve_policy(&technician(), with_settings.hash.as_str(), "agreed").await.unwrap();
    let proposed = world.app.propose_bypass(&technician(), FIRST, "Its app hangs up").await.unwrap();
    world.app.approve_policy(&technician(), proposed.hash.as_str(), "its app works").await.unwrap();
    assert!(is_bypassed(&world, FIRST));
    assert!(world.app.in_force().document.facts.settings.is_some(), "what leaders changed still counts");
}

#[tokio::test]
async fn who_may_is_the_tables_word_and_a_reason_is_one_short_line() {
    let world = World::new("first-school.toml").await;
    let governor = world.add("governor", Role::Governor, school("larkfield")).await;
    let teacher = world.add("teacher", Role::ClassTeacher, school("larkfield")).await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    world.assert_denied(Action::SearchHistory, world.app.inspection_view(&governor).await).await;
    world.assert_denied(Action::ProposePolicy, world.app.propose_bypass(&teacher, FIRST, "so").await).await;
    world
        .assert_denied(Action::ProposePolicy, world.app.dismiss_suggestion(&teacher, FIRST, "so").await)
        .await;
    for why in ["", " \n", "two\nlines", &"long ".repeat(60)] {
        let proposed = world.app.propose_bypass(&lead, FIRST, why).await;
        assert!(matches!(proposed, Err(AppError::Refused { .. })), "{why:?}");
    }
    for host in ["", "no host", "https://app.example.org/"] {
        let proposed = world.app.propose_bypass(&lead, host, "a reason").await;
        assert!(matches!(proposed, Err(AppError::Refused { .. })), "{host:?}");
    }
    world.app.dismiss_suggestion(&lead, FIRST, "We want to see it").await.unwrap();
    let view = world.app.inspection_view(&lead).await.unwrap();
    assert_eq!(
        (view.dismissed[0].host.as_str(), view.dismissed[0].why.as_str()),
        (FIRST, "We want to see it")
    );
    assert!(view.told.is_none() && view.may_change);
}

#[tokio::test]
async fn home_and_the_inspection_say_whether_the_malware_scanner_answers() {
    let world = World::new("first-school.toml").await;
    let lead = world.add("lead", Role::SafeguardingLead, school("larkfield")).await;
    let row = async || {
        let home = world.app.home(&lead).await.unwrap();
        let row = home.health.into_iter().find(|row| row.name == "Malware scanner");
        (row.map(|row| row.state), world.app.frame(Some(&lead)).await.warnings.len())
    };
    let (none, usual) = row().await;
    assert_eq!(none, None);
    let authority =
        AuthoritySeen { name: "Larkfield".to_owned(), fingerprint: "AB".to_owned(), from: NOW, until: NOW };
    let fresh = ScanSeen::default();
    for (scan, state, warns) in [
        (None, None, 0),
        (Some(fresh), Some("Unknown"), 0),
        (Some(ScanSeen { clean: 2, unscanned: 1, ..fresh }), Some("Working"), 0),
        (Some(ScanSeen { clean: 2, unscanned: 1, silent: 1, ..fresh }), Some("Not working"), 1),
    ] {
        let (authority, refused) = (authority.clone(), Vec::new());
        let seen = InspectionSeen { authority, next: None, refused, revocation: (0, 0, 0), scan };
        world.health.inspection(seen, NOW);
        assert_eq!(row().await, (state.map(str::to_owned), usual + warns), "{scan:?}");
        assert_eq!(world.app.inspection_view(&lead).await.unwrap().scan, scan);
    }
}
