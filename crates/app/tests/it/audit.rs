//! The audit log: sealed by the clock, looked at, and compared with what was signed.

use crate::world::{World, school};
use app::{Witness, verify_audit_log};
use model::{Role, Scope};
use store::{Change, Fact};
use wire::{SigningKey, note_checkpoint, sign_checkpoint};

const DAY_MS: i64 = 24 * 3_600_000;

fn witness(world: &World) -> Witness {
    let file = world.folder.path().join("audit.checkpoints");
    Witness::read(Some(world.key.public()), &file).unwrap()
}

async fn faults(world: &World, witness: &Witness) -> Vec<String> {
    verify_audit_log(&world.store, witness, world.clock.now()).await.unwrap().faults
}

#[tokio::test]
async fn a_checkpoint_is_signed_for_each_chain_once_a_day_and_after_256_facts() {
    let world = World::new("first-school.toml").await;
    world.add("head", Role::Headteacher, school("larkfield")).await;
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
    let noted = witness(&world).noted.checkpoints;
    assert!(noted.len() >= 3, "each stands in the file too");
    world.app.look_at_audit_log().await.unwrap();
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
}
