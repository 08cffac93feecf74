//! Signing in to use the web from one address: anybody with an account, pupils and guests too.
//!
//! It counts for eight hours, or until the school's day ends, whichever comes first. Several people may be signed in at
//! one address; until they sign out again, the strictest rules among them count there.

use crate::password::Checked;
use crate::sign_in::actor_of;
use crate::views::WebSignInView;
use crate::{App, AppError, words};
use model::{Actor, Claim, KnownBy, Person, Scope};
use std::net::IpAddr;
use store::{Change, Fact};

/// How long a sign-in to the web counts at most.
const WEB_SIGN_IN_MS: i64 = 8 * 3_600_000;

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
        }
    }

    /// Signs somebody in to the web from an address. What was wrong, if anything, stands in the view.
    pub async fn sign_in_to_web(
        &self,
        login: &str,
        password: &str,
        address: IpAddr,
    ) -> Result<WebSignInView, AppError> {
        match self.check_password(login, password).await? {
            Checked::Right(person) => self.claim_address(&person, address).await?,
            Checked::Wrong { known_login } => {
                self.note_refusal("sign-in-to-web-refused", known_login, address).await?;
                let problem =
                    "That did not match. Check your user name and your password, and try again.".to_owned();
                return Ok(WebSignInView { problem, ..self.web_sign_in_view(address).await });
            }
        }
        Ok(self.web_sign_in_view(address).await)
    }

    async fn claim_address(&self, person: &Person, address: IpAddr) -> Result<(), AppError> {
        let now = self.now();
        let end_of_day = words::end_of_day(&self.snapshot().policy().time_zone, now);
        let until = now.plus_ms(WEB_SIGN_IN_MS).min(end_of_day);
        let claim = Claim { person: person.id, by: KnownBy::SignIn, from: now, until };
        let actor = actor_of(person);
        let fact = self.fact(&actor, "sign-in-to-web");
        let scope = fact.scope.clone();
        let fact = fact.about(actor.to_string()).with("address", address.to_canonical().to_string());
        let changes = [Change::ForgetEnded { before: now }, Change::ClaimAddress { address, claim, scope }];
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
            self.0.parts.identities.end(address, claim.person);
        }
        Ok(())
    }

    fn signed_in_at(&self, address: IpAddr) -> Vec<Claim> {
        let claims = self.0.parts.identities.at(address, self.now());
        claims.into_iter().filter(|claim| claim.by == KnownBy::SignIn).collect()
    }
}

fn first_name(person: &Person) -> &str {
    person.display_name.split_whitespace().next().unwrap_or(&person.login)
}
