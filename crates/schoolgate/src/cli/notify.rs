//! `schoolgate notify`: what can be typed.

use super::FolderArguments;
use clap::Subcommand;

/// Try the ways by which messages leave.
#[derive(Debug, Subcommand)]
pub(crate) enum NotifyCommand {
    /// Send a test message to each address that is told, and say what became of it. Nothing is recorded.
    Test {
        /// To this one alone, by its name in `notify.to`; again for each further one.
        #[arg(long, value_name = "NAME")]
        to: Vec<String>,
        #[command(flatten)]
        at: FolderArguments,
    },
}
