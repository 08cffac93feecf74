//! Searching the access history. Each look is recorded, with what was looked for, before anything is shown; a look at one
//! person's history is a fact about that person, with its reason.
//!
//! Left out: what a search may ask (`history_query`), who may see what of whom (`history_sight`), counts (`history_counts`)
//! and files (`export_history`).

use crate::facade::Reach;
use crate::history_looks::Search;
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
/// The most people whose ids stand in one fact; more stand in more facts.
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
    /// Keeps a search under an id that says nothing, for what must not stand in an address; or gives the form back with
    /// what is wrong with it. A look at one person is recorded here, and each page when it is shown.
    pub async fn keep_search(
        &self,
        actor: &Actor,
        filter: HistoryFilter,
    ) -> Result<Result<String, Box<HistoryView>>, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        let filter = HistoryFilter { page: String::new(), ..filter };
        let plan = self.planned(actor, &filter, &reach).await?;
        let place = HistoryPlace::asked(filter.clone());
        self.keep((actor, &reach), filter.into(), (place, String::new(), plan)).await
    }

    /// The same for what happened around a request that names somebody; `filter` has the reason. `None` where there is no
    /// such request for this actor.
    pub async fn keep_around(
        &self,
        actor: &Actor,
        event: &str,
        filter: HistoryFilter,
    ) -> Result<Option<Result<String, Box<HistoryView>>>, AppError> {
        let reach = self.reach(actor, Action::SearchHistory).await?;
        let (reason, why) = (filter.reason, filter.why);
        let filter = HistoryFilter { reason, why, ..HistoryFilter::default() };
        let Some((about, plan)) = self.around(actor, (event, &filter), &reach).await? else {
            return Ok(None);
        };
        let place = HistoryPlace::Around { event: event.to_owned(), page: String::new() };
        let search = Search { filter, around: Some(event.to_owned()) };
        self.keep((actor, &reach), search, (place, about, plan)).await.map(Some)
    }

    async fn keep(
        &self,
        (actor, reach): (&Actor, &Reach),
        search: Search,
        (place, about, plan): (HistoryPlace, String, Result<Plan, Problems>),
    ) -> Result<Result<String, Box<HistoryView>>, AppError> {
        match plan {
            Ok(plan) => {
                self.record_looks(actor, &plan).await?;
                let mut looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(Ok(looks.keep(actor, search, self.now())?))
            }
            Err(problems) => {
                let asked = Asked { place, filter: search.filter, about, plan: Err(problems) };
                Ok(Err(Box::new(self.page_of(actor, reach, asked, None).await?)))
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
        let search = match &place {
            HistoryPlace::Asked(filter) => (**filter).clone().into(),
            HistoryPlace::Kept { look, page } => {
                let looks = self.0.looks.lock().unwrap_or_else(PoisonError::into_inner);
                let Some(mut search) = looks.find(actor, look, self.now()) else { return Ok(None) };
                search.filter.page.clone_from(page);
                search
            }
            HistoryPlace::Around { event, page } => Search {
                filter: HistoryFilter { page: page.clone(), ..HistoryFilter::default() },
                around: Some(event.clone()),
            },
        };
        let Search { filter, around } = search;
        let (about, plan) = match &around {
            None => (String::new(), self.planned(actor, &filter, reach).await?),
            Some(event) => match self.around(actor, (event, &filter), reach).await? {
                Some(found) => found,
                None => return Ok(None),
            },
        };
        Ok(Some(Asked { place, filter, about, plan }))
    }

    /// What happened around a request, in words and as a search: with the reason in `filter` where it is of somebody. `None`
    /// where there is no such request for this actor.
    async fn around(
        &self,
        actor: &Actor,
        (event, filter): (&str, &HistoryFilter),
        reach: &Reach,
    ) -> Result<Option<(String, Result<Plan, Problems>)>, AppError> {
        let Some(stored) = self.event_within(actor, event, reach).await? else { return Ok(None) };
        let query = Query { schools: reach.schools(), ..Query::around(&stored.event, AROUND_MS) };
        let query = Query { before: read_cursor(&filter.page), ..query };
        let at = words::date_and_time(&self.snapshot().policy().time_zone, stored.event.at);
        let people = self.whose(&stored).into_iter().collect();
        let plan = Plan { query, people, by_name: false, purpose: None }.with_reason(filter);
        let about = format!("10 minutes before and after {at}, of the same person or device");
        Ok(Some((about, self.named_by_address(plan, filter).await?)))
    }

    /// Whose a request is: who made it, or whom its device is lent to.
    fn whose(&self, stored: &Stored) -> Option<PersonId> {
        let roster = self.0.parts.roster.get();
        let device = stored.event.device.and_then(|id| roster.device(id));
        stored.event.person.or(device.and_then(|device| device.assigned_to))
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
            && self
                .whose(&stored)
                .is_none_or(|id| self.with_sight(actor, reach, |sight| sight.may_read_of(id)));
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
    pub(crate) async fn planned(
        &self,
        actor: &Actor,
        filter: &HistoryFilter,
        reach: &Reach,
    ) -> Result<Result<Plan, Problems>, AppError> {
        let of_class = self.learners_of_class(&filter.class, reach).await?;
        let snapshot = self.snapshot();
        let plan = self.with_sight(actor, reach, |sight| {
            history_query::read(filter, of_class, sight, &snapshot.policy().time_zone)
        });
        self.named_by_address(plan, filter).await
    }

    /// Those who learn in a class now, where it is within reach; `None` where no class was chosen.
    async fn learners_of_class(&self, class: &str, reach: &Reach) -> Result<Option<Vec<PersonId>>, AppError> {
        if class.trim().is_empty() {
            return Ok(None);
        }
        let (store, now) = (&self.0.parts.store, self.now());
        let names = store.class_names(now).await?;
        let is_it = |name: &&store::ClassName| {
            name.id.to_string() == class.trim() && reach.covers(&Scope::School(name.school.clone()))
        };
        match names.iter().find(is_it) {
            Some(found) => Ok(Some(store.learners_of_class(found.id, now).await?)),
            None => Ok(Some(Vec::new())),
        }
    }

    /// A search by address is a look at somebody where nobody else is known at that address in the time asked for, as far as
    /// the newest rows tell.
    async fn named_by_address(
        &self,
        plan: Result<Plan, Problems>,
        filter: &HistoryFilter,
    ) -> Result<Result<Plan, Problems>, AppError> {
        let mut plan = match plan {
            Ok(plan) if plan.query.address.is_some() && plan.people.is_empty() => plan,
            other => return Ok(other),
        };
        let query = Query { limit: Query::MOST_PER_PAGE, before: None, ..plan.query.clone() };
        let history = self.0.parts.history.clone();
        let page = tokio::task::spawn_blocking(move || history.scan(&query)).await??;
        let people: BTreeSet<PersonId> = page.events.iter().filter_map(|stored| self.whose(stored)).collect();
        if people.len() == 1 {
            plan.people.extend(people);
        }
        Ok(plan.with_reason(filter))
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
        let mut view = self.empty_view(actor, reach, &asked).await?;
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

    /// Records that these people's names are shown, every one of them, and why; nothing where there is nobody.
    pub(crate) async fn record_names(
        &self,
        actor: &Actor,
        people: &BTreeSet<PersonId>,
        purpose: &Purpose,
    ) -> Result<(), AppError> {
        let people: Vec<&PersonId> = people.iter().collect();
        let parts = people.chunks(MOST_LISTED);
        let of = parts.len();
        for (part, listed) in (1..).zip(parts) {
            let ids: Vec<String> = listed.iter().map(|person| format!("person:{person}")).collect();
            let mut fact = self.fact(actor, "show-name").about("history").with("people", ids.join(" "));
            fact = fact.with("count", people.len().to_string());
            if of > 1 {
                fact = fact.with("part", format!("{part} of {of}"));
            }
            let fact = fact.with("reason", purpose.reason.slug()).with("why", purpose.words.clone());
            self.note(&fact).await?;
        }
        Ok(())
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

    async fn empty_view(&self, actor: &Actor, reach: &Reach, asked: &Asked) -> Result<HistoryView, AppError> {
        let classes = self.class_choices(reach).await?;
        Ok(HistoryView {
            place: asked.place.clone(),
            filter: asked.filter.clone(),
            about: asked.about.clone(),
            problems: Vec::new(),
            rows: Vec::new(),
            total: 0,
            total_is_more: false,
            next: None,
            choices: HistoryChoices { classes, ..self.history_choices(reach) },
            may_export: !scopes_for(actor, Action::ExportHistory).is_empty(),
            may_show_names: false,
            names_shown: false,
            leaves_out_staff: false,
            may_hold: !scopes_for(actor, Action::HoldHistory).is_empty(),
            expired: None,
        })
    }

    /// The classes within reach, with their school where there are several.
    async fn class_choices(&self, reach: &Reach) -> Result<Vec<(String, String)>, AppError> {
        let names = self.0.parts.store.class_names(self.now()).await?;
        let within = names.into_iter().filter(|name| reach.covers(&Scope::School(name.school.clone())));
        let choice = |name: store::ClassName| match self.place_of(&Scope::School(name.school)) {
            place if place.is_empty() => (name.id.to_string(), name.name),
            place => (name.id.to_string(), format!("{}, {place}", name.name)),
        };
        Ok(within.map(choice).collect())
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
            classes: Vec::new(),
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

    /// Whether a look at this person may be counted where the safeguarding lead reads it: it is of a learner. Whoever has left
    /// may have worked here.
    pub(crate) fn is_look_at_learner(&self, person: PersonId) -> bool {
        let roster = self.0.parts.roster.get();
        roster.person(person).is_some_and(|person| about(person) == About::Learner)
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
