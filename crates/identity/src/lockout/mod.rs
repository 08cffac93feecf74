//! What happens after wrong passwords and codes: waits, then a lock, in the way in that they came by, so that nobody can
//! lock a teacher out from elsewhere.
//!
//! *Lanes.* Wrong ones are counted by account, by factor, and by where they come from: a device that has signed in to this
//! account before, a device of the school, or anywhere outside. After the third in a row a lane waits 2 seconds, then 5, then
//! 15, and at the policy's number (six) it is locked for the policy's time; the account's other lanes go on. The same wrong
//! password again counts once: a telephone that repeats an old one locks nobody.
//!
//! *Sources.* A device or an outside address that fails on more than five accounts in ten minutes is shut by itself, whether
//! those names exist or not.
//!
//! *The budget.* Where more accounts than five, or one in a hundred, would be locked outside within ten minutes, no more are:
//! passwords from outside are refused altogether for a while, once an alert says so. Passkeys and everything inside go on.
//!
//! *The ceiling.* A hundred in a row in all lanes of one kind disable that kind of lane until a new secret is issued (NIST SP
//! 800-63B-4 3.2.2). By kind, since otherwise anybody outside could disable an account for its owner inside.
//!
//! The policy's plain rule ([`LaneCounting::ByAccount`]) counts by account alone and does none of the rest.
//!
//! Left out on purpose: what is a right password, the clock, who may unlock, and writing [`Lockout::saved`] anywhere.
//! Passkeys and badges never come here: they cannot be guessed, and stay open when a password is locked.
//!
//! Invariants: every collection is bounded; a name that does not exist is treated as one that does, and never makes room by
//! pushing out one that does; neither a login nor a secret is kept, only hashes under keys; six are six, however many
//! arrive at once.

mod account;
mod budget;
mod device;
mod saved;
mod sources;

pub use device::{DeviceCookie, DeviceMark};

use crate::{IdentityError, Pepper, random_bytes};
use account::{Account, LaneId};
use budget::Budget;
use hmac::{Hmac, KeyInit as _, Mac as _};
use model::{AccountKind, Timestamp};
use sha2::Sha256;
use sources::Sources;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use zeroize::Zeroizing;

/// The most accounts that are remembered; the one used longest ago makes room, a locked one last.
const MOST_ACCOUNTS: usize = 65_536;
/// The most names that no account has.
const MOST_UNKNOWN: usize = 8_192;
/// How long somebody waits while other attempts of their lane are still being compared.
const BUSY_MS: i64 = 1_000;
/// Keeps the key of this module apart from everything else that the pepper is used for.
const DOMAIN: &[u8] = b"schoolgate lockout 1";

/// What the policy says of wrong passwords.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LockoutRules {
    /// Wrong ones in a row that lock.
    pub attempts: u32,
    /// For how long.
    pub lock_ms: i64,
    /// How they are counted.
    pub counting: LaneCounting,
    /// How many accounts there are; the budget for locks outside follows from it.
    pub accounts: u32,
    /// What becomes of a fresh device of the school while several others fail on the same account.
    pub fresh_devices: FreshDevices,
}

/// What becomes of a device of the school that an account does not know, within an hour after four others failed on it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FreshDevices {
    /// It is asked for more than a password: only for whoever has something more to show, or four pupils lock a teacher out.
    AskForMore,
    /// It goes on as any other device.
    GoOn,
}

/// How wrong passwords are counted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LaneCounting {
    /// For each account by where they come from.
    ByLane,
    /// For each account, wherever they come from: the plain rule, by which anybody can lock anybody out.
    ByAccount,
}

/// An attempt: whose account, from where, with what.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// The login, as it is looked up.
    pub login: &'a str,
    /// Whether there is such an account.
    pub account: AccountSeen,
    /// Where it comes from.
    pub from: Origin<'a>,
    /// With what.
    pub factor: Factor,
    /// When.
    pub at: Timestamp,
}

/// What looking up the login gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AccountSeen {
    /// An account.
    Ordinary,
    /// The recovery account: it waits, a minute at the most, and is never locked, shut or asked for more.
    BreakGlass,
    /// None.
    Unknown,
}

impl AccountSeen {
    /// What the kind of the account with that login says; `None`: there is none.
    pub fn of(kind: Option<AccountKind>) -> Self {
        match kind {
            Some(AccountKind::BreakGlass) => Self::BreakGlass,
            Some(_) => Self::Ordinary,
            None => Self::Unknown,
        }
    }
}

/// Where an attempt comes from, as our own listener saw it. A public address that the whole school shares proves nothing, so
/// it is never a source of its own.
#[derive(Clone, Copy, Debug)]
pub enum Origin<'a> {
    /// A device that has signed in to this very account before: [`DeviceCookie`], or its certificate.
    KnownDevice {
        /// What tells it from others.
        device: &'a [u8],
    },
    /// A device inside the school: its certificate, its 802.1X name, its lease, or its inner address.
    SchoolDevice {
        /// What tells it from others.
        device: &'a [u8],
    },
    /// An address inside that several people share; it is never shut as a source.
    SharedAddress {
        /// The address.
        address: IpAddr,
    },
    /// Anywhere else.
    Outside {
        /// The address; of IPv6 the first 64 bits count.
        address: IpAddr,
    },
}

/// What is presented. Each is counted apart, so that wrong codes never lock the password.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum Factor {
    /// A password, temporary ones too.
    Password,
    /// A code of an authenticator, or a recovery code; at most three wrong ones in 30 seconds.
    Code,
    /// Pictures in order.
    Pictures,
}

/// The kinds of lanes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum LaneKind {
    /// One for each device that the account knows.
    KnownDevice,
    /// One for each device of the school.
    SchoolDevice,
    /// One for everything outside.
    Outside,
    /// One for everything, where the policy counts by account.
    Everywhere,
}

/// Why nothing is compared now. Told alike for names that exist and for those that do not.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Turned {
    /// Try again then.
    Wait {
        /// From when on.
        until: Timestamp,
    },
    /// This way in is locked.
    Locked {
        /// Until when.
        until: Timestamp,
    },
    /// The device or address failed on too many accounts.
    SourceShut {
        /// Until when.
        until: Timestamp,
    },
    /// Passwords from outside are refused for now, everybody's.
    OutsideShut {
        /// Until when.
        until: Timestamp,
    },
    /// Too many devices of the school failed on this account: a new one needs a badge, a passkey or a teacher.
    AskedForMore,
    /// A hundred wrong ones: a new secret is needed here.
    Disabled,
}

/// A turn to compare one secret. Handed back to [`Lockout::wrong`], [`Lockout::right`] or [`Lockout::not_compared`]; one that
/// is lost counts as under way for half a minute.
#[must_use = "hand it back, or the lane stays busy for half a minute"]
#[derive(Debug)]
pub struct Admitted {
    account: [u8; 16],
    seen: AccountSeen,
    lane: LaneId,
    source: Option<[u8; 16]>,
}

/// What a wrong one did.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Counted {
    /// Until when the lane is locked, where this one locked it.
    pub locked_until: Option<Timestamp>,
    /// True when this one shut its source.
    pub shuts_source: bool,
    /// True when this one shut the outside: raise one alert.
    pub shuts_outside: bool,
    /// True when this one disabled its kind of lane.
    pub disables: bool,
}

/// Why somebody unlocks an account by hand; for the audit fact.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnlockReason {
    /// Its holder asked, and it was made sure who they are.
    HolderAsked,
    /// Somebody else had typed the wrong ones.
    Mischief,
    /// A new secret was issued.
    NewSecret,
}

impl UnlockReason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::HolderAsked, Self::Mischief, Self::NewSecret];

    /// Its name in records and forms.
    pub fn slug(self) -> &'static str {
        match self {
            Self::HolderAsked => "holder-asked",
            Self::Mischief => "mischief",
            Self::NewSecret => "new-secret",
        }
    }

    /// Reads the name; `None` for another.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.slug() == text)
    }
}

/// How a lane stands, for a screen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct LaneStanding {
    /// Its kind.
    pub kind: LaneKind,
    /// What was presented in it.
    pub factor: Factor,
    /// Wrong ones in a row.
    pub wrong: u32,
    /// Until when it is locked.
    pub locked_until: Option<Timestamp>,
}

/// The lanes, sources and the budget of a running program.
pub struct Lockout {
    /// From the pepper: lanes are the same after a restart.
    key: Zeroizing<[u8; 32]>,
    /// Of this process alone: what was typed cannot be known again after it.
    tried_key: Zeroizing<[u8; 32]>,
    accounts: HashMap<[u8; 16], Account>,
    unknown: HashMap<[u8; 16], Account>,
    sources: Sources,
    budget: Budget,
}

impl fmt::Debug for Lockout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Lockout({} accounts, {} unknown names)", self.accounts.len(), self.unknown.len())
    }
}

impl Lockout {
    /// Nothing was wrong yet.
    ///
    /// # Errors
    /// [`IdentityError::NoRandomness`].
    pub fn new(pepper: &Pepper) -> Result<Self, IdentityError> {
        let tried_key = Zeroizing::new(random_bytes()?);
        Ok(Self {
            key: Zeroizing::new(keyed(pepper.as_bytes(), &[DOMAIN])),
            tried_key,
            accounts: HashMap::new(),
            unknown: HashMap::new(),
            sources: Sources::default(),
            budget: Budget::default(),
        })
    }

    /// Asks for a turn. Nothing is compared without one, and a right password does not open what is locked.
    ///
    /// # Errors
    /// Why not now.
    pub fn admit(&mut self, attempt: &Attempt<'_>, rules: &LockoutRules) -> Result<Admitted, Turned> {
        let (id, lane, source) = self.ids(attempt, rules.counting);
        let at = attempt.at;
        let spared = attempt.account == AccountSeen::BreakGlass;
        let source = source.filter(|_| !spared);
        if let Some(until) = source.and_then(|source| self.sources.shut_until(&source, at)) {
            return Err(Turned::SourceShut { until });
        }
        if let Some(until) = self.budget.shut_until(at).filter(|_| lane.kind == LaneKind::Outside && !spared)
        {
            return Err(Turned::OutsideShut { until });
        }
        let account = self.account(id, attempt.account, at);
        if account.is_disabled(lane) && !spared {
            return Err(Turned::Disabled);
        }
        let asks = rules.fresh_devices == FreshDevices::AskForMore && !spared;
        if asks && lane.kind == LaneKind::SchoolDevice && account.too_many_devices(&lane, at) {
            return Err(Turned::AskedForMore);
        }
        account.lane(lane, at).admit(rules, at)?;
        Ok(Admitted { account: id, seen: attempt.account, lane, source })
    }

    /// It was wrong.
    pub fn wrong(
        &mut self,
        admitted: Admitted,
        secret: &str,
        rules: &LockoutRules,
        at: Timestamp,
    ) -> Counted {
        let Admitted { account: id, seen, lane: lane_id, source } = admitted;
        let tried = cut(keyed(self.tried_key.as_slice(), &[&id, &lane_id.to_bytes(), secret.as_bytes()]));
        let account = self.account(id, seen, at);
        let lane = account.lane(lane_id, at);
        if !lane.count(tried, at) {
            return Counted::default();
        }
        let would_lock = seen != AccountSeen::BreakGlass && lane.wrong >= rules.attempts.max(1);
        account.note_device(&lane_id, at);
        let disables = seen != AccountSeen::BreakGlass && account.count_to_ceiling(lane_id);
        let shuts_source = source.is_some_and(|source| self.sources.failed(source, id, at));
        let mut counted = Counted { disables, shuts_source, ..Counted::default() };
        if would_lock && lane_id.kind == LaneKind::Outside && seen == AccountSeen::Ordinary {
            counted.shuts_outside = self.budget.spend(id, rules.accounts, at);
        }
        let spares = self.budget.shut_until(at).is_some() && lane_id.kind == LaneKind::Outside;
        let lane = self.account(id, seen, at).lane(lane_id, at);
        counted.locked_until = lane.punish(rules, would_lock && !spares, at);
        counted
    }

    /// It was right: the lane begins anew, and so do the account's hundreds that are not full.
    pub fn right(&mut self, admitted: Admitted, at: Timestamp) {
        let Admitted { account: id, seen, lane, source } = admitted;
        if let Some(source) = source {
            self.sources.succeeded(&source, &id);
        }
        self.account(id, seen, at).succeeded(lane);
    }

    /// It could not be compared: the turn is given back, nothing is counted.
    pub fn not_compared(&mut self, admitted: Admitted, at: Timestamp) {
        self.account(admitted.account, admitted.seen, at).lane(admitted.lane, at).give_back();
    }

    /// Opens every lane of an account; with a new secret also those that a hundred had disabled. How many were locked.
    pub fn unlock(&mut self, login: &str, reason: UnlockReason, at: Timestamp) -> usize {
        let id = self.id_of(login);
        let Some(account) = self.accounts.get_mut(&id) else { return 0 };
        account.open(reason == UnlockReason::NewSecret, at)
    }

    /// The lanes of an account in which something was wrong, for a screen.
    pub fn standings(&self, login: &str, at: Timestamp) -> Vec<LaneStanding> {
        let account = self.accounts.get(&self.id_of(login));
        account.map(|account| account.standings(at)).unwrap_or_default()
    }

    /// Until when passwords from outside are refused; `None` when they are not.
    pub fn outside_shut_until(&self, at: Timestamp) -> Option<Timestamp> {
        self.budget.shut_until(at)
    }

    /// Everything that a restart must not forget, as bytes for the store: locks, counts, ceilings and what is shut. No login
    /// and no secret is in it.
    pub fn saved(&self) -> Vec<u8> {
        saved::write(&self.accounts, &self.sources, &self.budget)
    }

    /// Takes up what [`Lockout::saved`] wrote under the same pepper. What is there already stays.
    ///
    /// # Errors
    /// [`IdentityError::UnreadableLocks`]; then nothing was taken up.
    pub fn restore(&mut self, bytes: &[u8]) -> Result<(), IdentityError> {
        let saved = saved::read(bytes)?;
        for (id, account) in saved.accounts {
            self.accounts.entry(id).or_insert(account);
        }
        self.sources.restore(saved.shut_sources);
        self.budget.restore(saved.outside);
        Ok(())
    }

    fn ids(&self, attempt: &Attempt<'_>, counting: LaneCounting) -> ([u8; 16], LaneId, Option<[u8; 16]>) {
        let id = self.id_of(attempt.login);
        let (kind, place) = match (counting, attempt.from) {
            (LaneCounting::ByAccount, _) => {
                let lane = LaneId { kind: LaneKind::Everywhere, factor: attempt.factor, place: [0; 16] };
                return (id, lane, None);
            }
            (_, Origin::KnownDevice { device }) => (LaneKind::KnownDevice, self.hash(&[b"known", device])),
            (_, Origin::SchoolDevice { device }) => (LaneKind::SchoolDevice, self.hash(&[b"school", device])),
            (_, Origin::SharedAddress { address }) => {
                (LaneKind::SchoolDevice, self.hash(&[b"shared", &network_of(address)]))
            }
            (_, Origin::Outside { .. }) => (LaneKind::Outside, [0; 16]),
        };
        let source = match attempt.from {
            Origin::KnownDevice { .. } | Origin::SharedAddress { .. } => None,
            Origin::SchoolDevice { .. } => Some(place),
            Origin::Outside { address } => Some(self.hash(&[b"outside", &network_of(address)])),
        };
        (id, LaneId { kind, factor: attempt.factor, place }, source)
    }

    fn account(&mut self, id: [u8; 16], seen: AccountSeen, at: Timestamp) -> &mut Account {
        let (accounts, most) = match seen {
            AccountSeen::Unknown => (&mut self.unknown, MOST_UNKNOWN),
            AccountSeen::Ordinary | AccountSeen::BreakGlass => (&mut self.accounts, MOST_ACCOUNTS),
        };
        if accounts.len() >= most && !accounts.contains_key(&id) {
            let first = accounts.iter().min_by_key(|(_, account)| account.worth(at)).map(|(id, _)| *id);
            first.map(|first| accounts.remove(&first));
        }
        let account = accounts.entry(id).or_insert_with(|| Account::new(at));
        account.last = account.last.max(at);
        account
    }

    fn id_of(&self, login: &str) -> [u8; 16] {
        self.hash(&[b"account", login.as_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 16] {
        cut(keyed(self.key.as_slice(), parts))
    }
}

/// The address, or of an IPv6 address the network of 64 bits that one household has.
fn network_of(address: IpAddr) -> Vec<u8> {
    match address.to_canonical() {
        IpAddr::V4(address) => address.octets().to_vec(),
        IpAddr::V6(address) => address.octets().into_iter().take(8).collect(),
    }
}

fn cut(hash: [u8; 32]) -> [u8; 16] {
    hash.first_chunk::<16>().copied().unwrap_or_default()
}

/// HMAC-SHA-256 over parts, each with its length before it.
fn keyed(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests;
