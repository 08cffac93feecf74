//! Whether a certificate was taken back by its issuer: stapled proofs (OCSP, RFC 6960) and revocation lists (CRL, RFC 5280).
//!
//! The policy is soft: where nothing can be known, the certificate counts as good, and as unknown in the figures. A list is
//! fetched in the background when its first certificate is met, so the very first connections go by without it. What a
//! fresh list or a signed proof calls revoked is refused, and a certificate that demands a stapled proof is refused
//! without one. Lists go to the TLS library's own path verification, which checks their signatures and their scope. A
//! responder is asked (`asked`) only about a certificate of which nothing else could tell.
//!
//! Left out: certificates that last no longer than ten days need no lists; lists of issuers over `https` or `ldap`.
//!
//! Invariants: addresses come from certificates of a path that led to a trusted root; a list is at most 8 MiB as it is sent,
//! all of them 96 MiB as they are held; one that is past its date is used no more; 4 fetches at once, 256 waiting, more are forgotten until they are met again.

pub(crate) mod asked;
pub(crate) mod staple;

use crate::certificate::CertificateFacts;
use crate::dial::Dialer;
use crate::gate::Gate;
use crate::side_fetch::fetch;
use asked::{Answers, Asking};
use bytes::Bytes;
use model::{Clock, Timestamp};
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use webpki::{CertRevocationList, OwnedCertRevocationList};

const MOST_LIST_BYTES: usize = 8 * 1024 * 1024;
/// As lists are held in memory: room for the longest that is fetched, and others beside it.
const MOST_BYTES: usize = 96 * 1024 * 1024;
/// What a certificate on a list takes at most in memory, where it has a number twice and a place in a tree.
const BYTES_OF_ENTRY: usize = 256;
/// Addresses that are remembered, with a list or without.
const MOST_ADDRESSES: usize = 1_024;
const MOST_WAITING: usize = 256;
const AT_ONCE: usize = 4;
/// A list is fetched again after so long, however long it would be good for.
const FRESH_MS: i64 = 6 * 3_600_000;
const AFTER_FAILURE_MS: i64 = 1_800_000;
/// A certificate that lasts no longer needs no list (CA/Browser Forum Baseline Requirements, 1.6.1, "short-lived").
const SHORT_LIVED_MS: i64 = 10 * 24 * 3_600_000;

/// How often it was known whether a certificate was revoked, since the start.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct RevocationCounts {
    /// A fresh list or a stapled proof spoke for the certificate, or it is too short-lived to need one.
    pub good: u64,
    /// It was revoked, and refused.
    pub revoked: u64,
    /// Nothing could be known, and it was let pass.
    pub unknown: u64,
}

/// What is known of revocations.
pub(crate) struct Revocation {
    lists: Mutex<HashMap<Box<str>, Kept>>,
    answers: Answers,
    wanted: mpsc::Sender<Wanted>,
    waiting: Mutex<Option<mpsc::Receiver<Wanted>>>,
    clock: Clock,
    good: AtomicU64,
    revoked: AtomicU64,
    unknown: AtomicU64,
}

/// What is to be fetched.
enum Wanted {
    List(Box<str>),
    Answer(Box<Asking>),
}

/// What is kept of an address.
struct Kept {
    /// `None` while it is fetched for the first time, and after that failed.
    list: Option<KnownList>,
    /// When it is fetched again, if it is still wanted then.
    again: Timestamp,
    used: Timestamp,
}

#[derive(Clone)]
struct KnownList {
    list: Arc<CertRevocationList<'static>>,
    /// What it takes in memory.
    bytes: usize,
    good_until: Timestamp,
}

/// What the lists of one chain can tell.
pub(crate) struct ChainLists {
    /// Each with its address, leaf first.
    pub(crate) lists: Vec<(Box<str>, Arc<CertRevocationList<'static>>)>,
    /// The leaf's own list is among them, or it needs none.
    pub(crate) covers_leaf: bool,
}

/// Whether it was known that a certificate is not revoked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    Good,
    Revoked,
    Unknown,
}

impl Revocation {
    pub(crate) fn new(clock: Clock) -> Self {
        let (wanted, waiting) = mpsc::channel(MOST_WAITING);
        Self {
            lists: Mutex::default(),
            answers: Answers::default(),
            wanted,
            waiting: Mutex::new(Some(waiting)),
            clock,
            good: AtomicU64::default(),
            revoked: AtomicU64::default(),
            unknown: AtomicU64::default(),
        }
    }

    /// The lists at hand for the certificates of a path that leads to a root, leaf first.
    pub(crate) fn lists(&self, chain: &[CertificateFacts]) -> ChainLists {
        let now = self.clock.now();
        let mut known = self.lock();
        let mut found = ChainLists { lists: Vec::new(), covers_leaf: false };
        for (index, facts) in chain.iter().enumerate() {
            let mut has_list = facts.lasts_ms() <= SHORT_LIVED_MS;
            for url in &facts.revocation_urls {
                let Some(kept) = known.get_mut(url) else { continue };
                kept.used = now;
                if let Some(list) = kept.list.as_ref().filter(|list| list.good_until > now) {
                    found.lists.push((url.clone(), Arc::clone(&list.list)));
                    has_list = true;
                    break;
                }
            }
            found.covers_leaf |= index == 0 && has_list;
        }
        found
    }

    /// Asks for the lists of a chain that led to a root, where they are not at hand or no longer fresh.
    pub(crate) fn want(&self, chain: &[CertificateFacts]) {
        let now = self.clock.now();
        let needed = chain.iter().filter(|facts| facts.lasts_ms() > SHORT_LIVED_MS);
        // One of a certificate's addresses is enough: they hold the same list.
        for url in needed.filter_map(|facts| facts.revocation_urls.first()) {
            let mut known = self.lock();
            match known.get_mut(url) {
                Some(kept) if kept.again > now => continue,
                Some(kept) => kept.again = now.plus_ms(AFTER_FAILURE_MS),
                None => {
                    make_room(&mut known, 0);
                    let again = now.plus_ms(AFTER_FAILURE_MS);
                    known.insert(url.clone(), Kept { list: None, again, used: now });
                }
            }
            drop(known);
            if self.wanted.try_send(Wanted::List(url.clone())).is_err() {
                self.lock().remove(url);
            }
        }
    }

    /// Asks the issuer's responder about a certificate, unless somebody just did.
    pub(crate) fn ask(&self, asking: Asking) {
        if self.answers.begin(&asking, self.clock.now())
            && let Err(full) = self.wanted.try_send(Wanted::Answer(Box::new(asking)))
            && let Wanted::Answer(asking) = full.into_inner()
        {
            self.answers.give_up(&asking);
        }
    }

    /// What a responder answered about a leaf; to be read like a stapled proof.
    pub(crate) fn answer(&self, leaf: &CertificateFacts) -> Option<Bytes> {
        self.answers.about(leaf, self.clock.now())
    }

    /// Puts away the lists of these addresses, which cannot be believed, for as long as after a failure.
    pub(crate) fn distrust<'a>(&self, urls: impl Iterator<Item = &'a str>) {
        let again = self.clock.now().plus_ms(AFTER_FAILURE_MS);
        let mut known = self.lock();
        for url in urls {
            if let Some(kept) = known.get_mut(url) {
                (kept.list, kept.again) = (None, again);
            }
        }
    }

    pub(crate) fn count(&self, standing: Standing) {
        let count = match standing {
            Standing::Good => &self.good,
            Standing::Revoked => &self.revoked,
            Standing::Unknown => &self.unknown,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn counts(&self) -> RevocationCounts {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        RevocationCounts {
            good: read(&self.good),
            revoked: read(&self.revoked),
            unknown: read(&self.unknown),
        }
    }

    /// Fetches what is wanted, until the gate stops. Runs once.
    pub(crate) async fn keep(self: Arc<Self>, gate: Arc<Gate>) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        let mut fetching = JoinSet::new();
        loop {
            tokio::select! {
                () = gate.stopping.cancelled() => return,
                Some(_) = fetching.join_next() => {}
                Some(wanted) = waiting.recv(), if fetching.len() < AT_ONCE => {
                    let (revocation, gate) = (Arc::clone(&self), Arc::clone(&gate));
                    fetching.spawn(async move {
                        match wanted {
                            Wanted::List(url) => revocation.fetch(&gate.dialer, url).await,
                            Wanted::Answer(asking) => revocation.answers.ask(&gate.dialer, *asking).await,
                        }
                    });
                }
            }
        }
    }

    async fn fetch(&self, dialer: &Dialer, url: Box<str>) {
        let fetched = fetch(dialer, &url, MOST_LIST_BYTES).await;
        let list = match fetched {
            Ok(bytes) => tokio::task::spawn_blocking(move || read(&bytes)).await.ok().flatten(),
            Err(error) => {
                tracing::debug!(phase = "connect", fault = %error, "a revocation list could not be fetched");
                None
            }
        };
        let now = self.clock.now();
        let Some(list) = list.filter(|list| list.good_until > now) else { return };
        let mut known = self.lock();
        make_room(&mut known, list.bytes);
        let kept = Kept { again: now.plus_ms(FRESH_MS).min(list.good_until), list: Some(list), used: now };
        known.insert(url, kept);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Box<str>, Kept>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The facts of a chain as they are, leaf first; what cannot be read is left out.
pub(crate) fn chain_facts<'a>(
    leaf: &'a CertificateDer<'a>,
    others: impl Iterator<Item = &'a CertificateDer<'a>>,
) -> Vec<CertificateFacts> {
    std::iter::once(leaf).chain(others).filter_map(|der| CertificateFacts::read(der).ok()).collect()
}

/// Makes room for a list of so many bytes: what was not used for longest goes first.
fn make_room(known: &mut HashMap<Box<str>, Kept>, bytes: usize) {
    let size = |kept: &Kept| kept.list.as_ref().map_or(0, |list| list.bytes);
    while known.len() >= MOST_ADDRESSES || known.values().map(size).sum::<usize>() + bytes > MOST_BYTES {
        let oldest = known.iter().min_by_key(|(_, kept)| kept.used).map(|(url, _)| url.clone());
        match oldest {
            Some(url) => known.remove(&url),
            None => return,
        };
    }
}

/// Reads a list; it takes some milliseconds for each megabyte. `None` for one that would take more than all may.
fn read(bytes: &Bytes) -> Option<KnownList> {
    let (good_until, entries) = {
        let (_, facts) = x509_parser::parse_x509_crl(bytes).ok()?;
        (facts.next_update()?.timestamp().saturating_mul(1_000), facts.iter_revoked_certificates().count())
    };
    let held = entries.saturating_mul(BYTES_OF_ENTRY).saturating_add(bytes.len());
    if held > MOST_BYTES {
        return None;
    }
    let list = OwnedCertRevocationList::from_der(bytes).ok()?;
    Some(KnownList { list: Arc::new(list.into()), bytes: held, good_until: Timestamp(good_until) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use rcgen::{
        BasicConstraints, CertificateParams, CertificateRevocationListParams, CertifiedIssuer, IsCa,
        KeyIdMethod, KeyPair, RevokedCertParams, SerialNumber, date_time_ymd,
    };

    proptest! {
        #[test]
        fn any_bytes_are_a_list_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..512)) {
            let _ = read(&Bytes::from(bytes));
        }
    }

    /// A list of so many certificates, as it is sent.
    fn list_of(entries: u64) -> Bytes {
        let revoked = (0..entries).map(|number| RevokedCertParams {
            serial_number: SerialNumber::from(number + 1),
            revocation_time: date_time_ymd(2026, 11, 20),
            reason_code: None,
            invalidity_date: None,
        });
        let mut authority = CertificateParams::new(Vec::new()).unwrap();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let params = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 11, 21),
            next_update: date_time_ymd(2026, 11, 30),
            crl_number: SerialNumber::from(7),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&authority).unwrap().der().to_vec().into()
    }

    #[test]
    fn a_list_counts_for_what_it_takes_in_memory() {
        let sent = list_of(1_000);
        assert!(read(&sent).unwrap().bytes > 1_000 * size_of::<webpki::OwnedRevokedCert>() + sent.len());
    }

    #[test]
    fn the_list_that_was_not_used_for_longest_makes_room() {
        let mut known = HashMap::new();
        for number in 0..MOST_ADDRESSES {
            let used = Timestamp(i64::try_from(number).unwrap() + if number == 7 { -100 } else { 0 });
            known.insert(number.to_string().into(), Kept { list: None, again: Timestamp(0), used });
        }
        make_room(&mut known, 0);
        assert_eq!(known.len(), MOST_ADDRESSES - 1);
        assert!(!known.contains_key("7") && known.contains_key("0"));
    }
}
