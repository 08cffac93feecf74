//! What the bytes of a connection, an address or a file say of themselves.
//!
//! - [`file_type`]: what a file is, by its first bytes and never by its name alone;
//! - [`embedded`]: the page inside a translation, an archive or a cache;
//! - [`protocol`]: what is spoken, where it is neither TLS nor HTTP;
//! - [`search`]: the parameters by which search engines keep to their safe form;
//! - [`search_words`]: the words of a search, a question, a topic;
//! - [`secrets`]: the parameters of an address that nobody is to read later;
//! - [`client_hello`]: whether a TLS hello hides its name.
//!
//! Left out on purpose: I/O, async, and what becomes of anything; the policy says that. What pages and pictures mean is
//! not looked at here yet, and what searches mean is for monitoring.
//!
//! Invariants: every function is pure and answers any bytes without a panic; no loop runs longer than its input; what
//! changes with the world (signatures, sites, engines) stands in `data/`, one line each, and a test reads every line.

pub mod client_hello;
pub mod embedded;
pub mod file_type;
pub mod protocol;
pub mod search;
pub mod search_words;
pub mod secrets;
mod table;
mod usual;
