//! `[logs]` and `[silence]`: whose logs are taken, and what should be heard from how often. Each key stands in
//! `docs/intake.md`.

use crate::error::ProgramError;
use intake::{ExpectedIn, LogSender, SchoolHours};
use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Logs of other systems; without a listener none are taken.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct LogsConfig {
    /// Where it listens, UDP; the usual port is 514.
    pub(crate) udp: Vec<SocketAddr>,
    /// The same, TCP.
    pub(crate) tcp: Vec<SocketAddr>,
    /// The same, TLS; the usual port is 6514.
    pub(crate) tls: Vec<SocketAddr>,
    /// PEM files of its certificate and key; empty: the school's own authority gives one for the gate's name.
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
    /// PEM files: authorities by one of which a sender's certificate must be, by TLS; empty: it needs none.
    pub(crate) sender_authorities: Vec<PathBuf>,
    /// Addresses that reach for very many others as a part of their work.
    pub(crate) busy: Vec<IpAddr>,
    /// Logins of the school's own privileged accounts.
    pub(crate) privileged_accounts: Vec<String>,
    /// Who may send.
    pub(crate) sender: Vec<LogSenderConfig>,
}

/// A firewall, a server, a sensor.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogSenderConfig {
    /// What records call it.
    pub(crate) name: String,
    /// Its address.
    pub(crate) address: IpAddr,
    /// Lines a second in the long run; ten times as many at once.
    #[serde(default = "lines_per_second")]
    pub(crate) lines_per_second: u32,
    /// Minutes without a line after which it counts as silent; 0: never.
    #[serde(default)]
    pub(crate) silent_after_minutes: u32,
    /// When its lines are expected.
    #[serde(default)]
    pub(crate) expected: ExpectedConfig,
}

/// When something is expected.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ExpectedConfig {
    #[default]
    Always,
    SchoolHours,
}

impl ExpectedConfig {
    pub(crate) fn expected_in(self) -> ExpectedIn {
        match self {
            Self::Always => ExpectedIn::AllHours,
            Self::SchoolHours => ExpectedIn::SchoolHours,
        }
    }
}

impl LogsConfig {
    /// True when they are taken.
    pub(crate) fn is_taken(&self) -> bool {
        !(self.udp.is_empty() && self.tcp.is_empty() && self.tls.is_empty())
    }

    /// Who may send.
    pub(crate) fn senders(&self) -> Result<Vec<LogSender>, ProgramError> {
        let (mut names, mut addresses) = (BTreeSet::new(), BTreeSet::new());
        let sender = |sender: &LogSenderConfig| {
            let wrong = |words: String| ProgramError::Question(format!("logs.sender: {words}"));
            if !super::is_plain_name(&sender.name) || !names.insert(sender.name.clone()) {
                return Err(wrong(format!(
                    "expected a name of its own: lower-case letters, digits, hyphens; found {}",
                    sender.name
                )));
            }
            if !addresses.insert(sender.address.to_canonical()) {
                return Err(wrong(format!("expected each address once, found {} again", sender.address)));
            }
            Ok(LogSender {
                name: sender.name.as_str().into(),
                address: sender.address,
                lines_per_second: sender.lines_per_second,
            })
        };
        self.sender.iter().map(sender).collect()
    }
}

/// What should be heard from.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct SilenceConfig {
    /// When school hours begin, Monday to Friday, in the policy's time zone.
    pub(crate) school_from: String,
    /// When they end.
    pub(crate) school_until: String,
    /// Minutes of school hours without a recorded request that count as silence; 0: never.
    pub(crate) history_minutes: u32,
    /// Minutes between two looks at the mail relay; silence after three. 0: it is not looked at.
    pub(crate) mail_minutes: u32,
}

impl Default for SilenceConfig {
    fn default() -> Self {
        Self {
            school_from: "08:00".to_owned(),
            school_until: "16:00".to_owned(),
            history_minutes: 60,
            mail_minutes: 60,
        }
    }
}

impl SilenceConfig {
    /// The school's hours in a time zone.
    pub(crate) fn hours(&self, zone: TimeZone) -> Result<SchoolHours, ProgramError> {
        let from_minute = minute("silence.school_from", &self.school_from)?;
        let until_minute = minute("silence.school_until", &self.school_until)?;
        if from_minute >= until_minute {
            return Err(ProgramError::Question(format!(
                "silence.school_until: expected a time after {}, found {}",
                self.school_from, self.school_until
            )));
        }
        Ok(SchoolHours { zone, from_minute, until_minute })
    }
}

fn minute(key: &str, text: &str) -> Result<u16, ProgramError> {
    let time: Time = text
        .parse()
        .map_err(|_| ProgramError::Question(format!("{key}: expected a time such as 08:00, found {text}")))?;
    let minutes = i32::from(time.hour()) * 60 + i32::from(time.minute());
    Ok(u16::try_from(minutes).unwrap_or(0))
}

fn lines_per_second() -> u32 {
    1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn senders_of_logs_are_listed_once_each() {
        let listed = "[[sender]]\nname = \"firewall\"\naddress = \"10.0.0.1\"\nsilent_after_minutes = 15\n";
        let config: LogsConfig = toml::from_str(&format!("udp = [\"10.0.0.2:514\"]\n{listed}")).unwrap();
        assert!(config.is_taken() && !LogsConfig::default().is_taken());
        assert_eq!(config.senders().unwrap()[0].lines_per_second, 1_000);
        for more in [listed, "[[sender]]\nname = \"other\"\naddress = \"::ffff:10.0.0.1\"\n"] {
            let config: LogsConfig = toml::from_str(&format!("{listed}{more}")).unwrap();
            assert!(config.senders().is_err(), "{more}");
        }
    }

    #[test]
    fn school_hours_are_read_and_end_after_they_begin() {
        let hours = |from: &str, until: &str| {
            let (school_from, school_until) = (from.to_owned(), until.to_owned());
            let config = SilenceConfig { school_from, school_until, ..SilenceConfig::default() };
            config.hours(TimeZone::UTC).map(|hours| (hours.from_minute, hours.until_minute))
        };
        assert_eq!(hours("08:15", "15:30").unwrap(), (495, 930));
        assert!(hours("16:00", "08:00").is_err() && hours("eight", "16:00").is_err());
    }
}
