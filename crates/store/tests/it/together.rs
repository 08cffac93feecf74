//! Commits that arrive at once are written together: each whole or not at all, in one chain.

use crate::story::fact;
use model::{PersonId, Scope};
use std::collections::BTreeSet;
use store::{Change, Store, StoreError};
use tokio::task::JoinSet;
use uuid::Uuid;

/// Commits at once; every fifth counts on somebody who is not there.
const AT_ONCE: u128 = 200;

pub async fn tell(store: &Store) {
    let before = store.audit(&Scope::Trust, 0, 10_000).await.unwrap().len();
    let mut commits = JoinSet::new();
    for number in 0..AT_ONCE {
        let store = store.clone();
        commits.spawn(async move {
            let note = Change::NoteInstallation { name: "together", value: number.to_string() };
            let nobody = Change::SetAffiliations {
                person: PersonId(Uuid::from_u128(900_000 + number)),
                affiliations: Vec::new(),
            };
            let changes = if number % 5 == 0 { vec![note, nobody] } else { vec![note] };
            (number, store.commit(&fact("at-once"), &changes).await)
        });
    }
    let mut sequences = BTreeSet::new();
    while let Some(done) = commits.join_next().await {
        match done.unwrap() {
            (number, Ok(committed)) => {
                assert_ne!(number % 5, 0);
                assert!(sequences.insert(committed.sequence), "a place in the chain is given once");
            }
            (number, Err(error)) => {
                assert_eq!(number % 5, 0, "one that fails takes no other with it: {error}");
                assert!(matches!(error, StoreError::Conflict { .. }), "{error}");
            }
        }
    }
    let after = store.audit(&Scope::Trust, 0, 10_000).await.unwrap().len();
    assert_eq!((sequences.len(), after - before), (160, 160));
    assert_eq!(store.verify_audit(&Scope::Trust).await.unwrap().broken_at, None);
    let last: u128 = store.installation("together").await.unwrap().unwrap().parse().unwrap();
    assert_ne!(last % 5, 0, "what failed left nothing");

    // Whoever gives up once it has begun takes nobody behind them along.
    let given_up = fact("given-up");
    tokio::select! {
        biased;
        _ = store.commit(&given_up, &[]) => {}
        () = std::future::ready(()) => {}
    }
    store.commit(&fact("at-once"), &[]).await.unwrap();
}
