//! `schoolgate demo`: a made-up school in a folder, where there is none yet, and then the gate as `run` starts it.

use crate::cli::RunArguments;
use crate::commands::at_the_machine;
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::{Folder, write_secret};
use crate::gate::{Gate, open_records};
use app::{Demo, DemoAccount, Proposal};
use identity::SessionToken;
use model::Clock;
use std::fmt::Write as _;
use std::path::Path;

/// The policy of the demo school, as it ships.
const POLICY: &str = include_str!("../../../policies/first-school.toml");
/// Its configuration: everything on loopback, on ports that need no rights.
const CONFIGURATION: &str = include_str!("demo.toml");
/// The same people and the same two days each time.
const SEED: u64 = 22_11_2026;

pub(crate) async fn run(arguments: &RunArguments) -> Result<(), ProgramError> {
    let folder = Folder::open(&arguments.folder)?;
    approve_policy_once(&folder).await?;
    let gate = Gate::start(folder.clone()).await?;
    seed_once(&gate, &folder).await?;
    if arguments.json {
        crate::print(&gate.listening().as_json())?;
    } else {
        crate::print(&welcome(&gate, &folder)?)?;
    }
    gate.until_stopped().await
}

/// Puts the demo's policy in force where there is none.
async fn approve_policy_once(folder: &Folder) -> Result<(), ProgramError> {
    let file = folder.config();
    if !file.exists() {
        std::fs::write(&file, CONFIGURATION).map_err(|source| ProgramError::file(&file, source))?;
    }
    let config = Config::read(&file)?;
    let (clock, actor) = (Clock::System, at_the_machine());
    let store = open_records(folder, &config, &clock).await?;
    let scope = model::Scope::Trust;
    if store.policy_in_force(&scope).await.map_err(ProgramError::part("records"))?.is_none() {
        let reason = "the demo school's first policy".to_owned();
        let edition = ("first-school.toml".to_owned(), POLICY.to_owned());
        let proposal = Proposal { edition, settings: None, reason: reason.clone() };
        let proposed =
            app::propose_policy(&store, &clock, &actor, proposal).await.map_err(ProgramError::asked)?;
        let hash = proposed.hash.as_str();
        app::approve_policy(&store, &clock, &actor, hash, &reason).await.map_err(ProgramError::asked)?;
    }
    store.close().await;
    Ok(())
}

/// Fills empty records with made-up people, and writes down how they sign in.
async fn seed_once(gate: &Gate, folder: &Folder) -> Result<(), ProgramError> {
    let file = folder.demo_accounts();
    if file.exists() {
        return Ok(());
    }
    let password = password()?;
    let demo = Demo { password: password.clone(), seed: SEED };
    let accounts = gate.app().seed_demo(&demo).await.map_err(ProgramError::asked)?;
    write_secret(&file, account_table(&accounts, &password).as_bytes())
        .map_err(|source| ProgramError::file(&file, source))
}

/// A password for the demo's accounts: new for each folder, so that no demo can be entered by who has read of it.
fn password() -> Result<String, ProgramError> {
    let token = SessionToken::random().map_err(ProgramError::part("password"))?;
    Ok(token.reveal().chars().filter(char::is_ascii_alphanumeric).take(14).collect())
}

fn account_table(accounts: &[DemoAccount], password: &str) -> String {
    let mut text = String::from("# Made-up people of the demo school: user name, password, what they are.\n");
    for account in accounts {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:<28} {password}  {}", account.login, account.role);
    }
    text
}

fn welcome(gate: &Gate, folder: &Folder) -> Result<String, ProgramError> {
    let listening = gate.listening();
    let file = folder.demo_accounts();
    let table = std::fs::read_to_string(&file).map_err(|source| ProgramError::file(&file, source))?;
    let accounts = table.lines().filter(|line| !line.starts_with('#'));
    let shown: String = accounts
        .filter(|line| WORTH_TRYING.iter().any(|role| line.ends_with(role)))
        .fold(String::new(), |text, line| text + "    " + line + "\n");
    Ok(format!(
        "{}\n\nSign in to the console as (everybody else: {}):\n{shown}\n\
         Browse through the gate (Chromium, with the school's certificate in a profile of its own):\n{}\n\n\
         Try https://games.schoolgate.test/ there, then sign in at {}/web/sign-in as a pupil, and as a teacher.\n\
         Ask DNS:  dig @{} -p {} www.google.com\n\
         Ctrl-C stops the gate; nothing is lost.",
        listening.as_text(),
        file.display(),
        browser_line(folder.path(), &listening.proxy_url()),
        listening.console,
        listening.dns.first().map(|at| at.ip().to_string()).unwrap_or_default(),
        listening.dns.first().map(|at| at.port().to_string()).unwrap_or_default(),
    ))
}

/// The accounts that are shown at once: one for each of the questions a visitor has.
const WORTH_TRYING: [&str; 5] =
    ["Headteacher", "Designated safeguarding lead", "Governor", "Technician", "Learner, year group 4"];

/// One line that gives Chromium a profile with the demo's certificate in it, and starts it through the proxy.
fn browser_line(folder: &Path, proxy: &str) -> String {
    let home = folder.join("browser");
    let (home, authority) = (home.display(), folder.join("authority.pem"));
    format!(
        "    mkdir -p {home}/.pki/nssdb && \\\n    certutil -A -d sql:{home}/.pki/nssdb -t C,, -n Schoolgate -i {} && \\\n    \
         HOME={home} chromium --user-data-dir={home}/profile --proxy-server={proxy}",
        authority.display()
    )
}
