//! What words mean, by the rules.
//!
//! A find counts where a word that must stand near it does, nothing rules it out, and no name or saying overlaps it. Words of
//! a lesson, and a search for help, change what it counts. Of each theme the worst find is kept.

use crate::Rules;
use crate::rules::{Instead, Rule, Use};
use model::{Severity, Theme};
use smallvec::SmallVec;
use text::patterns::Find;

/// What one text means for one theme.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The theme.
    pub theme: Theme,
    /// How bad it may be.
    pub severity: Severity,
    /// The rule's place among the rules about words.
    pub(crate) rule: u16,
}

/// The findings of one text, one for each theme, worst first.
pub(crate) type Findings = SmallVec<[Finding; 2]>;

impl Rules {
    /// What a text means: a finding for each theme, worst first; nothing for almost every text.
    pub fn judge(&self, words: &str) -> SmallVec<[Finding; 2]> {
        if words.contains(['<', '&']) {
            return self.judge_plain(&text::decode::of_markup(words));
        }
        self.judge_plain(words)
    }

    fn judge_plain(&self, words: &str) -> Findings {
        let finds = self.patterns.find(words);
        if finds.is_empty() {
            return Findings::new();
        }
        let read = Read::of(self, &finds, text::words::words(words).len());
        let mut findings = read.findings(self);
        findings.sort_unstable_by_key(|finding| finding.severity);
        findings
    }

    /// The id of the rule behind a finding.
    pub fn rule_id(&self, finding: &Finding) -> &str {
        self.words.get(usize::from(finding.rule)).map_or("", |rule| &rule.says.id)
    }

    fn word_rule(&self, place: u16) -> Option<&Rule> {
        self.words.get(usize::from(place))
    }
}

/// The finds of a text by what they are for.
#[derive(Default)]
struct Read {
    /// The words of the text.
    words: usize,
    any: SmallVec<[(u16, Find); 8]>,
    near: SmallVec<[(u16, Find); 8]>,
    unless: SmallVec<[u16; 8]>,
    innocent: SmallVec<[Find; 4]>,
    is_lesson: bool,
}

impl Read {
    fn of(rules: &Rules, finds: &[Find], words: usize) -> Self {
        let mut read = Self { words, ..Self::default() };
        for find in finds {
            match rules.uses.get(find.pattern) {
                Some(Use::Any(rule)) => read.any.push((*rule, *find)),
                Some(Use::Near(rule)) => read.near.push((*rule, *find)),
                Some(Use::Unless(rule)) => read.unless.push(*rule),
                Some(Use::Lesson) => read.is_lesson = true,
                Some(Use::Innocent) => read.innocent.push(*find),
                None => {}
            }
        }
        read
    }

    fn findings(&self, rules: &Rules) -> Findings {
        let mut counted: SmallVec<[(u16, &Rule); 4]> = SmallVec::new();
        for (place, find) in &self.any {
            let Some(rule) = rules.word_rule(*place) else { continue };
            if counted.iter().all(|(other, _)| other != place) && self.counts(*place, rule, find) {
                counted.push((*place, rule));
            }
        }
        let seeks_help = counted.iter().any(|(_, rule)| rule.theme == Theme::LookingForHelp);
        let mut findings = Findings::new();
        for (place, rule) in counted {
            let Some(severity) = self.severity(rule, seeks_help) else { continue };
            let finding = Finding { theme: rule.theme, severity, rule: place };
            match findings.iter_mut().find(|other| other.theme == rule.theme) {
                Some(other) if severity < other.severity => *other = finding,
                Some(_) => {}
                None => findings.push(finding),
            }
        }
        findings
    }

    fn counts(&self, place: u16, rule: &Rule, find: &Find) -> bool {
        self.words.saturating_sub(find.to.saturating_sub(find.from)) <= rule.most_beside
            && !self.unless.contains(&place)
            && (rule.is_own || !self.innocent.iter().any(|innocent| overlap(innocent, find)))
            && (!rule.needs_near
                || self
                    .near
                    .iter()
                    .any(|(other, near)| *other == place && distance(near, find) <= rule.within))
    }

    fn severity(&self, rule: &Rule, seeks_help: bool) -> Option<Severity> {
        let mut severity = rule.severity;
        let is_beside_help = seeks_help && rule.theme != Theme::LookingForHelp;
        let contexts = [(self.is_lesson, rule.in_lesson), (is_beside_help, rule.in_search_of_help)];
        for (_, instead) in contexts.into_iter().filter(|(is_here, _)| *is_here) {
            match instead {
                Instead::Same => {}
                Instead::Drop => return None,
                Instead::Counts(less) => severity = severity.max(less),
            }
        }
        Some(severity)
    }
}

fn overlap(one: &Find, other: &Find) -> bool {
    one.from < other.to && other.from < one.to
}

/// How many words lie between two finds.
fn distance(one: &Find, other: &Find) -> usize {
    if overlap(one, other) {
        return 0;
    }
    one.from.saturating_sub(other.to).max(other.from.saturating_sub(one.to))
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::rule_file::{self, ThemeFile};
    use crate::rules::{FILES, Rules, Settings, Term};
    use model::{Language, Severity, Theme};
    use std::fmt::Write as _;

    /// Every language in any rule.
    pub(crate) fn every_rule() -> Rules {
        let languages = Language::ALL.to_vec();
        Rules::shipped(Settings { languages, ..Settings::usual() }).unwrap()
    }

    fn files() -> Vec<ThemeFile> {
        FILES.iter().map(|(name, text)| rule_file::read(name, text).unwrap()).collect()
    }

    #[test]
    fn every_example_of_every_rule_is_judged_as_it_says() {
        let rules = every_rule();
        let mut wrong = String::new();
        for file in files() {
            let theme = Theme::parse(&file.theme).unwrap();
            for rule in &file.rule {
                let id = format!("{}.{}", file.theme, rule.id);
                let severity = Severity::parse(&rule.severity).unwrap();
                for example in &rule.must {
                    let findings = rules.judge(example);
                    let found = findings.iter().find(|finding| finding.theme == theme);
                    if found.is_none_or(|found| found.severity > severity) {
                        writeln!(wrong, "{id} must find: {example}").unwrap();
                    }
                }
                for example in &rule.must_not {
                    let findings = rules.judge(example);
                    let found = findings.iter().find(|finding| rules.rule_id(finding) == id);
                    if found.is_some_and(|found| found.severity < Severity::NoConcern) {
                        writeln!(wrong, "{id} must not find: {example}").unwrap();
                    }
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong}");
    }

    #[test]
    fn each_language_has_a_rule_that_counts_only_where_the_school_sets_it() {
        let of = |languages: &[Language]| {
            Rules::shipped(Settings { languages: languages.to_vec(), ..Settings::usual() }).unwrap()
        };
        let english = of(&[Language::English]);
        for language in Language::ALL.into_iter().filter(|language| *language != Language::English) {
            assert!(of(&[Language::English, language]).count() > english.count(), "{language:?}");
        }
        let polish = "chc\u{119} si\u{119} zabi\u{107}";
        assert!(english.judge(polish).is_empty());
        assert!(!of(&[Language::English, Language::Polish]).judge(polish).is_empty());
    }

    #[test]
    fn a_school_s_own_term_is_found_with_its_theme_and_severity_and_its_id_says_nothing_of_it() {
        let term = |words: &str, severity| Term {
            words: words.into(),
            theme: Theme::Bullying,
            severity,
            why: "A name that some use of others.".into(),
        };
        let terms = vec![
            term("the bench lot", Severity::High),
            term("\u{0939}\u{093f}\u{0928}\u{094d}\u{0926}\u{0940}", Severity::Low),
        ];
        let again = [terms.clone(), terms.clone()].concat();
        let rules = Rules::shipped(Settings { terms: again, ..Settings::usual() }).unwrap();
        assert_eq!(rules.count(), Rules::shipped(Settings::usual()).unwrap().count() + 2);
        for (words, severity) in
            [("why are The Bench Lot here", Some(Severity::High)), ("a bench", None), ("lot the bench", None)]
        {
            let findings = rules.judge(words);
            assert_eq!(
                findings.first().map(|found| (found.theme, found.severity)),
                severity.map(|s| (Theme::Bullying, s)),
                "{words}"
            );
            assert!(findings.iter().all(|found| !rules.rule_id(found).contains("bench")));
        }
        assert!(!rules.judge("\u{0939}\u{093f}\u{0928}\u{094d}\u{0926}\u{0940}").is_empty());
    }

    #[test]
    fn a_school_s_own_term_counts_within_an_innocent_saying_and_a_shipped_rule_does_not() {
        let usual = Rules::shipped(Settings::usual()).unwrap();
        for saying in ["killer queen", "snow white", "bath bombs", "sussex"] {
            assert!(usual.judge(saying).is_empty(), "{saying}");
            for words in [saying, saying.split(' ').next().unwrap()] {
                let term = Term {
                    words: words.into(),
                    theme: Theme::Bullying,
                    severity: Severity::High,
                    why: "A name that some use of others.".into(),
                };
                let own = Rules::shipped(Settings { terms: vec![term], ..Settings::usual() }).unwrap();
                let findings = own.judge(&format!("you are a {saying} really"));
                assert!(findings.iter().any(|found| own.rule_id(found).contains("own-")), "{words}");
            }
        }
    }

    #[test]
    fn markup_hides_nothing() {
        let rules = every_rule();
        for words in ["su<b>ici</b>dal", "i want to &#107;ill myself", "R&B music, kys"] {
            assert!(!rules.judge(words).is_empty(), "{words}");
        }
    }

    #[test]
    fn every_rule_has_its_why_its_source_and_examples_of_both_kinds() {
        for file in files() {
            for rule in &file.rule {
                let whole = rule.why.ends_with('.') && !rule.source.is_empty() && !rule.any.is_empty();
                assert!(
                    whole && !rule.must.is_empty() && !rule.must_not.is_empty(),
                    "{}.{}",
                    file.theme,
                    rule.id
                );
            }
            for rule in &file.blocked {
                assert!(rule.why.ends_with('.') && !rule.source.is_empty(), "{}.{}", file.theme, rule.id);
            }
        }
    }
}
