//! What a message says: that an alert waits, how bad it may be, at which school, and where to sign in.
//!
//! Invariant: it is made of the school's name, three words from fixed lists and an id, so it cannot repeat whom an alert
//! is about, what they did, or which rule found it. Not even the theme: a lock screen is read by whoever stands by.

use crate::NotifyError;
use model::{AlertKind, Severity};
use url::Url;
use uuid::Uuid;

/// The most characters of a school's name.
const MOST_NAME: usize = 100;

/// Where messages come from: a school, and its console.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    school: String,
    console: Url,
}

impl Place {
    /// A school by its name in the policy, cut at 100 characters, and its console's address.
    ///
    /// # Errors
    /// [`NotifyError::Console`] for an address that is not https.
    pub fn new(school: &str, console: &str) -> Result<Self, NotifyError> {
        let wrong = || NotifyError::Console { found: console.to_owned() };
        let address = Url::parse(console).map_err(|_| wrong())?;
        if address.scheme() != "https" || !address.has_host() {
            return Err(wrong());
        }
        let plain = school.chars().filter(|sign| !sign.is_control()).take(MOST_NAME);
        Ok(Self { school: plain.collect(), console: address })
    }

    /// The school's name.
    pub fn school(&self) -> &str {
        &self.school
    }

    /// The console's host, by which mails are told apart.
    pub(crate) fn host(&self) -> &str {
        self.console.host_str().unwrap_or("localhost")
    }
}

/// What kind of alert waits: [`AlertKind`] without its theme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// A monitoring rule found something.
    Safeguarding,
    /// A sign of an attack or of misuse.
    Security,
    /// Something went silent.
    Silence,
    /// Somebody reported something.
    Report,
    /// The weekly proof that alerts arrive.
    Test,
    /// The weekly report on monitoring, to be read and signed.
    Weekly,
    /// A request for rights that waits, or a review of access.
    Access,
}

impl MessageKind {
    /// The name in a webhook's JSON.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Safeguarding => "safeguarding",
            Self::Security => "security",
            Self::Silence => "silence",
            Self::Report => "report",
            Self::Test => "test",
            Self::Weekly => "weekly",
            Self::Access => "access",
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Safeguarding => "safeguarding alert",
            Self::Security => "security alert",
            Self::Silence => "alert about something that went silent",
            Self::Report => "report from somebody",
            Self::Test => "test alert",
            Self::Weekly => "weekly report on monitoring",
            Self::Access => "question about who may do what",
        }
    }
}

impl From<AlertKind> for MessageKind {
    fn from(kind: AlertKind) -> Self {
        match kind {
            AlertKind::Safeguarding(_) => Self::Safeguarding,
            AlertKind::Security => Self::Security,
            AlertKind::Silence => Self::Silence,
            AlertKind::Report => Self::Report,
            AlertKind::Test => Self::Test,
        }
    }
}

/// Why somebody is told.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Call {
    /// It is news.
    First,
    /// Others were told, and nobody has acknowledged it: now it is for them as well.
    Escalation,
}

impl Call {
    /// Every reason.
    pub const ALL: [Call; 2] = [Self::First, Self::Escalation];

    /// The name in a webhook's JSON.
    pub fn slug(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Escalation => "escalation",
        }
    }
}

/// That an alert waits.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// At which school.
    pub place: Place,
    /// What kind.
    pub kind: MessageKind,
    /// How bad it may be.
    pub severity: Severity,
    /// Why somebody is told.
    pub call: Call,
    /// The alert's id in the records; `None`: it is about no one alert.
    pub alert: Option<Uuid>,
}

impl Message {
    /// Where to sign in and see it.
    pub fn link(&self) -> String {
        let mut link = self.place.console.clone();
        if let (Some(alert), Ok(mut path)) = (self.alert, link.path_segments_mut()) {
            path.pop_if_empty().push("alerts").push(&alert.to_string());
        }
        link.into()
    }

    /// The first line: a mail's subject, a card's heading.
    pub fn heading(&self) -> String {
        let Self { place, kind, severity, call, .. } = self;
        let begin = match call {
            Call::First => "",
            Call::Escalation => "Nobody has answered: ",
        };
        let what = match kind {
            MessageKind::Test | MessageKind::Weekly | MessageKind::Access => kind.words().to_owned(),
            _ => format!("{} ({})", kind.words(), severity.title().to_lowercase()),
        };
        capital(&format!("{begin}{what} at {}", place.school))
    }

    /// The sentences below it.
    pub fn sentences(&self) -> Vec<String> {
        let reason = match (self.call, self.kind) {
            (Call::First, MessageKind::Test) => "This is the weekly proof that alerts arrive.",
            (Call::First, _) => "It waits for you in the console.",
            (Call::Escalation, _) => {
                "Whoever was told first has not acknowledged it, so it is for you as well."
            }
        };
        let ask = match (self.kind, self.severity) {
            (MessageKind::Weekly, _) => "Sign in, read it and sign it.",
            (MessageKind::Access, _) => {
                "Sign in and answer it under Access: without an answer it lapses, and what lapses is taken away."
            }
            (MessageKind::Test, _) => {
                "Sign in and acknowledge it, so that the school knows that it reached you."
            }
            (_, Severity::Critical) => "Sign in and acknowledge it now.",
            (_, Severity::High) => "Sign in and acknowledge it today.",
            (_, Severity::Medium) => "Sign in and acknowledge it by the next school day.",
            (_, Severity::Low | Severity::NoConcern) => "Sign in to see it when you next look at the week.",
        };
        let no_more = "Whom it is about and what happened is not in this message, on purpose.";
        [reason, ask, no_more].map(str::to_owned).into()
    }
}

fn capital(text: &str) -> String {
    let mut signs = text.chars();
    signs.next().map(|first| first.to_uppercase().chain(signs).collect()).unwrap_or_default()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use model::Theme;

    pub(crate) fn message(kind: MessageKind, severity: Severity, call: Call) -> Message {
        let place = Place::new("Larkfield First School", "https://gate.larkfield.test:8443").unwrap();
        Message { place, kind, severity, call, alert: Some(Uuid::from_u128(7)) }
    }

    #[test]
    fn messages_read_as_sentences() {
        let urgent = message(MessageKind::Safeguarding, Severity::Critical, Call::First);
        assert_eq!(urgent.heading(), "Safeguarding alert (critical) at Larkfield First School");
        assert_eq!(
            urgent.sentences().join(" "),
            "It waits for you in the console. Sign in and acknowledge it now. \
             Whom it is about and what happened is not in this message, on purpose."
        );
        assert_eq!(
            urgent.link(),
            "https://gate.larkfield.test:8443/alerts/00000000-0000-0000-0000-000000000007"
        );
        let again = message(MessageKind::Report, Severity::High, Call::Escalation);
        assert_eq!(
            again.heading(),
            "Nobody has answered: report from somebody (high) at Larkfield First School"
        );
        let test = message(MessageKind::Test, Severity::NoConcern, Call::First);
        assert_eq!(test.heading(), "Test alert at Larkfield First School");
        assert!(
            test.sentences().join(" ").starts_with("This is the weekly proof that alerts arrive. Sign in")
        );
    }

    /// What may differ between two messages of a school is this list and no free text.
    #[test]
    fn all_that_a_message_can_ever_say_is_a_short_list_that_names_no_theme() {
        let mut said = std::collections::BTreeSet::new();
        let themes = Theme::ALL.map(AlertKind::Safeguarding).into_iter();
        let others = [AlertKind::Security, AlertKind::Silence, AlertKind::Report, AlertKind::Test];
        for kind in themes.chain(others) {
            for severity in Severity::ALL {
                for call in Call::ALL {
                    let message = message(kind.into(), severity, call);
                    said.insert(message.heading());
                    said.extend(message.sentences());
                }
            }
        }
        assert_eq!(said.len(), 5 * 4 * 2 + 2 + 3 + 5 + 1);
        for theme in Theme::ALL {
            let names = |text: &String| text.to_lowercase().contains(&theme.title().to_lowercase());
            assert!(!said.iter().any(names), "{}", theme.title());
        }
    }

    #[test]
    fn a_name_cannot_bring_a_line_of_its_own_and_a_console_is_reached_by_https() {
        let place = Place::new("Ash\r\nBcc: all@ash.test", "https://ash.test/gate/").unwrap();
        assert_eq!(place.school(), "AshBcc: all@ash.test");
        let below = Message { place, ..message(MessageKind::Security, Severity::High, Call::First) };
        assert!(below.link().starts_with("https://ash.test/gate/alerts/0"), "{}", below.link());
        for wrong in ["http://ash.test", "ash.test", "https:"] {
            assert!(Place::new("Ash", wrong).is_err(), "{wrong}");
        }
    }
}
