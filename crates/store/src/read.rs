//! Reading the records. Each method is one query, or one for each table it joins in memory, and bounded.

use crate::rows::{checked, read_affiliation, read_device, read_policy, read_post_holder, read_web_claim};
use crate::{PolicyRecord, PostHolder, Store, StoreError, WebClaim};
use model::{Device, DeviceId, Person, PersonId, PolicyHash, Role, Scope, Timestamp};
use sqlx::Row;
use std::collections::HashMap;
use std::net::IpAddr;

/// The most rows of a table that are read at once: far above the largest trust, far below the machine's memory.
pub const MOST_ROWS: usize = 200_000;

/// The installation's note of the newest change of the roster.
pub(crate) const ROSTER_REVISION: &str = "roster-revision";
/// The installation's note of the newest change of the policy in force.
pub(crate) const POLICY_REVISION: &str = "policy-revision";

/// The installation's note of the newest change of who may sign in.
pub(crate) const ACCESS_REVISION: &str = "access-revision";

/// What changes whenever something else does; `None` before the first change. Compare, and read nothing into it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Revisions {
    /// Of people, their affiliations, and devices.
    pub roster: Option<String>,
    /// Of the policy in force.
    pub policy: Option<String>,
    /// Of who may go on with what they signed in to.
    pub access: Option<String>,
}

/// One more than the bound, so that a table beyond it is noticed.
pub(crate) const LIMIT: i64 = 200_001;

impl Store {
    /// Everybody, with what they are where, in no order.
    pub async fn people(&self) -> Result<Vec<Person>, StoreError> {
        let rows = sqlx::query("select id, login, display_name from person limit $1")
            .bind(LIMIT)
            .fetch_all(&self.pool)
            .await?;
        bounded(rows.len(), "person")?;
        let mut affiliations = self.affiliations().await?;
        rows.iter()
            .map(|row| {
                let id = checked(row, 0, ("person", "id", "a UUID"), PersonId::parse)?;
                Ok(Person {
                    id,
                    login: row.try_get(1)?,
                    display_name: row.try_get(2)?,
                    affiliations: affiliations.remove(&id).unwrap_or_default(),
                })
            })
            .collect()
    }

    async fn affiliations(&self) -> Result<HashMap<PersonId, Vec<model::Affiliation>>, StoreError> {
        let rows = sqlx::query(
            "select person, scope, role, year_group from affiliation order by person, place limit $1",
        )
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "affiliation")?;
        let mut affiliations: HashMap<PersonId, Vec<model::Affiliation>> = HashMap::new();
        for row in &rows {
            let row = read_affiliation(row)?;
            affiliations.entry(row.person).or_default().push(row.affiliation);
        }
        Ok(affiliations)
    }

    /// Every device with its addresses, in no order.
    pub async fn devices(&self) -> Result<Vec<Device>, StoreError> {
        let rows = sqlx::query("select id, school, name, kind, assigned_to from device limit $1")
            .bind(LIMIT)
            .fetch_all(&self.pool)
            .await?;
        bounded(rows.len(), "device")?;
        let mut devices: HashMap<DeviceId, Device> = HashMap::new();
        for row in &rows {
            let device = read_device(row)?;
            devices.insert(device.id, device);
        }
        let rows = sqlx::query("select device, address from device_address order by address limit $1")
            .bind(LIMIT)
            .fetch_all(&self.pool)
            .await?;
        bounded(rows.len(), "device_address")?;
        for row in &rows {
            let id = checked(row, 0, ("device_address", "device", "a UUID"), DeviceId::parse)?;
            let address: IpAddr =
                checked(row, 1, ("device_address", "address", "an address"), |text| text.parse().ok())?;
            if let Some(device) = devices.get_mut(&id) {
                device.addresses.push(address);
            }
        }
        Ok(devices.into_values().collect())
    }

    /// The claims on addresses that have not ended, oldest first.
    pub async fn web_claims(&self, now: Timestamp) -> Result<Vec<WebClaim>, StoreError> {
        let rows = sqlx::query(
            "select address, person, known_by, starts, ends from web_claim where ends > $1 order by starts, person limit $2",
        )
        .bind(now.0)
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "web_claim")?;
        rows.iter().map(read_web_claim).collect()
    }

    /// The policy document with this hash.
    pub async fn policy(&self, hash: &PolicyHash) -> Result<Option<PolicyRecord>, StoreError> {
        sqlx::query(
            "select hash, state, edition_name, edition, settings_name, settings, proposed_at, proposed_by, \
             proposed_why, approved_at, approved_by, approved_why from policy_document where hash = $1",
        )
        .bind(hash.to_string())
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(read_policy)
        .transpose()
    }

    /// The hashes of policy documents that begin with `prefix`, at most two: enough to see whether it names one.
    pub async fn policies_beginning(&self, prefix: &str) -> Result<Vec<PolicyHash>, StoreError> {
        let rows = sqlx::query(
            "select hash from policy_document where substr(hash, 1, $1) = $2 order by hash limit 2",
        )
        .bind(i32::try_from(prefix.chars().count()).unwrap_or(i32::MAX))
        .bind(prefix.to_owned())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(PolicyHash::new(row.try_get::<String, _>(0)?))).collect()
    }

    /// The policy document in force for a scope.
    pub async fn policy_in_force(&self, scope: &Scope) -> Result<Option<PolicyRecord>, StoreError> {
        sqlx::query(
            "select hash, state, edition_name, edition, settings_name, settings, proposed_at, proposed_by, \
             proposed_why, approved_at, approved_by, approved_why from policy_document \
             where scope = $1 and state = 'in-force'",
        )
        .bind(scope.to_string())
        .fetch_optional(&self.pool)
        .await?
        .as_ref()
        .map(read_policy)
        .transpose()
    }

    /// How many policy documents wait for approval in a scope.
    pub async fn policies_waiting(&self, scope: &Scope) -> Result<u64, StoreError> {
        let row = sqlx::query("select count(*) from policy_document where scope = $1 and state = 'proposed'")
            .bind(scope.to_string())
            .fetch_one(&self.pool)
            .await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
    }

    /// Who holds which post at a time.
    pub async fn post_holders(&self, now: Timestamp) -> Result<Vec<PostHolder>, StoreError> {
        let rows = sqlx::query(
            "select role, scope, person, starts, ends from post_holder \
             where starts <= $1 and (ends is null or ends > $1) order by role, scope, starts limit $2",
        )
        .bind(now.0)
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        bounded(rows.len(), "post_holder")?;
        rows.iter().map(read_post_holder).collect()
    }

    /// The roles that somebody ever held a post of, was given rights by, or is no more, once each: what is left on record of
    /// whoever belongs nowhere any more. Learners and guests leave none.
    pub async fn roles_held(&self, person: PersonId) -> Result<Vec<Role>, StoreError> {
        let rows = sqlx::query(
            "select role from post_holder where person = $1 \
             union select role from rights_grant where person = $1 order by role limit $2",
        )
        .bind(person.to_string())
        .bind(LIMIT)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| checked(row, 0, ("post_holder", "role", "a role"), Role::parse)).collect()
    }

    /// What the installation notes under a name, such as the gate's number.
    pub async fn installation(&self, name: &str) -> Result<Option<String>, StoreError> {
        let row = sqlx::query("select value from installation where name = $1")
            .bind(name.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| row.try_get(0)).transpose()?)
    }

    /// How many people are on the roster.
    pub async fn count_people(&self) -> Result<u64, StoreError> {
        let row = sqlx::query("select count(*) from person").fetch_one(&self.pool).await?;
        Ok(u64::try_from(row.try_get::<i64, _>(0)?).unwrap_or(0))
    }

    /// What changes whenever the roster or the policy in force does, whoever changed it.
    pub async fn revisions(&self) -> Result<Revisions, StoreError> {
        Ok(Revisions {
            roster: self.installation(ROSTER_REVISION).await?,
            policy: self.installation(POLICY_REVISION).await?,
            access: self.installation(ACCESS_REVISION).await?,
        })
    }
}

/// Refuses to go on with a table that has more rows than are read at once.
pub(crate) fn bounded(found: usize, table: &'static str) -> Result<(), StoreError> {
    if found > MOST_ROWS {
        return Err(StoreError::TooMany { table, most: MOST_ROWS });
    }
    Ok(())
}
