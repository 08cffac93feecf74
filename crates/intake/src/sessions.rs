//! The sessions that are reported, and the claims that follow from them.
//!
//! A session begins with a start or, where that was missed or named no address, with an interim report; it ends with a
//! stop, when its access server begins anew, when nothing was heard of it for the time-out, or when its device or its address turns
//! up in another one. A restart of the gate forgets all; the next interim report of each brings it back.
//!
//! Invariants: at most [`MOST_SESSIONS`]; an address belongs to one session at a time; each claim that is made is ended by
//! the same session, or by its own time.

use crate::packet::{Report, Status};
use model::{Claim, CurrentRoster, IdentityMap, KnownBy, PersonId, Roster, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;

/// The most sessions at once: a trust's devices, twice. The one heard of longest ago makes room.
pub(crate) const MOST_SESSIONS: usize = 65_536;

/// Which session: its sender's address, the access server it is about, and the name that this gave it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Key {
    sender: IpAddr,
    server: Vec<u8>,
    session: Vec<u8>,
}

/// One session.
#[derive(Debug)]
struct Session {
    person: PersonId,
    station: Vec<u8>,
    addresses: Vec<IpAddr>,
    since: Timestamp,
    until: Timestamp,
}

/// The sessions that go on.
#[derive(Debug, Default)]
pub(crate) struct Sessions {
    by_key: HashMap<Key, Session>,
    by_address: HashMap<IpAddr, Key>,
    by_station: HashMap<Vec<u8>, Key>,
}

/// What claims are made of and kept in.
pub(crate) struct Ground<'a> {
    pub roster: &'a CurrentRoster,
    pub identities: &'a IdentityMap,
    /// From the last report of a session to its end, where no stop comes.
    pub timeout_ms: i64,
}

/// What a report led to; counted in the log, which names nobody.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// Somebody is known at an address.
    Claimed,
    /// A session ended, or all of an access server's.
    Ended,
    /// It named nobody of the roster.
    NobodyKnown,
    /// It said nothing that matters here: no address yet, a session that was not open, another status.
    Nothing,
}

impl Sessions {
    /// Takes a report in.
    pub(crate) fn take(
        &mut self,
        sender: IpAddr,
        report: Report,
        now: Timestamp,
        ground: &Ground<'_>,
    ) -> Outcome {
        let key = Key { sender, server: report.server.clone(), session: report.session.clone() };
        match report.status {
            Some(Status::Start | Status::Interim) => self.goes_on(key, report, now, ground),
            Some(Status::Stop) => self.end(&key, ground.identities),
            Some(Status::OnOrOff) => {
                let is_its = |other: &&Key| other.sender == sender && other.server == report.server;
                let of_server: Vec<Key> = self.by_key.keys().filter(is_its).cloned().collect();
                for key in &of_server {
                    self.end(key, ground.identities);
                }
                Outcome::Ended
            }
            None => Outcome::Nothing,
        }
    }

    /// Ends what was not heard of for the time-out. The claims have ended by their own time.
    pub(crate) fn expire(&mut self, now: Timestamp, identities: &IdentityMap) {
        let over: Vec<Key> = self
            .by_key
            .iter()
            .filter(|(_, session)| session.until <= now)
            .map(|(key, _)| key.clone())
            .collect();
        for key in over {
            self.end(&key, identities);
        }
    }

    fn goes_on(&mut self, key: Key, report: Report, now: Timestamp, ground: &Ground<'_>) -> Outcome {
        let Some(person) = person_of(&report.login, &ground.roster.get()) else {
            // Whoever was at these addresses before has gone all the same.
            self.make_way(&key, &report, ground.identities);
            self.end(&key, ground.identities);
            return Outcome::NobodyKnown;
        };
        if report.addresses.is_empty() {
            return Outcome::Nothing;
        }
        self.make_way(&key, &report, ground.identities);
        let earlier = self.by_key.get(&key).filter(|earlier| earlier.person == person);
        let since = earlier.map_or(now, |earlier| earlier.since);
        self.end(&key, ground.identities);
        self.make_room(ground.identities);
        let until = now.plus_ms(ground.timeout_ms);
        let claim = Claim { person, by: KnownBy::Radius, from: since, until };
        for address in &report.addresses {
            ground.identities.claim(*address, claim);
            self.by_address.insert(*address, key.clone());
        }
        if !report.station.is_empty() {
            self.by_station.insert(report.station.clone(), key.clone());
        }
        let Report { station, addresses, .. } = report;
        self.by_key.insert(key, Session { person, station, addresses, since, until });
        Outcome::Claimed
    }

    /// Ends other sessions that a report shows to be over: of the same device, which roams without a stop, and of the
    /// same addresses, which were given to another device.
    fn make_way(&mut self, key: &Key, report: &Report, identities: &IdentityMap) {
        let of_station = self.by_station.get(&report.station).cloned();
        let of_addresses: Vec<Key> =
            report.addresses.iter().filter_map(|address| self.by_address.get(address).cloned()).collect();
        for other in of_station.into_iter().chain(of_addresses).filter(|other| other != key) {
            self.end(&other, identities);
        }
    }

    fn make_room(&mut self, identities: &IdentityMap) {
        if self.by_key.len() < MOST_SESSIONS {
            return;
        }
        let longest_ago = self.by_key.iter().min_by_key(|(_, session)| session.until);
        if let Some(key) = longest_ago.map(|(key, _)| key.clone()) {
            self.end(&key, identities);
        }
    }

    fn end(&mut self, key: &Key, identities: &IdentityMap) -> Outcome {
        let Some(session) = self.by_key.remove(key) else { return Outcome::Nothing };
        for address in session.addresses {
            self.by_address.remove(&address);
            identities.end(address, session.person, KnownBy::Radius);
        }
        if self.by_station.get(&session.station) == Some(key) {
            self.by_station.remove(&session.station);
        }
        Outcome::Ended
    }
}

/// Whose login it is: as it stands, else without the realm (`login@realm`, RFC 7542) or the domain (`DOMAIN\login`).
fn person_of(login: &str, roster: &Roster) -> Option<PersonId> {
    let whole = login.trim().to_lowercase();
    let bare = whole.split_once('\\').map_or(whole.as_str(), |(_, bare)| bare);
    let bare = bare.split_once('@').map_or(bare, |(bare, _)| bare);
    roster.person_by_login(&whole).or_else(|| roster.person_by_login(bare)).map(|person| person.id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Person;

    const MINUTE: i64 = 60_000;

    struct World {
        sessions: Sessions,
        roster: CurrentRoster,
        identities: IdentityMap,
    }

    fn world() -> World {
        let person = |number: u128, login: &str| Person {
            id: PersonId(uuid::Uuid::from_u128(number)),
            login: login.to_owned(),
            display_name: String::new(),
            affiliations: Vec::new(),
        };
        let people = vec![person(1, "amara"), person(2, "ben@staff.example")];
        World {
            sessions: Sessions::default(),
            roster: CurrentRoster::new(Roster::new(people, Vec::new())),
            identities: IdentityMap::default(),
        }
    }

    impl World {
        /// A report in a line: status, session, login, station, address; from a sender.
        fn report(&mut self, sender: u8, line: &str, minute: i64) -> Outcome {
            let [status, session, login, station, address] =
                line.split(' ').collect::<Vec<_>>().try_into().unwrap();
            let status = match status {
                "start" => Some(Status::Start),
                "interim" => Some(Status::Interim),
                "stop" => Some(Status::Stop),
                "on" => Some(Status::OnOrOff),
                _ => None,
            };
            let text = |text: &str| if text == "-" { String::new() } else { text.to_owned() };
            let (server, session) = session.split_once('/').unwrap_or(("", session));
            let report = Report {
                status,
                server: server.into(),
                session: session.into(),
                login: text(login),
                station: text(station).into_bytes(),
                addresses: address.parse().into_iter().collect(),
            };
            let ground =
                Ground { roster: &self.roster, identities: &self.identities, timeout_ms: 60 * MINUTE };
            let sender = IpAddr::from([10, 0, 0, sender]);
            self.sessions.take(sender, report, Timestamp(minute * MINUTE), &ground)
        }

        /// Who is at an address, by the number of their id, and since which minute.
        fn at(&self, address: &str, minute: i64) -> Vec<(u128, i64)> {
            let claims = self.identities.at(address.parse().unwrap(), Timestamp(minute * MINUTE));
            claims.iter().map(|claim| (claim.person.0.as_u128(), claim.from.0 / MINUTE)).collect()
        }
    }

    #[test]
    fn somebody_is_known_from_the_start_with_an_address_until_the_stop() {
        let mut world = world();
        assert_eq!(world.report(1, "start s1 amara aa -", 0), Outcome::Nothing);
        assert_eq!(world.report(1, "interim s1 Amara@larkfield.example aa 10.20.0.7", 1), Outcome::Claimed);
        assert_eq!(world.at("10.20.0.7", 2), [(1, 1)]);
        assert_eq!(world.report(1, "interim s1 amara aa 10.20.0.7", 50), Outcome::Claimed);
        assert_eq!(world.at("10.20.0.7", 109), [(1, 1)], "each report lengthens it, and its start stays");
        assert_eq!(world.report(1, "stop s1 amara aa 10.20.0.7", 110), Outcome::Ended);
        assert_eq!(world.at("10.20.0.7", 110), []);
        assert_eq!(world.report(1, "stop s1 amara aa 10.20.0.7", 110), Outcome::Nothing);
    }

    #[test]
    fn a_session_that_nobody_hears_of_again_ends_by_itself() {
        let mut world = world();
        world.report(1, "start s1 amara aa 10.20.0.7", 0);
        assert_eq!((world.at("10.20.0.7", 59), world.at("10.20.0.7", 60)), (vec![(1, 0)], vec![]));
        world.sessions.expire(Timestamp(60 * MINUTE), &world.identities);
        assert!(world.sessions.by_key.is_empty() && world.sessions.by_address.is_empty());
        assert!(world.sessions.by_station.is_empty());
    }

    #[test]
    fn an_address_that_is_given_to_another_device_is_theirs_alone() {
        let mut world = world();
        world.report(1, "start s1 amara aa 10.20.0.7", 0);
        world.report(2, "start s1 STAFF\\ben@staff.example bb 10.20.0.7", 5);
        assert_eq!(world.at("10.20.0.7", 6), [], "a domain before a realm is nobody's login");
        world.report(2, "start s1 ben@staff.example bb 10.20.0.7", 5);
        assert_eq!(world.at("10.20.0.7", 6), [(2, 5)]);
        assert_eq!(world.report(1, "stop s1 amara aa 10.20.0.7", 7), Outcome::Nothing);
        assert_eq!(world.at("10.20.0.7", 8), [(2, 5)], "a late stop ends nobody else's");
    }

    #[test]
    fn somebody_unknown_at_an_address_ends_what_was_known_there() {
        let mut world = world();
        world.report(1, "start s1 amara aa 10.20.0.7", 0);
        assert_eq!(world.report(1, "start s2 visitor bb 10.20.0.7", 5), Outcome::NobodyKnown);
        assert_eq!(world.at("10.20.0.7", 6), []);
    }

    #[test]
    fn a_device_that_roams_is_known_at_its_new_address_only() {
        let mut world = world();
        world.report(1, "start s1 amara aa 10.20.0.7", 0);
        world.report(2, "start s9 amara aa 10.30.0.7", 5);
        assert_eq!((world.at("10.20.0.7", 6), world.at("10.30.0.7", 6)), (vec![], vec![(1, 5)]));
    }

    #[test]
    fn a_sender_that_begins_anew_ends_its_own_sessions_and_nobody_elses() {
        let mut world = world();
        world.report(1, "start s1 amara aa 10.20.0.7", 0);
        world.report(2, "start s1 ben@staff.example bb 10.20.0.8", 0);
        assert_eq!(world.report(1, "on - - - -", 1), Outcome::Ended);
        assert_eq!((world.at("10.20.0.7", 2), world.at("10.20.0.8", 2)), (vec![], vec![(2, 0)]));
    }

    #[test]
    fn two_access_servers_behind_one_sender_may_use_the_same_name_for_a_session() {
        let mut world = world();
        world.report(1, "start hall/s1 amara aa 10.20.0.7", 0);
        world.report(1, "start library/s1 ben@staff.example bb 10.20.0.8", 0);
        assert_eq!((world.at("10.20.0.7", 1), world.at("10.20.0.8", 1)), (vec![(1, 0)], vec![(2, 0)]));
        world.report(1, "on hall/- - - -", 2);
        assert_eq!((world.at("10.20.0.7", 3), world.at("10.20.0.8", 3)), (vec![], vec![(2, 0)]));
    }

    #[test]
    fn a_stop_leaves_alone_who_signed_in_on_the_page() {
        let mut world = world();
        world.report(1, "start s1 amara aa 10.20.0.7", 0);
        let person = PersonId(uuid::Uuid::from_u128(1));
        let claim = Claim { person, by: KnownBy::SignIn, from: Timestamp(0), until: Timestamp(i64::MAX) };
        world.identities.claim("10.20.0.7".parse().unwrap(), claim);
        world.report(1, "stop s1 amara aa 10.20.0.7", 5);
        assert_eq!(world.at("10.20.0.7", 6), [(1, 0)]);
    }
}
