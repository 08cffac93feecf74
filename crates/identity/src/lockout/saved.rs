//! The lock-out as bytes: what a restart must not forget.
//!
//! Little-endian: `SGLOCK1\n`; the outside (until, for how long: 8 bytes each, both the least number where it was never
//! shut); the number of shut sources (4) and each (16 bytes, until 8); the number of accounts (4) and each: id (16), last
//! (8), the number of hundreds (1) and each (kind, factor, count), the number of lanes (1) and each: kind, factor, place
//! (16), wrong (4), waits until, locked until, last (8 each).
//!
//! Left out on purpose: what was typed, names that no account has, and whose failures are too few to shut a source.
//!
//! Invariants: reading takes any bytes, bounded, and never panics.

use super::MOST_ACCOUNTS;
use super::account::{Account, Lane, LaneId, factor_number, factor_of, kind_number, kind_of};
use super::budget::{Budget, Shut};
use super::sources::{MOST_SOURCES, Sources};
use crate::IdentityError;
use model::Timestamp;
use std::collections::HashMap;

const MAGIC: &[u8; 8] = b"SGLOCK1\n";
/// Stands for no time.
const NEVER: i64 = i64::MIN;

/// What was read.
pub(super) struct Saved {
    pub(super) accounts: Vec<([u8; 16], Account)>,
    pub(super) shut_sources: Vec<([u8; 16], Timestamp)>,
    pub(super) outside: Option<Shut>,
}

pub(super) fn write(accounts: &HashMap<[u8; 16], Account>, sources: &Sources, budget: &Budget) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    let shut = budget.last_shut();
    bytes.extend(shut.map_or(NEVER, |shut| shut.until.0).to_le_bytes());
    bytes.extend(shut.map_or(NEVER, |shut| shut.for_ms).to_le_bytes());
    let shut: Vec<_> = sources.shut().collect();
    bytes.extend(count(shut.len()).to_le_bytes());
    for (id, until) in shut {
        bytes.extend(id);
        bytes.extend(until.0.to_le_bytes());
    }
    let telling: Vec<_> = accounts
        .iter()
        .filter(|(_, account)| !account.lanes.is_empty() || !account.ceilings.is_empty())
        .collect();
    bytes.extend(count(telling.len()).to_le_bytes());
    for (id, account) in telling {
        write_account(&mut bytes, id, account);
    }
    bytes
}

fn write_account(bytes: &mut Vec<u8>, id: &[u8; 16], account: &Account) {
    bytes.extend(id);
    bytes.extend(account.last.0.to_le_bytes());
    bytes.push(u8::try_from(account.ceilings.len()).unwrap_or(u8::MAX));
    for (kind, factor, wrong) in &account.ceilings {
        bytes.extend([kind_number(*kind), factor_number(*factor), *wrong]);
    }
    bytes.push(u8::try_from(account.lanes.len()).unwrap_or(u8::MAX));
    for lane in &account.lanes {
        bytes.extend(lane.id.to_bytes());
        bytes.extend(lane.wrong.to_le_bytes());
        for time in [lane.wait_until, lane.locked_until, Some(lane.last)] {
            bytes.extend(time.map_or(NEVER, |time| time.0).to_le_bytes());
        }
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// Reads what [`write`] wrote.
pub(super) fn read(bytes: &[u8]) -> Result<Saved, IdentityError> {
    let mut rest = Rest(bytes);
    if &rest.array::<8>("the beginning")? != MAGIC {
        return Err(unreadable("another beginning"));
    }
    let (until, for_ms) = (rest.number("the outside")?, rest.number("the outside")?);
    let outside = (until != NEVER).then_some(Shut { until: Timestamp(until), for_ms });
    let sources = rest.count("sources", MOST_SOURCES)?;
    let mut shut_sources = Vec::new();
    for _ in 0..sources {
        shut_sources.push((rest.array("a source")?, Timestamp(rest.number("a source")?)));
    }
    let count = rest.count("accounts", MOST_ACCOUNTS)?;
    let mut accounts = Vec::new();
    for _ in 0..count {
        accounts.push(read_account(&mut rest)?);
    }
    if rest.0.is_empty() {
        Ok(Saved { accounts, shut_sources, outside })
    } else {
        Err(unreadable("more at the end"))
    }
}

fn read_account(rest: &mut Rest<'_>) -> Result<([u8; 16], Account), IdentityError> {
    let id = rest.array("an account")?;
    let mut account = Account::new(Timestamp(rest.number("an account")?));
    for _ in 0..rest.byte("hundreds")? {
        let [kind, factor, wrong] = rest.array("a hundred")?;
        let kind = kind_of(kind).ok_or_else(|| unreadable("a kind of lane"))?;
        let factor = factor_of(factor).ok_or_else(|| unreadable("a factor"))?;
        account.ceilings.push((kind, factor, wrong));
    }
    for _ in 0..rest.byte("lanes")? {
        let [kind, factor] = rest.array("a lane")?;
        let kind = kind_of(kind).ok_or_else(|| unreadable("a kind of lane"))?;
        let factor = factor_of(factor).ok_or_else(|| unreadable("a factor"))?;
        let id = LaneId { kind, factor, place: rest.array("a lane")? };
        let wrong = u32::from_le_bytes(rest.array("a lane")?);
        let [wait, locked, last] = [rest.number("a lane")?, rest.number("a lane")?, rest.number("a lane")?];
        let time = |time: i64| (time != NEVER).then_some(Timestamp(time));
        let mut lane = Lane::new(id, Timestamp(last));
        lane.wrong = wrong;
        lane.wait_until = time(wait);
        lane.locked_until = time(locked);
        account.lanes.push(lane);
    }
    Ok((id, account))
}

struct Rest<'b>(&'b [u8]);

impl Rest<'_> {
    fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], IdentityError> {
        let (array, rest) = self.0.split_first_chunk::<N>().ok_or_else(|| unreadable(what))?;
        self.0 = rest;
        Ok(*array)
    }

    fn byte(&mut self, what: &str) -> Result<u8, IdentityError> {
        self.array::<1>(what).map(|[byte]| byte)
    }

    fn number(&mut self, what: &str) -> Result<i64, IdentityError> {
        self.array(what).map(i64::from_le_bytes)
    }

    fn count(&mut self, what: &str, most: usize) -> Result<usize, IdentityError> {
        let count = usize::try_from(u32::from_le_bytes(self.array(what)?)).unwrap_or(usize::MAX);
        if count <= most { Ok(count) } else { Err(unreadable(what)) }
    }
}

fn unreadable(what: &str) -> IdentityError {
    IdentityError::UnreadableLocks { found: what.to_owned() }
}
