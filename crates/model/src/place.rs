//! Whose record it is: the trust's, or one school's.

use crate::SchoolId;
use std::fmt;

/// Every record has a scope; a lone school's own records carry its name, a trust's shared ones `trust`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// The whole trust, or everything a lone school has.
    Trust,
    /// One school.
    School(SchoolId),
}

impl Scope {
    /// True when whoever holds `self` may see what belongs to `other`: the trust sees its schools, a school only itself.
    pub fn covers(&self, other: &Scope) -> bool {
        matches!(self, Self::Trust) || self == other
    }

    /// Reads `trust` or `school:NAME`; `None` when it is neither.
    pub fn parse(text: &str) -> Option<Self> {
        match text.split_once(':') {
            None if text == "trust" => Some(Self::Trust),
            Some(("school", name)) if !name.is_empty() => Some(Self::School(SchoolId::new(name))),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Trust => f.write_str("trust"),
            Self::School(school) => write!(f, "school:{school}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_school_never_covers_another_school_or_the_trust() {
        let (ash, elm) = (Scope::School(SchoolId::new("ash")), Scope::School(SchoolId::new("elm")));
        assert!(Scope::Trust.covers(&ash) && ash.covers(&ash));
        assert!(!ash.covers(&elm) && !ash.covers(&Scope::Trust));
        assert_eq!(Scope::parse(&ash.to_string()), Some(ash));
        assert_eq!(Scope::parse("school:"), None);
    }
}
