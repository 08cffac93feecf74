//! Made-up host names, any of them by its number: no two numbers give one name, and none needs a table.
//!
//! The shapes follow public lists of blocked names: two to four labels, between 17 and 18 bytes on average, most of them under a few
//! top-level domains, a quarter of them below twenty thousand shared hosts.

use app::made_up::mix;

/// The names of one seed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Names {
    seed: u64,
}

/// How many hosts share the names that are below another.
const SHARED_HOSTS: u64 = 20_000;

const ONSETS: [&str; 16] = ["b", "c", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "st", "tr"];
const NUCLEI: [&str; 6] = ["a", "e", "i", "o", "u", "oo"];
/// By weight: a hundred in all.
const SUFFIXES: [(&str, u64); 16] = [
    ("com", 46),
    ("net", 9),
    ("org", 5),
    ("ru", 5),
    ("xyz", 5),
    ("top", 4),
    ("info", 4),
    ("de", 3),
    ("co.uk", 3),
    ("site", 3),
    ("online", 3),
    ("io", 3),
    ("cn", 2),
    ("com.br", 2),
    ("club", 2),
    ("store", 1),
];

impl Names {
    pub(crate) fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// Appends the name of this number.
    pub(crate) fn append(self, number: u32, text: &mut String) {
        let traits = mix(self.seed ^ (u64::from(number) << 20));
        match traits % 100 {
            0..25 => {
                self.core(number, text);
                text.push('.');
                self.shared_host((traits >> 8) % SHARED_HOSTS, text);
                return;
            }
            25..33 => text.push_str("www."),
            33..36 => text.push_str("ads."),
            36..38 => text.push_str("cdn."),
            _ => {}
        }
        self.core(number, text);
        text.push('.');
        text.push_str(suffix(traits >> 8));
    }

    /// The name of this number.
    pub(crate) fn name(self, number: u32) -> String {
        let mut text = String::with_capacity(32);
        self.append(number, &mut text);
        text
    }

    /// Five syllables that no other number has.
    fn core(self, number: u32, text: &mut String) {
        syllables(u64::from(self.permuted(number)), 5, text);
    }

    fn shared_host(self, host: u64, text: &mut String) {
        syllables(host, 3, text);
        text.push('.');
        text.push_str(suffix(mix(self.seed ^ host)));
    }

    /// A permutation of all 32-bit numbers: four rounds of a Feistel network.
    fn permuted(self, number: u32) -> u32 {
        let (mut left, mut right) = (number >> 16, number & 0xffff);
        for round in 0..4u64 {
            let scattered = mix(self.seed ^ (round << 40) ^ u64::from(right)) & 0xffff;
            (left, right) = (right, left ^ u32::try_from(scattered).unwrap_or(0));
        }
        (left << 16) | right
    }
}

fn syllables(mut number: u64, count: usize, text: &mut String) {
    for _ in 0..count {
        let (onset, nucleus) = (number % 16, (number / 16) % 6);
        number /= 96;
        text.push_str(usize::try_from(onset).ok().and_then(|at| ONSETS.get(at)).unwrap_or(&"b"));
        text.push_str(usize::try_from(nucleus).ok().and_then(|at| NUCLEI.get(at)).unwrap_or(&"a"));
    }
}

fn suffix(bits: u64) -> &'static str {
    let mut left = bits % 100;
    for (suffix, weight) in SUFFIXES {
        if left < weight {
            return suffix;
        }
        left -= weight;
    }
    "com"
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const NAMES: Names = Names { seed: 7 };

    #[test]
    fn a_number_has_one_name_and_no_two_share_it() {
        let names: HashSet<String> = (0..200_000).map(|number| NAMES.name(number)).collect();
        assert_eq!(names.len(), 200_000);
        assert_eq!(NAMES.name(12_345), NAMES.name(12_345));
        assert_ne!(NAMES.name(12_345), Names::new(8).name(12_345));
    }

    #[test]
    fn names_have_the_shapes_of_public_lists() {
        let names: Vec<String> = (0..20_000).map(|number| NAMES.name(number)).collect();
        let bytes: usize = names.iter().map(String::len).sum();
        assert!((17..=20).contains(&(bytes / names.len())), "{}", bytes / names.len());
        assert!(names.iter().all(|name| (2..=4).contains(&name.split('.').count())));
        assert!(names.iter().all(|name| model::Host::parse(name).is_ok()));
    }

    #[test]
    fn weights_make_a_hundred() {
        assert_eq!(SUFFIXES.iter().map(|(_, weight)| weight).sum::<u64>(), 100);
    }
}
