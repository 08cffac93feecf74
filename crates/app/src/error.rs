//! Why a use case did not do what was asked: in words for the person, and in words for us.

use history::HistoryError;
use identity::IdentityError;
use store::StoreError;

/// Why a use case did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The person's role does not include it. That they tried is in the audit chain.
    #[error("expected a role that permits it, found none")]
    Denied,
    /// It cannot be done as it was asked; the person can put it right.
    #[error("{ours}")]
    Refused {
        /// What to do next, for the person.
        theirs: String,
        /// What was expected and what came, for us; names nobody.
        ours: String,
        /// What the person is to put right.
        about: RefusedFor,
    },
    /// It could not be done, and that is not the person's fault.
    #[error("{ours}")]
    Failed {
        /// What to do next, for the person.
        theirs: String,
        /// What happened, for us; names nobody.
        ours: String,
    },
}

/// What of a request was not as it must be.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RefusedFor {
    /// What was asked.
    WhatWasAsked,
    /// The password that was to prove who asks.
    OwnPassword,
}

impl AppError {
    /// The words for the person.
    pub fn theirs(&self) -> &str {
        match self {
            Self::Denied => "Your role does not include this. That you asked was recorded.",
            Self::Refused { theirs, .. } | Self::Failed { theirs, .. } => theirs,
        }
    }

    pub(crate) fn refused(theirs: impl Into<String>, ours: impl Into<String>) -> Self {
        Self::Refused { theirs: theirs.into(), ours: ours.into(), about: RefusedFor::WhatWasAsked }
    }

    /// Refused for want of a reason, or of a short one.
    pub(crate) fn no_reason() -> Self {
        Self::refused("Say why: it is recorded.", "expected a reason, found none")
    }

    /// Refused since nobody proved who asks.
    pub(crate) fn not_proven(theirs: impl Into<String>, ours: impl Into<String>) -> Self {
        Self::Refused { theirs: theirs.into(), ours: ours.into(), about: RefusedFor::OwnPassword }
    }

    pub(crate) fn failed(ours: impl Into<String>) -> Self {
        Self::Failed {
            theirs: "It could not be done just now. Try again in a minute; if it happens again, tell your technician."
                .to_owned(),
            ours: ours.into(),
        }
    }
}

impl From<StoreError> for AppError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Conflict { .. } | StoreError::Taken { .. } => Self::refused(
                "Somebody changed this before you. Look at it again, and then try again.",
                error.to_string(),
            ),
            other => Self::failed(other.to_string()),
        }
    }
}

impl From<HistoryError> for AppError {
    fn from(error: HistoryError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<wire::WireError> for AppError {
    fn from(error: wire::WireError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<IdentityError> for AppError {
    fn from(error: IdentityError) -> Self {
        Self::failed(error.to_string())
    }
}

impl From<tokio::task::JoinError> for AppError {
    fn from(error: tokio::task::JoinError) -> Self {
        Self::failed(format!("expected a task to end, found: {error}"))
    }
}
