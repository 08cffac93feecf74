//! `schoolgate history`: what can be typed.

use super::FolderArguments;
use crate::config::HistoryPlace;
use clap::{Args, Subcommand};

/// Look into the history, and move it.
#[derive(Debug, Subcommand)]
pub(crate) enum HistoryCommand {
    /// Search the history, newest first, while a gate runs or not. Who searched, for what and why is recorded first.
    Search(Box<SearchArguments>),
    /// Copy every day and every hold to the other place, and compare them there. The gate must not run. Nothing is removed.
    Move(MoveArguments),
}

/// Where the history goes, and why.
#[derive(Debug, Args)]
pub(crate) struct MoveArguments {
    /// Where to: the other of the two places that the configuration names.
    #[arg(long, value_enum, value_name = "PLACE")]
    pub(crate) to: HistoryPlace,
    /// Why; it is recorded.
    #[arg(long, value_name = "WORDS")]
    pub(crate) reason: String,
    #[command(flatten)]
    pub(crate) at: FolderArguments,
}

/// What to search for; everything that is given must hold.
#[derive(Debug, Args)]
pub(crate) struct SearchArguments {
    /// Why, in a few words; it is recorded, and counted in the weekly report.
    #[arg(long, value_name = "WORDS")]
    pub(crate) reason: String,
    /// Why, from the list of the console: concern, alert, reported, fault, request, check or other.
    #[arg(long, value_name = "REASON", default_value = "other")]
    pub(crate) because: String,
    /// One person: a login, a part of a name, or a pseudonym such as 4F2A-91C3.
    #[arg(long, value_name = "WHO", default_value = "")]
    pub(crate) person: String,
    /// Learners of a year group: N, R or 1 to 13.
    #[arg(long, default_value = "")]
    pub(crate) year: String,
    /// A class, by its id.
    #[arg(long, default_value = "")]
    pub(crate) class: String,
    /// A group of the policy, by its id.
    #[arg(long, default_value = "")]
    pub(crate) group: String,
    /// A school of the policy, by its id.
    #[arg(long, default_value = "")]
    pub(crate) school: String,
    /// A part of a device's name, or an address.
    #[arg(long, default_value = "")]
    pub(crate) device: String,
    /// A part of a host.
    #[arg(long, default_value = "")]
    pub(crate) host: String,
    /// A part of a web address.
    #[arg(long, default_value = "")]
    pub(crate) url: String,
    /// Words that were searched for.
    #[arg(long, default_value = "")]
    pub(crate) words: String,
    /// allowed, blocked, refused-origin or failed.
    #[arg(long, default_value = "")]
    pub(crate) outcome: String,
    /// web, dns, http, https or tunnel.
    #[arg(long, default_value = "")]
    pub(crate) channel: String,
    /// A category, such as gambling.
    #[arg(long, default_value = "")]
    pub(crate) category: String,
    /// The layer of the policy that decided, such as deny or category.
    #[arg(long, default_value = "")]
    pub(crate) layer: String,
    /// The list that decided, by its id.
    #[arg(long, default_value = "")]
    pub(crate) list: String,
    /// The entry of the policy that decided, as it is written there.
    #[arg(long, default_value = "")]
    pub(crate) entry: String,
    /// From this time on, by the school's clock: 2026-11-22 or 2026-11-22T10:15.
    #[arg(long, value_name = "TIME", default_value = "")]
    pub(crate) from: String,
    /// Until this day and including it, or until this time.
    #[arg(long, value_name = "TIME", default_value = "")]
    pub(crate) until: String,
    /// Rows to show, at most 1,000.
    #[arg(long, value_name = "ROWS", default_value_t = 50)]
    pub(crate) most: usize,
    /// Show names instead of pseudonyms; that is recorded as well.
    #[arg(long)]
    pub(crate) names: bool,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) at: FolderArguments,
}
