//! The window in which the badges and pictures of a class count: opened by whoever runs the class, for some minutes, here or
//! on every network of the school, and closed by itself.

use crate::classes::InfantWay;
use crate::views::InfantWaysView;
use crate::web_sign_in::no_sign_in;
use crate::{App, AppError};
use model::{Actor, ClassId, NetworkId, Scope};
use std::net::IpAddr;
use store::{Change, Class, ClassWindow, ClassWindowChange, Fact};

/// How long a window is open, in minutes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WindowMinutes(u32);

impl WindowMinutes {
    /// What may be chosen.
    pub const CHOICES: [WindowMinutes; 4] = [Self(10), Self(20), Self(40), Self(60)];

    /// The number.
    pub fn number(self) -> u32 {
        self.0
    }

    /// Reads what a form sends; `None` where it is none of the choices.
    pub fn parse(text: &str) -> Option<Self> {
        let number = text.parse::<u32>().ok()?;
        Self::CHOICES.into_iter().find(|choice| choice.0 == number)
    }
}

/// Where badges count while a window is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WindowPlace {
    /// On the network of whoever opens it, alone.
    Here,
    /// On every network of the school.
    School,
}

impl App {
    /// Opens the window of a class, in the place of whichever is open. False where this person reaches no class of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`]; [`AppError::Refused`] for "here" outside the school's networks.
    pub async fn open_class_window(
        &self,
        (actor, from): (&Actor, IpAddr),
        id: ClassId,
        (minutes, place): (WindowMinutes, WindowPlace),
    ) -> Result<bool, AppError> {
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(false) };
        let Actor::Person { id: opened_by, .. } = actor else { return Err(AppError::Denied) };
        let network = match place {
            WindowPlace::School => None,
            WindowPlace::Here => Some(self.network_here(&class, from)?),
        };
        let starts = self.now();
        let ends = starts.plus_ms(i64::from(minutes.0) * 60_000);
        let place = network.as_ref().map_or_else(|| "the school".to_owned(), NetworkId::to_string);
        let fact = self.class_fact(actor, &class, "open-class-window");
        let fact = fact.with("minutes", minutes.0.to_string()).with("place", place);
        let scope = fact.scope.clone();
        let window = ClassWindow { class: id, network, opened_by: *opened_by, starts, ends, scope };
        self.commit(&fact, &[Change::ClassWindow(ClassWindowChange::Open(window))]).await?;
        Ok(true)
    }

    /// What the youngest can sign in to the web with at an address now: what somebody of a class with an open window there holds,
    /// and the policy gives them.
    ///
    /// # Errors
    /// [`AppError::Failed`] where the records cannot be read.
    pub async fn infant_ways(&self, from: IpAddr) -> Result<InfantWaysView, AppError> {
        let (snapshot, store, now) = (self.snapshot(), &self.0.parts.store, self.now());
        let mut ways = InfantWaysView::default();
        let network = snapshot.network_at(from.to_canonical());
        let Some(network) = network.filter(|network| no_sign_in(network).is_none()) else { return Ok(ways) };
        let here = Scope::School(network.school.clone());
        let mut open = store.class_windows(now).await?;
        open.retain(|window| {
            window.scope == here && window.network.as_ref().is_none_or(|only| *only == network.id)
        });
        if open.is_empty() {
            return Ok(ways);
        }
        for class in store.classes(now).await? {
            if !open.iter().any(|window| window.class == class.id) {
                continue;
            }
            let badges = store.badges_of_class(class.id, now).await?;
            let pictures = store.pictures_of_class(class.id, now).await?;
            for child in self.learners_of(&class) {
                let gives = |way| self.policy_gives(&child, &here, way);
                ways.badge |= badges.contains_key(&child.id) && gives(InfantWay::Badge);
                ways.pictures |= pictures.contains_key(&child.id) && gives(InfantWay::Pictures);
            }
        }
        Ok(ways)
    }

    /// Closes the window of a class. False where this person reaches no class of that id.
    ///
    /// # Errors
    /// [`AppError::Denied`].
    pub async fn close_class_window(&self, actor: &Actor, id: ClassId) -> Result<bool, AppError> {
        let Some(class) = self.class_in_reach(actor, id).await? else { return Ok(false) };
        let close = ClassWindowChange::Close { class: id, at: self.now() };
        let fact = self.class_fact(actor, &class, "close-class-window");
        self.commit(&fact, &[Change::ClassWindow(close)]).await?;
        Ok(true)
    }

    /// A fact about a class, in the chain of its school.
    pub(crate) fn class_fact(&self, actor: &Actor, class: &Class, action: &'static str) -> Fact {
        let scope = Scope::School(class.school.clone());
        Fact::new(actor, scope, self.now(), action).about(format!("class:{}", class.id))
    }

    fn network_here(&self, class: &Class, from: IpAddr) -> Result<NetworkId, AppError> {
        let snapshot = self.snapshot();
        let here = snapshot.network_at(from).filter(|network| network.school == class.school);
        here.map(|network| network.id.clone()).ok_or_else(|| {
            AppError::refused(
                "You are not on one of the school\u{2019}s networks now. Open it for the whole school, or at school.",
                "expected an address in a network of the class's school, found another",
            )
        })
    }
}
