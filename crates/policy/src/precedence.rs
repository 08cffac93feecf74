//! The order in which a policy decides, and the rule of each layer.
//!
//! The list below is the one place where the order is written. The first layer that finds something decides; the last
//! one always does. Where several groups count (an unknown person, a shared address), each is asked alone and the
//! strictest answer stands.

use crate::compiled::CompiledGroup;
use crate::entries::PathKnown;
use crate::image::Hits;
use crate::path::AskedPath;
use crate::rules::{Entry, InspectionSetting, WindowEffect};
use crate::snapshot::LocalMoment;
use model::{Category, CategorySet, Host, Layer, ListLine, Outcome};
use std::sync::Arc;

/// A question as the layers see it.
pub(crate) struct Question<'a> {
    pub(crate) host: &'a Host,
    pub(crate) path: Option<&'a AskedPath<'a>>,
    /// True when each request will be asked about with its path, if this group's TLS is opened: in a tunnel through the
    /// proxy. A DNS answer may lead past the proxy, and with it to every path of the host.
    pub(crate) path_may_follow: bool,
    pub(crate) hits: &'a Hits,
    pub(crate) moment: LocalMoment,
    pub(crate) own_hosts: &'a [Host],
    pub(crate) circumvention: CategorySet,
}

/// What a layer decided, and on what.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Decided {
    pub(crate) outcome: Outcome,
    pub(crate) layer: Layer,
    pub(crate) category: Option<Category>,
    pub(crate) list: Option<ListLine>,
    pub(crate) entry: Option<Arc<str>>,
    pub(crate) why: Option<Arc<str>>,
}

type Rule = fn(&Question<'_>, &CompiledGroup) -> Option<Decided>;

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
pub(crate) fn walk(
    question: &Question<'_>,
    group: &CompiledGroup,
    mut looked: impl FnMut(Layer, Option<&Decided>),
) -> Decided {
    for (layer, rule) in PRECEDENCE {
        let found = rule(question, group);
        looked(layer, found.as_ref());
        if let Some(decided) = found {
            return decided;
        }
    }
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
    }
}

fn plain(layer: Layer, outcome: Outcome) -> Decided {
    Decided { outcome, layer, category: None, list: None, entry: None, why: None }
}

fn illegal(question: &Question<'_>, _: &CompiledGroup) -> Option<Decided> {
    let listed = question.hits.categories().contains(Category::ILLEGAL);
    listed.then(|| by_category(Layer::Illegal, Outcome::Block, question, Category::ILLEGAL))
}

fn own_pages(question: &Question<'_>, _: &CompiledGroup) -> Option<Decided> {
    question.own_hosts.contains(question.host).then(|| plain(Layer::OwnPages, Outcome::Allow))
}

fn trust_deny(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    let entry = group.trust_deny.find(question.host, known_path(question))?;
    Some(by_entry(Layer::TrustDeny, Outcome::Block, entry))
}

fn deny(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    let entry = group.deny.find(question.host, known_path(question))?;
    Some(by_entry(Layer::Deny, Outcome::Block, entry))
}

fn circumvention(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    let ways_round = group.block.intersection(question.circumvention);
    let found = question.hits.categories().intersection(ways_round).iter().next()?;
    Some(by_category(Layer::Circumvention, Outcome::Block, question, found))
}

fn closed_window(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    let windows = group.windows.iter().filter(|window| question.moment.is_within(window));
    for window in windows {
        let decided = match window.effect {
            WindowEffect::CloseEverything => plain(Layer::ClosedWindow, Outcome::Block),
            WindowEffect::Close(closed) => {
                let Some(found) = question.hits.categories().intersection(closed).iter().next() else {
                    continue;
                };
                by_category(Layer::ClosedWindow, Outcome::Block, question, found)
            }
            WindowEffect::Open(_) => continue,
        };
        return Some(Decided { entry: Some(Arc::clone(&window.name)), ..decided });
    }
    None
}

fn allow(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    let path = match question.path {
        Some(path) => PathKnown::Yes(path),
        None if question.path_may_follow && group.inspection == InspectionSetting::On => PathKnown::Later,
        None => PathKnown::Never,
    };
    let entry = group.allow.find(question.host, path)?;
    Some(by_entry(Layer::Allow, Outcome::Allow, entry))
}

fn open_window(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    let categories = question.hits.categories();
    let (opened, window) = opened_now(question, group);
    let lifted = categories.intersection(opened).iter().next()?;
    let would_be_blocked =
        group.default == Outcome::Block || !categories.intersection(group.block).is_empty();
    let still_blocked = categories.intersection(group.block).iter().any(|blocked| !opened.contains(blocked));
    (would_be_blocked && !still_blocked).then(|| Decided {
        entry: window,
        ..by_category(Layer::OpenWindow, Outcome::Allow, question, lifted)
    })
}

fn category(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    let found = question.hits.categories().intersection(group.block).iter().next()?;
    Some(by_category(Layer::Category, Outcome::Block, question, found))
}

fn allowed_category(question: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    if group.default == Outcome::Allow {
        return None;
    }
    let found = question.hits.categories().intersection(group.allow_categories).iter().next()?;
    Some(by_category(Layer::AllowedCategory, Outcome::Allow, question, found))
}

#[expect(clippy::unnecessary_wraps, reason = "the rule of a layer; the last one always finds something")]
fn default(_: &Question<'_>, group: &CompiledGroup) -> Option<Decided> {
    Some(plain(Layer::Default, group.default))
}

/// The categories open at this moment, and the name of the first window that opens any.
fn opened_now(question: &Question<'_>, group: &CompiledGroup) -> (CategorySet, Option<Arc<str>>) {
    let mut opened = CategorySet::EMPTY;
    let mut name = None;
    for window in group.windows.iter().filter(|window| question.moment.is_within(window)) {
        if let WindowEffect::Open(categories) = window.effect {
            opened = opened.union(categories);
            name.get_or_insert_with(|| Arc::clone(&window.name));
        }
    }
    (opened, name)
}

fn known_path<'a>(question: &Question<'a>) -> PathKnown<'a> {
    question.path.map_or(PathKnown::Never, PathKnown::Yes)
}

fn by_entry(layer: Layer, outcome: Outcome, entry: &Entry) -> Decided {
    let why = (!entry.why.is_empty()).then(|| Arc::clone(&entry.why));
    Decided { entry: Some(Arc::clone(&entry.text)), why, ..plain(layer, outcome) }
}

fn by_category(layer: Layer, outcome: Outcome, question: &Question<'_>, category: Category) -> Decided {
    Decided { category: Some(category), list: question.hits.line(category), ..plain(layer, outcome) }
}
