//! Each test is named by the rules it holds: P, N and V as `docs/passwords.md` lists them.

use super::*;
use crate::{Pepper, Randomness, generate};
use model::{PersonId, SchoolId, Scope};

fn policy() -> PasswordPolicy {
    PasswordPolicy {
        refuse_personal_words: true,
        refuse_common: true,
        youngest: Some(YoungestRule { generator: Some(Generator::WordAndDigits), at_most: 6 }),
        learners: vec![
            LearnerRule { phase: Phase::LowerKs2, generator: Some(Generator::TwoWordsAndDigit), at_least: 8 },
            LearnerRule {
                phase: Phase::UpperKs2,
                generator: Some(Generator::TwoWordsAndDigit),
                at_least: 10,
            },
            LearnerRule { phase: Phase::Ks3, generator: Some(Generator::ThreeWords), at_least: 12 },
        ],
        adults: AdultRule { generator: Some(Generator::FourWords), at_least: 13, encouraged: 17 },
        administrators: AdultRule { generator: Some(Generator::SixWords), at_least: 20, encouraged: 24 },
        temporary: TemporaryRule {
            generator: Some(Generator::FiveWords),
            adult_ms: 24 * 3_600_000,
            learner_ms: 8 * 3_600_000,
        },
    }
}

fn affiliation(role: Role, year: Option<&str>) -> Affiliation {
    Affiliation { scope: Scope::School(SchoolId::new("ash")), role, year: year.and_then(YearGroup::parse) }
}

fn rule(affiliations: &[Affiliation]) -> PasswordRule {
    policy().rule_for(&PasswordHolder { affiliations, account: AccountRank::Everyday })
}

fn learner(year: &str) -> PasswordRule {
    rule(&[affiliation(Role::Learner, Some(year))])
}

fn adult() -> PasswordRule {
    rule(&[affiliation(Role::ClassTeacher, None)])
}

fn administrator() -> PasswordRule {
    let affiliations = [affiliation(Role::Technician, None)];
    policy().rule_for(&PasswordHolder { affiliations: &affiliations, account: AccountRank::Administrator })
}

fn judge(rule: PasswordRule, text: &str) -> Result<Accepted, Refusal> {
    let personal = PersonalWords::of(&PersonalFacts {
        names: &["Robin Ashworth"],
        logins: &["r.ashworth"],
        places: &["Ash Grove Primary School"],
        born: Some(BirthDate { year: 1988, month: 3, day: 21 }),
    });
    let password = Password::new(text).unwrap();
    let of = |text: &str| fingerprint_of(&Password::new(text).unwrap());
    let used = [of("harbour lantern walnut")];
    rule.judge(&password, &Against { personal: &personal, used: &used, own: fingerprint_of(&password) })
}

fn fingerprint_of(password: &Password) -> SecretFingerprint {
    let pepper = Pepper::from_bytes(&[3; Pepper::BYTES]).unwrap();
    fingerprint(&pepper, PersonId(uuid::Uuid::from_u128(1)), password).unwrap()
}

#[test]
fn every_rule_is_held_by_a_case() {
    let short = |at_least| Err(Refusal::TooShort { at_least });
    let long = |at_most| Err(Refusal::TooLong { at_most });
    let plain = Ok(Accepted { longer_is_encouraged: false });
    let longer = Ok(Accepted { longer_is_encouraged: true });
    for (ids, rule, text, expected) in [
        ("P1 E1 PWD-1: twelve is too short for an adult", adult(), "violet spoon", short(13)),
        ("P1 PWD-1: thirteen will do", adult(), "violet spoons", longer),
        ("P2 PWD-1: seventeen and more is encouraged", adult(), "violet tractor spoon", plain),
        ("P2 N4 V6.2.5: no rule of composition", adult(), "walnutharbourlantern", plain),
        (
            "N3 V6.2.9: spaces and other scripts, counted by character",
            adult(),
            "\u{43b}\u{435}\u{441} \u{2744} \u{43c}\u{43e}\u{440}\u{435} \u{43a}\u{43e}\u{442}",
            longer,
        ),
        ("N3: only spaces is nothing", adult(), "              ", Err(Refusal::Blank)),
        ("P3 V6.2.11 PWD-2: own name", adult(), "robin likes violets", Err(Refusal::Personal)),
        ("P3 PWD-2: turned round and dressed up", adult(), "htr0w violet htrowhsa", Err(Refusal::Personal)),
        ("P3 PWD-2: birthday", adult(), "violet tractor 210388", Err(Refusal::Personal)),
        ("N5 V6.2.4 V6.2.12 PWD-3: common", adult(), "Iloveyou1234", short(13)),
        ("N5 V6.2.4 V6.2.12 PWD-3: common and long enough", adult(), "C0unterStr1ke", Err(Refusal::Common)),
        ("N5: keys in a row", adult(), "qwertyuiop1234567", Err(Refusal::Pattern)),
        ("N5: the same again", adult(), "ottersottersotters", Err(Refusal::Pattern)),
        ("P4 N5 PWD-3: theirs already", adult(), "Harbour lantern WALNUT", Err(Refusal::Used)),
        ("P7: an administrator's", administrator(), "violet tractor spoon", longer),
        ("P7: an administrator's is longer", administrator(), "violet tractor spoo", short(20)),
        ("P5 PWD-6: six at the most for the youngest", learner("1"), "otter42", long(6)),
        ("P5 PWD-6: and few characters will do", learner("R"), "hat42", plain),
        ("P5 P3: but not their own name", learner("2"), "robin1", Err(Refusal::Personal)),
        ("P6 PWD-8: Year 3", learner("3"), "otter42", short(8)),
        ("P6 PWD-8: Year 4", learner("4"), "otterhat", plain),
        ("P6 PWD-8: Year 5 asks for more", learner("5"), "otterhat", short(10)),
        ("P6 PWD-8: Year 8 asks for more", learner("8"), "otterhatbig", short(12)),
        (
            "P6 PWD-8: a phase without a line takes that of the younger one",
            learner("12"),
            "otterhatbig",
            short(12),
        ),
    ] {
        assert_eq!(judge(rule, text), expected, "{ids}");
    }
}

#[test]
fn n7_a_password_of_sixty_four_characters_and_more_is_taken_whole() {
    let sentence = "the otter that swims in the canal behind our house eats only the smallest of fish";
    assert!(sentence.len() > 64 && judge(adult(), sentence).is_ok());
}

#[test]
fn the_strongest_of_several_rules_wins_and_nobody_anywhere_is_an_adult() {
    let both = [affiliation(Role::Learner, Some("2")), affiliation(Role::Learner, Some("5"))];
    assert_eq!(rule(&both).at_least, 10);
    let sixth_former_who_helps = [affiliation(Role::Learner, Some("12")), affiliation(Role::Staff, None)];
    assert_eq!(rule(&sixth_former_who_helps).at_least, 13);
    assert_eq!(rule(&[]).at_least, 13);
    assert_eq!(rule(&[affiliation(Role::Guest, None)]).at_least, 13);
}

#[test]
fn pwd_11_a_learners_temporary_password_is_of_words_that_a_child_knows() {
    for year in ["3", "6", "9", "12"] {
        assert_eq!(learner(year).temporary_generator, Generator::ThreeWords, "year {year}");
    }
    assert_eq!(adult().temporary_generator, Generator::FiveWords);
}

#[test]
fn without_a_line_for_the_youngest_they_have_a_badge() {
    let policy = PasswordPolicy { youngest: None, ..policy() };
    let affiliations = [affiliation(Role::Learner, Some("1"))];
    let rule =
        policy.rule_for(&PasswordHolder { affiliations: &affiliations, account: AccountRank::Everyday });
    assert_eq!((rule.generator, rule.at_most), (None, None));
}

#[test]
fn what_the_policy_does_not_ask_is_not_asked() {
    let policy = PasswordPolicy { refuse_personal_words: false, refuse_common: false, ..policy() };
    let affiliations = [affiliation(Role::ClassTeacher, None)];
    let rule =
        policy.rule_for(&PasswordHolder { affiliations: &affiliations, account: AccountRank::Everyday });
    assert!(judge(rule, "robin likes violets").is_ok());
    assert!(judge(rule, "counterstrike").is_ok());
}

#[test]
fn a_refusal_is_one_kind_sentence_for_every_reader() {
    let refusals = [
        Refusal::TooShort { at_least: 13 },
        Refusal::TooLong { at_most: 6 },
        Refusal::Blank,
        Refusal::Personal,
        Refusal::Pattern,
        Refusal::Common,
        Refusal::Used,
    ];
    for refusal in refusals {
        for reader in Stage::ALL {
            let sentence = refusal.sentence(reader);
            assert!(sentence.ends_with('.') && sentence.matches(['.', '!', '?']).count() == 1, "{sentence}");
            assert!(sentence.chars().count() < 140, "{sentence}");
            for harsh in ["must", "invalid", "error", "fail", "wrong", "illegal"] {
                assert!(!sentence.to_lowercase().contains(harsh), "{sentence}");
            }
        }
    }
}

#[test]
fn what_is_made_for_somebody_is_accepted_from_them() {
    let mut random = Randomness::Seeded(3);
    for rule in [learner("1"), learner("3"), learner("6"), learner("9"), adult(), administrator()] {
        let personal =
            PersonalWords::of(&PersonalFacts { names: &["Robin Ashworth"], ..PersonalFacts::default() });
        let order = crate::Order::for_rule(&rule, &personal).unwrap();
        for _ in 0..300 {
            let made = generate(&order, &mut random).unwrap();
            let own = fingerprint_of(&made);
            let judged = rule.judge(&made, &Against { personal: &personal, used: &[], own });
            assert_eq!(judged, Ok(Accepted { longer_is_encouraged: false }), "{}", made.reveal());
        }
    }
}
