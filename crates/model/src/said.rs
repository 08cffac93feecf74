//! Words that somebody put to a service: a search, a question to a machine that answers, a topic looked up.
//!
//! Left out: reading them out of a request (`inspect` does) and what they mean (monitoring rules do).

/// Words, as they were typed and out of the form in which they travelled.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct Said {
    /// How they were put.
    pub kind: SaidKind,
    /// The words; personal, like the address they come from.
    pub words: String,
    /// Whether they were sent off, or are still being typed.
    pub typing: Typing,
}

/// How words were put to a service.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum SaidKind {
    /// A search.
    Search,
    /// A question or an order to a service of generative AI.
    Prompt,
    /// A topic, tag or community that was opened by name.
    Visit,
}

impl SaidKind {
    /// Every kind.
    pub const ALL: [SaidKind; 3] = [Self::Search, Self::Prompt, Self::Visit];

    /// The name in files.
    pub fn slug(self) -> &'static str {
        match self {
            Self::Search => "search",
            Self::Prompt => "prompt",
            Self::Visit => "visit",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.slug() == text)
    }
}

/// Whether words were sent off, or are still being typed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Typing {
    /// They were sent.
    Sent,
    /// The service is asked anew while somebody types: more may come.
    Going,
}
