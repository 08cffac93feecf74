//! The machine a bench runs on, and whether it left the bench alone: time stolen by its host, and the CPU of others.

use crate::error::BenchError;
use crate::row;
use std::fs;
use std::ops::AddAssign;

/// Stolen and others' CPU together may be this share of a measured time; past it no target is said to hold.
const MOST_DISTURBED_SHARE: f64 = 0.05;

/// One sentence that says what the machine is.
pub(crate) fn described() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = field(&cpu, "model name").unwrap_or("unknown processor");
    let memory = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let memory_kb = field(&memory, "MemTotal").and_then(first_number).unwrap_or(0);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load: Vec<&str> = load.split(' ').take(3).collect();
    let cores = all_cores();
    format!(
        "machine: {model}, {cores} cores, {} MiB, Linux {}; load {}",
        memory_kb / 1024,
        kernel.trim(),
        load.join(" ")
    )
}

/// How many cores the machine has, whichever of them the caller may use.
pub(crate) fn all_cores() -> usize {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    cpu.lines().filter(|line| line.starts_with("processor")).count().max(1)
}

/// The two cores of a bench, by their numbers: the server's and the client's.
pub(crate) fn two_cores() -> Result<[usize; 2], BenchError> {
    match all_cores() {
        0 | 1 => Err(BenchError::Cores { found: 1 }),
        found => Ok([found - 2, found - 1]),
    }
}

/// What `/proc/stat` and the processes of the bench had used at one moment, in ticks of the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    total: Total,
    own: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Total {
    busy: u64,
    idle: u64,
    stolen: u64,
}

/// What happened on the machine while figures were taken.
#[derive(Clone, Copy, PartialEq, Default, Debug)]
pub(crate) struct Disturbance {
    elapsed: u64,
    foreign: u64,
    stolen: u64,
}

impl Reading {
    /// Now; `processes` are those of the bench, its own among them.
    pub(crate) fn now(processes: &[u32]) -> Self {
        let stat = fs::read_to_string("/proc/stat").unwrap_or_default();
        let total = read_total(&stat).unwrap_or(Total { busy: 0, idle: 0, stolen: 0 });
        Self { total, own: processes.iter().filter_map(|process| cpu_ticks(*process)).sum() }
    }

    /// What happened since.
    pub(crate) fn since(self, before: Self) -> Disturbance {
        let busy = self.total.busy.saturating_sub(before.total.busy);
        let idle = self.total.idle.saturating_sub(before.total.idle);
        let stolen = self.total.stolen.saturating_sub(before.total.stolen);
        let own = self.own.saturating_sub(before.own);
        Disturbance { elapsed: busy + idle + stolen, foreign: busy.saturating_sub(own), stolen }
    }
}

impl Disturbance {
    /// Whether figures of this time may be held against a target.
    pub(crate) fn verdict(self) -> row::Machine {
        if self.elapsed == 0 || self.share(self.foreign + self.stolen) > MOST_DISTURBED_SHARE {
            row::Machine::Busy
        } else {
            row::Machine::Quiet
        }
    }

    /// The shares as words.
    pub(crate) fn words(self) -> String {
        let percent = |ticks| 100.0 * self.share(ticks);
        format!("stolen {:.1} %, other processes {:.1} %", percent(self.stolen), percent(self.foreign))
    }

    fn share(self, ticks: u64) -> f64 {
        if self.elapsed == 0 { 1.0 } else { ticks as f64 / self.elapsed as f64 }
    }
}

impl AddAssign for Disturbance {
    fn add_assign(&mut self, other: Self) {
        self.elapsed += other.elapsed;
        self.foreign += other.foreign;
        self.stolen += other.stolen;
    }
}

/// The CPU time of a process so far, its threads and its system calls, in ticks of 10 ms.
pub(crate) fn cpu_ticks(process: u32) -> Option<u64> {
    read_cpu_ticks(&fs::read_to_string(format!("/proc/{process}/stat")).ok()?)
}

/// The kernel's own threads that hand datagrams on, where they can be seen: they work for the bench.
pub(crate) fn packet_threads() -> Vec<u32> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    let processes = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let hands_on = |process: &u32| {
        fs::read_to_string(format!("/proc/{process}/comm")).is_ok_and(|name| name.starts_with("ksoftirqd/"))
    };
    processes.filter(hands_on).collect()
}

/// The line `cpu` of `/proc/stat` (proc_stat(5)): user nice system idle iowait irq softirq steal.
fn read_total(stat: &str) -> Option<Total> {
    let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
    let mut ticks = line.split_whitespace().map_while(|word| word.parse::<u64>().ok());
    let mut next = || ticks.next();
    let (user, nice, system) = (next()?, next()?, next()?);
    let (idle, waiting) = (next()?, next()?);
    let (interrupts, packets, stolen) = (next()?, next()?, next()?);
    Some(Total { busy: user + nice + system + interrupts + packets, idle: idle + waiting, stolen })
}

/// The 14th and 15th fields of `/proc/PID/stat`, counted from behind the name, which may hold anything.
fn read_cpu_ticks(stat: &str) -> Option<u64> {
    let (_, fields) = stat.rsplit_once(')')?;
    let mut fields = fields.split_whitespace().skip(11);
    Some(fields.next()?.parse::<u64>().ok()? + fields.next()?.parse::<u64>().ok()?)
}

fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text.lines().find(|line| line.starts_with(name))?;
    line.split_once(':').map(|(_, value)| value.trim())
}

fn first_number(text: &str) -> Option<u64> {
    text.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAT: &str = "cpu  100 20 30 400 5 6 7 8 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n";

    #[test]
    fn stolen_and_busy_time_are_read_from_the_first_line() {
        assert_eq!(read_total(STAT), Some(Total { busy: 163, idle: 405, stolen: 8 }));
        assert_eq!(read_total("cpu  1 2"), None);
        assert_eq!(read_total("intr 1"), None);
    }

    #[test]
    fn a_process_is_read_whatever_its_name() {
        let stat = "7 (a) b (c)) S 1 7 7 0 -1 4194560 9 0 0 0 250 50 0 0 20 0 1 0 5 6 7";
        assert_eq!(read_cpu_ticks(stat), Some(300));
        assert_eq!(read_cpu_ticks("7 (a"), None);
        assert!(cpu_ticks(std::process::id()).is_some());
    }

    #[test]
    fn a_busy_machine_gives_no_verdict() {
        let reading = |busy, idle, own| Reading { total: Total { busy, idle, stolen: 0 }, own };
        let quiet = reading(600, 400, 580).since(reading(0, 0, 0));
        assert_eq!(quiet.verdict(), row::Machine::Quiet);
        let mut both = quiet;
        both += reading(600, 400, 400).since(reading(0, 0, 0));
        assert_eq!(both.verdict(), row::Machine::Busy);
        assert_eq!(Disturbance::default().verdict(), row::Machine::Busy);
        assert!(both.words().contains("other processes 11.0 %"), "{}", both.words());
    }
}
