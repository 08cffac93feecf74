//! What can be typed after `schoolgate simulate`.

use clap::Subcommand;

/// What can be simulated.
#[derive(Debug, Subcommand)]
pub(crate) enum SimulateCommand {
    /// A school day with pupils at mischief and a bot-net outside, by the rules of several programs: who is locked out, and
    /// who breaks in.
    Lockout {
        /// The day's seed; the same seed is the same day.
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// One JSON object a rule, a line each.
        #[arg(long)]
        json: bool,
    },
}
