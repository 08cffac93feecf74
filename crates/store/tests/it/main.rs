//! The contract of the store: one story, told on SQLite in memory, on SQLite in a file, and on PostgreSQL.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test's helpers fail the test by panicking"
)]

// The cluster is compiled in here rather than linked, so that the store's tests do not wait for all of `testkit`.
mod accounts;
mod badges;
mod files;
mod imports;
#[path = "../../../testkit/src/postgres.rs"]
mod postgres;
mod rights;
mod story;
mod together;
mod work;

use model::Timestamp;
use store::{Place, Store};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

#[tokio::test]
async fn the_story_holds_in_memory() {
    let store = Store::open(&Place::Memory, NOW).await.unwrap();
    story::tell(&store).await;
    work::tell(&store).await;
    rights::tell(&store).await;
    imports::tell(&store).await;
}

#[tokio::test]
async fn the_story_holds_in_a_file() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&Place::File(folder.path().join("records of 100% ash?.db")), NOW).await.unwrap();
    story::tell(&store).await;
    work::tell(&store).await;
    rights::tell(&store).await;
    imports::tell(&store).await;
}

#[tokio::test]
async fn two_programs_that_write_to_one_file_at_once_get_one_chain() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("records.db"));
    let (gate, command_line) =
        (Store::open(&place, NOW).await.unwrap(), Store::open(&place, NOW).await.unwrap());
    story::write_at_once(&gate, &command_line).await;
}

#[tokio::test]
async fn the_story_holds_on_postgresql() {
    let cluster = postgres::Cluster::start().unwrap();
    let place = Place::Postgres(cluster.url());
    let store = Store::open(&place, NOW).await.unwrap();
    story::tell(&store).await;
    work::tell(&store).await;
    rights::tell(&store).await;
    imports::tell(&store).await;
    let again = Store::open(&place, NOW).await.unwrap();
    story::write_at_once(&store, &again).await;
    assert_eq!(again.count_people().await.unwrap(), 2, "a second start keeps the records");
    assert!(!format!("{place:?}").contains("localhost"));
    again.close().await;
    store.close().await;
}
