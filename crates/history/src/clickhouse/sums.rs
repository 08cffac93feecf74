//! Sums over many events: by hour or day, by category, by host. The server adds up one area after the other; here the areas'
//! sums are added.

use super::condition::{Condition, Source};
use super::read::{add, each_area, older_than};
use super::rows::Fields;
use super::server::Server;
use crate::hosts::HostsUsed;
use crate::sums::{Every, HostSums, Sums, TopHosts};
use crate::{HistoryError, Query};
use model::Category;
use std::collections::HashMap;
use std::ops::ControlFlow;

const DOING: &str = "add events up";
/// The most different hosts that are kept while the top ones are looked for.
const MOST_HOSTS: usize = 500_000;
/// Hosts that are asked about at once.
const HOSTS_AT_ONCE: usize = 64;
/// The hour of an event in the day that it is kept in.
const HOUR: &str = "toUInt8(least(23, intDiv(greatest(at, day * 86400000) - day * 86400000, 3600000)))";

/// Matching events by time and by category.
pub(super) fn sums(server: &Server, from: Source, query: &Query, every: Every) -> Result<Sums, HistoryError> {
    let condition = Condition::new(from, query);
    let mut sums = Sums::default();
    let what = format!("day, {HOUR} AS hour, category, outcome, count()");
    let more = each_area(server, &condition, query, &mut |area| {
        let answer =
            server.ask(DOING, &condition.select(&what, area, "GROUP BY day, hour, category, outcome"))?;
        let looked_at = answer.looked_at;
        let mut fields = Fields::of(answer, DOING);
        while !fields.is_at_end()? {
            let at = every.start(fields.day()?, fields.u8()?);
            let category = fields.maybe(Fields::text)?;
            let category =
                category.and_then(|slug| std::str::from_utf8(&slug).ok().and_then(Category::parse));
            let (outcome, events) = (fields.text()?, fields.u64()?);
            add(sums.by_time.entry(at).or_default(), &outcome, events);
            add(sums.by_category.entry(category).or_default(), &outcome, events);
        }
        Ok((looked_at, ControlFlow::Continue(())))
    })?;
    sums.more = more.is_some();
    Ok(sums)
}

/// The hosts of every matching event, `most` different ones at most.
pub(super) fn hosts_used(
    server: &Server,
    from: Source,
    query: &Query,
    most: usize,
) -> Result<HostsUsed, HistoryError> {
    let condition = Condition::new(from, query);
    Ok(hosts(server, &condition, query, most)?.0)
}

/// The hosts of matching events, `most` of those that were asked for most often.
pub(super) fn top_hosts(
    server: &Server,
    from: Source,
    query: &Query,
    (every, most): (Every, usize),
) -> Result<TopHosts, HistoryError> {
    let condition = Condition::new(from, query);
    let (used, looked_into) = hosts(server, &condition, query, MOST_HOSTS)?;
    let mut top: Vec<(String, u64)> = used.hosts.into_iter().collect();
    top.sort_unstable_by(|(one, more), (other, fewer)| fewer.cmp(more).then_with(|| one.cmp(other)));
    top.truncate(most);
    let mut hosts: Vec<HostSums> = top
        .into_iter()
        .map(|(host, events)| HostSums { host, events, by_time: Default::default() })
        .collect();
    for some in hosts.chunks_mut(HOSTS_AT_ONCE) {
        by_time(server, &condition, (some, &looked_into), every)?;
    }
    Ok(TopHosts { hosts, more: used.more })
}

/// Hosts and how often each was asked for, and the condition of what was looked into.
fn hosts(
    server: &Server,
    condition: &Condition,
    query: &Query,
    most: usize,
) -> Result<(HostsUsed, String), HistoryError> {
    let (mut hosts, mut left_out): (HashMap<String, u64>, bool) = (HashMap::new(), false);
    let rest = format!("GROUP BY host ORDER BY count() DESC, host LIMIT {}", most.saturating_add(1));
    let stopped_in = each_area(server, condition, query, &mut |area| {
        let answer = server.ask(DOING, &condition.select("host, count()", area, &rest))?;
        let looked_at = answer.looked_at;
        let (mut fields, mut found) = (Fields::of(answer, DOING), 0usize);
        while !fields.is_at_end()? {
            let (host, events) = (fields.text()?, fields.u64()?);
            found += 1;
            let Ok(host) = String::from_utf8(host) else { continue };
            let is_room = hosts.len() < most;
            match hosts.get_mut(&host) {
                Some(times) => *times += events,
                None if is_room => drop(hosts.insert(host, events)),
                None => left_out = true,
            }
        }
        left_out |= found > most;
        Ok((looked_at, ControlFlow::Continue(())))
    })?;
    let cursor = query.before.map_or_else(|| "1".to_owned(), older_than);
    let looked_into = match stopped_in {
        Some(area) => format!("{} AND {cursor}", area.and_newer()),
        None => cursor,
    };
    Ok((HostsUsed { hosts, more: left_out || stopped_in.is_some() }, looked_into))
}

/// When each of these hosts was asked for.
fn by_time(
    server: &Server,
    condition: &Condition,
    (hosts, area): (&mut [HostSums], &str),
    every: Every,
) -> Result<(), HistoryError> {
    let mut bound = Condition { from: condition.from.clone(), statement: condition.statement.clone() };
    let names: Vec<String> = hosts.iter().map(|host| bound.statement.bind(&host.host)).collect();
    let within = format!("{area} AND host IN ({})", names.join(", "));
    let what = format!("host, day, {HOUR} AS hour, count()");
    let mut fields =
        Fields::of(server.ask(DOING, &bound.select(&what, &within, "GROUP BY host, day, hour"))?, DOING);
    while !fields.is_at_end()? {
        let (host, day, hour, events) = (fields.text()?, fields.day()?, fields.u8()?, fields.u64()?);
        if let Some(sums) = hosts.iter_mut().find(|sums| sums.host.as_bytes() == host) {
            *sums.by_time.entry(every.start(day, hour)).or_default() += events;
        }
    }
    Ok(())
}
