//! What of a group's downloads and uploads is looked at by a malware scanner, and what becomes of what could not be.
//!
//! Left out: the scanner, which is the gate's own (`[scan]` in its configuration); where there is none, nothing is scanned
//! and these rules say nothing.

/// What is scanned, and what becomes of what could not be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ScanRules {
    /// Whether files that are fetched are scanned.
    pub downloads: bool,
    /// Whether files that are sent are scanned.
    pub uploads: bool,
    /// The most bytes of one file that are scanned, counted as they travel.
    pub most_bytes: u64,
    /// What becomes of a larger one.
    pub larger: Unscanned,
    /// What becomes of a file that the scanner did not answer for: it is away, too slow, cannot read it, or never got all
    /// of it, since it unpacks to more than `most_bytes`: padding must not carry a program past the scanner.
    pub unanswered: Unscanned,
}

impl Default for ScanRules {
    /// Both directions, files of at most 100 MiB. A larger one is let through, since what is so large is mostly a system, a
    /// course or a film from a publisher, and people who cannot get it here get it elsewhere. A file that the scanner does
    /// not answer for is refused where its kind can do harm by being opened, and let through otherwise: a scanner that
    /// is away must neither open the school to programs nor take its worksheets away.
    fn default() -> Self {
        Self {
            downloads: true,
            uploads: true,
            most_bytes: 100 * 1024 * 1024,
            larger: Unscanned::Allow,
            unanswered: Unscanned::RefuseRisky,
        }
    }
}

impl ScanRules {
    /// The stricter of both in everything: more is scanned, and less is let through unscanned.
    pub fn strictest(self, other: Self) -> Self {
        Self {
            downloads: self.downloads || other.downloads,
            uploads: self.uploads || other.uploads,
            most_bytes: self.most_bytes.max(other.most_bytes),
            larger: self.larger.max(other.larger),
            unanswered: self.unanswered.max(other.unanswered),
        }
    }
}

/// What becomes of a file that could not be scanned; the greater is the stricter.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Unscanned {
    /// It is let through, and history says that it was not scanned.
    Allow,
    /// It is refused where its kind can do harm by being opened: programs, installers, scripts, disk images, archives and
    /// documents with macros; and where it cannot be told, because a part came or it cannot be unpacked, unless it is called
    /// a picture, sound or a film. Others are let through.
    RefuseRisky,
    /// It is refused.
    Refuse,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_groups_the_stricter_counts_in_everything() {
        let lax = ScanRules { downloads: false, unanswered: Unscanned::Allow, ..ScanRules::default() };
        let large = ScanRules { uploads: false, most_bytes: 1 << 40, ..ScanRules::default() };
        let both = lax.strictest(large);
        assert_eq!(both, ScanRules { most_bytes: 1 << 40, ..ScanRules::default() });
        assert_eq!(large.strictest(lax), both);
    }
}
