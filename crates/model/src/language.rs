//! Languages in which words are looked for.

/// A language that monitoring rules are written in.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Language {
    /// English.
    English,
    /// Welsh.
    Welsh,
    /// Arabic.
    Arabic,
    /// Bengali.
    Bengali,
    /// French.
    French,
    /// Hindi.
    Hindi,
    /// Italian.
    Italian,
    /// Panjabi.
    Panjabi,
    /// Persian.
    Persian,
    /// Polish.
    Polish,
    /// Portuguese.
    Portuguese,
    /// Romanian.
    Romanian,
    /// Russian.
    Russian,
    /// Spanish.
    Spanish,
    /// Ukrainian.
    Ukrainian,
    /// Urdu.
    Urdu,
}

impl Language {
    /// Every language.
    pub const ALL: [Language; 16] = [
        Self::English,
        Self::Welsh,
        Self::Arabic,
        Self::Bengali,
        Self::French,
        Self::Hindi,
        Self::Italian,
        Self::Panjabi,
        Self::Persian,
        Self::Polish,
        Self::Portuguese,
        Self::Romanian,
        Self::Russian,
        Self::Spanish,
        Self::Ukrainian,
        Self::Urdu,
    ];

    /// Its two letters (ISO 639-1), as policies and files of rules write it.
    pub fn slug(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Welsh => "cy",
            Self::Arabic => "ar",
            Self::Bengali => "bn",
            Self::French => "fr",
            Self::Hindi => "hi",
            Self::Italian => "it",
            Self::Panjabi => "pa",
            Self::Persian => "fa",
            Self::Polish => "pl",
            Self::Portuguese => "pt",
            Self::Romanian => "ro",
            Self::Russian => "ru",
            Self::Spanish => "es",
            Self::Ukrainian => "uk",
            Self::Urdu => "ur",
        }
    }

    /// Its name on screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::English => "English",
            Self::Welsh => "Welsh",
            Self::Arabic => "Arabic",
            Self::Bengali => "Bengali",
            Self::French => "French",
            Self::Hindi => "Hindi",
            Self::Italian => "Italian",
            Self::Panjabi => "Panjabi",
            Self::Persian => "Persian",
            Self::Polish => "Polish",
            Self::Portuguese => "Portuguese",
            Self::Romanian => "Romanian",
            Self::Russian => "Russian",
            Self::Spanish => "Spanish",
            Self::Ukrainian => "Ukrainian",
            Self::Urdu => "Urdu",
        }
    }

    /// Reads the two letters.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.slug() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_language_reads_back_from_its_own_letters() {
        for language in Language::ALL {
            assert_eq!(Language::parse(language.slug()), Some(language));
        }
    }
}
