//! What one reader of questions keeps between them: who is at which address, what is in force, and the events that
//! are to be handed over.
//!
//! Nobody's verdict is kept. What is kept of a client is who they are and whose rules count for them, and no longer than
//! neither the policy, the roster, the people signed in nor the timetable has changed.

use crate::DnsPorts;
use hickory_proto::rr::RecordType;
use model::{
    AccessEvent, Ask, Asker, Channel, Device, DeviceId, EventOutcome, Host, IdentityMap, Known, KnownBy,
    Roster, Target, Timestamp, Verdict, Who,
};
use policy::image::{Trail, prefetch};
use policy::{Snapshot, Viewpoint, is_outsider};
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::Arc;

/// The most clients one reader remembers; past it, it begins anew.
const MOST_CLIENTS: usize = 4_096;
/// The most types whose names one reader remembers; further ones are written anew each time.
const MOST_TYPES: usize = 32;

/// Whose question it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Caller {
    /// The address it came from.
    pub(crate) address: IpAddr,
    /// What the client said of itself.
    pub(crate) named: Named,
}

/// What a client says of itself, by the name or path it asks at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Named {
    /// Nothing: its address says who it is.
    Not,
    /// It has the token of this device.
    Device(DeviceId),
    /// It has a token that is nobody's.
    Wrongly,
}

impl Caller {
    /// Somebody who is known by his address alone.
    pub(crate) fn at(address: IpAddr) -> Self {
        Self { address: address.to_canonical(), named: Named::Not }
    }
}

/// In fewer steps than the compiler's own: it is done for each question.
impl Hash for Caller {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.address {
            IpAddr::V4(address) => state.write_u64(u64::from(address.to_bits())),
            IpAddr::V6(address) => state.write_u128(address.to_bits()),
        }
        match self.named {
            Named::Not => {}
            Named::Device(DeviceId(id)) => state.write_u128(id.as_u128()),
            Named::Wrongly => state.write_u8(1),
        }
    }
}

/// What one reader of questions keeps between them.
pub(crate) struct Desk {
    pub(crate) moment: Moment,
    pub(crate) clients: Clients,
    pub(crate) log: Log,
    /// Room for the words of an explanation.
    pub(crate) text: String,
}

/// What is in force, and the time.
pub(crate) struct Moment {
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) roster: Arc<Roster>,
    pub(crate) now: Timestamp,
    revision: u64,
}

/// The clients of late, each at a place that stays its own until all are forgotten.
#[derive(Default)]
pub(crate) struct Clients {
    places: HashMap<Caller, usize, foldhash::quality::RandomState>,
    clients: Vec<Client>,
}

/// One client, and whose rules count for them.
pub(crate) struct Client {
    caller: Caller,
    /// Their last question; the next one takes its place.
    pub(crate) ask: Ask,
    /// They themselves, as events keep it.
    asker: Asker,
    pub(crate) viewpoint: Viewpoint,
    pub(crate) is_outsider: bool,
    from: Timestamp,
    until: Timestamp,
}

/// Events that are to be handed over.
#[derive(Default)]
pub(crate) struct Log {
    events: Vec<AccessEvent>,
    types: Vec<(u16, Arc<str>)>,
}

impl Desk {
    pub(crate) fn new(ports: &DnsPorts) -> Self {
        let moment = Moment {
            revision: ports.identities.revision(),
            snapshot: ports.snapshot.get(),
            roster: ports.roster.get(),
            now: ports.clock.now(),
        };
        Self { moment, clients: Clients::default(), log: Log::default(), text: String::new() }
    }

    /// Takes up what is in force now; to be called before each batch of questions, once they are there.
    pub(crate) fn open(&mut self, ports: &DnsPorts) {
        // Before anybody is looked up: whoever is found by an older state is forgotten the next time.
        let revision = ports.identities.revision();
        let (snapshot, roster) = (ports.snapshot.get(), ports.roster.get());
        let same = self.moment.revision == revision
            && Arc::ptr_eq(&self.moment.snapshot, &snapshot)
            && Arc::ptr_eq(&self.moment.roster, &roster);
        if !same {
            self.clients.forget();
        }
        self.moment = Moment { snapshot, roster, revision, now: ports.clock.now() };
    }

    /// Hands the events over; to be called before the answers are sent.
    pub(crate) fn close(&mut self, ports: &DnsPorts) {
        ports.events.send_all(&mut self.log.events);
    }
}

impl Clients {
    /// Has what is known of somebody brought from memory, and says where it is.
    pub(crate) fn warm(&self, caller: Caller) -> Option<usize> {
        let place = self.places.get(&caller).copied()?;
        let client = self.clients.get(place)?;
        prefetch(client);
        client.viewpoint.warm();
        Some(place)
    }

    /// Who asks. Kept until something has changed that could make them somebody else. `place` is where they were a moment
    /// ago.
    pub(crate) fn find(
        &mut self,
        caller: Caller,
        place: Option<usize>,
        moment: &Moment,
        identities: &IdentityMap,
    ) -> Option<&mut Client> {
        let is_there = |place: &usize| self.clients.get(*place).is_some_and(|there| there.caller == caller);
        let place = match place.filter(is_there).or_else(|| self.places.get(&caller).copied()) {
            Some(place) => place,
            None => self.take_in(Client::new(caller, moment, identities)),
        };
        let client = self.clients.get_mut(place)?;
        if !(client.from..client.until).contains(&moment.now) {
            *client = Client::new(caller, moment, identities);
        }
        Some(client)
    }

    fn take_in(&mut self, client: Client) -> usize {
        if self.clients.len() >= MOST_CLIENTS {
            self.forget();
        }
        let place = self.clients.len();
        self.places.insert(client.caller, place);
        self.clients.push(client);
        place
    }

    fn forget(&mut self) {
        self.places.clear();
        self.clients.clear();
    }
}

impl Client {
    fn new(caller: Caller, moment: &Moment, identities: &IdentityMap) -> Self {
        let Moment { snapshot, roster, now, .. } = moment;
        let (_, edge) = identities.at_until(caller.address, *now);
        let at_address = snapshot.who(caller.address, *now, roster, identities);
        let device = match caller.named {
            Named::Device(id) => roster.device(id),
            Named::Not | Named::Wrongly => None,
        };
        let is_outsider = device.is_none() && is_outsider(&at_address);
        let who = match (caller.named, device) {
            (Named::Not, _) => at_address,
            (_, Some(device)) => with_device(caller.address, device, roster),
            // Nobody in particular, for whom every denial counts; nobody gains anything by a token that is none.
            (_, None) => Who { address: at_address.address, school: at_address.school, ..Who::default() },
        };
        let viewpoint = snapshot.viewpoint(&who, *now);
        Self {
            caller,
            is_outsider,
            from: *now,
            until: viewpoint.until().min(edge),
            asker: Asker::of(&who),
            // A place for the questions to come; nobody ever asks for this one.
            ask: Ask { who, what: Target::host(Host::Address(caller.address)), how: Channel::Dns, at: *now },
            viewpoint,
        }
    }

    /// The verdict on a question of theirs, which becomes their last one. `trail`: that of the host, where it is known.
    pub(crate) fn verdict(
        &mut self,
        host: Host,
        type_number: u16,
        trail: Option<Trail<'_>>,
        moment: &Moment,
    ) -> Verdict {
        self.ask.what.host = host;
        self.ask.what.record_type = Some(type_number);
        self.ask.at = moment.now;
        match trail {
            Some(trail) => moment.snapshot.judge_warmed(&self.viewpoint, &self.ask, trail),
            None => moment.snapshot.judge(&self.viewpoint, &self.ask),
        }
    }
}

/// Who is behind a device, wherever it is: the one it is lent to.
fn with_device(address: IpAddr, device: &Arc<Device>, roster: &Roster) -> Who {
    let lent_to = device.assigned_to.and_then(|id| roster.person(id));
    Who {
        address: Some(address),
        school: Some(device.school.clone()),
        device: Some(Arc::clone(device)),
        people: lent_to.map(|person| Known::lasting(person, KnownBy::Device)).into_iter().collect(),
        ..Who::default()
    }
}

impl Log {
    /// Notes the event of a client's last question.
    pub(crate) fn note(&mut self, client: &Client, verdict: Verdict, outcome: EventOutcome) {
        let method = self.type_text(client.ask.what.record_type.unwrap_or(0));
        self.events
            .push(AccessEvent { outcome, ..AccessEvent::by(&client.asker, &client.ask, verdict, method) });
    }

    fn type_text(&mut self, type_number: u16) -> Arc<str> {
        if let Some((_, text)) = self.types.iter().find(|(number, _)| *number == type_number) {
            return Arc::clone(text);
        }
        let text = type_text(type_number);
        if self.types.len() < MOST_TYPES {
            self.types.push((type_number, Arc::clone(&text)));
        }
        text
    }
}

/// A type as the field writes it; one without a name by its number (RFC 3597, 5).
pub(crate) fn type_text(type_number: u16) -> Arc<str> {
    match RecordType::from(type_number) {
        RecordType::Unknown(number) => format!("TYPE{number}").into(),
        known => known.to_string().into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_without_a_name_is_written_by_its_number() {
        assert_eq!(&*type_text(28), "AAAA");
        assert_eq!(&*type_text(4_242), "TYPE4242");
    }
}
