//! Reviews of accounts and of rights: which are open, and what was answered line by line. Left out on purpose: who answers,
//! and what an answer does.
//!
//! Invariants: one review of a kind is open at a place; a line is answered once; nothing of a review is removed.

use crate::alert::optional;
use crate::change::taken;
use crate::rows::checked;
use crate::{Store, StoreError};
use model::{ClassId, PersonId, ReviewAnswer, ReviewId, ReviewKind, ReviewState, Role, Scope, Timestamp};
use sqlx::any::AnyRow;
use sqlx::{AnyConnection, Row};

/// The most reviews that are read at once, newest first.
pub const MOST_REVIEWS: usize = 500;

/// A review of accounts or of rights.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Review {
    /// Its id.
    pub id: ReviewId,
    /// Where.
    pub scope: Scope,
    /// Of what.
    pub kind: ReviewKind,
    /// When it was opened, and by whom, as the audit log writes it.
    pub opened: (Timestamp, String),
    /// By when answers are awaited.
    pub ends: Timestamp,
    /// How far it has got.
    pub state: ReviewState,
    /// When its end was last warned of.
    pub warned: Option<Timestamp>,
    /// Why it is held; empty where it is not.
    pub held_why: String,
    /// When it was over, and by whom.
    pub closed: Option<(Timestamp, String)>,
}

/// One account or right that is gone through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReviewLine {
    /// Its place in the review, from 1.
    pub number: i64,
    /// Whose.
    pub person: PersonId,
    /// As what: of an account, the first thing that they are at the place; of a right, the role.
    pub role: Role,
    /// Where that holds.
    pub scope: Scope,
    /// The class whose teachers answer; `None`: leaders do.
    pub class: Option<ClassId>,
    /// What was answered.
    pub answer: Option<ReviewAnswer>,
    /// Why, or what is to be changed; may be empty.
    pub words: String,
    /// When, and by whom.
    pub answered: Option<(Timestamp, String)>,
    /// When what was to be changed was done, and by whom.
    pub done: Option<(Timestamp, String)>,
}

/// How many lines of a review stand how.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ReviewCounts {
    /// All.
    pub lines: u64,
    /// Not answered.
    pub open: u64,
    /// Kept.
    pub kept: u64,
    /// To be changed, or changed.
    pub changed: u64,
    /// Taken away by an answer.
    pub removed: u64,
    /// Taken away for want of one.
    pub lapsed: u64,
    /// To be changed, and not done.
    pub undone: u64,
}

/// A change of reviews.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ReviewChange {
    /// Opens one with its lines.
    Open(Box<Review>, Vec<ReviewLine>),
    /// Answers a line that nobody has answered.
    Answer {
        /// Of which review.
        review: ReviewId,
        /// Which line.
        line: i64,
        /// What.
        answer: ReviewAnswer,
        /// Why; may be empty.
        words: String,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
    /// Notes that what was to be changed is done.
    Done {
        /// Of which review.
        review: ReviewId,
        /// Which line.
        line: i64,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
    /// Notes that its end was warned of.
    Warned {
        /// Which.
        review: ReviewId,
        /// When.
        at: Timestamp,
    },
    /// Holds one that is open until a leader decides.
    Hold {
        /// Which.
        review: ReviewId,
        /// Why.
        why: String,
    },
    /// Gives one that is not over more time.
    Extend {
        /// Which.
        review: ReviewId,
        /// Until when.
        ends: Timestamp,
    },
    /// Ends one.
    Close {
        /// Which.
        review: ReviewId,
        /// When.
        at: Timestamp,
        /// By whom.
        by: String,
    },
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &ReviewChange) -> Result<(), StoreError> {
    let update = match change {
        ReviewChange::Open(review, lines) => return open(connection, review, lines).await,
        ReviewChange::Answer { review, line, answer, words, at, by } => sqlx::query(
            "update review_line set answer = $3, words = $4, answered_at = $5, answered_by = $6 \
             where review = $1 and number = $2 and answer is null",
        )
        .bind(review.to_string())
        .bind(*line)
        .bind(answer.slug())
        .bind(words.clone())
        .bind(at.0)
        .bind(by.clone()),
        ReviewChange::Done { review, line, at, by } => sqlx::query(
            "update review_line set done_at = $3, done_by = $4 \
             where review = $1 and number = $2 and answer = 'change' and done_at is null",
        )
        .bind(review.to_string())
        .bind(*line)
        .bind(at.0)
        .bind(by.clone()),
        ReviewChange::Warned { review, at } => {
            let text = "update access_review set warned = $2 where id = $1 and state <> 'closed'";
            sqlx::query(text).bind(review.to_string()).bind(at.0)
        }
        ReviewChange::Hold { review, why } => {
            let text =
                "update access_review set state = 'held', held_why = $2 where id = $1 and state = 'open'";
            sqlx::query(text).bind(review.to_string()).bind(why.clone())
        }
        ReviewChange::Extend { review, ends } => sqlx::query(
            "update access_review set state = 'open', held_why = '', warned = null, ends = $2 \
             where id = $1 and state <> 'closed'",
        )
        .bind(review.to_string())
        .bind(ends.0),
        ReviewChange::Close { review, at, by } => sqlx::query(
            "update access_review set state = 'closed', closed_at = $2, closed_by = $3 \
             where id = $1 and state <> 'closed'",
        )
        .bind(review.to_string())
        .bind(at.0)
        .bind(by.clone()),
    };
    if update.execute(connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict { expected: "a review or a line that nobody dealt with meanwhile" });
    }
    Ok(())
}

async fn open(
    connection: &mut AnyConnection,
    review: &Review,
    lines: &[ReviewLine],
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into access_review (id, scope, kind, opened_at, opened_by, ends, state, held_why) \
         values ($1, $2, $3, $4, $5, $6, 'open', '')",
    )
    .bind(review.id.to_string())
    .bind(review.scope.to_string())
    .bind(review.kind.slug())
    .bind(review.opened.0.0)
    .bind(review.opened.1.clone())
    .bind(review.ends.0)
    .execute(&mut *connection)
    .await
    .map_err(|error| taken(error, "a review of this kind at this place"))?;
    for line in lines {
        sqlx::query(
            "insert into review_line (review, number, scope, person, role, class, words) values ($1, $2, $3, $4, $5, $6, '')",
        )
        .bind(review.id.to_string())
        .bind(line.number)
        .bind(line.scope.to_string())
        .bind(line.person.to_string())
        .bind(line.role.slug())
        .bind(line.class.map(|class| class.to_string()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

impl Store {
    /// Reviews, those that are not over first, then the newest first, at most [`MOST_REVIEWS`].
    pub async fn reviews(&self) -> Result<Vec<Review>, StoreError> {
        let text = format!(
            "select id, scope, kind, opened_at, opened_by, ends, state, warned, held_why, closed_at, closed_by \
             from access_review order by case when state = 'closed' then 1 else 0 end, opened_at desc, id limit {MOST_REVIEWS}"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_all(&self.pool).await?;
        rows.iter().map(read_review).collect()
    }

    /// The lines of a review, in order.
    pub async fn review_lines(&self, review: ReviewId) -> Result<Vec<ReviewLine>, StoreError> {
        let rows = sqlx::query(
            "select number, person, role, scope, class, answer, words, answered_at, answered_by, done_at, done_by \
             from review_line where review = $1 order by number limit $2",
        )
        .bind(review.to_string())
        .bind(crate::read::LIMIT)
        .fetch_all(&self.pool)
        .await?;
        crate::read::bounded(rows.len(), "review_line")?;
        rows.iter().map(read_line).collect()
    }

    /// How many lines of a review stand how.
    pub async fn review_counts(&self, review: ReviewId) -> Result<ReviewCounts, StoreError> {
        let rows = sqlx::query(
            "select coalesce(answer, ''), count(*), \
             coalesce(cast(sum(case when answer = 'change' and done_at is null then 1 else 0 end) as bigint), 0) \
             from review_line where review = $1 group by answer",
        )
        .bind(review.to_string())
        .fetch_all(&self.pool)
        .await?;
        let mut counts = ReviewCounts::default();
        for row in &rows {
            let (answer, count): (String, i64) = (row.try_get(0)?, row.try_get(1)?);
            let count = u64::try_from(count).unwrap_or(0);
            counts.lines += count;
            match ReviewAnswer::parse(&answer) {
                None => counts.open += count,
                Some(ReviewAnswer::Keep) => counts.kept += count,
                Some(ReviewAnswer::Change) => {
                    counts.changed += count;
                    counts.undone += u64::try_from(row.try_get::<i64, _>(2)?).unwrap_or(0);
                }
                Some(ReviewAnswer::Remove) => counts.removed += count,
                Some(ReviewAnswer::Lapsed) => counts.lapsed += count,
            }
        }
        Ok(counts)
    }
}

fn read_review(row: &AnyRow) -> Result<Review, StoreError> {
    let cell = |column, expected| ("access_review", column, expected);
    Ok(Review {
        id: checked(row, 0, cell("id", "a UUID"), ReviewId::parse)?,
        scope: checked(row, 1, cell("scope", "a scope"), Scope::parse)?,
        kind: checked(row, 2, cell("kind", "a kind of review"), ReviewKind::parse)?,
        opened: (Timestamp(row.try_get(3)?), row.try_get(4)?),
        ends: Timestamp(row.try_get(5)?),
        state: checked(row, 6, cell("state", "a state"), ReviewState::parse)?,
        warned: row.try_get::<Option<i64>, _>(7)?.map(Timestamp),
        held_why: row.try_get(8)?,
        closed: deed(row, 9)?,
    })
}

fn read_line(row: &AnyRow) -> Result<ReviewLine, StoreError> {
    let cell = |column, expected| ("review_line", column, expected);
    Ok(ReviewLine {
        number: row.try_get(0)?,
        person: checked(row, 1, cell("person", "a UUID"), PersonId::parse)?,
        role: checked(row, 2, cell("role", "a role"), Role::parse)?,
        scope: checked(row, 3, cell("scope", "a scope"), Scope::parse)?,
        class: optional(row, 4, cell("class", "a UUID"), ClassId::parse)?,
        answer: optional(row, 5, cell("answer", "an answer"), ReviewAnswer::parse)?,
        words: row.try_get(6)?,
        answered: deed(row, 7)?,
        done: deed(row, 9)?,
    })
}

/// When something was done and by whom, from two columns beside each other.
pub(crate) fn deed(row: &AnyRow, place: usize) -> Result<Option<(Timestamp, String)>, StoreError> {
    let found: (Option<i64>, Option<String>) = (row.try_get(place)?, row.try_get(place + 1)?);
    Ok(found.0.map(Timestamp).zip(found.1))
}
