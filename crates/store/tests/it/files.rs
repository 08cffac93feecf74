//! What only a file can show: rights, restarts, and a database from a newer program.

use crate::NOW;
use crate::story::{add_person, fact, maya};
use model::{AccountKind, AccountState, CredentialKind};
use sha2::{Digest as _, Sha256};
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
async fn records_that_are_looked_at_as_they_are_are_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::File(folder.path().join("records.db"));
    assert!(Store::open_as_it_is(&place).await.is_err());
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    Store::open(&place, NOW).await.unwrap().close().await;
    let store = Store::open_as_it_is(&place).await.unwrap();
    assert!(store.audit_heads().await.unwrap().is_empty());
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
async fn accounts_of_before_are_carried_over_with_their_passwords() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("records.db");
    let place = Place::File(path.clone());
    std::fs::write(&path, "").unwrap();
    alter(&path, FORM_OF_BEFORE[0]).await;
    for (number, text) in (1..).zip(&FORM_OF_BEFORE[1..]) {
        alter(&path, text).await;
        let hash: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
        alter(&path, &format!("insert into migration values ({number}, '{hash}', 0)")).await;
    }
    alter(&path, BEFORE).await;
    let store = Store::open(&place, NOW).await.unwrap();
    let (head, guest) =
        (store.account("head").await.unwrap().unwrap(), store.account("vesna").await.unwrap().unwrap());
    assert_eq!((head.kind, head.state, head.must_change), (AccountKind::Standard, AccountState::Open, false));
    assert_eq!((guest.kind, guest.state), (AccountKind::Guest, AccountState::Closed));
    let held = store.credentials(head.id).await.unwrap();
    assert_eq!(
        (held.len(), held[0].kind, held[0].verifier.as_str()),
        (1, CredentialKind::Password, "$argon2id$of-head")
    );
    assert_eq!(store.session("signed-in", NOW).await.unwrap(), None, "everybody signs in once more");
}

const FORM_OF_BEFORE: [&str; 6] = [
    "create table migration (number bigint primary key, hash text not null, run_at bigint not null)",
    include_str!("../../migrations/0001_first.sql"),
    include_str!("../../migrations/0002_facts_by_action.sql"),
    include_str!("../../migrations/0003_alerts_and_cases.sql"),
    include_str!("../../migrations/0004_checkpoints.sql"),
    include_str!("../../migrations/0005_exports.sql"),
];

/// A head, who is signed in, and a visitor.
const BEFORE: &str = "\
    insert into person values ('01990000-0000-7000-8000-000000000001', 'trust', 'head', 'A Head', 1), \
        ('01990000-0000-7000-8000-000000000002', 'trust', 'vesna', 'A Guest', 1); \
    insert into affiliation values ('01990000-0000-7000-8000-000000000002', 0, 'school:ash', 'guest', null); \
    insert into account values \
        ('head', 'trust', '01990000-0000-7000-8000-000000000001', '$argon2id$of-head', 'open', 5), \
        ('vesna', 'trust', '01990000-0000-7000-8000-000000000002', '$argon2id$of-guest', 'closed', 5); \
    insert into session values ('signed-in', 'trust', '01990000-0000-7000-8000-000000000001', 'console', '10.0.0.1', \
        5, 5, 9000000000000)";

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
async fn alter(path: &std::path::Path, sql: &str) {
    use sqlx::{ConnectOptions, Connection};
    sqlx::any::install_default_drivers();
    let options: sqlx::any::AnyConnectOptions = format!("sqlite://{}", path.display()).parse().unwrap();
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}
