//! The audit log: sealed by the clock, looked at, and compared with what was signed.

use crate::world::{World, school};
use app::{Witness, verify_audit_log};
use model::{Role, Scope};
use store::{Change, Fact};
use wire::{SigningKey, note_checkpoint, noted_checkpoints, sign_checkpoint};

const DAY_MS: i64 = 24 * 3_600_000;

fn witness(world: &World) -> Witness {
    let file = world.folder.path().join("audit.checkpoints");
    Witness { key: Some(world.key.public()), fingerprint: None, file }
}

async fn faults(world: &World, witness: &Witness) -> Vec<String> {
    verify_audit_log(&world.store, witness, world.clock.now()).await.unwrap().faults
}

#[tokio::test]
async fn a_checkpoint_is_signed_for_each_chain_once_a_day_and_after_256_facts() {
    let world = World::new("first-school.toml").await;
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let count = async || world.store.checkpoints(&Scope::Trust).await.unwrap().len();
    world.app.seal_audit_log().await.unwrap();
    world.app.seal_audit_log().await.unwrap();
    assert_eq!(count().await, 1);
    world.clock.advance_ms(DAY_MS);
    world.app.seal_audit_log().await.unwrap();
    assert_eq!(count().await, 2);
    let actor = model::Actor::Program;
    for _ in 0..256 {
        let fact = Fact::new(&actor, Scope::Trust, world.clock.now(), "look");
        world.store.commit(&fact, &[]).await.unwrap();
    }
    world.app.seal_audit_log().await.unwrap();
    assert_eq!(count().await, 3);
    assert_eq!(faults(&world, &witness(&world)).await, [""; 0]);
    let noted = noted_checkpoints(&witness(&world).file).unwrap().checkpoints;
    for kept in world.store.checkpoints(&Scope::Trust).await.unwrap() {
        assert!(noted.contains(&kept), "each stands in the file too");
    }
    world.app.look_at_audit_log().await.unwrap();
    let (at, facts, found) = world.app.exports_view(&head).await.unwrap().audit.unwrap();
    assert!(at == world.clock.now() && facts > 256 && found.is_empty(), "{found:?}");
}

#[tokio::test]
async fn another_key_a_changed_line_and_an_older_copy_of_the_records_are_named() {
    let world = World::new("first-school.toml").await;
    world.app.seal_audit_log().await.unwrap();
    let file = world.folder.path().join("audit.checkpoints");
    let newest = world.store.newest_checkpoint(&Scope::Trust).await.unwrap().unwrap();

    let other = SigningKey::read(&SigningKey::fresh().unwrap()).unwrap();
    let forged = sign_checkpoint(&other, ("trust", 1, "ab"), world.clock.now());
    let change = Change::AddCheckpoint(forged);
    let fact = Fact::new(&model::Actor::Program, Scope::Trust, world.clock.now(), "forge");
    world.store.commit(&fact, &[change]).await.unwrap();
    assert!(faults(&world, &witness(&world)).await[0].contains("another key"));

    // What the file says was written later is not there: the records are older than it.
    let later = sign_checkpoint(&world.key, ("trust", newest.sequence + 50, "ab"), world.clock.now());
    note_checkpoint(&file, &later).unwrap();
    let found = faults(&world, &witness(&world)).await;
    assert!(found[0].contains("an older copy of the records was put back"), "{found:?}");

    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replacen(&newest.hash[..8], "00000000", 1)).unwrap();
    let found = faults(&world, &witness(&world)).await;
    assert!(found.iter().any(|fault| fault.contains("it was changed")), "{found:?}");
    world.app.look_at_audit_log().await.unwrap();
    let head = world.add("head", Role::Headteacher, school("larkfield")).await;
    let (_, _, shown) = world.app.exports_view(&head).await.unwrap().audit.unwrap();
    assert_eq!(shown, found, "the screen says the same");
}

async fn write_facts(world: &World, many: usize) {
    for _ in 0..many {
        let fact = Fact::new(&model::Actor::Program, Scope::Trust, world.clock.now(), "look");
        world.store.commit(&fact, &[]).await.unwrap();
    }
}

#[tokio::test]
async fn a_chain_whose_checkpoints_are_gone_has_a_fault_and_is_not_sealed() {
    let world = World::new("first-school.toml").await;
    let file = world.folder.path().join("audit.checkpoints");
    world.app.seal_audit_log().await.unwrap();
    std::fs::remove_file(&file).unwrap();
    let found = faults(&world, &witness(&world)).await;
    assert!(found.iter().any(|fault| fault.contains("not in the file beside them")), "{found:?}");
    world.clock.advance_ms(DAY_MS);
    assert!(world.app.seal_audit_log().await.is_err());
    assert!(!file.exists(), "no checkpoint came to be");

    // A chain that says it was sealed, and has no checkpoint anywhere, as in a copy that somebody wrote anew.
    let world = World::new("first-school.toml").await;
    let fact = Fact::new(&model::Actor::Program, Scope::Trust, world.clock.now(), "seal-audit-log");
    world.store.commit(&fact.about("fact:1"), &[]).await.unwrap();
    assert!(faults(&world, &witness(&world)).await[0].contains("the checkpoint of that is gone"));
    assert!(world.app.seal_audit_log().await.is_err());
}

#[tokio::test]
async fn a_chain_far_past_its_checkpoints_is_sealed_only_by_who_saw_it_grow() {
    let world = World::new("first-school.toml").await;
    world.app.seal_audit_log().await.unwrap();
    write_facts(&world, 1_100).await;
    let found = faults(&world, &witness(&world)).await;
    assert!(found[0].contains("are under no checkpoint"), "{found:?}");
    assert!(world.app.seal_audit_log().await.is_ok(), "it saw the chain a minute ago");
    assert_eq!(faults(&world, &witness(&world)).await, [""; 0]);

    let world = World::new("first-school.toml").await;
    write_facts(&world, 1_100).await;
    assert!(world.app.seal_audit_log().await.is_err(), "nobody knows what it was");
}

#[tokio::test]
async fn a_line_that_does_not_read_and_a_key_that_is_not_known_are_faults() {
    let world = World::new("first-school.toml").await;
    world.app.seal_audit_log().await.unwrap();
    let file = world.folder.path().join("audit.checkpoints");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, format!("{text}{{\"torn")).unwrap();
    assert_eq!(faults(&world, &witness(&world)).await, [""; 0], "a loss of power does that");
    std::fs::write(&file, format!("no line\n{text}")).unwrap();
    assert!(faults(&world, &witness(&world)).await[0].contains("Line 1"));
    world.clock.advance_ms(DAY_MS);
    assert!(world.app.seal_audit_log().await.is_err());
    std::fs::write(&file, text).unwrap();

    let nobodys = Witness { key: None, ..witness(&world) };
    assert!(faults(&world, &nobodys).await[0].contains("not there"));
    let published = Witness { fingerprint: Some(world.app.key_fingerprint()), ..nobodys.clone() };
    assert_eq!(faults(&world, &published).await, [""; 0]);
    let other = Witness { fingerprint: Some("AB12".to_owned()), ..nobodys };
    assert!(faults(&world, &other).await.iter().any(|fault| fault.contains("another key")));
}

#[tokio::test]
async fn a_row_that_somebody_wrote_does_not_put_a_sealing_off() {
    let world = World::new("first-school.toml").await;
    let forged =
        sign_checkpoint(&world.key, ("trust", i64::MAX, "ab"), world.clock.now().plus_ms(DAY_MS * 900));
    let file = world.folder.path().join("audit.checkpoints");
    note_checkpoint(&file, &forged).unwrap();
    assert!(world.app.seal_audit_log().await.is_err(), "it is due, and the chain never reached there");
}
