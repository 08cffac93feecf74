//! Signing in to the web with three pictures, on a device that a class shares: a child taps their first name, then their
//! pictures.
//!
//! It counts where and when badges do. The first names of a class stand on that page only while its window is open, at
//! addresses where it is. Of pictures there are 1,320, so three wrong ones in a row from one device lock that device for the
//! child until the teacher helps or the policy's time is over; their badge goes on.

use crate::badge_sign_in::{Admitted, NOT_AT_SCHOOL, NOT_OPEN};
use crate::classes::{InfantWay, first_names};
use crate::lanes::{Caller, Holder};
use crate::views::{PicturesView, WebSignInView};
use crate::web_sign_in::no_sign_in;
use crate::{App, AppError};
use identity::{AccountSeen, Factor, PicturePin, StoredHash, Turned};
use model::{AccountKind, Person, PersonId};
use policy::rules::Network;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use store::{Account, BadgeChange, Change, Pictures};

/// The most children on the page.
const MOST_CHILDREN: usize = 120;
const WRONG: &str = "Those were not your pictures. Try again, or ask your teacher.";
const WAIT: &str = "Wait a little, then try again.";
const ASK: &str = "That did not work. Ask your teacher to help.";

impl App {
    /// Who may sign in with pictures at an address now.
    pub async fn pictures_view(&self, from: IpAddr) -> Result<PicturesView, AppError> {
        let (children, problem) = match self.children_at(from.to_canonical()).await? {
            Ok(children) if children.is_empty() => (children, NOT_OPEN.to_owned()),
            Ok(children) => (children, String::new()),
            Err(problem) => (Vec::new(), problem.to_owned()),
        };
        let names = first_names(&children);
        let children = children.iter().zip(names).map(|(child, name)| (child.id.to_string(), name));
        let mut children: Vec<(String, String)> = children.collect();
        children.sort_by(|one, other| one.1.cmp(&other.1));
        let badge = self.infant_ways(from).await?.badge;
        Ok(PicturesView { children, problem, badge })
    }

    /// Signs a child in to the web from an address by their pictures, such as `4,0,11`. What was wrong, if anything, stands in the view.
    pub async fn sign_in_with_pictures(
        &self,
        child: PersonId,
        typed: &str,
        from: &Caller,
    ) -> Result<WebSignInView, AppError> {
        let address = from.address.to_canonical();
        let problem = match self.children_at(address).await? {
            Err(problem) => problem,
            Ok(children) => match children.into_iter().find(|person| person.id == child) {
                Some(person) => match PicturePin::parse(typed) {
                    Some(pin) => self.check_pictures(person, &pin, from).await?,
                    None => WRONG,
                },
                None => NOT_OPEN,
            },
        };
        Ok(WebSignInView { problem: problem.to_owned(), ..self.web_sign_in_view(address).await })
    }

    /// The children whose pictures count at an address now, or why nobody's do.
    async fn children_at(&self, address: IpAddr) -> Result<Result<Vec<Arc<Person>>, &'static str>, AppError> {
        let (snapshot, now) = (self.snapshot(), self.now());
        let Some(network) = snapshot.network_at(address) else { return Ok(Err(NOT_AT_SCHOOL)) };
        if let Some(problem) = no_sign_in(network) {
            return Ok(Err(problem));
        }
        let mut open = self.0.parts.store.class_windows(now).await?;
        open.retain(|window| window.network.as_ref().is_none_or(|only| *only == network.id));
        let mut children = Vec::new();
        for class in self.0.parts.store.classes(now).await? {
            if class.school == network.school && open.iter().any(|window| window.class == class.id) {
                let held = self.0.parts.store.pictures_of_class(class.id, now).await?;
                let here = self.learners_of(&class).into_iter();
                children.extend(here.filter(|person| held.contains_key(&person.id)));
            }
        }
        children.sort_by_key(|person| person.id);
        children.dedup_by_key(|person| person.id);
        children.truncate(MOST_CHILDREN);
        self.those_who_may(children, network).await.map(Ok)
    }

    async fn those_who_may(
        &self,
        children: Vec<Arc<Person>>,
        network: &Network,
    ) -> Result<Vec<Arc<Person>>, AppError> {
        let mut may = Vec::with_capacity(children.len());
        for person in children {
            if self.may_enter(&person, network, InfantWay::Pictures).await? {
                may.push(person);
            }
        }
        Ok(may)
    }

    /// Compares, counts, and signs in where they are right; otherwise says what was wrong.
    async fn check_pictures(
        &self,
        person: Arc<Person>,
        pin: &PicturePin,
        from: &Caller,
    ) -> Result<&'static str, AppError> {
        let Some((pictures, account)) = self.pictures_and_account(person.id).await? else { return Ok(ASK) };
        let holder =
            Holder { account: AccountSeen::Ordinary, person: Some(person.id), factor: Factor::Pictures };
        let turn = match self.take_turn(&account.login, holder, from) {
            Ok(turn) => turn,
            Err(Turned::Wait { .. }) => return Ok(WAIT),
            Err(_) => return Ok(ASK),
        };
        let right = match self.compare_pictures(pin, &pictures, from.address).await {
            Ok(Some(right)) => right,
            Ok(None) => {
                self.give_turn_back(turn);
                return Ok(WAIT);
            }
            Err(error) => {
                self.give_turn_back(turn);
                return Err(error);
            }
        };
        let address = from.address.to_canonical();
        if !right {
            let typed = pin.as_password()?;
            let (rules, at) = (self.rules_for(Factor::Pictures), self.now());
            let counted = self.lockout().wrong(turn, typed.reveal(), &rules, at);
            self.0.lockout_moved.store(true, Ordering::Relaxed);
            let is_locked = counted.locked_until.is_some() || counted.disables;
            let action = if is_locked { "pictures-locked" } else { "pictures-refused" };
            self.note_refusal(action, Some(account.login), address).await?;
            return Ok(if is_locked { ASK } else { WRONG });
        }
        self.count_right(turn);
        let used =
            BadgeChange::PicturesUsed { person: person.id, verifier: pictures.verifier, at: self.now() };
        let shown = Change::Badge(used);
        self.admit(Admitted { person, account, shown, action: "sign-in-by-pictures" }, address).await?;
        Ok("")
    }

    async fn pictures_and_account(&self, child: PersonId) -> Result<Option<(Pictures, Account)>, AppError> {
        let store = &self.0.parts.store;
        let Some(pictures) = store.pictures_of(child).await? else { return Ok(None) };
        let now = self.now();
        let opens = |account: &Account| {
            account.id == pictures.account
                && account.kind == AccountKind::Standard
                && account.may_sign_in(now)
        };
        let account = store.accounts_of(child).await?.into_iter().find(opens);
        Ok(account.map(|account| (pictures, account)))
    }

    /// `None` where too many others wait to have theirs compared.
    async fn compare_pictures(
        &self,
        pin: &PicturePin,
        held: &Pictures,
        address: IpAddr,
    ) -> Result<Option<bool>, AppError> {
        let (pepper, password) = (self.0.parts.pepper.clone(), pin.as_password()?);
        let stored = StoredHash(held.verifier.clone());
        let Ok(turn) = self.hashing_turn(self.hashing_zone(address)).await else { return Ok(None) };
        let compared = tokio::task::spawn_blocking(move || {
            let _turn = turn;
            identity::verify(&pepper, &password, Some(&stored))
        });
        Ok(Some(compared.await??))
    }
}
