//! A query as a condition of SQL.
//!
//! **Invariants:** whatever somebody may have typed, and every name, is bound; numbers, ids and addresses, which have one form
//! each, are written by us. The meaning of each condition is that of `filter.rs`, which the same tests hold both to.

use super::rows::in_sixteen;
use super::server::Statement;
use crate::Query;
use crate::shelf::shelf_day;
use model::{GateId, Timestamp};
use std::fmt::Display;
use std::net::IpAddr;

/// What is asked of, and by which condition.
pub(super) struct Condition {
    /// The table, and what of it.
    pub from: Source,
    /// The conditions, with `AND` between them, and the texts bound to them.
    pub statement: Statement,
}

/// The rows of a gate, or of one of its holds.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Source {
    pub gate: GateId,
    /// The name of a hold, which was checked: letters, digits and hyphens.
    pub hold: Option<String>,
}

impl Source {
    pub fn table(&self) -> &'static str {
        if self.hold.is_some() { "held" } else { "events" }
    }

    /// The condition that its rows are known by.
    pub fn rows(&self) -> String {
        match &self.hold {
            Some(hold) => format!("gate = {} AND hold = '{hold}'", self.gate.0),
            None => format!("gate = {}", self.gate.0),
        }
    }
}

impl Condition {
    /// The condition that a query sets, but for its cursor and its limits.
    pub fn new(from: Source, query: &Query) -> Self {
        let mut all = All { statement: Statement::default(), parts: vec![from.rows()] };
        all.time(query);
        all.who(query);
        all.why(query);
        all.what(query);
        let All { mut statement, parts } = all;
        statement.sql = parts.join(" AND ");
        Self { from, statement }
    }

    /// A statement that selects something of the rows that match and lie in an area.
    pub fn select(&self, what: &str, area: &str, rest: &str) -> Statement {
        let sql = format!(
            "SELECT {what} FROM {} WHERE {} AND {area} {rest}",
            self.from.table(),
            self.statement.sql
        );
        Statement { sql, texts: self.statement.texts.clone() }
    }
}

/// The days a query may have rows in.
pub(super) fn days(query: &Query) -> (i32, i32) {
    let first = shelf_day(query.from.unwrap_or(Timestamp(i64::MIN)));
    let last = shelf_day(query.until.unwrap_or(Timestamp(i64::MAX)));
    (first.0, query.before.map_or(last, |cursor| last.min(cursor.day)).0)
}

struct All {
    statement: Statement,
    parts: Vec<String>,
}

impl All {
    fn time(&mut self, query: &Query) {
        let (first, last) = days(query);
        self.parts.push(format!("day BETWEEN {first} AND {last}"));
        self.parts.extend(query.from.map(|from| format!("at >= {}", from.0)));
        self.parts.extend(query.until.map(|until| format!("at < {}", until.0)));
    }

    fn who(&mut self, query: &Query) {
        self.names("school", query.schools.as_deref());
        self.names("policy_group", query.groups.as_deref());
        let people = query.people.as_ref().map(|all| all.iter().map(|id| id.0.to_string()));
        self.ids("person", people);
        let hidden: Vec<String> = query.not_people.iter().flatten().map(|id| format!("'{}'", id.0)).collect();
        if !hidden.is_empty() {
            self.parts.push(format!("(person IS NULL OR person NOT IN ({}))", hidden.join(", ")));
        }
        let devices = query.devices.as_ref().map(|all| all.iter().map(|id| id.0.to_string()));
        self.ids("device", devices);
        let address = query.address.map(|address| IpAddr::V6(in_sixteen(address)));
        self.parts.extend(address.map(|address| format!("address = toIPv6('{address}')")));
    }

    fn why(&mut self, query: &Query) {
        self.equal("outcome", query.outcome.map(|outcome| outcome.slug().to_owned()));
        self.equal("category", query.category.map(|category| category.slug().to_owned()));
        self.equal("layer", query.layer.map(|layer| layer.slug().to_owned()));
        self.equal("list", query.list.as_ref().map(ToString::to_string));
        self.equal("entry", query.entry.clone());
    }

    fn what(&mut self, query: &Query) {
        let channels = query.channels.as_ref();
        let channels: Option<Vec<&str>> =
            channels.map(|channels| channels.iter().map(|channel| channel.slug()).collect());
        self.names("channel", channels.as_deref());
        if let Some(part) = &query.host_contains {
            let part = self.statement.bind(&part.to_ascii_lowercase());
            self.parts.push(format!("position(host, {part}) > 0"));
        }
        if let Some(part) = &query.url_contains {
            self.url(part);
        }
        if let Some(words) = &query.words {
            self.words(words);
        }
    }

    /// In the host, in the path, or across both.
    fn url(&mut self, part: &str) {
        let part = part.trim().to_ascii_lowercase();
        let bare = part.strip_prefix("https://").or_else(|| part.strip_prefix("http://"));
        let whole = bare.unwrap_or(&part);
        self.letters(whole);
        let bound = self.statement.bind(whole);
        let mut places =
            vec![format!("position(host, {bound}) > 0"), format!("position(lower(path), {bound}) > 0")];
        if let Some(slash) = whole.find('/').filter(|place| *place > 0) {
            let (host, path) = whole.split_at(slash);
            let (host, path) = (self.statement.bind(host), self.statement.bind(path));
            places.push(format!("(endsWith(host, {host}) AND startsWith(lower(path), {path}))"));
        }
        self.parts.push(format!("({})", places.join(" OR ")));
    }

    /// All of them in the path, however it was encoded.
    fn words(&mut self, words: &str) {
        let words: Vec<String> = words.split_whitespace().map(str::to_lowercase).collect();
        let plain = words.iter().filter(|word| word.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        if let Some(plain) = plain.max_by_key(|word| word.len()) {
            self.letters(plain);
            let plain = self.statement.bind(plain);
            self.parts.push(format!("position(lower(path), {plain}) > 0"));
        }
        for word in &words {
            let word = self.statement.bind(word);
            self.parts
                .push(format!("position(lowerUTF8(toValidUTF8(decodeURLFormComponent(path))), {word}) > 0"));
        }
    }

    /// A text that is somewhere in host and path together: what the index of letters is asked.
    fn letters(&mut self, part: &str) {
        let mut pattern = String::from("%");
        for letter in part.chars() {
            if matches!(letter, '%' | '_' | '\\') {
                pattern.push('\\');
            }
            pattern.push(letter);
        }
        pattern.push('%');
        let pattern = self.statement.bind(&pattern);
        self.parts.push(format!("lower(concat(host, path)) LIKE {pattern}"));
    }

    fn equal(&mut self, column: &str, value: Option<String>) {
        if let Some(value) = value {
            let value = self.statement.bind(&value);
            self.parts.push(format!("{column} = {value}"));
        }
    }

    /// One of these names; of none at all, nothing.
    fn names(&mut self, column: &str, names: Option<&[impl Display]>) {
        let Some(names) = names else { return };
        let bound: Vec<String> = names.iter().map(|name| self.statement.bind(&name.to_string())).collect();
        self.parts.push(match bound.is_empty() {
            true => "0".to_owned(),
            false => format!("{column} IN ({})", bound.join(", ")),
        });
    }

    /// One of these ids; of none at all, nothing.
    fn ids(&mut self, column: &str, ids: Option<impl Iterator<Item = String>>) {
        let Some(ids) = ids else { return };
        let ids: Vec<String> = ids.map(|id| format!("'{id}'")).collect();
        self.parts.push(match ids.is_empty() {
            true => "0".to_owned(),
            false => format!("{column} IN ({})", ids.join(", ")),
        });
    }
}
