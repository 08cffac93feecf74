//! The history as screens show it. People stand in it by pseudonym, until somebody asks for names with a reason.

use model::Timestamp;

/// Makes the filter's struct, and its fields by name: forms, links and audit facts go through the same list.
macro_rules! history_filter {
    ($($(#[$doc:meta])* $name:ident),* $(,)?) => {
        /// What the history form asks for. Texts are as typed; the use case checks them.
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct HistoryFilter {
            $($(#[$doc])* pub $name: String,)*
        }

        impl HistoryFilter {
            /// Every field: its name in forms and addresses, and what was typed.
            pub fn fields(&self) -> impl Iterator<Item = (&'static str, &str)> {
                [$((stringify!($name), self.$name.as_str())),*].into_iter()
            }

            /// The field of this name; `None` where there is none.
            pub fn field_mut(&mut self, name: &str) -> Option<&mut String> {
                match name {
                    $(stringify!($name) => Some(&mut self.$name),)*
                    _ => None,
                }
            }
        }
    };
}

history_filter! {
    /// A login, a part of a name, or a pseudonym such as `4F2A-91C3`.
    person,
    /// Learners of this year group: `N`, `R`, `1` to `13`.
    year,
    /// Learners of this class: its id.
    class,
    /// People whose rules were those of this group of the policy: its id.
    group,
    /// A school's id, where somebody reaches several.
    school,
    /// A part of a device's name, or an address.
    device,
    /// A part of a host.
    host,
    /// A part of a URL.
    url,
    /// Words that were searched for.
    words,
    /// `allowed`, `blocked`, `refused-origin`, `failed` or empty.
    outcome,
    /// `dns`, `http`, `https`, `tunnel`, `web` (all but DNS) or empty.
    channel,
    /// A category's slug or empty.
    category,
    /// The layer of the policy that decided: its slug.
    layer,
    /// The list that decided: its id.
    list,
    /// The entry of the policy that decided, as it is written there.
    entry,
    /// A local date, `2026-11-22`, or empty.
    from,
    /// A local time on that day, `10:15`, or empty.
    from_time,
    /// A local date, inclusive, or empty.
    until,
    /// A local time on that day, or empty for its end.
    until_time,
    /// Why one person is looked at: the slug of a `LookReason`.
    reason,
    /// The same in words.
    why,
    /// Where the next page begins, as [`HistoryView::next`] gave it; empty for the first.
    page,
}

impl HistoryFilter {
    /// Fields that may name a person or hold what somebody typed. They never stand in an address: browsers keep those, and
    /// proxies log them.
    pub const PRIVATE: [&'static str; 6] = ["person", "device", "url", "words", "reason", "why"];

    /// True when a field is filled in that must not stand in an address.
    pub fn is_private(&self) -> bool {
        self.fields().any(|(name, text)| Self::PRIVATE.contains(&name) && !text.trim().is_empty())
    }

    /// True when nothing is asked for but, maybe, another page.
    pub fn is_empty(&self) -> bool {
        self.fields().all(|(name, text)| name == "page" || text.is_empty())
    }
}

/// Where a search stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HistoryPlace {
    /// In the address itself; nothing private is in it.
    Asked(Box<HistoryFilter>),
    /// Kept by the program for whoever made it.
    Kept {
        /// The id that stands for it.
        look: String,
        /// Where its page begins.
        page: String,
    },
    /// What happened shortly before and after a request.
    Around {
        /// The request's event, as links carry it.
        event: String,
        /// Where its page begins.
        page: String,
    },
}

impl HistoryPlace {
    /// A search that stands in the address.
    pub fn asked(filter: HistoryFilter) -> Self {
        Self::Asked(Box::new(filter))
    }
}

/// What can be chosen in the form: value and title each.
#[derive(Clone, Debug, Default)]
pub struct HistoryChoices {
    /// Schools, where there are several within reach.
    pub schools: Vec<(String, String)>,
    /// Year groups that have learners.
    pub years: Vec<(String, String)>,
    /// Classes within reach.
    pub classes: Vec<(String, String)>,
    /// Groups of the policy.
    pub groups: Vec<(String, String)>,
    /// Categories.
    pub categories: Vec<(String, String)>,
    /// Layers of the policy.
    pub layers: Vec<(String, String)>,
    /// Lists.
    pub lists: Vec<(String, String)>,
    /// Reasons for looking at one person.
    pub reasons: Vec<(String, String)>,
}

/// A page of history, newest first.
#[derive(Clone, Debug)]
pub struct HistoryView {
    /// Where it stands.
    pub place: HistoryPlace,
    /// What was asked.
    pub filter: HistoryFilter,
    /// What it is, where it is no search of the form: "10 minutes before and after ..."; empty otherwise.
    pub about: String,
    /// What was wrong with the question: field name and a sentence.
    pub problems: Vec<(String, String)>,
    /// The rows.
    pub rows: Vec<HistoryRow>,
    /// How many rows match in all, counted up to a bound.
    pub total: u64,
    /// True when there are more than were counted.
    pub total_is_more: bool,
    /// Where the next page begins.
    pub next: Option<String>,
    /// What the form offers.
    pub choices: HistoryChoices,
    /// True when this person may take the rows away as a file.
    pub may_export: bool,
    /// True where names of people on this page may be shown, and are not.
    pub may_show_names: bool,
    /// True where names stand on it, which was recorded.
    pub names_shown: bool,
    /// True where rows of people who work here were left out, because words were asked for.
    pub leaves_out_staff: bool,
    /// True when this person may have some of it kept longer.
    pub may_hold: bool,
    /// What expired of the time that was asked about; `None` where nothing did, or where that is told on a later page.
    pub expired: Option<ExpiredView>,
}

/// What expired.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredView {
    /// Days of which nothing is left.
    pub days: usize,
    /// Days of which some kinds of requests are left.
    pub days_in_part: usize,
    /// How much it was; `None` for whoever may not see everything.
    pub counts: Option<ExpiredCounts>,
}

/// How many requests expired, whoever's they were.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredCounts {
    /// Of every kind, with the last of their day.
    pub with_their_day: u64,
    /// Name look-ups that were answered, before the rest of their day.
    pub names: u64,
    /// Pages and searches that were not blocked, before the rest of their day.
    pub pages: u64,
    /// Blocks, before the rest of their day.
    pub blocks: u64,
}

/// One row of history.
#[derive(Clone, Debug)]
pub struct HistoryRow {
    /// When.
    pub at: Timestamp,
    /// The school's local date and time, `22 November 2026, 10:15:03`.
    pub local_time: String,
    /// A pseudonym, a name that was asked for, or "Not known".
    pub person: String,
    /// How they are known, in words, or empty.
    pub known_by: String,
    /// The device's name, or empty.
    pub device: String,
    /// The address.
    pub address: String,
    /// The group's name, or "Not known: strictest rules".
    pub group: String,
    /// `dns`, `http`, `https`, `tunnel`.
    pub channel: String,
    /// The method or question type.
    pub method: String,
    /// The host.
    pub host: String,
    /// The path, or empty.
    pub path: String,
    /// True where the path is not for whoever looks: it is of somebody who works here.
    pub is_withheld: bool,
    /// `allowed`, `blocked`, `refused-origin`, `failed`.
    pub outcome: String,
    /// Why, as a sentence.
    pub reason: String,
    /// The status the client was given, or empty.
    pub status: String,
    /// Bytes down, in words.
    pub size: String,
    /// Where "Why?" for this row is asked again; empty where it may not be.
    pub explain_link: String,
    /// Where what happened around it stands; empty where it may not be looked at.
    pub around_link: String,
}

/// Counts of a search: how many, when, of what and where.
#[derive(Clone, Debug)]
pub struct HistoryCounts {
    /// Where the search stands.
    pub place: HistoryPlace,
    /// What was wrong with the question.
    pub problems: Vec<(String, String)>,
    /// From when until when is counted, by the school's clock.
    pub span: String,
    /// True when the rows are hours, false when they are days (UTC).
    pub is_hourly: bool,
    /// Counts by time, in order; times without requests are there with zeros, at most 400.
    pub times: Vec<TimeCount>,
    /// Counts by category, most first.
    pub categories: Vec<CategoryCount>,
    /// The sites that were asked for most, those first: host and how often.
    pub hosts: Vec<(String, u64)>,
    /// How many requests in all.
    pub total: u64,
    /// True when there may be more than were counted.
    pub is_more: bool,
}

/// Requests within an hour or a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeCount {
    /// When it begins, by the school's clock: `22 November 2026, 10:00`, or a day.
    pub label: String,
    /// Allowed.
    pub allowed: u64,
    /// Blocked.
    pub blocked: u64,
    /// Refused for a bad certificate, or failed.
    pub other: u64,
}

/// Requests that one category decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryCount {
    /// The category's slug; empty where none decided.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// All of them.
    pub all: u64,
    /// Those that were blocked.
    pub blocked: u64,
}
