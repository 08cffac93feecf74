//! What can be typed about the inspection authority.

use super::FolderArguments;
use clap::Subcommand;
use std::path::PathBuf;

/// What can be done with the inspection authority.
#[derive(Debug, Subcommand)]
pub(crate) enum AuthorityCommand {
    /// Show the authority in use, and the one that takes over, if one was made.
    Show {
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Write the files that put the certificates on devices: Windows, Google, Apple, Debian, Firefox.
    Pack {
        /// The folder to write them into; it is made.
        #[arg(long, value_name = "FOLDER")]
        out: PathBuf,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Make the next authority. Both are rolled out; the old one signs until the date, then the next one.
    Rotate {
        /// From when on it signs, such as 2026-12-20 (midnight, UTC); leave devices time to get it.
        #[arg(long, value_name = "DATE")]
        from: String,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// After the date: make the next authority the only one, and destroy the old one's key.
    Finish {
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
}
