//! The rounds of every proxy, and the rows they make.

use super::load::{Measured, Paced, Work};
use super::{Sizes, e2guardian, squid};
use crate::dns_bench::median;
use crate::error::BenchError;
use crate::machine::Disturbance;
use crate::row::{Row, Target};
use crate::say;

const GIB: f64 = 1_073_741_824.0;
const MIB: f64 = 1_048_576.0;

/// Who is on the way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Place {
    Direct,
    /// Nothing but TLS on both sides.
    Relay,
    Ours,
    Squid,
    E2guardian,
}

const PLACES: [Place; 5] = [Place::Direct, Place::Relay, Place::Ours, Place::Squid, Place::E2guardian];
const WORKS: [(Work, &str); 4] = [
    (Work::Pages, "small pages"),
    (Work::Connections, "new connections"),
    (Work::UnreadBulk, "unread bulk"),
    (Work::OpenedBulk, "opened bulk"),
];

impl Place {
    fn name(self) -> &'static str {
        match self {
            Self::Direct => "no proxy",
            Self::Relay => "TLS alone",
            Self::Ours => "ours",
            Self::Squid => "Squid",
            Self::E2guardian => "e2guardian",
        }
    }

    /// e2guardian is measured at what the targets compare it in, and TLS alone where it is the limit.
    pub(crate) fn takes_part(self, work: Work) -> bool {
        match self {
            Self::Direct | Self::Ours | Self::Squid => true,
            Self::Relay => work == Work::Pages,
            Self::E2guardian => matches!(work, Work::Pages | Work::Connections),
        }
    }

    /// Whether it is asked at a pace as well.
    pub(crate) fn is_paced(self) -> bool {
        matches!(self, Self::Direct | Self::Ours | Self::Squid)
    }

    /// What went wrong on its way.
    pub(crate) fn failed(self, source: BenchError) -> BenchError {
        BenchError::Through { way: self.name(), source: Box::new(source) }
    }
}

/// Everything that was measured.
#[derive(Default)]
pub(crate) struct Figures {
    measured: Vec<(Place, Work, Measured)>,
    paced: Vec<(Place, Paced)>,
}

/// The middle of one proxy's rounds at one work.
#[derive(Clone, Copy)]
struct Middle {
    /// Requests, connections or bytes a second.
    rate: f64,
    /// CPU seconds for each of them.
    cpu: f64,
    busy: f64,
}

impl Figures {
    pub(crate) fn keep(&mut self, place: Place, work: Work, measured: Measured) {
        self.measured.push((place, work, measured));
    }

    pub(crate) fn keep_paced(&mut self, place: Place, paced: Paced) {
        self.paced.push((place, paced));
    }

    /// The rows in the order of the targets.
    pub(crate) fn rows(&self, sizes: &Sizes) -> Vec<Row> {
        self.say();
        let mut rows = self.request_rows(sizes);
        rows.extend(self.connection_rows());
        rows.extend(self.unread_rows());
        rows.extend(self.opened_rows());
        rows.extend(self.first_byte_rows());
        let machine = self.disturbance().verdict();
        rows.into_iter().map(|row| row.on(machine)).collect()
    }

    fn request_rows(&self, sizes: &Sizes) -> Vec<Row> {
        let direct = self.middle(Place::Direct, Work::Pages);
        let relay = self.middle(Place::Relay, Work::Pages);
        let ours = self.middle(Place::Ours, Work::Pages);
        let peers = [(Place::Squid, squid::version()), (Place::E2guardian, e2guardian::version())];
        let beside = |(place, name): (Place, String)| {
            let peer = self.middle(place, Work::Pages);
            let cpu = Row::new(
                format!(
                    "CPU of an inspected request, small pages, kept connections, {} names, 200 groups; limit: TLS alone",
                    sizes.names
                ),
                "µs",
                1e6 * ours.cpu,
                Target::AtMost(1e6 * peer.cpu / 3.0),
            );
            let rate = Row::new(
                "inspected requests on one core, likewise; limit: without a proxy",
                "requests/s",
                ours.rate,
                Target::AtLeast(3.0 * peer.rate),
            );
            let cpu_holds = cpu.holds();
            [
                cpu.beside(&name, 1e6 * peer.cpu).limit(1e6 * relay.cpu),
                rate.beside(&name, peer.rate).limit(direct.rate).or(cpu_holds),
            ]
        };
        peers.into_iter().flat_map(beside).collect()
    }

    fn connection_rows(&self) -> Vec<Row> {
        let direct = self.middle(Place::Direct, Work::Connections);
        let (ours, peer) =
            (self.middle(Place::Ours, Work::Connections), self.middle(Place::Squid, Work::Connections));
        let name = squid::version();
        let cpu = Row::new(
            "CPU of a new inspected connection, full handshakes",
            "µs",
            1e6 * ours.cpu,
            Target::AtMost(1e6 * peer.cpu / 2.0),
        );
        let rate = Row::new(
            "new inspected connections on one core",
            "connections/s",
            ours.rate,
            Target::AtLeast(2.0 * peer.rate),
        );
        let cpu_holds = cpu.holds();
        vec![
            cpu.beside(&name, 1e6 * peer.cpu),
            rate.beside(&name, peer.rate).limit(direct.rate).or(cpu_holds),
        ]
    }

    fn unread_rows(&self) -> Vec<Row> {
        let direct = self.middle(Place::Direct, Work::UnreadBulk);
        let (ours, peer) =
            (self.middle(Place::Ours, Work::UnreadBulk), self.middle(Place::Squid, Work::UnreadBulk));
        let name = squid::version();
        vec![
            Row::new(
                "bulk passed unread, as a share of the same transfer without a proxy",
                "share",
                ours.rate / direct.rate,
                Target::AtLeast(0.9),
            )
            .beside(&name, peer.rate / direct.rate)
            .limit(1.0),
            Row::new("CPU of bulk passed unread", "s/GiB", GIB * ours.cpu, Target::AtMost(0.2))
                .beside(&name, GIB * peer.cpu),
        ]
    }

    fn opened_rows(&self) -> Vec<Row> {
        let direct = self.middle(Place::Direct, Work::OpenedBulk);
        let (ours, peer) =
            (self.middle(Place::Ours, Work::OpenedBulk), self.middle(Place::Squid, Work::OpenedBulk));
        let name = squid::version();
        let rate = Row::new(
            "inspected bulk on one core",
            "MiB/s",
            ours.rate / MIB,
            Target::AtLeast(2.0 * peer.rate / MIB),
        );
        let cpu =
            Row::new("CPU of inspected bulk", "s/GiB", GIB * ours.cpu, Target::AtMost(GIB * peer.cpu / 2.0));
        let (rate_holds, cpu_holds) = (rate.holds(), cpu.holds());
        vec![
            rate.beside(&name, peer.rate / MIB).limit(direct.rate / MIB).or(cpu_holds),
            cpu.beside(&name, GIB * peer.cpu).or(rate_holds),
        ]
    }

    fn first_byte_rows(&self) -> Vec<Row> {
        let row = |what: &str, permille, target| {
            let at = |place| self.first_byte(place, permille);
            let direct = at(Place::Direct);
            Row::new(what, "ms", at(Place::Ours) - direct, Target::AtMost(target))
                .beside(&squid::version(), at(Place::Squid) - direct)
                .limit(direct)
        };
        vec![
            row(
                "added time to first byte, median, 1,000 requests a second; limit: the whole time without a proxy",
                500,
                0.5,
            ),
            row("added time to first byte, 99th percentile, likewise", 990, 3.0),
        ]
    }

    fn first_byte(&self, of: Place, permille: usize) -> f64 {
        let rounds = self.paced.iter().filter(|(place, _)| *place == of);
        median(rounds.map(|(_, paced)| paced.at_permille(permille)).collect())
    }

    fn middle(&self, of: Place, at: Work) -> Middle {
        let rounds = || {
            let own = self.measured.iter().filter(move |(place, work, _)| (*place, *work) == (of, at));
            own.map(|(_, _, measured)| measured)
        };
        Middle {
            rate: median(rounds().map(Measured::rate).collect()),
            cpu: median(rounds().map(Measured::cpu_each).collect()),
            busy: median(rounds().map(Measured::busy).collect()),
        }
    }

    fn disturbance(&self) -> Disturbance {
        let mut all = Disturbance::default();
        let measured = self.measured.iter().map(|(_, _, measured)| measured.disturbance);
        for disturbance in measured.chain(self.paced.iter().map(|(_, paced)| paced.disturbance)) {
            all += disturbance;
        }
        all
    }

    fn say(&self) {
        say::remark(&format!("while figures were taken: {}", self.disturbance().words()));
        for (work, words) in WORKS {
            for place in PLACES.into_iter().filter(|place| place.takes_part(work)) {
                let Middle { rate, cpu, busy } = self.middle(place, work);
                let (name, busy) = (place.name(), 100.0 * busy);
                say::remark(&match work {
                    Work::Pages | Work::Connections => format!(
                        "{words}, {name}: {rate:.0} a second, {:.1} µs each, core {busy:.0} % busy",
                        1e6 * cpu
                    ),
                    Work::UnreadBulk | Work::OpenedBulk => format!(
                        "{words}, {name}: {:.0} MiB a second, {:.3} s a GiB, core {busy:.0} % busy",
                        rate / MIB,
                        GIB * cpu
                    ),
                });
            }
        }
        for place in PLACES.into_iter().filter(|place| place.is_paced()) {
            let at = |permille| self.first_byte(place, permille);
            let (name, middle, most, longest) = (place.name(), at(500), at(990), at(999));
            say::remark(&format!(
                "first byte, {name}: {middle:.3} ms, p99 {most:.3} ms, p99.9 {longest:.3} ms"
            ));
        }
    }
}
