//! What is right, told from the texts of lists and a table of rules, one line after the other.

use std::collections::BTreeMap;
use testkit::school_day::{CANARIES, Crowd, ENGINES, LOCAL_NAMES, Lists, Truth};

/// A group's rules, as a table row.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    pub crowd: Crowd,
    pub blocks: &'static [&'static str],
    pub allows: &'static [&'static str],
    pub denies: &'static [&'static str],
    /// From and until which minute of the day which category is open.
    pub opens: Option<(u16, u16, &'static str)>,
    /// The same for closed.
    pub closes: Option<(u16, u16, &'static str)>,
    pub safe_search: bool,
}

impl Rules {
    pub fn id(&self) -> &'static str {
        match self.crowd {
            Crowd::Staff | Crowd::Unknown => "staff",
            Crowd::Juniors => "juniors",
            Crowd::Seniors => "seniors",
            Crowd::Printers => "printers",
        }
    }
}

/// The policy of the morning, and the one after the change.
pub fn rules(policy: usize) -> Vec<Rules> {
    let none = Rules {
        crowd: Crowd::Staff,
        blocks: &[],
        allows: &[],
        denies: &[],
        opens: None,
        closes: None,
        safe_search: false,
    };
    let staff =
        Rules { blocks: &["gambling", "vpn-proxy"], closes: Some((720, 780, "social-media")), ..none };
    let juniors = Rules {
        crowd: Crowd::Juniors,
        blocks: &["gambling", "games", "social-media", "advertising-tracking", "vpn-proxy"],
        allows: &["museum0.test", "play1.test"],
        denies: &["denied0.test", "denied1.test"],
        safe_search: true,
        ..none
    };
    let seniors = Rules {
        crowd: Crowd::Seniors,
        blocks: &["gambling", "games", "advertising-tracking", "vpn-proxy"],
        allows: &["casino2.test"],
        denies: &["denied2.test"],
        opens: Some((735, 800, "games")),
        safe_search: true,
        ..none
    };
    let printers = Rules { crowd: Crowd::Printers, blocks: &["games", "social-media"], ..none };
    if policy == 0 {
        return vec![staff, juniors, seniors, printers];
    }
    vec![
        Rules { blocks: &["gambling", "vpn-proxy", "advertising-tracking"], ..staff },
        Rules {
            allows: &["museum0.test", "play2.test"],
            denies: &["denied0.test", "lesson3.test"],
            ..juniors
        },
        Rules { blocks: &["gambling", "social-media", "vpn-proxy"], allows: &["tunnel1.test"], ..seniors },
        Rules { blocks: &["games"], ..printers },
    ]
}

/// What ought to come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Expected {
    Blocked,
    /// Blocked for what lies behind it, which only the upstream can tell.
    BlockedBehind,
    NoSuchName,
    Address([u8; 4]),
    Safe(&'static str, [u8; 4]),
}

impl Expected {
    pub fn title(&self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::BlockedBehind => "blocked behind an alias",
            Self::NoSuchName => "no such name",
            Self::Address(_) => "address",
            Self::Safe(..) => "safe form",
        }
    }
}

/// Everything an answer depends on.
pub struct Seen<'a> {
    pub lists: &'a Lists,
    pub rules: &'a [Rules],
    pub truths: &'a BTreeMap<String, Truth>,
    /// Of the day.
    pub minute: u16,
}

/// The order of the layers that these rules use. Only the order counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Layer {
    Illegal,
    Denied,
    WayRound,
    Closed,
    Allowed,
    Open,
    Category,
    Nothing,
}

impl Seen<'_> {
    pub fn expected(&self, crowd: Crowd, name: &str) -> Expected {
        let name = name.to_ascii_lowercase();
        if CANARIES.contains(&&*name) {
            return Expected::NoSuchName;
        }
        let (blocked, by) = self.judged(crowd, &name);
        if blocked {
            return Expected::Blocked;
        }
        if let Some((_, address)) = LOCAL_NAMES.iter().find(|(local, _)| *local == name) {
            return Expected::Address(*address);
        }
        let engine = ENGINES.iter().find(|(engine, _, _)| *engine == name);
        if let Some((_, target, address)) = engine
            && self.groups(crowd).iter().any(|group| group.safe_search)
        {
            return Expected::Safe(target, *address);
        }
        match self.truths.get(&name) {
            None => Expected::NoSuchName,
            Some(Truth::Address(address, _)) => Expected::Address(*address),
            Some(Truth::Alias(target)) => {
                let (blocked, behind_by) = self.judged(crowd, target);
                match self.truths.get(target) {
                    // What an allow entry opened stays open unless something above it speaks.
                    _ if blocked && behind_by < by => Expected::BlockedBehind,
                    Some(Truth::Address(address, _)) => Expected::Address(*address),
                    other => panic!("{name} leads to {target}, that to {other:?}"),
                }
            }
        }
    }

    fn groups(&self, crowd: Crowd) -> Vec<Rules> {
        let counts = |rules: &&Rules| match crowd {
            Crowd::Unknown => rules.crowd != Crowd::Printers,
            _ => rules.crowd == crowd,
        };
        self.rules.iter().filter(counts).copied().collect()
    }

    /// The strictest of the groups: blocks first, then the first layer.
    fn judged(&self, crowd: Crowd, name: &str) -> (bool, Layer) {
        let all = self.groups(crowd).into_iter().map(|group| self.judged_for(&group, name));
        all.min_by_key(|(blocked, layer)| (!blocked, *layer)).unwrap()
    }

    fn judged_for(&self, group: &Rules, name: &str) -> (bool, Layer) {
        let categories = self.categories(name);
        let has = |category: &str| categories.contains(&category);
        let listed = |names: &[&str]| names.iter().any(|entry| is_at_or_below(name, entry));
        let now = |hours: Option<(u16, u16, &'static str)>| {
            hours
                .filter(|(from, until, _)| (*from..*until).contains(&self.minute))
                .map(|(_, _, category)| category)
        };
        if has("illegal") {
            (true, Layer::Illegal)
        } else if listed(group.denies) {
            (true, Layer::Denied)
        } else if has("vpn-proxy") && group.blocks.contains(&"vpn-proxy") {
            (true, Layer::WayRound)
        } else if now(group.closes).is_some_and(has) {
            (true, Layer::Closed)
        } else if listed(group.allows) {
            (false, Layer::Allowed)
        } else if now(group.opens).is_some_and(|open| has(open) && group.blocks.contains(&open)) {
            (false, Layer::Open)
        } else if group.blocks.iter().any(|blocked| has(blocked)) {
            (true, Layer::Category)
        } else {
            (false, Layer::Nothing)
        }
    }

    /// No made-up name is in two categories.
    fn categories(&self, name: &str) -> Vec<&'static str> {
        let Lists { gambling, games, social, advertising, ways_round, illegal } = self.lists;
        let below = |text: &str| text.lines().any(|line| is_at_or_below(name, line));
        let found = [
            ("gambling", below(gambling)),
            ("games", is_game(games, name)),
            ("social-media", social.lines().any(|line| line == name)),
            (
                "advertising-tracking",
                advertising.lines().any(|line| line.split(' ').skip(1).any(|host| host == name)),
            ),
            ("vpn-proxy", below(ways_round)),
            ("illegal", below(illegal)),
        ];
        found.into_iter().filter(|(_, found)| *found).map(|(category, _)| category).collect()
    }
}

/// AdGuard's order: important block, exception, block. A rule with a modifier that nobody knows is none.
fn is_game(rules: &str, name: &str) -> bool {
    let (mut important, mut excepted, mut blocked) = (false, false, false);
    for rule in rules.lines() {
        let (pattern, modifier) = rule.split_once('$').unwrap_or((rule, ""));
        let (exception, pattern) = match pattern.strip_prefix("@@") {
            Some(pattern) => (true, pattern),
            None => (false, pattern),
        };
        let bare = pattern.trim_start_matches('|').trim_end_matches('^');
        let hit = if pattern.starts_with("||") { is_at_or_below(name, bare) } else { name == bare };
        match modifier {
            "" if exception => excepted |= hit,
            "" => blocked |= hit,
            "important" => important |= hit,
            _ => {}
        }
    }
    important || blocked && !excepted
}

fn is_at_or_below(name: &str, parent: &str) -> bool {
    name == parent || name.ends_with(&format!(".{parent}"))
}
