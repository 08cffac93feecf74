//! Records as values, and how each is read from a row.

use crate::StoreError;
use model::{Claim, DeviceId, DeviceKind, KnownBy, PersonId, PolicyHash, Role, Scope, Timestamp, YearGroup};
use sqlx::Row;
use sqlx::any::AnyRow;
use std::net::IpAddr;

/// That somebody is at an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct WebClaim {
    /// The address.
    pub address: IpAddr,
    /// Who, how known, from when until when.
    pub claim: Claim,
}

/// A policy document with what became of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PolicyRecord {
    /// The hash of its bytes.
    pub hash: PolicyHash,
    /// What became of it.
    pub state: DocumentState,
    /// The edition's file name and text, byte for byte.
    pub edition: (String, String),
    /// The settings revision's file name and text, where there is one.
    pub settings: Option<(String, String)>,
    /// When it was put forward, by whom and why.
    pub proposed: (Timestamp, String, String),
    /// When it was approved, by whom and why.
    pub approved: Option<(Timestamp, String, String)>,
}

/// What became of a policy document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DocumentState {
    /// It waits for approval.
    Proposed,
    /// It is the law.
    InForce,
    /// It was the law.
    Superseded,
}

impl DocumentState {
    pub(crate) fn slug(self) -> &'static str {
        match self {
            Self::Proposed => "proposed",
            Self::InForce => "in-force",
            Self::Superseded => "superseded",
        }
    }

    fn parse(text: &str) -> Option<Self> {
        [Self::Proposed, Self::InForce, Self::Superseded].into_iter().find(|state| state.slug() == text)
    }
}

/// Who holds a post.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PostHolder {
    /// The post.
    pub role: Role,
    /// Where.
    pub scope: Scope,
    /// Who.
    pub person: PersonId,
    /// Since when.
    pub from: Timestamp,
    /// Until when; `None`: still.
    pub until: Option<Timestamp>,
}

/// One affiliation's row, before it is put with its person.
pub(crate) struct AffiliationRow {
    pub person: PersonId,
    pub affiliation: model::Affiliation,
}

/// One device's row, before its addresses are put with it.
pub(crate) fn read_device(row: &AnyRow) -> Result<model::Device, StoreError> {
    let assigned: Option<String> = row.try_get(4)?;
    Ok(model::Device {
        id: checked(row, 0, ("device", "id", "a UUID"), DeviceId::parse)?,
        school: model::SchoolId::new(row.try_get::<String, _>(1)?),
        name: row.try_get(2)?,
        kind: checked(row, 3, ("device", "kind", "a kind of device"), DeviceKind::parse)?,
        addresses: Vec::new(),
        assigned_to: assigned
            .map(|text| PersonId::parse(&text).ok_or(unreadable(("device", "assigned_to", "a UUID"))))
            .transpose()?,
    })
}

pub(crate) fn read_affiliation(row: &AnyRow) -> Result<AffiliationRow, StoreError> {
    let year: Option<String> = row.try_get(3)?;
    Ok(AffiliationRow {
        person: checked(row, 0, ("affiliation", "person", "a UUID"), PersonId::parse)?,
        affiliation: model::Affiliation {
            scope: checked(row, 1, ("affiliation", "scope", "a scope"), Scope::parse)?,
            role: checked(row, 2, ("affiliation", "role", "a role"), Role::parse)?,
            year: year
                .map(|text| {
                    YearGroup::parse(&text).ok_or(unreadable(("affiliation", "year_group", "a year group")))
                })
                .transpose()?,
        },
    })
}

pub(crate) fn read_web_claim(row: &AnyRow) -> Result<WebClaim, StoreError> {
    Ok(WebClaim {
        address: checked(row, 0, ("web_claim", "address", "an address"), |text| text.parse().ok())?,
        claim: Claim {
            person: checked(row, 1, ("web_claim", "person", "a UUID"), PersonId::parse)?,
            by: checked(row, 2, ("web_claim", "known_by", "a way of being known"), KnownBy::parse)?,
            from: Timestamp(row.try_get(3)?),
            until: Timestamp(row.try_get(4)?),
        },
    })
}

pub(crate) fn read_policy(row: &AnyRow) -> Result<PolicyRecord, StoreError> {
    let settings: (Option<String>, Option<String>) = (row.try_get(4)?, row.try_get(5)?);
    let approved: (Option<i64>, Option<String>, Option<String>) =
        (row.try_get(9)?, row.try_get(10)?, row.try_get(11)?);
    Ok(PolicyRecord {
        hash: PolicyHash::new(row.try_get::<String, _>(0)?),
        state: checked(row, 1, ("policy_document", "state", "a state"), DocumentState::parse)?,
        edition: (row.try_get(2)?, row.try_get(3)?),
        settings: settings.0.zip(settings.1),
        proposed: (Timestamp(row.try_get(6)?), row.try_get(7)?, row.try_get(8)?),
        approved: match approved {
            (Some(at), Some(by), Some(why)) => Some((Timestamp(at), by, why)),
            _ => None,
        },
    })
}

pub(crate) fn read_post_holder(row: &AnyRow) -> Result<PostHolder, StoreError> {
    let until: Option<i64> = row.try_get(4)?;
    Ok(PostHolder {
        role: checked(row, 0, ("post_holder", "role", "a role"), Role::parse)?,
        scope: checked(row, 1, ("post_holder", "scope", "a scope"), Scope::parse)?,
        person: checked(row, 2, ("post_holder", "person", "a UUID"), PersonId::parse)?,
        from: Timestamp(row.try_get(3)?),
        until: until.map(Timestamp),
    })
}

/// Table, column and what it should hold.
type Cell = (&'static str, &'static str, &'static str);

/// Reads a text cell as a checked value.
pub(crate) fn checked<T>(
    row: &AnyRow,
    index: usize,
    cell: Cell,
    parse: impl FnOnce(&str) -> Option<T>,
) -> Result<T, StoreError> {
    let text: String = row.try_get(index)?;
    parse(&text).ok_or(unreadable(cell))
}

fn unreadable((table, column, expected): Cell) -> StoreError {
    StoreError::UnreadableRow { table, column, expected }
}
