//! Searching the access history. Each look is recorded, with what was looked for, before anything is shown; a look at one
//! person's history is a fact about that person, with its reason.
//!
//! Left out: what a search may ask (`history_query`), who may see what of whom (`history_sight`), counts (`history_counts`)
//! and files (`export_history`).

use crate::facade::Reach;
use crate::history_query::{self, Plan, Problems, cursor, read_cursor};
use crate::history_rows::Names;
use crate::history_sight::{Shown, Sight, about};
use crate::look_reason::{LookReason, Purpose};
use crate::views::{ExpiredCounts, ExpiredView, HistoryChoices, HistoryFilter, HistoryPlace, HistoryView};
use crate::{App, AppError, words};
use history::{Count, Kind, Page, Query, Stored, Tombstone};
use identity::scopes_for;
use model::{About, Action, Actor, Category, Layer, PersonId, Role, Scope};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use store::Fact;

/// Rows of a page.
const ROWS: usize = 50;
/// The most rows that are counted for "in all".
const MOST_COUNTED: u64 = 10_000;
/// The most people whose ids stand in one fact; past that they are counted.
const MOST_LISTED: usize = 200;
/// How far before and after a request "around" looks.
const AROUND_MS: i64 = 10 * 60_000;

/// A search that was read, at its place.
pub(crate) struct Asked {
    pub(crate) place: HistoryPlace,
    pub(crate) filter: HistoryFilter,
    /// What it is, where it is no search of the form.
    pub(crate) about: String,
    /// What to look for, or what is wrong with the form.
    pub(crate) plan: Result<Plan, Problems>,
}

impl App {
    /// A page of history, newest first; a look at one person is recorded as one. For what stands in an address, and for
    /// whoever asks once.
    pub async fn search_history(
        &self,
        actor: &Actor,
        filter: HistoryFilter,
    ) -> Result<HistoryView, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        let plan = self.plan(actor, &filter, &reach);
        if let Ok(plan) = &plan {
            self.record_looks(actor, plan).await?;
        }
        let asked = Asked { place: HistoryPlace::asked(filter.clone()), filter, about: String::new(), plan };
        self.page_of(actor, &reach, asked, None).await
    }

    /// Keeps a search under an id that says nothing, for what must not stand in an address; or gives the form back with
    /// what is wrong with it. A look at one person is recorded here, and each page when it is shown.
    pub async fn keep_search(
        &self,
        actor: &Actor,
        filter: HistoryFilter,
    ) -> Result<Result<String, Box<HistoryView>>, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        let filter = HistoryFilter { page: String::new(), ..filter };
        match self.plan(actor, &filter, &reach) {
            Ok(plan) => {
                self.record_looks(actor, &plan).await?;
                let mut looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Ok(looks.keep(actor, filter, self.now())?))
            }
            Err(problems) => {
                let (place, about) = (HistoryPlace::asked(filter.clone()), String::new());
                let asked = Asked { place, filter, about, plan: Err(problems) };
                Ok(Err(Box::new(self.page_of(actor, &reach, asked, None).await?)))
            }
        }
    }

    /// A page of history at its place; `None` where there is no such place for this actor. With `names`, the names of those
    /// whom the actor may name stand on it, this once; that is recorded with its reason first.
    pub async fn history_view(
        &self,
        actor: &Actor,
        place: HistoryPlace,
        names: Option<Purpose>,
    ) -> Result<Option<HistoryView>, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        if names.is_some() {
            self.reach(actor, Action::ShowNames).await?;
        }
        match self.asked(actor, place, &reach).await? {
            Some(asked) => Ok(Some(self.page_of(actor, &reach, asked, names).await?)),
            None => Ok(None),
        }
    }

    /// What stands at a place; `None` where nothing does for this actor.
    pub(crate) async fn asked(
        &self,
        actor: &Actor,
        place: HistoryPlace,
        reach: &Reach,
    ) -> Result<Option<Asked>, AppError> {
        let (filter, about, plan) = match &place {
            HistoryPlace::Asked(filter) => {
                ((**filter).clone(), String::new(), self.plan(actor, filter, reach))
            }
            HistoryPlace::Kept { look, page } => {
                let looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(mut filter) = looks.find(actor, look, self.now()) else { return Ok(None) };
                drop(looks);
                filter.page.clone_from(page);
                let plan = self.plan(actor, &filter, reach);
                (filter, String::new(), plan)
            }
            HistoryPlace::Around { event, page } => {
                let Some(stored) = self.event_within(actor, event, reach).await? else { return Ok(None) };
                let query = Query { schools: reach.schools(), ..Query::around(&stored.event, AROUND_MS) };
                let query = Query { before: read_cursor(page), ..query };
                let at = words::date_and_time(&self.snapshot().policy().time_zone, stored.event.at);
                let people = stored.event.person.into_iter().collect();
                let plan = Plan { query, people, by_name: false, purpose: None };
                let about = format!("10 minutes before and after {at}, of the same person or device");
                (HistoryFilter { page: page.clone(), ..HistoryFilter::default() }, about, Ok(plan))
            }
        };
        Ok(Some(Asked { place, filter, about, plan }))
    }

    /// One event of the history; `None` where it is gone, beyond reach, or of somebody whom the actor may not look at.
    pub(crate) async fn event_within(
        &self,
        actor: &Actor,
        event: &str,
        reach: &Reach,
    ) -> Result<Option<Stored>, AppError> {
        let Some(id) = read_cursor(event) else { return Ok(None) };
        let found = self.stored_events(vec![id]).await?.into_iter().next();
        let Some(stored) = found else { return Ok(None) };
        let is_within = match (&stored.event.school, reach) {
            (_, Reach::Everything) => true,
            (Some(school), Reach::Schools(schools)) => schools.contains(school),
            (None, Reach::Schools(_)) => false,
        };
        let may = is_within
            && self.with_sight(actor, reach, |sight| {
                let device = stored.event.device.and_then(|id| sight.roster.device(id));
                let whose = stored.event.person.or(device.and_then(|device| device.assigned_to));
                whose.and_then(|id| sight.roster.person(id)).is_none_or(|person| sight.may_read_about(person))
            });
        Ok(may.then_some(stored))
    }

    pub(crate) fn with_sight<T>(&self, actor: &Actor, reach: &Reach, see: impl FnOnce(&Sight<'_>) -> T) -> T {
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let only_school = match snapshot.policy().schools.as_slice() {
            [only] => Some(only.id.clone()),
            _ => None,
        };
        see(&Sight { actor, reach, roster: &roster, pepper: &self.0.parts.pepper, only_school })
    }

    /// Reads what was typed, as far as this actor reaches.
    pub(crate) fn plan(
        &self,
        actor: &Actor,
        filter: &HistoryFilter,
        reach: &Reach,
    ) -> Result<Plan, Problems> {
        let snapshot = self.snapshot();
        self.with_sight(actor, reach, |sight| {
            history_query::read(filter, sight, &snapshot.policy().time_zone)
        })
    }

    /// A fact for each person who is looked at, where they belong: their school's weekly report has it.
    pub(crate) async fn record_looks(&self, actor: &Actor, plan: &Plan) -> Result<(), AppError> {
        let Some(purpose) = &plan.purpose else { return Ok(()) };
        for person in &plan.people {
            let scope = self.scope_of(&model::AlertSubject { person: Some(*person), ..Default::default() });
            let fact = Fact::new(actor, scope, self.now(), "look-at-person")
                .about(format!("person:{person}"))
                .with("reason", purpose.reason.slug())
                .with("why", purpose.words.clone());
            self.note(&fact).await?;
        }
        Ok(())
    }

    async fn page_of(
        &self,
        actor: &Actor,
        reach: &Reach,
        asked: Asked,
        names: Option<Purpose>,
    ) -> Result<HistoryView, AppError> {
        let mut view = self.empty_view(actor, reach, &asked);
        let plan = match asked.plan {
            Ok(plan) => plan,
            Err(problems) => return Ok(HistoryView { problems, ..view }),
        };
        self.note(&self.search_fact(actor, &asked.place, &asked.filter, "search-history")).await?;
        let (page, count, stones) = self.look(Query { limit: ROWS, ..plan.query.clone() }).await?;
        let named = self.people_to_name(actor, reach, &page.events);
        view.names_shown = !named.is_empty() && (plan.by_name || names.is_some());
        view.may_show_names = !named.is_empty() && !view.names_shown;
        if let Some(purpose) = names
            && !plan.by_name
        {
            self.record_names(actor, &named, &purpose).await?;
        }
        let shown = if view.names_shown { Shown::Names } else { Shown::Pseudonyms };
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let names = Names::new(&roster, snapshot.policy());
        view.rows = self.with_sight(actor, reach, |sight| {
            page.events.iter().map(|stored| sight.row(&names, stored, shown)).collect()
        });
        view.expired = expired(&stones, &plan.query, (page.next.is_none(), reach));
        view.next = page.next.map(cursor);
        (view.total, view.total_is_more) = (count.events, count.more);
        view.leaves_out_staff = plan.query.not_people.is_some_and(|hidden| !hidden.is_empty());
        Ok(view)
    }

    /// The people of these events whom the actor may have named, once each.
    pub(crate) fn people_to_name(
        &self,
        actor: &Actor,
        reach: &Reach,
        events: &[Stored],
    ) -> BTreeSet<PersonId> {
        self.with_sight(actor, reach, |sight| {
            let people = events.iter().filter_map(|stored| stored.event.person);
            people.filter(|id| sight.roster.person(*id).is_some_and(|one| sight.may_name(one))).collect()
        })
    }

    /// Records that these people's names are shown, and why.
    pub(crate) async fn record_names(
        &self,
        actor: &Actor,
        people: &BTreeSet<PersonId>,
        purpose: &Purpose,
    ) -> Result<(), AppError> {
        let listed: Vec<String> =
            people.iter().take(MOST_LISTED).map(|person| format!("person:{person}")).collect();
        let fact = self.fact(actor, "show-name").about("history").with("people", listed.join(" "));
        let fact = fact.with("count", people.len().to_string());
        let fact = fact.with("reason", purpose.reason.slug()).with("why", purpose.words.clone());
        self.note(&fact).await
    }

    /// The fact of a look at the history, with everything that was looked for.
    pub(crate) fn search_fact(
        &self,
        actor: &Actor,
        place: &HistoryPlace,
        filter: &HistoryFilter,
        action: &'static str,
    ) -> Fact {
        let fact = self.fact(actor, action).about("history");
        let fact = match place {
            HistoryPlace::Around { event, .. } => fact.with("around", event.clone()),
            HistoryPlace::Asked(_) | HistoryPlace::Kept { .. } => fact,
        };
        filter.fields().fold(fact, |fact, (name, text)| fact.with(name, text.trim()))
    }

    async fn look(&self, query: Query) -> Result<(Page, Count, Vec<Tombstone>), AppError> {
        let history = self.0.parts.history.clone();
        let looked = tokio::task::spawn_blocking(move || {
            let page = history.scan(&query)?;
            let everything = Query { before: None, ..query };
            let count = history.count(&everything, MOST_COUNTED)?;
            Ok::<_, history::HistoryError>((page, count, history.tombstones(&everything)?))
        });
        Ok(looked.await??)
    }

    fn empty_view(&self, actor: &Actor, reach: &Reach, asked: &Asked) -> HistoryView {
        HistoryView {
            place: asked.place.clone(),
            filter: asked.filter.clone(),
            about: asked.about.clone(),
            problems: Vec::new(),
            rows: Vec::new(),
            total: 0,
            total_is_more: false,
            next: None,
            choices: self.history_choices(reach),
            may_export: !scopes_for(actor, Action::ExportHistory).is_empty(),
            may_show_names: false,
            names_shown: false,
            leaves_out_staff: false,
            may_hold: !scopes_for(actor, Action::HoldHistory).is_empty(),
            expired: None,
        }
    }

    fn history_choices(&self, reach: &Reach) -> HistoryChoices {
        let (roster, snapshot) = (self.0.parts.roster.get(), self.snapshot());
        let policy = snapshot.policy();
        let schools: Vec<(String, String)> = policy
            .schools
            .iter()
            .filter(|school| reach.covers(&Scope::School(school.id.clone())))
            .map(|school| (school.id.to_string(), school.name.to_string()))
            .collect();
        let learners = roster
            .people()
            .filter(|person| reach.covers_person(person))
            .flat_map(|person| &person.affiliations)
            .filter(|affiliation| affiliation.role == Role::Learner);
        let years: BTreeSet<_> = learners.filter_map(|affiliation| affiliation.year).collect();
        let pair = |value: &str, title: &str| (value.to_owned(), title.to_owned());
        HistoryChoices {
            schools: if schools.len() > 1 { schools } else { Vec::new() },
            years: years
                .into_iter()
                .map(|year| (year.to_string(), year_in_words(&year.to_string())))
                .collect(),
            groups: policy.groups.iter().map(|group| pair(group.id.as_str(), &group.name)).collect(),
            categories: Category::all().map(|category| pair(category.slug(), category.title())).collect(),
            layers: Layer::ALL.iter().map(|layer| pair(layer.slug(), layer.title())).collect(),
            lists: policy.lists.iter().map(|list| pair(list.id.as_str(), &list.name)).collect(),
            reasons: LookReason::ALL.iter().map(|reason| pair(reason.slug(), reason.title())).collect(),
        }
    }

    /// Whether a look at this person may be counted where the safeguarding lead reads it: it is of a learner, or of
    /// somebody who has left.
    pub(crate) fn is_look_at_learner(&self, person: PersonId) -> bool {
        let roster = self.0.parts.roster.get();
        roster.person(person).is_none_or(|person| about(person) == About::Learner)
    }
}

/// What expired of the time that was asked about. Where no time was asked about it is told at the end alone. How much it was
/// is for whoever reaches everything: tombstones know no school.
fn expired(stones: &[Tombstone], query: &Query, (is_end, reach): (bool, &Reach)) -> Option<ExpiredView> {
    let is_bounded = query.from.is_some() || query.until.is_some();
    if stones.is_empty() || !(is_bounded || is_end) {
        return None;
    }
    let whole: BTreeSet<_> =
        stones.iter().filter(|stone| stone.kinds.is_empty()).map(|stone| stone.day).collect();
    let in_part: BTreeSet<_> =
        stones.iter().map(|stone| stone.day).filter(|day| !whole.contains(day)).collect();
    let of_kind = |kind| {
        let counts = stones.iter().flat_map(|stone| &stone.kinds).filter(|(found, _)| *found == kind);
        counts.map(|(_, events)| events).sum()
    };
    let counts = (*reach == Reach::Everything).then(|| ExpiredCounts {
        with_their_day: stones.iter().filter(|stone| stone.kinds.is_empty()).map(|stone| stone.events).sum(),
        names: of_kind(Kind::Names),
        pages: of_kind(Kind::Pages),
        blocks: of_kind(Kind::Blocks),
    });
    Some(ExpiredView { days: whole.len(), days_in_part: in_part.len(), counts })
}

fn year_in_words(year: &str) -> String {
    match year {
        "N" => "Nursery".to_owned(),
        "R" => "Reception".to_owned(),
        number => format!("Year {number}"),
    }
}
