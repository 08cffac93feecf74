//! Answers that a browser keeps as a file.

use crate::words;
use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use model::Timestamp;

/// What a file is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum FileKind {
    /// Comma-separated values.
    Csv,
    /// A tagged document.
    Pdf,
    /// A pack.
    Zip,
}

impl FileKind {
    fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::Pdf => "application/pdf",
            Self::Zip => "application/zip",
        }
    }

    fn ending(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::Pdf => "pdf",
            Self::Zip => "zip",
        }
    }
}

/// A file called after what it is of and the day, such as `case-2026-11-22.csv`.
pub(crate) fn of_day((kind, what): (FileKind, &str), now: Timestamp, body: impl Into<Body>) -> Response {
    named(kind, &format!("{what}-{}.{}", words::iso_day(now), kind.ending()), body)
}

/// A file of this name, of letters that need no quoting.
pub(crate) fn named(kind: FileKind, name: &str, body: impl Into<Body>) -> Response {
    let headers = [
        (header::CONTENT_TYPE, kind.media_type().to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    (headers, body.into()).into_response()
}
