//! What a program and the programs it started use: CPU and memory, from `/proc`.

use crate::machine::cpu_ticks;
use std::fs;

/// Ticks of `/proc` in a second (proc_pid_stat(5); the same on every Linux of today).
const TICKS_A_SECOND: f64 = 100.0;

/// A process and everything below it, parents first.
pub(crate) fn family(root: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let parents: Vec<(u32, u32)> = numbers.filter_map(|process| Some((process, parent(process)?))).collect();
    let mut family = vec![root];
    let mut next = 0;
    while let Some(member) = family.get(next).copied() {
        family.extend(parents.iter().filter(|(_, parent)| *parent == member).map(|(process, _)| *process));
        next += 1;
    }
    family
}

/// CPU time of a process and everything below it so far, in seconds, to 10 ms.
pub(crate) fn cpu_seconds(root: u32) -> f64 {
    let ticks: u64 = family(root).into_iter().filter_map(cpu_ticks).sum();
    ticks as f64 / TICKS_A_SECOND
}

/// Memory of a process and everything below it, in kB: what is shared counts by its share (PSS, proc_pid_smaps(5)).
pub(crate) fn memory_kb(root: u32) -> f64 {
    let text = |process| fs::read_to_string(format!("/proc/{process}/smaps_rollup")).unwrap_or_default();
    family(root).into_iter().filter_map(|process| proportional_kb(&text(process))).sum()
}

fn proportional_kb(rollup: &str) -> Option<f64> {
    let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:"))?;
    line.split_whitespace().next()?.parse().ok()
}

/// The fourth field of `/proc/PID/stat`, counted from behind the name, which may hold anything.
fn parent(process: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let (_, fields) = stat.rsplit_once(')')?;
    fields.split_whitespace().nth(1)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn a_child_belongs_to_the_family_and_its_memory_counts() {
        let own = std::process::id();
        let alone = memory_kb(own);
        let mut child = Command::new("cat").stdin(Stdio::piped()).spawn().unwrap();
        assert!(family(own).contains(&child.id()));
        assert!(alone > 0.0 && memory_kb(child.id()) > 0.0);
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn the_proportional_share_is_read() {
        assert_eq!(proportional_kb("Rss:     7 kB\nPss:     5 kB\nPss_Anon: 3 kB\n"), Some(5.0));
        assert_eq!(proportional_kb(""), None);
    }
}
