//! A school's day of DNS, made up from a seed: who asks what and when, what the outside answers, and the lists of the day
//! in several editions. Nothing here knows the product: lists are texts, and names are under `.test` but for the few real
//! ones that filters know by name (search engines, canaries), which no test asks anybody outside for.

use crate::seeded::Seeded;
use std::collections::BTreeMap;
use std::net::Ipv4Addr;

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Crowd {
    /// Teachers, by their network.
    Staff,
    /// Younger learners, signed in.
    Juniors,
    /// Older learners, signed in.
    Seniors,
    /// Nobody knows who.
    Unknown,
    /// Equipment.
    Printers,
}

impl Crowd {
    /// Every crowd, and how many of a hundred clients are in it.
    pub const SHARES: [(Crowd, u64); 5] = [
        (Self::Staff, 12),
        (Self::Juniors, 38),
        (Self::Seniors, 35),
        (Self::Unknown, 10),
        (Self::Printers, 5),
    ];

    /// The second number of its clients' addresses: `127.1.0.9` is one of the staff.
    pub fn network(self) -> u8 {
        match self {
            Self::Staff => 1,
            Self::Juniors => 2,
            Self::Seniors => 3,
            Self::Unknown => 4,
            Self::Printers => 5,
        }
    }
}

/// A client.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Client {
    /// Its address, of loopback.
    pub address: Ipv4Addr,
    /// Who it is.
    pub crowd: Crowd,
}

/// One question.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Visit {
    /// Milliseconds after midnight.
    pub at_ms: i64,
    /// The client's place among the clients.
    pub client: usize,
    /// The name, sometimes in mixed case, without a last dot.
    pub name: String,
    /// Asked by TCP from the start.
    pub over_tcp: bool,
    /// Asked without EDNS.
    pub plain: bool,
}

/// What the outside says of a name; a name that is not there does not exist.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Truth {
    /// This address, for so many seconds.
    Address([u8; 4], u32),
    /// This other name.
    Alias(String),
}

/// One edition of the day's lists, as texts.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lists {
    /// `gambling`, plain domains, each with all below it.
    pub gambling: String,
    /// `games`, AdGuard rules.
    pub games: String,
    /// `social-media`, plain domains, each alone.
    pub social: String,
    /// `advertising-tracking`, a hosts file.
    pub advertising: String,
    /// `vpn-proxy`, plain domains.
    pub ways_round: String,
    /// `illegal`, plain domains.
    pub illegal: String,
}

/// The whole day.
#[derive(Clone, Debug)]
pub struct SchoolDay {
    /// Who is there.
    pub clients: Vec<Client>,
    /// What they ask, in the order of the day.
    pub visits: Vec<Visit>,
    /// What the outside knows.
    pub truths: BTreeMap<String, Truth>,
    /// The lists, as they change over the day.
    pub editions: Vec<Lists>,
}

/// Names that the settings know, and their addresses.
pub const LOCAL_NAMES: [(&str, [u8; 4]); 2] =
    [("mis.ash.internal", [10, 20, 0, 5]), ("prints.ash.internal", [10, 20, 0, 6])];
/// Names by whose absence software leaves its names to the network.
pub const CANARIES: [&str; 3] = ["use-application-dns.net", "mask.icloud.com", "mask-h2.icloud.com"];
/// Search engines and YouTube, the name of their safe form, and its address.
pub const ENGINES: [(&str, &str, [u8; 4]); 5] = [
    ("www.google.com", "forcesafesearch.google.com", [203, 0, 113, 8]),
    ("www.google.co.uk", "forcesafesearch.google.com", [203, 0, 113, 8]),
    ("www.bing.com", "strict.bing.com", [203, 0, 113, 9]),
    ("duckduckgo.com", "safe.duckduckgo.com", [203, 0, 113, 10]),
    ("www.youtube.com", "restrict.youtube.com", [203, 0, 113, 11]),
];

const FIRST_MS: i64 = 7 * 3_600_000 + 30 * 60_000;
const LAST_MS: i64 = 17 * 3_600_000;
/// When lessons begin, in minutes after midnight: half of all questions come in the minutes after.
const LESSONS: [i64; 6] = [520, 580, 655, 715, 825, 885];
const EDITIONS: u64 = 6;
const SITES: u64 = 400;
const CASINOS: u64 = 120;
const GAMES: u64 = 90;
const SOCIAL: u64 = 60;
const TRACKERS: u64 = 100;
const TUNNELS: u64 = 30;
const ILLEGAL: u64 = 10;
const ALIASES: u64 = 80;

impl SchoolDay {
    /// The day of this seed, with so many clients and questions.
    pub fn new(seed: u64, clients: usize, visits: usize) -> Self {
        let mut seeded = Seeded::new(seed);
        let clients = make_clients(clients);
        let truths = make_truths(&mut seeded);
        let editions = (0..EDITIONS).map(make_lists).collect();
        let mut visits: Vec<Visit> = (0..visits).map(|_| make_visit(&mut seeded, clients.len())).collect();
        visits.sort_by_key(|visit| visit.at_ms);
        Self { clients, visits, truths, editions }
    }
}

fn make_clients(many: usize) -> Vec<Client> {
    let shares = Crowd::SHARES.iter().flat_map(|(crowd, share)| (0..*share).map(move |_| *crowd));
    let crowds: Vec<Crowd> = shares.collect();
    // Stepping by a number without a common factor mixes the crowds.
    let crowd_of = |number: usize| crowds.get(number * 37 % crowds.len()).copied().unwrap_or(Crowd::Unknown);
    (0..many)
        .map(|number| {
            let crowd = crowd_of(number);
            let [.., high, low] = (number + 1).to_be_bytes();
            Client { address: Ipv4Addr::new(127, crowd.network(), high, low), crowd }
        })
        .collect()
}

fn make_truths(seeded: &mut Seeded) -> BTreeMap<String, Truth> {
    let mut truths = BTreeMap::new();
    let mut put = |seeded: &mut Seeded, name: String| {
        let ttl_s = *seeded.one_of(&[20, 60, 300, 3_600, 86_400]).unwrap_or(&60);
        let [.., b, c, d] = seeded.number().to_be_bytes();
        // 198.18.0.0/15 is for benchmarks (RFC 2544), so that no address here is anybody's.
        truths.insert(name, Truth::Address([198, 18 + (b & 1), c, d], ttl_s));
    };
    for (word, many) in [
        ("lesson", SITES),
        ("casino", CASINOS),
        ("play", GAMES),
        ("social", SOCIAL),
        ("tracker", TRACKERS),
        ("tunnel", TUNNELS),
        ("illegal", ILLEGAL),
        ("museum", 5),
        ("denied", 5),
    ] {
        for number in 0..many {
            for before in ["", "www.", "cdn."] {
                put(seeded, format!("{before}{word}{number}.test"));
            }
        }
    }
    for (_, target, address) in ENGINES {
        truths.insert(target.to_owned(), Truth::Address(address, 300));
    }
    for (engine, _, _) in ENGINES {
        truths.insert(engine.to_owned(), Truth::Address([203, 0, 113, 200], 300));
    }
    for number in 0..ALIASES {
        let word =
            seeded.one_of(&["lesson", "casino", "tracker", "play", "tunnel", "illegal"]).unwrap_or(&"lesson");
        truths.insert(format!("shop{number}.test"), Truth::Alias(format!("{word}{}.test", number % 10)));
    }
    truths
}

/// Each edition leaves another sixth out, so that every reload changes answers both ways.
fn make_lists(edition: u64) -> Lists {
    let kept = move |many: u64| (0..many).filter(move |number| number % EDITIONS != edition % EDITIONS);
    let text = |lines: Vec<String>| lines.join("\n") + "\n";
    let games = kept(GAMES).map(|number| match number % 9 {
        0 => format!("||play{number}.test^$important"),
        1 => format!("|play{number}.test^"),
        // Only the first six are without the modifier that nobody knows: those are no rules at all.
        2 if number > 20 => format!("||play{number}.test^$made-up-modifier"),
        3 => format!("||play{number}.test^\n@@||cdn.play{number}.test^"),
        _ => format!("||play{number}.test^"),
    });
    Lists {
        gambling: text(kept(CASINOS).map(|number| format!("casino{number}.test")).collect()),
        games: text(games.collect()),
        social: text(kept(SOCIAL).map(|number| format!("social{number}.test")).collect()),
        advertising: text(
            kept(TRACKERS).map(|n| format!("0.0.0.0 tracker{n}.test cdn.tracker{n}.test")).collect(),
        ),
        ways_round: text(kept(TUNNELS).map(|number| format!("tunnel{number}.test")).collect()),
        // Never thinned: what is illegal stays so in every edition.
        illegal: text((0..ILLEGAL).map(|number| format!("illegal{number}.test")).collect()),
    }
}

fn make_visit(seeded: &mut Seeded, clients: usize) -> Visit {
    let client = usize::try_from(seeded.below(clients as u64)).unwrap_or(0);
    let at_ms = match (seeded.chance(500), seeded.one_of(&LESSONS)) {
        (true, Some(lesson)) => lesson * 60_000 + signed(seeded.below(5 * 60_000)),
        _ => FIRST_MS + signed(seeded.below((LAST_MS - FIRST_MS).unsigned_abs())),
    };
    let mut name = make_name(seeded);
    if seeded.chance(150) {
        name = mixed_case(seeded, &name);
    }
    Visit { at_ms, client, name, over_tcp: seeded.chance(40), plain: seeded.chance(80) }
}

fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn make_name(seeded: &mut Seeded) -> String {
    // What many ask for is asked for by many: low numbers come more often.
    let mut numbered = |word: &str, many: u64| {
        let bound = seeded.below(many) + 1;
        let number = seeded.below(bound);
        let before = seeded.one_of(&["", "www.", "cdn."]).unwrap_or(&"");
        format!("{before}{word}{number}.test")
    };
    let sorts: [(u64, &str, u64); 9] = [
        (480, "lesson", SITES),
        (80, "casino", CASINOS),
        (100, "play", GAMES),
        (60, "social", SOCIAL),
        (80, "tracker", TRACKERS),
        (20, "tunnel", TUNNELS),
        (10, "illegal", ILLEGAL),
        (15, "museum", 5),
        (15, "denied", 5),
    ];
    let named = sorts.map(|(share, word, many)| (share, numbered(word, many)));
    let mut draw = seeded.below(1_000);
    for (share, name) in named {
        if draw < share {
            return name;
        }
        draw -= share;
    }
    match draw {
        0..50 => format!("shop{}.test", seeded.below(ALIASES)),
        50..90 => seeded.one_of(&ENGINES).map(|(engine, _, _)| (*engine).to_owned()).unwrap_or_default(),
        90..110 => seeded.one_of(&LOCAL_NAMES).map(|(name, _)| (*name).to_owned()).unwrap_or_default(),
        110..120 => seeded.one_of(&CANARIES).map(|name| (*name).to_owned()).unwrap_or_default(),
        _ => format!("nowhere{}.test", seeded.below(50)),
    }
}

/// As clients do that check whether their question came back as it was (0x20).
fn mixed_case(seeded: &mut Seeded, name: &str) -> String {
    let mut bits = seeded.number();
    let mut upper = move || {
        bits = bits.rotate_left(1);
        bits & 1 == 1
    };
    name.chars().map(|c| if upper() { c.to_ascii_uppercase() } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_gives_one_day_in_order_with_every_crowd() {
        let day = SchoolDay::new(1, 300, 2_000);
        assert_eq!(day.visits, SchoolDay::new(1, 300, 2_000).visits);
        assert!(day.visits.is_sorted_by_key(|visit| visit.at_ms));
        assert!(day.visits.iter().all(|visit| (FIRST_MS..LAST_MS).contains(&visit.at_ms)));
        for (crowd, _) in Crowd::SHARES {
            assert!(day.clients.iter().filter(|client| client.crowd == crowd).count() >= 10, "{crowd:?}");
        }
    }

    #[test]
    fn editions_differ_and_names_lead_somewhere_or_nowhere() {
        let day = SchoolDay::new(1, 10, 3_000);
        assert!(day.editions.windows(2).all(|pair| pair[0] != pair[1]));
        let known = |visit: &&Visit| day.truths.contains_key(&visit.name.to_ascii_lowercase());
        let leads = day.visits.iter().filter(known).count();
        assert!((2_500..2_990).contains(&leads), "{leads}");
    }
}
