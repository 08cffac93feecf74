//! Port scans and sweeps: one address that reaches for very many others, or for very many ports of ours.
//!
//! Two thresholds each, a warning and an incident, in ten minutes, as school firewalls set them: 500 and 2000 addresses
//! outside, 1000 and 2000 inside, 50 and 150 ports of addresses inside. Ports that Windows' own services ask for all day
//! do not count.

use super::Finding;
use crate::OutsideEvent;
use crate::logs::event::Deed;
use model::{Severity, Timestamp};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

/// How long connections count together.
const WINDOW_MS: i64 = 10 * 60_000;
/// The most addresses that are watched at a time; past that the one that began first is forgotten.
const MOST_WATCHED: usize = 1_024;
/// The most addresses and ports that are remembered of all of them together.
const MOST_REMEMBERED: usize = 400_000;
/// Ports that do not count: NetBIOS, RPC, SMB, web.
const USUAL_PORTS: [u16; 7] = [80, 135, 136, 137, 138, 139, 445];

/// What is counted of one address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Measure {
    Outside,
    Inside,
    Ports,
}

impl Measure {
    const ALL: [Measure; 3] = [Self::Outside, Self::Inside, Self::Ports];

    /// From which numbers on: a warning, an incident.
    fn thresholds(self) -> (usize, usize) {
        match self {
            Self::Outside => (500, 2_000),
            Self::Inside => (1_000, 2_000),
            Self::Ports => (50, 150),
        }
    }

    fn rule(self) -> (&'static str, &'static str) {
        match self {
            Self::Outside => (
                "scan.outside",
                "One device reached for very many addresses outside within ten minutes, as malware and scanners do.",
            ),
            Self::Inside => (
                "scan.inside",
                "One device reached for very many of the school's own addresses within ten minutes, as malware and scanners do.",
            ),
            Self::Ports => (
                "scan.ports",
                "One device tried very many ports of the school's own machines within ten minutes, as scanners do.",
            ),
        }
    }
}

/// The detector of scans.
#[derive(Debug, Default)]
pub struct Scans {
    /// Addresses of which many connections are expected.
    busy: HashSet<IpAddr>,
    watched: HashMap<IpAddr, Watched>,
    remembered: usize,
}

#[derive(Debug)]
struct Watched {
    began: Timestamp,
    outside: HashSet<IpAddr>,
    inside: HashSet<IpAddr>,
    ports: HashSet<u16>,
    /// How far each measure was told already: 0 nothing, 1 the warning, 2 the incident.
    told: [u8; 3],
}

impl Watched {
    fn new(began: Timestamp) -> Self {
        let (outside, inside) = (HashSet::new(), HashSet::new());
        Self { began, outside, inside, ports: HashSet::new(), told: [0; 3] }
    }

    fn size(&self) -> usize {
        self.outside.len() + self.inside.len() + self.ports.len()
    }

    fn count(&self, measure: Measure) -> usize {
        match measure {
            Measure::Outside => self.outside.len(),
            Measure::Inside => self.inside.len(),
            Measure::Ports => self.ports.len(),
        }
    }

    fn take(&mut self, to: IpAddr, port: Option<u16>) {
        let room = |measure: Measure, held: usize| held < measure.thresholds().1;
        if !is_inside(to) {
            if room(Measure::Outside, self.outside.len()) {
                self.outside.insert(to);
            }
            return;
        }
        if room(Measure::Inside, self.inside.len()) {
            self.inside.insert(to);
        }
        let port = port.filter(|port| !USUAL_PORTS.contains(port));
        if let Some(port) = port.filter(|_| room(Measure::Ports, self.ports.len())) {
            self.ports.insert(port);
        }
    }
}

impl Scans {
    /// `busy`: addresses of which many connections are expected, such as the gate, name servers, the school's own scanner.
    pub fn new(busy: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { busy: busy.into_iter().map(|address| address.to_canonical()).collect(), ..Self::default() }
    }

    /// Takes one event.
    pub fn step(&mut self, event: &OutsideEvent) -> Vec<Finding> {
        let is_connection =
            matches!(event.deed, Deed::Connected | Deed::ConnectionBlocked | Deed::AttackSeen);
        let (Some(from), Some(to), true) = (event.from, event.to, is_connection) else { return Vec::new() };
        if self.busy.contains(&from) {
            return Vec::new();
        }
        let now = event.received;
        let is_over = |watched: &Watched| now.0.saturating_sub(watched.began.0) >= WINDOW_MS;
        if self.watched.get(&from).is_some_and(is_over) {
            self.forget(from);
        }
        self.make_room();
        let watched = self.watched.entry(from).or_insert_with(|| Watched::new(now));
        let before = watched.size();
        watched.take(to, event.port);
        self.remembered += watched.size().saturating_sub(before);
        Measure::ALL
            .into_iter()
            .zip(0..)
            .filter_map(|(measure, place)| watched.tell(measure, place, (from, now)))
            .collect()
    }

    fn make_room(&mut self) {
        while self.watched.len() >= MOST_WATCHED || self.remembered >= MOST_REMEMBERED {
            let oldest = self.watched.iter().min_by_key(|(_, watched)| watched.began).map(|(from, _)| *from);
            let Some(oldest) = oldest else { return };
            self.forget(oldest);
        }
    }

    fn forget(&mut self, from: IpAddr) {
        let size = self.watched.remove(&from).map_or(0, |watched| watched.size());
        self.remembered = self.remembered.saturating_sub(size);
    }
}

impl Watched {
    /// What has become worth telling of a measure with this event.
    fn tell(&mut self, measure: Measure, place: usize, (from, now): (IpAddr, Timestamp)) -> Option<Finding> {
        let (count, (warning, incident)) = (self.count(measure), measure.thresholds());
        let reached = u8::from(count >= warning) + u8::from(count >= incident);
        let told = self.told.get_mut(place)?;
        if reached <= *told {
            return None;
        }
        *told = reached;
        let (rule, why) = measure.rule();
        Some(Finding {
            rule,
            why,
            severity: if reached == 2 { Severity::High } else { Severity::Medium },
            from: Some(from),
            first: self.began,
            last: now,
            count: u32::try_from(count).unwrap_or(u32::MAX),
        })
    }
}

fn is_inside(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_private() || address.is_loopback() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_unique_local() || address.is_loopback() || address.is_unicast_link_local()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::detect::tests::event;

    const FROM: [u8; 4] = [10, 0, 0, 7];

    fn to(address: [u8; 4], port: u16, at_ms: i64) -> OutsideEvent {
        let (from, to) = (Some(FROM.into()), Some(address.into()));
        OutsideEvent { from, to, port: Some(port), ..event(Deed::Connected, at_ms) }
    }

    fn outside(number: usize, at_ms: i64) -> OutsideEvent {
        let [_, _, high, low] = u32::try_from(number).unwrap().to_be_bytes();
        to([203, 0, high, low], 443, at_ms)
    }

    #[test]
    fn a_sweep_of_addresses_warns_once_and_becomes_an_incident_once() {
        let mut scans = Scans::default();
        let findings: Vec<Finding> =
            (0..5_000).flat_map(|number| scans.step(&outside(number, 1_000))).collect();
        let told: Vec<_> = findings.iter().map(|found| (found.rule, found.severity, found.count)).collect();
        assert_eq!(told, [("scan.outside", Severity::Medium, 500), ("scan.outside", Severity::High, 2_000)]);
        assert_eq!(findings[0].from, Some(FROM.into()));
        // Ten minutes later it counts anew.
        assert!(scans.step(&outside(9, 1_000 + WINDOW_MS)).is_empty());
        assert_eq!(scans.remembered, 1);
    }

    #[test]
    fn ports_of_ours_count_but_for_those_that_windows_asks_for_all_day() {
        let mut scans = Scans::default();
        let usual = USUAL_PORTS.into_iter().flat_map(|port| scans.step(&to([10, 0, 0, 9], port, 0))).count();
        assert_eq!((usual, scans.watched[&IpAddr::from(FROM)].ports.len()), (0, 0));
        let told: Vec<Severity> = (1_000..1_300)
            .flat_map(|port| scans.step(&to([10, 0, 0, 9], port, 0)))
            .map(|found| found.severity)
            .collect();
        assert_eq!(told, [Severity::Medium, Severity::High]);
    }

    #[test]
    fn ordinary_browsing_and_busy_machines_are_no_scans() {
        let mut scans = Scans::new([FROM.into()]);
        assert_eq!((0..3_000).flat_map(|number| scans.step(&outside(number, 0))).count(), 0);
        let mut scans = Scans::default();
        assert_eq!((0..30_000).flat_map(|number| scans.step(&outside(number % 400, 0))).count(), 0);
    }

    #[test]
    fn what_is_remembered_is_bounded_however_many_come() {
        let mut scans = Scans::default();
        for number in 0..5_000_u32 {
            let [_, _, high, low] = number.to_be_bytes();
            scans.step(&OutsideEvent {
                from: Some([10, 9, high, low].into()),
                ..outside(1, i64::from(number))
            });
        }
        assert!(scans.watched.len() <= MOST_WATCHED && scans.remembered <= MOST_WATCHED);
    }
}
