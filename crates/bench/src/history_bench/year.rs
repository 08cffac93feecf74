//! A school's year of access events, made up from a seed: classes that look at the same sites, pages that fetch what pages
//! fetch. They come when the demo's come too (`app::made_up`): term days and holidays, lessons and breaks, homework in the
//! evening. Nobody and nothing in it is real.
//!
//! What makes such rows hard to keep is made like the real thing: few sites take most of the visits, most requests repeat
//! what others asked for, and trackers, videos and APIs carry long texts that nobody ever sends again.
//!
//! Pure, and cheap enough for a hundred million rows. Events come in the order in which a gate records them: by the end of
//! the request, and in order of time within half a second.

use app::made_up::{DayKind, Random, minute_weight, mix};
use model::{
    AccessEvent, Category, Channel, Day, DeviceId, EventOutcome, GroupId, Host, KnownBy, Layer, ListId,
    ListLine, PersonId, SchoolId, Timestamp,
};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use uuid::Uuid;

/// 1 September 2025.
const FIRST_DAY: i32 = 20_332;
const DAYS: i32 = 365;
const MINUTE_MS: i64 = 60_000;
/// How many people there are, in how many classes; and how many addresses of which nobody knows who is there.
const PEOPLE: u32 = 1_600;
const CLASSES: u32 = 56;
const UNKNOWN: u32 = 150;
/// Sites; each has its own hosts for pictures and scripts.
const SITES: u32 = 15_000;
/// Hosts that many sites fetch from: trackers, fonts, adverts.
const SHARED: u32 = 900;
/// How long what is recorded together took, in ms: half a second of the gate.
const RECORDED_MS: i64 = 500;

/// The year.
pub(crate) struct Year {
    seed: u64,
    events: u64,
    weights: Vec<u64>,
    people: Vec<Somebody>,
    sites: Vec<Site>,
    shared: Vec<Host>,
    policy: Arc<str>,
    method: [Arc<str>; 3],
    list: ListId,
    categories: Vec<Category>,
}

/// Somebody, or a place that nobody is known at.
struct Somebody {
    school: SchoolId,
    address: IpAddr,
    person: Option<PersonId>,
    device: Option<DeviceId>,
    group: GroupId,
    class: u32,
}

struct Site {
    www: Host,
    cdn: Host,
    api: Host,
    /// Where the list has it, and as what, if it is blocked.
    blocked: Option<(u32, usize)>,
}

impl Year {
    /// The year of this seed with so many events.
    pub(crate) fn new(seed: u64, events: u64) -> Self {
        let mut random = Random::new(seed);
        let weights = days().map(|day| DayKind::of(day).weight()).collect();
        let people = (0..PEOPLE + UNKNOWN).map(|number| somebody(number, &mut random)).collect();
        let sites = (0..SITES).map(site).collect();
        let shared = (0..SHARED).filter_map(|number| Host::parse(&shared_host(number)).ok()).collect();
        let categories = ["games", "social-media", "advertising-tracking", "gambling"];
        Self {
            seed,
            events,
            weights,
            people,
            sites,
            shared,
            policy: "9f8b1c2d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d".into(),
            method: ["GET".into(), "POST".into(), "A".into()],
            list: ListId::new("starter"),
            categories: categories.into_iter().filter_map(Category::parse).collect(),
        }
    }

    /// How many events it was asked for; it has about as many.
    pub(crate) fn events(&self) -> u64 {
        self.events
    }

    /// The days, in order.
    pub(crate) fn days(&self) -> impl Iterator<Item = Day> {
        days()
    }

    /// Somebody whom the year knows.
    pub(crate) fn person(number: u32) -> PersonId {
        PersonId(uuid_of(u64::from(number), 1))
    }

    /// Hands over a day's events in batches, as they are recorded.
    pub(crate) fn each_batch<E>(
        &self,
        day: Day,
        batch: usize,
        deal: &mut dyn FnMut(&[AccessEvent]) -> Result<(), E>,
    ) -> Result<(), E> {
        let place = usize::try_from(day.0 - FIRST_DAY).unwrap_or(usize::MAX);
        let weight = self.weights.get(place).copied().unwrap_or(0);
        let in_day = self.events * weight / self.weights.iter().sum::<u64>().max(1);
        let kind = DayKind::of(day);
        let minutes: Vec<u64> = (0..1_440).map(|minute| minute_weight(minute, kind)).collect();
        let all: u64 = minutes.iter().sum();
        let mut random = Random::new(self.seed ^ mix(u64::from(day.0.unsigned_abs())));
        // In shares of an event, so that a minute which gave too many is made up for by the next.
        let (mut waiting, mut owed, all) = (Vec::new(), 0i64, i64::try_from(all).unwrap_or(i64::MAX).max(1));
        let mut begin = day.start();
        for weight in minutes {
            owed += i64::try_from(in_day * weight).unwrap_or(0);
            let mut minute = Vec::new();
            while owed >= all {
                let before = minute.len();
                self.visit(begin, &mut random, &mut minute);
                owed -= all * i64::try_from(minute.len() - before).unwrap_or(1).max(1);
            }
            minute.sort_by_key(|event: &AccessEvent| {
                ((event.at.0 + i64::from(event.took_ms)) / RECORDED_MS, event.at)
            });
            for event in minute {
                waiting.push(event);
                if waiting.len() >= batch {
                    deal(&waiting)?;
                    waiting.clear();
                }
            }
            begin = begin.plus_ms(MINUTE_MS);
        }
        if waiting.is_empty() { Ok(()) } else { deal(&waiting) }
    }

    /// Somebody opens a page, and the page fetches what it needs.
    fn visit(&self, minute: Timestamp, random: &mut Random, out: &mut Vec<AccessEvent>) {
        let Some(who) = pick(&self.people, random.below(PEOPLE + UNKNOWN)) else { return };
        let hour = minute.0.unsigned_abs() / 3_600_000;
        // A class looks at the same site for an hour; otherwise everybody at what they like.
        let number = match random.below(100) < 45 {
            true => popular(&mut Random::new(mix(u64::from(who.class) ^ (hour << 20))), SITES),
            false => popular(random, SITES),
        };
        let Some(site) = pick(&self.sites, number) else { return };
        let mut at = minute.plus_ms(i64::from(random.below(60_000)));
        let mut view = View { year: self, who, random, out };
        if let Some((line, category)) = site.blocked {
            view.add(at, Asked::blocked(&site.www, line, category));
            return;
        }
        if view.random.below(100) < 12 {
            // Not inspected: only the host is known.
            let asked = Asked { channel: Channel::Tunnel, ..Asked::page(&site.www, String::new(), 60_000) };
            view.add(at, asked);
            return;
        }
        let page = popular(view.random, 600);
        let asked = Asked::page(&site.www, page_path(number, page, view.random), 30_000);
        view.add(at, asked);
        for _ in 0..3 + view.random.below(14) {
            at = at.plus_ms(i64::from(5 + view.random.below(280)));
            let asked = view.part_of_page(site, (number, page));
            view.add(at, asked);
        }
    }
}

/// Somebody looking at a page.
struct View<'y, 'o> {
    year: &'y Year,
    who: &'y Somebody,
    random: &'o mut Random,
    out: &'o mut Vec<AccessEvent>,
}

/// A request, before it is anybody's.
struct Asked {
    host: Host,
    path: String,
    channel: Channel,
    is_post: bool,
    typical_bytes: u32,
    /// Bytes that are the same whoever asks.
    fixed: bool,
    blocked: Option<(u32, usize)>,
}

impl Asked {
    fn page(host: &Host, path: String, typical_bytes: u32) -> Self {
        let channel = Channel::Https;
        Self { host: host.clone(), path, channel, is_post: false, typical_bytes, fixed: false, blocked: None }
    }

    fn blocked(host: &Host, line: u32, category: usize) -> Self {
        Self { blocked: Some((line, category)), ..Self::page(host, "/".to_owned(), 6_000) }
    }
}

impl View<'_, '_> {
    /// What a page fetches.
    fn part_of_page(&mut self, site: &Site, (number, page): (u32, u32)) -> Asked {
        let random = &mut *self.random;
        let known = u64::from(number);
        match random.below(100) {
            0..38 => {
                let asset = popular(random, 60);
                let hash = mix(known << 16 | u64::from(asset));
                let (kind, folder) =
                    if asset.is_multiple_of(3) { ("css", "styles") } else { ("js", "scripts") };
                let path = format!("/assets/{folder}/{}.{:08x}.{kind}", word(hash), hash >> 32);
                Asked { fixed: true, ..Asked::page(&site.cdn, path, 40_000) }
            }
            38..66 => {
                let picture = mix(known << 32 | u64::from(page) << 8 | u64::from(random.below(12)));
                let path =
                    format!("/media/{}/{:012x}-{}.webp", word(picture), picture >> 16, 320 << (picture & 3));
                Asked { fixed: true, ..Asked::page(&site.cdn, path, 60_000) }
            }
            66..80 => {
                let path = format!(
                    "/api/v2/{}/{}?since={}&page={}",
                    word(mix(known)),
                    100_000 + random.below(900_000),
                    1_700_000_000_000 + (random.number() >> 26),
                    random.below(9)
                );
                Asked { is_post: random.below(4) == 0, ..Asked::page(&site.api, path, 3_000) }
            }
            80..96 => {
                let shared = popular(random, SHARED);
                let host = pick(&self.year.shared, shared).unwrap_or(&site.api);
                let path = format!(
                    "/collect?v=2&tid=G-{:010X}&_p={}&cid={}.{}&sid={}&dl=https%3A%2F%2F{}%2F{}&en=page_view",
                    mix(u64::from(shared)) >> 24,
                    random.below(2_000_000_000),
                    mix(u64::from(self.who.class)) >> 34,
                    1_700_000_000 + random.below(60_000_000),
                    1_700_000_000 + random.below(60_000_000),
                    site.www,
                    word(mix(known << 20 | u64::from(page)))
                );
                Asked { is_post: true, ..Asked::page(host, path, 400) }
            }
            _ => {
                let path = format!(
                    "/videoplayback?expire={}&ei={}&id=o-{}{}&itag={}&range={}-{}",
                    1_700_000_000 + random.below(60_000_000),
                    letters(random.number()),
                    letters(random.number()),
                    letters(random.number()),
                    130 + random.below(30),
                    random.below(90_000_000),
                    random.below(90_000_000)
                );
                Asked::page(&site.cdn, path, 1_500_000)
            }
        }
    }

    fn add(&mut self, at: Timestamp, asked: Asked) {
        let (year, who) = (self.year, self.who);
        let failed = self.random.below(250) == 0;
        let outcome = match (asked.blocked, failed) {
            (Some(_), _) => EventOutcome::Blocked,
            (None, true) => EventOutcome::Failed,
            (None, false) => EventOutcome::Allowed,
        };
        let tunnel = asked.channel == Channel::Tunnel;
        let size = if asked.fixed { mix(hash_of(&asked.path)) } else { self.random.number() };
        let [get, post, _] = &year.method;
        self.out.push(AccessEvent {
            at,
            school: Some(who.school.clone()),
            address: who.address,
            person: who.person,
            known_by: who.person.map(|_| KnownBy::SignIn),
            known_since: who
                .person
                .map(|_| at.day().start().plus_ms(31_000_000 + i64::from(who.class) * 1_013)),
            known_until: None,
            device: who.device,
            group: Some(who.group.clone()),
            channel: asked.channel,
            method: Arc::clone(if asked.is_post { post } else { get }),
            host: asked.host,
            port: 443,
            path: asked.path,
            outcome,
            layer: if asked.blocked.is_some() { Layer::Category } else { Layer::Default },
            category: asked.blocked.and_then(|(_, category)| year.categories.get(category).copied()),
            list: asked.blocked.map(|(line, _)| ListLine { list: year.list.clone(), line }),
            entry: None,
            policy: Arc::clone(&year.policy),
            lists: Arc::clone(&year.policy),
            status: match (outcome, tunnel) {
                (_, true) | (EventOutcome::Failed, _) => None,
                (EventOutcome::Blocked, _) => Some(403),
                _ if size.is_multiple_of(23) => Some(304),
                _ => Some(200),
            },
            bytes_up: if asked.is_post { 200 + (size >> 53) } else { 0 },
            bytes_down: spread(asked.typical_bytes, size),
            took_ms: u32::try_from(spread(60, self.random.number())).unwrap_or(u32::MAX),
        });
    }
}

fn days() -> impl Iterator<Item = Day> {
    (FIRST_DAY..FIRST_DAY + DAYS).map(Day)
}

fn somebody(number: u32, random: &mut Random) -> Somebody {
    let is_known = number < PEOPLE;
    let class = number % CLASSES;
    let [.., high, low] = number.to_be_bytes();
    Somebody {
        school: SchoolId::new(if number.is_multiple_of(8) { "elm" } else { "ash" }),
        address: IpAddr::V4(Ipv4Addr::new(10, 20, high, low)),
        person: is_known.then(|| Year::person(number)),
        device: (is_known || random.below(2) == 0).then(|| DeviceId(uuid_of(u64::from(number), 2))),
        group: GroupId::new(if class < 6 { "staff" } else { "lower-school" }),
        class,
    }
}

fn site(number: u32) -> Site {
    let hash = mix(u64::from(number));
    let name = format!("{}-{}{}", word(hash), word(hash >> 20), if number < 3_000 { "" } else { "s" });
    let host = |text: String| Host::parse(&text).unwrap_or(Host::Address(Ipv4Addr::UNSPECIFIED.into()));
    let end = if hash.is_multiple_of(3) { format!("{number}.example") } else { "example".to_owned() };
    // Sites that many look at are rarely blocked.
    let blocked = number > 20 && hash.is_multiple_of(19);
    Site {
        www: host(format!("www.{name}.{end}")),
        cdn: host(format!("cdn{}.{name}.{end}", hash % 4)),
        api: host(format!("api.{name}.{end}")),
        blocked: blocked.then_some((1_000 + number, usize::try_from(hash >> 60).unwrap_or(0) % 4)),
    }
}

fn shared_host(number: u32) -> String {
    let hash = mix(u64::from(number) << 33);
    let kinds = ["t", "fonts", "ads", "metrics"];
    let kind = pick(&kinds, u32::try_from(hash % 4).unwrap_or(0)).unwrap_or(&"t");
    format!("{kind}.{}-{}.example", word(hash), word(hash >> 30))
}

fn page_path(site: u32, page: u32, random: &mut Random) -> String {
    let hash = mix(u64::from(site) << 20 | u64::from(page));
    match (site % 40, random.below(10)) {
        (3, 0..7) => {
            let [one, two, three] = [random.number(), random.number(), random.number()].map(word);
            format!("/search?q={one}+{two}+{three}&source=hp")
        }
        (_, 0) => format!("/{}/{}?id={}", word(hash), word(hash >> 20), 1_000 + random.below(90_000)),
        (_, 1..5) => {
            format!("/{}/{}-{}-{}", word(hash), word(hash >> 20), word(hash >> 30), word(hash >> 40))
        }
        _ => format!("/{}/{}/{}", word(hash >> 8), word(hash >> 16), word(hash >> 44)),
    }
}

/// A word of a lesson.
fn word(number: u64) -> &'static str {
    const WORDS: [&str; 64] = [
        "amber", "bridge", "candle", "delta", "engine", "forest", "garden", "harbour", "island", "jungle",
        "kernel", "ladder", "meadow", "number", "orchard", "planet", "quarry", "river", "shadow", "temple",
        "umbra", "valley", "window", "yellow", "zenith", "anchor", "bottle", "copper", "dragon", "eclipse",
        "falcon", "glacier", "history", "insect", "jigsaw", "knight", "lantern", "magnet", "nebula",
        "oxygen", "pepper", "quiver", "rocket", "saddle", "thunder", "unicorn", "volcano", "walnut",
        "yonder", "zephyr", "atlas", "beacon", "canyon", "domino", "ember", "fossil", "goblin", "hazel",
        "ivory", "jasper", "koala", "lemon", "mosaic", "nutmeg",
    ];
    pick(&WORDS, u32::try_from(number % 64).unwrap_or(0)).copied().unwrap_or("word")
}

/// Eleven letters that say nothing.
fn letters(number: u64) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    (0..11)
        .map(|place| {
            let letter = u32::try_from((number >> (place * 5)) % 64).unwrap_or(0);
            char::from(pick(LETTERS, letter).copied().unwrap_or(b'A'))
        })
        .collect()
}

/// A number below `many`, small ones far more often (Zipf's law with exponent 1, roughly).
fn popular(random: &mut Random, many: u32) -> u32 {
    let share = f64::from(random.below(1 << 24)) / f64::from(1 << 24);
    let rank = (share * f64::from(many).ln()).exp();
    // The bounds hold: it lies between 1 and `many`.
    (0..=31).rev().fold(0u32, |found, bit| {
        let next = found | 1 << bit;
        if f64::from(next) <= rank { next } else { found }
    }) % many.max(1)
}

/// A size around what is typical: mostly near it, sometimes far above or below.
fn spread(typical: u32, number: u64) -> u64 {
    let scaled = u64::from(typical) * (100 + number % 923) / 512;
    match number >> 58 {
        0..8 => scaled << 3,
        8..30 => scaled >> 2,
        _ => scaled,
    }
}

fn hash_of(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| mix(hash ^ u64::from(byte)))
}

fn uuid_of(number: u64, kind: u64) -> Uuid {
    Uuid::from_u64_pair(mix(number << 8 | kind) & !0xf000 | 0x7000, mix(mix(number) ^ kind))
}

fn pick<T>(list: &[T], place: u32) -> Option<&T> {
    usize::try_from(place).ok().and_then(|place| list.get(place))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn a_day(seed: u64) -> Vec<AccessEvent> {
        let year = Year::new(seed, 1_000_000);
        let mut events = Vec::new();
        let deal = &mut |batch: &[AccessEvent]| {
            events.extend_from_slice(batch);
            Ok::<(), ()>(())
        };
        year.each_batch(Day(FIRST_DAY + 1), 1_000, deal).unwrap();
        events
    }

    #[test]
    fn a_seed_gives_one_year_and_a_day_of_term_has_its_share() {
        let events = a_day(1);
        assert_eq!(events, a_day(1));
        assert_ne!(events, a_day(2));
        assert!((4_500..6_500).contains(&events.len()), "{}", events.len());
        assert!(events.iter().all(|event| event.at.day() == Day(FIRST_DAY + 1) || event.at.0 > 0));
        let blocked = events.iter().filter(|event| event.outcome == EventOutcome::Blocked).count();
        assert!(blocked > 10 && blocked < events.len() / 20, "{blocked}");
    }
}
