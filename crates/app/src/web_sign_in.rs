//! Signing in to use the web from one address: anybody with an account, pupils and guests too.
//!
//! It counts for eight hours, or until the school's day ends, whichever comes first. Several people may be signed in at
//! one address; until they sign out again, the strictest rules among them count there.

use crate::lanes::Caller;
use crate::password::{Checked, Proven};
use crate::sign_in::{actor_of, run_out};
use crate::views::{PortalView, WebSignInView};
use crate::{App, AppError, words};
use model::{
    Actor, Claim, Credentials, KnownBy, Person, Presented, Principal, Scope, SignIn, SignInAnswer, Timestamp,
};
use policy::rules::{AddressUse, Network, SignInWay};
use std::net::IpAddr;
use std::sync::Arc;
use store::{Change, Fact};

/// How long a sign-in to the web counts at most.
const WEB_SIGN_IN_MS: i64 = 8 * 3_600_000;

/// Why nobody can sign in for an address of this network; `None` where they can.
pub(crate) fn no_sign_in(network: &Network) -> Option<&'static str> {
    match (network.sign_in, network.addresses) {
        (SignInWay::Proxy, _) => {
            Some("You need not sign in here: your browser asks for your user name and password by itself.")
        }
        (_, AddressUse::Shared) => Some(
            "Several people share this device\u{2019}s address, so nobody can sign in here. Ask your school\u{2019}s \
             technician.",
        ),
        _ => None,
    }
}

impl App {
    /// The page for an address: who is signed in there, and until when.
    pub async fn web_sign_in_view(&self, address: IpAddr) -> WebSignInView {
        let roster = self.0.parts.roster.get();
        let claims = self.signed_in_at(address);
        let names: Vec<&str> = claims
            .iter()
            .filter_map(|claim| roster.person(claim.person))
            .map(|person| first_name(person))
            .collect();
        let until = claims.iter().map(|claim| claim.until).max();
        let snapshot = self.snapshot();
        let zone = &snapshot.policy().time_zone;
        WebSignInView {
            address: address.to_canonical().to_string(),
            signed_in: names.join(" and "),
            problem: String::new(),
            until: until.map(|until| words::time(zone, until)).unwrap_or_default(),
            must_choose: false,
            device: String::new(),
        }
    }

    /// What the system of the device at an address is told.
    pub fn portal_view(&self, address: IpAddr) -> PortalView {
        let (snapshot, roster, now) = (self.snapshot(), self.0.parts.roster.get(), self.now());
        let who = snapshot.who(address, now, &roster, &self.0.parts.identities);
        let network = who.network.as_ref().and_then(|network| snapshot.network(network));
        let is_portal = network.is_some_and(|network| network.sign_in == SignInWay::Portal);
        let is_equipment = who.device.as_ref().is_some_and(|device| device.kind.is_equipment());
        let until = who.people.iter().filter_map(|known| known.until).max();
        PortalView {
            captive: is_portal && !is_equipment && who.people.is_empty(),
            seconds_remaining: until.and_then(|until| u64::try_from((until.0 - now.0) / 1_000).ok()),
        }
    }

    /// Signs somebody in to the web from an address. What was wrong, if anything, stands in the view.
    pub async fn sign_in_to_web(
        &self,
        login: &str,
        password: &str,
        from: impl Into<Caller>,
    ) -> Result<WebSignInView, AppError> {
        let from = from.into();
        let address = from.address;
        if let Some(problem) = self.snapshot().network_at(address).and_then(no_sign_in) {
            return Ok(WebSignInView { problem: problem.to_owned(), ..self.web_sign_in_view(address).await });
        }
        let device = match self.check_password(login, password, &from).await?.for_everyday() {
            Checked::Right(proven) if proven.must_change() => {
                self.note_unchanged(&proven, "sign-in-to-web-begun", address).await?;
                return Ok(WebSignInView { must_choose: true, ..self.web_sign_in_view(address).await });
            }
            Checked::Right(proven) => {
                self.claim_address(&proven, address).await?;
                self.marked(proven.person.id, &from)?
            }
            Checked::RunOut { .. } => {
                let problem = run_out().theirs().to_owned();
                return Ok(WebSignInView { problem, ..self.web_sign_in_view(address).await });
            }
            Checked::Locked { words: problem } => {
                return Ok(WebSignInView { problem, ..self.web_sign_in_view(address).await });
            }
            Checked::Wrong { known_login } => {
                self.note_refusal("sign-in-to-web-refused", known_login, address).await?;
                let problem =
                    "That did not match. Check your user name and your password, and try again.".to_owned();
                return Ok(WebSignInView { problem, ..self.web_sign_in_view(address).await });
            }
        };
        Ok(WebSignInView { device, ..self.web_sign_in_view(address).await })
    }

    /// Records that an issued password was right where it opens nothing.
    async fn note_unchanged(
        &self,
        proven: &Proven,
        action: &'static str,
        address: IpAddr,
    ) -> Result<(), AppError> {
        let actor = actor_of(&proven.person);
        let fact = self.fact(&actor, action).about(actor.to_string());
        self.note(&fact.with("address", address.to_canonical().to_string())).await
    }

    /// The handle by which the proxy asks whose password or ticket it was given.
    ///
    /// Refusals are in the audit chain; what is right is not, since the access history says of each visit how its person
    /// is known.
    pub fn proxy_sign_in(&self) -> SignIn {
        let app = self.clone();
        SignIn::new(move |presented| {
            let app = app.clone();
            async move {
                let answer = match presented {
                    Presented::Password(credentials) => app.sign_in_to_proxy(credentials).await,
                    Presented::Ticket(principal) => app.known_by_ticket(principal).await,
                };
                answer.unwrap_or_else(|error| {
                    tracing::error!(%error, "a sign-in to the proxy could not be answered");
                    SignInAnswer::Unanswered
                })
            }
        })
    }

    async fn sign_in_to_proxy(&self, credentials: Credentials) -> Result<SignInAnswer, AppError> {
        let Credentials { login, password, address } = credentials;
        // A proxy's sign-in carries no cookie: whoever asks here is known by their address alone.
        Ok(match self.check_password(&login, &password, &address.into()).await?.for_everyday() {
            // Nobody is asked here to choose another; the sign-in page does that.
            Checked::Right(proven) if proven.must_change() => {
                self.note_unchanged(&proven, "sign-in-to-proxy-unchanged", address).await?;
                SignInAnswer::Wrong
            }
            Checked::Right(proven) if !self.still_opens(&proven).await? => SignInAnswer::Wrong,
            Checked::Right(proven) => {
                let until = self.web_until().min(proven.account.ends.unwrap_or(Timestamp(i64::MAX)));
                SignInAnswer::Known { person: proven.person.id, until }
            }
            Checked::RunOut { .. } | Checked::Locked { .. } => SignInAnswer::Wrong,
            Checked::Wrong { known_login } => {
                self.note_refusal("sign-in-to-proxy-refused", known_login, address).await?;
                SignInAnswer::Wrong
            }
        })
    }

    /// Whose a ticket is: the person on the roster with that login, at the school that the realm stands for, unless their
    /// account is closed. A ticket of nobody here (a computer's own, say) is no refusal that anybody would look for.
    async fn known_by_ticket(&self, principal: Principal) -> Result<SignInAnswer, AppError> {
        let login = principal.name.to_lowercase();
        let Some(person) = self.0.parts.roster.get().person_by_login(&login).map(Arc::clone) else {
            return Ok(SignInAnswer::Wrong);
        };
        let at_school =
            principal.school.is_none_or(|school| person.affiliation_at(&Scope::School(school)).is_some());
        let account = self.0.parts.store.account(&login).await?;
        let ends = account.as_ref().and_then(|account| account.ends).unwrap_or(Timestamp(i64::MAX));
        if at_school && account.is_none_or(|account| account.may_sign_in(self.now())) {
            let until = self.web_until().min(ends);
            return Ok(SignInAnswer::Known { person: person.id, until });
        }
        self.note_refusal("sign-in-to-proxy-refused", Some(login), principal.address).await?;
        Ok(SignInAnswer::Wrong)
    }

    /// Until when a sign-in to the web counts that is made now.
    pub(crate) fn web_until(&self) -> Timestamp {
        let now = self.now();
        let end_of_day = words::end_of_day(&self.snapshot().policy().time_zone, now);
        now.plus_ms(WEB_SIGN_IN_MS).min(end_of_day)
    }

    async fn claim_address(&self, proven: &Proven, address: IpAddr) -> Result<(), AppError> {
        let person = &proven.person;
        let (now, until) = (self.now(), self.web_until());
        let until = proven.account.ends.map_or(until, |ends| ends.min(until));
        let claim = Claim { person: person.id, by: KnownBy::SignIn, from: now, until };
        let actor = actor_of(person);
        let fact = self.fact(&actor, "sign-in-to-web");
        let scope = fact.scope.clone();
        let fact = fact.about(actor.to_string()).with("address", address.to_canonical().to_string());
        let mut changes = proven.changes(now);
        changes.extend(proven.first_use());
        changes.push(Change::ForgetEnded { before: now });
        changes.push(Change::ClaimAddress { address, claim, scope });
        self.commit(&fact, &changes).await?;
        self.0.parts.identities.claim(address, claim);
        Ok(())
    }

    /// Signs out whoever is signed in to the web at an address.
    pub async fn sign_out_of_web(&self, address: IpAddr) -> Result<(), AppError> {
        for claim in self.signed_in_at(address) {
            let person = self.0.parts.roster.get().person(claim.person).cloned();
            let actor = person.map_or(Actor::Program, |person| actor_of(&person));
            let scope = actor.widest_scope().unwrap_or(Scope::Trust);
            let fact = Fact::new(&actor, scope, self.now(), "sign-out-of-web");
            let fact = fact.about(format!("person:{}", claim.person)).with("address", address.to_string());
            self.commit(&fact, &[Change::EndClaim { address, person: claim.person }]).await?;
            self.0.parts.identities.end(address, claim.person, KnownBy::SignIn);
        }
        Ok(())
    }

    pub(crate) fn signed_in_at(&self, address: IpAddr) -> Vec<Claim> {
        let claims = self.0.parts.identities.at(address, self.now());
        claims.into_iter().filter(|claim| claim.by == KnownBy::SignIn).collect()
    }
}

/// How children and the web's page greet somebody.
pub(crate) fn first_name(person: &Person) -> &str {
    person.display_name.split_whitespace().next().unwrap_or(&person.login)
}
