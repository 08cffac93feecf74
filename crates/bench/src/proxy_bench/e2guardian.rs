//! The other peer: Debian's e2guardian with its inspection of TLS (MITM).
//!
//! Its configuration is Debian's own, read where the package put it, with inspection switched on and with the phrase lists
//! and logs switched off: ours does not read pages either. It knows no file of hosts but the system's, so that is
//! wrapped for it alone.

use super::authority::{certificate_file, key_file};
use super::peer::{free_port, give_to, until_listening};
use crate::child::Program;
use crate::error::BenchError;
use model::{Clock, Timestamp};
use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddrV4};
use std::path::Path;
use std::process::Command;

const CONFIGURATION: &str = "/etc/e2guardian/e2guardian.conf";
const GROUP: &str = "/etc/e2guardian/e2guardianf1.conf";
/// Who it becomes where it is started as root.
const USER: &str = "e2guardian";
const DAY_MS: i64 = 86_400_000;

/// Its name and version, for the rows.
pub(crate) fn version() -> String {
    let output = Command::new("e2guardian").arg("-v").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines().next().filter(|line| line.starts_with("e2guardian")).unwrap_or("e2guardian").to_owned()
}

/// Starts it with the authority in `folder`, trusting the origins' authority, and waits until it listens.
pub(crate) fn start(
    core: &str,
    folder: &Path,
    origins: &Path,
    hosts: &Path,
) -> Result<(Program, SocketAddrV4), BenchError> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, free_port()?);
    let generated = folder.join("generated");
    fs::create_dir_all(&generated).map_err(BenchError::file(&generated))?;
    let (conf, group) = (folder.join("e2guardian.conf"), folder.join("e2guardianf1.conf"));
    changed(Path::new(CONFIGURATION), &conf, &settings(folder, address))?;
    let group_settings = ["sslmitm = on", "mitmcheckcert = on", "weightedphrasemode = 0"];
    changed(Path::new(GROUP), &group, &group_settings.map(str::to_owned))?;
    give_to(USER, folder)?;
    let trusted = format!("SSL_CERT_FILE={}", certificate_file(origins).display());
    let hosts = format!("NSS_WRAPPER_HOSTS={}", hosts.display());
    let conf = conf.to_string_lossy();
    let arguments =
        [trusted.as_str(), &hosts, "LD_PRELOAD=libnss_wrapper.so", "e2guardian", "-N", "-c", &conf];
    let program = Program::other(core, "env", &arguments)?;
    until_listening(address, "e2guardian")?;
    Ok((program, address))
}

fn settings(folder: &Path, address: SocketAddrV4) -> Vec<String> {
    let now = Clock::System.now();
    let seconds = |at: Timestamp| at.0 / 1_000;
    let file = folder.display();
    vec![
        format!("filterip = {}", address.ip()),
        format!("filterports = {}", address.port()),
        "transparenthttpsport = 0".into(),
        "enablessl = on".into(),
        format!("cacertificatepath = '{}'", certificate_file(folder).display()),
        format!("caprivatekeypath = '{}'", key_file(folder).display()),
        // Its leaves have one key; the authority's is of the kind that ours and Squid's are of.
        format!("certprivatekeypath = '{}'", key_file(folder).display()),
        format!("generatedcertpath = '{file}/generated/'"),
        format!("generatedcertstart = {}", seconds(now.plus_ms(-DAY_MS))),
        format!("generatedcertend = {}", seconds(now.plus_ms(30 * DAY_MS))),
        format!("pidfilename = '{file}/e2guardian.pid'"),
        format!("loglocation = '{file}/access.log'"),
        "nologger = on".into(),
        "loglevel = 0".into(),
        "weightedphrasemode = 0".into(),
        "httpworkers = 500".into(),
    ]
}

/// Writes a configuration with these settings in place of those of the same names.
fn changed(from: &Path, to: &Path, settings: &[String]) -> Result<(), BenchError> {
    let text = fs::read(from).map_err(BenchError::file(from))?;
    let text = with_settings(&String::from_utf8_lossy(&text), settings);
    fs::write(to, text).map_err(BenchError::file(to))
}

fn with_settings(text: &str, settings: &[String]) -> String {
    let names: Vec<&str> = settings.iter().map(|setting| name_of(setting)).collect();
    let mut changed = String::with_capacity(text.len());
    for line in
        text.lines().filter(|line| !names.contains(&name_of(line))).chain(settings.iter().map(String::as_str))
    {
        // Writing to a string does not fail.
        let _ = writeln!(changed, "{line}");
    }
    changed
}

fn name_of(setting: &str) -> &str {
    setting.split_once('=').map_or("", |(name, _)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_take_the_place_of_those_of_the_same_names() {
        let text = "# ports = 1\nports = 8080\nsslmitm = off\nother = 1\n\n";
        let settings = ["ports = 3128".to_owned(), "sslmitm = on".to_owned()];
        assert_eq!(with_settings(text, &settings), "# ports = 1\nother = 1\n\nports = 3128\nsslmitm = on\n");
    }
}
