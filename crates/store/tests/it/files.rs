//! What only a file can show: rights, restarts, and a database from a newer program.

use crate::NOW;
use crate::story::{add_person, fact, maya};
use std::os::unix::fs::PermissionsExt;
use store::{Place, Store, StoreError};

#[tokio::test]
async fn the_file_and_its_side_files_are_closed_to_others() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let store = Store::open(&Place::File(path), NOW).await.unwrap();
    store.commit(&fact("add-person"), &[add_person(maya())]).await.unwrap();
    for entry in std::fs::read_dir(folder.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
    }
    store.close().await;
}

#[tokio::test]
async fn what_was_committed_is_there_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("records.db"));
    let store = Store::open(&place, NOW).await.unwrap();
    store.commit(&fact("add-person"), &[add_person(maya())]).await.unwrap();
    store.close().await;
    let again = Store::open(&place, NOW).await.unwrap();
    assert_eq!(again.people().await.unwrap(), [maya()]);
}

#[tokio::test]
async fn records_of_a_newer_program_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let place = Place::File(path.clone());
    Store::open(&place, NOW).await.unwrap().close().await;
    alter(&path, "insert into migration (number, hash, run_at) values (99, 'x', 0)").await;
    assert!(matches!(Store::open(&place, NOW).await, Err(StoreError::TooNew { found: 99, .. })));
    alter(&path, "delete from migration where number = 99; update migration set hash = 'y'").await;
    assert!(matches!(Store::open(&place, NOW).await, Err(StoreError::MigrationChanged { number: 1 })));
}

#[tokio::test]
async fn a_chain_that_was_touched_shows_where() {
    for (damage, broken_at) in [
        ("update audit set details = '{}' where sequence = 2", Some(2)),
        ("delete from audit where sequence = 2", Some(2)),
        ("delete from audit where sequence = 3", Some(3)),
        ("update audit set actor = 'program' where sequence = 3", Some(3)),
        ("update installation set value = 'x'", None),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("records.db");
        let store = Store::open(&Place::File(path.clone()), NOW).await.unwrap();
        for action in ["one", "two", "three"] {
            store.commit(&fact(action).with("number", action), &[]).await.unwrap();
        }
        alter(&path, damage).await;
        let check = store.verify_audit(&model::Scope::Trust).await.unwrap();
        assert_eq!(check.broken_at, broken_at, "{damage}");
    }
}

/// Changes the file behind the store's back, as somebody with the disk in their hands could.
async fn alter(path: &std::path::Path, sql: &'static str) {
    use sqlx::{ConnectOptions, Connection};
    let options: sqlx::any::AnyConnectOptions = format!("sqlite://{}", path.display()).parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
