//! Why somebody looks at one person's history: a reason from a short list, and a few words.
//!
//! The weekly report counts the reasons from the list. The words stay in the audit chain: they may name somebody.

use crate::history_query::Problems;

/// The longest reason in words, in bytes.
const MOST_WORDS_BYTES: usize = 500;

/// A reason from the short list.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum LookReason {
    /// A concern about somebody's safety.
    Concern,
    /// An alert or a case that is being worked on.
    Alert,
    /// Somebody reported something.
    Reported,
    /// Something does not work, or is blocked wrongly.
    Fault,
    /// The police, the local authority or the person themselves asked.
    Request,
    /// A check that filtering and monitoring work.
    Check,
    /// Another reason, in the words alone.
    Other,
}

impl LookReason {
    /// Every reason, in the order of the form.
    pub const ALL: [LookReason; 7] =
        [Self::Concern, Self::Alert, Self::Reported, Self::Fault, Self::Request, Self::Check, Self::Other];

    /// The name in forms and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Concern => "concern",
            Self::Alert => "alert",
            Self::Reported => "reported",
            Self::Fault => "fault",
            Self::Request => "request",
            Self::Check => "check",
            Self::Other => "other",
        }
    }

    /// The choice on the form.
    pub fn title(self) -> &'static str {
        match self {
            Self::Concern => "A concern about somebody\u{2019}s safety",
            Self::Alert => "An alert or a case",
            Self::Reported => "Somebody reported something",
            Self::Fault => "Something does not work, or is blocked wrongly",
            Self::Request => "A request by the police, an authority or the person",
            Self::Check => "A check of filtering and monitoring",
            Self::Other => "Something else",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.slug() == text)
    }
}

/// A whole reason.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Purpose {
    /// From the list.
    pub reason: LookReason,
    /// In words; not empty.
    pub words: String,
}

impl Purpose {
    /// Reads what was chosen and typed, or says what is wrong by field: `reason`, `why`.
    pub fn read(reason: &str, words: &str) -> Result<Self, Problems> {
        let mut problems = Vec::new();
        let mut note = |field: &str, sentence: &str| problems.push((field.to_owned(), sentence.to_owned()));
        let words = words.trim();
        if words.len() > MOST_WORDS_BYTES {
            note("why", "Shorten what you wrote: 500 characters at most");
        }
        if words.is_empty() {
            note("why", "Say in a few words why: it is recorded, and reported to the headteacher each week");
        }
        match LookReason::parse(reason.trim()) {
            Some(reason) if problems.is_empty() => Ok(Self { reason, words: words.to_owned() }),
            Some(_) => Err(problems),
            None => {
                problems.insert(0, ("reason".to_owned(), "Choose why you look at one person".to_owned()));
                Err(problems)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_needs_a_choice_and_words() {
        for (reason, words, fields) in [
            ("concern", "said she is afraid", vec![]),
            ("concern", " ", vec!["why"]),
            ("", "afraid", vec!["reason"]),
            ("boredom", "", vec!["reason", "why"]),
        ] {
            let found = Purpose::read(reason, words).err().unwrap_or_default();
            let found: Vec<&str> = found.iter().map(|(field, _)| field.as_str()).collect();
            assert_eq!(found, fields, "{reason} {words}");
        }
        assert!(Purpose::read("alert", &"x".repeat(501)).is_err());
        assert!(LookReason::ALL.iter().all(|reason| LookReason::parse(reason.slug()) == Some(*reason)));
    }
}
