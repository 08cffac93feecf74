//! `schoolgate lists`: what can be typed.

use super::FolderArguments;
use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with the filter lists.
#[derive(Debug, Subcommand)]
pub(crate) enum ListsCommand {
    /// Read every list anew, show what changes, and put it in force.
    Update {
        /// Read only these lists anew, by their ids in the policy; the others stay as their copies are
        /// or, after a rollback, as they are in force.
        #[arg(long, value_name = "LIST", num_args = 1..)]
        only: Vec<String>,
        /// Take the new reading of this list although it shrank or grew more than an update may; its id in the policy.
        #[arg(long, value_name = "LIST", num_args = 1..)]
        accept: Vec<String>,
        /// Why; it is recorded and shown.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        output: OutputArguments,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Make an image of a policy's lists, without a gate.
    Build {
        /// The policy document (TOML).
        #[arg(long, value_name = "FILE")]
        policy: PathBuf,
        /// The settings revision within it.
        #[arg(long, value_name = "FILE")]
        settings: Option<PathBuf>,
        /// Where the image is written.
        #[arg(short, long, value_name = "IMAGE")]
        output_file: PathBuf,
        /// The folder that the policy's relative paths start from.
        #[arg(long, value_name = "FOLDER", default_value = ".")]
        home: PathBuf,
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Say which lists know these hosts; without hosts, try the lists' own tests on the image in force.
    Test {
        /// Hosts to look up.
        #[arg(value_name = "HOST")]
        hosts: Vec<String>,
        #[command(flatten)]
        output: OutputArguments,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Say what an update would change, without changing anything.
    Diff {
        #[command(flatten)]
        output: OutputArguments,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Say which lists and lines speak of a host or page, and what each group gets.
    Explain {
        /// A host, or an address with its path.
        #[arg(value_name = "HOST|URL")]
        url: String,
        #[command(flatten)]
        output: OutputArguments,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Put lists in force again that were so before. Only lists of illegal content are read then until `lists update` is typed.
    Rollback {
        /// The first digits of the revision; the one before the present where it is left out.
        #[arg(value_name = "REVISION", default_value = "")]
        revision: String,
        /// Why; it is recorded and shown.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        output: OutputArguments,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Print well-known public lists, each as it stands in a policy.
    Catalogue {
        /// Only lists of this category.
        #[arg(long, value_name = "CATEGORY")]
        category: Option<String>,
        #[command(flatten)]
        output: OutputArguments,
    },
    /// Say what is in force, when each list was read, what was left out, and what somebody should look at.
    Status {
        #[command(flatten)]
        output: OutputArguments,
        #[command(flatten)]
        at: FolderArguments,
    },
}

/// How an answer is printed.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct OutputArguments {
    /// As one JSON object on standard output.
    #[arg(long)]
    pub(crate) json: bool,
}
