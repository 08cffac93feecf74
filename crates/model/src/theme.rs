//! What a safeguarding rule is about.

/// The theme of a monitoring rule, and of the alerts it makes. One file of rules each.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Theme {
    /// Suicide and self-harm.
    SelfHarm,
    /// Eating disorders.
    EatingDisorders,
    /// Abuse and exploitation of children.
    Abuse,
    /// An adult working on a child's trust.
    Grooming,
    /// Bullying.
    Bullying,
    /// Drugs.
    Drugs,
    /// Weapons and violence.
    Violence,
    /// Extremism.
    Extremism,
    /// Hate of people for what they are.
    Hate,
    /// Misogyny.
    Misogyny,
    /// Gangs that use children to carry drugs.
    CountyLines,
    /// Sexual content.
    Sexual,
    /// Gambling.
    Gambling,
    /// Attempts to get round the filter.
    GettingRound,
    /// Mental distress.
    Distress,
    /// Somebody looks for help. Never a reason for a sanction.
    LookingForHelp,
}

impl Theme {
    /// Every theme.
    pub const ALL: [Theme; 16] = [
        Self::SelfHarm,
        Self::EatingDisorders,
        Self::Abuse,
        Self::Grooming,
        Self::Bullying,
        Self::Drugs,
        Self::Violence,
        Self::Extremism,
        Self::Hate,
        Self::Misogyny,
        Self::CountyLines,
        Self::Sexual,
        Self::Gambling,
        Self::GettingRound,
        Self::Distress,
        Self::LookingForHelp,
    ];

    /// The name in files, addresses and records.
    pub fn slug(self) -> &'static str {
        match self {
            Self::SelfHarm => "self-harm",
            Self::EatingDisorders => "eating-disorders",
            Self::Abuse => "abuse",
            Self::Grooming => "grooming",
            Self::Bullying => "bullying",
            Self::Drugs => "drugs",
            Self::Violence => "violence",
            Self::Extremism => "extremism",
            Self::Hate => "hate",
            Self::Misogyny => "misogyny",
            Self::CountyLines => "county-lines",
            Self::Sexual => "sexual",
            Self::Gambling => "gambling",
            Self::GettingRound => "getting-round",
            Self::Distress => "distress",
            Self::LookingForHelp => "looking-for-help",
        }
    }

    /// The name on adults' screens.
    pub fn title(self) -> &'static str {
        match self {
            Self::SelfHarm => "Suicide and self-harm",
            Self::EatingDisorders => "Eating disorders",
            Self::Abuse => "Abuse and exploitation",
            Self::Grooming => "Grooming",
            Self::Bullying => "Bullying",
            Self::Drugs => "Drugs",
            Self::Violence => "Weapons and violence",
            Self::Extremism => "Extremism",
            Self::Hate => "Hate",
            Self::Misogyny => "Misogyny",
            Self::CountyLines => "County lines",
            Self::Sexual => "Sexual content",
            Self::Gambling => "Gambling",
            Self::GettingRound => "Getting round the filter",
            Self::Distress => "Mental distress",
            Self::LookingForHelp => "Looking for help",
        }
    }

    /// Reads the name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|theme| theme.slug() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_theme_reads_back_from_its_own_name() {
        for theme in Theme::ALL {
            assert_eq!(Theme::parse(theme.slug()), Some(theme));
        }
        assert_eq!(Theme::ALL.iter().map(|theme| theme.title()).collect::<BTreeSet<_>>().len(), 16);
        assert_eq!(Theme::parse("Self-harm"), None);
    }
}
