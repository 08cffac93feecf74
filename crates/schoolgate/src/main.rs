//! The program: command line, configuration, wiring, tasks, shutdown. No rule and no protocol lives here.

mod authority;
mod cli;
mod clock_kept;
mod commands;
mod config;
mod demo;
mod edges;
mod error;
mod folder;
mod gate;
mod gate_lists;
mod history_place;
mod narrow;
mod progress;
mod renewals;
mod stops;
mod tasks;
mod watch;

use clap::Parser as _;
use cli::{Command, CommandLine, PolicyCommand};
use error::ProgramError;
use narrow::Narrowed;
use std::io::Write as _;
use std::process::ExitCode;

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    tracing_subscriber::fmt()
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SCHOOLGATE_LOG").unwrap_or_else(|_| "info".into()),
        )
        .with_writer(std::io::stderr)
        .with_target(false)
        .init();
    // Every TLS connection of the program uses this one provider; a second call would only say that it is there.
    drop(rustls::crypto::aws_lc_rs::default_provider().install_default());
    // Before there are threads, so that it holds for all of them.
    let narrowed = match &command_line.command {
        Command::Run(arguments) => Narrowed::to(&arguments.folder),
        Command::Demo(arguments) => match folder::Folder::open(&arguments.folder) {
            Ok(folder) => Narrowed::to(folder.path()),
            Err(error) => return ended(Err(error)),
        },
        _ => Narrowed::default(),
    };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(source) => return ended(Err(ProgramError::Part { part: "runtime", words: source.to_string() })),
    };
    let done = runtime.block_on(run(command_line.command, narrowed));
    // What has to end in order has ended. Of a gate that was stopped while it started, threads may be left: none is waited for.
    runtime.shutdown_background();
    ended(done)
}

async fn run(command: Command, narrowed: Narrowed) -> Result<(), ProgramError> {
    match command {
        Command::Run(arguments) => gate::run(&arguments, narrowed).await,
        Command::Demo(arguments) => demo::run(&arguments, narrowed).await,
        Command::Policy(PolicyCommand::Check { document, folder }) => {
            commands::policy::check(&document, folder.as_deref())
        }
        Command::Policy(PolicyCommand::Show { document, html }) => commands::policy::show(&document, html),
        Command::Policy(PolicyCommand::Schema) => print(&policy::file::schema()),
        Command::Policy(PolicyCommand::Propose { document, reason, at }) => {
            commands::policy::propose(&document, &reason, &at).await
        }
        Command::Policy(PolicyCommand::Approve { hash, reason, at }) => {
            commands::policy::approve(&hash, &reason, &at).await
        }
        Command::Verify(arguments) => commands::verify::run(&arguments).await,
        Command::Explain(question) => commands::explain::explain(&question).await,
        Command::History(command) => commands::history::run(&command).await,
        Command::Authority(command) => commands::authority::run(&command).await,
        Command::Notify(command) => commands::notify::run(&command).await,
        Command::Proxy(command) => commands::proxy::run(&command),
        Command::Lists(command) => commands::lists::run(&command).await,
        Command::Simulate(command) => commands::simulate::run(&command),
        Command::People(command) => commands::people::change(&command).await,
    }
}

/// Writes to standard output; a reader that went away is no error of ours.
fn print(text: &str) -> Result<(), ProgramError> {
    let mut out = std::io::stdout().lock();
    let written = writeln!(out, "{}", text.trim_end()).and_then(|()| out.flush());
    match written {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(ProgramError::File { file: "standard output".into(), source: error })
        }
        _ => Ok(()),
    }
}

fn ended(result: Result<(), ProgramError>) -> ExitCode {
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Nothing can be done where even standard error is gone.
            drop(writeln!(std::io::stderr(), "{error}"));
            match error {
                ProgramError::Usage(_) => ExitCode::from(2),
                _ => ExitCode::FAILURE,
            }
        }
    }
}
