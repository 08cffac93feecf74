//! Changing accounts and what opens them. Left out on purpose: which change may follow on which.
//!
//! Invariants: a login is never given twice; a revoked credential has no verifier any more; what ends an account's use
//! ends its sessions and its person's sign-ins to the web in the same transaction.

use crate::change::taken;
use crate::{Account, Credential, StoreError};
use model::{AccountId, AccountState, CredentialId, CredentialKind, PersonId, Scope, Timestamp};
use sqlx::AnyConnection;

/// A change of accounts. It holds verifiers, so it is never printed.
#[derive(Clone)]
pub enum AccountChange {
    /// Makes an account.
    Add(Account),
    /// Makes an account one that may be used, or may not. Where it may not any more, everything ends that was signed in to.
    /// A closed one stays closed: any other state for it is a conflict.
    SetState {
        /// Which.
        account: AccountId,
        /// What it is from now on.
        state: AccountState,
        /// When.
        at: Timestamp,
    },
    /// Opens an account that was never used, at its first use; in any other state it stays as it is.
    FirstUse {
        /// Which.
        account: AccountId,
    },
    /// From when on an account may not be used any more, or that it does not end by itself.
    EndAt {
        /// Which.
        account: AccountId,
        /// When.
        ends: Option<Timestamp>,
    },
    /// Whether its holder must choose a password before anything else.
    SetMustChange {
        /// Which.
        account: AccountId,
        /// Whether.
        must_change: bool,
    },
    /// Adds something that opens an account.
    AddCredential {
        /// What.
        credential: Credential,
        /// Whose record it is.
        scope: Scope,
    },
    /// Takes away everything of these kinds that opens an account.
    Revoke {
        /// Which account.
        account: AccountId,
        /// What.
        kinds: Vec<CredentialKind>,
        /// When.
        at: Timestamp,
    },
    /// Takes away one thing that opens an account, and only where it was still there: a recovery code works once.
    RevokeOne {
        /// What.
        credential: CredentialId,
        /// When.
        at: Timestamp,
    },
    /// Notes that something opened its account, and only where that may still be used and it still works: hashing takes
    /// a while, and nobody outruns a suspension or a reset by it. With a counter, only where that is above the last one.
    Worked {
        /// What.
        credential: CredentialId,
        /// When.
        at: Timestamp,
        /// The step of an app's code.
        counter: Option<i64>,
    },
    /// Puts a verifier of today's parameters in the place of one of the same password.
    Rehash {
        /// Of what.
        credential: CredentialId,
        /// The verifier.
        verifier: String,
    },
    /// Notes the keyed fingerprint of a password that somebody chose.
    NoteFingerprint {
        /// Of which account.
        account: AccountId,
        /// Whose.
        person: PersonId,
        /// The fingerprint.
        fingerprint: String,
        /// When.
        at: Timestamp,
        /// Whose record it is.
        scope: Scope,
    },
    /// Ends everything that a person is signed in to, with whichever account, but for one session.
    EndEverything {
        /// Who.
        person: PersonId,
        /// The SHA-256 of the token of the session that stays.
        but: Option<String>,
        /// When.
        at: Timestamp,
    },
}

impl AccountChange {
    /// Makes an account that is open already, with a password that its holder chose; its credential has the same id.
    pub fn open(account: Account, verifier: String) -> [Self; 2] {
        let account = Account { state: AccountState::Open, must_change: false, ..account };
        let (id, kind, scope) = (CredentialId(account.id.0), CredentialKind::Password, account.scope.clone());
        let credential = Credential::new(id, account.id, kind, verifier, account.created);
        [Self::Add(account), Self::AddCredential { credential, scope }]
    }

    /// True where a running gate must look who may still go on.
    pub(crate) fn ends_something(&self) -> bool {
        matches!(self, Self::SetState { .. } | Self::EndEverything { .. })
    }
}

pub(crate) async fn apply(connection: &mut AnyConnection, change: &AccountChange) -> Result<(), StoreError> {
    match change {
        AccountChange::Add(account) => add(connection, account).await,
        AccountChange::SetState { account, state, at } => set_state(connection, *account, *state, *at).await,
        AccountChange::FirstUse { account } => {
            let update = sqlx::query("update account set state = 'open' where id = $1 and state = 'pending'");
            update.bind(account.to_string()).execute(connection).await?;
            Ok(())
        }
        AccountChange::SetMustChange { account, must_change } => {
            let update = sqlx::query("update account set must_change = $2 where id = $1")
                .bind(account.to_string())
                .bind(i64::from(*must_change));
            one(update.execute(connection).await?.rows_affected(), "the account to be there")
        }
        AccountChange::EndAt { account, ends } => {
            let update = sqlx::query("update account set ends = $2 where id = $1")
                .bind(account.to_string())
                .bind(ends.map(|at| at.0));
            one(update.execute(connection).await?.rows_affected(), "the account to be there")
        }
        AccountChange::AddCredential { credential, scope } => {
            add_credential(connection, credential, scope).await
        }
        AccountChange::Revoke { account, kinds, at } => revoke(connection, *account, kinds, *at).await,
        AccountChange::RevokeOne { credential, at } => {
            let update = sqlx::query(
                "update credential set revoked = $2, verifier = '' where id = $1 and revoked is null",
            );
            let update = update.bind(credential.to_string()).bind(at.0);
            one(update.execute(connection).await?.rows_affected(), "the credential to work still")
        }
        AccountChange::Worked { credential, at, counter } => {
            worked(connection, *credential, *at, *counter).await
        }
        AccountChange::Rehash { credential, verifier } => {
            let update = sqlx::query("update credential set verifier = $2 where id = $1 and revoked is null")
                .bind(credential.to_string())
                .bind(verifier.clone());
            one(update.execute(connection).await?.rows_affected(), "the credential to work still")
        }
        AccountChange::NoteFingerprint { account, person, fingerprint, at, scope } => {
            note_fingerprint(connection, (*account, *person), fingerprint, *at, scope).await
        }
        AccountChange::EndEverything { person, but, at } => {
            end_everything(connection, *person, but.as_deref(), *at).await
        }
    }
}

async fn add(connection: &mut AnyConnection, account: &Account) -> Result<(), StoreError> {
    sqlx::query(
        "insert into account (id, scope, person, kind, login, state, starts, ends, must_change, created, created_by, ended) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)",
    )
    .bind(account.id.to_string())
    .bind(account.scope.to_string())
    .bind(account.person.to_string())
    .bind(account.kind.slug())
    .bind(account.login.clone())
    .bind(account.state.slug())
    .bind(account.starts.0)
    .bind(account.ends.map(|ends| ends.0))
    .bind(i64::from(account.must_change))
    .bind(account.created.0)
    .bind(account.created_by.clone())
    .execute(connection)
    .await
    .map_err(|error| taken(error, "a login, or a kind of account for this person,"))?;
    Ok(())
}

async fn set_state(
    connection: &mut AnyConnection,
    account: AccountId,
    state: AccountState,
    at: Timestamp,
) -> Result<(), StoreError> {
    let update =
        sqlx::query("update account set state = $2 where id = $1 and (state <> 'closed' or $2 = 'closed')")
            .bind(account.to_string())
            .bind(state.slug());
    one(update.execute(&mut *connection).await?.rows_affected(), "the account to be there, and not closed")?;
    if state.may_sign_in() {
        return Ok(());
    }
    let ended =
        sqlx::query("update account set ended = $2 where id = $1").bind(account.to_string()).bind(at.0);
    ended.execute(&mut *connection).await?;
    let sessions = sqlx::query("delete from session where account = $1").bind(account.to_string());
    sessions.execute(&mut *connection).await?;
    sqlx::query(
        "delete from web_claim where known_by = 'sign-in' and person = (select person from account where id = $1)",
    )
    .bind(account.to_string())
    .execute(connection)
    .await?;
    Ok(())
}

async fn end_everything(
    connection: &mut AnyConnection,
    person: PersonId,
    but: Option<&str>,
    at: Timestamp,
) -> Result<(), StoreError> {
    let ended = sqlx::query("update account set ended = $2 where person = $1");
    ended.bind(person.to_string()).bind(at.0).execute(&mut *connection).await?;
    sqlx::query("delete from session where person = $1 and token_hash <> $2")
        .bind(person.to_string())
        .bind(but.unwrap_or_default().to_owned())
        .execute(&mut *connection)
        .await?;
    let claims = sqlx::query("delete from web_claim where known_by = 'sign-in' and person = $1");
    claims.bind(person.to_string()).execute(connection).await?;
    Ok(())
}

async fn add_credential(
    connection: &mut AnyConnection,
    credential: &Credential,
    scope: &Scope,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into credential (id, scope, account, kind, verifier, counter, created, expires, last_worked, revoked) \
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
    )
    .bind(credential.id.to_string())
    .bind(scope.to_string())
    .bind(credential.account.to_string())
    .bind(credential.kind.slug())
    .bind(credential.verifier.clone())
    .bind(credential.counter)
    .bind(credential.created.0)
    .bind(credential.expires.map(|at| at.0))
    .bind(credential.last_worked.map(|at| at.0))
    .bind(credential.revoked.map(|at| at.0))
    .execute(connection)
    .await?;
    Ok(())
}

async fn revoke(
    connection: &mut AnyConnection,
    account: AccountId,
    kinds: &[CredentialKind],
    at: Timestamp,
) -> Result<(), StoreError> {
    for kind in kinds {
        sqlx::query(
            "update credential set revoked = $3, verifier = '' where account = $1 and kind = $2 and revoked is null",
        )
        .bind(account.to_string())
        .bind(kind.slug())
        .bind(at.0)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

async fn worked(
    connection: &mut AnyConnection,
    credential: CredentialId,
    at: Timestamp,
    counter: Option<i64>,
) -> Result<(), StoreError> {
    let update = match counter {
        Some(counter) => sqlx::query(
            "update credential set last_worked = $2, counter = $3 where id = $1 and revoked is null and counter < $3 \
             and exists (select 1 from account a where a.id = credential.account and a.state in ('pending', 'open'))",
        )
        .bind(credential.to_string())
        .bind(at.0)
        .bind(counter),
        None => sqlx::query(
            "update credential set last_worked = $2 where id = $1 and revoked is null \
             and exists (select 1 from account a where a.id = credential.account and a.state in ('pending', 'open'))",
        )
        .bind(credential.to_string())
        .bind(at.0),
    };
    one(
        update.execute(connection).await?.rows_affected(),
        "a credential that works, of an account in use, and no code of it twice",
    )
}

async fn note_fingerprint(
    connection: &mut AnyConnection,
    (account, person): (AccountId, PersonId),
    fingerprint: &str,
    at: Timestamp,
    scope: &Scope,
) -> Result<(), StoreError> {
    sqlx::query(
        "insert into password_fingerprint (scope, person, fingerprint, account, noted) values ($1, $2, $3, $4, $5) \
         on conflict (person, fingerprint) do update set account = excluded.account, noted = excluded.noted",
    )
    .bind(scope.to_string())
    .bind(person.to_string())
    .bind(fingerprint.to_owned())
    .bind(account.to_string())
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

fn one(rows: u64, expected: &'static str) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::Conflict { expected }) }
}
