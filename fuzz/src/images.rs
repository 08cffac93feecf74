//! The list image: bytes that are none, bytes that were one, and what a good one answers.

use lists::ReadList;
use model::{Category, CategorySet, Host, ListId, Timestamp};
use policy::image::rules::{RuleAsk, Rules, encode};
use policy::image::{Effect, Image, ImageWriter, NewEntry, NewList, NewRule, Reach, Weight};
use policy::rules::ListFormat;

/// Labels that meet each other often, so that names lie above and below one another.
const LABELS: [&str; 8] = ["a", "b", "www", "uk", "co", "xn--bcher-kva", "example", "_srv"];

/// One rule of each kind.
const RULES: &[u8] =
    b"||a.example^$client=192.0.2.0/24|'Lab',dnstype=AAAA\n||b.example^$denyallow=c.b.example\n\
    ||d.example^$dnsrewrite=NOERROR;CNAME;safe.example\n||e.example^$ctag=device_phone|~user_child\n\
    /^ads[0-9]+\\./\n||ads*.example^\n@@||f.example^$dnstype=~A,important\n";

/// Opens the bytes as they are; then as damage to an image of our own: three bytes say where and what.
pub fn open(bytes: &[u8]) {
    touch(bytes.to_vec());
    let mut image = small_image();
    for damage in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([damage[0], damage[1]])) % image.len();
        image[at] ^= damage[2];
    }
    touch(image.clone());
    image.truncate(image.len() - bytes.len() % image.len());
    touch(image);
}

fn touch(bytes: Vec<u8>) {
    let Ok(image) = Image::from_bytes(bytes) else { return };
    for name in ["a.example", "uk", "www.b.co.uk", "198.51.100.7", "[2001:db8::1]"] {
        let host = Host::parse(name).expect("a host");
        let hits = image.lookup(&host);
        for category in hits.categories().iter() {
            let _ = hits.line(category);
        }
    }
}

fn small_image() -> Vec<u8> {
    let names = ["a.example", "b.co.uk", "www.b.co.uk", "198.51.100.7"];
    let entries: Vec<Spoken> =
        names.iter().enumerate().map(|(number, name)| Spoken::new(name, number as u8)).collect();
    written(&entries)
}

/// An entry, as the naive table keeps it.
struct Spoken {
    host: Host,
    reach: Reach,
    effect: Effect,
    weight: Weight,
    category: Category,
    list: usize,
}

impl Spoken {
    fn new(host: &str, bits: u8) -> Self {
        let illegal = if bits & 16 == 0 { "gambling" } else { "illegal" };
        Self {
            host: Host::parse(host).expect("a host"),
            reach: if bits & 1 == 0 { Reach::Subtree } else { Reach::Exact },
            effect: if bits & 2 == 0 { Effect::Block } else { Effect::Exception },
            weight: if bits & 4 == 0 { Weight::Usual } else { Weight::Important },
            list: usize::from(bits >> 3 & 1),
            category: Category::parse(if bits & 32 == 0 { illegal } else { "games" }).expect("a category"),
        }
    }

    fn covers(&self, host: &Host) -> bool {
        self.host == *host
            || self.reach == Reach::Subtree && self.host.name().is_some_and(|name| host.is_at_or_below(name))
    }

    /// The documented order: important exception, important block, exception, block.
    fn rank(&self) -> u8 {
        match (self.weight, self.effect) {
            (Weight::Important, Effect::Exception) => 0,
            (Weight::Important, Effect::Block) => 1,
            (Weight::Usual, Effect::Exception) => 2,
            (Weight::Usual, Effect::Block) => 3,
        }
    }
}

/// Opens the bytes as rules, as they are and as damage to good ones, and asks what opens.
pub fn rules(bytes: &[u8]) {
    ask_rules(bytes);
    let mut list = ReadList::new(ListId::new("rules"), "Rules".into(), Timestamp(0));
    list.rewrites = true;
    lists::read_bytes(ListFormat::AdGuard, RULES, crate::readers::category(), &mut list);
    let good: Vec<(u16, NewRule)> = list.rules().iter().map(|rule| (0, rule.clone())).collect();
    let mut encoded = encode(&good);
    for damage in bytes.chunks_exact(3) {
        let at = usize::from(u16::from_le_bytes([damage[0], damage[1]])) % encoded.len();
        encoded[at] ^= damage[2];
    }
    ask_rules(&encoded);
}

fn ask_rules(bytes: &[u8]) {
    let Ok(rules) = Rules::open(bytes) else { return };
    for name in ["ads1.example", "a.n.example", "198.51.100.7"] {
        let host = Host::parse(name).expect("a host");
        let ask = RuleAsk {
            path: Some("/banner?x=1"),
            record_type: Some(28),
            client: Some("192.0.2.1".parse().expect("an address")),
            tags: &["device_phone"],
            ..RuleAsk::of(&host)
        };
        rules.look(&ask, &mut |_| ());
    }
}

/// Three bytes make an entry; the rest of the input asks.
pub fn look_up(bytes: &[u8]) {
    let (entries, asked) = bytes.split_at(bytes.len() * 3 / 4);
    let entries: Vec<Spoken> =
        entries.chunks_exact(3).take(64).map(|part| Spoken::new(&name(part[0], part[1]), part[2])).collect();
    let image = Image::from_bytes(written(&entries)).expect("its own image");
    for pair in asked.chunks_exact(2).take(32) {
        let host = Host::parse(&name(pair[0], pair[1])).expect("a host");
        let found = image.lookup(&host).categories();
        assert_eq!(found, naive(&entries, &host), "{host}");
    }
}

/// Two to four labels, or an address.
fn name(first: u8, second: u8) -> String {
    if first == 255 {
        return format!("198.51.100.{}", second % 4);
    }
    let label = |bits: u8| LABELS[usize::from(bits % 8)];
    let mut name = format!("{}.{}", label(first), label(second));
    if first & 64 != 0 {
        name = format!("{}.{name}", label(first >> 3));
    }
    if second & 64 != 0 {
        name = format!("{}.{name}", label(second >> 3));
    }
    name
}

fn naive(entries: &[Spoken], host: &Host) -> CategorySet {
    let mut found = CategorySet::EMPTY;
    for list in 0..2 {
        for category in ["gambling", "games", "illegal"].into_iter().filter_map(Category::parse) {
            let of = |entry: &&Spoken| entry.list == list && entry.category == category && entry.covers(host);
            let lifts = |entry: &&Spoken| entry.effect == Effect::Block || category != Category::ILLEGAL;
            let best = entries.iter().filter(of).filter(lifts).min_by_key(|entry| entry.rank());
            if best.is_some_and(|entry| entry.effect == Effect::Block) {
                found = found.with(category);
            }
        }
    }
    found
}

fn written(entries: &[Spoken]) -> Vec<u8> {
    let mut writer = ImageWriter::default();
    let lists = ["one", "two"].map(|id| {
        let new = NewList { id: ListId::new(id), name: id.into(), read_at: Timestamp(0), dropped: vec![] };
        writer.list(new).expect("two lists fit")
    });
    for (line, entry) in (1..).zip(entries) {
        let Spoken { ref host, reach, effect, weight, category, list } = *entry;
        writer.push(lists[list], NewEntry { host, reach, effect, weight, category, line });
    }
    writer.finish().expect("an image")
}
