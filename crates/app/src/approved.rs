//! The policy that start-up boots from: the approved document, read again and checked against its hash.

use crate::AppError;
use model::{PolicyHash, Scope, Timestamp};
use policy::file::{Document, SourceText};
use store::{PolicyRecord, Store};

/// The document in force, with who approved it.
#[derive(Clone, Debug)]
pub struct InForce {
    /// The document.
    pub document: Document,
    /// Its hash, as the records have it.
    pub hash: PolicyHash,
    /// When it was approved.
    pub approved_at: Timestamp,
    /// By whom, as the audit log writes it.
    pub approved_by: String,
    /// Why.
    pub approved_why: String,
}

/// Loads the approved policy.
///
/// # Errors
/// [`AppError::Refused`] where none was approved, with what to do; [`AppError::Failed`] where the stored text cannot be
/// read by this program or is not what was approved. A gate does not start open: with an error it does not start.
pub async fn approved_policy(store: &Store) -> Result<InForce, AppError> {
    let Some(record) = store.policy_in_force(&Scope::Trust).await? else {
        return Err(AppError::refused(
            "No policy has been approved yet. Put one forward with `schoolgate policy propose FILE`, and then put it in \
             force with `schoolgate policy approve HASH --reason WHY`.",
            "expected an approved policy in the records, found none",
        ));
    };
    let Some((approved_at, approved_by, approved_why)) = record.approved.clone() else {
        return Err(AppError::failed("expected the policy in force to have an approval, found none"));
    };
    let document = read_record(&record)?;
    Ok(InForce { document, hash: record.hash, approved_at, approved_by, approved_why })
}

/// Reads a stored document again, and compares it with its hash.
pub(crate) fn read_record(record: &PolicyRecord) -> Result<Document, AppError> {
    let edition = SourceText { name: &record.edition.0, text: &record.edition.1 };
    let settings = record.settings.as_ref().map(|(name, text)| SourceText { name, text });
    let document = policy::file::read(&edition, settings.as_ref()).map_err(|problems| {
        let first = problems.first().map(ToString::to_string).unwrap_or_default();
        AppError::failed(format!(
            "expected the stored policy {} to be readable, found {} problems; the first: {first}",
            record.hash,
            problems.len()
        ))
    })?;
    if document.policy.hash != record.hash {
        return Err(AppError::failed(format!(
            "expected the stored policy to hash to {}, found {}: the records were changed by other means",
            record.hash, document.policy.hash
        )));
    }
    Ok(document)
}
