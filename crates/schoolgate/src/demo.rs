//! `schoolgate demo`: a made-up school in a folder, where there is none yet, and then the gate as `run` starts it.

use crate::cli::RunArguments;
use crate::commands::{at_the_machine, is_root};
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::{Folder, read_or_make_secret, replace_secret};
use crate::gate::{Gate, open_records};
use crate::narrow::Narrowed;
use crate::stops::Stops;
use app::{Demo, Proposal};
use identity::SessionToken;
use model::{Clock, Person};
use std::fmt::Write as _;
use std::path::Path;

/// The policy of the demo school, as it ships, but for one thing: see [`policy`].
const POLICY: &str = include_str!("../../../policies/first-school.toml");
/// Its configuration: everything on loopback, on ports that need no rights.
const CONFIGURATION: &str = include_str!("demo.toml");
/// The same people and the same two days each time.
const SEED: u64 = 20_261_122;

pub(crate) async fn run(arguments: &RunArguments, narrowed: Narrowed) -> Result<(), ProgramError> {
    let folder = Folder::open(&arguments.folder)?;
    let mut stops = Stops::listen()?;
    let gate = tokio::select! {
        gate = start(&folder, arguments, narrowed) => gate?,
        () = stops.asked() => return Ok(()),
    };
    gate.until_stopped(stops).await
}

async fn start(folder: &Folder, arguments: &RunArguments, narrowed: Narrowed) -> Result<Gate, ProgramError> {
    approve_policy_once(folder).await?;
    let gate = Gate::start(folder.clone(), narrowed).await?;
    let accounts = seed_once(&gate, folder).await?;
    let words = if arguments.json { gate.listening().as_json() } else { welcome(&gate, folder, &accounts) };
    crate::print(&words)?;
    Ok(gate)
}

/// Puts the demo's policy in force where there is none.
///
/// A demo's accounts all have one password, so they never come to a policy that somebody else put in force.
async fn approve_policy_once(folder: &Folder) -> Result<(), ProgramError> {
    let file = folder.config();
    if !file.exists() {
        std::fs::write(&file, CONFIGURATION).map_err(|source| ProgramError::file(&file, source))?;
    }
    let config = Config::read(&file)?;
    let (clock, actor) = (Clock::System, at_the_machine());
    let store = open_records(folder, &config, &clock).await?;
    let in_force =
        store.policy_in_force(&model::Scope::Trust).await.map_err(ProgramError::part("records"))?;
    if in_force.is_some() && !folder.demo_password().exists() {
        let folder = folder.path().display();
        return Err(ProgramError::Question(format!(
            "{folder}: expected an empty folder or one that a demo made, found a gate with a policy of its own; \
             `schoolgate run --folder {folder}` starts it"
        )));
    }
    read_or_make_secret(&folder.demo_password(), password)?;
    if in_force.is_none() {
        let reason = "the demo school's first policy".to_owned();
        let edition = ("first-school.toml".to_owned(), policy());
        let proposal = Proposal { edition, settings: None, reason: reason.clone() };
        let proposed =
            app::propose_policy(&store, &clock, &actor, proposal).await.map_err(ProgramError::asked)?;
        let hash = proposed.hash.as_str();
        app::approve_policy(&store, &clock, &actor, hash, &reason).await.map_err(ProgramError::asked)?;
    }
    store.close().await;
    Ok(())
}

/// The demo's policy names no roles that must have a second factor, so that a stranger looks round with a password alone;
/// whoever adds one is asked for it.
fn policy() -> String {
    let line = |line: &str| match line.split_once(" = ") {
        Some(("second_factor", _)) => "second_factor = []".to_owned(),
        _ => line.to_owned(),
    };
    POLICY.lines().fold(String::with_capacity(POLICY.len()), |text, it| text + &line(it) + "\n")
}

/// Fills empty records with made-up people, and writes down how they sign in: the password first, so that a start that was
/// cut short is taken up by the next one.
async fn seed_once(gate: &Gate, folder: &Folder) -> Result<String, ProgramError> {
    let password = read_or_make_secret(&folder.demo_password(), password)?;
    let password = String::from_utf8_lossy(&password).into_owned();
    if gate.store().count_people().await.map_err(ProgramError::part("records"))? == 0 {
        let demo = Demo { password: password.clone(), seed: SEED };
        gate.app().seed_demo(&demo).await.map_err(ProgramError::asked)?;
    }
    let people = gate.store().people().await.map_err(ProgramError::part("records"))?;
    let (file, table) = (folder.demo_accounts(), account_table(&people, &password));
    replace_secret(&file, table.as_bytes()).map_err(|source| ProgramError::file(&file, source))?;
    Ok(table)
}

/// A password for the demo's accounts: new for each folder, so that no demo can be entered by who has read of it.
fn password() -> Result<Vec<u8>, ProgramError> {
    let token = SessionToken::random().map_err(ProgramError::part("password"))?;
    Ok(token.reveal().bytes().filter(u8::is_ascii_alphanumeric).take(14).collect())
}

fn account_table(people: &[Person], password: &str) -> String {
    let mut text = String::from("# Made-up people of the demo school: user name, password, what they are.\n");
    for person in people {
        let affiliation = person.affiliations.first();
        let role = affiliation.map_or("", |affiliation| affiliation.role.title());
        let year = affiliation.and_then(|affiliation| affiliation.year);
        let year = year.map(|year| format!(", year group {year}")).unwrap_or_default();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{:<26} {password}  {role}{year}", person.login);
    }
    text
}

fn welcome(gate: &Gate, folder: &Folder, accounts: &str) -> String {
    let listening = gate.listening();
    let shown: String = accounts
        .lines()
        .filter(|line| WORTH_TRYING.iter().any(|role| line.ends_with(role)))
        .fold(String::new(), |text, line| text + "    " + line + "\n");
    let dns = listening.dns.first().map(|at| format!("@{} -p {}", at.ip(), at.port())).unwrap_or_default();
    format!(
        "{}\n\nSign in to the console as (everybody else: {}):\n{shown}\n\
         Browse through the gate (Chromium, with the school's certificate in a profile of its own):\n{}\n\n\
         Try https://www.roblox.com/ there, then sign in at {}/web/sign-in as a pupil, and as a teacher.\n\
         Without a screen:\n    curl --proxy {} --cacert {} https://games.schoolgate.test/\n\
         Ask DNS:  dig {dns} www.google.com\n\
         Ctrl-C stops the gate; nothing is lost.",
        listening.as_text(),
        folder.demo_accounts().display(),
        browser_line(folder.path(), &listening.proxy_url()),
        listening.console,
        listening.proxy_url(),
        listening.authority.display(),
    )
}

/// The accounts that are shown at once: one for each of the questions a visitor has.
const WORTH_TRYING: [&str; 6] = [
    "Headteacher",
    "Designated safeguarding lead",
    "Governor",
    "Technician",
    "Class teacher",
    "Learner, year group 4",
];

/// A line that gives Chromium a profile with the demo's certificate in it, and starts it through the proxy.
fn browser_line(folder: &Path, proxy: &str) -> String {
    let home = folder.join("browser");
    let (home, authority) = (home.display(), folder.join("authority.pem"));
    // Chromium starts as root only without its sandbox; on a machine of one's own nobody browses as root.
    let as_root = if is_root() { " --no-sandbox" } else { "" };
    format!(
        "    test -d {home}/.pki/nssdb || {{ mkdir -p {home}/.pki/nssdb && \\\n      \
         certutil -N -d sql:{home}/.pki/nssdb --empty-password && \\\n      \
         certutil -A -d sql:{home}/.pki/nssdb -t C,, -n Schoolgate -i {}; }}\n    \
         HOME={home} chromium{as_root} --user-data-dir={home}/profile --proxy-server={proxy}",
        authority.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_demo_asks_no_role_for_a_second_factor_and_is_else_the_policy_that_ships() {
        let policy = policy();
        let changed: Vec<(&str, &str)> =
            POLICY.lines().zip(policy.lines()).filter(|(shipped, demo)| shipped != demo).collect();
        let [(shipped, demo)] = changed.as_slice() else { panic!("{changed:?}") };
        assert!(shipped.starts_with("second_factor = [\""), "{shipped}");
        assert_eq!(*demo, "second_factor = []");
    }
}
