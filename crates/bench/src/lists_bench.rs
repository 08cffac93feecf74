//! `bench lists`: what an image costs to build and to keep, and how long a lookup and a verdict take.

use crate::child::Program;
use crate::dns_bench::{PATIENCE, SEED, Sizes, median};
use crate::error::BenchError;
use crate::machine::{self, Disturbance, Reading};
use crate::names::Names;
use crate::row::{Row, Target};
use crate::unbound::{self, Unbound};
use crate::{Depth, lists_files, say, upstream};
use std::fs;
use std::path::Path;

/// Measures; the rows in the order of the targets.
pub(crate) fn rows(depth: Depth) -> Result<Vec<Row>, BenchError> {
    let sizes = Sizes::of(depth);
    let [core, _] = machine::two_cores()?;
    let core = core.to_string();
    let folder = tempfile::tempdir().map_err(BenchError::Socket)?;
    let peer_names = sizes.names / 5;
    say::remark(&format!("{} reads {peer_names} names", unbound::version()));
    let peer = peer_of(folder.path(), &core, peer_names)?;
    let mut builds = Vec::new();
    let mut build_disturbance = Disturbance::default();
    let files = folder.path().join("update");
    lists_files::write(&files, Names::new(SEED), 0..sizes.swapped)?;
    say::remark(&format!("building {} names, {} times", sizes.swapped, sizes.rounds));
    for _ in 0..sizes.rounds {
        let (cpu_s, disturbance) = build(&folder.path().join("updated"), &files, &core)?;
        builds.push(cpu_s);
        build_disturbance += disturbance;
    }
    let (held, files) = (folder.path().join("held"), folder.path().join("all"));
    lists_files::write(&files, Names::new(SEED), 0..sizes.names)?;
    say::remark(&format!("building and holding {} names", sizes.names));
    build(&held, &files, &core)?;
    let held = Held::measure(&held, &core, sizes.names)?;
    let build_s = median(builds) / millions(sizes.swapped);
    say::remark(&format!("while building: {}", build_disturbance.words()));
    say::remark(&format!("while looking up: {}", held.disturbance.words()));
    say::remark(&format!(
        "memory copy {:.1} GB/s, a read that waits for another {:.0} ns",
        held.copy_gb_s, held.read_ns
    ));
    let build_row = Row::new(
        format!("CPU of reading, guarding, building, writing and opening {} names", sizes.swapped),
        "s per million names",
        build_s,
        Target::AtMost(1.0),
    );
    let mut rows = held.rows(&sizes, &peer);
    rows.insert(2, build_row.beside(&unbound::version(), peer.cpu_s).on(build_disturbance.verdict()));
    Ok(rows)
}

/// What the peer needs for a million names.
struct Peer {
    memory_mb: f64,
    cpu_s: f64,
}

fn peer_of(folder: &Path, core: &str, names: u32) -> Result<Peer, BenchError> {
    let upstream = upstream::start()?;
    let mut figures = Vec::new();
    for numbers in [0..0, 0..names] {
        let folder = folder.join(format!("unbound-{}", numbers.end));
        let unbound = Unbound::start(&folder, core, (Names::new(SEED), numbers), upstream)?;
        unbound.ready()?;
        figures.push((resident_mb(unbound.process()), unbound.cpu_seconds()));
    }
    let [(empty_mb, empty_s), (full_mb, full_s)] = figures.as_slice() else {
        return Ok(Peer { memory_mb: 0.0, cpu_s: 0.0 });
    };
    let millions = millions(names);
    Ok(Peer { memory_mb: (full_mb - empty_mb) / millions, cpu_s: (full_s - empty_s) / millions })
}

/// Builds an image in a process of its own: the CPU seconds it took.
fn build(folder: &Path, files: &Path, core: &str) -> Result<(f64, Disturbance), BenchError> {
    let own = std::process::id();
    let before = Reading::now(&[own]);
    let [folder, files] = [folder, files].map(|path| path.to_string_lossy().into_owned());
    let program = Program::own(core, &["build-image", &folder, &files])?;
    let cpu_s = program.hear_number("cpu", PATIENCE)?;
    program.hear("built", PATIENCE)?;
    let disturbance = Reading::now(&[own, program.process()]).since(before);
    Ok((cpu_s, disturbance))
}

/// What the holding process said.
struct Held {
    hit_ns: f64,
    miss_ns: f64,
    /// The same, each lookup by itself: hit and miss.
    single_ns: [f64; 2],
    memory_kb: f64,
    reasons_kb: f64,
    verdict_median_us: f64,
    verdict_p99_us: f64,
    read_ns: f64,
    copy_gb_s: f64,
    disturbance: Disturbance,
}

impl Held {
    fn measure(folder: &Path, core: &str, names: u32) -> Result<Self, BenchError> {
        let own = std::process::id();
        let before = Reading::now(&[own]);
        let program = Program::own(core, &["hold-image", &folder.to_string_lossy(), &names.to_string()])?;
        let number = |word| program.hear_number(word, PATIENCE);
        let (found, strays) = (number("found")?, number("strays")?);
        if found < 1e6 || strays > 0.0 {
            let found = format!("{found} of a million listed names found, and {strays} unlisted ones");
            return Err(BenchError::Said { program: "hold-image".into(), expected: "right lookups", found });
        }
        let (hit_ns, miss_ns) = (number("hit_ns")?, number("miss_ns")?);
        let single_ns = [number("single_hit_ns")?, number("single_miss_ns")?];
        let memory_kb = number("private_kb")? + number("mapped_kb")?;
        let reasons_kb = number("reasons_kb")?;
        let (verdict_median_us, verdict_p99_us) = (number("verdict_median_us")?, number("verdict_p99_us")?);
        let (read_ns, copy_gb_s) = (number("read_ns")?, number("copy_gb_s")?);
        let disturbance = Reading::now(&[own, program.process()]).since(before);
        Ok(Self {
            hit_ns,
            miss_ns,
            single_ns,
            memory_kb,
            reasons_kb,
            verdict_median_us,
            verdict_p99_us,
            read_ns,
            copy_gb_s,
            disturbance,
        })
    }

    fn rows(&self, sizes: &Sizes, peer: &Peer) -> Vec<Row> {
        let machine = self.disturbance.verdict();
        let a_million = |kb: f64| kb * 1_024.0 / 1e6 / millions(sizes.names);
        let mb = "MB per million names";
        say::remark(&format!("verdict: median {:.2} µs", self.verdict_median_us));
        let [hit, miss] = self.single_ns;
        say::remark(&format!("lookups one by one: hit {hit:.0} ns, miss {miss:.0} ns"));
        // What is counted, not timed, is the same on a busy machine.
        vec![
            Row::new(
                "memory of the image, mapped and private",
                mb,
                a_million(self.memory_kb),
                Target::AtMost(12.0),
            )
            .beside(&unbound::version(), peer.memory_mb),
            Row::new("file with the reasons, apart", mb, a_million(self.reasons_kb), Target::AtMost(25.0)),
            Row::new(
                "verdict added to an answer, p99, 200 groups",
                "µs",
                self.verdict_p99_us,
                Target::AtMost(5.0),
            )
            .limit(self.read_ns / 1e3)
            .on(machine),
            Row::new(
                format!("lookup, hit, {} names, in batches of 64", sizes.names),
                "ns",
                self.hit_ns,
                Target::AtMost(150.0),
            )
            .limit(self.read_ns)
            .on(machine),
            Row::new(
                format!("lookup, miss, {} names, in batches of 64", sizes.names),
                "ns",
                self.miss_ns,
                Target::AtMost(250.0),
            )
            .limit(self.read_ns)
            .on(machine),
        ]
    }
}

fn millions(names: u32) -> f64 {
    f64::from(names) / 1e6
}

fn resident_mb(process: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap_or_default();
    let kb =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok());
    kb.unwrap_or(0.0) * 1_024.0 / 1e6
}
