//! Writing to a server: ids without gaps or doubles, whatever becomes of the connection.
//!
//! One program writes a gate's rows. It says so in the table `writers` before its first insert, and each insert fails where
//! somebody else said so later. An insert of which nothing was heard may still be under way: so before anything else is
//! written, the writer signs in anew (which bars what has not begun), has the server end what has, and takes away what
//! arrived after all. Only then do sequences go on, from what is there.
//!
//! **Invariants:** each insert is one block in one partition, so it is kept whole or not at all. An append of several days is
//! several inserts; where one fails, those before it are taken away.

use super::rows::{self, Fields};
use super::server::{Insert, Server, Statement, random_id};
use super::tables::SLICE;
use crate::HistoryError;
use crate::shelf::shelf_day;
use model::{AccessEvent, Day, EventId, GateId};
use std::collections::BTreeMap;
use uuid::Uuid;

/// The most rows of one insert, and about the most bytes.
const MOST_ROWS: usize = 100_000;
const MOST_BYTES: usize = 32 << 20;
/// Days whose sequences are remembered.
const MOST_DAYS: usize = 40;
/// What the server calls an insert that the table `writers` forbids: `throwIf`.
const FORBIDDEN: u32 = 395;

/// What writes a gate's rows.
#[derive(Default)]
pub(super) struct Writer {
    signed_in: Option<Uuid>,
    is_taken_over: bool,
    /// The sequence that comes next, by day.
    next: BTreeMap<Day, u64>,
    /// Days of which what lies at this sequence or after was never promised, and may be there.
    unsettled: BTreeMap<Day, u64>,
}

impl Writer {
    /// Appends events, each to its day; their ids, in the order given. All or none.
    pub fn append(
        &mut self,
        (server, gate): (&Server, GateId),
        events: &[AccessEvent],
    ) -> Result<Vec<EventId>, HistoryError> {
        let mut by_day: BTreeMap<Day, Vec<(usize, &AccessEvent)>> = BTreeMap::new();
        for (place, event) in events.iter().enumerate() {
            by_day.entry(shelf_day(event.at)).or_default().push((place, event));
        }
        self.make_ready(server, gate)?;
        let mut floors = BTreeMap::new();
        for day in by_day.keys() {
            floors.insert(*day, self.next_of(server, gate, *day)?);
        }
        let mut ids = vec![EventId { gate, day: Day(0), sequence: 0 }; events.len()];
        for (day, mut batch) in by_day {
            batch.sort_by_key(|(_, event)| event.at);
            let first = self.next.get(&day).copied().unwrap_or(0);
            let numbered: Vec<_> = (first..)
                .zip(batch)
                .map(|(sequence, (place, event))| (place, EventId { gate, day, sequence }, event))
                .collect();
            let rows = numbered.iter().map(|(_, id, event)| (*id, *event));
            if let Err(error) = self.insert(server, (gate, Table::Events), rows) {
                self.take_back(server, gate, floors);
                return Err(error);
            }
            for (place, id, _) in &numbered {
                if let Some(slot) = ids.get_mut(*place) {
                    *slot = *id;
                }
            }
            self.next.insert(day, first + numbered.len() as u64);
        }
        while self.next.len() > MOST_DAYS {
            self.next.pop_first();
        }
        Ok(ids)
    }

    /// Inserts rows that have their ids already, in as many blocks as they need. To be called once [ready](Self::make_ready).
    pub fn insert<'e>(
        &mut self,
        server: &Server,
        (gate, table): (GateId, Table<'_>),
        rows: impl Iterator<Item = (EventId, &'e AccessEvent)>,
    ) -> Result<(), HistoryError> {
        let (mut body, mut count) = (Vec::new(), 0);
        for (id, event) in rows {
            rows::write(&mut body, id, event);
            count += 1;
            if count >= MOST_ROWS || body.len() >= MOST_BYTES {
                self.insert_block(server, (gate, table), (count, &body))?;
                body.clear();
                count = 0;
            }
        }
        if count == 0 { Ok(()) } else { self.insert_block(server, (gate, table), (count, &body)) }
    }

    fn insert_block(
        &mut self,
        server: &Server,
        (gate, table): (GateId, Table<'_>),
        (rows, body): (usize, &[u8]),
    ) -> Result<(), HistoryError> {
        let Some(writer) = self.signed_in else { return Err(HistoryError::TakenOver { gate: gate.0 }) };
        let names = rows::names();
        let (into, selected) = match table {
            Table::Events => (format!("events ({names})"), names),
            // A hold's name has letters, digits and hyphens alone.
            Table::Held(hold) => (format!("held (hold, {names})"), format!("'{hold}', {names}")),
        };
        let sql = format!(
            "INSERT INTO {into} SELECT {selected} FROM input('{}') WHERE ignore(throwIf((SELECT argMax(writer, since) FROM \
             writers WHERE gate = {gate}) != toUUID('{writer}'), 'another writer')) = 0 FORMAT RowBinary",
            rows::names_and_types(),
            gate = gate.0
        );
        let name = format!("{}{}", statements_of(gate), random_id()?);
        let kept = server.keep("keep events", Insert { sql: &sql, name: &name, rows, body });
        if matches!(kept, Err(HistoryError::ServerRefused { code: FORBIDDEN, .. })) {
            self.is_taken_over = true;
            return Err(HistoryError::TakenOver { gate: gate.0 });
        }
        kept
    }

    /// Signs in where that is needed, and puts right what is unsettled.
    pub fn make_ready(&mut self, server: &Server, gate: GateId) -> Result<(), HistoryError> {
        if self.is_taken_over {
            return Err(HistoryError::TakenOver { gate: gate.0 });
        }
        if self.signed_in.is_none() {
            self.sign_in(server, gate)?;
        }
        while let Some((day, floor)) = self.unsettled.first_key_value().map(|(day, floor)| (*day, *floor)) {
            remove_from(server, gate, (day, floor))?;
            self.unsettled.remove(&day);
        }
        Ok(())
    }

    /// Forgets what comes next in a day: it is gone, or somebody else wrote to it.
    pub fn forget(&mut self, day: Day) {
        self.next.remove(&day);
    }

    /// Something may be under way of which nothing was heard: before the next insert it is ended.
    pub fn sign_out(&mut self) {
        self.signed_in = None;
    }

    fn sign_in(&mut self, server: &Server, gate: GateId) -> Result<(), HistoryError> {
        let (doing, writer, gate_number) = ("take a writer's name", random_id()?, gate.0);
        server.tell(
            doing,
            // Later than whoever signed in before, also where the server's clock was put back.
            format!(
                "INSERT INTO writers (gate, writer, since) SELECT {gate_number}, toUUID('{writer}'), greatest(now64(6), \
                 max(since) + toIntervalMicrosecond(1)) FROM writers WHERE gate = {gate_number}"
            ),
        )?;
        server
            .tell(doing, format!("KILL QUERY WHERE startsWith(query_id, '{}') SYNC", statements_of(gate)))?;
        self.next.clear();
        self.signed_in = Some(writer);
        Ok(())
    }

    /// The sequence that comes next in a day.
    pub fn next_of(&mut self, server: &Server, gate: GateId, day: Day) -> Result<u64, HistoryError> {
        if let Some(next) = self.next.get(&day) {
            return Ok(*next);
        }
        let next = next_in(server, gate, day)?;
        self.next.insert(day, next);
        Ok(next)
    }

    /// What these days held from here on was never promised.
    fn take_back(&mut self, server: &Server, gate: GateId, floors: BTreeMap<Day, u64>) {
        for (day, floor) in floors {
            self.next.remove(&day);
            let floor = self.unsettled.get(&day).map_or(floor, |known| floor.min(*known));
            self.unsettled.insert(day, floor);
        }
        if self.is_taken_over {
            // What lies there now is the other's.
            return self.unsettled.clear();
        }
        self.signed_in = None;
        if let Err(error) = self.make_ready(server, gate) {
            tracing::warn!(%error, "what an append left on the server is taken away before the next one");
        }
    }
}

/// Where rows go.
#[derive(Clone, Copy)]
pub(super) enum Table<'a> {
    Events,
    /// Of the hold of this name, which was checked.
    Held(&'a str),
}

/// What the names of a gate's statements begin with that write rows.
fn statements_of(gate: GateId) -> String {
    format!("schoolgate-{}-keep-", gate.0)
}

/// The sequence that comes next in a day.
fn next_in(server: &Server, gate: GateId, day: Day) -> Result<u64, HistoryError> {
    let doing = "say how far a day goes";
    // The highest slice is known without a look at the rows.
    let last_slice = format!("SELECT max(slice) FROM events WHERE gate = {} AND day = {}", gate.0, day.0);
    let slice = Fields::of(server.ask(doing, &Statement::new(&last_slice))?, doing).u64()?;
    let sql = format!(
        "SELECT count(), max(sequence) FROM events WHERE gate = {} AND day = {} AND slice = {slice}",
        gate.0, day.0
    );
    let mut fields = Fields::of(server.ask(doing, &Statement::new(sql))?, doing);
    let (rows, last) = (fields.u64()?, fields.u64()?);
    let next = if rows == 0 { 0 } else { last + 1 };
    // What went is in neither, and may be held.
    let gone = format!("SELECT max(next) FROM expired WHERE gate = {} AND what = '{day}'", gate.0);
    let gone = Fields::of(server.ask(doing, &Statement::new(gone))?, doing).u64()?;
    let held = format!("SELECT count(), max(sequence) FROM held WHERE gate = {} AND day = {}", gate.0, day.0);
    let mut fields = Fields::of(server.ask(doing, &Statement::new(held))?, doing);
    let (rows, last) = (fields.u64()?, fields.u64()?);
    let held = if rows == 0 { 0 } else { last + 1 };
    Ok(next.max(gone).max(held))
}

/// Takes away what a day has from a sequence on, and makes sure of it.
fn remove_from(server: &Server, gate: GateId, (day, floor): (Day, u64)) -> Result<(), HistoryError> {
    let doing = "take back an append";
    let rows = format!(
        "gate = {} AND day = {} AND slice >= {} AND sequence >= {floor}",
        gate.0,
        day.0,
        floor / SLICE
    );
    let count = || {
        let statement = Statement::new(format!("SELECT count() FROM events WHERE {rows}"));
        Fields::of(server.ask(doing, &statement)?, doing).u64()
    };
    if count()? == 0 {
        return Ok(());
    }
    server.tell(doing, format!("ALTER TABLE events DELETE WHERE {rows}"))?;
    match count()? {
        0 => Ok(()),
        _ => Err(HistoryError::ServerSilent { doing, why: "the rows are still there" }),
    }
}
