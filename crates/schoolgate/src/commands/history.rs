//! `schoolgate history search`: the access history at the machine, under the same rules as in the console: recorded first,
//! with a reason, and by pseudonym unless names are asked for.

use crate::cli::{HistoryCommand, SearchArguments};
use crate::commands::at_the_machine;
use crate::config::Config;
use crate::error::ProgramError;
use crate::folder::Folder;
use app::views::{HistoryFilter, HistoryPlace, HistoryRow, HistoryView};
use app::{App, Health, InForce, ListsPlace, Parts, Purpose};
use history::History;
use model::Clock;
use policy::{CurrentSnapshot, Image, Snapshot};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use store::Store;

/// The most rows of one search.
const MOST_ROWS: usize = 1_000;

pub(crate) async fn run(command: &HistoryCommand) -> Result<(), ProgramError> {
    match command {
        HistoryCommand::Search(search) => look(search).await,
        HistoryCommand::Move(arguments) => super::history_move::run(arguments).await,
    }
}

async fn look(search: &SearchArguments) -> Result<(), ProgramError> {
    let purpose = Purpose::read(&search.because, &search.reason).map_err(|problems| wrong(&problems))?;
    let (app, store) = open(&search.at.folder).await?;
    let found = find(&app, search, purpose).await;
    store.close().await;
    let found = found?;
    crate::print(&if search.json { as_json(&found) } else { as_text(&found) })
}

/// Rows of one search, and how many there are in all.
struct Found {
    rows: Vec<HistoryRow>,
    total: u64,
    is_more: bool,
}

async fn find(app: &App, search: &SearchArguments, purpose: Purpose) -> Result<Found, ProgramError> {
    let actor = at_the_machine();
    let kept = app.keep_search(&actor, filter(search, &purpose)).await.map_err(ProgramError::asked)?;
    let look = kept.map_err(|view| wrong(&view.problems))?;
    let names = search.names.then_some(purpose);
    let (most, mut page) = (search.most.clamp(1, MOST_ROWS), String::new());
    let mut found = Found { rows: Vec::new(), total: 0, is_more: false };
    loop {
        let place = HistoryPlace::Kept { look: look.clone(), page };
        let view = app.history_view(&actor, place, names.clone()).await.map_err(ProgramError::asked)?;
        let Some(HistoryView { rows, next, total, total_is_more, .. }) = view else { return Ok(found) };
        (found.total, found.is_more) = (total, total_is_more);
        found.rows.extend(rows);
        match next {
            Some(next) if found.rows.len() < most => page = next,
            _ => {
                found.rows.truncate(most);
                return Ok(found);
            }
        }
    }
}

/// The use cases over a gate's folder, for looking: the history is opened to read, beside a running gate.
async fn open(folder: &Path) -> Result<(App, Store), ProgramError> {
    let (folder, clock) = (Folder::existing(folder)?, Clock::System);
    let config = Config::read(&folder.config())?;
    let store = crate::gate::open_records(&folder, &config, &clock).await?;
    let in_force = app::approved_policy(&store).await.map_err(ProgramError::asked)?;
    let history = crate::history_place::open_to_read(&folder, &config)?;
    let parts = parts(&folder, (store.clone(), history), &in_force, clock).await?;
    let app = App::start(parts, in_force).await.map_err(ProgramError::asked)?;
    Ok((app, store))
}

async fn parts(
    folder: &Folder,
    (store, history): (Store, History),
    in_force: &InForce,
    clock: Clock,
) -> Result<Parts, ProgramError> {
    let snapshot = Snapshot::compile(in_force.document.policy.clone(), Image::empty(), Vec::new());
    Ok(Parts {
        pepper: crate::gate::pepper(folder, &store).await?,
        seals: crate::gate::seals(folder, &store).await?,
        store,
        history,
        snapshot: Arc::new(CurrentSnapshot::new(snapshot)),
        roster: Arc::default(),
        identities: Arc::default(),
        health: Arc::new(Health::new(clock.now())),
        clock,
        own_hosts: Vec::new(),
        lists: ListsPlace::default(),
        handed_out: Arc::default(),
        leaks: Arc::default(),
        suggestions: Arc::default(),
    })
}

fn filter(search: &SearchArguments, purpose: &Purpose) -> HistoryFilter {
    let (from, from_time) = day_and_time(&search.from);
    let (until, until_time) = day_and_time(&search.until);
    HistoryFilter {
        person: search.person.clone(),
        year: search.year.clone(),
        class: search.class.clone(),
        group: search.group.clone(),
        school: search.school.clone(),
        device: search.device.clone(),
        host: search.host.clone(),
        url: search.url.clone(),
        words: search.words.clone(),
        outcome: search.outcome.clone(),
        channel: search.channel.clone(),
        category: search.category.clone(),
        layer: search.layer.clone(),
        list: search.list.clone(),
        entry: search.entry.clone(),
        from,
        from_time,
        until,
        until_time,
        reason: purpose.reason.slug().to_owned(),
        why: purpose.words.clone(),
        page: String::new(),
    }
}

/// `2026-11-22T10:15` as a form holds it: the day, and the time where there is one.
fn day_and_time(text: &str) -> (String, String) {
    let (day, time) = text.split_once('T').unwrap_or((text, ""));
    (day.to_owned(), time.to_owned())
}

/// What is wrong with a search, by the names of the command line.
fn wrong(problems: &[(String, String)]) -> ProgramError {
    let named = |field: &str| match field {
        "reason" => "--because".to_owned(),
        "why" => "--reason".to_owned(),
        field => format!("--{}", field.trim_end_matches("_time")),
    };
    let sentences: Vec<String> =
        problems.iter().map(|(field, sentence)| format!("{}: {sentence}", named(field))).collect();
    ProgramError::Question(sentences.join("\n"))
}

fn as_text(found: &Found) -> String {
    let more = if found.is_more { "more than " } else { "" };
    let mut text = format!("{} of {more}{} requests, newest first\n", found.rows.len(), found.total);
    for row in &found.rows {
        let device = if row.device.is_empty() { &row.address } else { &row.device };
        let what = format!("{}{}", row.host, row.path);
        let words = [&row.local_time, &row.outcome.to_uppercase(), &row.person, device, &what];
        let words: Vec<String> = words.into_iter().map(|word| printable(word)).collect();
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{}\n    {}", words.join("  "), printable(&row.reason));
    }
    text
}

/// The text without characters that a terminal takes for orders.
fn printable(text: &str) -> String {
    text.chars().map(|letter| if letter.is_control() { '\u{FFFD}' } else { letter }).collect()
}

fn as_json(found: &Found) -> String {
    let rows: Vec<Value> = found
        .rows
        .iter()
        .map(|row| {
            json!({
                "at": row.at.to_string(), "school_time": row.local_time, "person": row.person,
                "known_by": row.known_by, "device": row.device, "address": row.address, "group": row.group,
                "channel": row.channel, "method": row.method, "host": row.host, "path": row.path,
                "outcome": row.outcome, "reason": row.reason, "status": row.status,
            })
        })
        .collect();
    let all = json!({ "total": found.total, "total_is_more": found.is_more, "rows": rows });
    serde_json::to_string_pretty(&all).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_parted_as_the_form_has_it_and_no_row_orders_the_terminal() {
        assert_eq!(day_and_time("2026-11-22T10:15"), ("2026-11-22".to_owned(), "10:15".to_owned()));
        assert_eq!(day_and_time("2026-11-22"), ("2026-11-22".to_owned(), String::new()));
        assert_eq!(printable("a\u{1b}[2Jb"), "a\u{fffd}[2Jb");
    }

    #[test]
    fn what_is_wrong_is_said_by_the_names_that_were_typed() {
        let problems = [("why".to_owned(), "Say why".to_owned()), ("from_time".to_owned(), "No".to_owned())];
        assert_eq!(wrong(&problems).to_string(), "--reason: Say why\n--from: No");
    }
}
