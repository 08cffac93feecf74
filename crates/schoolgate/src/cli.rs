//! The command line: what can be typed. What each command does is in `commands`.

mod authority;
mod history;
mod imports;
mod lists;
mod notify;
mod proxy;
mod simulate;
mod verify;

pub(crate) use authority::AuthorityCommand;
pub(crate) use history::{HistoryCommand, MoveArguments, SearchArguments};
pub(crate) use imports::{DecisionArguments, ImportArguments, RolloverArguments};
pub(crate) use lists::{ListsCommand, OutputArguments};
pub(crate) use notify::NotifyCommand;
pub(crate) use proxy::ProxyCommand;
pub(crate) use simulate::SimulateCommand;
pub(crate) use verify::{AuditArguments, PackArguments, VerifyArguments, VerifyCommand};

use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;

/// A school's technical security policy, running.
#[derive(Debug, Parser)]
#[command(name = "schoolgate", version, about, max_term_width = 100)]
pub(crate) struct CommandLine {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Start the gate: DNS, proxy and console, from the approved policy in its folder.
    Run(RunArguments),
    /// Make a demo school in a folder, where there is none yet, and start it.
    Demo(RunArguments),
    /// Check, show, propose and approve policy documents.
    #[command(subcommand)]
    Policy(PolicyCommand),
    /// Update, try, compare and put back the filter lists.
    #[command(subcommand)]
    Lists(ListsCommand),
    /// Look into the access history.
    #[command(subcommand)]
    History(HistoryCommand),
    /// Show, replace and hand out the inspection authority.
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// Say what the network around the gate needs to know.
    #[command(subcommand)]
    Proxy(ProxyCommand),
    /// Try the ways by which messages leave.
    #[command(subcommand)]
    Notify(NotifyCommand),
    /// Prove that the audit log, or a pack of evidence, is what was written.
    Verify(VerifyArguments),
    /// See what a rule would cost before it is chosen.
    #[command(subcommand)]
    Simulate(SimulateCommand),
    /// Say why something is, or would be, allowed or blocked.
    Explain(ExplainArguments),
    /// Add people, give them a temporary password, change what they are.
    #[command(subcommand)]
    People(PeopleCommand),
}

/// Where a gate keeps everything it has.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    /// The gate's folder: configuration, records, history, lists, keys.
    #[arg(long, value_name = "FOLDER", default_value = "var")]
    pub(crate) folder: PathBuf,
    /// Once everything listens, print one line of JSON with the addresses, and nothing else.
    #[arg(long)]
    pub(crate) json: bool,
}

/// What can be done with policy documents.
#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// Check a document and name every mistake in it.
    Check {
        #[command(flatten)]
        document: DocumentArguments,
        /// The gate's folder, where lists with relative paths must lie.
        #[arg(long, value_name = "FOLDER")]
        folder: Option<PathBuf>,
    },
    /// Print the readable policy: who may reach what, and every clause with the values in it.
    Show {
        #[command(flatten)]
        document: DocumentArguments,
        /// As a web page instead of plain text.
        #[arg(long)]
        html: bool,
    },
    /// Print the JSON Schema of policy documents, for editors.
    Schema,
    /// Put a document forward. It is checked and kept; nothing changes until it is approved.
    Propose {
        #[command(flatten)]
        document: DocumentArguments,
        /// Why; it is recorded.
        #[arg(long, default_value = "")]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Put a proposed document in force, without the approval screens: an emergency, and recorded as one.
    Approve {
        /// The document's hash, as `propose` printed it; its first 8 digits are enough.
        hash: String,
        /// Why this could not wait; it is recorded and shown.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
}

/// A policy document.
#[derive(Debug, Args)]
pub(crate) struct DocumentArguments {
    /// The edition (TOML).
    #[arg(value_name = "FILE")]
    pub(crate) edition: PathBuf,
    /// The settings revision within it (TOML).
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
}

/// The folder of a gate.
#[derive(Debug, Args)]
pub(crate) struct FolderArguments {
    /// The gate's folder.
    #[arg(long, value_name = "FOLDER", default_value = "var")]
    pub(crate) folder: PathBuf,
}

/// A question for `explain`.
#[derive(Debug, Args)]
pub(crate) struct ExplainArguments {
    /// The policy document to decide by.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: PathBuf,
    /// The settings revision within it.
    #[arg(long, value_name = "FILE")]
    pub(crate) settings: Option<PathBuf>,
    /// Who asks: an address, a group of the policy, or, with --folder, a login.
    #[arg(long, value_name = "WHO")]
    pub(crate) who: String,
    /// A gate's folder, for its lists and its people; without it, the starter lists alone.
    #[arg(long, value_name = "FOLDER")]
    pub(crate) folder: Option<PathBuf>,
    /// When, such as 2026-11-23T12:20 in the school's local time; now by default.
    #[arg(long, value_name = "TIME")]
    pub(crate) at: Option<String>,
    /// As JSON.
    #[arg(long)]
    pub(crate) json: bool,
    /// What to reach: a host, or an address with its path.
    pub(crate) url: String,
}

/// What can be done with people.
#[derive(Debug, Subcommand)]
pub(crate) enum PeopleCommand {
    /// Add somebody who works at the school, with an account; their temporary password is printed this once.
    Add {
        /// The name to sign in with.
        login: String,
        /// Their name, as the register has it.
        #[arg(long)]
        name: String,
        /// What they are, such as governor, headteacher or class-teacher.
        #[arg(long)]
        role: String,
        /// The school's id in the policy; the whole trust by default.
        #[arg(long)]
        school: Option<String>,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Give somebody who works at the school a temporary password, which is printed this once.
    Reset {
        /// The person's login.
        login: String,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Import people from the school's own system: CSV, XLSX, OneRoster or JSON. Nothing changes until it is approved.
    Import(ImportArguments),
    /// End a school year: everybody up by one year group, the oldest leave.
    Rollover(RolloverArguments),
    /// Give somebody an administrator account beside their everyday one; its temporary password is printed this once.
    Administrator {
        /// The login of their everyday account.
        login: String,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Take every second factor of somebody away who lost them all.
    TakeFactors {
        /// The login of the account.
        login: String,
        /// Why, and how it was made sure who asks; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Make a recovery account, or fill its envelope anew: what goes into the envelope is printed this once.
    Recovery {
        /// The login of a senior leader who owns it; once for each owner.
        #[arg(
            long = "owner",
            value_name = "LOGIN",
            required_unless_present = "renew",
            conflicts_with = "renew"
        )]
        owners: Vec<String>,
        /// The number of the recovery account whose envelope was opened.
        #[arg(long, value_name = "NUMBER")]
        renew: Option<u32>,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
    /// Make a person something else: another role, another year group.
    Move {
        /// The person's login.
        login: String,
        /// The new role, such as staff, class-teacher or learner.
        #[arg(long)]
        role: String,
        /// The year group of a learner: N, R or 1 to 13.
        #[arg(long)]
        year: Option<String>,
        /// Why; it is recorded.
        #[arg(long)]
        reason: String,
        #[command(flatten)]
        at: FolderArguments,
    },
}
