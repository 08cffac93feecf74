//! The lists in a process of their own: building an image from list files, and holding one: what it costs to keep and
//! how long a lookup and a verdict take.
//!
//! Speaks lines of a word and a number to its parent, and ends when its input does, so that its CPU time can be read.

use crate::dns_bench::{SEED, median};
use crate::error::BenchError;
use crate::names::Names;
use crate::school::{Client, School, roster, sign_in};
use crate::{lists_files, say, sys};
use app::made_up::Random;
use model::{Ask, Channel, Host, IdentityMap, Target, Timestamp};
use policy::image::Warming;
use policy::{Image, Snapshot};
use std::fs;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::Path;
use std::time::Instant;

const ROUNDS: usize = 5;
const LOOKUPS: usize = 1_000_000;
/// Questions that the server takes with one call.
const BATCH: usize = 64;
const VERDICTS: usize = 500_000;
/// Names of no list, by their first number.
const UNLISTED_FROM: u32 = 2_000_000_000;
const CHASED_WORDS: usize = 1 << 25;
const COPIED_BYTES: usize = 256 << 20;
/// A Monday at eleven in the morning.
const SCHOOL_TIME: Timestamp = Timestamp(1_794_826_800_000);

/// Builds the image of list files and puts it into a folder.
pub(crate) fn build(folder: &Path, files: &Path) -> Result<(), BenchError> {
    let begun = Instant::now();
    let built = lists_files::build(files)?;
    let names = built.report.names;
    let image = lists::write(folder, &built)?;
    let (cpu, wall) = (sys::process_cpu(), begun.elapsed());
    drop(image);
    say::result(&format!("cpu {}", cpu.as_secs_f64()));
    say::result(&format!("names {names}"));
    say::result(&format!("built {}", wall.as_secs_f64()));
    until_input_ends();
    Ok(())
}

/// Opens a folder's image of `names` names and measures it.
pub(crate) fn hold(folder: &Path, names: &str) -> Result<(), BenchError> {
    let listed = names.parse().map_err(|_| BenchError::Arguments { found: names.to_owned() })?;
    let mut random = Random::new(11);
    let hits = hosts(|| random.below(listed));
    let mut random = Random::new(12);
    let misses = hosts(|| UNLISTED_FROM + random.below(1_000_000_000));
    let private_before = private_kb();
    let image = lists::open_current(folder).unwrap_or_else(Image::empty);
    let hit_ns = lookup_ns(&image, &hits);
    let miss_ns = lookup_ns(&image, &misses);
    let singly = [single_lookup_ns(&image, &hits), single_lookup_ns(&image, &misses)];
    let private = private_kb().saturating_sub(private_before);
    let reasons = image.memory().reasons_bytes / 1024;
    let mapped = file_kb(folder).saturating_sub(reasons);
    let found = |hosts: &[Host]| hosts.iter().filter(|host| !image.lookup(host).is_empty()).count();
    say::result(&format!("found {}", found(&hits)));
    say::result(&format!("strays {}", found(&misses)));
    say::result(&format!("hit_ns {hit_ns}"));
    say::result(&format!("miss_ns {miss_ns}"));
    say::result(&format!("single_hit_ns {}", singly[0]));
    say::result(&format!("single_miss_ns {}", singly[1]));
    say::result(&format!("private_kb {private}"));
    say::result(&format!("mapped_kb {mapped}"));
    say::result(&format!("reasons_kb {reasons}"));
    let [median_us, p99_us] = verdict_us(image, &hits, &misses);
    say::result(&format!("verdict_median_us {median_us}"));
    say::result(&format!("verdict_p99_us {p99_us}"));
    say::result(&format!("read_ns {}", random_read_ns()));
    say::result(&format!("copy_gb_s {}", copy_gb_s()));
    until_input_ends();
    Ok(())
}

fn until_input_ends() {
    for line in std::io::stdin().lines() {
        if line.is_err() {
            return;
        }
    }
}

/// Hosts in the order they are looked up in, so that reading the question itself costs as little as in a server.
fn hosts(mut number: impl FnMut() -> u32) -> Vec<Host> {
    let names = Names::new(SEED);
    (0..LOOKUPS).map(|_| Host::Name(names.name(number()).into())).collect()
}

/// One lookup of a batch, as the server looks up the names of the questions that came with one call.
fn lookup_ns(image: &Image, hosts: &[Host]) -> f64 {
    let mut room = Warming::default();
    let mut round = |_| {
        let begun = Instant::now();
        for batch in hosts.chunks(BATCH) {
            image.warm(black_box(batch.iter().map(Some)), &mut room);
            for (place, host) in batch.iter().enumerate() {
                black_box(image.lookup_warmed(host, room.trail(place)).is_empty());
            }
        }
        begun.elapsed().as_secs_f64() * 1e9 / hosts.len() as f64
    };
    median((0..ROUNDS).map(&mut round).collect())
}

/// One lookup by itself.
fn single_lookup_ns(image: &Image, hosts: &[Host]) -> f64 {
    let round = |_| {
        let begun = Instant::now();
        for host in hosts {
            black_box(image.lookup(black_box(host)).is_empty());
        }
        begun.elapsed().as_secs_f64() * 1e9 / hosts.len() as f64
    };
    median((0..ROUNDS).map(round).collect())
}

/// Who asks, what applies to them and what becomes of it, from an address and a name: median and 99th percentile.
fn verdict_us(image: Image, hits: &[Host], misses: &[Host]) -> [f64; 2] {
    let snapshot = Snapshot::compile(School::new().policy(), image, Vec::new());
    let (roster, identities) = (roster(), IdentityMap::default());
    sign_in(&identities, SCHOOL_TIME);
    let clients: Vec<Client> = School::clients().collect();
    let mut random = Random::new(13);
    let most = u32::try_from(clients.len()).unwrap_or(1);
    let mut times: Vec<u64> = Vec::with_capacity(VERDICTS);
    for (hit, miss) in hits.iter().zip(misses).take(VERDICTS) {
        let client = usize::try_from(random.below(most)).ok().and_then(|place| clients.get(place));
        let Some(client) = client else { continue };
        let host = if random.below(2) == 0 { hit } else { miss };
        let begun = Instant::now();
        let who = snapshot.who(IpAddr::V4(client.address), SCHOOL_TIME, &roster, &identities);
        let what = Target::host(host.clone());
        black_box(snapshot.decide(&Ask { who, what, how: Channel::Dns, at: SCHOOL_TIME }).outcome);
        times.push(u64::try_from(begun.elapsed().as_nanos()).unwrap_or(u64::MAX));
    }
    times.sort_unstable();
    let at = |share: usize| times.get(times.len() * share / 100).map_or(0.0, |ns| *ns as f64 / 1e3);
    [at(50), at(99)]
}

/// One read of memory that has to wait for the one before it: no lookup in memory is faster than its reads.
fn random_read_ns() -> f64 {
    let mut next: Vec<u32> = (0..CHASED_WORDS).map(|word| u32::try_from(word).unwrap_or(0)).collect();
    let mut random = Random::new(14);
    // Sattolo's way of shuffling leaves one single cycle.
    for last in (1..next.len()).rev() {
        let other = random.below(u32::try_from(last).unwrap_or(1));
        next.swap(last, usize::try_from(other).unwrap_or(0));
    }
    let steps = 2_000_000;
    let mut at = 0u32;
    let begun = Instant::now();
    for _ in 0..steps {
        at = usize::try_from(at).ok().and_then(|at| next.get(at)).copied().unwrap_or(0);
    }
    black_box(at);
    begun.elapsed().as_secs_f64() * 1e9 / f64::from(steps)
}

fn copy_gb_s() -> f64 {
    let from = vec![1u8; COPIED_BYTES];
    let mut to = vec![0u8; COPIED_BYTES];
    let round = |_| {
        let begun = Instant::now();
        to.copy_from_slice(black_box(&from));
        black_box(&to);
        COPIED_BYTES as f64 / 1e9 / begun.elapsed().as_secs_f64()
    };
    median((0..ROUNDS).map(round).collect())
}

/// Memory that is this process's own.
fn private_kb() -> u64 {
    let text = fs::read_to_string("/proc/self/smaps_rollup").unwrap_or_default();
    text.lines().find_map(|line| kb(line, "Anonymous:")).unwrap_or(0)
}

/// What the image in force takes on disk, everything that belongs to it.
fn file_kb(folder: &Path) -> u64 {
    let pointer = fs::read_to_string(folder.join("current")).unwrap_or_default();
    let revision = pointer.lines().next().unwrap_or_default();
    let entries = fs::read_dir(folder.join("images")).into_iter().flatten().flatten();
    let own = entries.filter(|entry| entry.file_name().to_string_lossy().starts_with(revision));
    own.filter_map(|entry| entry.metadata().ok()).map(|file| file.len() / 1024).sum()
}

fn kb(line: &str, field: &str) -> Option<u64> {
    line.strip_prefix(field)?.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_process_has_memory_of_its_own() {
        assert!(private_kb() > 0);
        assert_eq!(kb("Rss:      12 kB", "Rss:"), Some(12));
        assert_eq!(kb("Pss:      12 kB", "Rss:"), None);
    }
}
