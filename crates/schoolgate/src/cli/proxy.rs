//! `schoolgate proxy`: what can be typed.

use super::FolderArguments;
use clap::Subcommand;

/// What the network around the gate needs to know.
#[derive(Debug, Subcommand)]
pub(crate) enum ProxyCommand {
    /// Print the nftables rules that lead the clients' web to the transparent listeners and close the ways past them.
    Nftables {
        /// A network interface that clients are behind; again for each further one.
        #[arg(long, value_name = "NAME", required = true)]
        interface: Vec<String>,
        #[command(flatten)]
        at: FolderArguments,
    },
}
