//! E-mail by SMTP (RFC 5321), to one relay.
//!
//! Encryption is never given up: STARTTLS is required, not tried. Unencrypted mail goes only to a relay that is named by an
//! address of the school's own network, and without a password.

use crate::deliver::Trouble;
use crate::{Message, NotifyError, Place};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, SinglePart};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{Address, AsyncSmtpTransport, AsyncTransport as _, Tokio1Executor};
use model::Timestamp;
use rustls::pki_types::CertificateDer;
use std::error::Error as _;
use std::net::IpAddr;
use std::time::{Duration, SystemTime};
use std::{fmt, io};
use uuid::Uuid;
use zeroize::Zeroizing;

/// For each step with the relay.
const STEP_LIMIT: Duration = Duration::from_secs(20);
/// For everything together.
const TIME_LIMIT: Duration = Duration::from_secs(60);

/// How the connection to the relay is encrypted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MailSecurity {
    /// It begins in clear and must change to TLS before anything is said (RFC 3207); the usual port is 587.
    StartTls,
    /// TLS from the first byte (RFC 8314); the usual port is 465.
    Tls,
    /// Not at all: only to a private or loopback address, and without a login.
    Plain,
}

/// What the relay knows us by. Never printed.
#[derive(Clone)]
pub struct MailLogin {
    /// The login.
    pub login: String,
    /// Its password.
    pub password: Zeroizing<String>,
}

impl fmt::Debug for MailLogin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MailLogin(hidden)")
    }
}

/// The relay, and in whose name mail is sent.
#[derive(Clone, Debug)]
pub struct Mail {
    /// The relay's name, or its address.
    pub relay: String,
    /// Its port.
    pub port: u16,
    /// How the connection is encrypted.
    pub security: MailSecurity,
    /// What it knows us by; `None`: it knows us by our address.
    pub login: Option<MailLogin>,
    /// The address that mail comes from.
    pub from: String,
    /// What this machine calls itself to the relay.
    pub hello: String,
}

/// Settings that were checked.
#[derive(Clone, Debug)]
pub(crate) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Address,
}

impl Mailer {
    pub(crate) fn new(mail: &Mail, extra_roots: &[CertificateDer<'static>]) -> Result<Self, NotifyError> {
        let from = address(&mail.from)?;
        let tls = match mail.security {
            MailSecurity::StartTls => Tls::Required(tls(mail, extra_roots)?),
            MailSecurity::Tls => Tls::Wrapper(tls(mail, extra_roots)?),
            MailSecurity::Plain if may_be_plain(mail) => Tls::None,
            MailSecurity::Plain => return Err(NotifyError::PlainRelay { found: mail.relay.clone() }),
        };
        let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(&mail.relay)
            .port(mail.port)
            .tls(tls)
            .timeout(Some(STEP_LIMIT))
            .hello_name(ClientId::Domain(mail.hello.clone()));
        if let Some(MailLogin { login, password }) = &mail.login {
            builder = builder.credentials(Credentials::new(login.clone(), password.to_string()));
        }
        Ok(Self { transport: builder.build(), from })
    }

    /// Hands one mail to the relay.
    pub(crate) async fn send(
        &self,
        to: &Address,
        message: &Message,
        (job, now): (Uuid, Timestamp),
    ) -> Result<(), Trouble> {
        let mail = self.compose(to.clone(), message, (job, now))?;
        let sent = tokio::time::timeout(TIME_LIMIT, self.transport.send(mail));
        sent.await.map_err(|_| Trouble::TimedOut)?.map(drop).map_err(|error| trouble(&error))
    }

    /// Whether the relay answers, proves itself and knows us; nothing is sent.
    pub(crate) async fn probe(&self) -> Result<(), Trouble> {
        let tested = tokio::time::timeout(TIME_LIMIT, self.transport.test_connection());
        match tested.await.map_err(|_| Trouble::TimedOut)? {
            Ok(true) => Ok(()),
            Ok(false) => Err(Trouble::Unreachable),
            Err(error) => Err(trouble(&error)),
        }
    }

    fn compose(
        &self,
        to: Address,
        message: &Message,
        (job, now): (Uuid, Timestamp),
    ) -> Result<lettre::Message, Trouble> {
        let since = Duration::from_millis(u64::try_from(now.0).unwrap_or(0));
        let sender = Mailbox::new(Some(message.place.school().to_owned()), self.from.clone());
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        lettre::Message::builder()
            .from(sender)
            .to(Mailbox::new(None, to))
            .subject(message.heading())
            .date(SystemTime::UNIX_EPOCH + since)
            // The same in each attempt, so that a mail that was taken twice is shown once.
            .message_id(Some(message_id(job, &message.place)))
            // No out-of-office replies (RFC 3834).
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .singlepart(SinglePart::builder().header(ContentType::TEXT_PLAIN).body(text(message)))
            .map_err(|_| Trouble::Address)
    }
}

fn message_id(job: Uuid, place: &Place) -> String {
    format!("<{job}@{}>", place.host().trim_matches(['[', ']']))
}

fn text(message: &Message) -> String {
    let lines = [message.heading() + "."].into_iter().chain(message.sentences());
    let lines: Vec<String> = lines.collect();
    format!("{}\n\n{}\n", lines.join("\n"), message.link())
}

/// Reads a mail address.
pub(crate) fn address(text: &str) -> Result<Address, NotifyError> {
    text.parse().map_err(|_| NotifyError::MailAddress { found: text.to_owned() })
}

fn tls(mail: &Mail, extra_roots: &[CertificateDer<'static>]) -> Result<TlsParameters, NotifyError> {
    let mut builder =
        TlsParameters::builder(mail.relay.clone()).certificate_store(CertificateStore::WebpkiRoots);
    for root in extra_roots {
        let root =
            Certificate::from_der(root.to_vec()).map_err(|error| NotifyError::Root(error.to_string()))?;
        builder = builder.add_root_certificate(root);
    }
    builder.build_rustls().map_err(|_| NotifyError::Relay { found: mail.relay.clone() })
}

fn may_be_plain(mail: &Mail) -> bool {
    let is_near = match mail.relay.parse() {
        Ok(IpAddr::V4(address)) => address.is_loopback() || address.is_private(),
        Ok(IpAddr::V6(address)) => address.is_loopback() || address.is_unique_local(),
        Err(_) => false,
    };
    is_near && mail.login.is_none()
}

/// What became of it. The relay's own words are not kept: they repeat addresses.
fn trouble(error: &lettre::transport::smtp::Error) -> Trouble {
    if let Some(code) = error.status() {
        let code = u16::from(code);
        return match code {
            // RFC 4954, section 6: the login or its password is wrong, or they ask for more.
            530 | 534 | 535 | 538 => Trouble::SignIn { code },
            _ if error.is_transient() => Trouble::Busy { code },
            _ => Trouble::Refused { code },
        };
    }
    if error.is_timeout() {
        Trouble::TimedOut
    } else if is_of_tls(error) {
        Trouble::Unproven
    } else if error.is_client() {
        Trouble::Insecure
    } else {
        Trouble::Unreachable
    }
}

/// A handshake that fails comes as a connection's error, with the reason wrapped up in it.
fn is_of_tls(error: &lettre::transport::smtp::Error) -> bool {
    let mut cause = error.source();
    while let Some(below) = cause {
        let wrapped = below.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if below.is::<rustls::Error>() || wrapped.is_some_and(|inner| inner.is::<rustls::Error>()) {
            return true;
        }
        cause = below.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::tests::message;
    use crate::{Call, MessageKind};
    use model::Severity;

    fn mail(relay: &str, security: MailSecurity) -> Mail {
        Mail {
            relay: relay.to_owned(),
            port: 25,
            security,
            login: None,
            from: "schoolgate@larkfield.test".to_owned(),
            hello: "gate.larkfield.test".to_owned(),
        }
    }

    #[test]
    fn unencrypted_mail_goes_to_a_near_relay_alone_and_never_with_a_password() {
        for near in ["127.0.0.1", "10.1.0.25", "fd00::25"] {
            assert!(Mailer::new(&mail(near, MailSecurity::Plain), &[]).is_ok(), "{near}");
        }
        for far in ["203.0.113.25", "mail.larkfield.test", "2001:db8::25"] {
            let refused = Mailer::new(&mail(far, MailSecurity::Plain), &[]);
            assert!(matches!(refused, Err(NotifyError::PlainRelay { .. })), "{far}");
        }
        let login = MailLogin { login: "gate".to_owned(), password: "hidden".to_owned().into() };
        let with_login = Mail { login: Some(login), ..mail("10.1.0.25", MailSecurity::Plain) };
        assert!(Mailer::new(&with_login, &[]).is_err());
        assert!(!format!("{with_login:?}").contains("gate\""));
    }

    #[test]
    fn a_mail_reads_as_sentences_and_says_that_nobody_need_reply() {
        let mailer = Mailer::new(&mail("10.1.0.25", MailSecurity::StartTls), &[]).unwrap();
        let message = message(MessageKind::Safeguarding, Severity::Critical, Call::First);
        let at = (Uuid::from_u128(9), Timestamp(1_795_348_800_000));
        let composed = mailer.compose("lead@larkfield.test".parse().unwrap(), &message, at).unwrap();
        let text = String::from_utf8(composed.formatted()).unwrap();
        for expected in [
            "From: \"Larkfield First School\" <schoolgate@larkfield.test>\r\n",
            "Subject: Safeguarding alert (critical) at Larkfield First School\r\n",
            "Message-ID: <00000000-0000-0000-0000-000000000009@gate.larkfield.test>\r\n",
            "Auto-Submitted: auto-generated\r\n",
            "\r\nIt waits for you in the console.\r\nSign in and acknowledge it now.\r\n",
            "/alerts/00000000-0000-0000-0000-000000000007\r\n",
        ] {
            assert!(text.contains(expected), "{expected:?} in {text}");
        }
    }
}
