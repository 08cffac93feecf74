//! What of a group's files a malware scanner looks at, as a document writes it.

use super::choices::{InspectionChoice, ScanChoice, UnscannedChoice};
use super::edition::GroupFile;
use super::problem::{Findings, Miss};
use super::values::At;
use crate::rules::{ScanRules, Unscanned};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const MIB: u64 = 1024 * 1024;

/// Scanning for malware; where the gate has a scanner, a key that is left out has its usual value.
#[derive(Clone, Debug, Default, Deserialize, Serialize, JsonSchema)]
#[schemars(deny_unknown_fields)]
pub(crate) struct ScanFile {
    /// Whether files that are fetched are scanned; left out: they are.
    pub(crate) downloads: Option<At<ScanChoice>>,
    /// Whether files that are sent are scanned; left out: they are.
    pub(crate) uploads: Option<At<ScanChoice>>,
    /// The most MiB of one file that are scanned; left out: 100.
    #[schemars(range(min = 1, max = 4_000))]
    pub(crate) most_mib: Option<u32>,
    /// What becomes of larger files; left out: they are let through.
    pub(crate) larger: Option<At<UnscannedChoice>>,
    /// What becomes of files that the scanner did not answer for; left out: what can do harm is refused.
    pub(crate) unanswered: Option<At<UnscannedChoice>>,
}

impl ScanFile {
    /// The rules as values.
    pub(crate) fn rules(&self) -> ScanRules {
        let usual = ScanRules::default();
        let on = |choice: &Option<At<ScanChoice>>| choice.as_deref().map(|choice| *choice == ScanChoice::On);
        let unscanned =
            |choice: &Option<At<UnscannedChoice>>| choice.as_deref().copied().map(Unscanned::from);
        ScanRules {
            downloads: on(&self.downloads).unwrap_or(usual.downloads),
            uploads: on(&self.uploads).unwrap_or(usual.uploads),
            most_bytes: self.most_mib.map_or(usual.most_bytes, |mib| u64::from(mib) * MIB),
            larger: unscanned(&self.larger).unwrap_or(usual.larger),
            unanswered: unscanned(&self.unanswered).unwrap_or(usual.unanswered),
        }
    }
}

impl From<UnscannedChoice> for Unscanned {
    fn from(choice: UnscannedChoice) -> Self {
        match choice {
            UnscannedChoice::Allow => Self::Allow,
            UnscannedChoice::RefuseRisky => Self::RefuseRisky,
            UnscannedChoice::Refuse => Self::Refuse,
        }
    }
}

/// Reports what is asked for and cannot be seen.
pub(crate) fn check(group: &GroupFile, findings: &mut Findings<'_>) {
    let scan = &group.scan;
    let asked =
        [&scan.downloads, &scan.uploads].into_iter().flatten().find(|choice| ***choice == ScanChoice::On);
    if let Some(choice) = asked.filter(|_| group.inspection != InspectionChoice::On) {
        let expected = "a group whose connections are opened; here only files over plain HTTP are scanned";
        findings.warning(&choice.span(), Miss::new(expected, "\"on\""));
    }
}
