//! The rules, made ready.
//!
//! Invariants: every name in a file is checked when it is read; a rule's id (`theme.name`) is the only one of its kind.

use crate::rule_file::{self, BlockedRule, Contexts, DaysRule, OverTimeFile, ThemeFile, WordRule};
use crate::{MonitorError, Timetable};
use model::{Category, CategorySet, Language, Severity, Theme};
use std::sync::Arc;
use text::pattern::{Pattern, Sets};
use text::patterns::Patterns;

/// The files of rules, one for each theme.
pub(crate) const FILES: [(&str, &str); 16] = [
    ("self_harm.toml", include_str!("../rules/self_harm.toml")),
    ("eating_disorders.toml", include_str!("../rules/eating_disorders.toml")),
    ("abuse.toml", include_str!("../rules/abuse.toml")),
    ("grooming.toml", include_str!("../rules/grooming.toml")),
    ("bullying.toml", include_str!("../rules/bullying.toml")),
    ("drugs.toml", include_str!("../rules/drugs.toml")),
    ("violence.toml", include_str!("../rules/violence.toml")),
    ("extremism.toml", include_str!("../rules/extremism.toml")),
    ("hate.toml", include_str!("../rules/hate.toml")),
    ("misogyny.toml", include_str!("../rules/misogyny.toml")),
    ("county_lines.toml", include_str!("../rules/county_lines.toml")),
    ("sexual.toml", include_str!("../rules/sexual.toml")),
    ("gambling.toml", include_str!("../rules/gambling.toml")),
    ("getting_round.toml", include_str!("../rules/getting_round.toml")),
    ("distress.toml", include_str!("../rules/distress.toml")),
    ("looking_for_help.toml", include_str!("../rules/looking_for_help.toml")),
];
const CONTEXTS: &str = include_str!("../rules/contexts.toml");
const OVER_TIME: &str = include_str!("../rules/over_time.toml");
const ORDINARY: &str = include_str!("../rules/ordinary.txt");

/// What a school chooses.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The languages whose rules count.
    pub languages: Vec<Language>,
    /// The school's own terms. One that is there twice counts once.
    pub terms: Vec<Term>,
    /// The school's hours.
    pub timetable: Timetable,
    /// For how long one person's finds of one theme make one alert, in minutes from the first.
    pub quiet_minutes: u32,
}

/// Words that mean something at one school alone: letters and what joins them, without the signs of a pattern.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Term {
    /// The words, one after another.
    pub words: Arc<str>,
    /// The theme of the alert.
    pub theme: Theme,
    /// How bad it may be.
    pub severity: Severity,
    /// Why it is looked for, for adults.
    pub why: Arc<str>,
}

impl Settings {
    /// English and Welsh, nights from eleven to five, quiet for half a day.
    pub fn usual() -> Self {
        let languages = vec![Language::English, Language::Welsh];
        Self { languages, terms: Vec::new(), timetable: Timetable::usual(), quiet_minutes: 12 * 60 }
    }
}

/// Every rule, ready for use.
#[derive(Debug)]
pub struct Rules {
    pub(crate) words: Vec<Rule>,
    pub(crate) patterns: Patterns,
    /// What each pattern is for.
    pub(crate) uses: Vec<Use>,
    pub(crate) blocked: Vec<Blocked>,
    /// The categories that any rule of `blocked` looks at.
    pub(crate) watched: CategorySet,
    pub(crate) over_time: OverTime,
    pub(crate) settings: Settings,
}

/// What an alert says of the rule that made it.
#[derive(Clone, Debug)]
pub(crate) struct Sentence {
    pub(crate) id: Arc<str>,
    pub(crate) why: Arc<str>,
}

/// A rule about words.
#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) says: Sentence,
    pub(crate) theme: Theme,
    pub(crate) severity: Severity,
    pub(crate) needs_near: bool,
    pub(crate) within: usize,
    pub(crate) most_beside: usize,
    pub(crate) in_lesson: Instead,
    pub(crate) in_search_of_help: Instead,
    /// The school's own term: no name or saying takes it away, since the school knows what it means there.
    pub(crate) is_own: bool,
}

/// What becomes of a find in a context.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Instead {
    /// It stays.
    Same,
    /// It is none.
    Drop,
    /// It counts so much, and never more than without the context.
    Counts(Severity),
}

/// What a pattern is for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Use {
    /// A find of the rule at this place.
    Any(u16),
    /// It must stand near a find of the rule.
    Near(u16),
    /// It rules the rule out.
    Unless(u16),
    /// Words of a lesson.
    Lesson,
    /// A name or saying that means nothing of the kind.
    Innocent,
}

/// A rule about attempts that were blocked.
#[derive(Debug)]
pub(crate) struct Blocked {
    pub(crate) says: Sentence,
    pub(crate) theme: Theme,
    pub(crate) severity: Severity,
    pub(crate) categories: CategorySet,
    pub(crate) times: u32,
    pub(crate) within_ms: i64,
}

/// The rules over days and people.
#[derive(Debug)]
pub(crate) struct OverTime {
    pub(crate) night: Vec<Theme>,
    pub(crate) escalation: OverDays,
    pub(crate) new_theme: OverDays,
    pub(crate) many_people: OverDays,
}

/// So many within so many days.
#[derive(Debug)]
pub(crate) struct OverDays {
    pub(crate) says: Sentence,
    pub(crate) severity: Severity,
    pub(crate) themes: Vec<Theme>,
    pub(crate) times: u32,
    pub(crate) days: u32,
}

impl Rules {
    /// The rules that come with the program, in the languages of `settings`.
    pub fn shipped(settings: Settings) -> Result<Self, MonitorError> {
        let contexts: Contexts = rule_file::read("contexts.toml", CONTEXTS)?;
        let mut made = Making::of(&settings);
        made.contexts(&contexts)?;
        for (name, text) in FILES {
            made.theme(rule_file::read(name, text)?, &contexts.sets)?;
        }
        for term in &settings.terms {
            made.own_term(term)?;
        }
        let over_time = over_time(rule_file::read("over_time.toml", OVER_TIME)?)?;
        let Making { words, blocked, patterns, uses, .. } = made;
        let ordinary = ORDINARY.lines().filter(|line| !line.starts_with('#')).flat_map(str::split_whitespace);
        let patterns = Patterns::new(&patterns, ordinary.map(str::to_owned));
        let watched = blocked.iter().fold(CategorySet::EMPTY, |all, rule| all.union(rule.categories));
        Ok(Self { words, patterns, uses, blocked, watched, over_time, settings })
    }

    /// How many rules there are, of words, of blocked attempts and over time.
    pub fn count(&self) -> usize {
        self.words.len() + self.blocked.len() + 4
    }

    /// The sentence of a rule, by its id; `None` where no rule has that id any more.
    pub(crate) fn sentence(&self, id: &str) -> Option<&Sentence> {
        let over_time = [&self.over_time.escalation, &self.over_time.new_theme, &self.over_time.many_people];
        let words = self.words.iter().map(|rule| &rule.says);
        let blocked = self.blocked.iter().map(|rule| &rule.says);
        words.chain(blocked).chain(over_time.map(|rule| &rule.says)).find(|says| &*says.id == id)
    }
}

/// Rules on the way from their files.
struct Making<'s> {
    settings: &'s Settings,
    words: Vec<Rule>,
    blocked: Vec<Blocked>,
    patterns: Vec<Pattern>,
    uses: Vec<Use>,
}

impl<'s> Making<'s> {
    fn of(settings: &'s Settings) -> Self {
        Self { settings, words: Vec::new(), blocked: Vec::new(), patterns: Vec::new(), uses: Vec::new() }
    }

    fn contexts(&mut self, contexts: &Contexts) -> Result<(), MonitorError> {
        self.take("contexts.lesson", &contexts.lesson, &contexts.sets, Use::Lesson)?;
        self.take("contexts.innocent", &contexts.innocent, &contexts.sets, Use::Innocent)
    }

    fn theme(&mut self, file: ThemeFile, shared: &Sets) -> Result<(), MonitorError> {
        let theme = theme(&file.theme, &file.theme)?;
        let mut sets = shared.clone();
        sets.extend(file.sets);
        for rule in &file.rule {
            if self.counts(rule)? {
                self.word_rule(theme, rule, &sets)?;
            }
        }
        for rule in file.blocked {
            let rule = blocked(theme, rule)?;
            self.blocked.push(rule);
        }
        Ok(())
    }

    /// Whether any language of the rule is one that the school has set.
    fn counts(&self, rule: &WordRule) -> Result<bool, MonitorError> {
        let mut counts = false;
        for name in &rule.languages {
            let language = Language::parse(name).ok_or_else(|| MonitorError::Name {
                place: rule.id.clone(),
                name: name.clone(),
                what: "language",
            })?;
            counts |= self.settings.languages.contains(&language);
        }
        Ok(counts)
    }

    /// A school's own term. Its id says nothing of its words: ids stand in logs and facts.
    fn own_term(&mut self, term: &Term) -> Result<(), MonitorError> {
        let id = format!("{}.own-{:08x}", term.theme.slug(), fingerprint(&term.words));
        if self.words.iter().any(|other| *other.says.id == *id) {
            return Ok(());
        }
        let place = u16::try_from(self.words.len()).map_err(|_| MonitorError::Id(id.clone()))?;
        self.take(&id, &[term.words.to_string()], &Sets::new(), Use::Any(place))?;
        self.words.push(Rule {
            theme: term.theme,
            severity: term.severity,
            needs_near: false,
            within: 0,
            most_beside: usize::MAX,
            in_lesson: Instead::Same,
            in_search_of_help: Instead::Same,
            is_own: true,
            says: sentence(id, &term.why, "the school\u{2019}s own term"),
        });
        Ok(())
    }

    fn word_rule(&mut self, theme: Theme, rule: &WordRule, sets: &Sets) -> Result<(), MonitorError> {
        let id = format!("{}.{}", theme.slug(), rule.id);
        let taken = self.words.iter().any(|other| *other.says.id == *id);
        let place = u16::try_from(self.words.len()).ok().filter(|_| !taken);
        let place = place.ok_or_else(|| MonitorError::Id(id.clone()))?;
        self.take(&id, &rule.any, sets, Use::Any(place))?;
        self.take(&id, &rule.near, sets, Use::Near(place))?;
        self.take(&id, &rule.unless, sets, Use::Unless(place))?;
        self.words.push(Rule {
            theme,
            severity: severity(&id, &rule.severity)?,
            needs_near: !rule.near.is_empty(),
            within: rule.within,
            most_beside: rule.most_beside.unwrap_or(usize::MAX),
            in_lesson: instead(&id, &rule.lesson)?,
            in_search_of_help: instead(&id, &rule.help)?,
            is_own: false,
            says: sentence(id, &rule.why, &rule.source),
        });
        Ok(())
    }

    fn take(
        &mut self,
        id: &str,
        patterns: &[String],
        sets: &Sets,
        what_for: Use,
    ) -> Result<(), MonitorError> {
        for pattern in patterns {
            let pattern = Pattern::read(pattern, sets)
                .map_err(|error| MonitorError::Pattern { rule: id.to_owned(), error })?;
            self.patterns.push(pattern);
            self.uses.push(what_for);
        }
        Ok(())
    }
}

/// Thirty-two bits of a text that stay the same from version to version (FNV-1a).
fn fingerprint(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

fn blocked(theme: Theme, rule: BlockedRule) -> Result<Blocked, MonitorError> {
    let id = format!("{}.{}", theme.slug(), rule.id);
    let category = |slug: &String| {
        Category::parse(slug).ok_or_else(|| MonitorError::Name {
            place: id.clone(),
            name: slug.clone(),
            what: "category",
        })
    };
    let categories = rule.categories.iter().map(category).collect::<Result<CategorySet, _>>()?;
    Ok(Blocked {
        theme,
        severity: severity(&id, &rule.severity)?,
        categories,
        times: rule.times.max(1),
        within_ms: i64::from(rule.minutes) * 60_000,
        says: sentence(id, &rule.why, &rule.source),
    })
}

fn over_time(file: OverTimeFile) -> Result<OverTime, MonitorError> {
    let night = themes("over-time.night", &file.night.themes)?;
    Ok(OverTime {
        night,
        escalation: over_days("over-time.escalation", &file.escalation)?,
        new_theme: over_days("over-time.new-theme", &file.new_theme)?,
        many_people: over_days("over-time.many-people", &file.many_people)?,
    })
}

fn over_days(id: &str, rule: &DaysRule) -> Result<OverDays, MonitorError> {
    Ok(OverDays {
        severity: severity(id, &rule.severity)?,
        themes: themes(id, &rule.themes)?,
        times: rule.times.max(1),
        days: rule.days.clamp(1, crate::trail::MOST_DAYS),
        says: sentence(id.to_owned(), &rule.why, &rule.source),
    })
}

fn sentence(id: String, why: &str, source: &str) -> Sentence {
    Sentence { id: id.into(), why: format!("{why} (Source: {source}.)").into() }
}

fn themes(place: &str, names: &[String]) -> Result<Vec<Theme>, MonitorError> {
    names.iter().map(|name| theme(place, name)).collect()
}

fn theme(place: &str, name: &str) -> Result<Theme, MonitorError> {
    Theme::parse(name).ok_or_else(|| MonitorError::Name {
        place: place.to_owned(),
        name: name.to_owned(),
        what: "theme",
    })
}

fn severity(place: &str, name: &str) -> Result<Severity, MonitorError> {
    Severity::parse(name).ok_or_else(|| MonitorError::Name {
        place: place.to_owned(),
        name: name.to_owned(),
        what: "severity",
    })
}

fn instead(place: &str, name: &str) -> Result<Instead, MonitorError> {
    match name {
        "same" => Ok(Instead::Same),
        "drop" => Ok(Instead::Drop),
        other => severity(place, other).map(Instead::Counts),
    }
}
