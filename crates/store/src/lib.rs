//! The records: people, accounts, classes, devices, sessions, policy documents, posts, alerts, cases, reports and the audit chain, in SQLite or, when a
//! school outgrows it, PostgreSQL. All SQL of the program is in this crate, one text for both.
//!
//! There is one door for writing: [`Store::commit`] takes changes together with the [`Fact`] that says who makes them
//! and why, and writes all or nothing. Left out on purpose: rules. Whether a change is allowed is decided before it
//! comes here. Access events are not here either; they are `history`'s.
//!
//! Invariants: no change without its audit fact in the same transaction (the one exception,
//! [`Store::touch_session`], notes only that a known session is alive); each scope's facts are a chain of hashes
//! without gaps; every row has a scope; every read is bounded.

mod access_seen;
mod account;
mod account_change;
mod alert;
mod audit;
mod audit_check;
mod badge;
mod case;
mod change;
mod class;
mod class_window;
mod export;
mod fact_counts;
mod factor;
mod group;
mod migrations;
mod notification;
mod open;
mod people_import;
mod read;
mod recovery;
mod report;
mod review;
mod rights;
mod rows;
mod sealed;
mod session;
mod visitor;

pub use access_seen::AccessSeen;
pub use account::{Account, AccountsSeen, Credential};
pub use account_change::AccountChange;
pub use alert::{AlertChange, AlertEntry, AlertRecord, MOST_ALERTS, NewAlert};
pub use audit::{AuditRow, Fact};
pub use audit_check::{AuditCheck, AuditFault, ChainHead, SEALED, Signed};
pub use badge::{Badge, BadgeChange, NewBadge, Pictures};
pub use case::{CaseChange, CaseEntry, CaseLink, CaseRecord, MOST_CASE_LINES, MOST_CASES, NewCase, hash_of};
pub use change::{Approval, Change, Committed, NewPolicy};
pub use class::{Class, ClassChange, ClassName};
pub use class_window::{ClassWindow, ClassWindowChange};
pub use export::{CustodyEntry, ExportChange, ExportRecord, MOST_CUSTODY, MOST_EXPORTS, MadePack, NewExport};
pub use fact_counts::FactCount;
pub use factor::FactorName;
pub use notification::{
    NewNotification, NotificationChange, NotificationChannel, NotificationRecord, NotificationState,
};
pub use open::{Place, Store};
pub use people_import::{ImportChange, ImportRecord, MOST_IMPORTS, NewImport, PersonSource};
pub use read::{MOST_ROWS, Revisions};
pub use recovery::{RecoveryChange, RecoveryRecord, RecoveryWant, RecoveryWish};
pub use report::{ReportChange, ReportRecord, WeeklyReport};
pub use review::{MOST_REVIEWS, Review, ReviewChange, ReviewCounts, ReviewLine};
pub use rights::{Grant, MOST_REQUESTS, NewRequest, RequestRecord, RightsChange};
pub use rows::{DocumentState, PolicyRecord, PostHolder, WebClaim};
pub use sealed::{SealedChange, SealedRow};
pub use session::{NewSession, Session, SessionChange, SessionKind, SessionStage};
pub use visitor::{MOST_POOLS, MOST_VISITORS, VisitorAccount, VisitorChange, VisitorIssue, VisitorPool};

/// What went wrong with the records.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database said no, or could not be reached.
    #[error("expected the database to answer, found: {0}")]
    Database(#[from] sqlx::Error),
    /// The database's file could not be made or closed to others.
    #[error("expected to keep the records in {path}, readable by this user alone, found: {source}")]
    File {
        /// Where.
        path: String,
        /// What the system said.
        source: std::io::Error,
    },
    /// The database was made by a newer program.
    #[error("expected records of form {newest} or older, found {found}: start the program that made them")]
    TooNew {
        /// The newest form this program knows.
        newest: i64,
        /// The form in the database.
        found: i64,
    },
    /// A migration that was already run has another text now.
    #[error("expected migration {number} to be the one that was run, found another text")]
    MigrationChanged {
        /// Its number.
        number: i64,
    },
    /// A row does not read back as what it should be.
    #[error("expected {column} of {table} to be {expected}, found something else")]
    UnreadableRow {
        /// The table.
        table: &'static str,
        /// The column.
        column: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// What the change is about is not there any more, or was changed by somebody else first.
    #[error("expected {expected}, found that it is not so (any more)")]
    Conflict {
        /// What the change counts on.
        expected: &'static str,
    },
    /// What a decision stood on was changed between reading and writing: read it again, and decide again.
    #[error("expected the installation's note {name} to be as it was read, found another")]
    Overtaken {
        /// The note.
        name: String,
    },
    /// Something of that name is already there.
    #[error("expected {what} that is not taken yet, found one that is")]
    Taken {
        /// What.
        what: &'static str,
    },
    /// More rows than the program reads at once.
    #[error("expected at most {most} rows of {table}, found more")]
    TooMany {
        /// The table.
        table: &'static str,
        /// The bound.
        most: usize,
    },
}
