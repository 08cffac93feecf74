//! The policy file's words on passwords, as the rules of `identity` take them.

use identity::{AdultRule, Generator, LearnerRule, PasswordPolicy, Phase, TemporaryRule, YoungestRule};
use policy::file::{self, AdultPasswords, Passwords};

/// What a document says of passwords.
pub fn password_policy(said: &Passwords) -> PasswordPolicy {
    PasswordPolicy {
        refuse_personal_words: said.refuse_personal_words,
        refuse_common: said.refuse_common,
        youngest: said
            .youngest
            .as_ref()
            .map(|rule| YoungestRule { generator: generator(rule.generator), at_most: rule.at_most }),
        learners: said
            .learners
            .iter()
            .map(|rule| LearnerRule {
                phase: phase(rule.who),
                generator: generator(rule.generator),
                at_least: rule.at_least,
            })
            .collect(),
        adults: adult(&said.adults),
        administrators: adult(&said.administrators),
        temporary: TemporaryRule {
            generator: generator(said.temporary.generator),
            adult_ms: i64::from(said.temporary.adult_hours) * 3_600_000,
            learner_ms: i64::from(said.temporary.learner_hours) * 3_600_000,
        },
    }
}

fn adult(said: &AdultPasswords) -> AdultRule {
    AdultRule { generator: generator(said.generator), at_least: said.at_least, encouraged: said.encouraged }
}

/// `None`: a badge and no password.
fn generator(said: file::Generator) -> Option<Generator> {
    match said {
        file::Generator::Badge => None,
        file::Generator::WordAndDigits => Some(Generator::WordAndDigits),
        file::Generator::TwoWordsAndDigit => Some(Generator::TwoWordsAndDigit),
        file::Generator::ThreeWords => Some(Generator::ThreeWords),
        file::Generator::FourWords => Some(Generator::FourWords),
        file::Generator::FiveWords => Some(Generator::FiveWords),
        file::Generator::SixWords => Some(Generator::SixWords),
    }
}

pub(crate) fn phase(said: file::Phase) -> Phase {
    match said {
        file::Phase::EarlyYears => Phase::EarlyYears,
        file::Phase::Ks1 => Phase::Ks1,
        file::Phase::LowerKs2 => Phase::LowerKs2,
        file::Phase::UpperKs2 => Phase::UpperKs2,
        file::Phase::Ks3 => Phase::Ks3,
        file::Phase::Ks4 => Phase::Ks4,
        file::Phase::SixthForm => Phase::SixthForm,
    }
}
