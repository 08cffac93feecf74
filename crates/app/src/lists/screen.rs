//! The screen of the lists: what they are, what is wrong with them, and what was in force before.

use super::changes::CHANGE;
use super::seen::{Folder, categories_of};
use crate::views::{ImageView, LeftOutView, ListView, ListsView, RefusedView};
use crate::{App, AppError};
use identity::scopes_for;
use lists::{BUILT_IN_ILLEGAL, Heartbeat, KeptImage, ListReport, SourceState};
use model::{Action, Actor, Category, Scope, Timestamp};
use policy::image::ImageList;
use policy::rules::{ListFormat, ListSource};
use std::sync::Arc;
use store::AuditRow;

/// So many changes are looked back on for who put which lists in force.
const MOST_FACTS: usize = 200;

impl App {
    /// The lists, for whoever may read the policy.
    pub async fn lists_view(&self, actor: &Actor) -> Result<ListsView, AppError> {
        self.reach(actor, Action::ReadPolicy).await?;
        let folder = self.lists_folder().await?;
        let images = self.image_views().await?;
        let snapshot = self.snapshot();
        let in_force = snapshot.image().lists();
        let sources = &snapshot.policy().lists;
        let mut rows: Vec<ListView> = sources
            .iter()
            .map(|source| {
                Row {
                    source,
                    image: in_force.iter().find(|list| list.id == source.id),
                    report: report_of(&folder, source.id.as_str()),
                    beat: folder.sources.iter().find(|beat| beat.list == source.id),
                    is_held: folder.held.is_some(),
                }
                .view()
            })
            .collect();
        let built_in = in_force.iter().find(|list| list.id.as_str() == BUILT_IN_ILLEGAL);
        rows.extend(built_in.map(built_in_view));
        Ok(ListsView {
            revision: snapshot.image().revision().to_string(),
            names: snapshot.image().names(),
            lists: rows,
            images,
            may_go_back: !scopes_for(actor, Action::ChangeLists).is_empty(),
        })
    }

    /// The lists from before that somebody may go back to; `None` where none of that revision is kept.
    pub async fn earlier_lists(&self, actor: &Actor, revision: &str) -> Result<Option<ImageView>, AppError> {
        self.reach(actor, Action::ChangeLists).await?;
        let images = self.image_views().await?;
        Ok(images.into_iter().find(|image| image.revision == revision))
    }

    async fn image_views(&self) -> Result<Vec<ImageView>, AppError> {
        let place = self.0.parts.lists.folder.clone();
        let kept = tokio::task::spawn_blocking(move || lists::images(&place)).await?;
        let facts = self.0.parts.store.facts_of(&Scope::Trust, CHANGE, MOST_FACTS).await?;
        Ok(kept.into_iter().map(|image| self.image_view(image, &facts)).collect())
    }

    fn image_view(&self, kept: KeptImage, facts: &[AuditRow]) -> ImageView {
        let subject = format!("lists:{}", kept.revision);
        let fact = facts.iter().find(|fact| fact.subject == subject);
        let details = fact.map(AuditRow::details).unwrap_or_default();
        ImageView {
            names: kept.report.as_ref().map(|report| report.names),
            built: kept.report.as_ref().map(|report| report.at),
            by: fact.map(|fact| self.name_in_audit(&fact.actor)).unwrap_or_default(),
            since: fact.map(|fact| fact.at),
            why: details.get("reason").cloned().unwrap_or_default(),
            is_current: kept.is_current,
            revision: kept.revision,
        }
    }
}

fn report_of<'a>(folder: &'a Folder, id: &str) -> Option<&'a ListReport> {
    folder.report.as_ref()?.lists.iter().find(|list| list.id.as_str() == id)
}

/// One list, from every side it is seen from.
struct Row<'a> {
    source: &'a ListSource,
    image: Option<&'a ImageList>,
    report: Option<&'a ListReport>,
    beat: Option<&'a Heartbeat>,
    is_held: bool,
}

impl Row<'_> {
    fn view(&self) -> ListView {
        let Self { source, image, report, beat, .. } = self;
        let ships = source.format == ListFormat::Starter;
        let is_illegal = source.category == Some(Category::ILLEGAL);
        let notes = self.notes();
        let left_out = report.map(|report| &report.dropped).or(image.map(|image| &image.dropped));
        let shown = report.filter(|_| !is_illegal);
        ListView {
            id: source.id.to_string(),
            name: source.name.to_string(),
            from: where_from(source),
            written_as: written_as(source.format).to_owned(),
            categories: categories_of(source).into_iter().map(str::to_owned).collect(),
            names: image.map_or(0, |image| image.names),
            last_good: beat.and_then(|beat| beat.last_good).filter(|_| !ships),
            next: beat.map(|beat| beat.due).filter(|due| !ships && !self.is_held && *due > Timestamp(0)),
            state: match (image, notes.is_empty()) {
                (None, _) => "Not in force",
                (Some(_), true) => "In order",
                (Some(_), false) => "Needs a look",
            }
            .to_owned(),
            notes,
            left_out: left_out.map(|reasons| counted(reasons)).unwrap_or_default(),
            first_left_out: shown.map(first_left_out).unwrap_or_default(),
            refused: shown.map(refused).unwrap_or_default(),
            is_illegal,
        }
    }

    /// What somebody must know of it, a whole sentence each. Why a source failed is for the log: it names files and hosts.
    fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.image.is_none() {
            notes.push("The policy names it, and nothing of it is in force yet.".to_owned());
        }
        let waits = self.report.is_some_and(|report| report.alarms.iter().any(lists::Alarm::holds_back));
        match self.report.map(|report| &report.state) {
            Some(SourceState::Copy { .. }) if !waits => notes.push(
                "It could not be read the last time; what was read before is in force. The technician's log says why."
                    .to_owned(),
            ),
            Some(SourceState::Missing { .. }) => {
                notes.push("It could not be read, and was never read before.".to_owned());
            }
            _ => {}
        }
        let alarms = self.report.map(|report| report.alarms.as_slice()).unwrap_or_default();
        notes.extend(alarms.iter().map(|alarm| alarm.words(&self.source.name)));
        let silent = alarms.iter().any(|alarm| matches!(alarm, lists::Alarm::Silent { .. }));
        let ships = self.source.format == ListFormat::Starter;
        if !silent && !ships && self.image.is_some() && self.beat.is_some_and(|beat| beat.is_overdue) {
            notes.push("It has not been read well for longer than it should be.".to_owned());
        }
        notes
    }
}

fn built_in_view(list: &ImageList) -> ListView {
    ListView {
        id: list.id.to_string(),
        name: list.name.to_string(),
        from: "Ships with Schoolgate; no setting takes it away".to_owned(),
        written_as: written_as(ListFormat::Starter).to_owned(),
        categories: vec![Category::ILLEGAL.title().to_owned()],
        names: list.names,
        last_good: None,
        next: None,
        state: "In order".to_owned(),
        notes: Vec::new(),
        left_out: Vec::new(),
        first_left_out: Vec::new(),
        refused: Vec::new(),
        is_illegal: true,
    }
}

fn first_left_out(report: &ListReport) -> Vec<LeftOutView> {
    let lines = report.first_dropped.iter();
    lines.map(|line| LeftOutView { line: line.line, why: line.why.to_string() }).collect()
}

fn refused(report: &ListReport) -> Vec<RefusedView> {
    let refusals = report.refused.iter();
    let view = |refusal: &lists::Refusal| RefusedView {
        name: refusal.name.as_deref().unwrap_or_default().to_owned(),
        line: refusal.line,
        why: refusal.why.to_string(),
    };
    refusals.map(view).collect()
}

fn counted(reasons: &[(Arc<str>, u64)]) -> Vec<(String, u64)> {
    reasons.iter().map(|(reason, count)| (reason.to_string(), *count)).collect()
}

/// Where a list comes from, for screens: no more of an address than its host, since a path may hold a licence key.
pub fn where_from(source: &ListSource) -> String {
    if source.format == ListFormat::Starter {
        return "Ships with Schoolgate".to_owned();
    }
    let Some((scheme, rest)) = source.source.split_once("://") else {
        return format!("The file or folder {}", source.source);
    };
    let place = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let host = place.rsplit_once('@').map_or(place, |(_, host)| host);
    match scheme {
        "rpz" => format!("Zone transfer from {host}"),
        _ => format!("Downloaded from {host}"),
    }
}

/// How a list is written, in words.
pub fn written_as(format: ListFormat) -> &'static str {
    match format {
        ListFormat::Domains => "Names, each with all below it",
        ListFormat::DomainsExact => "Names",
        ListFormat::Hosts => "A hosts file",
        ListFormat::AdGuard => "AdGuard DNS rules",
        ListFormat::Dnsmasq => "dnsmasq lines",
        ListFormat::Unbound => "Unbound zones",
        ListFormat::Rpz => "A response policy zone",
        ListFormat::Urls => "Addresses of pages",
        ListFormat::Addresses => "Network addresses",
        ListFormat::Csv => "A table (CSV)",
        ListFormat::Hashes => "Hashes",
        ListFormat::Ut1 => "A tree of categories (UT1)",
        ListFormat::Starter => "Schoolgate's own",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::ListId;
    use policy::rules::Subscription;

    #[test]
    fn where_a_list_comes_from_is_told_without_a_secret() {
        for (address, told) in [
            (
                "https://user:secret@lists.example:8443/key-1234/list.txt?token=x",
                "Downloaded from lists.example:8443",
            ),
            ("rpz://ns.example/zone", "Zone transfer from ns.example"),
            ("lists/games.txt", "The file or folder lists/games.txt"),
        ] {
            let source = ListSource {
                id: ListId::new("one"),
                name: "One".into(),
                format: ListFormat::Domains,
                source: address.into(),
                category: None,
                folders: Vec::new(),
                subscription: Subscription::default(),
            };
            assert_eq!(where_from(&source), told);
        }
    }
}
