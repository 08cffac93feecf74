//! The ways out as the configuration has them.

use super::dns::read_secret;
use crate::config::{Config, MailConfig, Told, is_plain_name};
use crate::error::ProgramError;
use crate::folder::Folder;
use app::Recipient;
use model::SchoolId;
use notify::{Mail, MailLogin, Notifier, NotifyError, Receiver, SigningSecret, Way};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use store::NotificationChannel;

/// The ways out, and who is told by them.
pub(crate) fn ways_out(folder: &Folder, config: &Config) -> Result<(Notifier, Vec<Recipient>), ProgramError> {
    config.notify.check()?;
    let failed = |error: NotifyError| ProgramError::Question(format!("notify: {error}"));
    let mail = mail(folder, &config.notify.mail, &config.gate.name)?;
    let mut roots = Vec::new();
    for file in &config.notify.trusted_roots {
        for root in CertificateDer::pem_file_iter(file).map_err(ProgramError::part("notify.trusted_roots"))? {
            roots.push(root.map_err(ProgramError::part("notify.trusted_roots"))?);
        }
    }
    let mut notifier = Notifier::new(mail.as_ref(), &roots).map_err(failed)?;
    let mut recipients = Vec::new();
    for told in &config.notify.to {
        let name = told.name.as_str();
        let channel;
        (notifier, channel) = match told.way()? {
            Told::Mail(address) => {
                (notifier.with_mail_address(name, address).map_err(failed)?, NotificationChannel::Mail)
            }
            Told::Webhook { address, signed_with } => {
                let to = Receiver::new(name, &secret(folder, address)?).map_err(failed)?;
                let signing = SigningSecret::new(secret(folder, signed_with)?.as_bytes()).map_err(failed)?;
                (notifier.with_webhook(name, to, signing), NotificationChannel::Webhook)
            }
            Told::Teams(address) => {
                let to = Receiver::new(name, &secret(folder, address)?).map_err(failed)?;
                (notifier.with_teams(name, to), NotificationChannel::Teams)
            }
        };
        recipients.push(Recipient {
            channel,
            address: told.name.clone(),
            addressees: told.addressees()?,
            school: Some(&told.school)
                .filter(|school| !school.is_empty())
                .map(|id| SchoolId::new(id.as_str())),
        });
    }
    Ok((notifier, recipients))
}

/// The way by which a message of the records leaves.
pub(crate) fn way_of(channel: NotificationChannel) -> Way {
    match channel {
        NotificationChannel::Mail => Way::Mail,
        NotificationChannel::Webhook => Way::Webhook,
        NotificationChannel::Teams => Way::Teams,
    }
}

fn mail(folder: &Folder, config: &MailConfig, hello: &str) -> Result<Option<Mail>, ProgramError> {
    if config.relay.is_empty() {
        return Ok(None);
    }
    let login = match config.login.as_str() {
        "" => None,
        login => Some(MailLogin {
            login: login.to_owned(),
            password: secret(folder, &config.password)?.trim_end().to_owned().into(),
        }),
    };
    Ok(Some(Mail {
        relay: config.relay.clone(),
        port: config.port(),
        security: config.security.of_mail(),
        login,
        from: config.from.clone(),
        hello: hello.to_owned(),
    }))
}

/// A file of `secrets`, which must be there.
fn secret(folder: &Folder, name: &str) -> Result<String, ProgramError> {
    let wrong = |words: String| ProgramError::Question(format!("notify: {words}"));
    if !is_plain_name(name) {
        return Err(wrong(format!(
            "expected the name of a file in secrets: letters, digits, hyphens; found {name}"
        )));
    }
    let text = read_secret(&folder.secrets().join(name))?;
    if text.trim().is_empty() {
        return Err(wrong(format!("expected something in secrets/{name}, found nothing")));
    }
    Ok(text)
}
