//! The three parts of a row that repeat: who asked, why it was decided so, and how it came in. A slice of columns keeps
//! each different one once; a filter asks each different one once.
//!
//! The order of the fields is the format of `.columns` files.

use crate::row::{Added, Row};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::net::IpAddr;

/// Who asked, from where.
#[derive(Serialize, Deserialize, PartialEq, Clone, Copy, Debug)]
pub(crate) struct Who<'a> {
    #[serde(borrow)]
    pub school: Option<&'a str>,
    pub person: Option<[u8; 16]>,
    pub device: Option<[u8; 16]>,
    pub address: IpAddr,
    pub group: Option<&'a str>,
    pub known_by: Option<&'a str>,
    pub known_since: Option<i64>,
    pub known_until: Option<i64>,
}

/// What became of it, and why.
#[derive(Serialize, Deserialize, PartialEq, Clone, Copy, Debug)]
pub(crate) struct Why<'a> {
    pub outcome: &'a str,
    pub layer: &'a str,
    #[serde(borrow)]
    pub category: Option<&'a str>,
    pub list: Option<(&'a str, u32)>,
    pub entry: Option<&'a str>,
    pub policy: &'a str,
    pub lists: &'a str,
}

/// The way it came in, and the answer's status.
#[derive(Serialize, Deserialize, PartialEq, Clone, Copy, Debug)]
pub(crate) struct How<'a> {
    pub channel: &'a str,
    pub method: &'a str,
    pub port: u16,
    pub status: Option<u16>,
}

/// What of a row does not repeat.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rest<'a> {
    pub at: i64,
    pub host: &'a str,
    pub path: &'a str,
    pub bytes_up: u64,
    pub bytes_down: u64,
    pub took_ms: u32,
}

impl<'a> Row<'a> {
    pub fn who(&self) -> Who<'_> {
        Who {
            school: self.school,
            person: self.person,
            device: self.device,
            address: self.address,
            group: self.group,
            known_by: self.known_by,
            known_since: self.added.known_since,
            known_until: self.added.known_until,
        }
    }

    pub fn why(&self) -> Why<'_> {
        Why {
            outcome: self.outcome,
            layer: self.layer,
            category: self.category,
            list: self.list,
            entry: self.entry,
            policy: self.policy,
            lists: self.lists,
        }
    }

    pub fn how(&self) -> How<'_> {
        How { channel: self.channel, method: self.method, port: self.port, status: self.status }
    }

    /// A row out of its parts.
    pub fn of_parts(who: &Who<'a>, why: &Why<'a>, how: &How<'a>, rest: Rest<'a>) -> Self {
        Self {
            at: rest.at,
            school: who.school,
            address: who.address,
            person: who.person,
            known_by: who.known_by,
            device: who.device,
            group: who.group,
            channel: how.channel,
            method: how.method,
            host: Cow::Borrowed(rest.host),
            port: how.port,
            path: rest.path,
            outcome: why.outcome,
            layer: why.layer,
            category: why.category,
            list: why.list,
            entry: why.entry,
            policy: why.policy,
            lists: why.lists,
            status: how.status,
            bytes_up: rest.bytes_up,
            bytes_down: rest.bytes_down,
            took_ms: rest.took_ms,
            added: Added { known_since: who.known_since, known_until: who.known_until },
        }
    }
}
