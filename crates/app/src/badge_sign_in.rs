//! Signing in to the web with a badge, on a device that a class shares: the next child's badge takes the place of whoever is
//! signed in there.
//!
//! A badge counts only at an address of the school's networks, while somebody has opened the window of a class in which the
//! child learns, there; at home it opens nothing. A badge that was found or copied is void from the moment that a teacher
//! says so, or makes another.
//!
//! Invariants: whatever is shown is compared by its keyed hash alone; codes that nobody has are counted by address, since they
//! have 40 bits, and never shut out what a scanner reads; so are a scanner's, and too many from one place leave no facts; locks after wrong passwords do not touch badges.

use crate::classes::InfantWay;
use crate::sign_in::actor_of;
use crate::views::WebSignInView;
use crate::web_sign_in::no_sign_in;
use crate::{App, AppError};
use identity::{BadgeCode, BadgeHash, BadgeSecret};
use model::{AccountState, Claim, KnownBy, Person, PersonId, Scope, Timestamp};
use policy::rules::Network;
use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Arc, PoisonError};
use store::{Account, AccountChange, Badge, BadgeChange, Change, Fact};

/// The longest that is read of what a scanner gives: an address and its fragment.
const MOST_SHOWN_BYTES: usize = 400;
/// Typed codes that nobody has, from one address within [`UNKNOWN_MS`].
const MOST_UNKNOWN: usize = 30;
const UNKNOWN_MS: i64 = 600_000;
/// The most addresses that are counted at once.
const MOST_ADDRESSES: usize = 4_096;

/// Somebody who showed what opens their account here and now.
pub(crate) struct Admitted {
    pub(crate) person: Arc<Person>,
    pub(crate) account: Account,
    /// What is noted of what they showed.
    pub(crate) shown: Change,
    /// What the fact calls it.
    pub(crate) action: &'static str,
}

/// Why a badge opens nothing, in words for a child.
struct Refused {
    words: &'static str,
    /// For the audit log; `None` where nothing is written.
    why: Option<&'static str>,
    person: Option<PersonId>,
}

pub(crate) const NOT_AT_SCHOOL: &str = "This works at school only.";
const NOT_KNOWN: &str = "That did not work. Hold your badge still and try again, or ask your teacher.";
pub(crate) const NOT_OPEN: &str = "It is not time to sign in yet. Ask your teacher.";
const OLD: &str = "This badge is an old one. Ask your teacher for a new one.";
const TOO_MANY: &str = "That did not work too many times. Ask your teacher.";

impl App {
    /// Signs a child in to the web from an address by what a scanner or a keyboard gave: the address in the QR code, or the
    /// short code. What was wrong, if anything, stands in the view.
    pub async fn sign_in_with_badge(&self, shown: &str, from: IpAddr) -> Result<WebSignInView, AppError> {
        let address = from.to_canonical();
        let problem = match self.check_badge(shown, address).await? {
            Ok(admitted) => {
                self.admit(admitted, address).await?;
                String::new()
            }
            Err(refused) => {
                self.note_badge_refusal(&refused, address).await?;
                refused.words.to_owned()
            }
        };
        Ok(WebSignInView { problem, ..self.web_sign_in_view(address).await })
    }

    async fn check_badge(&self, shown: &str, address: IpAddr) -> Result<Result<Admitted, Refused>, AppError> {
        let refused = |words, why, person| Ok(Err(Refused { words, why, person }));
        let snapshot = self.snapshot();
        let Some(network) = snapshot.network_at(address) else {
            // Only somebody's badge is worth a fact: anybody outside may show what nobody has.
            let whose = self.badge_shown(shown).await?.map(|badge| badge.person);
            return refused(NOT_AT_SCHOOL, whose.map(|_| "outside the school's networks"), whose);
        };
        if let Some(words) = no_sign_in(network) {
            return refused(words, None, None);
        }
        let now = self.now();
        let is_typed = BadgeSecret::parse(shown).is_none();
        if is_typed && !self.unknown_badges(|unknown| unknown.typed.may(address, now)) {
            return refused(TOO_MANY, None, None);
        }
        let Some(badge) = self.badge_shown(shown).await? else {
            let is_noted = self.unknown_badges(|unknown| {
                let of_its_way = if is_typed { &mut unknown.typed } else { &mut unknown.scanned };
                let may = of_its_way.may(address, now);
                if may {
                    of_its_way.count(address, now);
                }
                may
            });
            return refused(NOT_KNOWN, is_noted.then_some("nobody's badge"), None);
        };
        let whose = Some(badge.person);
        if badge.voided.is_some() || now >= badge.expires {
            return refused(OLD, Some("void"), whose);
        }
        let Some((person, account)) = self.holder_of(&badge).await? else {
            return refused(NOT_KNOWN, Some("no account in use"), whose);
        };
        match self.may_enter(&person, network, InfantWay::Badge).await? {
            true => {
                let shown = Change::Badge(BadgeChange::Used { badge: badge.id, at: now });
                Ok(Ok(Admitted { person, account, shown, action: "sign-in-by-badge" }))
            }
            false => refused(NOT_OPEN, Some("no open window"), whose),
        }
    }

    /// The badge, void or not, that was shown; `None` where nobody has it.
    async fn badge_shown(&self, shown: &str) -> Result<Option<Badge>, AppError> {
        let pepper = &self.0.parts.pepper;
        if shown.len() > MOST_SHOWN_BYTES {
            return Ok(None);
        }
        let secret = BadgeSecret::parse(shown).map(|secret| secret.hash(pepper)).transpose()?;
        let code = BadgeCode::parse(shown).map(|code| code.hash(pepper)).transpose()?;
        let Some(BadgeHash(hash)) = secret.or(code) else { return Ok(None) };
        Ok(self.0.parts.store.badge(&hash).await?)
    }

    async fn holder_of(&self, badge: &Badge) -> Result<Option<(Arc<Person>, Account)>, AppError> {
        let Some(person) = self.0.parts.roster.get().person(badge.person).map(Arc::clone) else {
            return Ok(None);
        };
        let accounts = self.0.parts.store.accounts_of(badge.person).await?;
        let now = self.now();
        let opens = |account: &Account| account.id == badge.account && account.may_sign_in(now);
        Ok(accounts.into_iter().find(opens).map(|account| (person, account)))
    }

    /// True where the policy gives the child this way, and the window of a class of theirs is open on this network.
    pub(crate) async fn may_enter(
        &self,
        person: &Person,
        network: &Network,
        way: InfantWay,
    ) -> Result<bool, AppError> {
        let here = Scope::School(network.school.clone());
        if !self.policy_gives(person, &here, way) {
            return Ok(false);
        }
        let open = self.0.parts.store.windows_for(person.id, self.now()).await?;
        Ok(open.iter().any(|window| {
            window.scope == here && window.network.as_ref().is_none_or(|only| *only == network.id)
        }))
    }

    /// Signs a child in at an address, in the place of whoever is signed in there.
    pub(crate) async fn admit(&self, admitted: Admitted, address: IpAddr) -> Result<(), AppError> {
        let Admitted { person, account, shown, action } = admitted;
        let (now, until) = (self.now(), self.web_until());
        let until = account.ends.map_or(until, |ends| ends.min(until));
        let claim = Claim { person: person.id, by: KnownBy::SignIn, from: now, until };
        let actor = actor_of(&person);
        let there = self.signed_in_at(address).into_iter().map(|claim| claim.person);
        let others: Vec<PersonId> = there.filter(|other| *other != person.id).collect();
        let fact = self.fact(&actor, action).about(actor.to_string()).with("address", address.to_string());
        let fact = fact.with("in_place_of", others.len().to_string());
        let mut changes = vec![shown];
        if account.state == AccountState::Pending {
            changes.push(Change::Account(AccountChange::FirstUse { account: account.id }));
        }
        changes.push(Change::EndClaimsAt { address, but: person.id });
        changes.push(Change::ClaimAddress { address, claim, scope: fact.scope.clone() });
        self.commit(&fact, &changes).await?;
        for other in others {
            self.0.parts.identities.end(address, other, KnownBy::SignIn);
        }
        self.0.parts.identities.claim(address, claim);
        Ok(())
    }

    async fn note_badge_refusal(&self, refused: &Refused, address: IpAddr) -> Result<(), AppError> {
        let Some(why) = refused.why else { return Ok(()) };
        let subject = refused.person.map_or_else(|| "unknown badge".to_owned(), |id| format!("person:{id}"));
        let fact = Fact::new(&model::Actor::Program, Scope::Trust, self.now(), "badge-refused");
        self.note(&fact.about(subject).with("why", why).with("address", address.to_string())).await
    }

    fn unknown_badges<T>(&self, ask: impl FnOnce(&mut UnknownBadges) -> T) -> T {
        ask(&mut self.0.unknown_badges.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Badges that nobody has, of the last ten minutes.
#[derive(Default, Debug)]
pub(crate) struct UnknownBadges {
    /// Codes: too many shut out others.
    typed: Counted,
    /// What scanners read: too many leave no more facts.
    scanned: Counted,
}

/// What came of the last ten minutes, by the place that it came from.
#[derive(Default, Debug)]
struct Counted(HashMap<IpAddr, VecDeque<Timestamp>>);

impl Counted {
    /// True where another may come from here.
    fn may(&mut self, address: IpAddr, now: Timestamp) -> bool {
        let since = now.plus_ms(-UNKNOWN_MS);
        self.0.retain(|_, seen| {
            seen.retain(|at| *at > since);
            !seen.is_empty()
        });
        self.0.get(&place_of(address)).map_or(0, VecDeque::len) < MOST_UNKNOWN
    }

    /// Counts one. Where there are too many places, the one that was quiet longest is forgotten.
    fn count(&mut self, address: IpAddr, now: Timestamp) {
        let place = place_of(address);
        if self.0.len() >= MOST_ADDRESSES && !self.0.contains_key(&place) {
            let quiet = self.0.iter().min_by_key(|(_, seen)| seen.back().copied()).map(|(place, _)| *place);
            quiet.and_then(|quiet| self.0.remove(&quiet));
        }
        self.0.entry(place).or_default().push_back(now);
    }
}

/// What counts as one place: a device has as many addresses of IPv6 as it likes within its 64 bits.
fn place_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(whole) => IpAddr::from((whole.to_bits() & !u128::from(u64::MAX)).to_be_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_tries_too_many_badges_that_nobody_has_waits_and_nobody_else_does() {
        let mut unknown = Counted::default();
        let at = |address: &str| -> IpAddr { address.parse().unwrap() };
        for (here, same, there) in [
            (at("10.20.0.7"), at("10.20.0.7"), at("10.20.0.8")),
            (at("2001:db8:0:1::7"), at("2001:db8:0:1:ffff::8"), at("2001:db8:0:2::7")),
        ] {
            for number in 0..30 {
                let now = Timestamp(number);
                assert!(unknown.may(here, now), "{number}");
                unknown.count(here, now);
            }
            assert!(!unknown.may(same, Timestamp(30)) && unknown.may(there, Timestamp(30)));
            assert!(unknown.may(here, Timestamp(UNKNOWN_MS)), "after ten minutes the first is forgotten");
        }
    }

    #[test]
    fn where_too_many_places_are_counted_the_one_that_was_quiet_longest_is_forgotten() {
        let mut unknown = Counted::default();
        for number in 0..5_000_u32 {
            let address = IpAddr::from((0x0a00_0000 + number).to_be_bytes());
            assert!(unknown.may(address, Timestamp(i64::from(number))), "a new place is never refused");
            unknown.count(address, Timestamp(i64::from(number)));
        }
        assert_eq!(unknown.0.len(), MOST_ADDRESSES);
        assert!(!unknown.0.contains_key(&IpAddr::from([10, 0, 0, 0])));
    }
}
