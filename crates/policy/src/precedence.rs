//! The order in which a policy decides, and the rule of each layer.
//!
//! The list below is the one place where the order is written. The first layer that finds something decides; the last
//! one always does. Where several groups count (an unknown person, a shared address), each is asked alone and the
//! strictest answer stands.

use crate::compiled::CompiledGroup;
use crate::entries::{Candidates, Kind, PathKnown};
use crate::image::Listed;
use crate::path::AskedPath;
use crate::rules::{Entry, InspectionSetting};
use crate::viewpoint::Standing;
use model::{Category, CategorySet, Layer, ListLine, Outcome};
use std::sync::Arc;

/// A question as the layers see it.
pub(crate) struct Question<'a> {
    pub(crate) listed: Listed<'a>,
    pub(crate) entries: &'a Candidates<'a>,
    pub(crate) path: Option<&'a AskedPath<'a>>,
    /// True when each request will be asked about with its path, if this group's TLS is opened: in a tunnel through the
    /// proxy. A DNS answer may lead past the proxy, and with it to every path of the host.
    pub(crate) path_may_follow: bool,
    /// True when pages of the host are illegal content and which page is meant is not known.
    pub(crate) illegal_pages: bool,
    /// True for one of the gate's own names.
    pub(crate) is_own: bool,
    pub(crate) circumvention: CategorySet,
}

/// A group, and its windows that stand at the moment.
#[derive(Clone, Copy)]
pub(crate) struct AskedGroup<'a> {
    pub(crate) rules: &'a CompiledGroup,
    pub(crate) now: &'a Standing,
}

/// What a layer decided, and on what.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found<'a> {
    pub(crate) outcome: Outcome,
    pub(crate) layer: Layer,
    pub(crate) category: Option<Category>,
    pub(crate) on: On<'a>,
}

/// What of the policy a layer decided on.
#[derive(Clone, Copy, Debug)]
pub(crate) enum On<'a> {
    Nothing,
    Entry(&'a Entry),
    Window(&'a Arc<str>),
}

/// What a layer decided, in words of its own.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    pub(crate) layer: Layer,
    pub(crate) category: Option<Category>,
    pub(crate) list: Option<ListLine>,
    pub(crate) entry: Option<Arc<str>>,
    pub(crate) why: Option<Arc<str>>,
}

impl Found<'_> {
    /// With the line of the list that put the host in the category.
    pub(crate) fn decided(&self, listed: Listed<'_>) -> Decided {
        let (entry, why) = match self.on {
            On::Nothing => (None, None),
            On::Entry(entry) => {
                (Some(Arc::clone(&entry.text)), (!entry.why.is_empty()).then(|| Arc::clone(&entry.why)))
            }
            On::Window(name) => (Some(Arc::clone(name)), None),
        };
        let list = self.category.and_then(|category| listed.line(category));
        Decided { outcome: self.outcome, layer: self.layer, category: self.category, list, entry, why }
    }

    /// Blocks before allows; among equals the earlier layer, which is the one that would be seen first.
    pub(crate) fn is_stricter_than(&self, held: &Found<'_>) -> bool {
        match (self.outcome, held.outcome) {
            (Outcome::Block, Outcome::Allow) => true,
            (Outcome::Allow, Outcome::Block) => false,
            _ => self.layer < held.layer,
        }
    }
}

type Rule = for<'a> fn(&Question<'a>, AskedGroup<'a>) -> Option<Found<'a>>;

/// First to last. Moving a line here changes what every child may reach: it needs an ADR.
const PRECEDENCE: [(Layer, Rule); 11] = [
    // Illegal content comes first: no setting, role, allow entry, window or interface reaches before it.
    (Layer::Illegal, illegal),
    // The block page, the sign-in page and the certificate must open for somebody who can reach nothing else.
    (Layer::OwnPages, own_pages),
    // The trust's deny entries stand above everything a school can write.
    (Layer::TrustDeny, trust_deny),
    // A school that names a host means it, whatever else it allows.
    (Layer::Deny, deny),
    // A way round the filter would undo every layer below; an allow entry for a page must not open one.
    (Layer::Circumvention, circumvention),
    // A closed time closes allow entries too: a network that rests, rests.
    (Layer::ClosedWindow, closed_window),
    // An allow entry is the school's own word against a list: it stands above every category.
    (Layer::Allow, allow),
    // An open time lifts a category for a while, and only that category.
    (Layer::OpenWindow, open_window),
    // What a list calls by a category that the group may not reach.
    (Layer::Category, category),
    // In a closed garden, what a list calls by a category that the group may reach.
    (Layer::AllowedCategory, allowed_category),
    // Nothing spoke: the group's default.
    (Layer::Default, default),
];

/// Asks the layers in order for one group; `looked` hears of each layer that was asked, and what it found.
pub(crate) fn walk<'a>(
    question: &Question<'a>,
    group: AskedGroup<'a>,
    mut looked: impl FnMut(Layer, Option<&Found<'a>>),
) -> Found<'a> {
    for (layer, rule) in PRECEDENCE {
        let found = rule(question, group);
        looked(layer, found.as_ref());
        if let Some(found) = found {
            return found;
        }
    }
    plain(Layer::Default, Outcome::Block)
}

/// What [`walk`] comes to for a group none of whose rules speaks of the question, at a glance; `None` where one may.
pub(crate) fn at_a_glance<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let spoken_of = !question.entries.is_empty()
        || question.is_own
        || question.illegal_pages
        || group.now.closes_everything
        || !question
            .listed
            .categories()
            .intersection(group.rules.spoken_of.with(Category::ILLEGAL))
            .is_empty();
    (!spoken_of).then(|| plain(Layer::Default, group.rules.default))
}

/// The earliest layer at which any group may block this question: what blocks there is the strictest answer.
pub(crate) fn earliest_block(question: &Question<'_>, any_window_closes: bool) -> Layer {
    let categories = question.listed.categories();
    if question.illegal_pages || categories.contains(Category::ILLEGAL) {
        Layer::Illegal
    } else if !question.entries.is_empty() {
        Layer::TrustDeny
    } else if !categories.intersection(question.circumvention).is_empty() {
        Layer::Circumvention
    } else if any_window_closes {
        Layer::ClosedWindow
    } else {
        Layer::Category
    }
}

/// Nothing is reached: what is decided where there is no group.
pub(crate) fn nothing_is_reached<'a>() -> Found<'a> {
    plain(Layer::Default, Outcome::Block)
}

/// What a layer says when it finds nothing, for the explain form.
pub(crate) fn silence(layer: Layer) -> &'static str {
    match layer {
        Layer::Illegal => "Not on the list of illegal content",
        Layer::OwnPages => "Not one of the filter's own pages",
        Layer::TrustDeny => "No deny entry of the trust names it",
        Layer::Deny => "No deny entry of the school names it",
        Layer::Circumvention => "Not known as a way round the filter that this group may not use",
        Layer::ClosedWindow => "Nothing is closed at this time",
        Layer::Allow => "No allow entry names it",
        Layer::OpenWindow => "Nothing is opened at this time",
        Layer::Category => "In no category that this group may not reach",
        Layer::AllowedCategory => "In no category that this group is allowed by name",
        Layer::Default => "The default was not reached",
        Layer::FileType | Layer::Upload | Layer::Malware => {
            "Asked of what a connection carries, not of where it leads"
        }
    }
}

fn plain<'a>(layer: Layer, outcome: Outcome) -> Found<'a> {
    Found { outcome, layer, category: None, on: On::Nothing }
}

/// A host of illegal content; and one with such pages, where no page can be told from another.
fn illegal<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let listed = question.listed.categories().contains(Category::ILLEGAL);
    let closed_whole = question.illegal_pages && group.rules.inspection == InspectionSetting::Never;
    (listed || closed_whole).then(|| by_category(Layer::Illegal, Outcome::Block, Category::ILLEGAL))
}

fn own_pages<'a>(question: &Question<'a>, _: AskedGroup<'a>) -> Option<Found<'a>> {
    question.is_own.then(|| plain(Layer::OwnPages, Outcome::Allow))
}

fn trust_deny<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let entry = question.entries.find(Kind::TrustDeny, group.rules.place, known_path(question))?;
    Some(by_entry(Layer::TrustDeny, Outcome::Block, entry))
}

fn deny<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let entry = question.entries.find(Kind::Deny, group.rules.place, known_path(question))?;
    Some(by_entry(Layer::Deny, Outcome::Block, entry))
}

fn circumvention<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let ways_round = group.rules.block.intersection(question.circumvention);
    let found = first(question.listed.categories().intersection(ways_round))?;
    Some(by_category(Layer::Circumvention, Outcome::Block, found))
}

fn closed_window<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    group.now.closing.iter().find_map(|window| {
        let decided = match window.categories {
            None => plain(Layer::ClosedWindow, Outcome::Block),
            Some(closed) => {
                let found = first(question.listed.categories().intersection(closed))?;
                by_category(Layer::ClosedWindow, Outcome::Block, found)
            }
        };
        Some(Found { on: On::Window(&window.name), ..decided })
    })
}

fn allow<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let path = match question.path {
        Some(path) => PathKnown::Yes(path),
        None if question.path_may_follow && group.rules.inspection == InspectionSetting::On => {
            PathKnown::Later
        }
        None => PathKnown::Never,
    };
    let entry = question.entries.find(Kind::Allow, group.rules.place, path)?;
    Some(by_entry(Layer::Allow, Outcome::Allow, entry))
}

fn open_window<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let (categories, opened, rules) = (question.listed.categories(), group.now.opened, group.rules);
    let lifted = first(categories.intersection(opened))?;
    let would_be_blocked =
        rules.default == Outcome::Block || !categories.intersection(rules.block).is_empty();
    let still_blocked = categories.intersection(rules.block).iter().any(|blocked| !opened.contains(blocked));
    let on = group.now.opener.as_ref().map_or(On::Nothing, On::Window);
    (would_be_blocked && !still_blocked)
        .then(|| Found { on, ..by_category(Layer::OpenWindow, Outcome::Allow, lifted) })
}

fn category<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    let found = first(question.listed.categories().intersection(group.rules.block))?;
    Some(by_category(Layer::Category, Outcome::Block, found))
}

fn allowed_category<'a>(question: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    if group.rules.default == Outcome::Allow {
        return None;
    }
    let found = first(question.listed.categories().intersection(group.rules.allow_categories))?;
    Some(by_category(Layer::AllowedCategory, Outcome::Allow, found))
}

#[expect(clippy::unnecessary_wraps, reason = "the rule of a layer; the last one always finds something")]
fn default<'a>(_: &Question<'a>, group: AskedGroup<'a>) -> Option<Found<'a>> {
    Some(plain(Layer::Default, group.rules.default))
}

fn known_path<'a>(question: &Question<'a>) -> PathKnown<'a> {
    question.path.map_or(PathKnown::Never, PathKnown::Yes)
}

fn by_entry(layer: Layer, outcome: Outcome, entry: &Entry) -> Found<'_> {
    Found { on: On::Entry(entry), ..plain(layer, outcome) }
}

fn by_category<'a>(layer: Layer, outcome: Outcome, category: Category) -> Found<'a> {
    Found { category: Some(category), ..plain(layer, outcome) }
}

fn first(categories: CategorySet) -> Option<Category> {
    if categories.is_empty() { None } else { categories.iter().next() }
}
