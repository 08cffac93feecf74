//! The door to everything behind the front: what is kept, what is being asked, who is to be asked.
//!
//! Invariants: one question goes out once, however many clients wait for its answer; what has been given up on by its
//! clients still ends in the cache; what is on its way is bounded.

use super::dnssec::Validator;
use super::zones::{Route, Zones};
use super::{NoUpstreamAnswered, UpstreamAddress, UpstreamState, Upstreams, tls};
use crate::answer::{Answer, Explained};
use crate::cache::{AnswerCache, Kept, Key, KeyRef, Look};
use crate::query;
use crate::scrub::{PrivateAddresses, scrub};
use hickory_proto::dnssec::TrustAnchors;
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::Name;
use model::{Clock, Host, HostError, Timestamp};
use quick_cache::sync::Cache;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

/// How long what has run out is held back while a new answer is on its way (RFC 8767, 5).
const STALE_AFTER: Duration = Duration::from_millis(1_800);
/// Questions on their way at once; further ones fail, or get what has run out.
const MOST_FLIGHTS: usize = 4_096;
/// How long a failure is remembered, in milliseconds, so that a storm of the same question is one (RFC 9520, 3.2).
const FAILURE_MS: i64 = 1_000;
/// The most failures that are remembered.
const MOST_FAILURES: usize = 4_096;

/// Names that exist only within a site, so that a private address is what they ought to have: RFC 8375, RFC 6762, and
/// the name ICANN keeps free for private use (resolution 2024.07.29.06).
const PRIVATE_BY_NATURE: [&str; 3] = ["home.arpa", "local", "internal"];

/// Who is asked for what, and what of it is kept.
#[derive(Clone, Debug)]
pub struct ResolverConfig {
    /// The upstream resolvers, in order of preference as long as nothing is known of them.
    pub upstreams: Vec<UpstreamAddress>,
    /// Zones with servers of their own, such as the school's; the longest that fits counts. Their names never go to
    /// `upstreams`, may have private addresses, and are not checked for signatures.
    pub forward: Vec<ForwardZone>,
    /// Zones of ours: what is not among `local_names` does not exist there.
    pub local_zones: Vec<String>,
    /// The names that the gate answers itself, before it ever looks here.
    pub local_names: Vec<String>,
    /// Names at or below which an upstream may answer with private addresses.
    pub private_suffixes: Vec<String>,
    /// Roots that upstreams by TLS and HTTPS are trusted by, besides the usual ones (DER).
    pub extra_roots: Vec<Vec<u8>>,
    /// Whether signatures are checked here.
    pub validation: Validation,
    /// How long one exchange with one upstream may take.
    pub upstream_wait: Duration,
    /// Answers that are kept at most.
    pub cache_entries: usize,
    /// How long an answer is held after it has run out, for when no upstream answers.
    pub stale: Duration,
}

/// A zone and the servers that answer for it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForwardZone {
    /// The zone, such as `school.internal`.
    pub zone: String,
    /// Its servers.
    pub upstreams: Vec<UpstreamAddress>,
}

/// Whether signatures are checked here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Validation {
    /// They are the upstreams' to check; their `AD` bit is passed on.
    ByUpstreams,
    /// From the root's published keys down.
    FromTheRoot,
    /// From these `DNSKEY` records down, in the text form of zone files.
    FromKeys(String),
}

/// How an upstream has done since the start. Counts, never names.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamCounts {
    /// The upstream, as its settings spell it.
    pub upstream: String,
    /// What is known of it now.
    pub state: UpstreamState,
    /// Questions it answered.
    pub answered: u64,
    /// Questions it did not answer.
    pub failed: u64,
    /// How long it takes, smoothed, in milliseconds; 0 while unknown.
    pub takes_ms: u64,
}

/// Why settings of [`ResolverConfig`] are of no use.
#[derive(Debug, thiserror::Error)]
pub enum ResolverError {
    /// A zone or name is none.
    #[error("expected a name such as school.internal, found {found:?}")]
    Name {
        /// What was found.
        found: String,
        /// What is wrong with it.
        source: HostError,
    },
    /// A root is no certificate.
    #[error("expected roots for upstreams as certificates, found something else among them")]
    Roots,
    /// The keys cannot be read.
    #[error("expected trust anchors as DNSKEY records in the form of zone files, found something else")]
    TrustAnchors,
}

impl Default for ResolverConfig {
    fn default() -> Self {
        Self {
            upstreams: Vec::new(),
            forward: Vec::new(),
            local_zones: Vec::new(),
            local_names: Vec::new(),
            private_suffixes: Vec::new(),
            extra_roots: Vec::new(),
            validation: Validation::ByUpstreams,
            upstream_wait: Duration::from_millis(1_500),
            cache_entries: 32_768,
            stale: Duration::from_secs(86_400),
        }
    }
}

/// Answers, kept or fetched.
pub(crate) struct Resolver {
    cache: Arc<AnswerCache>,
    upstreams: Arc<Upstreams>,
    validator: Option<Validator>,
    zones: Zones,
    private_suffixes: Vec<String>,
    flights: Mutex<HashMap<Key, watch::Receiver<Option<Outcome>>>>,
    failures: Cache<Key, (Timestamp, Arc<Answer>)>,
    runtime: Handle,
    clock: Clock,
}

type Outcome = Result<Arc<Kept>, NoUpstreamAnswered>;

impl Resolver {
    /// Starts without asking anybody anything. Must be called within the runtime that is to do the asking.
    ///
    /// # Errors
    /// Every variant of [`ResolverError`].
    pub(crate) fn new(config: &ResolverConfig, clock: Clock) -> Result<Arc<Self>, ResolverError> {
        let tls = tls::with_roots(&config.extra_roots).ok_or(ResolverError::Roots)?;
        let group =
            |addresses: &[UpstreamAddress]| Arc::new(Upstreams::of(addresses, &tls, config.upstream_wait));
        let forwarded: Result<Vec<_>, ResolverError> =
            config.forward.iter().map(|zone| Ok((zone_name(&zone.zone)?, group(&zone.upstreams)))).collect();
        let ours: Result<Vec<_>, ResolverError> =
            config.local_zones.iter().map(|zone| zone_name(zone)).collect();
        let names: Result<Vec<_>, ResolverError> = config.local_names.iter().map(|name| host(name)).collect();
        let private: Result<Vec<_>, ResolverError> =
            config.private_suffixes.iter().map(|suffix| zone_name(suffix)).collect();
        let mut private_suffixes = private?;
        private_suffixes.extend(PRIVATE_BY_NATURE.map(str::to_owned));
        let stale_s = u32::try_from(config.stale.as_secs()).unwrap_or(u32::MAX);
        let cache = Arc::new(AnswerCache::new(config.cache_entries, stale_s));
        let upstreams = group(&config.upstreams);
        let validator = anchors(&config.validation)?.map(|anchors| {
            Validator::new(Arc::clone(&upstreams), Arc::clone(&cache), anchors, clock.clone())
        });
        Ok(Arc::new(Self {
            cache,
            validator,
            zones: Zones::new(forwarded?, ours?, names?, &config.upstreams),
            upstreams,
            private_suffixes,
            flights: Mutex::default(),
            failures: Cache::new(MOST_FAILURES),
            runtime: Handle::current(),
            clock,
        }))
    }

    /// What is kept for a question. Never waits. [`Look::Ageing`] is to be followed by [`Resolver::renew`],
    /// [`Look::Stale`] and [`Look::Nothing`] by [`Resolver::fetch`].
    pub(crate) fn look(&self, key: KeyRef<'_>, now: Timestamp) -> Look {
        self.cache.look(key, now)
    }

    /// The answer: kept, made here, or asked for. What has run out is given where no upstream answers, or none for
    /// [`STALE_AFTER`].
    pub(crate) async fn fetch(self: &Arc<Self>, key: Key) -> Result<Arc<Kept>, NoUpstreamAnswered> {
        let now = self.clock.now();
        let stale = match self.look(key.as_ref(), now) {
            Look::Fresh(kept) => return Ok(kept),
            Look::Ageing(kept) => {
                self.renew(key);
                return Ok(kept);
            }
            Look::Stale(kept) if kept.rests(now) => return Ok(kept),
            Look::Stale(kept) => Some(kept),
            Look::Nothing => None,
        };
        let Some(stale) = stale else {
            return self.fly(key).await;
        };
        match timeout(STALE_AFTER, self.fly(key)).await {
            Ok(Ok(kept)) => Ok(kept),
            Ok(Err(_)) | Err(_) => Ok(stale),
        }
    }

    /// Asks again for what is kept, beside whatever goes on. Never waits.
    pub(crate) fn renew(self: &Arc<Self>, key: Key) {
        let resolver = Arc::clone(self);
        self.runtime.spawn(async move {
            let _kept_or_not = resolver.fly(key).await;
        });
    }

    /// How the upstreams have done, the general ones first.
    pub(crate) fn counts(&self) -> Vec<UpstreamCounts> {
        let groups = std::iter::once(&self.upstreams).chain(self.zones.groups());
        groups.flat_map(|group| group.counts()).collect()
    }

    /// Waits for the question's answer, which is asked for by whoever comes first.
    async fn fly(self: &Arc<Self>, key: Key) -> Outcome {
        if let Some(failure) = self.recent_failure(&key) {
            return Err(failure);
        }
        let mut landed = match self.board(&key) {
            Some(flight) => flight,
            None => return Err(failed("more questions are on their way than the server takes on at once")),
        };
        match landed.wait_for(Option::is_some).await {
            Ok(outcome) => outcome.clone().unwrap_or_else(|| Err(failed("the question got lost"))),
            // Only a task that came to grief leaves without an outcome.
            Err(_) => Err(failed("the question got lost")),
        }
    }

    /// Joins the flight of a question, or starts one; `None` when there are too many.
    fn board(self: &Arc<Self>, key: &Key) -> Option<watch::Receiver<Option<Outcome>>> {
        let mut flights = self.flights();
        let many = flights.len() >= MOST_FLIGHTS;
        let place = match flights.entry(key.clone()) {
            Entry::Occupied(flight) => return Some(flight.get().clone()),
            Entry::Vacant(_) if many => return None,
            Entry::Vacant(place) => place,
        };
        let (landing, flight) = watch::channel(None);
        place.insert(flight.clone());
        drop(flights);
        let (resolver, key) = (Arc::clone(self), key.clone());
        self.runtime.spawn(async move {
            let leaves = Leaves { resolver: &resolver, key: &key };
            let outcome = resolver.resolve(&key).await;
            // Told first, so that whoever comes in between is told too and does not ask again.
            landing.send_replace(Some(outcome));
            drop(leaves);
        });
        Some(flight)
    }

    fn flights(&self) -> MutexGuard<'_, HashMap<Key, watch::Receiver<Option<Outcome>>>> {
        self.flights.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks whom the name belongs to, takes out what clients are not to have, and keeps the rest.
    async fn resolve(&self, key: &Key) -> Outcome {
        let question = key.to_question().ok_or_else(|| failed("the name could not be read"))?;
        let fetched = match self.zones.route(&question) {
            Route::Here(answer) => return self.as_kept(key, &answer),
            Route::Zone(group) => group.ask(&question).await,
            Route::Outside => match &self.validator {
                Some(validator) if !question.checking_disabled => validator.ask(&question).await,
                Some(_) => self.upstreams.ask(&question).await.map(|mut fetched| {
                    // Nobody has checked it but the client, who is about to.
                    fetched.answer.authentic = false;
                    fetched
                }),
                None => self.upstreams.ask(&question).await,
            },
        };
        match fetched {
            Ok(mut fetched) => {
                scrub(&mut fetched.answer, self.private_addresses(&question.name));
                let kept = self.cache.keep(key.clone(), &fetched.answer, self.clock.now());
                kept.ok_or_else(|| failed("the upstream's answer could not be written"))
            }
            Err(failure) => {
                self.remember(key, &failure);
                Err(failure)
            }
        }
    }

    /// An answer made here, which is not kept: it is as quickly made again.
    fn as_kept(&self, key: &Key, answer: &Answer) -> Outcome {
        let kept = Kept::new(key, answer, self.clock.now());
        kept.map(Arc::new).ok_or_else(|| failed("the answer could not be written"))
    }

    fn private_addresses(&self, name: &Name) -> PrivateAddresses {
        let host = query::judged_host(name);
        let is_ours = |host: Host| self.private_suffixes.iter().any(|suffix| host.is_at_or_below(suffix));
        if self.zones.is_forwarded(name) || host.is_some_and(is_ours) {
            PrivateAddresses::Keep
        } else {
            PrivateAddresses::Withhold
        }
    }

    fn recent_failure(&self, key: &Key) -> Option<NoUpstreamAnswered> {
        let (at, answer) = self.failures.get(key)?;
        let is_recent = (0..FAILURE_MS).contains(&self.clock.now().0.saturating_sub(at.0));
        is_recent.then(|| NoUpstreamAnswered(Answer::clone(&answer)))
    }

    fn remember(&self, key: &Key, failure: &NoUpstreamAnswered) {
        let now = self.clock.now();
        self.failures.insert(key.clone(), (now, Arc::new(failure.0.clone())));
        if let Look::Stale(kept) | Look::Fresh(kept) | Look::Ageing(kept) = self.look(key.as_ref(), now) {
            kept.not_renewed(now);
        }
    }
}

/// Takes a question off the list of those on their way, however its task ends.
struct Leaves<'a> {
    resolver: &'a Resolver,
    key: &'a Key,
}

impl Drop for Leaves<'_> {
    fn drop(&mut self) {
        self.resolver.flights().remove(self.key);
    }
}

fn failed(words: &str) -> NoUpstreamAnswered {
    let why = Explained::new(Explained::NETWORK_ERROR, words);
    NoUpstreamAnswered(Answer::of_code(ResponseCode::ServFail).explain(why))
}

/// Reads a zone such as `ash.internal`; a dot before it is allowed.
fn zone_name(text: &str) -> Result<String, ResolverError> {
    Ok(host(text.trim_start_matches('.'))?.to_string())
}

fn host(text: &str) -> Result<Host, ResolverError> {
    Host::parse(text).map_err(|source| ResolverError::Name { found: text.to_owned(), source })
}

fn anchors(validation: &Validation) -> Result<Option<TrustAnchors>, ResolverError> {
    match validation {
        Validation::ByUpstreams => Ok(None),
        Validation::FromTheRoot => Ok(Some(TrustAnchors::default())),
        // Text without a key reads as no anchors, with which nothing would ever be proven.
        Validation::FromKeys(text) if !text.contains("DNSKEY") => Err(ResolverError::TrustAnchors),
        Validation::FromKeys(text) => text.parse().map(Some).map_err(|_| ResolverError::TrustAnchors),
    }
}
