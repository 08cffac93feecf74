//! `schoolgate people import` and `schoolgate people rollover`: what can be typed.

use super::FolderArguments;
use clap::Args;
use std::path::PathBuf;

/// An import.
#[derive(Debug, Args)]
pub(crate) struct ImportArguments {
    /// The file, to be shown and put down; it waits for approval.
    #[arg(value_name = "FILE", required_unless_present_any = ["approve", "undo", "drop"])]
    pub(crate) file: Option<PathBuf>,
    /// The school's id in the policy; may be left out where there is one school.
    #[arg(long)]
    pub(crate) school: Option<String>,
    /// Its form: csv, xlsx, oneroster-csv, oneroster-json or wonde-json; told by the file by default.
    #[arg(long)]
    pub(crate) format: Option<String>,
    /// How OneRoster writes year groups: year-groups (4 is Year 4) or american (4 is Year 5).
    #[arg(long, default_value = "year-groups")]
    pub(crate) grades: String,
    /// Show what would change, and put nothing down.
    #[arg(long)]
    pub(crate) dry_run: bool,
    #[command(flatten)]
    pub(crate) decision: DecisionArguments,
    #[command(flatten)]
    pub(crate) at: FolderArguments,
}

/// What is decided about an import.
#[derive(Debug, Args)]
pub(crate) struct DecisionArguments {
    /// Apply the import of this id.
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "undo", "drop"], requires = "reason")]
    pub(crate) approve: Option<String>,
    /// Put back what was before the import of this id; for seven days.
    #[arg(long, value_name = "ID", conflicts_with_all = ["file", "drop"], requires = "reason")]
    pub(crate) undo: Option<String>,
    /// Decide against the import of this id.
    #[arg(long, value_name = "ID", conflicts_with = "file", requires = "reason")]
    pub(crate) drop: Option<String>,
    /// Approve it alone although another person must look: an emergency, and recorded as one.
    #[arg(long, requires = "approve")]
    pub(crate) emergency: bool,
    /// Why; it is recorded.
    #[arg(long)]
    pub(crate) reason: Option<String>,
    /// One JSON object, for programs.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The end of a school year.
#[derive(Debug, Args)]
pub(crate) struct RolloverArguments {
    /// Next year's file, which says who is in which class.
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// The school's id in the policy; may be left out where there is one school.
    #[arg(long)]
    pub(crate) school: Option<String>,
    /// The year group that leaves: R or 1 to 13; the oldest by default.
    #[arg(long)]
    pub(crate) leaving: Option<String>,
    /// Do everything to the last row, keep nothing of it, and say what would change.
    #[arg(long)]
    pub(crate) rehearse: bool,
    /// One JSON object, for programs.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) at: FolderArguments,
}
