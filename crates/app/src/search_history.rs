//! Searching the access history. Each look is recorded, with what was looked for, before anything is shown.

use crate::facade::Reach;
use crate::history_query::{self, cursor};
use crate::history_rows::Names;
use crate::views::{HistoryFilter, HistoryView};
use crate::{App, AppError};
use history::{Count, Page, Query};
use identity::scopes_for;
use model::{Action, Actor, Category};
use store::Fact;

/// Rows of a page.
const ROWS: usize = 50;
/// The most rows that are counted for "in all".
const MOST_COUNTED: u64 = 10_000;

impl App {
    /// A page of history, newest first.
    pub async fn search_history(
        &self,
        actor: &Actor,
        filter: HistoryFilter,
    ) -> Result<HistoryView, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        let mut view = empty_view(filter, !scopes_for(actor, Action::ExportHistory).is_empty());
        let query = match self.history_query(&view.filter, &reach) {
            Ok(query) => Query { limit: ROWS, ..query },
            Err(problems) => return Ok(HistoryView { problems, ..view }),
        };
        self.note(&with_filter(self.fact(actor, "search-history"), &view.filter)).await?;
        let (page, count) = self.look(query).await?;
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        view.rows = page.events.iter().map(|stored| names.row(stored)).collect();
        view.next = page.next.map(cursor);
        view.total = count.events;
        view.total_is_more = count.more;
        Ok(view)
    }

    /// What was typed, as a query within reach.
    pub(crate) fn history_query(
        &self,
        filter: &HistoryFilter,
        reach: &Reach,
    ) -> Result<Query, history_query::Problems> {
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        history_query::read(filter, reach, &roster, &snapshot.policy().time_zone)
    }

    async fn look(&self, query: Query) -> Result<(Page, Count), AppError> {
        let history = self.0.parts.history.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let page = history.scan(&query)?;
            let everything = Query { before: None, ..query };
            Ok::<_, history::HistoryError>((page, history.count(&everything, MOST_COUNTED)?))
        });
        Ok(looked.await??)
    }
}

/// The fact, with everything that was looked for.
pub(crate) fn with_filter(fact: Fact, filter: &HistoryFilter) -> Fact {
    fact.about("history")
        .with("person", filter.person.trim())
        .with("device", filter.device.trim())
        .with("host", filter.host.trim())
        .with("outcome", filter.outcome.trim())
        .with("channel", filter.channel.trim())
        .with("category", filter.category.trim())
        .with("from", filter.from.trim())
        .with("until", filter.until.trim())
        .with("page", filter.page.trim())
}

fn empty_view(filter: HistoryFilter, may_export: bool) -> HistoryView {
    HistoryView {
        filter,
        problems: Vec::new(),
        rows: Vec::new(),
        total: 0,
        total_is_more: false,
        next: None,
        categories: Category::all()
            .map(|category| (category.slug().to_owned(), category.title().to_owned()))
            .collect(),
        may_export,
    }
}
