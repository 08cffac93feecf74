//! Commits that arrive while another is on its way to the disk go there together: one wait for the disk for all of them, so
//! that a class that signs in at once does not stand in line for it.
//!
//! Invariants: each is written whole or not at all, whatever becomes of the others; nobody is answered before the disk has
//! what they wrote; they are written in the order in which they came; whoever gave up waiting before their turn has written
//! nothing.

use crate::change::write_one;
use crate::{Change, Committed, Fact, Store, StoreError};
use sqlx::AnyConnection;
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::oneshot::{self, Sender};

/// The most that are written together: a bound on how long the first of them waits for the last.
const MOST_TOGETHER: usize = 64;

/// The lock that one writer has at a time; the number is of no other use.
const TURN: &str = "do $$ begin perform pg_advisory_xact_lock(7310558120415); end $$";

/// What waits to be written, oldest first. As long as there are requests that wait for it.
#[derive(Default)]
pub(crate) struct Waiting(Mutex<VecDeque<Entry>>);

impl std::fmt::Debug for Waiting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Waiting")
    }
}

/// One commit.
struct Entry {
    fact: Fact,
    changes: Vec<Change>,
    answer: Sender<Result<Committed, StoreError>>,
}

impl Waiting {
    fn held(&self) -> MutexGuard<'_, VecDeque<Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The oldest that somebody still waits for.
    fn next(&self) -> Vec<Entry> {
        let mut held = self.held();
        let mut together = Vec::new();
        while together.len() < MOST_TOGETHER {
            match held.pop_front() {
                Some(entry) if entry.answer.is_closed() => {}
                Some(entry) => together.push(entry),
                None => break,
            }
        }
        together
    }
}

impl Store {
    /// Writes a fact and its changes, all or nothing. With no changes the fact alone is written: a look, a denial.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when what a change counts on is not so any more, [`StoreError::Taken`] when a name is
    /// taken; nothing is written then.
    pub async fn commit(&self, fact: &Fact, changes: &[Change]) -> Result<Committed, StoreError> {
        let (answer, mut answered) = oneshot::channel();
        self.waiting.held().push_back(Entry { fact: fact.clone(), changes: changes.to_vec(), answer });
        loop {
            let turn = tokio::select! {
                biased;
                done = &mut answered => return done.unwrap_or_else(|_| Err(lost())),
                turn = Arc::clone(&self.writer).lock_owned() => turn,
            };
            // A task of its own: whoever has the turn may be given up on, and the others' writing must not end with that.
            let store = self.clone();
            let writing = tokio::spawn(async move {
                store.write_waiting().await;
                drop(turn);
            });
            writing.await.map_err(|_| lost())?;
        }
    }

    /// Writes what waits, with one wait for the disk. Whoever calls has the writer's turn.
    async fn write_waiting(&self) {
        let together = self.waiting.next();
        if together.is_empty() {
            return;
        }
        let (entries, answers): (Vec<_>, Vec<_>) =
            together.into_iter().map(|entry| ((entry.fact, entry.changes), entry.answer)).unzip();
        let outcomes = match self.write_together(&entries).await {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let words = error.to_string();
                let failed =
                    |_: &(Fact, Vec<Change>)| Err(StoreError::Database(sqlx::Error::Protocol(words.clone())));
                entries.iter().map(failed).collect()
            }
        };
        for (answer, outcome) in answers.into_iter().zip(outcomes) {
            // Whoever gave up meanwhile has written nevertheless: the record is right, and nobody asks.
            let _ = answer.send(outcome);
        }
    }

    /// Waits for the turn among all programs on one PostgreSQL until this transaction ends: the rows of several commits stay
    /// locked as long, in the order in which they came, and two programs would wait for each other. SQLite has one writer.
    pub(crate) async fn take_turn(&self, connection: &mut AnyConnection) -> Result<(), sqlx::Error> {
        if self.begin == "begin" {
            // A block gives no row back: the function's own type cannot be read by a driver that stands for any.
            sqlx::raw_sql(TURN).execute(connection).await?;
        }
        Ok(())
    }

    async fn write_together(
        &self,
        entries: &[(Fact, Vec<Change>)],
    ) -> Result<Vec<Result<Committed, StoreError>>, sqlx::Error> {
        let mut transaction = self.pool.begin_with(self.begin).await?;
        self.take_turn(&mut transaction).await?;
        let mut outcomes = Vec::with_capacity(entries.len());
        for (fact, changes) in entries {
            outcomes.push(write_within(&mut transaction, fact, changes).await?);
        }
        transaction.commit().await?;
        Ok(outcomes)
    }
}

/// Writes one of several, and takes back what it wrote where it could not be written whole.
async fn write_within(
    connection: &mut AnyConnection,
    fact: &Fact,
    changes: &[Change],
) -> Result<Result<Committed, StoreError>, sqlx::Error> {
    sqlx::raw_sql("savepoint one").execute(&mut *connection).await?;
    let outcome = write_one(connection, fact, changes).await;
    if outcome.is_err() {
        sqlx::raw_sql("rollback to savepoint one").execute(&mut *connection).await?;
    }
    sqlx::raw_sql("release savepoint one").execute(connection).await?;
    Ok(outcome)
}

fn lost() -> StoreError {
    StoreError::Database(sqlx::Error::WorkerCrashed)
}
