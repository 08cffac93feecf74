//! `schoolgate verify`: the audit log of a gate, or a pack from anywhere.

use super::FolderArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What to verify: `audit`, or a pack.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub(crate) struct VerifyArguments {
    #[command(subcommand)]
    pub(crate) command: Option<VerifyCommand>,
    #[command(flatten)]
    pub(crate) pack: PackArguments,
}

/// What can be verified but packs.
#[derive(Debug, Subcommand)]
pub(crate) enum VerifyCommand {
    /// Walk the audit log of a gate, running or not, and compare it with the signed checkpoints.
    Audit(AuditArguments),
}

/// A pack; nothing but this program is needed to verify it.
#[derive(Debug, Args)]
pub(crate) struct PackArguments {
    /// The pack (ZIP).
    #[arg(value_name = "PACK", required = true)]
    pub(crate) file: Option<PathBuf>,
    /// The fingerprint of the key that must have signed it, as the school published it.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) key: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// The audit log of a gate.
#[derive(Debug, Args)]
pub(crate) struct AuditArguments {
    #[command(flatten)]
    pub(crate) at: FolderArguments,
    /// The fingerprint of the key that must have signed the checkpoints, as the school published it.
    #[arg(long, value_name = "FINGERPRINT")]
    pub(crate) key: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
}
