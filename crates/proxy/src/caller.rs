//! Who is at the other end of a connection.

use crate::listen::Seat;
use model::{IdentityMap, Known, Roster, Share, Timestamp};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Who is at the other end of a connection, and its place among the connections.
#[derive(Clone)]
pub(crate) struct Caller {
    /// Whose connection it is.
    pub(crate) address: IpAddr,
    /// Who they said they are on this very connection, once that was checked. It counts in place of everybody who may be
    /// at the address.
    pub(crate) person: Option<Known>,
    /// A proxy named somebody whom the roster does not know: nobody is known by the address then.
    pub(crate) is_stranger: bool,
    /// Where the connection reached us.
    pub(crate) reached: SocketAddr,
    _seat: Arc<Seat>,
    /// Its place among the open requests, for what goes on after its answer.
    _share: Option<Arc<Share>>,
}

impl Caller {
    pub(crate) fn new(address: IpAddr, reached: SocketAddr, seat: Seat) -> Self {
        Self {
            address: address.to_canonical(),
            person: None,
            is_stranger: false,
            reached,
            _seat: Arc::new(seat),
            _share: None,
        }
    }

    /// The same caller in a tunnel or a WebSocket, which holds this place for as long as anything of it is there.
    pub(crate) fn holding(&self, share: Share) -> Self {
        Self { _share: Some(Arc::new(share)), ..self.clone() }
    }

    /// The same connection, belonging to somebody.
    pub(crate) fn of(&self, person: Known) -> Self {
        Self { person: Some(person), ..self.clone() }
    }

    /// The same connection, on which a listed proxy asks for somebody: at this address, and by this name if there is one.
    pub(crate) fn for_other(&self, address: IpAddr, named: Option<Option<Known>>) -> Self {
        let (person, is_stranger) = match named {
            None => (None, false),
            Some(person) => (person.clone(), person.is_none()),
        };
        Self { address, person, is_stranger, ..self.clone() }
    }

    /// Who it belongs to now: nobody once that has ended or was ended, or when they have left the roster.
    pub(crate) fn known(&self, now: Timestamp, roster: &Roster, identities: &IdentityMap) -> Option<Known> {
        let known = self.person.as_ref().filter(|known| known.until.is_none_or(|until| now < until))?;
        if known.since.is_some_and(|since| identities.was_ended(known.person.id, since)) {
            return None;
        }
        let person = roster.person(known.person.id)?;
        // The roster's: they may have been moved to another year or role since.
        Some(Known { person: Arc::clone(person), ..known.clone() })
    }

    /// True when whoever is at the other end is known in the same way, from and until the same time.
    pub(crate) fn is_known_alike(&self, other: &Self) -> bool {
        let known = |caller: &Self| {
            let person = caller.person.as_ref();
            person.map(|known| (known.person.id, known.by, known.since, known.until))
        };
        let place = |caller: &Self| (caller.address, caller.is_stranger);
        known(self) == known(other) && place(self) == place(other)
    }

    /// True when the same person is at the other end, as far as that is known.
    pub(crate) fn is_same_person(&self, other: &Self) -> bool {
        let id = |caller: &Self| caller.person.as_ref().map(|known| known.person.id);
        id(self) == id(other)
    }
}
