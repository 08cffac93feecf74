//! Changing the records: every change is a value, and [`Store::commit`](crate::Store::commit) is the one door they go through, together with
//! the fact that says who makes them.

use crate::read::{ACCESS_REVISION, POLICY_REVISION, ROSTER_REVISION};
use crate::{
    AccountChange, AlertChange, BadgeChange, CaseChange, ClassChange, ClassWindowChange, ExportChange, Fact,
    FactorName, ImportChange, NotificationChange, RecoveryChange, ReportChange, ReviewChange, RightsChange,
    SealedChange, SessionChange, Store, StoreError, VisitorChange, account_change, alert, audit, audit_check,
    badge, case, class, class_window, export, factor, notification, people_import, recovery, report, review,
    rights, sealed, session, visitor,
};
use model::{Affiliation, Checkpoint, Claim, Device, Person, PersonId, PolicyHash, Role, Scope, Timestamp};
use sqlx::{AnyConnection, Row as _};
use std::collections::BTreeSet;
use std::net::IpAddr;

/// One change to the records. It holds names and hashes, so it is never printed.
#[derive(Clone)]
pub enum Change {
    /// Adds somebody with what they are.
    AddPerson {
        /// The person.
        person: Person,
        /// Whose record it is: the trust's, or the lone school's.
        scope: Scope,
    },
    /// Gives somebody another name; their login stays.
    Rename {
        /// Who.
        person: PersonId,
        /// The name that screens show.
        display_name: String,
    },
    /// Puts other affiliations in the place of all a person had. What somebody who worked here is no more stays on record as a
    /// post that ended (see [`Store::roles_held`]).
    SetAffiliations {
        /// Who.
        person: PersonId,
        /// What they are from now on; the first that covers a place counts there.
        affiliations: Vec<Affiliation>,
    },
    /// Changes an account or what opens it.
    Account(AccountChange),
    /// Adds a device with its addresses.
    AddDevice(Device),
    /// Changes a session.
    Session(SessionChange),
    /// Changes a class.
    Class(ClassChange),
    /// Changes a badge or pictures.
    Badge(BadgeChange),
    /// Opens or closes the window in which a class's badges count.
    ClassWindow(ClassWindowChange),
    /// Changes a sealed record of one of the youngest.
    Sealed(SealedChange),
    /// Takes away sessions and claims that ended before a time.
    ForgetEnded {
        /// The time.
        before: Timestamp,
    },
    /// Notes that somebody is at an address; an earlier claim of the same person there is replaced.
    ClaimAddress {
        /// The address.
        address: IpAddr,
        /// Who, how known, from when until when.
        claim: Claim,
        /// Whose record it is.
        scope: Scope,
    },
    /// Ends every claim on an address by a sign-in there, but for one person's: the next child's badge takes its place.
    EndClaimsAt {
        /// The address.
        address: IpAddr,
        /// Whose claim stays.
        but: PersonId,
    },
    /// Ends a claim; one that is gone already is no mistake.
    EndClaim {
        /// The address.
        address: IpAddr,
        /// Who.
        person: PersonId,
    },
    /// Puts a policy document forward.
    ProposePolicy(NewPolicy),
    /// Puts a proposed document in force, in the place of the one that was.
    ApprovePolicy(Approval),
    /// Gives somebody a post.
    GivePost {
        /// The post.
        role: Role,
        /// Where.
        scope: Scope,
        /// Who.
        person: PersonId,
        /// From when on.
        from: Timestamp,
    },
    /// Ends somebody's post; one that has ended already is no mistake.
    EndPost {
        /// The post.
        role: Role,
        /// Where.
        scope: Scope,
        /// Who.
        person: PersonId,
        /// From when on they do not hold it.
        at: Timestamp,
    },
    /// Notes something about the installation, such as the gate's number.
    NoteInstallation {
        /// Its name.
        name: &'static str,
        /// Its value.
        value: String,
    },
    /// Counts on a note of the installation being as it was read, and puts another in its place: whoever decides by what
    /// they read learns so that somebody else decided meanwhile.
    FollowInstallation {
        /// Its name.
        name: &'static str,
        /// What it was; `None`: it was not there.
        before: Option<String>,
        /// What it is from now on.
        after: String,
    },
    /// Gives a second factor its name; a passkey's own id stays as it was first noted.
    NameFactor {
        /// The factor.
        factor: FactorName,
        /// Whose record it is.
        scope: Scope,
    },
    /// Changes a recovery account.
    Recovery(RecoveryChange),
    /// Notes where a chain of facts had got to.
    AddCheckpoint(Checkpoint),
    /// Changes an alert.
    Alert(AlertChange),
    /// Changes a case.
    Case(CaseChange),
    /// Changes what was reported, or a weekly report.
    Report(ReportChange),
    /// Changes a request of somebody outside.
    Export(ExportChange),
    /// Changes what is to leave.
    Notification(NotificationChange),
    /// Changes a request for rights, or a grant.
    Rights(RightsChange),
    /// Changes a review of accounts or of rights.
    Review(ReviewChange),
    /// Changes a pool of visitors' accounts.
    Visitor(VisitorChange),
    /// Changes an import of people.
    Import(ImportChange),
}

/// A policy document to put forward.
#[derive(Clone, Debug)]
pub struct NewPolicy {
    /// The hash of its bytes.
    pub hash: PolicyHash,
    /// Whose policy it is.
    pub scope: Scope,
    /// The edition's file name and text, byte for byte.
    pub edition: (String, String),
    /// The settings revision's file name and text, where there is one.
    pub settings: Option<(String, String)>,
    /// When.
    pub at: Timestamp,
    /// Who, as the audit log writes it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// The approval of a policy document.
#[derive(Clone, Debug)]
pub struct Approval {
    /// The document.
    pub hash: PolicyHash,
    /// Whose policy it is.
    pub scope: Scope,
    /// When.
    pub at: Timestamp,
    /// Who, as the audit log writes it.
    pub by: String,
    /// Why.
    pub why: String,
}

/// What a commit did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Committed {
    /// The fact's place in its scope's chain.
    pub sequence: i64,
}

impl Change {
    /// The revision that the change raises, so that a running gate sees what another program changed.
    fn revises(&self) -> Option<&'static str> {
        match self {
            Self::AddPerson { .. }
            | Self::Rename { .. }
            | Self::SetAffiliations { .. }
            | Self::AddDevice(_) => Some(ROSTER_REVISION),
            Self::ApprovePolicy(_) => Some(POLICY_REVISION),
            Self::Account(change) if change.ends_something() => Some(ACCESS_REVISION),
            _ => None,
        }
    }
}

impl Store {
    /// Does all that [`Store::commit`] does, to the last row, and takes it back: nothing of it stays. A rehearsal.
    ///
    /// # Errors
    /// Those that the commit would have.
    pub async fn rehearse(&self, fact: &Fact, changes: &[Change]) -> Result<(), StoreError> {
        let _turn = self.writer.lock().await;
        let mut transaction = self.pool.begin_with(self.begin).await?;
        self.take_turn(&mut transaction).await?;
        write_one(&mut transaction, fact, changes).await?;
        transaction.rollback().await?;
        Ok(())
    }
}

/// Writes a fact and its changes within a transaction. Where it fails, what was written of it is to be taken back.
pub(crate) async fn write_one(
    connection: &mut AnyConnection,
    fact: &Fact,
    changes: &[Change],
) -> Result<Committed, StoreError> {
    for change in changes {
        apply(connection, (change, fact.at)).await?;
    }
    let sequence = audit::append(connection, fact).await?;
    for name in changes.iter().filter_map(Change::revises).collect::<BTreeSet<_>>() {
        note_installation(connection, name, &format!("{}:{sequence}", fact.scope)).await?;
    }
    Ok(Committed { sequence })
}

async fn apply(connection: &mut AnyConnection, (change, at): (&Change, Timestamp)) -> Result<(), StoreError> {
    match change {
        Change::AddPerson { person, scope } => add_person(connection, person, scope).await,
        Change::Rename { person, display_name } => rename(connection, *person, display_name).await,
        Change::SetAffiliations { person, affiliations } => {
            set_affiliations(connection, (*person, at), affiliations).await
        }
        Change::Account(change) => account_change::apply(connection, change).await,
        Change::AddDevice(device) => add_device(connection, device).await,
        Change::Session(change) => session::apply(connection, change).await,
        Change::Class(change) => class::apply(connection, change).await,
        Change::Badge(change) => badge::apply(connection, change).await,
        Change::ClassWindow(change) => class_window::apply(connection, change).await,
        Change::Sealed(change) => sealed::apply(connection, change).await,
        Change::ForgetEnded { before } => forget_ended(connection, *before).await,
        Change::ClaimAddress { address, claim, scope } => {
            claim_address(connection, *address, claim, scope).await
        }
        Change::EndClaimsAt { address, but } => {
            let query = sqlx::query(
                "delete from web_claim where address = $1 and person <> $2 and known_by = 'sign-in'",
            );
            let query = query.bind(address.to_canonical().to_string()).bind(but.to_string());
            query.execute(connection).await?;
            Ok(())
        }
        Change::EndClaim { address, person } => {
            let query = sqlx::query("delete from web_claim where address = $1 and person = $2");
            query
                .bind(address.to_canonical().to_string())
                .bind(person.to_string())
                .execute(connection)
                .await?;
            Ok(())
        }
        Change::ProposePolicy(policy) => propose_policy(connection, policy).await,
        Change::ApprovePolicy(approval) => approve_policy(connection, approval).await,
        Change::GivePost { role, scope, person, from } => {
            give_post(connection, (*role, scope), *person, *from).await
        }
        Change::EndPost { role, scope, person, at } => {
            end_post(connection, (*role, scope), *person, *at).await
        }
        Change::NoteInstallation { name, value } => note_installation(connection, name, value).await,
        Change::FollowInstallation { name, before, after } => {
            follow_installation(connection, name, before.as_deref(), after).await
        }
        Change::NameFactor { factor, scope } => factor::set(connection, factor, scope).await,
        Change::Recovery(change) => recovery::apply(connection, change).await,
        Change::AddCheckpoint(checkpoint) => audit_check::add_checkpoint(connection, checkpoint).await,
        Change::Alert(change) => alert::apply(connection, change).await,
        Change::Case(change) => case::apply(connection, change).await,
        Change::Report(change) => report::apply(connection, change).await,
        Change::Export(change) => export::apply(connection, change).await,
        Change::Notification(change) => notification::apply(connection, change).await,
        Change::Rights(change) => rights::apply(connection, change).await,
        Change::Review(change) => review::apply(connection, change).await,
        Change::Visitor(change) => visitor::apply(connection, change).await,
        Change::Import(change) => people_import::apply(connection, change).await,
    }
}

async fn add_person(
    connection: &mut AnyConnection,
    person: &Person,
    scope: &Scope,
) -> Result<(), StoreError> {
    sqlx::query("insert into person (id, scope, login, display_name, added) values ($1, $2, $3, $4, $5)")
        .bind(person.id.to_string())
        .bind(scope.to_string())
        .bind(person.login.clone())
        .bind(person.display_name.clone())
        .bind(unix_ms(person.id.0))
        .execute(&mut *connection)
        .await
        .map_err(|error| taken(error, "a login"))?;
    insert_affiliations(connection, person.id, &person.affiliations).await
}

async fn rename(
    connection: &mut AnyConnection,
    person: PersonId,
    display_name: &str,
) -> Result<(), StoreError> {
    let update = sqlx::query("update person set display_name = $2 where id = $1")
        .bind(person.to_string())
        .bind(display_name.to_owned());
    if update.execute(connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict { expected: "the person to be on the roster" });
    }
    Ok(())
}

async fn set_affiliations(
    connection: &mut AnyConnection,
    (person, at): (PersonId, Timestamp),
    affiliations: &[Affiliation],
) -> Result<(), StoreError> {
    let there = sqlx::query("update person set login = login where id = $1").bind(person.to_string());
    if there.execute(&mut *connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict { expected: "the person to be on the roster" });
    }
    keep_as_posts(connection, (person, at), affiliations).await?;
    let old = sqlx::query("delete from affiliation where person = $1").bind(person.to_string());
    old.execute(&mut *connection).await?;
    insert_affiliations(connection, person, affiliations).await
}

/// Keeps what somebody is no more as a post that ended, where no post of theirs says it: whoever was a head is read about as
/// one after they left. When it began nobody wrote down, so that it begins as it ends.
async fn keep_as_posts(
    connection: &mut AnyConnection,
    (person, at): (PersonId, Timestamp),
    affiliations: &[Affiliation],
) -> Result<(), StoreError> {
    let rows = sqlx::query(
        "select role, scope from affiliation where person = $1 and role not in ('learner', 'guest') \
         and not exists (select 1 from post_holder where post_holder.person = affiliation.person \
         and post_holder.role = affiliation.role and post_holder.scope = affiliation.scope)",
    )
    .bind(person.to_string())
    .fetch_all(&mut *connection)
    .await?;
    for row in rows {
        let (role, scope): (String, String) = (row.try_get(0)?, row.try_get(1)?);
        if affiliations.iter().any(|held| held.role.slug() == role && held.scope.to_string() == scope) {
            continue;
        }
        sqlx::query(
            "insert into post_holder (role, scope, person, starts, ends) values ($1, $2, $3, $4, $4) \
             on conflict do nothing",
        )
        .bind(role)
        .bind(scope)
        .bind(person.to_string())
        .bind(at.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn insert_affiliations(
    connection: &mut AnyConnection,
    person: PersonId,
    affiliations: &[Affiliation],
) -> Result<(), StoreError> {
    for (place, affiliation) in (0_i16..).zip(affiliations) {
        sqlx::query(
            "insert into affiliation (person, place, scope, role, year_group) values ($1, $2, $3, $4, $5)",
        )
        .bind(person.to_string())
        .bind(place)
        .bind(affiliation.scope.to_string())
        .bind(affiliation.role.slug())
        .bind(affiliation.year.map(|year| year.to_string()))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn add_device(connection: &mut AnyConnection, device: &Device) -> Result<(), StoreError> {
    let scope = Scope::School(device.school.clone()).to_string();
    sqlx::query(
        "insert into device (id, scope, school, name, kind, assigned_to, added) values ($1, $2, $3, $4, $5, $6, $7)",
    )
    .bind(device.id.to_string())
    .bind(scope.clone())
    .bind(device.school.to_string())
    .bind(device.name.clone())
    .bind(device.kind.slug())
    .bind(device.assigned_to.map(|person| person.to_string()))
    .bind(unix_ms(device.id.0))
    .execute(&mut *connection)
    .await?;
    for address in &device.addresses {
        sqlx::query("insert into device_address (address, scope, device) values ($1, $2, $3)")
            .bind(address.to_canonical().to_string())
            .bind(scope.clone())
            .bind(device.id.to_string())
            .execute(&mut *connection)
            .await
            .map_err(|error| taken(error, "a device's address"))?;
    }
    Ok(())
}

async fn forget_ended(connection: &mut AnyConnection, before: Timestamp) -> Result<(), StoreError> {
    sqlx::query("delete from session where expires <= $1").bind(before.0).execute(&mut *connection).await?;
    sqlx::query("delete from web_claim where ends <= $1").bind(before.0).execute(connection).await?;
    Ok(())
}

async fn claim_address(
    connection: &mut AnyConnection,
    address: IpAddr,
    claim: &Claim,
    scope: &Scope,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into web_claim (address, person, scope, known_by, starts, ends) values ($1, $2, $3, $4, $5, $6) \
         on conflict (address, person) do update \
         set scope = excluded.scope, known_by = excluded.known_by, starts = excluded.starts, ends = excluded.ends",
    )
    .bind(address.to_canonical().to_string())
    .bind(claim.person.to_string())
    .bind(scope.to_string())
    .bind(claim.by.slug())
    .bind(claim.from.0)
    .bind(claim.until.0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn propose_policy(connection: &mut AnyConnection, policy: &NewPolicy) -> Result<(), StoreError> {
    let (settings_name, settings) = policy.settings.clone().unzip();
    sqlx::query(
        "insert into policy_document (hash, scope, state, edition_name, edition, settings_name, settings, \
         proposed_at, proposed_by, proposed_why) values ($1, $2, 'proposed', $3, $4, $5, $6, $7, $8, $9)",
    )
    .bind(policy.hash.to_string())
    .bind(policy.scope.to_string())
    .bind(policy.edition.0.clone())
    .bind(policy.edition.1.clone())
    .bind(settings_name)
    .bind(settings)
    .bind(policy.at.0)
    .bind(policy.by.clone())
    .bind(policy.why.clone())
    .execute(connection)
    .await
    .map_err(|error| taken(error, "a policy document"))?;
    Ok(())
}

async fn approve_policy(connection: &mut AnyConnection, approval: &Approval) -> Result<(), StoreError> {
    // The old one makes room first: an index holds at most one in force for a scope.
    sqlx::query(
        "update policy_document set state = 'superseded' where scope = $1 and state = 'in-force' and hash <> $2",
    )
    .bind(approval.scope.to_string())
    .bind(approval.hash.to_string())
    .execute(&mut *connection)
    .await?;
    let update = sqlx::query(
        "update policy_document set state = 'in-force', approved_at = $3, approved_by = $4, approved_why = $5 \
         where scope = $1 and hash = $2 and state in ('proposed', 'superseded')",
    )
    .bind(approval.scope.to_string())
    .bind(approval.hash.to_string())
    .bind(approval.at.0)
    .bind(approval.by.clone())
    .bind(approval.why.clone());
    if update.execute(connection).await?.rows_affected() != 1 {
        return Err(StoreError::Conflict {
            expected: "a policy document with that hash that is not in force",
        });
    }
    Ok(())
}

async fn give_post(
    connection: &mut AnyConnection,
    (role, scope): (Role, &Scope),
    person: PersonId,
    from: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query("insert into post_holder (role, scope, person, starts) values ($1, $2, $3, $4)")
        .bind(role.slug())
        .bind(scope.to_string())
        .bind(person.to_string())
        .bind(from.0)
        .execute(connection)
        .await
        .map_err(|error| taken(error, "a post for this person from this moment"))?;
    Ok(())
}

async fn end_post(
    connection: &mut AnyConnection,
    (role, scope): (Role, &Scope),
    person: PersonId,
    at: Timestamp,
) -> Result<(), StoreError> {
    sqlx::query(
        "update post_holder set ends = $4 where role = $1 and scope = $2 and person = $3 \
         and (ends is null or ends > $4)",
    )
    .bind(role.slug())
    .bind(scope.to_string())
    .bind(person.to_string())
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn note_installation(
    connection: &mut AnyConnection,
    name: &str,
    value: &str,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into installation (name, scope, value) values ($1, 'trust', $2) \
         on conflict (name) do update set value = excluded.value",
    )
    .bind(name.to_owned())
    .bind(value.to_owned())
    .execute(connection)
    .await?;
    Ok(())
}

async fn follow_installation(
    connection: &mut AnyConnection,
    name: &str,
    before: Option<&str>,
    after: &str,
) -> Result<(), StoreError> {
    let moved = match before {
        Some(before) => {
            let update = sqlx::query("update installation set value = $3 where name = $1 and value = $2");
            let update = update.bind(name.to_owned()).bind(before.to_owned()).bind(after.to_owned());
            update.execute(connection).await?.rows_affected()
        }
        None => {
            let insert = sqlx::query(
                "insert into installation (name, scope, value) values ($1, 'trust', $2) on conflict (name) do nothing",
            );
            insert.bind(name.to_owned()).bind(after.to_owned()).execute(connection).await?.rows_affected()
        }
    };
    if moved == 1 { Ok(()) } else { Err(StoreError::Overtaken { name: name.to_owned() }) }
}

/// The moment a UUIDv7 was made, which is when its row was.
fn unix_ms(id: uuid::Uuid) -> i64 {
    i64::try_from(id.as_u128() >> 80).unwrap_or(0)
}

/// What a row that is there already means to whoever adds one.
pub(crate) fn taken(error: sqlx::Error, what: &'static str) -> StoreError {
    match error {
        sqlx::Error::Database(database) if database.is_unique_violation() => StoreError::Taken { what },
        other => StoreError::Database(other),
    }
}
