//! The use cases: what people and the program do, one file each. Check the permission, load, ask a pure rule, save with
//! the audit fact, return a view that a screen needs nothing else for.
//!
//! Left out on purpose: HTTP, SQL, and decisions about single requests (those are `policy::Snapshot`'s).
//!
//! Invariants: nothing is read or changed without a permission check; a check that fails is a fact in the audit chain; a
//! look at the history is recorded before its rows are given; a person of one school sees no other school's rows. In
//! views of history, alerts and cases people stand by pseudonym, and by name where somebody asked with a reason; in log lines
//! names never stand.

mod access_checked;
mod accounts;
mod accounts_at_machine;
mod administrators;
mod administrators_at_machine;
mod administrators_work;
mod aim;
mod alert_views;
mod alert_work;
mod alerts;
mod alerts_seen;
mod approved;
mod audit_log;
mod authority;
mod badge_sign_in;
mod badges;
mod case_pack;
mod case_paper;
mod case_views;
mod cases;
mod ceremonies;
mod checks;
mod choose_password;
mod circle;
mod class_windows;
mod classes;
mod demo;
mod error;
mod explain;
mod export_expiry;
mod export_history;
mod export_merge;
mod export_pack;
mod export_place;
mod export_rows;
mod export_words;
mod exports;
mod facade;
mod factors;
mod factors_held;
mod forgotten;
mod frame;
mod groups_seen;
mod hashing;
mod health;
mod history_counts;
mod history_file;
mod history_looks;
mod history_move;
mod history_query;
mod history_rows;
mod history_sight;
mod holds;
mod home;
mod imports;
mod inspection;
mod intake;
mod lanes;
mod leaks;
mod lists;
mod look_reason;
pub mod made_up;
mod my_account;
mod notifications;
mod password;
mod password_policy;
mod password_rules;
mod passwords_breached;
mod people;
mod people_reach;
mod people_seen;
mod picture_sign_in;
mod pictures;
mod policies;
mod policy_view;
mod pseudonyms;
mod recovery_stands;
mod recovery_work;
mod reports;
mod reports_weekly;
mod retention;
mod review_ends;
mod reviews;
mod rights;
mod rights_seen;
mod sealed_records;
mod search_history;
mod second_step;
mod sign_in;
mod sign_in_steps;
mod take_up;
pub mod views;
mod visitors;
mod web_sign_in;
mod words;

pub use accounts::{AccountDeed, HandedOver, MadeSure, NewPerson, ResetChecks};
pub use accounts_at_machine::{AtMachine, TemporaryPassword};
pub use administrators_at_machine::Envelope;
pub use alert_views::Named;
pub use alert_work::AlertDeed;
pub use approved::{InForce, approved_policy};
pub use audit_log::{AuditReport, ChainReport, Seals, Witness, verify_audit_log};
pub use authority::{AuthorityChange, record_authority_change};
pub use badges::WhichBadges;
pub use cases::CaseDeed;
pub use class_windows::{WindowMinutes, WindowPlace};
pub use demo::Demo;
pub use error::{AppError, RefusedFor};
pub use explain::target_of;
pub use exports::{ExportDeed, PackFile};
pub use facade::{App, Parts};
pub use factors::{Holder, NewCodes, NewFactor};
pub use forgotten::Forgotten;
pub use health::{AuthoritySeen, DnsUpstream, Health, InspectionSeen, ScanSeen};
pub use history_file::HistoryFile;
pub use history_move::{HistoryMove, record_history_move};
pub use imports::{Imports, UNDO_DAYS, Undone, Upload, Urgency};
pub use intake::{record_and_watch, record_events};
pub use lanes::Caller;
pub use lists::{
    Closing, DAYS_LOOKED_BACK, GoBack, ListsPlace, ListsSwap, NewlyBlocked, SwapBy, categories_of, closing,
    note_unrecorded_lists, record_lists_swap, roll_back_lists, sites_used, where_from, written_as,
};
pub use look_reason::{LookReason, Purpose};
pub use my_account::{OtherSessions, PasswordChange};
pub use notifications::{Delivery, Recipient};
pub use password_policy::password_policy;
pub use people::{Move, move_person};
pub use policies::{Proposal, Proposed, approve_policy, propose_policy};
pub use recovery_work::{RecoveryDeed, RecoveryDone, RecoveryOrder};
pub use reports::{NewReport, soon};
pub use review_ends::HeldDeed;
pub use reviews::LineAnswer;
pub use rights::RightsDeed;
pub use second_step::{PasskeyPurpose, SecondStep};
pub use sign_in::{ConsoleSession, Fresh, Proof, SignInStep};
pub use sign_in_steps::NewPassword;
