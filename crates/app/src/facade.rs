//! The one handle on all use cases, and what they share: who may do what where, and the audit facts of that.

use crate::administrators::{self, Write};
use crate::badge_sign_in::UnknownBadges;
use crate::ceremonies::Ceremonies;
use crate::history_looks::Looks;
use crate::lists::{LastLook, ListsPlace};
use crate::passwords_breached::BreachService;
use crate::reports::ReportLanes;
use crate::{AppError, Health, InForce, Recipient, Seals, people};
use history::History;
use identity::{AskedBy, HashingTurns, Lockout, PasskeyPlace, Pepper, permit, scopes_for};
use model::{
    Action, Actor, Clock, CurrentRoster, HandedOut, Host, IdentityMap, Leaks, Person, SchoolId, Scope,
    Suggestions, Timestamp,
};
use policy::{CurrentSnapshot, Policy, Snapshot};
use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, RwLock};
use store::{ChainHead, Change, Fact, Revisions, Store};
use tokio::sync::{Notify, Semaphore, watch};

/// The most files of history that are made at once.
const MOST_FILES: usize = 4;

/// The use cases of one gate. A clone is another handle on the same one.
#[derive(Clone)]
pub struct App(pub(crate) Arc<Inner>);

/// What the use cases work with; the edges share most of it.
pub struct Parts {
    /// The records.
    pub store: Store,
    /// The access history.
    pub history: History,
    /// The policy and lists in force.
    pub snapshot: Arc<CurrentSnapshot>,
    /// The people and devices.
    pub roster: Arc<CurrentRoster>,
    /// Who is at which address.
    pub identities: Arc<IdentityMap>,
    /// The time.
    pub clock: Clock,
    /// What passwords are mixed with.
    pub pepper: Pepper,
    /// What is seen of the gate's parts.
    pub health: Arc<Health>,
    /// The gate's own names, for every snapshot that is compiled.
    pub own_hosts: Vec<Host>,
    /// Where the lists lie.
    pub lists: ListsPlace,
    /// The addresses that our DNS handed out.
    pub handed_out: Arc<HandedOut>,
    /// How often each way round the filter was tried.
    pub leaks: Arc<Leaks>,
    /// Hosts that may belong on the bypass list.
    pub suggestions: Arc<Suggestions>,
    /// What seals the audit log and signs packs.
    pub seals: Seals,
}

pub(crate) struct Inner {
    pub(crate) parts: Parts,
    /// The document behind the snapshot in force.
    pub(crate) in_force: RwLock<Arc<InForce>>,
    /// What was last taken up of other programs' changes. Held while taking up, so that it happens once at a time.
    pub(crate) taken_up: tokio::sync::Mutex<Revisions>,
    /// The newest end of somebody's sessions that was taken up.
    pub(crate) ended_seen: Mutex<Timestamp>,
    /// Held while a snapshot is compiled and put in force, so that lists and policy never overwrite each other.
    pub(crate) compiling: Mutex<()>,
    /// Told when a policy with other lists comes into force.
    pub(crate) lists_changed: Notify,
    /// Which lists' pointer was last looked into. Held while looking, so that it happens once at a time.
    pub(crate) lists_seen: Mutex<Option<LastLook>>,
    /// Turns to hash a password: each takes 19 MiB and a core.
    pub(crate) hashing: HashingTurns,
    /// Wrong passwords of late.
    pub(crate) lockout: Mutex<Lockout>,
    /// True where the lock-out counted something since it was last kept.
    pub(crate) lockout_moved: AtomicBool,
    /// Raised whenever an alert was taken up or worked on.
    pub(crate) alerts_revision: watch::Sender<u64>,
    /// Who is told when something asks for attention.
    pub(crate) recipients: RwLock<Vec<Recipient>>,
    /// Who reported of late.
    pub(crate) report_lanes: Mutex<ReportLanes>,
    /// Codes of badges that nobody has, of late.
    pub(crate) unknown_badges: Mutex<UnknownBadges>,
    /// Searches of the history that hold what must not stand in an address.
    pub(crate) looks: Mutex<Looks>,
    /// Where each chain of the audit log had got to when it was last looked at. Held while sealing.
    pub(crate) heads_seen: tokio::sync::Mutex<BTreeMap<Scope, ChainHead>>,
    /// How many files of history are made at once: each holds a thread while it is taken.
    pub(crate) making_files: Arc<Semaphore>,
    /// Where the console is reached; empty until it listens.
    pub(crate) console_address: OnceLock<String>,
    /// Where passkeys are made for; empty until the console's address is known.
    pub(crate) passkey_place: OnceLock<PasskeyPlace>,
    /// Who is asked about breached passwords; empty where nobody is.
    pub(crate) breach_service: OnceLock<BreachService>,
    /// Second factors that are being made or asked for.
    pub(crate) ceremonies: Mutex<Ceremonies>,
    /// Held while a pack is made or made anew.
    pub(crate) making_pack: tokio::sync::Mutex<()>,
}

/// What an actor sees of what belongs to schools.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Reach {
    /// All of it.
    Everything,
    /// What belongs to these schools.
    Schools(Vec<SchoolId>),
}

impl Reach {
    /// True when what belongs to this scope is within reach.
    pub(crate) fn covers(&self, scope: &Scope) -> bool {
        match (self, scope) {
            (Self::Everything, _) => true,
            (Self::Schools(schools), Scope::School(school)) => schools.contains(school),
            (Self::Schools(_), Scope::Trust) => false,
        }
    }

    /// True when somebody belongs to what is within reach.
    pub(crate) fn covers_person(&self, person: &Person) -> bool {
        *self == Self::Everything
            || person.affiliations.iter().any(|affiliation| self.covers(&affiliation.scope))
    }

    /// The schools to ask the history for; `None`: all, and events of no known school too.
    pub(crate) fn schools(&self) -> Option<Vec<SchoolId>> {
        match self {
            Self::Everything => None,
            Self::Schools(schools) => Some(schools.clone()),
        }
    }
}

impl App {
    /// Takes up the work: loads people, devices and who is at which address from the records.
    pub async fn start(parts: Parts, in_force: InForce) -> Result<Self, AppError> {
        let lockout = Lockout::new(&parts.pepper)?;
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let hashing = HashingTurns::new(cores.saturating_sub(1), parts.clock.clone());
        let (revisions, started) = (parts.store.revisions().await?, parts.clock.now());
        parts.roster.put(people::load_roster(&parts.store).await?);
        for held in parts.store.web_claims(parts.clock.now()).await? {
            parts.identities.claim(held.address, held.claim);
        }
        Ok(Self(Arc::new(Inner {
            parts,
            in_force: RwLock::new(Arc::new(in_force)),
            // Between loading the policy and this moment another may have been approved: the first look compares hashes.
            taken_up: tokio::sync::Mutex::new(Revisions { policy: None, ..revisions }),
            ended_seen: Mutex::new(started),
            compiling: Mutex::new(()),
            lists_changed: Notify::new(),
            lists_seen: Mutex::new(None),
            hashing,
            lockout: Mutex::new(lockout),
            lockout_moved: AtomicBool::new(false),
            alerts_revision: watch::Sender::new(0),
            recipients: RwLock::default(),
            report_lanes: Mutex::default(),
            unknown_badges: Mutex::default(),
            looks: Mutex::default(),
            heads_seen: tokio::sync::Mutex::default(),
            making_files: Arc::new(Semaphore::new(MOST_FILES)),
            console_address: OnceLock::new(),
            passkey_place: OnceLock::new(),
            breach_service: OnceLock::new(),
            ceremonies: Mutex::default(),
            making_pack: tokio::sync::Mutex::default(),
        })))
    }

    /// The policy document in force, with who approved it.
    pub fn in_force(&self) -> Arc<InForce> {
        Arc::clone(&self.0.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.parts.clock.now()
    }

    /// A new id.
    pub(crate) fn new_uuid(&self) -> Result<uuid::Uuid, AppError> {
        new_uuid(self.now())
    }

    pub(crate) fn snapshot(&self) -> Arc<Snapshot> {
        self.0.parts.snapshot.get()
    }

    /// Writes a fact that changes nothing.
    pub(crate) async fn note(&self, fact: &Fact) -> Result<(), AppError> {
        self.commit(fact, &[]).await
    }

    /// Writes a fact and its changes, where the administrators are sound afterwards.
    pub(crate) async fn commit(&self, fact: &Fact, changes: &[Change]) -> Result<(), AppError> {
        self.commit_as(AskedBy::Program, fact, changes).await
    }

    /// The same on the word of whoever asks, where only leaders may.
    pub(crate) async fn commit_as(
        &self,
        by: AskedBy,
        fact: &Fact,
        changes: &[Change],
    ) -> Result<(), AppError> {
        let rules = administrators::rules_of(&self.in_force().document);
        administrators::commit(&self.0.parts.store, &rules, Write { fact, changes, by }).await
    }

    pub(crate) fn ceremonies(&self) -> MutexGuard<'_, Ceremonies> {
        self.0.ceremonies.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A fact of this actor, now, in the widest scope they hold.
    pub(crate) fn fact(&self, actor: &Actor, action: &'static str) -> Fact {
        Fact::new(actor, actor.widest_scope().unwrap_or(Scope::Trust), self.now(), action)
    }

    /// What the actor reaches with this action. Where that is nothing, the attempt is recorded.
    pub(crate) async fn reach(&self, actor: &Actor, action: Action) -> Result<Reach, AppError> {
        let scopes = scopes_for(actor, action);
        if scopes.is_empty() {
            self.record_denial(actor, action).await;
            return Err(AppError::Denied);
        }
        Ok(reach_of(&scopes, &self.snapshot()))
    }

    /// Whether the actor may do this at that place. Where they may not, the attempt is recorded.
    pub(crate) async fn permit_at(
        &self,
        actor: &Actor,
        action: Action,
        scope: &Scope,
    ) -> Result<(), AppError> {
        if permit(actor, action, scope).is_ok() {
            return Ok(());
        }
        self.record_denial(actor, action).await;
        Err(AppError::Denied)
    }

    pub(crate) async fn record_denial(&self, actor: &Actor, action: Action) {
        record_denial(&self.0.parts.store, actor, action, self.now()).await;
    }
}

/// A school of its own is all there is: whoever holds a role there reaches everything.
pub(crate) fn reach_of(scopes: &[Scope], snapshot: &Snapshot) -> Reach {
    reach_under(scopes, snapshot.policy())
}

/// The same under a policy that need not be in force.
pub(crate) fn reach_under(scopes: &[Scope], policy: &Policy) -> Reach {
    let schools: Vec<SchoolId> = scopes
        .iter()
        .filter_map(|scope| match scope {
            Scope::School(school) => Some(school.clone()),
            Scope::Trust => None,
        })
        .collect();
    let only_school = match policy.schools.as_slice() {
        [only] => Some(&only.id),
        _ => None,
    };
    if schools.len() < scopes.len() || only_school.is_some_and(|only| schools.contains(only)) {
        return Reach::Everything;
    }
    Reach::Schools(schools)
}

/// Records that somebody asked for what their role does not include. Where even that fails the log has it, without a name.
pub(crate) async fn record_denial(store: &Store, actor: &Actor, action: Action, now: Timestamp) {
    let scope = actor.widest_scope().unwrap_or(Scope::Trust);
    let fact = Fact::new(actor, scope, now, "denied").about(action.slug());
    if let Err(error) = store.commit(&fact, &[]).await {
        tracing::error!(action = action.slug(), %error, "a denied attempt could not be recorded");
    }
}

/// A new id: the time and the machine's randomness (UUID version 7, RFC 9562).
pub(crate) fn new_uuid(now: Timestamp) -> Result<uuid::Uuid, AppError> {
    let millis = u64::try_from(now.0).unwrap_or(0);
    let random = identity::random_bytes::<10>()?;
    Ok(uuid::Builder::from_unix_timestamp_millis(millis, &random).into_uuid())
}

/// The reason of somebody at the machine, for what is done only there.
///
/// # Errors
/// [`AppError::Denied`] for anybody else; [`AppError::Refused`] without a reason.
pub(crate) fn reason_at_machine<'a>(actor: &Actor, reason: &'a str) -> Result<&'a str, AppError> {
    if !matches!(actor, Actor::CommandLine { .. }) {
        return Err(AppError::Denied);
    }
    Some(reason.trim()).filter(|reason| !reason.is_empty()).ok_or_else(AppError::no_reason)
}
