//! `[notify]`: how messages leave, and who is told. Each key stands in `docs/notifications.md`.

use crate::error::ProgramError;
use model::Addressee;
use notify::MailSecurity;
use serde::Deserialize;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// How messages leave.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct NotifyConfig {
    /// Certificates (PEM files) of authorities that the relay and receivers may come from, beside the public ones.
    pub(crate) trusted_roots: Vec<PathBuf>,
    /// The mail relay.
    pub(crate) mail: MailConfig,
    /// Who is told.
    pub(crate) to: Vec<ToldConfig>,
}

/// The mail relay; without one no mail is sent.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct MailConfig {
    /// Its name, or its address.
    pub(crate) relay: String,
    /// Its port; 0: the usual one.
    pub(crate) port: u16,
    /// How the connection is encrypted.
    pub(crate) security: SecurityConfig,
    /// The address that mail comes from.
    pub(crate) from: String,
    /// What the relay knows us by; empty: our address.
    pub(crate) login: String,
    /// The file in `secrets` that holds its password.
    pub(crate) password: String,
}

/// How the connection to the relay is encrypted.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum SecurityConfig {
    #[default]
    StartTls,
    Tls,
    Plain,
}

/// One address that is told.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct ToldConfig {
    /// What records call it.
    pub(crate) name: String,
    /// Who is behind it.
    pub(crate) addressees: Vec<String>,
    /// The id of the one school it is for; empty: every school.
    pub(crate) school: String,
    /// A mail address.
    pub(crate) mail: String,
    /// The file in `secrets` that holds a webhook's address.
    pub(crate) webhook: String,
    /// The file in `secrets` that holds what the webhook is signed with.
    pub(crate) signed_with: String,
    /// The file in `secrets` that holds a Teams workflow's address.
    pub(crate) teams: String,
}

/// The one way of an address that is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Told<'a> {
    Mail(&'a str),
    Webhook { address: &'a str, signed_with: &'a str },
    Teams(&'a str),
}

impl SecurityConfig {
    pub(crate) fn of_mail(self) -> MailSecurity {
        match self {
            Self::StartTls => MailSecurity::StartTls,
            Self::Tls => MailSecurity::Tls,
            Self::Plain => MailSecurity::Plain,
        }
    }
}

impl MailConfig {
    /// Its port, the usual one where none is given.
    pub(crate) fn port(&self) -> u16 {
        match (self.port, self.security) {
            (0, SecurityConfig::StartTls) => 587,
            (0, SecurityConfig::Tls) => 465,
            (0, SecurityConfig::Plain) => 25,
            (port, _) => port,
        }
    }
}

impl NotifyConfig {
    /// Checks what belongs together: names once each, one way each.
    pub(crate) fn check(&self) -> Result<(), ProgramError> {
        let mut names = BTreeSet::new();
        for told in &self.to {
            if !super::is_plain_name(&told.name) || !names.insert(&told.name) {
                return Err(wrong(
                    "name",
                    &format!(
                        "expected a name of its own: lower-case letters, digits, hyphens; found {}",
                        told.name
                    ),
                ));
            }
            if matches!(told.way()?, Told::Mail(_)) && self.mail.relay.is_empty() {
                return Err(wrong("mail", "expected notify.mail.relay beside a mail address, found none"));
            }
            told.addressees()?;
        }
        Ok(())
    }
}

impl ToldConfig {
    /// The one way that is set.
    pub(crate) fn way(&self) -> Result<Told<'_>, ProgramError> {
        let (mail, webhook, teams) = (self.mail.as_str(), self.webhook.as_str(), self.teams.as_str());
        match (mail, webhook, teams, self.signed_with.as_str()) {
            (mail, "", "", "") if !mail.is_empty() => Ok(Told::Mail(mail)),
            ("", address, "", signed_with) if !address.is_empty() && !signed_with.is_empty() => {
                Ok(Told::Webhook { address, signed_with })
            }
            ("", "", teams, "") if !teams.is_empty() => Ok(Told::Teams(teams)),
            _ => Err(wrong(
                &self.name,
                "expected one of mail, webhook with signed_with, and teams; found none, or several",
            )),
        }
    }

    /// Who is behind it.
    pub(crate) fn addressees(&self) -> Result<Vec<Addressee>, ProgramError> {
        let read = |text: &String| {
            let known: Vec<&str> = Addressee::ALL.iter().map(|addressee| addressee.slug()).collect();
            Addressee::parse(text).ok_or_else(|| {
                wrong("addressees", &format!("expected one of {}; found {text}", known.join(", ")))
            })
        };
        let read: Vec<Addressee> = self.addressees.iter().map(read).collect::<Result<_, _>>()?;
        if read.is_empty() {
            return Err(wrong("addressees", "expected at least one post, found none"));
        }
        Ok(read)
    }
}

fn wrong(key: &str, words: &str) -> ProgramError {
    ProgramError::Question(format!("notify.to.{key}: {words}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> NotifyConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn who_is_told_is_read_with_one_way_each() {
        let config = read(
            "mail = { relay = \"mail.larkfield.test\", from = \"schoolgate@larkfield.test\" }\n\
             [[to]]\nname = \"lead\"\naddressees = [\"lead\", \"deputy\"]\nmail = \"lead@larkfield.test\"\n\
             [[to]]\nname = \"desk\"\naddressees = [\"it\"]\nwebhook = \"desk\"\nsigned_with = \"desk-key\"\n\
             [[to]]\nname = \"channel\"\naddressees = [\"lead\"]\nteams = \"channel\"\n",
        );
        config.check().unwrap();
        assert_eq!(
            (config.mail.port(), config.to[0].way().unwrap()),
            (587, Told::Mail("lead@larkfield.test"))
        );
        assert_eq!(config.to[1].way().unwrap(), Told::Webhook { address: "desk", signed_with: "desk-key" });
        assert_eq!(config.to[0].addressees().unwrap(), [Addressee::Lead, Addressee::Deputy]);
    }

    #[test]
    fn what_cannot_be_is_said_with_its_key() {
        let lead = "name = \"lead\"\naddressees = [\"lead\"]\n";
        for (text, key) in [
            (
                "[[to]]\nname = \"The lead\"\naddressees = [\"lead\"]\nteams = \"x\"\n".to_owned(),
                "notify.to.name",
            ),
            (format!("[[to]]\n{lead}teams = \"x\"\n[[to]]\n{lead}teams = \"y\"\n"), "notify.to.name"),
            (format!("[[to]]\n{lead}"), "notify.to.lead"),
            (format!("[[to]]\n{lead}webhook = \"x\"\n"), "notify.to.lead"),
            (format!("[[to]]\n{lead}mail = \"a@b.test\"\nteams = \"x\"\n"), "notify.to.lead"),
            (format!("[[to]]\n{lead}mail = \"a@b.test\"\n"), "notify.mail.relay"),
            (
                "[[to]]\nname = \"lead\"\naddressees = [\"caretaker\"]\nteams = \"x\"\n".to_owned(),
                "caretaker",
            ),
            ("[[to]]\nname = \"lead\"\nteams = \"x\"\n".to_owned(), "notify.to.addressees"),
        ] {
            let words = read(&text).check().unwrap_err().to_string();
            assert!(words.contains(key), "{words}");
        }
    }
}
