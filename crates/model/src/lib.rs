//! The field's nouns as values with invariants, and the ports between edges and use cases.
//!
//! Left out on purpose: serialisation, I/O, async, rules. Whoever writes a noun to a wire or a file mirrors it in
//! its own crate, so that a change here never changes a format by accident.
//!
//! Invariants: a checked value has another type than an unchecked one; every bounded text is cut where it is made;
//! nothing here reads a clock except [`Clock`].

mod access;
mod account;
mod alert;
mod alert_route;
mod alert_work;
mod ask;
mod case;
mod category;
mod checkpoint;
mod clause;
mod device;
mod event;
mod event_queue;
mod export;
mod file_kind;
mod handed_out;
mod host;
mod id;
mod import;
mod language;
mod people;
mod place;
mod ports;
mod proxy_header;
mod report;
mod rights;
mod said;
mod shares;
mod sign_in;
mod suggestions;
mod theme;
mod time;
mod verdict;
mod way_round;

pub use access::{Action, Actor, Role};
pub use account::{AccountKind, AccountState, ClassKind, ClassPart, CredentialKind};
pub use alert::{Alert, AlertKind, AlertSubject, MOST_EVENTS_OF_ALERT, Severity};
pub use alert_route::{About, Addressee, Ladder};
pub use alert_work::{AlertState, Triage};
pub use ask::{Ask, Channel, Known, KnownBy, Target, Who};
pub use case::{CaseEntryKind, CaseLinkKind, CaseOutcome};
pub use category::{Category, CategorySet};
pub use checkpoint::Checkpoint;
pub use clause::{ClauseId, ClauseState, HowMet};
pub use device::{Device, DeviceKind};
pub use event::{AccessEvent, Asker, EventId, EventOutcome, MAX_TARGET_BYTES};
pub use event_queue::{EventReceiver, EventSender, event_channel};
pub use export::{CustodyStep, ExportKind, ExportState, LawfulBasis, Naming};
pub use file_kind::FileKind;
pub use handed_out::HandedOut;
pub use host::{Host, HostError, ends_in_number};
pub use id::{
    AccountId, AlertId, CaseId, ClassId, CredentialId, DeviceId, ExportId, GateId, GroupId, ImportId, ListId,
    NetworkId, NotificationId, PersonId, PolicyHash, PoolId, ReportId, RequestId, ReviewId, SchoolId,
    SessionId,
};
pub use import::{ImportKind, ImportState};
pub use language::Language;
pub use people::{Affiliation, Person, Stage, YearGroup};
pub use place::Scope;
pub use ports::{Claim, CurrentRoster, IdentityMap, Roster};
pub use proxy_header::{ProxyHeader, ProxyHeaderRead};
pub use report::ReportKind;
pub use rights::{RequestState, ReviewAnswer, ReviewKind, ReviewState, RightsKind, VisitorState};
pub use said::{Said, SaidKind, Typing};
pub use shares::{Share, Shares};
pub use sign_in::{Credentials, Presented, Principal, SignIn, SignInAnswer};
pub use suggestions::{Suggestion, SuggestionKind, Suggestions};
pub use theme::Theme;
pub use time::{Clock, DAY_MS, Day, Timestamp};
pub use verdict::{
    DnsAnswer, Group, Inspection, Layer, ListLine, Membership, Outcome, Reason, Revisions, Rewrite, Verdict,
};
pub use way_round::{Leaks, WayRound};
