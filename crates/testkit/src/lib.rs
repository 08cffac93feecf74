//! A school in a test: real browsers, origins with certificates of every kind, a PostgreSQL cluster, a running gate.
//!
//! Tests only; no product crate depends on this one.

pub mod bad_certificates;
pub mod badges;
pub mod browser;
pub mod busy_origin;
pub mod certificates;
pub mod clickhouse;
pub mod faulty_origin;
pub mod firefox;
mod listening;
pub mod network;
pub mod origin;
mod ports;
pub mod postgres;
pub mod relay;
pub mod school_day;
pub mod seeded;
pub mod upstream;

use std::fmt;

/// Why a test's own machinery failed, in words for whoever reads the test's output.
#[derive(Debug)]
pub struct TestError(String);

impl TestError {
    /// A failure with these words.
    pub fn new(words: impl Into<String>) -> Self {
        Self(words.into())
    }
}

impl fmt::Display for TestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TestError {}

/// Every failure of a library becomes its words.
macro_rules! from_its_words {
    ($($error:ty),+ $(,)?) => {
        $(impl From<$error> for TestError {
            fn from(error: $error) -> Self {
                Self::new(error.to_string())
            }
        })+
    };
}

from_its_words!(std::io::Error, tokio_tungstenite::tungstenite::Error, rcgen::Error, rustls::Error);
